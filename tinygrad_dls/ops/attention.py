"""Scaled dot-product attention (Vaswani et al. 2017; Course 5, week 4), one op."""

from typing import Any

import numpy as np

from ..backend.kernels.adding import summed
from ..engine.autograd import Array, sum_to
from .call import function, function_of
from .op import Op
from .samples import Rng, Sample

HIDDEN = -1e30  # a score below all others; its weight is 0


def _attention(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool = False, p: float = 0.0,
    seed: int = 0,
) -> Any:
    scores = q @ np.swapaxes(k, -1, -2) * scale
    seen = np.ones(scores.shape, bool)
    if mask.dtype == bool:
        seen = seen & mask
    else:
        scores = scores + mask
    if causal:
        seen = seen & (np.tri(*scores.shape[-2:]) == 1)
    scores = np.where(seen, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(scores - np.where(np.isneginf(top), 0, top))
    total = e.sum(axis=-1, keepdims=True)
    weights = e / np.where(total == 0, 1, total)
    if p:
        from ..backend.kernels.reference import ReferenceKernels

        weights = ReferenceKernels(np).dropout(weights, p, seed)
    return weights @ v


def _samples(rng: Rng) -> list[Sample]:
    def inputs(lead: tuple[int, ...], l: int, s: int, e: int, f: int, mask: Any) -> tuple[Any, ...]:
        shapes = ((*lead, l, e), (*lead, s, e), (*lead, s, f))
        return (*(rng.standard_normal(shape) for shape in shapes), np.asarray(mask))

    seen = rng.uniform(size=(3, 4)) > 0.4
    seen[1] = False  # a row that sees nothing
    return [
        Sample(inputs((2,), 3, 4, 2, 3, seen), {"scale": 0.7}),
        Sample(inputs((2, 2), 3, 4, 2, 2, rng.standard_normal((2, 1, 1, 4))), {"scale": 0.5}),
        Sample(inputs((), 4, 3, 2, 2, True), {"scale": 1.0, "causal": True}),
        Sample(inputs((2,), 2, 3, 2, 2, rng.standard_normal((2, 3))),
               {"scale": 1.0, "causal": True, "p": 0.4, "seed": 5}),
        Sample(inputs((1,), 1, 1, 1, 1, 0.5), {"scale": 2.0}),
        Sample(inputs((2,), 3, 0, 2, 2, True), {"scale": 1.0}),
        Sample(inputs((0, 2), 3, 2, 2, 2, True), {"scale": 1.0}),
    ]


class Attention(Op):
    """y = w @ v with the weights w = softmax(scale * q @ k.T + mask), each row summing to 1.

    q (..., l, e), k (..., s, e), v (..., s, f), equal leading axes. A mask of bools is true where
    a key may be seen, one of floats is added; it broadcasts to (..., l, s), or is None. `causal`:
    row i sees keys up to i. A row that sees nothing gives 0. `p`: dropout of the weights.
    With dw = dL/dy @ v.T and ds = w * (dw - sum(dw * w) over the keys):
    dL/dq = scale * ds @ k,  dL/dk = scale * ds.T @ q,  dL/dv = w.T @ dL/dy,  dL/dmask = ds
    """

    in_float32 = True
    extras = ("weights",)
    numpy = staticmethod(_attention)
    samples = staticmethod(_samples)

    def __init__(
        self, scale: float, causal: bool = False, p: float = 0.0, seed: int = 0
    ) -> None:
        self.scale, self.causal, self.p, self.seed = scale, causal, p, seed

    def label(self) -> str:
        return f"attention({'causal, ' if self.causal else ''}scale={self.scale:.3g})"

    def forward(self, q: Array, k: Array, v: Array, mask: Array | None) -> Any:
        return self.kernels.attention(
            q, k, v, mask, self.scale, self.causal, self.p, self.seed)

    def backward(
        self, dy: Any, q: Any, k: Any, v: Any, mask: Any, weights: Any, needs: Any
    ) -> Any:
        seen = weights != 0  # recompute the softmax, so that it can be differentiated too
        scores = (q @ k.swapaxes(-1, -2)) * self.scale
        if mask is not None and mask.dtype.kind == "f":
            scores = scores + mask
        if weights.shape[-1]:
            scores = self.xp.where(seen, scores, HIDDEN)
            scores = scores - scores.max(axis=-1, keepdims=True)
        e = self.xp.exp(scores) * seen
        total = summed(e, -1, keepdims=True)
        w = e / (total + (total == 0))
        dropped = self._drop(w)
        dw = self._drop(dy @ v.swapaxes(-1, -2))
        ds = w * (dw - summed(dw * w, -1, keepdims=True))
        return (
            (ds @ k) * self.scale if needs[0] else None,
            (ds.swapaxes(-1, -2) @ q) * self.scale if needs[1] else None,
            dropped.swapaxes(-1, -2) @ dy if needs[2] else None,
            sum_to(ds, mask.shape) if needs[3] else None,
        )

    def _drop(self, w: Any) -> Any:
        return self.kernels.dropout(w, self.p, self.seed) if self.p else w

    def backward_kernel(
        self, dy: Array, q: Array, k: Array, v: Array, mask: Array, weights: Array, needs: Any
    ) -> Any:
        dq, dk, dv, ds = self.kernels.attention_backward(
            dy, q, k, v, weights, self.scale, self.causal, self.p, self.seed, needs)
        return dq, dk, dv, None if ds is None else sum_to(ds, mask.shape)


def attention(
    q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, p: float, seed: int
) -> Any:
    """Scaled dot-product attention of q, k and v with equal leading axes."""
    if p:  # another seed each time
        return function(Attention(scale, causal, p, seed))(q, k, v, mask)
    return function_of(Attention, scale, causal)(q, k, v, mask)
