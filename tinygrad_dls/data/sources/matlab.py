"""Matrices of MATLAB's files (.mat, version 5), read here: SciPy's reader can crash on broken ones.

A file is a header of 128 bytes, then elements: type, number of bytes, bytes, padded to 8. A matrix
(type 14) is itself made of elements: flags, lengths of the axes, name, numbers; column by column.
Type 15 is an element compressed with zlib. (MathWorks, MAT-File Format, version 5.)
"""

import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError

TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MATRIX, COMPRESSED = 14, 15
NUMBERS = range(6, 16)  # classes of matrices of numbers; others hold texts, cells, structures
COMPLEX = 0x800  # a flag
MOST = 2**26  # bytes of a file, or of an element that was compressed


def read_matrices(content: bytes) -> dict[str, NDArray[Any]]:
    """name -> matrix, of the dtype that the file has; FormatError for broken and other files.

    What holds no real numbers (texts, structures) is left out.
    """
    if len(content) > MOST or content[124:128] not in (b"\0\1IM", b"\1\0MI"):
        raise FormatError("it is not a file of MATLAB 5")
    order = "<" if content[126:128] == b"IM" else ">"
    found = {}
    for kind, body in _elements(content[128:], order):
        if kind == COMPRESSED:
            kind, body = next(_elements(_inflated(body), order), (0, b""))
        if kind == MATRIX and (matrix := _matrix(list(_elements(body, order)), order)) is not None:
            found[matrix[0]] = matrix[1]
    return found


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """(type, bytes) one after the other; up to four bytes are packed beside a short type."""
    place = 0
    while place < len(content):
        if len(content) - place < 8:
            raise FormatError("it is cut off")
        kind, size = (int(n) for n in np.frombuffer(content, f"{order}u4", 2, place))
        if kind >> 16:
            yield kind & 0xFFFF, content[place + 4 : place + 4 + min(kind >> 16, 4)]
            place += 8
            continue
        if size > len(content) - place - 8:
            raise FormatError("it is cut off")
        yield kind, content[place + 8 : place + 8 + size]
        place += 8 + (size if kind == COMPRESSED else (size + 7) // 8 * 8)


def _inflated(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(body, MOST)
    except zlib.error as error:
        raise FormatError(f"a matrix cannot be decompressed ({error})") from None
    if not stream.eof:
        raise FormatError("a compressed matrix is cut off or too large")
    return content


def _matrix(parts: list[tuple[int, bytes]], order: str) -> tuple[str, NDArray[Any]] | None:
    """The name and the values of a matrix; None if it holds no real numbers."""
    if len(parts) < 3 or len(parts[0][1]) != 8 or parts[1][0] != 5 or len(parts[1][1]) % 4:
        raise FormatError("a matrix has no flags, lengths and name")
    flags = int(np.frombuffer(parts[0][1], f"{order}u4")[0])
    if flags & 0xFF not in NUMBERS or flags & COMPLEX:
        return None
    shape = [int(n) for n in np.frombuffer(parts[1][1], f"{order}i4")]
    if len(parts) != 4 or parts[3][0] not in TYPES:
        raise FormatError("a matrix has no numbers")
    dtype = np.dtype(order + TYPES[parts[3][0]])
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(parts[3][1]):
        raise FormatError(f"a matrix of shape {shape[:8]} has {len(parts[3][1])} bytes")
    values = np.frombuffer(parts[3][1], dtype).reshape(shape, order="F")
    return parts[2][1].decode("latin-1"), values.astype(dtype.newbyteorder("="))
