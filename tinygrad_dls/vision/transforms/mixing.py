"""Augmentation that hides or mixes: cut-out and mixup."""

import math
from typing import Any

import numpy as np

from ..._util.arguments import is_amount, is_whole
from ..._util.keywords import near_names
from ...errors import DataError, ShapeError
from ...random import Generator, chosen
from ..operands import as_given, on_host
from . import functional as F
from .base import Array, Transform, pictures
from .geometry import probability


class RandomErasing(Transform):
    """Cut out a random rectangle of each picture with probability p (cut-out; Zhong et al. 2017).

    Its area is a share of the picture in `scale`, its height / width in `ratio`. `value` is put
    there: a number, one for each channel, or "random" for normal noise.

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.vision import transforms
    >>> erase = transforms.RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1, 1),
    ...                                  generator=dls.Generator(0))
    >>> erase(np.ones((1, 8, 8), np.float32)).sum().item()
    48.0
    """

    @near_names
    def __init__(
        self, p: float = 0.5, scale: Any = (0.02, 0.33), ratio: Any = (0.3, 3.3), value: Any = 0,
        generator: Generator | None = None,
    ) -> None:
        if not 0 <= scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
            raise DataError(f"scale is (low, high) within 0 to 1 and ratio above 0, not {scale!r} "
                            f"and {ratio!r}")
        if isinstance(value, str) and value != "random":
            raise DataError(f"value is a number, one for each channel, or 'random', not {value!r}")
        self.p, self.scale, self.ratio = probability(p), scale, ratio
        self.value, self.generator = value, generator

    @near_names
    def apply(self, images: Array) -> Array:
        channels, height, width = images.shape[1:]
        value = None if isinstance(self.value, str) else np.reshape(self.value, (-1, 1, 1))
        if value is not None and len(value) not in (1, channels):
            raise ShapeError(f"value has {len(value)} numbers for {channels} channels")
        erased = images.copy()
        for image in erased:
            if self.uniform(0, 1) < self.p:
                h, w = self._size(height, width)
                top = int(self.random.integers(0, height - h + 1))
                left = int(self.random.integers(0, width - w + 1))
                filling = (self.random.normal((channels, h, w), "float32") if value is None
                           else value)
                image[:] = F.erase(image, top, left, h, w, filling)
        return erased

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a rectangle that fits; none after ten tries."""
        for _ in range(10):
            area = height * width * float(self.uniform(*self.scale))
            low, high = map(math.log, self.ratio)
            ratio = math.exp(float(self.uniform(low, high)))
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h < height and w < width:
                return h, w
        return 0, 0


class MixUp:
    """Mix each picture of a batch, and its label, with the one before it (Zhang et al. 2018).

    x = share * x + (1 - share) * x of the one before, share drawn from Beta(alpha, alpha) once a
    call; labels (m,) become (m, num_classes) in the same proportion, one-hot labels stay so.

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.vision import transforms
    >>> mix = transforms.MixUp(alpha=0.2, num_classes=2, generator=dls.Generator(0))
    >>> x, y = mix(np.zeros((4, 1, 2, 2), np.float32), np.array([0, 1, 0, 1]))
    >>> y.shape, y.sum(axis=1).tolist()
    ((4, 2), [1.0, 1.0, 1.0, 1.0])
    """

    @near_names
    def __init__(
        self, alpha: float = 1.0, num_classes: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not is_amount(alpha) or float(alpha) == 0:
            raise DataError(f"alpha is above 0, not {alpha!r}")
        self.alpha, self.num_classes, self.generator = float(alpha), num_classes, generator

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        batch = pictures(images)
        targets = self._one_hot(on_host(labels))
        if batch.ndim != 4 or len(batch) != len(targets):
            raise ShapeError("MixUp takes a batch and a label for each picture:\n"
                             f"  images  {batch.shape}\n  labels  {targets.shape}")
        share = float(chosen(self.generator).numpy.beta(self.alpha, self.alpha))
        mixed = F.in_floats(batch)
        mixed = share * mixed + (1 - share) * np.roll(mixed, 1, axis=0)
        targets = share * targets + (1 - share) * np.roll(targets, 1, axis=0)
        return (as_given(F.as_before(mixed, batch, nearest=True), images),
                as_given(targets, images, labels))

    def __repr__(self) -> str:
        return f"MixUp(alpha={self.alpha!r}, num_classes={self.num_classes!r})"

    def _one_hot(self, labels: Array) -> Array:
        if labels.ndim == 2:
            return labels.astype(np.float32)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ShapeError(f"labels are whole numbers (m,) or one-hot (m, classes), not "
                             f"{labels.dtype}\n  {labels.shape}")
        if self.num_classes is None or not is_whole(self.num_classes, 1):
            raise DataError("labels that are numbers need MixUp(num_classes=...)")
        if labels.size and not (0 <= labels.min() and labels.max() < self.num_classes):
            raise DataError(f"labels range from {labels.min()} to {labels.max()}, not from 0 to "
                            f"{self.num_classes - 1}")
        return np.eye(self.num_classes, dtype=np.float32)[labels]
