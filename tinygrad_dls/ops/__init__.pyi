"""Made by `python tools/type_stubs.py` from the operations."""

from collections.abc import Callable
from typing import Any

from . import indexing as indexing
from . import linalg as linalg
from . import shape as shape
from .pooling import adaptive_avg_pool as adaptive_avg_pool
from .pooling import adaptive_max_pool as adaptive_max_pool
from .indexing import add_at as add_at
from .products import addmm as addmm
from .grid_sampling import affine_grid as affine_grid
from .reduction import all as all
from .comparison import allclose as allclose
from .reduction import amax as amax
from .reduction import amin as amin
from .reduction import any as any
from .reduction import argmax as argmax
from .reduction import argmin as argmin
from .sorting import argsort as argsort
from .gathering import argwhere as argwhere
from .comparison import array_equal as array_equal
from .joining import array_split as array_split
from .assigning import assign as assign
from .attention import attention as attention
from .pooling import avg_pool as avg_pool
from .normalization import batch_norm as batch_norm
from .normalization import batch_norm_activation as batch_norm_activation
from .products import bmm as bmm
from .shape import broadcast as broadcast
from .shape import broadcast_arrays as broadcast_arrays
from .shape import broadcast_to as broadcast_to
from .elementwise import cast as cast
from .joining import chunk as chunk
from .elementwise import clip as clip
from .joining import concatenate as concatenate
from .convolution import convolution as convolution
from .convolution import convolution_weight_gradient as convolution_weight_gradient
from .reduction import count_nonzero as count_nonzero
from .losses import cross_entropy_of_rows as cross_entropy_of_rows
from .ctc import ctc as ctc
from .scan import cumprod as cumprod
from .scan import cumsum as cumsum
from .triangles import diag as diag
from .triangles import diag_embed as diag_embed
from .triangles import diagonal as diagonal
from .scan import diff as diff
from .rounding import divmod as divmod
from .products import dot as dot
from .random import dropout as dropout
from .einsum import einsum as einsum
from .activations import elu as elu
from .embedding import embedding as embedding
from .shape import expand as expand
from .shape import expand_dims as expand_dims
from .shape import flatten as flatten
from .tiling import flip as flip
from .unfold import fold as fold
from .normalization import frozen_batch_norm as frozen_batch_norm
from .filling import full_like as full_like
from .gathering import gather as gather
from .activations import gelu as gelu
from .indexing import getitem as getitem
from .gated import glu as glu
from .grid_sampling import grid_sample as grid_sample
from .normalization import group_norm as group_norm
from .sequences import gru as gru
from .activations import hardtanh as hardtanh
from .joining import hstack as hstack
from .scatter import index_add as index_add
from .scatter import index_put as index_put
from .gathering import index_select as index_select
from .products import inner as inner
from .normalization import instance_norm as instance_norm
from .resampling import interpolate as interpolate
from .comparison import isclose as isclose
from .normalization import layer_norm as layer_norm
from .activations import leaky_relu as leaky_relu
from .special import lerp as lerp
from .matmul import linear as linear
from .softmax import log_softmax as log_softmax
from .reduction import logsumexp as logsumexp
from .sequences import lstm as lstm
from .scatter import masked_fill as masked_fill
from .gathering import masked_select as masked_select
from .reduction import max as max
from .pooling import max_pool as max_pool
from .pooling import max_unpool as max_unpool
from .reduction import mean as mean
from .sorting import median as median
from .shape import meshgrid as meshgrid
from .reduction import min as min
from .products import mm as mm
from .shape import moveaxis as moveaxis
from .products import mv as mv
from .special import nan_to_num as nan_to_num
from .gathering import nonzero as nonzero
from .norms import norm as norm
from .triangles import on_diagonal as on_diagonal
from .filling import ones_like as ones_like
from .products import outer as outer
from .padding import pad as pad
from .shape import permute_dims as permute_dims
from .arithmetic import power as power
from .scan import prod as prod
from .scatter import put_along_axis as put_along_axis
from .shape import ravel as ravel
from .arithmetic import reciprocal as reciprocal
from .scan import recurrence as recurrence
from .tiling import repeat as repeat
from .resampling import resample as resample
from .shape import reshape as reshape
from .normalization import rms_norm as rms_norm
from .sequences import rnn as rnn
from .tiling import roll as roll
from .tiling import rot90 as rot90
from .rounding import round as round
from .normalization import scale_channels as scale_channels
from .scatter import scatter as scatter
from .scatter import scatter_add as scatter_add
from .softmax import softmax as softmax
from .activations import softplus as softplus
from .sorting import sort as sort
from .joining import split as split
from .joining import split_with_sizes as split_with_sizes
from .arithmetic import square as square
from .shape import squeeze as squeeze
from .joining import stack as stack
from .reduction import std as std
from .reduction import sum as sum
from .convolution import sum_channels as sum_channels
from .shape import swapaxes as swapaxes
from .synchronized import synchronized_batch_norm as synchronized_batch_norm
from .indexing import take as take
from .gathering import take_along_axis as take_along_axis
from .products import tensordot as tensordot
from .tiling import tile as tile
from .moving import to_device as to_device
from .sorting import topk as topk
from .triangles import trace as trace
from .shape import transpose as transpose
from .convolution import transposed_convolution as transposed_convolution
from .triangles import tril as tril
from .triangles import triu as triu
from .shape import unflatten as unflatten
from .unfold import unfold as unfold
from .joining import unstack as unstack
from .assigning import update as update
from .reduction import var as var
from .products import vdot as vdot
from .norms import vector_norm as vector_norm
from .joining import vstack as vstack
from .comparison import where as where
from .filling import zeros_like as zeros_like
abs: Callable[..., Any]
add: Callable[..., Any]
arccos: Callable[..., Any]
arccosh: Callable[..., Any]
arcsin: Callable[..., Any]
arcsinh: Callable[..., Any]
arctan: Callable[..., Any]
arctan2: Callable[..., Any]
arctanh: Callable[..., Any]
bitwise_and: Callable[..., Any]
bitwise_or: Callable[..., Any]
bitwise_xor: Callable[..., Any]
ceil: Callable[..., Any]
clone: Callable[..., Any]
cos: Callable[..., Any]
cosh: Callable[..., Any]
div: Callable[..., Any]
equal: Callable[..., Any]
erf: Callable[..., Any]
erfc: Callable[..., Any]
exp: Callable[..., Any]
exp2: Callable[..., Any]
expm1: Callable[..., Any]
floor: Callable[..., Any]
floor_divide: Callable[..., Any]
fmod: Callable[..., Any]
greater: Callable[..., Any]
greater_equal: Callable[..., Any]
hardsigmoid: Callable[..., Any]
hardswish: Callable[..., Any]
hypot: Callable[..., Any]
invert: Callable[..., Any]
isfinite: Callable[..., Any]
isinf: Callable[..., Any]
isnan: Callable[..., Any]
less: Callable[..., Any]
less_equal: Callable[..., Any]
log: Callable[..., Any]
log10: Callable[..., Any]
log1p: Callable[..., Any]
log2: Callable[..., Any]
logaddexp: Callable[..., Any]
logical_and: Callable[..., Any]
logical_not: Callable[..., Any]
logical_or: Callable[..., Any]
logical_xor: Callable[..., Any]
logsigmoid: Callable[..., Any]
matmul: Callable[..., Any]
maximum: Callable[..., Any]
minimum: Callable[..., Any]
mish: Callable[..., Any]
mul: Callable[..., Any]
neg: Callable[..., Any]
not_equal: Callable[..., Any]
pick: Callable[..., Any]
prelu: Callable[..., Any]
relu: Callable[..., Any]
remainder: Callable[..., Any]
rsqrt: Callable[..., Any]
sigmoid: Callable[..., Any]
sign: Callable[..., Any]
silu: Callable[..., Any]
sin: Callable[..., Any]
sinh: Callable[..., Any]
softsign: Callable[..., Any]
sqrt: Callable[..., Any]
sub: Callable[..., Any]
tan: Callable[..., Any]
tanh: Callable[..., Any]
trunc: Callable[..., Any]
