"""Inputs of the layers that tests write by hand: ordinary ones, of several sizes."""

from typing import Any

import numpy as np

N, M, X = 4, 5, 3  # units, examples, inputs
COURSE_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "layer_norm": [(6, 5), (5,), (5,)], "cross_attention": [(4, 5), (4, 5), (4, 6)],
    "heads": [(2, 3, 4)], "softmax_cost": [(4, 6)], "penalized": [(2, 3), (2, 1)],
    "overlapping_pool": [(7, 7)], "embedding": [(5, 3)], "triplet": [(5, 4)] * 3,
    "gram": [(3, 7)],
}
GRU = {f"{kind}{gate}": shape for kind, shape in (("W", (N, N + X)), ("b", (N, 1)))
       for gate in "zrc"}
FRESH_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "conv": [(2, 5, 6, 3), (3, 3, 3, 2), (1, 1, 1, 2)], "average_pool": [(2, 6, 6, 2)],
    "max_pool": [(2, 6, 6, 2)], "global_pool": [(2, 3, 4, 5)],
    "batch_norm_images": [(4, 3, 2, 5), (3,), (3,)], "squeeze_excite": [(2, 3, 4, 4), (3, 3)],
    "upsample": [(2, 3, 5)], "reflect": [(3, 6)], "dense_block": [(5, 4), (4, 3)],
    "gru": [(X, M), (N, M)], "lstm": [(5, 3), (5, 4), (5, 4), (3, 16), (4, 16), (16,)],
    "rnn": [(3, 2, 4), (4, 2), (4, 3), (4, 4), (4, 1)],
    "attention": [(5, 4), (4, 3), (4, 3), (4, 2)],
    "dilated": [(3, 8), (3,)], "embedding_bag": [(6, 3)], "positions": [(3, 4, 5), (4, 5), (5,)],
    "permuted": [(3, 5)], "logistic_cost": [(4, 1), (1, 1), (4, 7)],
    "squared_error": [(5, 3), (5, 3)], "huber": [(5, 4)], "swish": [(4, 5)], "elu": [(4, 5)],
    "softplus": [(4, 5)], "prelu": [(6, 4), (4,)], "tempered_softmax": [(4, 6)],
    "log_sum_exp": [(4, 6)], "rms_norm": [(5, 6), (6,)], "gaussian_kl": [(4, 3), (4, 3)],
    "sampled": [(4, 3), (4, 3), (4, 3)], "highway": [(5, 4), (4, 4), (4, 4)],
    "bilinear": [(5, 4), (5, 4), (4, 4)], "cosine": [(5, 4), (5, 4)], "kernel": [(5, 4), (4,)],
    "dropped": [(5, 4), (4, 3)], "weighted_cost": [(6, 4)],
}


def arrays(*shapes: tuple[int, ...], seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [size * rng.standard_normal(shape) for shape in shapes]


def plain_inputs(layer: str, seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng([seed, 7])

    def made(*shapes: tuple[int, ...]) -> list[Any]:
        return arrays(*shapes, seed=seed, size=size)

    n_x, n = 3, 4
    if layer in ("lstm_cell",):
        weights = {"W" + g: (n, n + n_x) for g in "fioc"} | {"b" + g: (n, 1) for g in "fioc"}
        values = dict(zip(weights, arrays(*weights.values(), seed=seed + 1)))
        return [*made((n_x, M), (n, M), (n, M)), values]
    tables: dict[str, list[Any]] = {
        "dense": made((3, M), (N, 3), (N, 1)),
        "softmax": made((4, 4)), "log_softmax": made((5, 4)),
        "batch_norm": made((3, 6), (3, 1), (3, 1)),
        "conv": [*made((6, 7), (3, 3)), {"stride": 1, "pad": 1}],
        "pool": made((4, 6)),
        "dropout": [*made((4, 5)), rng.random((4, 5)) < 0.6, 0.6],
        "residual": made((4, 5), (4, 4)),
        "gru_cell": made((n_x, M), (n, M), (2 * n, n + n_x), (n, n + n_x)),
        "rnn": made((3, 2, 4), (4, 3), (4, 4)),
        "attention": made((5, 3), (4, 3), (4, 2)),
        "elementwise": [a + np.sign(a) * 0.3 * size for a in made((4, 6), (4, 6))],
        "leaky_relu": [*made((5, 4)), rng.uniform(0.1, 0.4, 4)],
        "unit": made((4, 5)), "upsample": made((3, 4)), "cumulative": made((3, 5)),
        "turned": made((3, 3, 3)), "joined": made((4, 3), (4, 3)),
        "weighted": made((4, 4), (1, 4), (4, 1)),
        "cost": [*made((1, 4), (4, 9)), rng.integers(0, 2, (1, 9)), 0.7],
        "stale": made((4, 3)),
    }
    return tables[layer]


def course_inputs(layer: str, seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng([seed, 3])
    made: list[Any] = [size * rng.standard_normal(shape) for shape in COURSE_SHAPES[layer]]
    return [*made, {"f": 3, "stride": 2}] if layer == "overlapping_pool" else made


def fresh_inputs(layer: str, seed: int = 0, size: float = 1.0) -> list[Any]:
    rng = np.random.default_rng([seed, 11])
    weights = {name: size * rng.standard_normal(shape) for name, shape in GRU.items()}
    made: list[Any] = [size * rng.standard_normal(shape) for shape in FRESH_SHAPES[layer]]
    more: dict[str, Any] = {
        "conv": [{"stride": 2, "pad": 1}],
        "average_pool": [{"f": 2 if seed % 2 else 3, "stride": 2}],
        "max_pool": [{"f": 2, "stride": 2}], "gru": [weights],
        "embedding_bag": [rng.integers(0, 6, (4, 3))],
        "logistic_cost": [rng.integers(0, 2, (1, 7))],
        "huber": [0.7 * size], "tempered_softmax": [2.5], "kernel": [np.array([0.3])],
        "dropped": [rng.random((5, 3)) < 0.7, 0.7],
        "weighted_cost": [rng.integers(0, 4, 6), rng.uniform(0.5, 2, 4)],
    }
    return made + more.get(layer, [])
