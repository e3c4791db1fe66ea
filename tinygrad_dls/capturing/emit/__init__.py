"""The last pass of capture: the step as a program, and kernels made for it."""
