# %% [markdown]
# # Data mismatch: trained on one kind of pictures, used on another
#
# Course 3, week 2. About 75 minutes with the exercises. The script runs for some ten
# seconds, with `--fast` for three.
#
# **Goal.** A thousand clean, scanned digits are cheap. What the product will see are
# numbers on signs, photographed from a car: dim, in front of all kinds of backgrounds,
# and we have a few hundred. You will
#
# - split such data so that the figures mean something,
# - fill in the table of errors (train, train-dev, dev, test) for really trained models,
#   and read off which of four troubles each of them has,
# - weigh the few real pictures in the loss, and derive the gradient,
# - make artificial pictures, and see how ten thousand of them can be worth next to
#   nothing,
# - break it in six ways.
#
# ## What you need
#
# `c2w1-train-dev-test` for bias and variance, `c2w3-softmax-classifier` for softmax.
# Examples are columns in what is derived by hand, $X$ is $(64, m)$; rows with layers.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c3w2-data-mismatch")
digits = lesson.load("digits")
pictures = np.concatenate([digits.train_x_orig, digits.test_x_orig])[..., 0] / 255
labels = np.concatenate([digits.train_y[0], digits.test_y[0]])
rng = np.random.default_rng(lesson.seed)
order = rng.permutation(len(pictures))
pictures, labels = pictures[order], labels[order]  # (1797, 8, 8), (1797,)
print(f"{len(pictures)} scanned digits")

# %% [markdown]
# ## The idea in a picture
#
# Above: scanned digits. Below: the same digits as the camera of the car sees them. They
# are not real photographs: a digit with a bit more than half its contrast, in front of
# a smooth background, of which no two are alike. That is what makes the experiment
# possible: here we may have as many as we like, and know what is different.


# %%
def make_backgrounds(count, rng):
    """Smooth grey pictures (count, 8, 8), from 0 to 0.6."""
    rough = np.kron(rng.standard_normal((count, 4, 4)), np.ones((1, 2, 2)))
    moved = [np.roll(rough, (dy, dx), (1, 2)) for dy, dx in ((1, 0), (0, 1), (0, -1))]
    smooth = rough + sum(moved)
    low = smooth.min(axis=(1, 2), keepdims=True)
    return 0.6 * (smooth - low) / np.ptp(smooth, axis=(1, 2), keepdims=True)


def on_background(digits, backgrounds):
    """Digits (m, 8, 8), dimmed, in front of a background each (m, 8, 8)."""
    return backgrounds + 0.55 * digits * (1 - backgrounds)


def from_the_car(digits, rng):
    """What the camera sees: every picture has a background of its own."""
    return on_background(digits, make_backgrounds(len(digits), rng))


scans, scan_labels = pictures[:1200], labels[:1200]
car, car_labels = from_the_car(pictures[1200:], rng), labels[1200:]
fig, axes = plt.subplots(2, 8, figsize=(11, 3))
for i in range(8):
    axes[0, i].imshow(scans[i], cmap="gray_r", vmin=0, vmax=1)
    axes[1, i].imshow(car[i], cmap="gray_r", vmin=0, vmax=1)
    axes[0, i].set_title(f"scan: {scan_labels[i]}", fontsize=9)
    axes[1, i].set_title(f"car: {car_labels[i]}", fontsize=9)
for ax in axes.flat:
    ax.axis("off")
lesson.figure(fig, "idea")
print(f"{len(scans)} scans, {len(car)} pictures from the car; no digit is in both")

# %% [markdown]
# ## One number by hand
#
# Somebody shuffles 1140 scans and 60 car pictures and takes a dev set from the mixture:
# 5 % of it is from the car. Two models are to be compared:
#
# | | error on scans | error on car pictures | error on the mixture |
# |---|---|---|---|
# | A | 2 % | 60 % | $0.95 \cdot 2 + 0.05 \cdot 60 = 4.9$ % |
# | B | 8 % | 14 % | $0.95 \cdot 8 + 0.05 \cdot 14 = 8.3$ % |
#
# The mixture chooses A. Drivers would rather have B: 14 % and not 60 %. A dev set is a
# target, and that one stands in the wrong place. (Further down both are trained.)

