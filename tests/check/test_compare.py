"""compare: one verdict line."""

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.check import compare

G = np.random.default_rng(0).standard_normal((3, 4))


def test_exact_close_and_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("dW1", G, dls.Tensor(G)).exact
    assert capsys.readouterr().out == "dW1   exact\n"
    near = G.copy()
    near[1, 1] += 3e-16 * 8
    close = compare("dW1", near, G)
    assert close and close.ok and not close.exact and 0 < close.max_difference < 1e-14
    assert capsys.readouterr().out.startswith("dW1   close  (max difference ")
    wrong = compare("dW1", G / 2, G)
    assert not wrong and wrong.hint.endswith("mine = 1/2 of it")
    place = tuple(np.unravel_index(np.abs(G).argmax(), G.shape))
    assert wrong.where == place and wrong.max_difference == np.abs(G / 2).max()
    assert capsys.readouterr().out.startswith(f"dW1   WRONG  at [{place[0]}, {place[1]}]: mine ")


def test_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert not compare("b", G, -G, print=False)
    assert capsys.readouterr().out == ""


def test_one_element() -> None:
    mine = G.copy()
    mine[2, 0] += 0.5
    found = compare("dW", mine, G, print=False)
    assert found.where == (2, 0) and "1 of 12 elements differ" in found.hint


@pytest.mark.parametrize(("mine", "said"), [
    (G.T, "mine (4, 3), auto (3, 4): it is the transpose, write .T"),
    (G.reshape(3, 4, 1), "axes of length 1"),
    (G.ravel(), "mine (12,), auto (3, 4)"),
    (np.where(G == G[1, 2], np.nan, G), "at [1, 2]: mine is nan"),
    (-G, "mine = minus it (wrong sign)"),
    (G * 0, "mine is 0 everywhere"),
    (None, "mine is None"),
])
def test_hints(mine: object, said: str) -> None:
    found = compare("dW", mine, G, print=False)
    assert not found and said in found.hint


def test_a_gradient_that_was_never_computed() -> None:
    w = dls.Tensor(G, requires_grad=True)
    assert "auto is None: no gradient was computed" in compare("dW", G, w.grad, print=False).hint


def test_tolerance_follows_the_dtype() -> None:
    single = G.astype("float32")
    assert compare("dW", single * np.float32(1 + 1e-6), G, print=False)
    assert not compare("dW", G * (1 + 1e-6), G, print=False)
    assert compare("dW", G * (1 + 1e-6), G, rtol=1e-5, print=False)
    assert compare("d", np.zeros((0, 3)), np.zeros((0, 3)), print=False).exact
