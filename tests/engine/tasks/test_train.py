"""The task "train": from targets of a project to a model, and what it refuses."""

import errno
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from engine import atomic
from engine.errors import UserError, os_error_sentence
from engine.networks import weights
from engine.networks.model import load_model
from engine.project import Project
from engine.tasks import find_task, training_processes, validated
from engine.tasks.train import estimated
from engine.tasks.training_run import estimate_sentence
from engine.training.estimate import Estimate
from engine.training.examples import read_examples
from engine.training.history import read_metrics
from engine.volumes import write_mrc
from tests.engine.tasks.listening import Listening
from tests.engine.tasks.training_scene import (
    CLASSES,
    SHAPE,
    VOXEL,
    deepfinder_folder,
    set_target,
    training_project,
    volumes,
)

TASK = find_task("train")
QUICK = {
    "targets": ["ts1__net"],
    "validation": ["ts2__net"],
    "objects": "objects",
    "architecture": "deepfinder",
    "patch": 8,
    "batch": 2,
    "epochs": 2,
    "steps_per_epoch": 2,
    "steps_per_validation": 1,
    "random_shift": 2,
    "workers": 0,
    "object_scores": False,
}


@pytest.fixture
def project(tmp_path) -> Project:
    return training_project(tmp_path)


def run(project, **changes):
    job = Listening()
    TASK.run(validated(TASK, {**QUICK, **changes}), project, job)
    return job


def refused(project, match, **changes):
    with pytest.raises(UserError, match=match):
        run(project, **changes)
    assert not (project.root / "models" / "network").exists()


def test_a_model_and_its_history_are_written(project):
    job = run(project, object_scores=True)
    folder = project.root / "models" / "network"
    assert {p.name for p in folder.iterdir()} == {
        "weights.pt", "last.pt", "model.yaml", "metrics.csv", "net_train_history.h5", "examples.npz",
    }  # fmt: skip
    assert [(o["kind"], o["name"]) for o in job.outputs] == [("model", "network")]
    assert [model.name for model in project.models()] == ["network"] and project.model_folder("network") == folder
    trained = load_model(folder)
    assert trained.description.labels == [0, 2, 5] and trained.description.voxel_size == 10
    assert [c.name for c in trained.description.classes] == ["ribosome", "gold"]
    assert trained.description.normalisation == "tomogram" and trained.description.patch == 8
    made_by = yaml.safe_load((folder / "model.yaml").read_text())["made_by"]
    assert made_by["task"] == "train" and made_by["settings"]["targets"] == ["ts1__net"]
    assert made_by["validation"] == ["ts2"] and len(made_by["inputs"]) == 4
    rows = read_metrics(folder)
    assert len(rows) == 2 and {"val_f1:gold", "object_f1:ribosome", "object_macro_f1"} <= set(rows[0])
    assert len(read_examples(folder)["target"]) == 3
    assert job.fractions == sorted(job.fractions) and job.fractions[-1] == 1
    assert any("per epoch" in line for line in job.lines)


def test_a_network_learns_the_balls(project):
    job = run(
        project, epochs=2, steps_per_epoch=45, batch=2, learning_rate=3e-3, steps_per_validation=4, object_scores=True
    )
    best = max(row["object_macro_f1"] for row in read_metrics(project.model_folder("network")))
    assert best == 1.0, job.lines


def test_mixed_precision_on_a_cpu_is_warned_of(project):
    job = run(project, mixed_precision="bf16", epochs=1, steps_per_epoch=1)
    assert any("bf16" in line and "slower" in line for line in job.lines)
    assert not any("slower" in line for line in run(project, name="other", epochs=1, steps_per_epoch=1).lines)


def test_a_second_training_gets_a_name_of_its_own_and_the_first_stays(project):
    run(project, name="mine", epochs=1)
    before = (project.model_folder("mine") / "weights.pt").read_bytes()
    run(project, name="mine", epochs=1, seed=1)
    assert [model.name for model in project.models()] == ["mine", "mine-2"]
    assert (project.model_folder("mine") / "weights.pt").read_bytes() == before


def test_a_training_is_resumed_by_its_name_exactly(project):
    run(project, name="whole", epochs=3)
    run(project, name="parts", epochs=2)
    run(project, name="parts", epochs=3, resume=True)
    folders = [project.model_folder(name) for name in ("whole", "parts")]
    states = [torch.load(folder / "last.pt", weights_only=True) for folder in folders]
    assert all(torch.equal(v, states[1]["network"][k]) for k, v in states[0]["network"].items())
    assert [m.name for m in project.models()] == ["parts", "whole"] and len(read_metrics(folders[1])) == 3
    with pytest.raises(UserError, match="no model 'other'"):
        run(project, name="other", resume=True)
    with pytest.raises(UserError, match="begun with classes = 2 ribosome, 5 gold and cannot be resumed with 5 gold"):
        run(project, name="parts", epochs=4, resume=True, classes=["gold"])