# %%
mixture = {
    name: 0.95 * on_scans + 0.05 * on_car
    for name, on_scans, on_car in (("A", 2, 60), ("B", 8, 14))
}
print(mixture)
assert abs(mixture["A"] - 4.9) < 1e-12 and abs(mixture["B"] - 8.3) < 1e-12

# %% [markdown]
# ## The mathematics
#
# **Four gaps.** Five figures, each with one thing changed against the one before:
#
# | error of | on | the step from the line above is |
# |---|---|---|
# | the best that is possible | - | |
# | the model | what it was trained on | **avoidable bias** |
# | the model | *train-dev*: the same kind, not trained on | **variance** |
# | the model | *dev*: the kind that counts | **data mismatch** |
# | the model | *test*: that kind, never looked at | **overfitting to dev** |
#
# Without the train-dev set variance and mismatch are one number, and one does not know
# whether more scans would help.
#
# **Weighing.** There are 1000 scans and 100 car pictures in the training set. Let a car
# picture count $w$ times:
#
# $$J = \frac{\sum_i w^{(i)} L^{(i)}}{\sum_i w^{(i)}}, \qquad
# L^{(i)} = -\log a^{(i)}_{y}, \qquad
# dZ^{(i)} = \frac{w^{(i)}}{\sum_k w^{(k)}} \left( a^{(i)} - \text{onehot}(y^{(i)})
# \right) .$$
#
# The factor of each example goes through to its column of $dZ$; $1/m$ has become
# $w^{(i)} / \sum w$. And how does $J$ change with the weight of one example? By the
# quotient rule $\partial J / \partial w^{(i)} = (L^{(i)} - J) / \sum_k w^{(k)}$: it
# goes up for those with more than the average loss.
#
# ## Your code
#
# **Exercise 1.** The weighted softmax classifier: gradients and cost.
#
# **Exercise 2.** The split ("option 2" in the course): the training set has all scans
# but `held_out`, and the first half of the car pictures; the train-dev set is the
# `held_out` last scans; the dev and the test set share the second half of the car
# pictures, dev first. Return places (`range` or arrays): `{"train": (places in scans,
# places in car), "train_dev": places in scans, "dev": places in car, "test": ...}`.
#
# **Exercise 3.** The four gaps.
#
# **Exercise 4.** Which of them are at least `least` points, the largest first?
#
# **Exercise 5.** Artificial pictures: each digit in front of a background drawn by
# `rng.integers(0, len(backgrounds), len(digits))`.


# %%
def softmax(Z):
    """e^Z over its sum, for each column."""
    e = np.exp(Z - Z.max(axis=0))
    return e / e.sum(axis=0)


def propagate(parameters, X, Y, weights):
    """Gradients {"dW", "db"} and the cost; X (n, m), labels Y (m,), weights (m,)."""
    W, b = parameters["W"], parameters["b"]
    m = X.shape[1]
    # BEGIN SOLUTION
    A = softmax(W @ X + b)  # (10, m)
    share = weights / weights.sum()  # (m,)
    cost = float(-np.sum(share * np.log(A[Y, np.arange(m)])))
    onehot = np.arange(len(A))[:, None] == Y  # (10, m)
    dZ = share * (A - onehot)  # (10, m)
    grads = {
        "dW": dZ @ X.T,  # (10, n) = (10, m) @ (m, n)
        "db": dZ.sum(axis=1, keepdims=True),  # (10, 1)
    }
    # END SOLUTION
    return grads, cost


def split_for_target(scans, car, held_out):
    """Places of the sets, of `scans` and `car` many pictures; see exercise 2."""
    # BEGIN SOLUTION
    half = car // 2
    middle = half + (car - half) // 2
    return {
        "train": (range(scans - held_out), range(half)),
        "train_dev": range(scans - held_out, scans),
        "dev": range(half, middle),
        "test": range(middle, car),
    }
    # END SOLUTION


def gaps(errors):
    """The four gaps of errors {"possible", "train", "train_dev", "dev", "test"}."""
    # BEGIN SOLUTION
    return {
        "avoidable bias": errors["train"] - errors["possible"],
        "variance": errors["train_dev"] - errors["train"],
        "data mismatch": errors["dev"] - errors["train_dev"],
        "overfitting to dev": errors["test"] - errors["dev"],
    }
    # END SOLUTION


