"""Course 2, week 1, train / dev / test: the four cases, the recipe, normalized inputs."""

import pytest


@pytest.mark.slow
def test_the_four_cases_and_the_recipe(run_lesson):
    run = run_lesson("c2w1-train-dev-test")
    figures = run.figures
    cases = figures["cases"]
    assert cases["high bias"]["bias"] > 5 > abs(cases["high bias"]["variance"])
    assert cases["high variance"]["bias"] < 1 < 5 < cases["high variance"]["variance"]
    assert cases["both"]["bias"] > 5 and cases["both"]["variance"] > 5
    assert cases["just right"]["do"] == "done" and cases["just right"]["dev_accuracy"] > 93
    assert figures["recipe"][0]["do"] == "bias" and figures["recipe"][-1]["do"] == "done"
    assert figures["recipe"][-1]["dev_error"] < 8
    assert figures["depth"]["dev_error"]["sigmoid"][-1] > 30
    assert figures["depth"]["dev_error"]["ReLU, He"][-1] < 9
    assert figures["leak"]["dev_error"] + 4 < figures["leak"]["true_error"]
    for picture in ("four_cases", "recipe_and_sizes", "normalizing", "depth"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast_measures_and_names_what_is_planted(run_lesson):
    run = run_lesson("c2w1-train-dev-test", "--fast")
    figures = run.figures
    assert figures["normalizing"]["normalized"]["steps"] < 10
    assert figures["normalizing"]["raw"]["steps"] > 10_000
    assert figures["chain"]["1.5"][-1] == pytest.approx(1.5**49)
    assert figures["gradient_ratio"]["sigmoid, Xavier"][-1] < 1e-20
    assert 0.1 < figures["gradient_ratio"]["ReLU, He"][-1] < 10
    for spread in figures["dev_set_spread"].values():
        assert spread["measured"] == pytest.approx(spread["formula"], rel=0.1)
    assert figures["choosing"]["20"]["test_error"] > figures["choosing"]["20"]["dev_error"] + 2
    assert "shuffle before splitting" in figures["broken"]["not shuffled"][0]
    assert "leaked" in figures["broken"]["leaked"][0]
    assert "is 1/m missing?" in run.said and "keepdims=True?" in run.said
