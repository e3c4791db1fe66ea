# %% [markdown]
# # Human-level performance: how good can it get, and which gap to attack
#
# Course 3, week 1. About 60 minutes with the exercises. The script runs for about
# twenty seconds, with `--fast` for three.
#
# **Goal.** A model has 19 % errors. Is that bad? It depends on what is possible: nobody
# can do better than the **Bayes error**. In practice it is not known, and people stand
# in for it. Here it *is* known, since we make the task. You will
#
# - compute the Bayes error as an integral, and measure it,
# - let simulated people label: a typical one, an expert, a team of experts,
# - write a diagnosis by the course's rules, and see it change with the people asked,
# - try each remedy on the gap that it should close, and on the other one,
# - let a model learn from people and become better than they are,
# - break it in six ways.
#
# ## What you need
#
# `c2w1-train-dev-test` for bias and variance, `c1w3-planar-classification` for a
# network with one hidden layer. Examples are columns in what is derived by hand.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c3w1-human-level-performance")

# %% [markdown]
# ## The idea in a picture
#
# Two measurements of a patient. The healthy ones (blue) lie around the middle; the
# illness has four forms, which lie around four other places (red). The regions overlap:
# at some points both occur, and whoever decides there is sometimes wrong, a person, a
# network or a god. The line is the best there is: on each side the class that is more
# frequent *there*.

# %%
HEALTHY = np.array([[0.0, 0.0]])
ILL = np.array([[1.9, 0.0], [-1.9, 0.0], [0.0, 1.9], [0.0, -1.9]])
WIDTH, USELESS = 0.75, 18  # a form's standard deviation; measurements that say nothing


def density(points, centers):
    """Density at points (m, 2) of a mixture of Gaussians around the centers."""
    square = ((points[:, None] - centers[None]) ** 2).sum(axis=2)  # (m, centers)
    return np.exp(-square / (2 * WIDTH**2)).mean(axis=1) / (2 * np.pi * WIDTH**2)


def probability_ill(points):
    """P(ill | the two measurements), by Bayes's rule, with as many ill as healthy."""
    ill, healthy = density(points[:, :2], ILL), density(points[:, :2], HEALTHY)
    return ill / (ill + healthy)


def make_patients(count, rng):
    """Measurements (count, 20), of which the first two count, and labels (count,)."""
    y = rng.integers(0, 2, count)
    centers = np.where(y[:, None] == 1, ILL[rng.integers(0, 4, count)], HEALTHY[0])
    useful = centers + WIDTH * rng.standard_normal((count, 2))
    return np.hstack([useful, rng.standard_normal((count, USELESS))]), y


rng = np.random.default_rng(lesson.seed)
count = 20_000
train_X, train_Y = make_patients(count, rng)
dev_X, dev_Y = make_patients(4000, rng)
line = np.linspace(-6, 6, 481)
grid_x, grid_y = np.meshgrid(line, line)
points = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)
area = (line[1] - line[0]) ** 2


def draw_patients(ax, X, Y):
    """Points of both classes, and the best line."""
    colours = np.where(Y == 1, "tab:red", "tab:blue")
    ax.scatter(*X[:, :2].T, c=colours, s=8, alpha=0.5, edgecolors="none")
    best = probability_ill(points).reshape(grid_x.shape)
    ax.contour(grid_x, grid_y, best, levels=[0.5], colors="black", linewidths=1.5)
    ax.set(xlabel="measurement 1", ylabel="measurement 2", aspect="equal")
    ax.set(xlim=(-4.5, 4.5), ylim=(-4.5, 4.5))


fig, ax = plt.subplots(figsize=(5.6, 5.4))
draw_patients(ax, train_X[:1200], train_Y[:1200])
ax.set_title("Healthy (blue) and ill (red): nobody can tell all")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Simpler: one measurement. The healthy lie around $-1$, the ill around $+1$, both with
# standard deviation 1. The best is to cut at 0. A healthy one is then called ill if it
# lies more than one standard deviation above its mean: with probability
# $\Phi(-1) = 0.1587$ (the table of the normal distribution). The same for the ill: the
# Bayes error is 15.9 %.
#
# With many measurements of which each shifts by $d$ standard deviations between the
# classes, all independent, they add like the sides of a right angle: $k$ of them are as
# good as one with $d \sqrt{k}$. The Bayes error is $\Phi(-d \sqrt{k} / 2)$.


