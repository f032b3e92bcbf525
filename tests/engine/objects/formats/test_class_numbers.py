"""One numbering of classes for a whole table: what was chosen, the feature library, numbers in names, the rest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, table_from_centroids
from engine.objects.formats import FORMATS, export, get_format, options_of, read_objects
from engine.objects.formats.class_numbers import (
    NumbersOfClasses,
    class_names,
    class_numbering,
    class_numbers,
    numbering_sentence,
)
from engine.objects.formats.notes import collected

LIBRARY = {"rod": 1, "ring": 2, "hook": 3}
NUMBERING = [name for name, chosen in FORMATS.items() if issubclass(chosen.writing, NumbersOfClasses)]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["b", "a", "b"], [2, 1, 2]),
        (["class 7", "class 2"], [7, 2]),
        (["7", "12"], [7, 12]),
        (["7", "class 2"], [7, 2]),
        (["class 7", "7"], [8, 7]),
        (["class 7", "ribosome"], [7, 8]),
        (["object 2", "object 10"], [2, 10]),
        ([], []),
    ],
)
def test_without_a_library(names: list[str], numbers: list[int]) -> None:
    assert class_numbers(pd.Series(names, dtype="str"), "X").tolist() == numbers


def test_the_library_decides_and_others_follow() -> None:
    assert class_numbering(["hook", "new", "rod"], library=LIBRARY) == {"hook": 3, "new": 4, "rod": 1}
    # 2 is the ring's, though the table has no ring; 9 is free.
    assert class_numbering(["class 2", "class 9"], library=LIBRARY) == {"class 2": 10, "class 9": 9}
    # What a person chooses goes before the library, whose class then gets another number.
    assert class_numbering(["hook", "rod"], {"hook": 1}, LIBRARY) == {"hook": 1, "rod": 3}


@given(
    st.lists(st.sampled_from(["rod", "ring", "hook", "new", "1", "2", "class 2", "class 7"]), max_size=8),
    st.none() | st.just(LIBRARY),
)
def test_no_two_classes_share_a_number(names: list[str], library: dict[str, int] | None) -> None:
    found = class_numbering(names, library=library)
    assert set(found) == set(names) and len(set(found.values())) == len(found)
    assert class_numbering(names, found) == found
    assert all(found[name] == number for name, number in (library or {}).items() if name in found)


@pytest.mark.parametrize(
    ("numbering", "library", "sentence"),
    [
        ({"class 3": 3, "12": 12}, None, ""),
        ({"hook": 1, "rod": 2}, None, "X has numbers for classes: 1 = hook, 2 = rod (in the order of their names)."),
        ({"hook": 3, "rod": 1}, LIBRARY, "X has numbers for classes: 1 = rod, 3 = hook, as in the feature library."),
        (
            {"new": 4, "rod": 1},
            LIBRARY,
            "X has numbers for classes: 1 = rod, 4 = new (new not in the feature library).",
        ),
    ],
)
def test_what_is_said(numbering: dict[str, int], library: dict[str, int] | None, sentence: str) -> None:
    assert numbering_sentence("X", numbering, library) == sentence


def test_as_text() -> None:
    dynamo = get_format("dynamo")
    given = options_of(dynamo.writing, {"class_numbers": "ribosome = 3, 20S core=4"}, "Writing dynamo")
    assert given.class_numbers == {"ribosome": 3, "20S core": 4}
    for wrong in ("ribosome", "3=ribosome", "ribosome=-1"):
        with pytest.raises(UserError, match="class_numbers"):
            options_of(dynamo.writing, {"class_numbers": wrong}, "Writing dynamo")


def three_classes() -> ObjectTable:
    """hook, hook, hook, rod, ring, new: the first three rows hold one class only."""
    geometry = TomogramGeometry((50, 60, 70), (10.0, 10.0, 10.0))
    table = table_from_centroids("ts_1", geometry, np.array([[5.0, 6.0, 7.0 + n] for n in range(6)]))
    return table.with_rows(table.rows.assign(**{"class": ["hook", "hook", "hook", "rod", "ring", "new"]}))


@pytest.mark.parametrize("name", NUMBERING)
def test_every_format_writes_the_librarys_numbers_and_says_them(tmp_path: Path, name: str) -> None:
    table, chosen = three_classes(), get_format(name)
    with collected() as notes:
        path = export(table, chosen, tmp_path / f"t{chosen.suffix}", class_labels=LIBRARY)[0]
    (sentence,) = [text for text in notes if "numbers for classes" in text]
    assert "1 = rod, 2 = ring, 3 = hook, 4 = new (new not in the feature library)" in sentence
    if chosen.suffix == ".star":
        path.write_text(path.read_text().replace("_tomodeckClassName", "_rlnUnknown"))  # what RELION keeps
    back = read_objects(path, table.tomograms, chosen)
    assert back.rows["class"].tolist() == ["class 3"] * 3 + ["class 1", "class 2", "class 4"]


def test_formats_that_number() -> None:
    assert set(NUMBERING) == {
        *("relion5", "relion4", "relion3", "warp", "stopgap", "dynamo"),
        *("deepfinder-xml", "deepfinder-xlsx", "deepfinder-txt"),
    }


def test_class_names() -> None:
    assert class_names([3.0, 0, 12, 1.5]) == ["class 3", "class 0", "class 12", "class 1.5"]
