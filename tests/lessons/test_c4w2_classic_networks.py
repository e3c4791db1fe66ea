"""Course 4, week 2, classic networks: the papers' counts, three networks that read digits."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["lenet5"]["parameters"] == 61706
    assert figures["alexnet"]["parameters"] == 62378344  # one tower
    assert figures["alexnet"]["paper"] == 60965224  # two cards
    assert figures["vgg16"]["parameters"] == 138357544
    assert min(figures["linear_part"].values()) > 0.85
    assert figures["runs"]["small VGG"]["multiplications"] > 416_520
    assert figures["broken"]["halves"]["0.0001"] < 1e-3 < 0.1 < figures["broken"]["halves"]["0.5"]
    for picture in ("idea", "where", "training", "channels"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    check_figures(run_lesson("c4w2-classic-networks", "--fast", "--data", "built-in"))


@pytest.mark.slow
def test_full(run_lesson):
    run = run_lesson("c4w2-classic-networks", "--data", "built-in")
    check_figures(run)
    assert min(way["test_accuracy"] for way in run.figures["runs"].values()) > 90
    cut = run.figures["broken"]["cut"]
    assert cut["cost"] > 2 * list(run.figures["runs"]["today"]["costs"].values())[-1]
