"""Random expression graphs: the engine against PyTorch, and against differences."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls

# name -> (ours, PyTorch's); arguments stay where every function is smooth and finite
UNARY: dict[str, tuple[Any, Any]] = {
    "tanh": (lambda m, x: m.tanh(x),) * 2,
    "exp of tanh": (lambda m, x: m.exp(m.tanh(x)),) * 2,
    "sigmoid": (lambda m, x: m.sigmoid(x),) * 2,
    "sin": (lambda m, x: m.sin(x),) * 2,
    "log": (lambda m, x: m.log(x * x + 1.0),) * 2,
    "sqrt": (lambda m, x: m.sqrt(x * x + 0.5),) * 2,
    "power": (lambda m, x: (x * x + 1.0) ** 1.5,) * 2,
    "relu": (lambda m, x: m.relu(x),) * 2,
    "neg": (lambda m, x: -x * 0.7,) * 2,
    "square": (lambda m, x: m.tanh(x) ** 2,) * 2,
    "sum": (lambda m, x: m.tanh(m.sum(x, axis=-1, keepdims=True)),
            lambda m, x: m.tanh(m.sum(x, dim=-1, keepdim=True))),
    "mean": (lambda m, x: x - m.mean(x, axis=0, keepdims=True),
             lambda m, x: x - m.mean(x, dim=0, keepdim=True)),
    "max": (lambda m, x: m.max(x, axis=-1, keepdims=True) + x,
            lambda m, x: m.amax(x, dim=-1, keepdim=True) + x),
    "softmax": (lambda m, x: m.softmax(x, axis=-1), lambda m, x: m.softmax(x, dim=-1)),
    "logsumexp": (lambda m, x: m.logsumexp(x, axis=0, keepdims=True) * x,
                  lambda m, x: m.logsumexp(x, dim=0, keepdim=True) * x),
    "flip and slice": (lambda m, x: x + x.reshape(-1)[:1] * x[:1],) * 2,
    "transpose twice": (lambda m, x: m.swapaxes(m.swapaxes(x, 0, 1) * 1.5, 0, 1),) * 2,
    "joined": (lambda m, x: m.concatenate([x, x * 2.0])[x.shape[0] // 2:][: x.shape[0]],) * 2,
    "reshape": (lambda m, x: (x.reshape(-1) * 0.5).reshape(x.shape),) * 2,
    "gram": (lambda m, x: m.tanh(x @ m.swapaxes(x, 0, 1)) @ x,) * 2,
    "var": (lambda m, x: x / m.sqrt(m.var(x, axis=0, keepdims=True, correction=0) + 1.0),
            lambda m, x: x / m.sqrt(m.var(x, dim=0, keepdim=True, correction=0) + 1.0)),
}
BINARY: dict[str, Any] = {
    "add": lambda m, a, b: a + b, "sub": lambda m, a, b: a - b, "mul": lambda m, a, b: a * b,
    "div": lambda m, a, b: a / (b * b + 1.0), "maximum": lambda m, a, b: m.maximum(a, b),
    "where": lambda m, a, b: m.where(a > b, a * b, b - a),
    "power": lambda m, a, b: (a * a + 1.0) ** m.tanh(b),
    "minimum": lambda m, a, b: m.minimum(a, b * 0.3),
}
SHAPES = [(3, 4), (1, 4), (3, 1), (1, 1)]  # they broadcast with one another

steps = st.lists(
    st.one_of(
        st.tuples(st.just("unary"), st.sampled_from(sorted(UNARY)), st.integers(0, 9)),
        st.tuples(st.just("binary"), st.sampled_from(sorted(BINARY)), st.integers(0, 9),
                  st.integers(0, 9)),
    ),
    min_size=1, max_size=12,
)
graphs = st.tuples(steps, st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3),
                   st.integers(0, 2**16))


def leaves_of(shapes: list[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def build(m: Any, program: list[Any], leaves: list[Any], which: int) -> Any:
    """Run a program of steps; a number picks one of all values made so far."""
    values = list(leaves)
    for step in program:
        x = values[step[2] % len(values)]
        if step[0] == "unary":
            values.append(UNARY[step[1]][which](m, x))
        else:
            values.append(BINARY[step[1]](m, x, values[step[3] % len(values)]))
    return m.sum(values[-1]) + sum(m.sum(v) * 0.1 for v in values[len(leaves):])


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Using backward")
@settings(max_examples=150, deadline=None, derandomize=True)
@given(graphs)
def test_values_gradients_and_second_order_are_pytorchs(graph: Any) -> None:
    torch = pytest.importorskip("torch")
    program, shapes, seed = graph
    arrays = leaves_of(shapes, seed)
    mine = [dls.Tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, t = build(dls, program, mine, 0), build(torch, program, theirs, 1)
    assert y.item() == pytest.approx(t.item(), rel=1e-10, abs=1e-10)
    y.backward(retain_graph=True)
    t.backward(create_graph=True)
    for x, w in zip(mine, theirs):
        want = np.zeros(x.shape) if w.grad is None else w.grad.detach().numpy()
        got = np.zeros(x.shape) if x.grad is None else x.grad.numpy()
        scale = max(1.0, float(np.abs(want).max()))
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10 * scale)
    used = [i for i, w in enumerate(theirs) if w.grad is not None]
    first = dls.grad(y, [mine[i] for i in used], create_graph=True)
    total = sum((g * g).sum() for g in first)
    wanted = sum((theirs[i].grad ** 2).sum() for i in used)
    assert total.item() == pytest.approx(wanted.item(), rel=1e-9, abs=1e-9)
    if not total.requires_grad or not wanted.requires_grad:
        return
    seconds = dls.grad(total, [mine[i] for i in used], allow_unused=True)
    wants = torch.autograd.grad(wanted, [theirs[i] for i in used], allow_unused=True)
    for s, w in zip(seconds, wants):
        if s is None or w is None:
            assert s is None or np.abs(s.numpy()).max() < 1e-9
            assert w is None or w.abs().max() < 1e-9
            continue
        scale = max(1.0, float(w.abs().max()))
        np.testing.assert_allclose(s.numpy(), w.numpy(), rtol=1e-8, atol=1e-9 * scale)


SMOOTH = sorted(set(UNARY) - {"relu", "max"})
smooth_steps = st.lists(
    st.one_of(
        st.tuples(st.just("unary"), st.sampled_from(SMOOTH), st.integers(0, 9)),
        st.tuples(st.just("binary"), st.sampled_from(["add", "sub", "mul", "div", "power"]),
                  st.integers(0, 9), st.integers(0, 9)),
    ),
    min_size=1, max_size=8,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(smooth_steps, st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3),
       st.integers(0, 2**16))
def test_gradients_are_slopes(program: Any, shapes: Any, seed: int) -> None:
    arrays = leaves_of(shapes, seed)
    mine = [dls.Tensor(a, requires_grad=True) for a in arrays]
    y = build(dls, program, mine, 0)
    if not np.isfinite(y.item()) or abs(y.item()) > 1e6:
        return
    y.backward()
    rng = np.random.default_rng(seed + 1)
    directions = [rng.standard_normal(a.shape) for a in arrays]

    def along(t: float) -> float:
        moved = [dls.Tensor(a + t * d) for a, d in zip(arrays, directions)]
        return build(dls, program, moved, 0).item()

    h = 1e-5
    slope = (along(h) - along(-h)) / (2 * h)
    bend = abs(along(h) - 2 * y.item() + along(-h)) / h**2
    if bend > 1e5:  # too curved for differences to say anything
        return
    got = sum(float(np.sum(x.grad.numpy() * d)) for x, d in zip(mine, directions)
              if x.grad is not None)
    assert got == pytest.approx(slope, rel=1e-4, abs=1e-4 * max(1.0, abs(y.item())))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(graphs)
def test_strict_device_gives_the_same(graph: Any) -> None:
    program, shapes, seed = graph
    arrays = leaves_of(shapes, seed)
    results = []
    for device in ("cpu", "strict"):
        xs = [dls.Tensor(a, requires_grad=True, device=device) for a in arrays]
        y = build(dls, program, xs, 0)
        y.backward()
        results.append([y.numpy(), *(x.grad.numpy() for x in xs if x.grad is not None)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, float(np.abs(a).max())))