def diagnose(errors, least=4.0):
    """Names of the gaps of at least `least` points, the largest first."""
    # BEGIN SOLUTION
    found = {name: gap for name, gap in gaps(errors).items() if gap >= least}
    return sorted(found, key=found.get, reverse=True)
    # END SOLUTION


def synthesize(digits, backgrounds, rng):
    """Digits (m, 8, 8) in front of backgrounds that are drawn from those given."""
    # BEGIN SOLUTION
    drawn = rng.integers(0, len(backgrounds), len(digits))  # (m,)
    return on_background(digits, backgrounds[drawn])
    # END SOLUTION


# %% [markdown]
# ## Check it three ways
#
# **By hand.** Two examples of a model that knows nothing ($a = 0.1$ for each class),
# with weights 1 and 3. The cost is $\log 10$ whatever the weights; $dZ$ of the right
# class is $\frac14 (0.1 - 1) = -0.225$ for the first, three times that for the second.

# %%
zeros = {"W": np.zeros((10, 2)), "b": np.zeros((10, 1))}
grads, cost = propagate(zeros, np.eye(2), np.array([4, 7]), np.array([1.0, 3.0]))
first, second = grads["dW"][4, 0], grads["dW"][7, 1]
print(f"cost {cost:.4f}, dW[4, 0] {first:.4f}, dW[7, 1] {second:.4f}")
assert abs(cost - np.log(10)) < 1e-12
assert abs(grads["dW"][4, 0] + 0.225) < 1e-12
assert abs(grads["dW"][7, 1] + 0.675) < 1e-12
table = {"possible": 1, "train": 2, "train_dev": 3, "dev": 12, "test": 13}
assert gaps(table)["data mismatch"] == 9 and diagnose(table) == ["data mismatch"]

# %% [markdown]
# **Against the engine**, for the gradient of the parameters and of the weights of the
# examples, of which the engine knows without any formula of ours.


# %%
def cost_by_engine(W, b, X, Y, weights):
    """J of tensors; X (n, m), Y (m,), weights (m,)."""
    losses = F.cross_entropy((W @ X + b).T, Y, reduction="none")  # (m,)
    return (losses * weights).sum() / weights.sum()


few = np.concatenate([scans[:20], car[:6]]).reshape(26, 64).T  # (64, 26)
few_Y = np.concatenate([scan_labels[:20], car_labels[:6]])
few_w = np.where(np.arange(26) < 20, 1.0, 5.0)
point = {"W": 0.2 * rng.standard_normal((10, 64)), "b": rng.standard_normal((10, 1))}
grads, cost = propagate(point, few, few_Y, few_w)
tensors = {k: dls.Tensor(p, requires_grad=True, name=k) for k, p in point.items()}
tw = dls.Tensor(few_w, requires_grad=True, name="w")
tX, tY = dls.Tensor(few, name="X"), dls.Tensor(few_Y, name="Y")
J = cost_by_engine(tensors["W"], tensors["b"], tX, tY, tw)
J.backward()
assert abs(J.item() - cost) < 1e-12
for name, tensor in tensors.items():
    assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
    assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10
A = softmax(point["W"] @ few + point["b"])
losses = -np.log(A[few_Y, np.arange(26)])
assert dls.compare("dJ/dw", (losses - cost) / few_w.sum(), tw.grad).ok
assert np.abs((losses - cost) / few_w.sum() - tw.grad.numpy()).max() < 1e-10

# %% [markdown]
# **Numerically.**

