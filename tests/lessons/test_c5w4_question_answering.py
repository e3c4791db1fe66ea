"""Course 5, week 4: pointing at the answer."""

import pytest


def test_fast_reads_better_than_it_guesses(run_lesson):
    figures = run_lesson("c5w4-question-answering", "--fast", "--data", "built-in").figures
    assert figures["exact_match"] > figures["broken"]["other_question"] + 5
    assert figures["repeated"] == 0
    assert figures["broken"]["impossible"] > 0.3


@pytest.mark.slow
def test_the_whole_run_on_made_stories(run_lesson):
    run = run_lesson("c5w4-question-answering", "--seed", "2", "--data", "built-in", timeout=900)
    assert run.figures["exact_match"] > 95


@pytest.mark.slow
@pytest.mark.course
def test_babi(run_lesson, course):
    run = run_lesson("c5w4-question-answering", "--data", "course", timeout=900)
    assert run.figures["exact_match"] > 95 and run.figures["exact_match_new"] > 93
