"""States of schedules as PyTorch writes them, and ours made of them.

A schedule's state is what it holds; the two libraries hold the same under different names. Each
entry of `THEIRS` adds the names that PyTorch wants, each of `OURS` makes what the core has of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

State = dict[str, Any]


def restart_and_place(epoch: float, first: int, times: int) -> tuple[int, float]:
    """The length of the cosine that an epoch is in, and the place in it."""
    if times == 1:
        return first, epoch % first
    length = first
    while epoch >= length:
        epoch, length = epoch - length, length * times
    return length, epoch


def _milestones(state: State, _: Any) -> State:
    return {**state, "milestones": Counter(state["milestones"])}


def _restarts(state: State, _: Any) -> State:
    length, place = restart_and_place(state["last_epoch"], state["T_0"], state["T_mult"])
    return {**state, "T_i": length, "T_cur": place}


def _functions(state: State, schedule: Any) -> State:
    """Of functions nothing is kept, of objects that are called their attributes."""
    return {**state, "lr_lambdas": [
        dict(vars(f)) if hasattr(f, "__dict__") and not hasattr(f, "__code__") else None
        for f in schedule.lr_lambdas]}


def _cycles(state: State, schedule: Any) -> State:
    up, down = state.pop("step_size_up"), state.pop("step_size_down")
    state["base_lrs"] = state.pop("first_lrs")
    scale = schedule.scale_fn
    kept = dict(vars(scale)) if hasattr(scale, "__dict__") and not hasattr(
        scale, "__code__") else None
    return {**_momenta(state, schedule), "total_size": float(up + down),
            "step_ratio": up / (up + down), "_scale_fn_custom": kept}


def _momenta(state: State, schedule: Any) -> State:
    if not state["cycle_momentum"]:
        del state["base_momentums"], state["max_momentums"]
        return state
    return {**state, "use_beta1": "betas" in schedule.optimizer.defaults}


def _one_cycle(state: State, schedule: Any) -> State:
    share, steps = state.pop("pct_start"), state["total_steps"]
    names = [("initial_lr", "max_lr", "max_momentum", "base_momentum"),
             ("max_lr", "min_lr", "base_momentum", "max_momentum")]
    ends = [share * steps - 1, steps - 1]
    if state.pop("three_phase"):
        ends.insert(1, 2 * share * steps - 2)
        names[1:] = [("max_lr", "initial_lr", "base_momentum", "max_momentum"),
                     ("initial_lr", "min_lr", "max_momentum", "max_momentum")]
    phases = [{"end_step": end, "start_lr": a, "end_lr": b, "start_momentum": c, "end_momentum": d}
              for end, (a, b, c, d) in zip(ends, names)]
    state = _momenta(state, schedule)
    for name in ("max_lrs", "div_factor", "final_div_factor", "base_momentums", "max_momentums"):
        state.pop(name, None)  # PyTorch has them in the optimizer's groups
    return {**state, "_schedule_phases": phases, "_anneal_func_type": state.pop("anneal_strategy")}


def _plateau(state: State, _: Any) -> State:
    least = state["min_lrs"]
    return {**state, "default_min_lr": least[0] if len(set(least)) == 1 else None,
            "mode_worse": math.inf if state["mode"] == "min" else -math.inf}


def _together(state: State, _: Any) -> State:
    found = {**state, "_schedulers": state.pop("schedulers")}
    del found["schedulers"]
    if "milestones" in found:
        found["_milestones"] = found.pop("milestones")
    return found


THEIRS: dict[str, Callable[[State, Any], State]] = {
    "MultiStepLR": _milestones, "CosineAnnealingWarmRestarts": _restarts,
    "LambdaLR": _functions, "MultiplicativeLR": _functions, "CyclicLR": _cycles,
    "OneCycleLR": _one_cycle, "ReduceLROnPlateau": _plateau, "SequentialLR": _together,
    "ChainedScheduler": _together,
}


def _without(*names: str) -> Callable[[State, Any], State]:
    return lambda state, _: {n: v for n, v in state.items() if n not in names}


def _of_functions(state: State, schedule: Any) -> State:
    for function, kept in zip(schedule.lr_lambdas, state.pop("lr_lambdas")):
        if kept is not None:
            vars(function).update(kept)
    return state


def _of_momenta(state: State, schedule: Any) -> State:
    state.pop("use_beta1", None)
    for name in ("base_momentums", "max_momentums"):
        state.setdefault(name, list(getattr(schedule, name)))
    return state


def _of_cycles(state: State, schedule: Any) -> State:
    size, ratio, kept = (state.pop(n) for n in ("total_size", "step_ratio", "_scale_fn_custom"))
    if kept is not None:
        vars(schedule.scale_fn).update(kept)
    up = round(size * ratio)
    return {**_of_momenta(state, schedule), "step_size_up": up, "step_size_down": round(size) - up,
            "first_lrs": list(state["base_lrs"])}


def _of_one_cycle(state: State, schedule: Any) -> State:
    phases = state.pop("_schedule_phases")
    for name in ("max_lrs", "div_factor", "final_div_factor"):
        state[name] = getattr(schedule, name)
    return {**_of_momenta(state, schedule), "three_phase": len(phases) == 3,
            "pct_start": (phases[0]["end_step"] + 1) / state["total_steps"],
            "anneal_strategy": state.pop("_anneal_func_type")}


def _of_together(state: State, _: Any) -> State:
    state["schedulers"] = state.pop("_schedulers")
    if "_milestones" in state:
        state["milestones"] = state.pop("_milestones")
    return state


OURS: dict[str, tuple[str, Callable[[State, Any], State]]] = {  # a name that theirs has, and how
    "CosineAnnealingWarmRestarts": ("T_i", _without("T_i", "T_cur")),
    "LambdaLR": ("lr_lambdas", _of_functions), "MultiplicativeLR": ("lr_lambdas", _of_functions),
    "CyclicLR": ("total_size", _of_cycles), "OneCycleLR": ("_schedule_phases", _of_one_cycle),
    "ReduceLROnPlateau": ("default_min_lr", _without("default_min_lr", "mode_worse")),
    "SequentialLR": ("_schedulers", _of_together),
    "ChainedScheduler": ("_schedulers", _of_together),
}


def theirs(kind: str, state: State, schedule: Any) -> State:
    """A state of the core's as PyTorch has it."""
    if kind != "ChainedScheduler":
        state = {**state, "_step_count": state["last_epoch"] + 1}
    return THEIRS[kind](state, schedule) if kind in THEIRS else state


def ours(kind: str, state: Mapping[str, Any], schedule: Any) -> Mapping[str, Any]:
    """PyTorch's state of a schedule as the core has it; the core's own as it is."""
    mark, convert = OURS.get(kind, ("", None))
    return convert(dict(state), schedule) if convert is not None and mark in state else state
