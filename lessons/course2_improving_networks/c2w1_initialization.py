# %% [markdown]
# # Initialization: where a network starts
#
# Course 2, week 1. About 75 minutes with the exercises. The script runs for about a
# minute, with `--fast` for a few seconds.
#
# **Goal.** The same network, the same data, the same 15,000 steps: 50 %, 83 % or 99 %,
# by nothing but the numbers it starts with. You will
#
# - start it with zeros, with large random numbers, and as He and Xavier say,
# - derive He's $\sqrt{2/n}$ from one requirement,
# - check your gradients by hand, against the engine, and numerically,
# - follow signal and gradient through thirty layers,
# - break it, and write a small tool that looks at a start and names what is wrong.
#
# ## What you need
#
# The lessons `c1w4-cat-classifier` (several layers) and, for the idea of a check,
# `c2w1-gradient-checking`. The function names, arguments and random draws are the
# course's own (2021 edition). Examples are columns: $X$ is $(2, m)$.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w1-initialization")
circles = lesson.load("circles")
train_X, train_Y = circles.X, circles.Y  # (2, 300), (1, 300)
test_X, test_Y = circles.X_test, circles.Y_test  # (2, 100), (1, 100)
print(f"train {train_X.shape}, test {test_X.shape}; half of the points are blue")

# %% [markdown]
# ## The idea in a picture
#
# Two rings. The network 2-10-5-1 has enough units to close a line around the inner one.
# What can go wrong before the first step? Right: a signal goes through thirty layers of
# 100 ReLU units with random weights. If the weights are a bit too small, nothing
# arrives; a bit too large, and it explodes. Only one width of the random numbers keeps
# it going, and it can be worked out.


# %%
def relu(x):
    """max(0, x), element by element."""
    return np.maximum(0, x)


def signal_sizes(scale, depth=30, width=100, seed=0):
    """Root mean squares of the activations of all layers; weights have std scale(n)."""
    rng = np.random.default_rng(seed)
    a, sizes = rng.standard_normal((width, 200)), []  # 200 random examples
    for _ in range(depth):
        a = relu(rng.standard_normal((width, width)) * scale(width) @ a)
        sizes.append(float(np.sqrt(np.mean(a**2))))
    return sizes


scales = {
    "0.8 x He": lambda n: 0.8 * np.sqrt(2 / n),
    "He: sqrt(2 / n)": lambda n: np.sqrt(2 / n),
    "1.2 x He": lambda n: 1.2 * np.sqrt(2 / n),
}
sizes = {name: signal_sizes(scale) for name, scale in scales.items()}
colours = np.where(train_Y[0] == 1, "tab:blue", "tab:red")
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
left.scatter(*train_X, c=colours, s=14, edgecolors="white", linewidths=0.3)
left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", title="300 points")
for name, values in sizes.items():
    right.semilogy(range(1, 31), values, ".-", label=name)
right.set(xlabel="layer", ylabel="size of the activations")
right.set_title("Signal through 30 ReLU layers")
right.legend()
right.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "idea")
assert sizes["0.8 x He"][-1] < 0.01 and sizes["1.2 x He"][-1] > 30
assert 0.3 < sizes["He: sqrt(2 / n)"][-1] < 3

# %% [markdown]
# ## One number by hand
#
# A unit with two inputs, $x = (1, 1)$. Its weights are $+1$ or $-1$, thrown like coins.
# There are four cases:
#
# | $w$ | $z = w_1 + w_2$ | $z^2$ | $a = \max(0, z)$ | $a^2$ |
# |---|---|---|---|---|
# | $(+1, +1)$ | $2$ | $4$ | $2$ | $4$ |
# | $(+1, -1)$ | $0$ | $0$ | $0$ | $0$ |
# | $(-1, +1)$ | $0$ | $0$ | $0$ | $0$ |
# | $(-1, -1)$ | $-2$ | $4$ | $0$ | $0$ |
#
# The mean of $z^2$ is $8/4 = 2$: two inputs, each of size 1, **add**. The mean of $a^2$
# is $4/4 = 1$: ReLU throws away **half**. With weights $\pm s$ both are multiplied by
# $s^2$. Which $s$ keeps the size? For two inputs $s^2 = 1$. *For eight inputs?*

# %%
for n in (2, 8):
    cases = np.array(np.meshgrid(*[[-1, 1]] * n)).reshape(n, -1)  # all 2^n throws
    z = cases.sum(axis=0)
    mean_z2, mean_a2 = np.mean(z**2), np.mean(relu(z) ** 2)
    print(f"{n} inputs: mean of z^2 {mean_z2:g}, of a^2 {mean_a2:g}: s^2 = {2 / n:g}")
    assert mean_z2 == n and mean_a2 == n / 2

