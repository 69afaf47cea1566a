"""The prepared store: what comes out is what the source decodes, whatever interrupts, damages or races it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import write_celeba, write_idx

from helpers.data import DataError, Dataset, store
from helpers.data.known import Source
from helpers.data.sources import find
from helpers.data.store import is_prepared, open_prepared

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 3, 8, 8), dtype=np.uint8)


def source_of(folder: Path, pixels: np.ndarray = PIXELS, wait=lambda: None, key: str = "own-train") -> Source:
    """Return a source made from one small file, which decodes to `pixels`."""
    (folder / "origin").mkdir(parents=True, exist_ok=True)
    origin = folder / "origin" / "file"
    if not origin.exists():
        origin.write_text("one")

    def read(progress, allocate):
        array = allocate(pixels.shape)
        array[: len(pixels) // 2] = pixels[: len(pixels) // 2]
        wait()
        array[...] = pixels
        labels, signs = torch.arange(len(pixels)), torch.arange(len(pixels))[:, None] % 2 == 0
        return Dataset("own", "train", torch.from_numpy(array), "my own", True, labels=labels, class_names=("a", "ü"),
                       attributes=signs, attribute_names=("Even",))  # fmt: skip

    return Source("own", "train", key, folder / "origin", ("file",), "as it is", read)


def refuse():
    raise AssertionError("decoded again")


def same(found: Dataset, pixels: np.ndarray = PIXELS) -> bool:
    return (
        np.array_equal(found.images.numpy(), pixels)
        and found.labels.tolist() == list(range(len(pixels)))
        and found.attribute("Even").tolist() == [number % 2 == 0 for number in range(len(pixels))]
        and (found.name, found.split, found.source, found.is_real) == ("own", "train", "my own", True)
        and found.class_names == ("a", "ü")
    )


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "prepared").iterdir()) if (folder / "prepared").exists() else []


def test_the_first_opening_prepares_and_the_second_only_maps(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(open_prepared(source_of(tmp_path), tmp_path))
        again = open_prepared(source_of(tmp_path, wait=refuse), tmp_path)
    assert same(again) and again.labels.dtype == torch.int64 and again.attributes.dtype == torch.bool
    mapped = np.load(tmp_path / "prepared" / next(name for name in stored(tmp_path) if name.endswith(".npy")), mmap_mode="r")
    assert mapped.dtype == np.uint8 and np.array_equal(mapped, PIXELS)
    assert len(stored(tmp_path)) == 2 and not any(name.endswith(".part") for name in stored(tmp_path))


def test_a_change_in_memory_never_reaches_the_store(tmp_path):
    dataset = open_prepared(source_of(tmp_path), tmp_path)
    dataset.images.zero_()
    assert same(open_prepared(source_of(tmp_path, wait=refuse), tmp_path))


def test_a_real_layout_survives_the_store(tmp_path):
    write_celeba(tmp_path, count=10, rows=12)
    source = find("celeba", "valid", tmp_path, 64)
    decoded = source.decode()
    for found in (open_prepared(source, tmp_path, progress=False), open_prepared(source, tmp_path)):
        assert torch.equal(found.images, decoded.images) and torch.equal(found.attributes, decoded.attributes)
        assert (found.source, found.attribute_names) == (decoded.source, decoded.attribute_names)
        assert found.labels is None and found.images.is_contiguous()


def test_a_changed_source_is_prepared_anew_and_replaces_the_old(tmp_path):
    open_prepared(source_of(tmp_path), tmp_path)
    (tmp_path / "origin/file").write_text("other")
    assert not is_prepared(source_of(tmp_path), tmp_path)
    assert same(open_prepared(source_of(tmp_path, 255 - PIXELS), tmp_path), 255 - PIXELS)
    assert len(stored(tmp_path)) == 2
    assert is_prepared(source_of(tmp_path), tmp_path)


def test_a_changed_official_file_is_seen(tmp_path):
    write_idx(tmp_path)
    before = open_prepared(find("fashion", "test", tmp_path), tmp_path).images.clone()
    path = tmp_path / "FashionMNIST/raw/t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[16] ^= 255
    path.write_bytes(content)
    os.utime(path, ns=(5, 5))
    after = open_prepared(find("fashion", "test", tmp_path), tmp_path).images
    assert (before != after).sum() == 1 and after[0, 0, 0, 0] == before[0, 0, 0, 0] ^ 255


def test_two_keys_do_not_touch_each_other(tmp_path):
    open_prepared(source_of(tmp_path, key="own-train"), tmp_path)
    open_prepared(source_of(tmp_path, 255 - PIXELS, key="own-train-skipping"), tmp_path)
    assert same(open_prepared(source_of(tmp_path, wait=refuse, key="own-train"), tmp_path))
    assert len(stored(tmp_path)) == 4


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("damage", ["missing", "half", "empty"])
def test_a_store_that_is_not_whole_is_never_opened(ending, damage, tmp_path):
    open_prepared(source_of(tmp_path), tmp_path)
    path = tmp_path / "prepared" / next(name for name in stored(tmp_path) if name.endswith(ending))
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if damage == "half" else 0])
    assert not is_prepared(source_of(tmp_path), tmp_path)
    assert same(open_prepared(source_of(tmp_path), tmp_path))
    assert same(open_prepared(source_of(tmp_path, wait=refuse), tmp_path))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, DataError("a bad file"), MemoryError])
def test_an_interrupted_preparation_leaves_nothing_half(stop, tmp_path):
    def interrupt():
        raise stop

    with pytest.raises(type(stop) if isinstance(stop, Exception) else stop):
        open_prepared(source_of(tmp_path, wait=interrupt), tmp_path)
    assert stored(tmp_path) == []
    assert same(open_prepared(source_of(tmp_path), tmp_path))


def test_a_failed_preparation_keeps_the_previous_one(tmp_path):
    open_prepared(source_of(tmp_path), tmp_path)
    before = stored(tmp_path)
    with pytest.raises(AssertionError):
        open_prepared(replace(source_of(tmp_path, wait=refuse), recipe="another"), tmp_path)
    assert stored(tmp_path) == before and same(open_prepared(source_of(tmp_path, wait=refuse), tmp_path))


def test_what_a_killed_process_left_is_ignored_and_swept(tmp_path):
    (tmp_path / "prepared").mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    made = {"old": f"{gone.pid}-", "older": "", "fresh": f"{gone.pid}-", "mine": f"{os.getpid()}-"}
    paths = {name: tmp_path / "prepared" / f".{name}-train.0.npy.{process}{'a' * 32}.part" for name, process in made.items()}
    paths["other"] = tmp_path / "prepared" / ".a_users_own.part"
    for name, path in paths.items():
        path.write_bytes(b"half")
        if name != "fresh":
            os.utime(path, (time.time() - 1e5,) * 2)
    assert same(open_prepared(source_of(tmp_path), tmp_path))
    assert {name for name, path in paths.items() if path.exists()} == {"fresh", "mine", "other"}


# ---- a full disk


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_says_how_much_is_needed_and_where(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_reserve", full)
    with pytest.raises(DataError) as caught:
        open_prepared(source_of(tmp_path, np.zeros((1000, 3, 64, 64), np.uint8)), tmp_path)
    message = str(caught.value)
    assert "12.3 MB" in message and str(tmp_path / "prepared") in message and "VAE_COURSE_DATA" in message
    assert stored(tmp_path) == []


def test_a_disk_that_fills_up_at_the_last_file_leaves_nothing_half(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match="disk is full"):
        open_prepared(source_of(tmp_path), tmp_path)
    monkeypatch.undo()
    assert stored(tmp_path) == []
    assert same(open_prepared(source_of(tmp_path), tmp_path)) and len(stored(tmp_path)) == 2


def test_place_is_really_taken(tmp_path):
    array = store._reserve(tmp_path / "a.npy", (100, 3, 64, 64))
    assert array.shape == (100, 3, 64, 64)
    found = (tmp_path / "a.npy").stat()
    assert found.st_blocks * 512 >= array.nbytes  # not a sparse file


def test_a_folder_that_cannot_be_written_is_read_into_memory(tmp_path, monkeypatch):
    def read_only(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    source = source_of(tmp_path)
    monkeypatch.setattr(store, "_reserve", read_only)
    assert same(open_prepared(source, tmp_path)) and stored(tmp_path) == []
    monkeypatch.setattr(Path, "mkdir", read_only)
    assert same(open_prepared(source, tmp_path))


# ---- at once


def test_two_threads_preparing_at_once_both_get_the_images(tmp_path):
    barrier, found, sources = threading.Barrier(4), [], []
    for _ in range(4):
        sources.append(source_of(tmp_path, wait=lambda: barrier.wait(10)))
    threads = [threading.Thread(target=lambda one=one: found.append(open_prepared(one, tmp_path))) for one in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4 and all(same(dataset) for dataset in found)
    assert len(stored(tmp_path)) == 2


WORKER = """
import os, sys, time
from pathlib import Path
from helpers.data import sources, store

