"""A file of gigabytes that is no list is refused by its beginning."""

import tracemalloc
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.objects.formats import (
    copick,
    cz_ndjson,
    deepfinder_txt,
    deepfinder_xml,
    dynamo,
    eman2,
    generic_table,
    imod,
    picket,
)


@pytest.mark.parametrize(
    "module", [copick, cz_ndjson, deepfinder_txt, deepfinder_xml, dynamo, eman2, generic_table, imod, picket]
)
def test_two_gigabytes_of_something_else(tmp_path: Path, module: object) -> None:
    path = tmp_path / "tomogram.mrc"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)  # a hole: takes no disk
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            module.read(path, {})
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
