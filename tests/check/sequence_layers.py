"""Layers of sequence networks as learners write them; `wrong` plants a mistake by name."""

from typing import Any

import numpy as np

from .planted_layers import Pair, sigmoid


def gru(wrong: str = "") -> Pair:
    """One step; weights by name, columns are examples; r scales h before its product."""

    def forward(x: Any, h: Any, parameters: Any) -> Any:
        p = parameters
        both = np.concatenate([h, x])
        z = sigmoid(p["Wz"] @ both + p["bz"])
        r = sigmoid(p["Wr"] @ both + p["br"])
        new = np.concatenate([r * h, x])
        c = np.tanh(p["Wc"] @ new + p["bc"])
        return z * h + (1 - z) * c, (h, p, both, new, z, r, c)

    def backward(dh_next: Any, cache: Any) -> Any:
        h, p, both, new, z, r, c = cache
        n = len(h)
        dz = dh_next * (h - c) * z * (1 - z)
        if wrong == "update sign":
            dz = dh_next * (c - h) * z * (1 - z)
        dc = dh_next * (1 - z) * (1 - c**2)
        if wrong == "kept":
            dc = dh_next * z * (1 - c**2)
        if wrong == "candidate slope":
            dc = dh_next * (1 - z) * c * (1 - c)
        dnew = p["Wc"].T @ dc
        dr = dnew[:n] * h * r * (1 - r)
        if wrong == "reset slope":
            dr = dnew[:n] * h
        dboth = p["Wz"].T @ dz + p["Wr"].T @ dr
        if wrong == "swapped":
            dboth = p["Wr"].T @ dz + p["Wz"].T @ dr
        if wrong == "reset detached":
            dboth = p["Wz"].T @ dz
        if wrong == "update detached":
            dboth = p["Wr"].T @ dr
        dh = dh_next * z + dnew[:n] * r + dboth[:n]
        if wrong == "direct":
            dh = dnew[:n] * r + dboth[:n]
        if wrong == "candidate detached":
            dh = dh_next * z + dboth[:n]
        if wrong == "r":
            dh = dh_next * z + dnew[:n] + dboth[:n]
        dx = dnew[n:] + dboth[n:]
        if wrong == "gates":
            dx = dnew[n:]
        gradients = {"Wz": dz @ both.T, "Wr": dr @ both.T, "Wc": dc @ new.T,
                     "bz": dz.sum(1, keepdims=True), "br": dr.sum(1, keepdims=True),
                     "bc": dc.sum(1, keepdims=True)}
        if wrong == "both":
            gradients["Wc"] = dc @ both.T
        return {"dx": dx, "dh": dh, **{"d" + name: value for name, value in gradients.items()}}

    return forward, backward


def lstm(wrong: str = "") -> Pair:
    """One step with all gates in one product, rows are examples: i, f, g, o."""

    def forward(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
        a = x @ W + h @ U + b
        i, f, g, o = np.split(a, 4, axis=1)
        i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
        c_next = f * c + i * g
        return o * np.tanh(c_next), c_next, (x, h, c, W, U, i, f, g, o, c_next)

    def backward(dh_next: Any, dc_next: Any, cache: Any) -> Any:
        x, h, c, W, U, i, f, g, o, c_next = cache
        t = np.tanh(c_next)
        dc = dc_next + dh_next * o * (1 - t**2)
        if wrong == "tanh":
            dc = dc_next + dh_next * o
        if wrong == "dc_next":
            dc = dh_next * o * (1 - t**2)
        di, df, dg = dc * g, dc * c, dc * i
        if wrong == "swapped":
            di, df = df, di
        do = dh_next * t
        if wrong == "c_next":
            do = dh_next * c_next
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f),
                             dg * (1 - g**2), do * o * (1 - o)], axis=1)
        if wrong == "order":
            da = np.concatenate([di * i * (1 - i), df * f * (1 - f),
                                 do * o * (1 - o), dg * (1 - g**2)], axis=1)
        dc_prev = dc * (i if wrong == "input gate" else f)
        dU = x.T @ da if wrong == "x" and x.shape == h.shape else h.T @ da
        return da @ W.T, da @ U.T, dc_prev, x.T @ da, dU, da.sum(axis=0)

    return forward, backward


