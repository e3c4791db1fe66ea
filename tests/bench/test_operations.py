"""Single operations beside PyTorch's: that both sides compute the same, and the table."""

import json

import pytest

from tinygrad_dls.bench import operations
from tinygrad_dls.cli import main

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture
def small(monkeypatch):
    """Sizes in which all operations still make sense."""
    monkeypatch.setattr(operations, "IMAGES", (2, 16, 6, 6))
    monkeypatch.setattr(operations, "WORDS", (2, 4, 256))


def test_both_sides_compute_the_same(small):
    rows = operations.measure(seconds=0.0)
    assert len(rows) == len(operations.operations()) > 80
    for row in rows:
        assert row.difference < 2e-5, row
        assert row.ours_ms > 0 and row.torch_ms > 0


def test_the_command_writes_what_it_prints(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(operations, "OF_BOTH", "F.relu(x)")
    monkeypatch.setattr(operations, "OF_IMAGES", "")
    monkeypatch.setattr(operations, "OF_WORDS", "")
    path = tmp_path / "figures.json"
    assert main(["benchmark", "--operations", "--json", str(path)]) == 0
    found = json.loads(path.read_text("utf-8"))["operations"]
    assert [(row["operation"], row["shape"]) for row in found] == [
        ("F.relu(x)", [2, 16, 6, 6]), ("F.relu(x)", [2, 4, 256])]
    assert "| `F.relu(x)` | 2 x 16 x 6 x 6 |" in capsys.readouterr().out


def test_the_table_has_the_slowest_first():
    rows = [operations.Row(name, (3,), ours, 1.0, 0.0) for name, ours in (("a", 0.5), ("b", 2.0))]
    table = operations.text(rows)
    assert "50% not slower" in table and table.index("`b`") < table.index("`a`")
