"""A recorded step as a Python function: one line for each instruction, and nothing else.

Of x -> maximum(tanh(w x), 0.5) and an optimizer it reads about like this; F, B, C are rules and
functions bound to names, so a line costs what the kernel under it costs:

    def step(x0):
        w0 = W0._data  # weight (4, 3) float32
        C0(c0)  # Optimizer.zero_grad
        linear_short(1, x0, w0, N0, b0, t0, 0)  # linear (5, 4)
        tanh(t0, t1)  # tanh (5, 4)
        t2 = F2(t1, c3)  # maximum (5, 4)
        ...

Operations whose kernels are known ahead of time (plan/stand_ins.py) are written as these, on arrays
that are made once. What others make has a name, deleted after the line that used it last, so memory
is freed as early as it can be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._util.callers import GENERATED
from ...backend.kernels.adding import added
from ...backend.kernels.table import wants_compiled
from ...engine.autograd import add_gradient, as_tensor, sum_to
from ...engine.versions import mark_write
from ...tensors import Tensor
from ..fuse.chains import fuse_chains
from ..fuse.outer_products import fuse_outer_products
from ..fuse.pairs import fuse_pairs
from ..record.operands import AsTensor, Constant, Input, Named, Operand, listed, named
from ..record.recorder import Instruction, Recorder, Result
from .chain_kernels import Kernel, caller, kernel_of
from .text import Line, function_text, said


class Program:
    """A step that was recorded, as source and as a function of its tensor arguments' arrays."""

    def __init__(
        self, recorder: Recorder, arguments: int, result: Any, device: Any
    ) -> None:
        self.device = device  # of all that is in it
        self.held, self.modules = recorder.held, recorder.modules
        held = {id(h.tensor) for h in self.held}
        self.attributes = [(vars(module), name, value) for module, _ in self.modules
                           for name, value in vars(module).items() if id(value) in held]
        self._constant = {recorder.infos[n].owner for n in recorder.constants
                          if n in recorder.infos}  # who owns the memory of constants
        self._infos = recorder.infos
        self.namespace: dict[str, Any] = {
            "added": added, "sum_to": sum_to, "add_gradient": add_gradient,
            "mark_write": mark_write, "tensor": as_tensor,
        }
        self._numbers: dict[tuple[str, int], str] = {}
        lines = [Line(f"{h.name} = {self._bind('W', h.tensor)}._data", [h.name],
                      f"{h.tensor.name or 'held'} {h.array.shape} {h.array.dtype}")
                 for h in self.held]
        self._ops: dict[int, Any] = {}
        self._chains: dict[str, tuple[Instruction, Kernel]] = {}
        self._plain: list[str] = []  # their operations one by one, as functions
        outside: list[Named] = []
        answer = Line(self._structure(result, outside), outside)
        instructions = fuse_pairs(recorder, set(outside))
        instructions = fuse_outer_products(instructions, outside, recorder.infos)
        instructions = fuse_chains(instructions, outside, recorder.infos, recorder.constants)
        self.namespace.update((str(name), value) for name, value in recorder.constants.items())
        self._fixed: set[Named] = set()  # names of arrays that are made once
        self.team = 0  # how many threads it was planned for, and how many there are
        self.threads: Callable[[], int] | None = None
        launches: dict[int, list[Line]] = {}
        if wants_compiled():
            from .launches import Launches, team  # needs Numba

            planned = Launches(instructions, recorder, outside)
            self._fixed, launches = planned.fixed, planned.lines
            self.team, self.threads = planned.team, team
            self.namespace.update(planned.namespace)
        for number, i in enumerate(instructions):
            lines += launches.get(number) or getattr(self, f"_{i.kind}")(i)
        step = function_text("step", map(Input, range(arguments)), lines, answer, self._fixed)
        functions = "\n\n".join([step, *self._plain])
        self.source = "\n\n".join([functions, *self._kernels()])
        code = compile(functions, GENERATED, "exec")
        exec(code, self.namespace)
        for name, (i, kernel) in self._chains.items():
            plain = self.namespace[f"plain_{name}"]
            self.namespace[name] = caller(i.subject, kernel, i.takes, plain)
        self.run: Callable[..., Any] = self.namespace["step"]

    def _bind(self, letter: str, value: Any) -> str:
        """The name under which the program finds an object: the same one for the same object."""
        key = letter, id(value)
        if key not in self._numbers:
            count = sum(known[0] == letter for known in self._numbers)
            self._numbers[key] = f"{letter}{count}"
            self.namespace[self._numbers[key]] = value
        return self._numbers[key]

    # --- one line for each kind of instruction ---------------------------------------------------

    def _forward(self, i: Instruction) -> list[Line]:
        op, (drawn, shapes) = i.subject, i.detail
        lines = [Line(f"{self._bind('O', op)}.{name} = {seed}", [seed])
                 for name, seed in drawn.items()]
        call = f"{self._bind('F', op.forward)}({listed(i.takes)})"
        lines.append(_line(i, f"{listed(i.makes)} = {call}", said(i)))
        if shapes[0] == ():  # a reduction may leave a NumPy scalar
            made = named(i.makes[:1])
            asarray = self._bind("A", op.device.asarray)
            lines.append(Line(f"{made[0]} = {asarray}({made[0]})", made))
        return lines

    def _backward(self, i: Instruction) -> list[Line]:
        dy, *saved = i.takes
        takes = "".join(f"{operand}, " for operand in saved).rstrip(" ")
        makes = listed(i.makes) + ("," if len(i.makes) == 1 else "")
        call = f"{self._bind('B', i.subject.back)}({dy}, ({takes}))"
        return [_line(i, f"{makes} = {call}", said(i))]

    def _cast(self, i: Instruction) -> list[Line]:
        return [_line(i, f"{i.makes[0]} = {i.takes[0]}.astype({str(i.subject)!r})")]

    def _sum_to(self, i: Instruction) -> list[Line]:
        return [_line(i, f"{i.makes[0]} = sum_to({i.takes[0]}, {i.subject})", "undo broadcasting")]

    def _add(self, i: Instruction) -> list[Line]:
        return [_line(i, f"{i.makes[0]} = added({listed(i.takes)})",
                      "used twice: the shares add")]

    def _outer_products(self, i: Instruction) -> list[Line]:
        start, *vectors = i.takes
        columns, rows = (", ".join(map("{}{}".format, of, i.subject.kinds))
                         for of in (vectors[::2], vectors[1::2]))
        call = f"{self._bind('F', i.subject.kernel)}([{columns}], [{rows}], {start})"
        return [_line(i, f"{i.makes[0]} = {call}", "outer products, summed")]

    def _gradient(self, i: Instruction) -> list[Line]:
        call = f"add_gradient({self._bind('W', i.subject)}, {i.takes[0]}, {i.detail})"
        return [_line(i, f"{i.makes[0]} = {call}",
                      f"gradient of {i.subject.name or i.subject.shape}")]

    def _seed(self, i: Instruction) -> list[Line]:
        return [_line(i, f"{i.makes[0]} = {self._bind('S', i.subject.stream)}()", "for dropout")]

    def _wrote(self, i: Instruction) -> list[Line]:
        return [_line(i, f"mark_write({i.takes[0]}, {i.subject!r})")]

    def _call(self, i: Instruction) -> list[Line]:
        takes = ", ".join(map(self._argument, i.takes))
        options = "".join(f", {k}={self._bind('P', v)}" for k, v in i.detail.items())
        call = f"{self._bind('C', i.subject)}({takes}{options})"
        made = f"{i.makes[0]} = {call}._data" if i.makes else call
        return [_line(i, made, i.subject.__qualname__)]

    def _argument(self, operand: Operand) -> str:
        if not isinstance(operand, AsTensor):
            return str(operand)
        self.namespace["DEVICE"] = self.device
        return f"tensor({operand.array}, DEVICE)"

    def _chain(self, i: Instruction) -> list[Line]:
        lines = [x for one in i.subject.members for x in getattr(self, f"_{one.kind}")(one)]
        kernel = kernel_of(i.subject, named(i.makes))
        name, makes = f"K{len(self._chains)}", listed(kernel.results)
        self._chains[name] = i, kernel
        answer = Line(makes, named(kernel.results))
        self._plain.append(
            function_text(f"plain_{name}", named(i.takes), lines, answer, self._fixed))
        same = [Line(f"{n} = {of}", named([n, of]), "the same array")
                for n, of in kernel.aliases.items()]
        return [Line(f"{makes} = {name}({listed(i.takes)})", named([*kernel.results, *i.takes]),
                     f"chain: {i.subject.said()}"), *same]

    def _kernels(self) -> list[str]:
        """The kernels of chains, as text: alike ones once."""
        names: dict[str, list[str]] = {}
        for name, (_, kernel) in self._chains.items():
            names.setdefault(kernel.text, []).append(name)
        return [f"# the kernel of {', '.join(of)}\n{text}" for text, of in names.items()]

    def _structure(self, result: Any, names: list[Named]) -> str:
        """The result as an expression that makes it, and in `names` what it is made of."""
        if isinstance(result, Result):
            kind = self._infos.get(result.name)
            constant = isinstance(result.name, Constant) or (
                kind and kind.owner in self._constant)
            copied = ".copy()" if constant else ""  # who gets it may write to it
            of = "" if result.kind is Tensor else f", None, {self._bind('T', result.kind)}"
            names += named([result.name])
            return f"tensor({result.name}{copied}, {self._bind('D', result.device)}{of})"
        if isinstance(result, (list, tuple)) and not hasattr(result, "_fields"):
            inside = "".join(f"{self._structure(v, names)}, " for v in result).rstrip(" ")
            return f"({inside})" if isinstance(result, tuple) else f"[{inside}]"
        if isinstance(result, dict):
            inside = ", ".join(f"{k!r}: {self._structure(v, names)}" for k, v in result.items())
            return f"{{{inside}}}"
        if hasattr(result, "_fields"):
            inside = ", ".join(self._structure(v, names) for v in result)
            return f"{self._bind('R', type(result))}({inside})"
        return self._bind("R", result)


def _line(i: Instruction, text: str, comment: str = "") -> Line:
    """A line that names what an instruction makes, then what it takes."""
    return Line(text, named([*i.makes, *i.takes]), comment)

