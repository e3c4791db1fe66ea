# %% [markdown]
# # Regularization: learn the rule, not the points
#
# Course 2, week 1. About two hours with the exercises. The script runs for about a
# minute, with `--fast` for a few seconds.
#
# **Goal.** A network with more weights than it needs learns its training set by heart:
# 95 % there, 91 % on new points. You will
#
# - add the L2 term to the cost, and to the gradient,
# - write inverted dropout, forward and backward,
# - make more data out of the data, and stop early,
# - check your gradients by hand, against the engine, and numerically,
# - see what each of them does to the boundary and to the weights,
# - break each (the term in one place only, the wrong mask, dropout at the test).
#
# ## What you need
#
# The lessons `c2w1-train-dev-test` (when to regularize at all),
# `c2w1-initialization` (the same three-layer network) and `c2w1-gradient-checking`. The
# function names, arguments, caches and random draws are the course's own (2021
# edition). Examples are columns: $X$ is $(2, m)$.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c2w1-regularization")
pitch = lesson.load("regularization")
train_X, train_Y = pitch.X, pitch.Y.astype(int)  # (2, 211), (1, 211)
test_X, test_Y = pitch.X_test, pitch.Y_test.astype(int)  # (2, 200), (1, 200)
m = train_X.shape[1]
print(f"train {train_X.shape}, test {test_X.shape}; blue: {train_Y.mean():.0%}")

# %% [markdown]
# ## The idea in a picture
#
# A football pitch. Each point is a place where the ball came down after a kick of the
# goalkeeper; blue: one of ours headed it on, red: one of theirs. Where should he kick?
# The rule seems to be a diagonal, with some accidents. A network that bends around each
# accident is right about the past and wrong about the next match.
#
# Four ways to hold it back:
#
# | | what it does |
# |---|---|
# | L2 | large weights cost something: the output bends less |
# | dropout | units are switched off at random: none may rely on another |
# | more data | accidents are outvoted; if there are none, make some |
# | early stopping | leave before the accidents have been learned |


# %%
def plot_decision_boundary(model, X, Y, ax, title=""):
    """Colour the plane by model(points (2, k)) -> k probabilities; draw X on it."""
    xx, yy = np.meshgrid(np.linspace(-0.85, 0.55, 200), np.linspace(-0.75, 0.75, 200))
    z = np.asarray(model(np.stack([xx.ravel(), yy.ravel()])), dtype=float)
    z = z.reshape(xx.shape)
    ax.contourf(xx, yy, z, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.45)
    if z.min() < 0.5 < z.max():
        ax.contour(xx, yy, z, levels=[0.5], colors="black", linewidths=1)
    colours = np.where(Y[0] == 1, "tab:blue", "tab:red")
    ax.scatter(*X, c=colours, s=9, edgecolors="white", linewidths=0.3)
    ax.set(title=title, xlabel="$x_1$", ylabel="$x_2$")


fig, axes = plt.subplots(1, 2, figsize=(11, 4.6), sharex=True, sharey=True)
for ax, X, Y, name in zip(
    axes, (train_X, test_X), (train_Y, test_Y), ("training", "test"), strict=True
):
    colours = np.where(Y[0] == 1, "tab:blue", "tab:red")
    ax.scatter(*X, c=colours, s=16, edgecolors="white", linewidths=0.3)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", title=f"{name}: {X.shape[1]} points")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# **L2.** A single weight $w = 2$, one example, a cost that slopes with $dJ/dw = 0.5$,
# and $\lambda = 0.1$, $m = 1$. The cost gets $\frac{\lambda}{2m} w^2 = 0.05 \cdot 4 =
# 0.2$, and the slope $\frac{\lambda}{m} w = 0.2$. A step with rate 0.3:
#
# $$
# w := 2 - 0.3 \cdot (0.5 + 0.2) = 1.79 =
# (1 - 0.3 \cdot 0.1) \cdot 2 - 0.3 \cdot 0.5 .
# $$
#
# The last form says what it does: each step first multiplies the weight by 0.97. Hence
# its other name, **weight decay**.
#
# **Inverted dropout.** Four activations $a = (1, 2, 3, 4)$, each kept with probability
# $p = 0.5$; the coins say $d = (1, 0, 0, 1)$. Keep those, divide by $p$:
# $a = (2, 0, 0, 8)$. The sum was 10, and is 10. That is chance; but over all coins the
# mean is $p \cdot \frac{a}{p} + (1 - p) \cdot 0 = a$, always. So the next layer sees
# inputs of the usual size, and at the test nothing has to be changed. *What would
# $d = (0, 1, 0, 0)$ give?*

# %%
w, slope, rate, decay = 2.0, 0.5, 0.3, 0.1
assert abs((w - rate * (slope + decay * w)) - 1.79) < 1e-12
assert abs((1 - rate * decay) * w - rate * slope - 1.79) < 1e-12
a = np.array([1.0, 2, 3, 4])
coins = np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, -1)  # all 16 throws
dropped = a[:, None] * coins / 0.5
print("mean over all sixteen throws:", dropped.mean(axis=1))
assert np.array_equal(dropped.mean(axis=1), a)

