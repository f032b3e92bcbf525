"""PickET's first step from PickET's own file: tomograms in, `segmentation_<i>_<mode>_<method>.h5` out.

File names, groups, attributes and console lines are those that PickET's users' scripts read (reference: PickET 0.1.0,
`s1.py`). Border voxels keep −1 and have no vote when the larger cluster becomes background.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import UserError, explain_os_errors
from engine.features import METHODS, MODES, S1Parameters, segment
from engine.tasks.items import failure_sentence
from engine.tasks.picket_yaml import S1File, TomogramInput, read_picket_file
from engine.tasks.task import Job
from engine.volumes import check_finite, open_volume, write_hdf5

DATASET = "segmentations/semantic_segmentation"
FEATURE_KEYS = (
    "n_fft_subsets", "num_neighborhoods_subsets", "num_sinusoids", "num_parallel_filters", "num_output_features",
)  # fmt: skip


def run_file(path: Path, job: Job) -> None:
    """Run the first step as the file `path` says; a tomogram that fails does not stop the others.

    Raises
    ------
    UserError
        The file is wrong, or some tomograms failed (named; the others are done).
    """
    file = read_picket_file(path, S1File, job)
    for mode in file.feature_extraction_params:
        _known(mode.mode, "mode", MODES, path)
    for method in file.clustering_methods:
        _known(method, "clustering method", METHODS, path)
    folder = Path(file.output_dir).expanduser() / file.dataset_name
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    failed: list[str] = []
    total = len(file.feature_extraction_params) * len(file.inputs) * len(file.clustering_methods)
    number = 0
    for mode in file.feature_extraction_params:
        for index, given in enumerate(file.inputs):
            job.log(
                f"Processing tomogram {index + 1}/{len(file.inputs)} using {mode.mode} as the feature extraction method"
            )
            for method in file.clustering_methods:
                try:
                    _one(
                        file,
                        index,
                        given,
                        mode.mode,
                        mode.model_extra or {},
                        method,
                        folder,
                        job,
                        (number, total),
                    )
                except UserError as error:
                    failed.append(f"{given.tomogram} ({mode.mode}, {method}): {error}")
                    job.log(failed[-1])
                number += 1
    if failed:
        raise UserError(failure_sentence(failed, total))


def _one(
    file: S1File,
    index: int,
    given: TomogramInput,
    mode: str,
    mode_keys: dict[str, Any],
    method: str,
    folder: Path,
    job: Job,
    place: tuple[int, int],
) -> None:
    number, total = place
    parameters = S1Parameters(
        neighbourhood_size=file.neighborhood_size,
        mode=mode,
        method=method,
        lower_z=given.lower,
        upper_z=given.upper,
        max_neighbourhoods=file.max_num_neighborhoods_for_fitting,
    )

    def progress(fraction: float, text: str) -> None:
        job.progress((number + fraction) / total, f"{Path(given.tomogram).name}, {mode} {method}: {text}")

    target = folder / f"segmentation_{index}_{mode}_{method}.h5"
    with open_volume(given.tomogram) as volume:
        check_finite(volume.array, given.tomogram)
        result = segment(volume.read(), parameters, progress=progress)
        seconds = result.seconds
        sampled = file.max_num_neighborhoods_for_fitting
        attributes: dict[str, Any] = {
            "dataset_name": file.dataset_name,
            "tomogram_path": given.tomogram,
            "tomogram_shape": None,
            "neighborhood_size": file.neighborhood_size,
            "z_lb_for_clusterer_fitting": given.lower,
            "z_ub_for_clusterer_fitting": given.upper,
            # As in PickET: a limit that excludes nothing counts as none.
            "max_num_neighborhoods_for_fitting": sampled if sampled and sampled <= result.n_neighbourhoods else None,
            "fex_mode": mode,
            **{f"fex_{key}": mode_keys.get(key) for key in FEATURE_KEYS},
            "clustering_method": method,
            "time_taken_for_fex": seconds["features"],
            "time_taken_for_clustering": seconds["clustering"],
            "time_taken_for_s1": sum(seconds.values()),
            "timestamp_s1": datetime.now().isoformat(),
            "z_lb_for_particle_extraction": None,
            "z_ub_for_particle_extraction": None,
            "particle_cluster_id": None,
            "pex_mode": None,
            "pex_min_distance": None,
            "time_taken_for_s2": None,
            "timestamp_s2": None,
        }
        write_hdf5(target, DATASET, result.labels, volume.voxel_size or (1.0, 1.0, 1.0), attributes)
    job.log(f"Features array of shape: ({result.n_neighbourhoods}, {result.n_features})")
    job.log(f"Segmentation saved to {target}")
    job.output("segmentation", target.stem, target, labels={"0": result.counts[0], "1": result.counts[1]})


def _known(name: str, what: str, known: Any, path: Path) -> None:
    if name not in known:
        raise UserError(f"{path}: there is no {what} {name!r} here (known: {', '.join(known)}).")
