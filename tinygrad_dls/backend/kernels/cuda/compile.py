"""CUDA C through CuPy: one module for each file of kernels, dtype and width of its indices.

NVRTC compiles a module when one of its kernels is first called; CuPy keeps the result on disk and
finds it again by its source. A source here is the text of common.cuh and of one .cu file, after
two lines that say what `Real` and `Index` are.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

REALS = {np.dtype("float32"): "float", np.dtype("float64"): "double"}
OPTIONS = ("-std=c++17",)
FILES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.cu")))


@cache
def source(file: str, real: str, index: str) -> str:
    """The whole text of a module; `real` is "float" or "double", `index` "int" or "long long"."""
    here = Path(__file__).parent
    texts = [(here / name).read_text("utf-8") for name in ("common.cuh", f"{file}.cu")]
    return "\n".join([f"typedef {real} Real;", f"typedef {index} Index;", *texts])


class Modules:
    """The compiled kernels of one device, by name "file.kernel", dtype and width of index."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._modules: dict[tuple[str, str, str], Any] = {}
        self._kernels: dict[tuple[str, Any, bool], Any] = {}

    def kernel(self, name: str, dtype: Any, wide: bool) -> Any:
        """The kernel, to be called with (grid, block, arguments)."""
        key = (name, dtype, wide)
        found = self._kernels.get(key)
        if found is None:
            file, _, kernel = name.partition(".")
            module = self._module(file, REALS[dtype], "long long" if wide else "int")
            found = self._kernels[key] = module.get_function(kernel)
        return found

    def _module(self, *key: str) -> Any:
        if key not in self._modules:
            module = self._xp.RawModule(code=source(*key), options=OPTIONS, backend="nvrtc")
            self._modules[key] = module  # type: ignore[index]
        return self._modules[key]  # type: ignore[index]
