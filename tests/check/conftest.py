"""What tests of checks share: time enough, and the hypotheses without the search for a mend."""

import pytest

from tinygrad_dls.check import diagnosis, layer
from tinygrad_dls.check.repair import search


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the processor takes twice as long for the same."""
    monkeypatch.setattr(diagnosis, "SECONDS", 60.0)
    monkeypatch.setattr(search, "SECONDS", 60.0)


@pytest.fixture
def without_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hypotheses alone, as for layers whose source cannot be read."""
    monkeypatch.setattr(layer, "mend", lambda rule, cases: [])
