# %% [markdown]
# # The Transformer, step by step: every word looks at every other
#
# Course 5, week 4. About three hours with the exercises. The script runs for about a
# minute, with `--fast` for a few seconds.
#
# **Goal.** A recurrent network reads word after word: what the first word said has to
# survive all the steps to the last. A Transformer drops the recurrence. Every word
# looks at every other directly, and all of them at once. You will
#
# - write positions, masks and scaled dot-product attention with the course's names,
# - derive attention, layer normalization, multi-head attention and the embedding
#   *backward*, and check each against central differences and the engine,
# - build encoder, decoder and the whole Transformer from layers,
# - train it to write a row of digits backwards, and see its attention turn around,
# - train a small GPT on text, and let it write with a key-value cache,
# - break it in eight ways.
#
# ## What you need
#
# `c2w3-batch-normalization` for the gradient through mean and variance, and
# `c2w3-softmax-classifier`. Attention appears first in the week on machine translation;
# this lesson needs nothing from it. It answers the notebook *Transformer Network*
# (2021). The paper: Vaswani et al. 2017, "Attention Is All You Need".
#
# Arrays have examples first: a batch of sentences is $(m, t)$, embedded $(m, t, d)$.

# %%
import functools
import pydoc_data.topics

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim, text
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w4-transformer-step-by-step")
rng = np.random.default_rng(lesson.seed)

# %% [markdown]
# ## The idea in a picture
#
# Left, a recurrent network: from the first word to the last the signal takes five
# steps, forward and backward. Right, attention: one step between any two words. The
# price is that all pairs are computed, $t^2$ of them.

# %%
words = ("the", "cat", "that", "I", "saw", "slept")
fig, axes = plt.subplots(1, 2, figsize=(12, 2))
arrow = {"arrowstyle": "->", "lw": 1.2, "color": "tab:blue"}
for ax in axes:
    for place, word in enumerate(words):
        ax.text(place, 0, word, ha="center", va="center", fontsize=11)
    ax.set(xlim=(-0.5, 5.5), ylim=(-0.3, 1.2))
    ax.set_axis_off()
for place in range(5):
    axes[0].annotate("", (place + 0.7, 0), (place + 0.3, 0), arrowprops=arrow)
axes[0].set_title('recurrent: five steps from "the" to "slept"')
widths = (0.5, 3.2, 0.7, 0.3, 0.7)  # made up: which words matter to "slept"
for place, width in enumerate(widths):
    bent = arrow | {"lw": width, "connectionstyle": "arc3,rad=0.35"}
    axes[1].annotate("", (place, 0.2), (5, 0.2), arrowprops=bent)
axes[1].set_title('attention: "slept" looks at all words, most at "cat"')
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Attention is a dictionary in which every entry answers a little. A *query* $q$ is
# compared with each *key* $k_j$; the softmax of the scores says how much of each
# *value* $v_j$ to take. One feature, $q = 1$, keys $0$ and $\log 3$, values $0$ and
# $8$:
#
# - scores $q k_j$: $0$ and $\log 3$; their exponentials: $1$ and $3$;
# - weights: $1/4$ and $3/4$; the answer: $\frac14 \cdot 0 + \frac34 \cdot 8 = 6$.
#
# Mask the second entry: the weights are $1$ and $0$, the answer is $0$.

# %%
scores = 1.0 * np.array([0.0, np.log(3)])
weights = np.exp(scores) / np.exp(scores).sum()
print("weights", weights.round(4), "answer", weights @ [0.0, 8.0])
assert np.allclose(weights, [0.25, 0.75]) and np.isclose(weights @ [0.0, 8.0], 6)

# %% [markdown]
# ## The mathematics
#
# **Positions.** Attention does not know the order of the words. A vector for each place
# is added to the embedding, with $i = \lfloor k / 2 \rfloor$ for the column $k$:
#
# $$\theta(pos, k) = \frac{pos}{10000^{2i/d}} \qquad
# PE_{pos,\,2i} = \sin\theta \qquad PE_{pos,\,2i+1} = \cos\theta .$$
#
# **Attention.** Queries $Q\,(l, d_k)$, keys $K\,(s, d_k)$, values $V\,(s, d_v)$, and a
# mask $M\,(l, s)$ with **1 = keep, 0 = masked**:
#
# $$S = \frac{Q K^T}{\sqrt{d_k}} + (1 - M) \cdot (-10^9) \qquad
# W = \mathrm{softmax}_{rows}(S) \qquad A = W V .$$
#
# Backward, with $dA\,(l, d_v)$. The softmax acts within a row, so its Jacobian does
# too:
#
# $$dV = W^T dA \qquad dW = dA\, V^T \qquad
# dS = W * \Big(dW - \textstyle\sum_j dW_j W_j \Big)$$
# $$dQ = dS\, K / \sqrt{d_k} \qquad dK = dS^T Q / \sqrt{d_k} .$$
#
# Where $M = 0$, $W = 0$, and so is $dS$: the mask needs no rule of its own.
#
# **Several heads.** $h$ heads of size $d/h$, each on its own slice of three projections
# $Q = X_q W_q + b_q$ and so on; the answers are joined and projected once more.
# Splitting and joining only moves numbers: backward, the same moves the other way.
#
# **Layer normalization.** As batch norm, but over the $d$ *features* of one word: no
# other word and no other sentence has a say.
#
# $$\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad y = \gamma \hat x + \beta
# \qquad dx = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \Big( g - \overline{g}
# - \hat x\, \overline{g \hat x} \Big) \qquad g = \gamma\, dy ,$$
#
# where the bar is the mean over the features.
#
# **Embedding.** Row number $t$ of a table $E\,(n, d)$, times $\sqrt d$. The table
# starts with a deviation of $1/\sqrt d$: then words and positions are of one size, and
# neither drowns the other. Backward, each row collects the gradients of *all* places
# where its word stands: $dE_t = \sqrt d \sum_{places\ with\ t} dX$.
#
# **The blocks.** Each part of a layer is added to its input and normalized:
# $y = \mathrm{norm}(x + \mathrm{part}(x))$. An encoder layer has two parts,
# self-attention and a small network for each word; a decoder layer has three:
# self-attention that sees no later word, attention to the encoder's output, and the
# network.
#
# ## Your code
#
# **Exercise 1.** `get_angles`: $\theta$ for positions `pos` $(p, 1)$ and columns `k`
# $(1, d)$.
#
# **Exercise 2.** `positional_encoding`: sine in even columns, cosine in odd ones.


# %%
def get_angles(pos, k, d):
    """Angles (p, d) in radians for positions (p, 1) and columns (1, d)."""
    # BEGIN SOLUTION
    i = k // 2  # (1, d)
    angles = pos / 10000 ** (2 * i / d)  # (p, d)
    # END SOLUTION
    return angles


def positional_encoding(positions, d):
    """The encodings of the first `positions` places, (1, positions, d), float32."""
    # BEGIN SOLUTION
    angles = get_angles(np.arange(positions)[:, None], np.arange(d)[None], d)
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    # END SOLUTION
    return angles[None].astype("float32")


