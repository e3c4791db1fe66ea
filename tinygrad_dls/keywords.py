"""Wrong keywords: the error names the right one that is nearest.

    F.conv2d(x, w, pad=1)    # TypeError: conv2d has no argument 'pad'; did you mean 'padding'?
"""

import difflib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from .namespaces import OURS

F = TypeVar("F", bound=Callable[..., Any])
KERAS = {  # its names, where no spelling leads to ours
    "learning_rate": "lr", "epsilon": "eps", "beta_1": "betas", "beta_2": "betas",
    "units": "out_features", "input_dim": "in_features", "filters": "out_channels",
    "pool_size": "kernel_size", "rate": "p",
}


def near_names(function: F) -> F:
    """`function`, whose TypeError for an unknown keyword names the nearest that it has."""

    @wraps(function)
    def call(*inputs: Any, **options: Any) -> Any:
        try:
            return function(*inputs, **options)
        except TypeError as error:
            said = "" if _inside(error) else _wrong_keyword(function, inputs, options)
            if not said:
                raise
        raise TypeError(said)

    return call  # type: ignore[return-value]


class NearNames:
    """Base of classes of which `near_names` holds: of those in this package, not the user's."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith(OURS) and "__init__" in vars(cls):
            cls.__init__ = near_names(vars(cls)["__init__"])  # type: ignore[method-assign]


def _inside(error: TypeError) -> bool:
    """Return whether it was raised inside the function, and not by calling it."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def _wrong_keyword(
    function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]
) -> str:
    """Return the message for the first keyword that `function` lacks; empty if it has all."""
    known = [name for name in inspect.signature(function).parameters if name != "self"]
    wrong = next((name for name in options if name not in known), None)
    if wrong is None:
        return ""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    near = near or [name for name in known if name == KERAS.get(wrong)]
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    of_class = function.__name__ == "__init__"
    name = type(inputs[0]).__name__ if of_class else function.__name__
    return f"{name} has no argument {wrong!r}; {hint}"
