"""The benchmark's parts: that it measures what it says. No timing is asserted."""

import json
import sys

import numpy as np
import pytest

from tinygrad_dls import cli
from tinygrad_dls.bench import ours
from tinygrad_dls.bench.cases import CASES, Perceptron
from tinygrad_dls.bench.commands import draw, markdown
from tinygrad_dls.bench.run import run
from tinygrad_dls.bench.timing import interleave
from tinygrad_dls.errors import DataError
from tinygrad_dls.kernels.table import wants_compiled


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if isinstance(c, Perceptron)])
def test_our_step_is_the_step_of_bare_numpy(name):
    mine, bare = ours.build(CASES[name]), ours.reference(CASES[name])
    found = [(mine(), bare()) for _ in range(4)]
    np.testing.assert_allclose(*zip(*found), rtol=1e-5)
    assert found[-1][0] < found[0][0]


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_our_step_is_pytorchs(name):
    pytest.importorskip("torch")
    from tinygrad_dls.bench.peers import torch_eager

    mine, theirs = ours.build(CASES[name]), torch_eager(CASES[name])
    np.testing.assert_allclose(*zip(*[(mine(), theirs()) for _ in range(4)]), rtol=1e-4)


def test_interleave_runs_every_step_and_takes_medians():
    calls = {"a": 0, "b": 0}

    def step(name):
        calls[name] += 1

    times = interleave({n: lambda n=n: step(n) for n in calls}, rounds=2, seconds=0.01)
    assert set(times) == {"a", "b"}
    assert all(count > 5 for count in calls.values())
    assert all(0 < t < 1000 for t in times.values())


def test_the_figures_of_a_run_are_plain_numbers_and_make_a_table():
    found = run(["b"], peers=[], extras=False)
    case = json.loads(json.dumps(found))["cases"]["b"]
    assert case["ours_ms"] > 0
    assert case["peers"] == {} and case["ratio"] is None
    assert case["loss_difference"]["numpy"] < 1e-5
    assert "| b planar 2-4-1" in markdown(found)


def test_unknown_names_are_told_apart():
    with pytest.raises(DataError, match="no case is called z"):
        run(["z"], peers=[])
    with pytest.raises(DataError, match="no peer is called caffe"):
        run(["b"], peers=["caffe"])


def test_the_command_checks_its_files_before_it_measures(tmp_path, capsys):
    code = cli.main(["benchmark", "--json", str(tmp_path / "no" / "x.json")])
    assert code == 1
    assert "make it first" in capsys.readouterr().err


@pytest.mark.parametrize("captured", [False, True])
def test_a_profile_accounts_for_the_step(captured):
    from tinygrad_dls.bench import profile

    plain, lines = profile.profile("c2", captured, steps=5)
    named = {line.name: line for line in lines}
    assert plain > 0 and all(line.ms >= 0 for line in lines)
    assert [line.ms for line in lines] == sorted((line.ms for line in lines), reverse=True)
    assert sum(line.ms for line in lines) > 0.2 * plain
    if wants_compiled():
        if sys.version_info < (3, 12):
            loops = named["kernels/cpu/adams: adam_step"]
            assert loops.kind == "kernel" and loops.calls == 6  # weights, biases of three layers
        elif not captured:
            assert named["kernels"].kind == "kernel" and named["kernels"].calls > 6
    table = profile.text("c2", plain, lines, count=3)
    assert "others" in table and "kernel " in table.splitlines()[-1]


def test_products_and_convolutions_are_measured(monkeypatch):
    from tinygrad_dls.bench import products

    monkeypatch.setattr(products, "MATRICES", ((8, 5, 6),))
    monkeypatch.setattr(products, "IMAGES", ((2, 8, 3, 4, 3, 2),))
    rows = products.measure()
    assert [name.rpartition(": ")[2] for name, _ in rows[1:]] == ["forward", "dx", "dW"]
    assert all(value > 0 for _, figures in rows for value in figures.values())
    assert "| (8, 6) @ (6, 5) |" in products.text(rows)


def test_the_picture_of_ratios(tmp_path):
    pytest.importorskip("matplotlib")
    machine = {"processor": "x", "cores": 2}
    case = {"title": "a case", "ratio": 0.5, "captured_ratio": 0.25}
    draw({"machine": machine, "cases": {"b": case, "j": case}}, tmp_path / "r.png")
    assert (tmp_path / "r.png").stat().st_size > 5000
    with pytest.raises(DataError, match="needs PyTorch"):
        draw({"machine": machine, "cases": {"b": case | {"ratio": None}}}, tmp_path / "n.png")
    assert not (tmp_path / "n.png").exists()


def test_profile_of_an_unknown_case(capsys):
    assert cli.main(["benchmark", "--profile", "z"]) != 0
    assert "no case is called z" in capsys.readouterr().err


@pytest.mark.torch
@pytest.mark.slow
def test_pytorch_compiled_takes_the_same_steps():
    pytest.importorskip("torch")
    from tinygrad_dls.bench.peers import installed, torch_compile

    if "torch_compile" not in installed():
        pytest.skip("no C++ compiler")
    mine, theirs = ours.build(CASES["c2"]), torch_compile(CASES["c2"])
    np.testing.assert_allclose(*zip(*[(mine(), theirs()) for _ in range(3)]), rtol=1e-4)
