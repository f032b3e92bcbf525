"""Make the pictures of the README and the docs: a demo project, the real server, headless Chromium.

    .venv/bin/python docs/make_pictures.py

Needs requirements-dev.txt and Debian's chromium.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dashboard.app import free_port  # noqa: E402  (the path must be set first)

PICTURES = ROOT / "docs" / "pictures"
RUN = {
    "unsupervised": "tomograms: [phantom]\nclustering: gmm\nmax_neighbourhoods: 200000\n",
    "pick": "segmentations: [phantom__intensities_gmm]\nmin_size: 250\nradius: 90\n",
}


def make_project(folder: Path) -> None:
    """The demo, segmented and picked from the command line."""
    engine = [sys.executable, "-m", "engine"]
    subprocess.run([*engine, "demo", folder], cwd=ROOT, check=True, capture_output=True)
    for task, text in RUN.items():
        file = folder.parent / f"{task}.yaml"
        file.write_text(text)
        subprocess.run([*engine, "run", task, file, "-p", folder], cwd=ROOT, check=True, capture_output=True)


def take(page: Page, address: str, name: str) -> None:
    """One picture of one page, once everything on it is drawn."""
    page.goto(f"{address}/{name}")
    page.wait_for_selector("h1")
    if name in ("viewer", "unsupervised", "pick", "objects", "evaluate"):
        page.wait_for_function("globalThis.__tomodeckViewer?.lastPaint")
    page.wait_for_function("!document.body.innerText.includes('Computing …')")
    time.sleep(3)
    page.screenshot(path=PICTURES / f"{name}.png")


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "demo"
        make_project(project)
        port = free_port(8700)
        command = [sys.executable, "-m", "dashboard.app", "--no-token", "--port", str(port), "--project", str(project)]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(6)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                for view in ("viewer", "unsupervised", "pick", "objects", "evaluate"):
                    take(page, f"http://localhost:{port}", view)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
