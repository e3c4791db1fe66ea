"""Batch, instance, group, layer, RMS and local response norm, and unit vectors."""

from typing import Any

import numpy as np

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn

from .harness import array, close, pick, random_cases, same_function, same_layer, torch

TF = torch.nn.functional


def length(case: np.random.Generator, most: int = 5) -> int:
    return int(case.integers(1, most + 1))


def images(case: np.random.Generator, dims: int, channels: int) -> tuple[int, ...]:
    """(m, c, ...) with more than one number for each channel."""
    while True:
        shape = (length(case, 4), channels, *(length(case, 4) for _ in range(dims - 2)))
        if np.prod(shape) > channels:
            return shape


def affine(case: np.random.Generator, shape: tuple[int, ...], dtype: str) -> list[Any]:
    """Weight and bias, each of them or None.

    They have no gaps in memory: PyTorch 2.13's batch norm reads a strided weight wrongly.
    """
    return [np.ascontiguousarray(array(case, *shape, dtype=dtype)) if case.random() < 0.7 else None
            for _ in range(2)]


def given(arrays: list[Any]) -> tuple[list[Any], list[int]]:
    """The arrays that are there, and the places of all (-1: None)."""
    there = [a for a in arrays if a is not None]
    places = iter(range(len(there)))
    return there, [-1 if a is None else next(places) for a in arrays]


def chosen(xs: tuple[Any, ...], places: list[int]) -> list[Any]:
    return [None if i < 0 else xs[i] for i in places]


def weighed(xs: tuple[Any, ...], places: list[int]) -> list[Any]:
    """As `chosen`, for PyTorch, whose second derivative fails of a bias without a weight."""
    found = chosen(xs, places)
    if found[1] is None and found[2] is not None:
        found[1] = torch.ones_like(found[2])
    return found


@random_cases(120)
def test_batch_norm(case: np.random.Generator) -> None:
    dtype, channels = pick(case, "float32", "float64"), length(case, 20)
    shape = images(case, int(case.integers(2, 6)), channels)
    if case.random() < 0.1:
        shape = (0, *shape[1:])
    training, momentum, eps = bool(case.integers(2)), pick(case, 0.1, 0.7), pick(case, 1e-5, 0.1)
    x = array(case, *shape, dtype=dtype) * 2 + 1
    arrays, places = given([x, *affine(case, (channels,), dtype)])
    running = None
    if not training or case.random() < 0.5:
        running = [array(case, channels, dtype=dtype), case.uniform(0.5, 2, channels).astype(dtype)]
    kept: dict[str, Any] = {}

    def ours(*xs: Any) -> Any:
        x, weight, bias = chosen(xs, places)
        kept["ours"] = [None] * 2 if running is None else [dls.Tensor(r) for r in running]
        return F.batch_norm(x, *kept["ours"], weight, bias, training, momentum, eps)

    def theirs(*xs: Any) -> Any:
        x, weight, bias = weighed(xs, places)
        kept["theirs"] = [None] * 2 if running is None else [
            torch.from_numpy(r.copy()) for r in running]
        x = x.contiguous()  # else PyTorch 2.13 mixes the places up where an axis has length 1
        return TF.batch_norm(x, *kept["theirs"], weight, bias, training, momentum, eps)

    # Two numbers in a channel normalize to +-1, whatever they are: gradients are differences.
    few = int(np.prod(shape)) // channels <= 4
    same_function(ours, theirs, arrays, second=not few and 0 not in shape,
                  scale=200 if few else 10)
    for a, b in zip(kept["ours"], kept["theirs"]):
        if a is not None:
            close(a, b, "running statistics")


