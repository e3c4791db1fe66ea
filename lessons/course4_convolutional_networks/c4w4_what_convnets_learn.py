# %% [markdown]
# # What convolutional networks learn, and convolution in one and three dimensions
#
# Course 4, week 4. About an hour and a half with the exercises. The script runs for
# about half a minute, with `--fast` for a few seconds.
#
# **Goal.** A trained network is a million numbers. What did they become? You will
#
# - compute how much of the picture one unit sees: its receptive field,
# - find the patches of photographs that excite a unit most,
# - follow one picture through the layers,
# - paint a picture that a unit likes better than any photograph,
# - hide parts of a picture to find out what the answer depends on,
# - measure what the layers do *not* see: shifts, light, mirroring,
# - take convolution to one dimension (heartbeats) and to three (volumes), forward and
#   backward by hand,
# - break it in six ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step`, and `c4w4-neural-style-transfer` is a good start. The
# course has two lectures on this (*What are deep ConvNets learning?* and *1D and 3D
# generalizations*) and no notebook. The method of patches and of hidden parts is that
# of Zeiler and Fergus, 2013.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim, vision
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w4-what-convnets-learn")
photographs = lesson.load("photographs").arrays
where = lesson.data if lesson.data == "built-in" else None
net = models.load("squeezenet1_1", weights="imagenet", data=where).requires_grad_(False)
print(net.statement)
names = list(photographs)
X = net.transform(
    [
        np.repeat(x[..., None], 3, axis=2) if x.ndim == 2 else x
        for x in photographs.values()
    ]
)  # (10, 3, 227, 227), BGR minus the mean
mean = np.array(net.transform.mean, "float32").reshape(3, 1, 1)


def shown(x):
    """A picture of the network (3, h, w) as one of matplotlib (h, w, 3), 0 to 1."""
    return np.clip((x + mean)[::-1].transpose(1, 2, 0) / 255, 0, 1)


# %% [markdown]
# ## The idea in a picture
#
# The first layer's 64 filters are 3 x 3 pixels in colour: you can simply look at them.
# Edges in some directions, spots, colours against other colours. The filters of later
# layers have 16 to 64 channels and cannot be looked at. We must ask in another way:
# *which pictures* make them answer?

# %%
first = net.features[0].weight.numpy()[:, ::-1].copy()  # BGR -> RGB
fig = vision.draw_filters(first, columns=16)
fig.suptitle("the 64 filters of the first layer; grey is 0")
lesson.figure(fig, "filters")

# %% [markdown]
# ## One number by hand
#
# A convolution 3 x 3 with stride 2, then pooling 3 x 3. One number after the
# convolution sees 3 pixels in each direction. One after the pooling sees 3 neighbouring
# numbers. Their windows start 2 pixels apart, so together they see
#
# $$3 + (3 - 1) \cdot 2 = 7 \text{ pixels}$$
#
# *The pooling has stride 2. How far apart do two neighbours after it look? How many
# pixels does a filter 3 x 3 see that comes next?*

# %%
after_conv, after_pool = 3, 3 + (3 - 1) * 2
print(f"one number sees {after_conv} pixels, after the pooling {after_pool}")
assert after_pool + (3 - 1) * 4 == 15

# %% [markdown]
# ## The mathematics
#
# **Receptive field.** Let $r$ be the pixels that a unit sees, $j$ the distance in
# pixels between two neighbours (the *jump*), and $o$ the first pixel that the first
# unit sees. A layer with filter $f$, stride $s$, padding $p$ makes of them
#
# $$r' = r + (f - 1)\, j \qquad o' = o - p\, j \qquad j' = s\, j$$
#
# starting from $r = 1$, $j = 1$, $o = 0$. Unit $y$ sees the pixels $o + y j$ to
# $o + y j + r - 1$.
#
# **Activation maximization.** For unit $k$ of a layer, look for
#
# $$\max_X \; \text{mean}\, a_k(X) - \lambda\, TV(X) \qquad
# TV(X) = \sum_{y,x} (X_{y+1,x} - X_{y,x})^2 + (X_{y,x+1} - X_{y,x})^2$$
#
# with the weights fixed. $TV$, the *total variation*, keeps noise away. Its gradient: a
# pixel occurs in the difference to each of its (up to) four neighbours,
#
# $$\frac{\partial TV}{\partial X_{y,x}} = 2 \sum_{\text{neighbours } n}
# (X_{y,x} - X_n)$$
#
# **Convolution in 1-D and 3-D.** The same sum, over other axes. For a signal
# $(m, n, n_C^{prev})$ and filters $(f, n_C^{prev}, n_C)$:
#
# $$Z_{t,c} = b_c + \sum_{u < f} \sum_k A_{t+u,k}\, W_{u,k,c}
# \qquad \Rightarrow \qquad Z = b + \sum_u A_{[u : u + n']}\, W_u$$
#
# so that a convolution is $f$ products of matrices. In three dimensions the sum runs
# over $u, v, w$ and there are $f^3$ of them. Backward, with the same windows:
#
# $$dW_u = A_{[u:u+n']}^T\, dZ \qquad dA_{[u:u+n']} \mathrel{+}= dZ\, W_u^T \qquad
# db = \sum dZ$$
#
# | | 1-D | 2-D | 3-D |
# |---|---|---|---|
# | input | (14, 1) | (14, 14, 3) | (14, 14, 14, 1) |
# | 16 filters, each | (5, 1) | (5, 5, 3) | (5, 5, 5, 1) |
# | output | (10, 16) | (10, 10, 16) | (10, 10, 10, 16) |
#
# ## Your code
#
# **Exercise 1.** The receptive field of a stack of layers, each (f, s, p).
#
# **Exercise 2.** The places of the largest activations in maps $(m, H, W)$ of one unit,
# the best first, at most `each` from one picture.


