"""The header of a safetensors file: what is in it, checked before anything is believed.

A file is 8 bytes, the length n of the header, little-endian; n bytes of JSON, one object of
name -> {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]} and maybe
"__metadata__": {text: text}; then the data. Offsets count from the end of the header; together
the tensors cover the data without gap or overlap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..errors import FormatError

MOST = 2**25  # bytes of a header: 500,000 tensors. (The format allows 100 MB: memory for bombs)
MOST_AXES = 64  # what a NumPy array can have
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
    "BF16": "<u2",  # read as the upper half of a float32
}
OTHERS = {  # of the format, without an array of NumPy that tensors here can hold
    "F8_E4M3": "8-bit floats", "F8_E5M2": "8-bit floats", "F8_E8M0": "8-bit exponents",
    "F8_E4M3FNUZ": "8-bit floats", "F8_E5M2FNUZ": "8-bit floats", "F6_E2M3": "6-bit floats",
    "F6_E3M2": "6-bit floats", "F4": "4-bit floats", "C64": "complex numbers",
}
NAMES = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}
FIELDS = {"dtype", "shape", "data_offsets"}


class Entry(NamedTuple):
    """One tensor of a file; `begin` and `end` count from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """All tensors in the order of the header, the metadata, and where the data start."""

    entries: list[Entry]
    metadata: dict[str, str]
    start: int


def read_header(first: bytes, size: int, read: Any) -> Header:
    """The header of a file of `size` bytes whose first 8 are `first`; `read(n)` gives the next n.

    FormatError that says what is wrong.
    """
    if size < 8 or len(first) < 8:
        raise FormatError(f"it has {size} bytes, no safetensors file has less than 8")
    length = int.from_bytes(first, "little")
    if length > MOST:
        raise FormatError(f"its header would be {length} bytes long, more than {MOST}: it is "
                          "not a safetensors file")
    if length > size - 8:
        raise FormatError(f"it is cut off: its header is {length} bytes long, and {size - 8} bytes "
                          "are there")
    fields = _parsed(read(length))
    metadata = _metadata(fields.pop("__metadata__", {}))
    entries = [_entry(name, value) for name, value in fields.items()]
    _check_cover(entries, size - 8 - length)
    return Header(entries, metadata, 8 + length)


def _parsed(text: bytes) -> dict[str, Any]:
    if text[:1] != b"{":
        raise FormatError("its header does not begin with {: it is not a safetensors file")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise FormatError(f"its header has the name {twice!r} twice")
        return found

    def refused(number: str) -> NoReturn:
        raise FormatError(f"its header holds {number}, which is not JSON")

    try:
        fields = json.loads(text.decode("utf-8"), object_pairs_hook=once, parse_constant=refused)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, numbers without end
        raise FormatError(f"its header is not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise FormatError("its header is not a JSON object")
    return fields


def _metadata(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise FormatError("its __metadata__ are not names with texts")
    return given


def _entry(name: str, value: Any) -> Entry:
    if not isinstance(value, dict) or value.keys() != FIELDS:
        raise FormatError(f"tensor {name!r} has not exactly dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError(f"its header has the name {name!r}, which is not a text") from error
    if isinstance(dtype, str) and dtype in OTHERS:
        raise FormatError(f"tensor {name!r} has dtype {dtype}, {OTHERS[dtype]}, which has no array "
                          "here: save it as F32 (or BF16) first")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise FormatError(f"tensor {name!r} has dtype {dtype!r}; known are {', '.join(DTYPES)}")
    itemsize = np.dtype(DTYPES[dtype]).itemsize
    if (not _counts(shape) or len(shape) > MOST_AXES
            or itemsize * math.prod(n or 1 for n in shape) >= 2**63):  # more than NumPy can have
        raise FormatError(f"tensor {name!r} has no valid shape: {_short(shape)}")
    if not _counts(offsets) or len(offsets) != 2:
        raise FormatError(f"tensor {name!r} has no valid data_offsets: {_short(offsets)}")
    begin, end = offsets
    wanted = math.prod(shape) * itemsize
    if end - begin != wanted:
        raise FormatError(f"tensor {name!r}, {dtype} of shape {_short(tuple(shape))}, takes "
                          f"{_short(wanted)} bytes, its data_offsets are {_short(offsets)}")
    return Entry(name, dtype, tuple(shape), begin, end)


def _counts(numbers: Any) -> bool:
    """Return whether it is a list of whole numbers that a file can hold."""
    return isinstance(numbers, list) and all(
        type(n) is int and 0 <= n < 2**63 for n in numbers
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _check_cover(entries: list[Entry], there: int) -> None:
    """The tensors lie one behind the other and end where the file does."""
    place = 0
    for entry in sorted(entries, key=lambda e: (e.begin, e.end)):
        if entry.begin != place:
            how = "overlaps another" if entry.begin < place else "leaves a gap before it"
            raise FormatError(f"tensor {entry.name!r} {how}: it begins at {entry.begin}, not at "
                              f"{place}")
        place = entry.end
    if place > there:
        raise FormatError(f"it is cut off: its tensors take {place} bytes, and {there} are there")
    if place < there:
        raise FormatError(f"{there - place} bytes at its end belong to no tensor")


def header_of(arrays: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, str]
              ) -> tuple[bytes, list[str]]:
    """The first bytes of a file, up to the data, and the names in the order of the data.

    Wide elements come first, so that each tensor begins at a multiple of its element's size.
    """
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    place, offsets = 0, {}
    for name in order:
        offsets[name] = [place, place + arrays[name].nbytes]
        place = offsets[name][1]
    fields: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for name, a in arrays.items():
        fields[name] = {"dtype": NAMES[a.dtype.newbyteorder("<")], "shape": list(a.shape),
                        "data_offsets": offsets[name]}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, order
