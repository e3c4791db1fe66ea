"""Course 3, week 1, human-level performance: diagnoses of models that were really trained."""

import pytest


@pytest.mark.parametrize("options", [
    ("--fast",), pytest.param(("--seed", "2"), marks=pytest.mark.slow)])
def test_the_diagnosis_depends_on_who_is_asked_and_remedies_on_it(run_lesson, options):
    figures = run_lesson("c3w1-human-level-performance", *options).figures
    bayes, human = figures["bayes"]["exact"], figures["human"]
    assert bayes == pytest.approx(17.581, abs=0.001)  # the integral, to three digits
    assert human["typical person"] > human["expert"] > human["team of five experts"] > bayes - 1.5
    found = {name: d["work on"] for name, d in figures["diagnoses"].items()}
    assert found["typical person"] == "unknown"
    assert found["team of five experts"] == found["the truth"] == "avoidable bias"
    linear, few = figures["remedies"].values()
    assert linear["larger network"]["avoidable bias"] < linear["as it is"]["avoidable bias"] - 15
    assert few["ten times the data"]["variance"] < few["as it is"]["variance"] - 15
    taught = figures["taught"]["typical persons"]
    assert taught["network"] < taught["labels"] - 2
    assert figures["tabular"]["the linear model"] < figures["tabular"]["seven in mind"] - 4
    assert figures["broken"]["plausible"]["all patients"] == []
