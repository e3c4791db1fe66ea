"""Networks that torchvision lacks, beside the same ones written in PyTorch."""

import re
from itertools import pairwise

import numpy as np
import pytest

import tinygrad_dls as dls
from tests.models.comparing import same_network, torch
from tinygrad_dls import models

pytestmark = pytest.mark.torch
tn = torch.nn
tf = torch.nn.functional


def by_place(mine, theirs):
    """Names of the oracle -> ours, which follow in the same order."""
    pairs = dict(zip(theirs.state_dict(), mine.state_dict(), strict=True))
    return pairs.__getitem__


class LeNet(tn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2 = tn.Conv2d(1, 6, 5), tn.Conv2d(6, 16, 5)
        self.f1, self.f2, self.f3 = tn.Linear(400, 120), tn.Linear(120, 84), tn.Linear(84, 10)

    def forward(self, x):
        x = tf.max_pool2d(tf.relu(self.c1(x)), 2)
        x = tf.max_pool2d(tf.relu(self.c2(x)), 2).flatten(1)
        return self.f3(tf.relu(self.f2(tf.relu(self.f1(x)))))


class CifarBlock(tn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.c1 = tn.Conv2d(before, after, 3, after // before, 1, bias=False)
        self.b1 = tn.BatchNorm2d(after)
        self.c2, self.b2 = tn.Conv2d(after, after, 3, 1, 1, bias=False), tn.BatchNorm2d(after)

    def forward(self, x):
        y = self.b2(self.c2(tf.relu(self.b1(self.c1(x)))))
        if x.shape != y.shape:
            zeros = torch.zeros_like(y[:, : y.shape[1] // 4])
            x = torch.cat([zeros, x[:, :, ::2, ::2], zeros], 1)
        return tf.relu(x + y)


class ResNet20(tn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.b = tn.Conv2d(3, 16, 3, 1, 1, bias=False), tn.BatchNorm2d(16)
        sizes = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.blocks = tn.Sequential(*map(CifarBlock, sizes, sizes[1:]))
        self.fc = tn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.blocks(tf.relu(self.b(self.c(x)))).mean((2, 3)))


def mobilenet():
    layers = [tn.Conv2d(3, 16, 3, 2, 1, bias=False), tn.BatchNorm2d(16), tn.ReLU()]
    before = 16
    for after, stride in [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1),
                          (256, 1), (256, 1), (256, 1), (256, 1), (512, 2), (512, 1)]:
        layers += [tn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False),
                   tn.BatchNorm2d(before), tn.ReLU(),
                   tn.Conv2d(before, after, 1, bias=False), tn.BatchNorm2d(after), tn.ReLU()]
        before = after
    return tn.Sequential(*layers, tn.AdaptiveAvgPool2d(1), tn.Flatten(), tn.Linear(512, 6))


class UNet(tn.Module):
    def __init__(self, w):
        super().__init__()
        sizes = [3, w, 2 * w, 4 * w, 8 * w, 16 * w]
        self.down = tn.ModuleList(self.pair(a, b) for a, b in pairwise(sizes))
        self.up, self.join = tn.ModuleList(), tn.ModuleList()
        for a, b in zip(sizes[:1:-1], sizes[-2:0:-1]):
            self.up.append(tn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1))
            self.join.append(self.pair(2 * b, b))
        self.last, self.out = tn.Conv2d(w, w, 3, 1, 1), tn.Conv2d(w, 4, 1)

    def pair(self, a, b):
        return tn.Sequential(tn.Conv2d(a, b, 3, 1, 1), tn.ReLU(), tn.Conv2d(b, b, 3, 1, 1),
                             tn.ReLU())

    def forward(self, x):
        seen = []
        for block in self.down:
            x = block(tf.max_pool2d(x, 2) if seen else x)
            seen.append(x)
        for up, join, skip in zip(self.up, self.join, seen[-2::-1]):
            x = join(torch.cat([up(x), skip], 1))
        return self.out(tf.relu(self.last(x)))


def unet_name(name):
    part, rest = name.split(".", 1)
    number, _, end = rest.partition(".")
    if part == "down":
        return (["down1", "down2", "down3", "down4", "middle"][int(number)]) + "." + end
    if part in ("up", "join"):
        return f"up{4 - int(number)}.{'up' if part == 'up' else 'conv'}.{end}"
    return name.replace("last.", "last.0.")


class Embedding(tn.Module):
    def __init__(self):
        super().__init__()
        sizes = [3, 4, 8, 16, 16]
        self.convs = tn.ModuleList(
            tn.Sequential(tn.Conv2d(a, b, 3, 1, 1, bias=False), tn.BatchNorm2d(b), tn.ReLU())
            for a, b in pairwise(sizes))
        self.fc = tn.Linear(256, 5)

    def forward(self, x):
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = tf.max_pool2d(x, 2) if i < 3 else x
        return tf.normalize(self.fc(tf.adaptive_avg_pool2d(x, 4).flatten(1)))


@pytest.mark.parametrize("mine, theirs, shape", [
    (lambda: models.lenet5(), LeNet, (3, 1, 32, 32)),
    (lambda: models.resnet20(), ResNet20, (2, 3, 24, 32)),
    (lambda: models.mobilenet_v1(6, width_mult=0.5), mobilenet, (2, 3, 64, 64)),
    (lambda: models.FaceEmbedding(5, width=4), Embedding, (3, 3, 40, 32)),
], ids=["lenet5", "resnet20", "mobilenet_v1", "face embedding"])
def test_same_network(mine, theirs, shape):
    torch.manual_seed(0)
    mine, theirs = mine(), theirs()
    same_network(mine, theirs, shape, by_place(mine, theirs))


def test_unet():
    torch.manual_seed(0)
    mine, theirs = models.unet(3, 4, width=4), UNet(4)
    same_network(mine, theirs, (2, 3, 32, 48), unet_name)


def test_siamese():
    torch.manual_seed(0)
    embedding, fc = Embedding().double().eval(), tn.Linear(5, 1).double()
    mine = models.Siamese(models.FaceEmbedding(5, width=4), 5).double().eval()
    state = [*embedding.state_dict().values(), *fc.state_dict().values()]
    mine.load_state_dict(dict(zip(mine.state_dict(), (v.numpy() for v in state), strict=True)))
    a, b = np.random.default_rng(0).standard_normal((2, 4, 3, 32, 32))
    expected = fc((embedding(torch.from_numpy(a)) - embedding(torch.from_numpy(b))).abs())
    found = mine(dls.Tensor(a), dls.Tensor(b))
    np.testing.assert_allclose(found.detach().numpy(), expected.detach()[:, 0], rtol=1e-9)


# --- counts, and what does not fit ---------------------------------------------------------------


@pytest.mark.parametrize("model, count", [
    (models.lenet5, 61_706), (models.resnet20, 269_722), (models.mobilenet_v1, 4_231_976),
    (models.unet, 8_640_471),
])
def test_parameters(model, count):
    assert sum(p.size for p in model().parameters()) == count


def test_parameters_as_keras_counts_them():
    assert models.keras_parameters(models.resnet50(num_classes=6)) == 23_600_006
    features = models.mobilenet_v2().features
    assert models.keras_parameters(features, conv_biases=False) == 2_257_984


def test_weights_that_are_not_there():
    with pytest.raises(dls.DataError, match=r"'nothing.pth' is not a file.*models.load"):
        models.resnet18(weights="nothing.pth")


def test_weights_of_another_network(tmp_path):
    dls.save(tmp_path / "lenet.safetensors", models.lenet5().state_dict())
    with pytest.raises(dls.DataError, match=r"lenet.safetensors(.|\n)*missing(.|\n)*unexpected"):
        models.resnet20(weights=tmp_path / "lenet.safetensors")


def test_weights_of_another_number_of_classes(tmp_path):
    dls.save(tmp_path / "ten.safetensors", models.resnet20().state_dict())
    with pytest.raises(dls.ShapeError, match=r"fc.weight(.|\n)*replace its last layer"):
        models.resnet20(num_classes=6, weights=tmp_path / "ten.safetensors")


def test_a_damaged_checkpoint(tmp_path):
    (tmp_path / "bad.pth").write_bytes(b"nothing of the kind")
    with pytest.raises(dls.Error, match=re.escape("bad.pth")):
        models.resnet18(weights=tmp_path / "bad.pth")


def test_a_picture_that_unet_cannot_halve():
    with pytest.raises(dls.ShapeError, match=r"100 x 96 .*multiples of 16"):
        models.unet(width=2)(dls.zeros((1, 3, 100, 96)))
