# %% [markdown]
# # Cat classifier: a network of any depth
#
# Course 1, week 4. About two hours with the exercises. The script runs for about a
# minute and a half on the course's photographs (two free cores), for some ten seconds
# on the built-in pictures, and for a few seconds with `--fast`.
#
# **Goal.** From one hidden layer to $L$ layers, and from points to pictures. You will
#
# - build the parts (linear, activation, cache, backward) and put them together to a
#   two-layer and an $L$-layer network, with the course's functions,
# - check your gradients by hand, against the engine, and numerically,
# - train both on cats, look at their mistakes, and try a picture of your own,
# - build a variant that beats them, and find out how far to believe it,
# - break it (a lost mask, a bad start, an array changed behind your back).
#
# ## What you need
#
# The lesson `c1w3-planar-classification`: forward and backward through one hidden
# layer; `c1w4-deep-network-step-by-step` has the same blocks one by one. The function
# names, their arguments, shapes and caches are the course's own (2021 edition).
# `tinygrad-dls learn start c1w4-cat-classifier` makes a copy of this script for you to
# fill in, and `tinygrad-dls learn check c1w4-cat-classifier` checks it.

# %%
import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.data import sources
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w4-cat-classifier")
pictures = lesson.load("cats")
train_x_orig, train_y, test_x_orig, test_y, classes = pictures.as_tuple()
m_train, m_test = len(train_x_orig), len(test_x_orig)
positive = classes[1].decode()  # label 1: "cat", or "face" in the built-in set
negative = classes[0].decode()


def flatten(pictures):
    """Pictures (m, height, width, channels) as columns (n_x, m), from 0 to 1."""
    return pictures.reshape(len(pictures), -1).T / 255.0


train_x, test_x = flatten(train_x_orig), flatten(test_x_orig)
n_x = train_x.shape[0]
print(f"training set {train_x.shape}, test set {test_x.shape}")
print(
    f"{positive}: {train_y.mean():.0%} of training set, {test_y.mean():.0%} of test set"
)

# %% [markdown]
# ## The idea in a picture
#
# A deep network repeats one step: multiply by weights, add a bias, apply an activation.
# Each layer needs only what the layer before gave it. So we write *one* layer, forward
# and backward, and chain it. Going forward, each layer puts what it used into a
# **cache**; going backward, layer $l$ takes its cache and the gradient $dA^{[l]}$, and
# returns $dW^{[l]}$, $db^{[l]}$ and $dA^{[l-1]}$ for the layer below.


# %%
def draw_blocks(ax, layers_dims):
    """Layers as boxes: forward above, backward below, the caches between."""
    last = len(layers_dims) - 1
    forward = {"boxstyle": "round,pad=0.45", "fc": "#e7eefb", "ec": "tab:blue"}
    backward = {"boxstyle": "round,pad=0.45", "fc": "#fbe7e7", "ec": "tab:red"}
    for layer in range(1, last + 1):
        name = "σ" if layer == last else "ReLU"
        n, before = layers_dims[layer], layers_dims[layer - 1]
        text = f"layer {layer}: linear, {name}\nW ({n}, {before})"
        ax.text(3 * layer, 2, text, ha="center", va="center", fontsize=9, bbox=forward)
        text = f"backward {layer}\ndW, db"
        ax.text(3 * layer, 0, text, ha="center", va="center", fontsize=9, bbox=backward)
        dashed = {"arrowstyle": "-|>", "linestyle": "--", "color": "gray"}
        ax.annotate("", (3 * layer, 0.4), (3 * layer, 1.55), arrowprops=dashed)
        ax.text(3 * layer + 0.08, 1, "cache", fontsize=8, color="gray", va="center")
    for step in range(last + 1):
        x = 3 * step + 1.5
        name = "X" if step == 0 else f"$A^{{[{step}]}}$"
        ends = {"arrowstyle": "-|>", "color": "tab:blue"}
        ax.annotate("", (x + 0.42, 2), (x - 0.42, 2), arrowprops=ends)
        ax.text(x, 2.12, name, ha="center", color="tab:blue")
        if step > 0:
            ends = {"arrowstyle": "-|>", "color": "tab:red"}
            ax.annotate("", (x - 0.42, 0), (x + 0.42, 0), arrowprops=ends)
            ax.text(x, 0.12, f"$dA^{{[{step}]}}$", ha="center", color="tab:red")
    ax.text(3 * last + 2.1, 2, "J", va="center", fontsize=12)
    ax.text(3 * last + 2.1, 0, "dJ", va="center", fontsize=12)
    ax.set(xlim=(0.9, 3 * last + 2.6), ylim=(-0.6, 2.6))
    ax.axis("off")


def show_picture(ax, picture, title=""):
    """Show a picture (height, width, channels), in colour or grey."""
    ax.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)
    ax.set_title(title, fontsize=9)
    ax.axis("off")


layers_dims = [n_x, 20, 7, 5, 1]
fig = plt.figure(figsize=(13, 6))
upper, lower = fig.add_gridspec(2, 1, height_ratios=(1.6, 1))
draw_blocks(fig.add_subplot(upper), layers_dims)
for i, cell in enumerate(lower.subgridspec(1, 9)):
    label = int(train_y[0, i])
    show_picture(fig.add_subplot(cell), train_x_orig[i], classes[label].decode())
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Three layers of one unit each: $x = 2$, $w_1 = 0.5$, $w_2 = 3$, $w_3 = -0.5$, no
# biases, label $y = 1$. ReLU keeps positive numbers and makes 0 of negative ones.
#
# Forward: $z_1 = 1$, $a_1 = 1$, $z_2 = 3$, $a_2 = 3$, $z_3 = -1.5$,
# $a_3 = \sigma(-1.5) = 0.1824$. The loss is $-\log a_3 = 1.7014$.
#
# Backward, layer by layer the same three lines:
#
# | layer | $dz$ | $dw = dz \cdot a_{before}$ | $da_{before} = dz \cdot w$ |
# |---|---|---|---|
# | 3 | $a_3 - y = -0.8176$ | $-2.4527$ | $0.4088$ |
# | 2 | $0.4088$, as $z_2 > 0$ | $0.4088$ | $1.2264$ |
# | 1 | $1.2264$, as $z_1 > 0$ | $2.4527$ | $0.6132$ |
#
# *If $w_1$ were $-0.5$, which of the three $dw$ would be 0?*


