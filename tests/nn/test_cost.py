"""`model.cost(x)` against numbers worked out by hand, known ones, and the memory really taken."""

import gc
import json
import tracemalloc

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import models, nn
from tinygrad_dls.bench.work import count
from tinygrad_dls.errors import DtypeError
from tinygrad_dls.nn.cost import COUNTS, count_text


def _tensor(*shape):
    return dls.Tensor(np.random.default_rng(0).standard_normal(shape).astype("f"))


def _only(layer, *inputs):
    """The cost of one layer, which has one row."""
    (row,) = layer.cost(*inputs).rows
    return row


def test_a_linear_layer():
    """(5, 3) @ (3, 2): 30 multiplications, as many for dW; x needs no gradient."""
    row = _only(nn.Linear(3, 2), _tensor(5, 3))
    assert (row.parameters, row.parameter_bytes) == (3 * 2 + 2, 4 * 8)
    assert (row.macs, row.flops) == (30, 60)
    assert (row.macs_back, row.flops_back) == (30, 60)
    assert row.output == "(5, 2)" and row.kept_bytes == 0  # it holds x and W, which are there


def test_a_gradient_for_the_input_costs_as_much_again():
    x = _tensor(5, 3).requires_grad_()
    assert _only(nn.Linear(3, 2), x).macs_back == 60


def test_a_convolution():
    """Each of 2 * 8 * 4 * 4 outputs sums 3 * 3 * 3 products."""
    row = _only(nn.Conv2d(3, 8, 3), _tensor(2, 3, 6, 6))
    once = 2 * 8 * 16 * 27
    assert (row.macs, row.macs_back, row.parameters) == (once, once, 8 * 27 + 8)


def test_batch_norm():
    """One number for each it makes, the mean and variance of 8 channels too, which it keeps."""
    row = _only(nn.BatchNorm2d(8), _tensor(2, 8, 4, 4))
    assert row.macs == 0 and row.flops == 2 * 8 * 16 + 2 * 8
    assert row.parameters == 16 and row.kept_bytes == 2 * 8 * 4


def test_an_lstm():
    """7 steps of 2 sequences: x takes 3 * 16 products a row, h 4 * 16, which dh and dW_hh need."""
    row = _only(nn.LSTM(3, 4), _tensor(7, 2, 3))
    assert row.macs == 14 * (48 + 64)
    assert row.macs_back == 14 * (64 + 64 + 48)
    assert row.parameters == 4 * 4 * (3 + 4 + 2)


def test_attention():
    """Four projections of (2, 5, 8), and two products of 5 x 5 scores in each of 2 heads."""
    cost = nn.MultiheadAttention(8, 2, batch_first=True).cost(*[_tensor(2, 5, 8)] * 3)
    assert cost.macs == 4 * 2 * 5 * 8 * 8 + 2 * 2 * (2 * 25 * 4)
    assert cost.parameters == 4 * (8 * 8 + 8)


def test_lenet_5():
    """61,706 parameters; 416,520 multiplications for an image of 32 x 32, here without padding."""
    net = models.lenet5()
    cost = net.cost(_tensor(1, 1, 32, 32))
    assert cost.parameters == sum(p.size for p in net.parameters()) == 61_706
    convolutions = 6 * 28 * 28 * 25 + 16 * 10 * 10 * 150
    assert cost.macs == convolutions + 400 * 120 + 120 * 84 + 84 * 10 == 416_520


def test_resnet_18():
    """1.8 G multiplications at 224 x 224 (He et al. 2016), torchvision's 11,689,512 parameters."""
    cost = models.resnet18().eval().cost(_tensor(1, 3, 224, 224))
    assert cost.parameters == 11_689_512 and cost.parameter_bytes == 4 * 11_689_512
    assert cost.macs == 1_814_073_344
    stem = 112 * 112 * 64 * 3 * 49
    assert cost.macs_back == 2 * cost.macs - stem  # of the image no gradient is wanted


