"""Importing a package whole or not at all.

Python forgets the module whose import failed, but keeps those that it had imported by then, and a
second import builds on them: of Numba, interrupted, it leaves a package without its parts.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..._util.interrupt import interrupts_put_off
from ..._util.locks import fork_waits_for

_importing = fork_waits_for(threading.RLock())


@contextmanager
def whole_import(*packages: str) -> Iterator[None]:
    """Import `packages` in the block; Ctrl-C waits for its end, and an error undoes it all."""
    with interrupts_put_off(), _importing:
        before = set(sys.modules)
        try:
            yield
        except BaseException:
            for name in set(sys.modules) - before:
                if name.startswith(tuple(f"{p}." for p in packages)) or name in packages:
                    del sys.modules[name]
            raise
