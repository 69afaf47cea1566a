"""The prepared store: a Source goes in, its decoded images come out, memory-mapped; each is decoded only once.

    prepared/{key}.{fingerprint}.npy      the images, uint8 (N, C, H, W)
    prepared/{key}.npz                    labels, attributes, factors, names, and the fingerprint of the files it was made from

Every file is written under a temporary name and moved into place when it is whole, the .npz last. The .npy's name holds the
fingerprint, so that two processes at work at once, even from different sources, never mix their files.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.data.dataset import DataError, Dataset
from helpers.data.known import DISK_FULL, Source
from helpers.files import replacing, write_atomically

VERSION = 2
COLUMNS = ("labels", "attributes", "factors")
NAMES = ("class_names", "attribute_names", "factor_names")
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def open_prepared(source: Source, folder: Path, progress: bool = True) -> Dataset:
    """Return the source's images from the store in the data folder, memory-mapped; prepare them first where needed.

    The first time, and after every change of a file of the source, everything is decoded; `progress` shows a bar. In a folder
    that cannot be written to, the images are decoded into memory.
    Raises DataError when the source is not what it should be, or when the disk is full.
    """
    fingerprint, sizes = source.fingerprint(), [0]
    found = _open(source, folder, fingerprint)
    if found is not None:
        return found
    try:
        _prepare(source, folder / "prepared", fingerprint, progress, sizes)
    except OSError as error:
        if error.errno in READ_ONLY:
            return source.decode(progress)
        if error.errno not in DISK_FULL:
            raise
        free = shutil.disk_usage(folder).free
        raise DataError(
            f"The disk is full: {source.name} ({source.split}) needs {sizes[-1] / 1e6:,.1f} MB in {folder / 'prepared'}, where "
            f"{free / 1e6:,.1f} MB are free. Free some space, or let VAE_COURSE_DATA name a folder on a larger disk."
        ) from error
    return _open(source, folder, fingerprint) or source.decode(progress)


def is_prepared(source: Source, folder: Path) -> bool:
    """Return whether the store holds this source as it is now."""
    return _open(source, folder, source.fingerprint()) is not None


def _open(source: Source, folder: Path, fingerprint: str) -> Dataset | None:
    """Return what the store holds for this source, or None when it is missing, outdated or not whole."""
    store = folder / "prepared"
    try:
        with open(store / f"{source.key}.npz", "rb") as file, np.load(file) as table:
            about = json.loads(str(table["about"]))
            columns: dict[str, Any] = {name: torch.from_numpy(table[name]) for name in COLUMNS if name in table.files}
        if (about["version"], about["fingerprint"]) != (VERSION, fingerprint):
            return None
        images = np.load(_images_path(store, source, fingerprint), mmap_mode="c")  # copy on write: the file never changes
        columns |= {key: tuple(about[key]) for key in NAMES}
    except Exception:  # whatever is wrong with it, it is prepared anew
        return None
    return Dataset(source.name, source.split, torch.from_numpy(images[: about["count"]]), about["source"], True, **columns)


def _images_path(store: Path, source: Source, fingerprint: str) -> Path:
    return store / f"{source.key}.{fingerprint}.npy"


def _prepare(source: Source, store: Path, fingerprint: str, progress: bool, sizes: list[int]) -> None:
    """Decode the source into the store: the images first, the table last; then remove the images that they replace."""
    path = _images_path(store, source, fingerprint)
    with replacing(path) as temporary:

        def allocate(shape: tuple[int, ...]) -> np.ndarray:
            sizes.append(math.prod(shape))
            return _reserve(temporary, shape)

        dataset = source.decode(progress, allocate)
        about = {"version": VERSION, "fingerprint": fingerprint, "count": len(dataset), "source": dataset.source}
        dataset = replace(dataset, images=torch.empty(0))  # lets the map of the file go, so that it can be moved
        with open(temporary, "r+b") as file:  # this reaches what was written through the map
            os.fsync(file.fileno())
    columns = {name: getattr(dataset, name).numpy() for name in COLUMNS if getattr(dataset, name) is not None}
    about |= {name: getattr(dataset, name) for name in NAMES}
    try:
        write_atomically(store / f"{source.key}.npz", lambda file: np.savez(file, about=json.dumps(about), **columns))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    for old in set(store.glob(f"{source.key}.*.npy")) - {path}:
        with contextlib.suppress(PermissionError):  # on Windows another process may have it open
            old.unlink(missing_ok=True)


def _reserve(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a new uint8 array on the disk, mapped for writing, full of zeros.

    A mapped file whose blocks are not taken yet would kill the process, not raise an error, when the disk fills up.
    """
    with open(path, "xb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": tuple(shape)})
        for start in range(0, math.prod(shape), 1 << 20):
            file.write(bytes(min(1 << 20, math.prod(shape) - start)))
    return np.load(path, mmap_mode="r+")
