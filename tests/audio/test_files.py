"""WAV files against SciPy and the standard library, and files that are none."""

import io
import struct
import tempfile
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import audio

RNG = np.random.default_rng(0)
BITS = {"pcm_u8": 8, "pcm_16": 16, "pcm_24": 24, "pcm_32": 32}


def samples_of(channels: int, n: int = 501) -> np.ndarray:
    return RNG.uniform(-1, 1, (channels, n)).astype("float32")


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("encoding", BITS)
def test_what_is_written_is_rounded_once_and_read_back(
    tmp_path: Path, encoding: str, channels: int
) -> None:
    x, path = samples_of(channels), tmp_path / "a.wav"
    audio.write(path, x, 22050, encoding)
    y, rate = audio.read(str(path))
    assert rate == 22050 and y.dtype == np.float32 and y.shape == x.shape
    step = 2.0 ** (1 - BITS[encoding])
    assert np.abs(y - x).max() <= max(step / 2, 6e-8) * 1.0001 + step * (x.max() > 1 - step)
    audio.write(path, y, 22050, encoding)
    np.testing.assert_array_equal(audio.read(path)[0], y)  # a second time nothing changes
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_files_of_scipy_are_read(tmp_path: Path, dtype: str, channels: int) -> None:
    wavfile = pytest.importorskip("scipy.io.wavfile")
    kind = np.dtype(dtype)
    if kind.kind == "f":
        stored, expected = (x := samples_of(channels).T.astype(kind)), x
    else:
        limits = np.iinfo(kind)
        stored = RNG.integers(limits.min, limits.max, (501, channels), kind, endpoint=True)
        stored[0], stored[1] = limits.min, limits.max
        middle = 128 if dtype == "uint8" else 0
        expected = (stored.astype("float64") - middle) / 2.0 ** (8 * kind.itemsize - 1)
    wavfile.write(tmp_path / "a.wav", 8000, stored)
    y, rate = audio.read(tmp_path / "a.wav")
    assert rate == 8000
    np.testing.assert_array_equal(y, expected.T.astype("float32"))


