"""load_torch: what torch.save wrote, without PyTorch, and nothing that could run code."""

import io
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls import nn
from tinygrad_dls.io import load_torch

# --- pickles written by hand, as PyTorch writes them ---------------------------------------------


def text(s):
    raw = s.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def whole(n):
    return b"\x8a\x08" + n.to_bytes(8, "little", signed=True)


def row(*parts):
    return b"(" + b"".join(parts) + b"t"


def storage(key="0", kind="FloatStorage", count=6):
    return row(text("storage"), f"ctorch\n{kind}\n".encode(), text(key), text("cpu"),
               whole(count)) + b"Q"


def tensor(offset=0, shape=(2, 3), stride=(3, 1), memory=None):
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + row(
        memory or storage(), whole(offset), row(*map(whole, shape)), row(*map(whole, stride)),
        b"\x89", b"ccollections\nOrderedDict\n)R") + b"R"


def names(**values):
    return b"}(" + b"".join(text(k) + v for k, v in values.items()) + b"u"


def archive(path, program, *storages, how=zipfile.ZIP_STORED, more=()):
    with zipfile.ZipFile(path, "w", how) as file:
        file.writestr("m/data.pkl", b"\x80\x02" + program + b".")
        for i, raw in enumerate(storages):
            file.writestr(f"m/data/{i}", raw)
        for name, raw in more:
            file.writestr(name, raw)
    return path


SIX = np.arange(6, dtype="<f4").tobytes()


def test_a_file_written_by_hand(tmp_path):
    program = names(w=tensor(), t=tensor(shape=(3, 2), stride=(1, 3)), part=tensor(
        1, (2,), (2,)), none=tensor(0, (0, 3), (3, 1)), one=tensor(5, (), ()), epoch=whole(7))
    found = load_torch(archive(tmp_path / "m.pt", program, SIX))
    x = np.arange(6, dtype="float32").reshape(2, 3)
    wanted = {"w": x, "t": x.T, "part": [1, 3], "none": np.empty((0, 3)), "one": 5}
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        assert np.array_equal(found[name], values) and found[name].dtype == np.float32
    assert found.metadata == {"epoch": 7}
    found["w"][0, 0] = 9  # they share memory, as they did
    assert found["t"][0, 0] == 9


def test_big_end_first(tmp_path):
    path = archive(tmp_path / "m.pt", names(w=tensor()), np.arange(6, dtype=">f4").tobytes(),
                   more=[("m/byteorder", b"big")])
    assert load_torch(path)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]


# --- against PyTorch -----------------------------------------------------------------------------

DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
          "uint16", "uint32", "uint64", "bool", "complex64"]


@pytest.mark.torch
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(tmp_path, dtype):
    torch = pytest.importorskip("torch")
    kind = getattr(torch, dtype)
    values = {str(i): (torch.rand(shape) * 9).to(kind) for i, shape in enumerate(
        [(), (0,), (3,), (2, 3), (2, 0, 3), (2, 1, 3, 4)])}
    torch.save(values, tmp_path / "m.pt")
    found = load_torch(tmp_path / "m.pt")
    for name, t in values.items():
        wanted = (t.float() if dtype == "bfloat16" else t).numpy()
        assert found[name].dtype == wanted.dtype and np.array_equal(found[name], wanted)


