"""The operations as functions, under NumPy's names: `dls.exp(x)`, `dls.sum(x, axis=0)`.

ops/names.py has the table of them. Those with an axis take PyTorch's `dim=` and `keepdim=`, too.
"""

from ..ops.names import NAMES
from .torch_names import as_function

__all__ = [word for name in NAMES for word in name.function.split()]

globals().update({
    word: function for name in NAMES if name.function for function in [as_function(name)]
    for word in name.function.split()
})
