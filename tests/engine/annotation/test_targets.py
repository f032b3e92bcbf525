"""Targets: DeepFinder's recorded ones bit for bit, and what ours do better."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from engine.annotation.target_objects import TargetObjects, objects_from_table
from engine.annotation.targets import Place, Target, shape_target, sphere_target
from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import deepfinder_xml
from engine.volumes import open_volume

RADII_OF_THE_EXAMPLE = dict(enumerate((6, 6, 3, 6, 6, 7, 6, 4, 4, 3, 10, 8), 1))
EXAMPLE_SHAPE = (200, 512, 512)
UNKNOWN = np.full((3, 3), np.nan)


def sha(labels: np.ndarray) -> str:
    assert labels.dtype == np.int8 and labels.flags.c_contiguous
    return hashlib.sha256(labels.tobytes()).hexdigest()[:16]


def counts(labels: np.ndarray) -> list[int]:
    filled = labels[labels > 0]
    found = np.bincount(filled, minlength=1)
    found[0] = labels.size - filled.size
    return found.tolist()


def objects(*rows: tuple[int, tuple[float, float, float]], matrices: np.ndarray | None = None) -> TargetObjects:
    """(label, (z, y, x)) each."""
    labels = np.array([label for label, _ in rows], dtype=np.int64)
    centres = np.array([centre for _, centre in rows], dtype=float).reshape(-1, 3)
    known = np.stack([UNKNOWN] * len(rows)) if matrices is None else matrices
    return TargetObjects(centres, labels, known, np.arange(1, len(rows) + 1), {1: "ribosome", 2: "gold"})


def block(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def binned_labels(labels: np.ndarray) -> np.ndarray:
    """DeepFinder's binning of a label map: block means of its score maps, the first largest wins."""
    z, y, x = (n // 2 for n in labels.shape)
    blocks = labels.reshape(z, 2, y, 2, x, 2).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 8)
    found = np.zeros(len(blocks), np.int8)
    filled = np.flatnonzero(blocks.any(axis=1))
    shares = np.stack([(blocks[filled] == label).sum(axis=1) for label in range(int(labels.max()) + 1)], axis=1)
    found[filled] = shares.argmax(axis=1)
    return found.reshape(z, y, x)


def test_a_tiny_target_is_deepfinders() -> None:
    made = sphere_target(objects((1, (1, 1, 1)), (2, (3, 4, 5))), {1: 2, 2: 3}, Place((8, 9, 10)), compat=True).labels
    assert counts(made) == [570, 30, 120] and sha(made) == "31998c4dd75ae6f1"
    where = np.argwhere(made == 2)
    assert where.sum(axis=0).tolist() == [357, 477, 597]
    assert where.min(axis=0).tolist() == [0, 1, 2] and where.max(axis=0).tolist() == [5, 6, 7]


def test_where_objects_meet_the_later_one_stays() -> None:
    two = objects((1, (6, 6, 5)), (2, (6, 6, 7)))
    made = sphere_target(two, {1: 3, 2: 3}, Place((12, 12, 12)), compat=True)
    assert counts(made.labels) == [1556, 52, 120]
    (overlap,) = made.report.overlaps
    assert (overlap.under, overlap.over, overlap.voxels) == (1, 2, 68)
    assert [(c.objects, c.voxels) for c in made.report.classes] == [(1, 52), (1, 120)]
    assert made.report.lines()[0] == ("ribosome (label 1): 1 object, 52 voxels, 68 voxels overwritten (gold 68)")


@pytest.fixture(scope="module")
def example(data_folder: Path) -> tuple[ObjectTable, dict[int, np.ndarray]]:
    folder = data_folder / "deepfinder"
    if not (folder / "object_list_tomo0.xml").exists():
        pytest.skip(f"no object_list_tomo0.xml in {folder}")
    table = deepfinder_xml.read(folder / "object_list_tomo0.xml", {"0": TomogramGeometry(EXAMPLE_SHAPE, (10.0,) * 3)})
    masks = {}
    for label, path in enumerate(sorted((folder / "masks").glob("*.mrc")), 1):
        with open_volume(path) as volume:
            masks[label] = volume.read()
    return table, masks


