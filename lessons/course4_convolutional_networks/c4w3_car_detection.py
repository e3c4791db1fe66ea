# %% [markdown]
# # Car detection: YOLO, from the map to the boxes
#
# Course 4, week 3. About two hours with the exercises. The script runs for about a
# minute, with `--fast` for a few seconds.
#
# **Goal.** One network looks once at a picture and puts out all boxes. You will
#
# - turn the raw map of a network into boxes, confidences and class probabilities,
# - filter them, suppress doubles, and scale the rest to the picture: `yolo_eval`,
# - write the loss of YOLO and its gradient by hand, and train a small YOLO on road
#   scenes that we paint,
# - run your functions on *real* networks: on the course's road pictures where you have
#   them, and on a photograph that comes with the installation,
# - break it in seven ways, and find each.
#
# ## What you need
#
# `c4w3-localization-and-sliding-windows` for boxes, IoU, grids and anchors. This lesson
# answers the notebook *Autonomous driving: car detection* (2017 and 2021); names,
# arguments and shapes are those of 2021. Three things to know about it:
#
# - its corners are $(y_1, x_1, y_2, x_2)$, rows first, as TensorFlow wants them; its
#   `iou` takes $(x_1, y_1, x_2, y_2)$. The comments call both $(b_x, b_y, b_h, b_w)$;
# - the first edition's `iou` had no `max(..., 0)`: boxes far apart may get an IoU of 1;
# - its suppression looks at all classes together: a person before a car may go.
#
# The weights of the notebook (YOLOv2, 194 MB) are not needed: YOLO-Fastest 1.1 has 1.4
# MB, and finds the same cars.

# %%
import matplotlib.pyplot as plt
import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import check, data, models, nn, optim, vision
from tinygrad_dls.train.lesson import start_lesson

lesson = start_lesson("c4w3-car-detection")


pictures = lesson.load("car-detection")
photographs = lesson.load("photographs").arrays
CLASSES = ("car", "truck", "person")
COLORS = {"car": "#ff4b00", "truck": "#f0c000", "person": "#0072b2"}

# %% [markdown]
# ## The idea in a picture
#
# Roads of our own to train on: a road in perspective under a strip of a photograph,
# with cars, trucks and people. What is nearer stands lower and is larger, and hides
# what is behind it. The boxes are exact, since we painted them. The grid of $6\times6$
# cells is drawn over the first picture: each object belongs to the cell that its middle
# lies in.


# %%
def part(picture, x1, y1, x2, y2, color, seen, round_off=0.0):
    """Fill a rectangle (or, with round_off, a rounded one) of picture and mask."""
    size = len(picture)
    rows, columns = np.mgrid[:size, :size] + 0.5
    u = np.abs(columns - (x1 + x2) / 2) / max((x2 - x1) / 2, 0.5)
    v = np.abs(rows - (y1 + y2) / 2) / max((y2 - y1) / 2, 0.5)
    inside = (u <= 1) & (v <= 1)
    if round_off:
        inside &= u**2 + v**2 <= 2 - round_off
    picture[inside] = color
    seen |= inside


def paint(picture, kind, x, bottom, s, rng):
    """Paint an object that stands at (x, bottom), s pixels to the meter; its pixels."""
    seen = np.zeros(picture.shape[:2], bool)
    color = rng.uniform(60, 250, 3)
    dark, glass = np.array([25.0, 25, 30]), np.array([150.0, 190, 210])
    if kind == 2:  # a person: legs, body, head
        part(picture, x - 0.3 * s, bottom - 0.9 * s, x + 0.3 * s, bottom, dark, seen)
        top = bottom - 1.5 * s
        part(picture, x - 0.4 * s, top, x + 0.4 * s, bottom - 0.8 * s, color, seen)
        skin = np.array([205.0, 160, 130])
        part(picture, x - 0.2 * s, top - 0.4 * s, x + 0.2 * s, top, skin, seen, 1.0)
        return seen
    half, height = ((1.9, 0.8), (2.4, 2.3))[kind]
    for wheel in (x - 0.6 * half * s, x + 0.6 * half * s):
        edge = 0.38 * s
        top = bottom - 2 * edge
        part(picture, wheel - edge, top, wheel + edge, bottom, dark, seen, 1.0)
    floor = bottom - 0.3 * s
    body = (x - half * s, floor - height * s, x + half * s, floor)
    part(picture, *body, color, seen)
    if kind == 0:  # the cabin of a car
        roof = floor - 1.5 * s
        part(picture, x - 1.1 * s, roof, x + 1.0 * s, floor - 0.8 * s, color, seen)
        part(picture, x - 0.9 * s, roof + 0.15 * s, x + 0.8 * s, floor - 0.8 * s, glass,
             seen)
    else:  # the window of a truck
        left = x + 1.4 * s
        part(picture, left, floor - 1.9 * s, left + 0.9 * s, floor - s, glass, seen)
    return seen


