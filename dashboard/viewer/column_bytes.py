"""Columns of a table as bytes for the browser: fetched once per state, instead of with every rerun of a page.

The bytes: length of a JSON header (uint32, little-endian), the header, padded with spaces, then the columns; header and
columns begin and end at multiples of 8. The header is {"count": n, "columns": [{"name", "type", "names"}, …]}; a column
with `names` holds places in that list. The browser's side is `static/columns.js`. Kept in the memory of the server.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

import numpy as np
import pandas as pd

from engine.errors import UserError

KEPT_BYTES = 128 << 20
TYPES = {"float64": "f8", "float32": "f4", "uint32": "u4", "uint16": "u2", "uint8": "u1"}

_lock = Lock()
_kept: OrderedDict[str, bytes] = OrderedDict()


def register(content: bytes, key: str | None = None) -> str:
    """Keep `content`; returns the key under which it is fetched.

    Parameters
    ----------
    content
        From `encode`.
    key
        A name that stands for these bytes and no others; None takes a hash of them.
    """
    key = key or hashlib.sha1(content, usedforsecurity=False).hexdigest()[:20]
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


def encode(columns: Mapping[str, np.ndarray | pd.Series]) -> bytes:
    """Columns of one length as bytes, see above.

    Parameters
    ----------
    columns
        Name → numbers of one of `TYPES`, or words, of which each different one is sent once; a missing word is "".
    """
    described, parts, count = [], [], 0
    for name, values in columns.items():
        entry: dict[str, object] = {"name": name}
        if str(values.dtype) in TYPES:
            numbers = np.asarray(values)
        else:
            codes, words = pd.factorize(values)
            unknown = bool((codes < 0).any())
            numbers = np.where(codes < 0, len(words), codes).astype(np.min_scalar_type(len(words)))
            entry["names"] = [*map(str, words), *([""] if unknown else [])]
        entry["type"] = TYPES[str(numbers.dtype)]
        count = len(numbers)
        content = np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<")).tobytes()
        described.append(entry)
        parts.append(content + bytes(-len(content) % 8))
    text = json.dumps({"count": count, "columns": described}).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return len(text).to_bytes(4, "little") + text + b"".join(parts)
