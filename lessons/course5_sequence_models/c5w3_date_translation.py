# %% [markdown]
# # Date translation: a network that looks back at what it reads
#
# Course 5, week 3. About 80 minutes with the exercises. The full run trains on 10,000
# dates, twice, and takes about 80 seconds of one core; with `--fast` it takes seconds,
# and learns little.
#
# **Goal.** People write dates in many ways, machines in one. A network should read
# "saturday may 9 2018" and write "2018-05-09". For each character that it writes it
# looks back at the whole date and decides *where* to look: attention. You will
#
# - write `one_step_attention` forward, and take its gradient back by hand,
# - build the course's network and count its parameters in two ways,
# - load the course's weights, and see why 7 of its nine dates come out right with one
#   sigmoid and 8 with another,
# - train it from scratch until it reads 98 of 100 new dates, and a Transformer beside,
# - draw where it looks, and break it in six ways.
#
# ## What you need
#
# `c5w1-rnn-step-by-step` for the LSTM cell. It answers the course's notebook "Neural
# Machine Translation with Attention" (2017 and 2021): names and shapes are the
# course's, examples are the first axis, $(m, T_x, \cdot)$. The course's weights are in
# its file `models/model.h5`; without it that one section is left out.

# %%
import datetime

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w3-date-translation")
try:
    weights_file = lesson.load("date-translation").files[0]
except dls.DataError as reason:  # the course's weights are not here
    weights_file = None
    print(f"without the course's weights: {reason}")
dates = lesson.load("dates")
Tx, Ty = 30, 10
human_vocab = {c: i for i, c in enumerate(" ./0123456789abcdefghijlmnoprstuvwy")}
human_vocab |= {"<unk>": 35, "<pad>": 36}  # no k, q, x, z: English dates have none
machine_vocab = {c: i for i, c in enumerate("-0123456789")}
for human, machine in list(zip(dates.sources, dates.targets, strict=True))[:5]:
    print(f"{human:28s} {machine}")

# %% [markdown]
# ## The idea in a picture
#
# Each character of the answer needs a few characters of the question. The first four
# come from the year, whose place depends on how long the month's name is; "05" comes
# from the letters "may", and the weekday is of no use. A network that squeezes the
# date into one vector must remember all of it. One that looks back needs to know only
# where to look next.

# %%
question, answer = "saturday may 9 2018", "2018-05-09"
lines = [(15, 0), (16, 1), (17, 2), (18, 3), (9, 5), (10, 6), (11, 6), (13, 8), (13, 9)]
fig, ax = plt.subplots(figsize=(9, 2.8))
for place, character in enumerate(question):
    ax.text(place, 1, character, ha="center", va="bottom", fontsize=15)
for place, character in enumerate(answer):
    ax.text(place + 4.5, 0, character, ha="center", va="top", fontsize=15)
for above, below in lines:
    ax.plot([above, below + 4.5], [0.97, 0.03], color="tab:blue", alpha=0.6)
ax.set(xlim=(-1, 19.5), ylim=(-0.35, 1.35), title="What each character is read off")
ax.axis("off")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Three places with the activations $a = (1, 0), (0, 1), (1, 1)$, and the energies
# $e = (0, \log 2, 0)$, a measure of how useful each place is now. Softmax over the
# *places* makes shares of them: $\alpha = (1, 2, 1)/4$. The context is their average:
#
# $$context = \tfrac14 (1, 0) + \tfrac12 (0, 1) + \tfrac14 (1, 1) = (0.5, 0.75) .$$
#
# Back, for $J = $ the first number of the context: $d\alpha = (1, 0, 1)$, which is $a$
# there. If all shares rose alike, they would not change: only differences from the mean
# count, $\sum \alpha\, d\alpha = 0.5$, so
# $de = \alpha (d\alpha - 0.5) = (0.125, -0.25, 0.125)$. They add up to 0.

# %%
a_three = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
shares = np.array([1, 2, 1]) / 4
print("context", shares @ a_three)
de_three = shares * (a_three[:, 0] - shares @ a_three[:, 0])
print("de", de_three)
assert np.allclose(shares @ a_three, [0.5, 0.75])
assert np.allclose(de_three, [0.125, -0.25, 0.125])

