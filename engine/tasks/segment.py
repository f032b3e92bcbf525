"""Segment tomograms with a trained network: label maps and, by choice, score maps and binned label maps."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.project import Project
from engine.tasks.items import run_items
from engine.tasks.provenance import file_identity, stamp, still_stands
from engine.tasks.segment_files import SegmentTargets, binned_path, score_folder, write_segmentation
from engine.tasks.segment_models import SegmentModel, chosen_device, find_model
from engine.tasks.segment_parameters import SegmentParameters
from engine.tasks.segmenting import Progress, resampling_factors, segment_parts
from engine.tasks.task import Box, Job, Preview, Task
from engine.volumes import open_volume

NAME = "segment"


def run(parameters: SegmentParameters, project: Project, job: Job) -> None:
    """Write `segmentations/<tomogram>__<name>.mrc` for each tomogram, and what else was asked for beside it."""
    device = chosen_device(parameters.device)
    job.progress(0.0, f"loading the model {parameters.model}")
    model = find_model(project, parameters.model, device)
    if device == "cuda":
        job.log(f"Computing on {_gpu_name()}")

    def work(name: str, progress: Progress) -> str:
        tomogram = project.tomogram(name)
        source = project.readable(tomogram.path)
        targets = targets_of(parameters, project, name)
        made_from = file_identity(source)
        settings = parameters.decisive() | {"weights": model.weights, "voxel_size": list(tomogram.voxel_size)}
        factors = resampling_factors(name, tomogram.voxel_size, model, parameters)
        found = _already_there(parameters, project, name, targets, settings, made_from)
        if all(found) and (targets.scores is None or targets.scores.is_dir()):
            for path, name_of in _maps(parameters, targets):
                job.output("segmentation", name_of, path, tomogram=name)
            return f"kept {targets.labels.name}, made earlier with the same parameters"
        if factors:
            sizes = " × ".join(f"{f:.3f}" for f in factors)
            job.log(f"{name}: resampled by {sizes} (z, y, x) to the model's {model.voxel_size:g} Å")
        with open_volume(source) as volume:
            shape = (volume.shape[0], volume.shape[1], volume.shape[2])
            progress(0.0, "reading the densities")
            parts = segment_parts(volume, name, model, parameters, factors, progress=progress)
            counts = write_segmentation(
                targets, parts, model.labels, shape, tomogram.voxel_size, tomogram.origin, bin_parts=not factors
            )
        if targets.scores is None and not found[0]:
            shutil.rmtree(score_folder(targets.labels), ignore_errors=True)  # of another label map, now replaced
        facts = _facts(model, counts, factors)
        for path, name_of in _maps(parameters, targets):
            project.write_provenance(path, stamp(NAME, settings, made_from, **facts))
            job.output("segmentation", name_of, path, tomogram=name)
        voxels = {model.classes[label]["name"]: count for label, count in counts.items() if label and count}
        share = sum(voxels.values()) / sum(counts.values())
        if not voxels:
            return "every voxel is background"
        return f"{share:.2%} of the voxels belong to {len(voxels)} of {len(model.classes)} classes"

    run_items(job, parameters.tomograms, work)


def preview(parameters: SegmentParameters, project: Project, tomogram: str, box: Box) -> Preview:
    """The label map inside a box; its surroundings are read as far as the network sees."""
    found = project.tomogram(tomogram)
    model = find_model(project, parameters.model, chosen_device(parameters.device))
    factors = resampling_factors(tomogram, found.voxel_size, model, parameters)
    labels = np.array(model.labels)
    result = np.zeros(box.shape, labels.dtype)
    with open_volume(project.readable(found.path)) as volume:
        for part in segment_parts(volume, tomogram, model, parameters, factors, box=box.slices):
            place = tuple(slice(s.start - b, s.stop - b) for s, b in zip(part.region, box.start, strict=True))
            result[place] = labels[part.channels]
    shares = [
        f"{known['name']} {np.count_nonzero(result == label) / result.size:.1%}"
        for label, known in model.classes.items()
        if (result == label).any()
    ]
    return Preview(box, result, ", ".join(shares) or "every voxel is background")


def targets_of(parameters: SegmentParameters, project: Project, tomogram: str) -> SegmentTargets:
    """What is written for a tomogram, where."""
    labels = project.segmentation_path(tomogram, parameters.result_name)
    return SegmentTargets(
        labels,
        score_folder(labels) if parameters.score_maps else None,
        binned_path(labels) if parameters.binned else None,
    )


def _maps(parameters: SegmentParameters, targets: SegmentTargets) -> list[tuple[Path, str]]:
    """The label maps that are written, with their names."""
    maps = [(targets.labels, parameters.result_name)]
    if targets.binned is not None:
        maps.append((targets.binned, f"{parameters.result_name}_binned"))
    return maps


def _already_there(
    parameters: SegmentParameters,
    project: Project,
    tomogram: str,
    targets: SegmentTargets,
    settings: dict[str, Any],
    made_from: dict[str, Any],
) -> list[bool]:
    """Which of the label maps are there as they would be made. Raises UserError when another one is in the place."""
    standing = []
    for path, name in _maps(parameters, targets):
        if not path.exists():
            standing.append(False)
            continue
        made_by = project.segmentation(f"{tomogram}__{name}").made_by
        standing.append(still_stands(made_by, NAME, settings, made_from))
        if not standing[-1] and not parameters.replace:
            why = "was made with other parameters" if made_by else "does not say what made it"
            raise UserError(f"{path.name} exists and {why}: choose another name in 'Save as', or switch 'Replace' on.")
    return standing


def _facts(model: SegmentModel, counts: dict[int, int], factors: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "model": model.name,
        "classes": model.classes,
        "thresholds": model.thresholds,
        "labels": {str(label): count for label, count in counts.items()},
    }
    if factors:
        facts["resampled"] = {"factors": [float(f) for f in factors], "voxel_size": model.voxel_size}
    return facts


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name()


TASK = Task(
    name=NAME,
    title="Segment with a network",
    summary="Label the voxels of each tomogram with the classes that a trained network knows (DeepFinder's segment).",
    parameters=SegmentParameters,
    run=run,
    preview=preview,
    uses_gpu=True,
    subject=lambda p: f"{p.result_name} on {len(p.tomograms)} tomogram{'s' * (len(p.tomograms) > 1)}",
)
