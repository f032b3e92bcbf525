"""The viewer's HTTP routes on a small real project."""

import gzip
import io
import os
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import served
from dashboard.viewer import layers, position
from dashboard.viewer.routes import ROUTES, STATIC_URL
from engine.objects import ObjectTable
from engine.project import Project
from engine.volumes import take_slice, to_display, write_mrc

SHAPE = (12, 20, 16)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    densities = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data" / "a.mrc", densities, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[3:8, 5:15, 4:12] = 300
    labels[0] = -1
    write_mrc(made.segmentation_path("a", "seg"), labels, (10.0, 10.0, 10.0))
    monkeypatch.setattr(served, "_root", made.root)
    return made


@pytest.fixture
def client(project) -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def layer(client: TestClient, key: str) -> dict:
    answer = client.get("/viewer/layer", params={"key": key})
    assert answer.status_code == 200, answer.text
    return answer.json()


def get_slice(client: TestClient, **params):
    return client.get("/viewer/slice", params={"key": "tomogram:a", "axis": "z", "index": 6, **params})


def shape_of(answer) -> tuple[int, int]:
    rows, columns = answer.headers["X-Shape"].split(",")
    return int(rows), int(columns)


def test_layer_says_what_a_tomogram_is(client):
    found = layer(client, "tomogram:a")
    assert found["kind"] == "density"
    assert found["shape"] == list(SHAPE)
    assert found["voxel_size"] == [10.0, 10.0, 10.0]
    assert found["low"] <= found["auto"][0] < found["auto"][1] <= found["high"]
    assert sum(found["histogram"]) == np.prod(SHAPE)


@pytest.mark.parametrize(("axis", "index", "slab", "step"), [("z", 6, 1, 1), ("y", 3, 1, 2), ("x", 15, 5, 1)])
def test_slice_is_the_quantised_plane(client, project, axis, index, slab, step):
    found = layer(client, "tomogram:a")
    answer = get_slice(client, axis=axis, index=index, slab=slab, step=step)
    volume = project.open_tomogram("a")
    wanted = to_display(take_slice(volume.array, axis, index, slab, step), found["low"], found["high"])
    assert answer.headers["Content-Encoding"] == "identity"
    assert shape_of(answer) == wanted.shape
    assert answer.content == wanted.tobytes()


def test_jpeg_slice_is_near_the_raw_one(client):
    raw = np.frombuffer(get_slice(client).content, np.uint8).astype(float)
    picture = Image.open(io.BytesIO(get_slice(client, enc="jpeg").content))
    assert picture.size == (SHAPE[2], SHAPE[1])
    difference = np.asarray(picture, dtype=float).ravel() - raw
    assert difference.std() < 0.25 * raw.std()


def test_label_slice_keeps_large_labels_and_the_border(client):
    answer = get_slice(client, key="segmentation:a__seg", index=4)
    assert answer.headers["X-Dtype"] == "int16"
    plane = np.frombuffer(answer.content, "<i2").reshape(shape_of(answer))
    assert plane[6, 5] == 300
    assert plane[0, 0] == 0
    border = get_slice(client, key="segmentation:a__seg", index=0)
    assert border.headers["X-Dtype"] == "int8"
    assert set(np.frombuffer(border.content, np.int8)) == {-1}


def test_label_layer_counts_its_labels(client):
    counts = dict(layer(client, "segmentation:a__seg")["values"])
    assert counts == {-1: 20 * 16, 0: 11 * 20 * 16 - 400, 300: 400}


def test_only_an_address_with_the_version_may_be_kept(client):
    version = layer(client, "tomogram:a")["version"]
    assert "immutable" in get_slice(client, v=version).headers["Cache-Control"]
    assert get_slice(client, v="old").headers["Cache-Control"] == "no-store"
    assert get_slice(client).headers["Cache-Control"] == "no-store"


def test_changed_file_has_another_version_and_new_bytes(client, project):
    before, version = get_slice(client).content, layer(client, "tomogram:a")["version"]
    path = project.tomogram("a").path
    write_mrc(path, np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), (10.0, 10.0, 10.0))
    assert layer(client, "tomogram:a")["version"] != version
    assert get_slice(client).content != before


