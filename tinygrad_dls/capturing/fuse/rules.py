"""The operations that may be fused, and their rules back, as expressions: the one table of them.

An expression names what the op's `forward` or rule names (inputs, parameters, dy, y) and stands
for the same operations in the same order, each rounded by itself: a chain made of them equals the
operations one by one to the bit. What is not in the table is never fused. Left out is what has
transcendental functions, whose values are those of one library, and what a compiled kernel of ours
computes with products and sums contracted: the backward of tanh, hardswish.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ...ops import activations, arithmetic, comparison, elementwise
from ...ops.op import Op


class Rules(NamedTuple):
    """The expressions of an op: its output, and the gradient of each input; None: it has no such
    expression.
    """

    forward: str | None
    backward: dict[str, str]


OVER = "where(y == 0.0, 0.0, 0.5 * dy) / where(y == 0.0, 1.0, y)"


def _power(op: Any) -> Rules:
    return Rules("x * x", {"x": "dy * (2 * x)"}) if op.p == 2 else Rules(None, {})


def _clip(op: Any) -> Rules:
    if op.low is None and op.high is None:
        return Rules(None, {})
    above, below = "times_truth({}, x >= low)", "times_truth({}, x <= high)"
    if op.high is None:
        return Rules("maximum(x, low)", {"x": above.format("dy")})
    if op.low is None:
        return Rules("minimum(x, high)", {"x": below.format("dy")})
    held = "where(x < low, low, x)"
    return Rules(f"where({held} > high, high, {held})", {"x": below.format(above.format("dy"))})


RULES: dict[type[Op], Rules | Callable[[Any], Rules]] = {
    arithmetic.Add: Rules("a + b", {"a": "dy", "b": "dy"}),
    arithmetic.Sub: Rules("a - b", {"a": "dy", "b": "-dy"}),
    arithmetic.Mul: Rules("a * b", {"a": "dy * b", "b": "dy * a"}),
    arithmetic.Div: Rules("a / b", {"a": "dy / b", "b": "-dy * y / b"}),
    arithmetic.PowerOf: _power,
    arithmetic.Maximum: Rules("maximum(a, b)", {
        "a": "where(a == b, 0.5 * dy, times_truth(dy, a > b))",
        "b": "where(a == b, 0.5 * dy, times_truth(dy, b > a))"}),
    arithmetic.Minimum: Rules("minimum(a, b)", {
        "a": "where(a == b, 0.5 * dy, times_truth(dy, a < b))",
        "b": "where(a == b, 0.5 * dy, times_truth(dy, b < a))"}),
    elementwise.Neg: Rules("-x", {"x": "-dy"}),
    elementwise.Abs: Rules("absolute(x)", {"x": "dy * sign(x)"}),
    elementwise.Sqrt: Rules("root(x)", {"x": OVER}),
    elementwise.Rsqrt: Rules("1.0 / root(x)", {
        "x": "-0.5 * dy * (where(x == 0.0, 0.0, y) * where(x == 0.0, 0.0, y)"
             " * where(x == 0.0, 0.0, y))"}),
    elementwise.Clip: _clip,
    elementwise.Exp: Rules(None, {"x": "dy * y"}),
    elementwise.Expm1: Rules(None, {"x": "dy * (y + 1)"}),
    elementwise.Exp2: Rules(None, {"x": "dy * (y * 0.6931471805599453)"}),
    elementwise.Log: Rules(None, {"x": "dy / x"}),
    elementwise.Log2: Rules(None, {"x": "dy / (x * 0.6931471805599453)"}),
    elementwise.Log10: Rules(None, {"x": "dy / (x * 2.302585092994046)"}),
    elementwise.Log1p: Rules(None, {"x": "dy / (1 + x)"}),
    activations.Relu: Rules("where(x < 0.0, 0.0, x)", {"x": "where(y > 0.0, dy, 0.0)"}),
    activations.LeakyRelu: Rules("where(x > 0.0, x, slope * x)", {
        "x": "where(x > 0.0, dy, slope * dy)"}),
    activations.PRelu: Rules("where(x > 0.0, x, slope * x)", {
        "x": "where(x > 0.0, dy, slope * dy)", "slope": "dy * where(x > 0.0, 0.0, x)"}),
    activations.Hardtanh: Rules(
        "where(where(x < low, low, x) > high, high, where(x < low, low, x))",
        {"x": "where(x >= high, 0.0, where(x > low, dy, 0.0))"}),
    activations.Sigmoid: Rules(None, {"x": "dy * y * (1 - y)"}),
    activations.Softsign: Rules("x / (1 + absolute(x))", {
        "x": "dy / (1 + absolute(x)) / (1 + absolute(x))"}),
    comparison.Less: Rules("a < b", {}),
    comparison.LessEqual: Rules("a <= b", {}),
    comparison.Greater: Rules("a > b", {}),
    comparison.GreaterEqual: Rules("a >= b", {}),
    comparison.Equal: Rules("a == b", {}),
    comparison.NotEqual: Rules("a != b", {}),
    comparison.Where: Rules("where(condition, a, b)", {
        "a": "where(condition, dy, 0.0)", "b": "where(condition, 0.0, dy)"}),
}
TRUTHS = {"condition"}  # operands that are bools; all others are numbers
SUM = "a + b"  # of gradients that meet


def rules_of(op: Any) -> Rules | None:
    """The expressions of an op with these parameters; None if it is not in the table."""
    found = RULES.get(type(op))
    rules = found(op) if callable(found) else found
    if rules is None or rules.forward is None or _ties_are_second():
        return rules
    uses_ties = rules.forward.startswith(("maximum", "minimum"))
    return Rules(None if uses_ties else rules.forward, rules.backward)


@cache
def _ties_are_second() -> bool:
    """Return whether the maximum of 0 and -0 is the second of them, which depends on the processor.
    """
    zeros, negative = np.zeros(67, "float32"), np.full(67, -0.0, "float32")
    for function in (np.maximum, np.minimum):
        for dtype in ("float32", "float64"):
            a, b = zeros.astype(dtype), negative.astype(dtype)
            for first, second in ((a, b), (b, a), (a, b[0]), (b, a[0]), (a[0], b), (b[0], a)):
                wanted = np.signbit(np.broadcast_to(second, 67))
                if not np.array_equal(np.signbit(function(first, second)), wanted):
                    return False
    return True
