"""HDF5 layouts of DeepFinder, PickET and EMAN2; memory map or h5py; writing."""

import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from engine.volumes import list_hdf5_volumes, open_volume, read_info, take_slice, write_hdf5

DATA = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


def test_deepfinder(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["dataset"] = DATA.astype(np.int8)
        file["other"] = DATA
    info = read_info(tmp_path / "t.h5")
    assert (info.format, info.dataset, info.shape, info.dtype) == ("hdf5", "dataset", (3, 4, 5), "int8")
    assert info.voxel_size is None and "no voxel size" in info.warnings[0]


def test_picket(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        group = file.create_group("segmentations")
        group["semantic_segmentation"] = DATA.astype(np.int64)
        group["instance_segmentation"] = DATA.astype(np.int64)
        group.attrs["voxel_size"] = [7.84, 7.85, 7.86]
        group.attrs["tomogram_shape"] = "None"
    info = read_info(tmp_path / "t.h5")
    assert info.dataset == "segmentations/semantic_segmentation"
    assert info.voxel_size == (7.84, 7.85, 7.86)
    assert read_info(tmp_path / "t.h5", "segmentations/instance_segmentation").dtype == "int64"


@pytest.mark.parametrize("wrap", [float, lambda value: [value]])
def test_eman2(tmp_path: Path, wrap) -> None:
    with h5py.File(tmp_path / "t.hdf", "w") as file:
        group = file.create_group("MDF/images/0")
        group["image"] = DATA
        for axis, value in zip("xyz", (2.0, 3.0, 4.0), strict=True):
            group.attrs[f"EMAN.apix_{axis}"] = wrap(value)
    info = read_info(tmp_path / "t.hdf")
    assert info.dataset == "MDF/images/0/image"
    assert info.voxel_size == (4.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("options", "mapped"), [({}, True), ({"chunks": (1, 2, 5)}, False), ({"compression": "gzip"}, False)]
)
def test_the_only_volume_mapped_where_it_lies_in_one_piece(tmp_path: Path, options: dict, mapped: bool) -> None:
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("deep/inside", data=DATA.astype(">f4"), **options)
        file["flat"] = DATA[0]
    with open_volume(path) as volume:
        assert volume.info.memory_mapped == mapped == isinstance(volume.array, np.memmap)
        np.testing.assert_array_equal(volume.read(), DATA)
        assert volume.read().dtype.isnative
        np.testing.assert_array_equal(take_slice(volume.array, "y", 2, step=2), DATA[::2, 2, ::2])
    assert list_hdf5_volumes(path) == ["deep/inside"]


def test_written_as_picket_does(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    attributes = {"dataset_name": "yeast", "z_lb_for_clusterer_fitting": None, "neighborhood_size": 5}
    write_hdf5(path, "segmentations/semantic_segmentation", DATA > 7, (4.0, 3.0, 2.0), attributes)
    with h5py.File(path) as file:
        group = file["segmentations"]
        assert group["semantic_segmentation"].dtype == np.int8
        assert group["semantic_segmentation"].chunks is None
        assert group.attrs["voxel_size"].tolist() == [4.0, 3.0, 2.0]
        assert group.attrs["voxel_size"].dtype == np.float64
        assert group.attrs["z_lb_for_clusterer_fitting"] == "None"
        assert group.attrs["neighborhood_size"] == 5
    with open_volume(path) as volume:
        assert volume.voxel_size == (4.0, 3.0, 2.0) and volume.info.memory_mapped
        np.testing.assert_array_equal(volume.read(), DATA > 7)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_many_threads_slice_one_compressed_volume(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    data = np.random.default_rng(0).normal(size=(32, 40, 40)).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.create_dataset("dataset", data=data, chunks=(4, 40, 40), compression="gzip")
    wrong: list[int] = []
    with open_volume(path) as volume:

        def read(first: int) -> None:
            for z in range(first, 32, 4):
                if not np.array_equal(take_slice(volume.array, "z", z), data[z]):
                    wrong.append(z)

        threads = [threading.Thread(target=read, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
