"""Attention and the Transformer: numbers by hand, masks, dropout, positions, errors, devices."""

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn, optim
from tinygrad_dls.backend import strict


def test_attention_by_hand():
    q = dls.Tensor([[1.0, 0.0]])
    k = dls.Tensor([[0.0, 0.0], [np.log(3.0), 5.0]])
    v = dls.Tensor([[0.0, 4.0], [8.0, 0.0]])
    y = F.scaled_dot_product_attention(q, k, v, scale=1.0)  # weights 1/4 and 3/4
    assert np.allclose(y.numpy(), [[6.0, 1.0]], atol=1e-6)
    y = F.scaled_dot_product_attention(q, k, v)  # scale 1 / sqrt(2)
    w = 3 ** (1 / np.sqrt(2))
    assert np.allclose(y.numpy(), [[8 * w / (1 + w), 4 / (1 + w)]], atol=1e-6)


def test_true_may_be_seen_here_and_not_there():
    """The two meanings of a mask of bools, both PyTorch's."""
    x, keep = dls.randn(1, 3, 4), np.array([True, False, True])
    seen = F.scaled_dot_product_attention(x, x, x, keep[None])
    only = F.scaled_dot_product_attention(x, x[:, ::2], x[:, ::2])
    assert np.allclose(seen.numpy(), only.numpy(), atol=1e-6)
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    y, w = layer(x, x, x, key_padding_mask=~keep[None])
    assert np.allclose(y.numpy(), layer(x, x[:, ::2], x[:, ::2])[0].numpy(), atol=1e-6)
    assert np.allclose(w.numpy()[..., 1], 0) and np.allclose(w.numpy().sum(-1), 1, atol=1e-6)
    y2, none = layer(x, x, x, key_padding_mask=~keep[None], need_weights=False)
    assert none is None and np.allclose(y.numpy(), y2.numpy(), atol=1e-6)


def test_causal_rows_do_not_see_what_comes_later():
    x = np.random.default_rng(0).standard_normal((2, 5, 4))
    changed = x.copy()
    changed[:, 3:] += 1
    y, z = (F.scaled_dot_product_attention(a, a, a, is_causal=True).numpy() for a in (x, changed))
    assert np.allclose(y[:, :3], z[:, :3]) and not np.allclose(y[:, 3:], z[:, 3:])
    assert np.allclose(y[:, 0], x[:, 0])
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert mask.tolist() == [[0, -np.inf, -np.inf], [0, 0, -np.inf], [0, 0, 0]]
    assert mask.dtype == np.float32


def test_a_query_that_sees_nothing():
    """0 in the function; the bias of out_proj in the layer, whether it shows its weights or not."""
    x = dls.randn(1, 2, 4).requires_grad_()
    y = F.scaled_dot_product_attention(x, x, x, np.array([[False, False], [True, True]]))
    assert np.array_equal(y.numpy()[0, 0], np.zeros(4))
    y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    hidden = np.array([[True, True]])
    gradients = []
    for shown in (True, False):
        layer.zero_grad()
        y, weights = layer(x, x, x, hidden, need_weights=shown)
        assert np.allclose(y.numpy(), layer.out_proj.bias.numpy())
        assert weights is None or not weights.numpy().any()
        y.sum().backward()
        gradients.append([p.grad.numpy() for p in layer.parameters()])
    for with_weights, without in zip(*gradients):
        assert np.allclose(with_weights, without)


def test_a_padded_example_spoils_no_gradient_of_another():
    rng = np.random.default_rng(0)
    x = dls.Tensor(rng.standard_normal((2, 3, 4)))
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype="float64")
    padding = np.array([[False] * 3, [True] * 3])
    y, weights = layer(x, x, x, padding)
    (y[0].sum() + (weights[0] ** 2).sum()).backward()
    alone = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    y, weights = layer(x[:1], x[:1], x[:1])
    (y.sum() + (weights**2).sum()).backward()
    for mine, p in zip(alone, layer.parameters()):
        assert np.allclose(mine, p.grad.numpy(), atol=1e-12)


def test_the_weights_shown_in_training_are_those_used():
    """After dropout, as PyTorch's: zeros, and the rest divided by 1 - p."""
    dls.manual_seed(0)
    layer = nn.MultiheadAttention(2, 1, dropout=0.5, bias=False, batch_first=True)
    layer.in_proj_weight.data[:] = 0.0  # equal scores: all weights are 1/200
    _, weights = layer(*[dls.ones(1, 200, 2)] * 3)
    kept = weights.numpy()
    assert np.allclose(np.unique(kept), [0, 2 / 200])
    assert 0.4 < (kept > 0).mean() < 0.6
    _, weights = layer.eval()(*[dls.ones(1, 200, 2)] * 3)
    assert np.allclose(weights.numpy(), 1 / 200)


