"""JAX's side of the cases: functions of a dict of arrays, under the names of our `state_dict`.

Each is written as JAX's users write it without a library of layers: jax.numpy, lax, and one `jit`
around loss, gradient and optimizer. Images are stored as PyTorch stores them by default (m, C, H,
W). Running statistics of batch norm are not updated: nothing in a training step reads them.
"""

from collections.abc import Callable
from itertools import count
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .networks import VGG16
from .twins import SETTING

Weights = dict[str, Any]
IMAGES = ("NCHW", "OIHW", "NCHW")
relu = jax.nn.relu


# --- layers --------------------------------------------------------------------------------------


def linear(p: Weights, name: str, x: Any) -> Any:
    """x W^T + b."""
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def conv(p: Weights, name: str, x: Any, stride: int = 1, padding: Any = 0, groups: int = 1) -> Any:
    """A convolution in as many dimensions as its weight has, with its bias if it has one."""
    weight = p[f"{name}.weight"]
    axes = weight.ndim - 2
    numbers = IMAGES if axes == 2 else ("NCW", "OIW", "NCW")
    if not isinstance(padding, str):
        padding = [(padding, padding)] * axes
    y = lax.conv_general_dilated(x, weight, (stride,) * axes, padding, dimension_numbers=numbers,
                                 feature_group_count=groups)
    bias = p.get(f"{name}.bias")
    return y if bias is None else y + bias.reshape((-1,) + (1,) * axes)


def conv_transpose(p: Weights, name: str, x: Any, stride: int, padding: int = 0,
                   output_padding: int = 0) -> Any:
    """PyTorch's ConvTranspose2d."""
    weight = p[f"{name}.weight"]
    size = weight.shape[2]
    pad = (size - 1 - padding, size - 1 - padding + output_padding)
    y = lax.conv_transpose(x, weight, (stride, stride), [pad, pad], dimension_numbers=IMAGES,
                           transpose_kernel=True)
    return y + p[f"{name}.bias"].reshape(-1, 1, 1)


def max_pool(x: Any, size: int, stride: int | None = None, padding: int = 0) -> Any:
    """The largest of each window."""
    step = (1, 1, stride or size, stride or size)
    pads = [(0, 0), (0, 0), (padding, padding), (padding, padding)]
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, size, size), step, pads)


def batch_norm(p: Weights, name: str, x: Any, use: bool = False) -> Any:
    """By the statistics of the batch, or, in use, by those of the state."""
    shape = (-1,) + (1,) * (x.ndim - 2)
    axes = (0, *range(2, x.ndim))
    mean = p[f"{name}.running_mean"] if use else x.mean(axes)
    var = p[f"{name}.running_var"] if use else x.var(axes)
    scale = p[f"{name}.weight"] * lax.rsqrt(var + 1e-5)
    return (x - mean.reshape(shape)) * scale.reshape(shape) + p[f"{name}.bias"].reshape(shape)


