"""Mends of indices, sums and thresholds, of arrays with two names; statements that must be true.

The sources are layers as learners have them in a file; a mistake is planted by exchanging text.
"""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import Report, check_layer

from .planting import as_a_file

POOLED = """
GROUPS = np.array([[0, 2, 1], [3, 3, 4], [1, 0, 2], [4, 2, 2], [1, 3, 0]])
KEEP = np.array([[1.0, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]])

def forward(table, w):
    rows = table[GROUPS]
    count = KEEP.sum(axis=1, keepdims=True)
    mid = (rows * KEEP[:, :, None]).sum(axis=1) / count
    h = np.tanh(mid @ w)
    return h, (table.shape, mid, count, w, h)

def backward(dh, cache):
    shape, mid, count, w, h = cache
    ds = dh * (1 - h ** 2)
    dw = mid.T @ ds
    dmid = ds @ w.T
    dmid = dmid / count
    drows = dmid[:, None, :] * KEEP[:, :, None]
    dtable = np.zeros(shape)
    np.add.at(dtable, GROUPS, drows)
    return dtable, dw
"""
TILED = """
A, B = 2, 3

def forward(x, g):
    big = np.kron(x, np.ones((1, A, B)))
    return big ** 2 * g, (x, big, g)

def backward(dy, cache):
    x, big, g = cache
    dg = (dy * big ** 2).sum(axis=(1, 2), keepdims=True)
    d = 2 * dy * big * g
    d = d.reshape(x.shape[0], x.shape[1], A, x.shape[2], B)
    dx = d.sum(axis=(2, 4))
    return dx, dg
"""
MIXED = """
def forward(x, v):
    e = np.exp(x * v)
    s = e / e.sum(axis=1, keepdims=True)
    return s ** 2, (x, v, s)

def backward(dy, cache):
    x, v, s = cache
    ds = 2 * dy * s
    de = s * (ds - np.sum(ds * s, axis=1, keepdims=True))
    return de * v, (de * x).sum(axis=0)
"""
LOOPED = """
def forward(k, q):
    e = k @ q
    e = np.exp(e - e.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return (p[:, :, None] * k).sum(axis=1), (k, q, p)

def backward(dy, cache):
    k, q, p = cache
    dk, dq = np.zeros(k.shape), np.zeros(q.shape)
    for i in range(k.shape[0]):
        dp = k[i] @ dy[i]
        for j in range(k.shape[1]):
            de = p[i, j] * (dp[j] - np.sum(dp * p[i]))
            dk[i, j] += p[i, j] * dy[i] + de * q
            dq += de * k[i, j]
    return dk, dq
"""
GATED = """
def forward(x, w):
    z = x @ w
    t = np.tanh(z)
    return t * z, (x, w, z, t)

def backward(dout, cache):
    x, w, z, t = cache
    dt = dout.copy()
    dt *= z
    dz = dout * t + dt * (1 - t ** 2)
    return dz @ w.T, x.T @ dz
"""
HINGED = """
GAP = 0.6

def forward(x, w):
    near = (x * w).sum(axis=1)
    gap = near - (w ** 2).sum() + GAP
    return np.maximum(gap, 0).sum(), (x, w, gap)

def backward(dl, cache):
    x, w, gap = cache
    on = (gap > 0)[:, None] * dl
    return on * w, (on * (x - 2 * w)).sum(axis=0)
"""
CLASSES = """
LABELS = np.array([2, 0, 1, 2, 1])

def forward(x, w):
    n = x.shape[0]
    e = np.exp(x @ w)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(n), LABELS]).sum(), (x, w, p)

def backward(dl, cache):
    x, w, p = cache
    n = x.shape[0]
    dz = p.copy()
    dz[np.arange(n), LABELS] -= 1
    dz = dl * dz
    return dz @ w.T, x.T @ dz
"""
RIDGE = """
WEAK = 0.3

def forward(x, u, v):
    n = x.shape[0]
    h = np.sin(x @ u)
    r = h @ v
    return (r ** 2).sum() / n + WEAK / n * (u ** 2).sum() / 2, (x, u, v, h, r)

def backward(dl, cache):
    x, u, v, h, r = cache
    n = x.shape[0]
    dr = 2 * dl * r / n
    dv = h.T @ dr
    dz = dr @ v.T * np.cos(x @ u)
    du = x.T @ dz + dl * WEAK / n * u
    return dz @ u.T, du, dv
"""
SERIES = """
def forward(x, s0, U):
    S, s = np.zeros(x.shape), s0
    for t in range(x.shape[0]):
        s = np.tanh(x[t] + s @ U)
        S[t] = s
    return S, (x, s0, U, S)

def backward(dS, cache):
    x, s0, U, S = cache
    dz, back = np.zeros(x.shape), np.zeros(s0.shape)
    old = np.concatenate((s0[None], S[:-1]))
    for t in reversed(range(x.shape[0])):
        dz[t] = (dS[t] + back) * (1 - S[t] ** 2)
        back = dz[t] @ U.T
    dU = np.einsum("tba,tbc->ac", old, dz)
    return dz, back, dU
"""
PARTS = """
K = 2

def forward(x):
    y, root = np.zeros(x.shape), np.zeros(K)
    n = x.shape[0] // K
    for k in range(K):
        part = x[k * n:(k + 1) * n]
        root[k] = part.std()
        y[k * n:(k + 1) * n] = (part - part.mean()) / root[k]
    return y, (y, root)

def backward(dy, cache):
    y, root = cache
    dx = np.zeros(y.shape)
    n = y.shape[0] // K
    for k in range(K):
        part = slice(k * n, (k + 1) * n)
        d, h = dy[part], y[part]
        dx[part] = (d - d.mean() - h * (d * h).mean()) / root[k]
    return dx
"""
SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    POOLED: ((5, 4), (4, 3)), TILED: ((3, 4, 2), (3, 1, 1)), MIXED: ((4, 5), (5,)),
    LOOPED: ((3, 4, 2), (2,)), GATED: ((3, 4), (4, 2)), HINGED: ((40, 3), (3,)),
    CLASSES: ((5, 4), (4, 3)), RIDGE: ((5, 4), (4, 3), (3, 2)),
    SERIES: ((5, 2, 3), (2, 3), (3, 3)), PARTS: ((6, 5),),
}


