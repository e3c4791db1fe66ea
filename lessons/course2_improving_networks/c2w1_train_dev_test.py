# %% [markdown]
# # Train, dev and test: what to do next
#
# Course 2, week 1. About 90 minutes with the exercises. The script runs for about half
# a minute, with `--fast` for a few seconds.
#
# **Goal.** A network that is not good enough can be mended in ten ways, and nine of
# them are a waste of time. Which one helps, two numbers tell. You will
#
# - split data, and see how large a dev set must be and why there is a test set,
# - train the four cases of bias and variance, and diagnose them,
# - let the basic recipe lead a bad network to nearly the best there is,
# - normalize inputs, and count the steps that it saves,
# - measure how gradients vanish and explode with depth,
# - break it (unshuffled, leaked, normalized along the wrong axis), and find that.
#
# ## What you need
#
# The lessons of Course 1. This week of the course has no notebook for these topics, so
# the function names are ours; shapes are the course's: $X$ is $(n_x, m)$.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w1-train-dev-test")
rng = np.random.default_rng(lesson.seed)


def draw(m, rng, wrong=0.05):
    """m new points X (2, m) and labels Y (1, m); a share `wrong` has a wrong label."""
    X = rng.uniform(-1, 1, (2, m))
    Y = X[1] > 0.6 * np.sin(3.5 * X[0])
    return X, (Y ^ (rng.random(m) < wrong)).astype(int).reshape(1, -1)


# %% [markdown]
# ## The idea in a picture
#
# We draw the data ourselves, so for once we know everything: the true border is a sine,
# and 5 % of the labels are wrong. Nobody can do better than 5 % errors: that is the
# **optimal (Bayes) error**. And we can draw as many new points as we like, to see how
# good a classifier really is.
#
# $$
# \underbrace{\text{dev error}}_{\text{new points}} =
# \underbrace{\text{optimal error}}_{\text{nobody's fault}} +
# \underbrace{(\text{train} - \text{optimal})}_{\text{avoidable bias}} +
# \underbrace{(\text{dev} - \text{train})}_{\text{variance}}
# $$

# %%
border = np.linspace(-1, 1, 200)
many_X, many_Y = draw(400, rng)
fig, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6))
colours = np.where(many_Y[0] == 1, "tab:blue", "tab:red")
left.scatter(*many_X, c=colours, s=12, edgecolors="white", linewidths=0.3)
left.plot(border, 0.6 * np.sin(3.5 * border), color="black", lw=1)
left.set(xlabel="$x_1$", ylabel="$x_2$", title="400 points, the true border, 5 % wrong")
bars = {"high bias": (5, 15, 1), "high variance": (5, 0.5, 9), "both": (5, 14, 10)}
bars["just right"] = (5, 1, 1)
bottom = np.zeros(4)
for part, colour, values in zip(
    ("optimal", "avoidable bias", "variance"),
    ("0.7", "tab:orange", "tab:purple"),
    np.array(list(bars.values())).T,
    strict=True,
):
    right.bar(list(bars), values, bottom=bottom, color=colour, label=part)
    bottom += values
right.set(ylabel="dev error in %", title="What an error is made of (a sketch)")
right.legend()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# **Diagnosis.** Optimal error 0 %, train 15 %, dev 16 %: avoidable bias 15, variance 1.
# A larger network; more data would be useless. Train 1 %, dev 11 %: bias 1, variance
# 10. More data, regularization; a larger network would be useless. *Train 15 %, dev
# 30 %? And train 15 %, dev 16 %, if people make 14 % errors, too?*
#
# **Depth.** A chain of linear units, each with the weight 1.5: after 50 layers the
# signal is $1.5^{50} = 637{,}621{,}500$. With 0.5 it is $0.5^{50} = 9 \cdot 10^{-16}$.
# The gradient of the first weight is the product of the 49 others. *How many layers
# does 0.9 need to lose a factor of a thousand?*
#
# **Normalizing.** The numbers 2, 4, 9: the mean is 5, the squares of the distances are
# 9, 1, 16, their mean is $26/3$. So $\sigma = 2.94$, and they become $-1.02$, $-0.34$,
# $1.36$.

# %%
print(f"1.5^50 = {1.5**50:,.0f}, 0.5^50 = {0.5**50:.1e}")
print(f"0.9 needs {np.log(0.001) / np.log(0.9):.0f} layers")
three = np.array([2.0, 4, 9])
normal = (three - three.mean()) / three.std()
print("normalized:", normal.round(2))
assert np.allclose(normal, [-1.02, -0.34, 1.36], atol=0.005)

