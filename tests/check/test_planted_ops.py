"""Operations of a learner's own, each with a mistake in its rule that must be named."""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import gradcheck
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op

before = set(Op.registry)


class Gelu(Op):
    def forward(self, x: Any) -> Any:
        return 0.5 * x * (1 + np.tanh(0.8 * (x + 0.045 * x**3)))

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * 0.5 * (1 + np.tanh(0.8 * (x + 0.045 * x**3)))


class Batched(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return a @ b

    def backward(self, dy: Any, a: Any, b: Any, needs: Any) -> Any:
        return dy @ b.T, (a.swapaxes(-1, -2) @ dy)[0]


class Slopes(Op):
    def forward(self, x: Any, a: Any) -> Any:
        return np.where(x > 0, x, a * x)

    def backward(self, dy: Any, x: Any, a: Any, needs: Any) -> Any:
        return dy * np.where(x > 0, 1, a), -(dy * np.where(x > 0, 0, x)).sum(0)


class Causal(Op):
    def forward(self, x: Any, w: Any) -> Any:
        padded = np.pad(x, (2, 0))
        return np.array([padded[i:i + 3] @ w for i in range(len(x))])

    def backward(self, dy: Any, x: Any, w: Any, needs: Any) -> Any:
        padded, dx = np.pad(x, (1, 1)), np.zeros(len(x) + 2)
        for i in range(len(x)):
            dx[i:i + 3] += dy[i] * w
        return dx[2:], np.array([dy @ padded[k:k + len(x)] for k in range(3)])


class MaxToTheLast(Op):
    def forward(self, x: Any) -> Any:
        return x.max(1)

    def backward(self, dy: Any, x: Any) -> Any:
        dx = np.zeros_like(x)
        dx[:, -1] = dy
        return dx


class LogSumExp(Op):
    def forward(self, x: Any) -> Any:
        return np.log(np.exp(x).sum(1))

    def backward(self, dy: Any, x: Any) -> Any:
        return np.exp(x) / np.exp(x).sum(1, keepdims=True)


class Huber(Op):
    def forward(self, x: Any) -> Any:
        return np.where(abs(x) < 1, x * x / 2, abs(x) - 0.5)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * x


class Power(Op):
    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Any) -> Any:
        return x**self.p

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * x ** (self.p - 1)


class Rows(Op):
    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def forward(self, table: Any) -> Any:
        return table[self.rows]

    def backward(self, dy: Any, shapes: Any) -> Any:
        d = np.zeros(shapes[0])
        np.add.at(d, (self.rows + 1) % shapes[0][0], dy)
        return d


class Mask(Op):
    def forward(self, x: Any) -> Any:
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy: Any) -> Any:
        return dy * self.mask


class Softplus(Op):
    def forward(self, x: Any) -> Any:
        return np.logaddexp(0, x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy / (1 + np.exp(-y))


class Deviation(Op):
    def forward(self, x: Any) -> Any:
        return x.std(axis=0)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * (x - x.mean(0)) / len(x)


class Variance(Op):
    def forward(self, x: Any) -> Any:
        return x.var(axis=0)

    def backward(self, dy: Any, x: Any) -> Any:
        return dy * 2 * x / len(x)


class Outer(Op):
    def forward(self, a: Any, b: Any) -> Any:
        return np.outer(a, b)

    def backward(self, dy: Any, a: Any, b: Any, needs: Any) -> Any:
        return dy @ b, dy @ a


class Entropy(Op):
    def forward(self, p: Any, t: Any) -> Any:
        return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()

    def backward(self, dy: Any, p: Any, t: Any, needs: Any) -> Any:
        return dy * (p - t) / p.size, None


class Steps(Op):
    def forward(self, x: Any) -> Any:
        return x[:, 1:] - x[:, :-1]

    def backward(self, dy: Any, shapes: Any) -> Any:
        dx = np.zeros(shapes[0])
        dx[:, 1:] = dy
        dx[:, :-1] = -dy
        return dx


class Bilinear(Op):
    def forward(self, x: Any, a: Any, z: Any) -> Any:
        return np.einsum("bi,ij,bj->b", x, a, z)

    def backward(self, dy: Any, x: Any, a: Any, z: Any, needs: Any) -> Any:
        return (dy[:, None] * (z @ a), np.einsum("b,bi,bj->ij", dy, x, z), dy[:, None] * (x @ a))


for name in set(Op.registry) - before:  # they prove nothing about the package
    del Op.registry[name]


def draw(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


@pytest.mark.parametrize(("op", "inputs", "words"), [
    (Gelu(), [draw(4, 3)], "the product rule has a second term"),
    (Batched(), [draw(3, 4, 2), draw(2, 5)], "`=` where `+=` is meant"),
    (Slopes(), [draw(6, 3), np.array([0.1, 0.2, 0.3])], "wrong sign"),
    (Causal(), [draw(9), draw(3)], "the padding is off by one"),
    (MaxToTheLast(), [draw(5, 4)], "at the wrong places along axis 1"),
    (LogSumExp(), [draw(5, 4)], "dy is forgotten"),
    (Huber(), [2 * draw(5, 4)], "wrong exactly where |x| > 1"),
    (Power(3.0), [abs(draw(3, 4)) + 0.5], "the factor p is missing (p = 3)"),
    (Rows(np.array([0, 2, 2, 4])), [draw(5, 3)], "off by one"),
    (Softplus(), [draw(4, 4)], "the output y where it means the input x"),
    (Deviation(), [draw(5, 3)], "the factor 1 / y is missing"),
    (Variance(), [draw(5, 3) + 1], "the branch through the mean is missing"),
    (Outer(), [draw(4), draw(4)], ".T is missing"),
    (Entropy(), [np.random.default_rng(0).uniform(0.1, 0.9, 7), np.arange(7) % 2],
     "a factor p * (1 - p) too much"),
    (Steps(), [draw(3, 5)], "`=` where `+=` is meant"),
    (Bilinear(), [draw(5, 3), draw(3, 3), draw(6, 3)[:5]], "where it means a.T"),
])
def test_the_mistake_is_named(op: Op, inputs: list[Any], words: str) -> None:
    call = function(op)
    report = gradcheck(lambda *xs: call(*xs), *inputs)
    assert report.first is not None and words in report.first.hint, str(report)


def test_an_op_that_keeps_a_mask_is_wrong_where_it_runs_twice_and_not_where_it_runs_once() -> None:
    mask = function(Mask())
    assert gradcheck(lambda x: mask(x).sum(), draw(4, 4))
    mask = function(Mask())
    report = gradcheck(lambda x: mask(mask(x) * -1.0 + 0.3).sum(), draw(4, 4))
    assert report.first is not None and "stale cache" in report.first.hint, str(report)
    assert report.first.name == "mask"
