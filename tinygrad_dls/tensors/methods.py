"""The methods that a tensor inherits: operators, and the operations of ops/names.py."""

from typing import Any

from .. import ops
from ..errors import ShapeError
from ..ops.names import NAMES
from .torch_names import as_method


class Methods:
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

    # --- PyTorch's and NumPy's, in terms of others ----------------------------------------------

    @property
    def T(self) -> Any:
        """The axes in reverse order; of a matrix its transpose.

        >>> dls.tensor([[1, 2], [3, 4]]).T
        Tensor([[1, 3],
                [2, 4]])
        """
        return ops.transpose(self)

    @property
    def mT(self) -> Any:
        """The last two axes swapped: the transpose of each matrix of a batch.

        >>> dls.zeros(5, 2, 3).mT.shape
        (5, 3, 2)
        """
        return ops.swapaxes(self, -1, -2)

    def expand_as(self, other: Any) -> Any:
        """PyTorch's name of `broadcast_to(other.shape)`.

        >>> dls.ones(1, 2).expand_as(dls.zeros(3, 2)).shape
        (3, 2)
        """
        return ops.broadcast_to(self, other.shape)

    def view_as(self, other: Any) -> Any:
        """PyTorch's name of `reshape(other.shape)`.

        >>> dls.tensor([[1, 2], [3, 4]]).view_as(dls.zeros(4))
        Tensor([1, 2, 3, 4])
        """
        return ops.reshape(self, other.shape)

    reshape_as = view_as

    def narrow(self, dim: int, start: int, length: int) -> Any:
        """PyTorch's x[start : start + length] along axis `dim`.

        >>> dls.tensor([1, 2, 3, 4]).narrow(0, 1, 2)
        Tensor([2, 3])
        """
        axis = ops.shape.axis_of(dim, self.ndim, "narrow")  # type: ignore[attr-defined]
        n = self.shape[axis]  # type: ignore[attr-defined]
        first = start + n if start < 0 else start
        if length < 0 or first < 0 or first + length > n:
            raise ShapeError(f"narrow: {length} places from {start} on an axis of length {n}")
        return ops.getitem(self, (*(slice(None),) * axis, slice(first, first + length)))

    def select(self, dim: int, index: int) -> Any:
        """PyTorch's x[index] along axis `dim`.

        >>> dls.tensor([[1, 2], [3, 4]]).select(1, 0)
        Tensor([1, 3])
        """
        axis = ops.shape.axis_of(dim, self.ndim, "select")  # type: ignore[attr-defined]
        return ops.getitem(self, (*(slice(None),) * axis, index))

    def t(self) -> Any:
        """PyTorch's transpose of a matrix.

        >>> dls.tensor([[1, 2], [3, 4]]).t()
        Tensor([[1, 3],
                [2, 4]])
        """
        if self.ndim > 2:  # type: ignore[attr-defined]
            raise ShapeError("t() transposes a matrix; x.mT those of a batch, x.T reverses all "
                             f"axes of the shape\n  {self.shape}")  # type: ignore[attr-defined]
        return ops.transpose(self)

    def contiguous(self) -> Any:
        """The same values in memory of C order; x itself if it is.

        >>> dls.tensor([[1, 2], [3, 4]]).T.contiguous()
        Tensor([[1, 3],
                [2, 4]])
        """
        lies = self._data.flags.c_contiguous  # type: ignore[attr-defined]
        return self if lies else ops.clone(self)


for _name in NAMES:
    for _word in _name.method.split():
        setattr(Methods, _word, as_method(_name))