# %% [markdown]
# Sine and cosine of one angle square to 1, so *every* encoding of $d$ numbers has the
# norm $\sqrt{d/2}$. And the difference of two places depends only on how far apart they
# are. For $d = 100$ the course prints 7.071068 for place 34, and 3.2668781 between 70
# and 72.

# %%
encodings = positional_encoding(120, 100)[0].astype("float64")
print("norm at 34:", np.linalg.norm(encodings[34]).round(6))
apart = [np.linalg.norm(encodings[70] - encodings[70 + k]) for k in range(50)]
print("between 70 and 72:", apart[2].round(7))
assert abs(np.linalg.norm(encodings[34]) - 7.071068) < 1e-6
assert abs(apart[2] - 3.2668781) < 1e-6
assert np.allclose([np.linalg.norm(encodings[5] - encodings[5 + k]) for k in range(50)],
                   apart, atol=1e-5)
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6))
image = left.imshow(encodings[:100], cmap="RdBu", aspect="auto")
left.set(xlabel="column", ylabel="place", title="positional encoding, d = 100")
fig.colorbar(image, ax=left)
right.plot(range(50), apart)
right.set(xlabel="places between two words", ylabel="distance of their encodings")
right.set_title("the same, wherever the two words stand")
right.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "positions")

# %% [markdown]
# **Exercise 3.** `create_padding_mask`: 1 where a sentence has a word, 0 where it is
# padded with the number 0. An axis in the middle lets it serve every query of its
# sentence.
#
# **Exercise 4.** `create_look_ahead_mask`: a word sees itself and the words before it.
#
# In these functions **1 means keep**. Tutorials that are copied from often have it the
# other way round, and `nn.MultiheadAttention` (ours and PyTorch's) takes True for
# "hidden": always look which one it is. "Break it" shows what happens if you do not.


# %%
def create_padding_mask(decoder_token_ids):
    """Mask (m, 1, t), float32, of token numbers (m, t): 1 a word, 0 padding."""
    # BEGIN SOLUTION
    mask = (decoder_token_ids != 0).astype("float32")[:, None, :]  # (m, 1, t)
    # END SOLUTION
    return mask


def create_look_ahead_mask(sequence_length):
    """Mask (1, t, t), float32: row i has 1 up to column i, 0 after it."""
    # BEGIN SOLUTION
    mask = np.tri(sequence_length, dtype="float32")[None]  # (1, t, t)
    # END SOLUTION
    return mask


# %% [markdown]
# **Exercise 5.** `scaled_dot_product_attention`, on the last two axes; more axes may
# stand before them. Use `@`, `np.exp` and methods: then it works for arrays *and* for
# tensors, and the layers below are built on it. Subtract the largest score of a row
# before the exponential.
#
# **Exercise 6.** `attention_backward`, for arrays.


# %%
def scaled_dot_product_attention(q, k, v, mask):
    """Output (..., l, d_v) and weights (..., l, s) for q, k, v.

    q (..., l, d_k), k (..., s, d_k), v (..., s, d_v); mask, or None: 1 = keep,
    0 = masked, of a shape that broadcasts to (..., l, s).
    """
    # BEGIN SOLUTION
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(k.shape[-1])  # (..., l, s)
    if mask is not None:
        scores = scores + (1 - mask) * -1e9
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    attention_weights = e / e.sum(axis=-1, keepdims=True)  # (..., l, s)
    output = attention_weights @ v  # (..., l, d_v)
    # END SOLUTION
    return output, attention_weights


def attention_backward(d_output, q, k, v, attention_weights):
    """Gradients dq, dk, dv, of the shapes of q, k, v."""
    # BEGIN SOLUTION
    dv = attention_weights.swapaxes(-1, -2) @ d_output  # (..., s, d_v)
    dW = d_output @ v.swapaxes(-1, -2)  # (..., l, s)
    rows = (dW * attention_weights).sum(axis=-1, keepdims=True)
    dS = attention_weights * (dW - rows) / np.sqrt(k.shape[-1])  # (..., l, s)
    dq = dS @ k  # (..., l, d_k)
    dk = dS.swapaxes(-1, -2) @ q  # (..., s, d_k)
    # END SOLUTION
    return dq, dk, dv


# %% [markdown]
# **Exercise 7.** `layer_norm_forward`: over the last axis. The cache is
# `(x_hat, inv, gamma)` with `inv` $= 1 / \sqrt{\sigma^2 + \epsilon}$.
#
# **Exercise 8.** `layer_norm_backward`. $\gamma$ and $\beta$ serve every word: their
# gradients are sums over all axes but the last.


# %%
def layer_norm_forward(x, gamma, beta, epsilon=1e-6):
    """y, as x (..., d), and the cache; gamma (d,), beta (d,)."""
    # BEGIN SOLUTION
    mean = x.mean(axis=-1, keepdims=True)  # (..., 1)
    inv = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)  # (..., 1)
    x_hat = (x - mean) * inv  # (..., d)
    y = gamma * x_hat + beta  # (..., d)
    cache = (x_hat, inv, gamma)
    # END SOLUTION
    return y, cache


def layer_norm_backward(dy, cache):
    """Gradients dx (..., d), dgamma (d,), dbeta (d,)."""
    x_hat, inv, gamma = cache
    # BEGIN SOLUTION
    others = tuple(range(dy.ndim - 1))
    dgamma = (dy * x_hat).sum(axis=others)  # (d,)
    dbeta = dy.sum(axis=others)  # (d,)
    g = gamma * dy  # (..., d)
    both = (g * x_hat).mean(axis=-1, keepdims=True)
    dx = inv * (g - g.mean(axis=-1, keepdims=True) - x_hat * both)  # (..., d)
    # END SOLUTION
    return dx, dgamma, dbeta


# %% [markdown]
# **Exercise 9.** `multi_head_forward`: queries of $X_q\,(m, l, d)$, keys and values of
# $X_{kv}\,(m, s, d)$. `split_heads` and `join_heads` are given. A mask $(m, 1, s)$ or
# $(1, l, s)$ needs an axis for the heads: `mask[:, None]`.
#
# **Exercise 10.** `multi_head_backward`. $X_{kv}$ is used twice, for keys and for
# values: its gradient is a sum. The gradient of a weight is
# $dW_q = \sum X_q^T dQ$ over all sentences and places: `columns` makes one matrix of
# them.


