"""The gallery's route on a small real project: sheets, and what is said when something is gone."""

import io
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import served
from dashboard.viewer import crop_sheets
from dashboard.viewer.crop_reading import CubeReader, average_objects
from dashboard.viewer.crop_routes import ROUTES
from engine.objects import ObjectTable, central_slices
from engine.objects.averaging import sum_planes
from engine.objects.crops import contrast_limits, small_cubes
from engine.objects.review import set_verdict
from engine.project import Project
from engine.volumes import to_display, write_mrc

SHAPE = (40, 60, 70)
RNG = np.random.default_rng(0)
VOLUMES = {name: RNG.normal(size=SHAPE).astype(np.float32) for name in ("a", "b")}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data" / "a.mrc", VOLUMES["a"], (10.0, 10.0, 10.0))
    write_mrc(tmp_path / "data" / "b.mrc", VOLUMES["b"], (20.0, 20.0, 20.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    monkeypatch.setattr(served, "_root", made.root)
    return made


@pytest.fixture
def client(project: Project) -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def objects(project: Project, count: int = 150) -> ObjectTable:
    rng = np.random.default_rng(1)
    places = rng.random((count, 3)) * (70, 60, 40)
    rows = pd.DataFrame(
        {"tomogram": np.where(np.arange(count) % 3, "a", "b"), "class": "ball", "id": range(7, 7 + count)}
    )
    rows[["x", "y", "z"]] = places
    return ObjectTable(rows, {name: project.geometry(name) for name in "ab"})


def register(table: ObjectTable, versions: dict[str, str] | None = None) -> list[str]:
    names = table.rows["tomogram"].to_list()
    sizes = {"a": 10.0, "b": 20.0}
    return crop_sheets.register(names, table.coordinates_zyx(), sizes, versions or {"a": "1", "b": "1"})


def test_a_sheet_holds_the_central_slices_in_order(client: TestClient, project: Project) -> None:
    table = objects(project)
    keys = register(table)
    assert len(keys) == 2
    look = {"box": "160", "average": "3", "planes": "zx", "pixels": "16"}  # 16 voxels in a, 8 in b
    answer = client.get("/gallery/sheet", params={"key": keys[1], **look})
    assert answer.headers["content-type"] == "image/jpeg" and "immutable" in answer.headers["cache-control"]
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert picture.shape == (3 * 16, 12 * 32)  # 30 objects, 12 in a row
    low, high = contrast_limits(VOLUMES["a"], 16, 3, "zx")
    for place in range(120, 150):
        if table.rows["tomogram"][place] != "a":
            continue
        wanted = to_display(central_slices(VOLUMES["a"], table.coordinates_zyx()[place], 16, 3, "zx")[0], low, high)
        row, column = divmod(place - 120, 12)
        found = picture[row * 16 : row * 16 + 16, column * 32 : column * 32 + 32]
        assert np.abs(found.astype(int) - wanted).mean() < 8, place  # JPEG of noise
    assert (picture[40:, 8 * 32 :] == crop_sheets.MISSING).mean() > 0.95  # nothing was there to draw


def test_sheets_keep_their_address_while_their_objects_stay(project: Project) -> None:
    table = objects(project)
    keys = register(table)
    assert register(set_verdict(table, [7, 8], "accepted")) == keys
    without_last = table.with_rows(table.rows.iloc[:-1])
    assert register(without_last)[0] == keys[0] and register(without_last)[1] != keys[1]
    assert not set(register(table.with_rows(table.rows.iloc[::-1]))) & set(keys)
    assert register(table, {"a": "2", "b": "1"}) != keys  # another file, other pictures
    assert crop_sheets.hold(keys) and not crop_sheets.hold([*keys, "never"])


def test_a_tomogram_that_is_gone_is_said_and_the_others_are_drawn(
    client: TestClient, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "data" / "b.mrc").unlink()
    table = objects(project_with_both(project), 24)
    key = register(table, {"a": "gone", "b": "gone"})[0]
    answer = client.get(
        "/gallery/sheet", params={"key": key, "box": "160", "average": "1", "planes": "z", "pixels": "16"}
    )
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert "'b'" in unquote(answer.headers["x-problems"])
    picture = np.asarray(Image.open(io.BytesIO(answer.content))).astype(float)
    assert picture[:16, :16].std() < 3 and picture[:16, 16:32].std() > 20  # the first is in b, the second in a


def project_with_both(project: Project) -> Project:
    class Both:
        @staticmethod
        def geometry(name: str):
            return project.geometry("a")

    return Both()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"key": "nothing"}, 404, "reload the page"),
        ({"box": "wide"}, 400, "as numbers"),
        ({"box": "nan"}, 400, "outside"),
        ({"box": "0"}, 400, "outside 1 to"),
        ({"average": "999"}, 400, "average=999"),
        ({"pixels": "100000"}, 400, "pixels=100000"),
        ({"planes": "xyz"}, 400, "planes=xyz"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    client: TestClient, project: Project, change: dict, status: int, word: str
) -> None:
    look = {"key": register(objects(project, 3))[0], "box": "100", "average": "1", "planes": "z", "pixels": "32"}
    answer = client.get("/gallery/sheet", params=look | change)
    assert answer.status_code == status and word in answer.json()["error"]


