"""Course 2, week 1, gradient checking: the course's two figures, and mistakes with their names."""

import pytest


@pytest.mark.parametrize("options", [(), ("--fast",)])
def test_the_figures_of_the_course(run_lesson, options):
    run = run_lesson("c2w1-gradient-checking", *options)
    figures = run.figures
    assert figures["with_bugs"]["difference"] == pytest.approx(0.2850931567, abs=2e-10)
    for way in (figures, figures["engine"]):
        assert way["mended"]["difference"] == pytest.approx(1.19e-7, abs=0.01e-7)
    assert figures["one_dimensional"]["difference"] < 1e-9
    assert "db1  WRONG  difference 0.6: analytic = 4 x numeric" in run.said
    assert "dW2  WRONG  difference 0.333: analytic = 2 x numeric" in run.said


def test_each_mistake_gets_its_name(run_lesson):
    run = run_lesson("c2w1-gradient-checking", "--fast")
    verdicts = {name: found["verdict"] for name, found in run.figures["mistakes"].items()}
    assert "is 1/m missing?" in verdicts["1/m missing"]
    assert "reshaped where it must be transposed" in verdicts["reshape for transpose"]
    assert "keepdims" in verdicts["keepdims forgotten"]
    assert "wrong sign" in verdicts["wrong sign"]
    assert "[2, 3]" in verdicts["one weight lost"]
    assert all(found["difference"] > 1e-2 for found in run.figures["mistakes"].values())
    assert "first wrong op: hasty_tanh" in run.said
    assert "another value when it is run again" in run.said  # dropout's noise
    assert "lies on a kink" in run.said
    for picture in ("idea", "check"):
        assert (run.out / f"{picture}.png").is_file()