# %%
def split_heads(x, num_heads):
    """(m, t, d) -> (m, h, t, d / h)."""
    m, t, d = x.shape
    return x.reshape(m, t, num_heads, d // num_heads).transpose(0, 2, 1, 3)


def join_heads(x):
    """(m, h, t, size) -> (m, t, h * size)."""
    m, h, t, size = x.shape
    return x.transpose(0, 2, 1, 3).reshape(m, t, h * size)


def columns(x):
    """(m, t, d) -> (m * t, d): one word in each row."""
    return x.reshape(-1, x.shape[-1])


def multi_head_forward(Xq, Xkv, parameters, num_heads, mask=None):
    """Y (m, l, d) and a cache; Wq, Wk, Wv, Wo (d, d), bq, bk, bv, bo (d,)."""
    p = parameters
    # BEGIN SOLUTION
    q = split_heads(Xq @ p["Wq"] + p["bq"], num_heads)  # (m, h, l, d / h)
    k = split_heads(Xkv @ p["Wk"] + p["bk"], num_heads)  # (m, h, s, d / h)
    v = split_heads(Xkv @ p["Wv"] + p["bv"], num_heads)  # (m, h, s, d / h)
    each = None if mask is None else mask[:, None]  # (m or 1, 1, l or 1, s)
    a, weights = scaled_dot_product_attention(q, k, v, each)
    joined = join_heads(a)  # (m, l, d)
    Y = joined @ p["Wo"] + p["bo"]  # (m, l, d)
    # END SOLUTION
    cache = (Xq, Xkv, parameters, num_heads, q, k, v, weights, joined)
    return Y, cache


def multi_head_backward(dY, cache):
    """dXq, dXkv, and the gradients {"dWq": ..., "dbq": ..., ...} of the parameters."""
    Xq, Xkv, p, num_heads, q, k, v, weights, joined = cache
    # BEGIN SOLUTION
    grads = {"dWo": columns(joined).T @ columns(dY), "dbo": columns(dY).sum(axis=0)}
    da = split_heads(dY @ p["Wo"].T, num_heads)  # (m, h, l, d / h)
    heads = attention_backward(da, q, k, v, weights)
    dq, dk, dv = (join_heads(g) for g in heads)  # (m, l, d), (m, s, d), (m, s, d)
    for name, x, g in (("q", Xq, dq), ("k", Xkv, dk), ("v", Xkv, dv)):
        grads[f"dW{name}"] = columns(x).T @ columns(g)  # (d, d)
        grads[f"db{name}"] = columns(g).sum(axis=0)  # (d,)
    dXq = dq @ p["Wq"].T  # (m, l, d)
    dXkv = dk @ p["Wk"].T + dv @ p["Wv"].T  # (m, s, d)
    # END SOLUTION
    return dXq, dXkv, grads


# %% [markdown]
# **Exercise 11.** `embedding_forward`: rows of the table, times $\sqrt d$.
#
# **Exercise 12.** `embedding_backward`. A word that comes twice gets both gradients:
# `dE[ids] += ...` forgets one of them, `np.add.at` does not.


# %%
def embedding_forward(ids, E):
    """Rows (m, t, d) of the table E (n, d) for words ids (m, t), times sqrt(d)."""
    # BEGIN SOLUTION
    X = E[ids] * np.sqrt(E.shape[1])  # (m, t, d)
    # END SOLUTION
    return X


def embedding_backward(dX, ids, n):
    """The gradient dE (n, d) of a table of n words; dX (m, t, d), ids (m, t)."""
    # BEGIN SOLUTION
    dE = np.zeros((n, dX.shape[-1]))  # (n, d)
    np.add.at(dE, ids, dX * np.sqrt(dX.shape[-1]))
    # END SOLUTION
    return dE


# %% [markdown]
# Now the layers, for training with the engine. `MultiHeadAttention` is given: the same
# as exercise 9, on *your* `scaled_dot_product_attention`, called like Keras's.
#
# There is one difference from the notebook. It gives Keras `key_dim=embedding_dim`:
# *each* head has $d$ features, not $d/h$ as in the paper, and the layer has about $h$
# times the parameters. We follow the paper.
#
# **Exercise 13.** `FullyConnected`: `embedding_dim` to `fully_connected_dim`, ReLU, and
# back, as an `nn.Sequential`.
#
# **Exercise 14.** `EncoderLayer.forward`: $x$ plus its self-attention, normalized;
# then that plus the network (with dropout while training), normalized.
#
# **Exercise 15.** `Encoder.forward`: embedding times $\sqrt d$, plus positions,
# dropout, the layers.


# %%
class MultiHeadAttention(nn.Module):
    """Attention of several heads; called as Keras's, with a mask of 1 and 0."""

    def __init__(self, num_heads, embedding_dim):
        super().__init__()
        self.num_heads = num_heads
        self.Wq, self.Wk, self.Wv, self.Wo = (
            nn.Linear(embedding_dim, embedding_dim) for _ in range(4)
        )

    def forward(self, query, value, key, mask=None):
        """(m, l, d) and (m, s, d) -> (m, l, d), and the weights (m, h, l, s)."""
        q, k, v = (
            split_heads(project(x), self.num_heads)
            for project, x in ((self.Wq, query), (self.Wk, key), (self.Wv, value))
        )
        each = None if mask is None else dls.Tensor(mask).to(query.device)[:, None]
        a, weights = scaled_dot_product_attention(q, k, v, each)
        return self.Wo(join_heads(a)), weights


def FullyConnected(embedding_dim, fully_connected_dim):
    """The small network that every word goes through."""
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Linear(embedding_dim, fully_connected_dim),
        nn.ReLU(),
        nn.Linear(fully_connected_dim, embedding_dim),
    )
    # END SOLUTION


class EncoderLayer(nn.Module):
    """Self-attention and a small network, each added to its input and normalized."""

    def __init__(self, embedding_dim, num_heads, fully_connected_dim,
                 dropout_rate=0.1, layernorm_eps=1e-6):
        super().__init__()
        self.mha = MultiHeadAttention(num_heads, embedding_dim)
        self.ffn = FullyConnected(embedding_dim, fully_connected_dim)
        self.layernorm1 = nn.LayerNorm(embedding_dim, layernorm_eps)
        self.layernorm2 = nn.LayerNorm(embedding_dim, layernorm_eps)
        self.dropout_rate = dropout_rate

    def forward(self, x, training, mask):
        """x (m, t, d) -> (m, t, d)."""
        # BEGIN SOLUTION
        self_mha_output, _ = self.mha(x, x, x, mask)
        skip_x_attention = self.layernorm1(x + self_mha_output)
        ffn_output = F.dropout(self.ffn(skip_x_attention), self.dropout_rate, training)
        return self.layernorm2(skip_x_attention + ffn_output)
        # END SOLUTION


class Encoder(nn.Module):
    """Embedding, positions, and encoder layers."""

    def __init__(self, num_layers, embedding_dim, num_heads, fully_connected_dim,
                 input_vocab_size, maximum_position_encoding, dropout_rate=0.1,
                 layernorm_eps=1e-6):
        super().__init__()
        self.embedding_dim, self.dropout_rate = embedding_dim, dropout_rate
        self.embedding = nn.Embedding(input_vocab_size, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5)
        self.pos_encoding = positional_encoding(
            maximum_position_encoding, embedding_dim
        )
        self.enc_layers = nn.ModuleList(
            EncoderLayer(embedding_dim, num_heads, fully_connected_dim, dropout_rate,
                         layernorm_eps)
            for _ in range(num_layers)
        )

    def forward(self, x, training, mask):
        """Words x (m, t) -> (m, t, d)."""
        # BEGIN SOLUTION
        seq_len = x.shape[1]
        x = self.embedding(x) * self.embedding_dim**0.5  # (m, t, d)
        x = x + dls.Tensor(self.pos_encoding[:, :seq_len]).to(x.device)
        x = F.dropout(x, self.dropout_rate, training)
        for layer in self.enc_layers:
            x = layer(x, training, mask)
        return x
        # END SOLUTION


