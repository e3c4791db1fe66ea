"""Course 3, week 2, transfer and multi-task: what to freeze, and answers that are missing."""

import pytest


def test_fast_transfers_and_masks(run_lesson):
    figures = run_lesson("c3w2-transfer-and-multi-task", "--fast", "--data", "built-in").figures
    forty = {mode: errors["40"] for mode, errors in figures["transfer"].items()}
    assert forty["thawed top"] < forty["scratch"] - 8
    assert figures["multi"]["0.5"]["one network"] < figures["multi"]["0.5"]["missing is no"] - 8
    assert figures["rare"]["loop"]["with the others"] < figures["rare"]["loop"]["by itself"] - 3
    assert figures["broken"]["frozen"] == ["8.weight", "8.bias"]
    assert "0.weight" in figures["broken"]["zeroed"]
    assert figures["broken"]["averages"]["eval"] == []
    assert figures["stored"] < 1e-4


@pytest.mark.slow
def test_the_whole_run_gains_from_the_other_task(run_lesson):
    run = run_lesson("c3w2-transfer-and-multi-task", "--seed", "2", "--data", "built-in")
    figures, transfer = run.figures, run.figures["transfer"]
    for n in ("10", "20", "40", "80"):
        assert transfer["thawed top"][n] < transfer["scratch"][n] - 5
    assert transfer["frozen"]["320"] > transfer["scratch"]["320"] + 5
    gains = [e["by itself"] - e["with the others"] for e in figures["rare"].values()]
    assert sum(gains) / len(gains) > 5
    ways = figures["broken"]["ways"]
    assert ways["of labels by lot"] > ways["convolutions of A"] + 3
