"""Course 4, week 2, residual networks: both blocks, ResNet-50's counts, depth, hand signs."""

import pytest


def check_figures(run):
    figures = run.figures
    counts = figures["resnet50"]
    assert counts["parameters"] == 23_520_326 and counts["keras"] == 23_600_006
    assert counts["moving"] == 53_120 and counts["biases"] == 26_560
    assert figures["broken"]["no_shortcut"] == ["dX"]
    assert figures["broken"]["bias_gradient"] < 1e-12
    assert "broadcast" in figures["broken"]["refused"]
    grown = figures["broken"]["relu_before_sum"]
    assert grown["before"] > 1.5 * grown["after"]
    modes = figures["broken"]["modes"]
    assert modes["training"] + 20 < modes["evaluation"]
    assert list(figures["plain"]) == list(figures["residual"])
    for picture in ("idea", "depth", "blocks", "read"):
        assert (run.out / f"{picture}.png").is_file()


def check_depths(figures):
    plain, residual = figures["plain"], figures["residual"]
    assert list(plain) == ["4", "12", "28", "56"]
    assert plain["56"]["cost"] > 2 * plain["12"]["cost"]
    assert residual["56"]["cost"] < 0.5 * plain["56"]["cost"]
    assert residual["56"]["train_accuracy"] > plain["56"]["train_accuracy"] + 5


def test_fast(run_lesson):
    run = run_lesson("c4w2-residual-networks", "--fast", "--data", "built-in")
    check_figures(run)
    assert run.figures["test_accuracy"] > 70


@pytest.mark.slow
def test_full_on_what_is_built_in(run_lesson):
    run = run_lesson("c4w2-residual-networks", "--data", "built-in")
    check_figures(run)
    check_depths(run.figures)
    assert run.figures["test_accuracy"] > 95


@pytest.mark.slow
def test_full_on_the_course_files(run_lesson, course):
    run = run_lesson("c4w2-residual-networks", "--data", "course")
    check_figures(run)
    check_depths(run.figures)
    assert run.figures["parameters"] == 78_550
    assert run.figures["test_accuracy"] >= 98
