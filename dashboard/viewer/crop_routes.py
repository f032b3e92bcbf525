"""The HTTP route of the gallery: sheets of crops. Mounted beside the viewer's.

They are named by keys that a page registered (`crop_sheets`), never by paths; what a key names never changes, so the
browser may keep it. What goes wrong is one sentence in JSON. Endpoints run in the server's threads.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dashboard.viewer import crop_sheets
from engine.errors import UserError

KEEP = "private, max-age=86400, immutable"
LARGEST_BOX = 100_000.0
MOST_AVERAGED = 201
MOST_PIXELS = 512


def sheet(request: Request) -> Response:
    """A sheet of crops as JPEG; `X-Problems` holds sentences about tomograms that cannot be read."""
    try:
        key, look = request.query_params.get("key", ""), _look(request)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)
    try:
        made = crop_sheets.picture(key, look)
    except UserError as error:
        return JSONResponse({"error": str(error)}, 404)
    headers = {"Cache-Control": "no-store" if made.problems else KEEP, "Content-Encoding": "identity"}
    if made.problems:
        headers["X-Problems"] = quote(" ".join(made.problems))
    return Response(made.jpeg, media_type="image/jpeg", headers=headers)


ROUTES: list[BaseRoute] = [Route("/gallery/sheet", sheet)]


def _look(request: Request) -> crop_sheets.Look:
    """How to draw, from the address; raises ValueError with a sentence."""
    given = request.query_params
    try:
        box = float(given.get("box", ""))
        average, pixels = int(given.get("average", "")), int(given.get("pixels", ""))
    except ValueError:
        raise ValueError("The address needs box= (Å), average= and pixels= as numbers.") from None
    planes = given.get("planes", "")
    if not 1 <= box <= LARGEST_BOX:
        raise ValueError(f"box={box:g} is outside 1 to {LARGEST_BOX:g} Å.")
    if not 1 <= average <= MOST_AVERAGED:
        raise ValueError(f"average={average} is outside 1 to {MOST_AVERAGED}.")
    if not 8 <= pixels <= MOST_PIXELS:
        raise ValueError(f"pixels={pixels} is outside 8 to {MOST_PIXELS}.")
    if planes not in ("z", "y", "x", "zy", "zx", "yx", "zyx"):
        raise ValueError(f"planes={planes} is not possible: give some of z, y and x, in this order.")
    return crop_sheets.Look(box, average, planes, pixels)
