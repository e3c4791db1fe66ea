"""What stops a PyTorch script over the core: each message names the spelling that goes on.

The same lines run in the namespace as they are.
"""

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.torch as torch

OBSTACLES = {  # the line, and what the core's message names
    "torch.utils.data.DataLoader([1, 2])": "data.DataLoader",
    "torch.save({'a': x}, path)": "path first",
    "torch.FloatTensor([1, 2])": "dtype='float32'",
    "torch.LongTensor([1, 2])": "dtype='int64'",
    "torch.autograd.Variable(x)": "dls.grad",
    "c.transpose(1, 2)": r"x.swapaxes\(1, 2\)",
    "torch.Tensor(2, 1).fill_(1.0)": r"dls.empty\(2, 1\)",
    "x.split(2, dim=1)": "split_with_sizes",
    "c.repeat(1, 2, 1)": "x.tile",
    "torch.accelerator.is_available()": "dls.device",
    "torch.max(x, x)": "dls.maximum",
    "torch.backends.cudnn.benchmark": "leave the line out",
    "torch.nn.DataParallel(torch.nn.Linear(2, 2))": "model",
    "torch.nn.functional.mse_loss(x, x, size_average=False)": "reduction",
    "torch.load(path, map_location='cpu')": "device",
    "torch.var_mean(x)": "correction=1",
    "torch.exp(x, out=x)": "copy_",
    "torch.gcd(k, k)": "np.gcd",
    "torch.jit.script(abs)": "dls.capture",
}
ALIKE = (  # spellings that contradict nothing in NumPy run in both
    "x.size(0)", "x.size()", "torch.cuda.is_available()", "torch.device('cpu')", "torch.float32",
    "torch.long", "x.new_zeros(2)", "x.type_as(c)", "torch.inference_mode()", "x.fill_(1.0)",
    "torch.multinomial(x + 1, 1)", "torch.set_printoptions(linewidth=80)", "x.nelement()",
    "x.bool()", "x.int()", "torch.nn.LazyLinear(3)", "torch.nn.init.normal_(w.data, 0, 0.02)",
    "torch.optim.LBFGS([w])", "torch.optim.Adam([w], foreach=False)",
    "x.to('cpu', non_blocking=True)", "torch.mul(x, x)", "torch.eq(x, x)", "torch.mv(x, x[0])",
    "torch.normal(0, 1, size=(2, 3))", "torch.randint(0, 5, size=(2,))",
    "torch.nn.Dropout2d(0.5)(x)", "torch.trace(x)",
)


def _names(lib, path):
    return {"torch": lib, "x": lib.tensor(np.arange(12, dtype="float32").reshape(3, 4)),
            "c": lib.ones(2, 3, 4), "k": lib.tensor([4, 6]),
            "w": lib.nn.Parameter(lib.ones(2, 3)), "path": str(path / "x.pt")}


@pytest.mark.parametrize("line", OBSTACLES)
def test_the_core_names_the_spelling_and_the_namespace_runs_the_line(line, tmp_path):
    with pytest.raises((dls.Error, AttributeError, TypeError), match=OBSTACLES[line]):
        eval(line, _names(dls, tmp_path))
    names = _names(torch, tmp_path)
    torch.save({"w": names["w"]}, names["path"])
    eval(line, names)


@pytest.mark.parametrize("line", ALIKE)
def test_both_run_what_contradicts_nothing_in_numpy(line, tmp_path):
    for lib in (dls, torch):
        eval(line, _names(lib, tmp_path))
