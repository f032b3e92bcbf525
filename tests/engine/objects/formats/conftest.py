"""One object at a known place, written to every format; the real lists."""

import os
from pathlib import Path

import pandas as pd
import pytest

from engine.objects.table import ObjectTable, TomogramGeometry

ROOT = Path(__file__).resolve().parents[4]
# x 501 (odd), y 400 (even), z 201 (odd) voxels of 10 Å.
GEOMETRY = TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))


@pytest.fixture
def one() -> ObjectTable:
    """Voxel x = 100, y = 50, z = 20.25 of TS_01; rot, tilt, psi = 30, 60, −45; a ribosome with score 0.75."""
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100.0, "y": 50.0, "z": 20.25, "rot": 30.0, "tilt": 60.0}
    return ObjectTable(pd.DataFrame([row | {"psi": -45.0, "score": 0.75, "id": 1}]), {"TS_01": GEOMETRY})


@pytest.fixture
def known() -> dict[str, TomogramGeometry]:
    """The tomogram of `one`."""
    return {"TS_01": GEOMETRY}


@pytest.fixture(scope="session")
def real_lists() -> list[Path]:
    """All real lists, or a skip with the reason."""
    data = Path(os.environ.get("TOMODECK_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not data.is_dir():
        pytest.skip(f"no test data at {data}: set TOMODECK_TEST_DATA to the folder that holds it")
    lists = sorted((data / "lists").iterdir())
    return [*lists, *sorted((data / "deepfinder").glob("*.xml")), *sorted((data / "deepfinder").glob("*.txt"))]
