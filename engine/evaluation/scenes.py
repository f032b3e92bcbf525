"""Two object tables made ready for matching: restricted, in one frame, tomograms kept apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from engine.errors import UserError, quoted
from engine.evaluation import kaggle, picket, shrec
from engine.evaluation.metrics import Metric, find_metric
from engine.evaluation.neighbours import Neighbours, Outcome, find_neighbours
from engine.evaluation.shared_classes import classes_are_shared, of_known_class
from engine.objects import ObjectTable, TomogramGeometry

ANY_CLASS = "any class"


@dataclass(frozen=True)
class Settings:
    """How predictions are compared with references.

    Parameters
    ----------
    metric
        The matching rule (`engine.evaluation.METRICS`).
    distance
        Å, included.
    class_agnostic
        Whether classes do not count in matching; always so where the rule knows none.
    classes
        References of these classes only; None = all. Predictions of other classes are left out too, unless classes do
        not count.
    tomograms
        These only; None = all of the reference table.
    lower_z, upper_z
        Only references in these slices, both included, as PickET restricts them; None = no limit. Predictions are
        not restricted.
    beta
        Of Fβ.
    radii
        (class, radius in Å) for rules that use radii; classes without one take `distance`.
    multiplier
        Part of the radius that is the reach, for those rules.
    repeats
        Draws of the random baseline.
    seed
        Of the random baseline.

    Raises
    ------
    UserError
        An unknown metric, or a value out of its range.
    """

    metric: str = "one-to-one"
    distance: float = 100.0
    class_agnostic: bool = False
    classes: tuple[str, ...] | None = None
    tomograms: tuple[str, ...] | None = None
    lower_z: int | None = None
    upper_z: int | None = None
    beta: float = 4.0
    radii: tuple[tuple[str, float], ...] = ()
    multiplier: float = kaggle.MULTIPLIER
    repeats: int = 10
    seed: int = picket.SEED

    def __post_init__(self) -> None:
        find_metric(self.metric)
        for name, value in (("distance", self.distance), ("multiplier", self.multiplier), ("beta", self.beta)):
            if not (np.isfinite(value) and value > 0):
                raise UserError(f"{name} = {value:g} is not allowed: it must be a finite number greater than 0.")
        for name, radius in self.radii:
            if not (np.isfinite(radius) and radius > 0):
                raise UserError(
                    f"The radius of {name}, {radius:g} Å, is not allowed: it must be a finite number greater than 0."
                )
        if self.repeats < 0:
            raise UserError(f"repeats = {self.repeats} is not allowed: it must be 0 (no random baseline) or more.")
        if self.lower_z is not None and self.upper_z is not None and self.lower_z > self.upper_z:
            raise UserError(f"The slices {self.lower_z} to {self.upper_z} are crossed: exchange them.")


@dataclass(frozen=True, eq=False)
class Scene:
    """Predictions and references that are compared, in the voxels of the references' tomograms.

    Attributes
    ----------
    predictions, references
        Their rows as given, numbered anew.
    geometry
        Of each tomogram, by name.
    tomograms
        Names; `predicted_tomogram` [n] and `referred_tomogram` [m] count in it.
    class_names
        Names; `predicted_class` and `reference_class` count in it. One only where classes do not count.
    predicted, referred
        Positions in voxels, [n, 3] and [m, 3] as z, y, x.
    notes
        What a person should know about what was left out.
    """

    settings: Settings
    predictions: pd.DataFrame
    references: pd.DataFrame
    geometry: Mapping[str, TomogramGeometry]
    tomograms: list[str]
    predicted_tomogram: np.ndarray
    referred_tomogram: np.ndarray
    class_names: list[str]
    predicted_class: np.ndarray
    reference_class: np.ndarray
    predicted: np.ndarray
    referred: np.ndarray
    notes: list[str] = field(default_factory=list)
    instance_maps: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def metric(self) -> Metric:
        """The matching rule."""
        return find_metric(self.settings.metric)

    @property
    def agnostic(self) -> bool:
        """Whether classes do not count."""
        return self.settings.class_agnostic or self.metric.ignores_classes

    @cached_property
    def voxel_sizes(self) -> np.ndarray:
        """Å of each tomogram [t, 3] as z, y, x."""
        return np.array([self.geometry[name].voxel_size for name in self.tomograms], dtype=np.float64).reshape(-1, 3)

    @cached_property
    def reach_of_references(self) -> np.ndarray:
        """Å within which each reference is found [m], for rules that know radii and those that don't."""
        reach = np.full(len(self.references), self.settings.distance)
        if self.metric.uses_radii:
            radii = dict(self.settings.radii)
            known = self.references["class"].map(radii).to_numpy(dtype=np.float64, na_value=np.nan)
            reach = np.where(np.isfinite(known), known * self.settings.multiplier, reach)
        return reach

    def neighbours(self, reach: np.ndarray | None = None, predicted: np.ndarray | None = None) -> Neighbours:
        """Pairs within reach.

        Parameters
        ----------
        reach
            Å [m]; None = as the settings say.
        predicted
            Other positions in place of the predictions', [n, 3] in voxels, z, y, x.
        """
        reach = self.reach_of_references if reach is None else reach
        points = self.predicted if predicted is None else predicted
        if self.instance_maps and self.metric.name == "shrec":
            return self._occupants(points)
        far = self.in_unit(reach)
        return find_neighbours(
            self._apart(points, self.predicted_tomogram, far),
            self._apart(self.referred, self.referred_tomogram, far),
            far,
            self.predicted_class,
            self.reference_class,
            len(self.class_names),
        )

    def in_unit(self, reach: np.ndarray) -> np.ndarray:
        """Å [m] in the unit in which the rule measures: Å, or whole voxels of the reference's tomogram."""
        if not self.metric.whole_voxels:
            return reach
        return np.rint(reach / self.voxel_sizes.max(axis=1)[self.referred_tomogram])

    def judge(self, neighbours: Neighbours | None = None) -> Outcome:
        """What the rule says."""
        return self.metric.judge(self.neighbours() if neighbours is None else neighbours)

    def angstrom(self, points: np.ndarray, tomogram: np.ndarray) -> np.ndarray:
        """Positions [k, 3] in Å, z, y, x."""
        return points * self.voxel_sizes[tomogram]

    def _apart(self, points: np.ndarray, tomogram: np.ndarray, reach: np.ndarray) -> np.ndarray:
        # A fourth axis keeps tomograms out of each other's reach and changes no distance within one.
        gap = 4 * float(reach.max(initial=1.0)) + 1
        placed = points if self.metric.whole_voxels else self.angstrom(points, tomogram)
        return np.column_stack([placed, tomogram * gap])

    def _occupants(self, points: np.ndarray) -> Neighbours:
        prediction, reference = [], []
        for number, name in enumerate(self.tomograms):
            those = np.flatnonzero(self.predicted_tomogram == number)
            truths = np.flatnonzero(self.referred_tomogram == number)
            if name not in self.instance_maps:
                raise UserError(f"There is no map of the objects of tomogram {name!r}: give one for each tomogram.")
            ids = self.references["id"].to_numpy()[truths]
            held = shrec.occupied_by(points[those], self.instance_maps[name], ids)
            prediction.append(those[held >= 0])
            reference.append(truths[held[held >= 0]])
        hit, by = np.concatenate(reference), np.concatenate(prediction)
        return Neighbours(len(self.class_names), self.predicted_class, self.reference_class, by, hit, np.zeros(len(by)))


