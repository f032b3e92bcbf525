"""Which tasks there are. A new task is one file in this folder and one line here."""

from engine.errors import UserError
from engine.tasks import cluster, extract, fit_limits, next_round, pick, segment, simulate, targets, train, unsupervised
from engine.tasks.task import Task

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        unsupervised.TASK,
        pick.TASK,
        targets.TASK,
        train.TASK,
        segment.TASK,
        cluster.TASK,
        next_round.TASK,
        fit_limits.TASK,
        extract.TASK,
        simulate.TASK,
    )
}


def find_task(name: str) -> Task:
    """The task called `name`. Raises UserError, listing the known ones, when there is none."""
    if name not in TASKS:
        raise UserError(f"There is no task {name!r} (tasks: {', '.join(TASKS)}).")
    return TASKS[name]
