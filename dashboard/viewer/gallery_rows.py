"""What the gallery's browser side knows of each object."""

import numpy as np

from dashboard.viewer import column_bytes
from engine.objects import ObjectTable
from engine.objects.review import ACCEPTED, REJECTED, verdicts


def register(table: ObjectTable) -> str:
    """Keep the rows of `table`, in their order; returns the key under which they are fetched (`column_bytes`).

    Columns: id, x, y, z, score, tomogram, class, verdict (0 none, 1 accepted, 2 rejected).
    """
    rows = table.rows
    decided = verdicts(table)
    columns = {
        "id": rows["id"].to_numpy(dtype=np.float64),
        **{name: rows[name].to_numpy(dtype=np.float32) for name in ("x", "y", "z", "score")},
        "tomogram": rows["tomogram"],
        "class": rows["class"],
        "verdict": ((decided == ACCEPTED) + 2 * (decided == REJECTED)).astype(np.uint8),
    }
    return column_bytes.register(column_bytes.encode(columns))
