# %% [markdown]
# # MobileNet: cheap convolutions, and a network that changes its task
#
# Course 4, week 2. About two hours with the exercises. The script runs for half a
# minute, with `--fast` for a few seconds.
#
# **Goal.** A network for a phone must do with few multiplications. MobileNet splits
# each convolution in two, and saves nearly nine tenths. You will
#
# - build the depthwise-separable convolution by hand, forward and backward, and count
#   what it saves,
# - build MobileNetV2's block, the inverted residual, and find out why its last layer
#   has no ReLU,
# - count MobileNetV2 as PyTorch does and as Keras does,
# - train a small MobileNet with split and with full convolutions,
# - hand it on to another task, with frozen and with thawed layers,
# - make new pictures of old ones, and learn which changes are harmless,
# - break it in seven ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step`; `c4w2-residual-networks` for the shortcut;
# `c3w2-transfer-and-multi-task` for the idea of transfer. This lesson answers the
# notebook *Transfer Learning with MobileNetV2* (2021). The part by hand has pictures
# $(m, n_H, n_W, n_C)$. The papers: Howard and others 2017; Sandler and others 2018.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson
from tinygrad_dls.vision import transforms

lesson = start_lesson("c4w2-mobilenet")
digits = lesson.load("digits")


def as_engine(images):
    """Digits (m, 8, 8, 1) as float32 (m, 1, 8, 8), from -1 to 1 as in the course."""
    return (images.transpose(0, 3, 1, 2) / 127.5 - 1).astype("float32")


train_X, test_X = as_engine(digits.train_x_orig), as_engine(digits.test_x_orig)
train_Y, test_Y = digits.train_y[0], digits.test_y[0]
print(f"train {train_X.shape}, test {test_X.shape}")

# %% [markdown]
# ## The idea in a picture
#
# A normal convolution looks at all channels through each of its filters. A
# *depthwise-separable* one does two things one after the other: one filter *per
# channel* looks at places (depthwise), then a $1 \times 1$ convolution mixes the
# channels (pointwise).

# %%
fig, axes = plt.subplots(1, 3, figsize=(13, 1.9))
colours = ("tab:red", "tab:green", "tab:blue")
stages = [
    ("normal: 5 filters of 3 x 3 x 3", [(3, 3, colours)] * 5),
    ("depthwise: 3 filters of 3 x 3 x 1", [(3, 3, (c,)) for c in colours]),
    ("pointwise: 5 filters of 1 x 1 x 3", [(1, 1, colours)] * 5),
]
for ax, (title, filters) in zip(axes, stages, strict=True):
    for place, (height, width, layers) in enumerate(filters):
        for depth, colour in enumerate(reversed(layers)):
            shift = 0.45 * (len(layers) - 1 - depth)
            for row, column in np.ndindex(height, width):
                corner = (place * 5 + column + shift, row + shift)
                ax.add_patch(plt.Rectangle(corner, 1, 1, fc=colour, ec="white"))
    ax.set(xlim=(-0.5, 25), ylim=(-1, 5), title=title)
    ax.set_aspect("equal")
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# The lecture's example: a picture of $6 \times 6 \times 3$, five filters of $3 \times
# 3$, no padding: the output is $4 \times 4 \times 5$.
#
# - Normal: each of the 80 outputs takes $3 \cdot 3 \cdot 3 = 27$ multiplications,
#   2,160.
# - Depthwise: $4 \cdot 4 \cdot 3 = 48$ numbers of 9 multiplications each, 432.
# - Pointwise: 80 outputs of 3 multiplications each, 240.
#
# Together 672, or 31 percent. In general $\frac{1}{n_C'} + \frac{1}{f^2}$: here
# $\frac15 + \frac19 = 0.31$, with 512 filters it is 0.113.

# %%
by_hand = 4 * 4 * 5 * 27, 4 * 4 * 3 * 9, 4 * 4 * 5 * 3
print(by_hand, f"{(by_hand[1] + by_hand[2]) / by_hand[0]:.3f} = {1 / 5 + 1 / 9:.3f}")
assert by_hand == (2160, 432, 240)

# %% [markdown]
# ## The mathematics
#
# **Depthwise.** $W$ is $(f, f, n_C)$, one filter per channel. Nothing is summed over
# channels:
#
# $$Z_{i,h,w,c} = \sum_{u,v} A^{pad}_{i,\,hs+u,\,ws+v,\,c}\, W_{u,v,c}$$
#
# $$dW_{u,v,c} = \sum_{i,h,w} dZ_{i,h,w,c}\, A^{pad}_{i,\,hs+u,\,ws+v,\,c} \qquad
# dA^{pad}_{i,\,hs+u,\,ws+v,\,c} \mathrel{+}= dZ_{i,h,w,c}\, W_{u,v,c}$$
#
# **Pointwise.** At each place a matrix product with $W_p$ $(n_C, n_C')$, nothing else:
# $Z = A W_p$, $dW_p = \sum A^T dZ$, $dA = dZ\, W_p^T$.
#
# **The inverted residual.** A residual block of ResNet goes from many channels to few
# and back. MobileNetV2 goes from few ($n_C$) to many ($t\, n_C$) and back: *expand* by
# a pointwise convolution, *filter* depthwise, *project* by a pointwise one. The
# shortcut connects the thin ends, so what must be kept in memory is small:
#
# $$E = g(X W_e) \qquad D = g(\text{depthwise}(E, W_d)) \qquad Y = D\, W_p + X$$
#
# with $g(z) = \min(\max(0, z), 6)$, ReLU6. The sum is taken where stride is 1 and the
# shapes agree. There is *no* $g$ behind the projection. (In the network each of the
# three has a batch norm; you derived that in the last lessons, so it is left out here.)
#
# ## Your code
#
# **Exercise 1.** Multiplications of an output $n \times n$: normal convolution,
# depthwise, pointwise.
#
# **Exercise 2.** Depthwise convolution, "same" padding for odd $f$: $(f-1)/2$ zeros on
# each side. Add up $f^2$ shifted pictures, as in `conv_forward_shifted`.
#
# **Exercise 3.** Its backward pass.


