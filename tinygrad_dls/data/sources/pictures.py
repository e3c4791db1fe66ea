"""Pictures made by seeded code: a painting, and further photographs of a face made of one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._util.optional import need

PALETTE = (
    (24, 44, 92), (42, 88, 150), (92, 150, 190), (236, 196, 72),
    (226, 120, 44), (180, 60, 50), (240, 232, 200), (60, 110, 80),
)
STROKES = 5000


def painting(height: int = 300, width: int = 400, seed: int = 1) -> NDArray[np.uint8]:
    """Return a painting uint8 (height, width, 3): short strokes of oil that follow a swirl.

    The direction of a stroke and its color depend on its place, both smoothly, and on chance.
    """
    image, draw = (need(f"PIL.{name}", "the painting") for name in ("Image", "ImageDraw"))
    rng = np.random.default_rng(seed)
    canvas = image.new("RGB", (2 * width, 2 * height), PALETTE[0])  # twice the size: smooth edges
    pen = draw.Draw(canvas)
    for _ in range(STROKES):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        shade = (np.sin(x / 60) + np.cos(y / 45) + np.sin((x + y) / 80) + 3) / 6
        place = int(np.clip(8 * shade + rng.normal(0, 0.6), 0, 7))
        color = np.clip(PALETTE[place] + rng.normal(0, 10, 3), 0, 255)
        points = []
        for _ in range(10):
            points.append((2 * x, 2 * y))
            angle = 2 * np.sin(x / 70) + 2 * np.cos(y / 55)
            x, y = x + 3 * np.cos(angle), y + 3 * np.sin(angle)
        pen.line(points, fill=tuple(int(part) for part in color), width=6)
    small = canvas.resize((width, height), image.Resampling.LANCZOS)
    return np.asarray(small, np.uint8)


def variations(
    face: NDArray[np.uint8], count: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return `count` other photographs (count, h, w) of the face (h, w).

    Each is turned by up to 12 degrees, scaled by up to 10 %, shifted by up to 6 % of its width,
    half of them mirrored, lit from one side, with another contrast and with noise.
    """
    h, w = face.shape
    rows, columns = np.mgrid[:h, :w].astype(np.float64)
    rows, columns = rows - (h - 1) / 2, columns - (w - 1) / 2
    made = []
    for _ in range(count):
        angle, scale = np.radians(rng.uniform(-12, 12)), rng.uniform(0.9, 1.1)
        down, right = rng.uniform(-0.06, 0.06, 2) * (h, w)
        mirror = rng.choice((-1.0, 1.0))
        y = scale * (np.cos(angle) * rows - np.sin(angle) * columns) + down
        x = scale * (np.sin(angle) * rows + np.cos(angle) * columns) * mirror + right
        found = _bilinear(face.astype(np.float64), y + (h - 1) / 2, x + (w - 1) / 2)
        direction = rng.uniform(0, 2 * np.pi)
        light = (np.cos(direction) * rows / h + np.sin(direction) * columns / w) * 60
        contrast, noise = rng.uniform(0.8, 1.2), rng.normal(0, 5, face.shape)
        mean = found.mean()
        seen = mean + contrast * (found - mean) + light + rng.uniform(-20, 20) + noise
        made.append(np.clip(np.rint(seen), 0, 255).astype(np.uint8))
    return np.stack(made)


def _bilinear(image: NDArray[Any], y: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Values at the places (y, x) between pixels; outside, those of the border."""
    y, x = np.clip(y, 0, image.shape[0] - 1), np.clip(x, 0, image.shape[1] - 1)
    top = np.minimum(y.astype(int), image.shape[0] - 2)
    left = np.minimum(x.astype(int), image.shape[1] - 2)
    v, u = y - top, x - left
    above = (1 - u) * image[top, left] + u * image[top, left + 1]
    below = (1 - u) * image[top + 1, left] + u * image[top + 1, left + 1]
    return (1 - v) * above + v * below  # type: ignore[no-any-return]
