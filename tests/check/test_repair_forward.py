"""Mends that forward tells: its counts, its order of lines, its brackets; and what is not certain.

The sources are layers as learners have them in a file; a mistake is planted by exchanging text.
"""

import ast
from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import check_layer
from tinygrad_dls.check.repair.edit import expression
from tinygrad_dls.check.repair.tidy import tidy

from .planting import layer_of

BANDS = """
B = 2

def forward(x, w):
    n, c = x.shape
    xb = x.reshape(n, B, c // B)
    s = np.sqrt((xb ** 2).mean(axis=2, keepdims=True) + 0.1)
    return (xb / s).reshape(n, c) * w, (xb, s, w)

def backward(dy, cache):
    xb, s, w = cache
    n, c = dy.shape
    k = c // B
    dw = (dy * (xb / s).reshape(n, c)).sum(axis=0)
    d = (dy * w).reshape(xb.shape)
    ds = -(d * xb).sum(axis=2, keepdims=True) / s ** 2
    dxb = d / s + ds / s * xb / k
    return dxb.reshape(n, c), dw
"""
WEIGHTED = """
RATES = np.array([[0.5], [2.0], [1.5], [3.0]])
LABELS = np.array([0, 2, 1, 3, 3, 0])

def forward(x, W):
    hot = np.eye(4)[LABELS].T
    z = W @ x
    rate = (RATES * hot).sum(axis=0, keepdims=True)
    loss = (rate * (z - hot) ** 2).sum()
    return loss, (x, W, z, hot, RATES, rate)

def backward(dl, cache):
    x, W, z, hot, rates, rate = cache
    dz = 2 * dl * rate * (z - hot)
    return W.T @ dz, dz @ x.T
"""
SCALED = """
def forward(x, g, tiny):
    m = (x ** 2).mean(axis=1, keepdims=True)
    r = x / np.sqrt(m + tiny)
    return r * g, (x, m, r, g, tiny)

def backward(dy, cache):
    x, m, r, g, tiny = cache
    n = x.shape[1]
    root = np.sqrt(m + tiny)
    dg = (dy * r).sum(axis=0)
    dr = dy * g
    droot = -(dr * x).sum(axis=1, keepdims=True) / root ** 2
    dm = droot / (2 * root)
    return dr / root + 2 * x * dm / n, dg
"""
ENTROPY = """
def forward(x, tiny):
    p = x ** 2
    return -(p * np.log(p + tiny)).sum(), (x, p, tiny)

def backward(dl, cache):
    x, p, tiny = cache
    dp = -dl * (np.log(p + tiny) + p / (p + tiny))
    return 2 * x * dp
"""
SCAN = """
def forward(x, s0, u):
    seen, s = [], s0
    for t in range(x.shape[1]):
        new = np.tanh(s * u + x[:, t])
        seen.append((s, new))
        s = new
    return s, (x, seen, u)

def backward(ds, cache):
    x, seen, u = cache
    dx, du = np.zeros_like(x), np.zeros_like(u)
    for t in reversed(range(x.shape[1])):
        old, new = seen[t]
        dz = ds * (1 - new ** 2)
        dx[:, t] = dz
        du += (dz * old).sum(axis=0)
        ds = dz * u
    return dx, ds, du
"""
LEAKY = """
LEAK, CAP = 0.2, 0.9

def forward(x, W, V):
    z = x @ W
    a = np.where(z < 0, LEAK * z, z)
    u = a @ V
    b = np.maximum(u, CAP * u)
    return b, (x, W, V, z, a, u)

def backward(db, cache):
    x, W, V, z, a, u = cache
    du = db * np.where(u > 0, 1, CAP)
    da = du @ V.T
    dz = da * np.where(z < 0, LEAK, 1)
    return dz @ W.T, x.T @ dz, a.T @ du
"""
SHAPES: dict[str, tuple[Any, ...]] = {
    BANDS: ((5, 8), (8,)), WEIGHTED: ((3, 6), (4, 3)), SCALED: ((4, 6), (6,), 0.3),
    ENTROPY: ((4, 3), 0.2), SCAN: ((4, 3, 2), (4, 2), (2,)),
    LEAKY: ((5, 4), (4, 3), (3, 6)),
}


