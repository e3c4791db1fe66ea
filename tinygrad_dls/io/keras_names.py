"""Meanings of the numbered arrays of a Keras layer, from its class, its options and their shapes.

Keras 3 stores the weights of a layer as vars/0, vars/1 ... and their names nowhere. Its .keras
archives (and whole models in .h5) hold the configuration, which says the class and the options of
each layer. Files of weights alone tell the class at most, by the names of groups and layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .reading import Array

DEEPEST = 30  # layers in layers
KERNEL_BIAS, CELL = ("kernel", "bias"), ("kernel", "recurrent_kernel", "bias")
# class in lower case -> (names in the order of the file, axes of the first array or None for any)
TABLE: dict[str, tuple[tuple[str, ...], int | None]] = {
    "dense": (KERNEL_BIAS, 2), "einsumdense": (KERNEL_BIAS, None),
    "embedding": (("embeddings",), 2), "prelu": (("alpha",), None),
    "rmsnormalization": (("scale",), 1), "attention": (("scale",), 0),
    "additiveattention": (("scale",), 1), "normalization": (("mean", "variance", "count"), None),
    "cell": (CELL, None), "lstmcell": (CELL, 2), "grucell": (CELL, 2), "simplernncell": (CELL, 2),
    **{f"{kind}conv{n}d{way}": (KERNEL_BIAS, n + 2) for n in (1, 2, 3)
       for kind, way in (("", ""), ("", "transpose"), ("depthwise", ""))},
    **{f"separableconv{n}d": (("depthwise_kernel", "pointwise_kernel", "bias"), n + 2)
       for n in (1, 2)},
}
STATISTICS = ("moving_mean", "moving_variance")
NORMS = {"layernormalization": (), "groupnormalization": (), "batchnormalization": STATISTICS}
PROJECTIONS = ("query", "key", "value", "attention_output")  # layers of an attention layer
ATTENTION = ("multiheadattention", "groupqueryattention", "groupedqueryattention")


class LayerConfig(NamedTuple):
    """A layer of a configuration: its class, as `plain_class` spells it, and its options."""

    kind: str
    options: Mapping[str, Any]

    @property
    def quantized(self) -> str:
        """Return the quantization of the weights: "int8" ..., "" if there is none."""
        policy = self.options.get("dtype")
        inner = policy.get("config") if isinstance(policy, dict) else None
        return str(inner.get("mode", "")) if isinstance(inner, dict) else ""


def plain_class(name: str) -> str:
    """One spelling for a class: Conv2D, conv2d_1 and conv2d are "conv2d"."""
    return re.sub(r"_\d+$", "", name).replace("_", "").lower()


def layers_of(config: Any) -> dict[str, LayerConfig]:
    """Each layer of a model's configuration by its path: layers in models and wrappers too."""
    return dict(_layers(config, 0))


def _layers(config: Any, depth: int) -> Iterator[tuple[str, LayerConfig]]:
    inner = config.get("config") if isinstance(config, dict) else None
    options = inner if isinstance(inner, dict) else {}
    found: list[Any] = []
    for part in (options.get("layers"), options.get("cells"), inner):
        found += part if isinstance(part, list) else []
    found += [options.get(key) for key in ("layer", "backward_layer", "cell")]
    for layer in found if depth < DEEPEST else ():
        if isinstance(layer, dict) and isinstance(layer.get("config"), (dict, list)):
            own = layer["config"] if isinstance(layer["config"], dict) else {}
            name = str(layer.get("name") or own.get("name"))
            yield name, LayerConfig(plain_class(str(layer.get("class_name"))), own)
            for path, inside in _layers(layer, depth + 1):
                yield f"{name}/{path}", inside


def array_names(
    layer: LayerConfig, arrays: Sequence[Array]
) -> tuple[str, ...] | None:
    """The names of a layer's arrays in their order; None where the class does not tell."""
    if layer.kind in NORMS:
        return _norm(layer, len(arrays))
    if layer.kind not in TABLE or not arrays:
        return None
    names, axes = TABLE[layer.kind]
    if axes is not None and arrays[0].ndim != axes:
        return None
    if arrays[0].dtype.kind == "i" and layer.kind in ("dense", "embedding"):
        return _quantized(layer, names, arrays)
    return names[: len(arrays)] if len(arrays) <= len(names) else None


def _norm(layer: LayerConfig, count: int) -> tuple[str, ...] | None:
    """gamma where there is a scale, beta where there is a center, then the statistics."""
    statistics = NORMS[layer.kind]
    given = layer.options
    if "scale" in given or "center" in given:
        rms = bool(given.get("rms_scaling"))
        free = [("gamma", rms or given.get("scale", True)),
                ("beta", not rms and given.get("center", True))]
        names = (*(name for name, there in free if there), *statistics)
        return names if len(names) == count else None
    if count == 2 + len(statistics):
        return ("gamma", "beta", *statistics)
    return statistics if count == len(statistics) else None  # one alone: it may be either


def _quantized(
    layer: LayerConfig, names: tuple[str, ...], arrays: Sequence[Array]
) -> tuple[str, ...] | None:
    """int8 with one scale for each output (or row of a table): the scale comes last."""
    named = names[: len(arrays) - 1]
    along = -1 if layer.kind == "dense" else 0
    fits = (len(named) == len(arrays) - 1 and arrays[0].dtype == "int8"
            and arrays[-1].shape == (arrays[0].shape[along],))
    return (*named, f"{names[0]}_scale") if fits and layer.quantized in ("", "int8") else None
