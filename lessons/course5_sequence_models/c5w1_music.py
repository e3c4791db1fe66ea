# %% [markdown]
# # Music: improvise a melody
#
# Course 5, week 1. About 75 minutes with the exercises. The script runs for half a
# minute, with `--fast` for five seconds.
#
# **Goal.** A network that has heard some tunes, one note after the other, makes up new
# ones. You will
#
# - turn tunes into a vocabulary of notes, and cut sequences out of them,
# - unroll an LSTM of 64 units over 30 steps, and take the gradient back through all of
#   them by hand,
# - train it on 60 sequences, and see the loss fall as in the course,
# - feed its own notes back to it, and write what comes out as a MIDI file and as a WAV
#   file you can listen to,
# - ask how much of it is copied, and what it learned about tunes it has not heard,
# - break it in seven ways, and find each.
#
# It rebuilds the assignment "Improvise a jazz solo with an LSTM network", with its
# names (`djmodel`, `predict_and_sample`, `n_values` ...), its layout and its sizes. The
# assignment learns from a jazz solo that is not free; here are old tunes that are.
#
# ## What you need
#
# `c5w1-rnn-step-by-step` for the cell of the LSTM. Sequences are columns in the
# hand-derived part, as in the course: at each time, $x$ is (n_values, m). `nn.LSTM`
# takes rows.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import audio, check, nn, optim, text
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c5w1-music")
written = lesson.load("tunes").files[0].read_text("utf-8")
known, unknown = [], []
for piece in written.split("\nX:")[1:]:  # a few of thousands may be beyond the reader
    try:
        known += audio.read_abc("X:" + piece)
    except dls.FormatError as error:
        unknown.append(str(error))
print(f"{len(known)} tunes, {len(unknown)} left out")

# %% [markdown]
# ## The idea in a picture
#
# A note is a pitch and a length. All tunes are moved to the same keynote, C, so that
# the network need not learn twelve versions of everything. One *value* of the
# vocabulary is one pitch with one length: `(64, 1/4)` is an E of a quarter. The network
# reads a value and says how likely each value is to come next.

# %%
SHORTEST = 32  # lengths are multiples of 1/32 of a whole note


def values_of(tune):
    """[(pitch or None, length in 1/32)] on the keynote C; None if a length is odd."""
    up = -tune.tonic if tune.tonic <= 6 else 12 - tune.tonic
    lengths = [float(length * SHORTEST) for _, length in tune.notes]
    if any(length != int(length) for length in lengths):
        return None
    return [
        (None if pitch is None else pitch + up, int(length))
        for (pitch, _), length in zip(tune.notes, lengths, strict=True)
    ]


def suits(tune):
    """Major, minor or Dorian, 24 to 90 notes on the grid, within three octaves."""
    values = values_of(tune)
    if values is None or tune.mode not in ("maj", "min", "dor"):
        return False
    pitches = [pitch for pitch, _ in values if pitch is not None]
    return 24 <= len(values) <= 90 and min(pitches) >= 48 and max(pitches) <= 86


suitable = [tune for tune in known if suits(tune)]
chosen_rng = np.random.default_rng(lesson.seed)
if len(suitable) > 21:  # of a large collection, as many as are built in
    places = chosen_rng.permutation(len(suitable))[:21]
    suitable = [suitable[i] for i in sorted(places)]
train_tunes, heldout_tunes = suitable[:-4], suitable[-4:]
corpus = [values_of(tune) for tune in train_tunes]
heldout = [values_of(tune) for tune in heldout_tunes]
values = sorted(
    {value for tune in corpus + heldout for value in tune},
    key=lambda v: (v[0] or 0, v[1]),
)
values_indices = {value: i for i, value in enumerate(values)}
n_values = len(values)
print(f"{len(corpus)} tunes to learn from, {len(heldout)} held out; {n_values} values")


def draw_roll(ax, notes, title, colour="tab:blue"):
    """A piano roll: each note (start, duration, pitch) a bar at its pitch."""
    for start, duration, pitch, *_ in notes:
        ax.barh(pitch, 0.92 * duration, left=start, height=0.8, color=colour)
    ax.set(title=title, ylabel="pitch", yticks=range(48, 85, 12))
    ax.set_yticklabels([f"C{octave}" for octave in (3, 4, 5, 6)])
    ax.grid(axis="y", alpha=0.3)


def to_notes(melody, tempo=120.0):
    """Notes of a melody of values, in seconds; rests leave a gap."""
    notes, now, second = [], 0.0, 240.0 / tempo / SHORTEST  # of 1/32
    for pitch, length in melody:
        if pitch is not None:
            notes.append(audio.Note(now, length * second, pitch))
        now += length * second
    return notes


fig, axes = plt.subplots(2, 1, figsize=(11, 5.5))
for ax, tune in zip(axes, (train_tunes[0], train_tunes[2]), strict=True):
    draw_roll(ax, to_notes(values_of(tune))[:45], tune.title)
    pitches = [pitch for pitch, _ in values_of(tune) if pitch is not None]
    ax.set_ylim(min(pitches) - 3, max(pitches) + 3)
