# %% [markdown]
# # Neural style transfer: a photograph as a painter would have seen it
#
# Course 4, week 4. About an hour and a half with the exercises. The script runs for
# about half a minute, with `--fast` for a few seconds.
#
# **Goal.** So far you trained weights, and the pictures were given. Now the weights are
# given, and you train a *picture*: its content is to be that of a photograph, its style
# that of a painting. You will
#
# - measure content and style by the activations of a trained network,
# - derive the gradient of both costs by hand, Gram matrix included,
# - check them against loops, the engine, and central differences,
# - optimize the pixels, and watch the picture grow,
# - take the two costs apart: what does each of them see?
# - break it in seven ways.
#
# ## What you need
#
# `c4w1-convolution-step-by-step`. This lesson answers the notebook *Deep Learning &
# Art: Neural Style Transfer* (2017 and 2021), with its function names and shapes: by
# hand, activations are $(1, n_H, n_W, n_C)$. The engine's layers want $(m, n_C, n_H,
# n_W)$.
#
# The course uses VGG-19 (80 MB of weights). We use SqueezeNet, which comes with the
# installation (1.3 MB) and takes a small part of the time.

# %%
import time
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import check, models, nn, optim, vision
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w4-neural-style-transfer")
pictures = lesson.load("style-transfer").arrays
where = None if lesson.data == "course" else lesson.data  # the course has no SqueezeNet
net = models.load("squeezenet1_1", weights="imagenet", data=where)
print(net.statement)
height, width = (75, 100) if lesson.fast else (225, 300)


def prepared(picture):
    """The middle of a picture uint8 (h, w, 3) as floats from 0 to 1, (1, H, W, 3)."""
    h, w = picture.shape[:2]
    scale = max(height / h, width / w)
    size = (max(height, round(h * scale)), max(width, round(w * scale)))
    fit = vision.transforms.Compose(
        [vision.transforms.Resize(size), vision.transforms.CenterCrop((height, width))]
    )
    x = fit(np.ascontiguousarray(picture.transpose(2, 0, 1)) / 255.0)
    return np.clip(x, 0, 1).transpose(1, 2, 0)[None]


content_image, style_image = prepared(pictures["content"]), prepared(pictures["style"])
print(f"content {content_image.shape}, style {style_image.shape}")

# %% [markdown]
# ## The idea in a picture
#
# A network that tells a thousand kinds of things apart has learned on the way what
# pictures are made of. Its first layers see edges and colours, later ones see textures
# and parts. Two pictures have the same *content* if the same features stand in the same
# places. They have the same *style* if the same features occur *together*, wherever
# they stand.

# %%
fig, axes = plt.subplots(1, 3, figsize=(13, 3.6), width_ratios=(1, 1, 1.25))
for ax, image, title in zip(
    axes, (content_image, style_image), ("content C", "style S"), strict=False
):
    ax.imshow(image[0])
    ax.set_title(title)
    ax.set_axis_off()
boxes = {
    "pixels of G": (0.02, 0.42),
    "trained\nnetwork\n(fixed)": (0.36, 0.42),
    "content cost\na(G) near a(C)": (0.7, 0.72),
    "style cost\nGram(G) near Gram(S)": (0.7, 0.12),
}
frame = {"boxstyle": "round", "fc": "#e7eefb", "ec": "tab:blue"}
for text, (x, y) in boxes.items():
    axes[2].text(x, y, text, bbox=frame, fontsize=9, va="center")
for start, end in (
    ((0.22, 0.45), (0.34, 0.45)),
    ((0.53, 0.5), (0.68, 0.7)),
    ((0.53, 0.4), (0.68, 0.18)),
):
    axes[2].annotate("", end, start, arrowprops={"arrowstyle": "->"})
