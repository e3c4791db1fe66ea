"""The walk back exists once: whoever wants to see it observes it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.engine import autograd
from tinygrad_dls.engine.observer import Observer
from tinygrad_dls.tensors.tensor import Tensor

ROOT = Path(dls.__file__).parent


def leaves() -> tuple[dls.Tensor, dls.Tensor]:
    rng = np.random.default_rng(0)
    return (dls.Tensor(rng.standard_normal((4, 3)).astype("float32"), requires_grad=True),
            dls.Tensor(rng.standard_normal(3).astype("float32"), requires_grad=True))


def loss_of(x: dls.Tensor, b: dls.Tensor) -> dls.Tensor:
    h = (x * b + b).tanh()
    return (h * h + h).sum()


class Diary(Observer):
    """Writes down what a walk tells."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.grads: dict[Any, Any] = {}

    def ran(self, node: Any, dy: Any, shares: Any, seconds: float, asked: bool) -> None:
        assert node.saved is not None and seconds >= 0 and not asked
        assert len(shares) == len(node.edges)
        self.told.append(node.op.name)

    def fitted(self, how: str, share: Any, to: Any) -> None:
        self.told.append((how, to))

    def arrived(self, edge: Any, gradient: Any) -> None:
        before = self.grads.get(edge)
        assert before is None or before[0] is not gradient, "a sum is a new array"
        self.grads[edge] = gradient, gradient.copy()


def test_graphs_are_walked_back_in_one_place() -> None:
    """Who asks a node for its rule walks a graph; checks of one operation have its plan alone."""
    walkers = [file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py")
               if "node.plan.back(" in file.read_text(encoding="utf-8")]
    assert walkers == ["engine/autograd.py"]


def test_every_way_to_a_gradient_takes_the_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []

    def counted(*args: Any) -> Any:
        walks.append(args)
        return walk(*args)

    walk = autograd.propagate
    monkeypatch.setattr(autograd, "propagate",
                        lambda *args, **named: counted(*args, *named.values()))
    x, b = leaves()
    loss_of(x, b).backward()
    want = x.grad.numpy(), b.grad.numpy()
    assert len(walks) == 1

    def again() -> dls.Tensor:
        x.grad = b.grad = None
        loss = loss_of(x, b)
        loss.backward()
        return loss

    step = dls.capture(again)
    for number in range(4):  # two are recorded, two replayed
        step()
        assert len(walks) == min(2 + number, 3), step.reason
        assert all(np.array_equal(t.grad.numpy(), g) for t, g in zip((x, b), want))
    with dls.trace():
        again()
    assert len(walks) == 4
    assert all(np.array_equal(t.grad.numpy(), g) for t, g in zip((x, b), want))
    found = dls.grad(loss_of(x, b), [x, b])
    assert len(walks) == 5
    assert all(np.array_equal(t.numpy(), g) for t, g in zip(found, want))
    x.grad = b.grad = None
    dls.checkpoint(loss_of, x, b).backward()
    assert len(walks) == 7  # one inside the other
    assert all(np.array_equal(t.grad.numpy(), g) for t, g in zip((x, b), want))


def test_an_observer_is_told_of_rules_casts_and_sums() -> None:
    x, b = leaves()
    loss = loss_of(x, b)
    (want,) = dls.grad(loss, [b], retain_graph=True)
    diary = Diary()
    grads, owned = autograd.propagate(
        [(loss, np.ones((), "float32"))], False, False, None, diary)
    names = [entry for entry in diary.told if isinstance(entry, str)]
    assert names == ["sum", "add", "mul", "tanh", "add", "mul"]
    assert [entry for entry in diary.told if not isinstance(entry, str)] == [("sum_to", (3,))] * 2
    assert np.array_equal(grads[b], want.numpy()) and b in owned
    for edge in (x, b):
        last, copy = diary.grads[edge]
        assert last is grads[edge] and np.array_equal(last, copy), "written to after it was told"


def test_of_a_walk_that_nobody_observes_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ran", "fitted", "arrived", "ended"):
        monkeypatch.setattr(Observer, name, None)
    x, b = leaves()
    loss_of(x, b).backward()
    assert x.grad is not None and b.grad is not None


def test_a_view_is_made_without_a_search_for_near_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that a tensor lacks is answered in Python, which costs more than the view itself."""
    x, _ = leaves()
    searched = []
    monkeypatch.setattr(Tensor, "__getattr__", lambda self, name: searched.append(name))
    y = x.detach().reshape(12)[::2]
    assert y.shape == (6,) and not searched


def test_a_trace_inside_of_a_captured_step_is_taken_each_time() -> None:
    x, b = leaves()
    seen = []

    def step() -> dls.Tensor:
        with dls.trace() as t:
            loss = loss_of(x, b)
        seen.append(len(t.record.nodes))
        return loss

    fast = dls.capture(step)
    with pytest.warns(UserWarning, match="dls.trace looks at a part of it"):
        for _ in range(5):
            fast()
    assert seen == seen[:1] * 5
