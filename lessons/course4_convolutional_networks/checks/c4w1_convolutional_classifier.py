"""Checks for the exercises of c4w1-convolutional-classifier."""

import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls.learn.checking import gradients, keys, result, same, shape, untouched

rng = np.random.default_rng(6)
POOLS = (4, 2)
X, Y = rng.standard_normal((3, 16, 16, 2)), np.eye(5)[[4, 0, 2]]
SHAPES = {"W1": (4, 4, 2, 8), "b1": (1, 1, 1, 8), "W2": (2, 2, 8, 16), "b2": (1, 1, 1, 16),
          "W3": (64, 5), "b3": (1, 5)}
PARAMETERS = {name: 0.3 * rng.standard_normal(size) for name, size in SHAPES.items()}


def conv(A, W, b):
    """Z, with zeros so that its size is that of A."""
    f = W.shape[0]
    padded = np.pad(A, ((0, 0), ((f - 1) // 2, f // 2), ((f - 1) // 2, f // 2), (0, 0)))
    found = np.lib.stride_tricks.sliding_window_view(padded, (f, f), axis=(1, 2))
    return np.einsum("mhwcuv,uvck->mhwk", found, W) + b


def pool(A, f):
    m, n_H, n_W, n_C = A.shape
    return A.reshape(m, n_H // f, f, n_W // f, f, n_C).max(axis=(2, 4))


def forward(p, X):
    A = X
    for layer, f in enumerate(POOLS, 1):
        A = pool(np.maximum(0, conv(A, p[f"W{layer}"], p[f"b{layer}"])), f)
    return A.reshape(len(X), -1) @ p["W3"] + p["b3"]


def cost_of(p):
    Z3 = forward(p, X)
    return np.mean(np.log(np.exp(Z3).sum(axis=1)) - (Y * Z3).sum(axis=1))


def test_same_padding(lesson):
    for (n, f, s), right in {
        (64, 4, 1): (1, 2), (8, 2, 1): (0, 1), (7, 3, 1): (1, 1), (64, 8, 8): (0, 0),
        (10, 3, 2): (0, 1), (10, 5, 3): (2, 2), (9, 2, 4): (0, 1), (12, 2, 3): (0, 0),
    }.items():
        mine = result("same_padding", lesson.same_padding(n, f, s), 2)
        same(f"same_padding({n}, {f}, {s})", mine, right, "the smaller half comes first")


def test_pool_forward(lesson):
    A = rng.standard_normal((2, 6, 9, 4))
    A[0, :3, :3, 0] = 1.5  # a window of equal numbers
    with untouched(A=A):
        P, mask = result("pool_forward", lesson.pool_forward(A, 3), 2)
    same("P", P, pool(A, 3), "the largest of each block of f x f")
    shape("the mask", mask, (2, 2, 3, 4, 9))
    same("the sum of the mask in each window", np.sum(mask, axis=4), np.ones((2, 2, 3, 4)),
         "one 1 in each window, at the first largest")
    window = A[1, 3:6, 6:9, 2].ravel()
    same("the mask of one window", mask[1, 1, 2, 2], window == window.max(), "rows first")
    same("the mask of a window of equal numbers", mask[0, 0, 0, 0], np.eye(9)[0], "the first")


def test_pool_backward(lesson):
    A = rng.standard_normal((2, 6, 9, 4))
    found = np.lib.stride_tricks.sliding_window_view(A, (3, 3), axis=(1, 2))[:, ::3, ::3]
    flat = found.reshape(2, 2, 3, 4, 9)
    mask = (flat == flat.max(axis=4, keepdims=True)).astype(float)
    dP = rng.standard_normal((2, 2, 3, 4))
    with untouched(dP=dP, mask=mask):
        mine = lesson.pool_backward(dP, mask)
    gradients(lambda p: np.sum(dP * pool(p["A"], 3)), {"A": A}, {"dA": mine})


def test_forward_propagation(lesson):
    with untouched(X=X, parameters=PARAMETERS):
        answer = lesson.forward_propagation(X, PARAMETERS, POOLS)
    Z3, caches = result("forward_propagation", answer, 2)
    same("Z3", Z3, forward(PARAMETERS, X), "convolve, ReLU, pool; twice; then linear")
    assert len(caches) == 3, f"{len(caches)} caches: two rounds and flat make 3"


def test_compute_cost(lesson):
    Z3 = rng.standard_normal((3, 5))
    right = np.mean(np.log(np.exp(Z3).sum(axis=1)) - (Y * Z3).sum(axis=1))
    mine = lesson.compute_cost(Z3, Y)
    same("the cost", mine, right, "the mean over examples of -log p of the right class")
    same("the cost of large scores", lesson.compute_cost(Z3 + 1000, Y), right,
         "subtract the largest score first", rtol=1e-6)
    same("the cost of small scores", lesson.compute_cost(Z3 - 1000, Y), right,
         "subtract the largest score first", rtol=1e-6)


def test_backward_propagation(lesson):
    Z3, caches = lesson.forward_propagation(X, PARAMETERS, POOLS)
    with untouched(Z3=Z3, Y=Y, parameters=PARAMETERS):
        grads = lesson.backward_propagation(Z3, Y, caches, PARAMETERS)
    keys("grads", grads, [f"d{name}" for name in PARAMETERS])
    gradients(cost_of, PARAMETERS, {f"d{name}": grads[f"d{name}"] for name in PARAMETERS}, m=3)


def weights_into(model, names):
    """The parameters above, in the engine's shapes."""
    W3 = PARAMETERS["W3"].reshape(2, 2, 16, 5).transpose(2, 0, 1, 3).reshape(64, 5)
    state = {f"{names[2]}.weight": W3.T, f"{names[2]}.bias": PARAMETERS["b3"].ravel()}
    for layer, name in zip("12", names[:2], strict=True):
        state[f"{name}.weight"] = PARAMETERS["W" + layer].transpose(3, 2, 0, 1)
        state[f"{name}.bias"] = PARAMETERS["b" + layer].ravel()
    model.double().load_state_dict(state)


def check_model(model, names):
    weights_into(model, names)
    scores = model(dls.Tensor(np.ascontiguousarray(X.transpose(0, 3, 1, 2))))
    F.cross_entropy(scores, [4, 0, 2])
    same("the scores", scores.numpy(), forward(PARAMETERS, X), "pad, convolve, ReLU, pool")


def test_convolutional_model(lesson):
    model = lesson.convolutional_model(16, 2, 5, POOLS)
    kinds = [type(layer).__name__ for layer in model]
    right = ["ZeroPad2d", "Conv2d", "ReLU", "MaxPool2d"] * 2 + ["Flatten", "Linear"]
    assert kinds == right, f"the layers are {kinds}, they must be {right}"
    check_model(model, ("1", "5", "9"))


def test_ConvolutionalModel_forward(lesson):
    model = lesson.ConvolutionalModel(16, 2, 5, POOLS)
    check_model(model, ("conv1", "conv2", "linear"))
