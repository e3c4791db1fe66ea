"""What every operation is checked for, from its declaration alone: `samples` and `numpy`.

A check takes an op and one sample and fails with AssertionError. `test_declarations.py` runs all
of them on all ops; `test_wrong_rules.py` runs them on wrong ops, which must not pass.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_dls as dls
from tinygrad_dls.backend import strict
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op
from tinygrad_dls.ops.samples import Sample

CPU, STRICT = dls.Device("cpu"), dls.Device("strict")
STEP = 1e-6
Check = Callable[[type[Op], Sample], None]


def samples_of(op: type[Op]) -> list[Sample]:
    """The declared samples, always the same ones, their inputs as arrays."""
    declared = op.samples(np.random.default_rng(5)) if callable(op.samples) else op.samples
    return [Sample(tuple(map(np.asarray, s.inputs)), s.parameters) for s in declared]


def floats(sample: Sample) -> list[int]:
    """The places of the inputs that can have a gradient."""
    return [i for i, x in enumerate(sample.inputs) if x.dtype.kind == "f"]


def oracle(op: type[Op], sample: Sample, inputs: Any = None) -> Any:
    """The value according to plain NumPy."""
    arrays = sample.inputs if inputs is None else inputs
    return op.numpy(*arrays, **sample.parameters)


def parameters_on(device: Any, value: Any) -> Any:
    """Parameters with their arrays (places to index) moved to `device`."""
    if isinstance(value, dict):
        return {k: parameters_on(device, v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(parameters_on(device, v) for v in value)
    return device.from_host(value) if isinstance(value, np.ndarray) else value


def run(
    op: type[Op], sample: Sample, inputs: Any = None, device: Any = CPU, asking: Any = None
) -> tuple[Any, list[Any]]:
    """The result of the op, and its inputs as tensors; those at `asking` require grad."""
    arrays = sample.inputs if inputs is None else inputs
    asking = floats(sample) if asking is None else asking
    f = function(op(**parameters_on(device, sample.parameters)))
    tensors = []
    for i, array in enumerate(arrays):
        x = dls.from_numpy(array) if device is CPU else dls.Tensor(array, device=device)
        tensors.append(x.requires_grad_(op.differentiable and i in asking))
    return f(*tensors), tensors


def direction(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def gradients(
    op: type[Op], sample: Sample, inputs: Any = None, device: Any = CPU, asking: Any = None
) -> list[Any]:
    """dL/dx for each input (None without), where L = sum(r * y) with a fixed random r."""
    y, xs = run(op, sample, inputs, device, asking)
    if y.requires_grad:
        seed = dls.Tensor(direction(y.shape, 1).astype(y.dtype), device=device)
        before = seed.numpy().copy()
        y.backward(seed)
        assert np.array_equal(seed.numpy(), before), "backward changed the gradient it was given"
    return [x.grad for x in xs]


def close(mine: Any, want: Any, rtol: float = 1e-9, atol: float = 1e-11, what: str = "") -> None:
    mine, want = np.asarray(mine), np.asarray(want)
    assert mine.shape == want.shape, f"{what}: shape {mine.shape}, not {want.shape}"
    np.testing.assert_allclose(mine, want, rtol=rtol, atol=atol, err_msg=what)


# --- the checks ----------------------------------------------------------------------------------


def value(op: type[Op], sample: Sample) -> None:
    """The value, its shape and its dtype are NumPy's."""
    y, _ = run(op, sample)
    want = np.asarray(oracle(op, sample))
    assert y.dtype == want.dtype, f"dtype {y.dtype}, not {want.dtype}"
    close(y.numpy(), want, what="value")


def gradient(op: type[Op], sample: Sample) -> None:
    """Each gradient is the slope of the NumPy function, in random directions."""
    if not op.differentiable:
        return
    found = gradients(op, sample)
    r = direction(np.shape(oracle(op, sample)), 1)
    for i in floats(sample):
        x, g = sample.inputs[i], found[i]
        for seed in (11, 12):
            d = direction(x.shape, seed)
            ends = []
            for sign in (1, -1):
                moved = list(sample.inputs)
                moved[i] = np.asarray(x + sign * STEP * d)
                ends.append(np.sum(r * oracle(op, sample, moved)))
            slope = (ends[0] - ends[1]) / (2 * STEP)
            mine = 0.0 if g is None else np.sum(g.numpy() * d)
            close(mine, slope, rtol=1e-6, atol=1e-7, what=f"gradient of input {i}")


