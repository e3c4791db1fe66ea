"""Einstein's summation: products summed over named axes, einsum("ij,jk->ik", a, b)."""

import math
from collections import Counter
from string import ascii_letters
from typing import Any

import numpy as np

from ..engine.autograd import Array, TensorBase
from ..errors import ShapeError
from .call import function_of
from .joining import all_tensors
from .op import Op
from .reduction import sum as sum_
from .samples import samples_of
from .shape import squeeze, transpose
from .subscripts import read
from .triangles import diagonal


class Einsum(Op):
    """y = a and b multiplied where labels meet, summed over the labels that y does not have.

    dL/da = dL/dy and b multiplied the same way, summed over the labels that a does not have
    """

    numpy = staticmethod(lambda a, b, of_a, of_b, out: np.einsum(f"{of_a},{of_b}->{out}", a, b))
    samples = samples_of(
        ([(2, 3), (3, 4)], {"of_a": "ij", "of_b": "jk", "out": "ik"}),
        ([(2, 3), (2, 3)], {"of_a": "ij", "of_b": "ij", "out": ""}),
        ([(2, 3), ()], {"of_a": "ij", "of_b": "", "out": "j"}),
        ([(2, 3), (4,)], {"of_a": "ij", "of_b": "k", "out": "ki"}),
        ([(5, 2, 3), (5, 3, 4)], {"of_a": "bij", "of_b": "bjk", "out": "bki"}),
        ([(0, 3), (3,)], {"of_a": "ij", "of_b": "j", "out": "i"}),
        ([(2, 3, 2, 4), (2, 5, 2, 4)], {"of_a": "bqhd", "of_b": "bkhd", "out": "bhqk"}),
        ([(3,), (5, 3, 2)], {"of_a": "j", "of_b": "bjk", "out": "kb"}),
        ([(2, 3), (3, 2)], {"of_a": "ij", "of_b": "ji", "out": "ji"}),
        ([(1, 1), (1, 1)], {"of_a": "ij", "of_b": "jk", "out": "ik"}),
        ([(2, 0), (0, 3)], {"of_a": "ij", "of_b": "jk", "out": "ki"}),
    )

    def __init__(self, of_a: str, of_b: str, out: str) -> None:
        self.of_a, self.of_b, self.out = of_a, of_b, out

    def label(self) -> str:
        return f"einsum({self.of_a},{self.of_b}->{self.out})"

    def forward(self, a: Array, b: Array) -> Array:
        return _contracted(self.xp, a, b, self.of_a, self.of_b, self.out)

    def backward_a(self, dy: Any, b: Any, shapes: Any) -> Any:
        return self._share(dy, b, self.of_b, self.of_a, shapes[0])

    def backward_b(self, dy: Any, a: Any, shapes: Any) -> Any:
        return self._share(dy, a, self.of_a, self.of_b, shapes[1])

    def _share(self, dy: Any, other: Any, of_other: str, mine: str, shape: Any) -> Any:
        """The gradient for labels `mine`; those only this operand has were summed: spread out."""
        met = [label in self.out or label in of_other for label in mine]
        there = "".join(label for label, is_met in zip(mine, met) if is_met)
        if isinstance(dy, TensorBase):
            share = self.xp.einsum(f"{self.out},{of_other}->{there}", dy, other)
        else:
            share = _contracted(self.xp, dy, other, self.out, of_other, there)
        share = share.reshape(tuple(n if is_met else 1 for n, is_met in zip(shape, met)))
        return share if all(met) else self.xp.broadcast_to(share, shape)

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return f"in {self.of_a},{self.of_b}->{self.out} one label is one length"


def _contracted(xp: Any, a: Array, b: Array, of_a: str, of_b: str, out: str) -> Array:
    """The product of arrays: a matrix product (by BLAS) where there is one in it."""
    lengths: dict[str, int] = {}
    for labels, shape in ((of_a, a.shape), (of_b, b.shape)):
        for label, n in zip(labels, shape, strict=True):
            if lengths.setdefault(label, n) != n:
                raise ValueError(f"axis '{label}' has two lengths: {lengths[label]} and {n}")
    in_a, in_b, kept = set(of_a), set(of_b), set(out)
    own_a, own_b, met = in_a - in_b, in_b - in_a, (in_a & in_b) - kept
    if not met or not (own_a | own_b) or not (own_a | own_b) <= kept or a.dtype.kind != "f":
        return xp.einsum(f"{of_a},{of_b}->{out}", a, b)
    # (batch, own of a, met) @ (batch, met, own of b)
    batch = [label for label in out if label in in_a and label in in_b]
    order_a = [label for label in out if label in own_a]
    order_b = [label for label in out if label in own_b]
    inner = [label for label in of_a if label in met]
    left = _grouped(a, of_a, lengths, batch, order_a, inner)
    right = _grouped(b, of_b, lengths, batch, inner, order_b)
    made = [*batch, *order_a, *order_b]
    y = (left @ right).reshape([lengths[label] for label in made])
    return y.transpose([made.index(label) for label in out])


