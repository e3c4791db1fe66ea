"""Course 3, week 1, goals and metrics: figures of models trained on real records."""

import pytest


@pytest.mark.parametrize("options", [
    ("--fast",), pytest.param(("--seed", "2"), marks=pytest.mark.slow)])
def test_expensive_misses_raise_recall_and_choices_keep_their_limits(run_lesson, options):
    run = run_lesson("c3w1-goals-and-metrics", *options)
    figures = run.figures
    dev = figures["dev"]
    assert dev["a miss costs 10"]["recall"] >= dev["even"]["recall"] - 0.04
    assert dev["a miss costs 10"]["precision"] <= dev["even"]["precision"] + 0.02
    assert dev["call nobody ill"]["recall"] == 0 < dev["call everybody ill"]["precision"]
    assert figures["test_accuracy"] > 90
    assert int(figures["picked"]["cost, at most 8"]) <= 8
    assert figures["dev_size"]["50"] > 0.2 > figures["dev_size"]["5000"]
    assert figures["broken"]["verdicts"]["nobody"].startswith("NOT better")
    tuned = figures["broken"]["tuned_on_test"]
    assert tuned["promised"] <= tuned["honest"]
    assert "is 1/m missing?" in run.said