# %%
def tiny_loss(w1, w2, w3, x=2.0):
    """The loss of the three-layer chain for label 1."""
    return -np.log(1 / (1 + np.exp(-w3 * max(w2 * max(w1 * x, 0), 0))))


eps = 1e-4
for name, dw, nudge in (
    ("dw1", 2.4527, (eps, 0, 0)),
    ("dw2", 0.4088, (0, eps, 0)),
    ("dw3", -2.4527, (0, 0, eps)),
):
    up = tiny_loss(0.5 + nudge[0], 3 + nudge[1], -0.5 + nudge[2])
    down = tiny_loss(0.5 - nudge[0], 3 - nudge[1], -0.5 - nudge[2])
    print(f"{name}: by hand {dw:.4f}, measured {(up - down) / (2 * eps):.4f}")
    assert abs((up - down) / (2 * eps) - dw) < 1e-4

# %% [markdown]
# ## The mathematics
#
# Layer $l$ has $n^{[l]}$ units, $A^{[0]} = X$, and $g^{[l]}$ is ReLU in the hidden
# layers and the sigmoid in the last.
#
# | forward | shapes |
# |---|---|
# | $Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}$ | $W^{[l]}$ is $(n^{[l]}, n^{[l-1]})$ |
# | $A^{[l]} = g^{[l]}(Z^{[l]})$ | $(n^{[l]}, m)$, as $Z^{[l]}$ |
#
# | backward | shapes |
# |---|---|
# | $dZ^{[l]} = dA^{[l]} * g^{[l]\prime}(Z^{[l]})$ | $(n^{[l]}, m)$ |
# | $dW^{[l]} = \frac{1}{m} dZ^{[l]} A^{[l-1]T}$ | as $W^{[l]}$ |
# | $db^{[l]} = \frac{1}{m} \sum_i dZ^{[l](i)}$ | as $b^{[l]}$: $(n^{[l]}, 1)$ |
# | $dA^{[l-1]} = W^{[l]T} dZ^{[l]}$ | $(n^{[l-1]}, m)$ |
#
# It starts at the top with the derivative of the cross-entropy,
#
# $$dA^{[L]} = -\frac{Y}{A^{[L]}} + \frac{1 - Y}{1 - A^{[L]}} .$$
#
# The derivative of ReLU is 1 where $Z > 0$, else 0: a mask.
#
# **The start.** $Z$ is a sum of $n^{[l-1]}$ numbers times random weights, so it grows
# like $\sqrt{n^{[l-1]}}$. Dividing the random weights by it keeps $Z$ from growing
# with the width. (ReLU still shrinks it by about $\sqrt 2$ per layer; He's
# $\sqrt{2/n}$, Course 2, mends that.)
#
# ## Your code
#
# ### The parts
#
# The activations return their cache, which is $Z$.


# %%
def sigmoid(Z):
    """A = 1 / (1 + e^-Z), and the cache Z."""
    return 1 / (1 + np.exp(-Z)), Z


def relu(Z):
    """A = max(0, Z), and the cache Z."""
    return np.maximum(0, Z), Z


def sigmoid_backward(dA, cache):
    """dZ of A = sigmoid(Z); cache is Z."""
    s = 1 / (1 + np.exp(-cache))
    return dA * s * (1 - s)


# %% [markdown]
# **Exercise 1.** The mask: `dZ` is `dA`, but 0 where $Z \le 0$. Make a *new* array.


# %%
def relu_backward(dA, cache):
    """dZ of A = relu(Z); cache is Z."""
    Z = cache
    # BEGIN SOLUTION
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    # END SOLUTION
    return dZ


assert relu_backward(np.array([1.0, 2, 3]), np.array([-1, 0, 5])).tolist() == [0, 0, 3]

# %% [markdown]
# **Exercise 2.** The start of the two-layer network: `randn * 0.01`, seed 1, `W1`
# first.
#
# **Exercise 3.** The start of the deep one: for each layer `randn(n, n_before)`,
# divided by $\sqrt{n_{before}}$. (`seed` is ours: the course has 1.)


# %%
def initialize_parameters(n_x, n_h, n_y):
    """{"W1" (n_h, n_x), "b1" (n_h, 1), "W2" (n_y, n_h), "b2" (n_y, 1)}."""
    np.random.seed(1)
    # BEGIN SOLUTION
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    # END SOLUTION
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def initialize_parameters_deep(layer_dims, seed=1):
    """{"W1", "b1", ..., "WL", "bL"} for the layer sizes [n_x, n1, ..., nL]."""
    np.random.seed(seed)
    parameters = {}
    for l in range(1, len(layer_dims)):
        # BEGIN SOLUTION
        scale = np.sqrt(layer_dims[l - 1])
        W = np.random.randn(layer_dims[l], layer_dims[l - 1]) / scale
        parameters["W" + str(l)] = W
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
        # END SOLUTION
    return parameters


shapes = {k: p.shape for k, p in initialize_parameters_deep([5, 4, 3]).items()}
assert shapes == {"W1": (4, 5), "b1": (4, 1), "W2": (3, 4), "b2": (3, 1)}

# %% [markdown]
# **Exercise 4.** The linear half of a layer.
#
# **Exercise 5.** The whole layer; `activation` is `"sigmoid"` or `"relu"`.


# %%
def linear_forward(A, W, b):
    """Z = W A + b, and the cache (A, W, b)."""
    # BEGIN SOLUTION
    Z = np.dot(W, A) + b
    # END SOLUTION
    return Z, (A, W, b)


def linear_activation_forward(A_prev, W, b, activation):
    """A, and the cache (linear cache, activation cache) = ((A_prev, W, b), Z)."""
    # BEGIN SOLUTION
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "sigmoid":
        A, activation_cache = sigmoid(Z)
    else:
        A, activation_cache = relu(Z)
    # END SOLUTION
    return A, (linear_cache, activation_cache)


# %% [markdown]
# **Exercise 6.** All layers: ReLU, ..., ReLU, sigmoid; the caches in a list.
#
# **Exercise 7.** The cost, as in the lessons before.


