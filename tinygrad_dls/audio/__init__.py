"""Sounds as arrays: WAV files, resampling, loudness, spectrograms and a small synthesizer."""

from .loudness import loudness as loudness
from .loudness import match_loudness as match_loudness
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
