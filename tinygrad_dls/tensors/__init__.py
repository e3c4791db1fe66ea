"""Tensors: the class, its methods, and the functions that make and take them.

Pickles of tensors name this package.
"""

from .tensor import Tensor as Tensor
from .tensor import from_numpy as from_numpy
