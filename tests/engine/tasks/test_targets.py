"""The task "targets": its files and descriptions, what is kept, refused and left out, and its preview."""

from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
import yaml

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, relion_from_rotation
from engine.objects.orientations import rotation_from_deepfinder
from engine.objects.review import set_verdict
from engine.project import Project
from engine.tasks import Box, find_task, validated
from engine.terminal import EchoJob
from engine.volumes import write_mrc

TASK = find_task("targets")
SHAPE = (20, 24, 28)
VOXEL = (10.0, 10.0, 10.0)


class Log(EchoJob):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    for name in ("ts_01", "ts_02"):
        write_mrc(tmp_path / "data" / f"{name}.mrc", np.zeros(SHAPE, np.int8), VOXEL, (1.0, 2.0, 3.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    made.add_class("ribosome", 40.0)
    made.add_class("gold", 20.0, "#112233")
    made.add_class("membrane", 30.0)
    rows = pd.DataFrame(
        {
            "tomogram": ["ts_01", "ts_01", "ts_02", "ts_02"],
            "class": ["ribosome", "gold", "ribosome", "gold"],
            "x": [10.0, 1.0, 14.0, 15.0],
            "y": [11.0, 12.0, 12.0, 12.0],
            "z": [9.0, 10.0, 10.0, 10.0],
        }
    )
    made.tables.create("picks", ObjectTable(rows, {n: made.geometry(n) for n in ("ts_01", "ts_02")}), {"task": "x"})
    return made


def run(project: Project, **parameters: object) -> Log:
    job = Log()
    TASK.run(validated(TASK, {"table": "picks", **parameters}), project, job)
    return job


def labels(project: Project, tomogram: str = "ts_01", name: str = "target") -> np.ndarray:
    return np.array(mrcfile.read(project.segmentation_path(tomogram, name)))


def description(project: Project, tomogram: str = "ts_01", name: str = "target") -> dict:
    return yaml.safe_load(project.segmentation_path(tomogram, name).with_suffix(".yaml").read_text())


def ball(centre_xyz: tuple[float, float, float], radius: float) -> np.ndarray:
    z, y, x = np.indices(SHAPE)
    return (x - centre_xyz[0]) ** 2 + (y - centre_xyz[1]) ** 2 + (z - centre_xyz[2]) ** 2 <= radius**2


def give_angles(project: Project, phi: float = 0.0, psi: float = 0.0, the: float = 0.0) -> None:
    table, version = project.tables.read_version("picks")
    rows = table.rows.copy()
    rows[["rot", "tilt", "psi"]] = relion_from_rotation(rotation_from_deepfinder([[phi, psi, the]] * len(rows)))
    project.tables.save("picks", table.with_rows(rows), version)


def write_mask(project: Project, name: str, mask: np.ndarray, voxel_size: tuple | None = VOXEL) -> str:
    (project.root / "masks").mkdir(exist_ok=True)
    write_mrc(project.root / "masks" / name, mask.astype(np.float32), voxel_size)
    return f"masks/{name}"


def test_spheres_of_the_class_radius_with_the_librarys_numbers(project: Project) -> None:
    job = run(project)
    expected = np.where(ball((1, 12, 10), 2), 2, np.where(ball((10, 11, 9), 4), 1, 0))
    np.testing.assert_array_equal(labels(project), expected)
    with mrcfile.open(project.segmentation_path("ts_01", "target")) as file:
        assert file.data.dtype == np.int8 and file.voxel_size.x == pytest.approx(10)
        assert float(file.header.origin.x) == 3.0
    made_by = description(project)
    assert made_by["task"] == "targets" and made_by["table"] == "picks"
    assert made_by["names"] == {"1": "ribosome", "2": "gold"}
    assert made_by["classes"][1] == {"label": 2, "name": "gold", "colour": "#112233", "radius": 20.0}
    voxels = np.bincount(expected.ravel()).tolist()
    assert made_by["labels"] == {str(k): v for k, v in enumerate(voxels)}
    assert made_by["report"]["classes"][1]["clipped"] == 1
    assert "ts_01: gold (label 2): 1 object, 32 voxels, 1 cut by a face of the tomogram" in job.lines
    assert any("gold 33" in line for line in job.lines if line.startswith("ts_02: ribosome"))
    assert [o["name"] for o in job.outputs] == ["target", "target"]


def test_what_stands_is_kept_and_what_changed_is_asked_about(project: Project) -> None:
    run(project)
    before = project.segmentation_path("ts_01", "target").stat().st_mtime_ns
    job = run(project)
    assert any("kept ts_01__target.mrc" in line for line in job.lines)
    assert project.segmentation_path("ts_01", "target").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"ts_01__target\.mrc exists and was made of other objects or otherwise"):
        run(project, radii={"gold": 30})
    assert project.segmentation_path("ts_01", "target").stat().st_mtime_ns == before
    run(project, radii={"gold": 30}, replace=True)
    assert (labels(project) == 2).sum() == (ball((1, 12, 10), 3) & (labels(project) == 2)).sum() > 33
    table, version = project.tables.read_version("picks")
    rows = table.rows.copy()
    rows.loc[0, "x"] = 11.0
    project.tables.save("picks", table.with_rows(rows), version)
    with pytest.raises(UserError, match="1 of 2 failed; the others are done"):  # ts_02 has the same objects still
        run(project, radii={"gold": 30})


def test_radii_can_be_given_in_voxels_and_shrunk(project: Project) -> None:
    run(project, radii={"ribosome": 5}, radius_unit="voxel", tomograms=["ts_01"])
    np.testing.assert_array_equal(labels(project) == 1, ball((10, 11, 9), 5) & ~ball((1, 12, 10), 2))
    run(project, radius_factor=0.5, tomograms=["ts_01"], name="small")
    np.testing.assert_array_equal(labels(project, name="small") == 1, ball((10, 11, 9), 2))


def test_chosen_classes_alone(project: Project) -> None:
    run(project, classes=["gold"])
    assert set(np.unique(labels(project))) == {0, 2}
    assert description(project)["names"] == {"2": "gold"}


def test_shapes_with_orientation_as_deepfinder_and_as_ours(project: Project) -> None:
    give_angles(project, phi=90)
    bar = np.zeros((8, 8, 8))
    bar[4, 4, 2:7] = 1  # along x; phi 90 turns it to y
    masks = {
        "ribosome": write_mask(project, "bar.mrc", bar),
        "gold": write_mask(project, "dot.mrc", np.ones((2, 2, 2))),
    }
    for compat in (True, False):
        run(project, strategy="shapes", masks=masks, tomograms=["ts_01"], compat=compat, name=f"shapes{compat:d}")
        found = np.argwhere(labels(project, name=f"shapes{compat:d}") == 1)
        assert found.tolist() == [[9, y, 10] for y in range(9, 14)]
    settings = description(project, name="shapes0")["settings"]
    assert settings["masks"]["ribosome"]["path"].endswith("bar.mrc") and settings["masks"]["ribosome"]["scale"] == 1


def test_masks_of_another_voxel_size_are_scaled(project: Project) -> None:
    give_angles(project)
    cube = np.zeros((7, 7, 7))
    cube[1:6, 1:6, 1:6] = 1
    masks = {"ribosome": write_mask(project, "cube.mrc", cube, (20.0, 20.0, 20.0))}
    run(project, strategy="shapes", masks=masks, classes=["ribosome"], tomograms=["ts_01"])
    assert np.ptp(np.argwhere(labels(project)), axis=0).tolist() == [10, 10, 10]
    run(
        project, strategy="shapes", masks=masks, classes=["ribosome"], tomograms=["ts_01"], name="given",
        mask_voxel_size=10.0,
    )  # fmt: skip
    assert np.ptp(np.argwhere(labels(project, name="given")), axis=0).tolist() == [4, 4, 4]


def test_shapes_that_cannot_be_made(project: Project, tmp_path: Path) -> None:
    mask = write_mask(project, "dot.mrc", np.ones((2, 2, 2)))
    with pytest.raises(UserError, match="The class gold has no mask: name a file for it"):
        run(project, strategy="shapes", masks={"ribosome": mask})
    both = {"ribosome": mask, "gold": mask}
    with pytest.raises(UserError, match="2 of 2 objects have no orientation, the first is object 1"):
        run(project, strategy="shapes", masks=both)
    job = run(project, strategy="shapes", masks=both, compat=True)
    assert any("1 not turned, for want of angles" in line for line in job.lines)
    write_mrc(tmp_path / "elsewhere.mrc", np.ones((2, 2, 2), np.int8), None)
    with pytest.raises(UserError, match=r"mask .*elsewhere.mrc of gold lies outside this project"):
        run(project, strategy="shapes", masks={**both, "gold": str(tmp_path / "elsewhere.mrc")})


def put(project: Project, tomogram: str, name: str, content: np.ndarray, made_by: dict) -> None:
    path = project.segmentation_path(tomogram, name)
    write_mrc(path, content, VOXEL)
    if made_by:
        project.write_provenance(path, made_by)


def test_membranes_lie_under_the_objects_with_the_librarys_number(project: Project) -> None:
    wall = np.zeros(SHAPE, np.int8)
    wall[:, :, 8:12] = 1
    put(project, "ts_01", "membranes", wall, {"names": {"1": "membrane"}})
    put(project, "ts_02", "membranes", wall * 3, {})  # says nothing: the numbers are the library's
    run(project, initial="membranes")
    for tomogram, centre in (("ts_01", (10, 11, 9)), ("ts_02", (14, 12, 10))):
        found = labels(project, tomogram)
        np.testing.assert_array_equal(found == 3, (wall == 1) & ~ball(centre, 4))
    made_by = description(project)
    assert made_by["names"] == {"1": "ribosome", "2": "gold", "3": "membrane"}
    assert made_by["labels"] == {str(k): v for k, v in enumerate(np.bincount(labels(project).ravel()).tolist())}
    assert made_by["report"]["initial"][0]["name"] == "membrane"
    assert [c["label"] for c in made_by["classes"]] == [1, 2, 3]


def test_initial_maps_that_do_not_fit(project: Project) -> None:
    put(project, "ts_01", "membranes", np.full(SHAPE, 1, np.int8), {"names": {"1": "particle cluster"}})
    put(project, "ts_01", "odd", np.zeros((20, 24, 29), np.int8), {})
    put(project, "ts_01", "high", np.full(SHAPE, 9, np.int8), {})
    put(project, "ts_01", "border", np.full(SHAPE, -1, np.int8), {})
    put(project, "ts_01", "scores", np.full(SHAPE, 0.5, np.float32), {})
    for name, says in (
        (
            "membranes",
            "ts_01__membranes has voxels of 'particle cluster' .label 1., and the feature library has no such",
        ),
        ("odd", "differ in shape .20×24×29 and 20×24×28 voxels"),
        ("high", "ts_01__high has voxels of the label 9, and the feature library has no such class"),
        ("border", "has voxels of the label -1"),
        ("scores", "ts_01__scores holds no labels but values from 0 to 0.5"),
        ("none", "ts_01 has no segmentation 'none' to put under the objects .it has: border, high"),
    ):
        with pytest.raises(UserError, match=says):
            run(project, initial=name, tomograms=["ts_01"])
    with pytest.raises(UserError, match="cannot be saved as 'target', which lies under its objects"):
        run(project, initial="target")


def test_one_tomogram_that_fails_does_not_stop_the_others(project: Project) -> None:
    put(project, "ts_02", "membranes", np.zeros(SHAPE, np.int8), {})
    with pytest.raises(UserError, match=r"1 of 2 failed; the others are done\. First: ts_01 has no segmentation"):
        run(project, initial="membranes")
    assert labels(project, "ts_02").any()
    assert not project.segmentation_path("ts_01", "target").exists()


def test_tables_that_do_not_fit(project: Project) -> None:
    with pytest.raises(UserError, match="nothing"):
        run(project, table="nothing")
    with pytest.raises(UserError, match="There is no class 'virus'"):
        run(project, classes=["virus"])
    with pytest.raises(UserError, match="The table picks holds no objects of membrane"):
        run(project, classes=["membrane"])
    with pytest.raises(UserError, match="A radius is given for virus, and the classes are ribosome, gold"):
        run(project, radii={"virus": 3})
    with pytest.raises(UserError, match="A radius is given for gold, which is none of the chosen classes"):
        run(project, classes=["ribosome"], radii={"gold": 3})
    for radius in (-3, 0):
        with pytest.raises(UserError, match=f"the radius of gold is {radius}, give one above 0"):
            run(project, radii={"gold": radius})
    with pytest.raises(UserError, match="The radius 500 voxels of gold is not possible"):
        run(project, radii={"gold": 5000}, tomograms=["ts_01"])


def test_classes_without_a_number_that_a_target_holds(project: Project) -> None:
    from engine.annotation import add_class
    from engine.project.class_library import edit_classes

    rows = pd.DataFrame({"tomogram": ["ts_01"] * 2, "class": ["virus", "big"], "x": 5.0, "y": 5.0, "z": 5.0})
    project.tables.create("others", ObjectTable(rows, {"ts_01": project.geometry("ts_01")}), {})
    with pytest.raises(UserError, match="The feature library has no class 'virus' and 1 more, which objects of others"):
        run(project, table="others")
    edit_classes(project, lambda c: add_class(c, "big", 30.0, label=200))
    with pytest.raises(UserError, match="class big has the label 200, which no target can hold"):
        run(project, table="others", classes=["big"])


def test_tomograms_that_do_not_fit(project: Project) -> None:
    rows = pd.DataFrame({"tomogram": ["ts_01", "gone"], "class": "gold", "x": 5.0, "y": 5.0, "z": 5.0})
    sizes = {name: TomogramGeometry((30, 30, 30), VOXEL) for name in ("ts_01", "gone")}
    project.tables.create("others", ObjectTable(rows, sizes), {})
    with pytest.raises(UserError, match="All 2 failed"):
        run(project, table="others")
    with pytest.raises(UserError, match=r"differ in shape \(20×24×28 and 30×30×30 voxels\)"):
        run(project, table="others", tomograms=["ts_01"])
    with pytest.raises(UserError, match="This project has no tomogram 'gone'"):
        run(project, table="others", tomograms=["gone"])
    with pytest.raises(UserError, match="others has no object of the chosen classes in ts_02: leave this tomogram out"):
        run(project, table="others", tomograms=["ts_02"])


def test_a_tomogram_without_objects_may_have_its_membranes(project: Project) -> None:
    rows = pd.DataFrame({"tomogram": ["ts_01"], "class": "gold", "x": 5.0, "y": 5.0, "z": 5.0})
    project.tables.create("few", ObjectTable(rows, {"ts_01": project.geometry("ts_01")}), {})
    put(project, "ts_02", "membranes", np.full(SHAPE, 3, np.int8), {})
    run(project, table="few", tomograms=["ts_02"], initial="membranes")
    assert (labels(project, "ts_02") == 3).all()


def test_the_preview_is_the_target_in_the_box(project: Project) -> None:
    parameters = validated(TASK, {"table": "picks"})
    run(project)
    box = Box((6, 8, 9), (14, 15, 19))
    assert TASK.preview is not None
    seen = TASK.preview(parameters, project, "ts_02", box)
    np.testing.assert_array_equal(seen.labels, labels(project, "ts_02")[box.slices])
    assert seen.picks is not None and sorted(seen.picks.tolist()) == [[14, 12, 10], [15, 12, 10]]
    assert seen.text.startswith("2 objects reach into the box, ")
    assert "33 voxels claimed by two objects" in seen.text
    nothing = TASK.preview(parameters, project, "ts_01", Box((0, 0, 20), (4, 4, 28)))
    assert not nothing.labels.any() and nothing.text == "No object of the chosen classes in the box."


def test_the_preview_of_a_tomogram_without_objects_says_where_they_are(project: Project) -> None:
    rows = pd.DataFrame({"tomogram": ["ts_01"], "class": "gold", "x": 5.0, "y": 5.0, "z": 5.0})
    project.tables.create("few", ObjectTable(rows, {"ts_01": project.geometry("ts_01")}), {})
    assert TASK.preview is not None
    seen = TASK.preview(validated(TASK, {"table": "few"}), project, "ts_02", Box((0, 0, 0), (8, 8, 8)))
    assert seen.text == "few has no object in ts_02; it has some in ts_01." and not seen.labels.any()


def test_a_rejected_pick_is_no_object(project: Project) -> None:
    table = project.table("picks")
    first = int(table.rows["id"].iloc[0])
    project.tables.create("judged", set_verdict(table, [first], "rejected"), {})
    run(project, table="judged")
    np.testing.assert_array_equal(labels(project), np.where(ball((1, 12, 10), 2), 2, 0))
