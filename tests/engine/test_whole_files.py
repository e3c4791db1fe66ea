"""Files are written whole or not at all, also where several threads write one path."""

import os
import threading

import numpy as np
import pytest

import tinygrad_dls as dls
from tinygrad_dls._util.atomic_files import open_folder, whole_file


def test_threads_that_save_to_one_path(tmp_path):
    path, failed = tmp_path / "x.safetensors", []
    dls.save(path, {"x": np.zeros(200_000, "float32")})

    def save(value):
        try:
            for _ in range(20):
                dls.save(path, {"x": np.full(200_000, value, "float32")})
        except dls.Error as error:
            failed.append(error)

    threads = [threading.Thread(target=save, args=(value,)) for value in (1, 2, 3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert np.ptp(dls.load(path)["x"].numpy()) == 0
    assert not failed
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_parts_of_killed_processes_go_and_those_under_way_stay(tmp_path):
    path = tmp_path / "x.bin"
    mine = tmp_path / f".x.{os.getpid()}-999999.bin"  # of an earlier process with our number
    gone = tmp_path / f".x.{2**22 + 1}-0.bin"  # above the largest number of a process on Linux
    other = tmp_path / f".y.{2**22 + 1}-0.bin"
    for part in (mine, gone, other):
        part.write_bytes(b"half")
    with whole_file(path) as part:
        part.write_bytes(b"new")
        with whole_file(path) as inner:
            inner.write_bytes(b"newer")
        assert path.read_bytes() == b"newer" and part.read_bytes() == b"new"
    assert path.read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == [other.name, "x.bin"]


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_bytes(b"new")
        _ = 1 // 0
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.bin"]


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(dls.DataError, match=r"cannot be written to .*: choose another"):
        open_folder(tmp_path / "file" / "inner")
