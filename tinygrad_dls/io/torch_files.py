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
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._util.keywords import near_names
from ..errors import FormatError
from .pickled import Opaque, key_of, refused, unpickle
from .reading import (
    Array,
    Arrays,
    as_path,
    check_regular,
    is_count,
    is_shape,
    reading,
    short,
    size_of,
    widened,
)

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
MOST_ROW = 1000  # numbers of a list that have names of their own
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


@near_names
def load_torch(path: str | os.PathLike[str]) -> Arrays:
    """Read the tensors of a .pt or .pth file by name, without PyTorch.

    Names of dicts in dicts and lists have dots: "net.0.bias". Tensors are views of the file's
    storages, so those that shared memory still do; bfloat16 becomes float32, a sparse tensor its
    indices and values. `metadata` of the result: all else in the file (epochs, learning rates ...)
    by name; objects of other classes (argparse.Namespace, NumPy's numbers) are not made, and
    have a placeholder there with the name of the class. FormatError for broken files, for those
    whose tensors are inside such objects (whole models), and those older than PyTorch 1.6.

    >>> import torch
    >>> from tinygrad_dls import io, nn
    >>> torch.save(torch.nn.Linear(3, 2).state_dict(), "linear.pt")  # elsewhere, by PyTorch
    >>> weights = io.load_torch("linear.pt")
    >>> nn.Linear(3, 2).load_state_dict(weights)
    <All keys matched successfully>
    """
    found: Arrays = _read(path, _Reader.arrays)
    return found


class Shape(tuple[int, ...]):
    """A torch.Size of a file."""


class Place(str):
    """A torch.device of a file."""


def torch_objects(path: str | os.PathLike[str]) -> tuple[Any, dict[int, str]]:
    """The object that torch.save wrote: dicts, lists, numbers, and an array for each tensor.

    Dtypes are `Kind`, sizes `Shape`, devices `Place`, objects of other classes `Opaque`; no code of
    the file is run. The second result says by `id` which arrays are "parameter", "frozen parameter"
    or "leaf", a tensor that requires grad. Errors as of `load_torch`, whose result has dotted names
    instead.
    """

    def whole(reader: _Reader) -> tuple[Any, dict[int, str]]:
        return reader.whole(), reader.roles

    found: tuple[Any, dict[int, str]] = _read(path, whole)
    return found


