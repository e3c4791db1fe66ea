# %% [markdown]
# # Localization and sliding windows: not only what, but where
#
# Course 4, week 3. About 100 minutes with the exercises. The script runs for less than
# a minute, with `--fast` for a few seconds.
#
# **Goal.** A classifier says *what* a picture shows. A detector also says *where*, and
# how many times. You will
#
# - make a network output a box and a landmark beside the class, with a loss that asks
#   for a box only where there is an object, and derive its gradient,
# - slide a window over a picture, first crop by crop, then as one convolution, and show
#   that both give the same numbers,
# - measure boxes by intersection over union, and keep one box for each object,
# - give each object of a picture its cell of a grid and its anchor,
# - train a localizer and a sliding-window detector, and judge them on new pictures,
# - break it in six ways, and find each.
#
# ## What you need
#
# `c4w1-convolution-step-by-step`. The course teaches this part in its videos alone;
# there is no notebook for it. The notebook of the week, *Car detection with YOLO* (2017
# and 2021), uses one piece of it, `iou`. Its first edition multiplied the sides of the
# intersection without asking whether there is one: copies of it are still around, and
# the last section shows what they answer. Pictures are $(m, n_H, n_W, n_C)$ here, as in
# the course; boxes are $(x_1, y_1, x_2, y_2)$, the corner nearest to 0 first.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import check, data, nn, optim, vision
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w3-localization-and-sliding-windows")
photographs = lesson.load("photographs").arrays
CLASSES = ("disc", "square", "triangle")
COLORS = {"disc": "#ff4b00", "square": "#0072b2", "triangle": "#f0c000"}

# %% [markdown]
# ## The idea in a picture
#
# We paint the data ourselves: shapes of three kinds on photographs, each with a bright
# eye. So the box of each shape and the place of its eye are known exactly. The
# photographs behind the test pictures are others than those behind the training set,
# so a network cannot learn the backgrounds by heart.


# %%
def background(names, size, rng):
    """A square piece (size, size, 3) of one of these photographs, darkened a little."""
    photo = photographs[names[rng.integers(len(names))]]
    if photo.ndim == 2:  # a grey one
        photo = np.repeat(photo[..., None], 3, axis=2)
    step = int(rng.integers(1, 4))
    top = rng.integers(0, photo.shape[0] - step * size + 1)
    left = rng.integers(0, photo.shape[1] - step * size + 1)
    piece = photo[top : top + step * size : step, left : left + step * size : step]
    return piece * 0.8


