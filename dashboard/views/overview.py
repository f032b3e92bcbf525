"""Overview: what the project holds, what runs, what was done last, and how far it is on its road."""

import streamlit as st

from dashboard import served
from dashboard.pages import page
from dashboard.widgets import numbers, table_editing
from dashboard.widgets.frame import header
from dashboard.widgets.job_card import badge, follow
from engine.jobs import list_jobs
from engine.project import Project


def roads(project: Project) -> None:
    """The two ways from tomograms to coordinates, each step done or next."""
    exported = (project.root / "exports").is_dir() and any((project.root / "exports").iterdir())
    made = {str(s.made_by.get("task")) for s in project.segmentations()}
    found = {str(project.tables.provenance(n).get("task")) for n in project.tables.names()}
    first = (bool(project.tomograms()), "Add tomograms", "tomograms")
    trained = bool(project.models())
    # Who has a network, targets or annotations is on the way of training.
    training = trained or "targets" in made or "annotate" in found
    road(
        "Pick without training",
        (
            first,
            ("unsupervised" in made, "Segment without training", "unsupervised"),
            ("pick" in found, "Pick particles", "pick"),
            (exported and "pick" in found, "Correct and export them", "objects"),
        ),
        not training,
    )
    road(
        "Train a 3D network",
        (
            first,
            (bool(found - {"pick", "cluster"}), "Annotate some objects of each class", "annotate"),
            ("targets" in made, "Make targets of them", "targets"),
            (trained, "Train, and watch it learn", "train"),
            ("segment" in made, "Segment the other tomograms", "segment"),
            ("cluster" in found, "Find the objects", "cluster"),
            (exported and "cluster" in found, "Correct and export them", "objects"),
        ),
        training,
    )


def road(title: str, steps: tuple[tuple[bool, str, str], ...], offered: bool) -> None:
    """One way: its steps (done, label, view); `offered`: its next step is the page's one main action."""
    following = next((i for i, (done, _, _) in enumerate(steps) if not done), len(steps))
    with st.container(border=True):
        st.subheader(title, anchor=False)
        for number, (done, label, view) in enumerate(steps):
            mark = ":material/check_circle:" if done else ":material/radio_button_unchecked:"
            words = f"{number + 1}  {label}"
            st.page_link(page(view), label=f"**{words}**" if number == following else words, icon=mark)
        if following == len(steps):
            st.caption("All steps done once; repeat any of them with other parameters.")
        elif offered and st.button(steps[following][1], type="primary", key="next-step"):
            st.switch_page(page(steps[following][2]))


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
        for model in project.models():
            names = ", ".join(str(c.get("name")) for c in model.description.get("classes") or [])
            rows.append({"Kind": "network", "Name": model.name, "Holds": f"knows {names}" if names else ""})
        if rows:
            st.dataframe(rows, hide_index=True)
        else:
            st.caption("No results yet: object tables, label maps and networks will be listed here.")


def done_last(project: Project) -> None:
    """The newest jobs."""
    with st.container(border=True):
        st.subheader("Done last", anchor=False)
        recent = list_jobs(project.root)[:6]
        if not recent:
            st.caption("Nothing yet. What you launch appears here.")
        for job in recent:
            st.markdown(f"{badge(job)} {job.subject or job.task} :gray[{numbers.moment(job.created)}]")
        if recent:
            st.page_link(page("jobs"), label="All jobs")


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
        roads(project)
    with right:
        done_last(project)
        holdings(project)


main()
