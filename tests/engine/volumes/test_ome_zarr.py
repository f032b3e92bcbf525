"""OME-Zarr 0.4 and 0.5: highest resolution, units, leading axes, levels by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from engine.volumes import open_volume, read_info, sample_statistics, take_slice, thumbnail

DATA = np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32)


def make(path: Path, version: str, names: str = "zyx", unit: str = "angstrom", scale: float = 7.84) -> Any:
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    leading = len(names) - 3
    for level, step in (("0", 1), ("1", 2)):
        data = DATA[::step, ::step, ::step].reshape((1,) * leading + DATA[::step, ::step, ::step].shape)
        group.create_array(level, data=data, chunks=(1,) * leading + (4, 4, 4))
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": n, "type": kinds.get(n, "space"), **({} if n in kinds else {"unit": unit})} for n in names]
    levels = [
        {
            "path": level,
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0] * leading + [scale * step] * 3},
                {"type": "translation", "translation": [0.0] * leading + [1.0, 2.0, 3.0]},
            ],
        }
        for level, step in (("0", 1), ("1", 2))
    ]
    note = [{"axes": axes, "datasets": levels}]
    if version == "0.4":
        group.attrs["multiscales"] = [{**note[0], "version": "0.4"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": note}
    return group


@pytest.mark.parametrize("names", ["zyx", "czyx", "tczyx"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_versions_and_leading_axes(tmp_path: Path, version: str, names: str) -> None:
    path = tmp_path / "t.zarr"
    make(path, version, names)
    info = read_info(path)
    assert (info.format, info.shape, info.dtype, info.dataset) == ("ome-zarr", (8, 9, 10), "float32", "0")
    assert info.voxel_size == (7.84, 7.84, 7.84) and info.origin == (1.0, 2.0, 3.0)
    assert info.size_on_disk > 1000
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(), DATA)
        np.testing.assert_array_equal(volume[3], DATA[3])
        np.testing.assert_array_equal(take_slice(volume.array, "x", 4, step=3), DATA[::3, ::3, 4])
        assert sample_statistics(volume.array).minimum == pytest.approx(float(DATA.min()))
        assert thumbnail(volume.array).shape == (9, 10)


@pytest.mark.parametrize(("unit", "factor"), [("angstrom", 1), ("nanometer", 10), ("micrometer", 10_000)])
def test_units(tmp_path: Path, unit: str, factor: float) -> None:
    make(tmp_path / "t.zarr", "0.4", unit=unit, scale=12.5 / factor)
    assert read_info(tmp_path / "t.zarr").voxel_size == (12.5, 12.5, 12.5)
    make(tmp_path / "u.zarr", "0.4", unit="parsec")
    assert read_info(tmp_path / "u.zarr").voxel_size is None


def test_another_level(tmp_path: Path) -> None:
    make(tmp_path / "t.zarr", "0.5")
    with open_volume(tmp_path / "t.zarr", "1") as volume:
        assert volume.voxel_size == (15.68, 15.68, 15.68)
        np.testing.assert_array_equal(volume.read(), DATA[::2, ::2, ::2])


def test_image_in_group_0(tmp_path: Path) -> None:
    """The layout of bioformats2raw: the images are groups of their own."""
    zarr.open_group(str(tmp_path / "t.zarr"), mode="w", zarr_format=2)
    make(tmp_path / "t.zarr" / "0", "0.4")
    assert read_info(tmp_path / "t.zarr").dataset == "0/0"
