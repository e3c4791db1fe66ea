"""Embeddings, bags of them, bilinear layers, and what only changes shapes."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, close, pick, random_cases, same_function, same_layer, torch

T = torch.nn.functional


@random_cases(100)
def test_embedding(case: np.random.Generator) -> None:
    count, width = int(case.integers(1, 9)), int(case.integers(1, 5))
    shape = pick(case, (), (5,), (0,), (2, 3), (2, 2, 2), (40,))
    places = np.asarray(case.integers(0, count, shape))
    weight = array(case, count, width, dtype=pick(case, "float32", "float64"))
    options = {"padding_idx": pick(case, None, 0, -1), "scale_grad_by_freq": bool(case.integers(2))}
    second = not options["scale_grad_by_freq"]  # PyTorch has none then
    same_function(lambda w, i: F.embedding(i, w, **options),
                  lambda w, i: T.embedding(i, w, **options), [weight, places], second=second)


@random_cases(20)
def test_embedding_shortens_long_rows(case: np.random.Generator) -> None:
    weight, p = case.standard_normal((6, 3)) * 2, pick(case, 2.0, 1.0, float("inf"))
    places = case.integers(0, 6, (2, 4))
    mine, theirs = dls.Tensor(weight), torch.tensor(weight)
    y = F.embedding(places, mine, max_norm=1.0, norm_type=p)
    close(y, T.embedding(torch.tensor(places), theirs, max_norm=1.0, norm_type=p), "rows")
    close(mine, theirs, "the table")


@random_cases(150)
def test_embedding_bag(case: np.random.Generator) -> None:
    count, width, n = int(case.integers(1, 9)), int(case.integers(1, 5)), int(case.integers(0, 12))
    weight = array(case, count, width, dtype=pick(case, "float32", "float64"))
    mode = pick(case, "sum", "mean", "max")
    options: dict[str, Any] = {"mode": mode, "padding_idx": pick(case, None, 0, -1)}
    arrays: list[np.ndarray] = [weight]
    if case.random() < 0.4:
        places = case.integers(0, count, (int(case.integers(1, 4)), max(n, 1)))
    else:
        places = case.integers(0, count, n)
        offsets = np.sort(np.append(0, case.integers(0, n + 1, int(case.integers(0, 4)))))
        options["include_last_offset"] = bool(case.integers(2))
        if options["include_last_offset"]:
            offsets = np.append(offsets, n)
        options["offsets"] = offsets
    arrays.append(places)
    if mode == "sum" and case.random() < 0.5:
        arrays.append(case.standard_normal(places.shape).astype(weight.dtype))

    def ours(w: Any, i: Any, s: Any = None) -> Any:
        return F.embedding_bag(i, w, per_sample_weights=s, **options)

    def theirs(w: Any, i: Any, s: Any = None) -> Any:
        plain = {**options}
        if "offsets" in plain:
            plain["offsets"] = torch.tensor(plain["offsets"])
        return T.embedding_bag(i, w, per_sample_weights=s, **plain)

    same_function(ours, theirs, arrays)


@random_cases(20)
def test_embedding_bag_by_frequency_is_the_sum_of_embeddings(case: np.random.Generator) -> None:
    """PyTorch's bags divide by the frequency of another place, its embeddings by the right one."""
    places = case.integers(0, 4, (3, 5))
    same_function(
        lambda w, i: F.embedding_bag(i, w, mode="sum", scale_grad_by_freq=True),
        lambda w, i: T.embedding(i, w, scale_grad_by_freq=True).sum(1),
        [array(case, 4, 3), places])


@random_cases(20)
def test_layers(case: np.random.Generator) -> None:
    dtype, places = pick(case, "float32", "float64"), case.integers(0, 7, (3, 4))
    options = {"padding_idx": pick(case, None, 2), "scale_grad_by_freq": bool(case.integers(2))}
    scale = np.ones((), dtype)  # says which dtype
    same_layer(nn.Embedding(7, 3, **options), torch.nn.Embedding(7, 3, **options), [places, scale],
               lambda f, i, s: f(i) * s)
    mode = pick(case, "sum", "mean", "max")
    same_layer(nn.EmbeddingBag(7, 3, mode=mode), torch.nn.EmbeddingBag(7, 3, mode=mode),
               [places, scale], lambda f, i, s: f(i) * s)


@random_cases(40)
def test_bilinear(case: np.random.Generator) -> None:
    lead = pick(case, (), (1,), (5,), (2, 3), (0,))
    n1, n2, out = (int(n) for n in case.integers(1, 5, 3))
    dtype = pick(case, "float32", "float64")
    arrays = [array(case, *lead, n1, dtype=dtype), array(case, *lead, n2, dtype=dtype),
              array(case, out, n1, n2, dtype=dtype)]
    if case.random() < 0.6:
        arrays.append(array(case, out, dtype=dtype))
    same_function(F.bilinear, T.bilinear, arrays, second=True)
    if lead == (5,):
        same_layer(nn.Bilinear(n1, n2, out), torch.nn.Bilinear(n1, n2, out), arrays[:2])


@pytest.mark.torch
@pytest.mark.parametrize(("name", "arguments", "shape"), [
    ("Flatten", (), (2, 3, 4)), ("Flatten", (0, 1), (2, 3, 4)), ("Unflatten", (1, (2, 3)), (4, 6)),
    ("Unflatten", (-1, (-1, 2)), (2, 3, 8)), ("Unflatten", (0, (1, 5)), (5,)),
    ("Identity", (), (3,)),
])
def test_shapes(name: str, arguments: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    same_layer(getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments), [x])


@pytest.mark.torch
@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag", "Bilinear", "Unflatten", "Dropout",
                                  "Dropout2d", "AlphaDropout", "CTCLoss", "CosineSimilarity"])
def test_options_are_pytorchs(name: str) -> None:
    import inspect

    left_out = ("self", "_weight", "_freeze")
    theirs = inspect.signature(getattr(torch.nn, name).__init__).parameters
    ours = inspect.signature(getattr(nn, name).__init__).parameters
    wanted = [p for p in theirs if p not in left_out]
    mine = [p for p in ours if p != "self"]
    if name == "EmbeddingBag":  # PyTorch has _weight between them
        assert set(mine) >= set(wanted)
    else:
        assert mine[: len(wanted)] == wanted
    for p in wanted:
        assert ours[p].default == theirs[p].default, p


@random_cases(10)
def test_from_pretrained(case: np.random.Generator) -> None:
    table = case.standard_normal((5, 3)).astype("float32")
    for freeze in (True, False):
        mine = nn.Embedding.from_pretrained(dls.Tensor(table), freeze)
        theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze)
        assert mine.weight.requires_grad == theirs.weight.requires_grad
        places = case.integers(0, 5, 4)
        close(mine(dls.Tensor(places)), theirs(torch.tensor(places)), "rows")
