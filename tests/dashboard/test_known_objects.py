"""The table that is offered first as known objects."""

import os
from pathlib import Path

from dashboard.widgets.known_objects import known_objects
from engine.objects import empty_table
from engine.project import Project


def test_the_newest_that_no_search_made(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    assert known_objects(project) == ""
    for age, (name, task) in enumerate(
        [("found", "cluster"), ("second", "annotate"), ("first", "import"), ("p", "pick")]
    ):
        project.tables.create(name, empty_table(), {"task": task})
        os.utime(project.tables.path(name), (1_000_000 - age, 1_000_000 - age))
    assert known_objects(project) == "second"
    os.utime(project.tables.path("first"))
    assert known_objects(project) == "first"
