# %% [markdown]
# # Translating with a Transformer: dates once more
#
# Course 5, week 4. About an hour with the exercises. The script runs for a minute or
# two, with `--fast` for a few seconds.
#
# **Goal.** Week 3 read dates as people write them ("saturday may 9 2018") and wrote
# "2018-05-09", with two LSTMs and attention between them. The Transformer does it
# without any recurrence. You will
#
# - make the three things a decoder is trained with: inputs, goals, masks,
# - derive the masked cross-entropy with label smoothing, forward and backward,
# - write the learning rate of the paper and the loop that writes a translation,
# - train both networks on the same dates and compare mistakes, time and parameters,
# - look at the attention, and at what the network does with formats it never saw,
# - break it in seven ways.
#
# ## What you need
#
# `c5w4-transformer-step-by-step` for everything inside of the network, and
# `c5w3-date-translation` for the network to compare with. The course has no notebook
# for this: it ends with the layers. The paper: Vaswani et al. 2017. Its sections 3, 5.3
# (learning rate) and 5.4 (label smoothing) are the ones to read.
#
# Sentences are rows of token numbers, $(m, t)$; 0 is padding.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, optim, text
from tinygrad_dls.errors import DataError
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w4-transformer-translation")
dates = lesson.load("dates")
PAD, START, END = 0, 1, 2
human = text.Vocabulary.from_texts(dates.sources[:10_000], specials=["<pad>"])
iso = text.Vocabulary("-0123456789", specials=["<pad>", "<start>", "<end>"])
print(f"{len(dates.sources):,} dates; {len(human)} characters in, {len(iso)} out")
for written, meant in list(zip(dates.sources, dates.targets, strict=True))[:4]:
    print(f"  {written:30} {meant}")

# %% [markdown]
# ## The idea in a picture
#
# In training the decoder does not write: it is shown the right translation, shifted by
# one place, and says at *every* place what comes next. All places at once, one pass.
# Only when it is used it goes token by token.

# %%
fig, ax = plt.subplots(figsize=(10, 2.6))
shown = ["<start>", *"2018-05-09"]
wanted = [*"2018-05-09", "<end>"]
for place, (given, goal) in enumerate(zip(shown, wanted, strict=True)):
    ax.text(place, 0, given, ha="center", va="center", fontsize=11, color="tab:blue")
    ax.text(place, 1.4, goal, ha="center", va="center", fontsize=11, color="tab:green")
    ax.annotate("", (place, 1.15), (place, 0.25), arrowprops={"arrowstyle": "->"})
ax.text(-1.1, 0, "sees", ha="right", va="center", color="tab:blue")
ax.text(-1.1, 1.4, "has to say", ha="right", va="center", color="tab:green")
ax.text(5, 0.7, "decoder: each place sees itself and the places to its left",
        ha="center", va="center", bbox={"fc": "white", "ec": "gray"})
ax.set(xlim=(-2.6, 11), ylim=(-0.4, 1.8), title="teacher forcing")
ax.set_axis_off()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Label smoothing asks for less than certainty. With $\epsilon = 0.1$ and four classes
# the right class is to get $0.9 + 0.1/4 = 0.925$ and each other one $0.025$. A network
# that says exactly that has the cost
#
# $$-0.925 \log 0.925 - 3 \cdot 0.025 \log 0.025 = 0.3488,$$
#
# the least there is. One that says $0.9997, 0.0001, 0.0001, 0.0001$ has
# $-0.925 \log 0.9997 - 0.075 \log 0.0001 = 0.691$: sure of itself, and punished.

# %%
smooth = np.array([0.925, 0.025, 0.025, 0.025])
modest = -np.sum(smooth * np.log(smooth))
sure = -np.sum(smooth * np.log([0.9997, 0.0001, 0.0001, 0.0001]))
print(f"modest {modest:.4f}, sure {sure:.3f}")
assert abs(modest - 0.3488) < 1e-4 and abs(sure - 0.691) < 1e-3

