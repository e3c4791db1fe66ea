"""Recurrent layers without PyTorch: worked out by hand, errors, the strict device."""

import math

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict
from tinygrad_dls.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpad_sequence,
)


def filled(layer: nn.Module, value: float) -> nn.Module:
    """All parameters one number: a step can be worked out by hand."""
    for p in layer.parameters():
        nn.init.constant_(p, value)
    return layer.to("float64")


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_rnn_by_hand() -> None:
    rnn = filled(nn.RNN(1, 1), 0.5)
    y, h = rnn(dls.Tensor(np.array([[[2.0]], [[-1.0]]])))
    first = math.tanh(0.5 * 2 + 0.5 + 0.5)
    second = math.tanh(0.5 * -1 + 0.5 + 0.5 * first + 0.5)
    assert np.allclose(y.numpy().ravel(), [first, second], atol=1e-15)
    assert np.array_equal(h.numpy(), y.numpy()[1:])


def test_lstm_by_hand() -> None:
    """Two steps, all weights .5 and no biases: Course 5, week 1."""
    lstm = filled(nn.LSTM(1, 1, bias=False), 0.5)
    y, (h, c) = lstm(dls.Tensor(np.array([[[2.0]], [[-1.0]]])))
    hidden = cell = 0.0
    for x in (2.0, -1.0):
        z = 0.5 * x + 0.5 * hidden
        cell = sigmoid(z) * cell + sigmoid(z) * math.tanh(z)
        hidden = sigmoid(z) * math.tanh(cell)
    assert np.allclose([y.numpy()[1, 0, 0], h.item(), c.item()], [hidden, hidden, cell], atol=1e-15)


def test_gru_by_hand() -> None:
    gru = filled(nn.GRU(1, 1), 0.5)
    y, _ = gru(dls.Tensor(np.array([[[2.0]], [[-1.0]]])))
    h = 0.0
    for x in (2.0, -1.0):
        gate = sigmoid(0.5 * x + 0.5 + 0.5 * h + 0.5)
        new = math.tanh(0.5 * x + 0.5 + gate * (0.5 * h + 0.5))
        h = (1 - gate) * new + gate * h
    assert math.isclose(y.numpy()[1, 0, 0], h, abs_tol=1e-15)


def test_gates_have_pytorchs_order() -> None:
    """Only the third block of an LSTM makes the candidate: without it c stays 0."""
    lstm = filled(nn.LSTM(1, 2), 1.0)
    with dls.no_grad():
        for p in (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0):
            p[4:6] = 0.0
    _, (_, c) = lstm(dls.ones((3, 1, 1), dtype="float64"))
    assert np.array_equal(c.numpy(), np.zeros((1, 1, 2)))


def test_names_and_shapes_of_parameters() -> None:
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
    shapes = {name: p.shape for name, p in lstm.named_parameters()}
    assert [*shapes][:6] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0",
                             "weight_hr_l0", "weight_ih_l0_reverse"]
    assert shapes["weight_ih_l0"] == (16, 3)
    assert shapes["weight_hh_l1_reverse"] == (16, 2)
    assert shapes["weight_ih_l1"] == (16, 4)
    assert shapes["weight_hr_l0"] == (2, 4)
    assert [len(group) for group in lstm.all_weights] == [5, 5, 5, 5]
    assert [*nn.GRU(3, 4, bias=False).state_dict()] == ["weight_ih_l0", "weight_hh_l0"]
    gru = nn.GRU(1000, 100, generator=dls.Generator(0))
    values = gru.weight_ih_l0.numpy()
    assert np.abs(values).max() <= 0.1
    assert abs(values.std() - 0.1 / math.sqrt(3)) < 1e-3
    again = nn.GRU(1000, 100, generator=dls.Generator(0))
    assert np.array_equal(values, again.weight_ih_l0.numpy())


def test_a_sequence_alone_is_one_of_a_batch() -> None:
    layer = nn.LSTM(3, 4, 2, bidirectional=True)
    x = dls.randn(5, 3)
    y, (h, c) = layer(x)
    z, (k, d) = layer(x[:, None])
    assert (y.shape, h.shape, c.shape) == ((5, 8), (4, 4), (4, 4))
    for one, many in ((y, z), (h, k), (c, d)):
        assert np.array_equal(one.numpy(), many.numpy()[:, 0])


def test_gradients_reach_the_first_state_and_come_through_the_last() -> None:
    layer = nn.LSTM(2, 3).to("float64")
    h0, c0 = (dls.randn(1, 2, 3, dtype="float64").requires_grad_() for _ in range(2))
    x = dls.randn(4, 2, 2, dtype="float64")
    for chosen in range(3):
        y, (h, c) = layer(x, (h0, c0))
        (y, h, c)[chosen].sum().backward()
        assert h0.grad is not None
        assert float(abs(c0.grad).max()) > 0
        h0.grad = c0.grad = None
    report = dls.gradcheck(lambda x, h, c: layer(x, (h, c))[0].sum(), x, h0.detach(), c0.detach())
    assert report.ok, report