def _read(path: str | os.PathLike[str], use: Callable[[_Reader], Any]) -> Any:
    """`use` of a reader of the file; FormatError where it is broken."""
    path = as_path(path)
    with reading(path), check_regular(path).open("rb") as file:
        _check_kind(file.read(64))
        try:
            with zipfile.ZipFile(file) as archive:
                return use(_Reader(archive, size_of(file)))
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
        raise FormatError("it is in the format of PyTorch before 1.6. PyTorch can save it again:\n"
                          f"  {RESAVE}")
    raise FormatError("it is not a zip archive, so no file that torch.save wrote, or it is cut off")


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
        self.typed: dict[tuple[str, str], Array] = {}  # by key, and by code and marks
        self.roles: dict[int, str] = {}  # of tensors that are trained, by id

    def read(self, name: str) -> bytes:
        if self.folder + name not in self.entries:
            raise FormatError(f"it has no entry {short(name)}, which its pickle names")
        return self.archive.read(self.entries[self.folder + name])

    def whole(self) -> Any:
        """The object that the pickle says, tensors as arrays."""
        text = self.read("data.pkl")
        calls: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": _ordered, "collections.Counter": _counted,
            "collections.defaultdict": lambda *_: {},
            "torch._utils._rebuild_tensor": self.tensor,
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_tensor_v3": self.tensor_v3,
            "torch._utils._rebuild_parameter": self.parameter,
            "torch._utils._rebuild_parameter_with_state": self.parameter,
            "torch._tensor._rebuild_from_type_v2": self.tensor_of_a_class,
            "torch._utils._rebuild_sparse_tensor": _sparse,
            "torch.serialization._get_layout": lambda name: name,
            "torch.Size": lambda lengths: Shape(_listed(lengths)), "_codecs.encode": _encoded,
            "torch.device": lambda *where: Place(
                ":".join(str(w) for w in where if type(w) in (str, int))),
        }
        for module in ("builtins", "__builtin__"):  # of Python 3 and 2
            calls |= {f"{module}.{name}": made for name, made in (
                ("set", _set), ("frozenset", _set), ("bytes", _bytes), ("bytearray", _bytes),
                ("complex", _complex))}
        self.calls = calls
        constants: dict[str, Any] = {f"torch.{n}": Kind(c, n) for n, c in STORAGES.items()}
        constants |= {f"torch.{n}": Kind(c, n) for n, c in DTYPES.items()}
        constants |= {f"torch.storage.{n}": Kind("", n)
                      for n in ("UntypedStorage", "_UntypedStorage")}
        return unpickle(text, calls, constants, self.storage)

    def arrays(self) -> Arrays:
        """All tensors by dotted names."""
        found = Arrays()
        names = _Names(found, MOST_NAMES * len(self.read("data.pkl")))
        names.add("", self.whole(), [])
        if not found and names.opaque:
            raise refused(names.opaque[0].name)
        for opaque in names.opaque:
            opaque.held = []
        return found

    # --- what the pickle asks for ---

    def storage(self, reference: Any) -> Storage:
        """The storage that a persistent id ("storage", kind, key, device, count) names."""
        if (not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage"
                or not isinstance(reference[1], Kind | Opaque) or not isinstance(reference[2], str)
                or not is_count(reference[4])):
            raise FormatError("its pickle refers to something that is not a storage")
        _, kind, key, _, count = reference
        if isinstance(kind, Opaque):
            raise refused(kind.name)
        if key not in self.storages:
            self.storages[key] = Storage(bytearray(self.read(f"data/{key}")), kind)
        there = self.storages[key].raw
        if len(there) < count * _width(kind.code):
            raise FormatError(f"storage {short(key)} has {len(there)} bytes, less than its {count} "
                              f"elements ({kind.torch}) take")
        return Storage(there, kind)

    def tensor(self, storage: Any, offset: Any, shape: Any, stride: Any, grad: Any = None,
               _hooks: Any = None, bits: Any = None) -> Array:
        kind = storage.kind if isinstance(storage, Storage) else None
        array = self.view(storage, kind, offset, shape, stride, bits)
        if grad is True:
            self.roles[id(array)] = "leaf"
        return array

    def parameter(self, data: Any, grad: Any = True, *_: Any) -> Any:
        self.roles[id(data)] = "parameter" if grad is True else "frozen parameter"
        return data

    def tensor_v3(self, storage: Any, offset: Any, shape: Any, stride: Any, _grad: Any,
                  _hooks: Any, dtype: Any, bits: Any = None) -> Array:
        return self.view(storage, dtype, offset, shape, stride, bits)

    def tensor_of_a_class(self, rebuild: Any, _kind: Any, arguments: Any, _state: Any) -> Any:
        """A tensor of a class of its own, or with attributes: the tensor alone."""
        name = rebuild.name if isinstance(rebuild, Opaque) else ""
        if not name.startswith("torch._utils._rebuild") or name not in self.calls:
            raise refused(name)
        return self.calls[name](*_listed(arguments))

    def view(self, storage: Any, kind: Any, offset: Any, shape: Any, stride: Any, bits: Any
             ) -> Array:
        if isinstance(kind, Opaque):
            raise refused(kind.name)
        if not isinstance(storage, Storage) or not isinstance(kind, Kind) or not kind.code:
            raise FormatError("a tensor of its pickle has no storage of a known type")
        if (not is_count(offset) or not is_shape(shape) or not is_shape(stride)
                or len(shape) != len(stride)):
            raise FormatError(f"a tensor has offset {short(offset)}, shape {short(shape)} and "
                              f"strides {short(stride)}, which cannot be")
        flat = self.elements(storage.raw, kind, _marks(bits))
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

    def elements(self, raw: bytearray, kind: Kind, marks: str) -> Array:
        """The whole elements of a storage, each storage once for each type.

        `marks`: PyTorch conjugates and negates lazily, and a file has the numbers before that.
        """
        key = next(k for k, storage in self.storages.items() if storage.raw is raw)
        if marks and (key, kind.code + marks) not in self.typed:
            plain = self.elements(raw, kind, "")
            plain = plain.conj() if "conj" in marks else plain
            self.typed[key, kind.code + marks] = -plain if "neg" in marks else plain
        elif not marks and (key, kind.code) not in self.typed:
            code = "u2" if kind.code == "bf16" else kind.code
            whole = len(raw) // _width(kind.code)
            flat = np.frombuffer(raw, np.dtype(self.order + code), whole)
            if code == "b1" and flat.size and int(flat.view(np.uint8).max()) > 1:
                raise FormatError("a tensor is of bools, and a byte of it is neither 0 nor 1")
            native = flat.astype(flat.dtype.newbyteorder("="), copy=False)
            self.typed[key, kind.code] = widened(native) if kind.code == "bf16" else native
        return self.typed[key, kind.code + marks]


def _width(code: str) -> int:
    return 2 if code == "bf16" else np.dtype(code).itemsize if code else 1


