"""What verdicts on picks make of them: literal places, and each rule by itself."""

import numpy as np
import pandas as pd
import pytest

from engine.annotation.next_examples import Counts, next_examples
from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry

GEOMETRY = TomogramGeometry((40, 100, 100), (10.0, 10.0, 10.0))
RADII = {"ribosome": 100.0, "gold": 40.0}  # 10 and 4 voxels
Y, N, OPEN = "accepted", "rejected", ""


def table(*rows, tomograms=("ts1", "ts2", "val")) -> ObjectTable:
    """Rows of (tomogram, class, x, verdict or None[, score]), all at y 50 and z 20."""
    frame = pd.DataFrame(
        [
            {
                "tomogram": t,
                "class": c,
                "x": float(x),
                "y": 50.0,
                "z": 20.0,
                "verdict": v,
                "score": (rest or [np.nan])[0],
            }
            for t, c, x, v, *rest in rows
        ],
        columns=["tomogram", "class", "x", "y", "z", "verdict", "score"],
    )
    if all(v is None for v in frame["verdict"]):
        frame = frame.drop(columns="verdict")
    return ObjectTable(frame, dict.fromkeys(tomograms, GEOMETRY))


def shown(result: ObjectTable) -> list[tuple]:
    rows = result.rows
    words = rows["verdict"].fillna("-") if "verdict" in rows else ["-"] * len(rows)
    return list(zip(rows["tomogram"], rows["class"], rows["x"], words, strict=True))


EARLIER = table(
    ("ts1", "ribosome", 20, None), ("ts1", "gold", 80, None), ("ts2", "ribosome", 30, None), ("val", "gold", 5, None)
)  # fmt: skip


def test_accepted_are_added_rejected_and_undecided_kept_apart():
    picks = table(
        ("ts1", "ribosome", 50, Y), ("ts1", "ribosome", 95, N), ("ts1", "gold", 35, OPEN), ("ts2", "gold", 70, OPEN)
    )  # fmt: skip
    made = next_examples(EARLIER, picks, RADII, ["val"])
    assert shown(made.examples) == [
        ("ts1", "ribosome", 20, "-"), ("ts1", "gold", 80, "-"), ("ts2", "ribosome", 30, "-"), ("val", "gold", 5, "-"),
        ("ts1", "ribosome", 50, Y),
    ]  # fmt: skip
    assert shown(made.others) == [("ts1", "ribosome", 95, N), ("ts1", "gold", 35, OPEN)]  # ts2 has no verdict
    assert made.tomograms == ("ts1",)
    assert made.counts == Counts(accepted=1, rejected=1, undecided=1)
    assert made.examples.rows["id"].is_unique and made.others.rows["id"].is_unique


@pytest.mark.parametrize(("x", "joined"), [(29.9, 1), (30, 0)])
def test_an_accepted_pick_near_an_example_is_that_example(x, joined):
    made = next_examples(EARLIER, table(("ts1", "ribosome", x, Y)), RADII)
    assert made.counts == Counts(accepted=1, joined=joined)
    assert [row[2] for row in shown(made.examples) if row[0] == "ts1"] == ([20, 80] if joined else [20, 80, x])


def test_of_two_accepted_picks_of_one_object_the_better_stays():
    picks = table(("ts1", "gold", 50, Y, 0.4), ("ts1", "gold", 53, Y, 0.9), ("ts1", "gold", 57, Y, 0.1))
    made = next_examples(EARLIER, picks, RADII)
    assert [row[2] for row in shown(made.examples)[4:]] == [53, 57] and made.counts.joined == 1


@pytest.mark.parametrize(
    ("offset", "rejected", "withdrawn", "beside"),
    [(4.9, 1, 1, 0), (5.1, 0, 0, 1), (9.9, 0, 0, 1), (10, 1, 0, 0)],
)
def test_a_rejected_pick_withdraws_an_example_at_its_place_but_not_one_beside_it(offset, rejected, withdrawn, beside):
    earlier = table(("ts1", "ribosome", 20, None), ("ts1", "ribosome", 60, None))
    made = next_examples(earlier, table(("ts1", "ribosome", 20 + offset, N)), RADII)
    assert made.counts == Counts(rejected=rejected, withdrawn=withdrawn, beside=beside)
    assert len(made.examples) == 2 - withdrawn and len(made.others) == rejected


