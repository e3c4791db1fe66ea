# %% [markdown]
# # Vectorization: arrays in place of loops
#
# Course 1, week 2. About an hour with the exercises. The script runs for some ten
# seconds, with `--fast` for a few.
#
# **Goal.** Networks are sums over millions of numbers. You will
#
# - write the functions that all later lessons need: sigmoid and its derivative,
#   softmax, rows of length 1, pictures as columns, two losses,
# - learn the rules by which NumPy stretches shapes (*broadcasting*), and their traps,
# - time loops against arrays: a factor of a hundred and more,
# - train one neuron with the squared error and with cross-entropy, and see why the
#   first gets stuck,
# - break things in five ways, and see which tool notices.
#
# ## What you need
#
# The lesson `c1w2-computation-graph` (derivatives, `backward`), a little Python. The
# function names, their arguments and shapes are the course's own (2021 edition).
# `tinygrad-dls learn start c1w2-vectorization` makes a copy of this script for you to
# fill in, and `tinygrad-dls learn check c1w2-vectorization` checks it.

# %%
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w2-vectorization")
pictures = lesson.load("cats")
train_x_orig, train_y = pictures.train_x_orig, pictures.train_y  # (m, h, w, c), (1, m)
print(f"pictures {train_x_orig.shape}, labels {train_y.shape}")

# %% [markdown]
# ## The idea in a picture
#
# A **loop** takes one number after the other, and Python looks at each again: what is
# it, how is it added? An **array** holds numbers of one kind side by side, and NumPy
# runs through all of them in compiled code. So: write formulas for whole arrays.
#
# What if two arrays have different shapes? Then NumPy compares the shapes from the
# right. Two lengths fit if they are equal, or if one of them is 1 (or not there): that
# axis is **stretched**, as if its numbers were written down again and again. In the
# picture the pale numbers are such repetitions. Nothing is really copied.


# %%
def draw_array(ax, array, shape, left):
    """Draw `array`, stretched to `shape`, as a grid: repeated numbers are pale."""
    rows, columns = shape
    full = np.broadcast_to(array, shape)
    first = np.zeros(shape, bool)
    first[: array.shape[0], : array.shape[1]] = True  # written down once
    for row in range(rows):
        for column in range(columns):
            x, y = left + column, rows - 1 - row
            colour = "#cfe0f5" if first[row, column] else "#f4f7fb"
            box = plt.Rectangle((x, y), 0.94, 0.94, color=colour)
            ax.add_patch(box)
            shade = "black" if first[row, column] else "0.65"
            number = f"{full[row, column]:g}"
            ax.text(x + 0.47, y + 0.47, number, ha="center", va="center", color=shade)
    text = f"{array.shape}"
    ax.text(left + columns / 2, -0.45, text, ha="center", va="center")


ten, column = np.arange(10, 31, 10).reshape(3, 1), np.arange(3).reshape(3, 1)
row = np.arange(4).reshape(1, 4)
fig, axes = plt.subplots(2, 1, figsize=(9.5, 5.4))
for ax, first, second in zip(
    axes, (np.arange(12).reshape(3, 4), ten), (10 * row, row), strict=True
):
    for array, left in ((first, 0), (second, 5), (first + second, 10)):
        draw_array(ax, array, (3, 4), left)
    ax.text(4.47, 1.5, "+", ha="center", va="center", fontsize=18)
    ax.text(9.47, 1.5, "=", ha="center", va="center", fontsize=18)
    ax.set(xlim=(-0.2, 14.2), ylim=(-0.8, 3.1))
    ax.axis("off")
fig.suptitle("Broadcasting: axes of length 1 are stretched")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# - $\sigma(0) = \frac{1}{1 + e^0} = \frac12$, and its slope there is
#   $\frac12 (1 - \frac12) = \frac14$.
# - The row $(3, 4)$ has length $\sqrt{3^2 + 4^2} = 5$: divided by it, $(0.6, 0.8)$.
# - Softmax of $(0, \log 3)$: $e^0 = 1$ and $e^{\log 3} = 3$, together 4, so
#   $(\frac14, \frac34)$.
# - Predictions $\hat y = (0.9, 0.2)$ for $y = (1, 0)$: $L_1 = 0.1 + 0.2 = 0.3$, and
#   $L_2 = 0.01 + 0.04 = 0.05$.
#
# *What is softmax of $(5, 5 + \log 3)$?*

