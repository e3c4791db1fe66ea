"""Names of modules that pickles hold, and of packages beside functions of nearly that name."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_dls as dls


def test_pickles_of_earlier_layouts_load():
    assert pickle.loads(b"ctinygrad_dls.tensors\nTensor\n.") is dls.Tensor
    device = pickle.loads(b"ctinygrad_dls.device\nDevice\n(Vcpu\ntR.")
    assert device is dls.Device("cpu")


def test_a_tensor_comes_back_from_its_pickle():
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = pickle.loads(pickle.dumps(x))
    assert type(y) is dls.Tensor and y.requires_grad
    np.testing.assert_array_equal(y.numpy(), x.numpy())


FIRST = (
    "tinygrad_dls.capturing", "tinygrad_dls.device", "tinygrad_dls.errors",
    "tinygrad_dls.nn.functional", "tinygrad_dls.ops.op", "tinygrad_dls.optim.lr_scheduler",
    "tinygrad_dls.random", "tinygrad_dls.tensors", "tinygrad_dls.train.lesson",
    "tinygrad_dls.viz", "tinygrad_dls.check", "tinygrad_dls.io", "tinygrad_dls.learn.checking",
    "tinygrad_dls.data.sources", "tinygrad_dls.bench", "tinygrad_dls.ops.call",
)


@pytest.mark.parametrize("module", FIRST)
def test_public_names_stay_functions_whatever_is_imported_first(module):
    code = (
        f"import {module}\n"
        "import tinygrad_dls as dls\n"
        "names = 'capture tensor trace graph grad checkpoint fit evaluate accuracy compare '\n"
        "names += 'gradcheck save load device Device Tensor Generator manual_seed einsum where'\n"
        "print([n for n in names.split() if not callable(getattr(dls, n))])\n"
        "dls.random.Generator, dls.errors.Error, dls.nn.functional.relu"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.stdout.strip(), found.stderr) == ("[]", "")
