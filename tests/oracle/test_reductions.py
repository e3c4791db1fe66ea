"""Reductions, norms and sorting."""

from typing import Any

import numpy as np

import tinygrad_dls as dls

from .harness import array, pick, random_cases, same_function, torch

DTYPES = ("float32", "float64")


def shape_and_axes(case: np.random.Generator, empty: bool = False) -> tuple[Any, Any, bool]:
    """A shape, one or several of its axes (or None), and keepdims."""
    ndim = int(case.integers(1, 5))
    shape = [int(case.integers(1, 5)) for _ in range(ndim)]
    if empty and case.random() < 0.15:
        shape[int(case.integers(ndim))] = 0
    count = int(case.integers(0, ndim + 1))
    axes = tuple(int(i) - ndim * int(case.integers(2))
                 for i in case.permutation(ndim)[:count])
    axis = None if not axes else axes[0] if len(axes) == 1 else axes
    return tuple(shape), axis, bool(case.integers(2))


def everything(axis: Any, shape: tuple[int, ...]) -> Any:
    """PyTorch's dim where ours is None: all of them."""
    return tuple(range(len(shape))) if axis is None else axis


@random_cases(120)
def test_sums_and_means(case: np.random.Generator) -> None:
    shape, axis, keepdims = shape_and_axes(case)
    dim = everything(axis, shape)
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    many = x.size > 1 and (axis is None or np.prod([shape[i] for i in np.atleast_1d(axis)]) > 1)
    names = ("sum", "mean", "logsumexp", "amax", "amin", *(("var", "std") if many else ()))
    name = pick(case, *names)
    options = {"correction": int(case.integers(2))} if name in ("var", "std") else {}
    same_function(
        lambda x: getattr(dls, name.removeprefix("a"))(x, axis=axis, keepdims=keepdims, **options),
        lambda x: getattr(torch, name)(x, dim=dim, keepdim=keepdims, **options),
        [x], second=True, scale=3,
    )


@random_cases(40)
def test_sums_of_nothing(case: np.random.Generator) -> None:
    shape, axis, keepdims = shape_and_axes(case, empty=True)
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    same_function(lambda x: x.sum(axis=axis, keepdims=keepdims),
                  lambda x: x.sum(dim=everything(axis, shape), keepdim=keepdims), [x], second=True)
    same_function(lambda x: (x > 0).any(axis=axis), lambda x: (x > 0).any(
        dim=everything(axis, shape)), [x])
    same_function(lambda x: dls.count_nonzero(x > 0, axis=axis), lambda x: torch.count_nonzero(
        x > 0, dim=everything(axis, shape)), [x])


@random_cases(40)
def test_ties_share_the_gradient(case: np.random.Generator) -> None:
    shape, axis, keepdims = shape_and_axes(case)
    x = case.integers(0, 3, shape).astype(pick(case, *DTYPES))
    name = pick(case, "max", "min")
    same_function(
        lambda x: getattr(x, name)(axis=axis, keepdims=keepdims),
        lambda x: getattr(torch, f"a{name}")(x, dim=everything(axis, shape), keepdim=keepdims), [x])


@random_cases(60)
def test_prod(case: np.random.Generator) -> None:
    """With none, one or several zeros."""
    shape, axis, keepdims = shape_and_axes(case, empty=True)
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    x[case.random(shape) < pick(case, 0.0, 0.2, 0.6)] = 0.0
    if axis is None:
        same_function(lambda x: x.prod(), lambda x: x.prod(), [x], second=True, scale=3)
        return
    axes = sorted((i % len(shape) for i in np.atleast_1d(axis)), reverse=True)

    def theirs(x: Any) -> Any:  # PyTorch's prod takes one dim
        for i in axes:
            x = x.prod(dim=int(i), keepdim=keepdims)
        return x

    same_function(lambda x: dls.prod(x, axis, keepdims), theirs, [x], second=True, scale=3)


@random_cases(100)
def test_vector_norm(case: np.random.Generator) -> None:
    shape, axis, keepdims = shape_and_axes(case)
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    if case.random() < 0.1:  # how many are not 0: flat, PyTorch's has a gradient of zeros
        mine = dls.vector_norm(dls.Tensor(x), 0, axis, keepdims).numpy()
        assert np.array_equal(mine, np.asarray((x != 0).sum(axis, x.dtype, keepdims=keepdims)))
    order = pick(case, 2, 1, np.inf, -np.inf, 3, 2.5, 0.7)
    same_function(lambda x: dls.vector_norm(x, order, axis, keepdims),
                  lambda x: torch.linalg.vector_norm(x, order, axis, keepdims), [x],
                  second=True, scale=5)


