"""Course 5, week 1, long memory: what vanishes, what an open gate holds, who may see the future."""

import pytest


def check_figures(run):
    figures = run.figures
    norms = figures["gradient_norms"]
    for kind in ("RNN", "GRU", "LSTM"):
        assert norms[kind]["50 back"] < 1e-6 * norms[kind]["0 back"]
    for kind in ("GRU, gate open", "LSTM, gate open"):
        assert norms[kind]["50 back"] > 0.1 * norms[kind]["0 back"]
    assert norms["RNN, weights x 4"]["50 back"] > 1e3 * norms["RNN, weights x 4"]["0 back"]
    series = figures["series"]
    assert series["both ways, 20 + 20"]["mse"] < series["forward, 32"]["mse"]
    assert set(figures["broken"]["not turned back"]) == {
        "dx", "dWax_back", "dWaa_back", "dba_back"
    }
    assert figures["broken"]["cheat"] < figures["held_out_loss"]
    assert figures["broken"]["dropout"]["on"] > figures["broken"]["dropout"]["off"]
    losses = list(figures["losses"]["held out"].values())
    assert losses[-1] == figures["held_out_loss"] < losses[0]
    return figures


def test_fast(run_lesson):
    run = run_lesson("c5w1-long-memory", "--fast", "--data", "built-in")
    figures = check_figures(run)
    assert figures["remembering"]["LSTM, gate open"]["25"] > figures["remembering"]["LSTM"]["25"]
    assert figures["pretrained"] == {}
    for said in ("the prompt is empty", "'€' (U+20AC) at place 5 is not in the vocabulary",
                 "are they empty?", "this graph was freed"):
        assert said in run.said
    for picture in ("idea", "gradients", "training", "context"):
        assert (run.out / f"{picture}.png").is_file()


def is_a_writer(figures):
    assert figures["perplexity"] < 6
    assert figures["by_context"]["64"] < figures["by_context"]["4"] < figures["by_context"]["1"]
    memory = figures["remembering"]
    assert memory["GRU, gate open"]["100"] > 90 and memory["LSTM, gate open"]["50"] > 90
    assert memory["RNN"]["10"] > 90 and memory["RNN"]["100"] < 50
    fill_in = figures["fill_in"]
    assert fill_in["both ways, 40 + 40"] > fill_in["forward, 64"] + 5


@pytest.mark.slow
def test_full(run_lesson):
    is_a_writer(check_figures(run_lesson("c5w1-long-memory", "--data", "built-in")))


@pytest.mark.slow
def test_on_the_course_s_sonnets_and_weights(run_lesson, course):
    figures = check_figures(run_lesson("c5w1-long-memory", "--data", "course"))
    is_a_writer(figures)
    hard, logistic = figures["pretrained"]["hard"], figures["pretrained"]["logistic"]
    # The windows it was trained on, and the same text one character to the left and right.
    assert hard["2"] < 0.5 and hard["2"] < logistic["2"]
    assert min(hard["0"], hard["1"]) > 2.5
