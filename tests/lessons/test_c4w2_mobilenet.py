"""Course 4, week 2, MobileNet: its block and counts, transfer with frozen and thawed layers."""

import pytest


def check_figures(run):
    figures = run.figures
    assert figures["parameters"] == 2_223_872 and figures["keras"] == 2_257_984
    assert figures["head"] == 1_281
    assert figures["separable"]["multiplications"] * 4 < figures["full"]["multiplications"]
    moving = {name: figures[name]["moving"] for name in ("frozen", "thawed", "scratch")}
    assert moving["frozen"] == 325 < moving["thawed"] < moving["scratch"]
    assert moving["scratch"] == figures["all_thawed"]["moving"]
    assert figures["collapse"]["2"] > 2 * figures["collapse"]["30"]
    broken = figures["broken"]
    assert broken["summed_over"] == ["dWd"] and broken["stuck"]
    statistics = broken["statistics"]
    assert statistics["changed"] > 0
    less = 0 if run.result["fast"] else 3  # percent; a short run has little to lose
    assert statistics["after"] + less < statistics["before"]
    for picture in ("idea", "collapse", "task", "augmented", "training"):
        assert (run.out / f"{picture}.png").is_file()


def test_fast(run_lesson):
    check_figures(run_lesson("c4w2-mobilenet", "--fast", "--data", "built-in"))


@pytest.mark.slow
def test_full(run_lesson):
    run = run_lesson("c4w2-mobilenet", "--data", "built-in")
    check_figures(run)
    figures = run.figures
    assert min(figures[name]["test_accuracy"] for name in ("separable", "full")) > 93
    reached = {name: figures[name]["test_accuracy"] for name in ("frozen", "thawed", "scratch")}
    assert reached["thawed"] > max(reached["scratch"], reached["frozen"]) + 8
    assert figures["source_accuracy"] > 88
    assert figures["augmented"]["gentle"] > figures["augmented"]["72 degrees and flips"] + 5
    scales = figures["broken"]["scales"]
    assert scales["0 to 255"] + 20 < scales["-1 to 1"]