# %% [markdown]
# ## The mathematics
#
# **He.** One unit of layer $l$: $z = \sum_{j=1}^{n} w_j a_j$, with $n = n^{[l-1]}$
# inputs, and weights that are independent of all else, with mean 0. In the mean of
# $z^2$ the mixed terms $w_i w_j$ drop out, so
#
# $$
# E[z^2] = n \, \mathrm{Var}(w) \, E[a^2], \qquad
# E[a_{next}^2] = \tfrac12 E[z^2] \text{ (ReLU, as } z \text{ is symmetric)} .
# $$
#
# So each layer multiplies the mean square by $\frac{n}{2} \mathrm{Var}(w)$. Over $L$
# layers that is its $L$-th power: anything but 1 vanishes or explodes. Hence (He et
# al., 2015)
#
# $$\mathrm{Var}(w) = \frac{2}{n^{[l-1]}}, \qquad
# W^{[l]} = \texttt{randn} \cdot \sqrt{2 / n^{[l-1]}} .$$
#
# **Xavier.** tanh halves nothing near 0: there $\mathrm{Var}(w) = 1/n^{[l-1]}$ (or
# $2/(n^{[l-1]} + n^{[l]})$, a compromise with the way back; Glorot and Bengio, 2010).
#
# **Symmetry.** Row $i$ of $W^{[l]}$ is unit $i$. Two units with the same row, the same
# bias and the same outgoing weights have the same output, hence the same gradient,
# hence the same row after each step. Equal units stay equal for ever. Random numbers
# are there to make them differ; the biases may be 0.
#
# The network, with the shapes for 2-10-5-1:
#
# | forward | shape |
# |---|---|
# | $Z^{[1]} = W^{[1]} X + b^{[1]}$, $A^{[1]} = \max(0, Z^{[1]})$ | $(10, m)$ |
# | $Z^{[2]} = W^{[2]} A^{[1]} + b^{[2]}$, $A^{[2]} = \max(0, Z^{[2]})$ | $(5, m)$ |
# | $Z^{[3]} = W^{[3]} A^{[2]} + b^{[3]}$, $A^{[3]} = \sigma(Z^{[3]})$ | $(1, m)$ |
#
# | backward | shape |
# |---|---|
# | $dZ^{[3]} = \frac1m (A^{[3]} - Y)$ | $(1, m)$ |
# | $dW^{[l]} = dZ^{[l]} A^{[l-1]T}$, $db^{[l]} = \sum_i dZ^{[l](i)}$ | as $W$, $b$ |
# | $dA^{[l-1]} = W^{[l]T} dZ^{[l]}$, $dZ^{[l-1]} = dA^{[l-1]} * (A^{[l-1]} > 0)$ | |
#
# (In this notebook of the course the $1/m$ is in $dZ^{[3]}$, and so in everything.)
#
# ## Your code
#
# Four ways to start. `layers_dims` is $[n_x, n_1, \dots]$. Draw with
# `np.random.randn(n, n_before)`, layer by layer; biases are zeros, `(n, 1)`.
#
# **Exercise 1.** Zeros.
#
# **Exercise 2.** Random numbers times 10.
#
# **Exercise 3.** He: times $\sqrt{2/n_{before}}$.
#
# **Exercise 4.** Xavier: times $\sqrt{1/n_{before}}$.


# %%
def initialize_parameters_zeros(layers_dims):
    """{"W1" (n1, n_x), "b1" (n1, 1), "W2", ...}, all zeros."""
    parameters = {}
    for l in range(1, len(layers_dims)):
        # BEGIN SOLUTION
        parameters["W" + str(l)] = np.zeros((layers_dims[l], layers_dims[l - 1]))
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
        # END SOLUTION
    return parameters


def initialize_parameters_random(layers_dims):
    """The same with weights randn * 10."""
    np.random.seed(3)
    parameters = {}
    for l in range(1, len(layers_dims)):
        # BEGIN SOLUTION
        W = np.random.randn(layers_dims[l], layers_dims[l - 1]) * 10
        parameters["W" + str(l)] = W
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
        # END SOLUTION
    return parameters


def initialize_parameters_he(layers_dims):
    """The same with weights randn * sqrt(2 / n_before)."""
    np.random.seed(3)
    parameters = {}
    for l in range(1, len(layers_dims)):
        # BEGIN SOLUTION
        scale = np.sqrt(2 / layers_dims[l - 1])
        W = np.random.randn(layers_dims[l], layers_dims[l - 1]) * scale
        parameters["W" + str(l)] = W
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
        # END SOLUTION
    return parameters


def initialize_parameters_xavier(layers_dims):
    """The same with weights randn * sqrt(1 / n_before)."""
    np.random.seed(3)
    parameters = {}
    for l in range(1, len(layers_dims)):
        # BEGIN SOLUTION
        scale = np.sqrt(1 / layers_dims[l - 1])
        W = np.random.randn(layers_dims[l], layers_dims[l - 1]) * scale
        parameters["W" + str(l)] = W
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
        # END SOLUTION
    return parameters


layers_dims = [2, 10, 5, 1]
assert not initialize_parameters_zeros(layers_dims)["W1"].any()
assert np.allclose(
    initialize_parameters_random([2, 4, 1])["W1"][0], [17.886, 4.365], 1e-3
)
assert initialize_parameters_he(layers_dims)["W2"].shape == (5, 10)

# %% [markdown]
# **Exercise 5.** Forward, with the twelve arrays of the cache in this order.
#
# **Exercise 6.** Backward: the table above.
#
# The cost uses `nansum`: with $a = 1$ exactly and $y = 1$, $(1 - y) \log(1 - a)$ is
# $0 \cdot (-\infty)$, which is "not a number" and should count as 0. With $a = 1$ and
# $y = 0$ the cost *is* infinite.