# %%
def multiplications(n, f, n_C_prev, n_C):
    """(normal, depthwise, pointwise) for an output (n, n, n_C)."""
    # BEGIN SOLUTION
    normal = n * n * n_C * f * f * n_C_prev
    depthwise = n * n * n_C_prev * f * f
    pointwise = n * n * n_C * n_C_prev
    # END SOLUTION
    return normal, depthwise, pointwise


def depthwise_forward(A_prev, W, s=1):
    """Z (m, n_H / s, n_W / s, n_C), and the cache.

    A_prev (m, n_H, n_W, n_C), W (f, f, n_C).
    """
    f = W.shape[0]
    pad = (f - 1) // 2
    padded = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    n_H, n_W = ((n - f) // s + 1 for n in padded.shape[1:3])
    Z = np.zeros((len(A_prev), n_H, n_W, A_prev.shape[3]))
    for u in range(f):
        for v in range(f):
            # BEGIN SOLUTION
            pixels = padded[:, u : u + n_H * s : s, v : v + n_W * s : s]
            Z += pixels * W[u, v]  # (m, n_H, n_W, n_C) * (n_C,)
            # END SOLUTION
    return Z, (A_prev.shape, padded, W, s)


def depthwise_backward(dZ, cache):
    """dA_prev, of the shape of A_prev, and dW (f, f, n_C)."""
    (_, height, width, _), padded, W, s = cache
    f, (n_H, n_W) = W.shape[0], dZ.shape[1:3]
    d_padded, dW = np.zeros(padded.shape), np.zeros(W.shape)
    for u in range(f):
        for v in range(f):
            rows, columns = slice(u, u + n_H * s, s), slice(v, v + n_W * s, s)
            # BEGIN SOLUTION
            dW[u, v] = np.sum(dZ * padded[:, rows, columns], axis=(0, 1, 2))  # (n_C,)
            d_padded[:, rows, columns] += dZ * W[u, v]
            # END SOLUTION
    pad = (f - 1) // 2
    return d_padded[:, pad : pad + height, pad : pad + width], dW


assert multiplications(4, 3, 3, 5) == by_hand
rows = []
for n, n_C_prev, n_C in ((112, 32, 64), (28, 256, 256), (7, 1024, 1024)):
    normal, depthwise, pointwise = multiplications(n, 3, n_C_prev, n_C)
    share = (depthwise + pointwise) / normal
    rows.append([f"{n} x {n} x {n_C}", f"{normal:,}", f"{depthwise:,}",
                 f"{pointwise:,}", f"{100 * share:.1f} %"])
lesson.table(["output", "normal", "depthwise", "pointwise", "of normal"], rows)

# %% [markdown]
# Once the convolutions are split, nearly all of the work is in the pointwise ones: in
# matrix products.
#
# **Exercise 4.** The inverted residual, forward. `parameters` has `We` $(n_C, t\,n_C)$,
# `Wd` $(3, 3, t\,n_C)$, `Wp` $(t\,n_C, n_C')$.
#
# **Exercise 5.** Backward. ReLU6 lets the gradient through where $0 < z < 6$. Where the
# sum was taken, the shortcut has its share.


# %%
def relu6(Z):
    """Z, but at least 0 and at most 6."""
    return np.clip(Z, 0, 6)


def inverted_residual(X, parameters, s=1):
    """Y (m, n_H / s, n_W / s, n_C'), and the cache; X (m, n_H, n_W, n_C)."""
    We, Wd, Wp = (parameters[name] for name in ("We", "Wd", "Wp"))
    # BEGIN SOLUTION
    Ze = X @ We  # (m, n_H, n_W, t n_C)
    Zd, cache = depthwise_forward(relu6(Ze), Wd, s)
    Y = relu6(Zd) @ Wp  # (m, n_H / s, n_W / s, n_C')
    if Y.shape == X.shape:
        Y = Y + X
    # END SOLUTION
    return Y, (X, Ze, cache, Zd, parameters)


def inverted_residual_backward(dY, cache):
    """dX, and {"dWe", "dWd", "dWp"}."""
    X, Ze, depthwise_cache, Zd, parameters = cache
    axes, grads = ((0, 1, 2), (0, 1, 2)), {}
    # BEGIN SOLUTION
    grads["dWp"] = np.tensordot(relu6(Zd), dY, axes)  # (t n_C, n_C')
    dZd = (dY @ parameters["Wp"].T) * ((0 < Zd) & (Zd < 6))
    dE, grads["dWd"] = depthwise_backward(dZd, depthwise_cache)
    dZe = dE * ((0 < Ze) & (Ze < 6))
    grads["dWe"] = np.tensordot(X, dZe, axes)  # (n_C, t n_C)
    dX = dZe @ parameters["We"].T
    if dY.shape == X.shape:
        dX = dX + dY
    # END SOLUTION
    return dX, grads


# %% [markdown]
# **Exercise 6.** How many numbers does MobileNetV2 have? `SETTING` is the paper's
# table: expansion $t$, channels $c$, blocks $n$; a stem of $3 \times 3 \times 3 \times
# 32$ comes before, a pointwise convolution to 1,280 channels behind. Every convolution
# has a batch norm and no bias. With $t = 1$ there is no expansion. Count weights of
# convolutions, $\gamma$ and $\beta$, and the moving statistics.

# %%
SETTING = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3),
           (6, 320, 1))


