"""Checks for the exercises of c4w2-inception."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(8)
X = rng.standard_normal((2, 3, 4, 3)) - 0.5
SIZES = {"1": (1, 3, 2), "3r": (1, 3, 2), "3": (3, 2, 4), "5r": (1, 3, 3), "5": (5, 3, 1),
         "p": (1, 3, 2)}
PARAMETERS = {}
for name, (size, before, after) in SIZES.items():
    PARAMETERS["W" + name] = rng.standard_normal((size, size, before, after))
    PARAMETERS["b" + name] = rng.standard_normal((1, 1, 1, after))


def windows(X, f, border):
    """(m, n_H, n_W, n_C, f, f) around each pixel."""
    pad = (f - 1) // 2
    padded = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=border)
    return np.lib.stride_tricks.sliding_window_view(padded, (f, f), axis=(1, 2))


def pooled(X, f):
    return windows(X, f, -np.inf).max(axis=(4, 5))


def block(X, p):
    def conv(A, name):
        W = p["W" + name]
        Z = np.einsum("mhwcuv,uvck->mhwk", windows(A, W.shape[0], 0.0), W) + p["b" + name]
        return np.maximum(0, Z)

    parts = [conv(X, "1"), conv(conv(X, "3r"), "3"), conv(conv(X, "5r"), "5"),
             conv(pooled(X, 3), "p")]
    return np.concatenate(parts, axis=-1)


def test_multiplications(lesson):
    same("multiplications(28, 5, 192, 32)", lesson.multiplications(28, 5, 192, 32), 120422400)
    same("multiplications(28, 5, 192, 32, 16)", lesson.multiplications(28, 5, 192, 32, 16),
         12443648, "the 1 x 1 convolution first, then the large one on `reduced` channels")
    same("multiplications(3, 7, 2, 5)", lesson.multiplications(3, 7, 2, 5), 9 * 5 * 49 * 2)


def test_concatenate_forward(lesson):
    branches = [rng.standard_normal((2, 3, 4, n)) for n in (2, 1, 5)]
    with untouched(branches=branches):
        A, channels = result("concatenate_forward", lesson.concatenate_forward(branches), 2)
    right = np.zeros((2, 3, 4, 8))
    right[..., :2], right[..., 2:3], right[..., 3:] = branches
    same("A", A, right, "one behind the other along the channels")
    same("the channels", list(channels), [2, 1, 5])


def test_concatenate_backward(lesson):
    dA = rng.standard_normal((2, 3, 4, 8))
    with untouched(dA=dA):
        mine = lesson.concatenate_backward(dA, [2, 1, 5])
    assert len(mine) == 3, f"{len(mine)} slices for three branches"
    for place, right in enumerate((dA[..., :2], dA[..., 2:3], dA[..., 3:])):
        same(f"the slice of branch {place}", mine[place], right, "each gets what it gave")


def test_pool_same_forward(lesson):
    for f in (3, 5, 1):
        with untouched(X=X):
            P, cache = result("pool_same_forward", lesson.pool_same_forward(X, f), 2)
        result("the cache", cache, 2)
        shape(f"P for f = {f}", P, X.shape, "the size is kept")
        same(f"P for f = {f}", P, pooled(X, f), "the border never wins: minus infinity")
        blank = lesson.pool_same_forward(np.zeros((1, 3, 3, 1)), f)[1][0]
        first = windows(np.zeros((1, 3, 3, 1)), f, -1.0).reshape(1, 3, 3, 1, -1).argmax(4)
        same(f"best of equal numbers, f = {f}", blank, first, "the first that is largest")


def test_pool_same_backward(lesson):
    for f in (3, 5):
        dP = rng.standard_normal(X.shape)
        best = windows(X, f, -np.inf).reshape(*X.shape, f * f).argmax(axis=4)
        with untouched(dP=dP, best=best):
            dX = lesson.pool_same_backward(dP, (best, f))
        gradients(lambda p, dP=dP, f=f: np.sum(dP * pooled(p["X"], f)), {"X": X}, {"dX": dX},
                  hint="windows overlap: +=")


def test_inception_forward(lesson):
    with untouched(X=X, parameters=PARAMETERS):
        A, cache = result("inception_forward", lesson.inception_forward(X, PARAMETERS), 2)
    result("the cache", cache, 2)
    right = block(X, PARAMETERS)
    shape("A", A, right.shape)
    same("A", A, right, "the order of the branches: 1, 3, 5, pool; the pooling looks at X")


def test_inception_backward(lesson):
    A, cache = lesson.inception_forward(X, PARAMETERS)
    dA = rng.standard_normal(A.shape)
    with untouched(dA=dA):
        dX, grads = result("inception_backward", lesson.inception_backward(dA, cache), 2)
    gradients(lambda p: np.sum(dA * block(p["X"], p)), {"X": X, **PARAMETERS},
              {"dX": dX, **grads}, hint="dX is the sum of all four ways")


def test_inception_parameters(lesson):
    for f in (5, 3):
        sizes = (7, 2, 3, 4, 5, 6, 8)
        weights, channels = result(
            "inception_parameters", lesson.inception_parameters(*sizes, f=f), 2)
        kernels = ((1, 7, 2), (1, 7, 3), (3, 3, 4), (1, 7, 5), (f, 5, 6), (1, 7, 8))
        same(f"the weights for f = {f}", weights, sum(k * k * a * b for k, a, b in kernels),
             "six convolutions; the large ones read the reduced channels")
        same("the channels", channels, 2 + 3 + 4 + 5 + 6 + 8, "of all six convolutions")


def test_auxiliary_loss(lesson):
    labels = np.array([0, 2, 1])
    scores = [rng.standard_normal((3, 4)) for _ in range(3)]

    def cost(Z):
        return float(np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(3), labels]))

    costs = [cost(Z) for Z in scores]
    tensors, Y = [dls.Tensor(Z) for Z in scores], dls.Tensor(labels)
    mine = lesson.auxiliary_loss(tensors[0], Y)
    same("the cost of scores alone", mine.item(), costs[0], "in evaluation there are no heads")
    for weight in (0.3, 0.7):
        mine = lesson.auxiliary_loss(tuple(tensors), Y, weight)
        same(f"the cost with weight {weight}", mine.item(),
             costs[0] + weight * (costs[1] + costs[2]), "main + weight * (sum of the heads)")
    mine = lesson.auxiliary_loss(tuple(tensors[:2]), Y)
    same("the cost with one head", mine.item(), costs[0] + 0.3 * costs[1], "weight 0.3")
