"""The curves of a training: loss, scores, scores of each class."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.widgets.evaluation_plots import CHANCE, PRECISION, RECALL, finished
from engine.training.rounds import Round

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


def rounds_figure(rounds: Sequence[Round]) -> go.Figure:
    """F1 of voxels and objects of each round, a line from each model to those that come after it."""
    figure = go.Figure()
    by_name = {each.model: each for each in rounds}
    for what, title, colour in (("voxel_f1", "voxels", RECALL), ("object_f1", "objects", PRECISION)):
        known = [each for each in rounds if math.isfinite(getattr(each, what))]
        if not known:
            continue
        steps = [(by_name[each.parent], each) for each in known if each.parent in by_name]
        figure.add_scatter(
            x=[x for before, after in steps for x in (before.number, after.number, None)],
            y=[y for before, after in steps for y in (getattr(before, what), getattr(after, what), None)],
            mode="lines",
            line={"color": colour},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=[each.number for each in known],
            y=[getattr(each, what) for each in known],
            name=title,
            mode="markers",
            marker={"size": 8, "color": colour},
            customdata=[[each.model, _judged(each)] for each in known],
            hovertemplate=f"%{{customdata[0]}}: F1 of {title} %{{y:.3f}}%{{customdata[1]}}<extra></extra>",
        )
    made = finished(figure, None, "F1")
    numbers = sorted({each.number for each in rounds})
    of_number = {n: [each for each in rounds if each.number == n] for n in numbers}
    ticks = [f"round {n}" + (_judged(of_number[n][0]) if len(of_number[n]) == 1 else "") for n in numbers]
    made.update_xaxes(tickvals=numbers, ticktext=ticks, range=[numbers[0] - 0.5, numbers[-1] + 0.5], rangemode="normal")
    made.update_layout(showlegend=True)
    return made


def _judged(each: Round) -> str:
    return "" if each.accepted is None else f"<br>{each.accepted:,} accepted, {each.rejected or 0:,} rejected"


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
