"""ONNX's operators that run a graph of their own."""

from __future__ import annotations

from typing import Any

from .onnx_operators import Args, host, operator


@operator("If", host=(0,))
def _if(a: Args) -> Any:
    """Run one of two graphs, as the condition says, and return its outputs."""
    branch = a.option("then_branch" if bool(host(a[0]).item()) else "else_branch")
    if not callable(branch):
        raise a.refuse("a branch that is not a graph")
    return branch()
