"""The benchmark's parts: that it measures what it says. No timing is asserted."""

import json
import sys

import numpy as np
import pytest

import tinygrad_dls as dls
import tinygrad_dls.nn.functional as F
from tinygrad_dls import cli, models
from tinygrad_dls.backend.kernels.table import wants_compiled
from tinygrad_dls.bench import ours, yolo_fastest
from tinygrad_dls.bench.cases import CASES, OURS, Case, Perceptron
from tinygrad_dls.bench.commands import NAMES, draw, markdown
from tinygrad_dls.bench.peers import PEERS, takes
from tinygrad_dls.bench.run import run
from tinygrad_dls.bench.timing import interleave
from tinygrad_dls.data.sources import course_folder
from tinygrad_dls.errors import DataError


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if isinstance(c, Perceptron)])
def test_our_step_is_the_step_of_bare_numpy(name):
    mine, bare = ours.build(CASES[name]), ours.reference(CASES[name])
    found = [(mine(), bare()) for _ in range(4)]
    np.testing.assert_allclose(*zip(*found), rtol=1e-5)
    assert found[-1][0] < found[0][0]


LONG = ("k", "l", "m", "n", "p")  # seconds a step on a busy machine
DEEP = ("l", "n")


@pytest.mark.torch
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in CASES])
def test_our_step_is_pytorchs(name):
    pytest.importorskip("torch")
    from tinygrad_dls.bench.peers import torch_eager

    mine, theirs = ours.build(CASES[name]), torch_eager(CASES[name])
    steps = 4 if CASES[name].optimizer and name not in DEEP else 1
    np.testing.assert_allclose(*zip(*[(mine(), theirs()) for _ in range(steps)]), rtol=1e-4)


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_gradients_of_deep_networks_are_pytorchs_in_float64(name):
    """In float32 fifty layers of batch norm make much of the last digits of their gradients."""
    torch = pytest.importorskip("torch")
    case = CASES[name]
    x, y = (a[:4] for a in case.data())
    mine, theirs = case.network(OURS), case.network(torch)
    theirs.load_state_dict({n: torch.tensor(a) for n, a in case.state().items()})
    theirs.double()
    mine.load_state_dict(case.state())
    mine.to("float64")
    F.cross_entropy(mine(dls.Tensor(x, dtype="float64")), dls.Tensor(y)).backward()
    torch.nn.functional.cross_entropy(theirs(torch.tensor(x).double()), torch.tensor(y)).backward()
    right = {n: p.grad.numpy() for n, p in theirs.named_parameters()}
    for n, p in mine.named_parameters():
        atol = 1e-8 * abs(right[n]).max() + 1e-13  # some are 0, but for rounding
        np.testing.assert_allclose(p.grad.numpy(), right[n], rtol=0, atol=atol)


def test_the_help_names_every_case():
    assert NAMES.split() == list(CASES)


@pytest.mark.parametrize("name", ["o", "t", "u"])
def test_a_network_that_is_used_sees_what_comes_in(name, monkeypatch):
    """Its number follows the input: it has not faded on the way through untrained layers."""
    case = CASES[name]
    found = [ours.build(case)()]
    x, y = case.data()
    other = (x + 1) % case.words if case.words else x[..., ::-1].copy()
    monkeypatch.setattr(Case, "data", lambda self: (other, y))
    found.append(ours.build(case)())
    assert abs(found[0] - found[1]) > 1e-4 * abs(found[0])


def test_peers_get_the_cases_that_are_theirs():
    taken = {peer: [n for n in CASES if takes(peer, CASES[n])] for peer in PEERS}
    assert taken["torch"] == list(CASES)
    assert {"k", "l", "o", "t"} <= set(taken["torch_channels_last"]) and (
        "p" not in taken["torch_channels_last"])
    assert not {"o", "t", "u"} & set(taken["torch_fused"]) and "k" in taken["torch_fused"]
    assert not {"h_gru", "p", "u"} & set(taken["torch_compile"]) and "r" in taken["torch_compile"]
    assert taken["jax"] == [n for n in CASES if n != "t"]
    assert taken["dezero"] == ["a", "b", "c1", "c2"]


def test_interleave_runs_every_step_and_takes_medians():
    calls = {"a": 0, "b": 0}

    def step(name):
        calls[name] += 1

    times = interleave({n: lambda n=n: step(n) for n in calls}, rounds=2, seconds=0.01)
    assert set(times) == {"a", "b"}
    assert all(count > 5 for count in calls.values())
    assert all(0 < t < 1000 for t in times.values())


