"""`with dls.trace() as t`: everything that ran in a block, gradients or not, errors too."""

import copy
import gc
import pickle
import re
import weakref

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.engine.modes import mode, traces
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz.flags import flags


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
    assert last.path[-1] == "2: Linear 5 -> 2" and last.source.startswith("test_block.py:")
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


# --- gradients -----------------------------------------------------------------------------------


def test_a_gradient_that_was_reset_is_what_came():
    model = nn.Linear(3, 2)
    with dls.trace() as t:
        loss = model(dls.ones(4, 3)).sum()
        loss.backward()
        model.zero_grad()
    assert {n.name: n.gradient.values.sample for n in t.record.nodes if n.kind == "param"} == {
        "weight": (4.0,) * 6, "bias": (4.0,) * 2}
    assert flags(t.record) == ()


def test_shares_add_up_to_the_gradient_over_two_backwards():
    w = dls.Tensor([1.0, 2.0], requires_grad=True, name="w")
    with dls.trace() as t:
        h = w * 2.0
        a, b = (h * 3.0).sum(), (h * 5.0).sum()
        a.backward(retain_graph=True)
        b.backward()
    shown = {n.name or n.source: n.gradient for n in t.record.nodes if n.gradient}
    first = next(n for n in t.record.nodes if n.op)
    for gradient in (shown["w"], first.gradient):
        shares = np.sum([share.values.sample for share in gradient.shares], axis=0)
        assert tuple(shares) == gradient.values.sample
    assert shown["w"].values.sample == (16.0, 16.0) == tuple(w.grad.numpy())
    assert first.gradient.values.sample == (8.0, 8.0)


def test_shares_of_dls_grad_are_none_of_a_leaf_that_has_its_own():
    x = dls.Tensor([1.0, 2.0], requires_grad=True, name="x")
    with dls.trace() as t:
        (g,) = dls.grad((x ** 3).sum(), [x], create_graph=True)
        (g * g).sum().backward()
    gradient = next(n for n in t.record.nodes if n.name == "x").gradient
    assert gradient.values.sample == tuple(x.grad.numpy()) == (36.0, 288.0)  # d/dx of 9 x^4
    assert tuple(np.sum([s.values.sample for s in gradient.shares], axis=0)) == (36.0, 288.0)
    with dls.trace() as alone:
        w = dls.Tensor([3.0], requires_grad=True, name="w")
        dls.grad((w * w).sum(), [w])
    gradient = next(n for n in alone.record.nodes if n.name == "w").gradient
    assert gradient.values.sample == (6.0,) and len(gradient.shares) == 2


# --- writes in place -----------------------------------------------------------------------------


@pytest.mark.parametrize("write, op, after", [
    (lambda y: y.__setitem__(0, 7.0), "index_put", (7.0, 4.0)),
    (lambda y: y.copy_([8.0, 9.0]), "index_put", (8.0, 9.0)),
    (lambda y: y.__iadd__(1.0), "add", (3.0, 5.0)),
])
def test_a_write_is_an_operation_and_leaves_the_values_before_it(write, op, after):
    with dls.trace() as t:
        y = dls.Tensor([1.0, 2.0]) * 2.0
        write(y)
        z = y - 0.0
        y += 100.0
    assert tuple(z.numpy()) == after
    found = by_op(t)
    assert found["mul"].value.sample == (2.0, 4.0)
    assert found["sub"].value.sample == after
    writer = inputs_of(t, found["sub"])[0]
    assert writer.op.startswith(op) and writer.value.sample == after
    assert inputs_of(t, writer)[0].op == "mul"


def test_a_write_into_a_view_leaves_the_values_before_it():
    with dls.trace() as t:
        y = dls.Tensor([1.0, 2.0]) * 2.0
        part = y[:1]
        part[:] = 7.0
        z = y - 0.0
    assert by_op(t)["mul"].value.sample == (2.0, 4.0)
    assert by_op(t)["getitem"].value.sample == (2.0,)
    assert inputs_of(t, by_op(t)["sub"])[0].value.sample == tuple(z.numpy()) == (7.0, 4.0)


# --- what is around the block --------------------------------------------------------------------


def test_one_inside_of_a_module():
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            with dls.trace() as self.inner:
                return self.linear(x)

    model = Network()
    with dls.trace() as outer, dls.no_grad():
        model(dls.ones(1, 2))
    for t in (outer, model.inner):
        assert by_op(t)["linear"].path == ("Network", "linear: Linear 2 -> 2")
    assert "linear.weight" in {n.name for n in outer.record.nodes}
    assert "weight" in {n.name for n in model.inner.record.nodes}


def test_a_generator_that_ends_in_the_block_of_another():
    def items():
        with dls.trace():
            yield dls.ones(2) * 1.0

    generator = items()
    next(generator)
    with dls.trace() as t:
        generator.close()
        dls.ones(2) * 2.0
    assert list(by_op(t)) == ["mul"]
    assert mode.trace is None and not traces.active


def test_a_function_that_calls_itself():
    @dls.trace()
    def power(x, n):
        return x if n == 0 else power(x, n - 1) * x

    power(dls.Tensor(2.0), 3)
    assert len([n for n in power.trace.record.nodes if n.op]) == 3


def generator_function():
    yield 1


async def coroutine_function():
    pass


@pytest.mark.parametrize("what", [generator_function, coroutine_function, nn.Linear])
def test_what_cannot_be_decorated(what):
    with pytest.raises(dls.GraphError, match="before its body"):
        dls.trace(what)
    with pytest.raises(dls.GraphError, match="before its body"):
        dls.trace()(what)


def test_values_stay_those_at_the_end_without_backward():
    w = dls.Tensor([1.0, 2.0], requires_grad=True)
    with dls.trace() as t, dls.no_grad():
        w * w
    with dls.no_grad():
        w.copy_([9.0, 9.0])
    assert t.record.nodes[0].value.sample == (1.0, 2.0)


def test_the_trace_keeps_no_model_and_no_error():
    class Stop(Exception):
        pass

    def run(fail):
        model = nn.Linear(3, 2)
        with dls.trace() as t:
            model(dls.ones(1, 3)).sum().backward()
            if fail:
                raise Stop
        return t, weakref.ref(model)

    t, model = run(False)
    assert len(by_op(t)) == 2 and model() is None  # let go when the record was written
    t = dls.trace()
    with pytest.raises(Stop) as caught, t:
        raise Stop
    error = caught.value
    assert not any(held is error for held in vars(t).values())
    assert t.record.meta["error"] == "Stop"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copy_is_the_graph(copied):
    with dls.trace(depth=0) as t:
        dls.ones(2) * 2.0
    graph = copied(t)
    assert graph.to_json() == t.to_json() and graph.options == t.options


def test_two_devices_in_one_block():
    with dls.trace() as t:
        dls.ones(2) * 2.0
        dls.ones(2, device="strict") * 3.0
    assert [n.value.sample for n in t.record.nodes if n.op] == [(2.0, 2.0), (3.0, 3.0)]
