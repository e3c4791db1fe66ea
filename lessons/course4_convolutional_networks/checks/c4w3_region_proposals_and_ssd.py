"""Checks for the exercises of c4w3-region-proposals-and-ssd."""

import math
from functools import partial

import numpy as np
from tinygrad_dls.learn.checking import numeric_gradient, result, same, untouched


def pooled(A, roi, size):
    """RoI pooling by loops over cells."""
    x1, y1, x2, y2 = roi
    P = np.zeros((size, size, A.shape[2]))
    places = np.zeros(P.shape, int)
    for i in range(size):
        for j in range(size):
            h, w = y2 - y1, x2 - x1
            rows = range(math.floor(i * h / size), math.ceil((i + 1) * h / size))
            columns = range(math.floor(j * w / size), math.ceil((j + 1) * w / size))
            for c in range(A.shape[2]):
                P[i, j, c], row, column = max(
                    (A[y1 + r, x1 + q, c], y1 + r, x1 + q) for r in rows for q in columns)
                places[i, j, c] = row * A.shape[1] + column
    return P, places


ROIS = (((0, 0, 7, 9), 2), ((1, 3, 6, 8), 4), ((2, 4, 5, 6), 3), ((6, 1, 7, 2), 2),
        ((0, 2, 4, 9), 3))


def test_roi_pool(lesson):
    A = np.random.default_rng(0).standard_normal((9, 7, 3)) - 2  # most of it below 0
    for roi, size in ROIS:
        with untouched(A=A):
            P, places = result("roi_pool", lesson.roi_pool(A, roi, size), 2)
        right, where = pooled(A, roi, size)
        same(f"P of {roi} to {size} x {size}", P, right,
             "rows floor(i h / s) up to ceil((i + 1) h / s); roi is x1, y1, x2, y2")
        same(f"places of {roi} to {size} x {size}", places, where,
             "row * width of the map + column, counted in the whole map")


def weighted(A, roi, size, dP):
    return np.sum(pooled(A, roi, size)[0] * dP)


def test_roi_pool_backward(lesson):
    rng = np.random.default_rng(1)
    A = rng.standard_normal((9, 7, 3))
    for roi, size in ROIS:
        _, places = pooled(A, roi, size)
        dP = rng.standard_normal(places.shape)
        with untouched(dP=dP, places=places):
            made = lesson.roi_pool_backward(dP, places, A.shape)
        right = numeric_gradient(partial(weighted, roi=roi, size=size, dP=dP), A)
        same(f"dA of {roi}", made, right,
             "gradients of a cell that was chosen several times add up", 1e-6)


