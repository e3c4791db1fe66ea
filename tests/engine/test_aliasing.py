"""Leaf gradients are arrays of their own: C-contiguous, shared with nothing, safe to write to."""

import itertools

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

CASES = {
    "a + b": lambda a, b: a + b,
    "a + a": lambda a, b: a + a + b * 0.0,
    "a - b": lambda a, b: a - b,
    "a itself and b": lambda a, b: dls.concatenate([a, b]),
    "stack": lambda a, b: dls.stack([a, b]),
    "reshape": lambda a, b: a.reshape(4, 3).reshape(-1) + b.reshape(-1),
    "transpose": lambda a, b: a.T + b.T,
    "sum": lambda a, b: a.sum() + b.sum(axis=0),
    "mean": lambda a, b: a.mean(axis=1) + b.mean(),
    "broadcast": lambda a, b: dls.broadcast_to(a, (2, 3, 4)) + b,
    "index": lambda a, b: a[::-1] + b[:, ::-1],
    "all of it": lambda a, b: a[:, None][None][0] + b[...][None, 0:3],
    "where": lambda a, b: dls.where(np.ones((3, 4), bool), a, b),
    "clone": lambda a, b: a.clone() + b.clone(),
    "cast": lambda a, b: a.astype("float64") + b.astype("float32"),
    "matmul": lambda a, b: a @ b.T,
    "product": lambda a, b: a * b,
    "checkpoint": lambda a, b: dls.checkpoint(lambda s, t: s + t, a, b),
}


def arrays_of(*tensors: dls.Tensor) -> list[np.ndarray]:
    return [t.data for t in tensors]


def share_nothing(arrays: list[np.ndarray]) -> bool:
    return not any(np.shares_memory(x, y) for x, y in itertools.combinations(arrays, 2))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_gradients_share_nothing(name: str, keep: bool, hooked: bool) -> None:
    a, b = (dls.Tensor(np.arange(12.0).reshape(3, 4) + 1, requires_grad=True) for _ in range(2))
    y = CASES[name](a, b)
    seed = dls.Tensor(np.ones(y.shape))
    seen: list[dls.Tensor] = []
    if hooked:
        for t in (y, a, b):
            t.register_hook(lambda g: seen.append(g))
    y.backward(seed, retain_graph=keep)
    assert share_nothing(arrays_of(a.grad, b.grad, seed, y, a, b))
    for x in (a, b):
        assert x.grad.data.flags.c_contiguous
        assert x.grad.data.flags.writeable
    assert not any(np.shares_memory(g.data, x.grad.data) for g in seen for x in (a, b))
    before, values = b.grad.numpy().copy(), seed.numpy().copy()
    with dls.no_grad():
        a.grad *= 0.0
    assert np.array_equal(b.grad.numpy(), before)
    assert np.array_equal(seed.numpy(), values)
    if keep:
        a.grad = None
        y.backward(seed)
        assert np.array_equal(b.grad.numpy(), 2 * before)


def test_leaf_used_as_the_loss_itself() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    seed = dls.Tensor([3.0, 4.0])
    x.backward(seed)
    x.backward(seed)
    assert x.grad.tolist() == [6.0, 8.0]
    assert seed.tolist() == [3.0, 4.0]
    assert share_nothing(arrays_of(x.grad, seed, x))


def test_the_shared_one_that_backward_starts_with_cannot_be_spoiled() -> None:
    def spoil(g: dls.Tensor) -> None:
        g *= 100.0

    x = dls.Tensor(2.0, requires_grad=True)
    y = x * 3.0
    y.register_hook(spoil)
    with pytest.raises((dls.Error, ValueError)):
        y.backward()
    x.grad = None
    (x * 3.0).backward()
    assert x.grad.item() == 3.0


def test_view_of_a_view_as_a_leaf_gradient() -> None:
    x = dls.Tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    y = x.transpose(2, 0, 1)[1:3].reshape(-1)
    y.backward(np.arange(12.0))
    want = np.zeros((4, 2, 3))
    want[1:3] = np.arange(12.0).reshape(2, 2, 3)
    assert np.array_equal(x.grad.numpy(), want.transpose(1, 2, 0))
    assert x.grad.data.flags.c_contiguous


def test_old_gradient_objects_do_not_change_when_more_is_added() -> None:
    x = dls.Tensor([1.0], requires_grad=True)
    (x * 2.0).sum().backward()
    first = x.grad
    (x * 2.0).sum().backward()
    assert first.item() == 2.0
    assert x.grad.item() == 4.0


class Buffered(Op):
    """y = 2 x, whose rule writes to one array each time."""

    def __init__(self) -> None:
        self.buffer = np.zeros(3)

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x * 2.0

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.buffer[:] = dy * 2.0
        return self.buffer


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("uses", [1, 2])
def test_a_rule_that_keeps_its_array(uses: int, captured: bool) -> None:
    double = function(Buffered())
    x = dls.Tensor(np.ones(3), requires_grad=True)

    def step(scale: dls.Tensor) -> dls.Tensor:
        x.grad = None
        y = double(x) * scale
        if uses == 2:
            y = y + x * 5.0
        loss = y.sum()
        loss.backward()
        return loss

    run = dls.capture(step) if captured else step
    held = []
    for scale in (1.0, 2.0, 3.0, 4.0):
        run(dls.Tensor(np.full(3, scale)))
        held.append(x.grad)
    extra = 5.0 * (uses == 2)
    assert [g.tolist() for g in held] == [[2.0 * s + extra] * 3 for s in (1.0, 2.0, 3.0, 4.0)]