axes[1].set_xlabel("time, s")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Before training every value is about equally likely: each step costs $\ln n$. The
# course adds the loss up over the steps, and reports about **126** at the start. Where
# does that come from? Its vocabulary has 78 values, and of its 30 targets the last is
# all zeros (it is the value after the end of the sequence), so 29 count:
#
# $$29 \ln 78 = 126.3 .$$
#
# In the 2021 edition the vocabulary has 90 values, and $29 \ln 90 = 130.5$. With our
# number of values:

# %%
first_loss = 29 * np.log(n_values)
print(f"29 ln 78 = {29 * np.log(78):.1f}; here 29 ln {n_values} = {first_loss:.1f}")

# %% [markdown]
# ## The mathematics
#
# The four gates of the LSTM are stacked: $Z$ is $(4 n_a, m)$, in the order input $i$,
# forget $f$, candidate $g$, output $o$. With $x^{\langle t \rangle}$ (n, m), $a$ and
# $c$ $(n_a, m)$:
#
# | forward, for $t = 1 \dots T_x$ | shape |
# |---|---|
# | $Z = W_x x^{\langle t \rangle} + W_a a^{\langle t-1 \rangle} + b$ | $(4 n_a, m)$ |
# | $i, f, o = \sigma(Z_i), \sigma(Z_f), \sigma(Z_o)$, $g = \tanh(Z_g)$ | $(n_a, m)$ |
# | $c^{\langle t \rangle} = f * c^{\langle t-1 \rangle} + i * g$ | $(n_a, m)$ |
# | $a^{\langle t \rangle} = o * \tanh(c^{\langle t \rangle})$ | $(n_a, m)$ |
# | $p^{\langle t \rangle} = \text{softmax}(W_y a^{\langle t \rangle} + b_y)$ | (n, m) |
#
# The loss is a sum over the steps and a mean over the sequences:
# $L = -\frac1m \sum_t \sum_k \sum_v y_v^{\langle t \rangle (k)} \ln
# p_v^{\langle t \rangle (k)}$.
#
# **Backward.** Where the target of a step is one-hot, $dZ_y = (p - y)/m$; where it is
# all zeros the step costs nothing, so $dZ_y = 0$. Both in one formula:
# $dZ_y = (p \sum_v y_v - y)/m$. Then, with $da$ and $dc$ that come from the next step:
#
# $$
# da \mathrel{+}= W_y^T dZ_y, \qquad
# dc \mathrel{+}= da * o * (1 - \tanh^2 c), \qquad
# dZ_o = da * \tanh c * o (1 - o),
# $$
# $$
# dZ_i = dc * g * i(1 - i), \quad dZ_f = dc * c^{\langle t-1 \rangle} * f(1 - f),
# \quad dZ_g = dc * i * (1 - g^2),
# $$
# $$
# dW_x \mathrel{+}= dZ\, x^T, \quad dW_a \mathrel{+}= dZ\, a^{\langle t-1 \rangle T},
# \quad db \mathrel{+}= \textstyle\sum_k dZ, \quad
# da^{\langle t-1 \rangle} = W_a^T dZ, \quad dc^{\langle t-1 \rangle} = dc * f .
# $$
#
# The same weights serve all steps: their gradients add up.
#
# **Sampling.** At temperature $T$ the next value is drawn with $q_v \propto
# p_v^{1/T}$, that is, softmax of $\ln p_v / T$: below 1 it is more certain, above 1
# more adventurous.
#
# ## Your code
#
# **Exercise 1.** Cut sequences out of the tunes, with the course's layout. Sequence $i$
# takes `Tx` values that follow each other, $v_0 \dots v_{T_x - 1}$, from a random place
# of a random tune. `X[i, t]` is the one-hot of $v_t$, but `X[i, 0]` is all zeros: the
# network starts from nothing. `Y[t, i]` is the one-hot of $v_{t+1}$; the last is all
# zeros.
#
# **Exercise 2.** One step of the LSTM.
#
# **Exercise 3.** `djmodel`: all steps, from $a = c = 0$. Keep for each step what the
# step returned as its cache, and $a$.
#
# **Exercise 4.** The loss.
#
# **Exercise 5.** One step of the LSTM, backward.
#
# **Exercise 6.** All steps, backward.
#
# **Exercise 7.** Draw the next value at a temperature: probabilities $(n,)$ in, a place
# out. Draw one number $u$ from 0 to 1 by `rng.random()`, and take the first place at
# which the cumulated probability is above $u$.


# %%
def data_processing(corpus, values_indices, m=60, Tx=30, seed=0):
    """X (m, Tx, n_values), Y (Tx, m, n_values) from lists of values."""
    rng, n_values = np.random.default_rng(seed), len(values_indices)
    long_enough = [tune for tune in corpus if len(tune) >= Tx]
    X = np.zeros((m, Tx, n_values), dtype=bool)
    Y = np.zeros((Tx, m, n_values), dtype=bool)
    for i in range(m):
        tune = long_enough[rng.integers(len(long_enough))]
        start = rng.integers(len(tune) - Tx + 1)
        # BEGIN SOLUTION
        for t in range(1, Tx):
            v = values_indices[tune[start + t]]
            X[i, t, v] = True
            Y[t - 1, i, v] = True
        # END SOLUTION
    return X, Y


