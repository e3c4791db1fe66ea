"""Checkpoints: all that a training is made of, in one file, so that it can go on to the bit.

A checkpoint is a safetensors file. Its tensors are `model.NAME`, `average.NAME` and
`optimizer.PLACE.NAME`; all the rest (options, counts, generators, the place in the data, figures)
are plain numbers, as JSON in its metadata. A SHA-256 of all of it is there too: one bit that
changed on the disk is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data import DataLoader
from ..engine.versions import check_writable
from ..errors import DataError, DtypeError, FormatError
from ..io.safetensors import read, write
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler.base import Schedule
from ..random import Generator, default_generator
from ..tensors import Tensor
from .history import History

KIND, VERSION = "tinygrad_dls checkpoint", "2"
Arrays = dict[str, np.ndarray[Any, Any]]


def save_checkpoint(
    path: str | os.PathLike[str], *, model: Module | None = None,
    optimizer: Optimizer | None = None, schedule: Any = None, average: Module | None = None,
    loader: Any = None, generator: Generator | Mapping[str, Generator] | None = None,
    history: History | None = None, **notes: Any,
) -> None:
    """Write what is given to one file, whole or not at all, replacing one of that name.

    The generator of `dls.manual_seed`, those of the model's layers (dropout) and of the loader
    are part of it too. `notes`: plain values of your own, such as step=100; `load_checkpoint`
    returns them. Call it between two steps.

    >>> from tinygrad_dls import nn, optim, train
    >>> model = nn.Linear(3, 2)
    >>> opt = optim.Adam(model.parameters())
    >>> train.save_checkpoint("last.checkpoint", model=model, optimizer=opt, step=100)
    >>> train.load_checkpoint("last.checkpoint", model=model, optimizer=opt)
    {'step': 100}
    """
    parts = _parts(model, optimizer, schedule, average, loader, generator, history)
    arrays: Arrays = {}
    state: dict[str, Any] = {"notes": notes}
    for name, part in parts.items():
        if isinstance(part, Module):
            state[name] = sorted(_add(arrays, name, part.state_dict()))
        elif isinstance(part, Optimizer):
            state[name] = _of_optimizer(part, arrays)
        elif isinstance(part, History):
            state[name] = {"figures": part.figures, "seconds": part.seconds}
        else:
            state[name] = part.state_dict()
    state["generators"] = {name: g.get_state()
                           for name, g in generators_of(parts, generator).items()}
    try:
        text = json.dumps(state, default=_plain)
    except TypeError as error:
        raise DataError(f"a checkpoint holds numbers, texts, lists and tensors: {error}") from error
    write(Path(path), arrays, {"format": KIND, "version": VERSION, "state": text,
                               "sha256": _checksum(arrays, text)})


def load_checkpoint(
    path: str | os.PathLike[str], *, model: Module | None = None,
    optimizer: Optimizer | None = None, schedule: Any = None, average: Module | None = None,
    loader: Any = None, generator: Generator | Mapping[str, Generator] | None = None,
    history: History | None = None,
) -> dict[str, Any]:
    """Bring what is given to where it was when the file was written; return its notes.

    All or nothing: if anything in the file does not fit, DataError or ShapeError says what
    differs, FormatError what is broken, and nothing is changed. The generators of
    `save_checkpoint` are set too. Parts of the file that are not asked for are passed over.

    >>> from tinygrad_dls import nn, train
    >>> model = nn.Linear(1, 1)
    >>> before = model.weight.item()
    >>> train.save_checkpoint("last.checkpoint", model=model)
    >>> _ = nn.init.zeros_(model.weight)
    >>> notes = train.load_checkpoint("last.checkpoint", model=model)
    >>> model.weight.item() == before
    True
    """
    notes, restore = read_checkpoint(
        path, model=model, optimizer=optimizer, schedule=schedule, average=average, loader=loader,
        generator=generator, history=history)
    restore()
    return notes


def read_checkpoint(
    path: str | os.PathLike[str], *, model: Module | None = None,
    optimizer: Optimizer | None = None, schedule: Any = None, average: Module | None = None,
    loader: Any = None, generator: Generator | Mapping[str, Generator] | None = None,
    history: History | None = None,
) -> tuple[dict[str, Any], Callable[[], None]]:
    """The notes of a checkpoint, and a function that restores what is given and cannot fail."""
    arrays, metadata = read(Path(path))
    if metadata.get("format") != KIND:
        raise FormatError(f"{path} holds tensors, but is not a checkpoint: use dls.load for it")
    if metadata.get("version") != VERSION:
        raise FormatError(f"{path} is a checkpoint of version {metadata.get('version')}, this "
                          f"package reads version {VERSION}")
    if metadata.get("sha256") != _checksum(arrays, metadata.get("state", "")):
        raise FormatError(f"{path} is damaged: its contents differ from its SHA-256")
    parts = _parts(model, optimizer, schedule, average, loader, generator, history)
    try:
        state = json.loads(metadata["state"])
        jobs = list(_jobs(parts, arrays, state))
        jobs += _for_generators(generators_of(parts, generator), state["generators"])
        notes: dict[str, Any] = dict(state["notes"])
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError) as error:
        if isinstance(error, DataError | DtypeError | FormatError) or type(error) not in (
                KeyError, TypeError, AttributeError, RecursionError, ValueError,
                json.JSONDecodeError):
            raise
        raise FormatError(f"{path} is a broken checkpoint: {type(error).__name__}: {error}"
                          ) from error

    def restore() -> None:
        for job in jobs:
            job()

    return notes, restore


def _parts(
    model: Any, optimizer: Any, schedule: Any, average: Any, loader: Any, generator: Any,
    history: Any,
) -> dict[str, Any]:
    """Return the parts by name; DtypeError for what cannot be part of a checkpoint."""
    wanted = {
        "model": (model, Module, "an nn.Module"), "average": (average, Module, "an AveragedModel"),
        "optimizer": (optimizer, Optimizer, "an optimizer"),
        "schedule": (schedule, Schedule, "one of optim.lr_scheduler"),
        "loader": (loader, DataLoader, "a DataLoader"),
        "history": (history, History, "a History"),
    }
    for name, (part, kind, what) in wanted.items():
        if part is not None and not isinstance(part, kind):
            raise DtypeError(f"{name} is {what}, not a {type(part).__name__}")
    streams = generator.values() if isinstance(generator, Mapping) else [generator]
    if any(g is not None and not isinstance(g, Generator) for g in streams):
        raise DtypeError("generator is a dls.Generator, or a dictionary of names and generators, "
                         f"not {generator!r}")
    return {name: part for name, (part, _, _) in wanted.items() if part is not None}


def _checksum(arrays: Arrays, text: str) -> str:
    """SHA-256 of the state and of each tensor with its name, dtype and shape."""
    found = hashlib.sha256(text.encode("utf-8", "replace"))
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


# --- writing -------------------------------------------------------------------------------------


def _add(arrays: Arrays, prefix: str, tensors: Mapping[str, Any]) -> list[str]:
    """Put tensors among the arrays of the file; their names there."""
    names = []
    for name, tensor in tensors.items():
        names.append(f"{prefix}.{name}")
        arrays[names[-1]] = np.asarray(Tensor.numpy(tensor), order="C")
    return names


def _of_optimizer(optimizer: Optimizer, arrays: Arrays) -> dict[str, Any]:
    """Its options and counts; its tensors go among the arrays."""
    saved = optimizer.state_dict()
    counts: dict[int, dict[str, Any]] = {}
    for place, values in saved["state"].items():
        tensors = {n: v for n, v in values.items() if isinstance(v, Tensor)}
        _add(arrays, f"optimizer.{place}", tensors)
        counts[place] = {n: v for n, v in values.items() if n not in tensors}
    return {"kind": type(optimizer).__name__, "param_groups": saved["param_groups"],
            "counts": counts}


def _plain(value: Any) -> Any:
    """Numbers of NumPy, and tensors of one number, as JSON knows them."""
    if isinstance(value, (np.generic, Tensor)) and value.size == 1:
        return value.item()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def generators_of(
    parts: Mapping[str, Any], generator: Generator | Mapping[str, Generator] | None
) -> dict[str, Generator]:
    """All streams of random numbers that the training draws from, by name."""
    found = {"default": default_generator}
    if isinstance(generator, Generator):
        found["given"] = generator
    elif generator is not None:
        found |= {f"given.{name}": g for name, g in generator.items()}
    for part in ("model", "average"):
        if part in parts:
            found |= {f"{part}.{place}.{name}": value
                      for place, module in parts[part].named_modules()
                      for name, value in vars(module).items() if isinstance(value, Generator)}
    return found


# --- reading: first look, then change ------------------------------------------------------------


def _jobs(
    parts: Mapping[str, Any], arrays: Arrays, state: Mapping[str, Any]
) -> Iterator[Callable[[], Any]]:
    """For each part the call that restores it, checked to be one that cannot fail."""
    for name, part in parts.items():
        if name not in state:
            have = ", ".join(n for n in state if n not in ("notes", "generators")) or "nothing"
            raise DataError(f"there is no {name} in this checkpoint, but {have}; nothing was "
                            "changed")
        saved = state[name]
        if isinstance(part, Module):
            yield _for_module(part, {n.removeprefix(f"{name}."): arrays[n] for n in saved})
        elif isinstance(part, Optimizer):
            yield _for_optimizer(part, saved, arrays)
        elif isinstance(part, History):
            yield _for_history(part, saved["figures"], saved["seconds"])
        else:
            part.check_state(saved)
            yield _later(part.load_state_dict, saved)


def _later(function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
    return lambda: function(argument)


def _for_module(module: Module, values: Arrays) -> Callable[[], Any]:
    mine = {name: tensor.shape for name, tensor in module._state().items()}
    if mine != {name: array.shape for name, array in values.items()}:
        module.load_state_dict(values)  # says what differs, and changes nothing
    for name, tensor in module._state().items():
        check_writable(tensor._data, f"load_checkpoint() of {name}")
    return _later(module.load_state_dict, values)


def _for_optimizer(
    optimizer: Optimizer, saved: Mapping[str, Any], arrays: Arrays
) -> Callable[[], Any]:
    if saved["kind"] != type(optimizer).__name__:
        raise DataError(f"the checkpoint is of the optimizer {saved['kind']}, this one is "
                        f"{type(optimizer).__name__}; nothing was changed")
    state = {int(place): dict(values) for place, values in saved["counts"].items()}
    for name, array in arrays.items():
        if name.startswith("optimizer."):
            _, place, key = name.split(".", 2)
            state[int(place)][key] = array
    fitting = {"param_groups": saved["param_groups"], "state": state}
    optimizer.check_state_dict(fitting)
    return _later(optimizer.load_state_dict, fitting)


def _for_history(history: History, figures: Any, seconds: Any) -> Callable[[], Any]:
    known = isinstance(figures, dict) and all(
        isinstance(row, list) and all(type(n) in (int, float) for n in row)
        for row in figures.values())
    if not known or type(seconds) not in (int, float):
        raise FormatError("the history of this checkpoint is not one of numbers by name")

    def restore() -> None:
        history.figures, history.seconds, history.interrupted = figures, seconds, False

    return restore


def _for_generators(
    generators: Mapping[str, Generator], saved: Mapping[str, Any]
) -> list[Callable[[], Any]]:
    if missing := [name for name in generators if name not in saved]:
        raise DataError(f"the checkpoint has no state of the generator {missing[0]!r}, but of "
                        f"{', '.join(saved)}; nothing was changed")
    for name in generators:
        Generator(0).set_state(saved[name])
    return [_later(g.set_state, saved[name]) for name, g in generators.items()]
