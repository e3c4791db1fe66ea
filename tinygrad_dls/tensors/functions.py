"""The operations as functions, under NumPy's names: `dls.exp(x)`, `dls.sum(x, axis=0)`.

Those with an axis take PyTorch's `dim=` and `keepdim=` too, and `cat` is `concatenate`.
"""

from .. import ops
from .torch_names import renamed

add, subtract, multiply, divide, negative = ops.add, ops.sub, ops.mul, ops.div, ops.neg
exp, expm1, exp2 = ops.exp, ops.expm1, ops.exp2
log, log1p, log2, log10 = ops.log, ops.log1p, ops.log2, ops.log10
sqrt, rsqrt, square, reciprocal = ops.sqrt, ops.rsqrt, ops.square, ops.reciprocal
sin, cos, tan, sinh, cosh, tanh = ops.sin, ops.cos, ops.tan, ops.sinh, ops.cosh, ops.tanh
arcsin, arccos, arctan = asin, acos, atan = ops.arcsin, ops.arccos, ops.arctan
arcsinh, arccosh, arctanh = asinh, acosh, atanh = ops.arcsinh, ops.arccosh, ops.arctanh
arctan2 = atan2 = ops.arctan2
hypot, erf, erfc, logaddexp = ops.hypot, ops.erf, ops.erfc, ops.logaddexp
power = pow = ops.power
floor, ceil, round, trunc = ops.floor, ops.ceil, renamed(ops.round), ops.trunc
remainder, fmod, floor_divide, divmod = ops.remainder, ops.fmod, ops.floor_divide, ops.divmod
lerp, nan_to_num = ops.lerp, renamed(ops.nan_to_num)
equal, not_equal, less, less_equal = ops.equal, ops.not_equal, ops.less, ops.less_equal
greater, greater_equal = ops.greater, ops.greater_equal
isnan, isinf, isfinite = ops.isnan, ops.isinf, ops.isfinite
isclose, allclose, array_equal = ops.isclose, ops.allclose, ops.array_equal
logical_and, logical_or = ops.logical_and, ops.logical_or
logical_not, logical_xor = ops.logical_not, ops.logical_xor
bitwise_and, bitwise_or, bitwise_xor = ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor
bitwise_not = bitwise_invert = ops.invert
sigmoid, relu, leaky_relu = ops.sigmoid, ops.relu, ops.leaky_relu
abs, sign, maximum, minimum, where = ops.abs, ops.sign, ops.maximum, ops.minimum, ops.where
einsum = ops.einsum
matmul, reshape = ops.matmul, renamed(ops.reshape)
clip = clamp = renamed(ops.clip)
transpose, swapaxes, moveaxis = renamed(ops.transpose), renamed(ops.swapaxes), renamed(ops.moveaxis)
broadcast_to, expand_dims = renamed(ops.broadcast_to), renamed(ops.expand_dims)
flatten, take_along_axis = renamed(ops.flatten), renamed(ops.take_along_axis)
sum, mean, var, std = renamed(ops.sum), renamed(ops.mean), renamed(ops.var), renamed(ops.std)
max, min, prod = renamed(ops.max), renamed(ops.min), renamed(ops.prod)
norm, vector_norm, median = renamed(ops.norm), renamed(ops.vector_norm), renamed(ops.median)
cumsum, cumprod, diff = renamed(ops.cumsum), renamed(ops.cumprod), renamed(ops.diff)
sort, argsort, topk = renamed(ops.sort), renamed(ops.argsort), renamed(ops.topk)
count_nonzero = renamed(ops.count_nonzero)
argmax, argmin = renamed(ops.argmax), renamed(ops.argmin)
any, all, squeeze = renamed(ops.any), renamed(ops.all), renamed(ops.squeeze)
softmax, log_softmax = renamed(ops.softmax), renamed(ops.log_softmax)
logsumexp = renamed(ops.logsumexp)
concatenate = cat = renamed(ops.concatenate)
stack = renamed(ops.stack)

# --- shape, indexing, products: PyTorch's names beside NumPy's -----------------------------------

permute_dims = permute = renamed(ops.permute_dims)
unflatten, ravel, expand = renamed(ops.unflatten), renamed(ops.ravel), renamed(ops.expand)
unsqueeze, movedim, swapdims = expand_dims, moveaxis, swapaxes
broadcast_arrays, meshgrid = ops.broadcast_arrays, ops.meshgrid
repeat = repeat_interleave = renamed(ops.repeat)
tile, flip, roll = renamed(ops.tile), renamed(ops.flip), renamed(ops.roll)
rot90, pad = renamed(ops.rot90), renamed(ops.pad)
split, array_split, chunk = ops.split, renamed(ops.array_split), renamed(ops.chunk)
split_with_sizes, hstack, vstack = renamed(ops.split_with_sizes), ops.hstack, ops.vstack
unstack = unbind = renamed(ops.unstack)
tril, triu = renamed(ops.tril), renamed(ops.triu)  # of `trace` there is the method: x.trace()
diag, diagonal = renamed(ops.diag), renamed(ops.diagonal)
diag_embed = renamed(ops.diag_embed)
take, gather = renamed(ops.take), renamed(ops.gather)
index_select, masked_select = renamed(ops.index_select), renamed(ops.masked_select)
nonzero, argwhere = renamed(ops.nonzero), renamed(ops.argwhere)
index_put, index_add = renamed(ops.index_put), renamed(ops.index_add)
masked_fill = renamed(ops.masked_fill)
scatter, scatter_add = renamed(ops.scatter), renamed(ops.scatter_add)
put_along_axis = renamed(ops.put_along_axis)
tensordot, outer, inner, dot = ops.tensordot, ops.outer, ops.inner, ops.dot
vdot, bmm, mm = ops.vdot, ops.bmm, ops.mm
