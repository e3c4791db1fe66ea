"""Tensors as PyTorch prints them: `tensor([1.0000, 2.5000])`."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def written_as(numbers: Array) -> Any:
    """The way PyTorch writes floats: whole ones as 1., others as 1.5000 or 1.5000e-05."""
    finite = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)]).astype(np.float64)
    if (finite == np.floor(finite)).all() and not (finite >= 1e8).any():
        return lambda v: f"{v:.0f}."
    far = finite.max() / finite.min() > 1000 or finite.max() > 1e8 or finite.min() < 1e-4
    return lambda v: f"{v:.4e}" if far else f"{v:.4f}"


def text_of(array: Array) -> str:
    """A host array as text, its numbers of one width."""
    options: dict[str, Any] = {
        "separator": ", ", "prefix": "tensor(", "threshold": 1000, "edgeitems": 3}
    if array.dtype.kind == "f" and array.size:
        of = written_as(array)
        texts = [of(v) if np.isfinite(v) else str(v) for v in array.ravel()[:1000].tolist()]
        width = max(map(len, texts)) if array.ndim else 0
        options["formatter"] = {"float_kind": lambda v: (
            of(v) if np.isfinite(v) else str(v)).rjust(width)}
    return np.array2string(array, **options)


def with_notes(text: str, notes: list[str]) -> str:
    """The text of a tensor with its dtype and the like, on a new line where one would be long."""
    length = len(text) - text.rfind("\n") + 1
    for note in notes:
        new = length + len(note) + 2 > 80
        text += f",\n       {note}" if new else f", {note}"
        length = 7 + len(note) if new else length + len(note) + 2
    return f"{text})"
