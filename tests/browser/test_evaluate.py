"""Scores in a browser: a table against a reference, and a miss one click away on the slice."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from engine.objects import ObjectTable
from engine.project import Project
from engine.volumes import write_mrc

TRUTH = [(10, 12, 14), (40, 12, 14), (10, 40, 14), (40, 40, 20)]  # x, y, z


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    volume = np.random.default_rng(5).normal(size=(32, 56, 56)).astype(np.float32)
    write_mrc(tmp_path / "data" / "ts.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    made.add_class("ball", 50.0)
    geometry = {"ts": made.geometry("ts")}
    for name, rows in (("truth", TRUTH), ("picks", [*TRUTH[:2], (11, 41, 14), (25, 26, 5)])):
        table = pd.DataFrame(rows, columns=["x", "y", "z"], dtype=float)
        table["tomogram"], table["class"] = "ts", "ball"
        made.tables.create(name, ObjectTable(table, geometry), {"task": "test"})
    return made


def test_a_miss_is_one_click_away(page: Page, start_server: Callable, project: Project) -> None:
    page.goto(start_server(project.root).link)
    page.get_by_test_id("stSidebarNav").get_by_text("Evaluate", exact=True).click()
    expect(page.locator("h1")).to_have_text("Evaluate")
    expect(page.get_by_text("Missed 1")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("False picks 1")).to_be_visible()
    expect(page.get_by_text("Matches 3")).to_be_visible()
    page.wait_for_function("globalThis.__tomodeckViewer?.lastPaint")
    lists = page.get_by_test_id("stDataFrame").locator("canvas")
    missed = page.get_by_test_id("stDataFrame").nth(1)
    expect(lists.first).to_be_visible()
    missed.scroll_into_view_if_needed()
    box = missed.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + 35 + 17)  # the box of the first row, below the heads
    page.wait_for_url(re.compile(r"x=40&y=40&z=20"))
    page.get_by_text("False picks 1").click()
    page.wait_for_timeout(1500)
    page.mouse.click(box["x"] + 16, box["y"] + 35 + 17)
    page.wait_for_url(re.compile(r"x=25&y=26&z=5"))
