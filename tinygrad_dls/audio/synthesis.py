"""A small additive synthesizer: a tone is a sum of sines, a tune a sum of tones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._util.arguments import number
from .._util.keywords import near_names
from ..errors import DataError
from .samples import Array, checked_rate, positive

HARMONICS = (1.0, 0.5, 0.25, 0.12, 0.06)  # a mellow organ
FADE = 0.01  # seconds in which a tone comes and goes; a sudden end clicks
PEAK = 0.9  # of the loudest sample of a tune


class Note(NamedTuple):
    """One note of a tune: seconds, seconds, and a pitch of MIDI, 60 for middle C.

    >>> from tinygrad_dls import audio
    >>> audio.Note(start=0.0, duration=0.5, pitch=69).loudness
    1.0
    """

    start: float
    duration: float
    pitch: float
    loudness: float = 1.0


@near_names
def pitch_to_hertz(pitch: Any) -> Any:
    """Return the frequency of pitches of MIDI, numbers or an array: 69 is A4 of 440 Hz.

    >>> from tinygrad_dls import audio
    >>> audio.pitch_to_hertz(69), audio.pitch_to_hertz(57)
    (440.0, 220.0)
    """
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


@near_names
def tone(
    frequency: float, seconds: float, rate: int = 44100, amplitude: float = 0.5,
    harmonics: Sequence[float] = HARMONICS, decay: float = 0.0,
) -> Array:
    """Make a tone: float32 (round(seconds * rate),), its peak at most `amplitude`.

    harmonics: how strong its 1, 2, 3 ... fold frequencies are; those from half the rate on are
    left out, since they would sound as others. decay: how fast it fades, exp(-decay * t); 0 holds,
    4 sounds plucked. It begins and ends within 10 ms, so that it does not click.

    >>> from tinygrad_dls import audio
    >>> audio.tone(440, 0.25, rate=8000).shape
    (2000,)
    """
    frequency, seconds = positive("frequency", frequency), positive("seconds", seconds)
    rate, amplitude = checked_rate(rate), number("amplitude", amplitude)
    strengths = np.asarray(harmonics, np.float64)
    if strengths.ndim != 1 or not (strengths >= 0).all() or not strengths.sum() > 0:
        raise DataError(f"harmonics are strengths of at least 0, one of them above, not "
                        f"{harmonics!r}")
    if not 0 <= number("decay", decay) < np.inf or not 0 <= amplitude < np.inf:
        raise DataError(f"decay and amplitude are at least 0, not {decay!r} and {amplitude!r}")
    if frequency >= rate / 2:
        raise DataError(f"{frequency:g} Hz needs a rate above {2 * frequency:g}, not {rate}")
    count = round(seconds * rate)
    if count == 0:
        raise DataError(f"{seconds:g} s at {rate} samples per second are less than one sample")
    t = np.arange(count) / rate
    wave = np.zeros(count)
    for order, strength in enumerate(strengths, 1):
        if order * frequency < rate / 2:
            wave += strength * np.sin(2 * np.pi * order * frequency * t)
    left = (count - 1) / rate - t
    envelope = np.exp(-decay * t) * np.clip(np.minimum(t, left) / FADE, 0, 1)
    return np.asarray(wave * envelope * (amplitude / strengths.sum()), np.float32)


@near_names
def render(
    notes: Iterable[Note | Sequence[float]], rate: int = 44100,
    harmonics: Sequence[float] = HARMONICS, decay: float = 2.0,
) -> Array:
    """Play notes together: float32 (1, n), as `audio.write` takes it, its peak at .9.

    notes: of (start, duration, pitch) or Note, in any order; chords are notes that overlap.
    DataError for no note, and for one that begins before 0 or has no duration.

    >>> from tinygrad_dls import audio
    >>> audio.render([(0.0, 0.5, 60), (0.5, 0.5, 64), (0.5, 1.0, 67)], rate=8000).shape
    (1, 12000)
    """
    rate = checked_rate(rate)
    placed = []
    for place, given in enumerate(notes):
        try:
            note = Note(*given)
            start = round(number("start", note.start) * rate)
            if start < 0:
                raise DataError(f"it starts at {note.start} s, before 0")
            sound = tone(pitch_to_hertz(note.pitch), note.duration, rate, note.loudness, harmonics,
                         decay)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"note {place}, {given!r}: {error}") from None
        placed.append((start, sound))
    if not placed:
        raise DataError("there is no note to play")
    tune = np.zeros(max(start + len(sound) for start, sound in placed))
    for start, sound in placed:
        tune[start:start + len(sound)] += sound
    peak = np.abs(tune).max()
    return np.asarray(tune * (PEAK / peak if peak > 0 else 1), np.float32)[None]
