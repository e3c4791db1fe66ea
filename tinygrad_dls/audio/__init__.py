"""Sounds as arrays: WAV files, resampling, loudness, spectrograms, synthesizers; tunes and MIDI."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from .abc_notation import Tune as Tune
from .abc_notation import read_abc as read_abc
from .loudness import loudness as loudness
from .loudness import match_loudness as match_loudness
from .midi import write_midi as write_midi
from .reading import read as read
from .resampling import resample as resample
from .spectrograms import decibels as decibels
from .spectrograms import spectrogram as spectrogram
from .speech import speak as speak
from .synthesis import Note as Note
from .synthesis import pitch_to_hertz as pitch_to_hertz
from .synthesis import render as render
from .synthesis import tone as tone
from .writing import write as write

_answer_wrong_names(globals())
