"""Moving elements: what is taken, what is refused, and with which words; no wait for a device."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.backend import strict

A = np.arange(24.0).reshape(2, 3, 4)
X = dls.Tensor(A)
V = dls.Tensor([1.0, 2.0, 3.0])


def test_by_hand() -> None:
    assert V.repeat(2).tolist() == [1, 1, 2, 2, 3, 3]
    assert V.repeat([2, 0, 1]).tolist() == [1, 1, 3]
    assert V.tile(2).tolist() == [1, 2, 3, 1, 2, 3]
    assert V.roll(1).tolist() == [3, 1, 2]
    assert V.flip().tolist() == [3, 2, 1]
    assert dls.pad(V, (2, 1), "reflect").tolist() == [3, 2, 1, 2, 3, 2]
    assert dls.pad(V, (2, 1), "edge").tolist() == [1, 1, 1, 2, 3, 3]
    assert dls.pad(V, (2, 1), "wrap").tolist() == [2, 3, 1, 2, 3, 1]
    assert dls.pad(V, (2, 1), "symmetric").tolist() == [2, 1, 1, 2, 3, 3]
    assert dls.pad(V, 1, constant_values=9).tolist() == [9, 1, 2, 3, 9]
    assert [p.tolist() for p in V.split([1])] == [[1], [2, 3]]
    assert [p.tolist() for p in dls.arange(5).chunk(4)] == [[0, 1], [2, 3], [4]]
    assert [p.tolist() for p in dls.arange(5).array_split(4)] == [[0, 1], [2], [3], [4]]
    assert dls.diag(V, 1).tolist()[0] == [0, 1, 0, 0]
    assert X[0, :, :3].trace().item() == 0 + 5 + 10
    assert dls.take(V, [2, 0, -1]).tolist() == [3, 1, 3]
    assert dls.index_add(V, 0, [0, 0], dls.Tensor([10.0, 20.0])).tolist() == [31, 2, 3]
    assert dls.scatter_add(V, 0, [2, 2], [1.0, 5.0]).tolist() == [1, 2, 9]
    assert dls.scatter(V, 0, [2, 0], 7).tolist() == [7, 2, 7]
    assert dls.index_put(V, V > 1, 0).tolist() == [1, 0, 0]
    assert dls.index_put(V, [1, 1], 5.0, accumulate=True).tolist() == [1, 12, 3]
    assert V.masked_fill(V > 2, -1e9).tolist() == [1, 2, -1e9]
    assert V.masked_fill(V > V[:2, None], 0).tolist() == [[1, 0, 0], [1, 2, 0]]
    assert dls.einsum("i,j,k->", V, V, V).item() == 216
    assert dls.dot([1.0, 2.0], [3.0, 4.0]).item() == 11
    assert dls.outer([1, 2], [3, 4]).tolist() == [[3, 4], [6, 8]]
    x, y = dls.meshgrid([1, 2, 3], [4, 5])
    assert (x.tolist(), y.tolist()) == ([[1, 2, 3]] * 2, [[4] * 3, [5] * 3])


def test_a_place_taken_twice_gets_both_gradients() -> None:
    for take in (lambda x: x[[0, 0, 2]], lambda x: dls.take(x, [0, 0, 2]),
                 lambda x: x.gather(0, [0, 0, 2])):
        x = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True)
        (take(x) * dls.Tensor([1.0, 10.0, 100.0])).sum().backward()
        assert x.grad.tolist() == [11, 0, 100]


@pytest.mark.parametrize(
    ("torchs", "numpys"),
    [
        (lambda x: x.movedim(0, 2), lambda x: np.moveaxis(x, 0, 2)),
        (lambda x: x.unbind(dim=1)[2], lambda x: x[:, 2]),
        (lambda x: x.narrow(1, 1, 2), lambda x: x[:, 1:3]),
        (lambda x: x.select(2, -1), lambda x: x[..., -1]),
        (lambda x: x.expand(5, -1, -1, -1), lambda x: np.broadcast_to(x, (5, 2, 3, 4))),
        (lambda x: x[:1].expand_as(x), lambda x: np.broadcast_to(x[:1], x.shape)),
        (lambda x: x.view_as(dls.zeros(6, 4)), lambda x: x.reshape(6, 4)),
        (lambda x: x.index_select(1, dls.Tensor([2, 0])), lambda x: x[:, [2, 0]]),
        (lambda x: x.repeat_interleave(2, dim=1), lambda x: np.repeat(x, 2, 1)),
        (lambda x: x.flip(dims=(0, 1)), lambda x: x[::-1, ::-1]),
        (lambda x: x.roll(shifts=1, dims=2), lambda x: np.roll(x, 1, 2)),
        (lambda x: dls.tril(x, diagonal=1), lambda x: np.tril(x, 1)),
        (lambda x: x.diagonal(offset=1, dim1=1, dim2=2), lambda x: np.diagonal(x, 1, 1, 2)),
        (lambda x: x[0].t(), lambda x: x[0].T),
        (lambda x: x.T.contiguous(), lambda x: x.T),
        (lambda x: x.unflatten(dim=2, sizes=(2, 2)), lambda x: x.reshape(2, 3, 2, 2)),
        (lambda x: dls.unsqueeze(x, 0), lambda x: x[None]),
        (lambda x: dls.permute(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1)),
        (lambda x: dls.expand_dims(x, (0, 2)), lambda x: np.expand_dims(x, (0, 2))),
        (lambda x: x[(0, 1), (2, 0)], lambda x: x[[0, 1], [2, 0]]),
    ],
)
def test_pytorchs_names_of_the_same(torchs: Any, numpys: Any) -> None:
    y = torchs(X)
    np.testing.assert_array_equal(y.numpy(), numpys(A))
    x = dls.Tensor(A, requires_grad=True)
    (torchs(x) ** 2.0).sum().backward()  # the gradient is 2 x, as often as x is taken
    assert set(np.unique(x.grad.numpy()[A > 0] / A[A > 0]).tolist()) <= {0.0, 2.0, 4.0, 10.0}


ERRORS = {
    "a split without sizes": (dls.ShapeError, lambda: X.split(2, dim=1), "split_with_sizes"),
    "unequal pieces": (dls.ShapeError, lambda: X.split(2, 1), "array_split"),
    "no pieces": (dls.ShapeError, lambda: X.array_split(0), "at least 1"),
    "sizes": (dls.ShapeError, lambda: X.split_with_sizes([1, 1], 1), "fill axis 1"),
    "repeat as in PyTorch": (dls.ShapeError, lambda: X.repeat(2, 1, 1), r"x\.tile\(\(2, 1, 1\)\)"),
    "repeat counts": (dls.ShapeError, lambda: X.repeat([1, 2], 1), "one for each slice"),
    "repeat of -1": (dls.ShapeError, lambda: X.repeat(-1, 1), "at least 0"),
    "tile": (dls.ShapeError, lambda: X.tile(1.5), "whole numbers"),
    "flip": (dls.ShapeError, lambda: X.flip(3), "not an axis"),
    "flip twice": (dls.ShapeError, lambda: X.flip((0, -3)), "twice"),
    "roll": (dls.ShapeError, lambda: X.roll((1, 2, 3), (0, 1)), "one whole number"),
    "pad mode": (dls.ShapeError, lambda: dls.pad(X, 1, "replicate"), "'edge'"),
    "pad width": (dls.ShapeError, lambda: dls.pad(X, -1), "at least 0"),
    "pad widths": (dls.ShapeError, lambda: dls.pad(X, [(1, 1), (2, 2)]), "3 axes"),
    "pad nothing": (dls.ShapeError, lambda: dls.pad(X[:, :0], 1, "edge"), "empty"),
    "pad integers": (dls.DtypeError, lambda: dls.pad(dls.arange(3), 1, constant_values=0.5), "cut"),
    "unflatten": (dls.ShapeError, lambda: X.unflatten(2, (3, -1)), "length 4"),
    "expand": (dls.ShapeError, lambda: X.expand(3, 4), "every axis"),
    "expand 3": (dls.ShapeError, lambda: X.expand(2, 5, 4), "'broadcast_to"),
    "moveaxis": (dls.ShapeError, lambda: X.moveaxis((0, 1), 2), "2 axes"),
    "tril": (dls.ShapeError, lambda: V.tril(), "matrices"),
    "diag": (dls.ShapeError, lambda: dls.diag(X), "diagonal"),
    "broadcast": (dls.ShapeError, lambda: dls.broadcast_arrays(X, V), "do not broadcast"),
    "take out of range": (dls.DataError, lambda: dls.take(V, [3]), "out of bounds"),
    "take by floats": (dls.DtypeError, lambda: dls.take(V, [0.5]), "integer"),
    "getitem": (dls.DataError, lambda: V[[0, 3]], "out of bounds"),
    "gather": (dls.DataError, lambda: V.gather(0, [-4]), "out of bounds"),
    "gather wide": (dls.ShapeError, lambda: X.gather(1, np.zeros((3, 1, 1), int)), "no longer"),
    "scatter_add": (dls.DataError, lambda: dls.scatter_add(V, 0, [5], [1.0]), "out of bounds"),
    "scatter_add 2": (dls.ShapeError, lambda: dls.scatter_add(V, 0, [1, 1], [1.0]), "at least"),
    "index_add": (dls.DataError, lambda: dls.index_add(V, 0, [3], [1.0]), "out of bounds"),
    "index_add 2": (dls.ShapeError, lambda: dls.index_add(V, 0, [1], [1.0, 2.0]), "one place"),
    "index_put": (dls.DataError, lambda: dls.index_put(V, 3, 1.0), "out of bounds"),
    "index_put 2": (dls.ShapeError, lambda: dls.index_put(V, slice(2), [1.0] * 3), "index_put"),
    "index_put mask": (dls.ShapeError, lambda: dls.index_put(V, V > 1, [1.0] * 3), "index_put"),
    "index_put 3": (dls.DataError, lambda: dls.index_put(V, [9], 1.0, accumulate=True), "bounds"),
    "index_put int": (dls.DtypeError, lambda: dls.index_put(dls.arange(3), 0, 0.5), "cut"),
    "masked_fill": (dls.DtypeError, lambda: V.masked_fill(dls.arange(3), 0.0), "mask of bools"),
    "masked_fill 2": (dls.ShapeError, lambda: V.masked_fill(X > 0, 0.0), "4 against 3"),
    "masked_fill 3": (dls.ShapeError, lambda: V.masked_fill(V > 0, V), "where"),
    "nonzero": (dls.ShapeError, lambda: V[0].nonzero(), "no axis"),
    "narrow": (dls.ShapeError, lambda: V.narrow(0, 2, 2), "length 3"),
    "bmm": (dls.ShapeError, lambda: dls.bmm(X, X[:1]), "broadcasts"),
    "tensordot": (dls.ShapeError, lambda: dls.tensordot(X, X, 2), "equal lengths"),
    "einsum dots": (dls.ShapeError, lambda: dls.einsum("...i->i", X), r"'\.\.\.'"),
    "einsum lengths": (dls.ShapeError, lambda: dls.einsum("ijk,kj->i", X, X[0]), "one label"),
    "einsum broadcast": (dls.ShapeError,
                         lambda: dls.einsum("...i,...i->...", X, dls.ones(2, 2, 4)), "label"),
    "t": (dls.ShapeError, lambda: X.t(), "mT"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes_are_explained(name: str) -> None:
    kind, call, words = ERRORS[name]
    with pytest.raises(kind, match=words):
        call()


def test_whole_numbers_and_bools_move_too() -> None:
    x = dls.arange(6).reshape(2, 3)
    for y in (x.flip(0), x.roll(1, 0), x.tile(2, 1), x.repeat(2, 0), x.tril(), dls.pad(x, 1),
              dls.take(x, [0, 1], 0), x.masked_fill(x > 2, 0), x.gather(1, [[0], [1]]),
              dls.index_put(x, 0, 5), dls.einsum("ij->ji", x), dls.einsum("ij,kj->ik", x, x)):
        assert y.dtype == np.int64
    assert (x > 2).flip(1).dtype == np.bool_


def test_padding_and_joining_keep_channels_last() -> None:
    x = dls.from_numpy(np.ascontiguousarray(np.ones((2, 4, 5, 3), "float32")).transpose(0, 3, 1, 2))
    for y in (dls.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)]), dls.concatenate([x, x], axis=1),
              dls.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)], "reflect"), x.masked_fill(x > 2, 0.0)):
        assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_a_step_of_all_of_them_waits_for_no_device() -> None:
    rng = np.random.default_rng(0)
    tensors = {}
    for device in ("cpu", "strict"):
        table = dls.Tensor(rng.standard_normal((5, 4)) if not tensors else tensors["cpu"].numpy(),
                           requires_grad=True, device=device)
        places = dls.Tensor([[0, 3, 3], [1, 0, 4]], device=device)
        columns = dls.Tensor([[[0], [1], [3]]] * 2, device=device)
        mask = dls.Tensor([True, False, True, True], device=device)

        def step(x: Any, places: Any = places, columns: Any = columns, mask: Any = mask) -> Any:
            h = dls.take(x, places, axis=0)                                         # (2, 3, 4)
            h = dls.concatenate(dls.pad(h, [(0, 0), (1, 1), (0, 0)], "edge").split(5, 1), 1)
            h = h.roll(1, 2).flip(1).repeat(2, axis=1).tile(1, 1, 2)[:, ::2, :4]
            h = h.masked_fill(mask, 0.5).tril(2).swapaxes(1, 2).unstack(2)[0][:, None] + h[:, :3]
            h = dls.index_put(h, (slice(None), 0), h[:, 1] * 2.0)
            h = dls.index_put(h, (slice(None), [1, 1]), 1.0, accumulate=True)
            h = dls.einsum("bij,bkj->bik", h, h) @ h + h.gather(2, columns)
            h = dls.scatter_add(h, 2, columns, h[:, :, :1]) + dls.index_add(h, 1, [0], h[:, :1])
            return (h * h.diagonal(0, 1, 2)[..., None]).mean()

        step(table).backward()
        table.grad = None
        with strict.count() as counted:
            step(table).backward()
        assert counted.syncs == 0, counted
        tensors[device] = table
    np.testing.assert_allclose(tensors["strict"].grad.numpy(), tensors["cpu"].grad.numpy(),
                               rtol=1e-9)


@pytest.mark.parametrize("place", [9, -10])
def test_the_compiled_kernel_looks_at_the_range_itself(place: int) -> None:
    places = np.zeros(2000, np.int64)
    places[1000] = place
    with pytest.raises(dls.DataError, match="out of bounds"):
        dls.index_add(dls.zeros(9, 2), 0, places, dls.zeros(2000, 2))
