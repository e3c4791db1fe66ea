# %% [markdown]
# # Residual networks: layers that learn what to add
#
# Course 4, week 2. About two hours with the exercises. On the course's pictures the
# script runs for half a minute, on the built-in ones for twenty seconds, with `--fast`
# for a few seconds.
#
# **Goal.** A deeper network should never do worse than a shallow one: its extra layers
# could just pass on their input. In practice plain networks get *worse* with depth,
# on the training set too. One addition mends that. You will
#
# - build the identity block and the convolutional block by hand, forward and backward,
#   with batch normalization inside,
# - see the gradient split at the sum and come back together at the input,
# - count ResNet-50 as PyTorch does and as Keras does, and explain the difference,
# - train plain and residual networks of growing depth, and measure where the gradient
#   goes,
# - read hand signs with a small residual network,
# - break it in six ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step` for the convolution and `c2w3-batch-normalization` for
# the gradient through mean and variance. This lesson answers the notebook *Residual
# Networks* (2017 and 2021); the names and arguments are those of 2021. The part by hand
# has pictures $(m, n_H, n_W, n_C)$, the layers have $(m, n_C, n_H, n_W)$. The paper:
# He, Zhang, Ren and Sun 2015.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim
from tinygrad_dls.train.lesson import start_lesson
from tinygrad_dls.vision import transforms

lesson = start_lesson("c4w2-residual-networks")
digits = lesson.load("digits")  # for the comparison of depths
pictures = lesson.load("signs")  # for the last training; digits stand in
real = pictures.where != "built-in"
C = len(pictures.classes)