# %% [markdown]
# ## The mathematics
#
# The network is 2-20-3-1, ReLU, ReLU, sigmoid, as in the lesson before. ($1/m$ is in
# $dW$ and $db$ here, not in $dZ$: the course changes it from notebook to notebook.)
#
# **L2.** The squares of all weights (not of the biases) join the cost:
#
# $$
# J = \underbrace{-\frac1m \sum_i \Big(y^{(i)} \log a^{[3](i)} + (1 - y^{(i)}) \log(1 -
# a^{[3](i)}) \Big)}_{\text{cross-entropy}} +
# \underbrace{\frac1m \frac{\lambda}{2} \sum_l \sum_{k,j} W_{kj}^{[l]2}}_{\text{L2}}
# $$
#
# The derivative of the new term by $W^{[l]}$ is $\frac{\lambda}{m} W^{[l]}$, so each
# $dW^{[l]}$ gets that, and nothing else changes:
#
# $$dW^{[l]} = \frac1m dZ^{[l]} A^{[l-1]T} + \frac{\lambda}{m} W^{[l]} .$$
#
# **Dropout.** For hidden layers, with a mask $D^{[l]}$ of zeros and ones of the shape
# of $A^{[l]}$, each 1 with probability `keep_prob`:
#
# | | |
# |---|---|
# | forward | $A^{[l]} := A^{[l]} * D^{[l]} / \text{keep\_prob}$ |
# | backward | $dA^{[l]} := dA^{[l]} * D^{[l]} / \text{keep\_prob}$ |
#
# The same mask on both ways: a unit that said nothing gets no blame. No dropout for
# predictions.
#
# ## Your code
#
# First what is as before: start, forward, cost, backward, step.


