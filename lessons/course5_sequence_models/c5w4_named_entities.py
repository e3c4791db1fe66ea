# %% [markdown]
# # Named entities: a label for every word
#
# Course 5, week 4. About two hours with the exercises. The script runs for a minute or
# two, with `--fast` for a few seconds.
#
# **Goal.** Given "111 E. Wacker 25th Flr, Chicago, IL 60601": which words are the
# street, which the town? One label for each word, from what comes before *and* after
# it. You will
#
# - cut words into sub-words, and keep the labels aligned with them,
# - turn labels into entities, and score whole entities, not words,
# - derive the loss with ignored places, and a bidirectional recurrent network, forward
#   and backward, with sentences of different lengths,
# - train a tagger of two bidirectional LSTM layers on 988 addresses that people
#   labelled by hand, and judge it on 300 others,
# - break it in seven ways.
#
# ## What you need
#
# `c5w1-rnn-step-by-step` for the recurrent cell and its gradient. The lesson answers
# the ungraded lab *Named-Entity Recognition* (2021), which fine-tunes a network
# somebody else trained, on résumés; ours starts from scratch, and its data are free.
# The real addresses come with `tinygrad-dls data fetch us-addresses`; synthetic ones
# stand in for them.
#
# Sentences are rows of sub-words, $(m, t)$; 0 is padding.

# %%
import re
from itertools import groupby

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim, text
from tinygrad_dls.errors import DataError
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w4-named-entities")
addresses = lesson.load("us-addresses")
LABELS = ["O", *addresses.labels]  # O: no entity
NUMBERS = {label: number for number, label in enumerate(LABELS)}


def words_and_labels(address, entities):
    """The words of a text, and the label of the entity in which each begins."""
    words, labels = [], []
    for found in re.finditer(r"\S+", address):
        inside = (e.label for e in entities if e.start <= found.start() < e.end)
        words.append(found.group())
        labels.append(next(inside, "O"))
    return words, labels


train_rows = [words_and_labels(*row) for row in zip(
    addresses.train_texts, addresses.train_entities, strict=True)]
test_rows = [words_and_labels(*row) for row in zip(
    addresses.test_texts, addresses.test_entities, strict=True)]
fit_rows, dev_rows = train_rows[:-200], train_rows[-200:]
print(f"{len(fit_rows)} addresses to train on, {len(dev_rows)} to choose settings, "
      f"{len(test_rows)} held out; {len(LABELS)} labels")

# %% [markdown]
# ## The idea in a picture
#
# Three addresses, with their parts in colour. A word alone does not tell what it is:
# "North" may be a direction, a part of a street's name, or half of a state. What stands
# around it does.

# %%
palette = plt.get_cmap("tab20")
fig, ax = plt.subplots(figsize=(10.5, 2.6))
for line, (words, labels) in enumerate(test_rows[:3]):
    at = 0.0
    for word, label in zip(words, labels, strict=True):
        number = NUMBERS[label]
        colour = "white" if label == "O" else palette(number % 20)
        ax.text(at, -line, word, fontsize=11, va="center", family="monospace",
                bbox={"fc": colour, "ec": "none", "alpha": 0.55, "pad": 2})
        ax.text(at, -line - 0.36, label[:14], fontsize=6.5, va="center")
        at += max(len(word), 0.68 * len(label[:14])) * 0.105 + 0.25