def _listed(values: Any = ()) -> Any:
    if not isinstance(values, (list, tuple)):
        raise FormatError("its pickle lists what is not a list")
    return values


def _set(values: Any = ()) -> set[Any]:
    return {key_of(value) for value in _listed(values)}


def _ordered(pairs: Any = ()) -> OrderedDict[Any, Any]:
    if any(not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(
            pair[0], (str, int)) for pair in _listed(pairs)):
        raise FormatError("its pickle has an ordered dict of things that are not names and values")
    return OrderedDict(pairs)


def _counted(counts: Any = None) -> Counter[Any]:
    if not isinstance(counts, dict | None):
        raise FormatError("its pickle has a Counter of things that are not counts")
    return Counter(counts or {})


def _encoded(text: Any, code: Any) -> bytes:
    """Bytes, as protocol 2 spells them."""
    if not isinstance(text, str) or code not in ("latin1", "latin-1"):
        raise FormatError("its pickle has bytes that are not bytes")
    return text.encode("latin-1")


def _bytes(values: Any = b"", code: Any = None) -> bytes:
    if isinstance(values, str):
        return _encoded(values, code)
    if not isinstance(values, bytes):
        raise FormatError("its pickle has bytes that are not bytes")
    return values


def _complex(real: Any, imaginary: Any) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise FormatError("its pickle has a complex number of things that are not numbers")
    return complex(real, imaginary)


def _sparse(layout: Any, parts: Any) -> Any:
    """A sparse tensor of coordinates: its indices (axes, count), values (count, ...) and shape."""
    if layout != "torch.sparse_coo":
        raise refused(str(layout))
    return dict(zip(("indices", "values", "shape", "is_coalesced"), _listed(parts)))


def _marks(bits: Any) -> str:
    """Return which of the flags "conj" and "neg" a tensor has; FormatError for others."""
    if bits is None or bits == {}:
        return ""
    if not isinstance(bits, dict) or not bits.keys() <= {"conj", "neg"}:
        raise FormatError(f"a tensor is marked {short(bits)}, which is not known")
    return "+".join(sorted(name for name, on in bits.items() if on))


class _Names:
    """Gives each tensor its dotted name; what is not a tensor goes to the metadata."""

    def __init__(self, found: Arrays, most: int) -> None:
        self.found, self.left = found, most
        self.opaque: list[Opaque] = []  # in the order of the file
        self.seen: set[int] = set()  # inside them

    def add(self, name: str, value: Any, around: list[int]) -> None:
        self.left -= 1 + len(name)
        if self.left < 0:
            raise FormatError("its pickle repeats itself beyond all bounds")
        if isinstance(value, (dict, list, tuple)) and not _is_row(value):
            if id(value) in around or len(around) >= DEEPEST:
                raise FormatError("its dicts and lists lie in each other, too deeply")
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            for i, (key, part) in enumerate(inside):
                if not isinstance(key, (str, int)):
                    self.look_into(key)
                self.add(_join(name, key, i), part, [*around, id(value)])
            return
        if isinstance(value, Storage):
            value = np.frombuffer(value.raw, np.uint8)
        if name in self.found or name in self.found.metadata:
            raise FormatError(f"it has two values of the name {short(name)}")
        if isinstance(value, np.ndarray):
            self.found[name] = value
            return
        if not isinstance(value, (list, tuple)):  # a row has nothing inside
            self.look_into(value)
        self.found.metadata[name] = value.torch if isinstance(value, Kind) else value

    def look_into(self, whole: Any) -> None:
        """FormatError if an object that is not made has a tensor inside: it would be lost."""
        waiting: list[tuple[Any, str]] = [(whole, "")]
        while waiting:
            value, name = waiting.pop()
            if isinstance(value, (np.ndarray, Storage)):
                raise refused(name)
            if not isinstance(value, (Opaque, dict, list, tuple, set, frozenset)) or (
                    id(value) in self.seen):
                continue
            self.seen.add(id(value))
            if isinstance(value, Opaque):
                self.opaque.append(value)
                name, inside = name or value.name, value.held
            else:
                inside = [*value, *value.values()] if isinstance(value, dict) else [*value]
            waiting += [(part, name) for part in inside]


def _is_row(value: Any) -> bool:
    """Return whether it is a long list of numbers or texts, which becomes one value: nobody needs a
    million names.
    """
    return isinstance(value, (list, tuple)) and len(value) > MOST_ROW and all(
        isinstance(part, (int, float, str, bytes, NoneType)) for part in value)


def _join(name: str, key: Any, place: int) -> str:
    if isinstance(key, Opaque):
        key = f"{key} {place}"
    return f"{name}.{key}" if name else str(key)