# %%
def receptive_field(layers):
    """(r, j, o) after layers (f, s, p), the first one first."""
    r, j, o = 1, 1, 0
    # BEGIN SOLUTION
    for f, s, p in layers:
        r = r + (f - 1) * j
        o = o - p * j
        j = j * s  # last: what was there before counts above
    # END SOLUTION
    return r, j, o


def top_places(maps, count, each=1):
    """[(picture, row, column)] of the `count` largest, at most `each` of a picture."""
    places, taken = [], [0] * len(maps)
    # BEGIN SOLUTION
    for flat in np.argsort(-maps, axis=None):
        i, y, x = (int(n) for n in np.unravel_index(flat, maps.shape))
        if taken[i] < each and len(places) < count:
            taken[i] += 1
            places.append((i, y, x))
    # END SOLUTION
    return places


assert receptive_field([(3, 2, 1), (3, 2, 0)]) == (7, 4, -1)

# %% [markdown]
# **Exercise 3.** Hide a square of `size` x `size` pixels at every place (steps of
# `stride`) by the value `fill`, and keep the score each time. `score` takes a picture
# $(c, h, w)$ and returns a number.
#
# **Exercise 4.** The total variation of a picture $(c, h, w)$ and its gradient.


# %%
def occlusion_map(score, picture, size, stride, fill=0.0):
    """(rows, columns): the score with a square hidden at each place."""
    _, h, w = picture.shape
    # BEGIN SOLUTION
    tops, lefts = range(0, h - size + 1, stride), range(0, w - size + 1, stride)
    scores = np.zeros((len(tops), len(lefts)))
    for i, top in enumerate(tops):
        for k, left in enumerate(lefts):
            hidden = picture.copy()
            hidden[:, top : top + size, left : left + size] = fill
            scores[i, k] = score(hidden)
    # END SOLUTION
    return scores


def total_variation(x):
    """(TV, dx): the sum of squared differences of neighbours, and its gradient."""
    dx = np.zeros(x.shape)
    # BEGIN SOLUTION
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    TV = np.sum(down**2) + np.sum(right**2)
    dx[:, 1:] += 2 * down
    dx[:, :-1] -= 2 * down
    dx[:, :, 1:] += 2 * right
    dx[:, :, :-1] -= 2 * right
    # END SOLUTION
    return float(TV), dx


# %% [markdown]
# **Exercise 5** and **Exercise 6.** Convolution of signals, forward and backward. No
# padding, stride 1: pad before you call.
#
# **Exercise 7** and **Exercise 8.** Of volumes $(m, n_D, n_H, n_W, n_C)$, filters $(f,
# f, f, n_C^{prev}, n_C)$.


# %%
def conv1d_forward(A_prev, W, b):
    """Z (m, n - f + 1, n_C); A_prev (m, n, n_C_prev), W (f, n_C_prev, n_C), b."""
    f, n = W.shape[0], A_prev.shape[1] - W.shape[0] + 1
    # BEGIN SOLUTION
    Z = np.tile(b, (len(A_prev), n, 1))
    for u in range(f):
        Z += (
            A_prev[:, u : u + n] @ W[u]
        )  # (m, n, n_C) = (m, n, n_C_prev) @ (n_C_prev, n_C)
    # END SOLUTION
    return Z, (A_prev, W)


def conv1d_backward(dZ, cache):
    """dA_prev, dW, db."""
    A_prev, W = cache
    n = dZ.shape[1]
    dA_prev, dW = np.zeros(A_prev.shape), np.zeros(W.shape)
    # BEGIN SOLUTION
    for u in range(W.shape[0]):
        dW[u] = np.tensordot(A_prev[:, u : u + n], dZ, axes=((0, 1), (0, 1)))
        dA_prev[:, u : u + n] += dZ @ W[u].T
    db = dZ.sum(axis=(0, 1))
    # END SOLUTION
    return dA_prev, dW, db


