"""Taking and putting at indices, against PyTorch and NumPy."""

from typing import Any

import numpy as np

import tinygrad_dls as dls

from .harness import array, pick, random_cases, torch
from .shapes import an_axis, as_numpy, same, shape_of, some


def places(case: np.random.Generator, n: int, shape: tuple[int, ...], negative: bool = True) -> Any:
    """Places on an axis of length n (of shape 0 where there are none)."""
    if n == 0:
        shape = (0, *shape[1:]) if shape else (0,)
    return case.integers(-n if negative else 0, max(n, 1), shape)


def random_index(case: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Slices, integers, None, ..., arrays of places and masks, as NumPy takes them."""
    parts: list[Any] = []
    met = pick(case, (3,), (2, 1), (1,), ())
    left = list(shape)
    dots = False
    while left and case.random() < 0.85:
        n = left[0]
        kind = pick(case, "int", "slice", "step", "places", "mask", "none", "dots", "slice")
        if kind == "none":
            parts.append(None)
            continue
        if kind == "dots":
            if dots:
                continue
            dots = True
            parts.append(Ellipsis)
            skip = int(case.integers(0, len(left) + 1))
            left = left[skip:]
            # what follows must fill the rest exactly
            parts += [slice(None)] * len(left)
            break
        if kind == "int" and n:
            parts.append(int(case.integers(-n, n)))
        elif kind == "step":
            parts.append(slice(None, None, pick(case, -1, -2, 2)))
        elif kind == "places" and n:
            parts.append(places(case, n, met))
        elif kind == "mask" and not any(isinstance(p, np.ndarray) for p in parts):
            mask = case.random(n) < 0.5
            if met not in ((), (1,)):
                mask[:] = False
                mask[: met[0] if met == (3,) else 1] = True
            if met != (2, 1) and (met != () or mask.sum() == 1):
                parts.append(mask)
            else:
                parts.append(slice(None))
        else:
            a, b = sorted(int(k) for k in case.integers(-n - 1, n + 2, 2))
            parts.append(slice(a, b))
        left = left[1:]
    return tuple(parts)


@random_cases(200)
def test_getitem_is_numpys(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 0, 4))
    index = random_index(case, x.shape)
    try:
        x[index]
    except IndexError:
        return  # lengths of arrays of places that do not broadcast
    as_numpy(lambda a: a[index], lambda a: a[index], x)
    if any(isinstance(p, slice) and (p.step or 1) < 0 for p in index):
        return  # PyTorch has no negative steps
    if any(isinstance(p, int) for p in index) and any(isinstance(p, np.ndarray) for p in index):
        return  # a number is one more array of places in NumPy, not so in PyTorch
    theirs = tuple(torch.from_numpy(p) if isinstance(p, np.ndarray) else p for p in index)
    same(lambda a: a[index], lambda a: a[theirs], [x])


@random_cases(40)
def test_take(case: np.random.Generator) -> None:
    x = some(case, tuple(max(n, 1) for n in shape_of(case, 1, 4)))
    axis = an_axis(case, x.ndim)
    i = places(case, x.shape[axis], pick(case, (), (0,), (1,), (7,), (2, 3), (2, 0)))
    as_numpy(lambda a: dls.take(a, i, axis), lambda a: np.take(a, i, axis), x)
    as_numpy(lambda a: np.take(a, dls.Tensor(i), axis=axis), lambda a: np.take(a, i, axis), x)
    row = places(case, x.shape[axis], (5,), negative=False)
    same(lambda a: a.index_select(dim=axis, index=dls.Tensor(row)),
                  lambda a: a.index_select(axis, torch.from_numpy(row)), [x])
    everywhere = places(case, x.size, (4, 2), negative=False)
    same(lambda a: a.take(everywhere), lambda a: a.take(torch.from_numpy(everywhere)), [x])


@random_cases(50)
def test_along_an_axis(case: np.random.Generator) -> None:
    x = some(case, tuple(max(n, 1) for n in shape_of(case, 1, 3)))
    axis = an_axis(case, x.ndim)
    shape = [int(case.integers(0, n + 1)) for n in x.shape]
    shape[axis] = int(case.integers(0, 6))
    i = places(case, x.shape[axis], tuple(shape), negative=False)
    j = torch.from_numpy(i)
    same(lambda a: a.gather(axis, i), lambda a: a.gather(axis, j), [x])
    wide = list(x.shape)
    wide[axis] = 4
    many = places(case, x.shape[axis], tuple(wide))
    as_numpy(lambda a: dls.take_along_axis(a, many, axis),
             lambda a: np.take_along_axis(a, many, axis), x)
    long = array(case, *(n + int(case.integers(2)) for n in shape), dtype=str(x.dtype))
    np.testing.assert_allclose(
        dls.scatter_add(dls.from_numpy(x), axis, i, long).numpy(),
        torch.from_numpy(x).scatter_add(axis, j, torch.from_numpy(long)).numpy(), rtol=1e-5,
        atol=1e-5)
    src = array(case, *shape, dtype=str(x.dtype))  # PyTorch has the gradient of no other
    same(lambda a, s: dls.scatter_add(a, axis, i, s),
                  lambda a, s: a.scatter_add(axis, j, s), [x, src])


@random_cases(50)
def test_writing_along_an_axis(case: np.random.Generator) -> None:
    """Places are different ones: which of two values stays is not defined."""
    x = some(case, tuple(max(n, 1) for n in shape_of(case, 1, 3)))
    axis = an_axis(case, x.ndim) % x.ndim
    shape = list(x.shape)
    shape[axis] = int(case.integers(0, x.shape[axis] + 1))
    i = np.argsort(case.random(x.shape), axis=axis).take(range(shape[axis]), axis)
    j, src = torch.from_numpy(i), array(case, *shape, dtype=str(x.dtype))
    same(lambda a, s: a.scatter(dim=axis, index=i, src=s),
                  lambda a, s: a.scatter(axis, j, s), [x, src])
    same(lambda a: a.scatter(axis, i, 1.5), lambda a: a.scatter(axis, j, 1.5), [x])
    same(lambda a, s: dls.put_along_axis(a, i, s, axis),
                  lambda a, s: a.scatter(axis, j, s), [x, src])
    want = x.copy()
    np.put_along_axis(want, i, src, axis)
    got = dls.put_along_axis(dls.from_numpy(x), i, src, axis)
    np.testing.assert_array_equal(got.numpy(), want)


@random_cases(50)
def test_index_add_and_put(case: np.random.Generator) -> None:
    x = some(case, tuple(max(n, 1) for n in shape_of(case, 1, 3)))
    axis = an_axis(case, x.ndim) % x.ndim
    i = places(case, x.shape[axis], (int(case.integers(0, 6)),), negative=False)
    j, alpha = torch.from_numpy(i), pick(case, 1, -2.5)
    shape = list(x.shape)
    shape[axis] = i.size
    source = array(case, *shape, dtype=str(x.dtype))
    same(lambda a, s: dls.index_add(a, axis, i, s, alpha=alpha),
                  lambda a, s: a.index_add(axis, j, s, alpha=alpha), [x, source])
    rows = places(case, x.shape[0], (4,))
    values = array(case, *pick(case, (4,), (1,), ()), *x.shape[1:], dtype=str(x.dtype))
    same(lambda a, v: a.index_put(rows, v, accumulate=True),
                  lambda a, v: a.index_put((torch.from_numpy(rows),), v, accumulate=True),
                  [x, values])
    once = case.permutation(x.shape[0])[:4]
    few = values if values.ndim < x.ndim or values.shape[0] != 4 else values[: once.size]
    same(lambda a, v: a.index_put(once, v),
                  lambda a, v: a.index_put((torch.from_numpy(once),), v), [x, few])


@random_cases(40)
def test_masks(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 0, 3))
    shape = tuple(1 if case.random() < 0.3 else n for n in x.shape)
    mask = np.asarray(case.random(shape) < 0.5)
    theirs = torch.from_numpy(mask)
    same(lambda a: a.masked_fill(mask, -1.5), lambda a: a.masked_fill(theirs, -1.5), [x])
    value = np.asarray(case.standard_normal(), x.dtype)
    same(lambda a, v: dls.masked_fill(a, mask, v), lambda a, v: a.masked_fill(theirs, v),
                  [x, value])
    same(lambda a: a.masked_select(mask), lambda a: a.masked_select(theirs), [x])
    if x.ndim:
        found = dls.nonzero(dls.Tensor(mask))
        for mine, want in zip(found, np.nonzero(mask), strict=True):
            np.testing.assert_array_equal(mine.numpy(), want)
            assert not mine.requires_grad
    np.testing.assert_array_equal(dls.argwhere(dls.Tensor(mask)).numpy(), np.argwhere(mask))


@random_cases(60)
def test_assignment_in_a_graph(case: np.random.Generator) -> None:
    """y[i] = v on a computed tensor is PyTorch's."""
    x = some(case, tuple(max(n, 1) for n in shape_of(case, 1, 3)))
    n = x.shape[0]
    index = pick(
        case, int(case.integers(-n, n)), slice(0, int(case.integers(0, n + 1))),
        case.permutation(n)[: int(case.integers(1, n + 1))], Ellipsis, case.random(n) < 0.5,
        (Ellipsis, -1), slice(None, None, 2),
    )
    theirs = torch.from_numpy(index) if isinstance(index, np.ndarray) else index
    shape = x[index].shape
    values = array(case, *shape[int(case.integers(len(shape) + 1)):], dtype=str(x.dtype))

    def ours(a: Any, v: Any) -> Any:
        y = a * 2.0
        y[index] = v * v
        return y * y

    def torchs(a: Any, v: Any) -> Any:
        y = a * 2.0
        y[theirs] = v * v
        return y * y

    same(ours, torchs, [x, values])
