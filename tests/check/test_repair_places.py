"""Of edits that all make the gradients right, the one at the place of the mistake is told.

The sources are the layers as learners have them in a file; a mistake is planted by exchanging text.
"""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import check_layer

from .planting import layer_of

LAYER_NORM = """
def forward(x, gamma, beta, eps):
    mu = x.mean(axis=1, keepdims=True)
    xc = x - mu
    var = (xc ** 2).mean(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    xhat = xc / std
    return gamma * xhat + beta, (xhat, xc, std, gamma)

def backward(dout, cache):
    xhat, xc, std, gamma = cache
    m = dout.shape[1]
    dgamma, dbeta = (dout * xhat).sum(axis=0), dout.sum(axis=0)
    dxhat = dout * gamma
    dstd = -(dxhat * xc).sum(axis=1, keepdims=True) / std ** 2
    dvar = dstd / (2 * std)
    dxc = dxhat / std
    dxc += 2 * xc * dvar / m
    dmu = -dxc.sum(axis=1, keepdims=True)
    return dxc + dmu / m, dgamma, dbeta
"""
RECURRENT = """
def forward(x, h0, W):
    h, c, caches = h0, np.zeros_like(h0), []
    for t in range(x.shape[1]):
        v = np.concatenate([h, x[:, t]], axis=1)
        g = np.tanh(v @ W)
        c_prev = c
        c = np.sin(c_prev) + g
        u = np.tanh(c)
        h = u * g
        caches.append((v, g, c_prev, u))
    return h, (x, h0, W, caches)

def backward(dh, cache):
    x, h0, W, caches = cache
    n = h0.shape[1]
    dx, dW, dc_next = np.zeros_like(x), np.zeros_like(W), np.zeros_like(h0)
    for t in reversed(range(x.shape[1])):
        v, g, c_prev, u = caches[t]
        dc = dh * g * (1 - u ** 2) + dc_next
        dg = dh * u + dc
        dz = dg * (1 - g ** 2)
        dW += v.T @ dz
        dv = dz @ W.T
        dh = dv[:, :n]
        dx[:, t] = dv[:, n:]
        dc_next = dc * np.cos(c_prev)
    return dx, dh, dW
"""
WRITTEN_INTO = """
def forward(x, W, v):
    h = np.tanh(x @ W)
    p = h * v
    return np.sin(p), (x, W, v, h, p)

def backward(dy, cache):
    x, W, v, h, p = cache
    dp = dy * np.cos(p)
    dv = (dp * h).sum(axis=0)
    dh = dp * v
    dz = dh * (1 - h ** 2)
    return dz @ W.T, x.T @ dz, dv
"""
PADDED = """
def forward(x, w, pad):
    n = x.shape[1]
    xp = np.pad(x, ((0, 0), (pad, pad)))
    k = len(w)
    y = np.stack([xp[:, s:s + k] @ w for s in range(n + 2 * pad - k + 1)], axis=1)
    return y, (xp, w, pad, n)

def backward(dy, cache):
    xp, w, pad, n = cache
    k = len(w)
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for s in range(dy.shape[1]):
        dw += dy[:, s] @ xp[:, s:s + k]
        dxp[:, s:s + k] += dy[:, s, None] * w
    dx = dxp[:, pad:pad + n]
    return dx, dw
"""
SHIFTED = """
def forward(x, u):
    d = x[:, 1:] - x[:, :-1]
    return np.tanh(d) * u, (x, d, u)

def backward(dy, cache):
    x, d, u = cache
    du = (dy * np.tanh(d)).sum(axis=0)
    dd = dy * u * (1 - np.tanh(d) ** 2)
    dx = np.zeros_like(x)
    dx[:, 1:] += dd
    dx[:, :-1] -= dd
    return dx, du
"""
HUBER = """
def forward(p, q, delta):
    r = p - q
    a = np.abs(r)
    loss = np.where(a <= delta, 0.5 * r ** 2, delta * (a - 0.5 * delta))
    return loss.mean(), (r, a, delta)

def backward(dl, cache):
    r, a, delta = cache
    dr = np.where(a <= delta, r, delta * np.sign(r)) * dl / r.size
    return dr, -dr
"""
LASSO = """
def forward(w, x, lam):
    s = x @ w
    return s.sum() ** 2 + lam * np.abs(w).sum(), (w, x, s, lam)

def backward(dy, cache):
    w, x, s, lam = cache
    ds = 2 * s.sum() * np.ones_like(s) * dy
    dw = x.T @ ds + lam * np.sign(w) * dy
    return dw, np.outer(ds, w)
"""
DROPOUT = """
def forward(x, W, mask, keep_prob):
    z = x @ W
    a = np.tanh(z)
    return a * mask / keep_prob, (x, W, a, mask, keep_prob)

def backward(dout, cache):
    x, W, a, mask, keep_prob = cache
    da = dout * mask / keep_prob
    dz = da * (1 - a ** 2)
    return dz @ W.T, x.T @ dz
"""
SPREAD = """
def forward(x, b, g):
    a = np.sin(x * b)
    return a * g[None, :, None], dict(x=x, b=b, g=g, a=a, w=np.ones(x.shape[:2]))

def backward(dy, cache):
    x, b, g, a, w = (cache[k] for k in ("x", "b", "g", "a", "w"))
    dg = (dy * a).sum(axis=(0, 2))
    da = dy * g[None, :, None]
    db = np.einsum("nk,nkl->kl", w, da * np.cos(x * b) * x)
    return da * np.cos(x * b) * b, db, dg
"""
NEARER = """
def forward(a, p, n):
    near = ((a - p) ** 2).sum(axis=1)
    far = ((a - n) ** 2).sum(axis=1)
    return np.tanh(near - far).mean(), (a, p, n, near - far)

def backward(dloss, cache):
    a, p, n, gap = cache
    dnear = (dloss * (1 - np.tanh(gap) ** 2) / len(gap))[:, None]
    dfar = -dnear
    dp = -2 * (a - p) * dnear
    dn = -2 * (a - n) * dfar
    return 2 * (a - p) * dnear + 2 * (a - n) * dfar, dp, dn
"""
SHAPES: dict[str, tuple[Any, ...]] = {  # of the arrays; numbers are inputs as they are
    LAYER_NORM: ((5, 5), (5,), (5,), 1e-5), RECURRENT: ((3, 4, 3), (3, 3), (6, 3)),
    WRITTEN_INTO: ((6, 4), (4, 3), (3,)), PADDED: ((3, 6), (3,), 1), SHIFTED: ((4, 6), (5,)),
    HUBER: ((5, 3), (5, 3), 0.5), LASSO: ((4,), (6, 4), 0.5),
    NEARER: ((5, 3), (5, 3), (5, 3)), SPREAD: ((4, 3, 3), (3, 3), (3,)),
    DROPOUT: ((5, 4), (4, 3), "mask", 0.5),
}


