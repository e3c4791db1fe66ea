"""Devices, dtypes and kernels: the arrays and what computes on them."""