def test_weights_of_another_model_are_begun_with(project):
    run(project, name="first", epochs=1)
    run(project, name="second", epochs=1, initial_weights="first", learning_rate=1e-12)
    first, second = (load_model(project.model_folder(n)).network.state_dict() for n in ("first", "second"))
    assert all(torch.allclose(value, second[name], atol=1e-9) for name, value in first.items())
    with pytest.raises(UserError, match="neither a model of this project"):
        run(project, initial_weights="third")
    with pytest.raises(UserError, match="weights for 3 classes, the network has 2"):
        run(project, initial_weights="first", classes=["gold"])


def test_classes_are_chosen_and_ordered_by_name_and_others_are_background(project):
    run(project, classes=["gold"], epochs=1)
    assert load_model(project.model_folder("network")).description.labels == [0, 5]


def test_places_come_from_the_targets_where_no_table_is_named(project):
    job = run(project, objects="", object_scores=True, epochs=1)
    assert "object_macro_f1" not in read_metrics(project.model_folder("network"))[0]
    assert not any("object" in line for line in job.lines if line.startswith("epoch"))


def test_thin_tomograms_are_padded(project):
    run(project, patch=20, epochs=1, steps_per_epoch=1)
    assert len(read_metrics(project.model_folder("network"))) == 1


