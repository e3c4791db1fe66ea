"""L-BFGS (Liu and Nocedal 1989): a quasi-Newton method that remembers its last steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..engine.autograd import as_tensor
from ..engine.modes import enable_grad
from ..engine.versions import mark_write
from ..errors import DataError, DtypeError
from ..tensors import Tensor
from .line_search import Point, strong_wolfe
from .optimizer import Group, Optimizer, State

LEAST_CURVATURE = 1e-10  # of a pair s, y that is remembered: y s above it
FLAT = ("d", "prev_flat_grad")
LISTS = ("old_dirs", "old_stps")


class LBFGS(Optimizer):
    """Steps along -H g, where H stands for the inverse of the second derivatives.

    H is never written down: it follows from the last `history_size` steps s and changes of the
    gradient y, by the two loops of Nocedal (Liu and Nocedal 1989). `step(closure)` makes up to
    `max_iter` iterations and calls `closure`, which computes the loss of all data and its
    gradients, up to `max_eval` times (None: 1.25 max_iter). It ends early where the largest
    gradient is at most `tolerance_grad`, or nothing changes by more than `tolerance_change`.
    The first step has length min(1, 1 / |g|_1) lr, the others lr, or with
    line_search_fn="strong_wolfe" what the search finds. One group of parameters, on one device.

    >>> import tinygrad_dls as dls
    >>> from tinygrad_dls import nn, optim
    >>> w = nn.Parameter(dls.tensor([-1.0, 2.0]))
    >>> opt = optim.LBFGS([w], max_iter=50, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2  # Rosenbrock's valley
    ...     loss.backward()
    ...     return loss
    >>> _ = opt.step(closure)
    >>> bool(((w - 1).abs() < 1e-3).all())
    True
    """

    at_least_zero = ("lr", "tolerance_grad", "tolerance_change")
    may_keep = frozenset({"func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag",
                          "prev_flat_grad", "prev_loss", "al"})

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, max_iter: int = 20,
        max_eval: int | None = None, tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9,
        history_size: int = 100, line_search_fn: str | None = None,
    ) -> None:
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        })
        if len(self.param_groups) > 1:
            raise DataError("LBFGS takes one group of parameters: they share its steps")
        if len({(p.device, p.dtype) for p in self.param_groups[0]["params"]}) > 1:
            raise DataError("LBFGS takes parameters of one device and one dtype")

    def check(self, group: Group) -> None:
        super().check(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise DataError("LBFGS: line_search_fn is None or 'strong_wolfe', not "
                            f"{group['line_search_fn']!r}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to `max_iter` iterations; return the loss before the first.

        `closure`: sets gradients to zero, computes the loss and its gradients, returns the loss.
        """
        if not callable(closure):
            raise DtypeError("LBFGS.step(closure) takes a function that computes the loss and its "
                             "gradients: it is called several times in a step")
        return _Step(self, closure).run()

    # --- state -----------------------------------------------------------------------------------

    def restored(self, name: str, value: Any, p: Tensor) -> Any:
        if name == "al":  # PyTorch's, of the last iteration: not needed
            return None
        if name in LISTS:
            return [self._flat(array, p) for array in value]
        if name == "ro":
            return [float(number) for number in value]
        if name in FLAT:
            return self._flat(value, p)
        return int(value) if name in ("func_evals", "n_iter") else float(value)

    def _flat(self, value: Any, p: Tensor) -> Tensor:
        count = sum(q.size for q in self.param_groups[0]["params"])
        flat = Tensor(value, dtype=p.dtype, device=p.device)
        if flat.shape != (count,):
            raise DataError(f"the saved state is of {flat.size} weights, this optimizer has "
                            f"{count}; nothing was changed")
        return flat


class _Step:
    """One call of `step`: the weights and gradients of all parameters as one vector."""

    def __init__(self, owner: LBFGS, closure: Callable[[], Any]) -> None:
        self.closure, self.group = closure, owner.param_groups[0]
        self.params: list[Tensor] = self.group["params"]
        self.device = self.params[0].device
        self.state: State = owner.state.setdefault(self.params[0], {"func_evals": 0, "n_iter": 0})

    def run(self) -> Any:
        """Iterate until one of the bounds is met."""
        group, state = self.group, self.state
        first = self.evaluate()
        loss, g, calls = float(first), self.gradient(), 1
        state["func_evals"] += 1
        if self.largest(g) <= group["tolerance_grad"]:
            return first
        for i in range(group["max_iter"]):
            state["n_iter"] += 1
            is_first = state["n_iter"] == 1
            d = self.first_direction(g) if is_first else self.direction(g)
            state["prev_flat_grad"], state["prev_loss"] = self.tensor(g.copy()), loss
            t = float(group["lr"])
            if is_first:
                t *= min(1.0, 1.0 / float(abs(g).sum()))
            state["d"], state["t"], slope = self.tensor(d), t, float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            before = loss
            if group["line_search_fn"]:
                start = Point(0.0, loss, g, slope)
                point, looked = self.search(d, t, start)
                t, loss, g = point.t, point.loss, point.gradient
            else:
                self.move(d, t)
                looked = 0
                if i + 1 < group["max_iter"]:
                    loss, g, looked = float(self.evaluate()), self.gradient(), 1
            state["t"] = t
            calls += looked
            state["func_evals"] += looked
            if (i + 1 == group["max_iter"] or calls >= group["max_eval"]
                    or self.largest(g) <= group["tolerance_grad"]
                    or self.largest(d * t) <= group["tolerance_change"]
                    or abs(loss - before) < group["tolerance_change"]):
                break
        return first

    def first_direction(self, g: Any) -> Any:
        """Downhill, with nothing remembered."""
        self.state.update({"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0})
        return -g

    def direction(self, g: Any) -> Any:
        """-H g, after the newest pair of step s and change of gradient y has been remembered."""
        state = self.state
        changes, steps, inverse = state["old_dirs"], state["old_stps"], state["ro"]
        y = g - state["prev_flat_grad"]._data
        s = state["d"]._data * state["t"]
        if (curvature := float(y @ s)) > LEAST_CURVATURE:
            if len(changes) == self.group["history_size"]:
                del changes[0], steps[0], inverse[0]
            changes.append(self.tensor(y))
            steps.append(self.tensor(s))
            inverse.append(1.0 / curvature)
            state["H_diag"] = curvature / float(y @ y)
        q, shares = -g, []
        for y_, s_, rho in zip(reversed(changes), reversed(steps), reversed(inverse)):
            shares.append(rho * float(s_._data @ q))
            q = q - shares[-1] * y_._data
        d = q * state["H_diag"]
        for y_, s_, rho, share in zip(changes, steps, inverse, reversed(shares)):
            d = d + (share - rho * float(y_._data @ d)) * s_._data
        return d

    def search(self, d: Any, t: float, start: Point) -> tuple[Point, int]:
        """The point that the line search finds, where the weights are then."""
        weights = [p._data.copy() for p in self.params]

        def at(length: float) -> Point:
            self.put(weights)
            self.move(d, length)
            loss, g = float(self.evaluate()), self.gradient()
            return Point(length, loss, g, float(g @ d))

        point, count = strong_wolfe(at, t, start, self.largest(d))
        self.put(weights)
        self.move(d, point.t)
        return point, count

    # --- the parameters as one vector ------------------------------------------------------------

    def evaluate(self) -> Any:
        with enable_grad():
            return self.closure()

    def gradient(self) -> Any:
        xp = self.device.xp
        return xp.concatenate([
            xp.zeros(p.size, dtype=p.dtype) if p._grad is None else p._grad._data.reshape(-1)
            for p in self.params])

    def move(self, d: Any, t: float) -> None:
        start = 0
        for p in self.params:
            w = p._data
            w += t * d[start : start + p.size].reshape(p.shape)
            mark_write(w, "LBFGS.step()")
            start += p.size

    def put(self, weights: list[Any]) -> None:
        for p, values in zip(self.params, weights):
            p._data[...] = values
            mark_write(p._data, "LBFGS.step()")

    def largest(self, vector: Any) -> float:
        return float(abs(vector).max()) if vector.size else 0.0

    def tensor(self, array: Any) -> Tensor:
        return as_tensor(array, self.device)  # type: ignore[no-any-return]
