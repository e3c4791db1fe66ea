# %% [markdown]
# # Convolution and pooling, step by step
#
# Course 4, week 1. About an hour and a half with the exercises. The script runs for
# about ten seconds, with `--fast` for three.
#
# **Goal.** A convolutional layer slides a small window over a picture and asks the same
# question everywhere. You will
#
# - build it with loops, one window at a time, forward and backward,
# - build max and average pooling the same way,
# - find out why the backward pass of a convolution is again a convolution,
# - write the same layer with nine array operations instead of a hundred thousand
#   iterations of a loop,
# - train a network of your own layers on handwritten digits, beside the engine,
# - break it in seven ways, among them the one that the 2017 notebook published.
#
# ## What you need
#
# `c1w4-deep-network-step-by-step` for blocks and caches. This lesson answers the
# notebook *Convolutional Model: step by step* (2017 and 2021); the names, arguments and
# shapes are those of 2021. Pictures are $(m, n_H, n_W, n_C)$ here, channels last, as in
# the course. The engine stores them as PyTorch does, $(m, n_C, n_H, n_W)$.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, nn, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w1-convolution-step-by-step")
digits = lesson.load("digits")
pictures = digits.train_x_orig.reshape(-1, 8, 8, 1) / 255  # (1500, 8, 8, 1)
labels = digits.train_y[0]  # (1500,)
train_X, train_Y = pictures[:1200], labels[:1200]
dev_X, dev_Y = pictures[1200:], labels[1200:]
print(f"train {train_X.shape}, dev {dev_X.shape}, ten digits")

# %% [markdown]
# ## The idea in a picture
#
# A fully connected unit has a weight for every pixel. A convolutional unit has a weight
# for every pixel *of its window*, and uses the same weights at every place. The number
# it computes at a place says how well that window matches the filter. Here are two
# filters by hand, one for upright edges and one for level ones, on a digit.


# %%
def slide(picture, kernel):
    """Match `kernel` (f, f) with every window of `picture` (n, n)."""
    f = len(kernel)
    size = len(picture) - f + 1
    match = np.zeros((size, size))
    for h in range(size):
        for w in range(size):
            match[h, w] = np.sum(picture[h : h + f, w : w + f] * kernel)
    return match


upright = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
example = train_X[0, :, :, 0]
fig, axes = plt.subplots(1, 4, figsize=(13, 3.4))
axes[0].imshow(example, cmap="gray_r")
axes[0].add_patch(plt.Rectangle((1.5, 1.5), 3, 3, fill=False, ec="tab:red", lw=2))
axes[0].set_title("a picture, and one window")
axes[1].imshow(upright, cmap="RdBu", vmin=-2, vmax=2)
for (row, column), value in np.ndenumerate(upright):
    ink = "white" if abs(value) == 2 else "black"
    axes[1].text(column, row, f"{value:g}", ha="center", va="center", color=ink)
axes[1].set_title("a filter: left minus right")
for ax, kernel, name in (
    (axes[2], upright, "upright edges"),
    (axes[3], upright.T, "level edges"),
):
    match = slide(example, kernel)
    bound = np.abs(match).max()
    shown = ax.imshow(match, cmap="RdBu", vmin=-bound, vmax=bound)
    fig.colorbar(shown, ax=ax, shrink=0.7)
    ax.set_title(name)
for ax in axes:
    ax.set(xticks=[], yticks=[])
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# Nine weights for 36 outputs. A fully connected layer of 36 units on the same 64 pixels
# has 2,304. Fewer weights need fewer examples, and a stroke is found wherever it is.
#
# ## One number by hand
#
# A picture of 3 x 3, a filter of 2 x 2, a bias of 1:
#
# $$X = \begin{pmatrix}1&2&0\\0&1&3\\2&1&0\end{pmatrix} \quad
# W = \begin{pmatrix}1&0\\0&-1\end{pmatrix} \quad b = 1$$
#
# The window at the top left: $1\cdot1 + 2\cdot0 + 0\cdot0 + 1\cdot(-1) + 1 = 1$. So
#
# $$Z = \begin{pmatrix}1&0\\0&2\end{pmatrix}$$
#
# Now backward, with $dZ = \begin{pmatrix}1&0\\0&2\end{pmatrix}$ from above. *Each
# window reports by itself*: a window that got $dZ = 2$ adds two times *its pixels* to
# $dW$, two to $db$, and two times *the filter* to its place in $dX$:
#
# $$dW = 1\begin{pmatrix}1&2\\0&1\end{pmatrix} + 2\begin{pmatrix}1&3\\1&0\end{pmatrix} =
# \begin{pmatrix}3&8\\2&1\end{pmatrix} \quad db = 3 \quad
# dX = \begin{pmatrix}1&0&0\\0&1&0\\0&0&-2\end{pmatrix}$$
#
# *The middle of $dX$ is $-1 + 2$: both windows contain the middle pixel.*

# %%
hand_X = np.array([[1.0, 2, 0], [0, 1, 3], [2, 1, 0]]).reshape(1, 3, 3, 1)
hand_W = np.array([[1.0, 0], [0, -1]]).reshape(2, 2, 1, 1)
hand_dZ = np.array([[1.0, 0], [0, 2]]).reshape(1, 2, 2, 1)
by_sliding = slide(hand_X[0, :, :, 0], hand_W[:, :, 0, 0]) + 1
assert np.array_equal(by_sliding, [[1, 0], [0, 2]])

