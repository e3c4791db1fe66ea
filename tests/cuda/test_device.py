"""The device "cuda" as a whole, with a double of CuPy that runs the kernels on the host."""

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tests.strict.steps import training
from tinygrad_dls import optim
from tinygrad_dls.backend import strict
from tinygrad_dls.backend.device import Device
from tinygrad_dls.backend.kernels import kernels_for
from tinygrad_dls.backend.kernels.cuda import base
from tinygrad_dls.backend.kernels.cuda.table import CudaKernels
from tinygrad_dls.backend.kernels.reference import ReferenceKernels
from tinygrad_dls.bench.cases import CASES, FAMILIES

from . import emulator
from .fake_cupy import FakeCupy

runs = pytest.mark.skipif(emulator.COMPILER is None, reason=emulator.MISSING)


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCupy]:
    """`dls.Device("cuda")` on the double of CuPy, for one test."""
    fake = FakeCupy()
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(Device, "_known", dict(Device._known))
    Device._known.pop("cuda:0", None)
    monkeypatch.delenv("TINYGRAD_DLS_KERNELS", raising=False)
    yield fake


# --- which table ---------------------------------------------------------------------------------


def test_a_gpu_has_the_cuda_kernels_and_others_do_not(cupy: FakeCupy) -> None:
    assert type(Device("cuda").kernels) is CudaKernels
    assert Device("cuda:0") is Device("cuda")
    assert type(Device("strict").kernels) is ReferenceKernels
    assert type(kernels_for("cuda:1", cupy)) is CudaKernels


def test_the_reference_can_be_asked_for_on_a_gpu(
    cupy: FakeCupy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_DLS_KERNELS", "reference")
    assert type(Device("cuda").kernels) is ReferenceKernels
    x = dls.Tensor([1.0, -1.0], device="cuda", requires_grad=True)
    F.silu(x).sum().backward()
    assert x.grad is not None
    assert cupy.launches == []


def test_a_kernel_is_made_once_for_each_dtype(cupy: FakeCupy) -> None:
    if emulator.COMPILER is None:
        pytest.skip(emulator.MISSING)
    for dtype in ("float32", "float64", "float32"):
        x = dls.Tensor(np.ones(3, dtype), device="cuda")
        F.silu(F.silu(x))
    assert cupy.modules == [("-std=c++17",)] * 2
    assert cupy.launches == ["silu"] * 6


def test_no_gpu_is_explained(cupy: FakeCupy) -> None:
    cupy.cuda.is_available = lambda: False
    with pytest.raises(dls.DeviceError, match="finds no usable GPU"):
        Device("cuda")
    with pytest.raises(dls.DeviceError, match="finds no usable GPU"):
        dls.Tensor([1.0]).to("cuda")


def test_a_gpu_that_is_not_there_is_named(cupy: FakeCupy) -> None:
    with pytest.raises(dls.DeviceError, match="no GPU number 3: this machine has 1"):
        Device("cuda:3")


def test_the_cpu_never_imports_cupy(tmp_path: os.PathLike[str]) -> None:
    folder = tmp_path / "cupy"  # type: ignore[operator]
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    code = (
        "import sys, tinygrad_dls as dls, tinygrad_dls.backend.kernels.cuda\n"
        "x = dls.Tensor([1.0, 2.0], requires_grad=True); (x.sigmoid() * x).sum().backward()\n"
        "y = dls.Tensor([1.0], device='strict').exp().item()\n"
        "print('cupy' in sys.modules)"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            env={**os.environ, "PYTHONPATH": path})
    assert result.stdout.strip() == "False", result.stderr


# --- whole training steps ------------------------------------------------------------------------


LONG = ("e", "g")  # a host takes its time over their convolutions, a GPU does not


@runs
@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in FAMILIES
])
def test_a_step_of_each_family(name: str, cupy: FakeCupy) -> None:
    """As on the CPU, without a synchronization, in a few launches of ours."""
    here, there = training(CASES[name], "cpu"), training(CASES[name], "cuda")
    np.testing.assert_allclose(there().numpy(), here().numpy(), rtol=1e-5)
    cupy.launches.clear()
    with strict.count() as counted:
        loss = there()
    assert counted.syncs == 0, counted
    assert counted.host_to_device == 0, counted
    assert len(set(cupy.launches)) > 2
    np.testing.assert_allclose(loss.numpy(), here().numpy(), rtol=2e-4)


