"""The operations as functions, under NumPy's names: `dls.exp(x)`, `dls.sum(x, axis=0)`.

Those with an axis take PyTorch's `dim=` and `keepdim=` too, and `cat` is `concatenate`.
"""

from . import ops
from .synonyms import renamed

exp, expm1, log, log1p, sqrt = ops.exp, ops.expm1, ops.log, ops.log1p, ops.sqrt
sin, cos, tanh = ops.sin, ops.cos, ops.tanh
sigmoid, relu, leaky_relu = ops.sigmoid, ops.relu, ops.leaky_relu
abs, sign, maximum, minimum, where = ops.abs, ops.sign, ops.maximum, ops.minimum, ops.where
einsum = ops.einsum
matmul, clip, reshape = ops.matmul, renamed(ops.clip), renamed(ops.reshape)
transpose, swapaxes, moveaxis = renamed(ops.transpose), renamed(ops.swapaxes), renamed(ops.moveaxis)
broadcast_to, expand_dims = renamed(ops.broadcast_to), renamed(ops.expand_dims)
flatten, take_along_axis = renamed(ops.flatten), renamed(ops.take_along_axis)
sum, mean, var, std = renamed(ops.sum), renamed(ops.mean), renamed(ops.var), renamed(ops.std)
max, min = renamed(ops.max), renamed(ops.min)
argmax, argmin = renamed(ops.argmax), renamed(ops.argmin)
any, all, squeeze = renamed(ops.any), renamed(ops.all), renamed(ops.squeeze)
softmax, log_softmax = renamed(ops.softmax), renamed(ops.log_softmax)
logsumexp = renamed(ops.logsumexp)
concatenate = cat = renamed(ops.concatenate)
stack = renamed(ops.stack)
