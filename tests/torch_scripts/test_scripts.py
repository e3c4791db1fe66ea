"""Each script of this folder gives the same losses with PyTorch and with tinygrad_dls.torch."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "test_scripts")
IMPORTS = re.compile(r"^(import|from) torch\b", re.M)


def run(name, prefix, weights=None):
    """(losses, the weights that it began with)."""
    text = IMPORTS.sub(rf"\1 {prefix}torch", (HERE / f"{name}.py").read_text("utf-8"))
    if prefix:
        whole = f"import {prefix}torch"
        text = re.sub(rf"^{whole}$", f"{whole} as torch", text, flags=re.M)
    script = ModuleType(name)
    exec(compile(text, f"{prefix}{name}.py", "exec"), vars(script))
    script.torch.manual_seed(0)
    modules = script.models()
    if weights is None:
        weights = {part: {key: value.numpy().copy() for key, value in module.state_dict().items()}
                   for part, module in modules.items()}
    for part, module in modules.items():
        assert list(module.state_dict()) == list(weights[part])
        module.load_state_dict({
            key: script.torch.tensor(value) for key, value in weights[part].items()})
    return script.train(modules, np.random.default_rng(5)), weights


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:'pin_memory' argument:UserWarning")  # PyTorch's, without a GPU
@pytest.mark.parametrize("name", SCRIPTS)
def test_losses_are_equal(name):
    pytest.importorskip("torch")
    wanted, weights = run(name, "")
    found, _ = run(name, "tinygrad_dls.", weights)
    assert len(found) >= 3 and np.allclose(found, wanted, rtol=1e-4, atol=1e-5), (found, wanted)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_run_without_pytorch(name):
    losses, _ = run(name, "tinygrad_dls.")
    assert np.isfinite(losses).all()
