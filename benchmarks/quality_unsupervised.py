"""How well PickET's workflows, and what is suggested without labels, find the particles of simulated tomograms.

For each tomogram: six S1 workflows × two S2 modes (components, watershed with a least distance of 5) with PickET's
settings, with and without a size filter of 100 voxels; last, what is suggested without labels: the workflow
(`suggest_workflow`) and its picks (`suggest_picks`), with every setting and its reason. Scores are one to one
(Hungarian), class-agnostic over classes 1–12 (vesicles and gold are no references), within 100 Å and 50 Å, beside as
many random points. Fitting and picking between slices 16 and 112; S1 learns from 200,000 neighbourhoods, not from all.
Thresholds and steps were chosen on sim_001 to sim_003; sim_004 was only reported. Simulated data: none of these scores
says how well anything works on real tomograms.
Run: `python benchmarks/quality_unsupervised.py [sim_001 …]`; without names all four, in about nine minutes.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.errors import UserError
from engine.evaluation import Settings, evaluate
from engine.features import S1Parameters, segment_each
from engine.instances import S2Parameters, filter_sizes, find_instances, suggest_picks, suggest_workflow
from engine.instances.suggested_picks import SuggestedPicks, SuggestionParameters
from engine.objects import ObjectTable, TomogramGeometry
from engine.volumes import open_volume

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TOMODECK_TEST_DATA", ROOT.parent / "shared" / "data")) / "simulated"
TOMOGRAMS = ("sim_001", "sim_002", "sim_003", "sim_004")
VOXEL_SIZE = 10.0
LOWER, UPPER = 16, 112
SAMPLE = 200_000
SMALLEST = 100
THREADS = os.cpu_count() or 1
MODES = (("components", "connected_component_labeling"), ("watershed(5)", "watershed_segmentation"))
WORKFLOWS = [
    S1Parameters(mode=mode, method=method, lower_z=LOWER, upper_z=UPPER, max_neighbourhoods=SAMPLE)
    for mode in ("intensities", "gabor", "ffts")
    for method in ("kmeans", "gmm")
]


def tables(name: str, shape: tuple[int, int, int]) -> tuple[TomogramGeometry, ObjectTable]:
    """Geometry and references of classes 1–12."""
    geometry = TomogramGeometry(shape, (VOXEL_SIZE,) * 3)
    rows = pd.read_csv(DATA / f"{name}_objects.csv")
    rows = rows[rows["class_label"] <= 12].rename(columns={"class_name": "class"})
    rows = rows[["class", "x", "y", "z"]].assign(tomogram=name)
    return geometry, ObjectTable(rows, {name: geometry})


def scores(name: str, geometry: TomogramGeometry, reference: ObjectTable, centroids: np.ndarray) -> str:
    """The figures of one line."""
    rows = pd.DataFrame(centroids, columns=["z", "y", "x"]).assign(**{"class": "particle", "tomogram": name})
    prediction = ObjectTable(rows, {name: geometry})
    found = []
    for distance in (100.0, 50.0):
        settings = Settings(distance=distance, class_agnostic=True, lower_z=LOWER, upper_z=UPPER, repeats=3)
        row = evaluate(prediction, reference, settings).scores.iloc[0]
        found.append(f"{row.f1:.3f} {row.precision:.3f} {row.recall:.3f}  {row.random_f1:.3f}")
    return f"{len(centroids):7,}   " + "   ".join(found)


def lines(name: str, volume: np.ndarray) -> Iterator[str]:
    geometry, reference = tables(name, volume.shape)
    suggested: dict[str, SuggestedPicks] = {}
    for parameters, result in segment_each(volume, WORKFLOWS, threads=THREADS):
        workflow = f"{parameters.mode} {parameters.method}"
        if isinstance(result, UserError):
            yield f"{workflow}: {result}"
            continue
        for title, mode in MODES:
            _, found = find_instances(result.labels, S2Parameters(mode=mode, lower_z=LOWER, upper_z=UPPER))
            for what, instances in (("", found), (f" ≥ {SMALLEST}", filter_sizes(found, SMALLEST))):
                row = scores(name, geometry, reference, instances.centroids)
                yield f"{f'{workflow} + {title}{what}':42}{row}"
        suggested[workflow] = suggest_picks(volume, result.labels, SuggestionParameters(lower_z=LOWER, upper_z=UPPER))
    choice = suggest_workflow({name: picks.instances.scores for name, picks in suggested.items()})
    picks = suggested[choice.workflow]
    yield f"{'suggested without labels':42}{scores(name, geometry, reference, picks.instances.centroids)}"
    yield f"  workflow = {choice.workflow}: {choice.reason}"
    for setting in picks.settings:
        value = "none" if setting.value is None else f"{setting.value:.3g}"
        yield f"  {setting.name} = {value}: {setting.reason}"


def main(names: list[str]) -> None:
    for name in names:
        path = DATA / f"{name}.mrc"
        if not path.exists():
            print(f"{name}: {path} is not there: set TOMODECK_TEST_DATA to the folder of the test data.")
            continue
        with open_volume(path) as opened:
            volume = np.asarray(opened.read())
        began = time.perf_counter()
        print(
            f"{name}, simulated; z {LOWER}–{UPPER}, learnt from {SAMPLE:,} neighbourhoods, {THREADS} threads; one to "
            f"one, class-agnostic over classes 1–12; random = F1 of as many random points"
        )
        print(f"{'':42}{'picks':>7}   {'F1 P R random, 100 Å':<26}{'F1 P R random, 50 Å'}")
        for line in lines(name, volume):
            print(line, flush=True)
        print(f"  {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(TOMOGRAMS))