# %%
small = {"W": rng.standard_normal((10, 5)), "b": rng.standard_normal((10, 1))}
small_X, small_Y = rng.standard_normal((5, 8)), rng.integers(0, 10, 8)
small_w = rng.uniform(0.5, 4, 8)
report = check.check_gradients(
    lambda p: propagate(p, small_X, small_Y, small_w)[1],
    small,
    propagate(small, small_X, small_Y, small_w)[0],
    m=8,
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph

# %%
with dls.trace():
    J = cost_by_engine(tensors["W"], tensors["b"], tX, tY, tw)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "w": tw, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# First the same numbers from a layer: `nn.Linear` and `optim.SGD` on rows, against your
# `propagate`, twenty steps.

# %%
layer, mine = nn.Linear(64, 10, dtype="float64"), dict(point)
layer.load_state_dict({"weight": point["W"], "bias": point["b"][:, 0]})
optimizer = optim.SGD(layer.parameters(), lr=0.5)
for _ in range(20):
    grads, cost = propagate(mine, few, few_Y, few_w)
    mine = {k: p - 0.5 * grads["d" + k] for k, p in mine.items()}
    optimizer.zero_grad()
    each = F.cross_entropy(layer(dls.Tensor(few.T)), tY, reduction="none")
    loss = (each * dls.Tensor(few_w)).sum() / float(few_w.sum())
    loss.backward()
    optimizer.step()
    assert abs(loss.item() - cost) < 1e-10
assert np.abs(layer.weight.numpy() - mine["W"]).max() < 1e-10
print("twenty weighted steps by hand and by a layer: the same")


# %% [markdown]
# Now the networks: 64-64-10, Adam, a weight for each example.


# %%
def train(X, Y, epochs, weights=None, hidden=64, seed=lesson.seed, rate=3e-3):
    """A network for pictures X (m, 8, 8), trained on mini-batches of 64 (rows)."""
    dls.manual_seed(seed)
    network = (
        nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))
        if hidden
        else nn.Sequential(nn.Linear(64, 10))
    )
    optimizer = optim.Adam(network.parameters(), lr=rate)
    draw = np.random.default_rng(seed)
    rows = X.reshape(len(X), 64).astype("float32")
    weights = np.ones(len(X)) if weights is None else weights
    weights = (weights / weights.mean()).astype("float32")

    @dls.capture
    def step(x, y, w):
        optimizer.zero_grad()
        losses = F.cross_entropy(network(x), y, reduction="none")
        (losses * w).mean().backward()
        optimizer.step()

    size = min(64, len(X))
    for _ in range(epochs):
        order = draw.permutation(len(X))
        for i in range(0, len(X) - size + 1, size):
            places = order[i : i + size]
            step(*(dls.Tensor(a[places]) for a in (rows, Y, weights)))
    return network


def scores_of(network, X):
    """Logits (m, 10) of pictures (m, 8, 8)."""
    with dls.no_grad():
        return network(dls.Tensor(X.reshape(len(X), 64).astype("float32"))).numpy()


def error(network, X, Y):
    """Percent of wrong answers."""
    return 100 * float(np.mean(scores_of(network, X).argmax(axis=1) != Y))


places = split_for_target(len(scans), len(car), held_out=200)
train_scans, train_car = (list(p) for p in places["train"])
sets = {
    "train": (scans[train_scans], scan_labels[train_scans]),
    "train_dev": (scans[places["train_dev"]], scan_labels[places["train_dev"]]),
    "dev": (car[places["dev"]], car_labels[places["dev"]]),
    "test": (car[places["test"]], car_labels[places["test"]]),
}
car_train = car[train_car], car_labels[train_car]
print({name: len(X) for name, (X, _) in sets.items()}, "and", len(car_train[0]), "car")
epochs = 15 if lesson.fast else 40

# %% [markdown]
# What is possible? In the course that is the error of people who take their time.
# Nobody sits here and reads: as a stand-in we train the best reader we can, on
# everything but what it is tried on, with ten artificial car pictures of each digit.

# %%
everything = np.concatenate([scans[train_scans]] * 2)
fresh = [from_the_car(scans[train_scans], rng) for _ in range(3 if lesson.fast else 10)]
expert = train(
    np.concatenate([everything, *fresh]),
    np.tile(scan_labels[train_scans], 2 + len(fresh)),
    6 if lesson.fast else 15,
    hidden=256,
)
possible = {
    "scans": error(expert, *sets["train_dev"]),
    "car": error(expert, *sets["dev"]),
}
print("the best reader:", {k: f"{v:.1f} %" for k, v in possible.items()})

# %% [markdown]
# **Five models, five tables.** *Predict the row of each before you look.*
#
# 1. A network on the 1000 scans.
# 2. A linear model, two epochs, on the scans: too simple, stopped too early.
# 3. A network on the first 80 scans.
# 4. A network on scans and the car pictures of the training set, weighed. For it
#    train-dev must be of the *same* mixture: 200 scans, and as many car pictures, in
#    front of new backgrounds, as belong to them.
# 5. Model 4, tuned on 20 dev pictures until they are nearly all right: to its ten
#    scores are added ten numbers, the best of 3000 random draws.


