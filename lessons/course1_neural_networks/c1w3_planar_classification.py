# %% [markdown]
# # Planar classification: one hidden layer bends the line
#
# Course 1, week 3. About 75 minutes with the exercises. The script runs for about half
# a minute, with `--fast` for a few seconds.
#
# **Goal.** Points in the plane that no straight line can separate, and the first real
# network: one hidden layer. You will
#
# - write forward pass, cost, backward pass and update, with the course's functions,
# - check your gradients by hand, against the engine, and numerically,
# - train, and see what each hidden unit looks at,
# - compare numbers of hidden units and activation functions, and try other data,
# - break it (zeros, a lost derivative, a lost axis) and see which tool notices,
# - write it again with the framework's layers, and get the same numbers.
#
# ## What you need
#
# The lesson `c1w2-logistic-regression`: the sigmoid neuron, its cost, $dZ = A - Y$. The
# function names, their arguments and shapes are the course's own (2021 edition).
# `tinygrad-dls learn start c1w3-planar-classification` makes a copy of this script for
# you to fill in, and `tinygrad-dls learn check c1w3-planar-classification` checks it.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w3-planar-classification")
flower = lesson.load("flower")
X, Y = flower.X, flower.Y  # (2, m), and (1, m) of 0 and 1
m = X.shape[1]
print(f"X {X.shape}: two coordinates of {m} points; Y {Y.shape}: 0 is red, 1 is blue")

# %% [markdown]
# ## The idea in a picture
#
# A single neuron draws a straight line. On this flower the line that logistic
# regression finds (left) is no better than tossing a coin, because the petals
# alternate. Even the best line gets only 69 % right. So put *several* neurons side by
# side, as a **hidden layer**, and let one more neuron decide from their outputs. Each
# draws a line of its own; together they bound regions.


# %%
def plot_decision_boundary(model, X, Y, ax, title=""):
    """Colour the plane by model(points (2, k)) -> k probabilities; draw X on it."""
    low, high = X.min(axis=1) - 0.3, X.max(axis=1) + 0.3  # (2,) each
    xx, yy = np.meshgrid(*(np.linspace(low[i], high[i], 200) for i in range(2)))
    plane = np.asarray(model(np.stack([xx.ravel(), yy.ravel()])), dtype=float)
    z = plane.reshape(xx.shape)
    levels = np.linspace(0, 1, 11)
    ax.contourf(xx, yy, z, levels=levels, cmap="RdBu", alpha=0.45)
    if z.min() < 0.5 < z.max():
        ax.contour(xx, yy, z, levels=[0.5], colors="black", linewidths=1)
    colours = np.where(Y[0] == 1, "tab:blue", "tab:red")
    ax.scatter(*X, c=colours, s=9, edgecolors="white", linewidths=0.3)
    ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")


def draw_network(ax, sizes, names):
    """Circles and lines for a network with these layer sizes."""
    for layer, size in enumerate(sizes):
        for i in range(size):
            y = (size - 1) / 2 - i
            for j in range(sizes[layer + 1] if layer + 1 < len(sizes) else 0):
                to = (sizes[layer + 1] - 1) / 2 - j
                ax.plot([layer, layer + 1], [y, to], color="0.7", lw=1, zorder=1)
            ax.scatter(layer, y, s=900, color="white", edgecolors="tab:blue", zorder=2)
            ax.text(layer, y, names[layer].format(i + 1), ha="center", va="center")
    ax.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-2.4, 2.2))
    for layer, text in enumerate(("input", "hidden, tanh", "output, σ")):
        ax.text(layer, -2.2, text, ha="center")
    ax.axis("off")


def logistic_regression(X, Y, num_iterations=2000, learning_rate=0.1):
    """w (2, 1), b of the single neuron, as in the lesson before."""
    w, b = np.zeros((X.shape[0], 1)), 0.0
    for _ in range(num_iterations):
        dZ = 1 / (1 + np.exp(-(w.T @ X + b))) - Y  # (1, m)
        w = w - learning_rate * X @ dZ.T / X.shape[1]
        b = b - learning_rate * np.mean(dZ)
    return w, b


def by_line(w, b):
    """points (2, k) -> probabilities of label 1, by the single neuron."""
    return lambda points: 1 / (1 + np.exp(-(w.T @ points + b)))


single = by_line(*logistic_regression(X, Y))
linear_accuracy = 100 * float(np.mean((single(X) > 0.5) == Y))
print(f"logistic regression: {linear_accuracy:g} % right")
assert linear_accuracy == 47

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6))
plot_decision_boundary(single, X, Y, left, f"one neuron: {linear_accuracy:g} % right")
draw_network(right, (2, 4, 1), ("$x_{}$", "$a^{{[1]}}_{}$", "$a^{{[2]}}$"))
right.set_title("four hidden neurons, and one that decides")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# One input, one hidden unit, one output: $x = 1$, $w_1 = 0.5$, $w_2 = 2$, no biases,
# label $y = 1$.
#
# Forward:
# $z_1 = 0.5$, $a_1 = \tanh 0.5 = 0.4621$, $z_2 = 2 a_1 = 0.9242$,
# $a_2 = \sigma(z_2) = 0.7159$. The loss is $-\log a_2 = 0.3342$.
#
# Backward, each line the line before times one slope:
#
# | | slope | derivative of the loss |
# |---|---|---|
# | $dz_2$ | $a_2 - y$, as before | $-0.2841$ |
# | $dw_2$ | $z_2 = w_2 a_1$: slope $a_1$ | $-0.2841 \cdot 0.4621 = -0.1313$ |
# | $da_1$ | slope $w_2$ | $-0.2841 \cdot 2 = -0.5682$ |
# | $dz_1$ | $\tanh' = 1 - a_1^2$ | $-0.5682 \cdot 0.7864 = -0.4469$ |
# | $dw_1$ | slope $x$ | $-0.4469 \cdot 1 = -0.4469$ |
#
# Only the third and fourth lines are new: **through the weight, then through the
# activation**. *If $w_1$ grows by 0.001, what happens to the loss?*


