# %% [markdown]
# # Inception: all window sizes at once, and a bottleneck that pays for them
#
# Course 4, week 2. About an hour and a half with the exercises. The script runs for
# about ten seconds, with `--fast` for a few seconds.
#
# **Goal.** 1 x 1, 3 x 3, 5 x 5, or a pooling? The Inception block takes all four and
# lets the next layer choose. You will
#
# - see what a $1 \times 1$ convolution is good for, and what it saves,
# - build the block by hand, forward and backward: four branches, one concatenation,
# - derive max pooling that keeps the size, and find out what must stand in its border,
# - count GoogLeNet, as in the paper and as in today's libraries,
# - train a small Inception network, and measure what its auxiliary heads do,
# - break it in six ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step`, whose convolution is used here. This lesson answers
# the lectures *Networks in networks and 1x1 convolutions* and *Inception network*,
# which have no notebook. The part by hand has pictures $(m, n_H, n_W, n_C)$. The
# papers: Lin, Chen and Yan 2013; Szegedy and others 2014.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, data, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w2-inception")
digits = lesson.load("digits")


def as_engine(images):
    """Digits (m, 8, 8, 1) as float32 (m, 1, 8, 8), from -1 to 1."""
    return (images.transpose(0, 3, 1, 2) / 127.5 - 1).astype("float32")


train_X, test_X = as_engine(digits.train_x_orig), as_engine(digits.test_x_orig)
train_Y, test_Y = digits.train_y[0], digits.test_y[0]
print(f"train {train_X.shape}, test {test_X.shape}")

# %% [markdown]
# ## The idea in a picture
#
# Four branches look at the same input, each with another window. All keep height and
# width, so that their outputs can be stacked along the channels. A $1 \times 1$
# convolution before each large window makes it affordable.

# %%
fig, ax = plt.subplots(figsize=(11, 4))
branches = [
    ["1 x 1"], ["1 x 1", "3 x 3"], ["1 x 1", "5 x 5"], ["max pool 3 x 3", "1 x 1"]
]
arrow = {"arrowstyle": "->", "lw": 1.2}
ax.text(-0.9, 1.5, "input\n28 x 28 x 192", ha="center", va="center")
for row, boxes in enumerate(branches):
    y = 3 - row
    ax.annotate("", (0.5, y), (-0.1, 1.5), arrowprops=arrow)
    for place, text in enumerate(boxes):
        cheap = text == "1 x 1"
        face = "#fdebd3" if cheap else "#e7eefb"
        corner = (0.5 + 2.4 * place, y - 0.3)
        ax.add_patch(plt.Rectangle(corner, 1.8, 0.6, fc=face, ec="gray"))
        ax.text(corner[0] + 0.9, y, text, ha="center", va="center")
        if place:
            ax.annotate("", (corner[0], y), (corner[0] - 0.6, y), arrowprops=arrow)
    end = 0.5 + 2.4 * (len(boxes) - 1) + 1.8
    ax.plot([end, 5.3], [y, y], color="black", lw=1.2)
    ax.annotate("", (6.1, 1.5), (5.3, y), arrowprops=arrow)
colours = ("tab:gray", "tab:blue", "tab:green", "tab:red")
bottom = 0.1
for count, colour in zip((32, 32, 128, 64), colours, strict=True):
    height = count / 256 * 2.8
    ax.add_patch(plt.Rectangle((6.2, bottom), 1, height, fc=colour, alpha=0.5))
    ax.text(6.7, bottom + height / 2, count, ha="center", va="center", fontsize=9)
    bottom += height
ax.text(6.7, 3.05, "28 x 28 x 256", ha="center", va="bottom")
ax.set(xlim=(-1.9, 7.5), ylim=(-0.5, 3.6))
ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# The lecture's example: a $5 \times 5$ convolution, "same", from $28 \times 28 \times
# 192$ to $28 \times 28 \times 32$. Each of the $28 \cdot 28 \cdot 32$ outputs takes $5
# \cdot 5 \cdot 192 = 4800$ multiplications: **120,422,400**.
#
# With a bottleneck of 16 channels:
#
# - $1 \times 1$ from 192 to 16: $28 \cdot 28 \cdot 16 \cdot 192 = 2{,}408{,}448$,
# - $5 \times 5$ from 16 to 32: $28 \cdot 28 \cdot 32 \cdot 25 \cdot 16 =
#   10{,}035{,}200$,
#
# together **12,443,648**, about a tenth. *120 million against 12.4 million.*

