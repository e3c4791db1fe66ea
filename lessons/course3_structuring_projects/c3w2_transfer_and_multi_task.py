# %% [markdown]
# # Transfer and multi-task: what one task has learned, another can use
#
# Course 3, week 2. About 75 minutes with the exercises. The script runs for about a
# minute, with `--fast` for nine seconds.
#
# **Goal.** Training wants thousands of labelled pictures; often one has forty. Two ways
# out: take the layers of a network that was trained on *another* task (transfer), or
# train *one* network on many tasks at once (multi-task). You will
#
# - write the backward pass of a network of which a part is frozen,
# - transfer to a new task with 5 to 320 pictures, with few and many frozen layers, and
#   see what to freeze when,
# - give layers a learning rate each (parameter groups), and store frozen features,
# - train one network on five questions, with half of the answers missing, and derive
#   the gradient around the gaps,
# - use a real pretrained network, SqueezeNet,
# - break it in seven ways.
#
# ## What you need
#
# `c2w3-softmax-classifier`; `c3w2-data-mismatch` for the pictures. In what is derived
# by hand examples are columns, $X$ is $(n, m)$; networks take pictures $(m, 1, 8, 8)$.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim
from tinygrad_dls.errors import DataError
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c3w2-transfer-and-multi-task")
digits = lesson.load("digits")
scans = np.concatenate([digits.train_x_orig, digits.test_x_orig])[..., 0] / 255
labels = np.concatenate([digits.train_y[0], digits.test_y[0]])
rng = np.random.default_rng(lesson.seed)
order = rng.permutation(len(scans))
scans, labels = scans[order], labels[order]  # (1797, 8, 8), (1797,)

# %% [markdown]
# ## The idea in a picture
#
# Digits in front of backgrounds, as in `c3w2-data-mismatch`. **Task A**: tell 0, 1, 2,
# 3, 4 apart. Of these we have plenty, each in front of as many backgrounds as we like.
# **Task B**: tell 5, 6, 7, 8, 9 apart, and somebody labelled a handful. The digits are
# others, but a stroke is a stroke, and a background no stroke: what the first layers
# learn on A should serve B.


# %%
def make_backgrounds(count, rng):
    """Smooth grey pictures (count, 8, 8), from 0 to 0.6."""
    rough = np.kron(rng.standard_normal((count, 4, 4)), np.ones((1, 2, 2)))
    moved = [np.roll(rough, (dy, dx), (1, 2)) for dy, dx in ((1, 0), (0, 1), (0, -1))]
    smooth = rough + sum(moved)
    low = smooth.min(axis=(1, 2), keepdims=True)
    return 0.6 * (smooth - low) / np.ptp(smooth, axis=(1, 2), keepdims=True)


def photographed(digits, rng):
    """Digits (m, 8, 8), each in front of a new background, float32 (m, 1, 8, 8)."""
    behind = make_backgrounds(len(digits), rng)
    return (behind + 0.55 * digits * (1 - behind)).astype("float32")[:, None]


is_A = labels < 5
A_scans, A_labels = scans[is_A], labels[is_A]  # about 900
B_pictures, B_labels = photographed(scans[~is_A], rng), labels[~is_A] - 5
B_train, B_test = np.split(np.arange(len(B_labels)), [450])
fig, axes = plt.subplots(2, 8, figsize=(11, 3.2))
shown = photographed(A_scans[:8], rng)
for i in range(8):
    axes[0, i].imshow(shown[i, 0], cmap="gray_r", vmin=0, vmax=1)
    axes[1, i].imshow(B_pictures[i, 0], cmap="gray_r", vmin=0, vmax=1)
    axes[0, i].set_title(f"A: {A_labels[i]}", fontsize=9)
    axes[1, i].set_title(f"B: {B_labels[i] + 5}", fontsize=9)
for ax in axes.flat:
    ax.axis("off")
lesson.figure(fig, "idea")
print(
    f"A: {len(A_scans)} scans; B: {len(B_train)} to train at most, {len(B_test)} test"
)

# %% [markdown]
# ## One number by hand
#
# Four questions about three pictures, with gaps: somebody answered what they had time
# for. "?" is not an answer.
#
# | | picture 1 | picture 2 | picture 3 |
# |---|---|---|---|
# | a pedestrian? | 1 | ? | 0 |
# | a car? | ? | ? | 1 |
# | a stop sign? | 0 | 1 | ? |
# | a traffic light? | ? | 0 | ? |
#
# A network that says 0.5 to everything has the loss $\log 2 = 0.693$ for each answer.
# There are six answers, so the cost is $6 \cdot 0.693 / 6 = 0.693$. Divide by the
# number of pictures and it is 1.386, by all twelve cells 0.347: only the number of
# *answers* gives a figure that does not change when somebody is lazy.

# %%
question_mark = np.nan
answers = np.array(
    [
        [1, question_mark, 0],
        [question_mark, question_mark, 1],
        [0, 1, question_mark],
        [question_mark, 0, question_mark],
    ]
)
known = ~np.isnan(answers)
print(f"{known.sum()} answers in {answers.size} cells, cost {np.log(2):.3f}")
assert known.sum() == 6

