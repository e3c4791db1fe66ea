"""Single operations beside PyTorch's, forward and backward.

A network's step hides what one operation costs. Here each is run by itself, in sizes that it has in
convolutional networks and Transformers. Images are in C order, as both make them of arrays.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .timing import interleave

Report = Callable[[str], None]
IMAGES = (32, 64, 28, 28)
WORDS = (32, 128, 256)

#: Expressions that mean the same here and in PyTorch. Of the shape below: x, y, z; `mask` of bools;
#: w and b, one number for each channel of images or place of a word vector; `places` along axis 1.
#: `t` has the functions of tensors, F those of layers.
OF_BOTH = """
x + y
x * y
x / (abs(y) + 1.0)
x + w
t.exp(x)
t.sqrt(abs(x))
t.where(mask, x, y)
t.where(mask, x, 0.0)
F.relu(x)
F.leaky_relu(x)
F.sigmoid(x)
F.tanh(x)
F.gelu(x)
F.silu(x)
F.elu(x)
F.hardswish(x)
F.hardsigmoid(x)
F.softplus(x)
F.glu(x, 1)
F.softmax(x, -1)
F.log_softmax(x, -1)
F.normalize(x, 2.0, 1)
F.mse_loss(x, y)
F.smooth_l1_loss(x, y)
F.binary_cross_entropy_with_logits(x, t.sigmoid(y))
x.sum()
x.sum(1)
x.mean(-1)
t.logsumexp(x, -1)
t.cumsum(x, 1)
t.gather(x, 1, places)
t.cat([x, y], 1)
t.stack([x, y], 1)
x[:, 1::2]
"""
OF_IMAGES = """
F.prelu(x, w.reshape(-1))
F.batch_norm(x, None, None, w.reshape(-1), b.reshape(-1), True)
F.group_norm(x, 8, w.reshape(-1), b.reshape(-1))
F.instance_norm(x)
F.max_pool2d(x, 2)
F.max_pool2d(x, 3, 2, 1)
F.avg_pool2d(x, 2)
F.adaptive_avg_pool2d(x, 1)
F.interpolate(x, scale_factor=2)
F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
F.pad(x, (1, 1, 1, 1))
F.pixel_shuffle(x, 2)
F.unfold(x, 3)
"""
OF_WORDS = """
F.layer_norm(x, (256,), w, b)
F.rms_norm(x, (256,), w)
F.scaled_dot_product_attention(x, y, z)
F.scaled_dot_product_attention(x, y, z, is_causal=True)
x @ t.swapaxes(y, 1, 2)
"""


class Row(NamedTuple):
    """An operation, and how long it takes forward and backward, here and there."""

    operation: str
    shape: tuple[int, ...]
    ours_ms: float
    torch_ms: float
    difference: float  # largest, over the largest number of PyTorch's result

    @property
    def ratio(self) -> float:
        """Our time by PyTorch's: below 1 is faster."""
        return self.ours_ms / self.torch_ms


def operations() -> list[tuple[str, tuple[int, ...]]]:
    """All expressions, each with the shape of x."""
    return [(line, shape) for lines, shape in (
        (OF_BOTH + OF_IMAGES, IMAGES), (OF_BOTH + OF_WORDS, WORDS)) for line in lines.split("\n")
        if line]


def step(expression: str, shape: tuple[int, ...], t: Any, functions: Any, tensor: Any) -> Any:
    """A function that runs an expression forward and backward, and returns the result.

    `t` and `functions` are a framework's functions of tensors and of layers; `tensor` makes a
    tensor of an array.
    """
    rng = np.random.default_rng(0)
    channels = (1, shape[1], 1, 1) if len(shape) == 4 else shape[-1:]
    arrays = {
        **{name: rng.standard_normal(shape, "f") for name in "xyz"},
        **{name: rng.standard_normal(channels, "f") for name in "wb"},
    }
    given = {name: tensor(a).requires_grad_() for name, a in arrays.items()}
    code = compile(expression, expression, "eval")
    names = {**given, "t": t, "F": functions, "mask": tensor(rng.uniform(size=shape) > 0.3),
             "places": tensor(rng.integers(shape[1], size=shape))}
    taken = [given[name] for name in given if name in code.co_names]
    shape_of_dy = tuple(eval(code, names).shape)
    dy = tensor(rng.standard_normal(shape_of_dy).astype("f"))

    def run() -> Any:
        for leaf in taken:
            leaf.grad = None
        y = eval(code, names)
        y.backward(dy)
        return y

    return run


def measure(report: Report = lambda line: None, seconds: float = 0.03) -> list[Row]:
    """Time every operation, and compare the results."""
    torch: Any = importlib.import_module("torch")
    import tinygrad_dls as dls

    rows = []
    for expression, shape in operations():
        report(f"{expression}, {shape}")
        ours = step(expression, shape, dls, dls.nn.functional, dls.tensor)
        theirs = step(expression, shape, torch, torch.nn.functional, torch.tensor)
        mine, right = (np.asarray(run().detach()) for run in (ours, theirs))
        difference = float(abs(mine - right).max() / abs(right).max())
        times = interleave({"ours": ours, "torch": theirs}, rounds=3, seconds=seconds)
        rows.append(Row(expression, shape, times["ours"], times["torch"], difference))
    return rows


def text(rows: list[Row]) -> str:
    """A table of all, the slowest beside PyTorch's first."""
    ratios = np.array([row.ratio for row in rows])
    lines = [f"{len(rows)} operations: {(ratios <= 1).mean():.0%} not slower than PyTorch's, "
             f"{(ratios <= 1.3).mean():.0%} at most 1.3 times as slow, geometric mean "
             f"{np.exp(np.log(ratios).mean()):.2f}", "",
             "| operation | x | ours, ms | PyTorch, ms | ratio |", "|---|---|---|---|---|"]
    lines += [f"| `{row.operation}` | {' x '.join(map(str, row.shape))} | {row.ours_ms:.3g} | "
              f"{row.torch_ms:.3g} | {row.ratio:.2f} |"
              for row in sorted(rows, key=lambda row: -row.ratio)]
    return "\n".join(lines) + "\n"
