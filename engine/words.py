"""Numbers and their nouns, as sentences need them."""


def plural(count: int, noun: str, several: str = "") -> str:
    """1 tomogram, 2 tomograms, 1,200 tomograms; `several` where an s is not enough: 2 boxes."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def span(low: float, high: float, form: str = ",.0f") -> str:
    """Two ends as "3 to 5", or the one number where they read the same."""
    first, last = format(low, form), format(high, form)
    return first if first == last else f"{first} to {last}"
