"""Course 5, week 4: the Transformer, part by part."""

import numpy as np
import pytest


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def test_fast_has_the_course_s_numbers_and_learns(run_lesson):
    figures = run_lesson("c5w4-transformer-step-by-step", "--fast", "--data", "built-in").figures
    assert figures["positions"]["norm"] == pytest.approx(50**0.5, abs=1e-6)
    steps = 2 * np.sin(10000.0 ** (-np.arange(0, 100, 2) / 100))  # of sine and cosine, 2 places on
    assert figures["positions"]["apart"] == pytest.approx(np.linalg.norm(steps), abs=1e-6)
    scores = np.array([[2, 3, 1, 1], [2, 2, 2, 1], [2, 2, 0, 1]]) / 2
    right = softmax(scores)
    assert np.allclose(figures["attention"]["weights"], right, atol=1e-12)
    values = np.array([[0, 0], [1, 0], [1, 0], [1, 1]])
    assert np.allclose(figures["attention"]["output"], right @ values, atol=1e-12)
    assert figures["reversed_exactly"] > 60
    assert figures["gpt_bits"]["60"] < figures["gpt_bits"]["0"] - 1.5
    assert figures["cache"] == {"tokens_with": 63, "tokens_without": sum(range(4, 64))}
    broken = figures["broken"]
    assert broken["cheat_loss"] < 0.2 and broken["cheat_exact"] < 5
    assert broken["order"]["without"] < 1e-5
    assert broken["gradient"]["not scaled, 1024"] < 0.1 * broken["gradient"]["scaled, 1024"]


@pytest.mark.slow
def test_the_whole_run_writes_backwards_and_looks_where_it_should(run_lesson):
    run = run_lesson("c5w4-transformer-step-by-step", "--seed", "2", "--data", "built-in")
    assert run.figures["reversed_exactly"] > 97
    assert run.figures["looks_at_the_right_place"] > 0.6
    assert run.figures["gpt_bits"]["900"] < 2.6
