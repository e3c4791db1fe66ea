# %% [markdown]
# # A deep network, step by step: every building block
#
# Course 1, week 4. About an hour and a half with the exercises. The script runs for a
# few seconds.
#
# **Goal.** A network of any depth is a chain of one and the same block. You will
#
# - say the shape of every array in it before there is any code,
# - build each block, forward and backward, and test it by itself on the course's own
#   random numbers,
# - see what a cache holds and why,
# - chain the blocks to an $L$-layer network, train it, and see what depth is good for,
# - break each block, and let the tools name which one it was and how.
#
# ## What you need
#
# The lesson `c1w3-planar-classification`: one hidden layer. The function names, their
# arguments, shapes, caches and random draws are the course's own (2021 edition).
# `tinygrad-dls learn start c1w4-deep-network-step-by-step` makes a copy of this script
# for you to fill in, and `learn check` with the same name checks it. The next lesson,
# `c1w4-cat-classifier`, puts the same blocks to work on photographs.

# %%
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c1w4-deep-network-step-by-step")
flower = lesson.load("flower")
X, Y = flower.X, flower.Y  # (2, m), and (1, m) of 0 and 1
print(f"X {X.shape}, Y {Y.shape}")

# %% [markdown]
# ## The idea in a picture
#
# Going forward, block $l$ takes $A^{[l-1]}$, returns $A^{[l]}$, and keeps a **cache**
# of what the way back will need. Going backward, block $l$ takes $dA^{[l]}$ and its
# cache, returns $dA^{[l-1]}$, and leaves $dW^{[l]}$ and $db^{[l]}$ for the update. In
# each block are two smaller ones: a linear one, and an activation.


# %%
def draw_block(ax):
    """One layer, forward and backward, with its cache."""
    boxes = {
        "linear\nZ = W A + b": (2, 2, "#e7eefb", "tab:blue"),
        "activation\nA = g(Z)": (5, 2, "#e7eefb", "tab:blue"),
        "linear backward\ndW, db, dA_prev": (2, 0, "#fbe7e7", "tab:red"),
        "activation backward\ndZ = dA * g'(Z)": (5, 0, "#fbe7e7", "tab:red"),
    }
    for text, (x, y, face, edge) in boxes.items():
        box = {"boxstyle": "round,pad=0.6", "fc": face, "ec": edge}
        ax.text(x, y, text, ha="center", va="center", fontsize=10, bbox=box)
    arrows = [  # from, to, text, colour
        ((0, 2), (1.1, 2), "$A^{[l-1]}$", "tab:blue"),
        ((2.95, 2), (4.15, 2), "$Z^{[l]}$", "tab:blue"),
        ((5.85, 2), (7, 2), "$A^{[l]}$", "tab:blue"),
        ((7, 0), (6.05, 0), "$dA^{[l]}$", "tab:red"),
        ((3.95, 0), (3.1, 0), "$dZ^{[l]}$", "tab:red"),
        ((0.9, 0), (0, 0), "$dA^{[l-1]}$", "tab:red"),
    ]
    for start, end, text, colour in arrows:
        style = {"arrowstyle": "-|>", "color": colour, "lw": 1.5}
        ax.annotate("", end, start, arrowprops=style)
        middle = (start[0] + end[0]) / 2
        ax.text(middle, start[1] + 0.13, text, ha="center", color=colour)
    for x, text in ((2, "linear cache\n(A_prev, W, b)"), (5, "activation cache\nZ")):
        style = {"arrowstyle": "-|>", "color": "gray", "linestyle": "--"}
        ax.annotate("", (x, 0.45), (x, 1.55), arrowprops=style)
        ax.text(x + 0.1, 1, text, va="center", color="gray", fontsize=9)
    ax.set(xlim=(-0.2, 7.2), ylim=(-0.6, 2.6), title="One layer")
    ax.axis("off")


fig, ax = plt.subplots(figsize=(10, 4.2))
draw_block(ax)
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Two layers of one unit: $x = 1$, $w_1 = 2$, $b_1 = -1$, $w_2 = -1$, $b_2 = 0.5$, label
# $y = 1$. ReLU, then sigmoid.
#
# Forward: $z_1 = 1$, $a_1 = 1$, $z_2 = -0.5$, $a_2 = \sigma(-0.5) = 0.3775$, and the
# loss is $-\log 0.3775 = 0.9741$.
#
# | backward | formula | number |
# |---|---|---|
# | start | $da_2 = -1/a_2$ | $-2.6487$ |
# | activation 2 | $dz_2 = da_2\, a_2 (1 - a_2) = a_2 - 1$ | $-0.6225$ |
# | linear 2 | $dw_2 = dz_2 a_1$, $db_2 = dz_2$ | $-0.6225$ twice |
# | | $da_1 = dz_2 w_2$ | $0.6225$ |
# | activation 1 | $dz_1 = da_1$, as $z_1 > 0$ | $0.6225$ |
# | linear 1 | $dw_1 = dz_1 x$, $db_1 = dz_1$ | $0.6225$ twice |
#
# *Which of these numbers would be 0 if $b_1$ were $-3$?*


