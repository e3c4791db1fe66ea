"""Helpers become part of kernels, and are not compiled alone."""

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