# %%
def table_of(network, train_set, train_dev, dev=sets["dev"], test=sets["test"]):
    """The five errors of a network."""
    return {
        "possible": possible["scans"],
        "train": error(network, *train_set),
        "train_dev": error(network, *train_dev),
        "dev": error(network, *dev),
        "test": error(network, *test),
    }


def joined(*sets_):
    """Several sets as one."""
    return tuple(np.concatenate(parts) for parts in zip(*sets_, strict=True))


tables, networks = {}, {}
networks["scans only"] = train(*sets["train"], epochs)
networks["linear, two epochs"] = train(*sets["train"], 2, hidden=0)
first = scans[:80], scan_labels[:80]
networks["80 scans"] = train(*first, 10 * epochs)
mixed = joined(sets["train"], car_train)
is_scan = np.arange(len(mixed[0])) < len(train_scans)
networks["scans and car"] = train(*mixed, epochs, np.where(is_scan, 1.0, 4.0))
for name in ("scans only", "linear, two epochs"):
    tables[name] = table_of(networks[name], sets["train"], sets["train_dev"])
tables["80 scans"] = table_of(networks["80 scans"], first, sets["train_dev"])
like_car = from_the_car(sets["train_dev"][0][:60], rng), sets["train_dev"][1][:60]
tables["scans and car"] = table_of(
    networks["scans and car"], mixed, joined(sets["train_dev"], like_car)
)

few_dev = tuple(part[:20] for part in sets["dev"])
scores = {
    name: scores_of(networks["scans and car"], X)
    for name, (X, _) in (("dev", few_dev), ("test", sets["test"]))
}
tries = np.concatenate([np.zeros((1, 10)), 3.0 * rng.standard_normal((3000, 10))])
wrong = [
    np.mean((scores["dev"] + shift).argmax(axis=1) != few_dev[1]) for shift in tries
]
shift = tries[int(np.argmin(wrong))]
tables["tuned on 20"] = tables["scans and car"] | {
    "dev": 100 * float(min(wrong)),
    "test": 100
    * float(np.mean((scores["test"] + shift).argmax(axis=1) != sets["test"][1])),
}
lesson.table(
    ["model", *table, "found"],
    [
        [name, *(f"{v:.1f}" for v in errors.values()), ", ".join(diagnose(errors))]
        for name, errors in tables.items()
    ],
)
assert diagnose(tables["scans only"])[0] == "data mismatch"
assert "avoidable bias" in diagnose(tables["linear, two epochs"])
assert "variance" in diagnose(tables["80 scans"])
assert gaps(tables["scans only"])["data mismatch"] > 30
assert "overfitting to dev" in diagnose(tables["tuned on 20"])
assert tables["scans and car"]["dev"] < tables["scans only"]["dev"] - 15

# %% [markdown]
# The first model is perfect by all that can be seen on scans, and useless in the car.
# No regularization and no larger network will help: its trouble is none of the first
# two.
#
# The course draws the same figures as a table of two columns. Read it along a row for
# the mismatch, down a column for bias and variance:

# %%
network = networks["scans and car"]
lesson.table(
    ["scans and car, error %", "scans", "car pictures"],
    [["the best reader", f"{possible['scans']:.1f}", f"{possible['car']:.1f}"]]
    + [
        [name, *(f"{error(network, *examples):.1f}" for examples in pair)]
        for name, pair in (
            ("trained on", (sets["train"], car_train)),
            ("not trained on", (sets["train_dev"], sets["dev"])),
        )
    ],
)

# %% [markdown]
# **What helps against mismatch?** First look *what* is different. Where does the
# scans-only model err: in front of which backgrounds?

# %%
dev_X, dev_Y = sets["dev"]
brightness = np.sort(dev_X.reshape(len(dev_X), -1), axis=1)[:, :20].mean(axis=1)
right = scores_of(networks["scans only"], dev_X).argmax(axis=1) == dev_Y
thirds = np.array_split(np.argsort(brightness), 3)
by_background = {
    name: 100 * float(np.mean(~right[part]))
    for name, part in zip(("light", "middle", "dark"), thirds, strict=True)
}
print("errors by background:", {k: f"{v:.0f} %" for k, v in by_background.items()})
assert by_background["dark"] > by_background["light"]

# %% [markdown]
# So backgrounds it is. Three remedies: weigh the real pictures we have; make artificial
# ones; both. And the one that costs most and does nothing: more scans.

