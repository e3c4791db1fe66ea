"""Arguments for the kernels of pooling and resampling: large images, both layouts, gaps, ties."""

from typing import Any

import numpy as np

from tinygrad_dls.backend.kernels.axis_map import averaging, interpolating, transposed
from tinygrad_dls.backend.kernels.windows import Adaptive, Sliding

SHAPES = ((3, 6, 17, 20), (2, 1, 16, 9), (2, 33, 9, 8))
WINDOWS = (
    Sliding((2, 2), (2, 2), (0, 0), (1, 1)), Sliding((8, 8), (8, 8), (0, 0), (1, 1)),
    Sliding((3, 5), (2, 1), (1, 2), (1, 1), True), Sliding((3, 2), (1, 3), (0, 1), (2, 3)),
    Adaptive((1, 1)), Adaptive((5, 7)), Sliding((4, 4), (9, 5), (2, 2), (1, 1)),
)


def images(shape: tuple[int, ...], seed: int = 0) -> list[np.ndarray]:
    """The same numbers channels-first, channels-last and with gaps; many are equal, some NaN."""
    x = np.random.default_rng(seed).integers(-20, 20, shape) * 0.5
    x[0, 0, 1, 2:4] = np.nan
    x[-1, 0, 0, :3] = -np.inf, np.inf, -0.0
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    wide = np.zeros((*shape[:-1], 2 * shape[-1]))
    wide[..., ::2] = x
    return [x, last, wide[..., ::2]]


def arguments() -> dict[str, list[Any]]:
    """Calls of each kernel."""
    pooled, back, mapped, places = [], [], [], []
    rng = np.random.default_rng(3)
    for shape in SHAPES:
        for window in WINDOWS:
            if isinstance(window, Sliding) and max(window.kernel_size) > min(shape[2:]):
                continue
            windows = window.over(shape[2:])
            lengths = tuple(len(w.starts) for w in windows)
            for x in images(shape):
                pooled.append((x, windows))
            counts = np.multiply.outer(*[np.array(w.counts) for w in windows])
            rows = rng.integers(0, 10**6, (*shape[:2], *lengths)) % np.array(windows[0].counts)[
                :, None]
            columns = rng.integers(0, 10**6, (*shape[:2], *lengths)) % np.array(windows[1].counts)
            numbers = (rows * windows[1].width + columns).astype(np.uint8)
            assert counts.shape == lengths
            dy = rng.standard_normal(numbers.shape)
            last = np.ascontiguousarray(dy.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
            back += [(dy, numbers, windows), (last, numbers, windows)]
            places.append((numbers, windows))
            means = tuple(averaging(w, True) for w in windows)
            finite = [np.nan_to_num(x, posinf=2.0, neginf=1.0) for x in images(shape)]
            mapped += [(x, means) for x in finite] + [(dy, transposed(means))]
        for mode, to in (("nearest", (30, 4)), ("bilinear", (9, 33)), ("bicubic", (20, 20))):
            maps = tuple(interpolating(mode, n, m, None, False) for n, m in zip(shape[2:], to))
            mapped.append((rng.standard_normal(shape), maps))
            mapped.append((rng.standard_normal((*shape[:2], *to)), transposed(maps)))
    wide = Sliding((17, 20), (1, 1), (0, 0), (1, 1)).over((17, 20))  # 340 places: no byte
    pooled += [(x, wide) for x in images(SHAPES[0])]
    return {"max_pool": pooled, "max_pool_backward": back, "window_places": places,
            "resample": mapped}
