"""Course 2, week 3, hyperparameter search: random beats the grid, two processes share a study."""

import pytest


def test_fast_searches_in_every_way(run_lesson):
    figures = run_lesson("c2w3-hyperparameter-search", "--fast").figures
    best = figures["best"]
    assert best["random"] < best["grid"]
    assert figures["median"]["fine half"] < figures["median"]["coarse half"]
    study = figures["study"]
    both = study["by_worker"]["Ada"] + study["by_worker"]["Bob"]
    assert sorted(both) == list(range(study["trials"]))
    assert figures["broken"]["edge"] == {"rate": "high"}
    assert figures["broken"]["decades"]["rate, linear"]["-1"] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "3"])
def test_the_whole_run_finds_a_good_network(run_lesson, seed):
    figures = run_lesson("c2w3-hyperparameter-search", "--seed", seed).figures
    best = figures["best"]
    assert max(best["random"], best["coarse to fine"], best["Optuna, two processes"]) < 12
    assert best["grid"] > best["random"] + 0.5
    assert figures["test_error"] < 14
    assert max(figures["importance"], key=figures["importance"].get) == "rate"
    curse = figures["broken"]["curse"]
    gain_on_dev = curse["mean of all, small dev set"] - curse["the winner there"]
    assert gain_on_dev > curse["mean of all, test set"] - curse["the winner, test set"]
