"""Arrays in pickles, of every protocol; nothing else that a pickle can ask for."""

import pickle
import pickletools

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls.data.sources.pickles import read_arrays


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("array", [
    np.arange(6, dtype="u1").reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(6.0)[::2], np.array(2.5, np.float32),
], ids=["rows", "columns", "every second", "one number"])
def test_arrays_of_every_protocol(array, protocol):
    pickled = pickletools.optimize(pickle.dumps({"data": array, "labels": [1, 2]}, protocol))
    found = read_arrays(pickled, "a file")
    mine = found.get(b"data", found.get("data"))
    assert mine.dtype == array.dtype
    assert np.array_equal(mine, array)
    assert mine.flags.writeable


def test_code_is_refused():
    with pytest.raises(dls.FormatError, match=r"a file: it asks for .*eval"):
        read_arrays(pickle.dumps(eval), "a file")
