"""Bad input: every mistake ends in one of dls.Error, in words that help; never in silence."""

import re

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.nn import functional as F

X = dls.Tensor(np.arange(6.0).reshape(2, 3))
I = dls.Tensor(np.arange(6).reshape(2, 3))
U = dls.Tensor(np.arange(6, dtype=np.uint8))
EMPTY = dls.Tensor(np.zeros((0, 3)))

DTYPE = {
    "text": lambda: dls.Tensor("abc"),
    "list of text": lambda: dls.Tensor([1.0, "a"]),
    "complex": lambda: dls.Tensor(1 + 2j),
    "complex array": lambda: dls.Tensor(np.ones(2, complex)),
    "None": lambda: dls.Tensor(None),
    "object array": lambda: dls.Tensor(np.array([1, None])),
    "dict": lambda: dls.Tensor({"a": 1}),
    "dates": lambda: dls.Tensor(np.array(["2020-01-01"], "datetime64[D]")),
    "huge integer": lambda: dls.Tensor(10**30),
    "list of tensors": lambda: dls.Tensor([X, X]),
    "nested list of tensors": lambda: dls.Tensor([[X], [X]]),
    "plus text": lambda: X + "a",
    "text plus": lambda: "a" + X,
    "plus None": lambda: X + None,
    "times complex": lambda: X * 1j,
    "times complex scalar": lambda: X * np.complex64(1j),
    "negative of bools": lambda: -(X > 1.0),
    "difference of bools": lambda: (X > 1.0) - (X > 2.0),
    "and of floats": lambda: X & X,
    "not of floats": lambda: ~X,
    "xor of floats": lambda: I ^ 1.5,
    "round to half a decimal": lambda: X.round(0.5),
    "remainder of text": lambda: X % "a",
    "floor of a division by None": lambda: X // None,
    "bernoulli of integers": lambda: dls.bernoulli(I),
    "linspace of integers": lambda: dls.linspace(0, 1, 3, dtype="int64"),
    "integer to a negative power": lambda: I**-1,
    "integers to negative powers": lambda: I ** dls.Tensor([-1, -1, -1]),
    "uint8 plus 300": lambda: U + 300,
    "uint8 minus": lambda: U * -1,
    "index by float": lambda: X[1.5],
    "index by text": lambda: X["a"],
    "index by float array": lambda: X[np.array([0.5])],
    "index by float tensor": lambda: X[X],
    "labels of bools": lambda: F.cross_entropy(X, X[:, 0] > 1.0),
    "one_hot of floats": lambda: dls.one_hot([0.5], 2),
    "float as index": lambda: range(3)[dls.Tensor(1.0)],
    "default dtype": lambda: dls.set_default_dtype("int32"),
    "exp of text": lambda: dls.exp("a"),
    "from list": lambda: dls.from_numpy([1.0]),
}

