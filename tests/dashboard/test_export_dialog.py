"""What the export dialog shows of a file before it is written."""

import numpy as np
import pytest

from dashboard.widgets.export_dialog import PREVIEW_ROWS, first_rows, star_columns
from engine.objects import ObjectTable, TomogramGeometry, table_from_centroids
from engine.objects.formats import FORMATS, get_format

GEOMETRY = TomogramGeometry((40, 60, 80), (10.0, 10.0, 10.0))


@pytest.fixture
def table() -> ObjectTable:
    centres = np.array([[z, 12.0, 20.0 + z] for z in range(5, 10)])  # z, y, x
    return table_from_centroids("ts_01", GEOMETRY, centres, class_name="ribosome")


def test_a_star_file_is_shown_label_by_label(table: ObjectTable) -> None:
    text, beside = first_rows(table, get_format("relion5"), {}, "picks")
    columns = star_columns(text)
    assert columns is not None and list(columns) == [f"Object {n}" for n in range(1, PREVIEW_ROWS + 1)]
    # x = 25, 26, 27 of 80 voxels of 10 Å, counted from the middle at 40.
    assert columns.loc["rlnCenteredCoordinateXAngst"].astype(float).tolist() == [-150.0, -140.0, -130.0]
    assert columns.loc["rlnTomoName"].tolist() == ["ts_01"] * 3
    assert len(beside) == 2


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_shows_its_first_rows(table: ObjectTable, name: str) -> None:
    chosen = get_format(name)
    text, _ = first_rows(table, chosen, {}, "picks")
    assert text
    assert (star_columns(text) is not None) == (chosen.suffix == ".star")
