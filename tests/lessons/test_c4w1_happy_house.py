"""Course 4, week 1, the happy house: five splits, both counts, mistakes found."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["parameters"] == {"trained": 37569, "keras": 37633}
    broken = figures["broken"]
    assert broken["sums"]["right"] < 1e-12 < 0.1 < broken["sums"]["constants"]
    assert broken["modes"]["eval"] < 1e-4 < broken["modes"]["train"]
    assert broken["idle"] < 1e-12
    slow = broken["slow"]
    assert slow["Keras, .01"]["in evaluation"] > slow["PyTorch, .1"]["in evaluation"]
    for picture in ("idea", "hardest", "training"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    check_figures(run_lesson("c4w1-happy-house", "--fast", "--data", "built-in"))


@pytest.mark.slow
@pytest.mark.parametrize("data", ["built-in", "course"])
def test_full(run_lesson, data, request):
    if data == "course":
        request.getfixturevalue("course")
    run = run_lesson("c4w1-happy-house", "--data", data)
    check_figures(run)
    figures = run.figures
    assert run.result["data"] == data and len(figures["splits"]) == 5
    assert figures["train_accuracy"] > 95 and figures["test_accuracy"] > 80