def test_value_is_exact(client, project):
    wanted = float(project.open_tomogram("a").array[6, 3, 2])
    params = {"key": "tomogram:a", "z": 6, "y": 3, "x": 2}
    assert client.get("/viewer/value", params=params).json()["value"] == wanted


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"axis": "q"}, "axis=q"),
        ({"index": 12}, "index=12 is outside 0 to 11"),
        ({"index": -1}, "index=-1"),
        ({"index": "1e9"}, "whole number"),
        ({"step": 0}, "step=0"),
        ({"slab": 9999}, "slab=9999"),
        ({"enc": "gif"}, "enc=gif"),
        ({"key": ""}, "key="),
    ],
)
def test_bad_parameters_are_named(client, params, says):
    answer = get_slice(client, **params)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


@pytest.mark.parametrize(
    "key", ["tomogram:b", "tomogram:../data/a", "segmentation:../../etc/passwd", "/etc/passwd", "memory:nobody:x"]
)
def test_unknown_layers_are_not_found(client, key):
    answer = get_slice(client, key=key)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_link_out_of_the_project_is_not_read(client, project, tmp_path):
    outside = tmp_path / "outside.mrc"
    write_mrc(outside, np.ones(SHAPE, dtype=np.int16), (10.0, 10.0, 10.0))
    (project.root / "segmentations" / "a__link.mrc").symlink_to(outside)
    answer = get_slice(client, key="segmentation:a__link")
    assert answer.status_code == 404
    assert "outside" in answer.json()["error"]


def test_link_turned_outwards_later_is_not_read(client, project, tmp_path):
    path = project.root / "segmentations" / "a__seg.mrc"
    assert get_slice(client, key="segmentation:a__seg").status_code == 200
    outside = tmp_path / "outside.mrc"
    os.rename(path, outside)
    path.symlink_to(outside)
    assert get_slice(client, key="segmentation:a__seg").status_code == 404


def test_vanished_file_is_a_sentence(client, project):
    path: Path = project.tomogram("a").path
    assert get_slice(client).status_code == 200
    path.unlink()
    answer = get_slice(client)
    assert answer.status_code == 404
    assert "a.mrc" in answer.json()["error"]


def test_removed_source_is_no_longer_read(client, project):
    assert get_slice(client).status_code == 200
    project.remove_source(project.settings().sources[0])
    assert get_slice(client).status_code == 404


def test_preview_lies_at_its_place_and_changes_its_version(client):
    key = layers.put_preview("tab", np.ones((2, 3, 4), dtype=np.int32), (5, 6, 7))
    first = layer(client, key)
    assert (first["kind"], first["offset"], first["shape"]) == ("labels", [5, 6, 7], [2, 3, 4])
    assert layers.put_preview("tab", np.ones((2, 3, 4), dtype=np.int32), (5, 6, 7)) == key
    assert layer(client, key)["version"] == first["version"]
    layers.put_preview("tab", np.zeros((2, 3, 4), dtype=np.int32), (5, 6, 7))
    assert layer(client, key)["version"] != first["version"]
    layers.drop_preview("tab")
    assert client.get("/viewer/layer", params={"key": key}).status_code == 404


def test_previews_are_bounded(client):
    keys = [layers.put_preview(f"tab{i}", np.ones((1, 1, 1), np.int8), (0, 0, 0)) for i in range(layers.PREVIEWS + 1)]
    assert client.get("/viewer/layer", params={"key": keys[0]}).status_code == 404
    assert client.get("/viewer/layer", params={"key": keys[-1]}).status_code == 200


