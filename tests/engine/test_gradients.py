"""dls.grad: gradients as values, of any tensor, and their own gradients."""

import numpy as np
import pytest

import tinygrad_dls as dls


def leaf(*values: float) -> dls.Tensor:
    return dls.Tensor(np.array(values, float), requires_grad=True)


def test_grad_of_leaf_and_of_computed_tensor_sets_no_grad() -> None:
    x = leaf(2)
    y = x * x
    z = (y * y).sum()
    dy, dx = dls.grad(z, [y, x])
    assert (dy.item(), dx.item()) == (8.0, 32.0)
    assert x.grad is None
    assert y.grad is None
    assert not dx.requires_grad


def test_one_tensor_in_place_of_a_list() -> None:
    x = leaf(2)
    (dx,) = dls.grad(x * x * x, x)
    assert dx.item() == 12.0


def test_several_outputs_are_summed_with_their_weights() -> None:
    x = leaf(1, 2)
    a, b = x * 2.0, x * x
    (dx,) = dls.grad([a, b], [x], [dls.Tensor(np.array([1.0, 1.0])), np.array([10.0, 100.0])])
    assert dx.tolist() == [22.0, 402.0]
    (twice,) = dls.grad([(x * x).sum()] * 2, [x])
    assert twice.tolist() == [4.0, 8.0]


def test_output_as_its_own_input() -> None:
    x = leaf(3)
    y = x * 2.0
    seed = dls.Tensor(np.array([5.0]))
    g, h = dls.grad(y, [y, x], seed)
    assert (g.item(), h.item()) == (5.0, 10.0)
    assert not np.shares_memory(g.numpy(), seed.numpy())


def test_unused_input_raises_or_gives_none() -> None:
    x, unused = leaf(2), leaf(1)
    with pytest.raises(dls.GraphError, match=r"input 1.*\n  \(1,\)\n.*allow_unused"):
        dls.grad(x * x, [x, unused])
    assert dls.grad((x * x).sum(), [x, unused], allow_unused=True)[1] is None


def test_what_cannot_have_a_gradient_raises() -> None:
    x, constant = leaf(2), dls.Tensor(1.0)
    with pytest.raises(dls.GraphError, match="input 0 does not require grad"):
        dls.grad(x * x, [constant])
    with pytest.raises(dls.GraphError, match="output 0"):
        dls.grad(constant, [x])
    with pytest.raises(dls.ShapeError):
        dls.grad(x * x, [x], [None, None])
    with pytest.raises(dls.GraphError, match=r"shape \(2,\)"):
        dls.grad(leaf(1, 2) * 2.0, [x])


def test_graph_is_freed_unless_kept() -> None:
    x = leaf(2)
    y = (x * x).sum()
    dls.grad(y, [x], retain_graph=True)
    dls.grad(y, [x])
    with pytest.raises(dls.GraphError, match="freed"):
        dls.grad(y, [x])


def test_what_lies_behind_an_input_is_left_alone() -> None:
    x = leaf(2)
    y = x * x
    ran: list[int] = []
    (dy,) = dls.grad((y * 3.0).sum(), [y])
    x.register_hook(lambda g: ran.append(1))
    assert dy.item() == 3.0
    assert ran == []
    y.sum().backward()  # the graph of y was neither walked nor freed
    assert x.grad.item() == 4.0


def test_parts_that_lead_to_no_input_are_not_walked() -> None:
    x, w = leaf(2), leaf(5)
    side = w * w

    def refuse(_: dls.Tensor) -> None:
        raise AssertionError("walked")

    w.register_hook(refuse)
    (dx,) = dls.grad((x * x + side).sum(), [x])
    assert dx.item() == 4.0


def test_results_are_their_own_arrays() -> None:
    a, b = leaf(1, 2), leaf(3, 4)
    seed = dls.Tensor(np.ones(2))
    da, db, again = dls.grad(a + b, [a, b, a], seed)
    arrays = [da.data, db.data, again.data, seed.data]
    for i, one in enumerate(arrays):
        for other in arrays[:i]:
            assert not np.shares_memory(one, other)
    (ds,) = dls.grad(a.sum(), [a])
    assert ds.data.flags.c_contiguous
    assert ds.data.flags.writeable


