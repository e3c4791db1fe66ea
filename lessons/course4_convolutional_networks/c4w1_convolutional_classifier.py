# %% [markdown]
# # A convolutional classifier: hands that show numbers
#
# Course 4, week 1. About an hour and a half with the exercises. On the course's
# pictures the script runs for two minutes, on the built-in ones for half a minute, with
# `--fast` for a few seconds.
#
# **Goal.** In `c2w3-softmax-classifier` a fully connected network read hand signs. Now
# a convolutional one does, with a hundredth of the parameters. You will
#
# - keep the size of a picture under a filter of even size ("same" padding),
# - write the whole network by hand, forward and backward, and get the engine's numbers,
# - build it twice: as a `Sequential`, and as a module with a `forward` of your own,
# - train it as the course does, and find that the seed decides over 20 points,
# - mend that with one line, and see why it works,
# - break it in six ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step` for the layers and their gradients. This lesson
# answers the second half of the notebook *Convolution Model Application* (2021; in 2017
# the whole of it). Part by hand: pictures $(m, n_H, n_W, n_C)$. Layers: $(m, n_C, n_H,
# n_W)$.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, data, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w1-convolutional-classifier", seed=3)
pictures = lesson.load("signs")
real = pictures.where != "built-in"  # the hands; else digits of 8 x 8 stand in
C = len(pictures.classes)
train_X, test_X = pictures.train_x_orig / 255.0, pictures.test_x_orig / 255.0
train_Y, test_Y = pictures.train_y[0], pictures.test_y[0]  # (m,)
size, channels = train_X.shape[1], train_X.shape[3]
pools = (8, 4) if size == 64 else (2, 2)  # either way 2 x 2 x 16 numbers are left
print(f"train {train_X.shape}, test {test_X.shape}, {C} classes")

# %% [markdown]
# ## The idea in a picture
#
# Two rounds of *convolve, ReLU, pool* turn a wide, flat picture into a small, deep
# block of features; one linear layer decides on them. Width and height fall, channels
# grow.

# %%
pooled = size // pools[0]
blocks = [
    (f"picture\n{size} x {size} x {channels}", size, channels),
    (f"conv 4 x 4, ReLU\n{size} x {size} x 8", size, 8),
    (f"max pool {pools[0]}\n{pooled} x {pooled} x 8", pooled, 8),
    (f"conv 2 x 2, ReLU\n{pooled} x {pooled} x 16", pooled, 16),
    (f"max pool {pools[1]}\n2 x 2 x 16", 2, 16),
    (f"linear\n{C} scores", 1, C),
]
fig, (top, bottom) = plt.subplots(2, 1, figsize=(12, 6), height_ratios=(1, 1.2))
twelve = np.linspace(0, len(train_X) - 1, 12).astype(int)
top.imshow(np.concatenate(train_X[twelve], axis=1).squeeze(), cmap="gray")
top.set_title("twelve of the pictures: " + " ".join(map(str, train_Y[twelve])))
top.set_axis_off()
place = 0.0
for text, n, depth in blocks:
    height, width = 0.25 + 1.75 * n / size, 0.12 + 0.05 * depth
    corner, colours = (place, -height / 2), {"fc": "#e7eefb", "ec": "tab:blue"}
    bottom.add_patch(plt.Rectangle(corner, width, height, **colours))
    bottom.text(place + width / 2, -1.2, text, ha="center", va="top", fontsize=9)
    place += 1.7
bottom.set(xlim=(-0.8, place - 0.2), ylim=(-1.75, 1.1))
bottom.set_title("height: rows and columns; width: channels")
bottom.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# How many numbers are there to learn?
#
# | layer | weights | biases | sum |
# |---|---|---|---|
# | conv 4 x 4, 3 to 8 channels | $4 \cdot 4 \cdot 3 \cdot 8 = 384$ | 8 | 392 |
# | conv 2 x 2, 8 to 16 channels | $2 \cdot 2 \cdot 8 \cdot 16 = 512$ | 16 | 528 |
# | linear, 64 to 6 | $64 \cdot 6 = 384$ | 6 | 390 |
# | | | | **1,310** |
#
# The fully connected network of `c2w3-softmax-classifier`, 12288-25-12-6, has 307,615.
# *Which of the rows changes if the picture has 128 x 128 pixels?*

