"""The gallery with 2,000 crops of 64 px in a real browser: first pictures, and the longest frame while scrolling.

One simulated volume, cut by the real routes, shown by a page that holds nothing but the gallery
(tests/browser/gallery_page.py), in headless Chromium without a GPU. Frames are the times between animation frames while
the wheel turns from the first row to the last; an empty page scrolled in the same way tells what the machine gives.
Also opens a table of 14,000. Prints one line per claim.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.objects import ObjectTable
from engine.project import Project
from engine.volumes import write_mrc

REPOSITORY = Path(__file__).resolve().parent.parent
SHAPE = (160, 512, 512)
WHEEL = 150  # CSS pixels a turn: a row and a half
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WATCH = """() => { globalThis.frames = []; let last = performance.now();
    const tick = () => { const now = performance.now(); frames.push(now - last); last = now;
        requestAnimationFrame(tick); };
    requestAnimationFrame(tick); }"""
BLANK = """() => { const g = globalThis.__tomodeckGalleries.get("gallery");
    return [...g.cells.values()].filter((cell) => cell.picture.hidden).length; }"""


def make_project(folder: Path) -> Project:
    """One volume with 14,000 dark balls, and two tables."""
    rng = np.random.default_rng(0)
    places = rng.random((14_000, 3)) * (np.array(SHAPE) - 1)
    points = np.zeros(SHAPE, dtype=np.float32)
    np.add.at(points, tuple(np.rint(places).astype(int).T), -600.0)
    volume = gaussian_filter(points, 4) + gaussian_filter(rng.standard_normal(SHAPE, dtype=np.float32), 1) * 2
    (folder / "tomograms").mkdir()
    write_mrc(folder / "tomograms" / "simulated.mrc", volume.astype(np.float32), (10.0, 10.0, 10.0))
    project = Project.create(folder / "project")
    project.add_source(str(folder / "tomograms"))
    for count in (2000, 14_000):
        rows = pd.DataFrame(places[:count, ::-1], columns=["x", "y", "z"])
        rows = rows.assign(tomogram="simulated", id=range(1, count + 1), **{"class": "ball"})
        table = ObjectTable(rows, {"simulated": project.geometry("simulated")})
        project.tables.create(f"balls-{count}", table, {})
    return project


def first_pictures(page: Page, address: str) -> float:
    """Seconds from asking for the page to pictures in all cells in sight."""
    begun = time.perf_counter()
    page.goto(address)
    page.wait_for_function(
        f"() => globalThis.__tomodeckGalleries?.get('gallery')?.cells.size > 50 && ({BLANK})() === 0", polling=20
    )
    return time.perf_counter() - begun


def scroll(page: Page, element: str) -> list[float]:
    """Turn the wheel from top to bottom; ms of each frame."""
    page.evaluate(f"globalThis.scrolled = {element}")
    box = page.evaluate("(() => { const b = scrolled.getBoundingClientRect(); return [b.x, b.y, b.width]; })()")
    page.mouse.move(box[0] + box[2] / 2, box[1] + 200)
    page.evaluate(WATCH)
    while page.evaluate("scrolled.scrollTop + scrolled.clientHeight < scrolled.scrollHeight - 2"):
        page.mouse.wheel(0, WHEEL)
        page.wait_for_timeout(30)
    return page.evaluate("frames")


def report(what: str, frames: list[float]) -> None:
    """Median, 99 % and longest."""
    ordered = sorted(frames)
    print(
        f"{what}: median {statistics.median(ordered):.0f} ms a frame, 99 % under "
        f"{ordered[int(0.99 * (len(ordered) - 1))]:.0f} ms, longest {ordered[-1]:.0f} ms, {len(frames)} frames"
    )


def measure(folder: Path) -> None:
    """Run everything and print the claims."""
    project = make_project(folder)
    with sync_playwright() as playwright:
        for table in ("balls-2000", "balls-14000"):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            command = [sys.executable, "tests/browser/gallery_page.py", str(project.root), str(port), table]
            log = (folder / f"{table}.log").open("w")
            server = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            try:
                wait_for(port)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.set_default_timeout(120_000)
                took = first_pictures(page, f"http://127.0.0.1:{port}")
                count = int(table.split("-")[1])
                print(
                    f"{count:,} particles: page asked for to pictures in all cells in sight {took:.1f} s (server cold)"
                )
                page.wait_for_timeout(1000)
                if count > 2000:
                    page.evaluate("globalThis.__tomodeckGalleries.get('gallery').view.scrollTop = 1e9")
                    begun = time.perf_counter()
                    page.wait_for_function(f"() => ({BLANK})() === 0", polling=20)
                    print(
                        f"{count:,} particles: jump to the end, all pictures after {time.perf_counter() - begun:.2f} s"
                    )
                    continue
                frames = scroll(page, "globalThis.__tomodeckGalleries.get('gallery').view")
                begun = time.perf_counter()
                page.wait_for_function(f"() => ({BLANK})() === 0", polling=20)
                report(f"{count:,} crops of 64 px scrolled from top to bottom", frames)
                print(f"all pictures at the end {1000 * (time.perf_counter() - begun):.0f} ms after the last turn")
                page.set_content('<div id="plain" style="height: 600px; overflow: auto"><div style="height: 14500px">')
                report(
                    "an empty box of the same height scrolled alike", scroll(page, 'document.querySelector("#plain")')
                )
            finally:
                browser.close()
                server.terminate()
                server.wait(15)
                log.close()


def wait_for(port: int) -> None:
    """Until the server answers."""
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("The server did not start.")


def main() -> int:
    """Measure in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="gallery-") as name:
        measure(Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
