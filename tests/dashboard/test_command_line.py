"""Commands that the pages print are pasted by people: they must run as they stand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.widgets import command_line
from dashboard.widgets.command_line import FOLDER, engine_command


def test_the_command_runs_in_the_folder_that_is_named() -> None:
    assert FOLDER == Path(__file__).resolve().parents[2]
    done = subprocess.run(engine_command("tasks", "--json"), shell=True, cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0 and "pick" in json.loads(done.stdout), done.stderr


def test_spaces_are_quoted_and_the_environment_is_named_from_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(command_line.FOLDER / ".venv/bin/python"))
    command = engine_command("run", "pick", "params.yaml", "--project", Path("/data/my project"))
    assert command == ".venv/bin/python -m engine run pick params.yaml --project '/data/my project'"
    monkeypatch.setattr(sys, "executable", "/opt/tomodeck/bin/python")
    assert engine_command("tasks").startswith("/opt/tomodeck/bin/python -m")
