"""The five steps of DeepFinder by a person in a browser: annotate, targets, train, segment, cluster; small phantom."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from engine.project import Project
from engine.volumes import write_mrc

SHAPE = (32, 64, 64)
CENTRES = {
    "ts_01": [(16, 14, 16), (16, 14, 48), (16, 48, 16), (16, 46, 46)],
    "ts_02": [(16, 18, 20), (16, 20, 44), (16, 40, 14), (16, 50, 50)],
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "tomograms"
    folder.mkdir()
    grid = np.stack(np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]], axis=-1)
    for number, (name, centres) in enumerate(CENTRES.items()):
        volume = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
        for centre in centres:
            volume[((grid - centre) ** 2).sum(-1) <= 25] -= 6
        write_mrc(folder / f"{name}.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(folder))
    made.add_class("ball", 50.0)
    return made


def viewer(page: Page, expression: str) -> Any:
    return page.evaluate(f"(() => {{ const v = globalThis.__tomodeckViewer; return {expression}; }})()")


def wait_until(page: Page, expression: str) -> None:
    page.wait_for_function(
        f"""(() => {{ const v = globalThis.__tomodeckViewer;
        return v && v.lastPaint && v.panes.z.shown && ({expression}); }})()"""
    )


def open_page(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
    expect(page.locator("h1")).to_have_text(name)


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")


def annotate(page: Page, centres: list[tuple[int, int, int]]) -> None:
    """Click on each ball of the tomogram that is shown."""
    wait_until(page, "v.panes.z.shown.index === 16")
    page.locator(".viewer").focus()
    page.keyboard.press("a")
    box = page.locator(".pane[data-axis=z] canvas").bounding_box()
    assert box is not None
    for _, y, x in centres:
        at = viewer(page, f"v.panes.z.toScreen({x} + 0.5, {y} + 0.5)")
        page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    wait_until(page, "v.outbox.waiting.length === 0 && v.editing.editableSet().rows.length === 4")


@pytest.mark.timeout(600)
def test_from_annotations_to_a_table(page: Page, start_server: Callable, project: Project) -> None:
    server = start_server(project.root)
    page.goto(server.link)
    for tomogram, centres in CENTRES.items():
        page.goto(f"{server.address}/annotate?tomogram={tomogram}&x=32&y=32&z=16")
        wait_until(page, f"v.tomogram === '{tomogram}' && v.layer.key === 'tomogram:{tomogram}'")
        annotate(page, centres)
    expect(page.get_by_text("8 objects in annotations")).to_be_visible()

    # Targets: seen in the frame, then written for both tomograms.
    open_page(page, "Targets")
    expect(page.get_by_text("4 objects reach into the box")).to_be_visible()
    page.get_by_role("button", name="Make 2 targets").click()
    page.get_by_role("button", name="Train a network").click(timeout=90_000)

    # Train: the second tomogram judges; two epochs.
    expect(page.locator("h1")).to_have_text("Train")
    expect(page.get_by_text("objects of each class")).to_be_visible()
    for label, value in (("Patch (voxel)", "32"), ("Batch", "2"), ("Epochs", "2"), ("Steps per epoch", "15")):
        fill(page, label, value)
    fill(page, "Steps per validation", "2")
    page.get_by_role("button", name="Train on 1 tomogram").click()
    page.get_by_role("button", name="Segment tomograms with it").click(timeout=240_000)

    # Segment: with score maps.
    expect(page.locator("h1")).to_have_text("Segment")
    page.get_by_text("Score maps", exact=True).click()
    page.get_by_role("button", name="Segment 1 tomogram").click()
    page.get_by_role("button", name="Find objects").click(timeout=120_000)

    # Cluster: every ball and nothing else.
    expect(page.locator("h1")).to_have_text("Cluster")
    expect(page.get_by_text("objects (")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Find objects in 1 segmentation").click()
    page.get_by_role("button", name="Inspect and correct them").click(timeout=90_000)
    expect(page.locator("h1")).to_have_text("Objects")

    (name,) = (n for n in project.tables.names() if n != "annotations")
    found = project.table(name).rows
    places = found[["z", "y", "x"]].to_numpy()
    for centre in CENTRES["ts_02"]:
        assert np.linalg.norm(places - np.array(centre), axis=1).min() < 3, centre
    assert set(found["class"]) == {"ball"} and found["score"].between(0, 1).all()