NETWORKS = {
    "mlp": lambda: (nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 5)), (64, 20)),
    "cnn": lambda: (nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
                                  nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 49, 5)),
                    (32, 3, 16, 16)),
    "resnet": lambda: (models.resnet20(), (4, 3, 32, 32)),
    "encoder": lambda: (nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), (8, 16, 32)),
    "gru": lambda: (nn.GRU(8, 16), (12, 4, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_kept_is_what_stays_alive(name):
    """Beside small objects, arrays that stay alive after forward are those kept, and the output."""
    model, shape = NETWORKS[name]()
    x = _tensor(*shape)
    cost = model.cost(x)
    model(x)  # makes what is made once
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    y = model(x)
    alive, peak = (size - before for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    outputs = sum(t._data.nbytes for t in (y if isinstance(y, tuple) else (y,)))
    small = 120_000  # nodes, tensors, shapes
    assert cost.kept_bytes <= alive + small
    assert alive <= cost.kept_bytes + outputs + small
    assert cost.forward_peak_bytes <= peak + small
    assert cost.kept_bytes <= cost.forward_peak_bytes <= cost.peak_bytes


def test_it_counts_as_the_benchmark_does():
    model, shape = NETWORKS["cnn"]()
    x = _tensor(*shape)
    handle = model.register_forward_hook(lambda *_: None)  # both run layer by layer
    cost = model.cost(x)
    inside = [part.register_forward_hook(lambda *_: None) for part in model.modules()]
    work = count(lambda: model(x))
    for h in (handle, *inside):
        h.remove()
    assert cost.flops == sum(w.flops for w in work if not w.name.endswith(" back"))
    assert cost.flops_back == sum(w.flops for w in work if w.name.endswith(" back"))


def test_nothing_is_kept_without_a_graph():
    model, shape = NETWORKS["mlp"]()
    with dls.no_grad():
        cost = model.cost(_tensor(*shape))
    assert cost.kept_bytes == cost.flops_back == cost.macs_back == 0
    assert cost.macs == 64 * (20 * 30 + 30 * 5)
    assert cost.forward_peak_bytes == cost.peak_bytes == 4 * 64 * (30 + 30)


def test_the_model_stays_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    x = _tensor(16, 4)
    dls.manual_seed(3)
    plain = model(x)
    mean = model[0].running_mean.numpy().copy()
    dls.manual_seed(3)
    model.cost(x)
    np.testing.assert_array_equal(model[0].running_mean.numpy(), mean)
    np.testing.assert_array_equal(model(x).numpy(), plain.numpy())
    assert not any(part._hooks for part in model.modules())


def test_a_shared_layer_is_called_twice_and_its_parameters_count_once():
    layer = nn.Linear(4, 4)
    cost = nn.Sequential(layer, nn.ReLU(), layer).cost(_tensor(2, 4))
    row = next(row for row in cost.rows if row.name == "0")
    assert (row.calls, row.parameters, row.macs) == (2, 20, 2 * 2 * 16)
    assert cost.parameters == 20 and "× 2" in str(cost)


def test_rolling_up_changes_no_total():
    cost = models.resnet20().cost(_tensor(1, 3, 32, 32))
    for depth in (0, 1, 2, 3):
        rolled = cost.rolled(depth)
        assert [getattr(rolled, name) for name in COUNTS] == [
            getattr(cost, name) for name in COUNTS]
        assert max(row.name.count(".") + bool(row.name) for row in rolled.rows) <= depth
    assert len(cost.rolled(0).rows) == 1 and cost.rolled(9).rows == cost.rows


def test_json_and_table():
    cost = models.lenet5().cost(_tensor(2, 1, 32, 32))
    document = json.loads(cost.to_json())
    assert document["total"]["macs"] == cost.macs == 2 * 416_520
    assert sum(row["flops"] for row in document["modules"]) == document["total"]["flops"]
    table = str(cost)
    assert "833.04 k" in table and "61,706" in table and "FLOPs: two for each" in table
    assert max(map(len, table.splitlines())) <= 140


def test_arrays_go_in_and_nothing_is_refused_in_words():
    assert nn.Linear(3, 2).cost(np.ones((5, 3), "f")).macs == 30
    with pytest.raises(DtypeError, match=r"model\.cost\(x\)"):
        nn.Linear(3, 2).cost()


@pytest.mark.parametrize("count, text", [(0, "-"), (999, "999"), (1000, "1.00 k"),
                                         (1_814_073_344, "1.81 G"), (2 * 10**12, "2.00 T")])
def test_counts_in_words(count, text):
    assert count_text(count) == text
