"""The command line as people and scripts meet it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.jobs import launch, read_job
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
        ("tomograms: [ts]\nneighbourhood_size: 31\n", "less than or equal to 15"),
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