def shape_mask(kind, x, y, radius, angle, size):
    """Which pixels (size, size) a shape covers, and its eye (x, y)."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    u = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / radius
    v = ((rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)) / radius
    inside = (
        u**2 + v**2 <= 1,
        np.maximum(np.abs(u), np.abs(v)) <= 0.85,
        (v <= 0.85) & (v >= 1.85 * np.abs(u) - 1),
    )[kind]
    eye = (x + 0.35 * radius * np.sin(angle), y - 0.35 * radius * np.cos(angle))
    return inside, eye


def paint(picture, kind, x, y, radius, angle, rng):
    """Paint a shape into the picture; its box (x1, y1, x2, y2) and its eye (x, y)."""
    size = len(picture)
    inside, eye = shape_mask(kind, x, y, radius, angle, size)
    color = rng.uniform(40, 255, 3)
    color[rng.integers(3)] = 20
    picture[inside] = 0.85 * color + 0.15 * picture[inside]
    rows, columns = np.mgrid[:size, :size] + 0.5
    spot = np.hypot(columns - eye[0], rows - eye[1]) <= max(0.16 * radius, 0.9)
    picture[spot & inside] = 255
    row, column = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    box = (column[0], row[0], column[-1] + 1, row[-1] + 1)
    return np.array(box, float), np.array(eye)


TRAIN_PHOTOS = ("chelsea", "coffee", "china", "rocket", "brick", "grass", "gravel")
TEST_PHOTOS = ("astronaut", "flower", "camera")


def single_pictures(count, names, size, rng):
    """Pictures with one shape or none: X, labels (-1: none), boxes, eyes, in pixels."""
    X = np.zeros((count, size, size, 3), np.uint8)
    labels = np.where(rng.random(count) < 0.2, -1, rng.integers(0, 3, count))
    boxes, eyes = np.zeros((count, 4)), np.zeros((count, 2))
    for i, kind in enumerate(labels):
        picture = background(names, size, rng)
        if kind >= 0:
            radius = rng.uniform(0.15, 0.32) * size
            x, y = rng.uniform(radius, size - radius, 2)
            angle = rng.uniform(-0.5, 0.5)
            boxes[i], eyes[i] = paint(picture, kind, x, y, radius, angle, rng)
        X[i] = picture
    return X, labels, boxes, eyes


SIZE = 48
rng = np.random.default_rng(lesson.seed)
train_count, test_count = (300, 100) if lesson.fast else (6000, 400)
train_X, train_labels, train_boxes, train_eyes = single_pictures(
    train_count, TRAIN_PHOTOS, SIZE, rng
)
test_X, test_labels, test_boxes, test_eyes = single_pictures(
    test_count, TEST_PHOTOS, SIZE, rng
)

fig, axes = plt.subplots(2, 5, figsize=(12, 5.4), layout="constrained")
for i, ax in enumerate(axes.flat):
    kind = test_labels[i]
    seen = test_boxes[i : i + 1] if kind >= 0 else []
    words = [CLASSES[kind]] if kind >= 0 else []
    vision.draw_boxes(test_X[i], seen, words, ax=ax, colors=COLORS)
    if kind >= 0:
        ax.plot(test_eyes[i, 0] - 0.5, test_eyes[i, 1] - 0.5, "x", color="black")
    else:
        ax.set_title("nothing", fontsize=9)
fig.suptitle("What a localizer is to say: which shape, its box, and where the eye is")
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# Two boxes of 2 x 2: $A = (0, 0, 2, 2)$ and $B = (1, 1, 3, 3)$. They share the square
# $(1, 1, 2, 2)$, of area 1. Together they cover $4 + 4 - 1 = 7$. Their **intersection
# over union** is $1/7 = 0.143$. Equal boxes have 1, boxes that do not meet have 0. The
# course calls a box right from 0.5 on.
#
# | boxes | intersection | union | IoU |
# |---|---|---|---|
# | $(0,0,2,2)$, $(1,1,3,3)$ | 1 | 7 | 0.143 |
# | $(0,0,2,2)$, $(0,0,2,1)$ | 2 | 4 | 0.5 |
# | $(0,0,2,2)$, $(3,3,4,4)$ | 0 | 5 | 0 |
#
# ## The mathematics
#
# **The output.** For one picture with at most one object the network outputs
#
# $$y = (p_c,\; b_x, b_y, b_h, b_w,\; c_1, c_2, c_3,\; l_x, l_y)$$
#
# $p_c$ says whether there is an object. $(b_x, b_y)$ is the middle of its box, $b_h$
# and $b_w$ are its height and width, all as fractions of the picture, so they are
# between 0 and 1 whatever its size. $c_k$ says which class it is, and $(l_x, l_y)$ is
# a landmark, here the eye. A face may have 68 of them: 136 outputs.
#
# **The loss.** Without an object ($y_1 = p_c = 0$) the other nine numbers mean nothing,
# so the loss must ignore them:
#
# $$L(\hat y, y) = \begin{cases}\sum_{j=1}^{10} (\hat y_j - y_j)^2 & y_1 = 1\\
#   (\hat y_1 - y_1)^2 & y_1 = 0\end{cases} \qquad
# J = \frac1m \sum_{i=1}^m L(\hat y^{(i)}, y^{(i)})$$
#
# With a mask $M$, 1 where an output counts and 0 elsewhere, $(m, 10)$, both cases are
# one line, and so is the gradient:
#
# $$J = \frac1m \sum M (\hat Y - Y)^2 \qquad
# \frac{\partial J}{\partial \hat Y} = \frac2m M (\hat Y - Y)$$
#
# (The course takes the squared error for all ten to keep it simple, as we do; in
# practice $p_c$ gets the logistic loss and the classes get softmax.)
#
# **Sliding windows.** A classifier of $14\times14$ pictures slides over a larger one. A
# fully connected layer on a window $(f, f, n_C)$ with weights $W$ of $(n, f f n_C)$
# multiplies every number of the window by a weight and adds up, which is what a filter
# of the size of the window does. So the layer *is* a convolution, with $n$
# filters $(f, f, n_C)$, and a convolution slides by itself.
#
# | layer | on one window | on a picture of 64 x 64 |
# |---|---|---|
# | input | $14\times14\times3$ | $64\times64\times3$ |
# | conv 5x5, 16 filters | $10\times10\times16$ | $60\times60\times16$ |
# | max pool 2 | $5\times5\times16$ | $30\times30\times16$ |
# | FC 64 = conv 5x5, 64 filters | $1\times1\times64$ | $26\times26\times64$ |
# | FC 4 = conv 1x1, 4 filters | $1\times1\times4$ | $26\times26\times4$ |
#
# The pooling makes the window move by 2 pixels: $(64 - 14)/2 + 1 = 26$ places each way.
#
# **Anchors.** For several objects the picture is cut into a grid, and each object
# belongs to the cell that contains its centre. For objects that share a cell there are
# several **anchors**, box shapes of different proportions; the object takes the one
# whose shape has the largest IoU with its own, as if both had the same middle.
#
# ## Your code
#
# **Exercise 1.** The target of one picture: ten numbers. `label` is -1 for a picture
# without an object, then all ten are 0. `box` and `eye` are in pixels.


# %%
def localization_target(label, box, eye, size):
    """y (10,), pc, bx, by, bh, bw, c1, c2, c3, lx, ly, of a picture of size pixels."""
    y = np.zeros(10)
    if label >= 0:
        x1, y1, x2, y2 = box
        # BEGIN SOLUTION
        y[0] = 1
        y[1] = (x1 + x2) / 2 / size
        y[2] = (y1 + y2) / 2 / size
        y[3] = (y2 - y1) / size
        y[4] = (x2 - x1) / size
        y[5 + label] = 1
        y[8] = eye[0] / size
        y[9] = eye[1] / size
        # END SOLUTION
    return y


# %% [markdown]
# **Exercise 2.** The loss, a mean over the $m$ rows. **Exercise 3.** Its gradient.


# %%
def localization_loss(Y_hat, Y):
    """J, a number, of outputs and targets (m, 10)."""
    m = len(Y)
    # BEGIN SOLUTION
    mask = np.ones(Y.shape)  # (m, 10)
    mask[Y[:, 0] == 0, 1:] = 0
    cost = np.sum(mask * (Y_hat - Y) ** 2) / m
    # END SOLUTION
    return cost


def localization_backward(Y_hat, Y):
    """dJ/dY_hat (m, 10)."""
    m = len(Y)
    # BEGIN SOLUTION
    mask = np.ones(Y.shape)  # (m, 10)
    mask[Y[:, 0] == 0, 1:] = 0
    dY_hat = 2 * mask * (Y_hat - Y) / m  # (m, 10)
    # END SOLUTION
    return dY_hat


# %% [markdown]
# **Exercise 4.** The course's `iou`. Check that there is an intersection before you
# multiply its sides.


# %%
def iou(box1, box2):
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    # BEGIN SOLUTION
    xi1, yi1 = max(box1[0], box2[0]), max(box1[1], box2[1])
    xi2, yi2 = min(box1[2], box2[2]), min(box1[3], box2[3])
    inter_area = max(xi2 - xi1, 0) * max(yi2 - yi1, 0)
    box1_area = (box1[2] - box1[0]) * (box1[3] - box1[1])
    box2_area = (box2[2] - box2[0]) * (box2[3] - box2[1])
    union_area = box1_area + box2_area - inter_area
    # END SOLUTION
    return inter_area / union_area


by_hand = {
    "(0,0,2,2), (1,1,3,3)": iou((0, 0, 2, 2), (1, 1, 3, 3)),
    "(0,0,2,2), (0,0,2,1)": iou((0, 0, 2, 2), (0, 0, 2, 1)),
    "(0,0,2,2), (3,3,4,4)": iou((0, 0, 2, 2), (3, 3, 4, 4)),
}
for pair, value in by_hand.items():
    print(f"{pair}: {value:.3f}")
assert np.allclose(list(by_hand.values()), (1 / 7, 0.5, 0))

# %% [markdown]
# **Exercise 5.** All windows of a picture, crop by crop.
#
# **Exercise 6.** The weights of a fully connected layer, $(n, f f n_C)$ for windows
# that were flattened by `reshape`, as filters $(f, f, n_C, n)$.


# %%
def sliding_windows(picture, window, stride):
    """Crops (rows, columns, window, window, n_C) of a picture (n_H, n_W, n_C)."""
    n_H, n_W, n_C = picture.shape
    # BEGIN SOLUTION
    rows = (n_H - window) // stride + 1
    columns = (n_W - window) // stride + 1
    crops = np.zeros((rows, columns, window, window, n_C), picture.dtype)
    for h in range(rows):
        for w in range(columns):
            top, left = h * stride, w * stride
            crops[h, w] = picture[top : top + window, left : left + window]
    # END SOLUTION
    return crops


def fc_to_conv(W, f, n_C):
    """Filters (f, f, n_C, n) that do what the layer W (n, f * f * n_C) does."""
    # BEGIN SOLUTION
    filters = W.T.reshape(f, f, n_C, len(W))  # (f, f, n_C, n)
    # END SOLUTION
    return filters


# %% [markdown]
# **Exercise 7.** Non-max suppression: take the box with the best score, drop all that
# overlap it by *more than* the threshold, and go on with the rest.


# %%
def non_max_suppression(boxes, scores, iou_threshold):
    """Places of the boxes (n, 4) to keep, a list, best score first."""
    kept = []
    left = list(np.argsort(-np.asarray(scores), kind="stable"))
    # BEGIN SOLUTION
    while left:
        best = left.pop(0)
        kept.append(int(best))
        left = [i for i in left if iou(boxes[i], boxes[best]) <= iou_threshold]
    # END SOLUTION
    return kept


# %% [markdown]
# **Exercise 8.** The anchor of a box: the place of the anchor (height, width) whose
# shape fits best, both put on the same middle.
#
# **Exercise 9.** The grid: $y$ of $(g, g, k, 5 + 3)$ for a whole picture. The middle of
# each object says its cell, its shape says its anchor, and there stand $(p_c, b_x, b_y,
# b_h, b_w, c_1, c_2, c_3)$: the middle from 0 to 1 *within the cell*, height and width
# in units of a cell, so that they may be above 1.


# %%
def best_anchor(height, width, anchors):
    """Place of the anchor with the largest IoU; anchors (k, 2): height, width."""
    # BEGIN SOLUTION
    overlaps = []
    for h, w in anchors:
        shared = min(height, h) * min(width, w)
        overlaps.append(shared / (height * width + h * w - shared))
    place = int(np.argmax(overlaps))
    # END SOLUTION
    return place


def grid_target(labels, boxes, size, g, anchors):
    """y (g, g, k, 8) of a picture with labels (n,) and boxes (n, 4), in pixels."""
    y = np.zeros((g, g, len(anchors), 8))
    cell = size / g
    for label, (x1, y1, x2, y2) in zip(labels, boxes, strict=True):
        # BEGIN SOLUTION
        x, row_middle = (x1 + x2) / 2 / cell, (y1 + y2) / 2 / cell
        height, width = y2 - y1, x2 - x1
        row, column = int(row_middle), int(x)
        k = best_anchor(height, width, anchors)
        box = (x - column, row_middle - row, height / cell, width / cell)
        y[row, column, k, 0] = 1
        y[row, column, k, 1:5] = box
        y[row, column, k, 5:] = 0  # (3,), of an object that was here before
        y[row, column, k, 5 + label] = 1
        # END SOLUTION
    return y


# %% [markdown]
# ## Check it three ways
#
# **By hand.** A picture of 100 pixels with a square from $(20, 40)$ to $(60, 60)$:
# middle $(0.4, 0.5)$, height 0.2, width 0.4. On a grid of $2\times2$ the middle lies in
# row 1, column 0, at $(0.8, 0)$ of that cell.

# %%
hand_y = localization_target(1, (20, 40, 60, 60), (50, 50), 100)
print("target:", hand_y)
assert np.allclose(hand_y, [1, 0.4, 0.5, 0.2, 0.4, 0, 1, 0, 0.5, 0.5])
hand_grid = grid_target([1], [(20, 40, 60, 60)], 100, 2, [(40, 20), (20, 40)])
assert np.allclose(hand_grid[1, 0, 1], [1, 0.8, 0, 0.4, 0.8, 0, 1, 0])
assert hand_grid.sum() == hand_grid[1, 0, 1].sum()

# %% [markdown]
# **Against the engine.** The loss of random outputs, its gradient by autograd; `iou`
# and suppression beside `vision.box_iou` and `vision.nms`.


# %%
def targets_of(labels, boxes, eyes):
    """Y (m, 10) of pictures of SIZE pixels."""
    rows = zip(labels, boxes, eyes, strict=True)
    return np.array([localization_target(*row, SIZE) for row in rows])


def engine_loss(output, target):
    """The same loss of the engine's tensors; target (m, 10) is a constant."""
    there = target[:, :1]  # pc
    first = dls.Tensor(np.eye(10, dtype=target.dtype)[:1])  # (1, 10): 1, then zeros
    mask = there + (1 - there) * first  # (m, 10)
    return (mask * (output - target) ** 2).sum() / len(target)