def mobilenet_parameters(setting, last=1280):
    """{"weights", "batch_norm", "moving"}: how many of each, without the classifier."""
    channels, weights, normalized = 32, 3 * 3 * 3 * 32, 32
    for t, c, n in setting:
        for _ in range(n):
            # BEGIN SOLUTION
            wide = t * channels
            if t != 1:
                weights += channels * wide
                normalized += wide
            weights += 9 * wide + wide * c
            normalized += wide + c
            channels = c
            # END SOLUTION
    weights += channels * last
    normalized += last
    return {"weights": weights, "batch_norm": 2 * normalized, "moving": 2 * normalized}


counts = mobilenet_parameters(SETTING)
torch_count = counts["weights"] + counts["batch_norm"]
keras_count = torch_count + counts["moving"]
head_count = 1280 + 1  # the course's head: one question, one linear layer
lesson.table(
    ["MobileNetV2", "numbers"],
    [
        ["weights of convolutions", f"{counts['weights']:,}"],
        ["scales and shifts of batch norms", f"{counts['batch_norm']:,}"],
        ["without head, as PyTorch counts", f"{torch_count:,}"],
        ["+ moving means and variances", f"{counts['moving']:,}"],
        ["without head, as Keras counts", f"{keras_count:,}"],
        ["the course's head", f"{head_count:,}"],
    ],
)
mobilenet = models.mobilenet_v2(num_classes=1)
features = mobilenet.features
assert sum(p.size for p in features.parameters()) == torch_count == 2223872
assert models.keras_parameters(features, conv_biases=False) == keras_count == 2257984
assert sum(p.size for p in mobilenet.classifier.parameters()) == head_count == 1281
del mobilenet, features

# %% [markdown]
# ResNet-50 has ten times as many.
#
# **Exercise 7.** Freeze a part of a network: the first `layers` layers of the
# Sequential `base` do not learn any more, the others do. Returns how many numbers of
# `base` can still move.
#
# **Exercise 8.** Batch norm has numbers that move *without* a gradient: its moving
# statistics, in every forward pass of training mode. The course's notebook calls the
# base with `training=False` for that reason. Here `train()` is overridden: whatever
# mode is asked for, frozen layers of the base are in evaluation mode. A layer of the
# base is frozen when it has parameters and none of them can move.


# %%
def freeze(base, layers):
    """Freeze the first layers of a Sequential, thaw the others; what can still move."""
    # BEGIN SOLUTION
    for place, layer in enumerate(base):
        for p in layer.parameters():
            p.requires_grad = place >= layers
    return sum(p.size for p in base.parameters() if p.requires_grad)
    # END SOLUTION


class TransferNetwork(nn.Module):
    """A base that was trained on another task, and a new head."""

    def __init__(self, base, head):
        super().__init__()
        self.base = base
        self.head = head

    def forward(self, x):
        """Scores (m, classes)."""
        return self.head(self.base(x))

    def train(self, mode=True):
        """Switch the mode, but leave frozen layers of the base in evaluation."""
        super().train(mode)
        for layer in self.base:
            # BEGIN SOLUTION
            parameters = list(layer.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                layer.eval()
            # END SOLUTION
        return self


# %% [markdown]
# **Exercise 9.** New pictures of old ones: `data_augmenter` of the notebook, for
# pictures $(m, c, h, w)$. A `transforms.Compose` of a rotation by up to `degrees`, a
# crop of the old `size` after a border of `shift` pixels, and, only if `flip`, a
# horizontal flip of every second one. `fill` is the value of a blank pixel. All draw
# from `generator`.


# %%
def data_augmenter(size, degrees, shift, flip, fill=-1.0, generator=None):
    """A transforms.Compose that changes each picture of a batch by chance."""
    # BEGIN SOLUTION
    steps = [
        transforms.RandomRotation(
            degrees, interpolation="bilinear", fill=fill, generator=generator
        ),
        transforms.RandomCrop(size, padding=shift, fill=fill, generator=generator),
    ]
    if flip:
        steps.append(transforms.RandomHorizontalFlip(0.5, generator=generator))
    # END SOLUTION
    return transforms.Compose(steps)


# %% [markdown]
# ## Check it three ways
#
# **By hand.** One channel is a normal convolution; a picture of 2 x 2 with the filter
# 1, 2, ..., 9: at the top left the middle of the filter is at the pixel, so $1 \cdot 5
# + 2 \cdot 6 + 3 \cdot 8 + 4 \cdot 9 = 77$.

# %%
tiny = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)
nine = np.arange(1.0, 10).reshape(3, 3, 1)
Z, _ = depthwise_forward(tiny, nine)
print(Z[0, :, :, 0])
assert Z[0, 0, 0, 0] == 77

