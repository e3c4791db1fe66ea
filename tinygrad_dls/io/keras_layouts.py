"""From Keras's names and layouts of weights to those of our layers (which are PyTorch's)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .._util.callers import users_frame, warn_at
from ..errors import DataError
from .keras_names import (
    NORMS,
    PROJECTIONS,
    LayerConfig,
    array_names,
    layers_of,
    plain_class,
)
from .reading import Array

Weights = dict[str, Array]


def from_keras(
    arrays: Mapping[str, Any], flattened: Mapping[str, tuple[int, int, int]] | None = None,
    classes: Mapping[str, str] | None = None,
) -> Weights:
    """Rename and transpose weights, as `load_keras` gives them, for our layers.

    Dense (in, out) becomes (out, in); convolutions (kh, kw, in, out) become (out, in, kh, kw);
    LSTM, GRU and SimpleRNN become weight_ih_l0 ..., Bidirectional both directions of one layer;
    batch norm's gamma, beta and moving statistics weight, bias, running_mean and running_var;
    the four layers of a MultiHeadAttention in_proj_weight, in_proj_bias and out_proj. int8 weights
    are multiplied out. "block/conv/kernel" is then "block.conv.weight".

    `flattened`: Dense layers behind a Flatten, with the (height, width, channels) that came in:
    Keras flattens channels last. `classes`: layer -> class in Keras, of layers that
    `arrays.metadata` does not name (depthwise convolutions). DataError for layers that ours cannot
    compute, and for arrays of which neither file nor `classes` say what they are. A warning names
    the recurrent layers whose configuration has other activations than ours (hard_sigmoid gates,
    in all files before Keras 2.3): with these weights our layers compute other numbers.

    >>> import numpy as np
    >>> from tinygrad_dls import io
    >>> arrays = {"dense/kernel": np.ones((3, 2)), "dense/bias": np.zeros(2)}
    >>> weights = io.from_keras(arrays, classes={"dense": "Dense"})
    >>> {name: array.shape for name, array in weights.items()}
    {'dense.weight': (2, 3), 'dense.bias': (2,)}
    """
    metadata = getattr(arrays, "metadata", {})
    configured = layers_of(metadata.get("config"))
    known = dict(metadata.get("classes", {}))
    known |= {layer: plain_class(kind) for layer, kind in (classes or {}).items()}
    layers: dict[str, Weights] = {}
    for name, value in arrays.items():
        layer, _, weight = name.rpartition("/")
        layers.setdefault(layer, {})[weight] = np.asarray(value)
    if unknown := set(flattened or {}) - set(layers):
        raise DataError(f"flattened names {sorted(unknown)[0]!r}; there are {', '.join(layers)}")
    _tell_activations(configured, layers)
    made: Weights = {}
    attention = {layer.rpartition("/")[0] for layer in layers if all(
        f"{layer.rpartition('/')[0]}/{part}".lstrip("/") in layers for part in PROJECTIONS)}
    for where in sorted(attention):
        parts = {part: layers.pop(f"{where}/{part}".lstrip("/")) for part in PROJECTIONS}
        layers[where] = {**layers.get(where, {}), **_attention(where, parts)}
    for layer, weights in layers.items():
        options = configured[layer].options if layer in configured else {}
        config = LayerConfig(known.get(layer, ""), options)
        recurrent = "recurrent_kernel" in weights
        new = weights if layer in attention else _recurrent(layer, weights, configured) if (
            recurrent) else _plain(layer, weights, config, (flattened or {}).get(layer))
        where = layer
        if recurrent:
            where, end = _direction(_without_cell(layer), configured)
            new = {name + end: value for name, value in new.items()}
        for name, value in new.items():
            full = ".".join([*where.split("/"), name] if where else [name])
            if full in made:
                raise DataError(f"two weights would be called {full!r}")
            made[full] = np.asarray(value, order="C")
    return made


def _without_cell(layer: str) -> str:
    """lstm/lstm_cell is the layer lstm; of several cells in one layer each keeps its name."""
    head, _, last = layer.rpartition("/")
    alone = re.search(r"(^|_)cell(_\d+)?$", last) and not head.endswith("/cells")
    return head if alone else layer


def _direction(layer: str, configured: Mapping[str, LayerConfig]) -> tuple[str, str]:
    """The layer that holds these recurrent weights, and the end of their names: the two directions
    of a Bidirectional are one layer."""
    head, _, last = layer.rpartition("/")
    if head in configured and configured[head].kind == "bidirectional":
        return head, "" if last.startswith("forward_") else "_reverse"
    way = re.match("(forward|backward)_", last) if head and layer not in configured else None
    return (head, "_reverse" * (way[1] == "backward")) if way else (layer, "")


def _resets_after(layer: str, configured: Mapping[str, LayerConfig]) -> bool | None:
    """Return what the configuration says of a GRU; None: nothing."""
    parts = layer.split("/")
    bare = [re.sub("^(forward|backward)_", "", part) for part in parts]  # in a Bidirectional
    for end in range(len(parts), 0, -1):
        for path in ("/".join(parts[:end]), "/".join([*parts[: end - 1], bare[end - 1]])):
            if path in configured and "reset_after" in configured[path].options:
                return bool(configured[path].options["reset_after"])
    return None


def _plain(
    layer: str, weights: Weights, config: LayerConfig, flattened: tuple[int, int, int] | None
) -> Weights:
    made: Weights = {}
    for name, value in _multiplied_out(layer, _named(layer, weights, config)).items():
        rule = _RULES.get(name)
        if rule is None or (name == "kernel" and config.kind == "einsumdense"
                            and not _is_dense(str(config.options.get("equation")))):
            made[name] = value
        elif name == "kernel":
            made["weight"] = _kernel(layer, value, config.kind, flattened)
        else:
            called, convert = rule
            lead = "pointwise." if name == "bias" and "pointwise_kernel" in weights else ""
            made[lead + called] = convert(value)
    if config.kind == "rmsnormalization" and "scale" in made:
        made["weight"] = made.pop("scale")
    if "running_mean" in made:  # Keras leaves out a scale of 1 and a shift of 0
        made.setdefault("weight", np.ones_like(made["running_mean"]))
        made.setdefault("bias", np.zeros_like(made["running_mean"]))
        made["num_batches_tracked"] = np.array(0)
    return made


def _named(layer: str, weights: Weights, config: LayerConfig) -> Weights:
    """The weights with the names of Keras in place of numbers; DataError if nothing tells them."""
    numbers = [name for name in weights if name.isdecimal()]
    if not numbers:
        return weights
    names = array_names(config, list(weights.values())) if len(numbers) == len(weights) else None
    if names is not None:
        return dict(zip(names, weights.values()))
    held = ", ".join(f"{n} {weights[n].dtype}{list(weights[n].shape)}" for n in numbers)
    what = f"of the class {config.kind}" if config.kind else "of a class that is not known"
    name, kind = (("beta", "") if config.kind in NORMS else
                  ("kernel", "" if config.kind else f"give its class, classes={{{layer!r}: "
                                                    f"'Dense'}}, or "))
    raise DataError(
        f"{layer or 'the model itself'} is {what}, and nothing says what its arrays are: {held}\n"
        f"Load a .keras archive or an .h5 of the whole model, which do, or {kind}rename them, "
        f"arrays['{layer}/{name}'] = arrays.pop('{layer}/0'), or leave them out. Weights that "
        "quantize() made, but for int8, are not known here"
    )


def _multiplied_out(layer: str, weights: Weights) -> Weights:
    """int8 weights as the floats they stand for: Keras divides by a scale of each output."""
    made = dict(weights)
    for name, along in (("kernel", -1), ("embeddings", 0)):
        value = made.get(name)
        if value is None or value.dtype.kind == "f":
            continue
        scale = made.pop(f"{name}_scale", None)
        if value.dtype != "int8" or value.ndim != 2 or scale is None or (
                scale.shape != (value.shape[along],)):
            raise DataError(f"{layer}: its {name} is quantized, {value.dtype} of {value.shape}, in "
                            "a way that is not known here: save the model before quantize()")
        made[name] = value / (scale if along else scale[:, None])
    return made


def _is_dense(equation: str) -> bool:
    """Return whether it is the einsum of a Dense layer, abc,cd->abd."""
    found = re.fullmatch(r"(.*)(\w),(\w)(\w)->(.*)(\w)", equation)
    return found is not None and (found[1], found[2], found[4]) == (found[5], found[3], found[6])


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


def _shared(value: Array) -> Array:
    """PReLU's slopes: (1, 1, channels), where all places share them, as (channels,)."""
    return value.reshape(-1) if value.ndim and value.size == value.shape[-1] else value


