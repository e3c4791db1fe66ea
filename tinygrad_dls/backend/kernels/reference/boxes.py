"""Boxes: which are suppressed by better ones."""

from typing import Any

from .base import Family


class Boxes(Family):
    """suppress."""

    def suppress(self, boxes: Any, groups: Any, threshold: float) -> Any:
        """Mark which of the boxes (n, 4), best first, are kept: bool (n,).

        A kept box suppresses those behind it in its group whose IoU is above the threshold.
        """
        xp = self.xp
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        limit = xp.asarray(threshold, dtype="float64")  # not rounded to the boxes' dtype
        kept = xp.ones(boxes.shape[0], dtype=bool)
        for i in range(boxes.shape[0]):
            if not bool(kept[i]):
                continue
            rest = slice(i + 1, None)
            sides = (xp.minimum(boxes[i, 2:], boxes[rest, 2:])
                     - xp.maximum(boxes[i, :2], boxes[rest, :2]))
            shared = xp.maximum(sides[:, 0], 0) * xp.maximum(sides[:, 1], 0)
            union = area[i] + area[rest] - shared
            iou = shared / xp.where(union == 0, xp.ones_like(union), union)
            kept[rest] &= (iou <= limit) | (groups[rest] != groups[i])
        return kept
