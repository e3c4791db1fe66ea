"""Tensors in a file, in the safetensors format: no code in it, and every byte checked on reading.

The same files as those of the `safetensors` package, so models go to and fro between frameworks.
The format is described in header.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from .._util.atomic_files import check_parent, whole_file
from .._util.callers import users_frame, warn_at
from .._util.keywords import near_names
from ..backend.device import Device, default_device
from ..errors import DataError, DtypeError, FormatError
from ..tensors import Tensor, from_numpy
from .header import DTYPES, MOST, NAMES, Header, header_of, read_header
from .reading import check_regular

Array = np.ndarray[Any, Any]


@near_names
def save(
    path: str | os.PathLike[str], mapping: Mapping[str, Any],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write name -> values (tensors, arrays; floats, integers, bools) to a safetensors file.

    All of it or nothing: the file is there when it is whole. Strided tensors, and those that
    share memory, are written each in full. `metadata`: text -> text, for `load_metadata`.
    DtypeError or DataError for values that the format cannot hold. Warns of an ending that is
    PyTorch's.

    >>> from tinygrad_dls import io, nn
    >>> model = nn.Linear(3, 2)
    >>> io.save("model.safetensors", model.state_dict(), metadata={"epochs": "10"})
    >>> model.load_state_dict(io.load("model.safetensors"))
    <All keys matched successfully>
    """
    if isinstance(path, Mapping) and isinstance(mapping, str | os.PathLike):
        raise DtypeError(f"dls.save takes the path first: dls.save({os.fspath(mapping)!r}, state). "
                         "PyTorch's own files are written by tinygrad_dls.torch.save")
    if not isinstance(mapping, Mapping):
        raise DtypeError("dls.save takes names and values, such as model.state_dict(), not a "
                         f"{type(mapping).__name__}")
    place = _path(path)
    write(place, {_name(name): _host(name, value) for name, value in mapping.items()},
          _texts(metadata or {}))
    if place.suffix in (".pt", ".pth"):
        warn_at(users_frame(sys._getframe(1)), f"{place} is a safetensors file, which torch.load "
                f"does not read: call it {place.stem}.safetensors", UserWarning)


@near_names
def load(
    path: str | os.PathLike[str], device: str | Device | None = None, mmap: bool = False
) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, by name, on `device` (or the default one).

    bfloat16 becomes float32, which holds each of its values. `mmap`: bytes are fetched from the
    file when they are first looked at (CPU only; the file must stay as it is). FormatError that
    says what is wrong with a broken file, DataError if there is none.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import io
    >>> io.save("w.safetensors", {"w": dls.tensor([1.0, 2.0])})
    >>> io.load("w.safetensors")
    {'w': Tensor([1., 2.])}
    """
    place = default_device() if device is None else Device(device)
    if mmap and place.xp is not np:
        raise DataError(f"mmap=True is for the CPU, not for {place}: leave it out")
    arrays, _ = read(_path(path), mmap)
    tensors = {}
    for name in list(arrays):  # each array is let go when its tensor is made
        tensor = from_numpy(arrays.pop(name))
        tensors[name] = tensor if place.xp is np else tensor.to(place)
    return tensors


@near_names
def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the metadata of a safetensors file, without its tensors.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import io
    >>> io.save("w.safetensors", {"w": dls.tensor([1.0, 2.0])}, metadata={"epochs": "10"})
    >>> io.load_metadata("w.safetensors")
    {'epochs': '10'}
    """
    with _opened(_path(path)) as (_, header):
        return header.metadata


