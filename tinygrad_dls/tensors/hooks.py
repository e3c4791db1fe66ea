"""Hooks of a tensor: functions that backward calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._util.handles import Handle
from ..engine import autograd
from ..engine.completion import add_completion_hook
from ..errors import GraphError


class Hooked:
    """register_hook and register_post_accumulate_grad_hook."""

    __slots__ = ()

    def register_hook(self: Any, hook: Callable[[Any], object]) -> Handle:
        """Call `hook(gradient)` in backward; a tensor it returns takes the gradient's place.

        `remove()` of what it returns takes the hook off again.

        >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: 10 * gradient)
        >>> x.sum().backward()
        >>> x.grad
        Tensor([10., 10.])
        >>> handle.remove()
        """
        if not self.requires_grad:
            raise GraphError("register_hook() of a tensor that does not require grad")
        if not callable(hook):
            raise GraphError(f"a hook is a function of the gradient, not a {type(hook).__name__}")
        return Handle(autograd.add_hook(self, hook))

    def register_post_accumulate_grad_hook(
        self: Any, hook: Callable[[Any], object]
    ) -> Handle:
        """Call `hook(self)` in backward as soon as `.grad` of this leaf has its sum.

        Backward still goes on then: the gradient can be sent or used up meanwhile. `remove()` of
        what it returns takes the hook off again.

        >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad.tolist()))
        >>> (x * x).sum().backward()
        [2.0, 4.0]
        """
        if self._node is not None or not self.requires_grad:
            raise GraphError("register_post_accumulate_grad_hook() is for leaves that require "
                             "grad: only these keep a sum in .grad; see register_hook()")
        if not callable(hook):
            raise GraphError(f"a hook is a function of the tensor, not a {type(hook).__name__}")
        return Handle(add_completion_hook(self, hook))