# %%
def tiny_loss(w1, b1, w2, b2, x=1.0):
    """The loss of the chain for label 1."""
    return -np.log(1 / (1 + np.exp(-(w2 * max(w1 * x + b1, 0) + b2))))


eps, start = 1e-5, np.array([2.0, -1.0, -1.0, 0.5])
measured = [
    (tiny_loss(*(start + nudge)) - tiny_loss(*(start - nudge))) / (2 * eps)
    for nudge in eps * np.eye(4)
]
print("dw1, db1, dw2, db2 measured:", *(f"{x:.4f}" for x in measured))
assert np.allclose(measured, [0.6225, 0.6225, -0.6225, -0.6225], atol=1e-4)

# %% [markdown]
# ## The mathematics
#
# Layer $l$ has $n^{[l]}$ units, $A^{[0]} = X$ is $(n^{[0]}, m)$.
#
# | forward | shapes |
# |---|---|
# | $Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}$ | $W^{[l]}$ is $(n^{[l]}, n^{[l-1]})$ |
# | $A^{[l]} = g^{[l]}(Z^{[l]})$ | $(n^{[l]}, m)$ |
#
# | backward | shapes |
# |---|---|
# | $dZ^{[l]} = dA^{[l]} * g^{[l]\prime}(Z^{[l]})$ | $(n^{[l]}, m)$ |
# | $dW^{[l]} = \frac1m dZ^{[l]} A^{[l-1]T}$ | $(n^{[l]}, m)(m, n^{[l-1]})$ |
# | $db^{[l]} = \frac1m \sum_i dZ^{[l](i)}$ | $(n^{[l]}, 1)$ |
# | $dA^{[l-1]} = W^{[l]T} dZ^{[l]}$ | $(n^{[l-1]}, n^{[l]})(n^{[l]}, m)$ |
#
# One rule covers the right column: **a derivative has the shape of what it belongs
# to.** Where does $W^T$ come from? Unit $j$ below speaks to unit $k$ above through
# $W_{kj}$, so on the way back it collects $\sum_k W_{kj}\, dZ_k$: a sum over the rows
# of $W$. And by shapes: only the transpose fits.
#
# The cost is $J = -\frac1m \sum_i \big(y^{(i)} \log a^{[L](i)} + (1 - y^{(i)}) \log(1 -
# a^{[L](i)})\big)$; the way back starts with $dA^{[L]} = -\frac{Y}{A^{[L]}} + \frac{1 -
# Y}{1 - A^{[L]}}$.
#
# ## Your code
#
# **Exercise 1.** All shapes, before any number: for sizes $[n^{[0]}, ..., n^{[L]}]$ and
# $m$ examples.


# %%
def layer_shapes(layer_dims, m):
    """{"W1": (n1, n0), "b1": (n1, 1), "Z1": (n1, m), "A1": (n1, m), "W2": ...}."""
    shapes = {}
    for l in range(1, len(layer_dims)):
        # BEGIN SOLUTION
        n, before = layer_dims[l], layer_dims[l - 1]
        shapes["W" + str(l)] = (n, before)
        shapes["b" + str(l)] = (n, 1)
        shapes["Z" + str(l)] = (n, m)
        shapes["A" + str(l)] = (n, m)
        # END SOLUTION
    return shapes


# The course's example: 12288 inputs, 209 examples.
for name, shape in layer_shapes([12288, 20, 7, 5, 1], 209).items():
    print(f"{name} {shape}", end="; ")
print()
assert layer_shapes([4, 3, 1], 10)["W2"] == (1, 3)

# %% [markdown]
# **Exercise 2.** The parameters of two layers: `randn * 0.01`, `W1` first; biases 0.
#
# **Exercise 3.** Of any number of layers, drawn in the order `W1`, `W2`, ...


# %%
def initialize_parameters(n_x, n_h, n_y):
    """{"W1" (n_h, n_x), "b1" (n_h, 1), "W2" (n_y, n_h), "b2" (n_y, 1)}; seed 1."""
    np.random.seed(1)
    # BEGIN SOLUTION
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    # END SOLUTION
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def initialize_parameters_deep(layer_dims):
    """{"W1", "b1", ..., "WL", "bL"}; seed 3."""
    np.random.seed(3)
    parameters = {}
    for l in range(1, len(layer_dims)):
        # BEGIN SOLUTION
        W = np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.01
        parameters["W" + str(l)] = W
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
        # END SOLUTION
    return parameters


def show(name, value, known=None):
    """Print an array, and compare it with the numbers of the course."""
    text = np.array2string(np.asarray(value), precision=8, suppress_small=True)
    print(f"{name} =", text.replace("\n", "\n" + " " * (len(name) + 3)))
    if known is not None:
        assert np.allclose(value, known, atol=1e-8), name


show(
    "W1 of (3, 2, 1)",
    initialize_parameters(3, 2, 1)["W1"],
    [[0.01624345, -0.00611756, -0.00528172], [-0.01072969, 0.00865408, -0.02301539]],
)
show(
    "the first row of W1 of [5, 4, 3]",
    initialize_parameters_deep([5, 4, 3])["W1"][0],
    [0.01788628, 0.0043651, 0.00096497, -0.01863493, -0.00277388],
)

