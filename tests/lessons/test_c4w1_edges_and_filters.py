"""Course 4, week 1, edges: filters are recovered from examples, and beat Sobel under noise."""

import pytest


def check_figures(run):
    figures = run.figures
    assert max(figures["recovered"].values()) < 1e-6
    first, *_, last = figures["costs"].values()
    assert figures["best_cost"] - 1e-9 <= last < first
    agreement = figures["agreement"]
    for picture in ("camera", "brick"):
        assert agreement["sobel"][picture] < agreement["learned"][picture]
        assert agreement["learned"][picture] <= agreement["least squares"][picture] + 0.01
    assert figures["broken"]["periods"] == {"all pixels": 28, "every second": 4}
    assert figures["broken"]["border"] > 3
    for picture in ("idea", "learned", "direction", "broken"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    check_figures(run_lesson("c4w1-edges-and-filters", "--fast"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_full(run_lesson, seed):
    run = run_lesson("c4w1-edges-and-filters", "--seed", seed)
    check_figures(run)
    assert list(run.figures["costs"].values())[-1] < 1.02 * run.figures["best_cost"]