_RULES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "kernel": ("weight", _channels_first), "embeddings": ("weight", _same),
    "gamma": ("weight", _same), "beta": ("bias", _same),
    "moving_mean": ("running_mean", _same), "moving_variance": ("running_var", _same),
    "depthwise_kernel": ("depthwise.weight", _depthwise),
    "pointwise_kernel": ("pointwise.weight", _channels_first),
    "alpha": ("weight", _shared), "bias": ("bias", _same),
}


def _recurrent(
    layer: str, weights: Weights, configured: Mapping[str, LayerConfig]
) -> Weights:
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
    after = True
    if gates == 3:  # a bias tells: there is a second one for the product with h
        said = _resets_after(layer, configured)
        after = bias.ndim == 2 if "bias" in weights else said is not False
        if "bias" not in weights and said is None:
            warn_at(users_frame(sys._getframe()), f"nothing tells whether {layer}, a GRU without a "
                    "bias, resets h after the product with recurrent_kernel: taken as Keras's "
                    "reset_after=True, which ours does", UserWarning)
    if not after:
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


def _attention(layer: str, parts: dict[str, Weights]) -> Weights:
    """MultiHeadAttention: kernels (inputs, heads, numbers) of query, key and value in one matrix.

    Keras's output kernel is (heads, numbers, outputs).
    """
    kernels = {part: weights["kernel"] for part, weights in parts.items() if "kernel" in weights}
    shapes = "\n".join(f"  {part:<16}  {kernel.shape}" for part, kernel in kernels.items())
    if len(kernels) < len(parts) or any(k.ndim != 3 or k.dtype.kind != "f"
                                        for k in kernels.values()):
        raise DataError(f"{layer}: its kernels are those of no MultiHeadAttention:\n{shapes}")
    query, key, value, output = kernels.values()
    size = output.shape[2]
    inside = {k.shape[1] * k.shape[2] for k in (query, key, value)}
    if inside != {size} or query.shape[0] != size or output.shape[:2] != value.shape[1:]:
        raise DataError(
            f"{layer}: heads * key_dim, the inputs and the outputs of nn.MultiheadAttention are "
            f"equal, here they are not:\n{shapes}\nLeave its arrays out to load the others")
    rows = [kernel.reshape(len(kernel), size).T for kernel in (query, key, value)]
    same = all(row.shape == (size, size) for row in rows)
    made = {"in_proj_weight": np.concatenate(rows)} if same else {
        f"{name}_proj_weight": row for name, row in zip("qkv", rows)}
    made["out_proj.weight"] = output.reshape(size, size).T
    if all("bias" in weights for weights in parts.values()):
        made["in_proj_bias"] = np.concatenate(
            [parts[name]["bias"].reshape(-1) for name in ("query", "key", "value")])
        made["out_proj.bias"] = parts["attention_output"]["bias"]
    return made


# --- what our recurrent layers compute with ------------------------------------------------------

_ACTIVATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "lstm": {"activation": ("tanh",), "recurrent_activation": ("sigmoid",)},
    "gru": {"activation": ("tanh",), "recurrent_activation": ("sigmoid",)},
    "simplernn": {"activation": ("tanh", "relu")},  # nn.RNN has both
}


def _tell_activations(configured: Mapping[str, LayerConfig], layers: Iterable[str]) -> None:
    """Warn of recurrent layers, among those of which there are weights, that ours differ from."""
    tops = {layer.split("/")[0] for layer in layers}
    strange: dict[str, list[str]] = {}
    for path, config in configured.items():
        rules = _ACTIVATIONS.get(re.sub("^cudnn|cell$", "", config.kind), {})
        for option, ours in rules.items():
            given = config.options.get(option, ours[0])
            if path.split("/")[0] in tops and given not in ours:
                said = given if isinstance(given, str) else "a function of its own"
                strange.setdefault(f"{option} {said}, ours {ours[0]}", []).append(path)
    for what, paths in strange.items():
        warn_at(users_frame(sys._getframe(1)), f"the Keras layers {', '.join(paths)} have {what}: "
                "with these weights our layers compute other numbers", UserWarning)