# %% [markdown]
# ## The mathematics
#
# **Goals.** A translation $y_1 \dots y_n$ gives the inputs
# $(\text{start}, y_1, \dots, y_n)$ and the goals $(y_1, \dots, y_n, \text{end})$; both
# are padded on the right.
#
# **The loss.** Logits $Z$ of one place, $(k,)$, goal $g$; $P = \mathrm{softmax}(Z)$.
# The wanted chances are $q_j = (1 - \epsilon) [j = g] + \epsilon / k$.
#
# $$J = \frac1N \sum_{places\ with\ a\ goal} -\sum_j q_j \log P_j \qquad
# \frac{\partial J}{\partial Z_j} = \frac{P_j - q_j}{N} ,$$
#
# with $N$ the number of places that have a goal. At padding both are 0: it is in no
# sum.
#
# **The learning rate.** It rises while Adam's averages settle, then falls:
#
# $$\eta(s) = d^{-1/2} \min\big( s^{-1/2},\; s \cdot w^{-3/2} \big), \qquad
# s = 1, 2, \dots, \quad w \text{ steps of warm-up}.$$
#
# **Cost.** A recurrent network makes $s$ steps for a sentence of $s$ tokens, each
# waiting for the one before, and each of size $d^2$. An attention layer makes one step,
# with $s^2 d$ products. For short sentences it has less to do; always less to wait for.
#
# ## Your code
#
# **Exercise 1.** `teacher_forcing`: inputs and goals from lists of tokens.
#
# **Exercise 2.** `create_masks`: with 1 = keep. For the encoder (and the decoder's
# look at it) the padding of the source, $(m, 1, s)$; for the decoder padding *and*
# future, $(m, t, t)$.


# %%
def teacher_forcing(targets, start, end):
    """Inputs (m, t) and goals (m, t) of m lists of tokens, padded with 0."""
    length = max(len(target) for target in targets) + 1
    inputs = np.zeros((len(targets), length), np.int64)
    goals = np.zeros((len(targets), length), np.int64)
    for row, target in enumerate(targets):
        # BEGIN SOLUTION
        inputs[row, : len(target) + 1] = [start, *target]
        goals[row, : len(target) + 1] = [*target, end]
        # END SOLUTION
    return inputs, goals


def create_masks(sources, inputs):
    """Masks (m, 1, s) and (m, t, t), float32, for sources (m, s) and inputs (m, t)."""
    # BEGIN SOLUTION
    padding = (sources != 0).astype("float32")[:, None, :]  # (m, 1, s)
    ahead = np.tri(inputs.shape[1], dtype="float32")  # (t, t)
    combined = ahead * (inputs != 0)[:, None, :]  # (m, t, t)
    # END SOLUTION
    return padding, combined.astype("float32")


# %% [markdown]
# **Exercise 3.** `smoothed_loss`: the cost and its gradient with respect to the logits
# $(m, t, k)$. Goals of 0 count for nothing.
#
# **Exercise 4.** `transformer_rate`: the learning rate of the paper, for
# $s = 1, 2, ...$


# %%
def smoothed_loss(logits, goals, epsilon):
    """Cost, and dlogits (m, t, k), for logits (m, t, k) and goals (m, t)."""
    # BEGIN SOLUTION
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))  # log P
    classes = logits.shape[-1]
    q = (1 - epsilon) * np.eye(classes)[goals] + epsilon / classes  # (m, t, k)
    real = (goals != 0)[..., None]  # (m, t, 1)
    count = real.sum()
    cost = -np.sum(real * q * logs) / count
    dlogits = real * (np.exp(logs) - q) / count  # (m, t, k)
    # END SOLUTION
    return float(cost), dlogits


