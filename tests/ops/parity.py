"""Calls of all kernels: those that the ops' samples lead to, and large ones; and their comparison.

Where nothing is compiled, a test module that imports this one is skipped.
"""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinygrad_dls.backend.kernels.reference import ReferenceKernels
from tinygrad_dls.ops.op import Op

from . import checks
from .declared import SAMPLED

pytest.importorskip("numba")
if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("nothing is compiled", allow_module_level=True)
from tinygrad_dls.backend.kernels.numba.table import CompiledKernels

KERNELS = [n for n in dir(ReferenceKernels) if not n.startswith("_")]
# long sums: close as to the largest of them
SUMS = ("matmul", "linear_relu", "linear_backward", "sum_rows", "normalize_backward",
        "batch_norm_backward", "centered_sums", "sum_along", "cumsum")
TOLERANCE = {"float16": (2e-3, 2e-3), "float32": (5e-6, 2e-6), "float64": (1e-13, 1e-14)}
REFERENCE, COMPILED = ReferenceKernels(np), CompiledKernels(np)
Call = tuple[Any, ...]


class Recorder:
    """The reference, which remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Call]] = []

    def __getattr__(self, name: str) -> Any:
        kernel = getattr(REFERENCE, name)

        def call(*arguments: Any) -> Any:
            self.calls.append((name, copied(arguments)))
            return kernel(*arguments)

        return call


def copied(arguments: Call) -> Call:
    """Copies of the arrays, and of those in lists."""
    return tuple(list(copied(tuple(a))) if isinstance(a, list) else
                 a.copy(order="K") if isinstance(a, np.ndarray) else a for a in arguments)


def recorded() -> Iterator[tuple[str, Call]]:
    """The kernel calls of every sample of every op, forward and backward."""
    for op in SAMPLED.values():
        for sample in checks.samples_of(op):
            yield from calls_of(op, sample)


def calls_of(op: type[Op], sample: Any) -> list[tuple[str, Call]]:
    recorder = Recorder()
    place: Any = SimpleNamespace(xp=np, kernels=recorder)
    bound = op(**sample.parameters).on(place)
    made = bound.forward(*sample.inputs)
    made = tuple(map(np.asarray, made)) if op.extras else (np.asarray(made),)
    if op.differentiable:
        needs = tuple(x.dtype.kind == "f" for x in sample.inputs)
        plan = bound.plan(needs)
        plan.back(checks.direction(made[0].shape, 1), plan.keep(*sample.inputs, *made, needs))
    return recorder.calls


# Files beside this one, `kernel_FAMILY.py`: `arguments()` is {name of kernel: list of calls},
# `BY_HAND` (if there is one) the kernels that no op's sample calls.
FAMILIES = [importlib.import_module(f".{path.stem}", __package__)
            for path in sorted(Path(__file__).parent.glob("kernel_*.py"))]
RECORDED: dict[str, list[Call]] = {name: [] for name in KERNELS}
for _name, _arguments in recorded():
    RECORDED[_name].append(_arguments)


def values(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Normal numbers; among them huge, tiny and zero ones."""
    x = np.random.default_rng(seed).standard_normal(shape) * 3
    flat = x.reshape(-1)
    flat[:8] = (0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30, 30.0, -104.0)
    return x


def large(name: str) -> list[Call]:
    """Arguments by hand: large and of awkward lengths, for every kernel."""
    for family in FAMILIES:
        if name in (named := family.arguments()):
            return named[name]
    n = 10_007
    x, rows = values((n,)), values((37, 11))
    return {
        "matmul": [(values((70, 90)), values((90, 40))), (values((90, 70)).T, values((40, 90)).T),
                   (values((30, 700)), values((33, 700)).T), (rows[::2], values((11, 3000))),
                   (values((600, 20)), values((20, 17))), (values((6, 70, 30)), values((30, 50))),
                   (values((6, 7, 1)), values((6, 1, 9))),
                   (values((2, 1, 5, 1)), values((4, 1, 5)))],
        "outer_products": [
            ([values((6, 9), t) for t in range(4)], [values((6, 37), t) for t in range(4)], None),
            ([values((2, 3, 17)).swapaxes(0, 1)], [rows[:3, :2, None] * values((16,))],
             values((3, 2, 17, 16)))],
        "linear": [(values((65, 4)), values((3, 4)), values((9,))[6:]), (rows, rows[:5], None),
                   (values((2, 40)) / 99, values((9, 40)), x[:9]),  # rows of W as stored
                   (values((37, 50)) / 99, values((1, 50)), x[:1]),
                   (values((5, 33)) / 99, values((1, 33)), None)],
        "linear_relu": [(values((65, 4)), values((3, 4)), values((9,))[6:]), (rows, rows[:5], None),
                        (values((9, 600)), values((5, 600)), x[:5]),
                        (values((3, 50)) / 99, values((21, 50)), x[:21]),
                        (values((70, 40)), values((90, 40)), x[:90])],
        "linear_backward": [(rows, values((37, 5)), values((11, 5)), needs)
                            for needs in ((True,) * 3, (False, True, True), (True, False, False))]
        + [(values((9, 2)), values((9, 4)), values((2, 4)), needs)
           for needs in ((True,) * 3, (False, True, True), (True, False, True))]
        + [(values((9000, 7)), values((9000, 12)), values((7, 12)), (True,) * 3)]
        + [(values((m, n)), values((m, k)), values((n, k)), (True,) * 3)  # few outputs
           for m, n, k in ((37, 1, 50), (9, 3, 33), (9001, 2, 70), (5, 4, 5000))],
        "sum_rows": [(rows,), (rows.T,), (values((1, 9)),), (values((3000, 33)),)],
    }[name]


def cast(arguments: Call, dtype: str) -> Call:
    def one(a: Any) -> Any:
        if isinstance(a, list):
            return [one(x) for x in a]
        if isinstance(a, np.floating):  # NumPy's arithmetic makes numbers of arrays of shape ()
            return np.dtype(dtype).type(a)
        if isinstance(a, np.ndarray) and a.dtype.kind == "f":
            return a.astype(dtype, order="K") if dense(a) else strided(a.astype(dtype))
        return a

    return tuple(one(a) for a in arguments)


def dense(x: np.ndarray) -> bool:
    """Return whether x has no gaps in memory, in any order of its axes: channels-last has none."""
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    return bool(x.transpose(order).flags.c_contiguous)


def strided(x: np.ndarray) -> np.ndarray:
    """The same values, every second place of memory."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def compare(name: str, arguments: Call, dtype: str) -> None:
    rtol, atol = TOLERANCE[dtype]
    results = []
    for table in (REFERENCE, COMPILED):
        mine = cast(copied(arguments), dtype)
        made = getattr(table, name)(*mine)
        every = [x for a in mine for x in (a if isinstance(a, list) else [a])]
        changed = [a for a in every if isinstance(a, np.ndarray)]
        results.append([*(made if isinstance(made, tuple) else (made,)), *changed])
    for want, got in zip(*results, strict=True):
        if want is None or isinstance(want, bool):
            assert got is want
            continue
        if isinstance(want, float):
            want, got = np.float64(want), np.float64(got)
        assert np.shape(got) == np.shape(want)
        assert got.dtype == want.dtype
        scale = max(1.0, float(np.abs(want).max())) if name in SUMS and want.size else 1.0
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol * scale, err_msg=name)
