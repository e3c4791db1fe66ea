"""Course 3, week 2, end to end: the gradient comes through both stages, and data decide."""

import pytest


def test_fast_learns_from_sums_and_names_what_is_planted(run_lesson):
    run = run_lesson("c3w2-end-to-end", "--fast")
    figures = run.figures
    stages = figures["stages"]
    assert stages["as it is"] < stages["perfect cut"] < stages["perfect reading"] == 100
    assert figures["pipeline"]["100"] < figures["pipeline"]["1500"]
    assert max(figures["curves"]["plain"]["300"]) < 40 < min(figures["curves"]["plain"]["10000"])
    assert min(figures["reads_without_labels"].values()) > 60
    broken = figures["broken"]
    assert "is 1/m missing?" in broken["verdicts"]["one 1/m too few"]
    assert broken["without_gradient"] == [
        "left.0.weight", "left.0.bias", "left.2.weight", "left.2.bias"]
    assert broken["leak"]["leaky"] > broken["leak"]["honest"]
    assert broken["mismatch"]["in the pipeline"] < figures["pipeline"]["1500"]


@pytest.mark.slow
def test_the_whole_run_crosses(run_lesson):
    figures = run_lesson("c3w2-end-to-end").figures
    crossings = figures["crossings"]
    assert crossings["structured"]["1500"] <= 10_000 <= crossings["plain"]["300"]
    assert figures["dev_accuracy"] > 90 > figures["pipeline"]["1500"] > 75
    assert min(figures["reads_without_labels"].values()) > 90
