"""The task "next-round" on tiny tomograms: from verdicts to tables, targets, and a training that says its origin."""

import shutil

import mrcfile
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from engine.annotation import add_class
from engine.errors import UserError
from engine.networks.model import load_model
from engine.objects import ObjectTable
from engine.project import Project
from engine.project.class_library import edit_classes
from engine.tasks import find_task, read_parameters, validated
from engine.tasks.next_round import parameters_path, rounds_of
from engine.tasks.next_round_plan import NextRoundParameters, parent_of, plan
from engine.tasks.train import training_data
from engine.tasks.training_checks import prepare
from engine.terminal import EchoJob
from engine.volumes import write_mrc
from tests.engine.tasks.training_scene import CLASSES, VOXEL, training_project

TRAINING = {
    "targets": ["ts1__target"],
    "validation": ["ts3__target"],
    "objects": "objects",
    "architecture": "deepfinder",
    "patch": 8,
    "batch": 2,
    "epochs": 1,
    "steps_per_epoch": 1,
    "steps_per_validation": 1,
    "random_shift": 2,
    "workers": 0,
    "name": "first",
}
PICKS = [
    ("ts1", "ribosome", (5, 6, 8), "accepted"),  # an example
    ("ts1", "gold", (12, 4, 4), "accepted"),
    ("ts1", "ribosome", (10, 12, 12), "rejected"),
    ("ts1", "gold", (3, 20, 12), ""),
    ("ts2", "ribosome", (8, 7, 17), "accepted"),
    ("ts3", "ribosome", (7, 9, 9), "rejected"),
]


class Listening(EchoJob):
    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def log(self, text):
        self.lines.append(text)


def run(project, task_name, /, **parameters):
    task, job = find_task(task_name), Listening()
    task.run(validated(task, parameters), project, job)
    return job


def set_picks(project, rows, name="picks", made_by=None):
    frame = pd.DataFrame(
        [{"tomogram": t, "class": c, "z": z, "y": y, "x": x, "verdict": v} for t, c, (z, y, x), v in rows]
    )
    geometries = {n: project.geometry(n) for n in ("ts1", "ts2", "ts3")}
    return project.tables.create(name, ObjectTable(frame, geometries), made_by or {"task": "cluster"})


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Project:
    made = training_project(tmp_path_factory.mktemp("rounds"))
    for label, c in CLASSES.items():
        edit_classes(made, lambda known, label=label, c=c: add_class(known, label=label, **c))
    run(made, "targets", table="objects", radius_factor=0.9)
    run(made, "train", **TRAINING)
    set_picks(made, PICKS)
    return made


@pytest.fixture
def project(trained, tmp_path) -> Project:
    shutil.copytree(trained.root, tmp_path / "project")
    return Project.open(tmp_path / "project")


