"""Records made by hand, for the tests of pictures."""

import numpy as np

from tinygrad_dls.viz.record import Edge, Gradient, NodeRecord, Record
from tinygrad_dls.viz.summary import Summary


def leaf(id, name, value, grad=None, kind="param", path=()):
    value = np.asarray(value, "float32")
    gradient = None
    if kind == "param":
        gradient = Gradient(grad is not None, None if grad is None else Summary.of(grad))
    return NodeRecord(id, name=name, kind=kind, shape=value.shape, path=path,
                      value=Summary.of(value), gradient=gradient)


def op(id, label, value, grad=None, name="", kind="op", path=(), saved=()):
    value = np.asarray(value, "float32")
    gradient = Gradient(grad is not None, None if grad is None else Summary.of(grad))
    return NodeRecord(id, label, name, kind, value.shape, path=path, value=Summary.of(value),
                      gradient=gradient, saved=saved)


def three_times(grads=True):
    """J = 3 (a + b c) at a = 5, b = 3, c = 2."""
    g = (lambda x: x) if grads else (lambda x: None)
    nodes = (
        leaf("n0", "b", 3, g(6)), leaf("n1", "c", 2, g(9)), op("n2", "mul", 6, g(3), "u"),
        leaf("n3", "a", 5, g(3)), op("n4", "add", 11, g(3), "v"),
        leaf("n5", "", 3, kind="const"), op("n6", "mul", 33, g(1), "J", "loss"),
    )
    edges = (Edge("n0", "n2"), Edge("n1", "n2", 1), Edge("n3", "n4"), Edge("n2", "n4", 1),
             Edge("n5", "n6"), Edge("n4", "n6", 1))
    return Record(nodes, edges)


class Builder:
    """Adds nodes one after another."""

    def __init__(self):
        self.nodes, self.edges = [], []

    def leaf(self, name, shape, kind="param", path=(), seed=0):
        value = np.random.default_rng(seed).normal(size=shape)
        return self._add(leaf(f"n{len(self.nodes)}", name, value, None, kind, path))

    def op(self, label, shape, *inputs, path=(), name="", kind="op", grad=True):
        rng = np.random.default_rng(len(self.nodes))
        value = rng.normal(size=shape)
        node = op(f"n{len(self.nodes)}", label, value, rng.normal(size=shape) if grad else None,
                  name, kind, path)
        self._add(node)
        self.edges += [Edge(tail, node.id, slot) for slot, tail in enumerate(inputs)]
        return node.id

    def _add(self, node):
        self.nodes.append(node)
        return node.id

    def record(self):
        return Record(tuple(self.nodes), tuple(self.edges))


def perceptron():
    """Two linear layers with a ReLU between them, in modules."""
    b = Builder()
    h = b.leaf("X", (64, 784), "input")
    for i, (n, m) in enumerate(((784, 128), (128, 10))):
        path = ("MLP", f"layers.{2 * i}: Linear")
        w = b.leaf(f"layers.{2 * i}.weight", (m, n), path=path)
        bias = b.leaf(f"layers.{2 * i}.bias", (m,), path=path)
        h = b.op("linear", (64, m), h, w, bias, path=path)
        if i == 0:
            h = b.op("relu", (64, m), h, path=("MLP", "layers.1: ReLU"))
    labels = b.leaf("labels", (64,), "input")
    b.op("cross_entropy", (), h, labels, name="loss", kind="loss")
    return b.record()


def transformer(blocks=3):
    """Pre-norm transformer blocks with attention and MLP as modules in each."""
    b = Builder()
    x = b.leaf("x", (32, 16, 64), "input")
    big = (32, 16, 64)
    for i in range(blocks):
        outer = (f"block{i}",)
        attn, mlp = (*outer, "attn"), (*outer, "mlp")
        norm = b.op("layer_norm", big, x, path=outer)
        q, k, v = (b.op("matmul", big, norm, b.leaf(f"W{c}", (64, 64), path=attn), path=attn)
                   for c in "qkv")
        t = b.op("transpose(axes=(0, 2, 1))", (32, 64, 16), k, path=attn)
        s = b.op("matmul", (32, 16, 16), q, t, path=attn)
        p = b.op("softmax(axis=-1)", (32, 16, 16), s, path=attn)
        o = b.op("matmul", big, p, v, path=attn)
        r = b.op("add", big, x, o, path=outer)
        n2 = b.op("layer_norm", big, r, path=outer)
        h = b.op("matmul", (32, 16, 256), n2, b.leaf("W1", (64, 256), path=mlp), path=mlp)
        h = b.op("relu", (32, 16, 256), h, path=mlp)
        h = b.op("matmul", big, h, b.leaf("W2", (256, 64), path=mlp), path=mlp)
        x = b.op("add", big, r, h, path=outer)
    x = b.op("matmul", (32, 16, 1000), x, b.leaf("W_out", (64, 1000)))
    b.op("cross_entropy", (), x, name="loss", kind="loss")
    return b.record()


def chain(length=500):
    b = Builder()
    x = b.leaf("x", ())
    for _ in range(length):
        x = b.op("tanh", (), x)
    return b.record()


def diamond():
    """x*x + x at 3."""
    nodes = (leaf("n0", "x", 3, 7), op("n1", "mul", 9, 1), op("n2", "add", 12, 1, "y", "loss"))
    return Record(nodes, (Edge("n0", "n1"), Edge("n0", "n1", 1), Edge("n1", "n2"),
                          Edge("n0", "n2", 1)))


def wide(nodes=1000, seed=0):
    """A random graph with nearby links."""
    rng = np.random.default_rng(seed)
    b = Builder()
    ids = [b.leaf(f"x{i}", (2,), "input") for i in range(10)]
    while len(ids) < nodes:
        near = ids[-30:]
        picks = rng.choice(len(near), size=min(len(near), int(rng.integers(1, 3))), replace=False)
        ids.append(b.op("f", (2,), *(near[i] for i in picks)))
    return b.record()
