# %% [markdown]
# # Optimization methods: from the gradient to the step
#
# Course 2, week 2. About 90 minutes with the exercises. The script runs for about a
# minute, with `--fast` for a few seconds.
#
# **Goal.** The gradient says which way is down. How far to step, with which examples,
# and what to remember of earlier steps are separate questions. You will
#
# - cut the data into mini-batches, and see what the size of a batch does,
# - average exponentially, and correct the bias of the beginning,
# - write momentum, RMSprop and Adam,
# - let the learning rate decay, each epoch and in stages,
# - train one network in nine ways, by hand and with `optim`, to the same numbers,
# - break it in six ways, with a tool that names a wrong update rule.
#
# ## What you need
#
# `c2w1-initialization` for the network (three layers, He initialization). Names,
# arguments and random draws are the course's own (2021 edition). Examples are columns:
# $X$ is $(2, m)$.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w2-optimization-methods")
moons = lesson.load("moons")
train_X, train_Y = moons.X, moons.Y  # (2, 300), (1, 300)
print(f"{train_X.shape[1]} points, half of each kind")

# %% [markdown]
# ## The idea in a picture
#
# A valley that is 25 times as steep across as along: $J = \frac12 (x^2 + 25 y^2)$.
# Gradient descent must not step further than the steep direction allows, $\alpha <
# 2/25$, so it crawls along the flat one. Momentum averages: across the valley the steps
# cancel, along it they add up. RMSprop and Adam divide each direction by the size its
# gradients have. All four start at the same place, with a rate that suits each. (Those
# that average overshoot the goal and come back, like a rolling ball.)


# %%
def walk(rule, rate, steps=40):
    """Points (steps + 1, 2) of a walk down the valley; rule: "gd", "momentum", ..."""
    place, v, s = np.array([-4.0, 1.0]), np.zeros(2), np.zeros(2)
    path = [place]
    for t in range(1, steps + 1):
        g = place * np.array([1.0, 25.0])
        v, s = 0.9 * v + 0.1 * g, 0.9 * s + 0.1 * g**2
        v_right, s_right = v / (1 - 0.9**t), s / (1 - 0.9**t)
        step = {
            "gradient descent": g,
            "momentum": v,
            "RMSprop": g / (np.sqrt(s) + 1e-8),
            "Adam": v_right / (np.sqrt(s_right) + 1e-8),
        }[rule]
        place = place - rate * step
        path.append(place)
    return np.array(path)


rates = {"gradient descent": 0.075, "momentum": 0.15, "RMSprop": 0.15, "Adam": 0.3}
paths = {rule: walk(rule, rate) for rule, rate in rates.items()}
xx, yy = np.meshgrid(np.linspace(-4.6, 2, 200), np.linspace(-1.6, 1.6, 200))
fig, axes = plt.subplots(2, 2, figsize=(11, 6), sharex=True, sharey=True)
for ax, (rule, path) in zip(axes.flat, paths.items(), strict=True):
    ax.contour(xx, yy, (xx**2 + 25 * yy**2) / 2, levels=12, colors="0.8")
    ax.plot(*path.T, ".-", linewidth=1)
    ax.plot(0, 0, "k*")
    ax.set_title(f"{rule}, rate {rates[rule]}, 40 steps")
fig.tight_layout()
lesson.figure(fig, "idea")
assert np.linalg.norm(walk("gradient descent", 0.081)[-1]) > 1  # above 2/25 it explodes
slow = walk("momentum", 0.01)
assert np.linalg.norm(paths["momentum"][-1]) < np.linalg.norm(slow[-1])

# %% [markdown]
# ## One number by hand
#
# Temperatures of three days: 10, 12, 8. The exponentially weighted average with
# $\beta = 0.9$, from $v_0 = 0$:
#
# $$v_1 = 0.9 \cdot 0 + 0.1 \cdot 10 = 1, \quad v_2 = 0.9 \cdot 1 + 0.1 \cdot 12 = 2.1,
# \quad v_3 = 0.9 \cdot 2.1 + 0.1 \cdot 8 = 2.69$$
#
# Far too low: the zero at the beginning still counts. Its weight after $t$ days is
# $\beta^t$, that of all days together $1 - \beta^t$. Divide by that:
#
# $$\frac{1}{0.1} = 10, \quad \frac{2.1}{0.19} = 11.05, \quad
# \frac{2.69}{0.271} = 9.93$$

# %%
beta, v, averages = 0.9, 0.0, []
for t, temperature in enumerate((10, 12, 8), 1):
    v = beta * v + (1 - beta) * temperature
    averages.append((v, v / (1 - beta**t)))
    print(f"day {t}: v {v:.3f}, corrected {v / (1 - beta**t):.3f}")
assert np.allclose(averages, [(1, 10), (2.1, 11.0526), (2.69, 9.9262)], atol=1e-4)

