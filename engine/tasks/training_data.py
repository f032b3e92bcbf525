"""Which tomograms, targets and objects a training is made of: from a project, DeepFinder's folder, or lists of files.

Only headers and object lists are read here; `training_checks` looks at the voxels.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.annotation.classes import PALETTE, ObjectClass
from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import deepfinder_xml
from engine.objects.review import REJECTED, verdicts, without_rejected
from engine.project import Project
from engine.tasks.segmented_classes import classes_of
from engine.volumes import read_info

Shape = tuple[int, int, int]

VOXEL_TOLERANCE = 0.01
"""Part by which voxel sizes of tomograms that train one network may differ."""

DEFAULT_RADIUS = 50.0
"""Å, of a class of which neither radius nor objects are known."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A tomogram and its target.

    Parameters
    ----------
    name
        Of the tomogram.
    tomogram, target
        The files.
    shape, voxel_size
        Of the tomogram: voxels; Å, None = not known.
    objects
        Label in the target → centres z, y, x in voxels `[n, 3]`; None where no list says.
    rejected
        Centres of rejected picks, z, y, x in voxels `[n, 3]`; None = none.
    """

    name: str
    tomogram: Path
    target: Path
    shape: Shape
    voxel_size: tuple[float, float, float] | None
    objects: Mapping[int, np.ndarray] | None
    rejected: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Everything a network is trained with.

    Parameters
    ----------
    training, validation
        The tomograms to learn from, and those to judge by.
    classes
        In the order of the network's channels, without background. A radius of 0 is found from the targets later.
    background
        Labels of the targets that become background.
    notes
        What a person should know.
    left_open
        Labels of the targets of which nobody said what they are.
    """

    training: list[Pair]
    validation: list[Pair]
    classes: list["NamedLabel"]
    background: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    left_open: set[int] = field(default_factory=set)

    @property
    def pairs(self) -> list[Pair]:
        """All of them."""
        return [*self.training, *self.validation]


@dataclass(frozen=True)
class NamedLabel:
    """A class as far as it is known before the targets were read; `radius` in Å."""

    label: int
    name: str
    colour: str
    radius: float | None

    def with_radius(self, radius: float) -> ObjectClass:
        """The class with its own radius, or else this one."""
        return ObjectClass(name=self.name, label=self.label, colour=self.colour, radius=self.radius or radius)


def from_project(
    project: Project,
    targets: Sequence[str],
    validation: Sequence[str],
    objects: str,
    classes: Sequence[str],
    hard_negatives: str = "",
) -> TrainingData:
    """The label maps `targets` and `validation` of a project.

    Parameters
    ----------
    project
        Whose.
    targets, validation
        Segmentations as <tomogram>__<name>.
    objects
        An object table, or "".
    classes
        Names, in the order of the channels; none = all that the targets name, by label.
    hard_negatives
        A table whose rejected objects are places without object, or "".

    Raises
    ------
    UserError
        There is no such segmentation, tomogram, table or class; a label that means two classes.
    """
    known: dict[int, NamedLabel] = {}
    left_open: dict[int, str] = {}
    for key in [*targets, *validation]:
        segmentation = project.segmentation(key)
        if segmentation.made_by.get("open"):
            left_open[int(segmentation.made_by["open"])] = key
        for label, each in classes_of(project, segmentation).items():
            colour = each.colour or PALETTE[(label - 1) % len(PALETTE)]
            first = known.setdefault(label, NamedLabel(label, each.name, colour, each.radius))
            if first.name != each.name:
                raise UserError(
                    f"Label {label} is {first.name} in {targets[0]} and {each.name} in {key}: make the targets anew "
                    "with the same classes."
                )
    for label in left_open.keys() & known.keys():
        raise UserError(
            f"Label {label} means 'not judged' in {left_open[label]} and {known[label].name} in another target: make "
            "the targets anew with another number for that class."
        )
    chosen = _chosen(known, classes)
    labels = {c.name: c.label for c in known.values()}
    table = without_rejected(project.table(objects)) if objects else None
    notes = []
    if table is not None:
        unknown = sorted(set(table.rows["class"]) - set(labels))
        if unknown:
            notes.append(f"Objects of {', '.join(unknown)} in {objects} are left out: no target names that class.")
    rejected: dict[str, np.ndarray] = {}
    if hard_negatives:
        rejected = _rejected(project.table(hard_negatives))
        learnt = {project.segmentation(key).tomogram for key in targets}
        if not rejected.keys() & learnt:
            notes.append(f"{hard_negatives} holds no rejected object in the training tomograms, so it adds nothing.")

    def pair(key: str) -> Pair:
        segmentation = project.segmentation(key)
        tomogram = project.tomogram(segmentation.tomogram)
        _same_shape(tomogram.name, tomogram.shape, key, read_info(segmentation.path).shape)
        known_size = tomogram.voxel_size if tomogram.voxel_size_override or tomogram.info.voxel_size else None  # type: ignore[union-attr]
        path = project.readable(tomogram.path)
        found = None if table is None else _by_label(table, tomogram.name, labels)
        return Pair(
            tomogram.name, path, segmentation.path, tomogram.shape, known_size, found, rejected.get(tomogram.name)
        )

    return checked(
        TrainingData(
            [pair(key) for key in dict.fromkeys(targets)],
            [pair(key) for key in dict.fromkeys(validation)],
            chosen,
            set(known) - {c.label for c in chosen},
            notes,
            set(left_open),
        )
    )


