"""How a job looks on a page: one row with its state, and a card that follows a job until it ends."""

from collections.abc import Callable

import streamlit as st

from dashboard.widgets.frame import explained
from dashboard.widgets.numbers import duration, moment
from engine.jobs import JobRecord, cancel, list_jobs
from engine.project import Project

STATE_COLOURS = {
    "queued": "gray", "running": "blue", "cancelling": "orange", "done": "green",
    "failed": "red", "cancelled": "gray", "lost": "orange",
}  # fmt: skip


def badge(job: JobRecord) -> str:
    """The state as Markdown."""
    return f":{STATE_COLOURS[job.state]}-badge[{job.state}]"


def time_words(job: JobRecord) -> str:
    """How long it has taken and how long it will take."""
    if job.state == "queued":
        return "waits for a free slot"
    parts = [duration(job.seconds)] if job.seconds is not None else []
    if job.seconds_left is not None:
        parts.append(f"about {duration(job.seconds_left)} left")
    return ", ".join(parts)


def progress_bar(job: JobRecord) -> None:
    """The bar of an active job with what it does and the time left."""
    words = " · ".join(part for part in (job.text, time_words(job)) if part)
    st.progress(min(max(job.fraction, 0.0), 1.0), text=words or job.state)


def follow(
    project: Project,
    task: str,
    key: str,
    of: Callable[[JobRecord], bool] = lambda job: True,
    called: str = "Last run",
) -> JobRecord | None:
    """Show the newest job of a task on the page that launched it: live while active, then its outcome.

    Returns the job as it is now, so that the page can offer the next step; the page is rerun once when it ends.

    Parameters
    ----------
    project, task
        Whose jobs.
    key
        For the keys of the widgets.
    of
        Which of them count, where a page is about one thing alone.
    called
        How a failure begins, where a page follows more than one task.
    """
    newest = next((j for j in list_jobs(project.root) if j.task == task and of(j)), None)
    if newest is None:
        return None
    if newest.active:

        @st.fragment(run_every=1.0)
        def live() -> None:
            with explained():
                job = next((j for j in list_jobs(project.root) if j.id == newest.id), None)
                if job is None or not job.active:
                    st.rerun()
                progress_bar(job)
                if job.state != "cancelling" and st.button("Cancel", key=f"{key}-cancel"):
                    cancel(job)

        live()
    elif newest.state in ("failed", "lost"):
        st.error(f"{called} ({moment(newest.ended or newest.created)}): {newest.message}", icon=":material/error:")
    return newest
