# %% [markdown]
# # Long memory
#
# Course 5, week 1. About an hour and a half with the exercises. The script runs for
# about a minute, most of it the writer of verse; with `--fast` for five seconds.
#
# **Goal.** A recurrent network learns from what happened a hundred steps ago only if
# the gradient gets there. You will
#
# - measure how the gradient of an RNN, a GRU and an LSTM shrinks on its way back,
# - find the number that decides how long an LSTM remembers, and set it,
# - clip a gradient by its norm,
# - build bidirectional and deep networks, forward and backward, and try them on a noisy
#   signal and on text with holes,
# - train the course's writer, 2 x LSTM 128, and read what it writes as it learns,
# - break it in six ways.
#
# ## What you need
#
# `c5w1-rnn-step-by-step`, and `c5w1-dinosaur-names` for sampling. The last part answers
# the notebook's second half, *Writing like Shakespeare*. With the course's files the
# text is the sonnets, and the course's weights are looked at, too; else it is the
# psalms in the World English Bible.

# %%
import functools

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, io, models, nn, optim, text
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w1-long-memory")
verse = lesson.load("shakespeare")
verses = verse.text.lower()[: 20_000 if lesson.fast else 100_000]
vocabulary = text.Vocabulary.from_texts(verses)
ids = vocabulary.encode(verses)
cut = int(0.9 * len(ids))  # the last tenth is never trained on
print(f"{len(ids):,} characters, {len(vocabulary)} different ones")
print(verses[:120])

# %% [markdown]
# ## The idea in a picture
#
# On its way back through time a gradient is multiplied once a step. A factor of 0.9
# leaves half a percent after fifty steps; a factor of 1.1 makes it a hundred times as
# large. A memory needs a factor of very nearly 1.

# %%
steps = np.arange(101)
fig, ax = plt.subplots(figsize=(7.5, 4))
for factor in (1.1, 1.0, 0.99, 0.9, 0.5):
    ax.semilogy(steps, factor ** steps.astype(float), label=f"{factor:g} a step")
ax.set(xlabel="steps back", ylabel="what is left (log scale)", ylim=(1e-12, 1e5))
ax.set_title("One factor a step")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# One linear unit, $a^{\langle t \rangle} = w\, a^{\langle t-1 \rangle}$:
# $\partial a^{\langle 50 \rangle} / \partial a^{\langle 0 \rangle} = w^{50}$. For
# $w = 0.9$ that is $0.00515$, for $w = 1.1$ it is $117.4$.
#
# The cell of an LSTM has $\partial c^{\langle t \rangle} / \partial
# c^{\langle t-1 \rangle} = \Gamma_f$ along its direct way. A fresh gate is
# $\sigma(0) = 0.5$: $0.5^{50} = 8.9 \cdot 10^{-16}$. With a bias of 4 it is
# $\sigma(4) = 0.98201$, and $0.98201^{50} = 0.404$.

# %%
open_gate = 1 / (1 + np.exp(-4.0))
print(f"{0.9**50:.5f}, {1.1**50:.1f}, {0.5**50:.1e}, {open_gate**50:.3f}")
assert round(0.9**50, 5) == 0.00515 and round(1.1**50, 1) == 117.4
assert round(open_gate**50, 3) == 0.404

# %% [markdown]
# ## The mathematics
#
# **Vanishing.** For an RNN
# $da^{\langle t-1 \rangle} = W_{aa}^T \left((1 - (a^{\langle t \rangle})^2) *
# da^{\langle t \rangle}\right)$: a product of matrices, one a step. Their size is about
# the largest singular value of $W_{aa}$ times the slope of the tanh, and the slope is
# at most 1. The gradient with respect to the input of step $t$ tells what the end still
# learns from it: $dx^{\langle t \rangle} = W_{ax}^T dz^{\langle t \rangle}$.
#
# **Clipping by norm.** All gradients together are one vector $g$. Shorten it, keep its
# direction: $g \leftarrow g \cdot \min(1, c / \|g\|)$.
#
# **Bidirectional.** One network reads $x^{\langle 1 \rangle} \dots
# x^{\langle T \rangle}$, a second one reads from the end. Their states of the same step
# stand above each other, $(2 n_a, m)$. At each step it knows the past and the future.
#
# **Deep.** The states of one layer are the inputs of the next.
#
# ## Your code
#
# One layer of the last lessons is given, forward and backward, on all steps: $x$ is
# $(n_x, m, T_x)$, $a$ is $(n_a, m, T_x)$, and the state begins at zeros.


# %%
def rnn_layer(x, parameters):
    """The states a (n_a, m, T_x) of an RNN layer with Wax, Waa, ba."""
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    a = np.zeros((len(Waa), *x.shape[1:]))
    a_prev = a[:, :, 0]
    for t in range(x.shape[2]):
        a_prev = np.tanh(Wax @ x[:, :, t] + Waa @ a_prev + ba)
        a[:, :, t] = a_prev
    return a


def rnn_layer_backward(da, x, a, parameters):
    """dx (n_x, m, T_x), and {"dWax", "dWaa", "dba"}; da (n_a, m, T_x)."""
    Wax, Waa = parameters["Wax"], parameters["Waa"]
    dx, da_next = np.zeros(x.shape), np.zeros(a[:, :, 0].shape)
    grads = {f"d{name}": np.zeros_like(p) for name, p in parameters.items()}
    for t in reversed(range(x.shape[2])):
        dz = (1 - a[:, :, t] ** 2) * (da[:, :, t] + da_next)  # (n_a, m)
        grads["dWax"] += dz @ x[:, :, t].T
        grads["dWaa"] += dz @ a[:, :, t - 1].T if t else 0
        grads["dba"] += dz.sum(axis=1, keepdims=True)
        dx[:, :, t], da_next = Wax.T @ dz, Waa.T @ dz
    return dx, grads


