"""PickET's second step from PickET's own file: segmentations in, instance segmentations and centroid lists out.

Both outputs stand in folders of their own under `output_dir/dataset_name/` as PickET's users' scripts expect them
(reference: PickET 0.1.0, `s2.py`). Where two settings of one file would give the same name, the cluster number and the
distance are added, so that none overwrites another.
"""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from engine.atomic import replacing
from engine.errors import UserError, explain_os_errors
from engine.instances import MODES, S2Parameters, find_instances
from engine.objects import TomogramGeometry, table_from_centroids
from engine.objects.formats import picket
from engine.tasks.items import Failure, failure_sentence
from engine.tasks.picket_s1 import DATASET
from engine.tasks.picket_yaml import ParticleMode, S2File, SegmentationInput, read_picket_file
from engine.tasks.task import Job
from engine.volumes import open_volume
from engine.words import plural

NEEDED = ("fex_mode", "clustering_method")


def run_file(path: Path, job: Job) -> None:
    """Run the second step as the file `path` says; a segmentation that fails does not stop the others.

    Raises
    ------
    UserError
        The file is wrong, or some segmentations failed (named; the others are done).
    """
    file = read_picket_file(path, S2File, job, known={"modes": tuple(MODES)})
    folder = Path(file.output_dir).expanduser() / file.dataset_name
    for place in ("instance_segmentations", "predicted_particles"):
        with explain_os_errors(folder / place, "create"):
            (folder / place).mkdir(parents=True, exist_ok=True)
    failed: list[Failure] = []
    written: set[str] = set()
    total = len(file.inputs) * len(file.particle_extraction_params)
    for number, (given, mode) in enumerate((g, m) for g in file.inputs for m in file.particle_extraction_params):
        job.log(f"Processing {Path(given.segmentation).name}: {mode.mode.replace('_', ' ')}")
        job.progress(number / total, f"{Path(given.segmentation).name}, {mode.mode}")
        try:
            _one(given, mode, folder, written, job)
        except UserError as error:
            failed.append((f"{given.segmentation} ({mode.mode})", str(error)))
            job.log(": ".join(failed[-1]))
    if failed:
        raise UserError(failure_sentence(failed, total))


def science(given: SegmentationInput, mode: ParticleMode) -> S2Parameters:
    """The same for `engine.instances`: one segmentation, one mode.

    Raises
    ------
    UserError
        Values that only fit together wrongly.
    """
    distances: dict[str, Any] = dict(mode.used)
    return S2Parameters(
        mode=mode.mode,
        particle_cluster=given.particle_cluster_id,
        lower_z=given.lower,
        upper_z=given.upper,
        **distances,
    )


def _one(given: SegmentationInput, mode: ParticleMode, folder: Path, written: set[str], job: Job) -> None:
    began = time.perf_counter()
    source = Path(given.segmentation)
    attributes = _attributes(source, job)
    parameters = science(given, mode)
    with open_volume(source, DATASET) as volume:
        labels = volume.read()
        voxel_size = volume.voxel_size or (1.0, 1.0, 1.0)
    parameters = replace(parameters, upper_z=given.upper_within(labels.shape[0] - 1))
    instance_map, instances = find_instances(labels, parameters)

    # PickET's files are numbered; one with another name keeps it, so that it is not taken for number 0.
    index = source.stem.split("_")[1] if source.stem.count("_") else source.stem
    name = f"{index}_{attributes['fex_mode']}_{attributes['clustering_method']}_{mode.mode}"
    name = _free_name(name, given, mode, written)
    written.add(name)
    shape = labels.shape
    attributes |= {
        "tomogram_shape": [int(n) for n in shape],
        "z_lb_for_particle_extraction": given.lower,
        "z_ub_for_particle_extraction": given.upper,
        "particle_cluster_id": given.particle_cluster_id,
        "pex_mode": mode.mode,
        "pex_min_distance": mode.used.get("min_distance"),
        "pex_bandwidth": mode.used.get("bandwidth"),
        "time_taken_for_s2": time.perf_counter() - began,
        "timestamp_s2": datetime.now().isoformat(),
    }
    target = folder / "instance_segmentations" / f"instance_segmentation_{name}.h5"
    with replacing(target) as temporary:
        with h5py.File(temporary, "w", locking=False) as handle:
            group = handle.create_group("segmentations")
            group.create_dataset("semantic_segmentation", data=labels)
            group.create_dataset("instance_segmentation", data=instance_map)
            group.attrs["voxel_size"] = np.asarray(voxel_size, dtype=np.float64)
            for key, value in attributes.items():
                group.attrs[key] = "None" if value is None else value
    job.output("segmentation", target.stem, target)

    geometry = TomogramGeometry((shape[0], shape[1], shape[2]), voxel_size)
    tomogram = Path(str(attributes.get("tomogram_path", source.stem))).stem
    table = table_from_centroids(
        tomogram, geometry, instances.centroids, sizes=instances.sizes, scores=instances.scores
    )
    centroids = folder / "predicted_particles" / f"predicted_centroids_{name}.yaml"
    picket.write(table, centroids, metadata={**attributes, "voxel_size": [float(v) for v in voxel_size]})
    job.output("table", centroids.stem, centroids, objects=len(table.rows))
    job.log(f"{plural(len(table.rows), 'particle')} saved to {centroids}")


def _free_name(name: str, given: SegmentationInput, mode: ParticleMode, written: set[str]) -> str:
    """A name that no earlier setting of this file was written to: with cluster and distance, then with a number."""
    if name not in written:
        return name
    name += f"_cluster{given.particle_cluster_id}"
    name += "".join(f"_{key.split('_')[-1]}{value:g}" for key, value in mode.used.items())
    candidate, number = name, 2
    while candidate in written:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _attributes(path: Path, job: Job) -> dict[str, Any]:
    """What S1 wrote about a segmentation, as plain Python values; "None" is None."""
    with open_volume(path, DATASET) as volume:  # says what is wrong with the file, if anything is
        voxel_size = volume.voxel_size
    with h5py.File(path, "r", locking=False) as handle:
        raw = dict(handle["segmentations"].attrs)
    raw.pop("voxel_size", None)
    plain = {key: _plain(value) for key, value in raw.items()}
    missing = [key for key in NEEDED if not isinstance(plain.get(key), str) or "/" in plain[key]]
    if missing:
        more = "".join(f" and {key!r}" for key in missing[1:])
        raise UserError(
            f"{path} lacks PickET's attribute {missing[0]!r}{more} of the group 'segmentations', after which results "
            "are named: add what is missing with h5py, or write the file anew with picket-s1."
        )
    if voxel_size is None:
        job.log(f"{path} has no attribute 'voxel_size' that can be used: the results will say 1 Å.")
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return None if isinstance(value, str) and value == "None" else value