# %% [markdown]
# **Exercise 16.** `DecoderLayer.forward`. First block: self-attention with the
# look-ahead mask. Second: its result asks, the encoder's output answers, with the
# padding mask of the *input*. Third: the network. Returns the result and both weights.
#
# **Exercise 17.** `Decoder.forward`. The weights go into a dictionary:
# `decoder_layer1_block1_self_att`, `decoder_layer1_block2_decenc_att`, and so on.
#
# **Exercise 18.** `Transformer.forward`: encoder, decoder, and a softmax over words.


# %%
class DecoderLayer(nn.Module):
    """Self-attention, attention to the encoder, and a small network."""

    def __init__(self, embedding_dim, num_heads, fully_connected_dim,
                 dropout_rate=0.1, layernorm_eps=1e-6):
        super().__init__()
        self.mha1 = MultiHeadAttention(num_heads, embedding_dim)
        self.mha2 = MultiHeadAttention(num_heads, embedding_dim)
        self.ffn = FullyConnected(embedding_dim, fully_connected_dim)
        self.layernorm1 = nn.LayerNorm(embedding_dim, layernorm_eps)
        self.layernorm2 = nn.LayerNorm(embedding_dim, layernorm_eps)
        self.layernorm3 = nn.LayerNorm(embedding_dim, layernorm_eps)
        self.dropout_rate = dropout_rate

    def forward(self, x, enc_output, training, look_ahead_mask, padding_mask):
        """x (m, l, d), enc_output (m, s, d) -> (m, l, d), weights of both blocks."""
        # BEGIN SOLUTION
        attn1, attn_weights_block1 = self.mha1(x, x, x, look_ahead_mask)
        Q1 = self.layernorm1(x + attn1)
        attn2, attn_weights_block2 = self.mha2(Q1, enc_output, enc_output, padding_mask)
        attn2 = self.layernorm2(Q1 + attn2)
        ffn_output = F.dropout(self.ffn(attn2), self.dropout_rate, training)
        out3 = self.layernorm3(attn2 + ffn_output)
        # END SOLUTION
        return out3, attn_weights_block1, attn_weights_block2


class Decoder(nn.Module):
    """Embedding, positions, and decoder layers."""

    def __init__(self, num_layers, embedding_dim, num_heads, fully_connected_dim,
                 target_vocab_size, maximum_position_encoding, dropout_rate=0.1,
                 layernorm_eps=1e-6):
        super().__init__()
        self.embedding_dim, self.dropout_rate = embedding_dim, dropout_rate
        self.embedding = nn.Embedding(target_vocab_size, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5)
        self.pos_encoding = positional_encoding(
            maximum_position_encoding, embedding_dim
        )
        self.dec_layers = nn.ModuleList(
            DecoderLayer(embedding_dim, num_heads, fully_connected_dim, dropout_rate,
                         layernorm_eps)
            for _ in range(num_layers)
        )

    def forward(self, x, enc_output, training, look_ahead_mask, padding_mask):
        """Words x (m, l), enc_output (m, s, d) -> (m, l, d), weights by their names."""
        attention_weights = {}
        # BEGIN SOLUTION
        seq_len = x.shape[1]
        x = self.embedding(x) * self.embedding_dim**0.5  # (m, l, d)
        x = x + dls.Tensor(self.pos_encoding[:, :seq_len]).to(x.device)
        x = F.dropout(x, self.dropout_rate, training)
        for i, layer in enumerate(self.dec_layers, 1):
            x, block1, block2 = layer(
                x, enc_output, training, look_ahead_mask, padding_mask
            )
            attention_weights[f"decoder_layer{i}_block1_self_att"] = block1
            attention_weights[f"decoder_layer{i}_block2_decenc_att"] = block2
        # END SOLUTION
        return x, attention_weights


class Transformer(nn.Module):
    """Encoder, decoder and the layer that scores words."""

    def __init__(self, num_layers, embedding_dim, num_heads, fully_connected_dim,
                 input_vocab_size, target_vocab_size, max_positional_encoding_input,
                 max_positional_encoding_target, dropout_rate=0.1, layernorm_eps=1e-6):
        super().__init__()
        sizes = (num_layers, embedding_dim, num_heads, fully_connected_dim)
        rates = (dropout_rate, layernorm_eps)
        self.encoder = Encoder(
            *sizes, input_vocab_size, max_positional_encoding_input, *rates
        )
        self.decoder = Decoder(
            *sizes, target_vocab_size, max_positional_encoding_target, *rates
        )
        self.final_layer = nn.Linear(embedding_dim, target_vocab_size)

    def forward(self, input_sentence, output_sentence, training, enc_padding_mask,
                look_ahead_mask, dec_padding_mask):
        """Words (m, s), (m, l) -> chances (m, l, target_vocab_size), weights."""
        # BEGIN SOLUTION
        enc_output = self.encoder(input_sentence, training, enc_padding_mask)
        dec_output, attention_weights = self.decoder(
            output_sentence, enc_output, training, look_ahead_mask, dec_padding_mask
        )
        final_output = F.softmax(self.final_layer(dec_output), axis=-1)
        # END SOLUTION
        return final_output, attention_weights


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The course's own example of attention: three queries, four keys. Query 1
# is $(1, 0, 1, 1)$; its products with the keys are 2, 3, 1, 1. Divided by
# $\sqrt 4 = 2$: 1, 1.5, .5, .5; exponentials 2.718, 4.482, 1.649, 1.649, sum 10.498.
# So the first weight is $2.718 / 10.498 = 0.2589$.

# %%
q = np.array([[1.0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 0, 1]])
k = np.array([[1.0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1]])
v = np.array([[0.0, 0], [1, 0], [1, 0], [1, 1]])
output, weights = scaled_dot_product_attention(q, k, v, None)
print(weights.round(7))
print(output.round(7))
first = np.exp([1, 1.5, 0.5, 0.5])
assert np.allclose(weights[0], first / first.sum())
masked_output, masked = scaled_dot_product_attention(q, k, v, np.array([1, 1, 0, 1]))
print("third key masked:", masked[0].round(7))
assert np.allclose(masked[:, 2], 0) and np.allclose(masked.sum(axis=1), 1)
attention_table = {"weights": weights, "output": output, "masked": masked}
print(create_padding_mask(np.array([[7, 6, 0, 0, 1], [1, 2, 3, 0, 0]]))[:, 0])
print(create_look_ahead_mask(3)[0])