def road(rng, size=96, photos=("china", "coffee", "rocket", "chelsea")):
    """A scene: picture (size, size, 3) uint8, labels (n,), boxes (n, 4) in pixels."""
    photo = photographs[photos[rng.integers(len(photos))]]
    step = 2
    left = int(rng.integers(0, photo.shape[1] - step * size))
    top = int(rng.integers(0, photo.shape[0] - step * size))
    picture = photo[top : top + step * size : step, left : left + step * size : step]
    picture = picture.astype(float)
    horizon = int(rng.uniform(0.28, 0.42) * size)
    rows, columns = np.mgrid[horizon:size, :size]
    depth = (rows - horizon) / (size - horizon)  # 0 far away, 1 near
    verge, asphalt = rng.uniform(60, 120, 3), rng.uniform(70, 120) + np.zeros(3)
    on_road = np.abs(columns - size / 2) < size * (0.06 + 0.52 * depth)
    picture[horizon:] = np.where(on_road[..., None], asphalt, verge)
    line = (np.abs(columns - size / 2) < 0.5 + 1.3 * depth) & (rows // 5 % 2 == 0)
    picture[horizon:][line] = 230
    picture += rng.normal(0, 6, picture.shape)
    found, masks = [], []
    for near in np.sort(rng.uniform(0.25, 1, rng.integers(1, 6))):  # from far to near
        kind = int(rng.choice(3, p=(0.5, 0.2, 0.3)))
        bottom = horizon + near * (size - horizon)
        s = size * (0.035 + 0.06 * near)  # pixels to the meter
        x = rng.uniform(0.08, 0.92) * size
        seen = paint(picture, kind, x, bottom, s, rng)
        masks = [m & ~seen for m in masks] + [seen]
        rows_in, columns_in = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        if rows_in.size:
            box = columns_in[0], rows_in[0], columns_in[-1] + 1, rows_in[-1] + 1
            found.append((kind, box, int(seen.sum())))
        else:
            masks.pop()
    shown = [  # what is hidden by more than half is not asked for
        (kind, box)
        for (kind, box, area), mask in zip(found, masks, strict=True)
        if mask.sum() > 0.5 * area
    ]
    labels = np.array([kind for kind, _ in shown], int)
    boxes = np.array([box for _, box in shown], float).reshape(-1, 4)
    return np.clip(picture, 0, 255).astype(np.uint8), labels, boxes


SIZE, GRID = 96, 6
rng = np.random.default_rng(lesson.seed)
scenes = [road(rng) for _ in range(200 if lesson.fast else 2500)]
held_out = ("flower", "astronaut")
new_scenes = [road(rng, photos=held_out) for _ in range(30 if lesson.fast else 150)]

fig, axes = plt.subplots(1, 4, figsize=(14, 3.9))
for ax, (picture, labels, boxes) in zip(axes, new_scenes, strict=False):
    words = [CLASSES[k] for k in labels]
    vision.draw_boxes(picture, boxes, words, ax=ax, colors=COLORS)
for line in range(0, SIZE + 1, SIZE // GRID):
    axes[0].axhline(line - 0.5, color="white", linewidth=0.6)
    axes[0].axvline(line - 0.5, color="white", linewidth=0.6)
fig.suptitle("Road scenes with exact boxes; 6 x 6 cells")
fig.tight_layout()
lesson.figure(fig, "idea")

# %% [markdown]
# ## One number by hand
#
# A map of $19\times19$ cells for a picture of 720 x 1280. In cell (row 9, column 4) the
# first anchor is $(p_w, p_h) = (0.57, 0.68)$, in cells, and the network puts out
# $t_x = 0$, $t_y = \log 3$, $t_w = \log 2$, $t_h = 0$, $t_o = 2$, and for two classes
# $(1, 0)$.
#
# | number | by hand |
# |---|---|
# | $b_x = (\sigma(t_x) + 4)/19$ | $(0.5 + 4)/19 = 0.2368$ |
# | $b_y = (\sigma(t_y) + 9)/19$ | $(0.75 + 9)/19 = 0.5132$ |
# | $b_w = p_w e^{t_w}/19$ | $1.14/19 = 0.06$ |
# | $b_h = p_h e^{t_h}/19$ | $0.68/19 = 0.0358$ |
# | $p_c = \sigma(t_o)$ | $0.8808$ |
# | class 0 | $e^1/(e^1 + e^0) = 0.7311$ |
# | **score** $= p_c \cdot c_0$ | $0.6439$: above 0.6, it stays |
#
# In the picture the middle is at $x = 0.2368 \cdot 1280 = 303$, $y = 369$.
#
# ## The mathematics
#
# The map is $(m, g, g, k\,(5 + C))$: for each cell and each of $k$ anchors the numbers
# $t_x, t_y, t_w, t_h, t_o$ and $C$ class logits $z_c$. With the cell $(i, j)$ (row,
# column) and the anchor $(p_w, p_h)$ in cells:
#
# $$b_x = \frac{\sigma(t_x) + j}{g} \quad b_y = \frac{\sigma(t_y) + i}{g} \quad
#   b_w = \frac{p_w e^{t_w}}{g} \quad b_h = \frac{p_h e^{t_h}}{g}$$
#
# $$p_c = \sigma(t_o) \qquad c = \mathrm{softmax}(z) \qquad \text{score}_c = p_c\, c_c$$
#
# The sigmoid keeps the middle inside its cell; the exponential keeps lengths positive.
#
# **From many boxes to few.** The course's $19 \cdot 19 \cdot 5 = 1805$ boxes become a
# handful: (1) for each box its best class and that score; those below a threshold go.
# (2) Non-max suppression.
#
# **The loss.** At the places that an object was given to ($y_0 = 1$), all terms; at
# all others only "there is nothing", with a small weight, since nearly all are empty:
#
# $$L = \frac1m \sum_{y_0 = 1} \Big[ 5 \big( (\sigma(t_x) - y_x)^2 + (\sigma(t_y) -
# y_y)^2 + (t_w - y_w)^2 + (t_h - y_h)^2 \big) - \log \sigma(t_o) - \log c_{y} \Big]
# - \frac{0.5}{m} \sum_{y_0 = 0} \log(1 - \sigma(t_o))$$
#
# $y_x, y_y$ are the middle within the cell, $y_w = \log(w/p_w)$, $y_h = \log(h/p_h)$.
# Its gradient, term by term (all divided by $m$):
#
# | to | where $y_0 = 1$ | where $y_0 = 0$ |
# |---|---|---|
# | $t_x$, $t_y$ alike | $10(\sigma(t_x) - y_x)\,\sigma(t_x)(1 - \sigma(t_x))$ | 0 |
# | $t_w$, $t_h$ alike | $10 (t_w - y_w)$ | 0 |
# | $t_o$ | $\sigma(t_o) - 1$ | $0.5\, \sigma(t_o)$ |
# | $z$ | $c - $ one-hot$(y)$ | 0 |
#
# (The paper of YOLOv2 trains the confidence towards the IoU of the box, and asks
# nothing of boxes that overlap an object though another one got it.)
#
# ## Your code
#
# **Exercise 1.** The head: from the map to four arrays. `feats` is
# $(m, g, g, k (5 + C))$, `anchors` is $(k, 2)$, width and height in cells.


# %%
def sigmoid(t):
    """1 / (1 + e^-t), for large |t|, too."""
    return 0.5 * (1 + np.tanh(0.5 * t))


def softmax(z):
    """Probabilities along the last axis."""
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def yolo_head(feats, anchors, num_classes):
    """box_xy, box_wh, box_confidence, box_class_probs: (m, g, g, k, 2 | 2 | 1 | C).

    Middles and lengths are parts of the picture.
    """
    m, rows, columns, _ = feats.shape
    anchors = np.asarray(anchors)
    t = feats.reshape(m, rows, columns, len(anchors), 5 + num_classes)
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
    cells = cells[:, :, None, :]  # (rows, columns, 1, 2): column, row
    grid = np.array([columns, rows])
    # BEGIN SOLUTION
    box_xy = (sigmoid(t[..., 0:2]) + cells) / grid
    box_wh = anchors * np.exp(t[..., 2:4]) / grid
    box_confidence = sigmoid(t[..., 4:5])
    box_class_probs = softmax(t[..., 5:])
    # END SOLUTION
    return box_xy, box_wh, box_confidence, box_class_probs


# %% [markdown]
# **Exercise 2.** Corners, in the course's order: $(y_1, x_1, y_2, x_2)$.
#
# **Exercise 3.** The filter: scores, best class, and a mask of those at or above the
# threshold.


# %%
def yolo_boxes_to_corners(box_xy, box_wh):
    """(..., 4): y_min, x_min, y_max, x_max."""
    # BEGIN SOLUTION
    mins = box_xy - box_wh / 2
    maxes = box_xy + box_wh / 2
    corners = np.concatenate([mins[..., ::-1], maxes[..., ::-1]], axis=-1)
    # END SOLUTION
    return corners


def yolo_filter_boxes(boxes, box_confidence, box_class_probs, threshold=0.6):
    """scores (n,), boxes (n, 4), classes (n,) of those that reach the threshold.

    boxes (19, 19, 5, 4), box_confidence (19, 19, 5, 1), probabilities (19, 19, 5, 80).
    """
    # BEGIN SOLUTION
    box_scores = box_confidence * box_class_probs  # (19, 19, 5, 80)
    box_classes = np.argmax(box_scores, axis=-1)
    box_class_scores = np.max(box_scores, axis=-1)
    mask = box_class_scores >= threshold
    scores, boxes, classes = box_class_scores[mask], boxes[mask], box_classes[mask]
    # END SOLUTION
    return scores, boxes, classes


# %% [markdown]
# **Exercise 4.** Intersection over union, of $(x_1, y_1, x_2, y_2)$. Boxes that do not
# meet have 0. (Two boxes with $x$ and $y$ exchanged in both have the same IoU: you may
# use it on the course's corners.)
#
# **Exercise 5.** Suppression: best first, at most `max_boxes`; a box goes if its IoU
# with a kept one is above the threshold. As in the notebook, all classes compete.


# %%
def iou(box1, box2):
    """Intersection over union of two boxes."""
    # BEGIN SOLUTION
    xi1, yi1 = max(box1[0], box2[0]), max(box1[1], box2[1])
    xi2, yi2 = min(box1[2], box2[2]), min(box1[3], box2[3])
    inter_area = max(xi2 - xi1, 0) * max(yi2 - yi1, 0)
    box1_area = (box1[2] - box1[0]) * (box1[3] - box1[1])
    box2_area = (box2[2] - box2[0]) * (box2[3] - box2[1])
    union_area = box1_area + box2_area - inter_area
    # END SOLUTION
    return inter_area / union_area


def yolo_non_max_suppression(scores, boxes, classes, max_boxes=10, iou_threshold=0.5):
    """scores, boxes, classes of the boxes that are kept, best first."""
    kept = []
    # BEGIN SOLUTION
    for i in np.argsort(-scores, kind="stable"):
        if len(kept) == max_boxes:
            break
        if all(iou(boxes[i], boxes[j]) <= iou_threshold for j in kept):
            kept.append(i)
    # END SOLUTION
    return scores[kept], boxes[kept], classes[kept]


# %% [markdown]
# **Exercise 6.** From parts of the picture to pixels; `image_shape` is (height, width).
#
# **Exercise 7.** All of it. `yolo_outputs` is what the head returns, for one picture.


# %%
def scale_boxes(boxes, image_shape):
    """Boxes (n, 4), (y1, x1, y2, x2), in pixels of a picture (height, width)."""
    # BEGIN SOLUTION
    height, width = image_shape
    scaled = boxes * np.array([height, width, height, width])
    # END SOLUTION
    return scaled


def yolo_eval(
    yolo_outputs,
    image_shape=(720, 1280),
    max_boxes=10,
    score_threshold=0.6,
    iou_threshold=0.5,
):
    """scores, boxes (y1, x1, y2, x2) in pixels, classes of what a map shows."""
    box_xy, box_wh, box_confidence, box_class_probs = yolo_outputs
    # BEGIN SOLUTION
    boxes = yolo_boxes_to_corners(box_xy, box_wh)
    found = yolo_filter_boxes(boxes, box_confidence, box_class_probs, score_threshold)
    scores, boxes, classes = found
    boxes = scale_boxes(boxes, image_shape)
    kept = yolo_non_max_suppression(scores, boxes, classes, max_boxes, iou_threshold)
    # END SOLUTION
    return kept


# %% [markdown]
# **Exercise 8.** The target of one picture: $(g, g, k, 6)$ with $(y_0, y_x, y_y, y_w,
# y_h, \text{class})$. The cell is that of the middle; the anchor is the one whose shape
# has the largest IoU with the box, both on one middle.


# %%
def yolo_target(labels, boxes, size, g, anchors):
    """y (g, g, k, 6) of boxes (n, 4), x1, y1, x2, y2, in pixels of a square picture."""
    anchors = np.asarray(anchors)
    y = np.zeros((g, g, len(anchors), 6))
    for label, box in zip(labels, np.asarray(boxes) * g / size, strict=True):
        # BEGIN SOLUTION
        middle, lengths = (box[:2] + box[2:]) / 2, box[2:] - box[:2]  # in cells
        column, row = middle.astype(int)
        shared = np.minimum(lengths, anchors).prod(axis=1)  # (k,)
        overlap = shared / (lengths.prod() + anchors.prod(axis=1) - shared)
        k = np.argmax(overlap)
        y[row, column, k, 0] = 1
        y[row, column, k, 1:3] = middle - (column, row)
        y[row, column, k, 3:5] = np.log(lengths / anchors[k])
        y[row, column, k, 5] = label
        # END SOLUTION
    return y


# %% [markdown]
# **Exercise 9.** The loss of raw numbers `t` $(m, g, g, k, 5 + C)$. **Exercise 10.**
# Its gradient. `np.logaddexp(0, -t)` is $-\log\sigma(t)$ without overflow.


# %%
def yolo_loss(t, y):
    """L, a number, for t (m, g, g, k, 5 + C) and targets y (m, g, g, k, 6)."""
    m = len(t)
    there, empty = t[y[..., 0] == 1], t[y[..., 0] == 0]  # (n, 5 + C), (rest, 5 + C)
    truth = y[y[..., 0] == 1]  # (n, 6)
    label = truth[:, 5].astype(int)
    # BEGIN SOLUTION
    middle = np.sum((sigmoid(there[:, 0:2]) - truth[:, 1:3]) ** 2)
    lengths = np.sum((there[:, 2:4] - truth[:, 3:5]) ** 2)
    confidence = np.sum(np.logaddexp(0, -there[:, 4]))
    nothing = np.sum(np.logaddexp(0, empty[:, 4]))
    probabilities = softmax(there[:, 5:])[np.arange(len(label)), label]
    classes = -np.sum(np.log(probabilities))
    loss = (5 * (middle + lengths) + confidence + classes + 0.5 * nothing) / m
    # END SOLUTION
    return loss


def yolo_backward(t, y):
    """dL/dt (m, g, g, k, 5 + C)."""
    m = len(t)
    dt = np.zeros(t.shape)
    is_there = y[..., 0] == 1
    there, truth = t[is_there], y[is_there]  # (n, 5 + C), (n, 6)
    one_hot = np.arange(t.shape[-1] - 5) == truth[:, 5:]  # (n, C)
    d_there = np.zeros(there.shape)
    # BEGIN SOLUTION
    s = sigmoid(there[:, 0:2])
    d_there[:, 0:2] = 10 * (s - truth[:, 1:3]) * s * (1 - s)
    d_there[:, 2:4] = 10 * (there[:, 2:4] - truth[:, 3:5])
    d_there[:, 4] = sigmoid(there[:, 4]) - 1
    d_there[:, 5:] = softmax(there[:, 5:]) - one_hot
    dt[..., 4] = 0.5 * sigmoid(t[..., 4])
    dt[is_there] = d_there
    dt = dt / m
    # END SOLUTION
    return dt


# %% [markdown]
# ## Check it three ways
#
# **By hand**: the cell from above, through the head and through all of `yolo_eval`.

# %%
hand = np.zeros((1, 19, 19, 7))
hand[..., 4] = -20  # elsewhere there is nothing
hand[0, 9, 4] = (0, np.log(3), np.log(2), 0, 2, 1, 0)
outputs = yolo_head(hand, [(0.57, 0.68)], 2)
by_hand = [float(v) for out in outputs for v in out[0, 9, 4, 0]]
print("bx by bw bh pc c0 c1:", np.round(by_hand, 4))
known = [0.2368, 0.5132, 0.06, 0.0358, 0.8808, 0.7311, 0.2689]
assert np.allclose(by_hand, known, atol=5e-5)
scores, boxes, classes = yolo_eval([out[0] for out in outputs])
print("score", scores.round(4), "box", boxes.round(1), "class", classes)
assert np.allclose(scores, 0.6439, atol=5e-5) and classes.tolist() == [0]
iou_values = {
    "overlapping": iou((2, 1, 4, 3), (1, 2, 3, 4)),
    "corner": iou((1, 1, 2, 2), (2, 2, 3, 3)),
    "apart": iou((5, 6, 7, 8), (1, 2, 3, 4)),
}
assert np.allclose(list(iou_values.values()), (1 / 7, 0, 0))

# %% [markdown]
# **Against the engine.** The loss again, of tensors; autograd gives its gradient. And
# suppression beside `vision.nms`, on 300 random boxes.


# %%
def engine_loss(output, y):
    """The same loss of the engine: output (m, k (5 + C), g, g), y (m, g, g, k, 6)."""
    m, g, _, k, _ = y.shape
    t = output.transpose(0, 2, 3, 1).reshape(m, g, g, k, -1)
    there = y[..., 0]  # (m, g, g, k)
    middle = ((t[..., 0:2].sigmoid() - y[..., 1:3]) ** 2).sum(axis=-1)
    lengths = ((t[..., 2:4] - y[..., 3:5]) ** 2).sum(axis=-1)
    t_o = t[..., 4]
    confidence = dls.logaddexp(-t_o, t_o * 0.0)
    nothing = dls.logaddexp(t_o, t_o * 0.0)
    one_hot = y[..., 5:6] == dls.arange(t.shape[-1] - 5).astype(y.dtype)
    log_p = dls.log_softmax(t[..., 5:], axis=-1)
    classes = -(log_p * one_hot.astype(t.dtype)).sum(axis=-1)
    with_object = 5.0 * (middle + lengths) + confidence + classes
    return (there * with_object + 0.5 * (1.0 - there) * nothing).sum() / m


def to_map(t):
    """(m, g, g, k, 5 + C) -> (m, k (5 + C), g, g), as the engine's layers give it."""
    m, g = t.shape[:2]
    return np.ascontiguousarray(t.reshape(m, g, g, -1).transpose(0, 3, 1, 2))


some_anchors = [(1.0, 1.0), (3.0, 1.5)]
few = [
    yolo_target(labels, boxes, SIZE, 3, some_anchors)
    for _, labels, boxes in scenes[:3]
]
few_y = np.stack(few)  # (3, 3, 3, 2, 6)
few_t = rng.normal(0, 1, (3, 3, 3, 2, 8))
mine = yolo_backward(few_t, few_y)
output = dls.Tensor(to_map(few_t), requires_grad=True)
loss = engine_loss(output, dls.Tensor(few_y))
loss.backward()
assert dls.compare("L", yolo_loss(few_t, few_y), loss.detach()).ok
assert dls.compare("dt", to_map(mine), output.grad).ok

many = rng.uniform(0, 60, (300, 4))
many[:, 2:] = many[:, :2] + rng.uniform(5, 30, (300, 2))
many_scores = rng.random(300)
kept_scores, kept_boxes, _ = yolo_non_max_suppression(
    many_scores, many, np.zeros(300, int), max_boxes=300
)
theirs = vision.nms(many, many_scores, 0.5)
assert np.array_equal(kept_boxes, many[theirs])
print(f"suppression keeps {len(theirs)} of 300, as vision.nms does")

# %% [markdown]
# **Numerically**: the gradient of the loss by central differences.

# %%
report = check.check_gradients(
    lambda p: yolo_loss(p["t"], few_y), {"t": few_t}, {"dt": mine}, m=3
)
print(report)
assert report.ok

# %% [markdown]
# ### Anchors from the data
#
# Which box shapes occur? k-means on widths and heights, with $1 - $ IoU as distance
# (plain distances would spend all anchors on the large boxes).


# %%
def shape_iou(shapes, anchors):
    """IoU (n, k) of shapes (n, 2) and anchors (k, 2), all on one middle."""
    shared = np.minimum(shapes[:, None], anchors).prod(axis=-1)
    return shared / (shapes.prod(1)[:, None] + anchors.prod(1) - shared)


def cluster_anchors(shapes, k, rng, starts=8, rounds=20):
    """k anchors (k, 2) for shapes (n, 2), smallest first, and their mean IoU.

    The best of several starts: k-means may end in a poor place.
    """
    best, best_fit = None, -1.0
    for _ in range(starts):
        anchors = shapes[rng.choice(len(shapes), k, replace=False)]
        for _ in range(rounds):
            nearest = shape_iou(shapes, anchors).argmax(axis=1)
            for i in range(k):
                if (nearest == i).any():
                    anchors[i] = np.median(shapes[nearest == i], axis=0)
        fit = shape_iou(shapes, anchors).max(axis=1).mean()
        if fit > best_fit:
            best, best_fit = anchors[anchors.prod(axis=1).argsort()], fit
    return best, best_fit


all_boxes = np.concatenate([boxes for _, _, boxes in scenes])
shapes = (all_boxes[:, 2:] - all_boxes[:, :2]) * GRID / SIZE  # in cells
anchor_fit = {k: float(cluster_anchors(shapes, k, rng)[1]) for k in range(1, 7)}
anchors, _ = cluster_anchors(shapes, 3, rng)
print("mean IoU with the best anchor:", {k: round(v, 3) for k, v in anchor_fit.items()})
fig, axes = plt.subplots(1, 2, figsize=(11, 4.2))
axes[0].plot(list(anchor_fit), list(anchor_fit.values()), "o-")
axes[0].set(xlabel="anchors", ylabel="mean IoU with the best anchor")
axes[0].set_title("more anchors fit better")
kinds = np.concatenate([labels for _, labels, _ in scenes])
for kind, name in enumerate(CLASSES):
    axes[1].plot(*shapes[kinds == kind].T, ".", markersize=3, alpha=0.4, label=name)
axes[1].plot(*anchors.T, "k*", markersize=14, label="anchor")
axes[1].set(xlabel="width, cells", ylabel="height, cells", title="boxes and 3 anchors")
axes[1].legend()
for ax in axes:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "anchors")
assert anchor_fit[6] > anchor_fit[1]

# %% [markdown]
# ## See the graph
#
# The network: five convolutions, four of which halve the picture, $96 \to 6$; then a
# 1x1 convolution to $3 \cdot (5 + 3) = 24$ numbers a cell. No fully connected layer.


# %%
def small_yolo(seed, outputs=24):
    """A network (m, 3, 96, 96) -> (m, 24, 6, 6)."""
    dls.manual_seed(seed)
    layers, before = [], 3
    for channels, stride in ((16, 2), (32, 2), (64, 2), (128, 2), (128, 1)):
        layers += [
            nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(0.1),
        ]
        before = channels
    last = nn.Conv2d(before, outputs, 1)
    bias = np.zeros((3, outputs // 3), np.float32)
    bias[:, 4] = -3  # at the start: nearly all places are empty, and it says so
    last.load_state_dict({"weight": last.weight, "bias": bias.ravel()})
    return nn.Sequential(*layers, last)


def to_engine(pictures):
    """uint8 (m, h, w, 3) -> float32 (m, 3, h, w), about -2 to 2."""
    x = (np.asarray(pictures).transpose(0, 3, 1, 2) / 255 - 0.5) / 0.25
    return np.ascontiguousarray(x, np.float32)


def targets_of(scenes):
    """float32 (m, g, g, k, 6)."""
    rows = [yolo_target(k, boxes, SIZE, GRID, anchors) for _, k, boxes in scenes]
    return np.stack(rows).astype(np.float32)


network = small_yolo(lesson.seed)
X = dls.Tensor(to_engine([p for p, _, _ in scenes[:2]]), name="X")
with dls.trace():
    loss = engine_loss(network(X), dls.Tensor(targets_of(scenes[:2]), name="y"))
    loss.backward()
graph = dls.graph(loss, network, names={"loss": loss})
lesson.graph(graph, "graph", depth=1)
graph

# %% [markdown]
# ## Train
#
# Mirrored scenes are scenes, too: the training set doubles.

# %%
mirrored = []
for picture, kinds, boxes in scenes:
    x1, y1, x2, y2 = boxes.T
    turned = np.stack([SIZE - x2, y1, SIZE - x1, y2], axis=1)
    mirrored.append((picture[:, ::-1], kinds, turned))
every = scenes + mirrored
loader = data.DataLoader(
    data.TensorDataset(to_engine([p for p, _, _ in every]), targets_of(every)),
    batch_size=40,
    shuffle=True,
    generator=dls.Generator(lesson.seed),
)
epochs = 2 if lesson.fast else 10
optimizer = optim.Adam(network.parameters(), lr=3e-3)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
history = dls.fit(
    network, engine_loss, optimizer, loader, epochs, scheduler=schedule, capture=True
)
costs = dict(enumerate(history["loss"]))


def map_of(network, pictures):
    """The map (m, 6, 6, 24), channels last, of pictures uint8 (m, 96, 96, 3)."""
    network.eval()
    with dls.no_grad():
        found = network(dls.Tensor(to_engine(pictures))).numpy()
    network.train()
    return found.transpose(0, 2, 3, 1)


def detections_of(network, scenes, score_threshold):
    """A dict (boxes x1, y1, x2, y2; scores; labels) for each scene, by yolo_eval."""
    heads = yolo_head(map_of(network, [p for p, _, _ in scenes]), anchors, 3)
    found = []
    for outputs in zip(*heads, strict=True):
        scores, boxes, classes = yolo_eval(outputs, (SIZE, SIZE), 20, score_threshold)
        boxes = boxes[:, [1, 0, 3, 2]]
        found.append({"boxes": boxes, "scores": scores, "labels": classes})
    return found


truth = [{"boxes": boxes, "labels": labels} for _, labels, boxes in new_scenes]
judged = detections_of(network, new_scenes, 0.05)  # the whole curve, not its best part
precision = vision.mean_average_precision(judged, truth)
shown = detections_of(network, new_scenes, 0.5)
print("new scenes:", {name: round(value, 3) for name, value in precision.items()})

# %% [markdown]
# ## Look at it

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 4))
axes[0].plot([k + 1 for k in costs], list(costs.values()), "o-", markersize=3)
axes[0].set(xlabel="epoch", ylabel="L, mean over the epoch", yscale="log")
axes[0].set_title("The small YOLO learns")
for label, name in enumerate(CLASSES):
    if any((t["labels"] == label).any() for t in truth):
        p, r, _ = vision.precision_recall(judged, truth, label)
        axes[1].plot(r, p, label=name)
axes[1].set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05))
axes[1].set_title("new scenes, at an IoU of 0.5")
axes[1].legend()
for ax in axes:
    ax.grid(alpha=0.3)
