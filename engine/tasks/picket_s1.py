"""PickET's first step from PickET's own file: tomograms in, `segmentation_<i>_<mode>_<method>.h5` out.

File names, groups, attributes and console lines are those that PickET's users' scripts read (reference: PickET 0.1.0,
`s1.py`). Border voxels keep −1 and have no vote when the larger cluster becomes background.
"""

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError, explain_os_errors
from engine.features import METHODS, MODES, S1Parameters, S1Result, segment_each
from engine.tasks.items import Failure, failure_sentence
from engine.tasks.picket_yaml import GABOR, FeatureMode, S1File, TomogramInput, read_picket_file
from engine.tasks.task import Job
from engine.volumes import Volume, check_finite, open_volume, write_hdf5

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
    file = read_picket_file(path, S1File, job, known={"modes": tuple(MODES), "methods": tuple(METHODS)})
    folder = Path(file.output_dir).expanduser() / file.dataset_name
    with explain_os_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    failed: list[Failure] = []
    per_tomogram = len(file.clustering_methods)
    total = len(file.feature_extraction_params) * len(file.inputs) * per_tomogram
    number = 0
    for mode in file.feature_extraction_params:
        filters: np.ndarray | None = None  # PickET's Gabor filters are those of the first tomogram, for all others too
        for index, given in enumerate(file.inputs):
            job.log(
                f"Processing tomogram {index + 1}/{len(file.inputs)} using {mode.mode} as the feature extraction method"
            )
            progress = _progress(job, f"{Path(given.tomogram).name}, {mode.mode}", number, per_tomogram, total)
            waiting = list(file.clustering_methods)
            try:
                with open_volume(given.tomogram) as volume:
                    for method, result in _segmented(file, given, mode, volume, filters, progress):
                        waiting.remove(method)
                        if isinstance(result, UserError):
                            failed.append((f"{given.tomogram} ({mode.mode}, {method})", str(result)))
                            job.log(": ".join(failed[-1]))
                            continue
                        filters = result.filters
                        _write(file, index, given, mode, method, volume.voxel_size, result, folder, job)
            except UserError as error:
                failed += [(f"{given.tomogram} ({mode.mode})", str(error))] * len(waiting)
                job.log(": ".join(failed[-1]))
            number += per_tomogram
    if failed:
        raise UserError(failure_sentence(failed, total))


def _progress(job: Job, what: str, number: int, share: int, total: int) -> Callable[[float, str], None]:
    def progress(fraction: float, text: str) -> None:
        job.progress((number + share * fraction) / total, f"{what}: {text}")

    return progress


def science(
    file: S1File, given: TomogramInput, mode: FeatureMode, method: str, shape: tuple[int, int, int]
) -> S1Parameters:
    """The same for `engine.features`: one tomogram of `shape` (z, y, x), one mode, one method.

    Raises
    ------
    UserError
        Values that only fit together wrongly.
    """
    options: dict[str, int] = {}
    if mode.mode == GABOR:
        options = {"sinusoids": mode.num_sinusoids, "output_features": mode.num_output_features}
    subsets = mode.used.get("n_fft_subsets") or mode.used.get("num_neighborhoods_subsets")
    if subsets:
        options["at_once"] = max(1, _neighbourhoods(file, given, shape) // subsets)
    return S1Parameters(
        neighbourhood_size=file.neighborhood_size,
        mode=mode.mode,
        method=method,
        lower_z=given.lower,
        upper_z=given.upper_within(shape[0]),
        max_neighbourhoods=file.max_num_neighborhoods_for_fitting,
        **options,
    )


def _neighbourhoods(file: S1File, given: TomogramInput, shape: tuple[int, int, int]) -> int:
    """How many PickET would write out for the fit; a part of them at a time, which bounds what is written out here."""
    upper = given.upper_within(shape[0])
    depth = (shape[0] if upper is None else upper) - (given.lower or 0)
    count = math.prod(max(n - file.neighborhood_size + 1, 1) for n in (depth, *shape[1:]))
    return min(count, file.max_num_neighborhoods_for_fitting or count)


def _segmented(
    file: S1File,
    given: TomogramInput,
    mode: FeatureMode,
    volume: Volume,
    filters: np.ndarray | None,
    progress: Callable[[float, str], None],
) -> Iterator[tuple[str, S1Result | UserError]]:
    """The clustering methods of the file on one tomogram; what they share is done once."""
    workflows = [science(file, given, mode, method, volume.shape) for method in file.clustering_methods]
    check_finite(volume.array, given.tomogram)
    for parameters, result in segment_each(volume.read(), workflows, progress=progress, filters=filters):
        yield parameters.method, result


def _write(
    file: S1File,
    index: int,
    given: TomogramInput,
    mode: FeatureMode,
    method: str,
    voxel_size: tuple[float, float, float] | None,
    result: S1Result,
    folder: Path,
    job: Job,
) -> None:
    target = folder / f"segmentation_{index}_{mode.mode}_{method}.h5"
    seconds, sampled = result.seconds, file.max_num_neighborhoods_for_fitting
    attributes: dict[str, Any] = {
        "dataset_name": file.dataset_name,
        "tomogram_path": given.tomogram,
        "tomogram_shape": None,
        "neighborhood_size": file.neighborhood_size,
        "z_lb_for_clusterer_fitting": given.lower,
        "z_ub_for_clusterer_fitting": given.upper,
        # As in PickET: a limit that excludes nothing counts as none.
        "max_num_neighborhoods_for_fitting": sampled if sampled and sampled <= result.n_neighbourhoods else None,
        "fex_mode": mode.mode,
        **{f"fex_{key}": mode.used.get(key) for key in FEATURE_KEYS},
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
    write_hdf5(target, DATASET, result.labels, voxel_size or (1.0, 1.0, 1.0), attributes)
    if sampled and sampled > result.n_neighbourhoods:
        job.log(
            f"max_num_neighborhoods_for_fitting is {sampled:,}, {given.tomogram} has {result.n_neighbourhoods:,} to "
            "fit on: all are used."
        )
    if result.warning:
        job.log(f"{given.tomogram} ({mode.mode}, {method}): {result.warning}")
    job.log(f"Features array of shape: ({result.n_neighbourhoods}, {result.n_features})")
    job.log(f"Segmentation saved to {target}")
    job.output("segmentation", target.stem, target, labels={"0": result.counts[0], "1": result.counts[1]})
