"""torch.utils: data, and checkpoint."""

from . import checkpoint as checkpoint
from . import data as data