def sigmoid(z):
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def softmax(z):
    """e^z over its sum, for each column."""
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def lstm_step(x, a, c, parameters):
    """a, c (n_a, m) after x (n, m), and the cache (x, a_before, c_before, gates, c)."""
    Wx, Wa, b = (parameters[name] for name in ("Wx", "Wa", "b"))
    # BEGIN SOLUTION
    Z = Wx @ x + Wa @ a + b  # (4 n_a, m)
    Zi, Zf, Zg, Zo = np.split(Z, 4)  # (n_a, m) each
    i, f, g, o = sigmoid(Zi), sigmoid(Zf), np.tanh(Zg), sigmoid(Zo)
    c_next = f * c + i * g  # (n_a, m)
    a_next = o * np.tanh(c_next)  # (n_a, m)
    # END SOLUTION
    return a_next, c_next, (x, a, c, (i, f, g, o), c_next)


def djmodel(X, parameters):
    """P (Tx, n, m) for X (m, Tx, n), and [(cache of the step, a)] of each step."""
    m, Tx, n = X.shape
    n_a = len(parameters["Wa"]) // 4
    a, c = np.zeros((n_a, m)), np.zeros((n_a, m))
    P, caches = np.zeros((Tx, n, m)), []
    for t in range(Tx):
        # BEGIN SOLUTION
        x = X[:, t].T.astype(float)  # (n, m)
        a, c, cache = lstm_step(x, a, c, parameters)
        P[t] = softmax(parameters["Wy"] @ a + parameters["by"])  # (n, m)
        caches.append((cache, a))
        # END SOLUTION
    return P, caches


def sequence_loss(P, Y):
    """A float: summed over the steps, the mean over the sequences. Y (Tx, m, n)."""
    # BEGIN SOLUTION
    right = Y.transpose(0, 2, 1)  # (Tx, n, m)
    loss = -float(np.sum(np.log(P[right])) / Y.shape[1])
    # END SOLUTION
    return loss


def lstm_step_backward(da, dc, cache, parameters):
    """dWx, dWa, db of this step, and da, dc for the step before."""
    x, a_before, c_before, (i, f, g, o), c = cache
    # BEGIN SOLUTION
    tanh_c = np.tanh(c)  # (n_a, m)
    dc = dc + da * o * (1 - tanh_c**2)  # (n_a, m)
    dZi = dc * g * i * (1 - i)
    dZf = dc * c_before * f * (1 - f)
    dZg = dc * i * (1 - g**2)
    dZo = da * tanh_c * o * (1 - o)
    dZ = np.concatenate([dZi, dZf, dZg, dZo])  # (4 n_a, m)
    dWx = dZ @ x.T  # (4 n_a, n)
    dWa = dZ @ a_before.T  # (4 n_a, n_a)
    db = np.sum(dZ, axis=1, keepdims=True)  # (4 n_a, 1)
    da_before = parameters["Wa"].T @ dZ  # (n_a, m)
    dc_before = dc * f  # (n_a, m)
    # END SOLUTION
    return dWx, dWa, db, da_before, dc_before


def djmodel_backward(P, Y, caches, parameters):
    """{"dWx", "dWa", "db", "dWy", "dby"} of the loss; Y (Tx, m, n)."""
    grads = {f"d{name}": np.zeros_like(p) for name, p in parameters.items()}
    Tx, m, _ = Y.shape
    da = np.zeros_like(caches[0][1])  # (n_a, m)
    dc = np.zeros_like(da)
    for t in range(Tx - 1, -1, -1):
        cache, a = caches[t]
        y = Y[t].T.astype(float)  # (n, m)
        # BEGIN SOLUTION
        dZy = (P[t] * np.sum(y, axis=0, keepdims=True) - y) / m  # (n, m)
        grads["dWy"] += dZy @ a.T  # (n, n_a)
        grads["dby"] += np.sum(dZy, axis=1, keepdims=True)  # (n, 1)
        da = da + parameters["Wy"].T @ dZy  # (n_a, m)
        dWx, dWa, db, da, dc = lstm_step_backward(da, dc, cache, parameters)
        grads["dWx"] += dWx
        grads["dWa"] += dWa
        grads["db"] += db
        # END SOLUTION
    return grads


def draw(p, temperature, rng):
    """A place of p (n,), drawn at this temperature."""
    # BEGIN SOLUTION
    scaled = np.log(p + 1e-300) / temperature  # (n,)
    q = np.exp(scaled - np.max(scaled))
    q = q / np.sum(q)  # (n,)
    place = int(np.searchsorted(np.cumsum(q), rng.random(), side="right"))
    # END SOLUTION
    return min(place, len(p) - 1)  # where rounding makes the sum of q less than 1


# %% [markdown]
# **Exercise 8.** The network listens to itself (`music_inference_model` and
# `predict_and_sample` in the course): from $x = 0$, $a = c = 0$, run a step, draw a
# value, make its one-hot the next $x$, `Ty` times.


# %%
def predict_and_sample(parameters, Ty=50, temperature=1.0, seed=0):
    """Places of Ty values, each drawn given those before it."""
    rng = np.random.default_rng(seed)
    n_a, n = len(parameters["Wa"]) // 4, len(parameters["Wy"])
    x, a, c = np.zeros((n, 1)), np.zeros((n_a, 1)), np.zeros((n_a, 1))
    indices = []
    for _ in range(Ty):
        # BEGIN SOLUTION
        a, c, _ = lstm_step(x, a, c, parameters)
        p = softmax(parameters["Wy"] @ a + parameters["by"])  # (n, 1)
        place = draw(p[:, 0], temperature, rng)
        x = np.zeros((n, 1))
        x[place] = 1
        indices.append(place)
        # END SOLUTION
    return indices


