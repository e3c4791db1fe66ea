"""The Transformer for translation: PyTorch's numbers, padding that never leaks, clear errors."""

import re

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models


def small(**options):
    dls.manual_seed(3)
    sizes = {"d_model": 12, "nhead": 3, "num_layers": 2, "dim_feedforward": 20, "dropout": 0.0,
             "max_length": 11}
    model = models.transformer(9, 8, **{**sizes, **options})
    model.double()
    return model


def batch(seed):
    """Sentences and translations of different lengths, padded on the right with 0."""
    rng = np.random.default_rng(seed)
    src, tgt = np.zeros((4, 7), np.int64), np.zeros((4, 6), np.int64)
    for rows, tokens in ((src, 9), (tgt, 8)):
        for row in rows:
            length = rng.integers(2, len(row) + 1)
            row[:length] = rng.integers(1, tokens, length)
    return src, tgt


def loss_and_gradients(model, src, tgt):
    model.zero_grad()
    logits = model(src, tgt[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]),
                           dls.Tensor(tgt[:, 1:].reshape(-1)), ignore_index=0)
    loss.backward()
    return loss.item(), logits.numpy(), {n: p.grad.numpy() for n, p in model.named_parameters()}


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_padding_changes_no_output_and_no_gradient(seed, norm_first):
    model, (src, tgt) = small(norm_first=norm_first), batch(seed)
    loss, logits, gradients = loss_and_gradients(model, src, tgt)
    more = np.random.default_rng(seed).integers(1, 4, 2)
    with dls.no_grad():  # what padding is embedded as must not matter, either
        model.src_embed.weight[0] = 5.0
        model.tgt_embed.weight[0] = -7.0
    wider = (np.pad(a, ((0, 0), (0, n))) for a, n in zip((src, tgt), more, strict=True))
    loss_2, logits_2, gradients_2 = loss_and_gradients(model, *wider)
    real = tgt[:, :-1] != 0
    assert abs(loss - loss_2) < 1e-12
    assert np.abs(logits[real] - logits_2[:, : tgt.shape[1] - 1][real]).max() < 1e-11
    for name, gradient in gradients.items():
        assert np.abs(gradient - gradients_2[name]).max() < 1e-11, name
    assert not gradients["src_embed.weight"][0].any()
    assert not gradients["tgt_embed.weight"][0].any()


def test_each_sentence_alone_gives_what_it_gives_in_a_batch():
    model, (src, tgt) = small(), batch(7)
    together = model(src, tgt).numpy()
    for i in range(len(src)):
        s, t = src[i][src[i] != 0], tgt[i][tgt[i] != 0]
        alone = model(s[None], t[None]).numpy()[0]
        assert np.abs(alone - together[i, : len(t)]).max() < 1e-12


def test_a_translation_never_sees_what_comes_later():
    model, (src, tgt) = small(), batch(8)
    logits = model(src, tgt).numpy()
    for place in range(1, tgt.shape[1]):
        changed = tgt.copy()
        changed[:, place:] = 1 + changed[:, place:] % 7
        assert np.array_equal(model(src, changed).numpy()[:, :place], logits[:, :place])


@pytest.mark.torch
def test_numbers_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    src, tgt = batch(1)
    model = small(nhead=2)
    theirs = torch.nn.Transformer(12, 2, 2, 2, 20, 0.0, batch_first=True).double()
    theirs.load_state_dict({
        name: torch.tensor(value.numpy()) for name, value in model.transformer.state_dict().items()
    })
    given = {n: torch.tensor(p.numpy(), requires_grad=True) for n, p in model.named_parameters()
             if not n.startswith("transformer.")}
    places = torch.tensor(model.positions.positions.numpy())

    def embed(tokens, table):
        table = given[table]
        return table[torch.tensor(tokens)] * 12**0.5 + places[: tokens.shape[1]]

    hidden = torch.tensor(src == 0)
    y = theirs(
        embed(src, "src_embed.weight"), embed(tgt[:, :-1], "tgt_embed.weight"),
        tgt_mask=torch.ones(5, 5, dtype=torch.bool).triu(1), src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden)
    logits = y @ given["output.weight"].T + given["output.bias"]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 8), torch.tensor(tgt[:, 1:].reshape(-1)), ignore_index=0)
    loss.backward()
    mine, scores, gradients = loss_and_gradients(model, src, tgt)
    real = tgt[:, :-1] != 0
    assert abs(mine - loss.item()) < 1e-12
    assert np.abs(scores[real] - logits.detach().numpy()[real]).max() < 1e-11
    for name, p in [*theirs.named_parameters(prefix="transformer"), *given.items()]:
        assert np.abs(gradients[name] - p.grad.numpy()).max() < 1e-11, name


