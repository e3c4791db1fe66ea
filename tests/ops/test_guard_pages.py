"""No compiled kernel reads or writes out of bounds: every array lies beside forbidden pages.

All calls of `test_kernel_parity` again, in a process of their own, which an access out of bounds
ends; the last kernel it named is to blame.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.table import wants_compiled

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not wants_compiled(), reason="compiled kernels, pages of Linux"
)
ROOT = Path(__file__).parents[2]


def run(at_end: bool, break_it: bool = False) -> subprocess.CompletedProcess[str]:
    code = f"from tests.ops.test_guard_pages import call_all; call_all({at_end}, {break_it})"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=500, check=False)


def call_all(at_end: bool, break_it: bool) -> None:
    """In the process: every kernel, each call with guarded arrays."""
    from . import test_kernel_parity as parity
    from .guarded import Guard

    guard = Guard(at_end)
    if break_it:
        one_too_far(parity, at_end)
    for name in ["tanh"] if break_it else parity.KERNELS:
        calls = [*parity.RECORDED[name], *parity.large(name)]
        for dtype in ("float32", "float64"):
            print(name, dtype, flush=True)
            for arguments in calls:
                first, second = (guarded(parity.cast(parity.copied(arguments), dtype), guard)
                                 for _ in range(2))
                kernel = getattr(parity.COMPILED, name)
                kernel(*first)  # compiled here, if need be: Numba must find NumPy's own functions
                with guard.instead_of_numpys():
                    kernel(*second)
    print("all", flush=True)


def guarded(arguments, guard):
    """Arrays, and those in lists, beside forbidden pages."""
    def one(a):
        if isinstance(a, list):
            return [one(x) for x in a]
        if isinstance(a, np.ndarray) and a.size and all(s >= 0 for s in a.strides):
            return guard.like(a)
        return a

    return tuple(one(a) for a in arguments)


def one_too_far(parity, at_end):
    """A kernel with a mistake: it reads one number behind the last, or before the first."""
    from numba import njit

    @njit
    def number_at(x, place):
        return x[place]

    def wrong(x):
        flat = x.reshape(-1)
        return number_at(flat, flat.size if at_end else -flat.size - 1)

    parity.COMPILED.tanh = wrong


@pytest.mark.parametrize("at_end", [True, False], ids=["at the end", "at the beginning"])
def test_no_kernel_leaves_its_arrays(at_end):
    done = run(at_end)
    assert done.returncode == 0, f"{done.stdout[-80:]}\n{done.stderr[-2000:]}"
    assert done.stdout.endswith("all\n")


@pytest.mark.parametrize("at_end", [True, False])
def test_a_kernel_that_does_is_found(at_end):
    """A test of the test."""
    done = run(at_end, break_it=True)
    assert done.returncode < 0 and done.stdout == "tanh float32\n", done.stderr[-2000:]
