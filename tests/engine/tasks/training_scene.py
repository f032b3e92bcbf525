"""A project of small tomograms with balls of two classes, their targets and an object table."""

from pathlib import Path

import numpy as np
import pandas as pd

from engine.objects import ObjectTable
from engine.project import Project
from engine.volumes import write_mrc

SHAPE = (16, 24, 24)
VOXEL = (10.0, 10.0, 10.0)
CLASSES = {
    2: {"name": "ribosome", "colour": "#0072B2", "radius": 35.0},
    5: {"name": "gold", "colour": "#D55E00", "radius": 25.0},
}
RADII = {"ribosome": 3, "gold": 2}
LABELS = {"ribosome": 2, "gold": 5}
OBJECTS = {
    "ts1": [("ribosome", (5, 6, 7)), ("ribosome", (9, 17, 6)), ("gold", (8, 8, 18)), ("gold", (11, 18, 18))],
    "ts2": [("ribosome", (8, 7, 17)), ("gold", (5, 16, 5)), ("ribosome", (10, 18, 12))],
    "ts3": [("ribosome", (7, 9, 9)), ("gold", (9, 15, 17))],
}


def volumes(name: str, shape=SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Density and labels."""
    density = np.random.default_rng(int(name[-1])).normal(100, 5, shape).astype(np.float32)
    labels = np.zeros(shape, np.int8)
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    for kind, centre in OBJECTS[name]:
        inside = sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) <= RADII[kind] ** 2
        labels[inside] = LABELS[kind]
        density[inside] -= {"ribosome": 30, "gold": 80}[kind]
    return density, labels


def training_project(folder: Path) -> Project:
    """Three tomograms, a target "net" of each, and the table "objects"."""
    (folder / "data").mkdir(parents=True)
    for name in OBJECTS:
        write_mrc(folder / "data" / f"{name}.mrc", volumes(name)[0], VOXEL)
    project = Project.create(folder / "project")
    project.add_source(str(folder / "data"))
    for name in OBJECTS:
        set_target(project, name, volumes(name)[1])
    rows = [
        {"tomogram": name, "class": kind, "x": x, "y": y, "z": z}
        for name, objects in OBJECTS.items()
        for kind, (z, y, x) in objects
    ]
    geometries = {name: project.geometry(name) for name in OBJECTS}
    project.tables.create("objects", ObjectTable(pd.DataFrame(rows), geometries), {})
    return project


def set_target(project: Project, name: str, labels: np.ndarray, classes=CLASSES) -> None:
    """Write the target "net" of a tomogram."""
    path = project.segmentation_path(name, "net")
    write_mrc(path, labels, VOXEL)
    project.write_provenance(path, {"task": "targets", "classes": [{"label": n, **c} for n, c in classes.items()]})


def deepfinder_folder(folder: Path) -> Path:
    """`train/` with one tomogram and `valid/` with another, as DeepFinder wants them; labels are 1 and 2."""
    for part, names in (("train", ["ts1"]), ("valid", ["ts2"])):
        (folder / part).mkdir(parents=True)
        for name in names:
            density, labels = volumes(name)
            numbered = np.select([labels == 2, labels == 5], [1, 2]).astype(np.int8)
            write_mrc(folder / part / f"{name}.mrc", density, VOXEL)
            write_mrc(folder / part / f"{name}_target.mrc", numbered, VOXEL)
            (folder / part / f"{name}_objl.xml").write_text(object_list({name: 0}))
    return folder


def object_list(tomograms: dict[str, int]) -> str:
    """DeepFinder's list of the objects of some tomograms, with the number that each has."""
    lines = [
        f'  <object tomo_idx="{number}" class_label="{ {"ribosome": 1, "gold": 2}[kind] }" x="{x}" y="{y}" z="{z}"/>'
        for name, number in tomograms.items()
        for kind, (z, y, x) in OBJECTS[name]
    ]
    return "<objlist>\n" + "\n".join(lines) + "\n</objlist>\n"
