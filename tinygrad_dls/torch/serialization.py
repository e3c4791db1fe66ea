"""torch.save and torch.load: PyTorch's own files, written and read without running code of theirs.

A file is an uncompressed zip archive: `data.pkl`, a pickle of dicts, lists and numbers that
describes each tensor, and `data/0`, `data/1` ..., the bytes of the storages that tensors are views
of. PyTorch reads what `save` writes, with weights_only=True.
"""

from __future__ import annotations

import io
import os
import pickle
import tempfile
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from ..backend.device import Device
from ..engine.autograd import TensorBase
from ..engine.versions import owner_of
from ..errors import DtypeError, FormatError
from ..io.pickled import Opaque
from ..io.torch_files import Kind, Storage, torch_objects
from ..nn import Parameter
from .creation import from_numpy
from .size import Size

STORAGES = {"float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage",
            "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage",
            "int8": "CharStorage", "uint8": "ByteStorage", "bool": "BoolStorage"}
PLAIN = (NoneType, bool, int, float, complex, str, bytes, dict, list, tuple, set, frozenset,
         OrderedDict, Counter)


def save(obj: Any, f: Any, *_: Any, **__: Any) -> None:
    """Write dicts, lists, numbers and tensors (a state_dict, a checkpoint) as PyTorch does.

    `f`: a path, or a file open for writing bytes. DtypeError for other objects: of a model its
    `state_dict()` is saved.
    """
    text = io.BytesIO()
    writer = _Writer(text)
    writer.dump(obj)
    folder = Path(f).stem if isinstance(f, str | os.PathLike) else "archive"
    with zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{folder}/data.pkl", text.getvalue())
        archive.writestr(f"{folder}/byteorder", "little")
        for key, array in enumerate(writer.storages):
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            archive.writestr(f"{folder}/data/{key}", little.tobytes())
        archive.writestr(f"{folder}/version", "3\n")


class _Global:
    """A name of PyTorch's that a pickle mentions."""

    def __init__(self, module: str, name: str) -> None:
        self.text = f"{module}\n{name}\n".encode()

    def __call__(self) -> None:
        """Never called: a pickle wants what it names to be callable."""


class _Memory:
    """The storage of number `key`, of so many elements."""

    def __init__(self, key: int, array: Any) -> None:
        self.key, self.array = key, array


_NAMES: dict[str, _Global] = {}


def _named(module: str, name: str) -> _Global:
    return _NAMES.setdefault(f"{module}.{name}", _Global(module, name))


_InPython: Any = vars(pickle)["_Pickler"]  # whose steps can be changed one by one


class _Writer(_InPython):  # type: ignore[misc]
    """Pickles tensors as PyTorch's functions would make them, and nothing that needs a class."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, 2)
        self.storages: list[Any] = []
        self.known: dict[int, _Memory] = {}

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Numbers of NumPy as Python's, sizes as tuples, all else as it is."""
        if isinstance(obj, np.generic):
            obj = obj.item()
        elif isinstance(obj, Size):
            obj = tuple(obj)
        elif isinstance(obj, defaultdict):
            obj = dict(obj)
        elif isinstance(obj, np.dtype) and obj.name in STORAGES:
            obj = _named("torch", obj.name)
        super().save(obj, save_persistent_id)

    def persistent_id(self, obj: Any) -> Any:
        """A reference to bytes in a file of their own."""
        if not isinstance(obj, _Memory):
            return None
        kind = _named("torch", STORAGES[obj.array.dtype.name])
        return "storage", kind, str(obj.key), "cpu", obj.array.size

    def reducer_override(self, obj: Any) -> Any:
        """The call that makes an object, in PyTorch's names."""
        if isinstance(obj, _Global):
            return "global"
        if isinstance(obj, Parameter):
            return _named("torch._utils", "_rebuild_parameter"), (
                obj.detach(), obj.requires_grad, OrderedDict())
        if isinstance(obj, TensorBase):
            return _named("torch._utils", "_rebuild_tensor_v2"), self._view(obj)
        if isinstance(obj, Device):
            return _named("torch", "device"), (str(obj),)
        if isinstance(obj, np.ndarray):
            raise DtypeError("torch.save writes tensors: torch.from_numpy(array)")
        if type(obj) in PLAIN or obj in (OrderedDict, Counter, set, frozenset):
            return NotImplemented
        raise DtypeError(
            f"torch.save writes dicts, lists, numbers and tensors, not a {type(obj).__name__}: of "
            "a model save model.state_dict()"
        )

    def _view(self, x: Any) -> tuple[Any, ...]:
        """Storage, offset, shape and strides."""
        array = x.device.to_host(x._data)
        owner = owner_of(array)
        if owner.dtype != array.dtype or not owner.flags.c_contiguous or array.dtype.name not in (
                STORAGES) or any(s < 0 for s in array.strides):
            owner = array = np.ascontiguousarray(array)
        memory = self.known.get(id(owner))
        if memory is None:
            memory = self.known[id(owner)] = _Memory(len(self.storages), owner)
            self.storages.append(owner)
        start = (array.__array_interface__["data"][0] - owner.__array_interface__["data"][0])
        size = array.dtype.itemsize
        return (memory, start // size, tuple(array.shape), tuple(s // size for s in array.strides),
                False, OrderedDict())

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """A name, written without asking whether it can be imported here."""
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + obj.text)
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def load(f: Any, map_location: Any = None, *_: Any, weights_only: bool = True, **__: Any) -> Any:
    """Read what PyTorch's save, or this one, wrote: dicts, lists, numbers, tensors.

    `map_location`: where tensors go, the CPU if it is not said. No code of the file is run;
    FormatError for a file that holds a whole model, which would need that.
    """
    if hasattr(f, "read"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file.pt"
            path.write_bytes(f.read())
            return load(path, map_location)
    place = map_location if isinstance(map_location, str | Device) else None
    return _Converter(place).of(torch_objects(f))


class _Converter:
    """Arrays of a file as tensors: one for each array, memory shared as it was."""

    def __init__(self, place: Any) -> None:
        self.place = place
        self.known: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        """The value with tensors in place of arrays."""
        if isinstance(value, np.ndarray):
            if id(value) not in self.known:
                made = from_numpy(value)
                self.known[id(value)] = made if self.place is None else made.to(self.place), value
            return self.known[id(value)][0]
        if isinstance(value, dict):
            return type(value)((self.of(k), self.of(v)) for k, v in value.items())
        if isinstance(value, list | tuple):
            return type(value)(map(self.of, value))
        if isinstance(value, Kind):
            return np.dtype(value.code)
        if isinstance(value, Opaque | Storage):
            name = value.name if isinstance(value, Opaque) else "a storage"
            raise FormatError(f"it holds {name}, an object that its class would have to make: save "
                              "state_dict() instead")
        return value


class safe_globals:
    """Taken, and without effect: `load` runs no code, so there is nothing to allow."""

    def __init__(self, safe_globals: Any = ()) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def add_safe_globals(safe_globals: Any) -> None:
    """Nothing: see `safe_globals`."""
