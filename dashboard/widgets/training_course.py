"""How a training goes: curves, a table of classes, example triplets; live while its job runs."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from dashboard.widgets.frame import explained
from dashboard.widgets.training_plots import class_figure, loss_figure, score_figure
from engine.project.models import Model
from engine.project.settings import PALETTE
from engine.training.examples import read_examples
from engine.training.history import read_metrics
from engine.training.progress_notes import advice, best_epoch

CHART = {"displayModeBar": False}
EVERY = 3.0
"""Seconds between two looks at the files of a training."""

SHOWN_EDGE = 150
"""Pixels of an example."""


def course(model: Model, live: bool) -> None:
    """Everything about one training; drawn anew every few seconds while it is at work."""

    @st.fragment(run_every=EVERY if live else None)
    def part() -> None:
        with explained():
            _course(model)

    part()


MEANINGS = {"P": "Precision.", "R": "Recall.", "F1": "Of precision and recall."}


def _course(model: Model) -> None:
    rows = read_metrics(model.path)
    if not rows:
        st.caption(f"{model.name} has no history: it was not trained here.")
        return
    best = best_epoch(rows)
    last = int(rows[-1]["epoch"])
    words = f"{last} epoch{'s' * (last != 1)}"
    st.caption(f"{words}; the weights of epoch {best} are kept (dotted line)." if best else f"{words}.")
    said = advice(rows)
    if said:
        st.info(said, icon=":material/lightbulb:")
    colours = _colours(model)
    left, right = st.columns(2)
    with left:
        _chart("Loss", loss_figure(rows, best), "loss")
    with right:
        _chart("F1, mean over classes, on validation", score_figure(rows, best), "score")
    judged = any(name.startswith("object_f1:") for name in rows[-1])
    what = "object_f1" if judged else "val_f1"
    left, right = st.columns(2)
    with left:
        _chart(f"F1 of {'objects' if judged else 'voxels'} by class", class_figure(rows, best, colours, what), "class")
    with right:
        st.markdown(f"**Classes** :gray[validation, epoch {best or last}]")
        table = _class_table(rows, best, list(colours))
        number = st.column_config.NumberColumn
        st.dataframe(
            table,
            height=min(250, 37 + 35 * len(colours)),
            placeholder="",
            column_config={title: number(format="%.3f", help=MEANINGS[title.split()[-1]]) for title in table},
        )
    _examples(model.path, colours)


def _chart(title: str, figure: object, key: str) -> None:
    st.markdown(f"**{title}**")
    st.plotly_chart(figure, key=f"course.{key}", config=CHART)


def _colours(model: Model) -> dict[str, str]:
    """Name → colour of the model's classes, in the order of its channels."""
    classes: Sequence[Mapping[str, str]] = model.description.get("classes") or []
    return {str(c["name"]): str(c.get("colour") or PALETTE[n % len(PALETTE)]) for n, c in enumerate(classes)}


def _class_table(rows: Sequence[Mapping[str, float]], best: int | None, names: Sequence[str]) -> pd.DataFrame:
    row = next((r for r in rows if int(r["epoch"]) == best), rows[-1])
    columns = {
        "Voxels P": "val_precision", "R": "val_recall", "F1": "val_f1",
        "Objects P": "object_precision", "R ": "object_recall", "F1 ": "object_f1",
    }  # fmt: skip
    table = pd.DataFrame(
        {title: [row.get(f"{what}:{name}", math.nan) for name in names] for title, what in columns.items()},
        index=pd.Index(names, name="Class"),
    )
    return table.dropna(axis=1, how="all")


def _examples(folder: Path, colours: Mapping[str, str]) -> None:
    known = read_examples(folder)
    if known is None:
        return
    epochs = [int(epoch) for epoch in known["epochs"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Examples** :gray[middle slices of validation patches: tomogram, target, prediction]")
        if len(epochs) > 1:
            shown = st.select_slider("Epoch", epochs, value=epochs[-1], label_visibility="collapsed", width=280)
        else:
            shown = epochs[-1]
    prediction = known["prediction"][epochs.index(shown)]
    count = len(known["tomogram"])
    for column, number in zip(st.columns(max(count, 4)), range(count), strict=False):
        grey = known["tomogram"][number]
        pictures = [
            np.repeat(grey[..., None], 3, axis=2),
            _painted(grey, known["target"][number], list(colours.values())),
            _painted(grey, prediction[number], list(colours.values())),
        ]
        column.image(_png(pictures))


def _painted(grey: np.ndarray, channels: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """A slice with its classes laid over it, uint8 `[y, x, 3]`."""
    shown = np.repeat(grey[..., None].astype(np.float32), 3, axis=2)
    for channel, colour in enumerate(colours, start=1):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32)
        of_class = channels == channel
        shown[of_class] = 0.45 * shown[of_class] + 0.55 * rgb
    return shown.astype(np.uint8)


def _png(pictures: Sequence[np.ndarray]) -> bytes:
    """Pictures one below the other, enlarged without smoothing."""
    gap = np.full((2, pictures[0].shape[1], 3), 128, np.uint8)
    stacked = np.concatenate([part for picture in pictures for part in (picture, gap)][:-1])
    factor = max(1, round(SHOWN_EDGE / stacked.shape[1]))
    image = Image.fromarray(stacked)
    buffer = io.BytesIO()
    image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
