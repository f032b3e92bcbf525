"""Limits fitted on a tomogram whose objects are known, as they are stored with a model."""

import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.objects import TomogramGeometry
from engine.tasks import find_task, validated
from engine.tasks.cluster_thresholds import as_stored, fit_on_reference
from engine.tasks.clustering import choose, find_candidates
from tests.engine.tasks.scored_balls import TRUE, reference, scored_project


@pytest.fixture
def project(tmp_path):
    return scored_project(tmp_path)


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
