"""The classes of a project with the tables that use them: rename, delete, merge."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.annotation import add_class, change_class
from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.project import Project
from engine.project.class_library import delete_class, edit_classes, merge_classes, rename_class, uses


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    for name, radius in (("ribosome", 120.0), ("ribo", 100.0), ("membrane", 40.0)):
        made.add_class(name, radius)
    geometry = TomogramGeometry((20, 40, 50), (10.0, 10.0, 10.0))
    for table, classes in (("one", ["ribosome", "ribo", "ribo"]), ("two", ["ribo"]), ("three", ["ribosome"])):
        numbers = np.arange(1.0, len(classes) + 1)
        rows = pd.DataFrame({"tomogram": "ts", "class": classes, "x": numbers, "y": numbers, "z": numbers})
        made.tables.create(table, ObjectTable(rows, {"ts": geometry}), {})
    return made


def test_notes_and_unknown_keys_survive_the_settings_file(project: Project) -> None:
    file = project.root / "tomodeck.yaml"
    file.write_text(file.read_text().replace("radius: 120.0", "radius: 120.0\n  pdb: 4UG0"))
    assert project.classes[0].notes == ""
    edit_classes(project, lambda classes: change_class(classes, "ribosome", notes="80S\nwith tRNA", radius=125.0))
    first = Project.open(project.root).classes[0]
    assert (first.notes, first.radius, first.model_extra) == ("80S\nwith tRNA", 125.0, {"pdb": "4UG0"})


def test_a_refused_edit_changes_nothing(project: Project) -> None:
    before = (project.root / "tomodeck.yaml").read_bytes()
    with pytest.raises(UserError, match="already"):
        edit_classes(project, lambda classes: add_class(classes, "ribo", 1.0))
    assert (project.root / "tomodeck.yaml").read_bytes() == before


def test_rename_follows_in_the_tables_that_are_named(project: Project) -> None:
    assert uses(project, "ribo") == {"one": 2, "two": 1}
    assert rename_class(project, "ribo", "small", ["one"]) == {"one": 2}
    assert [c.name for c in project.classes] == ["ribosome", "small", "membrane"]
    assert uses(project, "small") == {"one": 2} and uses(project, "ribo") == {"two": 1}
    # Each table can be undone by itself.
    project.tables.undo("one", project.tables.version("one"))
    assert uses(project, "ribo") == {"one": 2, "two": 1}


def test_rename_refuses_before_anything_is_changed(project: Project) -> None:
    for new, tables in (("ribosome", ["one"]), ("fine", ["one", "missing"]), (" ", ["one"])):
        with pytest.raises(UserError):
            rename_class(project, "ribo", new, tables)
        assert uses(project, "ribo") == {"one": 2, "two": 1}
        assert [c.name for c in project.classes] == ["ribosome", "ribo", "membrane"]


def test_delete_is_refused_while_objects_have_it(project: Project) -> None:
    with pytest.raises(UserError, match=r"used by 3 objects \(2 in one, 1 in two\)"):
        delete_class(project, "ribo")
    delete_class(project, "membrane")
    delete_class(project, "ribo", forced=True)
    assert [c.name for c in project.classes] == ["ribosome"]
    assert uses(project, "ribo") == {"one": 2, "two": 1}  # the objects keep the name


def test_merge_relabels_everywhere(project: Project) -> None:
    assert merge_classes(project, ["ribo", "membrane", "ribosome"], "ribosome") == {"one": 2, "two": 1}
    assert [c.name for c in project.classes] == ["ribosome"]
    assert uses(project, "ribosome") == {"one": 3, "two": 1, "three": 1}
    with pytest.raises(UserError, match="another class"):
        merge_classes(project, ["ribosome"], "ribosome")
