"""checkpoint(f, *xs): the same numbers for less memory."""

import gc
import weakref

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.nn import functional as F


def block(x: dls.Tensor, w: dls.Tensor) -> dls.Tensor:
    return ((x @ w).tanh() * x.exp()).sigmoid()


def leaves() -> tuple[dls.Tensor, dls.Tensor]:
    rng = np.random.default_rng(0)
    return (dls.Tensor(rng.standard_normal((4, 3)), requires_grad=True),
            dls.Tensor(rng.standard_normal((3, 3)), requires_grad=True))


def test_values_and_gradients_are_the_same_to_the_bit() -> None:
    x, w = leaves()
    plain = block(x * 2.0, w)
    plain.sum().backward()
    want = [t.grad.numpy() for t in (x, w)]
    x.grad = w.grad = None
    y = dls.checkpoint(block, x * 2.0, w)
    assert np.array_equal(y.numpy(), plain.numpy())
    y.sum().backward()
    assert all(np.array_equal(t.grad.numpy(), g) for t, g in zip((x, w), want))


def test_parameters_that_the_function_closes_over_get_gradients() -> None:
    x, w = leaves()
    block(x, w).sum().backward()
    want = w.grad.numpy()
    w.grad = None
    dls.checkpoint(lambda t: block(t, w), x.detach()).sum().backward()
    assert np.array_equal(w.grad.numpy(), want)


def test_dropout_is_repeated_and_the_stream_goes_on() -> None:
    x = dls.Tensor(np.ones(1000), requires_grad=True)
    dls.manual_seed(3)
    y = dls.checkpoint(lambda t: F.dropout(t, 0.5), x)
    after = dls.rand(3).tolist()
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())
    more = dls.rand(3).tolist()
    dls.manual_seed(3)
    F.dropout(x, 0.5)
    assert dls.rand(3).tolist() == after
    assert dls.rand(3).tolist() == more  # backward took nothing from the stream


def test_nothing_inside_is_kept() -> None:
    x, w = leaves()
    inside: list[weakref.ref] = []

    def watched(t: dls.Tensor) -> dls.Tensor:
        middle = t.exp()
        inside.append(weakref.ref(middle.data))
        return middle.sin() @ w

    gc.disable()
    try:
        y = dls.checkpoint(watched, x)
        assert inside[0]() is None
        assert all(isinstance(v, tuple) for v in y._node.saved)
        y.sum().backward()
        assert len(inside) == 2
        assert inside[1]() is None
    finally:
        gc.enable()


def test_constants_integers_and_plain_arguments() -> None:
    x, _ = leaves()

    def pick(t: dls.Tensor, places: dls.Tensor, scale: float, constant: dls.Tensor) -> dls.Tensor:
        return t[places] * scale + constant

    constant = dls.Tensor(np.ones(3))
    dls.checkpoint(pick, x, dls.Tensor([0, 0, 2]), 2.0, constant).sum().backward()
    assert x.grad.numpy()[:, 0].tolist() == [4.0, 0.0, 2.0, 0.0]
    assert constant.grad is None


def test_chain_of_checkpoints_and_reuse() -> None:
    x, w = leaves()
    y = x
    for _ in range(3):
        y = block(y, w)
    (y * x).sum().backward()
    want = [t.grad.numpy() for t in (x, w)]
    x.grad = w.grad = None
    y = x
    for _ in range(3):
        y = dls.checkpoint(block, y, w)
    (y * x).sum().backward()
    for t, g in zip((x, w), want):
        np.testing.assert_allclose(t.grad.numpy(), g, rtol=1e-12)


def test_no_grad_and_second_backward() -> None:
    x, w = leaves()
    with dls.no_grad():
        assert not dls.checkpoint(block, x, w).requires_grad
    y = dls.checkpoint(block, x, w).sum()
    y.backward()
    with pytest.raises(dls.GraphError, match="freed"):
        y.backward()


def test_overwritten_argument_is_an_error() -> None:
    x, w = leaves()
    y = dls.checkpoint(block, x, w).sum()
    with dls.no_grad():
        w[0] = 0.0
    with pytest.raises(dls.GraphError, match="overwritten"):
        y.backward()


def test_wrong_uses_are_explained() -> None:
    x, w = leaves()
    with pytest.raises(dls.GraphError, match="at least one tensor"):
        dls.checkpoint(lambda: x)
    with pytest.raises(dls.GraphError, match="one tensor, not tuple"):
        dls.checkpoint(lambda t: (t, t), x)
    with pytest.raises(dls.GraphError, match="no second derivative"):
        dls.grad(dls.checkpoint(block, x, w).sum(), [x], create_graph=True)


def test_error_in_backward_restores_the_stream() -> None:
    x, _ = leaves()
    calls: list[int] = []

    def fails_later(t: dls.Tensor) -> dls.Tensor:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return F.dropout(t, 0.5)

    dls.manual_seed(0)
    y = dls.checkpoint(fails_later, x).sum()
    state = dls.random.default_generator.get_state()
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert dls.random.default_generator.get_state() == state
    assert dls.is_grad_enabled()
    assert x.grad is None