train_Y = targets_of(train_labels, train_boxes, train_eyes)  # (m, 10)
few_Y = train_Y[:8]
few_output = few_Y + rng.normal(0, 0.5, few_Y.shape)
output = dls.Tensor(few_output, requires_grad=True)
cost = engine_loss(output, dls.Tensor(few_Y))
cost.backward()
mine = localization_backward(few_output, few_Y)
assert dls.compare("J", localization_loss(few_output, few_Y), cost.detach()).ok
assert dls.compare("dY", mine, output.grad).ok

some = np.abs(rng.normal(0, 20, (40, 4)))
some[:, 2:] += some[:, :2] + 5
scores = rng.random(40)
table = np.array([[iou(a, b) for b in some] for a in some])
assert dls.compare("IoU", table, vision.box_iou(some, some)).ok
for limit in (0.2, 0.5):
    kept = non_max_suppression(some, scores, limit)
    assert kept == vision.nms(some, scores, limit).tolist()
    print(f"of 40 boxes {len(kept)} are kept at a threshold of {limit}")

# %% [markdown]
# **Numerically.** The gradient of the loss, by central differences.

# %%
report = check.check_gradients(
    lambda p: localization_loss(p["Y_hat"], few_Y),
    {"Y_hat": few_output},
    {"dY_hat": mine},
)
print(report)
assert report.ok

