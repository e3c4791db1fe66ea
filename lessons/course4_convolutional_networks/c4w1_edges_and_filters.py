# %% [markdown]
# # Edges and filters: what nine numbers can see
#
# Course 4, week 1. About an hour with the exercises. The script runs for less than ten
# seconds, with `--fast` for four.
#
# **Goal.** Before a network learns its filters, you choose some yourself. You will
#
# - find edges in a photograph with nine numbers, and say what each number is for,
# - work out sizes: padding, stride, and pictures of several channels,
# - derive the gradient of a filter, and let a filter learn what Sobel wrote down in
#   1968,
# - let a larger one learn what Sobel's cannot do: find edges under noise,
# - break it in six ways that real pictures break it.
#
# ## What you need
#
# `c1w2-vectorization` for arrays, `c1w2-logistic-regression` for gradient descent. This
# lesson answers the first lectures of Course 4, from edge detection to convolutions
# over volumes; they have no notebook. The next one, `c4w1-convolution-step-by-step`,
# makes a layer of it. Pictures are $(n_H, n_W)$ or $(n_H, n_W, n_C)$, channels last.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, optim
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w1-edges-and-filters")
photographs = lesson.load("photographs").arrays


def smaller(picture, block=2):
    """Means of blocks of pixels: a picture half as wide and high, as floats 0 ... 1."""
    height, width = (n // block * block for n in picture.shape[:2])
    cut = picture[:height, :width].astype(float) / 255
    blocks = cut.reshape(height // block, block, width // block, block, -1)
    return np.squeeze(blocks.mean(axis=(1, 3)))


camera = smaller(photographs["camera"])  # (256, 256), grey
coffee = smaller(photographs["coffee"])  # (200, 300, 3)
brick = smaller(photographs["brick"])  # (256, 256), grey
print(f"camera {camera.shape}, brick {brick.shape}, coffee {coffee.shape}")

# %% [markdown]
# ## The idea in a picture
#
# An edge is a place where brightness changes. So compare a pixel's left neighbours with
# its right ones: *left minus right* is near zero on a wall and in the sky, and large on
# the outline of a coat. The comparison is a $3 \times 3$ table of numbers, the
# **filter**. Lay it on a pixel and its neighbours, multiply, add up, move on.

# %%
upright = np.array([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]])


def sliding(picture, f):
    """All windows of f x f: (n_H - f + 1, n_W - f + 1, f, f)."""
    return np.lib.stride_tricks.sliding_window_view(picture, (f, f))


fig, axes = plt.subplots(1, 3, figsize=(13, 4.4))
axes[0].imshow(camera, cmap="gray")
axes[0].set_title("a photograph")
for ax, kernel, name in (
    (axes[1], upright, "left minus right"),
    (axes[2], upright.T, "above minus below"),
):
    edges = np.einsum("hwuv,uv->hw", sliding(camera, 3), kernel)
    ax.imshow(edges, cmap="RdBu", vmin=-1.5, vmax=1.5)
    ax.set_title(f"{name}: blue > 0 > red")
for ax in axes:
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# The course's picture: six rows of three bright pixels (10) and three dark ones (0).
#
# $$\begin{pmatrix}10&10&10&0&0&0\\ \vdots\end{pmatrix} *
# \begin{pmatrix}1&0&-1\\1&0&-1\\1&0&-1\end{pmatrix}$$
#
# | window over columns | left column | right column | left minus right |
# |---|---|---|---|
# | 1 to 3 | $3 \cdot 10$ | $3 \cdot 10$ | 0 |
# | 2 to 4 | $3 \cdot 10$ | 0 | 30 |
# | 3 to 5 | $3 \cdot 10$ | 0 | 30 |
# | 4 to 6 | 0 | 0 | 0 |
#
# The edge is found, two pixels wide. With the halves exchanged it is $-30$: the sign
# says which side is the bright one.

# %%
half = np.repeat([[10.0, 10, 10, 0, 0, 0]], 6, axis=0)  # (6, 6)
found = np.einsum("hwuv,uv->hw", sliding(half, 3), upright)
print(found)
assert np.array_equal(found, np.repeat([[0, 30, 30, 0]], 4, axis=0))

# %% [markdown]
# ## The mathematics
#
# For a picture $X$ $(n_H, n_W)$ and a filter $W$ $(f, f)$
#
# $$Z_{h,w} = \sum_{u=0}^{f-1} \sum_{v=0}^{f-1} X_{h+u,\,w+v}\, W_{u,v}$$
#
# There are $n - f + 1$ places to lay the filter on. The picture shrinks, and a pixel in
# the corner is looked at once where one in the middle is looked at $f^2$ times.
# **Padding** with $p$ rows and columns on each side mends both; $p = (f-1)/2$ keeps the
# size (*same*), $p = 0$ adds nothing (*valid*). With **stride** $s$ the filter moves
# $s$ pixels at a time:
#
# $$n' = \left\lfloor \frac{n + 2p - f}{s} \right\rfloor + 1$$
#
# A picture of $n_C$ channels needs a filter of $n_C$ layers, $(f, f, n_C)$; the sum
# goes over all of them, and the result is *one* channel. $K$ filters give $K$ channels:
# $(n, n, n_C) * (f, f, n_C, K) \to (n', n', K)$.
#
# **The gradient of a filter.** Let $J$ be a cost that depends on $Z$, with $dZ_{h,w} =
# \partial J / \partial Z_{h,w}$. Weight $W_{u,v}$ takes part in *every* place, where it
# is multiplied with $X_{h+u,\,w+v}$, so
#
# $$dW_{u,v} = \sum_{h,w} dZ_{h,w}\, X_{h+u,\,w+v}$$
#
# which is itself a convolution: $X$ with $dZ$ as the filter. For $J = \frac{1}{2M} \sum
# (Z
# - Y)^2$ over $M$ places, $dZ = (Z - Y) / M$.
#
# **Filters that come apart.** $\begin{pmatrix}1&0&-1\\2&0&-2\\1&0&-1\end{pmatrix}$
# (Sobel) is the column $(1, 2, 1)^T$ times the row $(1, 0, -1)$: *smooth downwards,
# then take the difference across*. A filter of rank 1 is two passes of $f$
# multiplications in place of one of $f^2$.
#
# ## Your code
#
# **Exercise 1.** The size of the output.
#
# **Exercise 2.** The convolution. Two short loops over the filter, and whole-array
# arithmetic for the picture: for each $(u, v)$, the pixels that meet it are the picture
# moved by $(u, v)$.


# %%
def output_size(n, f, p=0, s=1):
    """How many places a filter of f has on n pixels with padding p and stride s."""
    # BEGIN SOLUTION
    size = (n + 2 * p - f) // s + 1
    # END SOLUTION
    return size


def convolve(X, W):
    """Z (n_H - f + 1, n_W - f + 1) of a picture X (n_H, n_W) and a filter W (f, f)."""
    f = W.shape[0]
    n_H, n_W = output_size(X.shape[0], f), output_size(X.shape[1], f)
    Z = np.zeros((n_H, n_W))
    # BEGIN SOLUTION
    for u in range(f):
        for v in range(f):
            Z += X[u : u + n_H, v : v + n_W] * W[u, v]
    # END SOLUTION
    return Z


assert [output_size(6, 3), output_size(6, 3, 1), output_size(7, 3, 0, 2)] == [4, 6, 3]
assert np.array_equal(convolve(half, upright), found)

# %% [markdown]
# **Exercise 3.** With padding (zeros) and stride. Pad, convolve, keep every `s`-th.
#
# **Exercise 4.** Volumes: `X` $(n_H, n_W, n_C)$, `W` $(f, f, n_C, K)$. Use `convolve`
# for each pair of channel and filter.


# %%
def convolve_padded(X, W, p, s):
    """Z of `X` with p zeros around it, at every s-th place."""
    # BEGIN SOLUTION
    Z = convolve(np.pad(X, p), W)[::s, ::s]
    # END SOLUTION
    return Z


def convolve_volume(X, W):
    """Z (n', n', K): each filter sums over all channels of X."""
    f, _, channels, K = W.shape
    shape = (output_size(X.shape[0], f), output_size(X.shape[1], f), K)
    Z = np.zeros(shape)
    # BEGIN SOLUTION
    for k in range(K):
        for c in range(channels):
            Z[:, :, k] += convolve(X[:, :, c], W[:, :, c, k])
    # END SOLUTION
    return Z


assert convolve_padded(camera, upright, 1, 2).shape == (128, 128)
assert convolve_volume(coffee, np.ones((3, 3, 3, 2))).shape == (198, 298, 2)

# %% [markdown]
# **Exercise 5.** Strength and direction. With the differences across, $G_x$, and down,
# $G_y$, an edge has strength $\sqrt{G_x^2 + G_y^2}$, and its direction is the angle
# $\operatorname{atan2}(G_y, G_x)$.
#
# **Exercise 6.** Does a filter come apart? Return a column $(f, 1)$ and a row $(1, f)$
# whose product it is, or `None` for each. The singular value decomposition
# `np.linalg.svd` writes any matrix as a sum of such products; a filter comes apart when
# all but the first singular value are (nearly) zero.


# %%
def strength_and_direction(X, W_x, W_y):
    """Strength and angle (in radians) of the edges of X by two filters."""
    # BEGIN SOLUTION
    G_x, G_y = convolve(X, W_x), convolve(X, W_y)
    strength = np.sqrt(G_x**2 + G_y**2)
    direction = np.arctan2(G_y, G_x)
    # END SOLUTION
    return strength, direction


def come_apart(W):
    """(column (f, 1), row (1, f)) with column @ row = W, or (None, None)."""
    # BEGIN SOLUTION
    left, sizes, right = np.linalg.svd(W)
    if sizes[1] > 1e-9 * sizes[0]:
        return None, None
    column = left[:, :1] * sizes[0]
    row = right[:1]
    # END SOLUTION
    return column, row


sobel = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
scharr = np.array([[3.0, 0, -3], [10, 0, -10], [3, 0, -3]])
laplace = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
column, row = come_apart(sobel)
print("Sobel: column", column[:, 0] / column[0, 0], "times row", row[0] / row[0, 0])
assert np.allclose(column @ row, sobel) and come_apart(laplace) == (None, None)

# %% [markdown]
# **Exercise 7.** The gradient of the filter, from `dZ`. The same moved pictures as in
# `convolve`.
#
# **Exercise 8.** Learn a filter: gradient descent from zeros on $J = \frac{1}{2M} \sum
# (Z - Y)^2$.


# %%
def filter_gradient(X, dZ):
    """dW (f, f) of Z = convolve(X, W), with f from the sizes of X and dZ."""
    n_H, n_W = dZ.shape
    f = X.shape[0] - n_H + 1
    dW = np.zeros((f, f))
    for u in range(f):
        for v in range(f):
            # BEGIN SOLUTION
            dW[u, v] = np.sum(X[u : u + n_H, v : v + n_W] * dZ)
            # END SOLUTION
    return dW


def learn_filter(X, Y, f, learning_rate, num_iterations, steps=range):
    """(the filter (f, f), the cost of each iteration); Y is what it should answer."""
    W = np.zeros((f, f))
    costs = []
    for _ in steps(num_iterations):
        # BEGIN SOLUTION
        Z = convolve(X, W)
        costs.append(np.mean((Z - Y) ** 2) / 2)
        dW = filter_gradient(X, (Z - Y) / Y.size)
        W = W - learning_rate * dW
        # END SOLUTION
    return W, costs


# %% [markdown]
# ## Check it three ways
#
# **By hand**: the picture of bright and dark, above.
#
# **Against the engine.** `F.conv2d` takes a batch of pictures, channels first. The same
# numbers for one channel and for three, with padding and stride, and for the gradient.

# %%
rng = np.random.default_rng(lesson.seed)


def engine_convolve(X, W, **options):
    """F.conv2d for X (n_H, n_W, n_C) and W (f, f, n_C, K) -> (n', n', K)."""
    picture = dls.Tensor(X.transpose(2, 0, 1)[None])  # (1, n_C, n_H, n_W)
    filters = dls.Tensor(W.transpose(3, 2, 0, 1))  # (K, n_C, f, f)
    return F.conv2d(picture, filters, **options).numpy()[0].transpose(1, 2, 0)


one = engine_convolve(camera[:, :, None], sobel[:, :, None, None], padding=1, stride=2)
mine = convolve_padded(camera, sobel, 1, 2)
assert dls.compare("padded, stride 2", mine, one[..., 0]).ok
filters = rng.standard_normal((3, 3, 3, 4))
theirs = engine_convolve(coffee, filters)
assert dls.compare("volume", convolve_volume(coffee, filters), theirs).ok

X = rng.standard_normal((9, 8))
W, Y = rng.standard_normal((3, 3)), rng.standard_normal((7, 6))
dW = filter_gradient(X, (convolve(X, W) - Y) / Y.size)
weight = dls.Tensor(W[None, None], requires_grad=True, name="W")
cost = ((F.conv2d(dls.Tensor(X[None, None]), weight) - Y) ** 2).mean() / 2
cost.backward()
assert dls.compare("dW", dW, weight.grad.numpy()[0, 0]).ok

# %% [markdown]
# **Numerically.**

# %%
report = check.check_gradients(
    lambda p: np.mean((convolve(X, p["W"]) - Y) ** 2) / 2, {"W": W}, {"dW": dW}
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# A filter that learns: the picture and the answers are given, nine numbers are not.

# %%
weight = dls.Tensor(W[None, None], requires_grad=True, name="W")
picture = dls.Tensor(X[None, None], name="X")
answers = dls.Tensor(Y[None, None], name="Y")
with dls.trace():
    cost = ((F.conv2d(picture, weight) - answers) ** 2).mean() / 2
    cost.backward()
graph = dls.graph(cost, names={"X": picture, "Y": answers, "W": weight, "J": cost})
lesson.graph(graph, "graph")
graph

# %% [markdown]
# ## Train
#
# **Can a filter be learned from examples?** We show random pixels and what Sobel's
# filter (and Scharr's) answers to them, and never the filter.

# %%
noise = rng.standard_normal((60, 60))
iterations = 60 if lesson.fast else 200
recovered = {}
for name, kernel in (("sobel", sobel), ("scharr", scharr), ("laplace", laplace)):
    found, _ = learn_filter(noise, convolve(noise, kernel), 3, 0.5, iterations)
    recovered[name] = float(np.abs(found - kernel).max())
    print(f"{name}: largest difference {recovered[name]:.1e}")
    print(np.round(found, 3) + 0.0)
    assert recovered[name] < 1e-6

# %% [markdown]
# To the last digit. Nine unknowns, thousands of examples, and no local minimum: the
# cost is a parabola in $W$.
#
# **What no one wrote down.** Noise has differences between neighbours, too, and Sobel's
# filter finds them all. We add noise to the photograph and ask: *which filter of 7 x 7,
# on the noisy picture, comes closest to Sobel's answer on the clean one?* The engine
# learns it with Adam. As the cost is a parabola the best filter can also be computed,
# by least squares on all windows; that is the check on the training.

# %%
size, sigma = 7, 0.1
noisy = camera + sigma * rng.standard_normal(camera.shape)
clean_edges = convolve(camera, sobel)[2:-2, 2:-2]  # where a filter of 7 x 7 has answers
noisy -= noisy.mean()

weight = dls.Tensor(np.zeros((1, 1, size, size)), requires_grad=True, name="W")
inputs, targets = dls.Tensor(noisy[None, None]), dls.Tensor(clean_edges[None, None])
optimizer = optim.Adam([weight], lr=0.02)


@dls.capture
def step():
    """One step on the whole picture."""
    optimizer.zero_grad()
    loss = ((F.conv2d(inputs, weight) - targets) ** 2).mean() / 2
    loss.backward()
    optimizer.step()
    return loss


costs = [
    step().item()
    for _ in lesson.progress(range(150 if lesson.fast else 600), "learn 7 x 7", "steps")
]
trained = weight.numpy()[0, 0].copy()
rows = sliding(noisy, size).reshape(-1, size * size)  # a window is a row
best = np.linalg.lstsq(rows, clean_edges.ravel(), rcond=None)[0].reshape(size, size)
best_cost = np.mean((convolve(noisy, best) - clean_edges) ** 2) / 2
print(f"cost: at first {costs[0]:.4f}, trained {costs[-1]:.4f}, best {best_cost:.4f}")
assert best_cost - 1e-9 <= costs[-1] < (1.5 if lesson.fast else 1.02) * best_cost


# %% [markdown]
# ## Look at it
#
# On a photograph that neither filter has seen, with new noise: the correlation of the
# answers with the edges of the clean picture.


# %%
def agreement(kernel, clean, noisy):
    """Correlation of a filter's answers on `noisy` with Sobel's on `clean`."""
    right = convolve(clean, sobel)[2:-2, 2:-2]
    margin = (size - len(kernel)) // 2
    mine = convolve(noisy, kernel)
    mine = mine[margin : len(mine) - margin, margin : mine.shape[1] - margin]
    return float(np.corrcoef(mine.ravel(), right.ravel())[0, 1])


fresh = brick + sigma * rng.standard_normal(brick.shape)
kernels = {"sobel": sobel, "scharr": scharr, "learned": trained, "least squares": best}
scores = {
    name: {"camera": agreement(k, camera, noisy), "brick": agreement(k, brick, fresh)}
    for name, k in kernels.items()
}
lesson.table(
    ["correlation with the clean edges", "camera (seen)", "brick (new)"],
    [[name, f"{s['camera']:.3f}", f"{s['brick']:.3f}"] for name, s in scores.items()],
)
assert scores["learned"]["camera"] > scores["sobel"]["camera"] + 0.05
assert scores["learned"]["brick"] > scores["sobel"]["brick"]

fig, axes = plt.subplots(2, 3, figsize=(13, 8.4))
axes[0, 0].imshow(noisy, cmap="gray")
axes[0, 0].set_title("the photograph with noise")
bound = np.abs(trained).max()
shown = axes[0, 1].imshow(trained, cmap="RdBu", vmin=-bound, vmax=bound)
fig.colorbar(shown, ax=axes[0, 1], shrink=0.8)
axes[0, 1].set_title("the learned filter, 7 x 7")
axes[0, 2].semilogy(costs, label="Adam")
axes[0, 2].axhline(best_cost, color="gray", ls=":", label="least squares")
axes[0, 2].set(xlabel="step", ylabel="cost (log scale)", title="learning it")
axes[0, 2].legend()
axes[0, 2].grid(alpha=0.3)
for ax, kernel, name in (
    (axes[1, 0], sobel, "Sobel on the noisy picture"),
    (axes[1, 1], trained, "the learned filter on it"),
):
    ax.imshow(convolve(noisy, kernel), cmap="RdBu", vmin=-1.5, vmax=1.5)
    ax.set_title(name)
axes[1, 2].imshow(clean_edges, cmap="RdBu", vmin=-1.5, vmax=1.5)
axes[1, 2].set_title("Sobel on the clean picture")
for ax in (*axes[1], axes[0, 0]):
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "learned")

# %% [markdown]
# The learned filter is a *smoothed* difference: still left minus right, over a wider
# window, since a mean over many pixels has less noise. It pays with sharpness. How wide
# it should be depends on the noise; a network that learns its filters finds out by
# itself.
#
# **Strength and direction**, of a clean photograph: colour is the angle.

# %%
grey = coffee.mean(axis=2)
strength, direction = strength_and_direction(grey, sobel, sobel.T)
fig, axes = plt.subplots(1, 3, figsize=(13, 3.4))
axes[0].imshow(coffee)
axes[0].set_title("coffee")
axes[1].imshow(strength, cmap="gray_r", vmax=np.percentile(strength, 99))
axes[1].set_title("strength of edges")
strong = np.where(strength > np.percentile(strength, 85), np.degrees(direction), np.nan)
angles = axes[2].imshow(strong, cmap="hsv", vmin=-180, vmax=180)
fig.colorbar(angles, ax=axes[2], ticks=[-180, -90, 0, 90, 180], label="angle, degrees")
axes[2].set_title("direction of strong edges")
for ax in axes:
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "direction")

