"""Checks for the exercises of c5w1-music."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, keys, result, same, shape, untouched

N, N_A = 6, 4  # values, units


def parameters_of(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"Wx": (4 * N_A, N), "Wa": (4 * N_A, N_A), "b": (4 * N_A, 1), "Wy": (N, N_A),
              "by": (N, 1)}
    return {name: 0.6 * rng.standard_normal(size) for name, size in shapes.items()}


def sequences(seed=0, m=3, steps=5):
    """X (m, steps, N), Y (steps, m, N) in the layout of the course."""
    rng = np.random.default_rng(seed)
    X, Y = np.zeros((m, steps, N), bool), np.zeros((steps, m, N), bool)
    for i in range(m):
        for t, v in enumerate(rng.integers(0, N, steps - 1)):
            X[i, t + 1, v] = Y[t, i, v] = True
    return X, Y


def squash(z):
    return 1 / (1 + np.exp(-z))


def step_by_units(x, a, c, p):
    """One step of the LSTM, unit by unit: a, c and the gates."""
    n_a, m = a.shape
    a_next, c_next, gates = np.zeros((n_a, m)), np.zeros((n_a, m)), np.zeros((4, n_a, m))
    for u in range(n_a):
        for k in range(m):
            z = [p["Wx"][g * n_a + u] @ x[:, k] + p["Wa"][g * n_a + u] @ a[:, k]
                 + p["b"][g * n_a + u, 0] for g in range(4)]
            i, f, g, o = squash(z[0]), squash(z[1]), np.tanh(z[2]), squash(z[3])
            c_next[u, k] = f * c[u, k] + i * g
            a_next[u, k] = o * np.tanh(c_next[u, k])
            gates[:, u, k] = i, f, g, o
    return a_next, c_next, gates


def run_by_units(X, p):
    """P (Tx, n, m), and a of each step."""
    m, steps, _ = X.shape
    a, c = np.zeros((N_A, m)), np.zeros((N_A, m))
    P, states = [], []
    for t in range(steps):
        a, c, _ = step_by_units(X[:, t].T.astype(float), a, c, p)
        e = np.exp(p["Wy"] @ a + p["by"])
        P.append(e / e.sum(0))
        states.append(a)
    return np.array(P), states


def test_data_processing(lesson):
    corpus = [[("a", k) for k in range(12)], [("b", k) for k in range(9)], [("c", 0)] * 3]
    values = [v for tune in corpus[:2] for v in tune] + [("c", 0)]
    places = {value: i for i, value in enumerate(values)}
    X, Y = result("data_processing", lesson.data_processing(corpus, places, m=20, Tx=6, seed=3), 2)
    shape("X", X, (20, 6, len(values)))
    shape("Y", Y, (6, 20, len(values)))
    same("X[:, 0]", X[:, 0].astype(float), np.zeros((20, len(values))),
         "the first input is all zeros")
    same("Y[-1]", Y[-1].astype(float), np.zeros((20, len(values))), "the last target is all zeros")
    same("values in X[:, 1:]", X[:, 1:].sum(2), np.ones((20, 5)), "each is one-hot")
    same("Y[:-1]", Y[:-1].astype(float), X[:, 1:].transpose(1, 0, 2).astype(float),
         "Y[t] is what X[:, t + 1] will be")
    number = X[:, 1:].argmax(2)
    same("values one after the other", np.diff(number, axis=1), np.ones((20, 4), int),
         "v_0, v_1 ... follow each other in the tune")
    assert len(np.unique(number[:, 0])) > 4, "sequences begin at `start`, at random places"
    assert not np.isin(number[:, 0], [0, 12]).any(), (
        "v_0 is replaced by zeros: X[i, 1] is the one-hot of tune[start + 1]")


def test_lstm_step(lesson):
    rng = np.random.default_rng(1)
    p = parameters_of(1)
    x, a, c = rng.standard_normal((N, 3)), rng.standard_normal((N_A, 3)), rng.standard_normal(
        (N_A, 3))
    with untouched(x=x, a=a, c=c, parameters=p):
        a_next, c_next, cache = result("lstm_step", lesson.lstm_step(x, a, c, p), 3)
    right_a, right_c, gates = step_by_units(x, a, c, p)
    same("c", c_next, right_c, "f * c + i * g; the order of the gates is i, f, g, o")
    same("a", a_next, right_a, "o * tanh(c)")
    for name, mine, right in zip("ifgo", cache[3], gates, strict=True):
        same(f"the gate {name} in the cache", mine, right)
    same("c in the cache", cache[4], right_c)
    same("c before in the cache", cache[2], c)


def test_djmodel(lesson):
    X, _ = sequences(2)
    p = parameters_of(2)
    with untouched(X=X, parameters=p):
        P, caches = result("djmodel", lesson.djmodel(X, p), 2)
    right, states = run_by_units(X, p)
    same("P", P, right, "a and c go on from step to step; softmax of Wy a + by")
    assert len(caches) == 5, f"caches has {len(caches)} entries, it must have one a step: 5"
    for t, (cache, a) in enumerate(caches):
        same(f"a in caches[{t}]", a, states[t])
        same(f"x in caches[{t}]", cache[0], X[:, t].T.astype(float))


def test_sequence_loss(lesson):
    X, Y = sequences(3)
    P, _ = run_by_units(X, parameters_of(3))
    right = 0.0
    for t in range(5):
        for k in range(3):
            for v in range(N):
                if Y[t, k, v]:
                    right -= np.log(P[t, v, k]) / 3
    with untouched(P=P, Y=Y):
        loss = lesson.sequence_loss(P, Y)
    same("the loss", loss, right, "a sum over the steps, a mean over the sequences")
    same("the loss of nothing", lesson.sequence_loss(P, np.zeros_like(Y)), 0.0)


def test_lstm_step_backward(lesson):
    rng = np.random.default_rng(4)
    p = parameters_of(4)
    x, a, c = (rng.standard_normal((n, 3)) for n in (N, N_A, N_A))
    R, Q = rng.standard_normal((2, N_A, 3))
    _, c_next, gates = step_by_units(x, a, c, p)
    cache = (x, a, c, tuple(gates), c_next)
    with untouched(da=R, dc=Q, x=x):
        made = result("lstm_step_backward", lesson.lstm_step_backward(R, Q, cache, p), 5)

    def cost(q):
        a_next, c_next, _ = step_by_units(x, q["a"], q["c"], {**p, **q})
        return np.sum(R * a_next + Q * c_next)

    given = {name: p[name] for name in ("Wx", "Wa", "b")} | {"a": a, "c": c}
    mine = {f"d{name}": d for name, d in zip(given, made, strict=True)}
    gradients(cost, given, mine, hint="first dc + da o (1 - tanh^2 c), then the four gates")


def test_djmodel_backward(lesson):
    X, Y = sequences(5)
    p = parameters_of(5)
    P, caches = lesson.djmodel(X, p)
    with untouched(P=P, Y=Y, parameters=p):
        mine = lesson.djmodel_backward(P, Y, caches, p)
    keys("the gradients", mine, [f"d{name}" for name in p])

    def cost(q):
        P, _ = run_by_units(X, q)
        return -np.sum(np.log(P[Y.transpose(0, 2, 1)])) / 3

    gradients(cost, p, mine, m=3, hint="a step without target costs nothing; gradients add up")


def test_draw(lesson):
    class Fixed:
        """A generator whose next number is known."""

        def __init__(self, u):
            self.u = u

        def random(self):
            return self.u

    p = np.array([0.1, 0.0, 0.2, 0.4, 0.3])
    for temperature in (1.0, 0.5, 2.0):
        q = p ** (1 / temperature)
        ends = np.cumsum(q / q.sum())
        for place in (0, 2, 3, 4):
            low = ends[place - 1] if place else 0.0
            for u in (low + 1e-6, ends[place] - 1e-6):
                with untouched(p=p):
                    made = lesson.draw(p, temperature, Fixed(u))
                assert made == place, (
                    f"at temperature {temperature} and u = {u:.4f} the place is {made}, it must be "
                    f"{place}: the first at which the sum of p^(1/T), scaled to 1, is above u")


def test_predict_and_sample(lesson):
    p = parameters_of(6)
    p = {name: 2 * value for name, value in p.items()}
    for temperature in (1.0, 0.3):
        made = lesson.predict_and_sample(p, Ty=12, temperature=temperature, seed=9)
        rng = np.random.default_rng(9)
        x, a, c, right = np.zeros((N, 1)), np.zeros((N_A, 1)), np.zeros((N_A, 1)), []
        for _ in range(12):
            a, c, _ = step_by_units(x, a, c, p)
            e = np.exp(p["Wy"] @ a + p["by"])[:, 0]
            right.append(lesson.draw(e / e.sum(), temperature, rng))
            x = np.eye(N)[:, [right[-1]]]
        assert list(made) == right, (
            f"drawn were {list(made)}, it must be {right}: a step, probabilities, draw, and the "
            "one-hot of what was drawn is the next x")