# %% [markdown]
# ### The same numbers, window by window and all at once
#
# A network with random weights, by hand in NumPy, on one picture. First each of the 676
# windows is cropped and goes through the network by itself. Then the whole picture goes
# through the convolutions.


# %%
def conv_valid(A, W, b):
    """Z (n_H - f + 1, n_W - f + 1, n); A (n_H, n_W, n_C), W (f, f, n_C, n), b (n,)."""
    f = len(W)
    n_H, n_W = A.shape[0] - f + 1, A.shape[1] - f + 1
    Z = np.zeros((n_H, n_W, W.shape[-1])) + b
    for h in range(f):
        for w in range(f):
            Z += A[h : h + n_H, w : w + n_W] @ W[h, w]
    return Z


def max_pool(A):
    """A (n_H, n_W, n_C) to halves: the largest of each 2 x 2."""
    n_H, n_W, n_C = A.shape
    return A.reshape(n_H // 2, 2, n_W // 2, 2, n_C).max(axis=(1, 3))


def window_scores(window, p):
    """Scores (4,) of one window (14, 14, 3): the last two layers fully connected."""
    A = max_pool(np.maximum(conv_valid(window, p["W1"], p["b1"]), 0))  # (5, 5, 16)
    A = np.maximum(p["W2"] @ A.reshape(-1) + p["b2"], 0)  # (64,)
    return p["W3"] @ A + p["b3"]


def picture_scores(picture, p):
    """Scores (rows, columns, 4) of all windows of a picture, by convolutions alone."""
    A = max_pool(np.maximum(conv_valid(picture, p["W1"], p["b1"]), 0))
    A = np.maximum(conv_valid(A, fc_to_conv(p["W2"], 5, 16), p["b2"]), 0)
    return conv_valid(A, fc_to_conv(p["W3"], 1, 64), p["b3"])


def random_weights(rng):
    """W1 (5, 5, 3, 16), W2 (64, 400), W3 (4, 64) and their biases."""
    return {
        "W1": rng.standard_normal((5, 5, 3, 16)) / np.sqrt(75),
        "b1": rng.standard_normal(16),
        "W2": rng.standard_normal((64, 400)) / 20,
        "b2": rng.standard_normal(64),
        "W3": rng.standard_normal((4, 64)) / 8,
        "b3": rng.standard_normal(4),
    }


untrained = random_weights(rng)
any_picture = rng.standard_normal((64, 64, 3))
crops = sliding_windows(any_picture, 14, 2)  # (26, 26, 14, 14, 3)
one_by_one = np.array([[window_scores(w, untrained) for w in row] for row in crops])
at_once = picture_scores(any_picture, untrained)
largest_difference = float(np.abs(one_by_one - at_once).max())
assert dls.compare("scores", at_once, one_by_one).ok
assert one_by_one.shape == at_once.shape == (26, 26, 4)


def products(n):
    """Multiplications of the convolutions on a picture of n x n."""
    first, second = n - 4, (n - 4) // 2 - 4  # output lengths of conv 5x5 and of FC 64
    return first**2 * 75 * 16 + second**2 * (400 * 64 + 64 * 4)


multiplications = {"one by one": 26 * 26 * products(14), "at once": products(64)}
saved = multiplications["one by one"] / multiplications["at once"]
print(f"multiplications: {multiplications}, {saved:.1f} times fewer at once")
assert saved > 4

# %% [markdown]
# Neighbouring windows share most of their pixels. Window by window the first layer
# computes each shared place again and again; the convolution computes it once.
#
# ## See the graph
#
# The localizer: three convolutions with pooling, then two fully connected layers. Its
# ten outputs go into one loss. In the graph the target's first column makes the mask.


# %%
def localizer(seed):
    """A network (m, 3, 48, 48) -> (m, 10)."""
    dls.manual_seed(seed)
    layers, before = [], 3
    for channels in (16, 32, 64):
        layers += [
            nn.Conv2d(before, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        before = channels
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(64 * 36, 64, bias=False),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def to_engine(X):
    """uint8 (m, n_H, n_W, 3) -> float32 (m, 3, n_H, n_W), about -2 to 2."""
    x = (X.transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25
    return np.ascontiguousarray(x, np.float32)


network = localizer(lesson.seed)
two, two_Y = dls.Tensor(to_engine(train_X[:2]), name="X"), train_Y[:2].astype("float32")
with dls.trace():
    loss = engine_loss(network(two), dls.Tensor(two_Y, name="Y"))
    loss.backward()
graph = dls.graph(loss, network, names={"loss": loss})
lesson.graph(graph, "graph", depth=1)
graph

# %% [markdown]
# ## Train
#
# ### A localizer

# %%
test_Y = targets_of(test_labels, test_boxes, test_eyes)
loader = data.DataLoader(
    data.TensorDataset(to_engine(train_X), train_Y.astype("float32")),
    batch_size=50,
    shuffle=True,
    generator=dls.Generator(lesson.seed),
)
epochs = 4 if lesson.fast else 15
optimizer = optim.Adam(network.parameters(), lr=2e-3)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
history = dls.fit(
    network, engine_loss, optimizer, loader, epochs, scheduler=schedule, capture=True
)
costs = dict(enumerate(history["loss"]))


def predict(network, X):
    """Outputs (m, 10) in evaluation mode."""
    network.eval()
    with dls.no_grad():
        Y_hat = network(dls.Tensor(to_engine(X))).numpy()
    network.train()
    return Y_hat


def boxes_of(Y):
    """Boxes (m, 4) in pixels of outputs (m, 10); a negative length becomes 0."""
    centers = np.stack([Y[:, 1], Y[:, 2], Y[:, 4], Y[:, 3]], axis=1)  # cx, cy, w, h
    centers[:, 2:] = np.maximum(centers[:, 2:], 0)
    return SIZE * vision.box_convert(centers, "cxcywh", "xyxy")


def judge(Y_hat, Y):
    """How often pc is right; of pictures with a shape: class, IoU, eye in pixels."""
    there = Y[:, 0] == 1
    mine, truth = Y_hat[there], Y[there]
    overlap = np.diagonal(vision.box_iou(boxes_of(mine), boxes_of(truth)))
    right = mine[:, 5:8].argmax(1) == truth[:, 5:8].argmax(1)
    return {
        "presence_accuracy": 100 * float(np.mean((Y_hat[:, 0] > 0.5) == there)),
        "class_accuracy": 100 * float(np.mean(right)),
        "mean_iou": float(overlap.mean()),
        "iou_above_half": 100 * float(np.mean(overlap >= 0.5)),
        "landmark_error": SIZE * float(np.hypot(*(mine - truth)[:, 8:].T).mean()),
    }


test_hat = predict(network, test_X)
figures = judge(test_hat, test_Y)
rows = [(name.replace("_", " "), f"{value:.2f}") for name, value in figures.items()]
lesson.table(["localizer, new pictures", ""], rows)

# %% [markdown]
# ### A classifier of windows
#
# The course's way to a detector: train a classifier on *closely cropped* pictures, 14 x
# 14, of the three shapes and of background; then slide it. As background we take
# photographs, and shapes that are more than 3 pixels off centre: without these the
# classifier would fire at every window that touches a shape.


# %%
WINDOW = 14


def window_set(count, names, rng):
    """Windows X (count, 14, 14, 3) and labels: 0 background, 1 to 3 the shapes."""
    X = np.zeros((count, WINDOW, WINDOW, 3), np.uint8)
    Y = np.zeros(count, np.int64)
    for i in range(count):
        picture = background(names, WINDOW, rng)
        if rng.random() < 0.8:
            kind = int(rng.integers(3))
            angle, radius = rng.uniform(-0.4, 0.4), rng.uniform(5.6, 6.8)
            centered = rng.random() < 0.6
            away = rng.uniform(0, 1.2) if centered else rng.uniform(3, 8)
            turn = rng.uniform(0, 2 * np.pi)
            x, y = WINDOW / 2 + away * np.cos(turn), WINDOW / 2 + away * np.sin(turn)
            paint(picture, kind, x, y, radius, angle, rng)
            Y[i] = kind + 1 if centered else 0
        X[i] = picture
    return X, Y


window_train = window_set(1500 if lesson.fast else 12000, TRAIN_PHOTOS, rng)
window_test = window_set(300 if lesson.fast else 1500, TEST_PHOTOS, rng)
dls.manual_seed(lesson.seed)
classifier = nn.Sequential(
    nn.Conv2d(3, 16, 5),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 64),
    nn.ReLU(),
    nn.Linear(64, 4),
)
loader = data.DataLoader(
    data.TensorDataset(to_engine(window_train[0]), window_train[1]),
    batch_size=100,
    shuffle=True,
    generator=dls.Generator(lesson.seed),
)
window_epochs = 4 if lesson.fast else 15
optimizer = optim.Adam(classifier.parameters(), lr=2e-3)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, window_epochs)
dls.fit(
    classifier,
    F.cross_entropy,
    optimizer,
    loader,
    window_epochs,
    scheduler=schedule,
    capture=True,
)
with dls.no_grad():
    guessed = classifier(dls.Tensor(to_engine(window_test[0]))).numpy().argmax(1)
window_accuracy = 100 * float(np.mean(guessed == window_test[1]))
print(f"classifier of windows: {window_accuracy:.1f} % of new windows right")

# %% [markdown]
# ### From the classifier to a detector
#
# Its two fully connected layers become convolutions, with the same weights. The engine
# flattens $(16, 5, 5)$, channels first, so its `Linear(400, 64)` becomes
# `Conv2d(16, 64, 5)` by a plain reshape. Nothing is trained again.


# %%
def as_convolutions(classifier):
    """The same network without fully connected layers, for pictures of any size."""
    conv, fc1, fc2 = classifier[0], classifier[4], classifier[6]
    sliding = nn.Sequential(
        nn.Conv2d(3, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 64, 5),
        nn.ReLU(),
        nn.Conv2d(64, 4, 1),
    )
    state = {
        "0.weight": conv.weight,
        "0.bias": conv.bias,
        "3.weight": fc1.weight.numpy().reshape(64, 16, 5, 5),
        "3.bias": fc1.bias,
        "5.weight": fc2.weight.numpy().reshape(4, 64, 1, 1),
        "5.bias": fc2.bias,
    }
    sliding.load_state_dict(state)
    return sliding


def scene(names, rng, size=64, most=5):
    """A picture with some shapes that do not overlap: picture, labels, boxes."""
    picture, boxes, labels = background(names, size, rng), [], []
    taken = np.zeros((size, size), bool)
    for _ in range(int(rng.integers(2, most + 1))):
        for _ in range(30):  # tries to find a free place
            radius, angle = rng.uniform(5.6, 6.8), rng.uniform(-0.4, 0.4)
            x, y = rng.uniform(7, size - 7, 2)
            kind = int(rng.integers(3))
            inside, _ = shape_mask(kind, x, y, radius * 1.3, angle, size)
            if not (inside & taken).any():
                taken |= inside
                box, _ = paint(picture, kind, x, y, radius, angle, rng)
                boxes.append(box)
                labels.append(kind)
                break
    return picture.astype(np.uint8), np.array(labels), np.array(boxes).reshape(-1, 4)


sliding = as_convolutions(classifier)
scenes = [scene(TEST_PHOTOS, rng) for _ in range(10 if lesson.fast else 60)]
scene_X = np.stack([picture for picture, _, _ in scenes])
with dls.no_grad():
    maps = F.softmax(sliding(dls.Tensor(to_engine(scene_X))), axis=1).numpy()
    crops = sliding_windows(scene_X[0], WINDOW, 2).reshape(-1, WINDOW, WINDOW, 3)
    alone = F.softmax(classifier(dls.Tensor(to_engine(crops))), axis=1).numpy()
alone = alone.reshape(26, 26, 4).transpose(2, 0, 1)
assert dls.compare("windows", maps[0], alone).ok
largest_trained = float(np.abs(maps[0] - alone).max())

# %% [markdown]
# ### Boxes from the maps
#
# A window whose best class is a shape with a probability above 0.6 becomes a box: the
# window itself. Several neighbours fire at the same shape; suppression keeps the best
# of them, for each class by itself.


# %%
def detect(scores, threshold=0.6, iou_threshold=0.2):
    """A dict of boxes, scores and labels for one picture's map (4, rows, columns)."""
    best = scores[1:].max(axis=0)  # (rows, columns)
    rows, columns = np.nonzero((best > threshold) & (scores.argmax(0) > 0))
    corner = 2.0 * np.stack([columns, rows], axis=1)  # x, y: stride 2
    boxes = np.concatenate([corner, corner + WINDOW], axis=1)
    labels = scores[1:, rows, columns].argmax(0)
    found = best[rows, columns]
    kept = vision.batched_nms(boxes, found, labels, iou_threshold)
    return {"boxes": boxes[kept], "scores": found[kept], "labels": labels[kept]}


detections = [detect(scores) for scores in maps]
truth = [{"boxes": boxes, "labels": labels} for _, labels, boxes in scenes]
before_nms = sum(int((m[1:].max(0) > 0.6).sum()) for m in maps)
after_nms = sum(len(d["boxes"]) for d in detections)
there = sum(len(t["boxes"]) for t in truth)
precision = vision.mean_average_precision(detections, truth)
print(f"{there} shapes, {before_nms} windows fire, {after_nms} boxes are kept")
print("mean average precision:", {k: round(v, 3) for k, v in precision.items()})

# %% [markdown]
# The boxes are right at an IoU of 0.5, and poor at 0.75: all of them are 14 x 14, at
# even pixels, whatever the shape measures. That is the weakness of sliding windows, and
# what YOLO fixes: each cell outputs the four numbers of its own box, as our localizer
# does for the whole picture.
#
# ## Look at it

# %%
fig, ax = plt.subplots(figsize=(7, 4))
ax.plot([k + 1 for k in costs], list(costs.values()), "o-", markersize=3)
ax.set(xlabel="epoch", ylabel="J, mean over the epoch", yscale="log")
ax.set_title("The localizer learns")
ax.grid(alpha=0.3, which="both")
lesson.figure(fig, "costs")

fig, axes = plt.subplots(2, 6, figsize=(14, 5.4), layout="constrained")
for i, ax in zip(range(10, 22), axes.flat, strict=True):
    present = test_hat[i, 0] > 0.5
    kind = int(test_hat[i, 5:8].argmax())
    vision.draw_boxes(test_X[i], [], ax=ax)
    if test_labels[i] >= 0:
        vision.draw_boxes(None, test_boxes[i : i + 1], ax=ax, colors=("white",))
    if present:
        found = vision.clip_boxes_to_image(boxes_of(test_hat[i : i + 1]), (SIZE, SIZE))
        vision.draw_boxes(None, found, ax=ax)
        ax.plot(*(SIZE * test_hat[i, 8:] - 0.5), "x", color="#ff4b00")
    words = CLASSES[kind] if present else "nothing"
    ax.set_title(f"{words}, pc = {test_hat[i, 0]:.2f}", fontsize=9)
fig.suptitle("New pictures: the truth white, the localizer's box and eye red")
lesson.figure(fig, "localizer")

fig, axes = plt.subplots(2, 4, figsize=(13, 6.6))
for row, place in zip(axes, (0, 1), strict=True):
    vision.draw_boxes(scene_X[place], [], ax=row[0])
    row[0].set_title("picture")
    shown = row[1].imshow(maps[place, 1:].max(0), vmin=0, vmax=1, cmap="magma")
    fig.colorbar(shown, ax=row[1], shrink=0.8)
    row[1].set(title="best shape, each window", xlabel="column", ylabel="row")
    every = detect(maps[place], iou_threshold=1.0)
    vision.draw_boxes(scene_X[place], every["boxes"], ax=row[2], linewidth=0.8)
    row[2].set_title(f"{len(every['boxes'])} windows fire")
    final = detections[place]
    words = [CLASSES[k] for k in final["labels"]]
    found = final["boxes"], words, final["scores"]
    vision.draw_boxes(scene_X[place], *found, ax=row[3], colors=COLORS)
    row[3].set_title(f"kept: {len(final['boxes'])} of {len(truth[place]['boxes'])}")
fig.tight_layout()
lesson.figure(fig, "sliding_windows")

# %% [markdown]
# ### Each object its cell and its anchor
#
# The course's example: a pedestrian stands in front of a car, and the centres of both
# are in the same cell. Two anchors, a tall one and a wide one, keep them apart.

# %%
crowd_labels, crowd_boxes = (
    [0, 1, 2],
    np.array([(46, 25, 60, 75), (26, 36, 84, 64), (6, 70, 22, 88)], float),
)
anchors = [(45, 15), (25, 55)]  # (height, width): tall, wide
crowd = grid_target(crowd_labels, crowd_boxes, 96, 3, anchors)  # (3, 3, 2, 8)
fig, ax = plt.subplots(figsize=(5.2, 5.2))
vision.draw_boxes(np.full((96, 96), 0.93), crowd_boxes, ["0", "1", "2"], ax=ax)
ax.images[0].set_clim(0, 1)
for line in (32, 64):
    ax.axhline(line - 0.5, color="gray", linewidth=1)
    ax.axvline(line - 0.5, color="gray", linewidth=1)
for row, column, k in np.argwhere(crowd[..., 0] == 1):
    bx, by = crowd[row, column, k, 1:3]
    h, w = anchors[k]
    x, y = 32 * (column + bx) - 0.5, 32 * (row + by) - 0.5
    ax.plot(x, y, "o", color="black", markersize=4)
    frame = plt.Rectangle((x - w / 2, y - h / 2), w, h, fill=False, ls=":", ec="black")
    ax.add_patch(frame)
    print(f"cell ({row}, {column}), anchor {k}: {crowd[row, column, k].round(2)}")
ax.set(xlim=(-0.5, 95.5), ylim=(95.5, -0.5))
ax.set_title("a 3 x 3 grid; dotted: the anchor that each object took")
lesson.figure(fig, "anchors")
assert crowd[1, 1, :, 0].tolist() == [1, 1] and crowd[..., 0].sum() == 3

# %% [markdown]
# ### Why IoU alone is not a loss
#
# A box slides towards its target. As long as the two do not meet, the IoU is 0 and
# flat, so gradient descent would not move. **Generalized IoU** subtracts the part of
# the smallest box around both that neither covers. It rises all the way.

# %%
shifts = np.linspace(-3, 3, 121)
target_box = np.array([[0.0, 0, 1, 1]])
moved = np.stack([shifts, 0 * shifts, shifts + 1, 0 * shifts + 1], axis=1)
moving = dls.Tensor(moved, requires_grad=True)
plain = vision.box_iou(moving, target_box)[:, 0]
plain.sum().backward()
slope = moving.grad.numpy()[:, [0, 2]].sum(1)  # d IoU / d shift
moving.grad = None
general = vision.generalized_box_iou(moving, target_box)[:, 0]
general.sum().backward()
general_slope = moving.grad.numpy()[:, [0, 2]].sum(1)
fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(shifts, plain.detach().numpy(), label="IoU")
ax.plot(shifts, general.detach().numpy(), "--", label="generalized IoU")
ax.set(xlabel="shift of a box of 1 x 1, in widths", ylabel="overlap with its target")
ax.set_title("Apart, IoU is flat; generalized IoU still points the way")
ax.legend()
ax.grid(alpha=0.3)
lesson.figure(fig, "generalized_iou")
apart = np.abs(shifts) > 1.01
assert np.all(slope[apart] == 0) and np.all(general_slope[apart] != 0)

# %% [markdown]
# ## Break it
#
# **1. A box asked of an empty picture.** The mask forgotten, the loss pulls nine
# numbers to 0 for each picture without a shape. The gradient check finds it. A tool of
# one line names the cause: rows with $p_c = 0$ may have a gradient in the first column
# only.


# %%
def without_mask(Y_hat, Y):
    """WRONG: every output counts in every picture."""
    return 2 * (Y_hat - Y) / len(Y)


def asked_of_nothing(gradient, Y):
    """Outputs (places) that get a gradient in pictures without an object."""
    empty = gradient[Y[:, 0] == 0]
    return sorted(set(np.nonzero(empty)[1].tolist()) - {0})


report = check.check_gradients(
    lambda p: localization_loss(p["Y_hat"], few_Y),
    {"Y_hat": few_output},
    {"dY_hat": without_mask(few_output, few_Y)},
)
print(report.first.name, report.first.hint)
blamed = asked_of_nothing(without_mask(few_output, few_Y), few_Y)
print("asked of empty pictures: outputs", blamed)
assert not report.ok
assert blamed == list(range(1, 10)) and asked_of_nothing(mine, few_Y) == []

# %% [markdown]
# **2. Rows taken for columns.** $b_x$ comes from columns, a picture is indexed by rows
# first. The mistake hides on boxes in the middle. It shows where boxes are judged
# twice, as they are and with $x$ and $y$ exchanged: the wrong way must not be better.


# %%
def name_the_axes(found, boxes):
    """Are x and y of the boxes found exchanged?"""
    plain = np.diagonal(vision.box_iou(found, boxes)).mean()
    turned = np.diagonal(vision.box_iou(found[:, [1, 0, 3, 2]], boxes)).mean()
    return "x and y are exchanged" if turned > plain else "x is x, y is y"


true_boxes = test_boxes[test_labels >= 0]
found = true_boxes + rng.uniform(-2, 2, true_boxes.shape)  # a fair localizer
verdicts = [
    name_the_axes(found, true_boxes),
    name_the_axes(found[:, [1, 0, 3, 2]], true_boxes),
]
print(verdicts)
assert verdicts == ["x is x, y is y", "x and y are exchanged"]

# %% [markdown]
# **3. Pixels instead of fractions.** Then boxes are off by tens and classes by less
# than one, and squaring makes it worse: the loss depends on boxes alone. Look at the
# share of the loss that each group of outputs has.


# %%
def shares(Y_hat, Y):
    """Percent of the loss that pc, box, class and landmark make up."""
    there = Y[:, :1]
    squares = np.where((there == 1) | (np.arange(10) == 0), (Y_hat - Y) ** 2, 0).sum(0)
    groups = (("pc", 0, 1), ("box", 1, 5), ("class", 5, 8), ("landmark", 8, 10))
    total = float(squares.sum())
    return {n: round(100 * float(squares[a:b].sum()) / total, 1) for n, a, b in groups}


in_pixels = np.ones(10)
in_pixels[[1, 2, 3, 4, 8, 9]] = SIZE
guess = np.full(train_Y.shape, 0.4)
loss_shares = {
    "parts": shares(guess, train_Y),
    "pixels": shares(guess * in_pixels, train_Y * in_pixels),
}
print("share of the loss, %:", loss_shares)
assert loss_shares["pixels"]["class"] < 1 < loss_shares["parts"]["class"]

# %% [markdown]
# **4. An IoU that multiplies two negatives.** The first edition of the notebook had no
# `max(..., 0)`. For boxes apart in both directions both sides of the "intersection" are
# negative, and the product is positive. Two properties expose it: no IoU above 1, and 0
# for boxes that do not meet.


# %%
def iou_2017(box1, box2):
    """WRONG: as first published, without asking whether the boxes meet."""
    width = min(box1[2], box2[2]) - max(box1[0], box2[0])
    height = min(box1[3], box2[3]) - max(box1[1], box2[1])
    area = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box1, box2))
    return width * height / (area - width * height)


