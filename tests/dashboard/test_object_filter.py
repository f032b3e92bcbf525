"""The filter of the page Objects: what it keeps, and words and limits that mean nothing for a table."""

import numpy as np
import pytest

from dashboard.widgets import object_filter
from engine.objects import ObjectTable, TomogramGeometry, table_from_centroids
from engine.objects.review import set_verdict

GEOMETRY = TomogramGeometry((20, 40, 48), (10.0, 10.0, 10.0))


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> dict:
    state: dict = {}
    monkeypatch.setattr(object_filter.st, "session_state", state)
    return state


def table(sizes: list[float] | None = None) -> ObjectTable:
    made = table_from_centroids("ts", GEOMETRY, np.full((4, 3), 5.0), sizes=sizes, scores=[0.1, 0.2, 0.3, np.nan])
    return made.with_rows(made.rows.assign(**{"class": ["a", "a", "b", "c"]}))


def shown(objects: ObjectTable, **asked) -> list[int]:
    object_filter.keep(asked)
    return object_filter.shown(objects).rows["id"].tolist()


def test_without_a_filter_the_table_itself_is_shown() -> None:
    objects = table()
    assert object_filter.shown(objects) is objects
    object_filter.keep({})
    assert object_filter.shown(objects) is objects


def test_words_and_limits() -> None:
    objects = set_verdict(table([10, 20, 30, 40]), [2], "rejected")
    assert shown(objects, classes=["a", "b"]) == [1, 2, 3]
    assert shown(objects, classes=["a"], size=[15, None]) == [2]
    assert shown(objects, score=[0.2, 0.3]) == [2, 3]  # both included; an unknown score passes no limit
    assert shown(objects, verdicts=["undecided"]) == [1, 3, 4]
    assert shown(objects, tomograms=["ts"], size=[None, 20]) == [1, 2]
    object_filter.clear()
    assert len(object_filter.shown(objects)) == 4


def test_what_the_table_does_not_have_hides_nothing() -> None:
    objects = table()  # no sizes, no verdicts
    assert shown(objects, classes=["gone"], size=[100, None], verdicts=["accepted"]) == [1, 2, 3, 4]
    assert shown(objects, classes=["gone", "b"]) == [3]
    assert object_filter.of(objects) == {
        "tomograms": [],
        "classes": ["b"],
        "verdicts": [],
        "size": [None, None],
        "score": [None, None],
    }
