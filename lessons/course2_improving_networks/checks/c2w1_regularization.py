"""Checks for the exercises of c2w1-regularization."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def network(seed=0, m=7, sizes=(2, 6, 3, 1)):
    """X (2, m), Y (1, m), and random parameters of a small network."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer in range(1, len(sizes)):
        shape = sizes[layer], sizes[layer - 1]
        parameters[f"W{layer}"] = rng.standard_normal(shape)
        parameters[f"b{layer}"] = 0.3 * rng.standard_normal((shape[0], 1))
    X = rng.standard_normal((2, m))
    return X, (rng.random((1, m)) < 0.5).astype(int), parameters


def test_compute_cost_with_regularization(lesson):
    _, Y, parameters = network()
    A3 = np.full(Y.shape, 0.25)
    plain = lesson.compute_cost(A3, Y)
    with untouched(parameters=parameters):
        without = lesson.compute_cost_with_regularization(A3, Y, parameters, 0)
    same("the cost for lambd = 0", without, plain, "only the cross-entropy is left")
    squares = sum(np.sum(parameters[name] ** 2) for name in ("W1", "W2", "W3"))
    mine = lesson.compute_cost_with_regularization(A3, Y, parameters, 0.6)
    hint = "lambd / (2 m) times the squares of W1, W2 and W3, without the biases"
    same("the L2 term for lambd = 0.6, m = 7", mine - plain, 0.6 / 14 * squares, hint)


def test_backward_propagation_with_regularization(lesson):
    X, Y, parameters = network(seed=1)
    _, cache = lesson.forward_propagation(X, parameters)
    with untouched(X=X, cache=cache):
        mine = lesson.backward_propagation_with_regularization(X, Y, cache, 0.9)

    def cost_of(p):
        squares = sum(np.sum(p[name] ** 2) for name in ("W1", "W2", "W3"))
        plain = lesson.compute_cost(lesson.forward_propagation(X, p)[0], Y)
        return plain + 0.9 / (2 * 7) * squares

    gradients(cost_of, parameters, mine, m=7, hint="dW + lambd / m * W; db as before")
    keys("the gradients", mine, ["dZ3", "dA2", "dZ2", "dA1", "dZ1"])


def test_forward_propagation_with_dropout(lesson):
    X, _, p = network(seed=2)
    with untouched(X=X, parameters=p):
        A3, cache = result(
            "forward_propagation_with_dropout",
            lesson.forward_propagation_with_dropout(X, p, keep_prob=0.7),
            2,
        )
    assert len(cache) == 14, f"the cache has {len(cache)} arrays, it must have 14"
    np.random.seed(1)
    D1, D2 = np.random.rand(6, 7) < 0.7, np.random.rand(3, 7) < 0.7
    Z1 = p["W1"] @ X + p["b1"]
    A1 = np.maximum(0, Z1) * D1 / 0.7
    Z2 = p["W2"] @ A1 + p["b2"]
    A2 = np.maximum(0, Z2) * D2 / 0.7
    Z3 = p["W3"] @ A2 + p["b3"]
    same("D1", cache[1], D1, "np.random.rand of the shape of A1, below keep_prob")
    same("Z1", cache[0], Z1, "W1 X + b1, before the mask")
    same("A1", cache[2], A1, "relu, times the mask, divided by keep_prob")
    same("D2", cache[6], D2, "drawn after D1, of the shape of A2")
    same("Z2", cache[5], Z2, "its input is A1 after dropout")
    same("A2", cache[7], A2, "relu, times the mask, divided by keep_prob")
    same("Z3", cache[10], Z3, "its input is A2 after dropout")
    same("A3", A3, 1 / (1 + np.exp(-Z3)), "no dropout in the last layer")


def test_backward_propagation_with_dropout(lesson):
    X, Y, parameters = network(seed=3, m=9)
    _, cache = lesson.forward_propagation_with_dropout(X, parameters, 0.6)
    with untouched(X=X, cache=cache):
        mine = lesson.backward_propagation_with_dropout(X, Y, cache, 0.6)
    keys("the gradients", mine, ["dZ3", "dA2", "dZ2", "dA1", "dZ1"])
    gradients(
        lambda p: lesson.compute_cost(
            lesson.forward_propagation_with_dropout(X, p, 0.6)[0], Y
        ),
        parameters,
        mine,
        m=9,
        hint="dA times the mask of its layer, divided by keep_prob",
    )


def test_model(lesson):
    X, Y, _ = network(seed=4, m=20)
    for settings in ({}, {"lambd": 0.8}, {"keep_prob": 0.7}):
        wanted, known = lesson.initialize_parameters([2, 20, 3, 1]), []
        for _ in range(3):
            if "keep_prob" in settings:
                A3, cache = lesson.forward_propagation_with_dropout(X, wanted, 0.7)
                grads = lesson.backward_propagation_with_dropout(X, Y, cache, 0.7)
            else:
                A3, cache = lesson.forward_propagation(X, wanted)
                grads = lesson.backward_propagation_with_regularization(
                    X, Y, cache, settings.get("lambd", 0)
                )
            lambd = settings.get("lambd", 0)
            known.append(
                lesson.compute_cost_with_regularization(A3, Y, wanted, lambd)
                if lambd
                else lesson.compute_cost(A3, Y)
            )
            wanted = {k: p - 0.2 * grads["d" + k] for k, p in wanted.items()}
        costs = {}
        mine = lesson.model(X, Y, 0.2, 3, False, **settings, costs=costs)
        for i in range(3):
            same(f"{settings}: the cost at step {i}", costs[i], known[i])
        for key, p in wanted.items():
            same(f"{settings}: {key} after three steps", mine[key], p)


def test_augment(lesson):
    X, Y, _ = network(seed=5, m=4000)
    np.random.seed(0)
    with untouched(X=X, Y=Y):
        more_X, more_Y = result("augment", lesson.augment(X, Y, 3, 0.1), 2)
    same("the labels", more_Y, np.tile(Y, (1, 4)), "each copy keeps its label")
    assert more_X.shape == (2, 16000), f"X has shape {more_X.shape}, not (2, 16000)"
    same("the first points", more_X[:, :4000], X, "the points themselves come first")
    for k in range(1, 4):
        moved = more_X[:, 4000 * k : 4000 * (k + 1)] - X
        same(f"the spread of copy {k}", moved.std(), 0.1, "randn * noise", rtol=0.05)
        same(f"the mean move of copy {k}", 1 + moved.mean(), 1, "randn, not rand", 0.01)
    first, second = more_X[:, 4000:8000], more_X[:, 8000:12000]
    assert np.abs(first - second).max() > 0.01, "draw new noise for each copy"


def test_stop_early(lesson):
    for errors, patience, right in (
        ([5, 4, 3, 4, 4, 1], 2, 2),
        ([5, 4, 3, 4, 4, 1], 3, 5),
        ([5, 4, 3, 4, 4, 1], 1, 2),
        ([3, 2, 1], 1, 2),
        ([1, 2, 3], 5, 0),
        ([2, 2, 2, 2, 1], 3, 0),
        ([2], 1, 0),
    ):
        mine = lesson.stop_early(errors, patience)
        same(f"stop_early({errors}, patience={patience})", mine, right)
