# %% [markdown]
# # Classic networks: LeNet-5, AlexNet, VGG-16
#
# Course 4, week 2. About an hour and a half with the exercises. The script runs for
# half a minute, with `--fast` for a few seconds.
#
# **Goal.** Three papers, 1998, 2012 and 2014, taught everyone how to stack layers. You
# will
#
# - turn a table of layers into shapes, parameters, multiplications, and into a network,
# - see where the parameters are and where the time goes: not in the same layers,
# - find out why VGG has nothing but 3 x 3 filters,
# - derive the one layer of AlexNet that died out, local response normalization,
# - train LeNet as it was in 1998 and as one would write it today,
# - break it in six ways.
#
# ## What you need
#
# `c4w1-convolutional-classifier`. This lesson answers the lecture *Classic networks*,
# which has no notebook. The papers: LeCun, Bottou, Bengio and Haffner 1998; Krizhevsky,
# Sutskever and Hinton 2012; Simonyan and Zisserman 2014. Shapes are the engine's:
# (channels, height, width).

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, data, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w2-classic-networks")
digits = lesson.load("mnist-5k")


def as_32(images):
    """Digits (m, n, n, 1) as float32 (m, 1, 32, 32), 0 to 1, enlarged and framed."""
    n = images.shape[1]
    scale = 24 // n if n <= 12 else 1  # 8 x 8 -> 24 x 24; 28 x 28 stay
    large = images[:, :, :, 0].repeat(scale, axis=1).repeat(scale, axis=2)
    border = (32 - large.shape[1]) // 2
    framed = np.pad(large, ((0, 0), (border, border), (border, border)))
    return (framed[:, None] / 255).astype("float32")


train_X, test_X = as_32(digits.train_x_orig), as_32(digits.test_x_orig)
train_Y, test_Y = digits.train_y[0], digits.test_y[0]
print(f"train {train_X.shape}, test {test_X.shape}")

# %% [markdown]
# ## The idea in a picture
#
# One plan, three sizes: *convolve and pool until the picture is small and deep, then
# decide with fully connected layers*. Height and width fall, channels rise. Each box is
# as high as its picture (on a log scale) and as wide as its channels.

# %%
blocks = {  # (channels, pixels across) of the picture and of each block
    "LeNet-5": [(1, 32), (6, 28), (6, 14), (16, 10), (16, 5)],
    "AlexNet": [(3, 227), (96, 55), (96, 27), (256, 13), (384, 13), (256, 6)],
    "VGG-16": [(3, 224), (64, 224), (128, 112), (256, 56), (512, 28), (512, 7)],
}
fig, axes = plt.subplots(1, 3, figsize=(14, 3.4))
for ax, (name, sizes) in zip(axes, blocks.items(), strict=True):
    place = 0.0
    for channels, n in sizes:
        height, width = np.log2(n), 0.3 + np.log2(channels) / 4
        corner, colours = (place, -height / 2), {"fc": "#e7eefb", "ec": "tab:blue"}
        ax.add_patch(plt.Rectangle(corner, width, height, **colours))
        label = f"{n} x {n}\nx {channels}"
        ax.text(place + width / 2, -4.3, label, ha="center", va="top", fontsize=7)
        place += width + 1.5
    ax.set(xlim=(-0.5, place), ylim=(-6, 4.2), title=name)
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# A table says all there is to say. `("conv", 6, 5, 0, 1)`: six filters of 5 x 5, no
# padding, stride 1. `("pool", 2, 2)`: windows of 2 with stride 2. `("linear", 120)`:
# 120 units.

# %%
LENET = [
    *(("conv", 6, 5, 0, 1), ("pool", 2, 2), ("conv", 16, 5, 0, 1), ("pool", 2, 2)),
    *(("linear", 120), ("linear", 84), ("linear", 10)),
]
ALEXNET = [  # as the course draws it: one tower, pictures of 227 x 227
    *(("conv", 96, 11, 0, 4), ("pool", 3, 2), ("conv", 256, 5, 2, 1), ("pool", 3, 2)),
    *(("conv", 384, 3, 1, 1), ("conv", 384, 3, 1, 1), ("conv", 256, 3, 1, 1)),
    *(("pool", 3, 2), ("linear", 4096), ("linear", 4096), ("linear", 1000)),
]
VGG16 = [
    *(("conv", width, 3, 1, 1) if width else ("pool", 2, 2) for width in (
        64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0
    )),
    *(("linear", 4096), ("linear", 4096), ("linear", 1000)),
]
NETWORKS = {
    "LeNet-5": (LENET, (1, 32, 32)),
    "AlexNet": (ALEXNET, (3, 227, 227)),
    "VGG-16": (VGG16, (3, 224, 224)),
}