def gradient_is_an_own_array(op: type[Op], sample: Sample) -> None:
    """Gradients have the shape and dtype of the input, are C-contiguous and share no memory."""
    y, xs = run(op, sample)
    if not y.requires_grad:
        return
    seed = dls.Tensor(direction(y.shape, 1))
    y.backward(seed)
    made = [x.grad for x in xs if x.grad is not None]
    for x in xs:
        if x.grad is not None:
            assert (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
            assert x.grad.data.flags.c_contiguous
            assert x.grad.data.flags.writeable
    for a, b in itertools.combinations([*made, seed, y, *xs], 2):
        if any(a is g for g in made):
            assert not np.shares_memory(a.data, b.data), "a gradient shares its memory"


def rules_make_new_arrays(op: type[Op], sample: Sample) -> None:
    """What `new_gradients` says: a gradient is a view, dy, or an array that no one else has."""
    if not op.differentiable or not op.new_gradients:
        return
    bound = op(**sample.parameters).on(CPU)
    needs = tuple(i in floats(sample) for i in range(len(sample.inputs)))
    made = bound.forward(*sample.inputs)
    made = tuple(map(np.asarray, made)) if op.extras else (np.asarray(made),)
    for fast in (True, False):
        plan = bound.plan(needs, fast)
        saved = plan.keep(*sample.inputs, *made, needs)
        dy = direction(made[0].shape, 1).astype(made[0].dtype)
        shares = [share for _ in range(2) for share in plan.back(dy, saved)
                  if isinstance(share, np.ndarray) and share is not dy
                  and type(share.base) is not np.ndarray]
        held = [x for x in (*saved, *sample.inputs, *made, dy, *vars(bound).values())
                if isinstance(x, np.ndarray)]
        for a, b in itertools.combinations([*shares, *held], 2):
            if any(a is share for share in shares):
                assert not np.shares_memory(a, b), "a rule returned an array that someone holds"


def second_order(op: type[Op], sample: Sample) -> None:
    """The gradient of the gradient is the slope of the gradient; or the op says it has none."""
    if not op.differentiable:
        return
    y, xs = run(op, sample)
    asked = floats(sample)
    r = dls.Tensor(direction(y.shape, 1))
    wanted = [xs[i] for i in asked]
    if op.once:
        try:
            dls.grad(y, wanted, r, create_graph=True)
        except dls.GraphError:
            return
        raise AssertionError("an op with `once` must refuse create_graph")
    first = dls.grad(y, wanted, r, create_graph=True, allow_unused=True)
    for g, plain in zip(first, dls.grad(run_again(op, sample, wanted), wanted, r,
                                        allow_unused=True)):
        if g is not None and plain is not None:
            close(g.numpy(), plain.numpy(), what="gradient with create_graph")
    directions = [direction(x.shape, 30 + i) for i, x in zip(asked, wanted)]
    total = sum((g * dls.Tensor(d)).sum() for g, d in zip(first, directions) if g is not None)
    mine: Any = [None] * len(wanted)
    if isinstance(total, dls.Tensor) and total.requires_grad:
        mine = dls.grad(total, wanted, allow_unused=True)

    def slope_along(place: int, step: np.ndarray) -> float:
        moved = list(sample.inputs)
        moved[place] = np.asarray(moved[place] + step)
        found = gradients(op, sample, moved)
        return float(sum(np.sum(found[j].numpy() * d) for j, d in zip(asked, directions)
                         if found[j] is not None))

    for i, h in zip(asked, mine):
        d = direction(sample.inputs[i].shape, 50 + i)
        slope = (slope_along(i, STEP * d) - slope_along(i, -STEP * d)) / (2 * STEP)
        got = 0.0 if h is None else np.sum(h.numpy() * d)
        close(got, slope, rtol=1e-5, atol=1e-6, what=f"second derivative, input {i}")


def run_again(op: type[Op], sample: Sample, wanted: list[Any]) -> Any:
    """The op once more on the same leaves."""
    rest = iter(wanted)
    xs = [next(rest) if x.dtype.kind == "f" else dls.Tensor(x) for x in sample.inputs]
    return function(op(**sample.parameters))(*xs)


def float32(op: type[Op], sample: Sample) -> None:
    """float32 in, float32 out; values and gradients as in float64, but for rounding."""
    if not floats(sample) or "dtype" in sample.parameters:
        return
    small = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in sample.inputs]
    y, _ = run(op, sample, small)
    large, _ = run(op, sample)
    if large.dtype.kind == "f":
        assert y.dtype == np.float32, f"float32 in, {y.dtype} out"
        close(y.numpy(), large.numpy(), rtol=2e-4, atol=2e-5, what="value in float32")
    for i, (g, want) in enumerate(zip(gradients(op, sample, small), gradients(op, sample))):
        if g is not None:
            assert g.dtype == np.float32
            close(g.numpy(), want.numpy(), rtol=2e-3, atol=2e-4, what=f"float32 gradient {i}")
    if op.differentiable:
        check_rule_dtypes(op, sample, small)