def conv3d_forward(A_prev, W, b):
    """Z (m, n_D', n_H', n_W', n_C) of A_prev (m, n_D, n_H, n_W, n_C_prev)."""
    f = W.shape[0]
    D, H, B = (n - f + 1 for n in A_prev.shape[1:4])
    # BEGIN SOLUTION
    Z = np.tile(b, (len(A_prev), D, H, B, 1))
    for u in range(f):
        for v in range(f):
            for w in range(f):
                Z += A_prev[:, u : u + D, v : v + H, w : w + B] @ W[u, v, w]
    # END SOLUTION
    return Z, (A_prev, W)


def conv3d_backward(dZ, cache):
    """dA_prev, dW, db."""
    A_prev, W = cache
    D, H, B = dZ.shape[1:4]
    dA_prev, dW = np.zeros(A_prev.shape), np.zeros(W.shape)
    # BEGIN SOLUTION
    for u, v, w in np.ndindex(W.shape[:3]):
        window = (slice(None), slice(u, u + D), slice(v, v + H), slice(w, w + B))
        dW[u, v, w] = np.tensordot(
            A_prev[window], dZ, axes=((0, 1, 2, 3), (0, 1, 2, 3))
        )
        dA_prev[window] += dZ @ W[u, v, w].T
    db = dZ.sum(axis=(0, 1, 2, 3))
    # END SOLUTION
    return dA_prev, dW, db


# %% [markdown]
# ## Check it three ways
#
# **By loops**, the definition: one output, one sum.

# %%
rng = np.random.default_rng(lesson.seed)
signal, W1, b1 = (
    rng.standard_normal((2, 14, 3)),
    rng.standard_normal((5, 3, 4)),
    rng.random(4),
)
volume, W3 = rng.standard_normal((2, 5, 6, 4, 2)), rng.standard_normal((3, 3, 3, 2, 4))
Z1, cache1 = conv1d_forward(signal, W1, b1)
Z3, cache3 = conv3d_forward(volume, W3, b1)
t, c = 7, 2
by_loop = b1[c] + sum(
    signal[1, t + u, k] * W1[u, k, c] for u in range(5) for k in range(3)
)
print(
    f"Z[1, 7, 2] = {Z1[1, 7, 2]:.6f}, by loop {by_loop:.6f}; "
    f"shapes {Z1.shape}, {Z3.shape}"
)
assert abs(Z1[1, t, c] - by_loop) < 1e-12

# %% [markdown]
# **Against the engine**, channels second there.


# %%
def to_engine(a):
    """Channels from the last axis to the second."""
    return np.ascontiguousarray(np.moveaxis(a, -1, 1))


def filters_to_engine(W):
    """(f, ..., in, out) -> (out, in, f, ...)."""
    return np.ascontiguousarray(np.moveaxis(W, (-1, -2), (0, 1)))


for label, conv, A, W, Z, backward, cache in (
    ("1-D", F.conv1d, signal, W1, Z1, conv1d_backward, cache1),
    ("3-D", F.conv3d, volume, W3, Z3, conv3d_backward, cache3),
):
    leaves = [
        dls.Tensor(a, requires_grad=True)
        for a in (to_engine(A), filters_to_engine(W), b1)
    ]
    theirs = conv(*leaves)
    dZ = rng.standard_normal(Z.shape)
    slopes = dls.grad(theirs, leaves, grad_outputs=dls.Tensor(to_engine(dZ)))
    dA, dW, db = backward(dZ, cache)
    assert dls.compare(f"{label}: Z", to_engine(Z), theirs).ok
    for name, mine, slope in zip(
        ("dA", "dW", "db"),
        (to_engine(dA), filters_to_engine(dW), db),
        slopes,
        strict=True,
    ):
        assert dls.compare(f"{label}: {name}", mine, slope).ok

# %% [markdown]
# **Numerically**, the gradients of a sum of squares.

# %%
for label, forward, backward, A, W in (
    ("1-D", conv1d_forward, conv1d_backward, signal, W1),
    ("3-D", conv3d_forward, conv3d_backward, volume, W3),
):
    Z, cache = forward(A, W, b1)
    dA, dW, db = backward(2 * Z, cache)
    report = check.check_gradients(
        lambda p, forward=forward: np.sum(forward(p["A"], p["W"], p["b"])[0] ** 2),
        {"A": A, "W": W, "b": b1},
        {"dA": dA, "dW": dW, "db": db},
    )
    print(label, report)
    assert report.ok
picture = rng.standard_normal((2, 5, 4))
report = check.check_gradients(
    lambda p: total_variation(p["x"])[0],
    {"x": picture},
    {"dx": total_variation(picture)[1]},
)
print("total variation", report)
assert report.ok

# %% [markdown]
# **The receptive field, measured**: the gradient of one unit with respect to the pixels
# is 0 outside of it. Random weights and no negative pixel values, so that nothing is
# switched off by chance.

