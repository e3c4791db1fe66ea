"""Objects of a checkpoint that are known well enough to be made without running code of the file.

A pickle says of which class an object is and what it is made of; `io.pickled` notes both and runs
nothing. From these notes this module makes argparse.Namespace and NumPy's numbers and arrays.
"""

from __future__ import annotations

import math
import re
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import FormatError
from ..io.pickled import Opaque

NUMPYS = ("numpy.core.multiarray.", "numpy._core.multiarray.")
KINDS = re.compile(r"[<>|=]?[biuf][1248]|[<>|=]?[SU]\d{1,4}")  # of numbers and short texts


def is_known(name: str) -> bool:
    """Return whether `made` makes objects of this class."""
    return name == "argparse.Namespace" or name == "numpy.dtype" or (
        name.startswith(NUMPYS) and name.rpartition(".")[2] in ("scalar", "_reconstruct"))


def made(note: Opaque, inside: Callable[[Any], Any]) -> Any:
    """The object that the note describes; `inside` makes what it holds."""
    try:
        if note.name == "argparse.Namespace":
            return Namespace(**{n: inside(v) for part in note.held for n, v in part.items()})
        if note.name == "numpy.dtype":
            return _dtype(note)
        if note.name.endswith("scalar"):
            kind, raw = _dtype(note.held[0]), note.held[1]
            return np.frombuffer(raw, kind, 1)[0]
        return _array(*note.held[-1])
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise FormatError(f"its {note.name} is broken ({error})") from error


def _dtype(note: Any) -> np.dtype[Any]:
    if not isinstance(note, Opaque) or note.name != "numpy.dtype" or not KINDS.fullmatch(
            str(note.held[0])):
        raise FormatError("it holds NumPy's values of a dtype that is not of numbers or texts: "
                          "save numbers and texts alone")
    kind: np.dtype[Any] = np.dtype(note.held[0])
    big = isinstance(note.held[-1], tuple) and note.held[-1][1] == ">"
    return kind.newbyteorder(">") if big else kind


def _array(_: Any, shape: tuple[int, ...], kind: Any, by_columns: bool, raw: bytes) -> Any:
    found = np.frombuffer(raw, _dtype(kind))
    if found.size != math.prod(shape):
        raise FormatError(f"a NumPy array of shape {shape} has {found.size} elements in it")
    return found.reshape(shape, order="F" if by_columns else "C").copy()
