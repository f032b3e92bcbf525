"""Listing 1,000 tomograms by their headers, against opening each one whole with mrcfile.

Prints one line: seconds for both ways, measured in this run, and their ratio.
"""

import sys
import tempfile
import time
from pathlib import Path

import mrcfile
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.volumes import list_volume_files, read_info, write_mrc

COUNT = 1000
SHAPE = (32, 64, 64)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
        for number in range(COUNT):
            write_mrc(folder / f"ts_{number}.mrc", data, (10.0, 10.0, 10.0))

        start = time.perf_counter()
        infos = [read_info(path) for path in list_volume_files(folder)]
        headers = time.perf_counter() - start
        assert len(infos) == COUNT and all(info.shape == SHAPE for info in infos)

        start = time.perf_counter()
        for path in sorted(folder.glob("*.mrc")):
            with mrcfile.open(path) as mrc:
                assert mrc.data.shape == SHAPE and float(mrc.voxel_size.x) == 10.0
        whole = time.perf_counter() - start

    print(
        f"listing {COUNT} tomograms of {SHAPE[2]} × {SHAPE[1]} × {SHAPE[0]}: {headers:.3f} s by header, "
        f"{whole:.3f} s opened whole with mrcfile, {whole / headers:.1f} times faster"
    )


if __name__ == "__main__":
    main()
