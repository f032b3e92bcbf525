"""metrics.csv and net_train_history.h5: what is written and what is read back."""

import csv
import math

import h5py
import numpy as np
import pytest

from engine.errors import UserError
from engine.training.history import EpochSteps, History, read_history, read_metrics


def epoch(number, steps=4, validation=2):
    row = {"epoch": number, "train_loss": 1 / number, "val_f1:ribosome": math.nan if number == 1 else 0.25}
    made = EpochSteps(
        loss=[number + 0.5 * s for s in range(steps)],
        accuracy=[0.25] * steps,
        val_loss=[0.5] * validation,
        val_accuracy=[0.75] * validation,
        val_f1=[[1.0, math.nan, 0.5]] * validation,
        val_precision=[[1.0, 0.25, 0.5]] * validation,
        val_recall=[[1.0, 0.0, 0.5]] * validation,
    )
    return row, made


def history(epochs=3):
    made = History()
    for number in range(1, epochs + 1):
        made.add(*epoch(number))
    return made


def test_the_h5_has_deepfinders_names_shapes_and_type(tmp_path):
    history().write(tmp_path)
    with h5py.File(tmp_path / "net_train_history.h5") as file:
        shapes = {name: file[name].shape for name in file}
        assert {file[name].dtype for name in file} == {np.dtype(np.float16)}
        assert file["loss"][1].tolist() == [2.0, 2.5, 3.0, 3.5]
        assert file["val_f1"][0, 0].tolist() == [1.0, 0.0, 0.5]
    assert shapes == {
        "loss": (3, 4), "acc": (3, 4), "val_loss": (3, 2), "val_acc": (3, 2),
        "val_f1": (3, 2, 3), "val_precision": (3, 2, 3), "val_recall": (3, 2, 3),
    }  # fmt: skip


def test_the_csv_is_plain_and_empty_where_nothing_is_known(tmp_path):
    history().write(tmp_path)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert rows[0] == {"epoch": "1", "train_loss": "1", "val_f1:ribosome": ""}
    assert rows[2] == {"epoch": "3", "train_loss": "0.333333", "val_f1:ribosome": "0.25"}
    assert math.isnan(read_metrics(tmp_path)[0]["val_f1:ribosome"])


def test_what_is_read_goes_on_as_if_it_had_never_ended(tmp_path):
    whole = history(4)
    whole.write(tmp_path)
    expected = {name: (tmp_path / name).read_bytes() for name in ("metrics.csv",)}
    with h5py.File(tmp_path / "net_train_history.h5") as file:
        arrays = {name: file[name][:] for name in file}
    history(3).write(tmp_path)  # a history may be ahead of its checkpoint
    resumed = read_history(tmp_path).shortened(2)
    for number in (3, 4):
        resumed.add(*epoch(number))
    resumed.write(tmp_path)
    assert (tmp_path / "metrics.csv").read_bytes() == expected["metrics.csv"]
    with h5py.File(tmp_path / "net_train_history.h5") as file:
        for name, array in arrays.items():
            assert np.array_equal(file[name][:], array), name


def test_epochs_of_other_lengths_are_filled_up(tmp_path):
    made = history(1)
    made.add(*epoch(2, steps=6))
    made.write(tmp_path)
    with h5py.File(tmp_path / "net_train_history.h5") as file:
        assert file["loss"].shape == (2, 6) and np.isnan(file["loss"][0, 4:]).all()


def test_nothing_there_is_an_empty_history(tmp_path):
    assert read_history(tmp_path).rows == [] and read_metrics(tmp_path) == []


def test_a_spoilt_file_is_named(tmp_path):
    history().write(tmp_path)
    (tmp_path / "metrics.csv").write_text("epoch,train_loss\n1,much\n")
    with pytest.raises(UserError, match=r"metrics\.csv holds what is no number"):
        read_metrics(tmp_path)
