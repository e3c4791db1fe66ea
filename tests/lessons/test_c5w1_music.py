"""Course 5, week 1, music: both ways agree, it learns by heart, and what it plays can be read."""

import numpy as np
import pytest

from tinygrad_dls import audio

NAME = "c5w1-music"


def test_fast_learns_and_plays(run_lesson):
    mido = pytest.importorskip("mido")
    run = run_lesson(NAME, "--fast", "--data", "built-in")
    figures = run.figures
    start = 29 * np.log(figures["n_values"])
    assert figures["loss"]["0"] == pytest.approx(start, abs=1)
    assert figures["engine"]["loss"]["0"] == pytest.approx(figures["loss"]["0"], abs=1e-9)
    assert figures["loss"]["120"] < 15
    heldout = figures["heldout_loss"]
    assert heldout[str(figures["best_step"])] < 0.85 * heldout["0"]
    assert figures["improvised"]["by_heart"]["0.5"]["in_scale"] > 90
    broken = figures["broken"]
    assert broken["cut"] == ["dWx", "dWa", "db"]
    assert broken["order"]["i f o g"] > 5 * broken["order"]["i f g o"]
    assert broken["memory"]["False"] == 0 < broken["memory"]["True"]
    for picture in ("idea", "losses", "improvisations", "music"):
        assert (run.out / f"{picture}.png").is_file()
    sound, rate = audio.read(run.out / "improvisation.wav")
    assert 0.5 < np.abs(sound).max() <= 1
    played = [m for m in mido.MidiFile(run.out / "improvisation.mid") if m.type == "note_on"]
    assert len(played) > 48 and sum(m.time for m in mido.MidiFile(
        run.out / "improvisation.mid")) == pytest.approx(sound.shape[1] / rate, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_whole_run_reaches_the_course_s_loss(run_lesson, seed):
    figures = run_lesson(NAME, "--data", "built-in", "--seed", seed).figures
    assert figures["loss"]["300"] < 7
    heldout = figures["heldout_loss"]
    assert max(heldout.values()) > heldout[str(figures["best_step"])] + 5
