"""torch.nn.utils: clipping, vectors of parameters, norms as parametrizations, packed sequences."""

from ....nn.utils import clip_grad_norm_ as clip_grad_norm_
from ....nn.utils import clip_grad_value_ as clip_grad_value_
from ....nn.utils import clip_grads_with_norm_ as clip_grads_with_norm_
from ....nn.utils import fuse_conv_bn_eval as fuse_conv_bn_eval
from ....nn.utils import fuse_linear_bn_eval as fuse_linear_bn_eval
from ....nn.utils import get_total_norm as get_total_norm
from ....nn.utils import parameters_to_vector as parameters_to_vector
from ....nn.utils import remove_spectral_norm as remove_spectral_norm
from ....nn.utils import remove_weight_norm as remove_weight_norm
from ....nn.utils import spectral_norm as spectral_norm
from ....nn.utils import vector_to_parameters as vector_to_parameters
from ....nn.utils import weight_norm as weight_norm
from . import parametrizations as parametrizations
from . import parametrize as parametrize
from . import rnn as rnn

clip_grad_norm = clip_grad_norm_