# %%
direct = 28 * 28 * 32 * 5 * 5 * 192
through = 28 * 28 * 16 * 192, 28 * 28 * 32 * 5 * 5 * 16
print(f"direct {direct:,}, through 16 channels {sum(through):,}")
assert (direct, sum(through)) == (120422400, 12443648)

# %% [markdown]
# ## The mathematics
#
# **A $1 \times 1$ convolution** is a fully connected layer that is applied at every
# place: $Z_{i,h,w} = A_{i,h,w} W + b$, with $W$ $(n_C', n_C)$. It mixes channels and
# never looks at a neighbour. With fewer channels behind than before it is a summary of
# each place.
#
# **Concatenation.** $A = [A^{(1)}, \dots, A^{(4)}]$ along the channels, with $n_C =
# \sum_k n^{(k)}$. Each number of $A$ is a number of exactly one branch, so on the way
# back each branch gets *its slice* of $dA$, unchanged. And as all branches read the
# same $X$,
#
# $$dX = \sum_k dX^{(k)}$$
#
# Concatenation forward is slicing backward; copying forward is adding backward.
#
# **Max pooling that keeps the size.** Windows of $f \times f$ with stride 1 need a
# border of $(f-1)/2$. Zeros would win against negative numbers, so the border is
# $-\infty$: it never wins. Backward, the gradient of each window goes to its largest
# number; a pixel is in up to $f^2$ windows and adds up what it gets.
#
# **Auxiliary heads.** GoogLeNet is 22 layers deep, without shortcuts and, in 2014,
# without batch norm. Two small classifiers half-way bring a gradient closer to the
# first layers:
#
# $$J = J_{main} + 0.3\, (J_{aux1} + J_{aux2})$$
#
# They are thrown away after training.
#
# ## Your code
#
# **Exercise 1.** Multiplications of a "same" convolution, and of one through a
# bottleneck of `reduced` channels.
#
# **Exercise 2.** Concatenate branches along the channels; the cache holds the number of
# channels of each.
#
# **Exercise 3.** Backward: the slices, in a list.


# %%
def multiplications(n, f, n_C_prev, n_C, reduced=None):
    """Of a convolution to (n, n, n_C); with `reduced`, of a 1 x 1 before it as well."""
    # BEGIN SOLUTION
    if reduced is None:
        count = n * n * n_C * f * f * n_C_prev
    else:
        count = n * n * reduced * n_C_prev + n * n * n_C * f * f * reduced
    # END SOLUTION
    return count


def concatenate_forward(branches):
    """A (m, n_H, n_W, sum of channels), and the cache [n_C of each branch]."""
    # BEGIN SOLUTION
    A = np.concatenate(branches, axis=3)
    channels = [branch.shape[3] for branch in branches]
    # END SOLUTION
    return A, channels


def concatenate_backward(dA, channels):
    """[dA of each branch]."""
    # BEGIN SOLUTION
    ends = np.cumsum(channels)
    slices = [dA[..., end - n : end] for n, end in zip(channels, ends, strict=True)]
    # END SOLUTION
    return slices


assert multiplications(28, 5, 192, 32) == direct
assert multiplications(28, 5, 192, 32, 16) == sum(through)

# %% [markdown]
# The convolution is the one of `c4w1-convolution-step-by-step`, "same" and with a ReLU.


# %%
def conv_relu(A_prev, W, b):
    """A (m, n_H, n_W, n_C), and the cache; W (f, f, n_C', n_C), b (1, 1, 1, n_C)."""
    f = W.shape[0]
    pad = (f - 1) // 2
    padded = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    _, n_H, n_W, _ = A_prev.shape
    Z = np.tile(b, (len(A_prev), n_H, n_W, 1))
    for u, v in np.ndindex(f, f):
        Z += padded[:, u : u + n_H, v : v + n_W] @ W[u, v]
    return np.maximum(0, Z), (padded, W, Z)


def conv_relu_backward(dA, cache):
    """dA_prev, dW, db."""
    padded, W, Z = cache
    dZ = dA * (Z > 0)
    _, n_H, n_W, _ = dZ.shape
    d_padded, dW = np.zeros(padded.shape), np.zeros(W.shape)
    for u, v in np.ndindex(W.shape[:2]):
        pixels = padded[:, u : u + n_H, v : v + n_W]
        dW[u, v] = np.tensordot(pixels, dZ, axes=((0, 1, 2), (0, 1, 2)))
        d_padded[:, u : u + n_H, v : v + n_W] += dZ @ W[u, v].T
    pad = (W.shape[0] - 1) // 2
    dA_prev = d_padded[:, pad : pad + n_H, pad : pad + n_W]
    return dA_prev, dW, dZ.sum(axis=(0, 1, 2), keepdims=True)


