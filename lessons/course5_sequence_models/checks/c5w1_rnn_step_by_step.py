"""Checks for the exercises of c5w1-rnn-step-by-step."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(5)
N_X, N_A, N_Y, M, T = 3, 4, 2, 2, 3
X = rng.standard_normal((N_X, M, T))
A0, C0 = rng.standard_normal((N_A, M)), rng.standard_normal((N_A, M))
DA, DC = rng.standard_normal((N_A, M, T)), rng.standard_normal((N_A, M))


def drawn(shapes):
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def gated(gates):
    W = {f"W{gate}": (N_A, N_A + N_X) for gate in gates}
    return drawn(W | {f"b{gate}": (N_A, 1) for gate in gates} | {"Wy": (N_Y, N_A), "by": (N_Y, 1)})


RNN = drawn({"Wax": (N_A, N_X), "Waa": (N_A, N_A), "ba": (N_A, 1), "Wya": (N_Y, N_A),
             "by": (N_Y, 1)})
LSTM, GRU = gated("fico"), gated("urc")


# --- the formulas once more, with the two halves of each W apart ---------------------------------


def logistic(z):
    return 1 / (1 + np.exp(-z))


def chances(z):
    return np.exp(z) / np.sum(np.exp(z), axis=0)


def line(p, gate, a, x):
    """W [a; x] + b, unit by unit."""
    return np.einsum("ij,jm->im", p[f"W{gate}"][:, :N_A], a) + np.einsum(
        "ij,jm->im", p[f"W{gate}"][:, N_A:], x) + p[f"b{gate}"]


def rnn_step(a, c, x, p):
    return np.tanh(p["Wax"] @ x + p["Waa"] @ a + p["ba"]), c


def lstm_step(a, c, x, p):
    f, i, o = (logistic(line(p, gate, a, x)) for gate in "fio")
    c = f * c + i * np.tanh(line(p, "c", a, x))
    return o * np.tanh(c), c


def gru_step(a, c, x, p, reset_after=False):
    u, r = (logistic(line(p, gate, a, x)) for gate in "ur")
    if reset_after:
        nothing = np.zeros_like(a)
        candidate = r * (line(p, "c", a, x) - line(p, "c", nothing, x)) + line(p, "c", nothing, x)
    else:
        candidate = line(p, "c", r * a, x)
    return a + u * (np.tanh(candidate) - a), c


def through(step, x, a, p, **options):
    """States (n_a, m, T_x) and cells."""
    c, states, cells = np.zeros_like(a), [], []
    for t in range(x.shape[2]):
        a, c = step(a, c, x[:, :, t], p, **options)
        states.append(a)
        cells.append(c)
    return np.stack(states, 2), np.stack(cells, 2)


def outputs(p, a, W="Wy"):
    return np.stack([chances(p[W] @ a[:, :, t] + p["by"]) for t in range(a.shape[2])], 2)


def own(p, **more):
    """Those parameters that have a gradient: all but the output layer's."""
    return {name: value for name, value in p.items() if name not in ("Wya", "Wy", "by")} | more


# --- forward -------------------------------------------------------------------------------------


def test_rnn_cell_forward(lesson):
    with untouched(xt=X[:, :, 0], a_prev=A0, parameters=RNN):
        a, y, cache = result(
            "rnn_cell_forward", lesson.rnn_cell_forward(X[:, :, 0], A0, RNN), 3)
    right, _ = rnn_step(A0, None, X[:, :, 0], RNN)
    same("a_next", a, right, "tanh(Wax x + Waa a + ba)")
    same("yt_pred", y, chances(RNN["Wya"] @ right + RNN["by"]), "softmax(Wya a_next + by)")
    result("the cache", cache, 4)


def test_rnn_forward(lesson):
    with untouched(x=X, a0=A0, parameters=RNN):
        a, y, caches = result("rnn_forward", lesson.rnn_forward(X, A0, RNN), 3)
    right, _ = through(rnn_step, X, A0, RNN)
    same("a", a, right, "each step starts from the state of the step before")
    same("y_pred", y, outputs(RNN, right, "Wya"))
    assert len(caches[0]) == T, f"caches holds {len(caches[0])} steps, there are {T}"


def test_lstm_cell_forward(lesson):
    with untouched(xt=X[:, :, 0], a_prev=A0, c_prev=C0, parameters=LSTM):
        a, c, y, cache = result(
            "lstm_cell_forward", lesson.lstm_cell_forward(X[:, :, 0], A0, C0, LSTM), 4)
    right_a, right_c = lstm_step(A0, C0, X[:, :, 0], LSTM)
    same("c_next", c, right_c, "kept part of the old cell, plus written part of the candidate")
    same("a_next", a, right_a, "the output gate times tanh(c_next)")
    same("yt_pred", y, chances(LSTM["Wy"] @ right_a + LSTM["by"]))
    result("the cache", cache, 10)


def test_lstm_forward(lesson):
    with untouched(x=X, a0=A0, parameters=LSTM):
        a, y, c, caches = result("lstm_forward", lesson.lstm_forward(X, A0, LSTM), 4)
    right_a, right_c = through(lstm_step, X, A0, LSTM)
    same("a", a, right_a, "state and cell both go on to the next step; the cell begins at 0")
    same("c", c, right_c)
    same("y", y, outputs(LSTM, right_a))
    assert len(caches[0]) == T, f"caches holds {len(caches[0])} steps, there are {T}"


