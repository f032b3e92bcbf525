"""Jobs: what runs, what waits, what was done; log, parameters, outputs, cancel, retry, delete."""

from pathlib import Path

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import current, numbers
from dashboard.widgets.command_line import FOLDER, engine_command
from dashboard.widgets.frame import empty, explained, header
from dashboard.widgets.job_card import badge, progress_bar, time_words
from engine.errors import UserError
from engine.jobs import JobRecord, cancel, delete, list_jobs, retry
from engine.project import Project

SHOWN = 30


@st.dialog("Delete this job")
def confirm_deletion(job: JobRecord) -> None:
    """Ask before log and parameters are removed."""
    st.write(f"The log and the parameters of job {job.id} are removed. What it made stays.")
    if st.button("Delete the job", type="primary"):
        try:
            delete(job)
        except UserError as error:
            st.error(str(error))
        else:
            st.rerun()


def actions(project: Project, job: JobRecord) -> None:
    """The buttons of one job."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if job.active:
            if st.button("Cancel", key=f"cancel-{job.id}", disabled=job.state == "cancelling"):
                act(lambda: cancel(job))
            return
        if st.button("Run again", key=f"retry-{job.id}", help="Same parameters; what is already made is kept."):
            act(lambda: retry(project, job))
        if st.button("Delete", key=f"delete-{job.id}", type="tertiary"):
            confirm_deletion(job)


def act(what: object) -> None:
    """Do it; then draw the page anew, or say why not."""
    try:
        what()  # type: ignore[operator]
    except UserError as error:
        st.error(str(error))
    else:
        st.rerun()


def outputs(project: Project, job: JobRecord) -> None:
    """Links to what the job made."""
    for output in job.outputs:
        left, right = st.columns([5, 1], vertical_alignment="center")
        facts = f", {numbers.plural(output['objects'], 'object')}" if "objects" in output else ""
        left.markdown(f"{output['kind']} **{output['name']}**{facts}  \n:gray[{output['path']}]")
        if not Path(output["path"]).exists():
            right.caption("deleted since")
        elif output["kind"] == "table":
            if right.button("Inspect", key=f"open-{job.id}-{output['name']}"):
                st.session_state["table-asked"] = output["name"]
                st.switch_page(page("objects"))
        elif "tomogram" in output and right.button("Look at it", key=f"open-{job.id}-{output['path']}"):
            current.ask(output["tomogram"])
            st.switch_page(page("viewer"))


def details(project: Project, job: JobRecord) -> None:
    """Log, parameters, results and items of one job."""
    log, parameters, results, items = st.tabs(
        ["Log", "Parameters", f"Results ({len(job.outputs)})", f"Items ({len(job.items)})"]
    )
    log.code(job.log() or "Nothing yet.", language=None, height=220)
    parameters.code(job.parameters_text(), language="yaml")
    command = engine_command("run", job.task, job.folder / "params.yaml", "--project", project.root)
    parameters.code(command, language="bash", wrap_lines=True)
    parameters.caption(f"The same again from the command line, in {FOLDER}")
    with results:
        outputs(project, job)
        if not job.outputs:
            st.caption("Nothing yet." if job.active else "It made nothing.")
    with items.container(height=220 if len(job.items) > 6 else "content", border=False):
        marks = {"done": "green", "failed": "red", "running": "blue", "skipped": "gray", "waiting": "gray"}
        for item in job.items:
            state, colour = item["state"], marks[item["state"]]
            if not job.active and state in ("running", "waiting"):
                state, colour = "not done", "gray"
            st.markdown(f":{colour}[{state}] {item['name']} {item['text']}")
        if not job.items:
            st.caption("This job is of one piece.")


def card(project: Project, job: JobRecord) -> None:
    """One job."""
    with st.container(border=True, key=f"job-{job.id}", gap="xsmall"):
        left, right = st.columns([5, 2], vertical_alignment="center")
        where = f"{job.user} on {job.host}" if job.user else job.host
        when = time_words(job) if job.started or job.state == "queued" else ""
        times = [numbers.moment(job.created)]
        if job.ended and not job.active:
            times.append(numbers.moment(job.ended))
        line = " · ".join(part for part in (" to ".join(dict.fromkeys(times)), when, where) if part)
        left.markdown(f"{badge(job)} **{job.subject or job.task}**  \n:gray[{job.task} · {line}]")
        with right:
            actions(project, job)
        if job.active:
            progress_bar(job)
        if job.message:
            st.error(job.message, icon=":material/error:")
        if st.toggle("Details", key=f"details-{job.id}"):
            details(project, job)


def main() -> None:
    """Draw the page."""
    project = served.project()
    header("Jobs", "What runs and what was done. Jobs go on when the browser is closed or the dashboard stops.")
    if not list_jobs(project.root):
        empty("No jobs yet. What you launch on the other pages appears here.")
        st.page_link(page("unsupervised"), label="Segment without training")
        return

    any_active = any(job.active for job in list_jobs(project.root))

    @st.fragment(run_every=1.0 if any_active else None)
    def cards() -> None:
        with explained():
            draw_cards()

    def draw_cards() -> None:
        jobs = list_jobs(project.root)
        if any_active and not any(job.active for job in jobs):
            st.rerun()
        number = 1
        if len(jobs) > SHOWN:
            number = st.pagination(-(-len(jobs) // SHOWN), key="jobs-page")
        for job in jobs[(number - 1) * SHOWN : number * SHOWN]:
            card(project, job)

    cards()


main()
