"""Course 4, week 4, face recognition: people held out are told apart."""

import pytest


def check_figures(run):
    figures = run.figures
    areas = figures["areas"]
    assert figures["auc"] == areas["test"] and areas["pixels"] < areas["test"] < areas["train"]
    assert figures["broken"]["anchor_fixed"] == ["danchor"]
    assert figures["broken"]["collapsed"] == {"0.2": pytest.approx(0.8), "0.0": 0}
    assert figures["broken"]["squared"] != figures["rates"]["let_in"]
    assert set(figures["choices"]) == {"random", "hardest", "all"}
    for picture in ("idea", "distances", "mistakes", "training"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    run = run_lesson("c4w4-face-recognition", "--fast", "--data", "built-in")
    check_figures(run)
    assert run.figures["auc"] > 0.85


@pytest.mark.slow
def test_full_on_what_is_built_in(run_lesson):
    run = run_lesson("c4w4-face-recognition", "--data", "built-in")
    check_figures(run)
    assert run.figures["auc"] >= 0.95
    assert run.figures["recognized"]["nearest_right"] > 0.7


@pytest.mark.slow
def test_full_on_the_course_files(run_lesson, course):
    run = run_lesson("c4w4-face-recognition", "--data", "course")
    check_figures(run)
    assert run.figures["auc"] >= 0.95
    assert run.figures["recognized"]["nearest_right"] > 0.7
