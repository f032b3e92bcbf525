"""The command line as people and scripts meet it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.jobs import launch, read_job
from engine.jobs.slots import take_slot, take_ticket
from engine.project import Project
from engine.volumes import open_volume, write_mrc


@pytest.fixture(autouse=True)
def own_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    volume = np.random.default_rng(1).normal(size=(16, 40, 48)).astype(np.float32)
    volume[6:11, 10:16, 10:16] -= 6
    volume[6:11, 26:32, 30:36] -= 6
    write_mrc(tmp_path / "data" / "ts.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    return made


def engine(*arguments: object) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-m", "engine", *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_tasks_are_listed_with_their_parameters() -> None:
    status, out, _ = engine("tasks", "--json")
    listed = json.loads(out)
    assert status == 0 and {"unsupervised", "pick", "simulate"} <= set(listed)
    assert listed["pick"]["parameters"]["properties"]["min_distance"]["unit"] == "voxel"


def test_the_same_bytes_as_from_the_page(project: Project, tmp_path: Path) -> None:
    raw = {"tomograms": ["ts"], "lower_z": 2, "upper_z": 14}
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump({**raw, "name": "terminal"}))
    status, out, err = engine("run", "unsupervised", file, "--project", project.root)
    assert status == 0, err
    job = launch(project, "unsupervised", {**raw, "name": "page"})
    while read_job(job.folder).active:
        pass
    assert read_job(job.folder).state == "done"
    terminal, page = (project.segmentation(f"ts__{n}").path for n in ("terminal", "page"))
    assert out.strip() == str(terminal)
    with open_volume(terminal) as one, open_volume(page) as other:
        assert np.array_equal(one.read(), other.read())


def test_json_is_one_object_and_nothing_else(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("tomograms: [ts]\n")
    status, out, err = engine("run", "unsupervised", file, "-p", project.root, "--json")
    assert status == 0 and json.loads(out)["state"] == "done" and "Blurring" in err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tomograms: [nowhere]\n", "no tomogram 'nowhere'"),
        ("tomograms: [ts]\nneighbourhood_size: 4\n", "odd"),
        ("tomograms: [ts\n", "not valid YAML"),
        ("", "tomograms is missing"),
        ("tomograms: [ts]\nneighbourhood_size: 31\n", "15 or less"),
    ],
)
def test_what_the_user_can_mend_is_status_2_and_one_sentence(
    project: Project, tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    status, out, err = engine("run", "unsupervised", file, "-p", project.root, "--json")
    assert status == 2 and sentence in err and "Traceback" not in err
    assert json.loads(out)["state"] == "failed"


def test_missing_file_and_missing_project(project: Project, tmp_path: Path) -> None:
    status, _, err = engine("run", "unsupervised", tmp_path / "none.yaml", "-p", project.root)
    assert status == 2 and "no such file" in err
    status, _, err = engine("run", "unsupervised", tmp_path / "none.yaml", "-p", tmp_path / "nowhere")
    assert status == 2 and "not a Tomodeck project" in err


@pytest.mark.parametrize("command", ["tasks", "run", "demo", "picket-s1", "picket-s2"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    status, out, _ = engine(command, "--help")
    assert status == 0 and f"python -m engine {command}" in " ".join(out.split())


@pytest.fixture
def bad_tomograms(project: Project, tmp_path: Path) -> Project:
    for name in ("flat_1", "flat_2"):
        write_mrc(tmp_path / "data" / f"{name}.mrc", np.ones((16, 32, 32), np.float32), (10.0, 10.0, 10.0))
    return project


def test_why_something_failed_is_told_once(bad_tomograms: Project, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("tomograms: [flat_1]\n")
    status, out, err = engine("run", "unsupervised", file, "-p", bad_tomograms.root)
    assert status == 2 and not out
    assert err.count("same value 1") == 1 and err.rstrip().splitlines()[-1].startswith("flat_1 holds the same")


def test_all_that_failed_are_named_at_the_end(bad_tomograms: Project, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("tomograms: [flat_1, ts, flat_2]\nlower_z: 4\nupper_z: 10\n")
    status, out, err = engine("run", "unsupervised", file, "-p", bad_tomograms.root, "--json")
    last = "2 of 3 failed; the others are done. Failed: flat_1, flat_2."
    assert status == 2 and err.count("same value 1") == 2 and err.rstrip().splitlines()[-1] == last
    message = json.loads(out)["message"]
    assert message.startswith(f"{last} First: flat_1 holds the same value")


def test_picket_s1_tells_a_missing_tomogram_once(tmp_path: Path) -> None:
    params = {
        "dataset_name": "set",
        "output_dir": str(tmp_path),
        "neighborhood_size": 5,
        "max_num_neighborhoods_for_fitting": 1000,
        "inputs": [{"tomogram": str(tmp_path / "gone.mrc")}],
        "feature_extraction_params": [{"mode": "intensities"}],
        "clustering_methods": ["kmeans", "gmm"],
    }
    (tmp_path / "s1.yaml").write_text(yaml.safe_dump(params))
    status, _, err = engine("picket-s1", tmp_path / "s1.yaml")
    assert status == 2 and err.count("no such file") == 1, err
    assert err.rstrip().splitlines()[-1] == f"All 2 failed: {tmp_path / 'gone.mrc'} (intensities)."


def test_a_demo_says_that_it_waits_for_a_running_job(tmp_path: Path) -> None:
    ticket, handle = take_ticket("cpu")
    assert take_slot(ticket, lambda ahead: None) == "cpu0"
    command = [sys.executable, "-m", "engine", "demo", str(tmp_path / "demo")]
    waiting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert waiting.stderr is not None
        assert "Next in the queue: waiting for a running job to end" in waiting.stderr.readline()
    finally:
        waiting.kill()
        waiting.wait()
        os.close(handle)