# %%
def sigmoid(x):
    """1 / (1 + e^-x), element by element."""
    with np.errstate(over="ignore"):  # e^1000 is inf, and 1 / inf is 0: as it should be
        return 1 / (1 + np.exp(-x))


def forward_propagation(X, parameters):
    """a3 (1, m), and the cache (z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)."""
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    # BEGIN SOLUTION
    z1 = np.dot(W1, X) + b1  # (10, m)
    a1 = relu(z1)
    z2 = np.dot(W2, a1) + b2  # (5, m)
    a2 = relu(z2)
    z3 = np.dot(W3, a2) + b3  # (1, m)
    a3 = sigmoid(z3)
    # END SOLUTION
    return a3, (z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)


def backward_propagation(X, Y, cache):
    """Gradients {"dz3", "dW3", "db3", "da2", "dz2", "dW2", ..., "db1"}."""
    m = X.shape[1]
    _, a1, _, _, _, a2, W2, _, _, a3, W3, _ = cache
    # BEGIN SOLUTION
    dz3 = (a3 - Y) / m  # (1, m)
    dW3 = np.dot(dz3, a2.T)  # (1, 5)
    db3 = np.sum(dz3, axis=1, keepdims=True)  # (1, 1)
    da2 = np.dot(W3.T, dz3)  # (5, m)
    dz2 = da2 * (a2 > 0)
    dW2 = np.dot(dz2, a1.T)  # (5, 10)
    db2 = np.sum(dz2, axis=1, keepdims=True)  # (5, 1)
    da1 = np.dot(W2.T, dz2)  # (10, m)
    dz1 = da1 * (a1 > 0)
    dW1 = np.dot(dz1, X.T)  # (10, 2)
    db1 = np.sum(dz1, axis=1, keepdims=True)  # (10, 1)
    # END SOLUTION
    layer_3 = {"dz3": dz3, "dW3": dW3, "db3": db3}
    layer_2 = {"da2": da2, "dz2": dz2, "dW2": dW2, "db2": db2}
    layer_1 = {"da1": da1, "dz1": dz1, "dW1": dW1, "db1": db1}
    return layer_3 | layer_2 | layer_1


def compute_loss(a3, Y):
    """Mean cross-entropy of a3 (1, m) and Y (1, m), a float; inf where surely wrong."""
    with np.errstate(divide="ignore", invalid="ignore"):
        losses = -np.log(a3) * Y - np.log(1 - a3) * (1 - Y)
    return float(np.nansum(losses) / Y.shape[1])


def update_parameters(parameters, grads, learning_rate):
    """The parameters after one step of gradient descent."""
    return {
        name: p - learning_rate * grads["d" + name] for name, p in parameters.items()
    }


def predict(X, y, parameters):
    """Labels (1, m), 0 or 1, of the examples X; prints the accuracy."""
    p = (forward_propagation(X, parameters)[0] > 0.5).astype(int)
    print(f"Accuracy: {np.mean(p == y)}")
    return p


# %% [markdown]
# **Exercise 7.** The model: the start that `initialization` names, then forward, loss,
# backward, update. (`steps` is how the loop counts; `costs` is a dictionary to note
# the cost of each step in.)


# %%
def model(
    X,
    Y,
    learning_rate=0.01,
    num_iterations=15000,
    print_cost=True,
    initialization="he",
    steps=range,
    costs=None,
):
    """Train 2-10-5-1 from the start named "zeros", "random", "he" or "xavier"."""
    layers_dims = [X.shape[0], 10, 5, 1]
    starts = {
        "zeros": initialize_parameters_zeros,
        "random": initialize_parameters_random,
        "he": initialize_parameters_he,
        "xavier": initialize_parameters_xavier,
    }
    parameters = starts[initialization](layers_dims)
    for i in steps(num_iterations):
        # BEGIN SOLUTION
        a3, cache = forward_propagation(X, parameters)
        cost = compute_loss(a3, Y)
        grads = backward_propagation(X, Y, cache)
        parameters = update_parameters(parameters, grads, learning_rate)
        # END SOLUTION
        if costs is not None:
            costs[i] = cost
        if print_cost and i % 1000 == 0:
            print(f"Cost after iteration {i}: {cost}")
    return parameters


# %% [markdown]
# ## Check it three ways
#
# **By hand.** A chain of one unit per layer: $x = (1, 0)$, weights 1 each, no bias,
# $y = 0$. Then $a^{[1]} = a^{[2]} = 1$, $z^{[3]} = 1$, $a^{[3]} = \sigma(1) = 0.7311$,
# and every $dz$ is $0.7311 - 0$, as all slopes are 1.

# %%
one = np.ones((1, 1))
chain = {"W1": np.array([[1.0, 0.0]]), "W2": one, "W3": one}
chain |= {name: np.zeros((1, 1)) for name in ("b1", "b2", "b3")}
x, y = np.array([[1.0], [0.0]]), np.array([[0]])
a3, cache = forward_propagation(x, chain)
grads = backward_propagation(x, y, cache)
print(
    f"a3 {a3.item():.4f}, dW1 {grads['dW1'][0].round(4)}, db2 {grads['db2'].item():.4f}"
)
assert abs(a3.item() - 0.7311) < 1e-4 and abs(grads["dW1"][0, 0] - 0.7311) < 1e-4
assert grads["dW1"][0, 1] == 0  # its input is 0

