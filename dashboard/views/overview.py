"""Overview: what the project holds, what runs, what was done last, and how far it is on its road."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import numbers, table_editing
from dashboard.widgets.frame import header
from dashboard.widgets.job_card import badge, follow
from engine.jobs import list_jobs
from engine.project import Project


def road(project: Project) -> None:
    """Picking without training: each step, done or next."""
    jobs = list_jobs(project.root)
    exported = (project.root / "exports").is_dir() and any((project.root / "exports").iterdir())
    segmented = any(s.made_by.get("task") == "unsupervised" for s in project.segmentations())
    picked = any(project.tables.provenance(n).get("task") == "pick" for n in project.tables.names())
    steps = (
        (bool(project.tomograms()), "Add tomograms", "tomograms"),
        (segmented, "Segment without training", "unsupervised"),
        (picked, "Pick particles", "pick"),
        (exported, "Correct and export them", "objects"),
    )
    following = next((i for i, (done, _, _) in enumerate(steps) if not done), len(steps))
    with st.container(border=True):
        st.subheader("Pick without training", anchor=False)
        for number, (done, label, view) in enumerate(steps):
            mark = ":material/check_circle:" if done else ":material/radio_button_unchecked:"
            words = f"{number + 1}  {label}"
            st.page_link(page(view), label=f"**{words}**" if number == following else words, icon=mark)
        if following < len(steps):
            if st.button(steps[following][1], type="primary", key="next-step"):
                st.switch_page(page(steps[following][2]))
        elif jobs:
            st.caption("All steps done once; repeat any of them with other parameters.")


def holdings(project: Project) -> None:
    """Objects by class in each table, and the label maps."""
    with st.container(border=True):
        st.subheader("Results", anchor=False)
        rows = []
        for name in project.tables.names():
            table, _ = table_editing.read(project, name)
            counts = table.rows["class"].value_counts()
            words = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
            rows.append({"Kind": "objects", "Name": name, "Holds": words})
        for found in project.segmentations():
            made = found.made_by.get("made", "")[:10]
            words = f"label map of {found.tomogram}" + (f", made {made}" if made else "")
            rows.append({"Kind": "segmentation", "Name": found.name, "Holds": words})
        if rows:
            st.dataframe(rows, hide_index=True)
        else:
            st.caption("No results yet. Segment a tomogram, then pick particles from it.")


def main() -> None:
    """Draw the page."""
    project = served.project()
    header(project.name, f"{project.root}")
    tomograms = project.tomograms()
    if not tomograms:
        follow(project, "simulate", "demo")
    tables = project.tables.names()
    counts = (
        ("Tomograms", len(tomograms)),
        ("Segmentations", len(project.segmentations())),
        ("Object tables", len(tables)),
        ("Jobs", len(list_jobs(project.root))),
    )
    for column, (label, count) in zip(st.columns(4), counts, strict=True):
        column.metric(label, f"{count:,}", border=True)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        road(project)
    with left:
        holdings(project)
    with right, st.container(border=True):
        st.subheader("Done last", anchor=False)
        recent = list_jobs(project.root)[:6]
        if not recent:
            st.caption("Nothing yet. What you launch appears here.")
        for job in recent:
            st.markdown(f"{badge(job)} {job.subject or job.task} :gray[{numbers.moment(job.created)}]")
        if recent:
            st.page_link(page("jobs"), label="All jobs")


main()