# %% [markdown]
# ### Forward
#
# The activations return $A$ and their cache, $Z$. (They are given.)


# %%
def sigmoid(Z):
    """A = 1 / (1 + e^-Z), and the cache Z."""
    return 1 / (1 + np.exp(-Z)), Z


def relu(Z):
    """A = max(0, Z), and the cache Z."""
    return np.maximum(0, Z), Z


# %% [markdown]
# **Exercise 4.** The linear block. Its cache is a tuple of the three things it was
# given.
#
# **Exercise 5.** The layer: linear, then the activation. Its cache is a pair: (linear
# cache, activation cache).


# %%
def linear_forward(A, W, b):
    """Z = W A + b, and the cache (A, W, b)."""
    # BEGIN SOLUTION
    Z = np.dot(W, A) + b
    # END SOLUTION
    cache = (A, W, b)
    return Z, cache


def linear_activation_forward(A_prev, W, b, activation):
    """A of one layer, and its cache; activation is "sigmoid" or "relu"."""
    # BEGIN SOLUTION
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "sigmoid":
        A, activation_cache = sigmoid(Z)
    else:
        A, activation_cache = relu(Z)
    # END SOLUTION
    return A, (linear_cache, activation_cache)


np.random.seed(1)
A, W, b = np.random.randn(3, 2), np.random.randn(1, 3), np.random.randn(1, 1)
show("Z", linear_forward(A, W, b)[0], [[3.26295337, -1.23429987]])
np.random.seed(2)
A, W, b = np.random.randn(3, 2), np.random.randn(1, 3), np.random.randn(1, 1)
known = {"sigmoid": [[0.96890023, 0.11013289]], "relu": [[3.43896131, 0.0]]}
for activation, values in known.items():
    one_A, _ = linear_activation_forward(A, W, b, activation)
    show(f"A of {activation}", one_A, values)

# %% [markdown]
# **Exercise 6.** All layers: ReLU in the first $L - 1$, the sigmoid in the last. The
# caches go into a list, that of layer $l$ at place $l - 1$.
#
# **Exercise 7.** The cost.


# %%
def L_model_forward(X, parameters):
    """AL (n_L, m), and the list of the L caches."""
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


np.random.seed(6)
deep_X = np.random.randn(5, 4)
deep = {}
for layer, shape in enumerate([(4, 5), (3, 4), (1, 3)], 1):
    deep[f"W{layer}"], deep[f"b{layer}"] = (
        np.random.randn(*shape),
        np.random.randn(shape[0], 1),
    )
AL, caches = L_model_forward(deep_X, deep)
show("AL", AL, [[0.03921668, 0.70498921, 0.19734387, 0.04728177]])
cost = compute_cost(np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]]))
show("cost", cost, 0.2797765635793422)
for layer, ((A_prev, W, b), Z) in enumerate(caches, 1):
    print(
        f"cache of layer {layer}: (A_prev {A_prev.shape}, W {W.shape}, b {b.shape}), "
        f"Z {Z.shape}"
    )
    assert W is deep[f"W{layer}"]  # no copy: the cache holds the arrays themselves

# %% [markdown]
# ### Backward
#
# Backward through the activations: given. `relu_backward` makes a *copy*, so that `dA`
# stays what it was.


# %%
def relu_backward(dA, cache):
    """dZ of A = relu(Z): dA, but 0 where Z <= 0; cache is Z."""
    return np.where(cache > 0, dA, 0.0)


def sigmoid_backward(dA, cache):
    """dZ of A = sigmoid(Z): dA s (1 - s); cache is Z."""
    s = 1 / (1 + np.exp(-cache))
    return dA * s * (1 - s)


# %% [markdown]
# **Exercise 8.** Backward through the linear block. `np.sum(..., axis=1,
# keepdims=True)` keeps `db` a column.
#
# **Exercise 9.** Backward through the layer: first the activation, then linear.
#
# **Exercise 10.** Through all of them, from the top. `grads["dA1"]` is the derivative
# of layer 1's *output*; so step $l$ leaves `dA` $l-1$, `dW` $l$ and `db` $l$.


