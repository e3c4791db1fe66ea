"""Tensor with PyTorch's meaning: a subclass of the core's whose ambiguous methods are PyTorch's."""
# mypy: disable-error-code="assignment, misc, override"
# Methods that differ from those of the class above are what this one is for.

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from .. import tensors as core
from .._util.handles import Handle
from ..backend.device import Device, default_device
from ..backend.dtypes import default_dtype, tensor_dtype
from ..engine import autograd, versions
from ..engine.autograd import TensorBase, add_hook, as_tensor
from ..engine.modes import mode, traces
from ..errors import DtypeError, GraphError
from ..tensors import random_tensors
from ..tensors.gradients import grad
from ..tensors.tensor import Count
from . import arithmetic as a
from . import counting, dtypes, further, indexing, integers, places, reductions, shapes
from .in_place import InPlace
from .operands import promote, without_tensors
from .printing import node_name, text_of, with_notes
from .size import Size


class Tensor(InPlace, core.Tensor):
    """Array that remembers how it was computed, with PyTorch's names and meaning.

    `Tensor(2, 3)` has that shape and any values, `Tensor([1, 2])` these values as floats:
    `tensor([1, 2])`, which keeps whole numbers, says what it means. `Tensor(x)` of a tensor, or of
    an array of the default dtype, shares memory with it, as in PyTorch.

    >>> import tinygrad_dls.torch as torch
    >>> x = torch.tensor([[1.0, 5.0], [4.0, 2.0]])
    >>> values, places = x.max(1)
    >>> places.tolist(), x.size(0), x.std().item()
    ([1, 0], 2, 1.8257...)
    """

    __slots__ = ()
    _promote = staticmethod(promote)
    _legacy: np.dtype[Any] | None = None  # the dtype of FloatTensor and the like
    _place: str | None = None  # the device of cuda.FloatTensor and the like

    def __init__(self, *data: Any, dtype: Any = None, device: Any = None) -> None:
        kind = self._legacy or dtype or default_dtype()
        if len(data) == 1 and not isinstance(data[0], builtins.int):
            values = data[0]
            if self._legacy is None and dtype is None and _shares(values, kind):
                made = values if isinstance(values, TensorBase) else core.from_numpy(values)
                self._data, self.device, self.requires_grad = made._data, made.device, False
                self._grad = self._hooks = self._node = self.name = None
                return
            if isinstance(values, Size):
                values = np.empty(values, kind)
            elif isinstance(values, list | tuple):
                values = without_tensors(values)
        else:
            values = np.empty(data or (0,), kind)
        super().__init__(values, False, kind, device or self._place)
        self.__class__ = Tensor

    @classmethod
    def _made(cls, array: Any, device: Any = None, requires_grad: bool = False) -> Any:
        """A tensor around a new array of the host."""
        place = default_device() if device is None else Device(device)
        made = autograd.constant(place.from_host(array), place, Tensor)
        return made.requires_grad_() if requires_grad else made

    # --- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """Length along each axis."""
        return Size(self._data.shape)

    @property
    def size(self) -> Any:
        """x.size() is the shape, x.size(0) the length of an axis."""
        count = Count(self._data.size)
        count.shape = Size(self._data.shape)
        return count

    @property
    def data(self) -> Any:
        """The same values without history, memory shared; assigning replaces the values."""
        return autograd.detached(self)

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, TensorBase):
            raise DtypeError(f"x.data = v takes a tensor, not a {type(value).__name__}")
        versions.mark_write(self._data, "x.data = v")
        self._data, self.device = value._data, value.device

    @property
    def grad_fn(self) -> Any:
        """The node that made it: an object with the name of the operation, or None."""
        return self._node

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes  # type: ignore[no-any-return]

    @property
    def H(self) -> Any:
        """The transpose of a matrix (of real numbers, as all are here)."""
        return shapes.t(self)

    @property
    def layout(self) -> str:
        """The layout in memory: all are dense."""
        return "torch.strided"

    is_sparse = is_quantized = is_meta = is_xpu = is_mps = False

    def ndimension(self) -> int:
        """The number of axes."""
        return int(self._data.ndim)

    def get_device(self) -> int:
        """The number of the GPU, -1 for the CPU."""
        return int(self.device.name.partition(":")[2] or 0) if self.is_cuda else -1

    def stride(self, dim: int | None = None) -> Any:
        """Steps in memory from one element to the next, in elements."""
        steps = tuple(s // self._data.itemsize for s in self._data.strides)
        return steps if dim is None else steps[dim]

    def storage_offset(self) -> int:
        """The place in its storage where it begins, in elements."""
        owner = versions.owner_of(self._data)
        start = self._data.ctypes.data - owner.ctypes.data
        return int(start // self._data.itemsize)

    def data_ptr(self) -> int:
        """The address of its first element."""
        return int(self._data.ctypes.data)

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Return whether its elements lie in order."""
        return bool(self._data.flags.c_contiguous)

    def is_complex(self) -> bool:
        """False: there are no complex tensors here."""
        return False

    def is_signed(self) -> bool:
        """Return whether its dtype has negative numbers."""
        return self._data.dtype.kind in "if"

    def is_pinned(self) -> bool:
        """False: there is no pinned memory here."""
        return False

    def is_shared(self) -> bool:
        """False: memory is this process's own."""
        return False

    def is_same_size(self, other: Any) -> bool:
        """Return whether both have one shape."""
        return bool(self.shape == other.shape)

    # --- its values ------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The values as an array, memory shared; not of a tensor that requires grad."""
        if self.requires_grad and not force:
            raise GraphError("Can't call numpy() on Tensor that requires grad. "
                             "Use tensor.detach().numpy() instead.")
        if traces.active and mode.recorder is not None:
            mode.recorder.read(self._data)
        shared: np.ndarray[Any, Any] = versions.exposed(self.device.to_host(self._data))
        return shared

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        if traces.active and mode.recorder is not None:
            mode.recorder.read(self._data)
        return self.device.to_host(self._data).tolist()

    def clone(self, *, memory_format: Any = None) -> Any:
        """A copy, in the graph."""
        return ops.clone(self)

    def contiguous(self, memory_format: Any = None) -> Any:
        """The same values with elements in order; itself if they are."""
        return self if self._data.flags.c_contiguous else ops.clone(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        values = self.numpy()
        return values if dtype is None else values.astype(dtype)

    # --- gradients -------------------------------------------------------------------------------

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add dL/dx, L this tensor, to `.grad` of every leaf it was made from (or of `inputs`)."""
        if inputs is None:
            super().backward(gradient, retain_graph, create_graph)
            return
        leaves: Any = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
        found = grad(self, leaves, gradient, create_graph, retain_graph, True)
        for leaf, gradient in zip(leaves, found):
            if gradient is not None:
                leaf._grad = gradient if leaf._grad is None else leaf._grad + gradient

    def register_hook(self, hook: Callable[..., Any]) -> Any:
        """Call `hook(gradient)` in backward; returns a handle whose `remove()` takes it off."""
        if not self.requires_grad:
            raise GraphError("cannot register a hook on a tensor that doesn't require gradient")

        def called(gradient: Any) -> Any:
            return hook(of_kind(gradient))

        return Handle(add_hook(self, called))

    def register_post_accumulate_grad_hook(self, hook: Callable[..., Any]) -> Any:
        """Not here: a training step reads `.grad` after backward()."""
        raise GraphError("hooks after accumulation are not here: read .grad after backward()")

    # --- moving ----------------------------------------------------------------------------------

    def to(self, *places: Any, memory_format: Any = None, **options: Any) -> Any:
        """On another device, in another dtype, or as another tensor is."""
        return super().to(*places, **options) if places or options else self

    def __repr__(self) -> str:
        if traces.active and mode.recorder is not None:
            mode.recorder.read(self._data)
        kind, notes = self._data.dtype, []
        if not self._data.size and self._data.ndim != 1:
            notes.append(f"size={tuple(self._data.shape)}")
        plain = ("int64", "bool") if self._data.size else ()
        if kind != default_dtype() and kind.name not in plain:
            notes.append(f"dtype=torch.{kind.name}")
        if self.device.name != "cpu":
            notes.append(f"device='{self.device.name}'")
        node: Any = self._node
        if node is not None:
            notes.append(f"grad_fn=<{node_name(node.op.name)}>")
        elif self.requires_grad:
            notes.append("requires_grad=True")
        return with_notes(f"tensor({text_of(self.device.to_host(self._data))}", notes)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self._data.ndim else super().__format__(spec)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its tensor type, or the tensor in another dtype."""
        if dtype is None:
            return dtypes.type_of(self._data.dtype)
        made = ops.cast(self, dtypes.dtype_named(dtype))
        wants_gpu = ".cuda." in dtype if isinstance(dtype, str) else getattr(dtype, "_place", None)
        return made.cuda() if wants_gpu else made

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """On a GPU."""
        name = "cuda" if device is None else f"cuda:{device}" if isinstance(
            device, builtins.int) else device
        return self.to(name)

    def pin_memory(self) -> Any:
        """Itself: there is no pinned memory here."""
        return self

    def share_memory_(self) -> Any:
        """Itself."""
        return self

    def byte(self) -> Any:
        """As uint8."""
        return ops.cast(self, "uint8")

    def short(self) -> Any:
        """As int16."""
        return ops.cast(self, "int16")

    def char(self) -> Any:
        """As int8."""
        return ops.cast(self, "int8")

    # --- parts of it -----------------------------------------------------------------------------

    __getitem__ = places.getitem

    def __setitem__(self, index: Any, values: Any) -> None:
        self._write(*places.to_write(index, values), "x[...] = v")

    def __rlshift__(self, other: Any) -> Any:
        return integers.bitwise_left_shift(other, self)

    def __rrshift__(self, other: Any) -> Any:
        return integers.bitwise_right_shift(other, self)

    def retain_grad(self) -> None:
        """Keep the gradient of a computed tensor, too."""
        super().retain_grad()

    # --- new ones like it ------------------------------------------------------------------------

    def _new(self, array: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
        array = array.astype(tensor_dtype(dtype or self._data.dtype))
        return Tensor._made(array, device or self.device, requires_grad)

    def new_zeros(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """Zeros of this shape, in dtype and place like this tensor."""
        return self._new(np.zeros(_shape(size)), dtype, device, requires_grad)

    def new_ones(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """Ones of this shape, in dtype and place like this tensor."""
        return self._new(np.ones(_shape(size)), dtype, device, requires_grad)

    def new_empty(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """A tensor of this shape to be filled, in dtype and place like this one."""
        return self._new(np.zeros(_shape(size)), dtype, device, requires_grad)

    def new_full(
        self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """One number in this shape, in dtype and place like this tensor."""
        return self._new(np.full(_shape((size,)), fill_value), dtype, device, requires_grad)

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """These values, in dtype and place like this tensor."""
        values = data._data if isinstance(data, TensorBase) else np.array(data)
        return self._new(values, dtype, device, requires_grad)

    def new(self, *data: Any) -> Any:
        """A tensor of this dtype: of a shape, or of values."""
        if len(data) == 1 and not isinstance(data[0], builtins.int | Size):
            return self.new_tensor(data[0])
        return self.new_zeros(*data or (0,))

    # --- functions, as methods -------------------------------------------------------------------

    max, min, median, mode = (
        reductions.max, reductions.min, reductions.median, reductions.mode)
    kthvalue, sort, argsort, topk = (
        reductions.kthvalue, reductions.sort, reductions.argsort, reductions.topk)
    sum, nansum, mean, prod = (
        reductions.sum, reductions.nansum, reductions.mean, reductions.prod)
    nanmean, diff, ravel = reductions.nanmean, reductions.diff, shapes.ravel
    hsplit, vsplit = shapes.hsplit, shapes.vsplit
    std, var, norm, dist = reductions.std, reductions.var, reductions.norm, reductions.dist
    all, any = reductions.all, reductions.any
    argmax, argmin = reductions.argmax, reductions.argmin
    amax, amin, aminmax = reductions.amax, reductions.amin, reductions.aminmax
    count_nonzero, logsumexp = reductions.count_nonzero, reductions.logsumexp
    cumsum, cumprod = reductions.cumsum, reductions.cumprod
    cummax, cummin = reductions.cummax, reductions.cummin
    softmax, log_softmax = reductions.softmax, reductions.log_softmax
    quantile, nanquantile = reductions.quantile, further.nanquantile
    histc, histogram, bincount = counting.histc, counting.histogram, counting.bincount
    nanmedian, logcumsumexp = reductions.nanmedian, further.logcumsumexp
    cov, corrcoef = further.cov, further.corrcoef

    def multinomial(
        self, num_samples: int, replacement: bool = False, *, generator: Any = None
    ) -> Any:
        """Places drawn with the chances in this tensor, row by row."""
        drawn = random_tensors.multinomial(self.detach(), num_samples, replacement, generator)
        return of_kind(drawn)

    unique, unique_consecutive = counting.unique, counting.unique_consecutive

    repeat, tile, repeat_interleave = shapes.repeat, shapes.tile, shapes.repeat_interleave
    split, chunk, tensor_split = shapes.split_method, shapes.chunk, shapes.tensor_split
    unbind, transpose, permute, t = shapes.unbind, shapes.transpose, shapes.permute, shapes.t
    adjoint = shapes.transpose
    view, reshape, unflatten = shapes.view, shapes.reshape, shapes.unflatten
    flatten, squeeze, unsqueeze = shapes.flatten, shapes.squeeze, shapes.unsqueeze
    expand, broadcast_to = shapes.expand, shapes.broadcast_method
    dsplit, msort = further.dsplit, shapes.msort
    slice_scatter, select_scatter = further.slice_scatter, further.select_scatter
    movedim = moveaxis = shapes.movedim
    flip, fliplr, flipud = shapes.flip, shapes.fliplr, shapes.flipud
    roll, rot90, unfold = shapes.roll, shapes.rot90, shapes.unfold
    select, narrow, diag = shapes.select, shapes.narrow_of, shapes.diag
    diagonal, trace = shapes.diagonal, shapes.trace
    tril, triu = shapes.tril, shapes.triu

    nonzero, where, gather = indexing.nonzero, indexing.where_method, indexing.gather
    take, take_along_dim = indexing.take, indexing.take_along_dim
    index_select, masked_select = indexing.index_select, indexing.masked_select
    masked_fill, masked_scatter = indexing.masked_fill, indexing.masked_scatter
    scatter, scatter_add = indexing.scatter, indexing.scatter_add
    scatter_reduce, index_add = indexing.scatter_reduce, indexing.index_add
    index_fill, index_copy = indexing.index_fill, indexing.index_copy
    index_put = indexing.index_put

    add, sub, mul, div = a.add, a.sub, ops.mul, a.div
    multiply, subtract, divide, true_divide = ops.mul, a.sub, a.div, ops.div
    negative, positive = ops.neg, core.Tensor.__pos__
    equal, clamp, clip = a.equal, a.clamp, a.clamp
    clamp_min, clamp_max = a.clamp_min, a.clamp_max
    addcmul, addcdiv, lerp, frac = a.addcmul, a.addcdiv, a.lerp, a.frac
    round, logit, nan_to_num = a.round, a.logit, a.nan_to_num
    heaviside, copysign, xlogy = a.heaviside, a.copysign, a.xlogy
    deg2rad, rad2deg, sinc = a.deg2rad, a.rad2deg, a.sinc
    mv, addmm, addmv, baddbmm = a.mv, a.addmm, a.addmv, a.baddbmm
    addbmm, addr, cross, kron = a.addbmm, a.addr, a.cross, a.kron
    matrix_power, ger = a.matrix_power, ops.outer
    not_equal, less, less_equal = ops.not_equal, ops.less, ops.less_equal
    greater, greater_equal = ops.greater, ops.greater_equal
    fmax, fmin, sign, sgn, square = a.fmax, a.fmin, a.sign, a.sign, a.square
    isposinf, isneginf, isreal, signbit = a.isposinf, a.isneginf, a.isreal, a.signbit
    float_power, ldexp, logaddexp2 = a.float_power, a.ldexp, a.logaddexp2
    conj = resolve_conj = a.real
    gcd, lcm = integers.gcd, integers.lcm
    bitwise_left_shift = __lshift__ = integers.bitwise_left_shift
    bitwise_right_shift = __rshift__ = integers.bitwise_right_shift
    __pow__ = a.power
    bitwise_and, bitwise_or = ops.bitwise_and, ops.bitwise_or
    bitwise_xor, bitwise_not = ops.bitwise_xor, ops.invert
    fix = ops.trunc


Tensor._kind = Tensor


def _shape(size: tuple[Any, ...]) -> Any:
    one = len(size) == 1 and not isinstance(size[0], builtins.int | np.integer)
    return tuple(size[0]) if one else tuple(map(builtins.int, size))


def _shares(values: Any, kind: Any) -> bool:
    """Return whether Tensor(values) is another view of the same memory."""
    return isinstance(values, TensorBase) or (
        isinstance(values, np.ndarray) and values.dtype == kind and values.flags.writeable)


def of_torch(x: Any) -> Any:
    """A tensor that nobody else has yet, as one of this namespace."""
    x.__class__ = Tensor
    return x


def of_kind(x: Any) -> Any:
    """A tensor of either kind as one of this namespace: the same values, history and memory."""
    if isinstance(x, Tensor):
        return x
    return as_tensor(x._data, x.device, x._node, Tensor)


class _OfType(type):
    """Makes isinstance(x, torch.LongTensor) ask for the dtype and the kind of device."""

    def __instancecheck__(cls, instance: Any) -> bool:
        kind, place = cls.__dict__["_legacy"], cls.__dict__["_place"]
        return isinstance(instance, Tensor) and instance.dtype == kind and (
            instance.is_cuda is bool(place))


def _legacy(name: str, kind: Any, place: str | None) -> Any:
    module = f"tinygrad_dls.torch{f'.{place}' if place else ''}"
    where = " on a GPU" if place else ""
    return _OfType(name, (Tensor,), {
        "__slots__": (), "_legacy": kind, "_place": place, "__module__": module,
        "__doc__": f"`{name}(2, 3)` or `{name}(values)`: a tensor of {kind}{where}."})


LEGACY = {name: _legacy(name, kind, None) for name, kind in dtypes.OF_TYPES.items()}
LEGACY_CUDA = {name: _legacy(name, kind, "cuda") for name, kind in dtypes.OF_TYPES.items()}
