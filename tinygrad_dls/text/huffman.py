"""Huffman's code: frequent tokens get short codes; as the tree of a hierarchical softmax."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from .._util.keywords import near_names
from ..errors import DataError
from .operands import Array, on_host


class HuffmanCode(NamedTuple):
    """The way from the root to each of n tokens, padded on the right to the longest.

    codes: the branch taken at each inner node, 0 or 1, int64 (n, depth); nodes: the numbers of
    these inner nodes, 0 to n - 2 with the root last (n - 2), int64 (n, depth); lengths (n,).

    >>> from tinygrad_dls import text
    >>> text.huffman([4, 2, 1]).nodes[1]  # from the root, 1, to the node above the rare words
    array([1, 0])
    """

    codes: Array
    nodes: Array
    lengths: Array


@near_names
def huffman(counts: Any) -> HuffmanCode:
    """Build Huffman's tree of counts (n,), n at least 2, and list the way to each leaf.

    The two rarest subtrees are joined again and again; of equally rare ones those made first.

    >>> from tinygrad_dls import text
    >>> code = text.huffman([4, 2, 1])
    >>> code.lengths
    array([1, 2, 2])
    >>> code.codes
    array([[1, 0],
           [0, 1],
           [0, 0]])
    """
    weights = on_host(counts)
    if weights.ndim != 1 or len(weights) < 2 or weights.dtype.kind not in "iuf":
        raise DataError(f"counts are at least two numbers (n,), not {weights.dtype} "
                        f"of the shape {weights.shape}")
    if not (weights >= 0).all() or not np.isfinite(weights).all():
        raise DataError("counts are finite and not below 0")
    n = len(weights)
    heap = [(weight, i) for i, weight in enumerate(weights.tolist())]
    heapq.heapify(heap)
    parent, branch = np.zeros(2 * n - 1, np.int64), np.zeros(2 * n - 1, np.int64)
    for node in range(n, 2 * n - 1):
        (light, first), (heavy, second) = heapq.heappop(heap), heapq.heappop(heap)
        parent[first] = parent[second] = node
        branch[second] = 1
        heapq.heappush(heap, (light + heavy, node))
    ways = []
    for leaf in range(n):
        node, way = leaf, []
        while node != 2 * n - 2:
            way.append((int(branch[node]), int(parent[node]) - n))
            node = int(parent[node])
        ways.append(way[::-1])
    lengths = np.array([len(way) for way in ways], np.int64)
    codes, nodes = np.zeros((2, n, int(lengths.max())), np.int64)
    for leaf, way in enumerate(ways):
        codes[leaf, :len(way)], nodes[leaf, :len(way)] = np.array(way).T
    return HuffmanCode(codes, nodes, lengths)
