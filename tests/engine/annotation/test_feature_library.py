"""The feature library: edits of a list of classes, and one sentence for each way to be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.annotation import (
    PALETTE,
    ObjectClass,
    add_class,
    change_class,
    delete_class,
    find_class,
    merge_classes,
    next_colour,
    next_label,
    rename_class,
)
from engine.errors import UserError


@pytest.fixture
def library() -> list[ObjectClass]:
    classes = add_class([], "ribosome", 120.0)
    classes = add_class(classes, "membrane", 40.0, label=7, colour="#123456", notes="leaflet")
    return add_class(classes, "ATPase", 60.0, notes="head only")


def test_new_classes_get_the_next_number_and_colour(library: list[ObjectClass]) -> None:
    assert [(c.name, c.label, c.colour, c.radius) for c in library] == [
        ("ribosome", 1, "#E69F00", 120.0),
        ("membrane", 7, "#123456", 40.0),
        ("ATPase", 8, "#56B4E9", 60.0),
    ]
    assert next_label(library) == 9 and next_colour(library) == "#009E73"
    assert next_label([]) == 1
    assert next_label(add_class(library, "last", 1.0, label=65535)) == 2


@given(st.integers(0, 30))
def test_the_palette_is_used_evenly(count: int) -> None:
    classes: list[ObjectClass] = []
    for i in range(count):
        classes = add_class(classes, f"c{i}", 10.0)
    used = [sum(c.colour == colour for c in classes) for colour in PALETTE]
    assert max(used) - min(used) <= 1
    assert [c.label for c in classes] == list(range(1, count + 1))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "ribosome"}, "a class 'ribosome' already"),
        ({"name": " ribosome "}, "a class 'ribosome' already"),
        ({"name": "  "}, "cannot be the name of a class"),
        ({"name": "two\nlines"}, "cannot be the name of a class"),
        ({"name": "x" * 81}, "1 to 80 letters"),
        ({"label": 7}, "The number 7 belongs to membrane already, so new cannot have it"),
        ({"label": 0}, "The number 0 of class new"),
        ({"label": 65536}, "whole number 1 to 65535"),
        ({"colour": "orange"}, "The colour 'orange' of class new is not possible: write it as #rrggbb"),
        ({"colour": "#12345"}, "#rrggbb"),
        ({"radius": 0.0}, "The radius 0 Å of class new"),
        ({"radius": float("nan")}, "The radius nan Å"),
        ({"radius": "wide"}, "The radius 'wide' of class new is not a number"),
    ],
)
def test_what_is_refused(library: list[ObjectClass], values: dict, sentence: str) -> None:
    with pytest.raises(UserError) as told:
        add_class(library, **{"name": "new", "radius": 10.0, **values})
    assert sentence in str(told.value)
    assert len(library) == 3


def test_change_keeps_what_is_not_given_and_unknown_keys() -> None:
    classes = [ObjectClass(name="a", label=1, colour="#000000", radius=5.0, notes="n", pdb="4UG0")]
    (changed,) = change_class(classes, "a", radius=7.5)
    assert (changed.radius, changed.notes, changed.colour, changed.model_extra) == (
        7.5,
        "n",
        "#000000",
        {"pdb": "4UG0"},
    )
    assert classes[0].radius == 5.0
    with pytest.raises(UserError, match=r"no class 'b' \(classes: a\)"):
        change_class(classes, "b", radius=1.0)
    (cleared,) = change_class([changed], "a", notes="")
    assert cleared.notes == ""


def test_rename_refuses_a_taken_name_and_offers_a_merge(library: list[ObjectClass]) -> None:
    assert [c.name for c in rename_class(library, "membrane", "bilayer")] == ["ribosome", "bilayer", "ATPase"]
    assert rename_class(library, "membrane", "membrane") == library
    with pytest.raises(UserError, match="merge membrane into it"):
        rename_class(library, "membrane", "ATPase")


def test_delete_is_refused_while_objects_have_the_class(library: list[ObjectClass]) -> None:
    with pytest.raises(UserError) as told:
        delete_class(library, "ribosome", {"picks": 1200, "old": 3, "none": 0})
    assert "used by 1,203 objects (3 in old, 1,200 in picks)" in str(told.value)
    assert [c.name for c in delete_class(library, "ribosome", {"picks": 1200}, forced=True)] == ["membrane", "ATPase"]
    assert len(delete_class(library, "ribosome", {"picks": 0})) == 2


def test_merge_keeps_one_and_joins_the_notes(library: list[ObjectClass]) -> None:
    merged = merge_classes(library, ["membrane", "ATPase"], "ribosome")
    assert [(c.name, c.label, c.notes) for c in merged] == [("ribosome", 1, "leaflet\nhead only")]
    with pytest.raises(UserError, match="no class 'x'"):
        merge_classes(library, ["x"], "ribosome")
    with pytest.raises(UserError, match="no class 'x'"):
        find_class(library, "x")