# %% [markdown]
# **Against the engine**: a depthwise convolution is `groups=n_C`. The whole block, both
# strides, all gradients.

# %%
rng = np.random.default_rng(lesson.seed)


def to_engine(X):
    """(m, n_H, n_W, n_C) -> (m, n_C, n_H, n_W)."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2))


def engine_block(x, We, Wd, Wp, s):
    """The inverted residual by the engine's convolutions; x (m, n_C, n_H, n_W)."""
    wide = We.shape[1]
    e = F.relu6(F.conv2d(x, We.T.reshape(wide, -1, 1, 1)))
    filters = Wd.transpose(2, 0, 1).reshape(wide, 1, 3, 3)
    d = F.conv2d(e, filters, stride=s, padding=1, groups=wide)
    y = F.conv2d(F.relu6(d), Wp.T.reshape(-1, wide, 1, 1))
    return y + x if y.shape == x.shape else y


X = 2 * rng.standard_normal((2, 5, 4, 3))
for s, n_C in ((1, 3), (2, 3), (1, 5)):
    parameters = {
        "We": rng.standard_normal((3, 12)),
        "Wd": rng.standard_normal((3, 3, 12)),
        "Wp": rng.standard_normal((12, n_C)),
    }
    Y, cache = inverted_residual(X, parameters, s)
    dY = rng.standard_normal(Y.shape)
    dX, grads = inverted_residual_backward(dY, cache)
    x = dls.Tensor(to_engine(X), requires_grad=True, name="X")
    tensors = {
        k: dls.Tensor(v, requires_grad=True, name=k) for k, v in parameters.items()
    }
    engine_Y = engine_block(x, **tensors, s=s)
    engine_Y.backward(dls.Tensor(to_engine(dY)))
    verdicts = [
        dls.compare("Y", to_engine(Y), engine_Y, print=False),
        dls.compare("dX", to_engine(dX), x.grad, print=False),
        *(dls.compare(f"d{k}", grads[f"d{k}"], t.grad, print=False)
          for k, t in tensors.items()),
    ]
    assert all(verdict.ok for verdict in verdicts)
    print(f"stride {s}, 3 to {n_C} channels: output and four gradients are equal")

# %% [markdown]
# **Numerically**, with the shortcut.

# %%
parameters = {
    "We": rng.standard_normal((3, 6)),
    "Wd": rng.standard_normal((3, 3, 6)),
    "Wp": rng.standard_normal((6, 3)),
}
Y, cache = inverted_residual(X, parameters)
dY = rng.standard_normal(Y.shape)
dX, grads = inverted_residual_backward(dY, cache)


def block_cost(p):
    """A number to derive: the block's output, weighted with dY."""
    return np.sum(dY * inverted_residual(p["X"], p)[0])


at, mine = {"X": X, **parameters}, {"dX": dX, **grads}
report = check.check_gradients(block_cost, at, mine)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# One block of `models.mobilenet_v2` on one picture: expand, filter, project, add. The
# gradient is that of one number of the output: batch norm makes the sum of what the
# block adds constant, and its gradient 0.

# %%
dls.manual_seed(lesson.seed)
block = models.InvertedResidual(4, 4, 1, 3)
x = dls.randn(1, 4, 6, 6, requires_grad=True)
with dls.trace():
    first = block(x)[0, 0, 0, 0]
    first.backward()
graph = dls.graph(first, block, names={"x": x, "y[0, 0, 0, 0]": first})
lesson.graph(graph, "graph", steps={"shortcut and block, added": "x"})
graph

# %% [markdown]
# ### Why the last layer is linear
#
# The paper's experiment. Take a flat curve, bring it into $n$ dimensions with a random
# matrix $T$, apply ReLU, and go back as well as one can. With few dimensions whole
# parts of the curve have collapsed to a line or a point: ReLU has cut off what was
# negative. With many, some dimension still has the number. *So use ReLU where there are
# many channels, inside, and none at the thin end.*

# %%
angle = np.linspace(0, 4 * np.pi, 400)
spiral = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1) / 12
collapse = {}
fig, axes = plt.subplots(1, 5, figsize=(14, 3.1))
shown = axes[0].scatter(*spiral.T, c=angle, s=4, cmap="hsv")
axes[0].set_title("the curve")
for ax, n in zip(axes[1:], (2, 3, 5, 30), strict=True):
    errors = []
    for seed in range(20):
        T = np.random.default_rng(seed).standard_normal((2, n))
        back = np.maximum(0, spiral @ T) @ np.linalg.pinv(T)
        scale = np.linalg.lstsq(back, spiral, rcond=None)[0]
        errors.append(np.linalg.norm(back @ scale - spiral) / np.linalg.norm(spiral))
        if seed == lesson.seed % 20:
            ax.scatter(*back.T, c=angle, s=4, cmap="hsv")
    collapse[n] = float(np.mean(errors))
    ax.set_title(f"through {n} dimensions")
for ax in axes:
    ax.set(xticks=[], yticks=[])
    ax.set_aspect("equal", "datalim")
fig.tight_layout()
lesson.figure(fig, "collapse")
print("lost of the curve, mean of 20:", {n: f"{e:.2f}" for n, e in collapse.items()})
assert collapse[2] > 2 * collapse[30]

# %% [markdown]
# ## Train
#
# ### Split against full convolutions
#
# A small MobileNetV2 for digits of 8 x 8, and a twin in which every depthwise
# convolution is replaced by a full one over all channels.


