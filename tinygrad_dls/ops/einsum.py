"""Einstein's summation: products summed over named axes, einsum("ij,jk->ik", a, b)."""

from collections import Counter
from typing import Any

import numpy as np

from ..autograd import Array
from ..errors import ShapeError
from .call import function_of
from .op import Op
from .samples import samples_of
from .shape import all_tensors, moveaxis


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
    )

    def __init__(self, of_a: str, of_b: str, out: str) -> None:
        self.of_a, self.of_b, self.out = of_a, of_b, out

    def label(self) -> str:
        return f"einsum({self.of_a},{self.of_b}->{self.out})"

    def forward(self, a: Array, b: Array) -> Array:
        lengths: dict[str, int] = {}
        for labels, shape in ((self.of_a, a.shape), (self.of_b, b.shape)):
            for label, n in zip(labels, shape, strict=True):
                if lengths.setdefault(label, n) != n:
                    raise ValueError(f"axis '{label}' has two lengths: {lengths[label]} and {n}")
        return self.xp.einsum(f"{self.of_a},{self.of_b}->{self.out}", a, b)

    def backward_a(self, dy: Any, b: Any, shapes: Any) -> Any:
        return self._share(dy, b, self.of_b, self.of_a, shapes[0])

    def backward_b(self, dy: Any, a: Any, shapes: Any) -> Any:
        return self._share(dy, a, self.of_a, self.of_b, shapes[1])

    def _share(self, dy: Any, other: Any, of_other: str, mine: str, shape: Any) -> Any:
        """The gradient for labels `mine`; those only this operand has were summed: spread out."""
        met = [label in self.out or label in of_other for label in mine]
        there = "".join(label for label, is_met in zip(mine, met) if is_met)
        share = self.xp.einsum(f"{self.out},{of_other}->{there}", dy, other)
        share = share.reshape(tuple(n if is_met else 1 for n, is_met in zip(shape, met)))
        return share if all(met) else self.xp.broadcast_to(share, shape)

    def rule(self, shapes: list[tuple[int, ...]]) -> str:
        return f"in {self.of_a},{self.of_b}->{self.out} one label is one length"


def einsum(subscripts: str, *operands: Any) -> Any:
    """Operands multiplied where labels meet and summed over the labels that "->..." leaves out.

    As NumPy's, with letters for all axes (no "..."): einsum("ij,jk->ik", a, b) is a @ b,
    einsum("ii->i", a) the diagonal. Three operands or more go from the left, two at a time.
    """
    parts = all_tensors(operands, "einsum")
    labels, out = _parse(subscripts, parts)
    labels, parts = map(list, zip(*map(_without_repeats, labels, parts)))
    if len(parts) == 1:
        labels, parts = [*labels, ""], all_tensors([*parts, 1.0], "einsum")
    while len(parts) > 1:
        later = out + "".join(labels[2:])
        met = dict.fromkeys(labels[0] + labels[1])
        y = out if len(parts) == 2 else "".join(label for label in met if label in later)
        parts[:2] = [function_of(Einsum, labels[0], labels[1], y)(parts[0], parts[1])]
        labels[:2] = [y]
    return parts[0]


def _parse(subscripts: str, operands: list[Any]) -> tuple[list[str], str]:
    """The labels of each operand and of the result; without "->" those met once, in order."""
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    labels = left.split(",")
    if not arrow:
        counted = Counter(left.replace(",", ""))
        out = "".join(sorted(label for label, n in counted.items() if n == 1))
    fits = len(labels) == len(operands) and all(
        len(named) == x.ndim for named, x in zip(labels, operands)
    )
    known = set(left) - {","}
    letters = all(label.isalpha() for label in known) and set(out) <= known
    if not (fits and letters and len(set(out)) == len(out)):
        shapes = "".join(f"\n  {x.shape}" for x in operands)
        raise ShapeError(
            f"einsum({subscripts!r}) names one letter for each axis of each operand, and in the "
            f"result some of them, once; the operands have the shapes{shapes}"
        )
    return labels, out


def _without_repeats(labels: str, x: Any) -> tuple[str, Any]:
    """A label that stands twice in one operand means its diagonal."""
    for label, count in Counter(labels).items():
        for _ in range(count - 1):
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ShapeError(f"einsum: '{labels}' of a tensor of shape\n  {x.shape}")
            places = np.arange(x.shape[first])
            x = moveaxis(moveaxis(x, first, 0), second, 1)[places, places]
            rest = labels[:first] + labels[first + 1 : second] + labels[second + 1 :]
            labels = label + rest
    return labels, x
