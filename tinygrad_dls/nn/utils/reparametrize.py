"""Weights that are computed from other parameters: weight norm and spectral norm, as hooks.

The names in state_dict are those of PyTorch's older torch.nn.utils.weight_norm and spectral_norm;
`parametrizations` has the newer ones. `module.weight` is computed whenever it is asked for.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ... import ops
from ..._util.arguments import is_amount, is_whole
from ..._util.keywords import near_names
from ...engine.autograd import as_tensor
from ...engine.modes import no_grad
from ...engine.versions import mark_write
from ...errors import DataError, DtypeError, ShapeError
from ...random import Generator, chosen
from ...tensors import Tensor
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


# --- weight norm ---------------------------------------------------------------------------------


@near_names
def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train length and direction of a weight apart: weight = g * v / |v|.

    Parameter `weight` becomes `weight_g` and `weight_v`; the norm is over all axes but `dim`
    (None: over all). Returns the module (Salimans and Kingma 2016).

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(3, 2))
    >>> [(name, p.shape) for name, p in layer.named_parameters()]
    [('bias', (2,)), ('weight_g', (2, 1)), ('weight_v', (2, 3))]
    """
    weight = taken(module, name, "weight_norm")
    for suffix, values in (("_g", norm_but(weight, dim)), ("_v", weight)):
        module.register_parameter(name + suffix, Parameter(values.detach()))
    module._computed = {**module._computed, name: _WeightNorm(name, dim)}
    return module


class _WeightNorm:
    """Computes the weight of a module from its length and direction."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def __call__(self, module: Any) -> Tensor:
        return scaled(vars(module)[self.name + "_g"], vars(module)[self.name + "_v"], self.dim)


@near_names
def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the weight a plain parameter again, with the values it has.

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(3, 2)))
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    return _restored(module, name, _WeightNorm, ("_g", "_v"))


def scaled(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """g * v / |v|, the norm over all axes but `dim`."""
    return v * (g / norm_but(v, dim))  # type: ignore[no-any-return]


def norm_but(v: Any, dim: int | None) -> Any:
    """The norm over all axes but `dim`, which are kept with length 1; of all, () if it is None."""
    if dim is None or dim == -1:
        return ops.vector_norm(v)
    if not -v.ndim <= dim < v.ndim:
        raise ShapeError(f"the weight has no axis {dim}:\n  weight  {v.shape}")
    axes = tuple(i for i in range(v.ndim) if i != dim % v.ndim)
    return ops.vector_norm(v, 2, axes, True) if axes else abs(v)


# --- spectral norm -------------------------------------------------------------------------------


@near_names
def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None, generator: Generator | None = None,
) -> M:
    """Divide a weight by its largest singular value: weight = w / s(w).

    w counts as a matrix with axis `dim` as rows: 0, of a transposed convolution 1. Parameter
    `weight` becomes `weight_orig`; the singular vectors, buffers `weight_u` and `weight_v`, are
    brought nearer by power iterations before each forward in training. Returns the module (Miyato,
    Kataoka, Koyama and Yoshida 2018).

    >>> import numpy as np
    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2))
    >>> for _ in range(50):
    ...     y = layer(dls.zeros(1, 3))
    >>> round(float(np.linalg.norm(layer.weight.detach().numpy(), 2)), 3)
    1.0
    """
    weight = taken(module, name, "spectral_norm")
    norm = SpectralNorm(dim_of(module, dim), n_power_iterations, eps)
    u, v = norm.start(weight, generator)
    module.register_parameter(f"{name}_orig", Parameter(weight.detach()))
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module._computed = {**module._computed, name: _Divided(name, norm)}
    module.register_forward_pre_hook(_Iterate(name, norm))
    return module


@near_names
def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the weight a plain parameter again, with the values it has.

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(3, 2)))
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'weight']
    """
    module._hooks = tuple(
        h for h in module._hooks
        if not (isinstance(h.function, _Iterate) and h.function.name == name))
    return _restored(module, name, _Divided, ("_orig", "_u", "_v"))


