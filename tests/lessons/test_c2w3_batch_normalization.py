"""Course 2, week 3, batch normalization: both ways agree, it helps, and mistakes have names."""

import pytest


def test_fast_agrees_both_ways_and_names_what_is_planted(run_lesson):
    run = run_lesson("c2w3-batch-normalization", "--fast")
    figures = run.figures
    assert figures["dev_accuracy"] == pytest.approx(figures["engine"]["dev_accuracy"], abs=0.5)
    assert figures["drift"]["with"] < figures["drift"]["without"]
    compared = figures["with_and_without"]
    assert compared["rate"]["with"]["3.0"] > 80 > compared["rate"]["without"]["3.0"]
    assert compared["scale"]["with"]["0.1"] > compared["scale"]["without"]["0.1"] + 20
    broken = figures["broken"]
    assert broken["constants"] == ["dW1", "dgamma1", "dbeta1", "dW2"]
    assert broken["ways"]["batchnorm_backward"] == []
    assert "through the mean" in broken["ways"]["mean_forgotten"][0]
    assert broken["idle"] == ["0.bias"]
    assert broken["gap"]["eval"] < 1e-12 < broken["gap"]["train"]
    assert "is there one 1/m too many?" in run.said
    for picture in ("idea", "with_and_without", "costs", "batch_size"):
        assert (run.out / f"{picture}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_run_learns_where_the_plain_network_does_not(run_lesson, seed):
    figures = run_lesson("c2w3-batch-normalization", "--seed", seed).figures
    assert figures["train_accuracy"] > 98 and figures["dev_accuracy"] > 93
    compared = figures["with_and_without"]
    assert compared["depth"]["with"]["20"] > compared["depth"]["without"]["20"] + 20
    assert min(compared["scale"]["with"].values()) > 70
    assert figures["noise"]["2"] > 5 * figures["noise"]["256"]
