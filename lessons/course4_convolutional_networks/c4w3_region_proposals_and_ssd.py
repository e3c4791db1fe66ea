# %% [markdown]
# # Region proposals and SSD: four detectors on the same pictures
#
# Course 4, week 3. About two hours with the exercises. The script trains four
# detectors: about two minutes, with `--fast` a few seconds.
#
# **Goal.** YOLO asks a grid for boxes. There are two other answers to "where to
# look?", and you will build both:
#
# - *regions first*: R-CNN, which runs a network on each region that might hold an
#   object; Fast R-CNN, which runs it once and pools each region from its map; Faster
#   R-CNN, which lets the network propose the regions,
# - *no regions*: SSD, which judges thousands of default boxes on maps of several
#   sizes, in one pass.
#
# You will write RoI pooling with its backward pass, default boxes, matching, hard
# negative mining, and the loss of SSD with its gradient. Then you will train all four,
# compare how good they are and what they cost, and break things in six ways.
#
# ## What you need
#
# `c4w3-localization-and-sliding-windows` for IoU, anchors and suppression, and
# `c4w1-convolution-step-by-step` for pooling. The course has a video about region
# proposals and no notebook; SSD is the other one-pass detector of its time. The names
# follow the papers: Girshick et al. 2014 (R-CNN), Girshick 2015 (Fast R-CNN), Ren et
# al. 2015 (Faster R-CNN), Liu et al. 2016 (SSD). Maps are $(n_H, n_W, n_C)$ in the part
# by hand, and $(m, n_C, n_H, n_W)$ in the engine. Boxes are $(x_1, y_1, x_2, y_2)$ in
# pixels, and where it says so $(c_x, c_y, w, h)$, as parts of the picture.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, models, nn, optim, vision
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w3-region-proposals-and-ssd")
photographs = lesson.load("photographs").arrays
CLASSES = ("ring", "cross", "triangle")
COLORS = {"ring": "#ff4b00", "cross": "#56b4e9", "triangle": "#f0c000"}
SIZE = 64

# %% [markdown]
# ## The idea in a picture
#
# We paint scenes, so that all boxes are exact: one to four shapes on a photograph, from
# 10 to 44 pixels wide. That range matters: a detector that is good at one size only
# fails here. The photographs behind the new scenes are others than those behind the
# training scenes.


# %%
def background(names, rng):
    """A square piece (64, 64, 3) of one of these photographs, darkened a little."""
    photo = photographs[names[rng.integers(len(names))]]
    if photo.ndim == 2:  # a grey one
        photo = np.repeat(photo[..., None], 3, axis=2)
    step = int(rng.integers(2, 5))
    top = rng.integers(0, photo.shape[0] - step * SIZE + 1)
    left = rng.integers(0, photo.shape[1] - step * SIZE + 1)
    piece = photo[top : top + step * SIZE : step, left : left + step * SIZE : step]
    return piece * 0.7


