"""Course 5, week 3, date translation: the course's weights, training from scratch, mistakes."""

import datetime

import pytest


def test_fast_agrees_with_the_engine_and_names_what_is_planted(run_lesson):
    run = run_lesson("c5w3-date-translation", "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["parameters"] == {"two_biases": 53_472, "one_bias": 52_960}
    assert figures["loss"]["last"] < 0.9 * figures["loss"]["first"]
    assert figures["pretrained"] == {}
    broken = figures["broken"]
    assert {"da", "dW1", "dW2"} <= set(broken["coupling"])
    assert broken["mean over places"] == ["ds_prev"]
    assert broken["a used once"] == ["da"]
    assert 0.5 < broken["week_years"] < 1.1
    assert "pre.weight_ih_l0" in run.said or broken["refused"]
    for picture in ("idea", "gates", "loss", "attention"):
        assert (run.out / f"{picture}.png").is_file()


def test_it_runs_without_babel_and_faker(run_lesson, monkeypatch):
    monkeypatch.setenv("TINYGRAD_DLS_TEST_WITHOUT", "babel.dates faker h5py")
    run = run_lesson("c5w3-date-translation", "--fast", "--data", "built-in")
    assert "made by seeded code" in run.said
    assert run.figures["loss"]["last"] < 0.9 * run.figures["loss"]["first"]


@pytest.mark.course
def test_the_course_weights_read_the_nine_dates(course, run_lesson):
    run = run_lesson("c5w3-date-translation", "--fast")
    assert run.result["data"] == "course"
    pretrained = run.figures["pretrained"]
    assert pretrained["right"] == {"sigmoid": 7, "hard_sigmoid": 8}
    assert pretrained["translations"]["3 May 1979"] == "1979-05-03"
    assert pretrained["translations"]["5 April 09"] == "2009-05-05"  # the one that is wrong
    assert pretrained["sigmoid"]["3 May 1979"] == "1979-05-33"
    for text in pretrained["translations"].values():
        datetime.date.fromisoformat(text)
    assert len(pretrained["translations"]) == 9


@pytest.mark.slow
def test_the_whole_run_reads_new_dates(run_lesson):
    figures = run_lesson("c5w3-date-translation", "--data", "built-in", timeout=1200).figures
    assert figures["exact_match"] > 97
    assert figures["transformer"]["exact_match"] > 97
    assert figures["by_kind"]["weekday"] > 98
    assert figures["broken"]["shuffled_letters"] < 5
