"""The slice viewer in a real browser: places, keys, links, layers, what stays and what is said when a file is gone."""

import re
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
BLOCK = (slice(14, 18), slice(28, 33), slice(78, 83))  # bright: centre x 80, y 30, z 15.5


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "tomograms"
    folder.mkdir()
    densities = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    densities[BLOCK] += 30
    for name in ("ts_01", "ts_02"):
        write_mrc(folder / f"{name}.mrc", densities, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(folder))
    labels = np.zeros(SHAPE, dtype=np.int8)
    labels[BLOCK] = 3
    write_mrc(made.segmentation_path("ts_01", "seg"), labels, (10.0, 10.0, 10.0))
    made.add_class("ball", 60.0)
    rows = pd.DataFrame(
        {"tomogram": "ts_01", "class": "ball", "x": [20.0, 80.0], "y": [60.0, 30.0], "z": [16.0, 16.0], "id": [1, 2]}
    )
    made.tables.create("balls", ObjectTable(rows, {"ts_01": made.geometry("ts_01")}), {})
    return made


def viewer(page: Page, expression: str) -> Any:
    """Evaluate `expression` with `v` as the viewer of the tab."""
    return page.evaluate(f"(() => {{ const v = globalThis.__tomodeckViewer; return {expression}; }})()")


def wait_until(page: Page, expression: str) -> None:
    """Wait until `expression` is true, with `v` as the viewer."""
    page.wait_for_function(
        f"(() => {{ const v = globalThis.__tomodeckViewer; return v && v.lastPaint && ({expression}); }})()"
    )


def open_at(page: Page, server: Any, query: str) -> None:
    """Open the Viewer page at a place; the first visit brings the token."""
    page.goto(server.link)
    page.goto(f"{server.address}/viewer?{query}")
    wait_until(page, "v.panes.z.shown && v.panes.x.shown && v.panes.y.shown")


def on_screen(page: Page, axis: str, u: float, v: float) -> tuple[float, float]:
    """Where the voxel in column u and row v of a plane lies in the window."""
    box = page.locator(f".pane[data-axis={axis}] canvas").bounding_box()
    assert box is not None
    at = viewer(page, f"v.panes.{axis}.toScreen({u} + 0.5, {v} + 0.5)")
    return box["x"] + at["x"], box["y"] + at["y"]


def grey_at(page: Page, axis: str, u: float, v: float) -> int:
    """Red of the canvas at a voxel."""
    return viewer(
        page,
        f"""(() => {{ const p = v.panes.{axis}, at = p.toScreen({u} + 0.5, {v} + 0.5), r = devicePixelRatio;
        return p.context.getImageData(Math.round(at.x * r), Math.round(at.y * r), 1, 1).data[0]; }})()""",
    )


def test_place_wheel_keys_zoom_and_link(page: Page, start_server: Callable, project: Project) -> None:
    server = start_server(project.root)
    open_at(page, server, "tomogram=ts_01&x=80&y=30&z=16")
    assert viewer(page, "v.position") == {"x": 80, "y": 30, "z": 16}

    # Voxels lie where they should, in all three planes.
    page.evaluate("globalThis.__tomodeckViewer.toggleOverlays(); globalThis.__tomodeckViewer.toggleCrosshair()")
    page.wait_for_timeout(200)
    for axis, u, v in (("z", 80, 30), ("x", 30, 16), ("y", 80, 16)):
        assert grey_at(page, axis, u, v) > 240, axis
    for axis, u, v in (("z", 77, 30), ("z", 83, 30), ("z", 80, 27), ("z", 80, 33), ("y", 80, 13), ("y", 80, 18)):
        assert grey_at(page, axis, u, v) < 240, (axis, u, v)
    page.evaluate("globalThis.__tomodeckViewer.toggleOverlays(); globalThis.__tomodeckViewer.toggleCrosshair()")

    # Wheel and keys change the slice without asking the page's script.
    page.evaluate(
        """() => { const v = globalThis.__tomodeckViewer, apply = v.apply.bind(v);
        globalThis.applied = 0; v.apply = (data) => { globalThis.applied++; apply(data); }; }"""
    )
    page.mouse.click(*on_screen(page, "z", 40, 50))
    assert viewer(page, "v.position") == {"x": 40, "y": 50, "z": 16}
    for _ in range(5):
        page.mouse.wheel(0, 100)
    wait_until(page, "v.position.z === 21 && v.panes.z.shown.index === 21")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+PageDown")
    wait_until(page, "v.position.z === 10 && v.panes.z.shown.index === 10")
    page.keyboard.press("Shift+PageUp")
    page.keyboard.press("Shift+PageUp")
    page.keyboard.press("Shift+PageUp")
    wait_until(page, "v.position.z === 31")  # the last slice, not beyond
    assert page.evaluate("globalThis.applied") == 0

    # Zoom keeps the voxel under the pointer; the picture cannot be pushed out of sight.
    page.keyboard.down("Control")
    for _ in range(2):
        page.mouse.wheel(0, -100)
    wait_until(page, "v.zoom > 1.2")  # from here on the picture is larger than the pane in both directions
    point = on_screen(page, "z", 40, 50)
    page.mouse.move(*point)
    page.mouse.wheel(0, -100)
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    wait_until(page, "v.zoom > 1.9")
    assert on_screen(page, "z", 40, 50) == pytest.approx(point, abs=1.5)
    for _ in range(4):
        page.mouse.move(*point)
        page.mouse.down()
        page.mouse.move(point[0] + 600, point[1] + 600)
        page.mouse.up()
    shown = viewer(page, "v.panes.z.fromScreen(v.panes.z.size.width, v.panes.z.size.height)")
    assert shown["u"] > 10 and shown["v"] > 10
    page.keyboard.press("f")
    assert viewer(page, "v.zoom") == 1

    # The address follows without the token, and a copied link opens the same place in another tab.
    page.evaluate("history.replaceState(history.state, '', location.href + '&token=secret')")
    page.mouse.click(*on_screen(page, "z", 61, 22))
    page.wait_for_function("location.search.includes('x=61&y=22&z=31')")
    assert "token" not in page.url
    other = page.context.new_page()
    other.goto(page.url)
    wait_until(other, "v.position && v.position.x === 61 && v.position.y === 22 && v.position.z === 31")
    other.close()


