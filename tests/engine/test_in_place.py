"""Promise 5: a saved value that is overwritten is an error that names both places."""

import re
from collections.abc import Callable

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.engine.versions import mark_write


def write_item(x: dls.Tensor) -> None:
    x[0] = 9.0


def write_all(x: dls.Tensor) -> None:
    x[...] = 9.0


def write_mask(x: dls.Tensor) -> None:
    x[x > -100.0] = 9.0


def write_copy(x: dls.Tensor) -> None:
    x.copy_(np.full(x.shape, 9.0))


def write_data(x: dls.Tensor) -> None:
    x.data = np.full(x.shape, 9.0, "float32")


def write_add(x: dls.Tensor) -> None:
    x += 1.0


def write_mul(x: dls.Tensor) -> None:
    x *= 2.0


def write_sub(x: dls.Tensor) -> None:
    x -= 1.0


def write_div(x: dls.Tensor) -> None:
    x /= 2.0


def write_through_a_view(x: dls.Tensor) -> None:
    x.detach()[1:].reshape(-1)[...] = 9.0


def write_as_an_optimizer(x: dls.Tensor) -> None:
    x.data[...] -= 0.1
    mark_write(x.data, "optimizer step")


WRITES = [write_item, write_all, write_mask, write_copy, write_data, write_add, write_mul,
          write_sub, write_div, write_through_a_view, write_as_an_optimizer]


@pytest.mark.parametrize("write", WRITES)
def test_overwritten_input_is_an_error_naming_both(write: Callable[[dls.Tensor], None]) -> None:
    x = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = (x * x).sum()
    with dls.no_grad():
        write(x)
    with pytest.raises(dls.GraphError) as caught:
        loss.backward()
    text = str(caught.value)
    assert re.search(r"saved: +\(3,\) float32, by 'mul'", text)
    assert re.search(r"overwritten: +by \S+", text)
    if "optimizer" not in write.__name__:
        assert re.search(r"at test_in_place\.py:\d+", text)
    assert x.grad is None


@pytest.mark.parametrize("write", WRITES)
def test_write_before_use_or_after_backward_is_fine(write: Callable[[dls.Tensor], None]) -> None:
    x = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with dls.no_grad():
        write(x)
    loss = (x * x).sum()
    loss.backward()
    with dls.no_grad():
        write(x)
    x.grad = None
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy())


def test_traced_error_names_the_line_that_saved() -> None:
    x = dls.Tensor([1.0], requires_grad=True)
    with dls.trace():
        loss = (x * x).sum()
    with dls.no_grad():
        x[0] = 2.0
    with pytest.raises(dls.GraphError, match=r"'mul' at test_in_place\.py:\d+"):
        loss.backward()


def test_output_that_backward_needs_counts_too() -> None:
    x = dls.Tensor([1.0], requires_grad=True)
    y = x.exp()
    with dls.no_grad():
        y[0] = 2.0
    with pytest.raises(dls.GraphError, match="'exp'"):
        y.sum().backward()


def test_value_that_backward_does_not_need_may_change() -> None:
    x = dls.Tensor([1.0], requires_grad=True)
    y = x + 1.0
    with dls.no_grad():
        x[0] = 5.0
        y[0] = 7.0
    y.sum().backward()
    assert x.grad.item() == 1.0


def test_constant_operand_counts_and_a_neighbour_does_not() -> None:
    x = dls.Tensor([1.0], requires_grad=True)
    constant, neighbour = dls.Tensor([3.0]), dls.Tensor([3.0])
    loss = (x * constant).sum()
    neighbour[0] = 4.0
    loss.backward(retain_graph=True)
    constant[0] = 4.0
    with pytest.raises(dls.GraphError, match="overwritten"):
        loss.backward()


def test_views_share_the_counter_both_ways() -> None:
    base = dls.Tensor(np.arange(6.0))
    part = base[2:4]
    w = dls.Tensor([2.0, 3.0], requires_grad=True)
    loss = (part.reshape(2) * w).sum()
    assert part.version == base.version == 0
    base[0] = 1.0
    assert part.version == base.version == 1
    with pytest.raises(dls.GraphError, match="overwritten"):
        loss.backward()


def test_error_leaves_gradients_of_the_rest_alone() -> None:
    x = dls.Tensor([1.0], requires_grad=True)
    other = dls.Tensor([1.0], requires_grad=True)
    loss = (x * x).sum() + other.sum()
    with dls.no_grad():
        x[0] = 2.0
    with pytest.raises(dls.GraphError):
        loss.backward()
    assert other.grad is None


