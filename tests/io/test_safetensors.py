"""safetensors files: against the format's own package, and against every kind of damage."""

import json
import os
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_dls as dls
from tinygrad_dls import nn

RNG = np.random.default_rng(0)
DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
          "uint32", "uint64", "bool"]
SHAPES = [(), (0,), (1,), (3, 4), (2, 0, 5), (1, 2, 3, 4), (7,)]


def values(dtype, shape, rng=RNG):
    return np.asarray(rng.standard_normal(shape) * 50).astype(dtype)


def example():
    return {
        "a.weight": values("float32", (3, 5)), "b": values("bool", (3,)), "": values("int64", ()),
        "größe ∂": values("float64", (2, 0)), "h": values("float16", (5, 1)),
    }


def same(loaded, wanted):
    assert list(loaded) == list(wanted)
    for name, array in wanted.items():
        got = loaded[name].numpy() if isinstance(loaded[name], dls.Tensor) else loaded[name]
        assert got.shape == np.shape(array) and got.dtype == array.dtype, name
        assert np.array_equal(got, array, equal_nan=array.dtype.kind == "f"), name


# --- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_there_and_back(tmp_path, dtype, mmap):
    wanted = {f"t{i}": values(dtype, shape) for i, shape in enumerate(SHAPES)}
    dls.save(tmp_path / "m.safetensors", wanted)
    loaded = dls.load(tmp_path / "m.safetensors", mmap=mmap)
    same(loaded, wanted)
    for t in loaded.values():  # they can be written to, and the file stays
        t.copy_(np.zeros(t.shape, t.dtype))
    same(dls.load(str(tmp_path / "m.safetensors")), wanted)
    assert os.listdir(tmp_path) == ["m.safetensors"]


def test_a_model_and_its_metadata(tmp_path):
    path = tmp_path / "model.safetensors"
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    dls.save(path, net.state_dict(), metadata={"made by": "me", "zwölf": "12"})
    other.load_state_dict(dls.load(path))
    for p, q in zip(net.parameters(), other.parameters()):
        assert np.array_equal(p.numpy(), q.numpy())
    assert dls.io.load_metadata(path) == {"made by": "me", "zwölf": "12"}
    there = dls.load(path, device="strict")
    assert all(t.device.name == "strict" for t in there.values())


def test_strided_shared_and_foreign_bytes(tmp_path):
    path = tmp_path / "m.safetensors"
    base = values("float32", (4, 6))
    given_ = {
        "view": base[::2, 1::2], "turned": base.T, "whole": base, "again": base,
        "backwards": base[::-1], "big end": base.astype(">f4"), "broadcast": np.broadcast_to(
            base[0], (3, 6)), "tensor": dls.Tensor(base).T,
    }
    dls.save(path, given_)
    loaded = dls.load(path)
    for name, array in given_.items():
        assert np.array_equal(loaded[name].numpy(), np.asarray(array)), name
        assert loaded[name].numpy().flags.c_contiguous and loaded[name].dtype == "float32"
    assert path.stat().st_size > 8 + sum(np.asarray(a).nbytes for a in given_.values())


def test_by_hand(tmp_path):
    """The bytes of a small file, written out."""
    path = tmp_path / "m.safetensors"
    dls.save(path, {"x": np.array([1, 2], "uint8"), "y": np.float64(1.5)})
    header = (b'{"x":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},'
              b'"y":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}')
    header += b" " * (-len(header) % 8)
    wanted = len(header).to_bytes(8, "little") + header + np.float64(1.5).tobytes() + b"\1\2"
    assert path.read_bytes() == wanted


