"""The task "segment" from tomograms and weights in a project to label maps, score maps and binned label maps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import UserError
from engine.inference.label_binning import bin_scores
from engine.inference.label_maps import best_channel
from engine.networks.deepfinder import DeepFinderNetwork
from engine.networks.keras_weights import write_keras_weights
from engine.networks.model import ModelDescription, save_model
from engine.networks.registry import build_network
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.tasks.clustering import score_files
from engine.tasks.deepfinder_segment import run_files
from engine.tasks.segment_models import SegmentModel
from engine.tasks.segment_parameters import SegmentParameters
from engine.tasks.segmenting import segment_parts
from engine.terminal import EchoJob
from engine.volumes import open_volume, write_mrc

TASK = find_task("segment")
VOXEL = (10.0, 10.0, 10.0)
ORIGIN = (5.0, 6.0, 7.0)
SHAPES = {"ts1": (9, 22, 30), "ts2": (13, 16, 16)}


@pytest.fixture(scope="module")
def network():
    made = DeepFinderNetwork(3, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        for layer in made.convolutions():
            layer.weight.mul_(1.3)
        values = made(torch.from_numpy(density("ts1"))[:8, :20, :28][None, None])
        made.scores.bias.sub_(values.mean((0, 2, 3, 4)))
    return made


def density(name):
    return np.random.default_rng(len(SHAPES[name])).normal(3, 2, SHAPES[name]).astype(np.float32)


@pytest.fixture
def project(tmp_path, network) -> Project:
    (tmp_path / "data").mkdir()
    for name in SHAPES:
        write_mrc(tmp_path / "data" / f"{name}.mrc", density(name), VOXEL, ORIGIN)
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    made.add_class("ribosome", 120.0, "#0072B2")
    write_keras_weights(network, made.root / "models" / "net.h5")
    return made


def parameters(*tomograms, **more) -> SegmentParameters:
    given = {"tomograms": list(tomograms or ["ts1"]), "model": "models/net.h5", **more}
    found = validated(TASK, given)
    assert isinstance(found, SegmentParameters)
    return found


def run(project, *tomograms, **more) -> EchoJob:
    job = EchoJob()
    TASK.run(parameters(*tomograms, **more), project, job)
    return job


def exact(network, name):
    """The scores of one pass over the whole z-scored tomogram."""
    volume = density(name).astype(np.float64)
    volume = ((volume - volume.mean()) / volume.std()).astype(np.float32)
    full = np.pad(volume, [(0, -n % 4) for n in volume.shape], mode="reflect")
    with torch.no_grad():
        scores = torch.softmax(network(torch.from_numpy(full)[None, None])[0], 0)
    z, y, x = volume.shape
    return scores[:, :z, :y, :x]


def read(path):
    with open_volume(path) as volume:
        return volume.read(), volume


def test_all_maps_are_those_of_one_pass(project, network):
    job = run(project, score_maps=True, binned=True)
    scores = exact(network, "ts1")
    found = project.segmentation("ts1__net")
    labels, volume = read(found.path)
    assert labels.dtype == np.int8
    assert (labels == best_channel(scores).numpy()).mean() > 0.999
    assert len(np.unique(labels)) == 3
    assert volume.voxel_size == VOXEL and volume.origin == ORIGIN
    maps = score_files(found)
    assert list(maps) == [1, 2]
    for label, path in maps.items():
        values, volume = read(path)
        assert values.dtype == np.uint8
        np.testing.assert_allclose(values / 255, scores[label].numpy(), atol=0.003)
    binned, volume = read(project.segmentation("ts1__net_binned").path)
    assert (binned == best_channel(bin_scores(scores)).numpy()).mean() > 0.999
    assert volume.voxel_size == (20.0, 20.0, 20.0)
    assert [o["name"] for o in job.outputs] == ["net", "net_binned"]
    made_by = found.made_by
    assert made_by["task"] == "segment" and made_by["model"] == "net"
    assert made_by["classes"][1] == {"name": "ribosome", "colour": "#0072B2", "radius": 120.0}
    assert made_by["classes"][2]["name"] == "class 2"
    assert sum(made_by["labels"].values()) == labels.size
    assert not [p for p in project.root.joinpath("segmentations").iterdir() if p.name.startswith(".")]


def test_a_second_run_keeps_what_stands_and_adds_what_is_missing(project):
    run(project)
    path = project.segmentation("ts1__net").path
    before = path.stat().st_mtime_ns
    run(project, memory=2.0)
    assert path.stat().st_mtime_ns == before
    run(project, score_maps=True, binned=True)
    assert list(score_files(project.segmentation("ts1__net"))) == [1, 2]
    assert project.segmentation("ts1__net_binned")


def test_other_parameters_need_a_word_and_old_score_maps_go(project):
    run(project, score_maps=True)
    with pytest.raises(UserError, match=r"ts1__net.mrc exists and was made with other parameters"):
        run(project, averaging="tilt axis")
    assert len(score_files(project.segmentation("ts1__net"))) == 2
    run(project, averaging="tilt axis", replace=True)
    assert score_files(project.segmentation("ts1__net")) == {}


def test_one_that_fails_does_not_stop_the_others(project):
    write_mrc(project.root.parent / "data" / "flat.mrc", np.ones((9, 9, 9), np.float32), VOXEL)
    broken = density("ts2")
    broken[3, 4, 5] = np.nan
    write_mrc(project.root.parent / "data" / "nan.mrc", broken, VOXEL)
    with pytest.raises(UserError, match=r"2 of 3 failed.*flat holds the same value 1 in every voxel"):
        run(project, "flat", "nan", "ts2")
    assert [s.tomogram for s in project.segmentations()] == ["ts2"]


@pytest.mark.parametrize("more", [{}, {"compat": True, "patch": 80}])
def test_the_preview_is_the_segmentation_inside_the_box(project, more):
    run(project, **more)
    labels, _ = read(project.segmentation("ts1__net").path)
    box = Box((2, 3, 11), (7, 19, 30))
    assert TASK.preview is not None
    found = TASK.preview(parameters(**more), project, "ts1", box)
    assert np.array_equal(found.labels, labels[box.slices])
    assert "%" in found.text


def test_a_model_of_the_project_brings_its_classes_limits_and_voxel_size(project):
    trained = build_network("residual-unet", 3, {"width": 8})
    description = ModelDescription(
        architecture="residual-unet",
        options={"width": 8},
        classes=[
            {"label": 4, "name": "ribosome", "colour": "#0072B2", "radius": 120.0},
            {"label": 2, "name": "hook", "colour": "#D55E00", "radius": 50.0},
        ],
        voxel_size=10.1,
        normalisation="patch",
        patch=24,
        thresholds={"hook": {"score": 0.4}},
    )
    save_model(project.root / "models" / "first", trained, description)
    run(project, model="first", score_maps=True)
    found = project.segmentation("ts1__first")
    assert found.made_by["classes"][4]["radius"] == 120.0
    assert found.made_by["thresholds"] == {"hook": {"score": 0.4}}
    assert list(score_files(found)) == [2, 4]
    labels, _ = read(found.path)
    assert set(np.unique(labels)) <= {0, 2, 4}
    scores = {label: read(path)[0] for label, path in score_files(found).items()}
    assert (scores[4][labels == 4] >= scores[2][labels == 4]).all()
    box = Box((2, 3, 11), (7, 19, 30))
    assert TASK.preview is not None
    again = TASK.preview(parameters(model="first"), project, "ts1", box)
    assert np.array_equal(again.labels, labels[box.slices])


def model(network, voxel_size, labels=(1, 2)):
    classes = {label: {"name": f"c{label}", "colour": "#000000", "radius": None} for label in labels}
    return SegmentModel("net", network, classes, voxel_size, "tomogram", 1, {}, {})


def test_another_voxel_size_is_refused_or_resampled(project, network, monkeypatch):
    monkeypatch.setattr("engine.tasks.segment.find_model", lambda *given: model(network, 20.0))
    with pytest.raises(UserError, match=r"ts1 has voxels of 10 Å and the model net was trained with 20 Å"):
        run(project)
    run(project, resample="resample", score_maps=True, binned=True)
    labels, volume = read(project.segmentation("ts1__net").path)
    assert labels.shape == SHAPES["ts1"] and volume.voxel_size == VOXEL
    # Two neighbours lie in one voxel of the model.
    assert (labels[0:8:2] == labels[1:8:2]).all()
    binned, _ = read(project.segmentation("ts1__net_binned").path)
    assert np.array_equal(binned[:4, :11, :15], labels[0:8:2, ::2, ::2])
    box = Box((2, 3, 11), (7, 19, 30))
    assert TASK.preview is not None
    found = TASK.preview(parameters(resample="resample"), project, "ts1", box)
    assert np.array_equal(found.labels, labels[box.slices])


def test_a_voxel_size_within_two_per_cent_is_taken_as_it_is(project, network, monkeypatch):
    monkeypatch.setattr("engine.tasks.segment.find_model", lambda *given: model(network, 10.15))
    run(project)
    assert "resampled" not in project.segmentation("ts1__net").made_by


def test_labels_are_those_of_the_model(project, network, monkeypatch):
    monkeypatch.setattr("engine.tasks.segment.find_model", lambda *given: model(network, None, (7, 300)))
    run(project, score_maps=True)
    found = project.segmentation("ts1__net")
    labels, _ = read(found.path)
    assert labels.dtype == np.int16 and set(np.unique(labels)) == {0, 7, 300}
    assert list(score_files(found)) == [7, 300]


def test_parts_cover_a_resampled_tomogram_once(project, network):
    with project.open_tomogram("ts1") as volume:
        seen = np.zeros(volume.shape, int)
        for part in segment_parts(volume, "ts1", model(network, 14.0), parameters(), (1.4, 0.7, 1.0)):
            seen[part.region] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"model": "nothing"}, "This project has no model 'nothing'"),
        ({"model": "models/none.h5"}, "There is no weight file"),
        ({"model": "/etc/net.h5"}, "lies outside this project"),
        ({"tomograms": ["ts9"]}, "This project has no tomogram 'ts9'"),
        ({"tile": 60}, "Tiles of 60 voxels leave nothing"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(project, given, sentence):
    if "tile" in given:
        write_mrc(project.root.parent / "data" / "long.mrc", np.random.default_rng(0).normal(size=(8, 8, 90)), VOXEL)
        given = {**given, "tomograms": ["long"]}
    with pytest.raises(UserError, match=sentence):
        TASK.run(parameters(**given), project, EchoJob())
    assert project.segmentations() == []


@pytest.mark.parametrize("given", [{"patch": 81}, {"patch": 40}, {"memory": 0}, {"tomograms": []}, {"name": "a__b"}])
def test_parameters_out_of_range(given):
    with pytest.raises(UserError):
        parameters(**given)


def test_truncated_weights_are_named(project):
    path = project.root / "models" / "net.h5"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"net.h5 is damaged or truncated"):
        run(project)


class TestCommand:
    """DeepFinder's own `segment`, without a project."""

    def paths(self, project) -> tuple[Path, Path, Path]:
        root = project.root.parent
        return root / "data" / "ts1.mrc", project.root / "models" / "net.h5", root / "out" / "labels.mrc"

    def test_label_map_and_binned_one(self, project, network):
        tomogram, weights, output = self.paths(project)
        run_files(tomogram, weights, output, EchoJob(), classes=3, binned=True)
        labels, volume = read(output)
        assert (labels == best_channel(exact(network, "ts1")).numpy()).mean() > 0.999
        assert volume.voxel_size == VOXEL
        assert read(output.with_name("labels_binned.mrc"))[0].shape == (5, 11, 15)

    def test_patch_means_the_originals_tiling_and_hdf5_its_dataset(self, project):
        tomogram, weights, output = self.paths(project)
        run(project, compat=True, patch=80)
        run_files(tomogram, weights, output.with_suffix(".h5"), EchoJob(), patch=80)
        with open_volume(output.with_suffix(".h5"), "dataset") as volume:
            labels = volume.read()
        assert np.array_equal(labels, read(project.segmentation("ts1__net").path)[0])
        assert [p.name for p in output.parent.iterdir()] == ["labels.h5"]

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"classes": 4}, "holds weights for 3 classes, background included, not 4"),
            ({"patch": 50}, "A patch of 50 voxels cannot be used"),
            ({"device": "tpu"}, "There is no device 'tpu'"),
        ],
    )
    def test_wrong_flags(self, project, given, sentence):
        with pytest.raises(UserError, match=sentence):
            run_files(*self.paths(project), EchoJob(), **given)

    def test_nothing_is_written_over(self, project):
        tomogram, weights, output = self.paths(project)
        output.parent.mkdir()
        output.write_text("mine")
        with pytest.raises(UserError, match="exists already"):
            run_files(tomogram, weights, output, EchoJob())
        assert output.read_text() == "mine"
        with pytest.raises(UserError, match="stands for no format"):
            run_files(tomogram, weights, output.with_suffix(".xyz"), EchoJob())
