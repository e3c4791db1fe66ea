# %% [markdown]
# # Logistic regression: a neuron that tells cats from non-cats
#
# Course 1, week 2. About an hour with the exercises. The script runs for half a minute
# on the course's photographs, for a few seconds on the built-in pictures or with
# `--fast`.
#
# **Goal.** The smallest network there is: one neuron, trained on real pictures. You
# will
#
# - write the forward pass, the gradients and gradient descent in NumPy, over all
#   examples at once and without a loop over them,
# - check your gradients by hand, against the engine, and numerically,
# - train, look at what the neuron learned and where it fails, compare learning rates,
# - break the code in the ways it is usually broken, and see which tool notices,
# - write it again with the framework, in eight lines, and get the same numbers.
#
# ## What you need
#
# The lesson `c1w2-computation-graph` (derivatives on a graph, `backward`), and
# `c1w2-vectorization` for arrays in place of loops. The function names, their arguments
# and shapes are the course's own (2021 edition).
# `tinygrad-dls learn start c1w2-logistic-regression` makes a copy of this script for
# you to fill in, and `tinygrad-dls learn check c1w2-logistic-regression` checks it.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w2-logistic-regression")
pictures = lesson.load("cats")
train_x_orig, train_y, test_x_orig, test_y, classes = pictures.as_tuple()
m_train, m_test = len(train_x_orig), len(test_x_orig)
# what label 1 means: "cat", or "face" in the built-in set
positive = classes[1].decode()
print(f"{m_train} training pictures {train_x_orig.shape}, labels {train_y.shape}")
print(f"{m_test} test pictures {test_x_orig.shape}")
print(f"label 1 is {positive}, label 0 is {classes[0].decode()}")

# %% [markdown]
# ## The idea in a picture
#
# A picture is a block of numbers from 0 to 255. We lay them into one tall column $x$.
# The neuron multiplies each number by a weight, adds everything up and a bias $b$: that
# is $z = w^T x + b$. The sigmoid function squeezes $z$ between 0 and 1, and we read the
# result as the probability of "cat".


# %%
def show_picture(ax, picture, title=""):
    """Show a picture (height, width, channels), in colour or grey."""
    pixels = np.rint(picture).astype(np.uint8).squeeze()
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    ax.set_title(title, fontsize=9)
    ax.axis("off")


first_one = int(np.argmax(train_y[0]))  # the first picture with label 1
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4))
show_picture(left, train_x_orig[first_one], f"a picture {train_x_orig.shape[1:]}")
column = train_x_orig[first_one].reshape(-1)
middle.bar(range(30), column[:30], color="gray")
middle.set(xlabel="row of the column x", ylabel="brightness")
middle.set_title(f"the first 30 of its {len(column):,} numbers", fontsize=9)
z = np.linspace(-6, 6, 200)
right.plot(z, 1 / (1 + np.exp(-z)), color="tab:red")
right.axhline(0.5, color="gray", linestyle=":")
right.set(xlabel="z = wᵀx + b", ylabel=f"probability of {positive}")
right.set_title("the sigmoid function", fontsize=9)
fig.tight_layout()
lesson.figure(fig, "idea")

fig, axes = plt.subplots(2, 8, figsize=(11, 3.2))
for i, ax in enumerate(axes.flat):
    label = int(train_y[0, i])
    show_picture(ax, train_x_orig[i], f"y = {label}: {classes[label].decode()}")
fig.suptitle("The first training pictures")
lesson.figure(fig, "examples")

# %% [markdown]
# Each picture becomes one *column*, so the training set is a matrix $X$ of shape
# $(n_x, m)$: $n_x$ numbers for each of $m$ examples. (This is the course's layout. Most
# libraries have examples in rows; so does the last part of this lesson.)
#
# `reshape(m, -1)` makes a row of each picture, `.T` turns rows into columns. Division
# by 255 brings the numbers between 0 and 1.

# %%
train_x = train_x_orig.reshape(m_train, -1).T / 255.0  # (n_x, m_train)
test_x = test_x_orig.reshape(m_test, -1).T / 255.0  # (n_x, m_test)
n_x = train_x.shape[0]
print(f"X {train_x.shape}, Y {train_y.shape}")
assert np.array_equal(255 * train_x[:, 3], train_x_orig[3].reshape(-1))

# %% [markdown]
# ## One number by hand
#
# Take a "picture" of two pixels, $x = (0.5, 1.5)$ with label $y = 1$, and a neuron with
# $w = (2, -1)$ and $b = 0.5$.
#
# $$z = 2 \cdot 0.5 - 1 \cdot 1.5 + 0.5 = 0, \qquad a = \sigma(0) = 0.5$$
#
# The neuron cannot tell. The loss of an example is $-\log a$ if $y = 1$: here
# $-\log 0.5 = 0.693$. Its derivative with respect to $z$ will turn out to be $a - y$,
# here $-0.5$: *raising* $z$ lowers the loss. Each weight gets it times its pixel (`dw`
# is short for $d\mathcal{L}/dw$):
#
# $$dw = (0.5, 1.5) \cdot (-0.5) = (-0.25, -0.75), \qquad db = -0.5 .$$
#
# A step downhill with learning rate 1 gives $w = (2.25, -0.25)$ and $b = 1$. *What are
# $z$ and the loss now?*

