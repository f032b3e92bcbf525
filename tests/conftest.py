"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real and simulated files, or a skip with the reason."""
    folder = Path(os.environ.get("TOMODECK_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}: set TOMODECK_TEST_DATA to the folder that holds it")
    return folder
