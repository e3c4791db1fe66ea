"""The bidirectional tagger: PyTorch's numbers on each sentence alone, no leaks, clear errors."""

import re

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models


def small():
    dls.manual_seed(2)
    model = models.bidirectional_tagger(9, 5, embed=6, hidden=4, dropout=0.0, max_length=12)
    model.double()
    return model


def batch(seed):
    rng = np.random.default_rng(seed)
    tokens = np.zeros((4, 8), np.int64)
    for row in tokens:
        length = rng.integers(1, 9)
        row[:length] = rng.integers(1, 9, length)
    return tokens, rng.integers(0, 5, tokens.shape)


@pytest.mark.parametrize("seed", range(6))
def test_padding_changes_no_output_and_no_gradient(seed):
    model, (tokens, labels) = small(), batch(seed)
    runs = []
    for more in (0, 3):
        model.zero_grad()
        wider = np.pad(tokens, ((0, 0), (0, more)))
        goals = np.where(wider == 0, -100, np.pad(labels, ((0, 0), (0, more))))
        logits = model(wider)
        F.cross_entropy(logits.reshape(-1, 5), dls.Tensor(goals.reshape(-1))).backward()
        runs.append((logits.numpy()[:, :8][tokens != 0],
                     {name: p.grad.numpy() for name, p in model.named_parameters()}))
        with dls.no_grad():
            model.embed.weight[0] = 3.0
    assert np.abs(runs[0][0] - runs[1][0]).max() < 1e-12
    for name, gradient in runs[0][1].items():
        assert np.abs(gradient - runs[1][1][name]).max() < 1e-12, name


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(3))
def test_each_sentence_gives_what_pytorch_gives_it_alone(seed):
    torch = pytest.importorskip("torch")
    model, (tokens, _) = small(), batch(seed)
    theirs = torch.nn.LSTM(6, 4, 2, batch_first=True, bidirectional=True).double()
    state = {}
    for layer in range(2):
        for part, end in ((model.ahead, ""), (model.back, "_reverse")):
            for name, value in part[layer].state_dict().items():
                state[name.replace("_l0", f"_l{layer}") + end] = torch.tensor(value.numpy())
    theirs.load_state_dict(state)
    logits = model(tokens).numpy()
    for row, scores in zip(tokens, logits, strict=True):
        alone = row[row != 0]
        y, _ = theirs(torch.tensor(model.embed.weight.numpy()[alone][None]))
        right = y[0].detach().numpy() @ model.output.weight.numpy().T + model.output.bias.numpy()
        assert np.abs(scores[: len(alone)] - right).max() < 1e-12


def test_bad_input_is_refused_with_what_mends_it():
    model = small()
    for tokens, error, said in [
        (np.ones((1, 13), int), dls.DataError, "13 tokens, more than the 12"),
        (np.ones((1, 0), int), dls.DataError, "the sentence is empty"),
        ([[9]], dls.DataError, "place 9 is out of range: there are 9"),
    ]:
        with pytest.raises(error, match=said):
            model(tokens)
    with pytest.raises(dls.ShapeError, match=r"embed\.weight"):
        models.bidirectional_tagger(10, 5, embed=6, hidden=4, weights=small().state_dict())


def test_the_table_of_layers_is_right():
    model = models.bidirectional_tagger(700, 24)
    parts = [model.embed, (model.ahead[0], model.back[0]), (model.ahead[1], model.back[1]),
             model.output]
    counts = [sum(p.size for layer in (part if isinstance(part, tuple) else (part,))
                  for p in layer.parameters()) for part in parts]
    said = [int(n.replace(",", "")) for n in re.findall(
        r"\| +\**([\d,]+)\** \|$", models.BidirectionalTagger.__doc__, re.MULTILINE)]
    assert said == [*counts, sum(counts)]
