"""DeepFinder's command `generate_target` from its own parameter file: object list in, label map out, no project.

With `compat` the label map is DeepFinder's, byte for byte; without, the exact one (see `engine.annotation.targets`).
"""

from pathlib import Path

import numpy as np

from engine.errors import UserError, explain_os_errors
from engine.objects import ObjectTable
from engine.objects.formats import read_objects
from engine.tasks.deepfinder_xml import TargetFile, read_target_file
from engine.tasks.task import Job
from engine.volumes import open_volume, write_hdf5, write_mrc

MRC_ENDINGS = (".mrc", ".map", ".rec")
HDF5_ENDINGS = (".h5", ".hdf5")
DATASET = "dataset"
"""Where DeepFinder keeps a volume in an HDF5 file."""


def run_file(path: Path, job: Job, *, compat: bool = True, replace: bool = False) -> None:
    """Make the target that the file `path` asks for.

    Parameters
    ----------
    path
        XML, `<paramsGenerateTarget>`; paths in it that are not absolute begin at the current folder.
    job
        Is told what became of the objects, and of the result.
    compat
        As DeepFinder makes it.
    replace
        Write over a file that exists.

    Raises
    ------
    UserError
        The file is wrong, the target exists or has an ending that stands for no format, the list or a volume cannot be
        read, an object that has no radius or mask; see `engine.annotation.targets`.
    """
    from engine.annotation.target_objects import objects_from_table
    from engine.annotation.targets import Place, shape_target, sphere_target

    file = read_target_file(path)
    if file.ignored:
        job.log(f"Ignored in {path}: {', '.join(file.ignored)}")
    target = _target(file, replace)
    table = _objects(file, job)
    given = file.radius_list if file.strategy == "spheres" else file.path_mask_list
    objects = objects_from_table(table, _labels(table, len(given), file), compat=compat)
    initial = open_volume(_path(file.path_initial_vol)) if file.path_initial_vol else None
    try:
        shape = initial.shape if initial else file.tomo_size
        assert shape is not None  # one of them is there in every file that could be read
        place = Place(shape)
        if file.strategy == "spheres":
            radii = dict(enumerate(file.radius_list, 1))
            made = sphere_target(objects, radii, place, initial=initial, compat=compat, progress=job.progress)
        else:
            masks = {label: _mask(mask) for label, mask in enumerate(file.path_mask_list, 1)}
            made = shape_target(objects, masks, place, initial=initial, compat=compat, progress=job.progress)
        voxel_size = initial.voxel_size if initial else None
        if target.suffix.lower() in HDF5_ENDINGS:
            write_hdf5(target, DATASET, made.labels, voxel_size)
        else:
            write_mrc(target, made.labels, voxel_size, initial.origin if initial else (0.0, 0.0, 0.0))
    finally:
        if initial is not None:
            initial.close()
    for line in made.report.lines():
        job.log(line)
    job.output("segmentation", target.stem, target)


def _target(file: TargetFile, replace: bool) -> Path:
    target = _path(file.path_target)
    if target.suffix.lower() not in (*MRC_ENDINGS, *HDF5_ENDINGS):
        raise UserError(
            f"The ending of path_target = {file.path_target} stands for no format: use "
            f"{', '.join(MRC_ENDINGS + HDF5_ENDINGS)}."
        )
    if target.exists() and not replace:
        raise UserError(f"{target} exists already: name another file, or add --replace.")
    with explain_os_errors(target.parent, "create"):
        target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _objects(file: TargetFile, job: Job) -> ObjectTable:
    source = _path(file.path_objl)
    table = read_objects(source)
    tomograms = table.rows["tomogram"].nunique()
    if tomograms > 1:
        job.log(f"{source} lists objects of {tomograms} tomograms: all are written, as DeepFinder does.")
    return table


def _labels(table: ObjectTable, count: int, file: TargetFile) -> dict[str, int]:
    """Class → label of the list's classes, which are called "class N"; each must be 1 to `count`."""
    what = "radius_list" if file.strategy == "spheres" else "path_mask_list"
    labels = {}
    for name in dict.fromkeys(table.rows["class"]):
        number = name.removeprefix("class ")
        if not number.isdigit():
            raise UserError(
                f"{file.path_objl} has objects of {name!r}: a DeepFinder list has whole numbers for classes."
            )
        labels[name] = int(number)
        if not 1 <= labels[name] <= count:
            objects = int((table.rows["class"] == name).sum())
            why = "0 is the background" if not labels[name] else f"{what} has {count} classes"
            raise UserError(
                f"{file.path_objl} has {objects:,} objects of class {number}, and {why}: correct the list or the file "
                "of parameters."
            )
    return labels


def _mask(given: str) -> np.ndarray:
    with open_volume(_path(given)) as volume:
        return volume.read()


def _path(given: str) -> Path:
    return Path(given).expanduser()