# %% [markdown]
# **Volumes.** Three channels, two filters: one looks for edges in all channels, one for
# edges *in red alone*. Each filter gives one channel.

# %%
red_only, any_colour = np.zeros((3, 3, 3)), np.repeat(sobel[:, :, None], 3, axis=2) / 3
red_only[:, :, 0] = sobel
both = convolve_volume(coffee, np.stack([any_colour, red_only], axis=3))
print(f"coffee {coffee.shape} with filters (3, 3, 3, 2) -> {both.shape}")
assert np.allclose(both[:, :, 0], convolve(grey, sobel))
assert np.allclose(both[:, :, 1], convolve(coffee[:, :, 0], sobel))

# %% [markdown]
# ## Break it
#
# Six ways in which real pictures break it. In none of them does the code complain.
#
# **1. Bytes.** A picture file holds bytes, 0 to 255. The difference of two bytes is a
# byte: $10 - 20$ is 246. Dark-to-bright edges become bright flat areas.

# %%
as_bytes = photographs["camera"][::2, ::2]
difference = as_bytes[:, :-1] - as_bytes[:, 1:]
right = as_bytes[:, :-1].astype(int) - as_bytes[:, 1:]
wrapped = float(np.mean(difference != right))
ten, twenty = np.array([10, 20], dtype=np.uint8).reshape(2, 1)
print(f"10 - 20 in bytes: {(ten - twenty)[0]}; wrong: {100 * wrapped:.0f} %")
assert 0.2 < wrapped < 0.8

