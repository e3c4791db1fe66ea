# %% [markdown]
# # Language translation: attention, beam search and BLEU
#
# Course 5, week 3. About 90 minutes with the exercises. On the built-in sentences the
# full run takes less than half a minute. On fetched verses it takes about 160 seconds
# of one core, most of it to train: a network that translates real sentences has to see
# each of 9,800 pairs many times.
#
# **Goal.** Translate English into French, and measure how well. You will
#
# - write Luong's attention with a mask, forward and backward, and Bahdanau's score,
# - search for the likeliest translation with a beam, and normalize by length,
# - derive BLEU, and get the number of sacrebleu, the program that papers use,
# - train a network on sentences that a grammar made, or on verses of two Bibles,
# - say for each mistake whether the *search* or the *model* is to blame,
# - break it in six ways.
#
# ## What you need
#
# `c5w3-date-translation` for attention by hand. The course has these subjects as
# lectures, without a notebook. Sutskever, Vinyals and Le (2014), Bahdanau, Cho and
# Bengio (2014), and Luong, Pham and Manning (2015) wrote the networks down, Papineni
# and others (2002) BLEU. `tinygrad-dls data fetch sentence-pairs` brings the verses:
# the World English Bible and Louis Segond's of 1910, both in the public domain.

# %%
import re
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim, text
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w3-language-translation")
pairs = lesson.load("sentence-pairs")
real = pairs.where != "built-in"
LONGEST, LONGEST_TEST = 20, 15  # words, without punctuation
ELISION = r"\w+'(?!t\b|s\b|ve\b|re\b|ll\b|m\b|d\b)"  # l' and qu', but not don't
TOKEN = rf"{ELISION}|\w+(?:'\w+)*|[^\w\s]"


def tokens_of(sentence):
    """Lower-case words and marks; an elision stays with its apostrophe: l' homme."""
    sentence = sentence.lower().replace("`", "'").replace("’", "'")
    return re.findall(TOKEN, sentence)


def count_words(tokens):
    """How many of the tokens are words."""
    return sum(token[0].isalnum() for token in tokens)


sentences, seen = [], set()
for english, french in zip(pairs.sources, pairs.targets, strict=True):
    pair = tokens_of(english), tokens_of(french)
    if max(map(count_words, pair)) <= LONGEST and english not in seen and all(pair):
        seen.add(english)  # a verse that comes twice would be in training *and* test
        sentences.append(pair)
order = np.random.default_rng(1).permutation(len(sentences))  # the same for each seed
is_short = [max(map(count_words, sentences[i])) <= LONGEST_TEST for i in order]
short, long = order[is_short], order[np.logical_not(is_short)]
held_out = 60 if lesson.fast else 400
test, dev = short[:held_out], short[held_out : 2 * held_out]
train = np.concatenate([short[2 * held_out :], long])[: 700 if lesson.fast else None]
print(f"{len(train)} pairs to train, {len(dev)} to choose, {len(test)} to test")
for place in train[:4]:
    print(" ".join(sentences[place][0]), "|", " ".join(sentences[place][1]))

# %% [markdown]
# ## The idea in a picture
#
# A model of translations gives each next word a chance, given the English sentence and
# the words so far. The chance of a translation is the product of these. To write means
# to *search*: at each word there are thousands of ways on. Greedy search takes the
# likeliest word, and can paint itself into a corner. A **beam** keeps the $B$
# likeliest beginnings.

# %%
tree = {
    "": {"le": 0.5, "ce": 0.4},
    "le": {"roi": 0.4, "grand": 0.35},
    "ce": {"roi": 0.9, "grand": 0.05},
}
fig, ax = plt.subplots(figsize=(8.5, 3.6))
white = {"color": "white", "pad": 1}  # behind a number, over a line
spots = {"": (0, 0), "le": (1, 1), "ce": (1, -1)}
for first, chance in tree[""].items():
    x, y = spots[first]
    ax.plot([0, x], [0, y], color="tab:blue", lw=6 * chance)
    ax.text(0.5, 0.5 * y, f"{chance}", ha="center", va="center", bbox=white)
    ax.text(x, y + 0.2, first, ha="center", weight="bold")
    for k, (second, share) in enumerate(tree[first].items()):
        end = y + 0.45 - 0.9 * k
        ax.plot([x, 2], [y, end], color="tab:blue", lw=6 * share)
        middle = y + 0.5 * (end - y)
        ax.text(1.5, middle, f"{share}", ha="center", va="center", bbox=white)
        ax.text(2.06, end, f"{first} {second}: {chance * share:.3g}", va="center")
