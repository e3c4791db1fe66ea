"""Between devices: values go, gradients come back; nothing mixes by itself."""

import numpy as np
import pytest

import tinygrad_dls as dls

STRICT = dls.Device("strict")


def test_round_trip_keeps_values_and_brings_the_gradient_back() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    there = x.to("strict")
    assert there.device is STRICT
    back = (there * there).to("cpu")
    assert back.device is x.device
    (back * dls.Tensor([3.0, 4.0])).sum().backward()
    assert x.grad.device is x.device
    assert x.grad.tolist() == [6.0, 16.0]


def test_second_order_through_a_device() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = (x.to("strict") ** 3).sum().to("cpu")
    first, = dls.grad(y, [x], create_graph=True)
    second, = dls.grad(first.sum(), [x])
    assert first.tolist() == [3.0, 12.0]
    assert second.tolist() == [6.0, 12.0]


def test_same_device_is_the_same_tensor() -> None:
    x = dls.Tensor([1.0])
    assert x.to("cpu") is x.cpu() is x.to(dls.Device("cpu")) is x
    assert x.to("float64").dtype == np.float64
    assert not dls.Tensor([1], device="strict").to("cpu").requires_grad


def test_operands_on_two_devices_raise() -> None:
    a, b = dls.Tensor([1.0, 2.0]), dls.Tensor([1.0, 2.0], device="strict")
    for mixed in (lambda: a + b, lambda: b @ a, lambda: dls.where(a > 0.0, a, b),
                  lambda: dls.concatenate([a, b]), lambda: dls.stack([b, a]),
                  lambda: a[dls.Tensor([0], device="strict")],
                  lambda: dls.nn.functional.linear(a, b.reshape(1, 2))):
        with pytest.raises(dls.DeviceError, match="strict"):
            mixed()


def test_numbers_work_everywhere_and_arrays_of_the_host_do_not() -> None:
    x = dls.Tensor([1.0, 2.0], device="strict", requires_grad=True)
    y = 2.0 * x + 1 - np.float32(0.5)
    z = dls.where(x > 1.5, y, 0.0) + 2.0**x + x.clip(0.0, 1.5)
    z.sum().backward()
    assert x.grad.device is STRICT
    assert np.isfinite(x.grad.numpy()).all()
    with pytest.raises(dls.DeviceError, match="move it"):
        x + np.ones(2)


def test_default_device() -> None:
    dls.set_default_device("strict")
    for x in (dls.Tensor([1.0]), dls.zeros(2), dls.randn(2, 2), dls.arange(3), dls.eye(2),
              dls.exp([1.0]), dls.one_hot([0, 1], 2)):
        assert x.device is STRICT
    assert dls.from_numpy(np.ones(1)).device is dls.Device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cpu:1x", 3, None, "CPU"])
def test_unknown_device_is_named(name: object) -> None:
    with pytest.raises(dls.DeviceError):
        dls.Device(name)  # type: ignore[arg-type]


def test_missing_gpu_is_explained() -> None:
    import importlib.util

    if importlib.util.find_spec("cupy") is not None:
        pytest.skip("CuPy is installed")
    with pytest.raises(dls.DeviceError, match=r"pip install"):
        dls.Tensor([1.0]).to("cuda")


def test_devices_are_one_object_for_each_name() -> None:
    import copy
    import pickle

    assert dls.Device("strict") is STRICT
    assert copy.deepcopy(STRICT) is STRICT
    assert pickle.loads(pickle.dumps(STRICT)) is STRICT
    assert str(STRICT) == "strict"
    assert repr(STRICT) == "Device('strict')"