# %% [markdown]
# ## One number by hand
#
# LeNet's first layer: six filters of $5 \times 5$ over one channel.
#
# - Size: $\lfloor (32 + 0 - 5)/1 \rfloor + 1 = 28$, so the output is $(6, 28, 28)$.
# - Parameters: $(5 \cdot 5 \cdot 1 + 1) \cdot 6 = 156$.
# - Multiplications: each of the $6 \cdot 28 \cdot 28 = 4704$ outputs needs 25, together
#   117,600.
#
# Its first fully connected layer: $400 \to 120$ is $400 \cdot 120 + 120 = 48120$
# parameters, and 48,000 multiplications. *300 times as many parameters, fewer than half
# of the multiplications.*

# %%
outputs = 6 * 28 * 28
print(f"conv1: {(5 * 5 * 1 + 1) * 6} parameters, {outputs * 25:,} multiplications")
print(f"fc3: {400 * 120 + 120:,} parameters, {400 * 120:,} multiplications")
assert outputs * 25 == 117600

# %% [markdown]
# ## The mathematics
#
# A convolution from $c$ to $k$ channels, filters $f \times f$, output $n \times n$:
#
# $$\text{parameters } (f^2 c + 1)\,k \qquad \text{multiplications } n^2 f^2 c\, k$$
#
# Parameters do not depend on the size of the picture, multiplications do: so the first
# layers, with large pictures, cost time, and the first fully connected one, which has a
# weight for each pixel of the last block, costs memory.
#
# **The receptive field** of an output is the part of the picture that it depends on. A
# layer with filter $f$ adds $f - 1$ steps to it, and a step is as many pixels as all
# strides so far make together:
#
# $$r_l = r_{l-1} + (f_l - 1)\, j_{l-1} \qquad j_l = j_{l-1} s_l \qquad r_0 = j_0 = 1$$
#
# Two layers of $3 \times 3$ see $1 + 2 + 2 = 5$ pixels, three see 7. For $c$ channels
# throughout, three layers of $3 \times 3$ have $27 c^2$ weights, one of $7 \times 7$
# has $49 c^2$, and three have three ReLUs. That is VGG's argument.
#
# **Local response normalization.** AlexNet lets neighbouring *channels* at one place
# compete: with a window of $n$ channels around channel $c$,
#
# $$B_c = A_c\, D_c^{-\beta} \qquad D_c = k + \frac{\alpha}{n} \sum_{c'} A_{c'}^2$$
#
# Backward: $A_c$ acts on $B_c$ directly, and on every $D_{c'}$ whose window holds $c$:
#
# $$dA_c = dB_c\, D_c^{-\beta} - \frac{2 \alpha \beta}{n}\, A_c \sum_{c'}
# dB_{c'} A_{c'} D_{c'}^{-\beta-1}$$
#
# with the sum over the same window, since $c$ is in that of $c'$ when $c'$ is in that
# of $c$. (The paper writes $\alpha$ for $\alpha/n$.)
#
# ## Your code
#
# **Exercise 1.** The shape after each layer of a table.
#
# **Exercise 2.** The parameters of each layer, and its multiplications. A pooling layer
# has none of either.