# %% [markdown]
# ## The mathematics
#
# **Frozen layers.** A network of two layers, $A_1 = \max(0, W_1 X + b_1)$ and
# $A_2 = \mathrm{softmax}(W_2 A_1 + b_2)$. The backward pass is what you know:
#
# $$dZ_2 = \tfrac1m (A_2 - Y), \quad dW_2 = dZ_2 A_1^T, \quad
# dZ_1 = W_2^T dZ_2 * [Z_1 > 0], \quad dW_1 = dZ_1 X^T .$$
#
# If $W_1$ and $b_1$ are frozen, nobody needs $dW_1$, so nobody needs $dZ_1$: the pass
# ends at the head. And $A_1$ of a picture is the same in each epoch: compute it once
# and train the head on these **features**.
#
# If only a later layer were frozen, the pass would have to go *through* it.
#
# **Missing answers.** $Y$ is $(k, m)$, one row for each question; $M$ is 1 where there
# is an answer. Each question has a sigmoid of its own: a picture may hold a car *and* a
# pedestrian (softmax would make them rivals).
#
# $$J = -\frac{1}{\sum M} \sum_{ij} M_{ij} \big( Y_{ij} \log A_{ij}
# + (1 - Y_{ij}) \log (1 - A_{ij}) \big), \qquad
# dZ = \frac{M * (A - Y)}{\sum M} .$$
#
# ## Your code
#
# **Exercise 1.** The two-layer network: the gradients of the parameters that are *not*
# named in `frozen`.
#
# **Exercise 2.** Freeze the first `layers` layers of an `nn.Sequential`, and thaw the
# others (`p.requires_grad`). Returns how many numbers can still move.
#
# **Exercise 3.** What comes out of the first `layers` layers, as an array; no graph.
#
# **Exercise 4.** Two parameter groups for an optimizer,
# `[{"params": [...], "lr": ...}, ...]`: first the body (all layers but the last), then
# the head. Frozen parameters are in none; a group without parameters is left out.
#
# **Exercise 5.** Gradients and cost with missing answers. $Y$ holds NaN where there is
# none. (Careful: $0 \cdot$ NaN is NaN. `np.where`.)
#
# **Exercise 6.** The error of each question, in percent of its known answers. A score
# above 0 says yes.


# %%
def softmax(Z):
    """e^Z over its sum, for each column."""
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)


def propagate(parameters, X, Y, frozen=()):
    """Gradients {"dW2", ...} of what is not frozen, and the cost.

    X (n, m), labels Y (m,); W1 (h, n), b1 (h, 1), W2 (k, h), b2 (k, 1).
    """
    W1, b1, W2, b2 = (parameters[k] for k in ("W1", "b1", "W2", "b2"))
    m = X.shape[1]
    Z1 = W1 @ X + b1  # (h, m) = (h, n) @ (n, m) + (h, 1)
    A1 = np.maximum(0, Z1)
    A2 = softmax(W2 @ A1 + b2)  # (k, m)
    cost = float(-np.mean(np.log(A2[Y, np.arange(m)])))
    # BEGIN SOLUTION
    dZ2 = (A2 - (np.arange(len(A2))[:, None] == Y)) / m  # (k, m)
    grads = {"dW2": dZ2 @ A1.T, "db2": dZ2.sum(axis=1, keepdims=True)}
    if "W1" not in frozen or "b1" not in frozen:
        dZ1 = (W2.T @ dZ2) * (Z1 > 0)  # (h, m) = (h, k) @ (k, m)
        grads |= {"dW1": dZ1 @ X.T, "db1": dZ1.sum(axis=1, keepdims=True)}
    grads = {name: g for name, g in grads.items() if name[1:] not in frozen}
    # END SOLUTION
    return grads, cost


def freeze(network, layers):
    """Freeze the first layers of a Sequential, thaw the others; what can still move."""
    # BEGIN SOLUTION
    for i, layer in enumerate(network):
        for p in layer.parameters():
            p.requires_grad = i >= layers
    return sum(p.size for p in network.parameters() if p.requires_grad)
    # END SOLUTION


def features(network, X, layers):
    """What the first layers make of pictures X, an array."""
    # BEGIN SOLUTION
    with dls.no_grad():
        x = dls.Tensor(X)
        for layer in list(network)[:layers]:
            x = layer(x)
    return x.numpy()
    # END SOLUTION


def groups(network, body_rate, head_rate):
    """Parameter groups: the body, then the head (the last layer); see exercise 4."""
    *body, head = network
    # BEGIN SOLUTION
    parts = (
        ([p for layer in body for p in layer.parameters()], body_rate),
        (list(head.parameters()), head_rate),
    )
    moving = (([p for p in part if p.requires_grad], rate) for part, rate in parts)
    return [{"params": part, "lr": rate} for part, rate in moving if part]
    # END SOLUTION