# %%
def tiny_loss(w1, w2, x=1.0):
    """-log sigma(w2 tanh(w1 x)): the loss for label 1."""
    return -np.log(1 / (1 + np.exp(-w2 * np.tanh(w1 * x))))


nudged = (tiny_loss(0.501, 2) - tiny_loss(0.499, 2)) / 0.002
print(f"loss {tiny_loss(0.5, 2):.4f}, its slope in w1 measured: {nudged:.4f}")
assert abs(nudged + 0.4469) < 1e-4

# %% [markdown]
# ## The mathematics
#
# A number in square brackets says which layer. With $n_x = 2$ inputs, $n_h$ hidden
# units, $n_y = 1$ output and $m$ examples side by side:
#
# | forward | shapes |
# |---|---|
# | $Z^{[1]} = W^{[1]} X + b^{[1]}$ | $(n_h, n_x)(n_x, m) + (n_h, 1) \to (n_h, m)$ |
# | $A^{[1]} = \tanh(Z^{[1]})$ | $(n_h, m)$ |
# | $Z^{[2]} = W^{[2]} A^{[1]} + b^{[2]}$ | $(n_y, n_h)(n_h, m) + (n_y, 1) \to$ same |
# | $A^{[2]} = \sigma(Z^{[2]})$ | $(n_y, m)$ |
#
# $$
# J = -\frac{1}{m} \sum_{i=1}^{m} \Big( y^{(i)} \log a^{[2](i)}
# + (1 - y^{(i)}) \log (1 - a^{[2](i)}) \Big)
# $$
#
# | backward | shapes |
# |---|---|
# | $dZ^{[2]} = A^{[2]} - Y$ | $(n_y, m)$ |
# | $dW^{[2]} = \frac{1}{m} dZ^{[2]} A^{[1]T}$ | $(n_y, m)(m, n_h) \to (n_y, n_h)$ |
# | $db^{[2]} = \frac{1}{m} \sum_i dZ^{[2](i)}$ | $(n_y, 1)$ |
# | $dZ^{[1]} = W^{[2]T} dZ^{[2]} * (1 - A^{[1]2})$ | $(n_h, n_y)(n_y, m)$: $(n_h, m)$ |
# | $dW^{[1]} = \frac{1}{m} dZ^{[1]} X^T$ | $(n_h, m)(m, n_x) \to (n_h, n_x)$ |
# | $db^{[1]} = \frac{1}{m} \sum_i dZ^{[1](i)}$ | $(n_h, 1)$ |
#
# The star multiplies element by element. Each gradient has the shape of what it is the
# gradient of. (As in the course, $1/m$ is left out of $dZ$ and put into $dW$ and $db$.)
#
# Why $W^{[2]T}$? Hidden unit $j$ speaks to output $k$ through the weight
# $W^{[2]}_{kj}$, so on the way back it collects $\sum_k W^{[2]}_{kj}\, dZ^{[2]}_k$:
# that sum runs over the *rows* of $W^{[2]}$, and a matrix product sums over rows of the
# left matrix only when it is transposed.
#
# ## Your code
#
# **Exercise 1.** The sizes of the layers, from the data. The hidden layer has 4 units.


# %%
def sigmoid(z):
    """1 / (1 + e^-z), element by element."""
    return 1 / (1 + np.exp(-z))


def layer_sizes(X, Y):
    """(n_x, n_h, n_y) for X (n_x, m), Y (n_y, m); n_h is 4."""
    # BEGIN SOLUTION
    n_x = X.shape[0]
    n_h = 4
    n_y = Y.shape[0]
    # END SOLUTION
    return (n_x, n_h, n_y)


assert layer_sizes(np.zeros((5, 3)), np.zeros((2, 3))) == (5, 4, 2)

# %% [markdown]
# **Exercise 2.** Small random weights, `np.random.randn(...) * 0.01`, first `W1`, then
# `W2`; biases of zeros. The seed makes your draw the course's draw.


# %%
def initialize_parameters(n_x, n_h, n_y):
    """{"W1" (n_h, n_x), "b1" (n_h, 1), "W2" (n_y, n_h), "b2" (n_y, 1)}."""
    np.random.seed(2)
    # BEGIN SOLUTION
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    # END SOLUTION
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


parameters = initialize_parameters(2, 4, 1)
assert {k: p.shape for k, p in parameters.items()} == {
    "W1": (4, 2),
    "b1": (4, 1),
    "W2": (1, 4),
    "b2": (1, 1),
}
assert np.allclose(parameters["W1"][0], [-0.00416758, -0.00056267])

# %% [markdown]
# **Exercise 3.** The forward pass. The `cache` keeps what backward will need.