# %%
for x in ([0, math.log(3)], [5, 5 + math.log(3)]):
    powers = [math.exp(number) for number in x]
    print(f"softmax of {x}: {[power / sum(powers) for power in powers]}")

# %% [markdown]
# ## The mathematics
#
# | function | formula | shapes |
# |---|---|---|
# | sigmoid | $s = \sigma(x) = \frac{1}{1 + e^{-x}}$ | any, number by number |
# | its derivative | $\sigma'(x) = s (1 - s)$ | any, number by number |
# | picture to column | all numbers below each other | $(h, w, c) \to (h w c, 1)$ |
# | rows of length 1 | $x_{ij} / \lVert x_i \rVert$ | $(m, n) / (m, 1) \to (m, n)$ |
# | softmax | $e^{x_{ij}} / \sum_k e^{x_{ik}}$ | $(m, n) / (m, 1) \to (m, n)$ |
# | $L_1$ | $\sum_i \lvert y^{(i)} - \hat y^{(i)} \rvert$ | two $(m,)$, to a number |
# | $L_2$ | $\sum_i (y^{(i)} - \hat y^{(i)})^2$ | two $(m,)$, to a number |
#
# Why $\sigma' = s(1-s)$? With the chain rule on $(1 + e^{-x})^{-1}$:
#
# $$
# \sigma'(x) = \frac{e^{-x}}{(1 + e^{-x})^2}
# = \frac{1}{1 + e^{-x}} \cdot \frac{e^{-x}}{1 + e^{-x}} = s (1 - s) .
# $$
#
# Softmax makes a row into probabilities: all positive, together 1. Adding the same
# number to a whole row changes nothing, since $e^{x + c} = e^c e^x$ and $e^c$ cancels.
# Computers need that: $e^{1000}$ is too large for them. So take the largest number of
# each row away first; then the largest power is $e^0 = 1$.
#
# **A neuron over all examples at once** (next lesson). With $X$ of shape $(n_x, m)$,
# one column per example, $w$ $(n_x, 1)$ and $Y$ $(1, m)$:
#
# $$
# A = \sigma(w^T X + b), \qquad dZ = A - Y, \qquad
# dw = \frac1m X\, dZ^T, \qquad db = \frac1m \sum_i dz^{(i)} .
# $$
#
# ## Your code
#
# For a single number the `math` module is enough; this is what we start from:


# %%
def basic_sigmoid(x):
    """1 / (1 + e^-x) of one number."""
    return 1 / (1 + math.exp(-x))


try:
    basic_sigmoid([1, 2, 3])
except TypeError as error:
    print(f"TypeError: {error}")  # math knows numbers, not arrays

# %% [markdown]
# **Exercise 1.** The same with `np.exp`, which takes arrays.
#
# **Exercise 2.** Its derivative, by means of `sigmoid`.


# %%
def sigmoid(x):
    """1 / (1 + e^-x), for a number or an array."""
    # BEGIN SOLUTION
    s = 1 / (1 + np.exp(-x))
    # END SOLUTION
    return s


def sigmoid_derivative(x):
    """The slope of the sigmoid at x, for a number or an array."""
    # BEGIN SOLUTION
    s = sigmoid(x)
    ds = s * (1 - s)
    # END SOLUTION
    return ds


numbers = np.array([1, 2, 3])
assert np.allclose(sigmoid(numbers), [0.73105858, 0.88079708, 0.95257413])
assert np.allclose(sigmoid_derivative(numbers), [0.19661193, 0.10499359, 0.04517666])

# %% [markdown]
# **Exercise 3.** A picture as a column. *Do not write 12288 or the like: the shape of
# the picture is known.*


# %%
def image2vector(image):
    """A picture (height, width, channels) as a column, its numbers from top to end."""
    # BEGIN SOLUTION
    v = image.reshape(image.shape[0] * image.shape[1] * image.shape[2], 1)
    # END SOLUTION
    return v


vector = image2vector(train_x_orig[0])
print(f"picture {train_x_orig[0].shape} -> column {vector.shape}")
assert vector.shape == (train_x_orig[0].size, 1)

