"""Checks for the exercises of c5w3-trigger-word."""

import numpy as np
from tinygrad_dls.learn.checking import gradients, result, same, untouched


class Known:
    """A generator whose next whole numbers are known; it keeps what it was asked for."""

    def __init__(self, *numbers):
        self.numbers, self.asked = list(numbers), []

    def integers(self, low, high=None):
        self.asked.append((low, high) if high is not None else (0, low))
        return self.numbers.pop(0)


def test_get_random_time_segment(lesson):
    for clip_ms, start in ((10_000, 4321), (2_500, 17)):
        rng = Known(start)
        made = lesson.get_random_time_segment(700, rng, clip_ms)
        assert tuple(made) == (start, start + 699), (
            f"the segment is {made}, it must be {(start, start + 699)}: both ends belong to it")
        assert rng.asked == [(0, clip_ms - 700)], (
            f"drawn was from {rng.asked[0]}, it must be from {(0, clip_ms - 700)}: a segment must "
            "end inside the clip")


def test_is_overlapping(lesson):
    cases = [
        ((950, 1430), [(2000, 2550), (260, 949)], False),
        ((2305, 2950), [(824, 1532), (1900, 2305), (3424, 3656)], True),
        ((100, 200), [(200, 300)], True), ((201, 300), [(100, 200)], False),
        ((100, 400), [(200, 300)], True), ((220, 250), [(200, 300)], True),
        ((100, 200), [], False), ((100, 199), [(200, 300)], False),
        ((150, 250), [(500, 600), (100, 200)], True), ((150, 250), [(100, 200), (500, 600)], True),
    ]
    for segment, previous, right in cases:
        before = list(previous)
        made = lesson.is_overlapping(segment, previous)
        assert bool(made) == right, f"is_overlapping({segment}, {before}) is {made}: a shared " \
            "millisecond counts, and any of the list does"
        assert previous == before, "is_overlapping must not change the list"


def test_insert_audio_clip(lesson):
    background, clip = 0.1 * np.ones(4000), np.arange(1.0, 501.0)  # 4 s and 0.5 s at 1000 Hz
    previous = [(100, 599)]
    with untouched(background=background, clip=clip):
        made, segment = result("insert_audio_clip", lesson.insert_audio_clip(
            background, clip, previous, Known(300, 50, 1200), 1000), 2)
    assert tuple(segment) == (1200, 1699), f"the segment is {segment}: the first place that is free"
    assert previous == [(100, 599), (1200, 1699)], f"the list is {previous}: it gets the segment"
    right = background.copy()
    right[1200:1700] += clip
    same("the background with the clip", made, right, "the clip is added, not put in its place")
    previous = [(0, 3999)]
    made, segment = lesson.insert_audio_clip(background, clip, previous, Known(*range(5)), 1000)
    same("the background where there is no place", made, background)
    assert tuple(segment) == (4000, 4000) and previous == [(0, 3999)]
    rng = Known(*[0] * 9)
    lesson.insert_audio_clip(background, clip, [(0, 10)], rng, 1000)
    assert len(rng.asked) == 5, f"it tried {len(rng.asked)} times, it must try 5 times at most"
    made, segment = lesson.insert_audio_clip(
        np.zeros(8000), np.ones(1000), [], Known(700), 2000)
    assert tuple(segment) == (700, 1199), f"at 2000 Hz the segment is {segment}, in milliseconds"
    same("where it is inserted at 2000 Hz", np.flatnonzero(made)[[0, -1]], [1400, 2399])


def test_insert_ones(lesson):
    y = np.zeros((1, 1375))
    y[0, 5] = 1
    for end, clip_ms, first in ((2500, 10_000, 344), (9900, 10_000, 1362), (500, 4_000, 172),
                                (0, 10_000, 1)):
        right = y.copy()
        right[0, first:min(first + 50, 1375)] = 1
        with untouched(y=y):
            made = lesson.insert_ones(y, end, clip_ms)
        same(f"y after a segment that ends at {end} ms of {clip_ms}", made, right,
             "50 ones, from the label after int(end * Ty / clip_ms)")
    short = lesson.insert_ones(np.zeros((1, 100)), 2000)
    same("y of 100 labels", np.flatnonzero(short[0]), np.arange(21, 71))


