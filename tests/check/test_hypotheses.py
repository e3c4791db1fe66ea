"""A mistake of any size, on any gradient, gets its own name and no other."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_dls.check.hypotheses import factor, mistake
from tinygrad_dls.check.numeric import Differences, Measured, course_difference

sides = st.integers(2, 6)
seeds = st.integers(0, 10_000)


def gradient(n: int, m: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, m))


def sampled(array: np.ndarray, seed: int) -> Measured:
    """The gradient as differences give it: some of its elements, and not exact."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(array.size, max(3, array.size * 2 // 3), replace=False))
    noise = 1 + 1e-8 * rng.standard_normal(len(places))
    return Measured(array.shape, places, array.flat[places] * noise)


@given(sides, sides, seeds, st.integers(2, 200), st.booleans(), st.booleans())
def test_factors(n: int, m: int, seed: int, k: int, over: bool, negative: bool) -> None:
    g = gradient(n, m, seed)
    c = (Fraction(1, k) if over else Fraction(k)) * (-1 if negative else 1)
    text = mistake(g * float(c), sampled(g, seed), {"m": k})
    assert text.startswith(f"analytic = {c} {'of' if over else 'x'} numeric")
    assert ("wrong sign" in text) == negative
    assert ("one 1/m too many?" if over else "is 1/m missing?") in text


@given(sides, sides, seeds)
def test_sign(n: int, m: int, seed: int) -> None:
    g = gradient(n, m, seed)
    assert mistake(-g, sampled(g, seed)) == "analytic = -numeric (wrong sign)"


@given(sides, sides, seeds)
def test_transposed(n: int, m: int, seed: int) -> None:
    g = gradient(n, m, seed)
    assert "transpose" in mistake(np.ascontiguousarray(g.T), sampled(g, seed))


@given(sides, sides, seeds)
def test_reshaped_where_it_must_be_transposed(n: int, m: int, seed: int) -> None:
    rows = gradient(m, n, seed)  # the truth is rows.T
    said = mistake(rows.reshape(n, m), sampled(rows.T, seed))
    assert ("is the transpose" if n == m else "reshaped where it must be transposed") in said


@given(sides, sides, sides, seeds)
def test_not_summed(k: int, n: int, m: int, seed: int) -> None:
    g = np.random.default_rng(seed).standard_normal((k, n, m))
    text = mistake(g, sampled(g.sum(axis=0), seed))
    assert text.endswith("broadcast, but not summed: write .sum(axis=0)")


@pytest.mark.parametrize(("mine", "truth", "said"), [
    ((1, 1), (), "too many axes of length 1"),
    ((1,), (), "too many axes of length 1"),
    ((3, 1), (3,), "too many axes of length 1"),
    ((3,), (3, 1), "too few axes of length 1 (keepdims=True?"),
    ((1, 3, 1), (3, 1, 1), "axes of length 1 in other places"),
])
def test_axes_of_length_1(mine: object, truth: object, said: str) -> None:
    assert said in mistake(np.ones(mine), Measured.of(np.ones(truth)))


@given(sides, sides, seeds)
def test_right_is_right(n: int, m: int, seed: int) -> None:
    g = gradient(n, m, seed)
    assert mistake(g, sampled(g, seed)) == ""


@given(sides, sides, seeds, st.integers(0, 3))
def test_one_element(n: int, m: int, seed: int, place: int) -> None:
    g = gradient(n, m, seed)
    mine = g.copy()
    mine.flat[place] += 1.5 * np.abs(g).max()
    index = list(map(int, np.unravel_index(place, g.shape)))
    text = mistake(mine, Measured.of(g))
    assert f"at {index}: analytic {mine.flat[place]:.6g}" in text
    assert text.startswith(f"1 of {g.size} elements differ")


def test_no_factor_is_made_up() -> None:
    g = gradient(3, 3, 0)
    assert factor(g + 0.1, g) is None and factor(g * 0, g) is None and factor(g, g * 0) is None
    assert factor(g * 0.7319, g) == pytest.approx(0.7319)
    assert "differ" in mistake(g * g, Measured.of(g))


def test_the_course_s_formula() -> None:
    a, b = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    assert course_difference(a, b) == pytest.approx(5 / 7)
    assert course_difference(a, a) == 0 == course_difference(a * 0, a * 0)


@pytest.mark.parametrize(("f", "x", "slope", "verdict"), [
    (np.tanh, 0.3, 1 - np.tanh(0.3) ** 2, "right"),
    (np.tanh, 0.3, 1.0, "wrong"),
    (np.abs, 0.0, 1.0, "kink"),
    (np.abs, 1e-7, 1.0, "right"),
    (np.abs, 1e-7, -1.0, "wrong"),
    (np.square, 0.0, 0.0, "right"),
    (np.square, 0.0, 1.0, "wrong"),
    (np.sqrt, 0.0, 0.0, "kink"),
    (np.cbrt, 0.0, 0.0, "kink"),
    (np.log, 3e-8, 1 / 3e-8, "right"),
    (np.log, 3e-8, 1 / 2e-8, "wrong"),
])
def test_one_slope(f: object, x: float, slope: float, verdict: str) -> None:
    point = np.array([x])
    with np.errstate(all="ignore"):
        found, _ = Differences(f, point, f(point), np.ones(1)).judge(np.ones(1), slope, 1e-6, 1e-6)
    assert found == verdict
