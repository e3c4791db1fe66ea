"""Sequences of different lengths in one batch: padding, masks, and buckets of like lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._util.keywords import near_names
from .._util.machine import refuse_beyond_memory
from ..errors import DataError, ShapeError
from ..random import Generator, chosen
from .operands import Array, on_host, whole

CHUNK = 50  # batches that are sorted together: more waste less padding, and mix less


@near_names
def pad(
    sequences: Sequence[Any], length: int | None = None, value: float = 0, side: str = "right",
    truncate: bool = False,
) -> tuple[Array, Array]:
    """Pad sequences (T_i, ...) to one array (n, length, ...); also returns their lengths (n,).

    length: that of the longest by default. DataError for a longer sequence, unless `truncate`
    cuts its end off. side: "right" or "left", where the padding `value` goes. Lengths are int64
    and at most `length`.

    >>> from tinygrad_dls import text
    >>> batch, lengths = text.pad([[5, 6, 7], [8]])
    >>> batch
    array([[5, 6, 7],
           [8, 0, 0]])
    >>> lengths
    array([3, 1])
    """
    arrays = [on_host(sequence) for sequence in sequences]
    if not arrays:
        raise DataError("there is no sequence to pad")
    if side not in ("right", "left"):
        raise DataError(f'side is "right" or "left", not {side!r}')
    arrays = [a.astype(np.int64) if a.shape == (0,) else a for a in arrays]  # [] has no dtype
    rests = {a.shape[1:] for a in arrays if a.shape != (0,)} or {()}
    if len(rests) > 1 or any(a.ndim == 0 for a in arrays):
        raise ShapeError("sequences differ in their first axis only:\n"
                         + "\n".join(f"  {a.shape}" for a in arrays[:4]))
    if length is not None:
        length = whole("length", length)
        if truncate:
            arrays = [a[:length] for a in arrays]
    lengths = np.array([len(a) for a in arrays], np.int64)
    longest = int(lengths.max())
    if length is not None and longest > length:
        raise DataError(f"sequence {int(lengths.argmax())} has {longest} places, more than "
                        f"length={length}: truncate=True cuts it, a larger length keeps it")
    shape = (len(arrays), length or longest, *rests.pop())
    batch = np.full(shape, value, np.result_type(*arrays))
    for row, a in zip(batch, arrays):
        if len(a):
            row[slice(len(a)) if side == "right" else slice(len(row) - len(a), None)] = a
    return batch, lengths


@near_names
def padding_mask(lengths: Any, length: int | None = None) -> Array:
    """True where a sequence padded on the right has a token, False at padding: (n, length).

    length: the largest of `lengths` (n,) by default. DataError where the mask would take more than
    a quarter of the memory.

    >>> from tinygrad_dls import text
    >>> text.padding_mask([3, 1]).astype(int)
    array([[1, 1, 1],
           [1, 0, 0]])
    """
    counts = on_host(lengths)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or counts.size == 0:
        raise ShapeError(f"lengths are whole numbers (n,), not {counts.dtype}\n  {counts.shape}")
    longest = int(counts.max())
    length = longest if length is None else whole("length", length)
    if counts.min() < 0 or longest > length:
        raise DataError(f"lengths go from 0 to {length}, not from {counts.min()} to {longest}")
    refuse_beyond_memory((counts.size + 8) * length, f"padding_mask: a mask of length {length}")
    return np.asarray(np.arange(length) < counts[:, None])


@near_names
def causal_mask(length: int) -> Array:
    """True where place i (row) may look at place j (column): at itself and those before it.

    The mask (length, length) that a decoder needs. F.scaled_dot_product_attention takes it as
    attn_mask: True stays.

    >>> from tinygrad_dls import text
    >>> text.causal_mask(3).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    length = whole("length", length, least=0)
    refuse_beyond_memory(length * length, f"causal_mask: a mask of length {length}")
    return np.tri(length, dtype=bool)


@near_names
def bucket_batches(
    lengths: Any, batch_size: int, shuffle: bool = True, generator: Generator | None = None,
) -> list[Array]:
    """Group sequences of like length into batches, so that little is padding.

    Returns the places of each batch, int64 (batch_size,); one batch may be smaller, and each
    sequence comes once. With `shuffle` the sequences are shuffled, sorted by length within chunks
    of 50 batches, and the batches shuffled: other batches each epoch. Without, all are sorted.

    >>> from tinygrad_dls import text
    >>> text.bucket_batches([9, 2, 8, 1], batch_size=2, shuffle=False)
    [array([3, 1]), array([2, 0])]
    """
    counts = on_host(lengths)
    if counts.ndim != 1 or counts.size == 0:
        raise ShapeError(f"lengths are one for each sequence, (n,), not\n  {counts.shape}")
    size = whole("batch_size", batch_size)
    if not shuffle:
        return _cut(np.argsort(counts, kind="stable"), size)
    source = chosen(generator)
    batches: list[Array] = []
    for chunk in _cut(source.permutation(len(counts)), size * CHUNK):
        batches += _cut(chunk[np.argsort(counts[chunk], kind="stable")], size)
    return [batches[i] for i in source.permutation(len(batches))]


def _cut(places: Array, size: int) -> list[Array]:
    return [places[i:i + size] for i in range(0, len(places), size)]