def initialize_parameters(n, n_a, seed):
    """Uniform in +-1 / sqrt(n_a), as nn.LSTM and nn.Linear start."""
    rng, bound = np.random.default_rng(seed), 1 / np.sqrt(n_a)
    shapes = {"Wx": (4 * n_a, n), "Wa": (4 * n_a, n_a), "b": (4 * n_a, 1)}
    shapes |= {"Wy": (n, n_a), "by": (n, 1)}
    return {name: rng.uniform(-bound, bound, shape) for name, shape in shapes.items()}


X, Y = data_processing(corpus, values_indices, m=60, Tx=30, seed=lesson.seed)
print(f"X {X.shape}, Y {Y.shape}")
start = initialize_parameters(n_values, 64, lesson.seed)
P, caches = djmodel(X, start)
print(f"loss before training {sequence_loss(P, Y):.2f}, by hand {first_loss:.2f}")
assert abs(sequence_loss(P, Y) - first_loss) < 1

# %% [markdown]
# ## Check it three ways
#
# **By hand.** With all weights 0 every gate is $\sigma(0) = 0.5$ and the candidate
# $\tanh 0 = 0$. So $c$ is halved in each step, every value has probability $1/n$, and
# the loss is exactly $29 \ln n$.

# %%
zeros = {name: np.zeros_like(p) for name, p in start.items()}
P0, caches0 = djmodel(X, zeros)
assert abs(sequence_loss(P0, Y) - first_loss) < 1e-9
nothing, silent = np.zeros((n_values, 1)), np.zeros((64, 1))
_, c_next, _ = lstm_step(nothing, silent, np.full((64, 1), 0.8), zeros)
assert np.allclose(c_next, 0.4)
print(f"all weights 0: loss {sequence_loss(P0, Y):.4f}; c from 0.8 to {c_next[0, 0]}")

# %% [markdown]
# **Against the engine**: `nn.LSTM` and `nn.Linear` with the same weights. (`nn.LSTM`
# has two biases for each gate, as PyTorch; one of them is set to 0.)


# %%
class Improviser(nn.Module):
    """Values (m, Tx, n) one-hot -> logits (m, Tx, n)."""

    def __init__(self, n, n_a=64):
        self.lstm = nn.LSTM(n, n_a, batch_first=True, dtype="float64")
        self.fc = nn.Linear(n_a, n, dtype="float64")

    def forward(self, x):
        return self.fc(self.lstm(x)[0])


def as_state(parameters):
    """The state_dict of Improviser for these parameters."""
    return {
        "lstm.weight_ih_l0": parameters["Wx"],
        "lstm.weight_hh_l0": parameters["Wa"],
        "lstm.bias_ih_l0": parameters["b"][:, 0],
        "lstm.bias_hh_l0": np.zeros(len(parameters["b"])),
        "fc.weight": parameters["Wy"],
        "fc.bias": parameters["by"][:, 0],
    }


def engine_loss(network, x, targets):
    """The same sum over the steps, mean over the sequences; targets (m, Tx) or -100."""
    logits = network(x).swapaxes(1, 2)  # (m, n, Tx)
    total = F.cross_entropy(logits, targets, ignore_index=-100, reduction="sum")
    return total / x.shape[0]


targets = np.where(Y.any(axis=2), Y.argmax(axis=2), -100).T  # (m, Tx)
x, y = dls.Tensor(X.astype(float)), dls.Tensor(targets)
network = Improviser(n_values)
network.load_state_dict(as_state(start))
J = engine_loss(network, x, y)
J.backward()
grads = djmodel_backward(P, Y, caches, start)
assert abs(J.item() - sequence_loss(P, Y)) < 1e-9
places = {"Wx": "lstm.weight_ih_l0", "Wa": "lstm.weight_hh_l0", "Wy": "fc.weight"}
places |= {"b": "lstm.bias_ih_l0", "by": "fc.bias"}
by_name = dict(network.named_parameters())
for name, place in places.items():
    truth = by_name[place].grad.numpy().reshape(start[name].shape)
    assert dls.compare("d" + name, grads["d" + name], truth).ok
    assert np.abs(grads["d" + name] - truth).max() < 1e-10

# %% [markdown]
# **Numerically**, a small one: 5 values, 3 units, 4 steps, 2 sequences.

