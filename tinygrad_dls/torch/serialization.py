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
from argparse import Namespace
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
from ..io.torch_files import Kind, Place, Shape, Storage, torch_objects
from ..nn import Parameter as CoreParameter
from .creation import from_numpy
from .nn.parameter import Parameter
from .size import Size
from .unpickled import is_known, made

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
        """Numbers of NumPy as Python's, all else as it is."""
        if isinstance(obj, np.generic):
            obj = obj.item()
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
        if isinstance(obj, CoreParameter):
            return _named("torch._utils", "_rebuild_parameter"), (
                obj.detach(), obj.requires_grad, OrderedDict())
        if isinstance(obj, TensorBase):
            return _named("torch._utils", "_rebuild_tensor_v2"), self._view(obj)
        if isinstance(obj, Size):
            return _named("torch", "Size"), (tuple(obj),)
        if isinstance(obj, Namespace):
            return _named("argparse", "Namespace"), (), vars(obj)
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
                x.requires_grad, OrderedDict())

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """A name, written without asking whether it can be imported here."""
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + obj.text)
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def load(f: Any, map_location: Any = None, *_: Any, weights_only: bool = True, **__: Any) -> Any:
    """Read what PyTorch's save, or this one, wrote: dicts, lists, numbers, tensors.

    `map_location`: where tensors go, the CPU if it is not said. No code of the file is run,
    whatever `weights_only` says: False reads argparse.Namespace and NumPy's numbers and arrays,
    too. bfloat16 becomes float32. FormatError for a file that holds other objects, such as a whole
    model, which only code of theirs could make.
    """
    if hasattr(f, "read"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file.pt"
            path.write_bytes(f.read())
            return load(path, map_location, weights_only=weights_only)
    place = map_location if isinstance(map_location, str | Device) else None
    found, roles = torch_objects(f)
    return _Converter(place, roles, weights_only).of(found)


class _Converter:
    """Arrays of a file as tensors: one for each array, memory shared as it was."""

    def __init__(self, place: Any, roles: dict[int, str], weights_only: bool) -> None:
        self.place, self.roles, self.weights_only = place, roles, weights_only
        self.known: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        """The value with tensors in place of arrays."""
        if isinstance(value, np.ndarray):
            if id(value) not in self.known:
                self.known[id(value)] = self.tensor(value), value
            return self.known[id(value)][0]
        if isinstance(value, Counter):
            return value
        if isinstance(value, dict):
            return type(value)((self.of(k), self.of(v)) for k, v in value.items())
        if isinstance(value, Shape):
            return Size(value)
        if isinstance(value, list | tuple):
            return type(value)(map(self.of, value))
        if isinstance(value, Kind):
            return np.dtype(value.code)
        if isinstance(value, Place):
            return Device(value) if value == "cpu" else value
        if isinstance(value, Opaque):
            return self.other(value)
        if isinstance(value, Storage):
            raise FormatError("it holds a storage without a tensor: save tensors, or state_dict()")
        return value

    def tensor(self, array: Any) -> Any:
        """The tensor of an array; one that was trained is again one that will be."""
        made = from_numpy(array)
        if self.place is not None:
            made = made.to(self.place)
        role = self.roles.get(id(array))
        if role is None:
            return made
        return made.requires_grad_() if role == "leaf" else Parameter(made, role == "parameter")

    def other(self, note: Opaque) -> Any:
        """An object that is neither number nor text nor tensor."""
        if not is_known(note.name):
            raise FormatError(
                f"it holds {note.name}, an object that code of its class would have to make, and "
                "no code of a file is run here, whatever weights_only says: save state_dict(), "
                "numbers and texts instead"
            )
        if self.weights_only:
            raise FormatError(
                f"it holds {note.name}, and weights_only=True reads tensors, numbers and texts. "
                "Write torch.load(path, weights_only=False): here that reads Namespaces and "
                "NumPy's numbers and arrays, too, and still runs no code of the file"
            )
        return made(note, self.of)


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
