"""Losses: random shapes, labels, weights and reductions; layers too."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, pick, random_cases, same_function, same_layer, torch

T = torch.nn.functional
REDUCTIONS = ("mean", "sum", "none")


def drawn_labels(case: np.random.Generator, shape: Any, classes: int, ignore: Any) -> np.ndarray:
    labels = np.asarray(case.integers(0, classes, shape))
    if ignore is not None and labels.size > 1:
        hidden = case.random(shape) < 0.4
        hidden.reshape(-1)[0] = False
        labels = np.where(hidden, ignore, labels)
        labels.reshape(-1)[0] = (ignore + 1) % classes if 0 <= ignore else labels.reshape(-1)[0]
    return labels


@random_cases(200)
def test_cross_entropy_and_nll(case: np.random.Generator) -> None:
    shape = pick(case, (5,), (4, 3), (1, 2), (1, 1), (6, 10), (2, 4, 3), (2, 3, 4, 5),
                 (3, 5, 2, 1, 2))
    dtype = pick(case, "float32", "float64")
    z = array(case, *shape, dtype=dtype)
    classes = shape[0] if len(shape) == 1 else shape[1]
    ignore = pick(case, None, None, -100, 255, 0, 1)
    if ignore is not None and 0 <= ignore < 2 and classes < 2:
        ignore = None
    labels = drawn_labels(case, shape[:1] + shape[2:] if len(shape) > 1 else (), classes, ignore)
    options: dict[str, Any] = {"reduction": pick(case, *REDUCTIONS)}
    if ignore is not None:
        options["ignore_index"] = ignore
    arrays = [z, labels]
    if weighted := case.random() < 0.4:
        arrays.append(case.uniform(0.2, 2, classes).astype(dtype))
    nll = case.random() < 0.3
    if not nll and case.random() < 0.4:
        options["label_smoothing"] = float(case.uniform(0, 1))
    f, g = (F.nll_loss, T.nll_loss) if nll else (F.cross_entropy, T.cross_entropy)
    if nll:  # PyTorch's refuses some layouts: "grad_input must be contiguous"
        arrays[0] = np.ascontiguousarray(z)
    if (labels == options.get("ignore_index", -100)).all() and options["reduction"] == "mean":
        with pytest.raises(dls.DataError, match="mean of no losses"):  # PyTorch: NaN
            f(dls.Tensor(z), dls.Tensor(labels), **options)
        return
    same_function(
        lambda z, y, *w: f(z, y, w[0] if weighted else None, **options),
        lambda z, y, *w: g(z, y, w[0] if weighted else None, **options),
        arrays, exact=(2,), second=not nll,
    )


@random_cases(60)
def test_cross_entropy_of_probabilities(case: np.random.Generator) -> None:
    shape = pick(case, (5,), (4, 3), (1, 2), (2, 4, 3), (2, 3, 4, 5))
    dtype = pick(case, "float32", "float64")
    z = array(case, *shape, dtype=dtype)
    axis = min(len(shape) - 1, 1)
    p = np.exp(case.standard_normal(shape))
    p = (p / p.sum(axis=axis, keepdims=True)).astype(dtype)
    arrays = [z, p]
    if case.random() < 0.5:
        arrays.append(case.uniform(0.2, 2, shape[axis]).astype(dtype))
    options = {"reduction": pick(case, *REDUCTIONS), "label_smoothing": pick(case, 0.0, 0.2)}
    same_function(
        lambda z, p, *w: F.cross_entropy(z, p, *w, **options),
        lambda z, p, *w: T.cross_entropy(z, p, *w, **options), arrays, exact=(2,), second=True,
    )


def signs(case: np.random.Generator, shape: Any, dtype: str) -> np.ndarray:
    return np.asarray(case.choice([-1, 1], shape)).astype(dtype)


# name -> (input, target) and options of one case
PAIRED: dict[str, Any] = {
    "mse_loss": lambda c, x: (x(), {}), "l1_loss": lambda c, x: (x(), {}),
    "smooth_l1_loss": lambda c, x: (x(), {"beta": pick(c, 1.0, 0.4, 0.0)}),
    "huber_loss": lambda c, x: (x(), {"delta": pick(c, 1.0, 0.4)}),
    "soft_margin_loss": lambda c, x: (np.sign(x()), {}),
    "hinge_embedding_loss": lambda c, x: (np.sign(x()), {"margin": pick(c, 1.0, 0.3)}),
    "kl_div": lambda c, x: (np.exp(x()) * (x() > -1), {}),
    "kl_div of logs": lambda c, x: (x(), {"log_target": True}),
    "poisson_nll_loss": lambda c, x: (
        np.round(np.exp(x())), {"log_input": pick(c, True, False), "full": pick(c, True, False)}),
    "binary_cross_entropy_with_logits": lambda c, x: (1 / (1 + np.exp(x())), {}),
}


@pytest.mark.parametrize("name", PAIRED)
@random_cases(16)
def test_paired(case: np.random.Generator, name: str) -> None:
    shape = pick(case, (), (1,), (5,), (4, 3), (2, 3, 4), (2, 3, 4, 2))
    dtype = pick(case, "float32", "float64")
    x = array(case, *shape, dtype=dtype)
    target, options = PAIRED[name](case, lambda: array(case, *shape, dtype=dtype))
    target = np.asarray(target, dtype)
    name = name.partition(" ")[0]
    options["reduction"] = pick(case, *REDUCTIONS)
    if name == "poisson_nll_loss" and not options["log_input"]:
        x = np.asarray(np.exp(x))
    exact = (1,) if name in ("soft_margin_loss", "hinge_embedding_loss", "poisson_nll_loss",
                             "kl_div") and "log_target" not in options else ()
    same_function(lambda a, b: getattr(F, name)(a, b, **options),
                  lambda a, b: getattr(T, name)(a, b, **options), [x, target], exact=exact,
                  second=True)


@random_cases(30)
def test_batchmean(case: np.random.Generator) -> None:
    x, t = array(case, 4, 3), np.exp(array(case, 4, 3))
    same_function(lambda a, b: F.kl_div(a, b, reduction="batchmean"),
                  lambda a, b: T.kl_div(a, b, reduction="batchmean"), [x, t], second=True)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@random_cases(10)
def test_weights_of_differences(case: np.random.Generator, name: str) -> None:
    dtype, r = pick(case, "float32", "float64"), pick(case, *REDUCTIONS)
    arrays = [array(case, 4, 3, dtype=dtype), array(case, 4, 3, dtype=dtype),
              case.uniform(0.1, 2, (4, 3)).astype(dtype)]
    same_function(lambda a, b, w: getattr(F, name)(a, b, reduction=r, weight=w),
                  lambda a, b, w: getattr(T, name)(a, b, reduction=r, weight=w), arrays)


@random_cases(40)
def test_binary_cross_entropies(case: np.random.Generator) -> None:
    shape, dtype = pick(case, (5,), (4, 3), (2, 3, 4)), pick(case, "float32", "float64")
    t = case.uniform(0, 1, shape).astype(dtype)
    w = case.uniform(0.2, 2, pick(case, shape, shape[-1:])).astype(dtype)
    r = pick(case, *REDUCTIONS)
    if case.random() < 0.5:
        p = case.uniform(0.05, 0.95, shape).astype(dtype)
        same_function(lambda p, t, w: F.binary_cross_entropy(p, t, w, reduction=r),
                      lambda p, t, w: T.binary_cross_entropy(p, t, w, reduction=r), [p, t, w],
                      exact=(1, 2))
        return
    z, v = array(case, *shape, dtype=dtype) * 5, case.uniform(0.2, 2, shape[-1:]).astype(dtype)
    chosen = pick(case, (True, True), (True, False), (False, True))

    def call(f: Any) -> Any:
        return lambda z, t, w, v: f(z, t, w if chosen[0] else None, reduction=r,
                                    pos_weight=v if chosen[1] else None)

    same_function(call(F.binary_cross_entropy_with_logits),
                  call(T.binary_cross_entropy_with_logits), [z, t, w, v], exact=(2, 3), second=True)


@pytest.mark.parametrize("target", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy_of_probabilities_near_0_and_1(dtype: str, target: float) -> None:
    p = np.array([0, 1e-40, 1e-14, 1e-7, 0.3, 1 - 1e-7, 1], dtype)
    same_function(lambda p, t: F.binary_cross_entropy(p, t, reduction="sum"),
                  lambda p, t: T.binary_cross_entropy(p, t, reduction="sum"),
                  [p, np.full_like(p, target)], exact=(1,), scale=10)  # theirs is float32's 1e-12


@random_cases(40)
def test_gaussian_nll(case: np.random.Generator) -> None:
    shape, dtype = pick(case, (5,), (4, 3), (2, 3, 4)), pick(case, "float32", "float64")
    var = case.uniform(0, 2, pick(case, shape, shape[:-1], (*shape[:-1], 1))).astype(dtype)
    var = np.where(var < 0.3, 0, var).astype(dtype) if case.random() < 0.3 else var
    options = {"full": pick(case, True, False), "reduction": pick(case, *REDUCTIONS), "eps": 0.1}
    same_function(lambda a, b, v: F.gaussian_nll_loss(a, b, v, **options),
                  lambda a, b, v: T.gaussian_nll_loss(a, b, v, **options),
                  [array(case, *shape, dtype=dtype), array(case, *shape, dtype=dtype), var],
                  second=True)


@random_cases(50)
def test_margins_of_classes(case: np.random.Generator) -> None:
    dtype, r = pick(case, "float32", "float64"), pick(case, *REDUCTIONS)
    m, c = int(case.integers(1, 6)), int(case.integers(1, 6))
    x, w = array(case, m, c, dtype=dtype), case.uniform(0.2, 2, c).astype(dtype)
    weighted = bool(case.integers(2))
    if case.random() < 0.5:
        t = case.integers(0, 2, (m, c)).astype(dtype)
        same_function(
            lambda x, t, w: F.multilabel_soft_margin_loss(x, t, w if weighted else None,
                                                          reduction=r),
            lambda x, t, w: T.multilabel_soft_margin_loss(x, t, w if weighted else None,
                                                          reduction=r),
            [x, t, w], exact=(1, 2), second=True)
        return
    options = {"p": pick(case, 1, 2), "margin": pick(case, 1.0, 0.5), "reduction": r}
    same_function(  # PyTorch has no second derivative of it
        lambda x, t, w: F.multi_margin_loss(x, t, weight=w if weighted else None, **options),
        lambda x, t, w: T.multi_margin_loss(x, t, weight=w if weighted else None, **options),
        [x, case.integers(0, c, m), w], exact=(2,))


@random_cases(80)
def test_distances(case: np.random.Generator) -> None:
    dtype = pick(case, "float32", "float64")
    if case.random() < 0.5:
        shapes = pick(case, ((4, 3), (4, 3)), ((2, 3, 4), (2, 3, 4)), ((4, 3), (1, 3)),
                      ((2, 1), (2, 1)))
        dim = int(case.integers(-len(shapes[0]), len(shapes[0])))
        same_function(lambda a, b: F.cosine_similarity(a, b, dim),
                      lambda a, b: T.cosine_similarity(a, b, dim),
                      [array(case, *s, dtype=dtype) for s in shapes], second=True, scale=10)
        return
    shape, p = pick(case, (4, 3), (3,), (2, 3, 2)), pick(case, 2.0, 1.0, 3.0, 1.5, float("inf"))
    keep = bool(case.integers(2))
    same_function(lambda a, b: F.pairwise_distance(a, b, p, keepdim=keep),
                  lambda a, b: T.pairwise_distance(a, b, p, keepdim=keep),
                  [array(case, *shape, dtype=dtype), array(case, *shape, dtype=dtype)],
                  second=p == 2)


@random_cases(80)
def test_losses_of_pairs_and_triplets(case: np.random.Generator) -> None:
    dtype, r = pick(case, "float32", "float64"), pick(case, *REDUCTIONS)
    shape = pick(case, (4, 3), (1, 5), (6, 2), (3,))
    a, b, c = (array(case, *shape, dtype=dtype) for _ in range(3))
    kind = pick(case, "cosine", "ranking", "triplet")
    if kind == "cosine":
        margin = pick(case, 0.0, 0.3)
        same_function(lambda *x: F.cosine_embedding_loss(*x, margin=margin, reduction=r),
                      lambda *x: T.cosine_embedding_loss(*x, margin=margin, reduction=r),
                      [a, b, signs(case, shape[:-1], dtype)], exact=(2,), second=True)
    elif kind == "ranking":
        margin = pick(case, 0.0, 0.3)
        same_function(lambda *x: F.margin_ranking_loss(*x, margin=margin, reduction=r),
                      lambda *x: T.margin_ranking_loss(*x, margin=margin, reduction=r),
                      [a, b, signs(case, shape, dtype)], exact=(2,), second=True)
    else:
        options = {"margin": pick(case, 1.0, 0.5), "p": pick(case, 2.0, 1.0, 3.0),
                   "swap": bool(case.integers(2)), "reduction": r}
        same_function(lambda *x: F.triplet_margin_loss(*x, **options),
                      lambda *x: T.triplet_margin_loss(*x, **options), [a, b, c],
                      second=options["p"] == 2)


@random_cases(120)
def test_ctc(case: np.random.Generator) -> None:
    """After log_softmax: only then PyTorch's gradient is one of anything.

    It returns exp(log_probs) - posterior; the derivative is -posterior, which ours is.
    """
    steps, n, classes = (int(case.integers(low, high)) for low, high in ((1, 14), (1, 5), (2, 6)))
    blank, dtype = int(case.integers(classes)), pick(case, "float32", "float64")
    longest = int(case.integers(1, 6))
    symbols = [c for c in range(classes) if c != blank]
    counts = case.integers(0, longest + 1, n)
    lengths = case.integers(1, steps + 1, n)
    if case.random() < 0.4:
        targets = case.choice(symbols, int(counts.sum()))
    else:
        targets = np.where(np.arange(longest) < counts[:, None],
                           case.choice(symbols, (n, longest)), pick(case, blank, 0))
    options = {"blank": blank, "reduction": pick(case, *REDUCTIONS), "zero_infinity": True}
    z = array(case, steps, n, classes, dtype=dtype) * 2
    how = pick(case, list, np.asarray)
    if targets.size == 0:
        return
    same_function(
        lambda z, t: F.ctc_loss(F.log_softmax(z, 2), t, how(lengths), how(counts), **options),
        lambda z, t: T.ctc_loss(T.log_softmax(z, 2), t, torch.tensor(lengths),
                                torch.tensor(counts), **options),
        [z, targets.astype(np.int64)])


@random_cases(10)
def test_ctc_of_one_sequence_and_of_a_long_one(case: np.random.Generator) -> None:
    z = array(case, 9, 4, dtype="float64")
    t = case.integers(1, 4, 3)
    same_function(lambda z, t: F.ctc_loss(F.log_softmax(z, 1), t, 9, 3),
                  lambda z, t: T.ctc_loss(T.log_softmax(z, 1), t, torch.tensor(9),
                                          torch.tensor(3)), [z, t])
    z = array(case, 200, 2, 7, dtype="float32")
    t = case.integers(1, 7, (2, 60))
    same_function(
        lambda z, t: F.ctc_loss(F.log_softmax(z, 2), t, [200, 170], [60, 33], reduction="none"),
        lambda z, t: T.ctc_loss(T.log_softmax(z, 2), t, torch.tensor([200, 170]),
                                torch.tensor([60, 33]), reduction="none"), [z, t])


RNG = np.random.default_rng(4)
X, Y, Z, P = (RNG.standard_normal((4, 3)) for _ in range(4))
LABELS, SIGNS, W = RNG.integers(0, 3, 4), np.sign(RNG.standard_normal(4)), RNG.uniform(0.3, 2, 3)
PROBABILITIES, BITS = RNG.uniform(0.1, 0.9, (4, 3)), (Z > 0).astype("float64")
LAYERS: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    ("MSELoss", {}, (X, Y)), ("L1Loss", {}, (X, Y)), ("SmoothL1Loss", {"beta": 0.5}, (X, Y)),
    ("HuberLoss", {"delta": 0.5}, (X, Y)), ("SoftMarginLoss", {}, (X, np.sign(Y).astype("int64"))),
    ("HingeEmbeddingLoss", {"margin": 0.5}, (X, np.sign(Y))),
    ("CosineEmbeddingLoss", {"margin": 0.1}, (X, Y, SIGNS)),
    ("MarginRankingLoss", {"margin": 0.1}, (X, Y, np.sign(Z))),
    ("TripletMarginLoss", {"margin": 0.5, "swap": True}, (X, Y, Z)),
    ("TripletMarginWithDistanceLoss", {"margin": 0.5}, (X, Y, Z)),
    ("KLDivLoss", {"log_target": True, "reduction": "batchmean"}, (X, Y)),
    ("PoissonNLLLoss", {"full": True}, (X, np.round(np.exp(Y)).astype("int64"))),
    ("GaussianNLLLoss", {"full": True}, (X, Y, np.exp(Z))),
    ("BCELoss", {}, (PROBABILITIES, BITS)), ("BCEWithLogitsLoss", {"pos_weight": W}, (X, BITS)),
    ("MultiLabelSoftMarginLoss", {"weight": W}, (X, BITS)),
    ("MultiMarginLoss", {"p": 2, "weight": W}, (X, LABELS)),
    ("NLLLoss", {"weight": W}, (X, LABELS)),
    ("CrossEntropyLoss", {"weight": W, "label_smoothing": 0.1}, (X, LABELS)),
    ("CosineSimilarity", {"dim": 0}, (X, Y)), ("PairwiseDistance", {"keepdim": True}, (X, Y)),
]


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options", "arrays"), LAYERS, ids=[case[0] for case in LAYERS])
def test_layers(name: str, options: dict[str, Any], arrays: tuple[Any, ...], dtype: str) -> None:
    def of(make: Any) -> dict[str, Any]:
        return {k: make(v.astype(dtype)) if isinstance(v, np.ndarray) else v
                for k, v in options.items()}

    cast = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    ours = getattr(nn, name)(**of(dls.Tensor))
    same_layer(ours, getattr(torch.nn, name)(**of(torch.tensor)), cast,
               call_theirs=lambda f, *x: f(*x))
    assert "reduction" not in vars(ours) or ours.reduction == options.get("reduction", "mean")


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 2, 2), (2, 7, 1, 3)])
def test_images_lying_channels_last(shape: tuple[int, ...]) -> None:
    """Logits of pixels as convolutions leave them: the gradient lies in the same order."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((shape[0], *shape[2:], shape[1])).astype("float32")
    z = z.transpose(0, 3, 1, 2)
    labels = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    for options in ({}, {"label_smoothing": 0.1}, {"ignore_index": 0} if shape[1] > 1 else {}):
        same_function(lambda z, t, o=options: F.cross_entropy(z, t, **o),
                      lambda z, t, o=options: T.cross_entropy(z, t, **o), [z, labels])
