"""Loops over images: convolutions, pooling, resampling."""
