"""torch.save and torch.load of the namespace, alone and with PyTorch in both directions."""

import hashlib
import io
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.torch as torch
import tinygrad_dls.torch.nn as nn


def _trained(lib, steps=2):
    lib.manual_seed(0)
    net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2))
    opt = lib.optim.Adam(net.parameters(), lr=0.01)
    x = lib.tensor(np.random.default_rng(1).normal(size=(6, 3)).astype("float32"))
    return net, opt, lambda: _step(net, opt, x)


def _step(net, opt, x):
    opt.zero_grad()
    loss = (net(x) ** 2).sum()
    loss.backward()
    opt.step()
    return loss.item()


def test_what_is_saved_is_loaded(tmp_path):
    w = torch.arange(6.0).reshape(2, 3)
    thing = {"epoch": 3, "lr": 0.1, "names": ["a", None, True], "w": w, "row": w[1], "t": w.T,
             "i": torch.tensor([1, 2]), "b": torch.tensor([True]), 7: (1, 2.5), "kind": torch.half,
             "size": w.shape, "p": nn.Parameter(torch.ones(2)), "state": OrderedDict(x=w),
             "device": torch.device("cpu"), "set": {1, "a"},
             "number": np.float32(2), "none": torch.empty(0)}
    torch.save(thing, tmp_path / "a.pt")
    back = torch.load(tmp_path / "a.pt", map_location="cpu")
    assert back.keys() == thing.keys() and back["names"] == ["a", None, True]
    assert back["epoch"] == 3 and back["lr"] == 0.1 and back[7] == (1, 2.5) and back["number"] == 2
    for name in ("w", "row", "t", "i", "b", "p", "none"):
        assert torch.equal(back[name], thing[name]), name
        assert back[name].dtype == thing[name].dtype and type(back[name]) is type(thing[name])
    assert back["set"] == {1, "a"} and back["size"] == (2, 3) and back["kind"] == "float16"
    back["row"].zero_()  # it still is a view of w
    assert back["w"].tolist() == [[0, 1, 2], [0, 0, 0]]
    buffer = io.BytesIO()
    torch.save(w, buffer)
    buffer.seek(0)
    assert torch.equal(torch.load(buffer), w)


def test_models_are_not_pickled(tmp_path):
    with pytest.raises(dls.DtypeError, match="state_dict"):
        torch.save(nn.Linear(2, 2), tmp_path / "m.pt")


@pytest.mark.torch
def test_checkpoints_go_both_ways_with_the_optimizer_and_training_goes_on(tmp_path):
    pytorch = pytest.importorskip("torch")
    for writer, reader in ((torch, pytorch), (pytorch, torch)):
        net, opt, step = _trained(writer)
        other, second, other_step = _trained(reader)
        step(), step()
        writer.save({"model": net.state_dict(), "opt": opt.state_dict(), "epoch": 2},
                    tmp_path / "c.pt")
        found = reader.load(tmp_path / "c.pt", weights_only=True)
        other.load_state_dict(found["model"])
        second.load_state_dict(found["opt"])
        assert found["epoch"] == 2
        assert [step() for _ in range(4)] == pytest.approx([other_step() for _ in range(4)], 1e-5)


def test_weights_come_from_a_url_once_and_undamaged(tmp_path):
    torch.save({"w": torch.arange(3.0)}, source := tmp_path / "net-00000000.pth")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    good = source.with_name(f"net-{digest[:8]}.pth")
    good.write_bytes(source.read_bytes())
    kept = tmp_path / "kept"
    load = torch.utils.model_zoo.load_url
    for _ in range(2):  # the second time the file is there
        found = load(good.as_uri(), model_dir=kept, check_hash=True)
        assert found["w"].tolist() == [0, 1, 2]
        good.unlink(missing_ok=True)
    with pytest.raises(dls.DataError, match=f"begins with {digest[:8]}, not with 00000000"):
        torch.hub.load_state_dict_from_url(source.as_uri(), kept, check_hash=True)
    assert [path.name for path in kept.iterdir()] == [good.name]
