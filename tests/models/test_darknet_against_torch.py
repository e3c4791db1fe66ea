"""Darknet networks: each kind of section computes what PyTorch's layers do."""

import numpy as np
import pytest

from tests.models.comparing import same_network, torch
from tests.models.darknet_cfg import CFG
from tinygrad_dls import io, models

pytestmark = pytest.mark.torch
tn = torch.nn
tf = torch.nn.functional


class Oracle(tn.Module):
    """The network of the cfg, written out."""

    def __init__(self):
        super().__init__()
        self.c0, self.b0 = tn.Conv2d(3, 8, 3, 2, 1, bias=False), tn.BatchNorm2d(8, momentum=0.01)
        self.c2 = tn.Conv2d(8, 8, 5, 1, 2, groups=4)
        self.c11, self.c14 = tn.Conv2d(32, 14, 1), tn.Conv2d(32, 14, 1)

    def forward(self, x):
        y0 = tf.leaky_relu(self.b0(self.c0(x)), 0.1)
        y1 = tf.max_pool2d(tf.pad(y0, (0, 1, 0, 1), value=-torch.inf), 2, 1)
        y4 = tf.relu(tf.mish(self.c2(y1)) + y1)
        y7 = tf.max_pool2d(tf.max_pool2d(y4, 5, 1, 2), 2)
        y7 = y7.repeat_interleave(2, 2).repeat_interleave(2, 3)
        y9 = torch.cat([y7, y4], 1)[:, 8:]
        y10 = darknet_reorg(y9, 2)
        return [self.c11(y10), self.c14(y10)]


def darknet_reorg(x, stride):
    """Darknet's own loop, on places: it addresses the map as one of other channels and size."""
    m, c, h, w = x.shape
    out_c = c // stride**2
    places = np.empty((c, h, w), int)
    for k in range(c):
        for j in range(h):
            for i in range(w):
                c2, offset = k % out_c, k // out_c
                w2, h2 = i * stride + offset % stride, j * stride + offset // stride
                places[k, j, i] = w2 + w * stride * (h2 + h * stride * c2)
    flat = x.reshape(m, -1)[:, torch.from_numpy(places.ravel())]
    return flat.reshape(m, c * stride**2, h // stride, w // stride)


def name_of(theirs):
    kind, number, rest = theirs[0], theirs[1:].split(".")[0], theirs.split(".", 1)[1]
    return f"{number}.{'conv' if kind == 'c' else 'bn'}.{rest}"


def test_every_section_computes_what_it_should():
    torch.manual_seed(0)
    mine = models.darknet(io.parse_darknet_cfg(CFG))
    same_network(mine, Oracle(), (2, 3, 48, 64), name_of)
