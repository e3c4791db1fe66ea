"""Read CuPy's names and signatures off an installed wheel, for the strict device.

    pip download --no-deps cupy-cuda13x==14.2.0
    python -m venv api && api/bin/pip install cupy_cuda13x-14.2.0-*.whl
    api/bin/python tools/cupy_api.py --out tinygrad_dls/backend/strict/cupy_api.json

No GPU is needed: the wheel imports without one. `--check FILE` compares instead of writing.
A signature is kept as the names of its parameters ("a, axis, out, *, casting"): the strict
device asks which names there are, not what they default to.
"""

import argparse
import importlib
import inspect
import json
import os
import re
import sys
import tempfile
import zlib
from pathlib import Path
from types import ModuleType

MODULES = ("cupy", "cupy.linalg", "cupy.random", "cupy.fft", "cupy.lib.stride_tricks")
ZLIB_HEADERS = (b"\x78\x01", b"\x78\x9c", b"\x78\xda")


def parameters_of_text(text: str) -> str:
    """The names in a signature as Cython writes it: 'self, int axis=-1, *, out=None'."""
    names, depth, part = [], 0, ""
    for letter in text + ",":
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            name = part.split("=")[0].split(":")[0].strip().split(" ")[-1]
            names.append(name.replace("\\", ""))
            part = ""
        else:
            part += letter
    return ", ".join(name for name in names if name and name != "self")


def parameters_of_signature(signature: inspect.Signature) -> str:
    """The names in a signature, with '/', '*', '*args' and '**kwargs' where they stand."""
    without_defaults = [
        parameter.replace(default=inspect.Parameter.empty, annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    return str(inspect.Signature(without_defaults))[1:-1]


def first_line_parameters(function: object, name: str) -> str | None:
    """The names in a docstring's first line 'name(x, ...)', None where it has no such line."""
    first_line = (getattr(function, "__doc__", None) or "").strip().split("\n")[0]
    match = re.match(rf"(?:\w+\.)?{name}\((.*)\)(?: -> .*)?$", first_line)
    return parameters_of_text(match[1]) if match else None


def parameters(function: object, name: str) -> str:
    """The names of a function's parameters; its docstring is asked where **kwargs hides them."""
    written = first_line_parameters(function, name)
    try:
        found = parameters_of_signature(inspect.signature(function))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        found = "*args, **kwargs"
    return written if written is not None and "**" in found else found


def ufunc_parameters(ufunc: object) -> str:
    """'x1, x2, /, out, *, casting, dtype': alike for every ufunc but for its inputs."""
    inputs = ["x"] if ufunc.nin == 1 else [f"x{i + 1}" for i in range(ufunc.nin)]
    outputs = [] if ufunc.nout == 1 else [f"out{i + 1}" for i in range(ufunc.nout)]
    return ", ".join(inputs + outputs + ["/", "out", "*", "casting", "dtype"])


def describe_module(module: ModuleType) -> dict:
    """Public names: functions and ufuncs with their parameters, everything else by name."""
    import cupy

    functions, ufuncs, others = {}, {}, []
    for name in dir(module):
        if name.startswith("_") or name == "annotations":
            continue
        value = getattr(module, name)
        if isinstance(value, cupy.ufunc):
            ufuncs[name] = ufunc_parameters(value)
        elif type(value).__name__ == "_GUFunc":
            inside = parameters_of_signature(inspect.signature(value)).replace("*args, ", "")
            ufuncs[name] = f"x1, x2, /, *, {inside}"
        elif inspect.isroutine(value):
            functions[name] = parameters(value, name)
        elif not inspect.ismodule(value) or value.__name__.startswith("cupy"):
            others.append(name)
    return {"functions": functions, "ufuncs": ufuncs, "others": others}


def describe_ndarray() -> dict:
    """Methods of cupy.ndarray with their parameters, its properties, its special methods."""
    import cupy

    methods, attributes, special = {}, [], []
    for name in dir(cupy.ndarray):
        value = getattr(cupy.ndarray, name)
        if name.startswith("__"):
            special.append(name)
        elif name.startswith("_"):
            continue
        elif callable(value):
            methods[name] = parameters(value, name)
        else:
            attributes.append(name)
    return {"methods": methods, "attributes": attributes, "special": special}


def compiled_texts(module: ModuleType) -> str:
    """The string constants of a Cython module, which lie compressed in its binary."""
    binary = Path(str(module.__file__)).read_bytes()
    found = []
    for header in ZLIB_HEADERS:
        for match in re.finditer(re.escape(header), binary):
            try:
                text = zlib.decompressobj().decompress(binary[match.start() :])
            except zlib.error:
                continue
            found.append(text.decode("latin1"))
    return "\n".join(found) + binary.decode("latin1")


def scatter_dtypes() -> dict[str, list[str]]:
    """{ufunc: dtypes its `.at` takes}: the dtypes stand in the messages of CuPy's own errors."""
    import cupy
    from cupy._core import _routines_indexing

    texts = compiled_texts(_routines_indexing)
    said = dict(re.findall(r"cupy\.(\w+)\.at only supports ([\w, ]+?),? as data type", texts))
    ufuncs = {
        name: getattr(value, "_scatter_op", None)
        for name, value in vars(cupy).items()
        if isinstance(value, cupy.ufunc)
    }
    missing = sorted(name for name, op in ufuncs.items() if op and name not in said)
    if missing:
        sys.exit(f"the dtypes of cupy.{missing[0]}.at were not found in the wheel")
    return {name: said[name].split(", ") for name, op in sorted(ufuncs.items()) if op}


def describe() -> dict:
    """The whole table."""
    import cupy

    methods = ("at", "reduce", "accumulate", "reduceat", "outer")
    return {
        "cupy": cupy.__version__,
        "modules": {name: describe_module(importlib.import_module(name)) for name in MODULES},
        "ndarray": describe_ndarray(),
        "ufunc": {name: parameters(getattr(cupy.ufunc, name), name) for name in methods},
        "scatter": scatter_dtypes(),
    }


def main() -> None:
    """Write the table, or with --check compare it with the one there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", type=Path, help="the file to write")
    action.add_argument("--check", type=Path, help="the file to compare with")
    arguments = parser.parse_args()
    text = json.dumps(describe(), indent=1) + "\n"
    if arguments.check:
        same = arguments.check.read_text() == text
        print("same" if same else "different")
        sys.exit(0 if same else 1)
    with tempfile.NamedTemporaryFile("w", dir=arguments.out.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, arguments.out)
    print(f"{arguments.out}: {len(text)} bytes")


if __name__ == "__main__":
    main()
