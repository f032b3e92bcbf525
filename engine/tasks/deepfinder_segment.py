"""DeepFinder's command `segment`: tomogram and weight file in, label map out, no project.

With a patch the tiles are DeepFinder's; without, those of `engine.inference.prediction`, which give the scores of one
pass over the whole volume in a fraction of the time.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path

from engine.errors import UserError, explain_os_errors
from engine.tasks.segment_files import SegmentTargets, binned_path, write_segmentation
from engine.tasks.segment_models import chosen_device, keras_model
from engine.tasks.segment_parameters import SegmentParameters
from engine.tasks.segmenting import segment_parts
from engine.tasks.task import Job
from engine.volumes import open_volume, write_hdf5

MRC_ENDINGS = (".mrc", ".map", ".rec")
HDF5_ENDINGS = (".h5", ".hdf5")
DATASET = "dataset"
"""Where DeepFinder keeps a volume in an HDF5 file."""

DEVICES = ("auto", "cpu", "cuda")


def run_files(
    tomogram: Path,
    weights: Path,
    output: Path,
    job: Job,
    *,
    classes: int | None = None,
    patch: int | None = None,
    binned: bool = False,
    device: str = "auto",
    replace: bool = False,
) -> None:
    """Segment the file `tomogram` and write the label map `output`.

    Parameters
    ----------
    tomogram, weights
        A volume of any format; Keras' .h5.
    output
        MRC or HDF5, as its ending says.
    job
        Is told how far it is, and of the results.
    classes
        Background included; must be that of the weights. None = as the weights say.
    patch
        Edge of DeepFinder's tiles; None = tiles as large as memory allows.
    binned
        Also `<output>_binned`, of half the size.
    device
        auto, cpu or cuda.
    replace
        Write over files that exist.

    Raises
    ------
    UserError
        A file that cannot be read or exists already, an ending that stands for no format, another number of classes,
        a patch that cannot be used, a volume that is constant or holds no numbers.
    """
    from engine.inference.compat_tiles import check_patch

    if device not in DEVICES:
        raise UserError(f"There is no device {device!r}: choose one of {', '.join(DEVICES)}.")
    if patch is not None:
        check_patch(patch)
    wanted = [output, binned_path(output)] if binned else [output]
    _check_outputs(wanted, replace)
    job.progress(0.0, f"loading {weights}")
    model = keras_model(weights, chosen_device(device))
    if classes is not None and classes != len(model.labels):
        raise UserError(
            f"{weights} holds weights for {len(model.labels)} classes, background included, not {classes}: give "
            f"-c {len(model.labels)}, leave it out, or choose other weights."
        )
    parameters = SegmentParameters.model_construct(compat=patch is not None, patch=patch, device=device)
    with open_volume(tomogram) as volume:
        shape = (volume.shape[0], volume.shape[1], volume.shape[2])
        parts = segment_parts(volume, str(tomogram), model, parameters, None, progress=job.progress)
        # HDF5 is written from an MRC file that is there only while this runs.
        made = [path if path.suffix.lower() in MRC_ENDINGS else _temporary(path) for path in wanted]
        try:
            targets = SegmentTargets(made[0], None, made[1] if binned else None, described=False)
            write_segmentation(targets, parts, model.labels, shape, volume.voxel_size, volume.origin)
            for path, temporary in zip(wanted, made, strict=True):
                if path != temporary:
                    with open_volume(temporary) as whole:
                        write_hdf5(path, DATASET, whole.array, whole.voxel_size)
        finally:
            for path, temporary in zip(wanted, made, strict=True):
                if path != temporary:
                    temporary.unlink(missing_ok=True)
    for path in wanted:
        job.output("segmentation", path.stem, path)


def _check_outputs(paths: Sequence[Path], replace: bool) -> None:
    for path in paths:
        if path.suffix.lower() not in (*MRC_ENDINGS, *HDF5_ENDINGS):
            raise UserError(f"The ending of {path} stands for no format: use {', '.join(MRC_ENDINGS + HDF5_ENDINGS)}.")
        if path.exists() and not replace:
            raise UserError(f"{path} exists already: name another file, or add --replace.")
    with explain_os_errors(paths[0].parent, "create"):
        paths[0].parent.mkdir(parents=True, exist_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.part.mrc")
