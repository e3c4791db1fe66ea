"""Mean average precision: how good a detector's boxes, scores and labels are as a whole.

Detections are taken best first. Each is right if it covers a box of its label that no better one
has taken; precision and recall follow, and the area below their curve is the average precision.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from .operands import alike, check_boxes, check_scores, check_threshold, on_host
from .overlap import box_iou

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = {"coco": np.linspace(0.0, 1.0, 101), "voc": np.arange(11) / 10}
MAX_DETECTIONS = 100  # of one label in one picture: COCO's rule
Picture = Mapping[str, Any]


class Found(NamedTuple):
    """The detections of one label in one picture, and what there was to find."""

    scores: Any  # (n,) best first
    iou: Any  # (n, m): with each box of the label
    ignored: Any  # (m,) bool: boxes that count neither way (crowds, difficult ones)
    crowd: Any  # (m,) bool: ignored boxes that several detections may cover


@near_names
def mean_average_precision(
    predictions: Sequence[Picture], targets: Sequence[Picture], rule: str = "coco"
) -> dict[str, float]:
    """Compute {"map", "map_50", "map_75"} from one dict for each picture.

    Predictions have `boxes` (n, 4), `scores` (n,) and `labels` (n,), targets `boxes` (m, 4) and
    `labels` (m,), and may have `iscrowd` (m,) or `difficult` (m,): such boxes need not be found.
    rule="coco" gives the numbers of pycocotools (101 recalls, IoU .50 to .95, at most 100
    detections of a label in a picture; -1 if there is nothing to find). rule="voc" is the
    11-point rule of Pascal VOC 2007, whose "map" is at IoU .50.

    >>> from tinygrad_dls import vision
    >>> truth = [{"boxes": [[0.0, 0.0, 10.0, 10.0]], "labels": [1]}]
    >>> found = [{"boxes": [[0.0, 0.0, 10.0, 8.0]], "labels": [1], "scores": [0.9]}]
    >>> vision.mean_average_precision(found, truth)
    {'map': 0.7, 'map_50': 1.0, 'map_75': 1.0}
    """
    if rule not in RECALLS:
        raise DataError(f"rule is 'coco' or 'voc', not {rule!r}")
    by_label = _by_label(predictions, targets, rule)
    thresholds = IOU_THRESHOLDS if rule == "coco" else np.array([0.5, 0.75])
    table = []  # (labels that there are to find, thresholds)
    for found in by_label.values():
        if any((~one.ignored).any() for one in found):
            table.append([average_precision(*_curve(found, t, rule)[:2], rule=rule)
                          for t in thresholds])
    if not table:
        return {"map": -1.0, "map_50": -1.0, "map_75": -1.0}
    means = np.mean(table, axis=0)
    at_75 = means[np.isclose(thresholds, 0.75)][0]
    return {"map": float(means.mean() if rule == "coco" else means[0]),
            "map_50": float(means[0]), "map_75": float(at_75)}


@near_names
def precision_recall(
    predictions: Sequence[Picture], targets: Sequence[Picture], label: int,
    iou_threshold: float = 0.5,
) -> tuple[Any, Any, Any]:
    """Compute the curve of one label: precision, recall and score after each detection.

    >>> from tinygrad_dls import vision
    >>> truth = [{"boxes": [[0.0, 0.0, 10.0, 10.0]], "labels": [1]}]
    >>> found = [{"boxes": [[0.0, 0.0, 9.0, 9.0], [50.0, 50.0, 60.0, 60.0]], "labels": [1, 1],
    ...           "scores": [0.9, 0.5]}]
    >>> precision, recall, scores = vision.precision_recall(found, truth, label=1)
    >>> precision.tolist(), recall.tolist(), scores.tolist()
    ([1.0, 0.5], [1.0, 1.0], [0.9, 0.5])
    """
    found = _by_label(predictions, targets, "coco").get(label, [])
    if not any((~one.ignored).any() for one in found):
        raise DataError(f"no target has the label {label!r}: recall is of nothing")
    return _curve(found, check_threshold(iou_threshold), "coco")


@near_names
def average_precision(precision: Any, recall: Any, rule: str = "coco") -> float:
    """Average the best precision at recalls of at least 0, ..., 1: 101 of them, or 11 for "voc".

    >>> from tinygrad_dls import vision
    >>> round(vision.average_precision([1.0, 0.5], [0.5, 1.0], rule="voc"), 4)
    0.7727
    """
    if rule not in RECALLS:
        raise DataError(f"rule is one of {', '.join(map(repr, RECALLS))}, not {rule!r}")
    precision, recall = np.asarray(precision, np.float64), np.asarray(recall, np.float64)
    if precision.shape != recall.shape or precision.ndim != 1:
        raise ShapeError("precision and recall have one number for each detection:\n"
                         f"  precision  {precision.shape}\n  recall     {recall.shape}")
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(envelope[np.searchsorted(recall, RECALLS[rule], side="left")].mean())


def _by_label(
    predictions: Sequence[Picture], targets: Sequence[Picture], rule: str
) -> dict[Any, list[Found]]:
    """label -> what was found of it in each picture that has or claims it."""
    if len(predictions) != len(targets):
        raise ShapeError(f"there are predictions for {len(predictions)} pictures and targets for "
                         f"{len(targets)}: one dict for each picture")
    by_label: dict[Any, list[Found]] = {}
    for i, (prediction, target) in enumerate(zip(predictions, targets)):
        boxes, labels, scores = _read(prediction, f"predictions[{i}]", scored=True)
        truth, true_labels, _ = _read(target, f"targets[{i}]", scored=False)
        crowd = _flags(target, "iscrowd", len(truth), i)
        ignored = crowd | _flags(target, "difficult", len(truth), i)
        for label in np.union1d(labels, true_labels).tolist():
            mine = np.flatnonzero(labels == label)
            mine = mine[np.argsort(-scores[mine], kind="stable")]
            mine = mine[:MAX_DETECTIONS] if rule == "coco" else mine
            theirs = np.flatnonzero(true_labels == label)
            theirs = theirs[np.argsort(ignored[theirs], kind="stable")]  # ignored ones last
            iou = _iou(boxes[mine], truth[theirs], crowd[theirs])
            by_label.setdefault(label, []).append(
                Found(scores[mine], iou, ignored[theirs], crowd[theirs]))
    return dict(sorted(by_label.items()))


def _read(picture: Picture, name: str, scored: bool) -> tuple[Any, Any, Any]:
    """Boxes (n, 4) float64, labels (n,) and scores (n,) or None of one picture."""
    needed = ("boxes", "labels", "scores") if scored else ("boxes", "labels")
    lost = [key for key in needed if key not in picture]
    if lost:
        raise DataError(f"{name} lacks {', '.join(map(repr, lost))}; it has {list(picture)}")
    boxes = on_host(check_boxes(alike(picture["boxes"])[0], f"{name}['boxes']"))
    labels = on_host(picture["labels"])
    if labels.shape != boxes.shape[:1] or boxes.ndim != 2:
        raise ShapeError(f"{name}: labels are one for each box (n, 4):\n  boxes   {boxes.shape}\n"
                         f"  labels  {labels.shape}")
    scores = check_scores(picture["scores"], boxes, f"{name}['scores']") if scored else None
    return boxes.astype(np.float64), labels, scores


def _flags(target: Picture, key: str, count: int, place: int) -> Any:
    flags = on_host(target.get(key, np.zeros(count, bool))).astype(bool)
    if flags.shape != (count,):
        raise ShapeError(f"targets[{place}][{key!r}] is one flag for each of {count} boxes, not\n"
                         f"  {flags.shape}")
    return flags


def _iou(boxes: Any, truth: Any, crowd: Any) -> Any:
    """IoUs (n, m); with a crowd, the share of the detection that lies inside of it."""
    iou = box_iou(boxes, truth)
    if crowd.any():
        sides = (np.minimum(boxes[:, None, 2:], truth[None, :, 2:])
                 - np.maximum(boxes[:, None, :2], truth[None, :, :2]))
        area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        inside = np.maximum(sides, 0).prod(axis=2) / np.where(area == 0, 1, area)[:, None]
        iou = np.where(crowd, inside, iou)
    return iou


def _curve(found: Sequence[Found], threshold: float, rule: str) -> tuple[Any, Any, Any]:
    """Precision, recall and score after each detection of all pictures, best first."""
    match = _match_coco if rule == "coco" else _match_voc
    judged = [match(one, threshold) for one in found]
    scores = np.concatenate([one.scores for one in found])
    order = np.argsort(-scores, kind="stable")
    order = order[~np.concatenate([ignored for _, ignored in judged])[order]]
    right = np.concatenate([right for right, _ in judged])[order]
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    return precision, hits / sum(int((~one.ignored).sum()) for one in found), scores[order]


def _match_coco(one: Found, threshold: float) -> tuple[Any, Any]:
    """Each detection takes the free box it overlaps most; an ignored one if there is no other."""
    count, boxes = one.iou.shape
    right, ignored = np.zeros(count, bool), np.zeros(count, bool)
    taken = np.zeros(boxes, bool)
    for d in range(count):
        candidates = (one.iou[d] >= min(threshold, 1 - 1e-10)) & (~taken | one.crowd)
        counting = candidates & ~one.ignored
        choice = counting if counting.any() else candidates
        if not choice.any():
            continue
        overlap = np.where(choice, one.iou[d], -1.0)
        best = boxes - 1 - int(overlap[::-1].argmax())  # the last of equals, as in pycocotools
        taken[best] = True
        right[d], ignored[d] = not one.ignored[best], one.ignored[best]
    return right, ignored


def _match_voc(one: Found, threshold: float) -> tuple[Any, Any]:
    """Each detection goes to the box it overlaps most, right only if it is the first one there."""
    count, boxes = one.iou.shape
    right, ignored = np.zeros(count, bool), np.zeros(count, bool)
    taken = np.zeros(boxes, bool)
    for d in range(count if boxes else 0):
        best = int(one.iou[d].argmax())
        if one.iou[d, best] >= threshold:
            ignored[d] = one.ignored[best]
            right[d] = not (ignored[d] or taken[best])
            taken[best] = True
    return right, ignored
