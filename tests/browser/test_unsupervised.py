"""Tuning without training in a browser: six workflows side by side, suggestions taken, limits dragged."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from engine.project import Project
from engine.volumes import write_mrc

BALLS = [(20, 14, 14), (20, 14, 42), (32, 42, 14), (32, 42, 42)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Dark balls and a fainter texture in the middle slices of a noisy volume."""
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(4)
    volume = random.normal(size=(56, 56, 56))
    z, y, x = np.indices(volume.shape)
    for c in BALLS:
        volume -= 5.0 * ((z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 < 25)
    for c in random.integers((14, 2, 2), (40, 54, 54), (150, 3)):
        volume[c[0] - 2 : c[0] + 2, c[1] - 2 : c[1] + 2, c[2] - 2 : c[2] + 2] -= 1.5
    write_mrc(tmp_path / "data" / "ts.mrc", volume.astype(np.float32), (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    return made


@pytest.fixture
def tuning(page: Page, start_server: Callable, project: Project) -> Page:
    page.goto(start_server(project.root).link)
    page.get_by_test_id("stSidebarNav").get_by_text("Unsupervised", exact=True).click()
    expect(page.get_by_role("option")).to_have_count(6, timeout=60_000)
    return page


def test_a_workflow_is_adopted_by_mouse_and_by_keyboard(tuning: Page) -> None:
    options = tuning.get_by_role("option")
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    for option in options.all():
        assert re.search(r"(picks|no picks) · [\d.e-]+ % of voxels", str(option.get_attribute("aria-label")))
    options.nth(3).click()
    expect(options.nth(3)).to_have_attribute("aria-selected", "true")
    features = tuning.get_by_role("combobox", name="Features")
    expect(features).to_have_value("gabor")
    expect(tuning.get_by_role("combobox", name="Clustering")).to_have_value("gmm")
    options.nth(3).focus()
    tuning.keyboard.press("ArrowUp")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(features).to_have_value("intensities")


def test_suggestions_are_taken_only_when_asked_for(tuning: Page) -> None:
    lower, upper = (
        tuning.get_by_label(name, exact=True) for name in ("Learn from slice (z)", "to slice, excluded (z)")
    )
    expect(tuning.get_by_text("the local variance is")).to_be_visible()
    expect(lower).to_have_value("")
    tuning.get_by_role("button", name="Learn and pick there").click()
    expect(lower).not_to_have_value("")
    assert 8 <= int(lower.input_value()) <= 16
    assert 38 <= int(upper.input_value()) <= 48
    expect(tuning.get_by_role("button", name="Learn and pick there")).to_have_count(0)
    tuning.get_by_role("button", name=re.compile("voxels apart")).click()
    tuning.get_by_text("Picks drawn").click()
    expect(tuning.get_by_role("combobox", name="Divide into particles by")).to_have_value("watershed")
    # What was taken here stands on the page Pick too.
    tuning.get_by_role("button", name="Segment 1 tomogram").click()
    tuning.get_by_role("button", name="Pick particles").click(timeout=90_000)
    expect(tuning.locator("h1")).to_have_text("Pick")
    expect(tuning.get_by_role("combobox", name="Divide into particles by")).to_have_value("watershed")
    expect(tuning.get_by_label("Radius (Å)", exact=True)).to_have_value("100.00")
    expect(tuning.get_by_label("Particle cluster (label)", exact=True)).to_have_value("1")
    expect(tuning.get_by_role("slider", name="Smallest size to keep")).to_be_visible()
    # And what is changed there stands here.
    tuning.get_by_label("Radius (Å)", exact=True).fill("60")
    tuning.get_by_label("Radius (Å)", exact=True).press("Enter")
    tuning.get_by_test_id("stSidebarNav").get_by_text("Unsupervised", exact=True).click()
    expect(tuning.locator("h1")).to_have_text("Unsupervised")
    tuning.get_by_text("Picks drawn").click()
    expect(tuning.get_by_label("Radius (Å)", exact=True)).to_have_value("60.00")


def test_limits_on_sizes_follow_drag_and_keys(tuning: Page) -> None:
    smallest = tuning.get_by_role("slider", name="Smallest size to keep")
    expect(smallest).to_have_attribute("aria-valuetext", "no limit")
    smallest.scroll_into_view_if_needed()
    box = smallest.bounding_box()
    assert box is not None
    tuning.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    tuning.mouse.down()
    tuning.mouse.move(box["x"] + 120, box["y"] + 40, steps=4)
    tuning.mouse.up()
    expect(smallest).to_have_attribute("aria-valuetext", re.compile(r"^[\d,]+ voxels$"))
    dragged = int(str(smallest.get_attribute("aria-valuenow")))
    assert dragged > 3
    tuning.get_by_text("Picks drawn").click()
    field = tuning.get_by_label("Smallest (voxel)", exact=True)
    expect(field).to_have_value(str(dragged))
    smallest.focus()
    tuning.keyboard.press("ArrowRight")
    expect(smallest).not_to_have_attribute("aria-valuenow", str(dragged))
    expect(field).to_have_value(str(smallest.get_attribute("aria-valuenow")))