fig.tight_layout()
lesson.figure(fig, "costs")

fig, axes = plt.subplots(2, 4, figsize=(14, 7.4))
for ax, (picture, _, boxes), found in zip(axes.flat, new_scenes, shown, strict=False):
    vision.draw_boxes(picture, boxes, ax=ax, colors=("white",), linewidth=1)
    words = [CLASSES[k] for k in found["labels"]]
    found_boxes = vision.clip_boxes_to_image(found["boxes"], (SIZE, SIZE))
    vision.draw_boxes(None, found_boxes, words, found["scores"], ax, COLORS)
fig.suptitle("New scenes: the truth white, what the small YOLO found in color")
fig.tight_layout()
lesson.figure(fig, "scenes")

# %% [markdown]
# ### Real networks, your functions
#
# A face detector of the same kind (Tiny YOLOv2: $13\times13$ cells, 5 anchors, one
# class) comes with the installation. Its map goes through *your* `yolo_head` and
# `yolo_eval`. It has no class logits; one of 0 stands for its only class.


# %%
def detect_faces(model, picture, score_threshold=0.5):
    """scores and boxes (n, 4), (x1, y1, x2, y2), in pixels of the picture."""
    with dls.no_grad():
        feats = model(model.transform(picture)).numpy()  # (1, 25, 13, 13)
    t = feats.transpose(0, 2, 3, 1).reshape(1, 13, 13, 5, 5)
    t = np.concatenate([t, np.zeros((1, 13, 13, 5, 1))], axis=-1)
    outputs = yolo_head(t.reshape(1, 13, 13, 30), FACE_ANCHORS, 1)
    one = [out[0] for out in outputs]
    scores, boxes, _ = yolo_eval(one, (1, 1), 10, score_threshold, 0.4)
    return scores, model.transform.to_picture(boxes[:, [1, 0, 3, 2]], picture.shape[:2])