def test_bfloat16_is_widened(tmp_path):
    bits = np.array([0, 0x3F80, 0xC040, 0x7F80, 0x7FC0, 1], "<u2")
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of({"x": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}},
                             bits.tobytes()))
    x = dls.load(path)["x"]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(
        x.numpy().reshape(-1), np.array([0, 1, -3, np.inf, np.nan, 2.0**-133], "float32"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_formats_own_package_reads_ours_and_we_its(tmp_path, dtype):
    numpy = pytest.importorskip("safetensors.numpy")
    wanted = {f"t{i}": values(dtype, shape) for i, shape in enumerate(SHAPES)}
    dls.save(tmp_path / "ours", wanted, metadata={"a": "b"})
    theirs = numpy.load_file(tmp_path / "ours")
    same({n: theirs[n] for n in wanted}, wanted)
    numpy.save_file(wanted, tmp_path / "theirs", metadata={"a": "b"})
    ours = dls.load(tmp_path / "theirs")
    same({n: ours[n] for n in wanted}, wanted)
    assert dls.io.load_metadata(tmp_path / "theirs") == {"a": "b"}
    mixed = example()
    dls.save(tmp_path / "mixed", mixed)
    theirs = numpy.load_file(tmp_path / "mixed")
    same({n: theirs[n] for n in mixed}, mixed)


@pytest.mark.torch
def test_pytorchs_bfloat16(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("safetensors.torch")
    x = torch.randn(5, 3, dtype=torch.bfloat16)
    theirs.save_file({"x": x}, str(tmp_path / "m"))
    assert np.array_equal(dls.load(tmp_path / "m")["x"].numpy(), x.float().numpy())


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(
    st.text(max_size=8).filter(lambda s: s.isprintable()),
    st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=4)), max_size=6,
), st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5),
                   st.text(st.characters(codec="utf-8"), max_size=20), max_size=3))
def test_whatever_is_in_it(tmp_path_factory, kinds, metadata):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    wanted = {n: values(d, tuple(s)) for n, (d, s) in kinds.items()}
    dls.save(path, wanted, metadata)
    same(dls.load(path), wanted)
    assert dls.io.load_metadata(path) == metadata


