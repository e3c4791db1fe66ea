"""The collector pauses while many objects are made, and goes on as it was."""

import gc

import pytest

from tinygrad_dls._util.collector import collector_paused


@pytest.fixture(autouse=True)
def as_before():
    collects = gc.isenabled()
    yield
    (gc.enable if collects else gc.disable)()
    gc.unfreeze()


def test_it_pauses_in_the_block_and_in_blocks_inside():
    gc.enable()
    with collector_paused():
        assert not gc.isenabled()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error():
    gc.enable()
    with pytest.raises(ZeroDivisionError), collector_paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_a_program_that_has_switched_it_off_keeps_it_off():
    gc.disable()
    with collector_paused():
        pass
    assert not gc.isenabled()


def test_what_was_made_counts_as_old_and_is_still_collected():
    gc.enable()
    with collector_paused():
        cycle = [0]
        cycle.append(cycle)
        made = id(cycle)
    assert any(id(o) == made for o in gc.get_objects(generation=2))
    del cycle
    assert gc.collect() >= 1


def test_what_the_program_has_frozen_stays_frozen():
    gc.enable()
    gc.freeze()
    frozen = gc.get_freeze_count()
    with collector_paused():
        pass
    assert gc.get_freeze_count() >= frozen
