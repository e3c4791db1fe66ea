"""Graphs of real computations."""

import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.engine.autograd import Scope
from tinygrad_dls.nn import functional as F
from tinygrad_dls.viz import graph


def shown(g, **options):
    return {box.title: [line.text for line in box.lines] for box in g.picture(**options).boxes}


def scalar(value, name=None):
    return dls.Tensor(value, requires_grad=True, name=name)


def test_three_times_before_and_after_backward():
    a, b, c = scalar(5.0), scalar(3.0), scalar(2.0)
    u = b * c
    v = a + u
    J = 3 * v
    before, names = graph(J, names=locals()), dict(locals())
    assert shown(before) == {
        "b": ["value 3", "grad: not computed"], "c": ["value 2", "grad: not computed"],
        "u = mul": ["value 6", "grad: not computed"], "a": ["value 5", "grad: not computed"],
        "v = add": ["value 11", "grad: not computed"], "3": [],
        "J = mul": ["value 33", "grad: not computed"],
    }
    J.backward()
    after = shown(graph(J, names=names))
    assert after["b"] == ["value 3", "grad 6"]
    assert after["c"] == ["value 2", "grad 9"]
    assert after["a"] == ["value 5", "grad 3"]
    assert after["u = mul"] == ["value 6", "grad 3"]
    assert after["v = add"] == ["value 11", "grad 3"]
    assert after["J = mul"] == ["value 33", "grad 1"]
    assert shown(before)["b"][1] == "grad: not computed"  # a graph is a photograph


def test_diamond_is_drawn_as_one():
    x = scalar(3.0, "x")
    y = x * x + x
    y.backward()
    g = graph(y)
    assert shown(g)["x"] == ["value 3", "grad 7"]
    assert [(a.tail, a.head, a.count) for a in g.picture().arrows] == [
        ("n0", "n1", 2), ("n1", "n2", 1), ("n0", "n2", 1)]


def small_network(traced):
    rng = np.random.default_rng(0)
    X = dls.Tensor(rng.normal(size=(64, 20)))
    W, b = dls.Tensor(rng.normal(size=(20, 5)), True), dls.Tensor(np.zeros(5), True)
    if traced:
        with dls.trace():
            L = ((X @ W + b).tanh() ** 2).mean()
    else:
        L = ((X @ W + b).tanh() ** 2).mean()
    return L, {"X": X, "W": W, "b": b, "L": L}


def test_traced_arrays_show_statistics_and_where_they_were_made():
    L, names = small_network(traced=True)
    L.backward()
    g = graph(L, names=names)
    tanh = next(n for n in g.record.nodes if n.op == "tanh")
    assert tanh.value.size == 320 and -1 <= tanh.value.min <= tanh.value.max <= 1
    assert tanh.gradient.computed and tanh.gradient.values.size == 320
    assert tanh.source.startswith("test_trace.py:")
    assert tanh.formula.startswith("y = tanh(x)")
    assert tanh.saved == ("y",)
    assert [s.norm for s in tanh.gradient.shares] == [tanh.gradient.values.norm]
    w = next(n for n in g.record.nodes if n.name == "W")
    assert w.gradient.values.norm == pytest.approx(np.linalg.norm(names["W"].grad.numpy()))
    x = next(n for n in g.record.nodes if n.name == "X")
    assert (x.kind, x.gradient, x.shape) == ("input", None, (64, 20))


@pytest.mark.parametrize("backward", [False, True])
def test_untraced_arrays_show_their_shape_and_how_to_see_more(backward):
    L, names = small_network(traced=False)
    if backward:
        L.backward()
    g = graph(L, names=names)
    lines = ["(64, 5) float64"] + ([] if backward else ["grad: not computed"])
    assert shown(g)["tanh"] == lines
    assert any("dls.trace()" in note for note in g.picture().notes)