def propagate_masked(parameters, X, Y):
    """Gradients {"dW", "db"} and cost; X (n, m), Y (k, m) of 0, 1 and NaN, W (k, n)."""
    Z = parameters["W"] @ X + parameters["b"]  # (k, m)
    A = 1 / (1 + np.exp(-Z))
    # BEGIN SOLUTION
    known = ~np.isnan(Y)
    losses = -np.where(Y == 1, np.log(A), np.log(1 - A))  # (k, m)
    cost = float(np.where(known, losses, 0).sum() / known.sum())
    dZ = np.where(known, A - Y, 0) / known.sum()  # (k, m)
    grads = {"dW": dZ @ X.T, "db": dZ.sum(axis=1, keepdims=True)}
    # END SOLUTION
    return grads, cost


def label_errors(scores, Y):
    """Errors (k,) in percent of scores (k, m), where Y (k, m) has an answer."""
    # BEGIN SOLUTION
    known = ~np.isnan(Y)
    wrong = known & ((scores > 0) != (Y == 1))
    return 100 * wrong.sum(axis=1) / known.sum(axis=1)
    # END SOLUTION


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The table from above, with a model that knows nothing: cost 0.693, and
# each answer "yes" pushes with $-0.5 / 6$, each "no" with $+0.5 / 6$, a gap not at all.

# %%
nothing = {"W": np.zeros((4, 3)), "b": np.zeros((4, 1))}
grads, cost = propagate_masked(nothing, np.eye(3), answers)
print(np.round(12 * grads["dW"]))
assert abs(cost - np.log(2)) < 1e-12
assert np.array_equal(np.sign(grads["dW"]), np.where(known, 1 - 2 * answers, 0))
assert np.abs(12 * grads["dW"])[known].max() - 1 < 1e-12
scores = np.array([[1.0, -1, 1], [1, 1, 1], [-1, 1, 1], [1, 1, 1]])
assert np.allclose(label_errors(scores, answers), [50, 0, 0, 100])

# %% [markdown]
# **Against the engine**, both. The engine learns that $W_1$ is frozen the way a user
# says it: `requires_grad` is False. Missing answers are left out by a weight of 0 for
# each cell, with anything finite in the gap.

# %%
m = 20
few_X = A_scans[:m].reshape(m, 64).T  # (64, m)
few_Y = A_labels[:m]
point = {
    "W1": 0.3 * rng.standard_normal((12, 64)),
    "b1": 0.1 * rng.standard_normal((12, 1)),
    "W2": 0.5 * rng.standard_normal((5, 12)),
    "b2": np.zeros((5, 1)),
}
X = dls.Tensor(few_X, name="X")


def cost_by_engine(p, X, Y):
    """The cost of tensors W1, b1, W2, b2."""
    A1 = (p["W1"] @ X + p["b1"]).relu()  # (12, m)
    return F.cross_entropy((p["W2"] @ A1 + p["b2"]).T, Y)


for frozen in ((), ("W1", "b1"), ("W2", "b2"), ("b1", "W2")):
    tensors = {
        k: dls.Tensor(p, requires_grad=k not in frozen, name=k)
        for k, p in point.items()
    }
    J = cost_by_engine(tensors, X, dls.Tensor(few_Y))
    J.backward()
    grads, cost = propagate(point, few_X, few_Y, frozen)
    assert abs(J.item() - cost) < 1e-12
    assert set(grads) == {"d" + k for k in point if k not in frozen}
    for k, tensor in tensors.items():
        if k in frozen:
            assert tensor.grad is None
        else:
            assert np.abs(grads["d" + k] - tensor.grad.numpy()).max() < 1e-10
            assert dls.compare("d" + k, grads["d" + k], tensor.grad).ok

gaps_X = rng.standard_normal((6, 15))
gaps_Y = np.where(rng.random((4, 15)) < 0.5, np.nan, rng.integers(0, 2, (4, 15)))
gaps_point = {"W": rng.standard_normal((4, 6)), "b": rng.standard_normal((4, 1))}
grads, cost = propagate_masked(gaps_point, gaps_X, gaps_Y)
W, b = (dls.Tensor(p, requires_grad=True) for p in gaps_point.values())
known = ~np.isnan(gaps_Y)
filled = dls.Tensor(np.where(known, gaps_Y, 0.0))
weight = dls.Tensor(known.astype("float64"))
Z = W @ dls.Tensor(gaps_X) + b
total = F.binary_cross_entropy_with_logits(Z, filled, weight=weight, reduction="sum")
J = total / float(known.sum())
J.backward()
assert abs(J.item() - cost) < 1e-12
for name, tensor in (("dW", W), ("db", b)):
    assert dls.compare(name, grads[name], tensor.grad).ok
    assert np.abs(grads[name] - tensor.grad.numpy()).max() < 1e-10

# %% [markdown]
# **Numerically.**

