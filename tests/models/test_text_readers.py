"""Classifiers of texts: padding never leaks, and the numbers are those of loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import models
from tinygrad_dls.errors import DataError, DtypeError, ShapeError

MAKERS = {
    "bag": lambda cell, both: models.BagOfVectors(9, 4, 3),
    "mean": lambda cell, both: models.TextClassifier(9, 4, 5, 3, cell, both),
    "last": lambda cell, both: models.TextClassifier(9, 4, 5, 3, cell, both, pool="last"),
}


def made(kind, cell="lstm", both=True):
    dls.manual_seed(1)
    return MAKERS[kind](cell, both).to(np.float64)


def outputs_and_gradients(model, tokens, lengths, weights):
    """The outputs, and all gradients of a weighed sum of them."""
    model.zero_grad()
    y = model(dls.Tensor(tokens), dls.Tensor(lengths))
    (y * dls.Tensor(weights)).sum().backward()
    return [y.numpy(), *(p.grad.numpy() for p in model.parameters())]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_padding_never_leaks(data):
    """Other tokens behind the end, more of them, other neighbours: nothing changes."""
    kind = data.draw(st.sampled_from(sorted(MAKERS)))
    cell = data.draw(st.sampled_from(["rnn", "lstm", "gru"]))
    model = made(kind, cell, data.draw(st.booleans()))
    lengths = np.array(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    m, longest = len(lengths), int(lengths.max())
    tokens = rng.integers(0, 9, (m, longest))
    weights = rng.standard_normal((m, 3))
    right = outputs_and_gradients(model, tokens, lengths, weights)
    more = data.draw(st.integers(0, 3))
    other = rng.integers(0, 9, (m, longest + more))
    inside = np.arange(longest + more) < lengths[:, None]
    other[inside] = tokens[np.arange(longest) < lengths[:, None]]
    for mine, wanted in zip(outputs_and_gradients(model, other, lengths, weights), right,
                            strict=True):
        assert np.allclose(mine, wanted, rtol=1e-9, atol=1e-12)
    with dls.no_grad():  # each text alone
        for i, n in enumerate(lengths):
            alone = model(dls.Tensor(tokens[i:i + 1, :n]), dls.Tensor([n])).numpy()[0]
            assert np.allclose(alone, right[0][i], rtol=1e-9, atol=1e-12)


def test_the_bag_is_a_mean():
    model = made("bag")
    table, w, b = (p.numpy() for p in (model.embedding.weight, model.output.weight,
                                       model.output.bias))
    y = model(dls.Tensor([[3, 4, 8], [5, 0, 0]]), dls.Tensor([2, 1])).numpy()
    assert y[0] == pytest.approx(w @ (table[3] + table[4]) / 2 + b)
    assert y[1] == pytest.approx(w @ table[5] + b)


def test_the_last_state_is_that_of_each_direction_s_end():
    model = made("last")
    x = model.embedding(dls.Tensor([[3, 4, 8]]))
    _, (h, _) = model.recurrent(x)
    h = h.numpy()  # (2, 1, 5)
    right = model.output.weight.numpy() @ h[:, 0].ravel() + model.output.bias.numpy()
    y = model(dls.Tensor([[3, 4, 8, 1]]), dls.Tensor([3])).numpy()
    assert y[0] == pytest.approx(right)


def test_two_directions_look_both_ways():
    for both in (False, True):
        model = made("last", both=both)
        first, second = (model(dls.Tensor([[word, 4, 8, 5]]), dls.Tensor([4])).numpy()
                         for word in (3, 6))
        assert np.abs(first - second).max() > 1e-6


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_what_does_not_fit(kind):
    model = made(kind)
    with pytest.raises(DataError, match="text 1 has the length 0"):
        model(dls.Tensor([[1, 2], [0, 0]]), dls.Tensor([2, 0]))
    with pytest.raises(DataError, match="text 0 has the length 3"):
        model(dls.Tensor([[1, 2]]), dls.Tensor([3]))
    with pytest.raises(DataError, match="empty"):
        model(dls.Tensor(np.zeros((1, 0), np.int64)), dls.Tensor([1]))
    with pytest.raises(ShapeError, match="one for each text"):
        model(dls.Tensor([[1, 2]]), dls.Tensor([2, 1]))
    with pytest.raises(DtypeError, match="whole numbers"):
        model(dls.Tensor([[1.0, 2.0]]), dls.Tensor([2]))
    with pytest.raises(DataError):  # a word that the table does not have
        model(dls.Tensor([[1, 9]]), dls.Tensor([2]))
    with pytest.raises(DataError, match="pool"):
        models.TextClassifier(9, 4, 5, 3, pool="max")
    with pytest.raises(DataError, match="cell"):
        models.TextClassifier(9, 4, 5, 3, cell="LSTM")
