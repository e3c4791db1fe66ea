"""Checks for the exercises of c2w3-softmax-classifier."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, same, shape, untouched


def network(seed=0, m=7, sizes=(5, 4, 3, 6)):
    """X (5, m), one-hot Y (6, m), and random parameters of 5-4-3-6."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer in range(1, len(sizes)):
        parameters[f"W{layer}"] = rng.standard_normal((sizes[layer], sizes[layer - 1]))
        parameters[f"b{layer}"] = 0.5 * rng.standard_normal((sizes[layer], 1))
    X = rng.standard_normal((sizes[0], m))
    return X, np.eye(sizes[-1])[:, rng.integers(0, sizes[-1], m)], parameters


def test_softmax(lesson):
    Z = np.log([[6.0, 1.0], [3.0, 1.0], [1.0, 2.0]])
    with untouched(Z=Z):
        A = lesson.softmax(Z)
    shape("A", A, (3, 2))
    hint = "e^z over its sum down each column (axis=0, keepdims=True)"
    same("A", A, [[0.6, 0.25], [0.3, 0.25], [0.1, 0.5]], hint)
    with np.errstate(all="ignore"):
        for shift in (1000, -1000):
            hint = "overflow or 0 / 0: subtract the largest score of each column first"
            same(f"softmax of scores {shift:+d}", lesson.softmax(Z + shift), A, hint)
        far = np.array([[0.0, 2000.0], [1.0, 2000.0]])
        hint = "the largest of each *column*, not of all"
        right = [[1 / (1 + np.e), 0.5], [np.e / (1 + np.e), 0.5]]
        same("columns of very different scores", lesson.softmax(far), right, hint)
        far = np.array([[0.0, 2000.0], [2000.0, 0.0]])
        hint = "the largest score of a column becomes 0, all others less"
        same("very different scores in a column", lesson.softmax(far), [[0, 1], [1, 0]], hint)


def test_one_hot_matrix(lesson):
    same("label 1 of 4", lesson.one_hot_matrix(1, 4), [0, 1, 0, 0], "a 1 at the label")
    same("label 0 of 3", lesson.one_hot_matrix(0, 3), [1, 0, 0], "counted from 0")
    same("label 5, as it is", lesson.one_hot_matrix(np.int64(5)), [0, 0, 0, 0, 0, 1])
    same("a label in an array", lesson.one_hot_matrix(np.array(2), 3), [0, 0, 1])


def test_compute_total_loss(lesson):
    Z = np.log([[6.0, 1.0], [3.0, 1.0], [1.0, 2.0]])
    Y = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    with untouched(logits=Z, labels=Y):
        total = lesson.compute_total_loss(Z, Y)
    hint = "ln of the sum of e^z, minus the right score; summed, not the mean"
    same("-ln 0.3 - ln 0.5", total, -np.log(0.3) - np.log(0.5), hint)
    with np.errstate(all="ignore"):
        for shift in (1000, -1000):
            hint = "subtract the largest score of each column, add it again outside of ln"
            mine = lesson.compute_total_loss(Z + shift, Y)
            same(f"the loss of scores {shift:+d}", mine, total, hint, rtol=1e-9)
        far = np.array([[0.0, 2000.0], [1.0, 2000.0]])
        right = np.log(1 + np.e) + np.log(2)
        mine = lesson.compute_total_loss(far, np.eye(2)[:, [0, 1]])
        same("columns of very different scores", mine, right, "one maximum per column")
        sure = lesson.compute_total_loss(np.array([[0.0], [900.0]]), np.array([[1.0], [0.0]]))
        same("surely wrong by 900", sure, 900, "from the scores: ln of a rounded 0 is infinite")


def test_initialize_parameters(lesson):
    dims = (3, 5, 2, 4)
    mine = lesson.initialize_parameters(dims, seed=4)
    keys("the parameters", mine, ["W1", "b1", "W2", "b2", "W3", "b3"])
    np.random.seed(4)
    for layer in (1, 2, 3):
        n, before = dims[layer], dims[layer - 1]
        W = np.random.randn(n, before) * np.sqrt(2 / (before + n))
        same(f"W{layer}", mine[f"W{layer}"], W, "randn(n, n_before) * sqrt(2 / (n_before + n))")
        same(f"b{layer}", mine[f"b{layer}"], np.zeros((n, 1)), "zeros, a column")


def test_forward_propagation(lesson):
    X, _, p = network()
    cache = {}
    with untouched(X=X, parameters=p):
        Z3 = lesson.forward_propagation(X, p, cache)
    Z1 = p["W1"] @ X + p["b1"]
    A1 = np.where(Z1 > 0, Z1, 0)
    Z2 = p["W2"] @ A1 + p["b2"]
    A2 = np.where(Z2 > 0, Z2, 0)
    keys("the cache", cache, ["X", "A1", "A2", "Z3"])
    same("A1", cache["A1"], A1, "relu of W1 X + b1")
    same("A2", cache["A2"], A2, "relu of W2 A1 + b2")
    same("Z3", Z3, p["W3"] @ A2 + p["b3"], "scores: neither relu nor softmax at the end")
    same("Z3 without a cache", lesson.forward_propagation(X, p), Z3)


def test_backward_propagation(lesson):
    X, Y, parameters = network(seed=1, m=9)

    def scores(p, cache=None):
        A1 = np.maximum(0, p["W1"] @ X + p["b1"])
        A2 = np.maximum(0, p["W2"] @ A1 + p["b2"])
        Z3 = p["W3"] @ A2 + p["b3"]
        if cache is not None:
            cache.update({"X": X, "A1": A1, "A2": A2, "Z3": Z3})
        return Z3

    def cost(p):
        Z = scores(p)
        return np.sum(np.log(np.sum(np.exp(Z), axis=0)) - np.sum(Y * Z, axis=0)) / 9

    cache = {}
    scores(parameters, cache)
    with untouched(Y=Y, parameters=parameters, cache=cache):
        mine = lesson.backward_propagation(Y, parameters, cache)
    hint = "dZ3 = (softmax(Z3) - Y) / m; dW = dZ A^T, db = sum dZ, dZ before = W^T dZ * (A > 0)"
    gradients(cost, parameters, mine, m=9, hint=hint)


def test_dead_units(lesson):
    A = np.array([[0.0, 0, 3, 0], [0, 0, 0, 0], [1, 2, 3, 4], [0, 0, 0, 1e-9]])
    with untouched(A=A):
        mine = np.asarray(lesson.dead_units(A))
    shape("dead", mine, (4,), "one answer for each row")
    hint = "dead: 0 on all examples; one example above 0 is enough to live"
    same("which of four units are dead", mine.astype(int), [0, 1, 0, 0], hint)
