"""Checks for the exercises of c1w4-cat-classifier."""

import contextlib
import io

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, shape, untouched

SIZES = [4, 5, 3, 1]
rng = np.random.default_rng(3)
X, Y = rng.standard_normal((4, 6)), np.array([[1, 0, 1, 1, 0, 0]])
PARAMETERS = {
    f"{kind}{layer}": rng.standard_normal((SIZES[layer], SIZES[layer - 1] if kind == "W" else 1))
    for layer in (1, 2, 3)
    for kind in "Wb"
}


def forward(parameters, X):
    """AL, and the caches, by the formulas of the lesson."""
    A, caches, last = X, [], len(parameters) // 2
    for layer in range(1, last + 1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        Z = W @ A + b
        caches.append(((A, W, b), Z))
        A = np.maximum(0, Z) if layer < last else 1 / (1 + np.exp(-Z))
    return A, caches


def cost_of(parameters):
    AL = forward(parameters, X)[0]
    return -np.mean(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))


def test_relu_backward(lesson):
    dA, Z = np.array([[1.0, -2.0, 3.0, 4.0]]), np.array([[-1.0, 5.0, 0.0, 0.1]])
    with untouched(dA=dA, Z=Z):
        dZ = lesson.relu_backward(dA, Z)
    same("dZ", dZ, [[0, -2, 0, 4]], "dA where Z > 0, else 0")


def test_initialize_parameters(lesson):
    parameters = lesson.initialize_parameters(3, 2, 1)
    keys("the parameters", parameters, ["W1", "b1", "W2", "b2"])
    np.random.seed(1)
    for name, size in (("W1", (2, 3)), ("W2", (1, 2))):
        same(name, parameters[name], 0.01 * np.random.randn(*size), "randn * 0.01, W1 first")
    same("b1", parameters["b1"], np.zeros((2, 1)))
    same("b2", parameters["b2"], np.zeros((1, 1)))


def test_initialize_parameters_deep(lesson):
    parameters = lesson.initialize_parameters_deep([5, 4, 3, 2], seed=7)
    assert len(parameters) == 6, f"{len(parameters)} parameters for three layers, not 6"
    np.random.seed(7)
    for layer, size in enumerate([(4, 5), (3, 4), (2, 3)], 1):
        keys("the parameters", parameters, [f"W{layer}", f"b{layer}"])
        drawn = np.random.randn(*size) / np.sqrt(size[1])
        same(f"W{layer}", parameters[f"W{layer}"], drawn, "divided by the root of n before")
        same(f"b{layer}", parameters[f"b{layer}"], np.zeros((size[0], 1)))


def test_linear_forward(lesson):
    W, b = PARAMETERS["W1"], PARAMETERS["b1"]
    Z, cache = result("linear_forward", lesson.linear_forward(X, W, b), 2)
    same("Z", Z, W @ X + b, "W A + b")
    result("the cache", cache, 3)


def test_linear_activation_forward(lesson):
    W, b = PARAMETERS["W1"], PARAMETERS["b1"]
    right = {"relu": np.maximum(0, W @ X + b), "sigmoid": 1 / (1 + np.exp(-(W @ X + b)))}
    for activation, A_right in right.items():
        name = f"linear_activation_forward(..., {activation!r})"
        A, cache = result(name, lesson.linear_activation_forward(X, W, b, activation), 2)
        same(f"A of {activation}", A, A_right)
        linear_cache, Z = result("the cache", cache, 2)
        same("the A_prev in the cache", result("the linear cache", linear_cache, 3)[0], X)
        same("the Z in the cache", Z, W @ X + b)


def test_L_model_forward(lesson):
    with untouched(parameters=PARAMETERS, X=X):
        AL, caches = result("L_model_forward", lesson.L_model_forward(X, PARAMETERS), 2)
    right, right_caches = forward(PARAMETERS, X)
    assert len(caches) == 3, f"{len(caches)} caches for 3 layers"
    for layer, (cache, known) in enumerate(zip(caches, right_caches, strict=True), 1):
        same(f"A_prev in the cache of layer {layer}", cache[0][0], known[0][0])
        same(f"Z in the cache of layer {layer}", cache[1], known[1])
    same("AL", AL, right, "ReLU in all layers but the last, which has the sigmoid")


def test_compute_cost(lesson):
    cost = lesson.compute_cost(np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]]))
    right = -(np.log(0.8) + np.log(0.9) + np.log(0.6)) / 3  # 0.2798
    same("the cost", cost, right, "the mean of -y log a - (1 - y) log(1 - a)")
    assert isinstance(cost, float), f"the cost is a {type(cost).__name__}, it must be a float"


