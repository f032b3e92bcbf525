"""The plots of the Evaluate page: scores against the distance or the score, recall of each class."""

import pandas as pd
import plotly.graph_objects as go

HEIGHT = 250
RECALL, PRECISION, CHANCE, BAND = "#1F6FB2", "#D98C00", "#8A8F98", "rgba(138,143,152,0.25)"
MARGIN = {"l": 4, "r": 8, "t": 8, "b": 4}


def distance_figure(curve: pd.DataFrame, distance: float) -> go.Figure:
    """Recall and precision against the distance, with the recall of random points and its spread."""
    figure = go.Figure()
    x = curve["distance"]
    chance, spread = curve["random_recall"], curve["random_recall_std"].fillna(0)
    if chance.notna().any():
        both = pd.concat([x, x[::-1]])
        band = pd.concat([chance + spread, (chance - spread)[::-1]])
        figure.add_scatter(
            x=both, y=band, fill="toself", fillcolor=BAND, line={"width": 0}, hoverinfo="skip", showlegend=False
        )
        figure.add_scatter(x=x, y=chance, name="recall of random points", line={"color": CHANCE, "dash": "dot"})
    figure.add_scatter(x=x, y=curve["precision"], name="precision", line={"color": PRECISION})
    figure.add_scatter(x=x, y=curve["recall"], name="recall", line={"color": RECALL})
    figure.add_vline(x=distance, line={"color": CHANCE, "width": 1})
    return finished(figure, "distance (Å)", "score")


def score_figure(curve: pd.DataFrame) -> go.Figure:
    """Precision against recall, as the least score falls."""
    figure = go.Figure()
    figure.add_scatter(
        x=curve["recall"],
        y=curve["precision"],
        mode="lines+markers",
        name="precision",
        line={"color": RECALL},
        marker={"size": 4},
        customdata=curve[["threshold", "predictions"]],
        hovertemplate="score ≥ %{customdata[0]:.3g}: %{customdata[1]} predictions<br>"
        "recall %{x:.3f}, precision %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    made = finished(figure, "recall", "precision")
    made.update_xaxes(range=[0, 1.02])
    return made


def class_figure(recall: pd.DataFrame) -> go.Figure:
    """Recall of each class; bars over tomograms where there are several, and the level of random points."""
    several = recall["std_recall"].gt(0).any()
    figure = go.Figure()
    figure.add_bar(
        x=recall["class"],
        y=recall["recall"],
        name="recall",
        marker={"color": RECALL},
        error_y={"type": "data", "array": recall["std_recall"], "color": CHANCE, "thickness": 1} if several else None,
        customdata=recall[["found", "references"]],
        hovertemplate="%{x}: %{customdata[0]} of %{customdata[1]} found, recall %{y:.3f}<extra></extra>",
    )
    if recall["random_recall"].notna().any():
        figure.add_bar(
            x=recall["class"],
            y=recall["random_recall"],
            name="random points",
            marker={"color": CHANCE, "opacity": 0.7},
            error_y={"type": "data", "array": recall["random_recall_std"], "color": CHANCE, "thickness": 1},
            hovertemplate="%{x}: random points find %{y:.3f}<extra></extra>",
        )
    made = finished(figure, None, "recall")
    made.update_xaxes(type="category")
    return made


def finished(figure: go.Figure, x: str | None, y: str) -> go.Figure:
    """A figure with the height, margins, legend and axes that all have; y runs from 0 to 1."""
    figure.update_layout(
        height=HEIGHT,
        margin=MARGIN,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
        hovermode="closest",
        bargap=0.3,
    )
    figure.update_xaxes(title={"text": x, "font": {"size": 12}} if x else None, rangemode="tozero", zeroline=False)
    figure.update_yaxes(title={"text": y, "font": {"size": 12}}, range=[0, 1.04], zeroline=False)
    return figure
