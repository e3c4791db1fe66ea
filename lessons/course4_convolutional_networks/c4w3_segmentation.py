# %% [markdown]
# # Segmentation with U-Net: a class for each pixel
#
# Course 4, week 3. About two hours with the exercises. The script runs for about four
# minutes, since it trains three networks on scenes that never repeat; with `--fast` for
# a few seconds.
#
# **Goal.** A classifier names a picture, a detector draws boxes. Segmentation says for
# *each pixel* what it belongs to. You will
#
# - enlarge a picture by a transposed convolution, and derive its gradient,
# - join two layers by a skip connection, and split the gradient again,
# - write softmax and cross-entropy for pixels,
# - build and count U-Net, with the course's functions,
# - train it on scenes whose masks are exact, and judge it by intersection over union,
# - break it in seven ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step` and `c2w3-softmax-classifier`. This lesson answers the
# 2021 notebook *Image segmentation with U-Net*, which cuts road scenes of 96 x 128
# pixels into 23 classes; its functions, `conv_block`, `upsampling_block` and
# `unet_model`, have the same names and arguments here. Three points to watch in copies
# of that notebook: the figure it prints is the accuracy on its own *training* pictures;
# accuracy counts the large classes most; and pictures that are scaled to 0 to 1 are
# easily divided by 255 once more. "Break it" shows what each does. The paper:
# Ronneberger, Fischer and Brox 2015. Hand-written arrays are $(m, n_H, n_W, n_C)$.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from matplotlib.colors import ListedColormap
from tinygrad_dls import check, models, nn, optim, vision
from tinygrad_dls.nn import init
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w3-segmentation")
photographs = lesson.load("photographs").arrays
CLASSES = ("ground", "strip", "disc", "box", "triangle", "ring")
COLORS = ("#202020", "#9050d0", "#ff4b00", "#0072b2", "#f0c000", "#009e73")

# %% [markdown]
# ## The idea in a picture
#
# We paint the scenes ourselves, so each mask is exact. The ground is a piece of a
# photograph. On it are shapes of five kinds; later ones cover earlier ones. Each shape
# has a color near that of its kind, with the texture of another piece, and the whole
# picture has noise. Training, validation and test use different parts of the ten
# photographs: no pixel of a test scene is in a training scene.


# %%
def parts_of(photograph):
    """Left three fifths for training; of the rest the top for validation, then test."""
    if photograph.ndim == 2:  # a grey one
        photograph = np.repeat(photograph[..., None], 3, axis=2)
    row, column = photograph.shape[0] // 2, 3 * photograph.shape[1] // 5
    return {
        "training": photograph[:, :column],
        "validation": photograph[:row, column:],
        "test": photograph[row:, column:],
    }


