"""The feature library of Ais (`~/.Ais/feature_library.txt`, and Pom's `feature_library.json`), as text.

It is JSON: a list of features, or a dictionary of them by title, or several named libraries of either kind. A feature
has `title`, `colour` (red, green, blue from 0 to 1), and settings of Ais' editor and renderer (`box_size` in pixels,
`brush_size` in nm, `alpha`, `use`, `level`, `dust`, `render_alpha`, `hide`). It has no radius and no label number, so
every class gets the radius that the caller gives and the next number. Ais' own settings are kept with the class under
`ais` and written out again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.annotation.classes import ObjectClass
from engine.annotation.feature_library import add_class, next_colour
from engine.errors import UserError

DEFAULTS: dict[str, Any] = {
    "box_size": 64, "brush_size": 10.0, "alpha": 1.0, "use": True, "level": 128, "dust": 1.0, "render_alpha": 1.0,
    "hide": False,
}  # fmt: skip
"""For classes that did not come from Ais."""

_TITLES = ("title", "name")
_COLOURS = ("colour", "color")


@dataclass(frozen=True)
class ImportedClasses:
    """What came of an import.

    Attributes
    ----------
    classes
        The library afterwards.
    added
        Names of the new classes.
    left_out
        One sentence for each feature of the file that did not become a class of its own.
    """

    classes: list[ObjectClass]
    added: list[str]
    left_out: list[str]


def classes_from_ais(text: str, radius: float, known: Sequence[ObjectClass] = ()) -> ImportedClasses:
    """The classes of the library `known` and those of Ais' library `text`.

    Parameters
    ----------
    text
        The contents of the file.
    radius
        Å, for features without `radius_angstrom` (Ais writes none).
    known
        The library before. A class that it has already stays as it is.

    Raises
    ------
    UserError
        Not JSON, or no feature in it.
    """
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"This is not a feature library of Ais, which is JSON ({error}).") from error
    classes, added, left_out = list(known), list[str](), list[str]()
    features = list(_features(content, None))
    if not features:
        raise UserError("This JSON holds no features of Ais (entries with a title and a colour): choose another file.")
    before = {c.name for c in known}
    for title, feature in features:
        if title in before:
            left_out.append(f"{title} is a class already and stays as it is.")
            continue
        if title in added:
            left_out.append(f"{title} stands in the file twice: the first was taken.")
            continue
        colour = _colour(feature)
        if colour is None:
            colour = next_colour(classes)
            left_out.append(f"The colour of {title} cannot be read: it got {colour}.")
        try:
            classes = add_class(
                classes,
                title,
                feature.get("radius_angstrom", radius),
                colour=colour,
                notes=str(feature.get("notes") or ""),
            )
        except UserError as error:
            left_out.append(str(error))
            continue
        other = {k: v for k, v in feature.items() if k not in (*_TITLES, *_COLOURS, "radius_angstrom", "notes")}
        if other:
            classes[-1] = classes[-1].model_copy(update={"ais": other})
        added.append(title)
    return ImportedClasses(classes, added, left_out)


def classes_to_ais(classes: Sequence[ObjectClass]) -> str:
    """The library as a file for Ais; radius and notes are written as keys that Ais passes over."""
    features = []
    for c in classes:
        own = (c.model_extra or {}).get("ais")
        features.append(
            {
                "title": c.name,
                "colour": [round(int(c.colour[i : i + 2], 16) / 255, 6) for i in (1, 3, 5)],
                **DEFAULTS,
                **(own if isinstance(own, dict) else {}),
                "radius_angstrom": c.radius,
                "notes": c.notes,
            }
        )
    return json.dumps(features, indent=2, ensure_ascii=False) + "\n"


def _features(content: Any, key: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Title and settings of every feature, however the file nests them."""
    if isinstance(content, list):
        for entry in content:
            yield from _features(entry, None)
    elif isinstance(content, dict):
        title = next((str(content[k]).strip() for k in _TITLES if isinstance(content.get(k), str)), "")
        has_colour = any(k in content for k in _COLOURS)
        if has_colour and (title or key):
            yield title or str(key), content
        else:
            for name, entry in content.items():
                yield from _features(entry, str(name).strip())


def _colour(feature: dict[str, Any]) -> str | None:
    """As "#rrggbb" from three or four numbers (0 to 1, or 0 to 255 where one is above 1), or from such a text."""
    value = next((feature[k] for k in _COLOURS if k in feature), None)
    if isinstance(value, str):
        text = value.strip()
        return text if len(text) == 7 and text[0] == "#" and set(text[1:]) <= set("0123456789abcdefABCDEF") else None
    if not isinstance(value, list) or len(value) not in (3, 4):
        return None
    rgb = value[:3]
    if any(isinstance(part, bool) or not isinstance(part, (int, float)) or not 0 <= part <= 255 for part in rgb):
        return None
    factor = 255 if max(rgb) <= 1 else 1
    return "#" + "".join(f"{round(part * factor):02x}" for part in rgb)
