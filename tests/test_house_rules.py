"""The rules of the house (DESIGN section 1), read from the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    "errors": -1, "words": -1, "atomic": 0, "parameters": 0, "remembered": 0,
    "volumes": 1, "objects": 2, "annotation": 2.5, "project": 3, "features": 4, "instances": 4, "simulation": 4,
    "evaluation": 4, "networks": 4, "inference": 4.3, "training": 4.6, "tasks": 5, "jobs": 6,
    "terminal": 6, "list_options": 6, "deepfinder_commands": 7,
    "picket_commands": 7, "evaluate_command": 7, "edit_command": 7, "convert_command": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
SCIENCES = {name for name, floor in FLOORS.items() if 4 <= floor < 5}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "handler", "data2"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def room(path: Path) -> str:
    part = path.relative_to(ROOT / "engine").parts[0]
    return part.removesuffix(".py")


def test_engine_knows_no_dashboard_streamlit_or_plotly() -> None:
    for path in modules("engine"):
        bad = {i for i in imports(path) if i.split(".")[0] in ("dashboard", "streamlit", "plotly")}
        assert not bad, f"{path}: {bad}"


def test_engine_imports_only_go_down() -> None:
    for path in modules("engine"):
        here = room(path)
        if here == "__init__":
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "engine" or len(parts) < 2 or parts[1] == here:
                continue
            assert parts[1] in FLOORS, f"{path} imports {name}: which floor is that?"
            assert FLOORS[parts[1]] < FLOORS[here], f"{path} imports {name}, which is not below it"


def test_sciences_know_no_project_and_open_no_file() -> None:
    for path in modules("engine"):
        if room(path) not in SCIENCES:
            continue
        assert not {i for i in imports(path) if i.startswith("engine.project")}, path
        calls = {
            n.func.id
            for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert not calls & {"open", "print"}, f"{path} calls {calls & {'open', 'print'}}"


@pytest.mark.parametrize("folder", ["engine", "dashboard", "benchmarks", "tests"])
def test_names_say_something(folder: str) -> None:
    for path in modules(folder):
        words = {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
        assert not words & FORBIDDEN_NAMES, path


def test_every_module_says_what_lives_in_it() -> None:
    for folder in ("engine", "dashboard", "benchmarks"):
        for path in modules(folder):
            assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