# %% [markdown]
# **Exercise 1.** The gradient of a cost of the *last* state with respect to the input
# of each step: from the end to the beginning.


# %%
def input_gradients(a, parameters, dlast):
    """dx (n_x, m, T_x), from dlast (n_a, m), the derivative for the last state."""
    Wax, Waa = parameters["Wax"], parameters["Waa"]
    T_x = a.shape[2]
    dx, da = np.zeros((Wax.shape[1], a.shape[1], T_x)), dlast
    for t in reversed(range(T_x)):
        # BEGIN SOLUTION
        dz = (1 - a[:, :, t] ** 2) * da  # (n_a, m)
        dx[:, :, t] = Wax.T @ dz  # (n_x, m)
        da = Waa.T @ dz  # (n_a, m)
        # END SOLUTION
    return dx


# %% [markdown]
# **Exercise 2.** Clip by the norm of *all* gradients together.


# %%
def clip_by_norm(gradients, max_norm):
    """The gradients, shortened if needed, and their norm before."""
    # BEGIN SOLUTION
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
    factor = min(1.0, max_norm / norm)
    clipped = {name: factor * g for name, g in gradients.items()}
    # END SOLUTION
    return clipped, norm


shortened, norm = clip_by_norm({"dW": np.array([[3.0]]), "db": np.array([[4.0]])}, 1)
print("norm", norm, "->", {name: float(g[0, 0]) for name, g in shortened.items()})
assert norm == 5 and np.isclose(shortened["db"][0, 0], 0.8)

# %% [markdown]
# **Exercise 3.** Both directions. The second network gets the sequence turned round in
# time, and its states are turned back, so that step $t$ of both is about input $t$.
# **Exercise 4.** Backward: each half of `da` goes to its own network, turned where the
# states were turned, and the two gradients of the input add up.


# %%
def bidirectional_forward(x, forward, backward):
    """a (2 n_a, m, T_x): the states of both directions, those of `forward` first."""
    # BEGIN SOLUTION
    ahead = rnn_layer(x, forward)  # (n_a, m, T_x)
    back = rnn_layer(x[:, :, ::-1], backward)[:, :, ::-1]  # (n_a, m, T_x)
    a = np.concatenate([ahead, back])  # (2 n_a, m, T_x)
    # END SOLUTION
    return a


def bidirectional_backward(da, x, a, forward, backward):
    """dx (n_x, m, T_x), the gradients of `forward`, and those of `backward`."""
    n_a = len(forward["Waa"])
    turned = x[:, :, ::-1]
    # BEGIN SOLUTION
    dx, ahead = rnn_layer_backward(da[:n_a], x, a[:n_a], forward)
    d_turned, back = rnn_layer_backward(
        da[n_a:, :, ::-1], turned, a[n_a:, :, ::-1], backward
    )
    dx = dx + d_turned[:, :, ::-1]  # (n_x, m, T_x)
    # END SOLUTION
    return dx, ahead, back


# %% [markdown]
# **Exercise 5.** Layers upon layers: keep the states of each. **Exercise 6.** Backward
# from the last layer to the first.


# %%
def deep_forward(x, layers):
    """The states of each layer, a list of (n_a, m, T_x)."""
    states = []
    for parameters in layers:
        # BEGIN SOLUTION
        x = rnn_layer(x, parameters)
        states.append(x)
        # END SOLUTION
    return states


def deep_backward(da, x, states, layers):
    """dx, and the gradients of each layer, from da of the last layer's states."""
    inputs, grads = [x, *states[:-1]], [None] * len(layers)
    for l in reversed(range(len(layers))):
        # BEGIN SOLUTION
        da, grads[l] = rnn_layer_backward(da, inputs[l], states[l], layers[l])
        # END SOLUTION
    return da, grads


# %% [markdown]
# **Exercise 7.** The course's `build_data`: windows of `Tx` characters, the first at 0
# and then every `stride`-th place, and the character that follows each.


# %%
def build_data(text, Tx=40, stride=3):
    """X, a list of windows, and Y, the characters behind them."""
    if len(text) <= Tx:
        raise ValueError(f"the text has {len(text)} characters: no window of {Tx} + 1")
    # BEGIN SOLUTION
    starts = range(0, len(text) - Tx, stride)
    X = [text[i : i + Tx] for i in starts]
    Y = [text[i + Tx] for i in starts]
    # END SOLUTION
    return X, Y


print(build_data("so long", Tx=4, stride=2))
assert build_data("so long", Tx=4, stride=2) == (["so l", " lon"], ["o", "g"])

# %% [markdown]
# ## Check it three ways
#
# **By hand**: $w^{50}$ of above. A tanh unit near 0 is linear, and `input_gradients`
# finds $0.9^{49}$ at the first input of fifty.

# %%
unit = {"Wax": np.ones((1, 1)), "Waa": np.full((1, 1), 0.9), "ba": np.zeros((1, 1))}
silent = rnn_layer(np.zeros((1, 1, 50)), unit)
slopes = input_gradients(silent, unit, np.ones((1, 1)))[0, 0]
print(f"first {slopes[0]:.5f}, last {slopes[-1]:g}")
assert np.isclose(slopes[0], 0.9**49) and slopes[-1] == 1

