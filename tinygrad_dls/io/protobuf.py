"""The wire format of Protocol Buffers, as much of it as data need: messages to bytes and back.

A message is a row of fields, each a key and a value. The key is (number << 3 | type), and the type
says how the value is written: 0 a whole number, seven bits to a byte, the lowest first; 1 eight
bytes; 5 four bytes; 2 a length and so many bytes: a text, an array of numbers, or a message.
(protobuf.dev/programming-guides/encoding)

A message here is a dataclass whose fields are made by `field_of(number, kind)`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from ..errors import FormatError

Buffer = bytes | memoryview
M = TypeVar("M")
DEEPEST = 24  # messages in messages
NUMBERS = {"int": 0, "double": 1, "float": 5}  # kind -> type on the wire
COMPACT = {"int": "q", "double": "d", "float": "f"}  # kind -> type code of `array`
AT_ONCE = 2**20  # bytes of packed whole numbers that are decoded in one go
EMPTY: dict[str, Any] = {"int": 0, "double": 0.0, "float": 0.0, "text": "", "bytes": b""}


@dataclass(frozen=True)
class Wire:
    """The wire format of one field."""

    name: str
    number: int
    kind: Any  # "int", "float", "double", "text", "bytes", or the class of a message
    many: bool
    always: bool
    compact: bool


def field_of(number: int, kind: Any, many: bool = False, always: bool = False,
             compact: bool = False) -> Any:
    """A field of a message: a number ("int", "float", "double"), "text", "bytes" or a message.

    `many`: a list of them; `compact`: many numbers in an `array`, 4 or 8 bytes each. A field that
    is not there is 0, "" or None. `always`: a 0 is written too, and None stands for what is not
    there.
    """
    how = {"number": number, "kind": kind, "many": many, "always": always, "compact": compact}
    if compact:
        return field(default_factory=lambda: array(COMPACT[kind]), metadata=how)
    if many:
        return field(default_factory=list, metadata=how)
    plain = isinstance(kind, str) and not always
    return field(default=EMPTY[kind] if plain else None, metadata=how)


_WIRES: dict[type, dict[int, Wire]] = {}


def _wires(message: Any) -> dict[int, Wire]:
    """The fields of a class of messages by their numbers; made once."""
    if message not in _WIRES:
        _WIRES[message] = {
            f.metadata["number"]: Wire(f.name, **f.metadata) for f in fields(message)}
    return _WIRES[message]


# --- to bytes ------------------------------------------------------------------------------------


def encode(message: Any) -> bytes:
    """A message as bytes; the same message always gives the same bytes."""
    parts: list[bytes] = []
    for number, wire in sorted(_wires(type(message)).items()):
        value = getattr(message, wire.name)
        if not wire.many:
            empty = EMPTY[wire.kind] if isinstance(wire.kind, str) and not wire.always else None
            if value is not None and value != empty:
                parts += _one(number, wire.kind, value)
        elif isinstance(wire.kind, str) and wire.kind in NUMBERS:
            if len(value):
                packed = b"".join(_number(wire.kind, v) for v in value)
                parts += [_varint(number << 3 | 2), _varint(len(packed)), packed]
        else:
            for v in value:
                parts += _one(number, wire.kind, v)
    return b"".join(parts)


def _one(number: int, kind: Any, value: Any) -> list[bytes]:
    if isinstance(kind, str) and kind in NUMBERS:
        return [_varint(number << 3 | NUMBERS[kind]), _number(kind, value)]
    raw = value if kind == "bytes" else value.encode() if kind == "text" else encode(value)
    return [_varint(number << 3 | 2), _varint(len(raw)), raw]


def _number(kind: str, value: Any) -> bytes:
    if kind == "int":
        return _varint(int(value) % 2**64)  # negative ones in two's complement
    return struct.pack("<f" if kind == "float" else "<d", value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


# --- from bytes ----------------------------------------------------------------------------------


def decode(message: type[M], data: Buffer, depth: int = 0) -> M:
    """The message that `data` hold; FormatError if they hold none. Fields not known are left out.

    "bytes" fields are views of `data`, not copies.
    """
    if depth > DEEPEST:
        raise FormatError("its messages lie in each other, too deeply")
    made, wires = message(), _wires(message)
    for number, kind, value in _fields(memoryview(data)):
        wire = wires.get(number)
        if wire is None:
            continue
        if wire.compact and kind == 2:
            getattr(made, wire.name).frombytes(_packed(wire, value))
            continue
        values = list(_values(wire, kind, value, depth))
        if wire.many:
            getattr(made, wire.name).extend(values)
        elif values:
            setattr(made, wire.name, values[-1])
    return made


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(number, type on the wire, value) of each field."""
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise FormatError(f"byte {place} of a message begins no field")
        if kind == 0:
            value, place = _read_varint(data, place)
            yield number, 0, value
            continue
        if kind not in (1, 2, 5):
            raise FormatError(f"field {number} of a message has type {kind}, which is none")
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            length, place = _read_varint(data, place)
        if length > len(data) - place:
            raise FormatError(f"it is cut off: field {number} of a message takes {length} bytes, "
                              f"{len(data) - place} are left")
        yield number, kind, data[place : place + length]
        place += length


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise FormatError(f"it is cut off, or a number in it has no end (byte {place})")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), place
        shift += 7


