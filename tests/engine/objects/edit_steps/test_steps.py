"""The registry of edits: described parameters, sentences about what was done, several steps in a row."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.edit_steps import EDITS, NothingAtHand, apply_to, choose, describe_difference, read_steps, run_steps

SHAPE = (20, 30, 40)
GEOMETRY = {"a": TomogramGeometry(SHAPE, (10.0,) * 3), "b": TomogramGeometry(SHAPE, (10.0,) * 3)}


class InMemory(NothingAtHand):
    """Densities with one dark voxel, a mask of the lower half, another table, a feature library."""

    def density(self, tomogram: str, start: tuple[int, int, int], stop: tuple[int, int, int]) -> np.ndarray:
        volume = np.zeros(SHAPE, np.float32)
        volume[5, 5, 7] = -1
        return volume[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]

    def shape(self, tomogram: str) -> tuple[int, int, int]:
        return SHAPE

    def mask(self, name: str, tomogram: str) -> Any:
        labels = np.zeros(SHAPE, np.int8)
        labels[:10] = 1
        return labels

    def table(self, name: str) -> ObjectTable:
        return table()

    def radii(self) -> Mapping[str, float]:
        return {"gold": 50.0, "ribosome": 150.0}


def table(**columns: object) -> ObjectTable:
    rows = {
        "tomogram": ["a", "a", "a", "b"],
        "class": ["gold", "ribosome", "gold", "ribosome"],
        "x": [5.0, 20, 30, 20],
        "y": [5.0, 20, 5, 20],
        "z": [5.0, 10, 15, 1],
        "score": [0.1, 0.4, 0.6, 0.9],
        "verdict": ["accepted", "", "rejected", ""],
    }
    return ObjectTable(pd.DataFrame({**rows, **columns}), GEOMETRY)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "keep-classes": ({"classes": ["gold"]}, "removes 2 of 4 objects"),
    "remove-classes": ({"classes": ["gold"]}, "removes 2 of 4 objects"),
    "rename-classes": ({"names": {"gold": "fiducial"}}, "changes the class of 2 objects"),
    "keep-tomograms": ({"tomograms": ["b"]}, "removes 3 of 4 objects"),
    "keep-verdicts": ({"verdicts": ["accepted", "undecided"]}, "removes 1 of 4 objects"),
    "remove-verdicts": ({"verdicts": ["rejected", "undecided"]}, "removes 3 of 4 objects"),
    "threshold": ({"lowest": 0.5, "lowest_by_class": {"ribosome": 0.4}}, "removes 1 of 4 objects"),
    "remove-close": ({"distance": 270}, "removes 1 of 4 objects"),  # the gold ones are 25 and 10 voxels apart: 269 Å
    "remove-duplicates": ({}, "changes nothing"),
    "merge": ({"tables": ["other"], "remove_duplicates": False}, "adds 4 objects"),
    "scale": ({"factor": 2}, "brings 4 objects to voxels of 20 Å"),
    "shift": ({"x": 3, "y": 4}, "moves 4 objects by up to 5 voxels"),
    "crop-to-box": ({"to_z": 9}, "removes 2 of 4 objects"),
    "crop-to-mask": ({"mask": "lower"}, "removes 2 of 4 objects"),
    "remove-near-border": ({"margin": 20, "unit": "angstrom"}, "removes 1 of 4 objects"),
    "snap": ({"radius": 20}, "moves 1 object by up to 2 voxels"),
    "randomise": ({"seed": 1}, "moves 4 objects by up to"),
    "set-orientations": ({"tilt": 90}, "gives 4 objects an orientation"),
    "clear-orientations": ({}, "changes nothing"),
    "flip": ({}, "changes nothing"),
    "normalise-orientations": ({}, "changes nothing"),
    "randomise-angle": ({}, "changes nothing"),
}


def test_every_edit_has_a_case_here() -> None:
    assert set(CASES) == set(EDITS)


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_said_is_what_was_done(name: str) -> None:
    raw, sentence = CASES[name]
    step = choose(name, raw)
    before = table()
    after = step.edit.apply(before, step.parameters, InMemory())
    assert step.edit.says(before, after).startswith(sentence)
    pd.testing.assert_frame_equal(before.rows, table().rows)  # what was given is as it was


@pytest.mark.parametrize("name", list(EDITS))
def test_every_parameter_is_described(name: str) -> None:
    edit = EDITS[name]
    assert edit.name == name and edit.title and edit.summary.endswith(".")
    for key, field in edit.parameters.model_fields.items():
        extra = field.json_schema_extra
        assert field.title and field.description, key
        assert isinstance(extra, dict) and {"unit", "advanced", "source", "beside", "only_if"} == set(extra), key
    edit.parameters.model_json_schema()


def test_orientations_in_words() -> None:
    before = table(rot=10.0, tilt=200.0, psi=[1.0, 2, 3, np.nan])
    for name, sentence in (
        ("flip", "changes the orientation of 3 objects"),
        ("clear-orientations", "clears the orientation of 4 objects"),
        ("randomise-angle", "changes the orientation of 3 objects"),
        ("set-orientations", "changes the orientation of 3 objects; gives 1 object an orientation"),
    ):
        step = choose(name)
        assert step.edit.says(before, step.edit.apply(before, step.parameters, InMemory())) == sentence


def test_other_differences_in_words() -> None:
    before = table(fom=1.0)
    assert describe_difference(before, before) == "changes nothing"
    assert describe_difference(before, before.with_rows(before.rows.assign(fom=2.0))) == "changes the column fom"
    assert describe_difference(before, before.with_rows(before.rows[::-1])) == "changes the order of the objects"
    outside = before.with_rows(before.rows.assign(x=[5.0, 20, 30, 41]))
    assert (
        describe_difference(before, outside) == "moves 1 object by up to 21 voxels; puts 1 object outside the tomogram"
    )
    cut = choose("crop-to-box", {"to_z": 9, "count_from_box": True})
    said = cut.edit.says(before, cut.edit.apply(before, cut.parameters, InMemory()))
    assert said == "removes 2 of 4 objects; gives 2 tomograms another size"
    big = ObjectTable(pd.DataFrame({"x": np.zeros(1020), "tomogram": "a", "class": "p"}), GEOMETRY)
    assert describe_difference(big, big.with_rows(big.rows[214:])) == "removes 214 of 1,020 objects"


def test_a_part_of_the_objects_is_edited_in_place() -> None:
    step = choose("shift", {"x": 1})
    moved = apply_to(step.edit, table(), step.parameters, InMemory(), ids=[3, 1])
    assert moved.rows["id"].tolist() == [1, 2, 3, 4] and moved.rows["x"].tolist() == [6, 20, 31, 20]
    step = choose("threshold", {"lowest": 0.5})
    assert apply_to(step.edit, table(), step.parameters, InMemory(), ids=[1, 3]).rows["id"].tolist() == [2, 3, 4]
    assert len(apply_to(step.edit, table(), step.parameters, InMemory())) == 2
    step = choose("scale", {"factor": 2})
    with pytest.raises(UserError, match="'Scale' works on a whole table"):
        apply_to(step.edit, table(), step.parameters, InMemory(), ids=[1])


def test_scale_can_be_told_in_three_ways() -> None:
    for raw, x, shape in (
        ({"factor": 3, "direction": "unbin"}, 16.0, (60, 90, 120)),
        ({"voxel_size": 20}, 2.25, (10, 15, 20)),
        ({"factor": 2, "shape": [21, 16, 11]}, 2.25, (11, 16, 21)),
    ):
        step = choose("scale", raw)
        scaled = step.edit.apply(table(), step.parameters, InMemory())
        assert scaled.rows["x"][0] == pytest.approx(x) and scaled.tomograms["a"].shape == shape


def test_merging_takes_the_radii_of_the_feature_library() -> None:
    step = choose("merge", {"tables": ["other"]})
    merged = step.edit.apply(table(), step.parameters, InMemory())
    assert len(merged) == 4 and step.edit.says(table(), merged) == "changes nothing"
    with pytest.raises(UserError, match="'gold' has no radius"):
        choose("remove-duplicates").edit.apply(table(), choose("remove-duplicates").parameters, NothingAtHand())


def test_steps_in_a_row() -> None:
    steps = read_steps([{"remove_near_border": {"margin": 2}}, {"scale": {"factor": 2}}, "clear-orientations"])
    done = list(run_steps(table(), steps, InMemory()))
    assert [d.sentence for d in done] == [
        "removes 1 of 4 objects", "brings 3 objects to voxels of 20 Å", "changes nothing",
    ]  # fmt: skip
    assert done[-1].table.rows["x"].tolist() == [2.25, 9.75, 14.75]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({}, "must be a list"),
        ([], "must be a list"),
        ([3], "Step 1 is 3"),
        (["clear-orientations", {"scale": {"factor": 1}, "shift": {}}], "Step 2 is"),
        ([{"scail": {}}], "no edit 'scail': did you mean 'scale'"),
        ([{"xyzzy": {}}], "choose one of keep-classes, "),
        ([{"scale": 2}], r"Step 1 \(scale\): 2 are no parameters"),
        ([{"scale": {}}], "Give either a factor or the voxel size"),
        ([{"scale": {"factor": -1}}], "factor = -1 is not allowed: it must be more than 0"),
        ([{"snap": {"distance": 1}}], "distance is not a parameter here"),
        ([{"remove-near-border": {}}], "margin is missing"),
        ([{"shift": {"x": "far"}}], "x = 'far' is not allowed"),
        ([{"remove-duplicates": {"radii": {"gold": 0}}}], "radius of gold must be above 0"),
        ([{"clear-orientations": {"x": 1}}], r"known: none"),
    ],
)
def test_wrong_steps_are_refused_before_anything_is_done(raw: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_steps(raw)


def test_classes_called_by_numbers() -> None:
    assert choose("keep-classes", {"classes": [12]}).parameters.model_dump() == {"classes": ["12"]}


def test_densities_of_another_size_are_refused() -> None:
    small = ObjectTable(table().rows, {name: TomogramGeometry((10, 15, 20), (20.0,) * 3) for name in "ab"})
    step = choose("snap")
    with pytest.raises(UserError, match="densities of a have 40×30×20 voxels and the table says 20×15×10"):
        step.edit.apply(small, step.parameters, InMemory())


@pytest.mark.parametrize(("name", "raw"), [("snap", {}), ("crop-to-mask", {"mask": "m"}), ("merge", {"tables": ["t"]})])
def test_what_is_not_at_hand_is_named(name: str, raw: dict) -> None:
    step = choose(name, raw)
    with pytest.raises(UserError, match="needed: name a project"):
        step.edit.apply(table(), step.parameters, NothingAtHand())
