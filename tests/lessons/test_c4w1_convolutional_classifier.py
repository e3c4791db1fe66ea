"""Course 4, week 1, hand signs: by hand and by layers alike, the course's figures, the seed."""

import math

import pytest


def check_figures(run, classes):
    figures = run.figures
    assert figures["broken"]["without_relu"] == ["dW2", "db1", "db2"]
    assert figures["broken"]["floor"] == pytest.approx(math.log(1 + (classes - 1) / math.e))
    assert figures["broken"]["channels_alike"]["reshape"] < 0.9
    assert sum(figures["broken"]["open"]) == 0
    shifts = list(figures["shifts"].values())
    assert shifts[0] > shifts[-1] + 20
    for picture in ("idea", "looked", "training"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    run = run_lesson("c4w1-convolutional-classifier", "--fast", "--data", "built-in")
    check_figures(run, 10)
    assert run.figures["test_accuracy"] > 60


@pytest.mark.slow
def test_full_on_what_is_built_in(run_lesson):
    run = run_lesson("c4w1-convolutional-classifier", "--data", "built-in")
    check_figures(run, 10)
    assert run.figures["test_accuracy"] > 95


@pytest.mark.slow
def test_full_on_the_course_files(run_lesson, course):
    run = run_lesson("c4w1-convolutional-classifier", "--data", "course")
    check_figures(run, 6)
    figures = run.figures
    assert figures["parameters"] == 1310 and figures["epochs"] == 100
    assert figures["train_accuracy"] >= 94 and figures["test_accuracy"] >= 78
    assert figures["centered"]["train_accuracy"] >= 98
    assert figures["centered"]["test_accuracy"] >= 85
    raw = [seed["raw"]["train_accuracy"] for seed in figures["seeds"].values()]
    centered = [seed["centered"]["train_accuracy"] for seed in figures["seeds"].values()]
    assert max(raw) - min(raw) > 10 and min(centered) > sorted(raw)[len(raw) // 2]