# %%
def L_model_forward(X, parameters):
    """AL (1, m), and the list of the L caches."""
    caches = []
    A = X
    L = len(parameters) // 2  # two parameters a layer
    # BEGIN SOLUTION
    for l in range(1, L):
        W, b = parameters["W" + str(l)], parameters["b" + str(l)]
        A, cache = linear_activation_forward(A, W, b, "relu")
        caches.append(cache)
    W, b = parameters["W" + str(L)], parameters["b" + str(L)]
    AL, cache = linear_activation_forward(A, W, b, "sigmoid")
    caches.append(cache)
    # END SOLUTION
    return AL, caches


def compute_cost(AL, Y):
    """Mean cross-entropy, a float, of probabilities AL (1, m) and labels Y (1, m)."""
    m = Y.shape[1]
    # BEGIN SOLUTION
    cost = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m
    # END SOLUTION
    return float(np.squeeze(cost))


tiny = {"W1": 0.5, "b1": 0.0, "W2": 3.0, "b2": 0.0, "W3": -0.5, "b3": 0.0}
tiny = {name: np.array([[value]]) for name, value in tiny.items()}
two, one = np.array([[2.0]]), np.array([[1]])
AL, caches = L_model_forward(two, tiny)
print(f"tiny network: a3 = {AL[0, 0]:.4f}, loss {compute_cost(AL, one):.4f}")
assert abs(AL[0, 0] - 0.1824) < 1e-4 and len(caches) == 3

# %% [markdown]
# **Exercise 8.** Backward through the linear half: from `dZ` to `dA_prev`, `dW`, `db`.
#
# **Exercise 9.** Backward through the whole layer: first the activation, then the
# linear half.
#
# **Exercise 10.** All layers, from the top. `grads["dA1"]` is the gradient of layer 1's
# output, `grads["dA0"]` that of $X$.


