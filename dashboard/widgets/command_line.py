"""Commands as a person can paste them: with the Python that runs this dashboard, in Tomodeck's folder."""

import shlex
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2]
"""Where `python -m engine` finds the engine."""


def engine_command(*arguments: object) -> str:
    """`<python> -m engine` with quoted arguments; run from `FOLDER`."""
    return shlex.join([_python(), "-m", "engine", *map(str, arguments)])


def _python() -> str:
    # Not resolved: a virtual environment's python is a link to one that knows nothing of its packages.
    used = Path(sys.executable)
    return str(used.relative_to(FOLDER)) if used.is_relative_to(FOLDER) else str(used)
