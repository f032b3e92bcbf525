"""TIFF stacks: mapped or decoded page by page; voxel sizes of ImageJ and OME; real files."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile

from engine.volumes import open_volume, read_info, take_slice

DATA = np.arange(4 * 20 * 30, dtype=np.uint16).reshape(4, 20, 30)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("compression", "mapped"), [(None, True), ("zlib", False)])
def test_stack(tmp_path: Path, order: str, compression: str | None, mapped: bool) -> None:
    path = tmp_path / "t.tif"
    tifffile.imwrite(path, DATA, compression=compression, byteorder=order, photometric="minisblack")
    info = read_info(path)
    assert (info.format, info.shape, info.dtype, info.memory_mapped) == ("tiff", DATA.shape, "uint16", mapped)
    assert info.voxel_size is None
    with open_volume(path) as volume:
        assert isinstance(volume.array, np.memmap) == mapped
        np.testing.assert_array_equal(volume.read(), DATA)
        np.testing.assert_array_equal(take_slice(volume.array, "x", 7), DATA[:, :, 7])


def test_imagej_voxel_size(tmp_path: Path) -> None:
    notes = {"spacing": 1.5, "unit": "nm", "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "t.tif", DATA, imagej=True, resolution=(0.8, 0.5), metadata=notes)
    assert read_info(tmp_path / "t.tif").voxel_size == (15.0, 20.0, 12.5)
    tifffile.imwrite(tmp_path / "p.tif", DATA, imagej=True, resolution=(0.8, 0.5), metadata={"unit": "pixel"})
    assert read_info(tmp_path / "p.tif").voxel_size is None


def test_ome_voxel_size(tmp_path: Path) -> None:
    notes = {"axes": "ZYX", "PhysicalSizeX": 1.3, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 14.0}
    notes |= {"PhysicalSizeYUnit": "Å", "PhysicalSizeZ": 0.0015, "PhysicalSizeZUnit": "µm"}
    tifffile.imwrite(tmp_path / "t.ome.tif", DATA, ome=True, metadata=notes)
    assert read_info(tmp_path / "t.ome.tif").voxel_size == (15.0, 14.0, 13.0)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_single_image_and_leading_axes(tmp_path: Path, compression: str | None) -> None:
    for shape in ((20, 30), (1, 1, 4, 20, 30)):
        data = DATA.ravel()[: int(np.prod(shape))].reshape(shape)
        tifffile.imwrite(tmp_path / "t.tif", data, compression=compression, metadata=None, photometric="minisblack")
        with open_volume(tmp_path / "t.tif") as volume:
            assert volume.shape == (1, 20, 30) if len(shape) == 2 else (4, 20, 30)
            np.testing.assert_array_equal(volume.read(), data.reshape(volume.shape))


def test_many_threads_slice_one_compressed_stack(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 9, (32, 50, 60)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "t.tif", data, compression="zlib", photometric="minisblack")
    with open_volume(tmp_path / "t.tif") as volume, ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda z: take_slice(volume.array, "z", z), range(32)))
    np.testing.assert_array_equal(np.stack(planes), data)


def test_real_files(data_folder: Path) -> None:
    for path in sorted((data_folder / "real").glob("*.tif")):
        with open_volume(path) as volume:
            assert volume.shape in ((64, 64, 64), (96, 96, 96)) and volume.info.memory_mapped
            np.testing.assert_array_equal(volume.read(), tifffile.imread(path))