# %% [markdown]
# **Against the engine**, on the rings, at a point where no bias is zero. The engine's
# loss takes $z^{[3]}$ ("logits") and never computes $\log 0$.


# %%
def cost_by_engine(parameters, X, Y):
    """J for a dictionary of tensors."""
    A1 = (parameters["W1"] @ X + parameters["b1"]).relu()
    A2 = (parameters["W2"] @ A1 + parameters["b2"]).relu()
    Z3 = parameters["W3"] @ A2 + parameters["b3"]
    return F.binary_cross_entropy_with_logits(Z3, Y)


def as_tensors(parameters):
    """Leaves of the engine, with names, from a dictionary of arrays."""
    return {
        name: dls.Tensor(p, requires_grad=True, name=name)
        for name, p in parameters.items()
    }


tX = dls.Tensor(train_X, name="X")
tY = dls.Tensor(train_Y.astype("float64"), name="Y")
rng = np.random.default_rng(lesson.seed)
point = initialize_parameters_he(layers_dims)
point = {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in point.items()}
starts = {
    "zeros": initialize_parameters_zeros(layers_dims),
    "random": initialize_parameters_random(layers_dims),
    "he": initialize_parameters_he(layers_dims),
    "xavier": initialize_parameters_xavier(layers_dims),
}
for where, parameters in {"a random point": point, **starts}.items():
    _, cache = forward_propagation(train_X, parameters)
    grads = backward_propagation(train_X, train_Y, cache)
    tensors = as_tensors(parameters)
    cost_by_engine(tensors, tX, tY).backward()
    print(f"at {where}:")
    for name, tensor in tensors.items():
        assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
        assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10

# %% [markdown]
# **Numerically**, 91 numbers, each nudged.


# %%
def cost_of(parameters):
    """The cost on the training set, as a function of the parameters alone."""
    return compute_loss(forward_propagation(train_X, parameters)[0], train_Y)


