"""Weights in PyTorch's .pt and .pth files, read without PyTorch and without running any code.

Such a file (of PyTorch 1.6 and later) is an uncompressed zip archive: `data.pkl`, a pickle of
the dicts and lists with a description of each tensor, and `data/0`, `data/1` ..., the bytes of
the storages that tensors are views of.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..errors import FormatError
from .pickled import Name, refused, unpickle
from .reading import Array, Arrays, as_path, is_count, is_shape, reading, short, size_of, widened

STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bf16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1",
    "ByteStorage": "u1", "BoolStorage": "b1", "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}
DTYPES = {
    "float64": "f8", "double": "f8", "float32": "f4", "float": "f4", "float16": "f2", "half": "f2",
    "bfloat16": "bf16", "int64": "i8", "long": "i8", "int32": "i4", "int": "i4", "int16": "i2",
    "short": "i2", "int8": "i1", "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8",
    "bool": "b1", "complex64": "c8", "complex128": "c16",
}
RESAVE = "torch.save(torch.load(path, weights_only=True), path)"
DEEPEST = 100  # levels of dicts in dicts
MOST_NAMES = 50  # names for each byte of the pickle: it may say one thing often, not endlessly


@dataclass(frozen=True)
class Kind:
    """A storage class or a dtype that a pickle mentions."""

    code: str  # of NumPy, without byte order; "bf16"; "" for bytes without a type
    torch: str


@dataclass(frozen=True, repr=False)
class Storage:
    """Memory that tensors are views of."""

    raw: bytearray
    kind: Kind


def load_torch(path: str | os.PathLike[str]) -> Arrays:
    """The tensors of a .pt or .pth file by name.

    Names of dicts in dicts and lists have dots: "net.0.bias". Tensors are views of the file's
    storages, so those that shared memory still do; bfloat16 becomes float32. `metadata` of the
    result: all else in the file (epochs, learning rates ...) by name. FormatError for broken
    files, for those that hold code (whole models), and those older than PyTorch 1.6.
    """
    path = as_path(path)
    with reading(path), path.open("rb") as file:
        _check_kind(file.read(64))
        try:
            with zipfile.ZipFile(file) as archive:
                return _Reader(archive, size_of(file)).arrays()
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError,
                struct.error, UnicodeError, OverflowError, KeyError, IndexError) as error:
            if isinstance(error, RecursionError):
                raise
            raise FormatError(f"its zip archive is broken ({short(error)})") from error
        except (ValueError, OSError) as error:  # seeks to where no file reaches
            if isinstance(error, FormatError):
                raise
            raise FormatError(f"its zip archive is broken ({short(error)})") from error


def _check_kind(first: bytes) -> None:
    if first[:4] == b"PK\x03\x04":
        return
    if first[:2] == b"\x80\x02" or b"././@" in first or first[:5] == b"pytor":
        raise FormatError("it is in the format of PyTorch before 1.6. PyTorch can save it anew:\n"
                          f"  {RESAVE}")
    raise FormatError("it is no zip archive, so no file that torch.save wrote, or it is cut off")


class _Reader:
    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self.archive = archive
        self.entries: dict[str, zipfile.ZipInfo] = {}
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise refused("__torch__")
        for entry in archive.infolist():
            if entry.filename in self.entries:
                raise FormatError(f"its zip archive has {short(entry.filename)} twice")
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise FormatError(f"its entry {short(entry.filename)} is compressed, which "
                                  "torch.save never does")
            self.entries[entry.filename] = entry
        total = sum(entry.file_size for entry in archive.infolist())
        if total > size:
            raise FormatError(f"its entries would be {total} bytes long, the file has {size}")
        pickles = [name for name in self.entries
                   if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise FormatError("its zip archive has no data.pkl: torch.save did not write it"
                              if not pickles else "its zip archive has more than one data.pkl")
        self.folder = pickles[0].removesuffix("data.pkl")
        order = self.read("byteorder") if f"{self.folder}byteorder" in self.entries else b"little"
        if order not in (b"little", b"big"):
            raise FormatError(f"its byte order is {short(order)}, neither little nor big")
        self.order = "<" if order == b"little" else ">"
        self.storages: dict[str, Storage] = {}
        self.typed: dict[tuple[str, str], Array] = {}

    def read(self, name: str) -> bytes:
        if self.folder + name not in self.entries:
            raise FormatError(f"it has no entry {short(name)}, which its pickle names")
        return self.archive.read(self.entries[self.folder + name])

    def arrays(self) -> Arrays:
        text = self.read("data.pkl")
        calls: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": _ordered,
            "torch._utils._rebuild_tensor": self.tensor,
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_tensor_v3": self.tensor_v3,
            "torch._utils._rebuild_parameter": lambda data, *_: data,
            "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
            "torch.Size": _listed, "builtins.set": _listed, "__builtin__.set": _listed,
            "torch.device": lambda *where: ":".join(str(w) for w in where if type(w) in (str, int)),
        }
        constants: dict[str, Any] = {f"torch.{n}": Kind(c, n) for n, c in STORAGES.items()}
        constants |= {f"torch.{n}": Kind(c, n) for n, c in DTYPES.items()}
        constants |= {f"torch.storage.{n}": Kind("", n)
                      for n in ("UntypedStorage", "_UntypedStorage")}
        whole = unpickle(text, calls, constants, self.storage)
        found = Arrays()
        _Names(found, MOST_NAMES * len(text)).add("", whole, [])
        return found

    # --- what the pickle asks for ---

    def storage(self, reference: Any) -> Storage:
        """The storage that a persistent id ("storage", kind, key, device, count) names."""
        if (not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage"
                or not isinstance(reference[1], Kind | Name) or not isinstance(reference[2], str)
                or not is_count(reference[4])):
            raise FormatError("its pickle refers to something that is no storage")
        _, kind, key, _, count = reference
        if isinstance(kind, Name):
            raise refused(kind)
        if key not in self.storages:
            self.storages[key] = Storage(bytearray(self.read(f"data/{key}")), kind)
        there = self.storages[key].raw
        if len(there) < count * _width(kind.code):
            raise FormatError(f"storage {short(key)} has {len(there)} bytes, less than its {count} "
                              f"elements ({kind.torch}) take")
        return Storage(there, kind)

    def tensor(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Array:
        if not isinstance(storage, Storage) or not storage.kind.code:
            raise FormatError("a tensor of its pickle has no storage of a known type")
        return self.view(storage, storage.kind, offset, shape, stride)

    def tensor_v3(self, storage: Any, offset: Any, shape: Any, stride: Any, _grad: Any,
                  _hooks: Any, dtype: Any, *_: Any) -> Array:
        if not isinstance(storage, Storage) or not isinstance(dtype, Kind) or not dtype.code:
            raise FormatError("a tensor of its pickle has no storage of a known type")
        return self.view(storage, dtype, offset, shape, stride)

    def view(self, storage: Storage, kind: Kind, offset: Any, shape: Any, stride: Any) -> Array:
        if (not is_count(offset) or not is_shape(shape) or not is_shape(stride)
                or len(shape) != len(stride)):
            raise FormatError(f"a tensor has offset {short(offset)}, shape {short(shape)} and "
                              f"strides {short(stride)}, which cannot be")
        flat = self.elements(storage.raw, kind)
        if 0 in shape:
            return np.empty(shape, flat.dtype)
        last = offset + sum((n - 1) * s for n, s in zip(shape, stride))
        if last >= flat.size:
            raise FormatError(f"a tensor of shape {short(tuple(shape))} reaches to element {last} "
                              f"of a storage of {flat.size}")
        repeats = math.prod(shape) > flat.size  # expanded: a copy could be beyond all bounds
        try:
            array = as_strided(flat[offset:], shape, [s * flat.itemsize for s in stride],
                               writeable=not repeats)
        except (ValueError, OverflowError) as error:
            raise FormatError(f"a tensor has shape {short(tuple(shape))}, which is too large"
                              ) from error
        return array

    def elements(self, raw: bytearray, kind: Kind) -> Array:
        """The whole elements of a storage, each storage once for each type."""
        key = next(k for k, storage in self.storages.items() if storage.raw is raw)
        if (key, kind.code) not in self.typed:
            code = "u2" if kind.code == "bf16" else kind.code
            whole = len(raw) // _width(kind.code)
            flat = np.frombuffer(raw, np.dtype(self.order + code), whole)
            if code == "b1" and flat.size and int(flat.view(np.uint8).max()) > 1:
                raise FormatError("a tensor is of bools, and a byte of it is neither 0 nor 1")
            native = flat.astype(flat.dtype.newbyteorder("="), copy=False)
            self.typed[key, kind.code] = widened(native) if kind.code == "bf16" else native
        return self.typed[key, kind.code]


def _width(code: str) -> int:
    return 2 if code == "bf16" else np.dtype(code).itemsize if code else 1


def _listed(values: Any = ()) -> Any:
    if not isinstance(values, (list, tuple)):
        raise FormatError("its pickle lists what is no list")
    return values


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    if any(not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(
            pair[0], (str, int)) for pair in _listed(pairs)):
        raise FormatError("its pickle has an ordered dict of what are no names and values")
    return dict(pairs)


class _Names:
    """Gives each tensor its dotted name; what is no tensor goes to the metadata."""

    def __init__(self, found: Arrays, most: int) -> None:
        self.found, self.left = found, most

    def add(self, name: str, value: Any, around: list[int]) -> None:
        self.left -= 1 + len(name)
        if self.left < 0:
            raise FormatError("its pickle repeats itself beyond all bounds")
        if isinstance(value, (dict, list, tuple)):
            if id(value) in around or len(around) >= DEEPEST:
                raise FormatError("its dicts and lists lie in each other, too deeply")
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            for key, part in inside:
                self.add(_join(name, key), part, [*around, id(value)])
            return
        if isinstance(value, Storage):
            value = np.frombuffer(value.raw, np.uint8)
        if name in self.found or name in self.found.metadata:
            raise FormatError(f"it has two values of the name {short(name)}")
        if isinstance(value, np.ndarray):
            self.found[name] = value
        else:
            self.found.metadata[name] = value.torch if isinstance(value, Kind) else value


def _join(name: str, key: Any) -> str:
    if not isinstance(key, (str, int)):
        raise FormatError(f"it has the key {short(key)}, and names are texts or whole numbers")
    return f"{name}.{key}" if name else str(key)
