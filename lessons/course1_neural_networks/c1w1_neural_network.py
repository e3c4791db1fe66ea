# %% [markdown]
# # Neural network: one neuron, and when many of them pay off
#
# Course 1, week 1. About an hour with the exercises. The script runs for about half a
# minute on two free cores, with `--fast` for a few seconds.
#
# **Goal.** See what a neural network is made of, and when it is worth its price. You
# will
#
# - fit one neuron to prices of houses, with gradients of your own,
# - build the oldest learning machine there is, the perceptron, and find its limit,
# - train small and large networks on more and more data: *measure* when size pays off,
# - give the same data to networks of several kinds, and see which kind fits which data,
# - break the neuron in five ways, and see which tool notices.
#
# ## What you need
#
# The slope of $x^2$, the chain rule for two functions, a little NumPy. No other lesson.
# `tinygrad-dls learn start c1w1-neural-network` makes a copy of this script for you to
# fill in, and `tinygrad-dls learn check c1w1-neural-network` checks it.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w1-neural-network")
digits = lesson.load("mnist-5k")  # for the last experiment
np.random.seed(lesson.seed)
m = 60
X = 0.1 + 2.2 * np.random.rand(1, m)  # (1, m): size of a house in 100 square metres
noise = 0.25 * np.random.randn(1, m)
Y = np.maximum(0.05, 2.5 * X - 0.8 + noise)  # (1, m): its price, in 100,000
print(f"{m} houses (made up): sizes X {X.shape}, prices Y {Y.shape}")

# %% [markdown]
# ## The idea in a picture
#
# Left: houses, their size and their price. A straight line would sell the smallest
# houses for less than nothing, so we bend it at 0: that is a **neuron**. It multiplies
# its input by a weight $w$, adds a bias $b$, and keeps what is positive (ReLU, the
# "rectified linear unit"): $\hat y = \max(0, wx + b)$.
#
# Right: a **network** stacks neurons. Each of the hidden ones is free to find its own
# question ("how large a family fits in?", "is it near to shops?"): nobody tells it
# which. We give inputs $x$ and outputs $y$; what lies between is learned.


# %%
def draw_network(ax, layers):
    """Circles with texts, layer by layer, and lines between neighbouring layers."""
    places = [
        [(column, (len(texts) - 1) / 2 - row) for row in range(len(texts))]
        for column, texts in enumerate(layers)
    ]
    for here, there in pairwise(places):
        for x0, y0 in here:
            for x1, y1 in there:
                ax.plot([x0, x1], [y0, y1], color="0.75", lw=1, zorder=1)
    for texts, spots in zip(layers, places, strict=True):
        for text, (x, y) in zip(texts, spots, strict=True):
            ax.scatter(x, y, s=2300, color="white", edgecolors="tab:blue", zorder=2)
            ax.text(x, y, text, ha="center", va="center", fontsize=8, zorder=3)
    ax.set(xlim=(-0.5, len(layers) - 0.5), ylim=(-2.1, 2.1))
    ax.axis("off")


def plot_houses(ax, title=""):
    """The houses as points."""
    ax.plot(X[0], Y[0], "o", color="black", markersize=4, label="houses")
    ax.set(xlabel="size in 100 m²", ylabel="price in 100,000", title=title)
    ax.grid(alpha=0.3)


fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
plot_houses(left, "one neuron: max(0, w x + b)")
sizes = np.linspace(0, 2.4, 100)  # (100,)
left.plot(sizes, np.maximum(0, 2.5 * sizes - 0.8), color="tab:red", label="a neuron")
left.legend()
inputs = ["size", "rooms", "postcode", "wealth"]
draw_network(right, [inputs, ["?", "?", "?"], ["price"]])
right.set_title("a network: four inputs, three hidden neurons, one output")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# One house of size $x = 1$ and price $y = 2.6$; a neuron with $w = 2$, $b = 0.1$.
#
# $$z = 2 \cdot 1 + 0.1 = 2.1, \quad a = \max(0, z) = 2.1, \quad
# \text{loss} = (a - y)^2 = 0.25$$
#
# Which way should $w$ go? The slope of $(a - y)^2$ in $a$ is $2(a - y) = -1$; that of
# ReLU is 1, as $z > 0$; that of $z = wx + b$ is $x = 1$ in $w$, and 1 in $b$. The
# product: $dw = -1$, $db = -1$. (`dw` is short for the derivative of the loss in $w$.)
# So both should grow. A step of *learning rate* 0.1 downhill gives $w = 2.1$,
# $b = 0.2$. *What is the loss then?*

# %%
for w_one, b_one in ((2.0, 0.1), (2.1, 0.2)):
    a_one = max(0.0, w_one * 1 + b_one)
    print(f"w = {w_one}, b = {b_one}: a = {a_one:.2f}, loss {(a_one - 2.6) ** 2:.4f}")