days = np.arange(200)
noise = np.random.default_rng(lesson.seed).normal(0, 4, 200)
weather = 12 + 9 * np.sin(2 * np.pi * (days - 60) / 200) + noise
fig, ax = plt.subplots(figsize=(9, 4))
ax.plot(days, weather, ".", color="0.75", label="days")
lags = {}
for beta, colour in ((0.5, "tab:orange"), (0.9, "tab:red"), (0.98, "tab:green")):
    v, plain, corrected = 0.0, [], []
    for t, temperature in enumerate(weather, 1):
        v = beta * v + (1 - beta) * temperature
        plain.append(v)
        corrected.append(v / (1 - beta**t))
    label = f"beta {beta:g}: about {1 / (1 - beta):.0f} days"
    ax.plot(days, corrected, color=colour, label=label)
    if beta == 0.98:
        ax.plot(days, plain, ":", color=colour, label="the same, not corrected")
        lags = {"plain": plain[4], "corrected": corrected[4]}
ax.set(xlabel="day", ylabel="temperature", title="Exponentially weighted averages")
ax.legend(fontsize=8)
lesson.figure(fig, "averages")
assert abs(lags["plain"]) < abs(lags["corrected"])

# %% [markdown]
# ## The mathematics
#
# $g$ is the gradient of the mini-batch, $\alpha$ the learning rate, $t$ counts the
# steps from 1. All operations are element-wise.
#
# | method | remembers | takes from $W$ |
# |---|---|---|
# | gradient descent | | $\alpha g$ |
# | momentum | $v \leftarrow \beta v + (1 - \beta) g$ | $\alpha v$ |
# | RMSprop | $s\leftarrow\beta_2 s+(1-\beta_2)g^2$ | $\alpha g/(\sqrt s+\epsilon)$ |
# | Adam | both | $\alpha \hat v/(\sqrt{\hat s}+\epsilon)$ |
#
# with $\hat v = v / (1 - \beta_1^t)$ and $\hat s = s / (1 - \beta_2^t)$.
#
# *What is the size of Adam's very first step?* $\hat v = g$ and $\hat s = g^2$, so it
# is $\alpha\, g / |g|$: the learning rate, whatever the gradient.
#
# **Decay.** $\alpha = \alpha_0 / (1 + \text{rate} \cdot \text{epoch})$, or the same
# with $\lfloor \text{epoch} / 1000 \rfloor$: in stages.
#
# **Mini-batches.** Shuffle the columns of $X$ and $Y$ in the same order and cut them
# into batches of 64. The gradient of 64 examples points roughly the same way as that of
# all examples, and costs a fifth of it here. *Batch* gradient descent takes all of them
# for each step, *stochastic* gradient descent a single one.
#
# ## Your code
#
# **Exercise 1.** One step of gradient descent, for $l = 1 \dots L$.
#
# **Exercise 2.** Mini-batches; the last one is shorter if `mini_batch_size` does not
# divide $m$.


# %%
def update_parameters_with_gd(parameters, grads, learning_rate):
    """The parameters after one step of gradient descent."""
    L = len(parameters) // 2
    parameters = dict(parameters)
    for l in range(1, L + 1):
        # BEGIN SOLUTION
        for name in (f"W{l}", f"b{l}"):
            parameters[name] = parameters[name] - learning_rate * grads[f"d{name}"]
        # END SOLUTION
    return parameters


def random_mini_batches(X, Y, mini_batch_size=64, seed=0):
    """A list of (X part, Y part), shuffled by `seed`."""
    np.random.seed(seed)
    m = X.shape[1]
    permutation = list(np.random.permutation(m))
    mini_batches = []
    # BEGIN SOLUTION
    shuffled_X, shuffled_Y = X[:, permutation], Y[:, permutation]
    for begin in range(0, m, mini_batch_size):
        end = min(begin + mini_batch_size, m)
        mini_batches.append((shuffled_X[:, begin:end], shuffled_Y[:, begin:end]))
    # END SOLUTION
    return mini_batches


sizes = [x.shape[1] for x, _ in random_mini_batches(train_X, train_Y)]
print("batches of", sizes)
assert sizes == [64, 64, 64, 64, 44]

# %% [markdown]
# **Exercise 3.** The velocities at the start: zeros, named `"dW1"`, `"db1"`, ...
#
# **Exercise 4.** Momentum.
#
# **Exercise 5.** RMSprop (not in the course's notebook; the same form).
#
# **Exercise 6.** The two averages of Adam at the start.
#
# **Exercise 7.** Adam. It returns the corrected averages as well. (The course's test
# calls it with $t = 2$ and averages that are still 0, which no training does: they are
# divided by $1 - \beta^2$ all the same.)


# %%
def initialize_velocity(parameters):
    """{"dW1": zeros like W1, "db1": ...}."""
    v = {}
    for name, p in parameters.items():
        # BEGIN SOLUTION
        v["d" + name] = np.zeros(p.shape)
        # END SOLUTION
    return v


