"""Peaks of memory against sizes that are known."""

import json

import numpy as np
import pytest

from tinygrad_dls import cli
from tinygrad_dls.bench import memory
from tinygrad_dls.bench.cases import CASES
from tinygrad_dls.bench.memory import Side
from tinygrad_dls.errors import DataError

N = 2_000_000  # numbers of float32: 8 MB


def _side(kept):
    def prepare():
        kept.append(np.ones(N // 2, "f"))
        return step

    def step():
        arrays = [np.ones(N, "f") for _ in range(3)]  # 24 MB at once
        return len(arrays)

    return Side(lambda: None, lambda: None, prepare)


def test_arrays_are_counted_to_the_byte_with_what_the_step_holds():
    assert memory._traced(_side([])) == pytest.approx(28, abs=0.05)


def test_pages_are_those_of_the_arrays():
    found = memory._pages(_side([]), repeats=2)
    if found is None:
        pytest.skip("only Linux with glibc counts pages so")
    assert 26 < found < 32


def test_a_step_takes_what_its_activations_take():
    """LeNet-5: what backward reads of the convolutions, and the gradients, at least."""
    activations = 4 * 64 * (6 * 28 * 28 + 6 * 14 * 14 + 16 * 10 * 10 + 400) / 1e6
    gradients = 4 * (6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85) / 1e6
    found = memory._ask("d2", "eager")
    assert activations < found["arrays"] < 4 * (activations + gradients)
    assert found["pages"] is None or activations < found["pages"] < 5 * (activations + gradients)


@pytest.mark.torch
def test_pytorch_takes_at_least_its_activations_too():
    pytest.importorskip("torch")
    activations = 4 * 64 * (6 * 28 * 28 + 6 * 14 * 14 + 16 * 10 * 10 + 400) / 1e6
    assert activations < memory._ask("d2", "torch")["arrays"] < 5 * activations


def test_ratios_and_the_table(monkeypatch):
    gradients = sum(a.nbytes for a in CASES["c2"].state().values()) / 1e6
    known = {"eager": gradients + 2, "captured": gradients + 1, "torch": gradients + 3}
    monkeypatch.setattr(
        memory, "_ask", lambda case, kind: {"arrays": known[kind], "pages": None})
    found = json.loads(json.dumps(memory.measure(["c2"], torch=True)))
    assert found["c2"]["intermediates_ratio"] == pytest.approx(0.5)
    assert found["c2"]["ratio"] == pytest.approx((gradients + 2) / (gradients + 3))
    assert "| c2 MLP 784-128-64-10" in memory.text(found)
    alone = memory.measure(["c2"])
    assert alone["c2"]["ratio"] is None
    assert memory.text(alone).rstrip().endswith("| 0.5 | - | - | - |")


def test_wrong_input_is_named(capsys, tmp_path):
    assert cli.main(["benchmark", "--memory", "--cases", "c2,z"]) != 0
    assert "no case is called z" in capsys.readouterr().err
    assert cli.main(["benchmark", "--memory", "--picture", str(tmp_path / "x.png")]) != 0
    assert "--picture draws the ratios of the whole benchmark" in capsys.readouterr().err
    with pytest.raises(DataError, match="memory of z, eager failed: KeyError: 'z'"):
        memory._ask("z", "eager")


def test_the_figures_are_written(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(memory, "_ask", lambda case, kind: {"arrays": 1.0, "pages": 2.0})
    files = tmp_path / "m.json", tmp_path / "m.md"
    command = ["benchmark", "--memory", "--cases", "b", "--json", str(files[0])]
    assert cli.main([*command, "--markdown", str(files[1])]) == 0
    assert json.loads(files[0].read_text("utf-8"))["memory"]["b"]["pages"]["captured"] == 2.0
    said = capsys.readouterr()
    assert files[1].read_text("utf-8") in said.out
    assert "measuring memory of b" in said.err
