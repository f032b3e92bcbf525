"""A job in the foreground of a command line: the same folder, queue and record as one in the background."""

import os
from collections.abc import Callable
from typing import Any

from engine.errors import explain_os_errors
from engine.jobs.launch import make_job, slot_kind, slots_needed
from engine.jobs.slots import take_ticket
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
        Unknown task, parameters out of range, a project or queue that cannot be written: nothing was started.
    """
    task = find_task(task_name)
    parameters = validated(task, raw)
    ticket, handle = take_ticket(slot_kind(task), slots_needed(task, parameters))
    try:
        folder = make_job(project, task, parameters)
        raise_on_term()
        with explain_os_errors(folder, "write"):
            status = work(folder, ticket, echo)
    finally:
        os.close(handle)
        ticket.unlink(missing_ok=True)
    return {**status, "job": folder.name}