# %%
tiny_rng = np.random.default_rng(0)
tiny = {
    name: p + 0.3 * tiny_rng.standard_normal(p.shape)
    for name, p in initialize_parameters(5, 3, 1).items()
}
tiny_indices = {value: value for value in range(5)}
tiny_tunes = [tiny_rng.integers(0, 5, 9).tolist() for _ in range(2)]
tiny_X, tiny_Y = data_processing(tiny_tunes, tiny_indices, m=2, Tx=4)
P, caches = djmodel(tiny_X, tiny)
report = check.check_gradients(
    lambda p: sequence_loss(djmodel(tiny_X, p)[0], tiny_Y),
    tiny,
    djmodel_backward(P, tiny_Y, caches, tiny),
    m=2,
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Three steps of a cell written out with the engine's operations: the two lines that go
# from step to step are $a$ and $c$.

# %%
tensors = {
    name: dls.Tensor(p, requires_grad=True, name=name) for name, p in tiny.items()
}
with dls.trace():
    a, c = dls.zeros((3, 2), dtype="float64"), dls.zeros((3, 2), dtype="float64")
    J = 0.0
    for t in range(2):
        step_x = dls.Tensor(tiny_X[:, t].T.astype(float))
        Z = tensors["Wx"] @ step_x + tensors["Wa"] @ a + tensors["b"]
        c = Z[3:6].sigmoid() * c + Z[:3].sigmoid() * Z[6:9].tanh()
        a = Z[9:].sigmoid() * c.tanh()
        logits = (tensors["Wy"] @ a + tensors["by"]).T
        J = J + F.cross_entropy(logits, dls.Tensor(tiny_Y[t].argmax(axis=1)))
    J.backward()
graph = dls.graph(J, names={"J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# The whole batch of 60 in each step, Adam with a rate of 0.01, by hand and with the
# engine from the same start. (Rounding differs in the 16th digit, and grows about
# tenfold in eight steps: later the two runs go their own ways.) The held-out tunes are
# cut into sequences, too: they are only listened to.


# %%
def adam(parameters, grads, moments, t, rate):
    """One step of Adam; moments {"m", "v"} are updated in place."""
    new = {}
    for name, p in parameters.items():
        g = grads[f"d{name}"]
        moments["m"][name] = 0.9 * moments["m"][name] + 0.1 * g
        moments["v"][name] = 0.999 * moments["v"][name] + 0.001 * g**2
        m_hat = moments["m"][name] / (1 - 0.9**t)
        v_hat = moments["v"][name] / (1 - 0.999**t)
        new[name] = p - rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    return new


iterations = 120 if lesson.fast else 300
heldout_X, heldout_Y = data_processing(heldout, values_indices, m=40, seed=lesson.seed)
parameters = start
moments = {kind: dict.fromkeys(start, 0.0) for kind in ("m", "v")}
losses, heldout_losses, snapshots = [], {}, {}
for t in lesson.progress(range(1, iterations + 1), "by hand", "steps"):
    P, caches = djmodel(X, parameters)
    losses.append(sequence_loss(P, Y))
    if t % 10 == 1:
        P_heldout, _ = djmodel(heldout_X, parameters)
        heldout_losses[t - 1] = sequence_loss(P_heldout, heldout_Y)
        snapshots[t - 1] = parameters
    grads = djmodel_backward(P, Y, caches, parameters)
    parameters = adam(parameters, grads, moments, t, 0.01)
losses.append(sequence_loss(djmodel(X, parameters)[0], Y))

network.load_state_dict(as_state(start))
network.lstm.bias_hh_l0.requires_grad_(False)  # one bias, as by hand
trained = [p for p in network.parameters() if p.requires_grad]
optimizer = optim.Adam(trained, lr=0.01)


def step(x, y):
    optimizer.zero_grad()
    loss = engine_loss(network, x, y)
    loss.backward()
    optimizer.step()
    return loss


fast_step = dls.capture(step)
engine_losses = [
    fast_step(x, y).item()
    for _ in lesson.progress(range(iterations), "engine", "steps")
]
apart = np.abs(np.array(losses[:-1]) - engine_losses)
print(f"by hand and engine: apart by {apart[:50].max():.1e} in the first 50 steps")
print(f"later by up to {apart.max():.2f}, at the end by {apart[-1]:.4f}")
assert apart[:50].max() < 1e-6 and apart[-1] < 1
lesson.table(
    ["step", "loss", "held out"],
    [
        [t, f"{losses[t]:.2f}", f"{heldout_losses[t]:.2f}"]
        for t in heldout_losses
        if t % (30 if lesson.fast else 60) == 0
    ]
    + [[iterations, f"{losses[-1]:.2f}", ""]],
)

# %% [markdown]
# The loss of the course falls from about 126 to about 6 in 100 epochs, on 60 sequences
# out of one solo. Ours does the same. But look at the other column: on tunes it has not
# heard the loss falls for a while, then rises far above its start. The network learns
# its sixty sequences by heart. For a solo that quotes what it has heard that may be
# what one wants; it has not learned *music*.

# %%
best_step = min(heldout_losses, key=heldout_losses.get)
lowest = heldout_losses[best_step]
print(f"on unheard tunes it is best at step {best_step}: {lowest:.1f}")
assert losses[-1] < 12 and heldout_losses[best_step] < heldout_losses[0]
fig, ax = plt.subplots(figsize=(8, 4.2))
ax.semilogy(losses, label="60 sequences to learn from")
ax.semilogy(list(heldout_losses), list(heldout_losses.values()), label="held-out tunes")
ax.axhline(first_loss, color="gray", linestyle=":", label="all values equally likely")
ax.set(xlabel="step", ylabel="loss, summed over the steps")
ax.set_title("It learns by heart")
ax.legend()
ax.grid(alpha=0.3, which="both")
lesson.figure(fig, "losses")

# %% [markdown]
# ## Look at it
#
# Improvise: with the network at the end, which quotes, and with the one that was best
# on unheard tunes. A few lines of harmony make it nicer to listen to: for each bar the
# chord of C, F or G that has most of its notes.


# %%
def harmonize(melody, bar=SHORTEST):
    """A chord of C, F or G a bar, an octave below: notes (start, length, pitch)."""
    chords = {0: (0, 4, 7), 5: (5, 9, 0), 7: (7, 11, 2)}
    inside, now = {}, 0
    for pitch, length in melody:
        if pitch is not None:
            inside.setdefault(now // bar, []).append((pitch % 12, length))
        now += length
    second, low = 2.0 / SHORTEST, []
    for number in range(-(-now // bar)):
        heard = inside.get(number, [])
        root = max(chords, key=lambda r: sum(n for p, n in heard if p in chords[r]))
        low += [
            audio.Note(number * bar * second, bar * second, 48 + step, 0.35)
            for step in chords[root]
        ]
    return low


def longest_copy(melody, tunes):
    """The most values in a row that are, just so, in one of the tunes."""
    parts = {
        tuple(tune[i:j])
        for tune in tunes
        for i in range(len(tune))
        for j in range(i + 1, len(tune) + 1)
    }
    best = 0
    for i in range(len(melody)):
        while i + best < len(melody) and tuple(melody[i : i + best + 1]) in parts:
            best += 1
    return best


def describe(melody):
    """Figures of a melody: copied, in the scale of C major, different values."""
    pitches = [pitch for pitch, _ in melody if pitch is not None]
    in_scale = np.mean([pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for pitch in pitches])
    return {
        "longest_copy": longest_copy(melody, corpus),
        "in_scale": 100 * float(in_scale),
        "values": len(set(melody)),
    }


players = {"by heart": parameters, "best on unheard": snapshots[best_step]}
figures, melodies = {}, {}
for name, player in players.items():
    for temperature in (0.5, 1.0, 1.5):
        drawn = predict_and_sample(player, 80, temperature, lesson.seed)
        melody = [values[place] for place in drawn]
        melodies[name, temperature] = melody
        figures.setdefault(name.replace(" ", "_"), {})[temperature] = describe(melody)
lesson.table(
    ["network", "temperature", "longest copy", "in C major %", "different values"],
    [
        [name, f"{temperature:g}", *(f"{v:.4g}" for v in describe(melody).values())]
        for (name, temperature), melody in melodies.items()
    ],
)

# %%
fig, axes = plt.subplots(3, 1, figsize=(11, 8))
shown = (("by heart", 0.5), ("by heart", 1.0), ("best on unheard", 1.0))
for ax, key in zip(axes, shown, strict=True):
    draw_roll(ax, to_notes(melodies[key]), f"{key[0]}, temperature {key[1]:g}")
    pitches = [pitch for pitch, _ in melodies[key] if pitch is not None]
    ax.set_ylim(min(pitches) - 3, max(pitches) + 3)
    ax.set_xlim(0, 30)
axes[-1].set_xlabel("time, s")
fig.tight_layout()
lesson.figure(fig, "improvisations")

# %% [markdown]
# **Listen.** `improvisation.mid` opens in any notation program or player;
# `improvisation.wav` is made by the additive synthesizer: each note a sum of sines that
# fades. In its spectrogram every note is a ladder, the keynote below and its multiples
# above. That is a check, too: at the middle of each note the strongest frequency must
# be that of its pitch.

# %%
RATE = 22050
played = melodies["by heart", 1.0][:48]
notes = to_notes(played)
accompanied = notes + harmonize(played)
try:
    audio.write_midi(lesson.out / "improvisation.mid", accompanied, tempo=120)
except dls.DataError as error:  # the package mido is missing
    print(error)
sound = audio.render(accompanied, RATE)
audio.write(lesson.out / "improvisation.wav", sound, RATE)

alone = audio.render(notes, RATE)[0]
in_tune = []
for note in notes:
    first, last = (int((note.start + s * note.duration) * RATE) for s in (0.2, 0.8))
    part = alone[first:last] * np.hanning(last - first)
    strength = np.abs(np.fft.rfft(part, 2 * RATE))  # half a Hz apart
    heard = strength.argmax() / 2
    in_tune.append(abs(heard / audio.pitch_to_hertz(note.pitch) - 1) < 0.03)
print(f"{sound.shape[1] / RATE:.1f} s, {100 * np.mean(in_tune):.0f} % in tune")
assert np.mean(in_tune) > 0.98

power = audio.decibels(audio.spectrogram(sound[0], RATE, nfft=2048, noverlap=1536))
fig, axes = plt.subplots(2, 1, figsize=(11, 7.5), sharex=True)
draw_roll(axes[0], accompanied, "improvisation.mid: melody and chords")
axes[0].set_ylim(45, 86)
seconds = sound.shape[1] / RATE
axes[1].imshow(
    power, origin="lower", aspect="auto", vmin=power.max() - 80,
    extent=(0, seconds, 0, RATE / 2),
)
axes[1].set(ylim=(0, 3000), xlabel="time, s", ylabel="frequency, Hz")
axes[1].set_title("improvisation.wav: its spectrogram, 80 dB")
fig.tight_layout()
lesson.figure(fig, "music")

# %% [markdown]
# ## Break it
#
# **1. Targets not shifted.** The network is asked for the value it has just been given.
# The loss falls faster and lower than music can: it only copies its input. The test
# needs no training: where `X` has a value at $t + 1$, `Y` must have it at $t$.


# %%
def name_the_shift(X, Y):
    """By how many steps the targets (Tx, m, n) are ahead of the inputs (m, Tx, n)."""
    inputs, targets = X.transpose(1, 0, 2), Y
    for ahead in (1, 0, 2, -1):
        later, now = inputs[max(ahead, 0) :], targets[max(-ahead, 0) :]
        count = min(len(later), len(now))
        if np.array_equal(later[1:count], now[1:count]):
            return f"targets are {ahead} steps ahead"
    return "targets are other values"


copied_Y = X.transpose(1, 0, 2)
shifts = [name_the_shift(X, Y), name_the_shift(X, copied_Y)]
print(shifts)
assert shifts == ["targets are 1 steps ahead", "targets are 0 steps ahead"]

# %% [markdown]
# **2. A mean in the place of the sum.** The loss says 4.2 where the course says 126,
# every gradient is 29 times smaller, and Adam hardly cares: it divides it out. Plain
# gradient descent would. The first loss gives it away: is it $\ln n$ or $29 \ln n$?

# %%
P, _ = djmodel(X, start)
as_sum = sequence_loss(P, Y)
as_mean = as_sum / Y.any(axis=2).sum(axis=0).mean()
ratio = {"sum": as_sum / np.log(n_values), "mean": as_mean / np.log(n_values)}
print({name: round(float(value), 2) for name, value in ratio.items()}, "times ln n")
assert abs(ratio["sum"] - 29) < 0.5 and abs(ratio["mean"] - 1) < 0.02

# %% [markdown]
# **3. The gates in another order.** Keras stacks input, forget, candidate, output, as
# here; other programs put the output gate third. Weights loaded in the wrong order fit
# in every shape and raise no error. The output tells.

# %%
swapped = {
    name: np.concatenate([np.split(p, 4)[k] for k in (0, 1, 3, 2)])
    if name in ("Wx", "Wa", "b")
    else p
    for name, p in parameters.items()
}
order_losses = {
    name: sequence_loss(djmodel(X, p)[0], Y)
    for name, p in (("i f g o", parameters), ("i f o g", swapped))
}
print({name: round(loss, 1) for name, loss in order_losses.items()})
assert order_losses["i f o g"] > 5 * order_losses["i f g o"]

# %% [markdown]
# **4. The state is not carried on.** When it improvises, $a$ and $c$ are set to zero in
# each step. It still makes notes, but what comes next depends on the last value only.
# The test: run two different beginnings that end with the same value; what it says next
# must differ.


# %%
def next_probabilities(parameters, places, carry=True):
    """What it says after these values, with the state carried on or not."""
    n_a, n = len(parameters["Wa"]) // 4, len(parameters["Wy"])
    a, c = np.zeros((n_a, 1)), np.zeros((n_a, 1))
    for place in places:
        x = np.eye(n)[:, [place]]
        if not carry:
            a, c = np.zeros((n_a, 1)), np.zeros((n_a, 1))
        a, c, _ = lstm_step(x, a, c, parameters)
    return softmax(parameters["Wy"] @ a + parameters["by"])[:, 0]


beginnings = [values_indices[v] for v in corpus[0][:6]], [
    values_indices[v] for v in corpus[2][:5] + corpus[0][5:6]
]
memory = {}
for carry in (True, False):
    first, second = (next_probabilities(parameters, b, carry) for b in beginnings)
    memory[carry] = float(np.abs(first - second).max())
print("difference that the past makes:", {k: f"{v:.1e}" for k, v in memory.items()})
assert memory[True] > 1e-3 and memory[False] == 0

# %% [markdown]
# **5. Always the likeliest value.** Without sampling every performance is the same, and
# after some notes it often goes round in circles.


# %%
def likeliest(parameters, Ty):
    """The values with the largest probability, fed back."""
    places = []
    x = np.zeros((len(parameters["Wy"]), 1))
    a, c = np.zeros((64, 1)), np.zeros((64, 1))
    for _ in range(Ty):
        a, c, _ = lstm_step(x, a, c, parameters)
        place = int((parameters["Wy"] @ a + parameters["by"]).argmax())
        x = np.zeros_like(x)
        x[place] = 1
        places.append(place)
    return places


def period(places, tail=60):
    """The shortest period of the last `tail` values, 0 if there is none."""
    end = places[-tail:]
    return next((k for k in range(1, tail // 2) if end[k:] == end[:-k]), 0)


early = snapshots[best_step]
periods = {
    "likeliest": period(likeliest(early, 300)),
    "drawn": period(predict_and_sample(early, 300, 1.0, lesson.seed)),
}
print("period of the last 60 of 300 values:", periods)
assert periods["drawn"] == 0

# %% [markdown]
# **6. The temperature upside down.** $p^T$ in the place of $p^{1/T}$: "0.5" now makes
# it wilder. The entropy of what is drawn must rise with the temperature.


# %%
def entropy(p):
    """In bits."""
    p = p[p > 0]
    return float(-np.sum(p * np.log2(p)))


p = next_probabilities(early, beginnings[0])
entropies = {
    "p ** (1 / T)": [entropy(p ** (1 / T) / np.sum(p ** (1 / T))) for T in (0.5, 1, 2)],
    "p ** T": [entropy(p**T / np.sum(p**T)) for T in (0.5, 1, 2)],
}
for name, bits in entropies.items():
    rises = bool(np.all(np.diff(bits) > 0))
    print(f"{name}: {np.round(bits, 2)} bits at T = 0.5, 1, 2; rises: {rises}")
assert np.all(np.diff(entropies["p ** (1 / T)"]) > 0)
assert np.all(np.diff(entropies["p ** T"]) < 0)
ours = np.bincount(
    [draw(p, 2.0, np.random.default_rng(k)) for k in range(2000)], minlength=n_values
)
hot = text.sampling_distribution(np.log(p), temperature=2.0)
assert np.abs(ours / 2000 - hot).max() < 0.05

# %% [markdown]
# **7. Cut off in time.** If `da` is not handed to the step before, the last layer's
# gradients stay right, and those of the cell are wrong, except where a sequence has one
# step. The check says which; a second one, on a single step, says why.


# %%
def cut_backward(P, Y, caches, parameters):
    """WRONG: da and dc of the step after are thrown away."""
    grads = {f"d{name}": np.zeros_like(p) for name, p in parameters.items()}
    for t in range(len(Y)):
        now = slice(t, t + 1)
        one = djmodel_backward(P[now], Y[now], caches[now], parameters)
        grads = {name: grads[name] + g for name, g in one.items()}
    return grads


P, caches = djmodel(tiny_X, tiny)
report = check.check_gradients(
    lambda p: sequence_loss(djmodel(tiny_X, p)[0], tiny_Y),
    tiny,
    cut_backward(P, tiny_Y, caches, tiny),
)
cut_wrong = [c.name for c in report.wrong]
one_X, one_Y = tiny_X[:, :1], tiny_Y[:1]
P, caches = djmodel(one_X, tiny)
alone = check.check_gradients(
    lambda p: sequence_loss(djmodel(one_X, p)[0], one_Y),
    tiny,
    cut_backward(P, one_Y, caches, tiny),
)
print("cut off: wrong are", ", ".join(cut_wrong), "; one step alone right:", alone.ok)
assert {"dWx", "dWa", "db"} <= set(cut_wrong) and "dWy" not in cut_wrong and alone.ok

# %% [markdown]
# ## Recap
#
# - A vocabulary of notes makes music a text; the same keynote for all tunes saves data.
# - Inputs are the targets, one step later; the first input is nothing.
# - The gradients of a cell add up over the steps; $da$ and $dc$ go from step to step.
# - The loss is a sum here: $29 \ln n$ at first, whatever the data.
# - 60 sequences are learned by heart: unheard tunes show it, and so do quotations.
# - To improvise, draw, and feed back what was drawn; the temperature sets the courage.
#
# ## Questions
#
# 1. Why is the first input of the course all zeros, and not the first value?
#    <details><summary>Answer</summary>
#    When it improvises there is nothing to begin with. So it must have been trained to
#    begin from nothing.
#    </details>
# 2. The loss per note is 6/29 = 0.2 in the end. What is the probability of the right
#    note, on (geometric) average?
#    <details><summary>Answer</summary>
#    e^-0.2 = 0.82.
#    </details>
# 3. Why can the loss not fall to 0 on these sequences?
#    <details><summary>Answer</summary>
#    They begin anywhere in a tune: from nothing it cannot know with which note. The
#    first note costs at least the entropy of the beginnings.
#    </details>
# 4. How would you get better tunes, not better quotations?
#    <details><summary>Answer</summary>
#    More tunes: `tinygrad-dls data fetch tunes` brings 4,200. Transposed copies, early
#    stopping, dropout.
#    </details>
# 5. Why one value for pitch and length together, and not two outputs?
#    <details><summary>Answer</summary>
#    Pitch and length depend on each other: long notes end phrases, often on the
#    keynote. Two outputs would be drawn independently, or one after the other. The
#    price: more values, each seen less often.
#    </details>
#
# ## Go further
#
# - Fetch the 4,200 tunes, take 2,000 of them for training, and compare what it says on
#   unheard ones.
# - Write your own tune in ABC notation, and let the network go on from it.
# - Next: `c5w2-word-vectors`.

# %%
# The end: this run must have reached what is known of it.
assert abs(losses[0] - first_loss) < 1
if not lesson.fast:
    assert losses[-1] < 8
    assert heldout_losses[max(heldout_losses)] > heldout_losses[best_step] + 5
    assert figures["by_heart"][0.5]["longest_copy"] >= 10
lesson.finish(
    {
        "loss": {t: losses[t] for t in (0, *range(20, iterations, 20), iterations)},
        "engine": {"loss": {0: engine_losses[0], iterations - 1: engine_losses[-1]}},
        "heldout_loss": heldout_losses,
        "best_step": best_step,
        "n_values": n_values,
        "improvised": figures,
        "broken": {
            "shifts": shifts,
            "ratio": ratio,
            "order": order_losses,
            "memory": memory,
            "periods": periods,
            "entropies": entropies,
            "cut": cut_wrong,
        },
    }
)
