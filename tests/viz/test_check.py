"""Checks of backward rules in a graph: in its record, its pictures and its page."""

import json
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.cli import main
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op
from tinygrad_dls.viz.flags import flags

before = set(Op.registry)


class WrongTanh(Op):
    """y = tanh(x)    dL/dx = dL/dy"""

    def forward(self, x):
        return np.tanh(x)

    def backward(self, dy):
        return dy


for name in set(Op.registry) - before:  # it proves nothing about the package
    del Op.registry[name]

WRONG = """
import numpy as np
import tinygrad_dls as dls
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

class WrongTanh(Op):
    def forward(self, x):
        return np.tanh(x)
    def backward(self, dy):
        return dy

del Op.registry["WrongTanh"]
x = dls.Tensor([[1.0, 2.0]], requires_grad=True)
loss = function(WrongTanh())(x * 3).sum()
loss.backward()
"""


class Wrong(nn.Module):
    def forward(self, x):
        return function(WrongTanh())(x)


def network():
    return nn.Sequential(nn.Linear(3, 4), Wrong(), nn.Linear(4, 1))


def traced(backward=True):
    model = network()
    with dls.trace() as t:
        loss = model(dls.Tensor(np.arange(6.0).reshape(2, 3).astype("float32"))).sum()
        if backward:
            loss.backward()
    return t, loss


@pytest.mark.parametrize("backward", [True, False])
def test_a_trace_keeps_the_verdict_of_each_operation(backward):
    t, loss = traced(backward)
    report = t.check()
    assert not report.ok and report.first.name == "wrong_tanh"
    found = {node.op: node.check for node in t.record.nodes if node.op}
    wrong = found.pop("wrong_tanh")
    assert wrong == "dL/dx is wrong: analytic = dy: the derivative of the op itself is forgotten"
    assert set(found.values()) == {"ok"}
    assert f"wrong_tanh: gradient check: {wrong}" in [flag.text for flag in flags(t.record)]
    if not backward:  # the verdicts stay when gradients come
        loss.backward()
        assert wrong in [node.check for node in t.record.nodes] and t.record.backward_ran


def test_pictures_and_files_say_it_with_a_sign_and_in_words():
    t, _loss = traced()
    t.check()
    sign = "! gradient check: dL/dx is wrong"
    assert sign in t.to_dot() and sign in t.to_svg(engine="built-in")
    assert "! gradient check failed" in t.table() and "dL/dx is wrong: analytic = dy" in t.table()
    assert "! 1 gradient check failed inside" in t.to_dot(depth=1)
    assert "gradient check: dL/dx is wrong" in t.to_html()
    again = dls.Graph.from_json(t.to_json())
    assert [node.check for node in again.record.nodes] == [n.check for n in t.record.nodes]
    with pytest.raises(dls.GraphError, match="nothing to check"):
        again.check()


def test_a_right_graph_is_ok_and_says_nothing():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with dls.trace():
        loss = (model(dls.randn(5, 3)) ** 2.0).mean()
    drawn = dls.graph(loss, model)
    assert drawn.check()
    assert {node.check for node in drawn.record.nodes if node.op} == {"ok"}
    assert "gradient check" not in drawn.to_dot()


def test_a_graph_without_values_is_refused():
    loss = (network()(dls.randn(2, 3))).sum()
    with pytest.raises(dls.GraphError, match="trace"):
        dls.graph(loss).check()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    script, out = tmp_path / "script.py", tmp_path / "g.json"
    script.write_text(WRONG)
    assert main(["graph", str(script), "--check", "--out", str(out)]) == 1
    assert "first wrong op: wrong_tanh" in capsys.readouterr().out
    checks = {node["op"]: node["check"] for node in json.loads(out.read_text())["nodes"]}
    assert "derivative" in checks["wrong_tanh"] and checks["sum"] == "ok"
    script.write_text(WRONG.replace("return dy", "return dy * (1 - np.tanh(1) ** 2)", 0).replace(
        "function(WrongTanh())(x * 3)", "(x * 3).tanh()"))
    assert main(["graph", str(script), "--check", "--out", str(out)]) == 0
    assert main(["graph", str(out), "--check", "--out", str(tmp_path / "h.svg")]) == 2
    report = tmp_path / "report.json"
    assert main(["gradcheck", str(script), "--json", str(report)]) == 0
    assert json.loads(report.read_text())["ok"] is True