# %%
x = np.array([0.5, 1.5])
for w, b in ((np.array([2.0, -1.0]), 0.5), (np.array([2.25, -0.25]), 1.0)):
    z = w @ x + b
    a = 1 / (1 + np.exp(-z))
    print(f"w = {w}, b = {b}: z = {z:.3f}, a = {a:.3f}, loss = {-np.log(a):.3f}")
assert abs(z - 1.75) < 1e-12

# %% [markdown]
# ## The mathematics
#
# For example number $i$, with $x^{(i)}$ of shape $(n_x, 1)$, and $w$ of the same shape:
#
# $$
# z^{(i)} = w^T x^{(i)} + b, \qquad
# a^{(i)} = \sigma(z^{(i)}) = \frac{1}{1 + e^{-z^{(i)}}}
# $$
# $$
# \mathcal{L}(a^{(i)}, y^{(i)}) =
# -y^{(i)} \log a^{(i)} - (1 - y^{(i)}) \log(1 - a^{(i)}), \qquad
# J = \frac{1}{m} \sum_{i=1}^{m} \mathcal{L}(a^{(i)}, y^{(i)})
# $$
#
# **Why this loss?** Read $a$ as the probability that the label is 1. The label that we
# saw then has the probability $a$ if $y = 1$, and $1 - a$ if $y = 0$. One formula
# covers both cases, since anything to the power 0 is 1:
#
# $$
# P(y \mid x) = a^{y} (1 - a)^{1 - y} .
# $$
#
# Examples are drawn independently, so the probability of *all* labels is the product.
# As a function of $w$ and $b$ it is called the **likelihood**; the best parameters are
# those that make what we saw most probable. A product of many numbers below 1
# underflows; its logarithm is a sum, and is largest at the same place:
#
# $$
# \log \prod_{i=1}^{m} P(y^{(i)} \mid x^{(i)}) =
# \sum_{i=1}^{m} \left( y^{(i)} \log a^{(i)} + (1 - y^{(i)}) \log(1 - a^{(i)}) \right)
# = -m J .
# $$
#
# So the least cost $J$ is the greatest likelihood. The loss of one example is *minus
# the logarithm of the probability of the right answer*. It is called **cross-entropy**,
# and stays just that with ten classes or a whole vocabulary.
#
# **Backward**, by the chain rule, for one example (and without the $(i)$):
#
# $$
# \frac{d\mathcal{L}}{da} = -\frac{y}{a} + \frac{1-y}{1-a}, \qquad
# \frac{da}{dz} = a(1 - a), \qquad
# \frac{d\mathcal{L}}{dz} = \frac{d\mathcal{L}}{da}\frac{da}{dz} = a - y .
# $$
#
# Since $z = \sum_j w_j x_j + b$, the slope of $w_j$ is $x_j$ and the slope of $b$ is 1:
# $d\mathcal{L}/dw_j = x_j (a - y)$ and $d\mathcal{L}/db = a - y$.
#
# **All examples at once.** Put the $z^{(i)}$ side by side in a row $Z$:
#
# | | formula | shape |
# |---|---|---|
# | forward | $A = \sigma(w^T X + b)$ | $(1, n_x)(n_x, m) \to (1, m)$ |
# | gradient of $w$ | $dw = \frac{1}{m} X (A - Y)^T$ | $(n_x, m)(m, 1) \to (n_x, 1)$ |
# | gradient of $b$ | $db = \frac{1}{m} \sum_i (a^{(i)} - y^{(i)})$ | a number |
#
# Where does the transpose come from? Element $j$ of $dw$ is $\frac{1}{m}\sum_i
# x_j^{(i)} (a^{(i)} - y^{(i)})$: row $j$ of $X$ times the row $A - Y$, number by
# number, summed. A matrix product does this for all $j$ if the second row stands
# upright. And the shapes allow nothing else: $dw$ must have the shape of $w$.
#
# ## Your code
#
# **Exercise 1.** The sigmoid function, for a number or an array.


# %%
def sigmoid(z):
    """1 / (1 + e^-z), element by element."""
    # BEGIN SOLUTION
    return 1 / (1 + np.exp(-z))
    # END SOLUTION


assert sigmoid(0) == 0.5
assert np.allclose(sigmoid(np.array([0, 2])), [0.5, 0.88079708])

# %% [markdown]
# **Exercise 2.** Start with zeros: weights $w$ of shape `(dim, 1)`, and a bias `0.0`.