# %%
report = check.check_gradients(
    lambda p: propagate_masked(p, gaps_X, gaps_Y)[1], gaps_point, grads, m=15
)
print(report)
assert report.ok
report = check.check_gradients(
    lambda p: propagate(p, few_X, few_Y)[1],
    point,
    propagate(point, few_X, few_Y)[0],
    m=m,
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# With a frozen first layer. What needs no gradient is not recorded: the graph begins
# where something can move.

# %%
tensors = {k: dls.Tensor(p, requires_grad=k.endswith("2")) for k, p in point.items()}
with dls.trace():
    J = cost_by_engine(tensors, X, dls.Tensor(few_Y))
    J.backward()
graph = dls.graph(J, names={"W2": tensors["W2"], "b2": tensors["b2"], "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# First the same numbers by hand and by layers, the first of them frozen: ten steps.

# %%
first, second = nn.Linear(64, 12, dtype="float64"), nn.Linear(12, 5, dtype="float64")
pair = nn.Sequential(first, nn.ReLU(), second)
pair.load_state_dict(
    {
        "0.weight": point["W1"],
        "0.bias": point["b1"][:, 0],
        "2.weight": point["W2"],
        "2.bias": point["b2"][:, 0],
    }
)
print(f"{freeze(pair, 2)} of {sum(p.size for p in pair.parameters())} numbers can move")
optimizer = optim.SGD(groups(pair, 0.1, 0.5))
mine = dict(point)
for _ in range(10):
    grads, cost = propagate(mine, few_X, few_Y, ("W1", "b1"))
    mine |= {k[1:]: mine[k[1:]] - 0.5 * g for k, g in grads.items()}
    optimizer.zero_grad()
    loss = F.cross_entropy(pair(dls.Tensor(few_X.T)), dls.Tensor(few_Y))
    loss.backward()
    optimizer.step()
    assert abs(loss.item() - cost) < 1e-10
assert np.abs(pair[2].weight.numpy() - mine["W2"]).max() < 1e-10
assert np.array_equal(pair[0].weight.numpy(), point["W1"]), "a frozen weight has moved"
print("ten steps by hand and by layers: the same; the frozen layer is what it was")

# %% [markdown]
# ### Transfer
#
# The network: two convolutions (Course 4 takes them apart; here they are layers that
# find small patterns wherever they are), and two linear layers. Trained on A, in front
# of new backgrounds in each epoch.

# %%
BODY, CONVOLUTIONS = 8, 6  # layers before the head, layers up to the flat features


def make_network(classes, seed):
    """8x8 pictures -> classes; the head is layer 8."""
    dls.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),  # 512 features
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, classes),
    )


def fit(network, X, Y, epochs, seed, body_rate=2e-3, head_rate=2e-3, again=None):
    """Adam, batches of 32; `again()` makes X again in each epoch; the network."""
    optimizer = optim.Adam(groups(network, body_rate, head_rate))
    shuffle = np.random.default_rng(seed)
    for _ in range(epochs):
        X = again() if again else X
        order = shuffle.permutation(len(Y))
        for part in np.split(order, range(32, len(order), 32)):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(dls.Tensor(X[part])), dls.Tensor(Y[part]))
            loss.backward()
            optimizer.step()
    return network


def error(network, X, Y):
    """Wrong ones, in percent."""
    with dls.no_grad():
        return 100 * float(np.mean(network(dls.Tensor(X)).numpy().argmax(axis=1) != Y))


A_test = photographed(A_scans[750:], rng), A_labels[750:]
source = make_network(5, lesson.seed)
for _ in lesson.progress(range(3 if lesson.fast else 12), "task A", "rounds"):
    fit(
        source,
        None,
        A_labels[:750],
        5,
        lesson.seed,
        again=lambda: photographed(A_scans[:750], rng),
    )
print(f"task A: error {error(source, *A_test):.1f} %")

# %% [markdown]
# Now task B. Five ways, with the same pictures and about the same number of steps:
#
# | | layers from A | moves |
# |---|---|---|
# | pixels | none | a linear layer on the pixels |
# | scratch | none | all |
# | frozen | all but the head | the head |
# | thawed top | the convolutions | the two linear layers, both new |
# | fine-tuned | all but the head | all, the body at a third of the rate |
#
# *Which will win with 5 pictures, one of each digit? Which with 320?*


# %%
def transferred(mode, seed, source=source, classes=5):
    """A network for task B, ready to be trained."""
    if mode == "pixels":
        dls.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
    network = make_network(classes, seed)
    taken = {"scratch": 0, "frozen": BODY, "thawed top": CONVOLUTIONS}.get(mode, BODY)
    own, theirs = network.state_dict(), source.state_dict()
    kept = {k: theirs[k] if int(k[0]) < taken else v for k, v in own.items()}
    network.load_state_dict(kept)
    freeze(network, 0 if mode == "fine-tuned" else taken)
    return network


