"""Labels that a loss leaves out, in captured steps."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls._util.callers import is_all_ours
from tinygrad_dls.errors import DataError
from tinygrad_dls.nn import functional as F
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op


def batches(padded, seed=0):
    """(x, labels from 1 on); the batches of these numbers have two labels 0."""
    rng = np.random.default_rng(seed)
    for i in range(7):
        labels = rng.integers(1, 4, 6)
        if i in padded:
            labels[:2] = 0
        yield dls.Tensor(rng.standard_normal((6, 5)).astype("float32")), dls.Tensor(labels)


@pytest.mark.parametrize("padded", [(), (4, 6), (0,), (0, 1, 2, 3, 4, 5, 6)])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "sum"}])
def test_padding_may_come_and_go(padded, options):
    """A class that is ignored is in some batches and not in others."""
    def build():
        dls.manual_seed(1)
        model = nn.Linear(5, 4)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), labels, ignore_index=0, **options)
            loss.backward()
            optimizer.step()
            return loss

        return step

    step, captured = build(), dls.capture(build())
    for x, labels in batches(padded):
        assert captured(x, labels).item() == step(x, labels).item()
    assert captured.reason is None


def test_an_ignored_number_that_is_no_class_is_settled_at_the_recording():
    model = nn.Linear(5, 4)
    captured = dls.capture(lambda x, labels: F.cross_entropy(model(x), labels))
    for x, labels in batches(()):
        captured(x, labels)
    with pytest.raises(DataError, match="let its first two batches have some"):
        captured(x, dls.Tensor(np.array([-100, 1, 2, 3, 1, 2])))


def losses(p, places):
    """Functions whose places may be out of range, of a number p and places (6,) below 4."""
    ones = dls.ones(6, 4) * p
    return {
        "cross_entropy": lambda: F.cross_entropy(ones, places),
        "weighted": lambda: F.cross_entropy(ones, places, weight=dls.ones(4)),
        "nll_loss": lambda: F.nll_loss(ones.log_softmax(1), places),
        "take": lambda: dls.take(dls.ones(4, 3) * p, places, 0).sum(),
        "gather": lambda: dls.gather(ones, 1, places[:, None]).sum(),
        "embedding": lambda: F.embedding(places, dls.ones(4, 3) * p).sum(),
        "one_hot": lambda: (F.one_hot(places, 4) * p).sum(),
    }


@pytest.mark.parametrize("name", losses(1.0, dls.Tensor(np.zeros(6, "int64"))))
def test_a_place_out_of_range_is_told_as_such(name):
    """Whether a step is replayed or run as it is; then it goes on."""
    p = dls.tensor(1.5, requires_grad=True)
    captured = dls.capture(lambda places: losses(p, places)[name]())
    right, wrong = np.array([0, 1, 2, 3, 3, 0]), np.array([0, 1, 2, 3, 7, 0])
    wanted = [captured(dls.Tensor(right)).item() for _ in range(3)][-1]
    with pytest.raises(DataError) as caught:
        captured(dls.Tensor(wrong))
    assert "out of" in str(caught.value)
    assert any("replay" in note for note in caught.value.__notes__)
    assert captured(dls.Tensor(right)).item() == wanted
    assert captured.reason is None


@pytest.mark.parametrize("file, ours", [
    ("/elsewhere/tinygrad_dls/backend/kernels/numba/losses/losses.py", True),
    ("/elsewhere/kernels/losses.py", False),
])
def test_a_kernel_is_ours_wherever_it_was_compiled(file, ours):
    """Machine code from the cache names the file of the copy of the package that compiled it."""
    kernel = compile("raise IndexError('a label is out of range')", file, "exec")
    with pytest.raises(IndexError) as caught:
        exec(kernel)
    assert is_all_ours(caught.value) is ours


class Mine(IndexError):
    """An error of a user's operation."""


class Twice(Op):
    """2 x, whose rule back may fail."""

    fails: type[Exception] | None = None

    def forward(self, x):
        return x * 2

    def backward(self, dy):
        if Twice.fails is not None:
            raise Twice.fails("in a rule")
        return dy * 2


@pytest.mark.parametrize("kind", [IndexError, Mine, ValueError])
def test_what_a_users_operation_raises_stays(kind, monkeypatch):
    twice, p = function(Twice()), dls.ones(3, requires_grad=True)

    def step(x):
        p.grad = None
        loss = (twice(p) * x).sum()
        loss.backward()
        return loss

    captured = dls.capture(step)
    for _ in range(3):
        captured(dls.ones(3))
    assert captured.reason is None
    monkeypatch.setattr(Twice, "fails", kind)
    with pytest.raises(kind, match="in a rule") as caught:
        captured(dls.ones(3))
    assert type(caught.value) is kind
    assert caught.traceback[-1].name == "backward"
