"""From a picture to the boxes of what a trained detector sees on it."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from .. import vision
from .._util.keywords import near_names
from ..engine.modes import no_grad
from .pictures import as_picture


class Detections(TypedDict):
    """boxes float32 (k, 4) as x1, y1, x2, y2 in pixels; scores (k,); labels int64 (k,)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


@near_names
def detect(
    model: Any, picture: Any, score_threshold: float = 0.4, iou_threshold: float = 0.45
) -> Detections:
    """Return what a detector of `models.load` finds on one picture, surest first.

    picture: uint8 (h, w, 3) in RGB, or a Pillow image, of any size. A box counts for every class
    whose score is at least score_threshold; per class, those that overlap a surer one by more
    than iou_threshold are suppressed. labels are places in `model.classes`.

        found = models.detect(models.load("tiny_yolov2"), picture)
    """
    height, width = as_picture(picture).shape[:2]
    with no_grad():
        outputs = model(model.transform(picture))
    boxes, scores = (part[0] for part in model.boxes(outputs))
    places, labels = np.nonzero(scores >= score_threshold)
    found, sure = boxes[places], scores[places, labels]
    kept = vision.batched_nms(found, sure, labels, iou_threshold)
    pixels = model.transform.to_picture(found[kept], (height, width))
    return {
        "boxes": vision.clip_boxes_to_image(pixels, (height, width)).astype(np.float32),
        "scores": sure[kept].astype(np.float32),
        "labels": labels[kept],
    }