def test_dropout_drops_the_share_it_says_and_repeats_with_a_seed():
    v = dls.ones(1, 400, 1)
    q = dls.zeros(1, 400, 1)
    drawn = [F.scaled_dot_product_attention(q, q, v, dropout_p=0.3, generator=dls.Generator(s))
             for s in (1, 1, 2)]
    assert np.array_equal(drawn[0].numpy(), drawn[1].numpy())
    assert not np.array_equal(drawn[0].numpy(), drawn[2].numpy())
    kept = drawn[0].numpy() * 0.7  # each row: the share of 400 keys that was kept
    assert abs(kept.mean() - 0.7) < 0.005 and 0.01 < kept.std() < 0.04
    all_dropped = F.scaled_dot_product_attention(q, q, v, dropout_p=1.0)
    assert not all_dropped.numpy().any()
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)
    x = dls.randn(2, 6, 4)
    assert not np.array_equal(layer(x, x, x)[0].numpy(), layer(x, x, x)[0].numpy())
    layer.eval()
    assert np.array_equal(layer(x, x, x)[0].numpy(), layer(x, x, x)[0].numpy())


def test_gradcheck_with_dropout_and_a_learned_mask():
    q, k, v = (dls.Tensor(np.random.default_rng(i).standard_normal((2, 3, 4))) for i in range(3))
    bias = dls.Tensor(np.random.default_rng(5).standard_normal((3, 3)))

    def attend(q, k, v, bias):
        return F.scaled_dot_product_attention(q, k, v, bias, 0.4, generator=dls.Generator(3))

    assert dls.gradcheck(attend, q, k, v, bias).ok


@pytest.mark.parametrize("make", [
    lambda: nn.TransformerEncoderLayer(8, 2, 12, batch_first=True),
    lambda: nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", norm_first=True),
    lambda: nn.Sequential(nn.SinusoidalPositionalEncoding(8, 20), nn.LayerNorm(8)),
    lambda: nn.LearnedPositionalEncoding(8, 20),
    lambda: nn.Sequential(nn.Linear(8, 8), nn.RotaryPositionalEncoding(8, 20)),
])
def test_a_training_step_waits_for_the_device_nowhere(make):
    dls.manual_seed(1)
    layer = make().to("strict")
    x = dls.Tensor(np.random.default_rng(0).standard_normal((5, 6, 8)).astype("float32"),
                   device="strict")
    opt = optim.Adam(layer.parameters())
    extra = {}
    if isinstance(layer, nn.TransformerEncoderLayer):
        length = 6 if layer.self_attn.batch_first else 5
        mask = nn.Transformer.generate_square_subsequent_mask(length, device="strict")
        extra = {"src_mask": mask}

    def step():
        opt.zero_grad()
        (layer(x, **extra) ** 2).sum().backward()
        opt.step()

    step()
    with strict.count() as counted:
        step()
    assert counted.syncs == 0, counted
    assert all(p.dtype == np.float32 and p.grad.dtype == np.float32 for p in layer.parameters())


def test_the_layer_with_weights_on_the_strict_device():
    layer = nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)
    x = np.random.default_rng(0).standard_normal((5, 3, 8)).astype("float32")
    hidden = np.zeros((3, 5), bool)
    hidden[:, 3:] = True
    want = layer(*[dls.Tensor(x)] * 3, dls.Tensor(hidden))
    layer.to("strict")
    there = dls.Tensor(x, device="strict")
    mask = dls.Tensor(hidden, device="strict")
    with strict.count() as counted:
        y, w = layer(there, there, there, mask)
    assert counted.syncs == 0
    for a, b in zip((y, w), want):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_copies_start_equal_and_the_transformers_layers_do_not():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12), 2, nn.LayerNorm(8))
    first, second = (layer.linear1.weight.numpy() for layer in stack.layers)
    assert np.array_equal(first, second) and not np.shares_memory(first, second)
    model = nn.Transformer(8, 2, 2, 1, 12)
    first, second = (layer.linear1.weight.numpy() for layer in model.encoder.layers)
    assert not np.array_equal(first, second)
    assert list(stack.state_dict())[-2:] == ["norm.weight", "norm.bias"]
    assert "layers.1.self_attn.in_proj_weight" in stack.state_dict()
    text = str(model.summary((4, 2, 8), (3, 2, 8)))
    assert "TransformerDecoderLayer" in text and "(3, 2, 8)" in text
    assert "not called" not in text


def test_a_decoder_learns_to_copy():
    """A sequence of one-hot rows, shifted by one: it is soon predicted from memory."""
    dls.manual_seed(0)
    model = nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True)
    place = nn.SinusoidalPositionalEncoding(16, 10)
    rng = np.random.default_rng(0)
    words = rng.integers(0, 8, (32, 6))
    src = np.eye(16, dtype="float32")[words]
    tgt = np.concatenate([np.zeros((32, 1, 16), "float32"), src[:, :-1]], axis=1)
    causal = nn.Transformer.generate_square_subsequent_mask(6)
    out = nn.Linear(16, 8)
    opt = optim.Adam([*model.parameters(), *out.parameters()], lr=1e-2)
    losses = []
    for _ in range(60):
        opt.zero_grad()
        y = out(model(place(dls.Tensor(src)), place(dls.Tensor(tgt)), tgt_mask=causal))
        loss = F.cross_entropy(y.reshape(-1, 8), dls.Tensor(words.reshape(-1)))
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert losses[0] > 1.5 and losses[-1] < 0.3