def shape_mask(kind, x, y, radius, angle):
    """Which pixels (64, 64) a shape covers."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    u = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / radius
    v = ((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) / radius
    if kind == 0:  # a ring
        return (u**2 + v**2 <= 1) & (u**2 + v**2 >= 0.2)
    if kind == 1:  # a cross
        arms = np.minimum(np.abs(u), np.abs(v)) <= 0.32
        return arms & (np.maximum(np.abs(u), np.abs(v)) <= 0.95)
    return (v <= 0.8) & (v >= 1.8 * np.abs(u) - 1)


def scene(names, rng):
    """A picture (64, 64, 3) uint8, labels (n,) from 1, boxes (n, 4)."""
    picture = background(names, rng)
    masks, found = [], []
    for _ in range(int(rng.integers(1, 5))):
        kind, radius = int(rng.integers(3)), np.exp(rng.uniform(np.log(5), np.log(22)))
        x, y = rng.uniform(0.8 * radius, SIZE - 0.8 * radius, 2)
        mask = shape_mask(kind, x, y, radius, rng.uniform(-0.5, 0.5))
        color = rng.uniform(60, 255, 3)
        color[rng.integers(3)] = 20
        picture[mask] = 0.85 * color + 0.15 * picture[mask]
        masks = [m & ~mask for m in masks] + [mask]
        row, column = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (column[0], row[0], column[-1] + 1, row[-1] + 1)
        found.append((kind + 1, box, mask.sum()))
    seen = [  # what others hide by more than 40 % is not asked for
        (label, box)
        for (label, box, area), mask in zip(found, masks, strict=True)
        if mask.sum() >= 0.6 * area
    ]
    picture += rng.normal(0, 4, picture.shape)
    labels = np.array([label for label, _ in seen])
    boxes = np.array([box for _, box in seen], float).reshape(-1, 4)
    return np.clip(picture, 0, 255).astype(np.uint8), labels, boxes


TRAIN_PHOTOS = ("chelsea", "coffee", "china", "rocket")
NEW_PHOTOS = ("astronaut", "flower")
rng = np.random.default_rng(lesson.seed)
scenes = [scene(TRAIN_PHOTOS, rng) for _ in range(32 if lesson.fast else 2000)]
new_scenes = [scene(NEW_PHOTOS, rng) for _ in range(10 if lesson.fast else 200)]
truth = [{"boxes": boxes, "labels": labels} for _, labels, boxes in new_scenes]

fig, axes = plt.subplots(1, 5, figsize=(14, 3.1))
for ax, (picture, labels, boxes) in zip(axes, new_scenes, strict=False):
    words = [CLASSES[k - 1] for k in labels]
    vision.draw_boxes(picture, boxes, words, ax=ax, colors=COLORS)
fig.suptitle("New scenes with their exact boxes")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# Four ways from such a picture to boxes:
#
# | | where to look | what runs for one picture |
# |---|---|---|
# | R-CNN | selective search, without a network | the whole network, once a region |
# | Fast R-CNN | selective search | the convolutions once, a small head once a region |
# | Faster R-CNN | a proposal network on the same map | the same with fewer regions |
# | SSD | every default box of every map | the network, once |
#
# ## One number by hand
#
# **RoI pooling.** A region covers rows 0 to 2 and columns 0 to 2 of a map, three cells
# each way, and is to become $2\times2$. Bin 0 takes the cells from $\lfloor 0 \cdot 3/2
# \rfloor = 0$ up to $\lceil 1 \cdot 3/2 \rceil = 2$, bin 1 those from $\lfloor 3/2
# \rfloor = 1$ up to 3: the middle cell is in both.
#
# $$\begin{pmatrix} 1 & 5 & 2 \\ 0 & 3 & 9 \\ 4 & 8 & 7 \end{pmatrix} \to
#   \begin{pmatrix} \max(1, 5, 0, 3) & \max(5, 2, 3, 9) \\
#                   \max(0, 3, 4, 8) & \max(3, 9, 8, 7) \end{pmatrix} =
#   \begin{pmatrix} 5 & 9 \\ 8 & 9 \end{pmatrix}$$
#
# The 9 was chosen twice, so it gets two gradients, and they add up.
#
# **SSD.** A default box has its middle at $(0.5, 0.5)$ and is 0.2 wide and 0.4 high.
# The object has its middle at $(0.51, 0.46)$, and is 0.2 wide and 0.2 high. The network
# should put out
#
# | number | by hand |
# |---|---|
# | $g_x = (0.51 - 0.5)/0.2/0.1$ | 0.5 |
# | $g_y = (0.46 - 0.5)/0.4/0.1$ | -1 |
# | $g_w = \ln(0.2/0.2)/0.2$ | 0 |
# | $g_h = \ln(0.2/0.4)/0.2$ | -3.466 |
#
# It puts out $(0.5, 0, 0, -1.466)$. The smooth L1 loss of the differences $(0, 1, 0,
# 2)$ is $0 + 0.5 + 0 + 1.5 = 2$.
#
# ## The mathematics
#
# **RoI pooling** makes a map of a fixed size $s\times s$ from a region of any size $h
# \times w$ (in cells), so that a fully connected layer can follow:
#
# $$P_{ijc} = \max_{r, q} A_{y_1 + r,\, x_1 + q,\, c} \qquad
#   \lfloor ih/s \rfloor \le r < \lceil (i+1)h/s \rceil \qquad
#   \lfloor jw/s \rfloor \le q < \lceil (j+1)w/s \rceil$$
#
# Backward, each $dP_{ijc}$ goes to the cell that was the maximum. A cell may be the
# maximum of several bins, and of several regions that overlap: the gradients add up.
#
# **Default boxes.** Map $k$ with $f_k\times f_k$ cells has boxes of scale $s_k$ around
# the middle of each cell $((j + 0.5)/f_k,\ (i + 0.5)/f_k)$: of ratio 1 with sides
# $s_k$; of ratio 1 with sides $\sqrt{s_k s_{k+1}}$; and for each further ratio $a$ of
# width $s_k\sqrt{a}$ and height $s_k/\sqrt{a}$. Fine maps take small boxes, coarse maps
# large ones.
#
# **Matching.** Each default box gets the object that it overlaps most, if the IoU is at
# least 0.5. Also, each object takes the default box that overlaps it most, however
# little: so that no object is left without a teacher. All others are background.
#
# **Encoding**, of a box $b$ by its default box $d$, with the variances 0.1 and 0.2:
#
# $$g_x = \frac{b_{cx} - d_{cx}}{0.1\, d_w} \quad g_y = \frac{b_{cy} - d_{cy}}{0.1\,
# d_h} \quad g_w = \frac{\ln(b_w/d_w)}{0.2} \quad g_h = \frac{\ln(b_h/d_h)}{0.2}$$
#
# **The loss** of logits $z$ $(m, n, C + 1)$, class 0 being the background, and offsets
# $t$ $(m, n, 4)$, of $m$ pictures with $n$ default boxes each:
#
# $$L = \frac1N \Big[ \sum_{\text{counted}} -\log p_{y} + \sum_{y > 0} \sum_{i=1}^4
# \mathrm{smooth}_{L1}(t_i - g_i) \Big] \qquad p = \mathrm{softmax}(z)$$
#
# $$\mathrm{smooth}_{L1}(d) = \begin{cases} 0.5\, d^2 & |d| < 1 \\ |d| - 0.5 &
# \text{else} \end{cases} \qquad \mathrm{smooth}_{L1}'(d) = \begin{cases} d & |d| < 1 \\
# \mathrm{sign}(d) & \text{else} \end{cases}$$
#
# $N$ is the number of matched default boxes ($y > 0$) of all pictures. **Hard negative
# mining**: nearly all default boxes are background. Only the matched ones are counted,
# and in each picture three times as many of the background: those with the largest
# loss. The choice is not a function to differentiate; for the gradient it is a
# constant:
#
# | to | counted | not counted |
# |---|---|---|
# | $z$ | $(p - \text{one-hot}(y))/N$ | 0 |
# | $t_i$ of a matched box | $\mathrm{smooth}_{L1}'(t_i - g_i)/N$ | |
# | $t_i$ of background | 0 | 0 |
#
# ## Your code
#
# **Exercise 1.** RoI pooling of one region (in whole cells, $x_2$ and $y_2$ excluded).
# Return the places of the maxima, too: `places[i, j, c]` is row times width plus
# column, both counted in the whole map. **Exercise 2.** Its backward pass.


# %%
def roi_pool(A, roi, size):
    """P, places: both (size, size, n_C), of A (n_H, n_W, n_C), roi (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = roi
    n_W, n_C = A.shape[1:]
    P = np.zeros((size, size, n_C))
    places = np.zeros((size, size, n_C), int)
    for i in range(size):
        for j in range(size):
            # BEGIN SOLUTION
            top, bottom = i * (y2 - y1) // size, -(-(i + 1) * (y2 - y1) // size)
            left, right = j * (x2 - x1) // size, -(-(j + 1) * (x2 - x1) // size)
            bin_ = A[y1 + top : y1 + bottom, x1 + left : x1 + right]
            flat = bin_.reshape(-1, n_C)
            best = flat.argmax(axis=0)  # (n_C,)
            row, column = y1 + top + best // (right - left), best % (right - left)
            P[i, j] = flat.max(axis=0)
            places[i, j] = row * n_W + x1 + left + column
            # END SOLUTION
    return P, places


def roi_pool_backward(dP, places, shape):
    """dA of this shape (n_H, n_W, n_C): every dP goes to the place it came from."""
    n_H, n_W, n_C = shape
    dA = np.zeros((n_H * n_W, n_C))
    # BEGIN SOLUTION
    np.add.at(dA, (places, np.arange(n_C)), dP)
    # END SOLUTION
    return dA.reshape(shape)


# %% [markdown]
# **Exercise 3.** All default boxes $(n, 4)$ as $(c_x, c_y, w, h)$, parts of the
# picture: by map, row, column, and in a cell first both squares, then the ratios.
# `scales` has one number more than there are maps.
#
# **Exercise 4.** Matching. `iou` is $(n_{boxes}, n)$; the answer has for each default
# box the place of its object, or -1. Where two objects want the same default box as
# their best, the later one takes it.


# %%
def default_boxes(feature_sizes, scales, ratios=(2.0, 0.5)):
    """Default boxes (n, 4): cx, cy, w, h, of square maps with so many cells a side."""
    boxes = []
    for k, f in enumerate(feature_sizes):
        # BEGIN SOLUTION
        between = np.sqrt(scales[k] * scales[k + 1])
        sides = [(scales[k], scales[k]), (between, between)]
        sides += [(scales[k] * np.sqrt(a), scales[k] / np.sqrt(a)) for a in ratios]
        for i in range(f):
            for j in range(f):
                boxes += [((j + 0.5) / f, (i + 0.5) / f, w, h) for w, h in sides]
        # END SOLUTION
    return np.array(boxes)


def match(iou, threshold=0.5):
    """Object of each default box, or -1: int (n,), from IoUs (objects, n)."""
    matched = np.full(iou.shape[1], -1)
    # BEGIN SOLUTION
    enough = iou.max(axis=0) >= threshold
    matched[enough] = iou.argmax(axis=0)[enough]
    matched[iou.argmax(axis=1)] = np.arange(len(iou))
    # END SOLUTION
    return matched


# %% [markdown]
# **Exercise 5.** Boxes by their default boxes. **Exercise 6.** And back. Both arrays
# are $(n, 4)$, $(c_x, c_y, w, h)$.


# %%
def encode(boxes, defaults):
    """g (n, 4)."""
    # BEGIN SOLUTION
    middles = (boxes[:, :2] - defaults[:, :2]) / defaults[:, 2:] / 0.1
    lengths = np.log(boxes[:, 2:] / defaults[:, 2:]) / 0.2
    g = np.concatenate([middles, lengths], axis=1)
    # END SOLUTION
    return g


def decode(t, defaults):
    """Boxes (n, 4) of offsets t (n, 4)."""
    # BEGIN SOLUTION
    middles = defaults[:, :2] + 0.1 * t[:, :2] * defaults[:, 2:]
    lengths = defaults[:, 2:] * np.exp(0.2 * t[:, 2:])
    boxes = np.concatenate([middles, lengths], axis=1)
    # END SOLUTION
    return boxes


# %% [markdown]
# **Exercise 7.** Smooth L1, number by number. **Exercise 8.** Its derivative.
#
# **Exercise 9.** Mining. `losses` $(m, n)$ are the cross-entropies, `labels` $(m, n)$;
# the answer is True for background that counts: in each picture `ratio` times as many
# as are matched, those with the largest losses.


# %%
def smooth_l1(d):
    """0.5 d^2 below 1, |d| - 0.5 above."""
    # BEGIN SOLUTION
    value = np.where(np.abs(d) < 1, 0.5 * d**2, np.abs(d) - 0.5)
    # END SOLUTION
    return value


def smooth_l1_backward(d):
    """The derivative."""
    # BEGIN SOLUTION
    slope = np.clip(d, -1, 1)
    # END SOLUTION
    return slope


def hard_negatives(losses, labels, ratio=3):
    """Which background counts: bool (m, n)."""
    counted = np.zeros(labels.shape, bool)
    for i in range(len(labels)):
        # BEGIN SOLUTION
        background = np.flatnonzero(labels[i] == 0)
        hardest = background[np.argsort(-losses[i, background], kind="stable")]
        counted[i, hardest[: ratio * np.sum(labels[i] > 0)]] = True
        # END SOLUTION
    return counted


# %% [markdown]
# **Exercise 10.** The loss. **Exercise 11.** Its gradient. `labels` are $(m, n)$, 0 for
# background, `g` $(m, n, 4)$. At least one default box is matched.


# %%
def log_softmax(z):
    """Logarithms of the probabilities along the last axis."""
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def ssd_loss(z, t, labels, g):
    """L, a number, for logits z (m, n, C + 1) and offsets t (m, n, 4)."""
    positive = labels > 0
    log_p = log_softmax(z)
    # BEGIN SOLUTION
    losses = -np.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]  # (m, n)
    counted = positive | hard_negatives(losses, labels)
    classes = losses[counted].sum()
    places = smooth_l1(t[positive] - g[positive]).sum()
    loss = (classes + places) / positive.sum()
    # END SOLUTION
    return loss


