"""torch.jit: decorators that hand through; nothing is compiled by them."""

from typing import Any
from typing import Final as Final

from ...errors import DataError
from ..nn.module import Module as ScriptModule  # noqa: F401
from . import annotations as annotations


def script(obj: Any, *_: Any, **__: Any) -> Any:
    """`obj` itself."""
    return obj


def ignore(drop: Any = False, **_: Any) -> Any:
    """The function itself."""
    return drop if callable(drop) else lambda function: function


unused = export = script_method = script_if_tracing = interface = ignore
_script_if_tracing = _overload_method = _overload = ignore


def trace(func: Any, example_inputs: Any = None, **_: Any) -> Any:
    """`func` itself."""
    return func


def is_scripting() -> bool:
    """False: Python runs."""
    return False


is_tracing = is_scripting


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's isinstance."""
    return type(obj) is target_type or issubclass(type(obj), target_type)


def save(*_: Any, **__: Any) -> None:
    """Not here: a script module is a program."""
    raise DataError("torch.jit.save writes programs: save model.state_dict(), "
                    "or dls.io.export_onnx(model, ...)")


load = save
