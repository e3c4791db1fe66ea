"""Losses: against formulas in NumPy, at the edges, and their errors."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import models, nn

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((6, 4)) * 2
LABELS = np.array([0, 3, 1, 1, 2, 0])
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.25])
PROBABILITIES = RNG.uniform(0.02, 0.98, (6, 4))
TARGETS = RNG.uniform(0, 1, (6, 4))
BITS = (TARGETS > 0.5).astype("float64")


def test_losses_are_their_formulas():
    t, bits = dls.Tensor, BITS
    assert math.isclose(float(F.mse_loss(t(LOGITS), t(TARGETS))), ((LOGITS - TARGETS) ** 2).mean())
    assert math.isclose(float(F.l1_loss(t(LOGITS), t(TARGETS))), abs(LOGITS - TARGETS).mean())
    p = PROBABILITIES
    wanted = -(bits * np.log(p) + (1 - bits) * np.log(1 - p)).mean()
    assert math.isclose(float(F.binary_cross_entropy(t(p), t(bits))), wanted)
    chosen = np.log(p)[np.arange(6), LABELS]
    assert math.isclose(float(F.nll_loss(t(np.log(p)), t(LABELS))), -chosen.mean())
    q = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    wanted = -np.log(q[np.arange(6), LABELS]).mean()
    assert math.isclose(float(F.cross_entropy(t(LOGITS), t(LABELS))), wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_saturated_probabilities_stay_finite(dtype, device):
    p = dls.Tensor(np.array([0.0, 1.0, 0.0, 1.0], dtype), device=device, requires_grad=True)
    loss = F.binary_cross_entropy(
        p, dls.Tensor(np.array([1, 0, 0, 1], dtype), device=device), reduction="none")
    assert loss.tolist() == [100, 100, 0, 0]
    loss.sum().backward()
    np.testing.assert_allclose(p.grad.numpy(), [-1e12, 1e12, 0, 0])  # (p - t) / 1e-12


def test_clear_errors():
    logits = dls.Tensor(LOGITS)
    with pytest.raises(dls.DataError, match="label 4 is out of range"):
        F.nll_loss(logits, dls.Tensor([0, 1, 2, 3, 4, 0]))
    with pytest.raises(dls.DtypeError, match="labels are integers"):
        F.nll_loss(logits, dls.Tensor(np.zeros(6)))
    with pytest.raises(dls.ShapeError, match=r"input   \(6, 4\)"):
        F.nll_loss(logits, dls.Tensor(LABELS[:3]))
    with pytest.raises(dls.DataError, match="with_logits"):
        F.binary_cross_entropy(logits, dls.Tensor(BITS))
    with pytest.raises(dls.ShapeError, match="would work"):
        nn.L1Loss()(dls.ones(3, 1), dls.ones(3))
    with pytest.raises(dls.ShapeError, match=r"in module: MSELoss\(\)"):
        nn.MSELoss()(dls.ones(3, 1), dls.ones(3))


def test_weights_of_a_loss_move_with_it():
    loss = nn.CrossEntropyLoss(weight=dls.Tensor(WEIGHTS)).to("strict")
    assert loss.weight.device.name == "strict" and list(loss.state_dict()) == ["weight"]
    assert list(nn.CrossEntropyLoss().state_dict()) == []


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_one_hot(device):
    labels = dls.Tensor([[0, 2], [1, 0]], device=device)
    rows = F.one_hot(labels, 4)
    assert rows.shape == (2, 2, 4) and rows.dtype == np.int64 and rows.device is labels.device
    assert np.array_equal(rows.numpy(), np.eye(4)[labels.numpy()])
    assert F.one_hot(labels).shape == (2, 2, 3) and F.one_hot([1]).tolist() == [[0, 1]]
    with pytest.raises(dls.DtypeError, match="integers"):
        F.one_hot([0.5])
    if device == "cpu":
        with pytest.raises(dls.DataError, match="out of range"):
            F.one_hot(labels, 2)


def test_several_tensors_in_place_of_one_are_told_apart():
    """GoogLeNet with auxiliary heads returns three logits, detection networks a dict."""
    x, labels = dls.randn(4, 3), dls.tensor([0, 1, 2, 0])
    outputs = models.GoogLeNetOutputs(x, x, x)
    for output, said in (
        (outputs, r"logits: a GoogLeNetOutputs .*output\.logits, output\.aux_logits2"),
        (models.GoogLeNetOutputs(x, None, None), r"Take output\.logits$"),
        ((x, x), r"a tuple of tensors, .*output\[0\], output\[1\]"),
        ({"out": x}, r"a dict of tensors, .*Take output\['out'\]$"),
    ):
        with pytest.raises(dls.DtypeError, match=said):
            F.cross_entropy(output, labels)
    with pytest.raises(dls.DtypeError, match="input: a GoogLeNetOutputs"):
        F.mse_loss(outputs, x)
    rows = x.numpy().tolist()  # a list of numbers is an array still
    assert F.cross_entropy(rows, labels) == F.cross_entropy(x, labels)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's, of inf - inf
@pytest.mark.parametrize("ignored", [-np.inf, np.inf, np.nan])
@pytest.mark.parametrize("label", [-100, 0, 4])
@pytest.mark.parametrize("options", [{}, {"weight": True}, {"label_smoothing": 0.1},
                                     {"weight": True, "label_smoothing": 0.1}])
def test_what_an_ignored_row_holds_does_not_matter(ignored, label, options):
    """Masked classes are often minus infinity, and padding rows hold anything: of five equal logits
    the loss is log 5."""
    logits = np.zeros((3, 5), np.float32)
    logits[1, 0] = ignored
    given = {k: dls.ones(5) if k == "weight" else v for k, v in options.items()}
    loss = F.cross_entropy(dls.tensor(logits), dls.tensor([1, label, 2]), ignore_index=label,
                           **given)
    np.testing.assert_allclose(loss.item(), np.log(5), rtol=1e-6)
    if not options:
        rows = dls.tensor(np.where(logits == 0, -np.log(5), logits).astype("float32"))
        loss = F.nll_loss(rows, dls.tensor([1, label, 2]), ignore_index=label)
        np.testing.assert_allclose(loss.item(), np.log(5), rtol=1e-6)