# %% [markdown]
# **2. A filter that does not sum to zero** answers to brightness, not to edges. On a
# uniform wall the sum of its weights is all that remains.

# %%
spoiled = sobel.copy()
spoiled[1, 1] = 1.0
wall = np.full((5, 5), 0.8)
on_wall = {"Sobel": convolve(wall, sobel), "spoiled": convolve(wall, spoiled)}
print("on a wall:", *(f"{name} {Z.max():.3g}" for name, Z in on_wall.items()))
assert np.allclose(on_wall["Sobel"], 0) and np.allclose(on_wall["spoiled"], 0.8)

# %% [markdown]
# **3. Rows and columns exchanged.** The transposed filter runs just as well and finds
# the other edges. Test a filter on a picture whose answer you know.

# %%
print("transposed filter on the upright edge:", convolve(half, upright.T).max())
assert not convolve(half, upright.T).any() and convolve(half, upright).any()

# %% [markdown]
# **4. Zeros around a bright picture are an edge.** Padding keeps the size and draws a
# frame. Compare the mean strength on the border with that inside; with the border
# pixels repeated (`mode="edge"`) the frame is gone.

# %%
lines = convolve_padded(brick, sobel, 1, 1)
border = np.abs(np.concatenate([lines[:, 0], lines[:, -1]])).mean()
inside = np.abs(lines[1:-1, 1:-1]).mean()
repeated = np.abs(convolve(np.pad(brick, 1, mode="edge"), sobel)[:, [0, -1]]).mean()
print(f"strength: border {border:.2f}, inside {inside:.2f}, repeated {repeated:.2f}")
assert border > 3 * inside > repeated

