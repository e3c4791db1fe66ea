"""Every op on extreme values: compiled, reference, strict and captured agree, and are right.

Infinities, NaN, -0, denormal and huge numbers, and the tails where exp overflows or ends in 0. Of
ops that work element by element every pair of them is tried; in the samples of other ops one number
after the other is replaced. The oracle is the op's `numpy` in extended precision. An error may be
some units in the last place of the result, or what a rounding of the inputs brings about.
"""

import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.backend.kernels.reference import ReferenceKernels
from tinygrad_dls.engine.autograd import sum_to
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op
from tinygrad_dls.ops.samples import Sample

from . import checks
from .declared import ELEMENT_WISE, SAMPLED

REFERENCE: Any = SimpleNamespace(xp=np, kernels=ReferenceKernels(np))
UNITS = 64  # in the last place, that an element may be off
Results = list[Any]  # the output, and the gradient of each input (None without)

#: Ops that multiply what was rounded: by 1 / sqrt(var + eps), with eps = 1e-5.
STEEP = {"BatchNorm": 316.0, "BatchNormActivation": 316.0, "SynchronizedBatchNorm": 316.0,
         "LayerNorm": 10.0, "GroupNorm": 10.0, "InstanceNorm": 10.0, "RmsNorm": 10.0}
#: Ops whose kernels multiply zeros of the padding, or of keys that a row does not see, or leave
#: them out, so that NaN from 0 * inf has other places: only what is finite is compared.
PADDED = {"Convolution", "ConvolutionRelu", "TransposedConvolution", "ConvolutionWeightGradient",
          "Attention"}
#: Not tried in float16, and why.
NOT_IN_FLOAT16 = {"PowerOf": "NumPy's -inf ** 0.5 is NaN, and inf where the 0.5 is an array"}
#: Ops that run in LAPACK, which has no extended precision and refuses what is not finite.
LAPACK = {name for name, op in SAMPLED.items()
          if op.__module__.endswith(("linear_systems", "decompositions"))}
LARGEST = {"Ctc": 0.0}  # where larger numbers have no meaning: the logarithm of a probability
TAILS = {"float16": (8.0, 12.0, 17.0, 300.0), "float32": (17.0, 40.0, 87.0, 88.6, 104.0),
         "float64": (36.0, 700.0, 709.5, 746.0)}
HUGE = {"float16": 100.0, "float32": 1e15, "float64": 1e120}  # whose squares are finite


def extremes(dtype: str, alone: bool) -> np.ndarray:
    """Numbers to try; `alone`: where nothing is summed, those whose squares overflow, too."""
    kind = np.finfo(dtype)
    sizes = [1.0, 0.5, 3.0, 20.0, *TAILS[dtype], 1e4, HUGE[dtype], 1e-20, kind.tiny,
             kind.smallest_subnormal, 0.0, np.inf]
    if alone:
        sizes += [kind.max / 4, 1e8]
    return np.array([*sizes, *(-s for s in sizes), np.nan], dtype)


