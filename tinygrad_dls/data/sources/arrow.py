"""Tables of texts and whole numbers in Apache Arrow's stream format, without the package pyarrow.

A stream is a row of messages: the marker ffffffff, the length of a header (a FlatBuffer), the
header, and a body of plain buffers. The first message describes the columns, each further one
holds a batch of rows. Columns of integers, texts, lists and structs are read; FormatError for
others. (https://arrow.apache.org/docs/format/Columnar.html)
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError
from .checks import reason

SCHEMA, RECORD_BATCH = 1, 3  # kinds of messages
INT, UTF8, LIST, STRUCT = 2, 5, 12, 13  # kinds of columns
MOST_DEPTH = 16


def read_arrow(path: Path) -> list[dict[str, Any]]:
    """The rows of an Arrow stream, each {column: value}; FormatError for a damaged file."""
    try:
        return list(_rows(path.read_bytes()))
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except Exception as error:  # broken files fail in many ways: offsets into nowhere, bad UTF-8
        raise FormatError(f"{path} is truncated or corrupt: {reason(error)}") from None


def _rows(data: bytes) -> Iterator[dict[str, Any]]:
    fields: list[_Table] | None = None
    at = 0
    while at + 8 <= len(data):
        marker, size = struct.unpack_from("<iI", data, at)
        if marker != -1:
            raise FormatError("this is not an Arrow stream")
        if size == 0:  # the end
            break
        message = _Table.root(data[at + 8 : at + 8 + size])
        body = data[at + 8 + size :][: message.number(3, "<q")]
        at += 8 + size + message.number(3, "<q")
        if at > len(data):
            raise FormatError("the stream ends within a message")
        header, kind = message.table(2), message.number(1, "<B")
        if kind == SCHEMA:
            fields = header.tables(1)
        elif kind == RECORD_BATCH and fields is not None:
            if header.place(3):
                raise FormatError("the stream is compressed")
            batch = _Batch(header, body)
            columns = {field.text(0): batch.column(field, MOST_DEPTH) for field in fields}
            yield from (dict(zip(columns, row)) for row in zip(*columns.values(), strict=True))
        else:
            raise FormatError(f"the stream has a message of the kind {kind}")
    if fields is None:
        raise FormatError("this is not an Arrow stream")


class _Table:
    """A table of a FlatBuffer: its fields are found by their numbers."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.index = at - struct.unpack_from("<i", data, at)[0]
        self.size = struct.unpack_from("<H", data, self.index)[0]

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, struct.unpack_from("<I", data)[0])

    def place(self, field: int) -> int:
        """Return the position of the field in the data; 0 if it is left out."""
        entry = 4 + 2 * field
        offset = 0
        if entry < self.size:
            offset = struct.unpack_from("<H", self.data, self.index + entry)[0]
        return self.at + offset if offset else 0

    def number(self, field: int, form: str) -> int:
        place = self.place(field)
        return int(struct.unpack_from(form, self.data, place)[0]) if place else 0

    def follow(self, field: int) -> int:
        """Return where the table, text or vector of the field begins."""
        place = self.place(field)
        if not place:
            raise FormatError("a part of the description is missing")
        return place + int(struct.unpack_from("<I", self.data, place)[0])

    def table(self, field: int) -> "_Table":
        return _Table(self.data, self.follow(field))

    def text(self, field: int) -> str:
        begin, count = self.vector(field)
        return self.data[begin : begin + count].decode()

    def vector(self, field: int) -> tuple[int, int]:
        """Return the position of the first element, and the number of elements."""
        begin = self.follow(field)
        return begin + 4, int(struct.unpack_from("<I", self.data, begin)[0])

    def tables(self, field: int) -> list["_Table"]:
        begin, count = self.vector(field) if self.place(field) else (0, 0)
        places = range(begin, begin + 4 * count, 4)
        return [_Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in places]

    def pairs(self, field: int) -> list[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        begin, count = self.vector(field)
        return [struct.unpack_from("<qq", self.data, begin + 16 * i) for i in range(count)]


class _Batch:
    """The rows of one message; columns take their lengths and buffers in order."""

    def __init__(self, header: _Table, body: bytes) -> None:
        self.body = body
        self.nodes = iter(header.pairs(1))
        self.buffers = iter(header.pairs(2))

    def column(self, field: _Table, depth: int) -> list[Any]:
        """The values of a column, and of the columns inside of it."""
        length, nulls = next(self.nodes)
        next(self.buffers)  # which values are missing
        if nulls or depth == 0 or not 0 <= length <= len(self.body):
            raise FormatError(f"column {field.text(0)!r} has missing values" if nulls
                              else "this is not a table of texts")
        kind = field.number(2, "<B")
        if kind == INT:
            bits = field.table(3).number(0, "<i")
            return self._numbers(f"<i{bits // 8}", length)
        if kind == UTF8:
            ends = self._numbers("<i4", length + 1)
            begin, size = next(self.buffers)
            letters = self.body[begin : begin + size]
            return [letters[a:b].decode() for a, b in pairwise(ends)]
        if kind == LIST:
            ends = self._numbers("<i4", length + 1)
            (inner,) = field.tables(5)
            values = self.column(inner, depth - 1)
            return [values[a:b] for a, b in pairwise(ends)]
        if kind == STRUCT:
            columns = {part.text(0): self.column(part, depth - 1) for part in field.tables(5)}
            return [dict(zip(columns, row)) for row in zip(*columns.values(), strict=True)]
        raise FormatError(f"column {field.text(0)!r} is of the kind {kind}, which is not read")

    def _numbers(self, kind: str, count: int) -> list[int]:
        begin, size = next(self.buffers)
        if begin + size > len(self.body):
            raise FormatError("a buffer ends beyond its message")
        read: list[int] = np.frombuffer(self.body, kind, count, begin).tolist()
        return read
