"""Ops as learners write them, each with one mistake in its backward."""

from typing import Any

import numpy as np

from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

before = set(Op.registry)


class TanhSlopeForgotten(Op):
    def forward(self, x: Any) -> Any:
        return np.tanh(x)

    def backward(self, dy: Any) -> Any:
        return dy


class TanhOfInput(Op):
    def forward(self, x: Any) -> Any:
        return np.tanh(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * (1 - x * x)


class ExpOfInput(Op):
    def forward(self, x: Any) -> Any:
        return np.exp(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * x


class DyForgotten(Op):
    def forward(self, x: Any) -> Any:
        return np.sin(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return np.cos(x)


class WrongSign(Op):
    def forward(self, x: Any) -> Any:
        return np.cos(x)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * np.sin(x)


class SquareHalf(Op):
    def forward(self, x: Any) -> Any:
        return x * x

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * x


class MeanWithoutM(Op):
    def forward(self, x: Any) -> Any:
        return x.mean(axis=0)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return np.broadcast_to(dy, shapes[0])


class SumWithM(Op):
    def forward(self, x: Any) -> Any:
        return x.sum(axis=0)

    def backward(self, dy: Any, shapes: Any) -> Any:
        return np.broadcast_to(dy, shapes[0]) / shapes[0][0]


class BiasNotSummed(Op):
    def forward(self, x: Any, b: Any) -> Any:
        return x + b

    def backward(self, dy: Any, needs: Any) -> Any:
        return dy, dy


class MatmulTransposed(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return a @ b

    def backward_a(self, dy: Any, b: Any) -> Any:
        return dy @ b.T

    def backward_b(self, dy: Any, a: Any) -> Any:
        return dy.T @ a


class MatmulWithoutT(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return a @ b

    def backward_a(self, dy: Any, b: Any) -> Any:
        return dy @ b

    def backward_b(self, dy: Any, a: Any) -> Any:
        return a.T @ dy


class MulSwapped(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b

    def backward(self, dy: Any, a: Any, b: Any, needs: Any) -> Any:
        return dy * a, dy * b


class RowsAssigned(Op):
    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def label(self) -> str:
        return "rows_assigned"

    def forward(self, x: Any) -> Any:
        return x[self.rows]

    def backward(self, dy: Any, shapes: Any) -> Any:
        dx = np.zeros(shapes[0])
        dx[self.rows] = dy
        return dx


class NothingReturned(Op):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, dy: Any) -> Any:
        return None


class NotThere(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b

    def backward_a(self, dy: Any, b: Any) -> Any:
        return dy * b


class Zero(Op):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, dy: Any) -> Any:
        return 0 * dy


class Raises(Op):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, dy: Any) -> Any:
        return dy @ dy[None, None]


class OneForTwo(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return a * b

    def backward(self, dy: Any, b: Any, needs: Any) -> Any:
        return (dy * b,)


class WritesIntoDy(Op):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, dy: Any) -> Any:
        dy *= 2
        return dy


class WritesIntoSaved(Op):
    def forward(self, x: Any) -> Any:
        return x * x

    def backward(self, dy: Any, x: Any) -> Any:
        x *= 2
        return dy * x


class OneElement(Op):
    def forward(self, x: Any) -> Any:
        return 3 * x

    def backward(self, dy: Any) -> Any:
        dx = 3 * dy
        dx[2, 1] += 1
        return dx


class SquareShifted(Op):
    def forward(self, x: Any) -> Any:
        return x * x

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * (2 * x + 1)


class Scaled(Op):
    """y = x, with `c` times its gradient."""

    def __init__(self, c: float) -> None:
        self.c = c

    def forward(self, x: Any) -> Any:
        return np.array(x)

    def backward(self, dy: Any) -> Any:
        return dy * self.c


for name in set(Op.registry) - before:  # they prove nothing about the package
    del Op.registry[name]


def call(op: type[Op], *parameters: Any) -> Any:
    return function(op(*parameters))
