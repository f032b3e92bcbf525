"""How the long computations of this folder say how far they are."""

from collections.abc import Callable

Progress = Callable[[float, str], None]


def silent(fraction: float, text: str) -> None:
    """Say nothing."""


def part_of(progress: Progress, start: float, stop: float) -> Progress:
    """A progress for a step that takes the whole from fraction `start` to `stop`."""

    def report(fraction: float, text: str) -> None:
        progress(start + (stop - start) * fraction, text)

    return report