FACE_ANCHORS = [
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
]
face_model = models.load("tiny_yolov2", weights="faces")
face_figures = {}
fig, axes = plt.subplots(1, 3, figsize=(13, 4.4))
for ax, name in zip(axes, ("astronaut", "coffee", "chelsea"), strict=True):
    face_scores, face_boxes = detect_faces(face_model, photographs[name])
    vision.draw_boxes(photographs[name], face_boxes, scores=face_scores, ax=ax)
    ax.set_title(f"{name}: {len(face_boxes) or 'no'} face")
    face_figures[name] = [
        {"score": float(s), "box": [round(float(v), 1) for v in b]}
        for s, b in zip(face_scores, face_boxes, strict=True)
    ]
fig.tight_layout()
lesson.figure(fig, "faces")
print("faces:", {name: len(found) for name, found in face_figures.items()})
assert len(face_figures["astronaut"]) == 1

# %% [markdown]
# The course's road pictures (by drive.ai, CC BY 4.0) and YOLO-Fastest 1.1, trained on
# the 80 classes of COCO. It has two maps, $10\times10$ and $20\times20$, three anchors
# each, and sigmoids for its classes. `head.decode` gives their boxes, confidences and
# class scores; the rest is `yolo_eval`, as before: it does not mind the shape in front
# of the last axis.