def rnn(wrong: str = "") -> Pair:
    """a<t> = tanh(Wax x<t> + Waa a<t-1> + ba): x (n_x, m, T), gradients of all steps."""

    def forward(x: Any, a0: Any, Wax: Any, Waa: Any, ba: Any) -> Any:
        a, steps = a0, [a0]
        for t in range(x.shape[2]):
            a = np.tanh(Wax @ x[:, :, t] + Waa @ a + ba)
            steps.append(a)
        return np.stack(steps[1:], axis=2), (x, steps, Wax, Waa)

    def backward(da: Any, cache: Any) -> Any:
        x, a, Wax, Waa = cache
        dx, dWax, dWaa = np.zeros_like(x), np.zeros_like(Wax), np.zeros_like(Waa)
        dba, from_next = np.zeros((len(Waa), 1)), np.zeros_like(a[0])
        for t in reversed(range(x.shape[2])):
            carried = 0 if wrong == "time" else from_next
            dz = (da[:, :, t] + carried) * (1 - a[t + 1] ** 2)
            if wrong == "slope of a<t-1>":
                dz = (da[:, :, t] + carried) * (1 - a[t] ** 2)
            dx[:, :, t] = Wax.T @ dz
            dWax += dz @ x[:, :, t].T
            dWaa += dz @ a[t + 1 if wrong == "a<t>" else t].T
            if wrong == "=":
                dba = dz.sum(axis=1, keepdims=True)
            else:
                dba += dz.sum(axis=1, keepdims=True)
            from_next = (Waa if wrong == "Waa" else Waa.T) @ dz
        return dx, from_next, dWax, dWaa, dba

    return forward, backward


def attention(wrong: str = "") -> Pair:
    """Causal self-attention of x (T, d) with projections."""

    def forward(x: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
        q, k, v = x @ Wq, x @ Wk, x @ Wv
        scores = q @ k.T / np.sqrt(k.shape[1])
        scores = np.where(np.tri(len(x)) > 0, scores, -1e9)
        A = np.exp(scores - scores.max(axis=1, keepdims=True))
        A /= A.sum(axis=1, keepdims=True)
        return A @ v, (x, Wq, Wk, Wv, q, k, v, A)

    def backward(dy: Any, cache: Any) -> Any:
        x, Wq, Wk, Wv, q, k, v, A = cache
        dv = (A if wrong == "A" else A.T) @ dy
        dA = dy @ v.T
        dS = A * (dA - (dA * A).sum(axis=1, keepdims=True))
        if wrong == "elementwise":
            dS = dA * A * (1 - A)
        if wrong != "scale":
            dS = dS / np.sqrt(k.shape[1])
        dq, dk = dS @ k, dS.T @ q
        if wrong == "exchanged":
            dq, dk = dk, dq
        dx = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
        if wrong == "keys":
            dx = dq @ Wq.T + dv @ Wv.T
        return dx, x.T @ dq, x.T @ dk, x.T @ dv

    return forward, backward


def dilated(wrong: str = "") -> Pair:
    """A causal convolution of (m, T), with gaps: y[t] = sum of w[k] x[t - 2 k]."""

    def shifted(x: Any, by: int) -> Any:
        return np.pad(x, ((0, 0), (by, 0)))[:, :x.shape[1]]

    def forward(x: Any, w: Any) -> Any:
        return sum(w[k] * shifted(x, 2 * k) for k in range(len(w))), (x, w)

    def backward(dy: Any, cache: Any) -> Any:
        x, w = cache
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for k in range(len(w)):
            gap = k if wrong == "dilation" else 2 * k
            if wrong == "direction":
                dx += w[k] * shifted(dy, gap)
            else:
                dx += w[k] * np.pad(dy, ((0, 0), (0, gap)))[:, gap:]
            dw[k] = (dy * shifted(x, 2 * k)).sum()
        return dx, dw

    return forward, backward


def embedding_bag(wrong: str = "") -> Pair:
    """The mean of the vectors of each row of words."""

    def forward(E: Any, words: Any) -> Any:
        return E[words].mean(axis=1), (E, words)

    def backward(dy: Any, cache: Any) -> Any:
        E, words = cache
        dE = np.zeros_like(E)
        for row, ids in enumerate(words):
            for word in ids:
                if wrong == "=":
                    dE[word] = dy[row] / len(ids)
                else:
                    dE[word] += dy[row] if wrong == "mean" else dy[row] / len(ids)
        return dE

    return forward, backward


def positions(wrong: str = "") -> Pair:
    """x (m, T, d) + P (T, d), then scaled by s (d,)."""

    def forward(x: Any, P: Any, s: Any) -> Any:
        return (x + P) * s, (x, P, s)

    def backward(dy: Any, cache: Any) -> Any:
        x, P, s = cache
        dP = (dy * s)[0] if wrong == "first" else (dy * s).sum(axis=0)
        if wrong == "not summed":
            dP = dy * s
        if wrong == "mean":
            dP = (dy * s).mean(axis=0)
        ds = (dy * x).sum(axis=(0, 1)) if wrong == "P" else (dy * (x + P)).sum(axis=(0, 1))
        return dy * s, dP, ds

    return forward, backward


def permuted(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        order = np.array([2, 0, 3, 1, 4])
        return x[:, order], (order, x.shape)

    def backward(dy: Any, cache: Any) -> Any:
        order, shape = cache
        if wrong == "not inverted":
            return dy[:, order]
        dx = np.zeros(shape)
        dx[:, order] = dy
        return dx

    return forward, backward
