"""Convolutions, transposed ones, unfold and fold."""

from typing import Any

import numpy as np

import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, pick, random_cases, same_function, same_layer, torch

TF = torch.nn.functional


def some(case: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both possible."""
    return int(case.integers(low, high + 1))


def each(case: np.random.Generator, axes: int, low: int, high: int) -> int | tuple[int, ...]:
    """One number, or one for each axis."""
    if case.random() < 0.5:
        return some(case, low, high)
    return tuple(some(case, low, high) for _ in range(axes))


def spread(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else value


def safe(dtype: str, window: Any, dilation: Any, padding: Any, axes: int) -> str:
    """float64 for a window that can lie in the padding alone, where PyTorch 2.13's float32
    gradients on the CPU (oneDNN, with a stride) end the process with a segmentation fault."""
    if isinstance(padding, str):
        return dtype
    given = zip(*(spread(value, axes) for value in (window, dilation, padding)))
    return "float64" if any(p > d * (k - 1) for k, d, p in given) else dtype


def channels(case: np.random.Generator) -> tuple[int, int, int]:
    """(inputs, outputs, groups): one group, some, or depthwise with a multiplier."""
    kind = pick(case, "one", "one", "some", "depthwise")
    if kind == "one":
        return some(case, 1, 7), some(case, 1, 5), 1
    groups = some(case, 2, 3)
    if kind == "some":
        return groups * some(case, 1, 3), groups * some(case, 1, 3), groups
    return groups, groups * some(case, 1, 2), groups


def convolution(
    case: np.random.Generator, axes: int
) -> tuple[list[np.ndarray], dict[str, Any], bool]:
    """Random arrays and options that fit; and: are they fit for a second derivative?"""
    inputs, outputs, groups = channels(case)
    stride, dilation = each(case, axes, 1, 3), each(case, axes, 1, 2)
    padding = pick(case, 0, "valid", "same", *(each(case, axes, 0, 3) for _ in range(4)))
    if padding == "same":
        stride = 1
    window = tuple(some(case, 1, 4 if axes < 3 else 2) for _ in range(axes))
    edges = spread(0 if isinstance(padding, str) else padding, axes)
    size = tuple(
        max(1, d * (k - 1) + 1 - 2 * p) + some(case, 0, 5 if axes < 3 else 2)
        for k, d, p in zip(window, spread(dilation, axes), edges)
    )
    dtype = safe(pick(case, "float64", "float64", "float32"), window, dilation, edges, axes)
    batch = pick(case, (), (1,), (2,), (3,), (0,))
    arrays = [array(case, *batch, inputs, *size, dtype=dtype),
              array(case, outputs, inputs // groups, *window, dtype=dtype)]
    if case.random() < 0.7:
        arrays.append(array(case, outputs, dtype=dtype))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return arrays, options, dtype == "float64"


def same(
    ours: Any, theirs: Any, arrays: list[np.ndarray], options: dict[str, Any], second: bool
) -> None:
    """Both functions agree, up to the second derivative of their squares if that is asked for."""

    def of(function: Any) -> Any:
        def call(*xs: Any) -> Any:
            y = function(*xs, **options)
            return y * y if second else y

        return call

    same_function(of(ours), of(theirs), arrays, second=second, scale=2)


def compare(case: np.random.Generator, axes: int) -> None:
    arrays, options, second = convolution(case, axes)
    same(getattr(F, f"conv{axes}d"), getattr(TF, f"conv{axes}d"), arrays, options, second)


@random_cases(90)
def test_conv1d(case: np.random.Generator) -> None:
    compare(case, 1)


@random_cases(220)
def test_conv2d(case: np.random.Generator) -> None:
    compare(case, 2)


@random_cases(60)
def test_conv3d(case: np.random.Generator) -> None:
    compare(case, 3)


def compare_transposed(case: np.random.Generator, axes: int) -> None:
    inputs, outputs, groups = channels(case)
    stride, dilation = each(case, axes, 1, 3), each(case, axes, 1, 2)
    window = tuple(some(case, 1, 3 if axes < 3 else 2) for _ in range(axes))
    most = [max(s, d) - 1 for s, d in zip(spread(stride, axes), spread(dilation, axes))]
    more = tuple(some(case, 0, m) for m in most)
    size = tuple(some(case, 1, 4 if axes < 3 else 2) for _ in range(axes))
    spans = [(n - 1) * s + d * (k - 1) + 1 + m
             for n, s, d, k, m in zip(size, spread(stride, axes), spread(dilation, axes), window,
                                      more)]
    padding = tuple(some(case, 0, min(2, (span - 1) // 2)) for span in spans)
    dtype = safe(pick(case, "float64", "float64", "float32"), window, dilation, padding, axes)
    batch = pick(case, (), (1,), (2,), (3,), (0,))
    arrays = [array(case, *batch, inputs, *size, dtype=dtype),
              array(case, inputs, outputs // groups, *window, dtype=dtype)]
    if case.random() < 0.7:
        arrays.append(array(case, outputs, dtype=dtype))
    options = {"stride": stride, "padding": padding, "output_padding": more, "groups": groups,
               "dilation": dilation}
    same(getattr(F, f"conv_transpose{axes}d"), getattr(TF, f"conv_transpose{axes}d"), arrays,
         options, dtype == "float64")


@random_cases(60)
def test_conv_transpose1d(case: np.random.Generator) -> None:
    compare_transposed(case, 1)


@random_cases(150)
def test_conv_transpose2d(case: np.random.Generator) -> None:
    compare_transposed(case, 2)


@random_cases(40)
def test_conv_transpose3d(case: np.random.Generator) -> None:
    compare_transposed(case, 3)


@random_cases(50)
def test_unfold_and_fold(case: np.random.Generator) -> None:
    window, stride = each(case, 2, 1, 3), each(case, 2, 1, 3)
    dilation, padding = each(case, 2, 1, 2), each(case, 2, 0, 2)
    size = tuple(d * (k - 1) + 1 + some(case, 0, 4)
                 for k, d in zip(spread(window, 2), spread(dilation, 2)))
    batch, c = pick(case, (), (1,), (2,)), some(case, 1, 3)
    x = array(case, *batch, c, *size, dtype=pick(case, "float64", "float32"))
    options = (window, dilation, padding, stride)
    same_function(lambda x: F.unfold(x, *options), lambda x: TF.unfold(x, *options), [x],
                  second=True)
    columns = TF.unfold(torch.from_numpy(x.copy()), *options).numpy()
    given = array(case, *columns.shape, dtype=str(x.dtype))
    same_function(lambda y: F.fold(y, size, *options), lambda y: TF.fold(y, size, *options),
                  [given], second=True)


# --- layers --------------------------------------------------------------------------------------

LAYERS = {1: ("Conv1d", (9,)), 2: ("Conv2d", (8, 7)), 3: ("Conv3d", (5, 4, 6))}


@random_cases(90)
def test_convolution_layers(case: np.random.Generator) -> None:
    axes = pick(case, 1, 2, 2, 3)
    name, size = LAYERS[axes]
    inputs, outputs, groups = channels(case)
    mode = pick(case, "zeros", "zeros", "reflect", "replicate", "circular")
    stride = each(case, axes, 1, 2)
    padding = pick(case, 0, "same", "valid", *(each(case, axes, 0, 2) for _ in range(3)))
    if padding == "same":
        stride = 1
    options = {"kernel_size": each(case, axes, 1, 3), "stride": stride, "padding": padding,
               "dilation": each(case, axes, 1, 2) if axes < 3 else 1, "groups": groups,
               "bias": bool(case.integers(2)), "padding_mode": mode}
    if axes == 3:
        options["kernel_size"] = each(case, axes, 1, 2)
    ours = getattr(nn, name)(inputs, outputs, **options)
    theirs = getattr(torch.nn, name)(inputs, outputs, **options)
    dtype = safe(pick(case, "float32", "float64"), options["kernel_size"], options["dilation"],
                 padding, axes)
    x = array(case, *pick(case, (), (2,)), inputs, *size, dtype=dtype)
    assert ours.extra_repr() == theirs.extra_repr()
    same_layer(ours, theirs, [x], scale=4, rate=0.01)


@random_cases(50)
def test_transposed_convolution_layers(case: np.random.Generator) -> None:
    axes = pick(case, 1, 2, 2, 3)
    name = f"ConvTranspose{axes}d"
    inputs, outputs, groups = channels(case)
    stride = each(case, axes, 1, 3)
    options = {"kernel_size": each(case, axes, 2, 3), "stride": stride,
               "padding": each(case, axes, 0, 1), "groups": groups, "bias": bool(case.integers(2)),
               "dilation": each(case, axes, 1, 2)}
    size = tuple(some(case, 2, 4) for _ in range(axes))
    if case.random() < 0.4:
        options["output_padding"] = tuple(some(case, 0, s - 1) for s in spread(stride, axes))
    ours = getattr(nn, name)(inputs, outputs, **options)
    theirs = getattr(torch.nn, name)(inputs, outputs, **options)
    dtype = safe(pick(case, "float32", "float64"), options["kernel_size"], options["dilation"],
                 options["padding"], axes)
    x = array(case, *pick(case, (), (2,)), inputs, *size, dtype=dtype)
    plain = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in zip(
        size, theirs.stride, theirs.padding, theirs.dilation, theirs.kernel_size)]
    wanted = [n + some(case, 0, s - 1) for n, s in zip(plain, theirs.stride)]
    asked = pick(case, None, wanted, [*x.shape[: x.ndim - axes], *wanted])
    same_layer(ours, theirs, [x], call=lambda m, x: m(x, output_size=asked), scale=4, rate=0.01)
    assert ours.extra_repr() == theirs.extra_repr()


@random_cases(10)
def test_unfold_and_fold_layers(case: np.random.Generator) -> None:
    options = {"kernel_size": each(case, 2, 1, 3), "stride": each(case, 2, 1, 2),
               "padding": each(case, 2, 0, 1), "dilation": 1}
    x = array(case, 2, 3, 6, 5)
    same_layer(nn.Unfold(**options), torch.nn.Unfold(**options), [x])
    columns = torch.nn.Unfold(**options)(torch.from_numpy(x.copy())).numpy()
    same_layer(nn.Fold((6, 5), **options), torch.nn.Fold((6, 5), **options), [columns])
