"""Checks for the exercises of c4w3-segmentation."""

import numpy as np
import tinygrad_dls as dls
from tinygrad_dls import models, nn
from tinygrad_dls.learn.checking import gradients, result, same, shape, untouched

rng = np.random.default_rng(9)
A, W = rng.standard_normal((2, 3, 4, 3)), rng.standard_normal((3, 3, 2, 3))
B = rng.standard_normal((1, 1, 1, 2))
SETTINGS = (
    {"stride": 2, "crop": (0, 1)}, {"stride": 2, "crop": (1, 0)}, {"stride": 1, "crop": (1, 1)},
    {"stride": 3, "crop": (2, 0)},
)


def transposed(A, W, b, hparameters):
    """Z, one copy of the filter after the other."""
    s, (first, last) = hparameters["stride"], hparameters["crop"]
    m, height, width, _ = A.shape
    f = len(W)
    full = np.zeros((m, (height - 1) * s + f, (width - 1) * s + f, W.shape[2]))
    for h in range(height):
        for w in range(width):
            copies = np.einsum("uvcd,md->muvc", W, A[:, h, w])
            full[:, h * s : h * s + f, w * s : w * s + f] += copies
    return full[:, first : full.shape[1] - last, first : full.shape[2] - last] + b


def test_conv_transpose_forward(lesson):
    for hparameters in SETTINGS:
        with untouched(A_prev=A, W=W, b=B):
            answer = lesson.conv_transpose_forward(A, W, B, hparameters)
        mine, cache = result("conv_transpose_forward", answer, 2)
        right = transposed(A, W, B, hparameters)
        shape(f"Z for {hparameters}", mine, right.shape, "(n - 1) stride + f, minus both crops")
        same(f"Z for {hparameters}", mine, right, "copies add where they overlap; b once, after")
        result("the cache", cache, 4)


def test_conv_transpose_backward(lesson):
    for hparameters in SETTINGS:
        dZ = rng.standard_normal(transposed(A, W, B, hparameters).shape)
        with untouched(dZ=dZ, A_prev=A, W=W, b=B):
            answer = lesson.conv_transpose_backward(dZ, (A, W, B, hparameters))
        dA, dW, db = result("conv_transpose_backward", answer, 3)
        gradients(
            lambda p, dZ=dZ, hp=hparameters: np.sum(dZ * transposed(p["A"], p["W"], p["b"], hp)),
            {"A": A, "W": W, "b": B}, {"dA": dA, "dW": dW, "db": db},
            hint=f"with {hparameters}; zeros stand where the crop was",
        )


def test_merge_forward(lesson):
    up, skip = rng.standard_normal((2, 3, 3, 4)), rng.standard_normal((2, 3, 3, 2))
    mine = lesson.merge_forward(up, skip)
    shape("merge", mine, (2, 3, 3, 6), "along the channels, the last axis")
    same("merge[..., :4]", mine[..., :4], up, "the enlarged one comes first")
    same("merge[..., 4:]", mine[..., 4:], skip)


def test_merge_backward(lesson):
    d_merge = rng.standard_normal((2, 3, 3, 6))
    d_up, d_skip = result("merge_backward", lesson.merge_backward(d_merge, 4), 2)
    places = np.arange(6)
    same("d_up", d_up, d_merge[..., places < 4], "the first n_up channels")
    same("d_skip", d_skip, d_merge[..., places >= 4], "the channels behind them")


def cross_entropy(Z, Y):
    """By the formula, pixel by pixel."""
    costs = [
        np.logaddexp.reduce(Z[place]) - Z[place][k] for place, k in np.ndenumerate(Y)
    ]
    return np.mean(costs)


def test_pixel_cost(lesson):
    Z, Y = 2 * rng.standard_normal((2, 3, 2, 4)), rng.integers(0, 4, (2, 3, 2))
    with untouched(Z=Z, Y=Y):
        cost, dZ = result("pixel_cost", lesson.pixel_cost(Z, Y), 2)
    same("cost", cost, cross_entropy(Z, Y), "the mean over all pixels of all pictures")
    gradients(lambda p: cross_entropy(p["Z"], Y), {"Z": Z}, {"dZ": dZ}, m=Y.size)
    large, _ = lesson.pixel_cost(Z + 1000, Y)
    same("cost of Z + 1000", large, cross_entropy(Z, Y), "subtract the largest score", 1e-6)


