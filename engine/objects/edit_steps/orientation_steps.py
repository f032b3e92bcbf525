"""Steps about orientations."""

from typing import Literal

from engine.objects.edit_steps.step import Edit, StepParameters
from engine.objects.edits import (
    clear_orientations,
    flip,
    normalise_orientations,
    randomise_angle,
    set_orientations,
)
from engine.parameters import parameter


class SetParameters(StepParameters):
    """Of `set-orientations`."""

    rot: float = parameter(0.0, title="rot", unit="°", allow_inf_nan=False, help="RELION's first angle, about z.")
    tilt: float = parameter(
        0.0, title="tilt", unit="°", beside=True, allow_inf_nan=False, help="RELION's second angle, about the new y."
    )
    psi: float = parameter(
        0.0, title="psi", unit="°", beside=True, allow_inf_nan=False, help="RELION's third angle, about the new z."
    )
    only_unknown: bool = parameter(False, title="Only where unknown", help="Leave orientations that are known.")


class NoParameters(StepParameters):
    """Of steps that need none."""


class FlipParameters(StepParameters):
    """Of `flip`."""

    axis: Literal["x", "y", "z"] = parameter("x", title="About", help="The particle's own axis, turned about by 180°.")


class RandomAngleParameters(StepParameters):
    """Of `randomise-angle`."""

    angle: Literal["psi", "rot"] = parameter(
        "psi", title="Angle", help="psi = in the plane of the slices; rot = about the particle's own z axis."
    )
    seed: int = parameter(42, title="Seed", ge=0, le=2**32 - 1, help="The same seed gives the same angles.")


EDITS = (
    Edit(
        "set-orientations",
        "Set orientations",
        "Give all objects the same angles.",
        SetParameters,
        lambda table, p, context: set_orientations(table, p.rot, p.tilt, p.psi, p.only_unknown),
    ),
    Edit(
        "clear-orientations",
        "Clear orientations",
        "Make all orientations unknown.",
        NoParameters,
        lambda table, p, context: clear_orientations(table),
    ),
    Edit(
        "flip",
        "Flip",
        "Turn each particle by 180° about its own x, y or z axis.",
        FlipParameters,
        lambda table, p, context: flip(table, p.axis),
    ),
    Edit(
        "normalise-orientations",
        "Normalise orientations",
        "The same orientations with rot and psi in (−180, 180] and tilt in [0, 180].",
        NoParameters,
        lambda table, p, context: normalise_orientations(table),
    ),
    Edit(
        "randomise-angle",
        "Random angle",
        "Draw psi, or rot, at random where the orientation is known.",
        RandomAngleParameters,
        lambda table, p, context: randomise_angle(table, p.seed, p.angle),
    ),
)
