"""Numbers in sentences."""

from engine.words import plural, span


def test_nouns_follow_their_number() -> None:
    assert [plural(n, "piece") for n in (0, 1, 2, 1200)] == ["0 pieces", "1 piece", "2 pieces", "1,200 pieces"]
    assert [plural(n, "box", "boxes") for n in (1, 3)] == ["1 box", "3 boxes"]


def test_two_ends_that_read_the_same_are_one() -> None:
    assert span(24.31, 24.33, ".1f") == "24.3" and span(24.31, 26, ".1f") == "24.3 to 26.0"
    assert span(7, 7) == "7" and span(7, 1200) == "7 to 1,200"