# %% [markdown]
# **Exercise 4.** Rows of length 1. `np.linalg.norm(x, axis=1, keepdims=True)` has the
# lengths of the rows as a *column* $(m, 1)$, which is then stretched.
#
# **Exercise 5.** Softmax of each row. Take each row's largest number away first.


# %%
def normalize_rows(x):
    """x (m, n) with each row divided by its length."""
    # BEGIN SOLUTION
    x_norm = np.linalg.norm(x, axis=1, keepdims=True)  # (m, 1)
    x = x / x_norm
    # END SOLUTION
    return x


def softmax(x):
    """e^x of x (m, n), with each row divided by its sum."""
    # BEGIN SOLUTION
    x_exp = np.exp(x - np.max(x, axis=1, keepdims=True))  # (m, n)
    x_sum = np.sum(x_exp, axis=1, keepdims=True)  # (m, 1)
    s = x_exp / x_sum
    # END SOLUTION
    return s


x = np.array([[0.0, 3.0, 4.0], [1.0, 6.0, 4.0]])
assert np.allclose(
    normalize_rows(x), [[0, 0.6, 0.8], [0.13736056, 0.82416338, 0.54944226]]
)
t_x = np.array([[9, 2, 5, 0, 0], [7, 5, 0, 0, 0]])
softmax_rows = softmax(t_x)
print("softmax rows:", *softmax_rows, sep="\n  ")
known_rows = [
    [9.80897665e-01, 8.94462891e-04, 1.79657674e-02, 1.21052389e-04, 1.21052389e-04],
    [8.78679856e-01, 1.18916387e-01, 8.01252314e-04, 8.01252314e-04, 8.01252314e-04],
]
assert np.allclose(softmax_rows, known_rows, rtol=1e-8)

# %% [markdown]
# **Exercise 6.** The sum of distances. **Exercise 7.** The sum of squared distances.


# %%
def L1(yhat, y):
    """Sum of |y - yhat| over all elements, a number."""
    # BEGIN SOLUTION
    loss = np.sum(np.abs(y - yhat))
    # END SOLUTION
    return loss


def L2(yhat, y):
    """Sum of (y - yhat)^2 over all elements, a number."""
    # BEGIN SOLUTION
    loss = np.dot(y - yhat, y - yhat)
    # END SOLUTION
    return loss


yhat, y = np.array([0.9, 0.2, 0.1, 0.4, 0.9]), np.array([1, 0, 0, 1, 1])
print(f"L1 = {L1(yhat, y):.12g}, L2 = {L2(yhat, y):.12g}")
assert abs(L1(yhat, y) - 1.1) < 1e-12 and abs(L2(yhat, y) - 0.43) < 1e-12

# %% [markdown]
# **Exercise 8.** The gradients of a neuron with cross-entropy, without a loop. Here is
# the same with loops over examples and pixels, as the formula reads:


# %%
def gradients_by_loops(w, b, X, Y):
    """{"dw" (n_x, 1), "db"}, number by number."""
    n_x, m = X.shape
    dw, db = np.zeros((n_x, 1)), 0.0
    for i in range(m):
        z = b
        for j in range(n_x):
            z += w[j, 0] * X[j, i]
        dz = basic_sigmoid(z) - Y[0, i]
        for j in range(n_x):
            dw[j, 0] += X[j, i] * dz / m
        db += dz / m
    return {"dw": dw, "db": db}


def gradients_by_arrays(w, b, X, Y):
    """The same for all examples at once: w (n_x, 1), b, X (n_x, m), Y (1, m)."""
    m = X.shape[1]
    # BEGIN SOLUTION
    A = sigmoid(np.dot(w.T, X) + b)  # (1, m)
    dw = np.dot(X, (A - Y).T) / m  # (n_x, 1)
    db = np.sum(A - Y) / m
    # END SOLUTION
    return {"dw": dw, "db": db}


np.random.seed(lesson.seed)
some_X = np.random.randn(5, 8)  # (n_x, m)
some_Y = (np.random.rand(1, 8) > 0.5).astype(float)  # (1, m)
some_w, some_b = np.random.randn(5, 1), 0.3
slow = gradients_by_loops(some_w, some_b, some_X, some_Y)
quick = gradients_by_arrays(some_w, some_b, some_X, some_Y)
assert np.allclose(slow["dw"], quick["dw"]) and abs(slow["db"] - quick["db"]) < 1e-12