# %% [markdown]
# **5. A filter of even size has no middle.** With $f = 2$ and $p = 1$ the output is one
# larger than the input, and answers stand between the pixels: everything derived from
# it is half a pixel off.

# %%
print("sizes for n = 6, f = 2:", {p: output_size(6, 2, p) for p in (0, 1)})
assert output_size(6, 2, 0) == 5 and output_size(6, 2, 1) == 7

# %% [markdown]
# **6. Stride on fine stripes.** Every second pixel of black-and-white stripes is always
# white: the pattern is gone, without a trace. On stripes a little wider, new and wider
# ones appear that are not in the picture (*aliasing*). Smooth before you skip.

# %%
places = np.arange(64)
stripes = np.tile((places % 2).astype(float), (64, 1))
skipped = convolve_padded(stripes, np.eye(1), 0, 2)
print(f"stripes with stride 2: {np.unique(skipped)}")
assert len(np.unique(skipped)) == 1
wave = np.tile(0.5 + 0.5 * np.cos(2 * np.pi * places * 7 / 16), (64, 1))  # 28 periods
kept = wave[0, ::2]
periods = {
    name: int(np.abs(np.fft.rfft(x - x.mean())).argmax())
    for name, x in (("all pixels", wave[0]), ("every second", kept))
}
print(f"periods across the picture: {periods}")
assert periods == {"all pixels": 28, "every second": 4}

