"""torch.nn.modules.conv: the base of convolutions, for `isinstance`."""

from ....nn.conv import ConvNd

_ConvNd = ConvNd
