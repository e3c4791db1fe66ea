"""The functions of `torch`: the core's where they mean the same, else those of this package.

`named` gives them PyTorch's keywords, input=, other= and out=.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn, ops
from ..engine.autograd import TensorBase
from . import arithmetic as a
from . import counting, further, indexing, integers, linalg, native, reductions, shapes
from .keywords import PAIR, named

_F = nn.functional

# --- the same in both ----------------------------------------------------------------------------

exp, expm1, exp2, log, log1p, log2, log10 = (
    ops.exp, ops.expm1, ops.exp2, ops.log, ops.log1p, ops.log2, ops.log10)
sqrt, rsqrt, square, reciprocal = ops.sqrt, ops.rsqrt, a.square, ops.reciprocal
sin, cos, tan, sinh, cosh, tanh = ops.sin, ops.cos, ops.tan, ops.sinh, ops.cosh, ops.tanh
asin = arcsin = ops.arcsin
acos = arccos = ops.arccos
atan = arctan = ops.arctan
asinh = arcsinh = ops.arcsinh
acosh = arccosh = ops.arccosh
atanh = arctanh = ops.arctanh
atan2 = arctan2 = ops.arctan2
hypot, erf, erfc, logaddexp = ops.hypot, ops.erf, ops.erfc, ops.logaddexp
abs = absolute = ops.abs
neg = negative = ops.neg
sign = sgn = a.sign
floor, ceil, sigmoid, relu = ops.floor, ops.ceil, ops.sigmoid, ops.relu
trunc = fix = ops.trunc
remainder, fmod, floor_divide = ops.remainder, ops.fmod, ops.floor_divide
maximum, minimum, fmax, fmin = ops.maximum, ops.minimum, a.fmax, a.fmin
eq, ne, lt, le, gt, ge = (
    ops.equal, ops.not_equal, ops.less, ops.less_equal, ops.greater, ops.greater_equal)
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge
isnan, isinf, isfinite = ops.isnan, ops.isinf, ops.isfinite
isclose, allclose = ops.isclose, ops.allclose
logical_and, logical_or = ops.logical_and, ops.logical_or
logical_not, logical_xor = ops.logical_not, ops.logical_xor
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
    ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor, ops.invert)
matmul, mm, bmm, dot, inner, outer = ops.matmul, ops.mm, ops.bmm, ops.dot, ops.inner, ops.outer
ger, vdot = ops.outer, ops.vdot
gcd, lcm = integers.gcd, integers.lcm
bitwise_left_shift, bitwise_right_shift = (
    integers.bitwise_left_shift, integers.bitwise_right_shift)
multiply = mul = ops.mul
true_divide, diag_embed = ops.div, ops.diag_embed

# --- with PyTorch's meaning ----------------------------------------------------------------------

add, sub, rsub, div, pow = a.add, a.sub, a.rsub, a.div, a.power
subtract, divide = a.sub, a.div
equal, lerp, frac, round, logit = a.equal, a.lerp, a.frac, a.round, a.logit
clamp = clip = a.clamp
clamp_min, clamp_max, addcmul, addcdiv = a.clamp_min, a.clamp_max, a.addcmul, a.addcdiv
nan_to_num, heaviside, copysign, signbit = a.nan_to_num, a.heaviside, a.copysign, a.signbit
deg2rad, rad2deg, xlogy, sinc = a.deg2rad, a.rad2deg, a.xlogy, a.sinc
mv, addmm, addmv, baddbmm, addbmm, addr = (
    a.mv, a.addmm, a.addmv, a.baddbmm, a.addbmm, a.addr)
einsum, tensordot, kron, cross, cdist = a.einsum, a.tensordot, a.kron, a.cross, a.cdist
chain_matmul, matrix_power = a.chain_matmul, a.matrix_power
float_power, ldexp, logaddexp2 = a.float_power, a.ldexp, a.logaddexp2
isposinf, isneginf, isreal = a.isposinf, a.isneginf, a.isreal
real = conj = resolve_conj = positive = a.real

max, min, median, mode = reductions.max, reductions.min, reductions.median, reductions.mode
kthvalue, sort, argsort, topk, msort = (
    reductions.kthvalue, reductions.sort, reductions.argsort, reductions.topk, shapes.msort)
sum, nansum, mean, prod = reductions.sum, reductions.nansum, reductions.mean, reductions.prod
std, var, norm, dist = reductions.std, reductions.var, reductions.norm, reductions.dist
var_mean, std_mean, all, any = (
    reductions.var_mean, reductions.std_mean, reductions.all, reductions.any)
argmax, argmin, amax, amin = (
    reductions.argmax, reductions.argmin, reductions.amax, reductions.amin)
aminmax, count_nonzero, logsumexp = (
    reductions.aminmax, reductions.count_nonzero, reductions.logsumexp)
cumsum, cumprod, cummax, cummin = (
    reductions.cumsum, reductions.cumprod, reductions.cummax, reductions.cummin)
softmax, log_softmax, quantile = (
    reductions.softmax, reductions.log_softmax, reductions.quantile)
unique, unique_consecutive, bincount = (
    counting.unique, counting.unique_consecutive, counting.bincount)
histc, histogram, nanmedian = counting.histc, counting.histogram, reductions.nanmedian
logcumsumexp, nanquantile, cov, corrcoef = (
    further.logcumsumexp, further.nanquantile, further.cov, further.corrcoef)
trapezoid = trapz = further.trapezoid
dsplit, slice_scatter, select_scatter = (
    further.dsplit, further.slice_scatter, further.select_scatter)
logdet, pinverse, svd, qr = linalg.logdet, linalg.pinv, linalg.svd_of, linalg.qr
cholesky = linalg.cholesky

tile, repeat_interleave, split, chunk = (
    shapes.tile, shapes.repeat_interleave, shapes.split, shapes.chunk)
tensor_split, hsplit, vsplit, unbind, permute, t = (
    shapes.tensor_split, shapes.hsplit, shapes.vsplit, shapes.unbind, shapes.permute, shapes.t)
ravel, nanmean, diff = shapes.ravel, reductions.nanmean, reductions.diff
transpose = swapaxes = swapdims = shapes.transpose
reshape, flatten, unflatten, squeeze, unsqueeze = (
    shapes.reshape, shapes.flatten, shapes.unflatten, shapes.squeeze, shapes.unsqueeze)
broadcast_to, broadcast_tensors, broadcast_shapes = (
    shapes.broadcast_to, shapes.broadcast_tensors, shapes.broadcast_shapes)
movedim = moveaxis = shapes.movedim
flip, fliplr, flipud, roll, rot90 = (
    shapes.flip, shapes.fliplr, shapes.flipud, shapes.roll, shapes.rot90)
select, narrow, diag, diagonal, diagflat = (
    shapes.select, shapes.narrow_of, shapes.diag, shapes.diagonal, shapes.diagflat)
trace, tril, triu = shapes.trace, shapes.tril, shapes.triu
cat = concat = concatenate = shapes.cat
stack, hstack, dstack, column_stack = (
    shapes.stack, shapes.hstack, shapes.dstack, shapes.column_stack)
vstack = row_stack = shapes.vstack
atleast_1d, atleast_2d, atleast_3d = shapes.atleast_1d, shapes.atleast_2d, shapes.atleast_3d
meshgrid, block_diag, cartesian_prod, combinations = (
    shapes.meshgrid, shapes.block_diag, shapes.cartesian_prod, shapes.combinations)

nonzero, where, gather, take, take_along_dim = (
    indexing.nonzero, indexing.where, indexing.gather, indexing.take, indexing.take_along_dim)
argwhere, index_select, masked_select, masked_fill = (
    indexing.nonzero, indexing.index_select, indexing.masked_select, indexing.masked_fill)
masked_scatter, scatter, scatter_add, scatter_reduce = (
    indexing.masked_scatter, indexing.scatter, indexing.scatter_add, indexing.scatter_reduce)
index_add, index_fill, index_copy, index_put = (
    indexing.index_add, indexing.index_fill, indexing.index_copy, indexing.index_put)
searchsorted, bucketize, isin = indexing.searchsorted, indexing.bucketize, indexing.isin

cosine_similarity, pairwise_distance = _F.cosine_similarity, _F.pairwise_distance
conv1d, conv2d, conv3d = _F.conv1d, _F.conv2d, _F.conv3d
conv_transpose1d, conv_transpose2d = _F.conv_transpose1d, _F.conv_transpose2d
layer_norm, batch_norm, embedding, group_norm = (
    native.layer_norm, native.batch_norm, native.embedding, native.group_norm)
avg_pool1d, max_pool1d, threshold = _F.avg_pool1d, _F.max_pool1d, _F.threshold
dropout, max_pool2d, prelu, selu, celu = (
    _F.dropout, _F.max_pool2d, _F.prelu, _F.selu, _F.celu)
bilinear, pixel_shuffle, adaptive_avg_pool1d = (
    _F.bilinear, _F.pixel_shuffle, _F.adaptive_avg_pool1d)


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy, in the graph."""
    return ops.clone(input)