assert abs((a_one - 2.6) ** 2 - 0.09) < 1e-12

# %% [markdown]
# ## The mathematics
#
# Examples stand side by side as columns: $X$ is $(n_x, m)$ for $m$ examples of $n_x$
# numbers each (here $n_x = 1$), $Y$ is $(1, m)$, $w$ is $(n_x, 1)$, $b$ a number.
#
# | forward | shape |
# |---|---|
# | $Z = w^T X + b$ | $(1, n_x)(n_x, m) \to (1, m)$ |
# | $A = \max(0, Z)$ | $(1, m)$ |
# | $J = \frac1m \sum_i (a^{(i)} - y^{(i)})^2$ | a number |
#
# | backward | shape |
# |---|---|
# | $dZ = 2 (A - Y) * [Z > 0]$, the star number by number | $(1, m)$ |
# | $dw = \frac1m X\, dZ^T$ | $(n_x, m)(m, 1) \to (n_x, 1)$ |
# | $db = \frac1m \sum_i dz^{(i)}$ | a number |
#
# $[Z > 0]$ is 1 where $Z > 0$, else 0: the slope of ReLU. The transpose: element $j$ of
# $dw$ is $\frac1m \sum_i x_j^{(i)} dz^{(i)}$, row $j$ of $X$ times the row $dZ$.
#
# **The perceptron** (Rosenblatt, 1958) is a neuron that says yes or no: 1 if
# $w^T x + b > 0$, else 0. It has no slope to go down, so it learns from its mistakes
# alone, one example at a time:
#
# $$w := w + (y - a)\, x, \qquad b := b + (y - a) .$$
#
# If it was right, $y - a = 0$ and nothing changes. If it said 0 where 1 was right, $w$
# moves towards $x$, so that $w^T x$ grows. If *some* line separates the two classes
# with a gap $\gamma$ on either side, and no point is farther than $R$ from the origin,
# then it makes at most $(R/\gamma)^2$ mistakes in all (Novikoff, 1962), and then none.
#
# ## Your code
#
# **Exercise 1.** The neuron.


# %%
def neuron(X, w, b):
    """max(0, w^T X + b) for X (n_x, m), w (n_x, 1), b a number: A (1, m)."""
    # BEGIN SOLUTION
    return np.maximum(0, np.dot(w.T, X) + b)
    # END SOLUTION


assert abs(neuron(np.array([[1.0]]), np.array([[2.0]]), 0.1).item() - 2.1) < 1e-12

# %% [markdown]
# **Exercise 2.** The cost: the mean of the squared differences.


# %%
def squared_cost(A, Y):
    """Mean of (a - y)^2 over the examples, a float, for A and Y (1, m)."""
    # BEGIN SOLUTION
    cost = np.mean((A - Y) ** 2)
    # END SOLUTION
    return float(cost)


assert squared_cost(np.array([[1.0, 4.0]]), np.array([[2.0, 2.0]])) == 2.5

# %% [markdown]
# **Exercise 3.** The gradients, by the table above.


# %%
def neuron_backward(X, Y, w, b):
    """{"dw" (n_x, 1), "db" number}: the derivatives of the cost at (w, b)."""
    m = X.shape[1]
    A = neuron(X, w, b)  # (1, m)
    # BEGIN SOLUTION
    dZ = 2 * (A - Y) * (A > 0)  # (1, m)
    dw = np.dot(X, dZ.T) / m  # (n_x, 1)
    db = np.sum(dZ) / m
    # END SOLUTION
    return {"dw": dw, "db": db}


by_hand = neuron_backward(np.array([[1.0]]), np.array([[2.6]]), np.array([[2.0]]), 0.1)
assert abs(by_hand["dw"].item() + 1) < 1e-12 and abs(by_hand["db"] + 1) < 1e-12

# %% [markdown]
# **Exercise 4.** Gradient descent from $w = 1$, $b = 0$: note the cost, then take a
# step downhill, again and again. (`steps` is how the loop counts: `range`, or the
# lesson's `range` with a progress bar.)


# %%
def train_neuron(X, Y, num_iterations=300, learning_rate=0.1, steps=range):
    """w (n_x, 1), b, and the cost before each step."""
    w, b = np.ones((X.shape[0], 1)), 0.0
    costs = []
    for _ in steps(num_iterations):
        # BEGIN SOLUTION
        costs.append(squared_cost(neuron(X, w, b), Y))
        grads = neuron_backward(X, Y, w, b)
        w = w - learning_rate * grads["dw"]
        b = b - learning_rate * grads["db"]
        # END SOLUTION
    return w, b, costs


# %% [markdown]
# **Exercise 5.** The perceptron's answer.