def _grouped(
    x: Array, labels: str, lengths: dict[str, int], batch: list[str], *sides: list[str]
) -> Array:
    """x with its axes sorted into (batch ..., first side as one axis, second side as one)."""
    order = [labels.index(label) for label in [*batch, *sides[0], *sides[1]]]
    shape = [lengths[label] for label in batch]
    shape += [math.prod(lengths[label] for label in side) for side in sides]
    return x.transpose(order).reshape(shape)


def einsum(subscripts: Any, *operands: Any) -> Any:
    """Operands multiplied where labels meet and summed over the labels that "->..." leaves out.

    As NumPy's: einsum("ij,jk->ik", a, b) is a @ b, einsum("ii->i", a) the diagonal, "..." stands
    for the axes without a letter, which broadcast; einsum(a, [0, 1], b, [1, 2], [0, 2]) is the
    first one, too. Three operands or more go two at a time, in
    the order that is least work.

    >>> dls.einsum("ij,jk->ik", dls.ones(2, 3), dls.ones(3, 4)).shape
    (2, 4)
    """
    if not isinstance(subscripts, str):
        subscripts, operands = from_lists(subscripts, *operands)
    parts = all_tensors(operands, "einsum")
    labels, out, spread = read(subscripts, [x.shape for x in parts])
    labels, parts = map(list, zip(*map(_without_repeats, labels, parts)))
    for label in spread:
        _broadcast(label, labels, parts)
    for places in _order(labels, parts, out):
        taken = [(labels.pop(i), parts.pop(i)) for i in sorted(places, reverse=True)]
        while len(taken) > 1:
            pair = taken.pop(), taken.pop()
            later = out + "".join(labels) + "".join(named for named, _ in taken)
            taken.append(_product(*pair, later, last=not labels and not taken, out=out))
        labels.append(taken[0][0])
        parts.append(taken[0][1])
    (named,), (y,) = labels, parts
    y, named = _summed(named, y, out)
    return y if named == out else transpose(y, [named.index(label) for label in out])


def from_lists(*given: Any) -> tuple[str, tuple[Any, ...]]:
    """NumPy's other form, einsum(a, [0, 1], b, [1, 2], [0, 2]), as "ab,bc->ac" and operands."""

    def text(axes: Any) -> str:
        if not isinstance(axes, (list, tuple)) or not all(
                i is Ellipsis or i in range(len(ascii_letters)) for i in axes):
            raise ShapeError(f"einsum takes a string, or operands each with a list of the numbers "
                             f"of its axes (below {len(ascii_letters)}), not {axes!r}")
        return "".join("..." if i is Ellipsis else ascii_letters[i] for i in axes)

    count = len(given) // 2 * 2
    subscripts = ",".join(text(axes) for axes in given[1:count:2])
    return subscripts + "".join(f"->{text(out)}" for out in given[count:]), given[:count:2]


def _product(
    a: tuple[str, Any], b: tuple[str, Any], later: str, last: bool, out: str
) -> tuple[str, Any]:
    """Two operands as one, with the labels that are needed later; `last`: in the order of out."""
    x, of_a = _summed(a[0], a[1], b[0] + later)
    y, of_b = _summed(b[0], b[1], of_a + later)
    met = out if last else "".join(n for n in dict.fromkeys(of_a + of_b) if n in later)
    return met, function_of(Einsum, of_a, of_b, met)(x, y)


def _summed(labels: str, x: Any, needed: str) -> tuple[Any, str]:
    """x summed over the labels that nothing needs."""
    gone = tuple(i for i, label in enumerate(labels) if label not in needed)
    if not gone:
        return x, labels
    return sum_(x, axis=gone), "".join(label for label in labels if label in needed)


def _order(labels: list[str], parts: list[Any], out: str) -> list[tuple[int, ...]]:
    """Return the operands to multiply, step after step; each product goes to the end."""
    if len(parts) == 1:
        return []
    if len(parts) == 2:
        return [(0, 1)]
    stand_ins = [np.broadcast_to(np.float32(0), x.shape) for x in parts]  # no memory
    way: Any = ("greedy", 2**62)
    path = np.einsum_path(f"{','.join(labels)}->{out}", *stand_ins, optimize=way)[0]
    return path[1:]


def _without_repeats(labels: str, x: Any) -> tuple[str, Any]:
    """A label that stands twice in one operand means its diagonal."""
    for label, count in Counter(labels).items():
        for _ in range(count - 1):
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ShapeError(f"einsum: '{labels}' of a tensor of shape\n  {x.shape}")
            x = diagonal(x, 0, first, second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + label
    return labels, x


def _broadcast(label: str, labels: list[str], parts: list[Any]) -> None:
    """An axis of "..." that is 1 in one operand and longer in another: the one does without it."""
    lengths = {x.shape[named.index(label)] for named, x in zip(labels, parts) if label in named}
    if len(lengths) == 1:
        return
    for i, (named, x) in enumerate(zip(labels, parts)):
        if label in named and x.shape[named.index(label)] == 1:
            parts[i], labels[i] = squeeze(x, named.index(label)), named.replace(label, "")
