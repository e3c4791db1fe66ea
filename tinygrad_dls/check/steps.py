"""The steps of a backward, one by one: which of them, done otherwise, makes the rule right?"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import combinations, permutations

import numpy as np

from .case import Case
from .follow import SUM, SUMMED, Change, Site, halved
from .ingredients import SLOPES, forms
from .numeric import Array
from .patterns import moves, shift

TRIES = 2000  # runs of one backward
PAIRS = (("1 - {v}**2", "{v} * (1 - {v})"), ("1 - {v}**2", "({v} > 0)"),
         ("{v} * (1 - {v})", "({v} > 0)"))  # derivatives that are taken for each other
OWN = ("1 - {v}", "{v}**2", "1 - {v}**2", "exp({v})", "sqrt({v})", "1 / {v}", "tanh({v})",
       "{v} * (1 - {v})", "sigmoid({v})")


def of_steps(case: Case) -> str:
    """Name the step that uses or makes something else than it must."""
    for family in (_of_loops, _of_sequences, _of_axes, _of_reshapes, _of_uses, _of_exchanges,
                   _of_counts, _of_results, _of_parts):
        if text := family(case):
            return text
    return ""


def _of_loops(case: Case) -> str:
    """Recognize a sum over the passes of a loop of which the last pass alone is left."""
    for site, values in case.passes.items():
        if len(values) < 2 or any(value.shape != case.mine.shape for value in values):
            continue
        if np.array_equal(values[-1], case.mine) and case.close(
                case.truth.of_candidate(np.sum(values, axis=0))):
            meant = "" if case.rule.edits_tried else ": `=` where `+=` is meant"
            return f"only what the last pass of a loop makes is left{meant}, {site}"
    return ""


def _of_sequences(case: Case) -> str:
    """Name a list of values, one for each step, that is used one step beside."""
    lists: dict[tuple[str, str, int, int, int], list[tuple[Site, int]]] = {}
    for site in case.sites:
        if found := re.fullmatch(r"(.+)\[(\d+)\]", site.what):
            place = (found[1], site.file, site.line, site.step, site.slot)
            lists.setdefault(place, []).append((site, int(found[2])))
    values = case.rule.used
    for (name, *_), sites in lists.items():
        for by, word in ((-1, "before"), (1, "after")) if len(sites) > 1 else ():
            new = [(site, values.get(f"{name}[{step + by}]")) for site, step in sites]
            changes = [(site, _always(value)) for site, value in new if value is not None]
            if len(changes) >= len(sites) - 1 and case.mends_by(*changes):
                return (f"the rule uses {name} of one step where it means that of the step {word}: "
                        f"an index is off by one, {sites[0][0]}")
    return ""


def _of_axes(case: Case) -> str:
    """Name a sum, or a mean, that goes over the wrong axis: one, all in a line, or all."""
    sums = {site: value for site, value in case.sites.items() if site.what.startswith(SUMMED)}
    groups = {group: value for site, value in sums.items()
              for group in (site, site.whole_line, site.everywhere)}
    for site, value in groups.items():
        axis = int(site.what.removeprefix(SUMMED))
        for other in range(value.ndim):
            text = f"{site.what}, where it must be axis {other}"
            mean = value.shape[axis] / max(value.shape[other], 1)
            for name, scale in (("sum", 1.0), ("mean", mean)) if other != axis else ():
                if case.mends_at(site, f"{name} {text}", _along(other, scale)):
                    said = text if scale == 1 else text.replace("summed", "averaged")
                    return f"{said}, {site}"
    return ""


def _along(axis: int, scale: float) -> Change:
    """The sum over another axis, which stays as one of length 1; `scale` makes a sum a mean."""
    return lambda x: scale * x.sum(axis=axis, keepdims=True) if x.ndim > axis else None


def _of_reshapes(case: Case) -> str:
    """Name the transposition that is missing before a reshape."""
    for site, value in case.sites.items():
        if site.what == "reshape" and 2 <= value.ndim <= 4:
            for order in permutations(range(value.ndim)):
                text = f".transpose{order} is missing before the reshape"
                if order != (*range(value.ndim),) and case.mends_at(site, text, _turned(order)):
                    return f"{text}: its axes are in another order, {site}"
    return ""


def _turned(order: tuple[int, ...]) -> Change:
    return lambda x: x.transpose(order) if x.ndim == len(order) else None


def _of_uses(case: Case) -> str:
    """Name a value that is used where another one, or its transpose, is meant."""
    tries = TRIES
    uses = {site: value for site, value in case.sites.items() if _is_use(site)}
    several = Counter(site.whole_line for site in uses)
    lines = {site.whole_line: value for site, value in uses.items()
             if several[site.whole_line] > 1}
    for site, value in (lines | uses).items():
        if not _matters(case, site):
            continue
        if site.what == ".T" and case.mends_at(site, ".T", lambda x: x.T):
            return f"a transpose (.T) too much, {site}"
        for text, other in _instead(case, site, value):
            tries -= 1
            if tries > 0 and case.mends_at(site, text, _always(other)):
                return f"{text}, {site}"
    return ""


def _is_use(site: Site) -> bool:
    return site.what not in ("=", SUM, "reshape", "reshaped") and not site.what.startswith(SUMMED)


def _matters(case: Case, site: Site) -> bool:
    """Return whether the gradient depends on the array that passes there, and no right one does."""
    return not np.array_equal(case.at_site(site, "halved", halved), case.mine) and (
        not case.spoils(site, halved))


def _of_exchanges(case: Case) -> str:
    """Name two values that are used for each other in one line."""
    uses = {site: value for site, value in case.sites.items()
            if _is_use(site) and value.dtype.kind == "f" and site.what not in ("dy", ".T")}
    for (one, x), (other, y) in combinations(uses.items(), 2):
        if one.file == other.file and one.line == other.line and one.what != other.what and (
                x.shape == y.shape) and case.mends_by((one, _always(y)), (other, _always(x))):
            return f"{one.what} and {other.what} are swapped, {one}"
    return ""


def _of_counts(case: Case) -> str:
    """Name the count that one sum, or mean, or all of them, are divided by."""
    sums = [site for site in case.sites if site.what == SUM and not case.spoils(site, halved)]
    groups = [*([sums] if len(sums) > 1 else []), *([site] for site in sums)]
    lengths = {name: n for name, n in case.rule.lengths.items() if n > 1}
    factors = {f"1/m is missing (m = {name} = {n})": 1 / n for name, n in lengths.items()}
    factors |= {f"there is one 1/m too many (m = {name} = {n})": float(n)
                for name, n in lengths.items()}
    factors |= {f"it is divided by {a} = {n} where it must be divided by {b} = {k}": n / k
                for (a, n), (b, k) in permutations(lengths.items(), 2) if n != k}
    different = {round(c, 12): text for text, c in reversed(factors.items())}
    for group in groups:
        for c, text in different.items():
            if case.mends_by(*[(site, _times(c)) for site in group]):
                return f"of the sum {text}, {group[0]}" if len(group) == 1 else (
                    f"of all sums that it is made of {text}")
    return ""


def _of_parts(case: Case) -> str:
    """Name a part of what another step makes that is not added."""
    if len(case.truth.values) != case.mine.size or case.mine.ndim < 1:
        return ""
    rest = case.truth.values.reshape(case.mine.shape) - case.mine
    for site, value in case.sites.items():
        if site.what != "=" or value.dtype.kind != "f" or value.ndim != rest.ndim:
            continue
        for axis, n in enumerate(rest.shape):
            others = [a for a in range(rest.ndim) if a != axis]
            if value.shape[axis] < n or any(value.shape[a] != rest.shape[a] for a in others):
                continue
            for start in dict.fromkeys((0, value.shape[axis] - n)):
                part = np.take(value, np.arange(start, start + n), axis)
                for sign, verb in ((1, "is left out"), (-1, "is added, and must not be")):
                    if np.abs(rest).max() > 0 and case.close(
                            case.truth.of_candidate(case.mine + sign * part)):
                        which = "" if n == value.shape[axis] else (
                            f"its part [{start}:{start + n}] along axis {axis} of ")
                        return f"{which}what is made {site} {verb}"
    return ""


def _instead(case: Case, site: Site, value: Array) -> Iterator[tuple[str, Array]]:
    """List arrays that may be meant where `value` is used."""
    name = site.what
    if value.dtype.kind != "f" or name in ("dy", ".T"):
        return
    for other, known in case.rule.values.items():
        if known.shape == value.shape and known.dtype.kind in "fb" and other != name:
            if not np.array_equal(known, value):
                yield f"the rule uses {name} where it means {other}", known.astype(value.dtype)
                if known.dtype.kind == "f":
                    yield f"the rule uses {name} where it means {name} - {other}", value - known
                    yield f"the rule uses {name} where it means {other} - {name}", known - value
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield f"the rule uses {name} where it means {name}.T", value.T
    for text, form in forms(name, value, OWN):
        yield f"the rule uses {name} where it means {text}", form
    for what, turned in moves(value, blocks=False) if value.size <= 2000 else ():
        if "shifted" in what and "axes" not in what:
            yield (f"the rule is right with {name} {what}: an index is off by one", turned)
        elif "flipped" in what:
            yield (f"the rule is right with {name} {what}: it is flipped once too often, or once "
                   "too little", turned)


def _of_results(case: Case) -> str:
    """Name a factor, a sign, or a sum that is missing from the result of a step."""
    tries = TRIES
    for site, value in case.sites.items():
        if site.what == "=" and value.dtype.kind == "b" and case.mends_at(
                site, "not", np.logical_not):
            return f"the condition is the wrong way round, {site}"
        if site.what != "=" or value.dtype.kind != "f" or not value.ndim or not _matters(
                case, site):
            continue
        for text, change in (*_factors(case, value), *_sums(case, value)):
            tries -= 1
            if tries > 0 and case.mends_at(site, text, change):
                return f"{text}, {site}"
    return ""


def _always(new: Array) -> Change:
    return lambda x: new if new.shape == x.shape else None


def _times(factor: Array | float) -> Change:
    return lambda x: x * factor if np.broadcast_shapes(
        np.shape(factor), x.shape) == x.shape else None


def _factors(case: Case, value: Array) -> Iterator[tuple[str, Change]]:
    yield "wrong sign", _times(-1.0)
    for name, known in case.known():
        if not _goes(known, value):
            continue
        for text, form in forms(name, known, (*SLOPES, "1 / {v}", "1 - {v}")):
            yield f"the factor {text} is missing", _times(form)
        made = dict(forms(name, known, SLOPES))
        for text, form in made.items():
            if form.all():
                yield f"the factor {text} is too much", _times(1 / form)
        for one, other in ((a.format(v=name), b.format(v=name)) for a, b in PAIRS):
            for right, wrong in ((one, other), (other, one)):
                if right in made and wrong in made and made[wrong].all():
                    yield (f"it has the derivative {wrong} where it must be {right}",
                           _times(made[right] / made[wrong]))
    yield "the factor 2 is missing", _times(2.0)
    yield "a factor 2 too much", _times(0.5)
    for name, length in case.rule.lengths.items():
        if 1 < length and "size" not in name:
            yield f"1/m is missing (m = {name} = {length})", _times(1 / length)
            yield f"there is one 1/m too many (m = {name} = {length})", _times(float(length))
    for name, known in case.rule.values.items():
        if known.size == 1 and known.dtype.kind == "f" and name != "y" and known.item():
            yield f"the factor {name} is missing", _times(float(known.item()))
            yield f"the factor 1 / {name} is missing", _times(1 / float(known.item()))
    for name, number in case.rule.numbers.items():
        if not isinstance(number, bool) and number not in (0, 1, -1):
            yield f"the factor {name} is missing", _times(float(number))
            yield f"the factor 1 / {name} is missing", _times(1 / float(number))


def _sums(case: Case, value: Array) -> Iterator[tuple[str, Change]]:
    for name, known in case.known():
        if known.shape != value.shape:
            continue
        for axis in range(value.ndim):
            if np.allclose(known.sum(axis=axis), 1) and (known >= 0).all():
                yield (f"the derivative of the softmax is missing: {name} * (d - (d * {name})."
                       f"sum(axis={axis}, keepdims=True))", _softmax(known, axis, known))
                yield (f"the sum of the softmax's derivative is missing: - {name} * d.sum(axis="
                       f"{axis}, keepdims=True)", _softmax(np.ones_like(known), axis, known))
                yield (f"{name} * (1 - {name}) is the derivative of a sigmoid, or the diagonal of "
                       f"the softmax's: {name} * (d - (d * {name}).sum(axis={axis}, "
                       "keepdims=True)) is meant", _softmax(_over(1 - known), axis, known))
        yield f"the term {name} must be subtracted", _plus(-known)
        yield f"the term {name} must be added", _plus(known)
    for axis in range(value.ndim):
        yield (f"the branch through the mean over axis {axis} is missing", _centred(axis))
        for by in (1, -1) if value.shape[axis] > 1 else ():
            yield (f"shifted by {by} along axis {axis} it is right: an index or the padding is off "
                   "by one", partial(shift, axis=axis, by=by))
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        yield ".T is missing", lambda x: x.T


def _over(x: Array) -> Array:
    """1 / x, and 0 where x is 0."""
    return np.where(x == 0, 0.0, 1 / np.where(x == 0, 1.0, x))


def _softmax(outer: Array, axis: int, y: Array) -> Change:
    """outer * x - y * sum(outer * x): back through a softmax, or what is left of the way."""
    return lambda x: None if x.shape != y.shape else (
        outer * x - y * (outer * x).sum(axis=axis, keepdims=True))


def _plus(term: Array) -> Change:
    return lambda x: x + term if x.shape == term.shape else None


def _centred(axis: int) -> Change:
    return lambda x: x - x.mean(axis=axis, keepdims=True) if x.ndim > axis else None


def _goes(known: Array, value: Array) -> bool:
    """Return whether it can be a factor of the value."""
    try:
        return bool(np.broadcast_shapes(known.shape, value.shape) == value.shape)
    except ValueError:
        return False