def from_folder(folder: Path, number_of_classes: int | None = None) -> TrainingData:
    """DeepFinder's folder: `train/` and `valid/`, each with `N.mrc`, `N_target.mrc` and `N_objl.xml`.

    Parameters
    ----------
    folder
        The folder.
    number_of_classes
        With background; None = as many as the targets hold.

    Raises
    ------
    UserError
        A folder or file is missing (named).
    """
    parts = {name: _folder_pairs(folder / name) for name in ("train", "valid")}
    return checked(TrainingData(parts["train"], parts["valid"], _numbered(number_of_classes)))


def from_lists(
    tomograms: Sequence[Path],
    targets: Sequence[Path],
    training_list: Path,
    validation_list: Path,
    number_of_classes: int | None = None,
) -> TrainingData:
    """What DeepFinder's parameter file names: tomograms and their targets, and two object lists that number them.

    A tomogram with objects of both lists is in training and in validation: DeepFinder allows it, and it leaks.

    Parameters
    ----------
    tomograms, targets
        In the same order; tomo_idx of the lists counts them from 0.
    training_list, validation_list
        Object lists as XML.
    number_of_classes
        With background; None = as many as the targets hold.

    Raises
    ------
    UserError
        Not one target per tomogram, a list that cannot be read, a tomo_idx beyond the tomograms, a list without
        objects.
    """
    if len(tomograms) != len(targets):
        raise UserError(f"There are {len(tomograms)} tomograms and {len(targets)} targets: give one for each tomogram.")
    headers = [read_info(path) for path in tomograms]
    sizes = {str(i): TomogramGeometry(h.shape, h.voxel_size or (1.0, 1.0, 1.0)) for i, h in enumerate(headers)}

    def pairs(path: Path) -> list[Pair]:
        table = deepfinder_xml.read(path, sizes)
        used = sorted(set(table.rows["tomogram"]))
        beyond = [name for name in used if name not in sizes]
        if beyond:
            raise UserError(
                f"{path} names tomogram {beyond[0]}, and there are {len(tomograms)} (counted from 0): add it or mend "
                "tomo_idx."
            )
        if not used:
            raise UserError(f"{path} holds no object: give a list with objects.")
        found = []
        for index in (int(name) for name in used):
            _same_shape(
                str(tomograms[index]), headers[index].shape, str(targets[index]), read_info(targets[index]).shape
            )
            objects = _by_label(table, str(index), None)
            found.append(
                Pair(
                    tomograms[index].stem,
                    tomograms[index],
                    targets[index],
                    headers[index].shape,
                    headers[index].voxel_size,
                    objects,
                )
            )
        return found

    return checked(TrainingData(pairs(training_list), pairs(validation_list), _numbered(number_of_classes)))


def checked(data: TrainingData) -> TrainingData:
    """The same, once it holds something to train on and its voxel sizes agree.

    Raises
    ------
    UserError
        No tomogram to train on; voxel sizes that differ by more than 1 %.
    """
    if not data.training:
        raise UserError("There is no tomogram to train on: name at least one target.")
    first = next((pair for pair in data.pairs if pair.voxel_size), None)
    for pair in data.pairs:
        if first is None or not first.voxel_size or not pair.voxel_size:
            continue
        if any(abs(a / b - 1) > VOXEL_TOLERANCE for a, b in zip(pair.voxel_size, first.voxel_size, strict=True)):
            raise UserError(
                f"{first.name} has voxels of {_size(first.voxel_size)} Å and {pair.name} of {_size(pair.voxel_size)} "
                "Å: a network learns one voxel size, so rescale one of them, or set it on the Tomograms page if it is "
                "wrong."
            )
    return data


