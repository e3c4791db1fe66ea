"""Networks that the ONNX tests share, each with example inputs."""

import numpy as np

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape).astype("float32")


class Residual(nn.Module):
    def __init__(self, c):
        self.c1, self.b1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.c2, self.b2 = nn.Conv2d(c, c, 3, padding="same"), nn.BatchNorm2d(c)

    def forward(self, x):
        return F.relu(x + self.b2(self.c2(F.relu(self.b1(self.c1(x))))))


class Inverted(nn.Module):
    def __init__(self, c, wide):
        self.body = nn.Sequential(
            nn.Conv2d(c, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide), nn.BatchNorm2d(wide), nn.Hardswish(),
            nn.Conv2d(wide, c, 1), nn.BatchNorm2d(c))

    def forward(self, x):
        return x + self.body(x)


class UNet(nn.Module):
    def __init__(self, bilinear=False):
        self.d1, self.d2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.pool, self.out = nn.MaxPool2d(2), nn.Conv2d(8, 2, 1)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(8, 4, 1)
                                ) if bilinear else nn.ConvTranspose2d(
            8, 4, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x):
        a = F.relu(self.d1(x))
        b = F.relu(self.d2(self.pool(a)))
        return self.out(dls.concatenate([a, self.up(b)], axis=1))


class Classifier(nn.Module):
    def __init__(self, kind, **options):
        self.embedding = nn.Embedding(20, 6)
        self.rnn = kind(6, 5, batch_first=True, **options)
        self.head = nn.Linear(5 * (1 + options.get("bidirectional", False)), 3)

    def forward(self, x):
        y, last = self.rnn(self.embedding(x))
        return self.head(y[:, -1]), last


class Average(nn.Module):
    def __init__(self):
        self.embedding, self.head = nn.Embedding(20, 6, padding_idx=0), nn.Linear(6, 3)

    def forward(self, x):
        seen = dls.Tensor.astype(x != 0, "float32")
        rows = self.embedding(x) * seen[:, :, None]
        return F.softmax(self.head(rows.sum(axis=1) / seen.sum(axis=1, keepdims=True)), axis=1)


class Causal(nn.Module):
    """Tokens, learned positions, and a mask made of the input."""

    def __init__(self):
        self.embedding, self.positions = nn.Embedding(20, 8), nn.Parameter(floats(5, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions
        mask = dls.Tensor(np.triu(np.ones((5, 5), bool), 1))
        return self.layer(x, src_mask=mask, src_key_padding_mask=tokens == 0)


def tokens(*shape):
    found = RNG.integers(1, 20, shape)
    found[..., -1] = 0
    return found


def encoder(**options):
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, **options)


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)),
            floats(2, 4)),
    "lenet": (lambda: nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10), nn.LogSoftmax(1)),
        floats(2, 1, 28, 28)),
    "residual": (lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), Residual(4), nn.MaxPool2d(3, 2, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(4, 3)), floats(2, 3, 9, 9)),
    "inverted residual": (lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.SiLU(), Inverted(4, 8), Inverted(4, 6)),
        floats(2, 3, 9, 9)),
    "u-net": (UNet, floats(2, 3, 8, 8)),
    "u-net, bilinear": (lambda: UNet(True), floats(2, 3, 8, 8)),
    "norms": (lambda: nn.Sequential(
        nn.GroupNorm(2, 4), nn.GELU(), nn.InstanceNorm2d(4, affine=True), nn.Mish(),
        nn.AdaptiveAvgPool2d((2, 3)), nn.PixelShuffle(2), nn.LayerNorm(6), nn.RMSNorm(6)),
        floats(2, 4, 5, 7)),
    "activations": (lambda: nn.Sequential(
        nn.ELU(), nn.SELU(), nn.CELU(0.7), nn.LeakyReLU(), nn.PReLU(), nn.Softplus(2.0),
        nn.Softsign(), nn.Hardsigmoid(), nn.LogSigmoid(), nn.GELU("tanh"), nn.Tanhshrink(),
        nn.GLU()),
        floats(2, 4)),
    "sequence of convolutions": (lambda: nn.Sequential(
        nn.Conv1d(3, 4, 3, padding=2, dilation=2), nn.BatchNorm1d(4), nn.AvgPool1d(3, 2, 1),
        nn.ConvTranspose1d(4, 2, 4, stride=2), nn.Conv1d(2, 2, 3, padding=1,
                                                         padding_mode="reflect")),
        floats(2, 3, 12)),
    "encoder": (encoder, floats(2, 5, 8)),
    "encoder, gelu, norm first": (
        lambda: nn.TransformerEncoder(encoder(activation="gelu", norm_first=True), 2),
        floats(2, 5, 8)),
    "causal encoder of tokens": (Causal, tokens(3, 5)),
    "decoder": (lambda: nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), floats(2, 5, 8),
                floats(2, 4, 8)),
    "attention and its weights": (lambda: nn.MultiheadAttention(8, 2, batch_first=True),
                                  floats(2, 5, 8), floats(2, 4, 8), floats(2, 4, 8)),
    "average of embeddings": (Average, tokens(3, 7)),
    "bag of embeddings": (lambda: nn.Sequential(nn.EmbeddingBag(20, 6), nn.Linear(6, 2)),
                          tokens(3, 7)),
    **{f"{kind.__name__} {options}": (
        lambda kind=kind, options=options: Classifier(kind, **options), tokens(2, 7))
       for kind in (nn.LSTM, nn.GRU, nn.RNN)
       for options in ({}, {"bidirectional": True}, {"num_layers": 2, "bias": False})},
}


def made(name):
    """The model in evaluation, its batch norms as if they had seen data; and its inputs."""
    make, *inputs = MODELS[name]
    dls.manual_seed(3)
    model = make()
    rng = np.random.default_rng(1)
    for n, buffer in model.named_buffers():
        if "running" in n:
            buffer.copy_(rng.uniform(0.5, 1.5, buffer.shape))
    return model.eval(), inputs


def outputs(model, *inputs):
    """All outputs as arrays."""
    with dls.no_grad():
        return list(flat(model(*[dls.Tensor(x) for x in inputs])))


def flat(result):
    if isinstance(result, dls.Tensor):
        yield result.numpy()
    elif result is not None:
        for part in result.values() if isinstance(result, dict) else result:
            yield from flat(part)