axes[2].annotate(
    "gradient: only the pixels change",
    (0.1, 0.32),
    (0.12, -0.08),
    color="tab:red",
    arrowprops={"arrowstyle": "->", "color": "tab:red"},
)
axes[2].set(xlim=(0, 1.15), ylim=(-0.15, 0.9))
axes[2].set_axis_off()
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Two channels, three pixels. Channel 1 sees stripes, channel 2 sees red:
#
# $$A = \begin{pmatrix} 1 & 2 & 0 \\ 3 & 1 & 0 \end{pmatrix} \qquad
# G = A A^T = \begin{pmatrix} 1 + 4 & 3 + 2 \\ 3 + 2 & 9 + 1 \end{pmatrix} =
# \begin{pmatrix} 5 & 5 \\ 5 & 10 \end{pmatrix}$$
#
# $G_{12} = 5$: stripes and red occur together. *What becomes of $G$ if you put the
# three pixels into another order? And if red stands only where there are no stripes?*

# %%
A = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 0.0]])
apart = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
moved = A[:, [2, 0, 1]]
print("G:", (A @ A.T).tolist(), " pixels moved:", (moved @ moved.T).tolist())
print("red where no stripes are:", (apart @ apart.T).tolist())
assert (A @ A.T).tolist() == [[5, 5], [5, 10]] == (A[:, ::-1] @ A[:, ::-1].T).tolist()
assert (apart @ apart.T)[0, 1] == 0

# %% [markdown]
# ## The mathematics
#
# Let $a^{(C)}$, $a^{(S)}$, $a^{(G)}$ be the activations of one layer, each $(1, n_H,
# n_W, n_C)$, for the content picture, the style picture and the generated one.
#
# **Content cost**, of one layer:
#
# $$J_{content} = \frac{1}{4\, n_H n_W n_C} \sum \big(a^{(C)} - a^{(G)}\big)^2$$
#
# **Style cost**, of each layer $l$ of several. Unroll $a$ into $A$, $(n_C, n_H n_W)$:
# one row for each channel. The Gram matrix is $G = A A^T$, $(n_C, n_C)$:
#
# $$J^{[l]}_{style} = \frac{1}{4\, n_C^2 (n_H n_W)^2} \sum_{i,j} \big(G^{(S)}_{ij} -
# G^{(G)}_{ij}\big)^2 \qquad J_{style} = \sum_l \lambda^{[l]} J^{[l]}_{style}$$
#
# **Total**: $J = \alpha J_{content} + \beta J_{style}$.
#
# **Backward.** Content is a sum of squares:
#
# $$\frac{\partial J_{content}}{\partial a^{(G)}} = \frac{a^{(G)} - a^{(C)}}{2\, n_H n_W
# n_C}$$
#
# Style, in two steps. With $k = 1 / (4\, n_C^2 (n_H n_W)^2)$ the derivative with
# respect to the Gram matrix is $dG = 2k\,(G^{(G)} - G^{(S)})$, which is symmetric. $A$
# occurs *twice* in $A A^T$, so
#
# $$dA = (dG + dG^T)\, A = 4k\, \big(G^{(G)} - G^{(S)}\big)\, A =
# \frac{1}{n_C^2 (n_H n_W)^2} \big(G^{(G)} - G^{(S)}\big)\, A$$
#
# From there down to the pixels it is a network's backward pass, as you know it. It goes
# one step further than usual, and it stops at the picture instead of the weights.
#
# ## Your code
#
# `content_output` and `generated_output` are lists of activations, one for each chosen
# layer, the content layer *last*: the notebook's convention.
#
# **Exercise 1.** The content cost, of the last activations.
#
# **Exercise 2.** The Gram matrix of $A$ $(n_C, n_H n_W)$.
#
# **Exercise 3.** The style cost of one layer. Watch how you unroll: the channels must
# come to the front (`transpose`) before you `reshape`.
#
# **Exercise 4.** The style cost of all layers; `STYLE_LAYERS` holds pairs (name,
# weight), in the order of the activations.
#
# **Exercise 5.** The total.


# %%
def compute_content_cost(content_output, generated_output):
    """J_content, a float: how far the last activations (1, n_H, n_W, n_C) are apart."""
    a_C, a_G = content_output[-1], generated_output[-1]
    # BEGIN SOLUTION
    _, n_H, n_W, n_C = a_G.shape
    J_content = np.sum(np.square(a_C - a_G)) / (4 * n_H * n_W * n_C)
    # END SOLUTION
    return float(J_content)


def gram_matrix(A):
    """GA (n_C, n_C) of A (n_C, n_H * n_W): which channels are on together."""
    # BEGIN SOLUTION
    GA = A @ A.T  # (n_C, n_C) = (n_C, n_H * n_W) @ (n_H * n_W, n_C)
    # END SOLUTION
    return GA