def _chosen(known: Mapping[int, NamedLabel], classes: Sequence[str]) -> list[NamedLabel]:
    by_name = {c.name: c for c in known.values()}
    unknown = [name for name in classes if name not in by_name]
    if unknown:
        listed = ", ".join(by_name) or "none"
        raise UserError(f"The targets have no class {unknown[0]!r} (classes: {listed}): make targets with it first.")
    if classes:
        return [by_name[name] for name in dict.fromkeys(classes)]
    return [known[label] for label in sorted(known)]


def _by_label(table: ObjectTable, tomogram: str, labels: Mapping[str, int] | None) -> dict[int, np.ndarray]:
    """Centres of a tomogram's objects by the label of their class, a class "class N" having N where none is given."""
    rows = table.rows[table.rows["tomogram"] == tomogram]
    centres = rows[["z", "y", "x"]].to_numpy(dtype=np.float64)
    if np.isnan(centres).any():
        raise UserError(f"An object of {tomogram} has no position (x, y or z is empty): complete or delete it.")
    names = rows["class"].to_numpy()
    found = {}
    for name in dict.fromkeys(names):
        label = _number(name) if labels is None else labels.get(name)
        if label is not None:
            found[label] = centres[names == name]
    return found


def _rejected(table: ObjectTable) -> dict[str, np.ndarray]:
    """Tomogram → centres of its rejected objects."""
    rejected = table.with_rows(table.rows[verdicts(table) == REJECTED])
    centres = rejected.coordinates_zyx()
    names = rejected.rows["tomogram"].to_numpy()
    return {str(name): centres[names == name] for name in dict.fromkeys(names)}


def _number(name: str) -> int | None:
    match = re.fullmatch(r"class (\d+)", name)
    return int(match[1]) if match and int(match[1]) > 0 else None


def _numbered(number_of_classes: int | None) -> list[NamedLabel]:
    if number_of_classes is None:
        return []
    if not 2 <= number_of_classes <= 128:
        raise UserError(f"number_of_classes = {number_of_classes} is not possible: give 2 to 128, background included.")
    return [numbered_class(label) for label in range(1, number_of_classes)]


def numbered_class(label: int) -> NamedLabel:
    """A class of which only the number is known."""
    return NamedLabel(label, f"class {label}", PALETTE[(label - 1) % len(PALETTE)], None)


def _folder_pairs(folder: Path) -> list[Pair]:
    if not folder.is_dir():
        raise UserError(f"{folder} is missing: a folder of DeepFinder has train/ and valid/.")
    found = []
    for target in sorted(folder.glob("*_target.*"), key=lambda path: _natural(path.name)):
        name = target.name[: target.name.index("_target.")]
        tomogram = next((path for path in _with_endings(folder, name) if path.is_file()), None)
        if tomogram is None:
            raise UserError(f"{folder} holds {target.name} and no tomogram {name}.mrc: add it or remove the target.")
        header = read_info(tomogram)
        _same_shape(str(tomogram), header.shape, str(target), read_info(target).shape)
        listed = folder / f"{name}_objl.xml"
        if not listed.is_file():
            raise UserError(f"{folder} holds {target.name} and no object list {listed.name}: add it.")
        geometry = TomogramGeometry(header.shape, header.voxel_size or (1.0, 1.0, 1.0))
        table = deepfinder_xml.read(listed, {name: geometry})
        objects = _by_label(table, name, None)
        shown = f"{folder.name}/{name}"
        found.append(Pair(shown, tomogram, target, header.shape, header.voxel_size, objects))
    if not found:
        raise UserError(f"{folder} holds no target (N_target.mrc): put N.mrc, N_target.mrc and N_objl.xml there.")
    return found


def _with_endings(folder: Path, name: str) -> Iterable[Path]:
    return (folder / f"{name}{ending}" for ending in (".mrc", ".rec", ".map", ".h5", ".tif"))


def _natural(name: str) -> list[tuple[int, str]]:
    """So that 10 comes after 9."""
    return [(int(digits or 0), text) for digits, text in re.findall(r"(\d*)(\D*)", name)]


def _same_shape(tomogram: str, shape: Shape, target: str, target_shape: Shape) -> None:
    if tuple(shape) != tuple(target_shape):
        raise UserError(
            f"{tomogram} has {_edges(shape)} voxels and its target {target} {_edges(target_shape)} (x × y × z): make "
            "the target anew for this tomogram."
        )


def _edges(shape: Shape) -> str:
    return " × ".join(f"{n:,}" for n in reversed(shape))


def _size(voxel_size: tuple[float, float, float]) -> str:
    numbers = [f"{v:.4g}" for v in reversed(voxel_size)]
    return numbers[0] if len(set(numbers)) == 1 else " × ".join(numbers)
