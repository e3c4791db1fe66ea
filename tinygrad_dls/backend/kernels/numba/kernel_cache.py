"""Compiled kernels on disk: one file for each kernel and signature, with a checksum.

Numba's own cache loads whatever its files hold, and one that was cut short (a full disk, a power
loss) stops each run that needs it. Here a file counts only with the SHA-256 of its content before
it; where there is none such, the kernel is compiled again and the file replaced.

The files are pickles of machine code: who can write to the folder can run code as its user. A
checksum does not change that, so the folder is never shared with people who are not trusted.
"""

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from llvmlite.binding import ffi
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

from ...._util.atomic_files import write_whole
from ...._util.interrupt import interrupts_put_off
from ...._util.locks import fork_waits_for
from ....errors import DataError
from . import ahead
from .claims import claim, give_up
from .notice import notice

DIGEST = hashlib.sha256().digest_size

# What a thread compiles is done before the process forks.
fork_waits_for(global_compiler_lock._lock)
fork_waits_for(ffi.lib._lock._lock)


def kept_in(folder: Path | None, compiled: Any, function: Callable[..., Any]) -> Any:
    """`compiled`, what Numba made of `function`, with its machine code kept in `folder`."""
    if folder is not None:
        compiled._cache = KernelCache(function, folder)
    return compiled


class KernelCache(FunctionCache):
    """The kept code of one function; Numba asks for it before it compiles, and hands over new."""

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._py_func = function
        self._folder = folder
        self._name = f"{function.__name__}-{function.__code__.co_firstlineno}"
        self.enable()

    @property
    def cache_path(self) -> str:
        """The folder, for Numba's statistics."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for the signature; None where no sound file has it, and Numba is to
        compile it.
        """
        found = self._load(sig, target_context)
        if found is None:
            ahead.start()
            notice.begin()
            claim(self._file(self._index_key(sig, target_context.codegen())))
            found = self._load(sig, target_context)  # another process may have compiled it
            if found is not None:
                self._done(sig, target_context.codegen())
        return found

    def _load(self, sig: Any, target_context: Any) -> Any:
        with interrupts_put_off():  # Numba's registries do not bear one
            target_context.refresh()
            key = self._index_key(sig, target_context.codegen())
            content = read_checked(self._file(key))
            if content is not None:
                with suppress(ImportError, AttributeError):  # its module has another name now
                    kept, code = pickle.loads(content)
                    if kept == key:
                        return CompileResult._rebuild(target_context, *code)
        return None

    def _done(self, sig: Any, codegen: Any) -> None:
        notice.end()
        give_up(self._file(self._index_key(sig, codegen)))

    def save_overload(self, sig: Any, code: Any) -> None:
        """Keep the compiled code; where it cannot be written, it serves this process only."""
        can_be_kept = not code.library.has_dynamic_globals and all(
            part.can_cache for part in code.lifted)
        if can_be_kept:
            key = self._index_key(sig, code.codegen)
            write_checked(self._file(key), dumps((key, code._reduce())))
        self._done(sig, code.codegen)

    def flush(self) -> None:
        """Forget all that is kept of this function."""
        for file in self._folder.glob(f"{self._name}.*.nbc"):
            file.unlink(missing_ok=True)

    def _file(self, key: Any) -> Path:
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._folder / f"{self._name}.{name}.nbc"


def write_checked(path: Path, content: bytes) -> None:
    """Write the content with its checksum before it, if the disk takes it."""
    with suppress(DataError):
        write_whole(path, hashlib.sha256(content).digest() + content)


def read_checked(path: Path) -> bytes | None:
    """The content of a file of `write_checked`; None where it is missing, damaged or another."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    content = whole[DIGEST:]
    return content if hashlib.sha256(content).digest() == whole[:DIGEST] else None
