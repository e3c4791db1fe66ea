"""The learner's functions as syntax trees that can be edited, compiled and run in their place."""

import ast
import copy
import gc
import linecache
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FrameType, FunctionType
from typing import Any, TypeAlias

from ..._util.callers import LESSONS, PACKAGE

LIBRARIES = ("site-packages", "dist-packages", f"{os.sep}lib{os.sep}python", "<frozen", "<__array")
Code: TypeAlias = ast.FunctionDef


@dataclass(eq=False)
class Source:
    """One function: what runs, and its tree. An edit of the tree runs inside `edited()`."""

    function: FunctionType
    tree: Code

    @cached_property
    def lines(self) -> list[str]:
        """The lines of its file."""
        return linecache.getlines(self.function.__code__.co_filename, self.function.__globals__)

    def compiled(self, tree: Code | None = None) -> CodeType:
        """The code of its tree, or of another one, with the closure that the function has."""
        free = self.function.__code__.co_freevars
        inner = copy.copy(self.tree if tree is None else tree)
        inner.decorator_list, inner.returns = [], None
        inner.args = _bare(inner.args)
        names: list[ast.expr] = [ast.Name(name, ast.Load()) for name in free]
        # An edit may drop the last use of a closure's name; here all of them stay in use.
        kept = ast.If(ast.Constant(False), [ast.Expr(ast.Tuple(names, ast.Load()))], [])
        inner.body = [kept, *inner.body]
        outer = ast.FunctionDef(
            "closure", ast.arguments([], [ast.arg(name) for name in free], None, [], [], None, []),
            [inner], [], None)
        for node in (kept, outer):
            ast.copy_location(node, self.tree)
        module = ast.fix_missing_locations(ast.Module([outer], []))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(module, self.function.__code__.co_filename, "exec")
        found = _inner(_inner(code))
        if found.co_freevars != free:
            raise SyntaxError("another closure")
        return found

    @contextmanager
    def running(self, code: CodeType) -> Iterator[None]:
        """Let other code run in the function's place."""
        before = self.function.__code__
        self.function.__code__ = code
        try:
            yield
        finally:
            self.function.__code__ = before

    def holds(self, code: CodeType) -> bool:
        """Return whether code was made by a `def` or a comprehension inside of this function."""
        own = self.function.__code__
        inside = [own]
        while inside:
            one = inside.pop()
            if one is code:
                return code is not own
            inside += [c for c in one.co_consts if isinstance(c, CodeType)]
        return False


def _bare(arguments: ast.arguments) -> ast.arguments:
    """Arguments without defaults and annotations, which are the function's own."""
    new = copy.copy(arguments)
    new.defaults, new.kw_defaults = [], [None] * len(arguments.kwonlyargs)
    new.posonlyargs = [ast.arg(a.arg) for a in arguments.posonlyargs]
    new.args = [ast.arg(a.arg) for a in arguments.args]
    new.kwonlyargs = [ast.arg(a.arg) for a in arguments.kwonlyargs]
    new.vararg = None if arguments.vararg is None else ast.arg(arguments.vararg.arg)
    new.kwarg = None if arguments.kwarg is None else ast.arg(arguments.kwarg.arg)
    return new


def _inner(code: CodeType) -> CodeType:
    return next(c for c in code.co_consts if isinstance(c, CodeType))


def sources(run: Callable[[], Any], first: Callable[..., Any]) -> list[Source]:
    """The learner's functions that `run()` passes, `first` ahead; [] where its source is unseen."""
    codes: dict[CodeType, dict[str, Any]] = {}

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and _is_users(frame.f_code.co_filename):
            codes[frame.f_code] = frame.f_globals

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        run()
    finally:
        sys.setprofile(before if callable(before) else None)
    found: list[Source] = []
    start = getattr(first, "__func__", first)
    for code, names in codes.items():
        # Closures of one `def` share their code: it is the one asked for that is meant.
        function = _function_of(code, names)
        if isinstance(start, FunctionType) and start.__code__ is code:
            function = start
        if function is not None and (source := _source(function)) is not None:
            found.append(source)
    found = [s for s in found if not any(o.holds(s.function.__code__) for o in found)]
    found.sort(key=lambda source: source.function is not start)
    return found


def _is_users(file: str) -> bool:
    if file.startswith(PACKAGE):
        return file.startswith(LESSONS)
    return not any(part in file for part in LIBRARIES)


def _function_of(code: CodeType, names: dict[str, Any]) -> FunctionType | None:
    known = names.get(code.co_name)
    if isinstance(known, FunctionType) and known.__code__ is code:
        return known
    return next((f for f in gc.get_referrers(code)
                 if isinstance(f, FunctionType) and f.__code__ is code), None)


def _source(function: FunctionType) -> Source | None:
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return None
    found = [made for node in ast.walk(tree) if (made := _definition(node, code)) is not None]
    if len(found) != 1:
        return None
    source = Source(function, found[0])
    try:
        return source if _same(source.compiled(), code) else None
    except (SyntaxError, ValueError):
        return None


def _definition(node: ast.AST, code: CodeType) -> Code | None:
    """The definition of code, a lambda's as that of a function."""
    if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        return node if first == code.co_firstlineno else None
    if isinstance(node, ast.Lambda) and code.co_name == "<lambda>" and (
            node.lineno == code.co_firstlineno):
        back = ast.copy_location(ast.Return(node.body), node.body)
        return ast.copy_location(ast.FunctionDef("f", node.args, [back], [], None), node)
    return None


def _same(one: CodeType, other: CodeType) -> bool:
    """Return whether the file still says what runs: names and constants are the same."""
    def said(code: CodeType) -> tuple[Any, ...]:
        return (set(code.co_names), set(code.co_varnames), code.co_freevars, code.co_argcount)
    return said(one) == said(other)


def statements(body: Sequence[ast.stmt]) -> Iterator[tuple[list[ast.stmt], int, list[ast.stmt]]]:
    """(the list it stands in, its place there, the statements around it) of each statement."""
    def walk(block: list[ast.stmt], around: list[ast.stmt]) -> Any:
        for i, statement in enumerate(block):
            yield block, i, around
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if isinstance(inner, list) and not isinstance(statement, ast.ClassDef):
                    yield from walk(inner, [*around, statement])

    yield from walk(body, [])  # type: ignore[arg-type]
