"""A subclass of Tensor that names itself as the class of results survives operations."""

import copy

import numpy as np

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim


class Marked(dls.Tensor):
    """A tensor with a class of its own; floats of different widths make the narrower one."""

    __slots__ = ()

    @staticmethod
    def _promote(*arrays):
        narrow = min((a.dtype for a in arrays if a.dtype.kind == "f"), key=lambda d: d.itemsize)
        return tuple(a.astype(narrow) for a in arrays)


Marked._kind = Marked


def _marked(values, **options):
    return Marked(np.asarray(values, "float32"), **options)


def test_results_have_the_class_of_their_inputs():
    x, plain = _marked([[1.0, -2.0], [3.0, 4.0]], requires_grad=True), dls.ones(2, 2)
    made = {
        "one": x.exp(), "one, of numbers": 2 * x, "two": x + x, "mixed": plain * x,
        "many": dls.where(x > 0, plain, x), "joined": dls.concatenate([plain, x]),
        "reduced": x.sum(axis=0), "view": x.T, "part": x[0], "cast": x.astype("float64"),
        "placed": dls.nonzero(x)[0], "places": dls.argwhere(x), "sorted": x.detach().sort(),
        "top": x.topk(1)[1], "detached": x.detach(), "like": dls.zeros_like(x),
        "dropped": F.dropout(x, 0.5), "pooled": F.max_pool2d(x[None, None], 2),
        "einsum": dls.einsum("ij->j", x), "layer": nn.Linear(2, 3)(x), "loss": F.mse_loss(x, x),
        "recurrent": nn.LSTM(2, 3)(x)[0], "state": nn.LSTM(2, 3)(x)[1][0],
        "checkpointed": dls.checkpoint(dls.exp, x), "copied": copy.deepcopy(x),
        "batch": next(iter(data.DataLoader(data.TensorDataset(x.detach()))))[0],
        "split": data.train_test_split(x.detach(), test_size=1)[0],
    }
    wrong = {name: type(y).__name__ for name, y in made.items() if type(y) is not Marked}
    assert wrong == {}
    assert type(plain + plain) is dls.Tensor and type(nn.Linear(2, 3)(plain)) is dls.Tensor


def test_gradients_have_the_class_of_what_they_are_gradients_of():
    w, seen = _marked([2.0, 3.0], requires_grad=True), []
    w.register_hook(lambda g: seen.append(type(g)))
    y = w * w
    y.retain_grad()
    y.sum().backward()
    assert seen == [Marked] and type(w.grad) is Marked and type(y.grad) is Marked
    w.sum().backward()
    assert type(w.grad) is Marked and w.grad.tolist() == [5, 7]
    first, = dls.grad((w**3).sum(), [w], create_graph=True)
    second, = dls.grad(first.sum(), [w])
    assert type(first) is Marked and type(second) is Marked and second.tolist() == [12, 18]
    opt = optim.Adam([w])
    opt.step()
    assert {type(v) for v in opt.state[w].values()} == {int, Marked}


def test_a_subclass_promotes_by_its_own_rule():
    wide = dls.tensor(np.ones(2))
    assert (_marked([1.0, 2.0]) * wide).dtype == "float32" == (wide * _marked([1.0, 2.0])).dtype
    assert dls.concatenate([wide, _marked([1.0, 2.0])]).dtype == "float32"
    assert (wide * wide.astype("float32")).dtype == "float64"


def test_a_captured_step_returns_the_class_that_it_returned_when_recorded():
    step = dls.capture(lambda a: (a * 2 + 1).sum())
    for kind in (Marked, dls.Tensor):
        made = [step(kind(np.full(3, i, "float32"))) for i in range(4)]
        assert [type(y) for y in made] == [kind] * 4 and [y.item() for y in made] == [3, 9, 15, 21]
    assert step.reason is None
