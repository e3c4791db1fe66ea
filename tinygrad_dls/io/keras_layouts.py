"""From Keras's names and layouts of weights to those of our layers (which are PyTorch's)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import DataError
from .keras_files import plain_class
from .reading import Array

Weights = dict[str, Array]


def from_keras(
    arrays: Mapping[str, Any], flattened: Mapping[str, tuple[int, int, int]] | None = None,
    classes: Mapping[str, str] | None = None,
) -> Weights:
    """Weights as `load_keras` gives them, under the names and in the layouts of our layers.

    Dense (in, out) becomes (out, in); convolutions (kh, kw, in, out) become (out, in, kh, kw);
    LSTM, GRU and SimpleRNN become weight_ih_l0 ..., Bidirectional both directions of one layer;
    batch norm's gamma, beta and moving statistics weight, bias, running_mean and running_var.
    "block/conv/kernel" is then "block.conv.weight".

    `flattened`: Dense layers behind a Flatten, with the (height, width, channels) that came in:
    Keras flattens channels last. `classes`: layer -> class in Keras, of what `arrays.metadata` does
    not say (depthwise convolutions). DataError for what our layers cannot compute. LSTM and GRU of
    Keras before 2.3 have gates of hard_sigmoid where their config says so: ours are sigmoids.
    """
    known = dict(getattr(arrays, "metadata", {}).get("classes", {}))
    known |= {layer: plain_class(kind) for layer, kind in (classes or {}).items()}
    layers: dict[str, Weights] = {}
    for name, value in arrays.items():
        layer, _, weight = name.rpartition("/")
        layers.setdefault(layer, {})[weight] = np.asarray(value)
    if unknown := set(flattened or {}) - set(layers):
        raise DataError(f"flattened names {sorted(unknown)[0]!r}; there are {', '.join(layers)}")
    made: Weights = {}
    for layer, weights in layers.items():
        kind = known.get(layer, "")
        recurrent = "recurrent_kernel" in weights
        new = _recurrent(layer, weights) if recurrent else _plain(
            layer, weights, kind, (flattened or {}).get(layer))
        where = _without_cell(layer) if recurrent else layer
        way = re.search(r"(^|/)(forward|backward)_[^/]*$", where) if recurrent else None
        if way:  # the two directions of a Bidirectional are one layer
            where = where[: way.start()]
            end = "_reverse" if way[2] == "backward" else ""
            new = {name + end: value for name, value in new.items()}
        for name, value in new.items():
            full = ".".join([*where.split("/"), name] if where else [name])
            if full in made:
                raise DataError(f"two weights would be called {full!r}")
            made[full] = np.asarray(value, order="C")
    return made


def _without_cell(layer: str) -> str:
    """lstm/lstm_cell is the layer lstm."""
    head, _, last = layer.rpartition("/")
    return head if re.search(r"(^|_)cell(_\d+)?$", last) else layer


def _plain(
    layer: str, weights: Weights, kind: str, flattened: tuple[int, int, int] | None
) -> Weights:
    made: Weights = {}
    for name, value in weights.items():
        rule = _RULES.get(name)
        if rule is None:
            made[name] = value
        elif name == "kernel":
            made["weight"] = _kernel(layer, value, kind, flattened)
        else:
            called, convert = rule
            lead = "pointwise." if name == "bias" and "pointwise_kernel" in weights else ""
            made[lead + called] = convert(value)
    if "running_mean" in made:  # Keras leaves out a scale of 1 and a shift of 0
        made.setdefault("weight", np.ones_like(made["running_mean"]))
        made.setdefault("bias", np.zeros_like(made["running_mean"]))
        made["num_batches_tracked"] = np.array(0)
    return made


def _kernel(
    layer: str, value: Array, kind: str, flattened: tuple[int, int, int] | None
) -> Array:
    if flattened is not None:
        if value.ndim != 2 or int(np.prod(flattened)) != value.shape[0]:
            raise DataError(f"{layer}: {tuple(flattened)} (height, width, channels) do not make "
                            f"the inputs of its kernel\n  {value.shape}")
        places = value.reshape(*flattened, value.shape[1])
        value = places.transpose(2, 0, 1, 3).reshape(value.shape)
    if kind.startswith("depthwiseconv"):
        return _depthwise(value)
    return _channels_first(value)


def _channels_first(value: Array) -> Array:
    """(window ..., a, b) as (b, a, window ...)."""
    n = value.ndim
    return value.transpose(n - 1, n - 2, *range(n - 2)) if n > 1 else value


def _depthwise(value: Array) -> Array:
    """(window ..., channels, times) as (channels * times, 1, window ...)."""
    n = value.ndim
    turned = value.transpose(n - 2, n - 1, *range(n - 2))
    return turned.reshape(-1, 1, *value.shape[: n - 2])


def _same(value: Array) -> Array:
    return value


_RULES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "kernel": ("weight", _channels_first), "embeddings": ("weight", _same),
    "gamma": ("weight", _same), "beta": ("bias", _same),
    "moving_mean": ("running_mean", _same), "moving_variance": ("running_var", _same),
    "depthwise_kernel": ("depthwise.weight", _depthwise),
    "pointwise_kernel": ("pointwise.weight", _channels_first),
    "alpha": ("weight", _same), "bias": ("bias", _same),
}


def _recurrent(layer: str, weights: Weights) -> Weights:
    """SimpleRNN (1 gate), GRU (3: z, r, h) or LSTM (4: i, f, c, o), told apart by their shapes."""
    kernel, recurrent = weights["kernel"], weights["recurrent_kernel"]
    units = recurrent.shape[0]
    gates = recurrent.shape[-1] // max(1, units)
    if recurrent.shape != (units, gates * units) or gates not in (1, 3, 4) or (
            kernel.ndim != 2 or kernel.shape[1] != gates * units):
        raise DataError(f"{layer}: its shapes are those of no RNN, GRU or LSTM:\n"
                        f"  kernel            {kernel.shape}\n"
                        f"  recurrent_kernel  {recurrent.shape}")
    bias = weights.get("bias", np.zeros(gates * units, kernel.dtype))
    if gates == 3 and bias.ndim == 1 and "bias" in weights:
        raise DataError(
            f"{layer} is a GRU with reset_after=False: it resets h before the product with "
            "recurrent_kernel, ours after it. Train it with reset_after=True"
        )
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    order = (1, 0, 2) if gates == 3 else tuple(range(gates))  # ours: r, z, n and i, f, g, o

    def turned(value: Array) -> Array:
        parts = value.reshape(*value.shape[:-1], gates, units)[..., order, :]
        flat = parts.reshape(value.shape)
        return flat.T

    return {"weight_ih_l0": turned(kernel), "weight_hh_l0": turned(recurrent),
            "bias_ih_l0": turned(biases[0]), "bias_hh_l0": turned(biases[1])}