# %%
def sigmoid(x):
    """1 / (1 + e^-x), element by element."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def relu(x):
    """max(0, x), element by element."""
    return np.maximum(0, x)


def initialize_parameters(layer_dims):
    """Weights randn / sqrt(n_before) after seed 3, biases zero."""
    np.random.seed(3)
    parameters = {}
    for l in range(1, len(layer_dims)):
        W = np.random.randn(layer_dims[l], layer_dims[l - 1])
        parameters["W" + str(l)] = W / np.sqrt(layer_dims[l - 1])
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def forward_propagation(X, parameters):
    """A3 (1, m), and the cache (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)."""
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    Z1 = np.dot(W1, X) + b1  # (20, m)
    A1 = relu(Z1)
    Z2 = np.dot(W2, A1) + b2  # (3, m)
    A2 = relu(Z2)
    Z3 = np.dot(W3, A2) + b3  # (1, m)
    A3 = sigmoid(Z3)
    return A3, (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)


def compute_cost(A3, Y):
    """Mean cross-entropy of A3 (1, m) and Y (1, m); nansum: 0 log 0 is 0."""
    m = Y.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logprobs = -np.log(A3) * Y - np.log(1 - A3) * (1 - Y)
    return 1.0 / m * np.nansum(logprobs)


def backward_propagation(X, Y, cache):
    """Gradients {"dZ3", "dW3", "db3", "dA2", ..., "dW1", "db1"}."""
    m = X.shape[1]
    _, A1, _, _, _, A2, W2, _, _, A3, W3, _ = cache
    dZ3 = A3 - Y
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = dA2 * (A2 > 0)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = dA1 * (A1 > 0)
    grads = {"dZ3": dZ3, "dA2": dA2, "dZ2": dZ2, "dA1": dA1, "dZ1": dZ1}
    for l, dZ, A in ((3, dZ3, A2), (2, dZ2, A1), (1, dZ1, X)):
        grads["dW" + str(l)] = 1.0 / m * np.dot(dZ, A.T)
        grads["db" + str(l)] = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
    return grads


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
# **Exercise 1.** The cost with its L2 term. Call `compute_cost` for the first part.
#
# **Exercise 2.** The gradients with it. Call `backward_propagation`, then change three
# of its entries.


# %%
def compute_cost_with_regularization(A3, Y, parameters, lambd):
    """Cross-entropy plus lambd / (2 m) times the sum of all squared weights."""
    m = Y.shape[1]
    W1, W2, W3 = parameters["W1"], parameters["W2"], parameters["W3"]
    # BEGIN SOLUTION
    squares = np.sum(np.square(W1)) + np.sum(np.square(W2)) + np.sum(np.square(W3))
    cost = compute_cost(A3, Y) + lambd / (2 * m) * squares
    # END SOLUTION
    return cost


def backward_propagation_with_regularization(X, Y, cache, lambd):
    """The gradients of compute_cost_with_regularization."""
    m = X.shape[1]
    _, _, W1, _, _, _, W2, _, _, _, W3, _ = cache
    # BEGIN SOLUTION
    gradients = backward_propagation(X, Y, cache)
    gradients["dW1"] = gradients["dW1"] + lambd / m * W1
    gradients["dW2"] = gradients["dW2"] + lambd / m * W2
    gradients["dW3"] = gradients["dW3"] + lambd / m * W3
    # END SOLUTION
    return gradients


# %% [markdown]
# **Exercise 3.** Forward with dropout in both hidden layers. `D1 = np.random.rand(...)
# < keep_prob`, of the shape of `A1`, then `D2`. The course seeds inside the function:
# keep that line, and think about what it means (there is an answer below).
#
# **Exercise 4.** Backward with the same masks.


# %%
def forward_propagation_with_dropout(X, parameters, keep_prob=0.5):
    """A3 (1, m), and the cache of fourteen arrays, with D1 and D2 behind Z1 and Z2."""
    np.random.seed(1)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    # BEGIN SOLUTION
    Z1 = np.dot(W1, X) + b1  # (20, m)
    A1 = relu(Z1)
    D1 = np.random.rand(*A1.shape) < keep_prob
    A1 = A1 * D1 / keep_prob
    Z2 = np.dot(W2, A1) + b2  # (3, m)
    A2 = relu(Z2)
    D2 = np.random.rand(*A2.shape) < keep_prob
    A2 = A2 * D2 / keep_prob
    Z3 = np.dot(W3, A2) + b3  # (1, m)
    A3 = sigmoid(Z3)
    # END SOLUTION
    return A3, (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)


def backward_propagation_with_dropout(X, Y, cache, keep_prob):
    """The gradients for the masks that are in the cache."""
    m = X.shape[1]
    _, D1, A1, _, _, _, D2, A2, W2, _, _, A3, W3, _ = cache
    # BEGIN SOLUTION
    dZ3 = A3 - Y
    dW3 = 1.0 / m * np.dot(dZ3, A2.T)
    db3 = 1.0 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3) * D2 / keep_prob
    dZ2 = dA2 * (A2 > 0)
    dW2 = 1.0 / m * np.dot(dZ2, A1.T)
    db2 = 1.0 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2) * D1 / keep_prob
    dZ1 = dA1 * (A1 > 0)
    dW1 = 1.0 / m * np.dot(dZ1, X.T)
    db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    # END SOLUTION
    layer_3 = {"dZ3": dZ3, "dW3": dW3, "db3": db3}
    layer_2 = {"dA2": dA2, "dZ2": dZ2, "dW2": dW2, "db2": db2}
    layer_1 = {"dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1}
    return layer_3 | layer_2 | layer_1


# %% [markdown]
# **Exercise 5.** The model: with L2 if `lambd` is not 0, with dropout if `keep_prob` is
# below 1, never both. (`steps` is how the loop counts; `costs` notes the cost of each
# step; `each` is called with the parameters before each step, for those who want to
# watch.)


# %%
def model(
    X,
    Y,
    learning_rate=0.3,
    num_iterations=30000,
    print_cost=True,
    lambd=0,
    keep_prob=1,
    steps=range,
    costs=None,
    each=None,
):
    """The parameters of 2-20-3-1 after `num_iterations` steps."""
    parameters = initialize_parameters([X.shape[0], 20, 3, 1])
    for i in steps(num_iterations):
        if each is not None:
            each(i, parameters)
        # BEGIN SOLUTION
        if keep_prob < 1:
            A3, cache = forward_propagation_with_dropout(X, parameters, keep_prob)
        else:
            A3, cache = forward_propagation(X, parameters)
        if lambd == 0:
            cost = compute_cost(A3, Y)
        else:
            cost = compute_cost_with_regularization(A3, Y, parameters, lambd)
        if keep_prob < 1:
            grads = backward_propagation_with_dropout(X, Y, cache, keep_prob)
        else:
            grads = backward_propagation_with_regularization(X, Y, cache, lambd)
        parameters = update_parameters(parameters, grads, learning_rate)
        # END SOLUTION
        if costs is not None:
            costs[i] = float(cost)
        if print_cost and i % 10000 == 0:
            print(f"Cost after iteration {i}: {cost}")
    return parameters


# %% [markdown]
# **Exercise 6.** More data from the data: `copies` copies of each point, each moved by
# `np.random.randn(...) * noise`, its label unchanged; the points themselves first. (A
# kick that lands half a step further left has the same fate. For pictures one would
# mirror, shift, zoom; for words this does not work at all.)
#
# **Exercise 7.** Early stopping, as a rule: from the errors on the dev set, measured
# now and then, the place where to stop. That is the place of the smallest error so far
# (the first of equals), once `patience` measurements in a row were not better; else the
# best of all.


# %%
def augment(X, Y, copies, noise):
    """X (n, m (1 + copies)), Y (1, m (1 + copies)): the points, then noisy copies."""
    # BEGIN SOLUTION
    points, labels = [X], [Y]
    for _ in range(copies):
        points.append(X + np.random.randn(*X.shape) * noise)
        labels.append(Y)
    # END SOLUTION
    return np.concatenate(points, axis=1), np.concatenate(labels, axis=1)


def stop_early(errors, patience):
    """Which of the errors, measured one after the other, was the one to stop at."""
    best = 0
    for i in range(len(errors)):
        # BEGIN SOLUTION
        if errors[i] < errors[best]:
            best = i
        elif i - best >= patience:
            break
        # END SOLUTION
    return best


assert augment(train_X, train_Y, 2, 0.1)[0].shape == (2, 3 * m)
assert stop_early([5, 4, 3, 4, 4, 1], patience=2) == 2
assert stop_early([5, 4, 3, 4, 4, 1], patience=3) == 5

# %% [markdown]
# ## Check it three ways
#
# **By hand**: the two small numbers from above, through your functions.

# %%
one, zero = np.ones((1, 1)), np.zeros((1, 1))
tiny = {"W1": 2 * one, "W2": one, "W3": one, "b1": zero, "b2": zero, "b3": zero}
A3, cache = forward_propagation(zero, tiny)  # z3 = 0, a3 = 0.5
with_l2 = compute_cost_with_regularization(A3, one, tiny, lambd=0.1)
grads = backward_propagation_with_regularization(zero, one, cache, lambd=0.1)
print(
    f"L2 part {with_l2 - np.log(2):.4f} = 0.05 (4 + 1 + 1), dW1 {grads['dW1'].item()}"
)
assert abs(with_l2 - np.log(2) - 0.3) < 1e-12 and abs(grads["dW1"].item() - 0.2) < 1e-12

# %% [markdown]
# **Against the engine.** The L2 term is part of the graph; for dropout we give the
# engine the masks that NumPy drew.


# %%
def cost_by_engine(parameters, X, Y, lambd=0.0, masks=None):
    """J for a dictionary of tensors; masks: D1 / keep_prob and D2 / keep_prob."""
    A1 = (parameters["W1"] @ X + parameters["b1"]).relu()
    A1 = A1 * masks[0] if masks else A1
    A2 = (parameters["W2"] @ A1 + parameters["b2"]).relu()
    A2 = A2 * masks[1] if masks else A2
    Z3 = parameters["W3"] @ A2 + parameters["b3"]
    J = F.binary_cross_entropy_with_logits(Z3, Y)
    if lambd:
        squares = sum((parameters[name] ** 2).sum() for name in ("W1", "W2", "W3"))
        J = J + lambd / (2 * X.shape[1]) * squares
    return J


def as_tensors(parameters):
    """Leaves of the engine, with names, from a dictionary of arrays."""
    return {
        name: dls.Tensor(p, requires_grad=True, name=name)
        for name, p in parameters.items()
    }


def course_masks(keep_prob, m, sizes=(20, 3)):
    """D1 / keep_prob, D2 / keep_prob as the function above draws them, as tensors."""
    np.random.seed(1)
    masks = [np.random.rand(n, m) < keep_prob for n in sizes]
    return [dls.Tensor(mask / keep_prob) for mask in masks]


tX = dls.Tensor(train_X, name="X")
tY = dls.Tensor(train_Y.astype("float64"), name="Y")
lambd, keep_prob = 0.7, 0.86
masks = course_masks(keep_prob, m)
rng = np.random.default_rng(lesson.seed)
start = initialize_parameters([2, 20, 3, 1])
point = {name: p + 0.1 * rng.standard_normal(p.shape) for name, p in start.items()}

A3, cache = forward_propagation(train_X, point)
l2_grads = backward_propagation_with_regularization(train_X, train_Y, cache, lambd)
l2_cost = compute_cost_with_regularization(A3, train_Y, point, lambd)
A3, dropout_cache = forward_propagation_with_dropout(train_X, point, keep_prob)
dropout_grads = backward_propagation_with_dropout(
    train_X, train_Y, dropout_cache, keep_prob
)
dropout_cost = compute_cost(A3, train_Y)
for name, grads, cost, settings in (
    ("none", backward_propagation(train_X, train_Y, cache), None, {}),
    ("L2", l2_grads, l2_cost, {"lambd": lambd}),
    ("dropout", dropout_grads, dropout_cost, {"masks": masks}),
):
    print(name)
    tensors = as_tensors(point)
    J = cost_by_engine(tensors, tX, tY, **settings)
    J.backward()
    for key, tensor in tensors.items():
        assert dls.compare("d" + key, grads["d" + key], tensor.grad).ok
        assert np.abs(grads["d" + key] - tensor.grad.numpy()).max() < 1e-10
    assert cost is None or abs(J.item() - cost) < 1e-10

# %% [markdown]
# **Numerically.** The L2 term must be in the cost that is nudged, too. With dropout the
# check works only since the seed inside makes the mask the same each time.


# %%
def cost_with_l2(parameters):
    """The cost with its L2 term, as a function of the parameters alone."""
    A3, _ = forward_propagation(train_X, parameters)
    return compute_cost_with_regularization(A3, train_Y, parameters, lambd)


def cost_with_dropout(parameters):
    """The cost for the course's masks."""
    A3, _ = forward_propagation_with_dropout(train_X, parameters, keep_prob)
    return compute_cost(A3, train_Y)


