"""Make the pictures of the README and the docs: a demo project, the real server, headless Chromium.

    .venv/bin/python docs/make_pictures.py

Needs requirements-dev.txt and Debian's chromium.
"""

import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dashboard.app import free_port  # noqa: E402  (the path must be set first)
from engine.objects import concatenate  # noqa: E402
from engine.project import Project  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
RUN = {
    "unsupervised": "tomograms: [phantom]\nclustering: gmm\nmax_neighbourhoods: 200000\n",
    "pick": "segmentations: [phantom__intensities_gmm]\nmin_size: 250\nradius: 90\n",
}
TRAINING = {
    "targets": "table: particles\n",
    "train": """
        targets: [phantom__target]
        validation: [second__target]
        objects: particles
        options: {width: 16}
        batch: 4
        epochs: 10
        steps_per_epoch: 40
        steps_per_validation: 4
        learning_rate: 0.002
        schedule: cosine
        judge_every: 2
    """,
    "segment": "tomograms: [second]\nmodel: network\nscore_maps: true\n",
    "cluster": "segmentations: [second__network]\n",
}
"""On a second phantom judges what was learnt on the first."""


def make_project(folder: Path) -> None:
    """The demo, segmented and picked from the command line."""
    subprocess.run([sys.executable, "-m", "engine", "demo", folder], cwd=ROOT, check=True, capture_output=True)
    run(folder, RUN)


def train_in(folder: Path) -> None:
    """A second phantom, a network trained on the first one, and what it finds in the second."""
    run(folder, {"simulate": "name: second\nseed: 2\n"})
    tables = Project.open(folder).tables
    truth = [tables.read(name) for name in tables.names() if name.startswith("truth")]
    every = concatenate(truth)
    particles = every.with_rows(every.rows[~every.rows["class"].isin(["gold", "vesicle", "filament"])])
    tables.create("particles", particles, {"task": "annotate"})
    run(folder, TRAINING)


def run(folder: Path, tasks: dict[str, str]) -> None:
    """Run tasks one after the other from the command line."""
    for task, text in tasks.items():
        file = folder.parent / f"{task}.yaml"
        file.write_text(textwrap.dedent(text))
        command = [sys.executable, "-m", "engine", "run", task, file, "-p", folder]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def take(page: Page, address: str, name: str, tomogram: str = "phantom", part: str = "") -> None:
    """One picture of one page, once everything on it is drawn; of a part of it that has a button."""
    page.goto(f"{address}/{name}?tomogram={tomogram}&x=128&y=128&z=64")
    page.wait_for_selector("h1")
    if part:
        page.get_by_role("radio", name=part).click()
    if name != "train":
        page.wait_for_function("globalThis.__tomodeckViewer?.lastPaint")
    page.wait_for_function("!document.body.innerText.includes('Computing …')")
    page.wait_for_function('!document.querySelector("[data-testid=stSkeleton]")')
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
                train_in(project)
                take(page, f"http://localhost:{port}", "train", part="Training")
                take(page, f"http://localhost:{port}", "cluster", "second")
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
