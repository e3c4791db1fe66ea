"""Fixtures that all tests share."""

import os
import sys
from collections.abc import Iterator

import numpy as np
import pytest

for missing in os.environ.get("TINYGRAD_DLS_TEST_WITHOUT", "").split():
    sys.modules[missing] = None  # type: ignore[assignment]  # as if it were not installed

import tinygrad_dls as dls  # noqa: E402


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def defaults_restored() -> Iterator[None]:
    """A test that sets the default dtype or device, or the seed, leaves no trace."""
    dtype, device = dls.default_dtype(), dls.default_device()
    stream = dls.random.default_generator.get_state()
    yield
    dls.set_default_dtype(dtype)
    dls.set_default_device(device)
    dls.random.default_generator.set_state(stream)
