"""Transforms of values: from bytes to floats, standardized channels, other colors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._util.keywords import near_names
from ...errors import DataError, DtypeError, ShapeError
from ...random import Generator
from ...tensors import Tensor
from ..operands import as_given, on_host
from . import functional as F
from .base import Array, Transform, pictures


class ToTensor:
    """Make a float32 Tensor (..., channels, height, width) of arrays with channels last.

    They are (height, width, 3) as pictures are read, a batch of such, or (height, width). uint8 is
    divided by 255.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> x = transforms.ToTensor()(np.full((4, 6, 3), 255, np.uint8))
    >>> x.shape, float(x.max())
    ((3, 4, 6), 1.0)
    """

    def __call__(self, images: Any) -> Tensor:
        values = on_host(images)
        values = values[..., None] if values.ndim == 2 else values
        if values.ndim < 3 or values.shape[-1] not in (1, 3, 4):
            raise ShapeError("ToTensor takes pictures with channels last, (height, width, 3), "
                             f"not\n  {np.shape(images)}")
        moved = np.ascontiguousarray(np.moveaxis(values, -1, -3), np.float32)
        return Tensor(moved / np.float32(255) if values.dtype == np.uint8 else moved)

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize(Transform):
    """Subtract the mean of each channel and divide by its standard deviation. Differentiable.

    >>> import numpy as np
    >>> from tinygrad_dls.vision import transforms
    >>> transforms.Normalize([0.5], [0.25])(np.ones((1, 1, 2), np.float32)).tolist()
    [[[2.0, 2.0]]]
    """

    @near_names
    def __init__(self, mean: Any, std: Any) -> None:
        self.mean, self.std = (np.atleast_1d(on_host(x)).astype(np.float64).tolist()
                               for x in (mean, std))
        if not all(value > 0 for value in self.std):
            raise DataError(f"a standard deviation is above 0, not {std!r}")

    def __call__(self, images: Any) -> Any:
        values = images.detach() if isinstance(images, Tensor) else images
        batch = pictures(values)
        if batch.dtype.kind != "f":
            raise DtypeError("Normalize takes floats: divide uint8 pictures by 255 (ToTensor does) "
                             "if mean and std are for values from 0 to 1")
        wrong = [n for n in (len(self.mean), len(self.std)) if n not in (1, batch.shape[-3])]
        if wrong:
            raise ShapeError(f"mean and std have one value, or one for each of "
                             f"{batch.shape[-3]} channels, not {wrong[0]}:\n  {batch.shape}")
        shape = (-1, 1, 1)
        mean, std = (as_given(np.array(x, batch.dtype).reshape(shape), images)
                     for x in (self.mean, self.std))
        return F.normalize(images if isinstance(images, Tensor) else batch, mean, std)


class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue by random factors, in random order.

    A number x stands for factors from max(0, 1 - x) to 1 + x, of hue for -x to x (at most 1/2); a
    pair is the range itself. Factors are drawn for each picture, the order once a call.

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls.vision import transforms
    >>> jitter = transforms.ColorJitter(brightness=(0.5, 0.5), generator=dls.Generator(0))
    >>> jitter(np.full((3, 1, 1), 200, np.uint8)).ravel().tolist()
    [100, 100, 100]
    """

    @near_names
    def __init__(
        self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0,
        generator: Generator | None = None,
    ) -> None:
        self.brightness = _range(brightness, "brightness", 1.0, (0.0, np.inf))
        self.contrast = _range(contrast, "contrast", 1.0, (0.0, np.inf))
        self.saturation = _range(saturation, "saturation", 1.0, (0.0, np.inf))
        self.hue = _range(hue, "hue", 0.0, (-0.5, 0.5))
        self.generator = generator

    @near_names
    def apply(self, images: Array) -> Array:
        steps = [(F.adjust_brightness, self.brightness), (F.adjust_contrast, self.contrast),
                 (F.adjust_saturation, self.saturation), (F.adjust_hue, self.hue)]
        for place in self.random.permutation(len(steps)):
            adjust, limits = steps[place]
            if limits[0] != limits[1] or limits[0] != (0.0 if adjust is F.adjust_hue else 1.0):
                images = adjust(images, self.uniform(*limits, len(images)))
        return images


def _range(value: Any, name: str, center: float, bounds: tuple[float, float]) -> Any:
    """The range (low, high) that a number or a pair stands for; DataError beyond the bounds."""
    if isinstance(value, Sequence) and len(value) == 2:
        low, high = map(float, value)
    elif isinstance(value, (int, float)) and value >= 0:
        low, high = center - value, center + value
        low = max(low, 0.0) if center else low
    else:
        raise DataError(f"{name} is a number from 0, or (low, high), not {value!r}")
    if not bounds[0] <= low <= high <= bounds[1]:
        raise DataError(f"{name} ranges between {bounds[0]:g} and {bounds[1]:g}, not from "
                        f"{low:g} to {high:g}")
    return low, high