SHAPE = {
    "ragged": lambda: dls.Tensor([[1.0, 2.0], [3.0]]),
    "ragged operand": lambda: X + [[1.0], [1.0, 2.0]],
    "ragged index": lambda: X[[[0, 1], [0]]],
    "add": lambda: X + dls.ones(2),
    "matmul": lambda: X @ X,
    "matmul with a number": lambda: X @ 2.0,
    "cumsum along two axes": lambda: X.cumsum((0, 1)),
    "sort along two axes": lambda: X.sort((0, 1)),
    "sort along no axis": lambda: X.sort(2),
    "cumprod along no axis": lambda: X.cumprod(-3),
    "norm of a cube": lambda: dls.norm(dls.ones(2, 2, 2), 1),
    "norm along three axes": lambda: dls.norm(dls.ones(2, 2, 2), 1, (0, 1, 2)),
    "diff of one number": lambda: dls.diff(dls.Tensor(1.0)),
    "max of two tensors": lambda: X.max(X),
    "randperm": lambda: dls.randperm(-1),
    "remainder of shapes": lambda: X % dls.ones(2),
    "batch of matmul": lambda: dls.ones(2, 3, 4) @ dls.ones(3, 4, 5),
    "where": lambda: dls.where(X > 1.0, X, dls.ones(2)),
    "reshape": lambda: X.reshape(4, 2),
    "reshape with -1": lambda: X.reshape(4, -1),
    "reshape with two -1": lambda: X.reshape(-1, -1),
    "reshape to floats": lambda: X.reshape(2.0, 3.0),
    "reshape to -2": lambda: X.reshape(-2, 3),
    "transpose of two of three": lambda: dls.ones(2, 3, 4).transpose(0, 1),
    "transpose twice the same": lambda: X.transpose(0, 0),
    "transpose too far": lambda: X.transpose(0, 2),
    "swapaxes too far": lambda: X.swapaxes(0, 2),
    "swapaxes of a number": lambda: dls.Tensor(1.0).swapaxes(0, 1),
    "mT of a vector": lambda: dls.ones(3).mT,
    "moveaxis": lambda: dls.moveaxis(X, 0, 5),
    "expand_dims": lambda: dls.expand_dims(X, 4),
    "squeeze of 2": lambda: X.squeeze(axis=0),
    "squeeze too far": lambda: X.squeeze(axis=7),
    "flatten": lambda: X.flatten(1, 0),
    "flatten too far": lambda: X.flatten(0, 4),
    "broadcast_to": lambda: dls.broadcast_to(X, (2, 4)),
    "sum along axis 2": lambda: X.sum(axis=2),
    "sum along -3": lambda: X.sum(axis=-3),
    "sum along one axis twice": lambda: X.sum(axis=(0, -2)),
    "sum along text": lambda: X.sum(axis="rows"),
    "sum along 1.5": lambda: X.sum(axis=1.5),
    "softmax axis": lambda: X.softmax(axis=2),
    "logsumexp axis": lambda: X.logsumexp(axis=2),
    "concatenate": lambda: dls.concatenate([X, dls.ones(3, 2)]),
    "concatenate of nothing": lambda: dls.concatenate([]),
    "concatenate of numbers": lambda: dls.concatenate([dls.Tensor(1.0), dls.Tensor(2.0)]),
    "concatenate axis": lambda: dls.concatenate([X, X], axis=2),
    "concatenate axis of a wrong kind": lambda: dls.concatenate([X, X], axis="rows"),
    "stack": lambda: dls.stack([X, dls.ones(3)]),
    "stack of nothing": lambda: dls.stack([]),
    "stack axis": lambda: dls.stack([X, X], axis=4),
    "linear": lambda: F.linear(X, dls.ones(4, 2)),
    "bias of linear": lambda: F.linear(X, dls.ones(4, 3), dls.ones(1)),
    "labels": lambda: F.cross_entropy(X, dls.Tensor([[0], [1]])),
    "logits": lambda: F.cross_entropy(X, dls.Tensor(0)),
    "mse": lambda: F.mse_loss(X[:, :1], X[:, 0]),
    "take_along_axis": lambda: dls.take_along_axis(X, dls.Tensor([0]), 1),
    "item": lambda: X.item(),
    "float": lambda: float(X),
    "bool": lambda: bool(X > 1.0),
    "len of a number": lambda: len(dls.Tensor(1.0)),
    "iteration of a number": lambda: list(dls.Tensor(1.0)),
    "negative length": lambda: dls.zeros(-1),
    "negative length of full": lambda: dls.full((2, -1), 1.0),
    "length of randn": lambda: dls.randn(2.5),
    "too many indices": lambda: X[0, 0, 0],
    "mask of another shape": lambda: X[np.array([True, False, True])],
    "two ellipses": lambda: X[..., ...],
    "pair of max": lambda: X.max(dim=1),
    "data": lambda: setattr(X, "data", np.zeros(3)),
}

