"""Course 2, week 3, softmax: the hands told apart, runs that are stuck, mistakes by name."""

import math

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("data", ["built-in", "course"])
def test_the_figures(run_lesson, data, request):
    if data == "course":
        request.getfixturevalue("course")
    run = run_lesson("c2w3-softmax-classifier", "--data", data)
    figures = run.figures
    assert run.result["data"] == data
    assert run.result["seed"] == 11 and figures["epochs"] == 500
    if data == "course":  # 12288-25-12-6, Adam 0.0001, batches of 32
        assert figures["test_accuracy"] >= 70 and figures["train_accuracy"] >= 85
        assert figures["centered"]["test_accuracy"] >= 78
        assert 2 <= len(figures["stuck"]) <= 6
    else:
        assert figures["test_accuracy"] >= 93
    classes = 6 if data == "course" else 10
    for seed in map(str, figures["stuck"]):
        assert figures["seeds"][seed]["cost"] == pytest.approx(math.log(classes), abs=0.05)
        assert figures["seeds"][seed]["different"] == 0
    assert figures["pushes"]["raw"]["push"] > 5 * figures["pushes"]["centered"]["push"]
    for picture in ("idea", "pushes", "costs", "confusion"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast_finds_the_stuck_runs_and_names_what_is_planted(run_lesson):
    run = run_lesson("c2w3-softmax-classifier", "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["hand"]["costs"]["0"] == pytest.approx(math.log(10), abs=0.6)
    assert figures["stuck"]
    for seed in figures["stuck"][:1]:
        verdict = " ".join(figures["examples"][str(seed)]["verdict"])
        assert "nothing passes" in verdict and "exactly 0" in verdict
        assert figures["examples"][str(seed)]["gradients"][0] == 0
    broken = figures["broken"]
    assert "overflow" in broken["overflow"][0] and "wrong axis" in broken["wrong axis"][0]
    assert broken["right"] == []
    twice = broken["softmax twice"]
    assert twice["floor"] == pytest.approx(math.log(1 + 9 / math.e))
    assert min(twice["costs"]) > twice["floor"] and "probabilities" in twice["verdict"][0]
    assert "is 1/m missing?" in broken["no 1/m"]["verdict"]
    assert set(broken["no slope"]["wrong"]) == {"dW1", "db1", "dW2", "db2"}
