"""The operators and NumPy's names as methods: what a tensor inherits from the operations."""

from typing import Any

from .. import ops
from .torch_names import renamed


class Operators:
    """`x + y`, `x @ y`, `x[i]`, `x.sum(axis=0)` ...: each is one function of `ops`."""

    __slots__ = ()

    # --- operators -------------------------------------------------------------------------------

    __add__ = ops.add
    __sub__ = ops.sub
    __mul__ = ops.mul
    __truediv__ = ops.div
    __pow__ = ops.power
    __matmul__ = ops.matmul
    __neg__ = ops.neg
    __abs__ = ops.abs
    __lt__ = ops.less
    __le__ = ops.less_equal
    __gt__ = ops.greater
    __ge__ = ops.greater_equal
    __invert__ = ops.invert
    __and__ = ops.bitwise_and
    __or__ = ops.bitwise_or
    __xor__ = ops.bitwise_xor
    __mod__ = ops.remainder
    __floordiv__ = ops.floor_divide
    __divmod__ = ops.divmod
    __getitem__ = ops.getitem

    def __eq__(self, other: Any) -> Any:
        return NotImplemented if other is None else ops.equal(self, other)  # no tensor is None

    def __ne__(self, other: Any) -> Any:
        return NotImplemented if other is None else ops.not_equal(self, other)

    __hash__ = object.__hash__

    def __pos__(self) -> Any:
        return self

    def __radd__(self, other: Any) -> Any:
        return ops.add(other, self)

    def __rsub__(self, other: Any) -> Any:
        return ops.sub(other, self)

    def __rmul__(self, other: Any) -> Any:
        return ops.mul(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return ops.div(other, self)

    def __rpow__(self, other: Any) -> Any:
        return ops.power(other, self)

    def __rmatmul__(self, other: Any) -> Any:
        return ops.matmul(other, self)

    def __rmod__(self, other: Any) -> Any:
        return ops.remainder(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return ops.floor_divide(other, self)

    def __rdivmod__(self, other: Any) -> Any:
        return ops.divmod(other, self)

    def __rand__(self, other: Any) -> Any:
        return ops.bitwise_and(other, self)

    def __ror__(self, other: Any) -> Any:
        return ops.bitwise_or(other, self)

    def __rxor__(self, other: Any) -> Any:
        return ops.bitwise_xor(other, self)

    # The other four, += -= *= /=, stand in tensor.py, beside what makes them safe.

    def __imod__(self, other: Any) -> Any:  # type: ignore[misc]
        return self._in_place(ops.remainder, other, "x %= v")  # type: ignore[attr-defined]

    def __ifloordiv__(self, other: Any) -> Any:  # type: ignore[misc]
        return self._in_place(ops.floor_divide, other, "x //= v")  # type: ignore[attr-defined]

    def __ipow__(self, other: Any) -> Any:  # type: ignore[misc]
        return self._in_place(ops.power, other, "x **= v")  # type: ignore[attr-defined]

    def __iand__(self, other: Any) -> Any:  # type: ignore[misc]
        return self._in_place(ops.bitwise_and, other, "x &= v")  # type: ignore[attr-defined]

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        return self._in_place(ops.bitwise_or, other, "x |= v")  # type: ignore[attr-defined]

    def __ixor__(self, other: Any) -> Any:  # type: ignore[misc]
        return self._in_place(ops.bitwise_xor, other, "x ^= v")  # type: ignore[attr-defined]

    # --- functions, as methods -------------------------------------------------------------------

    exp, expm1, exp2 = ops.exp, ops.expm1, ops.exp2
    log, log1p, log2, log10 = ops.log, ops.log1p, ops.log2, ops.log10
    sqrt, rsqrt, square, reciprocal = ops.sqrt, ops.rsqrt, ops.square, ops.reciprocal
    sin, cos, tan, sinh, cosh, tanh = ops.sin, ops.cos, ops.tan, ops.sinh, ops.cosh, ops.tanh
    arcsin, arccos, arctan, arctan2 = ops.arcsin, ops.arccos, ops.arctan, ops.arctan2
    arcsinh, arccosh, arctanh, hypot = ops.arcsinh, ops.arccosh, ops.arctanh, ops.hypot
    erf, erfc, sigmoid, relu = ops.erf, ops.erfc, ops.sigmoid, ops.relu
    abs, sign, clone, clip, lerp = ops.abs, ops.sign, ops.clone, renamed(ops.clip), ops.lerp
    floor, ceil, round, trunc = ops.floor, ops.ceil, ops.round, ops.trunc
    remainder, fmod, floor_divide = ops.remainder, ops.fmod, ops.floor_divide
    maximum, minimum, logaddexp = ops.maximum, ops.minimum, ops.logaddexp
    isnan, isinf, isfinite = ops.isnan, ops.isinf, ops.isfinite
    isclose, allclose, nan_to_num = ops.isclose, ops.allclose, ops.nan_to_num
    logical_and, logical_or = ops.logical_and, ops.logical_or
    logical_not, logical_xor = ops.logical_not, ops.logical_xor
    sum = renamed(ops.sum)
    mean = renamed(ops.mean)
    var = renamed(ops.var)
    std = renamed(ops.std)
    prod = renamed(ops.prod)
    norm = renamed(ops.norm)
    median = renamed(ops.median)
    cumsum = renamed(ops.cumsum)
    cumprod = renamed(ops.cumprod)
    diff = renamed(ops.diff)
    sort = renamed(ops.sort)
    argsort = renamed(ops.argsort)
    topk = renamed(ops.topk)
    count_nonzero = renamed(ops.count_nonzero)
    max = renamed(ops.max)
    min = renamed(ops.min)
    argmax = renamed(ops.argmax)
    argmin = renamed(ops.argmin)
    any = renamed(ops.any)
    all = renamed(ops.all)
    softmax = renamed(ops.softmax)
    log_softmax = renamed(ops.log_softmax)
    logsumexp = renamed(ops.logsumexp)
    squeeze = renamed(ops.squeeze)
    reshape = ops.reshape
    transpose = ops.transpose
    swapaxes = ops.swapaxes
    broadcast_to = ops.broadcast_to
    flatten = renamed(ops.flatten)

    @property
    def T(self) -> Any:
        """The axes in reverse order; of a matrix its transpose."""
        return ops.transpose(self)

    @property
    def mT(self) -> Any:
        """The last two axes swapped: the transpose of each matrix of a batch."""
        return ops.swapaxes(self, -1, -2)
