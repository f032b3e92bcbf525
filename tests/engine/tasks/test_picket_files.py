"""PickET's own parameter files, and the files that come out (reference: PickET 0.1.0, checks 7, 8 and 11)."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from engine.cli import EchoJob
from engine.errors import UserError
from engine.tasks import picket_s1, picket_s2
from engine.volumes import open_volume, write_mrc


def phantom_b() -> np.ndarray:
    z, y, x = np.ogrid[:24, :32, :40]
    volume = np.sin(0.9 * z) * np.cos(0.7 * y) + 0.5 * np.sin(0.8 * x + 0.3 * y)
    for cz, cy, cx in ((8, 9, 10), (15, 21, 28)):
        volume = volume + 6 * np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 6)
    return volume.astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mrc(tmp_path / "B.mrc", phantom_b(), (10.0, 10.0, 10.0))
    return tmp_path


def s1(folder: Path, **changes: object) -> Path:
    parameters = {
        "dataset_name": "set",
        "output_dir": str(folder / "results"),
        "inputs": [
            {"tomogram": str(folder / "B.mrc")},
            {"tomogram": str(folder / "B.mrc"), "lower_z-slice_limit": 6, "upper_z-slice_limit": 18},
        ],
        "neighborhood_size": 5,
        "max_num_neighborhoods_for_fitting": 100_000_000,
        "feature_extraction_params": [{"mode": "intensities"}],
        "clustering_methods": ["kmeans"],
    }
    path = folder / "s1.yaml"
    path.write_text(yaml.safe_dump({**parameters, **changes}))
    return path


def s2(folder: Path, **changes: object) -> Path:
    parameters = {
        "dataset_name": "set",
        "output_dir": str(folder / "results"),
        "inputs": [
            {
                "segmentation": str(folder / "results/set/segmentation_0_intensities_kmeans.h5"),
                "particle_cluster_id": 1,
            }
        ],
        "particle_extraction_params": [
            {"mode": "connected_component_labeling"},
            {"mode": "watershed_segmentation", "min_distance": 3},
        ],
    }
    path = folder / "s2.yaml"
    path.write_text(yaml.safe_dump({**parameters, **changes}))
    return path


def test_both_steps_from_their_files(folder: Path) -> None:
    job = EchoJob()
    picket_s1.run_file(s1(folder), job)
    first, limited = (Path(o["path"]) for o in job.outputs)
    assert [first.name, limited.name] == [f"segmentation_{i}_intensities_kmeans.h5" for i in (0, 1)]
    with open_volume(first) as volume:
        labels = volume.read()
    assert [(labels == value).sum() for value in (0, 1, -1)] == [18926, 1234, 10560]
    with open_volume(limited) as volume:
        labels = volume.read()
    assert [(labels == value).sum() for value in (0, 1)] == [19025, 1135]
    with h5py.File(limited) as handle:
        attributes = dict(handle["segmentations"].attrs)
    assert attributes["fex_mode"] == "intensities" and attributes["clustering_method"] == "kmeans"
    assert attributes["z_lb_for_clusterer_fitting"] == 6 and attributes["fex_n_fft_subsets"] == "None"
    assert attributes["max_num_neighborhoods_for_fitting"] == "None"
    assert list(attributes["voxel_size"]) == [10.0, 10.0, 10.0]

    picket_s2.run_file(s2(folder), job)
    centroids = folder / "results/set/predicted_particles"
    picked = yaml.safe_load(
        (centroids / "predicted_centroids_0_intensities_kmeans_watershed_segmentation.yaml").read_text()
    )
    coordinates = picked["Predicted_Particle_Centroid_Coordinates"]
    assert coordinates == [{"x": 9, "y": 8, "z": 7}, {"x": 28, "y": 20, "z": 15}]
    assert picked["metadata"]["pex_min_distance"] == 3 and picked["metadata"]["tomogram_shape"] == [
        24,
        32,
        40,
    ]
    name = "instance_segmentation_0_intensities_kmeans_connected_component_labeling.h5"
    instance_file = folder / "results/set/instance_segmentations" / name
    with h5py.File(instance_file) as handle:
        assert handle["segmentations/instance_segmentation"].shape == (24, 32, 40)
        assert handle["segmentations"].attrs["pex_mode"] == "connected_component_labeling"


def test_a_bad_input_does_not_stop_the_others(folder: Path) -> None:
    inputs = [{"tomogram": str(folder / "missing.mrc")}, {"tomogram": str(folder / "B.mrc")}]
    job = EchoJob()
    with pytest.raises(UserError, match=r"1 of 2 failed.*missing\.mrc"):
        picket_s1.run_file(s1(folder, inputs=inputs), job)
    assert [Path(o["path"]).name for o in job.outputs] == ["segmentation_1_intensities_kmeans.h5"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"neighborhood_size": "five"}, r"line \d+: neighborhood_size = 'five'"),
        ({"feature_extraction_params": [{"mode": "wavelets"}]}, "no mode 'wavelets'"),
        ({"clustering_methods": ["dbscan"]}, "no clustering method 'dbscan'"),
        ({"inputs": []}, "inputs"),
        ({"neighborhood_size": 4}, "odd"),
        ({"inputs": [{"tomogram": "B.mrc", "lower_z-slice_limit": "ten"}]}, "lower_z-slice_limit = 'ten'"),
    ],
)
def test_wrong_files_are_one_sentence(folder: Path, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        picket_s1.run_file(s1(folder, **changes), EchoJob())


def test_s2_names_what_is_missing(folder: Path) -> None:
    with pytest.raises(UserError, match="min_distance"):
        picket_s2.run_file(s2(folder, particle_extraction_params=[{"mode": "watershed_segmentation"}]), EchoJob())
    with pytest.raises(UserError, match="no such file"):
        picket_s2.run_file(s2(folder), EchoJob())
    target = folder / "results/set/segmentation_0_intensities_kmeans.h5"
    target.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(target, "w") as handle:
        handle["segmentations/semantic_segmentation"] = np.ones((4, 4, 4), np.int16)
    with pytest.raises(UserError, match="lacks PickET's attribute 'fex_mode'"):
        picket_s2.run_file(s2(folder), EchoJob())