# %%
def perceptron(X, w, b):
    """1.0 where w^T X + b > 0, else 0.0: (1, m)."""
    # BEGIN SOLUTION
    return (np.dot(w.T, X) + b > 0).astype(float)
    # END SOLUTION


# %% [markdown]
# **Exercise 6.** What it learns from one example.


# %%
def perceptron_step(x, y, w, b):
    """w (n_x, 1) and b after a look at the example x (n_x, 1) with label y, 0 or 1."""
    # BEGIN SOLUTION
    error = y - perceptron(x, w, b).item()  # 1, 0 or -1
    w = w + error * x
    b = b + error
    # END SOLUTION
    return w, b


w_new, b_new = perceptron_step(np.array([[1.0], [2.0]]), 1, np.zeros((2, 1)), 0.0)
assert w_new.tolist() == [[1], [2]] and b_new == 1

# %% [markdown]
# **Exercise 7.** All examples in turn, again and again, until a whole round has no
# mistake. Keep the number of mistakes of each round.


# %%
def train_perceptron(X, Y, rounds=100):
    """w (n_x, 1), b, [mistakes of each round]; at most so many rounds, from zeros."""
    w, b = np.zeros((X.shape[0], 1)), 0.0
    mistakes = []
    for _ in range(rounds):
        # BEGIN SOLUTION
        wrong = 0
        for i in range(X.shape[1]):
            x, y = X[:, i : i + 1], Y[0, i]  # (n_x, 1), a number
            wrong += int(perceptron(x, w, b).item() != y)
            w, b = perceptron_step(x, y, w, b)
        mistakes.append(wrong)
        if wrong == 0:
            break
        # END SOLUTION
    return w, b, mistakes


# %% [markdown]
# ## Check it three ways
#
# **By hand** you did: one house. **Against the engine**: the same formula in tensors,
# whose `backward` derives it, on all houses. **Numerically**: nudge $w$ and $b$, and
# see how the cost changes. All must agree.


# %%
def cost_by_engine(w, b, X, Y):
    """J for tensors w (n_x, 1), b (), X (n_x, m), Y (1, m)."""
    A = (w.T @ X + b).relu()  # (1, m)
    return ((A - Y) ** 2).mean()


tX, tY = dls.Tensor(X, name="X"), dls.Tensor(Y, name="Y")
point = {"w": np.array([[1.7]]), "b": np.array(-0.9)}  # some houses are at 0 here
grads = neuron_backward(X, Y, point["w"], point["b"])
tw = dls.Tensor(point["w"], requires_grad=True, name="w")
tb = dls.Tensor(point["b"], requires_grad=True, name="b")
J = cost_by_engine(tw, tb, tX, tY)
J.backward()
for name, tensor in (("dw", tw), ("db", tb)):
    mine = np.array(grads[name])
    assert dls.compare(name, mine, tensor.grad).ok
    assert np.abs(mine - tensor.grad.numpy()).max() < 1e-10


def cost_of(p):
    """The cost on the houses, as a function of the parameters alone."""
    return squared_cost(neuron(X, p["w"], p["b"]), Y)


report = check.check_gradients(cost_of, point, grads)
print(report)
assert report.ok
report = dls.gradcheck(lambda w, b: cost_by_engine(w, b, tX, tY), tw, tb)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The computation as the engine saw it: values on the way down, gradients on the way up.