# %% [markdown]
# **Against the engine**: two layers, both directions, on the same weights.


# %%
def random_layer(n_x, n_a, draw, scale=0.5):
    """Parameters of an RNN layer."""
    shapes = {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "ba": (n_a, 1)}
    return {name: scale * draw.standard_normal(shape) for name, shape in shapes.items()}


def fill(layer, end, parameters):
    """Put parameters into the engine's layer."""
    state = layer.state_dict()
    layer.load_state_dict(state | {
        f"weight_ih_{end}": parameters["Wax"], f"weight_hh_{end}": parameters["Waa"],
        f"bias_ih_{end}": parameters["ba"][:, 0],
        f"bias_hh_{end}": 0 * parameters["ba"][:, 0],
    })


def to_engine(x):
    """(n, m, T) -> (T, m, n), and back."""
    return np.transpose(x, (2, 1, 0))


draw = np.random.default_rng(lesson.seed)
x = draw.standard_normal((3, 4, 6))
ahead, back = random_layer(3, 5, draw), random_layer(3, 5, draw)
layers = [random_layer(3, 5, draw), random_layer(5, 4, draw)]
both = bidirectional_forward(x, ahead, back)
d_both = draw.standard_normal(both.shape)
dx, d_ahead, d_back = bidirectional_backward(d_both, x, both, ahead, back)

engine = nn.RNN(3, 5, bidirectional=True, dtype="float64")
fill(engine, "l0", ahead)
fill(engine, "l0_reverse", back)
tensor = dls.Tensor(to_engine(x), requires_grad=True)
output, _ = engine(tensor)
output.backward(dls.Tensor(to_engine(d_both)))
assert dls.compare("a, both directions", both, to_engine(output.numpy())).ok
assert dls.compare("dx", dx, to_engine(tensor.grad.numpy())).ok
reverse = engine.weight_hh_l0_reverse.grad
assert dls.compare("dWaa, from the end", d_back["dWaa"], reverse).ok

states = deep_forward(x, layers)
d_deep = draw.standard_normal(states[-1].shape)
deep_dx, deep_grads = deep_backward(d_deep, x, states, layers)
lower, upper = nn.RNN(3, 5, dtype="float64"), nn.RNN(5, 4, dtype="float64")
fill(lower, "l0", layers[0])
fill(upper, "l0", layers[1])
tensor = dls.Tensor(to_engine(x), requires_grad=True)
output, _ = upper(lower(tensor)[0])
output.backward(dls.Tensor(to_engine(d_deep)))
assert dls.compare("a, two layers", states[-1], to_engine(output.numpy())).ok
assert dls.compare("dx", deep_dx, to_engine(tensor.grad.numpy())).ok
for l, engine in enumerate((lower, upper)):
    gradient = engine.weight_hh_l0.grad
    assert dls.compare(f"dWaa of layer {l + 1}", deep_grads[l]["dWaa"], gradient).ok

# %% [markdown]
# **Numerically**, both directions; and the gradient of the inputs.


# %%
def cost_of_both(p):
    """A cost with the derivative d_both."""
    halves = [{k: p[f"{k}_{way}"] for k in ahead} for way in ("ahead", "back")]
    return np.sum(d_both * bidirectional_forward(p["x"], *halves))


leaves = {"x": x}
leaves |= {f"{k}_ahead": p for k, p in ahead.items()}
leaves |= {f"{k}_back": p for k, p in back.items()}
mine = {"dx": dx}
mine |= {f"{k}_ahead": g for k, g in d_ahead.items()}
mine |= {f"{k}_back": g for k, g in d_back.items()}
report = check.check_gradients(cost_of_both, leaves, mine)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The writer that we are going to train, on five characters: two LSTM layers and a
# linear one. Each layer's loop over time is one box.

# %%
dls.manual_seed(lesson.seed)
units = 32 if lesson.fast else 128
writer = models.CharRNN(len(vocabulary), units, num_layers=2, dropout=0.2)
with dls.trace():
    logits = writer(ids[None, :5])
    loss = F.cross_entropy(logits[0], dls.Tensor(ids[1:6]))
    loss.backward()
graph = dls.graph(loss, writer, names={"loss": loss})
lesson.graph(graph, "graph")
graph

# %% [markdown]
# ## Train
#
# ### What reaches the beginning
#
# Fresh networks of 64 units read 100 random inputs. A random direction of the last
# state is the cost. How long is its gradient with respect to each input? For the LSTM
# and the GRU also with the gate that keeps *open*: we add 4 to its bias, so that it
# starts at 0.98. And an RNN whose recurrent weights are four times as large.

# %%
length, hidden = 100, 64


def build(kind, opening=0.0, scale=1.0):
    """A recurrent layer; `opening` is added to the bias of the gate that keeps."""
    make = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind]
    layer = make(8, hidden, generator=dls.Generator(lesson.seed))
    open_keeping_gate(layer, opening)
    state = layer.state_dict()
    state["weight_hh_l0"] = scale * state["weight_hh_l0"].numpy()
    layer.load_state_dict(state)
    return layer


def open_keeping_gate(layer, opening):
    """Add to the bias of f (LSTM: i, f, g, o) or z (GRU: r, z, n), the second gate."""
    if isinstance(layer, nn.RNN):
        return
    n, state = layer.hidden_size, layer.state_dict()
    bias = state["bias_ih_l0"].numpy().copy()
    bias[n : 2 * n] += opening
    layer.load_state_dict(state | {"bias_ih_l0": bias})


