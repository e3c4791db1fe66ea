"""What somebody sees who explores: `dir`, the tab key, `help`."""

import importlib
import inspect
from types import ModuleType

import pytest

import tinygrad_dls as dls
from tinygrad_dls import io, nn, optim

ROOMS = {"audio", "bench", "check", "cuda", "data", "distributed", "distributions", "io", "models",
         "nn", "optim", "text", "torch", "train", "vision", "viz"}
MODULES = [(dls, ROOMS), (nn, {"functional", "init", "utils"}), (io, set()),
           (optim, {"lr_scheduler", "swa_utils"})]


@pytest.mark.parametrize("package, shown", MODULES, ids=lambda p: getattr(p, "__name__", ""))
def test_dir_shows_what_users_call(package, shown):
    values = {name: getattr(package, name) for name in dir(package) if not name.startswith("__")}
    assert {name for name, value in values.items() if isinstance(value, ModuleType)} == shown
    assert not {"Any", "TYPE_CHECKING", "import_module"} & set(values)
    assert not [name for name in values if name.startswith("_")]


def test_dir_hides_no_function_or_class():
    assert {"Tensor", "zeros", "fit", "graph", "gradcheck", "load", "Generator"} <= set(dir(dls))
    assert {"Linear", "Conv2d", "Module", "Parameter"} <= set(dir(nn))
    assert {"Adam", "SGD", "AveragedModel"} <= set(dir(optim))
    assert {"load", "load_torch", "export_onnx"} <= set(dir(io))
    assert "__version__" in dir(dls)


@pytest.mark.parametrize("function", [
    dls.zeros, dls.ones, dls.full, dls.arange, dls.linspace, dls.rand, dls.randn, dls.randint,
    dls.eye, dls.one_hot, dls.bernoulli, dls.normal, dls.randperm,
])
def test_signatures_say_dtypelike_in_a_word(function):
    signature = str(inspect.signature(function))
    assert "dtype: 'DTypeLike | None' = None" in signature
    assert "numpy." not in signature


@pytest.mark.parametrize("name", ["nn", "nn.functional", "nn.init", "optim", "data", "io", "train",
                                  "models", "vision", "text", "viz", "check", "torch.nn"])
def test_star_imports_what_users_call(name):
    taken = {}
    exec(f"from tinygrad_dls.{name} import *", taken)
    package = importlib.import_module(f"tinygrad_dls.{name}")
    assert {*taken} - {"__builtins__"} == {*package.__all__}
    modules = {word for word, value in taken.items() if isinstance(value, ModuleType)}
    assert modules <= {"functional", "init", "utils", "lr_scheduler", "swa_utils"}
    assert not {"Any", "np", "math", "TYPE_CHECKING"} & {*taken}


def test_star_imports_layers_and_losses():
    taken = {}
    exec("from tinygrad_dls.nn import *", taken)
    assert {"Linear", "Conv2d", "CrossEntropyLoss", "Module"} <= {*taken}
