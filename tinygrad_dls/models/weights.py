"""Fill a model with weights: from a learner's own file, or from a mapping of names to arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .. import io
from .._util.keywords import near_names
from ..errors import DataError, ShapeError
from ..nn import Module

M = TypeVar("M", bound=Module)
F = TypeVar("F", bound=Callable[..., Any])
Norm = Callable[[int], Module]  # a layer for a number of channels
Weights = str | os.PathLike[str] | Mapping[str, Any] | None
COUNTER = "num_batches_tracked"  # checkpoints older than PyTorch 0.4.1 lack it; no output needs it


@near_names
def fill(model: M, weights: Weights) -> M:
    """Return `model` with `weights` in the place of its random ones; None leaves it as it is.

    weights: the path of a .safetensors file or of a PyTorch checkpoint (.pth, .pt, .bin), or a
    mapping of the names in `model.state_dict()` to arrays. DataError or ShapeError, with what does
    not match, for the weights of another network; FormatError for a damaged file.

        fill(models.resnet18(), "resnet18.pth")
    """
    if weights is None:
        return model
    if isinstance(weights, (str, os.PathLike)):
        given, what = _read(Path(weights)), f"{weights}: "
    else:
        given, what = dict(weights), ""
    for name in model.state_dict():
        if name.endswith(COUNTER):
            given.setdefault(name, np.array(0))
    try:
        model.load_state_dict(given)
    except (DataError, ShapeError) as error:
        hint = (
            "A checkpoint trained on other classes fits only a model with as many: make that one "
            "first, then replace its last layer."
        )
        mended: Any = type(error)(f"{what}{error}\n{hint}")
        mended.proposal = getattr(error, "proposal", None)
        raise mended from None
    return model


def builder(function: F) -> F:
    """A function that returns a network of torchvision's, and takes its `progress`, too: whether
    a download shows a bar. There is none here, as weights are files.
    """
    build = near_names(function)

    @wraps(function)
    def call(*inputs: Any, progress: bool = True, **options: Any) -> Any:
        return build(*inputs, **options)

    return call  # type: ignore[return-value]


def _read(path: Path) -> dict[str, Any]:
    """The arrays of a checkpoint by name."""
    if not path.is_file():
        raise DataError(
            f"weights={str(path)!r} is not a file. Give the path of a .safetensors or .pth file; "
            "models.load(name, weights=...) takes the pretrained weights of models.table()"
        )
    if path.suffix == ".safetensors":
        return dict(io.load(path))
    return dict(io.load_torch(path))
