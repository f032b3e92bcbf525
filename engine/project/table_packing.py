"""Compressing the saved states of a table: pieces that are the same as in the state before are taken over.

A state is zstd frames one after the other, which every reader of zstd takes as one stream. Nothing here knows files.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

import pyarrow as pa

PIECE = 1 << 19
"""Bytes of a piece, about."""
KEPT = 4
"""Tables whose last state is remembered."""


@dataclass(frozen=True)
class _Piece:
    plain: bytes
    packed: bytes


_lock = Lock()
_kept: OrderedDict[Hashable, list[_Piece]] = OrderedDict()


def packed(content: bytes, name: Hashable) -> bytes:
    """`content` as zstd.

    Parameters
    ----------
    content
        The bytes of a state.
    name
        Of the table: under it the pieces are remembered.
    """
    with _lock:
        known = _kept.get(name, [])
    front: list[_Piece] = []
    begin, end = 0, len(content)
    for piece in known:
        if not content.startswith(piece.plain, begin):
            break
        front.append(piece)
        begin += len(piece.plain)
    back: list[_Piece] = []
    for piece in reversed(known[len(front) :]):
        if end - len(piece.plain) < begin or not content.endswith(piece.plain, begin, end):
            break
        back.append(piece)
        end -= len(piece.plain)
    middle = content[begin:end]
    count = max(1, round(len(middle) / PIECE))
    edges = [len(middle) * i // count for i in range(count + 1)]
    codec = pa.Codec("zstd")
    fresh = [middle[a:b] for a, b in pairwise(edges) if b > a or not content]
    pieces = [*front, *(_Piece(plain, codec.compress(plain, asbytes=True)) for plain in fresh), *reversed(back)]
    with _lock:
        if len(content) >= PIECE:
            _kept[name] = pieces
            _kept.move_to_end(name)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return b"".join(piece.packed for piece in pieces)