# %%
tw.grad = tb.grad = None
with dls.trace():
    J = cost_by_engine(tw, tb, tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# The neuron, by your code; by the engine's gradients in the same loop; and with the
# framework's layers. There examples are *rows*: $X$ is $(m, 1)$.

# %%
num_iterations, learning_rate = 300, 0.1
w, b, costs = train_neuron(X, Y, num_iterations, learning_rate, lesson.steps("by hand"))

tw = dls.Tensor(np.ones((1, 1)), requires_grad=True)
tb = dls.Tensor(np.zeros(()), requires_grad=True)
engine_costs = []
for _ in lesson.progress(range(num_iterations), "engine", "steps"):
    J = cost_by_engine(tw, tb, tX, tY)
    engine_costs.append(J.item())
    tw.grad = tb.grad = None
    J.backward()
    with dls.no_grad():  # the step itself is not part of a graph
        tw -= learning_rate * tw.grad
        tb -= learning_rate * tb.grad

layers = nn.Sequential(nn.Linear(1, 1, dtype="float64"), nn.ReLU())
nn.init.ones_(layers[0].weight)
nn.init.zeros_(layers[0].bias)
optimizer = optim.SGD(layers.parameters(), lr=learning_rate)
layer_costs = []
for _ in lesson.progress(range(num_iterations), "nn.Linear", "steps"):
    optimizer.zero_grad()
    loss = F.mse_loss(layers(tX.T), tY.T)  # (m, 1), (m, 1)
    layer_costs.append(loss.item())
    loss.backward()
    optimizer.step()

lesson.table(
    ["way", "w", "b", "last cost"],
    [
        ["by hand", w.item(), b, costs[-1]],
        ["engine", tw.item(), tb.item(), engine_costs[-1]],
        ["layers", layers[0].weight.item(), layers[0].bias.item(), layer_costs[-1]],
    ],
)
assert np.abs(np.array(costs) - engine_costs).max() < 1e-10
assert np.abs(np.array(costs) - layer_costs).max() < 1e-10
assert abs(w.item() - tw.item()) < 1e-10
assert abs(w.item() - layers[0].weight.item()) < 1e-10

# %% [markdown]
# ### The perceptron
#
# Points in the plane, cut by a line, with a gap. The rule finds *a* line (not the best
# one), after fewer mistakes than Novikoff promises.

# %%
np.random.seed(lesson.seed)
plane = 2 * np.random.rand(2, 300) - 1  # (2, 300) in the square from -1 to 1
true_line = np.array([[0.6], [0.8]])  # of length 1
distance = true_line.T @ plane + 0.1  # (1, 300), signed
apart = np.abs(distance[0]) > 0.08  # leave a gap
plane, distance = plane[:, apart], distance[:, apart]
labels = (distance > 0).astype(float)  # (1, k)
w_p, b_p, mistakes = train_perceptron(plane, labels)
# The bias is one more weight, of an input that is always 1.
R = np.sqrt(1 + (plane**2).sum(axis=0).max())
gap = np.abs(distance).min() / np.sqrt(1 + 0.1**2)
print(f"mistakes in each round: {mistakes}")
print(f"{sum(mistakes)} in all; Novikoff's bound is {(R / gap) ** 2:.0f}")
assert mistakes[-1] == 0 and sum(mistakes) <= (R / gap) ** 2
assert np.array_equal(perceptron(plane, w_p, b_p), labels)

xor_X = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])  # (2, 4)
xor_Y = np.array([[0.0, 1, 1, 0]])  # "one of the two, but not both"
_, _, xor_mistakes = train_perceptron(xor_X, xor_Y, rounds=200)
print(f"XOR, mistakes of the last five rounds: {xor_mistakes[-5:]}")
assert min(xor_mistakes) > 0  # never a round without: no line separates them

# %% [markdown]
# For XOR no line exists, so it goes on forever: Minsky and Papert pointed this out in
# 1969. The way out is a hidden layer. (Two hidden neurons could do it; with four,
# training finds the way from nearly every start.)

# %%
dls.manual_seed(3)
hidden = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = optim.Adam(hidden.parameters(), lr=0.05)
rows, targets = (dls.Tensor(a.T.astype("float32")) for a in (xor_X, xor_Y))
for _ in range(300):
    optimizer.zero_grad()
    F.binary_cross_entropy_with_logits(hidden(rows), targets).backward()
    optimizer.step()
answers = hidden(rows).sigmoid().numpy()[:, 0]
print("XOR with a hidden layer:", np.round(answers, 3))
assert np.array_equal(answers > 0.5, xor_Y[0] == 1)

# %% [markdown]
# ## Look at it

# %%
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2))
plot_houses(left, "The neuron after training")
fitted = neuron(sizes[None], w, b)[0]
left.plot(sizes, fitted, color="tab:red", label=f"w = {w.item():.2f}, b = {b:.2f}")
left.legend()
middle.semilogy(costs, color="tab:blue", lw=3, label="by hand")
middle.semilogy(engine_costs, "--", color="tab:orange", label="engine")
middle.set(xlabel="step", ylabel="cost J (log scale)", title="The cost")
middle.legend()
middle.grid(alpha=0.3)
colours = np.where(labels[0] == 1, "tab:blue", "tab:red")
right.scatter(*plane, c=colours, s=12)
across = np.array([-1.0, 1.0])
found_line = -(w_p[0] * across + b_p) / w_p[1]
right.plot(across, found_line, "k", label="the perceptron's line")
right.plot(
    across, -(0.6 * across + 0.1) / 0.8, "k:", label="the line that made the labels"
)
right.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="$x_1$", ylabel="$x_2$")
right.set_title(f"Perceptron: {sum(mistakes)} mistakes, then none")
right.legend(fontsize=8, loc="lower left", framealpha=0.95)
fig.tight_layout()
lesson.figure(fig, "trained")