def transformer_rate(step, d_model, warmup):
    """The learning rate at step 1, 2, ..."""
    # BEGIN SOLUTION
    rate = d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)
    # END SOLUTION
    return rate


# %% [markdown]
# **Exercise 5.** `greedy`: the loop that writes. `score(written)` takes what is written
# so far, $(m, t)$, and gives the logits $(m, t, k)$; each row takes the likeliest next
# token. After its end token a row goes on with 0. Stop when all rows have ended, or at
# `longest` tokens. Returns what is written, without the start, $(m, t)$.
#
# **Exercise 6.** `exact_match`: percent of rows in which *every* token is right.
# Nine characters of ten is a wrong date.


# %%
def greedy(score, m, start, end, longest):
    """Written tokens (m, t), t <= longest; 0 after the end token."""
    written = np.full((m, 1), start)
    done = np.zeros(m, bool)
    for _ in range(longest):
        # BEGIN SOLUTION
        token = np.asarray(score(written))[:, -1].argmax(axis=-1)  # (m,)
        token = np.where(done, 0, token)
        written = np.concatenate([written, token[:, None]], axis=1)
        done = done | (token == end)
        if done.all():
            break
        # END SOLUTION
    return written[:, 1:]


def exact_match(written, goals):
    """Percent of rows (m, t) that equal the goals (m, t'), padded with 0."""
    # BEGIN SOLUTION
    length = max(written.shape[1], goals.shape[1])
    a, b = (np.pad(x, ((0, 0), (0, length - x.shape[1]))) for x in (written, goals))
    return 100 * float(np.mean((a == b).all(axis=1)))
    # END SOLUTION


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The table from above as logits: $\log$ of the wanted chances. Its cost is
# the least one, and its gradient is 0. And a place of padding beside it changes
# nothing.

# %%
logits = np.log(smooth)[None, None]
padded = np.concatenate([logits, [[[5.0, 1, 2, 3]]]], axis=1)
goals = np.array([[0]])
for z, g in ((np.roll(logits, 1, axis=-1), [[1]]), (np.roll(padded, 1, -1), [[1, 0]])):
    cost, dlogits = smoothed_loss(z, np.array(g), 0.1)
    print(f"cost {cost:.4f}, largest gradient {np.abs(dlogits).max():.1e}")
    assert abs(cost - modest) < 1e-12 and np.abs(dlogits).max() < 1e-12
assert teacher_forcing([[5, 6], [7]], 1, 2)[0].tolist() == [[1, 5, 6], [1, 7, 0]]
assert teacher_forcing([[5, 6], [7]], 1, 2)[1].tolist() == [[5, 6, 2], [7, 2, 0]]
peak = max(range(1, 1000), key=lambda s: transformer_rate(s, 64, 200))
print("the learning rate is largest at step", peak)
assert peak == 200

# %% [markdown]
# **Against the engine**: `F.cross_entropy` has `ignore_index` and `label_smoothing`.
# And the masks: hidden by yours or by the model, the network has to say the same. The
# model makes its masks itself; here its layers get yours.

# %%
rng = np.random.default_rng(lesson.seed)
logits = rng.standard_normal((3, 5, 7))
goals = np.array([[3, 1, 2, 0, 0], [6, 5, 4, 3, 2], [2, 0, 0, 0, 0]])
z = dls.Tensor(logits, requires_grad=True, name="logits")
engine = F.cross_entropy(
    z.reshape(-1, 7), dls.Tensor(goals.reshape(-1)), ignore_index=0, label_smoothing=0.1
)
engine.backward()
cost, dlogits = smoothed_loss(logits, goals, 0.1)
assert abs(engine.item() - cost) < 1e-12
assert dls.compare("dlogits", dlogits, z.grad).ok


def make_transformer(seed, sizes=(64, 4, 1, 128), dropout=0.0):
    """A Transformer for dates: features, heads, layers, width of the small networks."""
    dls.manual_seed(seed)
    d, heads, layers, width = sizes
    return models.transformer(
        len(human), len(iso), d_model=d, nhead=heads, num_layers=layers,
        dim_feedforward=width, dropout=dropout, max_length=30,
    )


