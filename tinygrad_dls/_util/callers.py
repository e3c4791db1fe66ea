"""The user's line: where messages and warnings point, however deep in this package they arise."""

import os
import sys
import warnings
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

ROOT = str(sys.modules[__name__.partition(".")[0]].__file__)
PACKAGE = os.path.join(Path(ROOT).parent, "")
LESSONS = os.path.join(PACKAGE, "lessons", "")  # where they stand in an installed package
GENERATED = "<tinygrad_dls>"  # the file name of code that we generate
KERNELS = os.path.join(os.sep, "tinygrad_dls", "backend", "kernels", "")  # in whichever copy of us
NUMPY = os.path.join(Path(np.__file__).parent, "")


def users_frame(frame: FrameType) -> FrameType:
    """The nearest caller of `frame` outside this package; the outermost if all are inside."""
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


@cache
def _is_ours(file: str) -> bool:
    return file == GENERATED or (file.startswith(PACKAGE) and not file.startswith(LESSONS))


def is_all_ours(error: BaseException) -> bool:
    """Return whether all that an error passed below the frame that caught it is ours or NumPy's.

    A kernel counts as ours wherever it stands: machine code from the cache names the file that it
    was compiled from, which may be that of another copy of this package.
    """
    trace = error.__traceback__
    while trace is not None and (trace := trace.tb_next) is not None:
        file = trace.tb_frame.f_code.co_filename
        if not (_is_ours(file) or file.startswith(NUMPY) or KERNELS in file):
            return False
    return True


def calling_line() -> str:
    """`file.py:12` of the nearest caller outside this package, for messages."""
    frame = users_frame(sys._getframe(1))
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def calling_place() -> tuple[CodeType, int]:
    """The nearest caller outside this package, as `line_at` takes it: cheaper than its line."""
    frame = users_frame(sys._getframe(1))
    return frame.f_code, frame.f_lasti


def line_at(code: CodeType, instruction: int) -> str:
    """`file.py:12` of an instruction."""
    line = next((line for start, end, line in code.co_lines() if start <= instruction < end),
                code.co_firstlineno)
    return f"{os.path.basename(code.co_filename)}:{line}"


def warn_at(frame: FrameType, message: Any, category: type[Warning]) -> None:
    """Warn as if the line that `frame` is at had called `warnings.warn`."""
    names = frame.f_globals
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno,
                           names.get("__name__"), names.setdefault("__warningregistry__", {}))


def point_numpy_warnings_at_users() -> None:
    """Show NumPy's floating-point warnings of our operations at the line that called them.

    NumPy warns at the line that calls it, which would be in this package. An `np.errstate` around
    each operation would cost more than the operation, so warnings are moved when they are shown.
    All other warnings are shown as before.
    """
    show = warnings.showwarning

    def showwarning(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        file: Any = None, line: str | None = None,
    ) -> None:
        frame = _warned(filename) if issubclass(category, RuntimeWarning) else None
        if frame is None:
            show(message, category, filename, lineno, file, line)
            return
        frame.f_globals.get("__warningregistry__", {}).clear()  # other lines may warn here, too
        warn_at(users_frame(_outside_numpy(frame)), message, category)

    warnings.showwarning = showwarning


def _warned(filename: str) -> FrameType | None:
    """The frame that is being warned of, if an operation of ours is at work in it."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename != filename:
        frame = frame.f_back
    if frame is None or not _is_ours(_outside_numpy(frame).f_code.co_filename):
        return None
    return frame


def _outside_numpy(frame: FrameType) -> FrameType:
    while frame.f_back is not None and frame.f_code.co_filename.startswith(NUMPY):
        frame = frame.f_back
    return frame
