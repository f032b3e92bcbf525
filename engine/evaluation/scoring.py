"""The evaluation of one table of predictions: scores beside chance, and every match, miss and false pick."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from engine.evaluation import kaggle, picket
from engine.evaluation.counts import Counts
from engine.evaluation.neighbours import Neighbours, Outcome
from engine.evaluation.random_baseline import Baseline, draw
from engine.evaluation.scenes import Scene, Settings, prepare
from engine.objects import ObjectTable

ALL = "all"
SCORES = ("precision", "recall", "f1", "f_beta")
SHOWN_COLUMNS = ("tomogram", "class", "x", "y", "z", "id")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came out.

    Attributes
    ----------
    settings
        What was asked; `class_agnostic` is true where the rule knows no classes.
    scores
        First the row "all", then one per class: class, references, predictions, tp, fp, fn, correct, precision,
        recall, f1, f_beta; and for each of the last four `random_…` and `random_…_std`, mean and standard deviation
        (population) over the random draws.
    class_recall
        One row per class of the references, whether classes count in matching or not: class, references, found,
        recall (pooled), mean_recall and std_recall (population) over tomograms, random_recall, random_recall_std
        (over draws), normalised_recall (PickET's).
    tomogram_recall
        The same per class and tomogram: class, tomogram, references, found, recall, random_recall.
    matches
        One row per reference found: tomogram, class, x, y, z (voxels), id of the reference, prediction (its id),
        predicted_class, distance (Å).
    misses, false_picks
        One row per reference missed and per prediction that is false: tomogram, class, x, y, z, id, score (of
        predictions), distance (Å) to the nearest object of the other table, nearest (its id), why: "nothing near" (in
        reach), "other class" (in reach is none of its class), and of a miss "pick taken" (what is in reach found other
        references) or for DeepFinder's rule "several picks", of a false pick "duplicate".
    summary
        Further numbers of the rule by name, such as Kaggle's weighted score.
    picket
        For PickET's rule: its assessment, one row per tomogram (`engine.evaluation.picket.assess`).
    notes
        Sentences about what was left out or assumed.
    """

    settings: Settings
    scores: pd.DataFrame
    class_recall: pd.DataFrame
    tomogram_recall: pd.DataFrame
    matches: pd.DataFrame
    misses: pd.DataFrame
    false_picks: pd.DataFrame
    summary: dict[str, float]
    picket: pd.DataFrame | None
    notes: list[str]


def evaluate(
    prediction: ObjectTable,
    reference: ObjectTable,
    settings: Settings | None = None,
    instance_maps: Mapping[str, np.ndarray] | None = None,
) -> Evaluation:
    """Compare predictions with references.

    Parameters
    ----------
    prediction, reference
        Objects of any number of tomograms; each is matched within its tomogram, counts are pooled over them.
    settings
        How; None = one to one within 100 Å.
    instance_maps
        For SHREC: tomogram → map [z, y, x] of the references' ids in place of balls.

    Raises
    ------
    UserError
        The tables cannot be compared (see `engine.evaluation.scenes.prepare`).
    """
    settings = settings or Settings()
    scene = prepare(prediction, reference, settings, instance_maps)
    neighbours = scene.neighbours()
    outcome = scene.judge(neighbours)
    chance = draw(scene)
    found = outcome.partner_of_reference >= 0
    by_tomogram = _tomogram_recall(scene, found, chance)
    scores = _scores(scene, outcome, chance)
    assessed = _picket(scene) if settings.metric == "picket" else None
    return Evaluation(
        settings=replace(settings, class_agnostic=scene.agnostic),
        scores=scores,
        class_recall=_class_recall(scene, by_tomogram, found, chance),
        tomogram_recall=by_tomogram,
        matches=_matches(scene, outcome),
        misses=_misses(scene, outcome, neighbours),
        false_picks=_false_picks(scene, outcome, neighbours),
        summary=_summary(scene, scores, assessed),
        picket=assessed,
        notes=scene.notes,
    )


def score_row(counts: Counts, beta: float) -> dict[str, float]:
    """precision, recall, f1 and f_beta."""
    return dict(zip(SCORES, (counts.precision, counts.recall, counts.f_score(), counts.f_score(beta)), strict=True))


