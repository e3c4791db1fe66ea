"""Helpers on the parameters of a model: clipping gradients, all parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .. import ops
from ..arguments import is_amount
from ..autograd import as_tensor
from ..errors import DataError, DtypeError, ShapeError
from ..modes import no_grad
from ..storage import mark_write
from ..tensors import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients together so that their norm is at most `max_norm`; returns it as it was.

    The norm is that of all gradients as one vector (`norm_type` 2, 1, math.inf ...). It stays on
    the device; only `error_if_nonfinite` waits for it, to raise DataError for NaN and infinity.
    """
    if not (is_amount(max_norm, True) and is_amount(norm_type, True) and norm_type > 0):
        raise DataError(
            f"clip_grad_norm_ takes a norm of at least 0, not {max_norm!r}, and a type above 0, "
            f"not {norm_type!r}"
        )
    grads = _grads(parameters)
    if not grads:
        return Tensor(0.0)
    device = grads[0].device
    xp = device.xp
    if norm_type == math.inf:
        norm = xp.stack([device.asarray(abs(g._data).max()) for g in grads if g.size]).max()
    else:
        power = float(norm_type)
        norm = sum((abs(g._data) ** power).sum() for g in grads) ** (1.0 / power)
    if error_if_nonfinite and not math.isfinite(float(norm)):
        raise DataError(
            f"the norm of the gradients is {float(norm)}, nothing was clipped: look for a NaN in "
            "the data, or a learning rate that is too high"
        )
    factor = xp.minimum(max_norm / (norm + 1e-6), 1.0)
    for g in grads:
        g._data *= factor.astype(g.dtype)
        mark_write(g._data, "clip_grad_norm_()")
    return as_tensor(device.asarray(norm), device)  # type: ignore[no-any-return]


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Hold every element of the gradients between -clip_value and clip_value."""
    if not is_amount(clip_value, True):
        raise DataError(f"clip_grad_value_ takes a number of at least 0, not {clip_value!r}")
    for g in _grads(parameters):
        g._data[...] = g.device.xp.clip(g._data, -float(clip_value), float(clip_value))
        mark_write(g._data, "clip_grad_value_()")


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if not isinstance(parameters, Iterable):
        raise DtypeError(f"give the parameters, model.parameters(), not a "
                         f"{type(parameters).__name__}")
    tensors = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p._grad for p in tensors if p._grad is not None]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after the other; shape (number of them,)."""
    parts: list[Any] = [p.reshape(-1) for p in parameters]
    return ops.concatenate(parts)  # type: ignore[no-any-return]


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the values of `vector` back into the parameters, in the order they were taken."""
    targets = list(parameters)
    wanted = sum(p.size for p in targets)
    if vector.shape != (wanted,):
        raise ShapeError(
            f"the parameters have {wanted} elements together:\n  vector  {vector.shape}"
        )
    start = 0
    with no_grad():
        for p in targets:
            p.copy_(vector[start : start + p.size].reshape(p.shape))
            start += p.size