# %% [markdown]
# ## Check it three ways
#
# **By hand**: the numbers above. **Against the engine**: each function again, for
# tensors. `backward` from a random combination of the results gives its derivatives,
# and `dls.compare` says whether they are yours.


# %%
def cross_entropy(w, b, X, Y):
    """The neuron's cost, a number: the mean of -y log a - (1 - y) log(1 - a)."""
    A = sigmoid(np.dot(w.T, X) + b)  # (1, m)
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def cross_entropy_by_engine(w, b, X, Y):
    """The same for tensors."""
    A = (w.T @ X + b).sigmoid()  # (1, m)
    return -(Y * A.log() + (1 - Y) * (1 - A).log()).mean()


z = np.linspace(-4, 4, 9)  # (9,)
tz = dls.Tensor(z, requires_grad=True)
tz.sigmoid().sum().backward()
assert dls.compare("sigmoid'", sigmoid_derivative(z), tz.grad).ok
assert np.abs(sigmoid_derivative(z) - tz.grad.numpy()).max() < 1e-10

scores = np.random.randn(4, 5)  # (m, n)
weights = np.random.randn(4, 5)  # a random combination of the probabilities
s = softmax(scores)
by_hand = s * (weights - np.sum(weights * s, axis=1, keepdims=True))  # (m, n)
t_scores = dls.Tensor(scores, requires_grad=True)
(t_scores.softmax(axis=1) * weights).sum().backward()
assert dls.compare("softmax", by_hand, t_scores.grad).ok
assert np.abs(by_hand - t_scores.grad.numpy()).max() < 1e-10

tw = dls.Tensor(some_w, requires_grad=True, name="w")
tb = dls.Tensor(np.array(some_b), requires_grad=True, name="b")
tX, tY = dls.Tensor(some_X, name="X"), dls.Tensor(some_Y, name="Y")
cross_entropy_by_engine(tw, tb, tX, tY).backward()
for name, tensor in (("dw", tw), ("db", tb)):
    mine = np.array(quick[name])
    assert dls.compare(name, mine, tensor.grad).ok
    assert np.abs(mine - tensor.grad.numpy()).max() < 1e-10

# %% [markdown]
# (The line `by_hand` is the derivative of softmax: $\frac{\partial s_j}{\partial x_k} =
# s_j ([j = k] - s_k)$, multiplied by the weights and summed over $j$.)
#
# **Numerically**: nudge each number.

# %%
start = {"w": some_w, "b": some_b}
report = check.check_gradients(
    lambda p: cross_entropy(p["w"], p["b"], some_X, some_Y), start, quick
)
print(report)
assert report.ok
report = dls.gradcheck(lambda x: (x.softmax(axis=1) * weights).sum(), t_scores)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The neuron's cost. Every box is one operation on a whole array: the shapes say how
# many numbers it moves.

