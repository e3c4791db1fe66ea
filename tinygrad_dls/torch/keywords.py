"""PyTorch's keywords of functions: input=, other=, and out= for a tensor to write into."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..engine.autograd import TensorBase
from ..errors import GraphError

PAIR = ("input", "other")


def named(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """`function` with PyTorch's names for its first parameters, and with out=.

    Without keywords it costs one call of Python more.
    """

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if not options:
            return function(*args)
        out = options.pop("out", None)
        for name in names[len(args):]:
            if name in options:
                args = (*args, options.pop(name))
        found = function(*args, **options)
        return found if out is None else _written(out, found, function.__name__)

    return call


def _written(out: Any, found: Any, name: str) -> Any:
    """`found` written into `out`, a tensor, or one for each part of a tuple."""
    if isinstance(found, tuple):
        for one, part in zip(out, found, strict=True):
            _written(one, part, name)
        return type(found)(*out) if hasattr(found, "_fields") else tuple(out)
    if not isinstance(out, TensorBase):
        raise TypeError(f"{name}: out= takes a tensor, not a {type(out).__name__}")
    target: Any = out
    if found.requires_grad or target.requires_grad:
        raise GraphError(f"{name}(): functions with out=... have no gradient: write "
                         f"y = torch.{name}(...)")
    if tuple(target.shape) != tuple(found.shape):
        target.resize_(*found.shape)
    target.copy_(found)
    return target
