"""Kernels compiled by Numba for the CPU; `table.py` has all of them."""