# %%
def linear_backward(dZ, cache):
    """dA_prev, dW, db of Z = W A_prev + b; cache is (A_prev, W, b)."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    # BEGIN SOLUTION
    dW = np.dot(dZ, A_prev.T) / m  # (n, n_prev)
    db = np.sum(dZ, axis=1, keepdims=True) / m  # (n, 1)
    dA_prev = np.dot(W.T, dZ)  # (n_prev, m)
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
    dA_prev, dW, db = linear_backward(dZ, linear_cache)
    # END SOLUTION
    return dA_prev, dW, db


def L_model_backward(AL, Y, caches):
    """{"dA0", "dW1", "db1", ..., "dA(L-1)", "dWL", "dbL"}."""
    grads = {}
    L = len(caches)
    Y = Y.reshape(AL.shape)
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


np.random.seed(1)
dZ, A = np.random.randn(3, 4), np.random.randn(5, 4)
W, b = np.random.randn(3, 5), np.random.randn(3, 1)
dA_prev, dW, db = linear_backward(dZ, (A, W, b))
show("dA_prev[0]", dA_prev[0], [-1.15171336, 0.06718465, -0.3204696, 2.09812712])
show("db", db, [[-0.14713786], [-0.11313155], [-0.13209101]])
np.random.seed(2)
dA, A = np.random.randn(1, 2), np.random.randn(3, 2)
W, b, Z = np.random.randn(1, 3), np.random.randn(1, 1), np.random.randn(1, 2)
known = {
    "sigmoid": ([[0.10266786, 0.09778551, -0.01968084]], [[-0.05729622]]),
    "relu": ([[0.44513824, 0.37371418, -0.10478989]], [[-0.20837892]]),
}
for activation, (known_dW, known_db) in known.items():
    _, dW, db = linear_activation_backward(dA, ((A, W, b), Z), activation)
    show(f"dW of {activation}", dW, known_dW)
    show(f"db of {activation}", db, known_db)
np.random.seed(3)
AL, labels = np.random.randn(1, 2), np.array([[1, 0]])
A1, W1, b1 = np.random.randn(4, 2), np.random.randn(3, 4), np.random.randn(3, 1)
Z1, A2 = np.random.randn(3, 2), np.random.randn(3, 2)
W2, b2, Z2 = np.random.randn(1, 3), np.random.randn(1, 1), np.random.randn(1, 2)
grads = L_model_backward(AL, labels, [((A1, W1, b1), Z1), ((A2, W2, b2), Z2)])
show("dW1[0]", grads["dW1"][0], [0.41010002, 0.07807203, 0.13798444, 0.10502167])
show("db1", grads["db1"], [[-0.22007063], [0.0], [-0.02835349]])
show("dA1[0]", grads["dA1"][0], [0.12913162, -0.44014127])

# %% [markdown]
# **Exercise 11.** One step of gradient descent, into a *new* dictionary: the caches
# still point at the old arrays.


# %%
def update_parameters(params, grads, learning_rate):
    """The parameters after one step; `params` stay as they are."""
    # BEGIN SOLUTION
    return {name: p - learning_rate * grads["d" + name] for name, p in params.items()}
    # END SOLUTION


np.random.seed(2)
parameters = {"W1": np.random.randn(3, 4), "b1": np.random.randn(3, 1)}
parameters |= {"W2": np.random.randn(1, 3), "b2": np.random.randn(1, 1)}
np.random.seed(3)
grads = {"dW1": np.random.randn(3, 4), "db1": np.random.randn(3, 1)}
grads |= {"dW2": np.random.randn(1, 3), "db2": np.random.randn(1, 1)}
stepped = update_parameters(parameters, grads, 0.1)
known_row = [-0.59562069, -0.09991781, -2.14584584, 1.82662008]
show("W1[0] after a step", stepped["W1"][0], known_row)
show("b1 after a step", stepped["b1"], [[-0.04659241], [-1.28888275], [0.53405496]])
show("W2 after a step", stepped["W2"], [[-0.55569196, 0.0354055, 1.32964895]])
show("b2 after a step", stepped["b2"], [[-0.84610769]])

# %% [markdown]
# ## Check it three ways
#
# **By hand**: the chain of two units.

# %%
chain = {"W1": 2.0, "b1": -1.0, "W2": -1.0, "b2": 0.5}
chain = {name: np.array([[value]]) for name, value in chain.items()}
one = np.array([[1.0]])
AL, caches = L_model_forward(one, chain)
chain_grads = L_model_backward(AL, one, caches)
for name, value in {
    "dW1": 0.6225,
    "db1": 0.6225,
    "dW2": -0.6225,
    "db2": -0.6225,
}.items():
    print(f"{name}  mine {chain_grads[name].item():.4f}, by hand {value:.4f}")
    assert abs(chain_grads[name].item() - value) < 1e-4

# %% [markdown]
# **Against the engine**, block by block: first one layer by itself, with a random `dA`
# from above; then the whole network, from the same parameters.


# %%
def layer_by_engine(A_prev, W, b, activation):
    """A of one layer, for tensors."""
    Z = W @ A_prev + b
    return Z.relu() if activation == "relu" else Z.sigmoid()


def as_tensors(parameters):
    """Leaves of the engine, with names, from a dictionary of arrays."""
    return {
        name: dls.Tensor(p, requires_grad=True, name=name)
        for name, p in parameters.items()
    }


rng = np.random.default_rng(lesson.seed)
for activation in ("relu", "sigmoid"):
    leaves = {
        "A_prev": rng.standard_normal((4, 6)),
        "W": rng.standard_normal((3, 4)),
        "b": rng.standard_normal((3, 1)),
    }
    dA = rng.standard_normal((3, 6))
    _, cache = linear_activation_forward(*leaves.values(), activation)
    answers = linear_activation_backward(dA, cache, activation)
    tensors = as_tensors(leaves)
    layer_by_engine(**tensors, activation=activation).backward(dls.Tensor(dA))
    print(f"one layer with {activation}:")
    for name, mine in zip(("A_prev", "W", "b"), answers, strict=True):
        theirs = tensors[name].grad.numpy()
        # As in the course, dW and db have 1/m in them, and dA has not.
        theirs = theirs if name == "A_prev" else theirs / 6
        assert dls.compare("d" + name, mine, theirs).ok
        assert np.abs(mine - theirs).max() < 1e-10


def cost_by_engine(parameters, X, Y):
    """J of a dictionary of tensors {"W1", "b1", ...}."""
    A, L = X, len(parameters) // 2
    for layer in range(1, L + 1):
        activation = "relu" if layer < L else "sigmoid"
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        A = layer_by_engine(A, W, b, activation)
    return -(Y * A.log() + (1 - Y) * (1 - A).log()).sum() / X.shape[1]


deep_Y = np.array([[1, 0, 1, 1]])
AL, caches = L_model_forward(deep_X, deep)
grads = L_model_backward(AL, deep_Y, caches)
tensors = as_tensors(deep)
tX, tY = dls.Tensor(deep_X, name="X"), dls.Tensor(deep_Y.astype(float), name="Y")
J = cost_by_engine(tensors, tX, tY)
J.backward()
print("the whole network:")
for name, tensor in tensors.items():
    assert dls.compare("d" + name, grads["d" + name], tensor.grad).ok
    assert np.abs(grads["d" + name] - tensor.grad.numpy()).max() < 1e-10
assert abs(J.item() - compute_cost(AL, deep_Y)) < 1e-10


# %% [markdown]
# **Numerically.**


# %%
def cost_of(parameters):
    """The cost on the four examples, as a function of the parameters alone."""
    return compute_cost(L_model_forward(deep_X, parameters)[0], deep_Y)


report = check.check_gradients(cost_of, deep, grads)
print(report)
assert report.ok
report = dls.gradcheck(
    lambda *values: cost_by_engine(dict(zip(tensors, values, strict=True)), tX, tY),
    *tensors.values(),
    names=list(tensors),
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The same blocks again, as the engine saw them: three times product, sum, activation.
# Step through `graph.html`: backward is your `L_model_backward`, and $db$ is a sum over
# the examples because `b` was broadcast to all of them.

# %%
for tensor in tensors.values():
    tensor.grad = None
with dls.trace():
    J = cost_by_engine(tensors, tX, tY)
    J.backward()
graph = dls.graph(J, names={"X": tX, "Y": tY, "J": J})
lesson.graph(
    graph,
    "graph",
    steps={"db1, a sum over the examples": "b1", "dW1, the last step": "W1"},
)
print(graph)
graph

# %% [markdown]
# ## Train
#
# The blocks in a loop, on the flower of the last lesson: two hidden layers of 10 and 5
# units. Weights of 0.01 times `randn` are too small for depth (we will see), so each
# is scaled to $1/\sqrt{n_{before}}$. By hand, by the engine, and with layers: the same
# numbers.


# %%
def scaled(parameters):
    """Weights of initialize_parameters_deep, made as large as 1 / sqrt(n_before)."""
    return {
        name: 100 * p / np.sqrt(p.shape[1]) if name[0] == "W" else p
        for name, p in parameters.items()
    }


def train(parameters, X, Y, learning_rate, num_iterations, steps=range):
    """(parameters, the cost of each iteration) of gradient descent by your blocks."""
    costs = []
    for _ in steps(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        costs.append(compute_cost(AL, Y))
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
    return parameters, costs


def train_by_engine(parameters, X, Y, learning_rate, num_iterations, steps=range):
    """The same with the engine's gradients."""
    tensors, costs = as_tensors(parameters), []
    for _ in steps(num_iterations):
        J = cost_by_engine(tensors, X, Y)
        for p in tensors.values():
            p.grad = None
        J.backward()
        with dls.no_grad():  # the step itself is not part of a graph
            for p in tensors.values():
                p -= learning_rate * p.grad
        costs.append(J.item())
    return {name: p.numpy() for name, p in tensors.items()}, costs