# %% [markdown]
# ## The mathematics
#
# **Splits.** With few data, 60/20/20; with a million, 98/1/1. The dev set must only be
# large enough to tell two candidates apart: an error measured on $n$ points has the
# standard deviation $\sqrt{p(1-p)/n}$. Dev and test set must come from the same
# distribution, the one that counts.
#
# **Normalizing**, with the statistics of the *training* set, for all sets:
#
# $$
# \mu = \frac1m \sum_i x^{(i)}, \qquad
# \sigma^2 = \frac1m \sum_i (x^{(i)} - \mu)^2, \qquad
# x := \frac{x - \mu}{\sigma} \qquad \text{all } (n_x, 1)
# $$
#
# Why it helps: for one linear neuron, $\hat Y = w^T X$, the cost
#
# $$J = \frac{1}{2m} \sum_i (w^T x^{(i)} - y^{(i)})^2, \qquad
# dw = \frac1m X (w^T X - Y)^T$$
#
# is a bowl with the curvatures of $H = \frac1m X X^T$. Its steepest direction, with
# curvature $\lambda_{max}$, limits the learning rate to $2/\lambda_{max}$; along the
# flattest, each step then shrinks the distance by only about $1 -
# 2\lambda_{min}/\lambda_{max}$. So the steps needed grow with
# $\kappa = \lambda_{max}/\lambda_{min}$, and normalizing brings $\kappa$ near 1.
#
# **Depth.** Linear layers $a^{[l]} = W^{[l]} a^{[l-1]}$, cost $J$ the sum of the last:
#
# $$
# \delta^{[L]} = 1, \qquad \delta^{[l-1]} = W^{[l]T} \delta^{[l]}, \qquad
# dW^{[l]} = \delta^{[l]} a^{[l-1]T} .
# $$
#
# Forward and backward are products of the same matrices. If each makes a vector longer
# by a factor $c$, the size goes like $c^L$: it vanishes or explodes.
#
# ## Your code
#
# **Exercise 1.** Split at random: `fractions` of the examples to each part, in the
# order of `np.random.permutation` after the seed. The last part gets the rest.


# %%
def split_data(X, Y, fractions=(0.6, 0.2, 0.2), seed=0):
    """[(X_train, Y_train), (X_dev, Y_dev), ...] of X (n_x, m), Y (1, m)."""
    np.random.seed(seed)
    m = X.shape[1]
    ends = [round(m * sum(fractions[: i + 1])) for i in range(len(fractions) - 1)]
    # BEGIN SOLUTION
    order = np.random.permutation(m)
    parts = [(X[:, part], Y[:, part]) for part in np.split(order, ends)]
    # END SOLUTION
    return parts


sizes = [x.shape[1] for x, _ in split_data(many_X, many_Y)]
assert sizes == [240, 80, 80]

# %% [markdown]
# **Exercise 2.** The diagnosis: a dictionary with `"bias"`, `"variance"`, and `"do"`,
# which is `"bias"` if the avoidable bias is larger than `enough`, else `"variance"` if
# the variance is, else `"done"`. (First the bias: a network that cannot even fit its
# training set gains nothing from more of it.)


# %%
def diagnose(train_error, dev_error, optimal_error=0.0, enough=2.0):
    """{"bias", "variance" (both in percent), "do": "bias", "variance" or "done"}."""
    # BEGIN SOLUTION
    bias = train_error - optimal_error
    variance = dev_error - train_error
    if bias > enough:
        do = "bias"
    elif variance > enough:
        do = "variance"
    else:
        do = "done"
    # END SOLUTION
    return {"bias": bias, "variance": variance, "do": do}


assert diagnose(15, 16)["do"] == "bias" and diagnose(1, 11)["do"] == "variance"
assert diagnose(15, 16, optimal_error=14)["do"] == "done"

# %% [markdown]
# **Exercise 3.** The statistics for normalizing: columns, `(n_x, 1)`.
#
# **Exercise 4.** Cost and gradient of the linear neuron (without a bias: the prices we
# should fit are measured from their mean).


# %%
def fit_normalization(X):
    """mu and sigma, both (n_x, 1), over the examples of X (n_x, m)."""
    # BEGIN SOLUTION
    mu = np.mean(X, axis=1, keepdims=True)
    sigma = np.sqrt(np.mean((X - mu) ** 2, axis=1, keepdims=True))
    # END SOLUTION
    return mu, sigma


def propagate_linear(w, X, Y):
    """J = mean square / 2 and dw (n_x, 1), for w (n_x, 1), X (n_x, m), Y (1, m)."""
    m = X.shape[1]
    # BEGIN SOLUTION
    error = np.dot(w.T, X) - Y  # (1, m)
    J = np.sum(error**2) / (2 * m)
    dw = np.dot(X, error.T) / m  # (n_x, 1)
    # END SOLUTION
    return float(J), dw


assert fit_normalization(np.array([[2.0, 4, 9]]))[0].tolist() == [[5]]

# %% [markdown]
# **Exercise 5.** The deep chain, forward: the list of all $a^{[l]}$, beginning with
# $a^{[0]} = x$.
#
# **Exercise 6.** And backward, for $J$ = the sum of the last: the list of $dW^{[1]},
# \dots, dW^{[L]}$.


# %%
def chain_forward(weights, x):
    """[a0, a1, ..., aL], columns, for weights [W1, ..., WL] and x (n, 1)."""
    activations = [x]
    for W in weights:
        # BEGIN SOLUTION
        activations.append(np.dot(W, activations[-1]))
        # END SOLUTION
    return activations


