"""Coordinates of Ais and Pom: by hand, there and back, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.formats import ais
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import assert_same


def test_star_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    """Voxels from 0 and RELION's angles, as they are in the table."""
    ais.write(one.with_rows(one.rows.assign(size=120.0, pomVoid=0.5)), tmp_path / "t.star")
    first = starfile.read(tmp_path / "t.star", always_dict=True)["particles"].iloc[0]
    assert [first[f"rlnCoordinate{axis}"] for axis in "XYZ"] == [100, 50, 20.25]
    assert [first[f"rlnAngle{name}"] for name in ("Rot", "Tilt", "Psi")] == [30, 60, -45]
    assert (first["rlnMicrographName"], first["aisParticleSize"], first["pomVoid"]) == ("TS_01", 120, 0.5)
    back = ais.read(tmp_path / "t.star", known)
    assert_same(back, one)
    assert back.rows.loc[0, ["tomogram", "class", "score", "size"]].tolist() == ["TS_01", "ribosome", 0.75, 120]


def test_star_of_ais(tmp_path: Path, known: dict) -> None:
    (tmp_path / "t.star").write_text(
        "data_\n\nloop_\n_rlnCoordinateX #1\n_rlnCoordinateY #2\n_rlnCoordinateZ #3\n_rlnMicrographName #4\n"
        "_aisParticleSize #5\n10 20 30 TS_01 400\n1.5 2 3 24 17\n"
    )
    assert ais.recognised(head_of(tmp_path / "t.star")) == 3
    rows = ais.read(tmp_path / "t.star", known).rows
    assert rows["tomogram"].tolist() == ["TS_01", "24"] and rows["class"].tolist() == ["particle", "particle"]
    assert rows["x"].tolist() == [10, 1.5] and rows["size"].tolist() == [400, 17] and rows["rot"].isna().all()


def test_tsv_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    with collected() as notes:
        ais.write(one, tmp_path / "t.tsv")
    assert (tmp_path / "t.tsv").read_text() == (
        "x\ty\tz\tscore\ttomo\ttemplate\n100.0\t50.0\t20.25\t0.75\tTS_01\tribosome\n"
    )
    assert "hold no orientations" in notes[0]
    assert ais.recognised(head_of(tmp_path / "t.tsv")) == 3
    rows = ais.read(tmp_path / "t.tsv", known).rows
    assert rows.loc[0, ["x", "y", "z", "score", "tomogram", "class"]].tolist() == [
        100, 50, 20.25, 0.75, "TS_01", "ribosome",
    ]  # fmt: skip


def test_context_of_pom(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("X\tY\tZ\tMitochondrion\tnote\ttomo\n1\t2\t3\t0.25\tok\ta.mrc\n4\t5\t6\t\t\tb\n")
    table = ais.read(tmp_path / "t.tsv", {})
    assert table.rows["tomogram"].tolist() == ["a", "b"] and table.rows["note"].tolist() == ["ok", ""]
    np.testing.assert_array_equal(table.rows["Mitochondrion"], [0.25, np.nan])
    ais.write(table, tmp_path / "again.tsv")
    again = ais.read(tmp_path / "again.tsv", {})
    pd.testing.assert_frame_equal(again.rows, table.rows)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.tsv", "x\ty\ttomo\n1\t2\ta\n", "no column 'z'"),
        ("t.tsv", "x\ty\tz\ttomo\n1\t2\tup\ta\n", "row 1, column z: 'up' is not a number"),
        ("t.tsv", "x\ty\tz\ttomo\n1\t2\t3\n", "row 1 has 3 columns where the header has 4"),
        ("t.star", "data_\n\nloop_\n_rlnCoordinateX #1\n_aisParticleSize #2\n1 2\n", "no column rlnCoordinateY"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=sentence):
        ais.read(tmp_path / name, {})


def test_recognised(real_lists: list[Path]) -> None:
    assert not any(ais.recognised(head_of(path)) for path in real_lists)
