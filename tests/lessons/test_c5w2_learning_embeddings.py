"""Learning embeddings: five objectives on one text, and what they find."""

import pytest

METHODS = ("skip-gram, full softmax", "skip-gram, hierarchical", "skip-gram, negative",
           "CBOW, hierarchical", "CBOW, negative", "GloVe", "GloVe, X + 0.1")


def test_fast_on_the_made_text(run_lesson):
    run = run_lesson("c5w2-learning-embeddings", "--fast", "--data", "built-in")
    figures = run.figures
    chance = figures["results"]["random vectors"]
    for name in METHODS:
        assert figures["results"][name]["neighbours"] > chance["neighbours"] + 0.5, name
    assert figures["results"]["skip-gram, hierarchical"]["gender"] > 0.5
    broken = figures["broken"]
    assert broken["mean_cosine"]["0"] > broken["mean_cosine"]["5"] + 0.2
    assert broken["sum"]["right"] == pytest.approx(1)
    assert abs(broken["sum"]["no signs"] - 1) > 0.01
    assert "another vocabulary" in broken["refused"][0]
    assert figures["code"]["entropy"] <= figures["code"]["mean_length"]
    assert "wrong rows: [4] drawn: [1 4 4 9]" in run.said


@pytest.mark.slow
def test_the_whole_run_solves_analogies(run_lesson):
    results = run_lesson("c5w2-learning-embeddings", "--data", "built-in").figures["results"]
    for name in ("skip-gram, negative", "skip-gram, hierarchical", "GloVe, X + 0.1"):
        assert results[name]["gender"] > 0.5 and results[name]["capital"] > 0.5, name
    assert results["GloVe"]["capital"] < results["GloVe, X + 0.1"]["capital"]
