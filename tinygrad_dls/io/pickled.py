"""Pickles of tensors, read without running any of what they name.

A pickle is a program for a small stack machine. Python's own machine imports and calls whatever
the program names. This one has the same instructions (those that data need), but it imports
nothing: names stay names, and only calls of the few functions in a table that its user gives are
carried out, by functions of ours. The result of any other call is an `Opaque`: the name, and
nothing that was computed. Memory stays bounded by the length of the pickle.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from ..errors import FormatError
from .reading import short

MOST_DIGITS = 1000  # bytes of one whole number
MOST_PARTS = 16  # of a tuple that is a key


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names; nothing is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False, repr=False)
class Opaque:
    """Stands for an object that a pickle makes and that is not made here: `name` is its class."""

    name: str
    held: list[Any] = field(default_factory=list)  # what the pickle makes it of

    def __repr__(self) -> str:
        return f"<{self.name}, not read>"


Calls = Mapping[str, Callable[..., Any]]  # "module.name" -> what stands for a call of it
_MARK = object()


def unpickle(text: bytes, calls: Calls, constants: Mapping[str, Any],
             persistent: Callable[[Any], Any]) -> Any:
    """Read a pickle of dicts, lists, tuples, texts, numbers, and results of `calls`.

    `constants`: what stands for a name that is only mentioned. `persistent`: what stands for a
    reference out of the pickle. All else is Opaque; FormatError where the pickle is broken.
    """
    machine = _Machine(text, calls, constants, persistent)
    try:
        return machine.run()
    except FormatError:
        raise
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError,
            OverflowError) as error:
        raise FormatError(f"its pickle is broken at byte {machine.place} ({short(error)})"
                          ) from error


class _Machine:
    def __init__(self, text: bytes, calls: Calls, constants: Mapping[str, Any],
                 persistent: Callable[[Any], Any]) -> None:
        self.text, self.place = text, 0
        self.calls, self.constants, self.persistent = calls, constants, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        while True:
            code = self.take(1)
            if code == b".":
                if len(self.stack) != 1 or self.stack[0] is _MARK:
                    raise FormatError("its pickle ends with something left over")
                return self.plain(self.stack[0])
            rule = _RULES.get(code)
            if rule is None:
                raise FormatError(f"its pickle has the instruction {code!r} at byte "
                                  f"{self.place - 1}, which data do not need")
            rule(self)

    # --- the text ---

    def take(self, count: int) -> bytes:
        part = self.text[self.place : self.place + count]
        if count < 0 or len(part) < count:
            raise FormatError(f"its pickle is cut off at byte {len(self.text)}")
        self.place += count
        return part

    def number(self, form: str) -> int:
        found: int = struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]
        return found

    def line(self) -> bytes:
        end = self.text.find(b"\n", self.place)
        if end < 0:
            raise FormatError(f"its pickle is cut off at byte {len(self.text)}")
        part, self.place = self.text[self.place : end], end + 1
        return part

    # --- the stack ---

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise FormatError(f"its pickle takes from an empty stack at byte {self.place}")
        return self.stack.pop()

    def pop_marked(self) -> list[Any]:
        at = len(self.stack) - 1
        while at >= 0 and self.stack[at] is not _MARK:
            at -= 1
        if at < 0:
            raise FormatError(f"its pickle misses a mark at byte {self.place}")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def top(self, kind: type | tuple[type, ...]) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise FormatError(f"its pickle adds to what takes nothing at byte {self.place}")
        return self.stack[-1]

    def plain(self, value: Any) -> Any:
        """Return the stand-in for a name that is only mentioned."""
        if not isinstance(value, Name):
            return value
        found = self.constants.get(str(value))
        return Opaque(str(value)) if found is None else found

    def remember(self, key: int) -> None:
        if not self.stack:
            raise FormatError(f"its pickle remembers nothing at byte {self.place}")
        self.memo[key] = self.stack[-1]

    def recall(self, key: int) -> None:
        if key not in self.memo:
            raise FormatError(f"its pickle recalls what was never there at byte {self.place}")
        self.push(self.memo[key])

    # --- instructions with some work in them ---

    def long(self, count: int) -> None:
        if not 0 <= count <= MOST_DIGITS:
            raise FormatError(f"its pickle has a number of {count} bytes")
        self.push(int.from_bytes(self.take(count), "little", signed=True))

    def set_items(self, pairs: list[Any]) -> None:
        target = self.top((dict, Opaque))
        if len(pairs) % 2:
            raise FormatError("its pickle has a key without a value")
        if isinstance(target, Opaque):
            target.held += self.listed(pairs)
            return
        for key, value in zip(pairs[::2], pairs[1::2]):
            target[key_of(self.plain(key))] = self.plain(value)

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Name | Opaque) or not isinstance(arguments, tuple):
            raise FormatError(f"its pickle calls what is not a function at byte {self.place}")
        name = function.name if isinstance(function, Opaque) else str(function)
        if isinstance(function, Name) and name in self.calls:
            self.push(self.calls[name](*arguments))
            return
        if name.startswith("copyreg.") and arguments and isinstance(arguments[0], Opaque):
            name = arguments[0].name  # a general maker: what it makes says more
        self.push(Opaque(name, [*arguments, *(
            function.held if isinstance(function, Opaque) else ())]))

    def call_named(self) -> None:
        """A call with arguments by name, which no function of ours takes."""
        by_name = self.pop()
        self.call()
        made = self.stack[-1]
        if by_name and not isinstance(made, Opaque):
            raise FormatError(f"its pickle names arguments at byte {self.place}")
        if by_name:
            made.held.append(by_name)

    def build(self) -> None:
        """Attributes for what is on the stack: of dicts they are left out."""
        state = self.pop()
        target = self.top((dict, Opaque))
        if isinstance(target, Opaque):
            target.held.append(self.plain(state))

    def global_(self) -> None:
        module, name = self.line().decode("utf-8"), self.line().decode("utf-8")
        self.push(Name(module, name))

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise FormatError("its pickle names something that is not a text")
        self.push(Name(module, name))

    def listed(self, values: list[Any]) -> list[Any]:
        return [self.plain(value) for value in values]

    def dict_(self) -> None:
        pairs = self.pop_marked()
        self.push({})
        self.set_items(pairs)

    def decimal(self) -> None:
        line = self.line()
        if line in (b"00", b"01"):
            self.push(line == b"01")
            return
        if len(line) > MOST_DIGITS:
            raise FormatError("its pickle has a number without end")
        self.push(int(line.removesuffix(b"L")))


_SIMPLE = (str, int, float, bytes, NoneType, Opaque)


def key_of(value: Any) -> Any:
    """Return a valid dictionary key; deep tuples are refused, because hashing them may never end.
    """
    flat = isinstance(value, tuple) and len(value) <= MOST_PARTS and all(
        isinstance(part, _SIMPLE) for part in value)
    if not isinstance(value, _SIMPLE) and not flat:
        raise FormatError(f"its pickle has the key {short(value)}, neither a text nor a number")
    return value


def refused(name: str) -> FormatError:
    """The error for a file of which nothing can be read without what `name` does."""
    hint = ""
    if name.startswith("torch.nn.") or name.split(".")[0] in ("__main__", "models"):
        hint = ". A whole model was saved: save model.state_dict() instead"
    elif name.startswith("__torch__"):
        hint = ". It is a TorchScript program: save its state_dict() instead"
    elif name.startswith("numpy"):
        hint = ". Save NumPy values as tensors, or as .item() where they are numbers"
    return FormatError(f"its pickle names {short(name)}, and only tensors, numbers and texts "
                       f"in dicts, lists and tuples are read; no code was run{hint}")


def _tuple(count: int) -> Callable[[_Machine], None]:
    def rule(m: _Machine) -> None:
        m.push(tuple(m.listed([m.pop() for _ in range(count)][::-1])))

    return rule


def _append(m: _Machine) -> None:
    value = m.plain(m.pop())
    _list(m).append(value)


def _appends(m: _Machine) -> None:
    values = m.listed(m.pop_marked())
    _list(m).extend(values)


def _list(m: _Machine) -> list[Any]:
    """The list on the stack, or what an object there that is like one is made of."""
    found = m.top((list, Opaque))
    target: list[Any] = found.held if isinstance(found, Opaque) else found
    return target


def _set_item(m: _Machine) -> None:
    value, key = m.pop(), m.pop()
    m.set_items([key, value])


def _add_items(m: _Machine) -> None:
    values = m.listed(m.pop_marked())
    m.top(set).update(map(key_of, values))


def _text(form: str) -> Callable[[_Machine], None]:
    return lambda m: m.push(m.take(m.number(form)).decode("utf-8", "surrogatepass"))


def _bytes(form: str) -> Callable[[_Machine], None]:
    return lambda m: m.push(m.take(m.number(form)))


_RULES: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.take(1),  # the protocol
    b"\x95": lambda m: m.take(8),  # a frame: how long it is does not matter here
    b"(": lambda m: m.push(_MARK), b"0": lambda m: m.pop(), b"1": lambda m: m.pop_marked(),
    b"2": lambda m: m.push(m.top(object)),
    b"N": lambda m: m.push(None), b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False), b"I": _Machine.decimal, b"L": _Machine.decimal,
    b"J": lambda m: m.push(m.number("i")), b"K": lambda m: m.push(m.number("B")),
    b"M": lambda m: m.push(m.number("H")), b"\x8a": lambda m: m.long(m.number("B")),
    b"\x8b": lambda m: m.long(m.number("i")),
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    b"F": lambda m: m.push(float(m.line()[:MOST_DIGITS])),
    b"X": _text("I"), b"\x8c": _text("B"), b"\x8d": _text("Q"),
    b"V": lambda m: m.push(m.line().decode("raw-unicode-escape")),
    b"B": _bytes("I"), b"C": _bytes("B"), b"\x8e": _bytes("Q"),
    b"T": _text("I"), b"U": _text("B"),  # texts of Python 2
    b"}": lambda m: m.push({}), b"]": lambda m: m.push([]), b")": lambda m: m.push(()),
    b"\x8f": lambda m: m.push(set()), b"d": _Machine.dict_,
    b"l": lambda m: m.push(m.listed(m.pop_marked())),
    b"t": lambda m: m.push(tuple(m.listed(m.pop_marked()))),
    b"\x85": _tuple(1), b"\x86": _tuple(2), b"\x87": _tuple(3),
    b"a": _append, b"e": _appends, b"s": _set_item, b"u": lambda m: m.set_items(m.pop_marked()),
    b"\x90": _add_items,
    b"\x91": lambda m: m.push(frozenset(map(key_of, m.listed(m.pop_marked())))),
    b"\x96": lambda m: m.push(m.take(m.number("Q"))),  # a bytearray
    b"q": lambda m: m.remember(m.number("B")), b"r": lambda m: m.remember(m.number("I")),
    b"p": lambda m: m.remember(int(m.line()[:20])), b"\x94": lambda m: m.remember(len(m.memo)),
    b"h": lambda m: m.recall(m.number("B")), b"j": lambda m: m.recall(m.number("I")),
    b"g": lambda m: m.recall(int(m.line()[:20])),
    b"c": _Machine.global_, b"\x93": _Machine.stack_global,
    b"R": _Machine.call, b"\x81": _Machine.call, b"\x92": _Machine.call_named,
    b"b": _Machine.build,
    b"Q": lambda m: m.push(m.persistent(m.pop())),
}
