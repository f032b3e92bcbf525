"""What the gallery's browser side knows of each object, as bytes: fetched once per state instead of with every rerun.

The bytes: length of a JSON header (uint32, little-endian), the header padded with spaces so that columns begin at a
multiple of 8, then the columns one after the other: id (float64), x, y, z, score (float32), tomogram, class (uint16,
places in the header's lists), verdict (uint8: 0 none, 1 accepted, 2 rejected). Kept in the memory of the server.
"""

import hashlib
import json
from collections import OrderedDict
from threading import Lock

import pandas as pd

from engine.errors import UserError
from engine.objects import ObjectTable
from engine.objects.review import ACCEPTED, REJECTED, verdicts

KEPT_BYTES = 128 << 20

_lock = Lock()
_kept: OrderedDict[str, bytes] = OrderedDict()


def register(table: ObjectTable) -> str:
    """Keep the rows of `table`, in their order; returns the key under which they are fetched."""
    content = encode(table)
    key = hashlib.sha1(content, usedforsecurity=False).hexdigest()[:20]
    with _lock:
        _kept[key] = content
        _kept.move_to_end(key)
        while sum(map(len, _kept.values())) > KEPT_BYTES and len(_kept) > 1:
            _kept.popitem(last=False)
    return key


def get(key: str) -> bytes:
    """The bytes of `key`.

    Raises
    ------
    UserError
        They are not kept (the server was started anew).
    """
    with _lock:
        content = _kept.get(key)
    if content is None:
        raise UserError("This list of objects is no longer prepared: reload the page.")
    return content


def holds(key: str) -> bool:
    """Whether `key` can be fetched; keeps it longer."""
    with _lock:
        if key not in _kept:
            return False
        _kept.move_to_end(key)
        return True


def encode(table: ObjectTable) -> bytes:
    """The rows as bytes, see above."""
    rows = table.rows
    tomograms, tomogram_names = pd.factorize(rows["tomogram"])
    classes, class_names = pd.factorize(rows["class"])
    header = {"count": len(rows), "tomograms": list(map(str, tomogram_names)), "classes": list(map(str, class_names))}
    text = json.dumps(header).encode()
    text += b" " * (-(4 + len(text)) % 8)
    decided = verdicts(table)
    columns = [
        rows["id"].to_numpy().astype("<f8"),
        *(rows[name].to_numpy().astype("<f4") for name in ("x", "y", "z", "score")),
        tomograms.astype("<u2"),
        classes.astype("<u2"),
        ((decided == ACCEPTED) + 2 * (decided == REJECTED)).astype("u1"),
    ]
    return len(text).to_bytes(4, "little") + text + b"".join(column.tobytes() for column in columns)