for cost, grads in ((cost_with_l2, l2_grads), (cost_with_dropout, dropout_grads)):
    report = check.check_gradients(cost, point, grads, m=m, eps=1e-6)
    print(report)
    assert report.ok

# %% [markdown]
# ## See the graph
#
# Two roads lead from each weight to the cost: one through the network, one through its
# square. The gradients of both arrive at the weight and are added: that is where
# $\frac{\lambda}{m} W$ comes in.

# %%
tensors = as_tensors(point)
with dls.trace():
    J = cost_by_engine(tensors, tX, tY, lambd)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# 30,000 steps with learning rate 0.3, three times: without, with L2 ($\lambda = 0.7$),
# with dropout (keep 86 %). By hand, then by the engine. *Predict: which has the
# smallest cost on the training set, and which is best on the test set?*


# %%
def accuracy(parameters, X, Y):
    """Percent of right labels."""
    return 100 * float(np.mean((forward_propagation(X, parameters)[0] > 0.5) == Y))


def weight_norm(parameters):
    """The root of the sum of all squared weights."""
    squares = [np.sum(p**2) for name, p in parameters.items() if name[0] == "W"]
    return float(np.sqrt(sum(squares)))


def figures_of(parameters, costs):
    """What result.json says of a run."""
    every = 1000 if len(costs) > 1000 else 100
    places = [i for i in costs if i % every == 0 or i == len(costs) - 1]
    return {
        "train_accuracy": accuracy(parameters, train_X, train_Y),
        "test_accuracy": accuracy(parameters, test_X, test_Y),
        "weight_norm": weight_norm(parameters),
        "costs": {i: costs[i] for i in places},
    }


def train_by_engine(num_iterations, steps=range, **settings):
    """Parameters (arrays) and {iteration: cost}, by the engine's gradients."""
    tensors, costs = as_tensors(start), {}
    optimizer = optim.SGD(tensors.values(), lr=0.3)
    for i in steps(num_iterations):
        optimizer.zero_grad()
        J = cost_by_engine(tensors, tX, tY, **settings)
        J.backward()
        optimizer.step()
        costs[i] = J.item()
    return {name: p.numpy() for name, p in tensors.items()}, costs


