"""Costs, activations and norms as learners write them; `wrong` plants a mistake by name."""

from typing import Any

import numpy as np

from .planted_layers import Pair, sigmoid


def logistic_cost(wrong: str = "") -> Pair:
    """Course 1: columns are examples."""

    def forward(w: Any, b: Any, X: Any, Y: Any) -> Any:
        A = sigmoid(w.T @ X + b)
        cost = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
        return np.asarray(cost), (X, Y, A)

    def backward(dcost: Any, cache: Any) -> Any:
        X, Y, A = cache
        m = X.shape[1]
        dZ = dcost * (Y - A if wrong == "sign" else A - Y)
        if wrong == "slope":
            dZ = dZ * A * (1 - A)
        dw = X @ dZ.T if wrong == "1/m" else X @ dZ.T / m
        if wrong == "features":
            dw = X @ dZ.T / X.shape[0]
        db = dZ.sum() if wrong == "b 1/m" else dZ.sum() / m
        return {"dw": dw, "db": np.reshape(db, (1, 1))}

    return forward, backward


def squared_error(wrong: str = "") -> Pair:
    def forward(p: Any, t: Any) -> Any:
        return np.asarray(((p - t) ** 2).mean()), (p, t)

    def backward(dy: Any, cache: Any) -> Any:
        p, t = cache
        dp = 2 * dy * (p - t) / p.size
        if wrong == "2":
            dp = dp / 2
        if wrong == "rows":
            dp = 2 * dy * (p - t) / len(p)
        return {"dp": dp, "dt": dp if wrong == "target sign" else -dp}

    return forward, backward


def huber(wrong: str = "") -> Pair:
    def forward(r: Any, delta: float) -> Any:
        small = np.abs(r) <= delta
        return np.where(small, r**2 / 2, delta * (np.abs(r) - delta / 2)), (r, delta)

    def backward(dy: Any, cache: Any) -> Any:
        r, delta = cache
        if wrong == "clip":
            return dy * r
        if wrong == "delta":
            return dy * np.where(np.abs(r) <= delta, r, np.sign(r))
        if wrong == "abs":
            return dy * np.where(np.abs(r) <= delta, r, delta)
        return dy * np.clip(r, -delta, delta)

    return forward, backward


