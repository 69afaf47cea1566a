"""Downloads against a server on this machine that cuts, stalls, lies and refuses: a bad file never becomes data."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers.data import DataError
from helpers.data.known import KNOWN
from tools import archives
from tools import download as module
from tools.download import check_mirrors, download
from tools.mirrors import FILES, File, Files

DATA = bytes(range(256)) * 1500  # 384,000 bytes
MD5 = hashlib.md5(DATA).hexdigest()
HALF = len(DATA) // 2
PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>Too many users</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Answer as the last word of the path says; the path's log counts from 1 how often it was asked."""

    protocol_version = "HTTP/1.0"
    statuses = {"forbidden": 403, "missing": 404, "broken": 503}
    contents = {"wrong": DATA[:-1] + b"!", "short": DATA[:-9]}

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.word = self.path.strip("/")
        self.server.log.append([self.word, self.headers.get("Range"), 0])
        self.entry = self.server.log[-1]
        self.count = sum(word == self.word for word, _, _ in self.server.log)
        try:
            if self.word in self.statuses:
                self.answer(b"no", self.statuses[self.word])
            else:
                getattr(self, self.word.replace("-", "_"), self.rest)()
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, body, status=200, length=None, kind="application/octet-stream", **headers):
        self.send_response(status)
        told = {"Content-Type": kind, "Content-Length": str(len(body) if length is None else length)} | headers
        for name, value in told.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.entry[2] += len(body)  # before the client can have it all and look at the log
        self.wfile.write(body)

    def rest(self, send=None):
        """Obey Range; `send` bytes of the answer at most."""
        data, asked = self.contents.get(self.word, DATA), self.headers.get("Range")
        start, end = asked.removeprefix("bytes=").split("-") if asked else ("0", "")
        start, end = int(start), int(end or len(data) - 1)
        if asked and start >= len(data):
            return self.answer(b"", 416, Content_Range=f"bytes */{len(data)}")
        extra = {"Content_Range": f"bytes {start}-{end}/{len(data)}"} if asked else {}
        self.answer(data[start : end + 1][:send], 206 if asked else 200, end + 1 - start, **extra)

    def html(self):
        self.answer(PAGE, kind="text/html; charset=utf-8")

    def html_in_disguise(self):
        self.answer(PAGE)

    def cut_at_once(self):
        self.rest(send=0)

    def cut_once(self):
        self.rest(send=HALF if self.count == 1 else None)

    def cut_always(self):
        self.rest(send=40_000)

    def no_ranges(self):
        self.answer(DATA)

    def other_range(self):
        self.answer(DATA[:100], 206, Content_Range=f"bytes 0-99/{len(DATA)}")

    def stall(self):
        self.rest(send=100_000)
        self.wfile.flush()
        self.server.stop.wait(5)

    def silent(self):
        self.server.stop.wait(5)

    def endless(self):
        self.answer(DATA * 3, length="")

    def slow(self):
        time.sleep(0.2)
        self.rest()


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.log, server.stop = True, [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def log(server, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", (2, 0.3))
    server.log.clear()
    return server.log


def table(server, *words: str, md5=MD5, size=None, name="thing.bin", unpacks_to="") -> dict[str, Files]:
    urls = tuple(f"http://127.0.0.1:{1 if word == 'unreachable' else server.server_port}/{word}" for word in words)
    return {"thing": Files((File(name, md5, urls, size, unpacks_to),), "https://example.org/thing", "Put it into {folder}/.")}


def get(server, folder: Path, *words: str, force: bool = False, **options) -> Path:
    """Download one file whose mirrors misbehave as the words say; return where it should be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FILES", table(server, *words, **options))
        download("thing", folder, force)
    return folder / options.get("name", "thing.bin")


def refused(server, folder: Path, *words: str, **options) -> str:
    with pytest.raises(DataError) as caught:
        get(server, folder, *words, **options)
    return str(caught.value)


def there(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name != ".thing.lock")


# ---- one file


def test_a_good_file_arrives_whole_and_is_fetched_once(server, log, tmp_path):
    for _ in range(2):
        path = get(server, tmp_path, "good", "missing")
    assert path.read_bytes() == DATA and [word for word, _, _ in log] == ["good"] and there(tmp_path) == ["thing.bin"]


BAD = {
    "forbidden": "403",
    "missing": "404",
    "broken": "503",
    "html": "web page",
    "html-in-disguise": "Quota exceeded",
    "wrong": "checksum",
    "short": "checksum",
    "cut-at-once": "connection",
    "cut-always": "connection",
    "stall": "no more data",
    "silent": "no answer",
    "unreachable": "connection broke",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_file_never_becomes_data_and_the_next_mirror_is_used(bad, server, log, tmp_path):
    message = refused(server, tmp_path / "one", bad)
    assert set(there(tmp_path / "one")) <= {"thing.bin.part"} and f"/{bad}" in message and BAD[bad] in message
    assert get(server, tmp_path / "two", bad, "good").read_bytes() == DATA and there(tmp_path / "two") == ["thing.bin"]
    assert log[-1][0] == "good"
    start = int((log[-1][1] or "bytes=0-")[6:-1])
    assert (start > 0) == (bad in ("cut-always", "stall")) and log[-1][2] == len(DATA) - start  # it continues


def test_a_file_of_the_wrong_length_is_not_even_fetched(server, log, tmp_path):
    message = refused(server, tmp_path, "short", size=len(DATA))
    assert f"{len(DATA) - 9:,}" in message and f"{len(DATA):,}" in message and there(tmp_path) == []


@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_file_without_a_length_cannot_fill_the_disk(size, server, log, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", len(DATA))
    assert f"more than {len(DATA):,} bytes" in refused(server, tmp_path, "endless", size=size)
    assert (tmp_path / "thing.bin.part").stat().st_size == 0


def test_when_all_fail_one_message_says_what_was_tried_and_what_to_do(server, log, tmp_path):
    start, words = time.perf_counter(), ("forbidden", "html", "wrong", "stall", "silent")
    message = refused(server, tmp_path, *words)
    assert all(message.count(f"http://127.0.0.1:{server.server_port}/{word}\n") == 1 for word in words)
    assert "https://example.org/thing" in message and f"Put it into {tmp_path}/." in message
    assert "python -m helpers data download thing" in message and time.perf_counter() - start < 4  # timeouts are obeyed


# ---- resuming


def test_a_cut_download_continues_and_only_the_rest_is_sent(server, log, tmp_path):
    assert get(server, tmp_path, "cut-once").read_bytes() == DATA
    (first, none, sent), (second, asked, rest) = log
    start = len(DATA) - rest
    assert (first, none, sent) == ("cut-once", None, HALF) and (second, asked) == ("cut-once", f"bytes={start}-")
    assert HALF - 2**14 < start <= HALF  # at most a block is lost


PARTS = [  # what lies there, the mirrors, and what they are asked
    (b"rubbish", ("good",), [["good", "bytes=7-", len(DATA) - 7], ["good", None, len(DATA)]]),
    (b"x" * len(DATA), ("good",), [["good", f"bytes={len(DATA)}-", 0], ["good", None, len(DATA)]]),
    (DATA + b"too long", ("good",), [["good", f"bytes={len(DATA) + 8}-", 0], ["good", None, len(DATA)]]),
    (DATA, ("good",), [["good", f"bytes={len(DATA)}-", 0]]),
    (DATA[:HALF], ("no-ranges",), [["no-ranges", f"bytes={HALF}-", len(DATA)]]),
    (DATA[:HALF], ("other-range", "good"), [["other-range", f"bytes={HALF}-", 100], ["good", f"bytes={HALF}-", HALF]]),
]


@pytest.mark.parametrize(
    ("part", "mirrors", "asked"), PARTS, ids=["rubbish", "same length", "too long", "whole", "no ranges", "other range"]
)
def test_a_part_is_continued_or_thrown_away_once(part, mirrors, asked, server, log, tmp_path):
    (tmp_path / "thing.bin.part").write_bytes(part)
    assert get(server, tmp_path, *mirrors).read_bytes() == DATA and log == asked


def test_of_two_downloads_at_once_the_second_waits(server, log, tmp_path, monkeypatch, capsys):
    """Both wrote into one NAME.part once, and both failed."""
    errors = []

    def one():
        try:
            download("thing", tmp_path)
        except Exception as error:
            errors.append(error)

    monkeypatch.setattr(module, "FILES", table(server, "slow"))
    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and (tmp_path / "thing.bin").read_bytes() == DATA
    assert "another download of thing" in capsys.readouterr().out
    assert [entry for entry in log if entry[2] == len(DATA)] == log[:1]  # the second finds the file


# ---- what is there already


def test_a_wrong_file_that_is_there_is_kept_and_replaced_only_by_a_right_one(server, log, tmp_path):
    (tmp_path / "thing.bin").write_bytes(b"mine")
    message = refused(server, tmp_path, "good")
    assert str(tmp_path / "thing.bin") in message and "--force" in message and MD5 in message and log == []
    refused(server, tmp_path, "wrong", force=True)
    assert (tmp_path / "thing.bin").read_bytes() == b"mine"
    assert get(server, tmp_path, "good", force=True).read_bytes() == DATA


def test_a_full_disk_is_explained(server, log, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    assert "disk is full" in refused(server, tmp_path, "good")


# ---- archives


TREE = {"top/a.txt": b"one", "top/deep/b.txt": b"two"}


def packed(kind: str, entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    if kind == "x.zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in entries.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def place(folder: Path, name: str, content: bytes, unpacks_to: str = "top") -> dict:
    """Put an archive where its download would be; return the options of `get` that say so."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return {"name": name, "md5": hashlib.md5(content).hexdigest(), "unpacks_to": unpacks_to}


@pytest.mark.parametrize("name", ["x.tar.gz", "x.zip"])
def test_archives_are_unpacked_in_place_and_only_once(name, server, log, tmp_path):
    options, path = place(tmp_path, name, packed(name, TREE)), tmp_path / "top/a.txt"
    get(server, tmp_path, "good", **options)
    assert path.read_bytes() == b"one" and (tmp_path / "top/deep/b.txt").read_bytes() == b"two"
    assert there(tmp_path) == ["top", name]
    before = path.stat().st_mtime_ns, path.stat().st_ino
    get(server, tmp_path, "good", **options)
    assert before == (path.stat().st_mtime_ns, path.stat().st_ino) and log == []


def test_what_differs_from_the_archive_is_kept_unless_forced(server, log, tmp_path):
    options = place(tmp_path, "x.tar.gz", packed("x.tar.gz", TREE))
    (tmp_path / "top").mkdir()
    (tmp_path / "top/a.txt").write_text("my own notes")
    assert str(tmp_path / "top") in refused(server, tmp_path, "good", **options)
    assert os.listdir(tmp_path / "top") == ["a.txt"]
    get(server, tmp_path, "good", force=True, **options)
    assert (tmp_path / "top/a.txt").read_bytes() == b"one" and there(tmp_path) == ["top", "x.tar.gz"]


def test_unpacked_files_without_their_archive_are_kept_as_they_are(server, log, tmp_path, capsys):
    (tmp_path / "top").mkdir()
    get(server, tmp_path, "missing", name="x.tar.gz", unpacks_to="top")
    assert log == [] and "already there" in capsys.readouterr().out


def test_a_gzipped_file_is_unpacked_beside_itself(server, log, tmp_path):
    options = place(tmp_path, "MNIST/raw/a-ubyte.gz", gzip.compress(DATA), "a-ubyte")
    get(server, tmp_path, "good", **options)
    assert (tmp_path / "MNIST/raw/a-ubyte").read_bytes() == DATA
    (tmp_path / "MNIST/raw/a-ubyte").write_bytes(DATA[:-1])
    assert "differs" in refused(server, tmp_path, "good", **options)


def test_an_interrupted_unpacking_leaves_nothing_half(tmp_path, monkeypatch):
    place(tmp_path, "x.zip", packed("x.zip", TREE))

    def interrupt(self, folder):
        (folder / "top").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "extractall", interrupt)
    with pytest.raises(KeyboardInterrupt):
        archives.unpack(tmp_path / "x.zip")
    assert there(tmp_path) == ["x.zip"]


# ---- are the mirrors alive?


ALIVE = {"good": "384,000 bytes", "no-ranges": "384,000 bytes"}
DEAD = {"missing": "404", "broken": "503", "html": "web page", "short": "offers", "silent": "no answer"}


@pytest.mark.parametrize("size", [len(DATA), None])
def test_mirrors_are_asked_for_their_headers_only(size, server, log, monkeypatch, capsys):
    dead = {word: why for word, why in DEAD.items() if size or word != "short"}
    monkeypatch.setattr(module, "FILES", table(server, *dead, *ALIVE, size=size))
    assert check_mirrors() and sum(sent for word, _, sent in log if word == "good") == 1
    lines = capsys.readouterr().out.splitlines()
    for word, told in (dead | ALIVE).items():
        line = next(line for line in lines if f"/{word}  " in line)
        assert line.startswith("DEAD" if word in dead else "alive") and told in line
    monkeypatch.setattr(module, "FILES", table(server, *dead, size=size))
    assert not check_mirrors()
    assert "no living address: thing.bin" in capsys.readouterr().out


# ---- the course's own table, against torchvision's


def test_the_table_has_torchvisions_checksums_and_steps_by_hand():
    from torchvision import datasets

    wanted = {f"MNIST/raw/{name}": md5 for name, md5 in datasets.MNIST.resources}
    wanted |= {f"FashionMNIST/raw/{name}": md5 for name, md5 in datasets.FashionMNIST.resources}
    wanted |= {datasets.CIFAR10.filename: datasets.CIFAR10.tgz_md5}
    wanted |= {f"celeba/{name}": md5 for _, md5, name in datasets.CelebA.file_list}
    wanted["dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"] = "7da33b31b13a06f4b04a70402ce90c2e"  # as others publish it
    assert list(FILES) == list(KNOWN)
    for files in FILES.values():
        assert "{folder}" not in files.by_hand.format(folder="/data") and "/data/" in files.by_hand.format(folder="/data")
        for file in files.files:
            assert wanted[file.name] == file.md5
            assert len(set(file.urls)) == len(file.urls) >= 2 and all(url.startswith("https://") for url in file.urls)
