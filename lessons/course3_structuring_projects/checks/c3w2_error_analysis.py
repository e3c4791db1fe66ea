"""Checks for the exercises of c3w2-error-analysis."""

import numpy as np
from tinygrad_dls.learn.checking import keys, numeric_gradient, result, same, untouched


def layer(seed=0, n=4, m=7):
    """W (10, n), b (10, 1), X (n, m), Y (m,)."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((10, n)), rng.standard_normal((10, 1)),
            rng.standard_normal((n, m)), rng.integers(0, 10, m))


def losses_and_errors(W, b, X, Y):
    Z = W @ X + b
    powers = np.exp(Z - Z.max(0))
    A = powers / powers.sum(0)
    return -np.log(A[Y, np.arange(len(Y))]), A - np.eye(10)[:, Y]


def test_example_gradients(lesson):
    W, b, X, Y = layer()
    with untouched(W=W, b=b, X=X, Y=Y):
        losses, E = result("example_gradients", lesson.example_gradients(W, b, X, Y), 2)
    right, right_E = losses_and_errors(W, b, X, Y)
    same("the losses", losses, right, "-log of the probability of the right class, one for each")
    same("E", E, right_E, "A - onehot(Y), not divided by m")
    large = lesson.example_gradients(1000 * W, b, X, Y)[1]
    assert np.isfinite(large).all(), "E overflows for large Z: subtract the largest Z of a column"


def test_influences(lesson):
    W, b, X, Y = layer(1)
    _, _, trusted_X, trusted_Y = layer(2, m=5)
    rate, weights = 0.3, np.ones(7)
    _, E = losses_and_errors(W, b, X, Y)

    def after(w):
        step_W, step_b = (E * w) @ X.T, (E * w).sum(1, keepdims=True)
        return W - rate * step_W, b - rate * step_b

    def cost(w):
        return losses_and_errors(*after(w), trusted_X, trusted_Y)[0].mean()

    _, E_trusted = losses_and_errors(*after(weights), trusted_X, trusted_Y)
    with untouched(E=E, X=X, E_trusted=E_trusted, X_trusted=trusted_X):
        mine = lesson.influences(E, X, E_trusted, trusted_X, rate)
    same("the influences", mine, numeric_gradient(cost, weights),
         "-rate * e . (G x + g), G and g means over the trusted", 1e-6)


def test_summarize(lesson):
    wrong = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 1], bool)
    tags = {"a": np.array([1, 1, 0, 0, 1, 0, 0, 0, 1, 0], bool),
            "b": np.array([0, 1, 1, 1, 0, 1, 0, 0, 0, 0], bool),
            "c": np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 0], bool)}
    with untouched(wrong=wrong, **tags):
        made = lesson.summarize(wrong, tags)
    keys("the sheet", made, ["a", "b", "c"])
    for name, mistakes, share, ceiling, alone in (
        ("a", 2, 40.0, 30.0, 1), ("b", 3, 60.0, 20.0, 1), ("c", 1, 20.0, 40.0, 0)
    ):
        keys(f"the line of {name}", made[name], ["mistakes", "share", "ceiling", "alone"])
        line = made[name]
        same(f"mistakes of {name}", line["mistakes"], mistakes, "wrong and tagged")
        same(f"share of {name}", line["share"], share, "percent of the mistakes")
        same(f"ceiling of {name}", line["ceiling"], ceiling, "percent of ALL that stay wrong")
        same(f"alone of {name}", line["alone"], alone, "wrong, tagged, and no other tag")


def test_measure(lesson):
    rng = np.random.default_rng(3)
    pictures = 0.2 + 0.5 * rng.random((4, 8, 8))
    with untouched(pictures=pictures):
        made = lesson.measure(pictures)
    keys("the measures", made, ["contrast", "ink", "edge", "slant"])
    right = {name: [] for name in ("contrast", "ink", "edge", "slant")}
    for picture in pictures:
        contrast = picture.max() - picture.min()
        S = (picture - picture.min()) / contrast
        y, x = np.mgrid[:8, :8]
        covariance = np.cov(np.stack([x.ravel(), y.ravel()]), aweights=S.ravel(), bias=True)
        right["contrast"].append(contrast)
        right["ink"].append(S.mean())
        right["edge"].append(max(
            abs(S[1:] - S[:-1]).max(), abs(S[:, 1:] - S[:, :-1]).max()))
        right["slant"].append(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
    hints = {"contrast": "largest - smallest of each picture", "ink": "the mean of S",
             "edge": "neighbours below and beside, of S", "slant": "the correlation of x and y"}
    for name, values in right.items():
        same(name, made[name], values, hints[name])


def test_best_threshold(lesson):
    for values, tag, right in (
        ([0.1, 0.9, 0.5, 0.7, 0.3], [0, 1, 0, 1, 0], (0.7, 1.0)),
        ([3, 1, 2, 5, 4], [0, 0, 1, 1, 1], (2.0, 6 / 7)),
        ([1, 2, 3, 4], [1, 0, 0, 1], (4.0, 2 / 3)),  # equals: 1 has 2 / 3 as well
    ):
        made = result("best_threshold", lesson.best_threshold(
            np.array(values, float), np.array(tag, bool)), 2)
        same(f"the threshold of {values} for {tag}", made[0], right[0],
             "the largest F1 for values >= threshold, of equals the largest threshold")
        same(f"the F1 of {values} for {tag}", made[1], right[1], "2 both / (found + true)")


def test_corrected_error(lesson):
    mistakes, right = np.array([1, 1, 0, 1], bool), np.array([0, 0, 1, 0, 0], bool)
    made = result("corrected_error", lesson.corrected_error(20.0, mistakes, right), 2)
    same("the estimate", made[0], 20 * 0.75 + 80 * 0.2, "e p + (1 - e) q, in percent")
    variance = 0.2**2 * 0.75 * 0.25 / 4 + 0.8**2 * 0.2 * 0.8 / 5
    same("the standard deviation", made[1], 100 * np.sqrt(variance))


def test_prioritize(lesson):
    ceilings, reach = {"a": 8.0, "b": 5.0, "c": 9.0}, {"a": 0.5, "b": 0.4, "c": 1.0}
    for days, right in (
        ({"a": 1.0, "b": 1.0, "c": 1.0}, ["b", "a", "c"]),
        ({"a": 1.0, "b": 10.0, "c": 0.5}, ["c", "a", "b"]),
        ({"a": 4.0, "b": 1.5, "c": 2.0}, ["b", "c", "a"]),
    ):
        made = list(lesson.prioritize(10.0, ceilings, reach, days))
        assert made == right, f"for the days {days} it is {made}, it must be {right}"
