"""Writing WAV files, whole or not at all."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from .._util.atomic_files import write_whole
from .._util.keywords import near_names
from ..errors import DataError
from .reading import FLOAT, PCM
from .samples import Array, checked, checked_rate

BITS = {"pcm_u8": 8, "pcm_16": 16, "pcm_24": 24, "pcm_32": 32, "float": 32}


@near_names
def write(path: str | Path, samples: Any, rate: int, encoding: str = "pcm_16") -> None:
    """Write samples (n,) or (channels, n) to a WAV file.

    samples: an array or a tensor of floats from -1 to 1; 1 itself becomes the largest integer.
    rate: samples per second. encoding: "pcm_u8", "pcm_16", "pcm_24", "pcm_32" or "float"; integers
    are rounded to the nearest. DataError for samples beyond 1 (floats may be) and for a clip
    without samples.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from tinygrad_dls import audio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stereo.wav"
    ...     audio.write(path, np.zeros((2, 8000), "float32"), 8000, encoding="pcm_24")
    ...     path.stat().st_size     # 44 bytes of header, 3 a sample
    48044
    """
    x, rate = np.atleast_2d(checked(samples)), checked_rate(rate)
    if encoding not in BITS:
        raise DataError(f"encoding is one of {', '.join(map(repr, BITS))}, not {encoding!r}")
    if x.shape[0] > 0xFFFF or rate > 0xFFFFFFFF:
        raise DataError(f"a WAV file holds fewer channels and samples per second than "
                        f"{x.shape[0]} and {rate}")
    peak = float(np.abs(x).max())
    if encoding != "float" and peak > 1:
        raise DataError(f"the loudest sample is {peak:g}: beyond 1 it would be cut. Divide by it, "
                        'samples / abs(samples).max(), or write encoding="float"')
    body = _encoded(x.T.astype(np.float64), encoding)
    bits, block = BITS[encoding], x.shape[0] * BITS[encoding] // 8
    if len(body) > 0xFFFFFFFF - 44:
        raise DataError(f"a WAV file holds 4 GB, not {len(body) / 2**30:.1f}: write it in parts")
    head = struct.pack("<HHIIHH", FLOAT if encoding == "float" else PCM, x.shape[0], rate,
                       min(rate * block, 0xFFFFFFFF), block, bits)
    chunks = b"".join(name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
                      for name, part in ((b"fmt ", head), (b"data", body)))
    write_whole(Path(path), b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)


def _encoded(x: Array, encoding: str) -> bytes:
    """The bytes of samples (n, channels)."""
    if encoding == "float":
        return bytes(x.astype("<f4"))
    bits = BITS[encoding]
    largest = 2 ** (bits - 1)
    numbers = np.minimum(np.rint(x * largest), largest - 1).astype("<i4")
    if bits == 8:
        return bytes((numbers + 128).astype(np.uint8))
    if bits == 24:
        return bytes(numbers.reshape(-1, 1).view(np.uint8)[:, :3])
    return bytes(numbers.astype(f"<i{bits // 8}"))
