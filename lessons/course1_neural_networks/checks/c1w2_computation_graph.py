"""Checks for the exercises of c1w2-computation-graph."""

import math

from tinygrad_dls.learn.checking import keys, numeric_gradient, result, same


def test_derivatives_by_hand(lesson):
    for a, b, c in ((5, 3, 2), (1.5, -2, 0.5), (0, 0, 4)):
        here = f" at a = {a}, b = {b}, c = {c}"
        J, derivatives = result("derivatives_by_hand", lesson.derivatives_by_hand(a, b, c), 2)
        same("J" + here, J, 3 * (a + b * c))
        keys("the derivatives", derivatives, ["da", "db", "dc"])
        for name, place in (("da", 0), ("db", 1), ("dc", 2)):
            slope = numeric_gradient(lambda v: 3 * (v[0] + v[1] * v[2]), [a, b, c])[place]
            hint = "the derivative of the step that follows, times the slope of the arrow"
            same(f"dJ/{name}" + here, derivatives[name], slope, hint, rtol=1e-6)


def test_numeric_derivative(lesson):
    seen = []

    def f(x, y):
        seen.append((x, y))
        return x**2 * y

    inputs = (3.0, 5.0)
    same("df/dx of x^2 y at (3, 5)", lesson.numeric_derivative(f, inputs, 0), 30.0, rtol=1e-6)
    same("df/dy of x^2 y at (3, 5)", lesson.numeric_derivative(f, inputs, 1), 9.0, rtol=1e-6)
    assert inputs == (3.0, 5.0)
    assert {x for x, y in seen if y != 5.0} <= {3.0}, "nudge one input at a time"
    seen.clear()
    slope = lesson.numeric_derivative(lambda x: x**3, [2.0], 0, eps=0.1)
    same("the difference quotient of x^3 at 2, eps = 0.1", slope, 12.01, "up and down, over 2 eps")


def test_Value_mul(lesson):
    a, b = lesson.Value(3), lesson.Value(-4)
    product = a * b
    same("the value of 3 * -4", product.data, -12.0)
    hint = "a * b grows b times as fast as a"
    for one, other in ((a, b), (b, a)):
        slopes = [slope for source, slope in product.inputs if source is one]
        assert slopes, f"{one} is not among the inputs of the product"
        same(f"the slope for {one.data:g}", sum(slopes), other.data, hint)
    same("2 * a", (2 * a).data, 6.0)
    same("the slopes of a * a, together", sum(slope for _, slope in (a * a).inputs), 6.0)


def test_Value_backward(lesson):
    Value = lesson.Value
    a, b, c = Value(5), Value(3), Value(2)
    J = 3 * (a + b * c)
    J.backward()
    same("dJ/dJ", J.grad, 1.0, "the derivative of J in J is where it starts")
    for name, value, right in (("a", a, 3), ("b", b, 6), ("c", c, 9)):
        same(f"dJ/d{name} of 3(a + bc)", value.grad, right)
    x = Value(3)
    (x * x + x).backward()
    same("the derivative of x * x + x at 3", x.grad, 7.0, "it has three arrows: add (+=)")
    x = Value(3)
    u = 2 * x
    (u * u).backward()
    same("the derivative of (2x)^2 at 3", x.grad, 24.0, "pass on when all of it is there")
    x = Value(0.5)
    ((x.exp() * x.tanh()) ** 2).backward()
    right = numeric_gradient(lambda v: (math.exp(v) * math.tanh(v)) ** 2, 0.5)
    same("the derivative of (e^x tanh x)^2 at 0.5", x.grad, right, rtol=1e-6)


def test_topological_order(lesson):
    a, b = lesson.Value(1), lesson.Value(2)
    u = a + b
    v = u + a
    end = v + u
    order = lesson.topological_order(end)
    assert isinstance(order, list), f"it is a {type(order).__name__}, it must be a list"
    assert len({id(node) for node in order}) == len(order), (
        "a Value is twice in the order: has it been seen before?"
    )
    assert len(order) == 5, f"{len(order)} Values for a graph of 5: visit the inputs too"
    place = {id(node): i for i, node in enumerate(order)}
    for node in order:
        for source, _ in node.inputs:
            assert place[id(source)] < place[id(node)], (
                f"{node.data:g} comes before its input {source.data:g}: append after the inputs"
            )
    assert order[-1] is end
    x = lesson.Value(1)
    y = x
    for _ in range(60):
        y = y + y  # 2^60 paths
    same("the length for 60 diamonds", len(lesson.topological_order(y)), 61)