ax.set(xlim=(-0.1, 8.5), ylim=(-2.7, 0.5))
ax.set_axis_off()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Right: {number 12, street "Old Mill", type "Rd"}. Found: {number 12, street "Old",
# type "Rd"}. Three of four words have the right label. Of *entities* two of three found
# are right, precision $2/3$, and two of three are found, recall $2/3$:
#
# $$F_1 = \frac{2 P R}{P + R} = \frac23 .$$
#
# Half a street is not a street.

# %%
precision = recall = 2 / 3
print("F1", round(2 * precision * recall / (precision + recall), 4))
assert abs(2 * precision * recall / (precision + recall) - 2 / 3) < 1e-12

# %% [markdown]
# ## The mathematics
#
# **Alignment.** A word becomes one or more sub-words. Only the *first* carries the
# label; the others, and padding, have the goal $-100$: no goal.
#
# $$J = \frac1N \sum_{g_i \neq -100} -\log P_{i, g_i} \qquad
# \frac{\partial J}{\partial Z_i}
# = \frac{[g_i \neq -100]}{N} (P_i - \text{onehot}(g_i))$$
#
# with $N$ the number of places that have a goal.
#
# **Both directions.** A network reads the sentence forward, another one backward, and
# each place has both states. For one direction, with $x^{\langle t \rangle}\,(m, n)$:
#
# $$a^{\langle t \rangle} = \tanh\big( x^{\langle t \rangle} W_x
# + a^{\langle t-1 \rangle} W_a + b \big) \qquad (m, h)$$
#
# $$dz^{\langle t \rangle} = \big(1 - a^{\langle t \rangle 2}\big) *
# \big( dy^{\langle t \rangle} + dz^{\langle t+1 \rangle} W_a^T \big)$$
#
# $$dW_x = \sum_t x^{\langle t \rangle T} dz^{\langle t \rangle} \qquad
# dW_a = \sum_t a^{\langle t-1 \rangle T} dz^{\langle t \rangle} \qquad
# dx^{\langle t \rangle} = dz^{\langle t \rangle} W_x^T .$$
#
# Backward reading is forward reading of the reversed sentence. *Reversed within its own
# length*: the padding stays where it is, behind the words, and no word comes after it.
# This reversal is its own inverse, and its gradient is the same reversal.
#
# **Scores.** An entity is right if its first word, its last word and its label are.
# Micro $F_1$ counts over all addresses together: $F_1 = 2\,TP / (2\,TP + FP + FN)$.
#
# ## Your code
#
# **Exercise 1.** `tokenize_and_align_labels`, the lab's function: sub-words of all
# words of a sentence, one after the other, and their goals. `tokenize(word)` gives the
# numbers of one word.
#
# **Exercise 2.** `entities_of`: neighbours of one label are one entity, as
# `(first, behind the last, label)`; "O" is none.
#
# **Exercise 3.** `entity_scores`: micro precision, recall and $F_1$ of lists of sets.
# If nothing is found or there is nothing to find, 0.


# %%
def tokenize_and_align_labels(words, labels, tokenize, label_to_id):
    """Sub-words, and goals: a label's number at each word's first, else -100."""
    ids, goals = [], []
    for word, label in zip(words, labels, strict=True):
        # BEGIN SOLUTION
        pieces = list(tokenize(word))
        ids += pieces
        goals += [label_to_id[label]] + [-100] * (len(pieces) - 1)
        # END SOLUTION
    return ids, goals


def entities_of(labels):
    """The set of entities (first, behind the last, label) of the words' labels."""
    found, start = set(), 0
    for label, group in groupby(labels):
        # BEGIN SOLUTION
        end = start + len(list(group))
        if label != "O":
            found.add((start, end, label))
        start = end
        # END SOLUTION
    return found


def entity_scores(predicted, right):
    """Precision, recall and F1 over all sentences; lists of sets of entities."""
    # BEGIN SOLUTION
    hits = sum(len(p & r) for p, r in zip(predicted, right, strict=True))
    found, there = sum(map(len, predicted)), sum(map(len, right))
    precision = hits / found if found else 0.0
    recall = hits / there if there else 0.0
    f1 = 2 * hits / (found + there) if hits else 0.0
    # END SOLUTION
    return precision, recall, f1


# %% [markdown]
# **Exercise 4.** `token_loss`: cost and gradient, with goals of $-100$ left out.
#
# **Exercise 5.** `reverse_within`: each row $(t, \dots)$ reversed within its own
# length.


# %%
def token_loss(logits, goals):
    """Cost, and dlogits (m, t, k), of logits (m, t, k) and goals (m, t)."""
    # BEGIN SOLUTION
    shifted = logits - logits.max(axis=-1, keepdims=True)
    P = np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)  # (m, t, k)
    real = goals != -100  # (m, t)
    onehot = np.eye(logits.shape[-1])[np.where(real, goals, 0)]  # (m, t, k)
    count = real.sum()
    cost = -np.sum(real * np.log((P * onehot).sum(axis=-1))) / count
    dlogits = real[..., None] * (P - onehot) / count
    # END SOLUTION
    return float(cost), dlogits