def test_hooks_run_for_inputs() -> None:
    x = leaf(2)
    x.register_hook(lambda g: g * 10.0)
    y = x * x
    y.register_hook(lambda g: g + 1.0)
    dy, dx = dls.grad(y.sum(), [y, x])
    assert (dy.item(), dx.item()) == (2.0, 80.0)


# --- higher derivatives --------------------------------------------------------------------------


def test_third_derivative_follows_the_formula() -> None:
    x = leaf(0.3, 0.7, 1.1)
    y = ((x * 2.0).sin() * x.exp()).sum()
    first, = dls.grad(y, [x], create_graph=True)
    second, = dls.grad(first.sum(), [x], create_graph=True)
    third, = dls.grad(second.sum(), [x])
    v = x.numpy()
    e, s, c = np.exp(v), np.sin(2 * v), np.cos(2 * v)
    np.testing.assert_allclose(first.numpy(), e * (s + 2 * c), rtol=1e-12)
    np.testing.assert_allclose(second.numpy(), e * (-3 * s + 4 * c), rtol=1e-12)
    np.testing.assert_allclose(third.numpy(), e * (-11 * s - 2 * c), rtol=1e-12)


def test_fifth_derivative_of_a_power() -> None:
    x = dls.Tensor(np.array(2.0), requires_grad=True)
    y = x**6
    for _ in range(5):
        y, = dls.grad(y, [x], create_graph=True)
    assert y.item() == 720 * 2.0


def test_backward_with_create_graph_gives_gradients_with_history() -> None:
    x = leaf(2)
    (x * x * x).sum().backward(create_graph=True)
    g = x.grad
    assert g.requires_grad
    x.grad = None
    g.sum().backward()
    assert x.grad.item() == 12.0


def test_create_graph_twice_accumulates_with_history() -> None:
    x = leaf(2)
    (x * x * x).sum().backward(create_graph=True)
    (x * x).sum().backward(create_graph=True)
    total = x.grad
    assert total.item() == 16.0
    x.grad = None
    (second,) = dls.grad(total.sum(), [x])
    assert second.item() == 14.0


def test_gradient_penalty_reaches_the_weights() -> None:
    """WGAN-GP: the loss holds the norm of a gradient."""
    rng = np.random.default_rng(0)
    w = dls.Tensor(rng.standard_normal((3, 1)), requires_grad=True)
    x = dls.Tensor(rng.standard_normal((5, 3)), requires_grad=True)

    def penalty(weights: np.ndarray) -> float:
        slope = (1 - np.tanh(x.numpy() @ weights) ** 2) * weights.T
        return float((slope**2).sum())

    g, = dls.grad((x @ w).tanh().sum(), [x], create_graph=True)
    (g * g).sum().backward()
    for i in range(3):
        step = np.zeros((3, 1))
        step[i] = 1e-6
        slope = (penalty(w.numpy() + step) - penalty(w.numpy() - step)) / 2e-6
        assert w.grad.numpy()[i, 0] == pytest.approx(slope, rel=1e-6)


def test_float32_second_order_stays_float32() -> None:
    x = dls.Tensor([0.5, 1.0], requires_grad=True)
    first, = dls.grad((x.sigmoid() * x.tanh() / (x + 2.0)).sum(), [x], create_graph=True)
    second, = dls.grad(first.sum(), [x])
    assert first.dtype == second.dtype == np.float32


@pytest.mark.torch
def test_hessian_vector_product_equals_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    values, direction = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    weights, labels = rng.standard_normal((3, 5)), rng.integers(0, 5, 4)

    def hvp(x, w, v, labels, grad, loss):
        g = grad(loss((x @ w).tanh() * 3.0, labels), [x], create_graph=True)[0]
        return grad((g * v).sum(), [x])[0]

    mine = hvp(dls.Tensor(values, requires_grad=True), dls.Tensor(weights), dls.Tensor(direction),
               dls.Tensor(labels), dls.grad, dls.nn.functional.cross_entropy)
    want = hvp(torch.tensor(values, requires_grad=True), torch.tensor(weights),
               torch.tensor(direction), torch.tensor(labels), torch.autograd.grad,
               torch.nn.functional.cross_entropy)
    np.testing.assert_allclose(mine.numpy(), want.numpy(), rtol=1e-10, atol=1e-13)
