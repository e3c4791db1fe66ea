"""ONNX's operators that run a graph of their own."""

from __future__ import annotations

from typing import Any

from .onnx_operators import Args, host, operator


@operator("If", host=(0,))
def _if(a: Args) -> Any:
    """What one of two graphs makes."""
    branch = a.option("then_branch" if bool(host(a[0]).item()) else "else_branch")
    if not callable(branch):
        raise a.refuse("a branch that is no graph")
    return branch()