def test_status_layers_and_help(page: Page, start_server: Callable, project: Project) -> None:
    server = start_server(project.root)
    broken = re.compile("/viewer/layer.*segmentation")
    page.route(broken, lambda route: route.fulfill(status=500, json={"error": "The disk was away."}))
    open_at(page, server, "tomogram=ts_01&x=80&y=30&z=16")
    status = page.locator(".status")
    # A label map that failed is asked for again when the page is drawn anew.
    wait_until(page, "v.overlays.length === 1 && v.overlays[0].problem === 'The disk was away.'")
    page.unroute(broken)
    page.evaluate(
        """() => { const { contents } = globalThis.__tomodeckViewer, [o] = contents.overlays;
        const spec = { key: o.key, name: o.name, version: o.version, visible: true, classes: [] };
        contents.setOverlays([spec]); }"""
    )
    wait_until(page, "v.panes.z.shown.overlays.size === 1 && v.overlays[0].problem === null")
    page.route(re.compile("/viewer/value"), lambda route: route.abort(), times=1)  # the connection breaks off once
    page.mouse.move(*on_screen(page, "z", 81, 31))
    array = project.open_tomogram("ts_01").array
    expect(status).to_contain_text("x 81  y 31  z 16")
    expect(status).to_contain_text(f"density {float(array[16, 31, 81]):.4g}")
    page.mouse.move(*on_screen(page, "z", 80, 30))
    wanted = float(array[16, 30, 80])
    expect(status).to_contain_text("x 80  y 30  z 16")
    expect(status).to_contain_text("800, 300, 160 Å")
    expect(status).to_contain_text(f"density {wanted:.4g}")
    expect(status).to_contain_text("label 3")

    page.locator("[data-act=layers]").click()
    menu = page.get_by_role("dialog", name="Layers")
    expect(menu).to_contain_text("ball")
    menu.get_by_label("hide label 3").click()
    wait_until(page, "v.overlays[0].hidden.has(3)")
    menu.get_by_label("hide seg").click()
    wait_until(page, "v.panes.z.shown.overlays.size === 0")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    listed = page.get_by_role("dialog", name="Keyboard shortcuts").inner_text()
    assert "next or previous slice" in listed and "R, L" not in listed  # objects cannot be changed on this page
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    assert viewer(page, "v.large") == "x"
    page.keyboard.press("h")
    expect(page.locator(".pane[data-axis=z]")).to_be_hidden()
    page.keyboard.press("]")
    wait_until(page, "v.panes.x.shown.base.slab === 3")

    # Keys are the page's again when another field has the focus.
    page.get_by_role("combobox").first.focus()
    page.keyboard.press("1")
    assert viewer(page, "v.large") == "x"


def test_place_stays_through_pages_and_tomograms(page: Page, start_server: Callable, project: Project) -> None:
    server = start_server(project.root)
    open_at(page, server, "tomogram=ts_01&x=80&y=30&z=16")
    page.mouse.click(*on_screen(page, "z", 33, 44))
    page.keyboard.press("c")
    contrast = viewer(page, "v.contrast")
    painted = page.evaluate(
        "globalThis.firstViewer = globalThis.__tomodeckViewer; globalThis.firstViewer.lastPaint.time"
    )
    menu = page.get_by_test_id("stSidebarNav")
    menu.get_by_text("Tomograms", exact=True).click()
    expect(page.locator("h1")).to_have_text("Tomograms")
    menu.get_by_text("Viewer", exact=True).click()
    expect(page.locator(".viewer")).to_be_visible()
    wait_until(page, f"v.lastPaint.time > {painted} && v === globalThis.firstViewer")
    assert viewer(page, "v.position") == {"x": 33, "y": 44, "z": 16}
    assert viewer(page, "v.contrast") == contrast
    page.wait_for_function("location.search.includes('x=33&y=44&z=16')")

    page.get_by_role("button", name="›").click()
    wait_until(page, "v.tomogram === 'ts_02' && v.lastPaint.tomogram === 'ts_02' && v.layer.key === 'tomogram:ts_02'")
    page.mouse.click(*on_screen(page, "z", 5, 6))
    page.get_by_role("button", name="‹").click()
    wait_until(page, "v.tomogram === 'ts_01' && v.layer.key === 'tomogram:ts_01' && v.position.x === 33")


