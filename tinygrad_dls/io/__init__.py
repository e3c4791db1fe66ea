"""Files of tensors."""

from .safetensors import load as load
from .safetensors import load_metadata as load_metadata
from .safetensors import save as save
