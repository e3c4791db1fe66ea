"""All operations, by family; `Op.registry` lists them."""

import sys

from . import indexing as indexing
from . import op as _op
from .arithmetic import add as add
from .arithmetic import div as div
from .arithmetic import maximum as maximum
from .arithmetic import minimum as minimum
from .arithmetic import mul as mul
from .arithmetic import power as power
from .arithmetic import sub as sub
from .comparison import equal as equal
from .comparison import greater as greater
from .comparison import greater_equal as greater_equal
from .comparison import less as less
from .comparison import less_equal as less_equal
from .comparison import logical_and as logical_and
from .comparison import logical_not as logical_not
from .comparison import logical_or as logical_or
from .comparison import not_equal as not_equal
from .comparison import where as where
from .einsum import einsum as einsum
from .elementwise import abs_ as abs_
from .elementwise import cast as cast
from .elementwise import clip as clip
from .elementwise import cos as cos
from .elementwise import exp as exp
from .elementwise import expm1 as expm1
from .elementwise import leaky_relu as leaky_relu
from .elementwise import log as log
from .elementwise import log1p as log1p
from .elementwise import neg as neg
from .elementwise import relu as relu
from .elementwise import sigmoid as sigmoid
from .elementwise import sign as sign
from .elementwise import sin as sin
from .elementwise import sqrt as sqrt
from .elementwise import tanh as tanh
from .indexing import getitem as getitem
from .indexing import take_along_axis as take_along_axis
from .losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .losses import cross_entropy as cross_entropy
from .losses import log_softmax as log_softmax
from .losses import logsumexp as logsumexp
from .losses import mse_loss as mse_loss
from .losses import softmax as softmax
from .matmul import linear as linear
from .matmul import matmul as matmul
from .moving import to_device as to_device
from .random import dropout as dropout
from .reduction import all as all
from .reduction import any as any
from .reduction import argmax as argmax
from .reduction import argmin as argmin
from .reduction import max as max
from .reduction import mean as mean
from .reduction import min as min
from .reduction import std as std
from .reduction import sum as sum
from .reduction import var as var
from .shape import broadcast_to as broadcast_to
from .shape import clone as clone
from .shape import concatenate as concatenate
from .shape import expand_dims as expand_dims
from .shape import flatten as flatten
from .shape import moveaxis as moveaxis
from .shape import reshape as reshape
from .shape import spread as spread
from .shape import squeeze as squeeze
from .shape import stack as stack
from .shape import swapaxes as swapaxes
from .shape import transpose as transpose

abs = abs_
_op.register_functions(sys.modules[__name__])
