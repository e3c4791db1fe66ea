"""No right gradient is called wrong, however large or small the numbers are; mistakes still are."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls.check import check_gradients, gradcheck

from . import wrong_ops as w

LAYERS = {  # of (m, n) numbers, to (m, k)
    "linear": lambda h, draw: h @ draw(h.shape[1], draw.width()) + draw(1),
    "relu": lambda h, draw: dls.relu(h),
    "tanh": lambda h, draw: h.tanh(),
    "sigmoid": lambda h, draw: h.sigmoid(),
    "softplus": lambda h, draw: F.softplus(h),
    "silu": lambda h, draw: F.silu(h),
    "gelu": lambda h, draw: F.gelu(h),
    "softmax": lambda h, draw: F.softmax(h, axis=1),
    "log_softmax": lambda h, draw: F.log_softmax(h, axis=1),
    "layer_norm": lambda h, draw: F.layer_norm(h, (h.shape[1],)),
    "batch_norm": lambda h, draw: F.batch_norm(h, None, None, training=True),
    "square": lambda h, draw: h * h,
    "root": lambda h, draw: (h * h + 1.0).sqrt(),
    "log": lambda h, draw: (h.abs() + 1e-3).log(),
    "exp": lambda h, draw: (h.tanh() * 30.0).exp(),
    "over": lambda h, draw: h / (h.abs() + 1.0),
    "shifted": lambda h, draw: h - draw(h.shape[1]),
    "columns": lambda h, draw: dls.concatenate([h[:, ::2], h], axis=1),
    "centered": lambda h, draw: h - h.mean(axis=0, keepdims=True),
    "scaled": lambda h, draw: h * draw(1),
}
ENDS = {
    "sum": lambda h, draw: h.sum(),
    "mean": lambda h, draw: h.mean(),
    "all": lambda h, draw: h,
    "one": lambda h, draw: h[0, 0],
    "squared errors": lambda h, draw: ((h - draw(h.shape[0], 1)) ** 2).sum(),
    "mse": lambda h, draw: F.mse_loss(h, draw(*h.shape)),
    "labels": lambda h, draw: F.cross_entropy(h, draw.labels(*h.shape)),
    "logits": lambda h, draw: F.binary_cross_entropy_with_logits(h, draw.labels(h.size, 2).reshape(
        h.shape).astype("float64")),
    "max": lambda h, draw: h.max(axis=1),
    "var": lambda h, draw: h.var(axis=0),
    "logsumexp": lambda h, draw: dls.logsumexp(h, axis=1),
}


class Draw:
    """Constants of a function: the same at each call, of a size between 1e-6 and 1e6."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rewind()

    def rewind(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def width(self) -> int:
        return int(self.rng.integers(1, 5))

    def __call__(self, *shape: int) -> Any:
        size = 10.0 ** self.rng.choice([0, self.rng.uniform(-6, 6)])
        return dls.Tensor(size * self.rng.standard_normal(shape))

    def labels(self, m: int, classes: int) -> Any:
        return dls.Tensor(self.rng.integers(0, classes, m))


def right_function(seed: int) -> tuple[str, Any, Any]:
    """What it does, a function, and an input for it whose result is finite."""
    rng = np.random.default_rng([seed, 1])
    while True:
        m, n = rng.integers(2, 7, 2)
        x = 10.0 ** rng.uniform(-6, 6) * (rng.standard_normal((m, n)) + rng.integers(0, 3))
        if rng.random() < 0.2:
            x = x * 10.0 ** rng.uniform(-3, 3, (m, n))
        if rng.random() < 0.5:
            x = x.astype("float32")
        names = list(rng.choice(list(LAYERS), rng.integers(0, 5)))
        end = str(rng.choice(list(ENDS)))
        draw = Draw(int(rng.integers(1 << 30)))

        def f(x: Any, names: Any = names, end: str = end, draw: Any = draw) -> Any:
            draw.rewind()
            for name in names:
                x = LAYERS[name](x, draw)
            return ENDS[end](x, draw)

        with np.errstate(all="ignore"):
            y = f(dls.Tensor(x.astype("float64"))).numpy()
        if np.isfinite(y).all() and np.abs(y).max() < 1e30:
            return f"{x.dtype} of {np.abs(x).max():.1e}: {' '.join([*names, end])}", f, x


def alarm(seed: int) -> str:
    """What a check wrongly says of right function number `seed`; "" if nothing."""
    text, f, x = right_function(seed)
    report = gradcheck(f, x, seed=seed)
    return "" if report.ok else f"{seed}, {text}\n{report}"


def test_right_functions() -> None:
    assert not list(filter(None, map(alarm, range(10_000, 10_060))))


def test_last_places_that_cancel_in_the_sum_of_a_row() -> None:
    assert not alarm(1855)  # 1 - (1 + 3e-13), back through a log-softmax


@pytest.mark.slow
def test_two_thousand_right_functions() -> None:
    assert not list(filter(None, map(alarm, range(2000))))


SIZES = [1e-6, 1e-3, 1.0, 255.0, 1e6]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("op", [w.SquareHalf, w.MeanWithoutM, w.SumWithM, w.MulSwapped, w.Zero])
def test_mistakes_in_numbers_of_any_size(op: Any, size: float) -> None:
    x = size * np.random.default_rng(0).uniform(0.5, 2, (2, 5, 4))
    report = gradcheck(lambda *xs: (w.call(op)(*xs) * 3.0).sum(), *x[:1 + (op is w.MulSwapped)])
    assert not report.ok and report.first.name == w.call(op).__name__


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("c", [1.001, 0.5, -1.0])
def test_a_factor_of_any_size(size: float, c: float) -> None:
    op = w.call(w.Scaled, c)
    x = size * np.random.default_rng(0).uniform(0.5, 2, (5, 4))
    assert gradcheck(lambda x: ((op(x) - 3 * size) ** 2).sum(), x).first.name.startswith("scaled")


@pytest.mark.parametrize("size", SIZES)
def test_hand_written_gradients_of_any_size(size: float) -> None:
    x = size * np.random.default_rng(0).uniform(0.5, 2, (5, 4))
    for c in (1.0, 1.01):
        report = check_gradients(lambda p: ((p["x"] - 3 * size) ** 2).sum(), {"x": x},
                                 {"dx": 2 * c * (x - 3 * size)})
        assert report.ok == (c == 1.0)


@pytest.mark.parametrize("size", SIZES)
def test_a_gradient_lost_between_the_ops(size: float) -> None:
    x = size * np.random.default_rng(0).uniform(0.5, 2, (5, 4))
    report = gradcheck(lambda x: ((x.detach() - 3 * size) ** 2 * x).sum(), x)
    assert [check.name for check in report.wrong] == ["x"]
    assert "detach()" in str(report)
