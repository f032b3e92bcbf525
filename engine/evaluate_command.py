"""The command `evaluate`: predictions against references, on the command line."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UserError

app = typer.Typer()

MEANINGS = """one-to-one: each prediction finds at most one reference within the distance, each reference is found
once; duplicates are false picks.

picket: no classes; distance in whole voxels; a pick near any reference is right, duplicates too; gives relative recall
and its random baselines.

kaggle: found within half the class radius (--radius, the project's classes or CZII's; else --distance); all other picks
are false; F4 weighted by class.

shrec: a pick hits the object in whose ball of the distance it lies, the nearest where balls overlap; different objects
hit / picks; the first hit decides the class.

deepfinder: found when exactly one pick lies within the distance; with several the object counts as missed and they as
false.

Example: python -m engine evaluate picks.csv truth.csv --distance 100 --voxel-size 10 --class-agnostic"""


@app.command(epilog=MEANINGS)
def evaluate(
    predictions: Annotated[
        str, typer.Argument(help="File of predictions (.csv, PickET's .yaml, .ndjson, .star), or a table's name.")
    ],
    reference: Annotated[str, typer.Argument(help="File of references, or a table's name.")],
    distance: Annotated[float, typer.Option(help="Å within which a reference counts as found.")] = 100.0,
    voxel_size: Annotated[float | None, typer.Option(help="Å, where the files do not say it.")] = None,
    class_agnostic: Annotated[bool, typer.Option("--class-agnostic", help="Classes do not count.")] = False,
    metric: Annotated[str, typer.Option(help="one-to-one|picket|kaggle|shrec|deepfinder; see below.")] = "one-to-one",
    classes: Annotated[str, typer.Option(help="References of these only: names or labels, 1-12 or 1s3x,5mrc.")] = "",
    tomograms: Annotated[str, typer.Option(help="These only, with commas; else all of the references.")] = "",
    z: Annotated[str, typer.Option("--z", help="References in these slices only, both included: 16-112.")] = "",
    shape: Annotated[str, typer.Option(help="Volume for random points, Z,Y,X voxels.")] = "",
    radius: Annotated[list[str] | None, typer.Option(help="For kaggle: CLASS=Å; may be repeated.")] = None,
    beta: Annotated[float, typer.Option(help="Of F-beta.")] = 4.0,
    repeats: Annotated[int, typer.Option(help="Draws of the random baseline.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the random baseline.")] = 42,
    lists: Annotated[bool, typer.Option("--list", help="List every miss, false pick and match, too.")] = False,
    project: Annotated[Path | None, typer.Option("--project", "-p", help="Project with tables and sizes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Score predictions against references: precision, recall and F per class and pooled, beside chance."""
    from engine.evaluation import Settings, as_text, threshold_words
    from engine.evaluation import as_json as plain
    from engine.evaluation import evaluate as compare
    from engine.project import Project
    from engine.tasks.evaluate import chosen_classes, read_compared, with_radii

    opened = Project.open(project) if project is not None else None
    lower, upper = _span(z)
    settings = Settings(
        metric=metric,
        distance=distance,
        class_agnostic=class_agnostic,
        tomograms=tuple(filter(None, (name.strip() for name in tomograms.split(",")))) or None,
        lower_z=lower,
        upper_z=upper,
        beta=beta,
        repeats=repeats,
        seed=seed,
    )
    compared = read_compared(predictions, reference, opened, voxel_size, _shape(shape))
    settings = with_radii(settings, compared.reference, opened, _radii(radius or []))
    if classes:
        settings = replace(settings, classes=chosen_classes(classes, compared.reference, opened))
    found = compare(compared.prediction, compared.reference, settings)
    found.notes.extend(compared.notes)
    threshold = threshold_words(found, compared.voxel_size)
    if as_json:
        print(
            json.dumps(
                {"state": "done", "predictions": predictions, "reference": reference, "threshold": threshold}
                | plain(found, lists),
                allow_nan=False,
            )
        )
    else:
        print(as_text(found, threshold, lists))


def _span(text: str) -> tuple[int | None, int | None]:
    if not text:
        return None, None
    found = re.fullmatch(r"(\d*)\s*[-–:]\s*(\d*)", text)
    if found is None or not (found[1] or found[2]):
        raise UserError(f"--z {text!r} is no range of slices: write it as 16-112.")
    return (int(found[1]) if found[1] else None), (int(found[2]) if found[2] else None)


def _shape(text: str) -> tuple[int, int, int] | None:
    if not text:
        return None
    parts = re.split(r"[,x× ]+", text.strip())
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"--shape {text!r} is no volume: write z, y and x in voxels, as 128,320,320.")
    z, y, x = (int(part) for part in parts)
    return z, y, x


def _radii(texts: list[str]) -> dict[str, float]:
    radii = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        try:
            radii[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UserError(f"--radius {text!r} is no radius: write it as ribosome=150 (in Å).")
    return radii