# %%
def detect_objects(model, picture, score_threshold=0.5, max_boxes=10):
    """scores, boxes (x1, y1, x2, y2) in pixels, class numbers, by a Darknet model."""
    with dls.no_grad():
        maps = model(model.transform(picture))
    decoded = [
        head.decode(one.numpy()) for head, one in zip(model.heads, maps, strict=True)
    ]
    boxes, confidence, probs = (
        np.concatenate(parts, axis=1)[0] for parts in zip(*decoded, strict=True)
    )
    middles = vision.box_convert(boxes, "xyxy", "cxcywh")
    outputs = (middles[:, :2], middles[:, 2:], confidence[:, None], probs)
    height_width = picture.shape[:2]
    scores, boxes, classes = yolo_eval(
        outputs, height_width, max_boxes, score_threshold
    )
    return scores, boxes[:, [1, 0, 3, 2]], classes


road_model = None
if pictures.where != "built-in":
    try:
        road_model = models.load("yolo_fastest_1_1", weights="coco")
    except dls.DataError as reason:  # the pictures are here, the weights are not
        print(reason)
best_car = {"score": 0.0, "box": [0.0, 0.0, 0.0, 0.0], "picture": ""}


def remember_best_car(scores, boxes, names, picture):
    """Keep the car with the best score of this picture, if it beats the one so far."""
    for score, box, name in zip(scores, boxes, names, strict=True):
        if name == "car" and score > best_car["score"]:
            numbers = [round(float(v), 1) for v in box]
            best_car.update(score=float(score), box=numbers, picture=picture)


