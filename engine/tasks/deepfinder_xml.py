"""DeepFinder's XML parameter files: their models, and the reading of such a file.

`<paramsGenerateTarget>` and `<paramsTrain>` are documented by DeepFinder (its page "Command line tools"); its commands
`segment` and `cluster` take flags, but its own library also writes `<paramsSegment>` and `<paramsCluster>`. Everything
wrong in a file is said at once, each problem with its element. Elements that are not known are ignored and named.
Running what a file says is elsewhere (`deepfinder_targets`). Object lists are in `engine.objects.formats`.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar
from xml.etree.ElementTree import Element

import defusedxml
from defusedxml import ElementTree
from pydantic import BaseModel

from engine.errors import UserError, explain_os_errors

LARGEST_FILE = 10_000_000
"""Bytes; a file of parameters has some hundred."""


class ParameterFile(BaseModel):
    """What all files have: elements that were not known."""

    ignored: list[str] = []


class TargetFile(ParameterFile):
    """`<paramsGenerateTarget>`.

    Attributes
    ----------
    path_objl, path_target
        Object list, and the label map to write.
    path_initial_vol
        Label map under the objects; "" = none.
    tomo_size
        (z, y, x) voxels; None with an initial volume, whose shape counts then, as in DeepFinder.
    strategy
        What objects become.
    radius_list
        Voxels, of class 1, 2, …
    path_mask_list
        Files, of class 1, 2, …
    """

    path_objl: str
    path_initial_vol: str = ""
    tomo_size: tuple[int, int, int] | None = None
    strategy: Literal["spheres", "shapes"]
    radius_list: list[float] = []
    path_mask_list: list[str] = []
    path_target: str


class TrainFile(ParameterFile):
    """`<paramsTrain>`.

    Attributes
    ----------
    path_out
        Folder of the results.
    path_tomo, path_target
        One target for each tomogram.
    path_objl_train, path_objl_valid
        Object lists; tomo_idx is the place in `path_tomo`, from 0.
    number_of_classes
        With the background.
    patch_size
        Voxels.
    steps_per_validation
        DeepFinder asks for it but always takes 10.
    """

    path_out: str
    path_tomo: list[str]
    path_target: list[str]
    path_objl_train: str
    path_objl_valid: str
    number_of_classes: int
    patch_size: int
    batch_size: int
    number_of_epochs: int
    steps_per_epoch: int
    steps_per_validation: int
    flag_direct_read: bool
    flag_bootstrap: bool
    random_shift: int


class SegmentFile(ParameterFile):
    """`<paramsSegment>`; the number of classes counts the background, the patch is in voxels."""

    number_of_classes: int
    patch_size: int
    path_net_weights: str
    path_tomo: str
    path_lmap: str


class ClusterFile(ParameterFile):
    """`<paramsCluster>`; the radius is in voxels."""

    path_label_map: str
    clustering_radius: float
    path_objl: str


Model = TypeVar("Model", bound=ParameterFile)


def read_target_file(path: Path) -> TargetFile:
    """Read `<paramsGenerateTarget>`.

    Raises
    ------
    UserError
        No such file or no XML; or all that is missing or wrong in it.
    """
    found = _Elements(path, "paramsGenerateTarget")
    initial = found.text("path_initial_vol", "path", needed=False)
    strategy = found.one_of("strategy", "strategy", ("spheres", "shapes"))
    size = None
    if not initial:
        x, y, z = (found.whole(f"tomo_size/{axis}", "size", 1) for axis in "XYZ")
        size = (z, y, x)
    spheres = strategy != "shapes"
    radii = found.several("radius_list", "class", 1, lambda e: found.number(e, "radius"), needed=spheres)
    masks = found.several("path_mask_list", "class", 1, lambda e: found.text(e, "path"), needed=not spheres)
    return found.made(
        TargetFile,
        path_objl=found.text("path_objl", "path"),
        path_initial_vol=initial,
        tomo_size=size,
        strategy=strategy,
        radius_list=radii,
        path_mask_list=masks,
        path_target=found.text("path_target", "path"),
    )


def read_train_file(path: Path) -> TrainFile:
    """Read `<paramsTrain>`. Raises UserError as `read_target_file` does."""
    found = _Elements(path, "paramsTrain")
    tomograms = found.several("path_tomo", "tomo", 0, lambda e: found.text(e, "path"), needed=True)
    targets = found.several("path_target", "target", 0, lambda e: found.text(e, "path"), needed=True)
    if tomograms and targets and len(tomograms) != len(targets):
        found.problems.append(f"path_tomo has {len(tomograms)} tomograms and path_target {len(targets)} targets")
    return found.made(
        TrainFile,
        path_out=found.text("path_out", "path"),
        path_tomo=tomograms,
        path_target=targets,
        path_objl_train=found.text("path_objl_train", "path"),
        path_objl_valid=found.text("path_objl_valid", "path"),
        number_of_classes=found.whole("number_of_classes", "n", 2),
        patch_size=found.whole("patch_size", "n", 4),
        batch_size=found.whole("batch_size", "n", 1),
        number_of_epochs=found.whole("number_of_epochs", "n", 1),
        steps_per_epoch=found.whole("steps_per_epoch", "n", 1),
        steps_per_validation=found.whole("steps_per_validation", "n", 1),
        flag_direct_read=found.flag("flag_direct_read"),
        flag_bootstrap=found.flag("flag_bootstrap"),
        random_shift=found.whole("random_shift", "shift", 0),
    )


def read_segment_file(path: Path) -> SegmentFile:
    """Read `<paramsSegment>`. Raises UserError as `read_target_file` does."""
    found = _Elements(path, "paramsSegment")
    return found.made(
        SegmentFile,
        number_of_classes=found.whole("number_of_classes", "n", 2),
        patch_size=found.whole("patch_size", "n", 4),
        path_net_weights=found.text("path_net_weights", "path"),
        path_tomo=found.text("path_tomo", "path"),
        path_lmap=found.text("path_lmap", "path"),
    )


def read_cluster_file(path: Path) -> ClusterFile:
    """Read `<paramsCluster>`. Raises UserError as `read_target_file` does."""
    found = _Elements(path, "paramsCluster")
    return found.made(
        ClusterFile,
        path_label_map=found.text("path_label_map", "path"),
        clustering_radius=found.number("clustering_radius", "radius"),
        path_objl=found.text("path_objl", "path"),
    )


class _Elements:
    """The elements of one file; what is wrong with them is collected and said by `made`.

    A value that is missing or wrong is given as a stand-in, which nobody sees.
    """

    def __init__(self, path: Path, root: str) -> None:
        self._path = Path(path)
        self._root = _parsed(self._path)
        if self._root.tag != root:
            raise UserError(f"{path} begins with <{self._root.tag}>: a file with <{root}> is needed here.")
        self.problems: list[str] = []
        self._asked = {"tomo_size"}  # not looked at with an initial volume, and no mistake then

    def text(self, name: str, attribute: str, needed: bool = True) -> str:
        """The attribute of an element, a path such as tomo_size/X; "" where it is not needed and not there."""
        self._asked.add(name.split("/")[0])
        element = self._root.find(name)
        if element is None:
            if needed:
                self.problems.append(f"<{name}> is missing")
            return ""
        value = element.get(attribute)
        if value is None and needed:
            self.problems.append(f"<{name}> has no attribute {attribute}")
        elif not (value or "").strip() and needed:
            self.problems.append(f'<{name} {attribute}=""> is empty')
        return (value or "").strip()

    def whole(self, name: str, attribute: str, least: int) -> int:
        """A whole number of at least `least`."""
        number = self._parsed(name, attribute)
        if number is None:
            return least
        if not number.is_integer() or number < least or number > 2**31:
            self._wrong(name, attribute, f"must be a whole number of {least} or more")
            return least
        return int(number)

    def number(self, name: str, attribute: str) -> float:
        """A number above 0."""
        number = self._parsed(name, attribute)
        if number is not None and number <= 0:
            self._wrong(name, attribute, "must be more than 0")
        return number or 1.0

    def flag(self, name: str) -> bool:
        """True or False, in any case of letters."""
        value = self.text(name, "flag")
        if value and value.lower() not in ("true", "false"):
            self._wrong(name, "flag", "must be True or False")
        return value.lower() == "true"

    def one_of(self, name: str, attribute: str, allowed: tuple[str, ...]) -> str:
        """One of some words."""
        value = self.text(name, attribute)
        if value and value not in allowed:
            self._wrong(name, attribute, f"must be {' or '.join(allowed)}")
        return value if value in allowed else allowed[0]

    def several(self, name: str, prefix: str, first: int, read: Callable[[str], Any], needed: bool) -> list[Any]:
        """Numbered elements in one: `prefix` and a number counted from `first`, none left out."""
        self._asked.add(name)
        element = self._root.find(name)
        children = list(element) if element is not None else []
        if not children:
            if needed:
                self.problems.append(f"<{name}> is {'missing' if element is None else 'empty'}")
            return []
        expected = [f"{prefix}{first + number}" for number in range(len(children))]
        there = [child.tag for child in children]
        if sorted(there) != sorted(expected):
            missing = next(tag for tag in expected if tag not in there)
            self.problems.append(f"<{name}> has {', '.join(there)}, and {missing} is missing")
            return []
        if not needed:  # of the other strategy: what stands there does not matter
            return []
        return [read(f"{name}/{tag}") for tag in expected]

    def made(self, model: type[Model], **values: Any) -> Model:
        """The model of the values. Raises UserError with all problems, if there are any."""
        if self.problems:
            raise UserError(f"{self._path}: {'; '.join(self.problems)}.")
        unknown = [child.tag for child in self._root if child.tag not in self._asked]
        return model(**values, ignored=unknown)

    def _parsed(self, name: str, attribute: str) -> float | None:
        value = self.text(name, attribute)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self._wrong(name, attribute, "must be a number")
            return None
        return number

    def _wrong(self, name: str, attribute: str, say: str) -> None:
        element = self._root.find(name)
        value = "" if element is None else element.get(attribute)
        self.problems.append(f'<{name} {attribute}="{value}"> {say}')


def _parsed(path: Path) -> Element:
    with explain_os_errors(path, "read"):
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"{path} is too large for a file of parameters: choose another one.")
        raw = path.read_bytes()
    try:
        return ElementTree.fromstring(raw, forbid_dtd=True)
    except defusedxml.DefusedXmlException as error:
        raise UserError(
            f"{path} is refused: it has a document type or entities, which no file of parameters needs and which can "
            "harm: remove them."
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path} is not an XML file that can be read ({error}).") from error
