"""Checkpoints: a resumed training is the same to the bit, and kill -9 never leaves less."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import data, nn, optim
from tinygrad_dls.train import History, load_checkpoint, save_checkpoint

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 3)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int64")
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.02, amsgrad=True),
    "NAdam": lambda p: optim.NAdam(p), "Adagrad": lambda p: optim.Adagrad(p),
    "RMSprop": lambda p: optim.RMSprop(p, momentum=0.5, centered=True),
    "Lion": lambda p: optim.Lion(p, lr=1e-3), "LAMB": lambda p: optim.LAMB(p),
    "Adadelta": lambda p: optim.Adadelta(p), "RAdam": lambda p: optim.RAdam(p),
    "Adamax": lambda p: optim.Adamax(p),
}


class Training:
    """A model with dropout of both kinds of generator, an optimizer, a schedule, an average."""

    def __init__(self, optimizer="Adam", own=True, seed=1, shuffle=True, device="cpu"):
        dls.manual_seed(seed)
        self.model = nn.Sequential(
            nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 8),
            nn.Dropout(0.2, generator=dls.Generator(seed + 1)), nn.Linear(8, 2)).to(device)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        kinds = optim.lr_scheduler
        warm = kinds.LinearLR(self.optimizer, 0.1, total_iters=4)
        self.schedule = kinds.SequentialLR(
            self.optimizer, [warm, kinds.CosineAnnealingLR(self.optimizer, 30)], [4])
        self.average = optim.ExponentialMovingAverage(self.model, 0.9)
        self.loader = data.DataLoader(
            data.TensorDataset(dls.Tensor(X, device=device), dls.Tensor(Y, device=device)), 8,
            shuffle=shuffle, generator=dls.Generator(seed + 2) if own else None)

    def parts(self):
        return {name: getattr(self, name)
                for name in ("model", "optimizer", "schedule", "average", "loader")}

    def steps(self, count, before=0, after=None):
        """`count` steps of a loop written by hand, over as many epochs as that takes."""
        done = before
        while True:
            for x, y in self.loader:
                self.optimizer.zero_grad()
                F.cross_entropy(self.model(x), y).backward()
                self.optimizer.step()
                self.schedule.step()
                self.average.update_parameters(self.model)
                done += 1
                if after is not None:
                    after(done)
                if done == before + count:
                    return

    def values(self):
        return {
            **{f"model.{n}": t.numpy() for n, t in self.model.state_dict().items()},
            **{f"average.{n}": t.numpy() for n, t in self.average.state_dict().items()},
            "rates": np.array([g["lr"] for g in self.optimizer.param_groups]),
            "random": dls.rand(5).numpy(),
        }


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]), name


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("cut", [1, 6, 7, 8, 17])  # an epoch has 7 steps
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "NAdam"])
def test_a_loop_by_hand_goes_on_to_the_bit(tmp_path, optimizer, cut, own):
    path = tmp_path / "c.safetensors"
    whole = Training(optimizer, own)
    whole.steps(
        2 * cut, after=lambda n: save_checkpoint(path, step=n, **whole.parts()) if n == cut else 0)
    wanted = whole.values()
    again = Training(optimizer, own, seed=9)
    dls.rand(3)
    notes = load_checkpoint(path, **again.parts())
    assert notes == {"step": cut}
    again.steps(cut, before=notes["step"])
    same(again.values(), wanted)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(tmp_path, optimizer):
    path = tmp_path / "c.safetensors"
    whole = Training(optimizer)
    whole.steps(9, after=lambda n: save_checkpoint(path, **whole.parts()) if n == 5 else 0)
    wanted = whole.values()
    again = Training(optimizer, seed=5)
    load_checkpoint(path, **again.parts())
    assert all(state.get("step", 5) == 5 for state in again.optimizer.state.values())
    again.steps(4)
    same(again.values(), wanted)


def test_the_strict_device_and_back(tmp_path):
    path = tmp_path / "c.safetensors"
    there = Training(device="strict")
    there.steps(3)
    save_checkpoint(path, **there.parts())
    here = Training(seed=4)
    load_checkpoint(path, **here.parts())
    assert here.model[0].weight.device.name == "cpu"
    assert np.array_equal(here.model[0].weight.numpy(), there.model[0].weight.numpy())


def test_notes_history_and_generators_of_ones_own(tmp_path):
    path = tmp_path / "c.safetensors"
    mine, other, history = dls.Generator(3), dls.Generator(4), History()
    history.add({"loss": 0.1 + 0.2})
    history.add({"loss": float("inf")})
    history.seconds = 1.25
    mine.normal((5,))
    save_checkpoint(path, generator={"a": mine, "b": other}, history=history, step=np.int64(7),
                    best=dls.Tensor(0.5), name="größe", rates=[0.1, 1e-300])
    a, b, seen = dls.Generator(None), dls.Generator(None), History()
    notes = load_checkpoint(path, generator={"a": a, "b": b}, history=seen)
    assert notes == {"step": 7, "best": 0.5, "name": "größe", "rates": [0.1, 1e-300]}
    assert np.array_equal(a.normal((4,)), mine.normal((4,))) and b.stream() == other.stream()
    assert dict(seen) == dict(history) and seen.seconds == 1.25
    assert load_checkpoint(path)["step"] == 7
    tensors = dls.load(path)  # it is a file like any other
    assert tensors == {} and dls.io.load_metadata(path)["format"] == "tinygrad_dls checkpoint"


def test_another_model_changes_nothing(tmp_path):
    path = tmp_path / "c.safetensors"
    first = Training()
    first.steps(3)
    save_checkpoint(path, step=3, **first.parts())
    model = nn.Sequential(nn.Linear(3, 9), nn.ReLU(), nn.Linear(9, 2))
    dls.manual_seed(3)
    other = Training(seed=8)
    before = other.values()
    cases = [
        ({"model": model}, dls.DataError, r"(?s)nothing was changed.*missing.*2\.weight"),
        ({"model": nn.Sequential(*[nn.Linear(3, 9) if i == 0 else layer
                                   for i, layer in enumerate(Training().model)])},
         dls.ShapeError, r"(?s)0\.weight.*\(9, 3\).*\(8, 3\)"),
        ({"optimizer": optim.SGD(other.model.parameters())}, dls.DataError,
         "of the optimizer Adam"),
        ({"optimizer": optim.Adam(list(other.model.parameters())[:2])}, dls.DataError, "groups of"),
        ({"schedule": optim.lr_scheduler.StepLR(other.optimizer, 3)}, dls.DataError, "StepLR"),
        ({"average": optim.AveragedModel(model)}, dls.DataError, "nothing was changed"),
        ({"loader": data.DataLoader(data.TensorDataset(X, Y), 9, shuffle=True,
                                    generator=dls.Generator(0))}, dls.DataError, "batch_size 8"),
        ({"loader": data.DataLoader(data.TensorDataset(X, Y), 8, shuffle=True)}, dls.DataError,
         "generator of its own"),
        ({"history": History()}, dls.DataError, "no history in this checkpoint, but model"),
        ({"generator": dls.Generator(1)}, dls.DataError, "no state of the generator 'given'"),
    ]
    for change, error, match in cases:
        dls.manual_seed(8)
        other = Training(seed=8)
        with pytest.raises(error, match=match):
            load_checkpoint(path, **{**other.parts(), **change})
        same(other.values(), before)


def test_broken_checkpoints(tmp_path):
    path = tmp_path / "c.safetensors"
    training = Training()
    training.steps(2)
    save_checkpoint(path, **training.parts())
    whole = path.read_bytes()
    before = training.values()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(dls.FormatError):
            load_checkpoint(path, **training.parts())
    dls.save(path, training.model.state_dict())
    with pytest.raises(dls.FormatError, match=r"is not a checkpoint: use dls\.load"):
        load_checkpoint(path, model=training.model)
    for text in ("", "[]", "{}", '{"notes": 1}', '{"model": 3, "notes": {}, "generators": {}}'):
        dls.save(path, {}, {"format": "tinygrad_dls checkpoint", "version": "2", "state": text,
                            "sha256": hashlib.sha256(text.encode()).hexdigest()})
        with pytest.raises((dls.FormatError, dls.DataError), match=r"is a broken|there is no"):
            load_checkpoint(path, model=training.model)
    dls.save(path, {}, {"format": "tinygrad_dls checkpoint", "version": "99"})
    with pytest.raises(dls.FormatError, match="version 99"):
        load_checkpoint(path)
    after = training.values()
    assert all(np.array_equal(after[n], before[n]) for n in before if n != "random")
    with pytest.raises(dls.DataError, match="numbers, texts, lists"):
        save_checkpoint(path, thing=object())
    with pytest.raises(dls.DtypeError, match=r"model is an nn\.Module"):
        save_checkpoint(path, model=3)


# --- fit -----------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def fit(training, folder=None, epochs=4, stop_at=None, **options):
    """dls.fit with everything in it; `stop_at`: the step in which the process dies."""
    calls = [0]

    def loss(output, y):
        calls[0] += output.requires_grad
        if calls[0] == stop_at:
            raise Stopped
        return F.cross_entropy(output, y)

    return dls.fit(
        training.model, loss, training.optimizer, options.pop("loader", training.loader), epochs,
        validation=training.loader if options.pop("validate", True) else None,
        metrics={"accuracy": dls.accuracy}, scheduler=training.schedule,
        average=training.average, checkpoint=folder, progress=False, **options)


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("every", [None, 1, 3, 7])
@pytest.mark.parametrize("stop_at", [1, 2, 9, 14, 15, 24])
def test_fit_resumes_to_the_bit(tmp_path, every, stop_at, device):
    if device == "strict" and every != 3:
        return
    whole = Training(device=device)
    history = fit(whole)
    wanted = whole.values()
    first = Training(device=device)
    with pytest.raises(Stopped):
        fit(first, tmp_path, stop_at=stop_at, every=every)
    files = sorted(os.listdir(tmp_path))
    assert len(files) <= 3 and all(name.startswith("step-") for name in files)
    if stop_at > 9:
        assert files
    again = Training(device=device)
    resumed = fit(again, tmp_path, every=every)
    same(again.values(), wanted)
    assert dict(resumed) == dict(history) and resumed.epochs == 4
    assert fit(Training(device=device), tmp_path, every=every).epochs == 4  # nothing is left


@pytest.mark.parametrize("kind", ["list", "steps", "plain"])
def test_other_loaders_and_schedules(tmp_path, kind):
    """A list of batches, a schedule of steps, no shuffle and the generator of manual_seed."""
    def run(folder=None, stop_at=None, seed=1):
        t = Training(seed=seed, own=kind != "plain", shuffle=kind == "steps")
        options = {"scheduler_steps": "steps"} if kind == "steps" else {}
        if kind == "list":
            options["loader"] = list(data.DataLoader(data.TensorDataset(X, Y), 8))
        try:
            fit(t, folder, stop_at=stop_at, every=2, **options)
        except Stopped:
            return None
        return t.values()

    wanted = run()
    assert run(tmp_path, 12) is None and run(tmp_path, 5, seed=6) is None
    same(run(tmp_path, seed=7), wanted)


def test_ctrl_c_is_a_checkpoint(tmp_path, capsys):
    import signal

    whole = Training()
    history = fit(whole)
    wanted = whole.values()
    first, seen = Training(), [0]

    def count(m, i, o):
        seen[0] += m.training
        if seen[0] == 10:
            seen[0] += 1
            signal.raise_signal(signal.SIGINT)

    first.model.register_forward_hook(count)
    assert fit(first, tmp_path, every=1000).interrupted
    assert os.listdir(tmp_path) == ["step-0000000010.safetensors"]
    again = Training()
    assert dict(fit(again, tmp_path, every=1000)) == dict(history)
    same(again.values(), wanted)


def test_the_last_few_stay_and_a_damaged_one_is_passed_over(tmp_path, capsys):
    whole = Training()
    fit(whole, tmp_path / "a", every=2, keep=2)
    assert sorted(os.listdir(tmp_path / "a")) == [
        "step-0000000026.safetensors", "step-0000000028.safetensors"]
    wanted = whole.values()
    newest = tmp_path / "a" / "step-0000000028.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    again = Training()
    fit(again, tmp_path / "a", every=2, keep=2)
    assert "cut off" in capsys.readouterr().err
    same(again.values(), wanted)


def test_clear_errors(tmp_path):
    training = Training()
    fit(training, tmp_path / "a", epochs=1)
    file = tmp_path / "file"
    file.write_text("")
    for folder, options, error, match in [
        (tmp_path / "a", {"resume": False}, dls.DataError, "holds checkpoints"),
        (tmp_path / "b", {"every": 0}, dls.DataError, "every is a number of steps"),
        (tmp_path / "b", {"keep": 0}, dls.DataError, "keep is a number"),
        (file, {}, dls.DataError, "cannot be written to"),
        (3, {}, dls.DtypeError, "checkpoint is a folder"),
    ]:
        with pytest.raises(error, match=match):
            fit(training, folder, **options)
    other = Training()
    other.model = nn.Sequential(nn.Linear(3, 2))
    other.optimizer = optim.Adam(other.model.parameters())
    other.schedule = optim.lr_scheduler.StepLR(other.optimizer, 3)
    with pytest.raises(dls.DataError, match="nothing was changed"):
        fit(other, tmp_path / "a")


# --- kill -9 -------------------------------------------------------------------------------------

DRIVER = """
import os, random, signal, sys, time
os.environ["TINYGRAD_DLS_KERNELS"] = "reference"
sys.path.insert(0, {tests!r})
import test_checkpoints as t
from tinygrad_dls.train.keeper import Keeper
from pathlib import Path
folder, random_times = Path({folder!r}), random.Random(1)
t.fit(t.Training(), epochs=1)  # whatever is made at first use is made
kills = writes = 0
most = 0
while True:
    child = os.fork()
    if child == 0:
        training = t.Training()
        t.fit(training, folder, epochs=40, every=1, keep=2, validate=False)
        t.np.savez(folder / "result.npz", **training.values())
        os._exit(0)
    if kills < {kills}:
        before, latest = os.listdir(folder), time.monotonic() + 10
        while kills % 2 and os.listdir(folder) == before and time.monotonic() < latest:
            time.sleep(0.001)  # on a busy machine too, every second one writes something
        time.sleep(random_times.uniform(0.005, 0.04))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    names = os.listdir(folder)
    most = max(most, len(names))
    keeper = Keeper(folder, 1, 2, {{"history": t.History()}})
    for path in keeper.files():  # each is whole
        writes += 1
        t.load_checkpoint(path, **t.Training().parts())
    if not os.WIFSIGNALED(status):
        break
    kills += 1
print(kills, most, writes, len(names))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no kill -9 there")
def test_killed_at_any_moment(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    code = DRIVER.format(tests=str(Path(__file__).parent), folder=str(folder), kills=25)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            timeout=300)
    assert result.returncode == 0, result.stderr
    kills, most, writes, left = map(int, result.stdout.split())
    assert kills >= 20 and writes > 20
    assert most <= 4 and left == 3, os.listdir(folder)  # two, one being written, one too old
    code = code.split("folder, random_times")[0] + f"""
training = t.Training()
t.fit(training, epochs=40, validate=False)
t.np.savez({str(tmp_path / 'whole.npz')!r}, **training.values())
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    same(dict(np.load(folder / "result.npz")), dict(np.load(tmp_path / "whole.npz")))
