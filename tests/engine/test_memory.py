"""Promise 9: no reference cycle. Memory is back the moment the last name is gone."""

import copy
import gc
import pickle
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.engine.autograd import Node
from tinygrad_dls.ops.op import BackwardRule, Op


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def network() -> tuple[list[dls.Tensor], list[dls.Tensor]]:
    """Parameters, and all that a forward pass makes, the loss last."""
    rng = np.random.default_rng(0)
    w = dls.Tensor(rng.standard_normal((3, 4)), requires_grad=True)
    b = dls.Tensor(np.zeros(4), requires_grad=True)
    x = dls.Tensor(rng.standard_normal((5, 3)))
    z = x @ w + b
    a = z.tanh()
    s = dls.concatenate([a, z[:, ::2]], axis=1).softmax(axis=1)
    loss = (s.max(axis=1) ** 2).mean()
    return [w, b], [z, a, s, loss]


def all_gone(tensors: list[dls.Tensor]) -> bool:
    """Do the tensors, their arrays and nodes die at once when the list is cleared?"""
    probes = [weakref.ref(t) for t in tensors]
    probes += [weakref.ref(t.data) for t in tensors if t.ndim]
    tensors.clear()
    return all(probe() is None for probe in probes)


def live_nodes() -> int:
    return sum(type(o) is Node for o in gc.get_objects())


def test_forward_alone() -> None:
    before = live_nodes()
    _, made = network()
    assert live_nodes() > before
    assert all_gone(made)
    assert live_nodes() == before


@pytest.mark.parametrize("retain", [False, True])
def test_after_backward(retain: bool) -> None:
    before = live_nodes()
    parameters, made = network()
    made[-1].backward(retain_graph=retain)
    assert all_gone(made)
    assert live_nodes() == before
    assert parameters[0].grad is not None


def test_backward_frees_values_while_the_loss_is_held() -> None:
    _, made = network()
    loss = made.pop()
    arrays = [weakref.ref(t.data) for t in made]
    made.clear()
    assert any(probe() is not None for probe in arrays)
    loss.backward()
    assert all(probe() is None for probe in arrays)


def test_values_go_while_backward_goes_on() -> None:
    """The memory of late layers is free before early ones are reached."""
    x = dls.Tensor(np.ones(100), requires_grad=True)
    early = x.exp()
    late = early.exp()
    probe = weakref.ref(late.data)
    alive: list[bool] = []
    early.register_hook(lambda g: alive.append(probe() is not None))
    loss = late.sum()
    del late
    loss.backward()
    assert alive == [False]


def test_create_graph_through_grad() -> None:
    before = live_nodes()
    parameters, made = network()
    grads = list(dls.grad(made[-1], parameters, create_graph=True))
    total = sum((g * g).sum() for g in grads)
    second = list(dls.grad(total, parameters))
    assert all_gone([*made, *grads, total]) is False  # the lists still hold them
    del total
    assert all_gone(grads)
    assert all_gone(made)
    assert all_gone(second)
    assert live_nodes() == before


def test_after_hooks_retain_grad_and_errors() -> None:
    before = live_nodes()
    _, made = network()
    for t in made[:-1]:
        t.retain_grad()
        t.register_hook(lambda g: g * 1.0)
    del t
    made[-1].backward()
    with pytest.raises(dls.GraphError):
        made[-1].backward()
    with pytest.raises(dls.ShapeError):
        made[0] @ made[0]
    assert made[0].grad is not None
    gc.collect()  # an exception that was caught holds its frames
    gc.disable()
    assert all_gone(made)
    assert live_nodes() == before


def test_checkpoint_and_trace() -> None:
    before = live_nodes()
    x = dls.Tensor(np.ones(3), requires_grad=True)
    with dls.trace():
        made = [dls.checkpoint(lambda t: t.exp().sin(), x).sum()]
    made[0].backward()
    assert all_gone(made)
    assert live_nodes() == before


def test_operations_made_for_one_call_go_with_it() -> None:
    """An index, a dropout, a move, a checkpoint: each has parameters of its own."""
    x = dls.Tensor(np.ones((4, 5)), requires_grad=True)

    def once() -> None:
        y = x[np.array([0, 1, 1])]
        y = dls.nn.functional.dropout(dls.take_along_axis(y, np.zeros((3, 5), int), 0), 0.5)
        y = dls.checkpoint(lambda t: t.tanh(), y.to("strict").to("cpu") ** 1.5)
        z = y[:, 1:2].sum() + (y[y > 0.1]).sum() + dls.einsum("ij->j", y).sum()
        z.backward()

    def ops() -> int:
        return sum(issubclass(type(o), (Op, BackwardRule)) for o in gc.get_objects())

    once()
    before = ops()
    for _ in range(5):
        once()
    assert ops() == before


def test_no_grad_keeps_nothing() -> None:
    before = live_nodes()
    with dls.no_grad():
        _, made = network()
    assert live_nodes() == before
    assert all_gone(made)


@pytest.mark.parametrize(
    ("op", "kept"),
    [
        (lambda x: x + 1.0, []), (lambda x: x + x, []), (lambda x: -x, []),
        (lambda x: x.sum(axis=0), []), (lambda x: x.reshape(-1), []), (lambda x: x.T, []),
        (lambda x: x.exp(), ["y"]), (lambda x: x.relu(), ["y"]), (lambda x: x * 2.0, [2.0]),
        (lambda x: x.mean(), []),
    ],
)
def test_only_what_backward_needs_is_kept(op, kept) -> None:
    x = dls.Tensor(np.ones((3, 9)), requires_grad=True)
    y = op(x)
    held = [v for v in y._node.saved if not isinstance(v, tuple)]
    assert held == [y.data if k == "y" else k for k in kept] or all(h is y.data for h in held)
    assert len(held) == len(kept)


def test_input_without_gradient_costs_no_memory() -> None:
    x, w = dls.Tensor(np.ones((3, 3))), dls.Tensor(np.ones((3, 3)), requires_grad=True)
    y = x * w
    assert all(v is not w.data for v in y._node.saved)


# --- copies --------------------------------------------------------------------------------------


def test_leaf_can_be_copied_and_pickled() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True, name="weights")
    (x * x).sum().backward()
    x.register_hook(lambda g: g)
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (twin.name, twin.requires_grad, twin.device) == ("weights", True, x.device)
        assert twin.tolist() == x.tolist()
        assert twin.grad.tolist() == x.grad.tolist()
        assert not np.shares_memory(twin.data, x.data)
        (twin * 3.0).sum().backward()
        assert twin.grad.tolist() == [5.0, 7.0]
        assert x.grad.tolist() == [2.0, 4.0]
    on_strict = dls.Tensor([1.0], device="strict")
    assert copy.deepcopy(on_strict).device is on_strict.device


def test_computed_tensor_is_not_copied_with_its_graph() -> None:
    y = dls.Tensor([1.0], requires_grad=True) * 2.0
    for copier in (copy.deepcopy, pickle.dumps, copy.copy):
        with pytest.raises(dls.GraphError, match="detach"):
            copier(y)
