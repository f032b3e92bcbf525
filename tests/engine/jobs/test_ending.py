"""How jobs end: cancelled before they start, against their will, or on a full disk; and jobs that say nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from engine.errors import UserError
from engine.jobs import cancel, launch, list_jobs, read_job
from engine.jobs.launch import make_job
from engine.jobs.process import identity
from engine.jobs.slots import take_slot, take_ticket
from engine.jobs.worker import work
from engine.project import Project
from engine.tasks import find_task, validated

STUBBORN_CHILD = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)\ntime.sleep(60)"
)
START_CHILD = (
    "import subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN_CHILD!r}], stdout=subprocess.PIPE)\n"
    "child.stdout.readline(); print(child.pid, flush=True)\n"
)


@pytest.fixture(autouse=True)
def own_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def asked(project: Project) -> Path:
    """A job's folder before any process stands behind it."""
    task = find_task("unsupervised")
    return make_job(project, task, validated(task, {"tomograms": ["small"]}))


@pytest.fixture
def led_by() -> Iterator[Callable[[Path, str], tuple[psutil.Process, psutil.Process]]]:
    """Let a script that has a stubborn child lead the job of a folder; give both processes."""
    leaders = []

    def start(folder: Path, script: str) -> tuple[psutil.Process, psutil.Process]:
        leader = subprocess.Popen(
            [sys.executable, "-c", START_CHILD + script], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        leaders.append(leader)
        child = psutil.Process(int(leader.stdout.readline()))
        leader.stdout.readline()  # it is ready
        told = {"state": "running", "process": identity(leader.pid)}
        (folder / "status.json").write_text(json.dumps(told))
        return psutil.Process(leader.pid), child

    yield start
    for leader in leaders:
        try:
            os.killpg(leader.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        leader.wait()
        leader.stdout.close()


def gone(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_cancel_ends_a_child_that_outlives_its_leader(
    project: Project, led_by: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["engine.jobs.launch"], "GRACE", 1.0)  # the package's `launch` is the function
    folder = asked(project)
    leader, child = led_by(folder, "print('ready', flush=True)\nchild.wait()")
    cancel(read_job(folder))
    assert gone(leader, 0.8) and child.is_running()
    assert gone(child, 5)


def test_a_stubborn_worker_ends_though_nobody_insists(project: Project, led_by: Callable) -> None:
    script = (
        "from engine.jobs import worker\n"
        "worker.GRACE = 0.5\n"
        "worker.raise_on_term()\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    try: child.wait()\n"
        "    except BaseException: pass\n"
    )
    leader, child = led_by(asked(project), script)
    leader.terminate()
    assert gone(leader, 5) and gone(child, 5)


def test_a_job_of_another_user_is_not_cancelled(
    project: Project, led_by: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = asked(project)
    led_by(folder, "print('ready', flush=True)\nchild.wait()")
    request = yaml.safe_load((folder / "request.yaml").read_text())
    (folder / "request.yaml").write_text(yaml.safe_dump({**request, "user": "marie"}))

    def refuse(pid: int, number: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr("os.killpg", refuse)
        with pytest.raises(UserError, match="belongs to marie"):
            cancel(read_job(folder))
    assert read_job(folder).state == "running" and not (folder / "cancel.json").exists()


def test_a_job_that_waits_long_without_launch_json_is_queued_and_can_be_cancelled(project: Project) -> None:
    first, first_handle = take_ticket("cpu")
    take_slot(first, lambda ahead: None)  # this process holds the only slot
    folder = asked(project)
    request = yaml.safe_load((folder / "request.yaml").read_text())
    (folder / "request.yaml").write_text(yaml.safe_dump({**request, "created": time.time() - 100}))
    ticket, handle = take_ticket("cpu")
    code = "import sys; from engine.jobs.worker import main; from pathlib import Path; main(*map(Path, sys.argv[1:]))"
    worker = subprocess.Popen([sys.executable, "-c", code, str(folder), str(ticket)], pass_fds=(handle,))
    os.close(handle)
    try:
        deadline = time.monotonic() + 30
        while not (folder / "status.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        waiting = read_job(folder)
        assert waiting.state == "queued" and waiting.process["pid"] == worker.pid
        (folder / "cancel.json").write_text("{}")  # without a signal, as when the process was not known
        worker.wait(timeout=10)
        assert read_job(folder).state == "cancelled" and not ticket.exists()
    finally:
        worker.kill()
        worker.wait()
        os.close(first_handle)


def test_a_job_cancelled_before_its_process_is_known_never_runs(project: Project) -> None:
    folder = asked(project)
    cancel(read_job(folder))
    assert read_job(folder).state == "cancelling"
    ticket, handle = take_ticket("cpu")
    status = work(folder, ticket)
    os.close(handle)
    assert status["state"] == "cancelled" and "slot" not in status
    assert not (folder / ".reserve").exists()


def test_nothing_is_left_of_a_job_that_cannot_be_launched(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "file"))
    with pytest.raises(UserError, match="TOMODECK_SLOTS"):
        launch(project, "unsupervised", {"tomograms": ["small"]})
    assert not list(project.root.glob("jobs/*"))


def test_a_disk_that_filled_up_before_the_start_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = asked(project)
    real = os.replace

    def full(source: Path, target: Path) -> None:
        if (folder / ".reserve").exists():  # its bytes are the only ones to be had
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    ticket, handle = take_ticket("cpu")
    monkeypatch.setattr("os.replace", full)
    work(folder, ticket)
    os.close(handle)
    job = read_job(folder)
    assert job.state == "failed" and "full" in job.message and not job.is_bug


@pytest.mark.parametrize("text", ["", "[1, 2]", "task: 3\ncreated: 1.0\n", "task: pick\ncreated: soon\n", "\x00"])
def test_a_damaged_job_hides_no_other(project: Project, text: str) -> None:
    good, bad = asked(project), asked(project)
    (bad / "request.yaml").write_text(text)
    assert [job.folder for job in list_jobs(project.root)] == [good]
    with pytest.raises(UserError, match="no job"):
        read_job(bad)


def test_finished_jobs_are_read_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = asked(project)
    (folder / "status.json").write_text(json.dumps({"state": "done", "started": 1.0, "ended": 2.0}))
    first = list_jobs(project.root)
    reads = []
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *a, **k: reads.append(path) or real(path, *a, **k))
    assert list_jobs(project.root) == first and first[0].state == "done" and not reads
    os.utime(folder / "status.json", ns=(1, 1))
    assert list_jobs(project.root) == first and reads
