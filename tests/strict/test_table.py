"""The table of CuPy's names, and how signatures are read from it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tinygrad_dls.backend.strict import SignatureError
from tinygrad_dls.backend.strict.table import TABLE, Signature

FUNCTIONS = TABLE["modules"]["cupy"]["functions"]
UFUNCS = TABLE["modules"]["cupy"]["ufuncs"]
TOOL = Path(__file__).parents[2] / "tools" / "cupy_api.py"


@pytest.fixture(scope="module")
def tool():
    specification = importlib.util.spec_from_file_location("cupy_api", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_it_is_of_cupy_14():
    assert TABLE["cupy"].startswith("14.")
    assert set(TABLE["modules"]) >= {"cupy", "cupy.linalg", "cupy.random"}
    assert len(FUNCTIONS) > 250 and len(UFUNCS) > 90


def test_known_signatures():
    assert FUNCTIONS["sum"] == "a, axis, dtype, out, keepdims"
    assert FUNCTIONS["einsum"] == "subscripts, *operands, dtype, optimize"
    assert UFUNCS["add"] == "x1, x2, /, out, *, casting, dtype"
    assert TABLE["ndarray"]["methods"]["argmax"] == "axis, out, dtype, keepdims"
    assert "float32" in TABLE["scatter"]["add"] and "int16" not in TABLE["scatter"]["add"]


def test_every_signature_is_of_plain_names():
    texts = [TABLE["ndarray"]["methods"], TABLE["ufunc"]]
    texts += [
        module[kind] for module in TABLE["modules"].values() for kind in ("functions", "ufuncs")
    ]
    for text in (text for group in texts for text in group.values()):
        for name in filter(None, text.split(", ")):
            assert name in ("/", "*") or name.lstrip("*").isidentifier(), text


def test_no_name_is_listed_twice():
    for module in TABLE["modules"].values():
        names = [name for kind in module.values() for name in kind]
        assert len(names) == len(set(names))
        assert not any(name.startswith("_") for name in names)


def test_ufuncs_have_numpys_inputs():
    shared = [name for name in UFUNCS if isinstance(getattr(np, name, None), np.ufunc)]
    assert len(shared) > 90
    for name in shared:
        inputs = [p for p in UFUNCS[name].split(", ") if p.startswith("x")]
        assert len(inputs) == getattr(np, name).nin


def test_reading_a_signature():
    signature = Signature.parse("cupy.f", "x, y, /, axis, *, dtype")
    assert signature.positional == ("x", "y", "axis")
    assert signature.keywords == {"axis", "dtype"}
    signature.check(3, {"dtype": None})
    with pytest.raises(SignatureError, match="no keyword 'x'"):
        signature.check(2, {"x": 1})
    with pytest.raises(SignatureError, match="at most 3"):
        signature.check(4, {})
    free = Signature.parse("cupy.g", "mode, *rest, **options")
    free.check(9, {"anything": 1})
    assert free.any_positional == "rest" and free.any_keyword


def test_the_tool_reads_what_cython_writes(tool):
    line = "self, tuple shape=(1, 2), int axis=-1, *, dtype=None, **kwargs"
    assert tool.parameters_of_text(line) == "shape, axis, *, dtype, **kwargs"

    def einsum(*operands, **kwargs):
        """einsum(subscripts, *operands, dtype=None) -> array"""

    assert tool.parameters(einsum, "einsum") == "subscripts, *operands, dtype"

    def plain(a, b=1, /, *, c=None): ...

    assert tool.parameters(plain, "plain") == "a, b, /, *, c"


def test_the_table_is_the_wheels(tool):
    cupy = pytest.importorskip("cupy")
    if cupy.__version__ != TABLE["cupy"]:
        pytest.skip(f"CuPy {cupy.__version__} is here, the table is of {TABLE['cupy']}")
    assert tool.describe() == TABLE