def chain_backward(weights, activations):
    """[dW1, ..., dWL] of J = sum of aL."""
    delta = np.ones(activations[-1].shape)
    gradients = []
    for W, a_before in zip(reversed(weights), reversed(activations[:-1]), strict=True):
        # BEGIN SOLUTION
        gradients.insert(0, np.dot(delta, a_before.T))
        delta = np.dot(W.T, delta)
        # END SOLUTION
    return gradients


ones = [np.array([[1.5]])] * 3
assert chain_forward(ones, np.ones((1, 1)))[-1].item() == 1.5**3
assert [dW.item() for dW in chain_backward(ones, [np.ones((1, 1))] * 4)] == [
    2.25,
    1.5,
    1,
]

# %% [markdown]
# ## Check it three ways
#
# **By hand** is done: the chain of 1.5, whose first gradient is the product of the
# other weights, $1.5^2 = 2.25$ (with all activations set to 1).
#
# **Against the engine**: the linear neuron on houses (area in square metres, rooms),
# and a chain of eight random 5 x 5 matrices.

# %%
houses = np.stack([rng.uniform(40, 200, 100), rng.integers(1, 7, 100)])  # (2, 100)
prices = houses[:1] * 0.03 + houses[1:] * 0.2 + rng.normal(0, 0.3, (1, 100))
prices = prices - prices.mean()  # (1, 100)
m = houses.shape[1]


def linear_by_engine(w, X, Y):
    """J for tensors."""
    error = w.T @ X - Y
    return (error * error).sum() / (2 * X.shape[1])


w = rng.standard_normal((2, 1))
cost, dw = propagate_linear(w, houses, prices)
tw = dls.Tensor(w, requires_grad=True, name="w")
J = linear_by_engine(tw, dls.Tensor(houses), dls.Tensor(prices))
J.backward()
assert dls.compare("dw", dw, tw.grad).ok
# J is about 10,000 here: the agreement that counts is relative
assert np.abs(dw - tw.grad.numpy()).max() < 1e-10 * np.abs(dw).max()
assert abs(J.item() - cost) < 1e-10 * cost

x = rng.standard_normal((5, 1))
weights = [rng.standard_normal((5, 5)) for _ in range(8)]
mine = chain_backward(weights, chain_forward(weights, x))
tensors = [
    dls.Tensor(W, requires_grad=True, name=f"W{i}") for i, W in enumerate(weights, 1)
]


def chain_by_engine(*weights):
    """J for tensors."""
    a = dls.Tensor(x)
    for W in weights:
        a = W @ a
    return a.sum()


chain_by_engine(*tensors).backward()
for i, tensor in enumerate(tensors):
    largest = np.abs(mine[i]).max()
    assert dls.compare(f"dW{i + 1}", mine[i], tensor.grad).ok
    assert np.abs(mine[i] - tensor.grad.numpy()).max() < 1e-10 * max(largest, 1)

# %% [markdown]
# **Numerically**, both.

# %%
report = check.check_gradients(
    lambda p: propagate_linear(p["w"], houses, prices)[0], {"w": w}, {"dw": dw}, m=m
)
print(report)
assert report.ok
report = dls.gradcheck(chain_by_engine, *tensors, names=[t.name for t in tensors])
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# A network of three layers, as a chain: on the way back every gradient passes all the
# matrices below it in the picture.

# %%
for tensor in tensors:
    tensor.grad = None
with dls.trace():
    J = chain_by_engine(*tensors[:3])
    J.backward()