layer_dims = [2, 10, 5, 1]
num_iterations, learning_rate = (300 if lesson.fast else 5000), 0.06
start = scaled(initialize_parameters_deep(layer_dims))
flower_X, flower_Y = dls.Tensor(X), dls.Tensor(Y.astype("float64"))
trained, costs = train(
    start, X, Y, learning_rate, num_iterations, lesson.steps("by hand")
)
engine, engine_costs = train_by_engine(
    start, flower_X, flower_Y, learning_rate, num_iterations, lesson.steps("engine")
)

network = nn.Sequential(  # here examples are rows, and the loss takes logits
    nn.Linear(2, 10, dtype="float64"),
    nn.ReLU(),
    nn.Linear(10, 5, dtype="float64"),
    nn.ReLU(),
    nn.Linear(5, 1, dtype="float64"),
)
for layer, place in enumerate((0, 2, 4), 1):
    network[place].load_state_dict(
        {"weight": start[f"W{layer}"], "bias": start[f"b{layer}"][:, 0]}
    )
optimizer = optim.SGD(network.parameters(), lr=learning_rate)
layer_costs = []
for _ in lesson.progress(range(num_iterations), "layers", "steps"):
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(network(flower_X.T), flower_Y.T)
    loss.backward()
    optimizer.step()
    layer_costs.append(loss.item())

