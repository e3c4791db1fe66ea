"""PyTorch as oracle: the same call or layer on both sides must give the same numbers.

Each file beside this one draws random cases for one family: shapes with 0, 1 and many, options,
strides, both precisions. `random_cases(n)` is its loop, `case` a NumPy generator seeded by the
case's number:

    @random_cases(200)
    def test_conv2d(case):
        ...
        same_function(lambda x, w: F.conv2d(x, w, stride=s),
                      lambda x, w: torch.nn.functional.conv2d(x, w, stride=s), [x, w])

    @random_cases(40)
    def test_layers(case):
        same_layer(nn.Conv2d(3, 8, 3), torch.nn.Conv2d(3, 8, 3), [x])
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim

torch = pytest.importorskip("torch")
TOLERANCE = {"float32": (2e-4, 2e-5), "float64": (1e-9, 1e-11)}


def random_cases(count: int) -> Any:
    """Run a test `count` times, each with a generator of its own."""

    def decorate(test: Callable[..., None]) -> Any:
        seeds = [np.random.SeedSequence([i, *test.__name__.encode()]) for i in range(count)]
        makers = pytest.mark.parametrize(
            "case", [np.random.default_rng(s) for s in seeds], ids=map(str, range(count))
        )
        return pytest.mark.torch(makers(test))

    return decorate


def pick(case: np.random.Generator, *choices: Any) -> Any:
    """One of the choices, whatever they are."""
    return choices[int(case.integers(len(choices)))]


def array(case: np.random.Generator, *shape: int, dtype: str = "float64") -> np.ndarray:
    """Normal numbers, sometimes lying strided, transposed or channels-last in memory."""
    x = case.standard_normal(shape).astype(dtype)
    way = int(case.integers(4))
    if way == 1 and x.ndim:
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if way == 2 and x.ndim:  # NumPy would make an axis of none
        return np.asfortranarray(x)
    if way == 3 and x.ndim > 2:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return x


def close(mine: Any, theirs: Any, what: str, scale: float = 1.0) -> None:
    """Shape, dtype and values agree, to `scale` times the tolerance of the dtype."""
    got = mine.numpy()
    want = theirs.detach().numpy(force=True)  # PyTorch's zeros of no memory have to be made
    assert got.shape == want.shape, f"{what}: shape {got.shape}, PyTorch's {want.shape}"
    assert got.dtype == want.dtype, f"{what}: {got.dtype}, PyTorch's {want.dtype}"
    rtol, atol = TOLERANCE.get(str(want.dtype), (0, 0))
    size = float(np.abs(want[np.isfinite(want)]).max(initial=1.0)) if want.dtype.kind == "f" else 1
    np.testing.assert_allclose(
        got, want, rtol=rtol * scale, atol=atol * scale * max(size, 1.0), err_msg=what
    )


def flat(made: Any) -> list[Any]:
    """The tensors of a result: itself, or those in (nested) tuples; None is left out."""
    if made is None:
        return []
    if isinstance(made, (tuple, list)):
        return [t for part in made for t in flat(part)]
    return [made]


def same_function(
    ours: Callable[..., Any], theirs: Callable[..., Any], arrays: Sequence[np.ndarray],
    second: bool = False, scale: float = 1.0, exact: Sequence[int] = (),
) -> None:
    """Values and gradients (and, if asked, second derivatives) of a function of float arrays.

    Integer and bool arrays go in without gradient, as do those at the places `exact`. Every
    output that is a float gets a random projection; their sum is differentiated.
    """
    xs, ts = [], []
    for i, a in enumerate(arrays):
        grad = a.dtype.kind == "f" and i not in exact
        xs.append(dls.from_numpy(a).requires_grad_(grad))
        ts.append(torch.from_numpy(a.copy() if 0 in a.strides or any(
            s < 0 for s in a.strides) else a).requires_grad_(grad))
    mine, yours = flat(ours(*xs)), flat(theirs(*ts))
    assert len(mine) == len(yours), "another number of outputs"
    for i, (y, t) in enumerate(zip(mine, yours)):
        close(y, t, f"output {i}", scale)
    loss, target = projected(mine, yours)
    if loss is None:
        return
    asked = [i for i, x in enumerate(xs) if x.requires_grad]
    g = dls.grad(loss, [xs[i] for i in asked], allow_unused=True, create_graph=second)
    h = torch.autograd.grad(target, [ts[i] for i in asked], allow_unused=True, create_graph=second)
    for i, a, b in zip(asked, g, h):
        close(a if a is not None else dls.zeros_like(xs[i]),
              b if b is not None else torch.zeros_like(ts[i]), f"gradient of input {i}", scale)
    if not second:
        return
    g, h = (second_gradients(first, [of[i] for i in asked], grad) for first, of, grad in (
        (g, xs, dls.grad), (h, ts, torch.autograd.grad)))
    for i, a, b in zip(asked, g, h):
        close(a if a is not None else dls.zeros_like(xs[i]),
              b if b is not None else torch.zeros_like(ts[i]), f"second, input {i}", 10 * scale)


def second_gradients(first: Sequence[Any], inputs: list[Any], grad: Any) -> Any:
    """Of the sum of the first gradients times fixed random numbers; None where there is none.

    A first gradient that depends on no input is one that requires no grad, on either side.
    """
    rng, total = np.random.default_rng(3), None
    for t, x in zip(first, inputs):
        r = rng.standard_normal(tuple(x.shape))
        if t is not None and t.requires_grad:
            r = r.astype(x.detach().numpy().dtype)
            part = (t * (torch.from_numpy(r) if grad is torch.autograd.grad else
                         dls.from_numpy(r))).sum()
            total = part if total is None else total + part
    return [None] * len(inputs) if total is None else grad(total, inputs, allow_unused=True)


def projected(mine: list[Any], yours: list[Any], seed: int = 1) -> tuple[Any, Any]:
    """The sum of all outputs times fixed random numbers, on both sides."""
    rng = np.random.default_rng(seed)
    loss = target = None
    for y, t in zip(mine, yours, strict=True):
        if not (y.requires_grad and t.requires_grad):
            assert y.requires_grad == t.requires_grad, "a gradient on one side only"
            continue
        r = rng.standard_normal(y.shape).astype(y.dtype)
        a, b = (y * dls.from_numpy(r)).sum(), (t * torch.from_numpy(r)).sum()
        loss, target = (a, b) if loss is None else (loss + a, target + b)
    return loss, target


def same_layer(
    ours: nn.Module, theirs: Any, arrays: Sequence[np.ndarray], call: Any = None,
    call_theirs: Any = None, steps: int = 5, scale: float = 1.0, rate: float = 0.05,
) -> None:
    """PyTorch's state_dict loads by name; then outputs, gradients and `steps` SGD steps agree.

    `call(module, *tensors)` for layers that are not just called with the tensors;
    `call_theirs` where PyTorch's side is called another way.
    """
    call = call or (lambda module, *xs: module(*xs))
    call_theirs = call_theirs or call
    dtype = str(next((a.dtype for a in arrays if a.dtype.kind == "f"), np.dtype("float32")))
    ours.to(dtype)
    theirs.to(getattr(torch, dtype))
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert [*ours.state_dict()] == [*state], "other names, or in another order"
    ours.load_state_dict(state)
    chosen = optim.SGD(ours.parameters(), lr=rate) if [*ours.parameters()] else None
    other = torch.optim.SGD(theirs.parameters(), lr=rate) if chosen else None
    for step in range(steps + 1 if chosen else 1):
        xs = [dls.from_numpy(a).requires_grad_(a.dtype.kind == "f") for a in arrays]
        ts = [torch.from_numpy(a).requires_grad_(a.dtype.kind == "f") for a in arrays]
        mine, yours = flat(call(ours, *xs)), flat(call_theirs(theirs, *ts))
        assert len(mine) == len(yours), "another number of outputs"
        for i, (y, t) in enumerate(zip(mine, yours)):
            close(y, t, f"step {step}: output {i}", scale)
        loss, target = projected(mine, yours)
        if loss is None:
            return
        ours.zero_grad()
        theirs.zero_grad()
        loss.backward()
        target.backward()
        for i, (x, t) in enumerate(zip(xs, ts)):
            if t.grad is not None:
                close(x.grad, t.grad, f"step {step}: gradient of input {i}", scale)
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            if q.grad is not None:
                assert p.grad is not None, f"step {step}: no gradient of {name}"
                close(p.grad, q.grad, f"step {step}: gradient of {name}", scale)
        if chosen:
            chosen.step()
            other.step()
    for (name, b), c in zip(ours.named_buffers(), theirs.buffers()):
        close(b, c, f"buffer {name}", scale)