def encode(texts):
    """Dates as rows of numbers (m, s), padded with 0."""
    return text.pad([human.encode(date) for date in texts])[0]


network = make_transformer(lesson.seed)
few = encode(dates.sources[:5])
inputs, goals = teacher_forcing([iso.encode(t).tolist() for t in dates.targets[:5]],
                                START, END)
padding, combined = create_masks(few, inputs)
heads = network.transformer.nhead
with dls.no_grad():
    x = network.positions(network.src_embed(dls.Tensor(few)) * network.scale)
    hidden = np.repeat(padding.repeat(few.shape[1], 1) == 0, heads, axis=0)
    memory = network.transformer.encoder(x, mask=dls.Tensor(hidden))
    y = network.positions(network.tgt_embed(dls.Tensor(inputs)) * network.scale)
    y = network.transformer.decoder(
        y, memory, dls.Tensor(np.repeat(combined == 0, heads, axis=0)),
        dls.Tensor(np.repeat(padding.repeat(inputs.shape[1], 1) == 0, heads, axis=0)),
    )
    mine, theirs = network.output(y).numpy(), network(few, inputs).numpy()
print(f"with your masks and with the model's: {np.abs(mine - theirs).max():.1e} apart")
assert np.abs(mine - theirs).max() < 1e-4

# %% [markdown]
# **Numerically.**

