"""torch.backends: switches of libraries that are not here; they are taken, and change nothing."""

from types import SimpleNamespace


def _no() -> bool:
    return False


cudnn = SimpleNamespace(deterministic=False, benchmark=False, enabled=False, allow_tf32=False,
                        is_available=_no, version=lambda: None)
mps = SimpleNamespace(is_available=_no, is_built=_no)
cuda = SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False), is_built=_no)
mkldnn = SimpleNamespace(enabled=False, is_available=_no)
openmp = SimpleNamespace(is_available=_no)
