"""The derivative that an operation declares in its docstring, as text and as LaTeX.

"y = tanh(x).    dL/dx = dL/dy * (1 - y**2)" says how dL/dx follows from dL/dy. Here that part is
found for one input, the names of the operation's operands are replaced by those of a computation,
and what is a formula (and not words) is set in LaTeX.
"""

import ast
import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..ops.op import Op

FUNCTIONS = {
    "exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "sigmoid", "softmax",
    "onehot", "erf", "max", "min", "mean", "sum",
}
LETTERS = {"L", "T", "n", "p", "s", "t", "P", "g", "eps", "pi", "mean", "var", "label"}
ELSEWHERE = "see this file's text"
NAME = r"[A-Za-z_]\w*"
WHOLE = re.compile(r"dL/d[A-Za-z_]\w*|[A-Za-z_]\w*")  # a gradient, or a name


@cache
def derivative(op: type[Op], operand: str) -> str:
    """Find what `op` declares of the gradient of one operand: the text after dL/dx =.

    "" where it says nothing of its own.
    """
    own = inspect.cleandoc(op.__doc__ or "")
    found = _of_operand(own, operand) or _of_operand(own, operand.removesuffix("s"))
    if not found or found.startswith(ELSEWHERE):  # several ops share one rule
        shared = _of_operand(sys.modules[op.__module__].__doc__ or "", operand)
        found = shared + found.removeprefix(ELSEWHERE) if shared else found
    if not found:
        general = re.search(r"dL/dy goes [^.\n]*|(?:[Bb]ack(?: through time)?: .*)|"
                            r"The gradients are [^.]*", own)
        found = " ".join(general[0].split()) if general else ""
    return found


def _of_operand(text: str, operand: str) -> str:
    name = rf"dL/d{re.escape(operand)}(?:\[[^\]]*\]|_t)?(?!\w)"
    equal = re.search(rf"{name}\s*=\s*(.*?)(?=,  |;  |,    |\.\s|\.$| = -dL/d\w+|$)", text,
                      re.MULTILINE)
    if equal:
        return equal[1].strip()
    negative = re.search(rf"dL/d(\w+) = [^,\n]*= -{name}", text)
    if negative:
        return f"-dL/d{negative[1]}"
    words = re.search(rf"{name}(?::| is) (.*?)(?=;|\.\s|\.$|\n\n|$(?!\n))", text, re.DOTALL)
    return " ".join(words[1].split()) if words else ""


def value(op: type[Op]) -> str:
    """The formula of the output: the declaration up to the derivative."""
    first = inspect.cleandoc(op.__doc__ or "").partition("\n")[0]
    return re.split(r"\.?    |\.$", first)[0].rstrip(".")


