"""`with dls.trace() as t`: everything that ran in a block, gradients or not, errors too."""

import gc
import re
import weakref

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn import functional as F


def by_op(t):
    return {re.split(r"[(\[]", node.op)[0]: node for node in t.record.nodes if node.op}


def inputs_of(t, node):
    at = {n.id: n for n in t.record.nodes}
    return [at[e.tail] for e in sorted(t.record.edges, key=lambda e: e.slot) if e.head == node.id]


def test_a_step_with_its_names_and_gradients():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    X, y = dls.randn(5, 4), dls.Tensor(np.arange(5) % 2)
    X.name, y.name = "X", "y"
    with dls.trace() as t:
        loss = F.cross_entropy(model(X), y)
        loss.backward()
    kinds = {n.name: n.kind for n in t.record.nodes if not n.op}
    assert kinds["X"] == kinds["y"] == "input"
    assert {name for name, kind in kinds.items() if kind == "param"} == {
        name for name, _ in model.named_parameters()}
    assert kinds["1.running_mean"] == kinds["1.running_var"] == "buffer"
    for name, parameter in model.named_parameters():
        node = next(n for n in t.record.nodes if n.name == name)
        assert node.gradient.values.norm == pytest.approx(
            np.linalg.norm(parameter.grad.numpy()), rel=1e-5, abs=1e-12)
        assert [s.norm for s in node.gradient.shares] == [node.gradient.values.norm]
    assert t.record.nodes[-1].kind == "loss"
    assert "0: Linear" in t.table() and str(t) == t.table()
    assert dls.viz.Graph.from_json(t.to_json()).to_json() == t.to_json()


def test_what_gradients_are_summed_from():
    b = dls.Tensor(np.zeros(3, "float32"), requires_grad=True, name="b")
    x = dls.Tensor(np.ones((4, 3), "float32"))
    with dls.trace() as t:
        ((x + b) * b).sum().backward()
    first, second = next(n for n in t.record.nodes if n.name == "b").gradient.shares
    assert {first.summed_from, second.summed_from} == {(4, 3)}
    assert sorted([first.values.sample, second.values.sample]) == [(0.0,) * 3, (4.0,) * 3]


def test_the_first_share_is_kept_as_it_came():
    w = dls.Tensor(np.ones(2, "float32"), requires_grad=True, name="w")
    with dls.trace() as t:
        (w * 2.0 + w * 3.0 + w * 4.0).sum().backward()
    shares = next(n for n in t.record.nodes if n.name == "w").gradient.shares
    assert sorted(s.values.sample for s in shares) == [(2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]


def test_where_an_input_came_from():
    x = dls.Tensor(np.ones((2, 3, 4), "float32"), name="x")
    w = dls.Tensor(np.ones((4, 1), "float32"), requires_grad=True, name="w")
    with dls.trace() as t:
        loss = (x[:, 1] @ w).sum()
    getitem = by_op(t)["getitem"]
    assert [n.name for n in inputs_of(t, getitem)] == ["x"]
    assert [n.op for n in inputs_of(t, by_op(t)["matmul"])] == ["getitem[:, 1]", ""]
    assert getitem.gradient is None
    assert [n.name for n in dls.graph(loss).record.nodes if n.kind == "input"] == ["x"]


def test_without_gradients():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    with dls.no_grad(), dls.trace() as t:
        model(dls.ones(2, 4))
    assert [n.op.partition("(")[0] for n in t.record.nodes if n.op] == ["linear", "relu"]
    assert {n.name for n in t.record.nodes if n.kind == "param"} == {"0.weight", "0.bias"}
    assert t.record.nodes[-1].kind == "output" and t.record.nodes[-1].path[0] == "Sequential"
    assert not t.record.backward_ran


def test_backward_after_the_block():
    x = dls.Tensor(3.0, requires_grad=True)
    with dls.trace() as t:
        y = x * x
    assert not t.record.backward_ran
    y.backward()
    assert t.record.nodes[0].gradient.values.sample == (6.0,)


def test_values_are_those_at_the_end_of_the_block():
    w = dls.Tensor([1.0, 2.0], requires_grad=True)
    with dls.trace() as t:
        (w * w).sum().backward()
    with dls.no_grad():
        w.copy_([9.0, 9.0])
    assert t.record.nodes[0].value.sample == (1.0, 2.0)


def test_an_error_leaves_what_came_before():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(5, 2))
    t = dls.trace()
    with pytest.raises(dls.ShapeError), t:
        model(dls.ones(2, 4))
    *_, last = t.record.nodes
    assert by_op(t)["relu"].value.size == 6
    assert "cannot take these shapes" in last.failed and last.op == "linear"
    assert last.path[-1] == "2: Linear 5 -> 2" and last.source.startswith("test_viz_block.py:")
    assert {n.name for n in inputs_of(t, last)} == {"", "2.weight", "2.bias"}
    assert t.record.meta["error"].startswith("ShapeError: ")
    assert "failed" in t.to_svg() or "cannot take" in t.to_svg()


def test_an_error_that_was_caught_counts_for_nothing():
    a = dls.ones(2, 3)
    with dls.trace() as t:
        try:
            a @ a
        except dls.ShapeError:
            pass
        a + a
    assert not any(n.failed for n in t.record.nodes)


def test_one_in_another():
    x = dls.Tensor([2.0], requires_grad=True)
    with dls.trace() as outer:
        y = x * 2.0
        with dls.trace() as inner:
            z = y * 3.0
        z + 1.0
    assert [len([n for n in t.record.nodes if n.op]) for t in (outer, inner)] == [3, 2]


@pytest.mark.parametrize("decorate", [dls.trace, dls.trace(), dls.trace(depth=0)])
def test_as_a_decorator(decorate):
    @decorate
    def f(x):
        return x * x

    f(dls.Tensor(3.0, requires_grad=True)).backward()
    assert f.trace.record.nodes[0].gradient.values.sample == (6.0,)
    first = f.trace
    f(dls.Tensor(4.0, requires_grad=True))
    assert f.trace is not first


def test_misuse():
    with pytest.raises(dls.GraphError, match="with trace"):
        dls.trace(3)
    with dls.trace() as t:
        pass
    with pytest.raises(dls.GraphError, match="another"), t:
        pass
    assert t.record.nodes == ()
    with pytest.raises(ValueError, match="depth"):
        dls.trace(depth=-1)


def test_nothing_is_kept_after_it():
    x = dls.Tensor(np.ones(100), requires_grad=True)
    with dls.trace():
        y = x * 2.0
    node = weakref.ref(y._node)
    del y
    gc.collect()
    assert node() is None
