"""torch.nn.utils.parametrize: asking for parametrizations, and removing them."""

from ....nn.utils.parametrizations import is_parametrized as is_parametrized
from ....nn.utils.parametrizations import remove_parametrizations as remove_parametrizations
