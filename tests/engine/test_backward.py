"""Promises 2, 3 and 8: where gradients go, what a second backward says, hooks and retain_grad."""

import re

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.engine.completion import completions
from tinygrad_dls.ops.op import Op


def leaf(*values: float, dtype: str = "float64") -> dls.Tensor:
    return dls.Tensor(np.array(values, dtype), requires_grad=True)


def test_cube_gives_27_again_and_again() -> None:
    """micrograd gives 45 the second time, for inner gradients are kept."""
    x = dls.Tensor(3.0, requires_grad=True)
    y = x * x * x
    for _ in range(4):
        x.grad = None
        y.backward(retain_graph=True)
        assert x.grad.item() == 27.0


def test_gradients_accumulate_on_leaves() -> None:
    x = dls.Tensor(3.0, requires_grad=True)
    for times in (1, 2, 3):
        (x * x).backward()
        assert x.grad.item() == 6.0 * times


def test_inner_tensors_have_no_grad_unless_asked() -> None:
    x = dls.Tensor(3.0, requires_grad=True)
    y = x * x
    (y * 2.0).backward()
    assert y.grad is None
    assert x.grad.item() == 12.0


def test_second_backward_raises_and_says_what_to_do() -> None:
    """MyGrad says nothing and changes nothing; DeZero doubles the gradient."""
    x = dls.Tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    with pytest.raises(dls.GraphError, match=r"retain_graph=True"):
        y.backward()
    assert x.grad.item() == 6.0


def test_second_backward_through_a_shared_part_raises() -> None:
    x = dls.Tensor(3.0, requires_grad=True)
    shared = x * x
    (shared * 2.0).backward()
    with pytest.raises(dls.GraphError, match="freed"):
        (shared * 3.0).backward()


def test_backward_of_many_numbers_without_a_gradient_raises() -> None:
    """DeZero silently takes ones."""
    x = leaf(1, 2)
    with pytest.raises(dls.GraphError, match=r"shape \(2,\).*\n.*sum\(\)"):
        (x * x).backward()
    assert x.grad is None
    (x * x).backward(np.array([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 40.0]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_number_of_any_shape_needs_no_gradient(shape: tuple[int, ...]) -> None:
    x = dls.Tensor(np.full(shape, 3.0), requires_grad=True)
    (x * x).backward()
    assert x.grad.shape == shape
    assert x.grad.item() == 6.0


def test_gradient_of_another_shape_raises_with_both() -> None:
    x = leaf(1, 2)
    with pytest.raises(dls.ShapeError) as caught:
        (x * 2).backward(np.ones(3))
    assert re.search(r"^  tensor +\(2,\)$", str(caught.value), re.MULTILINE)
    assert re.search(r"^  gradient +\(3,\)$", str(caught.value), re.MULTILINE)


def test_gradient_given_as_list_number_or_other_dtype() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    (x * 2.0).backward([1, 2])
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2.0, 4.0]
    y = dls.Tensor(1.0, requires_grad=True)
    (y * 2.0).backward(5.0)
    assert y.grad.item() == 10.0


def test_unused_input_has_no_gradient() -> None:
    x, unused = leaf(1), leaf(1)
    (x * 2).sum().backward()
    assert unused.grad is None


def test_backward_without_history_raises() -> None:
    x = leaf(1)
    for y in (dls.Tensor(1.0), x.detach(), dls.Tensor(1.0) * 2):
        with pytest.raises(dls.GraphError, match="does not require grad"):
            y.backward()
    with dls.no_grad():
        y = x.sum()
    with pytest.raises(dls.GraphError, match="no_grad"):
        y.backward()


def test_backward_of_a_leaf_itself() -> None:
    x = dls.Tensor(3.0, requires_grad=True)
    x.backward()
    x.backward()
    assert x.grad.item() == 2.0


def test_grad_is_none_or_a_tensor_of_that_shape_and_dtype() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    x.grad = dls.Tensor([5.0, 6.0])
    x.sum().backward()
    assert x.grad.tolist() == [6.0, 7.0]
    x.grad = None
    with pytest.raises(dls.ShapeError):
        x.grad = dls.Tensor([1.0])
    with pytest.raises(dls.ShapeError):
        x.grad = np.zeros(2)  # type: ignore[assignment]
    with pytest.raises(dls.DtypeError):
        x.grad = dls.Tensor(np.zeros(2))


def test_graph_may_be_walked_from_two_ends() -> None:
    x = dls.Tensor(2.0, requires_grad=True)
    a = x * 3.0
    b = a * a
    a.backward(retain_graph=True)
    b.backward()
    assert x.grad.item() == 3.0 + 2 * 6.0 * 3.0


# --- hooks ---------------------------------------------------------------------------------------


def test_hook_sees_and_replaces_the_gradient() -> None:
    x = leaf(1, 2)
    seen: list[list[float]] = []
    y = x * 3.0
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10.0)
    remove = x.register_hook(lambda g: g + 1.0)
    y.sum().backward()
    assert seen == [[1.0, 1.0]]
    assert x.grad.tolist() == [31.0, 31.0]
    remove.remove()  # as PyTorch's handles have it
    remove()  # twice does no harm
    x.grad = None
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_hook_gets_the_whole_gradient_once() -> None:
    x = leaf(2)
    calls: list[float] = []
    x.register_hook(lambda g: calls.append(g.item()))
    (x * x + x * 3.0).sum().backward()
    assert calls == [7.0]


