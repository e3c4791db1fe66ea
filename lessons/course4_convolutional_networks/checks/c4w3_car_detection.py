"""Checks for the exercises of c4w3-car-detection."""

import numpy as np
from tinygrad_dls.learn.checking import numeric_gradient, result, same, untouched

ANCHORS = np.array([[0.6, 0.7], [1.9, 2.1], [3.3, 5.5]])  # width, height in cells


def test_yolo_head(lesson):
    rng = np.random.default_rng(0)
    feats = rng.standard_normal((2, 4, 5, 3 * 7)) * 1.5  # 4 rows, 5 columns, 2 classes
    with untouched(feats=feats, anchors=ANCHORS):
        made = result("yolo_head", lesson.yolo_head(feats, ANCHORS, 2), 4)
    right = [np.zeros((2, 4, 5, 3, n)) for n in (2, 2, 1, 2)]
    for i, row, column, k in np.ndindex(2, 4, 5, 3):
        t = feats[i, row, column, 7 * k : 7 * k + 7]
        squeeze = 1 / (1 + np.exp(-t[[0, 1, 4]]))
        right[0][i, row, column, k] = (squeeze[0] + column) / 5, (squeeze[1] + row) / 4
        w, h = ANCHORS[k] * np.exp(t[2:4])
        right[1][i, row, column, k] = w / 5, h / 4
        right[2][i, row, column, k] = squeeze[2]
        right[3][i, row, column, k] = np.exp(t[5:]) / np.exp(t[5:]).sum()
    hints = ("(sigmoid(t_x) + column) / columns", "anchor * exp(t) / (columns, rows)",
             "sigmoid(t_o)", "softmax over the classes")
    names = ("box_xy", "box_wh", "box_confidence", "box_class_probs")
    for name, mine, truth, hint in zip(names, made, right, hints, strict=True):
        same(name, mine, truth, hint)


def test_yolo_boxes_to_corners(lesson):
    xy, wh = np.array([[[0.3, 0.6]], [[0.5, 0.1]]]), np.array([[[0.2, 0.4]], [[0.6, 0.1]]])
    with untouched(xy=xy, wh=wh):
        made = lesson.yolo_boxes_to_corners(xy, wh)
    same("corners", made, [[[0.4, 0.2, 0.8, 0.4]], [[0.05, 0.2, 0.15, 0.8]]],
         "y_min, x_min, y_max, x_max: the middle minus and plus half of the lengths")


def test_yolo_filter_boxes(lesson):
    rng = np.random.default_rng(1)
    boxes, confidence = rng.standard_normal((19, 19, 5, 4)), rng.random((19, 19, 5, 1))
    probs = rng.random((19, 19, 5, 80))
    confidence[3, 4, 1], probs[3, 4, 1] = 1.0, 0.0
    probs[3, 4, 1, 7] = 0.75  # exactly the threshold
    for threshold in (0.75, 0.9):
        with untouched(boxes=boxes, confidence=confidence, probs=probs):
            made = result("yolo_filter_boxes",
                          lesson.yolo_filter_boxes(boxes, confidence, probs, threshold), 3)
        scores = [(confidence[place] * probs[place]) for place in np.ndindex(19, 19, 5)]
        kept = [i for i, s in enumerate(scores) if s.max() >= threshold]
        same("scores", made[0], [scores[i].max() for i in kept],
             "confidence times class probability; at or above the threshold")
        same("boxes", made[1], boxes.reshape(-1, 4)[kept])
        same("classes", made[2], [scores[i].argmax() for i in kept])
    assert 0.6 in (lesson.yolo_filter_boxes.__defaults__ or ()), "the default threshold is 0.6"