def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    """(parameters, v) after one step."""
    parameters, v = dict(parameters), dict(v)
    for name in parameters:
        # BEGIN SOLUTION
        v["d" + name] = beta * v["d" + name] + (1 - beta) * grads["d" + name]
        parameters[name] = parameters[name] - learning_rate * v["d" + name]
        # END SOLUTION
    return parameters, v


def update_parameters_with_rmsprop(
    parameters, grads, s, learning_rate=0.01, beta2=0.9, epsilon=1e-8
):
    """(parameters, s) after one step."""
    parameters, s = dict(parameters), dict(s)
    for name in parameters:
        # BEGIN SOLUTION
        g = grads["d" + name]
        s["d" + name] = beta2 * s["d" + name] + (1 - beta2) * g**2
        step = g / (np.sqrt(s["d" + name]) + epsilon)
        parameters[name] = parameters[name] - learning_rate * step
        # END SOLUTION
    return parameters, s


def initialize_adam(parameters):
    """(v, s), both {"dW1": zeros like W1, ...}."""
    # BEGIN SOLUTION
    v = {"d" + name: np.zeros(p.shape) for name, p in parameters.items()}
    s = {"d" + name: np.zeros(p.shape) for name, p in parameters.items()}
    # END SOLUTION
    return v, s


def update_parameters_with_adam(
    parameters,
    grads,
    v,
    s,
    t,
    learning_rate=0.01,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
):
    """(parameters, v, s, v_corrected, s_corrected) after step number t, from 1."""
    parameters, v, s = dict(parameters), dict(v), dict(s)
    v_corrected, s_corrected = {}, {}
    for name in parameters:
        d = "d" + name
        # BEGIN SOLUTION
        v[d] = beta1 * v[d] + (1 - beta1) * grads[d]
        s[d] = beta2 * s[d] + (1 - beta2) * grads[d] ** 2
        v_corrected[d] = v[d] / (1 - beta1**t)
        s_corrected[d] = s[d] / (1 - beta2**t)
        step = v_corrected[d] / (np.sqrt(s_corrected[d]) + epsilon)
        parameters[name] = parameters[name] - learning_rate * step
        # END SOLUTION
    return parameters, v, s, v_corrected, s_corrected


# %% [markdown]
# **Exercise 8.** The rate after `epoch_num` epochs, decaying with each.
#
# **Exercise 9.** The same in stages of `time_interval` epochs.


# %%
def update_lr(learning_rate0, epoch_num, decay_rate):
    """The learning rate, a float."""
    # BEGIN SOLUTION
    learning_rate = learning_rate0 / (1 + decay_rate * epoch_num)
    # END SOLUTION
    return learning_rate


def schedule_lr_decay(learning_rate0, epoch_num, decay_rate, time_interval=1000):
    """The learning rate, a float; the same for `time_interval` epochs."""
    # BEGIN SOLUTION
    stage = math.floor(epoch_num / time_interval)
    learning_rate = learning_rate0 / (1 + decay_rate * stage)
    # END SOLUTION
    return learning_rate


print([round(update_lr(0.5, epoch, 1), 4) for epoch in (0, 1, 3)])
print([schedule_lr_decay(0.5, epoch, 0.3, 100) for epoch in (0, 99, 100)])

# %% [markdown]
# The network 2-5-2-1 is given: forward, cost (a *sum* over the examples, as in this
# notebook of the course) and backward (a mean over the batch).


# %%
def initialize_parameters(layer_dims):
    """He initialization after seed 3."""
    np.random.seed(3)
    parameters = {}
    for l in range(1, len(layer_dims)):
        scale = np.sqrt(2 / layer_dims[l - 1])
        W = np.random.randn(layer_dims[l], layer_dims[l - 1]) * scale
        parameters[f"W{l}"], parameters[f"b{l}"] = W, np.zeros((layer_dims[l], 1))
    return parameters


def forward_propagation(X, parameters):
    """a3 (1, m) and what backward needs."""
    a1 = np.maximum(0, parameters["W1"] @ X + parameters["b1"])  # (5, m)
    a2 = np.maximum(0, parameters["W2"] @ a1 + parameters["b2"])  # (2, m)
    a3 = 1 / (1 + np.exp(-(parameters["W3"] @ a2 + parameters["b3"])))  # (1, m)
    return a3, (a1, a2, a3)


def compute_cost(a3, Y):
    """The SUM of the losses."""
    return float(np.sum(-np.log(a3) * Y - np.log(1 - a3) * (1 - Y)))