# %%
def initialize_with_zeros(dim):
    """w (dim, 1) of zeros, and b = 0.0."""
    # BEGIN SOLUTION
    w = np.zeros((dim, 1))
    b = 0.0
    # END SOLUTION
    return w, b


assert initialize_with_zeros(2)[0].shape == (2, 1)

# %% [markdown]
# **Exercise 3.** Forward and backward: the cost $J$, and the gradients of it. *Predict:
# what is the cost when all weights are zero?* (Each $a$ is 0.5, whatever the picture.)


# %%
def propagate(w, b, X, Y):
    """Cost and gradients.

    w (n_x, 1), b a number, X (n_x, m), Y (1, m) of 0 and 1.
    Returns grads {"dw": (n_x, 1), "db": number} and the cost.
    """
    m = X.shape[1]
    # BEGIN SOLUTION
    A = sigmoid(np.dot(w.T, X) + b)  # (1, m)
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    dw = np.dot(X, (A - Y).T) / m  # (n_x, 1)
    db = np.sum(A - Y) / m
    # END SOLUTION
    cost = np.squeeze(np.array(cost))
    return {"dw": dw, "db": db}, cost


w, b = np.array([[1.0], [2.0]]), 2.0
X, Y = np.array([[1.0, 2.0, -1.0], [3.0, 4.0, -3.2]]), np.array([[1, 0, 1]])
grads, cost = propagate(w, b, X, Y)
print(f"cost {cost:.6f}, dw {grads['dw'].ravel()}, db {grads['db']:.8f}")
assert abs(cost - 5.801545319394553) < 1e-12
assert np.allclose(grads["dw"], [[0.99845601], [2.39507239]])

# %% [markdown]
# **Exercise 4.** Gradient descent: repeat $w := w - \alpha\, dw$, $b := b - \alpha\,
# db$. Keep the cost of every hundredth step. (`steps` is how the loop counts: `range`,
# or the lesson's `range` with a progress bar.)


# %%
def optimize(
    w, b, X, Y, num_iterations=100, learning_rate=0.009, print_cost=False, steps=range
):
    """Gradient descent from (w, b).

    Returns params {"w", "b"}, the last grads {"dw", "db"}, and the list of costs.
    """
    costs = []
    for i in steps(num_iterations):
        # BEGIN SOLUTION
        grads, cost = propagate(w, b, X, Y)
        w = w - learning_rate * grads["dw"]
        b = b - learning_rate * grads["db"]
        # END SOLUTION
        if i % 100 == 0:
            costs.append(cost)
            if print_cost:
                print(f"Cost after iteration {i}: {cost:f}")
    return {"w": w, "b": b}, grads, costs


params, _, costs = optimize(w, b, X, Y, num_iterations=101, learning_rate=0.1)
assert np.allclose(costs, [5.80154532, 0.31057104])

# %% [markdown]
# **Exercise 5.** The prediction: 1 where the probability is above one half, else 0.


# %%
def predict(w, b, X):
    """Predicted labels (1, m), 0 or 1, of the examples X (n_x, m)."""
    # BEGIN SOLUTION
    A = sigmoid(np.dot(w.T, X) + b)  # (1, m)
    return (A > 0.5).astype(float)
    # END SOLUTION


unseen = np.array([[1.0, -1.1, -3.2], [1.2, 2.0, 0.1]])
labels = predict(np.array([[0.1124579], [0.23106775]]), -0.3, unseen)
assert labels.tolist() == [[1, 1, 0]]

# %% [markdown]
# **Exercise 6.** Everything together: start with zeros, optimize, predict on both sets.


# %%
def model(
    X_train,
    Y_train,
    X_test,
    Y_test,
    num_iterations=2000,
    learning_rate=0.5,
    print_cost=False,
    steps=range,
):
    """Train on one set, predict on both; returns all there is to know of the run."""
    # BEGIN SOLUTION
    w, b = initialize_with_zeros(X_train.shape[0])
    params, grads, costs = optimize(
        w, b, X_train, Y_train, num_iterations, learning_rate, print_cost, steps
    )
    Y_prediction_train = predict(params["w"], params["b"], X_train)
    Y_prediction_test = predict(params["w"], params["b"], X_test)
    # END SOLUTION
    if print_cost:
        print(f"train accuracy: {100 * np.mean(Y_prediction_train == Y_train)} %")
        print(f"test accuracy: {100 * np.mean(Y_prediction_test == Y_test)} %")
    return {
        "costs": costs,
        "Y_prediction_test": Y_prediction_test,
        "Y_prediction_train": Y_prediction_train,
        "w": params["w"],
        "b": params["b"],
        "grads": grads,
        "learning_rate": learning_rate,
        "num_iterations": num_iterations,
    }


