"""Groups of nodes: contiguous ones stay, others are dropped, folding never makes a cycle."""

from collections import defaultdict
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from tinygrad_dls.viz.folding import folded
from tinygrad_dls.viz.groups import contiguous


def acyclic(edges):
    follow, waiting = defaultdict(set), defaultdict(int)
    nodes = {n for edge in edges for n in edge}
    for a, b in set(edges):
        if a != b:
            follow[a].add(b)
            waiting[b] += 1
    ready = [n for n in nodes if not waiting[n]]
    for n in ready:
        for m in follow[n]:
            waiting[m] -= 1
            if not waiting[m]:
                ready.append(m)
    return len(ready) == len(nodes)


def test_a_group_left_and_entered_again_is_dropped():
    edges = [("a", "x"), ("x", "b")]
    paths = {"a": ("m", "inner"), "x": (), "b": ("m",)}
    assert contiguous(paths, edges) == {"a": ("inner",), "x": (), "b": ()}


def test_a_group_behind_a_bad_one_stays():
    edges = [("a", "x"), ("x", "b"), ("b", "c"), ("c", "d")]
    paths = {"a": ("m",), "x": (), "b": ("m",), "c": ("good",), "d": ("good",)}
    assert contiguous(paths, edges) == {"a": (), "x": (), "b": (), "c": ("good",), "d": ("good",)}


def test_two_entangled_groups_lose_only_one():
    edges = [("a", "b"), ("c", "d")]
    paths = {"a": ("p",), "b": ("q",), "c": ("q",), "d": ("p",), "e": ("p",)}
    kept = contiguous(paths, edges)
    assert {path for path in kept.values() if path} == {("p",)}


@given(st.data())
def test_folding_makes_no_cycle(data):
    names = list("abcdefgh")
    pairs = list(combinations(names, 2))
    edges = data.draw(st.lists(st.sampled_from(pairs), unique=True))
    label = st.sampled_from("xy")
    paths = {n: tuple(data.draw(st.lists(label, max_size=3))) for n in names}
    kept = contiguous(paths, edges)
    assert contiguous(kept, edges) == kept
    for depth in range(3):
        box = folded(kept, depth)
        assert acyclic([(box.get(a, a), box.get(b, b)) for a, b in edges])