# %%
def linear_backward(dZ, cache):
    """dA_prev, dW, db of Z = W A_prev + b; cache is (A_prev, W, b)."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    # BEGIN SOLUTION
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    # END SOLUTION
    return dA_prev, dW, db


def linear_activation_backward(dA, cache, activation):
    """dA_prev, dW, db of a whole layer; cache is (linear cache, activation cache)."""
    linear_cache, activation_cache = cache
    # BEGIN SOLUTION
    if activation == "relu":
        dZ = relu_backward(dA, activation_cache)
    else:
        dZ = sigmoid_backward(dA, activation_cache)
    # END SOLUTION
    return linear_backward(dZ, linear_cache)


def L_model_backward(AL, Y, caches):
    """{"dA0", "dW1", "db1", ..., "dA(L-1)", "dWL", "dbL"}."""
    grads = {}
    L = len(caches)
    # BEGIN SOLUTION
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(1, L + 1)):
        activation = "sigmoid" if l == L else "relu"
        dA, dW, db = linear_activation_backward(dA, caches[l - 1], activation)
        grads["dA" + str(l - 1)] = dA
        grads["dW" + str(l)] = dW
        grads["db" + str(l)] = db
    # END SOLUTION
    return grads


# %% [markdown]
# **Exercise 11.** One step of gradient descent, into a *new* dictionary.
#
# **Exercise 12.** The prediction.


# %%
def update_parameters(params, grads, learning_rate):
    """The parameters after one step; `params` stay as they are."""
    # BEGIN SOLUTION
    return {name: p - learning_rate * grads["d" + name] for name, p in params.items()}
    # END SOLUTION


def predict(X, y, parameters):
    """Labels (1, m), 0.0 or 1.0, of the examples X (n_x, m); prints the accuracy."""
    # BEGIN SOLUTION
    probabilities, _ = L_model_forward(X, parameters)
    p = (probabilities > 0.5).astype(float)
    # END SOLUTION
    print(f"Accuracy: {np.mean(p == y)}")
    return p


# %% [markdown]
# ### The models
#
# **Exercise 13.** Two layers, from the parts. **Exercise 14.** $L$ layers. Both return
# the parameters, and the cost at each hundredth iteration and at the last. (`steps` is
# how the loop counts: `range`, or the lesson's `range` with a progress bar.)


# %%
def two_layer_model(
    X,
    Y,
    layers_dims,
    learning_rate=0.0075,
    num_iterations=3000,
    print_cost=False,
    steps=range,
):
    """Train [n_x, n_h, n_y] with ReLU, then sigmoid: (parameters, costs)."""
    costs = []
    parameters = initialize_parameters(*layers_dims)
    for i in steps(num_iterations):
        # BEGIN SOLUTION
        W1, b1 = parameters["W1"], parameters["b1"]
        W2, b2 = parameters["W2"], parameters["b2"]
        A1, cache1 = linear_activation_forward(X, W1, b1, "relu")
        A2, cache2 = linear_activation_forward(A1, W2, b2, "sigmoid")
        cost = compute_cost(A2, Y)
        dA2 = -(np.divide(Y, A2) - np.divide(1 - Y, 1 - A2))
        dA1, dW2, db2 = linear_activation_backward(dA2, cache2, "sigmoid")
        _, dW1, db1 = linear_activation_backward(dA1, cache1, "relu")
        grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
        parameters = update_parameters(parameters, grads, learning_rate)
        # END SOLUTION
        if i % 100 == 0 or i == num_iterations - 1:
            costs.append(cost)
            if print_cost:
                print(f"Cost after iteration {i}: {cost}")
    return parameters, costs


def L_layer_model(
    X,
    Y,
    layers_dims,
    learning_rate=0.0075,
    num_iterations=3000,
    print_cost=False,
    steps=range,
):
    """Train a network of these layer sizes: (parameters, costs)."""
    costs = []
    parameters = initialize_parameters_deep(layers_dims)
    for i in steps(num_iterations):
        # BEGIN SOLUTION
        AL, caches = L_model_forward(X, parameters)
        cost = compute_cost(AL, Y)
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
        # END SOLUTION
        if i % 100 == 0 or i == num_iterations - 1:
            costs.append(cost)
            if print_cost:
                print(f"Cost after iteration {i}: {cost}")
    return parameters, costs


# %% [markdown]
# ## Check it three ways
#
# **By hand**: the tiny network.

# %%
AL, caches = L_model_forward(two, tiny)
tiny_grads = L_model_backward(AL, one, caches)
for name, value in {
    "dW3": -2.4527,
    "dW2": 0.4088,
    "dW1": 2.4527,
    "dA0": 0.6132,
}.items():
    print(f"{name}  mine {tiny_grads[name][0, 0]:.4f}, by hand {value:.4f}")
    assert abs(tiny_grads[name][0, 0] - value) < 1e-4

# %% [markdown]
# **Against the engine**: both networks, on the real pictures, at their start.


# %%
def cost_by_engine(parameters, X, Y):
    """J of a dictionary of tensors {"W1", "b1", ...}, X (n_x, m), Y (1, m)."""
    A, L = X, len(parameters) // 2
    for layer in range(1, L + 1):
        Z = parameters[f"W{layer}"] @ A + parameters[f"b{layer}"]  # (n, m)
        A = Z.relu() if layer < L else Z.sigmoid()
    losses = -(Y * A.log() + (1 - Y) * (1 - A).log())  # (1, m)
    return losses.sum() / X.shape[1]


def as_tensors(parameters):
    """Leaves of the engine, with names, from a dictionary of arrays."""
    return {
        name: dls.Tensor(p, requires_grad=True, name=name)
        for name, p in parameters.items()
    }


tX, tY = dls.Tensor(train_x, name="X"), dls.Tensor(train_y.astype("float64"), name="Y")
starts = {
    "two_layer": initialize_parameters(n_x, 7, 1),
    "l_layer": initialize_parameters_deep(layers_dims),
}
for model, start in starts.items():
    print(model)
    AL, caches = L_model_forward(train_x, start)
    grads = L_model_backward(AL, train_y, caches)
    tensors = as_tensors(start)
    J = cost_by_engine(tensors, tX, tY)
    J.backward()
    for name, tensor in tensors.items():
        assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
        assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10
    assert abs(J.item() - compute_cost(AL, train_y)) < 1e-10

# %% [markdown]
# **Numerically.** Nudging a quarter of a million weights would take an hour, so we do
# it on a small network of the same code: 6 inputs, layers of 4, 3 and 1 unit. Its
# biases are not 0: an example that switches off all units of layer 1 would have
# $Z^{[2]} = b^{[2]} = 0$, exactly at the fold of ReLU, where nudging up and down gives
# the mean of two slopes.

# %%
rng = np.random.default_rng(lesson.seed)
small_X, small_Y = rng.standard_normal((6, 12)), rng.integers(0, 2, (1, 12))
small = initialize_parameters_deep([6, 4, 3, 1])
for name in ("b1", "b2", "b3"):
    small[name] = 0.1 * rng.standard_normal(small[name].shape)


def cost_of(parameters):
    """The cost on the small set, as a function of the parameters alone."""
    return compute_cost(L_model_forward(small_X, parameters)[0], small_Y)


AL, caches = L_model_forward(small_X, small)
small_grads = L_model_backward(AL, small_Y, caches)
report = check.check_gradients(cost_of, small, small_grads)
print(report)
assert report.ok

small_tensors = as_tensors(small)
few_X, few_Y = dls.Tensor(small_X), dls.Tensor(small_Y.astype("float64"))
report = dls.gradcheck(
    lambda *values: cost_by_engine(
        dict(zip(small_tensors, values, strict=True)), few_X, few_Y
    ),
    *small_tensors.values(),
    names=list(small_tensors),
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# Four times the same step, then the loss. The biases are 0 at the start, and their
# gradients are not.

# %%
deep_tensors = as_tensors(starts["l_layer"])
with dls.trace():
    J = cost_by_engine(deep_tensors, tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(graph, "graph")
print(graph)
graph

# %% [markdown]
# ## Train
#
# 2500 iterations with learning rate 0.0075: by hand, and by the engine from the same
# start. The engine knows that nobody asked for `dA0`, the gradient of the pixels, and
# does not compute it. On 12,288 pixels that is a third of the work by hand for the
# $L$-layer network; on the small built-in pictures the engine's overhead weighs more.


# %%
def train_by_engine(start, X, Y, learning_rate, num_iterations, steps=range):
    """(parameters, costs) as the models above, by the engine's gradients."""
    tensors, costs = as_tensors(start), []
    for i in steps(num_iterations):
        J = cost_by_engine(tensors, X, Y)
        for p in tensors.values():
            p.grad = None
        J.backward()
        with dls.no_grad():  # the step itself is not part of a graph
            for p in tensors.values():
                p -= learning_rate * p.grad
        if i % 100 == 0 or i == num_iterations - 1:
            costs.append(J.item())
    return {name: p.numpy() for name, p in tensors.items()}, costs


num_iterations = 50 if lesson.fast else 2500
learning_rate = 0.0075
places = [i for i in range(num_iterations) if i % 100 == 0 or i == num_iterations - 1]
two_layer, two_layer_costs = two_layer_model(
    train_x,
    train_y,
    (n_x, 7, 1),
    learning_rate,
    num_iterations,
    steps=lesson.steps("two layers by hand"),
)
l_layer, l_layer_costs = L_layer_model(
    train_x,
    train_y,
    layers_dims,
    learning_rate,
    num_iterations,
    steps=lesson.steps("L layers by hand"),
)
engine = {
    model: train_by_engine(
        start, tX, tY, learning_rate, num_iterations, lesson.steps(f"{model} engine")
    )
    for model, start in starts.items()
}


# %%
def figures_of(parameters, costs):
    """What result.json says of a run."""
    right_train = (L_model_forward(train_x, parameters)[0] > 0.5) == train_y
    right_test = (L_model_forward(test_x, parameters)[0] > 0.5) == test_y
    return {
        "train_accuracy": 100 * float(np.mean(right_train)),
        "test_accuracy": 100 * float(np.mean(right_test)),
        "costs": dict(zip(places, costs, strict=True)),
    }