def boxes_by_loops(features, scales, ratios):
    found = []
    for k, f in enumerate(features):
        s = scales[k]
        sides = [(s, s), (math.sqrt(s * scales[k + 1]),) * 2]
        sides += [(s * math.sqrt(a), s / math.sqrt(a)) for a in ratios]
        for cell in range(f * f):
            for w, h in sides:
                found.append((((cell % f) + 0.5) / f, (cell // f + 0.5) / f, w, h))
    return np.array(found)


def test_default_boxes(lesson):
    for features, scales, ratios in (
        ((3, 2), (0.2, 0.5, 0.8), (2.0, 0.5)), ((4,), (0.1, 0.3), (3.0,)),
        ((2, 1), (0.3, 0.4, 0.9), ()),
    ):
        made = lesson.default_boxes(features, np.array(scales), ratios)
        same(f"default boxes of maps {features}, ratios {ratios}", made,
             boxes_by_loops(features, scales, ratios),
             "by map, row, column, box; width s sqrt(a), height s / sqrt(a); (cx, cy, w, h)")


def matched(iou, threshold):
    n, count = iou.shape
    found = []
    for j in range(count):
        best = max(range(n), key=lambda i: iou[i, j])
        found.append(best if iou[best, j] >= threshold else -1)
    for i in range(n):
        found[max(range(count), key=lambda j: iou[i, j])] = i
    return found


def test_match(lesson):
    rng = np.random.default_rng(2)
    for shape, threshold in (((3, 40), 0.5), ((2, 12), 0.8), ((4, 30), 0.7), ((1, 9), 0.95)):
        iou = rng.random(shape)
        with untouched(iou=iou):
            made = lesson.match(iou, threshold)
        same(f"matches of {shape} at {threshold}", made, matched(iou, threshold),
             "-1 for background; each object has its best default box at least")
    both = np.array([[0.5, 0.2, 0.1], [0.4, 0.3, 0.0]])
    same("two objects that want one default box", lesson.match(both, 0.3), [1, 1, -1],
         "the later object takes it; 0.3 is enough at a threshold of 0.3")
    same("the same at the default threshold", lesson.match(both), [1, -1, -1])


def boxes(seed, count=6):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.1, 0.9, (count, 4)), rng.uniform(0.1, 0.9, (count, 4))


def test_encode(lesson):
    some, defaults = boxes(3)
    right = [[(b[0] - d[0]) / (0.1 * d[2]), (b[1] - d[1]) / (0.1 * d[3]),
              math.log(b[2] / d[2]) / 0.2, math.log(b[3] / d[3]) / 0.2]
             for b, d in zip(some.tolist(), defaults.tolist(), strict=True)]
    with untouched(some=some, defaults=defaults):
        made = lesson.encode(some, defaults)
    same("g", made, right, "(b - d) / (0.1 d's length); log(b's length / d's length) / 0.2")


def test_decode(lesson):
    t, defaults = boxes(4)
    t = 4 * t - 2
    right = [[d[0] + 0.1 * o[0] * d[2], d[1] + 0.1 * o[1] * d[3],
              d[2] * math.exp(0.2 * o[2]), d[3] * math.exp(0.2 * o[3])]
             for o, d in zip(t.tolist(), defaults.tolist(), strict=True)]
    with untouched(t=t, defaults=defaults):
        made = lesson.decode(t, defaults)
    same("boxes", made, right, "encode, solved for the box")


D = np.array([[-3.0, -1.5, -1, -0.6], [-0.1, 0, 0.25, 0.9], [1, 1.2, 2, 7]])


def l1(d):
    return 0.5 * d * d if abs(d) < 1 else abs(d) - 0.5


def test_smooth_l1(lesson):
    with untouched(D=D):
        made = lesson.smooth_l1(D)
    same("smooth L1", made, [[l1(d) for d in row] for row in D.tolist()])


def test_smooth_l1_backward(lesson):
    with untouched(D=D):
        made = lesson.smooth_l1_backward(D)
    right = [[d if abs(d) < 1 else math.copysign(1, d) for d in row] for row in D.tolist()]
    same("the derivative", made, right, "d within -1 to 1, its sign outside")


def mined(losses, labels, ratio):
    counted = np.zeros(labels.shape, bool)
    for i, row in enumerate(labels):
        negative = sorted((j for j in range(len(row)) if row[j] == 0), key=lambda j: -losses[i, j])
        for j in negative[: ratio * sum(label > 0 for label in row)]:
            counted[i, j] = True
    return counted


def test_hard_negatives(lesson):
    rng = np.random.default_rng(5)
    losses, labels = rng.random((4, 20)), np.zeros((4, 20), int)
    labels[0, [3, 9]], labels[1, 7], labels[3, :6] = (1, 3), 2, 1  # none in row 2
    losses[0, 3] = 9  # matched ones do not count, however large their loss
    for ratio in (3, 1, 2):
        with untouched(losses=losses, labels=labels):
            made = lesson.hard_negatives(losses, labels, ratio)
        same(f"counted background, ratio {ratio}", made, mined(losses, labels, ratio),
             "in each picture, of the background only, largest losses first")
    same("at the default ratio", lesson.hard_negatives(losses, labels), mined(losses, labels, 3))


def problem(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros((3, 14), int)
    labels[0, [1, 5]], labels[1, 8] = (1, 3), 2  # nothing in picture 2
    return (rng.standard_normal((3, 14, 4)), 2 * rng.standard_normal((3, 14, 4)), labels,
            rng.standard_normal((3, 14, 4)))


def loss_by_loops(z, t, labels, g):
    m, n, _ = z.shape
    ce = np.array([[math.log(sum(math.exp(v - z[i, j, labels[i, j]]) for v in z[i, j]))
                    for j in range(n)] for i in range(m)])
    counted = mined(ce, labels, 3)
    total = 0.0
    for i in range(m):
        for j in range(n):
            if counted[i, j] or labels[i, j] > 0:
                total += ce[i, j]
            if labels[i, j] > 0:
                total += sum(l1(d) for d in t[i, j] - g[i, j])
    return total / np.sum(labels > 0)


def test_ssd_loss(lesson):
    for seed in (6, 7):
        z, t, labels, g = problem(seed)
        with untouched(z=z, t=t, labels=labels, g=g):
            made = lesson.ssd_loss(z, t, labels, g)
        same("L", made, loss_by_loops(z, t, labels, g),
             "matched and mined cross-entropies, smooth L1 of the matched; over matched boxes")


def test_ssd_backward(lesson):
    z, t, labels, g = problem(8)
    with untouched(z=z, t=t, labels=labels, g=g):
        dz, dt = result("ssd_backward", lesson.ssd_backward(z, t, labels, g), 2)
    same("dz", dz, numeric_gradient(lambda v: loss_by_loops(v, t, labels, g), z),
         "(p - one-hot) / N where it is counted, else 0", 1e-6)
    same("dt", dt, numeric_gradient(lambda v: loss_by_loops(z, v, labels, g), t),
         "smooth L1' / N where an object is matched, else 0", 1e-6)