m = train_X.shape[1]
grads = backward_propagation(train_X, train_Y, forward_propagation(train_X, point)[1])
report = check.check_gradients(cost_of, point, grads, m=m)
print(report)
assert report.ok
point_tensors = as_tensors(point)
report = dls.gradcheck(
    lambda *values: cost_by_engine(dict(zip(point, values, strict=True)), tX, tY),
    *point_tensors.values(),
    names=list(point),
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# From He's start. Each gradient box holds a number other than 0. From zeros all of them
# but that of `b3` would be 0: $dW^{[3]}$ needs $A^{[2]} = 0$, and everything above
# needs $W^{[3]} = 0$.

# %%
tensors = as_tensors(starts["he"])
with dls.trace():
    J = cost_by_engine(tensors, tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# 15,000 steps with learning rate 0.01, from each of the four starts: your code, then
# the engine from the course's three. *Predict the first cost from zeros.*


# %%
def accuracy(parameters, X, Y):
    """Percent of right labels."""
    return 100 * float(np.mean((forward_propagation(X, parameters)[0] > 0.5) == Y))


def at_thousands(costs):
    """The costs of every thousandth step and of the last one; JSON has no infinity."""
    places = [i for i in costs if i % 1000 == 0 or i == len(costs) - 1]
    return {i: costs[i] if np.isfinite(costs[i]) else "inf" for i in places}


def figures_of(parameters, costs):
    """What result.json says of a run."""
    return {
        "train_accuracy": accuracy(parameters, train_X, train_Y),
        "test_accuracy": accuracy(parameters, test_X, test_Y),
        "costs": at_thousands(costs),
    }


def train_by_engine(start, num_iterations, learning_rate=0.01, steps=range):
    """Parameters (arrays) and {iteration: cost}, by the engine's gradients."""
    tensors, costs = as_tensors(start), {}
    optimizer = optim.SGD(tensors.values(), lr=learning_rate)
    for i in steps(num_iterations):
        optimizer.zero_grad()
        J = cost_by_engine(tensors, tX, tY)
        J.backward()
        optimizer.step()
        costs[i] = J.item()
    return {name: p.numpy() for name, p in tensors.items()}, costs


num_iterations = 500 if lesson.fast else 15000
trained, all_costs, hand_figures = {}, {}, {}
for name in starts:
    all_costs[name] = {}
    trained[name] = model(
        train_X,
        train_Y,
        num_iterations=num_iterations,
        print_cost=False,
        initialization=name,
        steps=lesson.steps(f"{name} by hand"),
        costs=all_costs[name],
    )
    hand_figures[name] = figures_of(trained[name], all_costs[name])
engine_figures, engine_costs = {}, {}
for name in ("zeros", "random", "he"):
    steps = lesson.steps(f"{name} engine")
    found, engine_costs[name] = train_by_engine(
        starts[name], num_iterations, steps=steps
    )
    engine_figures[name] = figures_of(found, engine_costs[name])

last = num_iterations - 1
shown = min(14000, last)
lesson.table(
    ["start", "way", "train %", "test %", "first cost", f"cost at {shown}"],
    [
        [
            name,
            way,
            f"{figures[name]['train_accuracy']:.2f}",
            f"{figures[name]['test_accuracy']:.2f}",
            f"{costs[name][0]:.6f}",
            f"{costs[name][shown]:.6f}",
        ]
        for name in starts
        for way, figures, costs in (
            ("by hand", hand_figures, all_costs),
            ("engine", engine_figures, engine_costs),
        )
        if name in figures
    ],
)
for name in ("zeros", "he"):
    for i in range(num_iterations):
        assert abs(all_costs[name][i] - engine_costs[name][i]) < 1e-7
        assert i >= 1000 or abs(all_costs[name][i] - engine_costs[name][i]) < 1e-10

# %% [markdown]
# From zeros and from He the costs of both ways agree all the way. From the large
# numbers they part. The first cost is infinite by hand, as some $a^{[3]}$ is exactly 1
# for a red point, and finite with logits. The gradients are the same up to rounding
# (asserted above), but with weights of 10 in each layer a difference in the 16th digit
# of `W1` arrives a thousand times larger in $Z^{[3]}$, and tips over units that sit
# near 0. Such a start is bad for this reason, too: the run cannot be repeated. In the
# end both arrive at the same figures.
#
# ### The same with layers
#
# From here on examples are *rows*, as in most libraries: $X$ is $(m, 2)$.
# `nn.init.kaiming_normal_` is He's start ("Kaiming" is his first name), `nn.init.
# xavier_normal_` Xavier's. A `nn.Linear` that you do not touch starts with uniform
# numbers between $\pm 1/\sqrt{n}$, PyTorch's default: a variance of $1/(3n)$, a sixth
# of He's.


# %%
def circles_network():
    """2-10-5-1 with ReLU, one logit."""
    return nn.Sequential(
        nn.Linear(2, 10, dtype="float64"),
        nn.ReLU(),
        nn.Linear(10, 5, dtype="float64"),
        nn.ReLU(),
        nn.Linear(5, 1, dtype="float64"),
    )


def train_layers(network, num_iterations, learning_rate=0.01, steps=range):
    """Train on the rings as rows; returns the costs."""
    rows, targets = dls.Tensor(train_X.T), dls.Tensor(train_Y.T.astype("float64"))
    optimizer, costs = optim.SGD(network.parameters(), lr=learning_rate), []
    for _ in steps(num_iterations):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(rows), targets)
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    return costs


network = circles_network()
state = {}
for layer in (1, 2, 3):  # the linear layers stand at places 0, 2, 4
    state[f"{2 * layer - 2}.weight"] = starts["he"][f"W{layer}"]
    state[f"{2 * layer - 2}.bias"] = starts["he"][f"b{layer}"][:, 0]
network.load_state_dict(state)
layer_costs = train_layers(network, 300, steps=lesson.steps("layers"))
for i, cost in enumerate(layer_costs):
    assert abs(cost - all_costs["he"][i]) < 1e-10

dls.manual_seed(lesson.seed)
wide = nn.Linear(1000, 1000)
default_std = float(wide.weight.numpy().std())
nn.init.kaiming_normal_(wide.weight, nonlinearity="relu")
he_std = float(wide.weight.numpy().std())
nn.init.xavier_normal_(wide.weight)
xavier_std = float(wide.weight.numpy().std())
lesson.table(
    ["start of nn.Linear(1000, 1000)", "std of the weights", "formula"],
    [
        ["default", f"{default_std:.5f}", f"sqrt(1 / 3n) = {np.sqrt(1 / 3000):.5f}"],
        ["kaiming_normal_", f"{he_std:.5f}", f"sqrt(2 / n) = {np.sqrt(2 / 1000):.5f}"],
        ["xavier_normal_", f"{xavier_std:.5f}", f"sqrt(1 / n) = {np.sqrt(0.001):.5f}"],
    ],
)
for std, variance in ((default_std, 1 / 3000), (he_std, 0.002), (xavier_std, 0.001)):
    assert abs(std / np.sqrt(variance) - 1) < 0.01

# %% [markdown]
# ## Look at it


# %%
def plot_decision_boundary(model, X, Y, ax, title=""):
    """Colour the plane by model(points (2, k)) -> k probabilities; draw X on it."""
    line = np.linspace(-1.4, 1.4, 200)
    xx, yy = np.meshgrid(line, line)
    z = np.asarray(model(np.stack([xx.ravel(), yy.ravel()])), dtype=float)
    z = z.reshape(xx.shape)
    ax.contourf(xx, yy, z, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.45)
    if z.min() < 0.5 < z.max():
        ax.contour(xx, yy, z, levels=[0.5], colors="black", linewidths=1)
    colours = np.where(Y[0] == 1, "tab:blue", "tab:red")
    ax.scatter(*X, c=colours, s=9, edgecolors="white", linewidths=0.3)
    ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal")


fig = plt.figure(figsize=(14, 7.8))
upper, lower = fig.add_gridspec(2, 1, height_ratios=(1.2, 1), hspace=0.3)
for (name, parameters), cell in zip(
    trained.items(), upper.subgridspec(1, 4, wspace=0.38), strict=True
):
    f = hand_figures[name]
    plot_decision_boundary(
        lambda points, p=parameters: forward_propagation(points, p)[0],
        train_X,
        train_Y,
        fig.add_subplot(cell),
        f"{name}: train {f['train_accuracy']:.1f} %, test {f['test_accuracy']:.0f} %",
    )
ax = fig.add_subplot(lower)
for name, costs in all_costs.items():
    ax.semilogy(list(costs), list(costs.values()), label=name)
ax.axhline(np.log(2), color="gray", linestyle=":", label="log 2: knows nothing")
ax.set(xlabel="iteration", ylabel="cost J", ylim=(0.03, 10), title="The cost")
ax.legend(ncols=5)
ax.grid(alpha=0.3)
lesson.figure(fig, "boundaries")

# %% [markdown]
# Zeros never move. The large numbers begin with a cost in the thousands (surely wrong),
# swing about, and settle in a bad place. He's start wins; Xavier's, a bit small for
# ReLU, follows.
#
# The weights themselves, before (grey) and after. From zeros there is nothing to see
# but a single bar at 0. From `randn * 10` they are as wide after as before: what comes
# out is mostly what was thrown in. From He's and Xavier's start a few weights have
# grown well beyond the rest: those are what was learned.

# %%
fig, axes = plt.subplots(3, 4, figsize=(13, 7.4))
for column, (name, start) in enumerate(starts.items()):
    for row, weight in enumerate(("W1", "W2", "W3")):
        ax = axes[row, column]
        before, after = start[weight].ravel(), trained[name][weight].ravel()
        reach = max(np.abs(before).max(), np.abs(after).max(), 0.1)
        bins = np.linspace(-reach, reach, 21)
        ax.hist(before, bins, color="0.75", label="before")
        ax.hist(after, bins, histtype="step", color="tab:blue", lw=1.5, label="after")
        ax.set_title(f"{name}, {weight} ({before.size} numbers)", fontsize=9)
axes[0, 0].legend()
for ax in axes[-1]:
    ax.set_xlabel("weight")
for ax in axes[:, 0]:
    ax.set_ylabel("how many")
fig.tight_layout()
lesson.figure(fig, "weights")

# %% [markdown]
# ### Deep networks
#
# In three layers a wrong start costs time. In thirty it costs everything: forward, the
# signal, and backward, the gradient, by the same product of thirty factors. Measured
# with the engine, for ReLU and for tanh: the size of $a^{[l]}$ and of $da^{[l]}$.


# %%
def through_depth(activation, scale, depth=30, width=100):
    """Sizes (rms) of the activations a of each layer, and of their gradients da."""
    rng = np.random.default_rng(lesson.seed)
    a = dls.Tensor(rng.standard_normal((200, width)))  # rows
    layers = []
    for _ in range(depth):
        W = rng.standard_normal((width, width)) * scale(width)
        a = activation(a @ dls.Tensor(W.T, requires_grad=True))
        a.retain_grad()  # keep da of a tensor in the middle of the graph
        layers.append(a)
    (a * dls.Tensor(rng.standard_normal(a.shape))).mean().backward()
    return tuple(
        [float(np.sqrt(np.mean(values.numpy() ** 2))) for values in side]
        for side in (layers, [a.grad for a in layers])
    )


depth_starts = {
    "randn x 0.01": lambda n: 0.01,
    "Xavier": lambda n: np.sqrt(1 / n),
    "He": lambda n: np.sqrt(2 / n),
    "randn x 1": lambda n: 1.0,
}
depth_figures = {}
fig, axes = plt.subplots(2, 2, figsize=(12, 7.6), sharex=True)
for column, (kind, activation) in enumerate((("ReLU", F.relu), ("tanh", F.tanh))):
    depth_figures[kind] = {}
    for name, scale in depth_starts.items():
        activations, gradients = through_depth(activation, scale)
        for ax, values in zip(axes[:, column], (activations, gradients), strict=True):
            ax.semilogy(range(1, 31), np.maximum(values, 1e-40), ".-", label=name)
        depth_figures[kind][name] = {
            "signal": float(activations[-1] / activations[0]),
            "gradient": float(gradients[0] / gradients[-1]),
        }
    axes[0, column].set_title(f"{kind}: size of the activations")
    axes[1, column].set_title(f"{kind}: size of the gradients da")
    axes[1, column].set_xlabel("layer")
axes[0, 0].legend()
for ax in axes.flat:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "depth")
lesson.table(
    ["start", "", "signal, layer 30 / layer 1", "gradient, layer 1 / layer 30"],
    [
        [name, kind, f"{f['signal']:.1e}", f"{f['gradient']:.1e}"]
        for kind, by_name in depth_figures.items()
        for name, f in by_name.items()
    ],
)
kept = {
    kind: [name for name, f in by_name.items() if 0.1 < f["gradient"] < 10]
    for kind, by_name in depth_figures.items()
}
print("gradient kept within a factor of ten over 30 layers:", kept)
assert kept == {"ReLU": ["He"], "tanh": ["Xavier", "He"]}