def inputs_of(source: str) -> list[Any]:
    rng = np.random.default_rng(2)
    return [rng.standard_normal(size) if isinstance(size, tuple) else size
            for size in SHAPES[source]]


@pytest.mark.parametrize("source", SHAPES)
def test_the_layers_are_right(source: str) -> None:
    assert (report := check_layer(*layer_of(source), *inputs_of(source))), str(report)


@pytest.mark.parametrize(("source", "right", "wrong", "told"), [
    # 8 channels in 2 bands: 8 // 2 is 2 * 2 there, and nine channels do not go into bands
    (BANDS, "k = c // B", "k = c", "`k = c // B`"),
    # names of an unpacking that are forward's but for their case
    (WEIGHTED, "dl * rate *", "dl * rates *", "`dz = 2 * dl * rate * (z - hot)`"),
    # where a bracket ends
    (SCALED, "root = np.sqrt(m + tiny)", "root = np.sqrt(m) + tiny", "`root = np.sqrt(m + tiny)`"),
    (ENTROPY, "(np.log(p + tiny) +", "(np.log(p) + tiny +", "np.log(p + tiny)"),
    (ENTROPY, "p / (p + tiny)", "p / p + tiny", "p / (p + tiny)"),
    # the slope of forward's own line
    (LEAKY, "da * np.where(z < 0, LEAK, 1)", "da", "`dz = da * np.where(z < 0, LEAK, 1)`"),
    # two lines of forward in the wrong order
    (SCAN, "seen.append((s, new))\n        s = new", "s = new\n        seen.append((s, new))",
     "`s = new` must stand behind line 7, `seen.append((s, new))`"),
])
def test_the_mend_is_told(source: str, right: str, wrong: str, told: str) -> None:
    assert source.count(right) == 1
    report = check_layer(*layer_of(source.replace(right, wrong)), *inputs_of(source))
    assert not report and len(report.causes) == 1, str(report)
    assert told in report.causes[0], str(report)


def test_a_line_is_the_first_wrong_one_only_if_all_before_are_known_to_be_right() -> None:
    source = SCALED.replace("root = np.sqrt(m + tiny)", "root = np.cbrt(m * tiny) + n")
    report = check_layer(*layer_of(source), *inputs_of(SCALED))
    assert not report and "first line" not in str(report)
    assert "dm is not the gradient of m" in str(report) and "lines" in str(report), str(report)


def test_another_value_than_forwards_variable_is_told() -> None:
    source = SCALED.replace("r = x / np.sqrt(m + tiny)", "root = np.sqrt(m + tiny); r = x / root")
    assert check_layer(*layer_of(source), *inputs_of(SCALED))
    source = source.replace("root = np.sqrt(m + tiny)\n", "root = np.cbrt(m * tiny) + n\n")
    report = check_layer(*layer_of(source), *inputs_of(SCALED))
    assert "root is not forward's root" in str(report), str(report)


@pytest.mark.parametrize(("before", "after"), [
    ("1 * x", "x"), ("a + 1 * (b * c)", "a + b * c"), ("d[p:p + -2 * p]", "d[p:-p]"),
    ("p - -n", "p + n"), ("x * y + z", "x * y + z"), ("n + 1 - n", "1"),
    ("(a + -b) * c", "(a - b) * c"), ("2 * p + p", "3 * p"), ("x + y", "x + y"), ("p - p", "0"),
])
def test_a_mend_is_shown_as_a_person_would_write_it(before: str, after: str) -> None:
    assert ast.unparse(tidy(expression(before))) == after
