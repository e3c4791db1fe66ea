"""Kernels in CUDA C, compiled by CuPy when they are first used; importing this needs no CuPy."""

from .table import CudaKernels as CudaKernels