frames = {}
if road_model is not None:
    folder = pictures.files[0].parent
    names = ["test.jpg", *sorted(p.name for p in folder.glob("0*.jpg"))]
    wanted = names[:6] if lesson.fast else names[:1] + names[1::3]
    for name in lesson.progress(wanted, "road pictures", "pictures"):
        picture = vision.read_image(folder / name)
        scores, boxes, classes = detect_objects(road_model, picture)
        words = [road_model.classes[k] for k in classes]
        frames[name] = (picture, scores, boxes, words)
    picture, scores, boxes, words = frames["test.jpg"]
    remember_best_car(scores, boxes, words, "test.jpg")
    fig, axes = plt.subplots(2, 3, figsize=(15, 6.4), layout="constrained")
    for ax, (name, (picture, scores, boxes, words)) in zip(
        axes.flat, frames.items(), strict=False
    ):
        inside = vision.clip_boxes_to_image(boxes, picture.shape[:2])
        vision.draw_boxes(picture, inside, words, scores, ax=ax)
        ax.set_title(name, fontsize=9)
    fig.suptitle("YOLO-Fastest 1.1 and yolo_eval, on pictures by drive.ai (CC BY 4.0)")
    lesson.figure(fig, "cars")
else:
    for i, found in enumerate(shown):
        words = [CLASSES[k] for k in found["labels"]]
        remember_best_car(found["scores"], found["boxes"], words, f"scene {i}")
