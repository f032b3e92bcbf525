"""Slices of a large tomogram in a real browser: how long from a turn of the wheel to the painted slice.

Makes a 500 × 1440 × 1024 float32 MRC, serves it with the real server, scrubs 60 slices with wheel events in headless
Chromium, on this machine and through a proxy of 30 ms round trip and 50 Mbit/s, and compares with a plotly heatmap of
the same slice in the same browser (data in the page already, so that only drawing counts). Prints one line per claim.
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import plotly
import plotly.graph_objects as go
from playwright.sync_api import Page, sync_playwright
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.project import Project

REPOSITORY = Path(__file__).resolve().parent.parent
SHAPE = (500, 1440, 1024)
SLICES = 60
PAUSE_MS = 40
ROUND_TRIP_S = 0.030
BYTES_PER_S = 50e6 / 8
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def make_tomogram(path: Path) -> None:
    """Noise and blobs, written chunk by chunk: 2.9 GB."""
    generator = np.random.default_rng(1)
    blobs = np.zeros(SHAPE[1:], dtype=np.float32)
    for _ in range(400):
        blobs[generator.integers(SHAPE[1]), generator.integers(SHAPE[2])] = -900.0
    blobs = gaussian_filter(blobs, 6)
    noise = gaussian_filter(generator.standard_normal((SHAPE[1] + 64, SHAPE[2] + 64)).astype(np.float32), 0.7) * 2
    with mrcfile.new_mmap(path, shape=SHAPE, mrc_mode=2) as volume:
        volume.voxel_size = 7.84
        for z in range(SHAPE[0]):
            # One field of noise, shifted: fresh noise for each of 500 slices would take longer than all that is timed.
            row, column = (z * 7) % 64, (z * 13) % 64
            volume.data[z] = noise[row : row + SHAPE[1], column : column + SHAPE[2]] + np.roll(blobs, 3 * z, axis=1)


class SlowLink:
    """A TCP proxy that delays every byte by half a round trip each way and limits the rate of each direction."""

    def __init__(self, target: int):
        self.target = target
        self.port = _free_port()
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True).start()
        ready.wait(10)

    async def _serve(self, ready: threading.Event) -> None:
        self.free_at = {"up": 0.0, "down": 0.0}  # when the wire of each direction has sent all it was given
        server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        ready.set()
        async with server:
            await server.serve_forever()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(
            self._carry(reader, forth, "up"), self._carry(back, writer, "down"), return_exceptions=True
        )

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str) -> None:
        wire: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def deliver() -> None:
            piece = b"begin"
            while piece:
                due, piece = await wire.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                sink.write(piece)
                await sink.drain()
            sink.close()

        delivering = asyncio.create_task(deliver())
        piece = b"begin"
        try:
            while piece and not delivering.done():
                piece = await source.read(16384)
                now = time.monotonic()
                self.free_at[way] = max(self.free_at[way], now) + len(piece) / BYTES_PER_S
                await wire.put((self.free_at[way] + ROUND_TRIP_S / 2, piece))
                # Hold the sender back as a full wire would, so that given-up requests leave little behind.
                await asyncio.sleep(max(0.0, self.free_at[way] - now - 0.02))
            await delivering
        finally:
            delivering.cancel()
            sink.close()


def scrub(page: Page) -> tuple[list[float], float]:
    """Scrub through slices; ms from each wheel event to its slice on the canvas, and ms to full resolution after."""
    page.evaluate(
        """() => { const viewer = globalThis.__tomodeckViewer; globalThis.paints = [];
        const painted = viewer.painted.bind(viewer);
        viewer.painted = (pane) => {
            painted(pane);
            if (pane.axis === "z") globalThis.paints.push({...viewer.lastPaint});
        };
        globalThis.wheels = [];
        const note = (event) => globalThis.wheels.push([viewer.position.z, event.timeStamp]);
        viewer.root.addEventListener("wheel", note, true); }"""
    )
    box = page.locator(".pane[data-axis=z] canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    for _ in range(SLICES):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(PAUSE_MS)
    page.wait_for_function(
        """() => { const v = globalThis.__tomodeckViewer, p = globalThis.paints.at(-1);
        return p && p.index === v.position.z && p.step === 1; }""",
        polling=10,
    )
    wheels, paints = page.evaluate("[globalThis.wheels, globalThis.paints]")
    waits = []
    for before, turned in wheels:
        shown = [p["time"] for p in paints if p["index"] == before + 1 and p["time"] >= turned]
        waits.append(min(shown) - turned if shown else float("nan"))
    last_index, last_turn = wheels[-1][0] + 1, wheels[-1][1]
    full = min(p["time"] for p in paints if p["index"] == last_index and p["step"] == 1)
    return waits, full - last_turn


def heatmap(page: Page, plane: np.ndarray) -> float:
    """Ms to draw the slice as a plotly heatmap: the data are in the page already, so transfer is not even counted."""
    page.set_content("<div id=plot style='width:900px;height:800px'></div>")
    page.add_script_tag(path=str(Path(plotly.__file__).parent / "package_data" / "plotly.min.js"))
    figure = json.loads(go.Figure(go.Heatmap(z=plane.round(3).tolist(), colorscale="gray")).to_json())
    times = [
        page.evaluate(
            """async (figure) => { const begun = performance.now();
            await Plotly.newPlot("plot", figure.data, figure.layout);
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            return performance.now() - begun; }""",
            figure,
        )
        for _ in range(3)
    ]
    return statistics.median(times)


def open_viewer(page: Page, port: int) -> None:
    """Open the Viewer page and wait for its first slice."""
    page.goto(f"http://localhost:{port}/viewer?tomogram=large&x=512&y=700&z=100")
    page.wait_for_function("!!globalThis.__tomodeckViewer?.lastPaint", timeout=60_000, polling=10)


def measure(folder: Path) -> None:
    """Run everything and print the claims."""
    (folder / "tomograms").mkdir(exist_ok=True)
    if not (folder / "tomograms" / "large.mrc").exists():
        make_tomogram(folder / "tomograms" / "large.mrc")
        Project.create(folder / "project").add_source(str(folder / "tomograms"))
    port = _free_port()
    command = [sys.executable, "-m", "dashboard.app", "--port", str(port), "--project", str(folder / "project")]
    log = (folder / "server.log").open("w")
    server: subprocess.Popen[bytes] | None = None
    try:
        with sync_playwright() as playwright:

            def browse(task: Callable[[Page], None]) -> None:
                with tempfile.TemporaryDirectory() as profile:
                    context = playwright.chromium.launch_persistent_context(
                        profile, executable_path="/usr/bin/chromium", headless=True, args=CHROMIUM,
                        viewport={"width": 1440, "height": 900},
                    )  # fmt: skip
                    task(context.new_page())
                    context.close()

            local: list[float] = []
            slow: list[float] = []

            def on_this_machine(page: Page) -> None:
                nonlocal server
                begun = time.perf_counter()
                server = subprocess.Popen([*command, "--no-token"], cwd=REPOSITORY, stdout=log, stderr=log)
                _wait_for(port)
                open_viewer(page, port)
                print(f"server start to first slice on the screen: {time.perf_counter() - begun:.1f} s")
                page.wait_for_timeout(1500)
                waits, full = scrub(page)
                local.extend(waits)
                _report("on this machine", waits, full)

            def over_a_slow_link(page: Page) -> None:
                link = SlowLink(port)
                open_viewer(page, link.port)
                page.wait_for_timeout(2500)
                waits, full = scrub(page)
                slow.extend(waits)
                _report("through 30 ms and 50 Mbit/s", waits, full)

            def with_plotly(page: Page) -> None:
                with mrcfile.mmap(folder / "tomograms" / "large.mrc") as volume:
                    took = heatmap(page, np.array(volume.data[130]))
                ratio = took / statistics.median(local)
                print(f"plotly heatmap of the same slice: {took:.0f} ms, {ratio:.0f} times the viewer's median")

            browse(on_this_machine)
            browse(over_a_slow_link)
            browse(with_plotly)
    finally:
        if server is not None:
            server.terminate()
            server.wait(15)
        log.close()


def _report(where: str, waits: list[float], full: float) -> None:
    painted = [w for w in waits if w == w]
    worst = sorted(painted)[int(0.95 * (len(painted) - 1))]
    print(
        f"slice scrub {where}: median {statistics.median(painted):.0f} ms, 95 % under {worst:.0f} ms, "
        f"{len(painted)} of {len(waits)} painted, full resolution {full:.0f} ms after the last turn"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("The server did not start.")


def main() -> int:
    """Measure in a temporary folder, or in one that is named and kept."""
    parser = argparse.ArgumentParser(description="Time the slice viewer on a large tomogram.")
    parser.add_argument(
        "--folder", type=Path, help="a folder with 3 GB free, kept for the next run; default: temporary"
    )
    folder = parser.parse_args().folder
    if folder is not None:
        measure(folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="slice-scrub-") as name:
        measure(Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
