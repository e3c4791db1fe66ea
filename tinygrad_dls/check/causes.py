"""Why an operation made NaN or Inf, and the stable way to write it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..engine.autograd import Node
from ..viz import describe
from .watching import Fault, on_host

VIEWS = {"reshape", "transpose", "get_item", "pick", "take_along_axis", "contiguous", "clip",
         "cast", "broadcast_to", "neg"}


class Cause(NamedTuple):
    """One sentence on what happened, and one on how to mend it."""

    what: str
    cure: str


@dataclass(frozen=True)
class Case:
    """One bad element: where it is, and the operands that made it."""

    fault: Fault
    index: tuple[int, ...]  # in what was made
    value: float
    at: Mapping[str, float]  # operands of element-wise operations, at that element
    dtype: np.dtype[Any]

    @property
    def op(self) -> str:
        """The name of the operation."""
        return str(self.fault.node.op.name)

    @property
    def largest(self) -> float:
        """The largest finite number of the dtype."""
        return float(np.finfo(self.dtype).max)

    def maker(self, slot: int = 0) -> str:
        """The name of the operation that made an operand, through views; "" if none did."""
        node: Any = self.fault.node
        for _ in range(20):
            origins = node.trace.origins if node.trace else ()
            edge = node.edges[slot]
            node = edge if isinstance(edge, Node) else origins[slot] if origins else None
            if node is None:
                return ""
            if node.op.name not in VIEWS:
                return str(node.op.name)
            slot = 0
        return ""

    def numbers(self, slot: int = 0) -> np.ndarray[Any, Any]:
        """An operand, in float64."""
        return on_host(self.fault.operands[slot]).astype(np.float64)


def case_of(fault: Fault) -> Case:
    """The first bad element of what an operation made: a NaN before an Inf."""
    value = np.asarray(fault.value)
    bad = np.isnan(value) if np.isnan(value).any() else np.isinf(value)
    index = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), value.shape))
    at = {}
    for slot, operand in enumerate(fault.operands):
        if not (hasattr(operand, "dtype") or isinstance(operand, (int, float))):
            continue
        array = on_host(operand)
        elementwise = array.shape == value.shape or fault.node.op.broadcasts
        if elementwise and array.dtype.kind in "fiub":
            try:
                whole = np.broadcast_to(array, value.shape)
            except ValueError:  # a share that was summed to the operand's shape
                continue
            at[fault.node.op.input_name(slot)] = float(whole[index])
    return Case(fault, index, float(value[index]), at, value.dtype)


def cause_of(case: Case) -> Cause:
    """Say what happened, by the operation and the operands."""
    table = BACKWARD if case.fault.backward else FORWARD
    named = table.get(case.op)
    found = named(case) if named is not None else None
    return found or (_any_backward(case) if case.fault.backward else _any_forward(case))


# --- forward -------------------------------------------------------------------------------------


def _log(case: Case) -> Cause | None:
    base = 1.0 if case.op == "log1p" else 0.0
    x = case.at.get("x", math.nan) + base
    inside = "1 + x" if base else "x"
    made = case.maker()
    cure = "log(x + eps), or x.clip(1e-7, 1) if x is a probability"
    if made == "softmax":
        cure = "give the logits to F.cross_entropy, or take log_softmax: neither forms the 0"
    elif made == "sigmoid":
        cure = "give the logits to F.binary_cross_entropy_with_logits, or take logsigmoid"
    elif made in ("sum", "mean", "exp"):
        cure = "logsumexp, which takes the largest exponent out first; or log(x + eps)"
    if x == 0:
        return Cause(f"log(0): the logarithm goes to -inf where {inside} = 0", cure)
    if x < 0:
        return Cause(f"the log of a negative number, {describe.number(x)}",
                     "take the log of something positive: x.clip(1e-7), or x * x + eps")
    return None


def _div(case: Case) -> Cause | None:
    a, b = case.at.get("a", math.nan), case.at.get("b", math.nan)
    made = case.maker(1)
    eps = "divide by (b + eps), eps = 1e-8 say"
    if made in ("sum", "exp", "add"):
        eps += "; if these are exps over their sum, take softmax"
    if made in ("count_nonzero", "sum") and b == 0:
        eps += "; of an empty selection there is no mean: leave it out"
    if b == 0 and made in ("sqrt", "euclidean_norm", "power_of"):
        return Cause(f"{describe.number(a)} / sqrt(0): sqrt'(0), the slope of sqrt at 0, and a "
                     f"vector "
                     "over its norm 0 have no value", "sqrt(x + eps), with eps inside the root")
    if a == 0 and b == 0 and case.maker(0) == "exp":
        return Cause("0 / 0: all exps of the row are 0, since it is fully masked, or all "
                     "exponents are "
                     "far below 0", "softmax, which takes the largest exponent out first; let each "
                     "row see at least one place, or mask with -1e9 instead of -inf")
    if a == 0 and b == 0:
        return Cause("0 / 0", eps)
    if b == 0:
        return Cause(f"{describe.number(a)} / 0", eps)
    if math.isinf(a) and math.isinf(b):
        return Cause("inf / inf: both overflowed before", "softmax or logsumexp, which take the "
                     "largest exponent out first")
    return None


def _exp(case: Case) -> Cause | None:
    x = case.at.get("x", math.nan)
    limit = math.log(case.largest)
    if not abs(x) > limit * (math.log(2) if case.op == "exp2" else 1) * 0.99:
        return None
    return Cause(
        f"exp overflow: exp(x) of {case.dtype} is infinite from x = {limit:.4g} on, here x = "
        f"{describe.number(x)}",
        "take the largest x out first, as softmax, logsumexp and log_softmax do; or sigmoid, "
        "softplus; large x themselves come from unscaled inputs, or a learning rate too large",
    )


def _sum_of_two(case: Case) -> Cause | None:
    a, b = case.at.get("a", 0.0), case.at.get("b", 0.0)
    if math.isinf(a) and math.isinf(b):
        return Cause(f"inf - inf: {a} {'-' if case.op == 'sub' else '+'} {b}",
                     "see where each infinity comes from; a mask is put in with masked_fill (a "
                     "large "
                     "negative number such as -1e9), not by subtracting inf")
    return None


def _mul(case: Case) -> Cause | None:
    a, b = case.at.get("a", 1.0), case.at.get("b", 1.0)
    if {a, b} & {0.0} and (math.isinf(a) or math.isinf(b)):
        return Cause(f"0 * inf: {describe.number(a)} * {describe.number(b)}",
                     "choose with dls.where instead of multiplying by 0: 0 * inf is NaN")
    return None


def _sqrt(case: Case) -> Cause | None:
    x = case.at.get("x", math.nan)
    if x < 0:
        return Cause(f"the root of a negative number, {describe.number(x)}",
                     "sqrt(x.clip(0) + eps): rounding can make a variance slightly negative")
    if x == 0:
        return Cause("1 / sqrt(0)", "rsqrt(x + eps)")
    return None


def _pow(case: Case) -> Cause | None:
    x = case.at.get("x", case.at.get("a", math.nan))
    p = case.at.get("b", case.fault.node.op.parameters.get("p", math.nan))
    if x == 0 and p < 0:
        if p == -0.5:
            return Cause("0 ** -0.5: sqrt'(0), the slope of sqrt at 0, is infinite",
                         "sqrt(x + eps), with eps inside the root")
        return Cause(f"0 ** {p:g}: a division by 0", "(x + eps) ** p")
    if x < 0 and p != int(p):
        return Cause(f"a fractional power of a negative number, {describe.number(x)} ** {p:g}",
                     "x.abs() ** p, or clip x at 0")
    return None


def _row(case: Case) -> Cause | None:
    """Softmax and its variants: a whole row of -inf."""
    op = case.fault.node.op
    axis = op.parameters.get("axis", -1)
    x = case.numbers()
    axes = axis if isinstance(axis, tuple) else (-1 if axis is None else axis,)
    if x.ndim and bool((x == -np.inf).all(axis=axes).any()):
        return Cause(
            "a fully masked row: all its scores are -inf, so that softmax is 0 / 0 (in "
            "attention: a "
            "query that may see no key)",
            "let each row see at least one place (itself, or a first token), mask with a large "
            "negative number such as -1e9, or take F.scaled_dot_product_attention, which gives 0",
        )
    if bool((x == np.inf).any()):
        return Cause("+inf among the scores: inf - inf inside", "see what made the infinity")
    return None


def _empty_mean(case: Case) -> Cause | None:
    x = case.numbers()
    if x.size == 0 or 0 in x.shape:
        return Cause("the mean of nothing: 0 / 0", "leave the empty selection (or batch) out")
    if case.op in ("var", "std"):
        correction = case.fault.node.op.parameters.get("correction", 0)
        return Cause(f"the variance of {'one number' if correction else 'these'} divided by 0: "
                     f"there "
                     f"are no more than {correction} elements", "correction=0, or a larger batch")
    return None


def _domain(case: Case) -> Cause | None:
    x = case.at.get("x", math.nan)
    bounds = {"arcsin": "-1 <= x <= 1", "arccos": "-1 <= x <= 1", "arctanh": "-1 < x < 1",
              "arccosh": "x >= 1"}
    return Cause(f"{case.op} is defined for {bounds[case.op]}, here x = {describe.number(x)}",
                 "x.clip(-1 + 1e-6, 1 - 1e-6): rounding takes a cosine slightly beyond 1")


def _cast(case: Case) -> Cause | None:
    x = case.at.get("x", math.nan)
    return Cause(f"{describe.number(x)} does not fit into {case.dtype}, which ends at "
                 f"{describe.number(case.largest)}", "keep it in float32, or scale it down first")


def _normed(case: Case) -> Cause | None:
    x = case.numbers()
    if float(np.abs(x).max(initial=0)) < math.sqrt(case.largest):
        return Cause("the variance is 0, and eps = 0: 0 / 0", "an eps of 1e-5")
    return None


def _any_forward(case: Case) -> Cause:
    """Overflow, or infinities that meet in a sum."""
    sizes = [float(np.abs(on_host(x).astype(np.float64)).max(initial=0))
             for x in case.fault.operands if hasattr(x, "dtype") and x.dtype.kind == "f"]
    if any(math.isinf(s) for s in sizes):
        return Cause("inf - inf, or 0 * inf, inside: infinities met", "see what made the infinity")
    largest = max(sizes, default=0.0)
    if largest > 1e3 * math.sqrt(math.sqrt(case.largest)):
        return Cause(
            f"overflow: operands as large as {describe.number(largest)} leave the range of "
            f"{case.dtype} (up to {describe.number(case.largest)})",
            "a smaller learning rate, clipped gradients (nn.utils.clip_grad_norm_), inputs "
            "scaled to "
            "mean 0 and deviation 1",
        )
    return Cause(f"{case.op} has no finite value for these operands",
                 "see the operands above: keep them inside of what the operation is defined for")


# --- backward ------------------------------------------------------------------------------------


def _slope(case: Case) -> Cause | None:
    """A slope that is infinite at 0, or at the end of where a function is defined."""
    x = case.at.get("x", case.at.get("a", math.nan))
    hidden = case.fault.gradient is not None and _at(case.fault.gradient, case.index) == 0.0
    if hidden:
        return Cause(
            f"0 * inf: the slope of {case.op} at {describe.number(x)} is infinite, and the "
            f"gradient "
            "that arrives is 0 (dls.where hides a value, not its slope)",
            "put a safe value in before the operation: x = dls.where(ok, x, 1), then the operation",
        )
    root = "sqrt" in case.op or "root" in case.op or case.op in ("pow", "power_of")
    if x == 0 and root:
        return Cause("sqrt'(0): the slope of a root at 0 is infinite",
                     "sqrt(x + eps), with eps inside the root")
    if x == 0 or case.op in ("arcsin", "arccos", "arctanh", "arccosh"):
        return Cause(f"the slope of {case.op} at {describe.number(x)} is infinite",
                     "keep x away from there: x.clip(eps, 1 - eps), or x + eps")
    return None


def _any_backward(case: Case) -> Cause:
    return _slope(case) or Cause(
        f"overflow in the gradient of {case.op}",
        "clipped gradients (nn.utils.clip_grad_norm_), a smaller scale of the loss; in the rule: "
        "no "
        "division by a number that can be 0",
    )


def _at(array: Any, index: tuple[int, ...]) -> float:
    host = on_host(array)
    return float(host[index]) if host.ndim == len(index) else math.nan


Table = Mapping[str, Callable[[Case], Cause | None]]
FORWARD: Table = {
    **dict.fromkeys(("log", "log2", "log10", "log1p"), _log), "div": _div,
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), _exp),
    "add": _sum_of_two, "sub": _sum_of_two, "mul": _mul, "sqrt": _sqrt, "rsqrt": _sqrt,
    "pow": _pow, "power_of": _pow,
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp", "attention", "cross_entropy"), _row),
    **dict.fromkeys(("mean", "var"), _empty_mean),
    **dict.fromkeys(("arcsin", "arccos", "arctanh", "arccosh"), _domain), "cast": _cast,
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"),
                    _normed),
}
BACKWARD: Table = {}