# %%
def forward_propagation(X, parameters):
    """A2 (n_y, m), and the cache {"Z1", "A1", "Z2", "A2"}."""
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    # BEGIN SOLUTION
    Z1 = np.dot(W1, X) + b1  # (n_h, m)
    A1 = np.tanh(Z1)  # (n_h, m)
    Z2 = np.dot(W2, A1) + b2  # (n_y, m)
    A2 = sigmoid(Z2)  # (n_y, m)
    # END SOLUTION
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


tiny = {"W1": 0.5, "b1": 0.0, "W2": 2.0, "b2": 0.0}
tiny = {name: np.array([[value]]) for name, value in tiny.items()}
one = np.array([[1.0]])
A2, cache = forward_propagation(one, tiny)
assert abs(cache["A1"][0, 0] - 0.4621) < 1e-4 and abs(A2[0, 0] - 0.7159) < 1e-4

# %% [markdown]
# **Exercise 4.** The cost, a plain number. *Predict: what is it for the flower with the
# weights as just drawn?* (They are tiny, so all $a$ are nearly $\frac12$.)


# %%
def compute_cost(A2, Y):
    """Mean cross-entropy, a float, of probabilities A2 (1, m) and labels Y (1, m)."""
    m = Y.shape[1]
    # BEGIN SOLUTION
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    # END SOLUTION
    return float(np.squeeze(cost))


first_cost = compute_cost(forward_propagation(X, parameters)[0], Y)
print(f"cost before training: {first_cost:.6f}, log 2 = {np.log(2):.6f}")
assert abs(first_cost - 0.693048) < 1e-6

# %% [markdown]
# **Exercise 5.** The backward pass: six lines, those of the table. Sum biases with
# `axis=1, keepdims=True`, so that they stay columns.


# %%
def backward_propagation(parameters, cache, X, Y):
    """Gradients {"dW1", "db1", "dW2", "db2"}, each of its parameter's shape."""
    m = X.shape[1]
    W2 = parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    # BEGIN SOLUTION
    dZ2 = A2 - Y  # (n_y, m)
    dW2 = np.dot(dZ2, A1.T) / m  # (n_y, n_h)
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m  # (n_y, 1)
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))  # (n_h, m)
    dW1 = np.dot(dZ1, X.T) / m  # (n_h, n_x)
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m  # (n_h, 1)
    # END SOLUTION
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


# %% [markdown]
# **Exercise 6.** One step downhill: each parameter minus `learning_rate` times its
# gradient, in a new dictionary.


# %%
def update_parameters(parameters, grads, learning_rate=1.2):
    """The parameters after one step of gradient descent."""
    # BEGIN SOLUTION
    return {
        name: parameters[name] - learning_rate * grads["d" + name]
        for name in ("W1", "b1", "W2", "b2")
    }
    # END SOLUTION


# %% [markdown]
# **Exercise 7.** Put it together: start, then forward, cost, backward, update, again
# and again. (`steps` is how the loop counts: `range`, or the lesson's `range` with a
# progress bar. `costs` is a dictionary to note the cost of each step in.)


# %%
def nn_model(
    X, Y, n_h, num_iterations=10000, print_cost=False, steps=range, costs=None
):
    """Parameters of a network with n_h hidden units after `num_iterations` steps."""
    np.random.seed(3)
    n_x, _, n_y = layer_sizes(X, Y)
    parameters = initialize_parameters(n_x, n_h, n_y)
    for i in steps(num_iterations):
        # BEGIN SOLUTION
        A2, cache = forward_propagation(X, parameters)
        cost = compute_cost(A2, Y)
        grads = backward_propagation(parameters, cache, X, Y)
        parameters = update_parameters(parameters, grads)
        # END SOLUTION
        if costs is not None:
            costs[i] = cost
        if print_cost and i % 1000 == 0:
            print(f"Cost after iteration {i}: {cost:f}")
    return parameters


# %% [markdown]
# **Exercise 8.** The label is 1 where the probability is above one half.


# %%
def predict(parameters, X):
    """Labels (1, m), True for 1, of the points X (n_x, m)."""
    # BEGIN SOLUTION
    A2, _ = forward_propagation(X, parameters)
    return A2 > 0.5
    # END SOLUTION


assert predict(tiny, np.array([[1.0, -1.0]])).tolist() == [[True, False]]


# %% [markdown]
# ## Check it three ways
#
# **By hand**: the tiny network above, whose gradients we know.

# %%
tiny_grads = backward_propagation(tiny, cache, one, one)
known = {"dW1": -0.4469, "db1": -0.4469, "dW2": -0.1313, "db2": -0.2841}
for name, value in known.items():
    print(f"{name}  mine {tiny_grads[name][0, 0]:.4f}, by hand {value:.4f}")
    assert abs(tiny_grads[name][0, 0] - value) < 1e-4

# %% [markdown]
# **Against the engine.** The forward formulas in tensors; `backward` does the rest. We
# compare at large random parameters, where no gradient is nearly zero by accident.


# %%
def cost_by_engine(W1, b1, W2, b2, X, Y):
    """J for tensors, with the shapes of the table."""
    A1 = (W1 @ X + b1).tanh()  # (n_h, m)
    A2 = (W2 @ A1 + b2).sigmoid()  # (n_y, m)
    losses = -(Y * A2.log() + (1 - Y) * (1 - A2).log())  # (n_y, m)
    return losses.sum() / X.shape[1]