def test_a_huge_box_is_thinned(client: TestClient, project: Project) -> None:
    key = register(objects(project, 3))[0]
    answer = client.get(
        "/gallery/sheet", params={"key": key, "box": "50000", "average": "1", "planes": "z", "pixels": "32"}
    )
    assert Image.open(io.BytesIO(answer.content)).size == (12 * 32, 32)


def test_cubes_of_several_tomograms_come_in_order(project: Project, tmp_path: Path) -> None:
    table = objects(project, 9)
    ids = [15, 7, 9, 8]
    reader = CubeReader(table, ids, 140.0, 5)
    found = reader(np.array([0, 1, 3]))
    for cube, number in zip(found, (15, 7, 8), strict=True):
        row = table.rows.set_index("id").loc[number]
        box = 14 if row["tomogram"] == "a" else 7
        wanted = small_cubes(VOLUMES[row["tomogram"]], np.array([[row["z"], row["y"], row["x"]]]), box, 5)[0]
        np.testing.assert_allclose(cube, wanted, rtol=1e-5)
    assert len(reader) == 4 and not reader.problems


def test_average_over_tomograms_of_two_voxel_sizes(project: Project) -> None:
    table = objects(project, 60)
    found = average_objects(table, table.rows["id"].to_list(), 100.0)
    sums = []
    for name, box in (("b", 5), ("a", 10)):
        centres = table.coordinates_zyx()[table.rows["tomogram"] == name]
        sums.append(sum_planes(VOLUMES[name], centres, box).resized(11))
    np.testing.assert_allclose(found.planes, (sums[0].planes + sums[1].planes) / 60, atol=1e-6)
    assert (found.count, found.asked, found.drawn, found.without_angles) == (60, 60, 60, 0)


def test_average_says_what_it_left_out(project: Project) -> None:
    table = objects(project, 60)
    rows = table.rows.copy()
    rows.loc[:39, ["rot", "tilt", "psi"]] = 10.0
    table = table.with_rows(rows)
    parts: list[float] = []
    found = average_objects(table, rows["id"].to_list(), 100.0, aligned=True, most=30, progress=parts.append)
    assert (found.asked, found.drawn, found.without_angles) == (60, 30, 20)
    assert parts[-1] == 1.0 and parts == sorted(parts)
    again = average_objects(table, rows["id"].to_list(), 100.0, aligned=True, most=30)
    np.testing.assert_array_equal(found.planes, again.planes)
    assert average_objects(table, [], 100.0).count == 0