def to_engine(X):
    """(m, n_H, n_W, n_C) -> (m, n_C, n_H, n_W)."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2))


def centered(images):
    """Training and test pictures for the engine, less the mean of the training set."""
    train_X, test_X = images.train_x_orig / 255.0, images.test_x_orig / 255.0
    mean = train_X.mean(axis=(0, 1, 2))
    return [to_engine(X - mean).astype("float32") for X in (train_X, test_X)]


train_X, test_X = centered(pictures)
train_Y, test_Y = pictures.train_y[0], pictures.test_y[0]  # (m,)
size, channels = train_X.shape[2], train_X.shape[1]
print(f"train {train_X.shape}, test {test_X.shape}, {C} classes")

# %% [markdown]
# ## The idea in a picture
#
# A plain block computes $A = g(F(X))$. A residual block computes $A = g(F(X) + X)$: the
# input takes a *shortcut* around the layers, and the layers learn only what is to be
# added, the residual.

# %%
fig, axes = plt.subplots(1, 2, figsize=(12, 2.9))
boxes = ("conv, BN\nReLU", "conv, BN\nReLU", "conv, BN")
arrow = {"arrowstyle": "->", "color": "black", "lw": 1.3}
for ax, residual in zip(axes, (False, True), strict=True):
    ax.text(-0.3, 0, "X", ha="center", va="center", fontsize=12)
    for place, text in enumerate(boxes):
        corner = (0.55 + 1.5 * place, -0.4)
        ax.add_patch(plt.Rectangle(corner, 1, 0.8, fc="#e7eefb", ec="tab:blue"))
        ax.text(corner[0] + 0.5, 0, text, ha="center", va="center", fontsize=9)
        left = corner[0]
        ax.annotate("", (left, 0), (left - 0.5, 0), arrowprops=arrow)
    last = 5.2
    if residual:
        ax.annotate("", (last, 0), (4.55, 0), arrowprops=arrow)
        ax.text(last + 0.15, 0, "+", ha="center", va="center", fontsize=15)
        ax.plot([-0.3, -0.3, last + 0.15], [0.22, 0.95, 0.95], color="tab:red", lw=1.5)
        down = arrow | {"color": "tab:red"}
        ax.annotate("", (last + 0.15, 0.15), (last + 0.15, 0.97), arrowprops=down)
        ax.text(2.5, 1.0, "shortcut", color="tab:red", ha="center", va="bottom")
    ax.annotate("", (6.1, 0), (last + 0.3 if residual else 4.55, 0), arrowprops=arrow)
    ax.text(6.55, 0, "ReLU, A", ha="center", va="center", fontsize=11)
    ax.set(xlim=(-0.6, 7.1), ylim=(-0.6, 1.4))
    ax.set_title("a residual block: A = ReLU(F(X) + X)" if residual
                 else "a plain block: A = ReLU(F(X))")
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# One number in, two weights, no batch norm: $F(x) = w_2 \max(0, w_1 x)$ with $x = 3$,
# $w_1 = 0.5$, $w_2 = -0.4$. So $F = -0.6$.
#
# - Plain: $a = \max(0, -0.6) = 0$, and the derivative $da/dx$ is 0. This block is dead.
# - Residual: $a = \max(0, 3 - 0.6) = 2.4$, and $da/dx = 1 + w_2 w_1 = 0.8$.
#
# Now twenty blocks in a row, all with $w_1 = w_2 = 0.1$. Plain: the derivative is
# $0.01^{20} = 10^{-40}$. Residual: $1.01^{20} = 1.22$. *Where does the 1 come from?*
# The shortcut: whatever the layers do, the gradient also comes back around them.

# %%
w1, w2, x = 0.5, -0.4, 3.0
print(f"plain {max(0, w2 * w1 * x):g}, residual {max(0, x + w2 * w1 * x):g}")
print(f"twenty blocks: plain {0.01**20:.0e}, residual {1.01**20:.2f}")
assert np.isclose(max(0, x + w2 * w1 * x), 2.4) and 1.21 < 1.01**20 < 1.23

# %% [markdown]
# ## The mathematics
#
# **Batch normalization of pictures.** Each *channel* has one mean and one variance,
# over all examples and all places: $N = m\, n_H n_W$ numbers. The formulas are those of
# `c2w3-batch-normalization` with $N$ in place of $m$:
#
# $$\hat Z = \frac{Z - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad
# \tilde Z = \gamma \hat Z + \beta \qquad
# \mu, \sigma^2, \gamma, \beta : (1, 1, 1, n_C)$$
#
# $$dZ = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \Big( g - \overline{g}
# - \hat Z\, \overline{g \hat Z} \Big) \qquad g = \gamma\, d\tilde Z$$
#
# with the bar for the mean over those $N$ numbers. When it predicts, $\mu$ and
# $\sigma^2$ are stored constants, and the two means drop out: $dZ = g / \sqrt{\sigma^2
# + \epsilon}$.
#
# **The block.** With $S = F(X) + X$ and $A = \max(0, S)$:
#
# $$dS = dA * [S > 0] \qquad dX = dS + J_F^T\, dS$$
#
# $J_F^T dS$ is what comes back through the layers. A sum hands its gradient to *both*
# of its inputs; a value that is used twice *adds* what both uses report. Everything
# below follows from these two rules. Over many blocks, as long as the ReLUs behind the
# sums are open:
#
# $$X_L = X_l + \sum_{i=l}^{L-1} F_i(X_i) \qquad
# \frac{\partial J}{\partial X_l} = \frac{\partial J}{\partial X_L}
# \Big(1 + \frac{\partial}{\partial X_l} \sum_{i=l}^{L-1} F_i(X_i)\Big)$$
#
# **Other shapes.** $F(X) + X$ needs equal shapes. Where a block halves height and width
# or changes the channels, the shortcut gets a $1 \times 1$ convolution of its own with
# the same stride, and a batch norm: the *convolutional block*. Then
# $dX = J_F^T dS + J_{short}^T dS$.
#
# ## Your code
#
# **Exercise 1.** Batch normalization of $Z$ $(m, n_H, n_W, n_C)$. In training $\mu$ and
# $\sigma^2$ are those of the batch, else those in `moving`. $\epsilon$ is Keras's.
#
# **Exercise 2.** Its backward pass; `training` decides about the two means.


# %%
def batchnorm_forward(Z, gamma, beta, training=True, moving=(0.0, 1.0), epsilon=1e-3):
    """Z_tilde of the shape of Z, and the cache; gamma, beta (1, 1, 1, n_C)."""
    # BEGIN SOLUTION
    if training:
        mu = Z.mean(axis=(0, 1, 2), keepdims=True)  # (1, 1, 1, n_C)
        var = Z.var(axis=(0, 1, 2), keepdims=True)  # (1, 1, 1, n_C)
    else:
        mu, var = moving
    s = np.sqrt(var + epsilon)  # the width
    Z_norm = (Z - mu) / s  # (m, n_H, n_W, n_C)
    Z_tilde = gamma * Z_norm + beta  # (m, n_H, n_W, n_C)
    # END SOLUTION
    return Z_tilde, (Z_norm, gamma, s, training)


def batchnorm_backward(dZ_tilde, cache):
    """dZ (m, n_H, n_W, n_C), dgamma and dbeta (1, 1, 1, n_C)."""
    Z_norm, gamma, s, training = cache
    # BEGIN SOLUTION
    dgamma = np.sum(dZ_tilde * Z_norm, axis=(0, 1, 2), keepdims=True)
    dbeta = np.sum(dZ_tilde, axis=(0, 1, 2), keepdims=True)
    g = gamma * dZ_tilde  # (m, n_H, n_W, n_C)
    if training:
        mean_gz = np.mean(g * Z_norm, axis=(0, 1, 2), keepdims=True)
        g = g - np.mean(g, axis=(0, 1, 2), keepdims=True) - Z_norm * mean_gz
    dZ = g / s
    # END SOLUTION
    return dZ, dgamma, dbeta


# %% [markdown]
# The convolution is the one of `c4w1-convolution-step-by-step`. `conv_bn` joins it with
# the batch norm, and its backward pass puts the four gradients of `name` into `grads`.
# Parameters of the first convolution are `W1`, `b1`, `gamma1`, `beta1`, those of the
# shortcut `Ws`, `bs`, `gammas`, `betas`. As in the course, an initializer is called
# with a seed and gives a function that draws; every weight gets the same seed.


# %%
def conv_forward(A_prev, W, b, s=1, same=False):
    """Z (m, n_H, n_W, n_C), and the cache; same: keep the size, else no padding."""
    f = W.shape[0]
    pad = ((f - 1) // 2, f // 2) if same else (0, 0)
    padded = np.pad(A_prev, ((0, 0), pad, pad, (0, 0)))
    n_H, n_W = ((n - f) // s + 1 for n in padded.shape[1:3])
    Z = np.tile(b, (len(A_prev), n_H, n_W, 1))
    for u in range(f):
        for v in range(f):
            Z += padded[:, u : u + n_H * s : s, v : v + n_W * s : s] @ W[u, v]
    return Z, (A_prev.shape, padded, W, s, pad[0])


def conv_backward(dZ, cache):
    """dA_prev, dW, db (1, 1, 1, n_C)."""
    (_, height, width, _), padded, W, s, first = cache
    _, n_H, n_W, _ = dZ.shape
    d_padded, dW = np.zeros(padded.shape), np.zeros(W.shape)
    for u, v in np.ndindex(W.shape[:2]):
        rows, columns = slice(u, u + n_H * s, s), slice(v, v + n_W * s, s)
        pixels = padded[:, rows, columns]
        dW[u, v] = np.tensordot(pixels, dZ, axes=((0, 1, 2), (0, 1, 2)))
        d_padded[:, rows, columns] += dZ @ W[u, v].T
    dA_prev = d_padded[:, first : first + height, first : first + width]
    return dA_prev, dW, dZ.sum(axis=(0, 1, 2), keepdims=True)


def conv_bn(X, parameters, name, s=1, same=False, training=True):
    """Convolution, then batch norm: Z_tilde and the cache."""
    W, b, gamma, beta = (parameters[k + name] for k in ("W", "b", "gamma", "beta"))
    Z, conv_cache = conv_forward(X, W, b, s, same)
    Z_tilde, bn_cache = batchnorm_forward(Z, gamma, beta, training)
    return Z_tilde, (name, conv_cache, bn_cache)


def conv_bn_backward(dZ_tilde, cache, grads):
    """dX; the gradients of W, b, gamma and beta go into grads."""
    name, conv_cache, bn_cache = cache
    dZ, grads["dgamma" + name], grads["dbeta" + name] = batchnorm_backward(
        dZ_tilde, bn_cache
    )
    dX, grads["dW" + name], grads["db" + name] = conv_backward(dZ, conv_cache)
    return dX


def random_uniform(seed=0):
    """A function that draws an array of a shape, from -0.05 to 0.05."""
    return lambda shape: np.random.default_rng(seed).uniform(-0.05, 0.05, shape)


def glorot_uniform(seed=0):
    """The same, to Glorot's limit."""

    def draw(shape):
        area = int(np.prod(shape[:2]))
        limit = np.sqrt(6 / (area * (shape[2] + shape[3])))
        return np.random.default_rng(seed).uniform(-limit, limit, shape)

    return draw