def _packed(wire: Wire, value: memoryview) -> Any:
    """Packed numbers as the bytes of an `array`, decoded with NumPy."""
    if wire.kind == "int":
        return b"".join(_whole_numbers(value))
    width = 4 if wire.kind == "float" else 8
    if len(value) % width:
        raise FormatError(f"{wire.name} holds {len(value)} bytes, which are not numbers")
    return value if sys.byteorder == "little" else np.frombuffer(
        value, f"<f{width}").astype(f"f{width}").tobytes()


def _whole_numbers(data: memoryview) -> Iterator[bytes]:
    """The numbers that `data` hold seven bits to a byte, as int64, some at a time."""
    place = 0
    while place < len(data):
        octets = np.frombuffer(data[place : place + AT_ONCE], np.uint8)
        ends = np.flatnonzero(octets < 128)
        starts = np.concatenate([[0], ends[:-1] + 1])
        if not len(ends) or int((ends - starts).max()) > 9:
            raise FormatError(f"it is cut off, or a number in it has no end (byte {place})")
        found = np.zeros(len(ends), np.uint64)
        for k in range(int((ends - starts).max()) + 1):
            longer = starts + k <= ends
            bits = (octets[starts[longer] + k] & np.uint8(127)).astype(np.uint64)
            found[longer] |= bits << np.uint64(7 * k)
        place += int(ends[-1]) + 1
        yield found.view(np.int64).tobytes()


def _values(wire: Wire, kind: int, value: Any, depth: int) -> Iterator[Any]:
    """The values that one field holds: one, or several numbers packed."""
    if wire.kind == "int" and kind == 0:
        yield _signed(value)
    elif wire.kind == "int" and kind == 2 and wire.many:
        place = 0
        while place < len(value):
            number, place = _read_varint(value, place)
            yield _signed(number)
    elif wire.kind in ("float", "double") and kind in (NUMBERS[wire.kind], 2):
        form, width = ("<f", 4) if wire.kind == "float" else ("<d", 8)
        if len(value) % width or (kind == 2 and not wire.many):
            raise FormatError(f"{wire.name} holds {len(value)} bytes, which are not numbers")
        yield from (v for (v,) in struct.iter_unpack(form, value))
    elif kind != 2:
        raise FormatError(f"{wire.name} is written as type {kind}, which it is not")
    elif wire.kind == "bytes":
        yield value
    elif wire.kind == "text":
        try:
            yield bytes(value).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"{wire.name} is not a text in UTF-8") from error
    elif isinstance(wire.kind, type):
        yield decode(wire.kind, value, depth + 1)
    else:
        raise FormatError(f"{wire.name} holds {len(value)} bytes, which are not a number")


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