def layer_norm(p: Weights, name: str, x: Any) -> Any:
    """Over the last axis."""
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def recurrent(p: Weights, name: str, x: Any, cell: Callable[..., Any], states: Any = None,
              reverse: bool = False) -> tuple[Any, Any]:
    """(m, T, n) to outputs (m, T, hidden) and the last state, by a loop (`lax.scan`)."""
    end = "l0_reverse" if reverse else "l0"
    w_ih, w_hh, b_ih, b_hh = (
        p[f"{name}.{kind}_{end}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    if states is None:
        zero = jnp.zeros((len(x), w_hh.shape[1]), x.dtype)
        states = (zero, zero) if cell is lstm_cell else (zero,)
    inputs = (x @ w_ih.T + b_ih).swapaxes(0, 1)

    def turn(states: Any, z: Any) -> Any:
        states = cell(states, z, states[0] @ w_hh.T + b_hh)
        return states, states[0]

    if len(inputs) == 1:  # a loop in a loop takes minutes to compile
        last, output = turn(states, inputs[0])
        return output[:, None], last
    last, outputs = lax.scan(turn, states, inputs, reverse=reverse)
    return outputs.swapaxes(0, 1), last


def lstm_cell(states: Any, z: Any, u: Any) -> Any:
    """(h, c) after one element."""
    i, f, g, o = jnp.split(z + u, 4, -1)
    c = jax.nn.sigmoid(f) * states[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def gru_cell(states: Any, z: Any, u: Any) -> Any:
    """(h,) after one element."""
    (zr, zz, zn), (ur, uz, un) = jnp.split(z, 3, -1), jnp.split(u, 3, -1)
    n = jnp.tanh(zn + jax.nn.sigmoid(zr + ur) * un)
    update = jax.nn.sigmoid(zz + uz)
    return ((1 - update) * n + update * states[0],)


def rnn_cell(states: Any, z: Any, u: Any) -> Any:
    """(h,) after one element."""
    return (jnp.tanh(z + u),)


def attend(q: Any, k: Any, v: Any, allowed: Any = None) -> Any:
    """softmax(q k^T / sqrt(d)) v, for each head; of scores only those that are allowed."""
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    if allowed is not None:
        scores = jnp.where(allowed, scores, -jnp.inf)
    return jax.nn.softmax(scores, -1) @ v


def in_heads(x: Any, heads: int) -> Any:
    """(m, t, d) to (m, heads, t, d / heads)."""
    m, t, d = x.shape
    return x.reshape(m, t, heads, d // heads).swapaxes(1, 2)


def joined(x: Any) -> Any:
    """(m, heads, t, e) to (m, t, heads * e)."""
    m, heads, t, e = x.shape
    return x.swapaxes(1, 2).reshape(m, t, heads * e)


# --- networks ------------------------------------------------------------------------------------


def mlp(p: Weights, x: Any, layers: int, activation: Callable[..., Any]) -> Any:
    """Linear layers with an activation between them."""
    for i in range(layers):
        x = linear(p, f"{2 * i}", x)
        x = activation(x) if i < layers - 1 else x
    return x


def signs_cnn(p: Weights, x: Any) -> Any:
    """The CNN of Course 4, week 1."""
    x = max_pool(relu(conv(p, "0", x, padding="SAME")), 8)
    x = max_pool(relu(conv(p, "3", x, padding="SAME")), 4)
    return linear(p, "7", x.reshape(len(x), -1))


def lenet5(p: Weights, x: Any) -> Any:
    """LeNet-5 with ReLU and max pooling."""
    x = max_pool(relu(conv(p, "0", x, padding=2)), 2)
    x = max_pool(relu(conv(p, "3", x)), 2)
    x = relu(linear(p, "7", x.reshape(len(x), -1)))
    return linear(p, "11", relu(linear(p, "9", x)))


def resnet20(p: Weights, x: Any) -> Any:
    """ResNet-20."""
    x = relu(batch_norm(p, "1", conv(p, "0", x, padding=1)))
    for i in range(9):
        name, stride = f"{3 + i}", 2 if i in (3, 6) else 1
        y = relu(batch_norm(p, f"{name}.bn1", conv(p, f"{name}.conv1", x, stride, 1)))
        y = batch_norm(p, f"{name}.bn2", conv(p, f"{name}.conv2", y, 1, 1))
        if f"{name}.shortcut.0.weight" in p:
            x = batch_norm(p, f"{name}.shortcut.1", conv(p, f"{name}.shortcut.0", x, stride))
        x = relu(y + x)
    return linear(p, "14", x.mean((2, 3)))


def inverted_residual(p: Weights, x: Any) -> Any:
    """The block of MobileNetV2."""
    y = jax.nn.relu6(batch_norm(p, "block.1", conv(p, "block.0", x)))
    y = jax.nn.relu6(batch_norm(p, "block.4", conv(p, "block.3", y, 1, 1, y.shape[1])))
    return x + batch_norm(p, "block.7", conv(p, "block.6", y))


def double(p: Weights, name: str, x: Any) -> Any:
    """Two convolutions with ReLU."""
    return relu(conv(p, f"{name}.2", relu(conv(p, f"{name}.0", x, 1, 1)), 1, 1))


def unet(p: Weights, x: Any) -> Any:
    """A small U-Net of three levels."""
    seen = []
    for i in (1, 2, 3):
        seen.append(double(p, f"down{i}", x))
        x = max_pool(seen[-1], 2)
    x = double(p, "middle", x)
    for i in (3, 2, 1):
        x = double(p, f"join{i}", jnp.concatenate(
            [conv_transpose(p, f"up{i}", x, 2), seen[i - 1]], 1))
    return conv(p, "out", x)


def course_unet(p: Weights, x: Any) -> Any:
    """The course's U-Net of four levels."""
    seen = []
    for i in (1, 2, 3, 4):
        seen.append(double(p, f"down{i}", x))
        x = max_pool(seen[-1], 2)
    x = double(p, "middle", x)
    for i in (4, 3, 2, 1):
        x = double(p, f"up{i}.conv", jnp.concatenate(
            [conv_transpose(p, f"up{i}.up", x, 2, 1, 1), seen[i - 1]], 1))
    return conv(p, "out", relu(conv(p, "last.0", x, 1, 1)))


def letters(p: Weights, x: Any, cell: Callable[..., Any], both: bool = False) -> Any:
    """A recurrent layer and a linear one."""
    h = recurrent(p, "rnn", x, cell)[0]
    if both:
        h = jnp.concatenate([h, recurrent(p, "rnn", x, cell, reverse=True)[0]], -1)
    return linear(p, "out", h).swapaxes(1, 2)


def encoder_block(p: Weights, x: Any) -> Any:
    """One encoder layer of a Transformer, with norms after the sums."""
    z = x @ p["self_attn.in_proj_weight"].T + p["self_attn.in_proj_bias"]
    q, k, v = (in_heads(part, 4) for part in jnp.split(z, 3, -1))
    x = layer_norm(p, "norm1", x + linear(p, "self_attn.out_proj", joined(attend(q, k, v))))
    return layer_norm(p, "norm2", x + linear(p, "linear2", relu(linear(p, "linear1", x))))


def word_average(p: Weights, x: Any) -> Any:
    """The mean of word vectors, then softmax regression."""
    return linear(p, "out", p["embedding.weight"][x].mean(1))


def style_step(p: Weights, wanted: Any) -> Any:
    """The cost of a picture by VGG-16's features."""
    cost, x, layer, styles = 0.0, p["picture"], 0, count()
    for channels in VGG16:
        if not channels:
            x, layer = max_pool(x, 2), layer + 1
            continue
        x = conv(p, f"features.{layer}", x, 1, 1)
        if layer == 19:
            cost = cost + ((x - wanted) ** 2).mean()
        if layer in (0, 5, 10, 17, 24):
            rows = x.reshape(x.shape[1], -1)
            gram = rows @ rows.T / rows.shape[1]
            cost = cost + ((gram - p[f"style{next(styles)}"]) ** 2).mean()
        x, layer = relu(x), layer + 2
    return cost


def resnet50(p: Weights, x: Any) -> Any:
    """ResNet-50."""
    x = max_pool(relu(batch_norm(p, "bn1", conv(p, "conv1", x, 2, 3))), 3, 2, 1)
    for i, blocks in enumerate((3, 4, 6, 3)):
        for j in range(blocks):
            name, stride = f"layer{i + 1}.{j}", 2 if i and not j else 1
            y = relu(batch_norm(p, f"{name}.bn1", conv(p, f"{name}.conv1", x)))
            y = relu(batch_norm(p, f"{name}.bn2", conv(p, f"{name}.conv2", y, stride, 1)))
            y = batch_norm(p, f"{name}.bn3", conv(p, f"{name}.conv3", y))
            if not j:
                x = batch_norm(
                    p, f"{name}.downsample.1", conv(p, f"{name}.downsample.0", x, stride))
            x = relu(y + x)
    return linear(p, "fc", x.mean((2, 3)))


def mobilenet_v2(p: Weights, x: Any, use: bool) -> Any:
    """MobileNetV2."""

    def conv_norm(name: str, x: Any, *setting: int) -> Any:
        return jax.nn.relu6(batch_norm(p, f"{name}.1", conv(p, f"{name}.0", x, *setting), use))

    x = conv_norm("features.0", x, 2, 1)
    place = count(1)
    for expand, after, blocks, first in SETTING:
        for i in range(blocks):
            name, layer = f"features.{next(place)}.conv", 0
            y, stride = x, 1 if i else first
            if expand != 1:
                y, layer = conv_norm(f"{name}.0", y), 1
            y = conv_norm(f"{name}.{layer}", y, stride, 1, y.shape[1])
            y = batch_norm(p, f"{name}.{layer + 2}", conv(p, f"{name}.{layer + 1}", y), use)
            x = x + y if stride == 1 and x.shape[1] == after else y
    x = conv_norm(f"features.{next(place)}", x)
    return linear(p, "classifier.1", x.mean((2, 3)))


def trigger_word(p: Weights, x: Any) -> Any:
    """A convolution, two GRUs, a logit for each moment."""
    h = relu(batch_norm(p, "norm", conv(p, "conv", x, 4))).swapaxes(1, 2)
    for i in (1, 2):
        h = recurrent(p, f"gru{i}", h, gru_cell)[0]
        h = batch_norm(p, f"norm{i}", h.swapaxes(1, 2)).swapaxes(1, 2)
    return linear(p, "fc", h)[:, :, 0]


def date_network(p: Weights, x: Any) -> Any:
    """Attention between two LSTMs."""
    x = jax.nn.one_hot(x, 37)
    a = jnp.concatenate(
        [recurrent(p, "pre", x, lstm_cell, reverse=back)[0] for back in (False, True)], -1)
    of_a, of_s = jnp.split(p["attend1.weight"], [64], 1)
    prepared = a @ of_a.T + p["attend1.bias"]  # as in ours: only once
    states = (jnp.zeros((len(a), 64), a.dtype),) * 2

    def turn(states: Any, _: Any) -> Any:
        e = jnp.tanh(prepared + (states[0] @ of_s.T)[:, None])
        alphas = jax.nn.softmax(relu(linear(p, "attend2", e)), 1)
        states = recurrent(p, "post", alphas.swapaxes(1, 2) @ a, lstm_cell, states)[1]
        return states, linear(p, "output", states[0])

    return lax.scan(turn, states, None, length=10)[1].swapaxes(0, 1)


def char_rnn(p: Weights, x: Any) -> Any:
    """A recurrent language model over one-hot letters."""
    return linear(p, "output", recurrent(p, "recurrent", jax.nn.one_hot(x, 27), rnn_cell)[0])


def gpt_block(p: Weights, name: str, x: Any, attention: Callable[..., Any]) -> Any:
    """x + attention(norm(x)), then x + feed_forward(norm(x)); `attention` gets q, k and v."""
    z = linear(p, f"{name}.attention.project", layer_norm(p, f"{name}.norm1", x))
    y = attention(*(in_heads(part, 4) for part in jnp.split(z, 3, -1)))
    x = x + linear(p, f"{name}.attention.output", joined(y))
    y = jax.nn.gelu(linear(p, f"{name}.expand", layer_norm(p, f"{name}.norm2", x)))
    return x + linear(p, f"{name}.contract", y)


def gpt(p: Weights, x: Any) -> Any:
    """A GPT of 4 layers, each token after those before it."""
    t = x.shape[1]
    before = jnp.tril(jnp.ones((t, t), bool))
    x = p["tokens.weight"][x] + p["positions"][:t]
    for i in range(4):
        x = gpt_block(p, f"blocks.{i}", x, lambda q, k, v: attend(q, k, v, before))
    return layer_norm(p, "norm", x) @ p["tokens.weight"].T


def writer(p: Weights, prompt: Any, length: int) -> Any:
    """The same, writing; its cache has room for the whole text, since shapes stay as they are."""
    p = {name.removeprefix("gpt."): value for name, value in p.items()}
    m, read = prompt.shape
    room = read + length
    cache = jnp.zeros((4, 2, m, 4, room, 32))

    def read_on(cache: Any, place: Any, words: Any) -> Any:
        steps = words.shape[1]
        allowed = jnp.arange(room) <= place + jnp.arange(steps)[:, None]
        x = p["tokens.weight"][words] + lax.dynamic_slice_in_dim(p["positions"], place, steps)
        for i in range(4):
            def attention(q: Any, k: Any, v: Any, i: int = i) -> Any:
                nonlocal cache
                new = jnp.stack([k, v])[None]
                cache = lax.dynamic_update_slice(cache, new, (i, 0, 0, 0, place, 0))
                return attend(q, cache[i, 0], cache[i, 1], allowed)

            x = gpt_block(p, f"blocks.{i}", x, attention)
        logits = layer_norm(p, "norm", x[:, -1]) @ p["tokens.weight"].T
        return cache, logits.argmax(-1)

    def turn(carry: Any, place: Any) -> Any:
        cache, word = read_on(carry[0], place, carry[1][:, None])
        return (cache, word), word

    first = read_on(cache, 0, prompt)
    _, words = lax.scan(turn, first, read + jnp.arange(length - 1))
    return jnp.concatenate([first[1][None], words]).mean(dtype=jnp.float32)