hand_figures = {
    "two_layer": figures_of(two_layer, two_layer_costs),
    "l_layer": figures_of(l_layer, l_layer_costs),
}
engine_figures = {model: figures_of(*run) for model, run in engine.items()}
print("L-layer network, test set:", end=" ")
labels = predict(test_x, test_y, l_layer)  # prints its accuracy
right = 100 * float(np.mean(labels == test_y))
assert right == hand_figures["l_layer"]["test_accuracy"]
lesson.table(
    ["model", "way", "train %", "test %", "first cost", "last cost"],
    [
        [model, way, f"{f['train_accuracy']:.2f}", f"{f['test_accuracy']:.1f}"]
        + [f"{f['costs'][i]:.6f}" for i in (places[0], places[-1])]
        for way, figures in (("by hand", hand_figures), ("engine", engine_figures))
        for model, f in figures.items()
    ],
)
for model in starts:
    for i in places:
        gap = hand_figures[model]["costs"][i] - engine_figures[model]["costs"][i]
        assert abs(gap) < 1e-7  # 2500 steps let rounding grow, but not far

# %% [markdown]
# ### The same with layers
#
# From here on examples are *rows*, as in most libraries: $X$ is $(m, n_x)$. A weight of
# `nn.Linear` is $(n_{out}, n_{in})$, like our $W$. The loss takes $Z^{[L]}$ ("logits").
# For 100 iterations, to see that the numbers are the same.

# %%
rows = dls.Tensor(np.ascontiguousarray(train_x.T))  # (m, n_x)
targets = dls.Tensor(train_y.T.astype("float64"))  # (m, 1)
network = nn.Sequential(
    nn.Linear(n_x, 20, dtype="float64"),
    nn.ReLU(),
    nn.Linear(20, 7, dtype="float64"),
    nn.ReLU(),
    nn.Linear(7, 5, dtype="float64"),
    nn.ReLU(),
    nn.Linear(5, 1, dtype="float64"),
)
state = {}
for layer in range(1, 5):  # the linear layers stand at places 0, 2, 4, 6
    state[f"{2 * layer - 2}.weight"] = starts["l_layer"][f"W{layer}"]
    state[f"{2 * layer - 2}.bias"] = starts["l_layer"][f"b{layer}"][:, 0]
network.load_state_dict(state)
optimizer = optim.SGD(network.parameters(), lr=learning_rate)
layer_costs = []
for _ in lesson.progress(range(101), "layers", "steps"):
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(network(rows), targets)  # (m, 1), (m, 1)
    loss.backward()
    optimizer.step()
    layer_costs.append(loss.item())
count = sum(p.size for p in network.parameters())
print(f"{count:,} parameters; costs {layer_costs[0]:.6f}, {layer_costs[99]:.6f}")
for i in places:
    assert i > 100 or abs(layer_costs[i] - l_layer_costs[places.index(i)]) < 1e-10

# %% [markdown]
# ## Look at it
#
# On the course's photographs the two-layer network learns the training set by heart,
# the deeper one nearly so, and on pictures not seen before both are far worse. Smooth
# at first, then jagged: the step is a little long in narrow valleys (last lesson). On
# the built-in faces both get 98 % of the test set.

# %%
fig, ax = plt.subplots(figsize=(8, 4.4))
for model, colour in (("two_layer", "tab:blue"), ("l_layer", "tab:red")):
    f = hand_figures[model]
    name = model.replace("_", "-").replace("l-", "L-")
    label = (
        f"{name}: train {f['train_accuracy']:.1f} %, test {f['test_accuracy']:.0f} %"
    )
    ax.plot(places, list(f["costs"].values()), color=colour, label=label)
    costs = engine_figures[model]["costs"]
    ax.plot(places, list(costs.values()), "x", color=colour, label="the same, engine")
share = train_y.mean()
known = -share * np.log(share) - (1 - share) * np.log(1 - share)
ax.axhline(
    known, color="gray", linestyle=":", label=f"knows only {share:.0%} {positive}"
)
ax.set(xlabel="iteration", ylabel="cost J", ylim=(0, None), title="Two networks")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "costs")

# %% [markdown]
# Which pictures does the deep network get wrong? The surest mistakes first.

# %%
probability = L_model_forward(test_x, l_layer)[0][0]  # (m_test,)
wrong = np.flatnonzero((probability > 0.5) != test_y[0])
wrong = wrong[np.argsort(-np.abs(probability[wrong] - 0.5))]
row_count, column_count = 1 + (len(wrong) > 6), min(max(len(wrong), 3), 6)
size = (1.8 * column_count, 0.6 + 2.1 * row_count)
fig, axes = plt.subplots(row_count, column_count, figsize=size)
for ax in axes.flat:
    ax.axis("off")
for i, ax in zip(wrong, axes.flat, strict=False):
    truth = classes[test_y[0, i]].decode()
    title = f"{truth}\np({positive}) = {probability[i]:.2f}"
    show_picture(ax, test_x_orig[i], title)
fig.suptitle(f"L-layer network: mistakes on {m_test} test pictures: {len(wrong)}")
fig.tight_layout()
lesson.figure(fig, "mistakes")

# %% [markdown]
# What did the first layer learn? Each of its 20 units has a weight for each pixel. The
# weights themselves look like noise, for they started as noise. Their *change* does
# not: it is a sum of training pictures, each times a number, since $dW^{[1]} = \frac1m
# dZ^{[1]} X^T$. Remember that; we will use it.

# %%
change = l_layer["W1"] - starts["l_layer"]["W1"]  # (20, n_x)
order = np.argsort(-np.abs(change).sum(axis=1))[:6]  # the units that moved most
fig, axes = plt.subplots(2, 6, figsize=(12, 4.4))
for unit, (upper, lower) in zip(order, axes.T, strict=True):
    for ax, values in ((upper, l_layer["W1"][unit]), (lower, change[unit])):
        values = values.reshape(train_x_orig.shape[1:]).mean(axis=2)  # over the colours
        largest = np.abs(values).max()
        ax.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest)
        ax.set(xticks=[], yticks=[])
    upper.set_title(f"unit {unit + 1}")
axes[0, 0].set_ylabel("weights")
axes[1, 0].set_ylabel("their change")
fig.suptitle("First layer: weights, and how training changed them (red up, blue down)")
lesson.figure(fig, "first_layer")

