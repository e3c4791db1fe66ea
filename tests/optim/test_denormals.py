"""Averages of a unit that died settle at 0, not at the smallest number there is."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import optim
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("only with compiled kernels", allow_module_level=True)


# Times 0.5 the smallest number rounds to 0; times anything above it stays what it is for ever.
@pytest.mark.parametrize("make", [
    lambda p: optim.Adam(p, betas=(0.6, 0.6)), lambda p: optim.SGD(p, lr=1e-3, momentum=0.6),
    lambda p: optim.RMSprop(p, alpha=0.6), lambda p: optim.NAdam(p, betas=(0.6, 0.6)),
    lambda p: optim.Lion(p, betas=(0.9, 0.6)), lambda p: optim.Adadelta(p, rho=0.6),
], ids=["adam", "momentum", "rmsprop", "nadam", "lion", "adadelta"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_denormals_stay(make, dtype):
    p = dls.nn.Parameter(dls.ones(40, dtype=dtype))
    optimizer = make([p])
    for step in range(1_700 if dtype == "float64" else 300):
        p.grad = dls.full_like(p, 0.0 if step else 1e-2)
        optimizer.step()
    for name, value in optimizer.state[p].items():
        if hasattr(value, "numpy"):  # not a count
            a = np.abs(value.numpy())
            assert not np.any((a > 0) & (a < np.finfo(dtype).tiny)), name


def test_not_a_number_stays():
    p = dls.nn.Parameter(dls.ones(3))
    optimizer = optim.Adam([p])
    p.grad = dls.tensor([np.nan, 0.0, 1.0])
    optimizer.step()
    assert np.isnan(optimizer.state[p]["exp_avg"].numpy()).tolist() == [True, False, False]
