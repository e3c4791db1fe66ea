"""lint: mistakes that train without an error, found in one recorded step."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from .. import nn, ops
from .._util.keywords import near_names
from ..engine.autograd import TensorBase
from ..errors import DataError, DtypeError, GraphError
from ..optim import Optimizer
from ..tensors import Tensor
from ..tensors.gradients import Checkpoint
from ..train.silent_mistakes import left_out
from ..viz import describe
from .step import Recorded
from .untouched import untouched

Severity: TypeAlias = Literal["error", "warning", "note"]

# Share of units that are 0 for each of at least so many inputs. Half of them may be so by chance:
# behind ReLUs all inputs of a unit are positive, and of a small batch much alike.
DEAD, ROWS = 0.75, 16
SATURATED = 0.9  # share of outputs within EDGE of where the slope ends
EDGE = 0.01
FEWEST = 32  # outputs, for a share of them to say something
LARGE, SMALL = 1.0, 1e-7  # update-to-weight ratios: a step as large as the weight; one that is lost
BEGUN = 0.1  # of the norm that usual initial weights have: below it, steps are large against them


@dataclass(frozen=True)
class Finding:
    """One mistake: what it is, where, and how to mend it."""

    kind: str  # "columns", "softmax twice", "dropout" ...: the same word for the same mistake
    severity: Severity
    what: str
    cure: str
    where: str = ""  # "lesson.py:12  Sequential / 2: ReLU", or names of parameters

    def __str__(self) -> str:
        place = f"  [{self.where}]" if self.where else ""
        return f"{self.severity}: {self.what}{place}\n    {self.cure}"


@dataclass(frozen=True)
class Lint:
    """The findings of `lint`, the gravest first. `ok`: there are no errors and no warnings."""

    findings: tuple[Finding, ...]
    ratios: tuple[tuple[str, float], ...] = ()  # update-to-weight ratio of each weight
    notes: tuple[str, ...] = ()  # what could not be looked at

    @property
    def ok(self) -> bool:
        """True if there is nothing to mend."""
        return all(f.severity == "note" for f in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        count = len(self.findings)
        head = f"lint: {count} finding{'s' * (count != 1)}" if count else "lint: nothing to mend"
        if self.ratios:
            middle = float(np.median([ratio for _, ratio in self.ratios]))
            head += f"  (update-to-weight ratio: median {middle:.2g})"
        return "\n".join([head, *map(str, self.findings), *(f"note: {n}" for n in self.notes)])

    def to_json(self) -> str:
        """Everything as strict JSON, with a version."""
        ratios = {name: value for name, value in self.ratios if math.isfinite(value)}
        return json.dumps({"version": 1, "ok": self.ok,
                           "findings": [asdict(f) for f in self.findings],
                           "ratios": ratios, "notes": list(self.notes)},
                          allow_nan=False, ensure_ascii=False)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}


@near_names
def lint(loss: Any, model: Any, optimizer: Optimizer | None = None) -> Lint:
    """Look for mistakes that train without an error in one step.

        loss = F.cross_entropy(model(x), y)
        print(dls.lint(loss, model, optimizer))      # before backward(), or inside dls.trace()

    loss: of one batch, with its graph. Of an evaluation (under no_grad) it has none: then only the
    model is looked at. model: its parameters and modes. optimizer: whose update is tried, and
    undone.
    Found are: (N, 1) against (N,); softmax or sigmoid before a loss that takes logits; dropout, or
    batch norm's statistics, on in evaluation; dead ReLUs; saturated gates; batch norm on a batch
    of one; parameters without gradient, not in the optimizer, or frozen in it; an update-to-weight
    ratio far from .001. That ratio is ||change of W|| / ||W|| of what `optimizer.step()` would do
    with this gradient, for each weight of two axes or more that is not almost 0; its median
    counts, and is reported from 1 on, and below 1e-7.
    Values are seen before backward() or where the step was traced; else the result has a note.

    >>> from tinygrad_dls import nn
    >>> model, x, y = nn.Linear(3, 1), dls.randn(8, 3), dls.randn(8)
    >>> found = dls.lint(((model(x) - y) ** 2).mean(), model)
    >>> found.ok, found.findings[0].severity
    (False, 'error')
    """
    if not isinstance(loss, TensorBase):
        raise DtypeError(f"lint(loss, model, optimizer) takes a tensor, not a "
                         f"{type(loss).__name__}:"
                         " give it the loss itself, not loss.item()")
    if not isinstance(model, nn.Module):
        raise DtypeError("lint(loss, model, optimizer) takes the model second: an nn.Module, not a "
                         f"{type(model).__name__}")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise DtypeError("lint(loss, model, optimizer) takes the optimizer third, not a "
                         f"{type(optimizer).__name__}")
    return _Linter(loss, model, optimizer).report()


class _Linter:
    """Runs all checks on one step."""

    def __init__(self, loss: Any, model: nn.Module, optimizer: Optimizer | None) -> None:
        self.loss, self.model, self.optimizer = loss, model, optimizer
        self.step = Recorded(loss._node)
        self.parameters = dict(model.named_parameters())
        self.notes: list[str] = []
        self.ratios: tuple[tuple[str, float], ...] = ()

    def report(self) -> Lint:
        """The findings of all checks."""
        found = [*self._optimizer()]
        if self.loss._node is None:
            found += self._evaluation()
        else:
            for check in (self._finite, self._columns, self._twice, self._dropout,
                          self._batch_of_one, self._dead, self._saturated, self._unused,
                          self._ratio):
                found += check()
            if self.step.unknown:
                self.notes.append(
                    "dead ReLUs and saturated gates were not looked at: backward() has freed the "
                    "values. Call lint before it, or run the step inside `with dls.trace():`")
        order = ("error", "warning", "note")
        return Lint(tuple(sorted(found, key=lambda f: order.index(f.severity))), self.ratios,
                    tuple(self.notes))

    # --- the model and its optimizer -------------------------------------------------------------

    def _optimizer(self) -> Iterator[Finding]:
        if self.optimizer is None:
            return
        missing = left_out(self.model, self.optimizer)
        if missing:
            yield Finding(
                "not in the optimizer", "error",
                f"the optimizer does not have {_listed(missing)}: they will stay as they are",
                "make the optimizer after the last layer was put in; freeze what is meant to stay: "
                "p.requires_grad_(False)", _listed(missing))
        held = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        frozen = [n for n, p in self.parameters.items() if not p.requires_grad and id(p) in held]
        if frozen:
            yield Finding(
                "frozen", "note", f"the optimizer has frozen parameters: {_listed(frozen)}",
                "they get no gradient and stay as they are; give it only those that train: "
                "[p for p in model.parameters() if p.requires_grad]", _listed(frozen))

    def _evaluation(self) -> Iterator[Finding]:
        """The modes of a model whose loss has no graph."""
        trainable = [p for p in self.parameters.values() if p.requires_grad]
        if not trainable:
            yield Finding("no gradient", "error", "no parameter of the model requires a gradient",
                          "p.requires_grad_() for those that are to be trained")
            return
        self.notes.append("the loss has no graph: taken for one of an evaluation, under no_grad")
        active = [(name, part) for name, part in self.model.named_modules() if part.training]
        drops = [name or type(part).__name__ for name, part in active if _drops(part)]
        norms = [name or type(part).__name__ for name, part in active
                 if getattr(part, "track_running_stats", False)]
        for names, kind, what in ((drops, "dropout", "dropout is on"),
                                  (norms, "batch statistics", "batch norm uses and moves the "
                                                              "statistics of the batch")):
            if names:
                yield Finding(kind, "error", f"{what} in evaluation: {_listed(names)}",
                              "model.eval() before, model.train() afterwards", _listed(names))

    # --- the graph -------------------------------------------------------------------------------

    def _finite(self) -> Iterator[Finding]:
        if not np.isfinite(Tensor.numpy(self.loss)).all():
            yield Finding("not finite", "error", "the loss is NaN or Inf",
                          "dls.autopsy(step, x, y) names the operation that made the first one",
                          self.step.place(self.step.nodes[-1]))

    def _columns(self) -> Iterator[Finding]:
        for node in self.step.nodes:
            if not node.op.broadcasts or len(node.edges) != 2 or node not in self.step.tail:
                continue
            shapes = [self.step.shape(node, slot) for slot in (0, 1)]
            column = next((s for s in shapes if s and len(s) == 2 and s[1] == 1 < s[0]), None)
            if column and (column[0],) in shapes:
                n = column[0]
                yield Finding(
                    "columns", "error", f"{node.op.name} of {shapes[0]} and {shapes[1]} broadcasts "
                    f"to ({n}, {n}): every prediction against every target",
                    f"y.reshape({column}), or prediction.squeeze(1): give both one shape",
                    self.step.place(node))

    def _twice(self) -> Iterator[Finding]:
        losses = {"cross_entropy": "cross_entropy", "log_softmax": "log_softmax",
                  "binary_cross_entropy": "binary_cross_entropy_with_logits"}
        for node in self.step.nodes:
            if node.op.name not in losses or node not in self.step.tail | {self.loss._node}:
                continue
            maker = self.step.maker(node, 0)
            if maker is None or maker.op.name not in ("softmax", "sigmoid"):
                continue
            name = losses[node.op.name]
            yield Finding(
                "softmax twice", "error", f"{maker.op.name} before {name}, which takes logits and "
                "computes it by itself: it learns little from numbers between 0 and 1",
                f"leave the {maker.op.name} out of the model, and take it where probabilities are "
                "wanted", self.step.place(maker))

    def _dropout(self) -> Iterator[Finding]:
        if self.model.training:
            return
        for node in (*self.step.before, *self.step.nodes):
            p = node.op.parameters.get("p", 0.0)
            if node.op.name in ("dropout", "attention") and p:
                yield Finding(
                    "dropout", "error", f"dropout with p = {p:g} is on, and the model is in "
                    "evaluation (model.training is False)",
                    "F.dropout(x, p, training=self.training), or an nn.Dropout, which model.eval() "
                    "turns off", self.step.place(node))

    def _batch_of_one(self) -> Iterator[Finding]:
        places = [self.step.place(node) for node in self.step.nodes
                  if node.op.name in ("batch_norm", "batch_norm_activation") and node.shape[0] == 1]
        if places:
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            yield Finding(
                "batch of one", "warning", "batch norm normalizes a batch of one by its own "
                "statistics: in training it sees nothing but itself",
                "a larger batch; nn.GroupNorm, which does not look at the batch; or model.eval()",
                places[0] + more)

    def _dead(self) -> Iterator[Finding]:
        for node, value in self.step.outputs("relu", "batch_norm_activation", "linear_relu",
                                             "convolution_relu"):
            if node.op.name == "batch_norm_activation" and node.op.parameters.get("low") != 0:
                continue
            axis = self.step.unit_axis(node)
            others = tuple(i for i in range(value.ndim) if i != axis % value.ndim)
            alive = (value > 0).any(axis=others) if others else value > 0
            units, dead = alive.size, int((~alive).sum())
            rows = value.size // max(units, 1)
            all_dead = dead == units and value.size >= FEWEST
            if all_dead or (rows >= ROWS and dead > DEAD * units):
                which = "all" if all_dead else f"{dead:,} of"
                yield Finding(
                    "dead ReLUs", "error" if all_dead else "warning",
                    f"dead ReLUs: {which} {units:,} units are 0 for each of {rows:,} inputs, and "
                    f"get "
                    "no gradient",
                    "a smaller learning rate, He's initialization (nn.init.kaiming_normal_), "
                    "biases "
                    "of 0, inputs of mean 0; or LeakyReLU", self.step.place(node))

    def _saturated(self) -> Iterator[Finding]:
        for node, value in self.step.outputs("sigmoid", "tanh", "rnn"):
            if node in self.step.tail or value.size < FEWEST:
                continue
            if node.op.name == "rnn" and node.op.parameters.get("nonlinearity") != "tanh":
                continue
            gates = 2 * value - 1 if node.op.name == "sigmoid" else value
            yield from self._of_gates(node, gates, node.op.name)
        for node in self.step.nodes:
            if node.op.name in ("lstm", "lstm_projected", "gru"):
                gates = self.step.gates(node)
                if gates is not None and gates.size >= FEWEST:
                    yield from self._of_gates(node, gates, f"{node.op.name}'s gates")

    def _of_gates(self, node: Any, gates: Any, name: str) -> Iterator[Finding]:
        """One finding if most outputs, between -1 and 1, are at one of the ends."""
        limit = 1 - (2 * EDGE if name == "sigmoid" else EDGE)
        share = float((np.abs(gates) > limit).mean())
        if share > SATURATED:
            yield Finding(
                "saturated gates", "warning",
                f"saturated: {share:.0%} of the outputs of {name} are at an end, where the slope "
                f"is "
                "nearly 0",
                "smaller initial weights (nn.init.xavier_uniform_), inputs of mean 0 and deviation "
                "1, a smaller learning rate", self.step.place(node))

    # --- gradients -------------------------------------------------------------------------------

    def _unused(self) -> Iterator[Finding]:
        if any(isinstance(node.op, Checkpoint) for node in self.step.nodes):
            self.notes.append("parameters without gradient were not looked at: part of the graph "
                              "is "
                              "a dls.checkpoint")
            return
        unused = [n for n, p in self.parameters.items()
                  if p.requires_grad and p not in self.step.leaves]
        if unused:
            yield Finding(
                "no gradient", "error" if len(unused) == len(self.parameters) else "warning",
                f"the loss does not depend on {_listed(unused)}: no gradient comes",
                "are they used in forward, and not cut off on the way (detach, numpy, no_grad, a "
                "value turned into a new tensor)? Freeze or remove what is not used",
                _listed(unused))

    def _ratio(self) -> Iterator[Finding]:
        if self.optimizer is None:
            return
        self.ratios = tuple(self._ratios(self.optimizer))
        if not self.ratios:
            return
        middle = float(np.median([ratio for _, ratio in self.ratios]))
        extreme = max if middle > LARGE else min
        name, ratio = extreme(self.ratios, key=lambda pair: pair[1])
        if SMALL <= middle <= LARGE:
            return
        large = middle > LARGE
        yield Finding(
            "update ratio", "warning",
            f"too {'large' if large else 'small'} a step: it changes weights by {middle:.2g} of "
            f"their norm (median; about .001 is usual), {name} by {ratio:.2g}",
            "a smaller learning rate, or clipped gradients (nn.utils.clip_grad_norm_)" if large else
            "a larger learning rate, or an initialization whose gradients do not vanish",
            name)

    def _ratios(self, optimizer: Optimizer) -> Iterator[tuple[str, float]]:
        """||change of W|| / ||W|| of the step that the optimizer would take."""
        weights = {n: p for n, p in self.parameters.items()
                   if p.requires_grad and p.ndim >= 2 and _norm(p) > BEGUN * math.sqrt(p.shape[0])}
        have = [p for p in self.parameters.values() if p._grad is not None]
        if not have and any(node.saved is None for node in self.step.nodes):
            self.notes.append("the update-to-weight ratio is not known: there are no gradients, "
                              "and "
                              "the graph is freed. Call lint before optimizer.zero_grad()")
            return
        with untouched(self.model, optimizer), np.errstate(all="ignore"):
            if not have:
                try:
                    ops.sum(self.loss).backward(retain_graph=True)
                except GraphError as error:
                    self.notes.append(f"the update-to-weight ratio is not known: {error}")
                    return
            before = {n: Tensor.numpy(p).astype(np.float64) for n, p in weights.items()}
            try:
                optimizer.step()
            except (DataError, TypeError) as error:  # one that needs a closure
                self.notes.append(f"the update-to-weight ratio is not known: {error}")
                return
            found = [
                (n, float(np.linalg.norm(Tensor.numpy(p) - before[n]) / np.linalg.norm(before[n])))
                for n, p in weights.items() if p._grad is not None and _norm(p.grad) > 0]
        yield from found


def _drops(part: Any) -> bool:
    rate = getattr(part, "p", getattr(part, "dropout", 0.0))
    named = "Dropout" in type(part).__name__ or hasattr(part, "dropout")
    return named and isinstance(rate, (int, float)) and rate > 0


def _norm(tensor: Any) -> float:
    return float(np.linalg.norm(Tensor.numpy(tensor).astype(np.float64)))


def _listed(names: list[str]) -> str:
    shown = [describe.shorten(name) for name in names[:4]]
    return ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