def test_it_learns_to_reverse_and_searches_greedily_and_by_beam():
    rng = np.random.default_rng(0)
    body = rng.integers(3, 8, (64, 4))
    tgt = np.concatenate([np.full((64, 1), 1), body[:, ::-1], np.full((64, 1), 2)], axis=1)
    dls.manual_seed(0)
    model = models.transformer(8, 8, d_model=32, nhead=2, num_layers=1, dim_feedforward=64,
                               dropout=0.1, max_length=6)
    optimizer = dls.optim.Adam(model.parameters(), lr=3e-3)

    def step(src, tgt):
        optimizer.zero_grad()
        logits = model(src, tgt[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 8), tgt[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    fast = dls.capture(step)
    for _ in range(120):
        fast(dls.Tensor(body), dls.Tensor(tgt))
    for options in ({}, {"beam_width": 3}):
        found = model.translate(body, start=1, end=2, **options)
        right = [h.tokens == tuple(row[::-1]) for h, row in zip(found, body, strict=True)]
        assert np.mean(right) > 0.9
        assert all(h.finished for h, good in zip(found, right, strict=True) if good)
    assert model.training, "translate() puts the model back as it was"


def test_bad_input_is_refused_with_what_mends_it():
    model = small()
    good = np.array([[1, 2, 3]])
    for src, tgt, error, said in [
        (np.ones((1, 12), int), good, dls.DataError, "12 tokens, more than the 11 of the model's"),
        (good, np.ones((1, 12), int), dls.DataError, "the translation has 12 tokens"),
        (np.ones((1, 0), int), good, dls.DataError, "the sentence is empty"),
        (good[0], good, dls.ShapeError, r"a row of a batch, \(m, t\)"),
        (good * 0.5, good, dls.DtypeError, "encode the text first"),
        (good + 7, good, dls.DataError, "place 10 is out of range: there are 9"),
    ]:
        with pytest.raises(error, match=said):
            model(src, tgt)
    with pytest.raises(dls.DataError, match="sentence 1 holds nothing but padding"):
        model.translate(np.array([[1, 2], [0, 0]]), 1, 2)
    with pytest.raises(dls.DataError, match="does the vocabulary fit the model"):
        model.translate(good, start=1, end=20)


def test_weights_of_another_vocabulary_are_refused():
    with pytest.raises(dls.ShapeError, match=r"src_embed\.weight"):
        models.transformer(10, 8, d_model=12, nhead=3, num_layers=2, dim_feedforward=20,
                           weights=small().state_dict())


def test_the_table_of_layers_is_right():
    model = models.transformer(37000, 37000, num_layers=1, max_length=8)
    parts = {name: sum(p.size for p in getattr(model, name).parameters())
             for name in ("src_embed", "tgt_embed", "output")}
    table = models.TranslationTransformer.__doc__
    said = {name.split(",")[0]: int(count.replace(",", ""))
            for name, count in re.findall(r"\| (\w[\w,]*) .*?\|[^|]*\| +\**([\d,]+)\** \|", table)}
    for name, count in parts.items():
        assert said[name] == count
    for name in ("encoder", "decoder"):
        stack = getattr(model.transformer, name)
        layer = sum(p.size for p in stack.layers.parameters())
        assert said[name] == 6 * layer + sum(p.size for p in stack.norm.parameters())
    assert said["all"] == sum(n for name, n in said.items() if name != "all")
