"""All operations, by family; `Op.registry` lists them, and names.py says what they are called."""

import sys

from . import op as _op
from .names import NAMES as _NAMES

# All are built before one is bound: a file may have the name of a function, which is what stays.
globals().update({name.inner: name.build() for name in _NAMES})
from . import linalg as linalg  # noqa: E402  (of the functions above)

_op.register_functions(sys.modules[__name__])

for _class in _op.Op.registry.values():  # those above, not those that users declare
    _class.new_gradients = True