def compute_layer_style_cost(a_S, a_G):
    """J_style of one layer, a float; a_S, a_G (1, n_H, n_W, n_C)."""
    _, n_H, n_W, n_C = a_G.shape
    # BEGIN SOLUTION
    S = a_S.reshape(n_H * n_W, n_C).T  # (n_C, n_H * n_W): rows of pixels, transposed
    G = a_G.reshape(n_H * n_W, n_C).T
    gap = gram_matrix(S) - gram_matrix(G)  # (n_C, n_C)
    J_style_layer = np.sum(np.square(gap)) / (4 * n_C**2 * (n_H * n_W) ** 2)
    # END SOLUTION
    return float(J_style_layer)


def compute_style_cost(style_image_output, generated_image_output, STYLE_LAYERS):
    """J_style, a float: the layers' costs, weighted; without the last activation."""
    a_S, a_G = style_image_output[:-1], generated_image_output[:-1]
    J_style = 0.0
    # BEGIN SOLUTION
    for i, (_, weight) in enumerate(STYLE_LAYERS):
        J_style += weight * compute_layer_style_cost(a_S[i], a_G[i])
    # END SOLUTION
    return J_style


def total_cost(J_content, J_style, alpha=10, beta=40):
    """alpha * J_content + beta * J_style; numbers or tensors."""
    # BEGIN SOLUTION
    J = alpha * J_content + beta * J_style
    # END SOLUTION
    return J


assert compute_content_cost([np.zeros((1, 2, 2, 3))], [np.full((1, 2, 2, 3), 2.0)]) == 1
assert gram_matrix(A).tolist() == [[5, 5], [5, 10]]
assert total_cost(0.2, 0.8) == 34

# %% [markdown]
# **Exercise 6.** The gradient of the content cost with respect to $a^{(G)}$.
#
# **Exercise 7.** The gradient of one layer's style cost. Unroll, multiply, and fold
# back to $(1, n_H, n_W, n_C)$.


# %%
def content_cost_backward(a_C, a_G):
    """da_G (1, n_H, n_W, n_C): the derivative of J_content."""
    # BEGIN SOLUTION
    da_G = (a_G - a_C) / (2 * a_G.size)
    # END SOLUTION
    return da_G


def layer_style_cost_backward(a_S, a_G):
    """da_G (1, n_H, n_W, n_C): the derivative of one layer's J_style."""
    _, n_H, n_W, n_C = a_G.shape
    # BEGIN SOLUTION
    S = a_S.reshape(n_H * n_W, n_C).T  # (n_C, n_H * n_W)
    G = a_G.reshape(n_H * n_W, n_C).T
    dA = (gram_matrix(G) - gram_matrix(S)) @ G / (n_C * n_H * n_W) ** 2
    da_G = dA.T.reshape(a_G.shape)  # (n_H * n_W, n_C) -> (1, n_H, n_W, n_C)
    # END SOLUTION
    return da_G


# %% [markdown]
# **Exercise 8.** Now the engine. Run the layers of a `Sequential` in a row and keep the
# activations after the layers in `places`, in that order. Stop after the last of them:
# what comes later costs time and changes nothing.


# %%
def layer_outputs(model, x, places):
    """The activations of x after the layers with these numbers, a list of tensors."""
    kept = {}
    # BEGIN SOLUTION
    for i, layer in enumerate(model):
        x = layer(x)
        if i in places:
            kept[i] = x
        if i == max(places):
            break
    # END SOLUTION
    return [kept[place] for place in places]


# %% [markdown]
# ### Which layers
#
# The style of five layers, from edges to parts, with equal weights, as in the course.
# The content of the last of them. Ours is a network with other numbers than VGG-19:
# *its* weights for pictures from 0 to 255 in the order blue, green, red, minus a mean.
# And its pooling ignores a last column that does not fill a window. For a class that is
# of no matter, but here nobody would look at these pixels: `ceil_mode` looks at them
# too.