def reverse_within(X, lengths):
    """X (m, t, ...) with the first lengths[i] places of row i in reverse order."""
    reversed_X = X.copy()
    for row, length in enumerate(lengths):
        # BEGIN SOLUTION
        reversed_X[row, :length] = X[row, :length][::-1]
        # END SOLUTION
    return reversed_X


# %% [markdown]
# **Exercise 6.** `rnn_forward`: one direction; all states $(m, t, h)$.
#
# **Exercise 7.** `rnn_backward`: from the gradient of all states. Go from the last
# place to the first.
#
# `bidirectional_forward` and `_backward` put them together; they are given.


# %%
def rnn_forward(X, Wx, Wa, b):
    """States (m, t, h) for X (m, t, n), Wx (n, h), Wa (h, h), b (h,); a<0> is 0."""
    m, t, _ = X.shape
    A = np.zeros((m, t, len(b)))
    a = np.zeros((m, len(b)))
    for place in range(t):
        # BEGIN SOLUTION
        a = np.tanh(X[:, place] @ Wx + a @ Wa + b)  # (m, h)
        A[:, place] = a
        # END SOLUTION
    return A


def rnn_backward(dA, X, A, Wx, Wa):
    """dX (m, t, n), dWx (n, h), dWa (h, h), db (h,) from dA (m, t, h)."""
    dX, dWx, dWa, db = np.zeros_like(X), 0, 0, 0
    dz = np.zeros_like(A[:, 0])
    for place in reversed(range(X.shape[1])):
        before = A[:, place - 1] if place else np.zeros_like(A[:, 0])
        # BEGIN SOLUTION
        dz = (1 - A[:, place] ** 2) * (dA[:, place] + dz @ Wa.T)  # (m, h)
        dX[:, place] = dz @ Wx.T  # (m, n)
        dWx = dWx + X[:, place].T @ dz  # (n, h)
        dWa = dWa + before.T @ dz  # (h, h)
        db = db + dz.sum(axis=0)  # (h,)
        # END SOLUTION
    return dX, dWx, dWa, db


def bidirectional_forward(X, lengths, p):
    """Y (m, t, 2 h): forward states, then backward states; and a cache."""
    R = reverse_within(X, lengths)
    forth = rnn_forward(X, p["Wx"], p["Wa"], p["b"])
    back = rnn_forward(R, p["Vx"], p["Va"], p["c"])
    Y = np.concatenate([forth, reverse_within(back, lengths)], axis=2)
    return Y, (X, R, forth, back, lengths, p)


def bidirectional_backward(dY, cache):
    """dX, and the gradients of the parameters, from dY (m, t, 2 h)."""
    X, R, forth, back, lengths, p = cache
    h = forth.shape[2]
    dX, dWx, dWa, db = rnn_backward(dY[..., :h], X, forth, p["Wx"], p["Wa"])
    dback = reverse_within(dY[..., h:], lengths)
    dR, dVx, dVa, dc = rnn_backward(dback, R, back, p["Vx"], p["Va"])
    dX = dX + reverse_within(dR, lengths)
    return dX, {"dWx": dWx, "dWa": dWa, "db": db, "dVx": dVx, "dVa": dVa, "dc": dc}


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The example from above, and an alignment.

# %%
right = entities_of(["Number", "Street", "Street", "Type"])
found = entities_of(["Number", "Street", "O", "Type"])
print("right", sorted(right), "found", sorted(found))
assert np.allclose(entity_scores([found], [right]), 2 / 3)
pieces = {"Mill": [7], "Wacker": [4, 9, 2]}
aligned = tokenize_and_align_labels(["Mill", "Wacker"], ["O", "Street"], pieces.get,
                                    {"O": 0, "Street": 5})
print("sub-words and goals:", aligned)
assert aligned == ([7, 4, 9, 2], [0, 5, -100, -100])

# %% [markdown]
# **Against the engine**: `F.cross_entropy` ignores $-100$ by itself, and `nn.RNN` in
# both directions, on each sentence *alone*, without padding, has to give the same
# states.

