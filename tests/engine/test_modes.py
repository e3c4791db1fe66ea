"""Promise 8: no_grad and enable_grad, as blocks and decorators, each thread for itself."""

import threading

import numpy as np
import pytest

import tinygrad_dls as dls


@pytest.fixture
def x() -> dls.Tensor:
    return dls.Tensor([1.0, 2.0], requires_grad=True)


def test_no_grad_records_nothing_and_ends(x: dls.Tensor) -> None:
    with dls.no_grad():
        assert not dls.is_grad_enabled()
        y = x * 2.0
        assert not y.requires_grad
        with dls.enable_grad():
            assert (x * 2.0).requires_grad
        assert not dls.is_grad_enabled()
    assert dls.is_grad_enabled()
    assert (x * 2.0).requires_grad


def test_modes_end_with_errors_too(x: dls.Tensor) -> None:
    with pytest.raises(ZeroDivisionError), dls.no_grad():
        raise ZeroDivisionError
    assert dls.is_grad_enabled()
    with pytest.raises(dls.ShapeError), dls.no_grad():
        x @ dls.Tensor([1.0, 2.0, 3.0])
    assert dls.is_grad_enabled()


def test_decorators_with_and_without_parentheses(x: dls.Tensor) -> None:
    @dls.no_grad
    def plain(t: dls.Tensor) -> dls.Tensor:
        """Said here."""
        return t * 2.0

    @dls.no_grad()
    def called(t: dls.Tensor) -> dls.Tensor:
        return t * 2.0

    @dls.enable_grad()
    def recorded(t: dls.Tensor) -> dls.Tensor:
        return t * 2.0

    @dls.no_grad()
    def recursive(depth: int) -> bool:
        return recursive(depth - 1) if depth else dls.is_grad_enabled()

    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Said here."
    assert not plain(x).requires_grad
    assert not called(x).requires_grad
    assert recursive(5) is False
    with dls.no_grad():
        assert recorded(x).requires_grad
    assert dls.is_grad_enabled()


def test_one_object_can_be_entered_twice(x: dls.Tensor) -> None:
    off = dls.no_grad()
    with off, off:
        pass
    assert dls.is_grad_enabled()
    with off:
        assert not dls.is_grad_enabled()
    assert dls.is_grad_enabled()


def test_mode_is_of_the_thread(x: dls.Tensor) -> None:
    seen: list[bool] = []
    with dls.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2.0).requires_grad))
        thread.start()
        thread.join()
        assert not (x * 2.0).requires_grad
    assert seen == [True]


def test_backward_under_no_grad_and_of_rules_records_nothing(x: dls.Tensor) -> None:
    y = (x * x).sum()
    with dls.no_grad():
        y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert not x.grad.requires_grad


def test_create_graph_under_no_grad_records(x: dls.Tensor) -> None:
    y = (x * x * x).sum()
    with dls.no_grad():
        g, = dls.grad(y, [x], create_graph=True)
    assert g.requires_grad


# --- threads -------------------------------------------------------------------------------------


def test_two_threads_train_at_once_on_shared_leaves() -> None:
    w = dls.Tensor(np.ones((20, 20)), requires_grad=True)
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def work() -> None:
        try:
            start.wait()
            for _ in range(100):
                (w * 1.0 + w).sum().backward()
        except BaseException as error:  # pragma: no cover
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert np.all(w.grad.numpy() == 800.0)  # no share was lost


def test_threads_with_their_own_graphs_do_not_disturb_each_other() -> None:
    results: dict[int, np.ndarray] = {}

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        x = dls.Tensor(rng.standard_normal((5, 5)), requires_grad=True)
        for _ in range(20):
            x.grad = None
            with dls.no_grad():
                x *= 0.9
            (x @ x).tanh().sum().backward()
        results[seed] = x.grad.numpy()

    threads = [threading.Thread(target=work, args=(i % 3,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(results)
    for seed in range(3):
        work(seed)
        assert np.array_equal(together[seed], results[seed])
