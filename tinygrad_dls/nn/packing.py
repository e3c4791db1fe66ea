"""Sequences of several lengths: padded to one tensor, or packed below each other without padding.

Packed, the rows of the first step of all sequences come first, then those of the second step ...,
the longest sequence on top: a recurrent layer computes `batch_sizes[t]` rows at step t, and
nothing for padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from .._util.arguments import is_whole, number
from .._util.keywords import near_names
from ..backend.device import Device, default_device
from ..engine.autograd import as_tensor
from ..errors import DataError, DtypeError, ShapeError
from ..ops.call import operand
from ..tensors import Tensor


class PackedSequence(NamedTuple):
    """Sequences of several lengths without padding: all first steps, then all second ones ...

    `data` (rows, ...); `batch_sizes`, int64 on the CPU: how many rows belong to each step.
    `sorted_indices`: which sequence of the batch each place of the packed order holds, and
    `unsorted_indices` the way back; None where they were in order. Made by
    `pack_padded_sequence` and `pack_sequence`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> packed = nn.utils.rnn.pack_sequence([dls.tensor([1.0, 2.0, 3.0]), dls.tensor([4.0])])
    >>> packed.data.tolist(), packed.sizes
    ([1.0, 4.0, 2.0, 3.0], (2, 1, 1))
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """`batch_sizes` as Python numbers."""
        return tuple(Tensor.numpy(self.batch_sizes).tolist())

    def to(self, *places: Any) -> PackedSequence:
        """The same with `data` on another device, or of another dtype."""
        data = self.data
        for place in places:
            try:
                data = data.astype(np.dtype(place))
            except TypeError:
                data = data.to(place)
        moved = [
            None if t is None else t.to(data.device)
            for t in (self.sorted_indices, self.unsorted_indices)
        ]
        return PackedSequence(data, self.batch_sizes, *moved)


@near_names
def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack padded sequences (steps, sequences, ...) of the given lengths, each at least 1.

    `batch_first`: input is (sequences, steps, ...). With `enforce_sorted` the lengths must fall;
    without, the sequences are sorted here. DataError for lengths that cannot be.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    >>> packed = nn.utils.rnn.pack_padded_sequence(x, [3, 1], batch_first=True)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1.0, 4.0, 2.0, 3.0], [2, 1, 1])
    """
    input = operand(input, default_device())
    x = input.swapaxes(0, 1) if batch_first else input
    if x.ndim < 2:
        raise ShapeError(f"packing takes (steps, sequences, ...), not\n  {input.shape}")
    wanted = _lengths(lengths)
    steps, sequences = x.shape[:2]
    if len(wanted) != sequences:
        raise ShapeError(f"{sequences} sequences have {sequences} lengths, not {len(wanted)}")
    if wanted.size and not (wanted.min() >= 1 and wanted.max() <= steps):
        raise DataError(
            f"a length is from 1 to the {steps} steps there are, these go from {wanted.min()} to "
            f"{wanted.max()}"
        )
    order = np.argsort(-wanted, kind="stable")
    if not enforce_sorted:
        wanted = wanted[order]
    elif (wanted[1:] > wanted[:-1]).any():
        raise DataError(
            "with enforce_sorted the longest sequence comes first and lengths never grow: sort "
            "the batch, or let enforce_sorted=False do it"
        )
    sizes = (wanted > np.arange(wanted.max(initial=0))[:, None]).sum(axis=1)
    columns = np.arange(sequences) if enforce_sorted else order
    places = _rows(sizes, columns, sequences)
    rows = x.reshape(steps * sequences, *x.shape[2:])
    data = ops.take(rows, _index(places, x.device), 0)
    counts = as_tensor(sizes.astype(np.int64), Device("cpu"), None, x._kind)
    if enforce_sorted:
        return PackedSequence(data, counts)
    return PackedSequence(data, counts, *(
        _index(i, x.device) for i in (order, np.argsort(order))
    ))


@near_names
def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Pad packed sequences again: (padded (steps, sequences, ...), lengths int64).

    The inverse of `pack_padded_sequence`. `total_length`: pad to so many steps, at least as many
    as the longest sequence has.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> packed = nn.utils.rnn.pack_sequence([dls.tensor([1.0, 2.0]), dls.tensor([4.0])])
    >>> padded, lengths = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    >>> padded.tolist(), lengths.tolist()
    ([[1.0, 2.0], [4.0, 0.0]], [2, 1])
    """
    if not isinstance(sequence, PackedSequence):
        raise DtypeError("pad_packed_sequence takes what pack_padded_sequence gives, or a layer "
                         f"made of it, not a {type(sequence).__name__}")
    data = sequence.data
    sizes = np.array(sequence.sizes, np.int64)
    padding_value = number("padding_value", padding_value)
    if total_length is not None and (not is_whole(total_length) or total_length < len(sizes)):
        raise DataError(
            f"total_length is a whole number from {len(sizes)}, the longest length, not "
            f"{total_length!r}"
        )
    steps, sequences = int(total_length or len(sizes)), int(sizes[0]) if sizes.size else 0
    back = sequence.unsorted_indices
    columns = np.arange(sequences)
    lengths = (sizes > columns[:, None]).sum(axis=1)
    if back is not None:
        order = Tensor.numpy(back)  # moved to the host where it is not there
        lengths, columns = lengths[order], np.argsort(order)
    places = _rows(sizes, columns, sequences)
    shape = (steps * sequences, *data.shape[1:])
    padded = ops.add_at(data, shape, _index(places, data.device))
    if padding_value:
        filler = np.full(shape, padding_value, data.dtype)
        filler[places] = 0
        padded = padded + Tensor(filler, device=data.device)
    padded = padded.reshape(steps, sequences, *data.shape[1:])
    return (
        padded.swapaxes(0, 1) if batch_first else padded,
        as_tensor(lengths.astype(np.int64), Device("cpu"), None, data._kind),
    )


