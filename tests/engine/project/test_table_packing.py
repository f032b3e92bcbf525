"""Packed states read back as what was packed, whatever was packed before."""

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.project import table_packing
from engine.project.table_packing import packed


def unpacked(content: bytes) -> bytes:
    return bytes(pa.CompressedInputStream(io.BytesIO(content), "zstd").read())


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_packing, "PIECE", 8)
    table_packing._kept.clear()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=6).map(lambda b: b * 9), min_size=1, max_size=6))
def test_any_states_one_after_the_other(states: list[bytes]) -> None:
    for content in states:
        assert unpacked(packed(content, "t")) == content


def test_pieces_beside_an_edit_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_packing, "PIECE", 1000)
    before = np.random.default_rng(0).integers(97, 122, 10_000).astype(np.uint8).tobytes()
    packed(before, "t")
    pieces = {id(piece) for piece in table_packing._kept["t"]}
    after = before[:5_500] + before[5_510:]
    assert unpacked(packed(after, "t")) == after
    fresh = [piece for piece in table_packing._kept["t"] if id(piece) not in pieces]
    assert len(fresh) == 1 and len(table_packing._kept["t"]) == 10


def test_tables_do_not_share_pieces_and_the_oldest_is_forgotten() -> None:
    for number in range(table_packing.KEPT + 2):
        content = bytes([number]) * 100
        assert unpacked(packed(content, number)) == content
    assert list(table_packing._kept) == list(range(2, table_packing.KEPT + 2))