# %%
tw.grad = tb.grad = None
with dls.trace():
    J = cross_entropy_by_engine(tw, tb, tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# ### Squared error against cross-entropy
#
# A neuron with one input $x = 1$ and label $y = 1$, that starts out confidently wrong:
# $w = b = -3$, so $z = -6$ and $a = 0.0025$. Two losses:
#
# | loss | formula | derivative in $z$ |
# |---|---|---|
# | squared error | $(a - y)^2$ | $2 (a - y)\, a (1 - a)$ |
# | cross-entropy | $-y \log a - (1-y) \log(1-a)$ | $a - y$ |
#
# At $a = 0.0025$ the first slope is $-0.005$, the second $-0.9975$: two hundred times
# as large. The factor $a(1-a)$ is the slope of the sigmoid, and it is nearly 0 wherever
# the neuron is sure, *even if it is wrong*. *Predict: who learns first?*


# %%
def train_one(kind, num_iterations, learning_rate=0.5, steps=range):
    """[a before each step] of the neuron trained on x = 1, y = 1, by hand."""
    w, b, history = -3.0, -3.0, []
    for _ in steps(num_iterations):
        a = sigmoid(w * 1 + b)
        history.append(a)
        dz = a - 1 if kind == "cross-entropy" else 2 * (a - 1) * a * (1 - a)
        w, b = w - learning_rate * dz * 1, b - learning_rate * dz
    return history


def train_one_by_engine(kind, num_iterations, learning_rate=0.5, steps=range):
    """The same with the engine's gradients."""
    w, b = (dls.Tensor(np.array(-3.0), requires_grad=True) for _ in range(2))
    history = []
    for _ in steps(num_iterations):
        z = w * 1 + b
        a = z.sigmoid()
        loss = -a.log() if kind == "cross-entropy" else (a - 1) ** 2
        w.grad = b.grad = None
        loss.backward()
        history.append(a.item())
        with dls.no_grad():
            w -= learning_rate * w.grad
            b -= learning_rate * b.grad
    return history


def train_one_by_layers(kind, num_iterations, learning_rate=0.5, steps=range):
    """The same with nn.Linear, a loss of the framework, and optim.SGD."""
    neuron = nn.Linear(1, 1, dtype="float64")
    nn.init.constant_(neuron.weight, -3.0)
    nn.init.constant_(neuron.bias, -3.0)
    optimizer = optim.SGD(neuron.parameters(), lr=learning_rate)
    one, history = dls.Tensor(np.ones((1, 1))), []
    for _ in steps(num_iterations):
        optimizer.zero_grad()
        z = neuron(one)  # (1, 1)
        if kind == "cross-entropy":
            loss = F.binary_cross_entropy_with_logits(z, one)
        else:
            loss = F.mse_loss(z.sigmoid(), one)
        loss.backward()
        optimizer.step()
        history.append(z.sigmoid().item())
    return history


num_iterations = 400
histories, engine_histories = {}, {}
for kind in ("cross-entropy", "squared error"):
    histories[kind] = train_one(kind, num_iterations)
    engine_histories[kind] = train_one_by_engine(kind, num_iterations)
    by_layers = train_one_by_layers(kind, num_iterations)
    assert np.abs(np.array(histories[kind]) - engine_histories[kind]).max() < 1e-10
    assert np.abs(np.array(histories[kind]) - by_layers).max() < 1e-10
learned_at = {
    kind: next((i for i, a in enumerate(history) if a > 0.5), num_iterations)
    for kind, history in histories.items()
}
print(f"steps until a > 0.5: {learned_at}")
assert learned_at["squared error"] > 5 * learned_at["cross-entropy"]

# %% [markdown]
# There is a second reason. As a function of the weight, cross-entropy is **convex**:
# one valley, downhill leads to its bottom. The squared error behind a sigmoid is not:
# its curve has flat shelves, and with other data more than one valley. We draw both for
# a neuron $a = \sigma(wx)$ on four points, one of them wrongly labelled.

# %%
points, point_labels = np.array([-2.0, 1, 3, 6]), np.array([0.0, 1, 1, 0])  # (4,) each
weights = np.linspace(-6, 6, 241)  # (241,)
z_all = weights[:, None] * points  # (241, 1) * (4,) -> (241, 4)
answers = sigmoid(z_all)  # (241, 4)
curves = {  # -y log a - (1 - y) log(1 - a) is log(1 + e^z) - y z: never a log of 0
    "cross-entropy": np.mean(np.logaddexp(0, z_all) - point_labels * z_all, axis=1),
    "squared error": np.mean((answers - point_labels) ** 2, axis=1),
}
bending = {kind: float(np.diff(curve, 2).min()) for kind, curve in curves.items()}
print(f"smallest second difference: {bending}")
assert bending["cross-entropy"] > -1e-6  # bends upwards everywhere
assert bending["squared error"] < -1e-4  # and this one does not

# %% [markdown]
# ### Loops against arrays, timed
#
# The gradients of the neuron on real pictures: once number by number, once as arrays.
# The loops get a few pictures only, or we would wait; time is per picture.


# %%
def seconds_of(function, *arguments, at_least=0.05):
    """The least time of several runs: what it takes if nothing disturbs it."""
    best, total = math.inf, 0.0
    while total < at_least or best == math.inf:
        began = time.perf_counter()
        function(*arguments)
        took = time.perf_counter() - began
        best, total = min(best, took), total + took
    return best


def dot_by_loop(a, b):
    """Sum of products of two (n,)."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


train_x = train_x_orig.reshape(len(train_x_orig), -1).T / 255.0  # (n_x, m)
n_x = train_x.shape[0]
few = 2 if lesson.fast else 5
w = 0.01 * np.random.randn(n_x, 1)
loops = seconds_of(gradients_by_loops, w, 0.0, train_x[:, :few], train_y[:, :few]) / few
arrays = seconds_of(gradients_by_arrays, w, 0.0, train_x, train_y) / train_x.shape[1]
gradient_speedup = loops / arrays
print(
    f"gradients of one picture of {n_x:,} numbers: loops {1e6 * loops:,.1f} µs, "
    f"arrays {1e6 * arrays:,.2f} µs: {gradient_speedup:,.0f} times as fast"
)
slow = gradients_by_loops(w, 0.0, train_x[:, :few], train_y[:, :few])
quick = gradients_by_arrays(w, 0.0, train_x[:, :few], train_y[:, :few])
assert dls.compare("dw, loops and arrays", slow["dw"], quick["dw"]).ok

lengths = [10**k for k in range(1, 6 if lesson.fast else 7)]
dot_times = {"loop": [], "array": []}
for length in lesson.progress(lengths, "timing", "lengths"):
    one, other = np.random.rand(length), np.random.rand(length)
    dot_times["loop"].append(seconds_of(dot_by_loop, one, other, at_least=0.01))
    dot_times["array"].append(seconds_of(np.dot, one, other, at_least=0.01))
dot_speedup = [a / b for a, b in zip(*dot_times.values(), strict=True)]
lesson.table(
    ["dot product of length", "loop", "array", "times as fast"],
    [
        [f"{n:,}", f"{1e6 * a:,.1f} µs", f"{1e6 * b:,.2f} µs", f"{a / b:,.0f}"]
        for n, a, b in zip(lengths, *dot_times.values(), strict=True)
    ],
)
assert gradient_speedup > 20 and max(dot_speedup) > 20

# %% [markdown]
# ## Look at it
#
# Upper left: the squared error stays on its shelf for two hundred steps. Upper right:
# the shelves. Below: a loop's time grows with the length from the first number on; an
# array operation has a fixed price of less than a microsecond, then grows far more
# slowly.

# %%
fig, axes = plt.subplots(2, 2, figsize=(11, 8))
(upper_left, upper_right), (lower_left, lower_right) = axes
colours = {"cross-entropy": "tab:blue", "squared error": "tab:red"}
for kind, colour in colours.items():
    upper_left.plot(histories[kind], color=colour, label=kind)
    upper_left.plot(engine_histories[kind], ":", color="black")
    times = 8 if kind == "squared error" else 1  # or it is hard to see
    label = kind + f" (times {times})" * (times > 1)
    upper_right.plot(weights, times * curves[kind], color=colour, label=label)
upper_left.axhline(1, color="gray", linestyle=":", label="the label")
upper_left.set(
    xlabel="step", ylabel="a", title="A neuron that starts confidently wrong"
)
upper_right.set(xlabel="weight w", ylabel="cost", title="The cost as a function of w")
lower_left.loglog(lengths, 1e6 * np.array(dot_times["loop"]), "o-", label="loop")
lower_left.loglog(lengths, 1e6 * np.array(dot_times["array"]), "s-", label="np.dot")
lower_left.set(xlabel="length (log scale)", ylabel="microseconds (log scale)")
lower_left.set_title("Dot product")
x = np.linspace(-6, 6, 200)
lower_right.plot(x, sigmoid(x), label="sigmoid")
lower_right.plot(x, sigmoid_derivative(x), "--", label="its slope, at most 1/4")
lower_right.set(xlabel="x", title="The sigmoid is flat where it is sure")
for ax in axes.flat:
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
fig.tight_layout()
lesson.figure(fig, "looking")

# %% [markdown]
# ### Broadcasting at work
#
# What share of the calories of 100 g comes from carbohydrates, protein, fat? One line:
# divide the table $(3, 4)$ by its sums over columns, a row $(1, 4)$. And statistics of
# all pictures, pixel by pixel, without a loop:

# %%
table = np.array(  # kcal in 100 g: apples, beef, eggs, potatoes
    [[56.0, 0.0, 4.4, 68.0], [1.2, 104.0, 52.0, 8.0], [1.8, 135.0, 99.0, 0.9]]
)
sums = table.sum(axis=0)  # (4,)
percentages = 100 * table / sums.reshape(1, 4)  # (3, 4) / (1, 4) -> (3, 4)
lesson.table(
    ["% of kcal from", "apples", "beef", "eggs", "potatoes"],
    [
        [name] + [f"{p:.1f}" for p in line]
        for name, line in zip(
            ("carbohydrates", "protein", "fat"), percentages, strict=True
        )
    ],
)
assert np.allclose(percentages.sum(axis=0), 100)
mean = train_x_orig.mean(axis=0, keepdims=True)  # (1, h, w, c)
spread = train_x_orig.std(axis=0, keepdims=True)
standard = (train_x_orig - mean) / spread  # (m, h, w, c) - (1, h, w, c)
assert abs(standard.mean()) < 1e-9 and abs(standard.std() - 1) < 1e-9

# %% [markdown]
# ## Break it
#
# **1. The lost axis.** `np.sum(x_exp, axis=1)` without `keepdims=True` has shape `(m,)`
# in place of `(m, 1)`, and `(m,)` counts as a *row*. For `(2, 5)` NumPy refuses. For a
# square table it does not: it divides column $j$ by the sum of row $j$. No error, wrong
# numbers. What tells is a property that must hold: each row sums to 1.


# %%
def softmax_without_keepdims(x):
    """WRONG: the sums lie down as a row."""
    x_exp = np.exp(x)
    return x_exp / np.sum(x_exp, axis=1)


def diagnose_rows(s):
    """What a table of probabilities says about the axis it was divided along."""
    if np.allclose(s.sum(axis=1), 1):
        return "right: each row sums to 1"
    if np.allclose(s.sum(axis=0), 1):
        return "divided along axis 0: each column sums to 1"
    return "no axis sums to 1: a sum of the wrong shape was stretched (keepdims=True?)"


try:
    softmax_without_keepdims(t_x)
    raise AssertionError("(2, 5) / (2,) should not fit")
except ValueError as error:
    print(f"(2, 5): ValueError: {error}")
square = np.random.randn(4, 4)
print(f"(4, 4), with keepdims: {diagnose_rows(softmax(square))}")
print(f"(4, 4), without:       {diagnose_rows(softmax_without_keepdims(square))}")
assert "right" in diagnose_rows(softmax(square))
assert "keepdims" in diagnose_rows(softmax_without_keepdims(square))
assert "axis 0" in diagnose_rows(softmax(square.T).T)
lengths_flat = np.linalg.norm(square, axis=1)
verdict = dls.compare(
    "norm", lengths_flat, np.linalg.norm(square, axis=1, keepdims=True)
)
assert not verdict.ok and "keepdims" in verdict.hint

# %% [markdown]
# **2. Neither row nor column.** An array of shape `(5,)` has no other side: `a.T` is
# `a`, and `a @ a.T` is a number, not a table. Against a column `(5, 1)` it is stretched
# to `(5, 5)`. The framework's losses refuse such a pair; with NumPy, give every array
# two axes and assert its shape.

# %%
a = np.random.randn(5)
print(f"a {a.shape}, a.T {a.T.shape}, a @ a.T: {np.shape(a @ a.T)}")
column = a.reshape(5, 1)
print(
    f"column @ column.T: {(column @ column.T).shape}, column - a: {(column - a).shape}"
)
assert (column - a).shape == (5, 5)
try:
    F.mse_loss(dls.Tensor(column), dls.Tensor(a))
    raise AssertionError("two different shapes were taken")
except dls.ShapeError as error:
    print(f"ShapeError: {error}")

# %% [markdown]
# **3. Too large for the computer.** Without taking the largest number away softmax of
# 1000 is $\infty / \infty$: `nan`, not a number. `compare` says where.


# %%
def softmax_unsafe(x):
    """WRONG for large x."""
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)


large = np.array([[1000.0, 999.0, 0.0]])
with np.errstate(all="ignore"):
    lost = softmax_unsafe(large)
verdict = dls.compare("softmax", lost, F.softmax(dls.Tensor(large), axis=1))
assert not verdict.ok and "nan" in verdict.hint
assert dls.compare("softmax", softmax(large), F.softmax(dls.Tensor(large), axis=1)).ok

# %% [markdown]
# **4. The forgotten $1/m$, the wrong derivative.** `sum` where the formula says
# $\frac1m \sum$; and $x(1-x)$ for $s(1-s)$: it is the *output* that stands there.

# %%
m = some_X.shape[1]
right_ones = gradients_by_arrays(some_w, some_b, some_X, some_Y)
without_m = {"dw": m * right_ones["dw"], "db": right_ones["db"]}
report = check.check_gradients(
    lambda p: cross_entropy(p["w"], p["b"], some_X, some_Y), start, without_m, m=m
)
print(report)
assert [c.name for c in report.wrong] == ["dw"]
assert "is 1/m missing?" in report.first.hint
report = check.check_gradients(
    lambda p: np.sum(sigmoid(p["x"])), {"x": z}, {"dx": z * (1 - z)}
)
print(report)
assert not report.ok

# %% [markdown]
# **5. Bytes.** Pictures come as `uint8`: whole numbers from 0 to 255, and then it
# starts at 0 again. "Brighter by 100" makes bright pixels dark, without a word. Change
# to floats first: `/ 255.0` does.

# %%
picture = train_x_orig[0]
wrapped = picture + np.uint8(100)
brighter = np.minimum(picture / 255.0 + 100 / 255.0, 1.0)
bright = picture > 155
means = wrapped[bright].mean(), 255 * brighter[bright].mean()
print(f"{bright.mean():.0%} of the numbers were above 155; brighter by 100, their mean")
print(f"is {means[0]:.0f} in bytes, {means[1]:.0f} in floats")
assert wrapped.dtype == np.uint8 and (wrapped[bright] < picture[bright]).all()
fig, axes = plt.subplots(1, 3, figsize=(8, 3))
for ax, shown, title in zip(
    axes,
    (picture, wrapped, brighter),
    ("a picture", "+ 100 in bytes", "+ 100 in floats"),
    strict=True,
):
    top = 1 if shown is brighter else 255
    ax.imshow(shown.squeeze(), cmap="gray", vmin=0, vmax=top)
    ax.set_title(title)
    ax.axis("off")
lesson.figure(fig, "bytes")

# %% [markdown]
# ## Recap
#
# - Formulas for whole arrays: shorter, and a hundred times as fast as loops.
# - Shapes are compared from the right; length 1 is stretched; `keepdims=True` keeps a
#   sum where it belongs.
# - Give arrays two axes, and assert shapes where you make them.
# - Cross-entropy cancels the flat slope of the sigmoid: $dz = a - y$.
# - Take the largest number away before $e^x$.
#
# ## Questions
#
# 1. What are the shapes of `(4, 1) + (3,)`, `(4, 3) + (4,)`, `(2, 1, 3) * (5, 1)`?
#    <details><summary>Answer</summary>
#    (4, 3); an error, since 3 and 4 do not fit; (2, 5, 3).
#    </details>
# 2. Softmax of a row of n equal numbers?
#    <details><summary>Answer</summary>
#    1/n each, whatever the number is.
#    </details>
# 3. What is the largest slope of the sigmoid, and where?
#    <details><summary>Answer</summary>
#    1/4 at x = 0, where s = 1/2. So each sigmoid on the way makes a gradient at least
#    four times as small.
#    </details>
# 4. L2 is smaller than L1 in the example. Is that always so?
#    <details><summary>Answer</summary>
#    No: distances above 1 grow when they are squared. L2 minds large mistakes more.
#    </details>
# 5. How many multiplications does a dot product of two million numbers need, as a loop
#    and as an array?
#    <details><summary>Answer</summary>
#    Two million both times. The array saves what Python does around each of them, and
#    the processor does several at once.
#    </details>
#
# ## Go further
#
# - Write `normalize_rows` for columns, and the derivative of the length of a row; check
#   it with `dls.gradcheck`.
# - Time `softmax` on `(1000, 1000)` against a loop over rows, and over numbers.
# - Next: `c1w2-logistic-regression` trains this neuron on all pictures.

# %%
# The end.
lesson.finish(
    {
        "softmax_rows": softmax_rows,
        "L1": float(L1(yhat, y)),
        "L2": float(L2(yhat, y)),
        "sigmoid_derivative": sigmoid_derivative(numbers),
        "steps_until_learned": learned_at,
        "speedup": {"gradients": gradient_speedup, "dot_product": max(dot_speedup)},
        "engine": {
            "a_at_the_end": {kind: h[-1] for kind, h in engine_histories.items()}
        },
        "a_at_the_end": {kind: h[-1] for kind, h in histories.items()},
    }
)