# %% [markdown]
# ## Check it three ways
#
# **By hand** you did above: the cost and the gradients of three examples.
#
# **Against the engine.** The same formula in tensors; `backward` derives it. The
# numbers must agree to rounding (about 16 digits), on the real pictures, from the same
# parameters. `dls.compare` gives a verdict for each gradient.


# %%
def cost_by_engine(w, b, X, Y):
    """J for tensors: w (n_x, 1), b (), X (n_x, m), Y (1, m)."""
    A = (w.T @ X + b).sigmoid()  # (1, m)
    losses = -(Y * A.log() + (1 - Y) * (1 - A).log())  # (1, m)
    return losses.sum() / X.shape[1]


rng = np.random.default_rng(lesson.seed)
w = 0.01 * rng.standard_normal((n_x, 1))
b = 0.1
grads, cost = propagate(w, b, train_x, train_y)

tw = dls.Tensor(w, requires_grad=True, name="w")
tb = dls.Tensor(np.array(b), requires_grad=True, name="b")
tX = dls.Tensor(train_x, name="X")
tY = dls.Tensor(train_y.astype("float64"), name="Y")
J = cost_by_engine(tw, tb, tX, tY)
J.backward()
for name, mine, tensor in (("dw", grads["dw"], tw), ("db", np.array(grads["db"]), tb)):
    assert dls.compare(name, mine, tensor.grad).ok
    assert np.abs(mine - tensor.grad.numpy()).max() < 1e-10
assert abs(cost - J.item()) < 1e-10

# %% [markdown]
# **Numerically**: nudge each number, see how the cost changes. `check_gradients` takes
# a cost and your gradients as the course's dictionaries; it prints how far your
# gradients $g$ and the nudged ones $n$ differ, by the course's formula
#
# $$\frac{\lVert g - n \rVert}{\lVert g \rVert + \lVert n \rVert} .$$
#
# `dls.gradcheck` does the same for a function of tensors, and checks the backward rule
# of each operation too. We give it 20 pictures, and it nudges a sample of the weights.

# %%
start = {"w": np.array([[0.1], [0.2]]), "b": 0.2}
report = check.check_gradients(
    lambda p: propagate(p["w"], p["b"], X, Y)[1],
    start,
    propagate(start["w"], start["b"], X, Y)[0],
)
print(report)
assert report.ok

