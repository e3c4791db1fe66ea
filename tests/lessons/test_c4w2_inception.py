"""Course 4, week 2, Inception: the bottleneck, the block, GoogLeNet's counts, its heads."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["direct"] == 120_422_400 and figures["bottleneck"] == 12_443_648
    counts = figures["googlenet"]
    assert counts["library"] == 6_624_904 and counts["with_heads"] == 13_004_888
    assert counts["paper"] == 6_998_552
    runs = figures["runs"]
    work = [runs[kind]["multiplications"] for kind in ("inception", "3 x 3", "5 x 5")]
    assert work == sorted(work) and 2 * work[0] < work[1]
    without = figures["first_gradient"]["without"]
    assert without["head after 4a"] > 100 * without["main"]
    broken = figures["broken"]
    assert broken["without_pool"] == ["dX"] and broken["rank"] == 2 and broken["complained"]
    for picture in ("idea", "training", "branches"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    check_figures(run_lesson("c4w2-inception", "--fast", "--data", "built-in"))


@pytest.mark.slow
def test_full(run_lesson):
    run = run_lesson("c4w2-inception", "--data", "built-in")
    check_figures(run)
    assert min(way["test_accuracy"] for way in run.figures["runs"].values()) > 93
