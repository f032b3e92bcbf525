"""STAR files: ragged loops and other damage named by line, names kept as text, numbers kept exactly."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import starfile

from engine.errors import UserError
from engine.objects.formats import star_files
from engine.objects.formats.format import Head, head_of

GOOD = """
# version 50001

data_general

_rlnTomoSubTomosAre2DStacks  1

data_particles

loop_
_rlnTomoName #1
_rlnCoordinateX #2
_rlnComment #3
007 1.5 plain   # a comment
# another
"T S" -2e1 'two words'

008 3 "with # inside"
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "t.star"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_blocks(tmp_path: Path) -> None:
    blocks = star_files.read_blocks(written(tmp_path, GOOD.replace('"with # inside"', "c")))
    assert list(blocks) == ["general", "particles"]
    assert blocks["general"].rows.iloc[0].to_dict() == {"rlnTomoSubTomosAre2DStacks": 1}
    particles = blocks["particles"]
    assert particles.text("rlnTomoName").tolist() == ["007", "T S", "008"]
    assert particles.numbers(["rlnCoordinateX"]).tolist() == [[1.5], [-20.0], [3.0]]
    assert particles.rows["rlnComment"].tolist() == ["plain", "two words", "c"]
    assert particles.lines.tolist() == [14, 16, 18]


@pytest.mark.parametrize(
    ("line", "replaced", "said"),
    [
        ("007 1.5 plain", "007 1.5", "line 14: 2 values where the loop of data_particles has 3 columns"),
        ("007 1.5 plain", "007 1.5 plain 4", "line 14: 4 values where the loop of data_particles has 3 columns"),
        ("'two words'", "two words", "line 16: 4 values where the loop of data_particles has 3 columns"),
        ("008 3", "008", "line 18: 2 values where"),
        ("_rlnComment", "_rlnTomoName", "line 13: the column rlnTomoName stands in data_particles twice"),
        ("data_general", "data_particles", "line 8: the block data_particles stands in it twice"),
    ],
)
def test_damage_is_named_by_line(tmp_path: Path, line: str, replaced: str, said: str) -> None:
    """What starfile would fill up with nothing, or refuse without a line."""
    path = written(tmp_path, GOOD.replace('"with # inside"', "c").replace(line, replaced))
    with pytest.raises(UserError) as caught:
        star_files.read_blocks(path)
    assert str(caught.value).startswith(f"{path}, {said}")


def test_starfile_alone_would_fill_a_short_row(tmp_path: Path) -> None:
    """Why lines are counted here: the second row loses its value without a word."""
    path = written(tmp_path, "data_\n\nloop_\n_a #1\n_b #2\n1 2\n3\n")
    assert np.isnan(starfile.read(path)["b"].iloc[1])
    with pytest.raises(UserError, match="line 7: 1 values where"):
        star_files.read_blocks(path)


@pytest.mark.parametrize("content", [b"", b"\x00\x01data_", b"x,y,z\n1,2,3\n", b"data_\xff\xfe\n", b"data_\n"])
def test_what_is_no_star_file(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UserError) as caught:
        star_files.read_blocks(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_huge_file_of_something_else_is_not_read(tmp_path: Path) -> None:
    """2 GB without a byte on disk; reading them would take seconds and memory."""
    path = written(tmp_path, "1 2 3\n")
    with path.open("r+b") as file:
        file.truncate(2 * 1024**3)
    with pytest.raises(UserError, match="is not a STAR file"):
        star_files.read_blocks(path)


def test_block_of(tmp_path: Path) -> None:
    blocks = star_files.read_blocks(written(tmp_path, GOOD.replace('"with # inside"', "c")))
    assert star_files.block_of(blocks, "nothing", "general").name == "general"
    assert star_files.block_of({"x": blocks["particles"]}, "global").name == "particles"
    with pytest.raises(UserError, match="no block data_global: it holds general, particles"):
        star_files.block_of(blocks, "global")


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    block = pd.DataFrame({"a": [1e-9, 0.123456789, np.nan], "b": [1.5, 2.0, 1e5], "c": [3e12, -1.0, 0.0]})
    text = star_files.star_text({"x": block}, "50001")
    assert text == star_files.star_text({"x": block}, "50001") and text.startswith("\n# version 50001\n")
    back = star_files.read_blocks(written(tmp_path, text))["x"].numbers(["a", "b", "c"])
    np.testing.assert_allclose(back, block, rtol=1e-8)


def test_labels_of(tmp_path: Path) -> None:
    labels = star_files.labels_of(head_of(written(tmp_path, GOOD)))
    assert {"data_general", "data_particles", "rlnTomoName", "rlnCoordinateX"} <= labels
    assert star_files.labels_of(Head(Path("x"), b"_rlnTomoName but no block")) == set()
    assert star_files.labels_of(Head(Path("x"), b"\x00data_\n_rlnTomoName")) == set()