num_iterations = 500 if lesson.fast else 30000
runs = {  # what is set by hand, and for the engine
    "none": ({}, {}),
    "l2": ({"lambd": lambd}, {"lambd": lambd}),
    "dropout": ({"keep_prob": keep_prob}, {"masks": masks}),
}
trained, all_costs, engine_costs = {}, {}, {}
hand_figures, engine_figures = {}, {}
for name, (by_hand, by_engine) in runs.items():
    all_costs[name] = {}
    trained[name] = model(
        train_X,
        train_Y,
        num_iterations=num_iterations,
        print_cost=False,
        steps=lesson.steps(f"{name} by hand"),
        costs=all_costs[name],
        **by_hand,
    )
    hand_figures[name] = figures_of(trained[name], all_costs[name])
    found, engine_costs[name] = train_by_engine(
        num_iterations, steps=lesson.steps(f"{name} engine"), **by_engine
    )
    engine_figures[name] = figures_of(found, engine_costs[name])

last = num_iterations - 1
lesson.table(
    ["", "way", "train %", "test %", "last cost", "norm of the weights"],
    [
        [
            name,
            way,
            f"{figures[name]['train_accuracy']:.2f}",
            f"{figures[name]['test_accuracy']:.2f}",
            f"{costs[name][last]:.6f}",
            f"{figures[name]['weight_norm']:.2f}",
        ]
        for name in runs
        for way, figures, costs in (
            ("by hand", hand_figures, all_costs),
            ("engine", engine_figures, engine_costs),
        )
    ],
)
for name in runs:
    gaps = [abs(all_costs[name][i] - engine_costs[name][i]) for i in range(500)]
    assert max(gaps) < 1e-9  # longer runs let rounding grow: learning rate 0.3 is large

# %% [markdown]
# Without regularization, on the built-in points, the two ways may end at other figures:
# the costs swing so widely there that rounding decides (as in the lesson on the flower,
# `c1w3-planar-classification`). With L2 or dropout they do not. On the course's points
# both ways agree in all three.
#
# ### The same with layers
#
# From here on examples are *rows*: $X$ is $(m, 2)$. L2 is the optimizer's
# `weight_decay`, which adds `weight_decay * W` to the gradient: our $\lambda / m$. Give
# it to the weights only, in a parameter group of their own. `nn.Dropout(p)` has the
# probability to *drop*: `p = 1 - keep_prob`. `train()` turns it on, `eval()` off.


# %%
def pitch_network(p=0.0):
    """2-20-3-1 with dropout behind both hidden layers, one logit."""
    return nn.Sequential(
        nn.Linear(2, 20, dtype="float64"),
        nn.ReLU(),
        nn.Dropout(p),
        nn.Linear(20, 3, dtype="float64"),
        nn.ReLU(),
        nn.Dropout(p),
        nn.Linear(3, 1, dtype="float64"),
    )


def load_start(network, parameters):
    """Put W1, b1, ... into the linear layers, at places 0, 3, 6."""
    state = {}
    for layer in (1, 2, 3):
        state[f"{3 * layer - 3}.weight"] = parameters[f"W{layer}"]
        state[f"{3 * layer - 3}.bias"] = parameters[f"b{layer}"][:, 0]
    network.load_state_dict(state)


def train_layers(network, num_iterations, weight_decay=0.0, steps=range):
    """Train on the pitch as rows, weights with weight decay; returns the costs."""
    weights = [p for name, p in network.named_parameters() if name.endswith("weight")]
    biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": biases}]
    optimizer, costs = optim.SGD(groups, lr=0.3), []
    network.train()
    for _ in steps(num_iterations):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(network(rows), targets)
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    network.eval()
    return costs


rows, targets = dls.Tensor(train_X.T), dls.Tensor(train_Y.T.astype("float64"))
network = pitch_network()
load_start(network, start)
short = 300
train_layers(network, short, lambd / m, lesson.steps("weight decay"))
by_hand = model(train_X, train_Y, num_iterations=short, print_cost=False, lambd=lambd)
for layer in (1, 2, 3):
    mine = network.state_dict()[f"{3 * layer - 3}.weight"].numpy()
    assert np.abs(mine - by_hand[f"W{layer}"]).max() < 1e-10

# %% [markdown]
# **What the seed inside means.** `forward_propagation_with_dropout` seeds with 1 each
# time, so the *same* units are dropped for the same examples in all 30,000 steps. Each
# example trains a thinned network of its own, always the same. That is not dropout,
# which draws a new mask in each step. The course does it so that everybody gets its
# figure. `nn.Dropout` draws a new one; here is its result, next to that of the course.

# %%
dls.manual_seed(lesson.seed)
network = pitch_network(1 - keep_prob)
load_start(network, start)
fresh_costs = train_layers(network, num_iterations, steps=lesson.steps("nn.Dropout"))


def by_network(points):
    """points (2, k) -> probabilities, by the trained layers."""
    with dls.no_grad():
        return network(dls.Tensor(points.T)).sigmoid().numpy().T


fresh_figures = {
    "train_accuracy": 100 * float(np.mean((by_network(train_X) > 0.5) == train_Y)),
    "test_accuracy": 100 * float(np.mean((by_network(test_X) > 0.5) == test_Y)),
    "costs": {0: fresh_costs[0], last: fresh_costs[-1]},
}
print(f"fresh masks: train {fresh_figures['train_accuracy']:.2f} %, ", end="")
print(f"test {fresh_figures['test_accuracy']:.2f} %, cost {fresh_costs[-1]:.4f}")