class SpectralNorm:
    """The largest singular value of a weight by power iteration, and the weight over it.

    `u_first`: which of the two vectors an iteration brings nearer first.
    """

    def __init__(self, dim: int, iterations: int, eps: float, u_first: bool = False) -> None:
        if not is_whole(iterations, 1) or not is_amount(eps):
            raise DataError(
                f"spectral_norm takes at least 1 power iteration, not {iterations!r}, and an eps "
                f"of at least 0, not {eps!r}"
            )
        self.dim, self.iterations, self.eps, self.u_first = dim, int(iterations), eps, u_first

    def matrix(self, weight: Any) -> Any:
        """The weight as a matrix, axis `dim` as rows."""
        weight = ops.moveaxis(weight, self.dim, 0) if self.dim else weight
        return weight.reshape((weight.shape[0], weight.size // max(1, weight.shape[0])))

    def start(self, weight: Any, generator: Generator | None) -> list[Tensor]:
        """Random vectors of length 1, to start with."""
        found = []
        for length in self.matrix(weight).shape:
            x = chosen(generator).normal((length,), weight.dtype)
            x = x / max(float(np.linalg.norm(x)), self.eps)
            found.append(Tensor(x.astype(weight.dtype), device=weight.device))
        return found

    def iterate(self, weight: Any, u: Tensor, v: Tensor, times: int | None = None) -> None:
        """Bring u and v nearer to the first singular vectors, in place."""
        with no_grad():
            matrix = self.matrix(weight)
            pairs = [(v, matrix.mT, u), (u, matrix, v)]
            for _ in range(self.iterations if times is None else times):
                for new, by, of in reversed(pairs) if self.u_first else pairs:
                    new._data[...] = self._unit(by @ of)._data
        for x in (u, v):
            mark_write(x._data, "spectral_norm")

    def _unit(self, x: Any) -> Any:
        return x / ops.clip(ops.vector_norm(x), self.eps)

    def divided(self, weight: Any, u: Tensor, v: Tensor) -> Tensor:
        """weight / (u @ matrix @ v); u and v are constants, and may change afterwards."""
        u, v = (as_tensor(x.device.copy(x._data), x.device) for x in (u, v))
        return weight / ops.sum(u * (self.matrix(weight) @ v))  # type: ignore[no-any-return]


class _Divided:
    """Computes the weight of a module from its original and the singular vectors."""

    def __init__(self, name: str, norm: SpectralNorm) -> None:
        self.name, self.norm = name, norm

    def __call__(self, module: Any) -> Tensor:
        parts = vars(module)
        return self.norm.divided(*(parts[self.name + s] for s in ("_orig", "_u", "_v")))


class _Iterate:
    """Before each forward in training: power iterations."""

    def __init__(self, name: str, norm: SpectralNorm) -> None:
        self.name, self.norm = name, norm

    def __call__(self, module: Any, inputs: Any) -> None:
        if module.training:
            parts = vars(module)
            self.norm.iterate(*(parts[self.name + s] for s in ("_orig", "_u", "_v")))


# --- both ----------------------------------------------------------------------------------------


def dim_of(module: Module, dim: int | None) -> int:
    """The axis of the outputs in a weight: `dim` if given."""
    return dim if dim is not None else int("ConvTranspose" in type(module).__name__)


def taken(module: Module, name: str, what: str) -> Parameter:
    """The parameter `name`, taken out of the module."""
    if name in module._computed:
        raise DataError(f"{what}: {name} of {type(module).__name__} is computed already")
    parameter = vars(module).get(name)
    if not isinstance(parameter, Parameter):
        raise DtypeError(f"{what}: {type(module).__name__} has no parameter {name!r}")
    delattr(module, name)
    return parameter


def _restored(module: M, name: str, kind: Any, suffixes: tuple[str, ...]) -> M:
    compute: Any = module._computed.get(name)
    if not isinstance(compute, kind):
        raise DataError(f"{name} of {type(module).__name__} has no such norm to remove")
    with no_grad():
        values = compute(module)
    module._computed = {n: c for n, c in module._computed.items() if n != name}
    for suffix in suffixes:
        delattr(module, name + suffix)
        module._buffers = {n: p for n, p in module._buffers.items() if n != name + suffix}
    setattr(module, name, Parameter(values))
    return module
