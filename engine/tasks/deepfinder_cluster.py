"""DeepFinder's command `cluster`: label map in, object list out, no project."""

from pathlib import Path

import numpy as np
import pandas as pd

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry
from engine.objects.formats import export, get_format
from engine.tasks.task import Job
from engine.volumes import open_volume
from engine.words import plural

FORMATS = {".xml": "deepfinder-xml", ".xlsx": "deepfinder-xlsx", ".txt": "deepfinder-txt"}


def run_files(
    label_map: Path, radius: float, output: Path, job: Job, *, min_size: int = 1, replace: bool = False
) -> None:
    """Find the objects of a label map by mean shift over all its classes, as DeepFinder does.

    Parameters
    ----------
    label_map
        A volume of whole numbers, 0 = background.
    radius
        Of the ball, voxels of the label map.
    output
        The list: .xml, .xlsx or .txt. Coordinates are voxels of the label map, as in the original.
    job
        Is told how far it is, and of the result.
    min_size
        Objects of fewer voxels are left out. (The original has this parameter and ignores it.)
    replace
        Write over a list that exists.

    Raises
    ------
    UserError
        A radius that is not above 0, an ending without a format, a list that exists, a volume that is no label map.
    """
    from engine.instances.deepfinder_clusters import deepfinder_clusters

    chosen = FORMATS.get(output.suffix.lower())
    if chosen is None:
        raise UserError(f"{output} does not say its format: give it the ending {', '.join(FORMATS)}.")
    if not 0 < radius <= 1000:
        raise UserError(f"A radius of {radius:g} voxels is not possible: give one above 0, at most 1000.")
    if output.exists() and not replace:
        raise UserError(f"{output} exists: name another file, or add --replace.")
    job.progress(0.0, f"reading {label_map.name}")
    with open_volume(label_map) as volume:
        labels = np.asarray(volume.read())
        geometry = TomogramGeometry(
            (labels.shape[0], labels.shape[1], labels.shape[2]), volume.voxel_size or (1.0, 1.0, 1.0)
        )
    if labels.dtype.kind == "f":
        whole = labels.astype(np.int32)
        if not np.array_equal(whole, labels):
            raise UserError(f"{label_map} holds fractions, so it is no label map: choose the output of segment.")
        labels = whole
    job.progress(0.1, "gathering voxels")
    found = deepfinder_clusters(labels, radius)
    found = found.where(found.sizes >= min_size)
    if not len(found):
        job.log(f"{label_map.name} holds no objects{'' if labels.any() else ': every voxel is background'}.")
    z, y, x = found.centres.T
    rows = pd.DataFrame(
        {
            "tomogram": "0",
            "class": [f"class {label}" for label in found.labels.tolist()],
            "x": x,
            "y": y,
            "z": z,
            "size": found.sizes.astype(np.float64),
        }
    )
    export(ObjectTable(rows, {"0": geometry}), get_format(chosen), output, {})
    job.log(plural(len(found), "object"))
    job.output("table", output.name, output, objects=len(found))
    job.progress(1.0, "done")