# %% [markdown]
# ### More data, made
#
# Four noisy copies of each point, 1055 points in all; no L2, no dropout.
#
# ### Stop early
#
# To know *when*, new points are needed, and the test set is not for that: whoever
# chooses by it can no longer believe it. So a fifth of the training set becomes a dev
# set, the rest trains, and the dev set's error is measured every hundred steps. The
# test set is asked once, at the end.

# %%
np.random.seed(lesson.seed)
more_X, more_Y = augment(train_X, train_Y, copies=4, noise=0.04)
more_iterations = num_iterations if lesson.fast else 10000
costs = {}
augmented = model(
    more_X,
    more_Y,
    num_iterations=more_iterations,
    print_cost=False,
    steps=lesson.steps("augmented"),
    costs=costs,
)
augmented_figures = figures_of(augmented, costs)

order = np.random.permutation(m)
dev, kept = order[: m // 5], order[m // 5 :]
watched = {"iteration": [], "train": [], "dev": [], "parameters": []}


def watch(i, parameters):
    """Note the errors and costs on the kept and on the dev points."""
    if i % 100 == 0:
        watched["iteration"].append(i)
        watched["parameters"].append(parameters)
        for name, part in (("train", kept), ("dev", dev)):
            A3, _ = forward_propagation(train_X[:, part], parameters)
            watched[name].append(float(compute_cost(A3, train_Y[:, part])))


costs = {}
model(
    train_X[:, kept],
    train_Y[:, kept],
    num_iterations=num_iterations,
    print_cost=False,
    steps=lesson.steps("to the end"),
    costs=costs,
    each=watch,
)
stop = stop_early(watched["dev"], patience=20)
stopped, ran_on = watched["parameters"][stop], watched["parameters"][-1]
early_figures = {
    "iteration": watched["iteration"][stop],
    "train_accuracy": accuracy(stopped, train_X, train_Y),
    "test_accuracy": accuracy(stopped, test_X, test_Y),
    "weight_norm": weight_norm(stopped),
    "to_the_end": {
        "train_accuracy": accuracy(ran_on, train_X, train_Y),
        "test_accuracy": accuracy(ran_on, test_X, test_Y),
        "weight_norm": weight_norm(ran_on),
    },
}

# %% [markdown]
# ### How much L2?
#
# $\lambda$ is a **hyperparameter**: not learned but chosen, with the same dev set.

# %%
lambda_figures = {}
lambda_iterations = 300 if lesson.fast else 10000
for value in (0, 0.01, 0.1, 0.3, 0.7, 2, 5, 20):
    found = model(
        train_X[:, kept],
        train_Y[:, kept],
        num_iterations=lambda_iterations,
        print_cost=False,
        lambd=value,
        steps=lesson.steps(f"lambda {value}"),
    )
    lambda_figures[value] = {
        "train_accuracy": accuracy(found, train_X[:, kept], train_Y[:, kept]),
        "dev_accuracy": accuracy(found, train_X[:, dev], train_Y[:, dev]),
        "test_accuracy": accuracy(found, test_X, test_Y),
        "weight_norm": weight_norm(found),
    }

# %% [markdown]
# ## Look at it

# %%
lesson.table(
    ["", "train %", "test %"],
    [
        [name, f"{f['train_accuracy']:.2f}", f"{f['test_accuracy']:.2f}"]
        for name, f in (
            ("nothing", hand_figures["none"]),
            ("L2, lambda 0.7", hand_figures["l2"]),
            ("dropout as in the course", hand_figures["dropout"]),
            ("dropout, fresh masks", fresh_figures),
            ("four noisy copies", augmented_figures),
            (f"stopped at {early_figures['iteration']}", early_figures),
            ("the same, to the end", early_figures["to_the_end"]),
        )
    ],
)
boundaries = {
    "nothing": (trained["none"], hand_figures["none"]),
    "L2": (trained["l2"], hand_figures["l2"]),
    "dropout (course)": (trained["dropout"], hand_figures["dropout"]),
    "dropout (fresh)": (None, fresh_figures),
    "noisy copies": (augmented, augmented_figures),
    "stopped early": (stopped, early_figures),
}
fig, axes = plt.subplots(2, 3, figsize=(12.5, 8))
for (name, (parameters, f)), ax in zip(boundaries.items(), axes.flat, strict=True):

    def output(points, parameters=parameters):
        """points (2, k) -> probabilities."""
        if parameters is None:
            return by_network(points)
        return forward_propagation(points, parameters)[0]

    title = f"{name}: {f['train_accuracy']:.1f} / {f['test_accuracy']:.1f} %"
    plot_decision_boundary(output, train_X, train_Y, ax, title)
fig.suptitle("Training set and boundary (accuracy on training / test set)")
fig.tight_layout()
lesson.figure(fig, "boundaries")

# %% [markdown]
# Without anything the boundary has corners and pockets, made for single points. Each of
# the others smooths it, in its own way. None is right everywhere: the training set is
# fitted *worse*, and that is the price.
#
# A test set of 200 points moves by about two points by chance ($\sqrt{p(1-p)/200}$), so
# 93 % and 95 % are hardly different. 91.5 % and 95 % are.

# %%
fig, axes = plt.subplots(1, 3, figsize=(15, 4.2))
left, middle, right = axes
for name, costs in all_costs.items():
    left.plot(list(costs), list(costs.values()), lw=1, label=name)
left.set(xlabel="iteration", ylabel="cost J (with its L2 term)", ylim=(0, 0.7))
left.set_title("The cost of training")
left.legend()
middle.plot(watched["iteration"], watched["train"], label="training points")
middle.plot(watched["iteration"], watched["dev"], label="dev points")
middle.axvline(early_figures["iteration"], color="gray", ls=":", label="stop here")
middle.set(xlabel="iteration", ylabel="cross-entropy", title="Early stopping")
middle.set_ylim(0, min(1.5, 1.1 * max(watched["dev"])))
middle.legend()
values = list(lambda_figures)
for key, name in (("train_accuracy", "training"), ("dev_accuracy", "dev")):
    scores = [lambda_figures[v][key] for v in values]
    right.plot(range(len(values)), scores, "o-", label=f"{name} points")
right.set(xlabel=r"$\lambda$", ylabel="accuracy in %", title="How much L2?")
right.set_xticks(range(len(values)), [str(v) for v in values])
twin = right.twinx()
norms = [lambda_figures[v]["weight_norm"] for v in values]
twin.plot(range(len(values)), norms, "--", color="gray")
twin.set_ylabel("norm of the weights (dashed)")
right.legend(loc="lower left")
for ax in axes:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "curves")

