"""Names of tinygrad_dls.torch against PyTorch: value, dtype, shape, gradient, from one table."""

import importlib
import importlib.util
import math
import re
import warnings

import numpy as np
import pytest

from .expressions import TABLE

pytest.importorskip("torch")


FLOATS = {"x": (4, 6), "y": (4, 6), "v": (6,), "c": (2, 3, 4), "m": (3, 3), "e": (4, 1), "z": (),
          "im": (2, 3, 8, 8), "w3": (5, 3, 3, 3), "w1": (4, 6)}


class Library:
    """One of the two, and the names that the expressions use."""

    def __init__(self, root):
        self.torch = importlib.import_module(f"{root}torch")
        for part in ("nn", "nn.functional", "utils.checkpoint", "utils.data",
                     "utils.data.distributed", "distributions", "autograd", "autograd.functional",
                     "special", "linalg"):
            if importlib.util.find_spec(f"{root}torch.{part}"):
                importlib.import_module(f"{root}torch.{part}")
        self.names = helpers(self.torch)

    def inputs(self, expression):
        """Fresh inputs under the names that the expression uses."""
        torch, used = self.torch, set(re.findall(r"\w+", expression))

        def numbers(name):
            return np.random.default_rng(list(name.encode()))

        made = {name: torch.tensor(numbers(name).normal(size=shape).astype("float32"),
                                   requires_grad=name != "y")
                for name, shape in FLOATS.items() if name in used}
        if "d" in used:
            made["d"] = torch.tensor(numbers("d").normal(size=6), requires_grad=True)
        if "p" in used:
            shares = numbers("p").uniform(0.1, 0.9, (4, 6)).astype("float32")
            made["p"] = torch.tensor(shares, requires_grad=True)
        return made | {
            "i": torch.tensor(numbers("i").integers(0, 5, (4, 6))), "k": torch.tensor([1, 0, 5, 2]),
            "q": torch.tensor([0, 3, 1, 3, 2]),
            "b": torch.tensor(numbers("b").random((4, 6)) < 0.4),
            "numpy64": numbers("n").normal(size=(2, 3)),
        }

    def evaluate(self, expression):
        """(result, gradients of the inputs)."""
        self.torch.manual_seed(0)
        inputs = self.inputs(expression)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = eval(expression, {**self.names, **inputs})
            grads = {}
            outputs = [t for t in flat(made)
                       if self.torch.is_tensor(t) and t.requires_grad and not t.is_leaf]
            if outputs:
                total = sum((weighed(t)).sum() for t in outputs)
                total.backward()
                grads = {name: plain(t.grad) for name, t in inputs.items()
                         if self.torch.is_tensor(t) and t.grad is not None}
        return [plain(part) for part in flat(made)], grads


def weighed(t):
    """The tensor times numbers that differ, so that a permuted gradient is seen."""
    places = np.arange(1, t.numel() + 1, dtype=np.float64).reshape(tuple(t.shape))
    torch = importlib.import_module(type(t).__module__.partition(".")[0]) if not type(
        t).__module__.startswith("tinygrad") else importlib.import_module("tinygrad_dls.torch")
    return t * torch.tensor(np.sin(places)).to(t.dtype)


def flat(made):
    if isinstance(made, tuple | list) and type(made).__name__ != "Size":
        return [part for value in made for part in flat(value)]
    return [made]


def plain(value):
    """(kind, dtype, shape, numbers) of a tensor, an array, a number, a dtype, a shape."""
    if hasattr(value, "detach"):
        array = value.detach().numpy()
        return "tensor", str(array.dtype), array.shape, np.array(array)
    if type(value).__name__ == "Size":
        return "size", tuple(value)
    if "dtype" in type(value).__name__.lower():
        return "dtype", str(value).removeprefix("torch.")
    return (type(value).__name__, value)


def same(a, b):
    if a[0] != b[0] or a[:-1] != b[:-1]:
        return False
    if a[0] in ("tensor", "ndarray"):
        x, y = np.asarray(a[-1]), np.asarray(b[-1])
        return x.shape == y.shape and x.dtype == y.dtype and np.allclose(
            x.astype("float64"), y.astype("float64"), rtol=2e-4, atol=2e-5, equal_nan=True)
    if isinstance(a[-1], float):
        return math.isclose(a[-1], b[-1], rel_tol=1e-5, abs_tol=1e-6)
    return bool(a[-1] == b[-1])


def helpers(torch):
    def inplace(layer, h):
        kept = [h]
        layer(h)
        return kept[0] + 0

    def y_cut(s):
        s = s.detach()
        s[s >= 0.5] = 1
        return s

    def range_cut(h, k):
        h = h.detach()
        h[range(len(k)), k] -= 1
        return h

    def put(t, index, value):
        t[index] = value
        return t

    def augmented(h, y):
        h += y
        h *= 2
        h -= 1
        return h

    def with_view(h):
        row = h[0]
        row.mul_(2)
        return h

    def detached_shares(x):
        y = x.detach()
        y.fill_(4)
        return x.data + 0

    def with_grad(x):
        (x * x).sum().backward()
        return x

    def sparse_grad(numbers, y):
        places = torch.tensor([[0, 1], [2, 0]])
        (torch.sparse_coo_tensor(places, numbers, (2, 4)) @ y).sum().backward()
        return numbers.grad

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, times):
            ctx.save_for_backward(x)
            ctx.times = times
            return x * x * times

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return 2 * ctx.times * x * g, None

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a + b, a * b

        @staticmethod
        def backward(ctx, g, h):
            a, b = ctx.saved_tensors
            return g + h * b, g + h * a

    @torch.no_grad()
    def no_grad(x):
        return (x * 2).requires_grad

    @torch.inference_mode()
    def inference(x):
        return (x * 2).requires_grad

    return {"torch": torch, "dist": torch.distributions, "data": torch.utils.data,
            "nn": torch.nn, "F": torch.nn.functional, "inplace": inplace,
            "y_cut": y_cut, "range_cut": range_cut, "put": put, "augmented": augmented,
            "with_view": with_view, "detached_shares": detached_shares, "with_grad": with_grad,
            "sparse_grad": sparse_grad, "squared": lambda x: Square.apply(x, 3.0),
            "no_grad": no_grad, "inference": inference,
            "two_outputs": lambda x, y: Both.apply(x, y.detach().requires_grad_())}


@pytest.fixture(scope="module")
def libraries():
    return Library(""), Library("tinygrad_dls.")


@pytest.mark.torch
@pytest.mark.parametrize("part", TABLE)
def test_meaning(libraries, part):
    theirs, ours = libraries
    wrong = []
    for expression in TABLE[part]:
        wanted, wanted_grads = theirs.evaluate(expression)
        try:
            found, grads = ours.evaluate(expression)
        except Exception as error:
            wrong.append(f"{expression}: {type(error).__name__}: {str(error)[:150]}")
            continue
        if len(found) != len(wanted) or not all(map(same, found, wanted)):
            wrong.append(f"{expression}\n    ours     {str(found)[:300]}\n    PyTorch  "
                         f"{str(wanted)[:300]}")
        elif grads.keys() != wanted_grads.keys() or not all(
                same(grads[n], wanted_grads[n]) for n in grads):
            wrong.append(f"{expression}: gradients\n    ours     {str(grads)[:300]}\n"
                         f"    PyTorch  {str(wanted_grads)[:300]}")
    assert not wrong, f"{len(wrong)} of {len(TABLE[part])}:\n" + "\n".join(wrong)
