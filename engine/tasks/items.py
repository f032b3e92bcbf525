"""Many tomograms in one job: one item each, and one that fails does not stop the others."""

from collections.abc import Callable, Sequence

from engine.errors import UserError
from engine.tasks.task import Job


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
    failed: list[str] = []
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
            job.log(f"{name}: {error}")
            failed.append(f"{name}: {error}")
        else:
            job.item(name, "skipped" if line.startswith("kept") else "done", line)
            job.log(f"{name}: {line}")
    if failed:
        raise UserError(failure_sentence(failed, len(names)))


def failure_sentence(failed: Sequence[str], total: int) -> str:
    """What to say when some of `total` items failed, each with its own sentence in `failed`."""
    if total == 1:
        return failed[0]
    if len(failed) == total:
        return f"All {total} failed. First: {failed[0]}"
    return f"{len(failed)} of {total} failed; the others are done. First: {failed[0]}"