def test_a_round_is_prepared_and_trained(project):
    job = run(project, "next-round", picks="picks")
    assert "3 accepted and 1 rejected picks are learnt from" in job.lines
    assert any(line.startswith("1 picks nobody judged") for line in job.lines)
    assert any(line.startswith("new in training: ts2") for line in job.lines)
    assert any(line.startswith("round 1, first: voxels' F1") for line in job.lines)

    examples, others = project.table("first_r2").rows, project.table("first_r2_others").rows
    assert len(examples) == 9 + 1  # both ribosomes were annotated, that of ts2 too, which was not learnt from
    assert others["verdict"].fillna("").tolist() == ["rejected", ""]
    assert {k: v for k, v in project.tables.provenance("first_r2").items() if k in ("round", "parent", "picks")} == {
        "round": 2, "parent": "first", "picks": "picks",
    }  # fmt: skip

    # Targets: of the judged tomograms only, with the same spheres; open where nobody judged, else background.
    assert [s.key for s in project.segmentations() if s.name == "first_r2"] == ["ts1__first_r2", "ts2__first_r2"]
    with mrcfile.open(project.segmentation_path("ts1", "first_r2")) as file:
        labels = file.data.copy()
    with mrcfile.open(project.segmentation_path("ts1", "target")) as file:
        before = file.data.copy()
    assert labels[12, 4, 4] == 5 and labels[10, 12, 12] == 0 and labels[3, 20, 12] == 127
    same = (labels == before) | (before == 0)
    assert same.all() and (labels == 127).sum() == (labels == 5)[10:15, 2:7, 2:7].sum()
    described = project.segmentation("ts1__first_r2").made_by
    assert described["open"] == 127 and described["names"]["127"] == "not judged"
    assert described["settings"]["radii"] == {"ribosome": 3.15, "gold": 2.25}

    # The training: the same parameters, and it says where it comes from.
    path = parameters_path(project, "first_r2")
    raw = read_parameters(path)
    assert raw["targets"] == ["ts1__first_r2", "ts2__first_r2"] and raw["validation"] == ["ts3__target"]
    assert raw["initial_weights"] == "first" and raw["classes"] == ["ribosome", "gold"] and raw["patch"] == 8
    assert raw["hard_negatives"] == "first_r2_others" and raw["name"] == "first_r2" and not raw["resume"]
    prepared = prepare(training_data(validated(find_task("train"), raw), project), False, 0)
    assert prepared.negatives.centres.tolist() == [[10, 12, 12]] and prepared.negatives.tomogram.tolist() == [0]
    assert prepared.channel_of[[0, 2, 5, 127]].tolist() == [0, 1, 2, -1]
    assert sum(prepared.counts) == 2 * 16 * 24 * 24 - (labels == 127).sum()
    run(project, "train", **{**raw, "learning_rate": 1e-12})
    made_by = load_model(project.model_folder("first_r2")).description.made_by
    facts = {key: made_by[key] for key in ("round", "parent", "picks", "accepted", "rejected", "undecided")}
    assert facts == {
        "round": 2, "parent": "first", "picks": "picks", "accepted": 3, "rejected": 1, "undecided": 1,
    }  # fmt: skip
    states = [load_model(project.model_folder(n)).network.state_dict() for n in ("first", "first_r2")]
    assert all(torch.allclose(value, states[1][name], atol=1e-9) for name, value in states[0].items())
    rounds = rounds_of(project, "first")
    assert [(r.model, r.number, r.accepted) for r in rounds] == [("first", 1, None), ("first_r2", 2, 3)]
    assert rounds_of(project, "first_r2") == rounds and all(np.isfinite(r.object_f1) for r in rounds)

    # The next one builds on this one, and what was rejected stays so.
    set_picks(project, [("ts2", "gold", (12, 20, 20), "rejected")], "more")
    third = plan(NextRoundParameters(picks="more", model="first_r2", go_on=False), project)
    assert (third.name, third.number, third.training["initial_weights"]) == ("first_r3", 3, "")
    assert third.training["targets"] == ["ts1__first_r2", "ts2__first_r3"]
    assert third.made.others.rows[["tomogram", "x"]].to_numpy().tolist() == [["ts2", 20.0], ["ts1", 12.0]]


def test_a_tomogram_where_all_was_rejected_is_background(project):
    table, version = project.tables.read_version("objects")
    project.tables.save("objects", table.with_rows(table.rows[table.rows["tomogram"] != "ts2"]), version)
    set_picks(project, [("ts2", "gold", (3, 3, 3), "rejected"), ("ts2", "gold", (12, 12, 20), "")], "none")
    run(project, "next-round", picks="none", name="mine")
    with mrcfile.open(project.segmentation_path("ts2", "mine")) as file:
        assert set(np.unique(file.data)) == {0, 127}


def test_the_model_is_the_one_that_found_the_picks(project):
    run(project, "train", **{**TRAINING, "name": "second"})
    asked = NextRoundParameters(picks="picks")
    with pytest.raises(UserError, match=r"does not say which model found its objects: .* \(first, second\)"):
        parent_of(asked, project)
    path = project.segmentation_path("ts2", "by_second")
    with mrcfile.open(project.segmentation_path("ts2", "target")) as file:
        path.write_bytes((project.root / "segmentations" / "ts2__target.mrc").read_bytes())
        assert file.data.any()
    project.write_provenance(path, {"task": "segment", "model": "second"})
    name = set_picks(project, PICKS, "found", {"task": "cluster", "inputs": [{"path": str(path)}]})
    assert parent_of(NextRoundParameters(picks=name), project).name == "second"
    assert parent_of(NextRoundParameters(picks=name, model="first"), project).name == "first"
    with pytest.raises(UserError, match="no model 'third'"):
        parent_of(NextRoundParameters(picks=name, model="third"), project)


def test_preparing_again_takes_another_name_and_loses_nothing(project):
    run(project, "next-round", picks="picks")
    before = project.segmentation_path("ts1", "first_r2").read_bytes()
    job = run(project, "next-round", picks="picks")
    assert [o["name"] for o in job.outputs if o["kind"] == "parameters"] == ["first_r2-2"]
    assert project.segmentation_path("ts1", "first_r2").read_bytes() == before


