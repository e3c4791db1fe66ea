"""Course 1, week 2: the figures of its lessons."""

import pytest

COURSE_RATES = {"0.01": (99.522, 68.0), "0.001": (88.995, 64.0), "0.0001": (68.421, 36.0)}


def test_computation_graph(run_lesson):
    figures = run_lesson("c1w2-computation-graph").figures
    # four points, two classes no line separates: a neuron gives 0 everywhere and costs 1
    assert figures["exclusive_or"]["network"] < 0.05
    assert figures["exclusive_or"]["neuron"] == pytest.approx(1, abs=1e-3)
    b, c = 3, 2
    assert figures["J"] == 33
    for way in (figures, figures["engine"]):
        assert (way["dJ/da"], way["dJ/db"], way["dJ/dc"]) == (3, 3 * c, 3 * b)
    assert figures["diamond"] == 7
    assert figures["visits"] == {"every_path": 2**15 - 1, "topological_order": 15}


SOFTMAX_ROWS = [
    [9.80897665e-01, 8.94462891e-04, 1.79657674e-02, 1.21052389e-04, 1.21052389e-04],
    [8.78679856e-01, 1.18916387e-01, 8.01252314e-04, 8.01252314e-04, 8.01252314e-04],
]


def test_vectorization(run_lesson):
    run = run_lesson("c1w2-vectorization", "--fast", "--data", "built-in")
    figures = run.figures
    for row, known in zip(figures["softmax_rows"], SOFTMAX_ROWS, strict=True):
        assert row == pytest.approx(known, rel=1e-8)
    assert figures["L1"] == pytest.approx(1.1, abs=1e-12)
    assert figures["L2"] == pytest.approx(0.43, abs=1e-12)
    assert figures["sigmoid_derivative"] == pytest.approx(
        [0.19661193, 0.10499359, 0.04517666], abs=1e-8)
    assert figures["steps_until_learned"] == {"cross-entropy": 7, "squared error": 214}
    assert figures["a_at_the_end"] == pytest.approx(figures["engine"]["a_at_the_end"], abs=1e-10)
    assert figures["speedup"]["gradients"] > 20
    for named in ("is 1/m missing?", "keepdims=True?", "mine is nan", "ShapeError"):
        assert named in run.said


def test_logistic_regression_on_the_built_in_faces(run_lesson):
    run = run_lesson("c1w2-logistic-regression", "--data", "built-in")
    for way in (run.figures, run.figures["engine"], run.figures["layers"]):
        assert way["train_accuracy"] == pytest.approx(97.333, abs=0.01)
        assert way["test_accuracy"] == pytest.approx(98.0)
        assert way["costs"]["0"] == pytest.approx(0.693147, abs=1e-6)
        assert way["costs"]["1900"] == pytest.approx(0.171785, abs=1e-6)
    assert run.figures["wrong_reshape"]["test_accuracy"] < 60
    gap = {m: train - test for m, (train, test) in run.figures["learning_curve"].items()}
    assert gap["4"] > 20 and gap["64"] < 5  # few pictures are learned by heart
    assert "is 1/m missing?" in run.said  # the gradient check names the planted mistake
    assert "ShapeError" in run.said
    assert "dealt_train: reshape(-1, m)" in run.said


@pytest.mark.slow
@pytest.mark.course
def test_logistic_regression_on_the_course_s_cats(run_lesson, course):
    run = run_lesson("c1w2-logistic-regression", "--data", "course")
    assert run.result["data"] == "course"
    for way in (run.figures, run.figures["engine"], run.figures["layers"]):
        assert way["train_accuracy"] == pytest.approx(99.04, abs=0.01)
        assert way["test_accuracy"] == pytest.approx(70.0)
        assert way["costs"]["0"] == pytest.approx(0.693147, abs=1e-6)
        assert way["costs"]["1900"] == pytest.approx(0.140872, abs=1e-6)
        assert way["costs"]["1999"] == pytest.approx(0.135659, abs=1e-6)
    for way in (run.figures, run.figures["engine"]):
        for rate, (train, test) in COURSE_RATES.items():
            figures = way["learning_rates"][rate]
            assert figures["train_accuracy"] == pytest.approx(train, abs=0.01)
            assert figures["test_accuracy"] == pytest.approx(test)
    assert run.figures["wrong_reshape"]["test_accuracy"] == pytest.approx(34.0)
    assert (run.out / "learning_rates.png").is_file()


def test_a_seed_changes_only_what_is_random(run_lesson):
    figures = run_lesson("c1w2-logistic-regression", "--fast", "--data", "built-in", "--seed", "9")
    assert figures.result["seed"] == 9
    assert figures.figures["costs"]["0"] == pytest.approx(0.693147, abs=1e-6)