# %%
report = check.check_gradients(
    lambda p: smoothed_loss(p["logits"], np.array([[3, 1, 2, 0, 0]]), 0.1)[0],
    {"logits": logits[:1]},
    {"dlogits": smoothed_loss(logits[:1], np.array([[3, 1, 2, 0, 0]]), 0.1)[1]},
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Both stacks of a small network, layer by layer: the decoder's second attention is
# where the two meet.

# %%
tiny = make_transformer(lesson.seed, (8, 2, 1, 16))
with dls.trace():
    loss = F.cross_entropy(
        tiny(few, inputs).reshape(-1, len(iso)), dls.Tensor(goals.reshape(-1))
    )
    loss.backward()
graph = dls.graph(loss, tiny)
lesson.graph(graph, "graph", depth=3)
print(f"parameters of the network to train: "
      f"{sum(p.size for p in network.parameters()):,}")

# %% [markdown]
# ## Train
#
# 10,000 dates for training, 500 to choose settings, 1,500 held out: the figure is of
# those alone. Sizes, number of epochs and the factor on the learning rate were chosen
# on the 500. The other network is the one of week 3, `models.DateNetwork`: an LSTM in
# both directions, attention, an LSTM. It gets the same dates in the same batches.

# %%
sources_all = encode(dates.sources)  # (12000, s)
inputs_all, goals_all = teacher_forcing(
    [iso.encode(t).tolist() for t in dates.targets], START, END
)
n, WARMUP = (3_000, 50) if lesson.fast else (10_000, 200)
dev_part = slice(10_000, 10_500)
test_part = slice(10_500, 10_800 if lesson.fast else 12_000)


def write(network, sources):
    """Translations (m, t) by your loop."""
    with dls.no_grad():
        memory, hidden = network.encode(dls.Tensor(sources))
        return greedy(
            lambda written: network.decode(dls.Tensor(written), memory, hidden).numpy(),
            len(sources), START, END, goals_all.shape[1],
        )


def score(network, part):
    """Percent of dates of a part that are exactly right."""
    return exact_match(write(network, sources_all[part]), goals_all[part])


def batches(count, epochs, label):
    """Places of 100 dates each, in a new order every epoch."""
    order = np.random.default_rng(lesson.seed)
    for epoch in lesson.progress(range(epochs), label, "epochs"):
        shuffled = order.permutation(count)
        for i in range(0, count, 100):
            yield epoch, shuffled[i : i + 100]


def falling_rate(s, steps, factor=0.5, warmup=WARMUP):
    """The rate of the paper after s steps, times a line that reaches 0 at the end."""
    return factor * transformer_rate(s + 1, 64, warmup) * (1 - s / steps)


def train(network, epochs, warmup=WARMUP, factor=0.5, epsilon=0.1, inputs=None,
          label="Transformer"):
    """Train; returns {epoch: loss, dev exact match}, and CPU seconds."""
    given = inputs_all if inputs is None else inputs
    optimizer = optim.Adam(network.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
    steps = epochs * n // 100
    rate = optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: falling_rate(s, steps, factor, warmup)
    )

    def step(src, tgt, goals):
        optimizer.zero_grad()
        logits = network(src, tgt)
        loss = F.cross_entropy(logits.reshape(-1, len(iso)), goals.reshape(-1),
                               ignore_index=PAD, label_smoothing=epsilon)
        loss.backward()
        optimizer.step()
        return loss

    fast_step, history, seconds = dls.capture(step), {}, 0.0
    losses, last = [], 0
    for epoch, places in batches(n, epochs, label):
        if epoch != last:
            history[last] = (float(np.mean(losses)), score(network, dev_part))
            losses, last = [], epoch
        begun = time.process_time()
        parts = (a[places] for a in (sources_all, given, goals_all))
        losses.append(fast_step(*map(dls.Tensor, parts)).item())
        rate.step()
        seconds += time.process_time() - begun
    history[last] = (float(np.mean(losses)), score(network, dev_part))
    return history, seconds


epochs = 7 if lesson.fast else 12
history, seconds = train(network, epochs)
transformer_exact = score(network, test_part)
for epoch, (loss, exact) in history.items():
    print(f"epoch {epoch + 1:2}: loss {loss:.4f}, dev {exact:5.1f} % exact")
print(f"Transformer: {transformer_exact:.2f} % of held-out dates exact")

# %% [markdown]
# And the network of week 3.

# %%
dls.manual_seed(lesson.seed)
recurrent = models.DateNetwork(len(human), 11)  # it has no start, end or padding
ISO = len(iso) - 11  # numbers of its 11 characters begin at 0
padded_sources = np.pad(sources_all, ((0, 0), (0, 30 - sources_all.shape[1])))
recurrent_goals = goals_all[:, :10] - ISO
recurrent_epochs = 1 if lesson.fast else 10
recurrent_optimizer = optim.Adam(recurrent.parameters(), lr=1e-2)
one_cycle = optim.lr_scheduler.OneCycleLR(
    recurrent_optimizer, 1e-2, total_steps=recurrent_epochs * n // 100
)


@dls.capture
def recurrent_step(src, goals):
    """One step of the network of week 3."""
    recurrent_optimizer.zero_grad()
    loss = F.cross_entropy(recurrent(src).reshape(-1, 11), goals.reshape(-1))
    loss.backward()
    recurrent_optimizer.step()
    return loss


def recurrent_exact(part):
    """Percent of dates of a part that are exactly right."""
    with dls.no_grad():
        written = recurrent(dls.Tensor(padded_sources[part])).numpy().argmax(axis=-1)
    return exact_match(written, recurrent_goals[part])


recurrent_history, recurrent_seconds, last = {}, 0.0, 0
for epoch, places in batches(n, recurrent_epochs, "attention + LSTM"):
    if epoch != last:
        recurrent_history[last], last = recurrent_exact(dev_part), epoch
    begun = time.process_time()
    parts = (a[places] for a in (padded_sources, recurrent_goals))
    recurrent_step(*map(dls.Tensor, parts))
    one_cycle.step()
    recurrent_seconds += time.process_time() - begun
recurrent_history[last] = recurrent_exact(dev_part)
lstm_exact = recurrent_exact(test_part)
lesson.table(
    ["", "parameters", "epochs", "CPU seconds", "held-out dates exact %"],
    [
        ["Transformer", f"{sum(p.size for p in network.parameters()):,}", epochs,
         f"{seconds:.0f}", f"{transformer_exact:.2f}"],
        ["attention + LSTM", f"{sum(p.size for p in recurrent.parameters()):,}",
         recurrent_epochs, f"{recurrent_seconds:.0f}", f"{lstm_exact:.2f}"],
    ],
)

# %% [markdown]
# The Transformer read 99.7 and 99.9 % with the two seeds tried. The other network
# depends on luck: with seed 1 it reads 99.5 %, with seed 2 it was still at 10.9 % after
# the same ten epochs. Compare means over several seeds before you call one of two
# networks the better.

# %% [markdown]
# ## Look at it
#
# The decoder's second attention, for one date: which characters does it look at while
# it writes each character of the year, the month and the day? (`need_weights=True`
# makes the layer return them.)


# %%
def attention_map(network, source, tokens):
    """Weights (t, s) of the decoder's look at the source, mean of the heads."""
    layer = network.transformer.decoder.layers[0]
    with dls.no_grad():
        memory, hidden = network.encode(dls.Tensor(source))
        x = network.positions(network.tgt_embed(dls.Tensor(tokens)) * network.scale)
        later = dls.Tensor(~np.tri(tokens.shape[1], dtype=bool))
        own = layer.self_attn(x, x, x, attn_mask=later, need_weights=False)[0]
        x = layer.norm1(x + own)
        _, weights = layer.multihead_attn(x, memory, memory, key_padding_mask=hidden)
    return weights.numpy()[0]


examples = {"saturday may 9 2018": "2018-05-09", "3 feb 99": "1999-02-03"}
maps = {}
fig, axes = plt.subplots(1, 2, figsize=(13, 4.6))
for ax, (date, right) in zip(axes, examples.items(), strict=True):
    source = encode([date])
    answer = write(network, source)
    tokens = np.concatenate([[[START]], answer[:, :-1]], axis=1)
    maps[date] = attention_map(network, source, tokens)
    says = [c if c != "<end>" else "end" for c in iso.lookup(answer[0])]
    wrong = "" if iso.decode(answer[0]) == right else f" (wrong: {right} is right)"
    ax.imshow(maps[date], cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(len(date)), list(date))
    ax.set_yticks(range(len(says)), says)
    ax.set(title=f"{date!r} -> {iso.decode(answer[0])}{wrong}", xlabel="looks at")
axes[0].set_ylabel("writes")
fig.tight_layout()
lesson.figure(fig, "attention")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6))
left.plot([e + 1 for e in history], [h[1] for h in history.values()], "o-",
          label="Transformer")