def check_rule_dtypes(op: type[Op], sample: Sample, small: list[Any]) -> None:
    """The rule itself stays in float32: the engine's cast must find nothing to do."""
    bound = op(**sample.parameters).on(CPU)
    needs = tuple(i in floats(sample) for i in range(len(small)))
    made = bound.forward(*small)
    made = tuple(map(np.asarray, made)) if op.extras else (np.asarray(made),)
    plan = bound.plan(needs)
    dy = direction(made[0].shape, 1).astype(np.float32)
    for i, share in enumerate(plan.back(dy, plan.keep(*small, *made, needs))):
        if needs[i] and share is not None:
            assert share.dtype == np.float32, f"the rule made {share.dtype} of float32 (input {i})"


def layouts(x: np.ndarray) -> Iterator[np.ndarray]:
    """The same values lying differently in memory."""
    if x.ndim:
        yield np.asfortranarray(x)
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan if x.dtype.kind == "f" else 0,
                       dtype=x.dtype)
        wide[..., ::2] = x
        yield wide[..., ::2]
        yield np.ascontiguousarray(x[::-1])[::-1]


def not_contiguous(op: type[Op], sample: Sample) -> None:
    """Strided, reversed and Fortran-ordered inputs give the same."""
    want = run(op, sample)[0].numpy()
    want_gradients = gradients(op, sample)
    for i, x in enumerate(sample.inputs):
        for layout in layouts(x):
            arrays = [*sample.inputs[:i], layout, *sample.inputs[i + 1:]]
            close(run(op, sample, arrays)[0].numpy(), want, what=f"value, input {i} strided")
            for g, w in zip(gradients(op, sample, arrays), want_gradients):
                if g is not None:
                    close(g.numpy(), w.numpy(), what=f"gradient, input {i} strided")


def inputs_unchanged(op: type[Op], sample: Sample) -> None:
    """Neither forward nor backward writes to its inputs."""
    arrays = [x.copy() for x in sample.inputs]
    gradients(op, sample, arrays)
    for x, before in zip(arrays, sample.inputs):
        assert np.array_equal(x, before, equal_nan=x.dtype.kind == "f"), "an input was changed"


def kernel_equals_rule(op: type[Op], sample: Sample) -> None:
    """`backward_kernel` gives what `backward` gives."""
    if not hasattr(op, "backward_kernel"):
        return
    bound = op(**sample.parameters).on(CPU)
    made = bound.forward(*sample.inputs)
    made = tuple(map(np.asarray, made)) if op.extras else (np.asarray(made),)
    dy = direction(made[0].shape, 1)
    asked = floats(sample)
    for chosen in subsets(asked):
        needs = tuple(i in chosen for i in range(len(sample.inputs)))
        shares = []
        for fast in (True, False):
            plan = bound.plan(needs, fast)
            shares.append(plan.back(dy, plan.keep(*sample.inputs, *made, needs)))
        for i in chosen:
            close(shares[0][i], shares[1][i], what=f"kernel against rule, input {i}")


def subsets(places: list[int]) -> Iterator[tuple[int, ...]]:
    for count in range(1, len(places) + 1):
        yield from itertools.combinations(places, count)