# %%
def conv_norm(before, after, f, stride=1, groups=1):
    """Convolution, batch norm, ReLU6."""
    conv = nn.Conv2d(
        before, after, f, stride=stride, padding=f // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU6())


class FullBlock(nn.Module):
    """An inverted residual whose middle convolution mixes all channels."""

    def __init__(self, before, after, stride, expand):
        super().__init__()
        wide = before * expand
        self.add = stride == 1 and before == after
        self.conv = nn.Sequential(
            conv_norm(before, wide, 1), conv_norm(wide, wide, 3, stride),
            nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after),
        )

    def forward(self, x):
        """(m, before, h, w) -> (m, after, h / stride, w / stride)."""
        return x + self.conv(x) if self.add else self.conv(x)


def small_base(block=models.InvertedResidual):
    """64 features of digits: eight layers in a row."""
    return nn.Sequential(
        conv_norm(1, 16, 3),
        block(16, 16, 1, 4),
        block(16, 24, 2, 4),
        block(24, 24, 1, 4),
        block(24, 32, 2, 4),
        conv_norm(32, 64, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )


class Batches:
    """Batches for fit, in a new order each epoch; `augment` changes the pictures."""

    def __init__(self, X, Y, seed, size=50, augment=None):
        self.X, self.Y, self.size, self.augment = X, Y, size, augment
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.X) // self.size

    def __iter__(self):
        order = self.rng.permutation(len(self.X))
        for i in range(len(self)):
            chosen = order[self.size * i : self.size * (i + 1)]
            X = self.X[chosen]
            X = X if self.augment is None else self.augment(X)
            yield dls.Tensor(X), dls.Tensor(self.Y[chosen])


def train_network(network, batches, epochs, rate=0.01, show=False, body_rate=None):
    """The costs; Adam on what can move, the base with a rate of its own if given."""
    heads = list(network.head.parameters())
    bodies = [p for p in network.base.parameters() if p.requires_grad]
    groups = [{"params": heads, "lr": rate}]
    if bodies:
        groups.append({"params": bodies, "lr": body_rate or rate})
    optimizer = optim.Adam(groups)
    falling = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    history = dls.fit(
        network, F.cross_entropy, optimizer, batches, epochs, capture=True,
        scheduler=falling, progress=show,
    )
    return list(history["loss"])


def percent(network, X, Y):
    """Percent right, in evaluation mode."""
    was = network.training
    network.eval()
    with dls.no_grad():
        scores = network(dls.Tensor(X)).numpy()
    network.train(was)
    return 100 * float(np.mean(scores.argmax(axis=1) == Y))


def work(base, X):
    """Multiplications of the convolutions for one picture."""
    total, h = 0, dls.Tensor(X[:1])

    def count(layer, inputs, output):
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            total += layer.weight.size * output.shape[2] * output.shape[3]

    hooks = [layer.register_forward_hook(count) for layer in base.modules()]
    with dls.no_grad():
        base.eval()(h)
    for hook in hooks:
        hook.remove()
    base.train()
    return total


epochs = 1 if lesson.fast else 8
runs = {}
for name, block in (("separable", models.InvertedResidual), ("full", FullBlock)):
    dls.manual_seed(lesson.seed)
    network = TransferNetwork(small_base(block), nn.Linear(64, 10))
    costs = train_network(network, Batches(train_X, train_Y, lesson.seed), epochs,
                          show=True)
    runs[name] = {
        "parameters": sum(p.size for p in network.parameters()),
        "multiplications": work(network.base, train_X),
        "train_accuracy": percent(network, train_X, train_Y),
        "test_accuracy": percent(network, test_X, test_Y),
        "costs": costs,
    }
lesson.table(
    ["convolutions", "parameters", "multiplications", "train %", "test %"],
    [
        [
            name, f"{run['parameters']:,}", f"{run['multiplications']:,}",
            f"{run['train_accuracy']:.1f}", f"{run['test_accuracy']:.1f}",
        ]
        for name, run in runs.items()
    ],
)
assert runs["separable"]["multiplications"] < 0.25 * runs["full"]["multiplications"]

# %% [markdown]
# ### Transfer: frozen and thawed
#
# The course takes a MobileNetV2 that has seen a million photographs of a thousand
# kinds, and asks it about alpacas. Here is the same situation in small.
#
# - **The source.** Digits 0 to 4 in front of backgrounds, a new background each time,
#   and each digit in four orientations: twenty classes. Of these we have as many
#   pictures as we like.
# - **The task.** Digits 5 to 9 in front of backgrounds, upright, and *eight* pictures
#   of each to learn from.
#
# Four ways to use them, with augmentation and the same number of steps:
#
# | | base from the source | moves |
# |---|---|---|
# | scratch | no | all |
# | frozen | yes | a new head |
# | thawed | yes | a new head and the upper layers of the base |
# | all thawed | yes | all |
#
# *Which will win?* Three choices of 40 pictures each, and the means.


# %%
def photographed(X, rng):
    """Digits (m, 1, 8, 8), each in front of a new smooth background."""
    rough = rng.standard_normal((len(X), 1, 4, 4))
    rough = rough.repeat(2, axis=2).repeat(2, axis=3)
    moves = ((0, 0), (1, 0), (0, 1), (0, -1))
    smooth = sum(np.roll(rough, move, (2, 3)) for move in moves)
    low = smooth.min(axis=(2, 3), keepdims=True)
    behind = 0.6 * (smooth - low) / np.ptp(smooth, axis=(2, 3), keepdims=True)
    light = behind + 0.55 * (X + 1) / 2 * (1 - behind)  # from 0 to 1
    return (2 * light - 1).astype("float32")


