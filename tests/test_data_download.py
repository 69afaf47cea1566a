"""Downloads against a server on this machine that cuts, stalls, lies and refuses: a bad file never becomes data."""

from __future__ import annotations

import errno
import gzip
import hashlib
import importlib
import io
import os
import stat
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from layouts import idx_bytes

from helpers.data import DataError
from helpers.data.known import KNOWN
from tools import archives
from tools.download import download
from tools.mirrors import FILES, File, Files

DATA = bytes(range(256)) * 1500  # 384,000 bytes
MD5 = hashlib.md5(DATA).hexdigest()
HALF = len(DATA) // 2
PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>Too many users</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Answer as the last word of the path says; the path's log counts from 1 how often it was asked."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.log.append([self.path, self.headers.get("Range"), 0])
        self.entry = self.server.log[-1]
        self.count = sum(path == self.path for path, _, _ in self.server.log)
        try:
            getattr(self, self.path.strip("/").replace("-", "_"))()
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, body, status=200, length=None, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.entry[2] += len(body)  # before the client can have it all and look at the log
        self.wfile.write(body)

    def rest(self, data=DATA, send=None):
        """Obey Range; `send` bytes of the answer at most."""
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if asked and start >= len(data):
            return self.answer(b"", 416, Content_Range=f"bytes */{len(data)}")
        extra = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if asked else {}
        self.answer(data[start:][:send], 206 if asked else 200, len(data) - start, **extra)

    def good(self):
        self.rest()

    def wrong(self):
        self.rest(DATA[:-1] + b"!")

    def short(self):
        self.rest(DATA[:-9])

    def forbidden(self):
        self.answer(b"no", 403)

    def missing(self):
        self.answer(b"no", 404)

    def broken(self):
        self.answer(b"no", 503)

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
def log(server):
    server.log.clear()
    return server.log


def get(server, folder: Path, *words: str, md5=MD5, size=None, name="thing.bin", unpack=False, result="", **options) -> Path:
    """Download one file whose mirrors misbehave as the words say; return where it should be."""
    urls = tuple(f"http://127.0.0.1:{server.server_port}/{word}" for word in words)
    table = {"thing": Files((File(name, md5, urls, size, unpack, result),), "https://example.org/thing", "Put it into {folder}/.")}
    download("thing", folder, False, files=table, connect_timeout=2, read_timeout=0.3, **options)
    return folder / name


def refused(server, folder: Path, *words: str, **options) -> str:
    with pytest.raises(DataError) as caught:
        get(server, folder, *words, **options)
    return str(caught.value)


def paths(log) -> list[str]:
    return [path.strip("/") for path, _, _ in log]


# ---- one file


def test_a_good_file_arrives_whole_and_is_fetched_once(server, log, tmp_path):
    for _ in range(2):
        path = get(server, tmp_path, "good", "missing")
    assert path.read_bytes() == DATA and paths(log) == ["good"]
    assert os.listdir(tmp_path) == ["thing.bin"]


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
    "stall": "stalled",
    "silent": "no answer",
}


@pytest.mark.parametrize("bad", BAD)
def test_the_next_mirror_is_used(bad, server, log, tmp_path):
    path = get(server, tmp_path, bad, "good")
    assert path.read_bytes() == DATA and os.listdir(tmp_path) == ["thing.bin"]
    assert paths(log)[0] == bad and paths(log)[-1] == "good"


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_file_never_becomes_data(bad, server, log, tmp_path):
    message = refused(server, tmp_path, bad)
    assert not (tmp_path / "thing.bin").exists() and set(os.listdir(tmp_path)) <= {"thing.bin.part"}
    assert f"/{bad}" in message and BAD[bad] in message


def test_an_unreachable_mirror_is_passed_over(server, log, tmp_path):
    table = {"thing": Files((File("a", MD5, ("http://127.0.0.1:1/a", f"http://127.0.0.1:{server.server_port}/good")),), "", "")}
    download("thing", tmp_path, False, files=table)
    assert (tmp_path / "a").read_bytes() == DATA


