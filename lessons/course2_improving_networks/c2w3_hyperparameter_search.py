# %% [markdown]
# # Hyperparameter search: which knobs, on which scale, and how many tries
#
# Course 2, week 3. About 75 minutes with the exercises. The script runs for some half a
# minute, with `--fast` for eight seconds.
#
# **Goal.** Nobody knows the best learning rate beforehand. One has to try, and there
# are good and bad ways of trying. You will
#
# - draw a learning rate and a momentum on the scale on which they act,
# - search on a grid and at random, with the same number of networks, and see why random
#   wins, before and after the experiment,
# - go from coarse to fine; raise one model with care (pandas) or many at once (caviar),
# - derive the gradient of the dev cost with respect to the learning rate itself,
# - let two processes of your computer, or many computers, share one search (Optuna),
# - break it in six ways.
#
# ## What you need
#
# `c2w1-train-dev-test` for what a dev set is for, `c2w2-optimization-methods` for
# momentum. In what is derived by hand examples are columns, $X$ is $(64, m)$; the
# networks take rows. Bergstra and Bengio showed in 2012 that random beats grid.

# %%
import inspect
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w3-hyperparameter-search")
digits = lesson.load("digits")
pixels = np.concatenate([digits.train_x_orig, digits.test_x_orig])
pixels = pixels.reshape(len(pixels), 64) / 255  # (1797, 64), a row is a picture
labels = np.concatenate([digits.train_y[0], digits.test_y[0]])  # (1797,)
rng = np.random.default_rng(lesson.seed)
order = rng.permutation(len(pixels))
train_part, dev_part, test_part = np.split(order, [400, 900])
sets = {
    name: (pixels[part].astype("float32"), labels[part])
    for name, part in (("train", train_part), ("dev", dev_part), ("test", test_part))
}
print({name: len(Y) for name, (_, Y) in sets.items()})

# %% [markdown]
# ## The idea in a picture
#
# Nine networks may be trained. One of the two knobs matters much, the other hardly,
# and nobody knows which. A grid of nine tries three values of the knob that matters,
# each three times over. Nine random points try nine values of it.

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True)
knob = np.linspace(0, 1, 200)
height = np.exp(-(((knob - 0.33) / 0.07) ** 2))
nine = np.random.default_rng(5).random((9, 2))
grid_of_nine = np.array([(x, y) for x in (0.1, 0.5, 0.9) for y in (0.1, 0.5, 0.9)])
for ax, points, name in zip(
    axes, (grid_of_nine, nine), ("grid", "random"), strict=True
):
    ax.imshow(
        np.tile(height, (200, 1)), extent=(0, 1, 0, 1), origin="lower", cmap="Greens"
    )
    ax.plot(*points.T, "o", color="tab:red", markeredgecolor="white", markersize=9)
    ax.plot(points[:, 0], np.zeros(9), "|", color="tab:red", markersize=22)
    different = len(np.unique(points[:, 0]))
    ax.set(xlabel="the knob that matters", title=f"{name}: {different} values of it")
axes[0].set_ylabel("the knob that does not")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# The learning rate lies between 0.0001 and 1. Draw it evenly between these ends: with
# which probability is it below 0.1? $(0.1 - 0.0001) / (1 - 0.0001) = 10$ %. Three of
# the four decades share a tenth of the draws. Draw its *logarithm* evenly from $-4$ to
# $0$: now it is $3 / 4 = 75$ %, and each decade gets a quarter.
#
# For the momentum $\beta$ the scale is another one. It averages over about
# $1 / (1 - \beta)$ steps: 0.9 over 10, 0.9005 over 10.05: no change. But 0.999 over
# 1000, and 0.9995 over 2000. What counts is $1 - \beta$, on a logarithmic scale.

# %%
evenly = (0.1 - 0.0001) / (1 - 0.0001)
by_logarithm = (np.log10(0.1) - np.log10(0.0001)) / (np.log10(1) - np.log10(0.0001))
steps_of = {beta: 1 / (1 - beta) for beta in (0.9, 0.9005, 0.999, 0.9995)}
print(
    f"below 0.1: {100 * evenly:.1f} % evenly, {100 * by_logarithm:.0f} % by logarithm"
)
print("steps averaged:", {beta: round(n, 2) for beta, n in steps_of.items()})
assert abs(evenly - 0.0999) < 1e-4 and abs(by_logarithm - 0.75) < 1e-12
assert abs(steps_of[0.9995] - 2000) < 1e-6

