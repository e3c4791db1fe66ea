"""The forward and backward that somebody wrote in NumPy, as a rule that can be run and changed."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from ..errors import DataError
from .follow import Follower, plain
from .numeric import Array, on_host
from .randomness import Randomness
from .rules import Rule, Values

RAISED = "backward raised"
WRITES = "backward writes into"
Path = tuple[Any, ...]  # to an array in nested tuples, lists and dicts


class LayerRule(Rule):
    """A forward and a backward of NumPy arrays; what is between them is the cache."""

    def __init__(
        self, forward: Callable[..., Any], backward: Callable[..., Any], arguments: Sequence[Any],
        names: Sequence[str] | None = None,
    ) -> None:
        self.function, self.back = forward, backward
        self.arguments = [_copied(value) for value in arguments]
        if names is None:
            self.arguments += _defaults(forward, len(arguments))
        self._randomness = Randomness(forward)
        called = list(names) if names is not None else _names(forward, len(self.arguments))
        if len(called) != len(self.arguments):
            raise DataError(f"{len(arguments)} inputs take as many names, not {len(called)}")
        leaves = [((i, *path), _name(called[i], path), value)
                  for i, argument in enumerate(self.arguments)
                  for path, value in _leaves(argument)]
        arrays = [leaf for leaf in leaves if isinstance(leaf[2], np.ndarray)]
        self.paths = [path for path, _, _ in arrays]
        self.called = [name for _, name, _ in arrays]
        self.inputs = [value for _, _, value in arrays]
        self._numbers = {name: (path, value) for path, name, value in leaves
                         if isinstance(value, (bool, int, float))}
        self._given = _gradients_taken(backward)
        self._cached_names = _names_of_cache(forward)
        self.y, self.cache, self.parts = self._forward(self.inputs)
        self.dy = np.ones_like(self.y)

    # --- forward -----------------------------------------------------------------------------

    def _forward(self, inputs: Sequence[Any]) -> tuple[Array, Any, list[tuple[int, ...]]]:
        """(y, cache, the shapes of the outputs)."""
        arguments = [_copied(value) for value in self.arguments]
        for path, value in zip(self.paths, inputs):
            arguments = _put(arguments, path, value.copy())
        self._randomness.reset()
        made = self.function(*arguments)
        if not isinstance(made, tuple) or len(made) < 2:
            raise DataError("forward must return (output, cache), or several outputs and the cache "
                            f"as the last; it returned a {type(made).__name__}")
        outputs = [np.asarray(on_host(y), dtype=np.float64) for y in made[:-1]][:self._given]
        if len(outputs) == 1:
            return outputs[0], made[-1], [outputs[0].shape]
        y = np.concatenate([y.ravel() for y in outputs])
        return y, made[-1], [y.shape for y in outputs]

    def forward(self, inputs: Sequence[Any]) -> Array:
        return self._forward(inputs)[0]

    def at(self, inputs: Sequence[Any], dy: Array | None = None) -> Self:
        other = self._copy()
        other.inputs = list(inputs)
        other.y, other.cache, other.parts = self._forward(inputs)
        other.dy = self.dy if dy is None else dy
        return other

    def with_number(self, name: str, value: Any) -> Self:
        other = self._copy()
        path, _ = self._numbers[name]
        other.arguments = _put(other.arguments, path, value)
        other.y, other.cache, other.parts = other._forward(other.inputs)
        other.dy = np.resize(self.dy, other.y.shape)
        return other

    def _copy(self) -> Self:
        """This rule without what was found at its point."""
        other = object.__new__(type(self))
        lasting = ("function", "back", "arguments", "paths", "called", "inputs", "_numbers",
                   "_given", "_cached_names", "_randomness")
        other.__dict__.update({name: self.__dict__[name] for name in lasting})
        return other

    # --- what it knows -------------------------------------------------------------------------

    @property
    def floats(self) -> list[int]:
        """The places of the inputs that have gradients."""
        return [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f"]

    def input_name(self, place: int) -> str:
        return self.called[place]

    @property
    def numbers(self) -> dict[str, Any]:
        return {name: value for name, (_, value) in self._numbers.items()}

    @property
    def outputs(self) -> dict[str, slice]:
        if len(self.parts) == 1:
            return {}
        names = list(inspect.signature(self.back).parameters)
        found, start = {}, 0
        for name, shape in zip(names, self.parts):
            size = int(np.prod(shape))
            found[name.removeprefix("d")] = slice(start, start + size)
            start += size
        return found

    @property
    def used(self) -> dict[str, Array]:
        return {name: value for name, value, _ in self._cached}

    @cached_property
    def _cached(self) -> list[tuple[str, Array, list[Path]]]:
        """The arrays of the cache, each once, with their names and all places they stand at."""
        found: list[tuple[str, Array, list[Path]]] = []
        for path, value in _leaves(self.cache):
            if not isinstance(value, np.ndarray) or value.dtype.kind not in "fb" or not value.size:
                continue
            for _, known, paths in found:
                if known.shape == value.shape and np.array_equal(known, value):
                    paths.append(path)
                    break
            else:
                found.append((self._cache_name(path, value), value, [path]))
        return found

    def _cache_name(self, path: Path, value: Array) -> str:
        """An input's name if it is one, "y" for the output, else its place; of a list its own."""
        if len(path) == 2 and type(path[1]) is int and path[0] < len(self._cached_names):
            return f"{self._cached_names[path[0]]}[{path[1]}]"
        for name, x in zip(self.called, self.inputs):
            if np.array_equal(x, value):
                return name
        if np.array_equal(self.y, value):
            return "y"
        if path and isinstance(path[-1], str):
            return str(path[-1])
        if len(path) == 1 and path[0] < len(self._cached_names):
            return self._cached_names[path[0]]
        return "cache" + "".join(f"[{step!r}]" for step in path)

    # --- backward --------------------------------------------------------------------------------

    def gradients(
        self, exchange: Values | None = None, dy: Array | None = None,
        follower: Follower | None = None,
    ) -> tuple[list[Any], str]:
        cache = _copied(self.cache, cast=False)
        new = dict(exchange or {})
        for name, _, paths in self._cached if new else ():
            for path in paths if name in new else ():
                cache = _put(cache, path, new[name].copy())
        given = np.asarray(self.dy if dy is None else dy, dtype=np.float64)
        dys: list[Any] = self._split(given.copy())
        if follower is not None:
            dys = [follower.follow(dy, "dy") for dy in dys]
            for name, value, paths in self._cached:
                for path in paths:
                    cache = _put(cache, path, follower.follow(value.copy(), name))
        before = [(path, value.copy()) for path, value in _leaves(cache)
                  if isinstance(value, np.ndarray)]
        try:
            made = plain(self.back(*dys, cache))
        except Exception as error:  # a learner's rule may raise anything
            return [], f"{RAISED} {type(error).__name__}: {error}"
        shares, problem = self._in_order(made)
        if problem:
            return [], problem
        if any(not np.array_equal(a, b) for a, b in zip(dys, self._split(given))):
            return [], f"{WRITES} dy, which others use too: work on a copy"
        after = dict(_leaves(cache))
        for path, value in before:
            if not _same(after.get(path), value):
                return [], f"{WRITES} the cache: work on a copy"
        return shares, ""

    def shares(self) -> list[Any]:
        """The gradients as backward gives them, however it comes by them; its errors are raised."""
        made = self.back(*self._split(self.dy.copy()), _copied(self.cache, cast=False))
        return self._in_order(made)[0]

    def _split(self, dy: Array) -> list[Array]:
        if len(self.parts) == 1:
            return [dy.reshape(self.parts[0])]
        ends = np.cumsum([int(np.prod(shape)) for shape in self.parts])[:-1]
        return [piece.reshape(shape) for piece, shape in zip(np.split(dy, ends), self.parts)]

    def _in_order(self, made: Any) -> tuple[list[Any], str]:
        """The gradients in the order of the inputs."""
        if isinstance(made, dict):
            return [_array(made.get(f"d{name}")) for name in self.called], ""
        several = made if isinstance(made, (tuple, list)) else (made,)
        floats = self.floats
        if len(several) != len(floats):
            wanted = ", ".join("d" + self.called[i] for i in floats)
            return [], (f"backward returned {len(several)} gradient{'s' * (len(several) != 1)} for "
                        f"{len(floats)} inputs: it must return {wanted}, in this order")
        found: list[Any] = [None] * len(self.inputs)
        for place, share in zip(floats, several):
            found[place] = _array(share)
        return found, ""

    def given(self, place: int) -> bool:
        """Return whether backward gave a gradient of this input: a dict may leave some out."""
        made = self.back(*self._split(self.dy.copy()), _copied(self.cache, cast=False))
        return not isinstance(made, dict) or f"d{self.called[place]}" in made


