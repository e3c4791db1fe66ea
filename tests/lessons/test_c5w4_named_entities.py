"""Course 5, week 4: labels for the parts of addresses."""

import pytest

from tinygrad_dls.data import sources


def test_fast_beats_the_dictionary_and_never_reads_padding(run_lesson):
    figures = run_lesson("c5w4-named-entities", "--fast", "--data", "built-in").figures
    compared = figures["compared"]
    assert figures["f1"] > compared["dictionary"]["f1"] + 0.1
    assert figures["broken"]["leak"]["within its length"] < 1e-5
    assert figures["broken"]["leak"]["padding read"] > 1e-3
    assert figures["broken"]["by_heart"] > figures["broken"]["honest"]


@pytest.mark.slow
def test_the_whole_run_finds_nine_of_ten_parts(run_lesson):
    run = run_lesson("c5w4-named-entities", "--seed", "2", "--data", "built-in", timeout=900)
    assert run.figures["f1"] > 0.9
    assert run.figures["compared"]["tagger"]["word_accuracy"] > 95


@pytest.mark.slow
def test_addresses_that_people_labelled(run_lesson):
    if not sources.locating.cached(sources.find("us-addresses")):
        pytest.skip("tinygrad-dls data fetch us-addresses brings the real set")
    run = run_lesson("c5w4-named-entities", "--data", "cache", timeout=900)
    assert run.figures["f1"] > 0.9
