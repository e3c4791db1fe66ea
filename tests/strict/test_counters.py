"""Waits and copies are counted, and the lines that caused them are named."""

import numpy as np
import pytest

from tinygrad_dls.backend import strict
from tinygrad_dls.backend.strict import xp

SYNCS = {
    "float": lambda a: float(a[0]),
    "int": lambda a: int(a[0]),
    "complex": lambda a: complex(a[0]),
    "bool": lambda a: bool(a[0] > 1),
    "if": lambda a: 1 if a[0] > 1 else 0,
    "item": lambda a: a[0].item(),
    "format": lambda a: f"{a[0]:.3f}",
    "mask read": lambda a: a[a > 1],
    "mask write": lambda a: a.__setitem__(a > 1, 0.0),
    "nonzero": lambda a: xp.nonzero(a),
    "a.nonzero": lambda a: a.nonzero(),
    "where of one": lambda a: xp.where(a > 1),
    "unique": lambda a: xp.unique(a),
    "weighted average": lambda a: xp.average(a, weights=a + 1),
}
COPIES = {
    "get": lambda a: a.get(),
    "asnumpy": lambda a: xp.asnumpy(a),
    "tolist": lambda a: a.tolist(),
    "repr": lambda a: repr(a),
    "tobytes": lambda a: a.tobytes(),
}


@pytest.mark.parametrize("name", SYNCS)
def test_a_wait_is_counted_once(name):
    a = xp.asarray(np.arange(3.0))
    with strict.count() as c:
        SYNCS[name](a)
    assert (c.syncs, c.host_to_device, c.device_to_host) == (1, 0, 0)


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_to_the_host_is_a_wait_too(name):
    a = xp.asarray(np.arange(3.0))
    with strict.count() as c:
        COPIES[name](a)
    assert (c.syncs, c.host_to_device, c.device_to_host) == (1, 0, 1)


def test_copies_to_the_device():
    a = xp.zeros(3)
    with strict.count() as c:
        xp.asarray(np.zeros(3))
        xp.array([1, 2])
        a.set(np.ones(3))
        xp.asarray(a)
        xp.array(a)
        xp.array([a.sum(), a.sum()])  # stacked on the device
        xp.full((2, 2), 0.5)
        xp.arange(4)
    assert c.host_to_device == 3 and c.syncs == 0 and c.device_to_host == 0


def test_work_on_the_device_costs_nothing():
    a = xp.asarray(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    index = xp.asarray([1, 0])
    with strict.count() as c:
        z = a - a.max(axis=1, keepdims=True)
        p = xp.exp(z) / xp.exp(z).sum(axis=1, keepdims=True)
        loss = -xp.log(p[xp.arange(2), index]).mean()
        a -= 0.1 * xp.where(a > 1, p, 0.0)
        a[index] = a
        xp.add.at(a, index, p)
        loss.shape, loss.dtype, len(a)
    assert str(c) == "0 syncs, 0 copies to the device, 0 copies to the host"


def test_places_name_the_callers_line():
    a = xp.asarray(np.arange(3.0))
    with strict.count() as c:
        float(a[0])
    assert len(c.places) == 1
    assert c.places[0].startswith("sync: float() at ") and __file__ in c.places[0]
    assert __file__ in str(c)


def test_blocks_nest_and_the_total_goes_on():
    a = xp.asarray(1.0)
    strict.counters.reset()
    with strict.count() as outer:
        float(a)
        with strict.count() as inner:
            float(a)
        float(a)
    float(a)
    assert (inner.syncs, outer.syncs, strict.counters.syncs) == (1, 3, 4)
    assert strict.counters.places == []
    outer.reset()
    assert outer == strict.Counters()


def test_counting_ends_with_an_error():
    a = xp.asarray(1.0)
    with pytest.raises(KeyError), strict.count() as c:
        raise KeyError
    float(a)
    assert c.syncs == 0