fig, axes = plt.subplots(1, 3, figsize=(13, 3.6), sharey=True)
reach = max(
    np.abs(p[f"W{layer}"]).max() for p in trained.values() for layer in (1, 2, 3)
)
for (name, parameters), ax in zip(trained.items(), axes, strict=True):
    weights = np.concatenate([parameters[f"W{layer}"].ravel() for layer in (1, 2, 3)])
    ax.hist(weights, np.linspace(-reach, reach, 80), color="tab:blue")
    ax.set(xlabel="weight", title=f"{name}: norm {weight_norm(parameters):.1f}")
axes[0].set_ylabel("how many of 103")
fig.tight_layout()
lesson.figure(fig, "weights")

# %% [markdown]
# L2 and early stopping both keep the weights small. Early stopping does it by not
# giving them time; it is cheap, but mixes two jobs, fitting and holding back, in one
# knob. The jagged cost without regularization is the step: 0.3 is long for a steep
# valley, and large weights make steep valleys.
#
# Which $\lambda$? A dev set of 42 points moves by four points and more by chance, so it
# can tell 20 from the others, and hardly more. One would need more points, or
# cross-validation: each fifth in turn is the dev set.
#
# ## Break it
#
# **1. The term in the cost only.** The gradient lacks $\frac{\lambda}{m} W$: `dW1`,
# `dW2`, `dW3` are wrong, all biases right. Subtract, and divide by $W$: the same number
# everywhere, $\lambda/m$. So it is the term.

# %%
plain = backward_propagation(train_X, train_Y, cache)
report = check.check_gradients(cost_with_l2, point, plain, m=m)
print(report)
assert [c.name for c in report.wrong] == ["dW1", "dW2", "dW3"]
missing = {
    name: (l2_grads[f"d{name}"] - plain[f"d{name}"]) / point[name]
    for name in ("W1", "W2", "W3")
}
for name, ratio in missing.items():
    verdict = dls.compare(
        f"missing in d{name} / {name}", ratio, np.full(ratio.shape, lambd / m)
    )
    assert verdict.ok

# %% [markdown]
# **2. A factor 2 forgotten.** The cost has $\frac{\lambda}{2m}$; a gradient with
# $\frac{\lambda}{2m} W$ is half right. **3. The term without 1/m**: $\lambda W$. In
# both cases the network's part is right, so subtract it, and look at the term alone.
# `compare` names the factor.

# %%
term = {name: l2_grads[f"d{name}"] - plain[f"d{name}"] for name in ("W1", "W2", "W3")}
for factor, text, words in (
    (lambd / (2 * m), "half", "mine = 1/2 of it"),
    (lambd, "no 1/m", f"mine = {m} x it"),
):
    for name in ("W1", "W2", "W3"):
        wrong = dict(l2_grads, **{f"d{name}": plain[f"d{name}"] + factor * point[name]})
        report = check.check_gradients(cost_with_l2, point, wrong, m=m)
        assert [c.name for c in report.wrong] == [f"d{name}"]
        verdict = dls.compare(f"{text}, {name}", factor * point[name], term[name])
        assert not verdict.ok and words in verdict.hint

# %% [markdown]
# **4. Dropout: wrong on the way back.** First without the mask (units that were
# switched off get blame), then without dividing by `keep_prob`.


# %%
def dropout_backward_wrong(mistake):
    """WRONG: layer 1 without its mask, or without the division, on the way back."""
    Z1, D1, grads = dropout_cache[0], dropout_cache[1], dict(dropout_grads)
    dA1 = np.dot(point["W2"].T, grads["dZ2"])
    dA1 = dA1 / keep_prob if mistake == "no mask" else dA1 * D1
    dZ1 = dA1 * (Z1 > 0)
    grads["dW1"] = 1.0 / m * np.dot(dZ1, train_X.T)
    grads["db1"] = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)
    return grads


no_mask = check.check_gradients(
    cost_with_dropout, point, dropout_backward_wrong("no mask"), m=m, eps=1e-6
)
print(no_mask)
assert [c.name for c in no_mask.wrong] == ["dW1", "db1"]
no_division = check.check_gradients(
    cost_with_dropout, point, dropout_backward_wrong("no division"), m=m, eps=1e-6
)
print(no_division)
assert [c.name for c in no_division.wrong] == ["dW1", "db1"]
assert all("0.86 x numeric" in c.hint for c in no_division.wrong)

