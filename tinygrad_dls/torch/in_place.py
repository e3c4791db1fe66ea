"""Methods that write into the tensor they are called on, beside those of the core.

Each computes what the method without the underscore does and writes it into x. In a graph the
write is one more operation, and x names its result; on a leaf that requires grad it is refused,
as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..engine.modes import mode
from . import arithmetic, indexing, integers, reductions, shapes


def written(x: Any, function: Callable[..., Any], how: str, *args: Any, **options: Any) -> Any:
    """x, into which function(x, ...) was written."""
    if x.requires_grad or not mode.grad:
        return x._in_place(lambda a, _: function(a, *args, **options), None, how)
    recorded = [v for v in (*args, *options.values()) if getattr(v, "requires_grad", False)]
    other = recorded[0] if recorded else None
    return x._in_place(lambda a, _: function(a, *args, **options), other, how)


def _method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    how = f"x.{name}()"

    def method(self: Any, *args: Any, **options: Any) -> Any:
        return written(self, function, how, *args, **options)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name[:-1]}`, written into the tensor itself."
    return method


def _as_it_is(_: Any, values: Any) -> Any:
    return values


_OF: dict[str, Callable[..., Any]] = {  # those that the core has not, or not with all options
    "multiply_": ops.mul, "subtract_": arithmetic.sub, "divide_": arithmetic.div,
    "div_": arithmetic.div, "remainder_": ops.remainder, "fmod_": ops.fmod,
    "floor_divide_": ops.floor_divide, "clamp_": arithmetic.clamp, "clip_": arithmetic.clamp,
    "clamp_min_": arithmetic.clamp_min, "clamp_max_": arithmetic.clamp_max,
    "addmm_": arithmetic.addmm, "addmv_": arithmetic.addmv, "baddbmm_": arithmetic.baddbmm,
    "addr_": arithmetic.addr, "nan_to_num_": arithmetic.nan_to_num,
    "round_": arithmetic.round, "logit_": arithmetic.logit, "frac_": arithmetic.frac,
    "masked_scatter_": indexing.masked_scatter,
    "scatter_": indexing.scatter, "scatter_add_": indexing.scatter_add,
    "scatter_reduce_": indexing.scatter_reduce, "index_add_": indexing.index_add,
    "index_fill_": indexing.index_fill, "index_copy_": indexing.index_copy,
    "index_put_": indexing.index_put, "tril_": shapes.tril, "triu_": shapes.triu,
    "logical_not_": ops.logical_not, "logical_and_": ops.logical_and,
    "logical_or_": ops.logical_or, "bitwise_not_": ops.invert,
    "leaky_relu_": ops.leaky_relu, "softmax_": ops.softmax,
    "true_divide_": ops.div, "negative_": ops.neg, "absolute_": ops.abs,
    "eq_": ops.equal, "ne_": ops.not_equal, "lt_": ops.less, "le_": ops.less_equal,
    "gt_": ops.greater, "ge_": ops.greater_equal, "bitwise_and_": ops.bitwise_and,
    "bitwise_or_": ops.bitwise_or, "bitwise_xor_": ops.bitwise_xor, "cumsum_": reductions.cumsum,
    "cumprod_": reductions.cumprod, "asin_": ops.arcsin, "acos_": ops.arccos, "atan_": ops.arctan,
    "atan2_": ops.arctan2, "hypot_": ops.hypot, "heaviside_": arithmetic.heaviside,
    "sign_": arithmetic.sign, "sgn_": arithmetic.sign, "square_": arithmetic.square,
    "pow_": arithmetic.power, "gcd_": integers.gcd, "lcm_": integers.lcm,
    "bitwise_left_shift_": integers.bitwise_left_shift,
    "bitwise_right_shift_": integers.bitwise_right_shift,
    "__ilshift__": integers.bitwise_left_shift, "__irshift__": integers.bitwise_right_shift,
    **{f"{f.__name__}_": f for f in (
        ops.expm1, ops.log1p, ops.log2, ops.log10, ops.tan, ops.sinh, ops.cosh, ops.erf)},
}


class InPlace:
    """More methods whose names end in an underscore."""

    __slots__ = ()

    def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
        """The values of `src`, which may broadcast."""
        values = src.astype(self.dtype) if hasattr(src, "_data") else src
        self._write(Ellipsis, values, "x.copy_(v)")
        return self

    def fill_diagonal_(self: Any, fill_value: float, wrap: bool = False) -> Any:
        """`fill_value` on the diagonal of a matrix."""
        n = min(self._data.shape)
        self._write((np.arange(n),) * self.ndim, fill_value, "x.fill_diagonal_()")
        return self

    def detach_(self: Any) -> Any:
        """Forget the history: the tensor is a leaf that requires no grad."""
        self._node, self.requires_grad = None, False
        return self

    def _becomes(self: Any, other: Any) -> Any:
        """The same object in the shape of `other`, a view of it."""
        self._data, self._node = other._data, other._node
        return self

    def unsqueeze_(self: Any, dim: int) -> Any:
        """A new axis of length 1."""
        return self._becomes(shapes.unsqueeze(self, dim))

    def squeeze_(self: Any, dim: Any = None) -> Any:
        """Without axes of length 1."""
        return self._becomes(shapes.squeeze(self, dim))

    def t_(self: Any) -> Any:
        """The transpose of a matrix."""
        return self._becomes(shapes.t(self))

    def transpose_(self: Any, dim0: int, dim1: int) -> Any:
        """Two axes swapped."""
        return self._becomes(shapes.transpose(self, dim0, dim1))

    swapaxes_ = swapdims_ = transpose_

    def put_(self: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
        """`source` at these places of the flattened tensor."""
        def put(x: Any, _: Any) -> Any:
            flat = ops.index_put(ops.reshape(x, -1), (index,), source, accumulate)
            return ops.reshape(flat, x.shape)

        return self._in_place(put, source, "x.put_()")

    def resize_(self: Any, *sizes: Any) -> Any:
        """Another shape; what is new in it is 0."""
        wanted = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        self._data = np.resize(self._data, wanted) if self._data.size else np.zeros(
            wanted, self._data.dtype)
        return self

    def resize_as_(self: Any, the_template: Any) -> Any:
        """The shape of another tensor; what is new in it is 0."""
        return self.resize_(*the_template.shape)


for _name, _function in _OF.items():
    setattr(InPlace, _name, _method(_name, _function))
