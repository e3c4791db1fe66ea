"""torch.nn.modules.batchnorm: the base of batch norms, for `isinstance`."""

from ....nn.normalization import _BatchNorm as _BatchNorm