# %% [markdown]
# ## The mathematics
#
# The layer gets $A^{[l-1]}$ of shape $(m, n_H', n_W', n_C')$. It has $n_C$ filters of
# $f \times f \times n_C'$, in one array $W$ of shape $(f, f, n_C', n_C)$, and a bias
# for each, $b$ of shape $(1, 1, 1, n_C)$. With stride $s$ and $p$ zeros around the
# picture
#
# $$Z_{i,h,w,c} = \sum_{u,v,c'} A^{pad}_{i,\,hs+u,\,ws+v,\,c'}\, W_{u,v,c',c} + b_c
# \qquad n_H = \left\lfloor \frac{n_H' + 2p - f}{s} \right\rfloor + 1$$
#
# The bias is *outside* of the sum: once a window. (The published notebook of 2017 adds
# it to each product. See "Break it".)
#
# Backward, every window reports its $dZ$: as it is to $db$, times its pixels to $dW$,
# and times the filter to its own place in $dA$:
#
# $$db_c = \sum_{i,h,w} dZ_{i,h,w,c} \qquad
# dW_{u,v,c',c} = \sum_{i,h,w} dZ_{i,h,w,c}\, A^{pad}_{i,\,hs+u,\,ws+v,\,c'}$$
#
# $$dA^{pad}_{i,\,hs+u,\,ws+v,\,c'} \mathrel{+}= \sum_c dZ_{i,h,w,c}\, W_{u,v,c',c}$$
#
# Why $+=$? A pixel is in up to $f^2$ windows, and the multivariable chain rule adds
# over all ways. The last line read from the pixel's side: with $s = 1$ pixel $(a, b)$
# gets $\sum_{u,v} dZ_{a-u,\,b-v} W_{u,v}$, which is a convolution of $dZ$ with the
# filter *turned by 180 degrees*. The backward pass of a convolution is a convolution.
#
# What deep learning calls a convolution is a cross-correlation to a mathematician, who
# turns the filter in the forward pass already. The filter is learned, so it makes no
# difference, as long as both passes agree.
#
# **Pooling** has no weights. Max pooling hands on the largest number of a window; on
# the way back that number alone gets the gradient. Average pooling hands on the mean,
# and each number gets its part, $1/f^2$.
#
# ## Your code
#
# **Exercise 1.** `pad` rows and columns of zeros around each picture, not around the
# examples or the channels. (`np.pad`.)


# %%
def zero_pad(X, pad):
    """X (m, n_H, n_W, n_C) -> (m, n_H + 2 pad, n_W + 2 pad, n_C), zeros around."""
    # BEGIN SOLUTION
    X_pad = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    # END SOLUTION
    return X_pad


padded = zero_pad(hand_X, 1)
print(padded[0, :, :, 0])
assert padded.shape == (1, 5, 5, 1) and padded.sum() == hand_X.sum()

# %% [markdown]
# **Exercise 2.** One window: all products summed, then the bias, once. The answer is a
# number.


# %%
def conv_single_step(a_slice_prev, W, b):
    """The number Z of a window (f, f, n_C_prev), a filter W, its bias b (1, 1, 1)."""
    # BEGIN SOLUTION
    Z = np.sum(a_slice_prev * W) + np.squeeze(b)
    # END SOLUTION
    return float(Z)


first = conv_single_step(hand_X[0, :2, :2], hand_W[..., 0], np.ones((1, 1, 1)))
print(f"the first window: {first:g}")
assert first == 1

# %% [markdown]
# **Exercise 3.** All windows of all pictures and filters. The loops are given; you say
# where the window begins and ends, cut it out, and fill `Z`. The size of the output is
# the formula above.


# %%
def conv_forward(A_prev, W, b, hparameters):
    """Z (m, n_H, n_W, n_C), and the cache (A_prev, W, b, hparameters).

    A_prev (m, n_H_prev, n_W_prev, n_C_prev), W (f, f, n_C_prev, n_C), b (1, 1, 1, n_C);
    hparameters {"stride": ..., "pad": ...}.
    """
    m, n_H_prev, n_W_prev, _ = A_prev.shape
    f, _, _, n_C = W.shape
    stride, pad = hparameters["stride"], hparameters["pad"]
    # BEGIN SOLUTION
    n_H = (n_H_prev + 2 * pad - f) // stride + 1
    n_W = (n_W_prev + 2 * pad - f) // stride + 1
    Z = np.zeros((m, n_H, n_W, n_C))
    A_prev_pad = zero_pad(A_prev, pad)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                top, left = h * stride, w * stride
                window = A_prev_pad[i, top : top + f, left : left + f]
                for c in range(n_C):
                    Z[i, h, w, c] = conv_single_step(window, W[..., c], b[..., c])
    # END SOLUTION
    return Z, (A_prev, W, b, hparameters)