graph = dls.graph(J, names={"J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# From here on the framework's layers: examples are *rows*, $X^T$. One function trains
# all networks of this lesson, with Adam (Course 2, week 2) on mini-batches of at most
# 256. `features` says which rows of $X$ the network may see.


# %%
def train_network(hidden, X, Y, steps, features=(0, 1), weight_decay=0.0, seed=1):
    """A trained network with these hidden layers, as points (2, k) -> (1, k)."""
    dls.manual_seed(seed)
    sizes = [len(features), *hidden, 1]
    layers = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimizer = optim.AdamW(network.parameters(), lr=0.01, weight_decay=weight_decay)
    rows = X[list(features)].T.astype("float32")
    targets = Y.T.astype("float32")
    batch = min(256, len(rows))
    order = np.random.default_rng(seed)
    for _ in steps:
        chosen = order.permutation(len(rows))[:batch]
        optimizer.zero_grad()
        logits = network(dls.Tensor(rows[chosen]))
        loss = F.binary_cross_entropy_with_logits(logits, dls.Tensor(targets[chosen]))
        loss.backward()
        optimizer.step()

    def probability(points):
        """points (2, k) -> (1, k)."""
        with dls.no_grad():
            seen = dls.Tensor(points[list(features)].T.astype("float32"))
            return network(seen).sigmoid().numpy().T

    return probability


def error(classifier, X, Y):
    """Percent of wrong labels."""
    return 100 * float(np.mean((classifier(X) > 0.5) != Y))


def steps_of(count, label):
    """`count` steps with a progress bar; a tenth of them with --fast."""
    return lesson.progress(range(count // (10 if lesson.fast else 1)), label, "steps")


# %% [markdown]
# ### The four cases
#
# | | network | sees | points |
# |---|---|---|---|
# | high bias | a single neuron | all | 100 |
# | high variance | 64 and 64 hidden units, trained to the end | all | 100 |
# | both | the same | only $x_1$ | 100 |
# | just right | 32 and 32 | all | 4000 |
#
# The dev set has 20,000 new points, so that its error is exact to 0.2 points.

# %%
optimal = 5.0
few_X, few_Y = draw(100, rng)
more_X, more_Y = draw(4000, rng)
dev_X, dev_Y = draw(20000, rng)
small, large = (few_X, few_Y), (more_X, more_Y)
cases = {
    "high bias": ((), small, 600, {}),
    "high variance": ((64, 64), small, 2000, {}),
    "both": ((64, 64), small, 2000, {"features": (0,)}),
    "just right": ((32, 32), large, 1500, {"weight_decay": 0.1}),
}
trained, case_figures = {}, {}
for name, (hidden, (X, Y), count, settings) in cases.items():
    found = train_network(hidden, X, Y, steps_of(count, name), **settings)
    train_error, dev_error = error(found, X, Y), error(found, dev_X, dev_Y)
    trained[name] = found
    case_figures[name] = {
        "train_accuracy": 100 - train_error,
        "dev_accuracy": 100 - dev_error,
        **diagnose(train_error, dev_error, optimal),
    }
lesson.table(
    ["case", "train error", "dev error", "avoidable bias", "variance", "do"],
    [
        [
            name,
            f"{100 - f['train_accuracy']:.1f}",
            f"{100 - f['dev_accuracy']:.1f}",
            f"{f['bias']:.1f}",
            f"{f['variance']:.1f}",
            f["do"],
        ]
        for name, f in case_figures.items()
    ],
)

# %% [markdown]
# A negative bias is not a mistake: with few points a network can get below the optimal
# error, on *those* points, by learning their wrong labels. It is a sure sign of
# variance.
#
# ### The basic recipe
#
# 1. High bias? A larger network, or train longer. Repeat until it fits.
# 2. High variance? More data, or regularization. Back to 1.
# 3. Done.
#
# Here it runs by itself. It starts with two hidden units and 60 points; `diagnose` says
# what to do: "bias" makes the network four times as wide, "variance" gets four times
# the data. (In life, data are dear: there one would regularize first.)

# %%
width, m_train, journey = 2, 60, []
pool_X, pool_Y = draw(20000, rng)
while len(journey) < (3 if lesson.fast else 10):
    X, Y = pool_X[:, :m_train], pool_Y[:, :m_train]
    label = f"{width} units, {m_train} points"
    found = train_network((width, width), X, Y, steps_of(1500, label))
    train_error, dev_error = error(found, X, Y), error(found, dev_X, dev_Y)
    verdict = diagnose(train_error, dev_error, optimal)
    journey.append({"width": width, "points": m_train, "train_error": train_error})
    journey[-1] |= {"dev_error": dev_error, "do": verdict["do"]}
    if verdict["do"] == "done":
        break
    if verdict["do"] == "bias":
        width *= 4
    else:
        m_train *= 4
lesson.table(
    ["units", "points", "train error", "dev error", "do"],
    [
        [j["width"], j["points"], f"{j['train_error']:.1f}"]
        + [f"{j['dev_error']:.1f}", j["do"]]
        for j in journey
    ],
)

# %% [markdown]
# ### Normalizing inputs
#
# The houses: areas up to 200, rooms up to 6. Gradient descent on the linear neuron,
# raw and normalized, each with the learning rate $1/\lambda_{max}$ of its own bowl,
# until the cost is within a millionth of its start above the minimum.


# %%
def descend(X, Y, most=200000):
    """Path of w (steps + 1, 2), kappa, and the least cost, by gradient descent."""
    curvatures = np.linalg.eigvalsh(X @ X.T / X.shape[1])
    best = np.linalg.solve(X @ X.T, X @ Y.T)
    least, _ = propagate_linear(best, X, Y)
    w = np.zeros((2, 1))
    first, path = propagate_linear(w, X, Y)[0], [w]
    for _ in range(most):
        cost, dw = propagate_linear(w, X, Y)
        if cost - least < 1e-6 * (first - least):
            break
        w = w - dw / curvatures[-1]
        path.append(w)
    kappa = float(curvatures[-1] / curvatures[0])
    return np.array(path)[:, :, 0], kappa, best


mu, sigma = fit_normalization(houses)
bowls = {"raw": houses, "normalized": (houses - mu) / sigma}
descents = {name: descend(X, prices) for name, X in bowls.items()}
normalizing = {
    name: {"steps": len(path) - 1, "kappa": kappa}
    for name, (path, kappa, _) in descents.items()
}
lesson.table(
    ["inputs", "kappa", "steps"],
    [[name, f"{f['kappa']:.1f}", f["steps"]] for name, f in normalizing.items()],
)
assert normalizing["raw"]["steps"] > 20 * normalizing["normalized"]["steps"]

# %% [markdown]
# ### Depth
#
# Three measurements. The chain of equal weights, exact. Deep networks with random
# weights: how much smaller (or larger) the gradient of the first layer is than that of
# the last. And what that does: networks of 2 to 20 hidden layers, trained on the 4000
# points with sigmoid and with ReLU, from PyTorch's default start and from He's.


# %%
def gradient_ratio(activation, scale, depth, width=50, m=50):
    """Size of the gradient at the first layer's output, over that at the last's."""
    draws = np.random.default_rng(lesson.seed)
    a = dls.Tensor(draws.standard_normal((m, width)))  # rows
    outputs = []
    for _ in range(depth):
        W = draws.standard_normal((width, width)) * scale / np.sqrt(width)
        a = activation(a @ dls.Tensor(W, requires_grad=True))
        a.retain_grad()
        outputs.append(a)
    a.sum().backward()
    sizes = [np.linalg.norm(outputs[i].grad.numpy()) for i in (0, -1)]
    return float(sizes[0] / sizes[1])


def deep_network(activation, depth, he, width=32):
    """2 inputs, `depth` hidden layers, 1 logit."""
    layers, before = [], 2
    for _ in range(depth):
        linear = nn.Linear(before, width)
        if he:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
        before = width
    return nn.Sequential(*layers, nn.Linear(width, 1))


depths = (2, 5, 10, 20, 30, 50)
chain = {
    weight: [
        float(
            chain_backward(
                [np.array([[weight]])] * depth,
                chain_forward([np.array([[weight]])] * depth, np.ones((1, 1))),
            )[0].item()
        )
        for depth in depths
    ]
    for weight in (0.5, 0.9, 1.0, 1.1, 1.5)
}
for weight, values in chain.items():
    for depth, value in zip(depths, values, strict=True):
        assert abs(value / weight ** (depth - 1) - 1) < 1e-12
ratios = {
    name: [gradient_ratio(activation, scale, depth) for depth in depths]
    for name, activation, scale in (
        ("sigmoid, Xavier", F.sigmoid, 1.0),
        ("tanh, Xavier", F.tanh, 1.0),
        ("ReLU, half of He", F.relu, 0.5 * np.sqrt(2)),
        ("ReLU, He", F.relu, np.sqrt(2)),
        ("ReLU, twice He", F.relu, 2 * np.sqrt(2)),
    )
}
kinds = {
    "sigmoid": (nn.Sigmoid, False),
    "ReLU, default": (nn.ReLU, False),
    "ReLU, He": (nn.ReLU, True),
}
trained_depths = (2, 10) if lesson.fast else (2, 5, 10, 20)
depth_errors = {name: [] for name in kinds}
rows, targets = more_X.T.astype("float32"), more_Y.T.astype("float32")
for name, (activation, he) in kinds.items():
    for depth in trained_depths:
        dls.manual_seed(lesson.seed)
        network = deep_network(activation, depth, he)
        optimizer = optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        order = np.random.default_rng(lesson.seed)
        for _ in steps_of(600, f"{name}, {depth} layers"):
            chosen = order.permutation(len(rows))[:256]
            optimizer.zero_grad()
            logits, labels = network(dls.Tensor(rows[chosen])), targets[chosen]
            F.binary_cross_entropy_with_logits(logits, dls.Tensor(labels)).backward()
            optimizer.step()
        with dls.no_grad():
            guess = network(dls.Tensor(dev_X.T.astype("float32"))).numpy().T > 0
        depth_errors[name].append(100 * float(np.mean(guess != dev_Y)))
lesson.table(
    ["dev error in %", *(f"{depth} layers" for depth in trained_depths)],
    [[name, *(f"{e:.1f}" for e in errors)] for name, errors in depth_errors.items()],
)

# %% [markdown]
# ### How large a dev set?
#
# The classifier "just right", measured on dev sets of four sizes, each drawn a thousand
# times. The spread follows $\sqrt{p(1-p)/n}$: to tell 6 % from 7 % takes thousands of
# points; to tell 6 % from 20 %, a hundred.
#
# ### Why a test set?
#
# Because choosing spoils the dev set. Thirty small networks, hardly different; each
# time a dev set is drawn, the best on it wins. Its dev error is too good, the more so
# the smaller the dev set: it was chosen for its luck, too. Only points that nobody
# chose by tell the truth.

# %%
big_X, big_Y = draw(50000, rng)
wrong = (trained["just right"](big_X) > 0.5) != big_Y  # (1, 50000)
true_error = 100 * float(wrong.mean())
set_sizes = (20, 100, 1000, 10000)
repeats = 1000
measured = {n: 100 * rng.choice(wrong[0], (repeats, n)).mean(axis=1) for n in set_sizes}
spread = {
    n: {
        "measured": float(values.std()),
        "formula": float(np.sqrt(true_error * (100 - true_error) / n)),
    }
    for n, values in measured.items()
}
for f in spread.values():
    assert abs(f["measured"] / f["formula"] - 1) < 0.1

count = 6 if lesson.fast else 30
candidates = [
    train_network((8,), few_X, few_Y, range(150), seed=seed)
    for seed in lesson.progress(range(count), "candidates", "networks")
]
all_wrong = np.concatenate([(c(big_X) > 0.5) != big_Y for c in candidates])  # (30, ...)
choosing = {}
for n in (20, 50, 200, 1000, 5000):
    dev_found, test_found = [], []
    for _ in range(300):
        part = rng.integers(0, big_X.shape[1], n)
        winner = int(all_wrong[:, part].mean(axis=1).argmin())
        dev_found.append(100 * all_wrong[winner, part].mean())
        test_found.append(100 * all_wrong[winner].mean())
    choosing[n] = {
        "dev_error": float(np.mean(dev_found)),
        "test_error": float(np.mean(test_found)),
    }
lesson.table(
    ["dev set", "spread of one error", "winner on the dev set", "winner on new points"],
    [
        [n, f"{np.sqrt(true_error * (100 - true_error) / n):.1f}"]
        + [f"{f['dev_error']:.1f}", f"{f['test_error']:.1f}"]
        for n, f in choosing.items()
    ],
)
assert choosing[20]["test_error"] > choosing[20]["dev_error"] + 2
assert choosing[5000]["test_error"] < choosing[5000]["dev_error"] + 1

# %% [markdown]
# ## Look at it


# %%
def plot_decision_boundary(model, X, Y, ax, title=""):
    """Colour the plane by model(points (2, k)) -> (1, k); draw X on it."""
    xx, yy = np.meshgrid(np.linspace(-1, 1, 200), np.linspace(-1, 1, 200))
    z = np.asarray(model(np.stack([xx.ravel(), yy.ravel()])), dtype=float)
    z = z.reshape(xx.shape)
    ax.contourf(xx, yy, z, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.45)
    if z.min() < 0.5 < z.max():
        ax.contour(xx, yy, z, levels=[0.5], colors="black", linewidths=1)
    colours = np.where(Y[0] == 1, "tab:blue", "tab:red")
    ax.scatter(*X, c=colours, s=12, edgecolors="white", linewidths=0.3)
    ax.plot(border, 0.6 * np.sin(3.5 * border), "--", color="gray", lw=1)
    ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
    ax.set(xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))


fig, axes = plt.subplots(1, 4, figsize=(16, 4.3), sharey=True)
for (name, found), ax in zip(trained.items(), axes, strict=True):
    f = case_figures[name]
    X, Y = cases[name][1]
    title = f"{name}: train {100 - f['train_accuracy']:.0f} %, "
    title += f"dev {100 - f['dev_accuracy']:.0f} %"
    plot_decision_boundary(found, X[:, :400], Y[:, :400], ax, title)
fig.suptitle("The four cases: errors, the network's border, and the true one (dashed)")
fig.tight_layout()
lesson.figure(fig, "four_cases")

# %% [markdown]
# The straight line cannot bend: bias. The islands around single points: variance. The
# stripes, of a network that does not see $x_2$: it cannot know the border, and learns
# its 100 points by heart all the same: both.

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(13, 4.4))
left.plot([j["train_error"] for j in journey], "o-", label="train error")
left.plot([j["dev_error"] for j in journey], "o-", label="dev error")
left.axhline(optimal, color="gray", linestyle=":", label="optimal: 5 %")
texts = [f"{j['width']} units\n{j['points']} points\n→ {j['do']}" for j in journey]
left.set_xticks(range(len(journey)), texts, fontsize=8)
left.set(ylabel="error in %", ylim=(0, None), title="The basic recipe at work")
left.legend()
for n, values in measured.items():
    right.hist(
        values, np.arange(0, 20.1, 0.5), histtype="step", label=f"{n} points", lw=1.5
    )
right.axvline(true_error, color="gray", linestyle=":", label="its true error")
right.set(
    xlabel="dev error in %", ylabel=f"how many of {repeats} dev sets", xlim=(0, 20)
)
right.set_title("One classifier, many dev sets")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "recipe_and_sizes")

fig, axes = plt.subplots(1, 3, figsize=(16, 4.6))
for (name, (path, kappa, best)), ax in zip(descents.items(), axes, strict=False):
    centre, reach = best[:, 0], 1.6 * np.abs(path - best[:, 0]).max(axis=0)
    if name == "normalized":
        reach = np.repeat(reach.max(), 2)
        ax.set_aspect("equal")
    lines = [np.linspace(c - r, c + r, 120) for c, r in zip(centre, reach, strict=True)]
    w1, w2 = np.meshgrid(*lines)
    X = bowls[name]
    found = np.stack([w1.ravel(), w2.ravel()]).T @ X - prices  # (14400, 100)
    J = (found**2).mean(axis=1).reshape(w1.shape) / 2
    low = float(J.min())
    ax.contour(w1, w2, J - low, levels=np.geomspace(1e-4, 1, 14) * (J.max() - low))
    ax.plot(*path.T, ".-", color="tab:red", ms=4, lw=1)
    ax.plot(*centre, "k+", ms=12)
    ax.set(xlabel="$w_1$ (area)", ylabel="$w_2$ (rooms)")
    ax.set_title(f"{name}: {len(path) - 1:,} steps, kappa {kappa:,.1f}")
for name, X in bowls.items():
    path, _, best = descents[name]
    least = propagate_linear(best, X, prices)[0]
    above = [propagate_linear(w[:, None], X, prices)[0] - least for w in path]
    axes[2].loglog(np.arange(1, len(above) + 1), above, label=name)
axes[2].set(xlabel="step", ylabel="cost above the minimum", title="Gradient descent")
axes[2].legend()
axes[2].grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "normalizing")