def test_gru_cell_forward(lesson):
    for after in (False, True):
        with untouched(xt=X[:, :, 0], a_prev=A0, parameters=GRU):
            a, y, _ = result(
                "gru_cell_forward", lesson.gru_cell_forward(X[:, :, 0], A0, GRU, after), 3)
        right, _ = gru_step(A0, None, X[:, :, 0], GRU, after)
        same(f"a_next, reset_after={after}", a, right, "ut * candidate + (1 - ut) * a_prev")
        same("yt_pred", y, chances(GRU["Wy"] @ right + GRU["by"]))


def test_gru_forward(lesson):
    for after in (False, True):
        with untouched(x=X, a0=A0, parameters=GRU):
            a, y, caches = result("gru_forward", lesson.gru_forward(X, A0, GRU, after), 3)
        right, _ = through(gru_step, X, A0, GRU, reset_after=after)
        same(f"a, reset_after={after}", a, right, "hand reset_after on to the step")
        same("y_pred", y, outputs(GRU, right))
        assert len(caches[0]) == T, f"caches holds {len(caches[0])} steps, there are {T}"


# --- backward: the caches are the lesson's own ---------------------------------------------------


def test_rnn_cell_backward(lesson):
    *_, cache = lesson.rnn_cell_forward(X[:, :, 0], A0, RNN)
    da = DA[:, :, 0]
    with untouched(da_next=da, xt=X, a_prev=A0):
        mine = lesson.rnn_cell_backward(da, cache)
    gradients(
        lambda p: np.sum(da * rnn_step(p["a_prev"], None, p["xt"], p)[0]),
        own(RNN, xt=X[:, :, 0], a_prev=A0), mine, hint="dz = (1 - a_next**2) * da_next")


def test_rnn_backward(lesson):
    *_, caches = lesson.rnn_forward(X, A0, RNN)
    with untouched(da=DA, x=X, a0=A0):
        mine = lesson.rnn_backward(DA, caches)
    gradients(
        lambda p: np.sum(DA * through(rnn_step, p["x"], p["a0"], p)[0]),
        own(RNN, x=X, a0=A0), mine,
        hint="da of this step plus what the next step handed back; reports add up")


def test_lstm_cell_backward(lesson):
    *_, cache = lesson.lstm_cell_forward(X[:, :, 0], A0, C0, LSTM)
    da = DA[:, :, 0]
    with untouched(da_next=da, dc_next=DC, xt=X, a_prev=A0, c_prev=C0):
        mine = lesson.lstm_cell_backward(da, DC, cache)

    def cost(p):
        a, c = lstm_step(p["a_prev"], p["c_prev"], p["xt"], p)
        return np.sum(da * a) + np.sum(DC * c)

    gradients(cost, own(LSTM, xt=X[:, :, 0], a_prev=A0, c_prev=C0), mine,
              hint="dc = dc_next + da_next * ot * (1 - tanh(c_next)**2)")


def test_lstm_backward(lesson):
    *_, caches = lesson.lstm_forward(X, A0, LSTM)
    with untouched(da=DA, x=X, a0=A0):
        mine = lesson.lstm_backward(DA, caches)
    gradients(
        lambda p: np.sum(DA * through(lstm_step, p["x"], p["a0"], p)[0]),
        own(LSTM, x=X, a0=A0), mine, hint="hand back da_prev and dc_prev")


def test_gru_cell_backward(lesson):
    for after in (False, True):
        *_, cache = lesson.gru_cell_forward(X[:, :, 0], A0, GRU, after)
        da = DA[:, :, 0]
        with untouched(da_next=da, xt=X, a_prev=A0):
            mine = lesson.gru_cell_backward(da, cache)
        gradients(
            lambda p, da=da, after=after: np.sum(
                da * gru_step(p["a_prev"], None, p["xt"], p, after)[0]),
            own(GRU, xt=X[:, :, 0], a_prev=A0), mine, hint=f"with reset_after={after}")


def test_gru_backward(lesson):
    for after in (False, True):
        *_, caches = lesson.gru_forward(X, A0, GRU, after)
        with untouched(da=DA, x=X, a0=A0):
            mine = lesson.gru_backward(DA, caches)
        gradients(
            lambda p, after=after: np.sum(
                DA * through(gru_step, p["x"], p["a0"], p, reset_after=after)[0]),
            own(GRU, x=X, a0=A0), mine, hint=f"with reset_after={after}")


# --- lengths -------------------------------------------------------------------------------------

LENGTHS = np.array([3, 1, 2, 3])
STATES = rng.standard_normal((N_A, 4, T))


def test_last_states(lesson):
    with untouched(a=STATES, lengths=LENGTHS):
        mine = lesson.last_states(STATES, LENGTHS)
    right = np.stack([STATES[:, i, n - 1] for i, n in enumerate(LENGTHS)], axis=1)
    same("last_states", mine, right, "of a sequence of n steps, the state at n - 1")


def test_last_states_backward(lesson):
    dlast = rng.standard_normal((N_A, 4))
    mine = lesson.last_states_backward(dlast, LENGTHS, T + 1)
    shape("da", mine, (N_A, 4, T + 1))
    right = np.zeros((N_A, 4, T + 1))
    for i, n in enumerate(LENGTHS):
        right[:, i, n - 1] = dlast[:, i]
    same("da", mine, right, "zeros, and each gradient at its sequence's last step")
