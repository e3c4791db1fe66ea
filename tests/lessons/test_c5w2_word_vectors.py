"""Word vectors: similarities, analogies, bias, and what few labels can do with them."""

import pytest


def test_fast_on_the_built_in_words(run_lesson):
    figures = run_lesson("c5w2-word-vectors", "--fast", "--data", "built-in").figures
    assert abs(figures["similar"]["father/mother"] - 0.8909) < 0.003
    assert figures["transfer"]["glove"]["1"] > 60 > 20 > figures["transfer"]["one-hot"]["5"]
    assert figures["equalized"]["after"][0] == pytest.approx(-figures["equalized"]["after"][1])
    published = figures["broken"]["published_2017"]
    assert published["man woman"]["apart"][0] == pytest.approx(published["man woman"]["apart"][1])
    assert published["actor actress"]["apart"][1] < 0.8 * published["actor actress"]["apart"][0]
    assert published["actor actress"]["length"][0] == pytest.approx(1)
    assert figures["broken"]["echo"] == "king" and abs(figures["broken"]["undivided"]) > 0.01


@pytest.mark.slow
def test_the_whole_run_counts_analogies(run_lesson):
    figures = run_lesson("c5w2-word-vectors", "--data", "built-in").figures
    analogies = figures["analogies"]
    assert all(found["nearest"] > 50 for name, found in analogies.items() if name != "past tense")
    assert analogies["past tense"]["nearest"] > 30  # 50 numbers a word tell tenses poorly
    assert figures["analogies"]["nationality"]["nearest"] > 90
    assert figures["analogies"]["plural"]["nearest"] > figures["analogies"]["plural"]["direction"]
    assert figures["transfer"]["glove"]["10"] > 90
    assert figures["neighbours_still_lean"] > 0.3
    assert figures["map"]["t-SNE"] > figures["map"]["PCA"]