tX, tY = dls.Tensor(X, name="X"), dls.Tensor(Y.astype("float64"), name="Y")
rng = np.random.default_rng(lesson.seed)
point = {
    name: rng.standard_normal(p.shape)
    for name, p in initialize_parameters(2, 4, 1).items()
}
A2, cache = forward_propagation(X, point)
grads = backward_propagation(point, cache, X, Y)
tensors = {
    name: dls.Tensor(p, requires_grad=True, name=name) for name, p in point.items()
}
J = cost_by_engine(**tensors, X=tX, Y=tY)
J.backward()
for name, tensor in tensors.items():
    assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
    assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10
assert abs(J.item() - compute_cost(A2, Y)) < 1e-10


# %% [markdown]
# **Step by step.** `dls.manual` grades your gradients one by one, in the order of
# backward, and says which is the first wrong one. Here a hidden layer whose tanh was
# forgotten on the way back: `dZ1` is wrong, and `dW1` is only wrong because of it.

# %%
Z1 = tensors["W1"] @ tX + tensors["b1"]
A1 = Z1.tanh()
Z2 = tensors["W2"] @ A1 + tensors["b2"]
steps = {**tensors, "Z1": Z1, "A1": A1, "Z2": Z2, "A2": Z2.sigmoid(), "X": tX, "Y": tY}
J = -(tY * steps["A2"].log() + (1 - tY) * (1 - steps["A2"]).log()).sum() / X.shape[1]
mine = {"dZ2": A2 - Y, "dA1": point["W2"].T @ (A2 - Y), **grads}
assert dls.manual(J, steps, mine, m=X.shape[1]).ok
forgotten = mine | {"dZ1": mine["dA1"], "dW1": mine["dA1"] @ X.T / X.shape[1]}
graded = dls.manual(J, steps, forgotten, m=X.shape[1])
print(graded)
assert graded.first.name == "dZ1" and graded["dW1"].verdict == "inherited"


# %% [markdown]
# **Numerically**: nudge each of the 17 parameters. `check_gradients` takes your cost
# and your gradients; `dls.gradcheck` takes the function of tensors, and checks the rule
# of each operation in it as well.


# %%
def cost_of(parameters):
    """The cost on the flower, as a function of the parameters alone."""
    return compute_cost(forward_propagation(X, parameters)[0], Y)


