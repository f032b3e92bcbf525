"""The task "fit-limits": limits of a model from known objects, and what it refuses."""

import pytest

from engine.cli import EchoJob
from engine.errors import UserError
from engine.networks.model import read_description
from engine.tasks import find_task, validated
from tests.engine.tasks.scored_balls import TRUE, reference, scored_project, with_model

TASK = find_task("fit-limits")


@pytest.fixture
def project(tmp_path):
    return scored_project(tmp_path)


def asked(**more):
    return validated(TASK, {"segmentations": ["ts__net"], "reference": "truth", **more})


def test_limits_are_kept_with_the_model_and_count_at_once(project):
    project.tables.create("truth", reference(), {})
    folder = with_model(project)
    job = EchoJob()
    TASK.run(asked(judge="F4"), project, job)
    limits = job.outputs[-1]["limits"]
    assert limits["barrel"]["recall"] == 1.0 and limits["barrel"]["truths"] == 3
    assert "no object of this class" in limits["hook"]["note"] and limits["hook"]["f"] is None
    kept = read_description(folder)
    assert kept.thresholds["barrel"].score == pytest.approx(limits["barrel"]["score"])
    assert kept.made_by["limits"]["settings"]["judge"] == "F4"
    assert (folder / "weights.pt").exists()

    # The segmentation was made before the limits were: they count all the same.
    find_task("cluster").run(validated(find_task("cluster"), {"segmentations": ["ts__net"]}), project, job)
    assert job.outputs[-1]["objects"] == limits["barrel"]["kept"] == 4
    project.tables.create("one", reference(TRUE[:1]), {})
    TASK.run(asked(reference="one"), project, job)
    find_task("cluster").run(validated(find_task("cluster"), {"segmentations": ["ts__net"]}), project, job)
    assert job.outputs[-1]["objects"] == 1, "only the best is above the new limit"


def test_not_kept_when_not_asked(project):
    project.tables.create("truth", reference(), {})
    folder = with_model(project)
    before = (folder / "model.yaml").read_bytes()
    job = EchoJob()
    TASK.run(asked(keep=False), project, job)
    assert job.outputs[-1]["name"] == "truth" and job.outputs[-1]["kept"] is False
    assert (folder / "model.yaml").read_bytes() == before


def test_what_is_refused(project):
    project.tables.create("truth", reference(), {})
    with pytest.raises(UserError, match="ts__net cannot be kept: it does not say which model made it"):
        TASK.run(asked(), project, EchoJob())
    folder = with_model(project)
    (folder / "weights.pt").write_bytes(b"others")
    with pytest.raises(UserError, match="its model net is gone or was trained on"):
        TASK.run(asked(), project, EchoJob())
    with pytest.raises(UserError, match="'nothing'"):
        TASK.run(asked(reference="nothing", keep=False), project, EchoJob())
