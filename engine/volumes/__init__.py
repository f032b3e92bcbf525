"""Volumes: reading, writing and slicing tomograms, label maps and score maps in all exchanged formats."""

from engine.volumes.binning import bin_volume, binned_coordinate, unbinned_coordinate
from engine.volumes.hdf5 import list_hdf5_volumes, write_hdf5
from engine.volumes.info import VolumeInfo, voxel_size_problem
from engine.volumes.listing import list_volume_files
from engine.volumes.mrc_writing import create_mrc, mrc_dtype, write_mrc
from engine.volumes.reading import Volume, open_volume, read_info
from engine.volumes.slabs import slabs
from engine.volumes.slicing import take_slice, thumbnail, to_display
from engine.volumes.statistics import Statistics, check_finite, is_constant, limits_around, sample_statistics

__all__ = [
    "Statistics",
    "Volume",
    "VolumeInfo",
    "bin_volume",
    "binned_coordinate",
    "check_finite",
    "create_mrc",
    "is_constant",
    "limits_around",
    "list_hdf5_volumes",
    "list_volume_files",
    "mrc_dtype",
    "open_volume",
    "read_info",
    "sample_statistics",
    "slabs",
    "take_slice",
    "thumbnail",
    "to_display",
    "unbinned_coordinate",
    "voxel_size_problem",
    "write_hdf5",
    "write_mrc",
]
