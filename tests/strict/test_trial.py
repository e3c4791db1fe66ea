"""The trial: seeded device bugs that must be caught, and an engine's needs that must pass."""

import io

import numpy as np
import pytest

from tinygrad_dls.backend.strict import Array, xp
from tinygrad_dls.errors import DeviceError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 5)).astype(np.float32)
B = RNG.standard_normal((5, 3)).astype(np.float32)
INDEX = np.array([0, 2, 2, 1])
d = xp.asarray


def compiled(device):
    numba = pytest.importorskip("numba")
    return numba.njit(lambda x: x[0, 0])(device)


BUGS = {
    "numpy.exp(device)": lambda: np.exp(d(A)),
    "numpy.concatenate([device])": lambda: np.concatenate([d(A), d(A)]),
    "numpy.asarray(device)": lambda: np.asarray(d(A)),
    "device + host": lambda: d(A) + A,
    "host + device": lambda: A + d(A),
    "device *= host": lambda: d(A).__imul__(A),
    "where(device, device, host)": lambda: xp.where(d(A) > 0, d(A), A),
    "device[host index]": lambda: d(A)[INDEX],
    "device[0] = host": lambda: d(A).__setitem__(0, A[1]),
    "numpy.add.at(device)": lambda: np.add.at(d(A), d(INDEX), d(A)),
    "list[device 0-d]": lambda: [1, 2, 3][d(INDEX)[0]],
    "range(device 0-d)": lambda: range(d(INDEX)[3]),
    "einsum_path": lambda: xp.einsum_path("ij,jk->ik", d(A), d(B)),
    "errstate": lambda: xp.errstate(all="ignore"),
    "numpy.save(device)": lambda: np.save(io.BytesIO(), d(A)),
    "sum(where=)": lambda: xp.sum(d(A), where=d(A) > 0),
    "device * host mask": lambda: d(A) * (RNG.random((4, 5)) > 0.5),
}
PYTHON_BUGS = {  # these end in the caller's own error, not in ours
    "numba.njit(device)": lambda: compiled(d(A)),
    "memoryview(device)": lambda: memoryview(d(A)),
}
NEEDS = {
    "add.at": lambda: xp.add.at(d(A), d(INDEX), d(A)),
    "einsum": lambda: xp.einsum("ij,jk->ik", d(A), d(B)),
    "exp(out=)": lambda: xp.exp(d(A), out=d(A)),
    "sum(axis, keepdims)": lambda: d(A).sum(axis=0, keepdims=True),
    "reshape(-1)": lambda: d(A).reshape(-1),
    "as_strided": lambda: xp.lib.stride_tricks.as_strided(d(A), shape=(2, 2), strides=(4, 4)),
    "pad": lambda: xp.pad(d(A), 1),
    "x[integers]": lambda: d(A)[d(INDEX)],
    "x[rows, columns]": lambda: d(A)[d(INDEX), d(INDEX)],
    "x[mask] = 0": lambda: d(A).__setitem__(d(A) < 0, 0.0),
    "argmax": lambda: d(A).argmax(1),
    "x += y": lambda: d(A).__iadd__(d(A)),
    "x @ y": lambda: d(A) @ d(B),
    "x.T": lambda: d(A).T,
    "float32 * Python float": lambda: d(A) * 2.0,
    "sum() stays a device array": lambda: d(A).sum(),
}


@pytest.mark.parametrize("name", BUGS)
def test_seeded_bug_is_caught(name):
    with pytest.raises(DeviceError) as caught:
        BUGS[name]()
    message = str(caught.value)
    assert "CuPy" in message and len(message.splitlines()) >= 2  # what it would do, the mend


@pytest.mark.parametrize("name", PYTHON_BUGS)
def test_bug_that_python_or_numba_catches(name):
    with pytest.raises(Exception) as caught:
        PYTHON_BUGS[name]()
    assert not isinstance(caught.value, AssertionError)


@pytest.mark.parametrize("name", NEEDS)
def test_legitimate_need_is_accepted(name):
    result = NEEDS[name]()
    assert result is None or isinstance(result, Array)
    if isinstance(result, Array) and name != "argmax":
        assert result.dtype == np.float32
