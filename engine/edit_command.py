"""The commands `edit` and `edits`: object tables changed step by step, in a project or from file to file."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer
import yaml

from engine.errors import UserError
from engine.list_options import WHICH, sizes_by_option, which_verdicts

if TYPE_CHECKING:
    from engine.objects import ObjectTable
    from engine.objects.edit_steps import Chosen
    from engine.project import Project

app = typer.Typer()

EXAMPLES = """Steps are a YAML list, one edit each: '- scale: {factor: 2}'. They are listed by: python -m engine edits

In a project, the edited table is saved in place of the old one and can be undone, unless --out names a file.

Example: python -m engine edit picks.csv steps.yaml --out better.csv --tomograms TS_01=1000,1000,400@10

Example: python -m engine edit picks --project ~/projects/yeast --step threshold --set lowest=0.3

Example: python -m engine edit picks.csv --split class --out parts.csv"""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command(epilog=EXAMPLES)
def edit(
    source: Annotated[str, typer.Argument(metavar="TABLE", help="A table's name in the project, or a file.")],
    steps: Annotated[Path | None, typer.Argument(help="YAML list of steps.")] = None,
    step: Annotated[str, typer.Option(help="One step, by name, instead of a list.")] = "",
    values: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, a parameter of --step; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; needed for files.")] = None,
    split: Annotated[str, typer.Option(help="class|tomogram: afterwards one table, or file, for each.")] = "",
    project: Annotated[Path | None, typer.Option("--project", "-p", help="Project with tables and tomograms.")] = None,
    tomograms: Annotated[
        list[str] | None,
        typer.Option(help="Sizes: TOMOGRAMS.star, a folder (densities too), NAME=X,Y,Z@VOXEL_SIZE; may be repeated."),
    ] = None,
    from_format: Annotated[str, typer.Option("--from", help="Format of the file; else told by its content.")] = "",
    to_format: Annotated[str, typer.Option("--to", help="Format of --out; else by its ending.")] = "",
    verdicts: Annotated[
        str,
        typer.Option(
            help=f"{'|'.join(WHICH)}: which objects go into --out; else not-rejected, but all for CSV and XLSX, which "
            "keep the verdicts."
        ),
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what the steps would do, and save nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Edit an object table: scale, crop, merge, thresholds, snap, orientations and more."""
    from engine.objects import TomogramGeometry
    from engine.objects.edit_steps import run_steps
    from engine.objects.formats.notes import collected
    from engine.objects.formats.registry import get_format, read_objects
    from engine.objects.review import left_out_sentence, to_write
    from engine.project import Project
    from engine.project.edit_context import EditSources
    from engine.project.geometries import geometries_from

    which = which_verdicts(verdicts) if verdicts else None
    chosen = _steps(steps, step, values or [])
    if not chosen and not split:
        raise UserError(
            "There is nothing to do: name a file of steps, a --step or --split (see: python -m engine edits)."
        )
    if split not in ("", "class", "tomogram"):
        raise UserError(f"--split {split!r} is not known: split by class or by tomogram.")
    opened = Project.open(project) if project is not None else None
    named = opened is not None and source in opened.tables.names()
    if not named and not Path(source).expanduser().is_file():
        known = f" and no table of the project (tables: {', '.join(opened.tables.names()) or 'none'})" if opened else ""
        raise UserError(f"{source!r} is no file{known}: check the name{'' if opened else ', or name a --project'}.")
    if not named and out is None and not dry_run:
        raise UserError(f"{source} is a file: say with --out where the edited list is to be written.")
    given = tomograms or []
    known_sizes = {}
    if opened is not None:
        readable = [tomogram for tomogram in opened.tomograms() if tomogram.info is not None]
        known_sizes = {tomogram.name: TomogramGeometry(tomogram.shape, tomogram.voxel_size) for tomogram in readable}
    known_sizes |= geometries_from(given)

    def read_file(path: Path, format_name: str = "") -> "ObjectTable":
        return read_objects(path, known_sizes, get_format(format_name) if format_name else None)

    folders = [text for text in given if Path(text).expanduser().exists() and not text.lower().endswith(".star")]
    version = ""
    sentences = []
    with collected() as notes, sizes_by_option(), EditSources(opened, folders, read_file) as context:
        if named:
            assert opened is not None
            table, version = opened.tables.read_version(source)
            table = opened.with_present_geometry(table)
        else:
            table = read_file(Path(source).expanduser(), from_format)
        for done in run_steps(table, chosen, context):
            table = done.table
            sentences.append({"step": done.step.edit.name, "says": done.sentence})
            if not as_json:
                print(f"{done.step.edit.name}: {done.sentence}", flush=True)
        if dry_run:
            saved: list[str] = []
        elif out is not None:
            which = which or ("all" if out.suffix.lower() in (".csv", ".xlsx") and not to_format else "not rejected")
            left_out = left_out_sentence(table, which).replace("gallery.", "gallery (--verdicts all writes them).")
            notes += filter(None, [left_out])
            table = to_write(table, which)
            labels = {known.name: known.label for known in opened.classes} if opened is not None else None
            saved = _written(table, out, to_format, split, overwrite, notes, labels)
        else:
            assert opened is not None
            saved = _saved(opened, source, table, version, split)
    if as_json:
        state = {"state": "done", "objects": len(table), "steps": sentences, "outputs": saved, "notes": notes}
        print(json.dumps(state))
        return
    for sentence in notes:
        print(sentence, file=sys.stderr)
    print(f"{len(table):,} objects{', nothing saved' if dry_run else ''}.", file=sys.stderr)
    for place in saved:
        print(place)