# %%
by_layer = [4 * 4 * channels * 8 + 8, 2 * 2 * 8 * 16 + 16, 64 * C + C]
print(f"parameters {by_layer}, together {sum(by_layer):,}")
assert 4 * 4 * 3 * 8 + 8 + by_layer[1] + 64 * 6 + 6 == 1310

# %% [markdown]
# ## The mathematics
#
# **Same padding.** With stride 1 a filter of size $f$ takes $f - 1$ rows away. To keep
# the size, add $f - 1$ rows of zeros: for odd $f$ as many above as below, for even $f$
# one of them is left over. TensorFlow, and so the course, puts it *below and to the
# right*: before $\lfloor (f-1)/2 \rfloor$, after the rest. In general, for stride $s$,
# the output should have $\lceil n/s \rceil$ rows, so
#
# $$p = \max\big((\lceil n/s \rceil - 1)\, s + f - n,\; 0\big)$$
#
# rows are added. PyTorch's `padding=1` adds on both sides alike, which cannot do it.
#
# **The network**, with $P = $ pool, and $L^{[3]}$ the flattened features:
#
# $$Z^{[1]} = X * W^{[1]} + b^{[1]} \quad A^{[1]} = \text{relu}(Z^{[1]}) \quad
# P^{[1]} = \text{pool}(A^{[1]})$$
#
# $$Z^{[2]} = P^{[1]} * W^{[2]} + b^{[2]} \quad \dots \quad
# Z^{[3]} = \text{flat}(P^{[2]})\, W^{[3]} + b^{[3]}$$
#
# **Backward**, each line undoes one line above, from the bottom: softmax with
# cross-entropy gives $dZ^{[3]} = (\text{softmax}(Z^{[3]}) - Y)/m$, then
#
# $$dW^{[3]} = \text{flat}^T dZ^{[3]} \qquad d\,\text{flat} = dZ^{[3]} W^{[3]T} \qquad
# dP \to dA: \text{ to the largest} \qquad dZ = dA * [Z > 0]$$
#
# and the convolution's $dW$, $db$, $dP$ are those of `c4w1-convolution-step-by-step`.
#
# ## Your code
#
# The convolution, forward and backward, is the one you built: here it is, with its
# padding handed in as (before, after).


# %%
def conv_forward(A_prev, W, b, padding):
    """Z (m, n_H, n_W, n_C) with stride 1, and the cache."""
    f = W.shape[0]
    padded = np.pad(A_prev, ((0, 0), padding, padding, (0, 0)))
    n_H, n_W = padded.shape[1] - f + 1, padded.shape[2] - f + 1
    Z = np.tile(b, (len(A_prev), n_H, n_W, 1))
    for u in range(f):
        for v in range(f):
            Z += padded[:, u : u + n_H, v : v + n_W] @ W[u, v]
    return Z, (padded, W, b, padding)


def conv_backward(dZ, cache):
    """dA_prev, dW, db."""
    padded, W, b, padding = cache
    _, n_H, n_W, _ = dZ.shape
    d_padded, dW = np.zeros(padded.shape), np.zeros(W.shape)
    for u in range(W.shape[0]):
        for v in range(W.shape[1]):
            pixels = padded[:, u : u + n_H, v : v + n_W]
            dW[u, v] = np.tensordot(pixels, dZ, axes=((0, 1, 2), (0, 1, 2)))
            d_padded[:, u : u + n_H, v : v + n_W] += dZ @ W[u, v].T
    first = padding[0]
    rows, columns = (n - sum(padding) for n in padded.shape[1:3])
    dA_prev = d_padded[:, first : first + rows, first : first + columns]
    return dA_prev, dW, dZ.sum(axis=(0, 1, 2)).reshape(b.shape)


# %% [markdown]
# **Exercise 1.** Same padding: how many rows before, how many after?
#
# **Exercise 2.** Max pooling of blocks $f \times f$ with stride $f$. Cut the picture
# into blocks with `reshape`; return the largest of each, and a mask that is 1 at the
# *first* largest and 0 elsewhere, of shape $(m, n_H, n_W, n_C, f^2)$.
#
# **Exercise 3.** Its backward pass: multiply with the mask, and put the blocks back.


