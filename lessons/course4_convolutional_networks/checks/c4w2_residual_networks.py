"""Checks for the exercises of c4w2-residual-networks."""

from functools import cache

import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(5)
X = np.maximum(0, rng.standard_normal((2, 3, 4, 5))) + 0.1
Z = rng.standard_normal((3, 2, 4, 3)) * [1, 2, 3] + [5, 0, -1]
GAMMA, BETA = rng.standard_normal((2, 1, 1, 1, 3))
EPSILON = 1e-3


def normalized(Z, gamma, beta, training=True, moving=(0.0, 1.0), epsilon=EPSILON):
    """Batch norm, one channel after the other."""
    out = np.zeros(Z.shape)
    for c in range(Z.shape[3]):
        z = Z[..., c]
        mu, var = (z.mean(), ((z - z.mean()) ** 2).mean()) if training else moving
        out[..., c] = gamma[..., c] * (z - mu) / np.sqrt(var + epsilon) + beta[..., c]
    return out


def convolved(X, W, b, s=1, same=False):
    f = W.shape[0]
    pad = ((f - 1) // 2, f // 2) if same else (0, 0)
    X = np.pad(X, ((0, 0), pad, pad, (0, 0)))
    found = np.lib.stride_tricks.sliding_window_view(X, (f, f), axis=(1, 2))[:, ::s, ::s]
    return np.einsum("mhwcuv,uvck->mhwk", found, W) + b


def block(X, p, s, training):
    """Either block, by einsum; with a shortcut convolution where p has one."""
    def part(X, name, s=1, same=False):
        found = convolved(X, p["W" + name], p["b" + name], s, same)
        return normalized(found, p["gamma" + name], p["beta" + name], training)

    A = np.maximum(0, part(X, "1", s))
    A = part(np.maximum(0, part(A, "2", same=True)), "3")
    return np.maximum(0, A + (part(X, "s", s) if "Ws" in p else X))


def parameters(n_C, f, filters, shortcut=False):
    F1, F2, F3 = filters
    shapes = {"1": (1, 1, n_C, F1), "2": (f, f, F1, F2), "3": (1, 1, F2, F3)}
    shapes |= {"s": (1, 1, n_C, F3)} if shortcut else {}
    p = {}
    for name, size in shapes.items():
        p["W" + name] = rng.standard_normal(size)
        for kind in ("b", "gamma", "beta"):
            p[kind + name] = rng.standard_normal((1, 1, 1, size[3]))
    return p


FORWARD = {
    True: parameters(5, 2, [2, 3, 5]),  # filters of even size as well
    False: parameters(5, 3, [2, 3, 5]),
}
STRIDED = {
    True: parameters(5, 3, [2, 3, 4], shortcut=True),
    False: parameters(5, 2, [2, 3, 4], shortcut=True),
}


def test_batchnorm_forward(lesson):
    with untouched(Z=Z, gamma=GAMMA, beta=BETA):
        mine, cache = result(
            "batchnorm_forward", lesson.batchnorm_forward(Z, GAMMA, BETA, epsilon=0.1), 2)
    result("the cache", cache, 4)
    same("Z_tilde in training", mine, normalized(Z, GAMMA, BETA, epsilon=0.1),
         "mean and variance over axes 0, 1 and 2; epsilon is inside of the root")
    mine, _ = lesson.batchnorm_forward(Z, GAMMA, BETA, training=False, moving=(0.5, 4.0))
    same("Z_tilde when it predicts", mine, normalized(Z, GAMMA, BETA, False, (0.5, 4.0)),
         "with the mean and the variance in `moving`")


def test_batchnorm_backward(lesson):
    for training in (True, False):
        moving = (0.5, 4.0)
        var = Z.var(axis=(0, 1, 2), keepdims=True) if training else 4.0
        ones, zeros = np.ones(GAMMA.shape), np.zeros(GAMMA.shape)
        Z_norm = normalized(Z, ones, zeros, training, moving)
        dZ_tilde = rng.standard_normal(Z.shape)
        cache = (Z_norm, GAMMA, np.sqrt(var + EPSILON), training)
        with untouched(dZ_tilde=dZ_tilde, Z_norm=Z_norm, gamma=GAMMA):
            answer = lesson.batchnorm_backward(dZ_tilde, cache)
        dZ, dgamma, dbeta = result("batchnorm_backward", answer, 3)
        gradients(
            lambda p, d=dZ_tilde, training=training: np.sum(
                d * normalized(p["Z"], p["gamma"], p["beta"], training, (0.5, 4.0))),
            {"Z": Z, "gamma": GAMMA, "beta": BETA},
            {"dZ": dZ, "dgamma": dgamma, "dbeta": dbeta},
            hint=f"training={training}",
        )


def test_identity_block(lesson):
    for training, f in ((True, 2), (False, 3)):
        p = FORWARD[training]
        with untouched(X=X, parameters=p):
            answer = lesson.identity_block(X, f, [2, 3, 5], training, parameters=p)
        A, cache = result("identity_block", answer, 2)
        result("the cache", cache, 6)
        shape("A", A, X.shape, "the second convolution keeps the size")
        same(f"A with training={training}", A, block(X, p, 1, training),
             "ReLU behind the first two batch norms; then the sum; then ReLU")


def test_identity_block_backward(lesson):
    for training, f in ((True, 2), (False, 3)):
        p = FORWARD[training]
        dA = rng.standard_normal(X.shape)
        _, cache = lesson.identity_block(X, f, [2, 3, 5], training, parameters=p)
        answer = lesson.identity_block_backward(dA, cache)
        check_backward(answer, dA, p, 1, training, "identity_block_backward")


def test_convolutional_block(lesson):
    for s in (2, 1, 3):
        for training, f in ((True, 3), (False, 2)):
            p = STRIDED[training]
            with untouched(X=X, parameters=p):
                answer = lesson.convolutional_block(X, f, [2, 3, 4], s, training, parameters=p)
            A, cache = result("convolutional_block", answer, 2)
            result("the cache", cache, 7)
            right = block(X, p, s, training)
            shape(f"A for s = {s}", A, right.shape,
                  "the stride is in the first convolution and in the shortcut")
            same(f"A for s = {s}, training={training}", A, right,
                 "the shortcut has no ReLU before the sum")


def test_convolutional_block_backward(lesson):
    for s in (2, 1):
        for training, f in ((True, 3), (False, 2)):
            p = STRIDED[training]
            A, cache = lesson.convolutional_block(X, f, [2, 3, 4], s, training, parameters=p)
            dA = rng.standard_normal(A.shape)
            answer = lesson.convolutional_block_backward(dA, cache)
            check_backward(answer, dA, p, s, training, "convolutional_block_backward")


def check_backward(answer, dA, p, s, training, name):
    """dX and all gradients by central differences; biases before a batch norm have none."""
    dX, grads = result(name, answer, 2)
    idle = {k for k in p if training and k[0] == "b" and k[:4] != "beta"}
    for k in idle:
        same(f"d{k}", grads[f"d{k}"] + 1.0, np.ones(p[k].shape), "the mean takes a bias away")
    moved = {"X": X} | {k: v for k, v in p.items() if k not in idle}
    gradients(
        lambda q: np.sum(dA * block(q["X"], p | {k: q[k] for k in q if k != "X"}, s, training)),
        moved,
        {"dX": dX} | {f"d{k}": grads[f"d{k}"] for k in moved if k != "X"},
        hint=f"training={training}; dX is the sum of both ways",
    )


@cache
def counted():
    """A small ResNet of the library, counted from its arrays."""
    model = models.ResNet(models.Bottleneck, [1, 2, 1, 1], 7)
    named = dict(model.named_parameters())
    weights = sum(p.size for p in named.values() if p.ndim == 4)
    linear = sum(p.size for name, p in named.items() if name.startswith("fc."))
    norms = sum(p.size for p in named.values()) - weights - linear
    return {"weights": weights, "batch_norm": norms, "linear": linear, "moving": norms,
            "biases": norms // 2}


def test_resnet_parameters(lesson):
    widths = [(n, n, 4 * n) for n in (64, 128, 256, 512)]
    stages = list(zip((1, 2, 1, 1), widths, strict=True))
    mine = lesson.resnet_parameters(stages, 7)
    for name, right in counted().items():
        same(name, mine[name], right, "the first block of a stage has a shortcut convolution")


def test_Block_forward(lesson):
    dls.manual_seed(3)
    x = dls.randn(2, 4, 6, 6)
    for after, stride, residual in ((4, 1, True), (6, 2, True), (4, 1, False), (6, 2, False)):
        layers = lesson.Block(4, after, stride, residual)
        theirs = models.BasicBlock(4, after, stride, layers.short)
        state = layers.state_dict()
        theirs.load_state_dict(
            {k.replace("short.", "downsample."): v for k, v in state.items()})
        if residual:
            right = theirs(x)
        else:
            y = theirs.bn2(theirs.conv2(theirs.relu(theirs.bn1(theirs.conv1(x)))))
            right = F.relu(y)
        same(f"the output of Block(4, {after}, {stride}, {residual})",
             layers(x).numpy(), right.numpy(), "the shortcut is added before the last ReLU",
             rtol=1e-5)
