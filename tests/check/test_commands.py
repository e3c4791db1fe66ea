"""tinygrad-dls gradcheck SCRIPT."""

import argparse
import sys
from pathlib import Path

import pytest

import tinygrad_dls as dls
from tinygrad_dls.check import commands

RIGHT = """
import tinygrad_dls as dls
x = dls.Tensor([[1.0, 2.0], [3.0, -4.0]], requires_grad=True)
loss = (x @ x).tanh().sum()
other = (x * 2).sum()
loss.backward()
"""
WRONG = """
import numpy as np
import tinygrad_dls as dls
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

class Tanh2(Op):
    def forward(self, x):
        return np.tanh(x)
    def backward(self, dy, y):
        return dy * (1 - y)

x = dls.Tensor([[1.0, 2.0]], requires_grad=True)
loss = function(Tanh2())(x * 3).sum()
del Op.registry["Tanh2"]
"""
MODEL = """
import helper_of_the_script
import tinygrad_dls as dls

class Model:
    def __init__(self):
        self.w = dls.Tensor([[1.0], [2.0]], requires_grad=True)
    def named_parameters(self):
        return [("w", self.w)]
    def __call__(self, x, times=2):
        return (x @ self.w) * times

model = Model()
"""


def run(folder: Path, text: str, *options: str) -> int:
    script = folder / "script.py"
    script.write_text(text)
    parser = argparse.ArgumentParser()
    commands.add_parser(parser.add_subparsers())
    args = parser.parse_args(["gradcheck", str(script), *options])
    code: int = args.run(args)
    return code


def test_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, arguments = sys.path.copy(), sys.argv
    assert run(tmp_path, RIGHT) == 0
    assert "gradient check: right" in capsys.readouterr().out
    assert run(tmp_path, RIGHT, "--name", "other") == 0
    assert sys.path == path and sys.argv is arguments


def test_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, WRONG) == 1
    out = capsys.readouterr().out
    assert "gradient check: WRONG" in out and "first wrong op: tanh2 (at script.py:14)" in out


def test_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "helper_of_the_script.py").touch()
    assert run(tmp_path, MODEL + "inputs = dls.Tensor([[3.0, 4.0]])") == 0
    out = capsys.readouterr().out
    assert "difference" in out and "\n  w  right" in out and "\n  x  right" in out
    assert run(tmp_path, MODEL + "inputs = (dls.Tensor([[3.0, 4.0]]), 3)") == 0


@pytest.mark.parametrize(("text", "options", "said"), [
    ("a = 1", (), "has no 'loss'"),
    (RIGHT, ("--name", "cost"), "has no 'cost'.*\nTensors it has: x, loss, other"),
    ("loss = 3.0", (), "'loss' in .* is a float"),
    (MODEL, (), "has a model but no `inputs`"),
    ("1 / 0", (), "failed: ZeroDivisionError"),
    ("def f(:", (), "failed: SyntaxError"),
    ("raise SystemExit(3)", (), r"left with sys.exit\(3\)"),
    ("import tinygrad_dls as dls\nloss = dls.ones(2)", (), "no graph"),
])
def test_what_cannot_be_checked_is_said(
    tmp_path: Path, text: str, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "helper_of_the_script.py").touch()
    with pytest.raises(dls.Error, match=f"(?s){said}"):
        run(tmp_path, text, *options)


def test_no_such_script() -> None:
    with pytest.raises(dls.DataError, match="there is no script"):
        commands.check_script("nowhere.py")