def test_iou_of_classes(lesson):
    truth, found = np.array([[0, 0, 1, 1], [4, 2, 2, 2]]), np.array([[0, 1, 1, 1], [0, 2, 2, 4]])
    with untouched(predicted=found, truth=truth):
        mine = lesson.iou_of_classes(found, truth, 6)
    shape("iou", mine, (6,))
    absent = np.isnan(np.asarray(mine))
    same("which are NaN", absent, [False, False, False, True, False, True],
         "those that are in neither, and only those")
    same("iou", np.nan_to_num(mine), [1 / 3, 2 / 3, 2 / 3, 0, 0, 0], "shared over covered")


def numbered(model):
    """The model in float64 with weights of our own; its inputs are to be so too."""
    draw = np.random.default_rng(3)
    model.double()
    with dls.no_grad():
        for p in model.parameters():
            p.copy_(dls.Tensor(0.3 * draw.standard_normal(p.shape)))
    return model.eval()


def sizes(model):
    return [p.shape for p in model.parameters()]


def pixels(*size):
    return dls.Tensor(np.random.default_rng(5).standard_normal(size))


def test_UNet_forward(lesson):
    class Down(nn.Module):
        def forward(self, X):
            return 2 * X, X + 1

    class Up(nn.Module):
        def forward(self, expansive, contractive):
            return 3 * expansive + contractive

    network = lesson.UNet([Down(), Down(), Down()], [Up(), Up()], [nn.Identity()])
    mine = network(dls.Tensor([1.0]))
    # skips 2, 3, (5); the lowest block hands on 8: 3 * (3 * 8 + 3) + 2
    same("the scores", mine.numpy(), [83.0], "the last skip connection is used first")


def test_conv_block(lesson):
    for dropout, pool in ((0, True), (0.5, True), (0.5, False)):
        block = lesson.conv_block(3, 4, dropout_prob=dropout, max_pooling=pool)
        assert sizes(block) == [(4, 3, 3, 3), (4,), (4, 4, 3, 3), (4,)], (
            f"parameters of {sizes(block)}: two convolutions 3 x 3, from 3 to 4 to 4 channels")
        found = [layer for layer in block.modules() if isinstance(layer, nn.Dropout)]
        assert [layer.p for layer in found] == ([dropout] if dropout else []), (
            "one dropout of dropout_prob, where it is above 0")
        numbered(block)
        with dls.no_grad():
            next_layer, skip = block(pixels(2, 3, 6, 4))
            p = list(block.parameters())
            h = nn.functional.conv2d(pixels(2, 3, 6, 4), p[0], p[1], padding=1).relu()
            h = nn.functional.conv2d(h, p[2], p[3], padding=1).relu()
        same("skip_connection", skip.numpy(), h.numpy(), "convolution, ReLU, convolution, ReLU")
        pooled = h.numpy().reshape(2, 4, 3, 2, 2, 2).max(axis=(3, 5))
        same("next_layer", next_layer.numpy(), pooled if pool else h.numpy(), "the pool is 2 x 2")
    assert lesson.conv_block(1, 1, 0.0).training


def test_upsampling_block(lesson):
    block = lesson.upsampling_block(5, 2, 3)
    right = [(5, 3, 3, 3), (3,), (3, 5, 3, 3), (3,), (3, 3, 3, 3), (3,)]
    assert sizes(block) == right, f"parameters of {sizes(block)}, they must be of {right}"
    numbered(block)
    low, skip = pixels(2, 5, 3, 2), pixels(2, 2, 6, 4)
    with dls.no_grad():
        mine = block(low, skip)
        p = list(block.parameters())
        up = nn.functional.conv_transpose2d(low, p[0], p[1], 2, 1, 1)
        h = nn.functional.conv2d(dls.concatenate([up, skip], axis=1), p[2], p[3], padding=1)
        h = nn.functional.conv2d(h.relu(), p[4], p[5], padding=1).relu()
    shape("the output", mine.numpy(), (2, 3, 6, 4), "stride 2, padding 1, output_padding 1")
    same("the output", mine.numpy(), h.numpy(), "convolution, ReLU, convolution, ReLU")


def test_unet_model(lesson):
    mine = lesson.unet_model((16, 32, 2), 3, 5)
    right = models.unet(2, 5, width=3)
    assert sizes(mine) == sizes(right), "the parameters of blocks down, blocks up, last layers"
    drops = [layer.p for layer in mine.modules() if isinstance(layer, nn.Dropout)]
    assert drops == [0.3, 0.3], f"dropout {drops}: .3 in the fourth and fifth block"
    numbered(mine), numbered(right)
    with dls.no_grad():
        pictures = pixels(1, 2, 16, 32)
        same("the scores", mine(pictures).numpy(), right(pictures).numpy(), "in this order")
