"""GPT: PyTorch's numbers; writing with the cache is writing without it; clear errors."""

import functools
import re

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models, text


def small(seed=0, **options):
    dls.manual_seed(seed)
    sizes = {"context": 16, "d_model": 12, "num_heads": 3, "num_layers": 2, "dropout": 0.0}
    model = models.gpt(11, **{**sizes, **options})
    model.double()
    rng = np.random.default_rng(seed)  # weights of .02 say the same after every text
    model.load_state_dict({name: value.numpy() + 0.3 * rng.standard_normal(value.shape)
                           for name, value in model.state_dict().items()})
    return model


@pytest.mark.parametrize("seed", range(6))
def test_reading_in_parts_gives_what_reading_at_once_gives(seed):
    rng = np.random.default_rng(seed)
    model, tokens = small(seed), rng.integers(0, 11, (3, 16))
    wanted = model(tokens).numpy()
    cuts = np.sort(rng.choice(np.arange(1, 16), rng.integers(1, 6), replace=False))
    cache, parts = None, []
    for part in np.split(tokens, cuts, axis=1):
        x, cache = model.read(part, cache)
        parts.append(model.logits(x).numpy())
    assert np.abs(np.concatenate(parts, axis=1) - wanted).max() < 1e-12
    assert cache[0][0].shape == (3, 3, 16, 4)


@pytest.mark.parametrize("options", [{}, {"sampler": "draw"}])
@pytest.mark.parametrize("length", [1, 5])
def test_generation_with_the_cache_equals_generation_without(options, length):
    model = small(1)
    prompt = np.random.default_rng(length).integers(0, 11, (2, length))

    def drawing():
        if not options:
            return None
        return functools.partial(text.sample, temperature=1.5, generator=dls.Generator(5))

    def step(last, written):  # reads the whole text again for every token
        written = np.concatenate([written, last[:, None]], axis=1)
        return model(written)[:, -1], written

    plain = text.generate(step, prompt[:, -1], end=None, max_length=11, state=prompt[:, :-1],
                          sampler=drawing())
    found = model.generate(prompt, 11, sampler=drawing())
    assert found == [hypotheses[0].tokens for hypotheses in plain]
    assert len({*found[0], *found[1]}) > 1, "a text of one token shows nothing"


def test_beam_search_reorders_the_cache():
    model = small(2)
    start = np.array([3, 7])

    def step(last, written):
        written = np.concatenate([written, last[:, None]], axis=1)
        return model(written)[:, -1], written

    options = {"end": 0, "max_length": 8, "beam_width": 4}
    plain = text.beam_search(step, start, state=np.empty((2, 0), int), **options)
    found = text.beam_search(model.step, start, **options)
    for mine, right in zip(found, plain, strict=True):
        assert [h.tokens for h in mine] == [h.tokens for h in right]
        assert np.allclose([h.score for h in mine], [h.score for h in right], rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_padding_changes_no_output_and_no_gradient(seed):
    model, rng = small(seed), np.random.default_rng(seed)
    tokens = rng.integers(1, 11, (3, 9))
    tokens[0, 6:] = 0
    runs = []
    for padding in (0, 10):
        filled = np.where(tokens == 0, padding, tokens)
        inputs = np.pad(filled, ((0, 0), (0, padding // 5)), constant_values=padding)
        goals = np.pad(tokens[:, 1:], ((0, 0), (0, 1 + padding // 5)))
        model.zero_grad()
        logits = model(inputs)
        F.cross_entropy(logits.reshape(-1, 11), dls.Tensor(goals.reshape(-1)),
                        ignore_index=0).backward()
        runs.append((logits.numpy()[:, :9][tokens != 0],
                     {name: p.grad.numpy() for name, p in model.named_parameters()}))
    assert np.abs(runs[0][0] - runs[1][0]).max() < 1e-12
    for name, gradient in runs[0][1].items():
        assert np.abs(gradient - runs[1][1][name]).max() < 1e-12, name


@pytest.mark.torch
def test_numbers_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    model = small(4)
    tokens = np.random.default_rng(4).integers(0, 11, (2, 10))
    logits = model(tokens)
    logits.square().sum().backward()
    p = {n: torch.tensor(v.numpy(), requires_grad=True) for n, v in model.named_parameters()}
    f = torch.nn.functional

    def norm(x, name):
        return f.layer_norm(x, (12,), p[f"{name}.weight"], p[f"{name}.bias"])

    def linear(x, name):
        return f.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

    x = p["tokens.weight"][torch.tensor(tokens)] + p["positions"][:10]
    for i in range(2):
        name = f"blocks.{i}"
        qkv = linear(norm(x, f"{name}.norm1"), f"{name}.attention.project").chunk(3, dim=2)
        q, k, v = (part.reshape(2, 10, 3, 4).transpose(1, 2) for part in qkv)
        y = f.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(y.transpose(1, 2).reshape(2, 10, 12), f"{name}.attention.output")
        y = f.gelu(linear(norm(x, f"{name}.norm2"), f"{name}.expand"), approximate="tanh")
        x = x + linear(y, f"{name}.contract")
    theirs = norm(x, "norm") @ p["tokens.weight"].T
    theirs.square().sum().backward()
    assert np.allclose(logits.numpy(), theirs.detach().numpy(), rtol=1e-10)
    for name, parameter in model.named_parameters():
        scale = p[name].grad.abs().max().item()
        assert np.abs(parameter.grad.numpy() - p[name].grad.numpy()).max() < 1e-9 * scale, name


def test_bad_input_is_refused_with_what_mends_it():
    model = small()
    for tokens, error, said in [
        (np.zeros((1, 17), int), dls.DataError, "17 tokens, more than the 16 of the model's"),
        (np.zeros((1, 0), int), dls.DataError, "the text is empty"),
        ([[3, 11]], dls.DataError, "place 11 is out of range: there are 11"),
        ([3, 4], dls.ShapeError, r"\(m, t\)"),
    ]:
        with pytest.raises(error, match=said):
            model(tokens)
    with pytest.raises(dls.DataError, match="ask for at most 14"):
        model.generate([[1, 2, 3]], 15)
    assert len(model.generate([[1, 2, 3]], 14)[0]) == 14
    cache = model.read(np.ones((1, 16), int))[1]
    with pytest.raises(dls.DataError, match="17 tokens"):
        model.step(dls.Tensor([1]), cache)
    with pytest.raises(dls.DataError, match="not a multiple of num_heads"):
        models.gpt(5, d_model=10, num_heads=3)
    with pytest.raises(dls.ShapeError, match=r"tokens\.weight"):
        models.gpt(12, context=16, d_model=12, num_heads=3, num_layers=2,
                   weights=small().state_dict())


def test_the_table_of_layers_is_right():
    model = models.gpt(50257, num_layers=1)
    said = [int(n.replace(",", "")) for n in
            re.findall(r"\| +\**([\d,]+)\** \|$", models.GPT.__doc__, re.MULTILINE)]
    block, norm = (sum(p.size for p in part.parameters()) for part in (model.blocks, model.norm))
    tables = model.tokens.weight.size + model.positions.size
    assert said == [tables, block, 11 * block, norm, 0, tables + 12 * block + norm]