def prepare(
    prediction: ObjectTable,
    reference: ObjectTable,
    settings: Settings,
    instance_maps: Mapping[str, np.ndarray] | None = None,
) -> Scene:
    """Make two tables ready for matching.

    Parameters
    ----------
    prediction, reference
        Objects in voxels of their tomograms. Where both tables know a tomogram with different voxel sizes, predictions
        are brought to the reference's voxels, as binning maps them.
    settings
        How they are compared.
    instance_maps
        For SHREC: tomogram → map [z, y, x] of the references' ids; without it, balls.

    Raises
    ------
    UserError
        No reference left, no tomogram in common, an unknown class or tomogram, a position that is no number, a
        tomogram of unknown size.
    """
    notes: list[str] = []
    agnostic = settings.class_agnostic or find_metric(settings.metric).ignores_classes
    truths, picks = reference.rows, prediction.rows
    if not len(truths):
        raise UserError("The reference holds no objects: choose a table or file that does.")
    _check_positions(picks, "predictions")
    _check_positions(truths, "references")
    tomograms = _tomograms(prediction, reference, settings)
    outside = ~picks["tomogram"].isin(tomograms)
    if outside.any() and settings.tomograms is None:
        first = picks["tomogram"][outside].iloc[0]
        notes.append(f"Predictions in tomograms without references do not count ({outside.sum():,}, in {first} …).")
    searched = set(prediction.rows["tomogram"]) | set(prediction.tomograms)
    skipped = [name for name in dict.fromkeys(truths["tomogram"]) if name in tomograms and name not in searched]
    if skipped and searched:
        notes.append(
            f"The predictions do not cover {len(skipped)} of {len(tomograms)} tomograms ({_some(skipped)}): their "
            "references count as missed."
        )
    picks = picks[~outside]
    truths = truths[truths["tomogram"].isin(tomograms)]
    if settings.classes is not None:
        unknown = sorted(set(settings.classes) - set(reference.rows["class"]))
        if unknown:
            known = ", ".join(sorted(set(reference.rows["class"])))
            raise UserError(f"The references have no class {unknown[0]!r} (classes: {known}).")
        truths = truths[truths["class"].isin(settings.classes)]
        if not agnostic:
            picks = picks[picks["class"].isin(settings.classes)]
    truths = _in_slices(truths, settings)
    if not len(truths):
        raise UserError("No reference is left to compare with: choose other classes, tomograms or slices.")
    names = sorted(set(truths["class"]) | set(picks["class"]))
    if not agnostic and len(picks) and not set(truths["class"]) & set(picks["class"]):
        notes.append(
            f"No prediction has a class of the references (predicted: {_some(sorted(set(picks['class'])))}): "
            "compare class-agnostic."
        )
    elif not agnostic and len(prediction) and not classes_are_shared(prediction, reference):
        alike = of_known_class(prediction, reference)
        notes.append(
            f"Only {alike:,} of {len(prediction):,} predictions have a class of the references, and all others are "
            "false whatever they lie on: compare class-agnostic."
        )
    geometry = {name: _geometry(name, reference, prediction) for name in tomograms}
    picks, truths = picks.reset_index(drop=True), truths.reset_index(drop=True)
    place = {name: i for i, name in enumerate(tomograms)}
    code = {name: 0 if agnostic else i for i, name in enumerate(names)}
    return Scene(
        settings=settings,
        predictions=picks,
        references=truths,
        geometry=geometry,
        tomograms=tomograms,
        predicted_tomogram=picks["tomogram"].map(place).to_numpy(dtype=np.int64),
        referred_tomogram=truths["tomogram"].map(place).to_numpy(dtype=np.int64),
        class_names=[ANY_CLASS] if agnostic else names,
        predicted_class=picks["class"].map(code).to_numpy(dtype=np.int64),
        reference_class=truths["class"].map(code).to_numpy(dtype=np.int64),
        predicted=_in_reference_voxels(picks, prediction, geometry),
        referred=truths[["z", "y", "x"]].to_numpy(dtype=np.float64),
        notes=notes,
        instance_maps=instance_maps or {},
    )


