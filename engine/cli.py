"""The command line: the same tasks with the same parameters as the pages, and PickET's own files.

Results go to standard output (with `--json` one JSON object and nothing else), messages and progress to standard error.
Exit status: 0 done, 1 a bug, 2 something the user can mend.
"""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from engine import convert_command, deepfinder_commands, edit_command, evaluate_command, picket_commands
from engine.errors import UserError
from engine.terminal import Echo, EchoJob, finish, print_json, run_files, say

__all__ = ["EchoJob", "app", "main"]

app = typer.Typer(
    help="Find things in cryo-electron tomograms, without the dashboard.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(edit_command.app)
app.add_typer(convert_command.app)
app.add_typer(evaluate_command.app)
app.add_typer(picket_commands.app)
app.add_typer(deepfinder_commands.app, name="deepfinder")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ProjectFolder = Annotated[Path, typer.Option("--project", "-p", help="Folder of the project.")]
ParameterFile = Annotated[Path, typer.Argument(help="YAML file of parameters.")]


def main() -> None:
    """Run the command line; what the user can mend ends with its sentence and exit status 2."""
    try:
        app()
    except UserError as error:
        _refuse(str(error), "--json" in sys.argv)


@app.command(epilog="Example: python -m engine tasks --json")
def tasks(as_json: Json = False) -> None:
    """List what can be run, with the parameters of each."""
    from engine.tasks import TASKS

    if as_json:
        print_json(
            {
                t.name: {
                    "title": t.title,
                    "summary": t.summary,
                    "parameters": t.parameters.model_json_schema(),
                }
                for t in TASKS.values()
            }
        )
        return
    for task in TASKS.values():
        print(f"{task.name}: {task.summary}")
        for name, described in task.parameters.model_fields.items():
            default = "required" if described.is_required() else f"default {described.default!r}"
            unit = (described.json_schema_extra or {}).get("unit")  # type: ignore[union-attr]
            print(f"    {name} ({default}{f', {unit}' if unit else ''}): {described.description}")


@app.command(epilog="Example: python -m engine run unsupervised params.yaml --project ~/projects/yeast")
def run(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    params: ParameterFile,
    project: ProjectFolder,
    as_json: Json = False,
) -> None:
    """Run a task in a project and wait for it; it also stands on the Jobs page."""
    from engine.project import Project
    from engine.tasks import find_task, read_checked

    _run_task(Project.open(project), task, read_checked(params, find_task(task)), as_json)


@app.command(epilog="Example: python -m engine demo ~/projects/demo")
def demo(folder: Annotated[Path, typer.Argument(help="Folder of the new project.")], as_json: Json = False) -> None:
    """Make a demo project: a simulated tomogram with its truth."""
    from engine.project import Project

    project = Project.create(folder, "Demo")
    if project.tomograms():
        raise UserError(
            f"{project.root} holds tomograms already: name a new folder, or open it with 'make run PROJECT='."
        )
    _run_task(project, "simulate", {}, as_json)


@app.command("picket-s1", epilog="Example: python -m engine picket-s1 s1_params.yaml")
def picket_s1(params: ParameterFile, as_json: Json = False) -> None:
    """Run PickET's first step from PickET's own parameter file."""
    from engine.tasks import picket_s1 as step

    run_files(step.run_file, params, as_json)


@app.command("picket-s2", epilog="Example: python -m engine picket-s2 s2_params.yaml")
def picket_s2(params: ParameterFile, as_json: Json = False) -> None:
    """Run PickET's second step from PickET's own parameter file."""
    from engine.tasks import picket_s2 as step

    run_files(step.run_file, params, as_json)


def _run_task(project: Any, task_name: str, raw: Any, as_json: bool) -> None:
    from engine.jobs.foreground import run_here

    echo = Echo()
    finish(run_here(project, task_name, raw, echo), as_json, echo)


def _refuse(sentence: str, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"state": "failed", "message": sentence})
    say(sentence)
    sys.exit(2)