def test_writes_inside_a_graph_raise_with_the_rewrite() -> None:
    """(test_assigning.py has the writes that do go through.)"""
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y, z = x * 2.0, dls.Tensor([0.0, 0.0])
    views = y[:1], z[:1]
    for target, value in ((x, 1.0), (y, 1.0), (z, x), (views[0], 1.0)):
        with pytest.raises(dls.GraphError, match="index_put"):
            target[0] = value if isinstance(value, float) else value[0]
        with pytest.raises(dls.GraphError, match="no_grad"):
            target.copy_(value)
    assert (x.tolist(), y.tolist(), z.tolist()) == ([1.0, 2.0], [2.0, 4.0], [0.0, 0.0])
    with pytest.raises(dls.GraphError, match="leaf"):
        x += 1.0


def test_augmented_assignment_in_a_graph_changes_the_tensor_for_all_its_names() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 2.0
    before = y
    y += x
    y *= 3.0
    assert y is before
    y.sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]
    total = dls.Tensor([0.0, 0.0])
    total += x
    assert total.requires_grad
    with pytest.raises(dls.ShapeError, match="keeps the shape"):
        total += dls.Tensor(np.ones((2, 2), "float32"))
    total += np.ones(2)
    assert total.dtype == np.float32


def test_augmented_assignment_outside_a_graph_is_in_place() -> None:
    x = dls.Tensor([1.0, 2.0])
    same, array = x, x.data
    x += 1.0
    x -= np.array([1.0, 1.0])
    x *= [2, 3]
    x /= dls.Tensor([2.0, 2.0])
    assert x is same
    assert x.data is array
    assert x.tolist() == [1.0, 3.0]
    assert x.version == 4
    with pytest.raises(dls.ShapeError, match="keeps the shape"):
        x += dls.Tensor(np.zeros((3, 2)))
    assert x.tolist() == [1.0, 3.0]


def test_augmented_assignment_keeps_the_dtype_or_refuses() -> None:
    x = dls.Tensor([1.0, 2.0])
    x += np.array([0.5, 0.5])
    assert x.dtype == np.float32
    counts = dls.Tensor([1, 2])
    counts += 1
    assert counts.tolist() == [2, 3]
    with pytest.raises(dls.DtypeError, match="int64"):
        counts += 0.5
    with pytest.raises(dls.DtypeError):
        counts /= 2
    assert counts.tolist() == [2, 3]


def test_write_of_overlapping_memory_reads_first() -> None:
    x = dls.Tensor([[1.0, 2.0], [3.0, 4.0]])
    x += x.T
    assert x.tolist() == [[2.0, 5.0], [5.0, 8.0]]


def test_writes_that_do_not_fit_raise_and_change_nothing() -> None:
    x = dls.Tensor([1.0, 2.0])
    for index, value in ((slice(None), [1.0, 2.0, 3.0]), (5, 1.0), ((0, 0), 1.0)):
        with pytest.raises(dls.Error):
            x[index] = value
    with pytest.raises(dls.ShapeError) as caught:
        x.data = np.zeros(3)
    assert re.search(r"^  v +\(3,\)$", str(caught.value), re.MULTILINE)
    with pytest.raises(dls.Error):
        x.copy_(["a", "b"])
    assert x.tolist() == [1.0, 2.0]
    assert x.version == 0


def test_data_takes_numbers_of_any_kind_and_keeps_dtype_and_device() -> None:
    x = dls.Tensor([1.0, 2.0])
    for value in ([3, 4], np.array([3.0, 4.0]), dls.Tensor([3, 4]),
                  dls.Tensor([3.0, 4.0], device="strict")):
        x.data = value
        assert (x.dtype, type(x.data)) == (np.float32, np.ndarray)
        assert x.tolist() == [3.0, 4.0]


def test_index_changed_after_use_does_not_move_the_gradient() -> None:
    x = dls.Tensor(np.arange(4.0), requires_grad=True)
    for places in (np.array([0, 1]), dls.Tensor([0, 1])):
        x.grad = None
        y = x[places]
        places[...] = 3
        y.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]


# --- what NumPy sees -----------------------------------------------------------------------------


def test_numpy_is_a_read_only_view_with_or_without_gradient() -> None:
    for x in (dls.Tensor([1.0, 2.0]), dls.Tensor([1.0, 2.0], requires_grad=True)):
        for t in (x, x * 2.0):
            view = t.numpy()
            assert np.shares_memory(view, t.data)
            with pytest.raises(ValueError, match="read-only"):
                view[0] = 5.0


def test_tensor_copies_and_from_numpy_shares() -> None:
    array = np.array([1.0, 2.0])
    copy, shared = dls.Tensor(array), dls.from_numpy(array)
    array[0] = 7.0
    assert copy.tolist() == [1.0, 2.0]
    assert shared.tolist() == [7.0, 2.0]
    with pytest.raises(dls.DtypeError):
        dls.from_numpy([1.0])  # type: ignore[arg-type]
    with pytest.raises(dls.DtypeError):
        dls.from_numpy(np.array(["a"]))