def is_an_iou(function, boxes):
    """What is wrong with an IoU, found on random boxes; "" for nothing."""
    for a in boxes:
        for b in boxes:
            value = function(a, b)
            meet = (np.minimum(a[2:], b[2:]) > np.maximum(a[:2], b[:2])).all()
            if not meet and value != 0:
                return f"boxes that do not meet have {value:.2f}"
            if not 0 <= value <= 1 + 1e-12:
                return f"a value of {value:.2f}"
    return ""


faults = {f.__name__: is_an_iou(f, some) for f in (iou, iou_2017)}
print(faults, "| far apart:", round(iou_2017((0, 0, 2, 2), (4, 4, 6, 6)), 2))
assert faults["iou"] == "" and "do not meet" in faults["iou_2017"]

# %% [markdown]
# **5. Weights flattened in another order.** Course and NumPy flatten a window as (row,
# column, channel), the engine as (channel, row, column). The shapes fit, nothing
# complains, and all scores are wrong. One window decides: compare it both ways, and try
# the orders until the numbers agree.


# %%
def name_the_order(W2, window_map, right):
    """In which order of its axes a window (5, 5, 16) was flattened for W2 (n, 400)."""
    names = ("row", "column", "channel")
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0)):
        if np.allclose(W2 @ window_map.transpose(order).reshape(-1), right, atol=1e-4):
            return ", ".join(names[axis] for axis in order)
    return "none of these"


