"""Claims: training reads patches from disk and is as fast as a bare loop on patches in memory; memory stays as it is.

The bare loop holds its batches in memory and does nothing but forward, loss, backward and Adam. Ours reads patches in
worker processes, turns and normalises them, counts what is right, watches for numbers that are not finite, and tells of
progress. Both run in turns in one process with the same network, loss and batch; the median of the rounds counts.
Memory is what a process holds of its own (anonymous memory, without the pages of mapped files) at its most, with the
workers, while it trains on 1 and on 8 tomograms; it may grow by a tenth. On a GPU where there is one.
Run: `python benchmarks/training.py`. Takes some minutes on two cores.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import psutil  # noqa: E402
import torch  # noqa: E402

SPEED, GROWTH = 0.9, 1.1
SHAPE = (96, 192, 192)
PATCH, CLASSES = 24, 4
ROUNDS = 5


def write_tomograms(folder: Path, count: int) -> list[tuple[Path, Path]]:
    """Noise as float32 and a target of some labels."""
    from engine.volumes import write_mrc

    made = []
    for number in range(count):
        generator = np.random.default_rng(number)
        paths = (folder / f"{number}.mrc", folder / f"{number}_target.mrc")
        write_mrc(paths[0], generator.normal(100, 20, SHAPE).astype(np.float32), (10.0,) * 3)
        write_mrc(paths[1], (generator.random(SHAPE) * CLASSES).astype(np.int8), (10.0,) * 3)
        made.append(paths)
    return made


def batches_of(paths: list[tuple[Path, Path]], batch: int) -> object:
    from engine.training.augmentation import Augmentation
    from engine.training.patches import PatchBatches, PatchSource, PatchStream
    from engine.training.sampling import BalancedSampler, Places

    generator = np.random.default_rng(0)
    count = 500
    places = Places(
        generator.integers(0, len(paths), count),
        generator.uniform((0, 0, 0), SHAPE, (count, 3)),
        generator.integers(1, CLASSES, count),
    )
    sources = [PatchSource(str(n), density, target, 100.0, 20.0) for n, (density, target) in enumerate(paths)]
    stream = PatchStream(sources, BalancedSampler(places, [SHAPE] * len(paths), PATCH, 13, 0.15))
    return PatchBatches(stream, None, PATCH, batch, np.arange(CLASSES), "tomogram", Augmentation("all axes"))


def network_and_loss() -> tuple[torch.nn.Module, torch.nn.Module]:
    from engine.networks.registry import build_network
    from engine.training.losses import build_loss

    return build_network("deepfinder", CLASSES), build_loss("tversky", CLASSES)


def bare_loop(batches: object, steps: int, device: str) -> float:
    """Seconds per step on batches that lie in memory."""
    from engine.training.patches import Request

    network, loss = network_and_loss()
    network = network.to(device)
    held = [tuple(part.to(device) for part in batches.make(Request(0, 0, step))) for step in range(steps)]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    began = 0.0
    for number, (density, channels) in enumerate([held[0], *held]):
        if number == 1:  # the first one chooses algorithms
            finish(device)
            began = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        loss(network(density), channels).backward()
        optimiser.step()
    finish(device)
    return (time.perf_counter() - began) / steps


def our_loop(batches: object, steps: int, device: str) -> float:
    """Seconds per step of ours: of an epoch after a first one of a step, in which workers start."""
    from engine.training.loop import LoopSettings, Outlet, train_network

    network, loss = network_and_loss()
    seen: list[float] = []
    outlet = Outlet(on_step=lambda epoch, step, value: seen.append(time.perf_counter()))
    settings = LoopSettings(epochs=1, steps=steps + 1, learning_rate=1e-4, workers=2, device=device)
    train_network(network, loss, batches, settings, outlet)
    return (seen[-1] - seen[0]) / (len(seen) - 1) if device == "cpu" else _on_gpu(seen, steps)


def _on_gpu(seen: list[float], steps: int) -> float:
    """There losses are asked for eight at a time."""
    return (seen[-1] - seen[7]) / (steps + 1 - 8)


def finish(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def own_memory(process: psutil.Process) -> int:
    """Anonymous bytes of a process and its children."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            lines = Path(f"/proc/{each.pid}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
    return total


def memory_of(count: int, folder: Path) -> None:
    """Train on the first tomograms of a folder and print the most memory: done in a process of its own."""
    from engine.training.loop import LoopSettings, Outlet, train_network
    from engine.training.losses import build_loss

    paths = [(folder / f"{n}.mrc", folder / f"{n}_target.mrc") for n in range(count)]
    most, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            most[0] = max(most[0], own_memory(psutil.Process()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    settings = LoopSettings(epochs=1, steps=150, workers=2)
    network = torch.nn.Conv3d(1, CLASSES, 3, padding=1)
    train_network(network, build_loss("tversky", CLASSES), batches_of(paths, 2), settings, Outlet())
    ended.set()
    watcher.join()
    print(most[0])


def main() -> int:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch, steps = (8, 60) if device == "cuda" else (2, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_tomograms(folder, 8)
        made = batches_of(paths, batch)
        bare, ours = [], []
        for _ in range(ROUNDS):
            bare.append(bare_loop(made, steps, device))
            ours.append(our_loop(made, steps, device))
        ratio = statistics.median(bare) / statistics.median(ours)
        per_second = [1 / statistics.median(each) for each in (ours, bare)]
        print(
            f"steps per second, {device}, DeepFinder's network, {batch} patches of {PATCH}: {per_second[0]:.3g}, "
            f"of the bare loop {per_second[1]:.3g}: {ratio:.2f} (claimed at least {SPEED})",
            flush=True,
        )
        most = {}
        for count in (1, 8):
            command = [sys.executable, __file__, "--memory", str(count), name]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            most[count] = int(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    size = 5 * np.prod(SHAPE) / 1e6
    growth = most[8] / most[1]
    print(
        f"memory with 8 tomograms of {size:.0f} MB with target: {most[8] / 1e6:.0f} MB against {most[1] / 1e6:.0f} MB "
        f"with one: {growth:.2f} times (claimed at most {GROWTH})"
    )
    held = ratio >= SPEED and growth <= GROWTH
    print("The claims hold." if held else "The claims do not hold in this run.")
    return 0


if __name__ == "__main__":
    if "--memory" in sys.argv:
        memory_of(int(sys.argv[2]), Path(sys.argv[3]))
        sys.exit(0)
    sys.exit(main())
