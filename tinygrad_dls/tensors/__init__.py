"""Tensors: the class, its methods, and the functions that make and take them.

Pickles of tensors name this package.
"""

from .creation import from_numpy as from_numpy
from .tensor import Tensor as Tensor
