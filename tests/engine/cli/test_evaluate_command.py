"""`python -m engine evaluate` as people and scripts meet it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main
from engine.evaluation import METRICS
from engine.objects import table_from_centroids
from engine.project import Project
from engine.volumes import write_mrc


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """The command in this process: status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engine", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "truth.csv").write_text(
        "class_label,class_name,x,y,z,rot,tilt,psi\n1,ribosome,10,10,10,0,0,0\n2,gold,50,50,20,0,0,0\n"
        "13,vesicle,80,80,30,0,0,0\n"
    )
    (tmp_path / "picks.csv").write_text("x,y,z,score\n11,10,10,0.9\n50,52,20,0.5\n5,90,5,0.1\n")
    return tmp_path / "picks.csv", tmp_path / "truth.csv"


def test_the_table_has_metric_and_threshold_beside_the_scores(engine: Callable, files: tuple[Path, Path]) -> None:
    status, out, err = engine(
        *files, "--voxel-size", 10, "--class-agnostic", "--classes", "1-12", "--shape", "40,96,96"
    )
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("one-to-one, 100 Å = 10 voxels, class-agnostic.")
    row = next(line for line in lines if line.startswith("all"))
    assert row.split()[:11] == ["all", "one-to-one", "100", "2", "3", "2", "1", "0", "0.667", "1.000", "0.800"]
    heads = next(line for line in lines if line.startswith("class "))
    assert heads.index("F1") + 2 == row.index("0.800") + 5  # numbers stand under their heads


def test_json_is_one_object_with_everything(engine: Callable, files: tuple[Path, Path]) -> None:
    status, out, err = engine(*files, "--voxel-size", 10, "--class-agnostic", "--distance", 25, "--json", "--list")
    found = json.loads(out)
    assert status == 0 and found["state"] == "done", err
    assert found["metric"] == "one-to-one" and found["distance"] == 25 and found["threshold"] == "25 Å = 2.5 voxels"
    assert found["scores"][0]["tp"] == 2 and found["scores"][0]["fn"] == 1
    assert [m["class"] for m in found["misses"]] == ["vesicle"]
    assert [(p["x"], p["why"]) for p in found["false_picks"]] == [(5.0, "nothing near")]
    assert "farthest reference" in found["notes"][0]  # the extent of the volume was not given


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_runs_and_is_explained(engine: Callable, files: tuple[Path, Path], metric: str) -> None:
    status, out, err = engine(*files, "--voxel-size", 10, "--metric", metric, "--class-agnostic", "--json")
    assert status == 0, err
    assert json.loads(out)["scores"][0]["recall"] == pytest.approx(2 / 3)


def test_help_says_what_each_metric_means(engine: Callable) -> None:
    status, out, _ = engine("--help")
    words = " ".join(out.split())
    assert status == 0 and "python -m engine evaluate picks.csv truth.csv" in words
    assert all(f"{name}:" in words for name in METRICS)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "give it with --voxel-size"),
        (["--voxel-size", 10, "--metric", "magic"], "choose one of one-to-one, picket"),
        (["--voxel-size", 10, "--distance", -5], "distance = -5"),
        (["--voxel-size", 0], "voxel-size = 0"),
        (["--voxel-size", 10, "--classes", "20-30"], "no class with label 20-30"),
        (["--voxel-size", 10, "--classes", "nothing"], "no class 'nothing'"),
        (["--voxel-size", 10, "--z", "high"], "--z 'high'"),
        (["--voxel-size", 10, "--z", "50-60"], "No reference is left"),
        (["--voxel-size", 10, "--shape", "3,4"], "--shape '3,4'"),
        (["--voxel-size", 10, "--metric", "kaggle", "--radius", "gold"], "--radius 'gold'"),
        (["--voxel-size", 10, "--metric", "kaggle", "--radius", "iron=5"], "'iron', which is no class"),
        (["--voxel-size", 10, "--tomograms", "ts_9"], "no tomogram 'ts_9'"),
    ],
)
def test_what_the_user_can_mend_is_status_2_and_one_sentence(
    engine: Callable, files: tuple[Path, Path], options: list, sentence: str
) -> None:
    status, out, err = engine(*files, *options, "--json")
    assert status == 2 and sentence in err and len(err.strip().splitlines()) == 1
    assert json.loads(out)["state"] == "failed"


def test_tables_of_a_project_go_by_name(engine: Callable, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data/ts_01.mrc", np.zeros((20, 40, 48), np.float32), (10.0, 10.0, 10.0))
    project = Project.create(tmp_path / "project")
    project.add_source(str(tmp_path / "data"))
    geometry = project.geometry("ts_01")
    for name, shift in (("truth", 0), ("picks", 2)):
        project.tables.create(name, table_from_centroids("ts_01", geometry, np.full((1, 3), 10.0) + shift), {})
    status, out, err = engine("picks", "truth", "--project", project.root, "--distance", 35, "--json")
    assert status == 0, err
    assert json.loads(out)["scores"][0]["f1"] == 1 and json.loads(out)["notes"] == []
    status, _, err = engine("nothing", "truth", "--project", project.root)
    assert status == 2 and "no table of the project (tables: picks, truth)" in err


def test_as_a_program_of_its_own(files: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "engine", "evaluate", *map(str, files)]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2 and refused.stdout == "" and "Traceback" not in refused.stderr
    done = subprocess.run([*command, "--voxel-size", "10", "--class-agnostic"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("one-to-one") and done.stderr == ""
