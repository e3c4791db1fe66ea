"""Checks for the exercises of c4w1-edges-and-filters."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched

rng = np.random.default_rng(5)
X, VOLUME = rng.standard_normal((8, 7)), rng.standard_normal((7, 6, 3))
W = rng.standard_normal((3, 3))


def convolved(X, W):
    """Z by the formula of the lesson."""
    return np.einsum("hwuv,uv->hw", np.lib.stride_tricks.sliding_window_view(X, W.shape), W)


def test_output_size(lesson):
    for (n, f, p, s), right in {
        (6, 3, 0, 1): 4, (6, 3, 1, 1): 6, (7, 3, 0, 2): 3, (8, 3, 0, 2): 3, (5, 2, 1, 3): 2,
    }.items():
        mine = lesson.output_size(n, f, p, s)
        same(f"output_size({n}, {f}, {p}, {s})", mine, right, "rounded down, then plus one")


def test_convolve(lesson):
    for kernel in (W, rng.standard_normal((2, 2)), rng.standard_normal((5, 5))):
        with untouched(X=X, W=kernel):
            mine = lesson.convolve(X, kernel)
        same(f"Z of a filter {kernel.shape}", mine, convolved(X, kernel))


def test_convolve_padded(lesson):
    for p, s in ((0, 1), (1, 1), (1, 2), (2, 3), (0, 2)):
        right = convolved(np.pad(X, p), W)[::s, ::s]
        with untouched(X=X, W=W):
            mine = lesson.convolve_padded(X, W, p, s)
        same(f"Z with p = {p}, s = {s}", mine, right, "pad, convolve, then every s-th")


def test_convolve_volume(lesson):
    filters = rng.standard_normal((3, 3, 3, 2))
    found = np.lib.stride_tricks.sliding_window_view(VOLUME, (3, 3), axis=(0, 1))
    with untouched(X=VOLUME, W=filters):
        mine = lesson.convolve_volume(VOLUME, filters)
    same("Z", mine, np.einsum("hwcuv,uvck->hwk", found, filters), "the sum over channels")


def test_strength_and_direction(lesson):
    answer = lesson.strength_and_direction(X, W, W.T)
    strength, direction = result("strength_and_direction", answer, 2)
    across, down = convolved(X, W), convolved(X, W.T)
    same("strength", strength, np.hypot(across, down))
    same("direction", direction, np.angle(across + 1j * down), "atan2(G_y, G_x)")


def test_come_apart(lesson):
    together = np.array([[2.0], [-1.0], [0.5], [3.0]]) @ np.array([[1.0, 4.0, -2.0, 0.5]])
    answer = result("come_apart", lesson.come_apart(together), 2)
    assert answer[0] is not None, "a column times a row comes apart: None is for all others"
    column, row = answer
    assert np.shape(column) == (4, 1), f"the column is {np.shape(column)}, it must be (4, 1)"
    assert np.shape(row) == (1, 4), f"the row is {np.shape(row)}, it must be (1, 4)"
    same("column @ row", column @ row, together, "put the singular value into one of them")
    almost = together + 1e-4 * rng.standard_normal((4, 4))
    for kernel in (W, np.eye(3), 1e-6 * W, almost):
        answer = result("come_apart", lesson.come_apart(kernel), 2)
        assert answer == (None, None), f"{kernel} is not a column times a row: (None, None)"
    assert lesson.come_apart(1e-12 * together)[0] is not None, "small numbers come apart as well"


def test_filter_gradient(lesson):
    dZ = rng.standard_normal((6, 5))
    with untouched(X=X, dZ=dZ):
        dW = lesson.filter_gradient(X, dZ)
    gradients(lambda p: np.sum(dZ * convolved(X, p["W"])), {"W": W}, {"dW": dW})


def test_learn_filter(lesson):
    Y = convolved(X, W) + 0.1
    with untouched(X=X, Y=Y):
        answer = lesson.learn_filter(X, Y, 3, 0.2, 4)
    mine, costs = result("learn_filter", answer, 2)
    right, right_costs = np.zeros((3, 3)), []
    for _ in range(4):
        error = convolved(X, right) - Y
        right_costs.append(0.5 * np.mean(error**2))
        right = right - 0.2 * convolved(X, error) / error.size
    same("the costs", costs, right_costs, "half the mean square, before each step")
    same("the filter after 4 steps", mine, right, "dZ = (Z - Y) / M")