# %%
STYLE_LAYERS = [
    ("conv1", 0.2),
    ("fire2", 0.2),
    ("fire3", 0.2),
    ("fire4", 0.2),
    ("fire5", 0.2),
]
PLACES = (1, 3, 4, 6, 7, 7)  # numbers in net.features; the content layer comes last
net.requires_grad_(False)  # the weights are given
for place in (2, 5):
    net.features[place].ceil_mode = True
mean = dls.Tensor(np.array(net.transform.mean, "float32").reshape(1, 3, 1, 1))


def to_engine(image):
    """(1, H, W, 3) -> a float32 tensor (1, 3, H, W)."""
    return dls.Tensor(image.transpose(0, 3, 1, 2).astype("float32"))


def activations(x, places=PLACES):
    """Activations of a tensor (1, 3, H, W), RGB from 0 to 1, at the chosen layers."""
    return layer_outputs(net.features, 255 * x[:, ::-1] - mean, places)


def by_hand(outputs):
    """The engine's activations as arrays (1, n_H, n_W, n_C) of float64."""
    return [a.numpy().transpose(0, 2, 3, 1).astype("float64") for a in outputs]


with dls.no_grad():
    content_output = activations(to_engine(content_image))
    style_output = activations(to_engine(style_image))
lesson.table(
    ["layer", "activations of C", "Gram matrix"],
    [
        [name, str(a.shape), f"{a.shape[1]} x {a.shape[1]}"]
        for (name, _), a in zip(STYLE_LAYERS, content_output, strict=False)
    ],
)


# %% [markdown]
# The two costs for the engine: the same lines, channels first. The Gram matrices of the
# style picture never change, so we keep them instead of its activations.


# %%
def gram(a):
    """The Gram matrix of activations (1, n_C, n_H, n_W)."""
    A = a.reshape(a.shape[1], -1)
    return A @ A.T


def content_cost(outputs, target):
    """J_content as a tensor."""
    return ((outputs[-1] - target) ** 2).sum() / (4 * target.size)


def style_cost(outputs, grams):
    """J_style as a tensor."""
    J = 0.0
    for a, G, (_, weight) in zip(outputs, grams, STYLE_LAYERS, strict=False):
        J = J + weight * ((gram(a) - G) ** 2).sum() / (4.0 * a.size**2)
    return J


target = content_output[-1]
style_grams = [gram(a) for a in style_output[:-1]]

# %% [markdown]
# ## Check it three ways
#
# **By loops**: the Gram matrix as its definition says, a sum over places for each pair
# of channels.

# %%
rng = np.random.default_rng(lesson.seed)
small_C, small_S, small_G = rng.standard_normal((3, 1, 3, 4, 5))
looped = np.zeros((5, 5))
for i in range(5):
    for j in range(5):
        for y in range(3):
            for x in range(4):
                looped[i, j] += small_G[0, y, x, i] * small_G[0, y, x, j]
unrolled = small_G.reshape(12, 5).T
assert dls.compare("Gram matrix, loops", gram_matrix(unrolled), looped).ok

# %% [markdown]
# **Against the engine**: the small ones, then the real activations of the photograph.

# %%
leaf = dls.Tensor(small_G.transpose(0, 3, 1, 2).copy(), requires_grad=True)
small_target = dls.Tensor(small_C.transpose(0, 3, 1, 2).copy())
small_gram = gram(dls.Tensor(small_S.transpose(0, 3, 1, 2).copy()))
mine = compute_content_cost([small_C], [small_G])
theirs = content_cost([leaf], small_target)
(d_content,) = dls.grad(theirs, [leaf])
assert dls.compare("J_content", mine, theirs).ok
mine = content_cost_backward(small_C, small_G)
assert dls.compare("da_G of content", mine, d_content.numpy().transpose(0, 2, 3, 1)).ok
theirs = style_cost([leaf], [small_gram]) / STYLE_LAYERS[0][1]
(d_style,) = dls.grad(theirs, [leaf])
assert dls.compare(
    "J_style of a layer", compute_layer_style_cost(small_S, small_G), theirs
).ok
mine = layer_style_cost_backward(small_S, small_G)
assert dls.compare("da_G of style", mine, d_style.numpy().transpose(0, 2, 3, 1)).ok

