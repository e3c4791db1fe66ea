"""Spectrograms: how much power a sound has, moment by moment, at each frequency."""

from typing import Any

import numpy as np

from .._util.arguments import is_whole
from .._util.keywords import near_names
from ..errors import DataError
from .samples import Array, checked, checked_rate


@near_names
def spectrogram(samples: Any, rate: int, nfft: int = 200, noverlap: int = 120) -> Array:
    """Compute the power spectral density of (n,) or (channels, n): (..., nfft // 2 + 1, frames).

    Each frame is `nfft` samples under a Hann window, and shares `noverlap` of them with the next:
    frames = (n - noverlap) // (nfft - noverlap), so that 10 s at 44,100 Hz give (101, 5511). Row i
    is the frequency i * rate / nfft in Hz, column j the time (j * (nfft - noverlap) + nfft / 2) /
    rate in s. The values, power per Hz, are those of matplotlib's `specgram`; the rate scales them
    and changes nothing else. Silence has power 0: `decibels` has a floor for it. float32 samples
    give float32. DataError for a clip shorter than a frame.

    >>> from tinygrad_dls import audio
    >>> power = audio.spectrogram(audio.tone(1000, 10.0, rate=44100), rate=44100)
    >>> power.shape, int(power.mean(axis=1).argmax())     # row 5: about 5 * 44100 / 200 Hz
    ((101, 5511), 5)
    """
    x, rate = checked(samples), checked_rate(rate)
    if not is_whole(nfft, least=3) or not is_whole(noverlap) or noverlap >= nfft:
        raise DataError("nfft is a whole number of at least 3 and noverlap a smaller one, not "
                        f"{nfft!r} and {noverlap!r}")
    nfft, hop = int(nfft), int(nfft) - int(noverlap)
    if x.shape[-1] < nfft:
        raise DataError(f"the clip has {x.shape[-1]} samples, fewer than a frame (nfft={nfft})")
    window = np.hanning(nfft)
    frames = np.lib.stride_tricks.sliding_window_view(x, nfft, axis=-1)[..., ::hop, :]
    power = np.abs(np.fft.rfft(frames * window, axis=-1)) ** 2
    # One-sided: every frequency but 0 and half the rate also stands for its negative.
    power[..., 1:(nfft + 1) // 2] *= 2
    power /= rate * np.square(window).sum()
    return np.ascontiguousarray(power.swapaxes(-1, -2), x.dtype)


@near_names
def decibels(power: Any, lowest: float = -120.0) -> Array:
    """Return 10 log10(power), at least `lowest`, which is what silence becomes.

    >>> import numpy as np
    >>> from tinygrad_dls import audio
    >>> audio.decibels(np.array([1.0, 0.001, 0.0]))
    array([   0.,  -30., -120.])
    """
    values = np.asarray(power)
    if values.size and not values.min() >= 0:
        raise DataError("power is at least 0 and not NaN: are these decibels already?")
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(10 * np.log10(values), lowest))