def inputs_of(source: str) -> list[Any]:
    rng = np.random.default_rng(2)
    return [rng.standard_normal(shape) for shape in SHAPES[source]]


def checked(source: str, right: str = "", wrong: str = "", shapes: str = "") -> Report:
    assert not right or source.count(right) == 1
    layer = as_a_file(source.replace(right, wrong), {"np": np})
    return check_layer(layer["forward"], layer["backward"], *inputs_of(shapes or source))


@pytest.mark.parametrize("source", SHAPES)
def test_the_layers_are_right(source: str) -> None:
    assert (report := checked(source)), str(report)


@pytest.mark.parametrize(("source", "right", "wrong", "told"), [
    # one of the copies where their sum is meant
    (TILED, "d.sum(axis=(2, 4))", "d[:, :, 0, :, 0]", "`dx = d.sum(axis=(2, 4))`"),
    # the diagonal of a softmax's Jacobian, of arrays and of their elements
    (MIXED, "s * (ds - np.sum(ds * s, axis=1, keepdims=True))", "s * (1 - s) * ds",
     "`de = s * (ds - np.sum(ds * s, axis=1, keepdims=True))`"),
    (LOOPED, "p[i, j] * (dp[j] - np.sum(dp * p[i]))", "dp[j] * p[i, j] * (1 - p[i, j])",
     "`de = p[i, j] * (dp[j] - np.sum(dp * p[i]))`"),
    # a threshold that the left side holds already
    *((HINGED, "gap > 0", wrong, "`on = (gap > 0)[:, None] * dl`")
      for wrong in ("gap > GAP", "gap < GAP", "gap + GAP > 0")),
    # of each row one element
    (CLASSES, "dz[np.arange(n), LABELS]", "dz[:, LABELS]", "`dz[np.arange(n), LABELS] -= 1`"),
    (CLASSES, "dz[np.arange(n), LABELS]", "dz[LABELS]", "`dz[np.arange(n), LABELS] -= 1`"),
    # a penalty's term, in names, where the gradient is made
    (RIDGE, " + dl * WEAK / n * u", "", "`du = x.T @ dz + dl * WEAK / n * u`"),
    (SERIES, "old = np.concatenate((s0[None], S[:-1]))", "old = S",
     "np.concatenate((s0[None, :, :], old[:-1, :, :]), axis=0)"),
    # a mask of the first two axes
    (POOLED, "dmid[:, None, :] * KEEP[:, :, None]", "np.repeat(dmid[:, None, :], 3, axis=1)",
     "np.repeat(dmid[:, None, :], 3, axis=1) * KEEP[:, :, None]`"),
    (PARTS, "d - d.mean() - h", "d - h", "d - np.mean(d) - h"),
])
def test_the_mend_is_told(source: str, right: str, wrong: str, told: str) -> None:
    report = checked(source, right, wrong)
    assert not report and len(report.causes) == 1, str(report)
    assert told in report.causes[0], str(report)


