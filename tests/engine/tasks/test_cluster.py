"""The task "cluster" from label maps and score maps in a project to an object table."""

from pathlib import Path

import numpy as np
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.instances import count_by_class, deepfinder_clusters
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.tasks.cluster_parameters import ClusterParameters
from engine.tasks.clustering import choose, find_candidates, inside
from engine.volumes import write_mrc

TASK = find_task("cluster")
SHAPE = (40, 52, 57)
VOXEL = (10.0, 10.0, 10.0)
RADII = {"ribosome": 60.0, "hook": 30.0}
# Class, centre (z, y, x), score; the second hook lies next to the ribosome it touches, the last one at a face.
OBJECTS = [
    ("ribosome", (14, 14, 14), 0.9),
    ("ribosome", (26, 38, 40), 0.5),
    ("hook", (14, 40, 12), 0.8),
    ("hook", (14, 14, 23), 0.7),
    ("hook", (30, 12, 54), 0.2),
]
CLASSES = {
    1: {"name": "ribosome", "colour": "#0072B2", "radius": 60.0},
    4: {"name": "hook", "colour": "#D55E00", "radius": 30.0},
}
LABEL = {"ribosome": 1, "hook": 4}


def ball(shape, centre, radius):
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)) <= radius**2


def maps(binning=1):
    """Label map and score maps (as bytes) of the objects."""
    shape = tuple(-(-n // binning) for n in SHAPE)
    labels = np.zeros(shape, np.int8)
    scores = {label: np.zeros(shape, np.uint8) for label in CLASSES}
    for name, centre, score in OBJECTS:
        inner = ball(shape, [(c + 0.5) / binning - 0.5 for c in centre], RADII[name] / 10 / binning)
        labels[inner] = LABEL[name]
        scores[LABEL[name]][inner] = round(255 * score)
    return labels, scores


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two tomograms of noise, without segmentations."""
    (tmp_path / "data").mkdir()
    for number, name in enumerate(("ts1", "ts2")):
        noise = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
        write_mrc(tmp_path / "data" / f"{name}.mrc", noise, VOXEL)
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    return made


def add(project, key, labels, scores=None, **made_by):
    tomogram, name = key.split("__")
    path = project.segmentation_path(tomogram, name)
    write_mrc(path, labels, VOXEL)
    project.write_provenance(path, {"task": "segment", "classes": CLASSES, **made_by})
    for label, values in (scores or {}).items():
        folder = path.with_name(f"{key}_scores")
        folder.mkdir(exist_ok=True)
        write_mrc(folder / f"{label}.mrc", values, VOXEL)


@pytest.fixture
def segmented(project: Project) -> Project:
    """The first tomogram with a label map and score maps."""
    labels, scores = maps()
    add(project, "ts1__net", labels, scores)
    return project


def parameters(*keys, **more) -> ClusterParameters:
    found = validated(TASK, {"segmentations": list(keys or ["ts1__net"]), **more})
    assert isinstance(found, ClusterParameters)
    return found


def run(project, *keys, **more):
    """The rows of the table that the task writes, its name and the job."""
    job = EchoJob()
    TASK.run(parameters(*keys, **more), project, job)
    table = project.tables.read(job.outputs[-1]["name"])
    return table.rows, job


def matches(rows, objects=OBJECTS, tolerance=0.3):
    """Whether exactly these objects are there, with their class."""
    found = {(r["class"], round(r.z), round(r.y), round(r.x)) for _, r in rows.iterrows()}
    near = all(
        min(np.linalg.norm(rows[["z", "y", "x"]].to_numpy() - c, axis=1), default=99) < tolerance for _, c, _ in objects
    )
    return near and found == {(name, *centre) for name, centre, _ in objects}


@pytest.mark.parametrize("method", ["peaks", "components", "mean shift"])
def test_classes_places_sizes_and_scores(segmented, method):
    rows, job = run(segmented, method=method)
    assert matches(rows, tolerance=0.5)
    first = rows[(rows["class"] == "ribosome") & (rows["x"] < 20)].iloc[0]
    # The hook beside it took a voxel where both meet. Peaks count voxels by their score.
    voxels = first["size"] / (0.9 if method == "peaks" else 1)
    assert 920 <= voxels <= 928
    assert first["score"] == pytest.approx(0.9, abs=0.02)
    assert job.outputs == [
        {"kind": "table", "name": "objects_net", "path": str(segmented.tables.path("objects_net")), "objects": 5}
    ]
    made_by = segmented.tables.provenance("objects_net")
    assert made_by["task"] == "cluster"
    assert made_by["settings"]["method"] == method
    assert made_by["inputs"][0]["path"].endswith("ts1__net.mrc")
    assert made_by["tomograms"]["ts1"]["shape"] == list(SHAPE)
    known = {c.name: c for c in segmented.classes}
    assert (known["hook"].radius, known["hook"].colour) == (30.0, "#D55E00")


@pytest.mark.parametrize("method", ["peaks", "components", "mean shift"])
def test_a_label_map_alone(project, method):
    add(project, "ts1__net", maps()[0])
    rows, _ = run(project, method=method)
    assert matches(rows, tolerance=0.5)
    assert rows["score"].isna().all() == (method != "peaks")


@pytest.mark.parametrize("method", ["peaks", "components", "mean shift"])
def test_a_binned_label_map_gives_places_in_the_tomogram(project, method):
    labels, scores = maps(binning=2)
    assert labels.shape == (20, 26, 29), "57 is odd: one more than half"
    add(project, "ts1__net", labels, scores)
    rows, _ = run(project, method=method, min_size=8)
    found = rows[["z", "y", "x"]].to_numpy()
    for name, centre, score in OBJECTS:
        distance = np.linalg.norm(found - centre, axis=1)
        assert distance.min() < 1, "half a voxel of the binned map"
        nearest = rows.iloc[int(distance.argmin())]
        assert nearest["class"] == name
        assert nearest["size"] % 8 == 0
        voxels = nearest["size"] / (score if method == "peaks" else 1)
        assert voxels == pytest.approx(4 / 3 * np.pi * (RADII[name] / 10) ** 3, rel=0.35)
    assert len(rows) == len(OBJECTS)


def test_deepfinders_way(segmented):
    rows, _ = run(segmented, method="mean shift", compat=True, bandwidth=5)
    plain = deepfinder_clusters(maps()[0], 5)
    assert rows["size"].tolist() == plain.sizes.tolist()
    np.testing.assert_array_equal(rows[["z", "y", "x"]].to_numpy(), plain.centres)
    assert [LABEL[name] for name in rows["class"]] == plain.labels.tolist()


def test_deepfinders_way_on_a_binned_map_takes_five_of_its_voxels(project):
    labels, _ = maps(binning=2)
    add(project, "ts1__net", labels, classes={})
    rows, _ = run(project, method="mean shift", compat=True)
    plain = deepfinder_clusters(labels, 5)
    np.testing.assert_allclose(rows[["z", "y", "x"]].to_numpy(), (plain.centres + 0.5) * 2 - 0.5)
    assert set(rows["class"]) <= {"label 1", "label 4"}
    half, _ = run(project, method="mean shift", compat=True, bandwidth=10)
    np.testing.assert_array_equal(half["x"], rows["x"])


def test_limits_choose_without_finding_again(segmented):
    asked = parameters(merge=0)
    clustered = find_candidates(segmented, "ts1__net", asked)
    count = lambda **more: count_by_class(clustered.candidates, choose(clustered, parameters(**more)).kept)  # noqa: E731
    assert count() == {1: 2, 4: 3}
    assert count(min_score=0.6) == {1: 1, 4: 2}
    assert count(min_score=0.6, min_score_by_class={"ribosome": 0.4}) == {1: 2, 4: 2}
    assert count(min_size=200) == {1: 2, 4: 0}
    assert count(max_size=200) == {1: 0, 4: 3}
    assert count(min_size_by_class={"ribosome": 2000}) == {1: 0, 4: 3}
    assert count(max_size_by_class={"hook": 10}) == {1: 2, 4: 0}
    assert count(exclude_border=5) == {1: 2, 4: 2}
    assert count(merge=2.5) == {1: 2, 4: 2}, "ribosome and hook 9 apart, 2.5 × 4.5 is more"


def test_the_models_limits_count_unless_others_are_given(project):
    labels, scores = maps()
    thresholds = {"ribosome": {"score": 0.6, "size": None}, "hook": {"score": None, "size": 120}}
    add(project, "ts1__net", labels, scores, thresholds=thresholds)
    rows, _ = run(project)
    assert rows["class"].tolist().count("ribosome") == 1
    assert run(project, model_thresholds=False)[0]["class"].tolist().count("ribosome") == 2
    assert run(project, min_score_by_class={"ribosome": 0.4})[0]["class"].tolist().count("ribosome") == 2
    made_by = project.tables.provenance("objects_net")
    assert made_by["limits"]["ts1__net"]["ribosome"] == {"score": 0.6, "size": None, "largest": None}


def test_limits_of_another_method_or_without_scores_are_told(project, capsys):
    labels, scores = maps()
    add(project, "ts1__a", labels, scores, thresholds={"ribosome": {"score": 0.6, "size": 9, "method": "peaks"}})
    add(project, "ts1__b", labels, thresholds={"ribosome": {"score": 0.6, "size": 9}})
    assert len(run(project, "ts1__a", method="components")[0]) == 5
    assert "limits for ribosome were fitted for peaks: not used" in capsys.readouterr().err
    assert len(run(project, "ts1__b", method="components")[0]) == 5
    assert "lowest score for ribosome is not used: there are no score maps" in capsys.readouterr().err


def test_several_tomograms_make_one_table_and_one_that_fails_is_left_out(segmented, capsys):
    add(segmented, "ts2__net", np.zeros(SHAPE, np.int8))
    add(segmented, "ts2__wrong", np.zeros((9, 9, 9), np.int8))
    with pytest.raises(UserError, match="1 of 3 failed; the others are done"):
        run(segmented, "ts1__net", "ts2__net", "ts2__wrong", name="all")
    table = segmented.tables.read("all")
    assert matches(table.rows)
    assert set(table.tomograms) == {"ts1", "ts2"}, "that nothing was found in ts2 is known too"
    said = capsys.readouterr().err
    assert "ts2__net: 0 objects: no voxel of the label map belongs to a class" in said
    assert "differ in shape (9×9×9 and 40×52×57 voxels), and it is not binned by 2 either" in said


def test_an_empty_label_map_gives_an_empty_table(project):
    add(project, "ts1__net", np.zeros(SHAPE, np.int8))
    for method in ("peaks", "components", "mean shift"):
        rows, job = run(project, method=method)
        assert len(rows) == 0
        assert job.outputs[-1]["objects"] == 0
    assert len(run(project, method="mean shift", compat=True)[0]) == 0


def test_peaks_find_what_is_likelier_background(project):
    _, scores = maps()
    add(project, "ts1__net", np.zeros(SHAPE, np.int8), scores)
    assert matches(run(project)[0])
    assert len(run(project, method="components")[0]) == 0


def test_only_some_classes(segmented):
    rows, _ = run(segmented, classes=["hook"])
    assert set(rows["class"]) == {"hook"}
    assert len(rows) == 3


def test_classes_come_from_the_feature_library_where_the_segmentation_says_nothing(project):
    add(project, "ts1__net", maps()[0], classes=None)
    with pytest.raises(UserError, match=r"label 1 \(1,8\d\d voxels\), but the radius of label 1 is not known"):
        run(project)
    project.add_class("ribosome", 60.0)  # label 1
    with pytest.raises(UserError, match="label 4"):
        run(project)
    rows, _ = run(project, default_radius=30.0)
    assert set(rows["class"]) == {"ribosome", "label 4"}
    rows, _ = run(project, radii={"label 4": 30.0}, name="named")
    assert len(rows) == 5


def test_names_of_an_older_description_count(project):
    add(project, "ts1__net", maps()[0], classes=None, names={"1": "ribosome", "4": "hook"})
    rows, _ = run(project, radii=RADII)
    assert matches(rows)


@pytest.mark.parametrize("binning", [1, 2])
@pytest.mark.parametrize("method", ["peaks", "components", "mean shift"])
def test_a_preview_shows_what_the_run_finds_there(project, method, binning):
    labels, scores = maps(binning)
    add(project, "ts1__net", labels, scores)
    rows, _ = run(project, method=method)
    box = Box((3, 5, 7), (33, 35, 37))
    shown = TASK.preview(parameters(method=method), project, "ts1", box)
    within = rows[inside(rows[["z", "y", "x"]].to_numpy(), box)]
    assert 1 <= len(within) < len(rows)
    np.testing.assert_allclose(np.sort(shown.picks, 0), np.sort(within[["x", "y", "z"]].to_numpy(), 0), atol=0.5)
    assert shown.labels.shape == box.shape
    whole = np.repeat(np.repeat(np.repeat(labels, binning, 0), binning, 1), binning, 2)
    np.testing.assert_array_equal(shown.labels, whole[box.slices])
    assert f"{len(within)} objects" in shown.text or len(within) == 1
    fewer = choose(shown.basis, parameters(method=method, min_size=400)).kept
    assert fewer.sum() < len(shown.basis.candidates)


def test_a_preview_where_there_is_nothing(segmented):
    shown = TASK.preview(parameters(), segmented, "ts1", Box((0, 44, 44), (6, 52, 56)))
    assert shown.text == "0 objects in the box, of 0 candidates."
    assert shown.picks.shape == (0, 3)
    with pytest.raises(UserError, match="belongs to ts2"):
        TASK.preview(parameters(), segmented, "ts2", Box((0, 0, 0), (6, 6, 6)))


def test_score_maps_that_are_wrong(segmented):
    folder = segmented.segmentation_path("ts1", "net").with_name("ts1__net_scores")
    bad = np.zeros(SHAPE, np.float32)
    bad[3, 4, 5] = np.nan
    write_mrc(folder / "4.mrc", bad, VOXEL)
    with pytest.raises(UserError, match="score map of class 4 holds NaN"):
        run(segmented)
    write_mrc(folder / "4.mrc", np.zeros((4, 5, 6), np.float32), VOXEL)
    with pytest.raises(UserError, match=r"4.mrc and ts1__net.mrc differ in shape \(4×5×6 and 40×52×57 voxels\)"):
        run(segmented)
    assert len(run(segmented, use_scores=False)[0]) == 5
    (folder / "4.mrc").unlink()
    with pytest.raises(UserError, match="no score map of the class with label 4"):
        run(segmented)
    assert not [name for name in segmented.tables.names() if name != "objects_net"]


def test_a_limit_on_scores_that_nobody_knows(project):
    add(project, "ts1__net", maps()[0])
    with pytest.raises(UserError, match="lowest score is set for ribosome, but ts1__net has no score maps"):
        run(project, method="components", min_score=0.5)
    assert len(run(project, method="peaks", min_score=0.5)[0]) == 5


def test_a_name_that_is_no_class(segmented):
    with pytest.raises(UserError, match=r"min_score_by_class names 'ribosom'.*\(classes: hook, ribosome\)"):
        run(segmented, min_score_by_class={"ribosom": 0.5})


def test_a_description_that_makes_no_sense(segmented):
    path = segmented.segmentation_path("ts1", "net")
    segmented.write_provenance(path, {"classes": {"one": {"name": "a"}}})
    with pytest.raises(UserError, match="does not describe its classes in a known way"):
        run(segmented)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"bandwidth": -3}, "bandwidth = -3 is not allowed"),
        ({"bandwidth_by_class": {"hook": -3}}, "hook is -3"),
        ({"radii": {"hook": 0}}, "hook is 0"),
        ({"min_score": 2}, "min_score = 2"),
        ({"min_score_by_class": {"hook": 2}}, "between 0 and 1"),
        ({"min_size_by_class": {"hook": -1}}, "must not be negative"),
        ({"min_size": 9, "max_size": 8}, r"largest size \(8\) is below the smallest \(9\)"),
        ({"compat": True}, "DeepFinder finds objects by mean shift, not by peaks"),
        ({"method": "magic"}, "method = 'magic'"),
        ({"segmentations": []}, "segmentations"),
        ({"name": "a__b"}, "does not work as a file name"),
    ],
)
def test_parameters_that_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        validated(TASK, {"segmentations": ["ts1__net"], **wrong})
