"""A training step of each model family waits for the device not once."""

import numpy as np
import pytest

from tinygrad_dls.backend import strict
from tinygrad_dls.bench.cases import CASES, FAMILIES

from .steps import training


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_of_each_family_has_no_synchronization(name):
    here, there = training(CASES[name], "cpu"), training(CASES[name], "strict")
    np.testing.assert_allclose(there().numpy(), here().numpy(), rtol=1e-5)
    with strict.count() as counted:  # the first step made what is made once
        loss = there()
    assert counted.syncs == 0, counted
    np.testing.assert_allclose(loss.numpy(), here().numpy(), rtol=1e-4)
    assert np.isfinite(there().item())
