"""Checks for the exercises of c4w1-happy-house."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls.learn.checking import gradients, keys, result, same, shape, untouched

rng = np.random.default_rng(8)
Z = 2 * rng.standard_normal((3, 4, 2, 3)) + [1.0, -2.0, 0.5]
GAMMA, BETA = rng.standard_normal(3), rng.standard_normal(3)
EPS = 0.3  # large, so that a forgotten eps shows


def normalized(Z, gamma, beta, eps=EPS):
    """Z~ by the formula, channel by channel."""
    channels = []
    for c in range(Z.shape[3]):
        z = Z[..., c]
        squares = ((z - z.sum() / z.size) ** 2).sum() / z.size
        channels.append(gamma[c] * (z - z.sum() / z.size) / (squares + eps) ** 0.5 + beta[c])
    return np.stack(channels, axis=3)


def test_batchnorm_forward(lesson):
    with untouched(Z=Z, gamma=GAMMA, beta=BETA):
        answer = lesson.batchnorm_forward(Z, GAMMA, BETA, EPS)
    Z_tilde, mean, variance, cache = result("batchnorm_forward", answer, 4)
    same("the mean", mean, np.einsum("mhwc->c", Z) / 24, "over examples, rows and columns")
    centered = Z - np.einsum("mhwc->c", Z) / 24
    same("the variance", variance, np.einsum("mhwc->c", centered**2) / 24, "divided by M")
    same("Z~", Z_tilde, normalized(Z, GAMMA, BETA), "eps is inside the square root")
    result("the cache", cache, 4)


def test_batchnorm_backward(lesson):
    dZ_tilde = rng.standard_normal(Z.shape)
    variance = Z.var(axis=(0, 1, 2))
    Z_hat = (Z - Z.mean(axis=(0, 1, 2))) / np.sqrt(variance + EPS)
    with untouched(dZ_tilde=dZ_tilde, Z_hat=Z_hat, gamma=GAMMA):
        answer = lesson.batchnorm_backward(dZ_tilde, (Z_hat, GAMMA, variance, EPS))
    dZ, dgamma, dbeta = result("batchnorm_backward", answer, 3)
    gradients(
        lambda p: np.sum(dZ_tilde * normalized(p["Z"], p["gamma"], p["beta"])),
        {"Z": Z, "gamma": GAMMA, "beta": BETA},
        {"dZ": dZ, "dgamma": dgamma, "dbeta": dbeta},
        hint="the mean and the variance depend on Z as well",
    )


def test_update_moving(lesson):
    moving = {"mean": np.array([2.0, -3.0]), "variance": np.array([0.5, 2.0])}
    mean, variance = np.array([3.0, 4.0]), np.array([5.0, 6.0])
    with untouched(moving=moving, mean=mean, variance=variance):
        new = lesson.update_moving(moving, mean, variance, 4, alpha=0.2)
    keys("the new statistics", new, ["mean", "variance"])
    same("the mean", new["mean"], [2.2, -1.6], "(1 - alpha) old + alpha new")
    unbiased = np.array([20.0, 24.0]) / 3
    same("the variance", new["variance"], [0.4, 1.6] + 0.2 * unbiased, "times M / (M - 1)")


def test_batchnorm_predict(lesson):
    moving = {"mean": np.array([1.0, -1.0, 0.0]), "variance": np.array([0.5, 2.0, 3.0])}
    with untouched(Z=Z, moving=moving):
        mine = lesson.batchnorm_predict(Z, GAMMA, BETA, moving, EPS)
    right = np.empty(Z.shape)
    for c in range(3):
        width = (moving["variance"][c] + EPS) ** 0.5
        right[..., c] = GAMMA[c] * (Z[..., c] - moving["mean"][c]) / width + BETA[c]
    same("Z~", mine, right, "the moving statistics, not those of the batch")


def test_happy_model(lesson):
    model = lesson.happy_model(10, 2)
    kinds = [type(layer).__name__ for layer in model]
    right = ["ZeroPad2d", "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]
    assert kinds == right, f"the layers are {kinds}, they must be {right}"
    x = dls.zeros((2, 2, 10, 10))
    sizes = ((16, 16), (10, 10), (10, 10), (10, 10), (5, 5))
    for layer, size in zip(model, sizes, strict=False):
        x = layer(x)
        shape(f"what {layer} gives", x.numpy(), (2, 2 if size == (16, 16) else 32, *size))
    shape("the scores", model(dls.zeros((3, 2, 10, 10))).numpy(), (3, 1))
    shape("the scores for 25 pixels", lesson.happy_model(25, 1)(dls.zeros((2, 1, 25, 25))).numpy(),
          (2, 1))