def mean_and_spread(draws: list[Counts], beta: float) -> dict[str, float]:
    """random_… and random_…_std of each score over draws; NaN without draws."""
    rows = pd.DataFrame([score_row(c, beta) for c in draws], columns=list(SCORES), dtype=np.float64)
    values = {}
    for name in SCORES:
        values[f"random_{name}"] = float(rows[name].mean())
        values[f"random_{name}_std"] = float(rows[name].std(ddof=0))
    return values


def _scores(scene: Scene, outcome: Outcome, chance: Baseline) -> pd.DataFrame:
    beta = scene.settings.beta
    rows = []
    counted = [(ALL, outcome.overall, chance.overall, len(scene.references), len(scene.predictions))]
    if not scene.agnostic:
        references = np.bincount(scene.reference_class, minlength=len(scene.class_names))
        predictions = np.bincount(scene.predicted_class, minlength=len(scene.class_names))
        for c, name in enumerate(scene.class_names):
            draws = [each[c] for each in chance.by_class]
            counted.append((name, outcome.by_class[c], draws, int(references[c]), int(predictions[c])))
    for name, counts, draws, n_references, n_predictions in counted:
        rows.append(
            {"class": name, "references": n_references, "predictions": n_predictions}
            | {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "correct": counts.correct}
            | score_row(counts, beta)
            | mean_and_spread(draws, beta)
        )
    return pd.DataFrame(rows)


def _tomogram_recall(scene: Scene, found: np.ndarray, chance: Baseline) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "class": scene.references["class"],
            "tomogram": scene.references["tomogram"],
            "found": found,
            "random_recall": chance.found.mean(axis=0) if len(chance.found) else np.nan,
        }
    )
    grouped = rows.groupby(["class", "tomogram"], sort=True)
    table = grouped.agg(references=("found", "size"), found=("found", "sum"), random_recall=("random_recall", "mean"))
    table.insert(2, "recall", table["found"] / table["references"])
    return table.reset_index()


def _class_recall(scene: Scene, by_tomogram: pd.DataFrame, found: np.ndarray, chance: Baseline) -> pd.DataFrame:
    rows = []
    classes = scene.references["class"].to_numpy()
    for name, part in by_tomogram.groupby("class", sort=True):
        those = classes == name
        drawn = chance.found[:, those].mean(axis=1) if len(chance.found) else np.array([np.nan])
        recall = part["recall"].to_numpy()
        rows.append(
            {
                "class": name,
                "references": int(those.sum()),
                "found": int(found[those].sum()),
                "recall": float(found[those].mean()),
                "mean_recall": float(recall.mean()),
                "std_recall": float(recall.std()),
                "random_recall": float(drawn.mean()),
                "random_recall_std": float(drawn.std()),
                "normalised_recall": picket.normalised_recall(recall, part["random_recall"].to_numpy()),
            }
        )
    return pd.DataFrame(rows)


def _matches(scene: Scene, outcome: Outcome) -> pd.DataFrame:
    found = np.flatnonzero(outcome.partner_of_reference >= 0)
    by = outcome.partner_of_reference[found]
    tomogram = scene.referred_tomogram[found]
    away = scene.angstrom(scene.predicted[by] - scene.referred[found], tomogram)
    rows = scene.references.loc[found, list(SHOWN_COLUMNS)].reset_index(drop=True)
    rows["prediction"] = scene.predictions["id"].to_numpy()[by]
    rows["predicted_class"] = scene.predictions["class"].to_numpy()[by]
    rows["distance"] = np.linalg.norm(away, axis=1)
    return rows


def _misses(scene: Scene, outcome: Outcome, neighbours: Neighbours) -> pd.DataFrame:
    missed = np.flatnonzero(outcome.partner_of_reference < 0)
    rows = scene.references.loc[missed, list(SHOWN_COLUMNS)].reset_index(drop=True)
    distance, nearest = _nearest(
        scene, scene.referred, scene.referred_tomogram, scene.predicted, scene.predicted_tomogram, missed
    )
    rows["distance"] = distance
    rows["nearest"] = _ids(scene.predictions, nearest)
    near, same = _degrees(neighbours, neighbours.reference, len(scene.references))
    competed = "several picks" if scene.metric.name == "deepfinder" else "pick taken"
    rows["why"] = np.select([near[missed] == 0, same[missed] == 0], ["nothing near", "other class"], competed)
    return rows


