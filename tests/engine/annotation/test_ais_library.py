"""Ais' feature library: its shapes, its colours, what is left out and said, and the way back."""

import json

import pytest

from engine.annotation import add_class, classes_from_ais, classes_to_ais
from engine.errors import UserError

FEATURES = [
    {
        "title": "Ribosome", "colour": [1.0, 0.5, 0.0], "box_size": 64, "brush_size": 25.0, "alpha": 1.0, "use": True,
        "level": 128, "dust": 100.0, "render_alpha": 1.0, "hide": False,
    },
    {"title": "Membrane", "colour": [0.2, 0.4, 0.6], "box_size": 128, "something_new": {"a": [1]}},
]  # fmt: skip


def test_a_list_of_features() -> None:
    result = classes_from_ais(json.dumps(FEATURES), radius=100.0)
    assert [(c.name, c.label, c.colour, c.radius) for c in result.classes] == [
        ("Ribosome", 1, "#ff8000", 100.0),
        ("Membrane", 2, "#336699", 100.0),
    ]
    assert result.added == ["Ribosome", "Membrane"] and result.left_out == []
    assert result.classes[1].model_extra == {"ais": {"box_size": 128, "something_new": {"a": [1]}}}


@pytest.mark.parametrize(
    "content",
    [
        {f["title"]: {k: v for k, v in f.items() if k != "title"} for f in FEATURES},
        {"Default": FEATURES},
        {"version": 2, "active": "mine", "libraries": {"mine": FEATURES}},
        {"features": FEATURES},
    ],
)
def test_other_nestings_give_the_same(content: dict) -> None:
    result = classes_from_ais(json.dumps(content), radius=100.0)
    assert [(c.name, c.colour) for c in result.classes] == [("Ribosome", "#ff8000"), ("Membrane", "#336699")]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ([255, 128, 0], "#ff8000"),
        ([1, 0, 0, 1], "#ff0000"),
        ([0, 0, 0], "#000000"),
        ("#A1b2C3", "#A1b2C3"),
    ],
)
def test_spellings_of_colours(colour: object, expected: str) -> None:
    (made,) = classes_from_ais(json.dumps([{"title": "a", "colour": colour}]), radius=1.0).classes
    assert made.colour == expected


@pytest.mark.parametrize("colour", [[1, 0], [300, 0, 0], [-1, 0, 0], ["r", "g", "b"], "red", None, [float("nan")] * 3])
def test_a_colour_that_cannot_be_read_is_replaced_and_said(colour: object) -> None:
    result = classes_from_ais(json.dumps([{"title": "a", "colour": colour}]), radius=1.0)
    assert result.classes[0].colour == "#E69F00"
    assert result.left_out == ["The colour of a cannot be read: it got #E69F00."]


def test_known_and_double_classes_stay_and_are_said() -> None:
    known = add_class([], "Ribosome", 130.0, colour="#111111")
    result = classes_from_ais(json.dumps([*FEATURES, FEATURES[1], {"title": "", "colour": [0, 0, 0]}]), 100.0, known)
    assert [(c.name, c.radius) for c in result.classes] == [("Ribosome", 130.0), ("Membrane", 100.0)]
    assert result.left_out == [
        "Ribosome is a class already and stays as it is.",
        "Membrane stands in the file twice: the first was taken.",
    ]


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[]", "3", '{"a": 1}', "[" * 100_000])
def test_what_is_no_library_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError) as told:
        classes_from_ais(text, 100.0)
    assert str(told.value).count("\n") == 0 and "Ais" in str(told.value)


def test_there_and_back_keeps_everything() -> None:
    classes = classes_from_ais(json.dumps(FEATURES), 100.0).classes
    classes = add_class(classes, "own", 55.5, colour="#0072b2", notes="by hand")
    text = classes_to_ais(classes)
    written = json.loads(text)
    assert {k: v for k, v in written[0].items() if k in FEATURES[0]} == {**FEATURES[0], "colour": [1.0, 0.501961, 0.0]}
    assert written[1]["something_new"] == {"a": [1]}
    assert written[2]["box_size"] == 64 and written[2]["title"] == "own"
    again = classes_from_ais(text, 1.0).classes
    assert [(c.name, c.label, c.colour, c.radius, c.notes) for c in again] == [
        (c.name, c.label, c.colour, c.radius, c.notes) for c in classes
    ]
