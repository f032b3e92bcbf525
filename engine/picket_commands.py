"""Commands beside PickET's two steps, without a project: boxes, shifted coordinates, comparison, conversion.

They read the files that PickET and `picket-s1`, `picket-s2` write. `engine.cli` puts them beside its own commands, and
turns a `UserError` into its sentence and exit status 2.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from engine.errors import UserError, explain_os_errors

LARGEST_TABLE = 20
"""Labels that are printed; `--json` has all."""

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Coordinates = Annotated[Path, typer.Argument(metavar="COORDS.yaml", help="PickET's predicted_centroids_….yaml.")]


@app.command(
    "extract-subtomograms",
    epilog="Example: python -m engine extract-subtomograms predicted_centroids_0.yaml ts_01.mrc 32 boxes --pad",
)
def extract_subtomograms(
    coordinates: Coordinates,
    tomogram: Annotated[Path, typer.Argument(help="The tomogram of these coordinates.")],
    size: Annotated[int, typer.Argument(min=1, max=1024, help="Edge of a box in voxels, odd or even.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    form: Annotated[Literal["npy", "mrc"], typer.Option("--format", help="Of the files.")] = "npy",
    pad: Annotated[
        bool, typer.Option("--pad", help="Fill boxes that reach out of the tomogram with their mean; else left out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Cut a box around each of PickET's centroids: st_0, st_1 … and index.csv."""
    from engine.objects import TomogramGeometry, boxes_inside
    from engine.objects.formats import picket
    from engine.tasks import boxes
    from engine.volumes import open_volume

    with open_volume(tomogram) as volume:
        geometry = TomogramGeometry(volume.shape, volume.voxel_size or (1.0, 1.0, 1.0))
        table = picket.read(coordinates, {tomogram.stem: geometry})
        centres = table.coordinates_zyx()
        _refuse_outside(coordinates, centres, tomogram, volume.shape)
        options = boxes.BoxOptions(size, form, "pad" if pad else "skip")
        # Numbered as PickET does: the boxes that are kept, in the order of the list.
        kept = np.ones(len(table), bool) if pad else boxes_inside(centres, size, volume.shape)
        file_of = {int(row): f"st_{number}.{form}" for number, row in enumerate(np.flatnonzero(kept))}
        if not file_of:
            raise UserError(
                f"None of the {len(table):,} boxes of {size} voxels lies whole inside {tomogram}: choose a smaller "
                "size, or add --pad."
            )
        _make_empty(folder)
        try:
            skipped = boxes.write_boxes(
                volume, table, volume.voxel_size, options, lambda row: folder / file_of[row], _progress()
            )
            files = {row: file for row, file in file_of.items() if row not in skipped}
            index = boxes.index_rows(table, files, volume.voxel_size)
            boxes.write_index(folder, index, boxes.skipped_rows(table, skipped))
        except BaseException:  # half a set of boxes would be taken for a whole one
            for file in file_of.values():
                (folder / file).unlink(missing_ok=True)
            raise
    _say(f"{len(files):,} boxes of {size} voxels, {len(skipped):,} left out")
    _result({"boxes": len(files), "skipped": len(skipped)}, [folder / boxes.INDEX], as_json)