def test_picks_without_angles_become_spheres_where_targets_were_shapes(project):
    table, version = project.tables.read_version("objects")
    project.tables.save("objects", table.with_rows(table.rows.assign(rot=10.0, tilt=20.0, psi=30.0)), version)
    (project.root / "masks").mkdir()
    write_mrc(project.root / "masks" / "bar.mrc", np.ones((3, 3, 3), np.int8), VOXEL)
    masks = {"ribosome": "masks/bar.mrc", "gold": "masks/bar.mrc"}
    run(project, "targets", table="objects", strategy="shapes", masks=masks, name="shapes")
    run(project, "train", **{**TRAINING, "targets": ["ts1__shapes"], "validation": ["ts3__shapes"], "name": "turned"})
    job = run(project, "next-round", picks="picks", model="turned")
    note = "1 example without angles: the new targets of ts1, ts2 are spheres of the class radius in place of shapes"
    assert note in job.lines
    with mrcfile.open(project.segmentation_path("ts1", "turned_r2")) as file:
        assert file.data[12, 4, 4] == 5 and (file.data == 2).sum() > 2 * 100  # spheres of 3.5 voxels, bars have 27
    # Where all examples have angles, shapes stay shapes.
    set_picks(project, [("ts1", "ribosome", (5, 6, 7), "accepted")], "known")
    planned = plan(NextRoundParameters(picks="known", model="turned"), project)
    assert planned.targets["strategy"] == "shapes" and planned.targets["masks"] == masks and not planned.notes


def test_a_round_whose_targets_fail_leaves_no_tables(project):
    run(project, "targets", table="objects", name="below", initial="net")
    run(project, "train", **{**TRAINING, "targets": ["ts1__below"], "name": "under"})
    for name in ("ts1", "ts2"):
        project.segmentation_path(name, "net").unlink()
    with pytest.raises(UserError, match="has no segmentation 'net' to put under the objects"):
        run(project, "next-round", picks="picks", model="under")
    assert not {"under_r2", "under_r2_others"} & set(project.tables.names())


def test_sampling_as_deepfinder_becomes_balanced(project):
    run(project, "train", **{**TRAINING, "name": "plain", "sampling": "deepfinder"})
    planned = plan(NextRoundParameters(picks="picks", model="plain"), project)
    assert planned.training["sampling"] == "balanced" and any("as DeepFinder does" in note for note in planned.notes)


# What is refused


def refused(project, match, **parameters):
    with pytest.raises(UserError, match=match):
        run(project, "next-round", **{"picks": "picks", **parameters})
    assert not parameters_path(project, "first_r2").exists() and "first_r2" not in project.tables.names()


def test_verdicts_that_give_no_round(project):
    set_picks(project, [row for row in PICKS if row[0] == "ts3"], "validated")
    refused(project, "All 1 judged objects lie in ts3", picks="validated")
    refused(project, "None of the 9 objects is judged", picks="objects")
    set_picks(project, [("ts1", "virus", (5, 5, 5), "accepted")], "strange")
    refused(project, "are of virus, and the network has the classes ribosome, gold", picks="strange")
    set_picks(
        project, [("ts1", "gold", (8, 8, 18), "rejected"), ("ts1", "gold", (11, 18, 18), "rejected")], "all_gold"
    )  # fmt: skip
    refused(project, "No example of gold is left to learn from", picks="all_gold")
    refused(project, "no object table 'nothing'", picks="nothing")


def test_a_model_or_targets_of_unknown_origin(project):
    path = project.root / "models" / "first" / "model.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, "made_by": {}}))
    refused(project, "The model first was not trained on targets of this project")
    path.write_text(yaml.safe_dump(content))
    project.tables.delete("objects")
    refused(project, "The table objects, which ts1__target was made of, is gone")


def test_targets_that_were_painted(project):
    run(project, "train", **{**TRAINING, "targets": ["ts1__net"], "objects": "", "name": "painted"})
    refused(project, "The target ts1__net does not say which objects it was made of", model="painted")


def test_rejected_picks_with_other_sampling(project):
    raw = {**TRAINING, "hard_negatives": "picks"}
    for change, sentence in (
        ({"sampling": "deepfinder"}, "needs sampling = balanced"),
        ({"background": 0.8, "hard_negative_share": 0.3}, "0.8 and 0.3, which is more than all patches"),
    ):
        with pytest.raises(UserError, match=sentence):
            validated(find_task("train"), {**raw, **change})


def test_a_table_without_rejected_picks_is_said(project):
    data = training_data(validated(find_task("train"), {**TRAINING, "hard_negatives": "objects"}), project)
    assert data.notes == ["objects holds no rejected object in the training tomograms, so it adds nothing."]
