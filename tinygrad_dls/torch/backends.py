"""torch.backends: switches of libraries that are not here; they are taken, and change nothing.

Each is a module, as scripts begin with `import torch.backends.cudnn as cudnn`.
"""

from types import SimpleNamespace
from typing import Any

from .layout import lay_out as _lay_out


def _no() -> bool:
    return False


def _no_version() -> None:
    return None


_SWITCHES: dict[str, dict[str, Any]] = {
    "cudnn": {"deterministic": False, "benchmark": False, "enabled": False, "allow_tf32": False,
              "is_available": _no, "version": _no_version},
    "mps": {"is_available": _no, "is_built": _no},
    "cuda": {"matmul": SimpleNamespace(allow_tf32=False), "is_built": _no},
    "mkldnn": {"enabled": False, "is_available": _no},
    "openmp": {"is_available": _no},
    "mkl": {"is_available": _no},
}
for _name, _values in _SWITCHES.items():
    globals().update(_lay_out(__name__, (_name,), _values))
