"""Weights of TensorFlow.js: model.json says what lies where in its shards, files beside it."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, FormatError
from .reading import (
    Array,
    Arrays,
    as_path,
    check_regular,
    is_amount,
    is_shape,
    parse_json,
    reading,
    short,
    size_of,
)

DTYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "|u1", "bool": "|b1",
          "complex64": "<c8"}
MOST_TEXT = 2**28  # bytes of a model.json


@near_names
def load_tensorflowjs(model_json_path: str | os.PathLike[str]) -> Arrays:
    """Read the weights of a TensorFlow.js model, by name: its model.json and the shards beside it.

    A weights_manifest.json will do too (the list of groups alone, as in older models). Weights
    quantized to uint8 or uint16 become scale * q + min, those to float16 are widened.
    `metadata`: all else in model.json, and "strings": name -> the texts of a weight that holds
    texts (in place of an array). DataError for a shard that is not there; FormatError, with
    its name, for one that is too short, and for other files.

    >>> import json
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from tinygrad_dls import io
    >>> weight = {"name": "dense/bias", "shape": [2], "dtype": "float32"}
    >>> manifest = [{"paths": ["shard.bin"], "weights": [weight]}]
    >>> _ = Path("model.json").write_text(json.dumps({"weightsManifest": manifest}))
    >>> _ = Path("shard.bin").write_bytes(np.array([1.0, 2.0], "<f4").tobytes())
    >>> io.load_tensorflowjs("model.json")["dense/bias"].tolist()
    [1.0, 2.0]
    """
    path = as_path(model_json_path)
    with reading(path):
        with check_regular(path).open("rb") as file:
            if size_of(file) > MOST_TEXT:
                raise FormatError("it is too long for a model.json")
            whole = parse_json(file.read(), "it")
        if isinstance(whole, list) and whole:
            whole = {"weightsManifest": whole}
        if not isinstance(whole, dict) or not isinstance(whole.get("weightsManifest"), list):
            raise FormatError("it has no weightsManifest: it is not a model.json of TensorFlow.js")
        manifest = whole.pop("weightsManifest")
        arrays, seen = Arrays(metadata=whole), set[str]()
        for group in manifest:
            _read_group(path.parent, group, arrays, seen)
    return arrays


def _read_group(folder: Path, group: Any, arrays: Arrays, seen: set[str]) -> None:
    """The weights of one group: they lie one behind the other in its shards."""
    if not isinstance(group, dict) or not isinstance(group.get("paths"), list) or not isinstance(
            group.get("weights"), list):
        raise FormatError("its weightsManifest has a group without paths and weights")
    shards = [_shard(folder, name, seen) for name in group["paths"]]
    raw = b"".join(shards)
    place = 0
    for weight in group["weights"]:
        if not isinstance(weight, dict) or not isinstance(weight.get("name"), str):
            raise FormatError("its weightsManifest has a weight without a name")
        name, shape = weight["name"], weight.get("shape")
        texts = arrays.metadata.get("strings", {})
        if name in arrays or name in texts:
            raise FormatError(f"it has two weights of the name {short(name)}")
        if not isinstance(shape, list) or not is_shape(shape):
            raise FormatError(f"weight {short(name)} has no valid shape: {short(shape)}")
        if weight.get("dtype") == "string" and weight.get("quantization") is None:
            found, place = _texts(name, math.prod(shape), raw, place)
            arrays.metadata["strings"] = {**texts, name: found}
            continue
        dtype, width = _stored_as(name, weight)
        wanted = math.prod(shape) * width
        if wanted > len(raw) - place:
            sizes = ", ".join(f"{short(n)} {len(s)}" for n, s in zip(group["paths"], shards))
            raise FormatError(f"its shards are too short: weight {short(name)} takes {wanted} "
                              f"bytes from byte {place} on (bytes of the shards: {sizes})")
        stored = np.frombuffer(raw, dtype, math.prod(shape), place) if wanted else np.empty(
            0, dtype)
        arrays[name] = _plain(name, weight, stored).reshape(shape)
        place += wanted
    if place < len(raw):
        raise FormatError(f"{len(raw) - place} bytes at the end of {short(group['paths'][-1])} "
                          "belong to no weight")


def _shard(folder: Path, name: Any, seen: set[str]) -> bytes:
    """The bytes of a shard, a file in `folder` or below it."""
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    if not parts or ".." in parts or parts[0] == "/" or "\\" in name or ":" in name or "\0" in name:
        raise FormatError(f"{short(name)} is not a name of a shard beside it: nothing else is read")
    if name in seen:
        raise FormatError(f"its shard {short(name)} is named twice")
    seen.add(name)
    path = folder.joinpath(*parts)
    try:
        with check_regular(path).open("rb") as file:
            return file.read()
    except FormatError as error:
        raise FormatError(f"its shard {path} cannot be read: {error}") from error
    except OSError as error:
        raise DataError(f"its shard {path} cannot be read ({error.strerror or error}): all shards "
                        "lie beside model.json") from error


def _texts(name: str, count: int, raw: bytes, place: int) -> tuple[list[str], int]:
    """The texts of a weight, each behind the number of its bytes; where the next weight begins."""
    found: list[str] = []
    while len(found) < count:
        start = place + 4
        place = start + int.from_bytes(raw[place:start], "little")
        if place > len(raw) or start > len(raw):
            raise FormatError(f"its shards are too short: of the {count} texts of weight "
                              f"{short(name)} they have {len(found)}")
        found.append(raw[start:place].decode("utf-8", "replace"))
    return found, place


def _stored_as(name: str, weight: dict[str, Any]) -> tuple[np.dtype[Any], int]:
    """The dtype of a weight in its shard, and the bytes of an element."""
    kind, packed = weight.get("dtype"), weight.get("quantization")
    if not isinstance(kind, str) or kind not in DTYPES:
        raise FormatError(f"weight {short(name)} has dtype {short(kind)}; known are "
                          f"{', '.join(DTYPES)}")
    if packed is not None:
        known = isinstance(packed, dict) and packed.get("dtype") in ("uint8", "uint16", "float16")
        if not known or kind not in ("float32", "float16", "int32"):
            raise FormatError(f"weight {short(name)} has a quantization that is not known: "
                              f"{short(packed)}")
        dtype = np.dtype({"uint8": "|u1", "uint16": "<u2", "float16": "<f2"}[packed["dtype"]])
    else:
        dtype = np.dtype(DTYPES[kind])
    return dtype, dtype.itemsize


def _plain(name: str, weight: dict[str, Any], stored: Array) -> Array:
    """Return the numbers of a stored weight, in this machine's byte order."""
    packed, kind = weight.get("quantization"), np.dtype(DTYPES[weight["dtype"]]).newbyteorder("=")
    if packed is not None and packed["dtype"] != "float16":
        scale, least = packed.get("scale", 1), packed.get("min", 0)
        if not is_amount(scale) or not is_amount(least):
            raise FormatError(f"weight {short(name)} has no valid scale and min: {short(packed)}")
        real: Array = stored.astype(np.float64) * scale + least  # min is nudged for an exact 0
        return np.round(real).astype(kind) if kind.kind == "i" else real.astype(kind)
    if stored.dtype.kind == "b" and stored.size and int(stored.view(np.uint8).max()) > 1:
        raise FormatError(f"weight {short(name)} is of bools, and a byte of it is neither 0 nor 1")
    return stored.astype(kind)
