"""A list of another program, in a browser: imported, edited, undone, filtered, exported for a third program."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from engine.objects.formats import dynamo
from engine.project import Project
from engine.volumes import write_mrc


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project", "Lists")
    (tmp_path / "tomograms").mkdir()
    random = np.random.default_rng(1)
    write_mrc(
        tmp_path / "tomograms" / "TS_01.mrc", random.normal(size=(24, 64, 80)).astype(np.float32), (10.0, 10.0, 10.0)
    )
    made.add_source(str(tmp_path / "tomograms"))
    return made


def a_list(folder: Path) -> Path:
    """As a person's own script writes it: Å, other column names, one object far outside."""
    rows = pd.DataFrame(
        {
            "position_x": [100.0, 400.0, 9000.0],
            "position_y": [200.0, 300.0, 100.0],
            "position_z": [50.0, 120.0, 60.0],
            "particle": ["ribosome", "proteasome", "ribosome"],
        }
    )
    rows.to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


def choose(page: Page, label: str, option: str) -> None:
    """Choose in a select box, by keyboard: its list may lie outside the dialog."""
    page.get_by_label(label, exact=True).last.click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_list_comes_in_and_goes_out(page: Page, start_server: Callable, project: Project, tmp_path: Path) -> None:
    server = start_server(project.root)
    page.goto(server.link)
    page.get_by_test_id("stSidebarNav").get_by_text("Objects", exact=True).click()
    expect(page.get_by_text("No objects yet")).to_be_visible()

    # Import: the columns are guessed or chosen, the unit is Å, and what lies outside is said with both numbers.
    page.get_by_role("button", name="Import").click()
    page.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(str(a_list(tmp_path)))
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("x", exact=True)).to_be_visible()
    for axis in "xyz":
        choose(page, axis, f"position_{axis}")
    choose(page, "class", "particle")
    choose(page, "Unit", "angstrom")
    expect(dialog.get_by_text("1 of 3 objects lies outside TS_01")).to_be_visible()
    expect(dialog.get_by_text("80 × 64 × 24 voxels of 10 Å")).to_be_visible()
    expect(dialog.get_by_role("button", name="Import 3 objects")).to_be_disabled()
    dialog.get_by_text("Leave out 1 object that cannot stand in the table").click()
    dialog.get_by_role("button", name="Import 2 objects").click()
    expect(page.get_by_text("2 objects imported as mine; 1 left out.")).to_be_visible()
    rows = project.table("mine").rows
    assert rows[["x", "y", "z"]].to_numpy().tolist() == [[10.0, 20.0, 5.0], [40.0, 30.0, 12.0]]

    # Edit: what it would do is said first; Undo takes it back.
    page.get_by_role("button", name="Edit", exact=True).click()
    choose(page, "Edit", "Shift")
    page.get_by_role("dialog").locator("input[type=number]").first.fill("2")
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog").get_by_text("moves 2 objects")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Shift").click()
    expect(page.get_by_text("Undo takes it back")).to_be_visible()
    assert project.table("mine").rows["x"].tolist() == [12.0, 42.0]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    assert project.table("mine").rows["x"].tolist() == [10.0, 40.0]

    # The slices follow the filter; what is selected in the table, and what is not any more, is counted at once.
    viewer = "globalThis.__tomodeckViewer"
    page.wait_for_function(f"{viewer}?.objectSets[0]?.rows.length === 2")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("group", name="Classes").get_by_role("button", name="ribosome").click()
    page.wait_for_function(f"{viewer}.objectSets[0].rows.length === 1")
    page.keyboard.press("Escape")
    selected = page.locator(".viewer .status .selected")
    gallery = page.get_by_role("listbox", name="Particles")
    gallery.get_by_role("option").first.click()
    expect(selected).to_have_text("1 selected")
    page.keyboard.press("Escape")
    expect(selected).to_have_text("")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"{viewer}.objectSets[0].rows.length === 2")
    page.keyboard.press("Escape")

    # Ctrl + Z in the gallery takes the last edit back.
    gallery.get_by_role("option").first.click()
    page.keyboard.press("r")
    expect(gallery.get_by_role("option").first).to_have_attribute("data-verdict", "rejected")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    page.keyboard.press("ControlOrMeta+z")
    expect(gallery.get_by_role("option").first).to_have_attribute("data-verdict", "")
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()

    # The grid takes the column of verdicts in and out with it.
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    verdict = page.get_by_role("grid", name="Objects").get_by_role("columnheader", name="verdict")
    page.get_by_role("button", name="Redo").click()
    expect(verdict).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(verdict).to_be_hidden()
    expect(page.get_by_text("2 objects · 1 selected · saved")).to_be_visible()
    page.wait_for_timeout(500)
    assert not faults

    # Export for Dynamo: the rule and the rows stand there before anything is written.
    page.get_by_role("button", name="Export", exact=True).click()
    choose(page, "For", "Dynamo table")
    expect(page.get_by_role("dialog").get_by_text("Orientation", exact=True)).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Export 2 objects").click()
    expect(page.get_by_text("Written:").first).to_be_visible()
    (written,) = (project.root / "exports").glob("*.tbl")
    back = dynamo.FORMAT.read(written, project.table("mine").tomograms, dynamo.FORMAT.reading())
    assert back.rows["x"].tolist() == [10.0, 40.0]
