"""Course 4, week 4, what convnets learn: fields measured, units excited, signals and volumes."""

import pytest


def check_figures(run):
    figures = run.figures
    fields, measured = figures["receptive_fields"], figures["measured"]
    assert fields == {"conv1": 3, "fire3": 23, "fire5": 63, "fire7": 143}
    assert all(fields[name] - 8 <= size <= fields[name] for name, size in measured.items())
    assert len(figures["units"]) == 12
    assert all(unit["made"] > unit["photographs"] for unit in figures["units"].values())
    assert "cat" in figures["cat"]["label"] or "tabby" in figures["cat"]["label"]
    assert figures["cat"]["hidden"] < figures["cat"]["score"] - 3
    invariance = figures["invariance"]
    assert invariance["conv1"]["upside down"] > 0.95
    assert invariance["fire9"]["moved by 16 pixels"] > 0.9
    assert figures["broken"]["flipped"] == ["dA"]
    assert figures["broken"]["rough"]["rough"] > figures["broken"]["rough"]["smooth"]
    for picture in ("filters", "heartbeats", "activations", "units", "looked"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    run = run_lesson("c4w4-what-convnets-learn", "--fast", "--data", "built-in")
    check_figures(run)
    assert run.figures["heartbeats"]["found"] > 0.8
    assert run.figures["volumes"]["test_accuracy"] > 65


@pytest.mark.slow
def test_full(run_lesson):
    run = run_lesson("c4w4-what-convnets-learn", "--data", "built-in")
    check_figures(run)
    beats = run.figures["heartbeats"]
    assert beats["found"] > 0.95 and beats["false_alarms"] < 0.1
    assert run.figures["volumes"]["test_accuracy"] > 88