print("best car:", best_car)

# %% [markdown]
# ## Break it
#
# **1. The sigmoid's own slope forgotten** in the gradient of $t_x$. The check finds it.
# Sorted by the place in the cell's numbers the errors say where: $t_x$ and $t_y$ alone.


# %%
def slope_forgotten(t, y):
    """WRONG: d/dt of (sigmoid(t) - y)^2 without sigmoid'(t)."""
    dt = yolo_backward(t, y)
    s = sigmoid(t[..., 0:2])
    dt[..., 0:2] /= s * (1 - s)
    return dt


def name_the_outputs(wrong, right):
    """Which of the raw numbers have a wrong gradient."""
    names = ["t_x", "t_y", "t_w", "t_h", "t_o", *(f"z_{c}" for c in range(9))]
    off = np.abs(wrong - right).reshape(-1, wrong.shape[-1]).max(axis=0) > 1e-9
    return [name for name, is_off in zip(names, off, strict=False) if is_off]


wrong = slope_forgotten(few_t, few_y)
numeric = check.check_gradients(
    lambda p: yolo_loss(p["t"], few_y), {"t": few_t}, {"dt": wrong}
)
blamed = name_the_outputs(wrong, mine)
print(numeric.first.hint, "| wrong:", blamed)
assert not numeric.ok and blamed == ["t_x", "t_y"]

# %% [markdown]
# **2. Empty places at full weight, and no start at "nothing".** 108 places a picture,
# some three of them taken: at the start nearly all of the loss is about nothing, and
# the network first learns to keep silent. Look at the shares.


# %%
def shares(t, y, empty_weight):
    """Percent of the loss at places with and without an object."""
    there = y[..., 0] == 1
    nothing = empty_weight * np.logaddexp(0, t[~there][:, 4]).sum()
    objects = yolo_loss(t, y) * len(t) - 0.5 * np.logaddexp(0, t[~there][:, 4]).sum()
    return round(float(100 * nothing / (nothing + objects)), 1)


start_y = targets_of(new_scenes)
start_t = rng.normal(0, 0.1, (*start_y.shape[:-1], 8))
quiet_t = start_t.copy()
quiet_t[..., 4] -= 3
loud, quiet = "weight 1, start at 1/2", "weight 0.5, start at 0.05"
loss_shares = {
    loud: shares(start_t, start_y, 1.0),
    quiet: shares(quiet_t, start_y, 0.5),
}
print("share of empty places in the loss, %:", loss_shares)
assert loss_shares[loud] > 2 * loss_shares[quiet]

# %% [markdown]
# **3. The confidence as score.** A filter on $p_c$ alone keeps boxes that are sure to
# be *something* and nothing in particular. Their scores lie below the threshold.
#
# **4. $x$ and $y$ exchanged in `scale_boxes`.** On a square picture all is well. On 720
# x 1280 a third of the boxes lands outside of the picture.
#
# **5. Anchors in pixels.** A cell of the course has 32 of them, so the boxes are 32
# times too large: most cover the whole picture.


# %%
def doubts(scores, boxes, image_shape, threshold):
    """What looks wrong with the result of yolo_eval: a list of words."""
    height, width = image_shape
    said = []
    if (scores < threshold).any():
        said.append("scores below the threshold: was p_c alone compared?")
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    if (middles > (height, width)).any():
        said.append("middles outside of the picture: are x and y exchanged?")
    lengths = (boxes[:, 2:] - boxes[:, :2]) / (height, width)
    if np.median(lengths) > 1:
        said.append("boxes larger than the picture: in which unit are the anchors?")
    return said


