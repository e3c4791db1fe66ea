"""Course 1, week 4, the building blocks: unit values on the course's random numbers."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["unit_values"]["cost"] == pytest.approx(0.2797765635793422, abs=1e-12)
    assert figures["unit_values"]["W1_after_a_step"] == pytest.approx(
        [-0.59562069, -0.09991781, -2.14584584, 1.82662008], abs=1e-8)
    assert figures["wrong"] == {
        "no 1/m": ["dW1", "dW2", "dW3"],
        "no keepdims": ["db1", "db2", "db3"],
        "wrong axis": ["db1", "db2", "db3"],
        "factors swapped": ["dW1", "dW2", "dW3"],
        "no mask": ["dW1", "db1", "dW2", "db2"],
        "caches one off": ["dW1", "db1", "dW2", "db2"],
    }
    for named in ("m = 3: is 1/m missing?", "keepdims=True?", "is the transpose of numeric"):
        assert named in run.said
    assert figures["parity"]["16"] == {"layers": 4, "deep": 30, "shallow": 32768}
    for way in (figures["engine"], figures["layers"]):
        for iteration in ("0", "100"):
            assert way["costs"][iteration] == pytest.approx(
                figures["costs"][iteration], abs=1e-10)


def test_fast(run_lesson):
    check_figures(run_lesson("c1w4-deep-network-step-by-step", "--fast"))


@pytest.mark.slow
def test_full(run_lesson):
    run = run_lesson("c1w4-deep-network-step-by-step")
    check_figures(run)
    assert run.figures["train_accuracy"] > 85 and run.figures["engine"]["train_accuracy"] > 85