# %%
weights = (1, 4, 16) if lesson.fast else (0, 1, 2, 4, 8, 16, 32)
by_weight = {}
for w in lesson.progress(weights, "weights of the car pictures", "networks"):
    network = train(*mixed, epochs, np.where(is_scan, 1.0, float(w)))
    by_weight[w] = error(network, *sets["dev"])

# %% [markdown]
# ### Artificial pictures, and how they deceive
#
# *1000 scans, each in front of ten backgrounds: 10,000 pictures. Does it matter whether
# these are ten thousand different backgrounds, or ten?* A person looks at twenty of the
# pictures and sees nothing wrong with them.

# %%
repeats = 3 if lesson.fast else 10
counts = (1, 16, 500) if lesson.fast else (1, 4, 16, 64, 256, 1000)
by_backgrounds = {}
for count in lesson.progress(counts, "artificial pictures", "networks"):
    few_backgrounds = make_backgrounds(count, np.random.default_rng(99))
    made = np.concatenate(
        [synthesize(sets["train"][0], few_backgrounds, rng) for _ in range(repeats)]
    )
    network = train(made, np.tile(sets["train"][1], repeats), max(4, epochs // 3))
    same_kind = synthesize(sets["train_dev"][0], few_backgrounds, rng)
    by_backgrounds[count] = {
        "train_dev": error(network, same_kind, sets["train_dev"][1]),
        "dev": error(network, *sets["dev"]),
    }
    networks[f"artificial, {count}"] = network
lesson.table(
    ["different backgrounds", "train-dev %", "dev %", "mismatch"],
    [
        [count, f"{seen:.1f}", f"{real:.1f}", f"{real - seen:.1f}"]
        for count, (seen, real) in (
            (count, e.values()) for count, e in by_backgrounds.items()
        )
    ],
)
most = counts[-1]
assert by_backgrounds[1]["dev"] > by_backgrounds[most]["dev"] + 12
assert by_backgrounds[1]["train_dev"] < by_backgrounds[1]["dev"] - 15
assert abs(by_backgrounds[most]["dev"] - by_backgrounds[most]["train_dev"]) < 12

# %% [markdown]
# With a single background the network learns that very background. It has a train-dev
# error that is *better* than that of the model which works in the car. Only the dev
# set, which is real, tells. That is the course's hour of car noise, repeated ten
# thousand times.

# %%
best = by_backgrounds[most]["dev"]
both_X = np.concatenate(
    [
        *(
            synthesize(sets["train"][0], make_backgrounds(1000, rng), rng)
            for _ in range(repeats)
        ),
        car_train[0],
    ]
)
both_Y = np.concatenate([np.tile(sets["train"][1], repeats), car_train[1]])
both_w = np.where(np.arange(len(both_X)) < len(both_X) - len(car_train[0]), 1.0, 4.0)
networks["both"] = train(both_X, both_Y, max(4, epochs // 3), weights=both_w)
half_scans = train(*(part[:500] for part in sets["train"]), 2 * epochs)
remedies = {
    "half of the scans": error(half_scans, *sets["dev"]),
    "all scans": tables["scans only"]["dev"],
    "scans and car, weighed": min(by_weight.values()),
    "artificial, one background": by_backgrounds[1]["dev"],
    f"artificial, {most} backgrounds": best,
    "artificial and car": error(networks["both"], *sets["dev"]),
}
lesson.table(
    ["trained on", "dev error %"], [[k, f"{v:.1f}"] for k, v in remedies.items()]
)
assert abs(remedies["half of the scans"] - remedies["all scans"]) < 12
assert remedies["artificial and car"] < remedies["all scans"] - 30

# %% [markdown]
# ## Look at it

# %%
fig, (left, middle, right_ax) = plt.subplots(1, 3, figsize=(15, 4.4))
names = ["possible", "train", "train_dev", "dev", "test"]
for name, errors in tables.items():
    left.plot(names, [errors[n] for n in names], "o-", label=name)
left.set(ylabel="error %", title="Where the line climbs is the trouble")
left.legend(fontsize=8)
middle.plot(range(len(by_weight)), list(by_weight.values()), "o-")
middle.set_xticks(range(len(by_weight)), [str(w) for w in by_weight])
middle.set(xlabel="weight of a car picture (a scan has 1)", ylabel="dev error %")
middle.set_title("Real pictures, weighed")
for kind, label in (("train_dev", "train-dev: same backgrounds"), ("dev", "dev: real")):
    values = [e[kind] for e in by_backgrounds.values()]
    right_ax.semilogx(list(by_backgrounds), values, "o-", label=label)
right_ax.set(xlabel="different backgrounds", ylabel="error %")
right_ax.set_title("Artificial pictures")
right_ax.legend()
for ax in (left, middle, right_ax):
    ax.grid(alpha=0.3)
    ax.set_ylim(bottom=0)
fig.tight_layout()
lesson.figure(fig, "errors")

fig, axes = plt.subplots(2, 6, figsize=(11, 4.2))
said_before = scores_of(networks["scans only"], dev_X).argmax(axis=1)
said_after = scores_of(networks["both"], dev_X).argmax(axis=1)
won = np.flatnonzero((said_before != dev_Y) & (said_after == dev_Y))[:6]
left_over = np.flatnonzero(said_after != dev_Y)[:6]
for row, places_shown in enumerate((won, left_over)):
    for ax, i in zip(axes[row], places_shown, strict=False):
        ax.imshow(dev_X[i], cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(f"{dev_Y[i]}: {said_before[i]}, then {said_after[i]}", fontsize=9)
for ax in axes.flat:
    ax.axis("off")
fig.suptitle("Won by training on both (above), and still wrong (below)")
lesson.figure(fig, "won")

# %% [markdown]
# ## Break it
#
# **1. The dev set from the mixture** ("option 1"). A is the scans-only model; B was
# trained on the car pictures of the training set alone. The dev set of the mixture, 5 %
# car, and the one of the kind that counts do not choose the same.

# %%
A, B = networks["scans only"], train(*car_train, 4 * epochs)
mix_X = np.concatenate([sets["train_dev"][0][:190], sets["dev"][0][:10]])
mix_Y = np.concatenate([sets["train_dev"][1][:190], sets["dev"][1][:10]])
choice = {
    name: {
        "mixture": error(network, mix_X, mix_Y),
        "dev": error(network, *sets["dev"]),
        "test": error(network, *sets["test"]),
    }
    for name, network in (("A", A), ("B", B))
}
lesson.table(
    ["", "dev of the mixture %", "dev of the car %", "test (car) %"],
    [[name, *(f"{v:.1f}" for v in errors.values())] for name, errors in choice.items()],
)
chosen = {
    by: min(choice, key=lambda name: choice[name][by]) for by in ("mixture", "dev")
}
print("chosen:", chosen)
assert chosen == {"mixture": "A", "dev": "B"}
assert choice["B"]["test"] < choice["A"]["test"] - 20

# %% [markdown]
# **2. Without a train-dev set.** Two models that look alike, those of 80 and of 1000
# scans: train error near 0, and a dev error that is far too high. Is it variance or
# mismatch? With train-dev there is no doubt.

# %%
for name in ("80 scans", "scans only"):
    e = tables[name]
    print(f"{name}: train {e['train']:.1f} %, dev {e['dev']:.1f} %: which gap is it?")
    print(f"   with train-dev {e['train_dev']:.1f} %: {', '.join(diagnose(e))}")
small_gap, large_gap = (
    tables[n]["train_dev"] - tables[n]["train"] for n in ("scans only", "80 scans")
)
assert max(tables[n]["train"] for n in ("80 scans", "scans only")) < 5
assert large_gap > 2 * small_gap

# %% [markdown]
# **3. The wrong train-dev set**: somebody takes car pictures for it. Then the mismatch
# shows up as variance, and they buy more scans. A tool: do two sets come from one
# distribution? Compare their mean brightness with what chance allows.


# %%
def same_kind(A, B):
    """Could both sets of pictures be of one kind? Looks at their mean brightness."""
    a, b = (X.reshape(len(X), -1).mean(axis=1) for X in (A, B))
    chance = np.sqrt(a.var() / len(a) + b.var() / len(b))
    distance = abs(a.mean() - b.mean()) / chance
    kind = "one kind" if distance < 4 else "NOT one kind"
    return f"{kind}: {distance:.1f} standard errors apart"


verdicts = {
    "train, train-dev": same_kind(sets["train"][0], sets["train_dev"][0]),
    "train, dev taken for train-dev": same_kind(sets["train"][0], sets["dev"][0]),
    "dev, test": same_kind(sets["dev"][0], sets["test"][0]),
}
for name, verdict in verdicts.items():
    print(f"{name}: {verdict}")
assert verdicts["train, train-dev"].startswith("one kind")
assert verdicts["train, dev taken for train-dev"].startswith("NOT")
assert verdicts["dev, test"].startswith("one kind")
wrong_table = tables["scans only"] | {"train_dev": tables["scans only"]["dev"]}
print("with car pictures as train-dev one reads:", diagnose(wrong_table))
assert diagnose(wrong_table)[0] == "variance"

# %% [markdown]
# **4. Artificial pictures in the dev set too**, from the same few backgrounds: it
# agrees with everything (the train-dev column above).

# %%
deceived = by_backgrounds[1]
print(
    f"one background: {deceived['train_dev']:.1f} % on pictures like it, "
    f"{deceived['dev']:.1f} % on real ones"
)

# %% [markdown]
# **5. A digit in both**: the same scan in the training set, and from the car in the dev
# set. A tool that finds doubles behind any background would have to look closely; here
# splitting first prevents it. A cheap test is that no picture is in two sets, byte by
# byte.

# %%
seen = {name: {x.tobytes() for x in X} for name, (X, _) in sets.items()}
doubles = {
    f"{a}, {b}": len(seen[a] & seen[b])
    for a in seen
    for b in seen
    if a < b and seen[a] & seen[b]
}
print("pictures in two sets:", doubles or "none")
assert not doubles

# %% [markdown]
# **6. The weights of the examples forgotten** in the gradient. The check notices.

# %%
report = check.check_gradients(
    lambda p: propagate(p, small_X, small_Y, small_w)[1],
    small,
    propagate(small, small_X, small_Y, np.ones(8))[0],  # WRONG: the weights forgotten
    m=8,
)
print(report.first.name, report.first.hint)
assert not report.ok

# %% [markdown]
# ## Recap
#
# - Dev and test set: the kind that counts, both. The training set may be another kind.
# - A train-dev set tells variance from mismatch.
# - Four gaps, and the largest first.
# - Against mismatch: see what is different; weigh what real data there are; make
#   artificial data, of many kinds. More of the wrong kind does nothing.
# - Artificial data deceive: they look right to us, and the network has learned the few
#   backgrounds by heart. Only real dev data tell.
#
# ## Questions
#
# 1. Train 1 %, train-dev 9 %, dev 10 %: what to do, and what not?
#    <details><summary>Answer</summary>
#    Variance: more data of the training kind, regularization. Artificial data against a
#    mismatch would be wasted.
#    </details>
# 2. Dev error is *below* train-dev error. How can that be?
#    <details><summary>Answer</summary>
#    The kind that counts is easier than the training kind.
#    </details>
# 3. Why not put all car pictures into the training set?
#    <details><summary>Answer</summary>
#    Then nothing is left to measure with. The dev set is worth more than a few more
#    examples.
#    </details>
# 4. The weight of car pictures is very large. What is the danger?
#    <details><summary>Answer</summary>
#    The network learns those few by heart: variance on the kind that counts.
#    </details>
# 5. The gap between dev and test is 8 points. What do you do?
#    <details><summary>Answer</summary>
#    Get a larger (or fresh) dev set, and decide less on the old one.
#    </details>
#
# ## Go further
#
# - Make the car pictures darker still, or blurred. Which remedy fails first?
# - Train a classifier that tells scans from car pictures, and weigh scans by how much
#   they look like car pictures.
# - Next: `c3w2-transfer-and-multi-task`.

# %%
# The end: this run must have reached what is known of it.
if not lesson.fast:
    assert possible["scans"] < 8 and possible["car"] < 20
    assert remedies["artificial and car"] < 20
    assert by_weight[4] < by_weight[0] - 20
lesson.finish(
    {
        "possible": possible,
        "tables": tables,
        "diagnosis": {name: diagnose(errors) for name, errors in tables.items()},
        "by_background": by_background,
        "by_weight": by_weight,
        "artificial": by_backgrounds,
        "remedies": remedies,
        "broken": {"choice": choice, "chosen": chosen, "kinds": verdicts},
    }
)
