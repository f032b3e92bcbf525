"""Every event of the browser is taken once."""

from dashboard.viewer import outbox


def event(number: int, boot: str = "b", **values) -> dict:
    return {"boot": boot, "number": number, "owner": "viewer", "type": "selected", "values": values}


def test_all_of_several_fast_events_are_taken_in_order():
    taken, seen = outbox.take([event(i, id=i) for i in (1, 2, 3)], {})
    assert [e["id"] for e in taken] == [1, 2, 3]
    assert seen == {"b": 3}


def test_list_seen_twice_acts_once():
    first, seen = outbox.take([event(1), event(2)], {})
    again, seen = outbox.take([event(1), event(2), event(3, id=9)], seen)
    assert len(first) == 2
    assert again == [{"id": 9, "type": "selected"}]


def test_reloaded_browser_begins_anew():
    _, seen = outbox.take([event(5)], {})
    taken, seen = outbox.take([event(1, boot="c")], seen)
    assert len(taken) == 1
    assert seen == {"b": 5, "c": 1}


def test_what_is_no_event_is_passed_over():
    taken, seen = outbox.take([{}, {"boot": "b"}, {"boot": 1, "number": 2, "type": "x"}, {"number": "1"}], {"b": 0})
    assert taken == []
    assert seen == {"b": 0}
    assert outbox.take(None, {}) == ([], {})


def test_acknowledged_is_not_changed_in_place():
    before: dict[str, int] = {}
    outbox.take([event(1)], before)
    assert before == {}