def ssd_backward(z, t, labels, g):
    """dz (m, n, C + 1), dt (m, n, 4)."""
    positive = labels > 0
    log_p = log_softmax(z)
    one_hot = labels[..., None] == np.arange(z.shape[-1])  # (m, n, C + 1)
    # BEGIN SOLUTION
    losses = -np.sum(log_p * one_hot, axis=-1)  # (m, n)
    counted = positive | hard_negatives(losses, labels)
    N = positive.sum()
    dz = (np.exp(log_p) - one_hot) * counted[..., None] / N
    dt = smooth_l1_backward(t - g) * positive[..., None] / N
    # END SOLUTION
    return dz, dt


# %% [markdown]
# ## Check it three ways
#
# **By hand**: the numbers from above.

# %%
hand_map = np.array([[1.0, 5, 2], [0, 3, 9], [4, 8, 7]])[..., None]
hand_pooled, hand_places = roi_pool(hand_map, (0, 0, 3, 3), 2)
hand_dA = roi_pool_backward(np.ones((2, 2, 1)), hand_places, hand_map.shape)
print("pooled", hand_pooled[..., 0].tolist(), "gradient", hand_dA[..., 0].tolist())
assert hand_pooled[..., 0].tolist() == [[5, 9], [8, 9]]
assert hand_dA[..., 0].tolist() == [[0, 1, 0], [0, 0, 2], [0, 1, 0]]

hand_default = np.array([[0.5, 0.5, 0.2, 0.4]])
hand_g = encode(np.array([[0.51, 0.46, 0.2, 0.2]]), hand_default)
hand_l1 = smooth_l1(np.array([0.5, 0, 0, hand_g[0, 3] + 2]) - hand_g[0]).sum()
print("g", hand_g.round(3).tolist(), "smooth L1", float(hand_l1))
assert np.allclose(hand_g, [[0.5, -1, 0, -3.4657]], atol=1e-4)
assert np.isclose(hand_l1, 2)
assert np.allclose(decode(hand_g, hand_default), [[0.51, 0.46, 0.2, 0.2]])

# %% [markdown]
# **Against the engine.** Default boxes for our scenes: maps of 16, 8, 4 and 2 cells a
# side, scales from 12 to 42 pixels. Matching and encoding beside those of
# `tinygrad_dls.vision`; the loss beside one of tensors, whose gradient autograd finds.

# %%
FEATURES = (16, 8, 4, 2)
SCALES = np.array([11.0, 18, 28, 40, 56]) / SIZE
defaults = default_boxes(FEATURES, SCALES)  # (1360, 4)
default_corners = SIZE * vision.box_convert(defaults, "cxcywh", "xyxy")
print(f"{len(defaults)} default boxes")
picture, labels, boxes = max(scenes, key=lambda one: len(one[1]))
overlap = vision.box_iou(boxes, default_corners)  # (n_boxes, 1360)
matched = match(overlap)
assert np.array_equal(matched, vision.match_anchors(overlap, 0.5, 0.5))
is_matched = matched >= 0
own = vision.box_convert(boxes[matched[is_matched]], "xyxy", "cxcywh") / SIZE
mine = encode(own, defaults[is_matched])
theirs = vision.encode(
    boxes[matched[is_matched]], default_corners[is_matched], (10, 10, 5, 5)
)
assert dls.compare("g", mine, theirs).ok


def targets_of(labels, boxes):
    """labels (1360,), g (1360, 4) for one picture."""
    label, g = np.zeros(len(defaults), int), np.zeros((len(defaults), 4))
    if len(boxes):
        matched = match(vision.box_iou(boxes, default_corners))
        there = matched >= 0
        label[there] = labels[matched[there]]
        own = vision.box_convert(boxes[matched[there]], "xyxy", "cxcywh") / SIZE
        g[there] = encode(own, defaults[there])
    return label, g


def engine_ssd_loss(z, t, labels, g):
    """The same loss of tensors: z (m, n, C + 1), t (m, n, 4), labels (m, n), g."""
    m, n, classes = z.shape
    losses = F.cross_entropy(
        z.reshape(m * n, classes), labels.reshape(m * n), reduction="none"
    ).reshape(m, n)
    positive = (labels > 0).astype(z.dtype)
    hardness = losses.detach() * (1 - positive) - positive  # matched ones come last
    rank = (-hardness).argsort(axis=1).argsort(axis=1)  # 0: the hardest
    counted = (rank < 3 * positive.sum(axis=1, keepdims=True)).astype(z.dtype)
    counted = positive + counted * (1 - positive)
    places = F.smooth_l1_loss(t, g, reduction="none").sum(axis=-1)
    return (losses * counted + places * positive).sum() / positive.sum()


few = [targets_of(labels, boxes) for _, labels, boxes in scenes[:3]]
few_labels, few_g = (np.stack(part) for part in zip(*few, strict=True))
few_z = rng.normal(0, 1, (3, len(defaults), 4))
few_t = rng.normal(0, 1.5, (3, len(defaults), 4))
dz, dt = ssd_backward(few_z, few_t, few_labels, few_g)
z_tensor = dls.Tensor(few_z, requires_grad=True)
t_tensor = dls.Tensor(few_t, requires_grad=True)
loss = engine_ssd_loss(z_tensor, t_tensor, dls.Tensor(few_labels), dls.Tensor(few_g))
loss.backward()
assert dls.compare("L", ssd_loss(few_z, few_t, few_labels, few_g), loss.detach()).ok
assert dls.compare("dz", dz, z_tensor.grad).ok
assert dls.compare("dt", dt, t_tensor.grad).ok

# %% [markdown]
# In the engine, RoI pooling is a look-up and a maximum. A region of a map of $16
# \times 16$ cells has $4\times4$ bins of at most $5\times5$ cells. `cells_of` lists
# them; a bin with fewer cells names its last one again, which changes no maximum.

# %%
POOL, MAP, MOST = 4, 16, 5