# %% [markdown]
# The second is named: `0.86 x numeric`, and 0.86 is `keep_prob`.
#
# **5. Dropout left on for predictions**: forgotten `eval()`. Each call gives another
# answer. **6. Not inverted**: without the division, the test sees activations
# $1/0.86$ times larger than training did, in each layer.

# %%
network.train()
twice = [by_network(test_X) for _ in range(2)]
network.eval()
assert not dls.compare("train(): call 1, call 2", *twice).ok
assert dls.compare("eval():  call 1, call 2", by_network(test_X), by_network(test_X)).ok
network.train()
noisy = [np.mean((by_network(test_X) > 0.5) == test_Y) for _ in range(200)]
network.eval()
print(f"accuracy with eval() {fresh_figures['test_accuracy']:.1f} %, ", end="")
print(f"without {100 * np.mean(noisy):.1f} % on average")
assert 100 * np.mean(noisy) < fresh_figures["test_accuracy"] + 1

# what layer 2 gets on average over many masks, against what it gets at the test
A1 = relu(np.dot(point["W1"], train_X) + point["b1"])  # (20, m)
draws = np.random.default_rng(0).random((4000, *A1.shape)) < keep_prob
mean_inverted = (A1 * draws).mean(axis=0).sum() / keep_prob
mean_plain = (A1 * draws).mean(axis=0).sum()
print(f"sum of A1 at the test / in training: inverted {A1.sum() / mean_inverted:.3f}, ")
print(f"not inverted {A1.sum() / mean_plain:.3f} = 1 / {keep_prob}")
assert abs(A1.sum() / mean_inverted - 1) < 0.01
assert abs(A1.sum() / mean_plain - 1 / keep_prob) < 0.01

# %% [markdown]
# **7. Too much.** $\lambda = 20$: all weights shrink to nearly nothing, and the network
# says the same everywhere. That is bias, not variance.

# %%
too_much = lambda_figures[20]
print(f"lambda 20: train {too_much['train_accuracy']:.1f} %, ", end="")
print(f"norm of the weights {too_much['weight_norm']:.4f}")
assert too_much["weight_norm"] < 0.5 * lambda_figures[0.7]["weight_norm"]

# %% [markdown]
# ## Recap
#
# - Overfitting: good on the training set, worse on new points. Look at both.
# - L2: $\frac{\lambda}{2m} \sum W^2$ in the cost, $\frac{\lambda}{m} W$ in the
#   gradient, nothing for biases. It is weight decay.
# - Inverted dropout: mask and divide, in training only, the same mask backward.
# - More data is best; made data is second best. Stopping early is cheap.
# - Choose $\lambda$, `keep_prob` and the stop with a dev set, never with the test set.
#
# ## Questions
#
# 1. Why is the training accuracy lower with regularization, and why is that fine?
#    <details><summary>Answer</summary>
#    It may no longer bend around each point. Accuracy on new points is what counts.
#    </details>
# 2. Why are the biases left out of the L2 term?
#    <details><summary>Answer</summary>
#    They do not make the output bend, only shift it; and they are few. Penalizing them
#    would pull all boundaries towards the origin.
#    </details>
# 3. `keep_prob` is 0.5 for a layer. How large is an activation, if it is kept?
#    <details><summary>Answer</summary>
#    Twice as large as without dropout.
#    </details>
# 4. The cost with (real) dropout goes up and down from step to step. How do you know
#    that the code is right?
#    <details><summary>Answer</summary>
#    Turn dropout off (keep_prob = 1) and see whether the cost falls smoothly, and check
#    the gradients with fixed masks.
#    </details>
# 5. A training set of 100 million examples, error 5 % on it, 5.2 % on the dev set.
#    Which regularization helps?
#    <details><summary>Answer</summary>
#    None: that is bias, not variance. A larger network, longer training.
#    </details>
#
# ## Go further
#
# - L1: $\frac{\lambda}{m} \sum |W|$. Its gradient? Which weights become exactly 0?
# - Combine L2 and dropout. Which $\lambda$ now?
# - Next: week 2, `c2w2-optimization-methods`.

# %%
# The end: this run must have reached what is known of it.
for figures in (hand_figures, engine_figures):
    for name in runs:
        assert figures[name]["costs"][last] < figures[name]["costs"][0]
if not lesson.fast:
    known = {"none": (200, 183), "l2": (198, 186), "dropout": (196, 190)}
    if pitch.where == "built-in":  # there, without anything, rounding decides
        known = {"l2": (198, 183), "dropout": (198, 184)}
    for figures in (hand_figures, engine_figures):
        for name, (train, test) in known.items():  # right ones, of 211 and of 200
            assert abs(figures[name]["train_accuracy"] - 100 * train / 211) < 1e-9
            assert abs(figures[name]["test_accuracy"] - test / 2) < 1e-9
        assert 94 < figures["none"]["train_accuracy"] < 99
        assert 80 < figures["none"]["test_accuracy"] < figures["l2"]["test_accuracy"]
    for figures in (augmented_figures, early_figures, fresh_figures):
        assert figures["test_accuracy"] > hand_figures["none"]["test_accuracy"]
    assert hand_figures["l2"]["weight_norm"] < 0.5 * hand_figures["none"]["weight_norm"]
    assert early_figures["weight_norm"] < early_figures["to_the_end"]["weight_norm"]

lesson.finish(
    {
        **hand_figures,
        "augmentation": augmented_figures,
        "early_stopping": early_figures,
        "fresh_dropout": fresh_figures,
        "lambda": lambda_figures,
        "engine": engine_figures,
    }
)