# %%
def phi(x):
    """The normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


one_axis = np.linspace(-9, 9, 20_001)
bell = np.exp(-((one_axis[:, None] - np.array([-1, 1])) ** 2) / 2) / np.sqrt(2 * np.pi)
by_sum = 0.5 * bell.min(axis=1).sum() * (one_axis[1] - one_axis[0])
print(f"Phi(-1) = {phi(-1):.6f}, as a sum over a fine axis {by_sum:.6f}")
assert abs(phi(-1) - 0.158655) < 1e-6 and abs(by_sum - phi(-1)) < 1e-6

# %% [markdown]
# ## The mathematics
#
# At a point $x$ the healthy have density $p_0(x)$, the ill $p_1(x)$, each class makes
# up half. Who says "ill" there is wrong with the share of the healthy. The best says
# what is more frequent and is wrong with the smaller one:
#
# $$\text{Bayes error} = \int \tfrac12 \min\big(p_0(x), p_1(x)\big)\, dx .$$
#
# **The two gaps.** With "possible" for the Bayes error or what stands in for it:
#
# | gap | what it says | remedies |
# |---|---|---|
# | train - possible = **avoidable bias** | misses what it has seen | larger, longer |
# | dev - train = **variance** | does not carry over | more data, regularize, smaller |
#
# Work on the larger one. If the train error is *below* what stands in for the possible,
# then the stand-in is too weak (or the network has learned noise by heart): it cannot
# tell how much bias is left.
#
# **Labels by vote.** Five people label, three say "ill": the label may be $y = 0.6$.
# The formulas of the cross-entropy hold for such $y$ as they are. With one hidden
# layer, $A_1 = \max(0, W_1 X + b_1)$, $A_2 = \sigma(W_2 A_1 + b_2)$:
#
# $$dZ_2 = \tfrac1m (A_2 - Y), \quad dW_2 = dZ_2 A_1^T, \quad
# dZ_1 = W_2^T dZ_2 * (A_1 > 0), \quad dW_1 = dZ_1 X^T .$$
#
# The best answer at $x$ is then the mean of $y$ there, and the cost that is left is not
# 0 but the **entropy** of the labels: the Bayes error of the cost, so to say.
#
# ## Your code
#
# **Exercise 1.** The Bayes error from the two densities at the points of a grid, and
# the area that each point stands for.
#
# **Exercise 2.** The majority of an odd number of votes.
#
# **Exercise 3.** Gradients and cost of the network for labels between 0 and 1.
#
# **Exercise 4.** The diagnosis: both gaps, and what to work on: "avoidable bias" or
# "variance", whichever is larger, or "unknown" if the train error is below `possible`
# by more than `tolerance` and the variance is not above `tolerance` either.


# %%
def bayes_error(p0, p1, area):
    """The least share of errors, where both classes are equally frequent."""
    # BEGIN SOLUTION
    error = float(np.sum(0.5 * np.minimum(p0, p1)) * area)
    # END SOLUTION
    return error


def majority(votes):
    """Labels (m,), 0 or 1, by most of the votes (people, m)."""
    # BEGIN SOLUTION
    labels = (votes.mean(axis=0) > 0.5).astype(int)  # (m,)
    # END SOLUTION
    return labels


def propagate(parameters, X, Y):
    """Gradients {"dW1", "db1", "dW2", "db2"} and cost; X (n, m), Y (1, m), 0 to 1."""
    W1, b1, W2, b2 = (parameters[k] for k in ("W1", "b1", "W2", "b2"))
    m = X.shape[1]
    # BEGIN SOLUTION
    A1 = np.maximum(0, W1 @ X + b1)  # (n1, m) = (n1, n) @ (n, m) + (n1, 1)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))  # (1, m)
    cost = float(-np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)))
    dZ2 = (A2 - Y) / m  # (1, m)
    dZ1 = (W2.T @ dZ2) * (A1 > 0)  # (n1, m)
    grads = {
        "dW1": dZ1 @ X.T,  # (n1, n)
        "db1": dZ1.sum(axis=1, keepdims=True),  # (n1, 1)
        "dW2": dZ2 @ A1.T,  # (1, n1)
        "db2": dZ2.sum(axis=1, keepdims=True),  # (1, 1)
    }
    # END SOLUTION
    return grads, cost


def diagnose(possible, train, dev, tolerance=1.0):
    """{"avoidable bias", "variance", "work on"} of three errors in percent."""
    # BEGIN SOLUTION
    bias, variance = train - possible, dev - train
    if bias < -tolerance and variance <= tolerance:
        work_on = "unknown"
    else:
        work_on = "avoidable bias" if bias > variance else "variance"
    # END SOLUTION
    return {"avoidable bias": bias, "variance": variance, "work on": work_on}


exact = 100 * bayes_error(density(points, HEALTHY), density(points, ILL), area)
best_answers = (probability_ill(dev_X) > 0.5).astype(int)
measured = 100 * float(np.mean(best_answers != dev_Y))
print(f"Bayes error: {exact:.2f} % by the integral, {measured:.2f} % on 4000 patients")
assert abs(measured - exact) < 2.5

# %% [markdown]
# ## Check it three ways
#
# **By hand**: the one-dimensional case, 15.87 %, by your `bayes_error`. And a vote: of
# three people, each wrong in 30 % of the cases and independent of the others, the
# majority is wrong with $3 \cdot 0.3^2 \cdot 0.7 + 0.3^3 = 0.216$.

# %%
step = one_axis[1] - one_axis[0]
assert abs(bayes_error(bell[:, 0], bell[:, 1], step) - phi(-1)) < 1e-6
throws = np.random.default_rng(0).random((3, 200_000)) < 0.3
wrong = float(majority(throws.astype(int)).mean())
print(f"three who err in 30 %: the majority errs in {100 * wrong:.1f} %")
assert abs(wrong - 0.216) < 0.005

# %% [markdown]
# **Against the engine**, with labels such as 0.6, and **numerically**.

# %%
draw = np.random.default_rng(0)  # at a point where no unit is at the kink of its ReLU
few_X = make_patients(40, draw)[0].T  # (20, 40)
few_Y = draw.integers(0, 6, (1, 40)) / 5  # votes of five
point = {
    "W1": 0.5 * draw.standard_normal((6, 20)),
    "b1": 0.1 * draw.standard_normal((6, 1)),
    "W2": draw.standard_normal((1, 6)),
    "b2": np.zeros((1, 1)),
}


def cost_by_engine(W1, b1, W2, b2, X, Y):
    """J of tensors."""
    return F.binary_cross_entropy_with_logits(W2 @ (W1 @ X + b1).relu() + b2, Y)


grads, cost = propagate(point, few_X, few_Y)
tensors = {k: dls.Tensor(p, requires_grad=True, name=k) for k, p in point.items()}
tX, tY = dls.Tensor(few_X, name="X"), dls.Tensor(few_Y, name="Y")
J = cost_by_engine(*tensors.values(), tX, tY)
J.backward()
assert abs(J.item() - cost) < 1e-12
for name, tensor in tensors.items():
    assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
    assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10
report = check.check_gradients(
    lambda p: propagate(p, few_X, few_Y)[1], point, grads, m=40
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph

# %%
with dls.trace():
    J = cost_by_engine(*tensors.values(), tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# The same numbers by layers first; from here on examples are *rows*.


# %%
def network_of(hidden, seed, dtype="float32"):
    """20-hidden-1 with ReLU, or a linear model if hidden is 0."""
    dls.manual_seed(seed)
    if not hidden:
        return nn.Sequential(nn.Linear(20, 1, dtype=dtype))
    return nn.Sequential(
        nn.Linear(20, hidden, dtype=dtype), nn.ReLU(), nn.Linear(hidden, 1, dtype=dtype)
    )


layers, mine = network_of(6, 0, "float64"), dict(point)
state = {f"{place}.weight": point[f"W{i}"] for i, place in ((1, 0), (2, 2))}
state |= {f"{place}.bias": point[f"b{i}"][:, 0] for i, place in ((1, 0), (2, 2))}
layers.load_state_dict(state)
optimizer = optim.SGD(layers.parameters(), lr=0.5)
for _ in range(20):
    grads, cost = propagate(mine, few_X, few_Y)
    mine = {k: p - 0.5 * grads["d" + k] for k, p in mine.items()}
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(
        layers(dls.Tensor(few_X.T)), dls.Tensor(few_Y.T)
    )
    loss.backward()
    optimizer.step()
    assert abs(loss.item() - cost) < 1e-10
assert np.abs(layers[0].weight.numpy() - mine["W1"]).max() < 1e-10
print("twenty steps by hand and by layers: the same")


def train(X, Y, hidden=64, epochs=10, decay=0.0, seed=lesson.seed):
    """A network trained with AdamW (weight decay `decay`) on batches of 64."""
    network = network_of(hidden, seed)
    optimizer = optim.AdamW(network.parameters(), lr=3e-3, weight_decay=decay)
    rows, targets = X.astype("float32"), Y[:, None].astype("float32")

    @dls.capture
    def step(x, y):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(network(x), y).backward()
        optimizer.step()

    draw = np.random.default_rng(seed)
    for _ in range(epochs):
        order = draw.permutation(len(X))
        for i in range(0, len(X) - 63, 64):
            places = order[i : i + 64]
            step(dls.Tensor(rows[places]), dls.Tensor(targets[places]))
    return network


def answers(network, X):
    """0 or 1 for each row."""
    with dls.no_grad():
        return (network(dls.Tensor(X.astype("float32"))).numpy()[:, 0] > 0).astype(int)


def error(network, X, Y):
    """Percent of wrong answers."""
    return 100 * float(np.mean(answers(network, X) != Y))


# %% [markdown]
# **People.** A person knows the illness well, but reads the two measurements off a
# dial, with an error. The typical one is off by 0.6, the expert by 0.4. A team of five
# experts votes.


# %%
def person(X, blur, rng):
    """Labels by someone who sees the two measurements with an error."""
    seen = X[:, :2] + blur * rng.standard_normal((len(X), 2))
    return (probability_ill(seen) > 0.5).astype(int)


def votes_of(X, blur, people, rng):
    """Votes (people, m)."""
    return np.stack([person(X, blur, rng) for _ in range(people)])


people = {
    "typical person": person(dev_X, 0.6, rng),
    "expert": person(dev_X, 0.4, rng),
    "team of five experts": majority(votes_of(dev_X, 0.4, 5, rng)),
}
human = {name: 100 * float(np.mean(y != dev_Y)) for name, y in people.items()}
lesson.table(
    ["who", "errors %"],
    [[name, f"{e:.1f}"] for name, e in human.items()] + [["Bayes", f"{exact:.1f}"]],
)
assert human["typical person"] > human["expert"] > human["team of five experts"]
assert human["team of five experts"] > exact - 1.5

# %% [markdown]
# "Human-level" is one word for three numbers. As a stand-in for the Bayes error the
# *best* counts, the team: the Bayes error is at most that. For a decision whether to
# put the system to use another one may count, say the typical person.
#
# **One model, three diagnoses.** A network that gets its measurements rounded to
# multiples of 1.8, as a cheap device would deliver them. *Predict: what does each
# stand-in say that we should work on?*


# %%
def rounded(X):
    """The two measurements as a cheap device delivers them."""
    return np.hstack([np.round(X[:, :2] / 1.8) * 1.8, X[:, 2:]])


coarse = train(rounded(train_X), train_Y, hidden=16, epochs=4)
errors = {
    "train": error(coarse, rounded(train_X), train_Y),
    "dev": error(coarse, rounded(dev_X), dev_Y),
}
print(f"the network: train {errors['train']:.1f} %, dev {errors['dev']:.1f} %")
stand_ins = human | {"the truth": exact}
diagnoses = {name: diagnose(p, **errors) for name, p in stand_ins.items()}
lesson.table(
    ["stand-in", "possible", "avoidable bias", "variance", "work on"],
    [
        [
            name,
            f"{stand_ins[name]:.1f}",
            f"{d['avoidable bias']:.1f}",
            f"{d['variance']:.1f}",
            d["work on"],
        ]
        for name, d in diagnoses.items()
    ],
)
assert diagnoses["the truth"]["work on"] == "avoidable bias"
assert diagnoses["typical person"]["work on"] == "unknown"
assert diagnoses["team of five experts"]["work on"] == diagnoses["the truth"]["work on"]

# %% [markdown]
# Measured by the typical person the network is superhuman, and nothing can be said any
# more: is it as good as possible? Measured by the team there is bias left, as there is
# in truth, and a better device would be the remedy.
#
# **Each remedy on each gap.** Two models in trouble, of one kind each: a linear one,
# for a border that is closed (bias), and 64 units on 192 patients (variance). Then
# every remedy is tried on both.

# %%
few = 192
rounds = 40 if lesson.fast else 120
sick = {
    "bias: linear, 4000 patients": {"hidden": 0, "count": 4000, "epochs": 6},
    "variance: 64 units, 192 patients": {"hidden": 64, "count": few, "epochs": rounds},
}
remedies = {
    "as it is": {},
    "larger network": {"hidden": 4},  # four times as many units, or 64 for none
    "train three times as long": {"epochs": 3},
    "ten times the data": {"count": 10},
    "weight decay": {"decay": 3.0},
    "four measurements only": {"measurements": 4},
}
gap_table, models = {}, {}
jobs = [(s, r) for s in sick for r in remedies]
for trouble, remedy in lesson.progress(jobs, "remedies", "networks"):
    options = dict(sick[trouble], decay=0.0)
    change = remedies[remedy]
    if "hidden" in change:
        options["hidden"] = options["hidden"] * 4 or 64
    options["epochs"] *= change.get("epochs", 1)
    options["decay"] = change.get("decay", 0.0)
    if "count" in change:
        options["count"] = min(count, options["count"] * 10)
        options["epochs"] = max(4, options["epochs"] // 8)  # about as many steps
    X, Y = train_X[: options["count"]], train_Y[: options["count"]]
    seen = np.arange(20) < change.get("measurements", 20)  # the others count as 0
    network = train(X * seen, Y, options["hidden"], options["epochs"], options["decay"])
    found = diagnose(
        exact, error(network, X * seen, Y), error(network, dev_X * seen, dev_Y)
    )
    gap_table.setdefault(trouble, {})[remedy] = found
    models[trouble, remedy] = network
lesson.table(
    ["model", "remedy", "avoidable bias", "variance", "dev error"],
    [
        [
            trouble,
            remedy,
            f"{d['avoidable bias']:.1f}",
            f"{d['variance']:.1f}",
            f"{exact + d['avoidable bias'] + d['variance']:.1f}",
        ]
        for trouble, by_remedy in gap_table.items()
        for remedy, d in by_remedy.items()
    ],
)
bias_case, variance_case = gap_table.values()


def dev_of(found):
    """The dev error of a diagnosis."""
    return exact + found["avoidable bias"] + found["variance"]


assert bias_case["as it is"]["work on"] == "avoidable bias"
assert variance_case["as it is"]["work on"] == "variance"
assert dev_of(bias_case["larger network"]) < dev_of(bias_case["as it is"]) - 15
for useless in ("ten times the data", "weight decay", "four measurements only"):
    assert abs(dev_of(bias_case[useless]) - dev_of(bias_case["as it is"])) < 6
for good in ("ten times the data", "four measurements only"):
    assert dev_of(variance_case[good]) < dev_of(variance_case["as it is"]) - 4
for useless in ("larger network", "train three times as long"):
    assert dev_of(variance_case[useless]) > dev_of(variance_case["as it is"]) - 4

# %% [markdown]
# In these two cases no remedy against bias helps against variance, nor the other way
# round. (It is not a law: a larger network *with* more data closes both. Weight decay
# alone is too blunt here: it makes the border flat before it makes the useless
# measurements small. Leaving those out does it.) Weeks of work hang on that: the table
# of twelve trainings took seconds here, and the diagnosis says beforehand which lines
# of it are worth trying.
#
# ## Look at it

# %%
fig, axes = plt.subplots(1, 4, figsize=(15.5, 4.2))
shown = (
    ("bias: linear, 4000 patients", "as it is"),
    ("bias: linear, 4000 patients", "larger network"),
    ("variance: 64 units, 192 patients", "as it is"),
    ("variance: 64 units, 192 patients", "ten times the data"),
)
for ax, (trouble, remedy) in zip(axes, shown, strict=True):
    draw_patients(ax, train_X[:few], train_Y[:few])
    wide = np.hstack([points, np.zeros((len(points), USELESS))])
    said = answers(models[trouble, remedy], wide).reshape(grid_x.shape)
    ax.contourf(grid_x, grid_y, said, [-0.5, 0.5, 1.5], cmap="coolwarm", alpha=0.25)
    found = gap_table[trouble][remedy]
    ax.set_title(
        f"{trouble.split(',')[0]}, {remedy}\nbias {found['avoidable bias']:.1f}, "
        f"variance {found['variance']:.1f}",
        fontsize=9,
    )
fig.suptitle("What the networks say (useless measurements at 0); black: the best line")
fig.tight_layout()
lesson.figure(fig, "networks")

# %% [markdown]
# **Progress, and where it slows down.** The course draws accuracy over time: fast up to
# human level, slow beyond, never above Bayes. Here over the number of patients. *Why is
# it harder beyond human level?* People can no longer say what is wrong with a mistake,
# label more examples, or stand in for the possible.

# %%
sizes = (128, 512, 2000, 8000)
if not lesson.fast:
    sizes = (128, 256, 512, 1000, 2000, 5000, 20_000)
curve = {}
for size in lesson.progress(sizes, "sizes", "networks"):
    epochs = max(4, min(60, 60_000 // size))
    network = train(train_X[:size], train_Y[:size], 32, epochs, decay=0.3)
    curve[size] = error(network, dev_X, dev_Y)
fig, ax = plt.subplots(figsize=(7.5, 4.4))
ax.semilogx(list(curve), list(curve.values()), "o-", color="tab:green", label="network")
for (name, level), style in zip(human.items(), (":", "--", "-."), strict=True):
    ax.axhline(level, color="gray", linestyle=style, label=name)
ax.axhline(exact, color="black", label="Bayes error")
ax.set(xlabel="patients to train with", ylabel="dev error %")
ax.set_title("Past people, towards Bayes")
ax.legend(fontsize=8)
ax.grid(alpha=0.3)
lesson.figure(fig, "progress")
assert curve[sizes[0]] > human["typical person"] > curve[sizes[-1]] > exact - 1.5

# %% [markdown]
# **Better than its teachers.** Often the labels come from people. Four networks,
# trained on 4000 patients: with the truth, with labels of typical persons (each by
# another one), with the majority of five experts, and with the share of their votes.

# %%
some_X = train_X[:4000]
by_typical = person(some_X, 0.6, rng)
votes = votes_of(some_X, 0.4, 5, rng)
teachers = {
    "the truth": train_Y[:4000],
    "typical persons": by_typical,
    "majority of five experts": majority(votes),
    "share of their votes": votes.mean(axis=0),
}
taught = {}
for name, labels in teachers.items():
    network = train(some_X, labels, 32, 4 if lesson.fast else 8, decay=0.3)
    wrong_labels = 100 * float(np.mean((labels > 0.5).astype(int) != train_Y[:4000]))
    taught[name] = {"labels": wrong_labels, "network": error(network, dev_X, dev_Y)}
lesson.table(
    ["labels by", "wrong labels %", "network, dev error %"],
    [[n, f"{t['labels']:.1f}", f"{t['network']:.1f}"] for n, t in taught.items()],
)
assert taught["typical persons"]["network"] < taught["typical persons"]["labels"] - 2

# %% [markdown]
# More than a quarter of the labels of the typical persons is wrong, and the network
# trained on them errs less often than they do: their errors are random, and it averages
# over neighbours. (Errors in one *direction* it would learn: `c3w2-error-analysis`.)
#
# **Structured data.** Where many weak signs must be added up, people are beaten easily:
# twenty measurements, each shifted by 0.35. The Bayes error is $\Phi(-0.35 \sqrt{20}/2)
# = 21.7$ %. Somebody who keeps four of them in mind cannot do better than $\Phi(-0.35
# \sqrt{4}/2) = 36.3$ %, an expert with seven not better than 32.2 %. A linear model
# uses all.

# %%
shift = 0.35
table_Y = rng.integers(0, 2, 6000)
table_X = rng.standard_normal((6000, 20)) + shift * (table_Y[:, None] - 0.5)
linear = train(table_X[:4000], table_Y[:4000], hidden=0, epochs=8)
tabular = {"the linear model": error(linear, table_X[4000:], table_Y[4000:])}
for name, kept in (("four in mind", 4), ("seven in mind", 7), ("Bayes, all", 20)):
    said = table_X[4000:, :kept].sum(axis=1) > 0
    tabular[name] = 100 * float(np.mean(said != table_Y[4000:]))
    limit = 100 * phi(-shift * math.sqrt(kept) / 2)
    print(f"{name}: measured {tabular[name]:.1f} %, by the formula {limit:.1f} %")
    assert abs(tabular[name] - limit) < 3.5
print(f"the linear model: {tabular['the linear model']:.1f} %")
assert tabular["the linear model"] < tabular["seven in mind"] - 4

# %% [markdown]
# ## Break it
#
# **1. The wrong people asked.** Measured by the typical person, the network above is
# superhuman, and its gap to the possible is gone. Nothing in the numbers says that the
# wrong people were asked: only a better team does.

# %%
asked = {name: diagnose(p, **errors) for name, p in human.items()}
for name, d in asked.items():
    print(f"{name}: bias {d['avoidable bias']:.1f}, work on: {d['work on']}")
assert asked["typical person"]["avoidable bias"] < 0
assert asked["team of five experts"]["avoidable bias"] > 0

# %% [markdown]
# **2. The stand-in measured on other examples**: the team is asked about easy patients
# only (those of whom it is sure). It then looks better than Bayes, and everything looks
# like bias. A tool: is a claimed human level possible at all? With labels one can
# measure it, but not know the Bayes error; two things can be told, however.


# %%
def is_plausible(votes, labels, claimed):
    """What speaks against a claimed error (percent) of the majority of the votes?"""
    found = []
    wrong = majority(votes) != labels
    measured = 100 * float(wrong.mean())
    chance = 100 * float(np.sqrt(wrong.mean() * (1 - wrong.mean()) / len(labels)))
    if abs(measured - claimed) > 3 * chance:
        found.append(
            f"claimed {claimed:.1f} %, here {measured:.1f} %: other examples?"
        )
    # two who answer alike by chance only in what they share: their agreement
    agree = float(np.mean(votes[0] == votes[1]))
    if agree > 0.999:
        found.append("the people answer all alike: did they copy?")
    return found


team = votes_of(dev_X, 0.4, 5, rng)
sure = np.abs(team.mean(axis=0) - 0.5) > 0.4  # all five say the same
easy = 100 * float(np.mean(majority(team)[sure] != dev_Y[sure]))
print(f"the team on those it is sure of: {easy:.1f} %, below Bayes ({exact:.1f} %)")
flattered = diagnose(easy, **errors)
print("and with that as the possible one would work on:", flattered["work on"])
plausible = {
    "all patients": is_plausible(team, dev_Y, human["team of five experts"]),
    "easy ones": is_plausible(team, dev_Y, easy),
    "copied": is_plausible(np.repeat(team[:1], 5, axis=0), dev_Y, human["expert"]),
}
for name, found in plausible.items():
    print(f"{name}:", found or "nothing speaks against it")
assert easy < exact - 2 and plausible["all patients"] == []
assert "other examples?" in plausible["easy ones"][0]
assert any("copy" in line for line in plausible["copied"])

# %% [markdown]
# **3. The gaps in the wrong order**: dev minus possible taken for bias. Then variance
# is counted as bias, and a larger network bought for the model of 192 patients: above
# it made nothing better.

# %%
swapped = {
    "avoidable bias": dev_of(variance_case["as it is"]) - exact,
    "right": variance_case["as it is"]["avoidable bias"],
}
print(
    f"64 units, 192 patients: bias {swapped['right']:.1f}, "
    f"taken wrongly {swapped['avoidable bias']:.1f}"
)
assert swapped["avoidable bias"] > 5 > swapped["right"]

# %% [markdown]
# **4. Training error measured in another way**: with dropout still on. Half of the
# units of the network of 192 patients are dropped while it answers, and its training
# error looks like bias. Call `network.eval()` first, and take the whole training set
# after training, not the average over the last batches. (Weight decay needs no such
# care with an *error rate*: it adds to the cost, and not to the number of wrong
# answers. Compare costs, however, without its term.)

# %%
first, relu, last = models["variance: 64 units, 192 patients", "as it is"]
dropping = nn.Sequential(first, relu, nn.Dropout(0.5), last)
dls.manual_seed(lesson.seed)
still_on = error(dropping.train(), train_X[:few], train_Y[:few])
switched_off = error(dropping.eval(), train_X[:few], train_Y[:few])
print(f"training error: {still_on:.1f} % with dropout, {switched_off:.1f} % without")
assert still_on > switched_off + 2

# %% [markdown]
# **5. Soft labels rounded** to 0 or 1 in the gradient. The check finds it.

# %%
hard, _ = propagate(point, few_X, few_Y.round())  # WRONG: 0.6 became 1
report = check.check_gradients(
    lambda p: propagate(p, few_X, few_Y)[1], point, hard, m=40
)
print(report.first.name, report.first.hint)
assert len(report.wrong) >= 3

# %% [markdown]
# **6. The mean forgotten**: no $1/m$ in the gradient. The check says so by name.

# %%
per_example, _ = propagate(point, few_X, few_Y)
summed = {k: 40 * g for k, g in per_example.items()}  # WRONG: no 1/m
report = check.check_gradients(
    lambda p: propagate(p, few_X, few_Y)[1], point, summed, m=40
)
print(report.first.name, report.first.hint)
assert "is 1/m missing?" in report.first.hint

# %% [markdown]
# ## Recap
#
# - Bayes error: half the integral of the smaller density. Nobody gets below it.
# - Human level stands in for it: the best people, on the same examples.
# - Avoidable bias = train - possible, variance = dev - train; the larger first.
# - Each remedy is made for one gap; measure whether it does anything for the other.
# - A model may surpass its teachers, if their errors are random; and then human level
#   says nothing any more.
#
# ## Questions
#
# 1. Radiology: typical doctor 3 %, experienced 1 %, team 0.5 %. Train 0.7 %, dev 0.8 %.
#    What is the avoidable bias?
#    <details><summary>Answer</summary>
#    0.2 points by the team. By the experienced doctor it would be below 0, and one
#    would believe that there is nothing left to gain.
#    </details>
# 2. Train error 0 %, Bayes error 17 %. Is that good?
#    <details><summary>Answer</summary>
#    No. It has learned labels by heart that cannot be known: look at the dev error.
#    </details>
# 3. Which of the two gaps can become negative, and what does it mean?
#    <details><summary>Answer</summary>
#    Both. Bias: the stand-in is weak, or the network overfits. Variance: the dev set is
#    easier, or the training error was measured in another way (dropout on).
#    </details>
# 4. Five experts who all learned from the same book vote. Are they worth five?
#    <details><summary>Answer</summary>
#    No: a vote averages out only errors that are independent.
#    </details>
# 5. Why is the least cost of a perfect network on soft labels not 0?
#    <details><summary>Answer</summary>
#    Where the labels at one point differ, no single answer fits them all: their
#    entropy is left.
#    </details>
#
# ## Go further
#
# - Make the useless measurements 200. Which gap grows?
# - Let the experts share half of their reading error. How good is the team then?
# - Next: `c3w2-error-analysis`.

# %%
# The end: this run must have reached what is known of it.
assert abs(exact - 17.58) < 0.05
if not lesson.fast:
    assert abs(curve[20_000] - exact) < 3
lesson.finish(
    {
        "bayes": {"exact": exact, "measured": measured},
        "human": human,
        "coarse": errors,
        "diagnoses": diagnoses,
        "remedies": gap_table,
        "curve": curve,
        "taught": taught,
        "tabular": tabular,
        "broken": {"plausible": plausible, "easy": easy, "dropping": still_on},
    }
)