def test_an_accepted_pick_near_it_saves_an_example_from_a_rejected_one():
    made = next_examples(EARLIER, table(("ts1", "ribosome", 21, N), ("ts1", "ribosome", 28, Y)), RADII)
    assert made.counts == Counts(accepted=1, joined=1, beside=1) and len(made.examples) == 4
    assert not len(made.others)


def test_an_accepted_pick_of_another_class_replaces_an_example():
    earlier = table(("ts1", "ribosome", 20, None), ("ts1", "ribosome", 60, None), ("ts1", "gold", 90, None))
    near, beside = (table(("ts1", "gold", x, Y)) for x in (21.9, 22.1))  # half of gold's radius is 2 voxels
    made = next_examples(earlier, near, RADII)
    assert [row[1:3] for row in shown(made.examples)] == [("ribosome", 60), ("gold", 90), ("gold", 21.9)]
    assert made.counts == Counts(accepted=1, replaced=1)
    assert next_examples(earlier, beside, RADII).counts == Counts(accepted=1)


def test_an_example_rejected_in_its_own_table_goes_and_is_a_place_without_object():
    earlier = table(("ts1", "ribosome", 20, N), ("ts1", "ribosome", 60, Y), ("ts2", "gold", 5, Y))
    made = next_examples(earlier, table(("ts2", "gold", 40, Y)), RADII)
    assert made.tomograms == ("ts1", "ts2") and made.counts == Counts(accepted=1, rejected=1, withdrawn=1)
    assert shown(made.others) == [("ts1", "ribosome", 20, N)]


def test_what_nobody_judged_is_left_open_unless_it_is_near_something_judged():
    picks = table(
        ("ts1", "ribosome", 21, OPEN),  # an example
        ("ts1", "gold", 21, OPEN),  # another class there: not known
        ("ts1", "ribosome", 55, Y), ("ts1", "ribosome", 60, OPEN),
        ("ts1", "gold", 97, N), ("ts1", "gold", 95, OPEN),
    )  # fmt: skip
    made = next_examples(EARLIER, picks, RADII)
    assert shown(made.others) == [("ts1", "gold", 97, N), ("ts1", "gold", 21, OPEN)]


def test_verdicts_in_validation_and_on_other_classes_do_not_count():
    picks = table(("val", "gold", 5, N), ("val", "gold", 50, Y), ("ts1", "virus", 50, Y), ("ts1", "gold", 40, Y))
    made = next_examples(EARLIER, picks, RADII, ["val"])
    assert made.counts == Counts(accepted=1, validation=2, other_classes=1)
    assert [row for row in shown(made.examples) if row[0] == "val"] == [("val", "gold", 5, "-")]
    assert made.tomograms == ("ts1",)


def test_picks_rejected_in_earlier_rounds_stay_rejected_unless_accepted_now():
    before = table(("ts2", "gold", 90, N), ("ts1", "gold", 50, N), ("ts1", "gold", 60, OPEN), ("ts1", "gold", 30, N))
    picks = table(("ts1", "gold", 51, Y), ("ts1", "gold", 31, N))
    made = next_examples(EARLIER, picks, RADII, rejected_before=before)
    assert shown(made.others) == [("ts1", "gold", 31, N), ("ts2", "gold", 90, N)]
    assert made.counts == Counts(accepted=1, rejected=1)


def test_tomograms_are_told_apart():
    made = next_examples(EARLIER, table(("ts2", "gold", 80, Y), ("ts2", "ribosome", 20, N)), RADII)
    assert made.counts == Counts(accepted=1, rejected=1) and made.tomograms == ("ts2",)


@pytest.mark.parametrize(
    ("picks", "sentence"),
    [
        (table(), "holds no object"),
        (table(("ts1", "gold", 1, None), ("ts1", "gold", 9, None)), r"None of the 2 objects is judged: accept \(A\)"),
        (table(("val", "gold", 5, Y), ("ts1", "gold", 5, OPEN)), "All 1 judged objects lie in val, which judges"),
        (table(("ts1", "virus", 5, Y)), "are of virus, and the network has the classes ribosome, gold"),
        (table(("ts1", "gold", 80, N)), "No example of gold is left to learn from"),
    ],
)
def test_what_gives_no_round_is_refused(picks, sentence):
    with pytest.raises(UserError, match=sentence):
        next_examples(EARLIER, picks, RADII, ["val"])


def test_the_counts_are_said_and_zeros_left_out():
    assert Counts(accepted=3, rejected=1200).lines() == ["3 accepted and 1,200 rejected picks are learnt from"]
    assert len(Counts(1, 1, 1, 1, 1, 1, 1, 1, 1).lines()) == 8