def test_positions_are_the_courses():
    table = nn.sinusoidal_positions(50, 6).numpy()
    assert np.allclose(table[0], [0, 1, 0, 1, 0, 1])
    angle = 7 / 10000 ** (2 * 1 / 6)  # place 7, the second pair
    assert table[7, 2] == pytest.approx(np.sin(angle)) and table[7, 3] == pytest.approx(
        np.cos(angle))
    first, last = nn.SinusoidalPositionalEncoding(6), nn.SinusoidalPositionalEncoding(
        6, batch_first=False)
    x = np.random.default_rng(0).standard_normal((2, 5, 6)).astype("float32")
    y = first(dls.Tensor(x)).numpy()
    assert np.allclose(y, x + table[:5])
    assert np.allclose(last(dls.Tensor(x.swapaxes(0, 1))).numpy(), y.swapaxes(0, 1))
    assert not first.state_dict()
    learned = nn.LearnedPositionalEncoding(6, 9)
    assert np.allclose(learned(dls.Tensor(x)).numpy(), x + learned.weight.numpy()[:5])
    assert list(learned.state_dict()) == ["weight"]
    for layer in (first, learned):
        with pytest.raises(dls.ShapeError, match="6"):
            layer(dls.ones(2, 5, 7))
    with pytest.raises(dls.ShapeError, match="max_len=9"):
        learned(dls.ones(2, 10, 6))


def test_rotary_products_depend_on_the_distance_alone():
    turn = nn.RotaryPositionalEncoding(8, 50, dtype="float64")
    q, k = np.random.default_rng(1).standard_normal((2, 8))
    turned = [turn(dls.Tensor(np.tile(v, (50, 1)))).numpy() for v in (q, k)]
    products = turned[0] @ turned[1].T
    for distance in (0, 3, 11):
        assert np.ptp(np.diagonal(products, distance)) < 1e-12
    assert np.allclose(np.linalg.norm(turned[0], axis=1), np.linalg.norm(q))
    assert np.allclose(turned[0][0], q)
    with pytest.raises(dls.ShapeError, match="even"):
        nn.RotaryPositionalEncoding(7)


def test_errors_say_what_to_do():
    x, layer = dls.ones(2, 3, 4), nn.MultiheadAttention(4, 2, batch_first=True)
    attend = F.scaled_dot_product_attention
    for call, error, words in (
        (lambda: attend(x, dls.ones(2, 3, 5), x), dls.ShapeError, "query"),
        (lambda: attend(x, x, dls.ones(2, 4, 4)), dls.ShapeError, "value"),
        (lambda: attend(x, dls.ones(3, 3, 4), x), dls.ShapeError, "before the last two"),
        (lambda: attend(x, x, x, np.ones((3, 3), bool), is_causal=True), dls.DataError, "not both"),
        (lambda: attend(x, x, x, np.ones((3, 3), np.int64)), dls.DtypeError, "mask != 0"),
        (lambda: attend(x, x, x, np.ones((4, 3), bool)), dls.ShapeError, "broadcasts"),
        (lambda: attend(x, x, x, dropout_p=2), dls.DataError, "probability"),
        (lambda: attend(x, x, x.astype("float64")), dls.DtypeError, "one dtype"),
        (lambda: attend(dls.ones(4), x, x), dls.ShapeError, "two axes"),
        (lambda: attend(x[:, None], dls.ones(2, 2, 3, 4), dls.ones(2, 2, 3, 4), enable_gqa=True),
         dls.ShapeError, "multiple"),
        (lambda: nn.MultiheadAttention(5, 2), dls.ShapeError, "multiple"),
        (lambda: layer(x, x, x, is_causal=True), dls.DataError, "attn_mask"),
        (lambda: layer(x, x, dls.ones(2, 3, 5)), dls.ShapeError, "value"),
        (lambda: layer(x, dls.ones(3, 3, 4), dls.ones(3, 3, 4)), dls.ShapeError, "batch_first"),
        (lambda: layer(x, x, x, np.ones((3, 2), bool)), dls.ShapeError, "key_padding_mask"),
        (lambda: layer(x, x, x, attn_mask=np.ones((2, 2), bool)), dls.ShapeError, "attn_mask"),
        (lambda: layer(x, x, x, attn_mask=np.ones((3, 3))[0].astype(int)), dls.DtypeError, "bools"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="swish"), dls.DataError, "gelu"),
        (lambda: nn.Transformer(4, 2)(x, dls.ones(2, 3, 5)), dls.ShapeError, "4 features"),
    ):
        with pytest.raises(error, match=words):
            call()
