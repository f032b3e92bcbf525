"""DeepFinder's own training file, run without a project."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch

from engine.errors import UserError
from engine.networks.keras_weights import network_from_keras
from engine.networks.model import load_model
from engine.tasks.deepfinder_train import parameters_of, run_file
from engine.tasks.deepfinder_xml import read_train_file
from engine.volumes import write_mrc
from tests.engine.tasks.listening import Listening
from tests.engine.tasks.training_scene import VOXEL, object_list, volumes


@pytest.fixture
def files(tmp_path):
    """Two tomograms and the file that names them."""
    for number, name in enumerate(("ts1", "ts2")):
        density, labels = volumes(name)
        numbered = np.select([labels == 2, labels == 5], [1, 2]).astype(np.int8)
        write_mrc(tmp_path / f"tomo{number}.mrc", density, VOXEL)
        write_mrc(tmp_path / f"target{number}.mrc", numbered, VOXEL)
    (tmp_path / "train.xml").write_text(object_list({"ts1": 0}))
    (tmp_path / "valid.xml").write_text(object_list({"ts2": 1}))
    write(tmp_path)
    return tmp_path


def write(folder, epochs=2, classes=3, patch=8):
    (folder / "params.xml").write_text(
        f"""<paramsTrain>
  <path_out path="{folder}/out/"/>
  <path_tomo><tomo0 path="{folder}/tomo0.mrc"/><tomo1 path="{folder}/tomo1.mrc"/></path_tomo>
  <path_target><target0 path="{folder}/target0.mrc"/><target1 path="{folder}/target1.mrc"/></path_target>
  <path_objl_train path="{folder}/train.xml"/>
  <path_objl_valid path="{folder}/valid.xml"/>
  <number_of_classes n="{classes}"/>
  <patch_size n="{patch}"/>
  <batch_size n="2"/>
  <number_of_epochs n="{epochs}"/>
  <steps_per_epoch n="2"/>
  <steps_per_validation n="1"/>
  <flag_direct_read flag="False"/>
  <flag_bootstrap flag="True"/>
  <random_shift shift="2"/>
</paramsTrain>
"""
    )


def test_everything_that_the_file_does_not_say_is_as_in_deepfinder(files):
    made = parameters_of(read_train_file(files / "params.xml"))
    assert (made.architecture, made.loss, made.first_rate, made.normalisation) == (
        "deepfinder",
        "tversky",
        1e-4,
        "patch",
    )
    assert (made.sampling, made.bootstrap, made.random_shift, made.half_turns) == ("deepfinder", True, 2, "tilt axis")
    assert (made.steps_per_validation, made.schedule, made.optimiser) == (1, "constant", "adam")


def test_results_have_deepfinders_names_and_can_be_resumed(files):
    run_file(files / "params.xml", Listening())
    out = files / "out"
    names = {"net_weights_FINAL.h5", "net_weights_BEST.h5", "net_train_history.h5", "weights.pt", "model.yaml"}
    assert names <= {p.name for p in out.iterdir()}
    with h5py.File(out / "net_train_history.h5") as file:
        assert file["loss"].shape == (2, 2) and file["val_f1"].shape == (2, 1, 3)
    last = torch.load(out / "last.pt", weights_only=True)["network"]
    final = network_from_keras(out / "net_weights_FINAL.h5").state_dict()
    assert all(torch.equal(value, final[name]) for name, value in last.items())
    assert [c.name for c in load_model(out).description.classes] == ["class 1", "class 2"]
    with pytest.raises(UserError, match=r"last\.pt exists already: name another path_out"):
        run_file(files / "params.xml", Listening())
    write(files, epochs=3)
    run_file(files / "params.xml", Listening(), resume=True)
    with h5py.File(out / "net_train_history.h5") as file:
        assert file["loss"].shape == (3, 2)


def test_validation_inside_training_is_a_warning_here(files):
    (files / "valid.xml").write_text(object_list({"ts1": 0}))
    job = Listening()
    run_file(files / "params.xml", job)
    assert any("will look better than they are: the tomogram tomo0 is in both" in line for line in job.lines)


def test_what_does_not_fit(files):
    job = Listening()
    write(files, classes=2)
    with pytest.raises(UserError, match=r"target0\.mrc holds the label 2 \(\d+ voxels\), which no class has"):
        run_file(files / "params.xml", job)
    write(files, patch=10)
    with pytest.raises(UserError, match="A patch of 10 voxels does not fit"):
        run_file(files / "params.xml", job)
    write(files)
    (files / "valid.xml").write_text(object_list({"ts2": 7}))
    with pytest.raises(UserError, match=r"valid\.xml names tomogram 7, and there are 2 \(counted from 0\)"):
        run_file(files / "params.xml", job)
    (files / "valid.xml").write_text("<objlist></objlist>")
    with pytest.raises(UserError, match=r"valid\.xml holds no object"):
        run_file(files / "params.xml", job)


def test_the_command_says_what_is_there_already(files):
    (files / "out").mkdir()
    (files / "out" / "net_weights_FINAL.h5").write_bytes(b"precious")
    command = [sys.executable, "-m", "engine", "deepfinder", "train", "-p", str(files / "params.xml")]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2 and "exists already" in ended.stderr and "Traceback" not in ended.stderr
    assert (files / "out" / "net_weights_FINAL.h5").read_bytes() == b"precious"


def test_a_refused_training_leaves_no_empty_folder(files):
    write(files, patch=10)
    with pytest.raises(UserError, match="needs a multiple of 4"):
        run_file(files / "params.xml", Listening())
    assert not (files / "out").exists()