def formula_part(text: str) -> tuple[str, str]:
    """(the formula, the words after it): "dL/dy / n", "spread over the n that were averaged"."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            return text[:i], text[i + 1 :].strip()
    return text, ""


def is_formula(text: str, operands: Mapping[str, str], parameters: Mapping[str, Any]) -> bool:
    """Return whether all names in a text are operands, parameters and functions: no words."""
    known = FUNCTIONS | LETTERS | set(operands) | set(parameters) | {"y"}
    return all(t.startswith("dL/d") or t in known for t in WHOLE.findall(text))


def substituted(text: str, names: Mapping[str, str], everywhere: bool) -> str:
    """The text with dL/dx as dL/d(name of x); `everywhere`: also x itself."""

    def replaced(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith("dL/d"):
            return f"dL/d{names.get(token[4:], token[4:])}"
        return names.get(token, token) if everywhere else token

    return WHOLE.sub(replaced, text)


# --- LaTeX ---------------------------------------------------------------------------------------


def gradient_latex(name: str) -> str:
    """The derivative of the loss with respect to a value, as a fraction."""
    return rf"\frac{{\partial L}}{{\partial {name_latex(name)}}}"


def name_latex(name: str) -> str:
    """A name as LaTeX: W1 as W_{1}, other long names upright."""
    if match := re.fullmatch(r"([A-Za-z])_?(\d+)", name):
        return f"{match[1]}_{{{match[2]}}}"
    return name if re.fullmatch(r"[A-Za-z]", name) else rf"\mathrm{{{_escaped(name)}}}"


def words_latex(text: str, names: Mapping[str, str]) -> str:
    """Declared words as LaTeX, with the gradients among them as fractions."""
    parts = re.split(r"(dL/d[A-Za-z_]\w*)", text)
    return "".join(
        gradient_latex(names.get(part[4:], part[4:])) if i % 2
        else rf"\text{{{_escaped(part)}}}" if part else ""
        for i, part in enumerate(parts)
    )


def formula_latex(text: str, names: Mapping[str, str]) -> str:
    """A declared formula with names of the computation, as LaTeX; as words if it is none."""
    marks: dict[str, str] = {}

    def marked(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith("dL/d"):
            latex = gradient_latex(names.get(token[4:], token[4:]))
        elif token in names:
            latex = name_latex(names[token])
        else:
            return token
        marks[f"mark{len(marks)}_"] = latex
        return f"mark{len(marks) - 1}_"

    code = WHOLE.sub(marked, text)
    code = re.sub(r"\|([^|]+)\|", r"abs(\1)", code)
    code = re.sub(rf"(?<![\w.])({NAME}|\d+|\))(?<!\.T) +(?={NAME}|\()", _times, code)
    try:
        return _latex(ast.parse(code.strip(), mode="eval").body, marks)
    except (SyntaxError, ValueError):
        return words_latex(text, names)


def _times(match: re.Match[str]) -> str:
    """A product without a sign, such as 2 y, with one."""
    word = match[1]
    return f"{word} " if word in FUNCTIONS else f"{word} * "


OPERATORS: dict[type[ast.AST], tuple[int, str]] = {
    ast.Add: (1, " + "), ast.Sub: (1, " - "), ast.Mult: (2, r" \cdot "), ast.MatMult: (2, r" \, "),
}


def _latex(node: ast.expr, marks: Mapping[str, str], inside: int = 0) -> str:
    """One node of a formula; `inside`: how tightly the operator around it binds."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return marks.get(node.id) or (rf"\{node.id}" if node.id == "pi" else name_latex(node.id))
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return f"{_latex(node.value, marks, 3)}^{{T}}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        text = f"-{_latex(node.operand, marks, 2)}"
        return rf"\left({text}\right)" if inside > 2 else text
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return _call(node.func.id, _latex(node.args[0], marks))
    if isinstance(node, ast.BinOp):
        return _binary(node, marks, inside)
    raise ValueError(f"not a formula: {ast.dump(node)}")


def _call(function: str, argument: str) -> str:
    if function == "sqrt":
        return rf"\sqrt{{{argument}}}"
    if function == "abs":
        return rf"\left|{argument}\right|"
    known = function in {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"}
    head = rf"\{function}" if known else rf"\operatorname{{{function}}}"
    return rf"{head}\left({argument}\right)"


def _binary(node: ast.BinOp, marks: Mapping[str, str], inside: int) -> str:
    if isinstance(node.op, ast.Div):
        return rf"\frac{{{_latex(node.left, marks)}}}{{{_latex(node.right, marks)}}}"
    if isinstance(node.op, ast.Pow):
        return f"{_latex(node.left, marks, 3)}^{{{_latex(node.right, marks)}}}"
    if type(node.op) not in OPERATORS:
        raise ValueError("an operator without LaTeX")
    binds, sign = OPERATORS[type(node.op)]
    right = binds + isinstance(node.op, ast.Sub)
    text = f"{_latex(node.left, marks, binds)}{sign}{_latex(node.right, marks, right)}"
    return rf"\left({text}\right)" if binds < inside else text


def _escaped(text: str) -> str:
    """Text between words of LaTeX: characters that mean something there are escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c) or (f"\\{c}" if c in "#$%&_{}" else c) for c in text)
