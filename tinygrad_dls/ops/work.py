"""The work of one operation: floating point operations, and bytes to move, forward and back.

A product, convolution, recurrent layer or attention takes two floating point operations for each
multiplication of its definition (those with padding too), and as many again for each gradient by
one factor; all others take one for each number they make. Each operation reads its operands and
writes its results once; on the way back it reads dL/dy and what it kept, and writes the gradients.
Views take nothing. Where kernels do two neighbours at once, fewer bytes are moved than that.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..engine.versions import owner_of
from .attention import Attention
from .convolution import Convolution, ConvolutionWeightGradient, TransposedConvolution
from .einsum import Einsum
from .embedding import Embedding
from .gathering import TakeAlongAxis
from .indexing import GetItem, Take
from .matmul import Linear, Matmul
from .op import BackwardRule, Op
from .recurrent import OverSequences

PICKS = (Embedding, GetItem, Take, TakeAlongAxis)  # read no more of x than they give


class Work(NamedTuple):
    """The minimum work of an operation, one way."""

    name: str
    flops: int
    bytes: int  # to move
    macs: int = 0  # multiplications of its definition; 0: it is not a product


def forward_work(op: Op, arrays: Sequence[Any], made: Sequence[Any]) -> Work:
    """The work of a call that made `made` (the output, then extras) of `arrays`."""
    operands = _arrays(op, arrays)
    if _is_view(made[0], operands):
        return Work(op.name, 0, 0)
    out = made[0]
    macs, _ = _multiplications(op, arrays, made, [False] * len(arrays))
    read = sum(min(a.nbytes, out.nbytes) if isinstance(op, PICKS) else a.nbytes for a in operands)
    written = _arrays(op, made)
    return Work(op.name, 2 * macs or _size(written), read + _bytes(written), macs)


def backward_work(
    plan: BackwardRule, arrays: Sequence[Any], made: Sequence[Any], saved: Sequence[Any]
) -> Work:
    """The work of its backward rule, for the gradients that are wanted; `saved` is what it reads.

    Shares of a gradient that are added up are not counted.
    """
    op, needs = plan.op, plan.needs
    name = f"{op.name} back"
    if not any(needs) or _is_view(made[0], _arrays(op, arrays)):
        return Work(name, 0, 0)
    out = made[0]
    _, macs = _multiplications(op, arrays, made, needs)
    read: Mapping[str, Any] = dict(zip(plan.names, saved))
    if not needs[0] and isinstance(op, (Linear, OverSequences)):  # read for dL/dx alone
        unread = "weight" if isinstance(op, Linear) else "w_ih"
        read = {kept: value for kept, value in read.items() if kept != unread}
    wanted = _arrays(op, [out if isinstance(op, PICKS) else a
                          for a, need in zip(arrays, needs) if need])
    moved = out.nbytes + _bytes(_arrays(op, read.values())) + _bytes(wanted)
    return Work(name, 2 * macs or _size(wanted), moved, macs)


def kept_bytes(plan: BackwardRule, arrays: Sequence[Any], made: Sequence[Any]) -> int:
    """Memory of the output and of the extras that backward needs; 0 for a view of an operand.

    The operands are not counted: they were where they were made.
    """
    op = plan.op
    kept = [made[0], *(extra for name, extra in zip(op.extras, made[1:]) if name in plan.names)]
    counted = {id(owner_of(array)) for array in _arrays(op, arrays)}
    total = 0
    for array in _arrays(op, kept):
        if id(owner_of(array)) not in counted:
            counted.add(id(owner_of(array)))
            total += array.nbytes
    return total


def _multiplications(
    op: Op, arrays: Sequence[Any], made: Sequence[Any], needs: Sequence[bool]
) -> tuple[int, int]:
    """Forward, and back for the gradients that are wanted; 0 for what is not a product."""
    if isinstance(op, OverSequences):
        given = dict(zip(op.inputs, arrays))
        wants = dict(zip(op.inputs, needs))
        rows = given["x"].size // given["x"].shape[-1]
        inner = given["w_hh"].size + (given["w_hr"].size if "w_hr" in given else 0)
        outer = given["w_ih"].size
        return rows * (inner + outer), rows * (
            inner * (1 + wants["w_hh"]) + outer * (wants["x"] + wants["w_ih"]))
    if isinstance(op, Attention):
        q, k, v = arrays[:3]
        n, m = q.shape[-2], k.shape[-2]
        pairs = sum(min(i + 1, m) for i in range(n)) if op.causal else n * m
        pairs *= q.size // max(1, n * q.shape[-1])
        e, f = pairs * q.shape[-1], pairs * v.shape[-1]
        scores = needs[0] or needs[1]
        return e + f, f * (scores + needs[2]) + e * (needs[0] + needs[1])
    once = _multiplications_once(op, arrays, made)
    return once, once * sum(needs[:2])


def _multiplications_once(op: Op, arrays: Sequence[Any], made: Sequence[Any]) -> int:
    """Of a product of two factors, each of which takes as many on the way back."""
    if isinstance(op, Linear):
        return int(arrays[0].size * len(arrays[1]))
    if isinstance(op, Matmul):
        return int(made[0].size * arrays[0].shape[-1])
    if isinstance(op, Einsum):
        lengths = dict(zip(op.of_a + op.of_b, arrays[0].shape + arrays[1].shape))
        return math.prod(lengths.values())
    if isinstance(op, Convolution):
        return int(made[0].size * (arrays[1].size // len(arrays[1])))
    if isinstance(op, TransposedConvolution):
        return int(arrays[0].size * (arrays[1].size // len(arrays[1])))
    if isinstance(op, ConvolutionWeightGradient):
        return int(arrays[1].size * (made[0].size // len(made[0])))
    return 0


# --- arrays --------------------------------------------------------------------------------------


def _arrays(op: Op, values: Iterable[Any]) -> list[Any]:
    """Those that are arrays of the device, not numbers or shapes; tuples are looked into."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, (tuple, list)):
            found += _arrays(op, value)
        elif isinstance(value, op.device.array_type):
            found.append(value)
    return found


def _is_view(out: Any, operands: Sequence[Any]) -> bool:
    owner = owner_of(out)
    return any(owner_of(array) is owner for array in operands)


def _size(arrays: Sequence[Any]) -> int:
    return sum(array.size for array in arrays)


def _bytes(arrays: Sequence[Any]) -> int:
    return sum(array.nbytes for array in arrays)
