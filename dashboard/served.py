"""The one project that this server serves: set by the launcher, read by routes and pages.

A module of its own, because the launcher runs as `__main__` and what it holds is not seen by importers.
"""

from pathlib import Path

from engine.errors import UserError
from engine.project import Project

_root: Path | None = None


def serve(root: Path) -> None:
    """Make the project in folder `root` the one that is served."""
    global _root
    _root = Path(root).absolute()


def root() -> Path:
    """The folder of the served project, whether or not it exists. Raises UserError when none was named."""
    if _root is None:
        raise UserError("No project is served: start with 'make run PROJECT=/path/to/project'.")
    return _root


def project() -> Project:
    """The served project.

    Raises
    ------
    UserError
        Its folder is gone, or its settings cannot be read.
    """
    folder = root()
    if not folder.is_dir():
        raise UserError(f"The project folder {folder} is gone: restore it, or start with another one.")
    return Project.open(folder)