# %% [markdown]
# **Exercise 4.** Max pooling with stride 1 that keeps the size, for odd $f$. The
# largest of $f^2$ shifted pictures; `best` says which shift won (the first, if several
# do).
#
# **Exercise 5.** Backward: for each shift, what it won goes back to where it came from.


# %%
def pool_same_forward(X, f):
    """P of the shape of X, and the cache (best, f)."""
    _, n_H, n_W, _ = X.shape
    # BEGIN SOLUTION
    pad = (f - 1) // 2
    border = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    padded = np.pad(X, border, constant_values=-np.inf)
    shifted = [padded[:, u : u + n_H, v : v + n_W] for u, v in np.ndindex(f, f)]
    best = np.argmax(shifted, axis=0)  # (m, n_H, n_W, n_C)
    P = np.max(shifted, axis=0)
    # END SOLUTION
    return P, (best, f)


def pool_same_backward(dP, cache):
    """dX, of the shape of dP."""
    best, f = cache
    m, n_H, n_W, n_C = dP.shape
    pad = (f - 1) // 2
    d_padded = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    for place, (u, v) in enumerate(np.ndindex(f, f)):
        # BEGIN SOLUTION
        d_padded[:, u : u + n_H, v : v + n_W] += dP * (best == place)
        # END SOLUTION
    return d_padded[:, pad : pad + n_H, pad : pad + n_W]


# %% [markdown]
# **Exercise 6.** The block. Parameters, each with its bias: `W1` for the first branch;
# `W3r`, `W3` (reduce, then 3 x 3); `W5r`, `W5`; `Wp` behind the pooling of 3 x 3. The
# order of the branches is that of the picture.
#
# **Exercise 7.** Backward: slices, four ways back, one sum.


# %%
def inception_forward(X, parameters):
    """A (m, n_H, n_W, n_C), and the cache."""
    caches = {}

    def conv(A, name):
        out, caches[name] = conv_relu(A, parameters["W" + name], parameters["b" + name])
        return out

    # BEGIN SOLUTION
    one = conv(X, "1")
    three = conv(conv(X, "3r"), "3")
    five = conv(conv(X, "5r"), "5")
    pooled, caches["pool"] = pool_same_forward(X, 3)
    A, channels = concatenate_forward([one, three, five, conv(pooled, "p")])
    # END SOLUTION
    return A, (caches, channels)


def inception_backward(dA, cache):
    """dX, and {"dW1", "db1", "dW3r", ...}."""
    caches, channels = cache
    grads = {}

    def conv_back(d, name):
        d, grads["dW" + name], grads["db" + name] = conv_relu_backward(d, caches[name])
        return d

    d1, d3, d5, dp = concatenate_backward(dA, channels)
    # BEGIN SOLUTION
    dX = conv_back(d1, "1")
    dX = dX + conv_back(conv_back(d3, "3"), "3r")
    dX = dX + conv_back(conv_back(d5, "5"), "5r")
    dX = dX + pool_same_backward(conv_back(dp, "p"), caches["pool"])
    # END SOLUTION
    return dX, grads


# %% [markdown]
# **Exercise 8.** The size of a block: the weights of its six convolutions, and how many
# channels they put out together (each has one bias, or a $\gamma$ and a $\beta$). The
# arguments are those of `models.Inception`; `f` is the third branch's window.


# %%
def inception_parameters(
    n_C_prev, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, f=5
):
    """(weights, channels)."""
    # BEGIN SOLUTION
    weights = (
        n_C_prev * (ch1x1 + ch3x3red + ch5x5red + pool_proj)
        + 9 * ch3x3red * ch3x3
        + f * f * ch5x5red * ch5x5
    )
    channels = ch1x1 + ch3x3red + ch3x3 + ch5x5red + ch5x5 + pool_proj
    # END SOLUTION
    return weights, channels


GOOGLENET = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


def googlenet_parameters(f, norm):
    """Of GoogLeNet with 1000 classes; norm: scales and shifts in place of biases."""
    stem = 7 * 7 * 3 * 64 + 64 * 64 + 3 * 3 * 64 * 192, 64 + 64 + 192
    parts = [stem, *(inception_parameters(*row, f=f) for row in GOOGLENET.values())]
    weights, channels = np.sum(parts, axis=0).tolist()
    return weights + (2 if norm else 1) * channels + 1024 * 1000 + 1000