kinds = {
    "RNN": build("RNN"), "RNN, weights x 4": build("RNN", scale=4),
    "GRU": build("GRU"), "GRU, gate open": build("GRU", 4),
    "LSTM": build("LSTM"), "LSTM, gate open": build("LSTM", 4),
}
inputs = draw.standard_normal((length, 16, 8)).astype("float32")
direction = draw.standard_normal((16, hidden)).astype("float32")
norms = {}
for kind, layer in kinds.items():
    tensor = dls.Tensor(inputs, requires_grad=True)
    output, _ = layer(tensor)
    output[-1].backward(dls.Tensor(direction))
    gradient = tensor.grad.numpy().astype("float64")  # squares of 1e-23 need it
    norms[kind] = np.linalg.norm(gradient, axis=(1, 2))  # (100,)
plain = kinds["RNN"].state_dict()
by_hand = {
    "Wax": plain["weight_ih_l0"].numpy().astype("float64"),
    "Waa": plain["weight_hh_l0"].numpy().astype("float64"),
    "ba": (plain["bias_ih_l0"].numpy() + plain["bias_hh_l0"].numpy())[:, None],
}
hand_a = rnn_layer(to_engine(inputs), by_hand)
hand_dx = input_gradients(hand_a, by_hand, direction.T)
hand_norms = np.linalg.norm(hand_dx, axis=(0, 1))
verdict = dls.compare("RNN, norms", hand_norms[-30:], norms["RNN"][-30:], rtol=1e-4)
assert verdict.ok
lesson.table(
    ["", "last input", "20 back", "50 back", "99 back"],
    [
        [kind, *(f"{values[99 - k]:.1e}" for k in (0, 20, 50, 99))]
        for kind, values in norms.items()
    ],
)

fig, ax = plt.subplots(figsize=(8, 4.6))
for kind, values in norms.items():
    ax.semilogy(values[::-1], label=kind)
ax.set(xlabel="steps back from the end", ylabel="norm of the gradient (log scale)")
ax.set_title("What the last state still learns from earlier inputs")
ax.legend(ncols=2)
ax.grid(alpha=0.3)
lesson.figure(fig, "gradients")
assert norms["RNN"][-1] > 1e6 * norms["RNN"][-51]
assert norms["LSTM, gate open"][-51] > 1e6 * norms["LSTM"][-51]
assert norms["RNN, weights x 4"][-51] > 1e3 * norms["RNN, weights x 4"][-1]

# %% [markdown]
# A fresh LSTM forgets as fast as any RNN: its gates begin half shut, and $0.5^{50}$ is
# nothing. *The cell makes a long memory possible; the bias of the forget gate makes
# it.* The RNN with large weights shows the other end: its gradient explodes, ten
# thousand times as large after fifty steps. Somewhere between the two sizes lies a
# factor near 1, but training moves the weights, and nothing holds them there.
#
# ### Can it learn to remember?
#
# The first of $T$ inputs names one of four classes. All others are noise. After the
# last one: which class was it? 300 steps of Adam on fresh examples, 32 units. The
# opening of the gate is $\ln T$, so that the gate loses about $1/T$ a step.


# %%
def recall_batch(rng, T, m):
    """Inputs (T, m, 5): class one-hot at the first step, noise behind; classes (m,)."""
    x, y = np.zeros((T, m, 5), "float32"), rng.integers(0, 4, m)
    x[0, np.arange(m), y] = 1
    x[1:, :, 4] = rng.standard_normal((T - 1, m))
    return x, y


def recall(kind, T, steps, is_open=False, seed=1):
    """Accuracy on fresh examples after training, in percent."""
    dls.manual_seed(seed)
    layer = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[kind](5, 32)
    if is_open:
        open_keeping_gate(layer, np.log(T))
    out = nn.Linear(32, 4)
    learned = [*layer.parameters(), *out.parameters()]
    optimizer, rng = optim.Adam(learned, lr=5e-3), np.random.default_rng(seed)

    @dls.capture
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(out(layer(x)[0][-1]), y)
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        return loss

    for _ in range(steps):
        x, y = recall_batch(rng, T, 64)
        step(dls.Tensor(x), dls.Tensor(y))
    x, y = recall_batch(rng, T, 1_000)
    with dls.no_grad():
        guess = out(layer(dls.Tensor(x))[0][-1]).numpy().argmax(axis=1)
    return 100 * float(np.mean(guess == y))


lengths = (10, 25) if lesson.fast else (10, 25, 50, 100)
runs = [("RNN", False), ("GRU", False), ("GRU", True), ("LSTM", False), ("LSTM", True)]
memory = {}
for kind, is_open in lesson.progress(runs, "remembering", "networks"):
    name = f"{kind}, gate open" if is_open else kind
    memory[name] = {
        T: recall(kind, T, 100 if lesson.fast else 300, is_open, lesson.seed)
        for T in lengths
    }
lesson.table(
    ["right, % (guessing: 25)", *(f"T = {T}" for T in lengths)],
    [
        [name, *(f"{right:.0f}" for right in found.values())]
        for name, found in memory.items()
    ],
)
assert memory["GRU, gate open"][lengths[-1]] > memory["RNN"][lengths[-1]]
if not lesson.fast:
    assert memory["GRU, gate open"][100] > 90 and memory["LSTM, gate open"][50] > 90
    assert max(memory[kind][100] for kind in ("RNN", "GRU", "LSTM")) < 50