def backward_propagation(X, Y, cache, parameters):
    """Gradients of the mean loss, {"dW1", "db1", ..., "db3"}."""
    m, (a1, a2, a3) = X.shape[1], cache
    dz3 = (a3 - Y) / m  # (1, m)
    dz2 = (parameters["W3"].T @ dz3) * (a2 > 0)  # (2, m)
    dz1 = (parameters["W2"].T @ dz2) * (a1 > 0)  # (5, m)
    grads = {}
    for l, dz, a in ((1, dz1, X), (2, dz2, a1), (3, dz3, a2)):
        grads[f"dW{l}"] = dz @ a.T
        grads[f"db{l}"] = dz.sum(axis=1, keepdims=True)
    return grads


def model(
    X,
    Y,
    layers_dims,
    optimizer,
    learning_rate=0.0007,
    mini_batch_size=64,
    beta=0.9,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
    num_epochs=5000,
    print_cost=True,
    decay=None,
    decay_rate=1,
    steps=range,
    costs=None,
):
    """Train; `optimizer` is "gd", "momentum", "rmsprop" or "adam"."""
    m, t, seed = X.shape[1], 0, 10
    learning_rate0 = learning_rate
    parameters = initialize_parameters(layers_dims)
    v, s = initialize_adam(parameters)
    for i in steps(num_epochs):
        seed += 1  # another order of the examples in each epoch
        cost_total = 0.0
        for x, y in random_mini_batches(X, Y, mini_batch_size, seed):
            a3, cache = forward_propagation(x, parameters)
            cost_total += compute_cost(a3, y)
            grads = backward_propagation(x, y, cache, parameters)
            if optimizer == "gd":
                parameters = update_parameters_with_gd(parameters, grads, learning_rate)
            elif optimizer == "momentum":
                parameters, v = update_parameters_with_momentum(
                    parameters, grads, v, beta, learning_rate
                )
            elif optimizer == "rmsprop":
                parameters, s = update_parameters_with_rmsprop(
                    parameters, grads, s, learning_rate, beta2, epsilon
                )
            else:
                t += 1
                parameters, v, s, _, _ = update_parameters_with_adam(
                    parameters, grads, v, s, t, learning_rate, beta1, beta2, epsilon
                )
        if costs is not None:
            costs[i] = cost_total / m
        if print_cost and i % 1000 == 0:
            print(f"Cost after epoch {i}: {cost_total / m:.6f}")
        if decay:
            learning_rate = decay(learning_rate0, i, decay_rate)
    return parameters


# %% [markdown]
# ## Check it three ways
#
# **By hand.** One weight 1, gradient 2 in both steps, rate 0.1, $\beta = 0.9$:
# momentum has $v_1 = 0.2$, $v_2 = 0.38$, so $W = 1 - 0.02 - 0.038 = 0.942$. Adam:
# $\hat v = 2$, $\hat s = 4$ in both steps, each step is 0.1: $W = 0.8$.

# %%
one, g = {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}, {"dW1": 2.0, "db1": 0.0}
by_momentum, v = one, initialize_velocity(one)
by_adam, adam_v, adam_s = one, *initialize_adam(one)
for t in (1, 2):
    by_momentum, v = update_parameters_with_momentum(by_momentum, g, v, 0.9, 0.1)
    by_adam, adam_v, adam_s, _, _ = update_parameters_with_adam(
        by_adam, g, adam_v, adam_s, t, 0.1
    )
print("momentum", by_momentum["W1"].item(), "Adam", by_adam["W1"].item())
assert abs(by_momentum["W1"].item() - 0.942) < 1e-12
assert abs(by_adam["W1"].item() - 0.8) < 1e-8

# %% [markdown]
# **Against the engine**: the gradients; then three steps of each rule against `optim`.
# PyTorch's momentum (and ours) begins with $v_1 = g$, and has $v \leftarrow \beta v +
# (1 - \text{dampening})\, g$. With `dampening` 0.9 and a velocity that is there at the
# start, as zeros, it is the course's.

# %%
layers_dims = [2, 5, 2, 1]
start = initialize_parameters(layers_dims)


def as_tensors(parameters):
    """Leaves of the engine, with names, from a dictionary of arrays."""
    return {
        name: dls.Tensor(p, requires_grad=True, name=name)
        for name, p in parameters.items()
    }


def cost_by_engine(parameters, X, Y):
    """The mean loss of a dictionary of tensors."""
    A1 = (parameters["W1"] @ X + parameters["b1"]).relu()
    A2 = (parameters["W2"] @ A1 + parameters["b2"]).relu()
    return F.binary_cross_entropy_with_logits(
        parameters["W3"] @ A2 + parameters["b3"], Y
    )


def optimizer_for(method, tensors, learning_rate):
    """The optimizer of the framework that takes the course's steps."""
    values = list(tensors.values())
    if method == "gd":
        return optim.SGD(values, lr=learning_rate)
    if method == "rmsprop":
        return optim.RMSprop(values, lr=learning_rate, alpha=0.999)
    if method == "adam":
        return optim.Adam(values, lr=learning_rate)
    optimizer = optim.SGD(values, lr=learning_rate, momentum=0.9, dampening=0.9)
    state = optimizer.state_dict()
    zeros = {i: {"momentum_buffer": np.zeros(p.shape)} for i, p in enumerate(values)}
    optimizer.load_state_dict(state | {"state": zeros})
    return optimizer