# A long run magnifies rounding (see c1w3): compare where it has not yet.
for other in (engine_costs, layer_costs):
    assert np.abs(np.array(costs[:200]) - other[:200]).max() < 1e-10
accuracy = 100 * float(np.mean((L_model_forward(X, trained)[0] > 0.5) == Y))
engine_accuracy = 100 * float(np.mean((L_model_forward(X, engine)[0] > 0.5) == Y))
lesson.table(
    ["", "by hand", "engine", "layers"],
    [
        [f"cost at {i}", *(f"{c[i]:.6f}" for c in (costs, engine_costs, layer_costs))]
        for i in (0, 100, num_iterations - 1)
    ],
)
print(f"right: by hand {accuracy:g} %, engine {engine_accuracy:g} %")
assert abs(costs[0] - engine_costs[0]) < 1e-12 and costs[-1] < costs[0]

# %% [markdown]
# ### What is depth good for?
#
# Is the number of ones among $n$ bits odd? (The *parity*.) A tree answers it: XOR of
# pairs, then XOR of those, ... With ReLU, $\text{XOR}(p, q) = \text{relu}(p + q) - 2\,
# \text{relu}(p + q - 1)$, exactly: two hidden units for a pair. So $n$ bits need
# $2(n - 1)$ units in $\log_2 n$ hidden layers. A network with *one* hidden layer that
# has a unit for every pattern with an odd number of ones needs $2^{n-1}$. We build the
# deep one from your linear blocks, and try it on every pattern.


