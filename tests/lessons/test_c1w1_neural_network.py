"""Course 1, week 1: its own figures."""

import pytest


def test_fast(run_lesson):
    run = run_lesson("c1w1-neural-network", "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["w"] == pytest.approx(figures["engine"]["w"], abs=1e-10)
    assert figures["costs"] == pytest.approx(figures["engine"]["costs"], abs=1e-10)
    assert figures["w"] == pytest.approx(2.43642, abs=1e-4)
    assert figures["perceptron"]["mistakes"][-1] == 0
    assert sum(figures["perceptron"]["mistakes"]) <= figures["perceptron"]["bound"]
    assert figures["xor"]["mistakes_of_the_last_round"] > 0
    assert "m = 60: is 1/m missing?" in run.said  # the planted mistakes are named
    assert "too large a step: scale the inputs" in run.said
    assert "alive for 0% of the houses" in run.said


@pytest.mark.slow
def test_size_pays_off_with_data_and_the_kind_should_fit(run_lesson):
    figures = run_lesson("c1w1-neural-network", "--data", "built-in").figures
    amounts = {name: by["test_accuracy"] for name, by in figures["amount_of_data"].items()}
    large, one = amounts["large: 128 + 128"], amounts["one neuron"]
    assert large["20000"] > 90 > 72 > one["20000"]
    assert abs(large["50"] - one["50"]) < 10
    digits = figures["digits"]
    assert digits["convolutional"]["anywhere"] > digits["dense"]["anywhere"] + 10
    assert digits["convolutional"]["anywhere"] > digits["convolutional"]["anywhere, shuffled"] + 10
    sequence = figures["sequence"]
    assert sequence["recurrent"]["30"] > 95 > sequence["dense on counts"]["30"]
