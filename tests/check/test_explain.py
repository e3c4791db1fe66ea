"""explain: the chain rule of one gradient, its norms held against backward() and by hand."""

import json
import math

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn
from tinygrad_dls.check import derivatives
from tinygrad_dls.check.repeats import Run, runs
from tinygrad_dls.errors import DtypeError, GraphError
from tinygrad_dls.ops.op import Op


def _network(seed=0):
    dls.manual_seed(seed)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    rng = np.random.default_rng(seed)
    x = dls.tensor(rng.standard_normal((6, 5)).astype("float32"), name="X")
    return model, x, dls.tensor(np.arange(6) % 3)


def _norm(tensor):
    return float(np.linalg.norm(tensor.numpy()))


def test_each_step_has_formula_shape_place_and_norm():
    model, x, labels = _network()
    with dls.trace():
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
    found = dls.explain(loss, model[0].weight, model)
    assert [step.op for step in found.steps] == ["cross_entropy", "linear", "tanh", "linear"]
    assert [step.shares[0].text for step in found.steps] == [
        "dL/dloss * (softmax(v3) - onehot(label))", "dL/dv3 @ 2.weight",
        "dL/dv2 * (1 - v2**2)", "dL/dv1.T @ X",
    ]
    assert [step.shares[0].shape for step in found.steps] == [(6, 3), (6, 4), (6, 4), (4, 5)]
    assert all(step.source.startswith("test_explain.py:") for step in found.steps)
    assert found.steps[3].path[-1] == "0: Linear 5 -> 4"
    assert found.paths == 1 and found.totals == ()
    assert math.isclose(found.norm, _norm(model[0].weight.grad), rel_tol=1e-5)
    text = str(found)
    assert "dL/d0.weight (4, 5), norm" in text and "dL/dv1 = dL/dv2 * (1 - v2**2)" in text


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "2.weight", "2.bias"])
def test_norms_before_backward_are_those_that_it_gives(name):
    model, x, labels = _network(1)
    parameter = dict(model.named_parameters())[name]
    loss = F.cross_entropy(model(x), labels)
    found = dls.explain(loss, parameter)
    assert parameter.grad is None  # nothing of the user's is changed
    loss.backward()  # and the graph is still there
    assert math.isclose(found.norm, _norm(parameter.grad), rel_tol=1e-5)
    after = dls.explain(loss, parameter)
    assert after.norm is None and [s.op for s in after.steps] == [s.op for s in found.steps]
    assert "backward() has freed the values" in after.notes[0]


def test_paths_are_counted_and_their_shares_summed():
    w = dls.tensor([2.0, 3.0], requires_grad=True, dtype="float64")
    with dls.trace():
        a = w * w           # two ways to w
        loss = (a * a + a).sum()  # three ways to a
        loss.backward()
    found = dls.explain(loss, w, {"w": w, "a": a})
    assert found.paths == 6
    sums = {total.of: total for total in found.totals}
    assert sorted(len(total.steps) for total in sums.values()) == [2, 3]
    # d(a^2 + a)/da = a + a + 1 with a = w^2; d/dw = (2 a + 1) 2 w
    a_, w_ = np.array([4.0, 9.0]), np.array([2.0, 3.0])
    assert math.isclose(sums["a"].norm, np.linalg.norm(2 * a_ + 1))
    assert math.isclose(sums["w"].norm, np.linalg.norm((2 * a_ + 1) * 2 * w_))
    assert math.isclose(found.norm, _norm(w.grad))
    half = np.linalg.norm((2 * a_ + 1) * w_)
    assert np.allclose(sums["w"].norms, [half, half])
    assert "the sum of 2 shares" in str(found)


def test_broadcasting_is_undone_in_a_line_of_its_own():
    b = dls.tensor(np.ones(3), requires_grad=True)
    for traced in (True, False):
        x = dls.tensor(np.ones((4, 3)))
        if traced:
            with dls.trace():
                loss = (x * b).sum()
                loss.backward()
        else:
            loss = (x * b).sum()
        found = dls.explain(loss, b, {"b": b})
        assert found.steps[-1].shares[0].summed == "sum over axis 0: (4, 3) -> (3,)"
        assert "\n      sum over axis 0: (4, 3) -> (3,)\n" in str(found)


def test_steps_of_time_are_rolled_up():
    w = dls.tensor(np.eye(3) * 0.5, requires_grad=True)
    h = dls.ones((2, 3), dtype="float64")
    for _ in range(30):
        h = (h @ w).tanh()
    found = dls.explain(h.mean(), w, {"w": w})
    assert found.paths == 30 and len(found.steps) == 61
    text = str(found)
    assert "the 2 steps above: x 29" in text and len(text.splitlines()) < 40
    assert r"\times 29" in found.latex()
    assert len(json.loads(found.to_json())["steps"]) == 61
    assert "x 29" not in str(dls.explain(h.mean(), w, longest=100))