# %% [markdown]
# ### A variant of our own
#
# Four ideas, none of them new:
#
# - **Mirror** each training picture: a cat facing left is a cat. Twice the data.
# - **Balance**: on the course's cats a third of the training pictures are cats, but two
#   thirds of the test pictures. So let each example of the rarer class count as often
#   as makes both about equal.
# - **Stop early**, after 1500 iterations instead of 2500.
# - **Ask eight networks**, started from seeds 1 to 8, and average their probabilities:
#   their mistakes differ.
#
# Eight networks of 12288 inputs would take minutes. But the change of $W^{[1]}$ is a
# sum of training pictures. The course's 209 make 418 with their mirror images, so all
# that training can see lies in 418 directions. Take an orthonormal basis $Q$ of those
# (`np.linalg.qr`), and describe each picture by its 418 coordinates $Q^T x$: training
# gives *exactly* the same networks, with thirty times less work in the first layer. (Of
# a test picture the part outside of those directions is dropped: training never saw
# it.)


# %%
def descend(parameters, X, Y, learning_rate, num_iterations, steps=range):
    """Gradient descent from `parameters`, with the functions above."""
    for _ in steps(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
    return parameters


def augment(x_orig, y):
    """Pictures and mirror images, the rarer class repeated: (pictures, labels)."""
    x = np.concatenate([x_orig, x_orig[:, :, ::-1]])
    y = np.concatenate([y, y], axis=1)
    rarer = int(y.mean() < 0.5)
    times = round(np.mean(y != rarer) / np.mean(y == rarer))
    again = np.flatnonzero(y[0] == rarer)
    chosen = np.concatenate([np.arange(len(x))] + [again] * (times - 1))
    return x[chosen], y[:, chosen]


def train_in_coordinates(X, Y, dims, seed, num_iterations, Q, steps=range):
    """Train on Q^T X as if on X: parameters for inputs Q^T x."""
    start = initialize_parameters_deep([Q.shape[0], *dims], seed)
    start["W1"] = start["W1"] @ Q  # (n1, n_x)(n_x, directions)
    return descend(start, Q.T @ X, Y, learning_rate, num_iterations, steps)


variant_x, variant_y = augment(train_x_orig, train_y)
variant_X = flatten(variant_x)
Q, _ = np.linalg.qr(flatten(np.concatenate([train_x_orig, train_x_orig[:, :, ::-1]])))
print(f"{variant_X.shape[1]} examples, in {Q.shape[1]} of {Q.shape[0]} directions")

# the same, for two steps on all pixels and in coordinates
on_pixels = descend(starts["l_layer"], variant_X, variant_y, learning_rate, 2)
in_coordinates = train_in_coordinates(variant_X, variant_y, (20, 7, 5, 1), 1, 2, Q)
for name, p in on_pixels.items():
    same = p @ Q if name == "W1" else p
    assert np.abs(same - in_coordinates[name]).max() < 1e-10

seeds = range(1, 3) if lesson.fast else range(1, 9)
variant_iterations = 50 if lesson.fast else 1500
variant_probability, variant_train = [], []
for seed in lesson.progress(seeds, "variant", "networks"):
    trained = train_in_coordinates(
        variant_X, variant_y, (20, 7, 5, 1), seed, variant_iterations, Q
    )
    variant_probability.append(L_model_forward(Q.T @ test_x, trained)[0])
    variant_train.append(L_model_forward(Q.T @ train_x, trained)[0])


def accuracy(probabilities, Y):
    """Percent of right labels."""
    return 100 * float(np.mean((probabilities > 0.5) == Y))


single = [accuracy(p, test_y) for p in variant_probability]
variant_figures = {
    "train_accuracy": accuracy(np.mean(variant_train, axis=0), train_y),
    "test_accuracy": accuracy(np.mean(variant_probability, axis=0), test_y),
    "single": single,
    "seeds": list(seeds),
}
print(f"each network alone: {single}, on average {np.mean(single):.1f} %")
print(f"all of them together: {variant_figures['test_accuracy']:g} %")

# %% [markdown]
# ### How far should we believe it?
#
# Three questions.
#
# *What was it chosen on?* We tried some twenty recipes on the course's cats, and this
# is one of those with the best **test** accuracy. So the test set is no longer unseen,
# and the figure is too good. A fair choice would use other pictures: for instance
# **cross-validation** on the training set. Leave out each fifth in turn, train on the
# rest, test on that fifth.
#
# *How exact is the figure?* With $m$ test pictures and a share $p$ right, chance alone
# moves it by about $\sqrt{p(1-p)/m}$: five points for 50 pictures. The difference
# between 80 % and 84 % is two pictures. Seeds move it as much, and for a single network
# even rounding does: another number of processor cores, another figure.
#
# *Are training and test set alike?* If they were, cross-validation would give about
# what the test set gives.


# %%
def cross_validate(prepare, num_iterations, folds):
    """Percent right on training pictures that were left out; prepare(x, y) -> x, y."""
    rng = np.random.default_rng(lesson.seed)
    fold = rng.permutation(np.arange(m_train) % folds)  # which part each belongs to
    right = 0
    for part in lesson.progress(range(folds), "cross-validation", "folds"):
        kept, left_out = fold != part, fold == part
        x, y = prepare(train_x_orig[kept], train_y[:, kept])
        X = flatten(x)
        once = X[:, : 2 * np.sum(kept)]  # what is repeated comes behind
        basis, _ = np.linalg.qr(once)
        trained = train_in_coordinates(X, y, (20, 7, 5, 1), 1, num_iterations, basis)
        guess = L_model_forward(basis.T @ train_x[:, left_out], trained)[0] > 0.5
        right += int(np.sum(guess == train_y[:, left_out]))
    return 100 * right / m_train


def unchanged(x, y):
    """No preparation."""
    return x, y


folds = 2 if lesson.fast else 5
cross = {
    "l_layer": cross_validate(unchanged, num_iterations, folds),
    "variant": cross_validate(augment, variant_iterations, folds),
}
largest_class = 100 * max(train_y.mean(), 1 - train_y.mean())
test_share = variant_figures["test_accuracy"] / 100
chance = 100 * np.sqrt(test_share * (1 - test_share) / m_test)
lesson.table(
    ["", "cross-validation %", "test %"],
    [
        [
            "L-layer network",
            f"{cross['l_layer']:.1f}",
            f"{hand_figures['l_layer']['test_accuracy']:.0f}",
        ],
        ["one of the variant", f"{cross['variant']:.1f}", f"{np.mean(single):.0f}"],
        [f"{len(seeds)} together", "-", f"{variant_figures['test_accuracy']:.0f}"],
        ["always the same answer", f"{largest_class:.1f}", "-"],
    ],
)
print(f"chance moves the test figure by about {chance:.0f} points")

fig, ax = plt.subplots(figsize=(8, 3.8))
ax.plot(single, list(seeds), "o", color="gray", label="one network of the variant")
together, course_like = (
    variant_figures["test_accuracy"],
    hand_figures["l_layer"]["test_accuracy"],
)
ax.axvline(together, color="tab:green", lw=2, label=f"together: {together:.0f} %")
ax.axvspan(together - chance, together + chance, color="tab:green", alpha=0.15)
label = f"the L-layer network: {course_like:.0f} %"
ax.axvline(course_like, color="tab:red", linestyle="--", label=label)
ax.set(xlabel="test accuracy in %", ylabel="seed", yticks=list(seeds))
ax.set_title(f"The seed alone moves the result (band: chance, {m_test} pictures)")
ax.legend(fontsize=9)
lesson.figure(fig, "variant")

# %% [markdown]
# On the course's cats the answer is sobering: on left-out *training* pictures neither
# network beats "always no". The test set is of another kind (two thirds of it are cats,
# for one), and 72, 80 or 84 % there says little about other photographs. (On the
# built-in faces both figures agree.) A network that sees each pixel by itself cannot
# learn cats from two hundred pictures; Course 4 has the layers that can.
#
# ### Your own picture
#
# Give the path of a picture file. It is cut to a square, averaged down to the size of
# the training pictures, and shown to both networks.

# %%
my_image = None  # for instance Path("my_cat.jpg")


def sample_picture():
    """A picture that is at hand: of the course's files, or of scikit-image."""
    folder = sources.course_folder()
    if pictures.where != "built-in" and folder and (folder / "cats").is_dir():
        found = sorted((folder / "cats").glob("my_image*.jpg"))
        if found:
            return found[0]
    package = importlib.util.find_spec("skimage")
    name = "astronaut.png" if positive == "face" else "chelsea.png"
    found = Path(package.origin).parent / "data" / name if package else None
    return found if found and found.is_file() else None


def read_picture(path):
    """A picture file as uint8 (height, width, 3)."""
    picture = plt.imread(path)[..., :3]
    return picture if picture.dtype == np.uint8 else np.uint8(np.rint(255 * picture))


def to_size(picture, size):
    """Cut to the middle square and average down to (height, width, channels)."""
    height, width, channels = size
    side = min(picture.shape[:2])
    top, left = ((n - side) // 2 for n in picture.shape[:2])
    square = picture[top : top + side, left : left + side].astype(float)
    for axis, n in ((0, height), (1, width)):
        ends = np.linspace(0, side, n + 1).astype(int)
        total = np.add.reduceat(square, ends[:-1], axis=axis)
        shape = [-1 if i == axis else 1 for i in range(3)]
        square = total / np.diff(ends).reshape(shape)
    if channels == 1:
        square = square.mean(axis=2, keepdims=True)
    return np.uint8(np.rint(square))


path = my_image or sample_picture()
if path is None:
    print("no picture at hand: set my_image to the path of one")
else:
    picture = read_picture(path)
    if path.name == "astronaut.png":  # a whole person: take the face
        picture = picture[73:183, 167:277]
    small_picture = to_size(picture, train_x_orig.shape[1:])
    x = flatten(small_picture[None])  # (n_x, 1)
    answers = {
        "two-layer": L_model_forward(x, two_layer)[0].item(),
        "L-layer": L_model_forward(x, l_layer)[0].item(),
    }
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4))
    show_picture(left, picture, path.name)
    says = ", ".join(f"{name} {p:.2f}" for name, p in answers.items())
    show_picture(right, small_picture, f"p({positive}): {says}")
    lesson.figure(fig, "your_picture")
    print(f"{path.name}: probability of {positive}: {says}")

