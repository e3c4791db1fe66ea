"""Artificial speech: its formants are where the table says, and noise is where it must be."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import audio
from tinygrad_dls.audio.speech import PHONES

RATE = 16000


def strongest(sound: np.ndarray, low: float, high: float) -> float:
    """The frequency in Hz with most power between low and high, of a smoothed spectrum."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16000)) ** 2  # 1 Hz a bin
    smooth = np.convolve(power, np.hanning(250), "same")
    return float(low + smooth[int(low):int(high)].argmax())


@pytest.mark.parametrize("vowel", ["IY", "EH", "AA", "UW"])
@pytest.mark.parametrize("tract", [1.0, 1.2])
def test_a_vowel_has_its_first_two_formants(vowel: str, tract: float) -> None:
    sound = audio.speak([vowel] * 4, RATE, pitch=100, tract=tract)
    first, second, _ = PHONES[vowel].formants
    middle = tract * (first + second) / 2
    assert strongest(sound, 150, middle) == pytest.approx(tract * first, abs=80)
    assert strongest(sound, middle, 1.3 * tract * second) == pytest.approx(tract * second, abs=100)


def test_a_fricative_is_noise_in_its_band_and_a_stop_begins_silent() -> None:
    power = np.abs(np.fft.rfft(audio.speak("S S S", RATE))) ** 2
    hertz = np.fft.rfftfreq(2 * (len(power) - 1), 1 / RATE)
    assert power[(hertz > 3500) & (hertz < 7800)].sum() > 0.95 * power.sum()
    stop = audio.speak("K", RATE)
    silent = int(0.6 * len(stop))
    assert not stop[:silent].any() and np.abs(stop[silent:]).max() == pytest.approx(0.5)


def test_speech_is_seeded_and_has_its_length_and_peak() -> None:
    word = audio.speak("S IH K S", RATE, seed=3)
    np.testing.assert_array_equal(word, audio.speak(["S", "IH", "K", "S"], RATE, seed=3))
    assert np.abs(word - audio.speak("S IH K S", RATE, seed=4)).max() > 0.01
    assert word.dtype == np.float32 and np.abs(word).max() == pytest.approx(0.5)
    seconds = sum(PHONES[name].seconds for name in ("S", "IH", "K", "S"))
    assert len(word) == pytest.approx(seconds * RATE, abs=4)
    assert len(audio.speak("S IH K S", RATE, tempo=2)) == pytest.approx(len(word) / 2, abs=4)


@pytest.mark.parametrize("pitch", [150, 180, 210])
def test_the_pitch_is_the_one_asked_for(pitch: float) -> None:
    sound = audio.speak("IY IY IY IY", RATE, pitch=pitch).astype("float64")
    products = np.correlate(sound, sound, "full")[len(sound) - 1:]
    period = 55 + products[55:130].argmax()  # 123 to 290 Hz
    assert RATE / period == pytest.approx(pitch, rel=0.05)


@pytest.mark.parametrize(("call", "said"), [
    (lambda: audio.speak(""), "no phone to speak"),
    (lambda: audio.speak("Q IY"), "no phone 'Q'"),
    (lambda: audio.speak("AA", pitch=0), "pitch"),
    (lambda: audio.speak("AA", tempo=-1), "tempo"),
    (lambda: audio.speak("AA", rate=0), "rate")])
def test_bad_input_is_named(call, said: str) -> None:
    with pytest.raises(dls.DataError, match=said):
        call()
