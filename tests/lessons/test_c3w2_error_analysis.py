"""Course 3, week 2, error analysis: ceilings against what fixes reach, wrong labels found."""

import csv

import pytest


def test_fast_fills_the_sheet_and_finds_wrong_labels(run_lesson):
    run = run_lesson("c3w2-error-analysis", "--fast")
    figures = run.figures
    with (run.out / "spreadsheet.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) > 20
    error = figures["dev_error"]
    for line in figures["sheet"].values():
        assert line["ceiling"] == pytest.approx(error * (1 - line["share"] / 100))
    assert figures["agreement"]["faint"]["recall"] > 80
    finding = figures["finding"]
    assert finding["random"]["loss"]["hits"] > finding["random"]["at random"]["hits"] + 20
    assert finding["systematic"]["influence"]["hits"] > finding["systematic"]["loss"]["hits"]
    by_heart = figures["broken"]["by_heart"]
    assert by_heart["hits"] < by_heart["hits_unseen"] - 8
    assert "wrong sign" in run.said


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_run_measures_every_fix(run_lesson, seed):
    figures = run_lesson("c3w2-error-analysis", "--seed", seed).figures
    fixes = figures["fixes"]
    assert fixes["label"]["reached"] > 0.75
    assert all(fix["after"] > fix["ceiling"] - 1.0 for fix in fixes.values())
    shares = figures["by_share"]
    assert shares["systematic"]["0.1"] > shares["random"]["0.1"] + 2
