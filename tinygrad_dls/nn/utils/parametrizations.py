"""Weight norm and spectral norm as modules, with the names of torch.nn.utils.parametrizations."""

from __future__ import annotations

from typing import Any, TypeVar

from ...engine.modes import no_grad
from ...errors import DataError
from ...random import Generator
from ...tensors import Tensor
from ..container import ModuleDict, _Listed
from ..module import Module
from ..parameter import Parameter
from .reparametrize import SpectralNorm, dim_of, norm_but, scaled, taken

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train length and direction of a weight apart: weight = g * v / |v|.

    The norm is over all axes but `dim`. In state_dict: `parametrizations.weight.original0` is g,
    `original1` is v (Salimans and Kingma 2016).

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> sorted(layer.state_dict())
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    weight = taken(module, name, "weight_norm")
    v = weight.detach()
    return _computed(module, name, _WeightNorm(dim), {"original0": norm_but(v, dim),
                                                      "original1": v})


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None, generator: Generator | None = None,
) -> M:
    """Divide a weight by its largest singular value: weight = w / s(w).

    As `nn.utils.spectral_norm`, with other names. Power iterations are made before each forward in
    training. In state_dict: `parametrizations.weight.original` and `parametrizations.weight.0._u`,
    `_v`.

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    weight = taken(module, name, "spectral_norm").detach()
    norm = SpectralNorm(dim_of(module, dim), n_power_iterations, eps, u_first=True)
    _computed(module, name, _SpectralNorm(norm, weight, generator), {"original": weight})
    module.register_forward_pre_hook(_Iterate(name))
    return module


class ParametrizationList(_Listed):
    """The originals of one parameter, and the module "0" that computes it from them.

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer.parametrizations["weight"].original0.shape
    (2, 1)
    """

    def __init__(self, compute: Module, originals: dict[str, Tensor]) -> None:
        for name, values in originals.items():
            setattr(self, name, Parameter(values))
        self.append(compute)

    def forward(self) -> Any:
        originals = [value for value in vars(self).values() if isinstance(value, Parameter)]
        return self._held()[0](*originals)


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        self.dim = dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return scaled(g, v, self.dim)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(
        self, norm: SpectralNorm, weight: Tensor, generator: Generator | None
    ) -> None:
        self.norm = norm
        for name, values in zip(("_u", "_v"), norm.start(weight, generator)):
            self.register_buffer(name, values)
        norm.iterate(weight, self._u, self._v, 15)  # PyTorch starts with as many

    def forward(self, weight: Tensor) -> Tensor:
        return self.norm.divided(weight, self._u, self._v)


class _Iterate:
    """Before each forward in training: power iterations.

    Not at each use of the weight, as PyTorch has it: a layer may look at it more than once.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Any, inputs: Any) -> None:
        if module.training:
            held = module.parametrizations[self.name]
            (compute,) = held
            compute.norm.iterate(held.original, compute._u, compute._v)


class _Compute:
    """Computes an attribute of a module from its parametrization."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Any) -> Tensor:
        result: Tensor = module.parametrizations[self.name]()
        return result


def _computed(module: M, name: str, compute: Module, originals: dict[str, Tensor]) -> M:
    if "parametrizations" not in vars(module):
        module.add_module("parametrizations", ModuleDict())
    held: Any = vars(module)["parametrizations"]
    held[name] = ParametrizationList(compute, originals)
    module._computed = {**module._computed, name: _Compute(name)}
    return module


def is_parametrized(module: Module, name: str | None = None) -> bool:
    """Return whether a parameter (this one, if named) is computed from others.

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> nn.utils.parametrizations.is_parametrized(layer, "bias")
    False
    """
    return name in module._computed if name is not None else bool(module._computed)


def remove_parametrizations(module: M, name: str) -> M:
    """Make `name` a plain parameter again, with the values it has. DataError if it is one.

    >>> from tinygrad_dls import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    >>> layer = nn.utils.parametrizations.remove_parametrizations(layer, "weight")
    >>> sorted(layer.state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, name) or "parametrizations" not in vars(module):
        raise DataError(f"{name} of {type(module).__name__} has no parametrization to remove")
    held: Any = vars(module)["parametrizations"]
    with no_grad():
        values = held[name]()
    del held[name]
    module._hooks = tuple(
        h for h in module._hooks
        if not (isinstance(h.function, _Iterate) and h.function.name == name))
    if not len(held):
        delattr(module, "parametrizations")
    module._computed = {n: c for n, c in module._computed.items() if n != name}
    setattr(module, name, Parameter(values))
    return module
