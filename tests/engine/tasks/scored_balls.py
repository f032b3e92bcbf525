"""A tomogram whose balls are labelled and scored, some of them truly objects, for limits fitted on what is known."""

from pathlib import Path

import numpy as np
import pandas as pd

from engine.networks.model import ModelDescription, save_model
from engine.networks.registry import build_network
from engine.objects import ObjectTable, TomogramGeometry
from engine.project import Project
from engine.tasks.provenance import file_identity
from engine.volumes import write_mrc

SHAPE = (30, 60, 60)
GEOMETRY = TomogramGeometry(SHAPE, (10.0, 10.0, 10.0))
TRUE = [(14, 12, 12), (14, 30, 12), (14, 48, 12)]
FALSE = [(14, 12, 44), (14, 44, 44)]


def scored_project(folder: Path) -> Project:
    """Balls of radius 4: three true ones that score 0.9, 0.8 and 0.4, and two false ones of 0.3 and 0.6."""
    (folder / "data").mkdir()
    write_mrc(folder / "data" / "ts.mrc", np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), (10.0,) * 3)
    made = Project.create(folder / "project")
    made.add_source(str(folder / "data"))
    z, y, x = np.indices(SHAPE)
    labels, scores = np.zeros(SHAPE, np.int8), np.zeros(SHAPE, np.float32)
    for centre, score in zip([*TRUE, *FALSE], (0.9, 0.8, 0.4, 0.3, 0.6), strict=True):
        inner = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= 16
        labels[inner], scores[inner] = 2, score
    path = made.segmentation_path("ts", "net")
    write_mrc(path, labels, (10.0,) * 3)
    folder = path.with_name("ts__net_scores")
    folder.mkdir()
    write_mrc(folder / "2.mrc", scores, (10.0,) * 3)
    classes = {2: {"name": "barrel", "radius": 40.0}, 3: {"name": "hook", "radius": 30.0}}
    made.write_provenance(path, {"classes": classes})
    write_mrc(folder / "3.mrc", np.zeros(SHAPE, np.float32), (10.0,) * 3)
    return made


def reference(places=TRUE, scale=1.0, geometry=GEOMETRY, name="barrel") -> ObjectTable:
    """The true objects as a table."""
    z, y, x = ((np.array(places, float) + 0.5) * scale - 0.5).T
    rows = pd.DataFrame({"tomogram": "ts", "class": name, "x": x, "y": y, "z": z})
    return ObjectTable(rows, {"ts": geometry})


def with_model(project: Project) -> Path:
    """The segmentation says that the model `net` made it."""
    classes = [
        {"name": "barrel", "label": 2, "radius": 40.0, "colour": "#0080ff"},
        {"name": "hook", "label": 3, "radius": 30.0, "colour": "#ff8000"},
    ]
    folder = project.make_model_folder("net")
    network = build_network("deepfinder", 3)
    save_model(folder, network, ModelDescription(architecture="deepfinder", classes=classes, patch=32))
    path = project.segmentation_path("ts", "net")
    made_by = project.segmentation("ts__net").made_by
    weights = file_identity(folder / "weights.pt")
    project.write_provenance(path, {**made_by, "model": "net", "settings": {"weights": weights}})
    return folder