tX, tY = dls.Tensor(train_X, name="X"), dls.Tensor(train_Y.astype("float64"), name="Y")
for method in ("gd", "momentum", "rmsprop", "adam"):
    mine, tensors = dict(start), as_tensors(start)
    v, s = initialize_adam(start)
    optimizer = optimizer_for(method, tensors, 0.05)
    for t in (1, 2, 3):
        _, cache = forward_propagation(train_X, mine)
        grads = backward_propagation(train_X, train_Y, cache, mine)
        optimizer.zero_grad()
        cost_by_engine(tensors, tX, tY).backward()
        for name, tensor in tensors.items():
            assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10
        optimizer.step()
        if method == "gd":
            mine = update_parameters_with_gd(mine, grads, 0.05)
        elif method == "momentum":
            mine, v = update_parameters_with_momentum(mine, grads, v, 0.9, 0.05)
        elif method == "rmsprop":
            mine, s = update_parameters_with_rmsprop(mine, grads, s, 0.05, 0.999)
        else:
            mine, v, s, _, _ = update_parameters_with_adam(mine, grads, v, s, t, 0.05)
    print(f"{method}, three steps:")
    for name, tensor in tensors.items():
        assert dls.compare(name, mine[name], tensor).ok
        assert np.abs(mine[name] - tensor.numpy()).max() < 1e-10

# %% [markdown]
# **Numerically**, the gradients of a point where no bias is zero.

