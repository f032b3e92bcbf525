"""PickET's parameter files with something wrong in them: every problem with its line, and what still runs."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from engine.cli import EchoJob
from engine.errors import UserError
from engine.tasks import picket_s1, picket_s2
from engine.tasks.picket_yaml import ParticleMode, S1File, S2File, read_picket_file
from engine.volumes import write_hdf5

KNOWN_S1 = {"modes": ("intensities", "ffts", "gabor"), "methods": ("kmeans", "gmm")}
KNOWN_S2 = {"modes": ("connected_component_labeling", "watershed_segmentation", "mean_shift_clustering")}

GOOD_S1 = """\
dataset_name: yeast
output_dir: results
inputs:
  - tomogram: a.mrc
    lower_z-slice_limit: 10
    upper_z-slice_limit: 20
  - {tomogram: b.mrc}
neighborhood_size: 5
max_num_neighborhoods_for_fitting: 20_000_000
feature_extraction_params:
  - mode: intensities
  - mode: ffts
    n_fft_subsets: 64
  - mode: gabor
    num_sinusoids: 10
    num_output_features: 64
    num_neighborhoods_subsets: 5
    num_parallel_filters: 8
clustering_methods: [kmeans, gmm]
"""

GOOD_S2 = """\
dataset_name: yeast
output_dir: results
inputs:
  - segmentation: segmentation_0_gabor_gmm.h5
    particle_cluster_id: 1
    lower_z-slice_limit: 10
    upper_z-slice_limit: 10
particle_extraction_params:
  - mode: connected_component_labeling
  - mode: watershed_segmentation
    min_distance: 15
  - mode: mean_shift_clustering
    bandwidth: 12