hand_b = np.ones((1, 1, 1, 1))
hand_Z, hand_cache = conv_forward(hand_X, hand_W, hand_b, {"stride": 1, "pad": 0})
print(hand_Z[0, :, :, 0])
assert np.array_equal(hand_Z[0, :, :, 0], [[1, 0], [0, 2]])

# %% [markdown]
# **Exercise 4.** Pooling: the same windows, but each channel by itself, and no padding.


# %%
def pool_forward(A_prev, hparameters, mode="max"):
    """A (m, n_H, n_W, n_C), and the cache (A_prev, hparameters); {"stride", "f"}."""
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    f, stride = hparameters["f"], hparameters["stride"]
    n_H = (n_H_prev - f) // stride + 1
    n_W = (n_W_prev - f) // stride + 1
    A = np.zeros((m, n_H, n_W, n_C))
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                # BEGIN SOLUTION
                top, left = h * stride, w * stride
                window = A_prev[i, top : top + f, left : left + f]  # (f, f, n_C)
                if mode == "max":
                    A[i, h, w] = np.max(window, axis=(0, 1))
                else:
                    A[i, h, w] = np.mean(window, axis=(0, 1))
                # END SOLUTION
    return A, (A_prev, hparameters)


pooled, _ = pool_forward(hand_X, {"stride": 1, "f": 2})
averaged, _ = pool_forward(hand_X, {"stride": 1, "f": 2}, mode="average")
print(pooled[0, :, :, 0], averaged[0, :, :, 0], sep="\n")
assert np.array_equal(pooled[0, :, :, 0], [[2, 3], [2, 3]])
assert np.array_equal(averaged[0, :, :, 0], [[1, 1.5], [1, 1.25]])

# %% [markdown]
# **Exercise 5.** Backward through the convolution. Go over the same windows once more;
# each adds its report to `dA_prev_pad`, `dW` and `db`. At the end take the padding off:
# nobody asked for the derivative of those zeros.


# %%
def conv_backward(dZ, cache):
    """dA_prev, dW, db: each of the shape of what it belongs to."""
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    f = W.shape[0]
    m, n_H, n_W, n_C = dZ.shape
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = np.zeros(A_prev_pad.shape)
    dW, db = np.zeros(W.shape), np.zeros(b.shape)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    # BEGIN SOLUTION
                    rows = slice(h * stride, h * stride + f)
                    columns = slice(w * stride, w * stride + f)
                    report = dZ[i, h, w, c]
                    dA_prev_pad[i, rows, columns] += report * W[..., c]
                    dW[..., c] += report * A_prev_pad[i, rows, columns]
                    db[..., c] += report
                    # END SOLUTION
    height, width = A_prev.shape[1:3]
    dA_prev = dA_prev_pad[:, pad : pad + height, pad : pad + width]
    return dA_prev, dW, db


hand_dX, hand_dW, hand_db = conv_backward(hand_dZ, hand_cache)
print(hand_dW[:, :, 0, 0], hand_db.item(), hand_dX[0, :, :, 0], sep="\n")
assert np.array_equal(hand_dW[:, :, 0, 0], [[3, 8], [2, 1]]) and hand_db.item() == 3
assert np.array_equal(hand_dX[0, :, :, 0], [[1, 0, 0], [0, 1, 0], [0, 0, -2]])

# %% [markdown]
# **Exercise 6.** Which number of a window was the largest? A mask of its shape.
#
# **Exercise 7.** Spread a gradient evenly over a window.
#
# **Exercise 8.** Backward through pooling, with the two.


# %%
def create_mask_from_window(x):
    """True where x (f, f) is largest, else False."""
    # BEGIN SOLUTION
    mask = x == np.max(x)
    # END SOLUTION
    return mask


def distribute_value(dz, shape):
    """`dz` in equal parts over an array of this shape."""
    # BEGIN SOLUTION
    n_H, n_W = shape
    a = np.full(shape, dz / (n_H * n_W))
    # END SOLUTION
    return a


def pool_backward(dA, cache, mode="max"):
    """dA_prev, of the shape of A_prev; cache is (A_prev, hparameters)."""
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    # BEGIN SOLUTION
                    rows = slice(h * stride, h * stride + f)
                    columns = slice(w * stride, w * stride + f)
                    da = dA[i, h, w, c]
                    if mode == "max":
                        window = A_prev[i, rows, columns, c]
                        part = da * create_mask_from_window(window)
                    else:
                        part = distribute_value(da, (f, f))
                    dA_prev[i, rows, columns, c] += part
                    # END SOLUTION
    return dA_prev


print(create_mask_from_window(hand_X[0, :2, :2, 0]))
print(distribute_value(2.0, (2, 2)))
assert create_mask_from_window(hand_X[0, :2, :2, 0]).sum() == 1
assert distribute_value(2.0, (2, 2)).sum() == 2

# %% [markdown]
# ### Without the loops
#
# Six loop turns a pixel are fine for understanding and hopeless for training. Turn the
# loops inside out: the two over *places of the filter* are short ($f^2$ turns), all
# others can be whole-array operations. For the filter's place $(u, v)$, the pixels that
# meet it are a shifted copy of the whole picture, and the sum over channels is a matrix
# product: $(m, n_H, n_W, n_C')$ times $(n_C', n_C)$.
#
# **Exercise 9.** The forward pass. Start from the bias, and add $f^2$ products.
#
# **Exercise 10.** The backward pass. The same pixels meet `dZ` for `dW[u, v]`, and
# `dZ` times $W_{u,v}^T$ goes back to where they came from.


