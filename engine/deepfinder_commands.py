"""DeepFinder's commands with its own parameter files and flags: `python -m engine deepfinder …`.

What they do is in `engine.tasks`; nothing of a project is needed.
"""

from pathlib import Path
from typing import Annotated

import typer

from engine.terminal import run_files

app = typer.Typer(help="DeepFinder's own commands, files and flags, without a project.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.callback()
def deepfinder() -> None:
    """DeepFinder's own commands, files and flags, without a project."""


@app.command("generate_target", epilog="Example: python -m engine deepfinder generate_target -p target.xml")
def generate_target(
    params: Annotated[Path, typer.Option("-p", metavar="XML", help="DeepFinder's file, <paramsGenerateTarget>.")],
    mended: Annotated[
        bool, typer.Option("--mended", help="Whole spheres about exact centres; else DeepFinder's very voxels.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a target that exists.")] = False,
    as_json: Json = False,
) -> None:
    """Make a target, a label map to train on, from an object list: spheres, or masks with orientation."""
    from engine.tasks.deepfinder_targets import run_file

    run_files(lambda path, job: run_file(path, job, compat=not mended, replace=replace), params, as_json)


@app.command("train", epilog="Example: python -m engine deepfinder train -p train.xml")
def train(
    params: Annotated[Path, typer.Option("-p", metavar="XML", help="DeepFinder's file, <paramsTrain>.")],
    weights: Annotated[Path | None, typer.Option("-w", metavar="WEIGHTS", help="Begin with these (.h5).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in path_out.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write over results in path_out.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same network.")] = 0,
    as_json: Json = False,
) -> None:
    """Train DeepFinder's network as DeepFinder does."""
    from engine.tasks.deepfinder_train import run_file

    run_files(
        lambda path, job: run_file(path, job, weights=weights, resume=resume, replace=replace, seed=seed),
        params,
        as_json,
    )


@app.command(
    "segment", epilog="Example: python -m engine deepfinder segment -t tomo.mrc -w net_weights_FINAL.h5 -o l.mrc"
)
def segment(
    tomogram: Annotated[Path, typer.Option("-t", metavar="TOMOGRAM", help="MRC, HDF5 or TIFF.")],
    weights: Annotated[Path, typer.Option("-w", metavar="WEIGHTS", help="DeepFinder's weight file (.h5).")],
    output: Annotated[Path, typer.Option("-o", metavar="LABELS", help="The label map: .mrc or .h5.")],
    classes: Annotated[
        int | None, typer.Option("-c", min=2, help="Classes with background; left out, it is found in the weights.")
    ] = None,
    patch: Annotated[
        int | None, typer.Option("-p", help="DeepFinder's tiles of this edge; left out, far fewer and larger ones.")
    ] = None,
    binned: Annotated[bool, typer.Option("-bin", help="Also a label map of half the size, <LABELS>_binned.")] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="Write over label maps that exist.")] = False,
    as_json: Json = False,
) -> None:
    """Segment a tomogram with weights trained by DeepFinder."""
    from engine.tasks.deepfinder_segment import run_files as step

    run_files(
        lambda path, job: step(
            path, weights, output, job, classes=classes, patch=patch, binned=binned, device=device, replace=replace
        ),
        tomogram,
        as_json,
    )


@app.command("cluster", epilog="Example: python -m engine deepfinder cluster -l labels_binned.mrc -r 5 -o objects.xml")
def cluster(
    label_map: Annotated[Path, typer.Option("-l", metavar="LABELS", help="Label map: .mrc or .h5.")],
    radius: Annotated[float, typer.Option("-r", help="Of the ball of mean shift, voxels of the label map.")],
    output: Annotated[Path, typer.Option("-o", metavar="LIST", help="The object list: .xml, .xlsx or .txt.")],
    min_size: Annotated[int, typer.Option("--min-size", min=1, help="Leave out objects of fewer voxels.")] = 1,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a list that exists.")] = False,
    as_json: Json = False,
) -> None:
    """Find the objects in a label map as DeepFinder does: one mean shift over all classes."""
    from engine.tasks.deepfinder_cluster import run_files as step

    run_files(lambda path, job: step(path, radius, output, job, min_size=min_size, replace=replace), label_map, as_json)
