"""Train a network on targets of a project, or on a folder of DeepFinder → a model with its history."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import UserError
from engine.project import Project
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.task import Job, Task
from engine.tasks.train_parameters import TrainParameters
from engine.tasks.training_data import Pair, TrainingData, from_folder, from_project
from engine.training.rounds import FACTS

if TYPE_CHECKING:
    from engine.training.estimate import Estimate

NAME = "train"


def run(parameters: TrainParameters, project: Project, job: Job) -> None:
    """Write `models/<name>/`: best weights, checkpoint, description, history and examples."""
    data = training_data(parameters, project)
    weights = initial_weights(parameters, project)
    if parameters.resume:
        folder = project.model_folder(parameters.result_name)
        job.log(f"going on with the model {folder.name}")
    else:
        folder = project.make_model_folder(parameters.result_name)
        job.log(f"the model will be kept in {folder}")
    settings = parameters.model_dump(mode="json", exclude={"resume", "name", "workers", "device", "processes"})
    inputs = [file_identity(path) for pair in data.pairs for path in (pair.tomogram, pair.target)]
    validation = [pair.name for pair in data.validation]
    made_by = stamp(NAME, settings, inputs[0], inputs=inputs, validation=validation, **round_facts(parameters, project))

    def on_model() -> None:
        job.output("model", folder.name, folder)

    try:
        if parameters.processes > 1:
            from engine.tasks.training_processes import train_in_processes

            train_in_processes(parameters, project, folder, made_by, job, on_model)
        else:
            from engine.tasks.training_run import train_model  # here, because torch takes seconds that pages lack

            train_model(data, parameters, folder, job, weights, made_by, on_model)
    finally:
        if not any(folder.iterdir()):  # it failed before there was anything to keep
            folder.rmdir()
    job.progress(1.0, "done")


def training_data(parameters: TrainParameters, project: Project) -> TrainingData:
    """What the parameters name. Raises UserError where it is missing or does not fit together."""
    if parameters.folder:
        return from_folder(Path(parameters.folder).expanduser())
    return from_project(
        project,
        parameters.targets,
        parameters.validation,
        parameters.objects,
        parameters.classes,
        parameters.hard_negatives,
    )


def round_facts(parameters: TrainParameters, project: Project) -> dict[str, Any]:
    """What the table of examples says about the round it was made for; empty where it was made otherwise."""
    made_by = project.tables.provenance(parameters.objects) if parameters.objects else {}
    return {name: made_by[name] for name in FACTS if name in made_by} if made_by.get("task") == "next-round" else {}


def initial_weights(parameters: TrainParameters, project: Project) -> Path | None:
    """The weights to begin with: the folder of a model of the project or a file; None = random ones."""
    given = parameters.initial_weights
    if not given:
        return None
    if given in {model.name for model in project.models()}:
        return project.model_folder(given)
    path = Path(given).expanduser()
    if not path.exists():
        known = ", ".join(model.name for model in project.models()) or "none yet"
        raise UserError(f"{given!r} is neither a model of this project (models: {known}) nor a file of weights.")
    return path


def estimated(parameters: TrainParameters, project: Project) -> "Estimate":
    """Time and memory of the training that the parameters describe, measured now. Raises UserError as `run`."""
    from engine.tasks.training_run import estimate_training

    return estimate_training(training_data(parameters, project), parameters)


def visible_leaks(data: TrainingData) -> list[str]:
    """What of validation is learnt, as `find_leaks` says it, as far as paths and objects tell; voxels are not read."""
    from engine.training.leakage import Member, find_leaks

    def member(pair: Pair) -> "Member":
        path = Path(pair.tomogram).resolve()
        objects = list((pair.objects or {}).values())
        centres = np.concatenate(objects) if objects else np.empty((0, 3))
        return Member(pair.name.split("/")[-1], path, str(path), pair.shape, centres)

    return find_leaks([member(pair) for pair in data.training], [member(pair) for pair in data.validation])


def _subject(parameters: TrainParameters) -> str:
    what = parameters.folder or ", ".join(parameters.targets[:3]) + (" …" if len(parameters.targets) > 3 else "")
    return f"{parameters.result_name} on {what}"


TASK = Task(
    name=NAME,
    title="Train a network",
    summary="Learn from targets to segment other tomograms, judged on validation tomograms after each epoch.",
    parameters=TrainParameters,
    run=run,
    uses_gpu=True,
    gpus=lambda p: 1 if p.device == "cpu" else p.processes,
    subject=_subject,
)
