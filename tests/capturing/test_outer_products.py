"""Outer products of several steps are summed in one pass in a captured step: the bits stay."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tests.capturing.steps import compare
from tinygrad_dls import nn
from tinygrad_dls.backend.kernels.table import wants_compiled

if not wants_compiled():
    pytest.skip("only with compiled kernels", allow_module_level=True)

ONE_PASS = "outer products, summed"


def memories(count, m=24, length=30, width=20, classes=3, seed=0, dtype="float32"):
    rng = np.random.default_rng(seed)
    return [(dls.Tensor(rng.standard_normal((m, length, width)).astype(dtype)),
             dls.Tensor(rng.integers(0, classes, m))) for _ in range(count)]


class Decoder(nn.Module):
    """Looks `steps` times at what it has made of x (m, length, width)."""

    def __init__(self, look, steps=4, width=20, size=24):
        super().__init__()
        self.look, self.steps = look, steps
        self.memory, self.query = nn.Linear(width, size), nn.Linear(size, size)
        self.output = nn.Linear(size, 3)

    def forward(self, x):
        a = self.memory(x).tanh()  # (m, length, size)
        s = a[:, 0]
        for _ in range(self.steps):
            s = self.look(a, self.query(s)).tanh()
        return self.output(s)


def of_rows(a, q):
    """Scores by a column for each example, the context by a row: both are outer products."""
    alphas = (a @ q[:, :, None]).softmax(1)  # (m, length, 1)
    return (alphas.swapaxes(1, 2) @ a)[:, 0]


def by_sums(a, q):
    """The same without products of matrices."""
    alphas = (a * q[:, None]).sum(2, keepdims=True).softmax(1)
    return (alphas * a).sum(1)


def of_lists(a, q):
    """Each example is looked at twice at a time: a sum of two products, no outer one."""
    both = nn.functional.softmax(dls.stack([q, 2 * q], 1) @ a.swapaxes(1, 2), -1)
    return (both @ a).mean(1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_decoder(steps, dtype):
    captured = compare(lambda: Decoder(of_rows, steps).to(dtype), memories(5, dtype=dtype))
    assert captured.source().count(ONE_PASS) == 1  # scores and contexts are gradients of one `a`


@pytest.mark.parametrize("look", [by_sums, of_lists])
def test_what_is_no_outer_product(look):
    assert ONE_PASS not in compare(lambda: Decoder(look), memories(5)).source()


def test_small_ones_stay():
    assert ONE_PASS not in compare(lambda: Decoder(of_rows, 4, 5, 6),
                                   memories(5, 3, 7, 5)).source()


def test_many_steps_are_summed_in_groups():
    """What a sum is made of is never more than the sum: 30 x 24 numbers hold 13 pairs of both."""
    captured = compare(lambda: Decoder(of_rows, 20), memories(4))
    assert captured.source().count(ONE_PASS) == 3  # of 13 products each; the last of 40 is added
    assert "backward of matmul" in captured.source()


def test_other_gradients_join():
    """`a` is used by other operations, too, in between: their shares stay where they were."""
    def looking(a, q):
        return of_rows(a, q) + a.mean(1) * q

    captured = compare(lambda: Decoder(looking), memories(5))
    assert ONE_PASS in captured.source()


def test_a_parameter_that_all_steps_multiply():
    class Memory(nn.Module):
        def __init__(self):
            super().__init__()
            self.kept = nn.Parameter(dls.randn(24, 30, 24))
            self.query, self.output = nn.Linear(20, 24), nn.Linear(24, 3)

        def forward(self, x):
            s = self.query(x[:, 0])
            for _ in range(3):
                s = of_rows(self.kept, s)
            return self.output(s)

    captured = compare(Memory, memories(6))
    assert captured.source().count(ONE_PASS) == 1


def test_without_weights():
    """The sum is the gradient of an intermediate result, returned after more operations."""
    a = dls.randn(24, 30, 24, requires_grad=True)

    def step(q):
        a.grad = None
        twice = a * 2
        (of_rows(twice, q) + of_rows(twice, q * q)).sum().backward()
        return a.grad

    captured = dls.capture(step)
    rng = np.random.default_rng(0)
    for _ in range(5):
        q = dls.Tensor(rng.standard_normal((24, 24)).astype("float32"))
        wanted = step(q).numpy().copy()
        np.testing.assert_array_equal(captured(q).numpy(), wanted)
    assert captured.reason is None
    assert ONE_PASS in captured.source()


def test_vectors_in_larger_arrays_are_not_kept():
    """Each gradient is a view of what `pad` sends back: all of them would take many times as much
    as the sum, and are not waited for."""
    a = dls.randn(16, 64, 64, requires_grad=True)

    def step(x):
        a.grad = None
        twice, total = a * 2.0, 0.0
        for k in range(8):
            wide = dls.pad(twice @ (x * float(k + 1)), ((0, 0), (0, 0), (0, 1000)))
            total = total + (wide * 2.0).sum()
        total.backward()
        return a.grad

    captured = dls.capture(step)
    x = dls.randn(16, 64, 1)
    for _ in range(4):
        np.testing.assert_array_equal(captured(x).numpy(), step(x).numpy())
    assert captured.reason is None
    assert ONE_PASS not in captured.source()


def test_products_too_small_for_a_float_keep_their_sign():
    a = dls.ones(24, 30, 24, requires_grad=True)

    def step(v, u):
        a.grad = None
        same = a * 1.0
        (((same @ v) * u).sum() + ((same @ v) * u).sum()).backward()
        return a.grad

    captured = dls.capture(step)
    v, u = dls.ones(24, 24, 1) * -1e-30, dls.ones(24, 30, 1) * 1e-30
    for _ in range(3):
        assert np.signbit(captured(v, u).numpy()).all()
    assert ONE_PASS in captured.source()
    assert np.signbit(step(v, u).numpy()).all()