# %%
def layer_shapes(table, shape):
    """[(channels, height, width) or (units,), ...]: the output of each layer."""
    shapes = []
    for kind, *numbers in table:
        # BEGIN SOLUTION
        if kind == "linear":
            shape = (numbers[0],)
        else:
            if kind == "conv":
                channels, f, p, s = numbers
            else:
                (f, s), channels, p = numbers, shape[0], 0
            height, width = ((n + 2 * p - f) // s + 1 for n in shape[1:])
            shape = (channels, height, width)
        # END SOLUTION
        shapes.append(shape)
    return shapes


def layer_costs(table, shape):
    """[(parameters, multiplications), ...] of each layer, for one picture."""
    costs = []
    for (kind, *numbers), after in zip(table, layer_shapes(table, shape), strict=True):
        # BEGIN SOLUTION
        if kind == "conv":
            weights = numbers[1] ** 2 * shape[0] * after[0]
            costs.append((weights + after[0], weights * after[1] * after[2]))
        elif kind == "linear":
            weights = int(np.prod(shape)) * after[0]
            costs.append((weights + after[0], weights))
        else:
            costs.append((0, 0))
        # END SOLUTION
        shape = after
    return costs


rows = []
lenet_shapes = layer_shapes(*NETWORKS["LeNet-5"])
lenet_costs = layer_costs(*NETWORKS["LeNet-5"])
for (kind, *numbers), shape, (parameters, products) in zip(
    LENET, lenet_shapes, lenet_costs, strict=True
):
    rows.append([f"{kind} {numbers}", shape, f"{parameters:,}", f"{products:,}"])
lesson.table(["LeNet-5", "output", "parameters", "multiplications"], rows)
counts = {
    name: {
        "parameters": sum(p for p, _ in layer_costs(*network)),
        "multiplications": sum(x for _, x in layer_costs(*network)),
    }
    for name, network in NETWORKS.items()
}
for name, count in counts.items():
    print(f"{name}: {count['parameters']:,} parameters")
assert counts["LeNet-5"]["parameters"] == 61706
assert counts["VGG-16"]["parameters"] == 138357544

# %% [markdown]
# The course says "about 60 million" for AlexNet. The table above has 62,378,344. The
# paper's network is split over two graphics cards: its second, fourth and fifth
# convolutions see the channels of their own card only, which makes 60,965,224.
# torchvision's, and so `models.alexnet`, is a later version with fewer filters:
# 61,100,840. All are "AlexNet"; look before you load weights.

# %%
halved = sum(  # the weights that are missing: half of those of three layers
    numbers[1] ** 2 * before[0] * numbers[0] // 2
    for place, before in ((2, (96,)), (5, (384,)), (6, (384,)))
    for numbers in [ALEXNET[place][1:]]
)
paper = counts["AlexNet"]["parameters"] - halved
print(f"AlexNet on two cards: {paper:,} parameters")
assert paper == 60965224

# %% [markdown]
# **Exercise 3.** The receptive field after each layer before the first linear one.
#
# **Exercise 4.** A network from its table: a ReLU behind every convolution and every
# linear layer *but the last*; flatten before the first linear one. The layers of a
# `nn.Sequential` come in a list.


# %%
def receptive_fields(table):
    """[r, ...] in pixels, for each convolution and pooling of the table."""
    fields, r, jump = [], 1, 1
    for kind, *numbers in table:
        if kind == "linear":
            break
        # BEGIN SOLUTION
        f, s = (numbers[1], numbers[3]) if kind == "conv" else numbers
        r = r + (f - 1) * jump
        jump = jump * s
        fields.append(r)
        # END SOLUTION
    return fields


def build(table, shape, relu=nn.ReLU, pool=nn.MaxPool2d):
    """The nn.Sequential of a table, for pictures of this shape."""
    layers = []
    for (kind, *numbers), after in zip(table, layer_shapes(table, shape), strict=True):
        # BEGIN SOLUTION
        if kind == "conv":
            channels, f, p, s = numbers
            layers += [nn.Conv2d(shape[0], channels, f, stride=s, padding=p), relu()]
        elif kind == "pool":
            layers.append(pool(*numbers))
        else:
            if len(shape) == 3:
                layers.append(nn.Flatten())
            layers += [nn.Linear(int(np.prod(shape)), numbers[0]), relu()]
        # END SOLUTION
        shape = after
    return nn.Sequential(*layers[:-1])  # no ReLU behind the scores


print("receptive fields of LeNet-5:", receptive_fields(LENET))
lenet = build(LENET, (1, 32, 32))
assert sum(p.size for p in lenet.parameters()) == 61706
threes = receptive_fields([("conv", 8, 3, 1, 1)] * 3)
assert threes == [3, 5, 7]

# %% [markdown]
# **Exercise 5.** Local response normalization, forward and backward. `A` is $(m, c, h,
# w)$; the window holds `size // 2` channels on each side (fewer at the ends).
# `window_sum` is given.


# %%
def window_sum(A, size):
    """For each channel of A (m, c, h, w), the sum over the window around it."""
    half, channels = size // 2, A.shape[1]
    padded = np.pad(A, ((0, 0), (half, half), (0, 0), (0, 0)))
    return sum(padded[:, i : i + channels] for i in range(size))


def lrn_forward(A, size=5, alpha=1e-4, beta=0.75, k=1.0):
    """B, and the cache (A, D, size, alpha, beta)."""
    # BEGIN SOLUTION
    D = k + alpha / size * window_sum(A**2, size)
    B = A * D**-beta
    # END SOLUTION
    return B, (A, D, size, alpha, beta)


# %% [markdown]
# **Exercise 6.**


# %%
def lrn_backward(dB, cache):
    """dA, of the shape of A."""
    A, D, size, alpha, beta = cache
    # BEGIN SOLUTION
    shared = window_sum(dB * A * D ** (-beta - 1), size)
    dA = dB * D**-beta - 2 * alpha * beta / size * A * shared
    # END SOLUTION
    return dA


# %% [markdown]
# ## Check it three ways
#
# **By hand**: 156 and 117,600, above, and one place with three channels $(1, 2, 3)$,
# window 3, $\alpha = 3$, $\beta = 1$, $k = 0$: $B = (1/5,\; 2/14,\; 3/13)$.

# %%
three = np.array([1.0, 2, 3]).reshape(1, 3, 1, 1)
B, _ = lrn_forward(three, size=3, alpha=3.0, beta=1.0, k=0.0)
print("B =", B.ravel())
assert np.allclose(B.ravel(), [1 / 5, 2 / 14, 3 / 13])

# %% [markdown]
# **Against the engine**: `nn.LocalResponseNorm`, and our tables against the importable
# networks of `tinygrad_dls.models`.

# %%
rng = np.random.default_rng(lesson.seed)
A = 3 * rng.standard_normal((2, 7, 3, 4))
dB = rng.standard_normal(A.shape)
settings = {"alpha": 0.5, "beta": 0.75, "k": 2.0}  # far from linear
B, cache = lrn_forward(A, size=5, **settings)
dA = lrn_backward(dB, cache)
tensor = dls.Tensor(A, requires_grad=True, name="A")
engine_B = nn.LocalResponseNorm(5, **settings)(tensor)
engine_B.backward(dls.Tensor(dB))
assert dls.compare("B", B, engine_B).ok
assert dls.compare("dA", dA, tensor.grad).ok

own_shapes = [p.shape for p in lenet.parameters()]
assert own_shapes == [p.shape for p in models.lenet5().parameters()]
if not lesson.fast:  # 244 and 553 MB of parameters
    built = {"AlexNet": models.alexnet(), "VGG-16": models.vgg16()}
    for name, model in built.items():
        count = sum(p.size for p in model.parameters())
        print(f"models: {name} {count:,} parameters")
        assert count == {"AlexNet": 61100840, "VGG-16": 138357544}[name]
    del built, model

# %% [markdown]
# **Numerically.**

# %%
report = check.check_gradients(
    lambda p: np.sum(dB * lrn_forward(p["A"], size=5, **settings)[0]),
    {"A": A},
    {"dA": dA},
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# LeNet-5 on one digit: seven layers, each with its shape.

# %%
picture = dls.Tensor(train_X[:1], name="digit")
with dls.trace():
    loss = F.cross_entropy(lenet(picture), dls.Tensor(train_Y[:1]))
    loss.backward()
graph = dls.graph(loss, lenet, names={"loss": loss})
lesson.graph(graph, "graph", depth=1)
graph

# %% [markdown]
# ## Train
#
# Three networks on the same digits with the same optimizer:
#
# - LeNet as in 1998: $\tanh$, and mean instead of maximum in the pools,
# - LeNet as the course draws it: ReLU and maximum,
# - a small VGG: each 5 x 5 replaced by two 3 x 3, which see as much.

# %%
SMALL_VGG = [
    *(("conv", 8, 3, 0, 1), ("conv", 8, 3, 0, 1), ("pool", 2, 2)),
    *(("conv", 16, 3, 0, 1), ("conv", 16, 3, 0, 1), ("pool", 2, 2)),
    *(("linear", 120), ("linear", 84), ("linear", 10)),
]
assert receptive_fields(SMALL_VGG)[-1] == receptive_fields(LENET)[-1]
plans = {
    "1998": (LENET, nn.Tanh, nn.AvgPool2d),
    "today": (LENET, nn.ReLU, nn.MaxPool2d),
    "small VGG": (SMALL_VGG, nn.ReLU, nn.MaxPool2d),
}


def percent(network, X, Y):
    """Percent right, in evaluation mode."""
    network.eval()
    with dls.no_grad():
        scores = network(dls.Tensor(X)).numpy()
    network.train()
    return 100 * float(np.mean(scores.argmax(axis=1) == Y))


def train_network(network, epochs, progress=True):
    """The history of Adam on batches of 64."""
    loader = data.DataLoader(
        data.TensorDataset(train_X, train_Y),
        batch_size=64,
        shuffle=True,
        generator=dls.Generator(lesson.seed),
    )
    optimizer = optim.Adam(network.parameters(), lr=0.002)
    return dls.fit(
        network, F.cross_entropy, optimizer, loader, epochs, capture=True,
        progress=progress,
    )


epochs = 1 if lesson.fast else 12
runs, trained = {}, {}
for name, plan in plans.items():
    dls.manual_seed(lesson.seed)
    trained[name] = build(plan[0], (1, 32, 32), *plan[1:])
    history = train_network(trained[name], epochs)
    runs[name] = {
        "train_accuracy": percent(trained[name], train_X, train_Y),
        "test_accuracy": percent(trained[name], test_X, test_Y),
        "parameters": sum(p.size for p in trained[name].parameters()),
        "multiplications": sum(x for _, x in layer_costs(plan[0], (1, 32, 32))),
        "costs": dict(enumerate(history["loss"])),
    }
lesson.table(
    ["", "train %", "test %", "parameters", "multiplications"],
    [
        [
            name,
            f"{run['train_accuracy']:.1f}",
            f"{run['test_accuracy']:.1f}",
            f"{run['parameters']:,}",
            f"{run['multiplications']:,}",
        ]
        for name, run in runs.items()
    ],
)

# %% [markdown]
# All three read these digits; the task is easy for any of them. What changed since 1998
# is how fast they learn, and what larger tasks ask for.
#
# ## Look at it
#
# Where are the parameters, and where is the time? For each layer, its part of the
# whole.

# %%
fig, axes = plt.subplots(1, 3, figsize=(14, 4.4))
for ax, (name, (table, shape)) in zip(axes, NETWORKS.items(), strict=True):
    costs = np.array(layer_costs(table, shape), dtype=float)
    kept = [i for i, layer in enumerate(table) if layer[0] != "pool"]
    parts = 100 * costs[kept] / costs.sum(axis=0)  # (layers, 2)
    places = np.arange(len(kept))
    ax.bar(places - 0.2, parts[:, 0], 0.4, label="parameters")
    ax.bar(places + 0.2, parts[:, 1], 0.4, label="multiplications")
    names = [f"{table[i][0]} {table[i][1]}" for i in kept]
    ax.set_xticks(places, names, rotation=90, fontsize=8)
    ax.set(title=name, ylabel="percent of the network")
    ax.grid(alpha=0.3, axis="y")
axes[0].legend()
fig.tight_layout()
lesson.figure(fig, "where")
fully = {}
for name, (table, shape) in NETWORKS.items():
    pairs = zip(table, layer_costs(table, shape), strict=True)
    in_linear = sum(cost[0] for layer, cost in pairs if layer[0] == "linear")
    fully[name] = in_linear / counts[name]["parameters"]
print("in linear layers:", {name: f"{100 * x:.0f} %" for name, x in fully.items()})
assert min(fully.values()) > 0.85

# %% [markdown]
# Nine tenths of the parameters are in the linear layers, nearly all of the work is in
# the convolutions. Later networks (`c4w2-residual-networks`, `c4w2-inception`) put the
# mean of each channel in their place, and have a tenth of the parameters at once.

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2))
for name, run in runs.items():
    left.semilogy(list(run["costs"].values()), ".-", label=name)