# %%
rng = np.random.default_rng(lesson.seed)
logits, goals = rng.standard_normal((3, 4, 5)), np.array(
    [[1, -100, 0, 4], [2, 3, -100, -100], [4, -100, -100, -100]])
z = dls.Tensor(logits, requires_grad=True)
engine = F.cross_entropy(z.reshape(-1, 5), dls.Tensor(goals.reshape(-1)))
engine.backward()
cost, dlogits = token_loss(logits, goals)
assert abs(engine.item() - cost) < 1e-12
assert dls.compare("dlogits", dlogits, z.grad).ok

X, lengths = rng.standard_normal((3, 4, 2)), [4, 2, 3]
p = {name: rng.standard_normal(shape) for name, shape in {
    "Wx": (2, 3), "Wa": (3, 3), "b": (3,), "Vx": (2, 3), "Va": (3, 3), "c": (3,),
}.items()}
there = np.arange(4) < np.array(lengths)[:, None]  # (m, t)
Y, cache = bidirectional_forward(X, lengths, p)
layer = nn.RNN(2, 3, batch_first=True, bidirectional=True, dtype="float64")
layer.load_state_dict({
    "weight_ih_l0": p["Wx"].T, "weight_hh_l0": p["Wa"].T, "bias_ih_l0": p["b"],
    "bias_hh_l0": np.zeros(3), "weight_ih_l0_reverse": p["Vx"].T,
    "weight_hh_l0_reverse": p["Va"].T, "bias_ih_l0_reverse": p["c"],
    "bias_hh_l0_reverse": np.zeros(3)})
for row, length in enumerate(lengths):
    alone, _ = layer(dls.Tensor(X[row : row + 1, :length]))
    assert dls.compare(f"sentence {row}", Y[row, :length], alone[0]).ok

# %% [markdown]
# **Numerically.** The gradient of words only: at padding `dY` is 0.

# %%
dY = rng.standard_normal(Y.shape) * there[..., None]
dX, grads = bidirectional_backward(dY, cache)
report = check.check_gradients(
    lambda q: np.sum(dY * bidirectional_forward(q["X"], lengths, q)[0]),
    p | {"X": X}, grads | {"dX": dX},
)
print(report)
assert report.ok and not dX[~there].any(), "padding has a gradient"

# %% [markdown]
# ## See the graph
#
# The tagger of the training below, small: an LSTM ahead and one back in each layer,
# each pair joined.

# %%
dls.manual_seed(lesson.seed)
tiny = models.bidirectional_tagger(12, 5, embed=4, hidden=3, num_layers=2)
with dls.trace():
    loss = F.cross_entropy(
        tiny(np.array([[3, 4, 5, 0]])).reshape(-1, 5), dls.Tensor([1, 2, -100, -100])
    )
    loss.backward()
lesson.graph(dls.graph(loss, tiny), "graph", depth=1)

# %% [markdown]
# ## Train
#
# **Sub-words.** A byte-pair tokenizer, trained on the training addresses in small
# letters: frequent words ("street", "chicago") are one piece, a street nobody has seen
# falls into pieces that are known. No word is unknown.

# %%
VOCABULARY, MOST = 350, 64
tokenizer = text.BytePairTokenizer.train(
    [" ".join(words).lower() for words, _ in fit_rows], VOCABULARY, specials=["<pad>"]
)


def pieces_of(word):
    """Sub-words of a word, with the space before it."""
    return tokenizer.encode(" " + word.lower())


for word in ("Street", "Chicago", "Featherstonehaugh"):
    print(f"{word:18}", [tokenizer.decode([i]) for i in pieces_of(word)])

# %% [markdown]
# **More addresses from the same ones.** In each epoch some parts of an address are
# exchanged for the same part of another one (a street for a street), and some commas
# are dropped. Only training addresses are used, and all labels stay right.

# %%
bank = {}
for words, labels in fit_rows:
    for label, group in groupby(zip(words, labels, strict=True), key=lambda w: w[1]):
        bank.setdefault(label, []).append([word for word, _ in group])


