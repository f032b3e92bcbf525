"""The gallery in a real browser: scrolling, selecting, judging and relabelling by key, each thing heard once."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from engine.objects import ObjectTable
from engine.project import Project
from engine.volumes import write_mrc

COUNT = 1500
SHAPE = (40, 120, 150)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    write_mrc(tmp_path / "data" / "ts_01.mrc", rng.normal(size=SHAPE).astype(np.float32), (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    rows = pd.DataFrame({"tomogram": "ts_01", "class": "ball", "id": range(1, COUNT + 1)})
    rows[["x", "y", "z"]] = rng.random((COUNT, 3)) * (149, 119, 39)
    rows["score"] = np.arange(COUNT) / COUNT
    made.tables.create("balls", ObjectTable(rows, {"ts_01": made.geometry("ts_01")}), {})
    return made


@pytest.fixture
def gallery(page: Page, project: Project, tmp_path: Path) -> Iterator[Locator]:
    """The gallery of a page of its own, with its first pictures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("gallery_page.py")), str(project.root), str(port), "balls"]
    log = (tmp_path / "gallery.log").open("w")
    server = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        page.goto(address)
        found = page.get_by_role("listbox", name="Particles")
        expect(found.locator("#particle-1 canvas")).to_be_visible(timeout=60_000)
        yield found
    finally:
        server.terminate()
        server.wait(15)
        log.close()
        print((tmp_path / "gallery.log").read_text()[-3000:])


def particle(gallery: Locator, number: int) -> Locator:
    return gallery.locator(f"#particle-{number}:not([hidden])")


