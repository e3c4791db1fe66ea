"""Time enough for each check: on a busy machine the processor takes twice as long for the same."""

import pytest

from tinygrad_dls.check import diagnosis
from tinygrad_dls.check.repair import search


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "SECONDS", 60.0)
    monkeypatch.setattr(search, "SECONDS", 60.0)
