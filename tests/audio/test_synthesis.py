"""The synthesizer: what its sounds hold, measured by Fourier transforms."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import audio


def strengths(sound: np.ndarray, rate: int) -> dict[int, float]:
    """The amplitude at each whole number of Hz of a sound of one second."""
    amplitudes = np.abs(np.fft.rfft(sound)) / (rate / 2)
    return {int(f): float(amplitudes[f]) for f in np.flatnonzero(amplitudes > 0.01)}


def test_a_tone_has_its_harmonics_and_none_that_would_fold_back() -> None:
    found = strengths(audio.tone(500, 1.0, 8000, amplitude=0.9, harmonics=[2, 1]), 8000)
    assert found == {500: pytest.approx(0.6, rel=0.02), 1000: pytest.approx(0.3, rel=0.02)}
    high = strengths(audio.tone(3000, 1.0, 8000, harmonics=[1, 1, 1]), 8000)
    assert high.keys() == {3000}  # 6000 would sound as 2000, 9000 as 1000


def test_a_tone_fades_in_and_out_and_decays() -> None:
    held = audio.tone(440, 1.0, 8000, amplitude=0.5)
    assert held.dtype == np.float32 and held.shape == (8000,)
    assert held[0] == held[-1] == 0 and 0.2 < np.abs(held).max() <= 0.5
    assert np.abs(held[:8]).max() < 0.1 * np.abs(held).max()
    plucked = audio.tone(440, 1.0, 8000, amplitude=0.5, decay=4)
    t = np.arange(8000) / 8000
    np.testing.assert_allclose(plucked, held * np.exp(-4 * t), atol=1e-6)


def test_pitches_are_those_of_midi() -> None:
    assert audio.pitch_to_hertz(60) == pytest.approx(261.6256, rel=1e-6)
    np.testing.assert_allclose(audio.pitch_to_hertz(np.array([21, 69, 81])), [27.5, 440, 880])


def test_a_tune_is_the_sum_of_its_tones() -> None:
    notes = [audio.Note(0.5, 0.5, 69, 0.5), (0.0, 1.0, 57), (0.25, 0.1, 76)]
    tune = audio.render(notes, 8000, decay=1)
    expected = np.zeros(8000)
    for start, seconds, hertz, loud in [(4000, 0.5, 440, 0.5), (0, 1.0, 220, 1),
                                        (2000, 0.1, 440 * 2 ** (7 / 12), 1)]:
        sound = audio.tone(hertz, seconds, 8000, loud, decay=1)
        expected[start:start + len(sound)] += sound
    assert tune.shape == (1, 8000) and tune.dtype == np.float32
    np.testing.assert_allclose(tune[0], expected * 0.9 / np.abs(expected).max(), atol=1e-6)
    assert (audio.render([(0.0, 0.5, 60, 0.0)]) == 0).all()


@pytest.mark.parametrize(("call", "said"), [
    (lambda: audio.tone(5000, 1, 8000), "rate above 10000"),
    (lambda: audio.tone(0, 1), "frequency"),
    (lambda: audio.tone(440, 0), "seconds"),
    (lambda: audio.tone(440, 1e-9), "less than one sample"),
    (lambda: audio.tone(440, 1, harmonics=[]), "harmonics"),
    (lambda: audio.tone(440, 1, harmonics=[1, -1]), "harmonics"),
    (lambda: audio.tone(440, 1, decay=-1), "decay"), (lambda: audio.render([]), "no note"),
    (lambda: audio.render([(0, 1, 60), (-1.0, 1, 60)]), "note 1.*before 0"),
    (lambda: audio.render([(0, 0, 60)]), "note 0.*seconds"),
    (lambda: audio.render([(0, 1)]), "note 0"), (lambda: audio.render([(0, 1, "C")]), "note 0"),
    (lambda: audio.render([(0, 1, 200)]), "note 0.*rate above")])
def test_bad_input_is_named(call, said: str) -> None:
    with pytest.raises(dls.DataError, match=said):
        call()
