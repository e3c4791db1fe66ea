"""The built-in layout: nothing overlaps, arrows point down, frames hold their own."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_dls.viz.groups import contiguous
from tinygrad_dls.viz.layered import Level, Link, crossings, nearest
from tinygrad_dls.viz.layout import layout
from tinygrad_dls.viz.picture import Options, picture
from tinygrad_dls.viz.scene import scene

from .records import chain, transformer, wide

EPS = 1e-6


@st.composite
def graphs(draw):
    """(sizes, edges, paths) of a random acyclic graph with random nested groups."""
    count = draw(st.integers(0, 14))
    names = [f"v{i}" for i in range(count)]
    side = st.floats(5, 80)
    sizes = {name: (draw(side), draw(side)) for name in names}
    pairs = list(combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    label = st.sampled_from(["a", "b", "entry", "exit"])
    paths = {name: tuple(draw(st.lists(label, max_size=3))) for name in names}
    return sizes, edges, contiguous(paths, edges)


def apart(a, b):
    return (a.x + a.w <= b.x + EPS or b.x + b.w <= a.x + EPS
            or a.y + a.h <= b.y + EPS or b.y + b.h <= a.y + EPS)


def within(a, b):
    return (a.x >= b.x - EPS and a.y >= b.y - EPS
            and a.x + a.w <= b.x + b.w + EPS and a.y + a.h <= b.y + b.h + EPS)


@given(graphs(), st.sampled_from(["TB", "LR"]))
@settings(max_examples=150, deadline=None)
def test_boxes_frames_and_arrows(graph, rankdir):
    sizes, edges, paths = graph
    labels = {path[:d]: (30.0, 9.0) for path in paths.values() for d in range(1, len(path) + 1)}
    made = layout(sizes, edges, paths, labels, rankdir)
    assert made == layout(sizes, edges, paths, labels, rankdir)
    for a, b in combinations(made.boxes, 2):
        assert apart(made.boxes[a], made.boxes[b])
    for path, frame in made.frames.items():
        for box, rect in made.boxes.items():
            inside = paths[box][: len(path)] == path
            assert within(rect, frame) if inside else apart(rect, frame)
    for p, q in combinations(made.frames, 2):
        nested = p == q[: len(p)] or q == p[: len(q)]
        assert nested or apart(made.frames[p], made.frames[q])
    for rect in [*made.boxes.values(), *made.frames.values()]:
        assert rect.x >= -EPS and rect.x + rect.w <= made.width + EPS
        assert rect.y >= -EPS and rect.y + rect.h <= made.height + EPS
    for (tail, head), route in zip(edges, made.routes, strict=True):
        a, b = made.boxes[tail], made.boxes[head]
        levels = [y for stop in route for y in (stop.y, stop.y2)]
        assert levels == sorted(levels) or all(
            x - y < EPS for x, y in pairwise(levels)
        )
        assert levels[-1] - levels[0] > 0
        if rankdir == "TB":
            assert abs(levels[0] - (a.y + a.h)) < EPS and abs(levels[-1] - b.y) < EPS
        else:
            assert abs(levels[0] - (a.x + a.w)) < EPS and abs(levels[-1] - b.x) < EPS


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_arrows_pass_under_no_box(graph):
    """On the straight parts of an arrow there is no box (the bends are between the rows)."""
    sizes, edges, paths = graph
    made = layout(sizes, edges, paths)
    for (tail, head), route in zip(edges, made.routes):
        for stop in route:
            for name, r in made.boxes.items():
                if name in (tail, head):
                    continue
                hit = r.x < stop.x - EPS < r.x + r.w - EPS * 2
                assert not (hit and stop.y < r.y + r.h - EPS and r.y + EPS < stop.y2)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 5), st.floats(0, 20)),
                min_size=1, max_size=8))
def test_nearest_is_feasible_and_optimal(items):
    wanted = [w for w, _, _ in items]
    weights = [w for _, w, _ in items]
    offset = [0.0]
    for _, _, gap in items[1:]:
        offset.append(offset[-1] + gap)
    found = nearest(wanted, weights, offset)

    def cost(places):
        return sum(m * (p - w) ** 2 for p, w, m in zip(places, wanted, weights))

    gaps = [b - a for a, b in pairwise(offset)]
    assert all(b - a >= gap - 1e-9 for a, b, gap in zip(found, found[1:], gaps))
    for i in range(len(found)):  # no block of neighbours can be moved to advantage
        for j in range(i + 1, len(found) + 1):
            for step in (-1e-3, 1e-3):
                moved = [p + step if i <= k < j else p for k, p in enumerate(found)]
                if all(b - a >= gap for a, b, gap in zip(moved, moved[1:], gaps)):
                    assert cost(moved) >= cost(found) - 1e-9


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), unique=True, max_size=20))
def test_crossings_are_counted_as_by_hand(pairs):
    rows = [[("u", i) for i in range(7)], [("v", i) for i in range(7)]]
    below = {("u", i): [(("v", b), 0.0) for a, b in pairs if a == i] for i in range(7)}
    expected = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(pairs, 2))
    assert crossings(rows, below, lambda item, shift: item[1] + shift) == expected


def test_crossed_links_are_untangled():
    items = dict.fromkeys("abcdef", 10.0)
    level = Level(items, [Link("a", "f", "a"), Link("b", "e", "b"), Link("c", "d", "c")])
    level.arrange()
    top, bottom = level.rows
    partner = {"a": "f", "b": "e", "c": "d"}
    assert [partner[item] for item in top] == bottom


def test_a_chain_is_straight():
    made = scene(picture(chain(30), Options())).layout
    centres = {round(r.x + r.w / 2, 1) for r in made.boxes.values()}
    assert len(centres) == 1


def test_long_and_large_graphs():
    """No recursion: far longer than Python's stack is deep."""
    names = [f"v{i}" for i in range(3000)]
    made = layout(dict.fromkeys(names, (10.0, 10.0)), list(pairwise(names)))
    assert [made.boxes[n].y for n in names] == sorted(made.boxes[n].y for n in names)
    assert len(scene(picture(wide(1000), Options())).layout.boxes) == 1000


def test_transformer_blocks_follow_each_other():
    made = scene(picture(transformer(), Options(depth=None))).layout
    frames = [made.frames[(f"block{i}",)] for i in range(3)]
    assert all(a.y + a.h < b.y for a, b in pairwise(frames))
    assert within(made.frames[("block1", "attn")], frames[1])