real_C, real_S = by_hand(content_output), by_hand(style_output)
mine = compute_style_cost(real_S, real_C, STYLE_LAYERS)
theirs = style_cost(content_output, style_grams).item()
print(f"style cost of the photograph: {mine:.6g}, engine (float32) {theirs:.6g}")
assert abs(mine / theirs - 1) < 1e-3

# %% [markdown]
# **Numerically**: central differences of both costs.

# %%
leaves = {"a_G": small_G}
for cost, gradient in (
    (
        lambda p: compute_content_cost([small_C], [p["a_G"]]),
        content_cost_backward(small_C, small_G),
    ),
    (
        lambda p: compute_layer_style_cost(small_S, p["a_G"]),
        layer_style_cost_backward(small_S, small_G),
    ),
):
    report = check.check_gradients(cost, leaves, {"da_G": gradient})
    print(report)
    assert report.ok

# %% [markdown]
# ## See the graph
#
# Both costs on one small picture. Find the five Gram matrices, and the single path from
# the costs down to the pixels.

# %%
tiny = dls.Tensor(rng.random((1, 3, 33, 33)).astype("float32"), requires_grad=True)
with dls.trace():
    outputs = activations(tiny)
    loss = total_cost(
        content_cost(outputs, dls.zeros_like(outputs[-1])),
        style_cost(outputs, style_grams),
    )
    loss.backward()
graph = dls.graph(loss, net, names={"picture": tiny, "J": loss})
lesson.graph(graph, "graph")
graph

# %% [markdown]
# ## Train
#
# The weights are fixed; the parameter is the picture. Start from the photograph with
# noise, as the course does: from noise alone the content takes far longer to come back.
# After each step of Adam the pixels are clipped to 0 and 1.
#
# $\alpha = 10$ and $\beta = 40$ are the course's, for VGG-19. The numbers of another
# network are of another size, so the balance has to be found again. Compare the lengths
# of the two gradients at the pixels: if one is a thousand times as long, the other cost
# might as well not be there.


# %%
def noisy(image, amount=0.25, seed=lesson.seed):
    """The picture with uniform noise of up to `amount` / 2, in 0 to 1."""
    noise = np.random.default_rng(seed).uniform(-amount / 2, amount / 2, image.shape)
    return np.clip(image + noise, 0, 1)


picture = to_engine(noisy(content_image))
picture.requires_grad_(True)
with (
    dls.no_grad()
):  # a step away from the photograph, where the content cost has a slope
    picture.copy_(to_engine(0.7 * noisy(content_image) + 0.3 * style_image))
outputs = activations(picture)
lengths = {}
for name, cost in (
    ("content", content_cost(outputs, target)),
    ("style", style_cost(outputs, style_grams)),
):
    (slope,) = dls.grad(cost, [picture], retain_graph=True)
    lengths[name] = float(np.linalg.norm(slope.numpy()))
ratio = lengths["style"] / lengths["content"]
print(f"lengths of the gradients: {lengths}, ratio {ratio:.0f}")

# %% [markdown]
# The step is *captured*: recorded once, then replayed without Python in between.


# %%
ALPHA, BETA, RATE = 10, 0.4, 0.02


def transfer(
    start, steps, alpha=ALPHA, beta=BETA, rate=RATE, keep=(), clip=True, label=""
):
    """(picture (1, H, W, 3), costs {step: (content, style)}, kept {step: picture})."""
    picture = nn.Parameter(to_engine(start))
    optimizer = optim.Adam([picture], lr=rate)

    def step():
        optimizer.zero_grad()
        outputs = activations(picture)
        J_content, J_style = (
            content_cost(outputs, target),
            style_cost(outputs, style_grams),
        )
        total_cost(J_content, J_style, alpha, beta).backward()
        optimizer.step()
        return J_content, J_style

    fast_step, costs, kept = dls.capture(step), {}, {}

    def seen():
        return picture.numpy().transpose(0, 2, 3, 1).astype("float64")

    for i in lesson.progress(range(steps), label, "steps"):
        if i in keep:
            kept[i] = seen()
        costs[i] = tuple(float(cost) for cost in fast_step())
        if clip:
            with dls.no_grad():
                picture.copy_(picture.clip(0, 1))
    with dls.no_grad():
        outputs = activations(picture)
        costs[steps] = (
            content_cost(outputs, target).item(),
            style_cost(outputs, style_grams).item(),
        )
    kept[steps] = seen()
    return seen(), costs, kept