def photograph_piece(photos, size, rng):
    """A piece (height, width, 3) of one of these photographs, 0 to 1."""
    photo = photos[rng.integers(len(photos))]
    largest = min(3, photo.shape[0] // size[0], photo.shape[1] // size[1])
    step = int(rng.integers(1, largest + 1))
    top = rng.integers(0, photo.shape[0] - step * size[0] + 1)
    left = rng.integers(0, photo.shape[1] - step * size[1] + 1)
    bottom, right = top + step * size[0], left + step * size[1]
    return photo[top:bottom:step, left:right:step] / 255


def shape_mask(kind, x, y, radius, angle, size):
    """Which pixels (height, width) a shape covers."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    u = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / radius
    v = ((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) / radius
    r = np.hypot(u, v)
    return {
        "strip": np.abs(v) <= 0.3,
        "disc": r <= 1,
        "box": np.maximum(np.abs(u), np.abs(v)) <= 0.85,
        "triangle": (v <= 0.8) & (v >= 2 * np.abs(u) - 1),
        "ring": (r <= 1) & (r >= 0.5),
    }[kind]


PAINT = np.array(  # red, green, blue of each class; the ground has none
    [
        *([0.5, 0.5, 0.5], [0.6, 0.25, 0.65], [0.75, 0.3, 0.25]),
        *([0.3, 0.4, 0.75], [0.8, 0.75, 0.3], [0.35, 0.65, 0.35]),
    ]
)


def scenes(count, photos, size, rng):
    """Pictures X (count, h, w, 3), 0 to 1, and class numbers Y (count, h, w)."""
    X = np.zeros((count, *size, 3), np.float32)
    Y = np.zeros((count, *size), np.int64)
    for i in range(count):
        picture = photograph_piece(photos, size, rng)
        kinds = rng.integers(2, 6, rng.integers(2, 6)).tolist()
        if rng.random() < 0.5:
            kinds.insert(0, 1)  # a strip is below the other shapes
        for kind in kinds:
            x, y = rng.uniform(0, size[1]), rng.uniform(0, size[0])
            radius, angle = rng.uniform(8, 14), rng.uniform(-np.pi, np.pi)
            inside = shape_mask(CLASSES[kind], x, y, radius, angle, size)
            color = PAINT[kind] + 0.1 * rng.standard_normal(3)
            texture = photograph_piece(photos, size, rng)
            fill = np.clip(color, 0, 1) + 0.3 * (texture - texture.mean(axis=(0, 1)))
            picture = np.where(inside[..., None], fill, picture)
            Y[i][inside] = kind
        noise = 0.04 * rng.standard_normal(picture.shape)
        X[i] = np.clip(picture + noise, 0, 1)
    return X, Y


SIZE = (48, 64)
PARTS = [parts_of(photograph) for photograph in photographs.values()]
PHOTOS = {name: [parts[name] for parts in PARTS] for name in PARTS[0]}
held = 8 if lesson.fast else 200
validation_X, validation_Y = scenes(
    held, PHOTOS["validation"], SIZE, np.random.default_rng(lesson.seed + 1)
)
test_X, test_Y = scenes(
    held, PHOTOS["test"], SIZE, np.random.default_rng(lesson.seed + 2)
)
rng = np.random.default_rng(lesson.seed)
shares = np.bincount(test_Y.ravel(), minlength=len(CLASSES)) / test_Y.size
lesson.table(
    ["class", "of the test pixels, %"],
    [[name, f"{100 * s:.1f}"] for name, s in zip(CLASSES, shares, strict=True)],
)
MAP = {"cmap": ListedColormap(COLORS), "vmin": -0.5, "vmax": 5.5}

fig, axes = plt.subplots(3, 5, figsize=(12, 5.6), layout="constrained")
for i in range(5):
    axes[0, i].imshow(test_X[i])
    shown = axes[1, i].imshow(test_Y[i], interpolation="nearest", **MAP)
    present = [k for k in range(1, len(CLASSES)) if (test_Y[i] == k).any()]
    masks = np.array([test_Y[i] == k for k in present])
    vision.draw_masks(
        test_X[i], masks, ax=axes[2, i], colors=[COLORS[k] for k in present]
    )
for ax in axes.flat:
    ax.axis("on")
    ax.set(xticks=[], yticks=[])
for ax, name in zip(axes[:, 0], ("picture", "its mask", "both"), strict=True):
    ax.set_ylabel(name)
bar = fig.colorbar(shown, ax=axes, ticks=range(len(CLASSES)), shrink=0.8)
bar.ax.set_yticklabels(CLASSES)
fig.suptitle("A class for each pixel")
lesson.figure(fig, "idea")

# %% [markdown]
# To tell a ring from a disc, a pixel must know its surroundings: so a network shrinks
# the picture, as a classifier does. To draw the edge at the right pixel, it must know
# the pixel itself: so U-Net enlarges again, and at each size looks back at what it saw
# on the way down. The way down and the way up are the two arms of the U.
#
# ## One number by hand
#
# A convolution with stride 2 makes four numbers of nine. The **transposed** convolution
# goes the other way: *each number puts a copy of the filter, times itself, on the
# output; where copies overlap, they add*. In one dimension, with $a = (1, 2)$, the
# filter $w = (1, 2, 3)$ and stride 2:
#
# $$1 \cdot (1, 2, 3, 0, 0) + 2 \cdot (0, 0, 1, 2, 3) = (1, 2, 5, 4, 6)$$
#
# Five numbers; four are wanted, twice two. Keras ("same") drops the last:
# $z = (1, 2, 5, 4)$. PyTorch (`padding=1, output_padding=1`) drops the first:
# $(2, 5, 4, 6)$. *Both are right, but weights of one give wrong edges in the other.*
#
# Backward, with $dz = (1, 0, 0, 1)$ and Keras's cut, so $(1, 0, 0, 1, 0)$ before it:
# each $a_i$ gets the sum of what its copy touched, times the filter.
#
# $$da_1 = (1, 0, 0) \cdot w = 1 \qquad da_2 = (0, 1, 0) \cdot w = 2 \qquad
# dw = 1\,(1, 0, 0) + 2\,(0, 1, 0) = (1, 2, 0)$$

# %%
hand_a, hand_w = np.array([1.0, 2]), np.array([1.0, 2, 3])
full = np.zeros(5)
for i, value in enumerate(hand_a):
    full[2 * i : 2 * i + 3] += value * hand_w
print("full", full, " Keras", full[:-1], " PyTorch", full[1:])
assert full.tolist() == [1, 2, 5, 4, 6]

# %% [markdown]
# ## The mathematics
#
# **Transposed convolution.** $A$ has shape $(m, n_H', n_W', n_C')$. The filters are one
# array $W$ of shape $(f, f, n_C, n_C')$, Keras's order: first the channels that come
# out. With stride $s$, before the cut:
#
# $$Z^{full}_{i,\,hs+u,\,ws+v,\,c} \mathrel{+}= \sum_{c'} W_{u,v,c,c'} A_{i,h,w,c'}
# \qquad n^{full} = (n' - 1)\,s + f$$
#
# $Z$ is what is left after `crop` $= (k_1, k_2)$: $k_1$ rows and columns fall at the
# start, $k_2$ at the end; then $b_c$ is added. Compare the backward pass of a
# convolution, $dA_{hs+u,\,ws+v} \mathrel{+}= W_{u,v}\, dZ_{h,w}$: it is the same
# formula. So the backward pass of a transposed convolution is a *convolution*. Put
# zeros where the crop was, call it $dZ^{full}$:
#
# $$dA_{i,h,w,c'} = \sum_{u,v,c} W_{u,v,c,c'}\, dZ^{full}_{i,\,hs+u,\,ws+v,\,c} \qquad
# dW_{u,v,c,c'} = \sum_{i,h,w} dZ^{full}_{i,\,hs+u,\,ws+v,\,c}\, A_{i,h,w,c'}$$
#
# and $db_c = \sum_{i,h,w} dZ_{i,h,w,c}$.
#
# **Skip connection.** $M = [U, S]$ along the channels, $(m, n_H, n_W, n_U + n_S)$. Each
# number of $M$ is one of $U$ or of $S$, so $dU$ is the first $n_U$ channels of $dM$,
# and $dS$ the others. $S$ also went on to the next pooling layer: *its two gradients
# add*.
#
# **The cost.** Each pixel is an example of its own. With scores $Z$ of shape
# $(m, n_H, n_W, C)$, class numbers $Y$ of shape $(m, n_H, n_W)$ and
# $N = m\, n_H n_W$ pixels
#
# $$P_{ihwc} = \frac{e^{Z_{ihwc}}}{\sum_k e^{Z_{ihwk}}} \qquad
# J = -\frac{1}{N} \sum_{i,h,w} \log P_{i,h,w,Y_{ihw}} \qquad
# dZ = \frac{P - \text{onehot}(Y)}{N}$$
#
# **The figure.** Of class $k$, count the pixels that are $k$ in truth *and* in the
# prediction, and those that are $k$ in truth *or* in the prediction, over all pictures:
#
# $$IoU_k = \frac{|T_k \cap P_k|}{|T_k \cup P_k|} \qquad
# Dice_k = \frac{2\,|T_k \cap P_k|}{|T_k| + |P_k|} = \frac{2\, IoU_k}{1 + IoU_k}$$
#
# The mean over the classes counts a small class as much as a large one.
#
# ## Your code
#
# **Exercise 1.** The transposed convolution. The loops go over the filter's places:
# $A$ times $W_{u,v}^T$ is a product $(m, n_H', n_W', n_C') \cdot (n_C', n_C)$, and
# lands on each $s$-th row and column from $(u, v)$ on.
#
# **Exercise 2.** Its backward pass: the same slices, read instead of written.


# %%
def conv_transpose_forward(A_prev, W, b, hparameters):
    """Z (m, n_H, n_W, n_C), and the cache (A_prev, W, b, hparameters).

    A_prev (m, n_H_prev, n_W_prev, n_C_prev), W (f, f, n_C, n_C_prev), b (1, 1, 1, n_C);
    hparameters {"stride": ..., "crop": (at the start, at the end)}.
    """
    stride, (first, last) = hparameters["stride"], hparameters["crop"]
    m, n_H_prev, n_W_prev, _ = A_prev.shape
    f, _, n_C, _ = W.shape
    # BEGIN SOLUTION
    height, width = (n_H_prev - 1) * stride + f, (n_W_prev - 1) * stride + f
    full = np.zeros((m, height, width, n_C))
    for u in range(f):
        for v in range(f):
            rows = slice(u, u + n_H_prev * stride, stride)
            columns = slice(v, v + n_W_prev * stride, stride)
            full[:, rows, columns] += A_prev @ W[u, v].T
    Z = full[:, first : height - last, first : width - last] + b
    # END SOLUTION
    return Z, (A_prev, W, b, hparameters)


def conv_transpose_backward(dZ, cache):
    """dA_prev, dW, db: each of the shape of what it belongs to."""
    A_prev, W, b, hparameters = cache
    stride, (first, last) = hparameters["stride"], hparameters["crop"]
    _, n_H_prev, n_W_prev, _ = A_prev.shape
    dA_prev, dW = np.zeros(A_prev.shape), np.zeros(W.shape)
    # BEGIN SOLUTION
    db = dZ.sum(axis=(0, 1, 2)).reshape(b.shape)
    d_full = np.pad(dZ, ((0, 0), (first, last), (first, last), (0, 0)))
    for u in range(W.shape[0]):
        for v in range(W.shape[1]):
            rows = slice(u, u + n_H_prev * stride, stride)
            columns = slice(v, v + n_W_prev * stride, stride)
            touched = d_full[:, rows, columns]  # (m, n_H_prev, n_W_prev, n_C)
            dA_prev += touched @ W[u, v]
            dW[u, v] = np.tensordot(touched, A_prev, axes=((0, 1, 2), (0, 1, 2)))
    # END SOLUTION
    return dA_prev, dW, db


KERAS = {"stride": 2, "crop": (0, 1)}
PYTORCH = {"stride": 2, "crop": (1, 0)}
hand_A = hand_a.reshape(1, 1, 2, 1)
hand_W = np.zeros((3, 3, 1, 1))
hand_W[0, :, 0, 0] = hand_w  # one row of the filter: the first line of Z is z
hand_Z, hand_cache = conv_transpose_forward(
    hand_A, hand_W, np.zeros((1, 1, 1, 1)), KERAS
)
hand_dZ = np.zeros((1, 2, 4, 1))
hand_dZ[0, 0, :, 0] = [1, 0, 0, 1]
hand_dA, hand_dW, _ = conv_transpose_backward(hand_dZ, hand_cache)
print("z", hand_Z[0, 0, :, 0], " da", hand_dA.ravel(), " dw", hand_dW[0, :, 0, 0])
assert hand_Z[0, 0, :, 0].tolist() == [1, 2, 5, 4]
assert hand_dA.ravel().tolist() == [1, 2]
assert hand_dW[0, :, 0, 0].tolist() == [1, 2, 0]

# %% [markdown]
# **Exercise 3.** Join two layers along the channels, the enlarged one first.
#
# **Exercise 4.** Split the gradient of what was joined. `n_up`: the channels of the
# first.


# %%
def merge_forward(up, skip):
    """(m, h, w, n_up) and (m, h, w, n_skip) -> (m, h, w, n_up + n_skip)."""
    # BEGIN SOLUTION
    merge = np.concatenate([up, skip], axis=3)
    # END SOLUTION
    return merge


def merge_backward(d_merge, n_up):
    """d_up (m, h, w, n_up) and d_skip (m, h, w, n_skip)."""
    # BEGIN SOLUTION
    d_up, d_skip = d_merge[..., :n_up], d_merge[..., n_up:]
    # END SOLUTION
    return d_up, d_skip


# %% [markdown]
# **Exercise 5.** Cost and gradient of all pixels. Subtract the largest score of each
# pixel first, so that no exponential overflows.


# %%
def pixel_cost(Z, Y):
    """The mean cross-entropy, and dZ, of scores Z (m, h, w, C), classes Y (m, h, w)."""
    # BEGIN SOLUTION
    shifted = Z - Z.max(axis=3, keepdims=True)
    P = np.exp(shifted) / np.exp(shifted).sum(axis=3, keepdims=True)  # (m, h, w, C)
    truth = np.eye(Z.shape[3])[Y]  # (m, h, w, C)
    cost = -np.sum(truth * np.log(P)) / Y.size
    dZ = (P - truth) / Y.size
    # END SOLUTION
    return float(cost), dZ


even, _ = pixel_cost(np.zeros((1, 2, 2, 6)), np.zeros((1, 2, 2), int))
print(f"six classes, no idea: {even:.4f}, log 6 = {np.log(6):.4f}")
assert abs(even - np.log(6)) < 1e-12

# %% [markdown]
# **Exercise 6.** The IoU of each class over all pixels; NaN for a class that is neither
# in the truth nor in the prediction.


# %%
def iou_of_classes(predicted, truth, n_classes):
    """(n_classes,) for class numbers of one shape."""
    # BEGIN SOLUTION
    iou = np.full(n_classes, np.nan)
    for k in range(n_classes):
        union = np.sum((predicted == k) | (truth == k))
        if union > 0:
            iou[k] = np.sum((predicted == k) & (truth == k)) / union
    # END SOLUTION
    return iou


small_truth = np.array([[0, 0, 1], [0, 1, 1]])
small_found = np.array([[0, 1, 1], [0, 1, 0]])
print("IoU:", iou_of_classes(small_found, small_truth, 3))
assert np.allclose(iou_of_classes(small_found, small_truth, 3)[:2], [0.5, 0.5])

# %% [markdown]
# ### The network
#
# In Keras a layer reads the number of channels off the tensor it is called with. Our
# layers are made first and called later, so `inputs`, `expansive_input` and
# `contractive_input` are *numbers of channels* here. The rest is as in the course. The
# three classes say what a block does when it is called; your functions fill them.
#
# **Exercise 7.** `conv_block`: two convolutions 3 x 3 that keep the size, each with a
# ReLU; dropout behind them if `dropout_prob` is above 0; and a pool of 2 x 2, or
# nothing (`nn.Identity`). Weights as He et al. (`init.kaiming_normal_`), which `conv`
# does for you.
#
# **Exercise 8.** `upsampling_block`: a transposed convolution 3 x 3 of stride 2 to
# `n_filters` (`padding=1, output_padding=1` doubles the size), and two convolutions
# with ReLU on what is joined.
#
# **Exercise 9.** `UNet.forward`. On the way down, keep each skip connection; on the way
# up, use them, the last one first. The lowest block has none to give.
#
# **Exercise 10.** `unet_model`: five blocks down with 1, 2, 4, 8 and 16 times
# `n_filters`, dropout of .3 in the last two, no pool in the last; four up with 8, 4, 2
# and 1 times; a convolution 3 x 3 with ReLU, and one of 1 x 1 to the classes.


# %%
def conv(channels, n_filters):
    """A convolution 3 x 3 that keeps the size, and a ReLU."""
    layer = nn.Conv2d(channels, n_filters, 3, padding=1)
    init.kaiming_normal_(layer.weight)
    init.zeros_(layer.bias)
    return [layer, nn.ReLU()]


class ConvBlock(nn.Module):
    """Convolutions, then a pool."""

    def __init__(self, layers, pool):
        self.layers = nn.Sequential(*layers)
        self.pool = pool

    def forward(self, X):
        """next_layer and skip_connection: behind the pool, and before it."""
        skip_connection = self.layers(X)
        return self.pool(skip_connection), skip_connection


class UpsamplingBlock(nn.Module):
    """Enlarge, join, convolve."""

    def __init__(self, up, layers):
        self.up = up
        self.layers = nn.Sequential(*layers)

    def forward(self, expansive, contractive):
        """(m, c, h, w) and (m, c', 2h, 2w) -> (m, n_filters, 2h, 2w)."""
        return self.layers(dls.concatenate([self.up(expansive), contractive], axis=1))


class UNet(nn.Module):
    """Blocks down, blocks up, and the last layers."""

    def __init__(self, down, up, last):
        self.down = nn.ModuleList(down)
        self.up = nn.ModuleList(up)
        self.last = nn.Sequential(*last)

    def forward(self, X):
        """Pictures (m, channels, h, w) -> scores (m, n_classes, h, w)."""
        # BEGIN SOLUTION
        skips = []
        for block in self.down:
            X, skip_connection = block(X)
            skips.append(skip_connection)
        skips.pop()  # the lowest block's is X itself
        for block in self.up:
            X = block(X, skips.pop())
        # END SOLUTION
        return self.last(X)


def conv_block(inputs=None, n_filters=32, dropout_prob=0, max_pooling=True):
    """A ConvBlock for `inputs` channels."""
    # BEGIN SOLUTION
    layers = [*conv(inputs, n_filters), *conv(n_filters, n_filters)]
    if dropout_prob > 0:
        layers.append(nn.Dropout(dropout_prob))
    block = ConvBlock(layers, nn.MaxPool2d(2) if max_pooling else nn.Identity())
    # END SOLUTION
    return block


def upsampling_block(expansive_input, contractive_input, n_filters=32):
    """An UpsamplingBlock for these two numbers of channels."""
    # BEGIN SOLUTION
    up = nn.ConvTranspose2d(
        expansive_input, n_filters, 3, stride=2, padding=1, output_padding=1
    )
    joined = n_filters + contractive_input
    block = UpsamplingBlock(up, [*conv(joined, n_filters), *conv(n_filters, n_filters)])
    # END SOLUTION
    return block


def unet_model(input_size=(96, 128, 3), n_filters=32, n_classes=23):
    """A UNet for pictures of this (height, width, channels)."""
    # BEGIN SOLUTION
    n = n_filters
    down = [
        conv_block(input_size[2], n),
        conv_block(n, 2 * n),
        conv_block(2 * n, 4 * n),
        conv_block(4 * n, 8 * n, dropout_prob=0.3),
        conv_block(8 * n, 16 * n, dropout_prob=0.3, max_pooling=False),
    ]
    up = [
        upsampling_block(16 * n, 8 * n, 8 * n),
        upsampling_block(8 * n, 4 * n, 4 * n),
        upsampling_block(4 * n, 2 * n, 2 * n),
        upsampling_block(2 * n, n, n),
    ]
    model = UNet(down, up, [*conv(n, n), nn.Conv2d(n, n_classes, 1)])
    # END SOLUTION
    return model


# %% [markdown]
# The table of the course, layer by layer. There is no batch normalization, and every
# convolution has a bias: so for once Keras counts what we count. Nearly half of the
# parameters are in the lowest block, which works on 6 x 8 pixels.


# %%
def layer_table(model, size):
    """[[layer, output of one picture, parameters], ...] as a picture goes through."""
    rows, hooks = [], []

    def note(layer, inputs, output):
        count = sum(p.size for p in layer.parameters())
        rows.append([type(layer).__name__, output.shape[1:], count])

    kinds = nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d | nn.Dropout
    for layer in model.modules():
        if isinstance(layer, kinds):
            hooks.append(layer.register_forward_hook(note))
    with dls.no_grad():
        model(dls.zeros((1, size[2], size[0], size[1])))
    for hook in hooks:
        hook.remove()
    return rows


course = unet_model().eval()
rows = layer_table(course, (96, 128, 3))
lesson.table(["layer", "output", "parameters"], [[*r[:2], f"{r[2]:,}"] for r in rows])
count = sum(row[2] for row in rows)
keras = models.keras_parameters(course)
print(f"{count:,} parameters; Keras counts {keras:,}")
assert count == keras == 8640471

# %% [markdown]
# ## Check it three ways
#
# **By hand**: $(1, 2, 5, 4)$, above, with both of its gradients.
#
# **Against the engine**: the transposed convolution with both crops and another stride,
# the merge, the cost, and the whole network against `models.unet` with its weights.

# %%
A = rng.standard_normal((2, 3, 4, 5))
W, b = rng.standard_normal((3, 3, 2, 5)), rng.standard_normal((1, 1, 1, 2))


def first_channels(X):
    """(m, h, w, c) -> (m, c, h, w), in one piece."""
    return np.ascontiguousarray(X.transpose(0, 3, 1, 2))


def engine_transpose(A, W, b, hparameters):
    """Z (m, n_C, n_H, n_W) by the engine, and the three tensors that it is made of."""
    parts = [
        dls.Tensor(x, requires_grad=True)
        for x in (first_channels(A), W.transpose(3, 2, 0, 1).copy(), b.ravel())
    ]
    Z = F.conv_transpose2d(*parts, stride=hparameters["stride"])
    first, last = hparameters["crop"]
    height, width = Z.shape[2] - last, Z.shape[3] - last
    return Z[:, :, first:height, first:width], parts


for hparameters in (KERAS, PYTORCH, {"stride": 1, "crop": (1, 1)}):
    Z, cache = conv_transpose_forward(A, W, b, hparameters)
    dZ = rng.standard_normal(Z.shape)
    dA, dW, db = conv_transpose_backward(dZ, cache)
    engine_Z, parts = engine_transpose(A, W, b, hparameters)
    engine_Z.backward(dls.Tensor(first_channels(dZ)))
    assert dls.compare("Z", first_channels(Z), engine_Z).ok
    assert dls.compare("dA", first_channels(dA), parts[0].grad).ok
    assert dls.compare("dW", dW.transpose(3, 2, 0, 1), parts[1].grad).ok
    assert dls.compare("db", db.ravel(), parts[2].grad).ok
doubled = F.conv_transpose2d(  # PyTorch's cut has arguments of its own
    *parts, stride=2, padding=1, output_padding=1
)
Z_pytorch = conv_transpose_forward(A, W, b, PYTORCH)[0]
assert dls.compare("Z with padding", first_channels(Z_pytorch), doubled).ok

scores = rng.standard_normal((2, 3, 4, 6))
labels = rng.integers(0, 6, (2, 3, 4))
cost, d_scores = pixel_cost(scores, labels)
tensor = dls.Tensor(first_channels(scores), requires_grad=True)
engine_cost = F.cross_entropy(tensor, dls.Tensor(labels))
engine_cost.backward()
assert dls.compare("cost", np.array(cost), engine_cost).ok
assert dls.compare("dZ", first_channels(d_scores), tensor.grad).ok

up, skip = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((2, 3, 4, 3))
halves = [dls.Tensor(x, requires_grad=True) for x in (up, skip)]
d_merge = rng.standard_normal((2, 3, 4, 5))
dls.concatenate(halves, axis=3).backward(dls.Tensor(d_merge))
for name, mine, half in zip(
    ("d_up", "d_skip"), merge_backward(d_merge, 2), halves, strict=True
):
    assert dls.compare(name, mine, half.grad).ok

small, library = unet_model((32, 32, 3), 4, 6), models.unet(3, 6, width=4)
with dls.no_grad():
    for mine, theirs in zip(small.parameters(), library.parameters(), strict=True):
        theirs.copy_(mine)
    pictures = dls.Tensor(rng.random((2, 3, 32, 32)).astype("float32"))
    same_scores = small.eval()(pictures), library.eval()(pictures)
assert dls.compare("scores of models.unet", *same_scores).ok
found = rng.integers(0, 6, (4, 9, 9)), rng.integers(0, 5, (4, 9, 9))
assert np.allclose(iou_of_classes(*found, 6), vision.class_iou(*found, 6))

# %% [markdown]
# **Numerically.**

# %%
Z, cache = conv_transpose_forward(A, W, b, KERAS)
dZ = rng.standard_normal(Z.shape)
dA, dW, db = conv_transpose_backward(dZ, cache)
report = check.check_gradients(
    lambda p: np.sum(dZ * conv_transpose_forward(p["A"], p["W"], p["b"], KERAS)[0]),
    {"A": A, "W": W, "b": b},
    {"dA": dA, "dW": dW, "db": db},
)
print(report)
assert report.ok
report = check.check_gradients(
    lambda p: pixel_cost(p["Z"], labels)[0], {"Z": scores}, {"dZ": d_scores}
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# The four lines that leave the way down and meet the way up again are the skip
# connections.

# %%
with dls.trace():
    loss = F.cross_entropy(small(pictures), dls.zeros((2, 32, 32), dtype="int64"))
    loss.backward()
graph = dls.graph(loss, small, names={"loss": loss})
lesson.graph(graph, "graph", depth=2)
graph

# %% [markdown]
# ## Train
#
# Adam, with a learning rate that rises and falls again in one cycle. 48 x 64 pixels and
# 8 filters instead of 96 x 128 and 32: a sixteenth of the parameters, and a sixtieth of
# the work. Painting a scene costs less than learning from it, so no scene comes twice:
# nothing can be learned by heart, and dropout, which guards against that, is switched
# off. All this was chosen on the validation scenes.
#
# The skip connections have a rival: the same network with zeros in their place, trained
# the same way, will be looked at in "Break it".

# %%
validation_pictures = first_channels(validation_X)
test_pictures = first_channels(test_X)


class NewScenes:
    """Batches of 16 scenes, `count` in an epoch; each `for` paints other ones."""

    def __init__(self, count, seed):
        self.count, self.rng = count, np.random.default_rng(seed)

    def __len__(self):
        return self.count // 16

    def __iter__(self):
        for _ in range(len(self)):
            X, Y = scenes(16, PHOTOS["training"], SIZE, self.rng)
            yield dls.Tensor(first_channels(X)), dls.Tensor(Y)


class CutUNet(UNet):
    """A UNet whose way up sees zeros where the skip connections were."""

    def forward(self, X):
        shapes = []
        for block in self.down:
            X, skip = block(X)
            shapes.append(skip.shape)
        for block, shape in zip(self.up, shapes[-2::-1], strict=True):
            X = block(X, dls.zeros(shape))
        return self.last(X)


def train(network, epochs, label):
    """The history of Adam with one cycle of the learning rate."""
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    loader = NewScenes(16 if lesson.fast else 2000, lesson.seed)
    optimizer = optim.Adam(network.parameters(), lr=0.003)
    scheduler = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.003, total_steps=epochs * len(loader)
    )
    print(label)
    return dls.fit(
        network, F.cross_entropy, optimizer, loader, epochs,
        capture=not lesson.fast, scheduler=scheduler, scheduler_steps="steps",
    )


def predict(network, pictures):
    """Class numbers (m, h, w), in evaluation mode."""
    network.eval()
    with dls.no_grad():
        found = [
            network(dls.Tensor(pictures[i : i + 20])).numpy().argmax(axis=1)
            for i in range(0, len(pictures), 20)
        ]
    return np.concatenate(found)


def judge(found, truth=test_Y):
    """Accuracy, mean IoU, and the IoU of each class."""
    return {
        "accuracy": float(np.mean(found == truth)),
        "mean_iou": vision.mean_iou(found, truth, len(CLASSES)),
        "iou": iou_of_classes(found, truth, len(CLASSES)).tolist(),
    }


epochs, short = (1, 1) if lesson.fast else (30, 4)
dls.manual_seed(lesson.seed)
network = unet_model((*SIZE, 3), 8, len(CLASSES))
history = train(network, epochs, "U-Net")
found = predict(network, test_pictures)
result = judge(found)
validation = judge(predict(network, validation_pictures), validation_Y)
dice = [2 * iou / (1 + iou) for iou in result["iou"]]
lesson.table(
    ["class", "IoU", "Dice"],
    [
        [name, f"{iou:.3f}", f"{d:.3f}"]
        for name, iou, d in zip(CLASSES, result["iou"], dice, strict=True)
    ],
)
print(f"accuracy {result['accuracy']:.4f}, mean IoU {result['mean_iou']:.4f} "
      f"(validation: {validation['mean_iou']:.4f})")
for k, name in enumerate(CLASSES):  # all pictures as one long mask
    masks = [(x == k).reshape(1, 1, -1) for x in (found, test_Y)]
    assert np.isclose(dice[k], vision.dice(*masks)[0, 0]), name

# %% [markdown]
# ## Look at it
#
# Test scenes, the truth, the prediction, and where the two differ.


# %%
def show_predictions(rows, chosen):
    """One column for each chosen test scene; rows: name -> class numbers."""
    fig, axes = plt.subplots(
        len(rows) + 1, len(chosen), figsize=(12, 1.85 * (len(rows) + 1)),
        layout="constrained",
    )
    for column, i in enumerate(chosen):
        axes[0, column].imshow(test_X[i])
        for ax, maps in zip(axes[1:, column], rows.values(), strict=True):
            shown = ax.imshow(maps[i], interpolation="nearest", **MAP)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for ax, name in zip(axes[:, 0], ("picture", *rows), strict=True):
        ax.set_ylabel(name)
    bar = fig.colorbar(shown, ax=axes, ticks=range(len(CLASSES)), shrink=0.8)
    bar.ax.set_yticklabels(CLASSES)
    return fig, axes


wrong = found != test_Y
by_errors = np.argsort(wrong.mean(axis=(1, 2)))
middle = len(by_errors) // 2
chosen = [*range(3), by_errors[middle], by_errors[-1]]
fig, axes = show_predictions({"truth": test_Y, "prediction": found}, chosen)
axes[0, 3].set_title("a median one", fontsize=9)
axes[0, 4].set_title("the worst one", fontsize=9)
lesson.figure(fig, "predictions")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
left.semilogy(range(1, epochs + 1), history["loss"], ".-")
left.set(xlabel="epoch", ylabel="cost (log scale)", title="learning to draw masks")
right.bar(CLASSES, result["iou"], color=COLORS)
right.axhline(result["mean_iou"], color="black", ls=":", label="mean")
right.set(ylabel="IoU", ylim=(0, 1), title="held-out scenes, class by class")
right.legend()
for ax in (left, right):
    ax.grid(alpha=0.3)
lesson.figure(fig, "training")

# %% [markdown]
# Where are the mistakes? Count them by the distance to the nearest edge between two
# classes, and compare with how many pixels are as near.

# %%
far = np.pad(test_Y, ((0, 0), (2, 2), (2, 2)), mode="edge")
near_edge = np.zeros(test_Y.shape, bool)
for row in range(5):
    for column in range(5):
        moved = far[:, row : row + SIZE[0], column : column + SIZE[1]]
        near_edge |= moved != test_Y
edge = {
    "pixels": float(near_edge.mean()),
    "mistakes": float(wrong[near_edge].sum() / wrong.sum()),
}
print(f"within two pixels of an edge: {100 * edge['pixels']:.0f} % of the pixels, "
      f"{100 * edge['mistakes']:.0f} % of the mistakes")

# %% [markdown]
# ## Break it
#
# **1. Accuracy instead of IoU.** Say "ground" for each pixel. The accuracy is the share
# of the ground; the mean IoU shows that five classes of six are missing. Where
# one class covers most of a picture, accuracy says less than it seems.

# %%
ground = judge(np.zeros_like(test_Y))
print(f"all ground: accuracy {ground['accuracy']:.3f}, "
      f"mean IoU {ground['mean_iou']:.3f}")
assert ground["accuracy"] > 0.6 and ground["mean_iou"] < 0.2

# %% [markdown]
# **2. The mean of the pictures' IoUs.** With absent classes counted as 0 it is far too
# low; without them, a class of which one scene has three pixels decides that scene.
# Count over all pictures first, then divide.

# %%
each = np.array(
    [iou_of_classes(f, t, len(CLASSES)) for f, t in zip(found, test_Y, strict=True)]
)
means = {
    "over all pixels": result["mean_iou"],
    "by picture, absent = 0": float(np.nan_to_num(each).mean()),
    "by picture, absent left out": float(np.nanmean(each, axis=1).mean()),
}
for name, value in means.items():
    print(f"{name}: {value:.3f}")

# %% [markdown]
# **3. Skip connections cut.** All that the network knows must pass through 3 x 4 pixels
# and come back through four transposed convolutions; the gradient must go the same way.
# Both networks here train for the same, shorter time. The one with skip connections
# has found most of the shapes by then. The other one still says "ground" everywhere: it
# has learned how common the classes are, and nothing about where they are.

# %%
runs, maps = {}, {}
for name, kind in (("with", UNet), ("without", CutUNet)):
    dls.manual_seed(lesson.seed)
    rival = unet_model((*SIZE, 3), 8, len(CLASSES))
    if kind is CutUNet:
        rival = CutUNet(rival.down, rival.up, [*rival.last])
    train(rival, short, f"{name} skip connections")
    maps[name] = predict(rival, test_pictures)
    runs[name] = judge(maps[name])
    print(f"{name}: accuracy {runs[name]['accuracy']:.3f}, "
          f"mean IoU {runs[name]['mean_iou']:.3f}")
fig, _ = show_predictions(
    {"truth": test_Y, "with skips": maps["with"], "without": maps["without"]}, range(5)
)
lesson.figure(fig, "skips")

# %% [markdown]
# **4. Cropped at the other end.** Weights from Keras in PyTorch's cut, or the other way
# round: each block up is one pixel of its own size off, the lowest one eight pixels of
# the picture. Every shape is right, and the mean IoU falls by only a few points: the
# edges come through the skip connections, and from below comes only what is roughly
# where. One would take it for a training that went a little worse. Compare the layer by
# itself, with numbers: the right ones, shifted by one. Then look at the whole network.


# %%
class OtherCrop(nn.Module):
    """The transposed convolution of a layer, cut at the other end."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, X):
        weight, bias = self.layer.weight, self.layer.bias
        return F.conv_transpose2d(X, weight, bias, stride=2)[:, :, :-1, :-1]


Z_keras = conv_transpose_forward(A, W, b, KERAS)[0]
assert not dls.compare("Keras's and PyTorch's", Z_keras, Z_pytorch).ok
assert np.allclose(Z_keras[:, 1:, 1:], Z_pytorch[:, :-1, :-1])
layers = [block.up for block in network.up]
for block in network.up:
    block.up = OtherCrop(block.up)
cropped = judge(predict(network, test_pictures))
for block, layer in zip(network.up, layers, strict=True):
    block.up = layer
assert np.array_equal(predict(network, test_pictures), found)  # mended
print(f"cropped at the other end: mean IoU {cropped['mean_iou']:.3f}")

# %% [markdown]
# **5. Softmax over the wrong axis.** Over the width instead of the classes, the numbers
# are between 0 and 1 and add up to 1, somewhere. Ask for the sum over the classes.

# %%
exps = np.exp(scores - scores.max(axis=2, keepdims=True))
across = exps / exps.sum(axis=2, keepdims=True)  # axis 2: the width
print("sums over the classes:", across.sum(axis=3).ravel()[:4].round(2))
wrong_dZ = (across - np.eye(6)[labels]) / labels.size
assert not dls.compare("dZ over the width", first_channels(wrong_dZ), tensor.grad).ok
assert np.allclose((d_scores * labels.size + np.eye(6)[labels]).sum(axis=3), 1)

# %% [markdown]
# **6. Masks resized with interpolation.** Between ground (0) and disc (2) the mean is
# strip (1), in a scene where there is none. Class numbers are names: take the nearest
# pixel, never a mean.

# %%
half = (SIZE[0] * 3 // 4, SIZE[1] * 3 // 4)
invented = {}
for way in ("bilinear", "nearest"):
    resized = vision.transforms.functional.resize(
        test_Y[:, None].astype("float32"), half, interpolation=way
    )
    classes = np.rint(resized[:, 0]).astype(int)
    strange = [
        ~np.isin(new, np.unique(old)) for new, old in zip(classes, test_Y, strict=True)
    ]
    invented[way] = float(np.mean(strange))
    print(f"{way}: {100 * invented[way]:.2f} % of the pixels have a class that their "
          "scene lacks")
assert invented["bilinear"] > 0 == invented["nearest"]

# %% [markdown]
# **7. Divided by 255 twice.** Pictures from 0 to 1, divided by 255 once more, are
# black to a network that was trained on the right ones. Nothing complains.

# %%
black = judge(predict(network, test_pictures / 255))
print(f"divided twice: accuracy {black['accuracy']:.3f}, "
      f"mean IoU {black['mean_iou']:.3f}")

# %% [markdown]
# ## Recap
#
# - A transposed convolution adds copies of its filter; its backward pass is a
#   convolution. Say which end is cropped.
# - A skip connection brings back the place that the pools lost; its gradient is a part
#   of the joined one, added to that of the pool.
# - A pixel is an example: softmax and cross-entropy over the channel axis.
# - 8,640,471 parameters at 96 x 128, 32 filters and 23 classes, in every way of
#   counting.
# - Mean IoU over all pixels, with accuracy beside it, on scenes held out.
#
# ## Questions
#
# 1. Why does U-Net halve at most four times here?
#    <details><summary>Answer</summary>
#    48 = 16 * 3: a fifth pool would meet 3 rows. `models.unet` refuses sizes that are
#    not multiples of 16.
#    </details>
# 2. What does a transposed convolution of stride 2 with a filter of 3 x 3 do at the
#    even and at the odd places of its output?
#    <details><summary>Answer</summary>
#    Odd and even places get different numbers of products: 1, 2 or 4. With bad weights
#    one sees a checkerboard. A filter of 2 x 2 or 4 x 4 gives each place as many.
#    </details>
# 3. A class has an IoU of .5. What is its Dice?
#    <details><summary>Answer</summary>
#    2 * .5 / 1.5 = 2/3.
#    </details>
# 4. Would adding the skip connection instead of concatenating it work?
#    <details><summary>Answer</summary>
#    Yes, with as many channels on both sides, as in a residual block: half the inputs
#    for the next convolution, and the gradient goes to both unchanged.
#    </details>
#
# ## Go further
#
# - `unet_model((96, 128, 3))`, the course's size, on scenes of 96 x 128.
# - Weigh the classes: `F.cross_entropy(..., weight=...)` with one over the shares.
#   Which classes gain, which lose?
# - Next: `c4w4-face-recognition`, one vector for each face.

# %%
# The end.
if not lesson.fast:
    assert result["mean_iou"] > 0.85
    assert means["by picture, absent = 0"] < 0.8 * result["mean_iou"]
    assert runs["with"]["mean_iou"] > runs["without"]["mean_iou"] + 0.2
    assert result["mean_iou"] - 0.2 < cropped["mean_iou"] < result["mean_iou"]
    assert black["mean_iou"] < 0.3
    assert edge["mistakes"] > edge["pixels"]
lesson.finish(
    {
        "accuracy": result["accuracy"],
        "mean_iou": result["mean_iou"],
        "validation": validation,
        "iou": dict(zip(CLASSES, result["iou"], strict=True)),
        "dice": dict(zip(CLASSES, dice, strict=True)),
        "parameters": {"course": count, "keras": keras},
        "costs": history["loss"],
        "edge": edge,
        "broken": {
            "ground": ground,
            "means": means,
            "skips": runs,
            "cropped": cropped,
            "invented": invented,
            "black": black,
        },
    }
)
