"""Checks for the exercises of c2w1-gradient-checking."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def network(seed=0, shapes=((5, 4), (3, 5), (1, 3)), m=3):
    """X (n_x, m), Y (1, m), and random parameters of these shapes."""
    rng = np.random.default_rng(seed)
    parameters = {}
    for layer, (n, before) in enumerate(shapes, 1):
        parameters[f"W{layer}"] = rng.standard_normal((n, before))
        parameters[f"b{layer}"] = rng.standard_normal((n, 1))
    X = rng.standard_normal((shapes[0][1], m))
    return X, (rng.random((1, m)) < 0.5).astype(int), parameters


def test_forward_propagation(lesson):
    same("J for x = 2, theta = 4", lesson.forward_propagation(2, 4), 8)
    same("J for x = -3, theta = 0.5", lesson.forward_propagation(-3, 0.5), -1.5)


def test_backward_propagation(lesson):
    hint = "the slope of theta x, when theta changes"
    same("dtheta for x = 3, theta = 4", lesson.backward_propagation(3, 4), 3, hint)
    same("dtheta for x = -2, theta = 5", lesson.backward_propagation(-2, 5), -2, hint)


def test_gradient_check(lesson):
    right = lesson.gradient_check(3, 4)
    assert right < 1e-8, (
        f"difference {right} for a right gradient: is it relative, and divided by 2 epsilon?")
    coarse = lesson.gradient_check(3, 4, epsilon=0.5)
    assert coarse < 1e-12, "J is a straight line: any epsilon is exact; use the argument"
    lesson.backward_propagation = lambda x, theta: 2 * x  # its globals are the lesson's
    hint = "|2x - x| / (|2x| + |x|)"
    same("the difference of a doubled gradient", lesson.gradient_check(3, 4), 1 / 3, hint)
    lesson.backward_propagation = lambda x, theta: -2 * x
    hint = "the norm of each, then their sum: |-2x - x| / (|-2x| + |x|)"
    same("the difference of -2 times the gradient", lesson.gradient_check(3, 4), 1.0, hint)
    lesson.forward_propagation = lambda x, theta: theta**3
    lesson.backward_propagation = lambda x, theta: 3 * theta**2
    hint = "nudge to both sides, and divide by 2 epsilon"
    error = lesson.gradient_check(0, 1, epsilon=0.01)
    same("the difference for theta^3", error, 1e-4 / 6.0001, hint, rtol=1e-3)


def test_forward_propagation_n(lesson):
    one = np.array([[1.0]])
    tiny = {"W1": 0.5 * one, "b1": 0 * one, "W2": 3 * one, "b2": 0 * one}
    tiny |= {"W3": -0.5 * one, "b3": 0 * one}
    cost, cache = result(
        "forward_propagation_n", lesson.forward_propagation_n(2 * one, one, tiny), 2
    )
    same("cost of the chain 2 -> 1 -> 3 -> -1.5", cost, np.log(1 + np.exp(1.5)))
    same("A3 of the chain", cache[9], [[1 / (1 + np.exp(1.5))]])
    X, Y, parameters = network(m=4)
    with untouched(X=X, parameters=parameters):
        cost, cache = lesson.forward_propagation_n(X, Y, parameters)
    same("A1", cache[1], np.maximum(0, parameters["W1"] @ X + parameters["b1"]), "relu")
    A3 = cache[9]
    same("cost", cost, -np.mean(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)), "1/m, minus")


def test_backward_propagation_n(lesson):
    X, Y, parameters = network(m=7)
    _, cache = lesson.forward_propagation_n(X, Y, parameters)
    with untouched(X=X, Y=Y, cache=cache):
        mine = lesson.backward_propagation_n(X, Y, cache)
    keys("the gradients", mine, ["dZ3", "dA2", "dZ2", "dA1", "dZ1"])
    gradients(
        lambda p: lesson.forward_propagation_n(X, Y, p)[0],
        parameters,
        mine,
        m=7,
        hint="dZ3 = A3 - Y; then dW = dZ A^T / m, db = sum dZ / m, dA = W^T dZ",
    )


def test_dictionary_to_vector(lesson):
    parameters = {"W1": np.array([[1.0, 2], [3, 4]]), "b1": np.array([[5.0], [6]])}
    parameters |= {"W2": np.array([[7.0, 8]]), "b2": np.array([[9.0]])}
    theta, names = result(
        "dictionary_to_vector", lesson.dictionary_to_vector(parameters), 2
    )
    hint = "W1 row by row, then b1, W2, b2; a column"
    same("theta", theta, np.arange(1.0, 10).reshape(-1, 1), hint)
    wanted = ["W1"] * 4 + ["b1"] * 2 + ["W2"] * 2 + ["b2"]
    assert list(names) == wanted, f"keys are {names}, they must be {wanted}"


def test_vector_to_dictionary(lesson):
    like = {"W1": np.zeros((2, 2)), "b1": np.zeros((2, 1))}
    like |= {"W2": np.zeros((1, 2)), "b2": np.zeros((1, 1))}
    column = np.arange(1.0, 10).reshape(-1, 1)
    with untouched(theta=column):
        back = lesson.vector_to_dictionary(column, like)
    keys("the parameters", back, list(like))
    same("W1", back["W1"], [[1, 2], [3, 4]], "row by row")
    same("b1", back["b1"], [[5], [6]], "begin where W1 ended")
    same("W2", back["W2"], [[7, 8]])
    same("b2", back["b2"], [[9]])
    parameters = network()[2]
    theta = np.concatenate([p.reshape(-1, 1) for p in parameters.values()])
    for name, p in lesson.vector_to_dictionary(theta).items():
        same(name, p, parameters[name])


def test_gradient_check_n(lesson):
    X, Y, parameters = network(seed=1)
    _, cache = lesson.forward_propagation_n(X, Y, parameters)
    right = lesson.backward_propagation_n(X, Y, cache)
    with untouched(parameters=parameters, gradients=right):
        difference = lesson.gradient_check_n(parameters, right, X, Y, epsilon=1e-5)
    assert difference < 1e-7, f"difference {difference} for right gradients"
    doubled = {name: 2 * value for name, value in right.items()}
    difference = lesson.gradient_check_n(parameters, doubled, X, Y)
    same("the difference of doubled gradients", difference, 1 / 3, rtol=1e-5)
    wrong = {name: value.copy() for name, value in right.items()}
    wrong["db3"] = -wrong["db3"]
    g = np.concatenate([right["d" + name].ravel() for name in parameters])
    share = 2 * np.abs(right["db3"].item()) / (2 * np.linalg.norm(g))
    difference = lesson.gradient_check_n(parameters, wrong, X, Y)
    hint = "is the last element nudged too? nudge one at a time, from a fresh copy"
    same("the difference with db3 turned round", difference, share, hint, rtol=1e-4)