left.set(xlabel="epoch", ylabel="cost (log scale)", title="learning to read digits")
left.legend()
for name, (table, _) in NETWORKS.items():
    fields = receptive_fields(table)
    right.plot(range(1, len(fields) + 1), fields, "o-", ms=4, label=name)
right.set(xlabel="layer", ylabel="pixels", title="receptive field")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# The last convolutions of AlexNet and VGG see most of a picture of 224 pixels, those of
# LeNet a third of one of 32: its linear layers put the parts together.

# %%
network = trained["today"].eval()
h, stages = dls.Tensor(test_X[:1]), []
with dls.no_grad():
    for layer in network:
        h = layer(h)
        if isinstance(layer, nn.ReLU) and h.ndim == 4:
            stages.append(h.numpy()[0])
fig, axes = plt.subplots(2, 9, figsize=(14, 3.6))
for row, (stage, name) in enumerate(zip(stages, ("conv 1", "conv 2"), strict=True)):
    axes[row, 0].imshow(test_X[0, 0], cmap="gray_r")
    axes[row, 0].set_ylabel(f"{name}, {stage.shape[1]} x {stage.shape[2]}")
    for channel in range(8):
        shown = axes[row, channel + 1]
        if channel < len(stage):
            shown.imshow(stage[channel], cmap="viridis")
        else:
            shown.set_axis_off()
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
fig.suptitle(f"what the first channels of each convolution find in a {test_Y[0]}")
fig.tight_layout()
lesson.figure(fig, "channels")