def heard(project: Project, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """What the page heard, once it is what is wanted."""
    log = project.root / "heard.jsonl"
    events: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        if wanted(events):
            return events
        time.sleep(0.1)
    raise AssertionError(events)


def settled(page: Page) -> None:
    page.wait_for_function("globalThis.__tomodeckGalleries.get('gallery').state.outbox.mine().length === 0")


def column(project: Project, name: str) -> pd.Series:
    rows = project.table("balls").rows
    return rows.set_index("id")[name] if name in rows else pd.Series("", index=rows["id"])


def test_selecting_judging_and_relabelling(page: Page, gallery: Locator, project: Project) -> None:
    counts = page.locator(".gallery .counts")
    expect(counts).to_have_text("1,500 particles")

    # What is done shows at once, and is heard in few events.
    particle(gallery, 2).click()
    for _ in range(20):
        page.keyboard.press("a")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    assert counts.inner_text() == "1,500 particles · 1 selected · ✓ 20 accepted · ✕ 1 rejected"
    expect(particle(gallery, 22)).to_have_attribute("data-verdict", "rejected")
    expect(particle(gallery, 22).locator(".verdict")).to_have_text("✕")

    def verdicts_heard(events: list[dict]) -> bool:
        return sum(len(e["ids"]) for e in events if e["type"] == "verdict") >= 21

    events = [e for e in heard(project, verdicts_heard) if e["type"] == "verdict"]
    each = [(i, e["verdict"]) for e in events for i in e["ids"]]
    assert sorted(each) == [*((i, "accepted") for i in range(2, 22)), (22, "rejected")]
    settled(page)
    assert (column(project, "verdict") == "accepted").sum() == 20

    # Shift takes a range, ctrl one more or less, a digit the class, Escape none.
    particle(gallery, 5).click()
    particle(gallery, 9).click(modifiers=["Shift"])
    particle(gallery, 7).click(modifiers=["ControlOrMeta"])
    particle(gallery, 30).click(modifiers=["ControlOrMeta"])
    page.keyboard.press("2")
    heard(project, lambda seen: any(e["type"] == "class" for e in seen))
    settled(page)
    assert column(project, "class").loc[lambda c: c == "cube"].index.tolist() == [5, 6, 8, 9, 30]
    events = heard(project, lambda seen: sorted(seen[-1]["ids"]) == [5, 6, 8, 9, 30])
    assert [e["ids"] for e in events if e["type"] == "class"] == [[5, 6, 8, 9, 30]]  # once
    expect(particle(gallery, 6)).to_have_attribute("aria-selected", "true")
    expect(particle(gallery, 7)).to_have_attribute("aria-selected", "false")
    page.keyboard.press("u")
    expect(counts).to_have_text("1,500 particles · 5 selected · ✓ 16 accepted · ✕ 1 rejected")
    page.keyboard.press("Escape")
    expect(counts).not_to_contain_text("selected")
    page.keyboard.press("ControlOrMeta+a")
    expect(counts).to_contain_text("1,500 selected")
    heard(project, lambda seen: seen[-1]["type"] == "selected" and len(seen[-1]["ids"]) == COUNT)

    # Arrows with shift, rows up and down, then Delete.
    particle(gallery, 1).click()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(counts).to_contain_text("3 selected")
    page.keyboard.press("Delete")
    expect(counts).to_contain_text("1,497 particles")
    settled(page)
    assert column(project, "class").index.min() == 4


def test_scrolling_sorting_planes_and_refusal(page: Page, gallery: Locator, project: Project) -> None:
    # Only what is in sight exists; pictures come wherever one scrolls to.
    assert gallery.get_by_role("option").count() < 200
    gallery.click(position={"x": 5, "y": 5})
    page.keyboard.press("End")
    expect(particle(gallery, COUNT).locator("canvas")).to_be_visible()
    expect(particle(gallery, 1)).to_have_count(0)
    assert gallery.get_by_role("option").count() < 200
    heard(project, lambda seen: bool(seen) and seen[-1] == {"type": "selected", "ids": [COUNT]})

    # Another order: what is selected stays selected.
    page.get_by_role("radio", name="score").click()
    page.wait_for_function("globalThis.__tomodeckGalleries.get('gallery').state.rows.id[0] === 1500")
    page.keyboard.press("Shift+Tab")
    gallery.focus()
    page.keyboard.press("Home")
    expect(particle(gallery, COUNT).locator("canvas")).to_be_visible()
    expect(particle(gallery, COUNT)).to_have_attribute("aria-selected", "true")

    # Three planes: the old picture stays until the new one is there.
    gone = """() => { const cell = globalThis.__tomodeckGalleries.get('gallery').cells.get(1500);
        globalThis.blank = false;
        const look = () => { if (cell.picture.hidden) globalThis.blank = true; requestAnimationFrame(look); };
        look(); }"""
    page.evaluate(gone)
    page.get_by_role("radio", name="zyx").click()
    page.wait_for_function(
        """() => { const p = globalThis.__tomodeckGalleries.get('gallery').cells.get(1500).picture;
        return p.width === 3 * p.height; }"""
    )
    assert page.evaluate("globalThis.blank") is False
    width, height = (particle(gallery, COUNT).bounding_box() or {})["width"], 88
    assert width == 3 * height

    # Edits that the page refuses go back to what the table says; heard through a callback as well.
    page.get_by_text("Use a callback").click()
    page.get_by_text("Refuse edits").click()
    page.wait_for_timeout(500)
    particle(gallery, COUNT - 1).click()
    page.keyboard.press("a")
    expect(particle(gallery, COUNT - 1)).to_have_attribute("data-verdict", "accepted")
    expect(particle(gallery, COUNT - 1)).to_have_attribute("data-verdict", "")
    verdicts = [e for e in heard(project, lambda seen: seen[-1]["type"] != "class") if e["type"] == "verdict"]
    assert verdicts == [{"type": "verdict", "ids": [COUNT - 1], "verdict": "accepted"}]


def test_a_tomogram_that_is_gone_is_said(page: Page, gallery: Locator, project: Project, tmp_path: Path) -> None:
    (tmp_path / "data" / "ts_01.mrc").unlink()
    page.get_by_role("radio", name="zyx").click()  # pictures that were not cut before
    expect(page.locator(".gallery .notice")).to_contain_text("ts_01")
    expect(gallery).to_be_visible()