report = check.check_gradients(cost_of, point, grads)
print(report)
assert report.ok
report = dls.gradcheck(
    lambda W1, b1, W2, b2: cost_by_engine(W1, b1, W2, b2, tX, tY), *tensors.values()
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Read it from the top. The gradient of `W1` at the top is what is left of the 1 at the
# bottom after it passed through the loss, the sigmoid, the weights `W2` and the tanh:
# the table above, step by step. The page `graph.html` takes these steps with the arrow
# keys; two of them have a link.

# %%
for tensor in tensors.values():
    tensor.grad = None
with dls.trace():
    J = cost_by_engine(**tensors, X=tX, Y=tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(
    graph,
    "graph",
    steps={"dJ/dA1, before the tanh": "tanh", "dJ/dW1, at the end": "W1"},
)
print(graph)
graph

# %% [markdown]
# ## Train
#
# Four hidden units, 10,000 steps with learning rate 1.2. First your code, then the
# engine's gradients in the same loop, from the same start.


# %%
def train_by_engine(X, Y, n_h, num_iterations, learning_rate=1.2, steps=range):
    """Parameters (arrays) and {iteration: cost}, by the engine's gradients."""
    start = initialize_parameters(X.shape[0], n_h, Y.shape[0])
    tensors = {name: dls.Tensor(p, requires_grad=True) for name, p in start.items()}
    costs = {}
    for i in steps(num_iterations):
        J = cost_by_engine(**tensors, X=X, Y=Y)
        for p in tensors.values():
            p.grad = None
        J.backward()
        with dls.no_grad():  # the step itself is not part of a graph
            for p in tensors.values():
                p -= learning_rate * p.grad
        costs[i] = J.item()
    return {name: p.numpy() for name, p in tensors.items()}, costs


def accuracy(parameters, X, Y):
    """Percent of right labels."""
    return 100 * float(np.mean(predict(parameters, X) == Y))


def at_thousands(costs):
    """The costs of every thousandth step and of the last one."""
    return {i: c for i, c in costs.items() if i % 1000 == 0 or i == len(costs) - 1}


num_iterations = 1000 if lesson.fast else 10000
hand_costs = {}
by_hand = nn_model(
    X, Y, 4, num_iterations, steps=lesson.steps("by hand"), costs=hand_costs
)
engine, engine_costs = train_by_engine(
    tX, tY, 4, num_iterations, steps=lesson.steps("engine")
)
hand_accuracy, engine_accuracy = accuracy(by_hand, X, Y), accuracy(engine, X, Y)
print(f"right: by hand {hand_accuracy:g} %, by the engine {engine_accuracy:g} %")

# %% [markdown]
# ### The same with layers
#
# From here on examples are *rows*, as in most libraries: $X$ is $(m, 2)$, and
# `nn.Linear` computes $x W^T + b$ with a weight $(n_{out}, n_{in})$, which is our $W$
# as it is. The course's code has features first, the framework's has examples first;
# this is the only place where the lesson changes from one to the other. The loss takes
# $Z^{[2]}$ ("logits"), so the last layer has no sigmoid.


# %%
def planar_network(activation, n_h):
    """2 inputs, n_h hidden units, 1 logit."""
    return nn.Sequential(
        nn.Linear(2, n_h, dtype="float64"),
        activation,
        nn.Linear(n_h, 1, dtype="float64"),
    )


def train_layers(network, X, Y, num_iterations, learning_rate, steps=range):
    """Train `network` on rows X (m, 2), Y (m, 1); returns the costs."""
    optimizer = optim.SGD(network.parameters(), lr=learning_rate)
    costs = []
    for _ in steps(num_iterations):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(X), Y)  # (m, 1), (m, 1)
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    return costs


rows, targets = dls.Tensor(X.T), dls.Tensor(Y.T.astype("float64"))  # (m, 2), (m, 1)
network = planar_network(nn.Tanh(), 4)
start = initialize_parameters(2, 4, 1)
network.load_state_dict(
    {
        "0.weight": start["W1"],
        "0.bias": start["b1"][:, 0],
        "2.weight": start["W2"],
        "2.bias": start["b2"][:, 0],
    }
)
layer_costs = train_layers(
    network, rows, targets, num_iterations, 1.2, lesson.steps("layers")
)
layer_accuracy = 100 * float(np.mean((network(rows).numpy() > 0).T == Y))

shown = at_thousands(hand_costs)
lesson.table(
    ["cost at iteration", "by hand", "engine", "layers"],
    [
        [i] + [f"{costs[i]:.6f}" for costs in (hand_costs, engine_costs, layer_costs)]
        for i in shown
    ],
)
same_until = min(num_iterations, 7001)
for i in range(same_until):
    assert abs(hand_costs[i] - engine_costs[i]) < 1e-10
    assert abs(hand_costs[i] - layer_costs[i]) < 1e-10

# %% [markdown]
# ## Look at it
#
# The network has found the petals. The lower row shows what it is made of: each hidden
# unit is a soft step across the plane, from -1 to 1, along one straight line. The
# output adds the four steps with the weights $W^{[2]}$ in the titles.


# %%
def probability(parameters):
    """points (2, k) -> probabilities of label 1, for plot_decision_boundary."""
    return lambda points: forward_propagation(points, parameters)[0]


fig = plt.figure(figsize=(12, 8.2))
upper, lower = fig.add_gridspec(2, 1, height_ratios=(1.35, 1), hspace=0.32)
left, right = (fig.add_subplot(cell) for cell in upper.subgridspec(1, 2, wspace=0.2))
plot_decision_boundary(
    probability(by_hand), X, Y, left, f"4 hidden units: {hand_accuracy:g} % right"
)
right.plot(list(hand_costs.values()), label="by hand", lw=3, color="tab:blue")
right.plot(list(engine_costs.values()), "--", label="engine", color="tab:orange")
right.axhline(np.log(2), color="gray", linestyle=":", label="log 2: knows nothing")
right.set(xlabel="iteration", ylabel="cost J", ylim=(0, 0.75), title="The cost")
right.legend()
right.grid(alpha=0.3)
for unit, cell in enumerate(lower.subgridspec(1, 4, wspace=0.3)):
    ax = fig.add_subplot(cell)

    def response(points, unit=unit):
        """The unit's activation, moved from -1..1 to 0..1 for the colours."""
        return (forward_propagation(points, by_hand)[1]["A1"][unit] + 1) / 2

    weight = by_hand["W2"][0, unit]
    plot_decision_boundary(response, X, Y, ax, f"unit {unit + 1}, weight {weight:.1f}")
lesson.figure(fig, "boundary")

# %% [markdown]
# ### Why does the cost rise again?
#
# By hand it is .217504 at iteration 7000, but .2195 at 8000. Gradient descent in a
# valley $J = \frac12 \lambda w^2$, where $\lambda$ is the curvature, goes
#
# $$w := w - \alpha \lambda w = (1 - \alpha\lambda)\, w .$$
#
# That shrinks $w$ as long as $\alpha\lambda < 2$. Beyond, each step leads to the other
# wall of the valley, and higher. While our weights grow, the valley becomes narrower:
# $\alpha$ times the largest curvature passes 2 shortly after iteration 7000, and about
# 700 steps later the cost climbs, until the weights have moved to where the valley is
# wider.
#
# In such a place rounding matters. Your code and the engine add the same numbers in a
# different order, so their costs differ in about the 16th digit. For 7000 iterations
# the difference stays below $10^{-10}$: we asserted it. Beyond 2 each step multiplies
# the difference, and in the end one run has 90.75 % and another may have 90.5. **Both
# are right.** To compare two programs, compare gradients at one point, not the ends of
# long runs.


# %%
def train_from(parameters, backward, num_iterations, learning_rate=1.2):
    """Gradient descent on the flower from `parameters`: (parameters, costs)."""
    costs = []
    for _ in range(num_iterations):
        A2, cache = forward_propagation(X, parameters)
        costs.append(compute_cost(A2, Y))
        grads = backward(parameters, cache, X, Y)
        parameters = update_parameters(parameters, grads, learning_rate)
    return parameters, costs


def largest_curvature(parameters, eps=1e-5):
    """The largest second derivative of the cost, over all directions."""
    flat = np.concatenate([p.ravel() for p in parameters.values()])  # (17,)
    ends = np.cumsum([p.size for p in parameters.values()])[:-1]

    def gradient(flat):
        pieces = zip(parameters, np.split(flat, ends), strict=True)
        p = {k: piece.reshape(parameters[k].shape) for k, piece in pieces}
        grads = backward_propagation(p, forward_propagation(X, p)[1], X, Y)
        return np.concatenate([grads["d" + name].ravel() for name in p])

    nudges = eps * np.eye(flat.size)
    rows = [(gradient(flat + e) - gradient(flat - e)) / (2 * eps) for e in nudges]
    return float(np.linalg.eigvalsh(np.array(rows))[-1])  # the Hessian's eigenvalue


if not lesson.fast:
    walker, curvatures = initialize_parameters(2, 4, 1), {}
    for i in lesson.progress(range(0, num_iterations + 1, 250), "curvature"):
        curvatures[i] = 1.2 * largest_curvature(walker)
        walker, _ = train_from(walker, backward_propagation, 250)
    assert curvatures[6000] < 2 < curvatures[7750]  # this is what happens

    fig, axes = plt.subplots(1, 3, figsize=(14, 3.9))
    left, middle, right = axes
    left.plot(list(curvatures), list(curvatures.values()), ".-", color="tab:green")
    left.axhline(2, color="gray", linestyle=":", label="2: steps overshoot")
    left.set(xlabel="iteration", title="learning rate x largest curvature")
    left.legend()
    near = range(7800, 7960)
    middle.plot(near, [hand_costs[i] for i in near], ".-", lw=0.8)
    middle.set(
        xlabel="iteration", ylabel="cost J", title="The cost climbs by nearly 2 %"
    )
    tiny_number = 1e-17  # so that a difference of 0 has a logarithm
    gap = [abs(hand_costs[i] - engine_costs[i]) + tiny_number for i in hand_costs]
    right.semilogy(gap, lw=0.8, color="tab:orange")
    right.set(xlabel="iteration", ylabel="difference (log scale)")
    right.set_title("cost by hand against the engine's")
    for ax in axes:
        ax.grid(alpha=0.3)
    fig.tight_layout()
    lesson.figure(fig, "instability")

# %% [markdown]
# ### How many hidden units?
#
# *Predict: what can a network with one hidden unit draw? With two?*

# %%
size_iterations = 500 if lesson.fast else 5000
hidden_layer_sizes = (1, 2, 3, 4, 5, 20)
hand_sizes, engine_sizes = {}, {}
fig, axes = plt.subplots(2, 3, figsize=(12, 7.6))
for n_h, ax in zip(hidden_layer_sizes, axes.flat, strict=True):
    costs = {}
    units = f"{n_h} unit{'s' * (n_h > 1)}"
    steps = lesson.steps(f"{units} by hand")
    found = nn_model(X, Y, n_h, size_iterations, steps=steps, costs=costs)
    score = accuracy(found, X, Y)
    hand_sizes[n_h] = {"train_accuracy": score, "costs": at_thousands(costs)}
    title = f"{n_h} hidden unit{'s' * (n_h > 1)}: {score:g} %"
    plot_decision_boundary(probability(found), X, Y, ax, title)
    steps = lesson.steps(f"{units} engine")
    found, costs = train_by_engine(tX, tY, n_h, size_iterations, steps=steps)
    score = accuracy(found, X, Y)
    engine_sizes[n_h] = {"train_accuracy": score, "costs": at_thousands(costs)}
fig.tight_layout()
lesson.figure(fig, "hidden_sizes")
lesson.table(
    ["hidden units", "by hand %", "engine %"],
    [
        [n]
        + [f"{sizes[n]['train_accuracy']:g}" for sizes in (hand_sizes, engine_sizes)]
        for n in hidden_layer_sizes
    ],
)

# %% [markdown]
# One unit draws a straight line too, but a better one than logistic regression, nearly
# the best there is (69 %): tanh levels off, so points far away from the line pull no
# harder than near ones. Three units are enough for the petals. Twenty begin to draw
# islands around a few points; whether that is good, only points that were not trained
# on could tell (Course 2, week 1).
#
# ### Which activation?
#
# Without one, $W^{[2]}(W^{[1]}x + b^{[1]}) + b^{[2]}$ is a straight line again, and the
# hidden layer is useless. Four functions, each with its derivative, in the
# same network of 20 hidden units, from the same start.

# %%
activations = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "leaky ReLU": nn.LeakyReLU,
}
activation_figures = {}
activation_iterations = 200 if lesson.fast else 5000
fig, axes = plt.subplots(2, 4, figsize=(13, 6.4))
for (name, activation), (upper, lower) in zip(activations.items(), axes.T, strict=True):
    z = dls.Tensor(np.linspace(-3, 3, 301), requires_grad=True)
    a = activation()(z)
    a.sum().backward()  # the derivative at each of the 301 places
    upper.plot(z.numpy(), a.numpy(), label="a = g(z)")
    upper.plot(z.numpy(), z.grad.numpy(), "--", label="g'(z)")
    upper.set(title=name, xlabel="z", ylim=(-1.2, 3))
    upper.legend(loc="upper left", fontsize=8)
    upper.grid(alpha=0.3)

    dls.manual_seed(lesson.seed)
    network = planar_network(activation(), 20)
    steps = lesson.steps(name)
    costs = train_layers(network, rows, targets, activation_iterations, 0.3, steps)

    def output(points, network=network):
        """points (2, k) -> probabilities."""
        with dls.no_grad():
            return network(dls.Tensor(points.T)).sigmoid().numpy()

    score = 100 * float(np.mean((output(X).T > 0.5) == Y))
    activation_figures[name] = {
        "train_accuracy": score,
        "costs": {0: costs[0], len(costs) - 1: costs[-1]},
    }
    title = f"{score:g} % right, cost {costs[-1]:.3f}"
    plot_decision_boundary(output, X, Y, lower, title)