def cells_of(boxes):
    """Places (n, 16, 25) in a map of the cells of each bin; boxes (n, 4) in pixels."""
    first = np.floor(boxes[:, :2] * MAP / SIZE + 0.25).astype(int)
    first = np.clip(first, 0, MAP - 1)
    last = np.ceil(boxes[:, 2:] * MAP / SIZE - 0.25).astype(int)
    last = np.clip(last, first + 1, MAP)
    length = (last - first)[..., None]  # (n, 2, 1): columns, rows
    start = first[..., None] + np.arange(POOL) * length // POOL  # (n, 2, 4)
    stop = first[..., None] - (-(np.arange(POOL) + 1) * length // POOL)
    cell = np.minimum(start[..., None] + np.arange(MOST), stop[..., None] - 1)
    column, row = cell[:, 0], cell[:, 1]  # (n, 4, 5)
    places = row[:, :, None, :, None] * MAP + column[:, None, :, None, :]
    return places.reshape(len(boxes), POOL * POOL, MOST * MOST)


def engine_roi_pool(maps, cells):
    """(R, 16, n_C) of maps (m, n_C, 16, 16); cells (R, 16, 25) count over all maps."""
    m, n_C, rows, columns = maps.shape
    flat = maps.transpose(0, 2, 3, 1).reshape(m * rows * columns, n_C)
    return F.embedding(cells, flat).max(axis=2)


some_map = rng.standard_normal((MAP, MAP, 3))
some_boxes = np.array([[4.0, 8, 40, 32], [20, 0, 64, 64], [8, 20, 16, 28]])
some_rois = (some_boxes * MAP // SIZE).astype(int)
dP = rng.standard_normal((3, POOL, POOL, 3))
pairs = [roi_pool(some_map, roi, POOL) for roi in some_rois]
by_hand = np.stack([P for P, _ in pairs])
dA = sum(
    roi_pool_backward(one, places, some_map.shape)
    for one, (_, places) in zip(dP, pairs, strict=True)
)
map_tensor = dls.Tensor(some_map.transpose(2, 0, 1)[None], requires_grad=True)
pooled = engine_roi_pool(map_tensor, dls.Tensor(cells_of(some_boxes)))
(pooled * dP.reshape(3, 16, 3)).sum().backward()
assert dls.compare("P", by_hand.reshape(3, 16, 3), pooled.detach()).ok
assert dls.compare("dA", dA.transpose(2, 0, 1)[None], map_tensor.grad).ok

# %% [markdown]
# **Numerically**: the gradients by central differences, on 40 default boxes.

# %%
small_labels = np.zeros((2, 40), int)
small_labels[0, :3], small_labels[1, 7] = (1, 3, 2), 2
small_g = rng.normal(0, 1, (2, 40, 4))
small_z, small_t = rng.normal(0, 1, (2, 40, 4)), rng.normal(0, 1.5, (2, 40, 4))
dz, dt = ssd_backward(small_z, small_t, small_labels, small_g)
report = check.check_gradients(
    lambda p: ssd_loss(p["z"], p["t"], small_labels, small_g),
    {"z": small_z, "t": small_t},
    {"dz": dz, "dt": dt},
)
print(report)
assert report.ok
report = check.check_gradients(
    lambda p: sum(
        (roi_pool(p["A"], roi, POOL)[0] * one[..., :1]).sum()
        for roi, one in zip(some_rois, dP, strict=True)
    ),
    {"A": some_map[..., :1]},
    {"dA": dA[..., :1]},
)
print(report)
assert report.ok

# %% [markdown]
# ## See the graph
#
# All four detectors stand on the same three convolutions, from $64\times64$ to a map of
# $16\times16$ cells. What comes behind them differs. SSD has three more, each of which
# halves the map, and a head on every map (`models.SSDHead`).


# %%
def backbone():
    """(m, 3, n, n) -> (m, 48, n / 4, n / 4)."""
    layers, before = [], 3
    for channels, stride in ((16, 2), (32, 2), (48, 1)):
        layers += [
            nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
        before = channels
    return nn.Sequential(*layers)


class SSD(nn.Module):
    """Logits (m, 1360, 4) and offsets (m, 1360, 4) from four maps."""

    def __init__(self):
        self.backbone = backbone()
        self.extra = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, 64, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(64),
                nn.ReLU(),
            )
            for before in (48, 64, 64)
        )
        self.head = models.SSDHead([48, 64, 64, 64], [4] * 4, 1 + len(CLASSES))

    def forward(self, x):
        maps = [self.backbone(x)]
        for layer in self.extra:
            maps.append(layer(maps[-1]))
        out = self.head(maps)
        return out["cls_logits"], out["bbox_regression"]


def to_engine(pictures):
    """uint8 (m, h, w, 3) -> float32 (m, 3, h, w), about -2 to 2."""
    x = (np.asarray(pictures).transpose(0, 3, 1, 2) / 255 - 0.4) / 0.25
    return np.ascontiguousarray(x, np.float32)


dls.manual_seed(lesson.seed)
ssd = SSD()
X = to_engine([picture for picture, _, _ in scenes])
with dls.trace():
    logits, offsets = ssd(dls.Tensor(X[:2], name="X"))
    loss = engine_ssd_loss(
        logits,
        offsets,
        dls.Tensor(few_labels[:2], name="labels"),
        dls.Tensor(few_g[:2].astype(np.float32), name="g"),
    )
    loss.backward()
graph = dls.graph(loss, ssd, names={"loss": loss})
lesson.graph(graph, "graph", depth=1)
graph

# %% [markdown]
# ## Train
#
# One loop for all four. `arrays_of(epoch)` gives the arrays of an epoch, one row a
# picture; `loss_of` gets a batch of them as tensors.


# %%
BATCH = 16


def train(network, loss_of, arrays_of, epochs, label, rate=2e-3):
    """Mean loss of each epoch."""
    optimizer = optim.Adam(network.parameters(), lr=rate)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)

    def step(*batch):
        optimizer.zero_grad()
        loss = loss_of(*batch)
        loss.backward()
        optimizer.step()
        return loss

    if not lesson.fast:  # a few steps are not worth recording
        step = dls.capture(step)
    order, costs = np.random.default_rng(lesson.seed), []
    network.train()
    for epoch in lesson.progress(range(epochs), label, "epochs"):
        arrays = arrays_of(epoch)
        places = order.permutation(len(arrays[0]))
        losses = [
            float(step(*(dls.Tensor(a[places[i : i + BATCH]]) for a in arrays)))
            for i in range(0, len(places) - BATCH + 1, BATCH)
        ]
        costs.append(float(np.mean(losses)))
        schedule.step()
    network.eval()
    return costs


def final(boxes, probabilities, threshold=0.05, most=20):
    """Detections of one picture from boxes (n, 4) and probabilities (n, C + 1)."""
    boxes = vision.clip_boxes_to_image(boxes, (SIZE, SIZE))
    row, label = np.nonzero(probabilities[:, 1:] > threshold)
    scores, label = probabilities[row, label + 1], label + 1
    kept = vision.batched_nms(boxes[row], scores, label, 0.45)[:most]
    return {"boxes": boxes[row][kept], "scores": scores[kept], "labels": label[kept]}


# %% [markdown]
# ### SSD

# %%
targets = [targets_of(labels, boxes) for _, labels, boxes in scenes]
ssd_labels = np.stack([label for label, _ in targets])
ssd_g = np.stack([g for _, g in targets]).astype(np.float32)
costs = {}
costs["ssd"] = train(
    ssd,
    lambda x, labels, g: engine_ssd_loss(*ssd(x), labels, g),
    lambda epoch: (X, ssd_labels, ssd_g),
    3 if lesson.fast else 16,
    "SSD",
)


def detect_ssd(picture):
    """One pass, then decoding and suppression."""
    with dls.no_grad():
        logits, offsets = ssd(dls.Tensor(to_engine(picture[None])))
    probabilities = np.exp(log_softmax(logits.numpy()[0]))
    boxes = vision.box_convert(decode(offsets.numpy()[0], defaults), "cxcywh", "xyxy")
    return final(SIZE * boxes, probabilities)


detections = {}
clock = time.process_time()
detections["ssd"] = [detect_ssd(picture) for picture, _, _ in new_scenes]
milliseconds = {"ssd": 1000 * (time.process_time() - clock) / len(new_scenes)}

# %% [markdown]
# ### Where to look: selective search
#
# R-CNN and Fast R-CNN get their regions from outside. Selective search (Uijlings et al.
# 2013) first joins neighbouring pixels of like color, as long as the step between two
# segments is small beside what varies within them (Felzenszwalb and Huttenlocher 2004).
# Then it joins the two most similar neighbours, again and again, until one is left.
# Every segment on the way proposes its box. It learns nothing, and knows nothing of
# rings and crosses.


# %%
def segments(pixels, scale=100.0):
    """Segment number of each pixel (h w,) of pixels (h, w, 3): join by like color."""
    h, w, _ = pixels.shape
    place = np.arange(h * w).reshape(h, w)
    a = np.concatenate([place[:, :-1].ravel(), place[:-1].ravel()])
    b = np.concatenate([place[:, 1:].ravel(), place[1:].ravel()])
    flat = pixels.reshape(-1, 3)
    steps = np.sqrt(((flat[a] - flat[b]) ** 2).sum(axis=1))
    order = np.argsort(steps, kind="stable")
    parent, size, limit = list(range(h * w)), [1] * (h * w), [scale] * (h * w)

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    edges = np.stack([a[order], b[order]], axis=1).tolist()
    for step, (i, j) in zip(steps[order].tolist(), edges, strict=True):
        i, j = root(i), root(j)
        if i != j and step <= min(limit[i], limit[j]):
            parent[j] = i
            size[i] += size[j]
            limit[i] = step + scale / size[i]
    return np.array([root(i) for i in range(h * w)])


def selective_search(picture, least=6):
    """Proposed boxes (n, 4), in pixels, of a picture; their sides are 6 or more."""
    pixels = picture.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean(axis=(1, 3))
    h, w, _ = pixels.shape
    _, number = np.unique(segments(pixels), return_inverse=True)
    number = number.reshape(h, w)
    flat = number.ravel()
    area = np.bincount(flat).tolist()
    color = [np.bincount(flat, pixels[..., c].ravel()) for c in range(3)]
    color = (np.stack(color, axis=1) / np.array(area)[:, None]).tolist()
    box = [[w, h, 0, 0] for _ in area]
    for row in range(h):
        for column, k in enumerate(number[row].tolist()):
            x1, y1, x2, _ = box[k]
            box[k] = [min(x1, column), min(y1, row), max(x2, column + 1), row + 1]
    a = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    b = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])

    def around(i, j):
        (a1, b1, a2, b2), (c1, d1, c2, d2) = box[i], box[j]
        return [min(a1, c1), min(b1, d1), max(a2, c2), max(b2, d2)]

    def similarity(i, j):
        away = sum((p - q) ** 2 for p, q in zip(color[i], color[j], strict=True)) ** 0.5
        x1, y1, x2, y2 = around(i, j)
        empty = (x2 - x1) * (y2 - y1) - area[i] - area[j]
        return -away / 442 - (area[i] + area[j] + empty) / (h * w)

    pairs = {(min(p), max(p)) for p in zip(a.tolist(), b.tolist(), strict=True)}
    near = {pair: similarity(*pair) for pair in pairs if pair[0] != pair[1]}
    while near:
        i, j = max(near, key=near.get)
        total = area[i] + area[j]
        mixed = zip(color[i], color[j], strict=True)
        color.append([(p * area[i] + q * area[j]) / total for p, q in mixed])
        box.append(around(i, j))
        area.append(total)
        new = len(area) - 1
        touching = [pair for pair in near if i in pair or j in pair]
        others = {k for pair in touching for k in pair} - {i, j}
        for pair in touching:
            del near[pair]
        near.update({(k, new): similarity(k, new) for k in others})
    boxes = 2.0 * np.unique(np.array(box), axis=0)
    return boxes[(boxes[:, 2:] - boxes[:, :2] >= least).all(axis=1)]