def test_a_file_of_the_wrong_length_is_not_even_fetched(server, log, tmp_path):
    message = refused(server, tmp_path, "short", size=len(DATA))
    assert f"{len(DATA) - 9:,}" in message and f"{len(DATA):,}" in message and os.listdir(tmp_path) == []


def test_when_all_fail_one_message_says_what_was_tried_and_what_to_do(server, log, tmp_path):
    message = refused(server, tmp_path, "forbidden", "html", "wrong", "stall")
    for word in ("forbidden", "html", "wrong", "stall"):
        assert message.count(f"http://127.0.0.1:{server.server_port}/{word}\n") == 1
    assert "https://example.org/thing" in message and f"Put it into {tmp_path}/." in message
    assert "python -m helpers data download thing" in message


# ---- resuming


def test_a_cut_download_continues_and_only_the_rest_is_sent(server, log, tmp_path):
    path = get(server, tmp_path, "cut-once")
    assert path.read_bytes() == DATA
    (first, none, sent), (second, asked, rest) = log
    start = len(DATA) - rest
    assert (first, none, sent) == ("/cut-once", None, HALF) and (second, asked) == ("/cut-once", f"bytes={start}-")
    assert HALF - 2**14 < start <= HALF  # at most a block is lost


def test_an_interrupted_download_continues_the_next_time(server, log, tmp_path):
    refused(server, tmp_path, "cut-always")
    there = (tmp_path / "thing.bin.part").stat().st_size
    assert 0 < there < len(DATA)
    log.clear()
    assert get(server, tmp_path, "good").read_bytes() == DATA
    assert log == [["/good", f"bytes={there}-", len(DATA) - there]]


def test_the_next_mirror_continues_where_the_first_stalled(server, log, tmp_path):
    assert get(server, tmp_path, "stall", "good").read_bytes() == DATA
    path, asked, sent = log[-1]
    assert path == "/good" and asked == f"bytes={len(DATA) - sent}-" and 0 < len(DATA) - sent <= 100_000


@pytest.mark.parametrize("part", [b"rubbish", b"x" * len(DATA), DATA + b"too long"])
def test_a_bad_part_is_thrown_away_and_tried_once_from_zero(part, server, log, tmp_path):
    (tmp_path / "thing.bin.part").write_bytes(part)
    assert get(server, tmp_path, "good").read_bytes() == DATA
    assert log[0][1] == f"bytes={len(part)}-" and log[1] == ["/good", None, len(DATA)] and len(log) == 2


def test_a_bad_part_from_a_bad_mirror_is_tried_only_twice(server, log, tmp_path):
    (tmp_path / "thing.bin.part").write_bytes(b"rubbish")
    assert "checksum" in refused(server, tmp_path, "wrong")
    assert paths(log) == ["wrong", "wrong"] and os.listdir(tmp_path) == []


def test_a_whole_part_is_only_checked(server, log, tmp_path):
    (tmp_path / "thing.bin.part").write_bytes(DATA)
    assert get(server, tmp_path, "good").read_bytes() == DATA and [entry[2] for entry in log] == [0]


def test_a_server_that_ignores_ranges_sends_everything_again(server, log, tmp_path):
    (tmp_path / "thing.bin.part").write_bytes(DATA[:HALF])
    assert get(server, tmp_path, "no-ranges").read_bytes() == DATA
    assert log == [["/no-ranges", f"bytes={HALF}-", len(DATA)]]


def test_a_server_that_sends_another_range_is_passed_over(server, log, tmp_path):
    (tmp_path / "thing.bin.part").write_bytes(DATA[:HALF])
    assert get(server, tmp_path, "other-range", "good").read_bytes() == DATA
    assert log[-1] == ["/good", f"bytes={HALF}-", len(DATA) - HALF]


# ---- what is there already


def test_a_wrong_file_that_is_there_is_kept_and_said(server, log, tmp_path):
    (tmp_path / "thing.bin").write_bytes(b"mine")
    message = refused(server, tmp_path, "good")
    assert str(tmp_path / "thing.bin") in message and "--force" in message and MD5 in message
    assert (tmp_path / "thing.bin").read_bytes() == b"mine" and log == []