# %% [markdown]
# ## Break it
#
# **1. A picture of another size.** The convolutions do not mind; the first linear layer
# has a weight for each number of the last block. The message says which shape came.

# %%
try:
    lenet(dls.zeros((1, 1, 36, 36)))
    refused = ""
except dls.ShapeError as error:
    refused = str(error).splitlines()[0]
print(refused)
assert "linear" in refused
print("size of the last block for 32 and 36 pixels:",
      [layer_shapes(LENET, (1, n, n))[3] for n in (32, 36)])

# %% [markdown]
# **2. A ReLU behind the scores.** Scores below zero are cut off. A class whose score is
# below zero for all pictures gets no gradient any more; the cost stays high.

# %%
dls.manual_seed(lesson.seed)
cut = nn.Sequential(*build(LENET, (1, 32, 32)), nn.ReLU())
cut_history = train_network(cut, epochs, progress=False)
cut_run = {
    "cost": cut_history["loss"][-1],
    "test_accuracy": percent(cut, test_X, test_Y),
}
print(f"with ReLU behind the scores: cost {cut_run['cost']:.3f}, "
      f"without {runs['today']['costs'][epochs - 1]:.3f}")

# %% [markdown]
# **3. No ReLU between two 3 x 3.** Two linear layers in a row are one linear layer:
# exactly the 5 x 5 filter that is the convolution of the two. VGG's argument needs the
# ReLU.


