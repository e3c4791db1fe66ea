"""Activations."""

from ... import ops
from ...synonyms import renamed

relu, leaky_relu, tanh, sigmoid = ops.relu, ops.leaky_relu, ops.tanh, ops.sigmoid
softmax, log_softmax = renamed(ops.softmax), renamed(ops.log_softmax)
