"""Checks for the exercises of c5w1-long-memory."""

import numpy as np
from tinygrad_dls.learn.checking import (
    gradients,
    keys,
    numeric_gradient,
    result,
    same,
    untouched,
)

rng = np.random.default_rng(7)
X = rng.standard_normal((3, 2, 4))  # (n_x, m, T_x)


def drawn(n_x, n_a, scale=0.8):
    shapes = {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "ba": (n_a, 1)}
    return {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}


def states(x, p, reverse=False):
    """(n_a, m, T_x) of a layer that reads from the beginning, or from the end."""
    a, found = np.zeros((len(p["Waa"]), x.shape[1])), [None] * x.shape[2]
    places = range(x.shape[2])
    for t in reversed(places) if reverse else places:
        a = np.tanh(p["Wax"] @ x[:, :, t] + p["Waa"] @ a + p["ba"])
        found[t] = a
    return np.stack(found, axis=2)


def test_input_gradients(lesson):
    p, dlast = drawn(3, 5), rng.standard_normal((5, 2))
    a = states(X, p)
    with untouched(a=a, dlast=dlast, **p):
        mine = lesson.input_gradients(a, p, dlast)
    right = numeric_gradient(lambda x: np.sum(dlast * states(x, p)[:, :, -1]), X)
    same("dx", mine, right, "through the tanh first; then to the input and to the state before",
         rtol=1e-6)


def test_clip_by_norm(lesson):
    given = {"dW": np.array([[3.0, 0.0], [0.0, -4.0]]), "db": np.array([12.0])}  # norm 13
    for bound, factor in ((6.5, 0.5), (26.0, 1.0)):
        with untouched(**given):
            mine, norm = result("clip_by_norm", lesson.clip_by_norm(given, bound), 2)
        same("the norm", norm, 13.0, "of all gradients together, before clipping")
        keys("the gradients", mine, ["dW", "db"])
        for name, gradient in given.items():
            same(f"{name}, clipped to {bound:g}", mine[name], factor * gradient,
                 "all by one factor, and never longer than before")


AHEAD, BACK = drawn(3, 5), drawn(3, 5)


def test_bidirectional_forward(lesson):
    with untouched(x=X):
        mine = lesson.bidirectional_forward(X, AHEAD, BACK)
    right = np.concatenate([states(X, AHEAD), states(X, BACK, reverse=True)])
    same("a", mine, right, "both halves at step t are about input t: turn the states back")


def test_bidirectional_backward(lesson):
    a = np.concatenate([states(X, AHEAD), states(X, BACK, reverse=True)])
    da = rng.standard_normal(a.shape)
    with untouched(da=da, x=X, a=a):
        answer = lesson.bidirectional_backward(da, X, a, AHEAD, BACK)
    dx, ahead, back = result("bidirectional_backward", answer, 3)

    def cost(p):
        ways = [{k: p[f"{k}_{way}"] for k in AHEAD} for way in ("ahead", "back")]
        halves = states(p["x"], ways[0]), states(p["x"], ways[1], reverse=True)
        return np.sum(da * np.concatenate(halves))

    leaves, mine = {"x": X}, {"dx": dx}
    for way, p, grads in (("ahead", AHEAD, ahead), ("back", BACK, back)):
        leaves |= {f"{name}_{way}": value for name, value in p.items()}
        mine |= {f"{name}_{way}": value for name, value in grads.items()}
    gradients(cost, leaves, mine, hint="da of the second half is turned as its states were")


LAYERS = [drawn(3, 5), drawn(5, 4), drawn(4, 2)]


def test_deep_forward(lesson):
    mine = lesson.deep_forward(X, LAYERS)
    assert len(mine) == 3, f"{len(mine)} arrays of states for 3 layers"
    x = X
    for l, p in enumerate(LAYERS):
        x = states(x, p)
        same(f"the states of layer {l + 1}", mine[l], x, "states are the next layer's inputs")


def test_deep_backward(lesson):
    found, x = [], X
    for p in LAYERS:
        x = states(x, p)
        found.append(x)
    da = rng.standard_normal(x.shape)
    with untouched(da=da, x=X):
        dx, grads = result("deep_backward", lesson.deep_backward(da, X, found, LAYERS), 2)

    def cost(p):
        x = p["x"]
        for l in range(3):
            x = states(x, {name: p[f"{name}{l}"] for name in LAYERS[0]})
        return np.sum(da * x)

    leaves, mine = {"x": X}, {"dx": dx}
    for l in range(3):
        leaves |= {f"{name}{l}": value for name, value in LAYERS[l].items()}
        mine |= {f"{name}{l}": value for name, value in grads[l].items()}
    gradients(cost, leaves, mine, hint="dx of a layer is da of the layer below")


def test_build_data(lesson):
    for text, Tx, stride in (("abcdefghij", 3, 2), ("abcdefghij", 4, 1), ("abcde", 4, 3)):
        X, Y = result("build_data", lesson.build_data(text, Tx, stride), 2)
        places = [i for i in range(len(text)) if i % stride == 0 and i + Tx < len(text)]
        assert list(X) == [text[i:i + Tx] for i in places], (
            f"windows of {text!r}, Tx {Tx}, stride {stride}: {list(X)}")
        assert list(Y) == [text[i + Tx] for i in places], f"what follows them: {list(Y)}"