@random_cases(60)
def test_norm(case: np.random.Generator) -> None:
    """NumPy's function: vectors along one axis, matrices in two."""
    shape = tuple(int(n) for n in case.integers(1, 5, int(case.integers(2, 5))))
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    i, j = (int(n) for n in case.permutation(len(shape))[:2])
    order, axis = pick(case, (None, None), (None, i), (2, i), (1, i), (np.inf, i), ("fro", (i, j)),
                       (1, (i, j)), (-1, (i, j)), (np.inf, (i, j)), (-np.inf, (i, j)),
                       (None, (i, j)), (2, (i, j)), (-2, (i, j)), ("nuc", (i, j)))
    keepdims = bool(case.integers(2))
    same_function(lambda x: dls.norm(x, order, axis, keepdims),
                  lambda x: torch.linalg.norm(x, order, axis, keepdims), [x], second=True, scale=5)
    np.testing.assert_allclose(np.linalg.norm(dls.Tensor(x), order, axis, keepdims).numpy(),
                               np.linalg.norm(x, order, axis, keepdims), rtol=1e-5)


@random_cases(20)
def test_norm_at_zero_has_a_finite_gradient(case: np.random.Generator) -> None:
    x = array(case, 3, 4, dtype=pick(case, *DTYPES))
    x[1] = 0.0
    order = pick(case, 1, 2, 3)
    same_function(lambda x: dls.vector_norm(x, order, 1),
                  lambda x: torch.linalg.vector_norm(x, order, 1), [x], scale=5)


@random_cases(60)
def test_sort(case: np.random.Generator) -> None:
    shape, _, descending = shape_and_axes(case, empty=True)
    axis = int(case.integers(-len(shape), len(shape)))
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    same_function(
        lambda x: (x.sort(axis, descending=descending), x.argsort(axis, descending)),
        lambda x: tuple(torch.sort(x, dim=axis, descending=descending, stable=True)), [x],
        second=True,
    )


@random_cases(30)
def test_argsort_keeps_the_order_of_equals(case: np.random.Generator) -> None:
    a, descending = case.integers(0, 4, (3, 9)), bool(case.integers(2))
    x, t = dls.Tensor(a), torch.from_numpy(a)
    for axis in (0, 1):
        want = torch.sort(t, dim=axis, descending=descending, stable=True)
        assert np.array_equal(x.argsort(axis, descending).numpy(), want.indices.numpy())
        assert np.array_equal(x.sort(axis, descending).numpy(), want.values.numpy())


@random_cases(60)
def test_topk(case: np.random.Generator) -> None:
    shape, _, largest = shape_and_axes(case, empty=True)
    axis = int(case.integers(-len(shape), len(shape)))
    k = int(case.integers(0, shape[axis] + 1))
    x = array(case, *shape, dtype=pick(case, *DTYPES))
    same_function(lambda x: x.topk(k, axis, largest), lambda x: tuple(x.topk(k, axis, largest)),
                  [x], second=True)


@random_cases(30)
def test_median_of_an_odd_number(case: np.random.Generator) -> None:
    """Of an even number PyTorch takes the lower of the two in the middle, NumPy their mean."""
    n, axis, keepdims = pick(case, 1, 3, 5), int(case.integers(2)), bool(case.integers(2))
    x = array(case, *((n, 4) if axis == 0 else (4, n)), dtype=pick(case, *DTYPES))
    same_function(lambda x: x.median(axis, keepdims), lambda x: x.median(axis, keepdims).values,
                  [x], second=True)
    even = array(case, 4, 3)
    np.testing.assert_allclose(dls.median(dls.Tensor(even), 0).numpy(), np.median(even, 0))
    np.testing.assert_allclose(np.median(dls.Tensor(even)).numpy(), np.median(even))


@random_cases(30)
def test_places_and_counts(case: np.random.Generator) -> None:
    shape, _, keepdims = shape_and_axes(case)
    axis = pick(case, None, int(case.integers(-len(shape), len(shape))))
    x = case.integers(0, 3, shape).astype("float32")
    t = torch.from_numpy(x)
    for name in ("argmax", "argmin"):
        mine = getattr(dls.Tensor(x), name)(axis, keepdims) if axis is not None else getattr(
            dls.Tensor(x), name)()
        want = getattr(np, name)(x, axis, keepdims=keepdims) if axis is not None else getattr(
            t, name)().numpy()
        assert np.array_equal(mine.numpy(), want)
        assert mine.dtype == np.int64
    assert np.array_equal(dls.count_nonzero(dls.Tensor(x), axis).numpy(),
                          torch.count_nonzero(t, axis).numpy())
