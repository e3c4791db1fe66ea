"""Gradient check: the whole function against differences, and each op's rule by itself."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._util.keywords import near_names
from ..engine import autograd
from ..engine.autograd import Node
from ..errors import GraphError
from ..tensors import Tensor
from ..tensors.gradients import grad
from .hypotheses import mistake
from .local import check_node
from .numeric import EPS, SURE, Array, Differences, Measured, Verdict, course_difference, nudged
from .report import Check, Report
from .subject import Subject

LIMIT = 500  # elements compared with differences, of all inputs and parameters together


@near_names
def gradcheck(
    fn_or_model: Callable[..., Any], *inputs: Any, eps: float = 1e-6, tolerance: float = 1e-6,
    seed: int = 0, names: Sequence[str] | None = None, limit: int = LIMIT,
) -> Report:
    """Check the gradients of a function of tensors, a model or a loss closure, in float64.

    All float inputs are checked, a model's parameters, and leaves that a function finds outside
    of itself. What is not one number is reduced with a fixed random projection. The report names
    the first wrong op and its mistake; `report.difference` is the formula of Course 2, week 1.
    `eps` is the first step tried, relative to the size of an input; where it does not confirm a
    gradient, many others are, and only what differs by more than their errors is called wrong.
    Of more than `limit` elements a sample is compared. Nothing of the user's is changed: a model
    is copied, other tensors and the random generators are put back; dropout repeats its mask.
    DataError for NaN in the inputs; GraphError if the result depends on no tensor.

    >>> x = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> bool(dls.gradcheck(lambda x: (x**2).sum(), x))
    True
    """
    subject = Subject(fn_or_model, inputs, names)
    rng = np.random.default_rng([seed, 1])  # inputs are often drawn with seed 0 itself
    with subject.prepared():
        outputs, nodes = subject.record()
        if not any(y.requires_grad for y in outputs):  # an input itself has no node
            raise GraphError(
                "the result depends on no tensor that wants a gradient: was it made under no_grad, "
                "from .numpy() or .detach()?"
            )
        ops = check_nodes(nodes, eps, tolerance, rng)
        whole = _Whole(subject, outputs, eps, tolerance, rng, limit)
        return whole.report(ops)


@near_names
def check_graph(loss: Tensor, eps: float = 1e-6, tolerance: float = 1e-6, seed: int = 0) -> Report:
    """Check the rule of each op in the graph of `loss`, recorded under `with dls.trace():`."""
    if loss._node is None:
        raise GraphError("this tensor has no graph: no op that wants a gradient made it")
    nodes = autograd.topological_order([loss._node])[::-1]
    if not any(node.trace for node in nodes):
        raise GraphError("the values of this graph were not kept: compute it under "
                         "`with dls.trace():`")
    return Report(check_nodes(nodes, eps, tolerance, np.random.default_rng([seed, 1])))


def check_nodes(
    nodes: Sequence[Node], eps: float, tolerance: float, rng: np.random.Generator
) -> tuple[Check, ...]:
    """The rules of recorded ops, in their order."""
    uses = Counter(id(node.op) for node in nodes)
    return tuple(check for node in nodes
                 for check in check_node(node, eps, tolerance, rng, uses[id(node.op)]))


NUDGES = 6  # ways back with other last places, to see what rounding does


class _Whole:
    """The check of the function as a whole, element by element."""

    def __init__(
        self, subject: Subject, outputs: list[Any], eps: float, tolerance: float,
        rng: np.random.Generator, limit: int,
    ) -> None:
        self.subject, self.outputs = subject, outputs
        self.eps, self.tolerance, self.rng, self.limit = eps, tolerance, rng, limit
        self.weights = [
            np.ones(y.shape) if y.size == 1 and len(outputs) == 1 else rng.standard_normal(y.shape)
            for y in outputs
        ]
        self.shares = _shares({n: int(leaf.size) for n, leaf in subject.leaves.items()}, limit)
        self.notes = list(subject.notes)
        self.rounding = max([EPS, *(float(np.finfo(y._data.dtype).eps) for y in outputs)])
        if self.rounding > EPS:
            self.notes.append("it casts to float32 or less: differences are only roughly right")
            self.eps, self.tolerance = 1e-2, 1e-2

    def report(self, ops: tuple[Check, ...]) -> Report:
        """Compare all gradients, and put everything together."""
        problem = self._unusable()
        gradients = None if problem else self._gradients(self.outputs)
        if isinstance(gradients, str):
            problem = gradients if all(op.verdict != "wrong" for op in ops) else ""
        if not isinstance(gradients, dict):
            problems = (problem,) if problem else ()
            return Report(ops, tolerance=self.tolerance, notes=tuple(self.notes), problems=problems)
        checks, mine, truth = [], [], []
        for name, leaf in self.subject.leaves.items():
            check, analytic, measured = self._check(name, leaf, gradients[name])
            checks.append(check)
            mine.append(analytic)
            truth.append(measured.values)
        analytic_all, numeric_all = np.concatenate(mine), np.concatenate(truth)
        total = sum(int(leaf.size) for leaf in self.subject.leaves.values())
        return Report(
            ops, tuple(checks), course_difference(analytic_all, numeric_all), self.tolerance,
            (len(analytic_all), total), tuple(self.notes + self._blame(ops, checks)),
        )

    def _unusable(self) -> str:
        """Why differences mean nothing here; "" if they do."""
        self.y = self.subject.values()
        if not np.array_equal(self.y, self.subject.values(), equal_nan=True):
            return (
                "the function gives another value when it is run again on the same inputs: "
                "differences would compare noise.\n  Draw random numbers from dls's generators "
                "(they are rewound), or outside of the function"
            )
        if not np.isfinite(self.y).all():
            return "the result holds NaN or Inf: there is no gradient"
        return ""

    def _gradients(self, outputs: list[Any]) -> dict[str, Array | None] | str:
        """Return the gradient of each leaf by backward, or the message of its error."""
        leaves = self.subject.leaves
        live = [(y, Tensor(w, dtype=y.dtype, device=y.device))
                for y, w in zip(outputs, self.weights) if y.requires_grad]
        try:
            found = grad([y for y, _ in live], list(leaves.values()), [w for _, w in live],
                         allow_unused=True)
        except Exception as error:  # raised by a rule, which may be a learner's
            return f"backward failed: {type(error).__name__}: {error}"
        return {name: None if g is None else np.array(Tensor.numpy(g), dtype=np.float64)
                for name, g in zip(leaves, found)}

    def _check(
        self, name: str, leaf: Any, gradient: Array | None
    ) -> tuple[Check, Array, Measured]:
        """The check of one leaf; its gradient and the measured one, at the same places."""
        x = np.array(leaf.device.to_host(leaf._data))
        weights = np.concatenate([w.ravel() for w in self.weights])
        differences = Differences(self.subject.at(leaf), x, self.y, weights, self.rounding)
        places = np.sort(self.rng.choice(x.size, self.shares[name], replace=False))
        analytic = np.zeros(x.shape) if gradient is None else gradient
        verdicts, values = [], []
        with np.errstate(all="ignore"):
            for place in places:
                verdict, value = differences.judge(
                    differences.unit(place), float(analytic.flat[place]), self.eps, self.tolerance)
                verdicts.append(verdict)
                values.append(value)
        if "wrong" in verdicts:
            slack = SURE * self._slack(name, analytic).flat[places]
            for i in np.flatnonzero(np.abs(analytic.flat[places] - values) <= slack):
                verdicts[i], values[i] = "right", float(analytic.flat[places[i]])
        smooth = np.array([verdict != "kink" for verdict in verdicts], bool)
        measured = Measured(x.shape, places[smooth], np.array(values)[smooth])
        mine = measured.of_candidate(analytic)
        difference = course_difference(mine, measured.values)
        wrong = "wrong" in verdicts and not difference < self.tolerance
        if wrong:
            hint = self._hint(gradient, measured)
            return Check(name, verdict="wrong", hint=hint, difference=difference), mine, measured
        kinks = int((~smooth).sum())
        hint = f"{kinks} of {len(places)} elements are not differentiable here" * bool(kinks)
        overall: Verdict = "kink" if kinks == len(places) and kinks else "right"
        return Check(name, verdict=overall, hint=hint, difference=difference), mine, measured

    def _slack(self, name: str, gradient: Array) -> Array:
        """Return how much the gradient of a leaf changes if all numbers on the way back change a
        little.

        What changes are the last places; where large numbers cancel that is all there is.
        """
        slack = np.zeros(gradient.shape)
        for _ in range(NUDGES):
            outputs, nodes = self.subject.record()
            for node in nodes:
                node.plan = _nudged_plan(node.plan, self.rng)
            found = self._gradients(outputs)
            other = found[name] if isinstance(found, dict) else None
            if other is not None and other.shape == slack.shape:
                slack = np.maximum(slack, np.abs(other - gradient))
        return slack

    def _hint(self, gradient: Array | None, measured: Measured) -> str:
        if gradient is None:
            return "no gradient arrives: detach(), .numpy(), no_grad or a cast cut the way to it"
        lengths = {
            f"{name}.shape[{axis}]": n
            for name, leaf in self.subject.leaves.items() for axis, n in enumerate(leaf.shape)
        }
        return mistake(gradient, measured, lengths)

    def _blame(self, ops: tuple[Check, ...], checks: list[Check]) -> list[str]:
        """Explain how the ops can be right while the whole is not."""
        if all(op.verdict != "wrong" for op in ops) and any(c.verdict == "wrong" for c in checks):
            return ["all rules are right, so something between the ops is not: detach(), .numpy() "
                    "or no_grad on the way, or a hook that changes a gradient"]
        return []


def _nudged_plan(plan: Any, rng: np.random.Generator) -> Any:
    """A way back through an op that starts from numbers changed in their last places."""
    device = plan.device

    def nudge(value: Any, share: float = 0.0) -> Any:
        if not isinstance(value, device.array_type) or value.dtype.kind != "f" or not value.size:
            return value
        host = np.array(device.to_host(value))
        rounding = float(np.finfo(host.dtype).eps)
        # of unequal sizes: those of a row are summed, and must not cancel by chance
        sizes = rng.choice([-1.0, 1.0], host.shape) * rng.uniform(0.5, 1.5, host.shape)
        mixed = share * rounding * np.abs(host).max() * sizes
        return device.from_host((nudged(host, rng, rounding) + mixed).astype(host.dtype))

    # a rule mixes the elements of dy: all are off by the last place of the largest
    return plan._replace(
        back=lambda dy, saved: plan.back(nudge(dy, 1.0), tuple([nudge(v) for v in saved])))


def _shares(sizes: dict[str, int], limit: int) -> dict[str, int]:
    """Count the elements of each leaf to compare: all of the small ones, a sample of the large."""
    shares: dict[str, int] = {}
    for i, name in enumerate(sorted(sizes, key=lambda n: sizes[n])):
        shares[name] = min(sizes[name], max(1, (limit - sum(shares.values())) // (len(sizes) - i)))
    return shares
