"""PyTorch's databases of its own tests: from their names and arguments to ours.

`torch.testing` lists every operator, layer and optimizer of PyTorch with samples of arguments.
A name leads to ours by rule: `nn.functional.elu` to `F.elu`, any other to the function of `dls`
or, where there is none, the method of `Tensor` that has the same name. `SPELLED` has those that
are spelled another way here. A name that leads nowhere is not ours, and is not tested.

What differs by design is written in three tables, each row with its reason. A row that no sample
needs fails the tests, so that the tables stay short.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn
from tinygrad_dls.torch import linalg

from .harness import close, flat, second_gradients, torch

PLACES = ("device", "layout", "memory_format")  # all is on the CPU, formats are hints


def convert(x: Any, made: dict[int, Any] | None = None) -> Any:
    """Arguments of PyTorch as ours: tensors share their memory and keep their strides.

    One tensor given twice is one tensor here, too; `made` holds those that are made already.
    """
    made = {} if made is None else made
    if isinstance(x, torch.Tensor):
        if id(x) not in made:
            made[id(x)] = dls.from_numpy(x.detach().numpy()).requires_grad_(x.requires_grad)
        return made[id(x)]
    if isinstance(x, torch.Size):
        return tuple(x)
    if isinstance(x, (list, tuple)):
        return type(x)(convert(part, made) for part in x)
    if isinstance(x, dict):
        return {k: convert(v, made) for k, v in x.items() if k not in PLACES}
    if isinstance(x, torch.dtype):
        return str(x).removeprefix("torch.")
    if isinstance(x, torch.nn.PairwiseDistance):
        return nn.PairwiseDistance(x.norm, x.eps, x.keepdim)
    if callable(x) and hasattr(x, "__name__"):  # torch.nn.functional.gelu
        return getattr(F, x.__name__)
    return x


def tensors(x: Any, kind: type) -> list[Any]:
    """All tensors of a kind in nested arguments."""
    if isinstance(x, kind):
        return [x]
    if isinstance(x, dict):
        x = [*x.values()]
    return [t for part in x for t in tensors(part, kind)] if isinstance(x, (list, tuple)) else []


def is_random(call: Callable[[], Any]) -> bool:
    """Does it give other values with another seed? The databases set one: it is overruled."""
    found, seeded = [], torch.manual_seed
    for seed in range(4):
        with mock.patch.object(torch, "manual_seed", lambda _, seed=seed: seeded(seed)):
            seeded(seed)
            found.append(flat(call()))
    return not all(identical(a, b) for other in found[1:] for a, b in zip(found[0], other))


def identical(a: Any, b: Any) -> bool:
    if not isinstance(a, torch.Tensor):
        return bool(a == b)
    return a.shape == b.shape and np.array_equal(
        a.numpy(force=True), b.numpy(force=True), equal_nan=a.is_floating_point())


def same_gradients(loss: Any, target: Any, xs: list[Any], ts: list[Any], twice: bool) -> None:
    """First and, if asked and PyTorch has them, second gradients of two sums agree."""
    first = torch.autograd.grad(target, ts, allow_unused=True, create_graph=twice)
    second: Any = ()
    if twice:
        try:
            second = second_gradients(first, ts, torch.autograd.grad)
        except RuntimeError as error:
            if "not implemented" not in str(error):
                raise
            twice = False
    mine = dls.grad(loss, xs, allow_unused=True, create_graph=twice)
    _same("gradient", mine, first, xs)
    if twice:
        _same("second gradient", second_gradients(mine, xs, dls.grad), second, xs, 10.0)


def _same(what: str, mine: Any, yours: Any, xs: list[Any], scale: float = 1.0) -> None:
    for number, (g, h, x) in enumerate(zip(mine, yours, xs, strict=True)):
        nothing = dls.zeros_like(x)
        h = torch.from_numpy(nothing.numpy().copy()) if h is None else h
        close(nothing if g is None else g, h, f"{what} of input {number}", scale)


class Row(NamedTuple):
    """Samples of `names` whose message holds `message`, by design: `reason`."""

    names: str
    message: str
    reason: str
    dtypes: str = "float32 float64"


class Judge:
    """Lets differences pass that are written down, and reports rows that no sample needs."""

    def __init__(self, name: str, dtype: str, refused: list[Row], different: list[Row]) -> None:
        self.name = name
        self.refused, self.different = (
            [row for row in table if name in row.names.split() and dtype in row.dtypes]
            for table in (refused, different))
        self.unused = {*self.refused, *self.different}
        self.judged = 0

    @contextmanager
    def __call__(self, sample: str) -> Iterator[None]:
        """Around the comparison of one sample."""
        self.judged += 1
        try:
            yield
        except (AssertionError, dls.Error, TypeError) as error:
            rows = self.different if isinstance(error, AssertionError) else self.refused
            known = next((row for row in rows if row.message in str(error)), None)
            if known is None:
                error.add_note(f"{self.name}, {sample}")
                raise
            self.unused.discard(known)

    def finish(self) -> None:
        assert self.judged, "no sample"
        assert not self.unused, "no sample needs this row"


def _var(x: Any, dim: Any = None, unbiased: bool = True, *, correction: Any = None,
         keepdim: bool = False, of: Any = dls.var) -> Any:
    dim, unbiased = (None, dim) if isinstance(dim, bool) else (dim, unbiased)
    correction = int(unbiased) if correction is None else correction
    return of(x, dim or None if isinstance(dim, tuple) else dim, keepdim, correction)


def _std(*arguments: Any, **options: Any) -> Any:
    return _var(*arguments, **options, of=dls.std)


def _cut(x: Any, sizes: Any, dim: int = 0) -> Any:
    """PyTorch gives the lengths of the pieces, NumPy the places of the cuts."""
    n = x.shape[dim]
    cuts = range(sizes, n, sizes) if isinstance(sizes, int) else np.cumsum(sizes)[:-1]
    return dls.split(x, [int(i) for i in cuts], dim)


def _vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return dls.vector_norm(x, ord, dim, keepdim)


SPELLED: dict[str, Callable[..., Any]] = {
    "__rdiv__": lambda x, y: y / x,
    "zero_": lambda x: x.clone().zero_(),  # of a copy, as PyTorch's entry
    "amax": lambda x, dim=None, keepdim=False: dls.max(x, dim, keepdim),
    "amin": lambda x, dim=None, keepdim=False: dls.min(x, dim, keepdim),
    "clamp_max": lambda x, high: dls.clamp(x, max=high),
    "clamp_min": lambda x, low: dls.clamp(x, min=low),
    "einsum": lambda operands, equation: dls.einsum(equation, *operands),
    "linalg.lstsq/grad_oriented": lambda a, b, **options: linalg.lstsq(a, b)[:2],
    "linalg.vector_norm": _vector_norm,
    "max/binary": lambda x, y: dls.maximum(x, y),
    "max/reduction_with_dim": lambda x, dim, keepdim=False: (
        dls.max(x, dim, keepdim), dls.argmax(x, dim, keepdim)),
    "meshgrid/list_of_tensors": lambda xs, indexing="ij": dls.meshgrid(*xs, indexing=indexing),
    "min/binary": lambda x, y: dls.minimum(x, y),
    "min/reduction_with_dim": lambda x, dim, keepdim=False: (
        dls.min(x, dim, keepdim), dls.argmin(x, dim, keepdim)),
    "mv": lambda x, y: x @ y,
    "nn.functional.embedding": lambda w, i, **options: F.embedding(i, w, **options),
    "nn.functional.embedding_bag": lambda w, i, **options: F.embedding_bag(i, w, **options),
    "nonzero": lambda x, as_tuple=False: dls.nonzero(x) if as_tuple else dls.argwhere(x),
    "repeat": lambda x, *counts: dls.tile(x, *counts),
    "rsub": lambda x, y: y - x,
    "sort": lambda x, dim=-1, descending=False, stable=True: (
        dls.sort(x, dim, descending), dls.argsort(x, dim, descending)),
    "split": _cut,
    "split/list_args": _cut,
    "std": _std,
    "std/unbiased": _std,
    "take_along_dim": lambda x, places, dim=None: (
        dls.take_along_axis(x.ravel(), places.ravel(), 0) if dim is None else
        dls.take_along_axis(x, places, dim)),
    "tensordot": lambda x, y, dims=2: dls.tensordot(x, y, axes=dims),
    "trace": dls.Tensor.trace,
    "transpose": lambda x, dim0, dim1: dls.swapaxes(x, dim0, dim1),
    "true_divide": lambda x, y: x / y,
    "var": _var,
    "var/unbiased": _var,
    "where": lambda x, condition, other: dls.where(condition, x, other),
}

# The same name, another meaning.
NOT_OURS = {
    **dict.fromkeys(("bool", "double", "float", "half", "int", "long", "short"),
                    "a dtype here, as in torch; the method of a tensor casts"),
    "empty": "what is in its memory is not said",
    "empty_like": "what is in its memory is not said",
    "new_empty": "what is in its memory is not said",
    "equal": "compares element by element, as NumPy's does",
    "item": "a Python number, in both",
    **dict.fromkeys(("linalg.eigh", "linalg.svd"),
                    "vectors are known up to their sign: test_linear_algebra.py"),
    "linalg.pinv/singular": "of a product; as in test_linear_algebra.py, which takes less time",
    "median": "NumPy's: the mean of the two in the middle",
    **dict.fromkeys(("bernoulli", "normal", "normal/in_place", "normal/number_mean", "rand_like",
                     "randint", "randn", "randn_like"), "drawn, from other streams"),
    "norm": "NumPy's: of two axes it is the norm of a matrix; PyTorch's is vector_norm here",
    "norm/fro": "NumPy's, see norm",
    "norm/inf": "NumPy's, see norm",
    "norm/nuc": "NumPy's, see norm",
    "to": "its samples are devices and memory formats",
}


LABELS = "labels that the loss is not defined for are a mistake: DataError"
NUMPY = "NumPy refuses it, too"
# What we refuse: with a clear error, or as an option that there is not.
REFUSED = [
    Row("add sub rsub", "alpha", "write x + alpha * y"),
    Row("div/trunc_rounding div/floor_rounding", "rounding_mode", "write x // y, trunc(x / y)"),
    Row("arange", "end", "NumPy's argument is called stop"),
    Row("softmax/with_dtype log_softmax/with_dtype nn.functional.softmin/with_dtype", "dtype",
        "write x.astype(dtype) first"),
    Row("diag_embed", "axis1", "use movedim on the result"),
    Row("linspace/tensor_overload", "no counterpart", "ends are numbers: x.item()"),
    Row("argsort", "stable", "it is always stable"),
    Row("repeat_interleave", "output_size", "a hint for PyTorch's GPUs"),
    Row("nn.functional.avg_pool2d nn.functional.avg_pool3d", "divisor_override",
        "a negative divisor is a mistake"),
    Row("nn.functional.group_norm nn.functional.layer_norm nn.functional.rms_norm",
        "eps of at least 0", "a negative eps is a mistake"),
    Row("nn.functional.pad/reflect nn.functional.pad/replicate nn.functional.pad/circular",
        "leaves nothing", "nothing is left to pad with"),
    Row("nn.functional.soft_margin_loss nn.functional.margin_ranking_loss "
        "nn.functional.hinge_embedding_loss", "are 1 and -1", LABELS),
    Row("nn.functional.multilabel_soft_margin_loss", "between 0 and 1", LABELS),
    Row("nn.functional.multi_margin_loss", "takes x (m, classes)", "a batch has an axis"),
    Row("nn.functional.batch_norm", "(m, c, ...)", "a batch and its channels have axes"),
    Row("nn.functional.feature_alpha_dropout/without_train", "(m, c, ...)",
        "a batch and its channels have axes"),
    Row("nn.functional.grid_sample", "mode is one of", "there is no bicubic"),
    Row("nn.functional.grid_sample", "takes images", "there are images, no volumes"),
    Row("nn.functional.pairwise_distance", "p above 0", "p below 0 gives no norm"),
    Row("nn.functional.gaussian_nll_loss", "one shape", "broadcasting would hide a mistake"),
    Row("squeeze squeeze/multiple", "takes axes of length 1", NUMPY),
    Row("transpose", "0 dimensions", NUMPY),
    Row("einsum", "or '...' for", "PyTorch sums over '...' that the result lacks; " + NUMPY),
    Row("nonzero", "no axis to name places", NUMPY),
    Row("tensordot", "equal lengths", "PyTorch stretches an axis of length 1; " + NUMPY),
    Row("gather", "as many axes", "PyTorch lets no places at all have any length; " + NUMPY),
    Row("cat", "out of bounds", "PyTorch lets an empty tensor of one axis pass; " + NUMPY),
]
# What gives other numbers: the message is that of the comparison.
DIFFERENT = [
    Row("sort argsort", "shape (1,)", "places of a single number: a row, as np.argsort gives"),
    Row("nn.functional.ctc_loss", "gradient",
        "its inputs are not log_softmax: only then is PyTorch's the slope"),
    Row("linalg.vector_norm linalg.norm", "one side only",
        "ord=0 counts: no gradient, PyTorch's is 0"),
    Row("linalg.norm/subgradients_at_zero", "second gradient", "0 where a norm is 0, not nan"),
    Row("linalg.matrix_power", "one side only", "power 0 is constant, PyTorch's gradient is 0"),
    Row("linalg.lstsq", "result 2", "the rank is always there, PyTorch's not of all drivers"),
    Row("linalg.lstsq", "result 3", "so are singular values"),
    Row("linalg.lstsq linalg.lstsq/grad_oriented", "result 1", "and residuals, if there are some"),
    Row("linalg.pinv/hermitian", "result 0",
        "of matrices that are not symmetric, of which PyTorch reads a triangle"),
    Row("__rpow__", "nan location", "the gradient by the exponent is 0 where x < 0, not nan"),
    Row("nn.functional.hardsigmoid", "gradient", "PyTorch's 1/6 is that of float32",
        "float64"),
]


def ours_of(name: str) -> Callable[..., Any] | None:
    """Our function for the name of an operator (`max/binary`: with its variant), or None."""
    plain = name.partition("/")[0]
    if name in NOT_OURS or plain in NOT_OURS:
        return None
    if name in SPELLED:
        return SPELLED[name]
    if plain.startswith("nn.functional."):
        return getattr(F, plain.removeprefix("nn.functional."), None)
    if plain.startswith("linalg."):  # with PyTorch's meaning: those of its namespace
        return getattr(linalg, plain.removeprefix("linalg."), None)
    found = getattr(dls, plain, None) or getattr(dls.Tensor, plain, None)
    return found.fget if isinstance(found, property) else found
