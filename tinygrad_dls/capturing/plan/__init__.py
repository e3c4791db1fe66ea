"""The third pass of capture: kernels and memory, ahead of time."""
