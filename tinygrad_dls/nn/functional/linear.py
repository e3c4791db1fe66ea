"""Linear maps."""

from ... import ops

linear = ops.linear
