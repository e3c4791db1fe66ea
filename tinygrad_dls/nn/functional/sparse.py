"""Labels and places: one-hot rows, and rows of tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ..._util.arguments import is_amount, is_whole
from ..._util.keywords import near_names
from ...backend.device import default_device
from ...engine.autograd import as_tensor, constant
from ...engine.modes import no_grad
from ...engine.versions import mark_write
from ...errors import DataError, DtypeError, ShapeError
from ...ops.call import operand
from ...ops.indexing import check_places
from ...tensors import Tensor
from .checks import operands
from .distance import length

MODES = ("sum", "mean", "max")


@near_names
def one_hot(target: Any, num_classes: int = -1) -> Tensor:
    """A row of zeros with a 1 at the label, for each label; int64.

    `num_classes` -1: as many classes as the largest label needs.

    Shape: labels (...), y (..., num_classes).
    Raises: DtypeError if labels are not integers, DataError if one is not below `num_classes`.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> F.one_hot(dls.tensor([2, 0]), num_classes=3)
    Tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    labels = target if isinstance(target, Tensor) else Tensor(target)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"labels are integers, not {labels.dtype}")
    if num_classes == -1:
        if not labels.size:
            raise DataError("one_hot of no labels cannot tell how many classes: give num_classes")
        num_classes = int(labels.max()) + 1
    if not is_whole(num_classes, 1):
        raise DataError(f"num_classes is a whole number from 1, or -1, not {num_classes!r}")
    check_places(labels._data, int(num_classes), "label")
    classes = constant(labels.device.xp.arange(int(num_classes)), labels.device)
    return (ops.expand_dims(labels, -1) == classes).astype("int64")  # type: ignore[no-any-return]


@near_names
def embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:
    """Look up rows of a table: y = weight[input].

    Row `padding_idx` gets no gradient. `max_norm`: rows that are looked up and longer (in the
    `norm_type`-norm) are first shortened to it, in `weight` itself. `scale_grad_by_freq` divides
    each row's gradient by how often it was looked up. `sparse` must be False: gradients are dense.

    Shape: input (...) of integers, weight (count, n), y (..., n).
    Raises: DtypeError if `input` is not of integers, DataError if an index is out of range.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> table = dls.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> F.embedding(dls.tensor([1, 1, 0]), table)
    Tensor([[3., 4.],
            [3., 4.],
            [1., 2.]])
    """
    input, weight = _table(input, weight, sparse)
    padding = _row(padding_idx, weight)
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, padding, scale_grad_by_freq)  # type: ignore[no-any-return]


