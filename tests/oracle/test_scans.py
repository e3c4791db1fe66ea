"""Running sums and products, and differences."""

from typing import Any

import numpy as np

import tinygrad_dls as dls

from .harness import array, pick, random_cases, same_function, torch

DTYPES = ("float32", "float64")


def line(case: np.random.Generator) -> tuple[np.ndarray, int]:
    """An array and one of its axes, which may be long, of length 1 or empty."""
    ndim = int(case.integers(1, 4))
    axis = int(case.integers(-ndim, ndim))
    shape = [int(case.integers(1, 4)) for _ in range(ndim)]
    shape[axis] = int(pick(case, 0, 1, 2, 3, 7, 20))
    return array(case, *shape, dtype=pick(case, *DTYPES)), axis


@random_cases(80)
def test_cumsum(case: np.random.Generator) -> None:
    x, axis = line(case)
    same_function(lambda x: x.cumsum(axis), lambda x: x.cumsum(axis), [x], second=True)


@random_cases(140)
def test_cumprod(case: np.random.Generator) -> None:
    """With none, some or many zeros among the factors."""
    x, axis = line(case)
    x[case.random(x.shape) < pick(case, 0.0, 0.2, 0.6)] = 0.0
    same_function(lambda x: dls.cumprod(x, dim=axis), lambda x: torch.cumprod(x, dim=axis), [x],
                  second=True, scale=5)


@random_cases(60)
def test_recurrence(case: np.random.Generator) -> None:
    """Through a loop of PyTorch's."""
    a, axis = line(case)
    b = array(case, *a.shape, dtype=str(a.dtype))

    def loop(a: Any, b: Any) -> Any:
        y, last = [], None
        for u, v in zip(a.unbind(axis), b.unbind(axis)):
            last = v if last is None else u * last + v
            y.append(last)
        return torch.stack(y, axis) if y else (a + b) * 1.0

    def ours(a: Any, b: Any) -> Any:
        return dls.ops.recurrence(a, b, axis % a.ndim)

    same_function(ours, loop, [a, b], second=True, scale=5)


@random_cases(80)
def test_diff(case: np.random.Generator) -> None:
    x, axis = line(case)
    n = int(case.integers(0, 4))
    shape = list(x.shape)
    shape[axis] = int(case.integers(1, 3))
    end = array(case, *shape, dtype=str(x.dtype))
    which = pick(case, "", "prepend", "append")
    options: dict[str, Any] = {"n": n, "axis": axis}
    if which and n:
        same_function(lambda x, e: dls.diff(x, n, axis, **{which: e}),
                      lambda x, e: torch.diff(x, n, axis, **{which: e}), [x, end], second=True)
    elif n <= x.shape[axis]:  # PyTorch refuses to take more differences than there are elements
        same_function(lambda x: dls.diff(x, **options), lambda x: torch.diff(x, n, axis), [x],
                      second=True)


@random_cases(30)
def test_of_integers(case: np.random.Generator) -> None:
    a, axis = case.integers(-3, 4, (3, 4)), int(case.integers(2))
    x, t = dls.Tensor(a), torch.from_numpy(a)
    for name in ("cumsum", "cumprod", "prod", "sum", "diff"):
        option = {"axis": axis} if name != "diff" else {"n": 1, "axis": axis}
        mine = getattr(dls, name)(x, **option)
        theirs = getattr(torch, name)(t, dim=axis)
        assert np.array_equal(mine.numpy(), theirs.numpy())
        assert mine.dtype == np.int64
    assert np.array_equal(x.cumsum().numpy(), a.cumsum())
    assert np.array_equal((x > 0).cumsum(axis).numpy(), (t > 0).cumsum(axis).numpy())
    assert np.array_equal(dls.diff(x > 0).numpy(), np.diff(a > 0))


@random_cases(10)
def test_long_products(case: np.random.Generator) -> None:
    """Thousands of factors around 1: the recurrence stays exact."""
    x = np.exp(case.standard_normal((2, 3000)) * 0.05)
    same_function(lambda x: x.cumprod(1), lambda x: x.cumprod(1), [x], scale=50)
    same_function(lambda x: x.prod(1), lambda x: x.prod(1), [x], scale=50)