some_X, some_Y = tX[:, :20], tY[:, :20]
report = dls.gradcheck(
    lambda w, b: cost_by_engine(w, b, some_X, some_Y), tw, tb, limit=30
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The computation as the engine saw it, with shapes, values and gradients, from the
# weights `w` and the pixels `X` at the top down to the cost. Follow the gradient
# upwards. Two ways lead down from `sigmoid`, one for $y = 1$ and one for $y = 0$: their
# gradients are added there, to $dJ/da$. One box further up it is $(a - y)/m$: our
# `A - Y`, divided by $m$. The page `graph.html` takes these steps one by one; the
# printed link opens it at the second part of $dJ/da$.

# %%
tw.grad = tb.grad = None
with dls.trace():
    J = cost_by_engine(tw, tb, tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph", steps={"both parts of dJ/da added": "sigmoid"})
print(graph)
graph

# %% [markdown]
# ## Train
#
# On the course's photographs: learning rate 0.005, 2000 steps. First your code, then
# the engine's gradients in the same loop. Both start with zeros, so both costs start at
# $-\log 0.5 = 0.693147$. *If it starts elsewhere, look for the mistake before you
# train.*

# %%
num_iterations = 200 if lesson.fast else 2000
learning_rate = 0.005


def accuracies(w, b, X_train, X_test):
    """Percent of right predictions on both sets."""
    return {
        "train_accuracy": 100 * float(np.mean(predict(w, b, X_train) == train_y)),
        "test_accuracy": 100 * float(np.mean(predict(w, b, X_test) == test_y)),
    }


def costs_of(run, X, Y):
    """{iteration: cost}: every hundredth, and the last one."""
    # the stored w is after the last step; add the step back: the w whose cost we want
    w = run["w"] + run["learning_rate"] * run["grads"]["dw"]
    b = run["b"] + run["learning_rate"] * run["grads"]["db"]
    every_hundredth = {100 * i: float(cost) for i, cost in enumerate(run["costs"])}
    return every_hundredth | {
        run["num_iterations"] - 1: float(propagate(w, b, X, Y)[1])
    }


by_hand = model(
    train_x,
    train_y,
    test_x,
    test_y,
    num_iterations,
    learning_rate,
    steps=lesson.steps("by hand"),
)
hand_costs = costs_of(by_hand, train_x, train_y)
hand_figures = accuracies(by_hand["w"], by_hand["b"], train_x, test_x)


# %%
def train_by_engine(X, Y, num_iterations, learning_rate, steps=range):
    """Descent with the engine's gradients: w (n_x, 1), b, {iteration: cost}."""
    w = dls.Tensor(np.zeros((X.shape[0], 1)), requires_grad=True)
    b = dls.Tensor(np.zeros(()), requires_grad=True)
    costs = {}
    for i in steps(num_iterations):
        cost = cost_by_engine(w, b, X, Y)
        w.grad = b.grad = None
        cost.backward()
        with dls.no_grad():  # the step itself is not part of a graph
            w -= learning_rate * w.grad
            b -= learning_rate * b.grad
        if i % 100 == 0 or i == num_iterations - 1:
            costs[i] = cost.item()
    return w.numpy(), b.item(), costs


w, b, engine_costs = train_by_engine(
    tX, tY, num_iterations, learning_rate, lesson.steps("engine")
)
engine_figures = accuracies(w, b, train_x, test_x)
assert np.allclose(by_hand["w"], w, rtol=0, atol=1e-10)
assert all(abs(hand_costs[i] - engine_costs[i]) < 1e-10 for i in hand_costs)

# %% [markdown]
# ### The same with layers
#
# `nn.Linear` holds weight and bias, `optim.SGD` takes the steps. Here examples are
# *rows*: $X$ is $(m, n_x)$, and the weight $(1, n_x)$. The loss works on $z$ itself
# ("with logits"): sigmoid and logarithm in one, which stays exact where $a$ rounds to 0
# or 1 and the logarithm is $-\infty$.

# %%
rows, targets = dls.Tensor(train_x.T), dls.Tensor(train_y.T.astype("float64"))
neuron = nn.Linear(n_x, 1, dtype="float64")  # weight (1, n_x), bias (1,)
nn.init.zeros_(neuron.weight)
nn.init.zeros_(neuron.bias)
optimizer = optim.SGD(neuron.parameters(), lr=learning_rate)
layer_costs = {}
for i in lesson.progress(range(num_iterations), "nn.Linear", "steps"):
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(neuron(rows), targets)  # (m, 1), (m, 1)
    loss.backward()
    optimizer.step()
    if i in hand_costs:
        layer_costs[i] = loss.item()
w, b = neuron.weight.numpy().T, neuron.bias.item()
layer_figures = accuracies(w, b, train_x, test_x)
assert np.allclose(by_hand["w"], w, rtol=0, atol=1e-10)
assert all(abs(hand_costs[i] - layer_costs[i]) < 1e-10 for i in hand_costs)

chosen = [i for i in hand_costs if i % 500 == 0 or i >= num_iterations - 100]
lesson.table(
    ["cost at iteration", "by hand", "engine", "nn.Linear"],
    [
        [i] + [f"{costs[i]:.6f}" for costs in (hand_costs, engine_costs, layer_costs)]
        for i in chosen
    ],
)
lesson.table(
    ["accuracy in %", "by hand", "engine", "nn.Linear"],
    [
        [key.partition("_")[0]]
        + [
            f"{figures[key]:.2f}"
            for figures in (hand_figures, engine_figures, layer_figures)
        ]
        for key in ("train_accuracy", "test_accuracy")
    ],
)
assert hand_figures == engine_figures == layer_figures

# %% [markdown]
# ## Look at it
#
# The cost falls all the way. But what counts is the *test* set. On the photographs of
# cats the gap is wide, 99 % against 70 %: the neuron has learned the training pictures
# by heart. (Always answering "cat" would be right for 66 % of that test set.)
#
# On the built-in faces it gets 97 % of the training set and 98 % of the test set: no
# gap, no overfitting. It has 626 parameters for 150 pictures, enough to learn them all
# by heart, but it need not. All faces are cut in the same way, so eyes and mouth are at
# the same place in each, and one template fits them; backgrounds have nothing there.
# Cats sit anywhere, in any size and colour: no template fits, so the neuron keeps what
# it can, the single pictures. Further down we will make it overfit on faces too.

# %%
fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(list(hand_costs), list(hand_costs.values()), "o-", label="by hand")
ax.plot(list(engine_costs), list(engine_costs.values()), "x", ms=9, label="engine")
ax.axhline(np.log(2), color="gray", linestyle=":", label="log 2: knows nothing")
ax.set(xlabel="iteration", ylabel="cost J", ylim=(0, None))
ax.set_title(
    f"learning rate {learning_rate}: {hand_figures['train_accuracy']:.1f} % of the "
    f"training set right,\n{hand_figures['test_accuracy']:.1f} % of the test set"
)
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "costs")

# %% [markdown]
# ### Fewer pictures, and it overfits
#
# *Predict: what happens to both accuracies if the neuron sees only 4 training pictures,
# then 8, 16 ...?* We draw five sets of each size and average. With fewer pictures than
# weights the neuron can fit nearly any labels, so a few pictures are soon learned by
# heart. They are too few to show what all pictures of a class have in common.


# %%
def accuracies_with(m, num_iterations, rng, draws=5):
    """Percent right on m training pictures and on the test set, mean over `draws`."""
    right = []
    for _ in range(draws):
        some = rng.permutation(m_train)[:m]
        X, Y = train_x[:, some], train_y[:, some]  # (n_x, m), (1, m)
        run = model(X, Y, test_x, test_y, num_iterations, learning_rate)
        right.append(
            [
                100 * np.mean(run["Y_prediction_train"] == Y),
                100 * np.mean(run["Y_prediction_test"] == test_y),
            ]
        )
    return np.mean(right, axis=0).tolist()


rng = np.random.default_rng(lesson.seed)
curve = {}
for m in lesson.progress((4, 8, 16, 32, 64), "fewer pictures", "sizes"):
    curve[m] = accuracies_with(m, 100 if lesson.fast else 500, rng)
fig, ax = plt.subplots(figsize=(7, 4))
for i, name in enumerate(("training", "test")):
    ax.semilogx(list(curve), [both[i] for both in curve.values()], "o-", label=name)
ax.set_xticks(list(curve), [str(m) for m in curve])
ax.set(xlabel="training pictures m", ylabel="right in %", title="A learning curve")
ax.minorticks_off()
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "learning_curve")
lesson.table(
    ["training pictures", "train %", "test %", "gap"],
    [[m, f"{a:.1f}", f"{t:.1f}", f"{a - t:.1f}"] for m, (a, t) in curve.items()],
)