def test_padding_is_never_seen() -> None:
    """Packed, what stands in the padding changes nothing, forward and backward."""
    layer, lengths = nn.GRU(2, 3, bidirectional=True), [2, 4, 1]
    x = np.random.default_rng(0).standard_normal((4, 3, 2)).astype("float32")
    results = []
    for filler in (0.0, 1e6):
        a = x.copy()
        for i, n in enumerate(lengths):
            a[n:, i] = filler
        t = dls.Tensor(a, requires_grad=True)
        packed, h = layer(pack_padded_sequence(t, lengths, enforce_sorted=False))
        assert isinstance(packed, PackedSequence)
        y, _ = pad_packed_sequence(packed)
        (y.sum() + h.sum()).backward()
        results.append((y.numpy(), h.numpy(), t.grad.numpy()))
    for with_zeros, with_millions in zip(*results):
        assert np.array_equal(with_zeros, with_millions)
    y, h, dx = results[0]
    assert np.array_equal(y[1, 0, :3], h[0, 0]), "h_n is the output at the end of each sequence"
    assert np.array_equal(y[0, 0, 3:], h[1, 0])
    assert (y[2:, 0] == 0).all()
    assert (dx[2:, 0] == 0).all()


def test_packed_equals_one_by_one() -> None:
    layer = nn.LSTM(2, 3, num_layers=2, bidirectional=True).to("float64")
    parts = [dls.randn(n, 2, dtype="float64") for n in (3, 5, 1, 5)]
    packed, (h, c) = layer(pack_sequence(parts, enforce_sorted=False))
    y, lengths = pad_packed_sequence(packed, batch_first=True)
    assert lengths.numpy().tolist() == [3, 5, 1, 5]
    for i, part in enumerate(parts):
        y1, (h1, c1) = layer(part)
        for got, want in ((y[i, : len(part)], y1), (h[:, i], h1), (c[:, i], c1)):
            np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-14)


def test_pad_and_unpad() -> None:
    parts = [dls.arange(3.0), dls.arange(1.0) + 7]
    assert pad_sequence(parts).numpy().tolist() == [[0, 7], [1, 0], [2, 0]]
    left = pad_sequence(parts, True, -1.0, "left")
    assert left.numpy().tolist() == [[0, 1, 2], [-1, -1, 7]]
    back = unpad_sequence(pad_sequence(parts), [3, 1])
    assert [b.numpy().tolist() for b in back] == [[0, 1, 2], [7]]
    packed = pack_sequence(parts)
    assert packed.data.numpy().tolist() == [0, 7, 1, 2]
    assert packed.batch_sizes.numpy().tolist() == [2, 1, 1]
    assert packed.sorted_indices is None
    assert packed.to("float64").data.dtype == np.float64


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_float32_stays_and_float64_stays(kind: str) -> None:
    for dtype in ("float32", "float64"):
        layer = getattr(nn, kind)(2, 3, dtype=dtype)
        x = dls.randn(4, 2, 2, dtype=dtype).requires_grad_()
        y, state = layer(x)
        y.sum().backward()
        last = state if isinstance(state, tuple) else (state,)
        assert {t.dtype for t in (y, *last, x.grad, layer.weight_hh_l0.grad)} == {np.dtype(dtype)}
    mixed, _ = getattr(nn, kind)(2, 3)(dls.randn(4, 2, 2, dtype="float64"))
    assert mixed.dtype == np.float64  # as for any operation of both
    letters, _ = getattr(nn, kind)(2, 3)(dls.Tensor(np.ones((4, 2, 2), np.int64)))
    assert letters.dtype == np.float32
    array, _ = getattr(nn, kind)(2, 3, device="cpu")(np.ones((4, 2, 2), "float32"))
    assert array.dtype == np.float32
    output, *_ = getattr(F, kind.lower())(
        np.ones((4, 2, 2)), *[None] * (1 + (kind == "LSTM")), *layer.all_weights[0]
    )
    assert output.shape == (4, 2, 3)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_training_step_on_the_strict_device_never_waits(kind: str) -> None:
    def trained(device: str) -> tuple[list[np.ndarray], int]:
        dls.manual_seed(0)
        layer = getattr(nn, kind)(3, 4, 2, bidirectional=True, batch_first=True).to(device)
        opt = optim.SGD(layer.parameters(), lr=0.1)
        x = dls.Tensor(np.random.default_rng(1).standard_normal((2, 5, 3)), device=device)
        x = x.astype("float32")
        lengths = [2, 5]

        def step() -> None:
            opt.zero_grad()
            y, state = layer(x)
            packed, _ = layer(pack_padded_sequence(x, lengths, True, enforce_sorted=False))
            last = state[1] if kind == "LSTM" else state
            ((y * y).sum() + last.sum() + (packed.data**2).sum()).backward()
            opt.step()

        step()
        with strict.count() as counted:
            step()
        return [p.numpy() for p in layer.parameters()], counted.syncs

    want, _ = trained("cpu")
    got, syncs = trained("strict")
    assert syncs == 0
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_dropout_only_between_layers_and_in_training() -> None:
    dls.manual_seed(3)
    layer = nn.GRU(2, 50, num_layers=2, dropout=0.5)
    x = dls.randn(3, 4, 2)
    a, b = layer(x)[0].numpy(), layer(x)[0].numpy()
    assert not np.array_equal(a, b)
    assert (a != 0).all(), "the output itself is not dropped"
    layer.eval()
    assert np.array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())
    with pytest.warns(UserWarning, match="between layers"):
        nn.LSTM(2, 3, dropout=0.1)