# %% [markdown]
# ReLU allows only He: a factor $\sqrt{1/2}$ in the weights, as in Xavier's start, is
# $2^{-15}$ after thirty layers. tanh forgives more, as it levels off: from Xavier's
# start the gradient loses a factor of four, from He's it gains one. With much too large
# weights tanh hides the trouble: the signal stays at 1, where tanh ends. The gradient
# shows it.
#
# ## Break it
#
# A gradient check cannot help here: the gradients of a bad start are right. (Its figure
# is near 1 all the same: from zeros all gradients are 0 but for rounding, and the
# formula divides noise by noise. The tool knows how large rounding may be, and says
# "right".)

# %%
zero_grads = backward_propagation(
    train_X, train_Y, forward_propagation(train_X, starts["zeros"])[1]
)
report = check.check_gradients(cost_of, starts["zeros"], zero_grads, m=m)
print(report)
assert report.ok
largest = max(np.abs(zero_grads["d" + name]).max() for name in starts["zeros"])
print(f"the largest of all 91 gradients from zeros: {largest:.1e}")
assert largest < 1e-15

# %% [markdown]
# So we look at the start itself. Two questions for each layer: are its units different,
# and is the size of its weights what He says? `name_the_start` answers them.


# %%
def different_units(parameters, layer):
    """How many different units a layer has: rows of [W, b], to 12 digits."""
    unit = np.hstack([parameters[f"W{layer}"], parameters[f"b{layer}"]])
    scale = np.abs(unit).max() or 1.0
    return len(np.unique((unit / scale).round(12), axis=0))


