"""Checks for the exercises of c5w4-transformer-step-by-step."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.learn.checking import gradients, keys, result, same, untouched


def test_get_angles(lesson):
    pos, k = np.array([[0], [1], [7], [50]]), np.arange(6)[None]
    with untouched(pos=pos, k=k):
        made = lesson.get_angles(pos, k, 6)
    right = [[p / 10000 ** (2 * (c // 2) / 6) for c in range(6)] for p in (0, 1, 7, 50)]
    same("the angles", made, right, "pos / 10000^(2 i / d) with i = k // 2")


def test_positional_encoding(lesson):
    for positions, d in ((5, 4), (9, 8)):
        right = np.zeros((1, positions, d))
        for p in range(positions):
            for c in range(d):
                angle = p / 10000 ** (2 * (c // 2) / d)
                right[0, p, c] = np.cos(angle) if c % 2 else np.sin(angle)
        same("the encodings", lesson.positional_encoding(positions, d), right,
             "sine in columns 0, 2, ..., cosine in columns 1, 3, ...", 1e-6)


def test_create_padding_mask(lesson):
    ids = np.array([[7, 6, 0, 0, 1], [1, 2, 3, 0, 0], [0, 0, 0, 4, 5]])
    with untouched(ids=ids):
        made = lesson.create_padding_mask(ids)
    right = [[[1, 1, 0, 0, 1]], [[1, 1, 1, 0, 0]], [[0, 0, 0, 1, 1]]]
    same("the mask", made, right, "1 where there is a word; shape (m, 1, t)")
    assert made.dtype == np.float32, f"the mask is {made.dtype}, it must be float32"


def test_create_look_ahead_mask(lesson):
    for n in (1, 2, 4):
        right = [[[float(column <= row) for column in range(n)] for row in range(n)]]
        made = lesson.create_look_ahead_mask(n)
        same("the mask", made, right, "row i keeps columns 0 to i")
        assert made.dtype == np.float32, f"the mask is {made.dtype}, it must be float32"


def by_loops(q, k, v, mask):
    """Attention of (l, d_k), (s, d_k), (s, d_v), one query at a time."""
    weights = np.zeros((len(q), len(k)))
    for i, query in enumerate(q):
        kept = [j for j in range(len(k)) if mask is None or mask[i, j]]
        scores = [sum(a * b for a, b in zip(query, k[j], strict=True)) for j in kept]
        e = [np.exp(score / len(query) ** 0.5) for score in scores]
        weights[i, kept] = np.array(e) / sum(e)
    return weights @ v, weights


def test_scaled_dot_product_attention(lesson):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal(shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 2)))
    mask = np.array([[1, 0, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 0]], float)
    for given in (None, mask, mask[None]):
        with untouched(q=q, k=k, v=v):
            made = lesson.scaled_dot_product_attention(q, k, v, given)
        output, weights = result("scaled_dot_product_attention", made, 2)
        rows = None if given is None else mask
        right = [by_loops(*parts, rows) for parts in zip(q, k, v, strict=True)]
        same("the weights", weights, [w for _, w in right],
             "softmax over the last axis of q k^T / sqrt(d_k); masked: + (1 - mask) * -1e9")
        same("the output", output, [o for o, _ in right], "weights @ v")
    output, _ = lesson.scaled_dot_product_attention(500 * q, 500 * k, v, mask)
    assert np.isfinite(output).all(), "large scores overflow: subtract the largest of each row"
    large = (np.full((1, 4), 40.0), np.full((2, 4), -40.0), np.ones((2, 1)))
    output, _ = lesson.scaled_dot_product_attention(*large, None)
    same("the output of scores of -3200", output, [[1.0]], "subtract the largest score")
    tensors = [dls.Tensor(x, requires_grad=True) for x in (q, k, v)]
    output, _ = lesson.scaled_dot_product_attention(*tensors, mask)
    assert isinstance(output, dls.Tensor) and output.requires_grad, (
        "of tensors it must make a tensor with its graph: np.exp, @ and methods do")


def test_attention_backward(lesson):
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal(shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 2)))
    d_output = rng.standard_normal((2, 3, 2))
    for mask in (np.ones((3, 5)), np.tri(3, 5, 1)):
        def forward(p, mask=mask):
            pairs = zip(p["q"], p["k"], p["v"], strict=True)
            return [by_loops(*parts, mask) for parts in pairs]

        def cost(p, forward=forward):
            return sum(np.sum(d * o) for d, (o, _) in zip(d_output, forward(p), strict=True))

        point = {"q": q, "k": k, "v": v}
        weights = np.array([w for _, w in forward(point)])
        with untouched(d_output=d_output, weights=weights, **point):
            made = lesson.attention_backward(d_output, q, k, v, weights)
        dq, dk, dv = result("attention_backward", made, 3)
        gradients(cost, point, {"dq": dq, "dk": dk, "dv": dv},
                  hint="dS = W * (dW - sum of dW W in the row) / sqrt(d_k)")


def norm_by_loops(x, gamma, beta, epsilon=1e-6):
    rows = x.reshape(-1, x.shape[-1])
    made = []
    for row in rows:
        mean = sum(row) / len(row)
        variance = sum((a - mean) ** 2 for a in row) / len(row)
        made.append(gamma * (row - mean) / (variance + epsilon) ** 0.5 + beta)
    return np.array(made).reshape(x.shape)


def norm_point(seed=2):
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((2, 3, 5)), "gamma": rng.standard_normal(5),
            "beta": rng.standard_normal(5)}


def test_layer_norm_forward(lesson):
    point = norm_point()
    for epsilon in (1e-6, 0.5):
        with untouched(**point):
            made = lesson.layer_norm_forward(*point.values(), epsilon)
        y, cache = result("layer_norm_forward", made, 2)
        same("y", y, norm_by_loops(*point.values(), epsilon),
             "mean and variance over the last axis; epsilon under the root")
    x_hat, inv, gamma = result("the cache", cache, 3)
    same("x_hat in the cache", x_hat, norm_by_loops(point["x"], 1.0, 0.0, 0.5))
    variance = [[[np.mean((row - row.mean()) ** 2)] for row in rows] for rows in point["x"]]
    same("inv in the cache", inv, 1 / np.sqrt(np.array(variance) + 0.5))
    same("gamma in the cache", gamma, point["gamma"])


def test_layer_norm_backward(lesson):
    for shape in ((2, 3, 5), (4, 5)):
        point = norm_point()
        point["x"] = np.random.default_rng(5).standard_normal(shape)
        dy = np.random.default_rng(3).standard_normal(shape)
        x_hat = norm_by_loops(point["x"], 1.0, 0.0)
        inv = 1 / np.sqrt(point["x"].var(axis=-1, keepdims=True) + 1e-6)
        with untouched(dy=dy, x_hat=x_hat):
            made = lesson.layer_norm_backward(dy, (x_hat, inv, point["gamma"]))
        dx, dgamma, dbeta = result("layer_norm_backward", made, 3)
        gradients(lambda p, dy=dy: np.sum(dy * norm_by_loops(p["x"], p["gamma"], p["beta"])),
                  point, {"dx": dx, "dgamma": dgamma, "dbeta": dbeta},
                  hint="g = gamma * dy; means over the features")


def heads_by_loops(Xq, Xkv, p, num_heads, mask):
    """Several heads, one sentence and one head at a time."""
    made = []
    for i, (xq, x) in enumerate(zip(Xq, Xkv, strict=True)):
        q, k, v = xq @ p["Wq"] + p["bq"], x @ p["Wk"] + p["bk"], x @ p["Wv"] + p["bv"]
        size = q.shape[1] // num_heads
        rows = None
        if mask is not None:
            rows = np.broadcast_to(mask, (len(Xq), len(xq), len(x)))[i]
        parts = [by_loops(q[:, h * size:(h + 1) * size], k[:, h * size:(h + 1) * size],
                          v[:, h * size:(h + 1) * size], rows)[0] for h in range(num_heads)]
        made.append(np.concatenate(parts, axis=1) @ p["Wo"] + p["bo"])
    return np.array(made)


def heads_point():
    rng = np.random.default_rng(4)
    p = {f"W{n}": rng.standard_normal((6, 6)) / 2 for n in "qkvo"}
    p |= {f"b{n}": rng.standard_normal(6) for n in "qkvo"}
    return p, rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 4, 6))


MASKS = (None, np.array([[[1, 1, 0, 1]], [[1, 0, 0, 0]]], float), np.tri(3, 4)[None])


def test_multi_head_forward(lesson):
    p, Xq, Xkv = heads_point()
    for mask in MASKS:
        for num_heads in (1, 2, 3):
            with untouched(Xq=Xq, Xkv=Xkv, p=p):
                made = lesson.multi_head_forward(Xq, Xkv, p, num_heads, mask)
            Y, cache = result("multi_head_forward", made, 2)
            same("Y", Y, heads_by_loops(Xq, Xkv, p, num_heads, mask),
                 "queries of Xq, keys and values of Xkv; each head its own slice", 1e-9)
    assert len(cache) == 9, "the cache is made below your code: leave it as it is"
    weights, joined = cache[7:]
    same("the joined heads in the cache", joined @ p["Wo"] + p["bo"], Y)
    same("sums of the weights in the cache", weights.sum(axis=-1), np.ones((2, 3, 3)))


def test_multi_head_backward(lesson):
    p, Xq, Xkv = heads_point()
    dY = np.random.default_rng(6).standard_normal((2, 3, 6))
    point = p | {"Xq": Xq, "Xkv": Xkv}
    for mask in MASKS[:2]:
        cache = lesson.multi_head_forward(Xq, Xkv, p, 2, mask)[1]
        with untouched(dY=dY, p=p):
            made = lesson.multi_head_backward(dY, cache)
        dXq, dXkv, grads = result("multi_head_backward", made, 3)
        keys("the gradients", grads, [f"d{name}" for name in p])
        same("dbk", grads["dbk"], np.zeros(6), "the sum over all words of dk") if np.abs(
            grads["dbk"]).max() > 1e-9 else None
        tested = {name: value for name, value in point.items() if name != "bk"}
        gradients(lambda q, mask=mask: np.sum(dY * heads_by_loops(
            q["Xq"], q["Xkv"], p | q, 2, mask)), tested, grads | {"dXq": dXq, "dXkv": dXkv},
            hint="Xkv is used twice, for keys and for values")


def test_embedding_forward(lesson):
    E, ids = np.random.default_rng(7).standard_normal((5, 3)), np.array([[4, 0, 4], [1, 2, 2]])
    with untouched(E=E, ids=ids):
        made = lesson.embedding_forward(ids, E)
    right = [[[x * 3**0.5 for x in E[i]] for i in row] for row in ids]
    same("X", made, right, "rows of E, times the root of their length")


def test_embedding_backward(lesson):
    E, ids = np.random.default_rng(7).standard_normal((5, 3)), np.array([[4, 0, 4], [1, 2, 2]])
    dX = np.random.default_rng(8).standard_normal((2, 3, 3))
    with untouched(dX=dX, ids=ids):
        made = lesson.embedding_backward(dX, ids, 5)
    right = np.zeros((5, 3))
    for row, ds in zip(ids, dX, strict=True):
        for i, g in zip(row, ds, strict=True):
            right[i] += g * 3**0.5
    same("dE", made, right, "a word that comes twice gets both: np.add.at")
    assert E.shape == made.shape


def test_FullyConnected(lesson):
    layer = lesson.FullyConnected(4, 7)
    sizes = [tuple(p.shape) for p in layer.parameters()]
    assert sizes == [(7, 4), (7,), (4, 7), (4,)], (
        f"its parameters have the shapes {sizes}: Linear(4, 7), ReLU, Linear(7, 4)")
    x = np.random.default_rng(9).standard_normal((3, 4)).astype("float32")
    same("the output", layer(dls.Tensor(x)).numpy(), feed(layer, x), "a ReLU between", 1e-5)


def feed(layer, x):
    """The small network in NumPy."""
    W1, b1, W2, b2 = (p.numpy().astype("float64") for p in layer.parameters())
    return np.maximum(0, x @ W1.T + b1) @ W2.T + b2


def scattered(layer, seed=0):
    """A layer with random parameters: zeros and ones would hide mistakes."""
    rng = np.random.default_rng(seed)
    layer.load_state_dict({name: 0.5 * rng.standard_normal(value.shape)
                           for name, value in layer.state_dict().items()})
    return layer


def normed(norm, x):
    return norm_by_loops(x, norm.weight.numpy().astype("float64"), norm.bias.numpy(), norm.eps)


def attend(mha, x, memory, mask):
    p = {}
    for name in "qkvo":
        linear = getattr(mha, f"W{name}")
        p |= {f"W{name}": linear.weight.numpy().T.astype("float64"), f"b{name}":
              linear.bias.numpy().astype("float64")}
    return heads_by_loops(x, memory, p, mha.num_heads, mask)


def encoded(layer, x, mask):
    """An encoder layer in NumPy."""
    x = normed(layer.layernorm1, x + attend(layer.mha, x, x, mask))
    return normed(layer.layernorm2, x + feed(layer.ffn, x))


def decoded(layer, x, memory, ahead, padding):
    """A decoder layer in NumPy."""
    x = normed(layer.layernorm1, x + attend(layer.mha1, x, x, ahead))
    x = normed(layer.layernorm2, x + attend(layer.mha2, x, memory, padding))
    return normed(layer.layernorm3, x + feed(layer.ffn, x))


def drops(name, call):
    """`call(training)` drops numbers in training, and only then."""
    dls.manual_seed(0)
    once, again, at_work, still = (call(t).numpy() for t in (True, True, False, False))
    assert not np.allclose(once, again), f"{name}: no dropout while training"
    assert np.array_equal(at_work, still), f"{name}: dropout when training is False"


PADDING = np.array([[[1, 1, 1, 0]], [[1, 1, 0, 0]]], "float32")
AHEAD = np.tri(3, dtype="float32")[None]


def embedded(part, ids):
    table = part.embedding.weight.numpy().astype("float64")
    return table[ids] * table.shape[1] ** 0.5 + part.pos_encoding[:, : ids.shape[1]]


def test_EncoderLayer_forward(lesson):
    layer = scattered(lesson.EncoderLayer(6, 2, 8, dropout_rate=0.4))
    x = np.random.default_rng(10).standard_normal((2, 4, 6)).astype("float32")
    for mask in (None, PADDING):
        made = layer(dls.Tensor(x), False, mask)
        same("the layer", made.detach().numpy(), encoded(layer, x, mask),
             "norm1(x + attention), then norm2(that + network of that)", 1e-4)
    drops("EncoderLayer", lambda training: layer(dls.Tensor(x), training, None).detach())


def test_Encoder_forward(lesson):
    encoder = scattered(lesson.Encoder(2, 6, 2, 8, 9, 7, dropout_rate=0.4))
    ids = np.array([[3, 1, 8, 0], [2, 2, 0, 0]])
    right = embedded(encoder, ids)
    for layer in encoder.enc_layers:
        right = encoded(layer, right, PADDING)
    made = encoder(dls.Tensor(ids), False, PADDING).detach().numpy()
    same("the encoder", made, right, "embedding * sqrt(d) + positions, then each layer", 1e-4)
    for layer in encoder.enc_layers:
        layer.dropout_rate = 0.0
    drops("Encoder", lambda training: encoder(dls.Tensor(ids), training, PADDING).detach())
    seen = []

    class Watcher(nn.Module):
        def forward(self, x, training, mask):
            seen.append(training)
            return x

    encoder.enc_layers = nn.ModuleList([Watcher()])
    encoder(dls.Tensor(ids), True, PADDING), encoder(dls.Tensor(ids), False, PADDING)
    assert seen == [True, False], "hand `training` on to the layers"


def test_DecoderLayer_forward(lesson):
    layer = scattered(lesson.DecoderLayer(6, 2, 8, dropout_rate=0.4))
    rng = np.random.default_rng(11)
    x, memory = (rng.standard_normal((2, t, 6)).astype("float32") for t in (3, 4))
    made = layer(dls.Tensor(x), dls.Tensor(memory), False, AHEAD, PADDING)
    out, block1, block2 = result("DecoderLayer.forward", made, 3)
    same("the layer", out.detach().numpy(), decoded(layer, x, memory, AHEAD, PADDING),
         "self-attention, attention to the encoder, network: each added and normalized", 1e-4)
    assert block1.shape == (2, 2, 3, 3) and block2.shape == (2, 2, 3, 4), (
        f"weights {block1.shape} and {block2.shape}: those of block 1, then those of block 2")
    drops("DecoderLayer", lambda training: layer(
        dls.Tensor(x), dls.Tensor(memory), training, AHEAD, PADDING)[0].detach())


def test_Decoder_forward(lesson):
    decoder = scattered(lesson.Decoder(2, 6, 2, 8, 9, 7, dropout_rate=0.4))
    ids = np.array([[3, 1, 8], [2, 2, 0]])
    memory = np.random.default_rng(12).standard_normal((2, 4, 6)).astype("float32")
    made = decoder(dls.Tensor(ids), dls.Tensor(memory), False, AHEAD, PADDING)
    x, weights = result("Decoder.forward", made, 2)
    right = embedded(decoder, ids)
    for layer in decoder.dec_layers:
        right = decoded(layer, right, memory, AHEAD, PADDING)
    same("the decoder", x.detach().numpy(), right, "as the encoder, with decoder layers", 1e-4)
    names = [f"decoder_layer{i}_{block}" for i in (1, 2)
             for block in ("block1_self_att", "block2_decenc_att")]
    keys("the weights", weights, names)
    for i in (1, 2):
        shapes = [weights[name].shape for name in names[2 * i - 2: 2 * i]]
        assert shapes == [(2, 2, 3, 3), (2, 2, 3, 4)], f"the weights have the shapes {shapes}"
    for layer in decoder.dec_layers:
        layer.dropout_rate = 0.0
    drops("Decoder", lambda training: decoder(
        dls.Tensor(ids), dls.Tensor(memory), training, AHEAD, PADDING)[0].detach())


def test_Transformer_forward(lesson):
    model = scattered(lesson.Transformer(2, 6, 2, 8, 9, 10, 7, 7, dropout_rate=0.0))
    src, tgt = np.array([[3, 1, 8, 0], [2, 2, 0, 0]]), np.array([[3, 1, 8], [2, 2, 0]])
    others = np.array([[[1, 0, 1, 0]], [[1, 1, 0, 0]]], "float32")  # not the encoder's
    made = model(dls.Tensor(src), dls.Tensor(tgt), False, PADDING, AHEAD, others)
    chances, weights = result("Transformer.forward", made, 2)
    memory, y = embedded(model.encoder, src), embedded(model.decoder, tgt)
    for layer in model.encoder.enc_layers:
        memory = encoded(layer, memory, PADDING)
    for layer in model.decoder.dec_layers:
        y = decoded(layer, y, memory, AHEAD, others)
    final = model.final_layer
    scores = y @ final.weight.numpy().T.astype("float64") + final.bias.numpy()
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    same("the chances", chances.detach().numpy(), e / e.sum(axis=-1, keepdims=True),
         "the encoder with its mask, the decoder with the other two, softmax over words", 1e-4)
    assert len(weights) == 4, f"it returns {len(weights)} weights, the decoder's four"
