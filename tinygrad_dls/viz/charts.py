"""Small charts for pages: curves as SVG, histograms over time as pictures; words are HTML.

The words stand outside of the pictures, so that they keep their size where those shrink.
"""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from . import describe
from .samples import BINS, Histogram

Points = Sequence[tuple[float, float]]
LEVELS = 16  # of a histogram's picture
BLUE = (0x3B, 0x76, 0xD6)
WIDE, HIGH = 600.0, 160.0


def number(value: float) -> str:
    """A number for an axis: 1,200 0.31 1e-05."""
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.2g}"
    return f"{value:,.0f}" if float(value).is_integer() else describe.number(value)


def curve(
    points: Points, label: str, says: str, band: Sequence[tuple[float, float, float]] = (),
    marks: Sequence[tuple[str, Points]] = (), level: tuple[float, str] | None = None,
) -> str:
    """A figure: a line through (x, y); `band` (x, low, high) around it; `marks` as dots.

    Logarithmic where all is above 0 and the largest is 30 times the least. `level`: a dashed line
    and what it is.
    """
    ys = [y for _, y in points] + [y for _, more in marks for _, y in more]
    ys += [y for _, low, high in band for y in (low, high)]
    ys = [y for y in ys if math.isfinite(y)]
    if not ys:
        return f"<figure><figcaption>{escape(says)}</figcaption></figure>"
    if level is not None:
        ys.append(level[0])
    log = min(ys) > 0 and max(ys) > 30 * min(ys)
    low, high = min(ys), max(ys)
    if log:
        low, high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high))
    elif low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    xs = [x for x, _ in points] + [x for _, more in marks for x, _ in more]
    left, right = min(xs), max(xs)

    def place(x: float, y: float) -> str:
        across = (x - left) / ((right - left) or 1.0)
        up = (math.log(y / low) / math.log(high / low)) if log else (y - low) / (high - low)
        return f"{WIDE * across:.1f},{HIGH * (1 - up):.1f}"

    parts = []
    if band:
        outline = [place(x, y) for x, _, y in band] + [place(x, y) for x, y, _ in reversed(band)]
        parts.append(f'<polygon class="band" points="{" ".join(outline)}"/>')
    if level is not None and low <= level[0] <= high:
        ends = place(left, level[0]), place(left if right == left else right, level[0])
        parts.append(f'<polyline class="level" points="{" ".join(ends)}"/>')
    good = [place(x, y) for x, y in points if math.isfinite(y)]
    if len(good) == 1:  # a line of its own, so that it is seen
        good = [f"0,{good[0].split(',')[1]}", f"{WIDE:g},{good[0].split(',')[1]}"]
    parts.append(f'<polyline class="line" points="{" ".join(good)}"/>')
    for i, (_, more) in enumerate(marks):
        dots = [place(x, y).replace(",", " ") for x, y in more if math.isfinite(y)]
        parts += [f'<path class="dot d{i % 3}" d="M{dot}h0"/>' for dot in dots]
    middle = math.sqrt(low * high) if log else (low + high) / 2
    picture = (f'<svg viewBox="0 0 {WIDE:g} {HIGH:g}" preserveAspectRatio="none" role="img" '
               f'aria-label="{escape(says)}"><path class="grid" d="M0 {HIGH / 2:g}H{WIDE:g}"/>'
               + "".join(parts) + "</svg>")
    words = [label + (", logarithmic" if log else "")]
    words += [level[1]] if level is not None and low <= level[0] <= high else []
    words += [f"dots: {name}" for name, _ in marks]
    return _figure(picture, [number(high), number(middle), number(low)],
                   [f"step {number(left)}", f"step {number(right)}"], "; ".join(words), says)


def spread(histograms: Sequence[Histogram], label: str, says: str, magnitudes: bool) -> str:
    """A figure: histograms over time, one column each, darker where more elements are."""
    shown = [h for h in histograms if h.counts.any()]
    if not shown:
        return f"<figure><figcaption>{escape(says)}</figcaption></figure>"
    low, high = min(h.low for h in shown), max(h.high for h in shown)
    if magnitudes:  # all have the same parts: the empty ones at both ends are left out
        filled = np.flatnonzero(sum(h.counts for h in shown))
        first, last, width = filled[0], filled[-1] + 1, (high - low) / BINS
        low, high = low + width * first, low + width * last
        columns = [h.counts[first:last] for h in histograms]
    else:
        high = high if high > low else low + (abs(low) or 1.0)
        columns = [h.on(low, high) for h in histograms]
    levels = np.array([
        np.ceil((LEVELS - 1) * np.sqrt(c / max(1.0, float(c.max())))) for c in columns
    ], np.uint8).T[::-1]
    edges = [high, (low + high) / 2, low]
    names = [number(10 ** e) for e in edges] if magnitudes else [number(e) for e in edges]
    data = base64.b64encode(_png(levels)).decode()
    picture = f'<img class="heat" src="data:image/png;base64,{data}" alt="{escape(says)}">'
    ends = [f"step {number(histograms[0].step)}", f"step {number(histograms[-1].step)}"]
    return _figure(picture, names, ends, label, says)


def _figure(picture: str, left: list[str], below: list[str], label: str, says: str) -> str:
    side = "".join(f"<span>{escape(text)}</span>" for text in left)
    foot = "".join(f"<span>{escape(text)}</span>" for text in below)
    return (f'<figure><p class="label">{escape(label)}</p><div class="plot">'
            f'<div class="side" aria-hidden="true">{side}</div>{picture}'
            f'<div class="foot" aria-hidden="true">{foot}</div></div>'
            f"<figcaption>{escape(says)}</figcaption></figure>")


def _png(levels: Any) -> bytes:
    """A picture of LEVELS shades of BLUE over whatever is below (PNG, ISO/IEC 15948)."""
    height, width = levels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in levels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(
            ">I", zlib.crc32(name + data))

    shades = bytes(round(255 * i / (LEVELS - 1)) for i in range(LEVELS))
    head = struct.pack(">2I5B", width, height, 8, 3, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"PLTE", bytes(BLUE) * LEVELS) + chunk(b"tRNS", shades)
            + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))