def by_loops(x, W, b, stride):
    n, n_x, k = W.shape
    steps = (x.shape[1] - k) // stride + 1
    z = np.zeros((n, steps))
    for j in range(n):
        for t in range(steps):
            z[j, t] = b[j, 0] + sum(
                W[j, i, u] * x[i, stride * t + u] for i in range(n_x) for u in range(k))
    return z


def convolution(seed, n=3, n_x=2, k=4, steps=17):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n_x, steps)), rng.standard_normal((n, n_x, k)),
            rng.standard_normal((n, 1)))


def test_conv1d_forward(lesson):
    for stride in (1, 3):
        x, W, b = convolution(stride)
        with untouched(x=x, W=W, b=b):
            made = lesson.conv1d_forward(x, W, b, stride)
        same(f"z with stride {stride}", made, by_loops(x, W, b, stride),
             "the window of output t begins at stride * t; b once for each output", 1e-9)


def test_conv1d_backward(lesson):
    for stride in (1, 3):
        x, W, b = convolution(stride + 5)
        z = by_loops(x, W, b, stride)
        R = np.random.default_rng(9).standard_normal(z.shape)
        with untouched(dz=R, x=x, W=W):
            made = result("conv1d_backward", lesson.conv1d_backward(R, x, W, stride), 3)
        mine = {f"d{name}": d for name, d in zip(("x", "W", "b"), made, strict=True)}
        gradients(lambda p, s=stride, R=R: np.sum(R * by_loops(p["x"], p["W"], p["b"], s)),
                  {"x": x, "W": W, "b": b}, mine, hint="windows overlap: dx adds up")


def test_frame_loss(lesson):
    rng = np.random.default_rng(3)
    z, y = 2 * rng.standard_normal((1, 9)), rng.integers(0, 2, (1, 9)).astype(float)

    def right(z):
        a = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))

    with untouched(z=z, y=y):
        loss, dz = result("frame_loss", lesson.frame_loss(z, y), 2)
    same("the loss", loss, right(z), "the mean over all moments", 1e-9)
    gradients(lambda p: right(p["z"]), {"z": z}, {"dz": dz}, m=9)
    with np.errstate(over="ignore"):
        loss, _ = lesson.frame_loss(np.array([[800.0, -800.0]]), np.array([[0.0, 1.0]]))
    same("the loss of a saturated sigmoid", loss, 800.0, "from logits: it must not be infinite")
    loss, _ = lesson.frame_loss(np.array([[30.0, -30.0]]), np.array([[1.0, 0.0]]))
    same("the loss where it is surely right", loss, np.log1p(np.exp(-30.0)))


def test_heard_at(lesson):
    said = np.zeros(600)
    for first, last in ((100, 150), (160, 200), (205, 210), (400, 450)):
        said[first:last] = 1.0
    right = {1: [100, 400], 10: [105, 400 + 5]}
    for width, moments in right.items():
        with untouched(said=said):
            made = lesson.heard_at(said, 0.5, width, 75)
        assert list(made) == moments, (
            f"heard at {list(made)} with width {width}, it must be {moments}: above the threshold, "
            "and 75 moments after the last moment above it")
    made = lesson.heard_at(said, 0.5, 1, 8)
    assert list(made) == [100, 160, 400], f"heard at {list(made)} with a pause of 8"
    steps = np.zeros(300)
    steps[[50, 125, 201]] = 1.0
    assert list(lesson.heard_at(steps, 0.5, 1, 75)) == [50, 201], (
        "a moment exactly 75 after the last one is not new; the pause counts from the last moment "
        "above the threshold, not from the last that was heard")
    assert list(lesson.heard_at(np.full(50, 0.5), 0.5, 1, 75)) == [], "above, not at the threshold"
