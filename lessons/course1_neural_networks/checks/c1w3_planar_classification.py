"""Checks for the exercises of c1w3-planar-classification."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, shape, untouched

NAMES = ["W1", "b1", "W2", "b2"]


def a_network(n_x=3, n_h=4, n_y=1, m=5):
    """Parameters, X, Y at which no gradient is small by accident."""
    rng = np.random.default_rng(1)
    sizes = {"W1": (n_h, n_x), "b1": (n_h, 1), "W2": (n_y, n_h), "b2": (n_y, 1)}
    parameters = {name: rng.standard_normal(size) for name, size in sizes.items()}
    return parameters, rng.standard_normal((n_x, m)), rng.integers(0, 2, (n_y, m))


def forward(parameters, X):
    """The formulas of the lesson, for comparison."""
    A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    return A1, 1 / (1 + np.exp(-(parameters["W2"] @ A1 + parameters["b2"])))


def cross_entropy(A2, Y):
    return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))


def test_layer_sizes(lesson):
    sizes = lesson.layer_sizes(np.zeros((5, 3)), np.zeros((2, 3)))
    same("the sizes for X (5, 3), Y (2, 3)", sizes, (5, 4, 2), "features are rows: shape[0]")


def test_initialize_parameters(lesson):
    parameters = lesson.initialize_parameters(3, 2, 4)
    keys("the parameters", parameters, NAMES)
    for name, size in {"W1": (2, 3), "b1": (2, 1), "W2": (4, 2), "b2": (4, 1)}.items():
        shape(name, parameters[name], size)
    np.random.seed(2)
    for name, size in (("W1", (2, 3)), ("W2", (4, 2))):
        drawn = 0.01 * np.random.randn(*size)
        same(name, parameters[name], drawn, "randn(n_out, n_in) * 0.01, W1 first, then W2")
    for name in ("b1", "b2"):
        same(name, parameters[name], np.zeros(parameters[name].shape), "biases of zeros")


def test_forward_propagation(lesson):
    parameters, X, _ = a_network()
    with untouched(parameters=parameters, X=X):
        A2, cache = result("forward_propagation", lesson.forward_propagation(X, parameters), 2)
    keys("the cache", cache, ["Z1", "A1", "Z2", "A2"])
    right_A1, right_A2 = forward(parameters, X)
    same("Z1", cache["Z1"], parameters["W1"] @ X + parameters["b1"], "W1 X + b1")
    same("A1", cache["A1"], right_A1, "tanh of Z1")
    same("Z2", cache["Z2"], parameters["W2"] @ right_A1 + parameters["b2"], "W2 A1 + b2")
    same("A2", A2, right_A2, "sigmoid of Z2")
    same("the cache's A2", cache["A2"], right_A2)


def test_compute_cost(lesson):
    A2, Y = np.array([[0.5, 0.9, 0.2]]), np.array([[1, 1, 0]])
    right = -(np.log(0.5) + np.log(0.9) + np.log(0.8)) / 3
    with untouched(A2=A2, Y=Y):
        cost = lesson.compute_cost(A2, Y)
    same("the cost", cost, right, "the mean over the examples")
    assert isinstance(cost, float), f"the cost is a {type(cost).__name__}, it must be a float"


def test_backward_propagation(lesson):
    for n_y in (1, 2):
        parameters, X, Y = a_network(n_y=n_y)
        A1, A2 = forward(parameters, X)
        cache = {"Z1": np.arctanh(A1), "A1": A1, "Z2": np.log(A2 / (1 - A2)), "A2": A2}
        with untouched(parameters=parameters, cache=cache, X=X, Y=Y):
            grads = lesson.backward_propagation(parameters, cache, X, Y)

        def cost(p, X=X, Y=Y, n_y=n_y):
            return n_y * cross_entropy(forward(p, X)[1], Y)

        hint = "see the table: dZ2, dW2, db2, dZ1, dW1, db1"
        gradients(cost, parameters, grads, m=X.shape[1], hint=hint)


def test_update_parameters(lesson):
    parameters, _, _ = a_network()
    grads = {f"d{name}": np.sin(p) for name, p in parameters.items()}
    with untouched(parameters=parameters, grads=grads):
        new = lesson.update_parameters(parameters, grads, learning_rate=0.3)
    keys("the new parameters", new, NAMES)
    for name in NAMES:
        step = parameters[name] - 0.3 * grads[f"d{name}"]
        same(name, new[name], step, "downhill: minus the learning rate times the gradient")
    new = lesson.update_parameters(parameters, grads)
    same("W1 with the usual rate 1.2", new["W1"], parameters["W1"] - 1.2 * grads["dW1"])


def test_nn_model(lesson):
    _, X, Y = a_network(n_x=2, m=20)
    costs = {}
    found = lesson.nn_model(X, Y, 3, num_iterations=30, costs=costs)
    keys("the parameters", found, NAMES)
    parameters = lesson.initialize_parameters(2, 3, 1)
    for i in range(30):
        A2, cache = lesson.forward_propagation(X, parameters)
        same(f"the cost of iteration {i}", costs[i], lesson.compute_cost(A2, Y))
        grads = lesson.backward_propagation(parameters, cache, X, Y)
        parameters = lesson.update_parameters(parameters, grads)
    for name in NAMES:
        same(name, found[name], parameters[name], "30 times forward, backward, update")


def test_predict(lesson):
    parameters, X, _ = a_network(m=40)
    labels = lesson.predict(parameters, X)
    right = forward(parameters, X)[1] > 0.5
    same("the labels", labels, right, "True where A2 is above one half")
    zeros = {name: 0 * p for name, p in parameters.items()}
    same("the labels at exactly one half", lesson.predict(zeros, X), np.zeros((1, 40)))