# %%
def conv_forward_shifted(A_prev, W, b, hparameters):
    """The same as conv_forward, f * f matrix products in place of the loops."""
    # BEGIN SOLUTION
    stride, pad = hparameters["stride"], hparameters["pad"]
    f = W.shape[0]
    padded = zero_pad(A_prev, pad)
    n_H = (padded.shape[1] - f) // stride + 1
    n_W = (padded.shape[2] - f) // stride + 1
    Z = np.tile(b, (len(A_prev), n_H, n_W, 1))  # (m, n_H, n_W, n_C)
    for u in range(f):
        for v in range(f):
            last_row, last_column = u + n_H * stride, v + n_W * stride
            pixels = padded[:, u:last_row:stride, v:last_column:stride]
            Z += pixels @ W[u, v]  # (m, n_H, n_W, n_C') @ (n_C', n_C)
    # END SOLUTION
    return Z, (A_prev, W, b, hparameters)


def conv_backward_shifted(dZ, cache):
    """The same as conv_backward, f * f matrix products in place of the loops."""
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    _, n_H, n_W, _ = dZ.shape
    padded = zero_pad(A_prev, pad)
    d_padded, dW = np.zeros(padded.shape), np.zeros(W.shape)
    # BEGIN SOLUTION
    db = dZ.sum(axis=(0, 1, 2)).reshape(b.shape)
    for u in range(W.shape[0]):
        for v in range(W.shape[1]):
            rows = slice(u, u + n_H * stride, stride)
            columns = slice(v, v + n_W * stride, stride)
            pixels = padded[:, rows, columns]  # (m, n_H, n_W, n_C')
            dW[u, v] = np.tensordot(pixels, dZ, axes=((0, 1, 2), (0, 1, 2)))
            d_padded[:, rows, columns] += dZ @ W[u, v].T
    # END SOLUTION
    height, width = A_prev.shape[1:3]
    return d_padded[:, pad : pad + height, pad : pad + width], dW, db


# %% [markdown]
# ## Check it three ways
#
# **By hand**: the picture of 3 x 3, above, and now by the other way of looping.

# %%
again_Z, again_cache = conv_forward_shifted(
    hand_X, hand_W, hand_b, {"stride": 1, "pad": 0}
)
again = conv_backward_shifted(hand_dZ, again_cache)
assert np.array_equal(again_Z, hand_Z)
for name, mine, known in zip(
    ("dX", "dW", "db"), again, (hand_dX, hand_dW, hand_db), strict=True
):
    assert dls.compare(name, mine, known).ok

# %% [markdown]
# **Against the engine**, on random numbers of the course's shapes: stride 2, padding 1,
# three channels in and eight out. The engine has channels second, and its weights are
# $(n_C, n_C', f, f)$: two transposes there, two back.


# %%
def to_engine(X):
    """(m, n_H, n_W, n_C) -> (m, n_C, n_H, n_W)."""
    return np.transpose(X, (0, 3, 1, 2))


def from_engine(X):
    """(m, n_C, n_H, n_W) -> (m, n_H, n_W, n_C)."""
    return np.transpose(X, (0, 2, 3, 1))


rng = np.random.default_rng(lesson.seed)
A_prev = rng.standard_normal((2, 5, 7, 4))
W, b = rng.standard_normal((3, 3, 4, 8)), rng.standard_normal((1, 1, 1, 8))
hparameters = {"stride": 2, "pad": 1}
Z, cache = conv_forward(A_prev, W, b, hparameters)
dZ = rng.standard_normal(Z.shape)
mine = dict(zip(("dA_prev", "dW", "db"), conv_backward(dZ, cache), strict=True))

x = dls.Tensor(to_engine(A_prev), requires_grad=True, name="A_prev")
weight = dls.Tensor(W.transpose(3, 2, 0, 1), requires_grad=True, name="W")
bias = dls.Tensor(b[0, 0, 0], requires_grad=True, name="b")
engine_Z = F.conv2d(x, weight, bias, stride=2, padding=1)
engine_Z.backward(dls.Tensor(to_engine(dZ)))
theirs = {
    "dA_prev": from_engine(x.grad.numpy()),
    "dW": weight.grad.numpy().transpose(2, 3, 1, 0),
    "db": bias.grad.numpy().reshape(1, 1, 1, 8),
}
assert dls.compare("Z", Z, from_engine(engine_Z.numpy())).ok
for name, gradient in mine.items():
    assert dls.compare(name, gradient, theirs[name]).ok
fast_Z, fast_cache = conv_forward_shifted(A_prev, W, b, hparameters)
assert dls.compare("Z, without the loops", fast_Z, Z).ok
for name, gradient in zip(mine, conv_backward_shifted(dZ, fast_cache), strict=True):
    assert dls.compare(f"{name}, without the loops", gradient, mine[name]).ok