def test_names_of_a_model_win():
    class Model:
        def __init__(self):
            self.w = scalar(2.0, "own name")

        def named_parameters(self):
            yield "layer.weight", self.w

    model = Model()
    loss = model.w * model.w
    assert "layer.weight" in shown(graph(loss, model, {"w": model.w, "loss": loss}))
    assert "own name" in shown(graph(loss, names={"w": model.w}))


def test_optional_inputs_left_out_are_not_drawn():
    z = dls.Tensor(np.zeros((4, 3)), requires_grad=True, name="z")
    loss = (z * 2.0).sum()
    loss.backward()
    kinds = [n.kind for n in graph(loss).record.nodes]
    assert kinds == ["param", "const", "op", "loss"]  # a number is kept, an array would not be
    with dls.trace():
        loss = (z * 2.0).sum()
    loss.backward()
    assert shown(graph(loss))["2"] == []


def named(name):
    return type(name, (), {})()


def test_modules_by_the_marks_of_their_calls():
    x = scalar(1.0, "x")
    start, first = x.tanh()._node.seq, x.tanh()._node.seq  # two numbers of the clock
    a = x.exp()
    b = a.tanh()
    b._node.scope = Scope(named("first"), first, None)
    second = x.tanh()._node.seq
    c = b.exp()
    c._node.scope = Scope(named("cell"), second, None)
    third = x.tanh()._node.seq
    d = c * 2.0
    inner = Scope(named("cell"), third, None)
    d._node.scope = Scope(named("net"), start, inner)  # the last to return in front
    e = d + 1.0
    e.backward()
    paths = {n.op: n.path for n in graph(e).record.nodes if n.op}
    assert paths["tanh"] == ("net", "first")
    assert paths["mul"] == ("net", "cell (2)")
    assert paths["add"] == ()
    assert [b.title for b in graph(e, depth=0).picture().boxes] == [
        "net", "1", "add"]  # x is taken for a parameter of the only module that uses it

    class Model:
        def named_parameters(self):
            return []

    g = graph(e, Model())  # but with the model it is known to be none
    assert [b.title for b in g.picture(depth=0).boxes] == ["x", "net", "1", "add"]


def test_nan_is_flagged_where_it_starts():
    x = dls.Tensor([-1.0, 1.0], requires_grad=True, name="x")
    with np.errstate(invalid="ignore"):
        y = x.log().sum()
    lines = shown(graph(y))
    assert lines["log"][-1] == "! NaN 1 of 2, starts here"
    assert lines["sum"][-1] == "! NaN"


def test_empty_arrays():
    x = dls.Tensor(np.zeros((0, 3), "float32"), requires_grad=True, name="x")
    y = x.exp()
    g = graph(y)
    assert shown(g)["x"] == ["(0, 3)", "value empty", "grad: not computed"]
    assert g.record.nodes[-1].kind == "output"
    ET.fromstring(g.to_svg())


def test_what_has_no_graph():
    with pytest.raises(dls.DtypeError, match="float"):
        graph(3.0)
    with pytest.raises(dls.GraphError, match="requires_grad=True"):
        graph(dls.Tensor(1.0))
    x = scalar(1.0)
    with dls.no_grad():
        y = x * x
    with pytest.raises(dls.GraphError, match="no_grad"):
        graph(y)


def test_a_chain_longer_than_the_stack():
    x = scalar(1.0, "x")
    y = x
    for _ in range(5 * sys.getrecursionlimit()):
        y = y.tanh()
    y.backward()
    g = graph(y)
    assert len(g.record.nodes) == 5 * sys.getrecursionlimit() + 1
    with pytest.raises(dls.GraphError, match="boxes"):
        g.to_svg()
    assert len(g.table().splitlines()) == len(g.record.nodes) + 1


