"""Files of tensors and models: safetensors, and those of PyTorch, Keras, Darknet ... and ONNX."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .._util.namespaces import missing as _missing
from .._util.namespaces import public_names as _public_names
from .safetensors import load as load
from .safetensors import load_metadata as load_metadata
from .safetensors import save as save

if TYPE_CHECKING:
    from .darknet import load_darknet as load_darknet
    from .darknet import parse_darknet_cfg as parse_darknet_cfg
    from .keras_files import load_keras as load_keras
    from .keras_layouts import from_keras as from_keras
    from .onnx_export import export_onnx as export_onnx
    from .onnx_import import OnnxModel as OnnxModel
    from .onnx_import import import_onnx as import_onnx
    from .tensorflowjs import load_tensorflowjs as load_tensorflowjs
    from .torch_files import load_torch as load_torch

# Formats that not every program reads are opened at the first use of their names.
_LATER = {
    "OnnxModel": "onnx_import", "export_onnx": "onnx_export", "from_keras": "keras_layouts",
    "import_onnx": "onnx_import", "load_darknet": "darknet", "load_keras": "keras_files",
    "load_tensorflowjs": "tensorflowjs", "load_torch": "torch_files",
    "parse_darknet_cfg": "darknet",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise _missing(__name__, name)
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    return _public_names(globals(), *_LATER)


__all__ = [name for name in __dir__() if not name.startswith("_")]