ax.text(-0.08, 0, "start", ha="right", va="center", weight="bold")
ax.set(xlim=(-0.4, 2.9), ylim=(-1.8, 1.8))
ax.set_title("Greedy goes up, to 0.2; the best is 0.36, below")
ax.axis("off")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# **Search.** Greedy: "le" (0.5), then "roi" (0.4): $0.2$. A beam of two keeps "le" and
# "ce", and finds "ce roi": $0.4 \cdot 0.9 = 0.36$.
#
# **BLEU.** The reference is "le roi voit la reine", a machine says "le roi le voit".
# Words: le, roi, le, voit. "le" comes once in the reference, so it counts once
# (**clipped**): $p_1 = 3/4$. Pairs: "le roi" is there, "roi le" and "le voit" are not:
# $p_2 = 1/3$. The machine wrote 4 words for 5, so a **brevity penalty** is due:
# $BP = e^{1 - 5/4} = 0.7788$. With one and two words only, BLEU would be
# $0.7788 \sqrt{\frac34 \cdot \frac13} = 0.389$.

# %%
assert max(0.5 * 0.4, 0.5 * 0.35) == 0.2 < 0.4 * 0.9
two_gram_bleu = np.exp(1 - 5 / 4) * np.sqrt(3 / 4 * 1 / 3)
print(f"BLEU of words and pairs: {two_gram_bleu:.3f}")
assert abs(two_gram_bleu - 0.389) < 5e-4

# %% [markdown]
# ## The mathematics
#
# **Luong's attention.** The decoder's states $S$ $(m, T_y, n_s)$ ask the encoder's
# activations $H$ $(m, T_x, n_h)$; padding has no share.
#
# $$
# E = S\, W H^T \;\; (m, T_y, T_x), \qquad A = \mathrm{softmax}(E), \qquad
# C = A H \;\; (m, T_y, n_h)
# $$
#
# with $E = -\infty$, so $A = 0$, at padding. Backward, from $dC$:
#
# $$
# dA = dC\, H^T, \quad
# dE = A * \big(dA - \textstyle\sum_x A * dA\big), \quad
# dS = dE\, H W^T, \quad
# dH = A^T dC + dE^T S\, W, \quad
# dW = \sum_m S^T dE\, H .
# $$
#
# **Bahdanau's** score is a small network, $e = v \cdot \tanh(W_q s + W_k h)$: more
# flexible, slower; its gradient is in `c5w3-date-translation`.
#
# **Search.** $\log P(y) = \sum_t \log P(y_t \mid x, y_{<t})$ falls with each word, so
# plain sums favour short translations. The course divides by $T_y^{\alpha}$, $\alpha
# \approx 0.7$.
#
# **BLEU** of a whole test set: for $n = 1 \ldots 4$ let $p_n$ be the share of the
# machine's $n$-grams that are in the reference, each counted at most as often as there.
#
# $$
# BLEU = 100\, BP \exp\Big(\tfrac14 \sum_{n=1}^4 \log p_n\Big), \qquad
# BP = \min(1, e^{1 - r/c}),
# $$
#
# where $c$ and $r$ are the numbers of words in translations and references. Sums first,
# over all sentences, and *then* the quotient. Where no $n$-gram fits, $p_n = 0$, and
# $\log 0$ ends it: sacrebleu puts $\frac{1}{2^k}$ for the zero, $k = 1$ for the first
# such $n$, 2 for the second.
#
# ## Your code
#
# **Exercise 1.** Luong's attention, forward. `mask` $(m, T_x)$ is True at words.
#
# **Exercise 2.** Backward.
#
# **Exercise 3.** Bahdanau's energies, for all states and places at once.
#
# **Exercise 4.** Beam search for one sentence. `step(tokens)` returns $\log P$ of each
# next token after the list `tokens`. Continue each of at most $B$ beginnings by every
# token, keep the $B$ best by sum; a hypothesis that ends leaves the beam and takes its
# place with it (so $B$ shrinks, as in the course). Return the best by
# $\log P / T^\alpha$, where $T$ counts the end token.
#
# **Exercise 5.** `modified_precision`: matches and total for one $n$, over all
# sentences.
#
# **Exercise 6.** `bleu_score`.
#
# **Exercise 7.** Whom to blame: `attribute_error`.