# %% [markdown]
# ## The mathematics
#
# A bidirectional LSTM reads the date: $a^{<t'>} = [\overrightarrow a, \overleftarrow
# a]$, $2 n_a = 64$ numbers for each of the $T_x = 30$ places. A second LSTM writes,
# $n_s = 64$. Before it writes character $t$ it asks each place, with its state $s$:
#
# | forward | shape |
# |---|---|
# | $concat = [a, s^{<t-1>}]$, $s$ at each place | $(m, T_x, 2 n_a + n_s)$ |
# | $e = \tanh(concat\, W_1 + b_1)$ | $(m, T_x, 10)$ |
# | $energies = \max(0, e\, W_2 + b_2)$ | $(m, T_x, 1)$ |
# | $\alpha = \mathrm{softmax}(energies)$ over the places | $(m, T_x, 1)$ |
# | $context = \sum_{t'} \alpha^{<t'>} a^{<t'>}$ | $(m, 1, 2 n_a)$ |
#
# Then $s, c = \mathrm{LSTM}(context, s, c)$, and a softmax over 11 characters of $s
# W_y + b_y$. The character itself does not go back in: the course's network writes all
# ten independently, given the states.
#
# **Backward**, last line first. $a$ is used twice, so its gradient has two parts.
#
# $$
# d\alpha^{<t'>} = dcontext \cdot a^{<t'>}, \qquad
# da^{<t'>} = \alpha^{<t'>} dcontext + \ldots
# $$
# $$
# denergies^{<t'>} = \alpha^{<t'>} \Big( d\alpha^{<t'>} - \sum_u \alpha^{<u>}
# d\alpha^{<u>} \Big)
# $$
#
# through ReLU, $W_2$, $\tanh$ ($1 - e^2$) and $W_1$ as you know it. $dconcat$ falls
# into two: its first $2 n_a$ columns are the rest of $da$; its last $n_s$ belong to
# $s$, which was copied to all places, so $ds = \sum_{t'}$ of them.
#
# **Parameters**, as Keras counts: LSTM $2 \cdot 4 \cdot 32 (37 + 32 + 1) = 17{,}920$,
# attention $128 \cdot 10 + 10 + 10 + 1 = 1{,}301$, LSTM $4 \cdot 64 (64 + 64 + 1) =
# 33{,}024$, output $64 \cdot 11 + 11 = 715$; together **52,960**. PyTorch, and we,
# have two biases in each gate that do the work of one: 512 more, **53,472**.
#
# ## Your code
#
# **Exercise 1.** A date as numbers: lower-case, commas out, at most `length`
# characters, "&lt;unk&gt;" for a strange one, "&lt;pad&gt;" behind.
#
# **Exercise 2.** `one_step_attention`, forward. `parameters` has `W1`, `b1`, `W2`,
# `b2`. Keep what the way back needs.
#
# **Exercise 3.** The same backward: `da`, `ds_prev` and the four gradients.
#
# **Exercise 4.** `modelf`: the loop over the $T_y$ characters. `lstm_cell` and
# `softmax` are there.
#
# **Exercise 5.** The gate of old: `hard_sigmoid`, and its slope.


# %%
def string_to_int(string, length, vocab):
    """The numbers of a date's characters, a list of `length`."""
    if not string.strip():
        raise dls.DataError("the date is empty: write one, such as 3 May 1979")
    # BEGIN SOLUTION
    string = string.lower().replace(",", "")[:length]
    numbers = [vocab.get(character, vocab["<unk>"]) for character in string]
    numbers += [vocab["<pad>"]] * (length - len(numbers))
    # END SOLUTION
    return numbers


