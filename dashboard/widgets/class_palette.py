"""The class palette: the feature library as a compact list of which one class is active, with its dialogs.

What can be done to classes is `engine.annotation` and `engine.project.class_library`; here it is shown and asked for.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from dashboard.widgets.numbers import plural
from engine.annotation import (
    ImportedClasses,
    ObjectClass,
    add_class,
    change_class,
    classes_from_ais,
    classes_to_ais,
    next_colour,
    next_label,
)
from engine.annotation.feature_library import rename_class as renamed
from engine.errors import UserError
from engine.project import Project
from engine.project.class_library import delete_class, edit_classes, merge_classes, rename_class, uses

ACTIVE = "class-active"
"""Name of the active class; shared by all pages of a tab."""

_OPENED = "class-palette.opened"
_SAID = "class-palette.said"
NEW = ""
"""What is opened when a class shall be added."""

USUAL_RADIUS = 100.0
LEFT_OUT_SHOWN = 8

_CSS = """
#classes { display: flex; flex-direction: column; gap: 1px; font: inherit; font-size: 0.93rem;
  font-variant-numeric: tabular-nums; }
.row, #head { display: grid; grid-template-columns: 1.6em 13px 1.7em minmax(0, 1fr) 4.3em 2.9em 22px;
  align-items: center; gap: 5px; padding: 0 2px 0 4px; }
#head { font-size: 0.78rem; opacity: 0.6; height: 20px; color: var(--st-text-color); }
#head span:nth-child(3), #head span:nth-child(5), #head span:nth-child(6) { text-align: right; }
#head[hidden] { display: none; }
.row { height: 28px; border-radius: 4px; cursor: pointer;
  border: 1px solid transparent; user-select: none; color: var(--st-text-color); }
.row:hover { background: var(--st-secondary-background-color); }
.row:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -1px; }
.row[aria-selected="true"] { border-color: var(--st-primary-color); font-weight: 600;
  background: color-mix(in srgb, var(--st-primary-color) 14%, transparent); }
.swatch { width: 13px; height: 13px; border-radius: 50%;
  border: 1px solid var(--st-border-color); box-sizing: border-box; }
