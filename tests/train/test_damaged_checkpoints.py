"""Checkpoints that are damaged or of another training: noticed, passed over, never in the way."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim
from tinygrad_dls.io.safetensors import read, write
from tinygrad_dls.train import History, load_checkpoint, save_checkpoint
from tinygrad_dls.train import checkpoints as module

RNG = np.random.default_rng(0)
X = RNG.standard_normal((32, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def parts(width=4):
    dls.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, 2))
    loader = data.DataLoader(data.TensorDataset(dls.Tensor(X), dls.Tensor(Y)), 8, shuffle=True)
    return model, optim.Adam(model.parameters(), lr=0.01), loader


def fit(folder, epochs, keep=3, width=4, made=None):
    """The weights after so many epochs of 4 steps."""
    model, opt, loader = made or parts(width)
    dls.fit(model, F.cross_entropy, opt, loader, epochs, progress=False, checkpoint=folder,
            keep=keep)
    return [p.detach().numpy().copy() for p in model.parameters()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b))


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_each_bit_counts(tmp_path):
    path = tmp_path / "c.safetensors"
    model, opt, loader = parts()
    save_checkpoint(path, model=model, optimizer=opt, loader=loader, step=3)
    good, rng = path.read_bytes(), np.random.default_rng(1)
    assert load_checkpoint(path, model=model) == {"step": 3}
    for place in rng.choice(len(good), 300, replace=False):
        raw = bytearray(good)
        raw[place] ^= 1 << rng.integers(0, 8)
        path.write_bytes(raw)
        with pytest.raises(dls.FormatError):
            load_checkpoint(path, model=model)


def changed(path, change, arrays=None):
    """Write a checkpoint again with another state, and a checksum that fits."""
    held, metadata = read(path)
    state = json.loads(metadata["state"])
    change(state)
    text = json.dumps(state)
    held = held if arrays is None else arrays
    write(path, held, {**metadata, "state": text, "sha256": module._checksum(held, text)})


def note(name, value):
    return lambda path: changed(path, lambda state: state["notes"].update({name: value}))


def history(value):
    return lambda path: changed(path, lambda state: state["history"].update(figures=value))


def other_model(path):
    model, opt, loader = parts(width=7)
    save_checkpoint(path, model=model, optimizer=opt, loader=loader, history=History(), steps=12,
                    in_epoch=0, figures={})


def by_hand(path):
    model, opt, loader = parts()
    save_checkpoint(path, model=model, optimizer=opt, loader=loader, history=History(), step=12)


def directory(path):
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("stays")


def dangling(path):
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


DAMAGE = {
    "a bit": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes(
        [path.read_bytes()[-1] ^ 4])),
    "half": lambda path: path.write_bytes(path.read_bytes()[:900]),
    "empty": lambda path: path.write_bytes(b""), "other model": other_model, "by hand": by_hand,
    "directory": directory, "dangling link": dangling,
    "no steps": lambda path: changed(path, lambda state: state["notes"].pop("steps")),
    "steps": note("steps", "x"), "in epoch": note("in_epoch", 10**6),
    "negative": note("in_epoch", -1), "figures": note("figures", 5),
    "names": note("figures", {"names": ["loss"], "sums": ["x"], "examples": 0, "steps": 0}),
    "notes": lambda path: changed(path, lambda state: state.update(notes=[])),
    "history": history(5), "loss": history({"loss": 5}), "losses": history({"loss": ["x", "y"]}),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_the_one_before_is_taken(tmp_path, capsys, kind):
    wanted = fit(tmp_path / "whole", 5)
    folder = tmp_path / "c"
    fit(folder, 3)
    newest = folder / "step-0000000012.safetensors"
    DAMAGE[kind](newest)
    assert same(fit(folder, 5), wanted)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and len(told) < 600
    assert str(newest) in told and "goes on from step-0000000008.safetensors" in told
    assert files(folder) == [f"step-00000000{n}.safetensors" for n in ("12", "16", "20")][
        :1] + ["step-0000000012.safetensors.passed-over", "step-0000000016.safetensors",
               "step-0000000020.safetensors"]
    if kind == "directory":
        assert (folder / "step-0000000012.safetensors.passed-over" / "inside").exists()
    assert same(fit(folder, 5), wanted)  # said once
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["other model", "by hand", "directory", "no steps", "loss"])
def test_nothing_changes_where_no_file_fits(tmp_path, kind):
    folder = tmp_path / "c"
    fit(folder, 1, keep=1)
    (path,) = folder.iterdir()
    DAMAGE[kind](path)
    made = parts()
    before = [p.numpy().copy() for p in made[0].parameters()]
    if kind == "loss":  # damaged, so training starts again
        assert same(fit(folder, 1, made=made), fit(tmp_path / "whole", 1))
        return
    with pytest.raises(dls.Error):
        fit(folder, 2, made=made)
    assert same([p.numpy() for p in made[0].parameters()], before)
    assert files(folder) == [path.name]


@pytest.mark.parametrize("keep", [1, 3])
def test_new_checkpoints_stay_beside_broken_ones_of_a_longer_training(tmp_path, capsys, keep):
    fit(tmp_path, 8, keep)
    broken = files(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    fit(tmp_path, 4, keep)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == keep and told[-1].endswith("training starts from the beginning")
    whole = [f"step-{4 * n:010d}.safetensors" for n in range(5 - keep, 5)]
    assert files(tmp_path) == sorted([*whole, *(f"{name}.passed-over" for name in broken)])
    for name in whole:
        load_checkpoint(tmp_path / name)


def test_what_cannot_be_set_aside_does_not_delete_new_ones(tmp_path, monkeypatch):
    fit(tmp_path, 3, keep=1)
    (tmp_path / "step-0000000012.safetensors").write_bytes(b"broken")

    def refuse(*_, **__):
        raise OSError("not ours")

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    fit(tmp_path, 1, keep=1)
    load_checkpoint(tmp_path / "step-0000000004.safetensors")


def test_a_folder_that_cannot_be_written_to_is_noticed_before_training():
    folder = "/proc/self/fdinfo"
    if not os.path.isdir(folder):
        pytest.skip("no folder that nobody can write to")
    made = parts()
    before = [p.numpy().copy() for p in made[0].parameters()]
    with pytest.raises(dls.DataError, match=r"fdinfo cannot be written to"):
        fit(folder, 1, made=made)
    assert same([p.numpy() for p in made[0].parameters()], before)


def test_two_threads_in_one_folder(tmp_path):
    failed = []

    def train(made):
        try:
            model, opt, loader = made
            dls.fit(model, F.cross_entropy, opt, loader, 6, progress=False, checkpoint=tmp_path,
                    every=1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=train, args=(parts(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert "step-0000000024.safetensors" in files(tmp_path)
    for path in tmp_path.iterdir():
        load_checkpoint(path)