def detach(input: Any) -> Any:
    """The same values without history."""
    return input.detach()


def numel(input: Any) -> int:
    """The number of elements."""
    return int(input._data.size)


def is_tensor(obj: Any) -> bool:
    """Return whether it is a tensor, of this namespace or of the core."""
    return isinstance(obj, TensorBase)


def is_floating_point(input: Any) -> bool:
    """Return whether it holds floats."""
    return bool(input._data.dtype.kind == "f")


def is_complex(input: Any) -> bool:
    """False: there are no complex tensors here."""
    return False


def is_nonzero(input: Any) -> bool:
    """Return whether the one number in it is not 0."""
    return bool(input)


def result_type(a: Any, b: Any) -> Any:
    """The dtype that two tensors, or a tensor and a number, make together."""
    return ops.add(a, b).dtype


def promote_types(type1: Any, type2: Any) -> Any:
    """The dtype that tensors of these two dtypes make together."""
    floats = [kind for kind in (type1, type2) if kind.kind == "f"]
    return np.result_type(*(floats or (type1, type2)))


def can_cast(from_: Any, to: Any) -> bool:
    """Return whether a value of one dtype may be written into a tensor of another."""
    ranks = ["b", "ui", "f"]
    rank = [next(i for i, kinds in enumerate(ranks) if k.kind in kinds) for k in (from_, to)]
    return rank[0] <= rank[1]


