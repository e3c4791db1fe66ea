"""Helpers become part of kernels, and are not compiled alone."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("kernels are not compiled in this configuration", allow_module_level=True)

import numba

from tinygrad_dls.backend.kernels.numba import compile as compiling
from tinygrad_dls.backend.kernels.numba.compile import inlined, kernel


@inlined
def half(x):
    return 0.5 * x


@inlined
def mean(a, b):
    return half(a) + half(b)


@kernel
def means(a, b, out):
    for i in range(out.size):
        out[i] = mean(a[i], b[i])


def test_a_kernel_runs_helpers_of_helpers():
    a, b, out = np.arange(5.0), np.ones(5), np.empty(5)
    means(a, b, out)
    np.testing.assert_array_equal(out, (a + b) / 2)


def test_helpers_have_no_machine_code_of_their_own():
    mean.compile((numba.float64, numba.float64))  # means itself may come from the cache
    for helper in (half, mean):
        (compiled,) = helper.overloads.values()
        assert not compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def test_only_functions_that_make_arrays_count_references():
    @inlined
    def filled(x):
        y = np.zeros(x.size)
        return y.sum()

    assert compiling.options_for(filled.py_func)["_nrt"]
    assert not compiling.options_for(half.py_func)["_nrt"]


def test_a_helper_returns_no_array():
    @inlined
    def both(x):
        return 1, x

    with pytest.raises(TypeError, match="returns an array"):
        both.compile((numba.float64[::1],))


STEP = """
import numba
numba.__version__ = {version!r}
import tinygrad_dls as dls
from numba.core.compiler import Compiler
from tinygrad_dls import nn
from tinygrad_dls.backend.kernels.numba import compilers
dls.manual_seed(0)
model = nn.Sequential(nn.Linear(40, 50), nn.ReLU(), nn.Linear(50, 3))
loss = nn.functional.cross_entropy(model(dls.randn(200, 40)), dls.tensor([0, 1, 2, 0] * 50))
loss.backward()
print(compilers.KernelCompiler is Compiler, loss.item(), *model[0].weight.grad.sum(1).tolist())
"""


@pytest.mark.slow
def test_with_a_version_that_is_not_known_numba_compiles_as_it_does(tmp_path):
    def run(version):
        environment = {**os.environ, "TINYGRAD_DLS_CACHE": str(tmp_path / version)}
        made = subprocess.run([sys.executable, "-c", STEP.format(version=version)],
                              env=environment, capture_output=True, text=True, check=True)
        plain, *numbers = made.stdout.split()
        return plain, numbers

    known, unknown = run(numba.__version__), run("99.0.1")
    assert (known[0], unknown[0]) == ("False", "True")
    assert known[1] == unknown[1] and len(known[1]) == 51
