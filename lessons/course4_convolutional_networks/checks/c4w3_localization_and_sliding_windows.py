"""Checks for the exercises of c4w3-localization-and-sliding-windows."""

import numpy as np
from tinygrad_dls.learn.checking import numeric_gradient, same, untouched


def test_localization_target(lesson):
    box, eye = np.array([10.0, 30, 50, 90]), np.array([22.0, 44])
    with untouched(box=box, eye=eye):
        made = lesson.localization_target(2, box, eye, 200)
    same("y", made, [1, 0.15, 0.3, 0.3, 0.2, 0, 0, 1, 0.11, 0.22],
         "(pc, bx, by, bh, bw, c1, c2, c3, lx, ly): the middle, then height, then width")
    made = lesson.localization_target(0, box, eye, 100)
    same("y of class 0 in 100 pixels", made, [1, 0.3, 0.6, 0.6, 0.4, 1, 0, 0, 0.22, 0.44])
    same("y without an object", lesson.localization_target(-1, box, eye, 200), np.zeros(10))


def outputs(seed):
    """Y_hat and Y (5, 10); rows 1 and 3 without an object, their other numbers not 0."""
    rng = np.random.default_rng(seed)
    Y_hat, Y = rng.standard_normal((5, 10)), rng.random((5, 10))
    Y[:, 0] = (1, 0, 1, 0, 1)
    return Y_hat, Y


def loss_by_loops(Y_hat, Y):
    total = 0.0
    for mine, right in zip(Y_hat, Y, strict=True):
        counted = range(10) if right[0] == 1 else range(1)
        total += sum((mine[j] - right[j]) ** 2 for j in counted)
    return total / len(Y)


def test_localization_loss(lesson):
    for seed in (0, 1):
        Y_hat, Y = outputs(seed)
        with untouched(Y_hat=Y_hat, Y=Y):
            made = lesson.localization_loss(Y_hat, Y)
        same("J", made, loss_by_loops(Y_hat, Y),
             "where pc is 0 only the first output counts; a mean over the rows")


def test_localization_backward(lesson):
    Y_hat, Y = outputs(2)
    with untouched(Y_hat=Y_hat, Y=Y):
        made = lesson.localization_backward(Y_hat, Y)
    right = numeric_gradient(lambda y: loss_by_loops(y, Y), Y_hat)
    same("dY_hat", made, right, "2 M (Y_hat - Y) / m, with the mask M of the loss", 1e-6)


def test_iou(lesson):
    for box1, box2, right in (
        ((2, 1, 4, 3), (1, 2, 3, 4), 1 / 7),
        ((0, 0, 10, 4), (6, 1, 12, 9), 12 / 76),  # every side another length
        ((1, 2, 4, 9), (1, 2, 4, 9), 1.0),
        ((1, 1, 3, 4), (2, 0, 9, 2), 1 / 19),
    ):
        same(f"iou({box1}, {box2})", lesson.iou(box1, box2), right)
        same(f"iou({box2}, {box1})", lesson.iou(box2, box1), right)
    for box2, where in (((5, 5, 6, 6), "beyond a corner"), ((0, 5, 2, 6), "below"),
                        ((5, 0, 6, 2), "to the right"), ((2, 0, 3, 2), "beside, touching"),
                        ((0, 2, 2, 3), "under, touching")):
        same(f"iou of boxes that do not meet ({where})", lesson.iou((0, 0, 2, 2), box2), 0.0,
             "no side of the intersection is below 0")


def test_sliding_windows(lesson):
    rng = np.random.default_rng(0)
    for shape, window, stride in (((7, 9, 3), 3, 2), ((6, 5, 1), 2, 1), ((8, 8, 2), 8, 3),
                                  ((10, 7, 2), 4, 3)):
        picture = rng.standard_normal(shape)
        with untouched(picture=picture):
            made = lesson.sliding_windows(picture, window, stride)
        right = np.stack([
            np.stack([picture[i : i + window, j : j + window]
                      for j in range(0, shape[1] - window + 1, stride)])
            for i in range(0, shape[0] - window + 1, stride)
        ])
        same(f"windows of {window} with stride {stride} in {shape}", made, right,
             "rows first; (n - window) // stride + 1 each way")
    made = lesson.sliding_windows(np.zeros((4, 4, 3), np.uint8), 2, 2)
    assert made.dtype == np.uint8, f"windows of uint8 are {made.dtype}: keep the picture's dtype"


