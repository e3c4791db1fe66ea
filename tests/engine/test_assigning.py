"""x[i] = v inside a graph: a differentiable step where it is safe, an error where it is not."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.backend import strict
from tinygrad_dls.engine.versions import sharing


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_a_result_is_filled_step_by_step(device: str) -> None:
    w = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True, device=device)
    out = dls.zeros((4, 3), device=device)
    h = w * 1.0
    for t in range(4):
        h = h * w
        out[t] = h
    assert out.requires_grad
    assert not out.is_leaf
    np.testing.assert_allclose(out.numpy(), [[1.0, 2.0**k, 3.0**k] for k in range(2, 6)])
    out.sum().backward()
    want = [sum(k * v ** (k - 1) for k in range(2, 6)) for v in (1.0, 2.0, 3.0)]
    np.testing.assert_allclose(w.grad.numpy(), want, rtol=1e-6)


def test_it_writes_into_the_same_memory_and_counts() -> None:
    x = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    place = y.data.ctypes.data
    y[1] = 7.0
    assert y.data.ctypes.data == place
    assert y.version == 1
    y[0] = x[2]
    assert (y.tolist(), y.version) == ([3.0, 7.0, 6.0], 2)
    (y * dls.Tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 201.0]


INDICES: list[Callable[[np.ndarray], Any]] = [
    lambda a: 1, lambda a: (slice(None), 2), lambda a: (Ellipsis, slice(None, None, -2)),
    lambda a: np.array([2, 0]), lambda a: (np.array([0, 1]), np.array([3, 3])), lambda a: a > 0,
    lambda a: (slice(1, 2),), lambda a: Ellipsis, lambda a: (1, 2), lambda a: [1],
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("index", INDICES)
def test_gradients_are_those_of_where(index: Callable[[np.ndarray], Any], dtype: str) -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, 4)).astype(dtype)
    i = index(a)
    places = np.zeros(a.shape, bool)
    places[i] = True
    v = rng.standard_normal(a[i].shape).astype(dtype)
    full = np.zeros_like(a)
    full[i] = v
    xs = [[dls.Tensor(b, requires_grad=True) for b in (a, v)] for _ in range(3)]
    y = xs[0][0] * 2.0
    y[i] = xs[0][1]
    w = dls.index_put(xs[1][0] * 2.0, i, xs[1][1])
    z = dls.where(places, full, xs[2][0] * 2.0)
    r = dls.Tensor(rng.standard_normal(a.shape).astype(dtype))
    for made in (y, w, z):
        np.testing.assert_allclose(made.numpy(), z.numpy())
        (made * r).sum().backward()
    for first, second, _ in zip(*xs):
        np.testing.assert_array_equal(first.grad.numpy(), second.grad.numpy())
        assert first.grad.dtype == dtype
    np.testing.assert_allclose(xs[0][0].grad.numpy(), xs[2][0].grad.numpy())
    np.testing.assert_allclose(xs[0][1].grad.numpy(), r.numpy()[i])


def test_second_derivative() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x + 0.0
    y[0] = x[1] ** 3
    g, = dls.grad((y ** 2.0).sum(), [x], create_graph=True)  # x1**6 + x1**2
    assert g.tolist() == [0.0, 6 * 32.0 + 4.0]
    h, = dls.grad(g.sum(), [x])
    assert h.tolist() == [0.0, 30 * 16.0 + 2.0]


def refuses(write: Callable[[], None], match: str = "index_put") -> None:
    with pytest.raises(dls.GraphError, match=match):
        write()


def test_refused_where_other_tensors_of_the_graph_see_the_places() -> None:
    x = dls.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)

    def write(y: Any, index: Any = 0) -> Callable[[], None]:
        return lambda: y.__setitem__(index, 9.0)

    y = x * 1.0
    view = y.reshape(-1)
    refuses(write(y))
    refuses(write(view))
    refuses(write(y[0]))  # y[0][0] = 9 would have to write into y
    del view
    row = y[1]
    refuses(write(y, (slice(None), 0)))
    write(y)()  # the other row
    assert (y.tolist(), row.tolist()) == ([[9.0, 9.0], [3.0, 4.0]], [3.0, 4.0])
    (y * y).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0], [6.0, 8.0]]
    refuses(write(x), "leaf")


def test_arrays_and_detached_tensors_show_what_was_written() -> None:
    """As in NumPy: they have no gradient that could be wrong."""
    x = dls.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x * 1.0
    values, same = y.numpy(), y.detach()
    y[0] = 9.0
    assert values.tolist() == same.tolist() == [[9.0, 9.0], [3.0, 4.0]]
    array = np.zeros(2)
    dls.from_numpy(array)[0] = x[1, 1]
    assert array.tolist() == [4.0, 0.0]


def test_a_write_over_what_backward_needs_is_an_error_of_backward() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    for made, by in ((lambda y: (y * y).sum(), "mul"), (lambda y: y.exp().sum(), None)):
        y = x * 1.0
        loss = made(y)
        y[0] = 9.0
        assert y.tolist() == [9.0, 2.0]
        if by is None:  # exp needs its own output alone
            loss.backward()
        else:
            with pytest.raises(dls.GraphError, match=f"backward of '{by}' needs was overwritten"):
                loss.backward()
    h = x.exp()
    h[0] = 0.0
    with pytest.raises(dls.GraphError, match="'exp'"):
        h.sum().backward()


def fill(x: Any, zeros: Any) -> Any:
    y = zeros((4, 3))
    y[0] = x[0]
    for i in range(1, 4):
        y[i] = y[i - 1] * 0.5 + x[i]
    return y


def scale_rows(x: Any, zeros: Any) -> Any:
    y = x * 1.0
    y[0:2] *= 10
    y[1:, :2] -= x[1:, 1:]
    y[1] += y[0] * 2.0
    return y


def copy_a_row(x: Any, zeros: Any) -> Any:
    y = x * 1.0
    y[0] = y[1] * 2
    y[3] = y[0]
    return y


def write_through_a_view(x: Any, zeros: Any) -> Any:
    y = x * 1.0
    first = y[:, :1]
    first += 100.0
    first *= x[:, 1:2]
    y[2:, 1:] /= 4.0  # beside it
    del first
    y[2:] /= 4.0
    return y


def write_through_a_view_of_constants(x: Any, zeros: Any) -> Any:
    y = zeros((4, 3))
    y += x
    y[2] -= x[1] * 3.0
    return y


WRITERS = [fill, scale_rows, copy_a_row, write_through_a_view, write_through_a_view_of_constants]
a = np.random.default_rng(0).standard_normal((4, 3))


@pytest.mark.parametrize("write", WRITERS)
def test_what_reads_itself_while_it_is_written_has_the_slope(write: Callable[..., Any]) -> None:
    """The gradient is the slope of the same lines in NumPy, and no_grad gives the same values."""
    x = dls.Tensor(a, requires_grad=True)

    def zeros(shape: tuple[int, ...]) -> dls.Tensor:
        return dls.zeros(shape, dtype="float64")

    y = write(x, zeros)
    np.testing.assert_allclose(y.numpy(), write(a, np.zeros))
    with dls.no_grad():
        np.testing.assert_allclose(write(x, zeros).numpy(), y.numpy())
    r = np.random.default_rng(1).standard_normal((4, 3))
    (y * dls.Tensor(r)).sum().backward()
    for seed in range(3):
        d = np.random.default_rng(seed).standard_normal((4, 3))
        ends = [np.sum(r * write(a + s * 1e-6 * d, np.zeros)) for s in (1, -1)]
        np.testing.assert_allclose(np.sum(x.grad.numpy() * d), (ends[0] - ends[1]) / 2e-6,
                                   rtol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("write", WRITERS)
def test_and_pytorchs_gradient(write: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(a, requires_grad=True)
    (write(theirs, lambda s: torch.zeros(s, dtype=torch.float64)) ** 2).sum().backward()
    x = dls.Tensor(a, requires_grad=True)
    (write(x, lambda s: dls.zeros(s, dtype="float64")) ** 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy())


def test_augmented_assignment_that_the_graph_cannot_follow_is_refused() -> None:
    x = dls.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x * 1.0
    flat = y.reshape(-1)
    with pytest.raises(dls.GraphError, match="view"):
        flat += 1.0
    with pytest.raises(dls.GraphError, match="view"):
        y += 1.0
    del flat
    one = y[0]
    two = y[:1]
    with pytest.raises(dls.GraphError, match="view"):
        one *= 2.0
    del two
    one *= 2.0
    assert y.tolist() == [[2.0, 4.0], [3.0, 4.0]]


def test_a_view_of_memory_that_no_one_else_has_can_be_written() -> None:
    for n in (3, 300):  # tiny values are kept for pictures
        x = dls.Tensor(np.arange(2.0 * n), requires_grad=True)
        y = (x * 2.0).reshape(n, 2).T  # the product itself is gone
        y[0] = 0.0
        y.sum().backward()
        assert x.grad.tolist() == [0.0, 2.0] * n


def test_small_values_kept_for_pictures_show_what_was() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 3.0
    before = y._node
    y[0] = 0.0
    assert before.value.tolist() == [3.0, 6.0]
    with dls.trace():
        z = x * 3.0
        z[0] = 0.0
        z[1] = x[0]
    (y.sum() + z.sum()).backward()
    assert z.tolist() == [0.0, 1.0]
    assert x.grad.tolist() == [1.0, 3.0]


def test_retained_gradient_is_that_of_the_new_value() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 3.0
    y.retain_grad()
    y[0] = 5.0
    (y * 2.0).sum().backward()
    assert y.grad.tolist() == [2.0, 2.0]
    assert x.grad.tolist() == [0.0, 6.0]


def test_wrong_writes_change_nothing() -> None:
    x = dls.Tensor([1.0, 2.0], requires_grad=True)
    y = x * 3.0
    node = y._node
    for index, value, kind in ((5, 1.0, dls.DataError), (slice(None), [1.0] * 3, dls.ShapeError),
                               ("a", 1.0, dls.DtypeError)):
        with pytest.raises(kind):
            y[index] = value
    whole = dls.zeros(2, dtype="int64")
    with pytest.raises(dls.DtypeError, match="cut"):
        whole[0] = x[0]
    assert y._node is node
    assert y.tolist() == [3.0, 6.0]


def test_float64_values_are_cast_and_their_gradient_back() -> None:
    v = dls.Tensor(np.array(2.5), requires_grad=True)
    y = dls.zeros(3)
    y[1] = v
    assert y.dtype == np.float32
    (y * 2.0).sum().backward()
    assert (v.grad.item(), v.grad.dtype) == (2.0, np.dtype("float64"))


def test_no_wait_for_the_device() -> None:
    x = dls.Tensor([1.0, 2.0, 3.0], requires_grad=True, device="strict")
    seed = dls.ones_like(x)
    with strict.count() as counted:
        y = x * 2.0
        y[1] = x[0] * x[2]
        y.backward(seed)
    assert counted.syncs == 0, counted
    assert x.grad.tolist() == [5.0, 0.0, 3.0]


def test_a_copy_of_a_tensor_shares_nothing_with_its_views() -> None:
    x = dls.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    view = x[0]
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.tolist() == x.tolist()
        with dls.no_grad():
            y[0] = 9.0
    assert view.tolist() == [1.0, 2.0]


def test_views_of_a_weight_at_each_step_are_forgotten() -> None:
    weight = dls.ones(4, 3, requires_grad=True)
    kept = weight[1:2]
    for _ in range(1000):
        (weight[0] * 2.0).sum().backward()
    assert len(sharing(weight)) == 1
    assert sharing(weight)[0] is kept
    assert len(weight._sharing) < 200