def test_the_figures_of_a_run_are_plain_numbers_and_make_a_table():
    found = run(["b"], peers=[], extras=False)
    case = json.loads(json.dumps(found))["cases"]["b"]
    assert case["ours_ms"] > 0
    assert case["peers"] == {} and case["ratio"] is None
    assert case["loss_difference"]["numpy"] < 1e-5
    assert "| b planar 2-4-1" in markdown(found)


def test_unknown_names_are_told_apart():
    with pytest.raises(DataError, match="no case is called z"):
        run(["z"], peers=[])
    with pytest.raises(DataError, match="no peer is called caffe"):
        run(["b"], peers=["caffe"])


def test_the_command_checks_its_files_before_it_measures(tmp_path, capsys):
    code = cli.main(["benchmark", "--json", str(tmp_path / "no" / "x.json")])
    assert code == 1
    assert "make it first" in capsys.readouterr().err


@pytest.mark.parametrize("captured", [False, True])
def test_a_profile_accounts_for_the_step(captured):
    from tinygrad_dls.bench import profile

    # The calmest of three: another process may hold up the steps that are not watched.
    plain, lines = min((profile.profile("c2", captured, steps=5) for _ in range(3)),
                       key=lambda found: found[0])
    named = {line.name: line for line in lines}
    assert plain > 0 and all(line.ms >= 0 for line in lines)
    assert [line.ms for line in lines] == sorted((line.ms for line in lines), reverse=True)
    assert sum(line.ms for line in lines) > 0.2 * plain
    if wants_compiled():
        if sys.version_info < (3, 12):
            loops = named["backend/kernels/numba/optim/adam_family: adam_step"]
            assert loops.kind == "kernel" and loops.calls == 6  # weights, biases of three layers
        elif not captured:
            assert named["kernels"].kind == "kernel" and named["kernels"].calls > 6
    table = profile.text("c2", plain, lines, count=3)
    assert "others" in table and "kernel " in table.splitlines()[-1]


def test_products_and_convolutions_are_measured(monkeypatch):
    from tinygrad_dls.bench import products

    monkeypatch.setattr(products, "MATRICES", ((8, 5, 6),))
    monkeypatch.setattr(products, "IMAGES", ((2, 8, 3, 4, 3, 2),))
    rows = products.measure()
    assert [name.rpartition(": ")[2] for name, _ in rows[1:]] == ["forward", "dx", "dW"]
    assert all(value > 0 for _, figures in rows for value in figures.values())
    assert "| (8, 6) @ (6, 5) |" in products.text(rows)


def test_the_picture_of_ratios(tmp_path):
    pytest.importorskip("matplotlib")
    machine = {"processor": "x", "cores": 2}
    case = {"title": "a case", "ratio": 0.5, "captured_ratio": 0.25}
    draw({"machine": machine, "cases": {"b": case, "j": case}}, tmp_path / "r.png")
    assert (tmp_path / "r.png").stat().st_size > 5000
    with pytest.raises(DataError, match="needs PyTorch"):
        draw({"machine": machine, "cases": {"b": case | {"ratio": None}}}, tmp_path / "n.png")
    assert not (tmp_path / "n.png").exists()


def test_profile_of_an_unknown_case(capsys):
    assert cli.main(["benchmark", "--profile", "z"]) != 0
    assert "no case is called z" in capsys.readouterr().err


@pytest.mark.torch
@pytest.mark.slow
def test_pytorch_compiled_takes_the_same_steps():
    pytest.importorskip("torch")
    from tinygrad_dls.bench.peers import installed, torch_compile

    if "torch_compile" not in installed():
        pytest.skip("no C++ compiler")
    mine, theirs = ours.build(CASES["c2"]), torch_compile(CASES["c2"])
    np.testing.assert_allclose(*zip(*[(mine(), theirs()) for _ in range(3)]), rtol=1e-4)


@pytest.mark.course
def test_yolo_fastest_is_the_published_network():
    """Its table makes the layers that Darknet's own file makes."""
    course = course_folder()
    if course is None:
        pytest.skip("TINYGRAD_DLS_DATA is not set")
    folder = course / "pretrained" / "yolo-fastest" / "yolo-fastest-1.1_coco"
    published = models.darknet(folder / "yolo-fastest-1.1.cfg")
    mine = models.darknet(yolo_fastest.sections())
    assert mine.input_shape == published.input_shape
    shapes = [{n: a.shape for n, a in m.state_dict().items()} for m in (mine, published)]
    assert shapes[0] == shapes[1]
    assert [layer.sources for layer in mine.layers] == [layer.sources for layer in published.layers]
