"""Weights of a network in a file of torch's: written whole or not at all, and checked before they are used.

Only tensors are read (`weights_only`), so that a file from elsewhere cannot run anything.
"""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.networks.deepfinder import DeepFinderNetwork
from engine.networks.keras_weights import is_keras_file, load_keras_weights

State = dict[str, torch.Tensor]


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights of `network` to `path`, whole or not at all. Raises UserError when that cannot be written."""
    write_tensors({name: value.detach().cpu() for name, value in network.state_dict().items()}, path)


def write_tensors(value: Any, path: Path) -> None:
    """Write what `read_tensors` reads, whole or not at all: a full disk leaves an older file as it was.

    Parameters
    ----------
    value
        Tensors, numbers, texts, and lists and dicts of them: weights, or a checkpoint with optimiser and all.
    path
        The file.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        try:
            torch.save(value, file)
        except RuntimeError as error:
            # What the disk refused is hidden behind torch's failure to end a file that was never begun.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the weights of a file into `network`: one that `save_weights` wrote or, for DeepFinder's network, Keras' .h5.

    Raises
    ------
    UserError
        No such file, damaged or truncated, weights of another architecture or number of classes, values that are not
        finite. The network is then unchanged.
    """
    path = Path(path)
    if is_keras_file(path):
        if not isinstance(network, DeepFinderNetwork):
            raise UserError(
                f"{path} is a Keras file, which fits the architecture deepfinder only: choose that architecture, or "
                "give other weights."
            )
        load_keras_weights(network, path)
        return
    put_state(network, read_state(path), str(path))


def read_state(path: Path) -> State:
    """What `save_weights` wrote.

    Raises
    ------
    UserError
        No such file, damaged or truncated, not a file of weights.
    """
    loaded = read_tensors(path)
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise UserError(f"{path} holds no weights of a network: give a file weights.pt, or Keras' .h5 for DeepFinder.")
    return loaded


def read_tensors(path: Path) -> Any:
    """What torch.save wrote to `path`, on the CPU, without running anything that the file holds.

    Raises
    ------
    UserError
        No such file, damaged or truncated.
    """
    with explain_os_errors(path, "read"), Path(path).open("rb") as file:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, ValueError, KeyError) as error:
            raise UserError(
                f"{path} is damaged, truncated or not a file of weights: copy it again from where it was made."
            ) from error


def put_state(network: nn.Module, state: State, where: str) -> None:
    """Put `state` into `network`, checked first.

    Parameters
    ----------
    network
        The network; unchanged when an error is raised.
    state
        As `read_state` gives it.
    where
        What `state` was read from, for the sentence.

    Raises
    ------
    UserError
        Weights of another architecture or number of classes, values that are not finite.
    """
    ours = network.state_dict()
    if missing := ours.keys() - state.keys():
        raise _another(where, f"{len(missing)} of its {len(ours)} arrays are missing, such as {sorted(missing)[0]}")
    if extra := state.keys() - ours.keys():
        raise _another(where, f"they have {len(extra)} arrays more, such as {sorted(extra)[0]}")
    wrong = [name for name in ours if ours[name].shape != state[name].shape]
    classes = _classes(network, {name: state[name] for name in wrong})
    if classes:
        raise UserError(
            f"{where} holds weights for {classes} classes, the network has {getattr(network, 'classes', '?')} "
            f"(background included): set the number of classes to {classes}, or give other weights."
        )
    if wrong:
        name = wrong[0]
        raise _another(where, f"{name} is {_edges(state[name])}, not {_edges(ours[name])}")
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UserError(
                f"{where}: {name} holds values that are not finite, as after a training that diverged; give weights "
                "of an earlier epoch."
            )
    network.load_state_dict(state)


def _classes(network: nn.Module, wrong: State) -> int | None:
    """The number of classes that `wrong` is for, if nothing but the last layer (`scores`) differs, and there in it."""
    ours = network.state_dict()
    if not wrong or any(not name.startswith("scores.") for name in wrong):
        return None
    if any(theirs.shape[1:] != ours[name].shape[1:] or not theirs.ndim for name, theirs in wrong.items()):
        return None
    numbers = {value.shape[0] for value in wrong.values()}
    return numbers.pop() if len(numbers) == 1 else None


def _another(where: str, why: str) -> UserError:
    return UserError(
        f"{where} holds weights of another architecture or of other options ({why}): build the network as it was "
        "trained, or give other weights."
    )


def _edges(value: torch.Tensor) -> str:
    return "×".join(str(edge) for edge in value.shape) or "a single number"
