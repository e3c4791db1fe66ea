"""Course 3, week 2, data mismatch: each table of errors comes out of a trained model."""

import pytest


def test_fast_finds_each_trouble(run_lesson):
    figures = run_lesson("c3w2-data-mismatch", "--fast").figures
    found = figures["diagnosis"]
    assert found["scans only"][0] == "data mismatch"
    assert "avoidable bias" in found["linear, two epochs"]
    assert "variance" in found["80 scans"]
    assert "overfitting to dev" in found["tuned on 20"]
    one, many = figures["artificial"]["1"], figures["artificial"]["500"]
    assert one["train_dev"] < one["dev"] - 15 and many["dev"] < one["dev"] - 12
    assert figures["broken"]["chosen"] == {"mixture": "A", "dev": "B"}
    assert figures["broken"]["kinds"]["train, dev taken for train-dev"].startswith("NOT one kind")


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_run_closes_the_gap(run_lesson, seed):
    figures = run_lesson("c3w2-data-mismatch", "--seed", seed).figures
    remedies = figures["remedies"]
    assert remedies["all scans"] > 50 and remedies["artificial and car"] < 20
    assert abs(remedies["half of the scans"] - remedies["all scans"]) < 12
    assert figures["artificial"]["1"]["dev"] > figures["artificial"]["64"]["dev"] + 15
    assert figures["by_background"]["dark"] > figures["by_background"]["light"]