window_map = rng.standard_normal((5, 5, 16))
engine_W2 = classifier[4].weight.numpy()
as_map = dls.Tensor(window_map.transpose(2, 0, 1)[None], dtype="float32")
right = F.linear(as_map.flatten(1), classifier[4].weight).detach().numpy()[0]
wrong_order = fc_to_conv(engine_W2, 5, 16)  # reads the engine's weights as the course's
gap = float(np.abs(np.tensordot(window_map, wrong_order, 3) - right).max())
order = name_the_order(engine_W2, window_map, right)
print(f"one window is off by {gap:.2f}; the engine flattened as ({order})")
assert gap > 0.1 and order == "channel, row, column"

# %% [markdown]
# **6. Padding.** The two ways agree since no convolution of ours has padding. Give the
# *sliding* network `padding=2` in its first layer: its map is 28 x 28 now, with a ring
# of windows that hang over the edge, and all others have moved by one place. Each box
# would be reported 2 pixels too far. Trying the shifts names it. Worse is a
# *classifier* with padding: each crop is surrounded by zeros, where the window in the
# picture has neighbours. Then not a single window agrees.


# %%
def name_the_shift(wide, right):
    """By how many rows and columns a map of scores (4, ...) is shifted, or None."""
    rows, columns = right.shape[1:]
    for down in range(wide.shape[1] - rows + 1):
        for across in range(wide.shape[2] - columns + 1):
            part = wide[:, down : down + rows, across : across + columns]
            if np.allclose(part, right, atol=1e-4):
                return [down, across]
    return None


