"""Weights in files of Keras: .h5 (weights or whole models, Keras 1 to 3) and .keras archives.

They are read through h5py. Nothing of what the files configure is built or run, links out of a
file are not followed, and `keras_layouts.py` makes of the arrays what our layers hold.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, FormatError
from .keras_names import (
    ATTENTION,
    DEEPEST,
    PROJECTIONS,
    LayerConfig,
    array_names,
    layers_of,
    plain_class,
)
from .reading import (
    Array,
    Arrays,
    as_path,
    check_regular,
    parse_json,
    reading,
    short,
    size_of,
    widened,
)

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # inside, groups are named by class


@near_names
def load_keras(path: str | os.PathLike[str]) -> Arrays:
    """Read the weights of a Keras file, as it holds them, named layer/weight: "dense_1/kernel".

    .h5 and .keras, with weights or whole models; bfloat16 becomes float32. `metadata`: "config"
    (the model's, where it is there), "classes" (layer -> its class in Keras), "keras_version".
    `from_keras` makes them fit our layers. Files of Keras 3 number the arrays of a layer: "mine/0"
    where neither the configuration nor the names of class and layer tell what it is.
    DataError without h5py (pip install h5py), FormatError for other or broken files.
    HDF5's own library does the reading: a file made to crash it can end the process, so ask for
    safetensors where you do not trust who sends it.

    >>> import h5py
    >>> import numpy as np
    >>> from tinygrad_dls import io
    >>> with h5py.File("model.weights.h5", "w") as file:  # as Keras 3 writes it
    ...     file["layers/dense/vars/0"] = np.ones((3, 2))
    ...     file["layers/dense/vars/1"] = np.zeros(2)
    >>> {name: array.shape for name, array in io.load_keras("model.weights.h5").items()}
    {'dense/kernel': (3, 2), 'dense/bias': (2,)}
    """
    path = as_path(path)
    with reading(path), check_regular(path).open("rb") as file:
        first = file.read(8)
        file.seek(0)
        if first[:4] == b"PK\x03\x04":
            return _archive(file)
        if first != b"\x89HDF\r\n\x1a\n":
            raise FormatError("it is neither an HDF5 file (.h5) nor a .keras archive, or cut off")
        return _hdf5(file, size_of(file))


def _archive(file: Any) -> Arrays:
    """The weights of a .keras archive, and its configuration."""
    size = size_of(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            for wanted in ("model.weights.h5", "config.json", "metadata.json"):
                if wanted not in entries:
                    if wanted == "metadata.json":
                        continue
                    raise FormatError(f"its zip archive has no {wanted}: Keras did not write it")
                entry = entries[wanted]
                if entry.compress_type != zipfile.ZIP_STORED or (
                        not entry.file_size == entry.compress_size <= size):
                    raise FormatError(f"its {wanted} is compressed, which Keras never does")
            weights = archive.read("model.weights.h5")
            config = parse_json(archive.read("config.json"), "its config.json")
            about = parse_json(archive.read("metadata.json"), "its metadata.json"
                               ) if "metadata.json" in entries else {}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError,
            UnicodeError, KeyError, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, (FormatError, RecursionError)):
            raise
        raise FormatError(f"its zip archive is broken ({short(error)})") from error
    if not isinstance(config, dict) or not isinstance(about, dict):
        raise FormatError("its configuration is not a JSON object")
    arrays = _hdf5(io.BytesIO(weights), len(weights), layers_of(config))
    arrays.metadata["config"] = config
    arrays.metadata["keras_version"] = str(about.get("keras_version", ""))
    return arrays


def _hdf5(file: Any, size: int, layers: Mapping[str, LayerConfig] | None = None) -> Arrays:
    try:
        h5py = import_module("h5py")
    except ImportError as error:
        raise DataError("files of Keras are HDF5, which takes h5py: pip install h5py") from error
    try:
        _check_heaps(file)
        with h5py.File(file, "r") as whole:
            return _Reader(h5py, size, layers or {}).arrays(whole)
    except FormatError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError,
            MemoryError) as error:
        raise FormatError(f"its HDF5 is broken ({short(error)})") from error


def _check_heaps(file: Any) -> None:
    """Walk through each global heap (texts lie there), since HDF5's library walks some for ever.

    A heap is "GCOL", version 1, its size; then objects of number, count, size and data. The space
    that is free at its end has number 0, and a size of 0 there leads back to itself.
    """
    mark, before, start = b"GCOL\x01\0\0\0", b"", 0
    file.seek(0)
    while chunk := file.read(1 << 20):
        held = before + chunk
        place = held.find(mark)
        while place >= 0:
            here = file.tell()
            file.seek(start - len(before) + place + len(mark))
            size = int.from_bytes(file.read(8), "little")
            heap = file.read(min(size, 1 << 24) - 16 if size > 16 else 0)
            file.seek(here)
            at = 0
            while at + 16 <= len(heap):
                number, length = heap[at : at + 2], int.from_bytes(heap[at + 8 : at + 16], "little")
                if number == b"\0\0" and length < 16:
                    raise FormatError("its HDF5 is broken (a heap of texts leads in a circle)")
                at += length if number == b"\0\0" else 16 + (length + 7) // 8 * 8
            place = held.find(mark, place + 1)
        start += len(chunk)
        before = held[-len(mark) + 1 :]
    file.seek(0)


class _Reader:
    """Reads one file, and no more bytes out of it than it has."""

    def __init__(self, h5py: Any, size: int, layers: Mapping[str, LayerConfig]) -> None:
        self.h5py, self.left, self.size, self.layers = h5py, size, size, layers
        self.found = Arrays(metadata={"classes": {}})

    def arrays(self, whole: Any) -> Arrays:
        if "model_weights" in whole or "layer_names" in whole.attrs or (
                "layer_names0" in whole.attrs):
            self.older(whole)
        elif any(name in whole for name in ("layers", "_layer_checkpoint_dependencies", "vars")):
            for group, names, kinds in self.owners(whole, [], [], 0):
                self.owned(group, names, kinds)
        else:
            raise FormatError("it has neither model_weights nor layers: no weights of Keras")
        return self.found

    # --- Keras 1 and 2, and .h5 of Keras 3: layer_names, weight_names --------------------------

    def older(self, whole: Any) -> None:
        about, weights = whole.attrs, whole
        if "model_weights" in whole:
            weights = self.inside(whole, "model_weights")
        for key in ("keras_version", "backend"):
            for attributes in (weights.attrs, about):
                if key in attributes:
                    self.found.metadata[key] = _text(self.attribute(attributes, key))
        if "model_config" in about:
            text = _text(self.attribute(about, "model_config"))
            config = parse_json(text.encode(), "its model_config")
            self.found.metadata["config"] = config
            self.found.metadata["classes"] = {
                path: layer.kind for path, layer in layers_of(config).items()}
        layers = self.texts(weights, "layer_names")
        if "top_level_model_weights" in weights:
            layers.append("top_level_model_weights")
        for layer in layers:
            group = self.inside(weights, layer)
            for weight in self.texts(group, "weight_names"):
                parts = [re.sub(r":\d+$", "", part) for part in weight.split("/")]
                if layer in parts[:-1]:
                    parts = parts[parts.index(layer) + 1 :]
                lead = [] if layer == "top_level_model_weights" else [layer]
                name = "/".join([*lead, *parts])
                self.keep(name, self.values(name, self.inside(group, weight)))

    def texts(self, group: Any, name: str) -> list[str]:
        """A list of names; long ones are spread over attributes name0, name1 ..."""
        keys = [name] if name in group.attrs else []
        while not keys or (keys[0] != name and f"{name}{len(keys)}" in group.attrs):
            if f"{name}{len(keys)}" not in group.attrs:
                raise FormatError(f"it has no {name}")
            keys.append(f"{name}{len(keys)}")
        return [_text(value) for key in keys
                for value in np.asarray(self.attribute(group.attrs, key)).reshape(-1)]

    # --- Keras 3: layers/conv2d/vars/0 ---------------------------------------------------------

    def owners(
        self, group: Any, names: list[str], keys: list[str], depth: int
    ) -> Iterator[tuple[Any, list[str], list[str]]]:
        """Groups with a "vars" inside: (vars, names of the layers around it, classes it may have).

        Of classes the likeliest comes first. In a container the group is named by its class, in an
        attribute of a layer as the attribute is: there the layer's own name, dense_8, says more.
        """
        if depth > DEEPEST:
            raise FormatError("its groups lie in each other, too deeply")
        held = sorted(group)
        if "vars" in held:
            held.remove("vars")
            own = self.inside(group, "vars")
            kinds = [plain_class(key) for key in keys[-1:]]
            if keys and "name" in own.attrs:
                name = _text(self.attribute(own.attrs, "name"))
                names = [*names[:-1], name]
                kinds.insert(1 if keys[-2:-1] and keys[-2] in CONTAINERS else 0, plain_class(name))
                around = plain_class(keys[-2]) if len(keys) > 1 else ""
                if name in PROJECTIONS and (around in ATTENTION or keys[-1].endswith("_dense")):
                    kinds.insert(0, "einsumdense")
            yield own, names, kinds
        for key in held:
            if key in ("optimizer", "seed_generator"):
                continue
            inner = self.inside(group, key)
            if isinstance(inner, self.h5py.Group):
                here = names if key in CONTAINERS else [*names, key]
                yield from self.owners(inner, here, [*keys, key], depth + 1)

    def owned(self, group: Any, names: list[str], kinds: list[str]) -> None:
        """Keep the arrays of one layer, by names where they are known."""
        keys, layer = sorted(group, key=lambda k: (len(k), k)), "/".join(names)
        arrays = [self.values("/".join([*names, key]), self.inside(group, key)) for key in keys]
        said = self.layers.get(layer)
        likely = [LayerConfig(kind, {}) for kind in kinds] if said is None else [said]
        known = [(kind, found) for kind in likely if (found := array_names(kind, arrays))]
        kind, labels = known[0] if known else (likely[0] if likely else None, keys)
        if keys and names and kind is not None:
            self.found.metadata["classes"][layer] = kind.kind
        for label, array in zip(labels, arrays):
            self.keep("/".join([*names, label]), array)

    # --- links and data ------------------------------------------------------------------------

    def inside(self, group: Any, path: str) -> Any:
        """Return the object at `path` in `group`, following only links that stay in the file."""
        for part in path.split("/"):
            if not part or part == "." or not isinstance(group, self.h5py.Group):
                raise FormatError(f"{short(path)} is not a path in it")
            link = group.get(part, getlink=True)
            if not isinstance(link, self.h5py.HardLink):
                raise FormatError(f"it has no {short(path)}" if link is None else
                                  f"its {short(path)} is a link to elsewhere, which is not read")
            group = group[part]
        return group

    def attribute(self, attributes: Any, name: str) -> Any:
        """An attribute that is no larger than the file (a broken one may claim to be)."""
        stored = attributes.get_id(name)
        if 0 not in stored.shape and stored.get_storage_size() > self.size:  # no size of nothing
            raise FormatError(f"its attribute {short(name)} would be larger than the file")
        return attributes[name]

    def keep(self, name: str, array: Array) -> None:
        if name in self.found:
            raise FormatError(f"it has two weights of the name {short(name)}")
        self.found[name] = array

    def values(self, name: str, data: Any) -> Array:
        if not isinstance(data, self.h5py.Dataset) or data.shape is None:
            raise FormatError(f"its weight {short(name)} is not an array")
        brain = data.dtype == "V2"  # bfloat16: two bytes that NumPy has no number for
        if data.dtype.kind not in "fiub" and not brain:
            raise FormatError(f"its weight {short(name)} holds {data.dtype}, no numbers")
        if data.is_virtual or data.external:
            raise FormatError(f"its weight {short(name)} lies in another file, which is not read")
        wanted = data.size * data.dtype.itemsize
        if data.id.get_storage_size() < wanted:
            raise FormatError(f"its weight {short(name)} takes {wanted} bytes, of which "
                              f"{data.id.get_storage_size()} are there: it is compressed or empty")
        self.left -= wanted
        if self.left < 0:
            raise FormatError("its weights are larger than the file: they share their places")
        array: Array = data[()] if data.ndim else np.asarray(data[()])
        if brain:
            return widened(array.view("<u2"))
        return array.astype(array.dtype.newbyteorder("="), copy=False)


def _text(value: Any) -> str:
    if isinstance(value, (bytes, np.bytes_)):
        return value.decode("utf-8")
    if not isinstance(value, str):
        raise FormatError(f"it has {short(value)} where a name belongs")
    return str(value)