wide = (720, 1280)
random_t = rng.normal(0, 1, (1, 19, 19, 2 * 8))
xy, wh, confidence, probs = (out[0] for out in yolo_head(random_t, some_anchors, 3))
corners = yolo_boxes_to_corners(xy, wh)
score, box, kind = yolo_filter_boxes(corners, confidence, probs, 0.6)
by_confidence = confidence[..., 0] >= 0.6
pixel_wh = yolo_head(random_t, 32 * np.array(some_anchors), 3)[1][0]
pixel_box = yolo_boxes_to_corners(xy, pixel_wh)[confidence[..., 0] > 0.9]
suspicions = {
    "right": doubts(score, scale_boxes(box, wide), wide, 0.6),
    "confidence": doubts(
        (confidence * probs).max(-1)[by_confidence],
        scale_boxes(corners[by_confidence], wide),
        wide,
        0.6,
    ),
    "exchanged": doubts(score, scale_boxes(box, wide[::-1]), wide, 0.6),
    "pixels": doubts(np.ones(len(pixel_box)), scale_boxes(pixel_box, wide), wide, 0.6),
}
for name, said in suspicions.items():
    print(f"{name}:", said or "nothing is wrong")
assert suspicions["right"] == []
assert all(len(said) == 1 for name, said in suspicions.items() if name != "right")

# %% [markdown]
# **6. No `max(..., 0)` in `iou`.** The first edition of the notebook. Two cars, one to
# the right of the other and below it, suppress each other at a threshold of 0.5. A box
# has an IoU of 0 with one it does not touch: the test is one line.


# %%
def iou_2017(box1, box2):
    """WRONG: as first published."""
    width = min(box1[2], box2[2]) - max(box1[0], box2[0])
    height = min(box1[3], box2[3]) - max(box1[1], box2[1])
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box1, box2))
    return width * height / (areas - width * height)


left_car, right_car = (100, 300, 300, 400), (440, 500, 640, 600)
published = iou_2017(left_car, right_car)
print(f"two cars apart: {published:.2f}, it must be {iou(left_car, right_car):g}")
assert published > 0.5 and iou(left_car, right_car) == 0

# %% [markdown]
# **7. Suppression across classes.** The published way: a person stands before a truck,
# the boxes overlap by more than the threshold, the person has the lower score and is
# gone. `vision.batched_nms` compares within a class. The test: two boxes of two classes
# at one place must both stay.

# %%
crowd = np.array([[20.0, 30, 60, 62], [22, 30, 60, 60], [70, 10, 90, 40]])
crowd_scores, crowd_kinds = np.array([0.9, 0.8, 0.7]), np.array([1, 2, 2])
_, _, together = yolo_non_max_suppression(crowd_scores, crowd, crowd_kinds)
apart = crowd_kinds[vision.batched_nms(crowd, crowd_scores, crowd_kinds, 0.5)]
print("all classes together keep", [CLASSES[k] for k in together])
print("each class by itself keeps", [CLASSES[k] for k in apart])
assert len(together) == 2 and len(apart) == 3

# %% [markdown]
# ## Recap
#
# - A cell puts out $t$; sigmoid and exponential make a box of it, from its anchor.
# - Score = confidence x class probability. Threshold, then non-max suppression.
# - The loss asks for a box where an object was given to; elsewhere for silence, gently.
# - One pass for all boxes: the same functions run a published network for COCO's 80
#   classes and the one that you trained.
#
# ## Questions
#
# 1. Why is the output $19\times19\times425$ in the course?
#    <details><summary>Answer</summary>
#    608 / 32 = 19 cells each way, and 5 anchors x (5 + 80 classes) = 425.
#    </details>
# 2. Why $e^{t_w}$ and not $t_w$ as the width?
#    <details><summary>Answer</summary>
#    It is positive for every t_w, and a step of t_w changes a small box and a large one
#    by the same percentage.
#    </details>
# 3. A threshold of 0.6 or of 0.05: which one for a picture, which for the mean average
#    precision?
#    <details><summary>Answer</summary>
#    A picture should show what is sure: 0.6. Average precision looks at the whole
#    curve; what is cut off is recall that is lost for good.
#    </details>
# 4. Two people in one cell, both tall. What can YOLO do?
#    <details><summary>Answer</summary>
#    Both want the same anchor of the same cell; one of them is lost in training, and
#    usually in the prediction. A finer map, or a second map of smaller cells, as
#    YOLO-Fastest has it, makes that rare.
#    </details>
# 5. Why does the network start with a bias of -3 for $t_o$?
#    <details><summary>Answer</summary>
#    sigmoid(-3) = 0.05: from the first step it says "nothing" nearly everywhere, which
#    is right. Otherwise the first epochs are spent on learning just that.
#    </details>
#
# ## Go further
#
# - Let the confidence learn the IoU of its box in place of 1.
# - Replace the squares of $t_w, t_h$ by `vision.generalized_box_iou_loss`.
# - Next: `c4w3-segmentation`.

# %%
# The end: this run must have reached what is known of it.
assert costs[epochs - 1] < costs[0]
if not lesson.fast:
    assert precision["map_50"] > 0.75
if road_model is not None:
    known_car = (966, 345, 1241, 706)
    assert best_car["score"] > 0.85 and iou(best_car["box"], known_car) > 0.9
lesson.finish(
    {
        "best_car": best_car,
        "small_yolo": precision,
        "costs": costs,
        "anchors": anchor_fit,
        "iou": iou_values,
        "faces": face_figures,
        "frames": {name: len(found[1]) for name, found in frames.items()},
        "broken": {
            "slope": blamed,
            "shares": loss_shares,
            "suspicions": suspicions,
            "iou_2017": published,
            "together": len(together),
            "apart": len(apart),
        },
    }
)