# %%
def valid(X, W):
    """X (n, n) convolved with W (f, f), without padding."""
    windows = np.lib.stride_tricks.sliding_window_view(X, W.shape)
    return np.einsum("hwuv,uv->hw", windows, W)


X, W1, W2 = (rng.standard_normal(size) for size in ((12, 12), (3, 3), (3, 3)))
W5 = np.zeros((5, 5))
for (u, v), weight in np.ndenumerate(W2):
    W5[u : u + 3, v : v + 3] += weight * W1
two, one = valid(valid(X, W1), W2), valid(X, W5)
assert dls.compare("two 3 x 3 without ReLU", two, one).ok
assert not dls.compare("with ReLU", valid(np.maximum(0, valid(X, W1)), W2), one).ok

# %% [markdown]
# **4. Dropout left on.** AlexNet and VGG have it before their linear layers. In
# training mode the same picture gets another answer each time. `model.eval()` switches
# it off.

# %%
dropping = nn.Sequential(nn.Dropout(0.5), nn.Linear(64, 3))
h = dls.randn(1, 64)
answers = {mode: [] for mode in (True, False)}
for mode, found in answers.items():
    dropping.train(mode)
    found += [dropping(h).numpy().copy() for _ in range(2)]
gap = np.abs(np.subtract(*answers[True])).max()
print(f"training mode: two answers differ by {gap:.2f}")
assert gap > 0
assert np.array_equal(*answers[False])

