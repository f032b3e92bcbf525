"""Many tables of predictions against one reference: one row per table, rule and distance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.evaluation.metrics import find_metric
from engine.evaluation.random_baseline import random_points
from engine.evaluation.scenes import Settings, at_distance, prepare
from engine.evaluation.scoring import mean_and_spread, score_row
from engine.objects import ObjectTable

COLUMNS = (
    "predictions", "metric", "distance", "objects", "references", "tp", "fp", "fn",
    "precision", "recall", "f1", "f_beta", "random_f1", "random_f1_std", "problem",
)  # fmt: skip


def compare(
    runs: Mapping[str, ObjectTable],
    reference: ObjectTable,
    settings: Settings,
    distances: Sequence[float] | None = None,
    metrics: Sequence[str] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> pd.DataFrame:
    """Compare many tables with one reference.

    Parameters
    ----------
    runs
        Tables of predictions by name.
    reference, settings
        As for `evaluate`.
    distances
        Å; None = the one of the settings. Where one equals it, class radii count as the settings say.
    metrics
        Rules; None = the one of the settings.
    progress
        Called with (fraction, name of the table).

    Returns
    -------
    DataFrame
        `COLUMNS`, in the order of runs, metrics, distances; counts and scores are those of the row "all". A table that
        cannot be compared has the sentence under `problem` and no scores.
    """
    report = progress or (lambda fraction, text: None)
    wanted = list(distances) if distances is not None else [settings.distance]
    rows = []
    for number, (name, table) in enumerate(runs.items()):
        report(number / max(len(runs), 1), name)
        for metric in metrics or [settings.metric]:
            find_metric(metric)
            rows += _rows(name, table, reference, replace(settings, metric=metric), wanted)
    report(1.0, "")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(
    name: str, table: ObjectTable, reference: ObjectTable, settings: Settings, distances: list[float]
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    try:
        scene = prepare(table, reference, settings)
    except UserError as error:
        return [
            {"predictions": name, "metric": settings.metric, "distance": distance, "problem": str(error)}
            for distance in distances
        ]
    for distance in distances:
        own = scene if distance == settings.distance else at_distance(scene, distance)
        counts = own.judge().overall
        chance = [own.judge(own.neighbours(predicted=points)).overall for points in random_points(own)]
        rows.append(
            {"predictions": name, "metric": settings.metric, "distance": distance}
            | {"objects": len(scene.predictions), "references": len(scene.references)}
            | {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn}
            | score_row(counts, settings.beta)
            | {k: v for k, v in mean_and_spread(chance, settings.beta).items() if k.startswith("random_f1")}
            | {"problem": " ".join(scene.notes)}
        )
    return rows


def best(compared: pd.DataFrame, score: str = "f1") -> int | None:
    """The row with the highest score; None where none has one."""
    values = compared[score].to_numpy(dtype=np.float64)
    return int(np.nanargmax(values)) if np.isfinite(values).any() else None
