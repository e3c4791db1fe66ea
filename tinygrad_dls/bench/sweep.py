"""Random convolutions and products in the shapes of our networks, each beside PyTorch's.

The benchmark's cases are networks that everybody here knows by heart. A sweep draws layers of them,
with other batches and sizes of images, and says how many are slower than PyTorch's, and which.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..backend.device import Device
from ..engine.modes import no_grad
from ..tensors import Tensor
from .timing import interleave

NETWORKS = ("c2", "d1", "d2", "e", "f", "g", "k", "l", "m", "n", "r", "t")  # cases to draw from
WAYS = ("forward", "dx", "dW")
LARGEST = 1e9  # multiplications and additions of one call: more would take minutes
Report = Callable[[str], None]
Calls = dict[str, Callable[[], Any]]


class Convolution(NamedTuple):
    """A convolution of images (batch, channels, height, width), without bias."""

    batch: int
    height: int
    width: int
    channels: int
    filters: int
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def out(self) -> tuple[int, ...]:
        """Height and width of the output."""
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(
                (self.height, self.width), self.window, self.stride, self.padding, self.dilation))

    @property
    def work(self) -> float:
        """Multiplications and additions."""
        window = self.window[0] * self.window[1]
        return 2.0 * self.batch * np.prod(self.out) * self.filters * window * (
            self.channels // self.groups)

    @property
    def family(self) -> str:
        """Its window, or that it is depthwise."""
        if self.groups > 1:
            return "depthwise" if self.groups == self.channels else "in groups"
        kind = f"{self.window[0]} x {self.window[1]}"
        return kind if kind in ("1 x 1", "3 x 3") else "other windows"

    def drawn(self, rng: np.random.Generator) -> Convolution:
        """This layer with another batch, and images of .5 to 1.5 times the size."""
        scale, least = rng.uniform(0.5, 1.5), [
            d * (k - 1) + 1 for k, d in zip(self.window, self.dilation)]
        height, width = (max(round(n * scale), k) for n, k in zip((self.height, self.width), least))
        other = self._replace(batch=int(2 ** rng.uniform(0, 6)), height=height, width=width)
        return other._replace(batch=max(1, int(other.batch * min(1.0, LARGEST / other.work))))

    def calls(self, way: str, torch: Any) -> Calls:
        """One of forward, dx and dW: ours, and PyTorch's in both of its layouts."""
        rng = np.random.default_rng(0)
        x, dy = (  # channels last in memory, as our layers keep images
            rng.standard_normal((self.batch, *places, count), "f").transpose(0, 3, 1, 2)
            for places, count in (((self.height, self.width), self.channels),
                                  (self.out, self.filters)))
        w = rng.standard_normal((self.filters, self.channels // self.groups, *self.window), "f")
        pads = tuple((p, p) for p in self.padding)
        at: tuple[Any, ...] = (self.stride, pads, self.dilation, self.groups)
        kernels = Device("cpu").kernels
        ours = {
            "forward": partial(kernels.convolution, x, w, None, *at),
            "dx": partial(
                kernels.transposed_convolution, dy, w, None, (self.height, self.width), *at),
            "dW": partial(kernels.convolution_weight_gradient, x, dy, self.window, *at),
        }
        return {"ours": ours[way], **{
            name: self._torchs(way, torch, *(
                torch.from_numpy(a).contiguous(memory_format=layout) for a in (x, w, dy)))
            for name, layout in (("torch", torch.contiguous_format),
                                 ("torch_channels_last", torch.channels_last))}}

    def _torchs(self, way: str, torch: Any, x: Any, w: Any, dy: Any) -> Callable[[], Any]:
        if way == "forward":
            return partial(torch.nn.functional.conv2d, x, w, None, self.stride, self.padding,
                           self.dilation, self.groups)
        place = WAYS.index(way) - 1
        backward = partial(
            torch.ops.aten.convolution_backward, dy, x, w, None, self.stride, self.padding,
            self.dilation, False, (0, 0), self.groups, [place == 0, place == 1, False])
        return lambda: backward()[place]

    def __str__(self) -> str:
        by = f" by {self.stride[0]}" if max(self.stride) > 1 else ""
        groups = f", {self.groups} groups" if self.groups > 1 else ""
        return (f"{self.batch} x {self.height} x {self.width}, {self.channels} to {self.filters}, "
                f"{self.window[0]} x {self.window[1]}{by}{groups}")


class Product(NamedTuple):
    """A linear layer: rows (m, inputs) times a weight (outputs, inputs), without bias."""

    rows: int
    inputs: int
    outputs: int

    @property
    def work(self) -> float:
        """Multiplications and additions."""
        return 2.0 * self.rows * self.inputs * self.outputs

    @property
    def family(self) -> str:
        """All are of one."""
        return "products"

    def drawn(self, rng: np.random.Generator) -> Product:
        """This layer of 1 to 4,096 rows."""
        other = self._replace(rows=int(2 ** rng.uniform(0, 12)))
        return other._replace(rows=max(1, int(other.rows * min(1.0, LARGEST / other.work))))

    def calls(self, way: str, torch: Any) -> Calls:
        """One of forward, dx and dW: ours and PyTorch's."""
        rng = np.random.default_rng(0)
        x, w, dy = (rng.standard_normal(shape, "f") for shape in (
            (self.rows, self.inputs), (self.outputs, self.inputs), (self.rows, self.outputs)))
        kernels, place = Device("cpu").kernels, WAYS.index(way) - 1
        if way == "forward":
            ours: Callable[[], Any] = partial(kernels.linear, x, w, None)
        else:
            needs = (place == 0, place == 1, False)
            ours = lambda: kernels.linear_backward(dy, x, w, needs)[place]  # noqa: E731
        a, b, d = (torch.from_numpy(v) for v in (x, w, dy))
        theirs: Calls = {"forward": partial(torch.nn.functional.linear, a, b),
                  "dx": lambda: d @ b, "dW": lambda: d.T @ a}
        return {"ours": ours, "torch": theirs[way]}

    def __str__(self) -> str:
        return f"({self.rows}, {self.inputs}) @ ({self.inputs}, {self.outputs})"


class Row(NamedTuple):
    """A layer, one way through it, and how long it takes here and there."""

    shape: str
    family: str
    way: str
    ours_ms: float
    torch_ms: float  # of the faster of its layouts
    difference: float  # largest, over the largest number of PyTorch's result

    @property
    def ratio(self) -> float:
        """Our time by PyTorch's: below 1 is faster."""
        return self.ours_ms / self.torch_ms


def layers() -> list[Convolution | Product]:
    """The convolutions and linear layers of the benchmark's networks, each shape once."""
    from .cases import CASES, OURS

    found: dict[Convolution | Product, None] = {}

    def note(module: Any, inputs: Any, output: Any) -> None:
        found[_layer(module, inputs[0].shape)] = None

    for name in NETWORKS:
        model = CASES[name].network(OURS).eval()
        for part in model.modules():
            if type(part) in (nn.Conv2d, nn.Linear):
                part.register_forward_hook(note)
        with no_grad():
            model(Tensor(CASES[name].data()[0][:1]))
    return list(found)


def draw(
    found: Sequence[Convolution | Product], count: int, seed: int
) -> list[tuple[Convolution | Product, str]]:
    """`count` random layers like those found, and ways through them; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [(found[int(rng.integers(len(found)))].drawn(rng), WAYS[rng.integers(len(WAYS))])
            for _ in range(count)]


def _layer(module: Any, shape: tuple[int, ...]) -> Convolution | Product:
    if isinstance(module, nn.Linear):
        return Product(1, module.in_features, module.out_features)
    n, c, h, w = shape
    padding = module.padding
    if padding == "same":  # by words: half of what the window lacks at each end
        padding = tuple(d * (k - 1) // 2 for k, d in zip(module.kernel_size, module.dilation))
    return Convolution(n, h, w, c, module.out_channels, module.kernel_size, module.stride,
                       (0, 0) if padding == "valid" else padding, module.dilation, module.groups)


def measure(
    count: int = 200, seed: int = 0, report: Report = lambda line: None, seconds: float = 0.02
) -> list[Row]:
    """Time `count` random layers, one way through each, and compare the results."""
    torch: Any = importlib.import_module("torch")
    rows = []
    for i, (layer, way) in enumerate(draw(layers(), count, seed)):
        report(f"{i + 1} of {count}: {layer}, {way}")
        calls = layer.calls(way, torch)
        mine, theirs = (np.asarray(calls[name]()) for name in ("ours", "torch"))
        difference = float(abs(mine - theirs).max() / abs(theirs).max())
        times = interleave(calls, rounds=3, seconds=seconds)
        best = min(ms for name, ms in times.items() if name != "ours")
        rows.append(Row(str(layer), layer.family, way, times["ours"], best, difference))
    return rows


def text(rows: list[Row], worst: int = 10) -> str:
    """Return a table of how many are not slower than PyTorch, by family, and of the worst."""
    lines = ["| layers | shapes | not slower than PyTorch | at most 1.3 times as slow | median |",
             "|---|---|---|---|---|"]
    for name in ("all", *sorted({r.family for r in rows})):
        ratios = np.array([r.ratio for r in rows if name in ("all", r.family)])
        lines.append(f"| {name} | {len(ratios)} | {(ratios <= 1).mean():.0%} | "
                     f"{(ratios <= 1.3).mean():.0%} | {np.median(ratios):.2f} |")
    lines += ["", "| the slowest | way | ours, ms | PyTorch, ms | ratio |", "|---|---|---|---|---|"]
    lines += [f"| {r.shape} | {r.way} | {r.ours_ms:.3g} | {r.torch_ms:.3g} | {r.ratio:.2f} |"
              for r in sorted(rows, key=lambda r: -r.ratio)[:worst]]
    return "\n".join(lines) + "\n"
