"""The prepared store: a Source goes in, its decoded pictures come out, memory-mapped; each is decoded only once.

    prepared/{key}.json                   what it is, made from which files (a fingerprint), and which two files hold it
    prepared/{key}.{fingerprint}.npy      the pictures, uint8 (N, C, H, W)
    prepared/{key}.{fingerprint}.npz      labels, attributes and factors

Every file is written under a temporary name and moved into place when it is whole, the .json last. The names hold the
fingerprint, so that two processes at work at once, even from different sources, never mix their files.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import time
import uuid
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import Source
from helpers.files import write_atomically

VERSION = 1
COLUMNS = ("labels", "attributes", "factors")
NAMES = ("class_names", "attribute_names", "factor_names")
ABANDONED = 6 * 3600  # seconds after which a temporary file cannot belong to a process at work
FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def open_prepared(source: Source, folder: Path, progress: bool = True) -> Dataset:
    """Return the source's pictures from the store in the data folder, memory-mapped; prepare them first where needed.

    The first time, and whenever a file of the source has changed, everything is decoded; `progress` shows a bar. In a
    folder that cannot be written to, the pictures are decoded into memory.
    Raises DataError when the source is not what it should be, or when the disk is full.
    """
    fingerprint = source.fingerprint()
    found = _open(source, folder, fingerprint)
    return _prepare(source, folder, fingerprint, progress) if found is None else found


def is_prepared(source: Source, folder: Path) -> bool:
    """Return whether the store holds this source as it is now."""
    return _open(source, folder, source.fingerprint()) is not None


# ---- reading


def _open(source: Source, folder: Path, fingerprint: str) -> Dataset | None:
    """Return what the store holds for this source, or None when it is missing, outdated or not whole."""
    store = folder / "prepared"
    try:
        about = json.loads((store / f"{source.key}.json").read_text(encoding="utf-8"))
        if (about["version"], about["fingerprint"]) != (VERSION, fingerprint):
            return None
        if any((store / file).stat().st_size != size for file, size in about["files"].items()):
            return None
        pictures, columns = about["files"]
        images = np.load(store / pictures, mmap_mode="c")  # copy on write: a change in memory never reaches the file
        with np.load(store / columns) as archive:
            tensors = {name: torch.from_numpy(archive[name]) for name in archive.files}
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error):
        return None
    names = {key: tuple(about.get(key, ())) for key in NAMES}
    return Dataset(source.name, source.split, torch.from_numpy(images), about["source"], True, **tensors, **names)


# ---- writing


def _prepare(source: Source, folder: Path, fingerprint: str, progress: bool) -> Dataset:
    """Decode the source into the store and open it from there."""
    store = folder / "prepared"
    pictures = store / f"{source.key}.{fingerprint}.npy"
    temporary = store / f".{pictures.name}.{uuid.uuid4().hex}.part"
    sizes = [0]  # of the pictures, for the message when the disk is full

    def allocate(shape: tuple[int, ...]) -> np.ndarray:
        sizes.append(math.prod(shape))
        return _reserve(temporary, shape)

    try:
        store.mkdir(parents=True, exist_ok=True)
        _sweep(store, source.key)
        about = _without_images(source.decode(progress, allocate))
        _keep(about, temporary, pictures, fingerprint, store / f"{source.key}.json")
    except OSError as error:
        if error.errno in READ_ONLY:
            return source.decode(progress)
        if error.errno in FULL:
            raise _disk_full(source, sizes[-1], folder) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return _open(source, folder, fingerprint) or source.decode(progress)


def _without_images(dataset: Dataset) -> Dataset:
    """Return all but the pictures: with them the map of the temporary file is let go, so that it can be moved."""
    return replace(dataset, images=torch.empty(0, *dataset.shape, dtype=torch.uint8))


def _reserve(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a new uint8 array on the disk, mapped for writing, its place taken at once.

    A mapped file whose blocks are not taken yet would kill the process, not raise an error, when the disk fills up.
    """
    size = math.prod(shape)
    with open(path, "xb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})
        file.flush()
        _take_place(file, size)
    return np.load(path, mmap_mode="r+")


def _take_place(file, size: int) -> None:
    """Extend an open file by `size` bytes that the disk is sure to have. Raises OSError when it has not."""
    start = file.tell()
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), start, size)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    block = bytes(1 << 20)
    for done in range(0, size, len(block)):
        file.write(block[: size - done])
    file.flush()


def _keep(dataset: Dataset, temporary: Path, pictures: Path, fingerprint: str, description: Path) -> None:
    """Write the columns, move the pictures into place, and last of all write the description; remove what it replaces."""
    columns = {name: getattr(dataset, name).numpy() for name in COLUMNS if getattr(dataset, name) is not None}
    table = write_atomically(pictures.with_suffix(".npz"), lambda file: np.savez(file, **columns))
    with open(temporary, "r+b") as file:  # a flush of the file reaches what was written through the map
        os.fsync(file.fileno())
    os.replace(temporary, pictures)
    about = {
        "version": VERSION,
        "fingerprint": fingerprint,
        "files": {path.name: path.stat().st_size for path in (pictures, table)},
        "source": dataset.source,
        "class_names": dataset.class_names,
        "attribute_names": dataset.attribute_names,
        "factor_names": dataset.factor_names,
    }
    text = json.dumps(about, ensure_ascii=False, indent=1).encode()
    write_atomically(description, lambda file: file.write(text))
    for old in description.parent.glob(f"{description.stem}.*.np[yz]"):
        if old.name not in about["files"]:
            _remove(old)


def _sweep(store: Path, key: str) -> None:
    """Remove temporary files that a killed process has left long ago."""
    for path in store.glob(f".{key}.*.part"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                _remove(path)
        except FileNotFoundError:
            continue


def _remove(path: Path) -> None:
    """Remove a file unless somebody else has it open, on systems where that matters."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        pass


def _disk_full(source: Source, needed: int, folder: Path) -> DataError:
    """Return the error that says how much place is needed, where, and what to do."""
    free = shutil.disk_usage(folder).free
    return DataError(
        f"The disk is full: {source.name} ({source.split}) needs {needed / 1e6:,.1f} MB in {folder / 'prepared'}, where "
        f"{free / 1e6:,.1f} MB are free. Free some space, or let VAE_COURSE_DATA name a folder on a larger disk."
    )