counts = {
    "paper": googlenet_parameters(5, norm=False),
    "library": googlenet_parameters(3, norm=True),
}
lesson.table(
    ["GoogLeNet, 1000 classes", "parameters"],
    [
        ["as in the paper: 5 x 5, biases", f"{counts['paper']:,}"],
        ["as in today's libraries: 3 x 3, batch norm", f"{counts['library']:,}"],
    ],
)
googlenet = models.googlenet(init_weights=False)
sizes = {
    "all": sum(p.size for p in googlenet.parameters()),
    "heads": sum(p.size for head in (googlenet.aux1, googlenet.aux2)
                 for p in head.parameters()),
}
counts["with_heads"] = sizes["all"]
print(f"models.googlenet: {sizes['all']:,}, of these in auxiliary heads "
      f"{sizes['heads']:,}")
assert sizes["all"] - sizes["heads"] == counts["library"] == 6624904
assert counts["with_heads"] == 13004888
del googlenet

# %% [markdown]
# Half of what is trained is in the two heads, and is thrown away. The third branch of
# libraries has windows of 3 x 3: so its published weights were trained, by mistake at
# first. VGG-16 has 138 million parameters; most are in its first linear layer, which
# GoogLeNet replaces by the mean of each channel.
#
# **Exercise 9.** The cost with auxiliary heads. In training `outputs` is a tuple of the
# main scores and those of the heads; in evaluation it is the main scores alone.


# %%
def auxiliary_loss(outputs, labels, weight=0.3):
    """J_main + weight * (sum of the heads' costs); outputs: a tuple or scores."""
    # BEGIN SOLUTION
    if not isinstance(outputs, tuple):
        return F.cross_entropy(outputs, labels)
    main, *heads = outputs
    loss = F.cross_entropy(main, labels)
    for scores in heads:
        loss = loss + weight * F.cross_entropy(scores, labels)
    return loss
    # END SOLUTION


# %% [markdown]
# ## Check it three ways
#
# **By hand**: 120 million and 12.4 million, above. And pooling of a 2 x 2 picture of
# negative numbers by 3 x 3: each window sees all four, so the largest, -1, is
# everywhere, and gets all four gradients.

# %%
negative = np.array([[-1.0, -2], [-3, -4]]).reshape(1, 2, 2, 1)
P, pool_cache = pool_same_forward(negative, 3)
back = pool_same_backward(np.ones((1, 2, 2, 1)), pool_cache)
print(P[0, :, :, 0], back[0, :, :, 0], sep="\n")
assert np.all(P == -1) and np.array_equal(back[0, :, :, 0], [[4, 0], [0, 0]])

# %% [markdown]
# **Against the engine**: the block with `F.conv2d`, `F.max_pool2d` and
# `dls.concatenate`.

# %%
rng = np.random.default_rng(lesson.seed)


def to_engine(X):
    """(m, n_H, n_W, n_C) -> (m, n_C, n_H, n_W)."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2))


def random_parameters(n_C_prev, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
    """Parameters of a block, biases as well."""
    shapes = {
        "1": (1, n_C_prev, ch1x1),
        "3r": (1, n_C_prev, ch3x3red),
        "3": (3, ch3x3red, ch3x3),
        "5r": (1, n_C_prev, ch5x5red),
        "5": (5, ch5x5red, ch5x5),
        "p": (1, n_C_prev, pool_proj),
    }
    parameters = {}
    for name, (f, before, after) in shapes.items():
        scale = np.sqrt(2 / (f * f * before))
        parameters["W" + name] = scale * rng.standard_normal((f, f, before, after))
        parameters["b" + name] = 0.3 * rng.standard_normal((1, 1, 1, after))
    return parameters


def engine_inception(x, p):
    """The same block; x (m, n_C, n_H, n_W)."""

    def conv(x, name):
        W = p["W" + name]
        bias = p["b" + name].reshape(W.shape[3])
        return F.relu(F.conv2d(x, W.transpose(3, 2, 0, 1), bias, padding="same"))

    pooled = F.max_pool2d(x, 3, stride=1, padding=1)
    parts = [conv(x, "1"), conv(conv(x, "3r"), "3"), conv(conv(x, "5r"), "5"),
             conv(pooled, "p")]
    return dls.concatenate(parts, axis=1)


X = rng.standard_normal((2, 4, 5, 3))
parameters = random_parameters(3, 2, 2, 4, 2, 3, 2)
A, cache = inception_forward(X, parameters)
dA = rng.standard_normal(A.shape)
dX, grads = inception_backward(dA, cache)
x = dls.Tensor(to_engine(X), requires_grad=True, name="X")
tensors = {
    k: dls.Tensor(v, requires_grad=True, name=k) for k, v in parameters.items()
}
engine_A = engine_inception(x, tensors)
engine_A.backward(dls.Tensor(to_engine(dA)))
verdicts = [
    dls.compare("A", to_engine(A), engine_A, print=False),
    dls.compare("dX", to_engine(dX), x.grad, print=False),
    *(dls.compare(f"d{k}", grads[f"d{k}"], t.grad, print=False)
      for k, t in tensors.items()),
]
assert all(verdict.ok for verdict in verdicts)
print(f"{len(verdicts)} arrays equal the engine's; A {A.shape}")

# %% [markdown]
# **Numerically.**


# %%
def block_cost(p):
    """A number to derive: the block's output, weighted with dA."""
    return np.sum(dA * inception_forward(p["X"], p)[0])