def varied(words, labels, rng, share=0.4):
    """The address with some of its parts exchanged."""
    new = []
    for label, group in groupby(zip(words, labels, strict=True), key=lambda w: w[1]):
        part = [word for word, _ in group]
        comma = "," if part[-1].endswith(",") and rng.random() > 0.2 else ""
        if rng.random() < share:
            part = bank[label][rng.integers(len(bank[label]))]
        part = [*part[:-1], (part[-1].rstrip(",") or part[-1]) + comma]
        new += [(word, label) for word in part]
    return [word for word, _ in new], [label for _, label in new]


def batch_of(rows):
    """Sub-words (m, MOST) and goals (m, MOST) of addresses."""
    aligned = [tokenize_and_align_labels(*row, pieces_of, NUMBERS) for row in rows]
    ids, _ = text.pad([ids for ids, _ in aligned], MOST, truncate=True)
    goals, _ = text.pad([goals for _, goals in aligned], MOST, -100, truncate=True)
    return ids, goals


def predict(tagger, rows):
    """The label of each word: what the tagger says at its first sub-word."""
    ids, goals = batch_of(rows)
    tagger.eval()
    with dls.no_grad():
        best = tagger(ids).numpy().argmax(axis=-1)
    tagger.train()
    says = []
    for (words, _), row, goal in zip(rows, best, goals, strict=True):
        labels = [LABELS[number] for number in row[goal != -100]]
        says.append(labels + ["O"] * (len(words) - len(labels)))  # cut at MOST
    return says


def f1_of(says, rows):
    """Precision, recall and F1 of predicted labels."""
    return entity_scores([entities_of(labels) for labels in says],
                         [entities_of(labels) for _, labels in rows])


def word_accuracy(says, rows):
    """Percent of words with the right label."""
    pairs = [(a, b) for row, (_, labels) in zip(says, rows, strict=True)
             for a, b in zip(row, labels, strict=True)]
    return 100 * float(np.mean([a == b for a, b in pairs]))


def train(epochs, share=0.4, rows=fit_rows, label="tagger", size=80):
    """A new tagger, trained; and F1 on the dev set as it learns."""
    dls.manual_seed(lesson.seed)
    draw = np.random.default_rng(lesson.seed)
    tagger = models.bidirectional_tagger(
        len(tokenizer), len(LABELS), embed=64, hidden=size, dropout=0.3
    )
    each = len(rows) // 32
    optimizer = optim.AdamW(tagger.parameters(), lr=5e-3, weight_decay=1e-2)
    rate = optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=epochs * each)

    def step(ids, goals):
        optimizer.zero_grad()
        logits = tagger(ids)
        loss = F.cross_entropy(logits.reshape(-1, len(LABELS)), goals.reshape(-1))
        loss.backward()
        optimizer.step()
        return loss

    fast_step, history = dls.capture(step), {}
    for epoch in lesson.progress(range(epochs), label, "epochs"):
        order = draw.permutation(len(rows))
        for i in range(each):
            batch = order[32 * i : 32 * i + 32]
            chosen = [varied(*rows[j], draw, share) for j in batch]
            fast_step(*map(dls.Tensor, batch_of(chosen)))
            rate.step()
        if (epoch + 1) % (2 if lesson.fast else 5) == 0:
            history[epoch + 1] = f1_of(predict(tagger, dev_rows), dev_rows)[2]
    return tagger, history


epochs = 4 if lesson.fast else 50
size = 48 if lesson.fast else 80
tagger, history = train(epochs, size=size)
says = predict(tagger, test_rows)
precision, recall, f1 = f1_of(says, test_rows)
print(f"{sum(q.size for q in tagger.parameters()):,} parameters")
print(f"held out: precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}; "
      f"{word_accuracy(says, test_rows):.1f} % of words")

# %% [markdown]
# **Against a dictionary**: each word has the label it had most often, a new word "O".

# %%
counts = {}
for words, labels in fit_rows:
    for word, label in zip(words, labels, strict=True):
        counts.setdefault(word.lower(), []).append(label)
usual = {word: max(set(found), key=found.count) for word, found in counts.items()}
by_dictionary = [[usual.get(word.lower(), "O") for word in words]
                 for words, _ in test_rows]
