"""What the Evaluate page computes, kept while tables and settings are the same: a rerun for another reason is free."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pandas as pd

from engine.evaluation import Evaluation, Settings, compare, distance_curve, evaluate, precision_recall_curve
from engine.objects import ObjectTable, TomogramGeometry
from engine.project import Project


@dataclass(frozen=True)
class TableKey:
    """One state of one table: two equal keys stand for equal tables."""

    root: Path
    name: str
    version: str
    geometry: tuple[tuple[str, TomogramGeometry], ...]

    def read(self) -> ObjectTable:
        """The table, with the geometry that its tomograms have now."""
        return ObjectTable(_rows(self.root, self.name, self.version).rows, dict(self.geometry))


def table_key(project: Project, name: str) -> TableKey:
    """The present state of a table."""
    version = project.tables.version(name)
    table = project.with_present_geometry(_rows(project.root, name, version))
    return TableKey(project.root, name, version, tuple(sorted(table.tomograms.items())))


@lru_cache(maxsize=128)
def _rows(root: Path, name: str, version: str) -> ObjectTable:
    return Project(root).tables.read(name)


@lru_cache(maxsize=32)
def evaluation(prediction: TableKey, reference: TableKey, settings: Settings) -> Evaluation:
    """`engine.evaluation.evaluate`, computed once."""
    return evaluate(prediction.read(), reference.read(), settings)


@lru_cache(maxsize=32)
def curve(prediction: TableKey, reference: TableKey, settings: Settings) -> pd.DataFrame:
    """`engine.evaluation.distance_curve`, computed once."""
    return distance_curve(prediction.read(), reference.read(), settings)


@lru_cache(maxsize=32)
def score_curve(prediction: TableKey, reference: TableKey, settings: Settings) -> pd.DataFrame:
    """`engine.evaluation.precision_recall_curve`, computed once."""
    return precision_recall_curve(prediction.read(), reference.read(), settings)


@lru_cache(maxsize=512)
def compared(
    prediction: TableKey, reference: TableKey, settings: Settings, distances: tuple[float, ...]
) -> pd.DataFrame:
    """The rows of one table in `engine.evaluation.compare`, computed once."""
    return compare({prediction.name: prediction.read()}, reference.read(), settings, distances)