"""


class Log(EchoJob):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, text: str) -> None:
        self.lines.append(text)


def read(path: Path, text: str, job: EchoJob | None = None) -> S1File:
    path.write_text(text)
    return read_picket_file(path, S1File, job or Log(), KNOWN_S1)


def read_s2(path: Path, text: str) -> S2File:
    path.write_text(text)
    return read_picket_file(path, S2File, Log(), KNOWN_S2)


def test_the_file_of_the_reference_is_read_as_it_is(tmp_path: Path) -> None:
    job = Log()
    file = read(tmp_path / "s1.yaml", GOOD_S1, job)
    assert file.max_num_neighborhoods_for_fitting == 20_000_000 and not job.lines
    assert [m.used for m in file.feature_extraction_params] == [
        {},
        {"n_fft_subsets": 64},
        {"num_sinusoids": 10, "num_output_features": 64, "num_neighborhoods_subsets": 5, "num_parallel_filters": 8},
    ]
    bare = "feature_extraction_params: [{mode: ffts}, {mode: gabor}]\nclustering_methods: [gmm]\n"
    file = read(tmp_path / "s1.yaml", GOOD_S1[: GOOD_S1.index("feature_ext")] + bare)
    ffts, gabor = file.feature_extraction_params
    assert ffts.used == {"n_fft_subsets": None}
    assert gabor.used["num_sinusoids"] == 10 and gabor.used["num_output_features"] == 64


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("neighborhood_size: 5", "neighborhood_size: 4", "line 8: neighborhood_size = 4 must be odd"),
        ("neighborhood_size: 5", "neighborhood_size: -5", "line 8: neighborhood_size = -5 must be odd and at least 3"),
        ("neighborhood_size: 5", "neighborhood_size: yes", "line 8: neighborhood_size = true is not a whole number"),
        ("neighborhood_size: 5", "neighborhood_size: 5.0", "line 8: neighborhood_size = 5.0 is not a whole number"),
        ("neighborhood_size: 5", "neighborhood_size:", "line 8: neighborhood_size = (nothing) is not a whole number"),
        ("neighborhood_size: 5\n", "", "line 1: neighborhood_size is missing: add it"),
        (
            "20_000_000",
            "1e8",
            "line 9: max_num_neighborhoods_for_fitting = '1e8' is not a whole number (for YAML it is",
        ),
        ("20_000_000", "1e8", "write 100000000"),
        ("20_000_000", "1.0e+8", "= 100000000.0 is not a whole number: write 100000000"),
        ("20_000_000", "1", "line 9: max_num_neighborhoods_for_fitting = 1 must be 2 or more"),
        ("20_000_000", "None", "= 'None' is not a whole number"),
        ("upper_z-slice_limit: 20", "upper_z-slice_limit: 10", "line 6: upper_z-slice_limit = 10 must be more than"),
        ("lower_z-slice_limit: 10", "lower_z-slice_limit: -1", "line 5: lower_z-slice_limit = -1 must be 0 or more"),
        ("lower_z-slice_limit: 10", "lower_z-slice_limit: ten", "line 5: lower_z-slice_limit = 'ten' is not a whole"),
        ("lower_z-slice_limit: 10", "lower_z-slice_limit: true", "line 5: lower_z-slice_limit = true is not a whole"),
        ("{tomogram: b.mrc}", "{tomo: b.mrc}", "line 7: tomogram is missing in entry 2 of inputs: add it"),
        ("{tomogram: b.mrc}", "b.mrc", "line 7: entry 2 of inputs = 'b.mrc' must be keys with values"),
        ("tomogram: a.mrc", "tomogram: 12", "line 4: tomogram = 12 must be text: put it in quotes"),
        ("dataset_name: yeast", "dataset_name: 2024", "line 1: dataset_name = 2024 must be text: put it in quotes"),
        ("dataset_name: yeast", "dataset_name: ''", "line 1: dataset_name is empty"),
        ("mode: ffts", "mode: wavelets", "line 12: there is no mode 'wavelets' here (known: intensities, ffts, gabor)"),
        ("mode: ffts", "mode: intensities", "line 10: mode 'intensities' stands twice"),
        ("  - mode: ffts\n    n", "  - n", "line 12: mode is missing in entry 2 of feature_extraction_params"),
        ("n_fft_subsets: 64", "n_fft_subsets: 0", "line 13: n_fft_subsets = 0 must be 1 or more"),
        ("n_fft_subsets: 64", "n_fft_subsets: off", "line 13: n_fft_subsets = false is not a whole number: YAML reads"),
        ("num_output_features: 64", "num_output_features: 1001", "line 16: num_output_features = 1001 must be at most"),
        ("    num_output_features: 64\n", "    # 64\n", ""),
        (
            "num_sinusoids: 10\n    num_output_features: 64",
            "num_sinusoids: 3",
            "line 14: num_output_features is missing",
        ),
        ("num_parallel_filters: 8", "num_parallel_filters: x", "line 18: num_parallel_filters = 'x' is not a whole"),
        ("[kmeans, gmm]", "kmeans", "line 19: clustering_methods = 'kmeans' must be a list"),
        ("[kmeans, gmm]", "[]", "line 19: clustering_methods is empty"),
        ("[kmeans, gmm]", "[kmeans, dbscan]", "line 19: there is no clustering method 'dbscan' here (known: kmeans,"),
        ("[kmeans, gmm]", "\n  - kmeans\n  - 3", "line 21: entry 2 of clustering_methods = 3 must be text"),
        (
            "output_dir: results",
            "output_dir: results\ndataset_name: b",
            "line 3: dataset_name stands here and in line 1",
        ),
        ("output_dir: results", "output_dir: results\n12: x", "line 1: the key 12 is not text"),
        ("inputs:", "inputs: [", "not valid YAML in line"),
        ("output_dir: results", "output_dir: results\n\tx: 1", "not valid YAML in line 3"),
        ("output_dir: results", "output_dir: 2024-13-45", "holds a value that YAML cannot read"),
    ],
)
def test_s1_problems_are_named_with_their_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert GOOD_S1.count(old) == 1
    text = GOOD_S1.replace(old, new)
    if not sentence:  # a change that is no problem
        read(tmp_path / "s1.yaml", text)
        return
    with pytest.raises(UserError) as caught:
        read(tmp_path / "s1.yaml", text)
    said = str(caught.value)
    assert sentence in said and said.startswith(str(tmp_path / "s1.yaml")) and said.endswith(".") and "\n" not in said


def test_all_problems_are_named_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = GOOD_S1.replace("20_000_000", "1e8").replace("_size: 5", "_size: 4").replace("mode: ffts", "mode: dft")
    text = text.replace("clustering_methods: [kmeans, gmm]", "").replace(
        "lower_z-slice_limit: 10", "lower_z-slice_limit: 30"
    )
    with pytest.raises(UserError) as caught:
        read(tmp_path / "s1.yaml", text)
    starts = [part.split(":")[0] for part in str(caught.value).removeprefix(f"{tmp_path}/s1.yaml: ").split("; ")]
    assert starts == ["line 1", "line 6", "line 8", "line 9", "line 12"]


@pytest.mark.parametrize("text", ["", "[]", "just words", "- a\n- b\n"])
def test_a_file_without_parameters(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="holds no parameters"):
        read(tmp_path / "s1.yaml", text)


def test_ignored_keys_are_logged_with_their_lines(tmp_path: Path) -> None:
    job = Log()
    text = GOOD_S1.replace("    n_fft_subsets: 64", "    n_fft_subsets: 64\n    threads: 8") + "workflows: all\n"
    read(tmp_path / "s1.yaml", text, job)
    (line,) = job.lines
    assert "threads (line 14)" in line and "workflows (line 21)" in line


def test_what_the_science_knows_is_handed_on(tmp_path: Path) -> None:
    text = GOOD_S1.replace("num_sinusoids: 10", "num_sinusoids: 7").replace(
        "num_output_features: 64", "num_output_features: 9"
    )
    file = read(tmp_path / "s1.yaml", text)
    intensities, ffts, gabor = file.feature_extraction_params
    limited, whole = file.inputs
    made = picket_s1.science(file, limited, intensities, "kmeans", (30, 40, 50))
    assert (made.neighbourhood_size, made.lower_z, made.upper_z, made.max_neighbourhoods) == (5, 10, 20, 20_000_000)
    assert made.at_once is None
    # Slices 10 to 20 hold 6 × 36 × 46 neighbourhoods of 5; PickET would write out a 64th of them at once.
    assert picket_s1.science(file, limited, ffts, "gmm", (30, 40, 50)).at_once == 6 * 36 * 46 // 64
    made = picket_s1.science(file, whole, gabor, "gmm", (30, 40, 50))
    assert (made.mode, made.method, made.sinusoids, made.output_features) == ("gabor", "gmm", 7, 9)
    assert made.at_once == 26 * 36 * 46 // 5
    few = read(tmp_path / "s1.yaml", text.replace("20_000_000", "50"))
    assert picket_s1.science(few, whole, ffts, "gmm", (30, 40, 50)).at_once == 1


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("_id: 1", "_id: -1", "line 5: particle_cluster_id = -1 must be 0 or more"),
        ("_id: 1", "_id: no", "line 5: particle_cluster_id = false is not a whole number"),
        ("upper_z-slice_limit: 10", "upper_z-slice_limit: 9", "line 7: upper_z-slice_limit = 9 must not be less than"),
        (
            "mode: watershed_seg",
            "mode: wateshed_seg",
            "line 10: there is no mode 'wateshed_segmentation' here (known: c",
        ),
        ("    min_distance: 15\n", "", "line 10: watershed_segmentation needs min_distance"),
        ("min_distance: 15", "min_distance: 1.5", "line 11: min_distance = 1.5 is not a whole number"),
        ("min_distance: 15", "min_distance: 0", "line 11: min_distance = 0 must be 1 or more"),
        ("    bandwidth: 12\n", "", "line 12: mean_shift_clustering needs bandwidth"),
        ("bandwidth: 12", "bandwidth: 0", "line 13: bandwidth = 0 must be more than 0"),
        ("bandwidth: 12", "bandwidth: -3.5", "line 13: bandwidth = -3.5 must be more than 0"),
        ("bandwidth: 12", "bandwidth: true", "line 13: bandwidth = true is not a number"),
        (
            "bandwidth: 12",
            "bandwidth: '12.5'",
            "line 13: bandwidth = '12.5' is not a number (for YAML it is text): write",
        ),
        ("bandwidth: 12", "bandwidth: .inf", "line 13: bandwidth = inf is not a number"),
    ],
)
def test_s2_problems_are_named_with_their_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert GOOD_S2.count(old) == 1
    with pytest.raises(UserError) as caught:
        read_s2(tmp_path / "s2.yaml", GOOD_S2.replace(old, new))
    assert sentence in str(caught.value)


def test_s2_distances_belong_to_their_modes(tmp_path: Path) -> None:
    file = read_s2(tmp_path / "s2.yaml", GOOD_S2)
    assert [m.used for m in file.particle_extraction_params] == [{}, {"min_distance": 15}, {"bandwidth": 12.0}]
    stray = ParticleMode.model_validate({"mode": "connected_component_labeling", "min_distance": 4}, context=KNOWN_S2)
    assert stray.used == {}
    assert picket_s2.science(file.inputs[0], file.particle_extraction_params[1]).min_distance == 15
    assert picket_s2.science(file.inputs[0], file.particle_extraction_params[2]).bandwidth == 12


def segmentation(path: Path, **changes: object) -> Path:
    labels = np.zeros((12, 12, 12), np.int16)
    labels[3:6, 3:6, 3:6] = 1
    given = {"fex_mode": "ffts", "clustering_method": "gmm", **changes}
    write_hdf5(path, picket_s2.DATASET, labels, (10, 10, 10), {k: v for k, v in given.items() if v is not None})
    return path


def s2(folder: Path, *segmentations: Path, mode: dict | None = None) -> Path:
    content = {
        "dataset_name": "set",
        "output_dir": str(folder),
        "inputs": [{"segmentation": str(path), "particle_cluster_id": 1} for path in segmentations],
        "particle_extraction_params": [mode or {"mode": "connected_component_labeling"}],
    }
    (folder / "s2.yaml").write_text(yaml.safe_dump(content))
    return folder / "s2.yaml"


def test_missing_attributes_are_named_and_the_other_inputs_run(tmp_path: Path) -> None:
    good = segmentation(tmp_path / "segmentation_1_x.h5", tomogram_path=b"tomo/ts_01.mrc")
    bad = segmentation(tmp_path / "segmentation_0_x.h5", fex_mode=None, clustering_method=None)
    job = Log()
    with pytest.raises(UserError) as caught:
        picket_s2.run_file(s2(tmp_path, bad, good), job)
    said = str(caught.value)
    assert said.startswith("1 of 2 failed; the others are done") and str(bad) in said
    assert "attribute 'fex_mode' and 'clustering_method' of the group 'segmentations'" in said and "picket-s1" in said
    name = "predicted_centroids_1_ffts_gmm_connected_component_labeling.yaml"
    content = yaml.safe_load((tmp_path / "set" / "predicted_particles" / name).read_text())
    assert content["Predicted_Particle_Centroid_Coordinates"] == [{"x": 4, "y": 4, "z": 4}]
    assert content["metadata"]["tomogram_path"] == "tomo/ts_01.mrc" and content["metadata"]["pex_bandwidth"] is None


def test_one_missing_attribute_and_no_voxel_size(tmp_path: Path) -> None:
    bad = segmentation(tmp_path / "segmentation_0_x.h5", clustering_method=3)
    with pytest.raises(UserError, match="lacks PickET's attribute 'clustering_method' of the group"):
        picket_s2.run_file(s2(tmp_path, bad), Log())
    good = segmentation(tmp_path / "segmentation_1_x.h5")
    with h5py.File(good, "r+") as handle:
        del handle["segmentations"].attrs["voxel_size"]
    job = Log()
    picket_s2.run_file(s2(tmp_path, good), job)
    assert any("no attribute 'voxel_size'" in line for line in job.lines)


def test_an_h5_without_the_dataset(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "segmentation_0_x.h5", "other/thing", np.zeros((4, 4, 4)), None)
    with pytest.raises(UserError, match="holds no dataset 'segmentations/semantic_segmentation'"):
        picket_s2.run_file(s2(tmp_path, tmp_path / "segmentation_0_x.h5"), Log())


def test_mean_shift_records_its_bandwidth(tmp_path: Path) -> None:
    good = segmentation(tmp_path / "segmentation_1_x.h5")
    picket_s2.run_file(s2(tmp_path, good, mode={"mode": "mean_shift_clustering", "bandwidth": 4}), Log())
    path = tmp_path / "set" / "instance_segmentations" / "instance_segmentation_1_ffts_gmm_mean_shift_clustering.h5"
    with h5py.File(path) as handle:
        assert handle["segmentations"].attrs["pex_bandwidth"] == 4.0
        assert handle["segmentations"].attrs["pex_min_distance"] == "None"


def test_an_upper_limit_beyond_the_volume_is_no_limit_as_in_picket(tmp_path: Path) -> None:
    file = read(tmp_path / "s1.yaml", GOOD_S1)
    limited, (intensities, ffts, _) = file.inputs[0], file.feature_extraction_params
    limited.lower, limited.upper = 20, 200
    assert picket_s1.science(file, limited, intensities, "kmeans", (30, 40, 50)).upper_z == 30
    assert picket_s1.science(file, limited, ffts, "gmm", (30, 40, 50)).at_once == 6 * 36 * 46 // 64
    limited.lower = 100  # nothing lies between these: what was asked for is named as it was
    assert picket_s1.science(file, limited, intensities, "kmeans", (30, 40, 50)).upper_z == 200

    parameters = s2(tmp_path, segmentation(tmp_path / "segmentation_1_x.h5"))
    content = yaml.safe_load(parameters.read_text())
    content["inputs"][0] |= {"lower_z-slice_limit": 5, "upper_z-slice_limit": 99}
    parameters.write_text(yaml.safe_dump(content))
    picket_s2.run_file(parameters, Log())
    written = tmp_path / "set/predicted_particles/predicted_centroids_1_ffts_gmm_connected_component_labeling.yaml"
    made = yaml.safe_load(written.read_text())
    assert made["Predicted_Particle_Centroid_Coordinates"] == [{"x": 4, "y": 4, "z": 5}]
    assert made["metadata"]["z_ub_for_particle_extraction"] == 99
    content["inputs"][0]["lower_z-slice_limit"] = 50
    parameters.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match="The slices to pick in are 50 … 99, the label map has the slices 0 … 11"):
        picket_s2.run_file(parameters, Log())


def test_a_file_without_a_number_is_not_taken_for_number_0(tmp_path: Path) -> None:
    numbered, renamed = (segmentation(tmp_path / name) for name in ("segmentation_0_x.h5", "renamed.h5"))
    picket_s2.run_file(s2(tmp_path, numbered), Log())
    picket_s2.run_file(s2(tmp_path, renamed), Log())
    assert sorted(path.name for path in (tmp_path / "set" / "predicted_particles").iterdir()) == [
        "predicted_centroids_0_ffts_gmm_connected_component_labeling.yaml",
        "predicted_centroids_renamed_ffts_gmm_connected_component_labeling.yaml",
    ]