# %% [markdown]
# ### When does size pay off?
#
# Networks were known for decades before they won. What changed was the amount of data
# (and of computation). Here is the experiment behind that sentence: a task that is hard
# enough (ten numbers in, yes or no out, by a bent rule that the networks do not know),
# four models, and training sets from 50 to 20,000 examples. Each is trained from
# scratch, with Adam on mini-batches (Course 2), and measured on 5,000 examples it has
# not seen. *Predict: which is the best for 50 examples, which for 20,000?*


# %%
def hard_task(draw, count):
    """Examples x (count, 10) and labels y (count, 1) of a curved rule."""
    x = draw.standard_normal((count, 10)).astype("float32")
    rule = np.sin(2 * x[:, 0] * x[:, 1]) + x[:, 2] * x[:, 3] + (x[:, 4] + x[:, 5]) / 2
    return x, (rule > 0).astype("float32")[:, None]


def dense(*layer_sizes):
    """Linear layers of these sizes, with ReLU between."""
    parts = []
    for before, after in pairwise(layer_sizes):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def train(model, loss_of, x, y, num_steps, rate, draw, batch=128):
    """Adam on random mini-batches of (x, y)."""
    optimizer = optim.Adam(model.parameters(), lr=rate)
    for _ in range(num_steps):
        chosen = draw.integers(0, len(x), min(batch, len(x)))
        optimizer.zero_grad()
        loss_of(model(dls.Tensor(x[chosen])), dls.Tensor(y[chosen])).backward()
        optimizer.step()
    return model


def outputs(model, x):
    """The model's outputs as an array, without a graph."""
    model.eval()
    with dls.no_grad():
        return model(dls.Tensor(x)).numpy()


models = {  # name: layer sizes, learning rate
    "one neuron": ((10, 1), 0.01),
    "small: 4 hidden": ((10, 4, 1), 0.01),
    "medium: 16 hidden": ((10, 16, 1), 0.01),
    "large: 128 + 128": ((10, 128, 128, 1), 0.003),
}
amounts = (50, 2000) if lesson.fast else (50, 200, 1000, 5000, 20000)
repeats, num_steps = (1, 300) if lesson.fast else (2, 1500)
unseen_x, unseen_y = hard_task(np.random.default_rng(lesson.seed), 5000)
runs = [
    (name, amount, i) for name in models for amount in amounts for i in range(repeats)
]
found = {(name, amount): [] for name in models for amount in amounts}
for name, amount, i in lesson.progress(runs, "amounts", "networks"):
    layer_sizes, rate = models[name]
    dls.manual_seed(i)
    draw = np.random.default_rng(lesson.seed + 1 + i)
    x, y = hard_task(draw, amount)
    loss_of = F.binary_cross_entropy_with_logits
    model = train(dense(*layer_sizes), loss_of, x, y, num_steps, rate, draw)
    right_ones = (outputs(model, unseen_x) > 0) == unseen_y
    found[name, amount].append(100 * float(np.mean(right_ones)))
accuracy = {
    name: {amount: float(np.mean(found[name, amount])) for amount in amounts}
    for name in models
}
lesson.table(
    ["test accuracy in % of", *(f"m = {amount}" for amount in amounts)],
    [[name] + [f"{by[a]:.1f}" for a in amounts] for name, by in accuracy.items()],
)

fig, ax = plt.subplots(figsize=(7.5, 4.4))
for (name, by), marker in zip(accuracy.items(), "osD^", strict=True):
    ax.semilogx(list(by), list(by.values()), marker + "-", label=name)
ax.set(xlabel="training examples m (log scale)", ylabel="test accuracy in %")
ax.set_title("With little data all are alike; with much, size decides")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "amount_of_data")

few, many = amounts[0], amounts[-1]
spread = {a: [by[a] for by in accuracy.values()] for a in (few, many)}
assert max(spread[few]) - min(spread[few]) < 10
if not lesson.fast:
    large, one = accuracy["large: 128 + 128"], accuracy["one neuron"]
    assert large[20000] > 90 and one[20000] < 72  # the neuron has learned all it can
    assert large[20000] > large[1000] + 5 and abs(one[20000] - one[1000]) < 2
    assert spread[many] == sorted(spread[many])

# %% [markdown]
# Left in the picture nobody wins: with 50 examples it matters more how cleverly the
# inputs are chosen than how large the model is. Then one model after the other reaches
# what it can express and stops to profit from data, the smallest first. Only the large
# network keeps climbing. *Large network and much data*: either alone is not enough.
#
# ### Which kind for which data?
#
# | data | kind of network |
# |---|---|
# | a table: size, rooms, age ... (order of columns means nothing) | dense layers |
# | pictures (neighbours belong together, a cat may be anywhere) | convolutions |
# | sound, text, time series (order counts, any length) | recurrent, attention |
# | several at once (a camera and a radar) | parts of each, joined |
#
# (Convolutions are Course 4, recurrent networks and attention Course 5: here they are
# only used.) Two experiments, so that this is not a table to be believed. **Pictures**:
# handwritten digits, for a dense and a convolutional network with about as many
# parameters. First each digit stands in the middle of its picture; then anywhere; then
# anywhere, and all pixels of all pictures are shuffled in one fixed way, so that
# neighbours are torn apart, as in a table. *Predict: whom does the shuffle hurt?*

