"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real CT beside the repository, or the one that HEPAREG_DATA names."""
    folder = Path(os.environ.get("HEPAREG_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "lidc_idri_0001").is_dir():
        pytest.skip("the shared CT data is not beside this repository")
    return folder
