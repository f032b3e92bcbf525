"""Jobs as a person meets them: real worker processes on small volumes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.errors import UserError
from engine.jobs import JobRecord, cancel, delete, launch, list_jobs, read_job, retry
from engine.project import Project
from engine.volumes import open_volume, write_mrc


@pytest.fixture(autouse=True)
def own_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    volume = rng.normal(size=shape).astype(np.float32)
    volume[shape[0] // 2 - 2 : shape[0] // 2 + 2, 10:20, 10:20] -= 5
    return volume


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data" / "small.mrc", noise((16, 32, 32)), (10.0, 10.0, 10.0))
    write_mrc(tmp_path / "data" / "large.mrc", noise((96, 256, 256)), (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    return made


def wait(job: JobRecord, *states: str, seconds: float = 90) -> JobRecord:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = read_job(job.folder)
        if now.state in states:
            return now
        if not now.active:
            break
        time.sleep(0.05)
    raise AssertionError(f"{now.state}, not {states}: {now.message}\n{now.log()}")


def remove_while_written(folder: Path, seconds: float = 30) -> None:
    """Delete a folder as a person does: again, when a file was written between the listing and the removal."""
    deadline = time.monotonic() + seconds
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > deadline:
                raise


def test_a_job_runs_and_says_what_it_made(project: Project) -> None:
    job = wait(launch(project, "unsupervised", {"tomograms": ["small"]}), "done")
    assert job.outputs[0]["name"] == "intensities_kmeans"
    with open_volume(job.outputs[0]["path"]) as volume:
        assert volume.shape == (16, 32, 32) and volume.voxel_size == (10.0, 10.0, 10.0)
    made_by = project.segmentation("small__intensities_kmeans").made_by
    assert made_by["task"] == "unsupervised" and made_by["input"]["path"].endswith("small.mrc")
    assert "Features array of shape: (9408, 125)" in job.log()


def test_rerun_keeps_what_stands_and_never_overwrites_silently(project: Project) -> None:
    first = wait(launch(project, "unsupervised", {"tomograms": ["small"]}), "done")
    path = Path(first.outputs[0]["path"])
    made = path.stat().st_mtime_ns
    again = wait(retry(project, first), "done")
    assert again.items[0]["state"] == "skipped" and path.stat().st_mtime_ns == made
    other = {"tomograms": ["small"], "neighbourhood_size": 3}
    refused = wait(launch(project, "unsupervised", other), "failed")
    assert "choose another name" in refused.message and path.stat().st_mtime_ns == made
    wait(launch(project, "unsupervised", {**other, "replace": True}), "done")
    assert path.stat().st_mtime_ns != made


def test_one_bad_tomogram_does_not_stop_the_others(project: Project, tmp_path: Path) -> None:
    flat = np.ones((16, 32, 32), np.float32)
    write_mrc(tmp_path / "data" / "flat.mrc", flat, (10.0, 10.0, 10.0))
    flat[3, 3, 3] = np.nan
    write_mrc(tmp_path / "data" / "nan.mrc", flat, (10.0, 10.0, 10.0))
    job = wait(launch(project, "unsupervised", {"tomograms": ["flat", "nan", "small"]}), "failed")
    assert [i["state"] for i in job.items] == ["failed", "failed", "done"]
    assert job.message.startswith("2 of 3 failed")
    assert len(project.segmentations("small")) == 1
    assert not job.is_bug


def test_bad_parameters_start_nothing(project: Project) -> None:
    for raw, sentence in (
        ({"tomograms": ["small"], "neighbourhood_size": 4}, "odd"),
        ({"tomograms": []}, "tomograms"),
        ({"tomograms": ["small"], "lower_z": 9, "upper_z": 3}, "exchange"),
        ({"tomograms": ["small"], "colour": 1}, "colour is not a parameter"),
        ({"tomograms": ["small"], "seed": "abc"}, "seed = 'abc'"),
    ):
        with pytest.raises(UserError, match=sentence):
            launch(project, "unsupervised", raw)
    with pytest.raises(UserError, match="no task 'nonsense'"):
        launch(project, "nonsense", {})
    assert list_jobs(project.root) == []


def test_z_limits_outside_the_volume_name_the_slices(project: Project) -> None:
    job = wait(launch(project, "unsupervised", {"tomograms": ["small"], "lower_z": 10, "upper_z": 400}), "failed")
    assert "400" in job.message and "16" in job.message


def test_cancel_ends_the_whole_tree(project: Project) -> None:
    job = wait(launch(project, "unsupervised", {"tomograms": ["large"]}), "running")
    tree = [psutil.Process(job.process["pid"]), *psutil.Process(job.process["pid"]).children(recursive=True)]
    cancel(job)
    ended = wait(job, "cancelled", seconds=20)
    _, alive = psutil.wait_procs(tree, timeout=10)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert not project.segmentations("large")
    assert not list((project.root / "segmentations").glob(".*part"))
    with pytest.raises(UserError, match="nothing to cancel"):
        cancel(ended)


def test_jobs_wait_their_turn_and_a_killed_one_frees_its_slot(project: Project) -> None:
    first = launch(project, "unsupervised", {"tomograms": ["large"], "name": "one"})
    second = launch(project, "unsupervised", {"tomograms": ["small"], "name": "two"})
    third = launch(project, "unsupervised", {"tomograms": ["small"], "name": "three"})
    first = wait(first, "running")
    assert read_job(second.folder).state == "queued" == read_job(third.folder).state
    cancel(second)
    wait(second, "cancelled")
    os.killpg(first.process["pid"], signal.SIGKILL)
    lost = wait(first, "lost")
    assert "Run again" in lost.message
    wait(third, "done")
    delete(read_job(second.folder))
    assert len(list_jobs(project.root)) == 2


def test_a_job_outlives_its_launcher(project: Project) -> None:
    script = (
        "from engine.project import Project; from engine.jobs import launch; import os, signal, sys;"
        "print(launch(Project.open(sys.argv[1]), 'unsupervised', {'tomograms': ['large']}).folder, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    launcher = subprocess.run([sys.executable, "-c", script, str(project.root)], capture_output=True, text=True)
    assert launcher.returncode == -signal.SIGKILL
    folder = Path(launcher.stdout.strip())
    wait(read_job(folder), "done")


def test_a_deleted_project_ends_its_job_and_comes_not_back(project: Project, tmp_path: Path) -> None:
    job = wait(launch(project, "unsupervised", {"tomograms": ["large"]}), "running")
    remove_while_written(project.root)
    process = psutil.Process(job.process["pid"])
    gone, _ = psutil.wait_procs([process], timeout=60)
    assert gone or process.status() == psutil.STATUS_ZOMBIE
    assert not project.root.exists()
    assert (tmp_path / "data" / "large.mrc").exists()


def test_states_of_folders_that_no_process_stands_behind(project: Project) -> None:
    job = wait(launch(project, "unsupervised", {"tomograms": ["small"]}), "done")
    status = json.loads((job.folder / "status.json").read_text())
    (job.folder / "status.json").write_text(
        json.dumps({**status, "state": "running", "process": {**status["process"], "started": 1.0}})
    )
    assert read_job(job.folder).state == "lost"  # same pid, other process
    (job.folder / "cancel.json").write_text("{}")
    assert read_job(job.folder).state == "cancelled"
    with pytest.raises(UserError, match="no job"):
        read_job(project.root / "jobs" / "20200101-000000-0000")


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_says_so_and_keeps_what_was_there(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data" / "big.mrc", noise((48, 256, 256)), (10.0, 10.0, 10.0))
    write_mrc(tmp_path / "data" / "small.mrc", noise((16, 32, 32)), (10.0, 10.0, 10.0))
    project = Project.create(small_disk / "project")
    project.add_source(str(tmp_path / "data"))
    wait(launch(project, "unsupervised", {"tomograms": ["small"]}), "done")
    job = wait(launch(project, "unsupervised", {"tomograms": ["big"]}), "failed")
    assert "full" in job.message and "MB free" in job.message
    assert not project.segmentations("big") and project.segmentations("small")
    assert not list((project.root / "segmentations").glob(".*"))
