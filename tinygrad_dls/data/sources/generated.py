"""Data made by seeded code: the very points of the course, drawn in the course's order.

Each function draws from a generator of its own, so that nobody else's numbers change.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._util.optional import need
from .sets import Points


def flower(seed: int = 1, m: int = 400, petals: int = 4) -> Points:
    """The planar flower of Course 1 week 3: X (2, m), Y (1, m) of 0 and 1, half of each.

    Polar coordinates (t, r): r = petals * sin(4 t) + noise, each class in its own half of t.
    """
    draw = np.random.RandomState(seed)
    half = m // 2
    points = []
    for label in range(2):
        angle = np.linspace(label * 3.12, (label + 1) * 3.12, half) + 0.2 * draw.randn(half)
        radius = petals * np.sin(4 * angle) + 0.2 * draw.randn(half)
        points.append([radius * np.sin(angle), radius * np.cos(angle)])
    labels = np.repeat(np.array([0, 1], np.uint8), half).reshape(1, -1)
    return Points(X=np.concatenate(points, axis=1), Y=labels)


def extra_sets(seed: int = 1, m: int = 200) -> dict[str, Points]:
    """The five further sets of Course 1 week 3, drawn one after the other as its loader does."""
    make = need("sklearn.datasets", "drawing the extra planar sets")
    draw = np.random.RandomState(seed)
    circles = make.make_circles(n_samples=m, factor=0.5, noise=0.3, random_state=draw)
    moons = make.make_moons(n_samples=m, noise=0.2, random_state=draw)
    points, centre = make.make_blobs(n_samples=m, random_state=5, n_features=2, centers=6)
    quantiles = make.make_gaussian_quantiles(
        mean=None, cov=0.5, n_samples=m, n_features=2, n_classes=2, shuffle=True, random_state=draw
    )
    first, second = draw.rand(m, 2), draw.rand(m, 2)
    return {
        "noisy-circles": _points(*circles),
        "noisy-moons": _points(*moons),
        "blobs": _points(points, centre % 2),
        "gaussian-quantiles": _points(*quantiles),
        # The course gives points in place of labels here: there is no structure to be found.
        "no-structure": Points(X=first.T, Y=(second[:, :1].T > 0.5).astype(np.int64)),
    }


def circles() -> Points:
    """Course 2 week 1, initialization: 300 points for training (seed 1), 100 for test (seed 2)."""
    make = need("sklearn.datasets", "drawing the circles")
    train = make.make_circles(n_samples=300, noise=0.05, random_state=np.random.RandomState(1))
    test = make.make_circles(n_samples=100, noise=0.05, random_state=np.random.RandomState(2))
    train_points, test_points = _points(*train), _points(*test)
    return Points(X=train_points.X, Y=train_points.Y, X_test=test_points.X, Y_test=test_points.Y)


def moons() -> Points:
    """Course 2 week 2, optimization methods: 300 points (seed 3)."""
    make = need("sklearn.datasets", "drawing the moons")
    return _points(*make.make_moons(300, noise=0.2, random_state=np.random.RandomState(3)))


def pitch(seed: int = 1) -> Points:
    """Stands in for the football data: 211 + 200 positions, a curved border, 8 % wrong labels."""
    draw = np.random.default_rng(seed)
    parts = []
    for m in (211, 200):
        x = draw.uniform([-0.8, -0.7], [0.5, 0.7], (m, 2))
        ours = x[:, 1] > 0.9 * x[:, 0] + 0.3 * np.sin(4 * x[:, 0]) + 0.1
        wrong = draw.random(m) < 0.08
        parts.append(_points(x, (ours ^ wrong).astype(np.uint8)))
    train, test = parts
    return Points(X=train.X, Y=train.Y, X_test=test.X, Y_test=test.Y)


def _points(x: Any, y: Any) -> Points:
    """scikit-learn's (m, 2), (m,) in the course's layout: (2, m), (1, m)."""
    return Points(X=np.ascontiguousarray(x.T), Y=y.reshape(1, -1))


def _extra(name: str) -> Callable[[], Points]:
    return lambda: extra_sets()[name]


GENERATORS: dict[str, Callable[[], Points]] = {
    "flower": flower,
    "circles": circles,
    "moons": moons,
    **{
        name: _extra(name)
        for name in ("noisy-circles", "noisy-moons", "blobs", "gaussian-quantiles", "no-structure")
    },
}