def softmax(x, axis=-1):
    """e^x over its sum along the axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_step_attention(a, s_prev, parameters):
    """context (m, 1, 2 n_a) and the cache, from a (m, Tx, 2 n_a), s_prev (m, n_s)."""
    W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    m, Tx, n_s = a.shape[0], a.shape[1], s_prev.shape[1]
    # BEGIN SOLUTION
    repeated = np.broadcast_to(s_prev[:, None], (m, Tx, n_s))  # (m, Tx, n_s)
    concat = np.concatenate([a, repeated], axis=2)  # (m, Tx, 2 n_a + n_s)
    e = np.tanh(concat @ W1 + b1)  # (m, Tx, 10)
    energies = np.maximum(0, e @ W2 + b2)  # (m, Tx, 1)
    alphas = softmax(energies, axis=1)  # (m, Tx, 1), over the places
    context = np.sum(alphas * a, axis=1, keepdims=True)  # (m, 1, 2 n_a)
    # END SOLUTION
    return context, (a, concat, e, energies, alphas)


def one_step_attention_backward(dcontext, cache, parameters):
    """{"da", "ds_prev", "dW1", "db1", "dW2", "db2"} from dcontext (m, 1, 2 n_a)."""
    a, concat, e, energies, alphas = cache
    W1, W2, n = parameters["W1"], parameters["W2"], a.shape[2]
    # BEGIN SOLUTION
    dalphas = np.sum(dcontext * a, axis=2, keepdims=True)  # (m, Tx, 1)
    mean = np.sum(alphas * dalphas, axis=1, keepdims=True)  # (m, 1, 1)
    denergies = alphas * (dalphas - mean) * (energies > 0)  # (m, Tx, 1)
    de = (denergies @ W2.T) * (1 - e**2)  # (m, Tx, 10)
    dconcat = de @ W1.T  # (m, Tx, 2 n_a + n_s)
    grads = {
        "da": alphas * dcontext + dconcat[:, :, :n],  # (m, Tx, 2 n_a)
        "ds_prev": np.sum(dconcat[:, :, n:], axis=1),  # (m, n_s)
        "dW1": np.einsum("mti,mtj->ij", concat, de),  # (2 n_a + n_s, 10)
        "db1": np.sum(de, axis=(0, 1)),  # (10,)
        "dW2": np.einsum("mti,mtj->ij", e, denergies),  # (10, 1)
        "db2": np.sum(denergies, axis=(0, 1)),  # (1,)
    }
    # END SOLUTION
    return grads


def sigmoid(x):
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def lstm_cell(x, s_prev, c_prev, parameters, gate=sigmoid):
    """s, c (m, n_s) after one step; gates i, f, g, o side by side in W (n_x + n_s)."""
    z = np.concatenate([x, s_prev], axis=1) @ parameters["W"] + parameters["b"]
    i, f, g, o = np.split(z, 4, axis=1)
    c = gate(f) * c_prev + gate(i) * np.tanh(g)
    return gate(o) * np.tanh(c), c


def modelf(a, s0, c0, Ty, parameters):
    """Probabilities (m, Ty, letters) and alphas (m, Ty, Tx), from a (m, Tx, 2 n_a)."""
    s, c, outputs, looks = s0, c0, [], []
    for _ in range(Ty):
        # BEGIN SOLUTION
        context, cache = one_step_attention(a, s, parameters)
        s, c = lstm_cell(context[:, 0], s, c, parameters)  # (m, n_s), both
        outputs.append(softmax(s @ parameters["Wy"] + parameters["by"]))
        looks.append(cache[4][:, :, 0])  # (m, Tx)
        # END SOLUTION
    return np.stack(outputs, axis=1), np.stack(looks, axis=1)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), and its slope; both have x's shape."""
    # BEGIN SOLUTION
    value = np.clip(0.2 * x + 0.5, 0, 1)
    slope = 0.2 * ((value > 0) & (value < 1))
    # END SOLUTION
    return value, slope


print(string_to_int("3 May, 1979", 14, human_vocab))
assert string_to_int("3 May, 1979", 10, human_vocab)[-4:] == [4, 12, 10, 12]

# %% [markdown]
# ## Check it three ways
#
# **By hand.** With $W_1 = 0$ and $b_1 = 0$ all energies are equal, so attention is the
# plain average over the places. And whatever the weights are, the shares of a date add
# up to 1. ($b_2$ is set so that the ReLU cuts off half of the energies. If it cut off
# none of a date, $b_2$ would raise all alike, softmax would not notice: $db_2 = 0$.)

# %%
rng = np.random.default_rng(lesson.seed)


def draw_parameters(n, n_s, hidden, letters, scale=0.7):
    """Random parameters for activations of n numbers and a state of n_s."""
    shapes = {
        "W1": (n + n_s, hidden), "b1": (hidden,), "W2": (hidden, 1), "b2": (1,),
        "W": (n + n_s, 4 * n_s), "b": (4 * n_s,),
        "Wy": (n_s, letters), "by": (letters,),
    }  # fmt: skip
    return {k: scale * rng.standard_normal(shape) for k, shape in shapes.items()}


small = draw_parameters(4, 3, 5, 6)
a_small = rng.standard_normal((2, 7, 4))  # two dates of seven places
s_small = 0.2 * rng.standard_normal((2, 3))
blind = small | {"W1": np.zeros((7, 5)), "b1": np.zeros(5)}
context, cache = one_step_attention(a_small, s_small, blind)
assert np.allclose(context[:, 0], a_small.mean(axis=1))
_, cache = one_step_attention(a_small, s_small, small | {"b2": np.zeros(1)})
small["b2"] = -np.median(cache[2] @ small["W2"], keepdims=True)[0, 0]  # (1,)
context, cache = one_step_attention(a_small, s_small, small)
assert np.allclose(cache[4].sum(axis=1), 1)
print(f"{np.mean(cache[3] == 0):.0%} of the energies are cut off by the ReLU")
print("shares of the first date", cache[4][0, :, 0].round(3))

# %% [markdown]
# **Against the engine.** The same formulas on tensors, $J = \sum R * context$ with
# random $R$; each of the six gradients must agree.


# %%
def context_by_engine(a, s_prev, W1, b1, W2, b2):
    """The same as one_step_attention, on tensors."""
    repeated = dls.broadcast_to(s_prev[:, None], (*a.shape[:2], s_prev.shape[1]))
    e = dls.tanh(dls.concatenate([a, repeated], 2) @ W1 + b1)
    alphas = F.softmax(dls.relu(e @ W2 + b2), axis=1)
    return (alphas * a).sum(axis=1, keepdims=True)


