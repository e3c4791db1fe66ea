"""Kernels compiled by Numba for the CPU."""

from .table import CompiledKernels as CompiledKernels