def only_where_asked(op: type[Op], sample: Sample) -> None:
    """Inputs that ask for a gradient get the same one, in any combination; the others get none."""
    if not op.differentiable:
        return
    full = gradients(op, sample)
    for chosen in subsets(floats(sample)):
        found = gradients(op, sample, asking=chosen)
        for i, (g, want) in enumerate(zip(found, full)):
            if i not in chosen:
                assert g is None, f"input {i} did not ask and got a gradient"
            elif want is not None:
                close(g.numpy(), want.numpy(), what=f"gradient {i} when {chosen} ask")
    y, _ = run(op, sample, asking=())
    assert not y.requires_grad
    with dls.no_grad():
        assert not run(op, sample)[0].requires_grad


def reused(op: type[Op], sample: Sample) -> None:
    """A leaf used by two operations gets the sum; so does one used twice by the same."""
    once = gradients(op, sample)
    y, xs = run(op, sample)
    if not y.requires_grad:
        return
    f = function(op(**sample.parameters))
    seed = dls.Tensor(direction(y.shape, 1))
    ((y * seed).sum() + (f(*xs) * (2.0 * seed)).sum()).backward()
    for i, x in enumerate(xs):
        if once[i] is not None:
            close(x.grad.numpy(), 3 * once[i].numpy(), what=f"input {i} used twice")
    places = floats(sample)
    if len(places) == 2 and sample.inputs[places[0]].shape == sample.inputs[places[1]].shape:
        both = list(sample.inputs)
        both[places[1]] = both[places[0]]
        a, b = (gradients(op, sample, both)[i] for i in places)
        x = dls.Tensor(both[places[0]], requires_grad=True)
        f(*[x if i in places else both[i] for i in range(len(both))]).backward(seed)
        close(x.grad.numpy(), a.numpy() + b.numpy(), what="f(x, x)")


def on_strict_device(op: type[Op], sample: Sample) -> None:
    """The same on the strict device, first and second order, without waiting for it once."""
    want, want_gradients = run(op, sample)[0].numpy(), gradients(op, sample)
    y, xs = run(op, sample, device=STRICT)  # what is made once per op is made here
    f = function(op(**parameters_on(STRICT, sample.parameters)))
    seed = dls.Tensor(direction(y.shape, 1).astype(y.dtype), device=STRICT)
    with strict.count() as counted:
        y = f(*xs)
        if y.requires_grad:
            y.backward(seed)
    close(y.numpy(), want, what="value on the strict device")
    for x, g in zip(xs, want_gradients):
        if g is not None:
            assert x.grad is not None
            assert x.grad.device is STRICT
            close(x.grad.numpy(), g.numpy(), what="gradient on the strict device")
    masks = any(getattr(p, "dtype", None) == np.bool_ for p in flat(sample.parameters))
    assert masks or counted.syncs == 0, counted
    if y.requires_grad and not op.once:
        asked = [x for x in xs if x.requires_grad]
        first = dls.grad(f(*xs), asked, seed, create_graph=True, allow_unused=True)
        for x, g in zip(asked, first):
            if g is not None:
                close(g.numpy(), x.grad.numpy(), what="create_graph on the strict device")
        second = [g for g in first if g is not None and g.requires_grad]
        if second:
            with strict.count() as counted:
                dls.grad(second, asked, [dls.ones_like(g) for g in second], allow_unused=True)
            moved = counted.syncs - counted.device_to_host
            assert masks or moved == 0, counted


def flat(parameters: dict[str, Any]) -> Iterator[Any]:
    for p in parameters.values():
        yield from p if isinstance(p, tuple) else (p,)


def integers_become_floats(op: type[Op], sample: Sample) -> None:
    """An op that says `floats` makes float32 of integers, never float64."""
    if not op.floats:
        return
    whole = [np.ones(x.shape, np.int64) for x in sample.inputs]
    with np.errstate(divide="ignore"):  # arctanh(1) is infinite
        y = function(op(**sample.parameters))(*map(dls.Tensor, whole))
        want = oracle(op, sample, [x.astype(np.float64) for x in whole])
    assert y.dtype == np.float32
    close(y.numpy(), want, rtol=1e-5, atol=1e-6, what="of integers")


ALL: tuple[Check, ...] = (
    value, gradient, gradient_is_an_own_array, rules_make_new_arrays, second_order, float32,
    not_contiguous, inputs_unchanged, kernel_equals_rule, only_where_asked, reused,
    on_strict_device, integers_become_floats,
)
