"""Shared pieces of the tests."""

import os
from pathlib import Path

import numpy as np
import pytest

SHARED_DATA = Path(os.environ.get("INFACE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow; run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_data():
    """Opens a real data set by file name; skips with a reason where the folder is absent."""

    def load(name: str):
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"real data '{name}' not found in {SHARED_DATA} (set INFACE_SHARED_DATA)")
        return np.load(path)

    return load
