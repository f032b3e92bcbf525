"""How well a 3D network finds the particles of simulated tomograms after a given budget of training.

The whole road with the tasks that a user launches: targets (shapes of the 12 proteins, placed as annotated), training
on sim_001 and sim_002 with sim_003 as validation, segmentation with score maps, limits per class fitted on sim_003,
objects by peaks. Everything is chosen on sim_001 to sim_003; sim_004 is only reported. Two rules of scoring: SHREC's
(the particle whose shape holds the pick; further picks in it are false) and one to one (Hungarian, within 100 Å and
50 Å). Classes 1–12; gold and vesicles are neither references nor taught. Simulated data: none of these scores says how
well anything works on real tomograms.

Run: `python benchmarks/quality_3d.py [--folder F] [--epochs N]`. The project is kept in F (default: a temporary
folder). Run again with the same F: a training that was stopped goes on, and a finished one is not done again.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.evaluation import Settings, evaluate
from engine.objects import ObjectTable
from engine.project import Project
from engine.tasks import find_task, validated
from engine.tasks.cluster_parameters import ClusterParameters
from engine.tasks.cluster_thresholds import fit_on_reference
from engine.terminal import EchoJob
from engine.training.history import read_metrics
from engine.volumes import open_volume, write_mrc

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TOMODECK_TEST_DATA", ROOT.parent / "shared" / "data"))
TRAIN, VALIDATION, REPORTED = ("sim_001", "sim_002"), "sim_003", "sim_004"
CLASSES = ("1s3x", "3qm1", "3gl1", "3h84", "2cg9", "3d2f", "1u6g", "3cf3", "1bxn", "1qvr", "4cr2", "5mrc")
LARGE = ("4cr2", "5mrc")
VOXEL_SIZE = 10.0
SHAPE_LEVEL = 0.1
"""Part of the highest density of a protein from which on a voxel belongs to its shape."""


def set_up(root: Path) -> Project:
    """The project with tomograms, classes, shapes and the truth as an object table."""
    if (root / "tomodeck.yaml").exists():
        return Project.open(root)
    project = Project.create(root, "Quality of a 3D network, simulated")
    names = (*TRAIN, VALIDATION, REPORTED)
    for name in names:
        project.add_source(str(DATA / "simulated" / f"{name}.mrc"))
    (root / "masks").mkdir()
    for name in CLASSES:
        with open_volume(DATA / "templates" / f"{name}.mrc") as opened:
            density = np.asarray(opened.read())
        mask = density > SHAPE_LEVEL * density.max()
        write_mrc(root / "masks" / f"{name}.mrc", mask.astype(np.int8), (VOXEL_SIZE,) * 3)
        project.add_class(name, round(float(np.cbrt(3 * mask.sum() / (4 * np.pi)) * VOXEL_SIZE), 1))
    tables = []
    for name in names:
        rows = pd.read_csv(DATA / "simulated" / f"{name}_objects.csv")
        tables.append(rows[rows["class_label"] <= len(CLASSES)].assign(tomogram=name))
    rows = pd.concat(tables, ignore_index=True).rename(columns={"class_name": "class"})
    rows["id"] = np.arange(1, len(rows) + 1)
    rows = rows[["tomogram", "class", "x", "y", "z", "rot", "tilt", "psi", "id"]]
    project.tables.create("truth", ObjectTable(rows, {name: project.geometry(name) for name in names}), {})
    return project


def run(project: Project, task_name: str, **parameters: Any) -> float:
    """Run a task as a page or the command line would; returns seconds."""
    task = find_task(task_name)
    began = time.perf_counter()
    task.run(validated(task, parameters), project, EchoJob())
    return time.perf_counter() - began


def train(project: Project, options: argparse.Namespace) -> float:
    """Train, go on with a training that was stopped, or leave a finished one; returns the seconds of its epochs."""
    folder = project.root / "models" / "network"
    done = len(read_metrics(folder)) if (folder / "metrics.csv").exists() else 0
    if done < options.epochs:
        run(
            project,
            "train",
            targets=[f"{name}__target" for name in TRAIN],
            validation=[f"{VALIDATION}__target"],
            objects="truth",
            classes=list(CLASSES),
            architecture=options.network,
            patch=options.patch,
            batch=options.batch,
            epochs=options.epochs,
            steps_per_epoch=options.steps,
            steps_per_validation=5,
            half_turns="all axes",
            gain=0.1,
            noise=0.2,
            learning_rate=options.learning_rate,
            schedule="cosine",
            judge_every=options.judge_every,
            seed=options.seed,
            resume=done > 0,
            name="network",
        )
    return sum(row["seconds"] for row in read_metrics(folder))


def particle_map(name: str, truth: pd.DataFrame) -> np.ndarray:
    """Each voxel's particle (its id) as SHREC scores it: the nearest one of the class of the voxel; 0 = none."""
    with open_volume(DATA / "simulated" / f"{name}_labels.mrc.gz") as opened:
        labels = np.asarray(opened.read())
    ids = np.zeros(labels.shape, np.int64)
    for number, class_name in enumerate(CLASSES, 1):
        mine = truth[truth["class"] == class_name]
        voxels = np.argwhere(labels == number)
        if len(mine) and len(voxels):
            _, nearest = cKDTree(mine[["z", "y", "x"]].to_numpy()).query(voxels)
            ids[tuple(voxels.T)] = mine["id"].to_numpy()[nearest]
    return ids


