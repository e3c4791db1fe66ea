"""The course's recordings for the trigger word, as SciPy and matplotlib read them."""

import os
from pathlib import Path

import numpy as np
import pytest

from tinygrad_dls import audio

pytestmark = pytest.mark.course
FOLDER = Path(os.environ.get("TINYGRAD_DLS_DATA", "nowhere")) / "trigger-word"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the course's trigger-word recordings are missing")
def test_every_recording_is_read_as_scipy_reads_it() -> None:
    wavfile, mlab = (pytest.importorskip(name) for name in ("scipy.io.wavfile", "matplotlib.mlab"))
    files = sorted(FOLDER.rglob("*.wav"))
    assert len(files) > 20
    for path in files:
        samples, rate = audio.read(path)
        their_rate, stored = wavfile.read(path)
        assert rate == their_rate == 44100 and stored.dtype == np.int16
        np.testing.assert_array_equal(samples, np.atleast_2d(stored.T) / np.float32(32768))
        if samples.shape[1] == 441_000:
            power = audio.spectrogram(samples[0] * 32768, rate=8000)  # as the notebook has it
            assert power.shape == (101, 5511)
            left = stored.T[0] if stored.ndim == 2 else stored
            expected = mlab.specgram(left.astype("float64"), 200, 8000, noverlap=120)[0]
            np.testing.assert_allclose(power, expected, rtol=1e-4, atol=1e-6)
