"""Which tomogram a list means: programs write its name with endings, as a path, or as a number alone."""

import re
from collections.abc import Iterable

ENDINGS = re.compile(r"(\.(mrc|rec|map|mrcs|st|ali|tomostar|hdf|h5|em|tif|tiff|zarr|star|gz|bz2))+$", re.IGNORECASE)
PIXEL_SIZE = re.compile(r"_\d+(\.\d+)?Apx$")
"""Warp's reconstructions end so: TS_01_10.00Apx.mrc."""


def plain_name(listed: str) -> str:
    """The name without folders, endings of files and Warp's pixel size: `…/TS_01_10.00Apx.mrc` → `TS_01`."""
    name = re.split(r"[/\\]", listed.strip())[-1]
    return PIXEL_SIZE.sub("", ENDINGS.sub("", name)) or listed.strip()


def match_names(listed: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """The tomogram that each name in a list means.

    In this order: the same name; the same once folders, endings and RELION 5's `rec_` are taken off; a number alone
    (STOPGAP, Dynamo, DeepFinder) is the only tomogram whose last number it is. What matches none keeps its plain name.

    Parameters
    ----------
    listed
        Names as they stand in the list.
    known
        Names of the tomograms at hand.
    """
    names = list(dict.fromkeys(known))
    plain: dict[str, list[str]] = {}
    numbered: dict[int, list[str]] = {}
    for name in names:
        plain.setdefault(_key(name), []).append(name)
        digits = re.findall(r"\d+", plain_name(name))
        if digits:
            numbered.setdefault(int(digits[-1]), []).append(name)
    found = {}
    for text in dict.fromkeys(listed):
        bare = plain_name(text)
        candidates = [text] if text in names else plain.get(_key(text), [])
        if not candidates and re.fullmatch(r"\d+(\.0*)?", bare):
            candidates = numbered.get(int(float(bare)), [])
        found[text] = candidates[0] if len(candidates) == 1 else bare
    return found


def _key(name: str) -> str:
    """What two names of one tomogram have in common."""
    return plain_name(name).lower().removeprefix("rec_")
