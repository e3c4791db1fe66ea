"""load_darknet: the row of floats cut as the .cfg says, and used as Darknet uses it."""


import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import nn
from tinygrad_dls.data.sources import course_folder
from tinygrad_dls.io import load_darknet, parse_darknet_cfg

CFG = """
# a comment
[net]
width=8
height=8
channels=3

[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=6
size=1
groups=2
activation=linear

[route]
layers=-1, 1

[shortcut]
from=-1

[upsample]
stride=2

[reorg]
stride=4

[route]
layers=-1
groups=2
group_id=1

[connected]
output=5
activation=linear
"""


def floats_of(arrays):
    return b"".join(np.asarray(a, "<f4").tobytes() for a in arrays)


def example(rng):
    """(floats in the order of the file, arrays by name)."""
    def draw(*shape):
        return rng.standard_normal(shape).astype("float32")

    named = {"0.bn.bias": draw(4), "0.bn.weight": draw(4), "0.bn.running_mean": draw(4),
             "0.bn.running_var": abs(draw(4)), "0.conv.weight": draw(4, 3, 3, 3),
             "2.conv.bias": draw(6), "2.conv.weight": draw(6, 2, 1, 1),
             # 6 + 4 channels of 4 x 4, twice as large, 16 times the channels: half of 160
             "8.bias": draw(5), "8.weight": draw(5, 80 * 2 * 2)}
    return named


def header(major=0, minor=2, revision=5, seen=12800):
    width = 8 if major * 10 + minor >= 2 else 4
    return np.array([major, minor, revision], "<i4").tobytes() + seen.to_bytes(width, "little")


@pytest.mark.parametrize("minor", [1, 2])
def test_a_network_of_all_kinds_of_layers(tmp_path, minor):
    named = example(np.random.default_rng(0))
    (tmp_path / "m.cfg").write_text(CFG)
    (tmp_path / "m.weights").write_bytes(header(minor=minor) + floats_of(named.values()))
    found = load_darknet(tmp_path / "m.weights", tmp_path / "m.cfg")
    assert set(found) == {*named, "0.bn.num_batches_tracked"}
    for name, array in named.items():
        assert np.array_equal(found[name], array), name
    assert found.metadata["version"] == (0, minor, 5) and found.metadata["seen"] == 12800
    kinds = [s.kind for s in found.metadata["layers"]]
    assert kinds[:3] == ["net", "convolutional", "maxpool"] and len(kinds) == 10
    net = nn.Sequential({"0": nn.Sequential({  # names and layouts are those of our layers
        "conv": nn.Conv2d(3, 4, 3, padding=1, bias=False), "bn": nn.BatchNorm2d(4)})})
    net.load_state_dict({n: a for n, a in found.items() if n.startswith("0.")})
    x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype("float32")
    y = F.conv2d(dls.Tensor(x), named["0.conv.weight"], padding=1).numpy()
    y = (y - _wide(named["0.bn.running_mean"])) / np.sqrt(_wide(named["0.bn.running_var"]) + 1e-5)
    y = y * _wide(named["0.bn.weight"]) + _wide(named["0.bn.bias"])
    np.testing.assert_allclose(net.eval()(dls.Tensor(x)).numpy(), y, atol=1e-4, rtol=1e-4)


def _wide(values):
    return values[:, None, None]


def test_a_backbone_alone(tmp_path):
    named = example(np.random.default_rng(0))
    first = {n: a for n, a in named.items() if n.startswith("0.")}
    (tmp_path / "m.weights").write_bytes(header() + floats_of(first.values()))
    sections = parse_darknet_cfg(CFG)
    assert len(load_darknet(tmp_path / "m.weights", sections[:2])) == 6
    with pytest.raises(dls.FormatError, match=r"2, convolutional, takes 6 floats, 0 are left"):
        load_darknet(tmp_path / "m.weights", sections)


def test_a_cfg_with_a_mark_of_utf_8_at_its_start(tmp_path):
    (tmp_path / "m.cfg").write_bytes(b"\xef\xbb\xbf" + CFG.encode())
    assert parse_darknet_cfg("\ufeff" + CFG) == parse_darknet_cfg(CFG)
    with pytest.raises(dls.FormatError, match="too short"):  # the cfg is read, the weights are not
        (tmp_path / "m.weights").write_bytes(np.array([0, 2, 5, 0, 0], "<i4").tobytes())
        load_darknet(tmp_path / "m.weights", tmp_path / "m.cfg")


def test_files_that_do_not_fit(tmp_path):
    path, sections = tmp_path / "m.weights", parse_darknet_cfg(CFG)
    raw = header() + floats_of(example(np.random.default_rng(0)).values())
    for content, message in [
        (raw[:-4], "too short"), (raw[:-2], "a whole float"), (raw + b"\0" * 8, "2 floats at its"),
        (raw[:10], "less than a header"), (b"", "less than a header"),
        (b"\xff" * 40, "none of Darknet's"),
    ]:
        path.write_bytes(content)
        with pytest.raises(dls.FormatError, match=message):
            load_darknet(path, sections)
    with pytest.raises(dls.DataError, match="cannot be read"):
        load_darknet(tmp_path / "none", sections)
    with pytest.raises(dls.DataError, match=r"path of a \.cfg"):
        load_darknet(path, [])


@pytest.mark.parametrize(("cfg", "message"), [
    ("filters=3", "neither"), ("", "begins with"), ("[convolutional]", "begins with"),
    ("[net]\nnonsense", "line 2"), ("[net]\n[convolutional]\nfilters=many", "not a whole number"),
    ("[net]\n[convolutional]\nfilters=-3", "cannot be"),
    ("[net]\n[convolutional]\nfilters=99999999999", "cannot be"),
    ("[net]\n[convolutional]\nfilters=2147483647\nsize=2147483647", "too short"),
    ("[net]\n[convolutional]\ngroups=2", "cannot have groups"),
    ("[net]\n[convolutional]\nstride=0", "cannot have"), ("[net]\n[lstm]\n", "lstm"),
    ("[net]\n[route]\nlayers=5", "does not come before"), ("[net]\n[route]\nlayers=-1", "before"),
    ("[net]\n[route]\nlayers=a", "is not a layer"), ("[net]\n[route]", "is not a layer"),
])
def test_a_cfg_that_is_none(tmp_path, cfg, message):
    (tmp_path / "m.cfg").write_text(cfg)
    (tmp_path / "m.weights").write_bytes(header() + bytes(400))
    with pytest.raises((dls.FormatError, dls.DataError), match=message):
        load_darknet(tmp_path / "m.weights", tmp_path / "m.cfg")


@pytest.mark.course
def test_the_courses_detectors():
    folder = course_folder()
    if folder is None:
        pytest.skip("TINYGRAD_DLS_DATA is not set")
    files = sorted((folder / "pretrained" / "yolo-fastest").rglob("*.weights"))
    assert files
    for path in files:
        found = load_darknet(path, path.with_suffix(".cfg"))
        assert all((a > 0).all() for n, a in found.items() if n.endswith("running_var"))
        assert all(np.isfinite(a).all() for a in found.values())