@near_names
def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Join sequences (length, ...) to one tensor (longest length, sequences, ...), padded.

    `batch_first`: (sequences, longest length, ...). `padding_side`: "right" or "left".

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> sequences = [dls.tensor([1.0, 2.0, 3.0]), dls.tensor([4.0])]
    >>> nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=-1.0)
    Tensor([[ 1.,  2.,  3.],
            [ 4., -1., -1.]])
    """
    if padding_side not in ("right", "left"):
        raise DataError(f"padding_side is 'right' or 'left', not {padding_side!r}")
    parts = _sequences(sequences)
    longest = max(len(part) for part in parts)
    padded = []
    for part in parts:
        missing = (longest - len(part), *part.shape[1:])
        if missing[0]:
            filler = Tensor(np.full(missing, padding_value, part.dtype), device=part.device)
            both = [part, filler] if padding_side == "right" else [filler, part]
            part = ops.concatenate(both)
        padded.append(part)
    return ops.stack(padded, 0 if batch_first else 1)  # type: ignore[no-any-return]


@near_names
def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """Split padded sequences (steps, sequences, ...) into a list, each of its own length.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> x = dls.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    >>> [x.tolist() for x in nn.utils.rnn.unpad_sequence(x, [3, 1], batch_first=True)]
    [[1.0, 2.0, 3.0], [4.0]]
    """
    x = padded_sequences if batch_first else padded_sequences.swapaxes(0, 1)
    return [x[i, :n] for i, n in enumerate(_lengths(lengths).tolist())]


@near_names
def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (length, ...); see `pack_padded_sequence`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> sequences = [dls.zeros(2, 8), dls.zeros(5, 8)]
    >>> nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False).data.shape
    (7, 8)
    """
    lengths = [len(part) for part in _sequences(sequences)]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


@near_names
def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Split packed sequences into the list that `pack_sequence` packed.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> packed = nn.utils.rnn.pack_sequence([dls.tensor([1.0, 2.0]), dls.tensor([4.0])])
    >>> [x.tolist() for x in nn.utils.rnn.unpack_sequence(packed)]
    [[1.0, 2.0], [4.0]]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences))


def _sequences(sequences: Sequence[Tensor]) -> list[Tensor]:
    parts = list(sequences)
    if not parts:
        raise DataError("a list of no sequences cannot be padded or packed")
    for part in parts:
        if not isinstance(part, Tensor):
            raise DtypeError(f"sequences are a list of tensors, not of {type(part).__name__}")
        if part.ndim == 0 or part.shape[1:] != parts[0].shape[1:]:
            raise ShapeError(
                "sequences may differ in their first axis only, the length:\n"
                f"  {parts[0].shape}\n  {part.shape}"
            )
    return parts


def _lengths(lengths: Any) -> np.ndarray:
    """Lengths as int64 on the host."""
    values = Tensor.numpy(lengths) if isinstance(lengths, Tensor) else np.asarray(lengths)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise DtypeError(f"lengths are whole numbers, one for each sequence, not {lengths!r}")
    return values.astype(np.int64)


def _rows(sizes: Any, columns: Any, sequences: int) -> Any:
    """Return the index of each packed row among the rows of the padded (steps, sequences)."""
    parts = [t * sequences + columns[:n] for t, n in enumerate(sizes.tolist())]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _index(places: Any, device: Device) -> Any:
    return as_tensor(device.from_host(places.astype(np.int64)), device)