@app.command(epilog="Example: python -m engine edits --json")
def edits(as_json: Json = False) -> None:
    """List the edits of object tables, with the parameters of each."""
    from engine.objects.edit_steps import EDITS

    if as_json:
        print(
            json.dumps(
                {
                    known.name: {
                        "title": known.title,
                        "summary": known.summary,
                        "parameters": known.parameters.model_json_schema(),
                    }
                    for known in EDITS.values()
                }
            )
        )
        return
    for known in EDITS.values():
        print(f"{known.name}: {known.summary}")
        for name, field in known.parameters.model_fields.items():
            default = "required" if field.is_required() else f"default {field.default!r}"
            unit = (field.json_schema_extra or {}).get("unit")  # type: ignore[union-attr]
            print(f"    {name} ({default}{f', {unit}' if unit else ''}): {field.description}")
    print("Into one table for each class or tomogram: the option --split of the command edit.")


def _steps(file: Path | None, name: str, values: list[str]) -> "list[Chosen]":
    from engine.objects.edit_steps import choose, get_edit, read_steps
    from engine.tasks import read_parameters

    if file is not None and name:
        raise UserError(f"Both {file} and --step {name} are given: use one of them.")
    if values and not name:
        raise UserError(f"--set {values[0]} belongs to no step: name it with --step.")
    if file is not None:
        return read_steps(read_parameters(file))
    if not name:
        return []
    fields = get_edit(name).parameters.model_fields
    raw = {}
    for text in values:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise UserError(f"--set {text!r} is no parameter: write it as NAME=VALUE.")
        raw[key] = _value(value, _container(fields[key].annotation) if key in fields else None, text)
    return [choose(name, raw)]


def _container(annotation: Any) -> type | None:
    """list, tuple or dict where a parameter is one, be it beside None."""
    for kind in (annotation, *get_args(annotation)):
        if get_origin(kind) in (list, tuple, dict):
            return get_origin(kind)
    return None


def _value(text: str, container: type | None, whole: str) -> Any:
    """A value as YAML reads it; a,b and a:1,b:2 do for lists and mappings, which are awkward to quote in a shell."""
    try:
        value = yaml.safe_load(text)
        if container is dict and isinstance(value, str):
            pairs = [part.rpartition(":") for part in value.split(",")]
            return {name.strip(): yaml.safe_load(number) for name, _, number in pairs}
        if container in (list, tuple) and isinstance(value, (str, int, float)):
            return [yaml.safe_load(part) for part in text.split(",") if part.strip()]
    except yaml.YAMLError as error:
        raise UserError(f"--set {whole!r} is not readable: write lists as a,b and mappings as a:1,b:2.") from error
    return value


def _written(
    table: "ObjectTable",
    out: Path,
    to_format: str,
    split: str,
    overwrite: bool,
    notes: list[str],
    labels: dict[str, int] | None,
) -> list[str]:
    from engine.objects import check
    from engine.objects.edits import split_by
    from engine.objects.formats.registry import (
        export,
        format_for_writing,
        further_files,
        get_format,
        losses,
        targets,
        writing_options,
    )

    wanted = get_format(to_format) if to_format else format_for_writing(out)
    check(table, sizes_needed=False)
    parts = {out: table}
    if split:
        by_name = split_by(table, split)  # type: ignore[arg-type]
        parts = {out.with_name(f"{out.stem}_{_plain(name)}{out.suffix}"): part for name, part in by_name.items()}
        _all_different([_plain(name) for name in by_name], list(by_name))
    options = writing_options(table, wanted, class_labels=labels)
    for path, part in parts.items():
        for file in (*targets(part, wanted, path), *further_files(part, wanted, path, options)):
            if file.exists() and not overwrite:
                raise UserError(f"{file} exists: choose another --out, or replace it with --overwrite.")
    notes += losses(table, wanted)
    return [str(file) for path, part in parts.items() for file in export(part, wanted, path, options)]


def _saved(project: "Project", name: str, table: "ObjectTable", version: str, split: str) -> list[str]:
    """The table saved in place of the old one; where it is to be split, as new tables beside it."""
    from engine.objects.edits import split_by

    if not split:
        project.tables.save(name, table, version)
        return [str(project.tables.path(name))]
    parts = split_by(table, split)  # type: ignore[arg-type]
    made_by = {"made_from": name, "split_by": split}
    made = [project.tables.create(f"{name}_{_plain(part)}", rows, made_by) for part, rows in parts.items()]
    return [str(project.tables.path(new)) for new in made]


def _plain(name: str) -> str:
    """A class or tomogram as part of a file's name."""
    return re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9.+-]", "_", name)).strip("_") or "unnamed"


def _all_different(plain: list[str], names: list[str]) -> None:
    for number, part in enumerate(plain):
        if part in plain[:number]:
            other = names[plain.index(part)]
            raise UserError(f"{names[number]!r} and {other!r} would be written to the same file: rename one of them.")
