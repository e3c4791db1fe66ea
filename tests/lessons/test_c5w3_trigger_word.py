"""Course 5, week 3, trigger word: clips are made right, the word is found, nothing looks ahead."""

import numpy as np
import pytest

from tinygrad_dls import audio
from tinygrad_dls.learn.loading import definitions
from tinygrad_dls.train.catalog import find_lesson

NAME = "c5w3-trigger-word"


@pytest.fixture(scope="module")
def lesson():
    return definitions(find_lesson(NAME).script)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("milliseconds", [2_500, 10_000])
def test_clips_have_their_words_apart_and_ones_behind_each(lesson, seed, milliseconds):
    rng = np.random.default_rng(seed)
    n = 441 * milliseconds // 10
    words = [np.ones(int(44100 * s)) for s in (0.3, 0.7)]
    x, y, ends = lesson.create_training_example(0.01 * rng.standard_normal(n), words, words, rng)
    frames = (n - 200) // 80 + 1
    assert x.shape == (101, frames) and y.shape == (1, (frames - 15) // 4 + 1)
    assert x.dtype == y.dtype == np.float32 and np.isfinite(x).all() and set(np.unique(y)) <= {0, 1}
    right = np.zeros(y.shape, np.float32)
    for end in ends:
        first = int(end * 1000 * y.shape[1] / milliseconds)
        right[0, first + 1:first + 51] = 1
    np.testing.assert_array_equal(y, right)


def test_near_misses_hold_at_most_seven_tenths_of_a_word(lesson):
    word, other = np.arange(1.0, 4001), -np.arange(1.0, 2001)
    longest = []
    for seed in range(300):
        made = lesson.near_miss([word], [other], np.random.default_rng(seed))
        assert np.isfinite(made).all() and made[0] == made[-1] == 0  # no click at either end
        forward = (np.diff(made) == 1) & (made[1:] > 0)
        breaks = np.flatnonzero(~np.concatenate([[False], forward, [False]]))
        longest.append(np.diff(breaks).max())
    assert 0.5 < max(longest) / len(word) <= 0.7


@pytest.mark.parametrize(("encoding", "channels", "rate"), [
    ("pcm_u8", 1, 44100), ("pcm_24", 2, 44100), ("pcm_32", 1, 48000), ("float", 2, 22050)])
def test_any_wav_file_becomes_ten_seconds_at_one_loudness(
    lesson, tmp_path, encoding, channels, rate
):
    sound = np.stack([audio.tone(600, 3.0, rate, amplitude=0.1)] * channels)
    audio.write(tmp_path / "a.wav", sound, rate, encoding=encoding)
    made = lesson.preprocess_audio(*audio.read(tmp_path / "a.wav"))
    assert made.shape == (441_000,) and audio.loudness(made) == pytest.approx(-20, abs=0.01)
    power = audio.spectrogram(made[:100_000], 44100, nfft=4410, noverlap=0).mean(axis=1)
    assert power.argmax() == 60  # 10 Hz a row


def test_the_chime_is_where_the_word_is_heard(lesson):
    sound, chime = np.zeros(441_000, np.float32), np.full(1000, 0.5, np.float32)
    mixed = lesson.chime_on_activate(sound, [10, 1374], chime)
    assert mixed.shape == sound.shape
    first = int(10 * 441_000 / 1375)
    np.testing.assert_array_equal(np.flatnonzero(mixed)[:1000], np.arange(first, first + 1000))
    assert mixed[-1] == 0.5  # the second one begins just before the end, and is cut


def test_fast_finds_synthesized_words(run_lesson):
    run = run_lesson(NAME, "--fast", "--data", "built-in")
    figures = run.figures
    assert figures["found"] > 60 and figures["false"] < 40 and figures["f1"] > 40
    assert figures["parameters"]["keras"] == 523_329
    assert figures["parameters"]["parameters"] == 522_425
    broken = figures["broken"]
    assert broken["future"]["one direction"] == 0 < broken["future"]["both directions"]
    assert broken["leaks"]["eval"] == 0 < broken["leaks"]["train"]
    assert broken["overlaps"]["True"] == 0
    for picture in ("idea", "test_clip", "training", "dev_clips", "chime"):
        assert (run.out / f"{picture}.png").is_file()
    sound, rate = audio.read(run.out / "chime_1.wav")
    assert sound.shape == (1, 441_000) and rate == 44100


@pytest.mark.slow
def test_a_long_run_leaves_recordings_out(run_lesson):
    left_out = run_lesson(NAME, "--fast", "--long", "--data", "built-in").figures["left_out"]
    assert list(left_out) == ["0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]
    assert all(0 <= figure <= 100 for scores in left_out.values() for figure in scores.values())
    assert left_out["0.5"]["found"] > 60


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes of training
@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_whole_run_finds_voices_it_never_heard(run_lesson, seed):
    figures = run_lesson(NAME, "--data", "built-in", "--seed", seed, timeout=1800).figures
    assert figures["found"] >= 90 and figures["false"] <= 10 and figures["f1"] > 60


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes of training
@pytest.mark.course
@pytest.mark.usefixtures("course")
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_course_s_recordings(run_lesson, seed):
    """Every seed finds the words; how many false ones two other words set off is chance, and with
    it the rounding of the last digit."""
    figures = run_lesson(NAME, "--seed", seed, timeout=3000).figures
    assert figures["found"] >= 90 and figures["false"] <= 25 and figures["f1"] > 80
