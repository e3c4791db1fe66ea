"""Max, average, adaptive and power-average pooling, and unpooling."""

from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, close, pick, random_cases, same_function, same_layer, torch

T = torch.nn.functional
Rng = np.random.Generator


def images(case: Rng, axes: int, least: int = 1) -> np.ndarray:
    """Images of a random shape, one alone now and then; few values, so that many are equal."""
    lengths = [int(case.integers(least, 9 if axes < 3 else 6)) for _ in range(axes)]
    lead = pick(case, (2, 3), (1, 1), (0, 2), (3, 1), (1, 8), (2,), (1,))
    x = array(case, *lead, *lengths, dtype=pick(case, "float32", "float64"))
    if case.random() < 0.3:
        x[...] = np.round(x * 2) / 2
    # PyTorch's poolings of three axes want contiguous images.
    return np.ascontiguousarray(x) if axes == 3 else x


def numbers(case: Rng, axes: int, low: int, high: int) -> Any:
    """One number, or one for each axis."""
    if case.random() < 0.4:
        return int(case.integers(low, high))
    return tuple(int(case.integers(low, high)) for _ in range(axes))


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


def squared(function: Any, **given: Any) -> Any:
    """The function squared: a pooling itself has no second derivative but 0."""
    return lambda x: function(x, **given) ** 2


