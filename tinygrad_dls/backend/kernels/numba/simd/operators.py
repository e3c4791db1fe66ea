"""Python's operators on vectors: + - * / and comparisons; a number is a vector full of it."""

import operator
from typing import Any

from numba import extending, types
from numba.core.typing import templates

from .types import Mask, Vector, joined, operand

lower_builtin: Any = extending.lower_builtin
infer_global: Any = templates.infer_global
signature: Any = templates.signature


def _define(function: Any, compute: Any, gives_mask: bool = False) -> None:
    """Teach Numba what a Python operator does with vectors."""

    @infer_global(function)
    class _Template(templates.AbstractTemplate):
        def generic(self, arguments: Any, keywords: Any) -> Any:
            if keywords or len(arguments) != 2 or (kind := joined(*arguments)) is None:
                return None
            return signature(Mask(kind.count) if gives_mask else kind, *arguments)

    def generate(context: Any, builder: Any, s: Any, a: Any) -> Any:
        kind = joined(*s.args)
        assert kind is not None  # the template saw to that
        return compute(builder, *(operand(context, builder, v, t, kind)
                                  for v, t in zip(a, s.args)))

    for left, right in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, left, right)(generate)


# "contract" lets a product and a sum become one instruction, as in all our kernels.
_define(operator.add, lambda b, x, y: b.fadd(x, y, flags=("contract",)))
_define(operator.sub, lambda b, x, y: b.fsub(x, y, flags=("contract",)))
_define(operator.mul, lambda b, x, y: b.fmul(x, y, flags=("contract",)))
_define(operator.truediv, lambda b, x, y: b.fdiv(x, y))
_define(operator.iadd, lambda b, x, y: b.fadd(x, y, flags=("contract",)))
_define(operator.isub, lambda b, x, y: b.fsub(x, y, flags=("contract",)))
_define(operator.imul, lambda b, x, y: b.fmul(x, y, flags=("contract",)))
for _symbol, _function in (("<", operator.lt), ("<=", operator.le), (">", operator.gt),
                           (">=", operator.ge), ("==", operator.eq)):
    _define(_function, lambda b, x, y, symbol=_symbol: b.fcmp_ordered(symbol, x, y), True)
_define(operator.ne, lambda b, x, y: b.fcmp_unordered("!=", x, y), True)


@infer_global(operator.neg)
class _NegativeTemplate(templates.AbstractTemplate):
    def generic(self, arguments: Any, keywords: Any) -> Any:
        return signature(arguments[0], arguments[0]) if isinstance(arguments[0], Vector) else None


@lower_builtin(operator.neg, Vector)
def _negative(context: Any, builder: Any, s: Any, a: Any) -> Any:
    return builder.fneg(a[0])