def recall_of(proposals, truth, iou_threshold=0.5):
    """Percent of the objects that some proposal covers."""
    covered = [
        vision.box_iou(one["boxes"], found).max(axis=1) >= iou_threshold
        for found, one in zip(proposals, truth, strict=True)
    ]
    return 100 * float(np.concatenate(covered).mean())


searched = [
    selective_search(picture)
    for picture, _, _ in lesson.progress(scenes, "selective search", "pictures")
]
clock = time.process_time()
new_searched = [selective_search(picture) for picture, _, _ in new_scenes]
search_time = 1000 * (time.process_time() - clock) / len(new_scenes)
searched_count = float(np.mean([len(found) for found in new_searched]))
search_recall = recall_of(new_searched, truth)
print(f"selective search: {searched_count:.0f} regions, {search_time:.1f} ms a picture")
print(f"{search_recall:.1f} % of the objects are covered at an IoU of 0.5")

# %% [markdown]
# ### R-CNN: the network on every region
#
# Each region, with a sixth of context on each side, is warped to $24\times24$ and goes
# through the whole network: class and offsets. (The paper trained a support vector
# machine on the features and a regression behind it; Fast R-CNN put both into one loss,
# and we use that loss for both.) A region is of the class of the object it overlaps
# most, if by at least 0.5; else background. Of each picture 16 regions are drawn for an
# epoch, at most half of them objects.


# %%
REGIONS, WARP = 16, 24


