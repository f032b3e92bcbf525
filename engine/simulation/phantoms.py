"""A phantom tomogram: particles of three sizes, a vesicle, a filament and gold beads, and the truth about them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product

import numpy as np
from scipy.spatial.transform import Rotation

from engine.errors import UserError
from engine.objects.orientations import relion_from_rotation
from engine.simulation.imaging import image
from engine.simulation.placement import GAPS, Scene
from engine.simulation.shapes import SHAPES, Point, capsule_distance, shell_distance

USUAL_VOXELS = 128 * 256 * 256
COUNTS = {"tripod": 28, "barrel": 40, "hook": 46, "gold": 6}
"""Things in a phantom of the usual size; others have as many per volume, but at least one of each."""

GOLD_RADIUS, FILAMENT_RADIUS, MEMBRANE = 40.0, 35.0, 40.0
"""Å; of the membrane its thickness."""

GOLD_DENSITY, MEMBRANE_DENSITY = 3.0, 0.8
NOISE = 0.3


@dataclass(frozen=True)
class PhantomClass:
    """A kind of thing in a phantom.

    Parameters
    ----------
    name
        Its name.
    label
        Its number in the label map.
    radius
        From its centre to its farthest point, Å; of the filament and the vesicle's wall half the thickness.
    """

    name: str
    label: int
    radius: float


@dataclass(frozen=True)
class PhantomObject:
    """One particle or gold bead.

    Parameters
    ----------
    class_name
        What it is.
    x, y, z
        Its centre of mass, voxels, 0-based, voxel centres at whole numbers.
    rot, tilt, psi
        RELION's angles, degrees; 0 for gold, which has no orientation.
    """

    class_name: str
    x: float
    y: float
    z: float
    rot: float
    tilt: float
    psi: float


@dataclass(frozen=True)
class Phantom:
    """A simulated tomogram and the truth about it.

    Parameters
    ----------
    volume
        float32 `[z, y, x]`, protein dark, mean 0, standard deviation 1.
    labels
        uint8 `[z, y, x]`, 0 = background, the label of a class where a thing of it is.
    objects
        Particles and gold beads; vesicle and filament are in the label map only.
    classes
        All kinds, by label.
    voxel_size
        Å (z, y, x).
    """

    volume: np.ndarray
    labels: np.ndarray
    objects: list[PhantomObject]
    classes: tuple[PhantomClass, ...]
    voxel_size: tuple[float, float, float]


CLASSES: tuple[PhantomClass, ...] = (
    *(PhantomClass(shape.name, i, round(shape.radius, 1)) for i, shape in enumerate(SHAPES, 1)),
    PhantomClass("vesicle", 4, MEMBRANE / 2),
    PhantomClass("filament", 5, FILAMENT_RADIUS),
    PhantomClass("gold", 6, GOLD_RADIUS),
)

LABEL = {c.name: c.label for c in CLASSES}


def phantom(
    shape: tuple[int, int, int] = (128, 256, 256),
    voxel_size: float = 10.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> Phantom:
    """Make a phantom tomogram.

    Parameters
    ----------
    shape
        Voxels (z, y, x).
    voxel_size
        Å. The things keep their size in Å.
    seed
        The same seed gives the same bytes.
    progress
        Called with (fraction, text).

    Raises
    ------
    UserError
        The shape is too small for the largest particle, or the voxel size is not positive.
    """
    report = progress or (lambda fraction, text: None)
    if seed < 0:
        raise UserError(f"The seed is {seed}: it must not be negative.")
    if not voxel_size > 0:
        raise UserError(f"The voxel size is {voxel_size} Å: it must be more than 0.")
    largest = max(s.radius for s in SHAPES) / voxel_size
    if len(shape) != 3 or min(shape) < 2 * largest + 2:
        raise UserError(
            f"A phantom of {' × '.join(str(n) for n in shape)} voxels is too small: the largest particle needs "
            f"{int(np.ceil(2 * largest + 2))} voxels along every axis at {voxel_size:g} Å per voxel."
        )
    random = np.random.default_rng(seed)
    scene = Scene(shape, voxel_size)
    share = np.prod(shape) / USUAL_VOXELS
    objects: list[PhantomObject] = []

    # One particle of each kind first, so that even a small phantom has all three; then what is hard to place.
    for particle in reversed(SHAPES):
        objects += _particles(scene, particle.name, 1, random)
    report(0.05, "Placing a vesicle and a filament")
    _vesicle(scene, random)
    _filament(scene, random)
    for i, particle in enumerate(reversed(SHAPES)):
        report(0.1 + 0.15 * i, f"Placing particles: {particle.name}")
        objects += _particles(scene, particle.name, round(COUNTS[particle.name] * share) - 1, random)
    objects += _gold(scene, max(1, round(COUNTS["gold"] * share)), random)
    report(0.6, "Adding noise and the missing wedge")
    volume = image(scene.density, NOISE, random)
    report(1.0, f"Made a phantom with {len(objects)} objects")
    objects.sort(key=lambda o: LABEL[o.class_name])
    return Phantom(volume, scene.labels, objects, CLASSES, (voxel_size, voxel_size, voxel_size))


def _particles(scene: Scene, name: str, count: int, random: np.random.Generator) -> list[PhantomObject]:
    """Up to `count` particles at random places and orientations; fewer when no more fit."""
    shape = next(s for s in SHAPES if s.name == name)
    reach = shape.radius / scene.voxel_size
    placed = []
    for _ in range(count):
        place = scene.free_place(reach, random)
        if place is None:
            break
        rotation = Rotation.random(rng=random)
        scene.take(place[None], reach)
        scene.draw(place, reach, shape.distance, LABEL[name], rotation=rotation)
        placed.append(_object(name, place, tuple(relion_from_rotation(rotation)[0])))
    return placed


def _object(name: str, place: np.ndarray, angles: tuple[float, ...]) -> PhantomObject:
    x, y, z = map(float, place)
    rot, tilt, psi = map(float, angles)
    return PhantomObject(name, x, y, z, rot, tilt, psi)


def _gold(scene: Scene, count: int, random: np.random.Generator) -> list[PhantomObject]:
    reach = GOLD_RADIUS / scene.voxel_size
    origin: Point = (0, 0, 0)
    placed = []
    for _ in range(count):
        place = scene.free_place(reach, random)
        if place is None:
            break
        scene.take(place[None], reach)
        scene.draw(
            place,
            reach,
            partial(capsule_distance, start=origin, end=origin, radius=GOLD_RADIUS),
            LABEL["gold"],
            GOLD_DENSITY,
        )
        placed.append(_object("gold", place, (0, 0, 0)))
    return placed


def _vesicle(scene: Scene, random: np.random.Generator) -> None:
    """A hollow ball, as large as a quarter of the shortest axis up to 300 Å."""
    radius = min(300 / scene.voxel_size, min(scene.shape) / 4)
    reach = radius + MEMBRANE / 2 / scene.voxel_size
    place = scene.free_place(reach, random)
    if place is None:
        return
    scene.take(place[None], reach)
    scene.draw(
        place,
        reach,
        lambda p: shell_distance(p, radius * scene.voxel_size, MEMBRANE),
        LABEL["vesicle"],
        MEMBRANE_DENSITY,
    )


def _filament(scene: Scene, random: np.random.Generator) -> None:
    """A gently bent rod nearly in the plane of the slices, 0.7 times as long as the x axis or, if need be, shorter."""
    reach = FILAMENT_RADIUS / scene.voxel_size
    points = next(
        (
            p
            for share, gap in product((0.7, 0.5, 0.35), GAPS)
            if (p := _free_path(scene, share * scene.shape[2], reach, gap, random)) is not None
        ),
        None,
    )
    if points is None:
        return
    scene.take(points, reach)
    for start, end in pairwise(points):
        tip: Point = tuple((end - start) * scene.voxel_size)
        scene.draw(
            start,
            reach + float(np.linalg.norm(end - start)),
            partial(capsule_distance, start=(0, 0, 0), end=tip, radius=FILAMENT_RADIUS),
            LABEL["filament"],
        )


def _free_path(scene: Scene, length: float, reach: float, gap: float, random: np.random.Generator) -> np.ndarray | None:
    """Points (x, y, z, voxels) less than `reach` apart on a bent line, `gap` Å from everything, or None."""
    along = np.linspace(-0.5, 0.5, max(3, int(np.ceil(1.2 * length / reach))))
    sizes = np.array(scene.shape[::-1], float)
    for _ in range(500):
        angle, bend = random.uniform(0, np.pi), random.uniform(-0.15, 0.15) * length
        flat = np.stack([along * length, bend * np.cos(np.pi * along)], axis=1)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        rise = random.uniform(-0.2, 0.2) * along * length
        middle = random.uniform(reach + 0.5, sizes - 1.5 - reach)
        points = middle + np.concatenate([flat @ turn, rise[:, None]], axis=1)
        fits = np.all(points >= reach + 0.5) and np.all(points <= sizes - 1.5 - reach)
        if fits and scene.is_free(points, reach, gap):
            return points
    return None
