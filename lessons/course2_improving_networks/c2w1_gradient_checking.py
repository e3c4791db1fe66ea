# %% [markdown]
# # Gradient checking: find the mistake, and its name
#
# Course 2, week 1. About 75 minutes with the exercises. The script runs for a few
# seconds, with `--fast` too.
#
# **Goal.** A wrong gradient rarely crashes. It trains, only worse, and nobody notices.
# You will
#
# - measure a derivative by nudging, and see how exact that can be,
# - check one parameter, then all 47 of a network, with the course's functions,
# - find two planted mistakes, first with your own check, then by name,
# - collect nine more mistakes, and see what the check says of each,
# - see what no gradient check can find.
#
# ## What you need
#
# The lesson `c1w4-cat-classifier`: forward and backward through several layers.
# Everything is in float64, and examples are columns: $X$ is $(n_x, m)$.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.ops.call import function
from tinygrad_dls.ops.op import Op
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w1-gradient-checking")

# %% [markdown]
# ## The idea in a picture
#
# The derivative is a slope. So go a little to the right and a little to the left, and
# divide the rise by the way:
#
# $$
# \frac{dJ}{d\theta} \approx \text{gradapprox} =
# \frac{J(\theta + \varepsilon) - J(\theta - \varepsilon)}{2 \varepsilon}
# $$
#
# It needs nothing but $J$ itself, so it cannot share a mistake with your backward pass.
# Why both sides? Because the line through two points *around* $\theta$ is much nearer
# to the tangent than the line through $\theta$ and one neighbour.


# %%
def cubed(theta):
    """A function with the known derivative 3 theta^2."""
    return theta**3


def one_sided(f, theta, epsilon):
    """The rise to the right only."""
    return (f(theta + epsilon) - f(theta)) / epsilon


def two_sided(f, theta, epsilon):
    """The rise from left to right."""
    return (f(theta + epsilon) - f(theta - epsilon)) / (2 * epsilon)


epsilons = 10.0 ** np.arange(-14, 0.1, 0.25)  # 1e-14 ... 1
theta0 = 1.3
slope = 3 * theta0**2
errors = {
    "one-sided": [abs(one_sided(cubed, theta0, e) - slope) / slope for e in epsilons],
    "two-sided": [abs(two_sided(cubed, theta0, e) - slope) / slope for e in epsilons],
}

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4))
line = np.linspace(0.2, 1.8, 100)
left.plot(line, cubed(line), color="black", label=r"$J = \theta^3$")
left.plot(line, 1 + 3 * (line - 1), color="gray", ls=":", label="tangent, slope 3")
nudge = 0.5
for name, at, colour in (
    ("one-sided", (1, 1 + nudge), "tab:orange"),
    ("two-sided", (1 - nudge, 1 + nudge), "tab:blue"),
):
    rise = (cubed(at[1]) - cubed(at[0])) / (at[1] - at[0])
    left.plot(at, [cubed(t) for t in at], "o-", color=colour)
    left.plot([], [], "o-", color=colour, label=f"{name}, slope {rise:.2f}")
left.set(xlabel=r"$\theta$", ylabel="J", title=r"At $\theta = 1$, nudged by 0.5")
left.legend()
for (name, error), colour in zip(
    errors.items(), ("tab:orange", "tab:blue"), strict=True
):
    right.loglog(epsilons, np.maximum(error, 1e-17), color=colour, label=name)
right.axvline(1e-7, color="gray", linestyle=":", label="the course's 1e-7")
right.set(xlabel=r"$\varepsilon$", ylabel="relative error", ylim=(1e-13, 10))
right.set_title("How exact? Too large a step bends, too small a one rounds")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# On the right both errors fall as $\varepsilon$ gets smaller, with slope 1 and slope 2,
# and then rise again. The rise is rounding: $J$ has about 16 digits, and the two values
# that are subtracted agree in nearly all of them.
#
# ## One number by hand
#
# $J = \theta^3$ at $\theta = 1$; the derivative is $3\theta^2 = 3$. Take
# $\varepsilon = 0.01$.
#
# | | | error |
# |---|---|---|
# | two-sided | $(1.01^3 - 0.99^3) / 0.02 = 3.0001$ | $0.0001 = \varepsilon^2$ |
# | one-sided | $(1.01^3 - 1) / 0.01 = 3.0301$ | $0.0301 \approx 3 \varepsilon$ |
#
# *What are the two errors for $\varepsilon = 0.001$?*

# %%
for epsilon in (0.01, 0.001):
    both, one = two_sided(cubed, 1, epsilon), one_sided(cubed, 1, epsilon)
    print(f"epsilon {epsilon}: two-sided {both:.7f}, one-sided {one:.7f}")
    assert abs(both - (3 + epsilon**2)) < 1e-10
    assert abs(one - (3 + 3 * epsilon + epsilon**2)) < 1e-10