fig, axes = plt.subplots(1, 4, figsize=(13, 3.2))
for ax, shown, title in (
    (axes[0], difference, "1. bytes wrap around"),
    (axes[1], lines[:40, :40], "4. a frame at the border"),
    (axes[2], wave[:32, :32], "6. stripes, every pixel"),
    (axes[3], wave[::2, ::2], "6. every second pixel"),
):
    ax.imshow(shown, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "broken")

# %% [markdown]
# ## Recap
#
# - A filter asks one question at every place; its answer is a sum of products.
# - $n' = \lfloor (n + 2p - f)/s \rfloor + 1$. One filter, one channel out, however many
#   channels come in.
# - $dW$ is a convolution of the picture with $dZ$. So filters can be learned.
# - Sobel smooths one way and takes differences the other way. Under noise a wider
#   filter is better, and gradient descent finds it.
# - Bytes wrap, padding is an edge, stride without smoothing invents patterns.
#
# ## Questions
#
# 1. What does the filter `[[0, 0, 0], [0, 1, 0], [0, 0, 0]]` do? And all ninths?
#    <details><summary>Answer</summary>
#    It copies the picture; the mean of the neighbours blurs it.
#    </details>
# 2. Which filter finds edges at 45 degrees?
#    <details><summary>Answer</summary>
#    For instance [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]]: Sobel, turned by 45 degrees.
#    </details>
# 3. Sobel's filter of 3 x 3, done as two passes: how many multiplications a pixel? And
#    a smoothing filter of 15 x 15?
#    <details><summary>Answer</summary>
#    6 for 9; 30 for 225.
#    </details>
# 4. Why did the filter learn faster from random pixels than from the photograph?
#    <details><summary>Answer</summary>
#    In a photograph neighbours are alike, so the cost is a long narrow valley: steep
#    for the sum of the weights, flat for their differences. Random pixels make it
#    round.
#    </details>
#
# ## Go further
#
# - Learn the filter for other noise: how does its width follow `sigma`?
# - Learn on `grass` and `gravel` of the same set: does the texture matter?
# - Next: `c4w1-convolution-step-by-step` builds the layer, forward and backward.

# %%
# The end.
lesson.finish(
    {
        "recovered": recovered,
        "costs": {i: costs[i] for i in (0, len(costs) - 1)},
        "best_cost": float(best_cost),
        "agreement": scores,
        "broken": {
            "wrapped": wrapped,
            "border": float(border / inside),
            "periods": periods,
        },
    }
)
