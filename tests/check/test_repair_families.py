"""Families of mistakes, each planted in a small layer: the line told is the one to mend."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_dls.check import Report, check_layer


def drawn(*shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(7)
    return [rng.standard_normal(shape) * 0.6 for shape in shapes]


def told(report: Report) -> str:
    assert not report
    return " ".join(report.causes)


# --- numbers of the layer ------------------------------------------------------------------------


def powered(x: Any, k: int) -> Any:
    return x**k, (x, k)


def test_an_exponent_is_lowered_by_one_where_dropping_it_fits_one_value_only() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, k = cache
        return dy * k * x**k

    text = told(check_layer(powered, backward, *drawn((3, 4)), 2))
    assert "`return dy * k * x**(k - 1)`" in text, text


def test_a_missing_exponent_is_one_less_than_that_of_forward() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, k = cache
        return dy * k * x

    text = told(check_layer(powered, backward, *drawn((3, 4)), 3))
    assert "x ** (k - 1)" in text, text


# --- parallel weights ----------------------------------------------------------------------------


def two_gates(x: Any, P: Any) -> Any:
    a, b = np.tanh(x @ P["Wa"]), np.sin(x @ P["Wb"])
    return a * b, (x, P, a, b)


def test_the_path_through_one_of_two_weights_is_missing() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, P, a, b = cache
        da = dy * b * (1 - a**2)
        db = dy * a * np.cos(x @ P["Wb"])
        dx = da @ P["Wa"].T
        return dx, x.T @ da, x.T @ db

    x, U, V = drawn((5, 4), (4, 3), (4, 3))
    text = told(check_layer(two_gates, backward, x, {"Wa": U, "Wb": V}))
    assert "dx = da @ P['Wa'].T + db @ P['Wb'].T" in text.replace('"', "'"), text


def unrolled(x: Any, U: Any, V: Any, W: Any) -> Any:
    h, kept = np.zeros((len(x), W.shape[0])), []
    for t in range(x.shape[1]):
        a, b = np.tanh(x[:, t] @ U + h @ W), np.sin(x[:, t] @ V)
        kept.append((h, a, b))
        h = a * b
    return h, (x, U, V, W, kept)


def test_the_path_through_one_of_two_weights_is_missing_in_each_turn() -> None:
    def backward(dh: Any, cache: Any) -> Any:
        x, U, V, W, kept = cache
        dx, dU, dV, dW = (np.zeros_like(v) for v in (x, U, V, W))
        for t in reversed(range(x.shape[1])):
            h, a, b = kept[t]
            da = dh * b * (1 - a**2)
            db = dh * a * np.cos(x[:, t] @ V)
            dx[:, t] = da @ U.T
            dU += x[:, t].T @ da
            dV += x[:, t].T @ db
            dW += h.T @ da
            dh = da @ W.T
        return dx, dU, dV, dW

    text = told(check_layer(unrolled, backward, *drawn((3, 5, 4), (4, 2), (4, 2), (2, 2))))
    assert "`dx[:, t] = da @ U.T + db @ V.T`" in text, text


# --- lists of a loop -----------------------------------------------------------------------------


def test_the_cache_of_each_turn_is_taken_not_that_of_one() -> None:
    def backward(dh: Any, cache: Any) -> Any:
        x, U, V, W, kept = cache
        dx, dU, dV, dW = (np.zeros_like(v) for v in (x, U, V, W))
        for t in reversed(range(x.shape[1])):
            h, a, b = kept[0]
            da = dh * b * (1 - a**2)
            db = dh * a * np.cos(x[:, t] @ V)
            dx[:, t] = da @ U.T + db @ V.T
            dU += x[:, t].T @ da
            dV += x[:, t].T @ db
            dW += h.T @ da
            dh = da @ W.T
        return dx, dU, dV, dW

    text = told(check_layer(unrolled, backward, *drawn((3, 5, 4), (4, 2), (4, 2), (2, 2))))
    assert "`h, a, b = kept[t]`" in text, text


# --- slopes on one side --------------------------------------------------------------------------


def leaky(x: Any, W: Any, slope: float) -> Any:
    z = x @ W
    return np.where(z > 0, z, slope * z), (x, W, z, slope)


def back_from(dz: Callable[..., Any]) -> Any:
    def backward(dy: Any, cache: Any) -> Any:
        x, W, z, slope = cache
        d = dz(dy, z, slope)
        return d @ W.T, x.T @ d
    return backward


def masked(dy: Any, z: Any, slope: Any) -> Any:
    return dy * (z > 0)


def of_ones(dy: Any, z: Any, slope: Any) -> Any:
    return dy * np.where(z > 0, 1, 1)


def overwritten(dy: Any, z: Any, slope: Any) -> Any:
    dz = dy.copy()
    dz[z <= 0] = 0
    return dz


def astype(dy: Any, z: Any, slope: Any) -> Any:
    mask = (z > 0).astype(float)
    return dy * mask


@pytest.mark.parametrize(("dz", "mended"), [
    (masked, "`return dy * np.where(z > 0, 1, slope)`"),
    (of_ones, "`return dy * np.where(z > 0, 1, slope)`"),
    (overwritten, "`dz[z <= 0] *= slope`"),
    (astype, "`mask = np.where(z > 0, 1, slope)`"),
])
def test_the_slope_of_one_side(dz: Any, mended: str) -> None:
    text = told(check_layer(leaky, back_from(dz), *drawn((6, 4), (4, 3)), 0.2))
    assert mended in text, text


# --- axes ----------------------------------------------------------------------------------------


def split(x: Any, heads: int) -> Any:
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads).transpose(0, 2, 1, 3)


def merged(x: Any) -> Any:
    B, H, T, D = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * D)


def in_heads(x: Any, W: Any, heads: int) -> Any:
    q = split(x @ W, heads)
    y = np.sin(q) * (1 + q.mean(axis=2, keepdims=True))
    return merged(y), (x, W, q, heads)


def test_axes_are_put_back_before_a_reshape() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, W, q, heads = cache
        d = split(dy, heads)
        dq = d * np.cos(q) * (1 + q.mean(axis=2, keepdims=True))
        dq += (d * np.sin(q)).mean(axis=2, keepdims=True)
        dz = dq.reshape(x.shape[0], x.shape[1], -1)
        return dz @ W.T, np.einsum("btd,bte->de", x, dz)

    text = told(check_layer(in_heads, backward, *drawn((2, 3, 4), (4, 4)), 2))
    assert "dq.transpose(0, 2, 1, 3).reshape(" in text or "`dz = merged(dq)`" in text, text


def test_axes_are_turned_behind_a_reshape() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, W, q, _heads = cache
        d = dy.reshape(q.shape)
        dq = d * np.cos(q) * (1 + q.mean(axis=2, keepdims=True))
        dq += (d * np.sin(q)).mean(axis=2, keepdims=True)
        dz = merged(dq)
        return dz @ W.T, np.einsum("btd,bte->de", x, dz)

    text = told(check_layer(in_heads, backward, *drawn((2, 3, 4), (4, 4)), 2))
    assert "split(dy, _heads)`" in text or ").transpose(0, 2, 1, 3)`" in text, text


# --- names of a cache ----------------------------------------------------------------------------


def product(x: Any, u: Any, v: Any) -> Any:
    a, b = x * u, np.sin(x * v)
    return a * b, (x, u, v, a, b)


def test_the_line_that_uses_two_names_is_mended_not_the_unpacking_that_matches_forward() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, u, v, a, b = cache
        da = dy * a
        db = dy * b * np.cos(x * v)
        return da * u + db * v, da * x, db * x

    text = told(check_layer(product, backward, *drawn((3, 4), (3, 4), (3, 4))))
    assert "`da = dy * b`" in text and "`db = dy * a * np.cos(x * v)`" in text, text


def test_an_unpacking_in_another_order_than_forward_packs_is_mended() -> None:
    def backward(dy: Any, cache: Any) -> Any:
        x, u, v, b, a = cache
        da = dy * b
        db = dy * a * np.cos(x * v)
        return da * u + db * v, da * x, db * x

    text = told(check_layer(product, backward, *drawn((3, 4), (3, 4), (3, 4))))
    assert "`x, u, v, a, b = cache`" in text.replace("(x, u, v, a, b)", "x, u, v, a, b"), text


# --- kernels -------------------------------------------------------------------------------------


def correlated(x: Any, w: Any) -> Any:
    k = len(w)
    n = len(x) - k + 1
    y = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            y[i, j] = np.sum(x[i:i + k, j:j + k] * w)
    return y, (x, w)


def kernel_rows(flipped: bool) -> Any:
    if flipped:
        def backward(dy: Any, cache: Any) -> Any:
            x, w = cache
            k, n = len(w), len(dy)
            dx, dw = np.zeros_like(x), np.zeros_like(w)
            for a in range(k):
                for b in range(k):
                    dx[a:a + n, b:b + n] += dy * w[k - 1 - a, k - 1 - b]
                    dw[a, b] = np.sum(dy * x[a:a + n, b:b + n])
            return dx, dw
        return backward

    def other(dy: Any, cache: Any) -> Any:
        x, w = cache
        k, n = len(w), len(dy)
        padded = np.pad(dy, k - 1)
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for a in range(k):
            for b in range(k):
                dx += w[a, b] * padded[a:a + len(x), b:b + len(x)]
                dw[a, b] = np.sum(dy * x[a:a + n, b:b + n])
        return dx, dw
    return other


@pytest.mark.parametrize(("flipped", "mended"), [
    (True, "w[a, b]"), (False, "w[k - 1 - a, k - 1 - b]"),
])
def test_a_kernel_is_flipped_by_the_arithmetic_of_its_indices(flipped: bool, mended: str) -> None:
    text = told(check_layer(correlated, kernel_rows(flipped), *drawn((6, 6), (3, 3))))
    assert mended in text, text


# --- what is said where the source cannot be seen -----------------------------------------------


def unseen(text: str) -> Any:
    """The backward of a text that is in no file: only its gradients are there to judge by."""
    names: dict[str, Any] = {"np": np}
    exec(text, names)
    return names["backward"]


def bent(x: Any, slope: float) -> Any:
    return np.where(x > 0, x, slope * x), (x, slope)


def test_a_slope_of_0_is_not_taken_for_a_mask() -> None:
    backward = unseen("def backward(dy, cache):\n    return dy * (cache[0] > 0)")
    text = str(check_layer(bent, backward, *drawn((5, 4)), 0.2))
    assert "too few places" not in text, text


def test_a_chance_condition_of_few_elements_is_not_said() -> None:
    backward = unseen("def backward(dy, cache):\n"
                      "    d = 2 * dy * cache[0]\n    d[1, 0] *= 2\n    d[0, 2] *= 2\n    return d")
    text = str(check_layer(lambda x, u: (x * x, (x, u)), backward, *drawn((2, 3), (2, 3))))
    assert "< 0" not in text and "> 0" not in text, text


def test_a_missing_path_is_settled_between_the_weights() -> None:
    def forward(x: Any, U: Any, V: Any) -> Any:
        a, b = np.tanh(x @ U), np.sin(x @ V)
        return a * b, (x, U, V, a, b)

    backward = unseen(
        "def backward(dy, cache):\n    x, U, V, a, b = cache\n    da = dy * b * (1 - a**2)\n"
        "    db = dy * a * np.cos(x @ V)\n    return da @ U.T, x.T @ da, x.T @ db")
    text = str(check_layer(forward, backward, *drawn((5, 4), (4, 3), (4, 3))))
    assert "only where U is 0" not in text, text
