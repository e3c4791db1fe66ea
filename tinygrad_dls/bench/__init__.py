"""Timing training steps side by side with other frameworks: `tinygrad-dls benchmark`."""
