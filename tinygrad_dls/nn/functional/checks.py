"""Code that all losses share: operands, checks of their values, the mean or the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...backend.device import default_device
from ...backend.dtypes import default_dtype
from ...engine.autograd import TensorBase
from ...engine.modes import replayed
from ...errors import DataError, DeviceError, DtypeError, ShapeError
from ...ops.call import tensor_of
from ...ops.losses import REDUCTIONS
from ...ops.reduction import mean as mean_of
from ...ops.reduction import sum as sum_of
from ...tensors import Tensor

ROUNDING = 1e-3  # probabilities that were mixed or averaged may pass 0 and 1 by this


def operands(names: str, *given: Any) -> list[Tensor]:
    """The arguments as tensors on one device, that of the first; `names` for the message.

    DtypeError for several tensors in place of one, as some networks return them.
    """
    tensors: list[Any] = list(given)
    for i, x in enumerate(given):
        if isinstance(x, TensorBase):
            continue
        if isinstance(x, (tuple, list, Mapping)):
            _refuse_several(names.split()[i], x)
        tensors[i] = tensor_of(x, tensors[0].device if i else default_device())
    first: Tensor = tensors[0]
    for name, x in zip(names.split(), tensors):
        if x.device is not first.device:
            raise DeviceError(
                f"{names.split()[0]} on {first.device} and {name} on {x.device}: "
                f"{name}.to({str(first.device)!r})"
            )
    return tensors


def _refuse_several(name: str, given: Any) -> None:
    """DtypeError that says how to take one tensor, if these are tensors."""
    parts = given if isinstance(given, Mapping) else getattr(given, "_asdict", dict)()
    named = [key for key, x in parts.items() if isinstance(x, Tensor)]
    if not named and not any(isinstance(x, Tensor) for x in given):
        return
    if isinstance(given, Mapping):
        ways = [f"output[{key!r}]" for key in named]
    else:
        ways = [f"output.{key}" for key in named] or [f"output[{i}]" for i in range(len(given))]
    said = f"{name}: a {type(given).__name__} of tensors, where one is wanted. "
    if len(ways) == 1:
        raise DtypeError(f"{said}Take {ways[0]}")
    raise DtypeError(f"{said}Take the one that is meant, such as {ways[0]}; or add up a loss of "
                     f"each: {', '.join(ways)}; or join parts of one batch with dls.concatenate")


def floats(x: Tensor) -> Tensor:
    """x itself, or as floats if it holds integers."""
    return x if x.dtype.kind == "f" else x.astype(default_dtype())


def reduce_loss(losses: Any, reduction: str, weights: Any = None) -> Tensor:
    """Mean, sum or all ("none") of the losses; a mean divides by the sum of `weights` if given."""
    check_reduction(reduction)
    if reduction == "none":
        return losses  # type: ignore[no-any-return]
    if reduction == "sum":
        return sum_of(losses)  # type: ignore[no-any-return]
    if losses.size == 0:
        raise DataError("the mean of no losses: the batch is empty")
    if weights is None:
        return mean_of(losses)  # type: ignore[no-any-return]
    return sum_of(losses) / sum_of(weights)  # type: ignore[no-any-return]


def check_reduction(reduction: str, choices: Sequence[str] = REDUCTIONS) -> str:
    """`reduction` itself; DataError unless it is one of the choices."""
    if reduction not in choices:
        *most, last = (repr(c) for c in sorted(choices))
        raise DataError(f"reduction is {', '.join(most)} or {last}, not {reduction!r}")
    return reduction


@replayed
def check_probabilities(values: Tensor, what: str) -> None:
    """DataError if a tensor on the CPU has values outside [0, 1]; NaN passes, the loss shows it."""
    array = values._data
    if not isinstance(array, np.ndarray) or not array.size:
        return
    if values.device.kernels.any_outside(array, -ROUNDING, 1 + ROUNDING):
        low, high = array.min(), array.max()
        raise DataError(f"{what} lie between 0 and 1, these between {low:.4g} and {high:.4g}")


@replayed
def check_signs(target: Tensor, name: str) -> None:
    """DataError if a target on the CPU is anything but 1 and -1."""
    array = target._data
    if isinstance(array, np.ndarray) and not ((array == 1) | (array == -1)).all():
        raise DataError(f"targets of {name} are 1 and -1, here there are others: "
                        f"{np.unique(array)[:5].tolist()}")


def check_weighted(examples: Any, losses: Any) -> None:
    """ShapeError if weights made other losses than one for each of the examples."""
    if losses.shape != examples.shape:
        raise ShapeError(
            "the weights do not fit, broadcasting would make other losses of them:\n"
            f"  examples  {examples.shape}\n  losses    {losses.shape}"
        )


def same_shape(
    name: str, prediction: Any, target: Any, words: tuple[str, str] = ("prediction", "target")
) -> None:
    """ShapeError unless both have one shape: (m, 1) against (m,) would silently make (m, m)."""
    if prediction.shape != target.shape:
        wide = max(map(len, words))
        raise ShapeError(
            f"{name} takes two tensors of one shape; broadcasting here would hide a mistake:\n"
            f"  {words[0]:{wide}}  {prediction.shape}\n  {words[1]:{wide}}  {target.shape}"
            + (f"\nwould work: {words[1]}.reshape({prediction.shape})"
               if prediction.size == target.size else "")
        )
