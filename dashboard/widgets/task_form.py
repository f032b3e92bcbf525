"""A form drawn from a model of parameters: of a task, an edit, the options of a format.

What a page asks is what YAML files and the command line take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

PAGE = "page"
"""Where `main` keeps the page that is drawn."""


TEXTUAL = (list, tuple, dict)
"""Kinds of fields that are typed as text where there is nothing to choose from."""
EXAMPLES = {int: "ribosome=1, proteasome=2", float: "ribosome=120, proteasome=80"}
"""What is typed into a field of pairs, by the kind of their values."""


class Described(Protocol):
    """Something with parameters.

    Attributes
    ----------
    name
        Different for two forms that may stand on one page.
    parameters
        Their model.
    """

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> type[BaseModel]: ...


@dataclass(frozen=True)
class Options:
    """A model of parameters with the name of its form."""

    name: str
    parameters: type[BaseModel]


def task_form(
    task: Described,
    choices: Mapping[str, Sequence[str]],
    start: Mapping[str, Any],
    hidden: Sequence[str] = (),
    folded: bool = True,
) -> dict[str, Any]:
    """Draw a form; returns the raw values, unchecked.

    Parameters
    ----------
    task
        Its model gives the fields.
    choices
        What fields with a `source` offer, by that source ("tomograms", "segmentations").
    start
        Values to begin with, where the model's defaults do not fit.
    hidden
        Fields that the page sets in another way.
    folded
        Whether advanced fields stand folded below the others; otherwise they stand among them.
    """
    values: dict[str, Any] = {}
    advanced = []
    plain: list[list[tuple[str, FieldInfo]]] = []
    for name, field in task.parameters.model_fields.items():
        if name in hidden:
            continue
        if folded and _extra(field).get("advanced"):
            advanced.append((name, field))
        elif _extra(field).get("beside") and plain:
            plain[-1].append((name, field))
        else:
            plain.append([(name, field)])
    for row in plain:
        row = [(name, field) for name, field in row if _matters(field, values)]
        if not row:
            continue
        for column, (name, field) in zip(st.columns(len(row)), row, strict=True):
            with column:
                values[name] = _field(task, name, field, choices, start)
    set_so_far = {n: st.session_state.get(_key(task, n), _default(n, f, start)) for n, f in advanced} | values
    advanced = [(name, field) for name, field in advanced if _matters(field, set_so_far)]
    if advanced:
        changed = sum(_changed(task, name, field, start) for name, field in advanced)
        title = f"Advanced ({changed} changed)" if changed else "Advanced"
        # A browser folds it anew with every new title, so how it stands now is said with the title.
        folder = _key(task, "advanced-fields")
        with st.expander(title, expanded=bool(st.session_state.get(folder)), key=folder, on_change="rerun"):
            for name, field in advanced:
                values[name] = _field(task, name, field, choices, start)
    return values


def set_values(task: Described, values: Mapping[str, Any]) -> None:
    """Set fields of a form from a callback or before it is drawn."""
    for name, value in values.items():
        st.session_state[_key(task, name)] = value


def _key(task: Described, name: str) -> str:
    return f"{task.name}.{name}"


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _matters(field: FieldInfo, values: Mapping[str, Any]) -> bool:
    condition = _extra(field).get("only_if")
    return not condition or values.get(condition[0]) == condition[1]


def _default(name: str, field: FieldInfo, start: Mapping[str, Any]) -> Any:
    if name in start:
        return start[name]
    default = None if field.is_required() else field.default
    kind, _ = _kind(field.annotation)
    if get_origin(kind) in TEXTUAL and not _extra(field).get("source"):
        return as_text(default)
    if default is None and kind not in (int, float):
        return [] if get_origin(kind) is list else ""
    return default


def _changed(task: Described, name: str, field: FieldInfo, start: Mapping[str, Any]) -> bool:
    key = _key(task, name)
    return key in st.session_state and st.session_state[key] != _default(name, field, start)


def _field(
    task: Described, name: str, field: FieldInfo, choices: Mapping[str, Sequence[str]], start: Mapping[str, Any]
) -> Any:
    key, default = _key(task, name), _default(name, field, start)
    source = _extra(field).get("source", "")
    before = st.session_state.get(f"{key}.start", default)
    if key not in st.session_state or (before != default and st.session_state[key] == before):
        st.session_state[key] = default  # what nobody changed follows its default, such as the current tomogram
    st.session_state[f"{key}.start"] = default
    _carry_over(key)
    offered = list(choices.get(source, ()))
    if source:  # what was chosen may have been deleted meanwhile
        held = st.session_state[key]
        if isinstance(held, list):
            st.session_state[key] = [v for v in held if v in offered]
        elif held not in offered:
            st.session_state[key] = ""
    # The arrow lies inside the field (see frame.py), so that nothing moves under the mouse when it appears.
    with st.container(gap=None, key=f"row-{key.replace('.', '-')}"):
        value = _widget(key, field, offered)
        if _changed(task, name, field, start) and not source and not _resets_itself(field, default):

            def reset() -> None:
                st.session_state[key] = default

            st.button(
                "",
                icon=":material/undo:",
                key=f"{key}.reset",
                on_click=reset,
                type="tertiary",
                help=f"Back to {'empty' if default in (None, '') else default}",
            )
    return value


def _resets_itself(field: FieldInfo, default: Any) -> bool:
    """Whether the widget has its own way back: a toggle, and a number that its own cross makes empty."""
    kind, optional = _kind(field.annotation)
    return kind is bool or (kind in (int, float) and optional and default is None)


def _carry_over(key: str) -> None:
    """Keep the value of a field that was last drawn on another page: Streamlit takes it for a new widget there."""
    here = st.session_state.get(PAGE)
    if st.session_state.get(f"{key}.page", here) != here:
        st.session_state[key] = st.session_state[key]
    st.session_state[f"{key}.page"] = here


def _widget(key: str, field: FieldInfo, choices: Sequence[str]) -> Any:
    extra = _extra(field)
    unit = extra.get("unit")
    label = f"{field.title} ({unit})" if unit else str(field.title)
    shared: dict[str, Any] = {
        "label": label,
        "key": key,
        "help": field.description,
        "persist_state": "session",
    }
    kind, optional = _kind(field.annotation)
    if extra.get("source") and kind is str:
        return st.selectbox(options=["", *choices], format_func=lambda v: v or "none", **shared)
    if extra.get("source"):
        return st.multiselect(
            options=list(choices), placeholder=extra.get("empty", "Choose …"), filter_mode="contains", **shared
        )
    if get_origin(kind) is Literal:
        return st.selectbox(options=list(get_args(kind)), **shared)
    if kind is bool:
        return st.toggle(**shared)
    if kind in (int, float):
        low, high = _limits(field, kind)
        step = 1 if kind is int else None
        return st.number_input(
            min_value=low,
            max_value=high,
            value=None if optional or field.is_required() else "min",
            step=step,
            placeholder=str(extra.get("empty", "none")) if optional else None,
            **shared,
        )
    if get_origin(kind) in TEXTUAL:
        example = EXAMPLES.get(get_args(kind)[1], "name=value") if get_origin(kind) is dict else "1, 2, 3"
        return from_text(st.text_input(placeholder=example, **shared), kind)
    return st.text_input(**shared)


def as_text(value: Any) -> str:
    """Lists and mappings as a person types them: "1, 2" and "a=b, c=d"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={entry}" for key, entry in value.items())
    return ", ".join(str(entry) for entry in value or ())


def from_text(text: str, kind: Any) -> Any:
    """What such a text says; what it does not say right stays text, for the message. Empty: no mapping, or None."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if get_origin(kind) is not dict:
        return parts or None
    if not all("=" in part for part in parts):
        return text
    pairs = (part.rsplit("=", 1) for part in parts)
    return {key.strip(): value.strip() for key, value in pairs}


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The type of a field without `| None`, and whether None is allowed."""
    if get_origin(annotation) in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0], len(inner) < len(get_args(annotation))
    return annotation, False


def _limits(field: FieldInfo, kind: type) -> tuple[Any, Any]:
    """Inclusive limits for the widget; pydantic checks exclusive ones exactly."""
    low = high = None
    for rule in field.metadata:
        if isinstance(rule, (Ge, Gt)):
            low = kind(rule.ge if isinstance(rule, Ge) else rule.gt)
        elif isinstance(rule, (Le, Lt)):
            high = kind(rule.le if isinstance(rule, Le) else rule.lt)
    return low, high
