"""Running tasks in the background, here today and on a cluster through the same folder later (DESIGN section 5)."""

from engine.jobs.folder import JobRecord, list_jobs, read_job
from engine.jobs.launch import cancel, delete, launch, retry

__all__ = ["JobRecord", "cancel", "delete", "launch", "list_jobs", "read_job", "retry"]