@app.command(
    "shift-origin",
    epilog="Example: python -m engine shift-origin predicted_centroids_0.yaml --origin 20,0,0 --output picks.csv",
)
def shift_origin(
    coordinates: Coordinates,
    origin: Annotated[str, typer.Option("--origin", metavar="Z,Y,X", help="Whole voxels, taken off z, y and x.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.csv", help="A new file.")],
    as_json: Json = False,
) -> None:
    """Take an origin off PickET's centroids and write them as CSV with the header x,y,z."""
    from engine.atomic import write_text
    from engine.objects import TomogramGeometry
    from engine.objects.formats import picket

    text = origin.strip().removeprefix("(").removesuffix(")")
    if not re.fullmatch(r"\s*[+-]?\d+\s*(,\s*[+-]?\d+\s*){2}", text):
        raise UserError(f"The origin {origin!r} is not three whole numbers z,y,x: write it like --origin 20,0,0.")
    z, y, x = (int(part) for part in text.split(","))
    table = picket.read(coordinates, {"tomogram": TomogramGeometry((1, 1, 1), (1.0, 1.0, 1.0))})
    if output.exists():
        raise UserError(f"{output} exists already: name another file, or delete it first.")
    shifted = table.rows[["x", "y", "z"]].to_numpy() - (x, y, z)
    negative = int((shifted < 0).any(axis=1).sum())
    if negative:
        _say(f"{negative:,} of {len(shifted):,} positions are negative now: is the origin z,y,x = {z},{y},{x} right?")
    lines = [
        ",".join(f"{value:.0f}" if value.is_integer() else repr(value) for value in row) for row in shifted.tolist()
    ]
    write_text(output, "\n".join(["x,y,z", *lines]) + "\n")
    _result({"objects": len(lines), "negative": negative}, [output], as_json)


@app.command(
    "compare-segmentations",
    epilog="Example: python -m engine compare-segmentations segmentation_0_a.h5 segmentation_0_b.h5",
)
def compare_segmentations(
    first: Annotated[Path, typer.Argument(metavar="A", help="A label map: MRC, or PickET's HDF5.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another of the same shape.")],
    as_json: Json = False,
) -> None:
    """Compare two label maps voxel by voxel: equal voxels, Dice and IoU of each label, what was taken for what."""
    from engine.evaluation.segmentations import compare_segmentations as compare
    from engine.volumes import open_volume

    with open_volume(first) as one, open_volume(second) as other:
        if one.shape != other.shape:
            shapes = " and ".join("×".join(map(str, volume.shape)) for volume in (one, other))
            raise UserError(
                f"{first} and {second} differ in shape ({shapes} voxels): compare segmentations of the same tomogram."
            )
        try:
            found = compare(one.array, other.array, _progress())
        except UserError as error:
            raise UserError(f"{first} and {second} cannot be compared: {error}") from error
    exchanged = found.exchanged()
    better = exchanged.equal > found.equal
    if as_json:
        pairs = [
            {"first": int(a), "second": int(b), "voxels": int(count)}
            for (a, b), count in zip(found.pairs, found.counts, strict=True)
        ]
        content = {**_agreement(found), "confusion": pairs, "exchanged": {**_agreement(exchanged), "better": better}}
        _print_json({"state": "done", **content})
        return
    _print_agreement(f"A = {first}, B = {second}", found)
    if better:
        print()
        _print_agreement("The same with 0 and 1 of B exchanged, which agrees better", exchanged)


@app.command("h5-to-mrc", epilog="Example: python -m engine h5-to-mrc segmentation_0_gabor_gmm.h5 converted")
def h5_to_mrc(
    source: Annotated[Path, typer.Argument(metavar="H5", help="PickET's HDF5, or any other with volumes in it.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made where it is missing.")],
    as_json: Json = False,
) -> None:
    """Write the volumes of an HDF5 file as MRC, with their voxel size, in the smallest type that holds all values."""
    from engine.volumes import create_mrc, list_hdf5_volumes, open_volume, slabs

    names = list_hdf5_volumes(source)
    if not names:
        raise UserError(f"{source} holds no volume: no dataset in it has three axes with plain numbers.")
    ends = [name.rsplit("/", 1)[-1] for name in names]
    ends = ends if len(set(ends)) == len(ends) else [name.replace("/", "_") for name in names]
    targets = [folder / f"{source.stem}{f'_{end}' if len(names) > 1 else ''}.mrc" for end in ends]
    for target in targets:
        if target.exists():
            raise UserError(f"{target} exists already: name another folder, or delete it first.")
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    for name, target in zip(names, targets, strict=True):
        with open_volume(source, name) as volume:
            if volume.voxel_size is None:
                _say(f"{source} gives no voxel size for {name}: the header of {target} will have none.")
            dtype = _smallest_dtype(volume)
            with create_mrc(target, volume.shape, dtype, volume.voxel_size, volume.origin) as written:
                for slab in slabs(volume.shape, 8):
                    written[slab] = volume[slab]
    _result({}, targets, as_json)


