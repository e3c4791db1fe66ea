"""Mistakes of place: the right numbers, transposed, turned, shifted or exchanged.

Each pattern is a way to move the elements of an array. The one that turns the wrong gradient
into the right one is what was forgotten, or done once too often.
"""

from collections.abc import Iterator
from itertools import combinations, permutations, product
from math import factorial

import numpy as np

from .numeric import Array, Measured

BLOCKS = (2, 3, 4)  # gates of a recurrent layer lie in so many parts of an axis


def moves(x: Array, blocks: bool = True) -> Iterator[tuple[str, Array]]:
    """(what was done, the result) of moving the elements of x without changing its shape."""
    yield from transposed(x)
    for count in range(1, min(x.ndim, 4) + 1):
        for axes in combinations(range(x.ndim), count):
            if count < 3 and all(x.shape[axis] > 1 for axis in axes):
                yield f"flipped along {_axes(axes)}", np.flip(x, axes)
    yield from _shifted(x)
    if blocks:
        yield from _exchanged(x)


def transposed(x: Array) -> Iterator[tuple[str, Array]]:
    """Other orders of the axes, as far as they give the same shape."""
    if x.ndim > 5:
        return
    for order in permutations(range(x.ndim)):
        if order != tuple(range(x.ndim)):
            turned = x.transpose(order)
            if turned.shape == x.shape:
                name = ".T" if x.ndim == 2 else f"transposed {order}"
                yield name, turned
            wanted = tuple(x.shape[axis] for axis in order)
            inverse = tuple(int(i) for i in np.argsort(order))
            if wanted != x.shape or len(set(x.shape)) < x.ndim:
                yield "reshaped", x.reshape(wanted).transpose(inverse)


def _shifted(x: Array) -> Iterator[tuple[str, Array]]:
    for axis, by in product(range(x.ndim), (1, -1)):
        if x.shape[axis] > 1:
            yield f"shifted by {by} along axis {axis}", shift(x, axis, by)
    for (a, b), by in product(combinations(range(x.ndim), 2), (1, -1)):
        if x.shape[a] > 1 and x.shape[b] > 1:
            yield f"shifted by {by} along axes {a} and {b}", shift(shift(x, a, by), b, by)


def shift(x: Array, axis: int, by: int) -> Array:
    """Moved along an axis, with zeros where nothing came from."""
    moved = np.roll(x, by, axis)
    edge = [slice(None)] * x.ndim
    edge[axis] = slice(0, 1) if by > 0 else slice(-1, None)
    moved[tuple(edge)] = 0
    return moved


def _exchanged(x: Array) -> Iterator[tuple[str, Array]]:
    """Parts of an axis in another order: gates, or halves of a concatenation."""
    for axis in range(x.ndim):
        for parts in (*BLOCKS, x.shape[axis]):
            if x.shape[axis] % parts or not 2 <= parts <= 8:
                continue
            pieces = np.split(x, parts, axis)
            for i, j in combinations(range(parts), 2):
                order = list(range(parts))
                order[i], order[j] = j, i
                yield (f"parts {i} and {j} of {parts} along axis {axis} exchanged",
                       np.concatenate([pieces[k] for k in order], axis))
            if parts <= 4 and factorial(parts) > 2:
                for order_ in permutations(range(parts)):
                    if sum(i != k for i, k in enumerate(order_)) > 2:
                        yield (f"the {parts} parts along axis {axis} in the order {order_}",
                               np.concatenate([pieces[k] for k in order_], axis))


def moved(mine: Array, truth: Measured) -> str:
    """Describe how elements of the right gradient came to the wrong places; "" if not at all."""
    for what, candidate in moves(mine):
        if truth.is_close(candidate) or ("shifted" in what and _inside(candidate, mine, truth)):
            return _said(what)
    return _in_other_places(mine, truth)


def _in_other_places(mine: Array, truth: Measured) -> str:
    """Recognize the right numbers at the wrong places along one axis."""
    if len(truth.values) != mine.size:
        return ""
    right = truth.values.reshape(mine.shape)
    for axis in range(mine.ndim):
        if mine.shape[axis] > 1 and np.allclose(
                np.sort(mine, axis), np.sort(right, axis), rtol=1e-4, atol=1e-4 * truth.scale):
            return (f"the numbers are right, but at the wrong places along axis {axis} (an index, "
                    "or argmax, of another element)")
    return ""


def _said(what: str) -> str:
    if what == ".T":
        return "it is the transpose: write .T"
    if what == "reshaped":
        return "the numbers are right, but in another order: reshaped where it must be transposed"
    if "exchanged" in what or "order" in what:
        return f"the gradients are swapped: {what} are the right ones"
    if "shifted" in what:
        return (f"it stands beside its place: {what} it is right where it overlaps "
                "(off by one, as in padding or an index)")
    if "flipped" in what:
        return f"it is reversed: {what} it is right (is a kernel, or time, to be flipped?)"
    return f"the axes are in the wrong order: {what} it is right"


def _inside(candidate: Array, mine: Array, truth: Measured) -> bool:
    """Return whether a shifted gradient is right but for the edge that was shifted in."""
    at = truth.of_candidate(candidate)
    empty = at == 0
    if not 0 < empty.sum() <= 0.6 * at.size or at.size < 6:
        return False
    off = np.abs(at - truth.values) > 1e-4 * truth.scale
    was_off = np.abs(truth.of_candidate(mine) - truth.values) > 1e-4 * truth.scale
    nonzero = (~empty) & (truth.values != 0)
    return not off[~empty].any() and int(was_off[nonzero].sum()) >= 4


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {' and '.join(map(str, axes))}"