def _false_picks(scene: Scene, outcome: Outcome, neighbours: Neighbours) -> pd.DataFrame:
    false = np.flatnonzero(outcome.partner_of_prediction < 0)
    rows = scene.predictions.loc[false, [*SHOWN_COLUMNS, "score"]].reset_index(drop=True)
    distance, nearest = _nearest(
        scene, scene.predicted, scene.predicted_tomogram, scene.referred, scene.referred_tomogram, false
    )
    rows["distance"] = distance
    rows["nearest"] = _ids(scene.references, nearest)
    near, same = _degrees(neighbours, neighbours.prediction, len(scene.predictions))
    rows["why"] = np.select([near[false] == 0, same[false] == 0], ["nothing near", "other class"], "duplicate")
    return rows


def _degrees(neighbours: Neighbours, end: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """How many objects of the other side are in reach of each, and how many of its own class."""
    same = neighbours.predicted_class[neighbours.prediction] == neighbours.reference_class[neighbours.reference]
    return np.bincount(end, minlength=count), np.bincount(end[same], minlength=count)


def _nearest(
    scene: Scene,
    points: np.ndarray,
    tomogram: np.ndarray,
    others: np.ndarray,
    other_tomogram: np.ndarray,
    wanted: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Distance (Å) and index of the nearest of `others` in the same tomogram; NaN and −1 where it holds none."""
    distance, index = np.full(len(wanted), np.nan), np.full(len(wanted), -1, dtype=np.int64)
    for t in np.unique(tomogram[wanted]):
        theirs = np.flatnonzero(other_tomogram == t)
        if not len(theirs):
            continue
        mine = np.flatnonzero(tomogram[wanted] == t)
        tree = cKDTree(scene.angstrom(others[theirs], other_tomogram[theirs]))
        away, at = tree.query(scene.angstrom(points[wanted[mine]], tomogram[wanted[mine]]))
        distance[mine], index[mine] = away, theirs[at]
    return distance, index


def _ids(rows: pd.DataFrame, index: np.ndarray) -> pd.Series:
    known = pd.Series(pd.NA, index=range(len(index)), dtype="Int64")
    has = index >= 0
    known[has] = rows["id"].to_numpy()[index[has]]
    return known


def _picket(scene: Scene) -> pd.DataFrame:
    rows = []
    for t, name in enumerate(scene.tomograms):
        geometry = scene.geometry[name]
        reach = picket.whole_voxels(scene.settings.distance, geometry.voxel_size)
        truths = scene.referred[scene.referred_tomogram == t]
        picks = scene.predicted[scene.predicted_tomogram == t]
        counted = {"tomogram": name, "references": len(truths), "predictions": len(picks), "reach": reach}
        rows.append(counted | picket.assess(truths, picks, reach, geometry.shape))
    return pd.DataFrame(rows)


def _summary(scene: Scene, scores: pd.DataFrame, assessed: pd.DataFrame | None) -> dict[str, float]:
    of_classes = scores[(scores["class"] != ALL) & (scores["references"] > 0)] if not scene.agnostic else scores[:0]
    summary = {}
    if assessed is not None:
        mean = picket.mean_over_tomograms(assessed)
        for key in ("precision", "recall", "f1", "relative_recall", "gtr_f1", "mdr_f1", "mdr_recall"):
            summary[f"mean_{key}"] = mean[key]
    if len(of_classes):
        summary["macro_f1"] = float(of_classes["f1"].mean())
    if scene.metric.name == "kaggle":
        rows = of_classes if len(of_classes) else scores
        weighted = dict(zip(rows["class"], rows["f_beta"], strict=True))
        summary["weighted_f_beta"] = kaggle.weighted_mean(weighted)
    return summary