def sample_regions(proposals, labels, boxes, rng):
    """regions (16, 4), labels (16,), g (16, 4) of one picture; true boxes take part."""
    regions = np.concatenate([proposals, boxes])
    if not len(regions):
        regions = np.array([[0.0, 0.0, SIZE, SIZE]])
    label, g = np.zeros(len(regions), int), np.zeros((len(regions), 4))
    if len(boxes):
        overlap = vision.box_iou(boxes, regions)
        matched = np.where(overlap.max(axis=0) >= 0.5, overlap.argmax(axis=0), -1)
        there = matched >= 0
        label[there] = labels[matched[there]]
        pair = (boxes[matched[there]], regions[there])
        g[there] = encode(*(vision.box_convert(b, "xyxy", "cxcywh") for b in pair))
    shuffled = rng.permutation(len(regions))
    objects = shuffled[label[shuffled] > 0][: REGIONS // 2]
    rest = shuffled[label[shuffled] == 0][: REGIONS - len(objects)]
    chosen = np.resize(np.concatenate([objects, rest]), REGIONS)
    return regions[chosen], label[chosen], g[chosen]


def sample_all(proposals, scenes, rng):
    """The same for all scenes: (m, 16, 4), (m, 16), (m, 16, 4)."""
    rows = [
        sample_regions(found, labels, boxes, rng)
        for found, (_, labels, boxes) in zip(proposals, scenes, strict=True)
    ]
    regions, label, g = (np.stack(part) for part in zip(*rows, strict=True))
    return regions, label, g.astype(np.float32)


def warp(picture, boxes):
    """Regions (n, 4), with context, as pictures (n, 24, 24, 3)."""
    boxes = boxes - (boxes[:, [2, 3, 0, 1]] - boxes) / 6  # the context
    steps = (np.arange(WARP) + 0.5) / WARP
    x = boxes[:, :1] + (boxes[:, 2:3] - boxes[:, :1]) * steps  # (n, 24)
    y = boxes[:, 1:2] + (boxes[:, 3:] - boxes[:, 1:2]) * steps
    column, row = (np.clip(v.astype(int), 0, SIZE - 1) for v in (x, y))
    return picture[row[:, :, None], column[:, None, :]]


def region_loss(logits, offsets, labels, g):
    """Cross-entropy of all regions, smooth L1 of those with an object: R rows."""
    positive = (labels > 0).astype(offsets.dtype)
    places = F.smooth_l1_loss(offsets, g, reduction="none").sum(axis=-1)
    return F.cross_entropy(logits, labels) + (places * positive).sum() / len(labels)


class RegionHead(nn.Module):
    """Features (R, n) -> logits (R, C + 1), offsets (R, 4)."""

    def __init__(self, features):
        self.hidden = nn.Linear(features, 64)
        self.classes = nn.Linear(64, 1 + len(CLASSES))
        self.offsets = nn.Linear(64, 4)

    def forward(self, x):
        x = F.relu(self.hidden(x))
        return self.classes(x), self.offsets(x)


class RCNN(nn.Module):
    """Warped regions (R, 3, 24, 24) -> logits, offsets."""

    def __init__(self):
        self.backbone = backbone()
        self.head = RegionHead(48 * (WARP // 4) ** 2)

    def forward(self, x):
        return self.head(self.backbone(x).flatten(1))


def r_cnn_loss(x, labels, g):
    """x (m, 16, 3, 24, 24): all regions of all pictures are one batch."""
    rows = labels.size
    crops = x.reshape(rows, 3, WARP, WARP)
    return region_loss(*r_cnn(crops), labels.reshape(rows), g.reshape(rows, 4))


def r_cnn_arrays(epoch):
    """Warped regions of all scenes for one epoch."""
    regions, label, g = sample_all(searched, scenes, rng)
    pairs = zip(scenes, regions, strict=True)
    crops = [to_engine(warp(picture, found)) for (picture, _, _), found in pairs]
    return np.stack(crops), label, g


def detect_regions(logits, offsets, regions):
    """Detections of one picture from what a head says of its regions."""
    probabilities = np.exp(log_softmax(logits.numpy()))
    start = vision.box_convert(regions, "xyxy", "cxcywh")
    boxes = decode(offsets.numpy().astype(float), start)
    return final(vision.box_convert(boxes, "cxcywh", "xyxy"), probabilities)


dls.manual_seed(lesson.seed)
r_cnn = RCNN()
costs["r_cnn"] = train(
    r_cnn, r_cnn_loss, r_cnn_arrays, 2 if lesson.fast else 6, "R-CNN"
)
clock = time.process_time()
with dls.no_grad():
    detections["r_cnn"] = [
        detect_regions(*r_cnn(dls.Tensor(to_engine(warp(picture, found)))), found)
        for (picture, _, _), found in zip(new_scenes, new_searched, strict=True)
    ]
milliseconds["r_cnn"] = (
    1000 * (time.process_time() - clock) / len(new_scenes) + search_time
)

# %% [markdown]
# ### Fast R-CNN: the network once
#
# Regions overlap, and R-CNN computes the same pixels again and again. Fast R-CNN runs
# the convolutions once and pools each region from the map.


# %%
class FastRCNN(nn.Module):
    """Pictures (m, 3, 64, 64) and cells of R regions -> logits (R, C + 1), offsets."""

    def __init__(self):
        self.backbone = backbone()
        self.head = RegionHead(48 * POOL**2)

    def judge(self, maps, cells):
        """Logits, offsets for regions of maps (m, 48, 16, 16)."""
        return self.head(engine_roi_pool(maps, cells).flatten(1))

    def forward(self, x, cells):
        return self.judge(self.backbone(x), cells)


def all_cells(regions):
    """cells (m, 16, 16, 25) of regions (m, 16, 4), each within its own map."""
    flat = cells_of(regions.reshape(-1, 4))
    return flat.reshape(*regions.shape[:2], POOL**2, MOST**2)


def of_batch(cells):
    """cells (R, 16, 25), counted over all maps of the batch."""
    m, count = cells.shape[:2]
    shift = dls.arange(m).reshape(m, 1, 1, 1) * MAP**2
    return (cells + shift).reshape(m * count, POOL**2, MOST**2)


def fast_loss(x, cells, labels, g):
    """The loss of the regions of a batch."""
    logits, offsets = fast(x, of_batch(cells))
    return region_loss(logits, offsets, labels.reshape(-1), g.reshape(-1, 4))


def fast_arrays(epoch):
    """Pictures, cells of drawn regions, their labels and offsets."""
    regions, label, g = sample_all(searched, scenes, rng)
    return X, all_cells(regions), label, g


dls.manual_seed(lesson.seed)
fast = FastRCNN()
costs["fast_r_cnn"] = train(
    fast, fast_loss, fast_arrays, 2 if lesson.fast else 9, "Fast R-CNN"
)
clock = time.process_time()
with dls.no_grad():
    detections["fast_r_cnn"] = [
        detect_regions(
            *fast(dls.Tensor(to_engine(picture[None])), dls.Tensor(cells_of(found))),
            found,
        )
        for (picture, _, _), found in zip(new_scenes, new_searched, strict=True)
    ]
milliseconds["fast_r_cnn"] = (
    1000 * (time.process_time() - clock) / len(new_scenes) + search_time
)

# %% [markdown]
# ### Faster R-CNN: the network proposes
#
# A **region proposal network** slides over the same map. In each cell it judges $k$
# anchors (here 3 sizes, 768 anchors in all): is there an object of *any* class, and how
# would the anchor have to move? Its targets: an IoU of 0.5 or more with an object, or
# the best anchor of an object, is 1; below 0.3 is 0; between, the anchor is not asked.
# 32 anchors a picture are drawn, half of them objects where there are enough. The best
# 16 boxes after suppression go to the head.
#
# Training alternates, as in the paper. We begin with the weights of Fast R-CNN: first
# the proposal network learns beside the head, which still gets regions of selective
# search; then the head gets what the network proposes.


# %%
ANCHORS = vision.grid_anchors((MAP, MAP), (SIZE, SIZE), [[12, 12], [22, 22], [38, 38]])
ANCHORS = ANCHORS.astype(float)
PROPOSED = 16


class FasterRCNN(FastRCNN):
    """Fast R-CNN with a region proposal network on the same map."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(48, 48, 3, padding=3, dilation=3)  # sees 39 pixels
        self.object = nn.Conv2d(48, 3, 1)
        self.move = nn.Conv2d(48, 3 * 4, 1)

    def propose(self, maps):
        """Objectness (m, 768) and offsets (m, 768, 4), in the order of ANCHORS."""
        y = F.relu(self.look(maps))
        m = len(y)
        objectness = self.object(y).transpose(0, 2, 3, 1).reshape(m, -1)
        return objectness, self.move(y).transpose(0, 2, 3, 1).reshape(m, -1, 4)


anchor_middles = vision.box_convert(ANCHORS, "xyxy", "cxcywh")


def rpn_targets(boxes):
    """labels (768,): 1 object, 0 not, -1 not asked; g (768, 4)."""
    label, g = np.zeros(len(ANCHORS), int), np.zeros((len(ANCHORS), 4))
    if len(boxes):
        matched = vision.match_anchors(vision.box_iou(boxes, ANCHORS), 0.5, 0.3)
        label = np.where(matched >= 0, 1, np.where(matched == -1, 0, -1))
        own = vision.box_convert(boxes[matched[label == 1]], "xyxy", "cxcywh")
        g[label == 1] = encode(own, anchor_middles[label == 1])
    return label, g


def draw_anchors(label, rng, count=32):
    """Which of them count in this epoch: half objects, if there are enough."""
    counted = np.zeros(len(label), np.float32)
    objects = rng.permutation(np.flatnonzero(label == 1))[: count // 2]
    rest = rng.permutation(np.flatnonzero(label == 0))[: count - len(objects)]
    counted[np.concatenate([objects, rest])] = 1
    return counted


def rpn_loss(objectness, offsets, labels, g, counted):
    """Of all anchors (m, 768): is it an object, and where."""
    is_object = (labels == 1).astype(objectness.dtype)
    losses = F.binary_cross_entropy_with_logits(
        objectness, is_object, reduction="none"
    )
    places = F.smooth_l1_loss(offsets, g, reduction="none").sum(axis=-1)
    return (counted * (losses + is_object * places)).sum() / counted.sum()


def faster_loss(x, cells, labels, g, anchor_labels, anchor_g, counted):
    """Both losses, from one map."""
    maps = faster.backbone(x)
    logits, offsets = faster.judge(maps, of_batch(cells))
    of_regions = region_loss(logits, offsets, labels.reshape(-1), g.reshape(-1, 4))
    return of_regions + rpn_loss(
        *faster.propose(maps), anchor_labels, anchor_g, counted
    )


def best_proposals(objectness, offsets, most=PROPOSED):
    """The best boxes (n, 4) of one picture after suppression, at most so many."""
    scores = objectness.numpy()
    boxes = decode(offsets.numpy().astype(float), anchor_middles)
    boxes = vision.box_convert(boxes, "cxcywh", "xyxy")
    boxes = vision.clip_boxes_to_image(boxes, (SIZE, SIZE))
    large = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] >= 4).all(axis=1))
    large = large[np.argsort(-scores[large])[:200]]
    return boxes[large][vision.nms(boxes[large], scores[large], 0.6)[:most]]


def propose_all(scenes, most=PROPOSED):
    """Proposals of the network for each scene."""
    found = []
    for i in range(0, len(scenes), 100):
        x = to_engine([picture for picture, _, _ in scenes[i : i + 100]])
        with dls.no_grad():
            out = faster.propose(faster.backbone(dls.Tensor(x)))
        found += [best_proposals(s, t, most) for s, t in zip(*out, strict=True)]
    return found


rpn = [rpn_targets(boxes) for _, _, boxes in scenes]
rpn_labels = np.stack([label for label, _ in rpn])
rpn_g = np.stack([g for _, g in rpn]).astype(np.float32)


def faster_arrays(proposals):
    """For `train`: the arrays of an epoch with regions out of these proposals."""

    def arrays(epoch):
        regions, label, g = sample_all(proposals, scenes, rng)
        counted = np.stack([draw_anchors(label, rng) for label in rpn_labels])
        return X, all_cells(regions), label, g, rpn_labels, rpn_g, counted

    return arrays


dls.manual_seed(lesson.seed)
faster = FasterRCNN()
faster.load_state_dict(fast.state_dict(), strict=False)
costs["faster_r_cnn"] = train(
    faster,
    faster_loss,
    faster_arrays(searched),
    2 if lesson.fast else 6,
    "proposal network",
)
costs["faster_r_cnn"] += train(
    faster,
    faster_loss,
    faster_arrays(propose_all(scenes)),
    1 if lesson.fast else 3,
    "its proposals",
    rate=1e-3,
)


def detect_faster(picture):
    """One map, its proposals, their detections."""
    with dls.no_grad():
        maps = faster.backbone(dls.Tensor(to_engine(picture[None])))
        objectness, offsets = faster.propose(maps)
        regions = best_proposals(objectness[0], offsets[0])
        return detect_regions(
            *faster.judge(maps, dls.Tensor(cells_of(regions))), regions
        )


clock = time.process_time()
detections["faster_r_cnn"] = [detect_faster(picture) for picture, _, _ in new_scenes]
milliseconds["faster_r_cnn"] = 1000 * (time.process_time() - clock) / len(new_scenes)
proposed = propose_all(new_scenes)
proposal_recall = recall_of(proposed, truth)
print(f"the network's {PROPOSED} proposals cover {proposal_recall:.1f} %")

# %% [markdown]
# ## Look at it
#
# ### What the four reach, and what they cost
#
# Multiplications of convolutions and fully connected layers for one picture, counted by
# a hook on each layer while a new scene runs. The milliseconds are CPU time for one
# picture, selective search and suppression included.


# %%
def work(networks, run):
    """Multiplications of Conv2d and Linear layers of these networks in `run()`."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        places = output.size // len(layer.weight)
        total += layer.weight.size * places

    hooks = [
        layer.register_forward_hook(count)
        for network in networks
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    with dls.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return total


NAMES = {
    "r_cnn": "R-CNN",
    "fast_r_cnn": "Fast R-CNN",
    "faster_r_cnn": "Faster R-CNN",
    "ssd": "SSD",
}
LINES = dict(zip(NAMES, ("C0", "C1", "C2", "C3"), strict=True))
nearest = int(np.argmin([abs(len(f) - searched_count) for f in new_searched]))
example, regions = new_scenes[nearest][0], new_searched[nearest]
x = dls.Tensor(to_engine(example[None]))
crops = dls.Tensor(to_engine(warp(example, regions)))
multiplications = {
    "r_cnn": work([r_cnn], lambda: r_cnn(crops)),
    "fast_r_cnn": work([fast], lambda: fast(x, dls.Tensor(cells_of(regions)))),
    "faster_r_cnn": work([faster], lambda: detect_faster(example)),
    "ssd": work([ssd], lambda: ssd(x)),
}
detectors = {"r_cnn": r_cnn, "fast_r_cnn": fast, "faster_r_cnn": faster, "ssd": ssd}
heads = {
    "r_cnn": searched_count,
    "fast_r_cnn": searched_count,
    "faster_r_cnn": float(np.mean([len(found) for found in proposed])),
    "ssd": 0.0,
}
runs = {}
for name in NAMES:
    runs[name] = vision.mean_average_precision(detections[name], truth) | {
        "evaluations": searched_count if name == "r_cnn" else 1.0,
        "heads": heads[name],
        "multiplications": multiplications[name],
        "parameters": sum(p.size for p in detectors[name].parameters()),
        "milliseconds": milliseconds[name],
    }
lesson.table(
    ["", "mAP at .5", "mAP", "networks", "heads", "million mult.", "parameters", "ms"],
    [
        (
            NAMES[name],
            f"{run['map_50']:.3f}",
            f"{run['map']:.3f}",
            f"{run['evaluations']:.0f}",
            f"{run['heads']:.0f}",
            f"{run['multiplications'] / 1e6:.1f}",
            f"{run['parameters']:,}",
            f"{run['milliseconds']:.1f}",
        )
        for name, run in runs.items()
    ],
)

fig, axes = plt.subplots(1, 3, figsize=(15, 4.2))
for name, found in costs.items():
    epochs_done = np.arange(1, len(found) + 1)
    look = {"markersize": 3, "color": LINES[name], "label": NAMES[name]}
    axes[0].plot(epochs_done, found, "o-", **look)
axes[0].set(xlabel="epoch", ylabel="loss, mean over the epoch", yscale="log")
axes[0].set_title("training (each has a loss of its own)")
axes[0].legend()
for name, run in runs.items():
    spot = (run["multiplications"] / 1e6, run["map_50"])
    axes[1].plot(*spot, "o", markersize=9, color=LINES[name], label=NAMES[name])
axes[1].set(xlabel="million multiplications a picture", ylabel="mAP at an IoU of 0.5")
axes[1].set(xscale="log", ylim=(0, 1), title="good and cheap is top left")
axes[1].legend(loc="lower left")
for found, name in ((new_searched, "selective search"), (proposed, "its own network")):
    thresholds = np.linspace(0.5, 0.95, 10)
    recalls = [recall_of(found, truth, t) for t in thresholds]
    count = np.mean([len(f) for f in found])
    axes[2].plot(thresholds, recalls, "o-", label=f"{name}: {count:.0f} regions")
axes[2].set(xlabel="IoU asked for", ylabel="objects covered, %", ylim=(0, 103))
axes[2].set_title("how well the regions fit")
axes[2].legend()
for ax in axes:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "comparison")

# %% [markdown]
# R-CNN and Fast R-CNN look at the same regions. What the first one spends on
# overlapping regions, the second saves. For that it has only a coarse map: R-CNN sees
# every region enlarged to 24 x 24 pixels, so small shapes are easier for it, and its
# boxes fit better. On the large pictures of the papers a region has more cells, and
# the advantage is gone.
#
# Faster R-CNN has to look at fewer regions, since a network chose them that knows what
# it looks for; and no time goes into a search that knows nothing. (Its loss rises where
# the head gets the network's own proposals: they are harder than those of the search.)
# Selective search fits these scenes unusually well: shapes of one color are what it
# finds. SSD has no regions at all.
#
# ### Proposals, default boxes, detections

# %%
fig, axes = plt.subplots(2, 5, figsize=(14, 6.4), layout="constrained")
for column, (picture, _, boxes) in enumerate(new_scenes[:5]):
    ways = ("selective search", new_searched), ("proposal network", proposed)
    for ax, (way, found) in zip(axes[:, column], ways, strict=True):
        vision.draw_boxes(picture, found[column], ax=ax, linewidth=0.7)
        vision.draw_boxes(None, boxes, ax=ax, colors=("white",), linewidth=1.5)
        ax.set_title(f"{way}: {len(found[column])} regions", fontsize=9)
fig.suptitle("Where to look: the truth is white")
lesson.figure(fig, "proposals")

# %% [markdown]
# Which default boxes got which object: small objects find theirs on the fine map,
# large ones on the coarse maps.

# %%
fig, axes = plt.subplots(1, 4, figsize=(14, 3.9))
several = [one for one in new_scenes if len(one[1]) > 2]
spread = [np.ptp(boxes[:, 2] - boxes[:, 0]) for _, _, boxes in several]
picture, labels, boxes = several[int(np.argmax(spread))]
label, _ = targets_of(labels, boxes)
matched_by_map, start = {}, 0
for ax, f in zip(axes, FEATURES, strict=True):
    stop = start + 4 * f * f
    there = start + np.flatnonzero(label[start:stop])
    words = [CLASSES[k - 1] for k in label[there]]
    inside = vision.clip_boxes_to_image(default_corners[there], (SIZE, SIZE))
    vision.draw_boxes(picture, [], ax=ax)
    for box, word in zip(inside, words, strict=True):
        color = (COLORS[word],)
        vision.draw_boxes(None, box[None], ax=ax, colors=color, linewidth=1.2)
    vision.draw_boxes(None, boxes, ax=ax, colors=("white",), linewidth=1)
    ax.set_title(f"map of {f} x {f}: {len(there)} matched", fontsize=10)
    matched_by_map[f] = len(there)
    start = stop
fig.suptitle("Matched default boxes, in the color of their class; the truth is white")
fig.tight_layout()
lesson.figure(fig, "matched")

fig, axes = plt.subplots(4, 5, figsize=(13, 11.5), layout="constrained")
for row, name in zip(axes, NAMES, strict=True):
    row[0].set_title(NAMES[name], loc="left")
    for ax, (picture, _, boxes), found in zip(
        row, new_scenes, detections[name], strict=False
    ):
        vision.draw_boxes(picture, boxes, ax=ax, colors=("white",), linewidth=1)
        sure = found["scores"] >= 0.5
        words = [CLASSES[k - 1] for k in found["labels"][sure]]
        shown = (found["boxes"][sure], words, found["scores"][sure])
        vision.draw_boxes(None, *shown, ax=ax, colors=COLORS)
fig.suptitle("New scenes: what has a score of 0.5 or more; the truth is white")
lesson.figure(fig, "detections")

# %% [markdown]
# ## Break it
#
# **1. The gradient of RoI pooling set, not added.** With `=` in place of `+=` a cell
# that is the maximum of two bins keeps one gradient only. The gradient check finds it;
# the wrong cells are those, and only those, that were chosen more than once.


# %%
def set_not_added(dP, places, shape):
    """WRONG: the last one wins."""
    dA = np.zeros((shape[0] * shape[1], shape[2]))
    dA[places, np.arange(shape[2])] = dP
    return dA.reshape(shape)


def chosen_twice(places, shape):
    """How often each cell was a maximum (n_H, n_W, n_C), more than once."""
    return roi_pool_backward(np.ones(places.shape), places, shape) > 1


one_map = some_map[:8, :8]
one_roi, one_dP = (0, 0, 6, 7), dP[0]
_, one_places = roi_pool(one_map, one_roi, POOL)
wrong = set_not_added(one_dP, one_places, one_map.shape)
right = roi_pool_backward(one_dP, one_places, one_map.shape)
report = check.check_gradients(
    lambda p: (roi_pool(p["A"], one_roi, POOL)[0] * one_dP).sum(),
    {"A": one_map},
    {"dA": wrong},
)
is_off = np.abs(wrong - right) > 1e-12
only_shared = bool(np.array_equal(is_off, chosen_twice(one_places, one_map.shape)))
print(report.first.hint)
print(f"{is_off.sum()} cells are off: exactly those chosen twice: {only_shared}")
assert not report.ok and only_shared

# %% [markdown]
# **2. The finest map left out.** SSD's first map is the expensive one. Without it
# nothing breaks either; but no default box overlaps a small object by half. Matching
# gives each object its best default box all the same, a bad one: that hides the
# mistake. Count by size the objects that no default box fits.


# %%
def without_teacher(boxes, corners, iou_threshold=0.5):
    """Percent of the objects that no default box overlaps by so much, by size."""
    best = vision.box_iou(boxes, corners).max(axis=1)
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    groups = {"below 16 pixels": sides < 16, "above": sides >= 16}
    return {
        name: round(100 * float(np.mean(best[group] < iou_threshold)), 1)
        for name, group in groups.items()
    }


all_boxes = np.concatenate([boxes for _, _, boxes in scenes[:500]])
lost = {
    "four maps": without_teacher(all_boxes, default_corners),
    "the finest left out": without_teacher(all_boxes, default_corners[4 * 16 * 16 :]),
}
print("objects that no default box fits, %:", lost)
assert lost["four maps"]["below 16 pixels"] < 5
assert lost["the finest left out"]["below 16 pixels"] > 30
assert lost["the finest left out"]["above"] < 20

# %% [markdown]
# **3. No mining.** If all background counts, the loss is about nothing else. Ask for
# its share of the cross-entropies, with a network that knows nothing yet.


# %%
def background_share(z, labels, mining):
    """Percent of the summed cross-entropy that is due to background."""
    losses = -np.take_along_axis(log_softmax(z), labels[..., None], axis=-1)[..., 0]
    background = hard_negatives(losses, labels) if mining else labels == 0
    share = losses[background].sum() / (losses[background | (labels > 0)].sum())
    return round(100 * float(share), 1)


shares = {
    name: background_share(0.1 * few_z, few_labels, mining)
    for name, mining in (("all", False), ("mined 3 to 1", True))
}
print("share of the background, %:", shares)
assert shares["all"] > 90 and 70 < shares["mined 3 to 1"] < 80

# %% [markdown]
# **4. Variances on one side only.** Trained with them, decoded without: middles are off
# by a factor of 10, lengths by one of 5 in the exponent. There and back again is the
# test: encode true boxes, decode them, and look at the ratio of the offsets.


# %%
def name_the_variances(encode, decode, boxes, defaults):
    """What `decode` divides by too little, compared with `encode`: (middle, length)."""
    again = encode(decode(encode(boxes, defaults), defaults), defaults)
    ratio = np.median(np.abs(again / encode(boxes, defaults)), axis=0)
    return [round(float(ratio[:2].mean()), 2), round(float(ratio[2:].mean()), 2)]


def decode_plainly(t, defaults):
    """WRONG for offsets with variances."""
    middles = defaults[:, :2] + t[:, :2] * defaults[:, 2:]
    return np.concatenate([middles, defaults[:, 2:] * np.exp(t[:, 2:])], axis=1)


start = rng.uniform(0.2, 0.5, (50, 4))
near = start * rng.uniform(0.8, 1.2, (50, 4))
factors = {
    f.__name__: name_the_variances(encode, f, near, start)
    for f in (decode, decode_plainly)
}
print(factors)
assert factors == {"decode": [1, 1], "decode_plainly": [10, 5]}

# %% [markdown]
# **5. Squares in place of smooth L1.** The best default box of an object may be far
# from it. Squares let a few such boxes steer all of training: look at what share of the
# gradient the largest twentieth of the differences has, before training.


# %%
def share_of_the_largest(slope, d):
    """Percent of the summed |gradient| that the largest 5 % of the differences have."""
    size = np.sort(np.abs(slope(d)).ravel())[::-1]
    return round(100 * float(size[: len(size) // 20].sum() / size.sum()), 1)


differences = -ssd_g[:300][ssd_labels[:300] > 0]  # t = 0: nothing is known yet
largest = {
    "smooth L1": share_of_the_largest(smooth_l1_backward, differences),
    "squares": share_of_the_largest(lambda d: 2 * d, differences),
}
print("share of the largest 5 %:", largest)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.8))
d = np.linspace(-4, 4, 201)
for ax, by, title in (
    (axes[0], (smooth_l1(d), 0.5 * d**2), "loss"),
    (axes[1], (smooth_l1_backward(d), d), "slope"),
):
    ax.plot(d, by[0], label="smooth L1")
    ax.plot(d, by[1], "--", label="half the square")
    ax.set(xlabel="t - g", ylabel=title, title=title)
    ax.legend()
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "smooth_l1")
assert largest["squares"] > 1.5 * largest["smooth L1"]

# %% [markdown]
# **6. Default boxes in another order than the head's.** The head gives map, row,
# column, box. List the default boxes by map, *box*, row, column, and all shapes fit.
# Training even makes progress: the wrong boxes move. To name it, let the head speak:
# with biases that say which of the four boxes a row is for, every row must have the
# size and the shape of that box.


# %%
def rows_fit_the_head(boxes, features=FEATURES, scales=SCALES):
    """Percent of rows whose default box has the size the head has in mind."""
    head = models.SSDHead([1] * len(features), [4] * len(features), 1)
    state = head.state_dict()
    for name in state:
        numbers = np.arange(4) if "classification" in name else np.zeros(16)
        array = numbers if name.endswith("bias") else np.zeros(state[name].shape)
        state[name] = array.astype(np.float32)
    head.load_state_dict(state)
    with dls.no_grad():
        out = head([dls.zeros((1, 1, f, f)) for f in features])
    kind = out["cls_logits"].numpy()[0, :, 0].astype(int)
    level = np.repeat(np.arange(len(features)), [4 * f * f for f in features])
    s = np.asarray(scales)
    area = np.where(kind == 1, s[level] * s[level + 1], s[level] ** 2)
    narrow = np.where(kind == 2, 2.0, np.where(kind == 3, 0.5, 1.0))  # width / height
    fits = np.isclose(boxes[:, 2:].prod(axis=1), area)
    return 100 * float(np.mean(fits & np.isclose(boxes[:, 2] / boxes[:, 3], narrow)))


by_box, start = [], 0
for f in FEATURES:
    level = defaults[start : start + 4 * f * f].reshape(f, f, 4, 4)
    by_box.append(level.transpose(2, 0, 1, 3).reshape(-1, 4))
    start += 4 * f * f
fitting = {
    "row, column, box": rows_fit_the_head(defaults),
    "box, row, column": rows_fit_the_head(np.concatenate(by_box)),
}
print("rows that fit the head, %:", fitting)
assert fitting["row, column, box"] == 100 and fitting["box, row, column"] < 50

# %% [markdown]
# ## Recap
#
# - R-CNN runs the network on each region. Fast R-CNN runs it once and pools regions
#   from the map; the maxima's gradients add up in the map. Faster R-CNN proposes the
#   regions from the same map.
# - SSD judges default boxes of many sizes on maps of many sizes, all in one pass.
# - Matching gives each object a default box at least; mining keeps background from
#   drowning them; smooth L1 keeps a few far boxes from steering.
# - One loss for all four: cross-entropy for the class, smooth L1 for the box.
#
# ## Questions
#
# 1. Why does Fast R-CNN need RoI pooling, and R-CNN does not?
#    <details><summary>Answer</summary>
#    A fully connected layer takes vectors of one length. R-CNN warps the picture of a
#    region to one size before the network; Fast R-CNN has to bring parts of a map to
#    one size behind it.
#    </details>
# 2. RoI pooling rounds a region to whole cells. When does that hurt?
#    <details><summary>Answer</summary>
#    With a stride of 4 it moves an edge by up to 2 pixels: for a box of 10 pixels that
#    is much, for one of 40 little. RoIAlign (He et al. 2017) interpolates instead.
#    </details>
# 3. Why is a default box of SSD never asked "is there any object?" first?
#    <details><summary>Answer</summary>
#    Background is one of its classes: one softmax answers both questions. Faster R-CNN
#    asks twice: objectness chooses regions, and the head may still say background.
#    </details>
# 4. What would happen without `- positive` in `engine_ssd_loss`?
#    <details><summary>Answer</summary>
#    Matched boxes would have a hardness of 0, and background too where its loss is 0.
#    They might take places among the counted. With -1 they come behind all background.
#    </details>
# 5. Why are offsets divided by the variances 0.1 and 0.2?
#    <details><summary>Answer</summary>
#    Boxes differ from their default boxes by a tenth or two of a length. Divided, the
#    targets are about as large as 1, and smooth L1 and cross-entropy weigh alike.
#    </details>
#
# ## Go further
#
# - Leave out the map of 16 x 16 cells: which objects does SSD lose?
# - Replace `engine_roi_pool` by `F.grid_sample` on the middles of the bins: RoIAlign.
# - Next: `c4w3-segmentation`, a class for each pixel.

# %%
# The end: this run must have reached what is known of it.
assert all(found[-1] < found[0] for found in costs.values())
ordered = [multiplications[name] for name in NAMES]
assert ordered[0] > 3 * max(ordered[1:])
if not lesson.fast:
    assert search_recall > 90 and proposal_recall > 85
    assert runs["ssd"]["map_50"] > 0.75
    assert min(run["map_50"] for run in runs.values()) > 0.5
lesson.finish(
    {
        "map_50": runs["ssd"]["map_50"],
        "map": runs["ssd"]["map"],
    }
    | runs
    | {
        "costs": {n: dict(enumerate(found, 1)) for n, found in costs.items()},
        "proposals": {
            "selective_search": {"regions": searched_count, "recall": search_recall},
            "network": {"regions": heads["faster_r_cnn"], "recall": proposal_recall},
        },
        "matched": matched_by_map,
        "default_boxes": len(defaults),
        "broken": {
            "only_shared": only_shared,
            "lost": lost,
            "shares": shares,
            "factors": factors,
            "largest": largest,
            "fitting": fitting,
        },
    }
)