@random_cases(60)
def test_batch_norm_layers(case: np.random.Generator) -> None:
    dims, channels = int(case.integers(2, 6)), length(case, 20)
    name = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}[dims]
    options = {"eps": pick(case, 1e-5, 1e-2), "momentum": pick(case, 0.1, 0.5, None),
               "affine": bool(case.integers(4)), "track_running_stats": bool(case.integers(4))}
    ours, theirs = getattr(nn, name)(channels, **options), getattr(torch.nn, name)(
        channels, **options)
    if options["affine"]:
        torch.nn.init.normal_(theirs.weight)
        torch.nn.init.normal_(theirs.bias)
    if options["track_running_stats"]:
        theirs.running_mean.normal_()
        theirs.running_var.uniform_(0.5, 2)
        theirs.num_batches_tracked += int(case.integers(3))
    if case.random() < 0.4:
        ours.eval()
        theirs.eval()
    shape = images(case, dims, channels)
    x = array(case, 5 + shape[0], *shape[1:], dtype=pick(case, "float32", "float64"))
    same_layer(ours, theirs, [x], scale=10)


@random_cases(60)
def test_layer_norm(case: np.random.Generator) -> None:
    dtype, count = pick(case, "float32", "float64"), length(case, 3)
    shape = tuple(pick(case, 2, 3, 4, 7, 16, 33) for _ in range(count))
    lead = tuple(int(case.integers(0, 4)) for _ in range(int(case.integers(0, 3))))
    arrays, places = given([array(case, *lead, *shape, dtype=dtype), *affine(case, shape, dtype)])
    eps = pick(case, 1e-5, 0.1)

    def ours(*xs: Any) -> Any:
        x, *rest = chosen(xs, places)
        return F.layer_norm(x, shape, *rest, eps)

    def theirs(*xs: Any) -> Any:
        x, *rest = weighed(xs, places)
        return TF.layer_norm(x, shape, *rest, eps)

    same_function(ours, theirs, arrays, second=True, scale=100 if np.prod(shape) < 5 else 10)


@random_cases(40)
def test_rms_norm(case: np.random.Generator) -> None:
    dtype = pick(case, "float32", "float64")
    shape = tuple(pick(case, 1, 2, 3, 7, 20) for _ in range(length(case, 2)))
    lead = tuple(int(case.integers(0, 4)) for _ in range(int(case.integers(0, 3))))
    arrays = [array(case, *lead, *shape, dtype=dtype)]
    if case.random() < 0.7:
        arrays.append(array(case, *shape, dtype=dtype))
    eps = pick(case, None, 0.1)
    same_function(lambda x, w=None: F.rms_norm(x, shape, w, eps),
                  lambda x, w=None: TF.rms_norm(x, shape, w, eps), arrays, second=True, scale=50)


@random_cases(60)
def test_group_norm(case: np.random.Generator) -> None:
    dtype, groups = pick(case, "float32", "float64"), length(case, 3)
    channels = groups * length(case, 4)
    shape = (int(case.integers(0, 4)), channels, *(
        length(case, 4) for _ in range(int(case.integers(0, 3)))))
    if np.prod(shape[:2]) // groups * np.prod(shape[2:]) in (0, 1):
        shape = (2, channels, 3)
    arrays, places = given([array(case, *shape, dtype=dtype), *affine(case, (channels,), dtype)])

    def ours(*xs: Any) -> Any:
        x, *rest = chosen(xs, places)
        return F.group_norm(x, groups, *rest, 1e-2)

    def theirs(*xs: Any) -> Any:
        x, *rest = weighed(xs, places)
        return TF.group_norm(x, groups, *rest, 1e-2)

    same_function(ours, theirs, arrays, second=True, scale=10)