def test_cells_are_the_layers_steps() -> None:
    for kind in ("RNN", "LSTM", "GRU"):
        layer, cell = getattr(nn, kind)(3, 4), getattr(nn, f"{kind}Cell")(3, 4)
        cell.load_state_dict({
            name.removesuffix("_l0"): value for name, value in layer.state_dict().items()
        })
        x, state = dls.randn(5, 2, 3), None
        y, _ = layer(x)
        for t in range(5):
            state = cell(x[t], state)
            h = state[0] if kind == "LSTM" else state
            np.testing.assert_allclose(h.numpy(), y.numpy()[t], atol=1e-6)
    assert repr(nn.RNNCell(3, 4, bias=False, nonlinearity="relu")) == (
        "RNNCell(3, 4, bias=False, nonlinearity='relu')")
    assert repr(nn.LSTM(3, 4, 2, batch_first=True)) == "LSTM(3, 4, num_layers=2, batch_first=True)"


LSTM, CELL, X = nn.LSTM(3, 4), nn.LSTMCell(3, 4), dls.zeros((5, 2, 3))
Z = dls.zeros


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: LSTM(Z((0, 2, 3))), dls.ShapeError, "at least one step"),
    (lambda: LSTM(Z((5, 2, 4))), dls.ShapeError, "made for 3 inputs"),
    (lambda: LSTM(Z(3)), dls.ShapeError, "one sequence"),
    (lambda: LSTM(X, Z((1, 2, 4))), dls.DataError, "pair"),
    (lambda: LSTM(X, (Z((1, 2, 4)), Z((1, 3, 4)))), dls.ShapeError, "c_0"),
    (lambda: LSTM(X, (Z((2, 4)), Z((2, 4)))), dls.ShapeError, r"wanted  \(1, 2, 4\)"),
    (lambda: nn.GRU(3, 4)(X, (Z((1, 2, 4)),)), dls.ShapeError, "h_0"),
    (lambda: nn.LSTM(3, 0), dls.ShapeError, "hidden_size"),
    (lambda: nn.LSTM(3, 4, proj_size=4), dls.ShapeError, "proj_size"),
    (lambda: nn.GRU(3, 4, num_layers=0), dls.ShapeError, "num_layers"),
    (lambda: nn.RNN(3, 4, nonlinearity="sigmoid"), dls.DataError, "'tanh' or 'relu'"),
    (lambda: nn.RNNCell(3, 4, nonlinearity="selu"), dls.DataError, "'tanh' or 'relu'"),
    (lambda: nn.GRUCell(3, -1), dls.ShapeError, "whole numbers from 1"),
    (lambda: CELL(X), dls.ShapeError, "one step"),
    (lambda: CELL(Z((2, 3)), (Z(4), Z(4))), dls.ShapeError, "both for one example"),
    (lambda: CELL(Z((2, 3)), Z((2, 4))), dls.DataError, "pair"),
    (lambda: CELL(Z((2, 5))), dls.ShapeError, "would fit"),
    (lambda: F.rnn(X, None, Z((4, 3)), Z((4, 5))), dls.ShapeError, "would fit"),
    (lambda: F.rnn(X, None, Z((4, 3)), Z((4, 4)), nonlinearity="x"), dls.DataError, "tanh"),
    (lambda: F.gru(Z((5, 3)), None, Z((12, 3)), Z((12, 4)), batch_sizes=(2, 3)), dls.ShapeError,
     "never grow"),
    (lambda: LSTM(X.to("strict")), dls.DeviceError, "strict"),
    (lambda: pack_padded_sequence(X, [5, 0]), dls.DataError, "from 1 to the 5"),
    (lambda: pack_padded_sequence(X, [5, 6], enforce_sorted=False), dls.DataError, "from 1 to"),
    (lambda: pack_padded_sequence(X, [3, 5]), dls.DataError, "enforce_sorted"),
    (lambda: pack_padded_sequence(X, [3]), dls.ShapeError, "2 lengths"),
    (lambda: pack_padded_sequence(X, [3.5, 1]), dls.DtypeError, "whole numbers"),
    (lambda: pad_sequence([]), dls.DataError, "no sequences"),
    (lambda: pad_sequence([Z((2, 3)), Z((2, 4))]), dls.ShapeError, "first axis"),
    (lambda: pad_sequence([X], padding_side="top"), dls.DataError, "padding_side"),
    (lambda: pad_packed_sequence(pack_sequence([Z(3)]), total_length=2), dls.DataError, "longest"),
])
def test_bad_input_is_explained(call: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()