# %%
CONV1, POOL, FIRE = (3, 2, 1), (3, 2, 0), (3, 1, 1)
STACKS = {  # number in net.features: the layers up to there
    "conv1": (1, [CONV1]),
    "fire3": (4, [CONV1, POOL, FIRE, FIRE]),
    "fire5": (7, [CONV1, POOL, FIRE, FIRE, POOL, FIRE, FIRE]),
    "fire7": (10, [CONV1, POOL, FIRE, FIRE, POOL, FIRE, FIRE, POOL, FIRE, FIRE]),
}


def run_to(x, place):
    """Activations (m, c, h, w) after layer `place` of net.features."""
    for layer in net.features[: place + 1]:
        x = layer(x)
    return x


fields = {name: receptive_field(stack) for name, (_, stack) in STACKS.items()}
measured = {}
for name in ("conv1", "fire3", "fire5"):
    x = dls.Tensor(X.numpy()[:3], requires_grad=True)
    a = run_to(x, STACKS[name][0])
    middle = a.shape[2] // 2
    a[:, :, middle, middle].sum().backward()
    rows = np.flatnonzero(np.abs(x.grad.numpy()).sum(axis=(0, 1, 3)))
    measured[name] = int(rows[-1] - rows[0] + 1)
    r, j, o = fields[name]
    assert o + middle * j <= rows[0] and rows[-1] < o + middle * j + r
lesson.table(
    ["layer", "sees, pixels", "measured", "jump", "first pixel"],
    [[n, r, measured.get(n, "-"), j, o] for n, (r, j, o) in fields.items()],
)
assert all(fields[n][0] - 8 <= size <= fields[n][0] for n, size in measured.items())

# %% [markdown]
# ## See the graph
#
# A network on signals: what was a picture is a line, everything else stays.

# %%
beats_net = nn.Sequential(
    nn.Conv1d(1, 4, 15, padding=7), nn.ReLU(), nn.Conv1d(4, 1, 9, padding=4)
)
with dls.trace():
    scores = beats_net(dls.Tensor(rng.standard_normal((2, 1, 64)).astype("float32")))
    loss = F.binary_cross_entropy_with_logits(scores, dls.zeros_like(scores))
    loss.backward()
graph = dls.graph(loss, beats_net, names={"loss": loss})
lesson.graph(graph, "graph")
graph

# %% [markdown]
# ## Train
#
# **1-D: find the heartbeats.** A made signal: every beat is a small wave (P), a sharp
# spike (QRS) and a wide wave (T), at uneven distances and heights, with a drifting
# baseline and noise. To say where the spikes are, two layers are enough: 137 numbers.


# %%
def heartbeats(m, n, rng):
    """Signals (m, n) and labels (m, n): 1 in the five samples around each spike."""
    t = np.arange(n)
    x, y = np.zeros((m, n)), np.zeros((m, n))
    for i in range(m):
        beat = rng.uniform(5, 30)
        while beat < n - 20:
            height = rng.uniform(0.7, 1.3)
            for place, size, width in (
                (-14, 0.15, 4.0),
                (-2.5, -0.2, 1.2),
                (0, 1.0, 1.5),
                (3, -0.3, 1.5),
                (22, 0.3, 6.0),
            ):
                x[i] += height * size * np.exp(-0.5 * ((t - beat - place) / width) ** 2)
            y[i, max(0, round(beat) - 2) : round(beat) + 3] = 1
            beat += rng.uniform(40, 75)
        x[i] += 0.4 * np.sin(2 * np.pi * t / rng.uniform(150, 400) + rng.uniform(0, 6))
        x[i] += 0.12 * rng.standard_normal(n)
    return x.astype("float32"), y.astype("float32")


