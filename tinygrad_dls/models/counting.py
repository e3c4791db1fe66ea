"""Count parameters as Keras does, to compare with the course's tables."""

from __future__ import annotations

from .. import nn
from .._util.keywords import near_names
from ..nn import Module

NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def parameters(model: Module) -> int:
    """Return the number of trainable and frozen parameters, as PyTorch counts them."""
    return sum(p.size for p in model.parameters())


@near_names
def keras_parameters(model: Module, conv_biases: bool = True) -> int:
    """Return the number of parameters that Keras's `model.summary()` shows for the same network.

    Keras counts two moving statistics (mean and variance) per channel of a batch normalization as
    parameters that are not trained, and one bias for each gate of an LSTM, of which PyTorch has two
    (Keras's GRU has two as well). conv_biases: count a bias for each convolution without one, as
    in the course's ResNet-50, whose convolutions keep Keras's default `use_bias=True`; Keras's own
    MobileNetV2 has none (False).

        keras_parameters(models.resnet50(num_classes=6))        # 23_600_006; PyTorch: 23_520_326
    """
    count = parameters(model)
    for layer in model.modules():
        if isinstance(layer, NORMALIZATIONS):
            count += 2 * layer.num_features
        elif conv_biases and isinstance(layer, CONVOLUTIONS) and layer.bias is None:
            count += layer.out_channels
        elif isinstance(layer, nn.LSTM) and layer.bias:
            count -= layer.num_layers * (1 + layer.bidirectional) * 4 * layer.hidden_size
    return count