def test_linear_backward(lesson):
    W, b, dZ = PARAMETERS["W1"], PARAMETERS["b1"], rng.standard_normal((5, 6))
    with untouched(dZ=dZ, A_prev=X, W=W):
        answer = lesson.linear_backward(dZ, (X, W, b))
    dA_prev, dW, db = result("linear_backward", answer, 3)
    # J = mean over examples of dZ . Z has these derivatives
    gradients(
        lambda p: np.sum(dZ * (p["W"] @ X + p["b"])) / 6,
        {"W": W, "b": b},
        {"dW": dW, "db": db},
        m=6,
    )
    same("dA_prev", dA_prev, W.T @ dZ, "through the weights; without 1/m")


def test_linear_activation_backward(lesson):
    W, b, dA = PARAMETERS["W1"], PARAMETERS["b1"], rng.standard_normal((5, 6))
    Z = W @ X + b
    s = 1 / (1 + np.exp(-Z))
    for activation, dZ in (("relu", dA * (Z > 0)), ("sigmoid", dA * s * (1 - s))):
        answer = lesson.linear_activation_backward(dA, ((X, W, b), Z), activation)
        dA_prev, dW, db = result("linear_activation_backward", answer, 3)
        hint = f"first through the activation ({activation}), then linear_backward"
        same("dW", dW, dZ @ X.T / 6, hint)
        same("db", db, dZ.sum(axis=1, keepdims=True) / 6, hint)
        same("dA_prev", dA_prev, W.T @ dZ, hint)


def test_L_model_backward(lesson):
    AL, caches = forward(PARAMETERS, X)
    with untouched(AL=AL, Y=Y, parameters=PARAMETERS):
        grads = lesson.L_model_backward(AL, Y, caches)
    gradients(cost_of, PARAMETERS, grads, m=6)
    keys("grads", grads, ["dA0", "dA1", "dA2"])
    for layer in (0, 1, 2):
        shape(f"dA{layer}", grads[f"dA{layer}"], (SIZES[layer], 6))
    gradients(
        lambda p: 6 * -np.mean(Y * np.log(f := forward(PARAMETERS, p["A0"])[0])
                               + (1 - Y) * np.log(1 - f)),
        {"A0": X},
        {"dA0": grads["dA0"]},
        hint="dA has no 1/m in it",
    )
    assert "dA3" not in grads, "dA of layer l - 1 belongs to step l: dA0, dA1, dA2"


def test_update_parameters(lesson):
    grads = {f"d{name}": np.cos(p) for name, p in PARAMETERS.items()}
    with untouched(parameters=PARAMETERS, grads=grads):
        new = lesson.update_parameters(PARAMETERS, grads, 0.2)
    keys("the new parameters", new, list(PARAMETERS))
    for name, p in PARAMETERS.items():
        same(name, new[name], p - 0.2 * grads[f"d{name}"], "minus the rate times the gradient")


def test_predict(lesson):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        labels = lesson.predict(X, Y, PARAMETERS)
        zeros = lesson.predict(X, Y, {name: 0 * p for name, p in PARAMETERS.items()})
    same("the labels", labels, forward(PARAMETERS, X)[0] > 0.5, "1 above one half")
    same("the labels at exactly one half", zeros, np.zeros((1, 6)))
    assert "Accuracy" in said.getvalue()


def test_two_layer_model(lesson):
    answer = lesson.two_layer_model(X, Y, (4, 3, 1), 0.5, num_iterations=120)
    found, costs = result("two_layer_model", answer, 2)
    check_training(lesson.initialize_parameters(4, 3, 1), found, costs)


def test_L_layer_model(lesson):
    answer = lesson.L_layer_model(X, Y, SIZES, 0.5, num_iterations=120)
    found, costs = result("L_layer_model", answer, 2)
    check_training(lesson.initialize_parameters_deep(SIZES), found, costs)


def check_training(parameters, found, costs):
    """120 steps with learning rate 0.5, by the formulas, with measured costs."""
    known = []
    for i in range(120):
        AL, caches = forward(parameters, X)
        if i in (0, 100, 119):
            known.append(cost_of(parameters))
        grads, dZ = {}, AL - Y
        for layer in reversed(range(1, len(caches) + 1)):
            (A_prev, W, _), _ = caches[layer - 1]
            grads[f"W{layer}"] = dZ @ A_prev.T / 6
            grads[f"b{layer}"] = dZ.sum(axis=1, keepdims=True) / 6
            if layer > 1:
                dZ = (W.T @ dZ) * (caches[layer - 2][1] > 0)
        parameters = {name: p - 0.5 * grads[name] for name, p in parameters.items()}
    same("the first cost", costs[0], known[0])
    same("the costs at iterations 0, 100, 119", costs, known, rtol=1e-6)
    for name, p in parameters.items():
        same(f"{name} after 120 steps", found[name], p, rtol=1e-6)