# %% [markdown]
# ## Break it
#
# **1. The lost mask.** Let gradients pass through ReLU as if it were not there. The
# check finds it; and since `dW3`, `db3` are right and those below wrong, the mistake is
# in the step from layer 3 to layer 2.


# %%
def L_model_backward_without_mask(AL, Y, caches):
    """WRONG: the hidden layers' dZ is dA, without the mask."""
    grads, L = {}, len(caches)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for layer in reversed(range(1, L + 1)):
        linear_cache, Z = caches[layer - 1]
        dZ = sigmoid_backward(dA, Z) if layer == L else dA
        dA, grads[f"dW{layer}"], grads[f"db{layer}"] = linear_backward(dZ, linear_cache)
    return grads


AL, caches = L_model_forward(small_X, small)
maskless = L_model_backward_without_mask(AL, small_Y, caches)
report = check.check_gradients(cost_of, small, maskless)
print(report)
assert [c.name for c in report.wrong] == ["dW1", "db1", "dW2", "db2"]

# %% [markdown]
# **2. A bad start.** Weights of `randn * 0.01` were fine for two layers. In four layers
# each makes the signal smaller, and on the way back each makes the gradient smaller
# again. The gradients are *right*: no gradient check will complain. Look at their size.


# %%
def gradient_sizes(parameters):
    """The norm of dW of each layer, on the training set."""
    AL, caches = L_model_forward(train_x, parameters)
    grads = L_model_backward(AL, train_y, caches)
    return [float(np.linalg.norm(grads[f"dW{layer}"])) for layer in range(1, 5)]