@random_cases(50)
def test_instance_norm(case: np.random.Generator) -> None:
    dtype, channels = pick(case, "float32", "float64"), length(case, 4)
    shape = (length(case, 3), channels, *(length(case, 4) for _ in range(length(case, 3))))
    if np.prod(shape[2:]) == 1:
        shape = (*shape[:2], 4)
    own = bool(case.integers(3))
    arrays, places = given([array(case, *shape, dtype=dtype), *affine(case, (channels,), dtype)])
    running = None
    if not own or case.random() < 0.5:
        running = [array(case, channels, dtype=dtype), case.uniform(0.5, 2, channels).astype(dtype)]
    kept: dict[str, Any] = {}

    def ours(*xs: Any) -> Any:
        x, weight, bias = chosen(xs, places)
        kept["ours"] = [None] * 2 if running is None else [dls.Tensor(r) for r in running]
        return F.instance_norm(x, *kept["ours"], weight, bias, own, 0.3, 1e-2)

    def theirs(*xs: Any) -> Any:
        x, weight, bias = weighed(xs, places)
        kept["theirs"] = [None] * 2 if running is None else [
            torch.from_numpy(r.copy()) for r in running]
        return TF.instance_norm(x, *kept["theirs"], weight, bias, own, 0.3, 1e-2)

    same_function(ours, theirs, arrays, second=True, scale=10)
    for a, b in zip(kept["ours"], kept["theirs"]):
        if a is not None:
            close(a, b, "running statistics")


@random_cases(50)
def test_other_layers(case: np.random.Generator) -> None:
    dtype, c = pick(case, "float32", "float64"), 2 * length(case, 4)
    which = pick(case, "layer", "layer2", "rms", "group", "instance1", "instance2", "instance3",
                 "response")
    flag, flag2, lengths = bool(case.integers(2)), bool(case.integers(2)), [3, 4, 2]
    if which.startswith("layer"):
        shape: Any = c if which == "layer" else (4, c)
        options = {"elementwise_affine": flag, "bias": flag2}
        pair = nn.LayerNorm(shape, 1e-3, **options), torch.nn.LayerNorm(shape, 1e-3, **options)
        x = array(case, 3, 4, c, dtype=dtype)
    elif which == "rms":
        pair = nn.RMSNorm(c, None, flag), torch.nn.RMSNorm(c, None, flag)
        x = array(case, 3, 4, c, dtype=dtype)
    elif which == "group":
        pair = nn.GroupNorm(2, c, 1e-3, flag), torch.nn.GroupNorm(2, c, 1e-3, flag)
        x = array(case, 3, c, 4, dtype=dtype)
    elif which == "response":
        size = length(case, 5)
        pair = (nn.LocalResponseNorm(size, 0.3, 0.6, 1.5),
                torch.nn.LocalResponseNorm(size, 0.3, 0.6, 1.5))
        x = array(case, 3, c, 4, dtype=dtype)
    else:
        dims = int(which[-1])
        name = f"InstanceNorm{dims}d"
        options = {"affine": flag, "track_running_stats": flag2, "eps": 1e-3}
        pair = getattr(nn, name)(c, **options), getattr(torch.nn, name)(c, **options)
        lead = () if case.random() < 0.2 else (3,)
        x = array(case, *lead, c, *lengths[:dims], dtype=dtype)
        if case.random() < 0.4:
            pair[0].eval()
            pair[1].eval()
    same_layer(*pair, [x], scale=20)


@random_cases(30)
def test_local_response_norm(case: np.random.Generator) -> None:
    shape = (int(case.integers(0, 3)), length(case, 7), *(
        length(case, 3) for _ in range(length(case, 3))))
    x = array(case, *shape, dtype=pick(case, "float32", "float64"))
    size, alpha = length(case, 6), pick(case, 1e-4, 0.5)
    same_function(lambda x: F.local_response_norm(x, size, alpha, 0.75, 1.5),
                  lambda x: TF.local_response_norm(x, size, alpha, 0.75, 1.5), [x], second=True)


@random_cases(40)
def test_normalize(case: np.random.Generator) -> None:
    shape = tuple(length(case, 4) for _ in range(int(case.integers(1, 4))))
    dim = int(case.integers(-len(shape), len(shape)))
    p = pick(case, 2, 2.0, 1, 3, 1.5, float("inf"))
    x = array(case, *shape, dtype=pick(case, "float32", "float64"))
    eps = pick(case, 1e-12, 1.0)
    same_function(lambda x: F.normalize(x, p, dim, eps), lambda x: TF.normalize(x, p, dim, eps),
                  [x], second=p != 1.5, scale=5)