# %% [markdown]
# The plain RNN carries the class for 25 steps and not for 50. A fresh GRU or LSTM is no
# better, rather worse: with 300 steps of training the gates do not open by themselves.
# Opened, they carry it much further. That one number, not the kind of cell, decides.

# %% [markdown]
# ### Both directions, and deep: a signal under noise
#
# Sums of two sine waves, with noise as large as they are. What was the signal at each
# step? A network that reads forward has the past to average over; one that reads both
# ways has twice as much around each step. Mean squared error on unseen signals; a
# moving average is the baseline.


# %%
def signals(rng, m, T=60):
    """Noisy and clean signals (T, m, 1)."""
    t = np.arange(T)[:, None]
    waves = [
        rng.uniform(0.3, 1, m) * np.sin(2 * np.pi * t / rng.uniform(8, 40, m)
                                        + rng.uniform(0, 6.28, m))
        for _ in range(2)
    ]
    clean = sum(waves)[..., None]
    noisy = clean + 0.7 * rng.standard_normal(clean.shape)
    return noisy.astype("float32"), clean.astype("float32")


class Denoiser(nn.Module):
    """GRU layers, and a linear unit on the state of each step."""

    def __init__(self, hidden, num_layers=1, bidirectional=False):
        self.layers = nn.GRU(1, hidden, num_layers, bidirectional=bidirectional)
        self.out = nn.Linear(hidden * (1 + bidirectional), 1)

    def forward(self, x):
        """The signal (T, m, 1) behind noisy x (T, m, 1)."""
        return self.out(self.layers(x)[0])


