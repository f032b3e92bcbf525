"""The next round of training: verdicts on picks → a table of examples, new targets, and parameters for the training.

It prepares and does not train: the training is a job of its own, on a GPU where there is one, and its parameters can be
looked at and changed first.
"""

from pathlib import Path
from typing import Any

from engine.atomic import write_text
from engine.errors import UserError
from engine.project import Project
from engine.tasks import targets
from engine.tasks.next_round_plan import NextRoundParameters, RoundPlan, plan
from engine.tasks.next_round_requests import OTHERS
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.targets_parameters import TargetsParameters
from engine.tasks.task import Job, Task, validated, write_parameters
from engine.tasks.train import TASK as TRAIN
from engine.training.history import read_metrics
from engine.training.rounds import Round, family, round_of

NAME = "next-round"

__all__ = ["NAME", "TASK", "NextRoundParameters", "RoundPlan", "parameters_path", "plan", "rounds_of", "run"]


def run(parameters: NextRoundParameters, project: Project, job: Job) -> None:
    """Write the tables `<name>` and `<name>_others`, targets `<tomogram>__<name>`, and `models/<name>_train.yaml`."""
    job.progress(0.0, "joining the verdicts")
    planned = plan(parameters, project)
    for line in [*planned.made.counts.lines(), *planned.notes]:
        job.log(line)
    training = validated(TRAIN, planned.training)
    facts = {**planned.facts, "picks": parameters.picks}
    made_by = stamp(
        NAME, parameters.model_dump(mode="json"), file_identity(project.tables.path(parameters.picks)), **facts
    )
    asked = validated(targets.TASK, planned.targets)
    assert isinstance(asked, TargetsParameters)
    tables = {f"{planned.name}{OTHERS}": planned.made.others, planned.name: planned.made.examples}
    tables = {name: table for name, table in tables.items() if len(table)}
    for name, table in tables.items():
        project.tables.create(name, table, made_by)
    try:
        targets.run(asked, project, job)
    except UserError:
        for name in tables:  # tables of a round that is not there would be in the way of the next attempt
            project.tables.delete(name)
        raise
    for name, table in tables.items():
        job.output("table", name, project.tables.path(name), objects=len(table))
    path = parameters_path(project, planned.name)
    write_text(path, write_parameters(training))
    job.output("parameters", planned.name, path, **facts)
    for each in rounds_of(project, planned.parent):
        job.log(f"round {each.number}, {each.model}: {_scores(each)}")
    job.log(f"ready: run the task train with {path}")
    job.progress(1.0, "done")


def parameters_path(project: Project, name: str) -> Path:
    """Where the parameters of the training of a prepared round are."""
    return project.root / "models" / f"{name}_train.yaml"


def rounds_of(project: Project, model: str) -> list[Round]:
    """All models that belong to the rounds of `model`, each after the one it comes from.

    Raises
    ------
    UserError
        The history of one of them cannot be read.
    """
    models = {m.name: m for m in project.models()}
    made_by: dict[str, dict[str, Any]] = {n: dict(m.description.get("made_by") or {}) for n, m in models.items()}
    names = family({name: made.get("parent") for name, made in made_by.items()}, model)
    return [round_of(name, made_by[name], read_metrics(models[name].path)) for name in names if name in models]


def _scores(found: Round) -> str:
    said = [
        f"{what} F1 {score:.3f}"
        for what, score in (("voxels'", found.voxel_f1), ("objects'", found.object_f1))
        if score == score
    ]
    return " and ".join(said) + " on validation" if said else "not judged"


TASK = Task(
    name=NAME,
    title="Prepare the next round",
    summary="Make new targets and hard negatives of accepted and rejected picks, to train the network on them.",
    parameters=NextRoundParameters,
    run=run,
    subject=lambda p: p.name or f"with the verdicts on {p.picks}",
)