def test_iou(lesson):
    for box1, box2, right in (
        ((2, 1, 4, 3), (1, 2, 3, 4), 1 / 7),
        ((0, 0, 10, 4), (6, 1, 12, 9), 12 / 76),
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


def overlap(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = np.prod(np.maximum(sides, 0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def suppressed(scores, boxes, most, threshold):
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(overlap(boxes[i], boxes[k]) <= threshold for k in kept):
            kept.append(i)
    return kept[:most]


def test_yolo_non_max_suppression(lesson):
    rng = np.random.default_rng(2)
    for count, most, threshold in ((54, 10, 0.5), (30, 30, 0.2), (20, 3, 0.0), (4, 4, 1.0)):
        corner = rng.uniform(0, 20, (count, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(4, 12, (count, 2))], axis=1)
        scores, classes = rng.random(count), rng.integers(0, 80, count)
        with untouched(scores=scores, boxes=boxes, classes=classes):
            made = result("yolo_non_max_suppression", lesson.yolo_non_max_suppression(
                scores, boxes, classes, most, threshold), 3)
        kept = suppressed(scores, boxes, most, threshold)
        hint = f"best first, at most {most}; gone is what a kept box overlaps by more"
        same("scores", made[0], scores[kept], hint)
        same("boxes", made[1], boxes[kept])
        same("classes", made[2], classes[kept])
    boxes = np.array([[0.0, 0, 2, 1], [1, 0, 3, 1]])  # IoU exactly 1/3
    made = lesson.yolo_non_max_suppression(np.array([0.5, 0.9]), boxes, np.array([0, 1]), 10, 1 / 3)
    same("scores, at exactly the threshold", made[0], [0.9, 0.5], "it stays")


def test_scale_boxes(lesson):
    boxes = np.array([[0.1, 0.2, 0.5, 0.9], [0.0, 0.25, 1.0, 0.5]])
    with untouched(boxes=boxes):
        made = lesson.scale_boxes(boxes, (720, 1280))
    same("boxes", made, [[72, 256, 360, 1152], [0, 320, 720, 640]],
         "y by the height, x by the width: (height, width, height, width)")


def test_yolo_eval(lesson):
    rng = np.random.default_rng(3)
    xy, wh = rng.random((19, 19, 5, 2)), rng.uniform(0.02, 0.3, (19, 19, 5, 2))
    confidence, probs = rng.random((19, 19, 5, 1)), rng.random((19, 19, 5, 80))
    outputs = (xy, wh, confidence, probs)
    for shape, most, threshold, limit in (((720, 1280), 10, 0.6, 0.5), ((300, 100), 25, 0.9, 0.1)):
        made = result("yolo_eval", lesson.yolo_eval(outputs, shape, most, threshold, limit), 3)
        low, high = (xy - wh / 2).reshape(-1, 2), (xy + wh / 2).reshape(-1, 2)
        boxes = np.stack([low[:, 1], low[:, 0], high[:, 1], high[:, 0]], axis=1)
        table = (confidence * probs).reshape(-1, 80)
        passing = table.max(1) >= threshold
        scores, classes = table.max(1)[passing], table.argmax(1)[passing]
        boxes = boxes[passing] * (*shape, *shape)
        kept = suppressed(scores, boxes, most, limit)
        same("scores", made[0], scores[kept], "filter, scale, suppress, with the arguments given")
        same("boxes", made[1], boxes[kept], "(y1, x1, y2, x2) in pixels")
        same("classes", made[2], classes[kept])


def test_yolo_target(lesson):
    boxes = np.array([[10.0, 20, 24, 68], [62, 66, 122, 90], [90, 6, 106, 30]])
    with untouched(boxes=boxes):
        made = lesson.yolo_target([1, 0, 2], boxes, 120, 6, ANCHORS)  # cells of 20
    right = np.zeros((6, 6, 3, 6))
    for (row, column), label, box in zip(((2, 0), (3, 4), (0, 4)), (1, 0, 2), boxes / 20,
                                         strict=True):
        w, h = box[2] - box[0], box[3] - box[1]
        fits = [min(w, a) * min(h, b) / (w * h + a * b - min(w, a) * min(h, b)) for a, b in ANCHORS]
        k = int(np.argmax(fits))
        right[row, column, k] = (1, (box[0] + box[2]) / 2 - column, (box[1] + box[3]) / 2 - row,
                                 np.log(w / ANCHORS[k, 0]), np.log(h / ANCHORS[k, 1]), label)
    same("y", made, right, "row from y, column from x; middle within the cell; log(length/anchor)")
    rng = np.random.default_rng(5)
    for _ in range(12):  # which anchor
        w, h = rng.uniform(0.3, 6, 2)
        made = lesson.yolo_target([0], [[60 - 10 * w, 60 - 10 * h, 60 + 10 * w, 60 + 10 * h]], 120,
                                  6, ANCHORS)
        fits = [min(w, a) * min(h, b) / (w * h + a * b - min(w, a) * min(h, b)) for a, b in ANCHORS]
        same("the anchor taken", np.argwhere(made[..., 0])[0, -1], int(np.argmax(fits)),
             "the largest IoU of the shapes")


def map_and_target(seed):
    """t (2, 3, 3, 2, 8) and y (2, 3, 3, 2, 6) with five objects."""
    rng = np.random.default_rng(seed)
    t, y = rng.standard_normal((2, 3, 3, 2, 8)), np.zeros((2, 3, 3, 2, 6))
    for place, label in (((0, 0, 1, 0), 2), ((0, 2, 2, 1), 0), ((1, 1, 1, 0), 1), ((1, 1, 1, 1), 2),
                         ((1, 0, 0, 1), 1)):
        y[place] = (1, *rng.random(2), *rng.standard_normal(2), label)
    return t, y


def loss_by_loops(t, y):
    total = 0.0
    for place in np.ndindex(t.shape[:-1]):
        raw, truth = t[place], y[place]
        p = 1 / (1 + np.exp(-raw[4]))
        if truth[0] == 0:
            total -= 0.5 * np.log(1 - p)
            continue
        s = 1 / (1 + np.exp(-raw[:2]))
        total += 5 * (np.sum((s - truth[1:3]) ** 2) + np.sum((raw[2:4] - truth[3:5]) ** 2))
        total -= np.log(p)
        total -= raw[5 + int(truth[5])] - np.log(np.exp(raw[5:]).sum())
    return total / len(t)


def test_yolo_loss(lesson):
    for seed in (0, 1):
        t, y = map_and_target(seed)
        with untouched(t=t, y=y):
            made = lesson.yolo_loss(t, y)
        same("L", made, loss_by_loops(t, y),
             "5 (middle + lengths) + confidence + class where y0 is 1, half of -log(1 - p) else")
    t[..., 4] = 800
    with np.errstate(over="raise"):
        made = lesson.yolo_loss(t, np.zeros_like(y))
    same("L of a confidence of 800 where nothing is", made, 0.5 * 800 * 18,
         "np.logaddexp(0, t) does not overflow")


def test_yolo_backward(lesson):
    for seed in (2, 3):
        t, y = map_and_target(seed)
        with untouched(t=t, y=y):
            made = lesson.yolo_backward(t, y)
        same("dt", made, numeric_gradient(lambda x, y=y: loss_by_loops(x, y), t),
             "see the table of the gradient, term by term; all of it over m", 1e-6)
