"""Tomograms in formats that only have numbers for them; reading them is `tomogram_names.match_names`."""

import re
from collections.abc import Iterable

from engine.objects.formats.notes import note
from engine.objects.formats.tomogram_names import plain_name

LARGEST = 2**31 - 1


def tomogram_numbers(names: Iterable[str], title: str) -> dict[str, int]:
    """A number for each tomogram.

    The last number in its name, so that the list finds its way back; where a name has none, or two have the same,
    all are numbered from 1 in the order of their names. A note says which number stands for which tomogram.

    Parameters
    ----------
    names
        Of the tomograms.
    title
        Of the format, for the note.
    """
    ordered = sorted(set(names))
    digits = [re.findall(r"\d+", plain_name(name)) for name in ordered]
    last = [int(found[-1]) for found in digits if found]
    if len(set(last)) == len(ordered) and all(number <= LARGEST for number in last):
        numbers = dict(zip(ordered, last, strict=True))
    else:
        numbers = {name: number for number, name in enumerate(ordered, 1)}
    told = [f"{number} = {name}" for name, number in numbers.items() if name != str(number)]
    if told:
        more = f", and {len(told) - 20} more" if len(told) > 20 else ""
        note(f"{title} has numbers for tomograms: {', '.join(told[:20])}{more}.")
    return numbers
