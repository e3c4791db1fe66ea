"""Transforms that move pixels: resize, crop, flip, rotate."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._util.arguments import is_amount, is_whole
from ..._util.keywords import near_names
from ...errors import DataError, ShapeError
from ...random import Generator
from . import functional as F
from .base import Array, Transform, pair


class Resize(Transform):
    """Resample to `size`: (height, width), or a number for the shorter side.

    `interpolation`: nearest, bilinear or bicubic. `max_size` limits the longer side. With
    `antialias` (which nearest has not) a smaller picture is made of means.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> transforms.Resize(32)(np.zeros((3, 64, 96), np.float32)).shape
    (3, 32, 48)
    """

    @near_names
    def __init__(
        self, size: Any, interpolation: str = "bilinear", max_size: int | None = None,
        antialias: bool = True,
    ) -> None:
        sides = [size] if isinstance(size, int) else list(size)
        if not 1 <= len(sides) <= 2 or not all(is_whole(n, 1) for n in sides):
            raise ShapeError(f"size is a whole number from 1, or (height, width), not {size!r}")
        if max_size is not None and (len(sides) == 2 or max_size <= sides[0]):
            raise DataError(f"max_size={max_size} limits the longer side, so size is one number "
                            f"below it, not {size!r}")
        self.size, self.interpolation = size, interpolation
        self.max_size, self.antialias = max_size, antialias

    @near_names
    def apply(self, images: Array) -> Array:
        size = F.target_size(images.shape[-2:], self.size, self.max_size)
        return F.resize(images, size, self.interpolation, self.antialias)


class CenterCrop(Transform):
    """Cut out the middle, of `size` (height, width) or a square; a smaller picture gets a border.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> transforms.CenterCrop(2)(np.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[5.0, 6.0], [9.0, 10.0]]]
    """

    @near_names
    def __init__(self, size: Any) -> None:
        self.size = pair(size, "size")

    @near_names
    def apply(self, images: Array) -> Array:
        (height, width), (h, w) = self.size, images.shape[-2:]
        extra = max(height - h, 0), max(width - w, 0)
        if any(extra):
            images = F.pad(images, (extra[1] // 2, extra[0] // 2,
                                    (extra[1] + 1) // 2, (extra[0] + 1) // 2))
            h, w = images.shape[-2:]
        return F.crop(images, round((h - height) / 2), round((w - width) / 2), height, width)


class RandomCrop(Transform):
    """Cut out a rectangle of `size` at a random place, another one of each picture.

    `padding` is added first, as in `functional.pad`; with `pad_if_needed` so is what is missing.

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.vision import transforms
    >>> shift = transforms.RandomCrop(32, padding=4, generator=dls.Generator(0))
    >>> shift(np.zeros((5, 3, 32, 32), np.uint8)).shape
    (5, 3, 32, 32)
    """

    @near_names
    def __init__(
        self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: float = 0,
        padding_mode: str = "constant", generator: Generator | None = None,
    ) -> None:
        self.size, self.padding, self.pad_if_needed = pair(size, "size"), padding, pad_if_needed
        self.fill, self.padding_mode, self.generator = fill, padding_mode, generator

    @near_names
    def apply(self, images: Array) -> Array:
        height, width = self.size
        if self.padding is not None:
            images = F.pad(images, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            missing = max(width - images.shape[-1], 0), max(height - images.shape[-2], 0)
            images = F.pad(images, missing, self.fill, self.padding_mode)
        m, (h, w) = len(images), images.shape[-2:]
        if height > h or width > w:
            raise ShapeError(f"a crop of {height} x {width} does not fit into pictures of {h} x "
                             f"{w}: pad_if_needed=True, or Resize first")
        tops = self.random.integers(0, h - height + 1, (m,))
        lefts = self.random.integers(0, w - width + 1, (m,))
        cut = [F.crop(image, top, left, height, width)
               for image, top, left in zip(images, tops, lefts)]
        return np.stack(cut) if cut else images[..., :height, :width]


class RandomHorizontalFlip(Transform):
    """Mirror each picture, left for right, with probability p.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> transforms.RandomHorizontalFlip(p=1.0)(np.arange(4.0).reshape(1, 2, 2)).tolist()
    [[[1.0, 0.0], [3.0, 2.0]]]
    """

    @near_names
    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        self.p, self.generator = probability(p), generator

    @near_names
    def apply(self, images: Array) -> Array:
        flipped = self.uniform(0, 1, len(images)) < self.p
        return np.where(flipped[:, None, None, None], F.hflip(images), images)


class RandomRotation(Transform):
    """Turn each picture around its center by a random angle.

    The angle is between -degrees and degrees, or in (low, high), counter-clockwise.
    `interpolation`: nearest or bilinear; `fill` is put where nothing of the picture lands.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> transforms.RandomRotation((90, 90))(np.arange(4.0).reshape(1, 2, 2)).tolist()
    [[[1.0, 3.0], [0.0, 2.0]]]
    """

    @near_names
    def __init__(
        self, degrees: Any, interpolation: str = "nearest", fill: float = 0,
        generator: Generator | None = None,
    ) -> None:
        low, high = degrees if isinstance(degrees, Sequence) else (-degrees, degrees)
        if not low <= high:
            raise DataError(f"degrees is a number from 0, or (low, high), not {degrees!r}")
        self.degrees, self.interpolation = (float(low), float(high)), interpolation
        self.fill, self.generator = fill, generator

    @near_names
    def apply(self, images: Array) -> Array:
        angles = self.uniform(*self.degrees, len(images))
        return F.rotate(images, angles, self.interpolation, self.fill)


def probability(p: Any) -> float:
    """A number from 0 to 1; DataError for anything else."""
    if not is_amount(p) or p > 1:
        raise DataError(f"a probability is between 0 and 1, not {p!r}")
    return float(p)