def turned(X, Y):
    """Each picture in four orientations, each orientation with classes of its own."""
    pictures = [np.rot90(X, turns, (2, 3)) for turns in range(4)]
    return np.concatenate(pictures), np.concatenate([Y + 5 * k for k in range(4)])


is_A, is_A_test = train_Y < 5, test_Y < 5
A_X, A_Y = train_X[is_A], train_Y[is_A]
A_test_X, A_test_Y = turned(test_X[is_A_test], test_Y[is_A_test])
A_test_X = photographed(A_test_X, rng)
B_clean, B_Y = train_X[~is_A], train_Y[~is_A] - 5
B_X, B_test_Y = photographed(B_clean, rng), test_Y[~is_A_test] - 5
B_test_clean = test_X[~is_A_test]
B_test_X = photographed(B_test_clean, rng)

A_pictures, A_classes = turned(A_X, A_Y)
shown = rng.choice(len(A_classes), 9, replace=False)
fig, axes = plt.subplots(2, 9, figsize=(13, 3.6))
for column, i in enumerate(shown):
    source_picture = photographed(A_pictures[i : i + 1], rng)
    axes[0, column].imshow(source_picture[0, 0], cmap="gray", vmin=-1, vmax=1)
    digit, turns = A_classes[i] % 5, A_classes[i] // 5
    axes[0, column].set_title(f"{digit}, {90 * turns} degrees", fontsize=9)
    axes[1, column].imshow(B_X[column, 0], cmap="gray", vmin=-1, vmax=1)
    axes[1, column].set_title(B_Y[column] + 5, fontsize=9)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("the source")
axes[1, 0].set_ylabel("the task")
fig.tight_layout()
lesson.figure(fig, "task")


def make_source(X, Y, classes, epochs):
    """A network trained on these digits, in front of new backgrounds each time."""
    dls.manual_seed(lesson.seed)
    network = TransferNetwork(small_base(), nn.Linear(64, classes))
    backgrounds = np.random.default_rng(lesson.seed)
    batches = Batches(X, Y, lesson.seed, augment=lambda x: photographed(x, backgrounds))
    train_network(network, batches, epochs, show=True)
    return network


source = make_source(A_pictures, A_classes, 20, 1 if lesson.fast else 10)
A_accuracy = percent(source, A_test_X, A_test_Y)
print(f"the source's twenty classes: test {A_accuracy:.1f} %")
UPPER = 3  # layers 0, 1 and 2 of the base stay frozen


def gentle(seed):
    """Turned by up to 10 degrees, moved by up to one pixel."""
    return data_augmenter(8, 10, 1, False, generator=dls.Generator(seed))


def some_of_each(count, seed):
    """The places of `count` pictures of each of the digits 5 to 9."""
    first = count * seed
    places = [np.flatnonzero(B_Y == c)[first : first + count] for c in range(5)]
    return np.concatenate(places)


def new_network(seed, source=None):
    """A new head on the base of `source`, or on a base that knows nothing."""
    dls.manual_seed(seed)
    network = TransferNetwork(small_base(), nn.Linear(64, 5))
    if source is not None:
        network.base.load_state_dict(source.base.state_dict())
    return network


def transferred(source, frozen_layers, seed):
    """(network, test accuracy, numbers that move) after training on 40 pictures."""
    network, chosen = new_network(seed, source), some_of_each(8, seed)
    moving = freeze(network.base, frozen_layers) + 64 * 5 + 5
    batches = Batches(B_X[chosen], B_Y[chosen], seed, 40, gentle(seed))
    train_network(network, batches, rounds)
    return network, percent(network, B_test_X, B_test_Y), moving


rounds = 10 if lesson.fast else 120
choices = range(1 if lesson.fast else 3)
ways = {
    "scratch": (None, 0),
    "frozen": (source, len(source.base)),
    "thawed": (source, UPPER),
    "all thawed": (source, 0),
}
transfer, networks = {}, {}
for name in lesson.progress(ways, "transfer", "ways"):
    found = [transferred(*ways[name], seed) for seed in choices]
    networks[name] = found[0][0]
    transfer[name] = {
        "test_accuracy": float(np.mean([accuracy for _, accuracy, _ in found])),
        "choices": [accuracy for _, accuracy, _ in found],
        "moving": found[0][2],
    }
lesson.table(
    ["40 pictures of 5 to 9", "numbers that move", "test %", "lowest", "highest"],
    [
        [
            name, f"{run['moving']:,}", f"{run['test_accuracy']:.1f}",
            f"{min(run['choices']):.1f}", f"{max(run['choices']):.1f}",
        ]
        for name, run in transfer.items()
    ],
)

# %% [markdown]
# With 40 pictures the middle way wins, and all thawed comes second. The lower layers
# know what a stroke is and what a background is, and 40 pictures could only spoil that.
# The upper ones have learned what tells a 0 from a turned 4; a head alone cannot make a
# 5 of it.