fig.tight_layout()
lesson.figure(fig, "activations")

# %% [markdown]
# Sigmoid and tanh bend softly, ReLU folds along straight edges. The derivative of the
# sigmoid is at most $\frac14$, that of tanh at most 1: gradients reach the first layer
# up to four times as strong, so tanh learns faster here. ReLU's derivative does not
# fade for large $z$, which matters in deep networks; but where $z < 0$ it is 0, and a
# unit that is negative for all points gets no gradient any more. Leaky ReLU keeps a
# small one.
#
# ### Other data
#
# The same code on five other data sets. The last has no structure: whatever accuracy
# comes out, there is nothing to learn from it.

# %%
extra_figures = {}
extra_iterations = 200 if lesson.fast else 5000
names = ("noisy-circles", "noisy-moons", "blobs", "gaussian-quantiles", "no-structure")
fig, axes = plt.subplots(2, 3, figsize=(12, 7.6))
for name, ax in zip(names, axes.flat, strict=False):
    extra = lesson.load(name)
    found = nn_model(extra.X, extra.Y, 5, extra_iterations, steps=lesson.steps(name))
    score = accuracy(found, extra.X, extra.Y)
    single = by_line(*logistic_regression(extra.X, extra.Y))
    line = 100 * float(np.mean((single(extra.X) > 0.5) == extra.Y))
    extra_figures[name] = {"train_accuracy": score, "line": line}
    title = f"{name}: line {line:g} %, 5 units {score:g} %"
    plot_decision_boundary(probability(found), extra.X, extra.Y, ax, title)