# %% [markdown]
# **5. Normalization over the wrong axis.** Neighbouring *rows* instead of neighbouring
# channels: the shape is right, the numbers are not.

# %%
turned = lrn_forward(A.transpose(0, 2, 1, 3), 5, **settings)[0].transpose(0, 2, 1, 3)
verdict = dls.compare("B over rows", turned, engine_B)
assert not verdict.ok

# %% [markdown]
# **6. The second half of the gradient forgotten.** $A_c$ also acts on its neighbours'
# $D$. With AlexNet's own $\alpha = 10^{-4}$ the error is so small that a loose
# tolerance lets it pass; with a large $\alpha$ no one can miss it. Test with numbers at
# which every term counts.

# %%
halves = {}
for alpha in (1e-4, 0.5):
    B, cache = lrn_forward(A, size=5, alpha=alpha, beta=0.75, k=2.0)
    full, half = lrn_backward(dB, cache), dB * cache[1] ** -0.75
    halves[alpha] = float(np.linalg.norm(full - half) / np.linalg.norm(full))
    print(f"alpha {alpha:g}: the forgotten term is {halves[alpha]:.1e} of the gradient")
assert halves[1e-4] < 1e-3 < 0.1 < halves[0.5]

# %% [markdown]
# ## Recap
#
# - A table of layers determines shapes, parameters, multiplications and the network.
# - Parameters are in the linear layers, time is in the convolutions.
# - Small filters, stacked, see as much as large ones, with fewer weights and more
#   ReLUs.
# - 61,706, about 60 million (62,378,344 in one tower), 138,357,544.
#
# ## Questions
#
# 1. Which of the three would gain most from the mean of each channel in place of the
#    first linear layer?
#    <details><summary>Answer</summary>
#    VGG-16: 25,088 times 4,096 weights would shrink to 512 times 4,096.
#    </details>
# 2. How many layers of 3 x 3 with stride 1 see 11 x 11 pixels?
#    <details><summary>Answer</summary>
#    Five: 1 + 5 * 2 = 11.
#    </details>
# 3. Why did 1998 prefer tanh and mean pooling?
#    <details><summary>Answer</summary>
#    Neurons were modelled as saturating, and derivatives should exist everywhere. With
#    few layers their vanishing did no harm.
#    </details>
# 4. The picture is twice as wide and twice as high. What happens to the multiplications
#    of the convolutions, and to their parameters?
#    <details><summary>Answer</summary>
#    Four times as many; none.
#    </details>
#
# ## Go further
#
# - `models.vgg16()` on a picture of your own: how long does one forward pass take?
# - Rebuild the two-card AlexNet with `groups=2`, and count.
# - Next: `c4w2-residual-networks`, which can be a hundred layers deep.

# %%
# The end.
assert runs["today"]["train_accuracy"] > (20 if lesson.fast else 98)
if not lesson.fast:
    assert min(run["test_accuracy"] for run in runs.values()) > 90
lesson.finish(
    {
        "lenet5": {"parameters": counts["LeNet-5"]["parameters"], **runs["today"]},
        "alexnet": {
            "parameters": counts["AlexNet"]["parameters"],
            "paper": paper,
            "multiplications": counts["AlexNet"]["multiplications"],
        },
        "vgg16": counts["VGG-16"],
        "runs": runs,
        "linear_part": fully,
        "broken": {"refused": refused, "cut": cut_run, "halves": halves},
    }
)
