"""The prepared store: a Source goes in, its decoded images come out, memory-mapped; each is decoded only once.

    prepared/{key}.{fingerprint}.npy      the images, uint8 (N, C, H, W)
    prepared/{key}.npz                    labels, attributes, factors, names, and the fingerprint of the files it was made from

Every file is written under a temporary name and moved into place when it is whole. The .npy's name holds the fingerprint, so that
two processes at work at once, even from different sources, never mix their files.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.data.dataset import Dataset
from helpers.data.known import Source, writing
from helpers.files import replacing, write_atomically

VERSION = 2
COLUMNS = ("labels", "attributes", "factors")
NAMES = ("class_names", "attribute_names", "factor_names")


def open_prepared(source: Source, folder: Path, progress: bool = True) -> Dataset:
    """Return the source's images from the store in the data folder, memory-mapped; prepare them first where needed.

    The first time, and after every change of a file of the source, everything is decoded; `progress` shows a bar. In a folder
    that cannot be written to, the images are decoded into memory.
    Raises DataError when the source is not what it should be, or when the disk is full.
    """
    found = prepared(source, folder)
    if found is None:
        try:
            with writing(folder):
                _prepare(source, folder / "prepared", progress)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
    return found or prepared(source, folder) or source.decode(progress)


def prepared(source: Source, folder: Path) -> Dataset | None:
    """Return what the store holds for this source as it is now, or None when it is missing, outdated or not whole."""
    store, fingerprint = folder / "prepared", source.fingerprint()
    try:
        with open(store / f"{source.key}.npz", "rb") as file, np.load(file) as table:
            about = json.loads(str(table["about"]))
            columns: dict[str, Any] = {name: torch.from_numpy(table[name]) for name in COLUMNS if name in table.files}
        if (about["version"], about["fingerprint"]) != (VERSION, fingerprint):
            return None
        images = np.load(store / f"{source.key}.{fingerprint}.npy", mmap_mode="c")  # copy on write: the file never changes
        columns |= {key: tuple(about[key]) for key in NAMES}
    except Exception:  # whatever is wrong with it, it is prepared anew
        return None
    return Dataset(source.name, source.split, torch.from_numpy(images[: about["count"]]), about["source"], True, **columns)


def _prepare(source: Source, store: Path, progress: bool) -> None:
    """Decode the source into the store, then remove the images that they replace."""
    fingerprint = source.fingerprint()
    path = store / f"{source.key}.{fingerprint}.npy"
    with replacing(path) as temporary:
        dataset = source.decode(progress, lambda shape: _reserve(temporary, shape))
        about: dict[str, Any] = {"version": VERSION, "fingerprint": fingerprint, "count": len(dataset), "source": dataset.source}
        about |= {name: getattr(dataset, name) for name in NAMES}
        columns = {name: getattr(dataset, name).numpy() for name in COLUMNS if getattr(dataset, name) is not None}
        dataset = replace(dataset, images=torch.empty(0))  # lets the map of the file go, so that it can be moved
        with open(temporary, "r+b") as file:  # this reaches what was written through the map
            os.fsync(file.fileno())
        write_atomically(store / f"{source.key}.npz", lambda file: np.savez(file, about=json.dumps(about), **columns))
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
