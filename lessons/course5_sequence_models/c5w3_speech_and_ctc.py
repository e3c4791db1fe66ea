# %% [markdown]
# # Speech and CTC: labels without an alignment
#
# Course 5, week 3. About 75 minutes with the exercises. The script runs for half a
# minute, with `--fast` for seven seconds.
#
# **Goal.** A recording has a hundred frames a second, its transcript three words, and
# nobody wrote down which frames belong to which word. Connectionist temporal
# classification (CTC) trains a network all the same. You will
#
# - write the rule that collapses a path of frame labels to a transcript,
# - add up all paths of a transcript by dynamic programming, forward and backward, in
#   logarithms, and derive the gradient from them,
# - compare both with `F.ctc_loss`, with the sum over every path, and with differences,
# - decode: the likeliest path, and prefix beam search,
# - train a recognizer of spoken digits, and look at the alignment it found by itself,
# - break it in seven ways, and find each.
#
# The lecture on speech recognition explains the collapse rule; it has no assignment.
#
# ## What you need
#
# `c5w1-rnn-step-by-step` for the GRU. Speech comes from `audio.speak`, a synthesizer
# that builds words from formants: no recording is needed, and every speaker, word and
# pause can be drawn at random. Here, time comes first, as in PyTorch: log-probabilities
# are $(T, C)$, or $(T, N, C)$ for $N$ sequences. Class 0 is the blank.
#
# Graves, Fernández, Gomez and Schmidhuber introduced CTC in 2006; Hannun, Maas,
# Jurafsky and Ng described the prefix beam search in 2014.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import audio, check, nn, optim, text
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w3-speech-and-ctc")
RATE = 16000  # samples per second
WINDOW, OVERLAP = 400, 240  # 25 ms a frame, a frame every 10 ms
BANDS = 26
DIGITS = {  # as phones; the label of digit d is d + 1, since 0 is the blank
    0: "Z IH R AO UH", 1: "W AH N", 2: "T UW", 3: "TH R IY", 4: "F AO R",
    5: "F AA IH V", 6: "S IH K S", 7: "S EH V AH N", 8: "EH IH T", 9: "N AA IH N",
}
print("data: spoken digits, made by seeded code")

# %% [markdown]
# ## The idea in a picture
#
# An utterance: one to five digits by one speaker. Pitch, length of the throat, speed,
# pauses, loudness and noise are drawn at random. Its spectrogram is summed into 26
# bands whose widths follow the ear (the mel scale), in decibels.


# %%
def make_utterance(rng, noise=0.02, digits=None):
    """Samples (n,), labels (S,) from 1 to 10, and the true (start, end) in seconds."""
    if digits is None:
        digits = rng.integers(0, 10, rng.integers(1, 6))
    pitch = rng.uniform(90, 260)  # Hz
    tract = 0.9 + 0.3 * (pitch - 90) / 170 + rng.uniform(-0.08, 0.08)
    tempo, loud = rng.uniform(0.8, 1.4), 10 ** rng.uniform(-0.5, 0)
    parts, spans = [np.zeros(int(rng.uniform(0.05, 0.2) * RATE))], []
    place = len(parts[0])
    for digit in digits:
        word = audio.speak(
            DIGITS[int(digit)],
            RATE,
            pitch=pitch * rng.uniform(0.9, 1.1),
            tract=tract,
            tempo=tempo * rng.uniform(0.9, 1.1),
            seed=int(rng.integers(2**30)),
        )
        pause = np.zeros(int(rng.uniform(0.02, 0.12) * RATE))
        parts += [word, pause]
        spans.append((place / RATE, (place + len(word)) / RATE))
        place += len(word) + len(pause)
    clean = loud * np.concatenate(parts)
    level = noise * 10 ** rng.uniform(-0.5, 0.5)
    samples = clean + level * rng.standard_normal(len(clean))
    return samples.astype(np.float32), np.asarray(digits) + 1, spans


