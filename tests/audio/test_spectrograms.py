"""Spectrograms against matplotlib, SciPy and Parseval; loudness and resampling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import audio

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "nfft", "noverlap"), [
    (441_000, 200, 120), (1000, 200, 120), (201, 200, 120), (777, 64, 0), (500, 33, 20),
    (50, 3, 1)])
def test_it_is_the_spectrogram_of_matplotlib(n: int, nfft: int, noverlap: int) -> None:
    mlab = pytest.importorskip("matplotlib.mlab")
    x = RNG.normal(size=n) / 4
    expected, frequencies, times = mlab.specgram(x, NFFT=nfft, Fs=8000, noverlap=noverlap)
    power = audio.spectrogram(x, 8000, nfft, noverlap)
    assert power.shape == expected.shape == (nfft // 2 + 1, (n - noverlap) // (nfft - noverlap))
    np.testing.assert_allclose(power, expected, rtol=1e-9, atol=1e-16)
    np.testing.assert_allclose(np.arange(power.shape[0]) * 8000 / nfft, frequencies)
    hop = nfft - noverlap
    np.testing.assert_allclose((np.arange(power.shape[1]) * hop + nfft / 2) / 8000, times)
    if n == 441_000:
        assert power.shape == (101, 5511)


@given(st.integers(0, 1000), st.integers(3, 40), st.integers(0, 39))
def test_it_is_the_spectrogram_of_scipy(seed: int, nfft: int, noverlap: int) -> None:
    signal = pytest.importorskip("scipy.signal")
    noverlap %= nfft
    x = np.random.default_rng(seed).normal(size=(2, 100))
    window = np.hanning(nfft)
    expected = signal.spectrogram(x, 50, window, nfft, noverlap, detrend=False)[2]
    np.testing.assert_allclose(audio.spectrogram(x, 50, nfft, noverlap), expected, rtol=1e-8,
                               atol=1e-15)


def test_channels_dtypes_tensors_and_the_place_of_a_tone() -> None:
    x = np.stack([audio.tone(1000, 0.5, 8000, harmonics=[1]), np.zeros(4000, "float32")])
    power = audio.spectrogram(x, 8000)
    assert power.shape == (2, 101, 48) and power.dtype == np.float32
    assert (power[0, :, 5:-5].argmax(axis=0) == 25).all()  # 1000 Hz of 40 Hz a row
    assert (power[1] == 0).all() and (audio.decibels(power[1]) == -120).all()
    np.testing.assert_array_equal(audio.spectrogram(dls.Tensor(x[0]), 8000), power[0])


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: audio.spectrogram(np.zeros(199), 8000), dls.DataError, "199 samples"),
    (lambda: audio.spectrogram(np.zeros(0), 8000), dls.DataError, "empty"),
    (lambda: audio.spectrogram(np.zeros(500), 8000, 200, 200), dls.DataError, "noverlap"),
    (lambda: audio.spectrogram(np.zeros(500), 8000, 2, 0), dls.DataError, "at least 3"),
    (lambda: audio.spectrogram(np.zeros(500), 0), dls.DataError, "rate"),
    (lambda: audio.spectrogram(np.zeros(500, "int16"), 8000), dls.DtypeError, "32768"),
    (lambda: audio.decibels([-1.0]), dls.DataError, "already"),
    (lambda: audio.decibels([np.nan]), dls.DataError, "NaN"),
    (lambda: audio.match_loudness(np.zeros(5)), dls.DataError, "silent"),
    (lambda: audio.match_loudness(np.ones(5), np.inf), dls.DataError, "target"),
    (lambda: audio.resample(np.ones(5), 8000, 0), dls.DataError, "new_rate"),
    (lambda: audio.resample(np.ones(5), 7999, 10**10), dls.DataError, "samples at 10,000,000,000")])
def test_bad_input_is_named(call, error, said: str) -> None:
    with pytest.raises(error, match=said):
        call()


@given(st.floats(-60, 6), st.integers(0, 1000))
def test_loudness_is_that_of_the_mean_square(target: float, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(2, 50)).astype("float32")
    y = audio.match_loudness(x, target)
    assert y.dtype == np.float32
    assert 20 * np.log10(np.sqrt((y.astype("float64") ** 2).mean())) == pytest.approx(target,
                                                                                      abs=1e-4)
    np.testing.assert_allclose(y / x, (y / x).flat[0], rtol=1e-5)
    assert audio.loudness(np.zeros(5)) == -np.inf


@pytest.mark.parametrize(("rate", "new_rate"), [(44100, 16000), (8000, 44100), (48000, 44100)])
def test_a_tone_stays_a_tone_at_another_rate(rate: int, new_rate: int) -> None:
    pytest.importorskip("scipy")
    t, new_t = np.arange(rate) / rate, np.arange(new_rate) / new_rate
    x = np.stack([np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 1000 * t)])
    y = audio.resample(x, rate, new_rate)
    assert y.shape == (2, new_rate) and y.dtype == np.float32
    expected = np.stack([np.sin(2 * np.pi * 440 * new_t), np.cos(2 * np.pi * 1000 * new_t)])
    inside = slice(new_rate // 10, -new_rate // 10)  # the ends meet silence
    np.testing.assert_allclose(y[:, inside], expected[:, inside], atol=2e-3)


def test_what_the_new_rate_cannot_hold_is_filtered_out() -> None:
    pytest.importorskip("scipy")
    high = np.sin(2 * np.pi * 6000 * np.arange(44100) / 44100)
    assert audio.loudness(audio.resample(high, 44100, 8000)[400:-400]) < -50
    assert (audio.resample(high, 8000, 8000) == high.astype("float32")).all()