attention_names = ("W1", "b1", "W2", "b2")
point = {"a": a_small, "s_prev": s_small} | {k: small[k] for k in attention_names}
tensors = {
    name: dls.Tensor(value, requires_grad=True, name=name)
    for name, value in point.items()
}
R = rng.standard_normal(context.shape)
J = (context_by_engine(**tensors) * dls.Tensor(R)).sum()
J.backward()
grads = one_step_attention_backward(R, cache, small)
for name, tensor in tensors.items():
    assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok

# %% [markdown]
# **Numerically**, each number nudged up and down.


# %%
def cost_of(p):
    """J as a function of a, s_prev and the parameters."""
    return float(np.sum(R * one_step_attention(p["a"], p["s_prev"], p)[0]))


report = check.check_gradients(cost_of, point, grads)
print(report)
assert report.ok

# %% [markdown]
# And the whole network: `modelf` with the parameters of `models.DateNetwork`, which has
# PyTorch's layout (out, in) and two biases. It does not join $[a, s]$: $concat\, W_1$
# is $a W_a + s W_s$, and $a W_a$ is the same at every step, so it is computed once.


# %%
def hand_parameters(network):
    """The parameters that modelf takes, out of a network of the engine."""
    p = {name: value.numpy() for name, value in network.state_dict().items()}
    W = np.concatenate([p["post.weight_ih_l0"], p["post.weight_hh_l0"]], axis=1).T
    return {
        "W1": p["attend1.weight"].T, "b1": p["attend1.bias"],
        "W2": p["attend2.weight"].T, "b2": p["attend2.bias"],
        "W": W, "b": p["post.bias_ih_l0"] + p["post.bias_hh_l0"],
        "Wy": p["output.weight"].T, "by": p["output.bias"],
    }  # fmt: skip


dls.manual_seed(lesson.seed)
network = models.DateNetwork().double()
some = np.array([string_to_int(text, Tx, human_vocab) for text in dates.sources[:4]])
a_some, (zeros, _) = network.encode(some)
by_hand, looks = modelf(
    a_some.numpy(), zeros.numpy(), zeros.numpy(), Ty, hand_parameters(network)
)
with dls.no_grad():
    by_engine = F.softmax(network(some), axis=-1).numpy()
    engine_looks = network.attend(some).numpy()
print("by hand and engine differ by", np.abs(by_hand - by_engine).max())
assert np.abs(by_hand - by_engine).max() < 1e-12
assert np.abs(looks - engine_looks).max() < 1e-12
counts = (sum(p.size for p in network.parameters()), models.keras_parameters(network))
print("parameters with two biases and with one:", counts)
assert counts == (53_472, 52_960)

# %% [markdown]
# ## See the graph
#
# One step for one date of three places. `a` has two arrows: it is asked (through the
# concatenation), and it is what is averaged. The printed link opens `graph.html` at the
# step that adds the second gradient to the first.

# %%
with dls.trace():
    tiny = {
        name: dls.Tensor(value[:1, :3] if name == "a" else value[:1]
                         if name == "s_prev" else value, requires_grad=True, name=name)
        for name, value in point.items()
    }  # fmt: skip
    J = context_by_engine(**tiny).sum()
    J.backward()
graph = dls.graph(J, names={"J": J})
lesson.graph(graph, "graph", steps={"both gradients of a, added": "a"})
print(graph)
graph

# %% [markdown]
# ## Train
#
# ### The course's weights
#
# The notebook loads a network that was trained for longer. Its nine dates (eight in a
# list, one in the attention map), through our layers. Twice: once with the LSTM's
# gates as everyone writes them now, $\sigma(x) = 1/(1 + e^{-x})$, and once with Keras's
# gate before version 2.3, a cheap line, $\mathrm{clip}(0.2 x + 0.5, 0, 1)$. The
# weights were trained with the line; the 2021 notebook runs them in a newer Keras
# whose LSTM has the curve, and prints "1979-05-33".

# %%
EXAMPLES = {
    "3 May 1979": "1979-05-03",
    "5 April 09": "2009-04-05",
    "21th of August 2016": "2016-08-21",
    "Tue 10 Jul 2007": "2007-07-10",
    "Saturday May 9 2018": "2018-05-09",
    "March 3 2001": "2001-03-03",
    "March 3rd 2001": "2001-03-03",
    "1 March 2001": "2001-03-01",
    "Tuesday 09 Oct 1993": "1993-10-09",
}


def read_dates(network, texts):
    """What the network writes for each date, by greedy search."""
    numbers = np.array([string_to_int(text, Tx, human_vocab) for text in texts])
    letters = list(machine_vocab)
    found = network.translate(numbers)
    return ["".join(letters[i] for i in hypothesis.tokens) for hypothesis in found]