# %%
def softmax(x):
    """e^x over its sum along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def luong_attention(S, H, W, mask):
    """C (m, Ty, n_h) and the cache (S, H, W, A); mask (m, Tx) is True at words."""
    # BEGIN SOLUTION
    E = S @ W @ H.transpose(0, 2, 1)  # (m, Ty, Tx)
    E = np.where(mask[:, None], E, -np.inf)  # (m, Ty, Tx)
    A = softmax(E)  # (m, Ty, Tx)
    C = A @ H  # (m, Ty, n_h)
    # END SOLUTION
    return C, (S, H, W, A)


def luong_attention_backward(dC, cache):
    """{"dS", "dH", "dW"} from dC (m, Ty, n_h)."""
    S, H, W, A = cache
    # BEGIN SOLUTION
    dA = dC @ H.transpose(0, 2, 1)  # (m, Ty, Tx)
    dE = A * (dA - np.sum(A * dA, axis=2, keepdims=True))  # (m, Ty, Tx)
    grads = {
        "dS": dE @ H @ W.T,  # (m, Ty, n_s)
        "dH": A.transpose(0, 2, 1) @ dC + dE.transpose(0, 2, 1) @ S @ W,  # (m, Tx, n_h)
        "dW": np.einsum("mts,mtx,mxh->sh", S, dE, H),  # (n_s, n_h)
    }
    # END SOLUTION
    return grads


def bahdanau_energies(S, H, W_q, W_k, v):
    """Energies (m, Ty, Tx) of states S (m, Ty, n_s) and activations H (m, Tx, n_h)."""
    # BEGIN SOLUTION
    queries = (S @ W_q)[:, :, None]  # (m, Ty, 1, n)
    keys = (H @ W_k)[:, None]  # (m, 1, Tx, n)
    energies = np.tanh(queries + keys) @ v  # (m, Ty, Tx)
    # END SOLUTION
    return energies


def beam_search(step, start, end, B, alpha, max_length):
    """(tokens without start and end, score) of the best translation found."""
    beam, finished = [([start], 0.0)], []
    for length in range(1, max_length + 1):
        # BEGIN SOLUTION
        grown = [
            ([*tokens, token], total + logs)
            for tokens, total in beam
            for token, logs in enumerate(step(tokens))
        ]
        grown.sort(key=lambda pair: -pair[1])
        beam = []
        for tokens, total in grown[: B - len(finished)]:
            if tokens[-1] == end:
                finished.append((tokens[1:-1], total / length**alpha))
            elif length == max_length:
                finished.append((tokens[1:], total / length**alpha))
            else:
                beam.append((tokens, total))
        # END SOLUTION
        if not beam:
            break
    return max(finished, key=lambda pair: pair[1])


def ngrams(tokens, n):
    """How often each n-gram is in a list of tokens."""
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def modified_precision(candidates, references, n):
    """(matches, total) of the candidates' n-grams; lists of lists of tokens."""
    matches = total = 0
    for candidate, reference in zip(candidates, references, strict=True):
        # BEGIN SOLUTION
        mine, theirs = ngrams(candidate, n), ngrams(reference, n)
        matches += sum(min(count, theirs[gram]) for gram, count in mine.items())
        total += sum(mine.values())
        # END SOLUTION
    return matches, total


def bleu_score(candidates, references):
    """BLEU of a test set, 0 to 100."""
    logs, zeros = [], 0
    for n in (1, 2, 3, 4):
        matches, total = modified_precision(candidates, references, n)
        if total == 0 or (n == 1 and matches == 0):
            return 0.0
        # BEGIN SOLUTION
        if matches == 0:
            zeros += 1
            matches = 0.5**zeros
        logs.append(np.log(matches / total))
        # END SOLUTION
    # BEGIN SOLUTION
    c, r = sum(map(len, candidates)), sum(map(len, references))
    brevity = min(1.0, np.exp(1 - r / c))
    score = 100 * brevity * np.exp(np.mean(logs))
    # END SOLUTION
    return float(score)


def attribute_error(score_reference, score_found):
    """ "search" where the model prefers the reference to what was found, or "model"."""
    # BEGIN SOLUTION
    return "search" if score_reference > score_found else "model"
    # END SOLUTION


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The numbers from above, by your functions.

# %%
machine, reference = ["le roi le voit".split()], ["le roi voit la reine".split()]
assert modified_precision(machine, reference, 1) == (3, 4)
assert modified_precision(machine, reference, 2) == (1, 3)
WORDS = ["start", "le", "ce", "roi", "grand", "end"]


def tree_step(tokens):
    """log P of the six words, by the picture; after two words it ends."""
    words = " ".join(WORDS[i] for i in tokens[1:])
    chances = tree.get(words, {"end": 1.0})
    with np.errstate(divide="ignore"):
        return np.log([chances.get(word, 0.0) for word in WORDS])


found = {B: beam_search(tree_step, 0, 5, B, 0.7, 5) for B in (1, 2)}
for B, (tokens, score) in found.items():
    said, chance = " ".join(WORDS[i] for i in tokens), np.exp(score * 3**0.7)
    print(f"beam of {B}: {said}, chance {chance:.3f}")
assert [WORDS[i] for i in found[2][0]] == ["ce", "roi"]
assert np.isclose(np.exp(found[1][1] * 3**0.7), 0.2)

# %% [markdown]
# **Against the engine**, and the modules of `tinygrad_dls.models`: attention with a
# mask, and all its gradients.