def name_the_start(parameters):
    """What is wrong with these parameters, in a line for each finding."""
    found = []
    L = len(parameters) // 2
    weights = [parameters[f"W{layer}"] for layer in range(1, L + 1)]
    for layer, W in enumerate(weights, 1):
        n, n_before = W.shape
        units = different_units(parameters, layer)
        if n > 1 and units < n:
            what = "all zero" if not W.any() else "equal"
            found.append(
                f"layer {layer}: {n} units, {units} different ({what}): "
                "symmetric, they will stay so; start with random weights"
            )
        ratio = W.std() / np.sqrt(2 / n_before)
        chance = 3 * ratio / np.sqrt(2 * W.size)  # three standard deviations
        if units > 1 and n > 1 and abs(ratio - 1) > chance:
            found.append(
                f"layer {layer}: weights {ratio:.3g} x He's sqrt(2 / "
                f"{n_before}): the signal {'grows' if ratio > 1 else 'fades'}"
            )
    for a, b in pairwise(weights):
        k = min(a.size, b.size)
        scaled = a.ravel()[:k] / a.ravel()[0] if a.ravel()[0] else a.ravel()[:k]
        other = b.ravel()[:k] / b.ravel()[0] if b.ravel()[0] else b.ravel()[:k]
        if a.std() and np.allclose(scaled, other):
            found.append(
                "two layers have the same random numbers: seed once, "
                "before the loop, not in it"
            )
    return found


def constant(value):
    """Every weight the same."""
    zeros = initialize_parameters_zeros(layers_dims)
    return {
        name: np.full_like(p, value) if name[0] == "W" else p
        for name, p in zeros.items()
    }


def seeded_in_the_loop():
    """WRONG: the seed is set again for each layer."""
    parameters = {}
    for layer in range(1, len(layers_dims)):
        np.random.seed(3)
        n, n_before = layers_dims[layer], layers_dims[layer - 1]
        parameters[f"W{layer}"] = np.random.randn(n, n_before) * np.sqrt(2 / n_before)
        parameters[f"b{layer}"] = np.zeros((n, 1))
    return parameters


def without_root():
    """WRONG: randn * 2 / n, the root forgotten."""
    he = initialize_parameters_he(layers_dims)
    return {
        name: p * np.sqrt(2 / p.shape[1]) if name[0] == "W" else p
        for name, p in he.items()
    }


broken = {
    "zeros": (starts["zeros"], "10 units, 1 different (all zero): symmetric"),
    "constant 0.5": (constant(0.5), "10 units, 1 different (equal): symmetric"),
    "random x 10": (starts["random"], "x He's sqrt(2 / 2): the signal grows"),
    "root forgotten": (without_root(), "x He's sqrt(2 / 10): the signal fades"),
    "seed in the loop": (seeded_in_the_loop(), "seed once, before the loop"),
}
broken_figures = {}
for name, (parameters, words) in broken.items():
    found = name_the_start(parameters)
    print(f"{name}:", *found, sep="\n  ")
    assert any(words in line for line in found), (name, found)
    broken_figures[name] = {"verdict": found}
assert name_the_start(starts["he"]) == []

# %% [markdown]
# **Equal units, trained.** From weights of 0.5 the gradient is not zero, and the cost
# falls. But after any number of steps the ten units are still one unit ten times, and
# the five of layer 2 one unit five times. `compare` says so, and the whole network
# equals a chain 2-1-1-1 whose weights are the sums:

# %%
short = 500 if lesson.fast else 5000
equal = constant(0.5)
spread = {"constant 0.5": [], "He": []}
other = starts["he"]
for _ in lesson.progress(range(short), "equal units", "steps"):
    pair = []
    for parameters in (equal, other):
        _, cache = forward_propagation(train_X, parameters)
        grads = backward_propagation(train_X, train_Y, cache)
        pair.append(update_parameters(parameters, grads, 0.01))
    equal, other = pair
    for name, parameters in (("constant 0.5", equal), ("He", other)):
        W = parameters["W1"]
        spread[name].append(float(np.abs(W - W[0]).max()))
for unit in (1, 4, 9):
    assert dls.compare(
        f"unit 1 = unit {unit + 1}?", equal["W1"][0], equal["W1"][unit]
    ).ok
assert different_units(equal, 1) == different_units(equal, 2) == 1

