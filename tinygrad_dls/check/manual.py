"""Manual mode: backward written by hand, dZ2, dW2, db2, dA1 ..., graded by the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._util.keywords import near_names
from ..engine import autograd
from ..engine.autograd import TensorBase
from ..errors import DataError, GraphError
from ..tensors import Tensor
from ..tensors.gradients import grad
from .expressions import formula
from .hypotheses import Words, mistake
from .jsons import strict
from .numeric import Array, Measured, on_host
from .patterns import moved

WORDS = Words(mine="yours", truth="the right one", value="right")
Grading = Literal["right", "wrong", "inherited"]


@dataclass(frozen=True, slots=True)
class Grade:
    """One gradient of the learner's: "inherited" is right for the wrong ones it was made from."""

    name: str
    verdict: Grading
    hint: str = ""
    sources: tuple[str, ...] = ()  # the wrong gradients that an inherited one was made from

    def __str__(self) -> str:
        if self.verdict == "inherited":
            return f"right for your {' and '.join(self.sources)}, which it takes on"
        return self.verdict if self.verdict == "right" else f"WRONG: {self.hint}"


@dataclass(frozen=True)
class Grades:
    """The grades of all gradients, in the order of backward; true if all are right."""

    grades: tuple[Grade, ...]

    @property
    def ok(self) -> bool:
        """Return whether all gradients are right."""
        return all(grade.verdict == "right" for grade in self.grades)

    @property
    def first(self) -> Grade | None:
        """The first wrong one on the way back; None if there is none."""
        return next((grade for grade in self.grades if grade.verdict == "wrong"), None)

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Grade:
        return next(grade for grade in self.grades if grade.name == name)

    def __str__(self) -> str:
        width = max([len(grade.name) for grade in self.grades], default=0)
        found = f"first wrong: {self.first.name}" if self.first else "right"
        return "\n".join([f"your backward: {found}",
                          *(f"  {grade.name:<{width}}  {grade}" for grade in self.grades)])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self)}

    def to_json(self) -> str:
        """The grades, as strict JSON."""
        return strict({"ok": self.ok, "first": self.first.name if self.first else None,
                       "grades": [{"name": g.name, "verdict": g.verdict, "hint": g.hint,
                                   "sources": list(g.sources)} for g in self.grades]})


@near_names
def manual(
    cost: Tensor, values: Mapping[str, Any], gradients: Mapping[str, Any], m: int | None = None,
) -> Grades:
    """Grade gradients that were worked out by hand, one by one, in the order of backward.

    cost: the tensor J, not yet gone back through.
    values: the tensors on the way to it by name, {"Z1": Z1, "W1": W1 ...}; names that are not
    tensors, arrays of data such as X and Y, are what formulas may be made of.
    gradients: yours, {"dZ2": ..., "dW2": ...}, arrays or tensors of the shapes of the values.
    m: the number of examples; then dZ and dA are taken without the 1/m, as in the course, and
    dW and db with it.

    Each is graded twice: against the true gradient, and against what the chain rule makes of your
    own gradients further back. One that is wrong only because an earlier one is, is said to be
    right for it: so one mistake is told once.
    DataError for a gradient of no value; GraphError if the graph is gone.

        print(dls.manual(J, {"Z2": Z2, "W2": W2}, {"dZ2": A2 - Y, "dW2": dZ2 @ A1.T / m}, m=m))

    >>> W = dls.tensor([1.0, 2.0], requires_grad=True)
    >>> J = (W**2).sum()
    >>> bool(dls.manual(J, {"W": W}, {"dW": 2 * W.detach()}))
    True
    """
    hand = _Hand(cost, values, gradients, m)
    true, order = hand.propagate(own=False)
    own, _ = hand.propagate(own=True)
    wrong: list[str] = []
    grades = []
    for name in order:
        grade = hand.grade(name, true[name], own[name], wrong)
        if grade.verdict != "right":
            wrong.append(name)
        grades.append(grade)
    return Grades(tuple(grades))


