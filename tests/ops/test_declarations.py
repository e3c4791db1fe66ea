"""Every declared operation, proven from its declaration alone."""

import numpy as np
import pytest

from . import checks
from .declared import ELEMENT_WISE, OPS, SAMPLED, WITHOUT_SAMPLES


@pytest.mark.parametrize("name", SAMPLED)
def test_op_has_samples_and_an_oracle(name: str) -> None:
    op = SAMPLED[name]
    assert checks.samples_of(op), f"{name} declares no samples"
    assert op.numpy is not None, f"{name} names no NumPy function"
    assert op.__doc__, f"{name} says nothing of its mathematics"
    if op.differentiable:
        assert any(checks.floats(s) for s in checks.samples_of(op))


def test_exceptions_are_real() -> None:
    assert set(OPS) >= set(WITHOUT_SAMPLES)


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SAMPLED)
def test_op(name: str, check: checks.Check) -> None:
    for sample in checks.samples_of(SAMPLED[name]):
        try:
            check(SAMPLED[name], sample)
        except BaseException as error:
            shapes = [x.shape for x in sample.inputs]
            error.add_note(f"{name} of {shapes} with {sample.parameters}")
            raise


@pytest.mark.parametrize("name", ELEMENT_WISE)
def test_element_wise_op_is_tried_on_nothing_and_on_one_number(name: str) -> None:
    """Ops that keep the shape, or broadcast: a sample is empty, and one has no dimension."""
    op = SAMPLED[name]
    shapes = [np.shape(checks.oracle(op, s)) for s in checks.samples_of(op)]
    assert () in shapes
    assert any(0 in shape for shape in shapes)


@pytest.mark.parametrize("name", [n for n, op in SAMPLED.items() if op.broadcasts])
def test_broadcasting_op_is_tried_on_two_shapes(name: str) -> None:
    samples = checks.samples_of(SAMPLED[name])
    assert any(
        {x.shape for x in s.inputs} != {np.shape(checks.oracle(SAMPLED[name], s))} for s in samples
    )


@pytest.mark.parametrize("name", SAMPLED)
def test_an_op_says_whether_its_output_is_a_view(name: str) -> None:
    """A write into the one changes the other: the engine has to know."""
    op = SAMPLED[name]
    for sample in checks.samples_of(op):
        y, xs = checks.run(op, sample)
        shares = any(np.may_share_memory(y.data, x.data) for x in xs if y.size and x.size)
        assert op.views or not shares
