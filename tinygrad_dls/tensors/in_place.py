"""Methods that write into their tensor, under PyTorch's names: `x.add_(y)`, `x.zero_()`.

They are as `x += y`: in a graph x names the result from then on, and a leaf that requires grad is
not written to but under `dls.no_grad()`. All return x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .. import ops
from ..random import Generator, chosen
from .torch_names import renamed

if TYPE_CHECKING:
    from .tensor import Tensor


def _in_place(operation: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    """The method `name`, which writes operation(x, ...) into x."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        return self._in_place(  # type: ignore[no-any-return]
            lambda x, _: operation(x, *args, **kwargs), None, f"x.{name}()")

    method.__name__ = name
    method.__doc__ = f"Write x.{name[:-1]}(...) into x."
    return method


class InPlace:
    """`x.add_(y, alpha=2)`, `x.clamp_(0, 1)`, `x.normal_(0, 0.02)` ..."""

    __slots__ = ()

    abs_, neg_ = _in_place(ops.abs, "abs_"), _in_place(ops.neg, "neg_")
    exp_, log_ = _in_place(ops.exp, "exp_"), _in_place(ops.log, "log_")
    sqrt_, rsqrt_ = _in_place(ops.sqrt, "sqrt_"), _in_place(ops.rsqrt, "rsqrt_")
    square_ = _in_place(ops.square, "square_")
    reciprocal_ = _in_place(ops.reciprocal, "reciprocal_")
    floor_, ceil_ = _in_place(ops.floor, "floor_"), _in_place(ops.ceil, "ceil_")
    round_, trunc_ = _in_place(ops.round, "round_"), _in_place(ops.trunc, "trunc_")
    sin_, cos_ = _in_place(ops.sin, "sin_"), _in_place(ops.cos, "cos_")
    tanh_, sigmoid_ = _in_place(ops.tanh, "tanh_"), _in_place(ops.sigmoid, "sigmoid_")
    relu_, pow_ = _in_place(ops.relu, "relu_"), _in_place(ops.power, "pow_")
    clamp_, clip_ = _in_place(renamed(ops.clip), "clamp_"), _in_place(renamed(ops.clip), "clip_")
    masked_fill_ = _in_place(ops.masked_fill, "masked_fill_")
    scatter_ = _in_place(renamed(ops.scatter), "scatter_")
    scatter_add_ = _in_place(renamed(ops.scatter_add), "scatter_add_")
    index_add_ = _in_place(renamed(ops.index_add), "index_add_")
    lerp_ = _in_place(ops.lerp, "lerp_")

    def add_(self, other: Any, *, alpha: float = 1) -> Self:
        """Write x + alpha * other into x.

        >>> dls.tensor([1.0, 2.0]).add_(1.0, alpha=10)
        Tensor([11., 12.])
        """
        return self._with(ops.add, _times(other, alpha), "x.add_(v)")

    def sub_(self, other: Any, *, alpha: float = 1) -> Self:
        """Write x - alpha * other into x.

        >>> dls.tensor([1.0, 2.0]).sub_(1.0)
        Tensor([0., 1.])
        """
        return self._with(ops.sub, _times(other, alpha), "x.sub_(v)")

    def mul_(self, other: Any) -> Self:
        """Write x * other into x.

        >>> dls.tensor([1.0, 2.0]).mul_(3.0)
        Tensor([3., 6.])
        """
        return self._with(ops.mul, other, "x.mul_(v)")

    def div_(self, other: Any) -> Self:
        """Write x / other into x.

        >>> dls.tensor([1.0, 2.0]).div_(2.0)
        Tensor([0.5, 1. ])
        """
        return self._with(ops.div, other, "x.div_(v)")

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: float = 1) -> Self:
        """Write x + value * tensor1 * tensor2 into x.

        >>> dls.zeros(2).addcmul_(dls.tensor([1.0, 2.0]), dls.tensor([3.0, 4.0]))
        Tensor([3., 8.])
        """
        return self._with(ops.add, _times(ops.mul(tensor1, tensor2), value), "x.addcmul_(a, b)")

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: float = 1) -> Self:
        """Write x + value * tensor1 / tensor2 into x.

        >>> dls.zeros(2).addcdiv_(dls.tensor([1.0, 2.0]), dls.tensor([2.0, 4.0]))
        Tensor([0.5, 0.5])
        """
        return self._with(ops.add, _times(ops.div(tensor1, tensor2), value), "x.addcdiv_(a, b)")

    def _with(self, operation: Callable[..., Any], other: Any, how: str) -> Self:
        return self._in_place(operation, other, how)  # type: ignore[attr-defined, no-any-return]

    # --- values from elsewhere -------------------------------------------------------------------

    def fill_(self, value: Any) -> Self:
        """Write one number into all places.

        >>> dls.zeros(2).fill_(7.0)
        Tensor([7., 7.])
        """
        whole = self.dtype.kind in "iu"  # type: ignore[attr-defined]
        if whole and isinstance(value, float) and value.is_integer():
            value = int(value)
        return self._filled(value, "x.fill_(v)")

    def zero_(self) -> Self:
        """Write 0 into all places.

        >>> dls.ones(2).zero_()
        Tensor([0., 0.])
        """
        return self._filled(0, "x.zero_()")

    def uniform_(
        self, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Write uniform numbers, a <= x < b; `generator`: `dls.manual_seed`'s if None.

        >>> bool((dls.zeros(9).uniform_(2.0, 3.0) >= 2).all())
        True
        """
        x: Any = self
        drawn = chosen(generator).uniform(x.shape, float(a), float(b), x.dtype)
        return self._filled(drawn.astype(x.dtype, copy=False), "x.uniform_()")

    def normal_(
        self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Write normal numbers of this mean and standard deviation.

        >>> dls.zeros(2, 3).normal_().shape
        (2, 3)
        """
        x: Any = self
        drawn = chosen(generator).normal(x.shape, x.dtype) * float(std) + float(mean)
        return self._filled(drawn.astype(x.dtype, copy=False), "x.normal_()")

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Write exponential numbers, of mean 1 / lambd.

        >>> bool((dls.zeros(9).exponential_() >= 0).all())
        True
        """
        x: Any = self
        shares = chosen(generator).uniform(x.shape, dtype=np.float64)
        return self._filled((-np.log1p(-shares) / lambd).astype(x.dtype), "x.exponential_()")

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Self:
        """Write 1 with probability p, a number or a tensor, else 0.

        >>> dls.zeros(2).bernoulli_(1.0)
        Tensor([1., 1.])
        """
        x: Any = self
        chances = p.numpy() if hasattr(p, "numpy") else p
        drawn = chosen(generator).uniform(x.shape, dtype=np.float64) < chances
        return self._filled(drawn.astype(x.dtype), "x.bernoulli_()")

    def random_(
        self, low: int = 0, high: int | None = None, *, generator: Generator | None = None
    ) -> Self:
        """Write integers, low <= x < high; random_(high) begins at 0.

        Without `high` they are below 2**24, so that floats hold them.

        >>> bool((dls.zeros(9).random_(10) < 10).all())
        True
        """
        x: Any = self
        if high is None:
            low, high = (0, low) if low else (0, 2**24)
        drawn = chosen(generator).integers(low, high, x.shape)
        return self._filled(np.asarray(drawn).astype(x.dtype), "x.random_()")

    def _filled(self, values: Any, how: str) -> Self:
        self._write(Ellipsis, values, how)  # type: ignore[attr-defined]
        return self


def _times(other: Any, factor: float) -> Any:
    return other if factor == 1 else ops.mul(other, factor)
