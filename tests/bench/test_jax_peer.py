"""JAX's side of the benchmark computes what ours does."""

import numpy as np
import pytest

pytest.importorskip("jax")

from tinygrad_dls.bench import ours
from tinygrad_dls.bench.cases import CASES
from tinygrad_dls.bench.peers import PEERS, takes

QUICK = {"a", "b", "c2", "d1", "h_gru", "j", "s"}  # the others compile for up to a minute


def cases():
    return [pytest.param(n, marks=[pytest.mark.slow] if n not in QUICK else [])
            for n in CASES if takes("jax", CASES[n])]


@pytest.mark.parametrize("name", cases())
def test_losses_are_ours(name):
    case = CASES[name]
    mine, theirs = ours.build(case), PEERS["jax"](case)
    steps = 1 if name in ("l", "n") else 3  # 50 layers of batch norm multiply what rounding does
    np.testing.assert_allclose(
        [theirs() for _ in range(steps)], [mine() for _ in range(steps)], rtol=2e-4)
