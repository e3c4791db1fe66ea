"""The compiled kernels give what the readable reference gives.

Each kernel is called with the arguments that the ops' samples lead to (recorded on the way), in
float32 and float64, and with large ones: odd lengths, strides, extreme values.
"""

import numpy as np
import pytest

from .parity import FAMILIES, KERNELS, RECORDED, Call, compare, large, values

pytest.importorskip("numba")
from tinygrad_dls.backend.kernels.numba.table import CompiledKernels


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KERNELS)
def test_compiled_equals_reference(name: str, dtype: str) -> None:
    for arguments in [*RECORDED[name], *large(name)]:
        compare(name, arguments, dtype)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softmax", "cross_entropy",
                                  "binary_cross_entropy", "sigmoid_backward", "relu_backward"])
def test_extremes_agree(name: str) -> None:
    """Numbers beyond exp's range, infinities and NaN end up alike."""
    x = np.array([[1e4, -1e4, 3e38, 0], [-3e38, 1, 2, 3], [np.nan, 1, 2, 3], [200, -200, 90, -90]])
    other: Call = {
        "softmax": (1,), "cross_entropy": (np.array([1, 1, 1, 1]), 0.0),
        "binary_cross_entropy": (np.full((4, 4), 0.5),),
        "sigmoid_backward": (np.full((4, 4), 0.25),), "relu_backward": (np.ones((4, 4)),),
    }.get(name, ())
    with np.errstate(all="ignore"):
        compare(name, (x, *other), "float32")
        compare(name, (x, *other), "float64")


def test_every_op_that_has_a_kernel_was_recorded() -> None:
    by_ops = {name for name, calls in RECORDED.items() if calls}
    by_hand_only = {"sum_rows", "outer_products"}
    for family in FAMILIES:
        by_hand_only |= getattr(family, "BY_HAND", set())
    assert by_ops | by_hand_only == set(KERNELS)


def test_a_wrong_kernel_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of the test."""
    monkeypatch.setattr(CompiledKernels, "tanh", lambda self, x: np.tanh(x) * 1.0001)
    with pytest.raises(AssertionError):
        compare("tanh", (values((100,)),), "float32")