def inputs_of(source: str) -> list[Any]:
    rng = np.random.default_rng(1)
    mask = (np.arange(15).reshape(5, 3) % 2).astype(int)
    return [mask if size == "mask" else rng.standard_normal(size) if isinstance(size, tuple)
            else size for size in SHAPES[source]]


@pytest.mark.parametrize("source", SHAPES)
def test_the_layers_are_right(source: str) -> None:
    assert (report := check_layer(*layer_of(source), *inputs_of(source))), str(report)


@pytest.mark.parametrize(("source", "right", "wrong", "told"), [
    # edits of later lines make up for these
    (LAYER_NORM, "dstd = -(", "dstd = (", "`dstd = -("),
    (LAYER_NORM, "/ std ** 2", "/ std", "must be `dstd ="),
    (LAYER_NORM, "dvar = dstd / (2 * std)", "dvar = dstd / std", "must be `dvar = dstd / std / 2`"),
    (RECURRENT, "(1 - u ** 2)", "(1 - u)", "`dc = dh * g * (1 - u ** 2) + dc_next`"),
    (WRITTEN_INTO, "dh = dp * v", "dh = dp", "`dh = dp * v`"),
    # a sign, not the variable that is the negative of the right one
    (NEARER, "dn = -2 * (a - n)", "dn = 2 * (a - n)", "`dn = 2 * (n - a) * dfar`"),
    # the cache holds another value than backward means
    (LAYER_NORM, "(xhat, xc, std, gamma)\n\n", "(xhat, x, std, gamma)\n\n", "holds x where"),
    (LAYER_NORM, "(xhat, xc, std, gamma)\n\n", "(xhat, xc, var, gamma)\n\n", "means std"),
    (RECURRENT, "append((v, g, c_prev, u))", "append((v, g, c, u))", "means c_prev"),
    (RECURRENT, "append((v, g, c_prev, u))", "append((v, v @ W, c_prev, u))", "holds v @ W"),
    (WRITTEN_INTO, "p = h * v\n", "p = h * v\n    h += 1\n", "h after line 5 has changed it"),
    (WRITTEN_INTO, "v, h, p)\n\n", "v, h, np.sin(p))\n\n", "holds np.sin(p) where"),
    # the wrong side of a slice
    (PADDED, "dxp[:, pad:pad + n]", "dxp[:, :n]", "`dx = dxp[:, pad:pad + n]`"),
    (PADDED, "dxp[:, pad:pad + n]", "dxp[:, 2 * pad:]", "`dx = dxp[:, pad:-pad]`"),
    (SHIFTED, "dx[:, :-1] -= dd", "dx[:, 1:] -= dd", "`dx[:, :-1] -= dd`"),
    (SHIFTED, "dx[:, 1:] += dd", "dx[:, :-1] += dd", "`dx[:, 1:] += dd`"),
    # the sign of some elements
    (HUBER, "delta * np.sign(r))", "delta)", "r, delta * np.sign(r))"),
    (HUBER, "delta * np.sign(r))", "delta * np.abs(r))", "sign is meant, not abs"),
    (LASSO, "lam * np.sign(w)", "lam * w", "lam * np.sign(w)"),
    (LASSO, "lam * np.sign(w)", "lam", "the factor np.sign(w) is missing"),
    # the turn of a loop, for the last one
    (RECURRENT, "dx[:, t] = dv", "dx[:, -1] = dv", "`dx[:, t] = dv[:, n:]`"),
    # an axis of a length that others have, too
    (LAYER_NORM, "(dxhat * xc).sum(axis=1", "(dxhat * xc).sum(axis=0", "(dxhat * xc).sum(axis=1"),
    (SPREAD, "g[None, :, None]\n    db", "g\n    db", "`da = dy * g[None, :, None]`"),
    (SPREAD, '"nk,nkl->kl"', '"nk,nkl->lk"', "'nk,nkl->kl'"),
    (SPREAD, "a=a,", "a=x * b,", "holds x * b where backward means a"),
    # a number that is 2 by chance
    (DROPOUT, "mask / keep_prob\n    dz", "mask\n    dz", "`da = dout * mask / keep_prob`"),
])
def test_the_place_of_the_mistake_is_told(source: str, right: str, wrong: str, told: str) -> None:
    assert source.count(right) == 1
    report = check_layer(*layer_of(source.replace(right, wrong)), *inputs_of(source))
    assert not report and len(report.causes) == 1, str(report)
    assert told in report.causes[0], str(report)


def test_a_kink_nearer_than_the_step_of_the_measurement_hides_no_mend() -> None:
    source = """
def forward(x, W):
    z = x @ W
    a = np.maximum(0, z)
    return a ** 2 + a, (x, W, z, a)

def backward(dy, cache):
    x, W, z, a = cache
    da = dy * (2 * a + 1)
    dz = da * (z < 0)
    return dz @ W.T, x.T @ dz
"""
    rng = np.random.default_rng(30)
    x, W = rng.standard_normal((6, 4)), rng.standard_normal((4, 4))
    near = 10.0 ** rng.uniform(-7, -2)
    W[:, 2] -= W[:, 2] @ x[0] / (x[0] @ x[0]) * x[0] * (1 - near)  # z[0, 2] is next to 0
    report = check_layer(*layer_of(source), x, W)
    assert len(report.causes) == 1 and "then dx and dW are right" in report.causes[0], str(report)
    assert all(check.hint in report.causes for check in report.wrong), str(report)
    assert "dW  WRONG: right after the mend" in str(report)
