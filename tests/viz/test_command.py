"""`tinygrad-dls graph`: scripts that run, that fail, or lack what is asked for."""

import json

import pytest

from tinygrad_dls.cli import main

SCRIPT = """
import tinygrad_dls as dls
from tinygrad_dls import nn
net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
x = dls.ones(4, 3)
loss = net(x).sum()
loss.backward()
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "own.py"

    def write(text=SCRIPT):
        path.write_text(text, "utf-8")
        return str(path)

    return write


def record(path):
    return json.loads(path.read_text("utf-8"))


def test_parameters_of_any_model_have_their_names(script, tmp_path):
    out = tmp_path / "g.json"
    assert main(["graph", script(), "--out", str(out)]) == 0
    assert {n["name"] for n in record(out)["nodes"]} >= {"x", "0.weight", "0.bias", "loss"}


def test_a_saved_graph_is_drawn_again(script, tmp_path, capsys):
    saved, page = tmp_path / "g.json", tmp_path / "g.html"
    main(["graph", script(), "--out", str(saved)])
    assert main(["graph", str(saved), "--out", str(page), "--step", "3", "--depth", "layers"]) == 0
    assert f"{page.as_uri()}#t=3" in capsys.readouterr().out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    operations = [node for node in record(saved)["nodes"] if node["op"]]
    back = sum(bool(node["bwd"] and node["bwd"]["computed"]) for node in operations)
    last = len(operations) + back
    for step, fits in ((last, True), (last + 1, False), (-1, False)):
        page.unlink(missing_ok=True)
        code = main(["graph", str(saved), "--out", str(page), f"--step={step}"])
        assert (code == 0) is page.exists() is fits
        said = capsys.readouterr().err
        assert fits or f"to {last}, of which {len(operations)} forward and {back} back" in said


def test_a_script_that_fails_leaves_its_graph(script, tmp_path, capsys):
    out = tmp_path / "g.json"
    assert main(["graph", script(SCRIPT.replace("loss = net(x)", "loss = net(x) @ net(x)")),
                 "--out", str(out)]) == 1
    nodes = record(out)["nodes"]
    assert "matmul" in nodes[-1]["failed"]
    assert "cannot take these shapes" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, says", [
    (["--out", "g.pdf"], ".html"), (["--out", "g.svg", "--name", "los"], "Did you mean loss"),
    (["--out", "none/g.svg"], "folder"), (["--out", "g.svg", "--depth", "deep"], "layers"),
])
def test_what_cannot_be_is_said_before_the_script_runs(script, tmp_path, capsys, monkeypatch,
                                                       arguments, says):
    monkeypatch.chdir(tmp_path)
    assert main(["graph", script(SCRIPT + "print('it ran')\n"), *arguments]) != 0
    heard = capsys.readouterr()
    assert says in heard.err and "it ran" not in heard.out


@pytest.mark.parametrize("text", ["from os import *\n", "exec('y = 1')\n"])
def test_names_that_only_running_tells(script, tmp_path, capsys, text):
    assert main(["graph", script(SCRIPT + text), "--out", str(tmp_path / "g.txt"),
                 "--name", "nobody"]) != 0
    assert "has no 'nobody'" in capsys.readouterr().err
