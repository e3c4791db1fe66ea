"""Helpers: clipping gradients, parameters as one vector, computed weights, packed sequences."""

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from . import parametrizations as parametrizations
from . import rnn as rnn
from .fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from .fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from .parameters import clip_grad_norm_ as clip_grad_norm_
from .parameters import clip_grad_value_ as clip_grad_value_
from .parameters import clip_grads_with_norm_ as clip_grads_with_norm_
from .parameters import get_total_norm as get_total_norm
from .parameters import parameters_to_vector as parameters_to_vector
from .parameters import vector_to_parameters as vector_to_parameters
from .reparametrize import remove_spectral_norm as remove_spectral_norm
from .reparametrize import remove_weight_norm as remove_weight_norm
from .reparametrize import spectral_norm as spectral_norm
from .reparametrize import weight_norm as weight_norm

_answer_wrong_names(globals())