class _Hand:
    """The learner's gradients beside the engine's graph."""

    def __init__(
        self, cost: Tensor, values: Mapping[str, Any], gradients: Mapping[str, Any], m: int | None
    ) -> None:
        if not isinstance(cost, TensorBase) or cost._node is None:
            raise GraphError("manual takes the tensor J that the engine computed from tensors that "
                             "require grad; this one has no graph")
        self.cost, self.m = cost, m
        self.nodes = autograd.topological_order([cost._node])
        in_graph = {*self.nodes, *(e for node in self.nodes for e in node.edges)}
        self.values: dict[str, Any] = {}
        for name in gradients:
            value = values.get(name[1:]) if name.startswith("d") else None
            if not isinstance(value, TensorBase):
                raise DataError(f"{name!r} is the gradient of no value: there is no tensor "
                                f"{name[1:]!r} among {', '.join(values)}")
            if not value.requires_grad or (value._node or value) not in in_graph:
                raise DataError(f"the cost does not depend on {name[1:]!r}, so {name} is 0 or "
                                "there is no graph: was it computed from this tensor?")
            self.values[name] = value
        self.mine = {name: np.asarray(on_host(g), dtype=np.float64)
                     for name, g in gradients.items()}
        self.known = {name: np.asarray(on_host(v)) for name, v in values.items()
                      if isinstance(v, (TensorBase, np.ndarray))}
        coarse = any(v._data.dtype.itemsize < 8 for v in self.values.values())
        self.tolerance = 1e-4 if coarse else 1e-6

    def scale(self, name: str) -> float:
        """The factor m of an example's own gradient, where 1/m is left out of it."""
        value = self.values[name]
        return float(self.m) if self.m and value._node is not None else 1.0

    def propagate(self, own: bool) -> tuple[dict[str, Array], list[str]]:
        """Go back through the graph: the gradient that arrives at each value, and the order.

        `own`: the learner's own gradients go on from there."""
        arrived: dict[str, Array] = {}
        removers: list[Callable[[], None]] = []
        for name, value in self.values.items():
            if value._node is not None:
                removers.append(value.register_hook(self._hook(name, arrived, own)))
        leaves: list[Any] = list({id(e): e for node in self.nodes for e in node.edges
                       if isinstance(e, TensorBase)}.values())
        try:
            found = grad(self.cost, leaves, retain_graph=True, allow_unused=True)
        except GraphError as error:
            raise GraphError(f"the way back is gone: {error}\nCall manual() before backward(), or "
                             "backward(retain_graph=True)") from error
        finally:
            for remove in removers:
                remove()
        gradients = dict(zip(map(id, leaves), found))
        for name, value in self.values.items():
            if value._node is None and (share := gradients[id(value)]) is not None:
                arrived[name] = np.asarray(on_host(share), dtype=np.float64)
        return arrived, self._order(arrived)

    def _hook(self, name: str, arrived: dict[str, Array], own: bool) -> Callable[[Any], Any]:
        value, scale = self.values[name], self.scale(name)

        def hook(gradient: Any) -> Any:
            arrived[name] = np.asarray(on_host(gradient), dtype=np.float64) * scale
            mine = self.mine[name]
            if own and mine.shape == value.shape and np.isfinite(mine).all():
                return Tensor(mine / scale, dtype=gradient.dtype, device=value.device)
            return None

        return hook

    def _order(self, arrived: Mapping[str, Array]) -> list[str]:
        """As backward comes to them: a parameter's right after the op that uses it last."""
        place = {node: i for i, node in enumerate(self.nodes)}
        last: dict[int, int] = {}
        for node in self.nodes:
            for edge in node.edges:
                if isinstance(edge, TensorBase):
                    last[id(edge)] = place[node]  # the last on the way back completes it

        def at(name: str) -> float:
            value = self.values[name]
            return place[value._node] if value._node is not None else last[id(value)] + 0.5

        return sorted(arrived, key=at)

    def grade(self, name: str, true: Array, own: Array, wrong: list[str]) -> Grade:
        """The verdict on one gradient; `wrong` are those before it."""
        mine = self.mine[name]
        if self._close(mine, true):
            return Grade(name, "right")
        if wrong and self._close(mine, own) and not self._close(own, true):
            return Grade(name, "inherited", sources=tuple(self._sources(name, wrong)))
        return Grade(name, "wrong", self._hint(name, mine, own))

    def _close(self, mine: Array, truth: Array) -> bool:
        return Measured.of(truth).is_close(mine, self.tolerance)

    def _sources(self, name: str, wrong: list[str]) -> list[str]:
        """The wrong ones nearest to it: those between which and it there is no other wrong one."""
        value = self.values[name]
        found, seen = [], set()
        users: dict[Any, list[Any]] = {}
        for node in self.nodes:
            for edge in node.edges:
                if edge is not None:
                    users.setdefault(edge, []).append(node)
        named = {self.values[w]._node: w for w in wrong if self.values[w]._node is not None}
        work = list(users.get(value._node or value, ()))
        while work:
            node = work.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in named:
                found.append(named[node])
            else:
                work += users.get(node, ())
        return [w for w in wrong if w in found]

    def _hint(self, name: str, mine: Array, own: Array) -> str:
        truth = Measured.of(own)
        lengths = {} if self.m is None else {"m": self.m}
        text = mistake(mine, truth, lengths, WORDS)
        if " differ" not in text:
            return text
        if mine.shape == own.shape and (place := moved(mine, truth)):
            return place
        others = {n: g for n, g in self.mine.items() if n != name}
        known = self.known | others
        yours, right = formula(mine, known, self.m), formula(own, known, self.m)
        if right and yours != right:
            return f"yours is {yours}, it must be {right}" if yours else (
                f"{text} (it must be {right})")
        return text
