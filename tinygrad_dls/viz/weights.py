"""Tables of the arrays in a file: names, shapes, dtypes and numbers."""

import math
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from .._util.atomic_files import write_whole
from .._util.keywords import near_names
from ..errors import FormatError
from ..io import safetensors
from ..io.reading import Array, as_path, check_regular, reading, short
from . import describe
from .framed import Frame
from .graphs import check_ending
from .html import escaped, table
from .record import strict_json
from .summary import Summary

ENDINGS = (".txt", ".html", ".json")
WEB = Path(__file__).parent / "web"
HEADINGS = ("name", "shape", "dtype", "parameters", "bytes", "mean", "std", "min", "max", "")


@dataclass(frozen=True)
class Weight:
    """One array of a file."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    values: Summary | None  # None: texts and the like

    @property
    def size(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


class Weights:
    """The arrays of a file, as a table: `print(weights)`, `weights.save("table.html")`."""

    def __init__(self, file: str, arrays: list[Weight]) -> None:
        self.file, self.arrays = file, arrays

    def __repr__(self) -> str:
        return f"<Weights of {self.file}: {self._total()}>"

    def __str__(self) -> str:
        rows = [HEADINGS, *self._rows()]
        widths = [min(60, max(len(row[i]) for row in rows)) for i in range(len(HEADINGS))]
        right = range(3, 9)
        lines = ["  ".join(
            describe.shorten(cell, width).rjust(width) if i in right
            else describe.shorten(cell, width).ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
        return "\n".join([*lines, self._total()]) + "\n"

    def to_html(self) -> str:
        """The table as a page; one file that works from disk, without a network."""
        page = _template()
        fill = {"TITLE": escaped(f"weights of {self.file}"), "TOTAL": escaped(self._total()),
                "TABLE": table(HEADINGS[:-1] + ("remarks",), self._rows(), "arrays")}
        for name, text in fill.items():
            page = page.replace(f"@{name}@", text)
        return page

    def to_json(self) -> str:
        """The table as strict JSON."""
        return strict_json({"file": self.file, "arrays": [
            {"name": w.name, "shape": list(w.shape), "dtype": w.dtype, "parameters": w.size,
             "bytes": w.nbytes, **({} if w.values is None else {
                 key: getattr(w.values, key)
                 for key in ("mean", "std", "min", "max", "zeros", "nan", "inf")})}
            for w in self.arrays]})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a .txt, .html or .json file, whole or not at all; its path."""
        target = as_path(path)
        check_ending(target, ENDINGS)
        made = {".txt": self.__str__, ".html": self.to_html, ".json": self.to_json}
        write_whole(target, made[target.suffix.lower()]())
        return target

    def _repr_html_(self) -> str:
        return Frame(self.to_html(), f"weights of {self.file}", 400)._repr_html_()

    def _total(self) -> str:
        count, size = len(self.arrays), sum(w.size for w in self.arrays)
        return (f"{count:,} array{'s' * (count != 1)}, {size:,} parameter{'s' * (size != 1)}, "
                f"{sum(w.nbytes for w in self.arrays):,} bytes")

    def _rows(self) -> list[tuple[str, ...]]:
        return [(w.name, str(w.shape), w.dtype, f"{w.size:,}", f"{w.nbytes:,}", *_numbers(w))
                for w in self.arrays]


def _numbers(weight: Weight) -> tuple[str, ...]:
    values = weight.values
    if values is None or values.mean is None:
        remark = "not numbers" if values is None else describe.trouble(values) or "empty"
        return "", "", "", "", f"! {remark}" if values is not None and values.size else remark
    numbers = (values.mean, values.std, values.min, values.max)
    remarks = []
    if trouble := describe.trouble(values):
        remarks.append(f"! {trouble}")
    if values.size > 1 and values.zeros == values.size:
        remarks.append("all 0")
    return *map(describe.number, numbers), ", ".join(remarks)


@cache
def _template() -> str:
    css = (WEB / "watch.css").read_text("utf-8")
    return (WEB / "weights.html").read_text("utf-8").replace("@STYLE@", css)


# --- files ---------------------------------------------------------------------------------------


@near_names
def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Return what is in a file of weights: .safetensors, .npz, .npy, .h5, .keras, .pth or .pt.

    FormatError for broken files and other endings.

        print(viz.read_weights("model.safetensors"))
    """
    place = as_path(path)
    ending = place.suffix.lower()
    if ending not in READERS:
        raise FormatError(f"{place.name!r} cannot be read as a file of weights: those end "
                          f"in {', '.join(READERS)}")
    arrays, dtypes = READERS[ending](place)
    return Weights(place.name, [
        Weight(name, tuple(a.shape), dtypes.get(name, str(a.dtype)), a.nbytes,
               Summary.of(a) if a.dtype.kind in "biuf" else None)
        for name, a in arrays.items()])


Found = tuple[dict[str, Array], dict[str, str]]  # arrays, and dtypes that a file calls otherwise


def _of_safetensors(path: Path) -> Found:
    stored = safetensors.stored_dtypes(path)
    arrays, _ = safetensors.read(path)
    return arrays, {name: "bfloat16" for name, kind in stored.items() if kind == "BF16"}


def _of_numpy(path: Path) -> Found:
    with reading(path), check_regular(path).open("rb") as file:
        try:
            found: Any = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {path.stem: found}, {}
            return {name: found[name] for name in found.files}, {}
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError,
                NotImplementedError, OSError) as error:
            if "pickle" in str(error).lower():
                raise FormatError("it holds Python objects, which are not read, or it was not "
                                  "written by NumPy") from error
            raise FormatError(f"NumPy cannot read it ({short(error)})") from error


READERS: dict[str, Callable[[Path], Found]] = {
    ".safetensors": _of_safetensors, ".npz": _of_numpy, ".npy": _of_numpy,
    ".h5": lambda path: (io.load_keras(path), {}), ".keras": lambda path: (io.load_keras(path), {}),
    ".pth": lambda path: (io.load_torch(path), {}), ".pt": lambda path: (io.load_torch(path), {}),
}
