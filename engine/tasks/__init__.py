"""Everything a person can launch: one file each, joining a science to a project (DESIGN section 4)."""

from engine.tasks.registry import TASKS, find_task
from engine.tasks.task import (
    Box,
    Job,
    Parameters,
    Preview,
    Task,
    read_checked,
    read_parameters,
    validated,
    write_parameters,
)

__all__ = [
    "TASKS",
    "Box",
    "Job",
    "Parameters",
    "Preview",
    "Task",
    "find_task",
    "read_checked",
    "read_parameters",
    "validated",
    "write_parameters",
]
