"""Course 5, week 1, recurrent cells by hand: the same run twice, and each planted mistake found."""

import pytest

KINDS = ("rnn", "lstm", "gru")


def check_figures(run):
    figures = run.figures
    unit = figures["unit_values"]  # worked out by hand in the lesson
    assert unit["dWax"] == pytest.approx([0.7395], abs=1e-4)
    assert unit["dWaa"] == pytest.approx([0.2173], abs=1e-4)
    assert unit["dba"] == pytest.approx([1.2097], abs=1e-4)
    for kind in KINDS:
        engine = figures["engine"][kind]
        assert figures[kind]["costs"]["0"] == pytest.approx(engine["costs"]["0"], rel=1e-9)
        assert figures[kind]["dev_accuracy"] == pytest.approx(engine["dev_accuracy"], abs=3)
    wrong = figures["wrong"]
    assert len(wrong["da_next left out"]) == 5
    assert set(wrong["= for +="]).isdisjoint({"dx", "da0"}) and len(wrong["= for +="]) == 8
    assert set(wrong["only the cell handed back"]) == {"dx", "da0", *wrong["= for +="]}
    assert {"dWc", "dbc"} <= set(wrong["tanh derived twice"])
    assert figures["leaks"]["packed"] == 0 < figures["leaks"]["padded"]


def test_fast(run_lesson):
    run = run_lesson("c5w1-rnn-step-by-step", "--fast")
    check_figures(run)
    assert "dx is right at steps: [4]" in run.said
    for picture in ("idea", "training", "gates"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_full(run_lesson, seed):
    run = run_lesson("c5w1-rnn-step-by-step", "--seed", seed)
    check_figures(run)
    for kind in KINDS:
        assert run.figures[kind]["dev_accuracy"] > 85
        costs = run.figures[kind]["costs"]
        assert costs[max(costs, key=int)] < 0.2 * costs["0"]
