"""Layers of the later courses as learners write them; `wrong` plants a mistake by name."""

from typing import Any

import numpy as np

from .planted_layers import COLUMN, Pair


def layer_norm(wrong: str = "") -> Pair:
    """Rows are examples, normalized over their features."""

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        std = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6)
        normed = (x - x.mean(axis=-1, keepdims=True)) / std
        return gamma * normed + beta, (normed, std, gamma)

    def backward(dy: Any, cache: Any) -> Any:
        normed, std, gamma = cache
        axis = 0 if wrong == "axis" else -1
        d = dy * gamma
        dx = d - d.mean(axis, keepdims=True) - normed * (d * normed).mean(axis, keepdims=True)
        return dx / std, (dy * normed).sum(axis=0), dy.sum(axis=0)

    return forward, backward


def cross_attention(wrong: str = "") -> Pair:
    """softmax(Q K^T / sqrt(d)) V, and its parts one by one on the way back."""

    def forward(Q: Any, K: Any, V: Any) -> Any:
        scores = Q @ K.T / np.sqrt(K.shape[-1])
        A = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return A @ V, (Q, K, V, A)

    def backward(dy: Any, cache: Any) -> Any:
        Q, K, V, A = cache
        dA = dy @ V.T
        total = np.sum(dA * A, axis=0 if wrong == "axis" else 1, keepdims=True)
        dS = A * (dA - total) / np.sqrt(K.shape[-1])
        dK = dS.T @ Q
        return dS @ K, dK * np.sqrt(K.shape[-1]) if wrong == "scale" else dK, A.T @ dy

    return forward, backward


def heads(wrong: str = "") -> Pair:
    """(m, T, d) into two heads, (m, 2, T, d / 2)."""

    def forward(x: Any) -> Any:
        m, T, d = x.shape
        return x.reshape(m, T, 2, d // 2).transpose(0, 2, 1, 3), (x.shape,)

    def backward(dy: Any, cache: Any) -> Any:
        return (dy if wrong == "order" else dy.transpose(0, 2, 1, 3)).reshape(cache[0])

    return forward, backward


def softmax_cost(wrong: str = "") -> Pair:
    """The cost of a softmax over classes (rows), by way of dA as in Course 1."""
    Y = np.eye(4)[:, [0, 2, 1, 3, 3, 0]]

    def forward(Z: Any) -> Any:
        A = np.exp(Z) / np.exp(Z).sum(axis=0)
        return -np.sum(Y * np.log(A)) / Z.shape[1], (A,)

    def backward(dJ: Any, cache: Any) -> Any:
        (A,) = cache
        dA = -Y / A / A.shape[1] * dJ
        if wrong == "elements":
            return dA * A * (1 - A)
        return A * (dA - (dA * A).sum(axis=0, keepdims=True))

    return forward, backward


def penalized(wrong: str = "") -> Pair:
    """A cost with an L2 penalty."""
    X, Y, lambd = np.arange(18.0).reshape(3, 6) / 9 - 1, np.arange(6.0) / 3, 0.7

    def forward(W: Any, b: Any) -> Any:
        error = W @ X + b - Y
        return np.sum(error**2) / 12 + lambd / 12 * np.sum(W**2), (W, error)

    def backward(dJ: Any, cache: Any) -> Any:
        W, error = cache
        dW = error @ X.T / 6
        if wrong != "penalty":
            dW = dW + (-1 if wrong == "sign" else 1) * lambd / 6 * W
        return dJ * dW, dJ * error.sum(axis=1, keepdims=True) / 6

    return forward, backward


def overlapping_pool(wrong: str = "") -> Pair:
    """The largest of windows that overlap where stride < f."""

    def windows(x: Any, hparameters: Any) -> Any:
        f, s = hparameters["f"], hparameters["stride"]
        steps = range((x.shape[0] - f) // s + 1)
        return [(i, j, slice(i * s, i * s + f), slice(j * s, j * s + f))
                for i in steps for j in steps]

    def forward(x: Any, hparameters: Any) -> Any:
        places = windows(x, hparameters)
        y = np.zeros((places[-1][0] + 1,) * 2)
        for i, j, rows, columns in places:
            y[i, j] = x[rows, columns].max()
        return y, (x, hparameters)

    def backward(dy: Any, cache: Any) -> Any:
        x, hparameters = cache
        dx = np.zeros(x.shape)
        for i, j, rows, columns in windows(x, hparameters):
            share = (x[rows, columns] == x[rows, columns].max()) * dy[i, j]
            dx[rows, columns] = share if wrong == "=" else dx[rows, columns] + share
        return dx

    return forward, backward


def embedding(wrong: str = "") -> Pair:
    """Rows of a table, some of them several times."""
    index = np.array([[1, 2, 1], [0, 1, 4]])

    def forward(E: Any) -> Any:
        return E[index], (E.shape,)

    def backward(dy: Any, cache: Any) -> Any:
        dE = np.zeros(cache[0])
        if wrong == "+=":
            dE[index] += dy  # the last of equal places wins
        else:
            np.add.at(dE, index, dy)
        return dE

    return forward, backward


def triplet(wrong: str = "") -> Pair:
    """The cost of anchors that must be nearer to positives than to negatives."""

    def forward(a: Any, p: Any, n: Any) -> Any:
        gaps = ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + 2
        return np.maximum(gaps, 0).sum(), (a, p, n, gaps > 0)

    def backward(dJ: Any, cache: Any) -> Any:
        a, p, n, on = cache
        on = on[:, COLUMN] * dJ
        dn = 2 * (n - a if wrong == "sign" else a - n) * on
        return 2 * (n - p) * on, 2 * (p - a) * on, dn

    return forward, backward


def gram(wrong: str = "") -> Pair:
    """The style cost: A stands in its Gram matrix twice."""
    style = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 3.0]])

    def forward(A: Any) -> Any:
        gap = A @ A.T - style
        return (gap**2).sum() / 4, (A, gap)

    def backward(dJ: Any, cache: Any) -> Any:
        A, gap = cache
        return dJ * gap @ A / (2 if wrong == "once" else 1)

    return forward, backward