def test_on_the_strict_device():
    x = dls.Tensor(np.ones((3, 2), "float32"), requires_grad=True, device="strict", name="x")
    with dls.trace():
        loss = (x * 2.0).sum()
    loss.backward()
    g = graph(loss)
    assert shown(g)["x"] == ["(3, 2)", "value [[1 1] [1 1] [1 1]]", "grad [[2 2] [2 2] [2 2]]"]
    assert g.record.meta["device"] == "strict"


class Block(nn.Module):
    """x + tanh(linear(x)), its layer used as often as asked."""

    def __init__(self, width, times=1):
        super().__init__()
        self.linear, self.times = nn.Linear(width, width), times

    def forward(self, x):
        for _ in range(self.times):
            x = x + self.linear(x).tanh()
        return x


def test_perceptron_in_its_modules():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = dls.Tensor(np.ones((5, 4), "float32"), name="x")
    with dls.trace():
        loss = model(x).sum()
    loss.backward()
    g = graph(loss, model)
    names = {n.name: n for n in g.record.nodes if n.kind == "param"}
    assert set(names) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    for name, parameter in model.named_parameters():
        norm = names[name].gradient.values.norm
        assert norm == pytest.approx(np.linalg.norm(parameter.grad.numpy()), rel=1e-5)
    (top,) = {n.path[:1] for n in g.record.nodes if n.path}
    assert g.record.nodes[-1].path == ()  # the sum is outside
    inner = list(dict.fromkeys(n.path for n in g.record.nodes if len(n.path) == 2))
    assert len(inner) == 3
    assert names["0.weight"].path == inner[0] and names["2.bias"].path == inner[2]
    folded = g.picture(depth=0)
    assert [b.kind for b in folded.boxes] == ["input", "group", "loss"]
    assert folded.boxes[1].title == top[0]
    for engine in ("built-in", "auto"):
        ET.fromstring(g.to_svg(engine=engine))


def test_shared_and_nested_modules():
    model = nn.Sequential(Block(3, times=2), Block(3))
    x = dls.Tensor(np.ones((2, 3), "float32"), name="x")
    loss = model(x).sum()
    g = graph(loss, model)
    frames = g.picture().frames
    assert [len(path) for path in frames] == [1, 2, 3, 3, 2, 3]
    first, second = frames[2][-1], frames[3][-1]
    assert second == f"{first} (2)"
    shared = next(n for n in g.record.nodes if n.name == "0.linear.weight")
    assert shared.path == frames[1]  # beside both calls
    assert sum(n.name == "0.linear.weight" for n in g.record.nodes) == 1


def test_several_outputs() -> None:
    x = dls.Tensor(np.ones((2, 3), "float32"), requires_grad=True)
    h = x.relu()
    outputs = (h * 2.0, {"also": [h.exp(), (h.tanh(), None)]})
    nodes = dls.graph(outputs).record.nodes
    assert sorted(node.op.partition("(")[0] for node in nodes if node.kind == "output") == [
        "exp", "mul", "tanh"]
    assert sum(node.op == "relu" for node in nodes) == 1
    with pytest.raises(dls.DtypeError, match="not a int"):
        dls.graph((h, 3))


def test_what_was_left_out_is_not_drawn():
    x = dls.Tensor(np.ones((2, 3), "float32"), name="x")
    model = nn.Sequential(nn.Linear(3, 2, bias=False))
    loss = model(x).sum()
    loss.backward()
    inputs = [n for n in dls.graph(loss, model).record.nodes if n.kind == "input"]
    assert len(inputs) == 1


@pytest.mark.parametrize("make", [
    lambda y: dls.graph(y, dept=1), lambda y: dls.trace(dept=1),
    lambda y: dls.graph(y).to_dot(dept=1),
])
def test_wrong_options_are_answered_with_the_nearest(make):
    y = dls.Tensor(2.0, requires_grad=True) * 2.0
    with pytest.raises(dls.Error, match="did you mean depth"):
        make(y)


# --- names, and inputs without one ---------------------------------------------------------------