# %% [markdown]
# ## The mathematics
#
# **A line for each knob.** Put every hyperparameter $h$ on a line $r$ on which equal
# steps do equal things, and draw and divide there:
#
# | kind | the line | back | for |
# |---|---|---|---|
# | linear | $r = h$ | $h = r$ | keep probability of dropout |
# | log | $r = \log_{10} h$ | $h = 10^r$ | learning rate, weight decay |
# | average | $r = -\log_{10}(1 - h)$ | $h = 1 - 10^{-r}$ | $\beta$ of averages |
# | whole | $r = h$ | $h$ rounded | units, layers |
#
# **How many tries?** Call the best 5 % of the space good. That none of $n$ random tries
# is good has the probability $0.95^n$, however many knobs there are; for $n = 60$ it is
# 4.6 %. A grid over $d$ knobs has $\sqrt[d]{n}$ values of each: with 81 tries and four
# knobs, three.
#
# **The best of $n$.** From $N$ tries whose errors are known, sorted
# $e_1 \le e_2 \le \dots \le e_N$: what would the best of $n$ of them have been, on
# average? $e_i$ is the best of a choice of $n$ if the other $n - 1$ are among the
# $N - i$ behind it:
#
# $$E_n = \sum_{i=1}^{N-n+1} e_i \, \binom{N - i}{n - 1} \bigg/ \binom{N}{n}$$
#
# **A learning rate has a gradient, too.** One step with weight decay,
# $W' = W - \alpha\,(dW + \lambda W)$ and $b' = b - \alpha\, db$, where $dW$, $db$ are
# the gradients on the training set. The dev cost after it, $J' = J_{dev}(W', b')$, is a
# function of $\alpha$ and $\lambda$. With its gradients $dW'$, $db'$ at the new place
# the chain rule says
#
# $$\frac{\partial J'}{\partial \alpha} = -\sum dW' * (dW + \lambda W)
# - \sum db' * db , \qquad
# \frac{\partial J'}{\partial \lambda} = -\alpha \sum dW' * W .$$
#
# The rate should grow as long as the step's direction still goes down at its end. For
# one step; through a whole training that gradient becomes as wild as the training is
# long, so in practice one searches.
#
# ## Your code
#
# **Exercise 1.** From a value to its line.
#
# **Exercise 2.** And back.
#
# **Exercise 3.** One random setting: for each knob of `space`, in its order, one
# `rng.uniform` between the ends *on the line*.
#
# **Exercise 4.** The grid: `per_axis` places for each knob from end to end, evenly on
# its line, each combination, the last knob changing fastest.
#
# **Exercise 5.** From coarse to fine: of each knob the smallest and the largest value
# among the `best` trials.
#
# **Exercise 6.** $E_n$ (`math.comb(N, n)` is $\binom{N}{n}$).
#
# **Exercise 7.** The two derivatives.
#
# **Exercise 8.** Successive halving: train all for `epochs`, keep the better half
# (of an odd number one more than half is thrown away), train these for twice as many
# epochs, until one is left.


# %%
def to_line(kind, value):
    """Where a hyperparameter of this kind lies on its line."""
    # BEGIN SOLUTION
    if kind == "log":
        return np.log10(value)
    if kind == "average":
        return -np.log10(1 - value)
    return value
    # END SOLUTION


def from_line(kind, r):
    """The hyperparameter of this kind at the place r."""
    # BEGIN SOLUTION
    if kind == "log":
        return 10.0**r
    if kind == "average":
        return 1 - 10.0**-r
    return round(r) if kind == "whole" else r
    # END SOLUTION


def draw(space, rng):
    """A random setting {name: value} from space {name: (kind, low, high)}."""
    setting = {}
    for name, (kind, low, high) in space.items():
        # BEGIN SOLUTION
        r = rng.uniform(to_line(kind, low), to_line(kind, high))
        setting[name] = from_line(kind, r)
        # END SOLUTION
    return setting


def grid(space, per_axis):
    """All settings of a grid with per_axis values of each knob, a list."""
    settings = [{}]
    for name, (kind, low, high) in space.items():
        # BEGIN SOLUTION
        places = np.linspace(to_line(kind, low), to_line(kind, high), per_axis)
        values = [from_line(kind, float(r)) for r in places]
        settings = [old | {name: value} for old in settings for value in values]
        # END SOLUTION
    return settings


def narrower(space, trials, best):
    """The space around the `best` trials [(setting, error), ...] of least error."""
    # BEGIN SOLUTION
    chosen = [s for s, _ in sorted(trials, key=lambda trial: trial[1])[:best]]
    return {
        name: (kind, min(s[name] for s in chosen), max(s[name] for s in chosen))
        for name, (kind, _, _) in space.items()
    }
    # END SOLUTION


def best_of(errors, n):
    """The error that the best of n of these trials has on average."""
    e, N = np.sort(errors), len(errors)
    # BEGIN SOLUTION
    ways = [math.comb(N - i, n - 1) for i in range(1, N + 1)]
    return float(sum(x * w for x, w in zip(e, ways, strict=True)) / math.comb(N, n))
    # END SOLUTION


def hypergradients(parameters, grads, alpha, lam, dev_grads):
    """{"dalpha", "dlam"} of the dev cost after one step.

    parameters {"W", "b"} and training gradients {"dW", "db"} before the step, dev_grads
    {"dW", "db"} after it.
    """
    W, dW, db = parameters["W"], grads["dW"], grads["db"]
    # BEGIN SOLUTION
    step = dW + lam * W  # (10, n)
    along = np.sum(dev_grads["dW"] * step) + np.sum(dev_grads["db"] * db)
    return {"dalpha": -along, "dlam": -alpha * np.sum(dev_grads["dW"] * W)}
    # END SOLUTION