left.plot([e + 1 for e in recurrent_history], list(recurrent_history.values()), "s-",
          label="attention + LSTM")
left.set(xlabel="epoch", ylabel="dev dates exact %", title="learning", ylim=(0, 102))
left.legend(loc="lower right")
steps = epochs * n // 100
right.plot([0.5 * transformer_rate(s + 1, 64, WARMUP) for s in range(steps)], "--",
           label="the paper's, halved")
right.plot([falling_rate(s, steps) for s in range(steps)], label="ours: to 0")
right.set(xlabel="step", ylabel="learning rate", title="warm-up")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "learning")

written = write(network, sources_all[test_part])
wrong = [i for i, (a, b) in enumerate(zip(written, goals_all[test_part], strict=True))
         if not np.array_equal(a, b[: len(a)])]
print(f"{len(wrong)} wrong dates of {len(written)}:")
for i in wrong[:5]:
    place = test_part.start + i
    print(f"  {dates.sources[place]:30} {iso.decode(written[i]):10} for "
          f"{dates.targets[place]}")

# %% [markdown]
# **Beam search** finds nothing here that the greedy loop does not: the network is sure
# of each character. And **formats it never saw**: it has learned what it was shown, no
# more.

# %%
sample = sources_all[test_part][:100]
beam = network.translate(sample, START, END, max_length=11, beam_width=4)
same = np.mean([hypothesis.tokens == tuple(row[: len(hypothesis.tokens)])
                for hypothesis, row in zip(beam, written, strict=False)])
