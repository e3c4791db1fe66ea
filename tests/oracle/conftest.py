"""Without PyTorch's tests its modules are not imported, which takes seconds in each process."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if "not torch" in config.getoption("markexpr") else None