steps = 40 if lesson.fast else 250
keep = tuple(sorted({0, *(round(steps * part) for part in (0.03, 0.1, 0.3))}))
begin, begin_cpu = time.perf_counter(), time.process_time()
generated, costs, kept = transfer(
    noisy(content_image), steps, keep=keep, label="style transfer"
)
seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - begin_cpu
with dls.no_grad():
    style_picture_content = content_cost(style_output, target).item()
style_share = costs[steps][1] / costs[0][1]
print(
    f"{steps} steps in {seconds:.1f} s: style cost {costs[0][1]:.4g} -> "
    f"{costs[steps][1]:.4g} ({100 * style_share:.1f} %); content cost "
    f"{costs[steps][0]:.4g}, that of the painting {style_picture_content:.4g}"
)

# %% [markdown]
# ## Look at it
#
# The picture grows: first the colours, then strokes, then their directions.

# %%
fig, axes = plt.subplots(2, 3, figsize=(13, 7))
shown = [("content", content_image), ("style", style_image)]
shown += [(f"step {i}", image) for i, image in list(kept.items())[1:]]
for ax, (title, image) in zip(axes.ravel(), shown, strict=False):
    ax.imshow(image[0])
    ax.set_title(title)
for ax in axes.ravel():
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "growing")

fig, ax = plt.subplots(figsize=(7, 6))
ax.imshow(generated[0])
ax.set_title(f"the generated picture, {steps} steps")
ax.set_axis_off()
lesson.figure(fig, "generated")

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
for number, (ax, name) in enumerate(((left, "content"), (right, "style"))):
    ax.semilogy(list(costs), [pair[number] for pair in costs.values()])
    ax.set(xlabel="step", ylabel=f"{name} cost (log scale)")
    ax.grid(alpha=0.3)
left.axhline(
    style_picture_content, color="tab:red", ls=":", label="the style picture itself"
)
right.axhline(0.05 * costs[0][1], color="tab:red", ls=":", label="5 % of the start")
left.legend()
right.legend()
fig.suptitle("content is given up a little, style is won")
fig.tight_layout()
lesson.figure(fig, "costs")

# %% [markdown]
# **Each cost alone.** From nothing but noise: with $\beta = 0$ the photograph comes
# back, as far as layer `fire5` knows it: shapes, but not every colour. With $\alpha =
# 0$ comes *texture*: all of the painting's strokes and colours, nothing in its place.

# %%
some = 40 if lesson.fast else 120
blank = rng.uniform(0.3, 0.7, content_image.shape)
alone = {
    "content only": transfer(blank, some, 1, 0, rate=0.05, label="content only"),
    "style only": transfer(blank, some, 0, 1, rate=0.05, label="style only"),
}
ratios = {}
for beta in (0.004, 40):
    ratios[beta] = transfer(noisy(content_image), some, beta=beta, label=f"beta {beta}")
fig, axes = plt.subplots(1, 4, figsize=(16, 3.5))
panels = list(alone.items())
panels += [(f"beta = {beta}", run) for beta, run in ratios.items()]
for ax, (name, (image, run, _)) in zip(axes, panels, strict=True):
    ax.imshow(image[0])
    J_content, J_style = run[some]
    ax.set_title(f"{name}\ncontent {J_content:.3g}, style {J_style:.3g}", fontsize=10)
    ax.set_axis_off()
fig.tight_layout()
lesson.figure(fig, "alone")
lesson.table(
    ["run", "content cost", "style cost"],
    [[name, *(f"{cost:.4g}" for cost in run[some])] for name, (_, run, _) in panels],
)

# %% [markdown]
# **Style has no place.** Move the painting by a third of its width, and put what leaves
# on the left back in on the right: the Gram matrices hardly change (only the new seam
# does that), but its content is another one, as for a strange picture. *Mirror* it, and
# the strokes lean the other way: that is another style, though no pixel is new.