padded = as_convolutions(classifier)
padded[0].padding = (2, 2)
with dls.no_grad():
    wide = F.softmax(padded(dls.Tensor(to_engine(scene_X[:1]))), axis=1).numpy()[0]
shift = name_the_shift(wide, alone)
print(f"padding in the sliding network: a map {wide.shape[1:]}, shifted by {shift}")

dls.manual_seed(lesson.seed)
first, second = nn.Conv2d(3, 16, 5, padding=2), nn.Conv2d(16, 64, 7)
with dls.no_grad():
    crops_seen = second(F.max_pool2d(first(dls.Tensor(to_engine(crops))), 2))
    map_seen = second(F.max_pool2d(first(dls.Tensor(to_engine(scene_X[:1]))), 2))
crops_seen = crops_seen.numpy().reshape(26, 26, 64).transpose(2, 0, 1)
agree = np.isclose(map_seen.numpy()[0], crops_seen, atol=1e-3).all(axis=0)
print(f"padding in the classifier: {agree.sum()} of {agree.size} windows agree")
assert shift == [1, 1] and agree.sum() == 0

# %% [markdown]
# ## Recap
#
# - A localizer outputs $p_c$, a box as fractions of the picture, a class and landmarks;
#   where $p_c = 0$ the loss asks for nothing else.
# - A fully connected layer is a convolution with a filter of the size of its input. So
#   a classifier of windows slides over a picture in one pass, with the same numbers.
# - IoU judges boxes. Non-max suppression keeps the best of those that overlap.
# - Each object belongs to the cell of its middle and to the anchor of its shape.
# - Windows of one size give boxes of one size: right at an IoU of 0.5, poor above.
#
# ## Questions
#
# 1. The window classifier has a stride of 2. What makes it so, and how would you get 4?
#    <details><summary>Answer</summary>
#    The pooling by 2 does: neighbouring outputs of the layers behind it are 2 pixels
#    apart in the picture. A second pooling by 2, or a stride of 2 in the convolution,
#    makes it 4.
#    </details>
# 2. Why is suppression done for each class by itself?
#    <details><summary>Answer</summary> A pedestrian in front of a car overlaps it a
#    lot. Both are right; only boxes of the same class compete.
#    </details>
# 3. An object is twice the size of the window. What does the detector say, and what
#    can be done without training again?
#    <details><summary>Answer</summary>
#    It sees parts of the object, and calls them background or something else. Slide
#    over the picture at half its size, too: an image pyramid.
#    </details>
# 4. Three objects share a cell, and there are two anchors. What happens?
#    <details><summary>Answer</summary>
#    Two of them want the same place of y, and the later one takes it: the other is
#    lost. A finer grid makes that rare.
#    </details>
# 5. Could the loss use 1 - IoU in place of four squares?
#    <details><summary>Answer</summary>
#    Where the boxes meet, yes. Where they do not, its gradient is 0. Generalized IoU
#    mends that, and it does not care whether objects are large or small.
#    </details>
#
# ## Go further
#
# - Train the window classifier without the off-middle shapes: how many windows fire?
# - Slide over the picture at three sizes, and join the boxes before suppression.
# - Next: `c4w3-car-detection`, the same with boxes that each cell puts out by itself.

# %%
# The end: this run must have reached what is known of it.
assert largest_difference < 1e-9 and largest_trained < 1e-3
assert costs[epochs - 1] < costs[0]
assert after_nms < before_nms
if not lesson.fast:
    assert figures["presence_accuracy"] > 95 and figures["class_accuracy"] > 90
    assert figures["mean_iou"] > 0.65 and figures["landmark_error"] < 3.5
    assert window_accuracy > 90
    assert precision["map_50"] > 0.85 and precision["map_75"] < precision["map_50"]
lesson.finish(
    {
        "localizer": figures,
        "costs": costs,
        "sliding_windows": {
            "window_accuracy": window_accuracy,
            "largest_difference": max(largest_difference, largest_trained),
            "multiplications": multiplications,
            "shapes": there,
            "fired": before_nms,
            "kept": after_nms,
        }
        | precision,
        "broken": {
            "asked_of_nothing": blamed,
            "axes": verdicts,
            "shares": loss_shares,
            "iou": faults,
            "order": order,
            "shift": shift,
        },
    }
)
