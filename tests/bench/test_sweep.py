"""Random layers beside PyTorch's: what is drawn, and that both sides compute the same."""

import json

import pytest

from tinygrad_dls.bench import sweep
from tinygrad_dls.cli import main

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SOME = [
    sweep.Convolution(1, 30, 20, 16, 24, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    sweep.Convolution(2, 9, 9, 8, 8, (3, 3), (2, 2), (1, 1), (1, 1), 8),
    sweep.Convolution(1, 14, 14, 32, 16, (1, 1), (2, 2), (0, 0), (1, 1), 1),
    sweep.Convolution(1, 20, 20, 3, 6, (5, 5), (1, 1), (0, 0), (1, 1), 1),
    sweep.Convolution(1, 20, 20, 4, 6, (3, 3), (1, 1), (2, 2), (2, 2), 2),
    sweep.Product(1, 120, 84),
]


def test_layers_of_networks_are_found(monkeypatch):
    monkeypatch.setattr(sweep, "NETWORKS", ("c2", "d1", "d2"))
    found = sweep.layers()
    assert sweep.Product(1, 784, 128) in found
    assert sweep.Convolution(1, 28, 28, 1, 6, (5, 5), (1, 1), (2, 2), (1, 1), 1) in found
    for layer, way in sweep.draw(found, 30, seed=0):
        assert layer.calls(way, torch)["ours"]() is not None


def test_the_same_seed_draws_the_same_layers_within_bounds():
    drawn = sweep.draw(SOME, 60, seed=3)
    assert drawn == sweep.draw(SOME, 60, seed=3) and drawn != sweep.draw(SOME, 60, seed=4)
    assert {way for _, way in drawn} == set(sweep.WAYS)
    assert len({layer for layer, _ in drawn}) > 50
    for layer, _ in drawn:
        assert 0 < layer.work <= sweep.LARGEST
        if isinstance(layer, sweep.Convolution):
            assert min(layer.out) >= 1


def test_both_sides_compute_the_same(monkeypatch):
    monkeypatch.setattr(sweep, "layers", lambda: SOME)
    monkeypatch.setattr(sweep, "LARGEST", 1e7)
    rows = sweep.measure(30, seed=1, seconds=0.0)
    assert len(rows) == 30 and max(row.difference for row in rows) < 1e-5
    assert all(row.ours_ms > 0 and row.torch_ms > 0 for row in rows)


def test_the_work_of_a_convolution_is_counted_by_hand():
    layer = sweep.Convolution(2, 5, 5, 4, 6, (3, 3), (2, 2), (1, 1), (1, 1), 2)
    assert layer.out == (3, 3) and layer.work == 2 * 2 * 9 * 6 * 9 * 2


def test_the_table_counts_who_is_slower():
    rows = [sweep.Row(f"s{i}", family, "dx", ours, 1.0, 0.0)
            for i, (family, ours) in enumerate([("1 x 1", 0.5), ("1 x 1", 1.2), ("3 x 3", 2.0)])]
    table = sweep.text(rows, worst=1)
    assert "| all | 3 | 33% | 67% | 1.20 |" in table
    assert "| 1 x 1 | 2 | 50% | 100% | 0.85 |" in table
    assert "| s2 | dx | 2 | 1 | 2.00 |" in table and "| s1 |" not in table


def test_as_a_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sweep, "layers", lambda: SOME)
    monkeypatch.setattr(sweep, "LARGEST", 1e6)
    assert main(["benchmark", "--sweep", "2", "--json", str(tmp_path / "s.json")]) == 0
    assert "not slower than PyTorch" in capsys.readouterr().out
    rows = json.loads((tmp_path / "s.json").read_text())["sweep"]
    assert len(rows) == 2 and {"shape", "way", "ours_ms", "torch_ms"} <= set(rows[0])
    assert main(["benchmark", "--sweep", "0"]) != 0
    assert "from 1, not 0" in capsys.readouterr().err
