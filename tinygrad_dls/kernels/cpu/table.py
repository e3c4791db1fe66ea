"""The compiled table: the reference, with the kernels that beat it in their place."""

from ..reference import ReferenceKernels


class CompiledKernels(ReferenceKernels):
    """Numba kernels for contiguous float32 and float64; anything else goes to the reference."""