# %% [markdown]
# Left: raw, the bowl is a valley, for $w_1$ is multiplied by areas near 120, $w_2$ by
# room counts near 3, and both kinds of numbers are positive. (The $w_1$ axis is
# stretched; drawn to scale the valley would be sixty times as long as wide.) The path
# falls to its bottom at once and then creeps. Middle: nearly round, to scale, and the
# path runs straight in.

# %%
fig, axes = plt.subplots(1, 3, figsize=(16, 4.4))
for weight, values in chain.items():
    axes[0].semilogy(depths, values, "o-", label=f"weight {weight}")
axes[0].set(
    xlabel="layers", ylabel="gradient of the first weight", title="Linear chain"
)
for name, values in ratios.items():
    axes[1].semilogy(depths, values, "o-", label=name)
axes[1].set(xlabel="layers", ylabel="gradient: first layer / last")
axes[1].set_title("Random networks, width 50")
for name, errors in depth_errors.items():
    axes[2].plot(trained_depths, errors, "o-", label=name)
axes[2].axhline(optimal, color="gray", linestyle=":", label="optimal")
axes[2].set(xlabel="hidden layers", ylabel="dev error in %", ylim=(0, 60))
axes[2].set_title("Trained alike")
for ax in axes:
    ax.legend(fontsize=8)
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "depth")