def train_step(model, optimizer, cost):
    """A captured step: (input, label) -> cost."""

    def step(x, y):
        optimizer.zero_grad()
        loss = cost(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return dls.capture(step)


dls.manual_seed(lesson.seed)
beats_net = nn.Sequential(
    nn.Conv1d(1, 4, 15, padding=7), nn.ReLU(), nn.Conv1d(4, 1, 9, padding=4)
)
step = train_step(
    beats_net,
    optim.Adam(beats_net.parameters(), lr=0.01),
    F.binary_cross_entropy_with_logits,
)
beats_x, beats_y = heartbeats(64, 512, rng)
x, y = dls.Tensor(beats_x[:, None]), dls.Tensor(beats_y[:, None])
beat_steps = 100 if lesson.fast else 300
beat_costs = {
    i: float(step(x, y))
    for i in lesson.progress(range(beat_steps), "heartbeats", "steps")
}


def found_beats(score):
    """Middles of the runs above 0."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (score > 0).astype(int), [0]])))
    return [(a + b - 1) / 2 for a, b in edges.reshape(-1, 2)]


fresh_x, fresh_y = heartbeats(40, 512, rng)
with dls.no_grad():
    fresh_scores = beats_net(dls.Tensor(fresh_x[:, None])).numpy()[:, 0]
hits = false = total = 0
for score, label in zip(fresh_scores, fresh_y, strict=True):
    found, real = found_beats(score), found_beats(label - 0.5)
    hit = sum(any(abs(f - r) <= 3 for f in found) for r in real)
    hits, total = hits + hit, total + len(real)
    false += sum(all(abs(f - r) > 3 for r in real) for f in found)
beats = {
    "found": hits / total,
    "false_alarms": false / total,
    "cost": beat_costs[beat_steps - 1],
}
print(
    f"{total} beats in new signals: {100 * beats['found']:.1f} % found, "
    f"{false} false alarms"
)

# %% [markdown]
# **3-D: balls and boxes.** Volumes of $14^3$ with one thing in them, in noise. A film
# is such a volume too, with time for depth.


# %%
def volumes(m, rng, n=14):
    """Volumes (m, 1, n, n, n) and labels (m,): 0 = ball, 1 = box."""
    grid = np.mgrid[:n, :n, :n]
    x, y = np.zeros((m, 1, n, n, n), "float32"), rng.integers(0, 2, m)
    for i in range(m):
        centre, size = rng.uniform(5, n - 6, 3), rng.uniform(3, 4.5)
        away = np.abs(grid - centre[:, None, None, None])
        ball = np.sqrt((away**2).sum(axis=0)) < size
        box = away.max(axis=0) < 0.8 * size  # the same volume, nearly
        x[i, 0] = box if y[i] else ball
    return x + 0.7 * rng.standard_normal(x.shape).astype("float32"), y


volume_net = nn.Sequential(
    nn.Conv3d(1, 8, 5),
    nn.ReLU(),
    nn.MaxPool3d(2),
    nn.Conv3d(8, 8, 3),
    nn.ReLU(),
    nn.AdaptiveMaxPool3d(1),
    nn.Flatten(),
    nn.Linear(8, 2),
)
step = train_step(
    volume_net, optim.Adam(volume_net.parameters(), lr=0.005), F.cross_entropy
)
volume_x, volume_y = volumes(320 if lesson.fast else 960, rng)
volume_steps = 120 if lesson.fast else 400
for _ in lesson.progress(range(volume_steps), "balls and boxes", "steps"):
    some = rng.choice(len(volume_x), 32, replace=False)
    step(dls.Tensor(volume_x[some]), dls.Tensor(volume_y[some]))
fresh_volumes, fresh_labels = volumes(200, rng)
with dls.no_grad():
    guesses = volume_net(dls.Tensor(fresh_volumes)).numpy().argmax(axis=1)
volume_accuracy = 100 * float(np.mean(guesses == fresh_labels))
print(f"balls and boxes never seen: {volume_accuracy:.1f} % right")

# %% [markdown]
# ## Look at it
#
# **Heartbeats.** The four filters of the first layer, and what the network says.

# %%
fig, (top, bottom) = plt.subplots(2, 1, figsize=(12, 5), height_ratios=(2, 1))
top.plot(fresh_x[0], lw=0.9, label="signal")
for beat in found_beats(fresh_scores[0]):
    top.axvline(beat, color="tab:red", lw=0.8, ls=":")
top.set(xlabel="sample", title="a new signal; dotted: where the network finds a beat")
top.legend(loc="lower right")
for k, filter_ in enumerate(beats_net[0].weight.numpy()[:, 0]):
    bottom.plot(np.arange(15) + 18 * k, filter_, "o-", ms=3)
bottom.set(
    xticks=[7 + 18 * k for k in range(4)], title="the four filters of the first layer"
)
bottom.set_xticklabels([f"filter {k + 1}" for k in range(4)])
bottom.axhline(0, color="gray", lw=0.5)
fig.tight_layout()
lesson.figure(fig, "heartbeats")

# %% [markdown]
# **One picture through the layers.** The cat, and the eight strongest channels of four
# layers. Early maps still look like the photograph. Later ones are coarse, mostly
# black, and say *that* something is there, and roughly where.

# %%
cat = names.index("chelsea")
fig, axes = plt.subplots(4, 9, figsize=(12, 5.6))
alive = {}
with dls.no_grad():
    for row, (name, (place, _)) in zip(axes, STACKS.items(), strict=True):
        maps = run_to(X[cat : cat + 1], place).numpy()[0]
        alive[name] = float(np.mean(maps > 0))
        row[0].imshow(shown(X.numpy()[cat]))
        row[0].set_ylabel(f"{name}\n{maps.shape[1]} x {maps.shape[2]}")
        for ax, k in zip(row[1:], np.argsort(-maps.mean(axis=(1, 2)))[:8], strict=True):
            ax.imshow(maps[k], cmap="gray")
            ax.set_title(f"{k}", fontsize=8)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
fig.tight_layout()
lesson.figure(fig, "activations")
print("share of activations above 0:", {n: round(s, 2) for n, s in alive.items()})

# %% [markdown]
# **What a unit likes best.** For four units of three layers: the patches of our ten
# photographs that excite it most, cut out at its receptive field, and a picture made
# for it, by gradient ascent from grey. Before each step the picture is moved by a few
# pixels at random, so that it cannot rely on single pixels. Ten photographs are few
# (Zeiler and Fergus took 50,000), and still edges, textures and parts show up in that
# order. Plain grey around a
# patch is what lies beyond the photograph.


# %%
def picture_for(place, unit, steps, smooth=50.0, seed=lesson.seed, noise=0.15):
    """(picture (3, h, w) for `shown`, mean activation) that maximizes a unit."""
    size = 97
    local, middle = np.random.default_rng(seed), dls.Tensor(mean)
    start = 0.5 + noise * local.standard_normal((1, 3, size, size))
    x = nn.Parameter(np.clip(start, 0, 1).astype("float32"))
    optimizer = optim.Adam([x], lr=0.03)

    def step():
        optimizer.zero_grad()
        activation = run_to(255 * x - middle, place)[0, unit].mean()
        rough = ((x[:, :, 1:] - x[:, :, :-1]) ** 2).mean()
        rough = rough + ((x[:, :, :, 1:] - x[:, :, :, :-1]) ** 2).mean()
        (smooth * rough - activation / 20).backward()
        optimizer.step()
        return activation

    fast_step = dls.capture(step)
    for i in range(steps):
        activation = fast_step()
        moved = np.roll(x.numpy(), local.integers(-4, 5, 2), axis=(2, 3))
        with dls.no_grad():
            x.copy_(np.clip(moved if i < steps - 10 else x.numpy(), 0, 1))
    return 255 * x.numpy()[0] - mean, float(activation)


chosen, made_steps = {}, 20 if lesson.fast else 120
panels = []
for name in ("conv1", "fire3", "fire7"):
    place, _ = STACKS[name]
    with dls.no_grad():
        maps = run_to(X, place).numpy()
    peaks = (maps.max(axis=(2, 3)) - maps.mean(axis=(2, 3))).mean(axis=0)
    units = [int(k) for k in np.argsort(-peaks)[:16:4]]
    for unit in lesson.progress(units, f"units of {name}", "units"):
        best = top_places(maps[:, unit], 5)
        seen = max(float(maps[i, unit].mean()) for i in range(len(X)))
        for attempt in range(5):  # a unit that is shut has no gradient: another start
            made, activation = picture_for(
                place,
                unit,
                made_steps,
                seed=lesson.seed + attempt,
                noise=0.15 + 0.1 * attempt,
            )
            if activation > seen:
                break
        panels.append((name, unit, best, made))
        chosen[f"{name}/{unit}"] = {
            "photographs": seen,
            "made": activation,
        }
padded = np.pad(X.numpy(), ((0, 0), (0, 0), (100, 100), (100, 100)))
fig, axes = plt.subplots(6, 12, figsize=(14, 8))
for n, (name, unit, best, made) in enumerate(panels):
    row, left = n // 2, 6 * (n % 2)
    r, j, o = fields[name]
    for ax, (i, y, x) in zip(axes[row, left : left + 5], best, strict=True):
        top, side = o + y * j + 100, o + x * j + 100
        ax.imshow(shown(padded[i, :, top : top + r, side : side + r]))
        ax.set_title(names[i], fontsize=7)
    axes[row, left + 5].imshow(shown(made))
    axes[row, left + 5].set_title("made", fontsize=7, color="tab:red")
    axes[row, left].set_ylabel(f"{name}\nunit {unit}", fontsize=8)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
fig.tight_layout()
lesson.figure(fig, "units")
lesson.table(
    ["unit", "mean activation, best photograph", "picture made for it"],
    [[k, f"{v['photographs']:.1f}", f"{v['made']:.1f}"] for k, v in chosen.items()],
)

# %% [markdown]
# **What the answer depends on.** Hide a square, look at the score for "tiger cat".
# Where it falls, the network was looking. The gradient of the score with respect to the
# pixels asks the same question with one backward pass, for infinitely small changes.

# %%
label = int(np.argmax(net(X[cat : cat + 1]).numpy()))


def cat_score(x):
    """The score of the cat's class for a picture (3, h, w)."""
    with dls.no_grad():
        return float(net(dls.Tensor(x[None]))[0, label])


whole = cat_score(X.numpy()[cat])
stride = 60 if lesson.fast else 18
hidden = occlusion_map(cat_score, X.numpy()[cat], 47, stride)
x = dls.Tensor(X.numpy()[cat : cat + 1], requires_grad=True)
net(x)[0, label].backward()
saliency = np.abs(x.grad.numpy()[0]).max(axis=0)
fig, axes = plt.subplots(1, 3, figsize=(13, 4))
axes[0].imshow(shown(X.numpy()[cat]))
axes[0].set_title(f"read as {net.classes[label].split(',')[0]}, score {whole:.1f}")
image = axes[1].imshow(whole - hidden, cmap="magma")
axes[1].set_title("how far the score falls when hidden here")
fig.colorbar(image, ax=axes[1])
axes[2].imshow(np.minimum(saliency, np.quantile(saliency, 0.99)), cmap="magma")
axes[2].set_title("size of the gradient at each pixel")
for ax in axes:
    ax.set(xticks=[], yticks=[])
fig.tight_layout()
lesson.figure(fig, "looked")
worst = np.unravel_index(hidden.argmin(), hidden.shape)
print(
    f"score {whole:.1f}; {hidden.min():.1f} with the square at its worst place "
    f"{tuple(map(int, worst))}"
)

# %% [markdown]
# **What the layers do not see.** Change each photograph, and compare the activations,
# averaged over all places, with those of the original: the cosine of the angle between
# them, 1 = no difference. Pixels are the first row. For a layer every channel's mean
# over the pictures is subtracted, so that the cosine of two *different* photographs is
# about 0.


# %%
def changed(x):
    """The photographs (m, 3, h, w), changed in five ways."""
    shifted = np.roll(x, 16, axis=3)
    bright = np.clip(1.3 * (x + mean[None]), 0, 255) - mean[None]
    noisy = x + 25 * np.random.default_rng(0).standard_normal(x.shape)
    return {
        "moved by 16 pixels": shifted,
        "mirrored": x[:, :, :, ::-1].copy(),
        "30 % brighter": bright,
        "noise": noisy.astype("float32"),
        "upside down": x[:, :, ::-1].copy(),
    }


def cosines(a, b):
    """The mean over pictures of the cosine between rows, each column's mean removed."""
    a, b = a - a.mean(axis=0), b - a.mean(axis=0)
    return float(
        np.mean(
            (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        )
    )


def pooled(x, place):
    """(m, c): activations, averaged over places."""
    with dls.no_grad():
        return run_to(dls.Tensor(x.astype("float32")), place).numpy().mean(axis=(2, 3))


variants = changed(X.numpy())
invariance = {"pixels": {}}
for kind, x in variants.items():
    invariance["pixels"][kind] = cosines(X.numpy().reshape(10, -1), x.reshape(10, -1))
for name, place in (("conv1", 1), ("fire3", 4), ("fire5", 7), ("fire9", 12)):
    original = pooled(X.numpy(), place)
    invariance[name] = {
        kind: cosines(original, pooled(x, place)) for kind, x in variants.items()
    }
lesson.table(
    ["layer", *variants],
    [[name, *(f"{v:.2f}" for v in row.values())] for name, row in invariance.items()],
)
assert invariance["fire9"]["upside down"] < invariance["conv1"]["upside down"] - 0.1


# %% [markdown]
# The average over places already forgets shifts, so every layer does. The last column
# tells more. To the first layer a picture upside down is the same: an edge is an edge.
# The last one knows which way up things stand. Noise hurts the early layers most: it
# is made of small edges.
#
# ## Break it
#
# **1. No total variation.** The picture made for a unit becomes noise: the unit is more
# excited than by any photograph, and nobody can see why. Neighbouring pixels differ far
# more than in a photograph. Large activations alone explain nothing.

# %%
name, unit, _, smooth_picture = panels[4]
rough_picture, rough_activation = picture_for(
    STACKS[name][0], unit, made_steps, smooth=0.0
)
rough = {
    kind: total_variation(x / 255)[0] / x.size
    for kind, x in (
        ("photographs", X.numpy()[cat]),
        ("smooth", smooth_picture),
        ("rough", rough_picture),
    )
}
print(f"total variation per number: { {k: round(v, 4) for k, v in rough.items()} }")
assert rough["rough"] > rough["smooth"] and rough["rough"] > 5 * rough["photographs"]

# %% [markdown]
# **2. Strides counted too late.** Whoever multiplies the jump *before* adding to $r$
# counts a layer's own stride for its own filter. After one layer of stride 2 the filter
# 3 x 3 would see 5 pixels. The gradient's nonzero pixels are the judge.


# %%
def receptive_field_too_early(layers):
    """WRONG: a layer's own stride does not spread its own filter."""
    r, j = 1, 1
    for f, s, _ in layers:
        j = j * s
        r = r + (f - 1) * j
    return r


too_early = {
    n: receptive_field_too_early(s) for n, (_, s) in STACKS.items() if n in measured
}
print(f"too early {too_early}, measured {measured}")
assert all(too_early[n] > measured[n] for n in measured)

# %% [markdown]
# **3. Every map on its own scale.** Matplotlib stretches each picture from black to
# white. A channel that is almost silent then looks as busy as the loudest. Give maps
# that you compare one scale (`vmin`, `vmax`).

# %%
with dls.no_grad():
    maps = run_to(X[cat : cat + 1], STACKS["fire3"][0]).numpy()[0]
tops = np.sort(maps.max(axis=(1, 2)))
tops = tops[tops > 0]
print(f"the largest activation of a channel: from {tops[0]:.2f} to {tops[-1]:.0f}")
assert tops[-1] > 5 * tops[0]

# %% [markdown]
# **4. The wrong colour to hide with.** The network's 0 is the mean of all pictures, a
# grey. A white square is a thing of its own, with edges that the network can see: the
# score falls for another reason. Compare with two values for `fill`.

# %%
white = occlusion_map(cat_score, X.numpy()[cat], 47, 60, fill=150.0)
grey = occlusion_map(cat_score, X.numpy()[cat], 47, 60)
fills = {"grey": float(np.mean(whole - grey)), "white": float(np.mean(whole - white))}
print(f"mean fall of the score: { {k: round(v, 2) for k, v in fills.items()} }")
assert abs(fills["grey"] - fills["white"]) > 0.05

# %% [markdown]
# **5. The filter flipped on the way back.** Textbooks of signals flip the filter and
# call only that convolution. In `dA` the window that reads $A_{t+u}$ must write to
# $t+u$. With the filter flipped the shapes agree, and `compare` does not.


# %%
def flipped_backward(dZ, cache):
    """WRONG: W is read from its other end."""
    A_prev, W = cache
    dA_prev, n = np.zeros(A_prev.shape), dZ.shape[1]
    for u in range(W.shape[0]):
        dA_prev[:, u : u + n] += dZ @ W[W.shape[0] - 1 - u].T
    return dA_prev


right = conv1d_backward(2 * Z1, cache1)
report = check.check_gradients(
    lambda p: np.sum(conv1d_forward(p["A"], p["W"], b1)[0] ** 2),
    {"A": signal, "W": W1},
    {"dA": flipped_backward(2 * Z1, cache1), "dW": right[1]},
)
print(report)
flipped_wrong = [c.name for c in report.wrong]
assert flipped_wrong == ["dA"]

# %% [markdown]
# **6. A pooling that forgets where.** For "is there a beat?" the maximum over time is
# right. For "where?" it is the end: after global pooling a moved signal gives the same
# numbers. Invariance is a decision about the task.

# %%
with dls.no_grad():
    maps = [
        beats_net[:2](dls.Tensor(np.roll(fresh_x[:1], by, axis=1)[:, None])).numpy()
        for by in (0, 40)
    ]
same_map = float(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])
largest_change = float(np.abs(maps[0].max(axis=2) - maps[1].max(axis=2)).max())
print(
    f"moved by 40: maps correlate {same_map:.2f}, maxima change by {largest_change:.3f}"
)
assert same_map < 0.9

# %% [markdown]
# ## Recap
#
# - Receptive fields grow by $(f - 1)$ jumps a layer; strides make the jumps.
# - First layers: edges and colours. Then textures, then parts, ever coarser.
# - A picture made for a unit needs a regularizer, or it is noise.
# - Hiding parts, and the gradient, show what an answer depends on.
# - Averages over places forget shifts. Only late layers notice what is upside down.
# - 1-D and 3-D convolution: the same sum, one loop less or more.
#
# ## Questions
#
# 1. A unit sees 143 pixels, the picture has 227. How can the network read all of it?
#    <details><summary>Answer</summary>
#    The map has many units, each with its own window, and the last layer takes their
#    mean.
#    </details>
# 2. How many parameters have 16 filters 5 x 5 x 5 on one channel, and 32 filters of the
#    same size on what comes out?
#    <details><summary>Answer</summary>
#    16 * (125 + 1) = 2016, and 32 * (125 * 16 + 1) = 64,032.
#    </details>
# 3. Why can a saliency map be large where hiding changes nothing?
#    <details><summary>Answer</summary>
#    The gradient answers for tiny changes only. A score may be steep there and soon
#    flat.
#    </details>
# 4. Would the heartbeat network find beats in a signal of another length?
#    <details><summary>Answer</summary>
#    Yes: convolutions have no length of their own. Its sampling rate must be the same.
#    </details>
#
# ## Go further
#
# - Your own photographs instead of the ten: `vision.read_image(path)`.
# - Make a picture for a *class*: maximize `net(x)[0, k]`.
# - Next: `c4w4-face-recognition`, where a network learns what makes a face *this* face.

# %%
# The end.
assert all(pair["made"] > pair["photographs"] for pair in chosen.values())
if not lesson.fast:
    assert beats["found"] > 0.9 and volume_accuracy > 85
lesson.finish(
    {
        "receptive_fields": {name: field[0] for name, field in fields.items()},
        "measured": measured,
        "alive": alive,
        "units": chosen,
        "cat": {
            "label": net.classes[label],
            "score": whole,
            "hidden": float(hidden.min()),
        },
        "invariance": invariance,
        "heartbeats": beats,
        "volumes": {"test_accuracy": volume_accuracy},
        "broken": {
            "rough": rough,
            "too_early": too_early,
            "fills": fills,
            "flipped": flipped_wrong,
            "same_map": same_map,
        },
    }
)
