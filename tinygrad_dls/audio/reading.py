"""Reading WAV files: integers of 8, 16, 24 and 32 bits, floats of 32 and 64."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, FormatError
from .samples import Array

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
COMPRESSED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "ADPCM", 0x50: "MPEG", 0x55: "MP3"}
UNKNOWN = (0, 0xFFFFFFFF)  # the sizes in a file that was written to a pipe: to its end


class Encoding(NamedTuple):
    """The number format that a WAV file declares."""

    kind: int
    channels: int
    rate: int
    bits: int


@near_names
def read(path: str | Path) -> tuple[Array, int]:
    """Read a WAV file: samples float32 (channels, n) from -1 to 1, and samples per second.

    Integers are divided by their range: 16 bits by 32768. Those of 32 bits and floats of 64 are
    rounded to float32. DataError for a file that is not there or has no samples; FormatError for
    one that is cut short, corrupt, compressed or no WAV file.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from tinygrad_dls import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audio.write(Path(folder) / "a.wav", audio.tone(440, 0.5), 44100)
    ...     samples, rate = audio.read(Path(folder) / "a.wav")
    >>> samples.shape, samples.dtype, rate
    ((1, 22050), dtype('float32'), 44100)
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    content = path.read_bytes()
    if content[:4] in (b"RF64", b"RIFX"):
        raise FormatError(f"{path} is a WAV file of the kind {content[:4].decode()}, which is not "
                          "read; `ffmpeg -i OLD NEW.wav` makes the usual kind of it")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise FormatError(f"{path} is not a WAV file; `ffmpeg -i OLD NEW.wav` makes one of "
                          "most others")
    encoding = None
    for name, body, size in _chunks(content):
        if name == b"fmt ":
            encoding = _encoding(body, path)
        elif name == b"data":
            if encoding is None:
                raise FormatError(f"{path} is corrupt: its data come before their format")
            if size > len(body):
                raise FormatError(f"{path} is cut short: it has {len(body)} of {size} bytes of "
                                  "samples")
            return _samples(body, encoding, path), encoding.rate
    raise FormatError(f"{path} is corrupt: there are no samples in it"
                      if encoding else f"{path} is corrupt: it does not say how it is encoded")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """(name, bytes that are there, size it says) of each chunk of a RIFF file."""
    place, streamed = 12, struct.unpack_from("<I", content, 4)[0] in UNKNOWN
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if name == b"data" and streamed and size in UNKNOWN:
            size = len(content) - place
        yield name, content[place:place + size], size
        place += size + size % 2  # chunks begin at even places


def _encoding(body: bytes, path: Path) -> Encoding:
    if len(body) < 16:
        raise FormatError(f"{path} is corrupt: its format has {len(body)} bytes, not 16")
    kind, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if kind == EXTENSIBLE and len(body) >= 26:
        kind = struct.unpack_from("<H", body, 24)[0]  # the first bytes of the longer name
    allowed = {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}.get(kind)
    if allowed is None:
        what = COMPRESSED.get(kind, f"format {kind:#x}")
        raise FormatError(f"{path} holds {what}, not plain integers or floats; "
                          "`ffmpeg -i OLD -c:a pcm_s16le NEW.wav` converts it")
    if bits not in allowed or channels == 0 or rate == 0 or block != channels * bits // 8:
        raise FormatError(f"{path} is corrupt: {channels} channels of {bits} bits at {rate} Hz in "
                          f"blocks of {block} bytes")
    return Encoding(kind, channels, rate, bits)


def _samples(body: bytes, encoding: Encoding, path: Path) -> Array:
    """The bytes as float32 (channels, n)."""
    width = encoding.bits // 8
    whole, rest = divmod(len(body), width * encoding.channels)
    if rest:
        raise FormatError(f"{path} is cut short: its last sample is not whole")
    if whole == 0:
        raise DataError(f"{path} is empty: it has no samples")
    numbers: np.ndarray[Any, Any]
    if encoding.kind == FLOAT:
        numbers = np.frombuffer(body, f"<f{width}")
        if not np.isfinite(numbers).all():
            raise FormatError(f"{path} is corrupt: some of its samples are NaN or infinite")
    elif width == 1:  # the only unsigned one: 128 is silence
        numbers = (np.frombuffer(body, np.uint8).astype(np.float32) - 128) / 128
    elif width == 3:  # the upper three bytes of 32 bits
        padded = np.zeros((len(body) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        numbers = padded.view("<i4")[:, 0] / 2.0**31
    else:
        numbers = np.frombuffer(body, f"<i{width}") / 2.0 ** (encoding.bits - 1)
    channels = numbers.reshape(whole, encoding.channels).T
    return np.ascontiguousarray(channels, np.float32)
