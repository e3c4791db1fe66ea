"""state_dict and load_state_dict: snapshots, all or nothing, and proposals that work."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.nn.state import propose


def mlp():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def same(a, b):
    return all(np.array_equal(x.numpy(), y.numpy()) for x, y in zip(a.values(), b.values()))


def test_a_snapshot_does_not_change_with_the_model():
    net = mlp()
    state = net.state_dict()
    before = {n: t.numpy().copy() for n, t in state.items()}
    with dls.no_grad():
        net[0].weight += 1
    assert all(np.array_equal(state[n].numpy(), before[n]) for n in state)
    assert not any(t.requires_grad for t in state.values())
    assert all(t._data.flags.c_contiguous for t in state.values())


def test_tensors_arrays_and_anything_like_them_load():
    class Wrapped:
        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return self.values

    source = mlp()
    for wrap in (lambda t: t, lambda t: t.numpy(), lambda t: Wrapped(t.numpy()),
                 lambda t: t.tolist(), lambda t: t.astype("float64"), lambda t: t.to("strict")):
        target = mlp()
        version = target[0].weight.version
        result = target.load_state_dict({n: wrap(t) for n, t in source.state_dict().items()})
        assert repr(result) == "<All keys matched successfully>"
        assert same(source.state_dict(), target.state_dict())
        assert target[0].weight.dtype == np.float32 and target[0].weight.version > version


def test_a_failing_load_changes_nothing():
    net = mlp()
    before = net.state_dict()
    good = {n: t.numpy() + 1 for n, t in before.items()}
    bad = [
        ({**good, "2.bias": np.zeros(3)}, dls.ShapeError),
        ({n: v for n, v in good.items() if n != "2.bias"}, dls.DataError),
        ({**good, "3.bias": np.zeros(3)}, dls.DataError),
        ({**good, "2.bias": "text"}, dls.DtypeError),
        ({**good, "2.bias": [[1.0], [1.0, 2.0]]}, dls.DataError),
        ([1, 2], dls.DtypeError),
    ]
    for mapping, error in bad:
        with pytest.raises(error):
            net.load_state_dict(mapping)
        assert same(net.state_dict(), before)


def test_not_strict_takes_what_fits_by_name():
    net = mlp()
    result = net.load_state_dict({"2.bias": np.array([5.0, 6.0]), "more": np.zeros(1)},
                                 strict=False)
    assert net[2].bias.tolist() == [5.0, 6.0]
    assert result.unexpected_keys == ["more"] and "0.weight" in result.missing_keys
    with pytest.raises(dls.ShapeError, match=r"module  \(2,\)\n    given   \(3,\)"):
        net.load_state_dict({"2.bias": np.zeros(3)}, strict=False)


def follow(message, mapping, model):
    """Do what the message proposes."""
    lines = message.split("would work:\n")[1].split("\n")
    names = {"mapping": dict(mapping), "model": model}
    exec("\n".join(line.strip() for line in lines), names)
    return names["mapping"]


PROPOSALS = {
    "prefix too much": lambda s: {f"module.{n}": v for n, v in s.items()},
    "prefix too few": lambda s: {n.removeprefix("body."): v for n, v in s.items()},
    "turned": lambda s: {n: v.T for n, v in s.items()},
    "prefix and turned": lambda s: {f"net.{n}": v.T for n, v in s.items()},
    "other names": lambda s: {f"layer{i}": v for i, v in enumerate(s.values())},
    "other names, turned": lambda s: {f"layer{i}": v.T for i, v in enumerate(s.values())},
    "names too many": lambda s: {**s, "head.weight": np.zeros((2, 2))},
    "prefix and names too many": lambda s: {
        **{f"m.{n}": v for n, v in s.items()}, "m.head": np.zeros(2)},
    "one renamed": lambda s: {n.replace("2.bias", "2.b"): v for n, v in s.items()},
    "reordered": lambda s: {f"layer{i}": v for i, v in list(enumerate(s.values()))[::-1]},
    "reordered, turned": lambda s: {f"layer{i}": v.T for i, v in list(enumerate(s.values()))[::-1]},
    "other names, some between": lambda s: dict(
        pair for i, v in enumerate(s.values())
        for pair in ((f"layer{i}", v), (f"step{i}", np.zeros(9)))),
}


@pytest.mark.parametrize("case", PROPOSALS)
def test_the_proposal_works(case):
    source, target = (nn.Sequential({"body": mlp()}) for _ in range(2))
    mapping = PROPOSALS[case]({n: t.numpy() for n, t in source.state_dict().items()})
    with pytest.raises(dls.Error) as caught:
        target.load_state_dict(mapping)
    assert "nothing was changed" in str(caught.value)
    target.load_state_dict(follow(str(caught.value), mapping, target))
    assert same(source.state_dict(), target.state_dict())
    again = nn.Sequential({"body": mlp()})
    before = dict(mapping)
    again.load_state_dict(caught.value.proposal.apply(mapping))
    assert same(source.state_dict(), again.state_dict())
    assert list(mapping) == list(before) and all(mapping[n] is before[n] for n in before)


def test_no_proposal_where_nothing_fits():
    assert propose({"a": (2, 3)}, {"b": (4, 5)}) is None
    assert propose({"a": (2, 3), "c": (1,)}, {"b": (2, 3)}) is None
    assert propose({"a": (2,), "b": (2,)}, {"x": (2,), "y": (3,)}) is None
    with pytest.raises(dls.DataError) as caught:
        mlp().load_state_dict({"z": np.zeros(77)})
    assert caught.value.proposal is None
    with pytest.raises(dls.DataError, match="strict=False"):
        mlp().load_state_dict({})
    many = {f"x{i}": np.zeros(1) for i in range(30)}
    with pytest.raises(dls.DataError, match=r"unexpected \(30\)") as caught:
        mlp().load_state_dict(many)
    assert str(caught.value).count("\n") < 30


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([(2, 3), (3, 2), (4,), (2, 2)]),
                    min_size=1),
    st.sampled_from(["", "m.", "a", "x.y."]),
    st.booleans(),
)
def test_a_proposal_always_runs(shapes, prefix, turned):
    wanted = {f"p.{n}": s for n, s in shapes.items()}
    given_ = {prefix + n: s[::-1] if turned else s for n, s in shapes.items()}
    proposal = propose(wanted, given_)
    assert proposal is not None
    mapping = {n: np.zeros(s) for n, s in given_.items()}
    assert {n: a.shape for n, a in proposal.apply(mapping).items()} == wanted
    names = {"mapping": mapping}
    exec(str(proposal), names)
    assert {n: names["mapping"][n].shape for n in wanted} == wanted


def test_layouts_of_other_libraries_are_turned_by_value():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(5, 5),
                        nn.Linear(5, 2))
    values = {n: rng.standard_normal(t.shape).astype("float32")
              for n, t in net.state_dict().items()}
    theirs = {
        "c/kernel": values["0.weight"].transpose(2, 3, 1, 0), "c/bias": values["0.bias"],
        "bn/gamma": values["1.weight"], "bn/beta": values["1.bias"],
        "bn/moving_mean": values["1.running_mean"], "bn/moving_variance": values["1.running_var"],
        "seen": values["1.num_batches_tracked"],
        "d/kernel": values["3.weight"].T, "d/bias": values["3.bias"],
        "e/kernel": values["4.weight"].T, "e/bias": values["4.bias"],
    }
    with pytest.raises(dls.DataError, match=r"transpose\(3, 2, 0, 1\)") as caught:
        net.load_state_dict(theirs)
    net.load_state_dict(caught.value.proposal.apply(theirs))
    for name, tensor in net.state_dict().items():  # the square matrix too
        wanted = values[name].astype("int64") if "tracked" in name else values[name]
        assert np.array_equal(tensor.numpy(), wanted), name


def test_a_part_of_a_model_is_proposed_with_strict_false():
    net = nn.Sequential({"body": mlp(), "head": nn.Linear(2, 7)})
    part = {f"module.{n}": t for n, t in nn.Sequential({"body": mlp()}).state_dict().items()}
    with pytest.raises(dls.DataError, match="# and strict=False") as caught:
        net.load_state_dict(part)
    assert caught.value.proposal.left == ("head.weight", "head.bias")
    result = net.load_state_dict(caught.value.proposal.apply(part), strict=False)
    assert result.missing_keys == ["head.weight", "head.bias"]
    assert np.array_equal(net.body[0].weight.numpy(), part["module.body.0.weight"].numpy())


def test_a_proposal_refuses_another_mapping():
    net = nn.Linear(3, 2)
    with pytest.raises(dls.DataError) as caught:
        net.load_state_dict({"w": np.zeros((3, 2)), "b": np.zeros(2)})
    with pytest.raises(dls.DataError, match="was made for another"):
        caught.value.proposal.apply({"b": np.zeros(2)})
    with pytest.raises(dls.DataError, match="has 1 axes"):
        caught.value.proposal.apply({"w": np.zeros(3), "b": np.zeros(2)})


@pytest.mark.torch
def test_state_goes_to_and_from_pytorch_by_name():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    mine = mlp()
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict(theirs.state_dict())
    x = np.ones((2, 3), "float32")
    y = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(mine(dls.Tensor(x)).numpy(), y, atol=1e-6)
    other = mlp()
    back = {n: torch.tensor(t.numpy()) for n, t in other.state_dict().items()}
    theirs.load_state_dict(back)
    y = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(other(dls.Tensor(x)).numpy(), y, atol=1e-6)
