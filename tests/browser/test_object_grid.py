"""The grid of the page Objects in a browser: filter, order, selection, cells; each edit saved, each refusal said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from engine.objects import ObjectTable, filter_by, sort_by
from engine.objects.review import set_verdict
from engine.project import Project
from engine.volumes import write_mrc

COUNT = 600
STATE = "[...globalThis.__tomodeckGrids.values()].at(-1).state"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(0)
    made = Project.create(tmp_path / "project")
    for name in ("ts_2", "ts_10"):
        write_mrc(
            tmp_path / "data" / f"{name}.mrc", random.normal(size=(20, 60, 70)).astype(np.float32), (10.0, 10.0, 10.0)
        )
    made.add_source(str(tmp_path / "data"))
    rows = pd.DataFrame({"id": range(1, COUNT + 1), "tomogram": random.choice(["ts_2", "ts_10"], COUNT)})
    rows["class"] = random.choice(["ball", "cube", "rod"], COUNT, p=[0.6, 0.3, 0.1])
    rows[["x", "y", "z"]] = (random.random((COUNT, 3)) * (69, 59, 19)).round(2)
    rows["size"] = random.integers(1, 40, COUNT)
    rows["score"] = random.random(COUNT)
    rows.loc[::7, "score"] = np.nan
    rows["figure of merit"] = random.integers(0, 5, COUNT)
    geometry = {name: made.geometry(name) for name in ("ts_2", "ts_10")}
    table = set_verdict(ObjectTable(rows, geometry), range(1, 40), "rejected")
    made.tables.create("things", table, {})
    return made


@pytest.fixture
def grid(page: Page, project: Project, start_server: Callable) -> Locator:
    server = start_server(project.root)
    page.goto(server.link)
    page.get_by_test_id("stSidebarNav").get_by_text("Objects", exact=True).click()
    found = page.get_by_role("grid", name="Objects")
    expect(line(page)).to_have_text(f"{COUNT} objects · saved")
    return found


def line(page: Page) -> Locator:
    return page.locator(".grid .foot [role=status]")


def shown(page: Page) -> list[int]:
    """The ids in the order of the grid."""
    return page.evaluate(f"() => Array.from({STATE}.order, place => {STATE}.ids[place])")


def row(grid: Locator, number: int) -> Locator:
    """A row by its place from 1, below the head."""
    return grid.locator(f"[aria-rowindex='{number + 1}']")


def test_filter_and_order_are_those_of_the_server(page: Page, grid: Locator, project: Project) -> None:
    table = project.table("things")
    for name in ("class", "tomogram", "score", "size", "figure of merit"):
        head = grid.get_by_role("columnheader", name=name)
        head.scroll_into_view_if_needed()
        for falling in (False, True):
            head.click()
            expected = sort_by(table, name, descending=falling).rows["id"].tolist()
            if name == "tomogram":  # the server's order is by letters; here ts_2 comes before ts_10
                expected = sort_by(table, name, descending=not falling).rows["id"].tolist()
            assert shown(page) == expected
        head.click()
        assert shown(page) == table.rows["id"].tolist()

    page.get_by_role("button", name="Filter").click()
    panel = page.get_by_role("dialog", name="Filter")
    panel.get_by_role("button", name="ball").click()
    panel.get_by_role("button", name="rod").click()
    expected = filter_by(table, classes=["ball", "rod"])
    assert shown(page) == expected.rows["id"].tolist()
    panel.get_by_label("Least size (voxel)").fill("10")
    panel.get_by_label("Most score").fill("0.5")
    panel.get_by_role("button", name="undecided").click()
    panel.get_by_role("button", name="ts_10").click()
    expected = filter_by(
        table, classes=["ball", "rod"], size=(10, None), score=(None, 0.5), verdicts=["undecided"], tomograms=["ts_10"]
    )
    assert 0 < len(expected) < COUNT and shown(page) == expected.rows["id"].tolist()
    expect(line(page)).to_have_text(f"{len(expected)} objects of {COUNT} · saved")
    # The server filters alike: the gallery shows what it was given.
    expect(page.locator(".gallery .counts")).to_contain_text(f"{len(expected)} particles")
    expect(page.get_by_role("button", name="Filter (5)")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()

    page.get_by_role("button", name=f"Keep these {len(expected)}").click()
    expect(line(page)).to_have_text(f"{len(expected)} objects · saved")
    assert project.table("things").rows["id"].tolist() == expected.rows["id"].tolist()
    page.get_by_role("button", name="Undo").click()
    expect(line(page)).to_have_text(f"{len(expected)} objects of {COUNT} · saved")
    page.get_by_role("button", name="Filter (5)").click()
    page.get_by_role("button", name="Show all").click()
    expect(line(page)).to_have_text(f"{COUNT} objects · saved")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_rows_are_selected_by_mouse_and_keys_and_everywhere(page: Page, grid: Locator, project: Project) -> None:
    row(grid, 3).click()
    row(grid, 5).click(modifiers=["Shift"])
    row(grid, 4).click(modifiers=["ControlOrMeta"])
    expect(line(page)).to_contain_text("2 selected")
    expect(page.locator(".gallery .counts")).to_contain_text("2 selected")
    page.keyboard.press("End")
    expect(row(grid, COUNT)).to_have_attribute("aria-selected", "true")
    expect(line(page)).to_contain_text("1 selected")
    expect(page.locator(".gallery .counts")).to_contain_text("1 selected")
    # What is selected in the gallery is shown in the grid.
    page.get_by_role("listbox", name="Particles").focus()
    page.keyboard.press("Home")
    expect(grid.locator("#object-1")).to_have_attribute("aria-selected", "true")
    page.wait_for_function("grid => grid.scrollTop === 0", arg=grid.element_handle())
    grid.focus()
    page.keyboard.press("ControlOrMeta+a")
    expect(page.get_by_role("button", name=f"Delete {COUNT}")).to_be_enabled()
    expect(grid.get_by_label("Select all that are shown")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()


def test_cells_are_edited_and_each_edit_is_saved(page: Page, grid: Locator, project: Project) -> None:
    def column(name: str, object_id: int) -> object:
        rows = project.table("things").rows
        return rows.loc[rows["id"] == object_id, name].item()

    cell = row(grid, 2).get_by_role("gridcell")
    cell.nth(2).dblclick()
    page.keyboard.type("12.5")
    page.keyboard.press("Tab")  # on to y
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(cell.nth(2)).to_have_text("12.50")
    expect(cell.nth(3)).to_have_text("7.00")
    expect(line(page)).to_contain_text("· saved")
    assert (column("x", 2), column("y", 2)) == (12.5, 7.0)

    cell.nth(1).dblclick()
    page.keyboard.type("shell")
    page.keyboard.press("Enter")
    expect(cell.nth(1)).to_have_text("shell")
    expect(line(page)).to_contain_text("· saved")
    assert column("class", 2) == "shell"

    # What is no number is not taken, and Escape leaves everything as it was.
    cell.nth(4).dblclick()
    page.keyboard.type("deep")
    page.keyboard.press("Enter")
    expect(page.get_by_text("z: deep is not a number.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("z: deep is not a number.")).to_be_hidden()
    cell.nth(0).dblclick()
    expect(page.get_by_text("id cannot be edited here.")).to_be_visible()

    page.keyboard.press("ControlOrMeta+z")
    expect(cell.nth(1)).not_to_have_text("shell")
    expect(line(page)).to_contain_text("· saved")
    assert column("class", 2) != "shell" and column("x", 2) == 12.5
    page.keyboard.press("Delete")
    expect(line(page)).to_have_text(f"{COUNT - 1} objects · saved")
    assert project.table("things").rows["id"].tolist()[:3] == [1, 3, 4]
    page.get_by_role("button", name="Undo").click()
    expect(line(page)).to_contain_text(f"{COUNT} objects")


def test_an_edit_that_the_server_refuses_is_taken_back(page: Page, grid: Locator, project: Project) -> None:
    # Deleted in another tab meanwhile: the number that is typed here belongs to nothing any more.
    table, version = project.tables.read_version("things")
    cell = row(grid, 1).get_by_role("gridcell")
    before = cell.nth(2).inner_text()
    cell.nth(2).dblclick()
    expect(page.locator(".gallery .counts")).to_contain_text("1 selected")  # the page has drawn the table for it
    project.tables.save("things", table.with_rows(table.rows[1:].assign(x=table.rows["x"][1:])), version)
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("kept as things-edited")).to_be_visible()
    assert float(before) != 3.0
    assert project.table("things-edited").rows["x"].tolist()[0] == 3.0  # what was typed is not lost
    expect(line(page)).to_contain_text(f"{COUNT} objects")  # that table is shown now
