"""Reading columns back as static/columns.js does it."""

import json

import numpy as np


def decode(content: bytes) -> dict[str, list]:
    """Name → values of the columns in the bytes of `column_bytes.encode`."""
    length = int.from_bytes(content[:4], "little")
    header = json.loads(content[4 : 4 + length])
    at = 4 + length
    assert at % 8 == 0
    columns = {}
    for entry in header["columns"]:
        values = np.frombuffer(content, "<" + entry["type"], header["count"], at)
        at += -(-values.nbytes // 8) * 8
        columns[entry["name"]] = [entry["names"][v] for v in values] if "names" in entry else values.tolist()
    assert at == len(content)
    return columns
