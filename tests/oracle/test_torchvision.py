"""The models, transforms and box functions of torchvision are there to compare with."""

import numpy as np
import pytest

from .harness import torch
from .torchvision_models import torchvision

pytestmark = pytest.mark.torch


def test_a_model_computes():
    network = torchvision.models.resnet18().eval()
    assert sum(p.numel() for p in network.parameters()) == 11_689_512
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1000)


def test_boxes_and_pictures():
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3]])
    assert torchvision.ops.box_iou(boxes, boxes)[0, 1] == pytest.approx(1 / 7)
    picture = np.full((4, 6, 3), 255, np.uint8)
    tensor = torchvision.transforms.ToTensor()(picture)
    assert tensor.shape == (3, 4, 6) and tensor.max() == 1