def find(project: Project, name: str, table: str, limits: dict[str, dict[str, float]]) -> pd.DataFrame:
    """The objects of a tomogram with these limits."""
    task, job = find_task("cluster"), EchoJob()
    task.run(validated(task, {"segmentations": [f"{name}__network"], "name": table, **limits}), project, job)
    return project.table(job.outputs[-1]["name"]).rows


def report(project: Project, name: str, picks: pd.DataFrame) -> None:
    """Print the scores of one tomogram."""
    geometry = {name: project.geometry(name)}
    truth = project.table("truth").rows
    truth = truth[truth["tomogram"] == name]
    reference, prediction = ObjectTable(truth, geometry), ObjectTable(picks, geometry)
    found = {
        "SHREC": evaluate(
            prediction, reference, Settings(metric="shrec", repeats=3), {name: particle_map(name, truth)}
        ),
        "one to one, 100 Å": evaluate(prediction, reference, Settings(repeats=3)),
        "one to one, 50 Å": evaluate(prediction, reference, Settings(distance=50, repeats=3)),
    }
    anywhere = {
        distance: evaluate(prediction, reference, Settings(distance=distance, class_agnostic=True, repeats=3))
        for distance in (100.0, 50.0)
    }
    print(f"\n{name}, simulated: {len(picks)} picks, {len(truth)} particles")
    everything = found["SHREC"].scores.iloc[0]
    print(f"  localisation, SHREC: F1 {everything.f1:.3f} (P {everything.precision:.3f}, R {everything.recall:.3f})")
    for distance, scored in anywhere.items():
        row = scored.scores.iloc[0]
        print(
            f"  localisation, one to one within {distance:g} Å: F1 {row.f1:.3f} (P {row.precision:.3f}, "
            f"R {row.recall:.3f}; as many random points {row.random_f1:.3f})"
        )
    by_class = {rule: scored.scores.iloc[1:].set_index("class") for rule, scored in found.items()}
    for rule, rows in by_class.items():
        print(f"  macro-F1, {rule}: {rows['f1'].reindex(CLASSES).fillna(0).mean():.3f}")
    few = picks[picks["class"].isin(LARGE)], truth[truth["class"].isin(LARGE)]
    for distance in (100.0, 50.0):
        pooled = evaluate(
            ObjectTable(few[0], geometry), ObjectTable(few[1], geometry), Settings(distance=distance, repeats=3)
        )
        row = pooled.scores.iloc[0]
        print(
            f"  {' and '.join(LARGE)} together, one to one within {distance:g} Å, class by class: "
            f"recall {row.recall:.3f} at precision {row.precision:.3f}"
        )
    print(f"  {'class':8}{'particles':>10}{'picks':>7}" + "".join(f"{f'F1 {rule}':>22}" for rule in by_class))
    for class_name in CLASSES:
        counts = (truth["class"] == class_name).sum(), (picks["class"] == class_name).sum()
        scores = "".join(f"{rows['f1'].get(class_name, 0.0):22.3f}" for rows in by_class.values())
        print(f"  {class_name:8}{counts[0]:10}{counts[1]:7}{scores}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--folder", type=Path, help="of the project; kept")
    arguments.add_argument("--network", default="residual-unet")
    arguments.add_argument("--epochs", type=int, default=24)
    arguments.add_argument("--steps", type=int, default=100, help="per epoch")
    arguments.add_argument("--batch", type=int, default=4)
    arguments.add_argument("--patch", type=int, default=48)
    arguments.add_argument("--learning-rate", type=float, default=1e-3)
    arguments.add_argument("--judge-every", type=int, default=6)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    if not (DATA / "simulated" / f"{REPORTED}.mrc").exists():
        print(f"{DATA / 'simulated'} is not there: set TOMODECK_TEST_DATA to the folder of the test data.")
        return
    with tempfile.TemporaryDirectory() as temporary:
        measure((options.folder or Path(temporary) / "project").resolve(), options)


def measure(root: Path, options: argparse.Namespace) -> None:
    """The road from the annotations to the scores."""
    import torch

    project = set_up(root)
    run(
        project,
        "targets",
        table="truth",
        tomograms=[*TRAIN, VALIDATION],
        classes=list(CLASSES),
        strategy="shapes",
        masks={name: f"masks/{name}.mrc" for name in CLASSES},
    )
    seconds = train(project, options)
    segmented = run(
        project, "segment", tomograms=[VALIDATION, REPORTED], model="network", score_maps=True, replace=True
    )
    fitting = ClusterParameters(segmentations=[f"{VALIDATION}__network"])
    truth = project.table("truth")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    fitted = fit_on_reference(project, fitting, truth, device=device)
    limits = {
        "min_score_by_class": {n: f.score for n, f in fitted.items() if f.score is not None},
        "min_size_by_class": {n: float(f.size) for n, f in fitted.items() if f.size is not None},
    }
    where = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(
        f"budget: {options.epochs * options.steps:,} steps of {options.batch} patches of {options.patch}³ with "
        f"{options.network}, {seconds / 60:.1f} min of epochs with their validation, {where}; segmenting two tomograms "
        f"with score maps {segmented:.0f} s"
    )
    print("limits fitted on sim_003: " + ", ".join(f"{n} {f.score or 0:.2f}/{f.size or 0}" for n, f in fitted.items()))
    for name in (VALIDATION, REPORTED):
        report(project, name, find(project, name, f"picks_{name}", limits))


if __name__ == "__main__":
    main()
