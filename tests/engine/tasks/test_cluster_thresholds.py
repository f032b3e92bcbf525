"""Limits fitted on a tomogram whose objects are known, as they are stored with a model."""

import numpy as np
import pandas as pd
import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.project import Project
from engine.tasks import find_task, validated
from engine.tasks.cluster_thresholds import as_stored, fit_on_reference
from engine.tasks.clustering import choose, find_candidates
from engine.volumes import write_mrc

SHAPE = (30, 60, 60)
GEOMETRY = TomogramGeometry(SHAPE, (10.0, 10.0, 10.0))
TRUE = [(14, 12, 12), (14, 30, 12), (14, 48, 12)]
FALSE = [(14, 12, 44), (14, 44, 44)]


@pytest.fixture
def project(tmp_path):
    """Balls of radius 4: three true ones that score 0.9, 0.8 and 0.4, and two false ones of 0.3 and 0.6."""
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data" / "ts.mrc", np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), (10.0,) * 3)
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
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


def reference(places=TRUE, scale=1.0, geometry=GEOMETRY, name="barrel"):
    z, y, x = ((np.array(places, float) + 0.5) * scale - 0.5).T
    rows = pd.DataFrame({"tomogram": "ts", "class": name, "x": x, "y": y, "z": z})
    return ObjectTable(rows, {"ts": geometry})


def asked(**more):
    return validated(find_task("cluster"), {"segmentations": ["ts__net"], **more})


def test_for_f1_and_for_f4(project):
    one = fit_on_reference(project, asked(), reference())
    assert one["barrel"].score == pytest.approx(0.4, abs=1e-3), "3 of 4: better than 2 of 2 with one missed"
    assert (one["barrel"].found, one["barrel"].kept, one["barrel"].truths) == (3, 4, 3)
    assert "truth has no object of this class" in one["hook"].note
    first = fit_on_reference(project, asked(), reference(TRUE[:1]))
    assert first["barrel"].score == pytest.approx(0.9, abs=1e-3)
    four = fit_on_reference(project, asked(), reference(), beta=4)
    assert four["barrel"].recall == 1.0


def test_stored_limits_are_used_as_they_were_fitted(project):
    for method in ("peaks", "components"):
        fitted = fit_on_reference(project, asked(method=method), reference())
        path = project.segmentation_path("ts", "net")
        made_by = project.segmentation("ts__net").made_by
        project.write_provenance(path, {**made_by, "thresholds": as_stored(fitted, method, 10.0)})
        job = EchoJob()
        find_task("cluster").run(asked(method=method), project, job)
        assert job.outputs[-1]["objects"] == fitted["barrel"].kept == 4


def test_a_reference_in_another_binning(project):
    coarse = TomogramGeometry((15, 30, 30), (20.0, 20.0, 20.0))
    fitted = fit_on_reference(project, asked(), reference(scale=0.5, geometry=coarse), reach=0.5)
    assert fitted["barrel"].found == 3


def test_a_reference_without_such_objects(project):
    with pytest.raises(UserError, match="no object of the classes barrel, hook in ts"):
        fit_on_reference(project, asked(), reference(name="ribosome"))
    with pytest.raises(UserError, match="reach is 0 radii"):
        fit_on_reference(project, asked(), reference(), reach=0)


def test_sizes_are_counted_in_the_voxels_they_were_fitted_in(project):
    """A limit of 10 voxels of 20 Å is one of 80 voxels of 10 Å."""
    path = project.segmentation_path("ts", "net")
    made_by = project.segmentation("ts__net").made_by
    limits = {"barrel": {"score": None, "size": 10, "method": "peaks", "voxel_size": 20.0}}
    project.write_provenance(path, {**made_by, "thresholds": limits})
    clustered = find_candidates(project, "ts__net", asked())
    assert [s.min_size for s in choose(clustered, asked()).settings] == [80.0, None]