# %%
with dls.no_grad():
    placeless = {}
    for name, image in (
        ("moved", np.roll(style_image, width // 3, axis=2)),
        ("mirrored", style_image[:, :, ::-1].copy()),
    ):
        outputs = activations(to_engine(image))
        J_content = content_cost(outputs, style_output[-1]).item()
        J_style = style_cost(outputs, style_grams).item()
        placeless[name] = {
            "style": J_style / costs[0][1],
            "content": J_content / style_picture_content,
        }
lesson.table(
    [
        "the painting",
        "style cost, % of the start",
        "content cost, % of the photograph's",
    ],
    [
        [name, *(f"{100 * share:.1f}" for share in pair.values())]
        for name, pair in placeless.items()
    ],
)
assert placeless["moved"]["style"] < placeless["mirrored"]["style"]
assert placeless["moved"]["content"] > 10 * placeless["moved"]["style"]

# %% [markdown]
# ## Break it
#
# **1. `reshape` without `transpose`.** `a.reshape(n_C, -1)` of $(1, n_H, n_W, n_C)$ has
# the right shape, and its rows are not channels but slices of the picture. The cost
# even falls when you train with it. Loops tell.

# %%
wrong_rows = small_G.reshape(5, -1)
verdict = dls.compare("Gram, reshape only", gram_matrix(wrong_rows), looped)
assert not verdict.ok

# %% [markdown]
# **2. $A^T A$ in place of $A A^T$.** Pixels against pixels: $(n_H n_W)^2$ numbers that
# know every place, so it is content, not style. Look at the shape, and move the pixels:
# a Gram matrix does not notice.

# %%
moved = unrolled[:, rng.permutation(12)]
print("A^T A:", (unrolled.T @ unrolled).shape, " A A^T:", gram_matrix(unrolled).shape)
assert np.allclose(gram_matrix(moved), gram_matrix(unrolled))
assert not np.allclose(moved.T @ moved, unrolled.T @ unrolled)

# %% [markdown]
# **3. One $A$ forgotten.** $A$ occurs twice in $A A^T$. Whoever derives by the first
# only gets half the gradient, and the check names the factor.

# %%
half = layer_style_cost_backward(small_S, small_G) / 2
report = check.check_gradients(
    lambda p: compute_layer_style_cost(small_S, p["a_G"]), leaves, {"da_G": half}
)
print(report)
assert not report.ok and "1/2" in str(report)

# %% [markdown]
# **4. A style picture of another size.** Without the division by $n_H n_W$ a painting
# with four times the pixels has a Gram matrix four times as large, and no picture of
# this size can match it. Dividing the *cost* by $(n_H n_W)^2$, as the course does, does
# not help there: divide the matrices.

# %%
quarter = style_image[:, : height // 2, : width // 2]
with dls.no_grad():
    ours = by_hand(activations(to_engine(style_image)))[1]
    theirs = by_hand(activations(to_engine(quarter.copy())))[1]
sums = [np.trace(gram_matrix(a.reshape(-1, a.shape[3]).T)) for a in (ours, theirs)]
places = [a.shape[1] * a.shape[2] for a in (ours, theirs)]
print(f"trace of the Gram matrix, whole against quarter: {sums[0] / sums[1]:.1f} to 1")
means = [total / count for total, count in zip(sums, places, strict=True)]
print(f"divided by the number of places: {means[0] / means[1]:.2f}")
assert sums[0] / sums[1] > 2.5

# %% [markdown]
# **5. RGB where the network wants BGR.** Nothing complains. The costs are those of a
# network that sees blue skies as orange ones. Ask it what it sees: trust a network only
# after it has named a picture right.

# %%
photograph = net.transform(lesson.load("photographs").arrays["coffee"])
with dls.no_grad():
    chances = {
        name: np.exp(x - np.log(np.exp(x).sum()))
        for name, x in (
            ("BGR", net(photograph).numpy()[0].astype("float64")),
            ("RGB", net(photograph[:, ::-1]).numpy()[0].astype("float64")),
            ("0 to 1", net(photograph / 255).numpy()[0].astype("float64")),
        )
    }
for name, p in chances.items():
    seen = net.classes[int(p.argmax())].split(",")[0]
    print(f"{name}: {seen}, {100 * p.max():.0f} %")
assert "espresso" in net.classes[int(chances["BGR"].argmax())]

# %% [markdown]
# **6. No clipping.** Pixels leave 0 to 1, where no screen can follow: what is shown is
# not what the network sees.

# %%
loose, _, _ = transfer(noisy(content_image), some, clip=False, label="no clipping")
outside = float(np.mean((loose < 0) | (loose > 1)))
with dls.no_grad():
    loose_style = style_cost(activations(to_engine(loose)), style_grams).item()
    cut = style_cost(activations(to_engine(np.clip(loose, 0, 1))), style_grams).item()
print(f"{100 * outside:.0f} % of the numbers are outside; cut off, the style cost is")
print(f"{cut / loose_style:.2f} times what the optimizer believed")
assert outside > 0.01 and cut > loose_style

# %% [markdown]
# **7. The weights are trained too.** Without `requires_grad_(False)` the backward pass
# computes a gradient for every weight, for nothing. If the optimizer got them as well,
# the costs could fall because the *network* changes: it would measure something else.

# %%
vain = models.load("squeezenet1_1", weights="imagenet", data=where)
x = to_engine(content_image)
x.requires_grad_(True)
out = layer_outputs(vain.features, 255 * x[:, ::-1] - mean, (7,))[0]
(out**2).mean().backward()
unwanted = sum(p.size for p in vain.parameters() if p.grad is not None)
wanted = x.size
print(f"{unwanted:,} gradients of weights beside the {wanted:,} of pixels")
assert unwanted > 100_000

# %% [markdown]
# ## Recap
#
# - Content: the same activations in the same places. Style: the same channels together,
#   at any place.
# - The Gram matrix sums over places, so it cannot know them.
# - Its gradient is $(G^{(G)} - G^{(S)}) A$, up to a constant: $A$ counts twice.
# - The picture is the parameter. Weights are fixed, pixels are clipped.
# - $\alpha : \beta$ must be found again for every network: compare gradients.
#
# ## Questions
#
# 1. Why not compare the *pixels* with those of the photograph?
#    <details><summary>Answer</summary>
#    Then every stroke costs, wherever it is. A later layer forgives what does not
#    change the thing that is seen.
#    </details>
# 2. How many numbers has the style of a layer with 64 channels, and how many of them
#    are different ones?
#    <details><summary>Answer</summary>
#    64 * 64 = 4096; the matrix is symmetric, so 64 * 65 / 2 = 2080.
#    </details>
# 3. What if only the last of the five layers were used for the style?
#    <details><summary>Answer</summary>
#    Larger motifs, but no strokes and no fine colours: the first layers carry those.
#    </details>
# 4. The content cost rises in the first steps. Is something wrong?
#    <details><summary>Answer</summary>
#    No. We start near the photograph: the first steps towards the style cost content.
#    With a start from noise both would fall.
#    </details>
#
# ## Go further
#
# - A photograph and a painting of your own: `prepared(vision.read_image(path))`.
# - VGG-16 in place of SqueezeNet: `tinygrad-dls data fetch vgg16-edges`, then
#   `models.load("vgg16_features")`, places (1, 6, 11, 18, 20, 20). A step takes some
#   thirty times as long, and $\beta$ must be found again.
# - Add a cost for noise: the sum of squares of the differences of neighbours.
# - Next: `c4w4-what-convnets-learn` looks at the layers you used here.

# %%
# The end.
if not lesson.fast:
    assert style_share < 0.05 and costs[steps][0] < style_picture_content
assert costs[steps][1] < 0.3 * costs[0][1]
assert all(a > b for a, b in pairwise([costs[i][1] for i in (0, steps // 4, steps)]))
lesson.finish(
    {
        "costs": {i: total_cost(*pair, ALPHA, BETA) for i, pair in costs.items()},
        "content_costs": {i: pair[0] for i, pair in costs.items()},
        "style_costs": {i: pair[1] for i, pair in costs.items()},
        "style_picture_content_cost": style_picture_content,
        "style_share": style_share,
        "steps": steps,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "size": [height, width],
        "gradient_lengths": lengths,
        "alone": {
            name: {"content": run[some][0], "style": run[some][1]}
            for name, (_, run, _) in panels
        },
        "placeless": placeless,
        "broken": {"outside": outside, "unwanted": unwanted, "cut": cut / loose_style},
    }
)
