"""torch.nn.utils.parametrizations: weight norm and spectral norm."""

from ....nn.utils.parametrizations import spectral_norm as spectral_norm
from ....nn.utils.parametrizations import weight_norm as weight_norm
