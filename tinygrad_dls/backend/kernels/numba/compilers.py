"""The compilers of kernels: ours, where Numba's insides are known to be as they expect them.

pipeline.py changes which of Numba's passes run, and these have no fixed interface. With a version
of Numba that it was not tried with, Numba compiles as it always does: to the same numbers, only it
takes longer.
"""

from typing import Any

import numba
from numba.core.compiler import Compiler

TRIED = (0, 63), (0, 68)  # versions of Numba, from and to
_version = tuple(int(part) for part in numba.__version__.split(".")[:2])

KernelCompiler: Any = Compiler
InstructionsCompiler: Any = Compiler
HelperCompiler: Any = Compiler
if TRIED[0] <= _version <= TRIED[1]:
    from . import pipeline

    KernelCompiler = pipeline.KernelCompiler
    InstructionsCompiler = pipeline.InstructionsCompiler
    HelperCompiler = pipeline.HelperCompiler