# %% [markdown]
# The slope of the sigmoid is at most $\frac14$, so each sigmoid layer takes three
# quarters and more of the gradient: at twenty layers nothing arrives, and the network
# only learns which label is more common. ReLU from the default start, a sixth of He's
# variance, suffers the same, later. He's start trains at any of these depths.
#
# ## Break it
#
# Mistakes with data raise no error, and no gradient check sees them. So we write down
# what a split must fulfil, and check that: the same share of labels in all parts, and
# no point in two of them.


# %%
def check_split(parts, names=("train", "dev", "test")):
    """What is wrong with a split, in a line for each finding."""
    found = []
    shares = [float(np.mean(Y)) for _, Y in parts]
    for name, share, (_, Y) in zip(names, shares, parts, strict=True):
        chance = 4 * np.sqrt(shares[0] * (1 - shares[0]) / Y.size) + 1e-9
        if abs(share - shares[0]) > chance:
            found.append(
                f"{name}: {share:.0%} have label 1, in {names[0]} {shares[0]:.0%}: "
                "not the same distribution; shuffle before splitting"
            )
    points = [{x.tobytes() for x in X.T.round(9)} for X, _ in parts]
    for i, first in enumerate(points):
        for j in range(i + 1, len(points)):
            if both := len(first & points[j]):
                found.append(
                    f"{both} points are in {names[i]} and in {names[j]}: "
                    "leaked; remove copies before splitting"
                )
    return found


