"""Course 4, week 2, CIFAR-10: a small residual network, and what its recipe is worth."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["parameters"] == 294_794
    assert list(figures["by_class"]) and len(figures["by_class"]) == 10
    assert abs(sum(figures["by_class"].values()) / 10 - figures["test_accuracy"]) < 1e-6
    best = figures["broken"]["best"]
    assert 85.5 < best["10000"] < 86.5 < best["500"] < 91
    for picture in ("idea", "filters", "training", "mistakes"):
        assert (run.out / f"{picture}.png").is_file()
    assert (run.out / "graph.svg").is_file()


def check_full(figures):
    broken, worth = figures["broken"], figures["worth"]["everything"]["accuracy"]
    assert broken["unshuffled"] < worth - 10
    assert broken["modes"]["sorted"] < broken["modes"]["mixed"] - 10
    assert figures["costs"][-1] < figures["costs"][0]


def test_fast(run_lesson):
    check_figures(run_lesson("c4w2-cifar-10", "--fast", "--data", "built-in"))


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes of training
def test_full_on_what_is_built_in(run_lesson):
    run = run_lesson("c4w2-cifar-10", "--data", "built-in")
    check_figures(run)
    check_full(run.figures)
    assert run.figures["test_accuracy"] > 85


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes of training
def test_full_on_the_course_files(run_lesson, course):
    run = run_lesson("c4w2-cifar-10", "--data", "course", timeout=3000)
    check_figures(run)
    check_full(run.figures)
    assert run.figures["test_accuracy"] >= 85
    assert run.figures["broken"]["upside_down"] < run.figures["plain_accuracy"] - 10