# %%
def parity_layers(n):
    """[(W, b), ...] of the tree for n bits, a power of 2: ReLU layers, then a sum."""
    layers = []
    join = np.eye(n)  # how this level's bits come out of what lies below
    while len(join) > 1:
        pairs = np.kron(np.eye(len(join) // 2), np.array([[1.0, 1.0], [1.0, 1.0]]))
        b = np.tile([[0.0], [-1.0]], (len(join) // 2, 1))
        layers.append((pairs @ join, b))  # rows: p + q, and p + q - 1
        join = np.kron(np.eye(len(join) // 2), np.array([[1.0, -2.0]]))
    layers.append((join, np.zeros((1, 1))))
    return layers


units = {}
for n in (2, 4, 8, 16):
    bits = np.array(list(product((0.0, 1.0), repeat=min(n, 12)))).T  # all patterns
    if n > 12:  # 65,536 patterns: take 4,096 of them
        bits = (rng.random((n, 4096)) < 0.5).astype(float)
    A = bits
    parts = parity_layers(n)
    for W, b in parts[:-1]:
        A, _ = linear_activation_forward(A, W, b, "relu")
    answer, _ = linear_forward(A, *parts[-1])
    assert np.array_equal(answer[0], bits.sum(axis=0) % 2)
    units[n] = {
        "layers": len(parts) - 1,
        "deep": sum(len(W) for W, _ in parts[:-1]),
        "shallow": 2 ** (n - 1),
    }
lesson.table(
    ["bits", "hidden layers", "units, deep", "units, one layer"],
    [[n, u["layers"], u["deep"], u["shallow"]] for n, u in units.items()],
)
assert units[16] == {"layers": 4, "deep": 30, "shallow": 32768}

# %% [markdown]
# ## Look at it
#
# Left, what the network makes of the plane: ReLU folds along straight edges, and the
# second layer folds the folds. Middle, the cost. Right, how large the gradients of the
# three layers are while it learns.


# %%
def plot_plane(ax, parameters, X, Y):
    """Colour the plane by the network's probability; draw the points on it."""
    low, high = X.min(axis=1) - 0.3, X.max(axis=1) + 0.3  # (2,) each
    xx, yy = np.meshgrid(*(np.linspace(low[i], high[i], 200) for i in range(2)))
    plane, _ = L_model_forward(np.stack([xx.ravel(), yy.ravel()]), parameters)
    z = plane.reshape(xx.shape)
    ax.contourf(xx, yy, z, levels=np.linspace(0, 1, 11), cmap="RdBu", alpha=0.45)
    ax.contour(xx, yy, z, levels=[0.5], colors="black", linewidths=1)
    colours = np.where(Y[0] == 1, "tab:blue", "tab:red")
    ax.scatter(*X, c=colours, s=9, edgecolors="white", linewidths=0.3)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")


def gradient_sizes(parameters, X, Y):
    """The norm of dW of each layer."""
    AL, caches = L_model_forward(X, parameters)
    grads = L_model_backward(AL, Y, caches)
    count = len(caches)
    return [float(np.linalg.norm(grads[f"dW{l}"])) for l in range(1, count + 1)]


walker, sizes, places = start, [], list(range(0, num_iterations + 1, 100))
for _ in places:
    sizes.append(gradient_sizes(walker, X, Y))
    walker, _ = train(walker, X, Y, learning_rate, 100)
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2))
plot_plane(left, trained, X, Y)
left.set_title(f"2-10-5-1 on the flower: {accuracy:g} % right")
middle.plot(costs, lw=3, label="by hand")
middle.plot(engine_costs, "--", label="engine")
middle.axhline(np.log(2), color="gray", linestyle=":", label="log 2: knows nothing")
middle.set(xlabel="iteration", ylabel="cost J", title="The cost", ylim=(0, None))
middle.legend()
for layer, norms in enumerate(zip(*sizes, strict=True), 1):
    right.semilogy(places, norms, ".-", label=f"layer {layer}")
right.set(xlabel="iteration", ylabel="norm of dW (log scale)", title="Gradients")
right.legend()
for ax in (middle, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "trained")

# %% [markdown]
# ## Break it
#
# Six mistakes, each in one block. For each: the broken block in place of yours, the
# gradients of the same small network, and the verdict. *Cover the output and predict
# which gradients are wrong: those of the block, and of all below it.*


# %%
def backward_with(AL, Y, caches, linear=linear_backward, relu=relu_backward, shift=0):
    """`L_model_backward` with other blocks, and caches taken `shift` places off."""
    grads, L = {}, len(caches)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(1, L + 1)):
        linear_cache, Z = caches[l - 1]
        if shift and 0 <= l - 1 + shift < L:
            Z = caches[l - 1 + shift][1]
        dZ = sigmoid_backward(dA, Z) if l == L else relu(dA, Z)
        dA, grads["dW" + str(l)], grads["db" + str(l)] = linear(dZ, linear_cache)
    return grads


def without_m(dZ, cache):
    """WRONG: no 1/m in dW."""
    A_prev, W, _ = cache
    db = np.sum(dZ, axis=1, keepdims=True) / A_prev.shape[1]
    return np.dot(W.T, dZ), np.dot(dZ, A_prev.T), db


def without_keepdims(dZ, cache):
    """WRONG: db lies down."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    return np.dot(W.T, dZ), np.dot(dZ, A_prev.T) / m, np.sum(dZ, axis=1) / m


def wrong_axis(dZ, cache):
    """WRONG: db sums over units, not over examples."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    db = np.sum(dZ, axis=0, keepdims=True).T / m
    return np.dot(W.T, dZ), np.dot(dZ, A_prev.T) / m, db


def transposed(dZ, cache):
    """WRONG: the factors of dW have changed places."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return np.dot(W.T, dZ), np.dot(A_prev, dZ.T) / m, db


def without_mask(dA, cache):
    """WRONG: ReLU as if it were not there."""
    return dA


np.random.seed(lesson.seed)
same_X, same_Y = np.random.randn(3, 3), np.array([[1, 0, 1]])
same = {}  # layers of one width, and as many examples: here any shape fits
for layer, size in enumerate([(3, 3), (3, 3), (1, 3)], 1):
    same[f"W{layer}"], same[f"b{layer}"] = (
        np.random.randn(*size),
        np.random.randn(size[0], 1),
    )


def same_cost(parameters):
    """The cost of the network of equal widths."""
    return compute_cost(L_model_forward(same_X, parameters)[0], same_Y)


AL, caches = L_model_forward(same_X, same)
assert check.check_gradients(same_cost, same, backward_with(AL, same_Y, caches)).ok
verdicts = {}
for what, blocks in {
    "no 1/m": {"linear": without_m},
    "no keepdims": {"linear": without_keepdims},
    "wrong axis": {"linear": wrong_axis},
    "factors swapped": {"linear": transposed},
    "no mask": {"relu": without_mask},
    "caches one off": {"shift": 1},
}.items():
    broken = backward_with(AL, same_Y, caches, **blocks)
    report = check.check_gradients(same_cost, same, broken, m=3)
    verdicts[what] = [c.name for c in report.wrong]
    first = report.wrong[0]
    print(
        f"{what}: wrong are {', '.join(verdicts[what])}\n    {first.name}: {first.hint}"
    )
    if what == "no 1/m":
        assert verdicts[what] == ["dW1", "dW2", "dW3"] and "1/m missing" in first.hint
    if what == "no keepdims":
        assert verdicts[what] == ["db1", "db2", "db3"] and "keepdims" in first.hint
    if what == "factors swapped":
        assert "transpose" in first.hint and "write .T" in first.hint
    assert not report.ok

# %% [markdown]
# How to read it:
#
# - One factor in all `dW` and right `db`: the missing $1/m$, and it is named. A `db` of
#   shape `(3,)`: `keepdims`. The swapped factors: *the transpose*. With layers of one
#   width no shape had complained.
# - All `db` wrong and all `dW` right: the sum in `db`, here over the wrong axis.
# - `dW3`, `db3` right and everything below wrong: between layer 3 and layer 2, that is
#   in ReLU's backward, or in `dA_prev`. So it is for the lost mask and for the wrong
#   caches. To decide, compare `dZ` or `dA` themselves:

# %%
same_tensors = as_tensors(same)
A1 = layer_by_engine(dls.Tensor(same_X), same_tensors["W1"], same_tensors["b1"], "relu")
A2 = layer_by_engine(A1, same_tensors["W2"], same_tensors["b2"], "relu")
Z3 = same_tensors["W3"] @ A2 + same_tensors["b3"]
A1.retain_grad()
A2.retain_grad()
F.binary_cross_entropy_with_logits(
    Z3, dls.Tensor(same_Y.astype(float)), reduction="sum"
).backward()
right_grads = L_model_backward(AL, same_Y, caches)
assert dls.compare("dA2", right_grads["dA2"], A2.grad).ok  # so dA_prev is right
mask = caches[1][1] > 0
dZ2 = right_grads["dA2"] * mask
lost = right_grads["dA2"]  # what without_mask hands on
assert dls.compare("dZ2", dZ2, A2.grad.numpy() * mask).ok
assert not dls.compare("dZ2 without mask", lost, A2.grad.numpy() * mask).ok
assert ((lost != dZ2) == (~mask & (lost != 0))).all()
print("it differs exactly where Z2 <= 0: the mask is missing")

# %% [markdown]
# **7. Starts.** Zeros: every unit of a layer computes the same, gets the same gradient
# and stays the same. Weights of `randn * 0.01`, fine for two layers: each layer makes
# the signal a hundred times smaller, and the gradient on its way back again. Both pass
# every gradient check. What tells: compare the units, and the sizes of the gradients.

# %%
equal = {name: np.full_like(p, 0.3) for name, p in start.items()}
equal_trained, _ = train(equal, X, Y, learning_rate, 50)
W1 = equal_trained["W1"]
assert dls.compare("unit 1 = unit 2?", W1[0], W1[1]).ok
zeros = {name: np.zeros_like(p) for name, p in start.items()}
print(f"gradients from zeros: {gradient_sizes(zeros, X, Y)}")
assert max(gradient_sizes(zeros, X, Y)) == 0  # nothing will ever move, but the last b
small = initialize_parameters_deep(layer_dims)  # * 0.01
sizes_small, sizes_good = (gradient_sizes(p, X, Y) for p in (small, start))
lesson.table(
    ["norm of dW", "layer 1", "layer 2", "layer 3"],
    [
        ["start of 0.01 randn", *(f"{s:.1e}" for s in sizes_small)],
        ["start of randn / sqrt(n)", *(f"{s:.1e}" for s in sizes_good)],
    ],
)
_, small_costs = train(small, X, Y, learning_rate, min(num_iterations, 1000))
print(
    f"cost from 0.01 randn after {len(small_costs)} steps: {small_costs[-1]:.6f}, "
    f"log 2 = {np.log(2):.6f}"
)
assert max(sizes_small) < 0.01 * min(sizes_good)
assert abs(small_costs[-1] - np.log(2)) < 1e-3

# %% [markdown]
# ## Recap
#
# - Shapes first: $W^{[l]}$ is $(n^{[l]}, n^{[l-1]})$, a derivative has the shape of
#   what it belongs to.
# - One block forward (linear, activation, cache), one block backward; a network is a
#   loop over blocks.
# - Test each block by itself: unit numbers, the engine, nudging. Then the chain holds.
# - Wrong from some layer downwards: the mistake is where it begins.
#
# ## Questions
#
# 1. Why does the linear cache hold `A_prev` and `W`, and why is `Z` in the other one?
#    <details><summary>Answer</summary>
#    dW needs A_prev, dA_prev needs W; the slope of the activation needs Z.
#    </details>
# 2. Which of $W$, $b$, $A$, the learning rate, the number of layers are parameters?
#    <details><summary>Answer</summary>
#    W and b: they are learned. Learning rate, layers, units, iterations and the choice
#    of activation are hyperparameters: they decide what W and b become. A is neither.
#    </details>
# 3. A batch of 64 in place of 209 examples: which shapes change?
#    <details><summary>Answer</summary>
#    Those of X, Y, Z, A and their derivatives. Not of W, b, dW, db.
#    </details>
# 4. Why must `update_parameters` not write into the old arrays while caches are in use?
#    <details><summary>Answer</summary>
#    The caches hold the same arrays: backward would see weights of after the step.
#    </details>
# 5. How many units for the parity of 32 bits, deep and with one hidden layer?
#    <details><summary>Answer</summary>
#    62 in five hidden layers; 2^31, two thousand million, in one.
#    </details>
#
# ## Go further
#
# - Add `tanh` to the layer, forward and backward, and test it against the engine.
# - Let `linear_backward` skip `dA_prev` for the first layer: nobody needs `dA0`.
# - Next: `c1w4-cat-classifier` trains these blocks on photographs.

# %%
# The end.
assert accuracy > (55 if lesson.fast else 85)
lesson.finish(
    {
        "train_accuracy": accuracy,
        "costs": {i: costs[i] for i in (0, 100, num_iterations - 1)},
        "unit_values": {
            "Z": linear_forward(deep_X[:, :2], deep["W1"], deep["b1"])[0],
            "cost": cost,
            "W1_after_a_step": stepped["W1"][0],
        },
        "wrong": verdicts,
        "parity": units,
        "engine": {
            "train_accuracy": engine_accuracy,
            "costs": {i: engine_costs[i] for i in (0, 100, num_iterations - 1)},
        },
        "layers": {"costs": {i: layer_costs[i] for i in (0, 100, num_iterations - 1)}},
    }
)