# %%
rng = np.random.default_rng(lesson.seed)
point = {k: p + 0.1 * rng.standard_normal(p.shape) for k, p in start.items()}
_, cache = forward_propagation(train_X, point)
report = check.check_gradients(
    lambda p: compute_cost(forward_propagation(train_X, p)[0], train_Y) / 300,
    point,
    backward_propagation(train_X, train_Y, cache, point),
    m=300,
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The optimizer is not part of the graph: it reads the gradients of the leaves and
# writes new values into them.

# %%
tensors = as_tensors(point)
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
# Nine runs of 5000 epochs: three methods with a fixed small rate, then with a large one
# that decays in each epoch, then in stages. By hand and by `optim`, with the same
# batches. *Predict: which of the three methods is best at rate 0.0007? What happens to
# gradient descent whose rate is halved after the first epoch, and a third after the
# second?*


# %%
def train_by_engine(method, rate, num_epochs, decay=None, steps=range):
    """Parameters (arrays) and {epoch: cost}, by the engine's gradients and optim."""
    tensors, costs, seed = as_tensors(start), {}, 10
    optimizer = optimizer_for(method, tensors, rate)

    @dls.capture
    def step(x, y):
        optimizer.zero_grad()
        loss = cost_by_engine(tensors, x, y)
        loss.backward()
        optimizer.step()
        return loss

    for i in steps(num_epochs):
        seed += 1
        total = 0.0
        for x, y in random_mini_batches(train_X, train_Y, 64, seed):
            loss = step(dls.Tensor(x), dls.Tensor(y.astype("float64")))
            total += loss.item() * x.shape[1]
        costs[i] = total / train_X.shape[1]
        if decay:
            optimizer.param_groups[0]["lr"] = decay(rate, i, 1)
    return {name: p.numpy() for name, p in tensors.items()}, costs


def accuracy(parameters):
    """Percent of the 300 points."""
    a3, _ = forward_propagation(train_X, parameters)
    return 100 * float(np.mean((a3 > 0.5) == train_Y))


def figures_of(parameters, costs):
    """What result.json says of a run."""
    last = max(costs)
    shown = {i: c for i, c in costs.items() if i % 1000 == 0 or i == last}
    return {"train_accuracy": accuracy(parameters), "costs": shown}


num_epochs = 100 if lesson.fast else 5000
stages = 20 if lesson.fast else 1000


def in_stages(rate, epoch, decay_rate):
    """schedule_lr_decay with the stages of this run."""
    return schedule_lr_decay(rate, epoch, decay_rate, stages)


names = {"gd": "gradient_descent", "momentum": "momentum", "adam": "adam"}
plans = [
    (method, names[method] + ending, rate, decay)
    for ending, rates, decay in (
        ("", {"gd": 0.0007, "momentum": 0.0007, "adam": 0.0007}, None),
        ("_decay", {"gd": 0.1, "momentum": 0.1, "adam": 0.01}, update_lr),
        ("_scheduled", {"gd": 0.1, "momentum": 0.1, "adam": 0.01}, in_stages),
    )
    for method, rate in rates.items()
]
hand_figures, engine_figures, all_costs, engine_costs, trained = {}, {}, {}, {}, {}
for method, name, rate, decay in plans:
    all_costs[name] = {}
    trained[name] = model(
        train_X,
        train_Y,
        layers_dims,
        method,
        learning_rate=rate,
        num_epochs=num_epochs,
        print_cost=False,
        decay=decay,
        steps=lesson.steps(f"{name} by hand"),
        costs=all_costs[name],
    )
    hand_figures[name] = figures_of(trained[name], all_costs[name])
    found, engine_costs[name] = train_by_engine(
        method, rate, num_epochs, decay, lesson.steps(f"{name} engine")
    )
    engine_figures[name] = figures_of(found, engine_costs[name])
last = num_epochs - 1
lesson.table(
    ["run", "by hand %", "engine %", "first cost", f"cost at {last}"],
    [
        [
            name,
            f"{f['train_accuracy']:.2f}",
            f"{engine_figures[name]['train_accuracy']:.2f}",
            f"{all_costs[name][0]:.6f}",
            f"{all_costs[name][last]:.6f}",
        ]
        for name, f in hand_figures.items()
    ],
)
for name, costs in all_costs.items():
    for i in range(num_epochs):
        gap = abs(costs[i] - engine_costs[name][i])
        assert gap < (1e-10 if i < 20 else 1e-4), (name, i, gap)

# %% [markdown]
# At the small rate only Adam gets anywhere: its steps do not depend on the size of the
# gradient. Momentum with so small a rate is gradient descent with a delay. A rate that
# decays in *each* epoch is as good as zero after a few hundred of them, long before the
# points are told apart. In stages it does what it should: large first, small at last.
#
# ## Look at it

# %%
fig, axes = plt.subplots(1, 3, figsize=(14, 4.2), sharey=True)
for ax, ending in zip(axes, ("", "_decay", "_scheduled"), strict=True):
    for method in names.values():
        costs = all_costs[method + ending]
        ax.plot(list(costs), list(costs.values()), label=method, linewidth=1)
    ax.set(xlabel="epoch", title=(ending.strip("_") or "fixed, 0.0007"))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("cost, mean over the epoch")
axes[0].legend()
fig.tight_layout()
lesson.figure(fig, "costs")

fig, axes = plt.subplots(3, 3, figsize=(11, 9.4), sharex=True, sharey=True)
xx, yy = np.meshgrid(np.linspace(-1.7, 2.7, 150), np.linspace(-1.3, 1.8, 150))
colours = np.where(train_Y[0] == 1, "tab:blue", "tab:red")
for ax, (name, parameters) in zip(axes.flat, trained.items(), strict=True):
    a3, _ = forward_propagation(np.stack([xx.ravel(), yy.ravel()]), parameters)
    levels = np.linspace(0, 1, 11)
    ax.contourf(xx, yy, a3.reshape(xx.shape), levels, cmap="RdBu", alpha=0.45)
    ax.scatter(*train_X, c=colours, s=7, edgecolors="white", linewidths=0.2)
    title = f"{name.replace('_', ' ')}: {hand_figures[name]['train_accuracy']:.1f} %"
    ax.set_title(title, fontsize=10)
fig.tight_layout()
lesson.figure(fig, "boundaries")

# %% [markdown]
# ### How large should a batch be?
#
# The same number of epochs of gradient descent at rate 0.1, with a single point at a
# time (stochastic), batches of 8 and of 64 (mini-batches), and all 300 (batch). Counted
# in epochs the small ones are far ahead: they take 300 and 38 steps where the whole set
# takes one. Each of their steps is worse. Measured: how far the gradient of a batch is
# from that of all points, at the start.

# %%
batch_epochs = 30 if lesson.fast else 200
by_size, noise = {}, {}
_, cache = forward_propagation(train_X, point)
whole = backward_propagation(train_X, train_Y, cache, point)
flat = np.concatenate([whole["d" + name].ravel() for name in point])
for size in (1, 8, 64, 300):
    by_size[size] = {}
    model(
        train_X,
        train_Y,
        layers_dims,
        "gd",
        0.1,
        size,
        num_epochs=batch_epochs,
        print_cost=False,
        steps=lesson.steps(f"batches of {size}"),
        costs=by_size[size],
    )
    distances = []
    for x, y in random_mini_batches(train_X, train_Y, size, seed=1):
        _, cache = forward_propagation(x, point)
        part = backward_propagation(x, y, cache, point)
        other = np.concatenate([part["d" + name].ravel() for name in point])
        distances.append(np.linalg.norm(other - flat) / np.linalg.norm(flat))
    noise[size] = float(np.mean(distances))
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
for size, costs in by_size.items():
    values = np.array(list(costs.values()))
    left.plot(values, label=f"batches of {size}", linewidth=1)
    steps = (np.arange(len(values)) + 0.5) * math.ceil(300 / size)  # mid-epoch: a mean
    right.plot(steps, values, linewidth=1)
left.set(xlabel="epoch (each point seen once)", ylabel="cost")
right.set(xlabel="steps", xlim=(0, batch_epochs))
left.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.suptitle("The same runs, counted in two ways")
fig.tight_layout()
lesson.figure(fig, "batch_size")
print("distance of a batch's gradient:", {k: round(n, 3) for k, n in noise.items()})
assert noise[1] > noise[8] > noise[64] > 0.01 and noise[300] < 1e-12
assert by_size[8][batch_epochs - 1] < by_size[300][batch_epochs - 1]

# %% [markdown]
# A single point at a time is ahead at first. Then its cost jumps about and stays above
# that of batches of 8: steps as noisy as these go on past the minimum. They need a rate
# that decays.
#
# ## Break it
#
# A wrong update rule still goes down, more or less, and a gradient check does not look
# at it. So here is a tool that does: it lets a rule take three steps on one weight with
# known gradients, and compares them with the steps of known rules, right and wrong.


# %%
def steps_of(rule, gradients=(2.0, -1.0, 4.0), rate=0.1):
    """The three steps of a rule(state, g, t, rate) -> (step, state) for one weight."""
    state, steps = (0.0, 0.0), []
    for t, g in enumerate(gradients, 1):
        step, state = rule(state, g, t, rate)
        steps.append(step)
    return np.array(steps)


def adam_rule(correct_v=True, correct_s=True, root=True, square=True, count=True):
    """Adam, or what becomes of it when something is forgotten."""

    def rule(state, g, t, rate):
        v = 0.9 * state[0] + 0.1 * g
        s = 0.999 * state[1] + 0.001 * (g**2 if square else abs(g))
        n = t if count else 1
        v_hat = v / (1 - 0.9**n) if correct_v else v
        s_hat = s / (1 - 0.999**n) if correct_s else s
        return rate * v_hat / ((np.sqrt(s_hat) if root else s_hat) + 1e-8), (v, s)

    return rule


KNOWN = {
    "Adam": adam_rule(),
    "Adam, v not corrected": adam_rule(correct_v=False),
    "Adam, s not corrected": adam_rule(correct_s=False),
    "Adam, neither corrected": adam_rule(correct_v=False, correct_s=False),
    "Adam, no root": adam_rule(root=False),
    "Adam, gradient not squared": adam_rule(square=False),
    "Adam, t never counts up": adam_rule(count=False),
    "momentum": lambda state, g, t, rate: (
        rate * (0.9 * state[0] + 0.1 * g),
        (0.9 * state[0] + 0.1 * g, 0.0),
    ),
    "momentum without (1 - beta)": lambda state, g, t, rate: (
        rate * (0.9 * state[0] + g),
        (0.9 * state[0] + g, 0.0),
    ),
    "momentum that remembers nothing": lambda state, g, t, rate: (
        rate * 0.1 * g,
        (0.0, 0.0),
    ),
    "gradient descent": lambda state, g, t, rate: (rate * g, state),
    "gradient ascent": lambda state, g, t, rate: (-rate * g, state),
}


def name_the_rule(rule):
    """Which known rule takes these steps?"""
    steps = steps_of(rule)
    for name, known in KNOWN.items():
        if np.allclose(steps, steps_of(known), rtol=1e-6):
            return name
    return f"none that is known: its steps are {steps.round(4)}"


def through_dictionaries(update, **options):
    """An update function of this lesson as a rule for one weight."""

    def rule(state, g, t, rate):
        before = {"W1": np.zeros((1, 1)), "b1": np.zeros((1, 1))}
        grads = {"dW1": np.full((1, 1), g), "db1": np.zeros((1, 1))}
        v, s = ({"dW1": np.full((1, 1), x), "db1": 0.0} for x in state)
        if update is update_parameters_with_adam:
            after, v, s, _, _ = update(before, grads, v, s, t, rate)
        elif update is update_parameters_with_momentum:
            after, v = update(before, grads, v, 0.9, rate)
        else:
            after = update(before, grads, rate)
        kept = (float(np.squeeze(v["dW1"])), float(np.squeeze(s["dW1"])))
        return -float(after["W1"][0, 0]), kept

    return rule


verdicts = {
    "your Adam": name_the_rule(through_dictionaries(update_parameters_with_adam)),
    "your momentum": name_the_rule(
        through_dictionaries(update_parameters_with_momentum)
    ),
    "your gradient descent": name_the_rule(
        through_dictionaries(update_parameters_with_gd)
    ),
    "planted 1": name_the_rule(adam_rule(correct_s=False)),
    "planted 2": name_the_rule(adam_rule(count=False)),
    "planted 3": name_the_rule(
        lambda state, g, t, rate: (
            rate * (0.9 * state[0] + g),
            (0.9 * state[0] + g, 0.0),
        )
    ),
}
for name, verdict in verdicts.items():
    print(f"{name}: {verdict}")
assert verdicts["your Adam"] == "Adam" and verdicts["your momentum"] == "momentum"
assert verdicts["your gradient descent"] == "gradient descent"
assert verdicts["planted 1"] == "Adam, s not corrected"
assert verdicts["planted 2"] == "Adam, t never counts up"
assert verdicts["planted 3"] == "momentum without (1 - beta)"

# %% [markdown]
# **Labels shuffled apart from the points**: $X$ and $Y$ each with a permutation of
# their own. The cost stays at $\log 2$, as if there were nothing to learn. The test is
# one line: each pair in the batches must be a pair of the data. **Gradients not reset**
# (the engine adds them up): the first step is right, and then each gradient contains
# all before it.

# %%
pairs = {(*x, y) for x, y in zip(train_X.T, train_Y[0], strict=True)}


def share_of_true_pairs(batches):
    """Percent of the columns in the batches that are pairs of the data."""
    found = [
        (*point, label) in pairs
        for x, y in batches
        for point, label in zip(x.T, y[0], strict=True)
    ]
    return 100 * float(np.mean(found))


right_batches = random_mini_batches(train_X, train_Y, 64, 5)
shuffled = np.random.default_rng(5).permutation(300)
apart = [(train_X[:, shuffled[:150]], train_Y[:, :150])]  # WRONG
shares = [share_of_true_pairs(batches) for batches in (right_batches, apart)]
print(f"true pairs: {shares[0]:.0f} %, shuffled apart {shares[1]:.0f} %")
assert shares[0] == 100 and shares[1] < 70

growing = {}
for reset in (True, False):
    tensors = as_tensors(start)
    optimizer = optim.SGD(tensors.values(), lr=1e-5)  # so small that J hardly changes
    sizes = []
    for _ in range(5):
        if reset:
            optimizer.zero_grad()
        cost_by_engine(tensors, tX, tY).backward()
        sizes.append(float(np.linalg.norm(tensors["W1"].grad.numpy())))
        optimizer.step()
    growing[reset] = [size / sizes[0] for size in sizes]
print("size of the gradient, reset:", [round(s, 2) for s in growing[True]])
print("size of the gradient, not reset:", [round(s, 2) for s in growing[False]])
assert max(growing[True]) < 1.01 and growing[False][4] > 4.9

# %% [markdown]
# ## Recap
#
# - Mini-batches: many cheap, noisy steps. Shuffle points and labels together.
# - An exponentially weighted average begins too low; divide by $1 - \beta^t$.
# - Momentum averages gradients, RMSprop divides by their size, Adam does both.
# - Decay: large steps first, small ones later, but not so fast that nothing is left.
# - A gradient check does not see a wrong update. Try it on one weight.
#
# ## Questions
#
# 1. How large is Adam's first step, and why?
#    <details><summary>Answer</summary>
#    The learning rate, in each weight: g divided by the root of its own square.
#    </details>
# 2. Momentum with beta = 0.9: how long does a gradient count?
#    <details><summary>Answer</summary>
#    About 1 / (1 - 0.9) = 10 steps: 0.9^10 is about a third.
#    </details>
# 3. Why does the cost go up and down with mini-batches?
#    <details><summary>Answer</summary>
#    Each step follows the gradient of different examples, and each cost is of those.
#    </details>
# 4. With decay rate 1, what is the learning rate in epoch 999, and what have all epochs
#    together?
#    <details><summary>Answer</summary>
#    A thousandth of the first. The sum 1 + 1/2 + ... + 1/1000 is about 7.5: as if there
#    had been 7.5 epochs at the first rate.
#    </details>
# 5. Which of the methods does not change if the cost is multiplied by 100?
#    <details><summary>Answer</summary>
#    RMSprop and Adam (up to epsilon): they divide by the size of the gradient.
#    </details>
#
# ## Go further
#
# - Find the largest rate at which gradient descent learns the moons.
# - Nesterov's momentum: `optim.SGD(..., nesterov=True)`. Draw its walk in the valley.
# - Next: week 3, `c2w3-hyperparameter-search`.

# %%
# The end: this run must have reached what is known of it.
for costs in (all_costs, engine_costs):
    assert abs(costs["gradient_descent"][0] - 0.7025) < 1e-3
if not lesson.fast:
    known = {  # percent of the 300 points, with these seeds
        "gradient_descent": 71.67,
        "momentum": 71.67,
        "adam": 94.33,
        "gradient_descent_decay": 65.33,
        "gradient_descent_scheduled": 94.33,
        "momentum_scheduled": 95.33,
        "adam_scheduled": 94.00,
    }
    for figures in (hand_figures, engine_figures):
        for name, percent in known.items():
            assert abs(figures[name]["train_accuracy"] - percent) < 0.01, name
lesson.finish(
    hand_figures
    | {
        "engine": engine_figures,
        "batch_size": {n: costs[batch_epochs - 1] for n, costs in by_size.items()},
        "noise": noise,
        "broken": {"verdicts": verdicts, "true_pairs": shares},
    }
)
