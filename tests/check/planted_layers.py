"""Layers as learners write them in NumPy, right as they stand; `wrong` plants a mistake by name.

Each is a pair of functions as in the course: forward(...) returns the output and a cache,
backward(dy, cache) the gradients of the inputs. `wrong` is "" or the name of the mistake.
"""

from typing import Any

import numpy as np

Pair = tuple[Any, Any]
COLUMN = np.newaxis


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


SLOPES = {
    "relu": lambda a: (a > 0).astype(float),
    "tanh": lambda a: 1 - a**2,
    "sigmoid": lambda a: a * (1 - a),
}
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": sigmoid}


def dense(activation: str, wrong: str = "") -> Pair:
    """A = g(W A_prev + b), as in Course 1: columns are examples."""

    def forward(A_prev: Any, W: Any, b: Any) -> Any:
        A = ACTIVATIONS[activation](W @ A_prev + b)
        return A, (A_prev, W, b, A)

    def backward(dA: Any, cache: Any) -> Any:
        A_prev, W, b, A = cache
        dZ = dA if wrong == "slope" else dA * SLOPES[activation](A)
        if wrong == "other slope":
            dZ = dA * SLOPES["tanh"](A)
        dW = dZ @ A_prev.T
        if wrong == "transposed":
            dW = A_prev @ dZ.T
        db = dZ.sum(axis=0 if wrong == "axis" else 1).reshape(b.shape)
        if wrong == "not summed":
            db = dZ
        if wrong == "mean":
            db = dZ.mean(axis=1, keepdims=True)
        return (W if wrong == "W" else W.T) @ dZ, dW, db

    return forward, backward


def softmax(wrong: str = "") -> Pair:
    def forward(z: Any) -> Any:
        e = np.exp(z - z.max(axis=0))
        y = e / e.sum(axis=0)
        return y, y

    def backward(dy: Any, y: Any) -> Any:
        if wrong == "diagonal":
            return dy * y * (1 - y)
        if wrong == "no sum":
            return dy * y
        return y * (dy - (dy * y).sum(axis=1 if wrong == "axis" else 0, keepdims=True))

    return forward, backward


def log_softmax(wrong: str = "") -> Pair:
    def forward(z: Any) -> Any:
        y = z - z.max(axis=1, keepdims=True)
        y = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
        return y, y

    def backward(dy: Any, y: Any) -> Any:
        if wrong == "no sum":
            return dy
        p = y if wrong == "log" else np.exp(y)
        return dy - p * dy.sum(axis=1, keepdims=True)

    return forward, backward


def batch_norm(wrong: str = "") -> Pair:
    """Over the examples, which are columns; gamma and beta are (n, 1)."""

    def forward(z: Any, gamma: Any, beta: Any) -> Any:
        mu, std = z.mean(axis=1, keepdims=True), np.sqrt(z.var(axis=1, keepdims=True) + 1e-5)
        normed = (z - mu) / std
        return gamma * normed + beta, {"normed": normed, "std": std, "gamma": gamma, "z": z}

    def backward(dy: Any, cache: Any) -> Any:
        normed, std, gamma = cache["normed"], cache["std"], cache["gamma"]
        dn = dy if wrong == "gamma" else dy * gamma
        dz = dn
        if wrong not in ("mean", "both"):
            dz = dz - dn.mean(axis=1, keepdims=True)
        if wrong not in ("variance", "both"):
            dz = dz - normed * (dn * normed).mean(axis=1, keepdims=True)
        dz = dz * std if wrong == "times std" else dz if wrong == "std" else dz / std
        dgamma = (dy * (cache["z"] if wrong == "z" else normed)).sum(axis=1, keepdims=True)
        return dz, dgamma, dy.sum(axis=1, keepdims=True)

    return forward, backward