def _smallest_dtype(volume: Any) -> np.dtype:
    from engine.volumes import mrc_dtype, slabs

    if volume.dtype.kind not in "iu":
        return mrc_dtype(volume.dtype)
    low, high = 0, 0
    for slab in slabs(volume.shape, volume.dtype.itemsize):
        piece = volume[slab]
        low, high = min(low, int(piece.min())), max(high, int(piece.max()))
    limits = np.iinfo(np.int8)
    return np.dtype(np.int8) if limits.min <= low and high <= limits.max else mrc_dtype(np.int64, low, high)


def _refuse_outside(coordinates: Path, centres: np.ndarray, tomogram: Path, shape: tuple[int, int, int]) -> None:
    outside = ((centres < -0.5) | (centres > np.asarray(shape) - 0.5)).any(axis=1)
    if not len(centres):
        raise UserError(f"{coordinates} holds no positions: there is nothing to extract.")
    if outside.any():
        z, y, x = centres[outside][0]
        raise UserError(
            f"{int(outside.sum()):,} of the {len(centres):,} positions in {coordinates} lie outside {tomogram} "
            f"({'×'.join(map(str, shape))} voxels; the first is x {x:g}, y {y:g}, z {z:g}): give the tomogram in which "
            "they were found."
        )


def _make_empty(folder: Path) -> None:
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder} holds files already: name a new or an empty folder.")


def _agreement(found: Any) -> dict[str, Any]:
    return {
        "equal": found.equal,
        "total": found.total,
        "fraction": found.fraction,
        "labels": [
            {"label": a.label, "first": a.first, "second": a.second, "both": a.both, "dice": a.dice, "iou": a.iou}
            for a in found.labels()
        ],
    }


def _print_agreement(title: str, found: Any) -> None:
    print(title)
    print(f"{found.equal:,} of {found.total:,} voxels are equal ({found.fraction:.4%})")
    labels = found.labels()
    print(f"{'label':>8} {'voxels in A':>14} {'voxels in B':>14} {'in both':>14} {'Dice':>8} {'IoU':>8}")
    for a in labels[:LARGEST_TABLE]:
        print(f"{a.label:>8} {a.first:>14,} {a.second:>14,} {a.both:>14,} {a.dice:>8.4f} {a.iou:>8.4f}")
    if len(labels) > LARGEST_TABLE:
        print(f"and {len(labels) - LARGEST_TABLE:,} more labels: --json lists all.")
    different = sorted(
        ((int(count), int(a), int(b)) for (a, b), count in zip(found.pairs, found.counts, strict=True) if a != b),
        reverse=True,
    )
    for count, a, b in different[:LARGEST_TABLE]:
        print(f"{count:,} voxels are {a} in A and {b} in B")


def _result(facts: dict[str, Any], outputs: list[Path], as_json: bool) -> None:
    if as_json:
        _print_json({"state": "done", **facts, "outputs": [str(path) for path in outputs]})
    else:
        for path in outputs:
            print(path)


def _progress() -> Callable[[float, str], None]:
    """Progress on standard error, where somebody watches it."""
    last = -1

    def say(fraction: float, text: str) -> None:
        nonlocal last
        if sys.stderr.isatty() and int(fraction * 10) > last:
            last = int(fraction * 10)
            _say(f"{fraction:4.0%}  {text}")

    return say


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_json(content: dict[str, Any]) -> None:
    json.dump(content, sys.stdout, default=os.fspath)
    print()