# %%
rng = np.random.default_rng(lesson.seed)
point = {
    "S": rng.standard_normal((2, 3, 4)),
    "H": rng.standard_normal((2, 5, 6)),
    "W": rng.standard_normal((4, 6)),
}
mask = text.padding_mask([5, 3])  # (2, 5), the second sentence has three words
C, cache = luong_attention(**point, mask=mask)
R = rng.standard_normal(C.shape)
grads = luong_attention_backward(R, cache)
layer = models.LuongAttention(4, 6).double()
layer.load_state_dict({"key.weight": point["W"]})
tensors = {k: dls.Tensor(v, requires_grad=True, name=k) for k, v in point.items()}
scores = layer(tensors["S"], layer.prepare(tensors["H"]))
A = models.attention_weights(scores, dls.Tensor(~mask))
J = ((A @ tensors["H"]) * dls.Tensor(R)).sum()
J.backward()
for name, theirs in (
    ("S", tensors["S"].grad),
    ("H", tensors["H"].grad),
    ("W", layer.key.weight.grad),
):
    assert dls.compare("d" + name, grads["d" + name], theirs).ok
assert (cache[3][1, :, 3:] == 0).all() and (grads["dH"][1, 3:] == 0).all()

additive = models.BahdanauAttention(4, 6, 7).double()
W_q, W_k = additive.query.weight.numpy().T, additive.key.weight.numpy().T
with dls.no_grad():
    additive.key.bias[:] = 0.0
    theirs = additive(dls.Tensor(point["S"]), additive.prepare(dls.Tensor(point["H"])))
mine = bahdanau_energies(
    point["S"], point["H"], W_q, W_k, additive.score.weight.numpy()[0]
)
assert dls.compare("Bahdanau's energies", mine, theirs).ok

# %% [markdown]
# **Numerically**, and BLEU against sacrebleu, on random sentences.


# %%
def cost_of(p):
    """J as a function of S, H and W."""
    return float(np.sum(R * luong_attention(p["S"], p["H"], p["W"], mask)[0]))


report = check.check_gradients(cost_of, point, grads)
print(report)
assert report.ok


def as_text(candidates):
    """Sentences with spaces, as sacrebleu takes them."""
    return [" ".join(tokens) for tokens in candidates]


def their_bleu(candidates, references):
    """sacrebleu's number; ours where the package is not there."""
    try:
        return text.bleu(as_text(candidates), as_text(references))
    except dls.DataError as reason:
        print(reason)
        return bleu_score(candidates, references)


letters = np.array(list("abcde"))
for m in (1, 3, 20):
    drawn = [
        [list(rng.choice(letters, rng.integers(1, 9))) for _ in range(m)] for _ in "12"
    ]
    assert abs(bleu_score(*drawn) - their_bleu(*drawn)) < 1e-9
print("our BLEU is sacrebleu's")

# %% [markdown]
# ## See the graph
#
# Attention as a graph: a product, a mask, a softmax, a product. $H$ has two arrows, it
# is asked and averaged; so its gradient has two parts. The printed link opens
# `graph.html` at the step that adds them.

# %%
with dls.trace():
    leaves = {k: dls.Tensor(v, requires_grad=True, name=k) for k, v in point.items()}
    E = leaves["S"] @ leaves["W"] @ leaves["H"].swapaxes(1, 2)
    E = dls.where(dls.Tensor(mask[:, None], name="mask"), E, -np.inf)
    J = (F.softmax(E, axis=-1) @ leaves["H"]).sum()
    J.backward()
graph = dls.graph(J, names={"J": J})
lesson.graph(graph, "graph", steps={"both parts of dJ/dH, added": "H"})
print(graph)
graph

# %% [markdown]
# ## Train
#
# Vocabularies from the training sentences alone. On the verses a word must come twice
# and be among the 5,000 commonest, others are "&lt;unk&gt;": a word that was seen once
# cannot be learned. Verses of up to 20 words are for training; what is tested are those
# of up to 15.

# %%
SPECIALS = ["<pad>", "<unk>", "<start>", "<end>"]
PAD, UNK, START, END = range(4)
english_vocab, french_vocab = (
    text.Vocabulary.from_tokens(
        [sentences[i][side] for i in train], SPECIALS, "<unk>", 5000, 1 + real
    )
    for side in (0, 1)
)
X = [english_vocab.encode(english) for english, _ in sentences]
Y = [french_vocab.encode(french) for _, french in sentences]
unknown = np.mean(np.concatenate([Y[i] for i in dev]) == UNK)
print(f"{len(english_vocab)} English tokens, {len(french_vocab)} French ones; "
      f"{100 * unknown:.1f} % of the dev set's French is unknown")  # fmt: skip
MAX_LENGTH = 48

# %% [markdown]
# **Two translators to beat.** *Copying* the English says how much BLEU is free: full
# stops, commas and names. *Word by word* needs a dictionary; we make one of the pairs
# by IBM's Model 1 (1993). At first each French word may come from each English word of
# its sentence. Share it among them by $t(f \mid e)$, count the shares, make new $t$ of
# the counts, and again: "la" is often there with "maison", but with "house" it is
# "maison" that is *always* there.


