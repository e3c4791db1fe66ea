"""Course 5, week 3, language translation: BLEU, beam search, whom to blame, mistakes."""

import pytest


def test_fast_measures_searches_and_names_what_is_planted(run_lesson):
    run = run_lesson("c5w3-language-translation", "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["loss"][1] < 0.7 * figures["loss"][0]
    assert figures["mean_score"]["beam"] >= figures["mean_score"]["greedy"] - 1e-4
    assert figures["bleu"]["word_by_word"] > figures["bleu"]["copy"]
    lengths = [figures["alpha"][alpha]["length"] for alpha in ("0.0", "0.7", "1.0")]
    assert lengths == sorted(lengths)
    broken = figures["broken"]
    assert broken["coupling"] == ["dS", "dH", "dW"]
    assert broken["H averaged only"] == ["dH"]
    assert broken["leak"]["mask"] < 1e-12 < 0.01 < broken["leak"]["no mask"]
    assert broken["cheat"]["loss"] < broken["cheat"]["honest_loss"]
    assert "context" in broken["refused"]["too long"]
    assert "our BLEU is sacrebleu's" in run.said
    for picture in ("idea", "loss", "attention", "beam_width"):
        assert (run.out / f"{picture}.png").is_file()


def test_it_runs_without_sacrebleu(run_lesson, monkeypatch):
    monkeypatch.setenv("TINYGRAD_DLS_TEST_WITHOUT", "sacrebleu")
    run = run_lesson("c5w3-language-translation", "--fast", "--data", "built-in")
    assert "needs the package sacrebleu" in run.said


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_run_translates_unseen_combinations(run_lesson, seed):
    run = run_lesson("c5w3-language-translation", "--data", "built-in", "--seed", seed)
    figures = run.figures
    assert figures["exact"]["beam"] > 90
    assert figures["bleu"]["beam"] > figures["bleu"]["word_by_word"] + 7
    assert figures["bleu"]["word_by_word"] > figures["bleu"]["copy"]