def mel_filters():
    """Triangles (BANDS, WINDOW // 2 + 1), evenly wide on the mel scale."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), top, BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)  # Hz
    hertz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    return np.clip(np.minimum(rising, falling), 0, None)


def features(samples):
    """Loudness (BANDS, frames) in units of 20 dB, 0 for -64 dB."""
    power = audio.spectrogram(samples, RATE, WINDOW, OVERLAP)  # (201, frames)
    return (audio.decibels(mel_filters() @ power).astype(np.float32) + 64) / 20


def frame_time(frame):
    """The middle of a frame in seconds."""
    return (frame * (WINDOW - OVERLAP) + WINDOW / 2) / RATE


shown = make_utterance(np.random.default_rng(7), digits=np.array([2, 3, 3, 7]))
shown_features = features(shown[0])
fig, axes = plt.subplots(2, 1, figsize=(11, 6.5), height_ratios=(3, 2))
extent = (0, frame_time(shown_features.shape[1]), 0, BANDS)
axes[0].imshow(shown_features, origin="lower", aspect="auto", extent=extent)
for digit, (start, end) in zip(shown[1] - 1, shown[2], strict=True):
    for edge in (start, end):
        axes[0].axvline(edge, color="white", linestyle=":")
    axes[0].text((start + end) / 2, BANDS - 2.5, f"{digit}", color="white", ha="center")
axes[0].set(xlabel="time, s", ylabel="mel band", title="The digits 2 3 3 7, as spoken")
paths = ("_22__3_33_777__", "2__3_3_____7777", "___2223333_3__7")
for row, path in enumerate(paths):
    for column, symbol in enumerate(path):
        axes[1].text(column, -row, symbol, ha="center", va="center", family="monospace")
    axes[1].text(len(path) + 0.5, -row, "→  2 3 3 7", va="center")
axes[1].set(xlim=(-1, 20), ylim=(-2.7, 0.7), title="Three of its paths; _ is the blank")
axes[1].axis("off")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# The network says at each time how likely each label is, or the **blank**, "nothing
# new". A **path** is one symbol at each time. Collapse it: merge equal neighbours, then
# drop the blanks. Many paths collapse to one transcript. CTC asks for none of them in
# particular: it makes the *sum* of their probabilities large. Where a label is
# repeated, as in "3 3", a blank must stand between.
#
# ## One number by hand
#
# Two times, two classes, the blank and $a$; at both times $P(\_) = 0.6$ and $P(a) =
# 0.4$. Three paths collapse to $a$: $aa$, $\_a$ and $a\_$. So
#
# $$P(a) = 0.4 \cdot 0.4 + 0.6 \cdot 0.4 + 0.4 \cdot 0.6 = 0.64, \qquad
# L = -\ln 0.64 = 0.4463 .$$
#
# The likeliest *path* is $\_\_$ with 0.36: it says "nothing", although "a" is nearly
# twice as likely. The likeliest path and the likeliest transcript are two things.

# %%
two = np.log([[0.6, 0.4], [0.6, 0.4]])
p_of_a = 0.4 * 0.4 + 0.6 * 0.4 + 0.4 * 0.6
print(f"P(a) = {p_of_a:.2f}, loss {-np.log(p_of_a):.4f}; greedy:", text.ctc_greedy(two))
assert abs(F.ctc_loss(two, np.array([1]), 2, 1).item() + np.log(p_of_a)) < 1e-12
assert text.ctc_greedy(two)[0] == [] and text.ctc_beam_search(two)[0][0] == [1]

# %% [markdown]
# ## The mathematics
#
# Let $y_t^c$ be the probability of class $c$ at time $t$. Put a blank before, between
# and behind the $S$ labels $l$: the **extended** labels $l'$, $2S + 1$ of them. A path
# walks along $l'$ from left to right. At each time it stays, goes one on, or skips a
# blank, two on. It may skip only between *different* labels:
#
# $$
# \alpha_t(s) = y_t^{l'_s} \bigl( \alpha_{t-1}(s) + \alpha_{t-1}(s - 1) +
# [l'_s \ne \_ \text{ and } l'_s \ne l'_{s-2}]\; \alpha_{t-1}(s - 2) \bigr) .
# $$
#
# $\alpha_t(s)$ is the probability of all beginnings that stand at $s$ at time $t$.
# At the first time only $s = 0$ and $s = 1$ are possible. At the end a path stands on
# the last label or on the last blank, so $P(l) = \alpha_T(2S) + \alpha_T(2S - 1)$ and
# $L = -\ln P(l)$.
#
# **Backward.** $\beta_t(s)$ is the probability of all ways to finish from $s$,
# *without* the symbol of time $t$:
#
# $$
# \beta_t(s) = \sum_{s' \in \{s,\, s+1,\, s+2 \text{ if allowed}\}} \beta_{t+1}(s')\,
# y_{t+1}^{l'_{s'}}, \qquad \beta_T(2S) = \beta_T(2S - 1) = 1 .
# $$
#
# (Graves includes the symbol of time $t$ in both, and divides by it later.) Then
# $\alpha_t(s) \beta_t(s)$ is the probability of all paths of $l$ through $s$ at time
# $t$; for each $t$ they add up to $P(l)$.
#
# **The gradient.** $P(l)$ is linear in each $y_t^c$: every path takes exactly one
# symbol at time $t$. So
# $y_t^c\, \partial P / \partial y_t^c = \sum_{s:\, l'_s = c} \alpha_t(s) \beta_t(s)$,
# and
#
# $$
# \frac{\partial L}{\partial \ln y_t^c} = - \gamma_t^c, \qquad
# \gamma_t^c = \frac{1}{P(l)} \sum_{s:\, l'_s = c} \alpha_t(s) \beta_t(s) .
# $$
#
# $\gamma_t^c$ is the **occupancy**: the share of $P(l)$ whose paths say $c$ at time
# $t$. With $y = \text{softmax}(z)$ and $\sum_c \gamma_t^c = 1$:
#
# $$\frac{\partial L}{\partial z_t^c} = y_t^c - \gamma_t^c .$$
#
# Cross-entropy has the same form, with a label in the place of $\gamma$. CTC makes its
# own soft labels: those paths that are likely now become the target of the next step.
#
# **Logarithms.** A path of 500 symbols has a probability near $10^{-500}$, and the
# smallest float is about $10^{-308}$. All sums are sums of logarithms, by
# $\ln(e^a + e^b)$, which is `np.logaddexp`; an impossible path is $-\infty$.
#
# | | shape |
# |---|---|
# | `log_probs`, $\gamma$, the gradient | $(T, C)$ |
# | `extended`, `skip` | $(2S + 1,)$ |
# | `log_alpha`, `log_beta` | $(T, 2S + 1)$ |
#
# ## Your code
#
# **Exercise 1.** The collapse rule.
#
# **Exercise 2.** The extended labels, and for each of its places whether a path may
# come to it from two places before.
#
# **Exercise 3.** $\ln \alpha$. `shifted` moves a row along and fills with $-\infty$.
#
# **Exercise 4.** $\ln \beta$.
#
# **Exercise 5.** The loss, its gradient with respect to the logits, and $\gamma$. Where
# no path exists the loss is infinite and the gradient 0; with `zero_infinity` the loss
# is 0, too.


# %%
def shifted(row, by):
    """The row moved `by` places to the right (left, if negative), filled with -inf."""
    moved = np.full_like(row, -np.inf)
    if by > 0:
        moved[by:] = row[:-by]
    else:
        moved[:by] = row[-by:]
    return moved


def log_softmax(logits):
    """ln of the softmax of each row."""
    low = logits - logits.max(axis=1, keepdims=True)
    return low - np.log(np.exp(low).sum(axis=1, keepdims=True))


def collapse(path, blank=0):
    """The labels (a list) of a path of one class at each time."""
    # BEGIN SOLUTION
    merged = [c for t, c in enumerate(path) if t == 0 or c != path[t - 1]]
    labels = [int(c) for c in merged if c != blank]
    # END SOLUTION
    return labels


def extend(labels, blank=0):
    """Labels with blanks around, and where a path may skip the place before."""
    # BEGIN SOLUTION
    extended = np.full(2 * len(labels) + 1, blank)  # (2S + 1,)
    extended[1::2] = labels
    skip = np.zeros(len(extended), dtype=bool)  # (2S + 1,)
    skip[2:] = (extended[2:] != blank) & (extended[2:] != extended[:-2])
    # END SOLUTION
    return extended, skip


def ctc_forward(log_probs, extended, skip):
    """ln alpha (T, 2S + 1)."""
    log_alpha = np.full((len(log_probs), len(extended)), -np.inf)
    # BEGIN SOLUTION
    log_alpha[0, :2] = log_probs[0, extended[:2]]
    for t in range(1, len(log_probs)):
        before = log_alpha[t - 1]  # (2S + 1,)
        skipped = np.where(skip, shifted(before, 2), -np.inf)
        ways = np.logaddexp.reduce([before, shifted(before, 1), skipped])
        log_alpha[t] = ways + log_probs[t, extended]
    # END SOLUTION
    return log_alpha


def ctc_backward(log_probs, extended, skip):
    """ln beta (T, 2S + 1), without the symbol of its own time."""
    log_beta = np.full((len(log_probs), len(extended)), -np.inf)
    # BEGIN SOLUTION
    log_beta[-1, -2:] = 0
    for t in range(len(log_probs) - 2, -1, -1):
        after = log_beta[t + 1] + log_probs[t + 1, extended]  # (2S + 1,)
        skipped = shifted(np.where(skip, after, -np.inf), -2)
        log_beta[t] = np.logaddexp.reduce([after, shifted(after, -1), skipped])
    # END SOLUTION
    return log_beta


def ctc_loss(logits, labels, blank=0, zero_infinity=False):
    """The loss (a float), dlogits (T, C), and the occupancy gamma (T, C)."""
    log_probs = log_softmax(logits)
    extended, skip = extend(labels, blank)
    log_alpha = ctc_forward(log_probs, extended, skip)
    log_beta = ctc_backward(log_probs, extended, skip)
    gamma = np.zeros_like(log_probs)
    # BEGIN SOLUTION
    log_p = np.logaddexp.reduce(log_alpha[-1, -2:])  # ln P(labels)
    if log_p == -np.inf:  # too few frames for these labels
        return 0.0 if zero_infinity else np.inf, np.zeros_like(gamma), gamma
    on_the_way = np.exp(log_alpha + log_beta - log_p)  # (T, 2S + 1)
    np.add.at(gamma, (slice(None), extended), on_the_way)  # (T, C)
    loss = -float(log_p)
    dlogits = np.exp(log_probs) - gamma  # (T, C)
    # END SOLUTION
    return loss, dlogits, gamma


loss, _, gamma = ctc_loss(two, [1])
print(f"loss {loss:.4f}, occupancy at time 0: blank {gamma[0, 0]:.3f}, a", end=" ")
print(f"{gamma[0, 1]:.3f}")
assert abs(loss - 0.4463) < 5e-5
assert np.allclose(gamma[0], [0.24 / 0.64, 0.40 / 0.64])

# %% [markdown]
# **Exercise 6.** Decoding. Follow *prefixes*, not paths. For each prefix keep two
# numbers: the log-probability of its paths that end in a blank, and of those that end
# in its last label. One more time step, with log-probabilities `log_p` of the classes:
#
# - the blank leaves the prefix as it is, and the paths now end in a blank;
# - the last label again: paths that ended in this label go on with it (same prefix);
#   paths that ended in a blank start it a second time (longer prefix);
# - any other label makes the prefix longer, from either kind of path.
#
# `beam` is a dictionary `{prefix: (ln p_blank, ln p_label)}` with prefixes as tuples.
# Use `np.logaddexp` where paths meet. A prefix with no path need not be there.


# %%
def prefix_step(beam, log_p, blank=0):
    """{prefix: (ln p_blank, ln p_label)} after one more time step; all, none cut."""
    longer = {}

    def add(prefix, end, log_q):
        """Add paths of a prefix that end in a blank (end 0) or in its label (end 1)."""
        ends = longer.setdefault(prefix, [-np.inf, -np.inf])
        ends[end] = np.logaddexp(ends[end], log_q)

    for prefix, (in_blank, in_label) in beam.items():
        # BEGIN SOLUTION
        either = np.logaddexp(in_blank, in_label)
        for c, log_q in enumerate(log_p):
            if c == blank:
                add(prefix, 0, either + log_q)
            elif prefix and c == prefix[-1]:
                add(prefix, 1, in_label + log_q)
                add((*prefix, c), 1, in_blank + log_q)
            else:
                add((*prefix, c), 1, either + log_q)
        # END SOLUTION
    return {prefix: tuple(ends) for prefix, ends in longer.items()}


def prefix_beam_search(log_probs, beam_width):
    """[(labels, ln P)], the best first: of each step the best prefixes are kept."""
    beam = {(): (0.0, -np.inf)}
    for log_p in log_probs:
        longer = prefix_step(beam, log_p)
        longer = {p: ends for p, ends in longer.items() if max(ends) > -np.inf}
        best = sorted(longer, key=lambda p: -np.logaddexp(*longer[p]))[:beam_width]
        beam = {prefix: longer[prefix] for prefix in best}
    return [(list(p), float(np.logaddexp(*ends))) for p, ends in beam.items()]


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The lecture's own kind of example, `ttt_h_eee`. And the labels $a\,a$ in
# three times: only one path, $a\_a$, so $P = 0.4 \cdot 0.6 \cdot 0.4 = 0.096$; in two
# times there is none.

# %%
spelled = collapse([ord(c) for c in "ttt_h_eee___ ___qqq__"], ord("_"))
print("".join(map(chr, spelled)))
assert "".join(map(chr, spelled)) == "the q"
three = np.log([[0.6, 0.4]] * 3)
assert abs(ctc_loss(three, [1, 1])[0] + np.log(0.096)) < 1e-12
assert ctc_loss(two, [1, 1])[0] == np.inf
assert ctc_loss(two, [1, 1], zero_infinity=True)[0] == 0
assert not ctc_loss(two, [1, 1])[1].any()

# %% [markdown]
# **Against the definition.** With $T = 5$ and three classes there are $3^5 = 243$
# paths. Collapse each, and add up: that is every labelling with its probability. The
# loss must agree for each labelling, the probabilities must add up to 1, and a beam as
# wide as there are prefixes must find all of them, with their probabilities.

# %%
rng = np.random.default_rng(lesson.seed)


def every_labelling(log_probs):
    """{labels: P} from the definition: all paths, collapsed."""
    T, C = log_probs.shape
    chances = {}
    for path in itertools.product(range(C), repeat=T):
        labels = tuple(collapse(path))
        p = np.exp(log_probs[np.arange(T), path].sum())
        chances[labels] = chances.get(labels, 0.0) + p
    return chances


greedy_misses = 0
for _ in range(20):
    logits = 1.5 * rng.standard_normal((5, 3))
    log_probs = log_softmax(logits)
    chances = every_labelling(log_probs)
    assert abs(sum(chances.values()) - 1) < 1e-12
    for labels, p in chances.items():
        assert abs(ctc_loss(logits, list(labels))[0] + np.log(p)) < 1e-10
    best = max(chances, key=chances.get)
    mine = prefix_beam_search(log_probs, 500)
    theirs = text.ctc_beam_search(log_probs, 500)
    assert tuple(mine[0][0]) == tuple(theirs[0][0]) == best
    assert {tuple(p) for p, _ in mine} == set(chances)
    for labels, log_p in mine:
        assert abs(np.exp(log_p) - chances[tuple(labels)]) < 1e-12
    greedy_misses += tuple(text.ctc_greedy(log_probs)[0]) != best
print(f"{len(chances)} labellings each; the likeliest path is not of the likeliest")
print(f"labelling in {greedy_misses} of 20 random cases")

# %% [markdown]
# **Against the engine**, values and gradients with respect to the logits: random
# labels with repeats, an empty transcript, and one that does not fit into its frames.

# %%
cases = [[1, 2, 3], [2, 2, 2], [], [1, 1, 2, 2, 3], [3, 1, 3, 1, 3, 1], [1] * 7]
for labels in cases:
    logits = rng.standard_normal((9, 4))
    z = dls.Tensor(logits, requires_grad=True)
    J = F.ctc_loss(
        F.log_softmax(z, axis=1),
        np.array(labels, dtype=np.int64),
        9,
        len(labels),
        reduction="sum",
        zero_infinity=True,
    )
    J.backward()
    mine, dlogits, _ = ctc_loss(logits, labels, zero_infinity=True)
    print(f"labels {labels}: loss {mine:.6f}")
    assert abs(mine - J.item()) < 1e-10
    assert dls.compare("dlogits", dlogits, z.grad, print=False).ok
    assert np.abs(dlogits - z.grad.numpy()).max() < 1e-12

# %% [markdown]
# **Numerically.**

# %%
point = {"logits": rng.standard_normal((7, 4))}
report = check.check_gradients(
    lambda p: ctc_loss(p["logits"], [2, 2, 3])[0],
    point,
    {"dlogits": ctc_loss(point["logits"], [2, 2, 3])[1]},
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# A layer, `log_softmax`, and the loss as one operation: the engine runs the two
# recursions in a kernel.

# %%
x, W = dls.Tensor(rng.standard_normal((6, 3))), nn.Parameter(np.eye(3, 4))
with dls.trace():
    J = F.ctc_loss(F.log_softmax(x @ W, axis=1), np.array([1, 2]), 6, 2)
    J.backward()
graph = dls.graph(J, names={"x": x, "W": W, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# **The network**: a convolution over time, 7 frames wide and 3 frames a step, then a
# GRU in both directions, and a linear layer to 11 classes. A batch holds utterances of
# different lengths, filled up with zeros. What is filled up must not matter:
#
# - the convolution does not pad, so outputs within $\lfloor (n - 7)/3 \rfloor + 1$ see
#   only true frames;
# - the GRU gets a *packed* sequence: the direction that comes from the end begins at
#   the true end;
# - the loss gets the true lengths.


# %%
class Recognizer(nn.Module):
    """Bands (N, 26, frames) and their lengths -> log-probabilities (T, N, 11)."""

    def __init__(self, hidden=32, generator=None):
        self.conv = nn.Conv1d(26, 48, 7, stride=3, generator=generator)
        self.gru = nn.GRU(
            48, hidden, bidirectional=True, batch_first=True, generator=generator
        )
        self.out = nn.Linear(2 * hidden, 11, generator=generator)

    def forward(self, x, lengths):
        lengths = (np.asarray(lengths) - 7) // 3 + 1
        h = self.conv(x).relu().swapaxes(1, 2)  # (N, T, 48)
        packed = nn.utils.rnn.pack_padded_sequence(
            h, lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=h.shape[1]
        )
        return F.log_softmax(self.out(states), axis=2).swapaxes(0, 1), lengths


def as_batch(utterances, fill=0.0):
    """X (N, 26, frames) filled up at the end, lengths (N,), and the lists of labels."""
    clips = [features(samples) for samples, _, _ in utterances]
    lengths = np.array([clip.shape[1] for clip in clips])
    X = np.full((len(clips), BANDS, lengths.max()), fill, dtype=np.float32)
    for row, clip in zip(X, clips, strict=True):
        row[:, : clip.shape[1]] = clip
    return X, lengths, [labels for _, labels, _ in utterances]


def batch_loss(network, X, lengths, labels):
    """The mean over the batch of the loss per label."""
    log_probs, steps = network(dls.Tensor(X), lengths)
    counts = np.array([len(one) for one in labels])
    return F.ctc_loss(
        log_probs, np.concatenate(labels), steps, counts, zero_infinity=True
    )


def decode(network, X, lengths, beam_width=0):
    """The labels of each utterance: the likeliest path, or a prefix beam search."""
    with dls.no_grad():
        log_probs, steps = network(dls.Tensor(X), lengths)
    log_probs = log_probs.numpy()
    clips = [log_probs[:n, i] for i, n in enumerate(steps)]
    if beam_width == 0:
        return [text.ctc_greedy(clip)[0] for clip in clips]
    return [text.ctc_beam_search(clip, beam_width)[0][0] for clip in clips]


def label_error_rate(found, right):
    """Percent: insertions, deletions and substitutions by the number of labels."""
    wrong = sum(
        text.edit_distance(a, b.tolist()) for a, b in zip(found, right, strict=True)
    )
    return 100 * wrong / sum(len(one) for one in right)


rng = np.random.default_rng(lesson.seed)
sizes = {"train": 320, "dev": 40, "test": 60}
if not lesson.fast:
    sizes = {"train": 640, "dev": 100, "test": 300}
utterances = {
    name: [make_utterance(rng) for _ in lesson.progress(range(size), f"speak {name}")]
    for name, size in sizes.items()
}
sets = {name: as_batch(spoken) for name, spoken in utterances.items()}
for name, (X, lengths, labels) in sets.items():
    print(f"{name}: {X.shape}, {lengths.min()} to {lengths.max()} frames,", end=" ")
    print(sum(map(len, labels)), "digits")

# %% [markdown]
# **Padding never leaks.** Fill up with zeros, with noise, and with other lengths: the
# loss and every gradient must stay the same. Checked on eight utterances, before any
# training.

# %%
generator = dls.Generator(lesson.seed)
network = Recognizer(generator=generator)
losses, gradients = [], []
for fill, more in ((0.0, 0), (3.0, 0), (-1.0, 40)):
    X, lengths, labels = as_batch(utterances["dev"][:8], fill)
    X = np.pad(X, ((0, 0), (0, 0), (0, more)), constant_values=fill)
    for parameter in network.parameters():
        parameter.grad = None
    J = batch_loss(network, X, lengths, labels)
    J.backward()
    losses.append(J.item())
    gradients.append([p.grad.numpy().copy() for p in network.parameters()])
leak = max(
    float(np.abs(a - b).max() / np.abs(a).max())
    for other in gradients[1:]
    for a, b in zip(gradients[0], other, strict=True)
)
print("loss:", losses, f"largest relative change of a gradient: {leak:.1e}")
assert np.ptp(losses) < 1e-5 * losses[0] and leak < 1e-4

# %% [markdown]
# **Train** with Adam, batches of 16, a rate that rises and falls (one cycle), and
# gradients clipped to norm 5. The number of epochs and the rate were chosen on the dev
# set; the test set is looked at once, below. Each batch has its own lengths, so the
# step is not captured.

# %%
epochs = 24
X, lengths, labels = sets["train"]
optimizer = optim.Adam(network.parameters(), lr=0.005)
batches = len(X) // 16
schedule = optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=0.008, total_steps=epochs * batches
)
shown_X, shown_length, _ = as_batch([shown])
history, snapshots = {"loss": [], "dev": [], "dev_beam": []}, {}
for epoch in lesson.progress(range(epochs), "train", "epochs"):
    order, total = rng.permutation(len(X)), 0.0
    for places in order[: 16 * batches].reshape(batches, 16):
        few = int(lengths[places].max())
        optimizer.zero_grad()
        J = batch_loss(
            network, X[places, :, :few], lengths[places], [labels[i] for i in places]
        )
        J.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        total += J.item() / batches
    history["loss"].append(total)
    for name, width in (("dev", 0), ("dev_beam", 4)):
        found = decode(network, *sets["dev"][:2], beam_width=width)
        history[name].append(label_error_rate(found, sets["dev"][2]))
    with dls.no_grad():
        log_probs, _ = network(dls.Tensor(shown_X), shown_length)
    snapshots[epoch] = np.exp(log_probs.numpy()[:, 0])  # (T, 11)
lesson.table(
    ["epoch", "loss per label", "dev errors %", "by beam %"],
    [
        [epoch + 1, *(f"{history[name][epoch]:.3g}" for name in history)]
        for epoch in range(0, epochs, 3)
    ],
)

# %% [markdown]
# Notice the plateau. First the network learns to say "blank" everywhere: the blank is
# in every path, so that lowers the loss at once, and every digit is missed: 100 %
# errors. Then, within a few epochs, spikes appear, and the errors drop.
#
# **The test set**, by both ways of decoding. Errors are counted as in speech
# recognition: insertions, deletions and substitutions by the number of digits.

# %%
test_X, test_lengths, test_labels = sets["test"]
decoded = {
    "greedy": decode(network, test_X, test_lengths),
    "beam": decode(network, test_X, test_lengths, beam_width=8),
}
figures = {}
for name, found in decoded.items():
    exact = np.mean([a == b.tolist() for a, b in zip(found, test_labels, strict=True)])
    figures[name] = {
        "label_error_rate": label_error_rate(found, test_labels),
        "exact": 100 * float(exact),
    }
lesson.table(
    ["decoding", "label errors %", "utterances without error %"],
    [
        [name, f"{f['label_error_rate']:.2f}", f"{f['exact']:.1f}"]
        for name, f in figures.items()
    ],
)

# %% [markdown]
# Beam search promises to find a *likelier* labelling, not always a better one. That it
# does find likelier ones can be checked with the loss.

# %%
with dls.no_grad():
    log_probs, steps = network(dls.Tensor(test_X), test_lengths)


def log_chance(labelled):
    """ln P of the labels found for each test utterance."""
    counts = np.array([len(one) for one in labelled])
    flat = np.array([c for one in labelled for c in one], dtype=np.int64)
    return -F.ctc_loss(log_probs, flat, steps, counts, reduction="none").numpy()


gain = log_chance(decoded["beam"]) - log_chance(decoded["greedy"])
likelier, less_likely = int(np.sum(gain > 1e-3)), int(np.sum(gain < -1e-3))
print(f"the beam's labelling is likelier {likelier} times, less likely {less_likely}")
assert likelier >= less_likely

# %% [markdown]
# ## Look at it
#
# The alignment. Above, the utterance and where its words truly are. In the middle, what
# the network says: narrow spikes, blanks between. Below, the occupancy of the extended
# labels $\alpha_t(s) \beta_t(s) / P(l)$: the walk from top to bottom, one place of $l'$
# after the other.


# %%
def align(probabilities, labels):
    """The occupancy (T, 2S + 1) of the extended labels."""
    log_probs = np.log(probabilities.astype(np.float64))
    extended, skip = extend(labels)
    log_alpha = ctc_forward(log_probs, extended, skip)
    log_beta = ctc_backward(log_probs, extended, skip)
    return np.exp(log_alpha + log_beta - np.logaddexp.reduce(log_alpha[-1, -2:]))


def output_time(step):
    """The middle in seconds of the seven frames behind an output."""
    return frame_time(3 * step + 3)


last = snapshots[epochs - 1]
walk = align(last, shown[1])
times = output_time(np.arange(len(last)))
fig, axes = plt.subplots(3, 1, figsize=(11, 9), sharex=True, height_ratios=(2, 2, 2))
axes[0].imshow(shown_features, origin="lower", aspect="auto", extent=extent)
for digit, (start, end) in zip(shown[1] - 1, shown[2], strict=True):
    for ax, colour in ((axes[0], "white"), (axes[1], "gray")):
        ax.axvline(start, color=colour, linestyle=":")
        ax.axvline(end, color=colour, linestyle=":")
    axes[0].text((start + end) / 2, BANDS - 2.5, f"{digit}", color="white", ha="center")
axes[0].set(ylabel="mel band", title="What is said, and where")
axes[1].plot(times, last[:, 0], color="lightgray", label="blank")
for digit in range(10):
    if last[:, digit + 1].max() > 0.1:
        axes[1].plot(times, last[:, digit + 1], label=f"{digit}")
axes[1].set(ylabel="probability", title="What the network says")
axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
names = ["_" if s % 2 == 0 else str(shown[1][s // 2] - 1) for s in range(walk.shape[1])]
axes[2].imshow(
    walk.T, aspect="auto", cmap="Blues",
    extent=(times[0] - 0.015, times[-1] + 0.015, len(names) - 0.5, -0.5),
)
axes[2].set_yticks(range(len(names)), names)
axes[2].set(xlabel="time, s", ylabel="extended labels", title="The walk along them")
axes[2].set_xlim(extent[0], extent[1])
fig.tight_layout()
lesson.figure(fig, "alignment")

pairs = [0, epochs // 4, epochs // 3, epochs // 2, epochs - 1]
fig, axes = plt.subplots(len(pairs), 1, figsize=(10, 8.5), sharex=True, sharey=True)
for ax, epoch in zip(axes, pairs, strict=True):
    ax.plot(times, snapshots[epoch][:, 0], color="lightgray")
    for c in range(1, 11):
        ax.plot(times, snapshots[epoch][:, c])
    ax.set(ylim=(0, 1.05), ylabel=f"epoch {epoch + 1}")
axes[0].set_title("Probabilities: how spikes grow out of the blank (grey)")
axes[-1].set_xlabel("time, s")
fig.tight_layout()
lesson.figure(fig, "growth")

# %% [markdown]
# Nobody told the network where the words are. How well did it find them? A spike of a
# digit counts as placed where its largest occupancy is between the true start and the
# end of the word, give or take 50 ms. (CTC promises nothing of the kind: a network that
# hears the whole utterance could put its spikes anywhere.)

# %%
inside, heard = 0, 0
test_probabilities = np.exp(log_probs.numpy())
for i, (_, labels, spans) in enumerate(utterances["test"]):
    if decoded["beam"][i] != labels.tolist():
        continue
    walk = align(test_probabilities[: steps[i], i], labels)
    for s, (start, end) in enumerate(spans):
        moment = output_time(int(walk[:, 2 * s + 1].argmax()))
        inside += start - 0.05 <= moment <= end + 0.05
        heard += 1
placed = 100 * inside / heard
print(f"{placed:.1f} % of {heard} spikes stand within their word")

fig, axes = plt.subplots(1, 2, figsize=(11, 3.8))
axes[0].semilogy(range(1, epochs + 1), history["loss"])
axes[0].set(xlabel="epoch", ylabel="training loss per label", title="The loss")
axes[1].plot(range(1, epochs + 1), history["dev"], label="likeliest path")
axes[1].plot(range(1, epochs + 1), history["dev_beam"], label="prefix beam search")
axes[1].legend()
axes[1].set(xlabel="epoch", ylabel="dev label errors, %", title="The plateau of blanks")
for ax in axes:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# **Greedy or beam?** Look at the dev errors while it learns (the picture "training").
# Where the network is unsure, a spike spreads over two outputs, and at each of them the
# blank may be a little likelier. The likeliest path then loses the digit; the sum over
# paths keeps it. Once the spikes are sharp, both ways say the same.
#
# **More noise than in training**, 0.02 on average. No way to decode mends what the
# network does not hear: training and test data must be of one kind, or the training
# data must have the noise, too.

# %%
levels = (0.02, 0.1) if lesson.fast else (0.02, 0.05, 0.1, 0.2)
heard_at_each = 40 if lesson.fast else 120
by_noise = {"greedy": {}, "beam": {}}
for level in levels:
    noisy_rng = np.random.default_rng(lesson.seed + 1000)
    spoken = [make_utterance(noisy_rng, level) for _ in range(heard_at_each)]
    noisy_X, noisy_lengths, noisy_labels = as_batch(spoken)
    for name, width in (("greedy", 0), ("beam", 8)):
        found = decode(network, noisy_X, noisy_lengths, width)
        by_noise[name][level] = label_error_rate(found, noisy_labels)
lesson.table(
    ["noise", "greedy: errors %", "beam: errors %"],
    [
        [f"{v:g}", f"{by_noise['greedy'][v]:.1f}", f"{by_noise['beam'][v]:.1f}"]
        for v in levels
    ],
)

# %% [markdown]
# ## Break it
#
# **1. A skip between equal labels.** Without the condition $l'_s \ne l'_{s-2}$ the path
# $aa$ would count for the labels $a\,a$ as well as for $a$. One test finds it: the
# probabilities of all labellings must add up to 1.


# %%
def total_chance(log_probs, may_skip):
    """The sum of P over all labellings, by alpha with this rule of skipping."""
    total = 0.0
    for labels in every_labelling(log_probs):
        extended, skip = may_skip(list(labels))
        log_alpha = ctc_forward(log_probs, extended, skip)
        total += np.exp(np.logaddexp.reduce(log_alpha[-1, -2:]))
    return total


def skip_any_blank(labels):
    """WRONG: a path may skip the blank between equal labels, too."""
    extended, _ = extend(labels)
    return extended, (extended != 0) & (np.arange(len(extended)) >= 2)


log_probs_5 = log_softmax(rng.standard_normal((5, 3)))
totals = {
    rule.__name__: float(total_chance(log_probs_5, rule))
    for rule in (extend, skip_any_blank)
}
for name, total in totals.items():
    print(f"{name}: P of all labellings together {total:.4f}")
assert abs(totals["extend"] - 1) < 1e-12 and totals["skip_any_blank"] > 1.01

# %% [markdown]
# **2. Blanks dropped before equal neighbours are merged.** Every "3 3" becomes "3". The
# test: a path with a blank between equal labels.


# %%
def drop_then_merge(path, blank=0):
    """WRONG: the two steps of the collapse rule in the other order."""
    kept = [c for c in path if c != blank]
    return [c for t, c in enumerate(kept) if t == 0 or c != kept[t - 1]]


doubled = {f.__name__: f([3, 3, 0, 3]) for f in (collapse, drop_then_merge)}
print(doubled)
assert doubled == {"collapse": [3, 3], "drop_then_merge": [3]}

# %% [markdown]
# **3. Probabilities in place of logarithms.** The recursion is right, and for short
# clips the numbers are, too. A long one underflows: the loss is infinite, as if no path
# existed. How long is too long?


# %%
def plain_forward(probs, extended, skip):
    """The same recursion on probabilities: P(labels)."""
    alpha = np.zeros(len(extended))
    alpha[:2] = probs[0, extended[:2]]
    for row in probs[1:]:
        one = np.concatenate([[0], alpha[:-1]])
        two_on = np.where(skip, np.concatenate([[0, 0], alpha[:-2]]), 0)
        alpha = (alpha + one + two_on) * row[extended]
    return alpha[-2:].sum()


extended, skip = extend([1, 2, 3])
underflow = 0
for T in range(50, 2001, 50):
    flat = np.full((T, 11), 1 / 11)  # an untrained network
    if plain_forward(flat, extended, skip) == 0:
        underflow = T
        break
in_logs = ctc_loss(np.zeros((underflow, 11)), [1, 2, 3])[0]
print(f"P is 0 from {underflow} frames on; in logarithms the loss is {in_logs:.1f}")
assert 0 < underflow <= 500 and np.isfinite(in_logs)

# %% [markdown]
# **4. Logits where log-probabilities belong.** `F.ctc_loss` believes its input. Without
# `log_softmax` the "probabilities" do not add up to 1, the loss becomes *negative*, and
# training makes all logits large. A loss below 0 is the name of this mistake.

# %%
z = dls.Tensor(5 + rng.standard_normal((8, 4)))
pair = np.array([1, 2])
without = F.ctc_loss(z, pair, 8, 2, reduction="sum").item()
with_it = F.ctc_loss(F.log_softmax(z, axis=1), pair, 8, 2, reduction="sum").item()
print(f"without log_softmax {without:.2f}, with it {with_it:.2f}")
assert without < 0 < with_it

# %% [markdown]
# **5. Half of the gradient.** $-\gamma$ is the gradient with respect to $\ln y$. Taken
# for that of the logits, the softmax is forgotten: each row must add up to 0, and adds
# up to -1. The numeric check says that it is wrong, the sum says what.

# %%
_, dlogits, gamma = ctc_loss(point["logits"], [2, 2, 3])
report = check.check_gradients(
    lambda p: ctc_loss(p["logits"], [2, 2, 3])[0], point, {"dlogits": -gamma}
)
sums = {"y - gamma": dlogits.sum(axis=1), "-gamma": (-gamma).sum(axis=1)}
print({name: values.round(6).tolist()[:3] for name, values in sums.items()})
assert not report.ok
assert np.allclose(sums["y - gamma"], 0) and np.allclose(sums["-gamma"], -1)

# %% [markdown]
# **6. Lengths forgotten.** Say all utterances are as long as the longest: the GRU that
# comes from the end now starts in the padding, the loss counts its frames, and what was
# filled in matters. The test of above finds it.

# %%
leaking = []
for fill in (0.0, 3.0):
    X8, lengths8, labels8 = as_batch(utterances["dev"][:8], fill)
    all_long = np.full_like(lengths8, lengths8.max())
    with dls.no_grad():
        leaking.append(batch_loss(network, X8, all_long, labels8).item())
print("loss for two ways to fill up, without lengths:", leaking)
assert abs(leaking[0] - leaking[1]) > 1e-3

# %% [markdown]
# **7. Too few frames.** $S$ labels with $r$ repeats need $T \ge S + r$ outputs. A
# stride that is too large makes some utterances impossible: their loss is infinite, and
# one of them makes the mean of a batch useless. `zero_infinity` drops them, in silence:
# count them first.


# %%
def frames_needed(labels):
    """The shortest path that collapses to these labels."""
    return len(labels) + int(np.sum(np.diff(labels) == 0))


impossible = {}
for stride in (3, 24, 48):
    outputs = (sets["train"][1] - 7) // stride + 1
    impossible[stride] = sum(
        bool(T < frames_needed(labels))
        for T, labels in zip(outputs, sets["train"][2], strict=True)
    )
print("utterances that no path fits, by stride:", impossible)
assert impossible[3] == 0 < impossible[48]
for T in range(1, 9):
    fits = np.isfinite(ctc_loss(np.zeros((T, 4)), [2, 2, 3, 3])[0])
    assert fits == (frames_needed([2, 2, 3, 3]) <= T)

# %% [markdown]
# ## Recap
#
# - A path has one symbol for each time; merge equal neighbours, then drop blanks.
# - The loss is minus the logarithm of the sum over all paths of a transcript: forward
#   along labels with blanks between, a skip only between different labels.
# - The gradient with respect to the logits is $y - \gamma$: softmax minus occupancy.
# - The likeliest path is not the likeliest labelling; prefix beam search adds up paths.
# - First everything is blank, then spikes appear, in about the right places.
# - Lengths go everywhere: into the packing, into the loss, into decoding.
#
# ## Questions
#
# 1. Why does CTC need the blank, apart from repeated labels?
#    <details><summary>Answer</summary>
#    Silence, and the frames between two labels, must be something. Without a blank the
#    network has to say a label at every time, and to guess where each one ends.
#    </details>
# 2. The outputs at different times are independent given the input. What follows?
#    <details><summary>Answer</summary>
#    CTC has no model of language: after "the" it does not prefer "quick" to "kwik".
#    That is why a language model is added in the beam search. Attention models and the
#    RNN transducer condition on what was said before.
#    </details>
# 3. Why is a gamma of 0.5 at each of two times a problem for greedy decoding only?
#    <details><summary>Answer</summary>
#    At both times the blank may be a little likelier, so the likeliest path has no
#    label there. The paths with the label at one time or the other add up to more.
#    </details>
# 4. Could CTC translate?
#    <details><summary>Answer</summary>
#    Its walk along the labels is monotonic, and there are no more labels than times.
#    Translation reorders words, so it needs attention.
#    </details>
# 5. What is the loss of an empty transcript?
#    <details><summary>Answer</summary>
#    Only one path: blanks throughout. Minus the sum of the blank's log-probabilities.
#    </details>
#
# ## Go further
#
# - Label phones or letters instead of digits: `DIGITS` has them. Does it then read a
#   word it never heard in training?
# - Add a language model to the beam: digits that always come in pairs, say.
# - Next: `c5w3-trigger-word`.

# %%
# The end: this run must have reached what is known of it.
assert history["loss"][-1] < 0.5 and figures["beam"]["label_error_rate"] < 20
beam_lead = max(np.subtract(history["dev"], history["dev_beam"]))
assert beam_lead > 1  # of the errors in percent, at some time while it learns
assert placed > 80
if not lesson.fast:
    assert figures["greedy"]["label_error_rate"] < 10
    assert figures["beam"]["label_error_rate"] < 5
    assert by_noise["greedy"][0.2] > by_noise["greedy"][0.02]
lesson.finish(
    figures
    | {
        "dev_error": history["dev"][-1],
        "beam_lead": beam_lead,
        "losses": {epoch + 1: loss for epoch, loss in enumerate(history["loss"])},
        "placed": placed,
        "noise": by_noise,
        "beam_likelier": likelier,
        "greedy_misses": greedy_misses,
        "leak": leak,
        "broken": {
            "totals": totals,
            "doubled": doubled,
            "underflow": underflow,
            "without_log_softmax": without,
            "leaking": abs(leaking[0] - leaking[1]),
            "impossible": impossible,
        },
    }
)
