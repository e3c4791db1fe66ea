"""The calls of NCCL, proven on a double of `cupy.cuda`: there is a GPU in few places."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("mpi4py")

from tests.distributed.doubles import run
from tinygrad_dls.device import Device
from tinygrad_dls.distributed.transport import Nccl

KINDS = {7: np.float32, 8: np.float64}  # ncclFloat32, ncclFloat64 of nccl.h


class OnGpu(np.ndarray):
    """An array whose `data` has a pointer, as CuPy's have."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


class Event:
    def __init__(self, request):
        self.request = request

    @property
    def done(self):
        return self.request is None or self.request.Test()


def cupy_of(world, calls):
    """A double of CuPy for one rank; what is called is noted in `calls`."""

    class Stream:
        ptr, last = 77, None

        def __init__(self, non_blocking=False):
            calls.append(("stream", non_blocking))

        def wait_event(self, event):
            calls.append(("wait", event))

        def record(self):
            return Event(Stream.last)

    class NcclCommunicator:
        def __init__(self, ranks, unique, rank):
            calls.append(("communicator", ranks, unique, rank))

        def allReduce(self, send, receive, count, kind, op, stream):
            assert send == receive and op == 0 and stream == Stream.ptr  # ncclSum, our stream
            calls.append(("allReduce", count, KINDS[kind]))
            pointer = ctypes.cast(send, ctypes.POINTER(np.ctypeslib.as_ctypes_type(KINDS[kind])))
            Stream.last = world.lane("values").sum(np.ctypeslib.as_array(pointer, (count,)))

    nccl = SimpleNamespace(
        get_unique_id=lambda: (1, 2, world.rank), NcclCommunicator=NcclCommunicator,
        NCCL_FLOAT32=7, NCCL_FLOAT64=8, NCCL_SUM=0)
    now = SimpleNamespace(record=lambda: "all that was asked of the GPU before")
    return SimpleNamespace(
        cuda=SimpleNamespace(nccl=nccl, Stream=Stream, get_current_stream=lambda: now),
        zeros=lambda n, kind: np.zeros(n, kind).view(OnGpu), asnumpy=np.asarray)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_bucket_is_added_up_on_a_stream_of_its_own(kind):
    def rank(world):
        calls = []
        nccl = Nccl(Device("cpu"), world, cupy_of(world, calls))
        values = nccl.buffer(7, np.dtype(kind))
        nccl.load(values[:6], np.arange(6.0) * (world.rank + 1))
        nccl.load(values[6:], np.ones(1))
        request = nccl.sum(values)
        world.wait(request, "the double")
        gradient = np.zeros((2, 3), "float16")
        nccl.store(gradient, values[:6], 0.5)
        return calls, gradient.tolist(), nccl.numbers(values[6:]), world.traffic["gradients"]

    for number, (calls, gradient, flags, traffic) in enumerate(run(2, rank)):
        assert calls == [
            ("communicator", 2, (1, 2, 0), number),  # the id is that of rank 0
            ("stream", True), ("wait", "all that was asked of the GPU before"),
            ("allReduce", 7, np.dtype(kind).type),
        ]
        assert gradient == [[0, 1.5, 3], [4.5, 6, 7.5]] and flags == [2]
        assert traffic.calls == 1 and traffic.bytes == 7 * np.dtype(kind).itemsize
