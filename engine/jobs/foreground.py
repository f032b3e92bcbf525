"""A job in the foreground of a command line: the same folder, queue and record as one in the background."""

import os
from collections.abc import Callable
from typing import Any

from engine.jobs.launch import make_job, slot_kind
from engine.jobs.slots import take_ticket, wait_for_slot
from engine.jobs.worker import raise_on_term, work
from engine.project import Project
from engine.tasks import find_task, validated


def run_here(project: Project, task_name: str, raw: Any, echo: Callable[[str], None]) -> dict[str, Any]:
    """Run a task in this process and wait for its end.

    Parameters
    ----------
    project
        Where it runs.
    task_name, raw
        The task and its unchecked parameters.
    echo
        Gets each line of progress and log.

    Returns
    -------
    The final status: state, message, outputs, job (its id).

    Raises
    ------
    UserError
        Unknown task or parameters out of range: nothing was started.
    """
    task = find_task(task_name)
    parameters = validated(task, raw)
    folder = make_job(project, task, parameters)
    ticket, handle = take_ticket(slot_kind(task), folder.name)
    told: list[int] = []

    def each_turn(ahead: int) -> None:
        if ahead and told != [ahead]:
            echo(f"Waiting for {ahead} job{'s' * (ahead > 1)} ahead in the queue …")
        told[:] = [ahead]

    def wait() -> str:
        slot, _ = wait_for_slot(slot_kind(task), ticket, each_turn)
        if slot.startswith("gpu"):
            os.environ["CUDA_VISIBLE_DEVICES"] = slot[3:]
        return slot

    raise_on_term()
    try:
        status = work(folder, wait, echo)
    finally:
        os.close(handle)
        ticket.unlink(missing_ok=True)
    return {**status, "job": folder.name}