modes = ("pixels", "scratch", "frozen", "thawed top", "fine-tuned")
counts = (40, 320) if lesson.fast else (5, 10, 20, 40, 80, 160, 320)
seeds = 1 if lesson.fast else 3
B_errors = {mode: {n: [] for n in counts} for mode in modes}
jobs = [(n, seed, mode) for n in counts for seed in range(seeds) for mode in modes]
B_X, B_Y = B_pictures[B_train], B_labels[B_train]
B_test_set = B_pictures[B_test], B_labels[B_test]
for n, seed, mode in lesson.progress(jobs, "task B", "networks"):
    places = [np.flatnonzero(B_Y == c)[seed * n // 5 :][: n // 5] for c in range(5)]
    if n > 80:  # not enough for sets that share nothing
        places = [np.flatnonzero(B_Y == c)[: n // 5] for c in range(5)]
    chosen = np.concatenate(places)
    network = transferred(mode, lesson.seed + seed)
    rate = 1e-2 if mode == "pixels" else 2e-3
    body = rate / 3 if mode == "fine-tuned" else rate
    steps = 100 if lesson.fast else 250
    epochs = max(1, steps // -(-len(chosen) // 32))
    fit(network, B_X[chosen], B_Y[chosen], epochs, seed, body, rate)
    B_errors[mode][n].append(error(network, *B_test_set))
B_mean = {
    mode: {n: float(np.mean(e)) for n, e in by.items()} for mode, by in B_errors.items()
}
lesson.table(
    ["error % on B with", *counts],
    [[mode, *(f"{by[n]:.1f}" for n in counts)] for mode, by in B_mean.items()],
)
assert B_mean["thawed top"][40] < B_mean["scratch"][40] - 8
if not lesson.fast:
    assert B_mean["fine-tuned"][40] < B_mean["scratch"][40] - 5
assert B_mean["frozen"][320] > B_mean["thawed top"][320] + 5

# %% [markdown]
# The convolutions are worth some hundred labelled pictures: with 40, the network that
# has them errs about as often as the one from scratch does with 160. The layer just
# before the head is worth little: it has learned what tells 0 from 4, which is no way
# to tell 5 from 9. **Early layers are general, late ones special.** Fine-tuning all is
# the usual choice for many pictures; here the convolutions fit so well that moving them
# only costs.
#
# **Features in store.** What the frozen layers say of a picture never changes. Compute
# it once, and train the rest on it: the same network, to the last digit of what it
# says, for a fraction of the time.

# %%
forty = np.concatenate([np.flatnonzero(B_Y == c)[:8] for c in range(5)])
slow = fit(transferred("thawed top", 7), B_X[forty], B_Y[forty], 20, 7)
stored = features(slow, B_X[forty], CONVOLUTIONS)  # (40, 512)
fresh = transferred("thawed top", 7)
top = nn.Sequential(*list(fresh)[CONVOLUTIONS:])
fit(top, stored, B_Y[forty], 20, 7)
apart = np.abs(top(dls.Tensor(stored)).numpy() - slow(dls.Tensor(B_X[forty])).numpy())
print(f"with stored features: scores at most {apart.max():.1e} apart")
assert apart.max() < 1e-4
before = source.state_dict()
same = all(
    np.array_equal(v, before[k]) for k, v in slow.state_dict().items() if k[0] < "6"
)
assert same, "a frozen layer has moved"

# %% [markdown]
# ### A real pretrained network
#
# SqueezeNet 1.1 (Iandola and others, 2016) has seen 1.2 million photographs of a
# thousand kinds. Its weights come with the installation, rounded to 8 bits;
# `tinygrad-dls data fetch squeezenet` brings them whole, 5 MB. Here it says 512 numbers
# about a photograph, and a linear layer on these learns our task, with the cats of the
# course if you have them, else with the faces that are built in.


# %%
def photograph_features(model, images, size=113):
    """The 512 numbers about each of the photographs uint8 (m, h, w, 1 or 3)."""
    transform = replace(model.transform, size=(size, size))  # half of its training's
    body = nn.Sequential(*model.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if images.shape[3] == 1:  # grey: three equal channels
        images = np.repeat(images, 3, axis=3)
    batches = np.split(images, range(32, len(images), 32))
    parts = [features(body, transform(x).numpy(), len(body)) for x in batches]
    return np.concatenate(parts)


def linear_probe(train_X, train_Y, test_X, test_Y):
    """The test error of a linear layer on these numbers, in percent."""
    mean, width = train_X.mean(axis=0), train_X.std(axis=0) + 1e-3
    train_X, test_X = (train_X - mean) / width, (test_X - mean) / width
    dls.manual_seed(lesson.seed)
    probe = nn.Sequential(nn.Linear(train_X.shape[1], 2))
    fit(probe, train_X, train_Y, 30, lesson.seed)
    return error(probe, test_X, test_Y)


probes = {}
try:
    where = None if lesson.data == "course" else lesson.data  # it has none
    squeezenet = models.load("squeezenet1_1", weights="imagenet", data=where)
except DataError as missing:
    print(f"left out: {missing}")
else:
    print(squeezenet.statement)
    photographs = lesson.load("cats")
    seen = {}
    for part in lesson.progress(("train", "test"), "SqueezeNet", "sets"):
        images = getattr(photographs, f"{part}_x_orig")
        seen[part] = photograph_features(squeezenet, images)
        flat = images.reshape(len(images), -1).astype("float32") / 255
        seen[part + " pixels"] = flat
    train_Y, test_Y = photographs.train_y[0], photographs.test_y[0]
    for n in (20, 50, len(train_Y)):
        probes[n] = {
            name: linear_probe(
                seen["train" + kind][:n], train_Y[:n], seen["test" + kind], test_Y
            )
            for name, kind in (("pixels", " pixels"), ("features", ""))
        }
    lesson.table(
        ["photographs to train", "linear on pixels %", "on SqueezeNet's features %"],
        [[n, *(f"{v:.1f}" for v in errors.values())] for n, errors in probes.items()],
    )

# %% [markdown]
# ### One network, five questions
#
# Of each picture, five questions: is the digit even? at least five? has it a loop (as
# 0, 6, 8 and 9 have)? is it made of straight strokes (1, 4, 7)? a prime (2, 3, 5, 7)?
# One network with five outputs, or five networks with one output each?

# %%
QUESTIONS = {
    "even": {0, 2, 4, 6, 8},
    "five or more": {5, 6, 7, 8, 9},
    "loop": {0, 6, 8, 9},
    "straight": {1, 4, 7},
    "prime": {2, 3, 5, 7},
}
pictures = photographed(scans, rng)
truth = np.array([[c in digits for digits in QUESTIONS.values()] for c in labels])
truth = truth.astype("float64")  # (1797, 5), rows as the networks take them
multi_X, multi_Y = pictures[:800], truth[:800]
ask_X, ask_Y = pictures[1000:], truth[1000:]


def fit_masked(network, X, Y, steps, seed):
    """Adam on pictures and answers Y (m, k), NaN where there is none."""
    optimizer = optim.Adam(network.parameters(), lr=2e-3)
    shuffle = np.random.default_rng(seed)
    order = shuffle.permutation(len(X))
    for _ in range(steps):
        if len(order) < 32:
            order = np.concatenate([order, shuffle.permutation(len(X))])
        part, order = order[:32], order[32:]
        known = ~np.isnan(Y[part])
        if not known.any():
            continue
        filled = np.where(known, Y[part], 0).astype("float32")
        weight = dls.Tensor((known / known.sum()).astype("float32"))
        optimizer.zero_grad()
        Z = network(dls.Tensor(X[part]))  # (32, k)
        loss = F.binary_cross_entropy_with_logits(
            Z, dls.Tensor(filled), weight=weight, reduction="sum"
        )
        loss.backward()
        optimizer.step()
    return network


def question_errors(network, X, Y):
    """The error of each question, (k,) in percent."""
    with dls.no_grad():
        return label_errors(network(dls.Tensor(X)).numpy().T, Y.T)


steps = 200 if lesson.fast else 600
missing = (0.5, 0.8) if lesson.fast else (0.0, 0.5, 0.8, 0.9)
multi = {}
for rate in lesson.progress(missing, "missing answers", "shares"):
    hidden = np.random.default_rng(lesson.seed).random(multi_Y.shape) < rate
    Y = np.where(hidden, np.nan, multi_Y)
    shared = fit_masked(make_network(5, lesson.seed), multi_X, Y, steps, lesson.seed)
    as_no = np.where(hidden, 0.0, multi_Y)
    lied = fit_masked(make_network(5, lesson.seed), multi_X, as_no, steps, lesson.seed)
    whole = ~np.isnan(Y).any(axis=1)
    separate = [] if lesson.fast else range(5)
    alone = [
        question_errors(
            fit_masked(
                make_network(1, lesson.seed),
                multi_X[~hidden[:, k]],
                Y[~hidden[:, k], k : k + 1],
                steps,
                lesson.seed,
            ),
            ask_X,
            ask_Y[:, k : k + 1],
        )[0]
        for k in separate
    ]
    multi[rate] = {
        "one network": float(question_errors(shared, ask_X, ask_Y).mean()),
        "missing is no": float(question_errors(lied, ask_X, ask_Y).mean()),
        "whole rows": int(whole.sum()),
    }
    if alone:
        multi[rate]["five networks"] = float(np.mean(alone))
columns = [k for k in multi[0.5] if k != "whole rows"]
lesson.table(
    ["answers missing", "pictures with all five", *(f"{c}, error %" for c in columns)],
    [
        [f"{100 * r:.0f} %", e["whole rows"], *(f"{e[c]:.1f}" for c in columns)]
        for r, e in multi.items()
    ],
)
assert multi[0.5]["one network"] < multi[0.5]["missing is no"] - 8
assert multi[0.8]["one network"] < multi[0.8]["missing is no"] - 8

# %% [markdown]
# One network does what five do, with a fifth of the work; with 90 % missing hardly a
# picture has all its answers, and it learns all the same.
#
# The real gain is another one. **One question is new**: it has 40 answers, the other
# four have 800 each.

# %%
rare = {}
for k, name in enumerate(QUESTIONS):
    if lesson.fast and name != "loop":
        continue
    Y = multi_Y.copy()
    Y[40:, k] = np.nan
    with_others = make_network(5, lesson.seed)
    fit_masked(with_others, multi_X, Y, 350 if lesson.fast else 1200, lesson.seed)
    by_itself = fit_masked(
        make_network(1, lesson.seed), multi_X[:40], Y[:40, k : k + 1], 250, lesson.seed
    )
    rare[name] = {
        "by itself": float(question_errors(by_itself, ask_X, ask_Y[:, k : k + 1])[0]),
        "with the others": float(question_errors(with_others, ask_X, ask_Y)[k]),
    }
lesson.table(
    ["40 answers to", "by itself, error %", "with the others %"],
    [[name, *(f"{v:.1f}" for v in e.values())] for name, e in rare.items()],
)
gain = np.mean([e["by itself"] - e["with the others"] for e in rare.values()])
assert gain > 3

# %% [markdown]
# ## Look at it

# %%
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.6))
for mode, by in B_errors.items():
    left.plot(counts, [np.mean(by[n]) for n in counts], "o-", label=mode)
    if seeds > 1:
        ends = [[f(by[n]) for n in counts] for f in (np.min, np.max)]
        left.fill_between(counts, *ends, alpha=0.12)
left.set(xscale="log", xlabel="labelled pictures of task B", ylabel="test error %")
left.set_title("Transfer")
left.legend()
for column in columns:
    middle.plot([100 * r for r in multi], [e[column] for e in multi.values()], "o-")
middle.legend(columns)
middle.set(xlabel="answers missing %", ylabel="mean error %", title="Five questions")
places = np.arange(len(rare))
for i, kind in enumerate(("by itself", "with the others")):
    right.bar(
        places + 0.4 * i - 0.2, [e[kind] for e in rare.values()], 0.38, label=kind
    )
right.set_xticks(places, list(rare), fontsize=9)
right.set(ylabel="error %", title="A question with 40 answers")
right.legend(loc="lower center", framealpha=0.9)
for ax in (left, middle, right):
    ax.grid(alpha=0.3)
    ax.set_ylim(bottom=0)
fig.tight_layout()
lesson.figure(fig, "errors")

fig, axes = plt.subplots(2, 8, figsize=(11, 3.2))
filters = source[0].weight.numpy()[:8, 0]  # (8, 3, 3)
maps = features(source, B_X[:1], 2)[0, :8]  # (8, 8, 8), after the first ReLU
for i in range(8):
    axes[0, i].imshow(filters[i], cmap="RdBu", vmin=-0.8, vmax=0.8)
    axes[1, i].imshow(maps[i], cmap="gray_r")
for ax in axes.flat:
    ax.axis("off")
fig.suptitle(f"Filters learned on 0 to 4, and what they find in a {B_Y[0] + 5}")
lesson.figure(fig, "filters")

# %% [markdown]
# ## Break it
#
# **1. Frozen by a gradient of zero.** Somebody sets the gradients of the body to 0 and
# leaves it in the optimizer. AdamW shrinks weights whatever their gradients. A tool:
# what has moved?


# %%
def moved(network, before):
    """Names of what has changed since `before`, a state_dict."""
    now = network.state_dict()
    return [k for k, v in now.items() if not np.array_equal(v, before[k])]


def one_step(network, parameters, zero=()):
    """A step of AdamW on 32 pictures, the gradients of `zero` set to 0 before it."""
    optimizer = optim.AdamW(parameters, lr=1e-3)
    F.cross_entropy(network(dls.Tensor(B_X[:32])), dls.Tensor(B_Y[:32])).backward()
    for p in zero:
        p.grad = dls.zeros_like(p)
    optimizer.step()


network = transferred("fine-tuned", 3)
before = network.state_dict()
body = [p for layer in list(network)[:BODY] for p in layer.parameters()]
one_step(network, network.parameters(), zero=body)
zeroed = moved(network, before)
network = transferred("frozen", 3)
before = network.state_dict()
one_step(network, [p for p in network.parameters() if p.requires_grad])
really = moved(network, before)
print("gradients zeroed, moved:", zeroed)
print("frozen, moved:", really)
assert "0.weight" in zeroed and really == ["8.weight", "8.bias"]

# %% [markdown]
# **2. Batch norm has no gradient, and moves.** All its parameters are frozen, and still
# it changes, with each batch, in training mode: the averages. `eval()` holds them.

# %%
averages = {}
for mode in ("train", "eval"):
    layer = nn.Sequential(nn.BatchNorm1d(64))
    freeze(layer, 1)
    getattr(layer, mode)()
    before = layer.state_dict()
    layer(dls.Tensor(B_X[:32].reshape(32, 64)))
    averages[mode] = moved(layer, before)
print("frozen batch norm, moved:", averages)
assert "0.running_mean" in averages["train"] and not averages["eval"]

# %% [markdown]
# **3. A rate that is too large for old layers.** Fine-tuning at five hundred times the
# rate: the new head begins with random errors, and these run back through the body at
# full speed. **4. A source that has nothing to teach.** Trained on A with labels that
# were drawn by lot. **5. The other way round**: much of B, a source with little. No
# transfer is better than scratch by itself; it must know something that B needs.

# %%
short = 30 if lesson.fast else 100
one_rate = fit(
    transferred("fine-tuned", 1), B_X[forty], B_Y[forty], short, 1, 7e-4, 2e-3
)
too_large = fit(
    transferred("fine-tuned", 1), B_X[forty], B_Y[forty], short, 1, 1.0, 1.0
)
lot = np.random.default_rng(lesson.seed).integers(0, 5, 750)
by_lot = make_network(5, lesson.seed)
fit(by_lot, photographed(A_scans[:750], rng), lot, short // 6, lesson.seed)
from_lot = fit(transferred("thawed top", 1, by_lot), B_X[forty], B_Y[forty], short, 1)
from_A = fit(transferred("thawed top", 1), B_X[forty], B_Y[forty], short, 1)
small_source = fit(
    make_network(5, lesson.seed), photographed(A_scans[:20], rng), A_labels[:20], 100, 1
)
wide = np.arange(400)
much = {
    name: error(fit(network, B_X[wide], B_Y[wide], short // 5, 1), *B_test_set)
    for name, network in (
        ("scratch", transferred("scratch", 1)),
        ("from 20 pictures of A", transferred("frozen", 1, small_source)),
    )
}
ways = {
    "fine-tuned, small rate": error(one_rate, *B_test_set),
    "fine-tuned, rate 1": error(too_large, *B_test_set),
    "convolutions of A": error(from_A, *B_test_set),
    "of labels by lot": error(from_lot, *B_test_set),
} | {f"400 of B, {k}": v for k, v in much.items()}
lesson.table(
    ["40 pictures of B", "error %"], [[k, f"{v:.1f}"] for k, v in ways.items()]
)
assert ways["fine-tuned, rate 1"] > ways["fine-tuned, small rate"] + 5
assert ways["of labels by lot"] > ways["convolutions of A"] + 3
assert much["from 20 pictures of A"] > much["scratch"]

# %% [markdown]
# **6. A missing answer taken for "no"**: the table above has it. The network learns how
# often people do not answer. It shows in what it says: it says yes too rarely.
# **7. The wrong divisor**: by the number of cells, not of answers; and the mask as a
# factor, where the gap is NaN.

# %%
with dls.no_grad():
    says = {
        name: float(np.mean(network(dls.Tensor(ask_X)).numpy() > 0))
        for name, network in (("one network", shared), ("missing is no", lied))
    }
print(f"yes to {100 * ask_Y.mean():.0f} % would be right, said:", end=" ")
print({k: f"{100 * v:.0f} %" for k, v in says.items()})
assert says["missing is no"] < says["one network"] - 0.15
right, cost = propagate_masked(gaps_point, gaps_X, gaps_Y)
share = np.mean(~np.isnan(gaps_Y))
wrong = {k: g * share for k, g in right.items()}  # WRONG: divided by all cells
report = check.check_gradients(
    lambda p: propagate_masked(p, gaps_X, gaps_Y)[1], gaps_point, wrong, m=15
)
print(report.first.name, report.first.hint)
assert not report.ok
factor = (~np.isnan(gaps_Y)) * gaps_Y  # 0 * NaN
print(f"0 * NaN = {0 * np.nan}: the sum over {gaps_Y.size} cells is {factor.sum()}")
assert np.isnan(factor.sum())

# %% [markdown]
# ## Recap
#
# - Transfer pays when the inputs are alike, A has much more data than B, and what the
#   early layers find on A is of use for B.
# - Few data: freeze what is general, renew what is special. Many: fine-tune all, the
#   old layers with a small rate, and compare on the dev set. Very many: no need.
# - Frozen means: not in the optimizer, no gradient, batch norm in `eval()`.
# - Multi-task pays when tasks share what they need, and most when one has few data and
#   all together have many; the network must be large enough for all.
# - A missing label is not "no". Count answers, not cells.
#
# ## Questions
#
# 1. The frozen layers are the *last* ones. Does the backward pass save anything?
#    <details><summary>Answer</summary>
#    Only their own dW and db. The error must go through them to reach the first layers.
#    </details>
# 2. You have 100 hours of speech with transcripts, and ten minutes with a wake word.
#    Which is A, which is B, what is frozen?
#    <details><summary>Answer</summary>
#    A is the transcription. Take its network, put a new head (perhaps some new layers)
#    on it, and train only these on the ten minutes.
#    </details>
# 3. Why a sigmoid for each question, and no softmax over the five?
#    <details><summary>Answer</summary>
#    8 is even *and* has a loop. Softmax shares out one yes.
#    </details>
# 4. One network is worse than five. What would you try?
#    <details><summary>Answer</summary>
#    A larger one. If that does not help, the tasks do not share what they need.
#    </details>
# 5. 95 % of the answers are missing, and they are missing mostly where they are "no".
#    What does the masked cost not know?
#    <details><summary>Answer</summary>
#    That whether one answers depends on the answer. The network will say yes too often;
#    a small set with all answers would show it.
#    </details>
#
# ## Go further
#
# - Thaw the second convolution as well. From how many pictures on is that better?
# - Weigh the five questions differently in the cost, as the course's formula does not.
# - Next: `c3w2-end-to-end`.

# %%
# The end: this run must have reached what is known of it.
assert error(source, *A_test) < 12
assert B_mean["thawed top"][320] < 20
if not lesson.fast:
    assert error(source, *A_test) < 6 and B_mean["thawed top"][320] < 12
    assert multi[0.0]["one network"] < 12
    assert multi[0.9]["one network"] < multi[0.9]["five networks"] + 5
    assert gain > 5
lesson.finish(
    {
        "source_error": error(source, *A_test),
        "transfer": B_mean,
        "stored": float(apart.max()),
        "multi": multi,
        "rare": rare,
        "squeezenet": probes,
        "broken": {
            "zeroed": zeroed,
            "frozen": really,
            "averages": averages,
            "ways": ways,
            "says": says,
        },
    }
)
