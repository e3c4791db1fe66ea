"""The benchmark's parts: that it measures what it says. No timing is asserted."""

import json

import numpy as np
import pytest

from tinygrad_dls import cli
from tinygrad_dls.bench import ours
from tinygrad_dls.bench.cases import CASES, Perceptron
from tinygrad_dls.bench.commands import markdown
from tinygrad_dls.bench.run import run
from tinygrad_dls.bench.timing import interleave
from tinygrad_dls.errors import DataError


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