folder = Path(sys.argv[1])
(folder / "ready").touch()
while not (folder / "go").exists():
    time.sleep(0.001)
store.open_prepared(sources.find("celeba", "train", folder, 64), folder, progress=False)
os.replace = lambda *arguments: os._exit(9)  # dies before its first file is in place, without tidying up
store.open_prepared(sources.find("celeba", "train", folder, 32), folder, progress=False)
"""


def test_two_processes_at_once_and_one_that_dies_leave_a_good_store(tmp_path):
    write_celeba(tmp_path, count=300, rows=300)
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)], cwd=Path(store.__file__).parents[2])
    while not (tmp_path / "ready").exists() and worker.poll() is None:
        time.sleep(0.01)
    large, small = (find("celeba", "train", tmp_path, size) for size in (64, 32))
    (tmp_path / "go").touch()
    found = open_prepared(large, tmp_path, progress=False)
    assert worker.wait(60) == 9
    assert torch.equal(found.images, large.decode().images)
    assert is_prepared(large, tmp_path) and torch.equal(open_prepared(large, tmp_path).images, found.images)
    left = [name for name in stored(tmp_path) if "celeba32" in name]
    assert left and all(name.endswith(".part") for name in left)
    assert torch.equal(open_prepared(small, tmp_path, progress=False).images, small.decode().images)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_who_may_read_a_prepared_set_is_what_the_umask_says(mask, tmp_path):
    before = os.umask(mask)
    try:
        (tmp_path / "data").mkdir()
        open_prepared(source_of(tmp_path), tmp_path / "data", progress=False)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data" / "prepared").iterdir()}
    assert modes == {0o666 & ~mask}