# %% [markdown]
# ## The mathematics
#
# **How exact.** Taylor's series around $\theta$, to the right and to the left:
#
# $$
# J(\theta \pm \varepsilon) = J \pm \varepsilon J' + \tfrac12 \varepsilon^2 J''
# \pm \tfrac16 \varepsilon^3 J''' + \dots
# $$
#
# Subtract: the even terms cancel. The two-sided error is $\frac16 \varepsilon^2 J'''$,
# the one-sided error $\frac12 \varepsilon J''$. Rounding adds about
# $10^{-16} |J| / \varepsilon$. The sum is least near $\varepsilon = 10^{-5}$; the
# course takes $10^{-7}$, which is good enough.
#
# **All parameters.** Write all weights and biases into one long column $\theta$, of
# shape $(n, 1)$. Nudge one element at a time:
#
# $$
# \text{gradapprox}_i =
# \frac{J(\dots, \theta_i + \varepsilon, \dots) -
# J(\dots, \theta_i - \varepsilon, \dots)}{2 \varepsilon} .
# $$
#
# **One verdict.** Two columns of $n$ numbers, `grad` of backward and `gradapprox`, are
# compared by their distance, relative to their length:
#
# $$
# \text{difference} = \frac{\| grad - gradapprox \|_2}
# {\| grad \|_2 + \| gradapprox \|_2}
# $$
#
# It lies between 0 and 1, whatever the size of the gradients. $10^{-7}$ or less: right.
# $10^{-3}$ or more: wrong. Between them: look closer.
#
# It costs two forward passes for *each* number of $\theta$: a debugging tool, not a way
# to train. Backward gets all $n$ of them for the price of about two forward passes.
#
# ## Your code
#
# ### One parameter
#
# $J(\theta) = \theta x$, the smallest "network" there is.
#
# **Exercise 1.** Its cost.
#
# **Exercise 2.** Its derivative, by hand.


# %%
def forward_propagation(x, theta):
    """J = theta x."""
    # BEGIN SOLUTION
    J = theta * x
    # END SOLUTION
    return J


def backward_propagation(x, theta):
    """dJ / dtheta of J = theta x."""
    # BEGIN SOLUTION
    dtheta = x
    # END SOLUTION
    return dtheta


assert forward_propagation(2, 4) == 8 and backward_propagation(3, 4) == 3

# %% [markdown]
# **Exercise 3.** The check: `theta` plus and minus `epsilon`, `gradapprox`, `grad`, and
# the relative difference (`np.linalg.norm` works for plain numbers, too).


# %%
def gradient_check(x, theta, epsilon=1e-7, print_msg=False):
    """The relative difference of backward_propagation and the measured slope."""
    # BEGIN SOLUTION
    J_plus = forward_propagation(x, theta + epsilon)
    J_minus = forward_propagation(x, theta - epsilon)
    gradapprox = (J_plus - J_minus) / (2 * epsilon)
    grad = backward_propagation(x, theta)
    numerator = np.linalg.norm(grad - gradapprox)
    denominator = np.linalg.norm(grad) + np.linalg.norm(gradapprox)
    difference = numerator / denominator
    # END SOLUTION
    if print_msg:
        verdict = "wrong" if difference > 2e-7 else "right"
        print(f"backward is {verdict}: difference = {difference}")
    return difference


difference_1d = float(gradient_check(3, 4, print_msg=True))
assert difference_1d < 1e-9

# %% [markdown]
# ### A whole network
#
# Three layers, 4-5-3-1: linear, ReLU, linear, ReLU, linear, sigmoid, cross-entropy.
#
# **Exercise 4.** Forward. The cache has, for each layer, $Z$, $A$, $W$, $b$.
#
# **Exercise 5.** Backward. (In the course's notebook this function comes with two
# mistakes in it. Here you write it right, and plant them afterwards.) `A2 > 0` is the
# mask of ReLU.


# %%
def sigmoid(x):
    """1 / (1 + e^-x), element by element."""
    return 1 / (1 + np.exp(-x))


def relu(x):
    """max(0, x), element by element."""
    return np.maximum(0, x)


def forward_propagation_n(X, Y, parameters):
    """The cost of X (n_x, m), Y (1, m), and the cache of twelve arrays."""
    m = X.shape[1]
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    # BEGIN SOLUTION
    Z1 = np.dot(W1, X) + b1  # (n1, m)
    A1 = relu(Z1)
    Z2 = np.dot(W2, A1) + b2  # (n2, m)
    A2 = relu(Z2)
    Z3 = np.dot(W3, A2) + b3  # (1, m)
    A3 = sigmoid(Z3)
    cost = 1.0 / m * np.sum(-np.log(A3) * Y - np.log(1 - A3) * (1 - Y))
    # END SOLUTION
    cache = (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)
    return cost, cache


