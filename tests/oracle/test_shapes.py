"""Shape, joining and splitting, repeating, padding, triangles: against PyTorch and NumPy."""


import numpy as np

import tinygrad_dls as dls

from .harness import pick, random_cases, torch
from .shapes import an_axis, as_numpy, same, shape_of, some


@random_cases(60)
def test_rearranging(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 1))
    n, i, j = x.ndim, an_axis(case, x.ndim), an_axis(case, x.ndim)
    order = [int(k) for k in case.permutation(n)]
    new = int(case.integers(-n - 1, n + 1))
    several = tuple(int(k) for k in case.permutation(n)[: int(case.integers(0, n + 1))])
    places = tuple(int(k) for k in case.permutation(n)[: len(several)])
    ours, theirs = pick(
        case,
        (lambda a: dls.permute_dims(a, order), lambda a: a.permute(order)),
        (lambda a: a.transpose(*order), lambda a: a.permute(*order)),
        (lambda a: a.swapaxes(i, j), lambda a: a.transpose(i, j)),
        (lambda a: dls.moveaxis(a, i, j), lambda a: torch.movedim(a, i, j)),
        (lambda a: a.moveaxis(several, places), lambda a: torch.movedim(a, several, places)),
        (lambda a: dls.expand_dims(a, new), lambda a: a.unsqueeze(new)),
        (lambda a: a.unsqueeze(dim=new), lambda a: a.unsqueeze(new)),
        (lambda a: a.squeeze(), lambda a: a.squeeze()),
        (lambda a: a.ravel(), lambda a: a.ravel()),
        (lambda a: a.flatten(), lambda a: a.flatten()),
        (lambda a: a.flatten(min(i % n, j % n), max(i % n, j % n)),
         lambda a: a.flatten(min(i % n, j % n), max(i % n, j % n))),
        (lambda a: a.T, lambda a: a.permute(*range(n)[::-1])),
    )
    same(ours, theirs, [x])


@random_cases(30)
def test_unflatten_and_expand(case: np.random.Generator) -> None:
    first, last = shape_of(case, 0, 2), shape_of(case, 0, 2)
    sizes = tuple(max(n, 1) for n in shape_of(case, 1, 3))
    x = some(case, (*first, int(np.prod(sizes)), *last))
    open_ = list(sizes)
    open_[int(case.integers(len(sizes)))] = -1
    axis = len(first) - (x.ndim if case.random() < 0.5 else 0)
    same(lambda a: a.unflatten(axis, open_), lambda a: a.unflatten(axis, open_), [x])
    shape = tuple(1 if case.random() < 0.5 else n for n in x.shape)
    y = some(case, shape)
    wanted = (*pick(case, (), (2,), (3, 1)), *(n if m == 1 else -1 for n, m in zip(x.shape, shape)))
    same(lambda a: a.expand(*wanted), lambda a: a.expand(*wanted), [y])


@random_cases(40)
def test_joining(case: np.random.Generator) -> None:
    shape = shape_of(case, 1, 3)
    axis, count = an_axis(case, len(shape)), int(case.integers(1, 5))
    if case.random() < 0.5:
        shapes = [list(shape) for _ in range(count)]
        for s in shapes:
            s[axis] = int(case.integers(0, 4))
        parts = [some(case, s).astype("float32") for s in shapes]
        same(lambda *a: dls.concatenate(a, axis), lambda *a: torch.cat(a, axis), parts)
        if len(shape) > 1:
            return
        same(lambda *a: dls.hstack(a), lambda *a: torch.hstack(a), parts)
        return
    parts = [some(case, shape).astype("float64") for _ in range(count)]
    new = int(case.integers(-len(shape) - 1, len(shape) + 1))
    same(lambda *a: dls.stack(a, new), lambda *a: torch.stack(a, new), parts)
    same(lambda *a: dls.vstack(a), lambda *a: torch.vstack(a), parts)


@random_cases(40)
def test_taking_apart(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 1, 3))
    axis = an_axis(case, x.ndim)
    n, pieces = x.shape[axis], int(case.integers(1, 6))
    cuts = sorted(int(k) for k in case.integers(0, n + 1, pieces))
    lengths = [b - a for a, b in zip([0, *cuts], [*cuts, n])]
    whole = [k for k in range(1, n + 1) if n % k == 0] or [1]
    equal = int(case.choice(whole))
    for ours, theirs in (
        (lambda a: dls.array_split(a, pieces, axis), lambda a: a.tensor_split(pieces, axis)),
        (lambda a: a.split(cuts, axis), lambda a: a.tensor_split(cuts, axis)),
        (lambda a: a.split_with_sizes(lengths, axis), lambda a: a.split(lengths, axis)),
        (lambda a: a.chunk(pieces, dim=axis), lambda a: a.chunk(pieces, axis)),
        (lambda a: a.unstack(axis), lambda a: a.unbind(axis)),
        (lambda a: a.split(equal, axis), lambda a: a.tensor_split(equal, axis)),
    ):
        same(ours, theirs, [x])
    as_numpy(lambda a: dls.array_split(a, pieces, axis), lambda a: np.array_split(a, pieces, axis),
             x)
    as_numpy(lambda a: dls.split(a, equal, axis), lambda a: np.split(a, equal, axis), x)