.key { opacity: 0.5; font-size: 0.8em; text-align: center; font-weight: 400; }
.number, .radius { opacity: 0.7; text-align: right; font-weight: 400; }
.count { text-align: right; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.unknown { font-style: italic; }
.unknown .swatch { border-style: dashed; }
.pencil { all: unset; display: grid; place-items: center; width: 22px; height: 22px; border-radius: 4px;
  opacity: 0; cursor: pointer; }
.row:hover .pencil, .row:focus-visible .pencil, .row[aria-selected="true"] .pencil { opacity: 0.75; }
.pencil:hover { background: var(--st-border-color); opacity: 1 !important; }
"""

_mount = component(
    "tomodeck_class_palette",
    html="""<div id="head" aria-hidden="true"><span>key</span><span></span><span>no.</span><span>class</span>
      <span>radius</span><span>here</span><span></span></div>
      <div id="classes" role="listbox" aria-label="Classes"></div>""",
    css=_CSS,
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def active_class(project: Project) -> str | None:
    """The class that is active in this tab: the one chosen last, else the first; None while there is none."""
    names = [c.name for c in project.classes]
    chosen = st.session_state.get(ACTIVE)
    return chosen if chosen in names else (names[0] if names else None)


def choose_class(name: str) -> None:
    """Make a class the active one."""
    st.session_state[ACTIVE] = name


def class_palette(
    project: Project, *, counts: Mapping[str, int] | None = None, keys: bool = True, key: str = "class-palette"
) -> str | None:
    """Show the classes of the project; returns the active one, None while there is none.

    Parameters
    ----------
    project
        Whose feature library.
    counts
        Class → number of objects, as the page counts them; classes that the library lacks are listed too, to be added.
    keys
        Whether the keys 1 to 9 choose a class wherever the focus is, except in a field.
    key
        Streamlit's; different for two palettes in one script.
    """
    classes = project.classes
    active = active_class(project)
    counts = counts or {}
    rows: list[dict[str, Any]] = [
        {**c.model_dump(include={"name", "label", "colour", "notes"}), "known": True}
        | {"radius": f"{c.radius:g}", "count": int(counts.get(c.name, 0))}
        for c in classes
    ]
    library = {c.name for c in classes}
    rows += [
        {"name": name, "known": False, "colour": "transparent", "count": int(count)}
        for name, count in counts.items()
        if name not in library and count
    ]
    if rows:
        state = st.session_state

        def chosen() -> None:
            if state[key].chosen:
                choose_class(state[key].chosen)

        def opened() -> None:
            state[_OPENED] = state[key].opened

        _mount(
            key=key,
            data={"classes": rows, "active": active, "keys": keys},
            on_chosen_change=chosen,
            on_opened_change=opened,
        )
    if not classes:
        st.caption("No classes yet: add one, or import a feature library of Ais.")
    with st.container(horizontal=True, gap="xsmall", key=f"{key}-bar"):
        st.button(
            "Add a class",
            key=f"{key}.add",
            type="secondary" if classes else "primary",
            on_click=lambda: st.session_state.update({_OPENED: NEW}),
        )
        if st.button("Import", key=f"{key}.import", help="Classes of a feature library of Ais (JSON)."):
            _import_dialog(project)
        if classes:
            st.download_button(
                "Export",
                lambda: classes_to_ais(project.classes),
                file_name="feature_library.json",
                mime="application/json",
                key=f"{key}.export",
                on_click="ignore",
                help="The classes as a feature library of Ais (JSON).",
            )
    said = st.session_state.pop(_SAID, None)
    if said:
        st.caption(said)
    name = st.session_state.get(_OPENED)  # stays until it is dismissed or done: a rerun must not close the dialog
    if name is not None:
        _class_dialog(project, name)
    return active


def _close() -> None:
    st.session_state.pop(_OPENED, None)


@st.dialog("Class", on_dismiss=_close)
def _class_dialog(project: Project, name: str) -> None:
    classes = project.classes
    known = next((c for c in classes if c.name == name), None)
    new_name = st.text_input("Name", name, key=f"class-dialog.name.{name}", placeholder="ribosome")
    left, middle, right = st.columns([1, 1, 0.6], vertical_alignment="bottom")
    radius = left.number_input(
        "Radius (Å)", 1.0, 100_000.0, known.radius if known else USUAL_RADIUS, 10.0, format="%g", help=_RADIUS_HELP
    )
    label = middle.number_input(
        "Number", 1, 65535, known.label if known else next_label(classes), 1, help="Its number in label maps."
    )
    colour = right.color_picker("Colour", known.colour if known else next_colour(classes))
    notes = st.text_area("Notes", known.notes if known else "", height=80)
    used = uses(project, name) if known else {}
    follow = True
    if known and new_name.strip() != name and used:
        follow = st.checkbox(f"Rename {_objects(used)} too", value=True, help="Each table can be undone by itself.")
    values = {"label": int(label), "colour": colour, "radius": float(radius), "notes": notes}
    if st.button("Save" if known else "Add this class", type="primary"):
        _attempt(lambda: _save(project, known, new_name.strip(), values, sorted(used) if follow else []))
    if known:
        _leaving(project, known, used, [c.name for c in classes if c.name != name])


def _leaving(project: Project, known: ObjectClass, used: Mapping[str, int], others: list[str]) -> None:
    """Merge and delete: the two ways in which a class goes."""
    name = known.name
    st.divider()
    if others:
        left, right = st.columns([1.4, 1], vertical_alignment="bottom")
        into = left.selectbox("Merge into", others, index=None, placeholder="another class")
        text = f"Merge {_objects(used)}" if used else "Merge"
        if right.button(text, disabled=into is None, width="stretch") and into is not None:
            _attempt(lambda: _merge(project, name, into))
    if used:
        st.caption(f"{name} is the class of {_objects(used)}. Deleted, they keep its name without colour and radius.")
    if st.button("Delete it anyway" if used else "Delete this class"):
        _attempt(lambda: _delete(project, name, bool(used)))


_RADIUS_HELP = "Objects are drawn as spheres of this radius; tasks that need a size take it too."


def _objects(used: Mapping[str, int]) -> str:
    return f"{plural(sum(used.values()), 'object')} in {plural(len(used), 'table')}"


def _attempt(act: Any) -> None:
    """Do it and close the dialog; what is refused is said in it."""
    try:
        act()
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    _close()
    st.rerun()


def _save(project: Project, known: ObjectClass | None, name: str, values: dict[str, Any], tables: list[str]) -> None:
    if known is None:
        edit_classes(project, lambda c: add_class(c, name, **values))
    else:
        change_class(renamed(project.classes, known.name, name), name, **values)  # may it be?
        edit_classes(project, lambda c: change_class(c, known.name, **values))
        if name != known.name:
            changed = rename_class(project, known.name, name, tables)
            if changed:
                st.session_state[_SAID] = f"{known.name} is {name} now: {_objects(changed)} renamed."
    choose_class(name)


def _merge(project: Project, name: str, into: str) -> None:
    changed = merge_classes(project, [name], into)
    st.session_state[_SAID] = f"{name} is merged into {into}" + (f": {_objects(changed)} changed." if changed else ".")
    choose_class(into)


def _delete(project: Project, name: str, forced: bool) -> None:
    delete_class(project, name, forced=forced)
    st.session_state[_SAID] = f"The class {name} is deleted."


@st.dialog("Import classes")
def _import_dialog(project: Project) -> None:
    file = st.file_uploader("Feature library of Ais", type=["txt", "json"], help="~/.Ais/feature_library.txt")
    radius = st.number_input(
        "Radius (Å)", 1.0, 100_000.0, USUAL_RADIUS, 10.0, format="%g", help="Ais knows no radius: all get this one."
    )
    if file is None:
        st.caption("Classes with a name that is here already stay as they are.")
        return
    try:
        text = file.getvalue().decode("utf-8")
        found = classes_from_ais(text, float(radius), project.classes)
    except UnicodeDecodeError:
        st.error(f"{file.name} is not text, so it is no feature library.", icon=":material/error:")
        return
    except UserError as error:
        st.error(str(error), icon=":material/error:")
        return
    new = f"{len(found.added)} {'class' if len(found.added) == 1 else 'classes'}"
    if found.added:
        st.write(f"{new}: {', '.join(found.added)}")
    _left_out(found)
    if st.button(f"Import {new}", type="primary", disabled=not found.added):
        _attempt(lambda: _import(project, text, float(radius)))


def _left_out(found: ImportedClasses) -> None:
    more = len(found.left_out) - LEFT_OUT_SHOWN
    for sentence in found.left_out[:LEFT_OUT_SHOWN]:
        st.caption(sentence)
    if more > 0:
        st.caption(f"And {more} more like these.")


def _import(project: Project, text: str, radius: float) -> None:
    edit_classes(project, lambda c: classes_from_ais(text, radius, c).classes)