DATA = {
    "max of nothing": lambda: EMPTY.max(),
    "min along nothing": lambda: EMPTY.min(axis=0),
    "argmax of nothing": lambda: EMPTY.argmax(axis=0),
    "mean of nothing": lambda: EMPTY.mean(),
    "mean along nothing": lambda: EMPTY.mean(axis=0),
    "var of one": lambda: dls.Tensor([1.0]).var(correction=1),
    "logsumexp of nothing": lambda: EMPTY.logsumexp(axis=0),
    "loss of nothing": lambda: F.cross_entropy(EMPTY, dls.Tensor(np.zeros(0, int))),
    "index out of range": lambda: X[2],
    "index out of range in axis 1": lambda: X[:, 3],
    "negative index out of range": lambda: X[-3],
    "place out of range": lambda: X[[0, 2]],
    "place out of range, tensor": lambda: X[dls.Tensor([0, -3])],
    "places along an axis": lambda: dls.take_along_axis(X, dls.Tensor([[3], [0]]), 1),
    "label out of range": lambda: F.cross_entropy(X, dls.Tensor([0, 3])),
    "negative label": lambda: F.cross_entropy(X, dls.Tensor([0, -1])),
    "one_hot out of range": lambda: dls.one_hot([0, 2], 2),
    "reduction": lambda: F.mse_loss(X, X, reduction="average"),
    "clip by NaN": lambda: X.clip(float("nan"), 1.0),
    "clip by text": lambda: X.clip("low", None),
    "topk of more than there are": lambda: X.topk(4),
    "topk of a part": lambda: X.topk(1.5),
    "median of nothing": lambda: EMPTY.median(axis=0),
    "norm by name": lambda: dls.vector_norm(X, "fro"),
    "norm of a negative order": lambda: dls.vector_norm(X, float("nan")),
    "norm of PyTorch": lambda: X.norm(p=1),
    "differences taken -1 times": lambda: dls.diff(X, -1),
    "bernoulli": lambda: dls.bernoulli(1.5, (2,)),
    "normal": lambda: dls.normal(0.0, -1.0, (2,)),
    "full of text": lambda: dls.full((2,), "a"),
    "fill with too large a number": lambda: dls.full((2,), 300, dtype="uint8"),
    "randint": lambda: dls.randint(3, 3, (2,)),
    "arange": lambda: dls.arange(0, 1, 0),
    "arange of text": lambda: dls.arange("a"),
    "linspace": lambda: dls.linspace(0, 1, -1),
    "eye": lambda: dls.eye(-1),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "call"),
    [pytest.param(kind, call, id=name)
     for kind, calls in ((dls.DtypeError, DTYPE), (dls.ShapeError, SHAPE), (dls.DataError, DATA))
     for name, call in calls.items()],
)
def test_mistake_is_explained(kind: type[dls.Error], call) -> None:
    with pytest.raises(dls.Error) as caught:
        call()
    assert isinstance(caught.value, kind), f"{type(caught.value).__name__}: {caught.value}"
    text = str(caught.value)
    assert len(text) > 15
    assert "\n\n" not in text
    assert all(len(line) <= 160 for line in text.splitlines())


@pytest.mark.parametrize(
    "call",
    [lambda: X + dls.ones(2), lambda: X @ X, lambda: dls.concatenate([X, dls.ones(3, 2)]),
     lambda: X.reshape(4, 2), lambda: F.linear(X, dls.ones(4, 2)),
     lambda: dls.stack([X, dls.ones(3)]), lambda: F.mse_loss(X[:, :1], X[:, 0]),
     lambda: dls.ones(2, 3, 4).transpose(0, 1)],
)
def test_shapes_stand_on_lines_of_their_own(call) -> None:
    with pytest.raises(dls.ShapeError) as caught:
        call()
    assert re.search(r"^  (\S+ +)?\(\d+,[ \d,]*\)$", str(caught.value), re.MULTILINE)