pooling = {"f": 3, "stride": 2}
for mode, function in (("max", F.max_pool2d), ("average", F.avg_pool2d)):
    A, pool_cache = pool_forward(A_prev, pooling, mode)
    dA = rng.standard_normal(A.shape)
    x = dls.Tensor(to_engine(A_prev), requires_grad=True)
    engine_A = function(x, 3, stride=2)
    engine_A.backward(dls.Tensor(to_engine(dA)))
    assert dls.compare(f"A, {mode} pooling", A, from_engine(engine_A.numpy())).ok
    dA_prev = pool_backward(dA, pool_cache, mode)
    assert dls.compare("dA_prev", dA_prev, from_engine(x.grad.numpy())).ok

# %% [markdown]
# **Numerically.** The cost is $\sum dZ * Z$, whose derivative with respect to $Z$ is
# `dZ`.

# %%
leaves = {"A_prev": A_prev, "W": W, "b": b}


def cost_of_conv(p):
    """A cost with the derivative dZ, by the fast forward pass (it runs 1,000 times)."""
    Z, _ = conv_forward_shifted(p["A_prev"], p["W"], p["b"], hparameters)
    return np.sum(dZ * Z)


report = check.check_gradients(cost_of_conv, leaves, mine)
print(report)
assert report.ok


# %% [markdown]
# ## See the graph
#
# The network that we are going to train, on two pictures: convolution, ReLU, pooling,
# then one fully connected layer.


# %%
def start_parameters(seed):
    """W1 (3, 3, 1, 8), b1 (1, 1, 1, 8), W2 (128, 10), b2 (1, 10); He's start."""
    draw = np.random.default_rng(seed)
    return {
        "W1": draw.standard_normal((3, 3, 1, 8)) * np.sqrt(2 / 9),
        "b1": np.zeros((1, 1, 1, 8)),
        "W2": draw.standard_normal((128, 10)) * np.sqrt(1 / 128),
        "b2": np.zeros((1, 10)),
    }


def engine_network(p):
    """The same network of the engine's layers.

    The engine flattens (8, 4, 4), channels first, where we flatten (4, 4, 8): the rows
    of W2 change places accordingly.
    """
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, dtype="float64"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10, dtype="float64"),
    )
    W2 = p["W2"].reshape(4, 4, 8, 10).transpose(2, 0, 1, 3).reshape(128, 10)
    state = {
        "0.weight": p["W1"].transpose(3, 2, 0, 1),
        "0.bias": p["b1"].ravel(),
        "4.weight": W2.T,
        "4.bias": p["b2"].ravel(),
    }
    network.load_state_dict(state)
    return network


start = start_parameters(lesson.seed)
network = engine_network(start)
two = dls.Tensor(to_engine(train_X[:2]), name="X")
with dls.trace():
    loss = F.cross_entropy(network(two), dls.Tensor(train_Y[:2]))
    loss.backward()
graph = dls.graph(loss, network, names={"loss": loss})
lesson.graph(graph, "graph", steps={"the gradient of the filters": "0.weight"})
graph

# %% [markdown]
# ## Train
#
# The network by hand: your convolution without loops, and pooling without loops.
# Pooling by 2 with stride 2 cuts the picture into blocks, so that a `reshape` does it.


