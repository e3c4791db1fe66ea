"""Course 4, week 1, convolution by hand: both ways agree, and each planted mistake is found."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["unit_values"] == {"Z": [[1, 0], [0, 2]], "dW": [[3, 8], [2, 1]], "db": 3}
    assert figures["wrong"] == {
        "bias in every product": ["db"],
        "= for +=": ["dW"],
        "stride forgotten": ["dA_prev", "dW"],
        "turned once too often": ["dA_prev"],
        "padding cut at the end": ["dA_prev"],
    }
    assert "analytic = 1/36 of numeric" in run.said  # 3 * 3 * 4 numbers in a window
    for step, cost in figures["costs"].items():
        assert figures["engine"]["costs"][step] == pytest.approx(cost, rel=1e-4)
    assert figures["dev_accuracy"] == pytest.approx(figures["engine"]["dev_accuracy"], abs=1)
    assert 0.1 < figures["ties"] < 0.9


def test_fast(run_lesson):
    run = run_lesson("c4w1-convolution-step-by-step", "--fast")
    check_figures(run)
    for picture in ("idea", "filters", "costs"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_full(run_lesson, seed):
    run = run_lesson("c4w1-convolution-step-by-step", "--seed", seed)
    check_figures(run)
    assert run.figures["train_accuracy"] > 99 and run.figures["dev_accuracy"] > 94
