"""Many items in one run: what is said at the end."""

import pytest

from engine.errors import UserError
from engine.tasks.items import failure_sentence, run_items, without_reason
from engine.terminal import EchoJob


def test_every_item_that_failed_is_named_once() -> None:
    failed = [(name, f"{name} is broken.") for name in "abcdefgh"]
    assert failure_sentence(failed[:1], 1) == "a is broken."
    assert failure_sentence(failed[:1], 3) == "1 of 3 failed; the others are done. First: a is broken."
    assert failure_sentence(failed[:2], 3) == ("2 of 3 failed; the others are done. Failed: a, b. First: a is broken.")
    assert failure_sentence(failed, 8).startswith("All 8 failed: a, b, c, d, e, f and 2 more. First: a is broken")
    assert failure_sentence([("a", "The volume is flat.")], 1) == "a: The volume is flat."
    assert failure_sentence([("ts_1", "ts_10 is broken.")], 1) == "ts_1: ts_10 is broken."
    twice = [("ts (gabor)", "gone")] * 2  # two methods of one tomogram
    assert failure_sentence(twice, 2) == "All 2 failed: ts (gabor). First: ts (gabor): gone"


def test_a_reason_that_was_told_is_left_out() -> None:
    sentence = failure_sentence([("a", "x."), ("b", "y.")], 3)
    assert without_reason(sentence, {"a: x."}) == "2 of 3 failed; the others are done. Failed: a, b."
    assert without_reason(sentence, {"b: y."}) == sentence


def test_the_terminal_tells_each_reason_once(capsys: pytest.CaptureFixture[str]) -> None:
    def work(name: str, progress: object) -> str:
        if name == "good":
            return "fine"
        raise UserError(f"{name} is broken.")

    job = EchoJob()
    with pytest.raises(UserError) as caught:
        run_items(job, ["bad", "good", "worse"], work)
    job.echo.end(str(caught.value))
    job.echo.end(str(caught.value))
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "%" not in line] == [
        "bad is broken.",
        "good: fine",
        "worse is broken.",
        "2 of 3 failed; the others are done. Failed: bad, worse.",
    ]
