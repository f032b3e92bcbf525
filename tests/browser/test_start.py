"""How the server starts, and where it listens."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from engine.project import Project

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> set[str]:
    """Addresses on which this machine listens at `port`, as the kernel writes them."""
    return {
        line.split()[1].split(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    }


def test_a_port_in_use_gives_one_sentence_and_the_next(start_server: Callable, tmp_path: Path) -> None:
    first = start_server(tmp_path / "one")
    second = start_server(tmp_path / "two", port=first.port)
    assert second.port > first.port
    assert "in use" in (tmp_path / f"server-{first.port}.log").read_text()


def test_nobody_gets_in_without_the_token(page: Page, start_server: Callable, tmp_path: Path) -> None:
    server = start_server(tmp_path / "project")
    answer = page.goto(server.address)
    assert answer is not None and answer.status == 403
    for path in ("viewer/layer?key=tomogram:x", "_stcore/health", "viewer-js/index.js", "../etc/passwd"):
        refused = page.goto(f"{server.address}/{path}")
        assert refused is not None and refused.status == 403, path
    page.goto(server.link)
    expect(page.locator("h1")).to_be_visible()
    assert "token" not in page.url
    printed = (tmp_path / f"server-{server.port}.log").read_text()
    assert printed.count("http://") == 1 and server.link in printed  # no other address: without the token it is refused


def test_foreign_hosts_and_origins_are_refused_by_the_real_server(start_server: Callable, tmp_path: Path) -> None:
    server = start_server(tmp_path / "project")
    cookie = {"Cookie": f"tomodeck-{server.port}=browser-test-token"}
    for path in ("/", "/_stcore/health", "/viewer/layer?key=x"):
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "http://localhost:1"}):
            request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers={**cookie, **headers})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=20)
            assert refused.value.code == 403, (path, headers)
    allowed = urllib.request.Request(f"http://127.0.0.1:{server.port}/_stcore/health", headers=cookie)
    assert urllib.request.urlopen(allowed, timeout=20).status == 200


def test_the_server_listens_on_loopback_only(start_server: Callable, tmp_path: Path) -> None:
    server = start_server(tmp_path / "project")
    assert listening(server.port) == {"0100007F"}


@pytest.mark.parametrize("starter", ["streamlit", "uvicorn"])
def test_a_foreign_starter_cannot_open_it_to_other_machines(starter: str, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    port = free_port()
    if starter == "streamlit":
        options = ["run", "dashboard/app.py", "--server.port", str(port), "--server.address", "0.0.0.0"]
    else:
        options = ["dashboard.app:app", "--port", str(port), "--host", "0.0.0.0"]
    environment = {**os.environ, "TOMODECK_PROJECT": str(project.root), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", starter, *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        out, _ = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 2 and "Tomodeck ends" in out
    assert listening(port) == set()


def test_the_demo_is_made_on_first_start_with_progress(page: Page, start_server: Callable, tmp_path: Path) -> None:
    """The demo's road in small: a project without tomograms follows the job that simulates one."""
    from dashboard.app import open_demo

    os.environ["TOMODECK_SLOTS"] = str(tmp_path / "slots")
    try:
        project = open_demo(tmp_path / "demo")
    finally:
        del os.environ["TOMODECK_SLOTS"]
    server = start_server(project.root)
    page.goto(server.link)
    expect(page.get_by_text(re.compile("phantom|Simulat|Placing|noise")).first).to_be_visible()
    expect(page.get_by_role("button", name="Segment without training")).to_be_visible(timeout=90_000)
    assert {t.name for t in project.tomograms()} == {"phantom"}
    assert "truth" in project.tables.names()


def test_sigterm_ends_the_server_at_once(start_server: Callable, tmp_path: Path) -> None:
    server = start_server(tmp_path / "project")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=15)
    assert time.monotonic() - began < 15