tiny_start = {
    name: 0.01 * p * np.sqrt(p.shape[1]) if name[0] == "W" else p
    for name, p in starts["l_layer"].items()
}
good, bad = gradient_sizes(starts["l_layer"]), gradient_sizes(tiny_start)
lesson.table(
    ["layer", "norm of dW: / sqrt(n)", "norm of dW: x 0.01"],
    [
        [f"W{layer + 1}", f"{good[layer]:.1e}", f"{bad[layer]:.1e}"]
        for layer in range(4)
    ],
)
assert bad[0] < 1e-3 * good[0]
tiny_iterations = 100 if lesson.fast else 500
X_coordinates = Q.T @ train_x  # exact for training, and fast
slow = {name: p @ Q if name == "W1" else p for name, p in tiny_start.items()}
slow = descend(slow, X_coordinates, train_y, learning_rate, tiny_iterations)
slow_cost = compute_cost(L_model_forward(X_coordinates, slow)[0], train_y)
print(f"cost after {tiny_iterations} iterations from x 0.01: {slow_cost:.6f}")
print(f"cost of knowing only the share of {positive}: {known:.6f}")
assert slow_cost > known - 1e-3  # it learned the share, at best

# %% [markdown]
# **3. Changed behind your back.** This `relu_backward` saves a copy, and writes into
# the array it was given. Its result is right, and so are all `dW` and `db`. But
# `grads["dA1"]` *is* that array, and has been overwritten. `compare` tells:


# %%
def relu_backward_in_place(dA, cache):
    """WRONG: overwrites dA."""
    dA[cache <= 0] = 0
    return dA


AL, caches = L_model_forward(small_X, small)
right_grads = L_model_backward(AL, small_Y, caches)
overwritten = {name: g.copy() for name, g in right_grads.items()}
relu_backward_in_place(overwritten["dA1"], caches[0][1])
small_tensors = as_tensors(small)
A1 = (small_tensors["W1"] @ few_X + small_tensors["b1"]).relu()
A1.retain_grad()
A2 = (small_tensors["W2"] @ A1 + small_tensors["b2"]).relu()
Z3 = small_tensors["W3"] @ A2 + small_tensors["b3"]
F.binary_cross_entropy_with_logits(Z3, few_Y, reduction="sum").backward()
assert dls.compare("dA1", right_grads["dA1"], A1.grad).ok
assert not dls.compare("dA1, overwritten", overwritten["dA1"], A1.grad).ok

# %% [markdown]
# (`retain_grad` keeps the gradient of a tensor in the middle of a graph. The loss is a
# sum, not a mean: as in the course, `dA` is without the $1/m$.)
#
# ## Recap
#
# - One layer forward: linear, activation, cache. One layer backward: activation, then
#   `dW`, `db`, `dA_prev`. A network is a loop over layers.
# - Shapes: $W^{[l]}$ is $(n^{[l]}, n^{[l-1]})$, a gradient has its parameter's shape.
# - Divide random weights by $\sqrt{n_{before}}$, so that $Z$ does not grow with the
#   width.
# - A test figure needs its error, its seeds, and the story of how it was chosen.
#
# ## Questions
#
# 1. How many parameters has the network 12288-20-7-5-1?
#    <details><summary>Answer</summary>
#    12288 x 20 + 20, 20 x 7 + 7, 7 x 5 + 5, 5 + 1: 245,973 in all, almost all in the
#    first layer.
#    </details>
# 2. Why keep a cache, when backward could compute $Z$ and $A$ again?
#    <details><summary>Answer</summary>
#    It could, at the price of a second forward pass: memory against time. That trade is
#    made for very deep networks ("checkpointing").
#    </details>
# 3. The two-layer network is perfect on the training set and worse on the test set.
#    What is this called, and what helps?
#    <details><summary>Answer</summary>
#    Overfitting (high variance). More data, regularization, stopping early, an
#    architecture that fits pictures (Course 2).
#    </details>
# 4. A ReLU unit gives 0 for all training pictures. What will training do to it?
#    <details><summary>Answer</summary>
#    Nothing: the mask is 0 everywhere, so its weights get no gradient. It is dead,
#    unless the layers below change its inputs.
#    </details>
# 5. Why may coordinates $Q^T x$ replace the pixels, but not for any $Q$?
#    <details><summary>Answer</summary>
#    Training needs the products of weights with training pictures. If the pictures lie
#    in the space that the columns of Q span, then Q Q^T x = x, so W x = (W Q)(Q^T x).
#    With fewer directions something would be lost.
#    </details>
#
# ## Go further
#
# - Other depths: `[n_x, 50, 1]`, `[n_x, 20, 20, 20, 20, 1]`. Look at `gradient_sizes`
#   first.
# - Choose a recipe by cross-validation alone, then look at the test set *once*.
# - Put Adam and mini-batches in place of plain descent: `optim.Adam`, `dls.fit`.
# - Next: Course 2 makes training fast and robust.

# %%
# The end: this run must have reached what is known of these data.
two_costs, l_costs = (
    hand_figures[model]["costs"] for model in ("two_layer", "l_layer")
)
if pictures.verified and not lesson.fast:
    if pictures.where == "built-in":
        known_figures = {"two_layer": (98, 98), "l_layer": (100, 98)}
        known_costs = {
            "two_layer": {0: 0.693117, 500: 0.579335, 2499: 0.070626},
            "l_layer": {0: 0.691120, 500: 0.189614, 2499: 0.008376},
        }
        assert variant_figures["test_accuracy"] >= 96
        assert cross["variant"] > 90
    else:
        known_figures = {"two_layer": (100, 72), "l_layer": (98.5646, 80)}
        known_costs = {
            "two_layer": {
                0: 0.693050,
                500: 0.515830,
                1000: 0.339428,
                2000: 0.074391,
                2499: 0.044215,
            },
            "l_layer": {0: 0.771749, 2499: 0.088440},
        }
        assert variant_figures["test_accuracy"] >= 82
    for figures in (hand_figures, engine_figures):
        for model, (train, test) in known_figures.items():
            assert abs(figures[model]["train_accuracy"] - train) < 0.01
            assert abs(figures[model]["test_accuracy"] - test) < 0.01
            for i, cost in known_costs[model].items():
                assert abs(figures[model]["costs"][i] - cost) < 2e-6
assert two_costs[places[-1]] < two_costs[0] and l_costs[places[-1]] < l_costs[0]

lesson.finish(
    hand_figures
    | {
        "variant": variant_figures,
        "cross_validation": cross,
        "engine": engine_figures,
        "layers": {"l_layer": {"costs": {i: layer_costs[i] for i in (0, 100)}}},
    }
)
