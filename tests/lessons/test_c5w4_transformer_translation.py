"""Course 5, week 4: dates translated by a Transformer."""

import pytest


def test_fast_reads_dates_and_finds_what_is_planted(run_lesson):
    figures = run_lesson("c5w4-transformer-translation", "--fast", "--data", "built-in").figures
    assert figures["transformer"]["exact_match"] > 15
    broken = figures["broken"]
    assert broken["not_shifted"] < 5
    assert broken["leak"]["False"] < 1e-3 < 0.1 < broken["leak"]["True"]
    losses = figures["losses"]
    assert losses["7"] < 0.8 < losses["1"]  # the least is 0.55
    assert broken["wild"] > losses["2"] + 0.1
    assert set(figures["unseen_formats"]) >= {"2018.05.09"}


@pytest.mark.slow
def test_the_whole_run_reads_98_percent_of_held_out_dates(run_lesson):
    run = run_lesson("c5w4-transformer-translation", "--seed", "2", "--data", "built-in",
                     timeout=900)
    assert run.figures["transformer"]["exact_match"] >= 98