# %% [markdown]
# **Against the engine.** Attention with `F.scaled_dot_product_attention`, normalization
# with `F.layer_norm`, several heads with `nn.MultiheadAttention` (whose masks say True
# for *hidden*), the embedding with `F.embedding`: values and all gradients.

# %%
m, s, d, heads = 2, 5, 6, 3
X = rng.standard_normal((m, s, d))
dY = rng.standard_normal((m, s, d))
point = {
    f"W{name}": rng.standard_normal((d, d)) / np.sqrt(d) for name in "qkvo"
} | {f"b{name}": 0.3 * rng.standard_normal(d) for name in "qkvo"}
ids = np.array([[3, 1, 3, 2, 0], [1, 1, 4, 0, 0]])
mask = create_padding_mask(ids) * create_look_ahead_mask(s)  # (m, s, s)


def tensor(x, name):
    """An array as a tensor that wants a gradient."""
    return dls.Tensor(x, requires_grad=True, name=name)


Q, K, V = (rng.standard_normal((m, s, d)) for _ in range(3))
tq, tk, tv = (tensor(x, name) for name, x in (("q", Q), ("k", K), ("v", V)))
mine, weights = scaled_dot_product_attention(Q, K, V, mask)
theirs = F.scaled_dot_product_attention(tq, tk, tv, dls.Tensor(mask > 0))
theirs.backward(dls.Tensor(dY))
assert dls.compare("attention", mine, theirs).ok
for name, g, t in zip("qkv", attention_backward(dY, Q, K, V, weights), (tq, tk, tv),
                      strict=True):
    assert dls.compare(f"d{name}", g, t.grad).ok

gamma, beta = 1 + 0.3 * rng.standard_normal(d), rng.standard_normal(d)
tx, tg, tb = tensor(X, "x"), tensor(gamma, "gamma"), tensor(beta, "beta")
y, norm_cache = layer_norm_forward(X, gamma, beta)
theirs = F.layer_norm(tx, (d,), tg, tb, 1e-6)
theirs.backward(dls.Tensor(dY))
assert dls.compare("layer norm", y, theirs).ok
for name, g, t in zip(("dx", "dgamma", "dbeta"), layer_norm_backward(dY, norm_cache),
                      (tx, tg, tb), strict=True):
    assert dls.compare(name, g, t.grad).ok

layer = nn.MultiheadAttention(d, heads, batch_first=True, dtype="float64")
layer.load_state_dict({
    "in_proj_weight": np.concatenate([point[f"W{n}"].T for n in "qkv"]),
    "in_proj_bias": np.concatenate([point[f"b{n}"] for n in "qkv"]),
    "out_proj.weight": point["Wo"].T, "out_proj.bias": point["bo"],
})
tx = tensor(X, "X")
hidden = dls.Tensor(np.repeat(mask == 0, heads, axis=0))  # True = hidden, for each head
theirs, _ = layer(tx, tx, tx, attn_mask=hidden)
theirs.backward(dls.Tensor(dY))
Y, cache = multi_head_forward(X, X, point, heads, mask)
dXq, dXkv, grads = multi_head_backward(dY, cache)
assert dls.compare("multi-head", Y, theirs).ok
assert dls.compare("dX", dXq + dXkv, tx.grad).ok
joint = np.concatenate([grads[f"dW{n}"].T for n in "qkv"])
assert dls.compare("dWq, dWk, dWv", joint, layer.in_proj_weight.grad).ok
assert dls.compare("dWo", grads["dWo"].T, layer.out_proj.weight.grad).ok

E = rng.standard_normal((6, d))
tE = tensor(E, "E")
theirs = F.embedding(dls.Tensor(ids), tE) * d**0.5
theirs.backward(dls.Tensor(dY))
assert dls.compare("embedding", embedding_forward(ids, E), theirs).ok
assert dls.compare("dE", embedding_backward(dY, ids, 6), tE.grad).ok

# %% [markdown]
# The layers, against `nn.TransformerEncoderLayer` with the same weights.

# %%
dls.manual_seed(lesson.seed)
encoder_layer = EncoderLayer(d, heads, 8, dropout_rate=0.0)
theirs = nn.TransformerEncoderLayer(d, heads, 8, 0.0, layer_norm_eps=1e-6,
                                    batch_first=True)
mha = encoder_layer.mha
theirs.load_state_dict({
    "self_attn.in_proj_weight": np.concatenate(
        [part.weight.numpy() for part in (mha.Wq, mha.Wk, mha.Wv)]),
    "self_attn.in_proj_bias": np.concatenate(
        [part.bias.numpy() for part in (mha.Wq, mha.Wk, mha.Wv)]),
    "self_attn.out_proj.weight": mha.Wo.weight, "self_attn.out_proj.bias": mha.Wo.bias,
    "linear1.weight": encoder_layer.ffn[0].weight,
    "linear1.bias": encoder_layer.ffn[0].bias,
    "linear2.weight": encoder_layer.ffn[2].weight,
    "linear2.bias": encoder_layer.ffn[2].bias,
    "norm1.weight": np.ones(d), "norm1.bias": np.zeros(d),
    "norm2.weight": np.ones(d), "norm2.bias": np.zeros(d),
})
x = dls.Tensor(X.astype("float32"))
padding = create_padding_mask(ids)
apart_from_theirs = np.abs(
    encoder_layer(x, False, padding).numpy()
    - theirs(x, src_key_padding_mask=ids == 0).numpy()
).max()
print(f"encoder layer: {apart_from_theirs:.1e} from the engine's")
assert apart_from_theirs < 1e-5

# %% [markdown]
# **Numerically**: several heads and normalization in one go, with respect to the input
# and every parameter. One of them has no gradient at all: shifting every key by $b_k$
# adds the same number to all scores of a query, and the softmax does not see it.


# %%
def block_cost(p):
    """A number to derive: norm(x + heads(x)), weighted with dY."""
    Y, _ = multi_head_forward(p["X"], p["X"], p, heads, mask)
    y, _ = layer_norm_forward(p["X"] + Y, p["gamma"], p["beta"])
    return np.sum(dY * y)


at = point | {"X": X, "gamma": gamma, "beta": beta}
Y, cache = multi_head_forward(X, X, point, heads, mask)
_, norm_cache = layer_norm_forward(X + Y, gamma, beta)
dsum, dgamma, dbeta = layer_norm_backward(dY, norm_cache)
dXq, dXkv, grads = multi_head_backward(dsum, cache)
mine = grads | {"dX": dsum + dXq + dXkv, "dgamma": dgamma, "dbeta": dbeta}
print(f"largest number in dbk: {np.abs(mine['dbk']).max():.1e}")
assert np.abs(mine["dbk"]).max() < 1e-12
tested = {name: value for name, value in at.items() if name != "bk"}
report = check.check_gradients(lambda p: block_cost(at | p), tested, mine)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# An encoder layer on one sentence of four words. The two curved lines that go around
# the parts are the additions: the gradient's short way back. In `x` four parts meet,
# three through $Q$, $K$ and $V$; the printed link opens `graph.html` there. The
# gradient is that of one number of the output: the sum of a normalized output is
# constant, and its gradient is 0.

