"""Events are acted on once each, in order, one at a time, whatever else runs."""

import threading
import time
from types import SimpleNamespace

import pytest
from streamlit.runtime.state import SafeSessionState, SessionState

from dashboard.viewer import hearing
from dashboard.viewer.hearing import acknowledged, answer, hear


def outbox(*numbers: int, boot: str = "b") -> list[dict]:
    return [{"boot": boot, "number": n, "type": "added", "values": {"x": n}} for n in numbers]


def test_each_event_once_and_in_order() -> None:
    seen: list[int] = []
    hear("tab-1", outbox(1, 2), lambda event: seen.append(event["x"]))
    hear("tab-1", outbox(1, 2, 3), lambda event: seen.append(event["x"]))
    assert seen == [1, 2, 3] and acknowledged("tab-1") == {"b": 3}
    assert acknowledged("tab-2") == {}
    hear("tab-2", outbox(1, boot="c"), lambda event: seen.append(event["x"]))
    assert seen == [1, 2, 3, 1] and acknowledged("tab-2") == {"c": 1}
    hear("tab-2", None, lambda event: seen.append(event["x"]))


def test_two_runs_at_once_act_one_after_the_other() -> None:
    at_work = 0
    most = 0
    seen: list[int] = []

    def act(event: dict) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.02)
        seen.append(event["x"])
        at_work -= 1

    runs = [threading.Thread(target=hear, args=("tab-3", outbox(*range(1, n)), act)) for n in (3, 5, 7)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert seen == [1, 2, 3, 4, 5, 6] and most == 1


def test_an_answer_is_waited_for_until_the_event_is_acted_on() -> None:
    assert answer("tab-6", "b", 1, 0.0) is None  # nothing was ever heard of this tab
    acknowledged("tab-6")
    given: list[object] = []
    begun, may_end = threading.Event(), threading.Event()

    def act(event: dict) -> dict:
        begun.set()
        assert may_end.wait(10)
        return {"x": event["x"]}

    waiting = threading.Thread(target=lambda: given.append(answer("tab-6", "b", 2, 10.0)))
    acting = threading.Thread(target=hear, args=("tab-6", outbox(1, 2), act))
    waiting.start(), acting.start()
    assert begun.wait(10)
    assert answer("tab-6", "b", 2, 0.0) is None and not given  # taken, and not yet acted on
    may_end.set()
    waiting.join(), acting.join()
    assert given == [{"x": 2}] and answer("tab-6", "b", 1, 0.0) == {"x": 2}
    assert answer("tab-6", "b", 3, 0.0) is None and answer("tab-6", "another page load", 1, 0.0) is None


def test_an_error_is_raised_and_the_later_events_are_not_lost() -> None:
    seen: list[int] = []

    def act(event: dict) -> None:
        if event["x"] == 1:
            raise RuntimeError("broken")
        seen.append(event["x"])

    with pytest.raises(RuntimeError, match="broken"):
        hear("tab-4", outbox(1, 2), act)
    assert seen == [2] and acknowledged("tab-4") == {"b": 2}
    with pytest.raises(RuntimeError):
        hear("tab-4", outbox(1), act) or hear("tab-4", [{**outbox(3)[0], "values": {"x": 1}}], act)
    assert answer("tab-4", "b", 3, 0.0) is None  # a failed event is answered with nothing
    hear("tab-4", outbox(1, 2), act)  # not again


def test_the_session_does_not_end_the_run_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> None:
        raise RuntimeError("the run is ended here")

    state = SafeSessionState(SessionState(), end)
    monkeypatch.setattr(hearing, "get_script_run_ctx", lambda **_: SimpleNamespace(session_state=state))

    def act(event: dict) -> None:
        state["x"] = event["x"]

    with pytest.raises(RuntimeError):
        state["x"] = 0
    hear("tab-5", outbox(1, 2), act)
    with pytest.raises(RuntimeError):
        state["x"] = 0
    object.__setattr__(state, "_yield_callback", lambda: None)
    assert state["x"] == 2
