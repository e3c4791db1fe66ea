"""ONNX's own backend tests: each node case of the installed onnx, read by import_onnx.

A case passes, is refused with an error of ours, or stands in BY_DESIGN. What we have no type for
is left out: texts, sequences, optional values.
"""

import fnmatch
from typing import NamedTuple

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.io import import_onnx

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # cases about infinities and NaN

BY_DESIGN = {  # names of cases -> why ours gives something else
    "test_*bf16*": "bfloat16 is computed in float32; only casts round to it",
    "test_*bfloat16*": "bfloat16 is computed in float32; only casts round to it",
    "test_training_dropout*": "drops at random, and our random numbers are not NumPy's",
    "test_resize_downsample_scales_*_align_corners":
        "corners are aligned by the whole lengths, as the text of the specification, onnxruntime "
        "and PyTorch have it; the reference aligns them by the fraction that the scale means",
}
NARROW = {"float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float4_e2m1fn",
          "float8_e8m0fnu", "int4", "uint4", "int2", "uint2"}  # types that files are refused for
MANY = 1884  # cases of onnx 1.23.2; newer ones may have more
PASSED = 1500  # of them


class Outcome(NamedTuple):
    """What became of one case."""

    name: str
    what: str  # passed, refused, different, raw error, or left out
    why: str


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """All node cases, run once."""
    node = pytest.importorskip("onnx.backend.test.case.node")
    path = tmp_path_factory.mktemp("onnx") / "m.onnx"
    return [run(case, path) for case in node.collect_testcases(None)]


def run(case, path):
    """The outcome of a case, whose file is written to `path`."""
    path.write_bytes(case.model.SerializeToString())
    for given, wanted in case.data_sets:
        given, wanted = [as_array(x) for x in given], [as_array(x) for x in wanted]
        if any(x is None for x in (*given, *wanted)):
            return Outcome(case.name, "left out", "it is about texts or sequences")
        try:
            found = import_onnx(path)(*[dls.Tensor(x, dtype=x.dtype) for x in given])
        except dls.Error as error:
            return Outcome(case.name, "refused", str(error))
        except Exception as error:
            return Outcome(case.name, "raw error", repr(error))
        found = found if isinstance(found, tuple) else (found,)
        for got, want in zip(found, wanted, strict=True):
            got = got.numpy()
            if (got.dtype, got.shape) != (want.dtype, want.shape):
                return Outcome(case.name, "different", f"{got.dtype} {got.shape} in place of "
                                                       f"{want.dtype} {want.shape}")
            rtol = max(case.rtol, 2e-3) if got.dtype == np.float16 else case.rtol  # two roundings
            if not np.allclose(got, want, rtol=rtol, atol=case.atol, equal_nan=True):
                return Outcome(case.name, "different", f"{got.ravel()[:5]} in place of "
                                                       f"{want.ravel()[:5]}")
    return Outcome(case.name, "passed", "")


def as_array(value):
    """An array of a dtype that we have, bfloat16 as float32; None for anything else."""
    value = onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind in "OUS":
        return None
    value = np.asarray(value)
    if value.dtype.name == "bfloat16":
        return value.astype(np.float32)
    if value.dtype.name in NARROW:  # such files are refused when they are read
        return value.astype(np.float32 if "float" in value.dtype.name else np.int8)
    return value


def test_nothing_is_different_but_by_design(outcomes):
    odd = [o for o in outcomes if o.what == "different" and not any(
        fnmatch.fnmatch(o.name, pattern) for pattern in BY_DESIGN)]
    assert not odd, "\n".join(map(str, odd))


def test_nothing_ends_with_a_raw_error(outcomes):
    assert not [o for o in outcomes if o.what == "raw error"]


def test_most_cases_pass(outcomes):
    passed = sum(o.what == "passed" for o in outcomes)
    assert len(outcomes) < MANY or passed >= PASSED, f"{passed} of {len(outcomes)}"


def test_each_difference_by_design_is_there(outcomes):
    different = {o.name for o in outcomes if o.what == "different"}
    if len(outcomes) >= MANY:
        assert all(fnmatch.filter(different, pattern) for pattern in BY_DESIGN)
