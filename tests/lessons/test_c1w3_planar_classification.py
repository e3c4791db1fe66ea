"""Course 1, week 3: the figures of the course, by hand and by the engine."""

import pytest

SIZES = {"1": 67.5, "2": 67.25, "3": 90.75, "4": 90.5, "5": 91.25}
COSTS = {  # before the run becomes unstable, near iteration 7850
    "0": 0.693048, "1000": 0.288083, "2000": 0.254385, "3000": 0.233864,
    "4000": 0.226792, "5000": 0.222644, "6000": 0.219731, "7000": 0.217504,
}


@pytest.mark.slow
@pytest.mark.parametrize("data", ["built-in", "course"])
def test_the_flower(run_lesson, data):
    run = run_lesson("c1w3-planar-classification", "--data", data)
    assert run.result["data"] == "built-in"  # made by seeded code, whatever is asked for
    figures = run.figures
    for way in (figures, figures["engine"]):
        assert way["train_accuracy"] == pytest.approx(90.75, abs=0.25)
        for iteration, cost in COSTS.items():
            assert way["costs"][iteration] == pytest.approx(cost, abs=1e-6)
        assert way["costs"]["9000"] == pytest.approx(0.21856, abs=1e-4)
        assert "9999" in way["costs"]
        for size, accuracy in SIZES.items():
            assert way["hidden_sizes"][size]["train_accuracy"] == accuracy
    assert figures["logistic_regression"]["train_accuracy"] == 47
    assert figures["layers"]["costs"]["5000"] == pytest.approx(COSTS["5000"], abs=1e-6)
    assert "keepdims" in run.said  # compare names the planted mistake
    for picture in ("boundary", "hidden_sizes", "activations", "extra_sets", "instability"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast_agrees_both_ways(run_lesson):
    figures = run_lesson("c1w3-planar-classification", "--fast").figures
    assert figures["costs"]["0"] == pytest.approx(COSTS["0"], abs=1e-6)
    for iteration, cost in figures["costs"].items():
        assert figures["engine"]["costs"][iteration] == pytest.approx(cost, abs=1e-10)
        assert figures["layers"]["costs"][iteration] == pytest.approx(cost, abs=1e-10)
    assert figures["equal_units"]["train_accuracy"] < 75
    assert figures["train_accuracy"] > 85