def test_errors_are_also_the_built_in_that_fits() -> None:
    for kind, built_in in ((dls.ShapeError, ValueError), (dls.DtypeError, TypeError),
                           (dls.GraphError, RuntimeError), (dls.DeviceError, RuntimeError),
                           (dls.DataError, ValueError), (dls.FormatError, ValueError)):
        assert issubclass(kind, built_in)
        assert issubclass(kind, dls.Error)


def test_maker_and_name_are_in_the_card() -> None:
    w = dls.Tensor(np.ones((2, 4)), name="weights")
    with pytest.raises(dls.ShapeError, match="weights"):
        X @ w
    a = dls.Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(dls.ShapeError, match="'tanh'"):
        a.tanh() + dls.ones(2)


# --- what looks odd and works --------------------------------------------------------------------


def test_not_a_number_is_a_number() -> None:
    x = dls.Tensor([np.nan, np.inf, -np.inf, 1.0])
    assert np.isnan((x + 1.0).numpy()[0])
    assert (x == x).tolist() == [False, True, True, True]


def test_lists_and_numbers_as_operands() -> None:
    x = dls.Tensor([1.0, 2.0])
    assert (x + [1, 2]).tolist() == [2.0, 4.0]
    assert ((1, 2) * x).tolist() == [1.0, 4.0]
    assert dls.sum([1.0, 2.0]).item() == 3.0
    assert dls.reshape([1, 2], 2, 1).shape == (2, 1)
    assert dls.softmax(np.zeros(2)).tolist() == [0.5, 0.5]
    assert dls.concatenate([[1.0], np.array([2.0])]).tolist() == [1.0, 2.0]
    assert dls.maximum(1.0, 2.0).item() == 2.0
    assert dls.where([True, False], 1.0, x).tolist() == [1.0, 2.0]
    loss = F.cross_entropy(dls.Tensor([[0.0, 0.0]]), np.array([1]))
    assert loss.item() == pytest.approx(0.6931472)


def test_index_forms_are_numpys() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    x = dls.Tensor(array)
    mask = array[0] > 5
    for index in (0, -1, slice(None, None, -1), (0, 1, 2), (..., 0), (None, 1), [1, 0], [[0], [1]],
                  (slice(None), [0, 2], 1), np.int64(1), True,
                  (0, mask), array > 7, np.array([], int), [], range(2), (1, ..., [0, 0])):
        plain = list(index) if isinstance(index, range) else index
        assert np.array_equal(x[index].numpy(), array[plain]), index
    assert np.array_equal(x[dls.Tensor(1), dls.Tensor([0, 2])].numpy(), array[1, [0, 2]])
    assert np.array_equal(x[x > 7.0].numpy(), array[array > 7])


def test_reductions_of_nothing_that_have_an_answer() -> None:
    assert EMPTY.sum().item() == 0.0
    assert EMPTY.sum(axis=0).tolist() == [0.0] * 3
    assert EMPTY.max(axis=1).shape == (0,)
    assert EMPTY.all().item() is True
    assert EMPTY.softmax(axis=1).shape == (0, 3)


def test_one_number_may_be_reduced_along_its_only_axis() -> None:
    x = dls.Tensor(3.0, requires_grad=True)
    total = x.sum(axis=0) + x.mean(axis=-1) + x.max(axis=0) + x.softmax(axis=0)
    total.backward()
    assert x.grad.item() == 3.0


def test_python_protocols() -> None:
    x = dls.Tensor([1, 2, 3])
    assert [int(v) for v in x] == [1, 2, 3]
    assert len(x) == 3
    assert 2 in x
    assert 5 not in x
    assert [10, 20, 30][x[1]] == 30
    assert f"{dls.Tensor(0.25):.1%}" == "25.0%"
    assert float(dls.Tensor([2.5])) == 2.5
    assert round(float(dls.Tensor(2.5) * 2)) == 5
    assert {x: "hashable"}[x] == "hashable"
    assert "Tensor([1, 2, 3]" in repr(x)
    assert "made by mul" in repr(dls.Tensor([1.0], requires_grad=True) * 2.0)