def test_a_name_that_is_used_again_for_another_gradient_is_not_accused() -> None:
    report = checked(POOLED, "dmid[:, None, :] * KEEP[:, :, None]",
                     "np.cbrt(dmid)[:, None, :] * KEEP[:, :, None] + 0.1")
    assert not report and "dmid is not the gradient of" not in str(report), str(report)
    assert "first line whose result is wrong: drows is not" in str(report), str(report)


def test_a_gradient_of_what_is_divided_is_not_accused_in_one_line_either() -> None:
    source = POOLED.replace("dmid = ds @ w.T\n    dmid = dmid / count", "dmid = (ds @ w.T) / count")
    assert checked(source, shapes=POOLED)
    report = checked(source, "dmid[:, None, :] * KEEP[:, :, None]",
                     "np.cbrt(dmid)[:, None, :] * KEEP[:, :, None] + 0.1", POOLED)
    assert not report and "dmid is not the gradient of" not in str(report), str(report)


def test_a_missing_addition_is_claimed_only_where_no_edit_was_tried() -> None:
    report = checked(TILED, "d.sum(axis=(2, 4))", "d[:, :, ::2, :, ::3][:, :, 0, :, 0] + 0 * x")
    assert not report and "+=" not in str(report), str(report)


@pytest.mark.parametrize(("wrong", "told"), [
    ("dout", ("line 10: `dt *= z` writes into dout", "line 9", "`dt = dout.copy()`")),
    ("dout.reshape(z.shape)", ("writes into dout", "`dt = dout.reshape(z.shape).copy()`")),
    ("dout\n    np.multiply(dt, 1, out=dt)\n    np.add(dt, 1e-3, out=dt)\n    dt -= 1e-3",
     ("line 11: `np.add(dt, 1e-3, out=dt)` writes into dout", "`dt = dout.copy()`")),
    ("dout\n    dout *= 1.5", ("line 10: `dout *= 1.5` writes into dout", "work on a copy")),
])
def test_the_line_that_writes_into_dy_is_told(wrong: str, told: tuple[str, ...]) -> None:
    report = checked(GATED, "dout.copy()", wrong)
    assert not report
    for words in told:
        assert words in str(report), str(report)


def test_the_line_that_writes_into_the_cache_is_told() -> None:
    report = checked(GATED, "dz = dout * t + dt * (1 - t ** 2)",
                     "u = dout * t\n    t *= t\n    dz = u + dt * (1 - t)")
    assert "`t *= t` writes into t; " in str(report) and "`t = t * t`" in str(report), str(report)


def test_no_edit_writes_into_arrays_around_the_functions() -> None:
    layer = as_a_file(POOLED.replace(
        "drows = dmid[:, None, :] * KEEP[:, :, None]",
        "drows = np.repeat(dmid[:, None, :], 3, axis=1)"), {"np": np})
    layer["part"] = layer["KEEP"][1:]
    keep, groups = layer["KEEP"].copy(), layer["GROUPS"].copy()
    assert not check_layer(layer["forward"], layer["backward"], *inputs_of(POOLED))
    for array, before in ((layer["KEEP"], keep), (layer["GROUPS"], groups)):
        assert np.array_equal(array, before) and array.flags.writeable


def test_a_buffer_around_the_functions_stays_writable_for_them() -> None:
    source = GATED.replace("def forward", "BUFFER = np.zeros((4, 2))\n\ndef forward").replace(
        "dout.copy()", "dout * 1").replace("x.T @ dz", "np.dot(x.T, dz, out=BUFFER).copy()")
    assert checked(source, shapes=GATED)
    report = checked(source, "out=BUFFER).copy()", "out=BUFFER).copy() / 2", GATED)
    assert "then dw is right" in str(report), str(report)


@pytest.mark.timeout(60)
def test_a_list_that_holds_itself_is_looked_at_once() -> None:
    source = GATED.replace("def forward", "RING = []\nRING.append(RING)\n\ndef forward").replace(
        "dout.copy()", "dout * len(RING)")
    report = checked(source, "x.T @ dz", "-x.T @ dz", GATED)
    assert "then dw is right" in str(report), str(report)
