"""Checks for the exercises of c2w1-train-dev-test."""

from itertools import pairwise

import numpy as np
from tinygrad_dls.learn.checking import keys, numeric_gradient, result, same, untouched


def test_split_data(lesson):
    X = np.arange(40.0).reshape(2, 20)
    Y = np.arange(20).reshape(1, 20)
    with untouched(X=X, Y=Y):
        parts = lesson.split_data(X, Y, (0.5, 0.3, 0.2), seed=4)
    assert len(parts) == 3, f"there are {len(parts)} parts, there must be 3"
    np.random.seed(4)
    order = np.random.permutation(20)
    for part, name, begin, end in zip(
        parts, ("train", "dev", "test"), (0, 10, 16), (10, 16, 20), strict=True
    ):
        x, y = result(f"the {name} part", tuple(part), 2)
        chosen = order[begin:end]
        hint = "np.random.permutation(m), cut at `ends`: columns of X and Y alike"
        same(f"X of {name}", x, X[:, chosen], hint)
        same(f"Y of {name}", y, Y[:, chosen], hint)


def test_diagnose(lesson):
    for given, bias, variance, do in (
        ((15, 16), 15, 1, "bias"),
        ((1, 11), 1, 10, "variance"),
        ((15, 30), 15, 15, "bias"),
        ((0.5, 1), 0.5, 0.5, "done"),
        ((15, 16, 14), 1, 1, "done"),
        ((9, 14, 5, 4.5), 4, 5, "variance"),
        ((9, 14, 5, 3), 4, 5, "bias"),
        ((2, 4), 2, 2, "done"),
        ((0, 13, 5), -5, 13, "variance"),
    ):
        mine = lesson.diagnose(*given)
        keys("the diagnosis", mine, ["bias", "variance", "do"])
        same(f"bias of {given}", mine["bias"], bias, "train error minus optimal error")
        same(f"variance of {given}", mine["variance"], variance, "dev minus train error")
        assert mine["do"] == do, f"diagnose{given} says {mine['do']!r}, it must say {do!r}"


def test_fit_normalization(lesson):
    X = np.array([[2.0, 4, 9], [-1, -1, 2]])
    with untouched(X=X):
        mu, sigma = result("fit_normalization", lesson.fit_normalization(X), 2)
    same("mu", mu, [[5], [0]], "the mean over the examples, axis=1, keepdims=True")
    hint = "the root of the mean square distance from mu"
    same("sigma", sigma, np.sqrt([[26 / 3], [2]]), hint)


def test_propagate_linear(lesson):
    rng = np.random.default_rng(0)
    w, X, Y = (rng.standard_normal(shape) for shape in ((3, 1), (3, 7), (1, 7)))
    with untouched(w=w, X=X, Y=Y):
        J, dw = result("propagate_linear", lesson.propagate_linear(w, X, Y), 2)
    same("J", J, np.mean((w.T @ X - Y) ** 2) / 2, "sum of squares over 2 m")
    slope = numeric_gradient(lambda v: lesson.propagate_linear(v, X, Y)[0], w)
    same("dw", dw, slope, "X times the errors upright, over m", rtol=1e-5)


def chain(seed, sizes):
    """Random weights for layers of these sizes, and an input column."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.standard_normal((n, before))
        for before, n in pairwise(sizes)
    ]
    return weights, rng.standard_normal((sizes[0], 1))


def test_chain_forward(lesson):
    weights, x = chain(1, (3, 2, 4))
    with untouched(weights=weights, x=x):
        a = lesson.chain_forward(weights, x)
    assert len(a) == 3, f"the list has {len(a)} activations, it must have L + 1 = 3"
    same("a0", a[0], x, "the list begins with the input")
    same("a1", a[1], weights[0] @ x, "W1 a0")
    same("a2", a[2], weights[1] @ weights[0] @ x, "W2 a1")


def test_chain_backward(lesson):
    weights, x = chain(2, (3, 2, 4, 2))
    activations = lesson.chain_forward(weights, x)
    with untouched(weights=weights, activations=activations):
        mine = lesson.chain_backward(weights, activations)
    assert len(mine) == 3, f"the list has {len(mine)} gradients, it must have 3"
    for place in range(3):

        def cost(W, place=place):
            changed = [*weights[:place], W, *weights[place + 1 :]]
            return lesson.chain_forward(changed, x)[-1].sum()

        slope = numeric_gradient(cost, weights[place])
        hint = "delta a_before^T, then delta := W^T delta; dW1 comes first in the list"
        same(f"dW{place + 1}", mine[place], slope, hint, rtol=1e-5)
