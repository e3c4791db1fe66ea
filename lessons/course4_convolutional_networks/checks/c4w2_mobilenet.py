"""Checks for the exercises of c4w2-mobilenet."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import models, nn
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched
from tinygrad_dls.vision import transforms

rng = np.random.default_rng(6)
X = 2 * rng.standard_normal((2, 5, 4, 3))
SETTINGS = ((2, 6, 2), (1, 5, 1), (3, 8, 2))


def filtered(A, W, s):
    """Each channel with its own filter, by windows."""
    f = W.shape[0]
    pad = (f - 1) // 2
    padded = np.pad(A, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    found = np.lib.stride_tricks.sliding_window_view(padded, (f, f), axis=(1, 2))
    return np.einsum("mhwcuv,uvc->mhwc", found[:, ::s, ::s], W)


def six(Z):
    return np.minimum(np.maximum(0, Z), 6)


def inverted(X, p, s):
    E = six(np.einsum("mhwc,ck->mhwk", X, p["We"]))
    Y = np.einsum("mhwc,ck->mhwk", six(filtered(E, p["Wd"], s)), p["Wp"])
    return Y + X if s == 1 and Y.shape == X.shape else Y


def parameters(n_C, wide=4):
    return {
        "We": rng.standard_normal((3, wide)),
        "Wd": 1.5 * rng.standard_normal((3, 3, wide)),
        "Wp": rng.standard_normal((wide, n_C)),
    }


def test_multiplications(lesson):
    names = ("a normal convolution", "the depthwise one", "the pointwise one")
    for sizes, right in (
        ((4, 3, 3, 5), (2160, 432, 240)),
        ((7, 5, 2, 11), (49 * 11 * 25 * 2, 49 * 2 * 25, 49 * 11 * 2)),
    ):
        mine = result("multiplications", lesson.multiplications(*sizes), 3)
        for name, count, known in zip(names, mine, right, strict=True):
            same(f"{name} of multiplications{sizes}", count, known, "outputs times filter")


def test_depthwise_forward(lesson):
    for f, s in ((3, 1), (3, 2), (5, 1), (1, 2), (3, 3)):
        W = rng.standard_normal((f, f, 3))
        with untouched(A_prev=X, W=W):
            Z, cache = result("depthwise_forward", lesson.depthwise_forward(X, W, s), 2)
        result("the cache", cache, 4)
        right = filtered(X, W, s)
        shape(f"Z for f = {f}, s = {s}", Z, right.shape)
        same(f"Z for f = {f}, s = {s}", Z, right, "no sum over channels")


def test_depthwise_backward(lesson):
    for f, s in ((3, 1), (3, 2), (5, 1)):
        W = rng.standard_normal((f, f, 3))
        pad = (f - 1) // 2
        padded = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        dZ = rng.standard_normal(filtered(X, W, s).shape)
        with untouched(dZ=dZ, W=W):
            answer = lesson.depthwise_backward(dZ, (X.shape, padded, W, s))
        dA_prev, dW = result("depthwise_backward", answer, 2)
        gradients(
            lambda p, dZ=dZ, s=s: np.sum(dZ * filtered(p["A_prev"], p["W"], s)),
            {"A_prev": X, "W": W}, {"dA_prev": dA_prev, "dW": dW},
            hint=f"f = {f}, s = {s}: each channel by itself; windows overlap: +=",
        )


def test_inverted_residual(lesson):
    for n_C, s in ((3, 1), (3, 2), (5, 1)):
        p = parameters(n_C)
        with untouched(X=X, parameters=p):
            answer = lesson.inverted_residual(X, p, s)
        Y, cache = result("inverted_residual", answer, 2)
        result("the cache", cache, 5)
        right = inverted(X, p, s)
        shape(f"Y for stride {s}, 3 to {n_C} channels", Y, right.shape)
        same(f"Y for stride {s}, 3 to {n_C} channels", Y, right,
             "ReLU6 behind the first two, none behind the last; the sum where shapes agree")


def test_inverted_residual_backward(lesson):
    for n_C, s in ((3, 1), (3, 2), (5, 1)):
        p = parameters(n_C)
        Y, cache = lesson.inverted_residual(X, p, s)
        dY = rng.standard_normal(Y.shape)
        with untouched(dY=dY):
            answer = lesson.inverted_residual_backward(dY, cache)
        dX, grads = result("inverted_residual_backward", answer, 2)
        gradients(
            lambda q, dY=dY, s=s: np.sum(dY * inverted(q["X"], q, s)),
            {"X": X, **p}, {"dX": dX, **grads},
            hint=f"stride {s}, 3 to {n_C} channels; ReLU6 is flat above 6 as well",
        )


def test_mobilenet_parameters(lesson):
    model = models.MobileNetV2(
        1, inverted_residual_setting=[(t, c, n, 1) for t, c, n in SETTINGS], round_nearest=1)
    kinds = list(model.features.parameters())
    weights = sum(p.size for p in kinds if p.ndim == 4)
    norms = sum(p.size for p in kinds if p.ndim == 1)
    mine = lesson.mobilenet_parameters(SETTINGS)
    same("the weights of convolutions", mine["weights"], weights,
         "expand, 9 for each wide channel, project; with t = 1 nothing to expand")
    same("scales and shifts", mine["batch_norm"], norms, "a batch norm behind each convolution")
    same("moving statistics", mine["moving"], norms, "as many as scales and shifts")


def base():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Dropout(0.5),
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), nn.Flatten(), nn.Linear(12, 4),
    )


def test_freeze(lesson):
    network = base()
    sizes = [sum(p.size for p in layer.parameters()) for layer in network]
    for layers in (5, 2, 3, 0, 1):  # also thaws what was frozen
        mine = lesson.freeze(network, layers)
        same(f"freeze(base, {layers})", mine, sum(sizes[layers:]), "numbers that can move")
        for place, layer in enumerate(network):
            for p in layer.parameters():
                assert p.requires_grad == (place >= layers), (
                    f"freeze(base, {layers}): a parameter of layer {place} has "
                    f"requires_grad {p.requires_grad}")


def test_TransferNetwork_train(lesson):
    network = lesson.TransferNetwork(base(), nn.Linear(4, 2))
    for p in network.base[0].parameters():
        p.requires_grad = False
    weight = next(iter(network.base[2].parameters()))
    weight.requires_grad = False  # the rest of this layer still learns
    assert network.train() is network, "train returns the network"
    modes = [layer.training for layer in network.base]
    assert modes == [False, True, True, True, True], (
        f"in training mode, the modes of base's layers are {modes}: layer 0 is frozen, layer 1 "
        "has no parameters, layer 2 can move in part")
    assert not network.base[0][1].training, "the batch norm inside of a frozen layer, too"
    assert network.head.training and network.training
    network.eval()
    assert not any(layer.training for layer in network.modules()), "eval() is for all layers"


def test_data_augmenter(lesson):
    pictures = np.random.default_rng(2).uniform(0, 1, (6, 1, 8, 8)).astype("float32")
    for flip in (False, True):
        mine = lesson.data_augmenter(8, 15, 2, flip, fill=-3.0, generator=dls.Generator(4))
        generator = dls.Generator(4)
        steps = [
            transforms.RandomRotation(15, "bilinear", -3.0, generator),
            transforms.RandomCrop(8, padding=2, fill=-3.0, generator=generator),
            *([transforms.RandomHorizontalFlip(0.5, generator)] if flip else []),
        ]
        kinds = [type(step).__name__ for step in mine.transforms]
        right = [type(step).__name__ for step in steps]
        assert kinds == right, f"with flip={flip} the steps are {kinds}, they must be {right}"
        same(f"the pictures with flip={flip}", mine(pictures),
             transforms.Compose(steps)(pictures),
             "bilinear rotation; all draw from `generator`; blank pixels are `fill`")