def windows(x: Any, f: int, stride: int) -> Any:
    """The corners of the windows of an image, and how many there are."""
    return range((x.shape[0] - f) // stride + 1), range((x.shape[1] - f) // stride + 1)


def conv(wrong: str = "") -> Pair:
    """One channel, one filter; hparameters {"stride", "pad"}."""

    def forward(A_prev: Any, W: Any, hparameters: Any) -> Any:
        s, pad = hparameters["stride"], hparameters["pad"]
        x, f = np.pad(A_prev, pad), len(W)
        rows, columns = windows(x, f, s)
        Z = np.array([[(x[s * i:s * i + f, s * j:s * j + f] * W).sum() for j in columns]
                      for i in rows])
        return Z, (A_prev, W, hparameters)

    def backward(dZ: Any, cache: Any) -> Any:
        A_prev, W, hparameters = cache
        s, pad, f = hparameters["stride"], hparameters["pad"], len(W)
        x = np.pad(A_prev, pad)
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        step = 1 if wrong == "stride" else s
        for i in range(dZ.shape[0] - (wrong == "last row")):
            for j in range(dZ.shape[1]):
                place = np.s_[step * i:step * i + f, step * j:step * j + f]
                if wrong == "= for +=":
                    dx[place] = dZ[i, j] * W
                else:
                    dx[place] += dZ[i, j] * (W[::-1, ::-1] if wrong == "flipped" else W)
                if wrong == "= for += in dW":
                    dW = dZ[i, j] * x[place]
                else:
                    dW += dZ[i, j] * x[place]
        n, m = A_prev.shape
        start = 0 if wrong == "pad" else pad
        return dx[start:start + n, start:start + m], dW

    return forward, backward


def pool(mode: str, wrong: str = "") -> Pair:
    def forward(A_prev: Any, f: int = 2) -> Any:
        h, w = A_prev.shape[0] // f, A_prev.shape[1] // f
        parts = A_prev.reshape(h, f, w, f)
        return (parts.max if mode == "max" else parts.mean)(axis=(1, 3)), (A_prev, f)

    def backward(dA: Any, cache: Any) -> Any:
        A_prev, f = cache
        spread = dA.repeat(f, 0).repeat(f, 1)
        if mode == "mean":
            return spread / (1 if wrong == "size" else f if wrong == "f" else f * f)
        largest = forward(A_prev, f)[0].repeat(f, 0).repeat(f, 1)
        return spread if wrong == "mask" else spread * (A_prev == largest)

    return forward, backward


def dropout(wrong: str = "") -> Pair:
    def forward(A: Any, D: Any, keep_prob: Any) -> Any:
        return A * D / keep_prob, (D, keep_prob)

    def backward(dA: Any, cache: Any) -> Any:
        D, keep_prob = cache
        dA = dA if wrong == "mask" else dA * D
        return (dA if wrong == "scale" else dA * keep_prob if wrong == "times" else dA / keep_prob,)

    return forward, backward


def residual(wrong: str = "") -> Pair:
    def forward(X: Any, W: Any) -> Any:
        a = np.tanh(W @ X)
        return a + X, (X, W, a)

    def backward(dy: Any, cache: Any) -> Any:
        X, W, a = cache
        dz = dy * (1 - a * a)
        dX = W.T @ dz
        return dX if wrong == "shortcut" else dX + dy, dz @ X.T

    return forward, backward


def lstm_cell(wrong: str = "") -> Pair:
    """As in Course 5, without the prediction; all four gates from [a_prev; xt]."""

    def forward(xt: Any, a_prev: Any, c_prev: Any, parameters: Any) -> Any:
        both = np.concatenate([a_prev, xt])
        f, i, o = (sigmoid(parameters["W" + g] @ both + parameters["b" + g]) for g in "fio")
        cct = np.tanh(parameters["Wc"] @ both + parameters["bc"])
        c_next = f * c_prev + i * cct
        a_next = o * np.tanh(c_next)
        return a_next, c_next, {"both": both, "ft": f, "it": i, "ot": o, "cct": cct,
                                "c_prev": c_prev, "c_next": c_next, "parameters": parameters}

    def backward(da_next: Any, dc_next: Any, cache: Any) -> Any:
        f, i, o, cct, c_prev, c_next, both = (
            cache[n] for n in ("ft", "it", "ot", "cct", "c_prev", "c_next", "both"))
        t = np.tanh(c_next)
        through = da_next * o * (1 if wrong == "tanh" else 1 - t * t)
        dc = through if wrong == "dc_next" else dc_next + through
        gates = {
            "f": dc * c_prev * f * (1 - f), "i": dc * cct * i * (1 - i),
            "o": da_next * t * o * (1 - o), "c": dc * i * (1 - cct**2),
        }
        if wrong == "c_next for c_prev":
            gates["f"] = dc * c_next * f * (1 - f)
        if wrong == "gates":
            gates["f"], gates["i"] = gates["i"], gates["f"]
        if wrong == "i for f":
            gates["f"] = dc * c_prev * i * (1 - i)
        weights = cache["parameters"]
        dboth = sum(weights["W" + g].T @ dz for g, dz in gates.items()
                    if not (wrong == "branch" and g == "o"))
        n = len(c_prev)
        made = {"dW" + g: dz @ both.T for g, dz in gates.items()}
        made |= {"db" + g: dz.sum(axis=1, keepdims=True) for g, dz in gates.items()}
        return made | {"da_prev": dboth[:n], "dxt": dboth[n:],
                       "dc_prev": dc * (i if wrong == "i in dc_prev" else f)}

    return forward, backward


def gru_cell(wrong: str = "") -> Pair:
    """c = u * cand + (1 - u) * c_prev, with the gates' weights stacked in W: (2 n, n + n_x)."""

    def forward(xt: Any, c_prev: Any, W: Any, Wc: Any) -> Any:
        n = len(c_prev)
        gates = sigmoid(W @ np.concatenate([c_prev, xt]))
        u, r = gates[:n], gates[n:]
        cand = np.tanh(Wc @ np.concatenate([r * c_prev, xt]))
        return u * cand + (1 - u) * c_prev, {"u": u, "r": r, "cand": cand, "c_prev": c_prev,
                                             "xt": xt, "W": W, "Wc": Wc}

    def backward(dc: Any, cache: Any) -> Any:
        u, r, cand, c_prev, xt, W, Wc = (
            cache[n] for n in ("u", "r", "cand", "c_prev", "xt", "W", "Wc"))
        n = len(c_prev)
        dcand = dc * ((1 - u) if wrong == "u" else u) * (1 - cand**2)
        dinner = Wc.T @ dcand
        du = dc * (cand if wrong == "c_prev" else cand - c_prev) * u * (1 - u)
        dr = dinner[:n] * c_prev * r * (1 - r)
        dgates = np.concatenate([dr, du] if wrong == "gates" else [du, dr])
        douter = W.T @ dgates
        dc_prev = dc * (1 - u) + douter[:n] + (0 if wrong == "r" else dinner[:n] * r)
        return (douter[n:] + dinner[n:], dc_prev, dgates @ np.concatenate([c_prev, xt]).T,
                dcand @ np.concatenate([r * c_prev, xt]).T)

    return forward, backward


def rnn(wrong: str = "") -> Pair:
    """x is (n_x, m, T); the same weights at each step."""

    def forward(x: Any, Wax: Any, Waa: Any) -> Any:
        T, h = x.shape[2], [np.zeros((len(Waa), x.shape[1]))]
        for t in range(T):
            h.append(np.tanh(Wax @ x[:, :, t] + Waa @ h[-1]))
        return np.stack(h[1:], axis=2), (x, Wax, Waa, np.stack(h, axis=2))

    def backward(da: Any, cache: Any) -> Any:
        x, Wax, Waa, h = cache
        dx, dWax, dWaa = np.zeros_like(x), np.zeros_like(Wax), np.zeros_like(Waa)
        later = np.zeros(da.shape[:2])
        for t in reversed(range(1 if wrong == "first step" else 0, x.shape[2])):
            dz = (da[:, :, t] + later) * (1 - h[:, :, t + 1] ** 2)
            dx[:, :, t] = Wax.T @ dz
            dWax = dz @ x[:, :, t].T + (0 if wrong == "= for +=" else dWax)
            dWaa += dz @ h[:, :, t + (wrong == "h")].T
            later = np.zeros_like(later) if wrong == "through time" else Waa.T @ dz
        return dx, dWax, dWaa

    return forward, backward


def attention(wrong: str = "") -> Pair:
    def forward(Q: Any, K: Any, V: Any) -> Any:
        scale = np.sqrt(Q.shape[1])
        S = Q @ K.T / scale
        e = np.exp(S - S.max(axis=1, keepdims=True))
        A = e / e.sum(axis=1, keepdims=True)
        return A @ V, (Q, K, V, A)

    def backward(dY: Any, cache: Any) -> Any:
        Q, K, V, A = cache
        scale = 1.0 if wrong == "scale" else np.sqrt(Q.shape[1])
        dA = dY @ V.T
        dS = dA if wrong == "softmax" else A * (dA - (dA * A).sum(axis=1, keepdims=True))
        dS = dS / scale
        return dS @ K, (dS @ Q if wrong == "T" else dS.T @ Q), (A if wrong == "A" else A.T) @ dY

    return forward, backward


def elementwise(wrong: str = "") -> Pair:
    """silu(a) / b + clip(a, -1, 1)."""

    def forward(a: Any, b: Any) -> Any:
        return a * sigmoid(a) / b + np.clip(a, -1, 1), (a, b)

    def backward(dy: Any, cache: Any) -> Any:
        a, b = cache
        s = sigmoid(a)
        da = s / b + (0 if wrong == "product" else a * s * (1 - s) / b)
        da = da + (1 if wrong == "clip" else np.abs(a) < 1)
        return dy * da, (-1 if wrong != "sign" else 1) * dy * a * s / (b if wrong == "b" else b * b)

    return forward, backward


def leaky_relu(wrong: str = "") -> Pair:
    def forward(x: Any, slope: Any) -> Any:
        return np.where(x > 0, x, slope * x), (x, slope)

    def backward(dy: Any, cache: Any) -> Any:
        x, slope = cache
        small = 0.0 if wrong == "slope" else slope
        dslope = (dy * x if wrong == "mask" else dy * np.minimum(x, 0)).sum(axis=0)
        return dy * np.where(x > 0, 1, small), dslope

    return forward, backward


def unit(wrong: str = "") -> Pair:
    """Each row divided by its length."""

    def forward(x: Any) -> Any:
        n = np.sqrt((x * x).sum(axis=1, keepdims=True))
        return x / n, (x, x / n, n)

    def backward(dy: Any, cache: Any) -> Any:
        _, y, n = cache
        inner = 0 if wrong == "projection" else y * (dy * y).sum(axis=1, keepdims=True)
        return (dy - inner) / (1 if wrong == "norm" else n)

    return forward, backward


def upsample(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        return x.repeat(2, 0).repeat(2, 1), x.shape

    def backward(dy: Any, shape: Any) -> Any:
        if wrong == "one":
            return dy[::2, ::2]
        parts = dy.reshape(shape[0], 2, shape[1], 2)
        return parts.mean(axis=(1, 3)) if wrong == "mean" else parts.sum(axis=(1, 3))

    return forward, backward


def cumulative(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        return x.cumsum(axis=1), None

    def backward(dy: Any, _: Any) -> Any:
        return dy.cumsum(axis=1) if wrong == "direction" else dy[:, ::-1].cumsum(axis=1)[:, ::-1]

    return forward, backward


def turned(wrong: str = "") -> Pair:
    """(a, b, c) to (c, a, b)."""

    def forward(x: Any) -> Any:
        return x.transpose(2, 0, 1), None

    def backward(dy: Any, _: Any) -> Any:
        return dy.transpose(2, 0, 1) if wrong == "order" else dy.transpose(1, 2, 0)

    return forward, backward


def joined(wrong: str = "") -> Pair:
    def forward(a: Any, b: Any) -> Any:
        return np.concatenate([a, b], axis=1), (a, b)

    def backward(dy: Any, cache: Any) -> Any:
        n = cache[0].shape[1]
        return (dy[:, n:], dy[:, :n]) if wrong == "order" else (dy[:, :n], dy[:, n:])

    return forward, backward


def weighted(wrong: str = "") -> Pair:
    """Columns weighted with w, each row shifted by b, both broadcast."""

    def forward(x: Any, w: Any, b: Any) -> Any:
        return x * w + b, (x, w)

    def backward(dy: Any, cache: Any) -> Any:
        x, w = cache
        db = dy.sum(axis=0 if wrong == "axis" else 1).reshape(-1, 1)
        return dy * (w.T if wrong == "w.T" else w), (dy * x).sum(axis=0, keepdims=True), db

    return forward, backward


def cost(wrong: str = "") -> Pair:
    """Cross-entropy of logits with L2 on the weights, as in Course 2."""

    def forward(W: Any, X: Any, Y: Any, lambd: Any) -> Any:
        Z, m = W @ X, X.shape[1]
        J = (np.logaddexp(0, Z) - Y * Z).sum() / m + lambd / (2 * m) * (W * W).sum()
        return J, (W, X, Y, sigmoid(Z), lambd)

    def backward(dJ: Any, cache: Any) -> Any:
        W, X, Y, A, lambd = cache
        m = X.shape[1]
        dZ = A if wrong == "Y" else A - Y
        penalty = 0 if wrong == "lambd" else lambd / (1 if wrong == "m of lambd" else m) * W
        return {"dW": dJ * (dZ @ X.T / m + penalty)}

    return forward, backward


kept: dict[str, Any] = {}


def stale(wrong: str = "") -> Pair:
    def forward(x: Any) -> Any:
        kept["x"] = x
        return x**3, x

    def backward(dy: Any, x: Any) -> Any:
        return 3 * dy * (kept["x"] if wrong == "stale" else x) ** 2

    return forward, backward
