"""Every op that is declared passes the check of its own rule, at its own samples."""

from typing import Any

import numpy as np
import pytest

from tinygrad_dls.backend.device import Device
from tinygrad_dls.check.local import check_op
from tinygrad_dls.ops.op import Op

DECLARED = {
    name: op for name, op in sorted(Op.registry.items())
    if op.differentiable and op.__module__.startswith("tinygrad_dls.ops")
}


def _moved(value: Any, place: Device) -> Any:
    """A parameter of an op with its arrays (indices) on the device."""
    if isinstance(value, tuple):
        return tuple(_moved(v, place) for v in value)
    return place.from_host(value) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("name", DECLARED)
def test_its_rule_is_right(name: str, device: str) -> None:
    op, place = DECLARED[name], Device(device)
    for sample in op.samples(np.random.default_rng(1)):
        parameters = {key: _moved(v, place) for key, v in sample.parameters.items()}
        bound = op(**parameters).on(place)
        inputs = [place.from_host(np.asarray(x)) for x in sample.inputs]
        needs = [x.dtype.kind == "f" for x in inputs]
        for check in check_op(bound, inputs, needs, rng=np.random.default_rng(2)):
            assert check.verdict in ("right", "kink"), (sample, str(check))