at, mine = {"X": X, **parameters}, {"dX": dX, **grads}
report = check.check_gradients(block_cost, at, mine)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# `models.Inception`: four branches that meet in one concatenation.

# %%
dls.manual_seed(lesson.seed)
block = models.Inception(3, 2, 2, 4, 2, 3, 2)
x = dls.randn(2, 3, 6, 6, requires_grad=True)
with dls.trace():
    total = block(x).sum()
    total.backward()
graph = dls.graph(total, block, names={"x": x, "total": total})
lesson.graph(graph, "graph", depth=2)
graph

# %% [markdown]
# ## Train
#
# Digits of 8 x 8, three networks with two stages to the same numbers of channels: an
# Inception block in each stage, or one 3 x 3 convolution, or one 5 x 5. Behind the
# first stage is an auxiliary head; it is used in training only.


# %%
def conv_norm(before, after, f):
    """Convolution that keeps the size, batch norm, ReLU."""
    conv = nn.Conv2d(before, after, f, padding=f // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU())


class InceptionBlock(nn.Module):
    """The block of the paper, with 5 x 5 windows; arguments as in models.Inception."""

    def __init__(
        self, n_C_prev, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj
    ):
        super().__init__()
        self.branch1 = conv_norm(n_C_prev, ch1x1, 1)
        self.branch2 = nn.Sequential(
            conv_norm(n_C_prev, ch3x3red, 1), conv_norm(ch3x3red, ch3x3, 3)
        )
        self.branch3 = nn.Sequential(
            conv_norm(n_C_prev, ch5x5red, 1), conv_norm(ch5x5red, ch5x5, 5)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), conv_norm(n_C_prev, pool_proj, 1)
        )

    def forward(self, x):
        """(m, n_C_prev, h, w) -> (m, sum of channels, h, w)."""
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return dls.concatenate([branch(x) for branch in branches], axis=1)


class SmallNetwork(nn.Module):
    """A stem, two stages, the mean of each channel, a linear layer; a head half-way."""

    def __init__(self, kind):
        super().__init__()
        self.stem = conv_norm(1, 24, 3)
        if kind == "inception":
            self.first = InceptionBlock(24, 12, 12, 20, 4, 8, 8)
            self.second = InceptionBlock(48, 24, 24, 40, 8, 16, 16)
        else:
            f = {"3 x 3": 3, "5 x 5": 5}[kind]
            self.first, self.second = conv_norm(24, 48, f), conv_norm(48, 96, f)
        self.pool = nn.MaxPool2d(2)
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())
        self.aux = nn.Linear(48, 10)
        self.fc = nn.Linear(96, 10)

    def forward(self, x):
        """Scores (m, 10); in training a tuple of them and the head's."""
        half = self.pool(self.first(self.stem(x)))
        scores = self.fc(self.mean(self.second(half)))
        return (scores, self.aux(self.mean(half))) if self.training else scores