def block_parameters(n_C, f, filters, initializer, shortcut=False):
    """Parameters of a block that gets n_C channels; scales 1, shifts and biases 0."""
    F1, F2, F3 = filters
    shapes = {"1": (1, 1, n_C, F1), "2": (f, f, F1, F2), "3": (1, 1, F2, F3)}
    if shortcut:
        shapes["s"] = (1, 1, n_C, F3)
    parameters = {}
    for name, shape in shapes.items():
        parameters["W" + name] = initializer(seed=0)(shape)
        parameters["gamma" + name] = np.ones((1, 1, 1, shape[3]))
        for kind in ("b", "beta"):
            parameters[kind + name] = np.zeros((1, 1, 1, shape[3]))
    return parameters


# %% [markdown]
# **Exercise 3.** The identity block: three times convolution and batch norm, named "1",
# "2" and "3"; the second one keeps the size ("same"). ReLU behind the first two, *then
# the sum*, then ReLU. The function returns $A$ and a cache (the course's returns $A$).
#
# **Exercise 4.** Backward. Start with $dS$, go through the layers from the last to the
# first, and do not forget the shortcut.


# %%
def identity_block(
    X, f, filters, training=True, initializer=random_uniform, parameters=None
):
    """A of the shape of X (m, n_H, n_W, F3), and the cache for the way back."""
    if parameters is None:
        parameters = block_parameters(X.shape[3], f, filters, initializer)
    # BEGIN SOLUTION
    Z1, c1 = conv_bn(X, parameters, "1", training=training)
    Z2, c2 = conv_bn(np.maximum(0, Z1), parameters, "2", same=True, training=training)
    Z3, c3 = conv_bn(np.maximum(0, Z2), parameters, "3", training=training)
    S = Z3 + X  # (m, n_H, n_W, F3)
    A = np.maximum(0, S)
    # END SOLUTION
    return A, (c1, Z1, c2, Z2, c3, S)


def identity_block_backward(dA, cache):
    """dX, and {"dW1", "db1", "dgamma1", "dbeta1", ...}."""
    c1, Z1, c2, Z2, c3, S = cache
    grads = {}
    # BEGIN SOLUTION
    dS = dA * (S > 0)
    dZ2 = conv_bn_backward(dS, c3, grads) * (Z2 > 0)
    dZ1 = conv_bn_backward(dZ2, c2, grads) * (Z1 > 0)
    dX = dS + conv_bn_backward(dZ1, c1, grads)  # both ways
    # END SOLUTION
    return dX, grads


# %% [markdown]
# **Exercise 5.** The convolutional block. The first convolution has the stride `s`, as
# in the paper and the course, and so has the one on the shortcut, "s".
#
# **Exercise 6.** Backward.


# %%
def convolutional_block(
    X, f, filters, s=2, training=True, initializer=glorot_uniform, parameters=None
):
    """A (m, n_H / s, n_W / s, F3), and the cache for the way back."""
    if parameters is None:
        parameters = block_parameters(X.shape[3], f, filters, initializer, True)
    # BEGIN SOLUTION
    Z1, c1 = conv_bn(X, parameters, "1", s, training=training)
    Z2, c2 = conv_bn(np.maximum(0, Z1), parameters, "2", same=True, training=training)
    Z3, c3 = conv_bn(np.maximum(0, Z2), parameters, "3", training=training)
    short, cs = conv_bn(X, parameters, "s", s, training=training)
    S = Z3 + short  # (m, n_H / s, n_W / s, F3)
    A = np.maximum(0, S)
    # END SOLUTION
    return A, (c1, Z1, c2, Z2, c3, cs, S)