def at_distance(scene: Scene, distance: float) -> Scene:
    """The same scene with another distance (Å) for every reference, whatever its radius."""
    return replace(scene, settings=replace(scene.settings, distance=distance, radii=()))


def _tomograms(prediction: ObjectTable, reference: ObjectTable, settings: Settings) -> list[str]:
    known = list(dict.fromkeys([*reference.rows["tomogram"], *reference.tomograms]))
    if settings.tomograms is not None:
        unknown = sorted(set(settings.tomograms) - set(known))
        if unknown:
            raise UserError(f"The references have no tomogram {unknown[0]!r} (tomograms: {', '.join(known)}).")
        known = [name for name in known if name in settings.tomograms]
    covered = set(prediction.rows["tomogram"]) | set(prediction.tomograms)
    if covered and not covered & set(known):
        raise UserError(
            f"Predictions and references have no tomogram in common (predictions in {_some(sorted(covered))}, "
            f"references in {_some(known)}): give them the same names."
        )
    # What is known of a tomogram but holds no reference still counts: every prediction in it is a false pick.
    return known


def _geometry(name: str, reference: ObjectTable, prediction: ObjectTable) -> TomogramGeometry:
    for table in (reference, prediction):
        if name in table.tomograms:
            return table.tomograms[name]
    raise UserError(f"The size of tomogram {quoted(name)} is not known: neither list says it.")


def _in_reference_voxels(
    picks: pd.DataFrame, prediction: ObjectTable, geometry: Mapping[str, TomogramGeometry]
) -> np.ndarray:
    points = picks[["z", "y", "x"]].to_numpy(dtype=np.float64, copy=True)
    for name in picks["tomogram"].unique():
        own = prediction.tomograms.get(name, geometry[name])
        if own.voxel_size == geometry[name].voxel_size:
            continue
        rows = (picks["tomogram"] == name).to_numpy()
        ratio = np.array(own.voxel_size) / np.array(geometry[name].voxel_size)
        points[rows] = (points[rows] + 0.5) * ratio - 0.5
    return points


def _in_slices(truths: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    if settings.lower_z is not None:
        truths = truths[truths["z"] >= settings.lower_z]
    if settings.upper_z is not None:
        truths = truths[truths["z"] <= settings.upper_z]
    return truths


def _check_positions(rows: pd.DataFrame, what: str) -> None:
    bad = ~np.isfinite(rows[["x", "y", "z"]].to_numpy(dtype=np.float64)).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise UserError(f"Row {row + 1} of the {what} has no position (x, y or z is empty): complete or delete it.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