def test_objects_are_found_with_keys_and_clicks(page: Page, start_server: Callable, project: Project) -> None:
    server = start_server(project.root)
    open_at(page, server, "tomogram=ts_01&x=40&y=40&z=3")
    wait_until(page, "v.objectSets.length === 1 && v.objectSets[0].rows.length === 2")
    page.locator(".viewer").focus()
    page.keyboard.press("n")
    wait_until(page, "v.selected && v.selected.id === 1 && v.position.x === 20 && v.position.z === 16")
    page.keyboard.press("n")
    wait_until(page, "v.selected.id === 2 && v.position.x === 80")
    page.keyboard.press("p")
    wait_until(page, "v.selected.id === 1")
    # A sphere of 60 Å = 6 voxels is cut 4 slices from its centre in a circle of √20 voxels, 7 slices away not at all.
    assert viewer(page, "[...v.objectSets[0].circles(v.panes.z, 20)].length") == 2
    radius = viewer(page, "[...v.objectSets[0].circles(v.panes.z, 20)][0].radius / v.panes.z.scale().unit")
    assert radius == pytest.approx(20**0.5, abs=1e-6)
    assert viewer(page, "[...v.objectSets[0].circles(v.panes.z, 23)].length") == 0
    wait_until(page, "v.panes.z.shown.index === 16")  # a click is meant for the slice that is seen
    page.mouse.click(*on_screen(page, "z", 82, 31))
    wait_until(page, "v.selected.id === 2 && v.position.x === 82")
    page.wait_for_function("globalThis.__tomodeckViewer.outbox.waiting.length === 0")  # all events were taken

    # Journeys of the page: only the answer to a click here is no journey, and only once.
    assert viewer(page, "v.selectedHere") is None
    reached = page.evaluate(
        """() => { const v = globalThis.__tomodeckViewer, [set] = v.objectSets, reached = [];
        const ask = (id) => {
          const row = set.rows.find((r) => r.id === id);
          set.spec.selected = id;
          v.applyGoto(row ? { sequence: `balls-${id}`, x: row.x, y: row.y, z: row.z } : null);
          reached.push(v.position.x);
        };
        v.moveTo({ x: 5 });
        v.editing.tell("selected", set, { id: 2 });
        for (const id of [2, 1, 2]) ask(id);
        v.moveTo({ x: 5 });
        for (const id of [2, null, 2]) ask(id);
        return reached; }"""
    )
    assert reached == [5, 20, 80, 5, 5, 80]
    page.wait_for_function("globalThis.__tomodeckViewer.outbox.waiting.length === 0")

    # Edits show at once and go to the page as events, each acknowledged.
    page.evaluate("Object.assign(globalThis.__tomodeckViewer.objectSets[0], { editable: true, activeClass: 'ball' })")
    page.mouse.move(*on_screen(page, "z", 82, 31))
    page.mouse.down()
    page.mouse.move(*on_screen(page, "z", 92, 36), steps=5)
    page.mouse.up()
    moved = viewer(page, "v.objectSets[0].rows.find((row) => row.id === 2)")
    assert (moved["x"], moved["y"], moved["z"]) == (90, 35, 16)
    page.keyboard.press("Delete")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert viewer(page, "v.objectSets[0].rows.map((row) => row.id)") == [1, None]
    assert viewer(page, "v.outbox.number") >= 3

    # What was just added has no id yet: it cannot be taken, stepped to or deleted before the page answered.
    page.mouse.click(*on_screen(page, "z", 92, 36))
    page.keyboard.press("Delete")
    page.keyboard.press("n")
    assert viewer(page, "v.selected.id") == 1
    assert viewer(page, "v.objectSets[0].rows.map((row) => row.id)") == [1, None]
    page.wait_for_function("globalThis.__tomodeckViewer.outbox.waiting.length === 0")


def test_vanished_file_is_said_in_the_viewer(page: Page, start_server: Callable, project: Project) -> None:
    server = start_server(project.root)
    open_at(page, server, "tomogram=ts_01&x=80&y=30&z=16")
    path = project.tomogram("ts_01").path
    content = path.read_bytes()
    path.unlink()
    page.locator(".viewer").focus()
    page.keyboard.press("Shift+PageUp")
    alert = page.locator(".viewer [role=alert]")
    expect(alert).to_contain_text("ts_01.mrc")
    assert viewer(page, "v.panes.z.shown !== null")  # the old picture stays
    path.write_bytes(content)
    expect(alert).to_be_hidden(timeout=15_000)