def _assert(condition: Any, message: str) -> None:
    """Python's assert as a function."""
    if not condition:
        raise AssertionError(message)


def relu_(input: Any) -> Any:
    """relu, written into the tensor itself."""
    return input.relu_()


_FIRST_TWO = {"mm": ("input", "mat2"), "bmm": ("input", "mat2"), "mv": ("input", "vec"),
              "dot": ("input", "tensor"), "outer": ("input", "vec2"), "ger": ("input", "vec2")}
_OF_ONE = (
    "exp expm1 exp2 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan sinh cosh tanh "
    "asin arcsin acos arccos atan arctan asinh acosh atanh erf erfc abs absolute neg negative sign "
    "sgn floor ceil sigmoid trunc fix relu isnan isinf isfinite logical_not bitwise_not round "
    "frac logit nan_to_num clamp clip clamp_min clamp_max deg2rad rad2deg sinc softmax log_softmax "
    "max min sum mean prod std var all any argmax argmin amax amin norm median cumsum cumprod "
    "logsumexp sort topk kthvalue cat concat concatenate stack hstack vstack tril triu diag gather "
    "take index_select masked_select where unique nonzero addmm addmv baddbmm addbmm lerp "
    "addcmul addcdiv bincount transpose matrix_power conv2d"
).split()
_OF_TWO = (
    "add sub mul div pow subtract multiply divide true_divide floor_divide remainder fmod maximum "
    "minimum fmax fmin atan2 arctan2 hypot logaddexp logaddexp2 eq ne lt le gt ge not_equal less "
    "less_equal greater greater_equal isclose allclose logical_and logical_or logical_xor "
    "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift gcd lcm copysign "
    "heaviside xlogy ldexp float_power matmul inner kron cross vdot"
).split()
for _name in _OF_ONE:
    globals()[_name] = named(globals()[_name], "input")
for _name in (*_OF_TWO, *_FIRST_TWO):
    globals()[_name] = named(globals()[_name], *_FIRST_TWO.get(
        _name, PAIR if "pow" not in _name else ("input", "exponent")))

__all__ = [
    name for name, value in globals().items()
    if not name.startswith("_") and callable(value) and name != "Any"
]