# --- damage --------------------------------------------------------------------------------------


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(dtype="U8", shape=(2,), offsets=(0, 2)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(("content", "match"), [
    (b"", "0 bytes"), (b"\1" * 7, "7 bytes"), (b"\x80\x04" + b"x" * 40, "not a safetensors file"),
    (b"PK\3\4" + b"\0" * 60, "not a safetensors file"),
    (file_of(b"{}", length=2**63), "not a safetensors file"),
    (file_of(b"{}", length=3), "cut off"), (file_of(b"[]"), "begin with {"),
    (file_of(b""), "begin with {"), (file_of(b" {}"), "begin with {"), (file_of(b"{"), "not JSON"),
    (file_of(b"{} x"), "not JSON"), (file_of(b'{"a":\xff}'), "not JSON"),
    (file_of(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "not JSON"),
    (file_of(b'{"a":NaN}'), "NaN"), (file_of(b'{"a":' + b"9" * 10_000 + b"}"), "not JSON"),
    (file_of({"a": 1}), "exactly dtype"), (file_of({"a": {**tensor(), "x": 1}}), "exactly dtype"),
    (file_of({"a": {"dtype": "U8"}}), "exactly dtype"),
    (file_of({"__metadata__": {"a": 1}}), "__metadata__"), (file_of({"__metadata__": 3}), "texts"),
    (file_of({"a": tensor("F8_E4M3")}, b"12"), "dtype F8_E4M3"),
    (file_of({"a": tensor(["U8"])}, b"12"), "dtype"),
    (file_of({"a": tensor(shape=(-2,))}, b"12"), "no valid shape"),
    (file_of({"a": tensor(shape=(2.0,))}, b"12"), "no valid shape"),
    (file_of({"a": tensor(shape=(True, 2))}, b"12"), "no valid shape"),
    (file_of({"a": tensor(shape=("2",))}, b"12"), "no valid shape"),
    (file_of({"a": tensor(shape=(2**62, 2**62))}, b"12"), "no valid shape"),
    (file_of({"a": tensor(shape=(2**31, 2**31))}, b"12"), "takes"),
    (file_of({"a": tensor(shape=(2**64,))}, b"12"), "no valid shape"),
    (file_of({"a": tensor(shape=(1,) * 65)}, b"1"), "no valid shape"),
    (file_of({"a": tensor(shape=(0, 2**62, 2), offsets=(0, 0))}), "no valid shape"),
    (file_of({"a": tensor("F64", shape=(0, 2**61), offsets=(0, 0))}), "no valid shape"),
    (file_of({"a": tensor(offsets=(2, 0))}, b"12"), "takes 2 bytes"),
    (file_of({"a": tensor(offsets=(0, 2, 4))}, b"12"), "data_offsets"),
    (file_of({"a": tensor(offsets=(0, 3))}, b"123"), "takes 2 bytes"),
    (file_of({"a": tensor("F32")}, b"12"), "takes 8 bytes"),
    (file_of({"a": tensor(offsets=(1, 3))}, b"123"), "gap"),
    (file_of({"a": tensor(), "b": tensor(offsets=(1, 3))}, b"123"), "overlaps"),
    (file_of({"a": tensor(), "b": tensor()}, b"1234"), "overlaps"),
    (file_of({"a": tensor(), "b": tensor(offsets=(3, 5))}, b"12345"), "gap"),
    (file_of({"a": tensor()}, b"1"), "cut off"), (file_of({"a": tensor()}, b"123"), "belong to no"),
    (file_of({}, b"1"), "belong to no"), (file_of({"a": tensor("BOOL")}, b"\1\2"), "neither"),
    (file_of(b'{"a":' + json.dumps(tensor()).encode() + b',"a":'
             + json.dumps(tensor(offsets=(2, 4))).encode() + b"}", b"1234"), "'a' twice"),
], ids=lambda v: v if isinstance(v, str) else "")
@pytest.mark.parametrize("mmap", [False, True])
def test_broken_files(tmp_path, content, match, mmap):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(dls.FormatError, match=match) as caught:
        dls.load(path, mmap=mmap)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 600
    assert path.read_bytes() == content


def test_other_orders_are_fine(tmp_path):
    """Names in another order than the data; spaces in the header; tensors that lie crooked."""
    path = tmp_path / "m.safetensors"
    fields = {"b": tensor("F32", (1,), (1, 5)), "a": tensor(shape=(1,), offsets=(0, 1)),
              "empty": tensor(shape=(0,), offsets=(1, 1))}
    text = json.dumps(fields, indent=2).encode() + b"   \n"
    path.write_bytes(file_of(text, b"\7" + np.float32(2.5).tobytes()))
    for mmap in (False, True):
        loaded = dls.load(path, mmap=mmap)
        assert loaded["b"].tolist() == [2.5] and loaded["a"].tolist() == [7]
        assert loaded["b"].numpy().flags.aligned


def test_every_truncation(tmp_path):
    path = tmp_path / "m.safetensors"
    dls.save(path, example(), metadata={"note": "x"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(dls.FormatError):
            dls.load(path)
    path.write_bytes(whole)
    same(dls.load(path), example_of(path))


def example_of(path):
    return {n: t.numpy() for n, t in dls.load(path).items()}


def test_thousands_of_damaged_bytes(tmp_path):
    """FormatError, or values: those of other bytes where the data were hit, never a crash."""
    path = tmp_path / "m.safetensors"
    dls.save(path, example(), metadata={"note": "x"})
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    rng, good = np.random.default_rng(1), 0
    tracemalloc.start()
    for turn in range(3000):
        if turn == 300:  # looking on takes time
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        content = bytearray(whole)
        for place in rng.integers(0, len(whole) if rng.random() < 0.5 else start,
                                  rng.integers(1, 4)):
            content[place] = int(rng.integers(256)) if rng.random() < 0.5 else (
                content[place] ^ (1 << int(rng.integers(8))))
        path.write_bytes(content)
        try:
            loaded = dls.load(path, mmap=bool(rng.integers(2)))
        except dls.FormatError:
            continue
        good += 1
        end = 8 + int.from_bytes(content[:8], "little")
        assert sum(t.numpy().nbytes for t in loaded.values()) == len(content) - end
        if content[:start] == whole[:start]:  # only data were hit: they are what is read
            raw = b"".join(t.numpy().tobytes() for t in sorted(
                loaded.values(), key=lambda t: -t.dtype.itemsize))
            assert raw == bytes(content[start:])
    assert good > 100 and most < 50e6


def test_a_header_that_is_a_bomb_is_not_read(tmp_path):
    path = tmp_path / "m.safetensors"
    with path.open("wb") as file:  # a sparse file of 4 GB
        file.write((2**32 - 16).to_bytes(8, "little"))
        file.truncate(2**32)
    tracemalloc.start()
    with pytest.raises(dls.FormatError, match="header would be"):
        dls.load(path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


# --- what is handed in, and what is left behind --------------------------------------------------


def test_clear_errors(tmp_path):
    path = tmp_path / "m.safetensors"
    for given_, error, match in [
        ([1], dls.DtypeError, "names and values"), ({1: dls.ones(2)}, dls.DataError, "a name"),
        ({"__metadata__": dls.ones(2)}, dls.DataError, "__metadata__"),
        ({"\ud800": dls.ones(2)}, dls.DataError, "UTF-8"),
        ({"a": np.ones(2, "complex64")}, dls.DtypeError, "'a' holds complex64"),
        ({"a": np.array(["x"])}, dls.DtypeError, "'a' holds <U1"),
        ({"a": np.array([object()])}, dls.DtypeError, "holds object"),
        ({"a": [[1], [1, 2]]}, dls.DataError, "'a' gives no NumPy array"),
    ]:
        with pytest.raises(error, match=match):
            dls.save(path, given_)
    with pytest.raises(dls.DataError, match="metadata are texts"):
        dls.save(path, {}, metadata={"a": 1})
    with pytest.raises(dls.DtypeError, match="a path is"):
        dls.save(3, {})
    with pytest.raises(dls.DataError, match="no folder"):
        dls.save(tmp_path / "none" / "m.safetensors", {})
    for missing in (path, tmp_path, "a\0b"):
        with pytest.raises(dls.DataError, match="cannot be read"):
            dls.load(missing)
    with pytest.raises(dls.DataError, match="mmap=True is for the CPU"):
        dls.load(path, device="strict", mmap=True)
    assert os.listdir(tmp_path) == []


def test_a_failing_write_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    dls.save(path, {"a": dls.ones(3)})
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(dls.DataError, match="No space left"):
        dls.save(path, {"a": dls.zeros(3000)})
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="no kill -9 there")
def test_what_a_killed_process_left_is_removed(tmp_path):
    path = tmp_path / "m.safetensors"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".m.{dead.pid}-3.safetensors").write_bytes(b"half")
    (tmp_path / f".m.{os.getppid()}-3.safetensors").write_bytes(b"still at it")
    (tmp_path / f".other.{dead.pid}-3.safetensors").write_bytes(b"of another file")
    dls.save(path, {})
    assert sorted(os.listdir(tmp_path)) == sorted([
        path.name, f".m.{os.getppid()}-3.safetensors", f".other.{dead.pid}-3.safetensors"])


@pytest.mark.parametrize(("dtype", "what"), [
    ("F8_E4M3", "8-bit floats"), ("F8_E5M2", "8-bit floats"), ("C64", "complex numbers")])
def test_dtypes_of_the_format_that_tensors_here_do_not_have(tmp_path, dtype, what):
    size = 8 if dtype == "C64" else 1
    path = tmp_path / "x.safetensors"
    path.write_bytes(file_of({"x": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}},
                             bytes(3 * size)))
    with pytest.raises(dls.FormatError, match=f"'x' has dtype {dtype}, {what}.*save it as F32"):
        dls.load(path)


def test_a_name_that_is_no_text(tmp_path):
    path = tmp_path / "x.safetensors"
    entry = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    path.write_bytes(file_of({"\ud800": entry}, b"1"))
    with pytest.raises(dls.FormatError, match="which is not a text"):
        dls.load(path)


@pytest.mark.parametrize("ending", ["pt", "pth"])
def test_an_ending_of_pytorch_is_warned_of_at_the_user_s_line(tmp_path, ending):
    wanted = example()
    with pytest.warns(UserWarning, match="call it model.safetensors") as warned:
        dls.save(tmp_path / f"model.{ending}", wanted)
    assert warned[0].filename == __file__
    same(dls.load(tmp_path / f"model.{ending}"), wanted)  # a whole file all the same
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dls.save(tmp_path / "model.safetensors", wanted)
        dls.save(tmp_path / "model", wanted)