@pytest.fixture(scope="module")
def listed(example: tuple) -> TargetObjects:
    return objects_from_table(example[0], {f"class {label}": label for label in range(1, 13)}, compat=True)


def test_spheres_of_the_real_list_are_deepfinders(listed: TargetObjects) -> None:
    assert len(listed) == 2498
    made = sphere_target(listed, RADII_OF_THE_EXAMPLE, Place(EXAMPLE_SHAPE), compat=True)
    assert sha(made.labels) == "efeb62bb1f2b384d"
    voxels = counts(made.labels)
    assert voxels[3] == 24_724 and voxels[11] == 622_744
    assert [c.voxels for c in made.report.classes] == voxels[1:]
    binned = binned_labels(made.labels)
    assert sha(binned) == "28c769ddb7555292" and np.count_nonzero(binned) == 288_093


def test_shapes_of_the_real_list_are_deepfinders(listed: TargetObjects, example: tuple) -> None:
    made = shape_target(listed, example[1], Place(EXAMPLE_SHAPE), compat=True)
    assert sha(made.labels) == "c8a38de7fadd7222"
    assert [c.voxels for c in made.report.classes] == counts(made.labels)[1:]
    binned = binned_labels(made.labels)
    assert sha(binned) == "faf8529a83078292" and np.count_nonzero(binned) == 310_384


def test_our_spheres_are_whole_and_about_the_exact_centre() -> None:
    one = objects((1, (15, 15, 15)))
    assert counts(sphere_target(one, {1: 10}, Place((30, 30, 30))).labels)[1] == 4169
    assert counts(sphere_target(one, {1: 10}, Place((30, 30, 30)), compat=True).labels)[1] == 4166
    between = objects((1, (14.7, 15.2, 15.5)))
    made = sphere_target(between, {1: 6.5}, Place((30, 30, 30))).labels
    grid = np.stack(np.meshgrid(*[np.arange(30)] * 3, indexing="ij"), axis=-1)
    np.testing.assert_array_equal(made == 1, ((grid - [14.7, 15.2, 15.5]) ** 2).sum(-1) <= 6.5**2)
    cut = sphere_target(between, {1: 6.5}, Place((30, 30, 30)), compat=True).labels
    at_whole = sphere_target(objects((1, (14, 15, 15))), {1: 6.5}, Place((30, 30, 30)), compat=True).labels
    np.testing.assert_array_equal(cut, at_whole)


def test_deepfinders_spheres_are_turned_where_there_are_angles() -> None:
    turn = np.array([[[1, 0, 0], [0, 0, -1], [0, 1, 0]]], dtype=float)  # a quarter about z: the missing tip moves
    turned = sphere_target(objects((1, (8, 8, 8)), matrices=turn), {1: 3}, Place((16, 16, 16)), compat=True)
    plain = sphere_target(objects((1, (8, 8, 8))), {1: 3}, Place((16, 16, 16)), compat=True)
    assert plain.labels[8, 5, 8] == 1 and plain.labels[8, 11, 8] == 0
    assert (turned.labels != plain.labels).any()
    assert turned.report.classes[0].unturned == plain.report.classes[0].unturned == 0


def random_objects(seed: int, count: int, shape: tuple[int, ...]) -> TargetObjects:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-4, np.array(shape) + 4, (count, 3))
    matrices = Rotation.random(count, rng=rng).as_matrix()
    return TargetObjects(centres, rng.integers(1, 4, count), matrices, np.arange(count), {})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shapes=st.booleans(), compat=st.booleans())
