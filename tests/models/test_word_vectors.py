"""word2vec and GloVe: losses and gradients against loops in NumPy, and what they learn."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import models, nn, text
from tinygrad_dls.errors import DataError, ShapeError

COUNTS = np.array([40, 20, 9, 6, 3, 2])
OBJECTIVES = [models.NegativeSampling, models.HierarchicalSoftmax, models.FullSoftmax]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def made(kind, objective, seed=0):
    """A model of six words in float64, every weight random."""
    dls.manual_seed(seed)
    model = kind(COUNTS, 4, objective(COUNTS, 4)).to(np.float64)
    for p in model.parameters():
        nn.init.normal_(p)
    return model


def loss_of_one(objective, h, word, extra):
    """The loss of one vector and one word, by the formulas of the papers."""
    u = objective.output.weight.numpy()
    if isinstance(objective, models.NegativeSampling):
        return -np.log(sigmoid(u[word] @ h)) - sum(np.log(sigmoid(-u[n] @ h)) for n in extra[0])
    if isinstance(objective, models.FullSoftmax):
        return -np.log(np.exp(u[word] @ h) / np.exp(u @ h).sum())
    code, total = objective.code, 0.0
    for bit, node in list(zip(code.codes[word], code.nodes[word], strict=True))[
            :code.lengths[word]]:
        p = sigmoid(u[node] @ h)
        total -= np.log(p if bit == 0 else 1 - p)
    return total


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_skip_gram(objective):
    model = made(models.SkipGram, objective)
    centres, contexts = np.array([0, 3, 3, 5]), np.array([1, 1, 0, 4])
    extras = model.extras(centres, contexts, generator=dls.random.Generator(1))
    table = model.embedding.weight.numpy()
    right = np.mean([
        loss_of_one(model.objective, table[c], o, [e[i] for e in extras])
        for i, (c, o) in enumerate(zip(centres, contexts, strict=True))
    ])
    inputs = [dls.Tensor(part) for part in (centres, contexts, *extras)]
    assert model(*inputs).item() == pytest.approx(right)
    assert dls.gradcheck(lambda *p: model(*inputs), list(model.parameters()))
    model(*inputs).backward()
    touched = np.flatnonzero(model.embedding.weight.grad.numpy().any(axis=1))
    assert touched.tolist() == [0, 3, 5]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_cbow_and_padding_never_leaks(objective):
    model = made(models.CBOW, objective)
    centres, contexts, mask = models.cbow_examples([[0, 3, 1, 5], [4, 2]], window=2)
    extras = model.extras(centres, contexts, mask, generator=dls.random.Generator(2))
    table = model.embedding.weight.numpy()
    right = np.mean([
        loss_of_one(model.objective, table[row[there > 0]].mean(axis=0), c, [e[i] for e in extras])
        for i, (c, row, there) in enumerate(zip(centres, contexts, mask, strict=True))
    ])
    found = []
    for padding in (0, 5):
        filled = np.where(mask > 0, contexts, padding)
        inputs = (centres, filled, mask.astype(np.float64), *extras)
        model.zero_grad()
        loss = model(*(dls.Tensor(part) for part in inputs))
        loss.backward()
        found.append([loss.item(), *(p.grad.numpy() for p in model.parameters())])
    assert found[0][0] == pytest.approx(right)
    for first, second in zip(*found, strict=True):
        assert np.array_equal(first, second)


def test_hierarchical_probabilities_add_up_to_one():
    model = made(models.SkipGram, models.HierarchicalSoftmax)
    h = np.random.default_rng(3).standard_normal((5, 4))
    logs = model.objective.log_probabilities(dls.Tensor(h)).numpy()
    assert np.exp(logs).sum(axis=1) == pytest.approx(np.ones(5))
    for row, vector in zip(logs, h, strict=True):
        for word in range(6):
            assert row[word] == pytest.approx(-loss_of_one(model.objective, vector, word, ()))


def test_words_are_drawn_by_their_counts():
    objective = models.NegativeSampling([81, 16, 0, 1], 2, negatives=50)
    (drawn,) = objective.draw(np.zeros(400, np.int64), dls.random.Generator(4))
    shares = np.bincount(drawn.ravel(), minlength=4) / drawn.size
    assert shares == pytest.approx([27 / 36, 8 / 36, 0, 1 / 36], abs=0.01)


def test_glove():
    dls.manual_seed(5)
    model = models.GloVe(6, 3, x_max=4, alpha=0.5).to(np.float64)
    for p in model.parameters():
        nn.init.normal_(p)
    rows, columns, counts = np.array([0, 1, 5]), np.array([1, 0, 2]), np.array([1.0, 9.0, 2.5])
    w, v, b, c = (getattr(model, name).weight.numpy() for name in "wvbc")
    right = np.mean([
        min(1, x / 4) ** 0.5 * (w[i] @ v[j] + b[i, 0] + c[j, 0] - np.log(x)) ** 2
        for i, j, x in zip(rows, columns, counts, strict=True)
    ])
    inputs = [dls.Tensor(part) for part in (rows, columns, counts)]
    assert model(*inputs).item() == pytest.approx(right)
    assert dls.gradcheck(lambda *p: model(*inputs), list(model.parameters()))
    assert np.array_equal(model.vectors(), w + v)


def topics(rng, count=400):
    """Sentences of eight words, each from one of two topics of four words."""
    return [rng.integers(0, 4, 8) + 4 * rng.integers(2) for _ in range(count)]


@pytest.mark.parametrize("kind", ["skip-gram", "cbow", "glove"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_words_of_one_topic_come_together(kind, objective):
    sentences = topics(np.random.default_rng(6))
    counts = np.bincount(np.concatenate(sentences), minlength=8)
    dls.manual_seed(7)
    if kind == "glove":
        model = models.GloVe(8, 6, x_max=100)
        examples = text.cooccurrences(sentences, 3)
    elif kind == "cbow":
        model = models.CBOW(counts, 6, objective(counts, 6))
        examples = models.cbow_examples(sentences, 3)
    else:
        model = models.SkipGram(counts, 6, objective(counts, 6))
        examples = text.skip_gram_pairs(sentences, 3)
    losses = models.fit_word_vectors(model, *examples, epochs=200 if kind == "glove" else 15,
                                     batch_size=64)
    assert losses[-1] < losses[0]
    vectors = model.vectors()
    vectors = vectors - vectors.mean(axis=0)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    same = np.add.outer(np.arange(8) // 4, np.arange(8) // 4) != 1
    assert cosines[same & ~np.eye(8, dtype=bool)].min() > cosines[~same].max()


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="4 numbers"):
        models.SkipGram(COUNTS, 5, models.FullSoftmax(COUNTS, 4))
    model = made(models.SkipGram, models.FullSoftmax)
    with pytest.raises(DataError, match=r"numbered 0 to 5 here, the text has 1 to 6"):
        models.fit_word_vectors(model, np.array([1, 6]), np.array([1, 2]))
    with pytest.raises(ShapeError, match="one length"):
        models.fit_word_vectors(model, np.array([1, 2]), np.array([1]))
    with pytest.raises(DataError, match="x_max"):
        models.GloVe(5, 3, x_max=0)
