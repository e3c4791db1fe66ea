"""torch.sparse: tensors of which few numbers are not 0, stored as places and numbers (COO).

They multiply dense matrices, as the adjacency matrix of a graph does in a graph network. All else
is done with `x.to_dense()`. Gradients reach the stored numbers and the dense matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..engine.autograd import TensorBase
from ..errors import DtypeError, GraphError, ShapeError
from . import creation
from .size import Size
from .tensor import Tensor


class SparseTensor:
    """Numbers at places, (ndim, count) and (count,); 0 everywhere else.

    >>> import tinygrad_dls.torch as torch
    >>> x = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    >>> (x @ torch.ones(3, 1)).tolist()
    [[3.0], [4.0]]
    """

    is_sparse = True
    layout = "torch.sparse_coo"

    def __init__(self, places: Any, numbers: Any, shape: Any, coalesced: bool = False) -> None:
        self._at, self._numbers, self.shape = places, numbers, Size(shape)
        self._coalesced = coalesced

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a sparse tensor has no {name} here: x.to_dense() has")

    # --- what it is ------------------------------------------------------------------------------

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of an axis."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of its numbers."""
        return self._numbers.dtype

    @property
    def device(self) -> Any:
        """The device of its numbers."""
        return self._numbers.device

    @property
    def requires_grad(self) -> bool:
        """Return whether its numbers require grad."""
        return bool(self._numbers.requires_grad)

    def _nnz(self) -> int:
        """The count of stored numbers."""
        return int(self._at.shape[1])

    def is_coalesced(self) -> bool:
        """Return whether each place is stored once, in order."""
        return self._coalesced

    def _indices(self) -> Any:
        return self._at

    def _values(self) -> Any:
        return self._numbers

    def indices(self) -> Any:
        """The places, a column for each number; of a coalesced tensor."""
        self._ask_coalesced("indices")
        return self._at

    def values(self) -> Any:
        """The numbers; of a coalesced tensor."""
        self._ask_coalesced("values")
        return self._numbers

    def _ask_coalesced(self, what: str) -> None:
        if not self._coalesced:
            raise ShapeError(f"{what}() is of a coalesced tensor: write x.coalesce().{what}()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """The dense numbers, with which dense + sparse and dense @ sparse compute."""
        if self.requires_grad:
            raise GraphError("a sparse tensor that requires grad stands before a dense one "
                             "(sparse @ dense), or is made dense: x.to_dense()")
        values: np.ndarray[Any, Any] = self.to_dense().cpu().numpy()
        return values if dtype is None else values.astype(dtype)

    def __repr__(self) -> str:
        return (f"tensor(indices={self._at!r},\n       values={self._numbers!r},\n"
                f"       size={tuple(self.shape)}, nnz={self._nnz()}, layout={self.layout})")

    # --- other forms -----------------------------------------------------------------------------

    def to_dense(self) -> Any:
        """The dense tensor; numbers stored for one place are summed."""
        zeros = self._numbers.new_zeros(self.shape)
        return ops.index_put(zeros, tuple(self._at), self._numbers, True)

    def to_sparse(self) -> Any:
        """Itself."""
        return self

    def coalesce(self) -> Any:
        """Each place once, in order, with the sum of its numbers."""
        if self._coalesced:
            return self
        flat = np.ravel_multi_index(tuple(self._at.cpu().numpy()), tuple(self.shape))
        found, group = np.unique(flat, return_inverse=True)
        sums = ops.index_add(self._numbers.new_zeros(len(found)), 0,
                             creation.tensor(group.reshape(-1)), self._numbers)
        places = np.stack(np.unravel_index(found, tuple(self.shape))).astype("int64")
        return SparseTensor(creation.tensor(places), sums, self.shape, True)

    def to(self, *places: Any, **options: Any) -> Any:
        """On a device, in a dtype."""
        return self._with(self._numbers.to(*places, **options))

    def _with(self, numbers: Any) -> Any:
        return SparseTensor(self._at.to(numbers.device), numbers, self.shape, self._coalesced)

    def cpu(self) -> Any:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """On a GPU."""
        return self._with(self._numbers.cuda(device))

    def float(self) -> Any:
        """As float32."""
        return self._with(self._numbers.float())

    def double(self) -> Any:
        """As float64."""
        return self._with(self._numbers.double())

    def detach(self) -> Any:
        """The same numbers without history."""
        return self._with(self._numbers.detach())

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Two axes swapped."""
        order = list(range(len(self.shape)))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        return SparseTensor(self._at[order], self._numbers, [self.shape[i] for i in order])

    def t(self) -> Any:
        """The transpose of a matrix."""
        return self.transpose(0, 1)

    # --- arithmetic ------------------------------------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        """A dense matrix (or vector): the sum of numbers times rows of `other`."""
        if isinstance(other, SparseTensor):
            raise DtypeError("sparse @ sparse is not here: make one dense with to_dense()")
        if len(self.shape) != 2 or self.shape[1] != other.shape[0]:
            raise ShapeError(f"matrices that do not fit: {tuple(self.shape)} @ {other.shape}")
        rows, columns = self._at
        numbers = self._numbers if other.ndim == 1 else self._numbers.unsqueeze(1)
        zeros = other.new_zeros(self.shape[0], *other.shape[1:])
        return ops.index_add(zeros, 0, rows, numbers * other[columns])

    mm = matmul = __matmul__

    def __mul__(self, other: Any) -> Any:
        if getattr(other, "shape", ()):
            raise DtypeError("a sparse tensor times a tensor: write x.to_dense() * other")
        return self._with(self._numbers * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self * (1 / other)

    def __neg__(self) -> Any:
        return self * -1

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, SparseTensor):
            raise DtypeError("sparse + dense is refused, as in PyTorch: write dense + sparse")
        if self.shape != other.shape:
            raise ShapeError(f"shapes differ: {tuple(self.shape)} and {tuple(other.shape)}")
        return SparseTensor(ops.concatenate([self._at, other._at], 1),
                            ops.concatenate([self._numbers, other._numbers]), self.shape)

    def __sub__(self, other: Any) -> Any:
        return self + -other


def sparse_coo_tensor(
    indices: Any, values: Any, size: Any = None, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, **_: Any,
) -> Any:
    """These numbers at these places: `indices` has a row for each axis."""
    at = creation.as_tensor(indices).long()
    at = at if device is None else at.to(device)
    if not isinstance(values, TensorBase):
        values = creation.tensor(values)
    numbers: Any = values.to(device=device or values.device, dtype=dtype or values.dtype)
    if requires_grad:
        numbers = numbers.detach().requires_grad_()
    if size is None:
        size = (at.max(1).values + 1).tolist()
    if at.ndim != 2 or len(size) != at.shape[0] or numbers.shape[:1] != at.shape[1:]:
        raise ShapeError(f"a sparse tensor of size {tuple(size)} takes indices ({len(size)}, n) "
                         f"and n values, not {tuple(at.shape)} and {tuple(numbers.shape)}")
    return SparseTensor(at, numbers, size)


def FloatTensor(indices: Any, values: Any, size: Any = None) -> Any:
    """`sparse_coo_tensor` of float32: the name of old scripts."""
    return sparse_coo_tensor(indices, values, size, dtype="float32")


def DoubleTensor(indices: Any, values: Any, size: Any = None) -> Any:
    """`sparse_coo_tensor` of float64: the name of old scripts."""
    return sparse_coo_tensor(indices, values, size, dtype="float64")


def mm(mat1: Any, mat2: Any) -> Any:
    """A sparse matrix times a dense one."""
    return mat1 @ mat2


def addmm(mat: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """beta * mat + alpha * (mat1 @ mat2), of a sparse mat1."""
    return beta * mat + alpha * (mat1 @ mat2)


def _to_sparse(self: Any, sparse_dim: Sequence[int] | None = None) -> Any:
    """The numbers that are not 0, with their places."""
    at = np.stack(np.nonzero(self.device.to_host(self._data))).astype("int64")
    places = creation.tensor(at).to(self.device)
    return SparseTensor(places, self[tuple(places)], self.shape, True)


Tensor.to_sparse = _to_sparse  # type: ignore[attr-defined]
Tensor.to_dense = lambda self: self  # type: ignore[attr-defined]