merged = {
    "W1": equal["W1"][:1],
    "b1": equal["b1"][:1],
    "W2": equal["W2"][:1].sum(axis=1, keepdims=True),  # ten equal inputs are one
    "b2": equal["b2"][:1],
    "W3": equal["W3"].sum(axis=1, keepdims=True),
    "b3": equal["b3"],
}
gap = forward_propagation(test_X, equal)[0] - forward_propagation(test_X, merged)[0]
print(f"2-10-5-1 with equal units against 2-1-1-1: {np.abs(gap).max():.1e}")
assert np.abs(gap).max() < 1e-12
equal_accuracy = accuracy(equal, train_X, train_Y)
print(f"equal units: {equal_accuracy:g} % of the training set")
assert equal_accuracy < 70

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
for name, values in spread.items():
    left.plot(values, label=name)
left.set(xlabel="iteration", ylabel="largest difference between units of layer 1")
left.set_title("Equal units stay equal")
left.legend()
left.grid(alpha=0.3)
plot_decision_boundary(
    lambda points: forward_propagation(points, equal)[0],
    train_X,
    train_Y,
    right,
    f"ten equal units: {equal_accuracy:.0f} %",
)
fig.tight_layout()
lesson.figure(fig, "symmetry")

# %% [markdown]
# **Mistakes in backward** are another matter: those the gradient check finds, and
# names. Here $1/m$ is forgotten in $dz^{[3]}$, and so in everything; then `keepdims` in
# `db2`.

# %%
_, cache = forward_propagation(train_X, point)
right_grads = backward_propagation(train_X, train_Y, cache)
no_mean = {name: m * g for name, g in right_grads.items()}
report = check.check_gradients(cost_of, point, no_mean, m=m)
print(report)
assert len(report.wrong) == 6
assert all("is 1/m missing?" in c.hint for c in report.wrong)

flat = dict(right_grads, db2=np.sum(right_grads["dz2"], axis=1))
report = check.check_gradients(cost_of, point, flat, m=m)
print(report)
assert [c.name for c in report.wrong] == ["db2"]
assert "keepdims" in report.first.hint

# %% [markdown]
# ## Recap
#
# - Zeros, or any equal weights: the units of a layer stay one and the same unit.
# - Too large: saturated, confidently wrong, slow. Too small: nothing arrives.
# - Each layer multiplies the mean square by $\frac{n}{2}\mathrm{Var}(w)$: make that 1.
#   He, $\sqrt{2/n}$, for ReLU; Xavier, $\sqrt{1/n}$, for tanh.
# - Biases may be zero.
# - A gradient check says nothing about the start. Look at the weights.
#
# ## Questions
#
# 1. Why does logistic regression learn from zeros, and this network not?
#    <details><summary>Answer</summary>
#    It has one unit: nothing that could be equal. Its gradient X (A - Y)^T / m does not
#    contain its weights as a factor.
#    </details>
# 2. Only `W1` is random, `W2` and `W3` are zero. Does it learn?
#    <details><summary>Answer</summary>
#    The five units of layer 2 are then equal (all zero). a2 = 0 and W3 = 0, so dW3 and
#    da2 are 0: only b3 moves. It learns nothing.
#    </details>
# 3. A layer has 1000 inputs, but dropout keeps half of them and doubles those. What
#    should Var(w) be?
#    <details><summary>Answer</summary>
#    E[a^2] of the doubled half is 4/2 = 2 times as large, so half of 2/1000.
#    </details>
# 4. The cost from `randn * 10` starts at infinity. Is the gradient infinite, too?
#    <details><summary>Answer</summary>
#    No. dz3 = (a3 - y) / m is never larger than 1/m.
#    </details>
# 5. Why is 0.8 x He so bad after 30 layers?
#    <details><summary>Answer</summary>
#    0.8^30 = 0.0012: each layer shrinks the signal by 0.8.
#    </details>
#
# ## Go further
#
# - Start from `randn * 10` with learning rates 0.1 and 1. Can it be saved?
# - Put batch normalization (week 3) behind each layer: how much does the start matter
#   then?
# - Next: `c2w1-regularization`.

# %%
# The end: this run must have reached what is known of it.
for figures in (hand_figures, engine_figures):
    assert figures["zeros"]["train_accuracy"] == figures["zeros"]["test_accuracy"] == 50
for costs in (all_costs, engine_costs):
    assert abs(costs["zeros"][last] - np.log(2)) < 1e-12
    assert abs(costs["he"][0] - 0.883054) < 1e-6
assert np.isinf(all_costs["random"][0])
if not lesson.fast:
    known = {  # train, test, cost at 14000
        "zeros": (50, 50, 0.693147),
        "random": (83, 86, 0.382792),
        "he": (100 * 298 / 300, 96, 0.073579),
    }
    for figures in (hand_figures, engine_figures):
        for name, (train, test, cost) in known.items():
            assert abs(figures[name]["train_accuracy"] - train) < 1e-9
            assert abs(figures[name]["test_accuracy"] - test) < 1e-9
            close = 1e-4 if name == "random" else 1e-6  # see above: rounding
            assert abs(figures[name]["costs"][14000] - cost) < close

lesson.finish(
    {
        **hand_figures,
        "equal_units": {"train_accuracy": equal_accuracy},
        "depth": depth_figures,
        "broken": broken_figures,
        "layers": {"std": {"default": default_std, "he": he_std, "xavier": xavier_std}},
        "engine": engine_figures,
    }
)
