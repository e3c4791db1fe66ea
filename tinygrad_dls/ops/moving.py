"""Between devices: the values go there, the gradient comes back."""

from typing import Any

from ..backend.device import Device
from ..engine import autograd
from ..engine.autograd import Array, TensorBase
from ..engine.modes import mode
from .call import record
from .op import Op


class ToDevice(Op):
    """y = x on another device.    dL/dx = dL/dy on x's device"""

    samples = staticmethod(lambda rng: [])  # the device tests move tensors themselves

    def __init__(self, source: Device, destination: Device) -> None:
        self.source, self.destination = source, destination

    def forward(self, x: Array) -> Array:
        return self.destination.from_host(self.source.to_host(x))

    def backward(self, dy: Any) -> Any:
        if isinstance(dy, TensorBase):
            return to_device(dy, self.source)
        return self.source.from_host(self.destination.to_host(dy))


def to_device(x: Any, device: Device) -> Any:
    """The values of x on `device`, a copy."""
    op = ToDevice(x.device, device).on(device)
    out = op.forward(x._data)
    y = autograd.as_tensor(out, device, None, x._kind)
    if x.requires_grad and mode.grad:
        y.requires_grad = True
        y._node = record(op.plan((True,)), (x,), (x._data,), (out,))
    return y
