"""The operators and NumPy's names as methods: what a tensor inherits from the operations."""

from typing import Any

from . import ops
from .synonyms import renamed


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
    __eq__ = ops.equal
    __ne__ = ops.not_equal
    __invert__ = ops.logical_not
    __and__ = ops.logical_and
    __or__ = ops.logical_or
    __getitem__ = ops.getitem

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

    def __rand__(self, other: Any) -> Any:
        return ops.logical_and(other, self)

    def __ror__(self, other: Any) -> Any:
        return ops.logical_or(other, self)

    # --- functions, as methods -------------------------------------------------------------------

    exp = ops.exp
    log = ops.log
    sqrt = ops.sqrt
    sin = ops.sin
    cos = ops.cos
    tanh = ops.tanh
    sigmoid = ops.sigmoid
    relu = ops.relu
    abs = ops.abs
    sign = ops.sign
    clone = ops.clone
    clip = renamed(ops.clip)
    sum = renamed(ops.sum)
    mean = renamed(ops.mean)
    var = renamed(ops.var)
    std = renamed(ops.std)
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