@random_cases(50)
def test_repeating(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 1, 3))
    axis, count = an_axis(case, x.ndim), int(case.integers(0, 4))
    counts = [int(k) for k in case.integers(0, 4, x.shape[axis])]
    reps = tuple(int(k) for k in case.integers(0, 3, int(case.integers(1, 5))))
    same(lambda a: a.repeat(count, axis), lambda a: a.repeat_interleave(count, axis), [x])
    same(lambda a: a.tile(*reps), lambda a: a.tile(reps), [x])
    if len(counts) > 1:
        same(lambda a: dls.repeat_interleave(a, counts, dim=axis),
                      lambda a: a.repeat_interleave(torch.tensor(counts), axis), [x])
        as_numpy(lambda a: dls.repeat(a, counts, axis), lambda a: np.repeat(a, counts, axis), x)
    as_numpy(lambda a: dls.repeat(a, count), lambda a: np.repeat(a, count), x)
    as_numpy(lambda a: np.tile(a, reps), lambda a: np.tile(a, reps), x)


@random_cases(50)
def test_mirroring(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 2, 4))
    axes = [int(k) for k in case.permutation(x.ndim)[: int(case.integers(1, x.ndim + 1))]]
    shifts = [int(k) for k in case.integers(-7, 8, len(axes))]
    turns, first = int(case.integers(-3, 6)), [int(k) for k in case.permutation(x.ndim)[:2]]
    same(lambda a: a.flip(axes), lambda a: a.flip(axes), [x])
    same(lambda a: a.roll(shifts, axes), lambda a: a.roll(shifts, axes), [x])
    same(lambda a: dls.roll(a, shifts=shifts[0]), lambda a: a.roll(shifts[0]), [x])
    same(lambda a: dls.rot90(a, turns, first), lambda a: a.rot90(turns, first), [x])
    as_numpy(lambda a: dls.flip(a), np.flip, x)
    as_numpy(lambda a: np.roll(a, 3, axes[0]), lambda a: np.roll(a, 3, axes[0]), x)


@random_cases(60)
def test_padding(case: np.random.Generator) -> None:
    shape = tuple(max(n, 1) for n in shape_of(case, 1, 3))
    x = some(case, shape)
    mode = pick(case, "constant", "reflect", "edge", "wrap", "symmetric")
    widths = [(int(case.integers(0, 8)), int(case.integers(0, 8))) for _ in shape]
    if case.random() < 0.3:
        widths = [pick(case, (1, 2), (2, 0))] * x.ndim
    options = {"constant_values": float(case.standard_normal())} if mode == "constant" else {}
    # NumPy's own answer; the slope is that of padding with 0
    y = dls.pad(dls.from_numpy(x), widths, mode, **options)
    np.testing.assert_array_equal(y.numpy(), np.pad(x, widths, mode, **options))
    as_numpy(lambda a: dls.pad(a, widths, mode), lambda a: np.pad(a, widths, mode), x)
    torchs = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    fits = all(max(w) < n for w, n in zip(widths, shape))
    if mode in torchs and (fits or mode in ("constant", "edge")):
        last = [k for pair in widths[::-1] for k in pair]  # PyTorch: all but the two first axes
        batch = x[None, None]
        same(lambda a: dls.pad(a, [(0, 0), (0, 0), *widths], mode),
                      lambda a: torch.nn.functional.pad(a, last, torchs[mode]), [batch])


@random_cases(50)
def test_triangles_and_diagonals(case: np.random.Generator) -> None:
    x = some(case, shape_of(case, 2, 4))
    k = int(case.integers(-4, 5))
    i, j = (int(n) for n in case.permutation(x.ndim)[:2])
    same(lambda a: a.tril(k), lambda a: a.tril(k), [x])
    same(lambda a: dls.triu(a, diagonal=k), lambda a: a.triu(k), [x])
    if -x.shape[i] <= k <= x.shape[j]:  # PyTorch refuses diagonals that lie outside
        same(lambda a: a.diagonal(k, i, j), lambda a: a.diagonal(k, i, j), [x])
    as_numpy(lambda a: a.diagonal(k, i, j), lambda a: np.diagonal(a, k, i, j), x)
    same(lambda a: a.diag_embed(k), lambda a: a.diag_embed(k), [x])
    vector = some(case, (int(case.integers(0, 5)),))
    same(lambda a: dls.diag(a, k), lambda a: torch.diag(a, k), [vector])
    square = some(case, (3, 3))
    same(lambda a: a.trace() * a.diag(k).sum(), lambda a: a.trace() * a.diag(k).sum(),
                  [square])


@random_cases(20)
def test_grids(case: np.random.Generator) -> None:
    xs = [some(case, (int(case.integers(0, 4)),)).astype("float64") for _ in range(3)]
    indexing = pick(case, "xy", "ij")
    same(lambda *a: dls.meshgrid(*a, indexing=indexing),
                  lambda *a: torch.meshgrid(*a, indexing=indexing), xs)
    parts = [some(case, s).astype("float32") for s in ((3, 1), (1, 4), (2, 1, 1), (4,), ())]
    chosen = [parts[int(i)] for i in case.permutation(5)[:3]]
    same(dls.broadcast_arrays, torch.broadcast_tensors, chosen)
