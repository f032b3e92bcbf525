"""The task "unsupervised": what makes a result stale, and what its preview says."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.project import Project
from engine.tasks import find_task, validated
from engine.volumes import open_volume, write_mrc

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


def labels(project: Project, name: str, tomogram: str = "ts") -> np.ndarray:
    with open_volume(project.segmentation(f"{tomogram}__{name}").path) as volume:
        return np.asarray(volume.read())


def test_all_six_workflows_have_names_of_their_own(project: Project) -> None:
    for features in ("intensities", "gabor", "ffts"):
        for clustering in ("kmeans", "gmm"):
            run(project, features=features, clustering=clustering, max_neighbourhoods=5000)
    assert len(project.segmentations("ts")) == 6
    assert {"ffts_gmm", "gabor_kmeans"} <= {s.name for s in project.segmentations("ts")}


def test_filters_matter_to_gabor_alone(project: Project) -> None:
    run(project, max_neighbourhoods=5000)
    run(project, max_neighbourhoods=5000, sinusoids=4, output_features=8)  # the same result stands
    run(project, features="gabor", max_neighbourhoods=5000, sinusoids=4, output_features=8)
    with pytest.raises(UserError, match="made with other parameters"):
        run(project, features="gabor", max_neighbourhoods=5000, sinusoids=4, output_features=9)
    with pytest.raises(UserError, match="9 Gabor filters cannot be kept of the 8"):
        run(project, features="gabor", sinusoids=2, output_features=9)


@pytest.fixture
def two(project: Project, tmp_path: Path) -> Project:
    """A second tomogram, with other densities and ten times the balls."""
    random = np.random.default_rng(1)
    volume = 100 * random.normal(size=(40, 48, 48)) + 5000
    for z, y, x in random.integers(6, 34, (10, 3)):
        volume[z - 3 : z + 3, y - 3 : y + 3, x - 3 : x + 3] -= 500
    write_mrc(tmp_path / "data" / "other.mrc", volume.astype(np.float32), (10.0, 10.0, 10.0))
    (tmp_path / "data" / "broken.mrc").write_bytes(b"no volume")
    return project


def test_one_model_of_several_tomograms(two: Project) -> None:
    run(two, tomograms=["ts", "other"], together=True, name="pooled", max_neighbourhoods=6000)
    made_by = two.segmentation("ts__pooled").made_by
    assert [Path(source["path"]).name for source in made_by["settings"]["learnt_from"]] == ["ts.mrc", "other.mrc"]
    one, other = labels(two, "pooled"), labels(two, "pooled", "other")
    assert 0 < (one == 1).sum() < (other == 1).sum() < other.size / 2
    run(two, tomograms=["ts", "other"], together=True, name="pooled", max_neighbourhoods=6000)  # both are kept


def test_a_tomogram_that_cannot_be_read_is_not_learnt_from(two: Project) -> None:
    with pytest.raises(UserError, match="1 of 3 failed; the others are done"):
        run(two, tomograms=["ts", "broken", "other"], together=True, name="pooled", max_neighbourhoods=3000)
    assert two.segmentation_path("other", "pooled").exists()
    assert not two.segmentation_path("broken", "pooled").exists()


def test_each_tomogram_has_its_own_lamella(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(2)
    for name, first in (("high", 24), ("low", 4)):
        volume = random.normal(size=(48, 64, 64)).astype(np.float32)
        for z, y, x in zip(random.integers(first, first + 16, 60), *random.integers(4, 60, (2, 60)), strict=True):
            volume[z - 2 : z + 2, y - 3 : y + 3, x - 3 : x + 3] -= 4
        write_mrc(tmp_path / "data" / f"{name}.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    run(made, tomograms=["high", "low"], own_lamella=True)
    high, low = (
        made.segmentation(f"{name}__intensities_kmeans").made_by["learnt_from_slices"] for name in ("high", "low")
    )
    assert 20 <= high[0] <= 26
    assert 38 <= high[1] <= 44
    assert 0 <= low[0] <= 6
    assert 18 <= low[1] <= 24


def test_a_sample_larger_than_the_volume_is_all_and_says_so(project: Project, capsys: pytest.CaptureFixture) -> None:
    run(project, max_neighbourhoods=10_000_000)
    assert "a sample of 10,000,000 was asked for, there are 69,696: all are used" in capsys.readouterr().err
