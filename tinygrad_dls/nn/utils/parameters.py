"""Helpers on the parameters of a model: clipping gradients, all parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ... import ops
from ..._util.arguments import is_amount
from ..._util.keywords import near_names
from ...engine.autograd import as_tensor
from ...engine.modes import no_grad, replayed
from ...engine.versions import mark_write
from ...errors import DataError, DtypeError, ShapeError
from ...tensors import Tensor


@near_names
def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Compute the norm of all tensors as one vector (`norm_type` 2, 1, math.inf ...), shape ().

    It stays on the device; only `error_if_nonfinite` waits for it, to raise DataError for NaN and
    infinity. Of no tensors it is 0.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> nn.utils.get_total_norm([dls.tensor([3.0]), dls.tensor([[4.0]])])
    Tensor(5.)
    """
    if not is_amount(norm_type, True) or norm_type <= 0:
        raise DataError(f"the type of a norm is above 0, such as 2 or math.inf, not {norm_type!r}")
    if not isinstance(tensors, Iterable):
        raise DtypeError(f"give a list of tensors, not a {type(tensors).__name__}")
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not given:
        return Tensor(0.0)
    device = given[0].device
    norm = _norm(device.xp, [t._data for t in given], float(norm_type))
    if error_if_nonfinite and not math.isfinite(float(norm)):
        raise DataError(
            f"the norm of the gradients is {float(norm)}, nothing was clipped: look for a NaN in "
            "the data, or a learning rate that is too high"
        )
    kind = given[0]._kind
    return as_tensor(device.asarray(norm), device, None, kind)  # type: ignore[no-any-return]


def _norm(xp: Any, arrays: list[Any], power: float) -> Any:
    """(sum |x|^power)^(1 / power) over all elements of all arrays."""
    if power == math.inf:
        largest = [xp.asarray(abs(a).max()) for a in arrays if a.size]
        return xp.stack(largest).max() if largest else xp.zeros((), dtype=arrays[0].dtype)
    arrays = [a.astype("float32") if a.dtype == "float16" else a for a in arrays]
    if power == 2.0:
        lines = [a.reshape(-1) for a in arrays]
        return xp.sqrt(sum(xp.dot(line, line) for line in lines))
    return sum((abs(a) ** power).sum() for a in arrays) ** (1.0 / power)


@replayed
@near_names
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor
) -> None:
    """Scale all gradients by max_norm / total_norm where that is below 1.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.Parameter(dls.tensor([1.0, 1.0]))
    >>> (w * dls.tensor([3.0, 4.0])).sum().backward()
    >>> nn.utils.clip_grads_with_norm_([w], 1.0, nn.utils.get_total_norm([w.grad]))
    >>> w.grad
    Tensor([0.6, 0.8])
    """
    if not is_amount(max_norm, True):
        raise DataError(f"clipping takes a norm of at least 0, not {max_norm!r}")
    grads = _grads(parameters)
    if not grads:
        return
    factor = grads[0].device.xp.minimum(max_norm / (total_norm._data + 1e-6), 1.0)
    for g in grads:
        g._data *= factor.astype(g.dtype)
        mark_write(g._data, "clip_grad_norm_()")


@replayed
@near_names
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients together so that their norm is at most `max_norm`; return the old norm.

    The norm is `get_total_norm` of the gradients (Pascanu, Mikolov and Bengio 2013).

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.Parameter(dls.tensor([1.0, 1.0]))
    >>> (w * dls.tensor([3.0, 4.0])).sum().backward()
    >>> nn.utils.clip_grad_norm_([w], max_norm=1.0), w.grad
    (Tensor(5.), Tensor([0.6, 0.8]))
    """
    if not is_amount(max_norm, True):
        raise DataError(f"clip_grad_norm_ takes a norm of at least 0, not {max_norm!r}")
    one = isinstance(parameters, Tensor) or not isinstance(parameters, Iterable)
    held: Any = parameters if one else list(parameters)
    norm = get_total_norm(_grads(held), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(held, max_norm, norm)
    return norm


@replayed
@near_names
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clamp every element of the gradients to [-clip_value, clip_value].

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> w = nn.Parameter(dls.tensor([1.0, 1.0]))
    >>> (w * dls.tensor([0.5, -4.0])).sum().backward()
    >>> nn.utils.clip_grad_value_([w], 1.0)
    >>> w.grad
    Tensor([ 0.5, -1. ])
    """
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


@near_names
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Flatten all parameters and join them: one vector, (number of elements,).

    >>> from tinygrad_dls import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    parts: list[Any] = [p.reshape(-1) for p in parameters]
    if not parts:
        raise DataError("parameters_to_vector got no parameters: the model has none, or its "
                        "parameters() were used up by another loop")
    return ops.concatenate(parts)  # type: ignore[no-any-return]


@near_names
def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of `vector` back into the parameters, in the order they were taken.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(dls.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.weight.tolist(), layer.bias.tolist()
    ([[1.0, 2.0]], [3.0])
    """
    targets = list(parameters)
    if not isinstance(vector, Tensor):
        raise DtypeError(f"vector_to_parameters takes a tensor, not a {type(vector).__name__}")
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
