"""Types that users get: results are tensors, and mypy finds the mistakes in a user's file."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_dls as dls
from tinygrad_dls.nn import functional as F

pytestmark = pytest.mark.slow  # half a minute of mypy
ROOT = Path(__file__).resolve().parents[1]
START = """
import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, models, nn, optim
x = dls.randn(3, 4)
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
opt = optim.Adam(model.parameters(), lr=1e-3)
packed = nn.utils.rnn.pack_sequence([x])
class Net(nn.Module):
    def forward(self, a: dls.Tensor, scale: float = 1.0) -> tuple[dls.Tensor, int]:
        return model(a) * scale, 1
anything: nn.Module = Net()
"""
TENSOR = "Tensor"
TYPES = {
    "x": TENSOR, "dls.exp(x)": TENSOR, "x + 1": TENSOR, "1 - x": TENSOR, "x @ x.T": TENSOR,
    "-x": TENSOR, "x ** 2": TENSOR, "x > 0": TENSOR, "x == x": TENSOR, "x[0]": TENSOR,
    "x[:, 1:]": TENSOR, "x.sum()": TENSOR, "x.sum(axis=0)": TENSOR, "x.mean(dim=1)": TENSOR,
    "x.max(axis=1, keepdims=True)": TENSOR, "x.argmax(axis=1)": TENSOR, "x.T": TENSOR,
    "x.reshape(2, 6)": TENSOR, "dls.sum(x, axis=(0, 1))": TENSOR, "dls.clip(x, 0, 1)": TENSOR,
    "dls.concatenate([x, x])": TENSOR, "dls.where(x > 0, x, 0)": TENSOR, "x.detach()": TENSOR,
    'dls.einsum("ij,kj", x, x)': TENSOR, "dls.tensor([1.0])": TENSOR, "F.relu(x)": TENSOR,
    "dls.split(x, 2)": "list[Tensor]", "x.topk(2)": "tuple[Tensor, Tensor]",
    "x.nonzero()": "tuple[Tensor, ...]", "dls.allclose(x, x)": "bool",
    "x.shape": "tuple[int, ...]", "x.grad": "Tensor | None", "x.numpy()": "ndarray[Any, Any]",
    "F.cross_entropy(x, x)": TENSOR, "nn.Linear(4, 3).weight": "Parameter",
    "model.state_dict()": "dict[str, Tensor]", "model.parameters()": "Iterator[Parameter]",
    "F.conv2d(x, x, padding=1)": TENSOR, "F.conv_transpose2d(x, x, stride=2)": TENSOR,
    "F.unfold(x, 3)": TENSOR, "F.softmax(x, dim=1)": TENSOR, "F.linear(x, x)": TENSOR,
    "F.max_pool2d(x, 2)": TENSOR, "F.max_pool2d(x, 2, return_indices=True)":
    "tuple[Tensor, Tensor]", "x.view(4, 3)": TENSOR, "x.permute(1, 0)": TENSOR,
    "x.float()": TENSOR, "x.cpu()": TENSOR, "x.device": "Device",
    # Calls of modules have the types of `forward`:
    "model(x)": TENSOR, "nn.Linear(4, 3)(x)": TENSOR, "nn.Conv2d(1, 2, 3)(x)": TENSOR,
    "nn.ReLU()(x)": TENSOR, "nn.MaxPool2d(2)(x)": TENSOR, "nn.Dropout()(x)": TENSOR,
    "nn.BatchNorm1d(4)(x)": TENSOR, "nn.Embedding(9, 4)(x)": TENSOR, "nn.Softmax(1)(x)": TENSOR,
    "nn.CrossEntropyLoss()(x, x)": TENSOR, "nn.TransformerEncoderLayer(4, 2)(x)": TENSOR,
    "nn.LSTM(4, 3)(x)": "tuple[Tensor, tuple[Tensor, Tensor]]",
    "nn.GRU(4, 3)(x)": "tuple[Tensor, Tensor]",
    "nn.LSTM(4, 3)(packed)[0].sorted_indices": "Tensor | None",
    "nn.LSTMCell(4, 3)(x)": "tuple[Tensor, Tensor]",
    "nn.MultiheadAttention(4, 2)(x, x, x)": "tuple[Tensor, Tensor | None]",
    "Net()(x)": "tuple[Tensor, int]", "Net().eval()(x, scale=2.0)": "tuple[Tensor, int]",
    "anything(x)": "Any", "models.resnet18()(x)": TENSOR,
}
MISTAKES = {
    "nn.Linear(4, 3, bais=True)": "bais", 'nn.Linear("four", 3)': "incompatible type",
    "optim.Adam(model.parameters(), lrate=1e-3)": "lrate", "F.relu(x, inplac=True)": "inplac",
    "x.sum(axes=0)": "axes", "dls.exp(x, 3)": "Too many", "x.reshap(3, 4)": "no attribute",
    "dls.sum(x, axis='rows')": "incompatible type", "dls.split(x, 2).sum()": "no attribute",
    "F.conv2d(x, x, paddin=1)": "paddin", 'F.conv2d(x, x, stride="two")': "incompatible type",
    "x.view('four')": "incompatible type", "F.max_pool2d(x, 2).values": "no attribute",
    "nn.Linear(4, 3)(x, x)": "Too many", "nn.ReLU()('x')": "incompatible type",
    "nn.LSTM(4, 3)(x).sum()": "no attribute", "Net()(x, scal=2.0)": "scal",
    "Net()('x')": "incompatible type", "model.state_dic()": "no attribute",
    "x.grad.sum()": "None", "opt.stepp()": "no attribute",
}

# Every function of nn.functional and every method of a tensor, and those that give anything:
EVERY = [f"{owner}.{name}" for owner, thing in (("F", F), ("dls.Tensor", dls.Tensor))
         for name in dir(thing)
         if not name.startswith("_") and inspect.isroutine(getattr(thing, name))]
ANYTHING = {"dls.Tensor.item", "dls.Tensor.tolist"}  # numbers, and lists of any depth


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What mypy says of each expression, as one text."""
    pytest.importorskip("mypy")
    expressions = [*TYPES, *EVERY, *MISTAKES]
    lines = START.splitlines()
    lines += [f"reveal_type({e})" for e in (*TYPES, *EVERY)] + list(MISTAKES)
    file = tmp_path_factory.mktemp("user") / "user.py"
    file.write_text("\n".join(lines), "utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary",
         f"--cache-dir={ROOT / '.mypy_cache' / 'user'}", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    said = dict.fromkeys(expressions, "")
    first = len(START.splitlines()) + 1
    for number, text in re.findall(r"^[^\n]*user\.py:(\d+): (.*)$", found.stdout, re.M):
        said[expressions[int(number) - first]] += text + "\n"
    return said


@pytest.mark.parametrize("expression", TYPES)
def test_the_type_of(expression: str, answers: dict[str, str]) -> None:
    found = re.search(r'Revealed type is "(.*)"', answers[expression])
    assert found, answers[expression]
    assert re.sub(r"\b(?:\w+\.)+", "", found[1]) == TYPES[expression]


@pytest.mark.parametrize("expression", MISTAKES)
def test_the_mistake_is_found(expression: str, answers: dict[str, str]) -> None:
    assert "error" in answers[expression] and MISTAKES[expression] in answers[expression]


def test_functions_and_methods_say_what_they_return(answers: dict[str, str]) -> None:
    assert len(EVERY) > 250
    silent = [e for e in EVERY if e not in ANYTHING
              and (not answers[e] or re.search(r"-> (tuple\[)?Any", answers[e]))]
    assert silent == []
