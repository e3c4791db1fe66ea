"""Attention, transformer layers and stacks."""

from typing import Any

import numpy as np

import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, pick, random_cases, same_function, same_layer, torch


def plainly(*arguments: Any, **options: Any) -> Any:
    """PyTorch's attention by plain products: its fused one has no second derivative."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.nn.functional.scaled_dot_product_attention(*arguments, **options)


def length(case: np.random.Generator, most: int = 6) -> int:
    return int(case.integers(1, most + 1))


@random_cases(160)
def test_scaled_dot_product_attention(case: np.random.Generator) -> None:
    dtype = pick(case, "float32", "float64")
    lead = pick(case, (), (2,), (1,), (2, 3), (0,), (2, 1, 2))
    l, s, e, f = length(case), length(case, 20), length(case, 18), length(case, 18)
    options: dict[str, Any] = {"scale": pick(case, None, 0.3)}
    arrays = [array(case, *lead, n, width, dtype=dtype) for n, width in ((l, e), (s, e), (s, f))]
    kind = pick(case, "none", "causal", "bools", "floats", "rows")
    if kind == "causal":
        options["is_causal"] = True
    elif kind in ("bools", "rows"):
        shape = (l, s) if kind == "bools" else (*lead[:1], *[1] * (len(lead) - 1), 1, s)
        mask = case.random(shape) < 0.6
        if case.random() < 0.5:
            mask[..., 0, :] = False  # a query that sees nothing
        arrays.append(mask)
    elif kind == "floats":
        arrays.append(array(case, *pick(case, (l, s), (1, s), (*lead, l, s)), dtype=dtype))
    same_function(lambda q, k, v, m=None: F.scaled_dot_product_attention(q, k, v, m, **options),
                  lambda q, k, v, m=None: plainly(q, k, v, m, **options),
                  arrays, second=True, scale=3)


@random_cases(30)
def test_grouped_queries(case: np.random.Generator) -> None:
    heads, times, dtype = length(case, 3), length(case, 3), pick(case, "float32", "float64")
    l, s, e = length(case), length(case), length(case)
    arrays = [array(case, 2, n, m, e, dtype=dtype)
              for n, m in ((heads * times, l), (heads, s), (heads, s))]
    same_function(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
                  lambda q, k, v: plainly(q, k, v, enable_gqa=True), arrays, second=True, scale=3)


def padding(case: np.random.Generator, m: int, s: int) -> np.ndarray:
    """True for keys not to be seen, but not for the first."""
    mask = case.random((m, s)) < 0.4
    mask[:, 0] = False
    return mask


@random_cases(90)
def test_multihead_attention(case: np.random.Generator) -> None:
    dtype, heads = pick(case, "float32", "float64"), length(case, 3)
    e, m, l, s = heads * length(case, 4), length(case, 3), length(case, 4), length(case, 5)
    batch_first, single = bool(case.integers(2)), case.random() < 0.15
    options: dict[str, Any] = {
        "bias": bool(case.integers(4)), "add_bias_kv": not case.integers(4),
        "add_zero_attn": not case.integers(4), "batch_first": batch_first,
        "kdim": pick(case, None, 3), "vdim": pick(case, None, None, 2)}
    itself = options["kdim"] is options["vdim"] is None and case.random() < 0.5
    widths = (e, options["kdim"] or e, options["vdim"] or e)
    s = l if itself else s
    if single:
        shapes = [(n, w) for n, w in zip((l, s, s), widths)]
        m = 1
    else:
        shapes = [(m, n, w) if batch_first else (n, m, w) for n, w in zip((l, s, s), widths)]
    call: dict[str, Any] = {"need_weights": bool(case.integers(2)),
                            "average_attn_weights": bool(case.integers(2))}
    masks: dict[str, np.ndarray] = {}
    if case.random() < 0.4:
        masks["key_padding_mask"] = padding(case, m, s)[0] if single else padding(case, m, s)
    if case.random() < 0.6:
        shape = pick(case, (l, s), (m * heads, l, s))
        hidden = case.random(shape) < 0.3
        hidden[..., 0] = False
        masks["attn_mask"] = hidden
        # PyTorch wants both masks of one kind, where there are two.
        if "key_padding_mask" not in masks and case.random() < 0.5:
            masks["attn_mask"] = case.standard_normal(shape).astype(dtype)

    def attend(module: Any, *xs: Any) -> Any:
        q, k, v = xs * 3 if itself else xs
        mine = isinstance(module, nn.Module)
        given = masks if mine else {n: torch.from_numpy(a) for n, a in masks.items()}
        return module(q, k, v, **given, **call)

    ours, theirs = nn.MultiheadAttention(e, heads, **options), torch.nn.MultiheadAttention(
        e, heads, **options)
    if options["bias"]:
        torch.nn.init.normal_(theirs.in_proj_bias)
    arrays = [array(case, *shape, dtype=dtype) for shape in shapes[:1 if itself else 3]]
    same_layer(ours, theirs, arrays, attend, steps=2, scale=5)


@random_cases(20)
def test_the_hint_that_a_mask_is_causal(case: np.random.Generator) -> None:
    l, needs = length(case), bool(case.integers(2))
    x = array(case, 2, l, 6)
    later = np.triu(np.ones((l, l), bool), 1)

    def attend(module: Any, x: Any) -> Any:
        mask = later if isinstance(module, nn.Module) else torch.from_numpy(later)
        return module(x, x, x, attn_mask=mask, is_causal=True, need_weights=needs)

    same_layer(nn.MultiheadAttention(6, 2, batch_first=True),
               torch.nn.MultiheadAttention(6, 2, batch_first=True), [x], attend, steps=2, scale=5)


def masked(masks: dict[str, np.ndarray], *extra: Any) -> Any:
    def call(module: Any, *xs: Any) -> Any:
        mine = isinstance(module, nn.Module)
        given = masks if mine else {n: torch.from_numpy(a) for n, a in masks.items()}
        return module(*xs, **given)

    return call


@random_cases(40)
def test_encoder_and_decoder_layers(case: np.random.Generator) -> None:
    dtype, batch_first = pick(case, "float32", "float64"), bool(case.integers(2))
    m, l, s, d = length(case, 3), length(case), length(case), 8
    options = {"dropout": 0.0, "activation": pick(case, "relu", "gelu"),
               "layer_norm_eps": pick(case, 1e-5, 1e-2), "batch_first": batch_first,
               "norm_first": bool(case.integers(2)), "bias": bool(case.integers(4))}
    shapes = [(m, n, d) if batch_first else (n, m, d) for n in (l, s)]
    decoder = bool(case.integers(2))
    name = "TransformerDecoderLayer" if decoder else "TransformerEncoderLayer"
    causal = np.triu(np.full((l, l), -np.inf, dtype), 1)
    masks: dict[str, np.ndarray] = {}
    if case.random() < 0.5:
        masks["tgt_mask" if decoder else "src_mask"] = causal
    elif case.random() < 0.5:
        masks["tgt_key_padding_mask" if decoder else "src_key_padding_mask"] = padding(case, m, l)
    if decoder and case.random() < 0.5:
        masks["memory_key_padding_mask"] = padding(case, m, s)
    arrays = [array(case, *shape, dtype=dtype) for shape in shapes[:1 + decoder]]
    same_layer(getattr(nn, name)(d, 2, 12, **options), getattr(torch.nn, name)(d, 2, 12, **options),
               arrays, masked(masks), steps=3, scale=20)


@random_cases(10)
def test_stacks(case: np.random.Generator) -> None:
    layers, normed = length(case, 3), bool(case.integers(2))
    stacks = []
    for library in (nn, torch.nn):
        layer = library.TransformerEncoderLayer(6, 3, 7, 0.0, batch_first=True)
        norm = library.LayerNorm(6) if normed else None
        stacks.append(library.TransformerEncoder(layer, layers, norm))
    same_layer(*stacks, [array(case, 2, 4, 6)], steps=2, scale=20)


@random_cases(10)
def test_transformer(case: np.random.Generator) -> None:
    s, l, first = length(case), length(case), bool(case.integers(2))
    options = {"d_model": 8, "nhead": 2, "num_encoder_layers": length(case, 2),
               "num_decoder_layers": length(case, 2), "dim_feedforward": 9, "dropout": 0.0,
               "batch_first": first, "norm_first": bool(case.integers(2))}
    shapes = [(2, n, 8) if first else (n, 2, 8) for n in (s, l)]
    causal = np.triu(np.full((l, l), -np.inf), 1)
    same_layer(nn.Transformer(**options), torch.nn.Transformer(**options),
               [array(case, *shape) for shape in shapes], masked({"tgt_mask": causal}),
               steps=2, scale=20)