# %%
classes = len(digits.classes)
every = (
    2 if digits.train_x_orig.shape[1] > 14 else 1
)  # of large ones, every second pixel
border = 3
side = len(range(0, digits.train_x_orig.shape[1], every)) + 2 * border


def placed(pictures, draw=None):
    """Pictures (m, 1, side, side): in the middle, or wherever `draw` puts them."""
    small = pictures[:, ::every, ::every, 0].astype("float32") / 255  # (m, n, n)
    n = small.shape[1]
    x = np.zeros((len(small), 1, side, side), "float32")
    corners = np.full((len(small), 2), border)
    if draw is not None:
        corners = draw.integers(0, 2 * border + 1, (len(small), 2))
    for i, (top, left) in enumerate(corners):
        x[i, 0, top : top + n, left : left + n] = small[i]
    return x


def convolutional():
    """Two convolutions, each with the largest answer of a neighbourhood; one layer."""
    after = side // 2 // 2
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * after * after, 32),
        nn.ReLU(),
        nn.Linear(32, classes),
    )


def dense_for_pictures():
    """The same pictures as columns of numbers."""
    return nn.Sequential(nn.Flatten(), *dense(side * side, 48, 48, classes))


draw = np.random.default_rng(lesson.seed)
shuffle = draw.permutation(side * side)
columns = ("in the middle", "anywhere", "anywhere, shuffled")
pictures = {
    "in the middle": [placed(x) for x in (digits.train_x_orig, digits.test_x_orig)]
}
pictures["anywhere"] = [
    placed(x, draw) for x in (digits.train_x_orig, digits.test_x_orig)
]
pictures["anywhere, shuffled"] = [
    x.reshape(len(x), -1)[:, shuffle].reshape(x.shape) for x in pictures["anywhere"]
]
train_y, test_y = digits.train_y[0], digits.test_y[0]
digit_steps = 100 if lesson.fast else 600
kinds = {"dense": dense_for_pictures, "convolutional": convolutional}
digit_figures = {kind: {} for kind in kinds}
jobs = [(kind, where) for kind in kinds for where in columns]
for kind, where in lesson.progress(jobs, "digits", "networks"):
    dls.manual_seed(lesson.seed)
    draw = np.random.default_rng(lesson.seed)
    x, unseen = pictures[where]
    model = kinds[kind]()
    train(model, F.cross_entropy, x, train_y, digit_steps, 0.003, draw, 64)
    right_ones = outputs(model, unseen).argmax(axis=1) == test_y
    digit_figures[kind][where] = 100 * float(np.mean(right_ones))
for kind, build in kinds.items():
    print(f"{kind}: {sum(p.size for p in build().parameters()):,} parameters")
lesson.table(
    ["test accuracy in %", *columns],
    [[kind] + [f"{by[c]:.1f}" for c in columns] for kind, by in digit_figures.items()],
)

# %% [markdown]
# To the dense network a shuffle is nothing: it never knew which pixels are neighbours.
# The convolutional one lives on neighbours: its small detectors look everywhere, so
# what it learns of a digit in one place it knows in all. Shuffled, that is worth
# nothing.
#
# **A sequence**: a lamp is told "on", "off", or something else, step after step. Is it
# on at the end? The last order counts, wherever it was given. A dense network can only
# take a fixed summary, here how often each word came; a recurrent one reads word by
# word, and can be tested on sequences longer than any it has seen.


# %%
def lamp(draw, count, length):
    """Words (count, length) of 0 nothing, 1 on, 2 off, and the lamp at the end."""
    words = draw.choice(3, (count, length), p=(0.6, 0.2, 0.2))
    words[:, 0] = draw.integers(1, 3, count)  # it starts on or off
    last = length - 1 - np.argmax(words[:, ::-1] > 0, axis=1)  # the last order
    return words, (words[np.arange(count), last] == 1).astype("float32")[:, None]


def one_hot(words):
    """(count, length) -> (count, length, 3)."""
    return np.eye(3, dtype="float32")[words]


