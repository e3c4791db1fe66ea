"""Course 2, week 2, optimization methods: nine runs both ways, and wrong rules by name."""

import pytest

COURSE = {  # percent of the training set
    "gradient_descent": 71.67, "momentum": 71.67, "adam": 94.33, "gradient_descent_decay": 65.33,
    "gradient_descent_scheduled": 94.33, "momentum_scheduled": 95.33, "adam_scheduled": 94.00,
}


@pytest.mark.slow
@pytest.mark.parametrize("data", ["built-in", "course"])
def test_the_figures_of_the_course(run_lesson, data):
    run = run_lesson("c2w2-optimization-methods", "--data", data)
    assert run.result["data"] == "built-in"  # made by seeded code, whatever is asked for
    for way in (run.figures, run.figures["engine"]):
        for name, percent in COURSE.items():
            assert way[name]["train_accuracy"] == pytest.approx(percent, abs=0.01)
            assert {"0", "1000", "2000", "3000", "4000", "4999"} <= way[name]["costs"].keys()


def test_fast_agrees_both_ways_and_names_what_is_planted(run_lesson):
    figures = run_lesson("c2w2-optimization-methods", "--fast").figures
    for name in COURSE:
        assert figures["engine"][name]["costs"]["0"] == pytest.approx(
            figures[name]["costs"]["0"], abs=1e-10)
    verdicts = figures["broken"]["verdicts"]
    assert verdicts["your Adam"] == "Adam"
    assert verdicts["planted 1"] == "Adam, s not corrected"
    assert verdicts["planted 3"] == "momentum without (1 - beta)"
    assert figures["noise"]["8"] > figures["noise"]["64"] > figures["noise"]["300"]
    assert figures["adam"]["train_accuracy"] > figures["gradient_descent"]["train_accuracy"]
