"""A test of the tests: ops with one mistake each, which the checks must find."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_dls.ops.op import Op
from tinygrad_dls.ops.samples import Sample

from . import checks


def declare(**members: Any) -> type[Op]:
    """A throw-away op y = a * sin(b) with members replaced."""

    def forward(self: Any, a: Any, b: Any) -> Any:
        return a * self.xp.sin(b)

    def backward_a(self: Any, dy: Any, b: Any) -> Any:
        return dy * self.xp.sin(b)

    def backward_b(self: Any, dy: Any, a: Any, b: Any) -> Any:
        return dy * a * self.xp.cos(b)

    right = {
        "forward": forward, "backward_a": backward_a, "backward_b": backward_b,
        "broadcasts": True, "numpy": staticmethod(lambda a, b: a * np.sin(b)),
        "samples": staticmethod(lambda rng: [
            Sample((rng.uniform(0.5, 2, (2, 3)), rng.uniform(0.5, 2, (2, 3)))),
            Sample((rng.uniform(0.5, 2, (3,)), rng.uniform(0.5, 2, (2, 3)))),
        ]),
    }
    return type("ThrowAway", (Op,), {**right, **members})


@pytest.fixture(autouse=True)
def unregister() -> Iterator[None]:
    before = dict(Op.registry)
    yield
    Op.registry.clear()
    Op.registry.update(before)


def failing(op: type[Op]) -> set[str]:
    """The names of the checks that fail on `op`."""
    failed = set()
    for check in checks.ALL:
        try:
            for sample in checks.samples_of(op):
                check(op, sample)
        except Exception:
            failed.add(check.__name__)
    return failed


def test_right_op_passes() -> None:
    assert failing(declare()) == set()


def wrong_sign(self: Any, dy: Any, b: Any) -> Any:
    return -dy * self.xp.sin(b)


def wrong_factor(self: Any, dy: Any, a: Any, b: Any) -> Any:
    return 2 * dy * a * self.xp.cos(b)


def missing_term(self: Any, dy: Any, b: Any) -> Any:
    return dy * self.xp.cos(b)


def no_dy(self: Any, dy: Any, b: Any) -> Any:
    return self.xp.sin(b) + 0 * dy


def promotes(self: Any, dy: Any, b: Any) -> Any:
    return dy * self.xp.sin(b) * np.float64(1.0)


def reads_the_device(self: Any, dy: Any, b: Any) -> Any:
    float(b.sum())
    return dy * self.xp.sin(b)


def writes_its_input(self: Any, a: Any, b: Any) -> Any:
    y = a * self.xp.sin(b)
    b += 0.1
    return y


def writes_dy(self: Any, dy: Any, b: Any) -> Any:
    right = dy * self.xp.sin(b)
    if isinstance(dy, np.ndarray):
        dy *= 2
    return right


def forgets_history(self: Any, dy: Any, b: Any) -> Any:
    return dy * np.sin(getattr(b, "_data", b))


def wrong_kernel(self: Any, dy: Any, a: Any, b: Any, needs: Any) -> Any:
    return dy * np.sin(b), dy * np.cos(b)


def right_pair(self: Any, dy: Any, a: Any, b: Any, needs: Any) -> Any:
    return dy * self.xp.sin(b), dy * a * self.xp.cos(b)


def order_of_memory(self: Any, a: Any, b: Any) -> Any:
    return (a.ravel("K").reshape(a.shape) if isinstance(a, np.ndarray) else a) * self.xp.sin(b)


def one_for_all(self: Any, dy: Any, b: Any) -> Any:
    return (dy * self.xp.sin(b)).sum().reshape((1,) * dy.ndim) + 0 * dy


@pytest.mark.parametrize(
    ("members", "found_by"),
    [
        ({"backward_a": wrong_sign}, "gradient"),
        ({"backward_b": wrong_factor}, "gradient"),
        ({"backward_a": missing_term}, "gradient"),
        ({"backward_a": no_dy}, "gradient"),
        ({"backward_a": one_for_all}, "gradient"),
        ({"backward_a": promotes}, "float32"),
        ({"backward_a": reads_the_device}, "on_strict_device"),
        ({"backward_a": forgets_history}, "second_order"),
        ({"backward_a": writes_dy}, "gradient"),
        ({"forward": writes_its_input}, "inputs_unchanged"),
        ({"forward": order_of_memory}, "not_contiguous"),
        ({"backward": right_pair, "backward_kernel": wrong_kernel}, "kernel_equals_rule"),
        ({"numpy": staticmethod(lambda a, b: a * np.cos(b))}, "value"),
        ({"broadcasts": False}, "gradient"),
    ],
    ids=lambda x: x if isinstance(x, str) else next(iter(x.values())).__name__ if callable(
        next(iter(x.values()))) else next(iter(x)),
)
def test_wrong_op_is_found(members: dict[str, Any], found_by: str) -> None:
    assert found_by in failing(declare(**members))