def cases(op: type[Op], name: str, dtype: str, every: bool) -> Iterator[Sample]:
    """Inputs with extreme numbers, in lists of one shape and one set of parameters.

    Where something is summed, each number is in one of three samples, or in `every` one.
    """
    rng = np.random.default_rng(7)
    samples = [s for s in checks.samples_of(op)
               if checks.floats(s) and all(x.size for x in s.inputs)]
    if name in ELEMENT_WISE:
        values = extremes(dtype, True)
        for parameters in distinct([s.parameters for s in samples]):
            count = len(samples[0].inputs)
            grid = np.stack(np.meshgrid(*[values] * min(count, 2))).reshape(min(count, 2), -1)
            rest = [rng.choice(values, grid.shape[1]) for _ in range(count - 2)]
            if all(len(checks.floats(s)) == count for s in samples):
                yield Sample((*grid, *rest), parameters)
        return
    some, values = samples[:: max(1, len(samples) // 3)], extremes(dtype, False)
    for turn, sample in enumerate(some):
        for value in values if every else values[turn :: len(some)]:
            if value > LARGEST.get(name, np.inf):
                continue
            inputs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in sample.inputs]
            place = int(rng.choice(checks.floats(sample)))
            changed = inputs[place] = inputs[place].copy()
            changed.reshape(-1)[rng.integers(changed.size)] = value
            yield Sample(tuple(inputs), sample.parameters)


def distinct(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for p in parameters:
        if not any(repr(p) == repr(q) for q in found):
            found.append(p)
    return found


# --- four ways to the same numbers ----------------------------------------------------------------


def seed_of(sample: Sample, op: type[Op]) -> np.ndarray:
    """dL/dy of a sample: normal numbers."""
    y = np.asarray(plain(op, sample, None)[0])
    return checks.direction(y.shape, 1).astype(y.dtype if y.dtype.kind == "f" else np.float64)


def plain(op: type[Op], sample: Sample, dy: Any) -> Results:
    """The reference kernels, by hand."""
    if op.in_float32 and any(x.dtype == np.float16 for x in sample.inputs):
        wide = [x.astype(np.float32) if x.dtype == np.float16 else x for x in sample.inputs]
        dy = None if dy is None else dy.astype(np.float32)
        return [None if x is None else x.astype(np.float16)
                for x in plain(op, Sample(tuple(wide), sample.parameters), dy)]
    bound = op(**sample.parameters).on(REFERENCE)
    inputs = [x.copy() for x in sample.inputs]
    made = bound.forward(*inputs)
    made = tuple(map(np.asarray, made)) if op.extras else (np.asarray(made),)
    if dy is None or not op.differentiable:
        return [made[0]]
    needs = tuple(x.dtype.kind == "f" for x in inputs)
    plan = bound.plan(needs)
    shares = plan.back(dy, plan.keep(*inputs, *made, needs))
    return [made[0], *(np.asarray(sum_to(g, x.shape), x.dtype) if need and g is not None else None
                       for g, x, need in zip(shares, inputs, needs))]


def on_tensors(op: type[Op], sample: Sample, dy: Any, device: Any, run: Any = None) -> Results:
    """The op on tensors of a device: compiled kernels on the CPU, the reference on "strict"."""
    run = run or function_of(op, sample, device)
    xs = [dls.Tensor(x.copy(), device=device) for x in sample.inputs]
    for x in xs:
        x.requires_grad_(op.differentiable and x.dtype.kind == "f")
    found = run(*xs, dls.Tensor(dy, device=device))
    return [None if t is None else t.numpy() for t in found]


def function_of(op: type[Op], sample: Sample, device: Any) -> Any:
    f = function(op(**checks.parameters_on(device, sample.parameters)))

    def run(*given: Any) -> tuple[Any, ...]:
        *xs, dy = given
        y = f(*xs)
        if y.requires_grad:
            y.backward(dy)
        return (y.detach(), *(x.grad for x in xs))

    return run


# --- comparing -----------------------------------------------------------------------------------


def agree(got: Any, want: Any, size: float, padded: bool, what: str) -> None:
    """Close by element; where numbers of this `size` are summed, by the largest of them, and not
    finite together: whether a sum ends in an infinity or in NaN depends on its order."""
    if got is None or want is None:
        other = want if got is None else got
        assert other is None or not np.any(other), f"{what}: one has no gradient"
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, what
    if want.dtype.kind != "f":
        assert np.array_equal(got, want), what
        return
    kind, atol = np.finfo(want.dtype), 0.0
    if size:
        finite = np.isfinite(want) & (np.isfinite(got) if padded else True)
        assert padded or np.array_equal(np.isfinite(got), finite), f"{what}: finite elsewhere"
        got, want = got[finite], want[finite]
        atol = UNITS * kind.eps * float(np.abs(want).max(initial=size))
    np.testing.assert_allclose(
        got, want, rtol=UNITS * kind.eps, atol=atol + UNITS * kind.tiny, err_msg=what)


def size_of(name: str, sample: Sample) -> float:
    """The largest input, at least 1: a huge one counts only where it is multiplied by others."""
    most = np.inf if name in STEEP else 1e4
    sizes = [np.abs(x[np.isfinite(x) & (np.abs(x) <= most)]).max(initial=1.0)
             for x in sample.inputs if x.dtype.kind == "f"]
    return float(max(sizes)) * STEEP.get(name, 1.0)


def oracle(name: str, sample: Sample, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray] | None:
    """The value in extended precision, and how far roundings of the inputs to `dtype` move it.

    None where the values are integers or bools, or have that precision already.
    """
    op = SAMPLED[name]
    wide = [x.astype(np.longdouble) if x.dtype.kind == "f" else x for x in sample.inputs]
    want = np.asarray(op.numpy(*wide, **sample.parameters))
    if want.dtype.kind != "f" or dtype.kind != "f" or want.dtype == dtype:
        return None
    eps, rng = np.finfo(dtype).eps, np.random.default_rng(3)
    moved = np.zeros_like(want)
    for _ in range(6):
        near = [x * (1 + rng.choice([-1, 1], x.shape) * np.longdouble(eps))
                if x.dtype == np.longdouble else x for x in wide]
        moved = np.fmax(moved, np.abs(np.asarray(op.numpy(*near, **sample.parameters)) - want))
    return want, moved


def right(
    got: np.ndarray, want: np.ndarray, moved: np.ndarray, name: str, sample: Sample, what: str
) -> None:
    """`got` is the oracle's value, but for roundings of it and of the inputs."""
    kind, summed = np.finfo(got.dtype), name not in ELEMENT_WISE
    known = np.isfinite(want) & np.isfinite(moved) & (np.abs(want) < kind.max / 4)
    if name in PADDED:
        known &= np.isfinite(got)
    size = np.abs(want[known]).max(initial=1.0) if summed else np.abs(want)
    allowed = UNITS * (kind.eps * size + moved + kind.tiny)
    wrong = known & ~(np.abs(got - want) <= allowed)
    assert not wrong.any(), (
        f"{what}: {got[wrong][:4]}, and the oracle says {want[wrong][:4]} of "
        f"{[x[wrong][:4] for x in sample.inputs if x.shape == want.shape]}")


DTYPES = [(name, dtype) for name in SAMPLED if name not in LAPACK
          for dtype in ("float16", "float32", "float64")
          if dtype != "float16" or (name in ELEMENT_WISE and name not in NOT_IN_FLOAT16)]


@pytest.mark.parametrize(("name", "dtype"), DTYPES)
def test_extremes(name: str, dtype: str) -> None:
    all_ways_agree(name, dtype, every=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name, dtype in DTYPES if name not in ELEMENT_WISE])
def test_extremes_in_every_sample(name: str, dtype: str) -> None:
    all_ways_agree(name, dtype, every=True)


def all_ways_agree(name: str, dtype: str, every: bool) -> None:
    op = SAMPLED[name]
    summed, captured = name not in ELEMENT_WISE, dict[str, Any]()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for sample in cases(op, name, dtype, every):
            what = f"{name} {[x.shape for x in sample.inputs]} {sample.parameters}"
            dy = seed_of(sample, op)
            key = repr([(x.shape, x.dtype) for x in sample.inputs]) + repr(sample.parameters)
            if key not in captured:
                captured[key] = dls.capture(function_of(op, sample, checks.CPU))
            want = plain(op, sample, dy)
            ways = {
                "compiled": on_tensors(op, sample, dy, checks.CPU),
                "strict": on_tensors(op, sample, dy, checks.STRICT),
                "captured": on_tensors(op, sample, dy, checks.CPU, captured[key]),
            }
            for way, got in ways.items():
                size = size_of(name, sample) if summed else 0.0
                for i, (g, w) in enumerate(zip(got, want)):
                    which = f"gradient {i - 1}" if i else "y"
                    agree(g, w, size, name in PADDED, f"{way} against reference, {what}, {which}")
            known = oracle(name, sample, np.asarray(want[0]).dtype)
            for way, got in [*ways.items(), ("reference", want)]:
                if known is not None:
                    right(np.asarray(got[0]), *known, name, sample, f"{way}, {what}")