# %%
dls.manual_seed(lesson.seed)
small_layer = EncoderLayer(4, 2, 8, dropout_rate=0.0)
x = dls.randn(1, 4, 4, requires_grad=True)
with dls.trace():
    first = small_layer(x, False, None)[0, 0, 0]
    first.backward()
graph = dls.graph(first, small_layer, names={"x": x, "y[0, 0, 0]": first})
lesson.graph(graph, "graph", steps={"four gradients of x, added": "x"})
graph

# %% [markdown]
# ## Train
#
# ### A row of digits, backwards
#
# Input: three to eight digits, padded with 0; output: the same backwards. Tokens: 0 is
# padding, 1 starts, 2 ends, 3 to 12 are the digits. The task cannot be solved without
# knowing places, and each output needs exactly one input: the attention shows which.
#
# The decoder gets the right answer so far (*teacher forcing*): the start and all tokens
# but the last; it has to say each *next* token. The look-ahead mask keeps it honest.
# `dls.capture` records the step once and replays it. The learning rate falls to 0 along
# a cosine: at a constant rate one odd batch can throw a trained network back.

# %%
START, END, DIGIT, LONGEST = 1, 2, 3, 8


def backwards(count, rng):
    """Rows of digits (count, 8) and the same backwards (count, 10), padded with 0."""
    src = np.zeros((count, LONGEST), np.int64)
    tgt = np.zeros((count, LONGEST + 2), np.int64)
    for row, wanted in zip(src, tgt, strict=True):
        length = rng.integers(3, LONGEST + 1)
        row[:length] = DIGIT + rng.integers(0, 10, length)
        wanted[: length + 2] = [START, *row[:length][::-1], END]
    return src, tgt


def make_transformer(seed):
    """One layer, two heads, 32 features."""
    dls.manual_seed(seed)
    return Transformer(1, 32, 2, 64, 13, 13, LONGEST, LONGEST + 2, dropout_rate=0.0)


def masked_loss(chances, wanted):
    """The mean of -log(chance of the right token) over tokens that are not padding."""
    logs = np.log(chances + 1e-9).reshape(-1, chances.shape[-1])
    return F.nll_loss(logs, wanted.reshape(-1), ignore_index=0)


def train(network, steps, look_ahead=None, label="train"):
    """Train on new rows in every step; returns the losses."""
    draw = np.random.default_rng(lesson.seed)
    optimizer = optim.Adam(network.parameters(), lr=3e-3)
    falling = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    ahead = create_look_ahead_mask(LONGEST + 1) if look_ahead is None else look_ahead
    ahead = dls.Tensor(ahead)

    def step(src, tgt, padding):
        optimizer.zero_grad()
        chances, _ = network(src, tgt[:, :-1], True, padding, ahead, padding)
        loss = masked_loss(chances, tgt[:, 1:])
        loss.backward()
        optimizer.step()
        return loss

    fast_step, losses = dls.capture(step), []
    for _ in lesson.progress(range(steps), label):
        src, tgt = backwards(64, draw)
        padding = dls.Tensor(create_padding_mask(src))
        losses.append(fast_step(dls.Tensor(src), dls.Tensor(tgt), padding).item())
        falling.step()
    return losses


network = make_transformer(lesson.seed)
steps = 250 if lesson.fast else 800
losses = train(network, steps)
print(f"loss {losses[0]:.3f} -> {np.mean(losses[-20:]):.4f}")

# %% [markdown]
# Now it has to write by itself: token by token, each the likeliest after its own output
# so far.


# %%
def write(network, src):
    """The network's own answers to rows (m, 8), up to the end token: (m, 9)."""
    padding = create_padding_mask(src)
    written = np.full((len(src), 1), START)
    with dls.no_grad():
        for _ in range(LONGEST + 1):
            ahead = create_look_ahead_mask(written.shape[1])
            chances, weights = network(
                dls.Tensor(src), dls.Tensor(written), False, padding, ahead, padding
            )
            last = chances.numpy()[:, -1].argmax(axis=1)
            written = np.concatenate([written, last[:, None]], axis=1)
    return written[:, 1:], weights


def exact(network, src, tgt):
    """Percent of rows that are right in every token up to the end."""
    written, _ = write(network, src)
    wanted = tgt[:, 1:]
    return 100 * float(np.mean(((written == wanted) | (wanted == 0)).all(axis=1)))


test_src, test_tgt = backwards(300, np.random.default_rng(lesson.seed + 1000))
reversed_exactly = exact(network, test_src, test_tgt)
print(f"new rows written backwards without a mistake: {reversed_exactly:.1f} %")

# %% [markdown]
# ### A small GPT
#
# Keep the decoder, drop the encoder, and train it to say the next character of a text:
# a *language model*. `models.GPT` has the layers of GPT-2, with the norm *before* each
# part. The text is one that every Python carries: the chapters of its reference manual,
# the ones that `help("assert")` shows.

# %%
CONTEXT = 64
manual = " ".join(" ".join(pydoc_data.topics.topics.values()).split()).lower()
manual = "".join(c for c in manual if " " <= c <= "~")[:300_000]
letters = text.Vocabulary.from_texts(manual)
numbers = letters.encode(manual)
cut = len(numbers) * 9 // 10
print(f"{len(numbers):,} characters, {len(letters)} of them different")

dls.manual_seed(lesson.seed)
gpt = models.GPT(
    len(letters), CONTEXT, d_model=64, num_heads=4, num_layers=2, dropout=0.0
)
gpt_optimizer = optim.AdamW(gpt.parameters(), lr=3e-3)


@dls.capture
def gpt_step(batch):
    """One step on texts (m, CONTEXT + 1)."""
    gpt_optimizer.zero_grad()
    logits = gpt(batch[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, len(letters)), batch[:, 1:].reshape(-1))
    loss.backward()
    gpt_optimizer.step()
    return loss


def pieces(count, low, high):
    """Texts of CONTEXT + 1 characters that begin anywhere between two places."""
    begins = rng.integers(low, high - CONTEXT - 1, count)
    return dls.Tensor(numbers[begins[:, None] + np.arange(CONTEXT + 1)])


def bits(count=64):
    """Bits per character of the last tenth of the text, which it never saw."""
    batch = pieces(count, cut, len(numbers))
    with dls.no_grad():
        logits = gpt(batch[:, :-1])
    loss = F.cross_entropy(logits.reshape(-1, len(letters)), batch[:, 1:].reshape(-1))
    return loss.item() / np.log(2)


