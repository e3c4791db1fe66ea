"""Course 1, week 4: the figures of the course, by hand and by the engine."""

import pytest

COURSE = {
    "two_layer": (100.0, 72.0, {
        "0": 0.693050, "500": 0.515830, "1000": 0.339428, "2000": 0.074391, "2499": 0.044215,
    }),
    "l_layer": (98.5646, 80.0, {"0": 0.771749, "2400": 0.092878, "2499": 0.088440}),
}
FACES = {
    "two_layer": (98.0, 98.0, {"0": 0.693117, "500": 0.579335, "2499": 0.070626}),
    "l_layer": (100.0, 98.0, {"0": 0.691120, "500": 0.189614, "2499": 0.008376}),
}


def check_both_ways(figures, known):
    for way in (figures, figures["engine"]):
        for model, (train, test, costs) in known.items():
            assert way[model]["train_accuracy"] == pytest.approx(train, abs=0.01)
            assert way[model]["test_accuracy"] == pytest.approx(test)
            for iteration, cost in costs.items():
                assert way[model]["costs"][iteration] == pytest.approx(cost, abs=2e-6)


@pytest.mark.slow
def test_the_built_in_faces(run_lesson):
    run = run_lesson("c1w4-cat-classifier", "--data", "built-in")
    assert run.result["data"] == "built-in"
    check_both_ways(run.figures, FACES)
    assert run.figures["variant"]["test_accuracy"] >= 96
    assert "astronaut.png: probability of face" in run.said


@pytest.mark.slow
@pytest.mark.course
def test_the_course_s_cats(run_lesson, course):
    run = run_lesson("c1w4-cat-classifier", "--data", "course")
    assert run.result["data"] == "course"
    check_both_ways(run.figures, COURSE)
    variant = run.figures["variant"]
    assert variant["test_accuracy"] >= 82
    assert variant["seeds"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (run.out / "mistakes.png").is_file() and (run.out / "your_picture.png").is_file()


def test_fast_agrees_both_ways(run_lesson):
    figures = run_lesson("c1w4-cat-classifier", "--fast", "--data", "built-in").figures
    for model in ("two_layer", "l_layer"):
        costs = figures[model]["costs"]
        assert costs["0"] == pytest.approx(FACES[model][2]["0"], abs=1e-6)
        assert figures["engine"][model]["costs"] == pytest.approx(costs, abs=1e-10)
    assert figures["layers"]["l_layer"]["costs"]["0"] == pytest.approx(
        figures["l_layer"]["costs"]["0"], abs=1e-10)
