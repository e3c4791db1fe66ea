"""Adding an operation takes one class and one line in the table of names: all else follows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_dls as dls
from tinygrad_dls import ops
from tinygrad_dls.ops.names import NAMES

ROOT = Path(__file__).resolve().parents[2]
CLASS = '''

class Cbrt(Op):
    """y = the cube root of x.    dL/dx = dL/dy / (3 y**2)"""

    numpy = np.cbrt
    samples = unary_samples(low=0.5, high=3)

    def forward(self, x: Array) -> Array:
        return self.xp.cbrt(x)

    def backward(self, dy: Any, y: Any) -> Any:
        return dy / (3.0 * (y * y))
'''
LINE = '    Name("elementwise.Cbrt", function="cbrt cube_root", method="cbrt", numpy="cbrt"),\n'
PROGRAM = """
import runpy
import sys
import numpy as np
import pytest
import tinygrad_dls as dls
from tinygrad_dls import cube_root
from tinygrad_dls.ops.op import Op
from tests.ops import checks, declared

x = dls.tensor([1.0, 8.0], requires_grad=True)
for result in (dls.cbrt(x), cube_root([1.0, 8.0]), x.cbrt(), np.cbrt(x)):
    assert result.numpy().tolist() == [1.0, 2.0]
np.cbrt(x).sum().backward()
np.testing.assert_allclose(x.grad.numpy(), [1 / 3, 1 / 12])
assert {"cbrt", "cube_root"} <= set(dir(dls)) and "cbrt" in dir(x)
for owner, wrong, right in ((dls, "cube_rot", "cube_root"), (x, "cbrtt", "cbrt")):
    with pytest.raises(AttributeError, match=f"did you mean '{right}'"):
        getattr(owner, wrong)
assert "Cbrt" in Op.registry and Op.registry["Cbrt"].new_gradients
for check in checks.ALL:  # as tests/ops/test_declarations.py does
    for sample in checks.samples_of(declared.SAMPLED["Cbrt"]):
        check(declared.SAMPLED["Cbrt"], sample)
for tool in ("type_stubs", "op_table"):
    sys.argv = [f"tools/{tool}.py"]
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which Cbrt has been added by the recipe of CONTRIBUTING.md."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("tinygrad_dls", "tools", "tests/ops"):
        ignored = shutil.ignore_patterns("__pycache__", "*.gz", "*.npz", "*.safetensors", "*.js")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    family = folder / "tinygrad_dls/ops/elementwise.py"
    family.write_text(family.read_text("utf-8") + CLASS, "utf-8")
    table = folder / "tinygrad_dls/ops/names.py"
    before, end, after = table.read_text("utf-8").rpartition("\n)\n")
    table.write_text(f"{before}\n{LINE.rstrip()}{end}{after}", "utf-8")
    return folder


def test_an_operation_is_one_class_and_one_line(copy: Path) -> None:
    found = subprocess.run([sys.executable, "-c", PROGRAM], cwd=copy, capture_output=True,
                           text=True, env=os.environ | {"PYTHONPATH": str(copy)}, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    package = copy / "tinygrad_dls"
    functions, methods, operations, table = (
        (package / file).read_text("utf-8")
        for file in ("tensors/functions.pyi", "tensors/methods.pyi", "ops/__init__.pyi",
                     "ops/README.md"))
    assert "\ndef cube_root(x: Operand) -> Tensor: ...\n" in functions
    assert "\n    def cbrt(self) -> Tensor: ...\n" in methods
    assert "\ncbrt: Callable[..., Any]\n" in operations
    assert "| `Cbrt(x)` |" in table
    assert "| `cbrt` | `cbrt`, `cube_root` | `cbrt` | `cbrt` |" in table


def test_no_name_is_given_twice() -> None:
    for column in ("inner", "function", "method", "numpy"):
        words = [word for name in NAMES for word in getattr(name, column).split()]
        assert len(words) == len(set(words)), column


def test_names_are_where_the_table_says() -> None:
    for name in NAMES:
        function = getattr(ops, name.inner)
        for word in name.function.split():
            found = getattr(dls, word)
            assert getattr(found, "__wrapped__", found) is function, word
        for word in name.method.split():
            found = getattr(dls.Tensor, word)
            assert getattr(found, "__wrapped__", found) is function, word
