"""Classes in formats that only have numbers for them."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

_NUMBERED = re.compile(r"(?:class )?(\d{1,9})")


def class_numbers(classes: "pd.Series[str]") -> np.ndarray:
    """[n] whole numbers: of the sorted names from 1; or N where every name is "class N" or a number itself."""
    names = sorted(set(classes))
    matches = [_NUMBERED.fullmatch(name) for name in names]
    numbers = [int(match[1]) for match in matches if match]
    # "class 1" and "1" at once would melt into one class.
    if len(set(numbers)) != len(names):
        numbers = list(range(1, len(names) + 1))
    return classes.map(dict(zip(names, numbers, strict=True))).to_numpy(dtype=np.int64)


def class_names(numbers: Iterable[float]) -> list[str]:
    """Give "class N" for each number; a fraction, which no class has, is kept as it is written."""
    values = pd.Series(numbers)
    unique = {value: f"class {value:g}" if value != int(value) else f"class {int(value)}" for value in values.unique()}
    return [unique[value] for value in values]
