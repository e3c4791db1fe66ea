"""Shape, indexing and products as methods, under NumPy's names and PyTorch's."""

from typing import Any

from .. import ops
from ..errors import ShapeError
from .torch_names import renamed


class Shaping:
    """`x.take(places, axis=0)`, `x.flip(axis=1)`, `x.gather(dim=1, index=i)` ..."""

    __slots__ = ()

    # --- shape -----------------------------------------------------------------------------------

    expand_dims = renamed(ops.expand_dims)
    moveaxis = movedim = renamed(ops.moveaxis)
    permute_dims = renamed(ops.permute_dims)
    ravel = ops.ravel
    unflatten = renamed(ops.unflatten)
    expand = ops.expand
    pad = renamed(ops.pad)
    swapdims = renamed(ops.swapaxes)

    # --- repeating, mirroring, taking apart ------------------------------------------------------

    repeat = repeat_interleave = renamed(ops.repeat)
    tile = ops.tile
    flip = renamed(ops.flip)
    roll = renamed(ops.roll)
    rot90 = renamed(ops.rot90)
    split = ops.split
    array_split = renamed(ops.array_split)
    split_with_sizes = renamed(ops.split_with_sizes)
    chunk = renamed(ops.chunk)
    unstack = unbind = renamed(ops.unstack)

    # --- triangles and diagonals -----------------------------------------------------------------

    tril = renamed(ops.tril)
    triu = renamed(ops.triu)
    diag = renamed(ops.diag)
    diagonal = renamed(ops.diagonal)
    diag_embed = renamed(ops.diag_embed)
    trace = renamed(ops.trace)

    # --- indexing --------------------------------------------------------------------------------

    take = renamed(ops.take)
    take_along_axis = renamed(ops.take_along_axis)
    gather = renamed(ops.gather)
    index_select = renamed(ops.index_select)
    index_put = renamed(ops.index_put)
    index_add = renamed(ops.index_add)
    put_along_axis = renamed(ops.put_along_axis)
    scatter = renamed(ops.scatter)
    scatter_add = renamed(ops.scatter_add)
    masked_fill = renamed(ops.masked_fill)
    masked_select = renamed(ops.masked_select)
    nonzero = ops.nonzero
    argwhere = ops.argwhere

    # --- products --------------------------------------------------------------------------------

    dot = ops.dot
    vdot = ops.vdot
    inner = ops.inner
    outer = ops.outer
    tensordot = ops.tensordot
    bmm = ops.bmm
    mm = ops.mm

    # --- PyTorch's, in terms of the others -------------------------------------------------------

    def expand_as(self, other: Any) -> Any:
        """PyTorch's name of `broadcast_to(other.shape)`."""
        return ops.broadcast_to(self, other.shape)

    def view_as(self, other: Any) -> Any:
        """PyTorch's name of `reshape(other.shape)`."""
        return ops.reshape(self, other.shape)

    reshape_as = view_as

    def narrow(self, dim: int, start: int, length: int) -> Any:
        """PyTorch's x[start : start + length] along axis `dim`."""
        axis = ops.shape.axis_of(dim, self.ndim, "narrow")  # type: ignore[attr-defined]
        n = self.shape[axis]  # type: ignore[attr-defined]
        first = start + n if start < 0 else start
        if length < 0 or first < 0 or first + length > n:
            raise ShapeError(f"narrow: {length} places from {start} on an axis of length {n}")
        return ops.getitem(self, (*(slice(None),) * axis, slice(first, first + length)))

    def select(self, dim: int, index: int) -> Any:
        """PyTorch's x[index] along axis `dim`."""
        axis = ops.shape.axis_of(dim, self.ndim, "select")  # type: ignore[attr-defined]
        return ops.getitem(self, (*(slice(None),) * axis, index))

    def t(self) -> Any:
        """PyTorch's transpose of a matrix."""
        if self.ndim > 2:  # type: ignore[attr-defined]
            raise ShapeError("t() transposes a matrix; x.mT those of a batch, x.T reverses all "
                             f"axes of the shape\n  {self.shape}")  # type: ignore[attr-defined]
        return ops.transpose(self)

    def contiguous(self) -> Any:
        """The same values in memory of C order; x itself if it is."""
        lies = self._data.flags.c_contiguous  # type: ignore[attr-defined]
        return self if lies else ops.clone(self)