# %% [markdown]
# ## Look at it
#
# What augmentation makes of one picture, gently, and as the course's notebook does it.
# Its `RandomRotation(0.2)` sounds small: 0.2 is a fraction of a *full turn*, 72 degrees
# each way. With `RandomFlip("horizontal")` that is fine for alpacas. For digits it is
# not: a mirrored 5 looks like a 2, and a turned 6 is on its way to a 9. Change only
# what does not change the answer.

# %%
wild = data_augmenter(8, 72, 0, True, generator=dls.Generator(lesson.seed))
fig, axes = plt.subplots(2, 9, figsize=(13, 3.3))
one = B_clean[some_of_each(1, 0)[:1]]
for row, (name, augment) in enumerate(
    (("10 degrees,\n1 pixel", gentle(lesson.seed)), ("72 degrees,\nflips", wild))
):
    axes[row, 0].imshow(one[0, 0], cmap="gray", vmin=-1, vmax=1)
    axes[row, 0].set_ylabel(name)
    for ax in axes[row, 1:]:
        ax.imshow(augment(one)[0, 0], cmap="gray", vmin=-1, vmax=1)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_title("the picture", fontsize=9)
fig.tight_layout()
lesson.figure(fig, "augmented")

augmented = {}
for name, make in (
    ("none", lambda seed: None),
    ("gentle", gentle),
    ("72 degrees and flips",
     lambda seed: data_augmenter(8, 72, 0, True, generator=dls.Generator(seed))),
):
    found = []
    for seed in choices:
        network, chosen = new_network(seed), some_of_each(5, seed)
        batches = Batches(B_clean[chosen], B_Y[chosen], seed, 25, make(seed))
        train_network(network, batches, rounds)
        found.append(percent(network, B_test_clean, B_test_Y))
    augmented[name] = float(np.mean(found))
lesson.table(
    ["25 digits without background, from scratch", "test %"],
    [[name, f"{value:.1f}"] for name, value in augmented.items()],
)

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
for place, run in enumerate(transfer.values()):
    left.bar(place, run["test_accuracy"], color=f"C{place}", alpha=0.6)
    left.plot([place] * len(run["choices"]), run["choices"], "ko", ms=4)
left.set_xticks(range(4), list(transfer))
left.set(ylabel="test accuracy, %", ylim=(0, 102))
left.set_title("40 pictures of a new task; dots: choices")
for name, run in runs.items():
    label = f"{name}, {run['multiplications']:,} multiplications"
    right.semilogy(range(1, epochs + 1), run["costs"], ".-", label=label)
right.set(xlabel="epoch", ylabel="training cost (log scale)")
right.set_title("split and full convolutions, all digits")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3, axis="y")
fig.tight_layout()
lesson.figure(fig, "training")

# %% [markdown]
# ## Break it
#
# **1. `groups` forgotten.** The output has the right shape, the layer learns, and the
# saving is gone. Count.

# %%
split, whole = nn.Conv2d(96, 96, 3, groups=96), nn.Conv2d(96, 96, 3)
assert split(dls.zeros((1, 96, 5, 5))).shape == whole(dls.zeros((1, 96, 5, 5))).shape
print(f"weights: {split.weight.size:,} with groups=96, {whole.weight.size:,} without")
assert whole.weight.size == 96 * split.weight.size

# %% [markdown]
# **2. The filter's gradient summed over channels**, as in a normal convolution: one
# channel's error moves all filters.


# %%
def shared_backward(dY, cache):
    """WRONG: every channel's filter gets the sum of all their gradients."""
    dX, grads = inverted_residual_backward(dY, cache)
    summed = np.broadcast_to(grads["dWd"].sum(axis=2, keepdims=True), (3, 3, 6))
    return dX, grads | {"dWd": summed}


wrong_dX, wrong_grads = shared_backward(dY, cache)
report = check.check_gradients(block_cost, at, {"dX": wrong_dX, **wrong_grads})
summed_over = [c.name for c in report.wrong]
print("wrong:", summed_over)
assert summed_over == ["dWd"]

# %% [markdown]
# **3. ReLU instead of ReLU6 on the way back.** Numbers above 6 were cut off, so nothing
# comes back through them. With small numbers nobody notices: test with large ones.

# %%
above = float(np.mean(cache[1] > 6)), float(np.mean(cache[3] > 6))
_, _, _, Zd, _ = cache
wrong_dZd = (dY @ parameters["Wp"].T) * (Zd > 0)
right_dZd = wrong_dZd * (Zd < 6)
print(f"above 6: {100 * above[0]:.1f} % and {100 * above[1]:.1f} % of the numbers")
wrong_dWd = depthwise_backward(wrong_dZd, cache[2])[1]
verdict = dls.compare("dWd with the mask of ReLU", wrong_dWd, grads["dWd"])
assert not verdict.ok and above[1] > 0

# %% [markdown]
# **4. Frozen, but not its batch norm.** `requires_grad = False` stops the weights. In
# training mode the moving statistics move on all the same, towards the new pictures:
# the base is not the one you froze any more, and what it says about the *old* task
# changes.

# %%
forgotten = new_network(0, source)
freeze(forgotten.base, len(forgotten.base))
kept = {k: v.numpy().copy() for k, v in forgotten.base.state_dict().items()}
chosen = some_of_each(8, 0)
nn.Module.train(forgotten, True)  # without our override
with dls.no_grad():
    for _ in range(50):
        forgotten(dls.Tensor(B_X[chosen]))