draw = functools.partial(text.sample, temperature=0.7)
gpt_steps = 60 if lesson.fast else 900
gpt_bits = {0: bits()}
for done in lesson.progress(range(1, gpt_steps + 1), "GPT"):
    gpt_step(pieces(24, 0, cut))
    if done % (gpt_steps // 3) == 0:
        gpt_bits[done] = bits()
        prompt = letters.encode("the expression ")[None]
        sampler = functools.partial(draw, generator=dls.Generator(lesson.seed))
        said = gpt.generate(prompt, CONTEXT - 15, sampler=sampler)[0]
        print(f"{done:4}: {gpt_bits[done]:.2f} bits  the expression "
              + letters.decode(np.array(said)))

# %% [markdown]
# **The cache.** To write token $n$ the network needs the keys and values of all tokens
# before it. They do not change: no earlier token sees a later one. So keep them.
# Without a cache each new token costs a pass over the whole text so far,
# $1 + 2 + \dots + n$ tokens in all; with it, $n$.

# %%
prompt = letters.encode("the ")[None]
cached = gpt.generate(prompt, 60)[0]
written = list(prompt[0])
with dls.no_grad():
    for _ in range(60):  # without: the whole text each time
        scores = gpt(np.array(written)[None]).numpy()[0, -1]
        written.append(int(scores.argmax()))
assert tuple(written[4:]) == cached, "the cache changes what is written"
with_cache, without = 4 + 59, sum(range(4, 64))
print(f"tokens through the network: {with_cache} with the cache, {without} without")
_, cache = gpt.read(prompt)
print("the cache of a block:", cache[0][0].shape, "keys, as many values")

# %% [markdown]
# ## Look at it
#
# What the decoder looks at while it writes. Where it is to write the digit number $i$,
# it looks at the input's number $n - 1 - i$: the line falls the other way. Nobody told
# it to. With other seeds it often looks one place beside it: the encoder has mixed
# neighbours already, so that a place knows the digit next to it, too.

# %%
shown = test_src[test_src[:, -1] != 0]  # rows of eight digits
answer, maps = write(network, shown)
seen = maps["decoder_layer1_block2_decenc_att"].numpy()[0]  # (heads, 9, 8)
own = maps["decoder_layer1_block1_self_att"].numpy()[0]
labels = [str(t - DIGIT) for t in shown[0]]
says = ["end" if t == END else str(t - DIGIT) for t in answer[0]]
fig, axes = plt.subplots(1, 4, figsize=(15, 4.2))
for head in range(2):
    axes[head].imshow(seen[head], cmap="Blues", vmin=0, vmax=1)
    axes[head].set_xticks(range(8), labels)
    axes[head].set_title(f"looks at the input, head {head + 1}")
    axes[2 + head].imshow(own[head], cmap="Greens", vmin=0, vmax=1)
    axes[2 + head].set_xticks(range(9), ["start", *says[:-1]], fontsize=8)
    axes[2 + head].set_title(f"at its own output, head {head + 1}")
for ax in axes:
    ax.set_yticks(range(9), says)
axes[0].set_ylabel("writes")
fig.tight_layout()
lesson.figure(fig, "maps")
all_maps = maps["decoder_layer1_block2_decenc_att"].numpy().mean(axis=1)[:, :8]
off = np.abs(all_maps.argmax(axis=2) - np.arange(8)[::-1])  # (rows, 8), in places
print(f"looks most at the digit it is to write in {100 * np.mean(off == 0):.0f} % of"
      f" the places, at it or its neighbour in {100 * np.mean(off <= 1):.0f} %; "
      "by chance: 12 and 34 %")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6))
left.plot(losses)
left.set(xlabel="step", ylabel="loss", yscale="log", title="digits backwards")
right.plot(list(gpt_bits), list(gpt_bits.values()), "o-")
right.set(xlabel="step", ylabel="bits per character", title="GPT, text it never saw")
right.set_ylim(bottom=0)
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# ## Break it
#
# **1. The mask the wrong way round.** 1 taken for "masked". The decoder now sees only
# *later* tokens, the very ones it is to guess. The loss falls faster than ever: it
# copies. Writing by itself it has nothing to copy from. A tool that needs no training:
# change a token and see which outputs move. Only those from its place on may.


# %%
def leaks(network, look_ahead):
    """Does an output depend on a later token? {place: outputs before it that move}."""
    src, tgt = backwards(1, np.random.default_rng(0))
    tgt[0] = [START, *range(3, 12)]  # no padding
    padding, found = create_padding_mask(src), {}
    outputs = []
    for change in range(LONGEST + 1):
        changed = tgt[:, :-1].copy()
        if change:
            changed[0, change] = 12
        with dls.no_grad():
            chances, _ = network(dls.Tensor(src), dls.Tensor(changed), False, padding,
                                 look_ahead, padding)
        outputs.append(chances.numpy()[0])
    for change in range(1, LONGEST + 1):
        moved = np.abs(outputs[change] - outputs[0]).max(axis=1) > 1e-7
        if moved[:change].any():
            found[change] = np.flatnonzero(moved[:change]).tolist()
    return found