def test_a_box_is_what_the_whole_has_there(seed: int, shapes: bool, compat: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = (18, 22, 26)
    many = random_objects(seed, 30, shape)
    initial = rng.integers(0, 6, shape).astype(np.int8)
    masks = {label: (rng.random((6 + label,) * 3) > 0.4).astype(np.int8) for label in (1, 2, 3)}

    def make(place: Place) -> Target:
        if shapes:
            return shape_target(many, masks, place, initial=initial, compat=compat)
        return sphere_target(many, {1: 2.5, 2: 3, 3: 5}, place, initial=initial, compat=compat)

    whole = make(Place(shape))
    start = rng.integers(0, np.array(shape) - 6)
    stop = start + rng.integers(1, np.array(shape) - start + 1)
    box = make(Place(shape, tuple(start.tolist()), tuple(stop.tolist())))
    np.testing.assert_array_equal(box.labels, whole.labels[tuple(map(slice, start, stop))])
    voxels = {c.label: c.voxels for c in whole.report.classes}
    below = {b.label: b.voxels - b.covered for b in whole.report.initial or ()}
    found = counts(whole.labels)
    for label in range(1, 6):
        assert found[label] == voxels.get(label, 0) + below.get(label, 0)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_report_counts_what_happens(seed: int) -> None:
    shape = (18, 22, 26)
    many = random_objects(seed, 25, shape)
    radii = {1: 2.0, 2: 3.3, 3: 4.0}
    report = sphere_target(many, radii, Place(shape)).report
    grid = np.stack(np.meshgrid(*[np.arange(-12, n + 12) for n in shape], indexing="ij"), axis=-1)
    inside = ((grid >= 0) & (grid < shape)).all(-1)
    expected = np.zeros(grid.shape[:3], int)
    clipped, outside, pairs = dict.fromkeys(radii, 0), dict.fromkeys(radii, 0), {}
    for label, centre in zip(many.labels.tolist(), many.centres, strict=True):
        own = ((grid - centre) ** 2).sum(-1) <= radii[label] ** 2
        outside[label] += not (own & inside).any()
        clipped[label] += bool((own & inside).any() and (own & ~inside).any())
        for under in (1, 2, 3):
            voxels = int((own & inside & (expected == under)).sum())
            pairs[under, label] = pairs.get((under, label), 0) + voxels
        expected[own] = label
    assert {c.label: c.clipped for c in report.classes} == clipped
    assert {c.label: c.outside for c in report.classes} == outside
    assert {(o.under, o.over): o.voxels for o in report.overlaps} == {k: v for k, v in pairs.items() if v}
    assert {c.label: c.voxels for c in report.classes} == {k: int((expected[inside] == k).sum()) for k in radii}


def test_faces_cut_objects_and_tiny_ones_leave_nothing() -> None:
    many = objects((1, (0, 5, 5)), (1, (5, 5, 5)), (1, (5, 5, 40)), (2, (5.5, 5.5, 5.5)))
    report = sphere_target(many, {1: 2, 2: 0.4}, Place((11, 11, 11))).report
    first, second = report.classes
    assert (first.objects, first.clipped, first.outside) == (3, 1, 1)
    assert (second.objects, second.voxels, second.outside) == (1, 0, 1)
    assert report.lines()[0].endswith("1 cut by a face of the tomogram, 1 without a voxel in it")
    assert report.as_dict()["classes"][0] == {
        "label": 1, "name": "ribosome", "objects": 3, "voxels": 56, "clipped": 1, "outside": 1,
    }  # fmt: skip


def test_an_initial_map_lies_under_the_objects() -> None:
    initial = np.zeros((10, 10, 10), np.float32)
    initial[:, :, 4:6] = 13
    made = sphere_target(objects((1, (5, 5, 5))), {1: 2}, Place((10, 10, 10)), initial=initial)
    expected = initial.astype(np.int8)
    alone = sphere_target(objects((1, (5, 5, 5))), {1: 2}, Place((10, 10, 10))).labels
    expected[alone == 1] = 1
    np.testing.assert_array_equal(made.labels, expected)
    covered = int(((alone == 1) & (initial == 13)).sum())
    assert (
        made.report.lines()[1] == f"label 13 (label 13) of the initial map: 200 voxels, {covered} of them under objects"
    )


def test_shapes_lie_about_the_exact_centre() -> None:
    upright = np.eye(3)[None]
    mask = block(4, 4, 4)
    made = shape_target(objects((1, (10, 10, 10)), matrices=upright), {1: mask}, Place((20, 20, 20))).labels
    assert np.argwhere(made).min() == 8 and np.argwhere(made).max() == 11
    moved = shape_target(objects((1, (10.4, 10, 10)), matrices=upright), {1: mask}, Place((20, 20, 20))).labels
    np.testing.assert_array_equal(moved, made)
    moved = shape_target(objects((1, (10.6, 10, 10)), matrices=upright), {1: mask}, Place((20, 20, 20))).labels
    np.testing.assert_array_equal(moved, np.roll(made, 1, axis=0))


def test_masks_of_another_voxel_size_are_scaled() -> None:
    upright = np.eye(3)[None]
    made = shape_target(
        objects((1, (15, 15, 15)), matrices=upright), {1: block(5, 5, 5)}, Place((30, 30, 30)), scales={1: 2.0}
    ).labels
    assert np.ptp(np.argwhere(made), axis=0).tolist() == [10, 10, 10]  # half of an outer voxel's slope belongs to it


def test_shapes_need_orientations_but_not_as_deepfinder() -> None:
    matrices = np.stack([np.eye(3), UNKNOWN, UNKNOWN])
    three = objects((1, (5, 5, 5)), (2, (5, 5.5, 5)), (1, (9, 9, 9)), matrices=matrices)
    masks = {1: block(4, 4, 4), 2: block(3, 3, 3)}
    with pytest.raises(
        UserError, match=r"2 of 3 objects have no orientation, the first is object 2 \(gold at x 5, y 5.5"
    ):
        shape_target(three, masks, Place((14, 14, 14)))
    made = shape_target(three, masks, Place((14, 14, 14)), compat=True)
    assert [c.unturned for c in made.report.classes] == [1, 1]
    assert "1 not turned, for want of angles" in made.report.lines()[0]
    np.testing.assert_array_equal(made.labels[7:11, 7:11, 7:11], 1)


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (
            3,
            r"object 1 \(label 3 at x 2, y 2, z 2\) has the label 3, which has no radius \(radii are given",
        ),
        (0, "has the label 0, and a target holds 1 to 127"),
        (128, "has the label 128, and a target holds 1 to 127"),
        (-1, "has the label -1"),
    ],
)
def test_labels_beyond_the_list_are_refused(label: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        sphere_target(objects((label, (2, 2, 2))), {1: 2, 2: 3, **({} if label == 3 else {label: 2})}, Place((5, 5, 5)))


def test_what_does_not_fit_is_refused() -> None:
    one, place = objects((1, (2, 2, 2))), Place((5, 6, 7))
    with pytest.raises(UserError, match="which has no mask"):
        shape_target(one, {2: block(3, 3, 3)}, place)
    with pytest.raises(UserError, match="The radius -2 voxels of ribosome is not possible"):
        sphere_target(one, {1: -2}, place)
    with pytest.raises(UserError, match=r"differ in shape \(5×6×8 and 5×6×7 voxels"):
        sphere_target(one, {1: 2}, place, initial=np.zeros((5, 6, 8)))
    for value in (-1, 128, 0.5, np.nan):
        with pytest.raises(UserError, match=f"The initial label map holds {value:g}, which is no label"):
            sphere_target(one, {1: 2}, place, initial=np.full((5, 6, 7), value))
    with pytest.raises(UserError, match=r"ribosome: The mask is empty"):
        shape_target(objects((1, (2, 2, 2)), matrices=np.eye(3)[None]), {1: np.zeros((3, 3, 3))}, place)


def test_no_objects_give_an_empty_target() -> None:
    none = objects_from_table(ObjectTable(pd.DataFrame(columns=["tomogram", "class"])), {"ribosome": 1})
    made = sphere_target(none, {1: 3}, Place((4, 5, 6)))
    assert not made.labels.any() and made.report.classes[0].objects == 0


def test_progress_reaches_the_end() -> None:
    seen: list[float] = []
    sphere_target(
        random_objects(0, 40, (20, 20, 20)),
        {1: 2, 2: 2, 3: 2},
        Place((20, 20, 20)),
        progress=lambda f, _: seen.append(f),
    )
    assert seen and seen[-1] == 1.0