axes[1, 2].axis("off")
fig.tight_layout()
lesson.figure(fig, "extra_sets")

# %% [markdown]
# ## Break it
#
# **1. Start with zeros.** It worked for one neuron; why not here? If all weights are
# zero, so are $A^{[1]}$ and $W^{[2]T}dZ^{[2]}$, and both weight gradients vanish: the
# weights never move. With equal weights other than zero they do, but all units get the
# *same* gradient and stay the same unit four times. **The gradient check says "right",
# and it is.** What shows it is comparing the units.

# %%
short = 300 if lesson.fast else 3000
zeros = {name: np.zeros_like(p) for name, p in point.items()}
grads = backward_propagation(zeros, forward_propagation(X, zeros)[1], X, Y)
print("from zeros: largest weight gradient", np.abs(grads["dW1"]).max())
assert not grads["dW1"].any() and not grads["dW2"].any()

equal = {name: np.full_like(p, 0.5) for name, p in point.items()}
grads = backward_propagation(equal, forward_propagation(X, equal)[1], X, Y)
assert check.check_gradients(cost_of, equal, grads).ok  # nothing wrong with them
equal, equal_costs = train_from(equal, backward_propagation, short)
for unit in range(1, 4):
    verdict = dls.compare(
        f"unit 1 = unit {unit + 1}?", equal["W1"][0], equal["W1"][unit]
    )
    assert verdict.ok
equal_accuracy = accuracy(equal, X, Y)
print(f"four units, all the same: {equal_accuracy:g} %")
assert equal_accuracy < 75

# %% [markdown]
# **2. A lost derivative.** Forget $(1 - A^{[1]2})$: near $z = 0$ it is about 1, so
# training starts as if nothing were wrong. The check finds it; and as `dW2`, `db2` are
# right and `dW1`, `db1` wrong, the mistake lies between the two layers.


# %%
def backward_without_tanh(parameters, cache, X, Y):
    """WRONG: dZ1 without the slope of tanh."""
    dZ2 = cache["A2"] - Y
    dZ1 = np.dot(parameters["W2"].T, dZ2)
    m = X.shape[1]
    return {
        "dW1": np.dot(dZ1, X.T) / m,
        "db1": np.sum(dZ1, axis=1, keepdims=True) / m,
        "dW2": np.dot(dZ2, cache["A1"].T) / m,
        "db2": np.sum(dZ2, axis=1, keepdims=True) / m,
    }


_, cache = forward_propagation(X, point)
lost = backward_without_tanh(point, cache, X, Y)
report = check.check_gradients(cost_of, point, lost, m=m)
print(report)
assert [c.name for c in report.wrong] == ["dW1", "db1"]
start = initialize_parameters(2, 4, 1)
_, right_costs = train_from(start, backward_propagation, short)
_, lost_costs = train_from(start, backward_without_tanh, short)

# %% [markdown]
# **3. A lost axis.** `np.sum(dZ1, axis=1)` without `keepdims=True` has shape `(4,)`,
# not `(4, 1)`. Subtract it from `b1`, and NumPy broadcasts: `b1` becomes `(4, 4)`
# without a word. (The next forward pass fails on it, if you are lucky: with 400 hidden
# units and 400 points it would not.)

