"""tinygrad-dls lint, explain and autopsy of a SCRIPT."""

import argparse
import json

import pytest

from tinygrad_dls.check import step_commands
from tinygrad_dls.errors import DataError

HEAD = """
import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import nn, optim
from tinygrad_dls.nn import functional as F
dls.manual_seed(0)
rng = np.random.default_rng(0)
X, Y = dls.tensor(rng.standard_normal((64, 8)).astype("float32")), dls.tensor(np.arange(64) % 3)
"""
NET = HEAD + """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(X), Y)
    loss.backward()
    optimizer.step()
"""
TWICE = NET.replace("nn.Linear(16, 3))", "nn.Linear(16, 3), nn.Softmax(-1))")
DIVERGES = HEAD + """
model = nn.Linear(8, 1)
optimizer = optim.SGD(model.parameters(), lr=50.0)
for step in range(200):
    optimizer.zero_grad()
    loss = ((model(X) - Y.reshape(-1, 1)) ** 2).mean()
    loss.backward()
    optimizer.step()
"""
LOG_OF_0 = HEAD + """
w = dls.tensor([0.0, 1.0], requires_grad=True)
loss = (w * dls.log(w)).sum()
"""


def _run(folder, command, text, *options):
    script = folder / "script.py"
    script.write_text(text)
    parser = argparse.ArgumentParser()
    step_commands.add_parser(parser.add_subparsers())
    out = folder / "out.json"
    args = parser.parse_args([command, str(script), "--json", str(out), *options])
    code = args.run(args)
    return code, json.loads(out.read_text())


def _line(text, code):
    return next(i for i, line in enumerate(text.splitlines(), 1) if code in line)


def test_lint(tmp_path, capsys):
    code, found = _run(tmp_path, "lint", NET)
    assert code == 0 and found["ok"] and found["findings"] == []
    assert set(found["ratios"]) == {"0.weight", "2.weight"}
    code, found = _run(tmp_path, "lint", TWICE)
    assert code == 1 and [f["kind"] for f in found["findings"]] == ["softmax twice"]
    place = f"script.py:{_line(TWICE, 'loss =')}  Sequential / 3: Softmax"
    assert place in capsys.readouterr().out


def test_explain(tmp_path, capsys):
    code, found = _run(tmp_path, "explain", NET, "--name", "0.weight")
    assert code == 0 and found["steps"][0]["op"] == "cross_entropy"
    assert found["steps"][-1]["source"] == f"script.py:{_line(NET, 'loss =')}"
    assert "dL/d0.weight" in capsys.readouterr().out
    code, found = _run(tmp_path, "explain", NET, "--name", "model.2.bias")
    assert found["parameter"] == "2.bias"
    with pytest.raises(DataError, match=r"no tensor or parameter 'W1'.*0\.weight"):
        _run(tmp_path, "explain", NET, "--name", "W1")


def test_autopsy(tmp_path, capsys):
    assert _run(tmp_path, "autopsy", NET)[0] == 0
    assert "all finite, forward and backward, in the script" in capsys.readouterr().out
    code, found = _run(tmp_path, "autopsy", DIVERGES)
    assert code == 1 and "exploding learning rate" in found["cause"]
    code, found = _run(tmp_path, "autopsy", LOG_OF_0)
    assert code == 1 and (found["op"], found["element"]) == ("log", [0])
    assert found["line"] == "loss = (w * dls.log(w)).sum()"
    assert found["source"] == f"script.py:{_line(LOG_OF_0, 'loss =')}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # one of them takes the log of 0
def test_scripts_without_what_is_needed(tmp_path):
    with pytest.raises(DataError, match="no model"):
        _run(tmp_path, "lint", LOG_OF_0)
    with pytest.raises(DataError, match="nothing the name 'cost'"):
        _run(tmp_path, "lint", NET, "--name", "cost")
    with pytest.raises(DataError, match="no script"):
        step_commands.autopsy_of_script(str(tmp_path / "missing.py"))
