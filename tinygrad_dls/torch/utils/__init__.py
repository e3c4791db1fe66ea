"""torch.utils: data, checkpoint, and weights from the web."""

from . import checkpoint as checkpoint
from . import data as data
from . import model_zoo as model_zoo