def test_the_same_seed_gives_the_same_bytes(project):
    for name in ("one", "two"):
        run(project, name=name, epochs=1)
    one, two = (load_model(project.model_folder(n)).network.state_dict() for n in ("one", "two"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_rare_classes_and_other_losses(project):
    run(project, loss="tversky-ce", class_weights="rare classes more", schedule="cosine", optimiser="adamw", epochs=1)
    refuse = {"loss": "focal"}
    with pytest.raises(UserError, match="loss = 'focal' is not allowed: choose 'dice-ce'"):
        run(project, name="x", **refuse)


def test_a_folder_of_deepfinder(project, tmp_path):
    folder = deepfinder_folder(tmp_path / "deepfinder")
    run(
        project, targets=[], validation=[], objects="", folder=str(folder), epochs=1, sampling="deepfinder",
        bootstrap=True, loss="tversky", normalisation="patch",
    )  # fmt: skip
    description = load_model(project.model_folder("network")).description
    assert [c.name for c in description.classes] == ["class 1", "class 2"]
    assert description.classes[0].radius == pytest.approx(30, abs=2)  # from the voxels of its objects
    (folder / "valid" / "ts2_objl.xml").unlink()
    with pytest.raises(UserError, match=r"no object list ts2_objl\.xml: add it"):
        run(project, targets=[], validation=[], objects="", folder=str(folder), name="x")
    with pytest.raises(UserError, match="nowhere/train is missing"):
        run(project, targets=[], validation=[], objects="", folder=str(tmp_path / "nowhere"), name="x")


def test_two_processes_train_together(project):
    job = run(project, processes=2, epochs=1, steps_per_epoch=1, device="cpu", name="both")
    folder = project.model_folder("both")
    assert len(read_metrics(folder)) == 1 and load_model(folder).description.labels == [0, 2, 5]
    assert [o["name"] for o in job.outputs] == ["both"] and job.fractions[-1] == 1
    assert sum(line.startswith("epoch") for line in job.lines) == 1


def test_what_a_process_says_is_passed_on(monkeypatch, project):
    job, models = Listening(), []
    for said in ({"what": "progress", "fraction": 0.5, "text": "x"}, {"what": "log", "text": "y"}, {"what": "model"}):
        assert training_processes._pass_on(said, job, lambda: models.append(1)) == ""
    assert (job.fractions, job.lines, models) == ([0.5], ["y"], [1])
    assert training_processes._pass_on({"what": "error", "text": "no"}, job, lambda: None) == "no"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    refused(project, "3 GPUs are asked for and this job may use 2", processes=3)


# What is refused


def test_a_patch_that_does_not_fit_names_those_that_do(project):
    refused(
        project, "A patch of 10 voxels does not fit the network deepfinder, .* multiple of 4: give 8 or 12", patch=10
    )


def test_unknown_names(project):
    refused(project, "architecture = 'unet' is not allowed: choose 'residual-unet'", architecture="unet")
    refused(project, "no segmentation 'ts9__net'", targets=["ts9__net"])
    refused(project, "The targets have no class 'virus'", classes=["virus"])
    refused(project, "no object table 'picks'", objects="picks")
    with pytest.raises(UserError, match="Targets is empty: name at least one label map"):
        validated(TASK, {})


def test_a_class_without_voxels(project):
    only = volumes("ts1")[1].copy()
    only[only == 5] = 0
    set_target(project, "ts1", only)
    refused(project, r"No training target holds a voxel of gold \(label 5\), so it cannot be learnt")
    job = run(project, targets=["ts3__net"], validation=["ts1__net"], epochs=1)
    assert any(line.startswith("No validation target holds a voxel of gold") for line in job.lines)


def test_a_label_that_no_class_has(project):
    labels = volumes("ts1")[1].copy()
    labels[0, 0, :3] = 9
    set_target(project, "ts1", labels)
    refused(project, r"ts1__net\.mrc holds the label 9 \(3 voxels\), which no class has \(2 = ribosome, 5 = gold\)")


def test_a_target_of_another_shape(project):
    set_target(project, "ts1", volumes("ts1")[1][:-2])
    refused(project, r"ts1 has 24 × 24 × 16 voxels and its target ts1__net 24 × 24 × 14")


def test_voxel_sizes_that_differ(project):
    project.set_voxel_size(["ts2"], 10.2)
    refused(project, r"ts1 has voxels of 10 Å and ts2 of 10\.2 Å: a network learns one voxel size")
    project.set_voxel_size(["ts2"], 10.05)
    run(project, epochs=1)


def test_labels_that_mean_two_things(project):
    set_target(project, "ts2", volumes("ts2")[1], {**CLASSES, 5: {**CLASSES[5], "name": "silver"}})
    refused(project, "Label 5 is gold in ts1__net and silver in ts2__net")


def test_constant_and_broken_tomograms(project, tmp_path):
    for value, words in ((7.0, "ts2 holds the same value 7 in every voxel"), (np.nan, "ts2 holds not-a-number")):
        write_mrc(tmp_path / "data" / "ts2.mrc", np.full(SHAPE, value, np.float32), VOXEL)
        refused(project, words)


def test_validation_that_training_has_seen(project, tmp_path):
    refused(project, "the tomogram ts1 is in both training and validation", validation=["ts1__net"])
    write_mrc(tmp_path / "data" / "ts2.mrc", volumes("ts1")[0], VOXEL)
    refused(project, "ts2 of validation has the same voxels as ts1 of training; choose other tomograms")
    job = run(project, allow_leakage=True, epochs=1)
    assert any("will look better than they are: ts2 of validation has the same voxels" in line for line in job.lines)


def test_too_little_memory_names_what_would_fit(project, monkeypatch):
    from engine.training import estimate

    monkeypatch.setattr(estimate, "free_bytes", lambda device: 80_000_000)
    refused(
        project,
        r"patches of 64 voxels, 4 at a time, needs about .* a patch of \d+ with a batch of 1 would fit",
        patch=64,
        batch=4,
    )


def test_an_estimate_without_a_training(project):
    made = estimated(validated(TASK, QUICK), project)
    assert made.fits and made.seconds > 0 and not (project.root / "models" / "network").exists()


def test_the_sentence_of_an_estimate_counts_small_memory_too():
    small = Estimate(0.1, 1.2, 12.0, 30_500_000, 23_200_000_000)
    assert estimate_sentence(small) == (
        "About 0.1 s per step, 1 s per epoch, 12 s in all, and 0.03 of 23.2 GB that are free."
    )
    assert "and 4.0 of 23.2 GB" in estimate_sentence(replace(small, peak_bytes=4_040_000_000))


def test_the_command_line_gives_the_same_weights(project, tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({**QUICK, "epochs": 1, "workers": 1, "name": "cli"}))
    command = [sys.executable, "-m", "engine", "run", "train", str(tmp_path / "params.yaml"), "-p", str(project.root)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(project.root / "models" / "cli")
    run(project, epochs=1)
    one, two = (load_model(project.model_folder(n)).network.state_dict() for n in ("cli", "network"))
    assert all(torch.allclose(value, two[name], atol=1e-6) for name, value in one.items())


def test_every_network_and_loss_can_be_chosen() -> None:
    from typing import get_args

    from engine.networks.registry import ARCHITECTURES
    from engine.training.losses import LOSSES

    fields = TASK.parameters.model_fields
    assert set(get_args(fields["architecture"].annotation)) == set(ARCHITECTURES)
    assert set(get_args(fields["loss"].annotation)) == set(LOSSES)


def test_a_full_disk_says_how_far_the_training_is_kept(project, monkeypatch):
    whole = atomic.replacing

    def full_after_the_first(path):
        if path.name == "last.pt" and path.exists():
            raise UserError(os_error_sentence(full, path, "write")) from full
        return whole(path)

    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(weights, "replacing", full_after_the_first)
    kept = r"last\.pt: the disk or quota is full \(.* MB free\)\. The training is kept up to epoch 1: free some space"
    with pytest.raises(UserError, match=kept + r" there, then go on with network \(resume\)\.") as caught:
        run(project, epochs=3)
    assert "run this again" not in str(caught.value)  # that would begin another one
    monkeypatch.undo()
    run(project, name="network", epochs=3, resume=True)
    assert len(read_metrics(project.model_folder("network"))) == 3


def test_a_full_disk_before_the_first_checkpoint_promises_nothing(project, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")

    def refusing(path):
        raise UserError(os_error_sentence(full, path, "write")) from full

    monkeypatch.setattr(weights, "replacing", refusing)
    with pytest.raises(UserError, match=r"the disk or quota is full .* then run this again\.$"):
        run(project)