# %% [markdown]
# Four faces or backgrounds are learned by heart: 100 % against 68 %. Sixteen show well
# enough what all faces have in common: the gap is nearly closed.
# On the cats it closes slowly, 63 points with 4 pictures, 40 with 64, 29 with all 209.
# More data helps against overfitting, and how much is needed depends on the task.

# %% [markdown]
# There is one weight for each pixel (and colour), so the weights are a picture too.
# Where it is red, brightness speaks for label 1; where it is blue, against it. The
# neuron can do no more than lay this one template over each picture.

# %%
weights = by_hand["w"].reshape(train_x_orig.shape[1:])  # (height, width, channels)
names = ("red", "green", "blue") if weights.shape[2] == 3 else ("grey",)
largest = np.abs(weights).max()
fig, axes = plt.subplots(1, len(names), figsize=(3.6 * len(names), 3.6), squeeze=False)
for channel, (ax, name) in enumerate(zip(axes[0], names, strict=True)):
    shown = ax.imshow(weights[..., channel], cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.set_title(f"weights of {name}")
    ax.axis("off")
fig.colorbar(shown, ax=axes[0], shrink=0.8, label="weight")
lesson.figure(fig, "weights")

# %% [markdown]
# Where is it wrong? These are the test pictures it finds hardest: those to whose true
# label it gives the least probability. A red title is a mistake.

# %%
probability = sigmoid(by_hand["w"].T @ test_x + by_hand["b"])[0]  # (m_test,)
of_truth = np.where(test_y[0] == 1, probability, 1 - probability)
fig, axes = plt.subplots(2, 6, figsize=(11, 4.8))
for i, ax in zip(np.argsort(of_truth), axes.flat, strict=False):
    show_picture(ax, test_x_orig[i])
    title = f"{classes[test_y[0, i]].decode()}\np({positive}) = {probability[i]:.2f}"
    ax.set_title(title, fontsize=9, color="tab:red" if of_truth[i] < 0.5 else "black")
fig.suptitle(
    f"The hardest of {m_test} test pictures; mistakes: {np.sum(of_truth < 0.5)}"
)
fig.tight_layout()
lesson.figure(fig, "mistakes")

# %% [markdown]
# ### Learning rates
#
# Too small a rate wastes time. A larger one falls faster, and may shake at first: on
# the cats a rate of 0.01 overshoots for hundreds of steps, and blows up even the
# rounding errors by which our two runs differ. On the faces all three costs fall
# smoothly, and the smallest rate is far from done. The lowest cost on the training set
# is not always the best on the test set.

# %%
rates = (0.01, 0.001, 0.0001)
rate_iterations = 100 if lesson.fast else 1500
hand_rates, engine_rates = {}, {}
fig, ax = plt.subplots(figsize=(7, 4))
for rate in rates:
    steps = lesson.steps(f"rate {rate} by hand")
    run = model(train_x, train_y, test_x, test_y, rate_iterations, rate, steps=steps)
    hand_rates[rate] = accuracies(run["w"], run["b"], train_x, test_x)
    hand_rates[rate]["costs"] = costs_of(run, train_x, train_y)
    w, b, costs = train_by_engine(
        tX, tY, rate_iterations, rate, lesson.steps(f"rate {rate} engine")
    )
    engine_rates[rate] = accuracies(w, b, train_x, test_x) | {"costs": costs}
    apart = max(abs(hand_rates[rate]["costs"][i] - costs[i]) for i in costs)
    assert apart < (1e-4 if rate == 0.01 else 1e-10)
    ax.plot(list(costs), list(costs.values()), "o-", markersize=3, label=f"rate {rate}")
ax.set(xlabel="iteration", ylabel="cost J", title="Three learning rates")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "learning_rates")
lesson.table(
    ["learning rate", "iterations", "train %", "test %"],
    [
        [rate, iterations, f"{f['train_accuracy']:.3f}", f"{f['test_accuracy']:.1f}"]
        for rate, iterations, f in [
            (learning_rate, num_iterations, hand_figures),
            *((rate, rate_iterations, hand_rates[rate]) for rate in rates),
        ]
    ],
)