@runs
def test_a_network_of_many_layers_learns_as_on_the_cpu(cupy: FakeCupy) -> None:
    def weights(device: str) -> list[np.ndarray]:
        dls.manual_seed(3)
        model = dls.nn.Sequential(
            dls.nn.Conv2d(2, 4, 3, padding=1), dls.nn.BatchNorm2d(4), dls.nn.GELU(),
            dls.nn.MaxPool2d(3, 2, 1), dls.nn.Conv2d(4, 4, 3, groups=4), dls.nn.GroupNorm(2, 4),
            dls.nn.SiLU(), dls.nn.AvgPool2d(2), dls.nn.Flatten(), dls.nn.LayerNorm(4),
            dls.nn.Dropout(0.2), dls.nn.Linear(4, 3),
        )
        x, y = dls.randn(5, 2, 8, 8), dls.Tensor(np.array([0, 2, 1, 1, 0]))
        model.to(device)
        x, y = x.to(device), y.to(device)
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        return [p.numpy() for p in model.parameters()] + [b.numpy() for b in model.buffers()]

    for mine, want in zip(weights("cuda"), weights("cpu"), strict=True):
        np.testing.assert_allclose(mine, want, rtol=2e-3, atol=2e-4)


@runs
def test_dropout_takes_the_same_elements_as_on_the_cpu(cupy: FakeCupy) -> None:
    x = np.arange(1.0, 1001.0, dtype="float32").reshape(10, 100)
    masks = []
    for device in ("cpu", "cuda", "strict"):
        dls.manual_seed(11)
        masks.append(F.dropout(dls.Tensor(x, device=device), 0.3).numpy())
    assert (masks[0] == 0).sum() > 200
    np.testing.assert_array_equal(masks[1], masks[0])
    np.testing.assert_array_equal(masks[2], masks[0])


# --- flags ---------------------------------------------------------------------------------------


@runs
class TestFlags:
    def test_a_label_out_of_range_is_told_at_the_next_copy(self, cupy: FakeCupy) -> None:
        z = dls.Tensor(np.zeros((3, 4), "float32"), device="cuda", requires_grad=True)
        for labels in ([0, 4, 1], [0, -1, 1]):
            loss = F.cross_entropy(z, dls.Tensor(np.array(labels), device="cuda"))
            loss.backward()
            with pytest.raises(dls.DataError, match="cross_entropy: a label was out of range"):
                loss.item()
            assert np.isnan(loss.item())  # told once

    def test_an_index_out_of_range_is_told(self, cupy: FakeCupy) -> None:
        kernels = Device("cuda").kernels
        rows = cupy.asarray(np.ones((3, 2), "float32"))
        for places in ([0, 5, 1], [0, -6, 1]):
            made = kernels.add_at(rows, (5, 2), cupy.asarray(np.array(places)))
            with pytest.raises(dls.DataError, match="add_at: an index was out of range"):
                Device("cuda").to_host(made)
        two = (cupy.asarray(np.array([0, 1])), cupy.asarray(np.array([2, 0])))
        kernels.add_at(rows[:2, 0], (2, 2), two)
        with pytest.raises(dls.DataError, match="add_at"):
            kernels.raise_troubles()

    def test_right_values_cost_one_more_copy_and_others_none(self, cupy: FakeCupy) -> None:
        z = dls.Tensor(np.zeros((3, 4), "float32"), device="cuda")
        z.numpy()
        with strict.count() as counted:
            z.exp().numpy()
        assert counted.device_to_host == 1
        loss = F.cross_entropy(z, dls.Tensor(np.array([0, 3, 1]), device="cuda"))
        with strict.count() as counted:
            assert loss.item() == pytest.approx(np.log(4))
            loss.numpy()
        assert counted.device_to_host == 2  # the flags once, the loss once, beside item()

    def test_every_trouble_has_its_word(self) -> None:
        table = CudaKernels(FakeCupy())
        words = [table._flag(name)._host.ctypes.data for name in base.TROUBLES]
        assert len(set(words)) == len(base.TROUBLES)