x = np.linspace(-5, 5, 201)
fig, ax = plt.subplots(figsize=(6, 3.6))
ax.plot(x, sigmoid(x), label="sigmoid")
ax.plot(x, hard_sigmoid(x)[0], label="hard sigmoid, clip(0.2 x + 0.5, 0, 1)")
ax.set(xlabel="x", ylabel="gate", title="Two gates that differ by 0.08 at most")
ax.legend(loc="lower right")
ax.grid(alpha=0.3)
lesson.figure(fig, "gates")
gap = float(np.abs(sigmoid(x) - hard_sigmoid(x)[0]).max())
assert 0.05 < gap < 0.1

pretrained = {}
if weights_file is not None:
    read = {}
    for gate in ("sigmoid", "hard_sigmoid"):
        course_network = models.date_network(weights=weights_file, gate=gate)
        read[gate] = read_dates(course_network, EXAMPLES)
    both = zip(EXAMPLES.items(), read["sigmoid"], read["hard_sigmoid"], strict=True)
    rows = [
        (text, *(made if made == right else f"{made}, wrong" for made in (one, two)))
        for (text, right), one, two in both
    ]
    lesson.table(["date", "sigmoid", "hard sigmoid"], rows)
    right = list(EXAMPLES.values())
    pretrained = {
        "translations": dict(zip(EXAMPLES, read["hard_sigmoid"], strict=True)),
        "sigmoid": dict(zip(EXAMPLES, read["sigmoid"], strict=True)),
        "right": {
            gate: sum(one == two for one, two in zip(found, right, strict=True))
            for gate, found in read.items()
        },
    }
    print("right of nine:", pretrained["right"])
    assert pretrained["right"] == {"sigmoid": 7, "hard_sigmoid": 8}

# %% [markdown]
# An error of at most 0.08 in each gate, thirty steps one way and ten the other: that
# is enough for two wrong dates. **Weights belong to the function they were trained
# in**; `tinygrad_dls.io.from_keras` warns where a file names another gate.
#
# ### From scratch
#
# 10,000 dates to train; of the rest half to choose settings and half to test, without
# those that are in the training set word by word. `dls.capture` records a step and
# replays it. The rate falls from 0.005 in a line; gradients are clipped at norm 1, as
# a recurrent network wants it.
#
# One trap of the course's recipe is left out of these data: it writes years with the
# pattern `YYY`, which is the year *of the week*. See below, mistake 5.

# %%
count, epochs, batch = (1000, 3, 50) if lesson.fast else (10_000, 20, 64)
X = np.array([string_to_int(text, Tx, human_vocab) for text in dates.sources])
Y = np.array([[machine_vocab[c] for c in text] for text in dates.targets])
seen = set(dates.sources[:count])
fresh = [i for i in range(count, len(X)) if dates.sources[i] not in seen][:2000]
dev, test = np.array(fresh[::2]), np.array(fresh[1::2])
print(f"{count} dates to train, {len(dev)} to choose, {len(test)} new ones to test")


