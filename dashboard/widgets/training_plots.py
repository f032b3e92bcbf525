"""The curves of a training: loss, scores, scores of each class."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.widgets.evaluation_plots import CHANCE, PRECISION, RECALL, finished

Row = Mapping[str, float]


def loss_figure(rows: Sequence[Row], best: int | None) -> go.Figure:
    """Loss of training and validation."""
    curves = (("train_loss", "training", RECALL), ("val_loss", "validation", PRECISION))
    return _curves(rows, curves, best, "loss", share=False)


def score_figure(rows: Sequence[Row], best: int | None) -> go.Figure:
    """F1 of voxels and of objects, each the mean over classes."""
    curves = (("val_macro_f1", "voxels", RECALL), ("object_macro_f1", "objects", PRECISION))
    return _curves(rows, curves, best, "F1")


def class_figure(rows: Sequence[Row], best: int | None, colours: Mapping[str, str], what: str) -> go.Figure:
    """One curve for each class; `what` is a column of metrics.csv without the class, such as "val_f1"."""
    curves = [(f"{what}:{name}", name, colour) for name, colour in colours.items()]
    return _curves(rows, curves, best, "F1")


def _curves(
    rows: Sequence[Row],
    curves: Sequence[tuple[str, str, str]],
    best: int | None,
    y: str,
    share: bool = True,
) -> go.Figure:
    figure = go.Figure()
    for column, name, colour in curves:
        known = [(row["epoch"], row[column]) for row in rows if row.get(column) == row.get(column, float("nan"))]
        if known:
            figure.add_scatter(
                x=[epoch for epoch, _ in known],
                y=[value for _, value in known],
                name=name,
                mode="lines+markers",
                marker={"size": 4},
                line={"color": colour},
                hovertemplate=f"epoch %{{x}}: {name} %{{y:.3g}}<extra></extra>",
            )
    if best is not None:
        figure.add_vline(x=best, line={"color": CHANCE, "width": 1, "dash": "dot"})
    made = finished(figure, "epoch", y)
    if not share:
        made.update_yaxes(range=None, autorange=True, rangemode="tozero")
    made.update_layout(showlegend=True)
    return made
