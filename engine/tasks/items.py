"""Many tomograms in one job: one item each, and one that fails does not stop the others."""

from collections.abc import Callable, Container, Sequence

from engine.errors import UserError
from engine.tasks.task import Job

Failure = tuple[str, str]
"""The name of an item that failed, and its sentence."""

MOST_NAMED = 6
FIRST = " First: "


def run_items(job: Job, names: Sequence[str], work: Callable[[str, Callable[[float, str], None]], str]) -> None:
    """Do `work` for each name; then fail, if any failed, with a sentence that names them.

    Parameters
    ----------
    job
        Told how each item stands.
    names
        The items, done in this order.
    work
        Called with a name and a progress function (0 to 1 within the item). Returns a line for the item's row;
        one that starts with "kept" marks an item that was there already.

    Raises
    ------
    UserError
        Some items failed; what the others made is whole.
    """
    for name in names:
        job.item(name, "waiting")
    failed: list[Failure] = []
    for number, name in enumerate(names):

        def progress(fraction: float, text: str, number: int = number, name: str = name) -> None:
            prefix = f"{name} ({number + 1} of {len(names)}): " if len(names) > 1 else f"{name}: "
            job.progress((number + min(max(fraction, 0.0), 1.0)) / len(names), prefix + text)

        job.item(name, "running")
        progress(0.0, "starting")
        try:
            line = work(name, progress)
        except UserError as error:
            job.item(name, "failed", str(error))
            failed.append((name, str(error)))
            job.log(_told(failed[-1]))
        else:
            job.item(name, "skipped" if line.startswith("kept") else "done", line)
            job.log(f"{name}: {line}")
    if failed:
        raise UserError(failure_sentence(failed, len(names)))


def failure_sentence(failed: Sequence[Failure], total: int) -> str:
    """What to say when some of `total` items failed: which ones, and why the first of them did."""
    first = _told(failed[0])
    if total == 1:
        return first
    names = list(dict.fromkeys(name for name, _ in failed))
    which = ", ".join(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        which += f" and {len(names) - MOST_NAMED:,} more"
    if len(failed) == total:
        return f"All {total} failed: {which}.{FIRST}{first}"
    which = f" Failed: {which}." if len(names) > 1 else ""
    return f"{len(failed)} of {total} failed; the others are done.{which}{FIRST}{first}"


def _told(failure: Failure) -> str:
    """The sentence of an item that failed, with its name in front where it does not begin with it."""
    name, sentence = failure
    return sentence if sentence.startswith(f"{name} ") else f"{name}: {sentence}"


def without_reason(sentence: str, known: Container[str]) -> str:
    """The same less the first item's own sentence, where that was told before."""
    summary, _, first = sentence.partition(FIRST)
    return summary if first in known else sentence
