"""Sums and recurrences along an axis."""
