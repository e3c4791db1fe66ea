"""Random shapes and axes, and functions that move elements: against PyTorch and NumPy."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_dls as dls

from .harness import array, flat, pick, same_function


def shape_of(case: np.random.Generator, least: int = 0, most: int = 4) -> tuple[int, ...]:
    """Random lengths, now and then 0 or 1."""
    lengths = case.choice([0, 1, 1, 2, 3, 4, 5], size=int(case.integers(least, most + 1)))
    return tuple(int(n) for n in lengths)


def some(case: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return array(case, *shape, dtype=pick(case, "float32", "float64"))


def same(
    ours: Callable[..., Any], theirs: Callable[..., Any], arrays: Sequence[np.ndarray]
) -> None:
    """As PyTorch's, of squares: what only moves elements has no second derivative to look at."""
    def squares(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: [y * y for y in flat(f(*xs))]

    same_function(squares(ours), squares(theirs), arrays, second=True)


def an_axis(case: np.random.Generator, ndim: int) -> int:
    return int(case.integers(-ndim, ndim))


def as_numpy(ours: Callable[..., Any], numpys: Callable[..., Any], *arrays: np.ndarray) -> None:
    """Values are NumPy's, and the gradient is what moving elements must give.

    A function that only moves (and sums) is linear: dL/dx is found from its values at unit vectors.
    """
    xs = [dls.from_numpy(a).requires_grad_() for a in arrays]
    mine, want = flat(ours(*xs)), flat(numpys(*arrays))
    assert len(mine) == len(want)
    rng = np.random.default_rng(1)
    total, seeds = None, []
    for y, w in zip(mine, want):
        assert (y.shape, y.dtype) == (w.shape, w.dtype)
        np.testing.assert_array_equal(y.numpy(), w)
        seeds.append(rng.standard_normal(y.shape).astype(y.dtype))
        part = (y * dls.from_numpy(seeds[-1])).sum()
        total = part if total is None else total + part
    if total is None or not total.requires_grad:
        return
    total.backward()
    for x, a in zip(xs, arrays):
        slope = np.zeros(a.size, a.dtype)
        others = [np.zeros_like(b) for b in arrays]
        place = next(i for i, b in enumerate(arrays) if b is a)
        for i in range(a.size):
            unit = np.zeros(a.size, a.dtype)
            unit[i] = 1
            others[place] = unit.reshape(a.shape)
            slope[i] = sum(np.sum(s * p) for s, p in zip(seeds, flat(numpys(*others))))
        np.testing.assert_allclose(x.grad.numpy().reshape(-1), slope, rtol=1e-4, atol=1e-5)
