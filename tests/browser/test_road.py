"""The main job, done by a person in a browser: from a folder of tomograms to an exported STAR file."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import starfile
from playwright.sync_api import Page, expect

from engine.jobs import list_jobs
from engine.project import Project
from engine.volumes import write_mrc


def blobs(shape: tuple[int, int, int] = (32, 96, 112)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy volume with nine dark balls, and their centres z, y, x."""
    rng = np.random.default_rng(3)
    volume = rng.normal(size=shape).astype(np.float32)
    centres = np.array([(16, y, x) for y in (18, 48, 78) for x in (18, 56, 94)])
    grid = np.stack(np.mgrid[: shape[0], : shape[1], : shape[2]], axis=-1)
    for centre in centres:
        volume[((grid - centre) ** 2).sum(-1) <= 25] -= 6
    return volume, centres


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tomograms"
    place.mkdir()
    write_mrc(place / "ts_01.mrc", blobs()[0], (10.0, 10.0, 10.0))
    (place / "broken.mrc").write_bytes(b"not a volume")
    return place


def open_page(page: Page, name: str) -> None:
    """Follow the menu."""
    page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
    expect(page.locator("h1")).to_have_text(name)


def test_from_a_folder_to_an_exported_star_file(
    page: Page, start_server: Callable, folder: Path, tmp_path: Path
) -> None:
    server = start_server(tmp_path / "project")
    page.goto(server.link)
    expect(page.get_by_role("button", name="Add tomograms")).to_be_visible()
    page.get_by_role("button", name="Add tomograms").click()

    # Tomograms: add the folder; the broken file says why.
    expect(page.get_by_text("No tomograms yet")).to_be_visible()
    page.get_by_label("Folder or pattern", exact=True).fill(str(folder))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("1 cannot be read")).to_be_visible()

    # Viewer: a slice is painted, the wheel moves through them, without a rerun of the script.
    open_page(page, "Viewer")
    page.wait_for_function("globalThis.__tomodeckViewer?.lastPaint?.axis !== undefined")
    shown = page.get_by_label("slice", exact=True)
    expect(shown).to_have_value("16")
    page.locator(".pane canvas").first.hover()
    page.mouse.wheel(0, 100)
    expect(shown).not_to_have_value("16")

    # Unsupervised: all workflows come by themselves, then the run.
    open_page(page, "Unsupervised")
    expect(page.get_by_text("6 workflows")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Segment 1 tomogram").click()
    page.get_by_role("button", name="Pick particles").click(timeout=90_000)

    # Pick: small things are left out.
    expect(page.locator("h1")).to_have_text("Pick")
    page.get_by_label("Smallest (voxel)", exact=True).fill("200")
    page.get_by_label("Smallest (voxel)", exact=True).press("Enter")
    expect(page.get_by_text("9 objects in the box")).to_be_visible()
    page.get_by_role("button", name="Pick in 1 segmentation").click()
    page.get_by_role("button", name="Inspect and correct them").click(timeout=90_000)

    # Objects: nine of them; delete one in the table, undo, delete again; export.
    expect(page.locator("h1")).to_have_text("Objects")
    expect(page.get_by_text("9 objects · saved")).to_be_visible()
    gallery = page.get_by_role("listbox", name="Particles").get_by_role("option")
    expect(gallery).to_have_count(9)
    page.get_by_title(re.compile(r"x 94 y 78 z 16$")).click()
    page.wait_for_url(re.compile(r"x=94&y=78"))  # the viewer went there, and says so in the address
    page.get_by_role("button", name="Delete 1").click()
    expect(page.get_by_text("8 objects · saved")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("9 objects · 1 selected · saved")).to_be_visible()
    page.get_by_role("button", name="Redo").click()
    expect(page.get_by_text("8 objects · saved")).to_be_visible()
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("button", name="Export 8 objects").click()
    expect(page.get_by_text("Written:").first).to_be_visible()

    # The file says, in RELION's centred Å, where the balls are: (voxel − size / 2) × 10 Å.
    written = min((tmp_path / "project" / "exports").glob("*.star"), key=lambda path: len(path.name))
    particles = starfile.read(written, always_dict=True, parse_as_string=["rlnTomoName"])["particles"]
    found = particles[[f"rlnCenteredCoordinate{axis}Angst" for axis in "ZYX"]].to_numpy()
    _, centres = blobs()
    wanted = (np.delete(centres, 8, axis=0) - np.array([32, 96, 112]) / 2) * 10
    for centre in wanted:
        assert np.linalg.norm(found - centre, axis=1).min() < 10, centre
    assert len(found) == 8


def test_a_job_goes_on_when_browser_and_server_die(
    page: Page, start_server: Callable, tmp_path: Path, chromium: Callable
) -> None:
    project = Project.create(tmp_path / "project")
    (tmp_path / "large").mkdir()
    write_mrc(tmp_path / "large" / "big.mrc", blobs((80, 160, 160))[0], (10.0, 10.0, 10.0))
    project.add_source(str(tmp_path / "large"))
    server = start_server(project.root)
    page.goto(f"{server.link}")
    open_page(page, "Unsupervised")
    page.get_by_role("button", name="Segment 1 tomogram").click()
    deadline = time.monotonic() + 30
    while not any(job.process for job in list_jobs(project.root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    server.kill()
    assert list_jobs(project.root)[0].active
    again = start_server(project.root)
    page.goto(again.link)
    open_page(page, "Jobs")
    expect(page.get_by_text("intensities_kmeans on 1 tomogram")).to_be_visible()
    expect(page.get_by_text("done", exact=True)).to_be_visible(timeout=120_000)
    assert project.segmentations("big")