def small_step(names=None):
    model = nn.Linear(3, 2)
    places = names if names is not None else {}
    with dls.trace(names=names) as t:
        places["z"] = model(dls.ones(4, 3))
        F.cross_entropy(places["z"], dls.Tensor(np.array([0, 1, 0, 1]))).backward()
    return t


def test_names_are_read_when_the_block_ends():
    names = {}
    assert [n.name for n in small_step(names).record.nodes if n.op] == ["z", ""]
    with pytest.raises(dls.DtypeError, match="locals"):
        dls.trace(names="z")

    @dls.trace(names={"x": (x := dls.ones(2))})
    def twice():
        return x * 2

    twice()
    assert twice.trace.record.nodes[0].name == "x"


def test_inputs_without_a_name_are_called_by_their_purpose():
    t = small_step()
    titles = {box.title for box in t.picture().boxes}
    assert "labels of cross_entropy" in titles and "input" in titles
    assert "labels of cross_entropy  (input)" in t.table()


def test_why_an_input_is_not_known_is_said():
    model = nn.Linear(3, 2)
    loss = F.cross_entropy(model(dls.ones(4, 3)), dls.Tensor(np.array([0, 1, 0, 1])))
    loss.backward()
    found = " ".join(dls.graph(loss, model).picture().notes)
    assert "inputs without name and shape were not kept" in found
    assert "not kept" not in " ".join(small_step().picture().notes)


def test_attention_is_one_layer_and_a_network_is_none():
    class Net(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(1, "float32"))
            self.att = nn.MultiheadAttention(8, 2, batch_first=True)
            self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.last = nn.Linear(8, 2)

        def forward(self, x):
            return self.last(self.block(self.att(x, x, x)[0] * self.scale))

    with dls.trace() as t:
        Net()(dls.ones(2, 5, 8)).sum().backward()
    titles = [box.title for box in t.picture(depth="layers").boxes]
    assert titles.count("att: MultiheadAttention") == 1
    assert titles.count("self_attn: MultiheadAttention") == 1
    assert {"scale", "linear1: Linear 8 -> 16", "last: Linear 8 -> 2"} <= set(titles)
    assert not any("getitem" in title or "out_proj" in title for title in titles)


def test_what_a_checkpoint_runs_again_is_in_the_trace_too():
    """Nested, with dropout: gradients as without a trace, to the bit; the second run, too."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Dropout(0.5))
    x = dls.randn(4, 3)
    x.requires_grad_()

    def step():
        dls.manual_seed(1)
        x.grad = None
        net.zero_grad()
        inner = lambda h: dls.checkpoint(net, h)  # noqa: E731
        loss = dls.checkpoint(inner, x).sum()
        loss.backward()
        return [p.grad.numpy() for p in (x, *net.parameters())]

    want = step()
    with dls.trace() as t:
        found = step()
    assert all(np.array_equal(a, b) for a, b in zip(found, want, strict=True))
    nodes = t.record.nodes
    ran = [node for node in nodes if node.op == "tanh"]
    assert [node.gradient is not None and node.gradient.computed for node in ran] == [
        False, False, True]  # forward, again for the outer one, again for the inner one
    assert len({node.value for node in ran}) == 1
    weight = next(node for node in nodes if node.name.endswith("weight") and node.gradient)
    assert weight.gradient.values.sample == pytest.approx(want[1].ravel().tolist())
    assert len(weight.gradient.shares) == 1

    runs = []

    def fails_in_backward(h):
        runs.append(h)
        if len(runs) == 2:
            raise ZeroDivisionError("the second time")
        return net(h)

    with pytest.raises(ZeroDivisionError), dls.trace() as t:
        dls.checkpoint(fails_in_backward, x).sum().backward()
    assert t.record.meta["error"] == "ZeroDivisionError: the second time"
    last = t.record.nodes[-1]
    assert last.kind == "loss" and last.gradient.computed