# %%
def ibm_model_1(source, target, places, rounds=6):
    """{source token: its likeliest target token}, by expectation maximization."""
    english = np.concatenate([np.tile(source[i], len(target[i])) for i in places])
    french = np.concatenate([np.repeat(target[i], len(source[i])) for i in places])
    widths = np.concatenate([np.full(len(target[i]), len(source[i])) for i in places])
    word = np.repeat(np.arange(len(widths)), widths)  # which French word, of all
    tokens = french.max() + 1
    keys, pair = np.unique(english * tokens + french, return_inverse=True)
    of_pair = keys // tokens  # the English token of each distinct pair
    t = np.ones(len(keys))
    for _ in range(rounds):
        weight = t[pair]
        share = weight / np.bincount(word, weight)[word]
        count = np.bincount(pair, share)
        t = count / np.bincount(of_pair, count)[of_pair]
    rising = np.argsort(t, kind="stable")  # of equal keys a dictionary has the last
    words = of_pair[rising].tolist(), (keys % tokens)[rising].tolist()
    return dict(zip(*words, strict=True))


dictionary = ibm_model_1(X, Y, train)
examples = [w for w in ("king", "house", "sees", "said", "sons") if w in english_vocab]
print({w: french_vocab.tokens[dictionary[english_vocab[w]]] for w in examples})


def references_of(places):
    """The French tokens as they are, unknown words too."""
    return [sentences[i][1] for i in places]


copied = [sentences[i][0] for i in test]
word_by_word = [
    [french_vocab.tokens[dictionary.get(int(k), UNK)] for k in X[i]] for i in test
]
bleu = {
    "copy": their_bleu(copied, references_of(test)),
    "word_by_word": their_bleu(word_by_word, references_of(test)),
}
print({name: round(score, 2) for name, score in bleu.items()})

# %% [markdown]
# **The network**: `models.AttentionSeq2Seq`, an LSTM in both directions to read, one to
# write, Luong's attention. The matrix that scores the words is the embedding of the
# French words: one table instead of two, a third of the parameters less, and a word
# that is seldom written learns from being read (Press and Wolf 2017).
#
# Settings were chosen on the dev set. Batches hold sentences of like length and are
# padded to multiples of four, so that `dls.capture` meets a handful of shapes only.
# Masks keep the padding out of attention, states and loss.

# %%
size, dropout, rate = (128, 0.25, 0.003) if real else (64, 0.1, 0.005)
smoothing = 0.1 if real else 0
batch = 32
epochs = 12 if lesson.fast else 11 if real else 9


def make_network():
    """The network, with one table for the French words."""
    network = models.AttentionSeq2Seq(
        len(english_vocab), len(french_vocab), size, size, "luong", dropout, MAX_LENGTH
    )
    network.output.weight = network.tgt_embed.weight
    return network


