"""The HTTP routes of the viewer: layers, slices, values, objects, columns, positions and the JavaScript.

Every endpoint is a plain function, run in the server's pool of threads: a slow disk holds up nobody.
Layers are named by keys (`dashboard.viewer.layers`), never by paths. What goes wrong is one sentence in JSON.
"""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from dashboard import served
from dashboard.viewer import column_bytes, display_copy, hearing, layers, position, quantise
from engine.errors import UserError
from engine.project import TableStore
from engine.volumes import take_slice, to_display

STATIC = Path(__file__).with_name("static")
AXES = {"z": 0, "y": 1, "x": 2}
MAX_SLAB = 201
MAX_STEP = 16
MOST_VOXELS = 2**31 - 1  # along an axis: MRC headers count in 32 bits
MOST_EVENTS = 2**53
ANSWERED_IN = 5.0  # seconds: a thread of the pool waits for so long at most
FULL_QUALITY, MOVING_QUALITY = 82, 75
KEEP = "private, max-age=3600, immutable"


def static_version() -> str:
    """A hash over the browser's files: it stands in their address, so that a new release is seen at once."""
    digest = hashlib.sha1(usedforsecurity=False)
    for path in sorted(STATIC.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


STATIC_URL = f"/viewer-js/{static_version()}"

Endpoint = Callable[[Request], Response]


def _answer_errors(endpoint: Endpoint) -> Endpoint:
    @functools.wraps(endpoint)
    def wrapped(request: Request) -> Response:
        try:
            return endpoint(request)
        except _BadParameter as error:
            return JSONResponse({"error": str(error)}, 400)
        except UserError as error:
            return JSONResponse({"error": str(error)}, 404)

    return wrapped


class _BadParameter(ValueError):
    """A query parameter that is missing or not allowed; the sentence names it."""


@_answer_errors
def layer(request: Request) -> Response:
    """What the browser needs to know of a layer before it asks for slices."""
    found = layers.open_layer(_text(request, "key"))
    display = found.display()
    content = {
        "key": found.key,
        "kind": found.kind,
        "shape": list(found.array.shape),
        "offset": list(found.offset),
        "voxel_size": list(found.voxel_size) if found.voxel_size else None,
        "dtype": np.dtype(found.array.dtype).name,
        "version": found.version,
        "low": display.low,
        "high": display.high,
        "auto": list(display.auto),
        "histogram": display.histogram,
        "range": list(display.range),
        "values": [[label, count] for label, count in sorted(display.values.items())],
    }
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


@_answer_errors
def slice_(request: Request) -> Response:
    """One plane of a layer: 8-bit densities (raw or JPEG), or deflated labels."""
    found = layers.open_layer(_text(request, "key"))
    axis = _text(request, "axis")
    if axis not in AXES:
        raise _BadParameter(f"axis={axis} is not possible: choose z, y or x.")
    length = found.array.shape[AXES[axis]]
    index = _number(request, "index", 0, length - 1)
    step = _number(request, "step", 1, MAX_STEP, 1)
    slab = _number(request, "slab", 1, MAX_SLAB, 1)
    encoding = request.query_params.get("enc", "raw")
    if encoding not in ("raw", "jpeg"):
        raise _BadParameter(f"enc={encoding} is not possible: choose raw or jpeg.")
    # Only an address that names the version of these bytes may be kept: another version is another address.
    keep = KEEP if request.query_params.get("v") == found.version else "no-store"
    headers = {"Cache-Control": keep, "X-Version": found.version}
    if found.kind == "labels":
        plane = _as_labels(take_slice(found.array, axis, index, step=step))
        body, dtype = quantise.encode_labels(plane)
        headers |= {"Content-Encoding": "deflate", "X-Dtype": dtype, "X-Shape": _shape(plane)}
        return Response(body, media_type="application/octet-stream", headers=headers)
    display = found.display()
    plane = display_copy.plane(found, axis, index, step) if slab == 1 else None
    if plane is None:
        plane = to_display(take_slice(found.array, axis, index, slab=slab, step=step), display.low, display.high)
    headers |= {"X-Dtype": "uint8", "X-Shape": _shape(plane), "X-Limits": f"{display.low!r},{display.high!r}"}
    if encoding == "jpeg":
        body = quantise.encode_jpeg(plane, FULL_QUALITY if step == 1 else MOVING_QUALITY)
        return Response(body, media_type="image/jpeg", headers=headers)
    headers["Content-Encoding"] = "identity"  # else the server would gzip it, which costs more than it saves
    return Response(np.ascontiguousarray(plane).tobytes(), media_type="application/octet-stream", headers=headers)


@_answer_errors
def value(request: Request) -> Response:
    """The exact value of one voxel."""
    found = layers.open_layer(_text(request, "key"))
    depth, height, width = found.array.shape
    z = _number(request, "z", 0, depth - 1)
    y = _number(request, "y", 0, height - 1)
    x = _number(request, "x", 0, width - 1)
    number = float(found.array[z, y, x])
    return JSONResponse({"value": number if np.isfinite(number) else None}, headers={"Cache-Control": "no-store"})


@_answer_errors
def objects(request: Request) -> Response:
    """The objects of one table in one tomogram, column by column."""
    project = served.project()
    table, tomogram = _text(request, "table"), _text(request, "tomogram")
    asked = project.table_version(table)
    rows, version = _rows(project.root, table, asked)
    if version != asked:  # saved in between: these rows must not stand for that version when undo brings it back
        _rows.cache_clear()
    rows = rows[rows["tomogram"] == tomogram]
    columns = {name: _finite(rows[name].to_numpy(dtype=float)) for name in ("x", "y", "z", "score")}
    content = {"version": version, "id": rows["id"].tolist(), "class": rows["class"].tolist(), **columns}
    keep = KEEP if request.query_params.get("v") == version else "no-store"
    return JSONResponse(content, headers={"Cache-Control": keep})


@_answer_errors
def columns(request: Request) -> Response:
    """Columns that a page keeps for its browser side, see `column_bytes`."""
    content = column_bytes.get(_text(request, "key"))
    headers = {"Cache-Control": KEEP, "Content-Encoding": "identity"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@_answer_errors
def answer(request: Request) -> Response:
    """What the event `number` of a tab was answered with (JSON), once it is acted on; 204 where that takes too long."""
    number = _number(request, "number", 1, MOST_EVENTS)
    found = hearing.answer(_text(request, "tab"), _text(request, "boot"), number, ANSWERED_IN)
    return Response(status_code=204) if found is None else JSONResponse(found, headers={"Cache-Control": "no-store"})


async def put_position(request: Request) -> Response:
    """Remember where a session looks; the body is JSON with `session`, `tomogram`, `x`, `y`, `z`."""
    try:
        body = await request.json()
        session, tomogram = str(body["session"]), str(body["tomogram"])
        x, y, z = (int(body[axis]) for axis in "xyz")
    except (ValueError, KeyError, TypeError, OverflowError):  # int() of 1e999 overflows
        return JSONResponse({"error": "A position needs session, tomogram, x, y and z."}, 400)
    if min(x, y, z) < 0 or max(x, y, z) > MOST_VOXELS or len(session) > 200 or len(tomogram) > 500:
        return JSONResponse({"error": f"A position needs x, y and z from 0 to {MOST_VOXELS}, in voxels."}, 400)
    await run_in_threadpool(position.put, session, tomogram, (x, y, z))
    return Response(status_code=204)


class _ViewerFiles(StaticFiles):
    """The JavaScript and CSS; a file of another release is told apart, not answered by a page."""

    async def get_response(self, path: str, scope: dict) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            return JSONResponse({"error": f"The viewer has no file {path}: reload the page."}, error.status_code)
        response.headers["Cache-Control"] = KEEP
        return response


ROUTES: list[BaseRoute] = [
    Route("/viewer/layer", layer),
    Route("/viewer/slice", slice_),
    Route("/viewer/value", value),
    Route("/viewer/objects", objects),
    Route("/viewer/columns", columns),
    Route("/viewer/answer", answer),
    Route("/viewer/position", put_position, methods=["POST"]),
    Mount(STATIC_URL, _ViewerFiles(directory=STATIC)),
]


def _text(request: Request, name: str) -> str:
    text = request.query_params.get(name, "")
    if not text:
        raise _BadParameter(f"The address lacks {name}=.")
    return text


def _number(request: Request, name: str, low: int, high: int, default: int | None = None) -> int:
    text = request.query_params.get(name, "" if default is None else str(default))
    try:
        number = int(text)
    except ValueError:
        raise _BadParameter(f"{name}={text or '(nothing)'} is not a whole number.") from None
    if not low <= number <= high:
        raise _BadParameter(f"{name}={number} is outside {low} to {high}.")
    return number


def _as_labels(plane: np.ndarray) -> np.ndarray:
    if plane.dtype.kind == "f":
        return np.nan_to_num(plane).astype(np.int32)
    return plane.astype(np.int8) if plane.dtype.kind == "b" else plane


@functools.lru_cache(maxsize=4)
def _rows(root: Path, table: str, version: str) -> tuple[pd.DataFrame, str]:
    """The rows of a table and the version that they are of: a newer one where it was saved meanwhile.

    Each version is asked for once per tab and tomogram; reading 100,000 rows anew each time would be felt.
    """
    found, read = TableStore(root).read_version(table)
    return found.rows, read


def _finite(values: np.ndarray) -> list[float | None]:
    rounded = values.round(3)
    if np.isfinite(rounded).all():
        return list(rounded.tolist())
    return [v if np.isfinite(v) else None for v in rounded.tolist()]


def _shape(plane: np.ndarray) -> str:
    return f"{plane.shape[0]},{plane.shape[1]}"