def train_network(network, step_count, rate=0.005):
    """Adam with a rate that falls to 5 %; the mean loss of each fiftieth of the way."""
    optimizer = optim.Adam(network.parameters(), lr=rate)

    def step(x, y):
        optimizer.zero_grad()
        logits = network(x)  # (m, Ty, 11)
        loss = F.cross_entropy(logits.reshape(-1, 11), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    step = dls.capture(step)
    order, losses = np.random.default_rng(lesson.seed), []
    for k in lesson.progress(range(step_count), "train", "steps"):
        if k % (count // batch) == 0:
            shuffled = order.permutation(count)
        places = shuffled[k % (count // batch) * batch :][:batch]
        optimizer.param_groups[0]["lr"] = rate * (1 - 0.95 * k / step_count)
        losses.append(step(dls.Tensor(X[places]), dls.Tensor(Y[places])))
    return np.array([loss.item() for loss in losses])


def predict(network, places):
    """Numbers of the characters (dates, Ty)."""
    with dls.no_grad():
        return network(dls.Tensor(X[places])).numpy().argmax(axis=-1)


dls.manual_seed(lesson.seed)
network = models.DateNetwork()
losses = train_network(network, epochs * (count // batch))
exact = {
    name: 100 * float(np.mean(np.all(predict(network, places) == Y[places], axis=1)))
    for name, places in (("dev", dev), ("test", test))
}
print(f"exactly right: dev {exact['dev']:.2f} %, test {exact['test']:.2f} %")
assert losses[-5:].mean() < 0.9 * losses[0]

# %% [markdown]
# ### The same with a Transformer
#
# `models.transformer` has no recurrence at all: attention among the characters of the
# date, among those written so far, and between the two; `c5w4-transformer-step-by-step`
# builds it. Two layers of 64 numbers, 171,790 parameters. It *does* read what it wrote,
# so there is a start and an end. Padding is number 0 here and hidden by a mask.

# %%
START, END = 12, 13
src = np.where(X == human_vocab["<pad>"], 0, X + 1)  # (m, Tx)
tgt = np.pad(Y + 1, ((0, 0), (1, 1)), constant_values=(START, END))  # (m, Ty + 2)
transformer_epochs = 3 if lesson.fast else 10


def train_transformer(model, epochs, rate=0.002):
    """Adam, warmed up over 100 steps and falling to 5 %; the loss of each step."""
    optimizer = optim.Adam(model.parameters(), lr=rate)

    def step(x, before, after):
        optimizer.zero_grad()
        logits = model(x, before)  # (m, Ty + 1, 14)
        loss = F.cross_entropy(logits.reshape(-1, 14), after.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    step = dls.capture(step)
    order, losses = np.random.default_rng(lesson.seed), []
    total = epochs * (count // batch)
    for _ in lesson.progress(range(epochs), "transformer", "epochs"):
        shuffled = order.permutation(count)
        for first in range(0, count - batch + 1, batch):
            places, k = shuffled[first : first + batch], len(losses)
            falling = min(1, (k + 1) / 100) * (1 - 0.95 * k / total)
            optimizer.param_groups[0]["lr"] = rate * falling
            rows = src[places], tgt[places, :-1], tgt[places, 1:]
            losses.append(step(*map(dls.Tensor, rows)))
    return np.array([loss.item() for loss in losses])


dls.manual_seed(lesson.seed)
transformer = models.transformer(
    37, 14, d_model=64, nhead=4, num_layers=2, dim_feedforward=128, dropout=0.0,
    max_length=Tx, norm_first=True,
)  # fmt: skip
transformer_losses = train_transformer(transformer, transformer_epochs)
asked = test[:50] if lesson.fast else test
written = transformer.translate(src[asked], START, END, Ty + 2)
right = [
    list(h.tokens) == list(Y[i] + 1) for h, i in zip(written, asked, strict=True)
]
transformer_exact = 100 * float(np.mean(right))
print(f"transformer: {transformer_exact:.2f} % of {len(asked)} test dates exactly")
assert transformer_losses[-5:].mean() < 0.7 * transformer_losses[0]

# %% [markdown]
# ## Look at it
#
# The loss, and how many dates are right in all ten characters, by the way they are
# written.

# %%
window = max(1, len(losses) // 50)
smooth = np.convolve(losses, np.ones(window) / window, "valid")
fig, ax = plt.subplots(figsize=(7, 3.8))
ax.plot(np.arange(len(smooth)) + window, smooth, label="attention and LSTMs")
smooth = np.convolve(transformer_losses, np.ones(window) / window, "valid")
ax.plot(np.arange(len(smooth)) + window, smooth, label="transformer")
ax.axhline(np.log(11), color="gray", linestyle=":", label="log 11: no idea")
ax.set(xlabel="step", ylabel="cross-entropy per character", yscale="log")
ax.set_title(f"Training, mean of {window} steps")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "loss")


def kind_of(text):
    """How a date is written: with slashes, dots, a weekday, a month, or numbers."""
    for mark, name in (("/", "slashes"), (".", "dots")):
        if mark in text:
            return name
    if "day" in text or text[:3] in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        return "weekday"
    return "month in letters" if any(c.isalpha() for c in text) else "numbers only"


found = predict(network, test)
by_kind = {}
for place, row in zip(test, found, strict=True):
    hit = bool(np.all(row == Y[place]))
    by_kind.setdefault(kind_of(dates.sources[place]), []).append(hit)
lesson.table(
    ["written with", "dates", "right, %"],
    [(k, len(v), f"{100 * np.mean(v):.1f}") for k, v in by_kind.items()],
)
wrong = [i for i, row in zip(test, found, strict=True) if np.any(row != Y[i])]
for place in wrong[:5]:
    made = "".join(list(machine_vocab)[i] for i in predict(network, [place])[0])
    print(f"wrong: {dates.sources[place]:28s} {made}, not {dates.targets[place]}")

# %% [markdown]
# Dates in numbers alone are the hard ones: "1/2/09" has the month first, "06.05.23" the
# day, and of the recipe's twenty patterns only one writes slashes and one dots.
#
# **Where it looks.** A row for each character it writes, a column for each it reads;
# rows add up to 1. The course draws one character's row at a time; here are all ten.
# Two things to know before you read such a map. The activations come from an LSTM that
# reads in both directions, so the place after a word knows the word, and looking
# *beside* it does as well. And a network may write from what its state has kept: where
# the ReLU cuts off all energies, they are all 0, and the row is even, 1/30 for each
# place. The network from scratch does that for many characters: the average of all
# places holds the month and the day, too. Attention is not an explanation.

# %%
shown = [EX for EX in EXAMPLES if EX.startswith(("Tuesday", "Saturday"))]
pictures = [("from scratch", network, text) for text in shown]
if weights_file is not None:
    pictures[0] = ("the course's weights", course_network, shown[0])
fig, axes = plt.subplots(2, 1, figsize=(9, 8))
for ax, (whose, model, text) in zip(axes, pictures, strict=True):
    numbers = np.array([string_to_int(text, Tx, human_vocab)])
    with dls.no_grad():
        alphas = model.attend(numbers).numpy()[0]  # (Ty, Tx)
    assert np.allclose(alphas.sum(axis=1), 1, atol=1e-5)
    drawn = ax.imshow(alphas, cmap="Blues", vmin=0, aspect="auto")
    letters = [*text.lower(), *["·"] * (Tx - len(text))]
    ax.set_xticks(range(Tx), letters)
    ax.set_yticks(range(Ty), list(read_dates(model, [text])[0]))
    ax.set(xlabel="read (· is padding)", ylabel="written", title=f"{text}: {whose}")
    fig.colorbar(drawn, ax=ax, label="share")
fig.tight_layout()
lesson.figure(fig, "attention")
with dls.no_grad():
    largest = network.attend(X[test[:200]]).numpy().max(axis=2)  # (dates, Ty)
even = 100 * float(np.mean(largest < 1.01 / Tx))
print(f"from scratch, {even:.0f} % of the rows are even")

# %% [markdown]
# **Would a beam search find more?** No: this network writes its characters
# independently, given the date. The likeliest string is made of the likeliest
# characters, and greedy search has it already. That is also why it can write the 33rd
# of May: no character knows what the one before it was. `c5w3-language-translation`
# feeds each word back in, and there a beam pays.

# %%
some = X[test[:20]]
greedy, beam = network.translate(some), network.translate(some, beam_width=5)
assert [h.tokens for h in greedy] == [h.tokens for h in beam]
print("greedy and beam search agree on", len(greedy), "dates")

# %% [markdown]
# ## Break it
#
# **1. The wrong axis.** `softmax` over the last axis of the energies $(m, T_x, 1)$.
# There is one number on it, so each share is 1 and the context the *sum* of all
# places. Nothing complains: the course's own helper exists because Keras's softmax has
# the last axis as its default. The test takes a line: shares add up to 1 over the
# places.


# %%
def name_the_axis(alphas):
    """Along which axis do these shares (m, Tx, 1) add up to 1?"""
    if np.allclose(alphas.sum(axis=1), 1):
        return "over the places"
    return "over the last axis, which has one number: every share is 1"


wrong_alphas = softmax(cache[3], axis=-1)
axis_words = (name_the_axis(cache[4]), name_the_axis(wrong_alphas))
print(axis_words)
assert "places" in axis_words[0] and "every share is 1" in axis_words[1]

# %% [markdown]
# **2. Softmax without its coupling.** $denergies = \alpha\, d\alpha$, the mean
# forgotten. Everything before the softmax is wrong, `da` too, since a part of it comes
# through the energies.


# %%
def backward_with(change):
    """The gradients with one planted mistake."""
    grads = one_step_attention_backward(R, cache, small)
    a, concat, e, energies, alphas = cache
    if change == "coupling":
        d = alphas * np.sum(R * a, axis=2, keepdims=True) * (energies > 0)
        de = (d @ small["W2"].T) * (1 - e**2)
        dconcat = de @ small["W1"].T
        grads |= {
            "da": alphas * R + dconcat[:, :, :4],
            "ds_prev": dconcat[:, :, 4:].sum(axis=1),
            "dW1": np.einsum("mti,mtj->ij", concat, de), "db1": de.sum(axis=(0, 1)),
            "dW2": np.einsum("mti,mtj->ij", e, d), "db2": d.sum(axis=(0, 1)),
        }  # fmt: skip
    elif change == "mean over places":
        grads["ds_prev"] = grads["ds_prev"] / a.shape[1]
    else:  # a used once
        grads["da"] = alphas * R
    return grads


broken = {}
for change in ("coupling", "mean over places", "a used once"):
    report = check.check_gradients(cost_of, point, backward_with(change))
    broken[change] = [c.name for c in report.wrong]
    print(f"{change}: wrong are", ", ".join(broken[change]), "|", report.first.hint)
assert set(broken["coupling"]) >= {"da", "dW1", "dW2"}

# %% [markdown]
# **3. The state was copied to all places**, so its gradient is a sum over them. With a
# mean, `ds_prev` alone is wrong, by the factor $T_x$: the check above names both.

# %%
assert broken["mean over places"] == ["ds_prev"]

# %% [markdown]
# **4. A second use forgotten.** $a$ is averaged *and* asked. With the first part only,
# `da` is wrong and all else right; a network still trains with it, only worse.

# %%
assert broken["a used once"] == ["da"]

# %% [markdown]
# **5. Labels that contradict the text.** The course makes its dates with babel's
# pattern `YYY`: the year that the *week* belongs to. In the USA a week begins on
# Sunday, and the one with 1 January counts as the new year's. 31 December 2018 is then
# written "31 dec 2019", with the label 2018-12-31. How many days are hit?

# %%
first = datetime.date(1970, 1, 1)
days = [first + datetime.timedelta(days=i) for i in range(50 * 365)]


def year_of_week(day):
    """The year that the Saturday of its week is in: weeks begin on Sunday."""
    return (day + datetime.timedelta(days=(5 - day.weekday()) % 7)).year


contradict = [day for day in days if year_of_week(day) != day.year]
share = 100 * len(contradict) / len(days)
print(f"{len(contradict)} of {len(days)} days, {share:.1f} %, such as {contradict[0]}")
assert 0.5 < share < 1.1 and all(d.month == 12 and d.day > 25 for d in contradict)

# %% [markdown]
# No network can learn those: with four formats of the recipe's twenty that have it, it
# is noise in the labels at the end of each year. `lesson.load("dates")` writes `y`.
#
# **6. A vocabulary that does not fit.** Weights know numbers, not letters. One letter
# more, and the shapes tell. The same number of letters in another order, and nothing
# tells but the result: measure before you trust.

# %%
try:
    models.date_network(weights=models.DateNetwork(src_tokens=38).state_dict())
    refused = ""
except dls.ShapeError as error:
    refused = str(error).splitlines()[0]
print("refused:", refused)
assert refused
shuffled = np.random.default_rng(0).permutation(37)
with dls.no_grad():
    nonsense = network(dls.Tensor(shuffled[X[test]])).numpy().argmax(axis=-1)
shuffled_exact = 100 * float(np.mean(np.all(nonsense == Y[test], axis=1)))
print(f"letters in another order: {shuffled_exact:.2f} % right")
assert shuffled_exact < 5
for text, problem in (("", "empty"), ("   ", "empty")):
    try:
        read_dates(network, [text])
        raise AssertionError("an empty date was read")
    except dls.DataError as error:
        assert problem in str(error)
never = read_dates(network, ["3 mai 1979", "the day before yesterday"])
print("French, and no date at all:", never, "- it cannot say that it does not know")
assert all(len(text) == Ty for text in never)

# %% [markdown]
# ## Recap
#
# - Attention: a small network scores each place, softmax makes shares, the context is
#   the average by these shares.
# - Back: through the average to both $\alpha$ and $a$; through softmax, where only
#   differences from the mean count; what was copied adds up.
# - 52,960 parameters with one bias a gate, 53,472 with two.
# - Weights belong to the function they were trained in: hard sigmoid 8 of 9, sigmoid 7.
# - A network that does not read what it wrote can write the 33rd of May.
#
# ## Questions
#
# 1. Why does $denergies$ add up to 0 over the places (ReLU aside)?
#    <details><summary>Answer</summary>
#    Softmax does not change when all energies rise by the same number, so the slope
#    in that direction is 0.
#    </details>
# 2. Why can a beam search not help here?
#    <details><summary>Answer</summary>
#    The characters are independent given the date: the product of the chances is
#    largest where each factor is. Nothing that was written goes back in.
#    </details>
# 3. The padding is a character like any other here. Why is that no mistake?
#    <details><summary>Answer</summary>
#    Tx is always 30, so the network sees the same padding in training and in use. With
#    batches padded to their longest sentence it would see another amount each time:
#    then a mask must hide it, as in models.AttentionSeq2Seq.
#    </details>
# 4. How much does the count of multiplications grow if dates are twice as long?
#    <details><summary>Answer</summary>
#    The reading doubles, and so does each of the Ty looks. For a text in and a text
#    out, attention costs Tx * Ty: twice as long both is four times as much.
#    </details>
#
# ## Go further
#
# - Feed the last character back into the LSTM. Do impossible dates vanish?
# - Mix in dates of another language (babel knows hundreds). Does English suffer?
# - Next: `c5w3-language-translation`.

# %%
# The end: this run must have reached what is known of it.
assert exact["test"] >= 0
if not lesson.fast:
    assert exact["test"] > 97 and exact["dev"] > 97
    assert transformer_exact > 97
lesson.finish(
    {
        "exact_match": exact["test"],
        "dev_exact_match": exact["dev"],
        "transformer": {"exact_match": transformer_exact},
        "loss": {"first": float(losses[0]), "last": float(losses[-20:].mean())},
        "parameters": {"two_biases": counts[0], "one_bias": counts[1]},
        "by_kind": {k: 100 * float(np.mean(hits)) for k, hits in by_kind.items()},
        "pretrained": pretrained,
        "gate_gap": gap,
        "even_rows": even,
        "broken": broken
        | {"axis": axis_words[1], "week_years": share, "refused": refused}
        | {"shuffled_letters": shuffled_exact},
    }
)