# %% [markdown]
# **1. Not shuffled.** Data files are often sorted: first all of one class.

# %%
base_X, base_Y = draw(1000, rng)
by_label = np.argsort(base_Y[0], kind="stable")
parts = split_data(base_X, base_Y)
assert check_split(parts) == []
ends = [600, 800]
unshuffled = list(
    zip(
        np.split(base_X[:, by_label], ends, axis=1),
        np.split(base_Y[:, by_label], ends, axis=1),
        strict=True,
    )
)
findings = {"not shuffled": check_split(unshuffled)}
print(*findings["not shuffled"], sep="\n")
assert any("shuffle before splitting" in line for line in findings["not shuffled"])

# %% [markdown]
# **2. Leaked.** Somebody first made three copies of each point, to have more data, and
# then split. The network that knows its 150 points by heart now looks brilliant.

# %%
leak_X, leak_Y = np.tile(few_X, (1, 4)), np.tile(few_Y, (1, 4))
leaked = split_data(leak_X, leak_Y)
findings["leaked"] = check_split(leaked)
print(*findings["leaked"], sep="\n")
assert any("leaked" in line for line in findings["leaked"])
fooled = train_network((64, 64), *leaked[0], steps_of(500, "leaked"))
leak_figures = {"dev_error": error(fooled, *leaked[1])}
leak_figures["true_error"] = error(fooled, dev_X, dev_Y)
print(f"dev error {leak_figures['dev_error']:.1f} %, ", end="")
print(f"on really new points {leak_figures['true_error']:.1f} %")

