"""PyTorch's database of layers: outputs, buffers and gradients, training and evaluating."""

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn

from .databases import Judge, Row, convert, is_random, same_gradients, tensors
from .harness import close, flat, projected, torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

SAMPLES = 40  # of each layer, evenly spread; `make test-all` takes all
NOT_OURS = {
    "KLDivLoss": "its samples are logarithms of negative numbers where probabilities belong",
    "TransformerEncoder": "a layer of PyTorch is an argument",
}
REFUSED = [
    Row("MarginRankingLoss", "are 1 and -1", "a label of 0 names no order"),
    Row("CrossEntropyLoss", "ignore", "a mean of no labels is not a number"),
]
DIFFERENT = [
    Row("CTCLoss", "gradient", "its inputs are not log_softmax: only then is PyTorch's the slope"),
]
INFOS = {info.name.removeprefix("nn."): info for info in module_db}
OURS = [name for name in INFOS if hasattr(nn, name) and name not in NOT_OURS]


def test_all_names_of_the_tables_are_in_the_database() -> None:
    rows = [name for row in (*REFUSED, *DIFFERENT) for name in row.names.split()]
    assert {*NOT_OURS, *rows} <= {*INFOS}
    assert len(OURS) > 95


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_layer(name: str, dtype: str) -> None:
    found = samples(INFOS[name], dtype)
    step = -(-len(found) // SAMPLES) or 1
    judge = judged(name, dtype, [*enumerate(found)][::step])
    if step == 1:
        judge.finish()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_layer_on_all_samples(name: str, dtype: str) -> None:
    found = samples(INFOS[name], dtype)
    if len(found) > SAMPLES:
        judged(name, dtype, [*enumerate(found)]).finish()


def samples(info: Any, dtype: str) -> list[tuple[bool, Any]]:
    """PyTorch's own, for training and for evaluating: the same ones in every run."""
    kind = getattr(torch, dtype)
    if kind not in info.dtypes:
        pytest.skip("not for this dtype")
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (theirs draw from it)
    return [(training, sample) for training in (True, False)
            for sample in info.module_inputs_func(info, "cpu", kind, True, training)
            if sample.forward_input is not None]  # else it is made only


def judged(name: str, dtype: str, chosen: list[tuple[int, tuple[bool, Any]]]) -> Judge:
    judge = Judge(name, dtype, REFUSED, DIFFERENT)
    for number, (training, sample) in chosen:
        with judge(f"sample {number} ({sample.desc}), training {training}"):
            same(INFOS[name], name, sample, getattr(torch, dtype), training)
    return judge


def same(info: Any, name: str, sample: Any, kind: Any, training: bool) -> None:
    """A layer with the weights of PyTorch's, on the same inputs."""
    made, given = sample.constructor_input, sample.forward_input
    torch.manual_seed(0)
    theirs = info.module_cls(*made.args, **made.kwargs).to(kind).train(training)
    if is_random(lambda: copy.deepcopy(theirs)(*given.args, **given.kwargs)):
        return
    ours = getattr(nn, name)(*convert(made.args), **convert(made.kwargs))
    ours.to(str(kind).removeprefix("torch.")).train(training)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    inputs = convert([given.args, given.kwargs])
    mine = flat(ours(*inputs[0], **inputs[1]))
    yours = flat(theirs(*given.args, **given.kwargs))
    assert len(mine) == len(yours), f"{len(mine)} results, PyTorch's are {len(yours)}"
    for number, (y, t) in enumerate(zip(mine, yours)):
        close(y, t, f"result {number}")
    for (_, b), (what, c) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        close(b, c, f"buffer {what}")
    loss, target = projected(mine, yours)
    if loss is not None:
        xs = [x for x in tensors(inputs, dls.Tensor) if x.requires_grad]
        ts = [t for t in tensors([given.args, given.kwargs], torch.Tensor) if t.requires_grad]
        same_gradients(loss, target, [*xs, *(p for p in ours.parameters())],
                       [*ts, *(p for p in theirs.parameters())], info.supports_gradgrad)