print(f"beam of 4 and greedy agree on {100 * same:.0f} %")
new_forms = {"2018.05.09": "2018-05-09", "09 2018 may": "2018-05-09",
             "year 2018 may 9": "2018-05-09", "may the 9 of 2018": "2018-05-09"}
unseen = {date: iso.decode(write(network, encode([date]))[0]) for date in new_forms}
for date, says in unseen.items():
    print(f"  {date:20} {says} {'right' if says == new_forms[date] else 'wrong'}")

# %% [markdown]
# ## Break it
#
# **1. Inputs that are not shifted.** The decoder sees at each place the very token it
# has to say. The loss goes to its least value, and by itself it writes nonsense. A high
# loss is honest; a loss that falls too fast is a warning.

# %%
cheat = make_transformer(lesson.seed)
short = 2 if lesson.fast else 3
cheat_history, _ = train(cheat, short, inputs=goals_all, label="not shifted")
print(f"loss {cheat_history[short - 1][0]:.3f} in training, "
      f"{score(cheat, test_part):.1f} % exact by itself")
cheat_exact = score(cheat, test_part)
assert cheat_exact < 5 and cheat_history[short - 1][0] < history[short - 1][0]

# %% [markdown]
# **2. Padding that is seen.** Take the mask of the source away, and the answer depends
# on how long the *longest* date of the batch is. A test that needs no training: pad
# more, compare.

# %%
wider = np.pad(few, ((0, 0), (0, 30 - few.shape[1])))
with dls.no_grad():
    def output(sources, seen):
        """Logits for the five dates, their padding hidden or seen."""
        memory, hidden = network.encode(dls.Tensor(sources))
        if seen:  # WRONG: nothing is hidden
            x = network.src_embed(dls.Tensor(sources)) * network.scale
            memory = network.transformer.encoder(network.positions(x))
            hidden = None
        return network.decode(dls.Tensor(inputs), memory, hidden).numpy()

    leak = {seen: float(np.abs(output(few, seen) - output(wider, seen)).max())
            for seen in (False, True)}
print(f"more padding moves the logits by {leak[False]:.1e}; where it is seen by "
      f"{leak[True]:.2f}")
assert leak[False] < 1e-3 < 0.1 < leak[True]

# %% [markdown]
# **3. The mean over all places**, padding too. The cost of a batch then depends on its
# padding; the gradient is smaller by the share of real places, and the comparison says
# by how much.

# %%
cost, dlogits = smoothed_loss(logits, np.array([[3, 1, 2, 0, 0], [6, 5, 4, 3, 2],
                                                [2, 0, 0, 0, 0]]), 0.1)
verdict = dls.compare("dlogits", dlogits * 9 / 15, z.grad)  # WRONG: 15 places, not 9
assert not verdict.ok

# %% [markdown]
# **4. Smoothing in the cost, not in the gradient**: $P - [j = g]$ is the gradient of
# the plain cross-entropy.

# %%
hard = smoothed_loss(logits[:1], np.array([[3, 1, 2, 0, 0]]), 0.0)[1]  # WRONG
report = check.check_gradients(
    lambda p: smoothed_loss(p["logits"], np.array([[3, 1, 2, 0, 0]]), 0.1)[0],
    {"logits": logits[:1]}, {"dlogits": hard},
)
print(report)
assert not report.ok

# %% [markdown]
# **5. Fifty times the learning rate.** The loss stays at that of a network which knows
# how often each character comes, and nothing about the date.

