"""Columns as bytes: what the browser reads is what was there, and keys name one state only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.viewer import column_bytes, gallery_rows
from dashboard.viewer.routes import ROUTES
from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.review import set_verdict
from tests.dashboard.columns_decoded import decode


def test_numbers_and_words_by_hand() -> None:
    content = column_bytes.encode(
        {
            "id": np.array([1.0, 2.0, 3.0]),
            "x": np.array([0.5, np.nan, -1.25], dtype=np.float32),
            "class": pd.Series(["b", "a", "b"]),
            "note": pd.Series(["ü", None, ""], dtype="string"),
            "verdict": np.array([0, 1, 2], dtype=np.uint8),
        }
    )
    found = decode(content)
    assert found["id"] == [1.0, 2.0, 3.0] and found["class"] == ["b", "a", "b"] and found["note"] == ["ü", "", ""]
    assert found["x"][0] == 0.5 and np.isnan(found["x"][1]) and found["x"][2] == -1.25
    assert found["verdict"] == [0, 1, 2]


@given(
    arrays(np.float32, st.integers(0, 20), elements=st.floats(width=32, allow_nan=False)),
    st.randoms(use_true_random=False),
)
def test_any_columns_come_back(numbers: np.ndarray, random) -> None:
    words = pd.Series([f"name {random.randrange(300)}" for _ in numbers], dtype="string")
    found = decode(column_bytes.encode({"numbers": numbers, "words": words}))
    assert found["numbers"] == numbers.tolist() and found["words"] == words.tolist()


def test_more_than_256_words_need_wider_places() -> None:
    words = pd.Series([f"{n}" for n in range(70_000)], dtype="string")
    for count, kind in ((256, "u2"), (255, "u1"), (70_000, "u4")):
        content = column_bytes.encode({"words": words[:count]})
        assert f'"type": "{kind}"'.encode() in content[:900_000]
        assert decode(content)["words"] == words[:count].tolist()


def test_keys() -> None:
    one = column_bytes.register(b"12345678")
    assert column_bytes.register(b"12345678") == one != column_bytes.register(b"12345679")
    assert column_bytes.register(b"1", "named") == "named" and column_bytes.get("named") == b"1"
    assert column_bytes.holds(one) and not column_bytes.holds("nothing")
    with pytest.raises(UserError, match="reload the page"):
        column_bytes.get("nothing")


def test_what_was_asked_for_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_bytes, "KEPT_BYTES", 1 << 20)
    keys = [column_bytes.register(bytes(400_000), f"kept {n}") for n in range(2)]
    assert column_bytes.holds(keys[0])
    column_bytes.register(bytes(400_000), "kept 2")
    assert column_bytes.holds(keys[0]) and not column_bytes.holds(keys[1])


def test_the_route_gives_a_gallery_its_rows() -> None:
    client = TestClient(Starlette(routes=ROUTES))
    rows = pd.DataFrame({"tomogram": ["b", "a", "a"], "class": "ball", "id": [7, 8, 9]})
    rows[["x", "y", "z"]] = [[1.5, 2.0, 3.0]] * 3
    table = set_verdict(set_verdict(ObjectTable(rows), [8], "accepted"), [9], "rejected")
    answer = client.get("/viewer/columns", params={"key": gallery_rows.register(table)})
    assert answer.headers["cache-control"].endswith("immutable")
    found = decode(answer.content)
    assert found["id"] == [7, 8, 9] and found["verdict"] == [0, 1, 2] and found["tomogram"] == ["b", "a", "a"]
    assert found["x"] == [1.5] * 3 and np.isnan(found["score"]).all()
    missing = client.get("/viewer/columns", params={"key": "nothing"})
    assert missing.status_code == 404 and "reload the page" in missing.json()["error"]
