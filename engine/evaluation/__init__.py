"""How good predictions are: matching with references, scores beside chance, and where each differs.

`evaluate` is the whole of it on two object tables; `METRICS` are the matching rules. Tables come in as
`engine.objects.ObjectTable`; reading files and printing belong elsewhere.
"""

from engine.evaluation.comparison import best, compare
from engine.evaluation.counts import Counts, f_score
from engine.evaluation.curves import average_precision, distance_curve, precision_recall_curve
from engine.evaluation.metrics import METRICS, Metric, find_metric
from engine.evaluation.report import as_json, as_text, threshold_words
from engine.evaluation.scenes import Settings
from engine.evaluation.scoring import ALL, Evaluation, evaluate
from engine.evaluation.shared_classes import classes_are_shared, of_known_class

__all__ = [
    "ALL",
    "METRICS",
    "Counts",
    "Evaluation",
    "Metric",
    "Settings",
    "as_json",
    "as_text",
    "average_precision",
    "best",
    "classes_are_shared",
    "compare",
    "distance_curve",
    "evaluate",
    "f_score",
    "find_metric",
    "of_known_class",
    "precision_recall_curve",
    "threshold_words",
]