@pytest.mark.torch
def test_nested_shared_strided_and_other_values(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    net(torch.rand(2, 3, 5, 5)).sum().backward()
    opt = torch.optim.Adam(net.parameters())
    opt.step()
    base = torch.arange(24.0).reshape(4, 6)
    torch.save({
        "model": net.state_dict(), "optimizer": opt.state_dict(), "epoch": 3, "lr": 0.5,
        "tags": ["a", None, True], "list": [base, base.T, (base[1:, ::2],)],
        "wide": torch.ones(1).expand(7, 5), "parameter": torch.nn.Parameter(base[0]),
        "size": base.shape, "dtype": torch.float16, "huge": 2**80, "device": torch.device("cpu"),
        "ordered": OrderedDict(a=base[:, :0]), "last": base.permute(1, 0)[2:],
    }, tmp_path / "m.pt")
    found = load_torch(tmp_path / "m.pt")
    for name, t in net.state_dict().items():
        assert np.array_equal(found[f"model.{name}"], t.numpy())
    assert np.array_equal(found["optimizer.state.0.exp_avg"], opt.state_dict()["state"][0][
        "exp_avg"].numpy())
    for name, t in {"list.0": base, "list.1": base.T, "list.2.0": base[1:, ::2], "wide":
                    torch.ones(7, 5), "parameter": base[0], "ordered.a": base[:, :0],
                    "last": base.T[2:]}.items():
        assert found[name].shape == tuple(t.shape) and np.array_equal(found[name], t.numpy()), name
    wanted = {"epoch": 3, "lr": 0.5, "tags.1": None, "size.1": 6, "dtype": "float16",
              "huge": 2**80, "device": "cpu"}
    assert {k: found.metadata[k] for k in wanted} == wanted
    assert np.shares_memory(found["list.0"], found["list.1"])
    mine = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    with pytest.raises(dls.DataError) as caught:
        mine.load_state_dict(found)
    mine.load_state_dict(caught.value.proposal.apply(found))
    assert np.array_equal(mine[1].running_var.numpy(), net[1].running_var.numpy())


@pytest.mark.torch
def test_a_tensor_or_a_list_alone(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.eye(2), tmp_path / "m.pt")
    assert load_torch(tmp_path / "m.pt")[""].tolist() == [[1, 0], [0, 1]]
    torch.save([torch.eye(2)], tmp_path / "m.pt")
    assert list(load_torch(str(tmp_path / "m.pt"))) == ["0"]


@pytest.mark.torch
def test_what_torch_saves_and_we_do_not_read(tmp_path):
    torch = pytest.importorskip("torch")
    path, state = tmp_path / "m.pt", torch.nn.Linear(2, 2).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)
    with pytest.raises(dls.FormatError, match=r"before 1.6(.|\n)*weights_only=True"):
        load_torch(path)
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(dls.FormatError, match=r"names 'torch.nn.modules.linear.Linear'(.|\n)*"
                                              r"save model.state_dict\(\) instead"):
        load_torch(path)
    torch.save({"loss": np.float64(3)}, path)
    with pytest.raises(dls.FormatError, match=r"numpy.*\.item\(\)"):
        load_torch(path)
    torch.save({"x": torch.zeros(2).to(torch.float8_e4m3fn)}, path)
    with pytest.raises(dls.FormatError, match="float8"):
        load_torch(path)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))
    with pytest.raises(dls.FormatError, match="TorchScript"):
        load_torch(path)


def test_it_does_without_pytorch(tmp_path):
    archive(tmp_path / "m.pt", names(w=tensor()), SIX)
    assert load_torch(tmp_path / "m.pt")["w"].shape == (2, 3)
    import subprocess

    code = (f"import sys; sys.modules['torch'] = None; import tinygrad_dls as dls\n"
            f"print(dls.io.load_torch({str(tmp_path / 'm.pt')!r})['w'].sum())")
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert made.stdout.strip() == "15.0", made.stderr


# --- pickles that want more than data ------------------------------------------------------------


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def pickled(value, protocol):
    return pickle.dumps(value, protocol)[:-1].removeprefix(bytes([0x80, protocol]))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_no_code_is_run(tmp_path, protocol):
    evil = Evil(tmp_path / "ran")
    for value in (evil, {"a": [evil]}, os.system, eval, type, io.BytesIO, getattr):
        path = archive(tmp_path / "m.pt", pickled(value, protocol))
        with pytest.raises(dls.FormatError, match=r"no code was run|do not need"):
            load_torch(path)
    assert os.listdir(tmp_path) == ["m.pt"]


