"""A real server and a real Chromium for the browser tests; screenshots of what fails."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

expect.set_options(timeout=30_000)  # a busy machine computes a preview in ten seconds
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCREENSHOTS = ROOT / "build" / "screenshots"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@dataclass
class Server:
    """A running dashboard."""

    process: subprocess.Popen[str]
    port: int
    link: str
    environment: dict[str, str]

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a dashboard on a project; every one that was started is stopped at the end."""
    started: list[Server] = []

    def start(project: Path | None, *options: str, port: int | None = None) -> Server:
        if port is None:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "TOMODECK_SLOTS": str(tmp_path / "slots"),
            "TOMODECK_TOKEN": "browser-test-token",
            "OMP_NUM_THREADS": "1",  # threads that wait for each other make a busy machine many times slower
        }
        command = [sys.executable, "-m", "dashboard.app", "--port", str(port), *options]
        if project is not None:
            command += ["--project", str(project)]
        log = (tmp_path / f"server-{port}.log").open("w+")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)
        link = ""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            text = Path(log.name).read_text()
            found = re.search(r"http://localhost:(\d+)/\S*", text)
            if found and _answers(int(found[1])):
                link, port = found[0], int(found[1])
                break
            time.sleep(0.1)
        assert link, Path(log.name).read_text()
        server = Server(process, port, link, environment)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.3)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., BrowserContext]]:
    """Open Chromium with an empty profile; a skip with the reason where there is none, a failure under CI."""
    if not Path(CHROMIUM).exists():
        reason = f"no browser at {CHROMIUM}: install it with apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    contexts: list[BrowserContext] = []
    profiles: list[str] = []
    with sync_playwright() as playwright:

        def open_browser(width: int = 1440, height: int = 900, dark: bool = False) -> BrowserContext:
            profiles.append(tempfile.mkdtemp(prefix="tomodeck-chromium-"))
            context = playwright.chromium.launch_persistent_context(
                profiles[-1],
                executable_path=CHROMIUM,
                headless=True,
                args=FLAGS,
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                accept_downloads=True,
            )
            context.set_default_timeout(30_000)
            contexts.append(context)
            return context

        yield open_browser
        for context in contexts:
            context.close()
    for profile in profiles:
        shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def page(chromium: Callable[..., BrowserContext], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of an own browser; what it shows at the end is kept under build/screenshots."""
    context = chromium()
    page = context.pages[0] if context.pages else context.new_page()
    # Printed, so that pytest shows it beside a failure.
    page.on("console", lambda m: print("console", m.type, m.text[:500]) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: print("page error", error))
    page.on("crash", lambda _: print("the page crashed"))
    page.on("websocket", lambda socket: socket.on("close", lambda _: print("websocket closed", time.strftime("%X"))))
    yield page
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{request.node.name}.png")
    context.close()
