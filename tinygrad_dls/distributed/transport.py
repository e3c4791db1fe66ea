"""Transports: the way of a bucket of gradients from a device to the other ranks, and back.

From the CPU it is handed to MPI as it is. From a GPU it goes through NCCL where CuPy has it, on a
stream of its own, so that it runs beside the kernels of backward; else, and from any other device,
over a copy on the host.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.device import Device
from .lanes import Lane, Request
from .world import World

Array = Any


class Host:
    """Buckets of the CPU: MPI takes them where they are."""

    def __init__(self, device: Device, lane: Lane) -> None:
        self.device, self.lane = device, lane

    def buffer(self, size: int, dtype: Any) -> Array:
        """Zeros that can be sent."""
        return np.zeros(size, dtype)

    def load(self, part: Array, gradient: Array) -> None:
        """Copy a gradient into its part of a bucket."""
        part[...] = self.device.to_host(gradient)

    def sum(self, values: Array) -> Request:
        """Start the sum over ranks, in place."""
        return self.lane.sum(values)

    def numbers(self, values: Array) -> list[float]:
        """Read a few numbers."""
        return values.tolist()  # type: ignore[no-any-return]

    def store(self, gradient: Array, part: Array, share: float) -> None:
        """gradient = share * part, in its shape and dtype."""
        shaped = (part * part.dtype.type(share)).reshape(gradient.shape)
        gradient[...] = self.device.from_host(shaped.astype(gradient.dtype, copy=False))


class Nccl:
    """Buckets of a GPU: NCCL adds them there. `cupy` is CuPy, or what a test puts in its place."""

    def __init__(self, device: Device, world: World, cupy: Any) -> None:
        nccl = cupy.cuda.nccl
        unique = world.broadcast(nccl.get_unique_id() if world.rank == 0 else None,
                                 doing="the start of NCCL")
        self.cupy, self.device = cupy, device
        self.comm = nccl.NcclCommunicator(world.size, unique, world.rank)
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.kinds = {np.dtype("float32"): nccl.NCCL_FLOAT32,
                      np.dtype("float64"): nccl.NCCL_FLOAT64}
        self.traffic = world.lane("gradients").traffic

    def buffer(self, size: int, dtype: Any) -> Array:
        """Zeros on the GPU."""
        return self.cupy.zeros(size, dtype)

    def load(self, part: Array, gradient: Array) -> None:
        """Copy a gradient into its part of a bucket."""
        part[...] = gradient

    def sum(self, values: Array) -> Request:
        """Start the sum over ranks, in place, after what the GPU has been told so far."""
        now = self.cupy.cuda.get_current_stream()
        self.stream.wait_event(now.record())
        self.comm.allReduce(values.data.ptr, values.data.ptr, values.size, self.kinds[values.dtype],
                            self.cupy.cuda.nccl.NCCL_SUM, self.stream.ptr)
        self.traffic.bytes += values.nbytes
        self.traffic.calls += 1
        return _Event(self.stream.record())

    def numbers(self, values: Array) -> list[float]:
        """Read a few numbers."""
        return self.cupy.asnumpy(values).tolist()  # type: ignore[no-any-return]

    def store(self, gradient: Array, part: Array, share: float) -> None:
        """gradient = share * part, in its shape and dtype."""
        gradient[...] = (part * part.dtype.type(share)).reshape(gradient.shape)


class _Event:
    """An event of a stream as a request."""

    def __init__(self, event: Any) -> None:
        self.event = event

    def Test(self) -> bool:
        """Return whether the stream has come there."""
        return bool(self.event.done)


def transport_for(device: Device, world: World) -> Host | Nccl:
    """The transport of a device: made once for each."""
    known: dict[str, Host | Nccl] = world.__dict__.setdefault("_transports", {})
    if device.name not in known:
        known[device.name] = _made(device, world)
    return known[device.name]


def _made(device: Device, world: World) -> Host | Nccl:
    cupy = device.xp
    if device.name.startswith("cuda"):
        there = getattr(getattr(cupy.cuda, "nccl", None), "available", False)
        if all(world.all_gather(bool(there), "the start of NCCL")):
            return Nccl(device, world, cupy)
    return Host(device, world.lane("gradients"))