def backward_propagation_n(X, Y, cache):
    """Gradients {"dZ3", "dW3", "db3", "dA2", "dZ2", ..., "dW1", "db1"}."""
    m = X.shape[1]
    _, A1, _, _, _, A2, W2, _, _, A3, W3, _ = cache
    # BEGIN SOLUTION
    dZ3 = A3 - Y  # (1, m)
    dW3 = np.dot(dZ3, A2.T) / m  # (1, n2)
    db3 = np.sum(dZ3, axis=1, keepdims=True) / m  # (1, 1)
    dA2 = np.dot(W3.T, dZ3)  # (n2, m)
    dZ2 = dA2 * (A2 > 0)
    dW2 = np.dot(dZ2, A1.T) / m  # (n2, n1)
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m  # (n2, 1)
    dA1 = np.dot(W2.T, dZ2)  # (n1, m)
    dZ1 = dA1 * (A1 > 0)
    dW1 = np.dot(dZ1, X.T) / m  # (n1, n_x)
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m  # (n1, 1)
    # END SOLUTION
    layer_3 = {"dZ3": dZ3, "dW3": dW3, "db3": db3}
    layer_2 = {"dA2": dA2, "dZ2": dZ2, "dW2": dW2, "db2": db2}
    layer_1 = {"dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1}
    return layer_3 | layer_2 | layer_1


def gradient_check_n_test_case():
    """The course's point: X (4, 3), Y (3,), and random parameters for 4-5-3-1."""
    np.random.seed(1)
    X, Y = np.random.randn(4, 3), np.array([1, 1, 0])
    parameters = {}
    for l, shape in ((1, (5, 4)), (2, (3, 5)), (3, (1, 3))):
        parameters["W" + str(l)] = np.random.randn(*shape)
        parameters["b" + str(l)] = np.random.randn(shape[0], 1)
    return X, Y, parameters


X, Y, parameters = gradient_check_n_test_case()
m = X.shape[1]
cost, cache = forward_propagation_n(X, Y, parameters)
gradients = backward_propagation_n(X, Y, cache)
print(f"cost {cost:.6f}")
for name, p in parameters.items():
    assert gradients["d" + name].shape == p.shape

# %% [markdown]
# **Exercise 6.** From the dictionary to the column $\theta$: `W1` row by row, then
# `b1`, `W2`, `b2`, ... (`reshape(-1, 1)` does it for one array). `keys` has the name of
# each element of the column.
#
# **Exercise 7.** And back. `like` gives the shapes; without it they are those of the
# course's network.


# %%
def dictionary_to_vector(parameters):
    """theta (n, 1), and the list of n names: "W1" twenty times, "b1" five times ..."""
    order = [kind + str(l) for l in range(1, len(parameters) // 2 + 1) for kind in "Wb"]
    # BEGIN SOLUTION
    theta = np.concatenate([parameters[name].reshape(-1, 1) for name in order])
    keys = [name for name in order for _ in range(parameters[name].size)]
    # END SOLUTION
    return theta, keys


def vector_to_dictionary(theta, like=None):
    """The dictionary with the shapes of `like` of which theta (n, 1) is the column."""
    shapes = {"W1": (5, 4), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1)}
    shapes |= {"W3": (1, 3), "b3": (1, 1)}
    if like is not None:
        shapes = {name: p.shape for name, p in like.items()}
    parameters, start = {}, 0
    for name, shape in shapes.items():
        # BEGIN SOLUTION
        size = int(np.prod(shape))
        parameters[name] = theta[start : start + size].reshape(shape)
        start += size
        # END SOLUTION
    return parameters


def gradients_to_vector(gradients):
    """The column (n, 1) of dW1, db1, dW2, ..., in the order of theta."""
    last = max(int(name[2:]) for name in gradients if name.startswith("dW"))
    order = ["d" + kind + str(l) for l in range(1, last + 1) for kind in "Wb"]
    return np.concatenate([gradients[name].reshape(-1, 1) for name in order])


theta, keys = dictionary_to_vector(parameters)
assert theta.shape == (47, 1) and keys.count("W2") == 15
for name, p in vector_to_dictionary(theta).items():
    assert np.array_equal(p, parameters[name])

# %% [markdown]
# **Exercise 8.** The check of all of them. For each $i$: copy $\theta$ (two copies!),
# nudge element $i$ up in one and down in the other, and ask for the cost of both.


# %%
def gradient_check_n(parameters, gradients, X, Y, epsilon=1e-7, print_msg=False):
    """The relative difference of `gradients` and the measured ones, of all together."""
    theta, _ = dictionary_to_vector(parameters)
    grad = gradients_to_vector(gradients)
    gradapprox = np.zeros(theta.shape)
    # BEGIN SOLUTION
    for i in range(theta.shape[0]):
        costs = []
        for step in (epsilon, -epsilon):
            nudged = theta.copy()
            nudged[i] += step
            nudged = vector_to_dictionary(nudged, parameters)
            costs.append(forward_propagation_n(X, Y, nudged)[0])
        gradapprox[i] = (costs[0] - costs[1]) / (2 * epsilon)
    numerator = np.linalg.norm(grad - gradapprox)
    denominator = np.linalg.norm(grad) + np.linalg.norm(gradapprox)
    difference = numerator / denominator
    # END SOLUTION
    if print_msg:
        verdict = "wrong" if difference > 2e-7 else "right"
        print(f"backward is {verdict}: difference = {difference}")
    return difference


# %% [markdown]
# ## Check it three ways
#
# **By hand.** The 1-D example: $J = \theta x$ has the derivative $x = 3$, and your
# check agreed to ten digits. Then the last layer of the network: $db^{[3]}$ is the mean
# of $a^{[3]} - y$. You can work that out from three numbers.

# %%
A3 = cache[9]
print("a3 =", A3.round(4), "labels", Y)
mean = (A3[0, 0] - 1 + A3[0, 1] - 1 + A3[0, 2]) / 3
assert abs(gradients["db3"].item() - mean) < 1e-15

# %% [markdown]
# **Numerically**, with your own check: this is the course's figure, $1.19 \cdot
# 10^{-7}$. That is not as small as one would like. The mistake is not yours: it is the
# rounding at $\varepsilon = 10^{-7}$. With $10^{-5}$ it is a hundred times smaller.

# %%
mended = float(gradient_check_n(parameters, gradients, X, Y, print_msg=True))
assert abs(mended - 1.19e-7) < 0.01e-7
by_epsilon = {}
for epsilon in 10.0 ** np.arange(-10, -0.9, 0.5):
    by_epsilon[epsilon] = gradient_check_n(parameters, gradients, X, Y, epsilon)
best = min(by_epsilon, key=by_epsilon.get)
print(f"smallest difference {by_epsilon[best]:.1e}, at epsilon {best:.0e}")
assert 1e-7 < best < 1e-3 and by_epsilon[best] < 1e-8

# %% [markdown]
# The same with the framework's tool. It prints your figure, a line for each parameter,
# and, when something is wrong, what.

# %%


def cost_of(parameters):
    """The cost at the course's point, as a function of the parameters alone."""
    return forward_propagation_n(X, Y, parameters)[0]


report = check.check_gradients(cost_of, parameters, gradients, m=m)
print(report)
assert report.ok and abs(report.difference - mended) < 1e-9

# %% [markdown]
# **Against the engine**, which derives its gradients from the graph: they agree to
# $10^{-10}$. That is a far sharper test than any nudging. (The engine needs a test that
# does not use itself: it is checked by nudging.)


# %%
def cost_by_engine(W1, b1, W2, b2, W3, b3, X, Y):
    """J for tensors of the shapes above."""
    A1 = (W1 @ X + b1).relu()
    A2 = (W2 @ A1 + b2).relu()
    A3 = (W3 @ A2 + b3).sigmoid()
    losses = -(Y * A3.log() + (1 - Y) * (1 - A3).log())
    return losses.sum() / X.shape[1]


tX = dls.Tensor(X, name="X")
tY = dls.Tensor(Y.astype("float64").reshape(1, -1), name="Y")
tensors = {
    name: dls.Tensor(p, requires_grad=True, name=name) for name, p in parameters.items()
}
J = cost_by_engine(**tensors, X=tX, Y=tY)
J.backward()
engine_gradients = {"d" + name: t.grad.numpy() for name, t in tensors.items()}
for name, gradient in engine_gradients.items():
    assert dls.compare(name, gradients[name], gradient).ok
    assert np.abs(gradients[name] - gradient).max() < 1e-10
engine_mended = float(gradient_check_n(parameters, engine_gradients, X, Y))
report = dls.gradcheck(
    lambda *values: cost_by_engine(*values, tX, tY),
    *tensors.values(),
    names=list(tensors),
)
print(report)
assert report.ok

# %% [markdown]
# And with layers. From here on examples are *rows*, as in most libraries: $X$ is
# $(m, n_x)$, and the weight of `nn.Linear` is our $W$ as it is. `dls.gradcheck` takes a
# model, and checks all its parameters.

# %%
network = nn.Sequential(
    nn.Linear(4, 5, dtype="float64"),
    nn.ReLU(),
    nn.Linear(5, 3, dtype="float64"),
    nn.ReLU(),
    nn.Linear(3, 1, dtype="float64"),
)
state = {}
for layer in (1, 2, 3):  # the linear layers stand at places 0, 2, 4
    state[f"{2 * layer - 2}.weight"] = parameters[f"W{layer}"]
    state[f"{2 * layer - 2}.bias"] = parameters[f"b{layer}"][:, 0]
network.load_state_dict(state)
rows, targets = dls.Tensor(X.T), dls.Tensor(Y.reshape(-1, 1).astype("float64"))
F.binary_cross_entropy_with_logits(network(rows), targets).backward()
for name, p in network.named_parameters():
    place, kind = name.split(".")
    mine = gradients[("dW" if kind == "weight" else "db") + str(int(place) // 2 + 1)]
    assert np.abs(mine.reshape(p.shape) - p.grad.numpy()).max() < 1e-10
report = dls.gradcheck(network, rows)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Backward visits these steps from the bottom up. A mistake in a step spoils everything
# above it and nothing below: remember that for the search.

# %%
for tensor in tensors.values():
    tensor.grad = None
with dls.trace():
    J = cost_by_engine(**tensors, X=tX, Y=tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# Now plant the course's two mistakes: a factor 2 in $dW^{[2]}$, a factor 4 in
# $db^{[1]}$. *Predict: will the network still learn?*


# %%
def backward_with_bugs(X, Y, cache):
    """WRONG in two places: dW2 is doubled, db1 four times too large."""
    gradients = backward_propagation_n(X, Y, cache)
    gradients["dW2"] = gradients["dW2"] * 2
    gradients["db1"] = gradients["db1"] * 4
    return gradients


def train(X, Y, parameters, backward, num_iterations, learning_rate=0.1, steps=range):
    """Gradient descent with the gradients of `backward`: (parameters, costs)."""
    costs = []
    for _ in steps(num_iterations):
        cost, cache = forward_propagation_n(X, Y, parameters)
        gradients = backward(X, Y, cache)
        parameters = {
            name: p - learning_rate * gradients["d" + name]
            for name, p in parameters.items()
        }
        costs.append(float(cost))
    return parameters, costs


rng = np.random.default_rng(lesson.seed)
train_X = rng.standard_normal((4, 200))
train_Y = (train_X[:1] * train_X[1:2] + train_X[2:3] > 0).astype(float)  # (1, 200)
wrong_labels = rng.random(train_Y.shape) < 0.1
train_Y = np.where(wrong_labels, 1 - train_Y, train_Y)
num_iterations = 300 if lesson.fast else 3000
start = {name: 0.5 * p for name, p in parameters.items()}
bars = lesson.steps("right"), lesson.steps("with bugs")
right_end, right_costs = train(
    train_X, train_Y, start, backward_propagation_n, num_iterations, steps=bars[0]
)
_, bug_costs = train(
    train_X, train_Y, start, backward_with_bugs, num_iterations, steps=bars[1]
)

engine = {name: dls.Tensor(p, requires_grad=True) for name, p in start.items()}
optimizer = optim.SGD(engine.values(), lr=0.1)
engine_costs = []
points, labels = dls.Tensor(train_X), dls.Tensor(train_Y)
for _ in lesson.progress(range(100), "engine", "steps"):
    optimizer.zero_grad()
    J = cost_by_engine(**engine, X=points, Y=labels)
    J.backward()
    optimizer.step()
    engine_costs.append(J.item())
assert np.abs(np.array(engine_costs) - right_costs[:100]).max() < 1e-10
print(f"cost: at first {right_costs[0]:.4f}")
print(f"after {num_iterations} steps: right {right_costs[-1]:.4f}, ", end="")
print(f"with bugs {bug_costs[-1]:.4f}")
assert bug_costs[-1] < 0.9 * bug_costs[0]

# %% [markdown]
# It does learn, and here even a little faster, as some of its steps are larger. **A
# falling cost proves nothing about the gradient**: any direction less than 90 degrees
# away from the right one goes downhill.
#
# ## Look at it
#
# On the right: each of the 47 numbers, as measured (across) and as computed (up). Right
# ones lie on the diagonal. The two mistakes lie on lines of their own, with slopes 2
# and 4. That is how a tool can *name* a mistake: it tries what would make your gradient
# right.

# %%
bugs = backward_with_bugs(X, Y, cache)
with_bugs = float(gradient_check_n(parameters, bugs, X, Y, print_msg=True))
assert abs(with_bugs - 0.2850931567) < 2e-10

fig, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.4))
left.plot(right_costs, color="tab:blue", label="right gradient")
left.plot(bug_costs, color="tab:red", label="dW2 x 2, db1 x 4")
left.set(xlabel="iteration", ylabel="cost J", title="Both learn")
left.legend()
middle.loglog(list(by_epsilon), list(by_epsilon.values()), "o-", color="tab:blue")
middle.axvline(1e-7, color="gray", ls=":", label="the course's 1e-7")
middle.set(xlabel=r"$\varepsilon$", ylabel="difference")
middle.set_title("The right gradient, checked with other steps")
middle.legend()


def slopes(cost_of_theta, theta, epsilon):
    """The measured slope of each element of theta (n, 1): n numbers."""
    nudges = epsilon * np.eye(theta.size)[:, :, None]  # n columns (n, 1)
    rises = [cost_of_theta(theta + e) - cost_of_theta(theta - e) for e in nudges]
    return np.array(rises) / (2 * epsilon)


measured = slopes(lambda theta: cost_of(vector_to_dictionary(theta)), theta, 1e-5)
computed = gradients_to_vector(bugs)[:, 0]
limit = np.array([-1.1, 1.1]) * np.abs(measured).max()
for factor in (1, 2, 4):
    style = "-" if factor == 1 else ":"
    right.plot(limit, factor * limit, color="gray", lw=0.7, ls=style)
colours = {"db1": "tab:red", "dW2": "tab:orange", "the rest": "tab:blue"}
for name, colour in colours.items():
    mine = np.array(
        [
            name == "d" + key or (name == "the rest" and key not in ("b1", "W2"))
            for key in keys
        ]
    )
    right.plot(measured[mine], computed[mine], "o", ms=5, color=colour, label=name)
right.set(xlim=limit, ylim=1.1 * np.abs(computed).max() * np.array([-1, 1]))
right.set(xlabel="measured", ylabel="computed, with the two bugs")
right.set_title("Each mistake has its own slope")
right.legend()
for ax in (left, middle, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "check")

# %% [markdown]
# ## Break it
#
# **The course's two mistakes.** Your own check says *that* something is wrong. The tool
# says where and what.
#
# You could have found the place yourself: `dW3`, `db3`, `db2`, `dW1` are right. `db2`
# is the sum of $dZ^{[2]}$, so $dZ^{[2]}$ is right, and so the mistake in `dW2` is in
# its own line. The same for `db1`, as `dW1` proves $dZ^{[1]}$ right.

# %%
report = check.check_gradients(cost_of, parameters, bugs, m=m)
print(report)
assert {c.name: c.hint for c in report.wrong} == {
    "db1": "analytic = 4 x numeric",
    "dW2": "analytic = 2 x numeric",
}

# %% [markdown]
# **More of them**, each planted alone. For each: your figure, and what the tool says.
#
# - **1/m missing** in `dW3`.
# - **reshape for transpose**: `np.dot(A1, dZ2.T)` is $dW^{[2]T}$; somebody made the
#   shapes fit with `reshape` in place of `.T`. All numbers are there, at wrong places.
# - **keepdims forgotten** in `db2`: shape `(3,)`, not `(3, 1)`.
# - **wrong sign** of `db3`: $Y - A$ in place of $A - Y$.
# - **no mask**: ReLU forgotten on the way back to layer 1.
# - **wrong mask**: ReLU's mask the wrong way round, `Z1 <= 0` for `Z1 > 0`.
# - **one weight lost**: `dW1[2, 3]` stays 0.
# - **never filled in**: `dW2` is all zeros.
# - **no L2 term**: the cost has $\frac{\lambda}{2m} \sum W^2$, the gradient does not.


# %%
def planted(name):
    """The gradients at the course's point with the mistake of this name."""
    g = {key: value.copy() for key, value in gradients.items()}
    _, A1, _, _, _, A2, W2, _, _, A3, _, _ = cache
    match name:
        case "1/m missing":
            g["dW3"] = np.dot(g["dZ3"], A2.T)
        case "reshape for transpose":
            g["dW2"] = (np.dot(A1, g["dZ2"].T) / m).reshape(W2.shape)
        case "keepdims forgotten":
            g["db2"] = np.sum(g["dZ2"], axis=1) / m
        case "wrong sign":
            g["db3"] = np.sum(Y - A3, axis=1, keepdims=True) / m
        case "no mask" | "wrong mask":
            dZ1 = g["dA1"] * (1 if name == "no mask" else A1 <= 0)
            g["dW1"] = np.dot(dZ1, X.T) / m
            g["db1"] = np.sum(dZ1, axis=1, keepdims=True) / m
        case "one weight lost":
            g["dW1"][2, 3] = 0
        case "never filled in":
            g["dW2"] = np.zeros_like(W2)
    return g


lambd = 0.7


def cost_with_l2(parameters):
    """The cost plus lambd / (2 m) times the sum of all squared weights."""
    squares = sum(np.sum(parameters[name] ** 2) for name in ("W1", "W2", "W3"))
    return cost_of(parameters) + lambd / (2 * m) * squares


expected = {  # the gradients that must be found, and a word of the verdict
    "1/m missing": (["dW3"], "m = 3: is 1/m missing?"),
    "reshape for transpose": (["dW2"], "reshaped where it must be transposed"),
    "keepdims forgotten": (["db2"], "keepdims=True?"),
    "wrong sign": (["db3"], "wrong sign"),
    "no mask": (["dW1", "db1"], "differ"),
    "wrong mask": (["dW1", "db1"], "differ"),
    "one weight lost": (["dW1"], "1 of 20 elements differ, at [2, 3]"),
    "never filled in": (["dW2"], "0 everywhere: the gradient is lost"),
    "no L2 term": (["dW1", "dW2", "dW3"], "differ"),
}
mistakes, lines = {}, []
for name, (places, words) in expected.items():
    cost_function = cost_with_l2 if name == "no L2 term" else cost_of
    report = check.check_gradients(cost_function, parameters, planted(name), m=m)
    assert [c.name for c in report.wrong] == places, name
    assert words in report.first.hint, (name, report.first.hint)
    mistakes[name] = {"difference": report.difference, "verdict": report.first.hint}
    lines.append([name, ", ".join(places), f"{report.difference:.1e}"])
    lines[-1].append(report.first.hint)
lesson.table(["mistake", "found in", "difference", "the tool says"], lines)

# %% [markdown]
# Note `keepdims forgotten`: your own check flattens every gradient, and calls it right.
# A shape is part of a gradient.

# %%
assert gradient_check_n(parameters, planted("keepdims forgotten"), X, Y) < 2e-7
step = parameters["b2"] - 0.1 * planted("keepdims forgotten")["db2"]
print("b2 after one step without keepdims has shape", step.shape)

# %% [markdown]
# **The wrong reshape of the cat pictures.** A copy of the course's notebook that many
# have used gets 34 % on the test set. It turns the pictures into columns with
# `reshape(-1, m)`, where `reshape(m, -1).T` is right. The shape is right, no gradient
# is wrong, and each "picture" is a mixture of all of them. No gradient check finds
# that: it checks the derivative of what you wrote. Comparing with a small case that you
# trust does:

# %%
pictures = rng.integers(0, 256, (5, 4, 4, 3)).astype(float)  # five small pictures
trusted = np.stack([picture.ravel() for picture in pictures], axis=1)  # (48, 5)
assert dls.compare("X", pictures.reshape(5, -1).T, trusted).ok
verdict = dls.compare("X", pictures.reshape(-1, 5), trusted)
assert not verdict.ok and "reshaped where it must be transposed" in verdict.hint

# %% [markdown]
# **A wrong rule inside the engine.** `dls.gradcheck` checks each operation of a graph
# by itself, so it names the operation, not only the parameter. Here is one of our own,
# whose backward forgets that $\tanh' = 1 - y^2$ and says $1 - y$.


# %%
def make_hasty_tanh():
    """A function of tensors, made of an operation with a wrong backward."""

    class HastyTanh(Op):
        """y = tanh(x)"""

        def forward(self, x):
            return self.xp.tanh(x)

        def backward(self, dy, y):
            return dy * (1 - y)  # WRONG: 1 - y * y

    return function(HastyTanh())


hasty_tanh = make_hasty_tanh()
report = dls.gradcheck(
    lambda W1, b1: hasty_tanh(W1 @ tX + b1), tensors["W1"], tensors["b1"]
)
print(report)
assert not report.ok and report.first.name == "hasty_tanh"

# %% [markdown]
# **Noise.** Dropout (next lesson but one) draws new random numbers in each forward
# pass. Then $J(\theta + \varepsilon)$ and $J(\theta - \varepsilon)$ are values of two
# different functions. Turn it off to check, or draw the same mask each time.

# %%
noise = np.random.default_rng(0)


def noisy(W1):
    """A forward pass with a fresh mask each time."""
    mask = noise.random((5, m)) < 0.8
    return ((W1 @ tX).relu() * dls.Tensor(mask / 0.8)).sum()


report = dls.gradcheck(noisy, tensors["W1"])
print(report)
assert not report.ok and "another value" in str(report)

# %% [markdown]
# **A kink.** ReLU has no derivative at 0: the slope is 0 on the left and 1 on the
# right, and nudging to both sides gives their mean, $\frac12$. The check must not blame
# the gradient for that. A real input is rarely exactly 0, but a zero bias with an
# inactive layer below is.

# %%
print("ReLU at 0: measured", two_sided(relu, 0.0, 1e-7), ", backward says 0")
assert two_sided(relu, 0.0, 1e-7) == 0.5
report = dls.gradcheck(lambda x: x.relu(), dls.Tensor(np.array([-1.0, 0.0, 2.0])))
print(report)
assert report.ok and "not differentiable" in str(report)

# %% [markdown]
# **float32.** With 7 digits, $J(\theta + 10^{-7})$ and $J(\theta - 10^{-7})$ are mostly
# the same number. The *right* gradient gets:

# %%
single = {name: p.astype("float32") for name, p in parameters.items()}
single_X = X.astype("float32")
_, single_cache = forward_propagation_n(single_X, Y, single)
single_gradients = backward_propagation_n(single_X, Y, single_cache)


def single_cost(theta):
    """The cost in float32, for theta (47, 1)."""
    as_single = vector_to_dictionary(theta.astype("float32"))
    return forward_propagation_n(single_X, Y.astype("float32"), as_single)[0]


approximation = slopes(single_cost, theta, 1e-7)
exact = gradients_to_vector(single_gradients)[:, 0]
in_single = float(
    np.linalg.norm(exact - approximation)
    / (np.linalg.norm(exact) + np.linalg.norm(approximation))
)
print(f"difference in float32: {in_single:.2f}; in float64 {mended:.1e}")
assert in_single > 0.05

# %% [markdown]
# **What it cannot see.** Equal or zero weights (the gradient of a bad start is right:
# `c2w1-initialization`), labels that are wrong, a learning rate that is too large, a
# test set that was trained on. A gradient check says that you have the derivative of
# your cost. Whether it is the right cost is your business.
#
# ## Recap
#
# - Measure a slope by going both ways: the error is of order $\varepsilon^2$.
# - One number, $\|grad - gradapprox\| / (\|grad\| + \|gradapprox\|)$: $10^{-7}$ is
#   right, $10^{-3}$ is wrong.
# - A falling cost proves nothing.
# - Look which gradients are right: they say where the mistake is not.
# - Check in float64, without dropout, away from kinks, with the L2 term in both.
# - Check to debug, never while training: it costs two forward passes a number.
#
# ## Questions
#
# 1. A network has a million parameters, and a forward pass takes 10 ms. How long does a
#    check of all of them take?
#    <details><summary>Answer</summary>
#    Two million forward passes of 10 ms: five and a half hours. Check a sample of the
#    parameters, or a small network of the same code.
#    </details>
# 2. The difference is exactly 1/3. What is the likely mistake?
#    <details><summary>Answer</summary>
#    Everything twice too large: |2g - g| / (|2g| + |g|) = 1/3. (Or half of it: the
#    formula does not say which is the wrong one.)
#    </details>
# 3. `dW1` and `db1` are wrong, everything above is right. Where do you look?
#    <details><summary>Answer</summary>
#    Where dZ1 is made: both come from it. If only one of them were wrong, in its line.
#    </details>
# 4. Why is it right to check at a random point, not at the start of training?
#    <details><summary>Answer</summary>
#    At the start biases are zero, weights may be tiny, and much is symmetric: mistakes
#    can hide there. A factor tanh' that is forgotten is about 1 for tiny weights.
#    </details>
# 5. Can a wrong gradient pass the check?
#    <details><summary>Answer</summary>
#    Yes, where it is right by chance at that point, such as a branch of the code that
#    was not reached. Check at two points.
#    </details>
#
# ## Go further
#
# - Take the check to your own `L_model_backward` of `c1w4-cat-classifier`.
# - Nudge by $i \varepsilon$ (a complex number): $J' \approx \mathrm{Im}\, J(\theta + i
#   \varepsilon) / \varepsilon$ subtracts nothing, so $\varepsilon = 10^{-20}$ works.
#   Try it on $\theta^3$.
# - Next: `c2w1-initialization`.

# %%
# The end: this run must have reached what is known of it.
assert abs(with_bugs - 0.2850931567) < 2e-10
assert abs(mended - 1.19e-7) < 0.01e-7 and abs(engine_mended - 1.19e-7) < 0.01e-7
assert len(mistakes) == 9
if not lesson.fast:
    assert right_costs[-1] < 0.35 and bug_costs[-1] < 0.35  # both learn

lesson.finish(
    {
        "one_dimensional": {"difference": difference_1d},
        "with_bugs": {"difference": with_bugs},
        "mended": {"difference": mended},
        "best_epsilon": {"epsilon": best, "difference": by_epsilon[best]},
        "mistakes": mistakes,
        "float32": {"difference": in_single},
        "training": {
            name: {"costs": {0: costs[0], num_iterations - 1: costs[-1]}}
            for name, costs in (("right", right_costs), ("with_bugs", bug_costs))
        },
        "engine": {"mended": {"difference": engine_mended}},
    }
)