# %%
wild = make_transformer(lesson.seed)
wild_history, _ = train(wild, short, factor=25.0, label="rate x 50")
print(f"loss {wild_history[short - 1][0]:.3f}, with the right rate "
      f"{history[short - 1][0]:.3f}")
assert wild_history[short - 1][0] > history[short - 1][0] + 0.1

# %% [markdown]
# **6. Another vocabulary.** Weights belong to the vocabulary they were trained with.
# One character more, and the tables do not fit: the loader says which and how. Were the
# *size* equal, nothing would: the same numbers would just mean other characters. Save
# both together.

# %%
try:
    models.transformer(len(human) + 1, len(iso), d_model=64, nhead=4, num_layers=1,
                       dim_feedforward=128, weights=network.state_dict())
except dls.ShapeError as error:
    print(*str(error).splitlines()[1:3], sep="\n")
    refused = "src_embed" in str(error)
assert refused

# %% [markdown]
# **7. Input that cannot be read**: a character nobody knows, an empty text, a text
# longer than the context. Each is refused with a sentence, before anything is computed.

# %%
messages = []
for date in ("9 мая 2018", "", "the ninth day of the month of may 2018"):
    try:
        if not date:
            write(network, np.zeros((1, 0), np.int64))
        else:
            write(network, encode([date]))
    except DataError as error:
        messages.append(str(error).splitlines()[0])
        print(f"{date!r}: {messages[-1][:90]}")
assert len(messages) == 3

# %% [markdown]
# ## Recap
#
# - Training sees the right translation, shifted by one, and all places at once. Use is
#   token by token.
# - Padding is hidden in the attention *and* left out of the loss, and out of its count.
# - Label smoothing asks for $1 - \epsilon + \epsilon/k$: the least loss is not 0.
# - The learning rate rises first. With the norm behind the sum, the first steps decide.
# - Count exact results; a date with one wrong digit is another day.
# - Both networks read dates. What the Transformer gains is time: no step waits.
#
# ## Questions
#
# 1. What is the least loss with $\epsilon = 0.1$ and 14 tokens?
#    <details><summary>Answer</summary>
#    The entropy of the wanted chances: 0.907 for the right one, 0.00714 for each of 13:
#    about 0.55.
#    </details>
# 2. Why may the decoder's padding be left unmasked, and the encoder's not?
#    <details><summary>Answer</summary>
#    The decoder's padding comes after all real tokens, and the look-ahead mask hides
#    what comes after. The encoder sees everything: there padding must be hidden.
#    </details>
# 3. Why does week 3's network need no start token?
#    <details><summary>Answer</summary>
#    It is not shown what it wrote. It always makes ten steps of its own state.
#    </details>
# 4. The network is right on 99.5 % of 1,500 dates. How sure is that?
#    <details><summary>Answer</summary>
#    The deviation of the share is sqrt(.995 * .005 / 1500) = 0.18 points.
#    </details>
#
# ## Go further
#
# - Sentences in place of dates: the set `sentence-pairs` of
#   `c5w3-language-translation`.
# - Leave one format out of the training set: does the network read it all the same?
# - Next: `c5w4-named-entities`.

# %%
# The end: this run must have reached what is known of it.
if not lesson.fast:
    assert transformer_exact >= 98
assert transformer_exact > (15 if lesson.fast else 98)
lesson.finish(
    {
        "transformer": {"exact_match": transformer_exact, "seconds": seconds},
        "attention_lstm": {"exact_match": lstm_exact, "seconds": recurrent_seconds},
        "exact_match": transformer_exact,
        "losses": {epoch + 1: loss for epoch, (loss, _) in history.items()},
        "unseen_formats": unseen,
        "broken": {"not_shifted": cheat_exact, "leak": {str(k): v for k, v in
                                                        leak.items()},
                   "wild": wild_history[short - 1][0]},
    }
)