def stored_dtypes(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return what the file calls the dtype of each tensor: "F32", "BF16" ..."""
    with _opened(_path(path)) as (_, header):
        return {entry.name: entry.dtype for entry in header.entries}


# --- on arrays -----------------------------------------------------------------------------------


@near_names
def write(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write C-contiguous arrays, whole or not at all."""
    head, order = header_of(arrays, metadata)
    if len(head) - 8 > MOST:
        raise DataError(f"{path}: names and metadata take {len(head)} bytes, more than the {MOST} "
                        "that a safetensors file may have")
    check_parent(path)
    with whole_file(path) as part, part.open("wb") as file:
        file.write(head)
        for name in order:
            if arrays[name].size:
                file.write(arrays[name].reshape(-1).view(np.uint8).data)
        file.flush()
        os.fsync(file.fileno())


@near_names
def read(path: Path, mmap: bool = False) -> tuple[dict[str, Array], dict[str, str]]:
    """(name -> array, metadata) of a file."""
    with _opened(path) as (file, header):
        arrays = {}
        mapped = np.memmap(path, np.uint8, "c") if mmap and header.entries else None
        for name, kind, shape, begin, end in header.entries:
            dtype = np.dtype(DTYPES[kind])
            if mapped is not None:
                raw = mapped[header.start + begin : header.start + end]
                array = np.frombuffer(raw, dtype).reshape(shape) if raw.size else np.empty(
                    shape, dtype)
                array = array if array.flags.aligned else array.copy()
            else:
                array = np.empty(shape, dtype)
                file.seek(header.start + begin)
                if array.size and not _fill(file, array.reshape(-1).view(np.uint8).data):
                    raise FormatError(f"it became shorter while tensor {name!r} was read")
            arrays[name] = _native(_checked_bools(name, array) if kind == "BOOL" else array, kind)
        return arrays, header.metadata


@contextmanager
def _opened(path: Path) -> Iterator[tuple[FileIO, Header]]:
    """A file and its header; what is wrong with it is said with its name."""
    try:
        with check_regular(path).open("rb", buffering=0) as file:
            yield file, read_header(_exactly(file, 8), os.fstat(file.fileno()).st_size,
                                    lambda n: _exactly(file, n))
    except FormatError as error:
        raise FormatError(f"{path} cannot be read: {error}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) and "null" not in str(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read ({reason})") from error


def _exactly(file: Any, count: int) -> bytes:
    """The next `count` bytes, or what there is of them."""
    parts = []
    while count > 0 and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _fill(file: FileIO, memory: memoryview) -> bool:
    """Read as many bytes as `memory` has; the system hands out at most 2 GB at a time."""
    place = 0
    while place < len(memory) and (count := file.readinto(memory[place:])):
        place += count
    return place == len(memory)


def _native(array: Array, kind: str) -> Array:
    """In this machine's byte order, bfloat16 as float32."""
    if kind == "BF16":
        widened: Array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return widened
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _checked_bools(name: str, array: Array) -> Array:
    """A byte that is neither 0 nor 1 is not a bool, and NumPy would go on with it."""
    if array.size and int(array.view(np.uint8).max()) > 1:
        raise FormatError(f"tensor {name!r} is of bools, and a byte of it is neither 0 nor 1")
    return array


# --- what is handed in ---------------------------------------------------------------------------


def _path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError as error:
        raise DtypeError(f"a path is a string or a Path, not a {type(path).__name__}") from error


def _name(name: Any) -> str:
    if not isinstance(name, str) or name == "__metadata__":
        raise DataError(f"a tensor in a file has a name, a string but '__metadata__', not {name!r}")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"the name {name!r} cannot be written as UTF-8") from error
    return name


def _texts(metadata: Any) -> Mapping[str, str]:
    if not isinstance(metadata, Mapping) or not all(
            isinstance(text, str) for pair in metadata.items() for text in pair):
        raise DataError(f"metadata are texts with texts, {{'made by': 'me'}}, not {metadata!r}")
    return metadata


def _host(name: str, value: Any) -> Array:
    """A value as a C-contiguous little-endian array on the host."""
    try:
        array = Tensor.numpy(value) if isinstance(value, Tensor) else np.asarray(value)
    except Exception as error:  # whatever another library's __array__ raises
        raise DataError(f"dls.save: {name!r} gives no NumPy array: {error}") from error
    little = array.dtype.newbyteorder("<") if array.dtype.kind in "fiub" else None
    if little not in NAMES:
        raise DtypeError(f"dls.save: {name!r} holds {array.dtype}; a safetensors file holds "
                         + ", ".join(str(known) for known in NAMES))
    return np.asarray(array, dtype=little, order="C")
