"""Dividing at dips of the density, in the whole tomogram and in a box, and what the task writes of it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from engine.cli import EchoJob
from engine.errors import UserError
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.tasks.dividing import divide, find_in_box
from engine.tasks.pick_parameters import PickParameters
from engine.volumes import write_mrc

CENTRES = [(12, 14, 14), (12, 14, 24), (12, 40, 16), (24, 40, 40)]  # the first two touch
GOLD = (24, 14, 44)
SHAPE = (36, 56, 60)


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Noise with four dark balls and a bead, and the mask of both with some speckle, int8."""
    random = np.random.default_rng(1)
    z, y, x = np.indices(SHAPE)
    density = random.normal(size=SHAPE)
    mask = np.zeros(SHAPE, bool)
    for c, r, depth in [*((c, 5, 3.0) for c in CENTRES), (GOLD, 4, 60.0)]:
        distance = (z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2
        density -= depth * (distance <= (r - 1) ** 2)
        mask |= distance <= r**2
    mask |= gaussian_filter(random.normal(size=SHAPE), 1.2) > 0.3
    return density.astype(np.float32), mask.astype(np.int8)


@pytest.fixture(scope="module")
def project(scene, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("dividing")
    (folder / "data").mkdir()
    write_mrc(folder / "data" / "ts.mrc", scene[0], (10.0, 10.0, 10.0))
    made = Project.create(folder / "project")
    made.add_source(str(folder / "data"))
    write_mrc(made.segmentation_path("ts", "mask"), scene[1], (10.0, 10.0, 10.0))
    return made


def parameters(**more: object) -> PickParameters:
    found = validated(find_task("pick"), {"segmentations": ["ts__mask"], "mode": "dips", **more})
    assert isinstance(found, PickParameters)
    return found


def near(centres: np.ndarray, wanted: tuple[int, int, int]) -> bool:
    return bool(len(centres)) and float(np.linalg.norm(centres - wanted, axis=1).min()) < 2


def test_touching_balls_apart_gold_and_speckle_left_out(scene):
    density, labels = scene
    divided = divide(labels, density, parameters())
    centres = divided.instances.centroids
    assert all(near(centres, c) for c in CENTRES)
    assert not near(centres, GOLD)
    assert len(centres) <= 8
    assert any("gold" in reason for reason in divided.reasons)
    plain = divide(labels, density, parameters(mode="components"))
    assert len(plain.instances) > 3 * len(centres)
    assert plain.reasons == ()


def test_limits_hold_for_dips_too(scene):
    density, labels = scene
    everything = divide(labels, density, parameters())
    largest = int(everything.instances.sizes.max())
    kept = divide(labels, density, parameters(min_size=largest))
    assert kept.instances.sizes.tolist() == [largest]
    assert sorted(kept.all_sizes) == sorted(everything.all_sizes)
    far = divide(labels, density, parameters(exclude_border=13))
    assert not near(far.instances.centroids, CENTRES[0])


def test_a_box_gives_places_of_the_tomogram(scene):
    density, labels = scene
    box = Box((2, 4, 4), (30, 52, 56))
    found = find_in_box(labels[box.slices], density[box.slices], parameters(), box)
    assert found is not None
    assert all(near(found.centres[:, ::-1], c) for c in CENTRES)
    assert find_in_box(labels[box.slices], density[box.slices], parameters(lower_z=33), box) is None


def test_the_task_writes_the_table_and_its_reasons(project, capsys):
    task = find_task("pick")
    task.run(parameters(name="dips"), project, EchoJob())
    said = capsys.readouterr().err
    assert "left out as gold" in said
    table = project.tables.read("dips")
    assert all(near(table.rows[["z", "y", "x"]].to_numpy(), c) for c in CENTRES)
    assert (table.rows["score"] > 0).all()
    preview = task.preview(parameters(), project, "ts", Box((0, 0, 0), SHAPE))
    assert len(preview.picks) == len(table.rows)
    assert preview.basis.reasons


def test_limits_that_cross_are_refused():
    with pytest.raises(UserError, match=r"the darkest \(2\) must stand out more than the faintest \(3\)|The darkest"):
        parameters(darkest=2.0)
