"""torch.autograd.functional: jacobian, hessian and products with them."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...engine.autograd import TensorBase
from ...engine.modes import enable_grad
from ...tensors.gradients import grad
from ..tensor import of_kind


def _inputs(inputs: Any) -> tuple[list[Any], bool]:
    single = isinstance(inputs, TensorBase)
    given = [inputs] if single else list(inputs)
    return [of_kind(x).detach().requires_grad_() for x in given], single


def jacobian(func: Any, inputs: Any, create_graph: bool = False, **_: Any) -> Any:
    """dy/dx of every output for every input: the shape of y, then that of x."""
    xs, single = _inputs(inputs)
    with enable_grad():
        y = func(*xs)
        flat = ops.reshape(y, -1)
        rows: list[list[Any]] = [[] for _ in xs]
        for i in range(flat.shape[0]):
            found: Any = grad(flat[i], xs, None, create_graph, True, True)
            for row, x, g in zip(rows, xs, found):
                row.append(ops.zeros_like(x) if g is None else g)
    made = tuple(ops.reshape(ops.stack(row), (*y.shape, *x.shape)) for row, x in zip(rows, xs))
    return made[0] if single else made


def hessian(func: Any, inputs: Any, create_graph: bool = False, **_: Any) -> Any:
    """The second derivatives of a function with one number as result."""
    xs, single = _inputs(inputs)
    if not single:
        raise TypeError("hessian takes one tensor here")

    def slope(x: Any) -> Any:
        found, = grad(func(x), [x], None, True)
        return found

    return jacobian(slope, xs[0], create_graph)


def vjp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """func(inputs), and v times its jacobian."""
    xs, single = _inputs(inputs)
    with enable_grad():
        y = func(*xs)
        found: Any = grad(y, xs, v, create_graph, None, True)
    return y.detach(), found[0] if single else found
