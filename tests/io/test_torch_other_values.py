"""load_torch on what is beside the weights: values are kept, objects named, nothing is run."""

import argparse
import collections
import enum
import fractions
import os
import pathlib
import random
import zipfile

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.io import load_torch

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


class Color(enum.Enum):
    RED = 1


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


class Listing(list):
    pass


class Naming(dict):
    pass


def saved(tmp_path, value, **options):
    torch.save(value, tmp_path / "m.pt", **options)
    return load_torch(tmp_path / "m.pt")


OPAQUE = {
    "a number of NumPy": (np.float64(0.9), "numpy"), "an array of NumPy": (np.arange(3.0), "numpy"),
    "an array of texts": (np.array(["a", "b"]), "numpy"),
    "random state": (np.random.RandomState(3), "numpy.random"),
    "generator": (np.random.default_rng(3), "numpy.random"),
    "dtype of NumPy": (np.dtype("float32"), "numpy.dtype"),
    "Namespace": (argparse.Namespace(lr=0.1, more={"a": [1]}), "argparse.Namespace"),
    "path": (pathlib.PurePosixPath("/x/y"), "pathlib"), "enum": (Color.RED, "Color"),
    "list of a class": (Listing([1, 2]), "Listing"), "dict of a class": (Naming(a=1), "Naming"),
    "fraction": (fractions.Fraction(1, 3), "fractions.Fraction"), "a function": (len, "len"),
    "a class": (Naming, "Naming"), "a deque": (collections.deque([1, 2]), "collections.deque"),
    "slice": (slice(1, 2, 3), "slice"), "a range": (range(3), "range"),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", OPAQUE)
def test_objects_are_named_and_the_weights_read(tmp_path, kind, protocol):
    value, name = OPAQUE[kind]
    found = saved(tmp_path, {"best": value, "w": torch.arange(3.0), "in": [value, 5],
                             "state": (value, {"x": torch.ones(2)})}, pickle_protocol=protocol)
    assert found["w"].tolist() == [0, 1, 2] and found["state.1.x"].tolist() == [1, 1]
    assert set(found) == {"w", "state.1.x"} and found.metadata["in.1"] == 5
    for place in ("best", "in.0", "state.0"):
        assert name in repr(found.metadata[place]) and "not read" in repr(found.metadata[place])
        assert found.metadata[place].held == []


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_values_of_python(tmp_path, protocol):
    values = {"bytes": b"abc\xff", "array": bytearray(b"\0\x80"), "complex": 1 - 2j,
              "none": None, "huge": 2**70, "set": {1, "a"}, "frozen": frozenset([3])}
    found = saved(tmp_path, {**values, "w": torch.ones(1), "counter": collections.Counter("aab"),
                             "default": collections.defaultdict(list, a=1),
                             "ordered": collections.OrderedDict(a=torch.ones(2), b=2)},
                  pickle_protocol=protocol)
    for name, value in values.items():
        got = found.metadata[name] if name in found.metadata else {
            v for k, v in found.metadata.items() if k.startswith(f"{name}.")}
        assert got == value, name
    assert found.metadata["counter.a"] == 2 and found.metadata["default.a"] == 1
    assert found["ordered.a"].tolist() == [1, 1]


def test_keys_of_all_kinds(tmp_path):
    found = saved(tmp_path, {("a", 1): torch.ones(1), 0.5: torch.zeros(1), None: torch.ones(2),
                             7: torch.ones(3), Color.RED: torch.ones(4), True: 3, b"x": 1})
    assert {name: len(a) for name, a in found.items() if "Color" not in name} == {
        "('a', 1)": 1, "0.5": 1, "None": 2, "7": 3}
    assert [len(a) for name, a in found.items() if "Color" in name] == [4]


def test_a_training_checkpoint_with_everything(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    opt = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(opt, [2, 3])
    found = saved(tmp_path, {
        "model": net.state_dict(), "opt": opt.state_dict(), "schedule": schedule.state_dict(),
        "args": argparse.Namespace(lr=0.1), "torch": torch.get_rng_state(),
        "numpy": np.random.RandomState(1).get_state(), "python": random.getstate(),
        "best": np.float32(3)})
    for name, tensor in net.state_dict().items():
        assert np.array_equal(found[f"model.{name}"], tensor.numpy())
    assert found.metadata["schedule.milestones.2"] == 1
    assert found.metadata["opt.param_groups.0.lr"] == 0.001
    assert np.array_equal(found["torch"], torch.get_rng_state().numpy())
    assert found.metadata["python.0"] == 3


def test_tensors_of_a_class_or_with_attributes(tmp_path):
    tagged = torch.arange(4.0)
    tagged.note = "hi"
    weight = torch.nn.Parameter(torch.ones(2))
    weight.note = {"by": "me"}
    found = saved(tmp_path, {"tagged": tagged, "buffer": torch.nn.Buffer(torch.ones(2)),
                             "weight": weight, "part": tagged[1::2]})
    assert {name: a.tolist() for name, a in found.items()} == {
        "tagged": [0, 1, 2, 3], "buffer": [1, 1], "weight": [1, 1], "part": [1, 3]}
    assert np.shares_memory(found["tagged"], found["part"])


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_conjugate_and_negative_bits(tmp_path, dtype):
    x = torch.randn(4, 6, dtype=getattr(torch, dtype))
    values = {
        "plain": x, "conj": x.conj(), "neg": x.conj().imag, "both": torch._neg_view(x.conj()),
        "negated": torch._neg_view(x.real), "part": x.conj()[1:, ::2].T, "one": x.conj()[0, 0],
        "wide": x[0, :1].conj().expand(5, 1), "twice": x.conj().conj(), "none": x[:0].conj(),
    }
    for name, value in values.items():
        found = saved(tmp_path, {name: value})
        wanted = value.resolve_conj().resolve_neg().numpy()
        assert found[name].dtype == wanted.dtype and found[name].shape == wanted.shape, name
        assert np.array_equal(found[name], wanted), name


def test_sparse_tensors_are_their_indices_and_values(tmp_path):
    dense = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    found = saved(tmp_path, {"s": dense.to_sparse(), "w": dense})
    made = np.zeros([found.metadata["s.shape.0"], found.metadata["s.shape.1"]])
    made[tuple(found["s.indices"])] = found["s.values"]
    assert np.array_equal(made, dense)


def test_tensors_that_would_be_lost_are_not(tmp_path):
    inside = Listing([1, {"deep": torch.ones(2)}])
    for value, name in ((torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
                        (inside, "Listing"), (argparse.Namespace(w=torch.ones(1)), "Namespace"),
                        (torch.ones(2).to(torch.float8_e5m2), "float8_e5m2"),
                        (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "QInt8"),
                        (torch.eye(2).to_sparse_csr(), "sparse_csr")):
        with pytest.raises(dls.FormatError, match=name):
            saved(tmp_path, {"a": torch.ones(3), "b": value})
    with pytest.raises(dls.FormatError, match=r"names 'numpy.*only tensors"):
        saved(tmp_path, {"best": np.float64(3)})  # nothing to read


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_nothing_is_run(tmp_path, protocol):
    found = saved(tmp_path, {"w": torch.ones(2), "x": Evil(tmp_path / "ran"),
                             Evil(tmp_path / "ran"): 1}, pickle_protocol=protocol)
    assert found["w"].tolist() == [1, 1] and "system" in repr(found.metadata["x"])
    assert os.listdir(tmp_path) == ["m.pt"]


def test_a_long_list_is_one_value(tmp_path):
    numbers = list(range(300_000))
    found = saved(tmp_path, {"w": torch.ones(1), "seen": numbers, "short": [1, 2], "ids": [
        [1, 2], *numbers[:2000]]})
    assert found.metadata["seen"] == numbers and found.metadata["short.1"] == 2
    assert found.metadata["ids.2000"] == 1999 and len(found.metadata) == 1 + 2 + 2002


def test_bombs_of_placeholders_stay_small(tmp_path):
    """Objects that hold each other, forty times doubled, and a list that holds itself."""
    def program(body):
        with zipfile.ZipFile(tmp_path / "m.pt", "w") as file:
            file.writestr("m/data.pkl", b"\x80\x02}(X\x01\0\0\0a" + body + b"u.")
        return tmp_path / "m.pt"

    name, again = b"cx\ny\n", b"".join(
        b"q" + bytes([i]) + b"0" + b"cx\ny\n(h" + bytes([i]) + b"h" + bytes([i]) + b"tR"
        for i in range(40))
    for body in (name + b")R" + again, name + b")Rq\x00]q\x01h\x00ah\x01ab"):
        with pytest.raises(dls.FormatError, match=r"names 'x\.y'"):
            load_torch(program(body))
