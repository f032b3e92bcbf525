"""Annotating in a real browser: classes, adding, moving, deleting, many at once, two tabs, many thousand objects."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from engine.objects import ObjectTable
from engine.project import Project
from engine.volumes import write_mrc

SHAPE = (32, 96, 112)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "tomograms"
    folder.mkdir()
    densities = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    write_mrc(folder / "ts_01.mrc", densities, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(folder))
    return made


def viewer(page: Page, expression: str) -> Any:
    """Evaluate `expression` with `v` as the viewer and `s` as the set of objects that can be edited."""
    return page.evaluate(
        f"""(() => {{ const v = globalThis.__tomodeckViewer, s = v.editing.editableSet(); return {expression}; }})()"""
    )


def wait_until(page: Page, expression: str) -> None:
    page.wait_for_function(
        f"""(() => {{ const v = globalThis.__tomodeckViewer; if (!v || !v.lastPaint || !v.panes.z.shown) return false;
        const s = v.editing.editableSet(); return s && ({expression}); }})()"""
    )


def heard(page: Page) -> None:
    """Wait until the page has taken in every event, and every object has its number."""
    wait_until(page, "v.outbox.waiting.length === 0 && s.rows.every((row) => row.id !== null)")


def open_page(page: Page, server: Any) -> None:
    page.goto(server.link)
    page.goto(f"{server.address}/annotate?tomogram=ts_01&x=56&y=48&z=16")
    wait_until(page, "v.position.z === 16")


def on_screen(page: Page, u: float, v: float) -> tuple[float, float]:
    box = page.locator(".pane[data-axis=z] canvas").bounding_box()
    assert box is not None
    at = viewer(page, f"v.panes.z.toScreen({u} + 0.5, {v} + 0.5)")
    return box["x"] + at["x"], box["y"] + at["y"]


def drag(page: Page, start: tuple[float, float], *places: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    for place in places:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def rows(project: Project, table: str = "annotations") -> list[tuple]:
    found = project.table(table).rows
    return [
        (c, int(x), int(y), int(z)) for c, x, y, z in zip(*(found[k] for k in ("class", "x", "y", "z")), strict=True)
    ]


def test_from_the_first_class_to_a_corrected_table(
    page: Page, start_server: Callable, project: Project, tmp_path: Path
) -> None:
    server = start_server(project.root)
    open_page(page, server)

    # No classes yet: a click says so and adds nothing.
    expect(page.get_by_text("No classes yet: add one")).to_be_visible()
    page.locator(".viewer").focus()
    page.keyboard.press("a")
    page.mouse.click(*on_screen(page, 30, 30))
    expect(page.locator(".status")).to_contain_text("No class yet")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Add a class").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("ribosome")
    dialog.get_by_label("Radius (Å)", exact=True).fill("60")
    dialog.get_by_role("button", name="Add this class").click()
    classes = page.get_by_role("listbox", name="Classes")
    expect(classes.get_by_role("option", name="ribosome, radius 60 Å, 0 here")).to_be_visible()

    # The others come from Ais' feature library.
    library = tmp_path / "feature_library.txt"
    features = [
        {"title": "membrane", "colour": [0, 0.5, 1], "box_size": 64},
        {"title": "ribosome", "colour": [1, 0, 0]},
    ]
    library.write_text(json.dumps(features))
    page.get_by_role("button", name="Import").click()
    dialog.locator("input[type=file]").set_input_files(library)
    expect(dialog.get_by_text("ribosome is a class already and stays as it is.")).to_be_visible()
    dialog.get_by_role("button", name="Import 1 class").click()
    expect(classes.get_by_role("option")).to_have_count(2)
    assert [(c.name, c.label, c.colour) for c in project.classes][1] == ("membrane", 2, "#0080ff")

    # Add mode: three clicks, the last with another class, chosen by its key; a double click in it adds one, not three.
    wait_until(page, "s.spec.classes.length === 2")  # the palette is drawn before the picture knows the new class
    page.locator(".viewer").focus()
    page.keyboard.press("a")
    page.mouse.click(*on_screen(page, 30, 30))
    page.mouse.click(*on_screen(page, 50, 30))
    page.keyboard.press("2")
    page.mouse.dblclick(*on_screen(page, 80, 60))
    heard(page)
    assert rows(project) == [("ribosome", 30, 30, 16), ("ribosome", 50, 30, 16), ("membrane", 80, 60, 16)]
    expect(classes.get_by_role("option", name="membrane")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("3 objects in annotations · saved")).to_be_visible()
    page.keyboard.press("Escape")
    assert viewer(page, "v.editing.mode") == "look"

    # Outside it a double click adds; a number key outside the picture chooses the class.
    page.locator("h1").click()
    page.keyboard.press("1")
    expect(classes.get_by_role("option", name="ribosome")).to_have_attribute("aria-selected", "true")
    wait_until(page, "s.activeClass === 'ribosome'")
    page.mouse.dblclick(*on_screen(page, 60, 80))
    heard(page)
    assert rows(project)[-1] == ("ribosome", 60, 80, 16) and len(rows(project)) == 4
    # Keys 1 to 3 with shift are still planes.
    page.keyboard.press("Shift+Digit2")
    assert viewer(page, "v.large") == "x"
    page.keyboard.press("Shift+Digit1")
    wait_until(page, "v.panes.z.size.width > 300 && v.panes.z.size.width === v.panes.z.element.clientWidth")

    # Drag one, take it back, do it again.
    drag(page, on_screen(page, 30, 30), on_screen(page, 35, 40))
    heard(page)
    assert rows(project)[0] == ("ribosome", 35, 40, 16)
    page.keyboard.press("Control+z")
    wait_until(page, "s.rows[0].x === 30")
    page.keyboard.press("Control+Shift+z")
    wait_until(page, "s.rows[0].x === 35")

    # Rectangle and lasso; ctrl+click takes one out; Delete; Undo.
    page.keyboard.down("Shift")
    drag(page, on_screen(page, 20, 20), on_screen(page, 90, 70))
    page.keyboard.up("Shift")
    wait_until(page, "v.selection.size === 3")
    expect(page.get_by_text("3 selected").last).to_be_visible()
    page.keyboard.down("Control")
    page.mouse.click(*on_screen(page, 50, 30))
    page.keyboard.up("Control")
    assert viewer(page, "[...v.selection.ids].sort()") == [1, 3]
    page.keyboard.press("Escape")
    assert viewer(page, "v.selection.size") == 0
    page.get_by_role("button", name="select by a lasso").click()
    drag(page, on_screen(page, 25, 20), on_screen(page, 60, 22), on_screen(page, 60, 38), on_screen(page, 40, 52))
    wait_until(page, "[...v.selection.ids].sort().join() === '1,2'")  # 3 is outside the lasso, 4 is below it
    page.keyboard.press("Escape")
    page.keyboard.press("Delete")
    heard(page)
    assert [row[1] for row in rows(project)] == [80, 60]
    page.get_by_role("button", name="Undo").click()
    wait_until(page, "s.rows.length === 4")
    # What a slice farther away does not cut is not selected either.
    page.locator(".viewer").focus()
    page.keyboard.press("Shift+PageUp")
    page.keyboard.press("Shift+PageUp")
    wait_until(page, "v.panes.z.shown.index === 31")
    page.keyboard.down("Shift")
    drag(page, on_screen(page, 5, 5), on_screen(page, 100, 90))
    page.keyboard.up("Shift")
    assert viewer(page, "v.selection.size") == 0

    # Another table, named here, begins empty.
    chooser = page.get_by_role("combobox", name="Table")
    chooser.fill("second")
    chooser.press("Enter")
    wait_until(page, "s.key === 'table:second' && s.rows.length === 0")
    page.mouse.dblclick(*on_screen(page, 40, 40))
    heard(page)
    assert rows(project, "second") == [("ribosome", 40, 40, 31)] and len(rows(project)) == 4


def test_two_tabs_lose_nothing_of_each_other(page: Page, start_server: Callable, project: Project) -> None:
    project.add_class("ribosome", 60.0)
    points = pd.DataFrame({"tomogram": "ts_01", "class": "ribosome", "x": [30.0, 60.0], "y": 40.0, "z": 16.0})
    project.tables.create("annotations", ObjectTable(points, {"ts_01": project.geometry("ts_01")}), {})
    server = start_server(project.root)
    open_page(page, server)
    other = page.context.new_page()
    open_page(other, server)
    for tab in (page, other):
        wait_until(tab, "s.rows.length === 2")

    # Both work on what they saw: different objects are joined, and that is said.
    drag(other, on_screen(other, 30, 40), on_screen(other, 30, 60))
    heard(other)
    page.mouse.dblclick(*on_screen(page, 90, 80))
    expect(page.get_by_text("1 object changed elsewhere meanwhile")).to_be_visible()
    heard(page)
    assert rows(project) == [("ribosome", 30, 60, 16), ("ribosome", 60, 40, 16), ("ribosome", 90, 80, 16)]
    assert project.tables.names() == ["annotations"]

    # The same object moved in both: both tables are kept, and either can be opened.
    drag(page, on_screen(page, 60, 40), on_screen(page, 70, 40))
    heard(page)
    drag(other, on_screen(other, 60, 40), on_screen(other, 50, 40))
    expect(other.get_by_text("your version was kept as annotations-edited")).to_be_visible()
    assert rows(project)[1] == ("ribosome", 70, 40, 16)
    assert rows(project, "annotations-edited") == [("ribosome", 30, 60, 16), ("ribosome", 50, 40, 16)]
    wait_until(other, "s.key === 'table:annotations-edited'")
    other.get_by_role("button", name="Open annotations", exact=True).click()
    wait_until(other, "s.key === 'table:annotations' && s.rows.length === 3 && s.rows[1].x === 70")
    other.close()


def test_of_many_objects_the_right_ones_are_drawn(page: Page, start_server: Callable, project: Project) -> None:
    count = 20_000
    rng = np.random.default_rng(1)
    for name, radius in (("small", 15.0), ("large", 70.0), ("hidden", 40.0)):
        project.add_class(name, radius)
    points = pd.DataFrame({"tomogram": "ts_01", "class": rng.choice(["small", "large", "hidden"], count)})
    for axis, length in zip("zyx", SHAPE, strict=True):
        points[axis] = rng.uniform(-0.5, length - 0.5, count)
    project.tables.create("annotations", ObjectTable(points, {"ts_01": project.geometry("ts_01")}), {})
    server = start_server(project.root)
    open_page(page, server)
    wait_until(page, f"s.rows.length === {count}")
    # Against the plain definition: every row looked at, the sphere of its class cut by the slice.
    plain = """(axis, index) => s.rows.filter((row) => row.class !== "hidden"
        && Math.abs(row[axis] - index) < { small: 1.5, large: 7 }[row.class])
        .map((row) => row.id).sort((a, b) => a - b)"""
    drawn = """(axis, index) =>
        [...s.circles(v.panes[axis], index)].map((c) => c.row.id).sort((a, b) => a - b)"""
    viewer(page, "s.toggle('hidden')")
    for axis, index in (("z", 0), ("z", 16), ("z", 31), ("y", 50), ("x", 111)):
        same = f"JSON.stringify(({plain})('{axis}', {index})) === JSON.stringify(({drawn})('{axis}', {index}))"
        assert viewer(page, same), (axis, index)
        assert viewer(page, f"({drawn})('{axis}', {index}).length") > 100
    # Also after rows were moved and added without a new index.
    viewer(page, "v.editing.drag({ set: s, row: s.rows[7] }, { x: 3, z: 31 })")
    viewer(page, "s.append({ id: 99999, class: 'large', x: 5, y: 5, z: 15 })")
    for axis, index in (("z", 16), ("z", 31), ("x", 8)):
        same = f"JSON.stringify(({plain})('{axis}', {index})) === JSON.stringify(({drawn})('{axis}', {index}))"
        assert viewer(page, same), (axis, index)
    assert viewer(page, f"({drawn})('z', 16).includes(99999)")
