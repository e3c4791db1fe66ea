"""Attention between two LSTMs: padding stays unseen, both ways to decode agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import models, nn, optim, text
from tinygrad_dls.nn import functional as F

START, END = 2, 3
ways = pytest.mark.parametrize("attention", ["luong", "bahdanau"])


def network(attention, seed=0, **options):
    dls.manual_seed(seed)
    options = {"embedding": 5, "hidden": 6, "max_length": 12} | options
    return models.AttentionSeq2Seq(9, 8, attention=attention, **options).double()


def sentences(rng, lengths, tokens):
    return [rng.integers(1, tokens, n) for n in lengths]


def padded(rows, length):
    return text.pad(rows, length)[0]


# --- padding -------------------------------------------------------------------------------------


@ways
@settings(deadline=None, max_examples=12)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=4),
       st.integers(0, 3), st.integers(0, 3), st.integers(0, 99))
def test_padding_changes_no_output_and_no_gradient(attention, lengths, more_src, more_tgt, seed):
    """Each sentence alone, and all of them in one batch with padding: the same numbers."""
    rng = np.random.default_rng(seed)
    model = network(attention, seed)
    src = sentences(rng, [n for n, _ in lengths], 9)
    tgt = sentences(rng, [n for _, n in lengths], 8)
    labels = [rng.integers(1, 8, len(t)) for t in tgt]
    s, t = max(map(len, src)) + more_src, max(map(len, tgt)) + more_tgt

    model.zero_grad()
    logits = model(padded(src, s), padded(tgt, t))
    weights = model.attend(padded(src, s), padded(tgt, t)).numpy()
    F.cross_entropy(logits.reshape(-1, 8), dls.Tensor(padded(labels, t).reshape(-1)),
                    ignore_index=0, reduction="sum").backward()
    together = {name: p.grad.numpy().copy() for name, p in model.named_parameters()}

    model.zero_grad()
    for i, (x, y, z) in enumerate(zip(src, tgt, labels, strict=True)):
        alone = model(x[None], y[None])
        np.testing.assert_allclose(logits.numpy()[i, : len(y)], alone.numpy()[0], atol=1e-12)
        assert (weights[i, :, len(x):] == 0).all()
        F.cross_entropy(alone[0], dls.Tensor(z), reduction="sum").backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(together[name], p.grad.numpy(), atol=1e-11, err_msg=name)


@ways
def test_an_embedding_of_padding_gets_no_gradient_and_does_not_matter(attention):
    model = network(attention)
    src, tgt = padded([np.array([4, 5]), np.array([6, 7, 8])], 5), np.array([[2, 4], [2, 5]])
    before = model(src, tgt).numpy()
    with dls.no_grad():
        model.src_embed.weight[0] = 100.0
    np.testing.assert_array_equal(model(src, tgt).numpy(), before)


# --- teacher forcing and decoding ----------------------------------------------------------------


@ways
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 99), st.integers(1, 6))
def test_teacher_forcing_equals_decoding_step_by_step(attention, seed, steps):
    rng = np.random.default_rng(seed)
    model = network(attention, seed)
    src, tgt = padded(sentences(rng, [3, 5, 1], 9), 5), rng.integers(1, 8, (3, steps))
    logits = model(src, tgt).numpy()
    state = model.encode(src)
    for t in range(steps):
        scores, state = model.step(tgt[:, t], state)
        np.testing.assert_allclose(scores.numpy(), logits[:, t], atol=1e-12)


@ways
@pytest.mark.parametrize("width", [1, 4])
def test_translating_a_batch_is_translating_one_after_the_other(attention, width):
    rng = np.random.default_rng(3)
    model = network(attention, 3)
    with dls.no_grad():
        model.output.weight *= 20.0  # surer of itself
    src = sentences(rng, [4, 1, 6], 9)
    found = model.translate(padded(src, 6), START, END, 7, beam_width=width)
    for x, hypothesis in zip(src, found, strict=True):
        (alone,) = model.translate(x[None], START, END, 7, beam_width=width)
        assert alone.tokens == hypothesis.tokens
        assert alone.score == pytest.approx(hypothesis.score, abs=1e-9)
        told = [START, *alone.tokens, END] if alone.finished else [START, *alone.tokens]
        logs = F.log_softmax(model(x[None], np.array([told[:-1]]))[0], axis=-1).numpy()
        total = logs[np.arange(len(told) - 1), told[1:]].sum()
        assert total == pytest.approx(alone.log_probability, abs=1e-9)


@ways
def test_it_learns_to_turn_a_sentence_round(attention):
    dls.manual_seed(1)
    model = models.AttentionSeq2Seq(8, 8, 16, 32, attention)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    rng = np.random.default_rng(0)

    def step(src, tgt, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(src, tgt).reshape(-1, 8), labels.reshape(-1), ignore_index=0)
        loss.backward()
        optimizer.step()
        return loss

    step = dls.capture(step)

    def batch(m):
        rows = [rng.integers(4, 8, rng.integers(1, 6)) for _ in range(m)]
        src = padded(rows, 6)
        tgt = padded([np.concatenate([[START], row[::-1]]) for row in rows], 6)
        labels = padded([np.concatenate([row[::-1], [END]]) for row in rows], 6)
        return rows, dls.Tensor(src), dls.Tensor(tgt), dls.Tensor(labels)

    for _ in range(250):
        step(*batch(32)[1:])
    assert step.reason is None
    rows, src, *_ = batch(100)
    found = model.translate(src, START, END, 8)
    right = [list(h.tokens) == row[::-1].tolist() for h, row in zip(found, rows, strict=True)]
    assert np.mean(right) > 0.9


# --- scores --------------------------------------------------------------------------------------


def test_scores_are_those_of_the_papers():
    rng = np.random.default_rng(0)
    q, k = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 5, 6))
    additive, product = (models.BahdanauAttention(4, 6, 7).double(),
                         models.LuongAttention(4, 6).double())
    W_q, W_k, b, v = (p.numpy() for p in (additive.query.weight, additive.key.weight,
                                          additive.key.bias, additive.score.weight))
    W = product.key.weight.numpy()
    found = [layer(dls.Tensor(q), layer.prepare(dls.Tensor(k))).numpy()
             for layer in (additive, product)]
    for m in range(2):
        for t in range(3):
            for s in range(5):
                one = v[0] @ np.tanh(W_q @ q[m, t] + W_k @ k[m, s] + b)
                assert found[0][m, t, s] == pytest.approx(one, abs=1e-12)
                assert found[1][m, t, s] == pytest.approx(q[m, t] @ W @ k[m, s], abs=1e-12)


def test_weights_hide_padding_and_sum_to_one():
    scores = dls.Tensor(np.random.default_rng(0).standard_normal((2, 3, 4)) * 50)
    hidden = dls.Tensor(np.array([[False, False, True, True], [False] * 4]))
    weights = models.attention_weights(scores, hidden).numpy()
    assert (weights[0, :, 2:] == 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1)


# --- bad input -----------------------------------------------------------------------------------


@ways
def test_what_does_not_fit_is_refused(attention, tmp_path):
    model = network(attention)
    one = np.array([[2]])
    with pytest.raises(dls.DataError, match="13 tokens, more than the 12 of the model's context"):
        model(np.ones((1, 13), int), one)
    with pytest.raises(dls.DataError, match="the sentence is empty"):
        model(np.ones((1, 0), int), one)
    with pytest.raises(dls.DataError, match="sentence 1 holds nothing but padding"):
        model.translate(np.array([[4, 5], [0, 0]]), START, END)
    with pytest.raises(dls.DataError, match="does the vocabulary fit the model"):
        model.translate(np.array([[4, 5]]), START, 30)
    with pytest.raises(dls.DataError, match='"bahdanau" or "luong"'):
        network("dot")
    dls.save(tmp_path / "model.safetensors", model.state_dict())
    with pytest.raises(dls.ShapeError, match=r"src_embed.weight(.|\n)*\(9, 5\)"):
        models.attention_seq2seq(10, 8, embedding=5, hidden=6, attention=attention,
                                 weights=tmp_path / "model.safetensors")
    again = models.attention_seq2seq(9, 8, embedding=5, hidden=6, attention=attention,
                                     weights=tmp_path / "model.safetensors")
    src = np.array([[4, 5, 6]])
    np.testing.assert_allclose(again(src, one).numpy(), model(src, one).numpy(), atol=1e-5)


def test_translating_leaves_the_mode_as_it_was():
    model = network("luong", dropout=0.5)
    assert model.training
    (first,), (second,) = (model.translate(np.array([[4, 5]]), START, END, 4) for _ in range(2))
    assert model.training and first == second
    assert isinstance(model.dropout, nn.Dropout)
