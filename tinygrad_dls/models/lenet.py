"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998), as the course draws it: ReLU and max pooling."""

from __future__ import annotations

from typing import Any

from .._util.keywords import near_names
from ..nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from .weights import Weights, fill


@near_names
def lenet5(num_classes: int = 10, in_channels: int = 1, *, weights: Weights = None) -> Sequential:
    """Return LeNet-5 for pictures (m, in_channels, 32, 32).

    | layer                  | output        | parameters |
    |------------------------|---------------|------------|
    | input                  | (m, 1, 32, 32)|            |
    | conv1  5x5, 6          | (m, 6, 28, 28)|        156 |
    | pool1  2x2             | (m, 6, 14, 14)|            |
    | conv2  5x5, 16         | (m, 16, 10, 10)|     2,416 |
    | pool2  2x2             | (m, 16, 5, 5) |            |
    | fc3    400 -> 120      | (m, 120)      |     48,120 |
    | fc4    120 -> 84       | (m, 84)       |     10,164 |
    | fc5    84 -> 10        | (m, 10)       |        850 |
    | all                    |               | **61,706** |

    The paper has sigmoids, average pooling with weights, and a sparse conv2 instead.

        models.lenet5()(dls.zeros((2, 1, 32, 32))).shape        # (2, 10)
    """
    layers: dict[str, Any] = {
        "conv1": Conv2d(in_channels, 6, 5), "relu1": ReLU(), "pool1": MaxPool2d(2),
        "conv2": Conv2d(6, 16, 5), "relu2": ReLU(), "pool2": MaxPool2d(2),
        "flatten": Flatten(),
        "fc3": Linear(16 * 5 * 5, 120), "relu3": ReLU(),
        "fc4": Linear(120, 84), "relu4": ReLU(),
        "fc5": Linear(84, num_classes),
    }
    model = Sequential()
    for name, layer in layers.items():
        setattr(model, name, layer)
    return fill(model, weights)