def test_force_replaces_a_wrong_file_only_by_a_right_one(server, log, tmp_path):
    (tmp_path / "thing.bin").write_bytes(b"mine")
    refused(server, tmp_path, "wrong", force=True)
    assert (tmp_path / "thing.bin").read_bytes() == b"mine"
    assert get(server, tmp_path, "good", force=True).read_bytes() == DATA


def test_a_full_disk_is_explained(server, log, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    module = importlib.import_module("tools.download")
    monkeypatch.setattr(module, "_write", full)
    assert "disk is full" in refused(server, tmp_path, "good")


def test_unknown_names_list_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="fashion, mnist, cifar10, celeba"):
        download("imagenet", tmp_path)


# ---- archives


def packed_tar(entries: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in entries.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def packed_zip(entries: dict[str, bytes], link: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFLNK if name == link else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def place(folder: Path, name: str, content: bytes) -> dict:
    """Put an archive where its download would be; return the options of `get` that say so."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return {"name": name, "md5": hashlib.md5(content).hexdigest(), "unpack": True}


TREE = {"top/a.txt": b"one", "top/deep/b.txt": b"two"}


@pytest.mark.parametrize(("name", "pack"), [("x.tar.gz", packed_tar), ("x.zip", packed_zip)])
def test_archives_are_unpacked_in_place_and_only_once(name, pack, server, log, tmp_path):
    options = place(tmp_path, name, pack(TREE)) | {"result": "top"}
    get(server, tmp_path, "good", **options)
    assert (tmp_path / "top/a.txt").read_bytes() == b"one" and (tmp_path / "top/deep/b.txt").read_bytes() == b"two"
    assert sorted(os.listdir(tmp_path)) == sorted(["top", name])
    before = (tmp_path / "top/a.txt").stat().st_mtime_ns, (tmp_path / "top/a.txt").stat().st_ino
    get(server, tmp_path, "good", **options)
    assert before == ((tmp_path / "top/a.txt").stat().st_mtime_ns, (tmp_path / "top/a.txt").stat().st_ino) and log == []


def test_what_differs_from_the_archive_is_kept_unless_forced(server, log, tmp_path):
    options = place(tmp_path, "x.tar.gz", packed_tar(TREE)) | {"result": "top"}
    (tmp_path / "top").mkdir()
    (tmp_path / "top/a.txt").write_text("my own notes")
    assert str(tmp_path / "top") in refused(server, tmp_path, "good", **options)
    assert os.listdir(tmp_path / "top") == ["a.txt"]
    get(server, tmp_path, "good", force=True, **options)
    assert (tmp_path / "top/a.txt").read_bytes() == b"one" and sorted(os.listdir(tmp_path)) == ["top", "x.tar.gz"]


def test_unpacked_files_without_their_archive_are_kept_as_they_are(server, log, tmp_path, capsys):
    (tmp_path / "top").mkdir()
    get(server, tmp_path, "missing", name="x.tar.gz", unpack=True, result="top")
    assert log == [] and "already there" in capsys.readouterr().out


def test_a_gzipped_file_is_unpacked_beside_itself(server, log, tmp_path):
    content = idx_bytes(__import__("numpy").zeros((3, 28, 28), "uint8"))
    options = place(tmp_path / "MNIST/raw", "a-ubyte.gz", gzip.compress(content)) | {"name": "MNIST/raw/a-ubyte.gz"}
    get(server, tmp_path, "good", result="a-ubyte", **options)
    assert (tmp_path / "MNIST/raw/a-ubyte").read_bytes() == content
    (tmp_path / "MNIST/raw/a-ubyte").write_bytes(content[:-1])
    assert "differs" in refused(server, tmp_path, "good", result="a-ubyte", **options)


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


EVIL = {
    "parent.tar.gz": packed_tar({"top/ok": b"1", "../evil": b"2"}),
    "deep-parent.tar.gz": packed_tar({"top/../../evil": b"2"}),
    "absolute.tar.gz": packed_tar({"/tmp/evil-member": b"2"}),
    "symlink.tar.gz": packed_tar({"top/ok": b"1", "l": link("top/l", "/etc", tarfile.SYMTYPE), "top/l/evil": b"2"}),
    "hardlink.tar.gz": packed_tar({"l": link("top/l", "../../secret", tarfile.LNKTYPE)}),
    "inner-symlink.tar.gz": packed_tar({"l": link("top/l", "ok", tarfile.SYMTYPE)}),
    "device.tar.gz": packed_tar({"d": link("top/d", "", tarfile.CHRTYPE)}),
    "fifo.tar.gz": packed_tar({"d": link("top/d", "", tarfile.FIFOTYPE)}),
    "parent.zip": packed_zip({"top/ok": b"1", "../evil": b"2"}),
    "absolute.zip": packed_zip({"/tmp/evil-member": b"2"}),
    "backslash.zip": packed_zip({"top\\..\\..\\evil": b"2"}),
    "drive.zip": packed_zip({"C:/evil": b"2"}),
    "symlink.zip": packed_zip({"top/l": b"/etc", "top/l/evil": b"2"}, link="top/l"),
}


@pytest.mark.parametrize("name", EVIL)
def test_evil_archives_are_refused_before_anything_is_written(name, server, log, tmp_path):
    folder = tmp_path / "inside"
    options = place(folder, name, EVIL[name])
    message = refused(server, folder, "good", result="top", **options)
    assert "refused" in message and name in message
    assert os.listdir(folder) == [name] and os.listdir(tmp_path) == ["inside"]
    assert not Path("/tmp/evil-member").exists()
    with pytest.raises(DataError, match="refused"):
        archives.unpack(folder / name, folder)


PACKED = {"x.tar.gz": packed_tar(TREE), "x.zip": packed_zip(TREE), "x.gz": gzip.compress(DATA)}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("share", [0.02, 0.6])
def test_a_damaged_archive_leaves_nothing(name, share, server, log, tmp_path):
    options = place(tmp_path, name, PACKED[name][: int(share * len(PACKED[name]))])
    assert name in refused(server, tmp_path, "good", result="top", **options)
    assert os.listdir(tmp_path) == [name]


def test_an_interrupted_unpacking_leaves_nothing_half(tmp_path, monkeypatch):
    place(tmp_path, "x.zip", packed_zip(TREE))

    def interrupt(self, info, folder):
        if info.filename.endswith("b.txt"):
            raise KeyboardInterrupt
        (folder / "top").mkdir()

    monkeypatch.setattr(zipfile.ZipFile, "extract", interrupt)
    with pytest.raises(KeyboardInterrupt):
        archives.unpack(tmp_path / "x.zip", tmp_path, False)
    assert os.listdir(tmp_path) == ["x.zip"]


# ---- the course's own table, against torchvision's


def test_the_table_has_torchvisions_checksums():
    from torchvision import datasets

    wanted = {f"MNIST/raw/{name}": md5 for name, md5 in datasets.MNIST.resources}
    wanted |= {f"FashionMNIST/raw/{name}": md5 for name, md5 in datasets.FashionMNIST.resources}
    wanted |= {datasets.CIFAR10.filename: datasets.CIFAR10.tgz_md5}
    wanted |= {f"celeba/{name}": md5 for _, md5, name in datasets.CelebA.file_list}
    wanted["dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"] = "7da33b31b13a06f4b04a70402ce90c2e"  # as others publish it
    assert list(FILES) == list(KNOWN)
    for files in FILES.values():
        for file in files.files:
            assert wanted[file.name] == file.md5
            assert len(file.urls) >= 2 and len(set(file.urls)) == len(file.urls)
            assert all(url.startswith(("https://", "http://")) for url in file.urls)


def test_the_steps_by_hand_name_the_folder():
    for files in FILES.values():
        assert "{folder}" not in files.by_hand.format(folder="/data") and "/data/" in files.by_hand.format(folder="/data")


def test_timeouts_are_obeyed(server, log, tmp_path):
    start = time.perf_counter()
    refused(server, tmp_path, "silent", "stall")
    assert time.perf_counter() - start < 4
