"""The first pass of capture: what a step does, and whether it does the same again."""