def test_many_paths_are_a_power_and_no_walk():
    w = dls.tensor(np.ones(2), requires_grad=True)
    y = w
    for _ in range(200):
        y = y + y
    found = dls.explain(y.sum(), w)
    assert found.paths == 2**200 and "about 10^60 paths" in str(found)
    assert json.loads(found.to_json())["paths"] == str(2**200)


def test_gradients_of_values_in_between_are_explained():
    model, x, labels = _network()
    hidden = model[0](x)
    loss = F.cross_entropy(model[2](hidden.tanh()), labels)
    found = dls.explain(loss, hidden, {"hidden": hidden})
    assert found.parameter == "hidden" and found.steps[-1].op == "tanh"
    assert dls.explain(loss, loss).steps == ()


def test_latex_and_html_are_for_notebooks():
    model, x, labels = _network()
    loss = F.cross_entropy(model(x), labels)
    found = dls.explain(loss, model[0].weight, {"W_1": model[0].weight})
    assert r"\frac{\partial L}{\partial v_{1}} &= \frac{\partial L}{\partial v_{2}} \cdot " \
        r"\left(1 - v_{2}^{2}\right)" in found.latex()
    assert r"\partial W_{1}} &= \frac{\partial L}{\partial v_{1}}^{T} \, x" in found.latex()
    assert found._repr_latex_().startswith("$$\n\\begin{aligned}")
    hostile = dls.explain(loss, model[0].weight, {"</pre><script>": model[0].weight})
    assert "<script>" not in hostile._repr_html_()


def test_shares_of_a_second_backward_are_not_counted_twice():
    w = dls.tensor([2.0], requires_grad=True)
    with dls.trace():
        loss = (w * w).sum()
        loss.backward(retain_graph=True)
        loss.backward()
    found = dls.explain(loss, w, {"w": w})
    assert math.isclose(found.norm, 4.0) and math.isclose(_norm(w.grad), 8.0)
    assert any("more than once" in note for note in found.notes)
    assert any("w.grad has norm 8" in note for note in found.notes)


def test_what_has_no_gradient_is_an_error_that_helps():
    model, x, labels = _network()
    loss = F.cross_entropy(model(x), labels)
    other = dls.tensor([1.0], requires_grad=True, name="other")
    with pytest.raises(GraphError, match=r"does not depend on other.*It depends on"):
        dls.explain(loss, other, model)
    with pytest.raises(GraphError, match="no graph"):
        dls.explain(loss.detach(), model[0].weight)
    with pytest.raises(GraphError, match="does not require grad"):
        dls.explain(loss, x)
    with pytest.raises(DtypeError, match="float"):
        dls.explain(1.0, model[0].weight)
    with pytest.raises(DtypeError, match="names are not looked up"):
        dls.explain(loss, "0.weight")


def test_values_overwritten_since_are_said():
    model, x, labels = _network()
    loss = F.cross_entropy(model(x), labels)
    with dls.no_grad():
        model[2].weight.copy_(model[2].weight * 2)
    found = dls.explain(loss, model[0].weight, model)
    assert found.norm is None and "overwritten" in found.notes[0]


def test_other_layers_have_rules_too():
    dls.manual_seed(0)
    x = dls.tensor(np.random.default_rng(0).standard_normal((4, 3, 6, 6)).astype("float32"))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(16, 2))
    loss = F.cross_entropy(model(x), dls.tensor(np.array([0, 1, 0, 1])))
    found = dls.explain(loss, model[0].weight, model)
    assert all(share.rule for step in found.steps for share in step.shares)
    loss.backward()
    assert math.isclose(found.norm, _norm(model[0].weight.grad), rel_tol=1e-4)


def test_operations_declare_their_derivatives_where_explain_finds_them():
    """All but a few whose rule is another operation's: those say so in words."""
    silent = set()
    for op in Op.registry.values():
        if op.differentiable and op.__module__.startswith("tinygrad_dls."):
            first = op.inputs[0].lstrip("*")
            if not derivatives.derivative(op, first):
                silent.add(op.__name__)
    assert silent <= {"Applied", "Checkpoint", "LstmProjected"}
    assert derivatives.derivative(Op.registry["SquaredError"], "b") == "-dL/da"
    assert derivatives.derivative(Op.registry["LayerNorm"], "x").startswith("(g - mean(g)")


def test_runs_roll_up_what_saves_most():
    assert runs("abcabcabcx") == [Run(0, 3, 3), Run(9, 1, 1)]
    assert runs("aaaa") == [Run(0, 1, 4)]
    assert runs("abab") == [Run(i, 1, 1) for i in range(4)]
    for items in ("xyzxyzxyzxyzq", "aabaabaab", ""):
        found = runs(items)
        assert "".join(items[r.start : r.start + r.length] * r.times for r in found) == items
