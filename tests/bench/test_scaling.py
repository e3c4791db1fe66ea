"""How steps grow: that rows and processes are those they say. No timing is asserted."""

import pytest

from tinygrad_dls.bench import ours, scaling
from tinygrad_dls.bench.work import count
from tinygrad_dls.errors import DataError


def test_networks_grow_in_what_is_named():
    assert scaling.network(batch=32).data()[0].shape == (32, 784)
    assert scaling.network(width=64).sizes == (784, 64, 64, 64, 64, 10)
    assert scaling.network(depth=1).sizes == (784, 256, 10)
    once, more = (sum(w.flops for w in count(ours.build(scaling.network(batch=n, width=16)))
                      if w.name.startswith("linear")) for n in (2, 8))
    assert more == 4 * once


def test_one_row_for_each_size_and_number_of_threads(monkeypatch):
    seen = []

    def alone(name, threads, torch):
        seen.append((name, threads))
        return {"eager": 2.0, "captured": 1.0}

    monkeypatch.setattr(scaling, "times", lambda case, torch: {"eager": 1.0, "captured": 1.0})
    monkeypatch.setattr(scaling, "_with_threads", alone)
    monkeypatch.setattr(scaling, "machine", lambda: {"cores": 6})
    rows = scaling.measure(["b"], factors=(1 / 4, 1))
    assert [(r["what"], r["value"]) for r in rows[:6]] == [
        ("batch", 32), ("batch", 128), ("width", 64), ("width", 256), ("depth", 1), ("depth", 4)]
    assert seen == [(name, n) for name in ("mlp", "b") for n in (1, 2, 4, 6)]
    with pytest.raises(DataError, match="no case is called z"):
        scaling.measure(["z"])


def test_growth_and_ratios_of_the_table():
    rows = [{"what": "batch", "value": n, "ms": {"eager": n / 1, "captured": n / 2, "torch": 10.0}}
            for n in (5, 20)]
    lines = scaling.text(rows).splitlines()
    assert lines[-2] == "| batch 5 | 5 | 2.5 | 10 | 0.50 | 0.25 |  |  |"
    assert lines[-1] == "| batch 20 | 20 | 10 | 10 | 2.00 | 1.00 | 4.00 | 1.00 |"
    alone = scaling.text([{"what": "batch", "value": 5, "ms": {"eager": 5.0, "captured": 2.5}}])
    assert alone.splitlines()[-1] == "| batch 5 | 5 | 2.5 | - | - | - |  |  |"


def test_a_process_of_its_own_has_its_threads():
    found = scaling._with_threads("b", 1, torch=False)
    assert set(found) == {"eager", "captured"} and min(found.values()) > 0
    with pytest.raises(DataError, match=r"scaling of b, 0, False failed: .*from 1"):
        scaling._with_threads("b", 0, torch=False)
