"""The task "unsupervised": what makes a result stale, and what its preview says."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.volumes import write_mrc

TASK = find_task("unsupervised")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    volume = np.random.default_rng(0).normal(size=(40, 48, 48)).astype(np.float32)
    volume[18:24, 18:24, 18:24] -= 5
    write_mrc(tmp_path / "data" / "ts.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    return made


def run(project: Project, **parameters: object) -> None:
    TASK.run(validated(TASK, {"tomograms": ["ts"], **parameters}), project, EchoJob())


def test_a_map_never_stands_beside_the_description_of_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(project)
    real = Project.write_provenance

    def killed(*_: object) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr(Project, "write_provenance", killed)
    with pytest.raises(UserError, match="full"):
        run(project, neighbourhood_size=7, replace=True)
    monkeypatch.setattr(Project, "write_provenance", real)
    with pytest.raises(UserError, match="does not say what made it"):
        run(project)


def test_another_voxel_size_makes_a_map_stale(project: Project) -> None:
    run(project)
    project.set_voxel_size(["ts"], 5.0)
    with pytest.raises(UserError, match="made with other parameters"):
        run(project)


def preview(project: Project, box: Box, **parameters: object) -> str:
    assert TASK.preview is not None
    return TASK.preview(validated(TASK, {"tomograms": ["ts"], **parameters}), project, "ts", box).text


def test_the_preview_says_when_its_box_lies_outside_the_slices(project: Project) -> None:
    inside, outside = Box((12, 10, 10), (28, 34, 34)), Box((0, 10, 10), (8, 34, 34))
    assert "outside" not in preview(project, inside, lower_z=2, upper_z=39)
    assert "outside" not in preview(project, inside)
    assert "outside" in preview(project, outside, lower_z=30, upper_z=40)


def test_the_preview_refuses_what_the_run_refuses(project: Project) -> None:
    box = Box((12, 10, 10), (28, 34, 34))
    for limits in ({"upper_z": 200}, {"lower_z": 39}):
        with pytest.raises(UserError, match="40 slices") as from_preview:
            preview(project, box, **limits)
        with pytest.raises(UserError) as from_run:
            run(project, **limits)
        assert str(from_preview.value) in str(from_run.value)


def test_the_preview_of_the_whole_volume_agrees_with_the_run(project: Project) -> None:
    assert TASK.preview is not None
    parameters = validated(TASK, {"tomograms": ["ts"]})
    whole = TASK.preview(parameters, project, "ts", Box((0, 0, 0), (40, 48, 48)))
    run(project)
    from engine.volumes import open_volume

    with open_volume(project.segmentation("ts__intensities_kmeans").path) as volume:
        assert (volume.read() == whole.labels).mean() > 0.95  # the preview learns from a sample
