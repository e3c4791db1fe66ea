"""Bad input to checks, pictures, the command line and the environment."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.cli import main


def test_nothing_checked_is_not_right(tmp_path, capsys):
    report = dls.gradcheck(lambda x: (x * float("nan")).sum(), dls.Tensor([1.0, 2.0]))
    assert not report.ok
    script = tmp_path / "nan.py"
    script.write_text(
        "import tinygrad_dls as dls\n"
        "x = dls.Tensor([1.0], requires_grad=True)\nloss = (x * float('nan')).sum()\n"
    )
    assert main(["gradcheck", str(script)]) == 1
    assert "nothing could be checked" in capsys.readouterr().out


@pytest.mark.parametrize("shapes", [((3,), (2,)), ((4, 3), (2,)), ((2, 3), (5, 1)), ((2, 2), ())])
def test_compare_shapes_that_have_nothing_in_common(shapes, capsys):
    mine, auto = (np.ones(shape) for shape in shapes)
    assert not dls.compare("dW", mine, auto)
    assert f"mine {shapes[0]}, auto {shapes[1]}" in capsys.readouterr().out


def test_compare_what_is_no_number():
    with pytest.raises(dls.DtypeError, match="compare takes tensors"):
        dls.compare("dW", "x", np.ones(3))


@pytest.mark.parametrize("name", ["a" * 300 + ".svg", "\0.svg"])
def test_pictures_under_names_no_file_can_have(tmp_path, name):
    graph = dls.graph(dls.Tensor([1.0], requires_grad=True).sum())
    with pytest.raises((dls.DataError, ValueError)):
        graph.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [["--seed", "-1"], ["--seed", "x"], ["--out", ""]])
def test_lesson_options(options, capsys):
    with pytest.raises(SystemExit) as left:
        main(["lesson", "c1w2-computation-graph", *options])
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_empty_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("TINYGRAD_DLS_KERNELS", "")
    assert isinstance(wants_compiled(), bool)
    monkeypatch.setenv("TINYGRAD_DLS_KERNELS", "x")
    with pytest.raises(dls.DeviceError, match="'compiled' or 'reference'"):
        wants_compiled()