right_mask = create_look_ahead_mask(LONGEST + 1)
wrong_mask = 1 - right_mask  # WRONG: 1 = masked
cheat = make_transformer(lesson.seed)
cheat_losses = train(cheat, steps // 2, wrong_mask, "wrong mask")
cheat_exact = exact(cheat, test_src, test_tgt)
print(f"loss {np.mean(cheat_losses[-20:]):.4f} in training; by itself it writes "
      f"{cheat_exact:.1f} % right")
print("leaks:", leaks(cheat, wrong_mask))
assert leaks(network, right_mask) == {}
assert leaks(cheat, wrong_mask) and cheat_exact < 5

# %% [markdown]
# **2. No positions.** Without them the encoder cannot tell a row from the same row
# shuffled: its output is the same, shuffled. No training mends that.

# %%
blind = make_transformer(lesson.seed)
blind.encoder.pos_encoding = np.zeros_like(blind.encoder.pos_encoding)  # WRONG
row = np.array([[3, 4, 5, 6, 7, 8, 9, 10]])
shuffled = row[:, ::-1].copy()
with dls.no_grad():
    outputs = {
        name: [net.encoder(dls.Tensor(x), False, None).numpy() for x in (row, shuffled)]
        for name, net in (("with", network), ("without", blind))
    }
order_gap = {name: float(np.abs(a - b[:, ::-1]).max()) for name, (a, b) in
             outputs.items()}
print("how far the order matters:", {k: f"{v:.1e}" for k, v in order_gap.items()})
assert order_gap["without"] < 1e-5 < 0.1 < order_gap["with"]

# %% [markdown]
# **3. No division by $\sqrt{d_k}$.** Products of $d_k$ random numbers have a deviation
# of $\sqrt{d_k}$. Without the division the softmax of a large head picks one key, and
# where it is sure its gradient is gone.

# %%
gradient_size = {}
for size in (4, 64, 1024):
    qs, ks, vs = (rng.standard_normal((1, 20, size)) for _ in range(3))
    dA = rng.standard_normal((1, 20, size))
    for name, factor in (("scaled", 1.0), ("not scaled", np.sqrt(size))):
        _, w = scaled_dot_product_attention(qs * factor, ks, vs, None)
        dW = dA @ vs.swapaxes(-1, -2) / np.sqrt(size)
        dS = w * (dW - (dW * w).sum(axis=-1, keepdims=True))
        rows = np.linalg.norm(dS, axis=-1)
        gradient_size[f"{name}, {size}"] = float(np.median(rows))
lesson.table(["gradient of the scores, features of a head", "median norm of a row"],
             [[k, f"{v:.3f}"] for k, v in gradient_size.items()])
assert gradient_size["not scaled, 1024"] < 0.3 * gradient_size["scaled, 1024"]

# %% [markdown]
# **4. Divided by $\sqrt d$ in place of $\sqrt{d_k}$**, the size of all heads together:
# nothing fails, it only learns worse. The comparison sees a factor in the scores.

# %%
wide = Q[:, None] @ K[:, None].swapaxes(-1, -2)
verdict = dls.compare("scores", wide / np.sqrt(d * heads), wide / np.sqrt(d))
assert not verdict.ok

# %% [markdown]
# **5. Softmax over the wrong axis.** The shapes agree where $l = s$. Every *key* then
# gives out one whole, and a query may get nothing or three times as much.

# %%
raw = Q @ K.swapaxes(-1, -2) / np.sqrt(d)
e = np.exp(raw)
columns_sum = e / e.sum(axis=-2, keepdims=True)  # WRONG: axis -2
print("sums of rows:", columns_sum.sum(axis=-1)[0].round(2))
verdict = dls.compare("weights", columns_sum, F.softmax(dls.Tensor(raw), axis=-1))
assert not verdict.ok

# %% [markdown]
# **6. The backward pass of softmax without its second term**: as if each weight
# depended on its own score only.

# %%
attention_point = {"q": Q, "k": K, "v": V}
_, W = scaled_dot_product_attention(Q, K, V, None)
dS = W * (dY @ V.swapaxes(-1, -2)) / np.sqrt(d)  # WRONG: the sum of the row is missing
wrong = {"dq": dS @ K, "dk": dS.swapaxes(-1, -2) @ Q,
         "dv": W.swapaxes(-1, -2) @ dY}
report = check.check_gradients(
    lambda p: np.sum(dY * scaled_dot_product_attention(*p.values(), None)[0]),
    attention_point, wrong,
)
print(report)
assert [gradient.name for gradient in report.wrong] == ["dq", "dk"]

# %% [markdown]
# **7. Normalizing over the batch.** `axis=0` in place of `axis=-1` trains, too, but a
# sentence's result now depends on its neighbours in the batch. The test: the same
# sentence, alone and in company.

# %%
company = {}
for name, axis in (("features", -1), ("batch", 0)):
    together = (X - X.mean(axis=axis, keepdims=True)) / X.std(axis=axis, keepdims=True)
    pair = X[:1].repeat(2, axis=0) + np.array([0, 1e-3])[:, None, None]
    alone = (pair - pair.mean(axis=axis, keepdims=True)) / pair.std(
        axis=axis, keepdims=True)
    company[name] = float(np.abs(together[0] - alone[0]).max())
print("the same sentence in other company, by axis of", company)
assert company["features"] < 1e-9 and company["batch"] > 0.1

# %% [markdown]
# **8. A query that sees nothing.** A sentence of padding only. $-10^9$ on *every* score
# shifts them all alike, and softmax does not see it: the query reads padding as if
# there were no mask. (In float32 numbers near $10^9$ are 64 apart, and the weights
# become uniform.) With $-\infty$ it is $0/0$. The engine answers 0.

# %%
nothing = np.zeros((1, 1, s))
_, unmasked = scaled_dot_product_attention(Q[:1], K[:1], V[:1], None)
_, weights = scaled_dot_product_attention(Q[:1], K[:1], V[:1], nothing)
with np.errstate(invalid="ignore"):
    lost = np.full(s, -np.inf) - (-np.inf)
engine = F.scaled_dot_product_attention(
    dls.Tensor(Q[:1]), dls.Tensor(K[:1]), dls.Tensor(V[:1]), dls.Tensor(nothing > 0)
).numpy()
print("weights:", weights[0, 0].round(3), "with -inf:", np.exp(lost)[:2],
      "the engine:", engine[0, 0, :2])
assert np.allclose(weights, unmasked, atol=1e-6)
assert np.isnan(lost).all() and not engine.any()

# %% [markdown]
# ## Recap
#
# - Attention: softmax of scaled products of queries and keys, times values. Rows of
#   weights sum to 1; a masked key has weight 0 and gets no gradient.
# - Nothing in it knows the order. Positions are added, or it cannot count.
# - Masks: here 1 = keep; `nn.MultiheadAttention`: True = hidden. Test it, do not trust
#   it: change a token and see what moves.
# - Layer norm looks at one word; batch norm looks at its company.
# - Training sees all places at once, since the mask hides the future. Writing goes
#   token by token, and a cache of keys and values saves doing it all again.
#
# ## Questions
#
# 1. How many scores has a layer of 8 heads for a sentence of 1,000 words?
#    <details><summary>Answer</summary>
#    8 million: each head has 1,000 x 1,000. Twice the length, four times the work.
#    </details>
# 2. Why has $b_k$ no gradient, but $b_q$ has?
#    <details><summary>Answer</summary>
#    b_k adds q . b_k to all scores of one query: softmax ignores a constant. b_q adds
#    b_q . k_j, which differs from key to key.
#    </details>
# 3. The second block of the decoder takes the padding mask of which sentence?
#    <details><summary>Answer</summary>
#    Of the input: it looks at the encoder's output, where the input has its padding.
#    </details>
# 4. Why does the look-ahead mask also hide padding at the end of the output?
#    <details><summary>Answer</summary>
#    Padding stands after every word of its sentence, and nobody sees what comes later.
#    What padding itself writes is left out of the loss.
#    </details>
# 5. Can an encoder use a key-value cache?
#    <details><summary>Answer</summary>
#    No: its words see later ones. A new word changes what all the others say.
#    </details>
#
# ## Go further
#
# - Four heads in place of two for the digits: do they share out the places?
# - Learned positions in place of sines: `nn.LearnedPositionalEncoding`.
# - Next: `c5w4-transformer-translation`.

# %%
# The end: this run must have reached what is known of it.
assert reversed_exactly > (60 if lesson.fast else 97)
assert gpt_bits[gpt_steps] < (4.5 if lesson.fast else 3.0) < gpt_bits[0]
if not lesson.fast:
    assert np.mean(off <= 1) > 0.6
lesson.finish(
    {
        "positions": {
            "norm": float(np.linalg.norm(encodings[34])),
            "apart": float(apart[2]),
        },
        "attention": attention_table,
        "reversed_exactly": reversed_exactly,
        "looks_at_the_right_place": float(np.mean(off <= 1)),
        "gpt_bits": gpt_bits,
        "cache": {"tokens_with": with_cache, "tokens_without": without},
        "broken": {
            "cheat_exact": cheat_exact,
            "cheat_loss": float(np.mean(cheat_losses[-20:])),
            "order": order_gap,
            "gradient": gradient_size,
            "company": company,
        },
    }
)