compared = {
    name: {"f1": f1_of(s, test_rows)[2], "word_accuracy": word_accuracy(s, test_rows)}
    for name, s in (("dictionary", by_dictionary), ("tagger", says))
}
lesson.table(["held-out addresses", "words right %", "entity F1"],
             [[k, f"{v['word_accuracy']:.1f}", f"{v['f1']:.3f}"]
              for k, v in compared.items()])

# %% [markdown]
# ## Look at it
#
# F1 of each label that comes ten times or more among the held-out addresses. What is
# rare in training is found least.

# %%
true_sets = [entities_of(labels) for _, labels in test_rows]
said_sets = [entities_of(labels) for labels in says]
by_label = {}
for label in LABELS[1:]:
    only = [[{e for e in row if e[2] == label} for row in sets]
            for sets in (said_sets, true_sets)]
    there = sum(map(len, only[1]))
    if there >= 10:
        by_label[label] = (entity_scores(*only)[2], there)
order = sorted(by_label, key=lambda label: by_label[label][0])
fig, (left, right) = plt.subplots(1, 2, figsize=(13, 4.4), width_ratios=(3, 2))
left.barh([f"{label} ({by_label[label][1]})" for label in order],
          [by_label[label][0] for label in order], color="tab:blue")
left.set(xlabel="F1 (in brackets: how many there are)", xlim=(0, 1))
right.plot(list(history), list(history.values()), "o-")
right.set(xlabel="epoch", ylabel="entity F1, dev set", ylim=(0, 1))
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "scores")
shown = 0
for (words, labels), row in zip(test_rows, says, strict=True):
    if row != labels and shown < 4:
        shown += 1
        print(" ".join(words))
        for word, a, b in zip(words, row, labels, strict=True):
            if a != b:
                print(f"    {word:16} said {a}, labelled {b}")

# %% [markdown]
# ## Break it
#
# **1. Words counted, not entities.** One wrong word in a street of three spoils the
# street. By words the same tagger looks better.

# %%
gap = word_accuracy(says, test_rows) - 100 * f1
print(f"by words the tagger looks better by {gap:.1f} points")
assert gap > 0 or f1 == 1  # without a mistake both are 100

# %% [markdown]
# **2. $-100$ counted as a place.** Divide by all places: the gradient shrinks by the
# share of places that have a goal, and with it changes from batch to batch.

# %%
share = np.mean(goals != -100)
verdict = dls.compare("dlogits", dlogits * share, z.grad)  # WRONG
assert not verdict.ok

# %% [markdown]
# **3. The label on every sub-word.** Long words then count more than short ones, and
# the score, taken over sub-words, is of something else.

# %%
ids, aligned_goals = batch_of(test_rows)
real_places = int((aligned_goals != -100).sum())
sub_words = int((ids != 0).sum())
print(f"{real_places} words, {sub_words} sub-words: a word of six pieces would have "
      "six votes")
assert sub_words > 1.2 * real_places

# %% [markdown]
# **4. Reversed with its padding.** `nn.LSTM(bidirectional=True)` on a padded batch
# begins to read backward in the padding, and arrives at the last word with a state. A
# test that needs no training: pad more, compare. `models.bidirectional_tagger` reverses
# each sentence within its length.

# %%
dls.manual_seed(lesson.seed)
naive = nn.LSTM(8, 8, batch_first=True, bidirectional=True)
table = nn.Embedding(len(tokenizer), 8, 0)
short_ids = ids[:20, : (ids[:20] != 0).sum(axis=1).max()]
longer_ids = np.pad(short_ids, ((0, 0), (0, 20)))
real = short_ids != 0
with dls.no_grad():
    outputs = {
        "padding read": [naive(table(dls.Tensor(i)))[0].numpy()
                         for i in (short_ids, longer_ids)],
        "within its length": [tagger.eval()(i).numpy()
                              for i in (short_ids, longer_ids)],
    }
leak = {name: float(np.abs(a[real] - b[:, : a.shape[1]][real]).max())
        for name, (a, b) in outputs.items()}
print("more padding moves the outputs by", {k: f"{v:.1e}" for k, v in leak.items()})
assert leak["within its length"] < 1e-5 < 1e-3 < leak["padding read"]