def successive_halving(count, error_after, epochs):
    """The number of the model that is left of `count`, and the epochs trained in all.

    error_after(model, epochs) trains model 0, 1, ... on, returns its dev error.
    """
    left, spent = list(range(count)), 0
    while len(left) > 1:
        # BEGIN SOLUTION
        errors = {model: error_after(model, epochs) for model in left}
        spent += epochs * len(left)
        left = sorted(left, key=errors.get)[: len(left) // 2]
        epochs *= 2
        # END SOLUTION
    return left[0], spent


# %% [markdown]
# ## Check it three ways
#
# **By hand.** A $\beta$ between 0.9 and 0.999 lies between 1 and 3 on its line, and in
# the middle of the line is 0.99. Of the errors 1, 2, 4 the best of two is 1 in two of
# three choices, else 2: 4/3 on average. Eight models: 8 + 4 + 2 trainings, of 1, 2 and
# 4 epochs, 24 in all.

# %%
middle = from_line("average", (to_line("average", 0.9) + to_line("average", 0.999)) / 2)
print(f"in the middle between 0.9 and 0.999: {middle:.4f}")
assert abs(middle - 0.99) < 1e-12
assert abs(best_of([4, 1, 2], 2) - 4 / 3) < 1e-12 and best_of([4, 1, 2], 3) == 1
for kind, value in (("log", 0.02), ("average", 0.97), ("linear", 0.3), ("whole", 12)):
    assert abs(from_line(kind, to_line(kind, value)) - value) < 1e-12
assert successive_halving(8, lambda model, epochs: (model - 5) ** 2, 1) == (5, 24)
two = {"a": ("log", 0.01, 1.0), "b": ("whole", 2, 4)}
places = [tuple(s.values()) for s in grid(two, 3)]
assert places[0] == (0.01, 2) and places[1] == (0.01, 3) and len(set(places)) == 9

# %% [markdown]
# **Against the engine.** The dev cost after one step, with $\alpha$ and $\lambda$ as
# leaves of the graph: the engine does not mind what a number is called.


# %%
def propagate(parameters, X, Y):
    """Gradients {"dW", "db"} and cost of a softmax classifier; X (n, m), Y (m,)."""
    Z = parameters["W"] @ X + parameters["b"]  # (10, m)
    A = np.exp(Z - Z.max(axis=0))
    A = A / A.sum(axis=0)
    m = X.shape[1]
    cost = float(-np.mean(np.log(A[Y, np.arange(m)])))
    dZ = (A - (np.arange(10)[:, None] == Y)) / m  # (10, m)
    return {"dW": dZ @ X.T, "db": dZ.sum(axis=1, keepdims=True)}, cost


def dev_cost_after_step(parameters, train, dev, alpha, lam):
    """J' and its two derivatives, by hand."""
    grads, _ = propagate(parameters, *train)
    after = {
        "W": parameters["W"] - alpha * (grads["dW"] + lam * parameters["W"]),
        "b": parameters["b"] - alpha * grads["db"],
    }
    dev_grads, cost = propagate(after, *dev)
    return cost, hypergradients(parameters, grads, alpha, lam, dev_grads)


def cost_by_engine(W, b, X, Y):
    """The cost of tensors; X (n, m), Y (m,)."""
    Z = W @ X + b  # (10, m) = (10, n) @ (n, m) + (10, 1)
    return -F.log_softmax(Z, axis=0)[Y, np.arange(X.shape[1])].mean()


few, few_dev = (
    (X[:60].T.astype("float64"), Y[:60]) for X, Y in (sets["train"], sets["dev"])
)
point = {"W": 0.3 * rng.standard_normal((10, 64)), "b": np.zeros((10, 1))}
alpha, lam = 0.7, 0.02
cost, slopes = dev_cost_after_step(point, few, few_dev, alpha, lam)

W, b = (dls.Tensor(point[k], requires_grad=True, name=k) for k in ("W", "b"))
ta = dls.Tensor(alpha, dtype="float64", requires_grad=True, name="alpha")
tl = dls.Tensor(lam, dtype="float64", requires_grad=True, name="lambda")
X, dev_X = dls.Tensor(few[0], name="X"), dls.Tensor(few_dev[0], name="X dev")
dW, db = dls.grad(cost_by_engine(W, b, X, few[1]), [W, b])
J = cost_by_engine(W - ta * (dW + tl * W), b - ta * db, dev_X, few_dev[1])
J.backward()
assert abs(J.item() - cost) < 1e-12
assert dls.compare("dJ/dalpha", slopes["dalpha"], ta.grad).ok
assert dls.compare("dJ/dlambda", slopes["dlam"], tl.grad).ok
assert abs(slopes["dalpha"] - ta.grad.item()) < 1e-10
assert abs(slopes["dlam"] - tl.grad.item()) < 1e-10

# %% [markdown]
# **Numerically**, for one step by hand, and for five by the engine: there the training
# gradients of later steps depend on $\alpha$ as well (`create_graph=True`).

# %%
knobs = {"alpha": np.array(alpha), "lam": np.array(lam)}
report = check.check_gradients(
    lambda p: dev_cost_after_step(point, few, few_dev, p["alpha"], p["lam"])[0],
    knobs,
    slopes,
)
print(report)
assert report.ok


def dev_cost_after(steps, alpha):
    """J after some steps with one rate, through all of them; alpha a tensor."""
    W, b = (dls.Tensor(point[k], requires_grad=True) for k in ("W", "b"))
    for _ in range(steps):
        J = cost_by_engine(W, b, X, few[1])
        dW, db = dls.grad(J, [W, b], create_graph=True)
        W, b = W - alpha * dW, b - alpha * db
    return cost_by_engine(W, b, dev_X, few_dev[1])


through_five = dls.Tensor(alpha, dtype="float64", requires_grad=True)
dev_cost_after(5, through_five).backward()
measured = [
    dev_cost_after(5, dls.Tensor(a, dtype="float64")).item()
    for a in (alpha + 1e-6, alpha - 1e-6)
]
slope_of_five = (measured[0] - measured[1]) / 2e-6
print(
    f"through five steps: {through_five.grad.item():.8f}, measured {slope_of_five:.8f}"
)
assert abs(slope_of_five - through_five.grad.item()) < 1e-6

# %% [markdown]
# ## See the graph
#
# $\alpha$ and $\lambda$ enter where a step is made. What is above is the training
# step, what is below the dev cost.

# %%
with dls.trace():
    new_W, new_b = W - ta * (dW + tl * W), b - ta * db
    J = cost_by_engine(new_W, new_b, dev_X, few_dev[1])
    J.backward()
graph = dls.graph(J, names={"X dev": dev_X, "alpha": ta, "lambda": tl, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# The network: 64 - units - 10, ReLU, mini-batches of 32, momentum as the course writes
# it, $v = \beta v + (1 - \beta)\, dW$ (PyTorch calls the factor `dampening`). Four
# knobs.


# %%
class Learner:
    """A network with its setting, which can be trained on and on."""

    def __init__(self, setting, X, Y, seed):
        dls.manual_seed(seed)
        units = setting["units"]
        self.network = nn.Sequential(
            nn.Linear(64, units), nn.ReLU(), nn.Linear(units, 10)
        )
        self.optimizer = optim.SGD(
            self.network.parameters(),
            lr=setting["rate"],
            momentum=setting["beta"],
            dampening=setting["beta"],
            weight_decay=setting["decay"],
        )
        self.X, self.Y, self.rng = X, Y, np.random.default_rng(seed)
        self.costs = []

    def train(self, epochs):
        """Some epochs more; returns self."""
        for _ in range(epochs):
            order, total = self.rng.permutation(len(self.X)), 0.0
            for part in np.split(order, range(32, len(order), 32)):
                self.optimizer.zero_grad()
                logits = self.network(dls.Tensor(self.X[part]))  # (32, 10)
                loss = F.cross_entropy(logits, dls.Tensor(self.Y[part]))
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(part)
            self.costs.append(total / len(self.X))
        return self

    def error(self, X, Y):
        """Wrong ones, in percent."""
        with dls.no_grad():
            return 100 * float(
                np.mean(self.network(dls.Tensor(X)).numpy().argmax(1) != Y)
            )


space = {
    "rate": ("log", 1e-4, 30.0),
    "beta": ("average", 0.5, 0.999),
    "decay": ("log", 1e-6, 1e-1),
    "units": ("whole", 4, 64),
}
epochs = 4 if lesson.fast else 10


def dev_error(setting, seed=lesson.seed):
    """What a search wants to make small."""
    with np.errstate(all="ignore"):  # a rate of 30 may well overflow: then it is wrong
        return Learner(setting, *sets["train"], seed).train(epochs).error(*sets["dev"])


one = {"rate": 0.3, "beta": 0.9, "decay": 1e-4, "units": 32}
learner = Learner(one, *sets["train"], lesson.seed).train(epochs)
print(f"a sensible setting: dev error {learner.error(*sets['dev']):.1f} %")

# %% [markdown]
# The momentum of the layers' optimizer is that of the course: twenty steps by hand,
# with `propagate`, against `nn.Linear` and `optim.SGD`.

# %%
layer, mine = nn.Linear(64, 10, dtype="float64"), dict(point)
layer.load_state_dict({"weight": point["W"], "bias": point["b"][:, 0]})
optimizer = optim.SGD(layer.parameters(), lr=0.3, momentum=0.9, dampening=0.9)
velocity = {}
for _ in range(20):
    grads, cost = propagate(mine, *few)
    for k, p in mine.items():
        g = grads["d" + k]  # the first step starts from the gradient itself
        velocity[k] = 0.9 * velocity[k] + 0.1 * g if k in velocity else g
        mine[k] = p - 0.3 * velocity[k]
    optimizer.zero_grad()
    loss = F.cross_entropy(layer(dls.Tensor(few[0].T)), dls.Tensor(few[1]))
    loss.backward()
    optimizer.step()
    assert abs(loss.item() - cost) < 1e-10
assert np.abs(layer.weight.numpy() - mine["W"]).max() < 1e-10
print("twenty steps with momentum by hand and by a layer: the same")

# %% [markdown]
# ### Grid against random
#
# The same number of networks for both. *How many different learning rates does the grid
# try? And how many will be in the useful decade?*

# %%
per_axis = 2 if lesson.fast else 3
on_grid = grid(space, per_axis)
at_random = [draw(space, rng) for _ in on_grid]
trials = {}
for name, settings in (("grid", on_grid), ("random", at_random)):
    bar = lesson.progress(settings, name, "networks")
    trials[name] = [(setting, dev_error(setting)) for setting in bar]
errors = {name: np.array([e for _, e in done]) for name, done in trials.items()}
rows = []
for name, done in trials.items():
    setting, best = min(done, key=lambda trial: trial[1])
    different = len({s["rate"] for s, _ in done})
    rows.append([name, different, f"{best:.1f}", f"{np.median(errors[name]):.1f}"])
    rows[-1] += [f"{setting['rate']:.3g}", f"{setting['beta']:.3g}", setting["units"]]
header = ["search", "different rates", "best dev error %", "median", "rate", "beta"]
lesson.table([*header, "units"], rows)
assert len({s["rate"] for s in on_grid}) == per_axis
assert errors["random"].min() < errors["grid"].min()

# %% [markdown]
# **Which knob mattered?** Sort the random trials by one knob, cut into four groups, and
# compare the groups' mean errors with all errors: the share of the scatter that this
# knob explains by itself.


# %%
def explained(trials, name, groups=4):
    """The share of the scatter of the errors that one knob explains, 0 to 1."""
    e = np.array([e for _, e in sorted(trials, key=lambda trial: trial[0][name])])
    parts = np.array_split(e, min(groups, len(e) // 3))
    between = sum(len(p) * (p.mean() - e.mean()) ** 2 for p in parts)
    return float(between / max(np.sum((e - e.mean()) ** 2), 1e-12))


importance = {name: explained(trials["random"], name) for name in space}
print("explained:", {k: f"{100 * v:.0f} %" for k, v in importance.items()})
if not lesson.fast:
    assert max(importance, key=importance.get) == "rate"

# %% [markdown]
# ### Coarse to fine
#
# Half of the budget on the whole space, half on the space around the best three.

# %%
half = len(at_random) // 2
fine_space = narrower(space, trials["random"][:half], 3)
fine = [draw(fine_space, rng) for _ in range(len(at_random) - half)]
trials["coarse to fine"] = trials["random"][:half] + [
    (setting, dev_error(setting))
    for setting in lesson.progress(fine, "coarse to fine", "networks")
]
errors["coarse to fine"] = np.array([e for _, e in trials["coarse to fine"]])
medians = {
    "coarse half": float(np.median(errors["coarse to fine"][:half])),
    "fine half": float(np.median(errors["coarse to fine"][half:])),
}
lesson.table(
    ["knob", "coarse from", "to", "fine from", "to"],
    [
        [name, *(f"{v:.3g}" for v in (*space[name][1:], *fine_space[name][1:]))]
        for name in space
    ],
)
print("median dev error:", {k: f"{v:.1f} %" for k, v in medians.items()})
assert medians["fine half"] < medians["coarse half"]

# %% [markdown]
# ### Pandas and caviar
#
# A panda has one cub and watches over it: one model, whose keeper looks each morning
# and turns the rate up or down. Fish lay eggs, many: as many models as the computer can
# bear, whatever becomes of them. The same number of epochs for all three.
#
# The keeper's rule: if the training cost went up, divide the rate by three; if it fell
# by less than a tenth, multiply by 1.5. The panda begins with a rate that is much too
# small, and with the other knobs as people know them to be good; the eggs know nothing.

# %%
eggs, first = 16, 1 if lesson.fast else 3
hatched = {}


def error_after(model, epochs):
    """Train one of the eggs on; its dev error."""
    if model not in hatched:
        setting = draw(space, np.random.default_rng([lesson.seed, model]))
        hatched[model] = Learner(setting, *sets["train"], lesson.seed)
    with np.errstate(all="ignore"):
        return hatched[model].train(epochs).error(*sets["dev"])


winner, budget = successive_halving(eggs, error_after, first)
panda = Learner(one | {"rate": 0.003}, *sets["train"], lesson.seed)
diary = []
for day in lesson.progress(range(budget // 2), "panda", "days"):
    before = panda.costs[-1] if panda.costs else np.inf
    panda.train(2)
    now, group = panda.costs[-1], panda.optimizer.param_groups[0]
    diary.append((2 * day + 2, group["lr"], panda.error(*sets["dev"])))
    group["lr"] *= 1 / 3 if now > before else 1.5 if now > 0.9 * before else 1.0
equal = [
    Learner(
        draw(space, np.random.default_rng([lesson.seed, i])),
        *sets["train"],
        lesson.seed,
    )
    for i in range(eggs)
]
with np.errstate(all="ignore"):
    equal_errors = [each.train(budget // eggs).error(*sets["dev"]) for each in equal]
raised = {
    "panda: one model": panda.error(*sets["dev"]),
    f"caviar: {eggs} models, {budget // eggs} epochs each": min(equal_errors),
    f"halving: {eggs} models, one survives": hatched[winner].error(*sets["dev"]),
}
lesson.table(
    [f"{budget} epochs in all", "dev error %"],
    [[k, f"{v:.1f}"] for k, v in raised.items()],
)
assert raised["panda: one model"] < 25 and min(raised.values()) < 15

# %% [markdown]
# With many computers, or small models, caviar: nobody has to watch. With one computer
# and a model that takes weeks there is only the panda.
#
# ### Two processes, one study
#
# Workers need nothing in common but a notebook, in which each writes what it tries and
# what came out. [Optuna](https://optuna.org) keeps it in a *journal*, a file to which
# lines are only added. And it reads it: its sampler (TPE) draws the next trial near
# what was good so far, for all workers together.
#
# A worker is a program of its own. Here it is written from what you have above, and
# started twice. It needs nothing but the file's place and the data.

# %%
WORKER_HEAD = """
import sys
import numpy as np
import optuna
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from optuna.storages.journal import JournalFileBackend
from tinygrad_dls import nn, optim

"""
WORKER_TAIL = """
journal, data, name, own_seed, trials, epochs, seed = sys.argv[1:]
data = dict(np.load(data))

def objective(trial):
    setting = {
        "rate": trial.suggest_float("rate", 1e-4, 30.0, log=True),
        "beta": 1 - trial.suggest_float("1 - beta", 0.001, 0.5, log=True),
        "decay": trial.suggest_float("decay", 1e-6, 1e-1, log=True),
        "units": trial.suggest_int("units", 4, 64),
    }
    trial.set_user_attr("worker", name)
    with np.errstate(all="ignore"):
        learner = Learner(setting, data["train_X"], data["train_Y"], int(seed))
        return learner.train(int(epochs)).error(data["dev_X"], data["dev_Y"])

optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    study_name="digits",
    storage=optuna.storages.JournalStorage(JournalFileBackend(journal)),
    sampler=optuna.samplers.TPESampler(seed=int(own_seed)),  # another for each worker
    load_if_exists=True,  # whoever comes first makes it
)
study.optimize(objective, n_trials=int(trials))
"""
methods = (Learner.__init__, Learner.train, Learner.error)
LEARNER = "class Learner:\n" + "\n".join(inspect.getsource(m) for m in methods)
WORKER = WORKER_HEAD + LEARNER + WORKER_TAIL


def run_workers(folder, names, trials):
    """Workers side by side, each a process with one thread; waits for all."""
    (folder / "worker.py").write_text(WORKER, "utf-8")
    flat = {
        f"{s}_{k}": v
        for s in ("train", "dev")
        for k, v in zip("XY", sets[s], strict=True)
    }
    np.savez(folder / "data.npz", **flat)
    common = [str(folder / "journal.log"), str(folder / "data.npz")]
    numbers = [str(trials), str(epochs), str(lesson.seed)]
    running = []
    for number, name in enumerate(names):
        own = [name, str(100 * lesson.seed + number)]  # two must not draw the same
        running.append(
            subprocess.Popen(
                [sys.executable, str(folder / "worker.py"), *common, *own, *numbers],
                env=os.environ | {"TINYGRAD_DLS_NUM_THREADS": "1"},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in lesson.progress(running, "workers", "processes"):
        _, said = process.communicate()
        assert process.returncode == 0, said
    return folder / "journal.log"


# %%
import optuna
from optuna.storages.journal import JournalFileBackend

optuna.logging.set_verbosity(optuna.logging.WARNING)
each = len(on_grid) // 2
with tempfile.TemporaryDirectory() as temporary:
    journal = run_workers(Path(temporary), ("Ada", "Bob"), each)
    lines = len(journal.read_text("utf-8").splitlines())
    study = optuna.load_study(
        study_name="digits",
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(journal))),
    )
    finished = study.get_trials()
best_trial = min(finished, key=lambda trial: trial.value)
by_worker = {
    name: [t.number for t in finished if t.user_attrs["worker"] == name]
    for name in ("Ada", "Bob")
}
found = [
    ({k: t.params[k] for k in ("rate", "decay", "units")}, t.value) for t in finished
]
print(f"{lines} lines in the journal, trials of each: {by_worker}")
print(f"best {best_trial.value:.1f} % with {best_trial.params}")
assert len(finished) == 2 * each and {len(v) for v in by_worker.values()} == {each}
assert len({t.params["rate"] for t in finished}) == len(finished)
errors["Optuna, two processes"] = np.array([t.value for t in finished])

# %% [markdown]
# **On many machines** it is the same program. Only the place of the notebook changes:
#
# | where | `storage=` |
# |---|---|
# | one machine | the journal above |
# | a common folder (NFS) | the journal, in that folder |
# | no common folder | `JournalStorage(JournalRedisBackend("redis://host"))` |
# | a data base | `"postgresql://user@host/name"` |
#
# Start `python worker.py ...` on each, with the same `study_name`. Whoever comes late
# joins (`load_if_exists=True`). A machine that dies loses the trial it was at, no more;
# started again it goes on with the same study. `study.trials_dataframe()` is the table.
#
# ## Look at it

# %%
fig, axes = plt.subplots(2, 2, figsize=(12, 9))
for ax, name in zip(axes.flat[:3], ("rate", "beta", "units"), strict=True):
    kind = space[name][0]
    for search, marker in (("random", "o"), ("grid", "x")):
        places = [to_line(kind, setting[name]) for setting, _ in trials[search]]
        ax.plot(places, errors[search], marker, alpha=0.6, label=search)
    words = {"log": f"log10 of {name}", "average": f"-log10(1 - {name})"}.get(
        kind, name
    )
    title = f"{100 * importance[name]:.0f} % of the scatter"
    ax.set(xlabel=words, ylabel="dev error %", title=f"{name}: {title}")
    ax.legend()
ax = axes[1, 1]
for search, values in errors.items():
    if search in ("grid", "random"):
        n = range(1, len(values) + 1)
        ax.plot(n, [best_of(values, k) for k in n], label=f"{search} (E_n)")
    else:
        ax.plot(
            range(1, len(values) + 1), np.minimum.accumulate(values), "--", label=search
        )
ax.set(xscale="log", xlabel="networks trained", ylabel="best dev error so far %")
ax.set_title("What n tries bring")
ax.legend()
for ax in axes.flat:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "search")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4))
days, rates, daily = zip(*diary, strict=True)
left.semilogy(days, rates, "o-", markersize=3, color="tab:orange", label="rate")
left.set(xlabel="epoch", ylabel="learning rate", title="The panda's diary")
twin = left.twinx()
twin.plot(days, daily, color="tab:blue")
twin.set_ylabel("dev error %", color="tab:blue")
ages = [len(hatched[i].costs) for i in range(eggs)]
for i in range(eggs):
    costs = np.minimum(np.nan_to_num(hatched[i].costs, nan=4.0), 4.0)
    right.plot(range(1, ages[i] + 1), costs, "o-", markersize=3, alpha=0.7)
right.set(xscale="log", xlabel="epochs", ylabel="training cost (4: or more)")
right.set_title("Halving: most lines end early")
right.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "pandas_and_caviar")

# %% [markdown]
# The winner goes to the test set, once. Its dev error was chosen for being small.

# %%
chosen, chosen_error = min(
    trials["random"] + trials["coarse to fine"], key=lambda trial: trial[1]
)
final = Learner(chosen, *sets["train"], lesson.seed).train(epochs)
test_error = final.error(*sets["test"])
print(f"chosen: {chosen}")
print(f"dev error {chosen_error:.1f} %, test error {test_error:.1f} %")

# %% [markdown]
# ## Break it
#
# **1. The rate on a linear scale, 2. $\beta$ too.** A tool: how are the draws spread
# over the decades of the knob?


# %%
def by_decade(kind, values):
    """The share of the values in each decade of their line, {decade: share}."""
    where = np.floor([to_line(kind, v) for v in values]).astype(int)
    names, counts = np.unique(where, return_counts=True)
    return {int(k): float(n / len(where)) for k, n in zip(names, counts, strict=True)}


thousand = np.random.default_rng(lesson.seed)
rates_drawn = {
    "log": [from_line("log", r) for r in thousand.uniform(-4, 0, 2000)],
    "linear": thousand.uniform(1e-4, 1, 2000),
}
betas_drawn = {
    "average": [from_line("average", r) for r in thousand.uniform(1, 3, 2000)],
    "linear": thousand.uniform(0.9, 0.999, 2000),
}
spread = {f"rate, {k}": by_decade("log", v) for k, v in rates_drawn.items()}
spread |= {f"beta, {k}": by_decade("average", v) for k, v in betas_drawn.items()}
for name, shares in spread.items():
    print(name, {f"1e{k}": f"{100 * v:.0f} %" for k, v in shares.items()})
assert spread["rate, linear"][-1] > 0.85 and max(spread["rate, log"].values()) < 0.3
assert spread["beta, linear"][1] > 0.85 and spread["beta, average"][2] > 0.45

# %% [markdown]
# **3. Believing the winner's dev error.** One setting, many seeds: models that are
# equally good. The best of them on a small dev set looks better than it is, and the
# more so the more are tried. (An honest set tells.)

# %%
seeds = 6 if lesson.fast else 40
small_dev, honest = tuple(part[:60] for part in sets["dev"]), sets["test"]
twins = [
    Learner(one, *sets["train"], seed).train(epochs)
    for seed in lesson.progress(range(seeds), "one setting, many seeds", "networks")
]
on_small = np.array([t.error(*small_dev) for t in twins])
on_honest = np.array([t.error(*honest) for t in twins])
lucky = int(on_small.argmin())
curse = {
    "mean of all, small dev set": float(on_small.mean()),
    "the winner there": float(on_small[lucky]),
    "the winner, test set": float(on_honest[lucky]),
    "mean of all, test set": float(on_honest.mean()),
}
lesson.table(["equal models", "error %"], [[k, f"{v:.1f}"] for k, v in curse.items()])
gain_on_dev = curse["mean of all, small dev set"] - curse["the winner there"]
gain_on_test = curse["mean of all, test set"] - curse["the winner, test set"]
print(f"choosing gained {gain_on_dev:.1f} points on dev, {gain_on_test:.1f} on test")
assert gain_on_dev > gain_on_test

# %% [markdown]
# **4. Two workers with one seed** draw the same trials: twice the electricity, one
# search. The journal shows it. **5. A best value at the end of its range**: perhaps the
# best lies behind it. A tool for each.


# %%
def doubles(trials):
    """How many settings were tried before."""
    return len(trials) - len({tuple(setting.values()) for setting, _ in trials})


def at_the_edge(space, trials, best=3, within=0.4):
    """{knob: end} where all of the best trials lie in the part `within` of that end."""
    found = {}
    for name, (kind, low, high) in space.items():
        ends = to_line(kind, low), to_line(kind, high)
        top = sorted(trials, key=lambda trial: trial[1])[:best]
        places = [
            (to_line(kind, s[name]) - ends[0]) / (ends[1] - ends[0]) for s, _ in top
        ]
        if max(places) < within:
            found[name] = "low"
        elif min(places) > 1 - within:
            found[name] = "high"
    return found


same_seed = [
    (draw(space, worker), 0.0)
    for worker in (np.random.default_rng(7), np.random.default_rng(7))
    for _ in range(10)
]
own_seeds = [
    (draw(space, worker), 0.0)
    for worker in map(np.random.default_rng, ([7, 0], [7, 1]))
    for _ in range(10)
]
print(f"doubles of 20: one seed {doubles(same_seed)}, own seeds {doubles(own_seeds)}")
print("doubles in the study of the two processes:", doubles(found))
assert doubles(same_seed) == 10 and doubles(own_seeds) == doubles(found) == 0
timid = {"rate": ("log", 1e-3, 1e-1)}
timid_trials = [(setting, dev_error(one | setting)) for setting in grid(timid, 12)]
edge = at_the_edge(timid, timid_trials)
print(f"rates up to 0.1 only: the best are at the edge: {edge}")
assert edge.get("rate") == "high"
assert min(e for _, e in timid_trials) > errors["random"].min()

# %% [markdown]
# **6. A wrong derivative**: $\alpha$ forgotten in $\partial J' / \partial \lambda$.

# %%
wrong = slopes | {"dlam": slopes["dlam"] / alpha}  # WRONG: a factor alpha is missing
report = check.check_gradients(
    lambda p: dev_cost_after_step(point, few, few_dev, p["alpha"], p["lam"])[0],
    knobs,
    wrong,
)
print(report.first.name, report.first.hint)
assert not report.ok and report.first.name == "dlam"

# %% [markdown]
# ## Recap
#
# - Put each knob on a line on which equal steps do equal things; draw there.
# - Random rather than a grid: every try is a new value of every knob.
# - Coarse to fine. Look whether the best lie at an edge.
# - Pandas or caviar: by what you can afford. Halving spends epochs where they pay.
# - Choose on dev, report on test: the winner's dev error is too good.
# - Many workers need one journal, and different seeds.
#
# ## Questions
#
# 1. How many random tries until one is in the best 1 %, with 95 % certainty?
#    <details><summary>Answer</summary>
#    0.99^n = 0.05, so n = log(0.05) / log(0.99) = 298.
#    </details>
# 2. On which scale would you draw the number of hidden layers, from 2 to 4?
#    <details><summary>Answer</summary>
#    Evenly, whole numbers: a grid is fine here.
#    </details>
# 3. Why draw epsilon of Adam last, if at all?
#    <details><summary>Answer</summary>
#    It hardly matters. The course's order: rate; then momentum, units, batch size; then
#    layers and decay of the rate; Adam's beta and epsilon almost never.
#    </details>
# 4. Halving threw away the model that would have been best in the end. How?
#    <details><summary>Answer</summary>
#    A small rate is behind after two epochs and would have overtaken later. More epochs
#    in the first round help, and cost.
#    </details>
# 5. Two machines search; one has a clock that is a day late, and dies in the middle.
#    What does the study lose?
#    <details><summary>Answer</summary>
#    One trial, which stays unfinished. All others are lines in the journal.
#    </details>
#
# ## Go further
#
# - Add the number of layers and the batch size to the space. Does their rank fit the
#   course's list?
# - Let each worker report its dev error after each epoch (`trial.report`) and prune
#   (`optuna.pruners.SuccessiveHalvingPruner`): that is halving without waiting.
# - Next: `c2w3-batch-normalization`.

# %%
# The end: this run must have reached what is known of it.
assert best_trial.value < 70 and errors["random"].min() < 40
if not lesson.fast:
    assert errors["random"].min() < 12 and errors["coarse to fine"].min() < 12
    assert best_trial.value < 12 and test_error < 14
    assert errors["grid"].min() > errors["random"].min() + 0.5
lesson.finish(
    {
        "best": {name: float(values.min()) for name, values in errors.items()},
        "median": medians,
        "chosen": chosen,
        "dev_error": chosen_error,
        "test_error": test_error,
        "importance": importance,
        "raised": raised,
        "epochs": budget,
        "study": {"trials": len(finished), "by_worker": by_worker},
        "broken": {"decades": spread, "curse": curse, "edge": edge},
    }
)
