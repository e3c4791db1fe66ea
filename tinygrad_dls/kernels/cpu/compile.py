"""Compiling kernels: see `..compile`."""

from ..compile import helpers as helpers
from ..compile import inlined as inlined
from ..compile import kernel as kernel
from ..compile import source_hash as source_hash
from ..compile import task as task