# %%
def same_padding(n, f, s=1):
    """(before, after): zeros so that n pixels give ceil(n / s) places of a filter f."""
    # BEGIN SOLUTION
    places = -(-n // s)  # n / s, rounded up
    total = max((places - 1) * s + f - n, 0)
    before, after = total // 2, total - total // 2
    # END SOLUTION
    return before, after


def pool_forward(A, f):
    """P (m, n_H / f, n_W / f, n_C), and the mask (m, n_H / f, n_W / f, n_C, f * f)."""
    m, n_H, n_W, n_C = A.shape
    # BEGIN SOLUTION
    blocks = A.reshape(m, n_H // f, f, n_W // f, f, n_C).transpose(0, 1, 3, 5, 2, 4)
    blocks = blocks.reshape(m, n_H // f, n_W // f, n_C, f * f)
    P = blocks.max(axis=4)
    mask = np.eye(f * f)[blocks.argmax(axis=4)]
    # END SOLUTION
    return P, mask


def pool_backward(dP, mask):
    """dA (m, n_H, n_W, n_C): each gradient at the place of the largest."""
    m, n_H, n_W, n_C = dP.shape
    f = int(np.sqrt(mask.shape[4]))
    # BEGIN SOLUTION
    blocks = (dP[..., None] * mask).reshape(m, n_H, n_W, n_C, f, f)
    dA = blocks.transpose(0, 1, 4, 2, 5, 3).reshape(m, n_H * f, n_W * f, n_C)
    # END SOLUTION
    return dA


print("same padding of 4:", same_padding(64, 4), " of 2:", same_padding(8, 2))
assert same_padding(64, 4) == (1, 2) and same_padding(64, 3) == (1, 1)
assert same_padding(64, 8, 8) == (0, 0)  # pooling by 8 needs none

# %% [markdown]
# **Exercise 4.** Forward: two rounds, flatten, scores. The caches, in order, are what
# the way back needs; `pools` holds the two sizes.
#
# **Exercise 5.** The cost: mean cross-entropy of scores $(m, C)$ and one-hot labels
# $(m, C)$. Subtract the largest score first, so that nothing overflows.
#
# **Exercise 6.** Backward, line by line from the bottom.


# %%
def forward_propagation(X, parameters, pools):
    """Scores Z3 (m, C), and the caches [(conv cache, Z, mask), ... , flat]."""
    caches, A = [], X
    for layer, f in enumerate(pools, 1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        # BEGIN SOLUTION
        padding = same_padding(A.shape[1], W.shape[0])
        Z, conv_cache = conv_forward(A, W, b, padding)
        A, mask = pool_forward(np.maximum(0, Z), f)
        caches.append((conv_cache, Z, mask))
        # END SOLUTION
    flat = A.reshape(len(X), -1)
    Z3 = flat @ parameters["W3"] + parameters["b3"]  # (m, C) = (m, 64) @ (64, C)
    return Z3, [*caches, flat]


def compute_cost(Z3, Y):
    """Mean cross-entropy, a float; Y (m, C) one-hot."""
    # BEGIN SOLUTION
    shifted = Z3 - Z3.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    cost = -np.mean(np.sum(Y * log_p, axis=1))
    # END SOLUTION
    return float(cost)


def backward_propagation(Z3, Y, caches, parameters):
    """{"dW1", "db1", ..., "dW3", "db3"}."""
    grads, flat = {}, caches[-1]
    e = np.exp(Z3 - Z3.max(axis=1, keepdims=True))
    # BEGIN SOLUTION
    dZ3 = (e / e.sum(axis=1, keepdims=True) - Y) / len(Y)
    grads["dW3"] = flat.T @ dZ3  # (64, C) = (64, m) @ (m, C)
    grads["db3"] = dZ3.sum(axis=0, keepdims=True)
    _, n_H, n_W, n_C = caches[1][2].shape[:4]
    dP = (dZ3 @ parameters["W3"].T).reshape(len(Y), n_H, n_W, n_C)
    for layer in (2, 1):
        conv_cache, Z, mask = caches[layer - 1]
        dZ = pool_backward(dP, mask) * (Z > 0)
        dP, grads[f"dW{layer}"], grads[f"db{layer}"] = conv_backward(dZ, conv_cache)
    # END SOLUTION
    return grads


# %% [markdown]
# **Exercise 7.** The same network of the engine's layers, in a row. `nn.ZeroPad2d`
# takes (left, right, top, bottom).
#
# **Exercise 8.** And as a module of your own: layers are made in `__init__`, `forward`
# says what happens to them. Whatever is not a straight line (a shortcut, two inputs) is
# written like this. Use `F.pad`, `F.relu`, `F.max_pool2d`; keep the names `conv1`,
# `conv2`, `linear`.


# %%
def convolutional_model(size, channels, classes, pools):
    """Scores (m, classes) of pictures (m, channels, size, size), as a Sequential."""
    first, second = same_padding(size, 4), same_padding(size // pools[0], 2)
    # BEGIN SOLUTION
    layers = [
        nn.ZeroPad2d((*first, *first)),
        nn.Conv2d(channels, 8, 4),
        nn.ReLU(),
        nn.MaxPool2d(pools[0]),
        nn.ZeroPad2d((*second, *second)),
        nn.Conv2d(8, 16, 2),
        nn.ReLU(),
        nn.MaxPool2d(pools[1]),
        nn.Flatten(),
        nn.Linear(64, classes),
    ]
    # END SOLUTION
    return nn.Sequential(*layers)


class ConvolutionalModel(nn.Module):
    """The same, with a forward of its own."""

    def __init__(self, size, channels, classes, pools):
        super().__init__()
        self.pools = pools
        self.paddings = same_padding(size, 4), same_padding(size // pools[0], 2)
        self.conv1 = nn.Conv2d(channels, 8, 4)
        self.conv2 = nn.Conv2d(8, 16, 2)
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        """Scores (m, classes)."""
        for conv, padding, f in zip(
            (self.conv1, self.conv2), self.paddings, self.pools, strict=True
        ):
            # BEGIN SOLUTION
            x = F.pad(x, (*padding, *padding))
            x = F.max_pool2d(F.relu(conv(x)), f)
            # END SOLUTION
        return self.linear(x.flatten(1))


sequential = convolutional_model(size, channels, C, pools)
own = ConvolutionalModel(size, channels, C, pools)
print(sequential.summary((1, channels, size, size)))
for model in (sequential, own):
    assert sum(p.size for p in model.parameters()) == sum(by_layer)


# %% [markdown]
# ## Check it three ways
#
# All from the same parameters. The course draws them with Glorot's uniform start; the
# engine's layers get the same numbers, in their own shapes. The linear layer needs
# care: we flatten $(2, 2, 16)$, channels last, and the engine $(16, 2, 2)$. For the
# checks the biases are random: with zeros, a blank window gives $Z = 0$ exactly, and
# there ReLU has a kink and no derivative to measure.


# %%
def initialize_parameters(channels, classes, seed):
    """W1 (4, 4, channels, 8), W2 (2, 2, 8, 16), W3 (64, classes): Glorot, biases 0."""
    rng, parameters = np.random.default_rng(seed), {}
    shapes = {"1": (4, 4, channels, 8), "2": (2, 2, 8, 16), "3": (64, classes)}
    for layer, shape in shapes.items():
        area = int(np.prod(shape[:-2]))
        limit = np.sqrt(6 / (area * (shape[-2] + shape[-1])))
        parameters["W" + layer] = rng.uniform(-limit, limit, shape)
        bias = (1,) * (len(shape) - 1) + shape[-1:]
        parameters["b" + layer] = np.zeros(bias)
    return parameters


def as_state(parameters, names=("1", "5", "9")):
    """The engine's state_dict: filters (out, in, f, f), linear (classes, 64)."""
    W3 = parameters["W3"].reshape(2, 2, 16, -1).transpose(2, 0, 1, 3).reshape(64, -1)
    state = {f"{names[2]}.weight": W3.T, f"{names[2]}.bias": parameters["b3"].ravel()}
    for layer, name in zip("12", names[:2], strict=True):
        state[f"{name}.weight"] = parameters["W" + layer].transpose(3, 2, 0, 1)
        state[f"{name}.bias"] = parameters["b" + layer].ravel()
    return state


def to_engine(X):
    """(m, n_H, n_W, n_C) -> (m, n_C, n_H, n_W)."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2))


parameters = initialize_parameters(channels, C, lesson.seed)
rng = np.random.default_rng(lesson.seed)
for name in ("b1", "b2", "b3"):
    parameters[name] = 0.1 * rng.standard_normal(parameters[name].shape)
few, few_Y = train_X[:6], np.eye(C)[train_Y[:6]]
Z3, caches = forward_propagation(few, parameters, pools)
grads = backward_propagation(Z3, few_Y, caches, parameters)
x, y = dls.Tensor(to_engine(few)), dls.Tensor(train_Y[:6])
for model, names in ((sequential, "159"), (own, ("conv1", "conv2", "linear"))):
    model.double()
    model.load_state_dict(as_state(parameters, names))
    scores = model(x)
    F.cross_entropy(scores, y).backward()
    print(type(model).__name__)
    assert dls.compare("Z3", Z3, scores).ok
    theirs = {name: p.grad.numpy() for name, p in model.named_parameters()}
    mine = as_state({name[1:]: gradient for name, gradient in grads.items()}, names)
    for name, gradient in mine.items():
        assert dls.compare(name, gradient, theirs[name]).ok

# %% [markdown]
# **Numerically**: the small leaves all, of the others a few hundred numbers are enough.


# %%
def cost_of(p):
    """The cost on six pictures as a function of the parameters."""
    return compute_cost(forward_propagation(few, p, pools)[0], few_Y)


tested = ("W2", "b1", "b2", "b3")
report = check.check_gradients(
    lambda p: cost_of(parameters | p),
    {name: parameters[name] for name in tested},
    {f"d{name}": grads[f"d{name}"] for name in tested},
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The module of your own on two pictures. Where are the two rounds?

# %%
for p in own.parameters():
    p.grad = None
with dls.trace():
    loss = F.cross_entropy(own(x[:2]), y[:2])
    loss.backward()
graph = dls.graph(loss, own, names={"loss": loss})
lesson.graph(graph, "graph")
graph

# %% [markdown]
# ## Train
#
# The course's recipe: Adam with rate .009, batches of 64, 100 epochs, pixels from 0 to
# 1.


# %%
def loader(X, Y, seed=None):
    """Batches of 64 in a new order each epoch; without a seed all in one."""
    pairs = data.TensorDataset(to_engine(X).astype("float32"), Y)
    if seed is None:
        return data.DataLoader(pairs, batch_size=len(pairs))
    generator = dls.Generator(seed)
    return data.DataLoader(pairs, batch_size=64, shuffle=True, generator=generator)


def train_model(X, seed, epochs, rate=0.009, show=False):
    """(model, history) of the Sequential, from the start and the order of `seed`."""
    model = convolutional_model(size, channels, C, pools)
    model.load_state_dict(as_state(initialize_parameters(channels, C, seed)))
    history = dls.fit(
        model,
        F.cross_entropy,
        optim.Adam(model.parameters(), lr=rate),
        loader(X, train_Y, seed),
        epochs=epochs,
        metrics={"accuracy": dls.accuracy},
        capture=True,
        progress=show,
    )
    return model.eval(), history


def scores_of(model, X):
    """Scores (m, C) of pictures (m, n_H, n_W, n_C)."""
    with dls.no_grad():
        return model(dls.Tensor(to_engine(X).astype("float32"))).numpy()


def accuracy(model, X, Y):
    """Percent right."""
    return 100 * float(np.mean(scores_of(model, X).argmax(axis=1) == Y))


epochs = 3 if lesson.fast else 100 if real else 40
model, history = train_model(train_X, lesson.seed, epochs, show=True)
raw = {
    "train_accuracy": accuracy(model, train_X, train_Y),
    "test_accuracy": accuracy(model, test_X, test_Y),
    "costs": dict(enumerate(history["loss"])),
}
print(
    f"seed {lesson.seed}, {epochs} epochs: train {raw['train_accuracy']:.1f} %, "
    f"test {raw['test_accuracy']:.1f} %"
)

# %% [markdown]
# ### The seed decides, and what mends it
#
# The same recipe from other seeds, and the same with one line changed: the pixels' mean
# is subtracted, so that they are negative as often as positive. Pixels from 0 to 1 push
# all weights of a filter in the same direction at once: the gradient of a weight is a
# sum of $dZ$ times *positive* pixels. With this rate some filters are pushed below zero
# for every picture, and their ReLU never opens again. (`c2w3-softmax-classifier`
# follows such a unit step by step.)


# %%
def open_filters(model, X):
    """Of the 8 and the 16 filters, how many are above 0 somewhere in X."""
    h = dls.Tensor(to_engine(X).astype("float32"))
    alive = []
    with dls.no_grad():
        for layer in model:
            h = layer(h)
            if isinstance(layer, nn.ReLU):
                alive.append(int((h.numpy().max(axis=(0, 2, 3)) > 0).sum()))
    return alive


mean = train_X.mean(axis=(0, 1, 2))  # one for each channel
centered_X, centered_test_X = train_X - mean, test_X - mean
survey_epochs = 2 if lesson.fast else 15
survey = {}
for seed in lesson.progress(range(3 if lesson.fast else 8), "other seeds", "seeds"):
    survey[seed] = {}
    for name, X in (("raw", train_X), ("centered", centered_X)):
        found, run = train_model(X, seed, survey_epochs)
        survey[seed][name] = {
            "train_accuracy": accuracy(found, X, train_Y),
            "cost": run["loss"][-1],
            "open": open_filters(found, X),
        }
lesson.table(
    ["seed", "raw: train %", "filters open", "centered: train %", "filters open"],
    [
        [
            seed,
            *(
                text
                for name in ("raw", "centered")
                for text in (
                    f"{runs[name]['train_accuracy']:.1f}",
                    "{} of 8, {} of 16".format(*runs[name]["open"]),
                )
            ),
        ]
        for seed, runs in survey.items()
    ],
)
centered_model, centered_history = train_model(centered_X, lesson.seed, epochs)
centered = {
    "train_accuracy": accuracy(centered_model, centered_X, train_Y),
    "test_accuracy": accuracy(centered_model, centered_test_X, test_Y),
    "costs": dict(enumerate(centered_history["loss"])),
}
print(
    f"centered, {epochs} epochs: train {centered['train_accuracy']:.1f} %, "
    f"test {centered['test_accuracy']:.1f} %"
)

# %% [markdown]
# ## Look at it
#
# The eight filters of the first layer, the pictures that it gets wrong, and where it
# looks: the gradient of the winning score with respect to the *pixels*. A large
# gradient says that the score would change most there.

# %%
weights = centered_model[1].weight.numpy().transpose(0, 2, 3, 1)  # (8, 4, 4, channels)
low, high = weights.min(), weights.max()
guesses = scores_of(centered_model, centered_test_X).argmax(axis=1)
wrong = np.flatnonzero(guesses != test_Y)[:8]
looked = np.array([*wrong, *np.flatnonzero(guesses == test_Y)])[:8]
x = dls.Tensor(to_engine(centered_test_X[looked]).astype("float32"), requires_grad=True)
scores = centered_model(x)
dls.where(
    dls.Tensor(np.eye(C, dtype="bool")[guesses[looked]]), scores, 0.0
).sum().backward()
saliency = np.abs(x.grad.numpy()).max(axis=1)  # (8, size, size)
fig, axes = plt.subplots(3, 8, figsize=(14, 5.8))
for i in range(8):
    axes[0, i].imshow(((weights[i] - low) / (high - low)).squeeze(), cmap="gray")
    axes[0, i].set_title(f"filter {i + 1}", fontsize=9)
    axes[1, i].imshow(test_X[looked[i]].squeeze(), cmap="gray")
    said = f"{test_Y[looked[i]]}, read as {guesses[looked[i]]}"
    colour = "tab:red" if looked[i] in wrong else "black"
    axes[1, i].set_title(said, color=colour, fontsize=9)
    axes[2, i].imshow(saliency[i], cmap="magma")
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
for row, name in enumerate(("filters", "pictures", "where it looks")):
    axes[row, 0].set_ylabel(name)
fig.tight_layout()
lesson.figure(fig, "looked")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2))
left.semilogy(history["loss"], label="pixels 0 to 1")
left.semilogy(centered_history["loss"], label="centered")
left.axhline(np.log(C), color="gray", ls=":", label=f"log {C}: knows nothing")
left.set(xlabel="epoch", ylabel="cost (log scale)", title=f"seed {lesson.seed}")
left.legend()
left.grid(alpha=0.3)
for name, colour in (("raw", "tab:blue"), ("centered", "tab:orange")):
    reached = [runs[name]["train_accuracy"] for runs in survey.values()]
    right.plot(list(survey), reached, "o-", color=colour, label=name)
right.set(xlabel="seed", ylabel="train accuracy, %", ylim=(0, 102))
right.set_title(f"after {survey_epochs} epochs")
right.legend()
right.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")


# %% [markdown]
# **Shifts.** Move the test pictures sideways by a few pixels. Pooling forgives a shift
# within a block; the linear layer at the end does not forgive one by a whole block.


# %%
def moved(X, by):
    """Pictures moved to the right by `by` pixels; the border is repeated."""
    padded = np.pad(X, ((0, 0), (0, 0), (size // 4, size // 4), (0, 0)), mode="edge")
    return padded[:, :, size // 4 - by : 5 * size // 4 - by]


steps = (0, 1, 2, 4, 8, 16) if size == 64 else (0, 1, 2)
shifts = {
    by: accuracy(centered_model, moved(test_X, by) - mean, test_Y) for by in steps
}
lesson.table(
    ["moved by, pixels", "test accuracy, %"],
    [[by, f"{percent:.1f}"] for by, percent in shifts.items()],
)

# %% [markdown]
# ## Break it
#
# **1. `reshape` in place of `transpose`.** The engine wants channels second.
# `X.reshape(m, 3, 64, 64)` has the right shape and scrambles every picture; the network
# even learns something from it. Look at one picture after every conversion.


# %%
def scrambled(X):
    """WRONG: the shape of to_engine(X), the pixels in another order."""
    return X.reshape(len(X), X.shape[3], X.shape[1], X.shape[2])


grey = np.stack([train_X[0].mean(axis=2)] * 3, axis=2)[None]  # three equal channels
right_way, wrong_way = to_engine(grey)[0], scrambled(grey)[0]
assert right_way.shape == wrong_way.shape
alike = {
    name: float(np.corrcoef(picture[0].ravel(), picture[1].ravel())[0, 1])
    for name, picture in (("transpose", right_way), ("reshape", wrong_way))
}
print("correlation of two equal channels:", {k: round(v, 3) for k, v in alike.items()})
assert alike["transpose"] > 0.999 and alike["reshape"] < 0.9

# %% [markdown]
# **2. Padding of PyTorch for a filter of even size.** `padding=1` with $f = 4$ loses a
# row, and the linear layer at the end no longer fits. Here the shapes complain, and the
# message says which layer wanted what.

# %%
short = nn.Sequential(
    nn.Conv2d(channels, 8, 4, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(pools[0]),
    nn.Conv2d(8, 16, 2, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(pools[1]),
    nn.Flatten(),
    nn.Linear(64, C),
)
after = short[0](dls.Tensor(to_engine(few[:1]).astype("float32"))).shape
print(f"{size} pixels became {after[2]}")
try:
    print("scores", short(dls.Tensor(to_engine(few[:1]).astype("float32"))).shape)
    complained = False
except dls.ShapeError as error:
    print(str(error).splitlines()[0])
    complained = True
assert after[2] == size - 1

# %% [markdown]
# **3. Weights copied without turning the linear layer.** The scores are those of
# another network, and nothing complains: the shapes agree. Compare the scores of one
# picture.

# %%
state = as_state(parameters)
unturned = state | {"9.weight": parameters["W3"].T}
sequential.load_state_dict(unturned)
wrong_scores = sequential(dls.Tensor(to_engine(few)))
verdict = dls.compare("Z3, linear layer not turned", Z3, wrong_scores)
assert not verdict.ok
sequential.load_state_dict(state)

# %% [markdown]
# **4. Softmax before the loss.** `F.cross_entropy` takes scores. With probabilities it
# cannot get below $\ln(1 + (C-1)/e)$, however long it trains.

# %%
floor = float(np.log(1 + (C - 1) / np.e))
sure = dls.Tensor(50 * np.eye(C))  # as sure as can be, and right
print(f"twice softmax: {F.cross_entropy(F.softmax(sure, axis=1), range(C)).item():.4f}")
print(f"once: {F.cross_entropy(sure, range(C)).item():.4f}, the floor is {floor:.4f}")
assert abs(F.cross_entropy(F.softmax(sure, axis=1), range(C)).item() - floor) < 1e-9

# %% [markdown]
# **5. ReLU forgotten on the way back.** The gradient check accuses everything below the
# first ReLU that is met, and says that it lies between the layers.


# %%
def backward_without_relu(Z3, Y, caches, parameters):
    """WRONG: the mask of the ReLU is missing."""
    opened = [(c, np.ones(Z.shape), mask) for c, Z, mask in caches[:2]]
    return backward_propagation(Z3, Y, [*opened, caches[-1]], parameters)


broken = backward_without_relu(Z3, few_Y, caches, parameters)
report = check.check_gradients(
    lambda p: cost_of(parameters | p),
    {name: parameters[name] for name in tested},
    {f"d{name}": broken[f"d{name}"] for name in tested},
)
without_relu = [c.name for c in report.wrong]
print(f"wrong are {', '.join(without_relu)}")
assert without_relu == ["dW2", "db1", "db2"]

# %% [markdown]
# **6. A rate ten times as large.** All filters close in the first steps, and the cost
# stays at that of knowing nothing. The gradient is exactly 0: no patience helps.

# %%
hasty_epochs = 2 if lesson.fast else 5
dead, dead_history = train_model(train_X, lesson.seed, hasty_epochs, rate=0.3)
print(
    f"open filters {open_filters(dead, train_X)}, cost {dead_history['loss'][-1]:.3f}, "
    f"log {C} = {np.log(C):.3f}"
)

# %% [markdown]
# ## Recap
#
# - *Convolve, ReLU, pool*, twice, then one linear layer: 1,310 numbers instead of
#   307,615, and better on the test set.
# - Same padding for even filters is uneven: less before, more after.
# - Backward is forward from the bottom: each line undoes one line.
# - `Sequential` for a straight line, a `forward` of your own for everything else.
# - Centered pixels: filters stay open, and the seed matters less.
#
# ## Questions
#
# 1. Where are most of the multiplications, and where most of the parameters?
#    <details><summary>Answer</summary>
#    In the first convolution (64 * 64 places times 384 weights); parameters: 528 in the
#    second, the three are nearly equal.
#    </details>
# 2. Why may the pooled size not be left to chance?
#    <details><summary>Answer</summary>
#    The linear layer has a weight for every feature: 64, no more and no less.
#    </details>
# 3. What would you do so that pictures of any size could be read?
#    <details><summary>Answer</summary>
#    Take the mean of each channel before the linear layer (global average pooling).
#    </details>
# 4. A filter is closed for every picture. Which gradients does it get?
#    <details><summary>Answer</summary>
#    None: the ReLU's mask is 0 everywhere. Only luck with another layer's help could
#    open it, and the first layer has no layer below.
#    </details>
#
# ## Go further
#
# - Replace each pooling by a stride in the convolution.
# - Train on pictures moved by up to four pixels: what happens to the table of shifts?
# - Next: `c4w1-happy-house` adds batch normalization.

# %%
# The end.
assert centered["costs"][epochs - 1] < np.log(C)
if not lesson.fast:
    assert centered["train_accuracy"] > 97 and centered["test_accuracy"] > 80
lesson.finish(
    {
        **raw,
        "centered": centered,
        "epochs": epochs,
        "parameters": sum(by_layer),
        "seeds": survey,
        "shifts": shifts,
        "broken": {
            "without_relu": without_relu,
            "floor": floor,
            "complained": complained,
            "open": open_filters(dead, train_X),
            "channels_alike": alike,
        },
    }
)
