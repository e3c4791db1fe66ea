"""Checks for the exercises of c2w1-initialization."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def start(name, function, dims, scale):
    """Compare a start with the course's draws: randn layer by layer after seed 3."""
    np.random.seed(3)
    mine = function(dims)
    keys("the parameters", mine, [k + str(l) for l in range(1, len(dims)) for k in "Wb"])
    np.random.seed(3)
    for layer in range(1, len(dims)):
        n, before = dims[layer], dims[layer - 1]
        W = np.random.randn(n, before) * scale(before) if scale else np.zeros((n, before))
        hint = f"randn(n, n_before) times {name}, in this order" if scale else "zeros"
        same(f"W{layer}", mine[f"W{layer}"], W, hint)
        same(f"b{layer}", mine[f"b{layer}"], np.zeros((n, 1)), "zeros, a column")


def random_network(seed=0, m=6):
    """X (2, m), Y (1, m), and random parameters of 2-10-5-1."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer, (n, before) in enumerate(((10, 2), (5, 10), (1, 5)), 1):
        parameters[f"W{layer}"] = rng.standard_normal((n, before)) / np.sqrt(before)
        parameters[f"b{layer}"] = 0.3 * rng.standard_normal((n, 1))
    return rng.standard_normal((2, m)), (rng.random((1, m)) < 0.5).astype(int), parameters


def test_initialize_parameters_zeros(lesson):
    start("", lesson.initialize_parameters_zeros, [3, 2, 1], None)


def test_initialize_parameters_random(lesson):
    start("10", lesson.initialize_parameters_random, [3, 2, 4, 1], lambda n: 10)


def test_initialize_parameters_he(lesson):
    function = lesson.initialize_parameters_he
    start("sqrt(2 / n_before)", function, [2, 4, 5, 1], lambda n: np.sqrt(2 / n))


def test_initialize_parameters_xavier(lesson):
    function = lesson.initialize_parameters_xavier
    start("sqrt(1 / n_before)", function, [2, 4, 5, 1], lambda n: np.sqrt(1 / n))


def test_forward_propagation(lesson):
    X, _, p = random_network()
    with untouched(X=X, parameters=p):
        a3, cache = result("forward_propagation", lesson.forward_propagation(X, p), 2)
    assert len(cache) == 12, f"the cache has {len(cache)} arrays, it must have 12"
    z1 = p["W1"] @ X + p["b1"]
    a1 = np.where(z1 > 0, z1, 0)
    z2 = p["W2"] @ a1 + p["b2"]
    a2 = np.where(z2 > 0, z2, 0)
    z3 = p["W3"] @ a2 + p["b3"]
    same("z1", cache[0], z1, "W1 X + b1")
    same("a1", cache[1], a1, "relu")
    same("z2", cache[4], z2, "its input is a1")
    same("a2", cache[5], a2, "relu")
    same("z3", cache[8], z3, "its input is a2")
    same("a3", a3, 1 / (1 + np.exp(-z3)), "sigmoid")


def test_backward_propagation(lesson):
    X, Y, parameters = random_network(seed=1, m=7)
    _, cache = lesson.forward_propagation(X, parameters)
    with untouched(X=X, Y=Y, cache=cache):
        mine = lesson.backward_propagation(X, Y, cache)
    keys("the gradients", mine, ["dz3", "da2", "dz2", "da1", "dz1"])
    gradients(
        lambda p: lesson.compute_loss(lesson.forward_propagation(X, p)[0], Y),
        parameters,
        mine,
        m=7,
        hint="dz3 = (a3 - Y) / m; then dW = dz a^T, db = sum dz, da = W^T dz",
    )
    same("dz3", mine["dz3"], (cache[9] - Y) / 7, "the 1/m belongs here")


def test_model(lesson):
    X, Y, _ = random_network(seed=2, m=20)
    for name in ("zeros", "random", "he", "xavier"):
        wanted = getattr(lesson, f"initialize_parameters_{name}")([2, 10, 5, 1])
        costs, known = {}, []
        for _ in range(3):
            a3, cache = lesson.forward_propagation(X, wanted)
            known.append(lesson.compute_loss(a3, Y))
            grads = lesson.backward_propagation(X, Y, cache)
            wanted = {k: p - 0.1 * grads["d" + k] for k, p in wanted.items()}
        mine = lesson.model(X, Y, 0.1, 3, False, name, costs=costs)
        hint = "forward, loss, backward, update with the learning rate given"
        for i in range(3):
            if np.isfinite(known[i]):
                same(f"{name}: the cost at step {i}", costs[i], known[i], hint)
        for key, p in wanted.items():
            same(f"{name}: {key} after three steps", mine[key], p, hint)