def swish(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        return x * sigmoid(x), x

    def backward(dy: Any, x: Any) -> Any:
        s = sigmoid(x)
        if wrong == "product":
            return dy * s
        if wrong == "other":
            return dy * x * s * (1 - s)
        return dy * (s + x * s * (1 - s))

    return forward, backward


def elu(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        y = np.where(x > 0, x, 0.7 * (np.exp(np.minimum(x, 0)) - 1))
        return y, (x, y)

    def backward(dy: Any, cache: Any) -> Any:
        x, y = cache
        if wrong == "alpha":
            return dy * np.where(x > 0, 1, np.exp(np.minimum(x, 0)))
        if wrong == "y":
            return dy * np.where(x > 0, 1, y)
        if wrong == "zero":
            return dy * (x > 0)
        return dy * np.where(x > 0, 1, y + 0.7)

    return forward, backward


def softplus(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        return np.log1p(np.exp(x)), x

    def backward(dy: Any, x: Any) -> Any:
        return dy * (np.tanh(x) if wrong == "tanh" else sigmoid(-x if wrong == "-x" else x))

    return forward, backward


def prelu(wrong: str = "") -> Pair:
    """x (m, C) with one slope for each channel."""

    def forward(x: Any, a: Any) -> Any:
        return np.where(x > 0, x, a * x), (x, a)

    def backward(dy: Any, cache: Any) -> Any:
        x, a = cache
        da = np.where(x > 0, 0, dy * x)
        if wrong == "side":
            da = np.where(x > 0, dy * x, 0)
        if wrong == "x":
            da = np.where(x > 0, 0, dy)
        return dy * np.where(x > 0, 1, a), da.sum(axis=0)

    return forward, backward


def tempered_softmax(wrong: str = "") -> Pair:
    def forward(z: Any, T: float) -> Any:
        e = np.exp((z - z.max(axis=1, keepdims=True)) / T)
        return e / e.sum(axis=1, keepdims=True), (T, e / e.sum(axis=1, keepdims=True))

    def backward(dy: Any, cache: Any) -> Any:
        T, y = cache
        dz = y * (dy - (dy * y).sum(axis=1, keepdims=True))
        return dz if wrong == "T" else dz * T if wrong == "times" else dz / T

    return forward, backward


def log_sum_exp(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        top = x.max(axis=1, keepdims=True)
        e = np.exp(x - top)
        return np.log(e.sum(axis=1)) + top[:, 0], e

    def backward(dy: Any, e: Any) -> Any:
        return dy[:, None] * (e if wrong == "sum" else e / e.sum(axis=1, keepdims=True))

    return forward, backward


def rms_norm(wrong: str = "") -> Pair:
    def forward(x: Any, g: Any) -> Any:
        rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
        return g * x / rms, (x, g, rms)

    def backward(dy: Any, cache: Any) -> Any:
        x, g, rms = cache
        d = dy * g
        dx = d / rms - x * (d * x).mean(axis=1, keepdims=True) / rms**3
        if wrong == "term":
            dx = d / rms
        if wrong == "sum":
            dx = d / rms - x * (d * x).sum(axis=1, keepdims=True) / rms**3
        if wrong == "power":
            dx = d / rms - x * (d * x).mean(axis=1, keepdims=True) / rms**2
        dg = (dy * x).sum(axis=0) if wrong == "raw" else (dy * x / rms).sum(axis=0)
        return dx, dg

    return forward, backward


def gaussian_kl(wrong: str = "") -> Pair:
    """KL(N(mu, exp(v)) || N(0, 1)) of each row."""

    def forward(mu: Any, v: Any) -> Any:
        return 0.5 * (np.exp(v) + mu**2 - 1 - v).sum(axis=1), (mu, v)

    def backward(dy: Any, cache: Any) -> Any:
        mu, v = cache
        dv = 0.5 * dy[:, None] * (np.exp(v) - 1)
        if wrong == "half":
            dv = 2 * dv
        if wrong == "1":
            dv = 0.5 * dy[:, None] * np.exp(v)
        return dy[:, None] * mu / (2 if wrong == "mu half" else 1), dv

    return forward, backward


def sampled(wrong: str = "") -> Pair:
    """mu + exp(v / 2) * noise."""

    def forward(mu: Any, v: Any, noise: Any) -> Any:
        return mu + np.exp(v / 2) * noise, (v, noise)

    def backward(dy: Any, cache: Any) -> Any:
        v, noise = cache
        dv = dy * noise * np.exp(v / 2) / 2
        if wrong == "half":
            dv = 2 * dv
        if wrong == "exp(v)":
            dv = dy * noise * np.exp(v) / 2
        if wrong == "noise":
            dv = dy * np.exp(v / 2) / 2
        return {"dmu": dy, "dv": dv}

    return forward, backward


def highway(wrong: str = "") -> Pair:
    """t * h + (1 - t) * x with t = sigmoid(x Wt), h = tanh(x Wh)."""

    def forward(x: Any, Wt: Any, Wh: Any) -> Any:
        t, h = sigmoid(x @ Wt), np.tanh(x @ Wh)
        return t * h + (1 - t) * x, (x, Wt, Wh, t, h)

    def backward(dy: Any, cache: Any) -> Any:
        x, Wt, Wh, t, h = cache
        dt = dy * (h if wrong == "x" else h - x) * t * (1 - t)
        dh = dy * t * (1 - h**2)
        if wrong == "gate":
            dh = dy * (1 - t) * (1 - h**2)
        dx = dy * (1 - t) + dt @ Wt.T + dh @ Wh.T
        if wrong == "carried":
            dx = dt @ Wt.T + dh @ Wh.T
        if wrong == "t detached":
            dx = dy * (1 - t) + dh @ Wh.T
        return dx, x.T @ dt, x.T @ dh

    return forward, backward


def bilinear(wrong: str = "") -> Pair:
    """y[i] = a[i] W b[i]."""

    def forward(a: Any, b: Any, W: Any) -> Any:
        return ((a @ W) * b).sum(axis=1), (a, b, W)

    def backward(dy: Any, cache: Any) -> Any:
        a, b, W = cache
        d = dy[:, None]
        dW = (d * b).T @ a if wrong == "turned" else (d * a).T @ b
        da = d * (b @ (W if wrong == "W" else W.T))
        return da, d * (a @ W), dW

    return forward, backward


def cosine(wrong: str = "") -> Pair:
    def forward(a: Any, b: Any) -> Any:
        u, v = (np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
        return (a * b).sum(axis=1) / (u * v)[:, 0], (a, b, u, v)

    def backward(dy: Any, cache: Any) -> Any:
        a, b, u, v = cache
        d = dy[:, None]
        cos = (a * b).sum(axis=1, keepdims=True) / (u * v)
        da = d * (b / (u * v) - cos * a / u**2)
        if wrong == "projection":
            da = d * b / (u * v)
        db = d * (a / (u * v) - cos * b / (u**2 if wrong == "norm" else v**2))
        return da, db

    return forward, backward


def kernel(wrong: str = "") -> Pair:
    """exp(-gamma |x - c|^2) of each row."""

    def forward(x: Any, c: Any, gamma: Any) -> Any:
        square = ((x - c) ** 2).sum(axis=1)
        return np.exp(-gamma * square), (x, c, gamma, square)

    def backward(dy: Any, cache: Any) -> Any:
        x, c, gamma, square = cache
        y = np.exp(-gamma * square)
        dx = -2 * gamma * (dy * y)[:, None] * (x - c)
        if wrong == "2":
            dx = dx / 2
        if wrong == "y":
            dx = -2 * gamma * dy[:, None] * (x - c)
        dc = dx.sum(axis=0) if wrong == "centre" else -dx.sum(axis=0)
        return dx, dc, np.asarray((-dy * y * square).sum()).reshape(gamma.shape)

    return forward, backward


def dropped(wrong: str = "") -> Pair:
    """relu(x W) with inverted dropout: the cache has what came after it."""

    def forward(x: Any, W: Any, D: Any, keep_prob: float) -> Any:
        z = x @ W
        a = np.maximum(z, 0)
        return a * D / keep_prob, (x, W, z, D, keep_prob)

    def backward(dy: Any, cache: Any) -> Any:
        x, W, z, D, keep_prob = cache
        da = dy * D if wrong == "keep_prob" else dy * D / keep_prob
        if wrong == "D":
            da = dy / keep_prob
        if wrong == "twice":
            da = dy * D / keep_prob**2
        dz = da if wrong == "relu" else da * (z > 0)
        if wrong == "z < 0":
            dz = da * (z < 0)
        return dz @ W.T, x.T @ dz

    return forward, backward


def weighted_cost(wrong: str = "") -> Pair:
    """Cross-entropy of softmax over rows, with a weight for each class."""

    def forward(z: Any, labels: Any, weights: Any) -> Any:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        m = len(z)
        each = -np.log(p[np.arange(m), labels]) * weights[labels]
        return np.asarray(each.sum() / m), (p, labels, weights)

    def backward(dy: Any, cache: Any) -> Any:
        p, labels, weights = cache
        m = len(p)
        dz = p.copy()
        if wrong != "1":
            dz[np.arange(m), labels] -= 1
        if wrong != "weights":
            dz = dz * weights[labels][:, None]
        return {"dz": dy * dz if wrong == "1/m" else dy * dz / m}

    return forward, backward