# %%
def pool_blocks(A):
    """Max pooling by 2: A (m, 4, 4, 8), and a mask of the largest, each once."""
    m, n_H, n_W, n_C = A.shape
    blocks = A.reshape(m, n_H // 2, 2, n_W // 2, 2, n_C).transpose(0, 1, 3, 5, 2, 4)
    blocks = blocks.reshape(m, n_H // 2, n_W // 2, n_C, 4)
    return blocks.max(axis=4), np.eye(4)[blocks.argmax(axis=4)]


def unpool_blocks(dA, mask):
    """Backward: each gradient to the place of the largest."""
    m, n_H, n_W, n_C = dA.shape
    blocks = (dA[..., None] * mask).reshape(m, n_H, n_W, n_C, 2, 2)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(m, 2 * n_H, 2 * n_W, n_C)


def forward(p, X):
    """Scores (m, 10), and what backward needs."""
    Z1, conv_cache = conv_forward_shifted(X, p["W1"], p["b1"], {"stride": 1, "pad": 1})
    A1 = np.maximum(0, Z1)  # (m, 8, 8, 8)
    P1, mask = pool_blocks(A1)  # (m, 4, 4, 8)
    flat = P1.reshape(len(X), -1)  # (m, 128)
    return flat @ p["W2"] + p["b2"], (conv_cache, Z1, mask, flat)


def cost_and_gradients(p, X, Y):
    """Mean cross-entropy, and its gradients."""
    Z2, (conv_cache, Z1, mask, flat) = forward(p, X)
    m = len(X)
    shifted = Z2 - Z2.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dZ2 = (np.exp(log_p) - np.eye(10)[Y]) / m  # (m, 10)
    dP1 = (dZ2 @ p["W2"].T).reshape(m, 4, 4, 8)
    dZ1 = unpool_blocks(dP1, mask) * (Z1 > 0)
    _, dW1, db1 = conv_backward_shifted(dZ1, conv_cache)
    grads = {"W1": dW1, "b1": db1, "W2": flat.T @ dZ2, "b2": dZ2.sum(0, keepdims=True)}
    return -np.mean(log_p[np.arange(m), Y]), grads


epochs, rate = (3 if lesson.fast else 40), 0.5
orders = np.random.default_rng(lesson.seed)
batches = [
    order[i : i + 100]
    for order in (orders.permutation(1200) for _ in range(epochs))
    for i in range(0, 1200, 100)
]
trained, costs = {name: p.copy() for name, p in start.items()}, []
for batch in lesson.progress(batches, "by hand", "steps"):
    cost, grads = cost_and_gradients(trained, train_X[batch], train_Y[batch])
    trained = {name: p - rate * grads[name] for name, p in trained.items()}
    costs.append(float(cost))

optimizer = optim.SGD(network.parameters(), lr=rate)


@dls.capture
def step(xb, yb):
    """One step of the engine: the same numbers."""
    optimizer.zero_grad()
    loss = F.cross_entropy(network(xb), yb)
    loss.backward()
    optimizer.step()
    return loss


engine_X, engine_costs = to_engine(train_X), []
for batch in lesson.progress(batches, "engine", "steps"):
    loss = step(dls.Tensor(engine_X[batch]), dls.Tensor(train_Y[batch]))
    engine_costs.append(loss.item())


def accuracy(scores, Y):
    """Percent right."""
    return 100 * float(np.mean(scores.argmax(axis=1) == Y))


found = {"train": (train_X, train_Y), "dev": (dev_X, dev_Y)}
by_hand = {name: accuracy(forward(trained, X)[0], Y) for name, (X, Y) in found.items()}
with dls.no_grad():
    engine = {
        name: accuracy(network(dls.Tensor(to_engine(X))).numpy(), Y)
        for name, (X, Y) in found.items()
    }
last = len(costs) - 1
lesson.table(
    ["", "by hand", "engine"],
    [
        *([f"cost at step {i}", costs[i], engine_costs[i]] for i in (0, 10, last)),
        *([f"{n} accuracy, %", by_hand[n], engine[n]] for n in found),
    ],
)
assert np.abs(np.array(costs[:20]) - engine_costs[:20]).max() < 1e-10

# %% [markdown]
# How much did turning the loops inside out gain? One convolution of eight filters on
# pictures of 8 x 8:


# %%
def seconds_of(function, repeats):
    """The best time of a call."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


some = train_X[:20]
W1, b1, same_size = start["W1"], start["b1"], {"stride": 1, "pad": 1}
filters = dls.Tensor(W1.transpose(3, 2, 0, 1))
tensor = dls.Tensor(to_engine(some))
times = {
    "loops": seconds_of(lambda: conv_forward(some, W1, b1, same_size), 2),
    "shifted": seconds_of(lambda: conv_forward_shifted(some, W1, b1, same_size), 20),
    "engine": seconds_of(lambda: F.conv2d(tensor, filters, padding=1), 20),
}
lesson.table(
    ["20 pictures", "ms", "times as fast as the loops"],
    [[name, 1e3 * t, f"{times['loops'] / t:,.0f}"] for name, t in times.items()],
)

# %% [markdown]
# ## Look at it
#
# What did the eight filters become? And what do they see in one digit, before and after
# pooling? Positive weights are blue.

# %%
shown = dev_X[:1]
Z1, _ = conv_forward_shifted(shown, trained["W1"], trained["b1"], same_size)
A1 = np.maximum(0, Z1)
P1, _ = pool_blocks(A1)
fig, axes = plt.subplots(3, 9, figsize=(14, 5))
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_axis_off()
axes[1, 0].imshow(shown[0, :, :, 0], cmap="gray_r")
axes[1, 0].set_title(f"a {dev_Y[0]}")
axes[2, 0].set_axis_off()
bound, top = np.abs(trained["W1"]).max(), A1.max()
for c in range(8):
    kernel = trained["W1"][:, :, 0, c]
    axes[0, c + 1].imshow(kernel, cmap="RdBu", vmin=-bound, vmax=bound)
    axes[0, c + 1].set_title(f"{c + 1}")
    axes[1, c + 1].imshow(A1[0, :, :, c], cmap="viridis", vmin=0, vmax=top)
    axes[2, c + 1].imshow(P1[0, :, :, c], cmap="viridis", vmin=0, vmax=top)
for row, name in enumerate(("filters", "after ReLU, 8 x 8", "pooled, 4 x 4")):
    axes[row, 1].set_ylabel(name)
fig.suptitle("The learned filters, and what they find")
fig.tight_layout()
lesson.figure(fig, "filters")

# %% [markdown]
# **Move the input, and the output moves along.** A convolution commutes with shifts (it
# is *equivariant*); pooling by 2 does so for shifts by 2. A fully connected layer has
# no such property: it has to learn the same stroke at every place. We shift a padded
# digit by two pixels and compare.

# %%
roomy = zero_pad(dev_X[:100], 2)  # (100, 12, 12, 1)
moved = np.roll(roomy, 2, axis=2)
for_both = [
    conv_forward_shifted(X, trained["W1"], trained["b1"], same_size)[0]
    for X in (roomy, moved)
]
inner = np.s_[:, :, 3:-1]  # away from the borders, where zeros come in
gap = np.abs(np.roll(for_both[0], 2, axis=2)[inner] - for_both[1][inner]).max()
pools = [pool_blocks(np.maximum(0, Z))[0] for Z in for_both]
pool_gap = np.abs(np.roll(pools[0], 1, axis=2)[:, :, 2:-1] - pools[1][:, :, 2:-1]).max()
print(f"largest difference: convolution {gap:.1e}, after pooling {pool_gap:.1e}")
assert gap == 0 and pool_gap == 0

fig, ax = plt.subplots(figsize=(7, 4))
ax.semilogy(costs, lw=3, label="by hand")
ax.semilogy(engine_costs, "--", label="engine")
ax.axhline(np.log(10), color="gray", linestyle=":", label="log 10: knows nothing")
ax.set(xlabel="step", ylabel="cost (log scale)", title="8 filters, then 10 units")
ax.legend()
ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "costs")

# %% [markdown]
# ## Break it
#
# Seven mistakes. For each, guess before you run the cell: which gradients are wrong,
# and by what?
#
# **1. The bias in every product**, as the notebook of 2017 published it:
# `np.sum(a_slice_prev * W + b)`. The output is off by $(f^2 n_C' - 1)\, b$. Nobody
# notices: the network learns a bias that is that much smaller. A gradient check does.


# %%
def conv_forward_2017(A_prev, W, b, hparameters):
    """WRONG: the bias once for each element of the window."""
    size = W[..., 0].size
    return conv_forward_shifted(A_prev, W, size * b, hparameters)[0]


off = conv_forward_2017(A_prev, W, b, hparameters) - Z
assert np.allclose(off, (3 * 3 * 4 - 1) * b)


def cost_2017(p):
    """The same cost with the forward pass of 2017."""
    return np.sum(dZ * conv_forward_2017(p["A_prev"], p["W"], p["b"], hparameters))


report = check.check_gradients(cost_2017, leaves, mine)
broken = {"bias in every product": [c.name for c in report.wrong]}
print(f"wrong: {report.wrong[0].name}\n    {report.wrong[0].hint}")
assert broken["bias in every product"] == ["db"] and "36" in report.wrong[0].hint


# %% [markdown]
# **2. `=` for `+=`.** Only the last window of each filter reports.


# %%
def conv_backward_with(dZ, cache, assign=False, stride=None, turned=False, cut=True):
    """`conv_backward`, with one of the mistakes below."""
    A_prev, W, b, hparameters = cache
    pad, f = hparameters["pad"], W.shape[0]
    stride = hparameters["stride"] if stride is None else stride
    padded = zero_pad(A_prev, pad)
    d_padded, dW = np.zeros(padded.shape), np.zeros(W.shape)
    filters = W[::-1, ::-1] if turned else W
    for h in range(dZ.shape[1]):
        for w in range(dZ.shape[2]):
            rows = slice(h * stride, h * stride + f)
            columns = slice(w * stride, w * stride + f)
            window = padded[:, rows, columns]  # (m, f, f, n_C')
            reports = dZ[:, h, w]  # (m, n_C)
            part = np.tensordot(window, reports, axes=(0, 0))
            dW = part if assign else dW + part
            d_padded[:, rows, columns] += np.tensordot(reports, filters, axes=(1, 3))
    height, width = A_prev.shape[1:3]
    begin = pad if cut else 0
    dA_prev = d_padded[:, begin : begin + height, begin : begin + width]
    return {"dA_prev": dA_prev, "dW": dW, "db": dZ.sum(axis=(0, 1, 2)).reshape(b.shape)}


assert check.check_gradients(cost_of_conv, leaves, conv_backward_with(dZ, cache)).ok


def verdict(name, **mistake):
    """The gradients that are wrong, printed with what the first of them looks like."""
    grads = conv_backward_with(dZ, cache, **mistake)
    report = check.check_gradients(cost_of_conv, leaves, grads)
    assert not report.ok
    broken[name] = [c.name for c in report.wrong]
    wrong = report.wrong[0]
    print(f"{name}: wrong are {', '.join(broken[name])}")
    print(f"    {wrong.name}: {wrong.hint}")


verdict("= for +=", assign=True)
assert broken["= for +="] == ["dW"]

# %% [markdown]
# **3. The stride forgotten on the way back.** The windows of the backward pass are not
# those of the forward pass. `db` is right, because it does not depend on where a window
# is; `dW` and `dA_prev` are wrong.

# %%
verdict("stride forgotten", stride=1)
assert broken["stride forgotten"] == ["dA_prev", "dW"]

# %% [markdown]
# **4. The filter turned in one pass only.** The formula "a convolution with the turned
# filter" is for the view from the pixel. Whoever loops over windows and turns it as
# well has turned it twice.

# %%
verdict("turned once too often", turned=True)
assert broken["turned once too often"] == ["dA_prev"]

# %% [markdown]
# **5. The padding not taken off, but cut off at the end.** The shape is right, and
# every gradient stands one row and one column too far down.

# %%
verdict("padding cut at the end", cut=False)
assert broken["padding cut at the end"] == ["dA_prev"]

# %% [markdown]
# **6. Two largest numbers.** `x == max(x)` is True at *both*, so both get the whole
# gradient, and the sum of what comes out is larger than what went in. The engine gives
# it to the first. With random numbers nobody sees it; on real pictures windows of equal
# pixels are common.

# %%
tied = np.array([[3.0, 1, 3, 0], [0, 2, 1, 3]]).reshape(1, 2, 4, 1)
_, tied_cache = pool_forward(tied, {"f": 2, "stride": 2})
both = pool_backward(np.ones((1, 1, 2, 1)), tied_cache)
x = dls.Tensor(to_engine(tied), requires_grad=True)
F.max_pool2d(x, 2).sum().backward()
print("mine\n", both[0, :, :, 0], "\nengine\n", x.grad.numpy()[0, 0])
assert both.sum() == 3 and x.grad.numpy().sum() == 2
equal_windows = np.mean([
    create_mask_from_window(picture[h : h + 2, w : w + 2, 0]).sum() > 1
    for picture in train_X[:100] for h in range(0, 8, 2) for w in range(0, 8, 2)
])
print(f"windows with two or more largest pixels: {100 * equal_windows:.0f} %")

# %% [markdown]
# Behind a ReLU most ties are windows of zeros. There the ReLU's own backward pass stops
# the gradient, and the mistake stays hidden.
#
# **7. A true convolution, forward and backward.** With the filter turned in both passes
# everything is consistent, and *no gradient check can find it*. Only a comparison with
# another implementation does; and only weights that come from somewhere else suffer.


# %%
def turned_forward(A_prev, W, b, hparameters):
    """What a mathematician calls a convolution."""
    return conv_forward_shifted(A_prev, W[::-1, ::-1], b, hparameters)


turned_Z, turned_cache = turned_forward(A_prev, W, b, hparameters)
dA_prev, dW, db = conv_backward_shifted(dZ, turned_cache)
turned_grads = {"dA_prev": dA_prev, "dW": dW[::-1, ::-1], "db": db}
report = check.check_gradients(
    lambda p: np.sum(dZ * turned_forward(p["A_prev"], p["W"], p["b"], hparameters)[0]),
    leaves,
    turned_grads,
)
print(f"gradient check: {'right' if report.ok else 'wrong'}")
assert report.ok
assert not dls.compare("Z", turned_Z, from_engine(engine_Z.numpy())).ok

# %% [markdown]
# ## Recap
#
# - One window: products, sum, bias once. The layer: the same at every place.
# - $n = \lfloor (n' + 2p - f)/s \rfloor + 1$.
# - Backward, each window adds its report: its pixels to $dW$, the filter to $dA$,
#   itself to $db$. Read from the pixel's side it is a convolution with the turned
#   filter.
# - Loops over the $f^2$ places of the filter, not over the picture: the same numbers, a
#   hundred times faster.
# - Max pooling: the gradient goes to the winner. Average pooling: in equal parts.
#
# ## Questions
#
# 1. How many parameters has a layer of ten 3 x 3 filters on a picture with 3 channels?
#    Does the size of the picture matter?
#    <details><summary>Answer</summary>
#    3 * 3 * 3 * 10 + 10 = 280; no.
#    </details>
# 2. Which padding keeps the size with $f = 5$, $s = 1$? With $f = 4$?
#    <details><summary>Answer</summary>
#    2. With 4 one would need one and a half: two zeros on one side, one on the other.
#    That is one reason why filters have odd sizes.
#    </details>
# 3. Why has pooling no entry in the list of gradients?
#    <details><summary>Answer</summary>
#    It has hyperparameters (f, stride), but no parameters. It only hands gradients on.
#    </details>
# 4. A pixel in the corner and one in the middle: which one has the smaller gradient,
#    and what does padding change?
#    <details><summary>Answer</summary>
#    The corner: it is in one window, the middle pixel in f * f. With padding the corner
#    is in more windows.
#    </details>
# 5. Why does mistake 4 leave `dW` right?
#    <details><summary>Answer</summary>
#    dW is made of pixels and reports; the filter does not occur in it.
#    </details>
#
# ## Go further
#
# - Write `pool_backward` so that a tie goes to the first, and compare again.
# - Give `conv_forward_shifted` a dilation: pixels `d` apart under the filter.
# - Next: `c4w1-convolutional-classifier` builds a network of these layers with the
#   engine, and reads hand signs.

# %%
# The end.
assert by_hand["train"] > (80 if lesson.fast else 99)
assert by_hand["dev"] > (75 if lesson.fast else 94)
lesson.finish(
    {
        "train_accuracy": by_hand["train"],
        "dev_accuracy": by_hand["dev"],
        "costs": {i: costs[i] for i in (0, 10, last)},
        "unit_values": {
            "Z": hand_Z[0, :, :, 0],
            "dW": hand_dW[:, :, 0, 0],
            "db": hand_db.item(),
        },
        "wrong": broken,
        "ties": float(equal_windows),
        "times_faster": times["loops"] / times["shifted"],
        "engine": {
            "train_accuracy": engine["train"],
            "dev_accuracy": engine["dev"],
            "costs": {i: engine_costs[i] for i in (0, 10, last)},
        },
    }
)
