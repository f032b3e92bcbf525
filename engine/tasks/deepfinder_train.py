"""DeepFinder's own training file (`<paramsTrain>`): trained as DeepFinder does, without a project.

Written to `path_out`: `net_weights_FINAL.h5` (of the last epoch), `net_weights_BEST.h5` and `net_weights_epoch10.h5`,
`…20.h5` …, all in the layout that Keras' `load_weights` reads; `net_train_history.h5`; and a model as in a project
(`model.yaml`, `weights.pt`, `last.pt`, `metrics.csv`), so that it can be resumed and used here.
"""

from pathlib import Path

import torch

from engine.errors import UserError, explain_os_errors
from engine.networks.deepfinder import DeepFinderNetwork
from engine.networks.keras_weights import write_keras_weights
from engine.networks.model import load_model
from engine.tasks.deepfinder_xml import TrainFile, read_train_file
from engine.tasks.provenance import file_identity, stamp
from engine.tasks.task import Job
from engine.tasks.train_parameters import LearningParameters
from engine.tasks.training_data import from_lists
from engine.tasks.training_run import train_model
from engine.training.checkpoints import FILE_NAME as CHECKPOINT

FINAL, BEST, EVERY = "net_weights_FINAL.h5", "net_weights_BEST.h5", 10


def run_file(
    path: Path, job: Job, *, weights: Path | None = None, resume: bool = False, replace: bool = False, seed: int = 0
) -> None:
    """Train as a file says.

    Parameters
    ----------
    path
        The XML file; relative paths in it are taken from the current folder, as DeepFinder takes them.
    job
        Told of progress.
    weights
        To begin with, a Keras file.
    resume
        Go on with the training in `path_out`.
    replace
        Whether results in `path_out` may be replaced.
    seed
        Of everything random.

    Raises
    ------
    UserError
        What is wrong in the file or in what it names; results that are there already.
    """
    file = read_train_file(path)
    for name in file.ignored:
        job.log(f"{path}: the element {name} is not known and was left out")
    folder = Path(file.path_out)
    there = [name for name in (CHECKPOINT, FINAL) if (folder / name).exists()]
    if there and not (resume or replace):
        raise UserError(
            f"{folder / there[0]} exists already: name another path_out, go on with it (--resume), or replace it "
            "(--replace)."
        )
    data = from_lists(
        [Path(p) for p in file.path_tomo],
        [Path(p) for p in file.path_target],
        Path(file.path_objl_train),
        Path(file.path_objl_valid),
        file.number_of_classes,
    )
    parameters = parameters_of(file, resume, seed)
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    made_by = stamp("deepfinder train", parameters.model_dump(mode="json"), file_identity(path))

    def on_weights(network: torch.nn.Module, epoch: int) -> None:
        assert isinstance(network, DeepFinderNetwork)
        if epoch % EVERY == 0:
            write_keras_weights(network, folder / f"net_weights_epoch{epoch}.h5")
        if epoch == file.number_of_epochs:
            write_keras_weights(network, folder / FINAL)

    try:
        train_model(data, parameters, folder, job, weights, made_by, on_weights=on_weights)
    finally:
        if not any(folder.iterdir()):  # it failed before there was anything to keep
            folder.rmdir()
    best = load_model(folder).network
    assert isinstance(best, DeepFinderNetwork)
    write_keras_weights(best, folder / BEST)
    job.output("model", folder.name, folder)
    job.progress(1.0, "done")


def parameters_of(file: TrainFile, resume: bool = False, seed: int = 0) -> LearningParameters:
    """The file's parameters with everything that it does not say as DeepFinder has it; validation steps are honoured.

    Raises
    ------
    UserError
        A value out of its range.
    """
    from pydantic import ValidationError

    from engine.parameters import validation_sentence

    try:
        return LearningParameters(
            architecture="deepfinder",
            loss="tversky",
            normalisation="patch",
            patch=file.patch_size,
            batch=file.batch_size,
            epochs=file.number_of_epochs,
            steps_per_epoch=file.steps_per_epoch,
            steps_per_validation=file.steps_per_validation,
            sampling="deepfinder",
            bootstrap=file.flag_bootstrap,
            random_shift=file.random_shift,
            direct_read=file.flag_direct_read,
            object_scores=False,
            allow_leakage=True,
            resume=resume,
            seed=seed,
        )
    except ValidationError as error:
        raise UserError(validation_sentence(LearningParameters, error, "paramsTrain")) from error
