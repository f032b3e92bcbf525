"""An evaluation as text for a terminal and as plain values for JSON."""

import math
from typing import Any

import numpy as np
import pandas as pd

from engine.evaluation.metrics import find_metric
from engine.evaluation.picket import whole_voxels
from engine.evaluation.scoring import Evaluation

LISTED = {"misses": "Missed", "false_picks": "False picks", "matches": "Matches"}
TEXT = {"class", "metric", "tomogram", "predicted_class", "why"}
"""Columns that stand to the left."""
SUMMARY_WORDS = {
    "mean_precision": "precision, mean over tomograms",
    "mean_recall": "recall, mean over tomograms",
    "mean_f1": "F1, mean over tomograms",
    "mean_relative_recall": "relative recall, mean over tomograms",
    "mean_gtr_f1": "F1 of as many random points as references (GTR)",
    "mean_mdr_f1": "F1 of as many random points as predictions (MDR)",
    "mean_mdr_recall": "recall of as many random points as predictions (MDR)",
    "macro_f1": "F1, mean over classes",
    "weighted_f_beta": "F{beta:g}, weighted by class as in the CZII challenge",
}


def threshold_words(evaluation: Evaluation, voxel_size: tuple[float, float, float] | None = None) -> str:
    """The distance in Å, and in voxels where the voxel size (Å; z, y, x) is given."""
    settings = evaluation.settings
    if voxel_size is None:
        return f"{settings.distance:g} Å"
    if find_metric(settings.metric).whole_voxels:
        return f"{settings.distance:g} Å = {whole_voxels(settings.distance, voxel_size)} whole voxels"
    return f"{settings.distance:g} Å = {settings.distance / max(voxel_size):.3g} voxels"


def as_text(evaluation: Evaluation, threshold: str, lists: bool = False) -> str:
    """Aligned tables; metric and threshold stand beside every score.

    Parameters
    ----------
    evaluation
        What came out.
    threshold
        From `threshold_words`.
    lists
        Whether every miss, false pick and match is listed too.
    """
    settings = evaluation.settings
    metric = find_metric(settings.metric)
    classes = "class-agnostic" if settings.class_agnostic else "class by class"
    parts = [f"{metric.name}, {threshold}, {classes}. {metric.meaning}"]
    beta = f"F{settings.beta:g}"
    rows = [
        {
            "class": row["class"],
            "metric": metric.name,
            "Å": _reach_of(row["class"], evaluation),
            "references": row["references"],
            "predictions": row["predictions"],
            "TP": row["tp"],
            "FP": row["fp"],
            "FN": row["fn"],
            "precision": _score(row["precision"]),
            "recall": _score(row["recall"]),
            "F1": _score(row["f1"]),
            beta: _score(row["f_beta"]),
            "random F1": _spread(row["random_f1"], row["random_f1_std"]),
        }
        for row in evaluation.scores.to_dict("records")
    ]
    parts.append(aligned(rows))
    if settings.class_agnostic and len(evaluation.class_recall) > 1:
        recalls = [
            {
                "class": row["class"],
                "metric": metric.name,
                "Å": _reach_of(row["class"], evaluation),
                "references": row["references"],
                "found": row["found"],
                "recall": _score(row["recall"]),
                "random recall": _spread(row["random_recall"], row["random_recall_std"]),
            }
            for row in evaluation.class_recall.to_dict("records")
        ]
        parts.append(aligned(recalls))
    if evaluation.summary:
        names = {k: SUMMARY_WORDS[k].format(beta=settings.beta) for k in evaluation.summary}
        parts.append(
            "\n".join(f"{_score(v)}  {names[k]} ({metric.name}, {threshold})" for k, v in evaluation.summary.items())
        )
    if lists:
        for name, words in LISTED.items():
            table: pd.DataFrame = getattr(evaluation, name)
            parts.append(f"{words}: {len(table):,}")
            if len(table):
                parts.append(aligned([{str(k): _cell(v) for k, v in row.items()} for row in table.to_dict("records")]))
    parts += evaluation.notes
    return "\n\n".join(parts)


def as_json(evaluation: Evaluation, lists: bool = False) -> dict[str, Any]:
    """Plain values; unknown numbers are None. With `lists` every miss, false pick and match too."""
    settings = evaluation.settings
    found: dict[str, Any] = {
        "metric": settings.metric,
        "meaning": find_metric(settings.metric).meaning,
        "distance": settings.distance,
        "class_agnostic": settings.class_agnostic,
        "classes": list(settings.classes) if settings.classes is not None else None,
        "beta": settings.beta,
        "radii": dict(settings.radii),
        "random_repeats": settings.repeats,
        "seed": settings.seed,
        "scores": _records(evaluation.scores),
        "class_recall": _records(evaluation.class_recall),
        "summary": {k: _plain(v) for k, v in evaluation.summary.items()},
        "listed": {name: len(getattr(evaluation, name)) for name in LISTED},
        "notes": list(evaluation.notes),
    }
    if evaluation.picket is not None:
        found["picket"] = _records(evaluation.picket)
    if lists:
        found |= {name: _records(getattr(evaluation, name)) for name in LISTED}
    return found


def aligned(rows: list[dict[str, Any]]) -> str:
    """A table in columns: text to the left, numbers to the right."""
    names = list(rows[0])
    cells = [[str(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(names)]
    left = [name in TEXT for name in names]
    lines = []
    for line in [names, *cells]:
        parts = [
            text.ljust(width) if to_left else text.rjust(width)
            for text, width, to_left in zip(line, widths, left, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _reach_of(name: str, evaluation: Evaluation) -> str:
    settings = evaluation.settings
    radii = dict(settings.radii) if find_metric(settings.metric).uses_radii else {}
    if name in radii:
        return f"{radii[name] * settings.multiplier:g}"
    if name == "all" and radii and set(evaluation.class_recall["class"]) & set(radii):
        return "by class"
    return f"{settings.distance:g}"


def _score(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _spread(mean: float, spread: float) -> str:
    return "–" if math.isnan(mean) else f"{mean:.3f} ± {spread:.3f}"


def _cell(value: Any) -> str:
    if value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value
