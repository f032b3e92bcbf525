"""The command `convert`: a list of objects from one program's format to another's."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UserError
from engine.list_options import WHICH, sizes_by_option, which_verdicts

app = typer.Typer()

VERDICTS = typer.Option(help=f"{'|'.join(WHICH)}: which objects are written, by the verdict given in the gallery.")


@app.command(
    epilog="Example: python -m engine convert particles.star picks.tbl --to dynamo --tomograms tomograms.star"
    "\n\n\n\nOptions of a format are listed by: python -m engine formats"
)
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The list.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="What to write.")],
    from_format: Annotated[str, typer.Option("--from", help="Format of IN; else told by its content.")] = "",
    to_format: Annotated[str, typer.Option("--to", help="Format of OUT; else by its ending.")] = "",
    tomograms: Annotated[
        list[str] | None,
        typer.Option(help="Sizes: TOMOGRAMS.star, a folder, or NAME=X,Y,Z@VOXEL_SIZE; may be repeated."),
    ] = None,
    project: Annotated[Path | None, typer.Option("--project", "-p", help="Project whose tomograms are meant.")] = None,
    read_option: Annotated[
        list[str] | None, typer.Option("--read", help="NAME=VALUE, an option of reading; may be repeated.")
    ] = None,
    write_option: Annotated[
        list[str] | None, typer.Option("--write", help="NAME=VALUE, an option of writing; may be repeated.")
    ] = None,
    verdicts: Annotated[str, VERDICTS] = "not-rejected",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Convert a list of objects; says what the target format cannot carry."""
    from engine.objects import TomogramGeometry
    from engine.objects.fit import faults
    from engine.objects.formats import detect, export, format_for_writing, get_format, losses, read_objects
    from engine.objects.formats.notes import collected
    from engine.objects.review import left_out_sentence, to_write
    from engine.project import Project
    from engine.project.geometries import geometries_from

    which = which_verdicts(verdicts)
    known, labels = {}, None
    if project is not None:
        opened = Project.open(project)
        known = {t.name: TomogramGeometry(t.shape, t.voxel_size) for t in opened.tomograms() if t.info is not None}
        labels = {known_class.name: known_class.label for known_class in opened.classes}
    known |= geometries_from(tomograms or [])
    wanted = get_format(to_format) if to_format else format_for_writing(target)
    with collected() as notes, sizes_by_option():
        given = get_format(from_format) if from_format else detect(source)
        table = read_objects(source, known, given, pairs(read_option or [], "--read"))
        wrong = faults(table)
        left_out = left_out_sentence(table, which).replace("gallery.", "gallery (--verdicts all writes them).")
        table = to_write(table, which)
        lost = losses(table, wanted)
        written = export(table, wanted, target, pairs(write_option or [], "--write"), labels)
    said = [*notes, *wrong, *filter(None, [left_out]), *lost]
    if as_json:
        content = {"state": "done", "from": given.name, "to": wanted.name, "objects": len(table)}
        print(json.dumps(content | {"outputs": [str(path) for path in written], "notes": said}))
        return
    for sentence in said:
        print(sentence, file=sys.stderr)
    count = f"{len(table):,} object{'' if len(table) == 1 else 's'}"
    print(f"{count} of {given.title} written as {wanted.title}.", file=sys.stderr)
    for path in written:
        print(path)


@app.command(epilog="Example: python -m engine formats --json")
def formats(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the formats of object lists: what each carries, its conventions and options."""
    from engine.objects.formats import FORMATS

    if as_json:
        listed = {
            f.name: {
                "title": f.title,
                "endings": f.suffixes,
                "carries": sorted(f.carries),
                "unit": f.unit,
                "origin": f.origin,
                "orientation": f.orientation,
                "reading": f.reading.model_json_schema(),
                "writing": f.writing.model_json_schema(),
            }
            for f in FORMATS.values()
        }
        print(json.dumps(listed))
        return
    for chosen in FORMATS.values():
        print(f"{chosen.name}: {chosen.title} ({', '.join(chosen.suffixes)})")
        for sentence in filter(None, (chosen.unit, chosen.origin, chosen.orientation)):
            print(f"    {sentence}")
        print(f"    carries positions, {', '.join(sorted(chosen.carries)) or 'nothing else'}")
        for flag, model in (("--read", chosen.reading), ("--write", chosen.writing)):
            for name, field in model.model_fields.items():
                print(f"    {flag} {name}={field.default}: {field.description}")


def pairs(texts: list[str], flag: str) -> dict[str, str]:
    """NAME=VALUE texts by name.

    Raises
    ------
    UserError
        One that is none.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UserError(f"{flag} {text!r} is no option: write it as NAME=VALUE.")
        found[name.strip()] = value
    return found