changed = [
    name for name, value in forgotten.base.state_dict().items()
    if not np.array_equal(value.numpy(), kept[name])
]
old_task = TransferNetwork(forgotten.base, source.head)
statistics = {
    "changed": len(changed),
    "before": A_accuracy,
    "after": percent(old_task, A_test_X, A_test_Y),
}
print(
    f"{len(changed)} arrays have changed, such as {changed[0]}; on its old task "
    f"{statistics['before']:.1f} % became {statistics['after']:.1f} %"
)
assert changed and all("running" in c or "num_batches" in c for c in changed)

# %% [markdown]
# **5. Thawed too late.** An optimizer moves what it was *given*. Parameters that were
# frozen when it was made are not in it, and thawing them afterwards has no effect, and
# no message either. Make a new optimizer after thawing.

# %%
late = new_network(0, source)
freeze(late.base, len(late.base))
late_optimizer = optim.Adam([p for p in late.parameters() if p.requires_grad], lr=0.01)
freeze(late.base, UPPER)
before = late.base[4].state_dict()
before = {k: v.numpy().copy() for k, v in before.items() if k.endswith("weight")}
late.train()
for _ in range(3):
    late_optimizer.zero_grad()
    loss = F.cross_entropy(late(dls.Tensor(B_X[chosen])), dls.Tensor(B_Y[chosen]))
    loss.backward()
    late_optimizer.step()
after = late.base[4].state_dict()
stuck = all(np.array_equal(v, after[k].numpy()) for k, v in before.items())
print("the thawed block has moved:", not stuck)
assert stuck

# %% [markdown]
# **6. A base that had too little to tell apart.** The same source without the four
# orientations: five classes in place of twenty, and as many steps. Its own
# task is easier, so it had to learn less, and it is worth less for another one.
# ImageNet's thousand classes are what makes its networks useful.

# %%
narrow_source = make_source(A_X, A_Y, 5, 4 if lesson.fast else 40)
found = [transferred(narrow_source, UPPER, seed)[1] for seed in choices]
narrow = {
    "twenty classes": transfer["thawed"]["test_accuracy"],
    "five classes": float(np.mean(found)),
}
print("thawed, from a source of", {k: f"{v:.1f} %" for k, v in narrow.items()})

# %% [markdown]
# **7. Pixels as they come.** The base learned from pixels between -1 and 1. Given 0 to
# 255 it says something about every picture, without complaint. `models.load` gives each
# trained network its own `transform` for this reason; the course calls
# `preprocess_input`.

# %%
raw = 127.5 * (B_test_X + 1)
scales = {
    "-1 to 1": percent(networks["thawed"], B_test_X, B_test_Y),
    "0 to 255": percent(networks["thawed"], raw, B_test_Y),
}
print({name: f"{value:.1f} %" for name, value in scales.items()})

# %% [markdown]
# ## Recap
#
# - Depthwise then pointwise: $1/n_C' + 1/f^2$ of the multiplications.
# - Expand, filter, project; ReLU6 inside, nothing at the thin end; the shortcut
#   connects the thin ends.
# - 2,223,872 numbers learned in MobileNetV2 without its head, 2,257,984 with the moving
#   statistics; the course's head has 1,281.
# - Freeze weights *and* statistics. With few pictures thaw the upper layers only.
# - A base is worth what its own task had to tell apart.
# - Change pictures only in ways that do not change the answer.
#
# ## Questions
#
# 1. Which part of a separable convolution dominates with 512 channels?
#    <details><summary>Answer</summary>
#    The pointwise one: 512 multiplications a number, against 9.
#    </details>
# 2. Why does an inverted residual need less memory than ResNet's bottleneck?
#    <details><summary>Answer</summary>
#    What is kept for the sum is the thin end. The wide middle can be computed in parts.
#    </details>
# 3. Which numbers of a frozen base can still change, and when?
#    <details><summary>Answer</summary>
#    Moving means and variances of batch norm, in every forward pass in training mode.
#    </details>
# 4. With 4,000 pictures of the new task, how much would you thaw?
#    <details><summary>Answer</summary>
#    All: there is enough to learn even the lower layers from, and they start from a
#    better place than at random.
#    </details>
#
# ## Go further
#
# - The course trains the head first, then thaws with a tenth of the rate. Try it
#   (`body_rate` of `train_network`), with 10 and with 120 steps.
# - `models.load("squeezenet1_1")` is a real base with a thousand classes: put a head on
#   its features, as in `c3w2-transfer-and-multi-task`, and thaw its last Fire modules.
# - `models.mobilenet_v1(width_mult=0.25)`: what does half the width cost, and save?
# - Next: `c4w3-localization-and-sliding-windows`: where things are, too.

# %%
# The end.
if not lesson.fast:
    assert runs["separable"]["test_accuracy"] > 93
    reached = {name: run["test_accuracy"] for name, run in transfer.items()}
    assert reached["thawed"] > max(reached["scratch"], reached["frozen"]) + 8
    assert augmented["gentle"] > augmented["72 degrees and flips"]
lesson.finish(
    {
        "parameters": torch_count,
        "keras": keras_count,
        "head": head_count,
        **runs,
        **{name.replace(" ", "_"): run for name, run in transfer.items()},
        "source_accuracy": A_accuracy,
        "augmented": augmented,
        "collapse": collapse,
        "broken": {
            "summed_over": summed_over,
            "statistics": statistics,
            "stuck": stuck,
            "narrow": narrow,
            "scales": scales,
        },
    }
)
