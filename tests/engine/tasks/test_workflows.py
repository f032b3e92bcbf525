"""The workflows side by side on a box: what they share with the full run, and what each may fail in alone."""

import numpy as np
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.tasks.whole_tomogram import value_range
from engine.tasks.workflows import WORKFLOWS, SideBySide, preview_workflows
from engine.volumes import open_volume, write_mrc

SHAPE = (40, 56, 60)
WHOLE = Box((0, 0, 0), SHAPE)
CENTRES = [(12, 15, 16), (12, 15, 44), (27, 40, 16), (27, 40, 44)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("workflows")
    (folder / "data").mkdir()
    volume = np.random.default_rng(0).normal(size=SHAPE)
    z, y, x = np.indices(SHAPE)
    for c in CENTRES:
        volume -= 6.0 * ((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < 25)
    write_mrc(folder / "data" / "ts.mrc", volume.astype(np.float32), (10.0, 10.0, 10.0))
    made = Project.create(folder / "project")
    made.add_source(str(folder / "data"))
    return made


def look(project: Project, box: Box = WHOLE, s1: dict | None = None, s2: dict | None = None) -> SideBySide:
    parameters = validated(find_task("unsupervised"), {"tomograms": ["ts"], **(s1 or {})})
    picking = validated(find_task("pick"), {"segmentations": ["preview"], **(s2 or {})})
    return preview_workflows(parameters, picking, project, "ts", box)


def test_all_six_find_the_balls(project: Project) -> None:
    found = look(project, s2={"min_size": 100})
    assert [p.workflow for p in found.previews] == list(WORKFLOWS)
    for preview in found.previews[:4]:  # spectra of so small balls are rings
        picks = preview.picks[:, ::-1]
        assert len(picks) == 4, preview.workflow
        for centre in CENTRES:
            assert np.linalg.norm(picks - centre, axis=1).min() < 1.5
        assert (preview.sizes >= 100).all()
        assert len(preview.all_sizes) >= len(preview.sizes)


def test_the_whole_volume_is_the_full_run_but_for_the_sample(project: Project) -> None:
    found = look(project, s1={"max_neighbourhoods": 5_000})
    find_task("unsupervised").run(
        validated(find_task("unsupervised"), {"tomograms": ["ts"], "max_neighbourhoods": 5_000}), project, EchoJob()
    )
    with open_volume(project.segmentation("ts__intensities_kmeans").path) as volume:
        full = volume.read()
    assert (found.previews[0].labels == full).mean() > 0.999


def test_a_box_is_cut_out_of_the_whole(project: Project) -> None:
    box = Box((4, 6, 6), (36, 52, 56))
    inside, whole = look(project, box), look(project)
    for part, all_of_it in zip(inside.previews, whole.previews, strict=True):
        assert part.labels.shape == box.shape
        if part.workflow[0] != "ffts":
            assert (part.labels == all_of_it.labels[box.slices]).mean() > 0.95, part.workflow
        assert (part.labels >= 0).all()  # the neighbourhoods at the faces of the box are whole
    np.testing.assert_array_equal(inside.density, whole.density[box.slices])


def test_the_range_is_that_of_the_whole_tomogram(project: Project) -> None:
    from engine.features import blur

    with project.open_tomogram("ts") as volume:
        blurred = blur(volume.read())
    low, high = value_range(project, "ts")
    spread = float(blurred.max() - blurred.min())
    assert abs(low - blurred.min()) < 0.06 * spread
    assert abs(high - blurred.max()) < 0.06 * spread


def test_slices_outside_the_box_are_said(project: Project) -> None:
    box = Box((0, 10, 10), (10, 34, 34))
    assert look(project, box, {"lower_z": 30, "upper_z": 40}).outside
    assert not look(project, Box((20, 10, 10), (38, 40, 40)), {"lower_z": 2, "upper_z": 39}).outside
    picks = look(project, box, s2={"lower_z": 30, "upper_z": 39}).previews[0]
    assert "outside the slices to pick in" in picks.problem
    assert picks.labels is not None


@pytest.mark.parametrize("limits", [{"upper_z": 200}, {"lower_z": 39}], ids=str)
def test_the_preview_refuses_what_the_run_refuses(project: Project, limits: dict) -> None:
    with pytest.raises(UserError, match="40 slices") as from_preview:
        look(project, s1=limits)
    task = find_task("unsupervised")
    with pytest.raises(UserError) as from_run:
        task.run(validated(task, {"tomograms": ["ts"], "name": "refused", **limits}), project, EchoJob())
    assert str(from_preview.value) in str(from_run.value)


def test_what_only_the_picks_fail_in_leaves_the_labels(project: Project) -> None:
    found = look(project, s2={"mode": "watershed", "min_distance": 30})
    for preview in found.previews:
        assert "least distance of 30" in preview.problem
        assert preview.labels is not None
        assert len(preview.picks) == 0


@pytest.mark.parametrize("broken", ["a value that is not a number", "the same value everywhere", "too few slices"])
def test_a_bad_tomogram_is_told_in_the_words_of_the_full_run(tmp_path, broken: str) -> None:
    volume = np.random.default_rng(5).normal(size=(4 if broken == "too few slices" else 20, 40, 40)).astype(np.float32)
    if broken == "a value that is not a number":
        volume[19, 3, 2] = np.nan  # outside the box
    elif broken == "the same value everywhere":
        volume[:] = 3
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data" / "ts.mrc", volume, (10.0, 10.0, 10.0))
    project = Project.create(tmp_path / "project")
    project.add_source(str(tmp_path / "data"))
    with pytest.raises(UserError) as previewed:
        look(project, Box((0, 0, 0), (4, 20, 20)))
    task = find_task("unsupervised")
    with pytest.raises(UserError) as run:
        task.run(validated(task, {"tomograms": ["ts"]}), project, EchoJob())
    assert str(run.value).removeprefix("ts: ") == str(previewed.value)