def make_batch(places):
    """English (m, T), French from its start (m, T), French to its end (m, T)."""
    T = 4 * -(-max(max(len(X[i]), len(Y[i]) + 1) for i in places) // 4)
    rows = (
        [X[i] for i in places],
        [np.concatenate([[START], Y[i]]) for i in places],
        [np.concatenate([Y[i], [END]]) for i in places],
    )
    return [dls.Tensor(text.pad(row, T)[0]) for row in rows]


def train_network(network, epochs, shifted=True):
    """Adam, warmed up over 100 steps and falling to 5 %; the loss of each step.

    shifted=False is a mistake for later: the network is given the word it should write.
    """
    optimizer = optim.Adam(network.parameters(), lr=rate)

    def step(x, before, after):
        optimizer.zero_grad()
        logits = network(x, before if shifted else after)  # (m, T, words)
        loss = F.cross_entropy(
            logits.reshape(-1, logits.shape[2]), after.reshape(-1),
            ignore_index=PAD, label_smoothing=smoothing,
        )  # fmt: skip
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    step = dls.capture(step)
    lengths = [max(len(X[i]), len(Y[i]) + 1) for i in train]
    generator, losses = dls.Generator(lesson.seed), []
    total = epochs * (len(train) // batch)
    for _ in lesson.progress(range(epochs), "train", "epochs"):
        for places in text.bucket_batches(lengths, batch, generator=generator):
            if len(places) < batch:
                continue  # another shape; its sentences are elsewhere in the next epoch
            k = len(losses)
            warm, falling = min(1.0, (k + 1) / 100), 1 - 0.95 * k / total
            optimizer.param_groups[0]["lr"] = rate * warm * falling
            losses.append(step(*make_batch(train[places])))
    return np.array([loss.item() for loss in losses])


dls.manual_seed(lesson.seed)
network = make_network()
print(f"{sum(p.size for p in network.parameters()):,} parameters")
losses = train_network(network, epochs)


def translate(network, places, beam_width=1, alpha=0.7):
    """The hypothesis of each sentence, and its French tokens."""
    batch, _ = text.pad([X[i] for i in places])
    found = network.translate(batch, START, END, MAX_LENGTH, beam_width, alpha)
    return found, [french_vocab.lookup(h.tokens) for h in found]


def exact_share(candidates, places):
    """Percent of translations that are the reference, word for word."""
    hits = [c == r for c, r in zip(candidates, references_of(places), strict=True)]
    return 100 * float(np.mean(hits))


found, translations, mean_score = {}, {}, {}
for name, width in (("greedy", 1), ("beam", 5)):
    found[name], translations[name] = translate(network, test, width)
    bleu[name] = their_bleu(translations[name], references_of(test))
    mean_score[name] = float(np.mean([h.score for h in found[name]]))
    assert abs(bleu[name] - bleu_score(translations[name], references_of(test))) < 1e-9
exact = {name: exact_share(made, test) for name, made in translations.items()}
lesson.table(
    ["", "BLEU", "exactly right, %", "mean log P / T^0.7"],
    [
        (name, f"{bleu[name]:.2f}", f"{exact[name]:.1f}" if name in exact else "",
         f"{mean_score[name]:.3f}" if name in exact else "")
        for name in ("copy", "word_by_word", "greedy", "beam")
    ],
)  # fmt: skip
assert mean_score["beam"] >= mean_score["greedy"] - 1e-4  # alike but for rounding
assert losses[-10:].mean() < losses[:10].mean()

# %% [markdown]
# The beam finds translations that the *model* likes better: its mean score is higher by
# construction of the search, nearly. Whether *people* like them better is another
# question, and BLEU is its stand-in.
#
# ## Look at it

# %%
for place in test[:6]:
    row = list(test).index(place)
    print("English ", " ".join(sentences[place][0]))
    print("  ours  ", " ".join(translations["beam"][row]))
    print("  wanted", " ".join(sentences[place][1]))

window = max(1, len(losses) // 50)
smooth = np.convolve(losses, np.ones(window) / window, "valid")
fig, ax = plt.subplots(figsize=(7, 3.8))
ax.plot(np.arange(len(smooth)) + window, smooth)
guess = np.log(len(french_vocab))
ax.axhline(guess, color="gray", linestyle=":", label="log of the vocabulary: no idea")
ax.set(xlabel="step", ylabel="loss per French token", title=f"Mean of {window} steps")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "loss")

# %% [markdown]
# **Where it looks.** A row for each French word, a column for each English one. Off the
# diagonal is where the languages put words in another order.

# %%
places = [i for i in test if 6 <= len(X[i]) <= 14][:2]
fig, axes = plt.subplots(1, 2, figsize=(13, 5.6))
for ax, place in zip(axes, places, strict=True):
    (hypothesis,), (french,) = translate(network, [place], 5)
    beginning = np.array([[START, *hypothesis.tokens]])
    network.eval()
    with dls.no_grad():
        shares = network.attend(X[place][None], beginning).numpy()[0]  # (Ty, Tx)
    network.train()
    drawn = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(X[place])), sentences[place][0], rotation=60, ha="right")
    ax.set_yticks(range(len(shares)), [*french, "<end>"][: len(shares)])
    ax.set(xlabel="read", ylabel="written")
    fig.colorbar(drawn, ax=ax, label="share")
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
fig.suptitle("Attention of the trained network")
fig.tight_layout()
lesson.figure(fig, "attention")

# %% [markdown]
# **How wide a beam, how much length?** On the dev set: $\alpha = 0$ is the plain sum, 1
# the mean over the words. Where the network makes no mistake, as on the built-in
# sentences after enough training, every beam finds the same.

# %%
some = dev[:40] if lesson.fast else dev[:200]
wanted_length = sum(len(Y[i]) for i in some)
by_alpha, widths = {}, (1, 2, 5) if lesson.fast else (1, 2, 5, 10)
for alpha in (0.0, 0.7, 1.0):
    _, made = translate(network, some, 5, alpha)
    ratio = sum(map(len, made)) / wanted_length
    by_alpha[alpha] = {"bleu": bleu_score(made, references_of(some)), "length": ratio}
lesson.table(
    ["alpha", "BLEU", "length / wanted"],
    [(a, f"{v['bleu']:.2f}", f"{v['length']:.3f}") for a, v in by_alpha.items()],
)
by_width = {}
for width in widths:
    hypotheses, made = translate(network, some, width)
    score = float(np.mean([h.score for h in hypotheses]))
    by_width[width] = {"bleu": bleu_score(made, references_of(some)), "score": score}
fig, ax = plt.subplots(figsize=(6.5, 3.8))
ax.plot(widths, [v["bleu"] for v in by_width.values()], "o-", label="BLEU (left)")
ax.set(xlabel="beam width", ylabel="BLEU", title="What a wider beam brings, dev set")
ax.set_xticks(widths)
twin = ax.twinx()
twin.plot(widths, [v["score"] for v in by_width.values()], "s--", color="tab:orange",
          label="mean score (right)")  # fmt: skip
twin.set_ylabel("mean of log P / T^0.7")
middle = by_width[1]["score"]
if abs(by_width[widths[-1]]["score"] - middle) < 1e-3:  # no axis for rounding errors
    twin.set_ylim(middle - 0.1, middle + 0.1)