@pytest.mark.parametrize("encoding", [*BITS, "float"])
def test_scipy_reads_what_is_written(tmp_path: Path, encoding: str) -> None:
    wavfile = pytest.importorskip("scipy.io.wavfile")
    x = samples_of(2)
    audio.write(tmp_path / "a.wav", x, 44100, encoding)
    rate, stored = wavfile.read(tmp_path / "a.wav")
    assert rate == 44100 and stored.shape == (501, 2)
    if encoding == "float":
        np.testing.assert_array_equal(stored.T, x)
        return
    bits = BITS[encoding]
    whole = np.minimum(np.rint(x.T.astype("float64") * 2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    whole = whole + 128 if bits == 8 else whole * 256 if bits == 24 else whole  # as SciPy has it
    np.testing.assert_array_equal(stored, whole)


@settings(max_examples=30)
@given(st.integers(1, 4), st.sampled_from([1, 2, 3, 4]), st.binary(min_size=16, max_size=96))
def test_any_samples_of_the_standard_library_are_read(channels, width: int, body: bytes) -> None:
    body = body[:len(body) // (channels * width) * channels * width]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(16000)
        out.writeframes(body)
    numbers = [int.from_bytes(body[i:i + width], "little", signed=width > 1)
               for i in range(0, len(body), width)]
    expected = [(n - 128) / 128 if width == 1 else n / 2 ** (8 * width - 1) for n in numbers]
    y = read_bytes(file.getvalue())
    np.testing.assert_array_equal(y.T.reshape(-1), np.float32(expected))


def read_bytes(content: bytes) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        path.write_bytes(content)
        return audio.read(path)[0]


def wav(body: bytes, kind: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16,
        longer: bytes = b"", between: bytes = b"", size: int | None = None,
        riff: int | None = None) -> bytes:
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * channels * bits // 8,
                       channels * bits // 8, bits) + longer
    rest = (b"WAVEfmt " + struct.pack("<I", len(head)) + head + between + b"data"
            + struct.pack("<I", len(body) if size is None else size) + body)
    return b"RIFF" + struct.pack("<I", len(rest) if riff is None else riff) + rest


def test_extensible_headers_other_chunks_and_pipes_are_read() -> None:
    body = struct.pack("<4h", 0, 16384, -16384, -32768)
    expected = [[0, 0.5, -0.5, -1]]
    rest = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"  # of the identifiers of formats
    extensible = struct.pack("<HHIH", 22, 16, 4, 1) + rest
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    for content in (wav(body), wav(body, 0xFFFE, longer=extensible), wav(body, between=odd),
                    wav(body) + odd, wav(body, size=0, riff=0),
                    wav(body, size=0xFFFFFFFF, riff=0xFFFFFFFF)):
        assert read_bytes(content).tolist() == expected


GOOD = wav(b"\1\2" * 50)


@pytest.mark.parametrize(("content", "error", "said"), [
    (b"", dls.FormatError, "not a WAV"), (b"ID3" + b"\0" * 99, dls.FormatError, "not a WAV"),
    (b"RIFF\0\0\0\0AVI ", dls.FormatError, "not a WAV"),
    (b"RF64" + GOOD[4:], dls.FormatError, "RF64"),
    (GOOD[:-1], dls.FormatError, "99 of 100 bytes"), (GOOD[:40], dls.FormatError, "no samples"),
    (GOOD[:20], dls.FormatError, "corrupt"), (GOOD[:12], dls.FormatError, "how it is encoded"),
    (GOOD[:12] + GOOD[36:], dls.FormatError, "before their format"),
    (wav(b"\1\2\3"), dls.FormatError, "not whole"), (wav(b""), dls.DataError, "empty"),
    (wav(b"") + b"LIST\4\0\0\0abcd", dls.DataError, "empty"),
    (wav(b"\0" * 8, 7, bits=8), dls.FormatError, "mu-law"),
    (wav(b"\0" * 8, 0x99), dls.FormatError, "0x99"),
    (wav(b"\0" * 8, bits=12), dls.FormatError, "12 bits"),
    (wav(b"\0" * 8, channels=0), dls.FormatError, "0 channels"),
    (wav(b"\0" * 8, rate=0), dls.FormatError, "0 Hz"),
    (wav(struct.pack("<2f", 0, np.nan), 3, bits=32), dls.FormatError, "NaN")])
def test_spoilt_files_are_named(tmp_path: Path, content: bytes, error, said: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(error, match=said) as caught:
        audio.read(path)
    assert str(path) in str(caught.value)


def test_a_file_cut_anywhere_is_never_read_as_a_shorter_one(tmp_path: Path) -> None:
    for length in range(len(GOOD)):
        (tmp_path / "a.wav").write_bytes(GOOD[:length])
        with pytest.raises(dls.FormatError):
            audio.read(tmp_path / "a.wav")
    with pytest.raises(dls.DataError, match="no file"):
        audio.read(tmp_path / "none.wav")


@pytest.mark.parametrize(("samples", "options", "error", "said"), [
    ([0.5, 1.25], {}, dls.DataError, "1.25"), (np.zeros(0), {}, dls.DataError, "empty"),
    (np.zeros((2, 0)), {}, dls.DataError, "empty"),
    (np.zeros((99, 2)), {}, dls.ShapeError, "samples.T"),
    (np.zeros((1, 2, 3)), {}, dls.ShapeError, "channels"),
    (np.zeros(5, "int16"), {}, dls.DtypeError, "32768"), ([np.nan], {}, dls.DataError, "NaN"),
    ([0.0], {"rate": 0}, dls.DataError, "rate"), ([0.0], {"rate": 44.1}, dls.DataError, "rate"),
    ([0.0], {"encoding": "mp3"}, dls.DataError, "encoding")])
def test_what_cannot_be_written_leaves_the_old_file(
    tmp_path: Path, samples, options, error, said: str
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(GOOD)
    with pytest.raises(error, match=said):
        audio.write(path, samples, **{"rate": 8000, **options})
    assert path.read_bytes() == GOOD and len(list(tmp_path.iterdir())) == 1


def test_tensors_loud_floats_and_one_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write(path, dls.Tensor([1.0, -1.0], requires_grad=True), 8000)
    assert audio.read(path)[0].tolist() == [[32767 / 32768, -1.0]]
    audio.write(path, np.array([2.5, -3.0]), 8000, "float")
    assert audio.read(path)[0].tolist() == [[2.5, -3.0]]