def _same(now: Any, before: Array) -> bool:
    """Return whether an array of the cache is as it was."""
    return isinstance(now, np.ndarray) and np.array_equal(
        now, before, equal_nan=before.dtype.kind == "f")


def _array(value: Any) -> Array | None:
    return None if value is None else np.asarray(on_host(value), dtype=np.float64)


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Walk through nested tuples, lists and dicts: each value in them, with the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, (tuple, list)):
        for i, inner in enumerate(value):
            yield from _leaves(inner, (*path, i))
    else:
        yield path, value


def _put(value: Any, path: Path, new: Any) -> Any:
    """A copy of nested tuples, lists and dicts with another value at one place."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: _put(value[step], rest, new)}
    changed = list(value)
    changed[step] = _put(changed[step], rest, new)
    return type(value)(changed)


def _copied(value: Any, cast: bool = True) -> Any:
    """A copy of nested arrays; inputs in float64."""
    if isinstance(value, dict):
        return {key: _copied(inner, cast) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)([_copied(inner, cast) for inner in value])
    if isinstance(value, (str, bool, int, float)) or value is None or callable(value):
        return value
    if isinstance(value, np.ndarray) or hasattr(value, "_data"):
        array = np.array(on_host(value))
        return array.astype(np.float64) if cast and array.dtype.kind == "f" else array
    return value


def _defaults(forward: Callable[..., Any], count: int) -> list[Any]:
    """The numbers that forward's last parameters are by default, which belong to the layer."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())[count:]
    except (TypeError, ValueError):
        return []
    given = [p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    plain = all(isinstance(value, (bool, int, float, str)) for value in given)
    return given if plain and len(given) == len(parameters) else []


def _names(forward: Callable[..., Any], count: int) -> list[str]:
    """Read the names of forward's inputs, as far as it gives them."""
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters
             if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return named + [f"input {i}" for i in range(len(named), count)]


def _names_of_cache(forward: Callable[..., Any]) -> list[str]:
    """Read the names of the cache's parts from a last line `return A, (A_prev, W, b)`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(forward)))
    except (TypeError, OSError, SyntaxError):  # not written in a file, or in the middle of a line
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            cache = node.value.elts[-1]
            if isinstance(cache, ast.Tuple):
                return [ast.unparse(part) for part in cache.elts]
    return []


def _name(argument: str, path: Path) -> str:
    """Of an array in a dict its key; in a list its place."""
    if path and isinstance(path[-1], str):
        return path[-1]
    return argument + "".join(f"[{step}]" for step in path)


def _gradients_taken(backward: Callable[..., Any]) -> int | None:
    """Count the gradients of outputs that backward takes before the cache; None: unknown."""
    try:
        parameters = inspect.signature(backward).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    asked = [p for p in parameters if p.default is p.empty
             and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return max(1, len(asked) - 1)
