"""load_tensorflowjs: manifests and shards, quantized or not, and shards that are not there."""

import json

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.io import load_tensorflowjs

RNG = np.random.default_rng(0)


def write(folder, weights, shards=2, manifest=None, **more):
    """weights: (name, array as stored, entry); all in one group of so many shards."""
    raw = b"".join(np.asarray(a).tobytes() for _, a, _ in weights)
    paths = [f"group1-shard{i + 1}of{shards}.bin" for i in range(shards)]
    step = -(-len(raw) // shards)
    for i, path in enumerate(paths):
        (folder / path).write_bytes(raw[i * step : (i + 1) * step])
    entries = [{"name": n, "shape": list(np.shape(a)), "dtype": str(np.asarray(a).dtype), **e}
               for n, a, e in weights]
    manifest = [{"paths": paths, "weights": entries}] if manifest is None else manifest
    (folder / "model.json").write_text(json.dumps({
        "format": "layers-model", "weightsManifest": manifest, **more}))
    return folder / "model.json"


def example():
    quantized = {"dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.1, "min": -2.5}}
    wide = {"dtype": "float32", "quantization": {"dtype": "uint16", "scale": 1e-3, "min": 1.0}}
    half = {"dtype": "float32", "quantization": {"dtype": "float16", "original_dtype": "float32"}}
    return [
        ("dense/kernel", RNG.standard_normal((3, 5)).astype("<f4"), {}),
        ("steps", RNG.integers(-9, 9, (4,)).astype("<i4"), {}), ("on", np.array([True, False]), {}),
        ("none", np.empty((0, 3), "<f4"), {}), ("one", np.array(7, "<i4"), {}),
        ("q8", RNG.integers(0, 256, (3, 3)).astype("u1"), quantized),
        ("q16", RNG.integers(0, 65536, (5,)).astype("<u2"), wide),
        ("half", RNG.standard_normal((2, 2)).astype("<f2"), half),
    ]


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_all_kinds_of_weights(tmp_path, shards):
    weights = example()
    found = load_tensorflowjs(write(tmp_path, weights, shards, modelTopology={"a": 1}))
    wanted = {n: a for n, a, _ in weights}
    wanted["q8"] = (wanted["q8"].astype("f8") * 0.1 - 2.5).astype("f4")
    wanted["q16"] = (wanted["q16"].astype("f8") * 1e-3 + 1.0).astype("f4")
    wanted["half"] = wanted["half"].astype("f4")
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-6)
        found[name][...] = 0  # theirs alone
    assert found.metadata == {"format": "layers-model", "modelTopology": {"a": 1}}


def test_a_manifest_that_is_the_list_itself(tmp_path):
    path = write(tmp_path, example())
    whole = json.loads(path.read_text())
    listed = tmp_path / "net-weights_manifest.json"
    listed.write_text(json.dumps(whole["weightsManifest"]))
    found, wanted = load_tensorflowjs(listed), load_tensorflowjs(path)
    assert list(found) == list(wanted) and found.metadata == {}
    for name, array in wanted.items():
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_dequantizing_gives_the_exact_zeros_that_were_stored(tmp_path, kind):
    top = np.iinfo(kind).max
    for seed in range(50):
        rng = np.random.default_rng(seed)
        scale = rng.uniform(0.01, 60) / top
        zero = int(rng.integers(1, top))  # the number that stands for 0: min is a multiple of scale
        stored = np.array([zero, 0, top, *rng.integers(0, top, 5)], kind)
        entry = {"dtype": "float32", "quantization": {
            "dtype": kind, "scale": scale, "min": -zero * scale}}
        found = load_tensorflowjs(write(tmp_path, [("w", stored, entry)], 1))["w"]
        wanted = (stored.astype("float64") * scale - zero * scale).astype("float32")
        assert found[0] == 0 and np.array_equal(found, wanted)


def test_weights_of_texts(tmp_path):
    texts = ["", "größe", "a" * 300]
    raw = b"".join(len(t.encode()).to_bytes(4, "little") + t.encode() for t in texts)
    path = write(tmp_path, [("a", np.arange(2, dtype="<f4"), {}), (
        "words", np.frombuffer(raw, "u1"), {"dtype": "string", "shape": [3]}),
        ("b", np.arange(3, dtype="<f4"), {})], 3)
    found = load_tensorflowjs(path)
    assert found["a"].tolist() == [0, 1] and found["b"].tolist() == [0, 1, 2]
    assert set(found) == {"a", "b"} and found.metadata["strings"] == {"words": texts}
    path.write_text(path.read_text().replace('"shape": [3], "dtype": "string"',
                                             '"shape": [2000000000], "dtype": "string"'))
    with pytest.raises(dls.FormatError, match="texts of weight 'words'"):
        load_tensorflowjs(path)


def test_shards_that_are_missing_or_short(tmp_path):
    path = write(tmp_path, example())
    shard = tmp_path / "group1-shard2of2.bin"
    raw = shard.read_bytes()
    shard.write_bytes(raw[:-3])
    with pytest.raises(dls.FormatError, match=r"too short(.|\n)*shard2of2"):
        load_tensorflowjs(path)
    shard.write_bytes(raw + b"1")
    with pytest.raises(dls.FormatError, match=r"1 bytes at the end of 'group1-shard2of2\.bin'"):
        load_tensorflowjs(path)
    shard.unlink()
    with pytest.raises(dls.DataError, match=r"shard2of2.bin cannot be read \(No such file"):
        load_tensorflowjs(path)


ENTRY = {"name": "w", "shape": [2], "dtype": "float32"}


def group(paths=("group1-shard1of2.bin", "group1-shard2of2.bin"), **entry):
    return [{"paths": list(paths), "weights": [{**ENTRY, **entry}]}]


@pytest.mark.parametrize(("manifest", "message"), [
    (group(["../secret"]), "not a name of"), (group(["/etc/passwd"]), "not a name of"),
    (group(["a/../../b"]), "not a name of"), (group(["C:\\b"]), "not a name of"),
    (group([3]), "not a name of"), (group(["https://x/y"]), "not a name of"),
    (group(["group1-shard1of2.bin"] * 2), "named twice"), (group(name=3), "without a name"),
    (group(shape=[-1]), "no valid shape"), (group(shape=[2.0]), "no valid shape"),
    (group(shape=[2**40, 2**40]), "too short"), (group(shape="2"), "no valid shape"),
    (group(dtype="float64"), "dtype 'float64'"), (group(dtype=["float32"]), "has dtype"),
    (group(quantization={"dtype": "uint4"}), "quantization"), (group(quantization=3), "quantizat"),
    (group(quantization={"dtype": "uint8", "scale": "a"}, shape=[3]), "scale|too short"),
    (3, "no weightsManifest"), ([3], "without paths"), ([{"paths": [], "weights": 3}], "without"),
])
def test_manifests_that_are_wrong(tmp_path, manifest, message):
    path = write(tmp_path, [("w", np.zeros(2, "<f4"), {})])
    if manifest != 3:
        path.write_text(json.dumps({"weightsManifest": manifest}))
    else:
        path.write_text(json.dumps({"weightsManifest": 3}))
    with pytest.raises(dls.FormatError, match=message):
        load_tensorflowjs(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"weightsManifest": NaN}', "[" * 100_000,
                                  '{"a": 1, "a": 2}', "\x00"])
def test_files_that_are_no_manifest(tmp_path, text):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(dls.FormatError):
        load_tensorflowjs(tmp_path / "model.json")