signal_rng = np.random.default_rng(lesson.seed)
train_signals, test_signals = signals(signal_rng, 600), signals(signal_rng, 200)
shapes = {
    "forward, 32": (32,), "both ways, 20 + 20": (20, 1, True),
    "2 layers, forward, 20": (20, 2), "2 layers, both ways, 12 + 12": (12, 2, True),
}
series, restored = {}, {}
for name, shape in lesson.progress(shapes.items(), "signals", "networks"):
    dls.manual_seed(lesson.seed)
    network = Denoiser(*shape)
    optimizer = optim.Adam(network.parameters(), lr=5e-3)

    @dls.capture
    def signal_step(x, y, network=network, optimizer=optimizer):
        optimizer.zero_grad()
        loss = F.mse_loss(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    order = np.random.default_rng(lesson.seed)
    for _ in range(2 if lesson.fast else 15):
        shuffled = order.permutation(600)
        for i in range(0, 600, 50):
            batch = shuffled[i : i + 50]
            signal_step(*(dls.Tensor(s[:, batch]) for s in train_signals))
    with dls.no_grad():
        restored[name] = network(dls.Tensor(test_signals[0])).numpy()
    series[name] = {
        "parameters": sum(p.size for p in network.parameters()),
        "mse": float(np.mean((restored[name] - test_signals[1]) ** 2)),
    }
noisy, clean = test_signals
smooth = np.apply_along_axis(
    lambda s: np.convolve(np.pad(s, 2, mode="edge"), np.ones(5) / 5, "valid"), 0, noisy
)
baseline = float(np.mean((smooth - clean) ** 2))
lesson.table(
    ["", "parameters", "mean squared error"],
    [["as it is", "", float(np.mean((noisy - clean) ** 2))],
     ["mean of five", "", baseline],
     *([name, *found.values()] for name, found in series.items())],
)
assert series["both ways, 20 + 20"]["mse"] < series["forward, 32"]["mse"]

# %% [markdown]
# The future is worth more than parameters: the mean of five sees two steps of it, and
# that alone makes it hard to beat for networks that read forward. A second layer brings
# little on so simple a signal.
#
# ### Both directions on text: what was the missing letter?
#
# Windows of 21 characters with a hole in the middle. Reading forward, a network knows
# the ten before it. Reading both ways, it knows the ten behind it, too.


# %%
class HoleFiller(nn.Module):
    """An LSTM over a window; a linear layer on its states at the hole."""

    def __init__(self, hidden, bidirectional):
        size = len(vocabulary)
        self.layer = nn.LSTM(
            size, hidden, batch_first=True, bidirectional=bidirectional
        )
        self.out = nn.Linear(hidden * (1 + bidirectional), size)

    def forward(self, x):
        """Scores of the missing letter, from one-hot windows (m, 21, characters)."""
        return self.out(self.layer(x)[0][:, 10])


def windows_with_holes(rng, m, low, high):
    """One-hot windows (m, 21, characters), zeros at the hole; the missing letters."""
    places = rng.integers(low, high - 21, m)
    found = ids[places[:, None] + np.arange(21)]
    one_hot = np.eye(len(vocabulary), dtype="float32")[found]
    one_hot[:, 10] = 0
    return one_hot, found[:, 10]


fill_in = {}
ways = {"forward, 64": (64, False), "both ways, 40 + 40": (40, True)}
for name, way in lesson.progress(ways.items(), "holes", "networks"):
    dls.manual_seed(lesson.seed)
    network = HoleFiller(*way)
    optimizer = optim.Adam(network.parameters(), lr=5e-3)

    @dls.capture
    def hole_step(x, y, network=network, optimizer=optimizer):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(lesson.seed)
    for _ in range(60 if lesson.fast else 800):
        windows, missing = windows_with_holes(rng, 64, 0, cut)
        hole_step(dls.Tensor(windows), dls.Tensor(missing))
    windows, missing = windows_with_holes(rng, 1_500, cut, len(ids))
    with dls.no_grad():
        guess = network(dls.Tensor(windows)).numpy().argmax(axis=1)
    fill_in[name] = 100 * float(np.mean(guess == missing))
lesson.table(["missing letters, unseen text", "found, %"], fill_in.items())
if not lesson.fast:
    assert fill_in["both ways, 40 + 40"] > fill_in["forward, 64"] + 5

# %% [markdown]
# ### The writer
#
# The course's network: two LSTM layers of 128 units, dropout between them, and a linear
# layer. (The course puts 0.5 there, and a second one before the output; it trains for
# hundreds of epochs.) Ours predicts the next character at *each* place of a window of
# 64, where the course's predicts only the one behind a window of 40: 64 targets for
# nearly the same work. The last tenth of the text is held out.


# %%
def held_out_loss(network, window=200):
    """Nats a character on the text that was not trained on."""
    count = (len(ids) - cut - 1) // window * window
    X = ids[cut : cut + count].reshape(-1, window)
    Y = ids[cut + 1 : cut + count + 1].reshape(-1, window)
    with dls.no_grad():
        scores = network(X).reshape(-1, len(vocabulary))
        return F.cross_entropy(scores, dls.Tensor(Y.ravel())).item()


def write(network, prompt, count, temperature=0.7, seed=1):
    """`count` characters that follow the prompt."""
    sampler = functools.partial(
        text.sample, temperature=temperature, generator=dls.Generator(seed)
    )
    drawn = network.generate(vocabulary.encode(prompt)[None], count, sampler=sampler)
    return vocabulary.decode(drawn[0])


optimizer = optim.Adam(writer.parameters(), lr=4e-3)


@dls.capture
def writer_step(x, y):
    """One step on windows x and what follows each place, y, both (32, 64)."""
    optimizer.zero_grad()
    loss = F.cross_entropy(writer(x).reshape(-1, len(vocabulary)), y.reshape(-1))
    loss.backward()
    nn.utils.clip_grad_norm_(writer.parameters(), 1.0)
    optimizer.step()
    return loss


order, curves = np.random.default_rng(lesson.seed), {"train": [], "held out": []}
epochs, prompt = (2 if lesson.fast else 45), verses[:7]
for epoch in lesson.progress(range(epochs), "writer", "epochs"):
    starts = 64 * order.permutation(cut // 64 - 1) + order.integers(0, 64)
    losses = []
    for i in range(0, len(starts) - 31, 32):
        window = ids[starts[i : i + 32, None] + np.arange(65)]
        loss = writer_step(dls.Tensor(window[:, :-1]), dls.Tensor(window[:, 1:]))
        losses.append(loss.item())
    curves["train"].append(float(np.mean(losses)))
    writer.eval()
    curves["held out"].append(held_out_loss(writer))
    writer.train()
    if epoch in (0, 2, 9, 19, epochs - 1):
        print(f"--- after epoch {epoch + 1}: train {curves['train'][-1]:.3f}, held out "
              f"{curves['held out'][-1]:.3f}")
        print(prompt + write(writer, prompt, 160, seed=lesson.seed))
writer.eval()
final = curves["held out"][-1]
print(f"perplexity on unseen text: {np.exp(final):.2f} of {len(vocabulary)}")
assert final < curves["held out"][0]

# %% [markdown]
# ## Look at it

# %%
fig, axes = plt.subplots(1, 2, figsize=(13, 4.2))
for name, curve in curves.items():
    axes[0].plot(range(1, epochs + 1), curve, "o-", label=name)
axes[0].axhline(np.log(len(vocabulary)), color="gray", linestyle=":", label="guessing")
axes[0].set(xlabel="epoch", ylabel="nats a character", title="The writer")
axes[0].legend()
axes[0].grid(alpha=0.3)
axes[1].plot(noisy[:, 0, 0], ".", color="0.6", label="noisy")
axes[1].plot(clean[:, 0, 0], color="black", label="signal")
for name in ("forward, 32", "both ways, 20 + 20"):
    axes[1].plot(restored[name][:, 0, 0], label=name)
axes[1].set(xlabel="step", title="An unseen signal, restored")
axes[1].legend(fontsize=8)
axes[1].grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# **How far does the writer look back?** We cut its context: it reads only the last $k$
# characters before each target. Where the loss stops falling, its memory ends.

# %%
contexts = (1, 2, 4, 8, 16, 32, 64)
targets = np.random.default_rng(lesson.seed).integers(cut + 64, len(ids), 600)
by_context = {}
for k in contexts:
    window = ids[targets[:, None] - k + np.arange(k)]  # (600, k), before the target
    with dls.no_grad():
        scores = writer(window)[:, -1]
        by_context[k] = F.cross_entropy(scores, dls.Tensor(ids[targets])).item()
fig, ax = plt.subplots(figsize=(6.5, 3.8))
ax.semilogx(contexts, list(by_context.values()), "o-", base=2)
ax.set(xlabel="characters read", ylabel="nats a character", xticks=contexts)
ax.set_xticklabels(contexts)
ax.set_title("What more context is worth")
ax.grid(alpha=0.3)
lesson.figure(fig, "context")
assert by_context[64] < by_context[1]

# %% [markdown]
# **The course's own weights**, if they are at hand. They were trained for 350 epochs in
# a Keras whose gates were *hard* sigmoids, $clip(0.2 z + 0.5, 0, 1)$. The notebook
# prints a loss of 2.551 after one more epoch, with dropout on. Here we measure without
# dropout, on windows that begin at 0, 3, 6 ..., at 1, 4, 7 ... and at 2, 5, 8 ... *It
# is the same text. Predict: do the three losses differ?*


# %%
def hard_sigmoid(z):
    """The gates' function of Keras before version 2.3."""
    return np.clip(0.2 * z + 0.5, 0, 1)


def logistic(z):
    """The sigmoid."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def keras_scores(weights, windows, gate):
    """Scores (m, 38) of the character behind each window (m, Tx) of numbers."""
    h = np.eye(38)[windows]  # (m, Tx, 38)
    for name in ("lstm_5", "lstm_6"):
        kernel = weights[f"{name}/kernel"]  # (inputs, 4 * 128)
        recurrent = weights[f"{name}/recurrent_kernel"]  # (128, 4 * 128)
        a = c = np.zeros((len(windows), len(recurrent)))
        states = []
        for t in range(windows.shape[1]):
            z = h[:, t] @ kernel + a @ recurrent + weights[f"{name}/bias"]
            i, f, g, o = np.split(z, 4, axis=1)  # Keras: i, f, c, o
            c = gate(f) * c + gate(i) * np.tanh(g)
            a = gate(o) * np.tanh(c)
            states.append(a)
        h = np.stack(states, axis=1)
    return h[:, -1] @ weights["dense_3/kernel"] + weights["dense_3/bias"]


pretrained = {}
try:
    file = lesson.load("shakespeare-weights").files[0]
except dls.DataError:
    print("the course's weights are not here: this cell is skipped")
else:
    weights = {k: np.asarray(v) for k, v in io.load_keras(file).items()}
    if len(vocabulary) == 38 and verse.where == "course":
        X, Y = build_data(verses, Tx=40, stride=1)
        some = np.arange(0, len(X) - 3, 3)[-400 if lesson.fast else -1_500 :]
        for name, gate in (("hard", hard_sigmoid), ("logistic", logistic)):
            for offset in range(3):
                windows = np.stack([vocabulary.encode(X[i + offset]) for i in some])
                right = vocabulary.encode([Y[i + offset] for i in some])
                scores = dls.Tensor(keras_scores(weights, windows, gate))
                loss = F.cross_entropy(scores, dls.Tensor(right)).item()
                pretrained.setdefault(name, {})[offset] = loss
        lesson.table(
            ["gates", "windows from 0", "from 1", "from 2"],
            [[name, *found.values()] for name, found in pretrained.items()],
        )

# %% [markdown]
# One of the three is far below the others: the network knows *those* windows by heart,
# the ones its training cut out. One character to the left or right it is worse than our
# writer after two epochs on text that it has never seen. A training loss says what was
# memorized. Only held-out text says what was learned. And the gates matter: with the
# logistic sigmoid the same weights are another network.

# %%
if pretrained:
    hard = sorted(pretrained["hard"].values())
    assert hard[0] < 1 < 2 < hard[1]
    assert hard[0] < min(pretrained["logistic"].values())
    assert lesson.fast or hard[1] > curves["held out"][1]

# %% [markdown]
# ## Break it
#
# **1. Turned there, but not back.** In the backward pass of a bidirectional layer the
# half that reads from the end gets its `da` in the wrong order. The check finds exactly
# what that half touches.

# %%
wrong_dx, _ = rnn_layer_backward(d_both[5:], x[:, :, ::-1], both[5:, :, ::-1], back)
_, wrong_back = rnn_layer_backward(d_both[5:], x[:, :, ::-1], both[5:, :, ::-1], back)
half_dx, _ = rnn_layer_backward(d_both[:5], x, both[:5], ahead)
turned_once = mine | {f"{k}_back": g for k, g in wrong_back.items()}
turned_once["dx"] = half_dx + wrong_dx[:, :, ::-1]
report = check.check_gradients(cost_of_both, leaves, turned_once)
broken = {"not turned back": [c.name for c in report.wrong]}
print("wrong:", ", ".join(broken["not turned back"]))
assert set(broken["not turned back"]) == {"dx", "dWax_back", "dWaa_back", "dba_back"}

# %% [markdown]
# **2. Each number clipped, not the norm.** The step then has another direction. By what
# angle? An RNN with large weights has a few large numbers; clipping them turns the
# gradient.

# %%
wild = random_layer(3, 5, draw, scale=1.5)
wild_x = draw.standard_normal((3, 4, 40))
_, wild_grads = rnn_layer_backward(
    np.ones((5, 4, 40)), wild_x, rnn_layer(wild_x, wild), wild
)


def angle(one, other):
    """Degrees between two sets of gradients."""
    u, v = (
        np.concatenate([g.ravel() for g in grads.values()]) for grads in (one, other)
    )
    cosine = u @ v / (np.linalg.norm(u) * np.linalg.norm(v))
    return float(np.degrees(np.arccos(min(1, cosine))))


by_number = {name: np.clip(g, -1, 1) for name, g in wild_grads.items()}
by_norm, wild_norm = clip_by_norm(wild_grads, 1.0)
broken["angle"] = {
    "number": angle(by_number, wild_grads), "norm": angle(by_norm, wild_grads)
}
print(f"norm {wild_norm:.0f}: turned by {broken['angle']['number']:.0f} degrees, "
      f"and by {broken['angle']['norm']:.1f}")
assert broken["angle"]["norm"] < 0.1 < 5 < broken["angle"]["number"]


# %% [markdown]
# **3. A bidirectional writer.** Asked for the next character, the half that reads from
# the end has already read it. The loss falls to almost nothing, on unseen text, too,
# and the writer cannot write: when it writes there is no next character to read.


# %%
class Cheat(nn.Module):
    """A bidirectional next-character model."""

    def __init__(self):
        size = len(vocabulary)
        self.layer = nn.LSTM(size, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, size)

    def forward(self, tokens):
        """Scores (m, t, characters), each made with knowledge of the future."""
        one_hot = np.eye(len(vocabulary), dtype="float32")[np.asarray(tokens)]
        return self.out(self.layer(dls.Tensor(one_hot))[0])


dls.manual_seed(lesson.seed)
cheat = Cheat()
cheating = optim.Adam(cheat.parameters(), lr=1e-2)
for _ in lesson.progress(range(60 if lesson.fast else 150), "cheat", "steps"):
    places = order.integers(0, cut - 33, 32)
    window = ids[places[:, None] + np.arange(33)]
    cheating.zero_grad()
    scores = cheat(window[:, :-1])[:, :-1].reshape(-1, len(vocabulary))
    loss = F.cross_entropy(scores, dls.Tensor(window[:, 1:-1].ravel()))
    loss.backward()
    cheating.step()
window = ids[cut : cut + 1_650].reshape(-1, 33)
with dls.no_grad():
    scores = cheat(window)[:, :-1].reshape(-1, len(vocabulary))
    broken["cheat"] = F.cross_entropy(scores, dls.Tensor(window[:, 1:].ravel())).item()
print(f"held out: {broken['cheat']:.2f} nats; the honest writer {final:.2f}")
assert broken["cheat"] < final

# %% [markdown]
# **4. A state with its past.** Whoever hands the state of one batch to the next, hands
# on its graph: the second backward pass runs into the first one's. Detach it, as the
# lesson on names did.

# %%
layer, state = nn.RNN(3, 4), None
with_past = dls.Tensor(draw.standard_normal((2, 1, 3)).astype("float32"))
try:
    for _ in range(2):
        output, state = layer(with_past, state)
        output.sum().backward()
except dls.GraphError as error:
    message = str(error)
print(message.splitlines()[0])
output, state = layer(with_past, state.detach())
output.sum().backward()
assert message

# %% [markdown]
# **5. Dropout left on.** In training mode the writer is measured with a fifth of its
# signals cut at random.

# %%
writer.train()
dls.manual_seed(lesson.seed)
broken["dropout"] = {"on": held_out_loss(writer), "off": final}
writer.eval()
print(f"with dropout {broken['dropout']['on']:.3f}, without {final:.3f}")
assert broken["dropout"]["on"] > final - 0.01 * lesson.fast

# %% [markdown]
# **6. Nothing to read, and what it cannot read.** Each gets an error that says what to
# do, before anything is computed.

# %%
messages = []
for attempt in (
    lambda: writer.generate(np.empty((1, 0), int), 5),
    lambda: vocabulary.encode("thou € art"),
    lambda: writer(np.array([[len(vocabulary)]])),
    lambda: text.Vocabulary.from_texts(""),
):
    try:
        attempt()
    except dls.DataError as error:
        messages.append(str(error))
        print("-", messages[-1].splitlines()[0])
assert len(messages) == 4

# %% [markdown]
# ## Recap
#
# - Through time a gradient is multiplied once a step. Below 1 it vanishes, above 1 it
#   explodes.
# - LSTM and GRU can hold the factor near 1: a gate that keeps, and *starts open*.
# - Clip by the norm: a shorter step, the same direction.
# - Bidirectional networks know the future. They restore and label; they cannot write.
# - Deep: states are the next layer's inputs.
# - Held-out text tells learning from knowing by heart.
#
# ## Questions
#
# 1. A forget gate of 0.99: after how many steps is half of the cell gone?
#    <details><summary>Answer</summary>
#    ln 0.5 / ln 0.99 = 69.
#    </details>
# 2. Why does clipping not help against vanishing gradients?
#    <details><summary>Answer</summary>
#    It scales all of g. What comes from far away stays small beside the rest.
#    </details>
# 3. Which of these may be bidirectional: translating a whole sentence, live captions,
#    a trigger word, naming the people in a text?
#    <details><summary>Answer</summary>
#    The first and the last: the whole input is there before the answer is due.
#    </details>
# 4. Why does dropout act between layers and not from step to step?
#    <details><summary>Answer</summary>
#    On the way through time it would hit the same memory again and again: after T
#    steps only a share of 0.8 to the T would be left.
#    </details>
# 5. Why is the perplexity of a writer not the whole story?
#    <details><summary>Answer</summary>
#    It is measured while the model reads real text. Writing, it reads its own, mistakes
#    included.
#    </details>
#
# ## Go further
#
# - Give the writer more layers, or 256 units, and stop by the held-out loss.
# - Let `recall` use orthogonal weights for the RNN. How far does it get?
# - Next: `c5w1-music` lets such a network improvise.

# %%
# The end.
if not lesson.fast:
    assert final < 0.65 * np.log(len(vocabulary))
lesson.finish(
    {
        "gradient_norms": {
            kind: {f"{back} back": float(n[99 - back]) for back in (0, 20, 50, 99)}
            for kind, n in norms.items()
        },
        "remembering": memory,
        "series": series | {"mean of five": {"mse": baseline}},
        "fill_in": fill_in,
        "losses": {name: dict(enumerate(curve, 1)) for name, curve in curves.items()},
        "held_out_loss": final,
        "perplexity": float(np.exp(final)),
        "by_context": by_context,
        "pretrained": pretrained,
        "broken": broken,
    }
)