# %% [markdown]
# ## Break it
#
# **1. The forgotten $1/m$.** The gradient points the right way and is $m$ times too
# long. The code runs, the cost may even fall. The gradient check knows the difference,
# and says what it looks like:


# %%
def propagate_without_m(w, b, X, Y):
    """WRONG: `propagate` without the 1/m in dw."""
    A = sigmoid(np.dot(w.T, X) + b)
    return {"dw": np.dot(X, (A - Y).T), "db": np.sum(A - Y) / X.shape[1]}


report = check.check_gradients(
    lambda p: propagate(p["w"], p["b"], X, Y)[1],
    start,
    propagate_without_m(start["w"], start["b"], X, Y),
    m=X.shape[1],
)
print(report)
assert not report.ok and [c.name for c in report.wrong] == ["dw"]
assert "1/m" in report.first.hint

# %% [markdown]
# **2. The wrong reshape.** `reshape(-1, m)` also gives shape $(n_x, m)$, so why not? It
# does not take pictures apart, it reads all numbers of all pictures in one go, and
# deals them out like cards: each column holds bits of *every* picture. The labels then
# belong to nothing. That leaves 34 % of the test set on the cats, 46 % on the faces:
# less than by tossing a coin.
#
# The gradient check is no help: the gradients are right, for the wrong data. *Look at a
# column as a picture*, or let `dls.compare` tell whether the way there and back is the
# identity; a few guesses then name the mistake.

# %%
dealt_train = train_x_orig.reshape(-1, m_train) / 255.0  # WRONG, of the right shape
dealt_test = test_x_orig.reshape(-1, m_test) / 255.0
assert dealt_train.shape == train_x.shape

size = train_x_orig.shape[1:]
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.6))
show_picture(
    left, 255 * train_x[:, first_one].reshape(size), "reshape(m, -1).T: a column"
)
show_picture(
    right, 255 * dealt_train[:, first_one].reshape(size), "reshape(-1, m): a column"
)
lesson.figure(fig, "wrong_reshape")


def name_the_layout(X, pictures):
    """What was done to pictures (m, height, width, channels) to make X of them."""
    m = len(pictures)
    guesses = {
        "right: each column is a picture": pictures.reshape(m, -1).T / 255.0,
        "not divided by 255": pictures.reshape(m, -1).T,
        "transpose missing: pictures lie in rows": pictures.reshape(m, -1) / 255.0,
        "reshape(-1, m): pixels of all pictures dealt out": (
            pictures.reshape(-1, m) / 255.0
        ),
    }
    for name, guess in guesses.items():
        if dls.compare("X", X, guess, print=False).ok:
            return name
    return "none of the known mistakes"


column, picture = dealt_train[:, 0], train_x_orig[0].reshape(-1) / 255.0
assert not dls.compare("a column, a picture", column, picture).ok
print("train_x:    ", name_the_layout(train_x, train_x_orig))
print("dealt_train:", name_the_layout(dealt_train, train_x_orig))
assert name_the_layout(train_x, train_x_orig).startswith("right")
assert name_the_layout(dealt_train, train_x_orig).startswith("reshape(-1, m)")
assert name_the_layout(255 * train_x, train_x_orig) == "not divided by 255"
assert "rows" in name_the_layout(train_x.T, train_x_orig)
steps = lesson.steps("wrong reshape")
run = model(
    dealt_train, train_y, dealt_test, test_y, num_iterations, learning_rate, steps=steps
)
dealt_figures = accuracies(run["w"], run["b"], dealt_train, dealt_test)
print(
    f"wrong reshape: {dealt_figures['train_accuracy']:.1f} % of the training set, "
    f"{dealt_figures['test_accuracy']:.1f} % of the test set"
)
assert dealt_figures["test_accuracy"] < hand_figures["test_accuracy"]

# %% [markdown]
# **3. A shape that broadcasts.** With labels $(m,)$ and outputs $(m, 1)$ NumPy makes an
# $(m, m)$ table of differences, and no error. The framework's loss refuses, and says
# what to write:

# %%
outputs, flat_labels = neuron(rows), dls.Tensor(train_y[0].astype("float64"))
table = outputs.numpy() - flat_labels.numpy()
print(f"NumPy: {outputs.shape} - {flat_labels.shape} = {table.shape}, without a word")
try:
    F.binary_cross_entropy_with_logits(outputs, flat_labels)
    raise AssertionError("two different shapes were taken")