def work(network):
    """Multiplications of the convolutions for one picture."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        total += layer.weight.size * output.shape[2] * output.shape[3]

    hooks = [
        layer.register_forward_hook(count)
        for layer in network.modules() if isinstance(layer, nn.Conv2d)
    ]
    with dls.no_grad():
        network.eval()(dls.Tensor(train_X[:1]))
    for hook in hooks:
        hook.remove()
    network.train()
    return total


def percent(network, X, Y):
    """Percent right, in evaluation mode."""
    network.eval()
    with dls.no_grad():
        scores = network(dls.Tensor(X)).numpy()
    network.train()
    return 100 * float(np.mean(scores.argmax(axis=1) == Y))


def train_network(network, epochs, weight=0.3):
    """The costs; Adam on batches of 60."""
    loader = data.DataLoader(
        data.TensorDataset(train_X, train_Y), batch_size=60, shuffle=True,
        generator=dls.Generator(lesson.seed),
    )
    optimizer = optim.Adam(network.parameters(), lr=0.005)
    history = dls.fit(
        network, lambda out, y: auxiliary_loss(out, y, weight), optimizer, loader,
        epochs, capture=True,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs),
    )
    return list(history["loss"])


epochs = 1 if lesson.fast else 6
runs, trained = {}, {}
for kind in ("inception", "3 x 3", "5 x 5"):
    dls.manual_seed(lesson.seed)
    trained[kind] = SmallNetwork(kind)
    costs = train_network(trained[kind], epochs)
    runs[kind] = {
        "parameters": sum(p.size for p in trained[kind].parameters()),
        "multiplications": work(trained[kind]),
        "train_accuracy": percent(trained[kind], train_X, train_Y),
        "test_accuracy": percent(trained[kind], test_X, test_Y),
        "costs": costs,
    }
lesson.table(
    ["", "parameters", "multiplications", "train %", "test %"],
    [
        [
            kind, f"{run['parameters']:,}", f"{run['multiplications']:,}",
            f"{run['train_accuracy']:.1f}", f"{run['test_accuracy']:.1f}",
        ]
        for kind, run in runs.items()
    ],
)
assert runs["inception"]["multiplications"] < runs["3 x 3"]["multiplications"]

# %% [markdown]
# The Inception network sees windows of 5 x 5 and pays less than for 3 x 3.
#
# ### What the auxiliary heads do
#
# GoogLeNet itself, just initialized, on four random pictures: how large is the gradient
# of the first convolution from the main cost, and how large from each head? The heads
# come after blocks 4a and 4d; their weight is 0.3. Once as libraries build it today,
# and once without batch norm, which did not exist in 2014. The weights start at a size
# of 0.01 either way.

# %%
HEADS = (("main", 0, 1.0), ("head after 4d", 1, 0.3), ("head after 4a", 2, 0.3))
some = dls.randn(4, 3, 64, 64, generator=dls.Generator(lesson.seed))
labels = dls.Tensor(np.array([1, 3, 5, 7]))


def first_gradients(norm):
    """{"main": norm of dJ/dW of the first convolution, ...}, with or without BN."""
    dls.manual_seed(lesson.seed)
    googlenet = models.googlenet(num_classes=10)
    if not norm:
        for layer in list(googlenet.modules()):
            if hasattr(layer, "bn"):
                layer.bn = nn.Identity()
    found = {}
    for name, place, weight in HEADS:
        googlenet.zero_grad()
        outputs = googlenet(some)
        (weight * F.cross_entropy(outputs[place], labels)).backward()
        gradient = googlenet.conv1.conv.weight.grad.numpy()
        found[name] = float(np.linalg.norm(gradient.astype("float64")))
    return found


from_where = {
    "with batch norm": first_gradients(True), "without": first_gradients(False)
}
lesson.table(
    ["gradient of the first convolution", *(name for name, _, _ in HEADS)],
    [
        [kind, *(f"{norm:.1e}" for norm in found.values())]
        for kind, found in from_where.items()
    ],
)

# %% [markdown]
# Without batch norm the main gradient has all but vanished on its way through 22
# layers, and the nearer head brings ten thousand times as much: the first layers learn
# from the heads. Batch norm keeps the main gradient large by itself, and the heads add
# little to it.
#
# ## Look at it
#
# Which branch does the trained network use? The size of what the *next* layer takes
# from the channels of each branch: the norm of its weights for them.

# %%
second = trained["inception"].second
readers = [
    second.branch1[0], second.branch2[0][0], second.branch3[0][0], second.branch4[1][0]
]
taken = np.concatenate([conv.weight.numpy()[:, :, 0, 0] for conv in readers])
names = ("1 x 1", "3 x 3", "5 x 5", "pool")
parts = concatenate_backward(taken[None, None], [12, 20, 8, 8])  # channels of `first`
use = {
    name: float(np.sqrt(np.mean(part**2)))
    for name, part in zip(names, parts, strict=True)
}
print("mean size of a weight that reads", {k: round(v, 3) for k, v in use.items()})

fig, axes = plt.subplots(1, 3, figsize=(14, 4))
for place, (kind, run) in enumerate(runs.items()):
    axes[0].bar(place, run["multiplications"] / 1e6, color=f"C{place}")
    label = f"{kind}, test {run['test_accuracy']:.1f} %"
    axes[1].semilogy(range(1, epochs + 1), run["costs"], ".-", label=label)
axes[0].set_xticks(range(3), list(runs))
axes[0].set(ylabel="million multiplications", title="work for one picture")
axes[1].set(xlabel="epoch", ylabel="training cost (log scale)", title="learning")
axes[1].legend()
axes[2].bar(range(4), list(use.values()), color=[f"C{i}" for i in range(4)])
axes[2].set_xticks(range(4), names)
axes[2].set(ylabel="root mean square of weights", title="reading from each branch")
for ax in axes:
    ax.grid(alpha=0.3, axis="y")
fig.tight_layout()
lesson.figure(fig, "training")

network = trained["inception"].eval()
with dls.no_grad():
    stem = network.stem(dls.Tensor(test_X[:1]))
    outs = [
        branch(stem).numpy()[0]
        for branch in (network.first.branch1, network.first.branch2,
                       network.first.branch3, network.first.branch4)
    ]
network.train()
fig, axes = plt.subplots(4, 7, figsize=(10, 6.2))
for row, (name, out) in enumerate(zip(names, outs, strict=True)):
    axes[row, 0].imshow(test_X[0, 0], cmap="gray")
    axes[row, 0].set_ylabel(f"{name}\n{len(out)} channels", fontsize=9)
    for column in range(6):
        axes[row, column + 1].imshow(out[column], cmap="viridis")
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
fig.suptitle(f"what the branches of the first block find in a {test_Y[0]}")
fig.tight_layout()
lesson.figure(fig, "branches")

# %% [markdown]
# ## Break it
#
# **1. Zeros in the border of the pooling.** Where all numbers of a window are negative
# the border wins, and takes the gradient with it. Behind a ReLU nobody notices: there
# are no negative numbers. Test with negative ones.

# %%
zeros_around = np.pad(X, ((0, 0), (1, 1), (1, 1), (0, 0)))
wrong_P = np.max(
    [zeros_around[:, u : u + 4, v : v + 5] for u, v in np.ndindex(3, 3)], axis=0
)
right_P, _ = pool_same_forward(X, 3)
verdict = dls.compare("pooling with a border of zeros", wrong_P, right_P)
assert not verdict.ok
relu_X = np.maximum(0, X)
wrong_P = np.max(
    [np.maximum(0, zeros_around)[:, u : u + 4, v : v + 5] for u, v in np.ndindex(3, 3)],
    axis=0,
)
assert np.array_equal(wrong_P, pool_same_forward(relu_X, 3)[0])

# %% [markdown]
# **2. A branch forgotten on the way back.** The sum for $dX$ has four terms. Without
# the pooling's all gradients of parameters are right, and $dX$ alone is wrong.

# %%
d_pooled = conv_relu_backward(
    concatenate_backward(dA, cache[1])[3], cache[0]["p"]
)[0]
missing = dX - pool_same_backward(d_pooled, cache[0]["pool"])
report = check.check_gradients(block_cost, at, {"dX": missing, **grads})
without_pool = [c.name for c in report.wrong]
print("wrong:", without_pool)
assert without_pool == ["dX"]

# %% [markdown]
# **3. Two branches exchanged.** With equal numbers of channels the shapes agree, and
# the next layer learns with either order. Only weights that come from elsewhere, or a
# gradient check, notice: each branch gets the other's gradient.

# %%
first, second_half = A[..., :2], A[..., 2:4]
exchanged = np.concatenate([second_half, first, A[..., 4:]], axis=3)
assert exchanged.shape == A.shape
verdict = dls.compare("A with exchanged channels", exchanged, A)
assert not verdict.ok

# %% [markdown]
# **4. Joined along another axis.** If all branches have the same number of channels,
# `axis=2` works too: the pictures are put side by side. The shape tells.

# %%
same_channels = [rng.standard_normal((2, 4, 5, 3)) for _ in range(4)]
beside = np.concatenate(same_channels, axis=2)
stacked, _ = concatenate_forward(same_channels)
print(f"along axis 2 {beside.shape}, along the channels {stacked.shape}")
assert beside.shape == (2, 4, 20, 3) and stacked.shape == (2, 4, 5, 12)

# %% [markdown]
# **5. No ReLU behind the bottleneck.** Then the two convolutions are *one* convolution
# of 5 x 5, whose filters can only be mixtures of a few: cheaper, but not richer. The
# ReLU makes the bottleneck a layer.


# %%
def conv_linear(A, W):
    """A same convolution without bias and ReLU."""
    shift = 1e6  # a large bias keeps the ReLU open, and is taken off again
    return conv_relu(A, W, np.full((1, 1, 1, W.shape[3]), shift))[0] - shift


Wr, W5 = parameters["W5r"], parameters["W5"]
merged = np.einsum("cr,uvrk->uvck", Wr[0, 0], W5)  # (5, 5, n_C', n_C)
in_two, in_one = conv_linear(conv_linear(X, Wr), W5), conv_linear(X, merged)
assert np.allclose(in_two, in_one, atol=1e-7)
with_relu = conv_linear(np.maximum(0, conv_linear(X, Wr)), W5)
assert not np.allclose(with_relu, in_one, atol=1e-2)
rank = int(np.linalg.matrix_rank(merged.transpose(2, 0, 1, 3).reshape(3, -1)))
print(f"without ReLU one filter bank of rank {rank}: as many as the bottleneck has")
assert rank == Wr.shape[3]

# %% [markdown]
# **6. The heads taken for the answer.** In training mode the network returns a tuple. A
# cost that expects scores complains; an average over the tuple would not, and would let
# the weak head vote. Evaluation mode has the main scores only.

# %%
network = trained["inception"].train()
try:
    F.cross_entropy(network(dls.Tensor(train_X[:4])), dls.Tensor(train_Y[:4]))
    complained = ""
except (dls.Error, TypeError, AttributeError) as error:
    complained = str(error).splitlines()[0]
print("cross_entropy of a tuple:", complained)
assert complained
alone = network.eval()(dls.Tensor(train_X[:4]))
assert not isinstance(alone, tuple) and alone.shape == (4, 10)

# %% [markdown]
# ## Recap
#
# - $1 \times 1$ convolutions mix channels at a place; used as a bottleneck they save
#   nine tenths of a $5 \times 5$: 12,443,648 in place of 120,422,400.
# - Four windows side by side, concatenated: slices on the way back, and a sum for $dX$.
# - A border of $-\infty$ for pooling that keeps the size.
# - GoogLeNet has 6,624,904 parameters, and two heads that are thrown away.
#
# ## Questions
#
# 1. Why does the pooling branch need a 1 x 1 convolution *behind* it?
#    <details><summary>Answer</summary>
#    Pooling keeps all 192 channels, and would dominate the output. The convolution
#    reduces them to 32.
#    </details>
# 2. How many multiplications does the 3 x 3 branch of block 3a have (96, then 128)?
#    <details><summary>Answer</summary>
#    28 * 28 * (96 * 192 + 128 * 9 * 96) = 101,154,816.
#    </details>
# 3. May a bottleneck be too narrow?
#    <details><summary>Answer</summary>
#    Yes: what it drops no later layer can bring back. A moderate one costs little.
#    </details>
# 4. Why do networks with shortcuts not need auxiliary heads?
#    <details><summary>Answer</summary>
#    The shortcut brings the gradient to the first layers without loss.
#    </details>
#
# ## Go further
#
# - Train the small network with `weight=0`: does the head help at this depth?
# - `models.Fire`, the block of SqueezeNet, is an Inception block with two branches.
# - Next: `c4w2-mobilenet` makes the convolutions themselves cheaper.

# %%
# The end.
assert abs(multiplications(28, 3, 192, 128, 96) - 101154816) == 0
if not lesson.fast:
    assert min(run["test_accuracy"] for run in runs.values()) > 93
assert from_where["without"]["head after 4a"] > 100 * from_where["without"]["main"]
normed = from_where["with batch norm"]
assert max(normed, key=normed.get) == "main"
lesson.finish(
    {
        "direct": direct,
        "bottleneck": sum(through),
        "googlenet": counts,
        "runs": runs,
        "first_gradient": from_where,
        "use": use,
        "broken": {
            "without_pool": without_pool, "rank": rank, "complained": complained,
        },
    }
)
