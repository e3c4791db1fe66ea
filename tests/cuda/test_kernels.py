"""The CUDA kernels give what the readable reference gives: run on the host, from their own source.

The arguments are those of tests/ops/parity.py. Arrays are the strict device's, so no
call may wait for the device; threads run in both orders.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.ops import parity
from tinygrad_dls.backend import strict
from tinygrad_dls.backend.kernels.cuda import CudaKernels
from tinygrad_dls.backend.kernels.cuda.table import CudaKernels as Table
from tinygrad_dls.backend.kernels.reference import ReferenceKernels

from . import emulator
from .fake_cupy import FakeCupy, to_device, to_host

pytestmark = pytest.mark.skipif(emulator.COMPILER is None, reason=emulator.MISSING)
OVERRIDDEN = [name for name in parity.KERNELS
              if getattr(Table, name) is not getattr(ReferenceKernels, name)]
TOLERANCE = {"float32": (1e-5, 4e-6), "float64": (1e-12, 1e-13)}
REFERENCE = ReferenceKernels(np)
FORWARD, BACKWARDS = FakeCupy(), FakeCupy(backwards=True)
TABLES = {xp.backwards: CudaKernels(xp) for xp in (FORWARD, BACKWARDS)}


@pytest.fixture(scope="module")
def launched() -> Iterator[set[str]]:
    yield set()


def compare(table: CudaKernels, name: str, arguments: parity.Call, dtype: str) -> None:
    rtol, atol = TOLERANCE[dtype]
    # A sum, a number in NumPy, is an array () on a GPU.
    arguments = tuple(np.asarray(a) if isinstance(a, np.floating) else a for a in arguments)
    mine = parity.cast(parity.copied(arguments), dtype)
    made = getattr(REFERENCE, name)(*mine)
    want = [*(made if isinstance(made, tuple) else (made,)), *arrays(mine)]
    given = to_device(parity.cast(parity.copied(arguments), dtype))
    with strict.count() as counted:
        made = getattr(table, name)(*given)
    assert name == "any_outside" or counted.syncs == 0, counted
    got = [*(made if isinstance(made, tuple) else (made,)), *arrays(given)]
    for a, b in zip(got, want, strict=True):
        if b is None or isinstance(b, bool):
            assert a is b
            continue
        a, b = to_host(a), np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        finite = np.abs(b[np.isfinite(b)]) if b.dtype.kind == "f" else np.ones(1)
        scale = max(1.0, float(finite.max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * scale, err_msg=name)


def arrays(arguments: Any) -> list[Any]:
    every = [x for a in arguments for x in (a if isinstance(a, list) else [a])]
    return [a for a in every if isinstance(a, (np.ndarray, strict.Array))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OVERRIDDEN)
def test_cuda_equals_reference(name: str, dtype: str) -> None:
    for i, arguments in enumerate([*parity.RECORDED[name], *parity.large(name)]):
        compare(TABLES[bool(i % 2)], name, arguments, dtype)


def test_no_helper_hides_one_of_another_class() -> None:
    """Kernels that stay the reference's call the reference's helpers."""
    owners: dict[str, str] = {}
    for part in Table.__mro__:
        for name in vars(part):
            if name.startswith("_") and not name.startswith("__"):
                assert name not in owners, f"{part.__name__}.{name} hides behind {owners[name]}"
                owners[name] = part.__name__