@near_names
def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
    sparse: bool = False, per_sample_weights: Any = None, include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum (`mode`) of the rows of each bag of indices.

    `offsets`: where each bag starts, if `input` has all indices in one row (with
    `include_last_offset` also where the last one ends). `per_sample_weights` weigh the rows of a
    sum. Indices equal to `padding_idx` are skipped; an empty bag is 0. Of equal largest rows each
    gets its share of the gradient. Other options as `embedding`.

    Shape: input (bags, indices), or (all indices,) with offsets (bags,); weight (count, n), y
    (bags, n).
    Raises: DataError if an index, an offset or an option is out of range; ShapeError if weights do
    not fit the indices.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.nn import functional as F
    >>> table = dls.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> F.embedding_bag(dls.tensor([0, 1, 1]), table, offsets=dls.tensor([0, 2]), mode="sum")
    Tensor([[4., 6.],
            [3., 4.]])
    """
    input, weight = _table(input, weight, sparse)
    padding = _row(padding_idx, weight)
    if mode not in MODES:
        raise DataError(f"embedding_bag: mode is 'sum', 'mean' or 'max', not {mode!r}")
    if scale_grad_by_freq and mode == "max":
        raise DataError("scale_grad_by_freq is for sums and means, not for mode='max'")
    if per_sample_weights is not None:
        if mode != "sum":
            raise DataError(f"per_sample_weights weigh a sum: mode='sum', not {mode!r}")
        _, per_sample_weights = operands("weight per_sample_weights", weight, per_sample_weights)
        if per_sample_weights.shape != input.shape:
            raise ShapeError(
                "per_sample_weights are one for each place:\n"
                f"  input    {input.shape}\n  weights  {per_sample_weights.shape}"
            )
    places, bags, count = _bags(input, offsets, include_last_offset)
    made = count + bool(include_last_offset)  # what lies behind the last offset is in no bag
    if max_norm is not None:
        _shorten(weight, places, max_norm, norm_type)
    rows = ops.embedding(weight, places, padding, scale_grad_by_freq)
    kept = None
    if padding is not None:
        kept = ops.not_equal(places, padding).astype(weight.dtype)
    if mode == "max":
        share = _shares_of_largest(rows, kept, bags, made)
        return ops.add_at(rows * share, (made, weight.shape[1]), bags)[:count]  # type: ignore[no-any-return]
    weights = per_sample_weights
    if weights is not None:
        weights = weights.reshape(-1)
    if kept is not None:
        weights = kept if weights is None else weights * kept
    if weights is not None:
        rows = rows * ops.expand_dims(weights, 1)
    total = ops.add_at(rows, (made, weight.shape[1]), bags)
    if mode == "mean":
        each = kept._data if kept is not None else weight.device.xp.ones(places.shape, weight.dtype)
        found = weight.device.kernels.add_at(each, (made,), (bags,))
        found = weight.device.xp.maximum(found, 1.0)[:, None]
        total = total / as_tensor(found, weight.device)
    return total if made == count else total[:count]  # type: ignore[no-any-return]


def _table(input: Any, weight: Any, sparse: bool) -> tuple[Tensor, Tensor]:
    """Places and table, checked."""
    weight = operand(weight, default_device())
    weight, input = operands("weight input", weight, input)
    if sparse:
        raise DataError("gradients of embeddings are dense here: leave sparse=False")
    if input.dtype.kind not in "iu":
        if input.size:
            raise DtypeError(f"places in a table are integers, not {input.dtype}")
        input = input.astype("int64")
    if weight.ndim != 2:
        raise ShapeError(f"a table of embeddings is (count, n), not\n  {weight.shape}")
    check_places(input._data, weight.shape[0], "place")
    return input, weight


def _row(padding_idx: int | None, weight: Tensor) -> int | None:
    """`padding_idx` counted from the first row."""
    if padding_idx is None:
        return None
    if not is_whole(padding_idx, -weight.shape[0]) or padding_idx >= weight.shape[0]:
        raise DataError(f"padding_idx {padding_idx!r} is not a row of a table of {weight.shape[0]}")
    return int(padding_idx) % weight.shape[0]


def _shorten(weight: Tensor, places: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows at `places` to a norm of at most `max_norm`, in place."""
    if not is_amount(max_norm):
        raise DataError(f"max_norm is a number of at least 0, or None, not {max_norm!r}")
    where, xp = places._data.reshape(-1), weight.device.xp
    with no_grad():
        rows = as_tensor(weight._data[where], weight.device)
        norms = length(rows, norm_type, 1, True)._data
    factor = xp.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0).astype(weight.dtype)
    weight._data[where] = rows._data * factor
    mark_write(weight._data, "embedding(max_norm=)")


def _bags(
    input: Tensor, offsets: Any, include_last_offset: bool
) -> tuple[Tensor, Any, int]:
    """All places in one row, the bag of each, and the number of bags."""
    xp = input.device.xp
    if input.ndim == 2:
        if offsets is not None:
            raise ShapeError("rows of places are bags already: leave offsets=None")
        count, size = input.shape
        return input.reshape(-1), xp.arange(count).repeat(size), count
    if input.ndim != 1 or offsets is None:
        raise ShapeError(
            "embedding_bag takes places (bags, places), or (all places,) with offsets, not\n"
            f"  input  {input.shape}, offsets {'None' if offsets is None else 'given'}"
        )
    _, starts = operands("input offsets", input, offsets)
    if starts.ndim != 1 or starts.dtype.kind not in "iu":
        raise ShapeError(f"offsets are integers (bags,), not {starts.dtype}\n  {starts.shape}")
    ends = starts._data
    if isinstance(ends, np.ndarray) and ends.size and not (
        ends[0] == 0 and (np.diff(ends) >= 0).all() and ends[-1] <= input.size
    ):
        raise DataError(
            f"offsets start at 0, do not fall, and end within the {input.size} places; these are "
            f"{ends[:8].tolist()}"
        )
    count = starts.size - bool(include_last_offset)
    if count < 0 or (count == 0 and input.size):
        raise DataError("offsets name no bag for these places")
    first = ends.astype(xp.int64)
    return input, xp.searchsorted(first, xp.arange(input.size), side="right") - 1, count


def _shares_of_largest(rows: Tensor, kept: Tensor | None, bags: Any, count: int) -> Tensor:
    """For each number: 1 / (how many are as large) where it is its bag's largest, else 0."""
    device, xp, values = rows.device, rows.device.xp, rows._data
    if kept is not None:
        values = xp.where(kept._data[:, None] > 0, values, -float("inf"))
    top = xp.full((count, values.shape[1]), -float("inf"), dtype=values.dtype)
    xp.maximum.at(top, bags, values)
    chosen = ((values == top[bags]) & (values > -float("inf"))).astype(values.dtype)
    number = xp.maximum(device.kernels.add_at(chosen, top.shape, (bags,)), 1.0)
    return as_tensor(chosen / number[bags], device)  # type: ignore[no-any-return]
