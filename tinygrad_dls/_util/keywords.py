"""Wrong keywords and arguments of wrong types: the error names the right one.

    F.conv2d(x, w, pad=1)    # TypeError: conv2d has no argument 'pad'; did you mean 'padding'?
    F.conv2d(x, w, groups="2")   # what `hints.misfit` says, where a raw error would come
"""

import difflib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from .hints import RAW, misfit
from .namespaces import OURS

F = TypeVar("F", bound=Callable[..., Any])
SPREAD = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
OTHERS = {  # names of Keras, where no spelling leads to ours
    "learning_rate": "lr", "epsilon": "eps", "beta_1": "betas", "beta_2": "betas",
    "units": "out_features", "input_dim": "in_features", "filters": "out_channels",
    "pool_size": "kernel_size", "rate": "p",
    # and PyTorch's
    "size_average": "reduction", "reduce": "reduction", "map_location": "device",
}


def near_names(function: F) -> F:
    """`function`, whose TypeError for an unknown keyword names the nearest that it has.

    A raw error becomes one that names the argument whose type does not fit, if there is one.
    """

    @wraps(function)
    def call(*inputs: Any, **options: Any) -> Any:
        try:
            return function(*inputs, **options)
        except RAW as error:
            if isinstance(error, TypeError) and not _inside(error):
                said = _wrong_keyword(function, inputs, options)
                if not said:
                    raise
            else:
                wrong = misfit(function, inputs, options, error, _name(function, inputs))
                if wrong is None:
                    raise
                raise wrong from error
        raise TypeError(said)

    return call  # type: ignore[return-value]


def wrong_keyword(
    function: Callable[..., Any], options: dict[str, Any], name: str = ""
) -> TypeError:
    """The error for keywords that a function took as its last parameter, `**wrong`.

    For functions that are called so often that a call of `near_names` around them would count.
    """
    return TypeError(_wrong_keyword(function, (), options, name))


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
    function: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any],
    name: str = "",
) -> str:
    """Return the message for the first keyword that `function` lacks; empty if it has all."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.name != "self" and p.kind not in SPREAD]
    wrong = next((name for name in options if name not in known), None)
    if wrong is None:
        return ""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    near = near or [name for name in known if name == OTHERS.get(wrong)]
    near = near or [name for name in known if (wrong, name) == ("size", "shape")]
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
    if not near and wrong == "out":
        hint = f"write out.copy_({function.__name__}(...)), under dls.no_grad()"
    if not near and wrong in ("size", "shape"):
        hint = f"the shape comes first, without a name: {function.__name__}(2, 3)"
    return f"{name or _name(function, inputs)} has no argument {wrong!r}; {hint}"


def _name(function: Callable[..., Any], inputs: tuple[Any, ...]) -> str:
    """The name that a user knows it by: that of the class, for a constructor."""
    if function.__name__ == "__init__":
        return type(inputs[0]).__name__
    return function.__qualname__.rpartition("<locals>.")[2]