def test_fc_to_conv(lesson):
    rng = np.random.default_rng(1)
    W, window = rng.standard_normal((6, 3 * 3 * 4)), rng.standard_normal((3, 3, 4))
    with untouched(W=W):
        filters = lesson.fc_to_conv(W, 3, 4)
    assert np.shape(filters) == (3, 3, 4, 6), (
        f"filters have shape {np.shape(filters)}, it must be (f, f, n_C, n) = (3, 3, 4, 6)")
    same("the filters on a window", np.tensordot(window, np.asarray(filters), 3),
         W @ window.reshape(-1), "the window is flattened row, column, channel")


def loop(boxes, scores, threshold):
    def overlap(a, b):
        sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
        shared = np.prod(np.maximum(sides, 0))
        return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)

    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(overlap(boxes[i], boxes[k]) <= threshold for k in kept):
            kept.append(i)
    return kept


def test_non_max_suppression(lesson):
    rng = np.random.default_rng(2)
    for count, threshold in ((12, 0.5), (25, 0.2), (25, 0.0), (3, 1.0)):
        corner = rng.uniform(0, 20, (count, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(4, 12, (count, 2))], axis=1)
        scores = rng.random(count)
        with untouched(boxes=boxes, scores=scores):
            made = lesson.non_max_suppression(boxes, scores, threshold)
        same(f"places kept at {threshold}", made, loop(boxes, scores, threshold),
             "best score first; a box goes if a kept one overlaps it by more than the threshold")
    boxes = np.array([[0.0, 0, 2, 1], [1, 0, 3, 1]])  # IoU exactly 1/3
    same("at the threshold", lesson.non_max_suppression(boxes, np.array([0.5, 0.9]), 1 / 3),
         [1, 0], "a box at exactly the threshold stays")


ANCHORS = [(45.0, 15.0), (25.0, 55.0), (30.0, 28.0)]


def test_best_anchor(lesson):
    def right(height, width):
        overlaps = [min(height, h) * min(width, w) / (
            height * width + h * w - min(height, h) * min(width, w)) for h, w in ANCHORS]
        return int(np.argmax(overlaps))

    for height, width in ((50, 14), (14, 50), (28, 48), (30, 30), (90, 30), (8, 3), (3, 8),
                          (20, 20), (70, 80), (45, 24), (40, 40), (12, 12)):
        same(f"the anchor of a box {height} high and {width} wide",
             lesson.best_anchor(height, width, ANCHORS), right(height, width),
             "shared = min(heights) * min(widths); over h w + h' w' - shared")


def test_grid_target(lesson):
    labels = [1, 0, 2]
    boxes = np.array([[10.0, 20, 24, 68], [60, 66, 118, 90], [80, 6, 110, 38]])
    with untouched(boxes=boxes):
        made = lesson.grid_target(labels, boxes, 120, 3, ANCHORS)  # cells of 40
    right = np.zeros((3, 3, 3, 8))
    right[1, 0, 0] = (1, 17 / 40, 4 / 40, 48 / 40, 14 / 40, 0, 1, 0)
    right[1, 2, 1] = (1, 9 / 40, 38 / 40, 24 / 40, 58 / 40, 1, 0, 0)
    right[0, 2, 2] = (1, 15 / 40, 22 / 40, 32 / 40, 30 / 40, 0, 0, 1)
    same("y", made, right, "row from y, column from x; (pc, bx, by, bh, bw, classes)")
    twice = lesson.grid_target([1, 2], boxes[[0, 0]] + [[0], [1]], 120, 3, ANCHORS)
    same("y where two objects want one place", twice[1, 0, 0],
         [1, 18 / 40, 5 / 40, 48 / 40, 14 / 40, 0, 0, 1], "the later one takes it, class and all")
