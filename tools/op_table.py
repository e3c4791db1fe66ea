"""Write the table of all operations, tinygrad_dls/ops/README.md, from their declarations.

`--check` writes nothing and fails if the file is not what it would write.
"""

import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # the clone, in place of tools/

import tinygrad_dls  # noqa: E402, F401  (declares the operations)
from tinygrad_dls.ops.names import NAMES, Name  # noqa: E402
from tinygrad_dls.ops.op import Op  # noqa: E402

TABLE = ROOT / "tinygrad_dls" / "ops" / "README.md"
HEAD = """# Operations

Made by `python tools/op_table.py` from the declarations: one class each, with forward, backward
and the samples that prove it. `y` is the output, `L` what is differentiated. What users call them
is in the second table, which names.py has.

| operation | value and gradient | second derivative | file |
|---|---|---|---|
"""

NAMES_HEAD = """
## Names

| in `ops` | `dls.` | method of a tensor | `np.` | file |
|---|---|---|---|---|
"""


def table() -> str:
    """The whole file."""
    rows = []
    for op in Op.registry.values():
        text = " ".join((op.__doc__ or "").split("\n\n")[0].split())
        arguments = ", ".join([*op.inputs, *_parameters(op)])
        second = "-" if not op.differentiable else "no" if op.once else "yes"
        file = Path(inspect.getfile(op)).name
        formula = text.replace("|", "\\|").replace("*", "\\*")
        rows.append((file, f"| `{op.__name__}({arguments})` | {formula} | {second} | `{file}` |"))
    operations = "".join(f"{row}\n" for _, row in sorted(rows, key=lambda pair: pair[0]))
    called = (name for name in NAMES if name.function or name.method or name.numpy)
    return HEAD + operations + NAMES_HEAD + "".join(map(_names, called))


def _names(name: Name) -> str:
    columns = [", ".join(f"`{word}`" for word in words.split())
               for words in (name.inner, name.function, name.method, name.numpy)]
    file = name.op.partition(".")[0]
    return f"| {' | '.join(columns)} | `{file}.py` |\n"


def _parameters(op: type[Op]) -> list[str]:
    if "__init__" not in dir(op) or op.__init__ is object.__init__:
        return []
    return list(inspect.signature(op.__init__).parameters)[1:]


def main() -> int:
    """Write the table, or check it."""
    if sys.argv[1:] == ["--check"]:
        same = TABLE.is_file() and TABLE.read_text("utf-8") == table()
        print("the table is up to date" if same else "run: python tools/op_table.py")
        return int(not same)
    TABLE.write_text(table(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
