"""The prepared store: what comes out is what the source decodes, whatever interrupts, damages or races it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import write_celeba

from helpers.data import DataError, Dataset, store
from helpers.data.known import Source
from helpers.data.sources import find
from helpers.data.store import open_prepared, prepared

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


def test_a_changed_source_is_prepared_anew_and_replaces_the_old(tmp_path):
    open_prepared(source_of(tmp_path), tmp_path)
    (tmp_path / "origin/file").write_text("other")
    assert not prepared(source_of(tmp_path), tmp_path)
    assert same(open_prepared(source_of(tmp_path, 255 - PIXELS), tmp_path), 255 - PIXELS)
    assert len(stored(tmp_path)) == 2
    assert prepared(source_of(tmp_path), tmp_path)


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("damage", ["missing", "half", "empty"])
def test_a_store_that_is_not_whole_is_never_opened(ending, damage, tmp_path):
    open_prepared(source_of(tmp_path), tmp_path)
    path = tmp_path / "prepared" / next(name for name in stored(tmp_path) if name.endswith(ending))
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if damage == "half" else 0])
    assert not prepared(source_of(tmp_path), tmp_path)
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


@pytest.mark.parametrize("where", [(store, "_reserve"), (np, "savez")], ids=["images", "table"])
def test_a_full_disk_is_told_and_leaves_nothing_half(where, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(*where, full)
        with pytest.raises(DataError, match="The disk is full: .* MB are free .* VAE_COURSE_DATA"):
            open_prepared(source_of(tmp_path), tmp_path)
    assert stored(tmp_path) == []
    open_prepared(source_of(tmp_path), tmp_path)
    before = stored(tmp_path)
    monkeypatch.setattr(*where, full)
    with pytest.raises(DataError):
        open_prepared(replace(source_of(tmp_path), recipe="another"), tmp_path)
    assert stored(tmp_path) == before and same(open_prepared(source_of(tmp_path, wait=refuse), tmp_path))


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
    assert prepared(large, tmp_path) and torch.equal(open_prepared(large, tmp_path).images, found.images)
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