def test_hook_may_remove_itself_without_skipping_the_next() -> None:
    x = leaf(2)
    calls: list[str] = []

    def first(g: dls.Tensor) -> None:
        calls.append("first")
        remove()

    remove = x.register_hook(first)
    x.register_hook(lambda g: calls.append("second"))
    x.sum().backward()
    x.sum().backward()
    assert calls == ["first", "second", "second"]


def test_hook_result_takes_the_tensors_dtype_and_needs_its_shape() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    remove = x.register_hook(lambda g: g.astype("float64") * 2.0)
    x.sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2.0, 2.0]
    remove()
    for wrong in (lambda g: g.sum(), lambda g: 1.0, lambda g: g.numpy()):
        remove = x.register_hook(wrong)
        with pytest.raises(dls.GraphError, match="hook"):
            x.sum().backward()
        remove()


def test_hook_kept_gradient_is_not_changed_later() -> None:
    x = leaf(1, 2)
    kept: list[dls.Tensor] = []
    y = x * 1.0
    y.register_hook(lambda g: kept.append(g))
    (y.sum() + (x * 5.0).sum() + (x * 7.0).sum()).backward()
    assert kept[0].tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [13.0, 13.0]


def test_hooks_need_a_tensor_with_gradient() -> None:
    with pytest.raises(dls.GraphError):
        dls.Tensor(1.0).register_hook(lambda g: None)
    with pytest.raises(dls.GraphError):
        dls.Tensor(1.0).retain_grad()


def test_retain_grad_keeps_and_accumulates_like_a_leaf() -> None:
    x = leaf(3)
    y = (x * x).retain_grad()
    assert y.retain_grad() is y  # asked twice, kept once
    z = (y * 2.0).sum()
    z.backward(retain_graph=True)
    assert y.grad.tolist() == [2.0]
    z.backward()
    assert y.grad.tolist() == [4.0]
    assert x.retain_grad() is x


def test_detach_stops_the_gradient_and_shares_the_values() -> None:
    x = leaf(3)
    y = x.detach()
    assert not y.requires_grad
    assert np.shares_memory(x.numpy(), y.numpy())
    (x * (x * 2.0).detach()).sum().backward()
    assert x.grad.tolist() == [6.0]


def test_requires_grad_can_be_switched_on_leaves_only() -> None:
    x = dls.Tensor(2.0).requires_grad_()
    y = x * x
    with pytest.raises(dls.GraphError, match="detach"):
        y.requires_grad_(False)
    x.requires_grad_(False)
    assert not (x * x).requires_grad


# --- Ctrl-C and other ends -----------------------------------------------------------------------