fig.legend(loc="lower right", bbox_to_anchor=(0.88, 0.15))
ax.grid(alpha=0.3)
lesson.figure(fig, "beam_width")
assert by_alpha[0.0]["length"] <= by_alpha[1.0]["length"] + 1e-9

# %% [markdown]
# **Error analysis, as the course does it.** For each wrong translation $\hat y$ compare
# it with the right one $y^*$ by the number that the search maximizes, $\log P / T^{
# \alpha}$. If $y^*$ scores higher, the search missed it: widen the beam. If $\hat y$
# scores higher, no search in the world would have taken $y^*$: work on the model.


# %%
def score_of(network, place, alpha=0.7):
    """log P / T^alpha of the reference, by teacher forcing."""
    before = np.concatenate([[START], Y[place]])[None]
    after = np.concatenate([Y[place], [END]])
    network.eval()
    with dls.no_grad():
        logs = F.log_softmax(network(X[place][None], before)[0], axis=-1).numpy()
    network.train()
    return float(logs[np.arange(len(after)), after].sum()) / len(after) ** alpha


blame = {}
for name in ("greedy", "beam"):
    wrong = [
        (place, hypothesis)
        for place, hypothesis in zip(test, found[name], strict=True)
        if list(hypothesis.tokens) != Y[place].tolist()
    ]
    verdicts = Counter(attribute_error(score_of(network, i), h.score) for i, h in wrong)
    blame[name] = {"search": verdicts["search"], "model": verdicts["model"]}
print("whom to blame for wrong translations:", blame)
assert blame["beam"]["search"] <= blame["greedy"]["search"] + 1

# %% [markdown]
# With a beam of five the search is hardly ever to blame: what is wrong is the model.
# (An unknown word of the reference is scored as "&lt;unk&gt;", as the model knows it.)
#
# ## Break it
#
# **1. Counts that are not clipped.** "le le le le le le" has $p_1 = 1$ against any
# sentence with one "le".

# %%
greedy_machine, one_le = ["le le le le le le".split()], ["le roi voit la reine".split()]
unclipped = sum(token in one_le[0] for token in greedy_machine[0]) / 6
matches, total = modified_precision(greedy_machine, one_le, 1)
print(f"not clipped {unclipped:.2f}, clipped {matches}/{total}")
assert unclipped == 1 and (matches, total) == (1, 6)

# %% [markdown]
# **2. The mean of sentences in place of the corpus.** BLEU adds up first and divides
# then. The mean of the sentences' BLEUs is another number; a short sentence without a
# match of four words drags it down. Compare only what was computed alike.

# %%
each = [bleu_score([c], [r]) for c, r in
        zip(translations["beam"], references_of(test), strict=True)]  # fmt: skip
print(f"corpus {bleu['beam']:.2f}, mean of sentences {np.mean(each):.2f}")

# %% [markdown]
# **3. The mask forgotten.** Then padding gets a share, and a translation depends on
# the company it is in. The test: the same sentence alone, and beside a longer one.

# %%
alone, _ = luong_attention(
    point["S"][1:], point["H"][1:, :3], point["W"], np.ones((1, 3), bool)
)
padded, _ = luong_attention(**point, mask=mask)
no_mask, _ = luong_attention(**point, mask=np.ones((2, 5), bool))
leak = {
    "mask": float(np.abs(padded[1] - alone[0]).max()),
    "no mask": float(np.abs(no_mask[1] - alone[0]).max()),
}
print("the padding's influence:", leak)
assert leak["mask"] < 1e-12 and leak["no mask"] > 0.01
shortest, *_, longest = sorted(test[:20], key=lambda i: len(X[i]))
(by_itself,), _ = translate(network, [shortest])
(in_company, _), _ = translate(network, [shortest, longest])
assert by_itself.tokens == in_company.tokens

# %% [markdown]
# **4. Backward mistakes.** The coupling of the softmax forgotten, and one of the two
# uses of $H$ forgotten. The check names which gradients are wrong.


# %%
def wrong_backward(change):
    """The gradients with one planted mistake."""
    S, H, W, A = cache
    if change == "coupling":
        dE = A * (R @ H.transpose(0, 2, 1))
        return {
            "dS": dE @ H @ W.T,
            "dH": A.transpose(0, 2, 1) @ R + dE.transpose(0, 2, 1) @ S @ W,
            "dW": np.einsum("mts,mtx,mxh->sh", S, dE, H),
        }
    return grads | {"dH": A.transpose(0, 2, 1) @ R}


broken = {}
for change in ("coupling", "H averaged only"):
    report = check.check_gradients(cost_of, point, wrong_backward(change))
    broken[change] = [c.name for c in report.wrong]
    print(f"{change}: wrong are", ", ".join(broken[change]), "|", report.first.hint)
assert broken == {"coupling": ["dS", "dH", "dW"], "H averaged only": ["dH"]}