def convolutional_block_backward(dA, cache):
    """dX, and the gradients of all sixteen parameters."""
    c1, Z1, c2, Z2, c3, cs, S = cache
    grads = {}
    # BEGIN SOLUTION
    dS = dA * (S > 0)
    dZ2 = conv_bn_backward(dS, c3, grads) * (Z2 > 0)
    dZ1 = conv_bn_backward(dZ2, c2, grads) * (Z1 > 0)
    dX = conv_bn_backward(dZ1, c1, grads) + conv_bn_backward(dS, cs, grads)
    # END SOLUTION
    return dX, grads


rng = np.random.default_rng(lesson.seed)
X = np.maximum(0, rng.standard_normal((3, 4, 4, 6)))  # as from a ReLU
A, _ = identity_block(X, 3, [2, 4, 6])
print("identity block:", X.shape, "->", A.shape)
print("convolutional block:", convolutional_block(X, 3, [2, 4, 8], s=2)[0].shape)
assert A.shape == X.shape

# %% [markdown]
# **Exercise 7.** How many numbers does a ResNet have? `stages` has (blocks, filters)
# for each stage. The stem is a 7 x 7 convolution with 64 filters and its batch norm,
# the end a linear layer. The first block of each stage is a convolutional one, the
# others are identity blocks. Count by kind: weights of convolutions; $\gamma$ and
# $\beta$; the linear layer with its biases; and two kinds that only Keras's count has:
# moving means and variances, and biases of the convolutions.

# %%
RESNET50 = [
    (3, (64, 64, 256)),
    (4, (128, 128, 512)),
    (6, (256, 256, 1024)),
    (3, (512, 512, 2048)),
]


def resnet_parameters(stages, classes):
    """{"weights", "batch_norm", "linear", "moving", "biases"}: how many of each."""
    before, normalized = 64, 64  # channels of the last output; of all batch norms
    weights = 7 * 7 * 3 * 64
    for blocks, (F1, F2, F3) in stages:
        for block in range(blocks):
            # BEGIN SOLUTION
            weights += before * F1 + 9 * F1 * F2 + F2 * F3
            normalized += F1 + F2 + F3
            if block == 0:
                weights += before * F3
                normalized += F3
            before = F3
            # END SOLUTION
    return {
        "weights": weights,
        "batch_norm": 2 * normalized,
        "linear": before * classes + classes,
        "moving": 2 * normalized,
        "biases": normalized,
    }


counts = resnet_parameters(RESNET50, 6)
torch_count = counts["weights"] + counts["batch_norm"] + counts["linear"]
lesson.table(
    ["ResNet-50, 6 classes", "numbers"],
    [
        ["weights of convolutions", f"{counts['weights']:,}"],
        ["scales and shifts of batch norms", f"{counts['batch_norm']:,}"],
        ["linear layer", f"{counts['linear']:,}"],
        ["as PyTorch counts", f"{torch_count:,}"],
        ["+ moving means and variances", f"{counts['moving']:,}"],
        ["+ biases of convolutions", f"{counts['biases']:,}"],
        ["as the course's summary counts", f"{sum(counts.values()):,}"],
    ],
)
assert torch_count == 23520326 and sum(counts.values()) == 23600006

# %% [markdown]
# The course's network keeps Keras's default of a bias for each convolution. Batch norm
# subtracts the mean, and the bias with it: those 26,560 numbers never do anything. (See
# "Break it".) The moving statistics are stored with the model, but not learned.
#
# `models.resnet50` is the same network, but for one thing: its blocks have the stride
# in the 3 x 3 convolution, as in today's libraries, and not in the 1 x 1 before it,
# which skips three pixels of four without ever looking at them. The counts do not
# change.

# %%
resnet50 = models.resnet50(num_classes=6)
counted = sum(p.size for p in resnet50.parameters())
as_keras = models.keras_parameters(resnet50)
print(f"models.resnet50: {counted:,}, as Keras counts {as_keras:,}")
assert (counted, as_keras) == (torch_count, sum(counts.values()))
with dls.no_grad():
    scores = resnet50.eval()(dls.zeros((1, 3, 64, 64)))
print("scores of one picture:", scores.shape)
del resnet50

# %% [markdown]
# **Exercise 8.** A block of the engine's layers, for training: two 3 x 3 convolutions,
# as in the paper's shallow networks. With `residual=False` the same layers without the
# shortcut: the plain network to compare with. `short` is None where the shapes agree.


# %%
class Block(nn.Module):
    """relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut), or without the shortcut."""

    def __init__(self, before, after, stride=1, residual=True):
        super().__init__()
        self.residual = residual
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.short = None
        if residual and (stride != 1 or before != after):
            conv = nn.Conv2d(before, after, 1, stride=stride, bias=False)
            self.short = nn.Sequential(conv, nn.BatchNorm2d(after))

    def forward(self, x):
        """(m, before, h, w) -> (m, after, h / stride, w / stride)."""
        # BEGIN SOLUTION
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.residual:
            y = y + (x if self.short is None else self.short(x))
        # END SOLUTION
        return F.relu(y)


# %% [markdown]
# ## Check it three ways
#
# **By hand.** With $\gamma_3 = 0$ and $\beta_3 = 0$ the layers add nothing: the block
# is the identity, exactly, for any input that is not negative. And the course's own
# test: a picture of 4 x 4 x 3 ones, all weights one, $f = 2$, predicting. Each batch
# norm divides by $\sqrt{1.001}$. The first convolution sums 3 channels, the second 4
# pixels of 4 channels, at the right or lower border 2 pixels, in the corner 1; the
# third sums 4 channels: $3 \cdot 16 \cdot 4 / 1.001^{3/2} + 1$ inside.

# %%
silent = block_parameters(6, 3, [2, 4, 6], random_uniform) | {
    "gamma3": np.zeros((1, 1, 1, 6))
}
assert np.array_equal(identity_block(X, 3, [2, 4, 6], parameters=silent)[0], X)


