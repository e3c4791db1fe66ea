"""Transforms and augmentation of pictures, under the names of torchvision.transforms."""

from ..._util.namespaces import answer_wrong_names as _answer_wrong_names
from . import functional as functional
from .base import Compose as Compose
from .base import Transform as Transform
from .color import ColorJitter as ColorJitter
from .color import Normalize as Normalize
from .color import ToTensor as ToTensor
from .geometry import CenterCrop as CenterCrop
from .geometry import RandomCrop as RandomCrop
from .geometry import RandomHorizontalFlip as RandomHorizontalFlip
from .geometry import RandomRotation as RandomRotation
from .geometry import Resize as Resize
from .mixing import MixUp as MixUp
from .mixing import RandomErasing as RandomErasing

_answer_wrong_names(globals())