PROGRAMS = {
    "import with a trick": b"ctorch._utils.os\nsystem\n" + row(text("true")) + b"R",
    "attribute of an attribute": b"\x8c\x05torch\x8c\x09os.system\x93" + row(text("true")) + b"R",
    "a storage class called": b"ctorch\nFloatStorage\n)R",
    "an instance": b"(ios\nsystem\n",
    "built with a state": tensor() + b"}b",
    "an extension": b"\x82\x01",
    "a number without end": b"\x8b" + struct.pack("<i", 2**31 - 1),
    "a negative length": b"\x8b" + struct.pack("<i", -1),
    "a long text": b"X" + struct.pack("<I", 2**32 - 1) + b"ab",
    "a longer text": b"\x8d" + struct.pack("<Q", 2**63) + b"ab",
    "an empty stack": b"R", "no mark": b"t", "never remembered": b"h\x09", "left over": b"NN",
    "a key that is a list": b"}]Ns", "a key that is deep": b"}" + b")" + b"\x85" * 50 + b"Ns",
    "half a pair": b"}(Nu", "a list as dict": b"](NNu", "a mark alone": b"(",
    "no storage": b"ctorch._utils\n_rebuild_tensor_v2\n" + row(b"N", whole(0), b")", b")") + b"R",
    "too few arguments": b"ctorch._utils\n_rebuild_tensor_v2\n)R",
    "another reference": row(text("module"), b"N", text("0"), text("cpu"), whole(6)) + b"Q",
    "a reference out": tensor(memory=storage("../../etc/passwd")),
    "a storage that is not there": tensor(memory=storage("7")),
    "more than the storage": tensor(memory=storage(count=7)),
    "beyond the end": tensor(offset=1), "far beyond": tensor(stride=(2**62, 1)),
    "a negative offset": tensor(offset=-1), "a negative stride": tensor(stride=(-3, 1)),
    "a negative length of axis": tensor(shape=(-2, 3)), "too few strides": tensor(stride=(1,)),
    "too many axes": tensor(shape=(1,) * 65, stride=(1,) * 65),
    "an expanded bomb": tensor(shape=(2**40, 2**40), stride=(0, 0)),
    "a list of a bomb": b"ctorch\nSize\n" + row(tensor(shape=(2**60,), stride=(0,))) + b"R",
    "itself": b"]q\x00h\x00a", "a dict in itself": b"}q\x00" + text("a") + b"h\x00s",
    "doubled forty times": b"]" + b"".join(
        b"q" + bytes([i]) + b"0]h" + bytes([i]) + b"ah" + bytes([i]) + b"a" for i in range(40)),
    "very deep": b"]" * 50_000 + b"a" * 49_999,
    "the same name twice": names(**{"a.b": tensor()}) + text("a") + b"}" + text("b") + tensor()
    + b"ss",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_pickle_that_is_none_of_torchs(tmp_path, name):
    path = archive(tmp_path / "m.pt", PROGRAMS[name], SIX)
    tracemalloc.start()
    with pytest.raises(dls.FormatError, match="cannot be read"):
        load_torch(path)
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()
    assert os.listdir(tmp_path) == ["m.pt"]


def test_expanded_tensors_take_no_memory(tmp_path):
    path = archive(tmp_path / "m.pt", names(w=tensor(shape=(10**6, 10**6), stride=(0, 0))), SIX)
    w = load_torch(path)["w"]
    assert w.shape == (10**6, 10**6) and not w.flags.writeable


def test_archives_that_are_none_of_torchs(tmp_path):
    path, good = tmp_path / "m.pt", names(w=tensor())
    archive(path, good, SIX, how=zipfile.ZIP_DEFLATED)
    with pytest.raises(dls.FormatError, match="compressed"):
        load_torch(path)
    archive(path, good, SIX, more=[("n/data.pkl", b"N.")])
    with pytest.raises(dls.FormatError, match="more than one"):
        load_torch(path)
    archive(path, good, SIX, more=[("m/byteorder", b"middle")])
    with pytest.raises(dls.FormatError, match="byte order"):
        load_torch(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a", "b")
    with pytest.raises(dls.FormatError, match=r"no data\.pkl"):
        load_torch(path)
    for raw in (b"", b"PK\x03\x04", b"hello, this is not a zip", b"\x80\x02garbage"):
        path.write_bytes(raw)
        with pytest.raises(dls.FormatError):
            load_torch(path)
    for missing in (tmp_path / "none.pt", tmp_path, "a\0b"):
        with pytest.raises(dls.DataError):
            load_torch(missing)
    with pytest.raises(dls.DtypeError):
        load_torch(3)