def windows(case: Rng, x: np.ndarray, axes: int, dilated: bool) -> dict[str, Any] | None:
    """Arguments that PyTorch takes for x; None where windows do not fit."""
    kernel = numbers(case, axes, 1, 5)
    given: dict[str, Any] = {"kernel_size": kernel}
    if case.random() < 0.7:
        given["stride"] = numbers(case, axes, 1, 4)
    dilation = numbers(case, axes, 1, 4) if dilated and case.random() < 0.4 else 1
    reach = [d * (k - 1) + 1 for k, d in zip(per_axis(kernel, axes), per_axis(dilation, axes))]
    if case.random() < 0.5:
        given["padding"] = tuple(int(case.integers(k // 2 + 1)) for k in per_axis(kernel, axes))
    if dilated and dilation != 1:
        given["dilation"] = dilation
    padding = per_axis(given.get("padding", 0), axes)
    if any(r > n + 2 * p for r, n, p in zip(reach, x.shape[-axes:], padding)):
        return None
    if axes == 3 and not dilated and any(
            k > n for k, n in zip(per_axis(kernel, axes), x.shape[-axes:])):
        return None  # PyTorch's avg_pool3d refuses it, whatever the padding
    if dilation != 1 and any(padding) and min(x.shape[-axes:]) < max(per_axis(dilation, axes)):
        return None  # a window may have no place inside: PyTorch gives -inf, and index beyond
    if case.random() < 0.4:
        given["ceil_mode"] = True
    return given


def found(case: Rng, axes: int, dilated: bool) -> tuple[np.ndarray, dict[str, Any]]:
    while True:
        x = images(case, axes)
        given = windows(case, x, axes, dilated)
        if given is not None:
            return x, given


@random_cases(150)
def test_max_pool(case: Rng) -> None:
    axes = pick(case, 1, 2, 2, 2, 3)
    x, given = found(case, axes, dilated=True)
    ours, theirs = getattr(F, f"max_pool{axes}d"), getattr(T, f"max_pool{axes}d")
    same_function(squared(ours, **given), squared(theirs, **given), [x], second=True)
    values, places = ours(dls.from_numpy(x), **given, return_indices=True)
    want, index = theirs(torch.from_numpy(x.copy()), **given, return_indices=True)
    close(values, want, "values")
    close(places, index, "indices")


@random_cases(30)
def test_max_pool_of_nan_and_infinity(case: Rng) -> None:
    x, given = found(case, 2, dilated=True)
    x[case.random(x.shape) < 0.2] = np.nan
    x[case.random(x.shape) < 0.3] = -np.inf
    values, places = F.max_pool2d(dls.from_numpy(x), **given, return_indices=True)
    want, index = T.max_pool2d(torch.from_numpy(x.copy()), **given, return_indices=True)
    np.testing.assert_array_equal(values.numpy(), want.numpy())
    np.testing.assert_array_equal(places.numpy(), index.numpy())


@random_cases(110)
def test_avg_pool(case: Rng) -> None:
    axes = pick(case, 1, 2, 2, 2, 3)
    x, given = found(case, axes, dilated=False)
    if case.random() < 0.4:
        given["count_include_pad"] = False
    if axes > 1 and case.random() < 0.3:
        given["divisor_override"] = int(case.integers(1, 7))
    ours, theirs = getattr(F, f"avg_pool{axes}d"), getattr(T, f"avg_pool{axes}d")
    same_function(squared(ours, **given), squared(theirs, **given), [x], second=True)


@random_cases(80)
def test_adaptive(case: Rng) -> None:
    axes = pick(case, 1, 2, 2, 3)
    kind = pick(case, "avg", "max")
    x = images(case, axes)
    size: Any = pick(case, 1, int(case.integers(1, 6)), tuple(
        None if axes > 1 and case.random() < 0.2 else int(case.integers(1, 8))
        for _ in range(axes)))
    ours, theirs = (getattr(f, f"adaptive_{kind}_pool{axes}d") for f in (F, T))
    same_function(squared(ours, output_size=size), squared(theirs, output_size=size), [x],
                  second=True)
    if kind == "max":
        values, places = ours(dls.from_numpy(x), size, return_indices=True)
        want, index = theirs(torch.from_numpy(x.copy()), size, return_indices=True)
        close(values, want, "values")
        close(places, index, "indices")


@random_cases(40)
def test_lp_pool(case: Rng) -> None:
    axes = pick(case, 1, 2)
    x, given = found(case, axes, dilated=False)
    given.pop("padding", None)
    if axes == 1:  # PyTorch's takes no tuples there
        given = {k: v[0] if isinstance(v, tuple) else v for k, v in given.items()}
    if any(k > n for k, n in zip(per_axis(given["kernel_size"], axes), x.shape[-axes:])):
        given["kernel_size"] = 1
    p = pick(case, 1, 2, 3, 1.5)
    x = np.abs(x) + 0.1
    ours, theirs = getattr(F, f"lp_pool{axes}d"), getattr(T, f"lp_pool{axes}d")
    same_function(lambda x: ours(x, p, **given), lambda x: theirs(x, p, **given), [x], second=True)


@random_cases(60)
def test_max_unpool(case: Rng) -> None:
    axes = pick(case, 1, 2, 2, 3)
    kernel = numbers(case, axes, 1, 4)
    lengths = [int(case.integers(k, 9)) for k in per_axis(kernel, axes)]
    lead = pick(case, (2, 3), (1, 1), (4,))
    x = array(case, *lead, *lengths, dtype=pick(case, "float32", "float64"))
    pool, unpool = getattr(T, f"max_pool{axes}d"), getattr(T, f"max_unpool{axes}d")
    y, index = pool(torch.from_numpy(x.copy()), kernel, return_indices=True)
    size = pick(case, None, x.shape[-axes:], x.shape if len(lead) == 2 else None)
    if size is None and any(n % k for n, k in zip(lengths, per_axis(kernel, axes))):
        size = x.shape[-axes:]  # without it an index may lie outside
    ours = getattr(F, f"max_unpool{axes}d")
    theirs = None if size is None else list(size)
    same_function(
        lambda y, i: ours(y, i, kernel, output_size=size) ** 2,
        lambda y, i: unpool(y, i, kernel, output_size=theirs) ** 2, [y.numpy(), index.numpy()],
        second=True,
    )


@random_cases(70)
def test_layers(case: Rng) -> None:
    axes = pick(case, 1, 2, 2, 3)
    kind = pick(case, "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool", "LPPool")
    x = images(case, axes, least=4)
    if kind == "LPPool":
        axes = min(axes, 2)
        x = np.abs(array(case, 2, 3, *[6] * axes)) + 0.1
        args: tuple[Any, ...] = (pick(case, 2, 3), 2, pick(case, None, 1), bool(case.integers(2)))
    elif kind.startswith("Adaptive"):
        args = (pick(case, 1, 3, (2,) * axes),)
    elif kind == "MaxPool":
        args = (3, pick(case, None, 1, 2), pick(case, 0, 1), 1, False, bool(case.integers(2)))
    else:
        args = (3, pick(case, None, 1, 2), pick(case, 0, 1), bool(case.integers(2)),
                bool(case.integers(2)))
    name = f"{kind}{axes}d"
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    same_layer(ours, theirs, [x])
    assert repr(ours) == repr(theirs)


@random_cases(10)
def test_pool_and_unpool_layers(case: Rng) -> None:
    x = array(case, 2, 3, 6, 8, dtype="float32")
    pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
    theirs, back = torch.nn.MaxPool2d(2, return_indices=True), torch.nn.MaxUnpool2d(2)
    same_function(lambda x: unpool(*pool(x)), lambda x: back(*theirs(x)), [x])
    assert repr(unpool) == repr(back).replace("(2, 2)", "2").replace("(0, 0)", "0")


@pytest.mark.torch
@pytest.mark.parametrize("call", [
    lambda f, x: f.max_pool2d(x, 9), lambda f, x: f.max_pool2d(x, 2, padding=2),
    lambda f, x: f.avg_pool2d(x, 3, padding=2), lambda f, x: f.max_pool2d(x, 2, stride=0),
    lambda f, x: f.max_pool2d(x, (2, 2, 2)), lambda f, x: f.max_pool1d(x, 2),
    lambda f, x: f.avg_pool2d(x, 9), lambda f, x: f.avg_pool2d(x, 2, divisor_override=0),
    lambda f, x: f.max_pool3d(x, 9), lambda f, x: f.adaptive_avg_pool2d(x, (1, 2, 3)),
])
def test_what_pytorch_refuses(call: Any) -> None:
    with pytest.raises(dls.Error):
        call(F, dls.zeros((2, 3, 4, 4)))
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        call(T, torch.zeros(2, 3, 4, 4))