def constant_one(seed=0):
    """The initializer of the course's test."""
    return np.ones


ones = np.ones((1, 4, 4, 3))
A, _ = identity_block(ones, 2, [4, 4, 3], training=False, initializer=constant_one)
print(A[0, :, :, 0].round(3))
by_hand = {n: 3 * 4 * n * 4 / 1.001**1.5 + 1 for n in (4, 2, 1)}
assert np.allclose(A[0, :3, :3], by_hand[4]) and np.allclose(A[0, 3, 3], by_hand[1])
assert np.allclose(A[0, 3, :3], by_hand[2]) and np.allclose(A[0, :3, 3], by_hand[2])

# %% [markdown]
# **Against the engine**: `F.conv2d` and `F.batch_norm` on the same numbers, all
# gradients of both blocks, in training and in prediction.


# %%
def engine_conv_bn(x, p, name, s=1, same=False, training=True):
    """The same as conv_bn by the engine; x (m, n_C, n_H, n_W)."""
    W = p["W" + name]
    f = W.shape[0]
    if same:
        x = F.pad(x, ((f - 1) // 2, f // 2) * 2)
    n = W.shape[3]
    b, gamma, beta = (p[kind + name].reshape(n) for kind in ("b", "gamma", "beta"))
    z = F.conv2d(x, W.transpose(3, 2, 0, 1), b, stride=s)
    moving = dls.Tensor(np.zeros(n)), dls.Tensor(np.ones(n))
    return F.batch_norm(z, *moving, gamma, beta, training, eps=1e-3)


def engine_block(x, p, s, training):
    """Either block: with a shortcut convolution where p has one."""
    y = F.relu(engine_conv_bn(x, p, "1", s, training=training))
    y = F.relu(engine_conv_bn(y, p, "2", same=True, training=training))
    y = engine_conv_bn(y, p, "3", training=training)
    short = engine_conv_bn(x, p, "s", s, training=training) if "Ws" in p else x
    return F.relu(y + short)


def random_parameters(*shape, shortcut=False):
    """Parameters of a block, all of them random: zeros would hide mistakes."""
    drawn = block_parameters(*shape, glorot_uniform, shortcut)
    return {
        name: rng.standard_normal(p.shape) * 0.5 + (name[0] == "g")
        for name, p in drawn.items()
    }


identity_p = random_parameters(6, 3, [2, 4, 6])
strided_p = random_parameters(6, 3, [2, 4, 8], shortcut=True)
worst = {}
for training in (True, False):
    for p, s in ((identity_p, 1), (strided_p, 2)):
        if s == 1:
            A, cache = identity_block(X, 3, [2, 4, 6], training, parameters=p)
            way_back = identity_block_backward
        else:
            A, cache = convolutional_block(X, 3, [2, 4, 8], s, training, parameters=p)
            way_back = convolutional_block_backward
        dA = rng.standard_normal(A.shape)
        dX, grads = way_back(dA, cache)
        tensors = {
            k: dls.Tensor(v, requires_grad=True, name=k) for k, v in p.items()
        }
        x = dls.Tensor(to_engine(X), requires_grad=True, name="X")
        engine_A = engine_block(x, tensors, s, training)
        engine_A.backward(dls.Tensor(to_engine(dA)))
        verdicts = [
            dls.compare("A", to_engine(A), engine_A, print=False),
            dls.compare("dX", to_engine(dX), x.grad, print=False),
        ]
        for name, tensor in tensors.items():
            if training and name[0] == "b" and not name.startswith("beta"):
                assert np.abs(grads["d" + name]).max() < 1e-12  # see "Break it"
                continue
            verdicts.append(
                dls.compare("d" + name, grads["d" + name], tensor.grad, print=False)
            )
        assert all(verdict.ok for verdict in verdicts)
        mode = "training" if training else "predicting"
        kind = "identity" if s == 1 else "convolutional"
        print(f"{kind} block, {mode}: {len(verdicts)} arrays equal the engine's")

# %% [markdown]
# **Numerically**: the identity block in training, with respect to its input and every
# parameter.

# %%
dA = rng.standard_normal(X.shape)
small_X = X[:2, :3, :3] + 0.1
small_dA = dA[:2, :3, :3]
dX, grads = identity_block_backward(
    small_dA, identity_block(small_X, 3, [2, 4, 6], parameters=identity_p)[1]
)
tested = [name for name in identity_p if name[0] != "b" or name.startswith("beta")]


def block_cost(p):
    """A number to derive: the block's output, weighted with small_dA."""
    parameters = identity_p | {k: v for k, v in p.items() if k != "X"}
    return np.sum(
        small_dA * identity_block(p["X"], 3, [2, 4, 6], parameters=parameters)[0]
    )


at = {"X": small_X} | {name: identity_p[name] for name in tested}
mine = {"dX": dX} | {f"d{name}": grads[f"d{name}"] for name in tested}
report = check.check_gradients(block_cost, at, mine)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# One block on one picture. The shortcut is the line that goes around. Backward, `x`
# gets one gradient through the shortcut and one through the layers: the printed link
# opens `graph.html` at the step that adds them.

# %%
dls.manual_seed(lesson.seed)
block = Block(4, 4)
x = dls.randn(1, 4, 6, 6, requires_grad=True)
with dls.trace():
    total = block(x).sum()
    total.backward()
graph = dls.graph(total, block, names={"x": x, "total": total})
lesson.graph(graph, "graph", steps={"shortcut and layers, added": "x"})
graph

# %% [markdown]
# ## Train
#
# ### Plain against residual
#
# Digits of 8 x 8. A first convolution to 8 channels, then 1, 5, 13 or 27 blocks, then
# the mean of each channel and a linear layer: 4 to 56 layers with weights. Plain and
# residual networks have the *same* layers, the same start and the same batches.


# %%
class Batches:
    """Batches of 60 for fit, in a new order each epoch; moved by up to `by` pixels."""

    def __init__(self, X, Y, by, seed):
        self.X, self.Y = X, Y
        self.rng = np.random.default_rng(seed)
        self.move = None
        if by:
            self.move = transforms.RandomCrop(
                X.shape[2], padding=by, padding_mode="edge",
                generator=dls.Generator(seed),
            )

    def __len__(self):
        return len(self.X) // 60

    def __iter__(self):
        order = self.rng.permutation(len(self.X))
        for i in range(len(self)):
            chosen = order[60 * i : 60 * (i + 1)]
            X = self.X[chosen]
            X = X if self.move is None else self.move(X)
            yield dls.Tensor(X), dls.Tensor(self.Y[chosen])


def deep_network(blocks, residual, seed):
    """Scores of digits by 2 * blocks + 2 layers."""
    dls.manual_seed(seed)
    stem = (nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    body = (Block(8, 8, residual=residual) for _ in range(blocks))
    return nn.Sequential(
        *stem, *body, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(8, 10)
    )


def percent(network, X, Y):
    """Percent right, in evaluation mode."""
    network.eval()
    with dls.no_grad():
        scores = network(dls.Tensor(X)).numpy()
    network.train()
    return 100 * float(np.mean(scores.argmax(axis=1) == Y))


def gradient_norms(network, X, Y):
    """The size of dJ/dW of each convolution inside of the blocks, first to last."""
    network.zero_grad()
    F.cross_entropy(network(dls.Tensor(X)), dls.Tensor(Y)).backward()
    convolutions = [
        conv for layer in network if isinstance(layer, Block)
        for conv in (layer.conv1, layer.conv2)
    ]
    norms = [float(np.linalg.norm(conv.weight.grad.numpy())) for conv in convolutions]
    network.zero_grad()
    return norms


digits_X, digits_test_X = centered(digits)
digits_Y, digits_test_Y = digits.train_y[0], digits.test_y[0]
depths = (1, 3) if lesson.fast else (1, 5, 13, 27)
epochs = 1 if lesson.fast else 8
runs = {"plain": {}, "residual": {}}
for name, found in runs.items():
    for blocks in depths:
        network = deep_network(blocks, name == "residual", lesson.seed)
        at_start = gradient_norms(network, digits_X[:240], digits_Y[:240])
        optimizer = optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        batches = Batches(digits_X, digits_Y, 0, lesson.seed)
        falling = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        history = dls.fit(
            network, F.cross_entropy, optimizer, batches, epochs, capture=True,
            scheduler=falling,
        )
        found[2 * blocks + 2] = {
            "cost": history["loss"][-1],
            "costs": list(history["loss"]),
            "train_accuracy": percent(network, digits_X, digits_Y),
            "test_accuracy": percent(network, digits_test_X, digits_test_Y),
            "gradient_norms": at_start,
        }
layers = list(runs["plain"])
lesson.table(
    ["layers", "plain: cost", "train %", "residual: cost", "train %"],
    [
        [
            depth,
            *(
                text
                for name in ("plain", "residual")
                for text in (
                    f"{runs[name][depth]['cost']:.3f}",
                    f"{runs[name][depth]['train_accuracy']:.1f}",
                )
            ),
        ]
        for depth in layers
    ],
)

# %% [markdown]
# The cost in this table is that of the *training* set. What depth does to the plain
# network is not overfitting: it cannot even learn the examples it sees.

# %%
fig, axes = plt.subplots(1, 3, figsize=(15, 4.3))
for name, colour in (("plain", "tab:blue"), ("residual", "tab:red")):
    shown = [runs[name][depth]["cost"] for depth in layers]
    axes[0].semilogy(layers, shown, "o-", color=colour, label=name)
    for depth, style in ((layers[0], ":"), (layers[-1], "-")):
        costs = runs[name][depth]["costs"]
        label = f"{name}, {depth} layers"
        axes[1].semilogy(range(1, epochs + 1), costs, style, color=colour, label=label,
                         marker=".")
    norms = runs[name][layers[-1]]["gradient_norms"]
    axes[2].semilogy(range(1, len(norms) + 1), norms, ".-", color=colour, label=name)
axes[0].set(xlabel="layers", ylabel="training cost (log scale)")
axes[0].set_title(f"cost after {epochs} epochs")
axes[1].set(xlabel="epoch", ylabel="training cost (log scale)", title="while training")
axes[2].set(xlabel="convolution, from the input", ylabel="norm of dJ/dW (log scale)")
axes[2].set_title(f"gradients at the start, {layers[-1]} layers")
for ax in axes:
    ax.legend(fontsize=8)
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "depth")
spread = {
    name: max(norms) / min(norms)
    for name, norms in (
        (name, runs[name][layers[-1]]["gradient_norms"]) for name in runs
    )
}
print("largest gradient over smallest:", {k: f"{v:.1f}" for k, v in spread.items()})

# %% [markdown]
# Does the gradient of a deep plain network vanish? Here it does the opposite. Batch
# norm keeps the numbers of the forward pass in bounds, and on the way back each layer
# enlarges the gradient a little, by some 20 percent: fifty layers make a factor of
# thousands. The first layers then get steps that are far too large, the last ones steps
# that are far too small, and no learning rate suits both. Without batch norm it may
# vanish as well. In the residual network the gradient that comes around the layers sets
# the size, and all layers learn at one pace.

# %% [markdown]
# ### Hand signs
#
# ResNet-50 on these 1,080 pictures takes hours on two cores. A small one does: a 5 x 5
# convolution with stride 2 and a pooling, then three blocks of 16, 32 and 64 channels,
# the mean, a linear layer. Two things help: pictures moved by up to four pixels, so
# that it never sees the same picture twice, and a learning rate that rises and then
# falls to nothing.

# %%
def small_resnet(size, channels, classes):
    """Scores of pictures (m, channels, size, size); small ones are not shrunk first."""
    width, stride = 16, 2 if size >= 32 else 1
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, stride=stride, padding=2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2) if size >= 32 else nn.Identity(),
        Block(width, width),
        Block(width, 2 * width, 2),
        Block(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
        nn.Linear(4 * width, classes),
    )


dls.manual_seed(lesson.seed)
network = small_resnet(size, channels, C)
signs_epochs = 2 if lesson.fast else 25 if real else 8
batches = Batches(train_X, train_Y, 4 if size >= 32 else 1, lesson.seed)
optimizer = optim.Adam(network.parameters(), lr=0.01)
schedule = optim.lr_scheduler.OneCycleLR(
    optimizer, max_lr=0.01, total_steps=signs_epochs * len(batches)
)
history = dls.fit(
    network, F.cross_entropy, optimizer, batches, signs_epochs, capture=True,
    scheduler=schedule, scheduler_steps="steps",
)
signs = {
    "train_accuracy": percent(network, train_X, train_Y),
    "test_accuracy": percent(network, test_X, test_Y),
    "parameters": sum(p.size for p in network.parameters()),
    "costs": dict(enumerate(history["loss"])),
}
print(
    f"{signs['parameters']:,} parameters, {signs_epochs} epochs: train "
    f"{signs['train_accuracy']:.1f} %, test {signs['test_accuracy']:.1f} %"
)

# %% [markdown]
# ## Look at it
#
# What does each block add? The picture, the first channels behind each block, and below
# the size of what the layers add beside the size of what they get.

# %%
network.eval()
x, stages, shares = dls.Tensor(test_X[:1]), [], {}
with dls.no_grad():
    for layer in network:
        if isinstance(layer, Block):
            added = layer.bn2(layer.conv2(F.relu(layer.bn1(layer.conv1(x)))))
            short = x if layer.short is None else layer.short(x)
            sizes = [float(np.linalg.norm(part.numpy())) for part in (added, short)]
            shares[f"{added.shape[1]} channels"] = sizes
            x = layer(x)
            stages.append(x.numpy()[0])
        else:
            x = layer(x)
network.train()
fig, axes = plt.subplots(3, 7, figsize=(13, 5.8))
shown = pictures.test_x_orig[0].squeeze()
for row, stage in enumerate(stages):
    axes[row, 0].imshow(shown, cmap="gray")
    axes[row, 0].set_ylabel(f"block {row + 1}\n{stage.shape[1]} x {stage.shape[2]}")
    for channel in range(6):
        axes[row, channel + 1].imshow(stage[channel], cmap="viridis")
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
fig.suptitle(f"behind each block, the first six channels (class {test_Y[0]})")
fig.tight_layout()
lesson.figure(fig, "blocks")
lesson.table(
    ["block", "what the layers add", "what the shortcut hands on"],
    [[name, f"{added:.1f}", f"{short:.1f}"] for name, (added, short) in shares.items()],
)

network.eval()
with dls.no_grad():
    guesses = network(dls.Tensor(test_X)).numpy().argmax(axis=1)
network.train()
wrong = np.flatnonzero(guesses != test_Y)
kept = np.array([*wrong, *np.flatnonzero(guesses == test_Y)])[:10]
fig, axes = plt.subplots(1, 10, figsize=(14, 1.9))
for ax, i in zip(axes, kept, strict=True):
    ax.imshow(pictures.test_x_orig[i].squeeze(), cmap="gray")
    colour = "tab:red" if i in wrong else "black"
    ax.set_title(f"{test_Y[i]}, read as {guesses[i]}", fontsize=8, color=colour)
    ax.set(xticks=[], yticks=[])
fig.tight_layout()
lesson.figure(fig, "read")

# %% [markdown]
# ## Break it
#
# **1. The shortcut forgotten on the way back.** All gradients of parameters stay right:
# they depend on $dS$, not on $dX$. Only the block *below* learns the wrong thing. The
# check must look at $dX$.

# %%
def without_shortcut(dA, cache):
    """WRONG: dX of the layers only."""
    dX, grads = identity_block_backward(dA, cache)
    return dX - dA * (cache[-1] > 0), grads


_, cache = identity_block(small_X, 3, [2, 4, 6], parameters=identity_p)
wrong_dX, same_grads = without_shortcut(small_dA, cache)
report = check.check_gradients(
    block_cost, at, {"dX": wrong_dX} | {k: same_grads[k] for k in mine if k != "dX"}
)
no_shortcut = [c.name for c in report.wrong]
print("wrong:", no_shortcut)
assert no_shortcut == ["dX"]

# %% [markdown]
# **2. ReLU before the sum.** $X + \max(0, F(X))$ can only add, never take away. Block
# by block the numbers grow; the paper's order keeps them in bounds for longer, since
# $F$ also has negative numbers.

# %%
h = {"before": dls.randn(60, 8, 8, 8).relu(), "after": None}
h["after"] = h["before"]
sizes = {"before": [], "after": []}
dls.manual_seed(lesson.seed)
with dls.no_grad():
    for _ in range(20):
        block = Block(8, 8)
        for order in h:
            x = h[order]
            y = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
            h[order] = x + F.relu(y) if order == "before" else F.relu(x + y)
            sizes[order].append(float(h[order].mean().item()))
print("mean after 20 blocks:", {k: round(v[-1], 2) for k, v in sizes.items()})
assert sizes["before"][-1] > sizes["after"][-1]

# %% [markdown]
# **3. A bias in front of batch norm.** Its gradient is 0, up to rounding: the course's
# ResNet-50 has 26,560 such numbers. Compare with the gradient of $\beta$, which does
# what the bias was meant for.

# %%
bias_gradient = float(np.abs(grads["db1"]).max())
beta_gradient = float(np.abs(grads["dbeta1"]).max())
print(f"largest |db1| {bias_gradient:.0e}, largest |dbeta1| {beta_gradient:.2f}")
assert bias_gradient < 1e-12 < 1e-3 < beta_gradient

# %% [markdown]
# **4. Shapes that do not fit.** Six channels and eight cannot be added, and the message
# says so. *One* channel and eight can: broadcasting copies the one to all, silently,
# and the block is not a residual block any more. Compare shapes before the sum.

# %%
refused = ""
try:
    identity_block(X, 3, [2, 4, 8])
except ValueError as error:
    refused = str(error)
print("six and eight:", refused)
spread_out, _ = identity_block(X[..., :1], 3, [2, 4, 8])
print("one and eight:", X[..., :1].shape, "->", spread_out.shape)
assert refused and spread_out.shape != X[..., :1].shape

# %% [markdown]
# **5. Statistics for each picture.** The mean over `axis=(1, 2)` in place of `(0, 1,
# 2)` has a shape that broadcasts just as well: it is another layer (instance
# normalization).

# %%
Z = rng.standard_normal((3, 4, 4, 2)) + np.arange(3).reshape(3, 1, 1, 1)
ours, _ = batchnorm_forward(Z, 1.0, 0.0)
mu, var = (f(Z, axis=(1, 2), keepdims=True) for f in (np.mean, np.var))
verdict = dls.compare("mean for each picture", (Z - mu) / np.sqrt(var + 1e-3), ours)
assert not verdict.ok

# %% [markdown]
# **6. Predicting in training mode.** Batch norm then normalizes with the statistics of
# the pictures it is asked about: the answer for a picture depends on its neighbours,
# and a batch of one class looks like no batch of the training.

# %%
first = np.flatnonzero(test_Y == test_Y[0])
wrong_mode = small_resnet(size, channels, C)
wrong_mode.load_state_dict(network.state_dict())
with dls.no_grad():
    alone = wrong_mode.train()(dls.Tensor(test_X[first])).numpy().argmax(axis=1)
together = guesses[first]
modes = {
    "training": 100 * float(np.mean(alone == test_Y[0])),
    "evaluation": 100 * float(np.mean(together == test_Y[0])),
}
print(
    f"all pictures of class {test_Y[0]}: right in training mode "
    f"{modes['training']:.0f} %, in evaluation mode {modes['evaluation']:.0f} %"
)

# %% [markdown]
# ## Recap
#
# - A residual block computes $g(F(X) + X)$: its layers learn what to add.
# - Backward, the sum hands $dS$ to both branches, and $X$ adds what both report.
# - Where shapes change, the shortcut gets a 1 x 1 convolution.
# - Plain networks get worse with depth on the *training* set; residual ones do not.
# - 23,520,326 numbers learned in ResNet-50 with 6 classes; Keras shows 23,600,006 with
#   moving statistics and biases that do nothing.
#
# ## Questions
#
# 1. Why is the identity easier to learn for a residual block?
#    <details><summary>Answer</summary>
#    All weights 0 make it. A plain block has to build it from filters and ReLUs.
#    </details>
# 2. Why 1 x 1, 3 x 3, 1 x 1?
#    <details><summary>Answer</summary>
#    A bottleneck: 256 channels are reduced to 64, filtered, and enlarged again. Two 3 x
#    3 convolutions on 256 channels would cost 17 times as many multiplications.
#    </details>
# 3. Which gradients are wrong when the shortcut is forgotten only in the last block?
#    <details><summary>Answer</summary>
#    Those of every block below it. Its own are right.
#    </details>
# 4. Why start with $\gamma_3 = 0$ (`zero_init_residual`)?
#    <details><summary>Answer</summary>
#    Every block is the identity at first: a network of any depth starts as a shallow
#    one.
#    </details>
#
# ## Go further
#
# - Set the last scale of every block to 0 at the start and train the deepest network.
# - `models.resnet20()` on CIFAR-10 is the paper's own small network.
# - Next: `c4w2-inception`, which goes wide instead of deep.

# %%
# The end.
assert signs["costs"][signs_epochs - 1] < signs["costs"][0]
if not lesson.fast:
    deepest = layers[-1]
    assert runs["residual"][deepest]["cost"] < runs["plain"][deepest]["cost"]
    assert runs["plain"][deepest]["cost"] > runs["plain"][layers[1]]["cost"]
    assert signs["test_accuracy"] > (97 if real else 95)
lesson.finish(
    {
        **signs,
        **runs,
        "epochs": signs_epochs,
        "resnet50": {
            "parameters": torch_count,
            "keras": sum(counts.values()),
            "moving": counts["moving"],
            "biases": counts["biases"],
        },
        "gradient_spread": spread,
        "broken": {
            "no_shortcut": no_shortcut,
            "bias_gradient": bias_gradient,
            "refused": refused,
            "relu_before_sum": {name: found[-1] for name, found in sizes.items()},
            "modes": modes,
        },
    }
)
