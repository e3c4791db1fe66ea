"""Course 2, week 1, regularization: the course's figures, and those of the built-in points."""

import pytest

COURSE = {"none": (94.7867, 91.5), "l2": (93.8389, 93.0), "dropout": (92.8910, 95.0)}
BUILT_IN = {"l2": (93.8389, 91.5), "dropout": (93.8389, 92.0)}


def check_both_ways(figures, known):
    for way in (figures, figures["engine"]):
        for name, (train, test) in known.items():
            assert way[name]["train_accuracy"] == pytest.approx(train, abs=1e-3)
            assert way[name]["test_accuracy"] == pytest.approx(test)
            assert "29999" in way[name]["costs"]


@pytest.mark.slow
@pytest.mark.course
def test_the_figures_of_the_course(run_lesson, course):
    run = run_lesson("c2w1-regularization", "--data", "course")
    assert run.result["data"] == "course"
    check_both_ways(run.figures, COURSE)
    costs = run.figures["none"]["costs"]
    assert costs["0"] == pytest.approx(0.655741, abs=1e-6)
    assert costs["10000"] == pytest.approx(0.163300, abs=1e-6)
    assert run.figures["l2"]["costs"]["10000"] == pytest.approx(0.268492, abs=1e-6)
    assert run.figures["dropout"]["costs"]["10000"] == pytest.approx(0.061017, abs=1e-6)
    for name in ("augmentation", "early_stopping", "fresh_dropout"):
        assert run.figures[name]["test_accuracy"] > 91.5
    for picture in ("boundaries", "curves", "weights"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
def test_the_built_in_points(run_lesson):
    run = run_lesson("c2w1-regularization", "--data", "built-in")
    assert run.result["data"] == "built-in"
    check_both_ways(run.figures, BUILT_IN)
    for way in (run.figures, run.figures["engine"]):
        assert way["none"]["test_accuracy"] < 91.5


def test_fast_agrees_both_ways_and_names_what_is_planted(run_lesson):
    run = run_lesson("c2w1-regularization", "--fast", "--data", "built-in")
    for name in ("none", "l2", "dropout"):
        costs = run.figures[name]["costs"]
        assert run.figures["engine"][name]["costs"] == pytest.approx(costs, abs=1e-9)
    assert "mine = 1/2 of it" in run.said and "0.86 x numeric" in run.said
    assert "missing in dW1 / W1 close" in run.said