class Reader(nn.Module):
    """Reads word by word with a GRU (Course 5), and answers from its last state."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 8, batch_first=True)
        self.answer = nn.Linear(8, 1)

    def forward(self, x):
        _, state = self.gru(x)  # (1, count, 8)
        return self.answer(state[0])


sequence_steps = 150 if lesson.fast else 400
draw = np.random.default_rng(lesson.seed)
words, on = lamp(draw, 4000, 10)
loss_of = F.binary_cross_entropy_with_logits
dls.manual_seed(lesson.seed)
counts = one_hot(words).mean(axis=1)  # (4000, 3)
counting = train(dense(3, 32, 1), loss_of, counts, on, sequence_steps, 0.01, draw)
reading = train(Reader(), loss_of, one_hot(words), on, sequence_steps, 0.01, draw)
sequence_figures = {"dense on counts": {}, "recurrent": {}}
for length in (10, 30):
    words, on = lamp(draw, 2000, length)
    for name, model, x in (
        ("dense on counts", counting, one_hot(words).mean(axis=1)),
        ("recurrent", reading, one_hot(words)),
    ):
        share = np.mean((outputs(model, x) > 0) == on)
        sequence_figures[name][length] = 100 * float(share)
lesson.table(
    ["test accuracy in %", "10 words, as trained", "30 words"],
    [[n, f"{by[10]:.1f}", f"{by[30]:.1f}"] for n, by in sequence_figures.items()],
)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
bars = np.arange(3)
for shift, (kind, by) in zip((-0.2, 0.2), digit_figures.items(), strict=True):
    left.bar(bars + shift, [by[c] for c in columns], 0.38, label=kind)
left.set(ylabel="test accuracy in %", ylim=(0, 119), title="Pictures: digits")
left.set_xticks(bars, columns)
left.legend(loc="upper center", ncol=2)
for shift, (kind, by) in zip((-0.2, 0.2), sequence_figures.items(), strict=True):
    right.bar(np.arange(2) + shift, list(by.values()), 0.38, label=kind)
right.set(ylabel="test accuracy in %", ylim=(0, 119), title="A sequence: the lamp")
right.set_xticks(np.arange(2), ["10 words", "30 words"])
right.legend(loc="upper center", ncol=2)
fig.tight_layout()
lesson.figure(fig, "kinds_of_data")
assert sequence_figures["recurrent"][10] > sequence_figures["dense on counts"][10] + 10
dense_by, conv_by = digit_figures["dense"], digit_figures["convolutional"]
if not lesson.fast and digits.where == "built-in":
    assert conv_by["anywhere"] > dense_by["anywhere"] + 10
    assert conv_by["anywhere"] > conv_by["anywhere, shuffled"] + 10
    assert abs(dense_by["anywhere"] - dense_by["anywhere, shuffled"]) < 8
    assert sequence_figures["recurrent"][30] > 95

# %% [markdown]
# ## Break it
#
# **1. The forgotten $1/m$**, and **2. the forgotten mask** $[Z > 0]$. The check names
# the first outright. Of the second it says where it is wrong; that `dw` and `db` are
# both wrong, and not by one factor, points at `dZ`.


# %%
def backward_without_m(X, Y, w, b):
    """WRONG: no 1/m in dw."""
    A = neuron(X, w, b)
    dZ = 2 * (A - Y) * (A > 0)
    return {"dw": np.dot(X, dZ.T), "db": np.mean(dZ)}


def backward_without_mask(X, Y, w, b):
    """WRONG: as if ReLU had slope 1 everywhere."""
    dZ = 2 * (neuron(X, w, b) - Y)
    return {"dw": np.dot(X, dZ.T) / X.shape[1], "db": np.mean(dZ)}


report = check.check_gradients(cost_of, point, backward_without_m(X, Y, **point), m=m)
print(report)
assert [c.name for c in report.wrong] == ["dw"]
assert "is 1/m missing?" in report.first.hint
report = check.check_gradients(cost_of, point, backward_without_mask(X, Y, **point))
print(report)
assert [c.name for c in report.wrong] == ["dw", "db"]
# Put the mask on, and all is right: the mistake is found.
masked = 2 * (neuron(X, **point) - Y) * (neuron(X, **point) > 0)
assert dls.compare("dw", X @ masked.T / m, tw.grad * 0 + grads["dw"]).ok

# %% [markdown]
# **3. Sizes in square metres.** The same houses, the numbers a hundred times as large,
# and training fails at its first step. The gradients are *right*: what is wrong is the
# step. In a valley of curvature $\lambda$ each step multiplies the distance to the
# bottom by $1 - \alpha\lambda$, so it is stable only while $\alpha \lambda < 2$. In $w$
# the curvature is at most $\frac2m \sum x^2$. So we can say beforehand:

# %%
for unit, factor in (("100 m²", 1), ("m²", 100)):
    product = learning_rate * 2 * float(np.mean((factor * X) ** 2))
    verdict = "stable" if product < 2 else "too large a step: scale the inputs"
    print(f"sizes in {unit}: rate x curvature = {product:.3g}, {verdict}")
metres = {"w": np.array([[0.02]]), "b": 0.0}
assert check.check_gradients(
    lambda p: squared_cost(neuron(100 * X, p["w"], p["b"]), Y),
    metres,
    neuron_backward(100 * X, Y, **metres),
    eps=1e-5,
    tolerance=1e-5,
).ok
_, _, wild = train_neuron(100 * X, Y, 30, learning_rate)
print(f"cost in square metres: {wild[0]:.4g}, {wild[1]:.4g}, ..., {wild[-1]:.4g}")
assert wild[1] > 10 * costs[-1] and wild[1] == wild[-1]

# %% [markdown]
# **4. A dead neuron.** Why does the cost stand still? The first step threw $w$ far
# below zero: now $Z < 0$ for every house, the mask is 0 everywhere, and so are all
# gradients. The neuron will never move again. No check of gradients complains, since 0
# *is* right. What tells is the share of examples for which the neuron is alive.


# %%
def alive(X, w, b):
    """The share of examples that give the neuron a gradient."""
    return float(np.mean(neuron(X, w, b) > 0))


w_dead, b_dead, stuck = train_neuron(100 * X, Y, 30, learning_rate)
dead = neuron_backward(100 * X, Y, w_dead, b_dead)
share = alive(100 * X, w_dead, b_dead)
print(f"alive for {share:.0%} of the houses; the good one: {alive(X, w, b):.0%}")
assert share == 0 and not dead["dw"].any()
assert stuck[-1] == stuck[-2]  # the cost has stopped, far from its best

# %% [markdown]
# **5. Labels $-1$ and $1$ for a perceptron that answers 0 and 1.** Then $y - a$ is
# never 0 for the negative class, and it goes on "learning" from examples it has right.
# The count of mistakes shows it: it cannot come to rest.

# %%
_, _, restless = train_perceptron(plane, 2 * labels - 1, rounds=20)
print(
    f"mistakes of the last rounds: {restless[-3:]}; negative examples: "
    f"{int(np.sum(labels == 0))}"
)
assert min(restless) >= np.sum(labels == 0)

# %% [markdown]
# ## Recap
#
# - A neuron: weights, a bias, an activation. A network: neurons side by side and in
#   layers; what the hidden ones mean is learned.
# - Training: a cost, its slope in each parameter, a step downhill, again.
# - The perceptron finds a line if there is one; XOR needs a hidden layer.
# - Size pays off with data: measure it, with curves over the amount of data.
# - The kind of network should fit the kind of data: neighbours, order, or neither.
#
# ## Questions
#
# 1. What does a network of many ReLU neurons compute as a function of a single $x$?
#    <details><summary>Answer</summary>
#    A line with bends: each hidden neuron adds one, where its w x + b = 0.
#    </details>
# 2. Your curve over the amount of data is flat at the end. Should you collect more?
#    <details><summary>Answer</summary>
#    Not for this model: it has learned what it can express. Take a larger one first,
#    and look again.
#    </details>
# 3. And if the large model is still climbing?
#    <details><summary>Answer</summary>
#    Then more data will help. The slope of the curve says by about how much.
#    </details>
# 4. A table has 20 columns, from blood pressure to postcode. A friend proposes a
#    convolutional network. What do you say?
#    <details><summary>Answer</summary>
#    Neighbouring columns have nothing in common, so shuffling the columns should change
#    nothing: that is a dense network's view, not a convolution's.
#    </details>
# 5. Why has the perceptron no gradient check?
#    <details><summary>Answer</summary>
#    Its output is a step: the slope is 0 everywhere, and there is none at the step. The
#    rule is not the derivative of its number of mistakes.
#    </details>
#
# ## Go further
#
# - Give the neuron a second input (rooms), by your own functions: nothing in them needs
#   to change.
# - Add a "very large" model to the curves, or noise to 10 % of the labels. What is the
#   highest accuracy then?
# - Next: `c1w2-computation-graph`, where derivatives come from a machine.

# %%
# The end.
assert costs[-1] < 0.1 * costs[0] and abs(w.item() - 2.5) < 0.3
lesson.finish(
    {
        "w": w.item(),
        "b": float(b),
        "costs": {i: costs[i] for i in (0, 100, 200, num_iterations - 1)},
        "perceptron": {"mistakes": mistakes, "bound": float((R / gap) ** 2)},
        "xor": {"mistakes_of_the_last_round": xor_mistakes[-1]},
        "amount_of_data": {
            name: {"test_accuracy": by} for name, by in accuracy.items()
        },
        "digits": digit_figures,
        "sequence": sequence_figures,
        "engine": {
            "w": tw.item(),
            "b": tb.item(),
            "costs": {i: engine_costs[i] for i in (0, 100, 200, num_iterations - 1)},
        },
    }
)