def test_unpacked_layers_are_bounded_by_bytes_and_mapped_ones_by_count(client, project, monkeypatch):
    names = [f"packed{i}" for i in range(4)]
    data = project.tomogram("a").path.parent
    content = (data / "a.mrc").read_bytes()
    for name in names:
        (data / f"{name}.mrc.gz").write_bytes(gzip.compress(content))
    for i in range(2):
        (data / f"mapped{i}.mrc").write_bytes(content)
    keys = [f"tomogram:{t.name}" for t in project.tomograms() if t.name.startswith("packed")]
    assert len(keys) == len(names)
    size = layers.open_layer(keys[0]).array.nbytes
    monkeypatch.setattr(layers, "UNPACKED_BYTES", 2 * size)
    mapped = [layers.open_layer(f"tomogram:mapped{i}") for i in range(2)]
    opened = [layers.open_layer(key) for key in keys]
    assert layers.open_layer(keys[-2]) is opened[-2]
    assert layers.open_layer(keys[-1]) is opened[-1]
    assert [layers.open_layer(layer.key) is layer for layer in mapped] == [True, True]
    assert layers.open_layer(keys[0]) is not opened[0]

    monkeypatch.setattr(layers, "UNPACKED_BYTES", size // 2)
    newest = layers.open_layer(keys[1])
    assert layers.open_layer(keys[1]) is newest  # larger than the bound by itself: kept alone
    assert layers.open_layer(keys[0]) is not opened[0]
    assert [layers.open_layer(layer.key) is layer for layer in mapped] == [True, True]
    monkeypatch.setattr(layers, "OPEN_LAYERS", 1)
    layers.open_layer("tomogram:a")
    assert layers.open_layer(mapped[0].key) is not mapped[0]


def test_score_map_has_the_scale_from_0_to_1(client):
    key = layers.put_preview("tab", np.full((2, 3, 4), 0.5, dtype=np.float32), (0, 0, 0), name="scores")
    found = layer(client, key)
    assert (found["kind"], found["low"], found["high"]) == ("scores", 0.0, 1.0)


def test_objects_of_one_tomogram(client, project):
    rows = pd.DataFrame(
        {"tomogram": ["a", "b"], "class": ["p", "p"], "x": [1.5, 2], "y": [2, 3], "z": [3, 4], "id": [7, 8]}
    )
    geometry = project.geometry("a")
    project.tables.create("picks", ObjectTable(rows, {"a": geometry, "b": geometry}), {})
    answer = client.get("/viewer/objects", params={"table": "picks", "tomogram": "a"}).json()
    assert (answer["id"], answer["class"], answer["x"]) == ([7], ["p"], [1.5])
    assert answer["score"] == [None]
    assert client.get("/viewer/objects", params={"table": "no", "tomogram": "a"}).status_code == 404
    assert client.get("/viewer/objects", params={"table": "../../x", "tomogram": "a"}).status_code == 404


def test_rows_read_while_a_table_changed_do_not_stand_for_another_version(client, project, monkeypatch):
    rows = pd.DataFrame({"tomogram": ["a"], "class": ["p"], "x": [3.0], "y": [2], "z": [3], "id": [1]})
    table = ObjectTable(rows, {"a": project.geometry("a")})
    project.tables.create("picks", table, {})
    first = project.tables.version("picks")
    second = project.tables.save("picks", table.with_rows(rows.assign(x=5.0)), first)
    ask = {"table": "picks", "tomogram": "a", "v": second}
    # The version is looked up, then the edit is undone, then the rows are read.
    project.tables.undo("picks", second)
    with monkeypatch.context() as patch:
        patch.setattr(type(project), "table_version", lambda self, name: second)
        answer = client.get("/viewer/objects", params=ask)
    assert (answer.json()["x"], answer.json()["version"]) == ([3.0], first)
    assert answer.headers["cache-control"] == "no-store"
    project.tables.redo("picks", first)
    assert client.get("/viewer/objects", params=ask).json()["x"] == [5.0]


def test_position_is_remembered(client):
    body = {"session": "tab", "tomogram": "a", "x": 1, "y": 2, "z": 3}
    assert client.post("/viewer/position", json=body).status_code == 204
    assert position.get("tab", "a") == (1, 2, 3)
    for wrong in ({**body, "x": -1}, {**body, "x": "left"}, {"session": "tab"}, [1]):
        assert client.post("/viewer/position", json=wrong).status_code == 400
    assert client.post("/viewer/position", content=b"{").status_code == 400
    for number in ("1e999", "-1e999", "NaN", "1e300", str(2**31)):
        wrong = f'{{"session": "tab", "tomogram": "a", "x": {number}, "y": 2, "z": 3}}'
        answer = client.post("/viewer/position", content=wrong)
        assert answer.status_code == 400, number
        assert "x, y and z" in answer.json()["error"]
    assert position.get("tab", "a") == (1, 2, 3)


def test_javascript_is_served_under_its_hash(client):
    answer = client.get(f"{STATIC_URL}/index.js")
    assert answer.status_code == 200
    assert "javascript" in answer.headers["Content-Type"]
    assert client.get(f"{STATIC_URL}/../routes.py").status_code == 404
    assert client.get(f"{STATIC_URL}/nothing.js").json()["error"]


def test_deflated_body_is_smaller_than_the_labels(client):
    with client.stream(
        "GET", "/viewer/slice", params={"key": "segmentation:a__seg", "axis": "z", "index": 4}
    ) as answer:
        body = b"".join(answer.iter_raw())
    assert len(body) < 20 * 16
    assert len(zlib.decompress(body)) == 20 * 16 * 2