# %% [markdown]
# **5. The target is not shifted.** The decoder gets the word that it should write, in
# place of the one before. The loss falls faster than it ever should, to almost nothing:
# it learns to copy its input. In use there is nothing to copy. *A loss that is too good
# is a reason to look.*

# %%
dls.manual_seed(lesson.seed)
cheat = make_network()
cheat_epochs = 1 if real else 2
cheat_losses = train_network(cheat, cheat_epochs, shifted=False)
_, nonsense = translate(cheat, some)
cheat_figures = {
    "loss": float(cheat_losses[-10:].mean()),
    "honest_loss": float(losses[: len(cheat_losses)][-10:].mean()),
    "bleu": bleu_score(nonsense, references_of(some)),
}
print(cheat_figures, "|", " ".join(nonsense[0]))
assert cheat_figures["loss"] < cheat_figures["honest_loss"]

# %% [markdown]
# **6. What does not fit.** An empty sentence, one longer than the model's context, a
# word that is not in the vocabulary, weights of another vocabulary, a reference too
# few: each is refused with a sentence that says what to do. (sacrebleu itself would
# silently leave out the last translations, and may print 100.)


# %%
def refusal(action):
    """The first line of the error that an action meets."""
    try:
        action()
    except (dls.DataError, dls.ShapeError) as error:
        return str(error).splitlines()[0]
    raise AssertionError("nothing was refused")


strict_vocab = text.Vocabulary.from_tokens([sentences[i][0] for i in train[:50]])
other = models.AttentionSeq2Seq(
    len(english_vocab) + 1, len(french_vocab), size, size, max_length=MAX_LENGTH
)
refused = {
    "empty": refusal(lambda: network(np.zeros((1, 0), int), np.array([[START]]))),
    "only padding": refusal(lambda: network.translate(np.array([[PAD]]), START, END)),
    "too long": refusal(lambda: network(np.ones((1, 49), int), np.array([[START]]))),
    "unknown word": refusal(lambda: strict_vocab.encode(["xyzzy"])),
    "vocabulary": refusal(lambda: network.load_state_dict(other.state_dict())),
    "references": refusal(lambda: text.bleu(["a", "b"], ["a"])),
}
for what, sentence in refused.items():
    print(f"{what}: {sentence[:110]}")

# %% [markdown]
# ## Recap
#
# - Attention scores every place of the source, masks padding, and averages; its
#   gradient goes to states, activations and the matrix between them.
# - Greedy search takes the next best word, a beam keeps $B$ beginnings; divide by
#   $T^\alpha$, or short translations win.
# - BLEU: clipped n-grams of one to four words, geometric mean, brevity penalty, summed
#   over the test set before dividing.
# - Compare $P(y^*)$ with $P(\hat y)$: it tells whether to widen the beam or to work on
#   the model.
#
# ## Questions
#
# 1. A beam as wide as there are sequences: is its BLEU the highest possible?
#    <details><summary>Answer</summary>
#    No. It finds what the model finds likeliest, and the model is not BLEU. Very wide
#    beams often lower BLEU: the likeliest sentence may be a short, dull one.
#    </details>
# 2. Why may the search be wrong even if y* scores lower than what was found?
#    <details><summary>Answer</summary>
#    A third sentence may score higher than both. But then the model prefers something
#    else to y* in any case, so the search is not what stands between us and y*.
#    </details>
# 3. Why is the vocabulary made of the training sentences alone?
#    <details><summary>Answer</summary>
#    In use there will be unknown words. With the test set's words in it, the test
#    would be easier than life (though nothing could be learned about them).
#    </details>
# 4. Bahdanau's decoder cannot compute all steps at once in training; Luong's can. Why?
#    <details><summary>Answer</summary>
#    Bahdanau's context is an input of the LSTM, and depends on the state before it:
#    step t needs step t - 1. Luong's attention comes after the LSTM, which needs only
#    the words, and these are known in training.
#    </details>
#
# ## Go further
#
# - `attention="bahdanau"`: the same network by the other paper. Slower? Better?
# - Read the beam's hypotheses for one sentence: do they differ in sense, or in words?
# - Next: `c5w3-speech-and-ctc`.

# %%
# The end: this run must have reached what is known of it.
best_simple = max(bleu["copy"], bleu["word_by_word"])
print({name: round(score, 2) for name, score in bleu.items()}, exact)
if not lesson.fast:
    assert bleu["beam"] > best_simple + 7
    if not real:
        assert exact["beam"] > 90
lesson.finish(
    {
        "bleu": bleu,
        "exact": exact,
        "mean_score": mean_score,
        "loss": [float(part.mean()) for part in (losses[:10], losses[-10:])],
        "blame": blame,
        "alpha": by_alpha,
        "width": by_width,
        "sentence_bleu": float(np.mean(each)),
        "broken": broken | {"leak": leak, "cheat": cheat_figures, "refused": refused},
    }
)