# %% [markdown]
# **3. The wrong axis, and a lost one.** The mean over `axis=0` is a mean of square
# metres and rooms. Without `keepdims` the shape is `(2,)`, which does not even
# broadcast against `(2, 100)`; against `(2, 2)` it would, along the wrong axis.
# `compare` tells both.

# %%
verdict = dls.compare("mu, axis 0", houses.mean(axis=0, keepdims=True), mu)
assert not verdict.ok
verdict = dls.compare("mu, no keepdims", houses.mean(axis=1), mu)
assert not verdict.ok and "keepdims" in verdict.hint

# %% [markdown]
# **4. Statistics of its own for the test set.** One new house arrives. With its own
# mean and spread it becomes zero divided by zero; with those of the training set it is
# what it is.

# %%
new = np.array([[150.0], [5.0]])
right = (new - mu) / sigma
own_mu, own_sigma = fit_normalization(new)
with np.errstate(invalid="ignore"):
    by_itself = (new - own_mu) / own_sigma
verdict = dls.compare("the new house", by_itself, right)
print("by the statistics of the training set:", right[:, 0].round(2))
assert not verdict.ok and "mine is nan" in verdict.hint

# %% [markdown]
# **5. $1/m$ forgotten** in `dw`. The gradient check names it.

# %%
report = check.check_gradients(
    lambda p: propagate_linear(p["w"], houses, prices)[0], {"w": w}, {"dw": m * dw}, m=m
)
print(report)
assert "is 1/m missing?" in report.first.hint

# %% [markdown]
# ## Recap
#
# - Train error minus optimal error is (avoidable) bias; dev minus train is variance.
# - Bias: larger network, longer training. Variance: more data, regularization. In this
#   order, and nothing else until then.
# - The dev set is for choosing, the test set for believing, both from the distribution
#   that counts. $\sqrt{p(1-p)/n}$ says how large they must be.
# - Normalize with the training set's $\mu$ and $\sigma$, the same for all sets.
# - Depth multiplies: weights a bit off, and gradients vanish or explode.
#
# ## Questions
#
# 1. Train error 0.5 %, dev error 9 %, people 0.3 %. What next?
#    <details><summary>Answer</summary>
#    Variance 8.5, bias 0.2: more data or regularization.
#    </details>
# 2. Train error 12 %, dev error 13 %, people 11.5 %. What next?
#    <details><summary>Answer</summary>
#    Nothing much: bias 0.5, variance 1. It is as good as people.
#    </details>
# 3. You tried 500 settings and took the best on the dev set. Which error do you report?
#    <details><summary>Answer</summary>
#    That on the test set, measured once. The dev error of the winner is too good.
#    </details>
# 4. Your training pictures are from the web, your users' from bad cameras. Where must
#    the dev set come from?
#    <details><summary>Answer</summary>
#    From the users, as the test set: aim where you want to hit. (Course 3, week 2.)
#    </details>
# 5. All features have the range 0 to 1. Is normalizing still useful?
#    <details><summary>Answer</summary>
#    A little: the means are not 0, so kappa is not near 1, but the worst is over.
#    </details>
#
# ## Go further
#
# - Run the recipe with regularization in place of more data. How far does it get?
# - Plot train and dev error against the number of points, for the single neuron and for
#   64 and 64 units (learning curves). Where does more data stop to help?
# - Next: `c2w1-gradient-checking`.

# %%
# The end: this run must have reached what is known of it.
assert abs(optimal - 5) < 1e-12 and true_error > optimal - 0.5
if not lesson.fast:
    f = case_figures
    assert f["high bias"]["do"] == "bias" and abs(f["high bias"]["variance"]) < 5
    assert f["high variance"]["do"] == "variance" and f["high variance"]["bias"] < 1
    assert f["both"]["bias"] > 5 and f["both"]["variance"] > 5
    assert f["just right"]["do"] == "done"
    assert f["just right"]["dev_accuracy"] > 93
    assert journey[-1]["do"] == "done" and journey[-1]["dev_error"] < 8
    assert {j["do"] for j in journey} == {"bias", "variance", "done"}
    assert depth_errors["sigmoid"][-1] > 30 and depth_errors["ReLU, He"][-1] < 9
    assert leak_figures["dev_error"] + 4 < leak_figures["true_error"]

lesson.finish(
    {
        "cases": case_figures,
        "recipe": journey,
        "dev_set_spread": spread,
        "choosing": choosing,
        "normalizing": normalizing,
        "chain": chain,
        "gradient_ratio": ratios,
        "depth": {"layers": trained_depths, "dev_error": depth_errors},
        "broken": findings,
        "leak": leak_figures,
    }
)
