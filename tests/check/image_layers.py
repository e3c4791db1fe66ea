"""Layers of image networks as learners write them; `wrong` plants a mistake by name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .planted_layers import Pair, sigmoid


def windows(shape: tuple[int, ...], f: int, stride: int) -> Any:
    """(example, row, column, its slices) of all windows over (m, H, W, C)."""
    m, height, width, _ = shape
    for i in range(m):
        for h in range((height - f) // stride + 1):
            for w in range((width - f) // stride + 1):
                yield i, h, w, slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)


def conv(wrong: str = "") -> Pair:
    """The convolution of Course 4: A_prev (m, H, W, C), W (f, f, C, K), b (1, 1, 1, K)."""

    def forward(A_prev: Any, W: Any, b: Any, hparameters: Any) -> Any:
        stride, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
        padded = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        m, height, width, _ = padded.shape
        Z = np.zeros((m, (height - f) // stride + 1, (width - f) // stride + 1, W.shape[3]))
        for i, h, w, rows, columns in windows(padded.shape, f, stride):
            Z[i, h, w] = np.tensordot(padded[i, rows, columns], W, 3) + b[0, 0, 0]
        return Z, (A_prev, W, b, hparameters)

    def backward(dZ: Any, cache: Any) -> Any:
        A_prev, W, b, hparameters = cache
        stride, pad, f = hparameters["stride"], hparameters["pad"], W.shape[0]
        padded = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        dpadded, dW, db = np.zeros_like(padded), np.zeros_like(W), np.zeros_like(b)
        for i, h, w, rows, columns in windows(padded.shape, f, stride):
            filters = W[::-1, ::-1] if wrong == "flipped" else W
            dpadded[i, rows, columns] += filters @ dZ[i, h, w]
            product = padded[i, rows, columns][..., None] * dZ[i, h, w]
            if wrong == "=" or (wrong == "last example" and i != len(dZ) - 1):
                dW[:] = product
            elif wrong == "unpadded":
                turned = np.pad(A_prev, ((0, 0), (0, 2 * pad), (0, 2 * pad), (0, 0)))
                dW += turned[i, rows, columns][..., None] * dZ[i, h, w]
            else:
                dW += product
            db += dZ[i, h, w]
        if wrong == "last example":
            dW = dW * 0
            for i, h, w, rows, columns in windows(padded.shape, f, stride):
                if i == len(dZ) - 1:
                    dW += padded[i, rows, columns][..., None] * dZ[i, h, w]
        if wrong == "mean":
            db = db / len(dZ)
        crop = slice(pad - 1, -pad - 1) if wrong == "crop" else slice(pad, -pad)
        return dpadded[:, crop, crop], dW, db

    return forward, backward


def pooled(by: Callable[..., Any]) -> Callable[..., Any]:
    """Forward of Course 4's pooling, by np.mean or np.max of each window."""

    def forward(A_prev: Any, hparameters: Any) -> Any:
        f, stride = hparameters["f"], hparameters["stride"]
        m, height, width, channels = A_prev.shape
        A = np.zeros((m, (height - f) // stride + 1, (width - f) // stride + 1, channels))
        for i, h, w, rows, columns in windows(A_prev.shape, f, stride):
            A[i, h, w] = by(A_prev[i, rows, columns], axis=(0, 1))
        return A, (A_prev, hparameters)

    return forward


def average_pool(wrong: str = "") -> Pair:
    """Pooling by the mean."""

    def backward(dA: Any, cache: Any) -> Any:
        A_prev, hparameters = cache
        f, stride = hparameters["f"], hparameters["stride"]
        dA_prev = np.zeros_like(A_prev)
        for i, h, w, rows, columns in windows(A_prev.shape, f, stride):
            share = dA[i, h, w] / (f * f)
            if wrong == "f":
                share = dA[i, h, w] / f
            if wrong == "sum":
                share = dA[i, h, w]
            if wrong == "larger window":
                share = dA[i, h, w] / (f + 1) ** 2
            if wrong == "smaller window":
                share = dA[i, h, w] / (f - 1) ** 2
            if wrong == "constant":
                share = dA[i, h, w] / 4
            if wrong == "no stride":
                rows, columns = slice(h, h + f), slice(w, w + f)
            if wrong == "shifted":
                rows, columns = (slice(s.start + 1, s.stop + 1) for s in (rows, columns))
            if wrong == "short window":
                rows, columns = (slice(s.start, s.stop - 1) for s in (rows, columns))
            if wrong == "corner":
                dA_prev[i, rows.start, columns.start] += dA[i, h, w]
            elif wrong == "=":
                dA_prev[i, rows, columns] = share
            else:
                dA_prev[i, rows, columns] += share
        return dA_prev

    return pooled(np.mean), backward


def max_pool(wrong: str = "") -> Pair:
    def backward(dA: Any, cache: Any) -> Any:
        A_prev, hparameters = cache
        f, stride = hparameters["f"], hparameters["stride"]
        dA_prev = np.zeros_like(A_prev)
        for i, h, w, rows, columns in windows(A_prev.shape, f, stride):
            window = A_prev[i, rows, columns]
            mask = window == window.max(axis=(0, 1))
            if wrong == "min":
                mask = window == window.min(axis=(0, 1))
            if wrong == "no mask":
                mask = np.ones_like(mask)
            if wrong == "average":
                mask = np.ones_like(window) / f**2
            if wrong == "channels":
                mask = window == window.max()
            dA_prev[i, rows, columns] += mask * dA[i, h, w]
        return dA_prev

    return pooled(np.max), backward


def global_pool(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        return x.mean(axis=(2, 3)), x.shape

    def backward(dy: Any, shape: Any) -> Any:
        share = dy if wrong == "mean" else dy / (shape[2] * shape[3])
        if wrong == "all":
            share = dy / (shape[1] * shape[2] * shape[3])
        return np.broadcast_to(share[:, :, None, None], shape).copy()

    return forward, backward


def batch_norm_images(wrong: str = "") -> Pair:
    """x (N, C, H, W), normalized for each channel."""

    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        mean = x.mean(axis=(0, 2, 3), keepdims=True)
        var = x.var(axis=(0, 2, 3), keepdims=True)
        std = np.sqrt(var + 1e-5)
        x_hat = (x - mean) / std
        return gamma[:, None, None] * x_hat + beta[:, None, None], (x_hat, std, gamma)

    def backward(dy: Any, cache: Any) -> Any:
        x_hat, std, gamma = cache
        over = (0, 2, 3)
        dx_hat = dy * gamma[:, None, None]
        count = dy.size // dy.shape[1]
        if wrong == "count":
            count = len(dy)
        centred = dx_hat - dx_hat.sum(over, keepdims=True) / count
        dx = centred - x_hat * (dx_hat * x_hat).sum(over, keepdims=True) / count
        dx = dx / std**2 if wrong == "std" else dx / std
        dbeta = dy.mean(over) if wrong == "mean" else dy.sum(over)
        dgamma = (dy * x_hat).sum(over)
        if wrong == "x_hat":
            dgamma = dy.sum(over)
        return dx, dgamma, dbeta

    return forward, backward


def squeeze_excite(wrong: str = "") -> Pair:
    """Channels (N, C, H, W) scaled by gates that are computed from their means."""

    def forward(x: Any, W: Any) -> Any:
        means = x.mean(axis=(2, 3))
        gate = sigmoid(means @ W)
        return x * gate[:, :, None, None], (x, W, means, gate)

    def backward(dy: Any, cache: Any) -> Any:
        x, W, means, gate = cache
        dgate = (dy * x).sum(axis=(2, 3))
        dz = dgate if wrong == "slope" else dgate * gate * (1 - gate)
        dmeans = dz @ W.T
        through = np.ones_like(x) * dmeans[:, :, None, None] / (x.shape[2] * x.shape[3])
        dx = dy * gate[:, :, None, None] + through
        if wrong == "detached":
            dx = dy * gate[:, :, None, None]
        if wrong == "skipped":
            dx = through
        return dx, means.T @ dz

    return forward, backward


def upsample(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        return x.repeat(2, axis=1).repeat(2, axis=2), x.shape

    def backward(dy: Any, shape: Any) -> Any:
        m, height, width = shape
        blocks = dy.reshape(m, height, 2, width, 2)
        if wrong == "mean":
            return blocks.mean(axis=(2, 4))
        if wrong == "one":
            return dy[:, ::2, ::2]
        return blocks.sum(axis=(2, 4))

    return forward, backward


def reflect(wrong: str = "") -> Pair:
    """A signal (m, T) with its neighbours mirrored at both ends."""

    def forward(x: Any) -> Any:
        return np.pad(x, ((0, 0), (2, 2)), mode="reflect"), x.shape

    def backward(dy: Any, shape: Any) -> Any:
        dx = dy[:, 2:-2].copy()
        if wrong != "cropped":
            dx[:, 1:3] += dy[:, 1::-1]
            dx[:, -3:-1] += dy[:, :-3:-1]
        return dx

    return forward, backward


def dense_block(wrong: str = "") -> Pair:
    """[x, relu(x W)] side by side, as in DenseNet."""

    def forward(x: Any, W: Any) -> Any:
        h = np.maximum(x @ W, 0)
        return np.concatenate([x, h], axis=1), (x, W, h)

    def backward(dy: Any, cache: Any) -> Any:
        x, W, h = cache
        n = x.shape[1]
        dh = dy[:, n:] * (h > 0)
        if wrong == "offset":
            dh = dy[:, n - 1:-1] * (h > 0)
        if wrong == "mask":
            dh = dy[:, n:] * (h >= 0)
        through = dh @ W.T
        return through if wrong == "skip" else dy[:, :n] + through, x.T @ dh

    return forward, backward
