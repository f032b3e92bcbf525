"""What an edit did to a table, in words and numbers, from the table before and the table after."""

import numpy as np
import pandas as pd

from engine.objects.table import ANGLES, COORDINATES, ObjectTable

UNMOVED = 1e-9
"""Voxels, degrees: less is rounding."""


def describe_difference(before: ObjectTable, after: ObjectTable) -> str:
    """What changed, such as "removes 214 of 1,020 objects" or "moves 300 objects by up to 4.2 voxels".

    Objects are followed by their ids. Where a tomogram has other voxels afterwards, positions are compared by what they
    stand for, so that scaling moves nothing.
    """
    old, new = _common(before, after)
    parts = []
    if len(before) > len(old):
        parts.append(f"removes {len(before) - len(old):,} of {_objects(len(before))}")
    if len(after) > len(new):
        parts.append(f"adds {_objects(len(after) - len(new))}")
    scaled = _scaled_tomograms(before, after)
    if scaled:
        sizes = sorted({f"{after.tomograms[name].voxel_size[2]:.4g}" for name in scaled}, key=float)
        count = int(new["tomogram"].isin(scaled).sum())
        shown = " and ".join(sizes) if len(sizes) < 3 else f"{sizes[0]} to {sizes[-1]}"
        parts.append(f"brings {_objects(count)} to voxels of {shown} Å")
    reshaped = _reshaped_tomograms(before, after)
    if reshaped:
        parts.append(f"gives {len(reshaped):,} tomogram{'s' * (len(reshaped) > 1)} another size")
    parts += _moves(old, new, scaled)
    parts += _turns(old, new)
    for column, words in (("class", "class"), ("tomogram", "tomogram")):
        changed = int((old[column].to_numpy() != new[column].to_numpy()).sum())
        if changed:
            parts.append(f"changes the {words} of {_objects(changed)}")
    if not parts:
        values = [name for name in ("score", *_further(old, new)) if not old[name].equals(new[name])]
        parts += [f"changes the column {name}" for name in values]
    if not parts and not np.array_equal(before.rows["id"].to_numpy(), after.rows["id"].to_numpy()):
        parts.append("changes the order of the objects")
    outside = _outside(after) - _outside(before)
    if outside > 0:
        parts.append(f"puts {_objects(outside)} outside the tomogram")
    return "; ".join(parts) or "changes nothing"


def _common(before: ObjectTable, after: ObjectTable) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the objects that are in both tables, in the order of the first."""
    first, second = before.rows["id"].to_numpy(), after.rows["id"].to_numpy()
    if np.array_equal(first, second):
        return before.rows, after.rows
    places = pd.Series(np.arange(len(second)), index=second)
    places = places[~places.index.duplicated(keep="first")].reindex(first)
    again = before.rows["id"].duplicated(keep="first").to_numpy()
    there = places.notna().to_numpy() & ~again
    second_rows = after.rows.take(places.to_numpy()[there].astype(np.int64))
    return before.rows[there].reset_index(drop=True), second_rows.reset_index(drop=True)


def _moves(old: pd.DataFrame, new: pd.DataFrame, scaled: list[str]) -> list[str]:
    stayed = ~new["tomogram"].isin(scaled).to_numpy() if scaled else np.ones(len(new), dtype=bool)
    steps = np.stack([new[column].to_numpy() - old[column].to_numpy() for column in COORDINATES])
    apart = np.sqrt(np.einsum("ij,ij->j", steps, steps))
    moved = (apart > UNMOVED) & stayed
    said = []
    if moved.any():
        farthest = apart[moved].max()
        reach = f"{farthest:.2g}" if farthest < 10 else f"{farthest:,.0f}"
        said.append(f"moves {_objects(int(moved.sum()))} by up to {reach} voxel{'' if reach == '1' else 's'}")
    lost = int((np.isnan(apart) & old[list(COORDINATES)].notna().all(axis=1).to_numpy()).sum())
    if lost:
        said.append(f"takes the position of {_objects(lost)}")
    return said


def _turns(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    before, after = (np.stack([rows[column].to_numpy() for column in ANGLES]) for rows in (old, new))
    had, has = np.isfinite(before).all(axis=0), np.isfinite(after).all(axis=0)
    with np.errstate(invalid="ignore"):
        changed = had & has & (np.abs(after - before) > UNMOVED).any(axis=0)
    said = []
    if changed.any():
        said.append(f"changes the orientation of {_objects(int(changed.sum()))}")
    if (has & ~had).any():
        said.append(f"gives {_objects(int((has & ~had).sum()))} an orientation")
    cleared = (np.isfinite(before) & ~np.isfinite(after)).any(axis=0)
    if cleared.any():
        said.append(f"clears the orientation of {_objects(int(cleared.sum()))}")
    return said


def _scaled_tomograms(before: ObjectTable, after: ObjectTable) -> list[str]:
    both = [name for name in before.tomograms if name in after.tomograms]
    return [name for name in both if before.tomograms[name].voxel_size != after.tomograms[name].voxel_size]


def _reshaped_tomograms(before: ObjectTable, after: ObjectTable) -> list[str]:
    """Tomograms with another number of voxels of the same size."""
    both = [name for name in before.tomograms if name in after.tomograms]
    same_size = [name for name in both if before.tomograms[name].voxel_size == after.tomograms[name].voxel_size]
    return [name for name in same_size if before.tomograms[name].shape != after.tomograms[name].shape]


def _further(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    known = {"tomogram", "class", "id", "score", *COORDINATES, *ANGLES}
    return [name for name in old.columns if name in new.columns and name not in known]


def _outside(table: ObjectTable) -> int:
    """Objects beyond the faces of a tomogram whose size is known."""
    which, names = pd.factorize(table.rows["tomogram"])
    shapes = [table.tomograms[name].shape if name in table.tomograms else (np.nan,) * 3 for name in names]
    lengths = np.array(shapes, dtype=np.float64).reshape(-1, 3)
    beyond = np.zeros(len(table), dtype=bool)
    for axis, column in zip((2, 1, 0), COORDINATES, strict=True):
        value = table.rows[column].to_numpy()
        limit = (lengths[:, axis] - 0.5)[which]
        beyond |= ((value < -0.5) & np.isfinite(limit)) | (value > limit)
    return int(beyond.sum())


def _objects(count: int) -> str:
    return f"{count:,} object{'' if count == 1 else 's'}"
