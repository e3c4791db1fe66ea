"""PyTorch's database of operators: values, first and second gradients of all that are ours.

Each sample is compared as it is and not contiguous; the first ones captured, too. Where PyTorch
draws random numbers there is nothing to compare. Run with TINYGRAD_DLS_KERNELS=reference, the
same tests are those of the reference kernels.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls

from .databases import (
    DIFFERENT,
    NOT_OURS,
    REFUSED,
    SPELLED,
    Judge,
    convert,
    is_random,
    ours_of,
    same_gradients,
    tensors,
)
from .harness import close, flat, projected, torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
SAMPLES = 60  # of each function, evenly spread; `make test-all` takes all
CAPTURED = 2  # of them are captured as well


def name_of(info: Any) -> str:
    variant = info.variant_test_name
    return f"{info.name}/{variant}" if variant else info.name


INFOS = {name_of(info): info for info in op_db}
OURS = {name: ours_of(name) for name in INFOS if ours_of(name)}


def test_all_names_of_the_tables_are_in_the_database() -> None:
    rows = [name for row in (*REFUSED, *DIFFERENT) for name in row.names.split()]
    assert {*SPELLED, *NOT_OURS, *rows} <= {*INFOS}
    assert len(OURS) > 300


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_function(name: str, dtype: str) -> None:
    found = samples(INFOS[name], dtype)
    step = -(-len(found) // SAMPLES) or 1
    judge = judged(name, dtype, [*enumerate(found)][::step])
    if step == 1:
        judge.finish()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_function_on_all_samples(name: str, dtype: str) -> None:
    found = samples(INFOS[name], dtype)
    if len(found) > SAMPLES:
        judged(name, dtype, [*enumerate(found)]).finish()


def samples(info: Any, dtype: str) -> list[Any]:
    """PyTorch's own, the same ones in every run."""
    kind = getattr(torch, dtype)
    if not info.supports_dtype(kind, "cpu"):
        pytest.skip("not for this dtype")
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (theirs draw from it)
    return [*info.sample_inputs("cpu", kind, info.supports_autograd)]


def judged(name: str, dtype: str, chosen: list[tuple[int, Any]]) -> Judge:
    """Compare samples, each as it is and not contiguous."""
    judge = Judge(name, dtype, REFUSED, DIFFERENT)
    for count, (number, sample) in enumerate(chosen):
        for layout, this in (("", sample), (", not contiguous", sample.noncontiguous())):
            with judge(f"sample {number}{layout}: {this.summary()}"):
                same(INFOS[name], OURS[name], this, capture=not layout and count < CAPTURED)
    return judge


def same(info: Any, ours: Callable[..., Any], sample: Any, capture: bool) -> None:
    """Values, first and second gradients of one sample agree with PyTorch's."""
    def theirs() -> list[Any]:
        return flat(info(sample.input, *sample.args, **sample.kwargs))

    if is_random(theirs):
        return
    yours = theirs()
    given = convert([sample.input, sample.args, sample.kwargs])
    xs = asking(given, dls.Tensor)
    ts = asking([sample.input, sample.args, sample.kwargs], torch.Tensor)

    def function() -> list[Any]:
        return flat(ours(given[0], *given[1], **given[2]))

    mine = function()
    assert len(mine) == len(yours), f"{len(mine)} results, PyTorch's are {len(yours)}"
    for number, (y, t) in enumerate(zip(mine, yours)):
        if not isinstance(y, dls.Tensor):
            assert y == t, f"{y}, PyTorch's {t}"
            return
        close(y, t, f"result {number}")
    loss, target = projected(mine, yours)
    if loss is not None:
        same_gradients(loss, target, xs, ts, info.supports_gradgrad)
    if capture:
        same_captured(function, xs)


def same_captured(function: Callable[[], list[Any]], xs: list[Any]) -> None:
    """Replayed, values and gradients are equal to the bit."""

    def step() -> list[Any]:
        for x in xs:
            x.grad = None
        results = function()
        floats = [y for y in results if y.requires_grad]
        for y in floats:
            (y * y).sum().backward(retain_graph=len(floats) > 1)
        return [*results, *(x.grad for x in xs)]

    wanted, captured = step(), dls.capture(step)
    captured(), captured()
    for y, z in zip(wanted, captured(), strict=True):
        assert (y is None) == (z is None), "captured, a gradient is missing"
        if y is not None:
            np.testing.assert_array_equal(y.numpy(), z.numpy(), "captured")


def asking(given: Any, kind: type) -> list[Any]:
    return [t for t in tensors(given, kind) if t.requires_grad]