# %% [markdown]
# **5. The mean over labels (macro) for the mean over entities (micro).** A label with
# three examples then weighs as much as one with three hundred.

# %%
all_labels = {}
for label in LABELS[1:]:
    only = [[{e for e in row if e[2] == label} for row in sets]
            for sets in (said_sets, true_sets)]
    if sum(map(len, only[1])):
        all_labels[label] = entity_scores(*only)[2]
macro = float(np.mean(list(all_labels.values())))
print(f"micro F1 {f1:.3f}, macro F1 {macro:.3f} over {len(all_labels)} labels")
assert macro != f1 or f1 == 1

# %% [markdown]
# **6. Test addresses among the training addresses.** The set comes with each address
# once. Were a fifth of the held-out ones in training, too, they would be read by heart:

# %%
leaked = test_rows[:60]
few = 4 if lesson.fast else 12
honestly, _ = train(few, 0.0, label="not leaked", size=size)
seen, _ = train(few, 0.0, fit_rows + leaked * 3, "leaked", size)
by_heart = f1_of(predict(seen, leaked), leaked)[2]
honest = f1_of(predict(honestly, leaked), leaked)[2]
print(f"F1 on 60 addresses: {by_heart:.3f} where they were in training, "
      f"{honest:.3f} where not")
assert by_heart > honest or honest == 1

# %% [markdown]
# **7. Input that cannot be tagged**: an empty text; more sub-words than the context;
# and weights of another vocabulary.

# %%
refused = []
for what, call in {
    "empty": lambda: tagger(np.zeros((1, 0), np.int64)),
    "too long": lambda: tagger(np.ones((1, 513), np.int64)),
    "other tokenizer": lambda: tagger(np.full((1, 4), len(tokenizer))),
    "other weights": lambda: models.bidirectional_tagger(
        len(tokenizer) + 1, len(LABELS), embed=64, hidden=size,
        weights=tagger.state_dict()),
}.items():
    try:
        call()
    except (DataError, dls.ShapeError) as error:
        refused.append(what)
        print(f"{what}: {' '.join(str(error).split())[:100]}")
assert len(refused) == 4

# %% [markdown]
# ## Recap
#
# - Each word's label stands at its first sub-word; other sub-words and padding are left
#   out of the loss and of its count.
# - An entity is right as a whole, or wrong. Micro F1 counts them all together.
# - Read backward within each sentence's own length, or padding is read first.
# - Exchanging parts makes new addresses of old ones, and every label stays right.
# - Hold out addresses, not words, and no copy of them.
#
# ## Questions
#
# 1. A tagger labels every word "O". What are precision, recall, F1 and word accuracy?
#    <details><summary>Answer</summary>
#    Nothing found: precision and F1 are 0 by convention, recall 0. The accuracy is the
#    share of words that are not an entity; in long texts with few names above 90 %.
#    </details>
# 2. Two towns stand side by side, without a word between them. What does `entities_of`
#    do, and what would help?
#    <details><summary>Answer</summary>
#    It joins them. Labels of two kinds would help: B- for the first word of an entity,
#    I- for its others.
#    </details>
# 3. Why may one not exchange a street for a town?
#    <details><summary>Answer</summary>
#    The labels would stay right, but the order of the parts would be one that nobody
#    writes, and order is what the network learns from.
#    </details>
# 4. Why is the first sub-word a good place for the label, though a network that reads
#    forward has not seen the rest of the word there?
#    <details><summary>Answer</summary>
#    The backward network has. With a forward network alone take the last sub-word.
#    </details>
#
# ## Go further
#
# - A Transformer's encoder in place of the LSTMs: which needs fewer addresses?
# - Letters in capitals were thrown away. Give the network a second input for them.
# - Next: `c5w4-question-answering`.

# %%
# The end: this run must have reached what is known of it.
assert f1 > compared["dictionary"]["f1"]
if not lesson.fast:
    assert f1 > 0.9
lesson.finish(
    {
        "f1": f1,
        "precision": precision,
        "recall": recall,
        "compared": compared,
        "dev": history,
        "by_label": {label: score for label, (score, _) in by_label.items()},
        "macro_f1": macro,
        "broken": {"leak": leak, "by_heart": by_heart, "honest": honest},
    }
)
