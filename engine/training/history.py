"""How a training went, epoch by epoch: kept as `metrics.csv`, and as DeepFinder's `net_train_history.h5`.

metrics.csv has one row per epoch and these columns: epoch (from 1), seconds, learning_rate, train_loss, train_accuracy;
of validation patches val_loss, val_accuracy, val_macro_f1 (mean over classes without background); per class
val_precision:<class>, val_recall:<class>, val_f1:<class>; of objects on whole validation tomograms object_macro_f1,
object_precision:<class>, object_recall:<class>, object_f1:<class>, object_score:<class> (the score from which on they
count, fitted); best (1 where this epoch is the best so far). Cells are empty where nothing is known.

The .h5 has float16 `loss`, `acc` [epochs, steps]; `val_loss`, `val_acc` [epochs, validation steps]; `val_f1`,
`val_precision`, `val_recall` [epochs, validation steps, classes with background], with 0 where a class cannot be
judged, as the original writes them.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from engine.atomic import replacing, write_text
from engine.errors import UserError, explain_os_errors

METRICS_NAME = "metrics.csv"
HISTORY_NAME = "net_train_history.h5"

Row = dict[str, float]


@dataclass(eq=False)
class EpochSteps:
    """What was measured at each step of one epoch.

    Parameters
    ----------
    loss, accuracy
        Of the batches of training, one entry per step.
    val_loss, val_accuracy
        Of those of validation.
    val_f1, val_precision, val_recall
        One list per step of validation with a value for each class, background first.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    val_f1: list[Sequence[float]] = field(default_factory=list)
    val_precision: list[Sequence[float]] = field(default_factory=list)
    val_recall: list[Sequence[float]] = field(default_factory=list)


class History:
    """The rows and steps of all epochs so far.

    Parameters
    ----------
    rows
        One per epoch.
    steps
        By their name in the .h5: an array for each epoch.
    """

    def __init__(self, rows: Sequence[Row] = (), steps: Mapping[str, Sequence[np.ndarray]] | None = None):
        self.rows = list(rows)
        self.steps: dict[str, list[np.ndarray]] = {name: list(values) for name, values in (steps or {}).items()}

    def add(self, row: Row, steps: EpochSteps) -> None:
        """Add an epoch."""
        self.rows.append(row)
        for name, short in NAMES.items():
            self.steps.setdefault(short, []).append(np.asarray(getattr(steps, name), dtype=np.float32))

    def shortened(self, epochs: int) -> "History":
        """The first epochs only: a checkpoint may be older than what was written of the history."""
        return History(self.rows[:epochs], {name: values[:epochs] for name, values in self.steps.items()})

    def write(self, folder: Path) -> None:
        """Replace both files in `folder`. Raises UserError when they cannot be written."""
        write_text(folder / METRICS_NAME, as_csv(self.rows))
        with replacing(folder / HISTORY_NAME) as temporary, h5py.File(temporary, "w") as file:
            for name, values in self.steps.items():
                file.create_dataset(name, data=_table(values).astype(np.float16))


NAMES = {
    "loss": "loss",
    "accuracy": "acc",
    "val_loss": "val_loss",
    "val_accuracy": "val_acc",
    "val_f1": "val_f1",
    "val_precision": "val_precision",
    "val_recall": "val_recall",
}
"""The lists of `EpochSteps` and what DeepFinder calls them."""


def read_history(folder: Path) -> History:
    """What `History.write` wrote to `folder`; empty where there is nothing. Raises UserError for a damaged file."""
    rows = read_metrics(folder)
    path = folder / HISTORY_NAME
    steps: dict[str, list[np.ndarray]] = {}
    if path.is_file():
        try:
            with h5py.File(path, "r", locking=False) as file:
                steps = {
                    name: list(np.asarray(file[name], dtype=np.float32)) for name in NAMES.values() if name in file
                }
        except OSError as error:
            raise UserError(f"{path} is damaged: delete it to go on without the history of single steps.") from error
    return History(rows, {name: values for name, values in steps.items() if len(values) == len(rows)})


def read_metrics(folder: Path) -> list[Row]:
    """The rows of metrics.csv, numbers (NaN for an empty cell); none where there is no file.

    Raises
    ------
    UserError
        The file cannot be read, or holds what is no number.
    """
    path = folder / METRICS_NAME
    if not path.is_file():
        return []
    with explain_os_errors(path, "read"):
        text = path.read_text(encoding="utf-8")
    try:
        return [
            {name: float(value) if value else math.nan for name, value in row.items() if name}
            for row in csv.DictReader(io.StringIO(text))
        ]
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} holds what is no number ({error}): mend that row or delete the file.") from error


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as text; columns in the order in which they first occur."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name, math.nan)) for name in columns])
    return out.getvalue()


def _cell(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def _table(values: Sequence[np.ndarray]) -> np.ndarray:
    """Epochs × steps (× classes): filled up with NaN where epochs had different numbers of steps, 0 for NaN before."""
    known = [np.nan_to_num(np.asarray(v, dtype=np.float32), nan=0.0) for v in values]
    shape = tuple(max(v.shape[axis] for v in known) for axis in range(max(v.ndim for v in known))) if known else (0,)
    table = np.full((len(known), *shape), np.nan, np.float32)
    for number, value in enumerate(known):
        if value.size:
            table[number][tuple(slice(0, n) for n in value.shape)] = value
    return table
