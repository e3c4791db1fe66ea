"""gradcheck: what is right passes, what is wrong is found first and named."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls.check import check_graph, gradcheck
from tinygrad_dls.random import default_generator

from . import wrong_ops as w


def random(*shape: int, seed: int = 0) -> Any:
    return dls.randn(*shape, generator=dls.Generator(seed))


# --- right ---------------------------------------------------------------------------------------


def test_a_right_function_passes() -> None:
    weight = random(4, 2, seed=1).requires_grad_()
    report = gradcheck(lambda x: ((x @ weight).tanh() ** 2).mean(), random(3, 4))
    assert report and report.ok and report.difference < 1e-8 and report.first is None
    assert [check.name for check in report.gradients] == ["x", "weight"]
    assert str(report).startswith("gradient check: right\n  difference  ")
    assert report.elements == (20, 20)


def test_a_result_of_any_shape_and_several_results() -> None:
    assert gradcheck(lambda x: x.exp(), random(2, 3))
    assert gradcheck(lambda x: (x * 2, [x.tanh(), {"also": x.sum()}]), random(2, 3))
    assert gradcheck(lambda xs: xs[0] * xs[1], (random(3), random(3, seed=1)))


def test_a_loss_closure() -> None:
    x = random(3, 4)
    weight = random(4, 1, seed=1).requires_grad_()
    report = gradcheck(lambda: (x @ weight).sigmoid().sum())
    assert report and [check.name for check in report.gradients] == ["weight"]


def test_nothing_of_the_user_s_is_changed() -> None:
    weight, x = random(4, 2, seed=1).requires_grad_(), random(3, 4)
    (x @ weight).sum().backward()
    kept = weight._data, weight.grad.numpy().copy(), weight.numpy().copy(), x._data
    dls.manual_seed(3)
    state = default_generator.get_state()
    assert gradcheck(lambda x: dls.relu(x @ weight) * dls.randn(3, 2), x)
    assert default_generator.get_state() == state
    assert weight._data is kept[0] and np.array_equal(weight.numpy(), kept[2])
    assert np.array_equal(weight.grad.numpy(), kept[1]) and weight.dtype == np.float32
    assert x._data is kept[3] and not x.requires_grad
    assert dls.default_dtype() == np.float32


def test_everything_is_put_back_after_an_error_too() -> None:
    weight = random(2, 2).requires_grad_()
    kept, calls = weight._data, []

    def fails(x: Any) -> Any:
        calls.append(weight.dtype)
        if len(calls) == 3:
            raise KeyError("boom")
        return x @ weight

    with pytest.raises(KeyError):
        gradcheck(fails, random(2, 2))
    assert calls[-1] == np.float64 and weight._data is kept
    assert dls.default_dtype() == np.float32


def test_a_reused_value_and_an_unused_input() -> None:
    assert gradcheck(lambda x, unused: x * x + x.tanh() * x, random(3), random(2))


def test_many_elements_are_sampled() -> None:
    report = gradcheck(lambda x: (x * x).sum(), random(50, 60), limit=40)
    assert report and report.elements == (40, 3000) and "40 of 3,000 numbers" in str(report)


def test_integers() -> None:
    report = gradcheck(lambda x: x**2, 3)
    assert report and "x holds integers" in str(report)
    report = gradcheck(lambda x, labels: x[labels].exp(), random(3), dls.Tensor([0, 2]))
    assert report and [check.name for check in report.gradients] == ["x"]


def test_under_no_grad_and_in_float32_on_the_way() -> None:
    with dls.no_grad():
        assert gradcheck(lambda x: x.exp(), random(3))
    report = gradcheck(lambda x: x.astype("float32").exp(), random(3))
    assert report and "float32" in str(report)


def test_on_the_strict_device() -> None:
    weight = random(4, 2).to("strict").requires_grad_()
    assert gradcheck(lambda x: (x @ weight).tanh(), random(3, 4).to("strict"))


# --- wrong ---------------------------------------------------------------------------------------

X, S = random(5, 4), random(4, 4, seed=1)
MISTAKES = [
    (w.TanhSlopeForgotten, (X,), "analytic = dy: the derivative of the op itself is forgotten"),
    (w.TanhOfInput, (X,), "the rule uses the input x where it means the output y"),
    (w.ExpOfInput, (X,), "the rule uses the input x where it means the output y"),
    (w.DyForgotten, (X,), "dy is forgotten"),
    (w.WrongSign, (X,), "analytic = -numeric (wrong sign)"),
    (w.SquareHalf, (X,), "analytic = 1/2 of numeric"),
    (w.MeanWithoutM, (X,), "analytic = 5 x numeric (x.shape[0] = 5: is 1/5 missing?)"),
    (w.SumWithM, (X,), "analytic = 1/5 of numeric (x.shape[0] = 5: is there one 1/5 too many?)"),
    (w.BiasNotSummed, (X, random(4)), "broadcast, but not summed: write .sum(axis=0)"),
    (w.MatmulTransposed, (X, random(4, 3)), "dL/db is wrong: analytic has shape (3, 4), it must "
                                            "be (4, 3): it is the transpose, write .T"),
    (w.MatmulTransposed, (S, S), "analytic is the transpose of numeric: write .T"),
    (w.MatmulWithoutT, (S, random(4, 4, seed=2)), "the rule uses b where it means b.T"),
    (w.MulSwapped, (X, random(5, 4, seed=2)), "this is the gradient of b: is the order wrong?"),
    (w.NothingReturned, (X,), "backward returned None"),
    (w.NotThere, (X, X), "dL/db is wrong: backward returned None"),
    (w.Zero, (X,), "analytic is 0 everywhere"),
    (w.Raises, (X,), "its backward raised ValueError"),
    (w.OneForTwo, (X, X), "its backward returned 1 gradient for 2 inputs"),
    (w.WritesIntoDy, (X,), "writes into dy"),
    (w.WritesIntoSaved, (X,), "writes into a value it saved"),
    (w.OneElement, (X,), "1 of 20 elements differ, at [2, 1]"),
]


@pytest.mark.parametrize(("op", "inputs", "said"), MISTAKES)
def test_each_mistake_has_its_name(op: Any, inputs: Any, said: str) -> None:
    report = gradcheck(lambda *xs: w.call(op)(*xs).tanh().sum(), *inputs)
    assert not report.ok and not report
    assert said in str(report.first)
    assert str(report.first) in str(report)
    assert report.first.source.startswith("test_gradcheck.py:")


def test_assigned_instead_of_added() -> None:
    rows = w.call(w.RowsAssigned, np.array([0, 2, 2, 1, 2]))
    report = gradcheck(lambda x: rows(x).tanh(), X)
    assert "`=` where `+=` is meant" in str(report.first)


def test_the_first_wrong_op_is_the_first_one_forward() -> None:
    first, second = w.call(w.WrongSign), w.call(w.SquareHalf)

    def f(x: Any) -> Any:
        return second(first(x.exp()) * 2).sum()

    report = gradcheck(f, X)
    assert report.first.name == "wrong_sign" and [c.name for c in report.wrong][:2] == [
        "wrong_sign", "square_half"]
    assert "first wrong op: wrong_sign (at test_gradcheck.py:" in str(report)
    assert "also: square_half" in str(report)
    assert report.difference > 0.1


def test_one_wrong_element_of_many_is_found() -> None:
    report = gradcheck(lambda x: w.call(w.OneElement)(x), random(40, 50))
    assert "[2, 1]" in report.first.hint


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.floats(0.05, 30), st.floats(-30, -0.05), st.integers(2, 30)))
def test_any_factor_is_named(c: float) -> None:
    op = w.call(w.Scaled, c)
    report = gradcheck(lambda x: op(x) * 2, random(3, 2))
    if abs(c - 1) < 1e-4:
        return
    hint = report.first.hint
    said = hint.removeprefix("analytic = ").partition(" of " if " of " in hint else " x ")[0]
    value = -1.0 if hint.startswith("analytic = -numeric") else float(
        Fraction(said))
    assert value == pytest.approx(c, rel=1e-4)
    assert ("wrong sign" in hint) == (c < 0)


# --- kinks, noise, and what cannot be checked ----------------------------------------------------


@pytest.mark.parametrize(("f", "x"), [
    (dls.relu, [0.0, 1.0, -1.0]),
    (dls.sqrt, [0.0, 1.0]),
    (lambda x: x.clip(-1.0, 1.0), [1.0, 0.5]),
])
def test_kinks_are_no_errors(f: Any, x: Any) -> None:
    report = gradcheck(f, x)
    assert report.ok and "not differentiable here" in str(report)
    assert report.ops[-1].verdict == "kink" and report.difference < 1e-6


def test_the_middle_of_both_slopes_is_right_at_a_kink() -> None:
    assert gradcheck(dls.maximum, [1.0, 2.0], [1.0, 3.0])
    assert gradcheck(lambda x: x.max(), [2.0, 2.0, 1.0])
    assert gradcheck(dls.abs, [0.0, 1.0])


def test_where_the_slope_is_0_there_is_no_kink() -> None:
    report = gradcheck(w.call(w.SquareShifted), [0.0, 0.0])
    assert report.first.name == "square_shifted"


def test_a_wrong_rule_beside_a_kink_is_found() -> None:
    slope = w.call(w.Scaled, 3.0)
    report = gradcheck(lambda x: slope(dls.relu(x)), [0.0, 1.0, -2.0])
    assert report.first.name.startswith("scaled")


def test_near_a_kink_and_near_the_edge_of_a_domain() -> None:
    assert gradcheck(dls.relu, [3e-7, -4e-7, 1.0])
    assert gradcheck(dls.log, [2e-7, 1.0])


def test_a_function_that_changes_is_said_to() -> None:
    rng = np.random.default_rng(0)
    report = gradcheck(lambda x: x * rng.random(), random(3))
    assert not report and "another value when it is run again" in str(report)


def test_random_numbers_of_our_generators_repeat() -> None:
    g = dls.Generator(5)
    assert gradcheck(lambda x: x * dls.rand(3) * dls.rand(3, generator=g), random(3))


def test_a_broken_path_is_said() -> None:
    report = gradcheck(lambda x, y: (x.detach() * x + y.detach() * 2).sum(), random(3), random(3))
    assert [c.name for c in report.wrong] == ["x", "y"]
    assert "1/2 of numeric" in report.gradients[0].hint
    assert "no gradient arrives" in report.gradients[1].hint
    assert "all rules are right" in str(report)


def test_nan_is_said() -> None:
    with pytest.raises(dls.DataError, match=r"x holds nan at \[1, 0\]"):
        gradcheck(lambda x: x * 2, [[1.0, 2.0], [float("nan"), 1.0]])
    report = gradcheck(lambda x: x.log(), [-1.0, 2.0])
    assert not report and "NaN" in str(report) and report.ops[0].verdict == "unknown"


def test_wrong_use() -> None:
    with pytest.raises(dls.DtypeError, match="Return the loss itself"):
        gradcheck(lambda x: x.sum().item(), random(3))
    with pytest.raises(dls.GraphError, match="depends on no tensor"):
        gradcheck(lambda x: x.detach(), random(3))
    with pytest.raises(dls.DtypeError, match="takes a function"):
        gradcheck(3, random(3))
    with pytest.raises(dls.DataError, match="names"):
        gradcheck(dls.exp, random(3), names=["a", "b"])


# --- models --------------------------------------------------------------------------------------


def test_a_model_is_checked_on_a_copy() -> None:
    nn = pytest.importorskip("tinygrad_dls.nn")
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))
    x = random(5, 4)
    model(x).sum().backward()
    kept = [(p, p._data, p._data.copy(), p.grad, p.grad.numpy().copy()) for p in model.parameters()]
    state = default_generator.get_state()
    report = gradcheck(model, x)
    assert report, str(report)
    assert {check.name for check in report.gradients} == {
        "input", "0.weight", "0.bias", "3.weight", "3.bias"}
    assert default_generator.get_state() == state and model.training
    for parameter, array, values, grad, grads in kept:
        assert parameter._data is array and np.array_equal(array, values)
        assert parameter.grad is grad and np.array_equal(grad.numpy(), grads)


def test_a_model_in_a_closure() -> None:
    nn = pytest.importorskip("tinygrad_dls.nn")
    model, x = nn.Linear(3, 1), random(4, 3)
    model.bias.requires_grad_(False)
    report = gradcheck(lambda: (model(x) ** 2).mean())
    assert report and [c.name for c in report.gradients] == ["model.weight"]
    assert model.weight.dtype == np.float32


@pytest.mark.parametrize("seed", [0, 1153, 3105])  # of two a large step confirms a wrong number
def test_a_wrong_op_inside_a_model(seed: int) -> None:
    nn = pytest.importorskip("tinygrad_dls.nn")
    dls.manual_seed(seed)

    class Net(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(3, 2)

        def forward(self, images: Any) -> Any:
            return w.call(w.TanhOfInput)(self.fc(images))

    report = gradcheck(Net(), random(4, 3))
    assert "uses the input x where it means the output y" in report.first.hint
    assert [c.name for c in report.gradients] == ["fc.weight", "fc.bias", "images"]


def test_one_small_number_does_not_drown_the_others() -> None:
    """1 / x is 5 digits larger there: beside it all else would be as good as equal."""

    class Odd(w.Op):
        def forward(self, x: Any) -> Any:
            return np.tanh(x)

        def backward(self, dy: Any, x: Any, y: Any) -> Any:
            return dy * (1 - y * y) * (1 - 0.3 * x * x * np.cos(x))

    x = random(4, 3)
    x[0, 0] = 1e-5
    assert "it has the factor" not in gradcheck(w.call(Odd), x).first.hint


# --- graphs --------------------------------------------------------------------------------------


def test_a_recorded_graph_also_after_backward() -> None:
    x = random(3, 4).requires_grad_()
    with dls.trace():
        right = (x * 2).tanh().sum()
        wrong = w.call(w.SquareHalf)(x * 2).sum()
        right.backward()
    assert check_graph(right) and check_graph(right).difference is None
    assert check_graph(wrong).first.name == "square_half"


def test_a_graph_without_values() -> None:
    x = random(3).requires_grad_()
    with pytest.raises(dls.GraphError, match=r"dls\.trace"):
        check_graph(x * 2)
    with pytest.raises(dls.GraphError, match="no graph"):
        check_graph(x)


def test_checkpoint_is_left_to_the_whole_check() -> None:
    weight = random(4, 4).requires_grad_()
    report = gradcheck(lambda x: dls.checkpoint(lambda v: (v @ v).tanh(), x) @ weight, random(4, 4))
    assert report and "not checked: checkpoint" in str(report)
