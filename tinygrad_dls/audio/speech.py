"""A small formant synthesizer: artificial speech out of phones, for data that need no recordings.

A voiced phone is a sum of harmonics of the pitch, each as loud as the resonances of the throat and
mouth (the formants) let it pass; a fricative is noise in a band; a stop is silence, then a burst.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._util.arguments import number
from .._util.keywords import near_names
from ..errors import DataError
from .samples import Array, checked_rate, positive

GLIDE = 0.03  # seconds in which one phone passes into the next
BANDWIDTHS = (90.0, 120.0, 170.0)  # of the formants, Hz
STRENGTHS = (1.0, 0.6, 0.3)
COARSE = 16  # samples
FALL = 0.1  # the pitch glides from this share above to this share below


class Phone(NamedTuple):
    """The sound of a phone: seconds, formants in Hz, loudness of the voice, and noise.

    noise: (lowest Hz, highest Hz, loudness) or None; stop: silence for its first 60 %.
    """

    seconds: float
    formants: tuple[float, float, float]
    voice: float = 1.0
    noise: tuple[float, float, float] | None = None
    stop: bool = False


_CENTRAL = (500.0, 1500.0, 2500.0)
PHONES = {  # ARPAbet; the formants of vowels are the men's of Peterson and Barney (1952)
    "IY": Phone(0.11, (270, 2290, 3010)), "IH": Phone(0.08, (390, 1990, 2550)),
    "EH": Phone(0.10, (530, 1840, 2480)), "AE": Phone(0.12, (660, 1720, 2410)),
    "AA": Phone(0.12, (730, 1090, 2440)), "AO": Phone(0.12, (570, 840, 2410)),
    "UH": Phone(0.08, (440, 1020, 2240)), "UW": Phone(0.12, (300, 870, 2240)),
    "AH": Phone(0.08, (640, 1190, 2390)), "ER": Phone(0.11, (490, 1350, 1690)),
    "M": Phone(0.07, (250, 1000, 2200), 0.5), "N": Phone(0.07, (250, 1500, 2500), 0.5),
    "L": Phone(0.06, (360, 1000, 2700), 0.7), "R": Phone(0.07, (340, 1200, 1600), 0.7),
    "W": Phone(0.06, (300, 650, 2200), 0.6), "Y": Phone(0.05, (280, 2200, 2900), 0.6),
    "S": Phone(0.11, _CENTRAL, 0.0, (3800, 7500, 0.35)),
    "Z": Phone(0.09, (300, 1600, 2500), 0.3, (3800, 7500, 0.2)),
    "SH": Phone(0.11, _CENTRAL, 0.0, (1900, 5500, 0.35)),
    "F": Phone(0.09, _CENTRAL, 0.0, (1200, 7500, 0.1)),
    "V": Phone(0.06, (300, 1200, 2300), 0.4, (1200, 7500, 0.05)),
    "TH": Phone(0.09, _CENTRAL, 0.0, (1500, 7000, 0.08)),
    "T": Phone(0.08, _CENTRAL, 0.0, (2800, 7000, 0.5), stop=True),
    "K": Phone(0.09, _CENTRAL, 0.0, (1200, 3500, 0.5), stop=True),
    "P": Phone(0.08, _CENTRAL, 0.0, (400, 2000, 0.4), stop=True),
    "D": Phone(0.06, (300, 1700, 2600), 0.2, (2500, 6000, 0.25), stop=True),
    "B": Phone(0.06, (300, 900, 2300), 0.2, (300, 1500, 0.25), stop=True),
    "G": Phone(0.06, (300, 1600, 2300), 0.2, (1100, 3000, 0.25), stop=True),
}


@near_names
def speak(
    phones: str | Sequence[str], rate: int = 16000, pitch: float = 120.0, tract: float = 1.0,
    tempo: float = 1.0, seed: int = 0,
) -> Array:
    """Speak phones, "F AY V" or a list of them: float32 (n,), its peak at .5.

    phones: ARPAbet's names, as far as `PHONES` has them; diphthongs are two: "AH IH" for AY.
    pitch: of the voice in Hz, about 120 for a man, 210 for a woman, 300 for a child. tract: factor
    of the formants; a shorter throat has higher ones, 1.15 for a woman, 1.3 for a child. tempo: 2
    is twice as fast. seed: of the noise. DataError for no phone and for one that is unknown.

    >>> from tinygrad_dls import audio
    >>> audio.speak("T UW", rate=16000, pitch=200.0, tract=1.15).shape
    (3200,)
    """
    names = phones.split() if isinstance(phones, str) else list(phones)
    if not names:
        raise DataError("there is no phone to speak")
    if strange := [name for name in names if name not in PHONES]:
        raise DataError(f"there is no phone {strange[0]!r}: it is one of {', '.join(PHONES)}")
    rate, pitch = checked_rate(rate), positive("pitch", pitch)
    tract, tempo = positive("tract", tract), positive("tempo", tempo)
    spoken = [PHONES[name] for name in names]
    counts = [max(round(phone.seconds / tempo * rate), 1) for phone in spoken]
    rng = np.random.default_rng(int(number("seed", seed)))
    wave = _voice(spoken, counts, rate, pitch, tract) + _noise(spoken, counts, rate, tract, rng)
    wave *= _edges(len(wave), rate)
    peak = np.abs(wave).max()
    return np.asarray(wave * (0.5 / peak if peak > 0 else 1), np.float32)


def _voice(
    spoken: list[Phone], counts: list[int], rate: int, pitch: float, tract: float
) -> Array:
    """The harmonics of all voiced phones, each as loud as the formants let it through."""
    total = sum(counts)
    loud = _track([0.0 if phone.stop else phone.voice for phone in spoken], counts, rate)
    falling = pitch * np.linspace(1 + FALL, 1 - FALL, total)
    phase = 2 * np.pi * np.cumsum(falling) / rate
    orders = np.arange(1, max(int(rate / 2 / (pitch * (1 + FALL))), 1) + 1)[:, None]
    # How loud each harmonic is changes slowly: known at every 16th sample, a line between.
    grid = np.minimum(np.arange(0, total + COARSE, COARSE), total - 1)
    hertz = orders * falling[grid]
    gain = np.zeros(hertz.shape)
    for i, (width, strength) in enumerate(zip(BANDWIDTHS, STRENGTHS, strict=True)):
        centre = tract * _track([phone.formants[i] for phone in spoken], counts, rate)[grid]
        gain += strength / (1 + ((hertz - centre) / width) ** 2)
    between = gain[:, :-1, None] + np.diff(gain)[:, :, None] * (np.arange(COARSE) / COARSE)
    wave, twice_cos = np.zeros(total), 2 * np.cos(phase)
    before, now = np.zeros(total), np.sin(phase)
    for loudness in between.reshape(len(orders), -1)[:, :total]:
        wave += loudness * now
        before, now = now, twice_cos * now - before  # sin((k + 1) x) from sin(k x), sin((k - 1) x)
    return np.asarray(wave * loud)


def _noise(
    spoken: list[Phone], counts: list[int], rate: int, tract: float, rng: np.random.Generator
) -> Array:
    """The noise of fricatives, and the bursts of stops."""
    wave, place = np.zeros(sum(counts)), 0
    for phone, count in zip(spoken, counts, strict=True):
        if phone.noise is not None:
            low, high, strength = phone.noise
            spectrum = np.fft.rfft(rng.standard_normal(count))
            hertz = np.fft.rfftfreq(count, 1 / rate)
            inside = (hertz >= low * tract) & (hertz <= high * tract)
            sound = np.fft.irfft(spectrum * inside, count) * strength
            if phone.stop:
                silent = int(0.6 * count)
                sound[:silent] = 0
                sound[silent:] *= np.linspace(1, 0, count - silent)
            else:
                sound *= _edges(count, rate)
            wave[place:place + count] += sound
        place += count
    return wave


def _track(values: list[Any], counts: list[int], rate: int) -> Array:
    """One value a phone as a value a sample, smoothed over `GLIDE` where phones meet."""
    steps = np.repeat(np.asarray(values, np.float64), counts)
    width = min(max(round(GLIDE * rate), 1), len(steps))
    padded = np.pad(steps, (width // 2, width - 1 - width // 2), mode="edge")
    sums = np.cumsum(np.concatenate([[0.0], padded]))
    return np.asarray((sums[width:] - sums[:-width]) / width)


def _edges(count: int, rate: int) -> Array:
    """1, and within 10 ms of either end less: a sound that begins suddenly clicks."""
    places = np.arange(count)
    return np.clip((np.minimum(places, count - 1 - places) + 1) / (0.01 * rate), 0, 1)
