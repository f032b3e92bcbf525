"""The queue's settings: what a person may set wrongly is told before anything is launched."""

import fcntl
import os
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.jobs.slots import gpu_ids, slot_names, slots_folder, take_slot, take_ticket


@pytest.mark.parametrize("value", ["abc", "0", "-2", "1.5"])
def test_a_wrong_number_of_cpu_slots_is_named(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path / "slots"))
    monkeypatch.setenv("TOMODECK_CPU_SLOTS", value)
    with pytest.raises(UserError, match=f"TOMODECK_CPU_SLOTS is '{value}'"):
        take_ticket("cpu")
    assert not (tmp_path / "slots").exists()


@pytest.mark.parametrize(
    ("visible", "ids"),
    [("2,3", ["2", "3"]), ("", []), ("-1", []), ("1,-1,2", ["1"]), ("GPU-ab12, MIG-c/1/0", ["GPU-ab12", "MIG-c/1/0"])],
)
def test_gpu_slots_are_those_that_the_user_left_visible(
    visible: str, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_ids() == ids and slot_names("gpu") == [f"gpu{i}" for i in ids]


def test_a_job_sees_only_the_gpu_of_its_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path))
    for taken in ("2", "MIG-c/1/0"):  # the first is still held when the second is taken
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,MIG-c/1/0")
        ticket, handle = take_ticket("gpu")
        assert take_slot(ticket, lambda ahead: None) == f"gpu{taken}"
        assert os.environ["CUDA_VISIBLE_DEVICES"] == taken
        os.close(handle)
        assert not ticket.exists()


def test_a_job_of_several_gpus_takes_them_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is still in use, the job keeps the other; whoever comes later waits behind it."""
    monkeypatch.setenv("TOMODECK_SLOTS", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(UserError, match="3 GPUs are asked for and there are 2"):
        take_ticket("gpu", 3)
    holder = os.open(tmp_path / "gpu0.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    ticket, handle = take_ticket("gpu", 2)
    later, later_handle = take_ticket("gpu")
    looks: list[int] = []

    def look(ahead: int) -> None:
        looks.append(ahead)
        if len(looks) == 3:
            other = os.open(tmp_path / "gpu1.lock", os.O_RDWR)
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(other)
            os.close(holder)

    assert take_slot(ticket, look, 2) == "gpu1, gpu0"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,0" and looks[:3] == [0, 0, 0]
    assert later.exists()
    for opened in (handle, later_handle):
        os.close(opened)


def test_a_file_in_the_place_of_the_queue_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place in (file, file / "below"):
        monkeypatch.setenv("TOMODECK_SLOTS", str(place))
        with pytest.raises(UserError, match=rf"{place}.*TOMODECK_SLOTS"):
            take_ticket("cpu")


def test_the_default_place_must_be_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOMODECK_SLOTS", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = slots_folder()
    assert path == tmp_path / f"tomodeck-{os.getuid()}" and path.stat().st_mode & 0o777 == 0o700
    path.chmod(0o777)
    with pytest.raises(UserError, match="TOMODECK_SLOTS"):
        slots_folder()
    path.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o700)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="not a private folder"):
        slots_folder()
    path.unlink()
    path.mkdir(mode=0o700)
    other = os.getuid() + 1
    monkeypatch.setattr("os.getuid", lambda: other)
    path.rename(tmp_path / f"tomodeck-{other}")
    with pytest.raises(UserError, match="another user's"):
        slots_folder()
