"""Course 2, week 1, initialization: figures from three starts, and bad starts by name."""

import pytest

COURSE = {  # train, test, cost at 14000, and how near: randn * 10 lets rounding grow
    "zeros": (50, 50, 0.693147, 1e-6),
    "random": (83, 86, 0.3828, 1e-4),
    "he": (99.3333, 96, 0.073579, 1e-6),
}


@pytest.mark.slow
@pytest.mark.parametrize("data", ["built-in", "course"])
def test_the_figures_of_the_course(run_lesson, data):
    run = run_lesson("c2w1-initialization", "--data", data)
    assert run.result["data"] == "built-in"  # made by seeded code, whatever is asked for
    for way in (run.figures, run.figures["engine"]):
        for name, (train, test, cost, close) in COURSE.items():
            assert way[name]["train_accuracy"] == pytest.approx(train, abs=1e-3)
            assert way[name]["test_accuracy"] == pytest.approx(test)
            assert way[name]["costs"]["14000"] == pytest.approx(cost, abs=close)
            assert "14999" in way[name]["costs"]
    assert run.figures["xavier"]["train_accuracy"] > 98
    for picture in ("boundaries", "weights", "depth", "symmetry"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast_agrees_both_ways_and_names_what_is_planted(run_lesson):
    run = run_lesson("c2w1-initialization", "--fast")
    figures = run.figures
    for name in ("zeros", "he"):
        costs = figures[name]["costs"]
        assert figures["engine"][name]["costs"] == pytest.approx(costs, abs=1e-10)
    assert float(figures["random"]["costs"]["0"]) == float("inf")
    said = {name: " ".join(f["verdict"]) for name, f in figures["broken"].items()}
    assert "10 units, 1 different (all zero): symmetric" in said["zeros"]
    assert "5 units, 1 different (equal): symmetric" in said["constant 0.5"]
    assert "the signal grows" in said["random x 10"]
    assert "the signal fades" in said["root forgotten"]
    assert "seed once" in said["seed in the loop"]
    assert "is 1/m missing?" in run.said and "keepdims=True?" in run.said
    assert figures["depth"]["ReLU"]["He"]["gradient"] == pytest.approx(1, abs=0.9)
    assert figures["depth"]["ReLU"]["randn x 0.01"]["gradient"] < 1e-20
