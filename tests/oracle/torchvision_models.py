"""torchvision beside the CPU build of PyTorch: its models, transforms and box functions.

torchvision's wheel holds compiled operators that the CPU build does not load, and importing it
stops where it describes them. With an empty module in the place of these descriptions it loads.
What is written in Python works then; what needs the operators (nms, roi_align ...) does not.

    from tests.oracle.torchvision_models import torchvision  # a module that is not there is skipped

    theirs = torchvision.models.resnet18().eval()

Install it with `pip install --no-deps torchvision==0.28.0`, which leaves PyTorch alone.
"""

import importlib
import sys
import types
from typing import Any

import pytest

_DESCRIPTIONS = "torchvision._meta_registrations"


def _load() -> Any:
    pytest.importorskip("torch")
    sys.modules.setdefault(_DESCRIPTIONS, types.ModuleType(_DESCRIPTIONS))
    found = pytest.importorskip("torchvision")
    for part in ("models", "models.detection", "ops", "transforms"):
        importlib.import_module(f"torchvision.{part}")
    return found


torchvision = _load()