# %%
right_grads = backward_propagation(point, cache, X, Y)
flat = dict(right_grads, db1=right_grads["db1"][:, 0])
print("b1 after the step:", update_parameters(point, flat)["b1"].shape)
verdict = dls.compare("db1", flat["db1"], right_grads["db1"])
assert not verdict.ok and "keepdims" in verdict.hint

# %% [markdown]
# **4. Too large a step.** Ten times the learning rate: the cost goes up and down at
# every step (the orange band) and never settles. With the slope of tanh lost it stays
# near the $\log 2$ of knowing nothing.

# %%
start = initialize_parameters(2, 4, 1)
with np.errstate(all="ignore"):
    _, fast_costs = train_from(start, backward_propagation, short, learning_rate=12)
fig, ax = plt.subplots(figsize=(8, 4.2))
ax.plot(fast_costs, color="tab:orange", lw=0.5, label="learning rate 12")
ax.plot(right_costs, color="black", lw=2, label="right")
ax.plot(equal_costs, color="tab:green", label="four equal units")
ax.plot(lost_costs, color="tab:red", lw=0.8, label="slope of tanh lost")
ax.set(xlabel="iteration", ylabel="cost J", ylim=(0, 1.5), title="Three ways to fail")
for line in ax.legend(loc="upper right").get_lines():
    line.set_linewidth(2)
ax.grid(alpha=0.3)
lesson.figure(fig, "broken")

# %% [markdown]
# ## Recap
#
# - A hidden layer draws several lines, the output combines them: the boundary bends.
# - Backward, layer by layer: through the weights ($W^{T} dZ$), through the activation
#   ($* \, g'(Z)$), then $dW = dZ A^T/m$ and $db = \sum dZ/m$.
# - Weights start random, so that units differ, and small, so that tanh is not flat.
# - Without an activation any depth is a straight line.
# - Compare gradients, not long runs: rounding may decide the end of those.
#
# ## Questions
#
# 1. How many parameters does a 2-4-1 network have?
#    <details><summary>Answer</summary>
#    4 x 2 + 4 for the hidden layer, 1 x 4 + 1 for the output: 17.
#    </details>
# 2. Weights start at 100 x `randn` in place of 0.01 x. What happens to tanh and to the
#    gradient of `W1`?
#    <details><summary>Answer</summary>
#    Z1 is in the hundreds, tanh is -1 or 1, its slope 1 - A1^2 is 0: hardly any
#    gradient reaches W1. The units are saturated.
#    </details>
# 3. Two hidden units change places, together with their weights in `W1`, `b1`, `W2`.
#    What happens to the output?
#    <details><summary>Answer</summary>
#    Nothing. So there are 4! = 24 equally good solutions (and more: tanh is odd, so the
#    signs of a unit's weights, in and out, may be flipped).
#    </details>
# 4. May the biases start at zero?
#    <details><summary>Answer</summary>
#    Yes: random weights already make the units different.
#    </details>
# 5. Why does the output use a sigmoid, not tanh?
#    <details><summary>Answer</summary>
#    A probability lies between 0 and 1.
#    </details>
#
# ## Go further
#
# - Halve the learning rate when the cost rises. Does the jump at 7850 go away?
# - Make 200 more points with `sources.flower(seed=2)` (of `tinygrad_dls.data`) and test
#   the 20 hidden units on them, against 4.
# - Write a network with two hidden layers, by hand. Next,
#   `c1w4-deep-network-step-by-step` does it for any number of them.

# %%
# The end: this run must have reached what is known of it.
assert abs(hand_costs[0] - 0.693048) < 1e-6
assert hand_accuracy > 85 and engine_accuracy > 85 and layer_accuracy > 85
if not lesson.fast:
    known_costs = (0.693048, 0.288083, 0.254385, 0.233864, 0.226792, 0.222644)
    known_costs += (0.219731, 0.217504)
    for i, cost in enumerate(known_costs):
        assert abs(hand_costs[1000 * i] - cost) < 1e-6
        assert abs(engine_costs[1000 * i] - cost) < 1e-6
    for costs in (hand_costs, engine_costs, layer_costs):
        assert abs(costs[9000] - 0.21856) < 2e-4  # after the jump
    for score in (hand_accuracy, engine_accuracy, layer_accuracy):
        assert abs(score - 90.75) <= 0.5  # two points of 400
    known_sizes = {1: 67.5, 2: 67.25, 3: 90.75, 4: 90.5, 5: 91.25}
    for n_h, score in known_sizes.items():
        for sizes in (hand_sizes, engine_sizes):  # one point of 400 may differ
            assert abs(sizes[n_h]["train_accuracy"] - score) <= 0.25
    assert activation_figures["tanh"]["train_accuracy"] > 86
    for name in ("noisy-moons", "gaussian-quantiles"):
        assert extra_figures[name]["train_accuracy"] > 93

lesson.finish(
    {
        "train_accuracy": hand_accuracy,
        "costs": at_thousands(hand_costs),
        "hidden_sizes": hand_sizes,
        "logistic_regression": {"train_accuracy": linear_accuracy},
        "activations": activation_figures,
        "extra_sets": extra_figures,
        "equal_units": {"train_accuracy": equal_accuracy},
        "engine": {
            "train_accuracy": engine_accuracy,
            "costs": at_thousands(engine_costs),
            "hidden_sizes": engine_sizes,
        },
        "layers": {
            "train_accuracy": layer_accuracy,
            "costs": at_thousands(dict(enumerate(layer_costs))),
        },
    }
)
