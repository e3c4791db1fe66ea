"""PyTorch's database of optimizers: the same parameters after each of some steps."""

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn, optim

from .databases import Judge, convert
from .harness import close, torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import optim_db

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

SHAPES: tuple[tuple[int, ...], ...] = ((4, 3), (5,), (), (2, 0), (3, 2, 2))
STEPS = 12
SCALE = {"NAdam": 100.0,  # PyTorch keeps the product of its momenta in float32,
         "ASGD": 1000.0}  # and its rate
ELSEWHERE = {  # compared in tests/optim/test_more_optimizers.py
    "LBFGS": "it takes a closure and one group of parameters, in both",
    "Muon": "it is for matrices alone, in both, and PyTorch's iterates in bfloat16",
    "SparseAdam": "PyTorch's is for sparse gradients alone",
}
EMPTY = {"Adafactor": "PyTorch divides by the number of elements: an empty parameter is an error"}
INFOS = {info.optim_cls.__name__: info for info in optim_db}
OURS = [name for name in INFOS if hasattr(optim, name) and name not in ELSEWHERE]


def test_most_of_them_are_ours() -> None:
    assert len(OURS) >= 9


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_optimizer(name: str, dtype: str, groups: int) -> None:
    info, judge = INFOS[name], Judge(name, dtype, [], [])
    for sample in info.optim_inputs_func(device="cpu"):
        with judge(sample.desc):
            same(info.optim_cls, getattr(optim, name), sample.kwargs, dtype, groups,
                 SCALE.get(name, 1.0))
    judge.finish()


def same(theirs: Any, ours: Any, options: dict[str, Any], dtype: str, groups: int,
         scale: float) -> None:
    """Some steps with equal gradients, one of which is missing now and then."""
    rng = np.random.default_rng(0)
    shapes = [s for s in SHAPES if 0 not in s or theirs.__name__ not in EMPTY]
    start = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    xs = [nn.Parameter(a.copy()) for a in start]
    ts = [torch.nn.Parameter(torch.from_numpy(a.copy())) for a in start]
    mine = ours(in_groups(xs, groups), **convert(options))
    yours = theirs(in_groups(ts, groups), **options)
    for step in range(STEPS):
        for number, (x, t) in enumerate(zip(xs, ts)):
            g = rng.standard_normal(t.shape).astype(dtype)
            missing = number == step % 4
            x.grad = None if missing else dls.Tensor(g)
            t.grad = None if missing else torch.from_numpy(g)
        mine.step()
        yours.step()
        for number, (x, t) in enumerate(zip(xs, ts)):
            close(x.detach(), t, f"parameter {number} after step {step}", scale)


def in_groups(parameters: list[Any], count: int) -> list[Any]:
    if count == 1:
        return parameters
    return [{"params": parameters[:2], "lr": 0.02}, {"params": parameters[2:]}]
