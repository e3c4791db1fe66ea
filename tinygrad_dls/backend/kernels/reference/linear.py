"""The linear layer and its gradients: x (..., n_in), weight (n_out, n_in), bias (n_out,)."""

from collections.abc import Sequence
from typing import Any

from .base import Family, summed


class Linear(Family):
    """matmul of matrices, linear, linear_backward."""

    def matmul(self, a: Any, b: Any) -> Any:
        """a @ b."""
        return a @ b

    def outer_products(self, columns: Sequence[Any], rows: Sequence[Any], start: Any = None) -> Any:
        """start + the outer products of columns[t] (..., n) and rows[t] (..., m), one by one."""
        for column, row in zip(columns, rows):
            product = column[..., None] * row[..., None, :]
            start = product if start is None else start + product
        return start

    def linear(self, x: Any, weight: Any, bias: Any | None) -> Any:
        """y = x @ weight.T + bias."""
        y = x @ weight.T
        if bias is not None:
            y += bias
        return y

    def linear_relu(self, x: Any, weight: Any, bias: Any | None) -> Any:
        """y = max(x @ weight.T + bias, 0)."""
        return self.xp.maximum(self.linear(x, weight, bias), 0)

    def linear_backward(
        self, dy: Any, x: Any, weight: Any, needs: tuple[bool, ...]
    ) -> tuple[Any | None, ...]:
        """(dx, dweight, dbias), each where `needs` asks for it."""
        rows = dy.reshape(-1, dy.shape[-1])  # (m, n_out)
        dx = dy @ weight if needs[0] else None
        dweight = rows.T @ x.reshape(-1, x.shape[-1]) if needs[1] else None
        dbias = self.sum_rows(rows) if needs[2] else None
        return dx, dweight, dbias

    def sum_rows(self, x: Any) -> Any:
        """The sum of the rows of x (m, n)."""
        return summed(x, 0)