@pytest.mark.parametrize("interrupted", ["node", "leaf"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_interrupted_backward_leaves_gradients_alone(
    interrupted: str, error: type[BaseException]
) -> None:
    a, b = leaf(1), leaf(2)
    (a + b).sum().backward()
    middle = a * b

    def stop(_: dls.Tensor) -> None:
        raise error

    (middle if interrupted == "node" else a).register_hook(stop)
    loss = (b * 3.0 + middle + a).sum()
    with pytest.raises(error):
        loss.backward()
    assert (a.grad.item(), b.grad.item()) == (1.0, 1.0)
    assert dls.is_grad_enabled()
    if interrupted == "node":
        (a * b).sum().backward()
        assert (a.grad.item(), b.grad.item()) == (3.0, 2.0)


# --- what a wrong rule of one's own is told ------------------------------------------------------


def test_rule_with_a_gradient_too_few_or_of_wrong_shape() -> None:
    from tinygrad_dls.ops.call import function
    from tinygrad_dls.ops.op import Op

    before = dict(Op.registry)

    class Pair(Op):
        def forward(self, a, b):
            return a * b

        def backward(self, dy, a, b):
            return (dy * b,)

    class Row(Op):
        def forward(self, x):
            return x * 2.0

        def backward(self, dy):
            return dy[0]

    try:
        with pytest.raises(dls.GraphError, match="'pair' returned 1 gradients for 2"):
            function(Pair())(leaf(1, 2), leaf(1, 2)).sum().backward()
        with pytest.raises(dls.GraphError, match=r"'row'.*'x'.*shape\n  \(\)\n.*\n  \(2,\)"):
            function(Row())(leaf(1, 2)).sum().backward()
        with pytest.raises(TypeError, match="asks for"):
            class Unknown(Op):
                def forward(self, x):
                    return x

                def backward(self, dy, nonsense):
                    return dy
    finally:
        Op.registry.clear()
        Op.registry.update(before)


def test_a_user_s_class_does_not_take_the_place_of_an_operation_of_its_name() -> None:
    ours = Op.registry["Tanh"]

    class Tanh(Op):
        def forward(self, x):  # type: ignore[no-untyped-def]
            return x

    assert Op.registry["Tanh"] is ours


def test_completion_hooks_of_leaves_that_are_gone_are_not_looked_for() -> None:
    before = completions.hooks
    kept = leaf(1.0)
    removers = [x.register_post_accumulate_grad_hook(print) for x in (kept, leaf(2.0))]
    assert completions.hooks == before + 1
    removers[0]()
    assert completions.hooks == before
    removers[1]()  # of a leaf that is gone: nothing to do


def test_a_completion_hook_runs_while_backward_goes_on() -> None:
    """It gets the leaf with the sum of all its uses, after the leaf's other hooks, at its turn."""
    first, last = leaf(2.0), leaf(3.0)
    seen: list[tuple[str, list[float]]] = []
    first.register_hook(lambda g: seen.append(("gradient of first", g.tolist())))
    last.register_hook(lambda g: g * 10.0)
    removers = [
        x.register_post_accumulate_grad_hook(lambda t, n=n: seen.append((n, t.grad.tolist())))
        for n, x in (("first", first), ("last", last))
    ]
    (first * first * last * last).sum().backward()
    # last is used last, so that it is complete first: before backward comes to `first`.
    assert seen == [("last", [240.0]), ("gradient of first", [36.0]), ("first", [36.0])]
    seen.clear()
    (first * last).sum().backward()  # on top of what is there
    assert sorted(seen)[-2:] == [("gradient of first", [3.0]), ("last", [260.0])]
    assert first.grad is not None and first.grad.tolist() == [39.0]
    seen.clear()
    first.sum().backward(retain_graph=True)  # a leaf next to the root
    (first * last * 0.0).sum().backward(create_graph=True)  # these come at the end
    assert [n for n, _ in seen if n == "first"] == ["first", "first"]
    for remove in removers:
        remove()
    seen.clear()
    (last * last).sum().backward()
    assert seen == []
    for wrong in (lambda: (first * 2.0).register_post_accumulate_grad_hook(print),
                  lambda: dls.Tensor(1.0).register_post_accumulate_grad_hook(print),
                  lambda: first.register_post_accumulate_grad_hook(3)):
        with pytest.raises(dls.GraphError, match="hook"):
            wrong()
