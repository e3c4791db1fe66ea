"""Promise 1: no recursion, and work in proportion to the graph, whatever its shape.

micrograd and MyGrad raise RecursionError at 1,200 and 1,500 operations; DeZero sorts its queue at
each push; diamonds double the work of a recursive walk at every level.
"""

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.engine.autograd import Node, topological_order


def chain(x: dls.Tensor, length: int) -> dls.Tensor:
    y = x
    for _ in range(length):
        y = -y
    return y


def test_chain_of_a_million_operations_goes_forward_backward_and_away() -> None:
    x = dls.Tensor(2.0, requires_grad=True)
    y = chain(x, 1_000_000)
    probe = weakref.ref(y)
    y.backward()
    assert x.grad.item() == 1.0
    gc.disable()
    try:
        del y
        assert probe() is None
    finally:
        gc.enable()


def test_long_chain_is_freed_without_backward_and_on_a_small_stack() -> None:
    failures = []

    def work() -> None:
        try:
            x = dls.Tensor([1.0, 2.0], requires_grad=True)
            y = chain(x, 200_000)
            del y
            z = chain(x, 200_000)
            g, = dls.grad(z.sum(), [x])
            assert np.array_equal(g.numpy(), [1.0, 1.0])
        except BaseException as error:  # pragma: no cover
            failures.append(error)

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert failures == []


def test_long_chain_with_create_graph() -> None:
    x = dls.Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0001
    g, = dls.grad(y * y, [x], create_graph=True)
    h, = dls.grad(g, [x])
    assert h.item() == pytest.approx(2 * 1.0001**40_000, rel=1e-2)


def work_of_backward(fan_in: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many nodes the graph has, and how often backward looked one up in a set or dict."""
    x = dls.Tensor(1.0, requires_grad=True)
    total = dls.stack([-x for _ in range(fan_in)]).sum()
    nodes = len(topological_order([total._node]))
    asked = 0

    def count(node: Node) -> int:
        nonlocal asked
        asked += 1
        return object.__hash__(node)

    with monkeypatch.context() as patch:
        patch.setattr(Node, "__hash__", count)
        total.backward()
    assert x.grad.item() == -fan_in
    return nodes, asked


def test_fan_in_of_100_000_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    half, half_asked = work_of_backward(50_000, monkeypatch)
    full, full_asked = work_of_backward(100_000, monkeypatch)
    assert (half, full) == (50_002, 100_002)
    assert half < half_asked < 20 * half
    assert full_asked <= 2 * half_asked + 10


def test_sum_of_100_000_terms_by_python() -> None:
    x = dls.Tensor(1.0, requires_grad=True)
    total = sum((x * 1.0 for _ in range(100_000)), start=dls.Tensor(0.0))
    total.backward()
    assert x.grad.item() == 100_000


def count_rules(root: dls.Tensor) -> int:
    """How often a backward rule runs in `root.backward()`."""
    ran = []
    for node in topological_order([root._node]):
        def back(dy: Any, saved: Any, plan: Any = node.plan) -> Any:
            ran.append(1)
            return plan.back(dy, saved)

        node.plan = node.plan._replace(back=back)
    root.backward()
    return len(ran)


def test_diamonds_of_depth_10_000_run_each_rule_once() -> None:
    x = dls.Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(10_000):
        y = (y + y) * 0.5
    assert count_rules(y) == 20_000
    assert x.grad.item() == 1.0


def test_reused_value_gets_the_sum_of_its_uses() -> None:
    """tinygrad's first engine gave 1 for d(x*x + x)/dx at 3."""
    x = dls.Tensor(3.0, requires_grad=True)
    (x * x + x).backward()
    assert x.grad.item() == 7.0


def test_each_node_waits_for_all_that_used_it() -> None:
    """An old value used again late: a depth-first walk would go on too early."""
    x = dls.Tensor(2.0, requires_grad=True)
    early = x * 3.0
    late = early
    for _ in range(5):
        late = late * 2.0
    order: list[float] = []
    early.register_hook(lambda g: order.append(g.item()))
    (late + early).backward()
    assert order == [33.0]
    assert x.grad.item() == 99.0


def test_order_is_newest_first() -> None:
    x = dls.Tensor(2.0, requires_grad=True)
    a = x * 2.0
    b = a + x
    c = a * b
    order = topological_order([c._node])
    assert all(isinstance(n, Node) for n in order)
    assert [n.op.name for n in order] == ["mul", "add", "mul"]