except dls.ShapeError as error:
    print(f"ShapeError: {error}")

# %% [markdown]
# **4. The forgotten division by 255.** Then $z$ is in the thousands, $a$ is
# exactly 0 or 1, and a logarithm is $-\infty$. Where its factor, $y$ or $1 - y$, is 0,
# NumPy has to compute $0 \cdot (-\infty)$: `nan`, not a number. Our `propagate` loses
# the cost. From logits it stays finite.

# %%
big = 255 * train_x
w_big = -learning_rate * propagate(*initialize_with_zeros(n_x), big, train_y)[0]["dw"]
with np.errstate(all="ignore"):
    lost = propagate(w_big, 0.0, big, train_y)[1]
kept = F.binary_cross_entropy_with_logits(
    dls.Tensor((w_big.T @ big).T), dls.Tensor(train_y.T.astype("float64"))
).item()
print(f"pixels 0 to 255, cost after one step: {lost} by hand, {kept:.3f} from logits")
assert not np.isfinite(lost) and np.isfinite(kept)

# %% [markdown]
# ## Recap
#
# - One neuron: $A = \sigma(w^T X + b)$, all examples at once; $dZ = A - Y$, and from it
#   $dw = X\,dZ^T/m$, $db = \sum dZ/m$.
# - Never trust a gradient that no one has checked: by hand on a small case, against the
#   engine, by nudging.
# - A right gradient on wrong data is still wrong: look at what goes in.
# - `nn.Linear`, a loss from logits and `optim.SGD` are the same thing, ready made.
#
# ## Questions
#
# 1. Why may all weights start at zero here?
#    <details><summary>Answer</summary>
#    There is one neuron, and the pixels of a picture differ, so the weights get
#    different gradients at the first step. Several neurons in a layer would all stay
#    the same (next lesson).
#    </details>
# 2. What is the cost of a model that always answers 0.9, on a set where 90 % have
#    label 1?
#    <details><summary>Answer</summary>
#    -0.9 log 0.9 - 0.1 log 0.1 = 0.325. Less than log 2, without a look at any picture:
#    so compare with such a baseline.
#    </details>
# 3. Training accuracy is 99 %, test accuracy 70 %. Will more iterations help?
#    <details><summary>Answer</summary>
#    No: the training set is learned already. More data, less freedom for the weights
#    (regularization), or a model that fits pictures better may help.
#    </details>
# 4. By which factor does dw change if you forget to divide the pixels by 255, at w = 0?
#    <details><summary>Answer</summary>
#    By 255: A is 0.5 everywhere in both cases, and dw is proportional to X.
#    </details>
#
# ## Go further
#
# - Stop early: find the iteration with the best *test* accuracy. Why is it cheating to
#   report that number?
# - Give `predict` a threshold other than 0.5, and count misses against false alarms.
# - Next: the lesson `c1w3-planar-classification` has data that no single neuron can
#   separate.

# %%
# The end: this run must have reached what is known of these data.
KNOWN = {  # (data, fast): train and test accuracy in percent, costs
    ("course", False): (99.043, 70.0, {0: 0.693147, 1900: 0.140872}),
    ("built-in", False): (97.333, 98.0, {0: 0.693147, 1900: 0.171785}),
}
known = KNOWN.get((pictures.where, lesson.fast)) if pictures.verified else None
if known:
    # four pictures are learned by heart, and say little about others
    assert curve[4][0] > 99 and curve[4][0] - curve[4][1] > 5
    train_accuracy, test_accuracy, known_costs = known
    assert abs(hand_figures["train_accuracy"] - train_accuracy) < 0.01
    assert abs(hand_figures["test_accuracy"] - test_accuracy) < 0.01
    assert all(abs(hand_costs[i] - cost) < 1e-6 for i, cost in known_costs.items())
    if pictures.where == "course":
        assert abs(dealt_figures["train_accuracy"] - 91.388) < 0.01
        assert abs(dealt_figures["test_accuracy"] - 34) < 0.01
        for rate, train, test in (
            (0.01, 99.522, 68),
            (0.001, 88.995, 64),
            (0.0001, 68.421, 36),
        ):
            assert abs(hand_rates[rate]["train_accuracy"] - train) < 0.01
            assert abs(hand_rates[rate]["test_accuracy"] - test) < 0.01
assert abs(hand_costs[0] - np.log(2)) < 1e-12
assert hand_costs[num_iterations - 1] < 0.6 and hand_figures["train_accuracy"] > 60

lesson.finish(
    hand_figures
    | {
        "costs": hand_costs,
        "learning_rates": hand_rates,
        "engine": engine_figures
        | {"costs": engine_costs, "learning_rates": engine_rates},
        "layers": layer_figures | {"costs": layer_costs},
        "learning_curve": curve,
        "wrong_reshape": dealt_figures,
    }
)
