"""NumPy's floating-point warnings point at the user's line, as those of `fit` do."""

import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls._util.callers import point_numpy_warnings_at_users

HERE = __file__


@pytest.fixture
def shown(monkeypatch) -> list[tuple[str, str, int]]:
    """(message, file, line) of what is shown on the terminal."""
    lines: list[tuple[str, str, int]] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, category, file, line, *_: (
        lines.append((str(message), file, line))))
    point_numpy_warnings_at_users()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield lines


def line() -> int:
    return inspect.currentframe().f_back.f_lineno


OPERATIONS = {
    "log": lambda: dls.zeros(3).log(),
    "divide": lambda: 1 / dls.zeros(3),
    "subtract": lambda: dls.full(3, np.inf) - dls.full(3, np.inf),
    "sum": lambda: dls.Tensor(np.float32([3e38] * 3)).sum(),  # warned of in NumPy's own file
    "matmul": lambda: dls.full((2, 2), np.inf) @ dls.zeros((2, 2)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_line_is_the_user_s(shown, name):
    call = OPERATIONS[name]
    call()
    (message, file, number), = shown
    assert file == HERE and number == call.__code__.co_firstlineno
    assert "encountered in" in message


def test_of_backward_it_is_that_of_backward(shown):
    x = dls.full(3, 80.0, requires_grad=True)
    y = x.exp()  # 5.5e34
    y.backward(dls.full(3, 1e10)); expected = line()  # noqa: E702  dL/dx = 5.5e44
    assert [(file, number) for _, file, number in shown] == [(HERE, expected)]


def test_of_a_captured_step_it_is_that_of_its_call(shown):
    step = dls.capture(lambda x: (x @ x).log())
    x = dls.zeros((2, 2))
    for _ in range(4):
        step(x); expected = line()  # noqa: E702
    assert shown and {file for _, file, _ in shown} == {HERE}
    assert expected in {number for _, _, number in shown}


def test_each_line_warns_once(shown):
    for _ in range(3):
        dls.zeros(3).log()
        dls.zeros(3).log()
    assert len(shown) == 2


def test_what_the_user_says_of_warnings_holds(shown):
    with np.errstate(divide="ignore"):
        dls.zeros(3).log()
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        dls.zeros(3).log()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dls.zeros(3).log()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            dls.zeros(3).log()
    assert shown == []


def test_other_warnings_are_shown_as_before(shown):
    np.log(np.zeros(3)); expected = line()  # noqa: E702
    np.mean(np.float32([3e38] * 3))
    warnings.warn("mine", stacklevel=1)
    assert shown[0][1:] == (HERE, expected)
    assert "numpy" in shown[1][1]
    assert shown[2][:2] == ("mine", HERE)


def test_it_is_so_from_the_start(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("import tinygrad_dls as dls\n\ndls.zeros(3).log()\n")
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert "mine.py:3: RuntimeWarning: divide by zero encountered in log" in result.stderr


def test_softsign_of_large_numbers_goes_back_without_an_overflow():
    x = dls.Tensor(np.float32([1e25, -1e25, 3.0]), requires_grad=True)
    with np.errstate(over="raise"):
        dls.nn.functional.softsign(x).sum().backward()
    np.testing.assert_allclose(x.grad, [0, 0, 1 / 16], rtol=1e-6)
